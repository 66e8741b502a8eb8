/* child.c - what the container's first process does between its rows: waiting and hiding
 *
 * It is non-dumpable from the moment on that host descriptors could be of use to somebody who traces
 * it (CVE-2016-9962), and holds no host descriptor from the moment on that it looks for its program. It
 * dies with the runtime until it is ready (PR_SET_PDEATHSIG, which a change of ids clears), where it
 * waits for its start until it is recorded, and where it goes straight on until it has found its program
 * (the end of the sync socket).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"
#include "runbox/log.h"
#include "runbox/net.h"

/* close_range(2), or one by one where the kernel (before 5.9) or a filter does not have it */
static void close_span(unsigned from, unsigned to)
{
	struct rlimit limit = { .rlim_cur = 0 };

	if (close_range(from, to, 0) == 0)
		return;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	/* the program's own may be in force already, and lower than what is open */
	if (limit.rlim_cur < 65536)
		limit.rlim_cur = 65536;
	for (unsigned fd = from; fd <= to && fd < limit.rlim_cur; fd++)
		(void)close((int)fd);
}

/* The least descriptor of @keep that is not below @from, or -1 */
static int next_kept(const int *keep, size_t n, unsigned from)
{
	int least = -1;

	for (size_t i = 0; i < n; i++)
		if (keep[i] >= 0 && (unsigned)keep[i] >= from && (least < 0 || keep[i] < least))
			least = keep[i];
	return least;
}

void rb_close_others(const struct rb_run *run, const int *keep, size_t n)
{
	unsigned from = 3 + run->preserve_fds;
	int next;

	while ((next = next_kept(keep, n, from)) >= 0) {
		if ((unsigned)next > from)
			close_span(from, (unsigned)next - 1);
		from = (unsigned)next + 1;
	}
	close_span(from, ~0u);
}

/* Forget descriptors that rb_close_others() has closed. */
static void forget(struct rb_run *run)
{
	run->bundle_fd = run->state_fd = run->pidfd = run->target = run->gate = -1;
	run->root_tree = run->root_fd = run->master = run->program = -1;
	if (run->sources)
		for (size_t i = 0; i < run->plan->spec->n_mounts; i++)
			run->sources[i] = -1;
}

void rb_child_shed(struct rb_run *run)
{
	struct rb_child *child = rb_child_of(run);
	const int gate = run->gate;
	const int keep[] = { run->sync,	       gate,	       run->seccomp_sock,
			     child->tty,       child->init_fd, child->init_go[0],
			     child->init_go[1] };

	rb_close_others(run, keep, sizeof(keep) / sizeof(keep[0]));
	forget(run);
	run->gate = gate;
	run->proc_fd = run->console_sock = -1;
	child->null_fd = child->mask_tree = child->dir_fd = child->cwd_fd = -1;
}

/* The runtime may have died since the clone: then the first barrier sees the end of the socket. */
void rb_child_enter(struct rb_run *run)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* belt; the socket is the braces */
	if (run->birth) {
		rb_closep(&run->target);
		forget(run);
		run->host_sync = -1;
		run->root_fd =
			open("/", O_PATH | O_DIRECTORY | O_CLOEXEC); /* -1: what needs it says so */
		return;
	}
	rb_closep(&run->host_sync);
	/* an unprivileged caller writes the id maps by way of /proc/PID, which a non-dumpable
	 * process hides from its own user; in its new user namespace nobody hostile is yet */
	if (!(run->plan->new_ns & CLONE_NEWUSER))
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int rb_step_barrier(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	unsigned token = (unsigned)(step - run->plan->steps);
	int r;

	/* once the host side has been told, it may end at any moment and rightly so; from here on
	 * the end of the socket alone tells a death from a success */
	if (run->side == RB_SIDE_CHILD && step->u.barrier.from == RB_SIDE_CHILD &&
	    !run->die_with_parent)
		(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (step->u.barrier.from == run->side)
		return rb_sync_signal(run, token, err);
	/* where the host side waits, its rows of the network are done */
	if (run->side == RB_SIDE_HOST) {
		rb_net_hang_up();
		rb_self_release();
	}
	r = rb_sync_wait(run, token, err);
	if (run->side == RB_SIDE_CHILD)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the maps are written by now */
	return r;
}

int rb_step_time_limit(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)err; /* cannot fail */
	run->time_limit_ms = (uint64_t)step->u.number.value;
	return 0;
}

/* The word of who starts it. Return: 1; 0 from one that only looks (rb_exec_gate_probe()), or is gone */
static int hear_start(int conn)
{
	char word;
	ssize_t n;

	do {
		n = recv(conn, &word, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 && word == 'S';
}

/* Wait at the gate for a `start`; the connection of one that only looks is let go. */
static int wait_at_gate(int gate, struct rb_err *err)
{
	for (;;) {
		rb_autofd conn = accept4(gate, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (conn < 0)
			return rb_fail_sys(err, errno, "wait at the start gate");
		if (hear_start(conn))
			return rb_take_fd(&conn);
	}
}

int rb_step_gate(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_child *child = rb_child_of(run);
	int by = run->starts ? run->sync : run->gate;

	(void)step;
	if (by < 0)
		return 0;
	rb_log_forward(-1, NULL);
	if (!run->starts)
		rb_closep(&run->sync);
	run->sync = run->starts ? by : wait_at_gate(by, err);
	if (run->sync < 0)
		return run->sync;
	if (run->starts && !hear_start(by))
		_exit(1); /* nobody is left to start it, or to be told */
	child->started_ns = rb_now_ns();
	if (!run->starts)
		(void)close(by);
	/* failures from here on are for who starts it */
	rb_log_forward(run->sync, rb_sync_warn);
	return 0;
}
