/* fuzz_spec.c - bytes -> spec -> plan -> text, never further
 *
 * The first byte chooses the host's cgroup layout and what the command line adds, the rest is config.json.
 * Nothing is opened or run: all of it is pure.
 *
 * As a fuzzer:  clang -fsanitize=fuzzer,address,undefined ... fuzz_spec.c librunbox.a
 *               ./fuzz_spec -dict=tests/fuzz/json.dict DIR tests/fuzz/corpus
 * As a replay (-DRB_FUZZ_MAIN): each file given is run on every layout; TAP on stdout. A file named
 * x.json is taken as it is, any other has the first byte.
 */
#include <stdlib.h>
#include <string.h>

#include "runbox/err.h"
#include "runbox/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct rb_plan *plan)
{
	static const enum rb_plan_format formats[] = { RB_PLAN_TEXT, RB_PLAN_JSON, RB_PLAN_DOT };
	rb_autobuf out = { 0 };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		out.len = 0;
		rb_plan_print(plan, formats[i], NULL, &out);
	}
}

static void compile(const struct rb_spec *spec, uint8_t choice)
{
	static const enum rb_cgroup_layout layouts[] = { RB_LAYOUT_V2, RB_LAYOUT_V1,
							 RB_LAYOUT_HYBRID, RB_LAYOUT_NONE };
	struct rb_plan_opts opts = {
		.bundle = "/bundle",
		.no_pivot = choice & 4,
		.no_new_keyring = choice & 8,
		.cgroups_disabled = choice & 16,
		.has_console_socket = choice & 32,
		.detached = choice & 64,
	};
	struct rb_host host = { 0 };
	struct rb_plan plan = { 0 };
	struct rb_err err = { 0 };

	rb_host_assume(layouts[choice & 3], &host);
	if (choice & 128)
		host.euid = 1000;
	if (rb_plan_compile(&plan, spec, &host, &opts, &err) == 0)
		print_all(&plan);
	else if (!err.msg[0])
		abort(); /* refused without a word */
	rb_plan_done(&plan);
}

static void run(const uint8_t *text, size_t len, uint8_t choice)
{
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	if (rb_spec_decode("config.json", (const char *)text, len, &spec, &err) == 0)
		compile(&spec, choice);
	else if (!err.msg[0])
		abort();
	rb_spec_done(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		run(data + 1, size - 1, data[0]);
	return 0;
}

#ifdef RB_FUZZ_MAIN
#include <fcntl.h>
#include <stdio.h>

#include "runbox/fd.h"

static int replay(const char *path)
{
	rb_autofree char *text = NULL;
	const char *dot = strrchr(path, '.');
	size_t len, skip;

	if (rb_read_file(AT_FDCWD, path, SIZE_MAX / 2, &text, &len) < 0)
		return -1;
	skip = !(dot && rb_streq(dot, ".json")) && len > 0;
	for (unsigned choice = 0; choice < 256; choice += choice < 4 ? 1 : 36) {
		/* from memory that ends right behind the text */
		uint8_t *copy = rb_xmalloc(len - skip);

		if (len > skip)
			memcpy(copy, text + skip, len - skip);
		run(copy, len - skip, (uint8_t)choice);
		free(copy);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		int r = replay(argv[i]);

		failed |= r < 0;
		printf("%sok %d - %s\n", r < 0 ? "not " : "", i, argv[i]);
		fflush(stdout);
	}
	printf("1..%d\n", argc - 1);
	return failed;
}
#endif
