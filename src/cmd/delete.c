/* delete.c - undo what create did and forget the container */
#include <errno.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"

static int delete_one(struct rb_cli *cli, const char *root, const char *id, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	int r = rb_container_open(&c, root, id, RB_LOCK_WAIT, err);

	if (r == -ENOENT && cli->force) {
		*err = (struct rb_err) { 0 };
		return 0;
	}
	if (r < 0 && cli->force && c.store.lock_fd >= 0) {
		*err = (struct rb_err) { 0 };
		r = rb_container_open_damaged(&c, err);
	}
	if (r == 0 && !cli->force)
		r = rb_verb_check(RB_VERB_DELETE, c.status, id, err);
	return r < 0 ? r : rb_container_destroy(&c, err);
}

static int delete_container(struct rb_cli *cli, struct rb_err *err)
{
	return rb_for_matching(cli, delete_one, err);
}

static const struct rb_option options[] = {
	{ .name = "force",
	  .letter = 'f',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(force),
	  .help = "kill it first; no error when it does not exist" },
	RB_OPT_ROW_REGEX,
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_delete = {
	.name = "delete",
	.args = "ID",
	.summary = "Remove a stopped container and all that it left",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = delete_container,
};
