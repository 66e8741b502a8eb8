/* decode_priv.h - field tables: how an object of config.json becomes a struct
 *
 * A type says how one value is read; a field says which type a key has and where the value goes. The place
 * in the document is a chain of frames on the stack, so that a JSON path costs nothing until something
 * fails. The tables are also data: tests/schema prints them and compares them with schema/.
 * Source: runtime-spec config.md "Extensibility" and "Valid values": an unknown key is skipped, a value that
 * cannot be honoured is an error. STYLE "Tables before branches".
 */
#ifndef RUNBOX_SPEC_DECODE_PRIV_H
#define RUNBOX_SPEC_DECODE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/err.h"
#include "runbox/json.h"
#include "runbox/names.h"
#include "runbox/spec.h"

/** A frame: which child of the one above we are in. The topmost has no key, or the name of a document. */
struct rb_at {
	const struct rb_at *up;
	const char *key; /* NULL: an element of an array */
	size_t index;
	const struct rb_json *node;
};

/** One document being decoded. */
struct rb_dec {
	const char *name; /* "config.json" */
	const char *text;
	size_t len;
	struct rb_spec *spec;
	struct rb_json_place place; /* where the last warning was */
	struct rb_err *err;
};

struct rb_type;

/**
 * A reader of one value: at->node into *value.
 * @extra: where the number of elements goes (arrays, maps), else NULL
 * Return: 0 or -EINVAL with d->err filled
 */
typedef int rb_read_fn(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		       void *value, size_t *extra);

/** A rule over what was read: @value as stored, @n elements of it. */
typedef int rb_check_fn(struct rb_dec *d, const struct rb_at *at, void *value, size_t n);

struct rb_type {
	const char *name; /* what tests/schema prints: "uint32", "string", "enum", "object" ... */
	rb_read_fn *read;
	uint64_t max; /* numbers */
	int64_t min;
	const struct rb_field *fields; /* objects; ended by a NULL key */
	const struct rb_type *item;    /* arrays and maps */
	const struct rb_name *names; /* enumerations; objects whose keys are the names of a table */
	rb_check_fn *check;
	uint32_t size;	   /* bytes of the stored value, of one element for arrays and maps */
	uint32_t item_off; /* maps: where the item lies in an element; the key is at 0 */
};

enum {
	RB_REQUIRED = 1,
	RB_HAS = 2,    /* extra is a bool that becomes true when the field is there */
	RB_COUNT = 4,  /* extra is the size_t of an array or map */
	RB_UNUSED = 8, /* checked, not kept: of another platform */
};

/* Small, for each page of such tables is written to when the program starts. */
struct rb_field {
	const char *key;
	const struct rb_type *type;
	uint16_t off;
	uint16_t flags;
	uint16_t extra; /* offset of the bool or the count */
};

/* rows of a field table; has and count are members that become true or the number of elements */
#define RB_F(key, st, member, type, flags)                \
	{                                                 \
		key, type, offsetof(st, member), flags, 0 \
	}
#define RB_F_HAS(key, st, member, has, type, flags)                                  \
	{                                                                            \
		key, type, offsetof(st, member), (flags) | RB_HAS, offsetof(st, has) \
	}
#define RB_F_LIST(key, st, member, count, type, flags)                                   \
	{                                                                                \
		key, type, offsetof(st, member), (flags) | RB_COUNT, offsetof(st, count) \
	}
#define RB_F_STRV(key, st, member, type, flags) RB_F_LIST(key, st, member.v, member.n, type, flags)
#define RB_F_OPT(key, st, member, type, flags)	RB_F_HAS(key, st, member.v, member.set, type, flags)
#define RB_F_UNUSED(key, type, flags)                \
	{                                            \
		key, type, 0, (flags) | RB_UNUSED, 0 \
	}

/* --- readers (decode.c) --- */
rb_read_fn rb_read_bool, rb_read_string, rb_read_text, rb_read_uint, rb_read_int, rb_read_double,
	rb_read_enum, rb_read_enum_opt, rb_read_flags, rb_read_object, rb_read_array, rb_read_map,
	rb_read_named;

/* types that many tables use */
extern const struct rb_type rb_t_bool, rb_t_string, rb_t_strings, rb_t_abspath, rb_t_abspaths,
	rb_t_ifname, rb_t_u16, rb_t_u32, rb_t_u64, rb_t_i32, rb_t_i64, rb_t_id, rb_t_double,
	rb_t_string_map;
/* strings where "" counts as absent */
extern const struct rb_type rb_t_text, rb_t_abspath_opt, rb_t_cpu_list, rb_t_ifname_opt;

/* the forms of a type; st is the struct of the value, fn a check or NULL */
#define RB_OBJECT(table, st, fn)                                                                 \
	{                                                                                        \
		.name = "object", .read = rb_read_object, .size = sizeof(st), .fields = (table), \
		.check = (fn)                                                                    \
	}
#define RB_ARRAY(of, st, fn)                                                              \
	{                                                                                 \
		.name = "array", .read = rb_read_array, .size = sizeof(st), .item = (of), \
		.check = (fn)                                                             \
	}
#define RB_UINT(word, bytes, most)                                                   \
	{                                                                            \
		.name = (word), .read = rb_read_uint, .size = (bytes), .max = (most) \
	}
#define RB_INT(word, bytes, least, most)                                              \
	{                                                                             \
		.name = (word), .read = rb_read_int, .size = (bytes), .min = (least), \
		.max = (most)                                                         \
	}
#define RB_STRING(reader, fn)                                                             \
	{                                                                                 \
		.name = "string", .read = (reader), .size = sizeof(char *), .check = (fn) \
	}
#define RB_ENUM(table, bytes)                                                           \
	{                                                                               \
		.name = "enum", .read = rb_read_enum, .size = (bytes), .names = (table) \
	}
#define RB_ENUM_OPT(table, bytes)                                                           \
	{                                                                                   \
		.name = "enum", .read = rb_read_enum_opt, .size = (bytes), .names = (table) \
	}
#define RB_FLAGS(table, bytes)                                                            \
	{                                                                                 \
		.name = "flags", .read = rb_read_flags, .size = (bytes), .names = (table) \
	}

/* --- objects, one file each --- */
extern const struct rb_type rb_t_process;   /* struct rb_process */
extern const struct rb_type rb_t_mounts;    /* array of struct rb_mount */
extern const struct rb_type rb_t_idmaps;    /* array of struct rb_idmap */
extern const struct rb_type rb_t_hooks;	    /* struct rb_hooks[RB_HOOK_KINDS] */
extern const struct rb_type rb_t_linux;	    /* struct rb_linux */
extern const struct rb_type rb_t_resources; /* struct rb_resources */
extern const struct rb_type rb_t_seccomp;   /* struct rb_seccomp */
extern const struct rb_type rb_t_ext;	    /* struct rb_ext */
extern const struct rb_type rb_t_solaris, rb_t_windows, rb_t_vm, rb_t_zos, rb_t_freebsd;
extern const struct rb_type rb_t_spec; /* struct rb_spec: the whole document */

/* --- failing and warning --- */

/** rb_dec_fail() - "config.json:41:17 mounts[3].options[1]: ..." and err->at. Return: -EINVAL */
int rb_dec_fail(struct rb_dec *d, const struct rb_at *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** rb_dec_fail_key() - rb_dec_fail() at the member @key of the object @at. */
int rb_dec_fail_key(struct rb_dec *d, const struct rb_at *at, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** rb_dec_fail_item() - rb_dec_fail() at element @index of the array or map @at. */
int rb_dec_fail_item(struct rb_dec *d, const struct rb_at *at, size_t index, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** rb_dec_warn() - a line in spec->warnings, at the value of @at. */
void rb_dec_warn(struct rb_dec *d, const struct rb_at *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** rb_dec_unknown() - fail because @word is not one of @names. */
int rb_dec_unknown(struct rb_dec *d, const struct rb_at *at, const struct rb_name *names,
		   const char *word);

/** rb_check_nonempty() - a check: the string or the array has something in it. */
rb_check_fn rb_check_nonempty, rb_check_list_nonempty;
/** rb_dec_has() - is the member @key (any case) of the object there, and not null? */
bool rb_dec_has(const struct rb_at *at, const char *key);
/** rb_key_same() - are the keys the same but for ASCII case? */
bool rb_key_same(const char *a, const char *b);

/** rb_dec_document() - decode a whole document of @type into @value; @root: frame to start from or NULL. */
int rb_dec_document(struct rb_dec *d, const struct rb_type *type, const char *root, void *value);

/* --- words with a form (syntax.c), plain --- */
bool rb_is_cpu_list(const char *s);  /* "0-3,7" */
bool rb_is_ifname(const char *s);    /* a network device's name */
bool rb_is_file_name(const char *s); /* one path component, not "." or ".." */
bool rb_is_ip(const char *s);	     /* IPv4 or IPv6 address */
bool rb_is_cidr(const char *s);	     /* address/prefix */
bool rb_is_mac(const char *s);	     /* 02:00:00:00:00:01 */
/* "1.2.3-rc.1+build" (semver.org 2.0.0): 0 and the major version, or -EINVAL */
int rb_parse_semver(const char *s, uint64_t *ret_major);
/** rb_path_clean() - absolute, without empty, "." and ".." components, in @a. */
char *rb_path_clean(struct rb_arena *a, const char *path);

#endif
