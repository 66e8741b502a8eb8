/* gc.c - remove what creates left that died before their end */
#include <errno.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/netctl.h"

/* Did its create come to its end, or is it at work, or did a run die only after its program ran? */
static bool is_kept(const struct rb_container *c)
{
	return c->state.complete || c->status == RB_CREATING || c->status == RB_RUNNING;
}

/* Looked at without the lock first: a create at work must not be waited for. Return: 1 removed, 0
 * not, -errno */
static int collect(const char *root, const char *id, struct rb_err *err)
{
	rb_autocontainer look = RB_CONTAINER_NONE, c = RB_CONTAINER_NONE;
	int r = rb_container_open(&look, root, id, RB_LOCK_NONE, err);

	if (r < 0 || is_kept(&look))
		return r;
	r = rb_container_open(&c, root, id, RB_LOCK_WAIT, err);
	if (r < 0 || is_kept(&c))
		return r;
	r = rb_container_destroy(&c, err);
	return r < 0 ? r : 1;
}

static int gc(struct rb_cli *cli, struct rb_err *err)
{
	rb_autobuf out = { 0 };
	struct rb_strv ids = { 0 };
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);
	int first = 0;

	if (r == 0)
		r = rb_store_list(&cli->arena, root, &ids, err);
	for (size_t i = 0; r == 0 && i < ids.n; i++) {
		struct rb_err one = { 0 };
		int got = collect(root, ids.v[i], &one);

		if (got > 0)
			rb_buf_printf(&out, "%s\n", ids.v[i]);
		/* the others get their turn; what is gone meanwhile is as good */
		if (got < 0 && got != -ENOENT && first == 0) {
			*err = one;
			first = rb_fail_add(err, "container %s", ids.v[i]);
		}
	}
	if (r == 0)
		r = rb_net_sweep(root, err);
	if (r == 0)
		r = rb_print(&out,
			     &(struct rb_err) { 0 }); /* who does not listen is told nothing */
	return first < 0 ? first : r;
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_gc = {
	.name = "gc",
	.args = "",
	.summary = "Remove what creates left that died half-way",
	.options = options,
	.run = gc,
};
