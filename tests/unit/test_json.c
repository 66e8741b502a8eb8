/* test_json.c - the JSON parser: values, places, limits, each sort of malformed text */
#include <stdlib.h>

#include "runbox/err.h"
#include "runbox/json.h"
#include "tap.h"

static int parse(struct rb_arena *a, const char *text, size_t len, struct rb_json **root,
		 struct rb_err *err)
{
	/* without a byte behind it, so that a sanitizer sees a read too far */
	char *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, text, len);
	r = rb_json_parse(a, a, "t", copy, len, root, err);
	free(copy);
	return r;
}

static void test_refused(void)
{
	static const struct {
		const char *text, *msg, *at;
	} cases[] = {
		{ "", "t:1:1: the text ends in the middle of the JSON value", "" },
		{ " \n ", "t:2:2: the text ends in the middle of the JSON value", "" },
		{ "{]", "t:1:2: a key must be a string in double quotes", "" },
		{ "{\"a\":1", "t:1:7: the text ends in the middle of the JSON value", "" },
		{ "{\"a\" 1}", "t:1:6: a colon is expected after a key", "" },
		{ "{\"a\":}", "t:1:6: a value is expected here", "" },
		{ "{\"a\":1,}", "t:1:8: a key must be a string in double quotes", "" },
		{ "{\"a\":1 \"b\":2}",
		  "t:1:8: a comma or \"}\" is expected after a member of an object", "" },
		{ "[1,]", "t:1:4: a value is expected here", "" },
		{ "[1 2]", "t:1:4: a comma or \"]\" is expected after an element of an array", "" },
		{ "[1,,2]", "t:1:4: a value is expected here", "" },
		{ "{} {}", "t:1:4: there is text after the end of the JSON value", "" },
		{ "{}x", "t:1:3: there is text after the end of the JSON value", "" },
		{ "[01]", "t:1:3: a comma or \"]\" is expected after an element of an array", "" },
		{ "[1.]", "t:1:2: a number is malformed", "" },
		{ "[-]", "t:1:2: a number is malformed", "" },
		{ "[.5]", "t:1:2: a character that is not allowed here", "" },
		{ "[tru]", "t:1:2: a word that is none of true, false and null", "" },
		{ "['a']", "t:1:2: a character that is not allowed here", "" },
		{ "// x\n{}", "t:1:1: comments are not allowed", "" },
		{ "[\"a\nb\"]", "t:1:4: a character or escape that is not allowed in a string",
		  "" },
		{ "[\"\\x\"]", "t:1:4: a character or escape that is not allowed in a string", "" },
		{ "[\"\\u12g4\"]", "", "" },
		{ "[\"\\u0000\"]", "t:1:3: a string must not contain NUL (\\u0000)", "" },
		{ "[\"\\ud800\"]", "t:1:3: half of a surrogate pair", "" },
		{ "[\"\\ud800\\u0041\"]", "t:1:3: half of a surrogate pair", "" },
		{ "[\"\\udc00\"]", "t:1:3: half of a surrogate pair", "" },
		{ "[\"\\ud83d\\", "t:1:3: half of a surrogate pair", "" },
		{ "[\"\xff\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xc0\xaf\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xe0\x80\xaf\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xed\xa0\x80\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xf4\x90\x80\x80\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xe2\x82\"]", "t:1:3: the text is not valid UTF-8", "" },
		{ "[\"\xe2\x82", "t:1:3: the text is not valid UTF-8", "" },
		{ "{\"a\":1,\n \"b\":{\"x\":[{\"k\":1,\"k\":2}]}}",
		  "t:2:19 b.x[0]: duplicate key \"k\"", "b.x[0]" },
		{ "{\"a\":1,\"\\u0061\":2}", "t:1:8: duplicate key \"a\"", "" },
		{ "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"3\":"
		  "1}",
		  "t:1:56: duplicate key \"3\"", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rb_autoarena a = { 0 };
		struct rb_json *root = NULL;
		struct rb_err err = { 0 };
		int r = parse(&a, cases[i].text, strlen(cases[i].text), &root, &err);
		size_t n = strlen(cases[i].msg);

		ok(r < 0 && err.kind == RB_ERR_CONFIG && strncmp(err.msg, cases[i].msg, n) == 0,
		   "refused, case %zu", i);
		if (r == 0 || strncmp(err.msg, cases[i].msg, n) != 0)
			printf("#   got:  %s\n#   want: %s\n", r ? err.msg : "accepted",
			       cases[i].msg);
		if (*cases[i].at)
			is_str(err.at, cases[i].at, "its place");
	}
}

static void test_values(void)
{
	static const char text[] =
		"{ \"s\": \"a\\n\\u00e9\\ud83d\\ude00\\/\", \"n\": [ 1, -2.5e3, "
		"18446744073709551615 ],\n"
		"  \"t\": true, \"f\": false, \"z\": null,\n\t\"\xc3\xa9\": {}, \"e\": [] }";
	rb_autoarena a = { 0 };
	struct rb_json *root = NULL;
	struct rb_err err = { 0 };
	struct rb_json_place place = { 0 };
	const struct rb_json *n;

	if (!ok(parse(&a, text, strlen(text), &root, &err) == 0,
		"a document of every sort of value"))
		return;
	ok(root->type == RB_JSON_OBJECT && root->n == 7, "seven members");
	is_str(rb_json_get(root, "s")->text, "a\n\xc3\xa9\xf0\x9f\x98\x80/", "escapes");
	n = rb_json_get(root, "n");
	ok(n->type == RB_JSON_ARRAY && n->n == 3, "three numbers");
	is_str(rb_json_item(n, 0)->text, "1", "number 0");
	is_str(rb_json_item(n, 1)->text, "-2.5e3", "number 1");
	is_str(rb_json_item(n, 2)->text, "18446744073709551615", "number 2");
	ok(rb_json_item(n, 3) == NULL, "no number 3");
	ok(rb_json_get(root, "t")->truth && !rb_json_get(root, "f")->truth, "true and false");
	ok(rb_json_get(root, "z")->type == RB_JSON_NULL, "null");
	ok(rb_json_get(root, "T") == NULL, "keys are told apart by case");
	rb_json_locate(text, strlen(text), rb_json_item(n, 1)->off, &place);
	ok(place.line == 1 && place.column == 45, "the place of number 1 is 1:45, got %u:%u",
	   place.line, place.column);
	rb_json_locate(text, strlen(text), rb_json_get(root, "t")->key_off, &place);
	ok(place.line == 2 && place.column == 3, "the place of key t is 2:3, got %u:%u", place.line,
	   place.column);
	rb_json_locate(text, strlen(text), rb_json_get(root, "e")->off, &place);
	ok(place.line == 3 && place.column == 16, "columns are characters: 3:16, got %u:%u",
	   place.line, place.column);
	rb_json_locate(text, strlen(text), rb_json_get(root, "s")->off, &place);
	ok(place.line == 1 && place.column == 8, "going back: 1:8, got %u:%u", place.line,
	   place.column);
}

static int parse_filled(const char *head, const char *fill, size_t times, const char *tail,
			struct rb_err *err)
{
	rb_autoarena a = { 0 };
	rb_autobuf text = { 0 };
	struct rb_json *root;

	rb_buf_add(&text, head);
	while (times--)
		rb_buf_add(&text, fill);
	rb_buf_add(&text, tail);
	return parse(&a, text.data, text.len, &root, err);
}

static void test_limits(void)
{
	rb_autoarena a = { 0 };
	rb_autobuf keys = { 0 };
	struct rb_json *root;
	struct rb_err err = { 0 };

	ok(parse_filled("", "[", 127,
			"[]"
			"]",
			&err) < 0,
	   "brackets that do not match");
	err = (struct rb_err) { 0 };
	rb_buf_add(&keys, "");
	for (int i = 0; i < 128; i++)
		rb_buf_add(&keys, "[");
	for (int i = 0; i < 128; i++)
		rb_buf_add(&keys, "]");
	ok(parse(&a, keys.data, keys.len, &root, &err) == 0, "128 levels");
	ok(parse_filled("", "[", 129, "", &err) < 0 && strstr(err.msg, "nested too deep"),
	   "129 levels");
	err = (struct rb_err) { 0 };
	ok(parse_filled("\"", "x", RB_JSON_MAX_BYTES - 2, "\"", &err) == 0, "16 MiB");
	ok(parse_filled("\"", "x", RB_JSON_MAX_BYTES - 1, "\"", &err) < 0, "16 MiB and a byte");
	is_str(err.msg, "t: larger than 16 MiB", "its message");
	err = (struct rb_err) { 0 };
	keys.len = 0;
	rb_buf_add(&keys, "{");
	for (int i = 0; i < 200000; i++)
		rb_buf_printf(&keys, "%s\"%d\":0", i ? "," : "", i);
	rb_buf_add(&keys, "}");
	ok(parse(&a, keys.data, keys.len, &root, &err) == 0 && root->n == 200000, "200000 keys");
	ok(parse(&a, "[\0]", 3, &root, &err) < 0 && strstr(err.msg, "NUL byte"), "a NUL byte");
}

static void test_paths(void)
{
	rb_autobuf path = { 0 };

	rb_json_path_key(&path, "a");
	rb_json_path_index(&path, 3);
	rb_json_path_key(&path, "b-c");
	rb_json_path_key(&path, "org.x");
	rb_json_path_key(&path, "");
	is_str(path.data, "a[3].b-c[\"org.x\"][\"\"]", "keys that are no plain words are quoted");
}

/* The text is looked at eight bytes at a time: each fault is found at each place of such a word. */
static void test_each_place(void)
{
	static const struct {
		const char *what;
		char bad[8];
		size_t len;
	} faults[] = {
		{ "the text contains a NUL byte", "\0", 1 },
		{ "the text is not valid UTF-8", "\x80", 1 },
		{ "the text is not valid UTF-8", "\xff", 1 },
		{ "half of a surrogate pair", "\\udc00", 6 },
	};

	for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
		size_t found = 0;

		for (size_t i = 0; i < 24; i++) {
			rb_autoarena a = { 0 };
			struct rb_err err = { 0 };
			struct rb_json *root = NULL;
			char text[48], want[64];

			(void)memset(text, '~', sizeof(text));
			text[0] = '"';
			(void)memcpy(text + 1 + i, faults[f].bad, faults[f].len);
			text[sizeof(text) - 1] = '"';
			(void)snprintf(want, sizeof(want), "t:1:%zu: %s", i + 2, faults[f].what);
			found += parse(&a, text, sizeof(text), &root, &err) < 0 &&
				 strstr(err.msg, want);
		}
		ok(found == 24, "%s at each of 24 places", faults[f].what);
	}
}

int main(void)
{
	test_refused();
	test_each_place();
	test_values();
	test_limits();
	test_paths();
	return tap_done();
}
