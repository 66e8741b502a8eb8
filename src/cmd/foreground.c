/* foreground.c - `run` in the foreground: signals in, terminal both ways, exit status out
 *
 * One poll over signalfd, pidfd of the container's init, its terminal and the notify socket;
 * nothing is polled by time, and only a limit of time (runbox.timeoutMs) ends the wait. Our own
 * stdin and stdout are shared with others, so they are never made non-blocking: they are read and
 * written only when poll says so, in pieces that a pipe takes whole (PIPE_BUF).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"

/* Bytes on their way in one direction. */
struct pipe_buf {
	char data[PIPE_BUF];
	size_t from, to;
};

struct loop {
	struct rb_foreground *fg;
	struct pipe_buf in, out; /* stdin to the terminal, the terminal to stdout */
	bool in_open, out_open;	 /* there is more to come */
	bool mid_line;		 /* the last byte that came from stdin was no newline */
	bool dead;		 /* init is, also if who traces it has not taken in its end */
	bool ended;		 /* and there is nothing more to wait for */
	bool has_status;
	int status; /* as wait(2) gives it */
};

enum { P_SIGNALS, P_INIT, P_STDIN, P_STDOUT, P_MASTER, P_NOTIFY, P_COUNT };

/* --- our own terminal --- */

static struct termios saved;
static bool is_raw;

static void restore_terminal(void)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved); /* it may have hung up */
	is_raw = false;
}

/* Raw, but for output processing: the container's side adds no carriage returns (ONLCR off), so
 * ours does. */
static void make_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return; /* no terminal */
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return;
	is_raw = true;
	(void)atexit(restore_terminal); /* whatever way this process ends on its own */
}

/* The container's newlines pass as they are. */
static void no_carriage_returns(int master)
{
	struct termios t;

	if (tcgetattr(master, &t) < 0)
		return; /* it ended already */
	t.c_oflag &= ~(tcflag_t)ONLCR;
	(void)tcsetattr(master, TCSANOW, &t); /* as above */
}

static void resize(int master)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) < 0)
			continue;
		(void)ioctl(master, TIOCSWINSZ, &size); /* it may have ended */
		return;
	}
}

/* --- signals --- */

int rb_foreground_begin(struct rb_foreground *fg, struct rb_err *err)
{
	sigset_t all;

	if (fg->master >= 0)
		no_carriage_returns(fg->master);
	/* before the program runs: it may look at once */
	if (fg->master >= 0 && !fg->keep_size)
		resize(fg->master);
	(void)sigfillset(&all);
	/* faults of our own must end us; a write to a closed pipe is seen by its errno */
	for (const int *s =
		     (const int[]) { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, 0 };
	     *s; s++)
		(void)sigdelset(&all, *s);
	if (sigprocmask(SIG_SETMASK, &all, &fg->old_mask) < 0)
		return rb_fail_sys(err, errno, "hold back signals");
	fg->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return fg->signals < 0 ? rb_fail_sys(err, errno, "make a signalfd") : 0;
}

void rb_foreground_end(struct rb_foreground *fg)
{
	restore_terminal();
	if (fg->signals < 0)
		return;
	rb_closep(&fg->signals);
	(void)sigprocmask(SIG_SETMASK, &fg->old_mask, NULL); /* cannot fail */
}

/* Take in every child that ended: init, and orphans that came to us as the subreaper. */
static void reap(struct loop *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != l->fg->pid)
			continue;
		l->status = status;
		l->has_status = true;
		l->ended = true;
	}
	/* ptrace(2): the parent is told when the tracer has been, which may be later; if there is no
	 * child any more then somebody else has taken it in */
	if (pid < 0 && l->dead)
		l->ended = true;
}

static void handle_signal(struct loop *l, int signum)
{
	if (signum == SIGCHLD)
		reap(l);
	else if (signum == SIGWINCH && l->fg->master >= 0)
		resize(l->fg->master);
	else if (signum != SIGPIPE && l->dead)
		l->ended = true; /* whom it is for is no more */
	else if (signum != SIGPIPE)
		(void)rb_pidfd_signal(l->fg->pidfd, signum); /* it may have ended just now */
}

static int read_signals(struct loop *l, struct rb_err *err)
{
	struct signalfd_siginfo info;
	ssize_t n;

	while ((n = read(l->fg->signals, &info, sizeof(info))) == (ssize_t)sizeof(info))
		handle_signal(l, (int)info.ssi_signo);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return rb_fail_sys(err, errno, "read signals");
	return 0;
}

/* --- the terminal --- */

static bool is_empty(const struct pipe_buf *b)
{
	return b->from == b->to;
}

/* Fill an empty buffer. Return: false at the end of the source */
static bool fill(struct pipe_buf *b, int fd)
{
	ssize_t n = read(fd, b->data, sizeof(b->data));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	b->from = 0;
	b->to = (size_t)n;
	return n > 0;
}

/* Return: false when nobody takes it any more */
static bool drain(struct pipe_buf *b, int fd)
{
	ssize_t n = write(fd, b->data + b->from, b->to - b->from);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	b->from += (size_t)n;
	return true;
}

/* Our stdin ended: the program in the terminal learns of it by the character that means "end". */
static void send_eof(struct loop *l)
{
	struct termios t;

	l->in_open = false;
	if (tcgetattr(l->fg->master, &t) < 0 || !(t.c_lflag & ICANON))
		return;
	/* in the middle of a line it only hands over what is there: it takes a second one
	 * (termios(3)) */
	l->in.data[0] = l->in.data[1] = (char)t.c_cc[VEOF];
	l->in.from = 0;
	l->in.to = l->mid_line ? 2 : 1;
}

static void proxy(struct loop *l, const struct pollfd *p)
{
	if (p[P_STDIN].revents && is_empty(&l->in) && l->in_open) {
		if (!fill(&l->in, STDIN_FILENO))
			send_eof(l);
		else if (!is_empty(&l->in))
			l->mid_line = l->in.data[l->in.to - 1] != '\n';
	}
	if ((p[P_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) && is_empty(&l->out) &&
	    l->out_open && !fill(&l->out, l->fg->master))
		l->out_open = false;
	if ((p[P_MASTER].revents & POLLOUT) && !is_empty(&l->in) && !drain(&l->in, l->fg->master))
		l->in.from = l->in.to;
	if ((p[P_STDOUT].revents) && !is_empty(&l->out) && !drain(&l->out, STDOUT_FILENO))
		l->out.from = l->out.to; /* nobody reads: the container must not hang on that */
}

/* What init wrote before it ended is still in the terminal. */
static void flush_output(struct loop *l)
{
	if (l->fg->master < 0)
		return;
	do {
		if (rb_write_all(STDOUT_FILENO, l->out.data + l->out.from,
				 l->out.to - l->out.from) < 0)
			return;
		l->out.from = l->out.to;
	} while (l->out_open && fill(&l->out, l->fg->master) && !is_empty(&l->out));
}

static bool begin_terminal(struct rb_foreground *fg)
{
	int flags;

	if (fg->master < 0)
		return false;
	flags = fcntl(fg->master, F_GETFL);
	(void)fcntl(fg->master, F_SETFL, flags | O_NONBLOCK); /* ours alone */
	make_raw();
	return true;
}

/* --- the limit of time --- */

/* Return: milliseconds that are left, as poll(2) takes them; -1 for ever */
static int time_left(const struct rb_foreground *fg)
{
	uint64_t gone;

	if (!fg->limit_ms)
		return -1;
	gone = (rb_now_ns() - fg->since_ns) / 1000000;
	if (gone >= fg->limit_ms)
		return 0;
	return fg->limit_ms - gone > INT_MAX ? INT_MAX : (int)(fg->limit_ms - gone);
}

/* Once; what is left is to wait for its end. */
static void look_at_clock(struct rb_foreground *fg)
{
	if (time_left(fg) != 0)
		return;
	fg->time_over(fg);
	fg->limit_ms = 0;
}

/* --- the loop --- */

static void want(struct loop *l, struct pollfd *p)
{
	int master = l->fg->master;
	short events = 0;

	for (int i = 0; i < P_COUNT; i++)
		p[i] = (struct pollfd) { .fd = -1, .events = POLLIN };
	p[P_SIGNALS].fd = l->fg->signals;
	p[P_INIT].fd = l->dead ? -1 : l->fg->pidfd;
	p[P_NOTIFY].fd = l->fg->notify->fd;
	if (master < 0)
		return;
	if (l->in_open && is_empty(&l->in))
		p[P_STDIN].fd = STDIN_FILENO;
	if (!is_empty(&l->out))
		p[P_STDOUT] = (struct pollfd) { .fd = STDOUT_FILENO, .events = POLLOUT };
	events = (short)((l->out_open && is_empty(&l->out) ? POLLIN : 0) |
			 (!is_empty(&l->in) ? POLLOUT : 0));
	/* not listed while nothing is wanted of it: a hang-up would wake us again and again */
	if (events)
		p[P_MASTER] = (struct pollfd) { .fd = master, .events = events };
}

static int one_round(struct loop *l, struct rb_err *err)
{
	struct pollfd p[P_COUNT];
	int r = 0;

	want(l, p);
	if (poll(p, P_COUNT, time_left(l->fg)) < 0)
		return errno == EINTR ? 0 : rb_fail_sys(err, errno, "wait for the container");
	if (p[P_SIGNALS].revents)
		r = read_signals(l, err);
	if (r == 0 && p[P_NOTIFY].revents)
		r = rb_notify_read(l->fg->notify, err);
	if (r > 0)
		rb_notify_close(l->fg->notify);
	if (l->fg->master >= 0)
		proxy(l, p);
	if (p[P_INIT].revents) {
		l->dead = true;
		reap(l);
	}
	if (!l->ended)
		look_at_clock(l->fg);
	return r < 0 ? r : 0;
}

int rb_foreground_loop(struct rb_foreground *fg, int *ret_status, struct rb_err *err)
{
	struct loop l = { .fg = fg };
	int r = 0;

	l.in_open = l.out_open = begin_terminal(fg);
	while (r == 0 && !l.ended)
		r = one_round(&l, err);
	flush_output(&l);
	if (r < 0)
		return r;
	if (!l.has_status)
		return rb_fail(err, RB_ERR_SYS,
			       "the container ended, but its exit status is not known");
	*ret_status = WIFSIGNALED(l.status) ? 128 + WTERMSIG(l.status) : WEXITSTATUS(l.status);
	return 0;
}
