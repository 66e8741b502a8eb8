/* sync.c - the socket between host side and child side
 *
 * SOCK_SEQPACKET, so that a message is whole or not there, and the end of a side is seen as the end of
 * the stream. A message is one letter and its body: T token, pid and ignored signals, E failure, W warning,
 * F descriptor, S size of a seccomp filter, which the next ones are.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/syscalls.h"
#include "runbox/log.h"

/* Of a filter, for a message must fit into net.core.wmem_default, whose least is little more. */
#define PIECE ((size_t)4096)

static size_t piece(size_t left)
{
	return left < PIECE ? left : PIECE;
}

struct message {
	char letter;
	union {
		struct {
			unsigned token;
			pid_t pid;
			uint64_t ignored; /* rb_run.ignored */
		} t;
		struct rb_err err;
		char text[512];
		size_t size;
	} u;
};

static int send_whole(int sock, const void *data, size_t len, struct rb_err *err)
{
	while (send(sock, data, len, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return rb_fail_sys(err, errno, "the other side of the plan is gone");
	return 0;
}

static int send_message(int sock, const struct message *m, size_t body, struct rb_err *err)
{
	return send_whole(sock, m, offsetof(struct message, u) + body, err);
}

int rb_sync_gone(const struct rb_run *run, struct rb_err *err)
{
	return rb_fail_sys(err, EPIPE, "%s ended unexpectedly",
			   run->side == RB_SIDE_HOST ? "the container's first process"
						     : "the runtime");
}

/* Asked here and not in the child, to whom they have come by the clone: while this side would wait. In an
 * exec the program is found before it could be told. */
static void find_ignored(struct rb_run *run)
{
	if (run->side != RB_SIDE_HOST || run->is_exec || run->ignored != ~UINT64_C(0))
		return;
	run->ignored = 0;
	for (int sig = 1; sig < NSIG; sig++)
		if (rb_signal_is_ignored(sig))
			run->ignored |= UINT64_C(1) << (sig - 1);
}

/* @why: what sending has failed with */
static int not_sent(const struct rb_run *run, const struct rb_err *why, struct rb_err *err)
{
	if (why->errnum == EPIPE || why->errnum == ECONNRESET)
		return rb_sync_gone(run, err);
	*err = *why;
	return -why->errnum;
}

int rb_sync_signal(struct rb_run *run, unsigned token, struct rb_err *err)
{
	struct message m = { .letter = 'T', .u.t = { .token = token, .pid = run->pid } };
	struct rb_err why = { 0 };

	find_ignored(run);
	m.u.t.ignored = run->ignored;
	return send_message(run->sync, &m, sizeof(m.u.t), &why) == 0 ? 0 : not_sent(run, &why, err);
}

int rb_sync_send_filter(struct rb_run *run, struct rb_err *err)
{
	const struct rb_buf *bpf = &run->seccomp_bpf;
	struct message m = { .letter = 'S', .u.size = bpf->len };
	struct rb_err why = { 0 };
	int r = send_message(run->sync, &m, sizeof(m.u.size), &why);

	for (size_t at = 0; r == 0 && at < bpf->len; at += PIECE)
		r = send_whole(run->sync, bpf->data + at, piece(bpf->len - at), &why);
	return r == 0 ? 0 : not_sent(run, &why, err);
}

static int take_filter(struct rb_run *run, size_t size, struct rb_err *err)
{
	struct rb_buf *bpf = &run->seccomp_bpf;

	rb_buf_done(bpf);
	*bpf = (struct rb_buf) { .data = rb_xmalloc(size), .len = size, .cap = size };
	for (size_t at = 0; at < size; at += PIECE) {
		ssize_t n;

		do {
			n = recv(run->sync, bpf->data + at, piece(size - at), 0);
		} while (n < 0 && errno == EINTR);
		if (n < 0 && errno != ECONNRESET)
			return rb_fail_sys(err, errno, "receive the seccomp filter");
		if (n != (ssize_t)piece(size - at))
			return rb_sync_gone(run, err);
	}
	return 0;
}

void rb_sync_fail(int sock, const struct rb_err *failure)
{
	struct message m = { .letter = 'E', .u.err = *failure };
	const size_t len = offsetof(struct message, u) + sizeof(m.u.err);

	/* a seccomp profile may refuse sendto(2), with any errno, but hardly write(2); should that raise
	 * SIGPIPE, then nobody is left to tell, and this process ends anyway */
	if (send_message(sock, &m, sizeof(m.u.err), NULL) < 0)
		(void)!write(sock, &m, len);
}

void rb_sync_warn(int sock, const char *text)
{
	struct message m = { .letter = 'W' };
	size_t len = strnlen(text, sizeof(m.u.text) - 1);

	memcpy(m.u.text, text, len);
	(void)send_message(sock, &m, len + 1, NULL); /* a warning nobody hears stops nothing */
}

int rb_sync_send_fd(int sock, int fd, struct rb_err *err)
{
	int r = rb_send_fd(sock, "F", 1, fd);

	return r < 0 ? rb_fail_sys(err, -r, "send the terminal to the host side") : 0;
}

/* One message, and the descriptor that came with it (-1: none). Return: 1, 0 at the end, or -errno */
static int receive(int sock, struct message *m, int *fd)
{
	struct iovec iov = { .iov_base = m, .iov_len = sizeof(*m) };
	ssize_t n;

	memset(m, 0, sizeof(*m));
	n = rb_recv_fd(sock, &iov, 1, fd);
	if (n < 0)
		return n == -ECONNRESET ? 0 : (int)n;
	return n > 0;
}

/* What every receiver does with a message; 1 when it was a token. */
static int handle(const struct message *m, int *fd, int *master, struct rb_err *err)
{
	switch (m->letter) {
	case 'T':
		return 1;
	case 'E':
		if (err->kind == RB_ERR_NONE)
			*err = m->u.err;
		rb_err_terminate(err);
		return err->errnum > 0 ? -err->errnum : -EINVAL;
	case 'W':
		rb_log_warn("%.*s", (int)sizeof(m->u.text) - 1, m->u.text);
		return 0;
	case 'F':
		/* once: who is traced inside a container could be made to send another */
		if (master && *master < 0)
			*master = rb_take_fd(fd);
		return 0;
	default:
		return rb_fail(err, RB_ERR_SYS, "unknown message '%c' between the sides",
			       m->letter);
	}
}

/* Until there is something to receive; signals that @mask does not hold back have their effect meanwhile. */
static void wait_readable(int sock, const sigset_t *mask)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	while (mask && ppoll(&p, 1, NULL, mask) < 0 && errno == EINTR)
		;
}

/* The same for who holds all of them back: @end is readable when one has come that would end this process. */
static int wait_undisturbed(int sock, int end, struct rb_err *err)
{
	struct pollfd p[] = { { .fd = sock, .events = POLLIN }, { .fd = end, .events = POLLIN } };

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return rb_fail_sys(err, errno, "wait for the other side of the plan");
	/* what was begun ends as well, and the signal has its effect after that */
	return p[0].revents ? 0 : rb_fail_sys(err, EINTR, "create the container");
}

static int wait_for(int sock, const sigset_t *mask, int end, struct rb_err *err)
{
	if (end >= 0)
		return wait_undisturbed(sock, end, err);
	wait_readable(sock, mask);
	return 0;
}

int rb_sync_wait(struct rb_run *run, unsigned token, struct rb_err *err)
{
	struct message m;

	for (;;) {
		rb_autofd fd = -1;
		int r;

		r = run->side == RB_SIDE_HOST ? wait_for(run->sync, run->wait_mask, run->end, err)
					      : 0;
		if (r < 0)
			return r;
		r = receive(run->sync, &m, &fd);
		if (r < 0)
			return rb_fail_sys(err, -r, "wait for the other side of the plan");
		if (r == 0)
			return rb_sync_gone(run, err);
		r = m.letter == 'S' && run->side == RB_SIDE_CHILD
			    ? take_filter(run, m.u.size, err)
			    : handle(&m, &fd, &run->master, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		if (m.u.t.token != token)
			return rb_fail(err, RB_ERR_SYS, "the sides disagree: step %u instead of %u",
				       m.u.t.token + 1, token + 1);
		if (run->side == RB_SIDE_CHILD) {
			run->pid = m.u.t.pid;
			run->ignored = m.u.t.ignored;
		}
		return 0;
	}
}

int rb_sync_look(const struct rb_run *run, struct rb_err *err)
{
	char byte;
	ssize_t n = recv(run->sync, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET) ? rb_sync_gone(run, err) : 0;
}

int rb_sync_drain(int sock, const sigset_t *mask, int end, int *master, struct rb_err *err)
{
	struct message m;

	for (;;) {
		rb_autofd fd = -1;
		int r = wait_for(sock, mask, end, err);

		if (r < 0)
			return r;
		r = receive(sock, &m, &fd);

		if (r <= 0)
			return r < 0 ? rb_fail_sys(err, -r, "wait for the container's process") : 0;
		r = handle(&m, &fd, master, err);
		if (r < 0)
			return r;
	}
}
