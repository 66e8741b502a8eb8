/* json.c - JSON text into a tree in an arena
 *
 * The only file that knows yajl. yajl's streaming parser finds the tokens; this file builds the
 * tree, keeps the place of each value and holds the limits of json.h. What yajl does not check
 * (overlong UTF-8, lone surrogates, \u0000) is looked for in one pass over the text before yajl
 * sees it; so yajl's own decoding of a cut surrogate pair, which once read past its buffer
 * (CVE-2017-16516), is never reached.
 * Source: RFC 8259; yajl_parse.h.
 */
#include "runbox/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "runbox/err.h"

#define NODES_PER_CHUNK 64
/* Up to so many keys are compared each with each, more are sorted. */
#define FEW_KEYS 8

struct level {
	struct rb_json *node;
	struct rb_json **tail; /* where the next child goes */
};

struct parser {
	struct rb_arena *nodes;
	struct rb_json *chunk;
	size_t chunk_left;
	char *pool; /* every string, NUL-terminated one after the other */
	const char *name, *text;
	size_t len;
	size_t end;    /* of the last token */
	bool complete; /* all text was given to yajl */
	yajl_handle yajl;
	struct level stack[RB_JSON_MAX_DEPTH];
	size_t depth;
	const char *key; /* of the value to come */
	uint32_t key_off;
	struct rb_json *root;
	struct rb_err *err;
};

static void path_of(const struct parser *p, struct rb_buf *path)
{
	for (size_t i = 1; i < p->depth; i++) {
		if (p->stack[i].node->key)
			rb_json_path_key(path, p->stack[i].node->key);
		else
			rb_json_path_index(path, p->stack[i - 1].node->n - 1);
	}
}

static int fail_at(const struct parser *p, size_t off, const char *why, const char *what)
{
	struct rb_json_place place = { 0 };
	rb_autobuf path = { 0 };

	path_of(p, &path);
	rb_json_path_cut(&path);
	rb_json_locate(p->text, p->len, off, &place);
	return rb_fail_at(p->err, path.data, "%s:%u:%u%s%s: %s%s%s%s", p->name, place.line,
			  place.column, path.data ? " " : "", path.data ? path.data : "", why,
			  what ? " \"" : "", what ? what : "", what ? "\"" : "");
}

/* --- what yajl leaves unchecked --- */

static int hex4(const unsigned char *s)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int digit;

		if (s[i] >= '0' && s[i] <= '9')
			digit = s[i] - '0';
		else if ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f')
			digit = (s[i] | 0x20) - 'a' + 10;
		else
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* An escape at s, of which `left` bytes remain: how long it is; 0 and *why if it is not allowed. What is
 * malformed in other ways is left to yajl. */
static size_t escape_len(const unsigned char *s, size_t left, const char **why)
{
	int code;

	if (left < 6 || s[1] != 'u')
		return left < 2 ? left : 2;
	code = hex4(s + 2);
	if (code == 0) {
		*why = "a string must not contain NUL (\\u0000)";
		return 0;
	}
	if (code < 0xd800 || code > 0xdfff)
		return 6;
	if (code < 0xdc00 && left >= 12 && s[6] == '\\' && s[7] == 'u' &&
	    (hex4(s + 8) & ~0x3ff) == 0xdc00)
		return 12;
	*why = "half of a surrogate pair (\\ud800 to \\udfff) alone is no character";
	return 0;
}

/* The bytes at s as one UTF-8 sequence (RFC 3629): its length, 0 if it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* Eight bytes of ASCII with neither a NUL nor a backslash among them. A byte of v is zero where
 * subtracting 1 borrows. */
static bool is_plain(const unsigned char *s)
{
	const uint64_t ones = UINT64_MAX / 255, backslashes = ones * '\\';
	uint64_t v, x;

	memcpy(&v, s, sizeof(v));
	x = v ^ backslashes;
	return ((v | ((v - ones) & ~v) | ((x - ones) & ~x)) & ones << 7) == 0;
}

static int check_text(const struct parser *p)
{
	const unsigned char *s = (const unsigned char *)p->text;
	const char *why = NULL;
	size_t i = 0;

	while (i < p->len) {
		size_t n = 1;

		if (p->len - i >= sizeof(uint64_t) && is_plain(s + i)) {
			n = sizeof(uint64_t);
		} else if (s[i] == '\\') {
			n = escape_len(s + i, p->len - i, &why);
		} else if (s[i] >= 0x80) {
			n = utf8_len(s + i, p->len - i);
			why = "the text is not valid UTF-8";
		} else if (s[i] == '\0') {
			n = 0;
			why = "the text contains a NUL byte";
		}
		if (n == 0)
			return fail_at(p, i, why, NULL);
		i += n;
	}
	return 0;
}

/* --- building the tree --- */

static bool is_between(char c)
{
	static const uint64_t set = 1ull << ' ' | 1ull << '\t' | 1ull << '\n' | 1ull << '\r' |
				    1ull << ',' | 1ull << ':';

	return (unsigned char)c < 64 && set >> c & 1;
}

/* Where the token begins that yajl just reported: the first byte after the last token that is not
 * white space or punctuation. Remembers where it ends. */
static uint32_t token_off(struct parser *p)
{
	const char *at = p->text + p->end, *end = p->text + p->len;

	for (;; at++) {
		while (at < end && *at == ' ') /* most of what is between */
			at++;
		if (at == end || !is_between(*at))
			break;
	}
	p->end = p->complete ? p->len : yajl_get_bytes_consumed(p->yajl);
	return (uint32_t)(at - p->text);
}

static const char *keep(struct parser *p, const void *s, size_t len)
{
	char *to = p->pool;

	memcpy(to, s, len);
	to[len] = '\0';
	p->pool += len + 1;
	return to;
}

static struct rb_json *add(struct parser *p, enum rb_json_type type)
{
	struct rb_json *node;

	if (p->chunk_left == 0) {
		p->chunk = rb_arena_alloc(p->nodes, NODES_PER_CHUNK * sizeof(*p->chunk));
		p->chunk_left = NODES_PER_CHUNK;
	}
	node = p->chunk++;
	p->chunk_left--;
	node->type = type;
	node->off = token_off(p);
	node->key = p->key;
	node->key_off = p->key ? p->key_off : node->off;
	p->key = NULL;
	if (p->depth) {
		struct level *up = &p->stack[p->depth - 1];

		*up->tail = node;
		up->tail = &node->next;
		up->node->n++;
	} else {
		p->root = node;
	}
	return node;
}

static int on_null(void *ctx)
{
	add(ctx, RB_JSON_NULL);
	return 1;
}

static int on_bool(void *ctx, int value)
{
	add(ctx, RB_JSON_BOOL)->truth = value != 0;
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct parser *p = ctx;

	add(p, RB_JSON_NUMBER)->text = keep(p, text, len);
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct parser *p = ctx;

	add(p, RB_JSON_STRING)->text = keep(p, text, len);
	return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct parser *p = ctx;

	p->key_off = token_off(p);
	p->key = keep(p, text, len);
	return 1;
}

static int open_level(struct parser *p, enum rb_json_type type)
{
	struct rb_json *node = add(p, type);

	if (p->depth == RB_JSON_MAX_DEPTH) {
		(void)fail_at(p, node->off, "arrays and objects are nested too deep (128 levels)",
			      NULL);
		return 0;
	}
	p->stack[p->depth++] = (struct level) { .node = node, .tail = &node->child };
	return 1;
}

static int on_start_object(void *ctx)
{
	return open_level(ctx, RB_JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return open_level(ctx, RB_JSON_ARRAY);
}

static int by_key(const void *a, const void *b)
{
	const struct rb_json *x = *(const struct rb_json *const *)a,
			     *y = *(const struct rb_json *const *)b;
	int r = strcmp(x->key, y->key);

	if (r)
		return r;
	return x->off < y->off ? -1 : x->off > y->off;
}

/* A member whose key an earlier one has, NULL if all differ. Sorted when they are many: with a hash, text
 * made for it could still be quadratic. */
static const struct rb_json *key_twice(const struct rb_json *object)
{
	const struct rb_json **list, *found = NULL;
	size_t n = 0;

	if (object->n <= FEW_KEYS) {
		for (const struct rb_json *a = object->child; a; a = a->next) {
			for (const struct rb_json *b = a->next; b; b = b->next) {
				if (rb_streq(a->key, b->key))
					return b;
			}
		}
		return NULL;
	}
	list = rb_xmalloc(object->n * sizeof(*list));
	for (const struct rb_json *a = object->child; a; a = a->next)
		list[n++] = a;
	qsort(list, n, sizeof(*list), by_key);
	for (size_t i = 1; i < n && !found; i++) {
		if (rb_streq(list[i - 1]->key, list[i]->key))
			found = list[i];
	}
	free(list);
	return found;
}

static int on_end_object(void *ctx)
{
	struct parser *p = ctx;
	const struct rb_json *twice = key_twice(p->stack[p->depth - 1].node);

	(void)token_off(p); /* remembers where the token ends */
	if (twice) {
		(void)fail_at(p, twice->key_off, "duplicate key", twice->key);
		return 0;
	}
	p->depth--;
	return 1;
}

static int on_end_array(void *ctx)
{
	struct parser *p = ctx;

	(void)token_off(p); /* remembers where the token ends */
	p->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_object,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl's memory is an arena for as long as it parses: few and short allocations, which it does not check */
struct chunk {
	size_t size;
	_Alignas(max_align_t) char data[];
};

static void *arena_alloc(void *arena, size_t size)
{
	struct chunk *c = rb_arena_alloc(arena, sizeof(*c) + size);

	c->size = size;
	return c->data;
}

static void *arena_realloc(void *arena, void *p, size_t size)
{
	const struct chunk *old = p ? (const void *)((char *)p - offsetof(struct chunk, data))
				    : NULL;
	void *more;

	if (old && old->size >= size)
		return p;
	more = arena_alloc(arena, size);
	return old ? memcpy(more, p, old->size) : more;
}

static void arena_free(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

/* Part of yajl's text, ours, and where the fault is: yajl reports the end of what it read. */
enum fault_at {
	NEXT_TOKEN,  /* right after the last token */
	AFTER_COMMA, /* the same, but a comma or colon was in its place */
	LAST_BYTE,   /* the last byte that yajl read */
	NEXT_BYTE,   /* the one after it, which yajl gave back */
};
static const struct {
	const char *yajl, *ours;
	enum fault_at at;
} syntax_errors[] = {
	{ "trailing garbage", "there is text after the end of the JSON value", NEXT_TOKEN },
	{ "premature EOF", "the text ends in the middle of the JSON value", LAST_BYTE },
	{ "object key must be", "a key must be a string in double quotes", AFTER_COMMA },
	{ "invalid object key", "a key must be a string in double quotes", AFTER_COMMA },
	{ "separated by a colon", "a colon is expected after a key", NEXT_TOKEN },
	{ "inside map", "a comma or \"}\" is expected after a member of an object", NEXT_TOKEN },
	{ "after array element", "a comma or \"]\" is expected after an element of an array",
	  NEXT_TOKEN },
	{ "unallowed token", "a value is expected here", AFTER_COMMA },
	{ "inside string", "a character or escape that is not allowed in a string", NEXT_BYTE },
	{ "inside a string", "a character or escape that is not allowed in a string", NEXT_BYTE },
	{ "malformed number", "a number is malformed", AFTER_COMMA },
	{ "invalid char in json", "a character that is not allowed here", LAST_BYTE },
	{ "invalid string in json", "a word that is none of true, false and null", AFTER_COMMA },
	{ "comment", "comments are not allowed", AFTER_COMMA },
};

static size_t skip_space(const struct parser *p, size_t off)
{
	while (off < p->len && is_between(p->text[off]) && p->text[off] != ',' &&
	       p->text[off] != ':')
		off++;
	return off;
}

static size_t fault_off(const struct parser *p, enum fault_at at)
{
	size_t read = yajl_get_bytes_consumed(p->yajl), off = skip_space(p, p->end);

	if (p->complete)
		return p->len;
	if (at == NEXT_BYTE)
		return read;
	if (at == LAST_BYTE)
		return read ? read - 1 : 0;
	if (at == AFTER_COMMA && off < p->len && is_between(p->text[off]))
		off = skip_space(p, off + 1);
	return off;
}

static int fail_syntax(struct parser *p)
{
	unsigned char *text = yajl_get_error(p->yajl, 0, NULL, 0);
	const char *why = "this is not valid JSON";
	enum fault_at at = LAST_BYTE;

	for (size_t i = 0; i < sizeof(syntax_errors) / sizeof(syntax_errors[0]); i++) {
		if (strstr((const char *)text, syntax_errors[i].yajl)) {
			why = syntax_errors[i].ours;
			at = syntax_errors[i].at;
			break;
		}
	}
	yajl_free_error(p->yajl, text);
	return fail_at(p, fault_off(p, at), why, NULL);
}

int rb_json_parse(struct rb_arena *nodes, struct rb_arena *strings, const char *name,
		  const char *text, size_t len, struct rb_json **ret, struct rb_err *err)
{
	rb_autoarena scratch = { 0 };
	yajl_alloc_funcs alloc = {
		.malloc = arena_alloc, .realloc = arena_realloc, .free = arena_free, .ctx = &scratch
	};
	struct parser p = { .nodes = nodes, .name = name, .text = text, .len = len, .err = err };
	yajl_status status;
	int r = 0;

	if (len > RB_JSON_MAX_BYTES)
		return rb_fail(err, RB_ERR_CONFIG, "%s: larger than 16 MiB", name);
	if (check_text(&p) < 0)
		return -EINVAL;
	/* A string has two quotes and a number a character after it, so all of them with their NULs fit
	 * in as many bytes as the text has; a number alone needs one more. */
	p.pool = rb_arena_alloc(strings, len + 1);
	p.yajl = yajl_alloc(&callbacks, &alloc, &p);
	yajl_config(p.yajl, yajl_dont_validate_strings, 1); /* check_text() did, and better */
	status = yajl_parse(p.yajl, (const unsigned char *)text, len);
	if (status == yajl_status_ok) {
		p.complete = true;
		status = yajl_complete_parse(p.yajl);
	}
	if (status == yajl_status_error)
		r = fail_syntax(&p);
	else if (status == yajl_status_client_canceled)
		r = -EINVAL;
	yajl_free(p.yajl);
	if (r == 0)
		*ret = p.root;
	return r;
}

/* --- reading the tree --- */

const struct rb_json *rb_json_get(const struct rb_json *object, const char *key)
{
	if (!object || object->type != RB_JSON_OBJECT)
		return NULL;
	for (const struct rb_json *c = object->child; c; c = c->next) {
		if (rb_streq(c->key, key))
			return c;
	}
	return NULL;
}

const struct rb_json *rb_json_item(const struct rb_json *list, size_t index)
{
	const struct rb_json *c = list && list->type >= RB_JSON_ARRAY ? list->child : NULL;

	while (c && index--)
		c = c->next;
	return c;
}

void rb_json_locate(const char *text, size_t len, size_t off, struct rb_json_place *place)
{
	if (place->line == 0 || off < place->off)
		*place = (struct rb_json_place) { .line = 1, .column = 1 };
	if (off > len)
		off = len;
	for (; place->off < off; place->off++) {
		unsigned char c = (unsigned char)text[place->off];

		if (c == '\n') {
			place->line++;
			place->column = 1;
		} else if ((c & 0xc0) != 0x80) {
			place->column++;
		}
	}
}

void rb_json_path_key(struct rb_buf *path, const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (n == 0 || key[n]) {
		rb_buf_add(path, "[");
		rb_buf_json(path, key);
		rb_buf_add(path, "]");
		return;
	}
	if (path->len)
		rb_buf_add(path, ".");
	rb_buf_add(path, key);
}

void rb_json_path_index(struct rb_buf *path, size_t index)
{
	rb_buf_printf(path, "[%zu]", index);
}

void rb_json_path_cut(struct rb_buf *path)
{
	static const char gap[] = "...";
	const size_t head = 40, tail = 40;

	if (path->len <= head + tail + strlen(gap))
		return;
	memcpy(path->data + head, gap, strlen(gap));
	memmove(path->data + head + strlen(gap), path->data + path->len - tail, tail + 1);
	path->len = head + strlen(gap) + tail;
}

const char *rb_json_type_name(enum rb_json_type type)
{
	static const char *const names[] = {
		[RB_JSON_NULL] = "null",       [RB_JSON_BOOL] = "true or false",
		[RB_JSON_NUMBER] = "a number", [RB_JSON_STRING] = "a string",
		[RB_JSON_ARRAY] = "an array",  [RB_JSON_OBJECT] = "an object",
	};

	return names[type];
}
