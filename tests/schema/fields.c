/* fields.c - for test_schema.py: the field tables as lines, or what the decoder says of files
 *
 * fields            prints "path type" for each key of config.json that the tables know
 * fields FILE...    prints "ok FILE" or "no FILE: message" for each
 *
 * An element of an array is path[], one of a map path{}. Types: boolean, string, number MIN..MAX,
 * integer MIN..MAX, "enum A|B" with its words sorted, object, array, map, any; "!" behind one that
 * is required.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runbox/fd.h"
#include "spec/decode_priv.h"

static void print_type(const char *path, const struct rb_type *type, bool required);

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_words(const struct rb_type *type)
{
	const char *words[128];
	size_t n = 0;

	if (type->names) {
		for (const struct rb_name *w = type->names; w->name; w++)
			words[n++] = w->name;
	} else {
		for (int i = 0; i < RB_NS_COUNT; i++)
			words[n++] = rb_ns_types[i].name;
	}
	qsort(words, n, sizeof(words[0]), by_text);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? "|" : "enum ", words[i]);
}

static void print_child(const char *path, const char *sep, const char *key,
			const struct rb_type *type, bool required)
{
	rb_autobuf child = { 0 };

	rb_buf_printf(&child, "%s%s%s", path, *path ? sep : "", key);
	print_type(child.data, type, required);
}

static void print_inside(const char *path, const struct rb_type *type)
{
	if (rb_streq(type->name, "array") || rb_streq(type->name, "map"))
		print_child(path, "", rb_streq(type->name, "map") ? "{}" : "[]", type->item, false);
	else if (rb_streq(type->name, "flags"))
		print_child(path, "", "[]",
			    &(struct rb_type) { .name = "enum", .names = type->names }, false);
	for (const struct rb_field *f = type->fields; f && f->key; f++)
		print_child(path, ".", f->key, f->type, f->flags & RB_REQUIRED);
	/* an object whose keys are the names of a table */
	for (const struct rb_name *n = type->names; rb_streq(type->name, "object") && n && n->name;
	     n++)
		print_child(path, ".", n->name, type->item, false);
}

static void print_type(const char *path, const struct rb_type *type, bool required)
{
	printf("%s ", path);
	if (rb_streq(type->name, "bool"))
		printf("boolean");
	else if (rb_startswith(type->name, "int") || rb_startswith(type->name, "uint"))
		printf("integer %" PRId64 "..%" PRIu64, type->min, type->max);
	else if (rb_streq(type->name, "double"))
		printf("number 0..%" PRIu64, type->max);
	else if (rb_streq(type->name, "enum") || rb_streq(type->name, "namespace"))
		print_words(type);
	else
		printf("%s", rb_streq(type->name, "flags") ? "array" : type->name);
	printf("%s\n", required ? " !" : "");
	print_inside(path, type);
}

static void decode_file(const char *path)
{
	rb_autofree char *text = NULL;
	size_t len;
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	if (rb_read_file(AT_FDCWD, path, RB_JSON_MAX_BYTES + 1, &text, &len) < 0)
		printf("no %s: cannot be read\n", path);
	else if (rb_spec_decode("config.json", text, len, &spec, &err) < 0)
		printf("no %s: %s\n", path, err.msg);
	else
		printf("ok %s\n", path);
	rb_spec_done(&spec);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		print_inside("", &rb_t_spec);
	for (int i = 1; i < argc; i++)
		decode_file(argv[i]);
	return 0;
}
