/* pause.c - stop all processes of a container, and let them go on */
#include "cmd/cmd_priv.h"
#include "runbox/err.h"

static int with_container(struct rb_cli *cli, enum rb_verb verb,
			  int (*act)(struct rb_container *c, struct rb_err *err),
			  struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_WAIT, err);
	if (r == 0)
		r = rb_verb_check(verb, c.status, cli->args[0], err);
	return r < 0 ? r : act(&c, err);
}

static int pause_container(struct rb_cli *cli, struct rb_err *err)
{
	return with_container(cli, RB_VERB_PAUSE, rb_container_pause, err);
}

static int resume_container(struct rb_cli *cli, struct rb_err *err)
{
	return with_container(cli, RB_VERB_RESUME, rb_container_resume, err);
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_pause = {
	.name = "pause",
	.args = "ID",
	.summary = "Stop all processes of a container where they are",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = pause_container,
};

const struct rb_cmd rb_cmd_resume = {
	.name = "resume",
	.args = "ID",
	.summary = "Let the processes of a paused container go on",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = resume_container,
};
