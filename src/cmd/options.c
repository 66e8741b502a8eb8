/* options.c - the parser of the command line and its help, both from the tables of verbs and
 * options
 *
 * Spellings as engines use them: --flag VALUE, --flag=VALUE, --bool, --bool=true|false, the same
 * with one dash, one-letter forms; options may stand after the id, "--" ends them.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd_priv.h"
#include "runbox/cmd.h"
#include "runbox/err.h"
#include "runbox/names.h"

/* Verbs of the contract that this version does not carry out yet. */
static const struct rb_name later[] = {
	{ "checkpoint", 0 }, { "restore", 0 }, { "mounts", 0 }, { "cp", 0 }, { NULL, 0 },
};

const char *const rb_table_formats[] = { "table", "json", NULL };

#define MAX_NAMES 64

/* The parser at one word. */
struct cursor {
	struct rb_cli *cli;
	const struct rb_option *options;
	int argc;
	char **argv;
	int i;
};

/* --- looking up --- */

static const struct rb_option help_option = {
	.name = "help",
	.letter = 'h',
	.type = RB_OPT_BOOL,
	.offset = offsetof(struct rb_cli, help),
	.help = "show this",
};

/* @name: without dashes, @len bytes of it. One letter after one dash is a short form. */
static const struct rb_option *find_option(const struct rb_option *options, const char *name,
					   size_t len, bool one_dash)
{
	for (const struct rb_option *o = options; o->name; o++) {
		if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
		if (one_dash && len == 1 && o->letter == *name)
			return o;
	}
	if ((len == 4 && strncmp(name, "help", 4) == 0) || (one_dash && len == 1 && *name == 'h'))
		return &help_option;
	return NULL;
}

static int unknown_option(const struct rb_option *options, const char *word, const char *name,
			  size_t len, struct rb_err *err)
{
	struct rb_name names[MAX_NAMES] = { 0 };
	rb_autoarena arena = { 0 };
	const char *near;
	size_t n = 0;

	for (const struct rb_option *o = options; o->name && n < MAX_NAMES - 1; o++)
		names[n++].name = o->name;
	near = rb_name_near(names, rb_arena_strndup(&arena, name, len));
	if (near)
		return rb_fail(err, RB_ERR_USAGE, "unknown option %.64s: did you mean --%s?", word,
			       near);
	return rb_fail(err, RB_ERR_USAGE, "unknown option %.64s: see --help", word);
}

/* --- values --- */

static int parse_bool(const char *word, const char *value, bool *ret, struct rb_err *err)
{
	static const struct rb_name words[] = {
		{ "true", 1 }, { "false", 0 }, { "1", 1 }, { "0", 0 }, { NULL, 0 },
	};
	const struct rb_name *row = rb_name_find(words, value);

	if (!row)
		return rb_fail(err, RB_ERR_USAGE, "%.64s: the value is true or false", word);
	*ret = row->value;
	return 0;
}

static int check_choice(const struct rb_option *o, const char *value, struct rb_err *err)
{
	rb_autobuf list = { 0 };

	for (const char *const *c = o->choices; *c; c++) {
		if (rb_streq(*c, value))
			return 0;
		rb_buf_printf(&list, "%s%s", c == o->choices ? "" : ", ", *c);
	}
	return rb_fail(err, RB_ERR_USAGE, "--%s: \"%.64s\" is none of %s", o->name, value,
		       list.data);
}

static void add_to_list(struct rb_cli *cli, struct rb_strv *list, const char *value)
{
	char **more = rb_arena_alloc(&cli->arena, (list->n + 2) * sizeof(*more));

	if (list->n)
		memcpy(more, list->v, list->n * sizeof(*more));
	more[list->n++] = rb_arena_strdup(&cli->arena, value);
	list->v = more;
}

static int set_option(struct rb_cli *cli, const struct rb_option *o, const char *word,
		      const char *value, struct rb_err *err)
{
	char *field = (char *)cli + o->offset;

	switch (o->type) {
	case RB_OPT_BOOL:
		*(bool *)field = true;
		return value ? parse_bool(word, value, (bool *)field, err) : 0;
	case RB_OPT_CHOICE:
		*(const char **)field = value;
		return check_choice(o, value, err);
	case RB_OPT_TEXT:
		*(const char **)field = value;
		return 0;
	case RB_OPT_LIST:
		add_to_list(cli, (struct rb_strv *)field, value);
		return 0;
	case RB_OPT_U32:
		if (rb_parse_u32(value, (uint32_t *)field) < 0)
			return rb_fail(err, RB_ERR_USAGE, "--%s: \"%.64s\" is no number", o->name,
				       value);
		return 0;
	}
	return rb_fail(err, RB_ERR_USAGE, "--%s: unknown type of option", o->name);
}

/* The word at the cursor is an option; leaves the cursor behind it and its value. */
static int one_option(struct cursor *c, struct rb_err *err)
{
	const char *word = c->argv[c->i++];
	bool one_dash = word[1] != '-';
	const char *name = word + (one_dash ? 1 : 2);
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct rb_option *o = find_option(c->options, name, len, one_dash);

	if (!o)
		return unknown_option(c->options, word, name, len, err);
	if (!value && o->type != RB_OPT_BOOL) {
		if (c->i == c->argc)
			return rb_fail(err, RB_ERR_USAGE, "flag needs an argument: --%s", o->name);
		value = c->argv[c->i++];
	}
	return set_option(c->cli, o, word, value, err);
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* --- what cmd.h promises --- */

static int find_cmd(const char *word, const struct rb_cmd **ret, struct rb_err *err)
{
	struct rb_name names[MAX_NAMES] = { 0 };
	const char *near;
	size_t n = 0;

	for (const struct rb_cmd *const *c = rb_cmds; *c; c++) {
		if (rb_streq((*c)->name, word)) {
			*ret = *c;
			return 0;
		}
		names[n++].name = (*c)->name;
	}
	if (rb_name_find(later, word))
		return rb_fail(err, RB_ERR_USAGE, "%s is not supported yet", word);
	near = rb_name_near(names, word);
	if (near)
		return rb_fail(err, RB_ERR_USAGE, "unknown command \"%.64s\": did you mean %s?",
			       word, near);
	return rb_fail(err, RB_ERR_USAGE, "unknown command \"%.64s\": see runbox --help", word);
}

int rb_cli_globals(struct rb_cli *cli, int argc, char **argv, const struct rb_cmd **ret_cmd,
		   int *ret_next, struct rb_err *err)
{
	struct cursor c = {
		.cli = cli, .options = rb_global_options, .argc = argc, .argv = argv, .i = 1
	};
	int r;

	*ret_cmd = NULL;
	while (c.i < argc && is_option(argv[c.i])) {
		if (rb_streq(argv[c.i], "--")) {
			c.i++;
			break;
		}
		r = one_option(&c, err);
		if (r < 0)
			return r;
	}
	if (cli->help || cli->want_version)
		return 0;
	if (c.i == argc)
		return rb_fail(err, RB_ERR_USAGE, "no command given: see runbox --help");
	*ret_next = c.i + 1;
	return find_cmd(argv[c.i], ret_cmd, err);
}

static int check_args(const struct rb_cli *cli, const struct rb_cmd *cmd, struct rb_err *err)
{
	if (cli->n_args < cmd->min_args)
		return rb_fail(err, RB_ERR_USAGE, "too few arguments: runbox %s %s", cmd->name,
			       cmd->args);
	if (cmd->max_args >= 0 && cli->n_args > cmd->max_args)
		return rb_fail(err, RB_ERR_USAGE,
			       "too many arguments from \"%.64s\" on: runbox %s %s",
			       cli->args[cmd->max_args], cmd->name, cmd->args);
	return 0;
}

int rb_cli_parse(struct rb_cli *cli, const struct rb_cmd *cmd, int argc, char **argv, int next,
		 struct rb_err *err)
{
	struct cursor c = {
		.cli = cli, .options = cmd->options, .argc = argc, .argv = argv, .i = next
	};
	bool options = true;
	int r;

	cli->args = rb_arena_alloc(&cli->arena, ((size_t)argc + 1) * sizeof(*cli->args));
	while (c.i < argc) {
		if (options && rb_streq(argv[c.i], "--")) {
			options = false;
			c.i++;
		} else if (options && is_option(argv[c.i])) {
			r = one_option(&c, err);
			if (r < 0)
				return r;
		} else {
			cli->args[cli->n_args++] = argv[c.i++];
			if (cmd->flags & RB_CMD_STOP_EARLY)
				options = false;
		}
	}
	return cli->help ? 0 : check_args(cli, cmd, err);
}

/* --- help --- */

#define HELP_COLUMN 30

static void help_option_line(const struct rb_option *o, struct rb_buf *out)
{
	rb_autobuf left = { 0 };

	if (o->letter)
		rb_buf_printf(&left, "  -%c, --%s", o->letter, o->name);
	else
		rb_buf_printf(&left, "      --%s", o->name);
	if (o->type == RB_OPT_CHOICE)
		for (const char *const *c = o->choices; *c; c++)
			rb_buf_printf(&left, "%s%s", c == o->choices ? " " : "|", *c);
	else if (o->value)
		rb_buf_printf(&left, " %s", o->value);
	if (left.len >= HELP_COLUMN)
		rb_buf_printf(out, "%s\n%*s%s\n", left.data, HELP_COLUMN, "", o->help);
	else
		rb_buf_printf(out, "%-*s%s\n", HELP_COLUMN, left.data, o->help);
}

static void help_options(const struct rb_option *options, struct rb_buf *out)
{
	for (const struct rb_option *o = options; o->name; o++)
		help_option_line(o, out);
	help_option_line(&help_option, out);
}

void rb_cli_help(const struct rb_cmd *cmd, struct rb_buf *out)
{
	if (cmd) {
		rb_buf_printf(out, "Usage: runbox [GLOBAL OPTIONS] %s [OPTIONS] %s\n\n%s.\n",
			      cmd->name, cmd->args, cmd->summary);
		if (cmd->text)
			rb_buf_printf(out, "%s\n", cmd->text);
		rb_buf_add(out, "\nOptions:\n");
		help_options(cmd->options, out);
		return;
	}
	rb_buf_add(out, "Usage: runbox [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\n"
			"Runs OCI containers from bundles: a directory with a config.json and a "
			"root file system.\n\n"
			"Commands:\n");
	for (const struct rb_cmd *const *c = rb_cmds; *c; c++)
		rb_buf_printf(out, "  %-10s%s\n", (*c)->name, (*c)->summary);
	rb_buf_add(out, "\nGlobal options:\n");
	help_options(rb_global_options, out);
	rb_buf_add(out, "\nrunbox COMMAND --help says more about one. "
			"RUNBOX_DEBUG=spec,plan,exec,state shows work.\n");
}
