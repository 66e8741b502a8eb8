/* state_json.c - state.json, written and read by one table
 *
 * Pure. A file that lacks a field or holds a value of another type was not written by us and is
 * refused.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "runbox/err.h"
#include "runbox/json.h"
#include "runbox/state.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef void put_fn(const void *value, struct rb_buf *out);
/* Return: false when the node is not what the field takes */
typedef bool take_fn(struct rb_arena *arena, const struct rb_json *node, void *value);

static void put_text(const void *value, struct rb_buf *out)
{
	rb_buf_json(out, *(const char *const *)value);
}

static bool take_text(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	(void)arena; /* the tree's strings lie in it already */
	if (node->type != RB_JSON_STRING)
		return false;
	*(const char **)value = node->text;
	return true;
}

static void put_u64(const void *value, struct rb_buf *out)
{
	rb_buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)value);
}

static bool take_u64(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	(void)arena; /* nothing to allocate */
	return node->type == RB_JSON_NUMBER && rb_parse_u64(node->text, value) == 0;
}

static void put_u32(const void *value, struct rb_buf *out)
{
	rb_buf_printf(out, "%u", *(const uint32_t *)value);
}

static bool take_u32(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	(void)arena; /* nothing to allocate */
	return node->type == RB_JSON_NUMBER && rb_parse_u32(node->text, value) == 0;
}

static bool take_pid(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	uint32_t pid;

	if (!take_u32(arena, node, &pid) || pid == 0 || pid > INT32_MAX)
		return false;
	*(pid_t *)value = (pid_t)pid;
	return true;
}

static void put_bool(const void *value, struct rb_buf *out)
{
	rb_buf_add(out, *(const bool *)value ? "true" : "false");
}

static bool take_bool(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	(void)arena; /* nothing to allocate */
	if (node->type != RB_JSON_BOOL)
		return false;
	*(bool *)value = node->truth;
	return true;
}

static void put_texts(const void *value, struct rb_buf *out)
{
	const struct rb_strv *texts = value;

	rb_buf_add(out, "[");
	for (size_t i = 0; i < texts->n; i++) {
		rb_buf_add(out, i ? "," : "");
		rb_buf_json(out, texts->v[i]);
	}
	rb_buf_add(out, "]");
}

/* Paths, all of them absolute. */
static bool take_paths(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	struct rb_strv *texts = value;

	if (node->type != RB_JSON_ARRAY)
		return false;
	texts->v = rb_arena_alloc(arena, (node->n + 1) * sizeof(*texts->v));
	for (const struct rb_json *c = node->child; c; c = c->next) {
		if (c->type != RB_JSON_STRING || c->text[0] != '/')
			return false;
		texts->v[texts->n++] = rb_arena_strdup(arena, c->text);
	}
	return true;
}

static void put_kvs(const void *value, struct rb_buf *out)
{
	const struct rb_kvs *kvs = value;

	rb_buf_add(out, "{");
	for (size_t i = 0; i < kvs->n; i++) {
		rb_buf_add(out, i ? "," : "");
		rb_buf_json(out, kvs->v[i].key);
		rb_buf_add(out, ":");
		rb_buf_json(out, kvs->v[i].value);
	}
	rb_buf_add(out, "}");
}

static bool take_kvs(struct rb_arena *arena, const struct rb_json *node, void *value)
{
	struct rb_kvs *kvs = value;

	if (node->type != RB_JSON_OBJECT)
		return false;
	kvs->v = rb_arena_alloc(arena, (node->n + 1) * sizeof(*kvs->v));
	for (const struct rb_json *c = node->child; c; c = c->next) {
		if (c->type != RB_JSON_STRING)
			return false;
		kvs->v[kvs->n++] = (struct rb_kv) { c->key, c->text };
	}
	return true;
}

static const struct field {
	const char *key;
	size_t offset;
	put_fn *put;
	take_fn *take;
} fields[] = {
	{ "ociVersion", offsetof(struct rb_state, oci_version), put_text, take_text },
	{ "id", offsetof(struct rb_state, id), put_text, take_text },
	{ "pid", offsetof(struct rb_state, pid), put_u32, take_pid },
	{ "startTime", offsetof(struct rb_state, start_time), put_u64, take_u64 },
	{ "bundle", offsetof(struct rb_state, bundle), put_text, take_text },
	{ "rootfs", offsetof(struct rb_state, rootfs), put_text, take_text },
	{ "created", offsetof(struct rb_state, created), put_text, take_text },
	{ "uid", offsetof(struct rb_state, uid), put_u32, take_u32 },
	{ "ownPidNamespace", offsetof(struct rb_state, own_pidns), put_bool, take_bool },
	{ "poststart", offsetof(struct rb_state, has_poststart), put_bool, take_bool },
	{ "poststop", offsetof(struct rb_state, has_poststop), put_bool, take_bool },
	{ "cgroups", offsetof(struct rb_state, cgroups), put_texts, take_paths },
	{ "annotations", offsetof(struct rb_state, annotations), put_kvs, take_kvs },
};

void rb_state_text(const struct rb_state *state, struct rb_buf *out)
{
	for (size_t i = 0; i < LEN(fields); i++) {
		rb_buf_printf(out, "%s\"%s\":", i ? "," : "{", fields[i].key);
		fields[i].put((const char *)state + fields[i].offset, out);
	}
	rb_buf_add(out, "}\n");
}

int rb_state_parse(const char *text, size_t len, struct rb_state *state, struct rb_err *err)
{
	struct rb_json *root;
	int r = rb_json_parse(&state->arena, &state->arena, "state.json", text, len, &root, err);

	if (r < 0)
		return r;
	if (root->type != RB_JSON_OBJECT)
		return rb_fail(err, RB_ERR_STATE, "state.json is not an object");
	for (size_t i = 0; i < LEN(fields); i++) {
		const struct rb_json *node = rb_json_get(root, fields[i].key);

		if (!node)
			return rb_fail(err, RB_ERR_STATE, "state.json has no %s", fields[i].key);
		if (!fields[i].take(&state->arena, node, (char *)state + fields[i].offset))
			return rb_fail(err, RB_ERR_STATE,
				       "state.json: %s has a value it cannot have", fields[i].key);
	}
	return 0;
}
