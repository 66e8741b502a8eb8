/* json.h - a JSON document as a tree in an arena
 *
 * Parsed by src/spec/json.c, the only file that knows yajl. The decoder of config.json works on it, and
 * so can whoever reads a small document of runbox's own (state.json).
 * Limits, each with an error of its own: RB_JSON_MAX_BYTES of text, RB_JSON_MAX_DEPTH levels, no key
 * twice in an object, no NUL in a string, valid UTF-8, nothing after the value.
 */
#ifndef RUNBOX_JSON_H
#define RUNBOX_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/str.h"

struct rb_err;

#define RB_JSON_MAX_BYTES (16u << 20)
#define RB_JSON_MAX_DEPTH 128

enum rb_json_type {
	RB_JSON_NULL,
	RB_JSON_BOOL,
	RB_JSON_NUMBER,
	RB_JSON_STRING,
	RB_JSON_ARRAY,
	RB_JSON_OBJECT
};

/** One value. Children of arrays and objects hang on child and next, in the order of the text. */
struct rb_json {
	struct rb_json *next;
	const char *key; /* of a member of an object, else NULL */
	union {
		const char *text;      /* STRING unescaped, NUMBER as written */
		struct rb_json *child; /* ARRAY, OBJECT: the first one, or NULL */
		bool truth;	       /* BOOL */
	};
	uint32_t n;	       /* ARRAY, OBJECT: how many children */
	uint32_t off, key_off; /* byte offsets of the value and of its key in the text */
	enum rb_json_type type;
};

/** A place in the text, both counted from 1; columns are characters. */
struct rb_json_place {
	size_t off;
	unsigned line, column;
};

/**
 * rb_json_parse() - text into a tree
 * @nodes:   arena of the nodes
 * @strings: arena of keys, strings and numbers; may be the same
 * @name:    what messages call the text: "config.json"
 * @err:     msg is "config.json:3:14 mounts[2]: ..."
 * Return: 0 or -EINVAL
 */
int rb_json_parse(struct rb_arena *nodes, struct rb_arena *strings, const char *name,
		  const char *text, size_t len, struct rb_json **ret, struct rb_err *err);

/** rb_json_get() - the member called @key (exact case) of an object, NULL if there is none. */
const struct rb_json *rb_json_get(const struct rb_json *object, const char *key);
/** rb_json_item() - child number @index, NULL if there are fewer. */
const struct rb_json *rb_json_item(const struct rb_json *list, size_t index);

/** rb_json_locate() - line and column of @off; goes on from *place when that lies before, so that many
 *  places in rising order cost one pass. @place: all zero at first */
void rb_json_locate(const char *text, size_t len, size_t off, struct rb_json_place *place);

/** rb_json_path_key() - add ".key", or ["key"] when it is not a plain word, to a JSON path. */
void rb_json_path_key(struct rb_buf *path, const char *key);
/** rb_json_path_index() - add "[3]" */
void rb_json_path_index(struct rb_buf *path, size_t index);

/** rb_json_path_cut() - leave out the middle of a path that is too long for a message. */
void rb_json_path_cut(struct rb_buf *path);

/** rb_json_type_name() - "a string", "an array" ... */
const char *rb_json_type_name(enum rb_json_type type);

#endif
