/* run.c - create, start, wait, delete in one go */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/proc.h"

/* Nothing of a run that failed stays; the failure that counts is the first. @ended: we have seen its end */
static void give_up(struct rb_container *c, const char *id, bool ended)
{
	struct rb_err err = { 0 };
	int r = ended ? rb_store_lock(&c->store, &err) : rb_container_lock(c, &err);

	if (ended)
		c->status = RB_STOPPED;
	if (r == 0)
		r = rb_container_destroy(c, &err);
	if (r < 0 && r != -ENOENT)
		rb_log_warn("container %s: %s", id, err.msg);
}

/* From create on nobody else had the lock; once the program runs, other verbs may have it. By a straight
 * plan it does already. */
static int start(struct rb_container *c, struct rb_notify *notify, struct rb_err *err)
{
	int r = 0;

	if (c->status == RB_CREATED)
		r = rb_notify_open(notify, c, err);
	if (r == 0 && c->status == RB_CREATED)
		r = rb_container_start(c, err);
	if (r == 0)
		rb_store_unlock(&c->store);
	return r;
}

static int run_detached(struct rb_launch *l, struct rb_container *c, struct rb_err *err)
{
	struct rb_notify notify = { .fd = -1 };
	rb_autofd pidfd = -1;
	int r = start(c, &notify, err);

	if (r < 0) {
		give_up(c, l->id, false);
	} else if (notify.fd >= 0) {
		/* held open by nobody else, so it is still that process */
		r = rb_proc_open(l->run.pid, l->record.start_time, &pidfd);
		r = r < 0 ? 0 : rb_notify_wait(&notify, pidfd, err);
	}
	rb_notify_close(&notify);
	return r;
}

/* As `kill --all` does it: without the lock, for a verb that hangs must not keep the container alive. */
static void time_over(struct rb_foreground *fg)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct rb_err said = { 0 }, err = { 0 };
	int r;

	(void)rb_fail_at(&said, "runbox.timeoutMs",
			 "the time limit of %" PRIu64 " ms was reached, container %s is killed",
			 fg->limit_ms, fg->id);
	rb_log_error(&said);
	r = rb_container_open(&c, fg->root, fg->id, RB_LOCK_NONE, &err);
	if (r == 0)
		r = rb_container_signal(&c, SIGKILL, true, &err);
	if (r == 0)
		return;
	rb_log_warn("container %s: %s", fg->id, err.msg);
	(void)rb_pidfd_signal(fg->pidfd, SIGKILL); /* at least that; it may have ended just now */
}

static int run_foreground(struct rb_launch *l, struct rb_container *c, struct rb_foreground *fg,
			  bool keep, struct rb_err *err)
{
	struct rb_notify notify = { .fd = -1 };
	int status = 0, r = 0;

	fg->pid = l->run.pid;
	fg->pidfd = l->run.pidfd;
	fg->master = l->run.master;
	fg->notify = &notify;
	fg->keep_size = l->spec.process.has_console_size;
	fg->limit_ms = l->run.time_limit_ms;
	fg->since_ns = rb_now_ns();
	fg->time_over = time_over;
	fg->root = l->root;
	fg->id = l->id;
	if (fg->signals < 0)
		r = rb_foreground_begin(fg, err);
	if (r == 0)
		r = start(c, &notify, err);
	if (r == 0)
		r = rb_foreground_loop(fg, &status, err);
	rb_foreground_end(fg);
	rb_notify_close(&notify);
	if (r < 0 || !keep)
		give_up(c, l->id, r == 0);
	return r < 0 ? r : status;
}

/* From the clone on all signals are held back: for the program, or, those that would end us by what
 * the caller left them, to end first what was begun. */
static int hold_signals(void *ctx, int *ret_end, struct rb_err *err)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct rb_foreground *fg = ctx;
	int r = rb_foreground_begin(fg, err);
	sigset_t mask;

	(void)sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct sigaction action;

		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL &&
		    !sigismember(&fg->old_mask, ends[i]))
			(void)sigaddset(&mask, ends[i]);
	}
	*ret_end = r < 0 ? -1 : signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return r == 0 && *ret_end < 0 ? rb_fail_sys(err, errno, "make a signalfd") : r;
}

static int run(struct rb_cli *cli, struct rb_err *err)
{
	struct rb_foreground fg = { .pidfd = -1, .master = -1, .signals = -1 };
	struct rb_container c = RB_CONTAINER_NONE;
	struct rb_launch l;
	int r;

	if (!cli->detach && !cli->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "become the reaper of the container's orphans");
	rb_launch_init(&l);
	l.run.starts = true;
	l.opts.runs = !cli->pidfd_socket; /* which can fail to take the descriptor */
	l.run.before_child = hold_signals;
	l.run.before_child_ctx = &fg;
	r = rb_launch_create(&l, cli, cli->detach, err);
	if (r == 0)
		r = rb_container_take(&c, &l.record.store, &l.run.sync, err);
	if (r == 0)
		r = cli->detach ? run_detached(&l, &c, err)
				: run_foreground(&l, &c, &fg, cli->keep, err);
	else if (c.store.dir_fd >= 0)
		give_up(&c, l.id, false);
	rb_foreground_end(&fg);
	rb_container_close(&c); /* it names the id and the root of the launch */
	rb_launch_done(&l);
	return r;
}

static const struct rb_option options[] = {
	RB_OPT_ROWS_CREATE,
	{ .name = "detach",
	  .letter = 'd',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(detach),
	  .help = "return once the program runs" },
	{ .name = "keep",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(keep),
	  .help = "do not delete the container at its end" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_run = {
	.name = "run",
	.args = "ID",
	.summary = "Create and start a container, wait for its end, delete it",
	.text = "The exit status is that of the container's process, 128 and the signal's number "
		"when it died of one.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.flags = RB_CMD_PROTECT,
	.run = run,
};
