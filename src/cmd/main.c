/* main.c - the table of verbs; the only file outside the library
 *
 * Errors are printed here: one line on stderr, one record in --log, exit status 1.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/net.h"
#include "runbox/proc.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif
#ifndef RUNBOX_COMMIT
#define RUNBOX_COMMIT "unknown"
#endif

const struct rb_cmd *const rb_cmds[] = {
	&rb_cmd_run,	&rb_cmd_create, &rb_cmd_start, &rb_cmd_state,	 &rb_cmd_kill,
	&rb_cmd_delete, &rb_cmd_exec,	&rb_cmd_pause, &rb_cmd_resume,	 &rb_cmd_update,
	&rb_cmd_events, &rb_cmd_list,	&rb_cmd_net,   &rb_cmd_ps,	 &rb_cmd_wait,
	&rb_cmd_plan,	&rb_cmd_check,	&rb_cmd_spec,  &rb_cmd_features, &rb_cmd_gc,
	NULL,
};

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_levels[] = { "error", "warning", "debug", NULL };
static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };
static const char *const rootless_words[] = { "true", "false", "auto", NULL };

const struct rb_option rb_global_options[] = {
	{ .name = "root",
	  .letter = 'r',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(root),
	  .value = "DIR",
	  .help = "where containers are kept (/run/runbox)" },
	{ .name = "log",
	  .letter = 'l',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(log),
	  .value = "FILE",
	  .help = "record errors in FILE, file:FILE, syslog:NAME, journald:NAME" },
	{ .name = "log-format",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(log_format),
	  .choices = log_formats,
	  .help = "how (text)" },
	{ .name = "log-level",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(log_level),
	  .choices = log_levels,
	  .help = "how much (error)" },
	{ .name = "debug",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(debug),
	  .help = "the same as --log-level debug" },
	{ .name = "cgroup-manager",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(cgroup_manager),
	  .choices = managers,
	  .help = "who makes cgroups (cgroupfs)" },
	{ .name = "systemd-cgroup",
	  .letter = 's',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(systemd_cgroup),
	  .help = "the same as --cgroup-manager systemd" },
	{ .name = "rootless",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(rootless),
	  .choices = rootless_words,
	  .help = "accepted; what is possible is found out" },
	{ .name = "version",
	  .letter = 'v',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(want_version),
	  .help = "print versions" },
	RB_OPT_END,
};

static enum rb_log_level log_level(const struct rb_cli *cli)
{
	static const enum rb_log_level levels[] = { RB_LOG_ERROR, RB_LOG_WARN, RB_LOG_DEBUG };

	if (cli->debug)
		return RB_LOG_DEBUG;
	for (size_t i = 0; cli->log_level && log_levels[i]; i++)
		if (rb_streq(cli->log_level, log_levels[i]))
			return levels[i];
	return RB_LOG_ERROR;
}

static int open_log(const struct rb_cli *cli, struct rb_err *err)
{
	return rb_log_open(cli->log, cli->log_format && rb_streq(cli->log_format, "json"),
			   log_level(cli), err);
}

static int print_version(const struct rb_cli *cli, struct rb_err *err)
{
	rb_autobuf out = { 0 };
	char libseccomp[32];

	rb_seccomp_version(libseccomp);
	rb_buf_printf(&out, "runbox version %s\ncommit: %s\nspec: %s\nlibseccomp: %s\n",
		      cli->version, cli->commit, RB_SPEC_VERSION, libseccomp);
	return rb_print(&out, err);
}

static int print_help(const struct rb_cmd *cmd, struct rb_err *err)
{
	rb_autobuf out = { 0 };

	rb_cli_help(cmd, &out);
	return rb_print(&out, err);
}

static int run_verb(struct rb_cli *cli, const struct rb_cmd *cmd, int argc, char **argv, int next,
		    struct rb_err *err)
{
	int r = rb_cli_parse(cli, cmd, argc, argv, next, err);

	if (r < 0)
		return r;
	if (cli->help)
		return print_help(cmd, err);
	if (cmd->flags & RB_CMD_PROTECT)
		r = rb_self_protect(argv, err);
	return r < 0 ? r : cmd->run(cli, err);
}

static int runbox(struct rb_cli *cli, int argc, char **argv, int *fail_status, struct rb_err *err)
{
	const struct rb_cmd *cmd;
	int next = argc, log, r;

	rb_self_adopt();
	r = rb_cli_globals(cli, argc, argv, &cmd, &next, err);
	log = open_log(cli, err);
	if (cmd && cmd->fail_status)
		*fail_status = cmd->fail_status;
	if (r < 0 || log < 0)
		return r < 0 ? r : log;
	if (cmd)
		return run_verb(cli, cmd, argc, argv, next, err);
	return cli->want_version ? print_version(cli, err) : print_help(NULL, err);
}

int main(int argc, char **argv)
{
	struct rb_cli cli = { .version = PACKAGE_VERSION, .commit = RUNBOX_COMMIT };
	struct rb_err err = { 0 };
	int fail_status = EXIT_FAILURE, r;

#ifdef M_TOP_PAD
	/* the heap grows once and never shrinks: this process does not live long */
	(void)mallopt(M_TOP_PAD, 256 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
	if (rb_std_open() < 0)
		return EXIT_FAILURE; /* with nowhere to say why */
	(void)signal(
		SIGPIPE,
		SIG_IGN); /* a closed pipe is an errno like others; children get the default back */
	/* who ignores it, as a caller may have left it, is not told how a child has ended (wait(2)) */
	(void)signal(SIGCHLD, SIG_DFL);
#ifdef RB_NET_IN_PROCESS
	rb_net_local = rb_net_perform;
#endif
	cli.argv = rb_args_take(argc, argv);
	r = runbox(&cli, argc, cli.argv, &fail_status, &err);
	rb_net_end();
	if (r < 0) {
		rb_log_error(&err);
		r = fail_status;
	}
	rb_arena_done(&cli.arena);
	return r;
}
