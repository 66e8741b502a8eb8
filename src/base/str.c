/* str.c - arena, growing text, strict number parsing
 *
 * Out of memory ends the process: see str.h.
 */
#include "runbox/str.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough that a typical config.json fits in a few, large enough that malloc is rare. */
#define ARENA_BLOCK 32768

struct rb_arena_block {
	struct rb_arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

/* The first blocks are the program's own memory. The one given back last is warm and is taken
 * first, and to give one back writes nothing into it: after a clone that would copy its page. A
 * sanitizer wants to see each. */
#if defined(__SANITIZE_ADDRESS__)
#define POOL_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define POOL_BLOCKS 0
#endif
#endif
#ifndef POOL_BLOCKS
#define POOL_BLOCKS 12
#endif

static RB_LARGE _Alignas(
	max_align_t) char pool[POOL_BLOCKS + 1][sizeof(struct rb_arena_block) + ARENA_BLOCK];
static uint32_t pool_taken; /* a bit for each; threads may allocate */

static void die_no_memory(void)
{
	(void)fputs("runbox: out of memory\n", stderr); /* the last word, heard or not */
	abort();
}

void *rb_xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		die_no_memory();
	return p;
}

void *rb_xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		die_no_memory();
	return p;
}

char *rb_xstrdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(rb_xmalloc(len), s, len);
}

static struct rb_arena_block *pool_take(void)
{
	uint32_t taken = __atomic_load_n(&pool_taken, __ATOMIC_RELAXED);
	int i; /* signed: there may be none */

	do {
		i = __builtin_ctz(~taken);
		if (i >= POOL_BLOCKS)
			return NULL;
	} while (!__atomic_compare_exchange_n(&pool_taken, &taken, taken | 1u << i, false,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return (struct rb_arena_block *)(void *)pool[i];
}

static void block_free(struct rb_arena_block *b)
{
	const char *p = (const char *)b;

	if (p < pool[0] || p >= pool[POOL_BLOCKS])
		free(b);
	else
		(void)__atomic_fetch_and(&pool_taken,
					 ~(1u << (size_t)(p - pool[0]) / sizeof(pool[0])),
					 __ATOMIC_RELEASE);
}

/* Zeroed by who needs it: what is left of a block at the end is then never touched. */
static void *take(struct rb_arena *a, size_t size)
{
	struct rb_arena_block *b = a->top;
	const size_t align = _Alignof(max_align_t);
	void *p;

	if (size > SIZE_MAX / 2)
		die_no_memory();
	size = (size + align - 1) & ~(align - 1);
	if (!b || b->size - b->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		b = room == ARENA_BLOCK ? pool_take() : NULL;
		if (!b)
			b = rb_xmalloc(sizeof(*b) + room);
		b->used = 0;
		b->size = room;
		b->next = a->top;
		a->top = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

void *rb_arena_alloc(struct rb_arena *a, size_t size)
{
	return memset(take(a, size), 0, size);
}

char *rb_arena_strndup(struct rb_arena *a, const char *s, size_t len)
{
	char *p = take(a, len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *rb_arena_strdup(struct rb_arena *a, const char *s)
{
	return rb_arena_strndup(a, s, strlen(s));
}

char *rb_arena_item(struct rb_arena *a, const char *list, size_t i, const char *rest)
{
	const size_t list_len = strlen(list), rest_len = strlen(rest);
	char digits[24];
	size_t from = sizeof(digits);
	char *p;

	digits[--from] = ']';
	do {
		digits[--from] = (char)('0' + i % 10);
		i /= 10;
	} while (i);
	digits[--from] = '[';
	p = take(a, list_len + (sizeof(digits) - from) + rest_len + 1);
	memcpy(p, list, list_len);
	memcpy(p + list_len, digits + from, sizeof(digits) - from);
	memcpy(p + list_len + (sizeof(digits) - from), rest, rest_len + 1);
	return p;
}

char *rb_arena_printf(struct rb_arena *a, const char *fmt, ...)
{
	char brief[128];
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(brief, sizeof(brief), fmt, ap);
	va_end(ap);
	if (n < 0)
		die_no_memory();
	p = take(a, (size_t)n + 1);
	if ((size_t)n < sizeof(brief))
		memcpy(p, brief, (size_t)n + 1);
	else
		(void)vsnprintf(p, (size_t)n + 1, fmt, again); /* the length was just measured */
	va_end(again);
	return p;
}

void rb_arena_done(struct rb_arena *a)
{
	while (a->top) {
		struct rb_arena_block *b = a->top;

		a->top = b->next;
		block_free(b);
	}
}

static void buf_room(struct rb_buf *b, size_t more)
{
	/* few steps up to some pages, for each of them is a mapping and a copy */
	size_t need = b->len + more + 1, grown = (b->cap < 32768 ? 4 : 2) * b->cap;

	if (need <= b->cap)
		return;
	if (grown < 128)
		grown = 128;
	b->cap = need > grown ? need : grown;
	b->data = rb_xrealloc(b->data, b->cap);
}

void rb_buf_addn(struct rb_buf *b, const char *text, size_t len)
{
	buf_room(b, len);
	if (len)
		memcpy(b->data + b->len, text, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void rb_buf_add(struct rb_buf *b, const char *text)
{
	rb_buf_addn(b, text, strlen(text));
}

void rb_buf_printf(struct rb_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_no_memory();
	buf_room(b, (size_t)n);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again); /* measured above */
	va_end(again);
	b->len += (size_t)n;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 if it is not one. */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		size_t len;
		unsigned min;
	} forms[] = {
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned code;

		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		code = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (s[k] & 0x3f);
		}
		if (code < forms[i].min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return 0;
		return forms[i].len;
	}
	return 0;
}

void rb_buf_json(struct rb_buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (!text) {
		rb_buf_add(b, "null");
		return;
	}
	rb_buf_add(b, "\"");
	while (*s) {
		size_t len = utf8_len(s);

		if (len == 0) {
			rb_buf_add(b, "\xef\xbf\xbd"); /* U+FFFD */
			len = 1;
		} else if (*s == '"' || *s == '\\') {
			rb_buf_printf(b, "\\%c", *s);
		} else if (*s == '\n') {
			rb_buf_add(b, "\\n");
		} else if (*s == '\t') {
			rb_buf_add(b, "\\t");
		} else if (*s < 0x20 || *s == 0x7f) {
			rb_buf_printf(b, "\\u%04x", *s);
		} else {
			rb_buf_addn(b, (const char *)s, len);
		}
		s += len;
	}
	rb_buf_add(b, "\"");
}

void rb_buf_escaped(struct rb_buf *b, const char *text, char quote)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_room(b, 0);
	b->data[b->len] = '\0';
	while (*s) {
		size_t len = utf8_len(s);
		/* C1 controls are two bytes in UTF-8 and act on a terminal too */
		bool c1 = len == 2 && s[0] == 0xc2 && s[1] < 0xa0;

		if (len == 0 || c1 || *s < 0x20 || *s == 0x7f) {
			rb_buf_printf(b, "\\x%02x", *s);
			if (c1)
				rb_buf_printf(b, "\\x%02x", s[1]);
			else
				len = 1;
		} else if (*s == '\\' || (quote && *s == (unsigned char)quote)) {
			rb_buf_printf(b, "\\%c", *s);
		} else {
			rb_buf_addn(b, (const char *)s, len);
		}
		s += len;
	}
}

void rb_buf_done(struct rb_buf *b)
{
	free(b->data);
	*b = (struct rb_buf) { 0 };
}

int rb_parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int rb_parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int r = rb_parse_u64(s + negative, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(~v + 1) : (int64_t)v;
	return 0;
}

int rb_parse_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = rb_parse_u64(s, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

bool rb_startswith(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* --- lines of fields --- */

void rb_field_add(struct rb_buf *line, const char *text)
{
	rb_buf_add(line, "\t");
	for (; *text; text++) {
		if (*text == '\t')
			rb_buf_add(line, "\\t");
		else if (*text == '\n')
			rb_buf_add(line, "\\n");
		else if (*text == '\\')
			rb_buf_add(line, "\\\\");
		else
			rb_buf_addn(line, text, 1);
	}
}

void rb_field_split(struct rb_arena *arena, const char *line, struct rb_strv *ret)
{
	size_t n = 1;
	char *out;

	for (const char *p = line; *p; p++)
		n += *p == '\t';
	ret->v = rb_arena_alloc(arena, (n + 1) * sizeof(*ret->v));
	ret->n = 0;
	out = rb_arena_alloc(arena, strlen(line) + 1);
	ret->v[ret->n++] = out;
	for (const char *p = line; *p; p++) {
		if (*p == '\t') {
			*out++ = '\0';
			ret->v[ret->n++] = out;
		} else if (*p == '\\' && p[1]) {
			p++;
			*out++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p;
		} else {
			*out++ = *p;
		}
	}
}
