/* rdt_schema.c - text of resctrl's schemata files: put together from the config, and compared
 *
 * A line is "RESOURCE:DOMAIN=VALUE;DOMAIN=VALUE". The kernel pads what it prints with blanks and zeros
 * and rounds bandwidths up, so values are compared as numbers.
 * Sources: config-linux.md "IntelRdt", kernel filesystems/resctrl.rst "Schemata files".
 */
#include <stdlib.h>
#include <string.h>

#include "exec/rdt_priv.h"
#include "runbox/str.h"

/* A piece of a longer text. */
struct piece {
	const char *p;
	size_t len;
};

/* "RESOURCE:DOMAIN=VALUE" of a text, and where to look for the next. */
struct part {
	struct piece resource, domain, value;
	const char *next;
};

static struct piece trim(const char *from, const char *to)
{
	while (from < to && strchr(" \t", *from))
		from++;
	while (to > from && strchr(" \t", to[-1]))
		to--;
	return (struct piece) { from, (size_t)(to - from) };
}

static bool same(struct piece a, struct piece b)
{
	return a.len == b.len && strncmp(a.p, b.p, a.len) == 0;
}

static bool is_bandwidth(struct piece resource)
{
	return (resource.len == 2 && strncmp(resource.p, "MB", 2) == 0) ||
	       (resource.len == 4 && strncmp(resource.p, "SMBA", 4) == 0);
}

/* --- put together --- */

static bool is_mb_line(const char *line)
{
	return rb_startswith(line + strspn(line, " \t"), "MB:");
}

static void add_lines(const char *text, bool without_mb, struct rb_buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len && !(without_mb && is_mb_line(text))) {
			rb_buf_addn(out, text, len);
			rb_buf_add(out, "\n");
		}
		text += len + (text[len] == '\n');
	}
}

void rb_rdt_combine(const char *l3, const char *mb, struct rb_buf *out)
{
	rb_buf_add(out, "");
	if (l3)
		add_lines(l3, mb != NULL, out);
	if (mb)
		add_lines(mb, false, out);
}

void rb_rdt_lines(const struct rb_strv *schemata, struct rb_buf *out)
{
	rb_buf_add(out, "");
	for (size_t i = 0; i < schemata->n; i++)
		add_lines(schemata->v[i], false, out);
}

/* --- compare --- */

/* The next part from @text on; what has no domain or no value has them empty. @resource: of the line that
 * @text is in the middle of, NULL at the beginning of a line. Return: false at the end */
static bool next_part(const char *text, const struct piece *resource, struct part *ret)
{
	const char *end, *equals;

	if (!resource) {
		text += strspn(text, "\n");
		if (!*text)
			return false;
		end = text + strcspn(text, ":\n");
		ret->resource = trim(text, end);
		text = end + (*end == ':');
	} else {
		ret->resource = *resource;
	}
	end = text + strcspn(text, ";\n");
	equals = memchr(text, '=', (size_t)(end - text));
	ret->domain = trim(text, equals ? equals : end);
	ret->value = equals ? trim(equals + 1, end) : (struct piece) { end, 0 };
	ret->next = end;
	return true;
}

/* Goes through a text: begin with { 0 } and its start in .next. */
static bool step(struct part *part)
{
	bool inside = part->resource.p && *part->next == ';';
	struct piece resource = part->resource;

	return next_part(part->next + inside, inside ? &resource : NULL, part);
}

/* The last part of @text that is about the resource and the domain of @like. */
static bool find_last(const char *text, const struct part *like, struct part *ret)
{
	struct part part = { .next = text };
	bool found = false;

	while (step(&part))
		if (same(part.resource, like->resource) && same(part.domain, like->domain)) {
			*ret = part;
			found = true;
		}
	return found;
}

static bool number_of(const struct part *part, uint64_t *ret)
{
	char text[24], *end;

	if (part->value.len == 0 || part->value.len >= sizeof(text))
		return false;
	memcpy(text, part->value.p, part->value.len);
	text[part->value.len] = '\0';
	*ret = strtoull(text, &end, is_bandwidth(part->resource) ? 10 : 16);
	return *end == '\0';
}

static bool equal(const struct part *want, const struct part *have, uint64_t mb_gran)
{
	uint64_t a, b;

	if (!number_of(want, &a) || !number_of(have, &b))
		return same(want->value, have->value);
	if (is_bandwidth(want->resource) && mb_gran > 1 && a % mb_gran)
		a += mb_gran - a % mb_gran;
	return a == b;
}

bool rb_rdt_differs(const char *want, const char *have, uint64_t mb_gran, struct rb_buf *what)
{
	struct part part = { .next = want }, last, other;

	while (step(&part)) {
		if (!find_last(want, &part, &last) || last.value.p != part.value.p)
			continue; /* a later one counts */
		if (find_last(have, &part, &other) && equal(&part, &other, mb_gran))
			continue;
		rb_buf_printf(what, "%.*s:%.*s=%.*s", (int)part.resource.len, part.resource.p,
			      (int)part.domain.len, part.domain.p, (int)part.value.len,
			      part.value.p);
		return true;
	}
	return false;
}
