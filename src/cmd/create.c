/* create.c - a container that waits for start */
#include "cmd/cmd_priv.h"

static int create(struct rb_cli *cli, struct rb_err *err)
{
	struct rb_launch l;
	int r;

	rb_launch_init(&l);
	r = rb_launch_create(&l, cli, true, err);
	rb_launch_done(&l);
	return r;
}

static const struct rb_option options[] = { RB_OPT_ROWS_CREATE, RB_OPT_END };

const struct rb_cmd rb_cmd_create = {
	.name = "create",
	.args = "ID",
	.summary = "Create a container from a bundle; its program waits for start",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.flags = RB_CMD_PROTECT,
	.run = create,
};
