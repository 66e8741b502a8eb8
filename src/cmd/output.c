/* output.c - what verbs print: whole or not at all, and the state as engines read it
 *
 * Keys of the state in the order ociVersion, id, pid, status, bundle, rootfs, created, annotations,
 * owner.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

int rb_print(const struct rb_buf *text, struct rb_err *err)
{
	int r = rb_write_all(STDOUT_FILENO, text->data ? text->data : "", text->len);

	return r < 0 ? rb_fail_sys(err, -r, "write to standard output") : 0;
}

/* One key with what stands before it; @depth 0 is compact. */
static void key(struct rb_buf *out, const char *name, int depth, bool first)
{
	rb_buf_add(out, first ? "" : ",");
	if (depth)
		rb_buf_printf(out, "\n%*s", 2 * depth, "");
	rb_buf_json(out, name);
	rb_buf_add(out, depth ? ": " : ":");
}

static void text(struct rb_buf *out, const char *name, const char *value, int depth, bool first)
{
	key(out, name, depth, first);
	rb_buf_json(out, value);
}

void rb_state_print(struct rb_state *state, enum rb_status status, bool pretty, struct rb_buf *out)
{
	int depth = pretty;

	rb_buf_add(out, "{");
	text(out, "ociVersion", state->oci_version, depth, true);
	text(out, "id", state->id, depth, false);
	key(out, "pid", depth, false);
	rb_buf_printf(out, "%d", status == RB_STOPPED || status == RB_CREATING ? 0 : state->pid);
	text(out, "status", rb_status_name(status), depth, false);
	text(out, "bundle", state->bundle, depth, false);
	text(out, "rootfs", state->rootfs, depth, false);
	text(out, "created", state->created, depth, false);
	if (state->annotations.n) {
		key(out, "annotations", depth, false);
		rb_buf_add(out, "{");
		for (size_t i = 0; i < state->annotations.n; i++)
			text(out, state->annotations.v[i].key, state->annotations.v[i].value,
			     2 * depth, i == 0);
		rb_buf_add(out, pretty ? "\n  }" : "}");
	}
	text(out, "owner", rb_state_owner(state), depth, false);
	rb_buf_add(out, pretty ? "\n}" : "}");
}
