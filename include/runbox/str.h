/* str.h - an arena that frees everything at once, a growing text buffer, string vectors
 *
 * Memory that runs out ends the process (abort with a message): a runtime that cannot allocate some
 * kilobytes cannot do its work, and no caller could say more.
 */
#ifndef RUNBOX_STR_H
#define RUNBOX_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Large and all zero: behind the small ones, which then lie together, for each page that is written
 * to is paid for, by the child again. x86-64 has a section for it (System V ABI AMD64, "Special
 * Sections"); clang 14 would put the zeros into the file. */
#if defined(__x86_64__) && !defined(__clang__)
#define RB_LARGE __attribute__((section(".lbss")))
#else
#define RB_LARGE
#endif

/** Bump allocator: all memory is zeroed, nothing is freed alone. */
struct rb_arena {
	struct rb_arena_block *top;
};

void *rb_arena_alloc(struct rb_arena *a, size_t size);
char *rb_arena_strdup(struct rb_arena *a, const char *s);
char *rb_arena_strndup(struct rb_arena *a, const char *s, size_t len);
/** rb_arena_item() - "@list[@i]@rest", the place of an item in config.json; each run makes many */
char *rb_arena_item(struct rb_arena *a, const char *list, size_t i, const char *rest);
char *rb_arena_printf(struct rb_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** rb_arena_done() - free all blocks; the arena may be used again. */
void rb_arena_done(struct rb_arena *a);
#define rb_autoarena __attribute__((cleanup(rb_arena_done))) struct rb_arena

/** A vector of strings; v[n] is NULL when built by the functions here. */
struct rb_strv {
	char **v;
	size_t n;
};

/** Growing text. { 0 } is empty; rb_buf_done() frees. data is always NUL-terminated once non-NULL.
 */
struct rb_buf {
	char *data;
	size_t len, cap;
};

void rb_buf_add(struct rb_buf *b, const char *text);
void rb_buf_addn(struct rb_buf *b, const char *text, size_t len);
void rb_buf_printf(struct rb_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** rb_buf_json() - add @text as a JSON string with its quotes; slashes unescaped, controls as
 * \u00XX, bytes that are not UTF-8 as U+FFFD. NULL gives null. */
void rb_buf_json(struct rb_buf *b, const char *text);
/** rb_buf_escaped() - add @text for a terminal: control and non-UTF-8 bytes as \xNN, backslash
 * doubled and, when @quote is not 0, that character escaped too. */
void rb_buf_escaped(struct rb_buf *b, const char *text, char quote);
void rb_buf_done(struct rb_buf *b);
#define rb_autobuf __attribute__((cleanup(rb_buf_done))) struct rb_buf

/** rb_xmalloc(), rb_xrealloc(), rb_xstrdup() - never NULL. */
void *rb_xmalloc(size_t size);
void *rb_xrealloc(void *old, size_t size);
char *rb_xstrdup(const char *s);

/** rb_parse_u32/u64/i64() - whole string, decimal, no sign but '-' for i64, no blanks.
 *  Return: 0, -EINVAL (not a number) or -ERANGE */
int rb_parse_u64(const char *s, uint64_t *ret);
int rb_parse_i64(const char *s, int64_t *ret);
int rb_parse_u32(const char *s, uint32_t *ret);

/* inline: nearly all words of a table differ in the first letter already */
static inline bool rb_streq(const char *a, const char *b)
{
	return *a == *b && strcmp(a, b) == 0;
}
bool rb_startswith(const char *s, const char *prefix);

/** rb_field_add() - add a field to a line: a tab, then the text with \, tab and newline escaped */
void rb_field_add(struct rb_buf *line, const char *text);
/** rb_field_split() - the fields of a line, unescaped, in the arena; there is always one */
void rb_field_split(struct rb_arena *arena, const char *line, struct rb_strv *ret);

#endif
