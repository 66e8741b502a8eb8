/* decode.c - config.json into struct rb_spec: the readers, the dispatcher, the top level
 *
 * One pass over the tree in the order of the text. Each reader gets its type, the frame it is in, and where
 * the value goes; it knows nothing of the field.
 * A key that differs from a known one only in case is taken for it, as Go's decoder does; two such keys are
 * a duplicate. null counts as absent. An empty string counts as absent where Go's omitempty makes it so
 * (rb_t_text), and is a value elsewhere (rb_t_string).
 * Source: runtime-spec config.md; pure, no system calls.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode_priv.h"
#include "near_priv.h"
#include "runbox/fd.h"

/* A document of a million unknown keys gets no million lines. */
#define WARNINGS_MAX 64
/* Memory for one array. A text of 16 MiB can hold so many "{}" that their structs would take
 * gigabytes; no list of strings comes near. */
#define ITEMS_MAX_BYTES ((size_t)64 << 20)
/* Bytes of a value that a message shows. */
#define SHOW "%.80s"

/* --- where we are --- */

static void add_path(struct rb_buf *path, const struct rb_at *at)
{
	if (at->up)
		add_path(path, at->up);
	if (at->key)
		rb_json_path_key(path, at->key);
	else if (at->up)
		rb_json_path_index(path, at->index);
}

__attribute__((format(printf, 3, 0))) static int fail_va(struct rb_dec *d, const struct rb_at *at,
							 const char *fmt, va_list ap)
{
	struct rb_json_place place = { 0 };
	rb_autobuf path = { 0 };
	char what[sizeof(d->err->msg)];

	add_path(&path, at);
	rb_json_path_cut(&path);
	rb_json_locate(d->text, d->len, at->node->off, &place);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* cut short when too long */
	return rb_fail_at(d->err, path.data, "%s:%u:%u%s%s: %s", d->name, place.line, place.column,
			  path.data ? " " : "", path.data ? path.data : "", what);
}

int rb_dec_fail(struct rb_dec *d, const struct rb_at *at, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fail_va(d, at, fmt, ap);
	va_end(ap);
	return r;
}

static const struct rb_json *member(const struct rb_json *object, const char *key)
{
	for (const struct rb_json *c = object->type == RB_JSON_OBJECT ? object->child : NULL; c;
	     c = c->next) {
		if (rb_key_same(c->key, key))
			return c;
	}
	return NULL;
}

bool rb_dec_has(const struct rb_at *at, const char *key)
{
	const struct rb_json *c = member(at->node, key);

	return c && c->type != RB_JSON_NULL;
}

int rb_dec_fail_key(struct rb_dec *d, const struct rb_at *at, const char *key, const char *fmt, ...)
{
	const struct rb_json *node = member(at->node, key);
	struct rb_at here = { .up = at, .key = key, .node = node ? node : at->node };
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fail_va(d, &here, fmt, ap);
	va_end(ap);
	return r;
}

int rb_dec_fail_item(struct rb_dec *d, const struct rb_at *at, size_t index, const char *fmt, ...)
{
	const struct rb_json *node = rb_json_item(at->node, index);
	struct rb_at here = { .up = at, .index = index, .node = node ? node : at->node };
	va_list ap;
	int r;

	here.key = here.node->key; /* of a map */
	va_start(ap, fmt);
	r = fail_va(d, &here, fmt, ap);
	va_end(ap);
	return r;
}

static void add_warning(struct rb_dec *d, char *line)
{
	struct rb_strv *w = &d->spec->warnings;

	/* grown when the number is a power of two: room for the next as many, and for the NULL */
	if ((w->n & (w->n - 1)) == 0) {
		char **v = rb_arena_alloc(&d->spec->arena, (2 * w->n + 2) * sizeof(*v));

		if (w->n)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
	}
	w->v[w->n++] = line;
}

static void warn_at_off(struct rb_dec *d, const struct rb_at *at, size_t off, const char *what)
{
	rb_autobuf path = { 0 };

	if (d->spec->warnings.n > WARNINGS_MAX)
		return;
	if (d->spec->warnings.n == WARNINGS_MAX) {
		add_warning(d, rb_arena_printf(&d->spec->arena, "%s: more warnings are left out",
					       d->name));
		return;
	}
	add_path(&path, at);
	rb_json_path_cut(&path);
	rb_json_locate(d->text, d->len, off, &d->place);
	add_warning(d, rb_arena_printf(&d->spec->arena, "%s:%u:%u%s%s: %s", d->name, d->place.line,
				       d->place.column, path.data ? " " : "",
				       path.data ? path.data : "", what));
}

void rb_dec_warn(struct rb_dec *d, const struct rb_at *at, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* cut short when too long */
	va_end(ap);
	warn_at_off(d, at, at->node->off, what);
}

int rb_dec_unknown(struct rb_dec *d, const struct rb_at *at, const struct rb_name *names,
		   const char *word)
{
	const char *near = rb_name_near(names, word);

	return rb_dec_fail(d, at, "unknown value \"" SHOW "\"%s%s%s", word,
			   near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* --- readers of one value --- */

static int wrong_type(struct rb_dec *d, const struct rb_at *at, const char *wanted)
{
	return rb_dec_fail(d, at, "must be %s, not %s", wanted, rb_json_type_name(at->node->type));
}

static int run_check(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		     void *value, size_t n)
{
	return type->check ? type->check(d, at, value, n) : 0;
}

int rb_read_bool(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		 size_t *extra)
{
	(void)type, (void)extra;
	if (at->node->type != RB_JSON_BOOL)
		return wrong_type(d, at, "true or false");
	*(bool *)value = at->node->truth;
	return 0;
}

int rb_read_string(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		   void *value, size_t *extra)
{
	(void)extra;
	if (at->node->type != RB_JSON_STRING)
		return wrong_type(d, at, "a string");
	*(const char **)value = at->node->text;
	return run_check(d, at, type, value, 1);
}

int rb_read_text(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		 size_t *extra)
{
	if (at->node->type == RB_JSON_STRING && !*at->node->text)
		return 0;
	return rb_read_string(d, at, type, value, extra);
}

static void store(void *value, size_t size, uint64_t v)
{
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (size) {
	case 1:
		*(char *)value = (char)v;
		break;
	case 2:
		memcpy(value, &v16, size);
		break;
	case 4:
		memcpy(value, &v32, size);
		break;
	default:
		memcpy(value, &v, sizeof(v));
		break;
	}
}

static int out_of_range(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type)
{
	if (type->min < 0)
		return rb_dec_fail(
			d, at, SHOW " is out of range, must be a whole number from %lld to %llu",
			at->node->text, (long long)type->min, (unsigned long long)type->max);
	return rb_dec_fail(d, at, SHOW " is out of range, must be a whole number from %llu to %llu",
			   at->node->text, (unsigned long long)type->min,
			   (unsigned long long)type->max);
}

int rb_read_uint(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		 size_t *extra)
{
	uint64_t v;

	(void)extra;
	if (at->node->type != RB_JSON_NUMBER)
		return wrong_type(d, at, "a whole number");
	if (rb_parse_u64(at->node->text, &v) < 0 || v > type->max || v < (uint64_t)type->min)
		return out_of_range(d, at, type);
	store(value, type->size, v);
	return run_check(d, at, type, value, 1);
}

int rb_read_int(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		size_t *extra)
{
	int64_t v;

	(void)extra;
	if (at->node->type != RB_JSON_NUMBER)
		return wrong_type(d, at, "a whole number");
	if (rb_parse_i64(at->node->text, &v) < 0 || v > (int64_t)type->max || v < type->min)
		return out_of_range(d, at, type);
	store(value, type->size, (uint64_t)v);
	return run_check(d, at, type, value, 1);
}

/* digits[.digits], as much as an amount of milliseconds or per cent needs; strtod(3) would ask the locale */
int rb_parse_decimal(const char *s, double *ret)
{
	double v = 0, unit = 1;
	bool point = false;

	for (; *s; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (*s - '0');
		unit *= point ? 10 : 1;
	}
	*ret = v / unit;
	return 0;
}

int rb_read_double(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		   void *value, size_t *extra)
{
	double v;

	(void)extra;
	if (at->node->type != RB_JSON_NUMBER)
		return wrong_type(d, at, "a number");
	if (strlen(at->node->text) > 32 || rb_parse_decimal(at->node->text, &v) < 0 ||
	    v > (double)type->max)
		return rb_dec_fail(d, at, SHOW " is out of range, must be a decimal from 0 to %llu",
				   at->node->text, (unsigned long long)type->max);
	*(double *)value = v;
	return 0;
}

int rb_read_enum(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		 size_t *extra)
{
	const struct rb_name *name;

	(void)extra;
	if (at->node->type != RB_JSON_STRING)
		return wrong_type(d, at, "a string");
	name = rb_name_find(type->names, at->node->text);
	if (!name)
		return rb_dec_unknown(d, at, type->names, at->node->text);
	store(value, type->size, name->value);
	return 0;
}

int rb_read_enum_opt(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		     void *value, size_t *extra)
{
	if (at->node->type == RB_JSON_STRING && !*at->node->text)
		return 0;
	return rb_read_enum(d, at, type, value, extra);
}

/* An array of words, each a bit: all of them together. */
int rb_read_flags(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		  size_t *extra)
{
	struct rb_type word = { .names = type->names, .size = sizeof(uint64_t) };
	struct rb_at here = { .up = at };
	uint64_t all = 0;

	if (at->node->type != RB_JSON_ARRAY)
		return wrong_type(d, at, "an array");
	for (here.node = at->node->child; here.node; here.node = here.node->next, here.index++) {
		uint64_t bit = 0;

		if (rb_read_enum(d, &here, &word, &bit, extra) < 0)
			return -EINVAL;
		all |= bit;
	}
	store(value, type->size, all);
	return 0;
}

/* Room for the elements of an array or map; one more, zeroed: vectors of strings end in NULL.
 * Return: NULL, with the failure reported, when it would be too much. */
static char *alloc_items(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type)
{
	if (at->node->n >= ITEMS_MAX_BYTES / type->size) {
		(void)rb_dec_fail(d, at, "has too many elements"); /* the caller returns -EINVAL */
		return NULL;
	}
	return rb_arena_alloc(&d->spec->arena, (at->node->n + (size_t)1) * type->size);
}

int rb_read_array(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		  size_t *extra)
{
	struct rb_at here = { .up = at };
	char *items;

	if (at->node->type != RB_JSON_ARRAY)
		return wrong_type(d, at, "an array");
	items = alloc_items(d, at, type);
	if (!items)
		return -EINVAL;
	for (here.node = at->node->child; here.node; here.node = here.node->next, here.index++) {
		if (type->item->read(d, &here, type->item, items + here.index * type->size, NULL) <
		    0)
			return -EINVAL;
	}
	*(void **)value = items;
	*extra = at->node->n;
	return run_check(d, at, type, items, at->node->n);
}

/* An object with keys of the user's own: an array of elements that begin with the key. */
int rb_read_map(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		size_t *extra)
{
	struct rb_at here = { .up = at };
	char *items, *item;

	if (at->node->type != RB_JSON_OBJECT)
		return wrong_type(d, at, "an object");
	items = alloc_items(d, at, type);
	if (!items)
		return -EINVAL;
	item = items;
	for (here.node = at->node->child; here.node;
	     here.node = here.node->next, item += type->size) {
		here.key = here.node->key;
		memcpy(item, &here.key, sizeof(here.key));
		if (type->item->read(d, &here, type->item, item + type->item_off, NULL) < 0)
			return -EINVAL;
	}
	*(void **)value = items;
	*extra = at->node->n;
	return run_check(d, at, type, items, at->node->n);
}

/* --- objects --- */

bool rb_key_same(const char *a, const char *b)
{
	for (;; a++, b++) {
		char x = *a >= 'A' && *a <= 'Z' ? (char)(*a | 0x20) : *a;
		char y = *b >= 'A' && *b <= 'Z' ? (char)(*b | 0x20) : *b;

		if (x != y)
			return false;
		if (!x)
			return true;
	}
}

static const struct rb_field *find_field(const struct rb_field *fields, const char *key)
{
	for (const struct rb_field *f = fields; f->key; f++) {
		if (rb_streq(f->key, key))
			return f;
	}
	for (const struct rb_field *f = fields; f->key; f++) {
		if (rb_key_same(f->key, key))
			return f;
	}
	return NULL;
}

/* config.md "Extensibility": runtimes MUST NOT fail on a property they do not know. */
static void warn_unknown_key(struct rb_dec *d, const struct rb_at *at,
			     const struct rb_field *fields)
{
	struct rb_near near = { .word = at->key };
	char what[128];

	for (const struct rb_field *f = fields; f->key; f++)
		rb_near_try(&near, f->key);
	(void)snprintf(what, sizeof(what), "unknown key, ignored%s%s%s",
		       near.best ? ", did you mean \"" : "", near.best ? near.best : "",
		       near.best ? "\"?" : "");
	warn_at_off(d, at, at->node->key_off, what);
}

static int read_field(struct rb_dec *d, const struct rb_at *at, const struct rb_field *f,
		      char *base)
{
	/* what is not kept goes here; as large as the largest value that is no object */
	struct {
		uint64_t value;
		size_t n;
	} unused;
	size_t *count = NULL;

	if (f->flags & RB_UNUSED)
		return f->type->read(d, at, f->type, &unused.value, &unused.n);
	if (f->flags & RB_COUNT)
		count = (size_t *)(void *)(base + f->extra);
	if (f->type->read(d, at, f->type, base + f->off, count) < 0)
		return -EINVAL;
	if (f->flags & RB_HAS)
		*(bool *)(base + f->extra) = true;
	return 0;
}

static int check_required(struct rb_dec *d, const struct rb_at *at, const struct rb_field *fields,
			  uint64_t seen)
{
	for (size_t i = 0; fields[i].key; i++) {
		if ((fields[i].flags & RB_REQUIRED) && !(seen & UINT64_C(1) << i))
			return rb_dec_fail(d, at, "\"%s\" is missing", fields[i].key);
	}
	return 0;
}

int rb_read_object(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		   void *value, size_t *extra)
{
	struct rb_at here = { .up = at };
	uint64_t keys = 0, values = 0;

	(void)extra;
	if (at->node->type != RB_JSON_OBJECT)
		return wrong_type(d, at, "an object");
	for (here.node = at->node->child; here.node; here.node = here.node->next) {
		const struct rb_field *f;
		uint64_t bit;

		here.key = here.node->key;
		f = find_field(type->fields, here.key);
		if (!f) {
			warn_unknown_key(d, &here, type->fields);
			continue;
		}
		bit = UINT64_C(1) << (f - type->fields);
		if (keys & bit)
			return rb_dec_fail(d, &here,
					   "duplicate key, \"%s\" is there in other letter case",
					   f->key);
		keys |= bit;
		if (here.node->type == RB_JSON_NULL)
			continue;
		values |= bit;
		here.key = f->key; /* the path is spelled as the spec has it */
		if (read_field(d, &here, f, value) < 0)
			return -EINVAL;
	}
	if (check_required(d, at, type->fields, values) < 0)
		return -EINVAL;
	return run_check(d, at, type, value, 1);
}

/* An object whose keys are the names of a table: element number names[].value of an array of lists. */
int rb_read_named(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type, void *value,
		  size_t *extra)
{
	struct {
		void *v;
		size_t n;
	} *lists = value;
	struct rb_field fields[16] = { { 0 } };
	struct rb_type as_object = { .fields = fields };

	for (size_t i = 0; type->names[i].name && i + 1 < sizeof(fields) / sizeof(fields[0]); i++)
		fields[i] = (struct rb_field) {
			.key = type->names[i].name,
			.type = type->item,
			.off = (uint16_t)(type->names[i].value * sizeof(*lists)),
			.flags = RB_COUNT,
			.extra = (uint16_t)(type->names[i].value * sizeof(*lists) + sizeof(void *)),
		};
	return rb_read_object(d, at, &as_object, value, extra);
}

/* --- types of many tables --- */

int rb_check_nonempty(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return **(const char **)value ? 0 : rb_dec_fail(d, at, "must not be empty");
}

int rb_check_list_nonempty(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)value;
	return n ? 0 : rb_dec_fail(d, at, "must have at least one element");
}

static int check_abspath(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *path = *(const char **)value;

	(void)n;
	return *path == '/' ? 0 : rb_dec_fail(d, at, "\"" SHOW "\" must be an absolute path", path);
}

static int check_cpu_list(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *list = *(const char **)value;

	(void)n;
	return rb_is_cpu_list(list)
		       ? 0
		       : rb_dec_fail(d, at, "\"" SHOW "\" is not a list like \"0-3,7\"", list);
}

static int check_ifname(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *name = *(const char **)value;

	(void)n;
	return rb_is_ifname(name)
		       ? 0
		       : rb_dec_fail(d, at, "\"" SHOW "\" cannot be the name of a network device",
				     name);
}

const struct rb_type rb_t_bool = { .name = "bool", .read = rb_read_bool, .size = sizeof(bool) };
const struct rb_type rb_t_string = RB_STRING(rb_read_string, NULL);
const struct rb_type rb_t_text = RB_STRING(rb_read_text, NULL);
const struct rb_type rb_t_abspath = RB_STRING(rb_read_string, check_abspath);
const struct rb_type rb_t_abspath_opt = RB_STRING(rb_read_text, check_abspath);
const struct rb_type rb_t_cpu_list = RB_STRING(rb_read_text, check_cpu_list);
const struct rb_type rb_t_ifname = RB_STRING(rb_read_string, check_ifname);
const struct rb_type rb_t_ifname_opt = RB_STRING(rb_read_text, check_ifname);
const struct rb_type rb_t_u16 = RB_UINT("uint16", 2, UINT16_MAX);
const struct rb_type rb_t_u32 = RB_UINT("uint32", 4, UINT32_MAX);
const struct rb_type rb_t_u64 = RB_UINT("uint64", 8, UINT64_MAX);
/* a user or group id: the last one means "leave as it is" to chown(2) and setresuid(2) */
const struct rb_type rb_t_id = RB_UINT("uint32", 4, UINT32_MAX - 1);
const struct rb_type rb_t_i32 = RB_INT("int32", 4, INT32_MIN, INT32_MAX);
const struct rb_type rb_t_i64 = RB_INT("int64", 8, INT64_MIN, INT64_MAX);
const struct rb_type rb_t_double = {
	.name = "double", .read = rb_read_double, .size = 8, .max = UINT32_MAX
};

const struct rb_type rb_t_strings = RB_ARRAY(&rb_t_string, char *, NULL);
const struct rb_type rb_t_abspaths = RB_ARRAY(&rb_t_abspath, char *, NULL);
const struct rb_type rb_t_string_map = {
	.name = "map",
	.read = rb_read_map,
	.size = sizeof(struct rb_kv),
	.item = &rb_t_string,
	.item_off = offsetof(struct rb_kv, value),
};

/* --- the top level --- */

static int check_version(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *version = *(const char **)value;
	uint64_t major;

	(void)n;
	if (rb_parse_semver(version, &major) < 0)
		return rb_dec_fail(d, at, "\"" SHOW "\" is not a version like \"1.3.0\"", version);
	if (major > 1)
		return rb_dec_fail(d, at, "version " SHOW " is not supported, only 1.x is",
				   version);
	if (major < 1)
		rb_dec_warn(d, at, "version " SHOW " is older than 1.0.0, it is read as 1.x",
			    version);
	return 0;
}

static int check_nodename(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *name = *(const char **)value;

	(void)n;
	/* __NEW_UTS_LEN of sethostname(2) and setdomainname(2) */
	return strlen(name) <= 64 ? 0 : rb_dec_fail(d, at, "must be no longer than 64 bytes");
}

static const struct rb_type t_version = RB_STRING(rb_read_string, check_version);
static const struct rb_type t_nodename = RB_STRING(rb_read_text, check_nodename);
static const struct rb_type t_root_path = RB_STRING(rb_read_string, rb_check_nonempty);

static const struct rb_field root_fields[] = {
	RB_F("path", struct rb_spec, root_path, &t_root_path, RB_REQUIRED),
	RB_F("readonly", struct rb_spec, root_readonly, &rb_t_bool, 0),
	{ 0 },
};
static const struct rb_type t_root = RB_OBJECT(root_fields, struct rb_spec, NULL);

static const struct rb_field spec_fields[] = {
	RB_F("ociVersion", struct rb_spec, oci_version, &t_version, RB_REQUIRED),
	/* members of root lie in rb_spec itself */
	{ "root", &t_root, 0, RB_HAS, offsetof(struct rb_spec, has_root) },
	RB_F("hostname", struct rb_spec, hostname, &t_nodename, 0),
	RB_F("domainname", struct rb_spec, domainname, &t_nodename, 0),
	RB_F_HAS("process", struct rb_spec, process, process.present, &rb_t_process, 0),
	RB_F_LIST("mounts", struct rb_spec, mounts, n_mounts, &rb_t_mounts, 0),
	RB_F("hooks", struct rb_spec, hooks, &rb_t_hooks, 0),
	RB_F_LIST("annotations", struct rb_spec, annotations.v, annotations.n, &rb_t_string_map, 0),
	RB_F_HAS("linux", struct rb_spec, linux_, linux_.present, &rb_t_linux, 0),
	RB_F_HAS("runbox", struct rb_spec, ext, ext.present, &rb_t_ext, 0),
	RB_F_UNUSED("solaris", &rb_t_solaris, 0),
	RB_F_UNUSED("windows", &rb_t_windows, 0),
	RB_F_UNUSED("vm", &rb_t_vm, 0),
	RB_F_UNUSED("zos", &rb_t_zos, 0),
	RB_F_UNUSED("freebsd", &rb_t_freebsd, 0),
	{ 0 },
};

/* The extension object as text, from engines that can only pass annotations. */
static int read_ext_annotation(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	static const char key[] = "org.runbox.config";
	struct rb_spec *spec = value;

	(void)n;
	for (size_t i = 0; i < spec->annotations.n; i++) {
		const char *text = spec->annotations.v[i].value;
		struct rb_dec inner = { .name = "annotation org.runbox.config",
					.text = text,
					.spec = spec,
					.err = d->err };

		if (!rb_streq(spec->annotations.v[i].key, key))
			continue;
		if (spec->ext.present)
			return rb_dec_fail_key(d, at, "runbox",
					       "given here and in the annotation %s", key);
		inner.len = strlen(text);
		if (rb_dec_document(&inner, &rb_t_ext, "runbox", &spec->ext) < 0)
			return -EINVAL;
		spec->ext.present = true;
	}
	return 0;
}

const struct rb_type rb_t_spec = RB_OBJECT(spec_fields, struct rb_spec, read_ext_annotation);

int rb_dec_document(struct rb_dec *d, const struct rb_type *type, const char *root, void *value)
{
	rb_autoarena nodes = { 0 };
	struct rb_json *node;
	struct rb_at at = { .key = root };

	if (rb_json_parse(&nodes, &d->spec->arena, d->name, d->text, d->len, &node, d->err) < 0)
		return -EINVAL;
	at.node = node;
	return type->read(d, &at, type, value, NULL);
}

static int decode(const char *name, const char *text, size_t len, const struct rb_type *type,
		  void *value, struct rb_spec *spec, struct rb_err *err)
{
	struct rb_err mine = { 0 };
	struct rb_dec d = {
		.name = name, .text = text, .len = len, .spec = spec, .err = err ? err : &mine
	};

	return rb_dec_document(&d, type, NULL, value);
}

int rb_spec_decode(const char *name, const char *text, size_t len, struct rb_spec *spec,
		   struct rb_err *err)
{
	return decode(name, text, len, &rb_t_spec, spec, spec, err);
}

int rb_spec_decode_process(const char *name, const char *text, size_t len, struct rb_spec *spec,
			   struct rb_err *err)
{
	if (decode(name, text, len, &rb_t_process, &spec->process, spec, err) < 0)
		return -EINVAL;
	spec->process.present = true;
	return 0;
}

int rb_spec_decode_resources(const char *name, const char *text, size_t len, struct rb_spec *spec,
			     struct rb_err *err)
{
	if (decode(name, text, len, &rb_t_resources, &spec->linux_.resources, spec, err) < 0)
		return -EINVAL;
	spec->linux_.resources.present = true;
	return 0;
}

void rb_spec_done(struct rb_spec *spec)
{
	rb_arena_done(&spec->arena);
	memset(spec, 0, sizeof(*spec));
}

const struct rb_namespace *rb_spec_namespace(const struct rb_spec *spec, unsigned long flag)
{
	for (size_t i = 0; i < spec->linux_.n_namespaces; i++) {
		if (rb_ns_types[spec->linux_.namespaces[i].type].flag == flag)
			return &spec->linux_.namespaces[i];
	}
	return NULL;
}
