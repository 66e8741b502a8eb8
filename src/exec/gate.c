/* gate.c - opening the gate behind which a created container waits
 *
 * The gate is a socket in the state directory, held by the container's first process, which closes it when
 * it goes on: a gate that refuses connections has been passed. The connection of `start` carries failures
 * back and is closed by the execve itself, so that start returns when the program runs, and knows why if not.
 * `run` starts what it has created itself: its socket to the child is that connection, and there is no gate.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"

int rb_exec_start(int state_fd, struct rb_err *err)
{
	rb_autofd conn = -1;
	int r = rb_unix_connect(state_fd, "gate", SOCK_SEQPACKET, &conn);

	return r < 0 ? rb_fail_sys(err, -r, "open the start gate") : rb_exec_start_by(conn, err);
}

int rb_exec_start_by(int conn, struct rb_err *err)
{
	if (send(conn, "S", 1, MSG_NOSIGNAL) != 1)
		return rb_fail_sys(err, errno, "open the start gate");
	return rb_sync_drain(conn, NULL, -1, NULL, err);
}

int rb_exec_gate_probe(int state_fd)
{
	rb_autofd conn = -1;
	int r = rb_unix_connect(state_fd, "gate", SOCK_SEQPACKET, &conn);

	if (r == -ECONNREFUSED || r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

/* Did the child come to its last row? Else what ended the stream was its end. */
static bool has_begun_exec(const struct rb_run *run)
{
	for (size_t i = 0; i < run->plan->len; i++)
		if (run->plan->steps[i].kind == RB_STEP_EXEC)
			return run->times[i].start_ns != 0;
	return false;
}

int rb_step_executed(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	bool wants_tty = run->plan->spec->process.terminal && run->console_sock < 0;
	int r;

	(void)step;
	rb_self_release();
	r = rb_sync_drain(run->sync, run->wait_mask, run->end, wants_tty ? &run->master : NULL,
			  err);
	return r == 0 && run->plan->straight && !has_begun_exec(run) ? rb_sync_gone(run, err) : r;
}
