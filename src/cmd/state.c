/* state.c - the state of one container as JSON */
#include "cmd/cmd_priv.h"
#include "runbox/err.h"

static int state(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	rb_autobuf out = { 0 };
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_NONE, err);
	if (r < 0)
		return r;
	rb_state_print(&c.state, c.status, true, &out);
	rb_buf_add(&out, "\n");
	return rb_print(&out, err);
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_state = {
	.name = "state",
	.args = "ID",
	.summary = "Print the state of a container as JSON",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = state,
};
