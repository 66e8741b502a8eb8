/* wait.c - block until a container has stopped
 *
 * Its exit status goes to its parent, so it cannot be told here: 0 says that it has stopped.
 */
#include <errno.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"

static int wait_container(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	rb_autofd pidfd = -1;
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_SETTLED, err);
	if (r < 0 || c.status == RB_STOPPED)
		return r;
	if (c.status == RB_CREATING)
		return rb_fail(err, RB_ERR_STATE, "container %s is being created", cli->args[0]);
	r = rb_proc_open(c.state.pid, c.state.start_time, &pidfd);
	if (r == 0)
		r = rb_pidfd_wait(pidfd, -1);
	return r < 0 && r != -ESRCH ? rb_fail_sys(err, -r, "wait for container %s", cli->args[0])
				    : 0;
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_wait = {
	.name = "wait",
	.args = "ID",
	.summary = "Wait until a container has stopped",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = wait_container,
};
