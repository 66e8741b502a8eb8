/* compile_scope.c - the systemd manager: the container's cgroup is that of a transient scope
 *
 * cgroupsPath is "slice:prefix:name", as engines pass it together with --systemd-cgroup. Annotations
 * org.systemd.property.NAME set properties of the scope. They may come from whoever describes a pod, so only
 * those of the table below are taken, which neither run anything nor start other units (CVE-2024-3154).
 * Sources: systemd.unit(5), systemd.slice(5), systemd.scope(5), systemd.kill(5).
 */
#include "compile_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AT	   "linux.cgroupsPath"
#define ANNOTATION "org.systemd.property."
#define UNIT_NAME  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
#define UNIT_MAX   255 /* systemd's UNIT_NAME_MAX */

/* --- names --- */

static int check_name(const char *name, const char *what, struct rb_err *err)
{
	if (!*name || strspn(name, UNIT_NAME) != strlen(name) || strlen(name) > UNIT_MAX)
		return rb_fail_at(err, AT, "%s \"%.128s\" is not the name of a unit of systemd",
				  what, name);
	return 0;
}

/* systemd.slice(5): "a-b.slice" lies in "a.slice"; "-.slice" is the root. */
static int slice_path(struct compile *c, const char *slice, const char **ret, struct rb_err *err)
{
	size_t len = strlen(slice);
	rb_autobuf path = { 0 };
	int r = check_name(slice, "the slice", err);

	if (r < 0)
		return r;
	if (rb_streq(slice, "-.slice")) {
		*ret = "";
		return 0;
	}
	if (len <= 6 || !rb_streq(slice + len - 6, ".slice") || *slice == '-' ||
	    slice[len - 7] == '-' || strstr(slice, "--"))
		return rb_fail_at(err, AT, "\"%.128s\" is not the name of a slice", slice);
	for (size_t i = 0; i < len; i++)
		if (slice[i] == '-' || i == len - 6)
			rb_buf_printf(&path, "/%.*s.slice", (int)i, slice);
	*ret = rb_arena_strdup(c->arena, path.data);
	return 0;
}

/* Where the user's own manager keeps its units: below its service, in which this process as a rule is. */
static const char *user_root(struct compile *c)
{
	const char *own = NULL, *service;

	for (size_t i = 0; i < c->host->n_hierarchies; i++)
		if (c->host->hierarchies[i].v2 ||
		    rb_streq(c->host->hierarchies[i].name, "name=systemd"))
			own = c->host->hierarchies[i].own;
	service = own ? strstr(own, "/user@") : NULL;
	if (service) {
		const char *end = strchr(service + 1, '/');

		return end ? rb_arena_strndup(c->arena, own, (size_t)(end - own)) : own;
	}
	return rb_arena_printf(c->arena, "/user.slice/user-%u.slice/user@%u.service", c->host->euid,
			       c->host->euid);
}

/* "slice:prefix:name" into its parts. */
static int split_path(struct compile *c, const char **slice, const char **unit, struct rb_err *err)
{
	const char *path = c->spec->linux_.cgroups_path;
	const char *first, *second;

	*slice = c->rootless ? "user.slice" : "system.slice";
	if (!path || !*path) {
		*unit = rb_arena_printf(c->arena, "runbox-%s.scope", c->plan->id);
		return 0;
	}
	first = strchr(path, ':');
	second = first ? strchr(first + 1, ':') : NULL;
	if (!second) {
		(void)rb_fail_at(err, AT, "cgroupsPath %s is not slice:prefix:name", path);
		return rb_err_hint(
			err, "that is what the systemd manager takes, as system.slice:runbox:ID");
	}
	if (first != path)
		*slice = rb_arena_strndup(c->arena, path, (size_t)(first - path));
	if (second != first + 1)
		*unit = rb_arena_printf(c->arena, "%.*s-%s.scope", (int)(second - first - 1),
					first + 1, second + 1);
	else
		*unit = rb_arena_printf(c->arena, "%s.scope", second + 1);
	return second[1] ? 0 : rb_fail_at(err, AT, "cgroupsPath %s has no name", path);
}

/* --- properties --- */

static const struct property {
	const char *name;
	char type; /* of struct rb_sd_prop */
} properties[] = {
	{ "After", 'A' },
	{ "Before", 'A' },
	{ "CPUWeight", 't' },
	{ "CollectMode", 's' },
	{ "DefaultDependencies", 'b' },
	{ "Description", 's' },
	{ "IOWeight", 't' },
	{ "KillMode", 's' },
	{ "KillSignal", 'i' },
	{ "ManagedOOMMemoryPressure", 's' },
	{ "ManagedOOMPreference", 's' },
	{ "ManagedOOMSwap", 's' },
	{ "MemoryHigh", 't' },
	{ "MemoryLow", 't' },
	{ "MemoryMax", 't' },
	{ "MemoryMin", 't' },
	{ "MemorySwapMax", 't' },
	{ "OOMPolicy", 's' },
	{ "RuntimeMaxUSec", 't' },
	{ "SendSIGHUP", 'b' },
	{ "SendSIGKILL", 'b' },
	{ "StartupCPUWeight", 't' },
	{ "StartupIOWeight", 't' },
	{ "TasksMax", 't' },
	{ "TimeoutStopUSec", 't' },
};

static const struct property *find_property(const char *name)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (rb_streq(properties[i].name, name))
			return &properties[i];
	return NULL;
}

/* GVariant text: 'x' or "x", without escapes, which no name and no word of systemd needs. */
static int parse_string(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text);

	if (len < 2 || (*text != '\'' && *text != '"') || text[len - 1] != *text || len - 1 > size)
		return -EINVAL;
	memcpy(buf, text + 1, len - 2);
	buf[len - 2] = '\0';
	return strpbrk(buf, "'\"\\\n") ? -EINVAL : 0;
}

static int parse_list(struct compile *c, const char *text, char *buf, size_t size)
{
	size_t len = strlen(text);

	if (len < 2 || *text != '[' || text[len - 1] != ']')
		return -EINVAL;
	return parse_string(rb_arena_strndup(c->arena, text + 1, len - 2), buf, size);
}

/* "uint64 5", "5"; the type in front says what is known already */
static int parse_number(const char *text, bool is_signed, uint64_t *ret)
{
	const char *types[] = { "uint64 ", "uint32 ", "int64 ", "int32 " };
	int64_t v;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (rb_startswith(text, types[i])) {
			text += strlen(types[i]);
			break;
		}
	if (!is_signed)
		return rb_parse_u64(text, ret);
	if (rb_parse_i64(text, &v) < 0 || v < INT32_MIN || v > INT32_MAX)
		return -EINVAL;
	*ret = (uint64_t)v;
	return 0;
}

static int parse_value(struct compile *c, const char *text, struct rb_sd_prop *p)
{
	switch (p->type) {
	case 's':
		return parse_string(text, p->text, sizeof(p->text));
	case 'A':
		return parse_list(c, text, p->text, sizeof(p->text));
	case 'b':
		p->number = rb_streq(text, "true");
		return p->number || rb_streq(text, "false") ? 0 : -EINVAL;
	default:
		return parse_number(text, p->type == 'i', &p->number);
	}
}

/* Times may be written in seconds: "TimeoutStopSec" is TimeoutStopUSec, a million times as large. */
static int read_property(struct compile *c, const char *name, const char *text,
			 struct rb_sd_prop *p, struct rb_err *err)
{
	const char *at = rb_arena_printf(c->arena, "annotations[\"%s%s\"]", ANNOTATION, name);
	const struct property *known = find_property(name);
	size_t len = strlen(name);
	bool seconds = false;

	if (!known && len > 3 && rb_streq(name + len - 3, "Sec")) {
		known = find_property(rb_arena_printf(c->arena, "%.*sUSec", (int)(len - 3), name));
		seconds = known != NULL;
	}
	if (!known)
		return rb_fail_at(err, at, "%s is not a property that an annotation may set", name);
	p->type = known->type;
	memcpy(p->name, known->name, strlen(known->name) + 1);
	if (parse_value(c, text, p) < 0 ||
	    (seconds && __builtin_mul_overflow(p->number, 1000000u, &p->number)))
		return rb_fail_at(err, at, "%.64s is no value for %s", text, name);
	return 0;
}

static int read_properties(struct compile *c, struct rb_err *err)
{
	const struct rb_kvs *annotations = &c->spec->annotations;
	const size_t max = RB_SD_MAX_PROPS / 2; /* the other half is for the limits */

	c->scope.props = rb_arena_alloc(c->arena, max * sizeof(*c->scope.props));
	for (size_t i = 0; i < annotations->n; i++) {
		const char *key = annotations->v[i].key;
		int r;

		if (!rb_startswith(key, ANNOTATION))
			continue;
		if (c->scope.n_props == max)
			return rb_fail_at(err, "annotations", "more than %zu properties of systemd",
					  max);
		r = read_property(c, key + strlen(ANNOTATION), annotations->v[i].value,
				  &c->scope.props[c->scope.n_props++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what compile_priv.h promises --- */

int compile_scope(struct compile *c, const char **ret_path, struct rb_err *err)
{
	const char *unit = "", *slice = "", *path = "";
	int r = split_path(c, &slice, &unit, err);

	if (r == 0)
		r = check_name(unit, "the scope", err);
	if (r == 0)
		r = slice_path(c, slice, &path, err);
	if (r == 0)
		r = read_properties(c, err);
	if (r < 0)
		return r;
	c->scope.unit = unit;
	c->scope.slice = slice;
	c->scope.user = c->rootless;
	*ret_path =
		rb_arena_printf(c->arena, "%s%s/%s", c->rootless ? user_root(c) : "", path, unit);
	return 0;
}

/** emit_scope() - before the cgroups: systemd makes that of its own hierarchy */
int emit_scope(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!c->scope.unit || !c->n_dirs)
		return 0;
	step = compile_add(c, RB_STEP_SCOPE, c->spec->linux_.cgroups_path ? AT : NULL);
	step->u.scope.scope = c->scope;
	step->u.scope.dirs = c->dirs;
	step->u.scope.n = c->n_dirs;
	step->u.scope.res = &c->spec->linux_.resources;
	return 0;
}
