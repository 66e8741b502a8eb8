/* test_options.c - the spellings that engines use, and what is refused */
#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "tap.h"

/* The parser reads these from the program; a test has its own. */
static int nothing(struct rb_cli *cli, struct rb_err *err)
{
	(void)cli;
	(void)err;
	return 0;
}

static const char *const colours[] = { "red", "green", NULL };
static const struct rb_option options[] = {
	{ .name = "bundle",
	  .letter = 'b',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(bundle),
	  .value = "DIR",
	  .help = "text" },
	{ .name = "format",
	  .letter = 'f',
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(format),
	  .choices = colours,
	  .help = "choice" },
	{ .name = "preserve-fds",
	  .type = RB_OPT_U32,
	  RB_OPT_FIELD(preserve_fds),
	  .value = "N",
	  .help = "number" },
	{ .name = "no-subreaper", .type = RB_OPT_BOOL, RB_OPT_FIELD(no_subreaper), .help = "bool" },
	{ .name = "detach",
	  .letter = 'd',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(detach),
	  .help = "bool" },
	RB_OPT_END,
};
static const struct rb_cmd verb = { .name = "verb",
				    .args = "ID",
				    .summary = "Test",
				    .options = options,
				    .min_args = 1,
				    .max_args = 1,
				    .run = nothing };
static const struct rb_cmd early = { .name = "early",
				     .args = "ID [WORD...]",
				     .summary = "Test",
				     .options = options,
				     .min_args = 1,
				     .max_args = -1,
				     .flags = RB_CMD_STOP_EARLY,
				     .run = nothing };
const struct rb_cmd *const rb_cmds[] = { &verb, &early, NULL };
const struct rb_option rb_global_options[] = {
	{ .name = "root",
	  .letter = 'r',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(root),
	  .value = "DIR",
	  .help = "text" },
	{ .name = "version",
	  .letter = 'v',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(want_version),
	  .help = "bool" },
	RB_OPT_END,
};

#define MAX_WORDS 8

/* Parse @words (ended by NULL) as the program would. */
static int parse(struct rb_cli *cli, const char *const *words, struct rb_err *err)
{
	static char *argv[MAX_WORDS + 2];
	const struct rb_cmd *cmd;
	int argc = 1, next = 0, r;

	*cli = (struct rb_cli) { 0 };
	*err = (struct rb_err) { 0 };
	argv[0] = (char *)(uintptr_t) "runbox";
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	argv[argc] = NULL;
	r = rb_cli_globals(cli, argc, argv, &cmd, &next, err);
	return r < 0 || !cmd ? r : rb_cli_parse(cli, cmd, argc, argv, next, err);
}

static void test_spellings(void)
{
	static const char *const cases[][MAX_WORDS] = {
		{ "verb", "--bundle", "/b", "id" }, { "verb", "--bundle=/b", "id" },
		{ "verb", "-bundle", "/b", "id" },  { "verb", "-bundle=/b", "id" },
		{ "verb", "-b", "/b", "id" },	    { "verb", "-b=/b", "id" },
		{ "verb", "id", "--bundle", "/b" }, { "verb", "id", "-b", "/b" },
		{ "verb", "-b", "/b", "--", "id" }, { "--root", "/r", "verb", "-b", "/b", "id" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_cli cli;
		struct rb_err err;

		ok(parse(&cli, cases[i], &err) == 0, "spelling %zu: %s", i, err.msg);
		is_str(cli.bundle, "/b", "the option's value");
		is_str(cli.n_args == 1 ? cli.args[0] : NULL, "id", "the argument");
		rb_arena_done(&cli.arena);
	}
}

static void test_bools(void)
{
	static const struct {
		const char *words[MAX_WORDS];
		bool value;
	} cases[] = {
		{ { "verb", "-no-subreaper", "id" }, true },
		{ { "verb", "--no-subreaper", "id" }, true },
		{ { "verb", "--no-subreaper=true", "id" }, true },
		{ { "verb", "--no-subreaper=false", "id" }, false },
		{ { "verb", "--no-subreaper", "--no-subreaper=0", "id" }, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_cli cli;
		struct rb_err err;

		ok(parse(&cli, cases[i].words, &err) == 0, "bool %zu: %s", i, err.msg);
		ok(cli.no_subreaper == cases[i].value, "its value");
		rb_arena_done(&cli.arena);
	}
}

static void test_refusals(void)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *text;
	} cases[] = {
		{ { "verb", "id", "--bundle" }, "flag needs an argument: --bundle" },
		{ { "verb", "id", "--bundel", "x" }, "did you mean --bundle" },
		{ { "verb", "--detach=maybe", "id" }, "true or false" },
		{ { "verb", "--format", "blue", "id" }, "none of red, green" },
		{ { "verb", "--preserve-fds", "-1", "id" }, "is no number" },
		{ { "verb", "--preserve-fds=4294967296", "id" }, "is no number" },
		{ { "verb" }, "too few arguments" },
		{ { "verb", "a", "b" }, "too many arguments" },
		{ { "verbb", "a" }, "did you mean verb" },
		{ { "checkpoint", "--help" }, "not supported yet" },
		{ { "--nonsense", "verb" }, "unknown option" },
		{ { NULL }, "no command given" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_cli cli;
		struct rb_err err;

		ok(parse(&cli, cases[i].words, &err) < 0, "refused");
		ok(strstr(err.msg, cases[i].text) != NULL, "%s: %s", cases[i].text, err.msg);
		rb_arena_done(&cli.arena);
	}
}

static void test_stop_early(void)
{
	struct rb_cli cli;
	struct rb_err err;

	ok(parse(&cli, (const char *const[]) { "early", "-d", "id", "-b", "x", NULL }, &err) == 0,
	   "options after the id are not ours");
	is_num(cli.n_args, 3, "three arguments");
	ok(cli.detach && !cli.bundle, "only what stood before it was taken");
	rb_arena_done(&cli.arena);
}

static void test_help(void)
{
	rb_autobuf out = { 0 };

	rb_cli_help(&verb, &out);
	for (const struct rb_option *o = options; o->name; o++)
		ok(strstr(out.data, o->name) != NULL, "help has --%s", o->name);
	rb_cli_help(NULL, &out);
	ok(strstr(out.data, "early") != NULL, "help has every verb");
}

int main(void)
{
	test_spellings();
	test_bools();
	test_refusals();
	test_stop_early();
	test_help();
	return tap_done();
}
