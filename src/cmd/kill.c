/* kill.c - a signal to the container's init, or to all its processes
 *
 * Takes no lock: a pidfd whose start time was checked cannot hit another process, and a verb that
 * hangs must not keep anybody from ending the container.
 */
#include <signal.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/names.h"

static int kill_one(struct rb_cli *cli, const char *root, const char *id, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	int signum = cli->n_args > 1 ? rb_signal_parse(cli->args[1]) : SIGTERM;
	int r;

	if (signum < 0)
		return rb_fail(err, RB_ERR_USAGE, "unknown signal \"%.64s\"", cli->args[1]);
	r = rb_container_open(&c, root, id, RB_LOCK_SETTLED, err);
	/* engines send --all once more when init has ended, for what it may have left */
	if (r == 0 && !(cli->all && c.status == RB_STOPPED))
		r = rb_verb_check(RB_VERB_KILL, c.status, id, err);
	return r < 0 ? r : rb_container_signal(&c, signum, cli->all, err);
}

static int kill_container(struct rb_cli *cli, struct rb_err *err)
{
	return rb_for_matching(cli, kill_one, err);
}

static const struct rb_option options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(all),
	  .help = "to every process of the container" },
	RB_OPT_ROW_REGEX,
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_kill = {
	.name = "kill",
	.args = "ID [SIGNAL]",
	.summary = "Send a signal (TERM) to the container's first process",
	.text = "SIGNAL is a name with or without SIG, or a number; 0 only asks whether it is "
		"there.",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = kill_container,
};
