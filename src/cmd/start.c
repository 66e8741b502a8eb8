/* start.c - let the program of a created container run */
#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"

static int start(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct rb_notify notify = { .fd = -1 };
	rb_autofd pidfd = -1;
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_WAIT, err);
	if (r == 0)
		r = rb_verb_check(RB_VERB_START, c.status, cli->args[0], err);
	if (r == 0)
		r = rb_notify_open(&notify, &c, err);
	if (r == 0)
		r = rb_container_start(&c, err);
	if (r == 0 && notify.fd >= 0) {
		rb_store_unlock(&c.store); /* it may take long to be ready */
		if (rb_proc_open(c.state.pid, c.state.start_time, &pidfd) == 0)
			r = rb_notify_wait(&notify, pidfd, err);
	}
	rb_notify_close(&notify);
	return r;
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_start = {
	.name = "start",
	.args = "ID",
	.summary = "Run the program of a created container",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = start,
};
