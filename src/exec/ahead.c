/* ahead.c - the network namespace, made by a thread while both sides do other rows
 *
 * No other call of a create takes as long (0.3 to 0.6 ms; all other namespaces together 0.1), and
 * it needs nothing of what comes before it. unshare(2) moves the thread alone. When lo is up, too,
 * the thread sends the namespace to the child, which is there by then or not yet, and waits for it
 * at the row of lo; the host side takes it from here for its own rows.
 *
 * Rule: nothing depends on it. A namespace belongs to the user namespace it is made in
 * (user_namespaces(7)), so there must be no other, and the child must not come from a go-between.
 * What fails here is done again by the child, which says why. Nothing outlives the process, so
 * there is no record.
 *
 * Rule: the C library does not know of it. The child is cloned at any moment of it, and is alone:
 * of a lock that a thread of pthreads(7) holds in that moment it would have a copy that nobody ever
 * lets go, fork(3) of a hook would wait for it for ever, and so would set*id(2). So it is made by
 * clone(2), and uses no function of the library and no errno (raw.h). It is a thread all the same:
 * a process would be the first in a new pid namespace that the caller is about to fill, and count
 * until it is reaped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/raw.h"
#include "runbox/names.h"
#include "runbox/proc.h"
#include "runbox/spec.h"

struct rb_ahead {
	uint32_t tid; /* of the thread; 0, by the kernel, once it has ended */
	long ns_fd;   /* or -errno */
	int to_child,
		child; /* SOCK_SEQPACKET: one message, and with it the namespace if there is one */
};

int rb_loopback_up(void)
{
	/* netdevice(7): any socket will do */
	rb_autofd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo" };

	if (sock < 0 || ioctl(sock, SIOCGIFFLAGS, &req) < 0)
		return -errno;
	if (req.ifr_flags & IFF_UP)
		return 0;
	req.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &req) < 0 ? -errno : 0;
}

#ifdef RB_HAVE_RAW
/* on a stack that nobody else knows of */
#define BESIDE __attribute__((no_sanitize("address")))

/* As rb_loopback_up(); where it is not, its row tries again and says what is wrong */
static bool BESIDE loopback_up(void)
{
	struct ifreq req;
	long sock = rb_raw(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0);
	bool up = false;

	if (sock < 0)
		return false;
	__builtin_memset(&req, 0, sizeof(req));
	req.ifr_name[0] = 'l';
	req.ifr_name[1] = 'o';
	if (rb_raw(SYS_ioctl, sock, SIOCGIFFLAGS, (long)&req, 0, 0) == 0) {
		req.ifr_flags |= IFF_UP;
		up = rb_raw(SYS_ioctl, sock, SIOCSIFFLAGS, (long)&req, 0, 0) == 0;
	}
	(void)rb_raw(SYS_close, sock, 0, 0, 0, 0); /* only asked */
	return up;
}

/* One message, with the namespace if there is one: is its lo up? The child may be gone */
static void BESIDE send_net(int sock, long ns_fd, char up)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &up, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (ns_fd >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		*(int *)(void *)CMSG_DATA(&control.head) = (int)ns_fd;
	}
	if (rb_raw(SYS_sendmsg, sock, (long)&m, MSG_NOSIGNAL, 0, 0) < 0)
		(void)rb_raw(SYS_shutdown, sock, SHUT_RDWR, 0, 0, 0); /* the end is a word, too */
}

static int BESIDE make_net(void *arg)
{
	static const char path[] = "/proc/thread-self/ns/net";
	struct rb_ahead *a = arg;
	long fd = rb_raw(SYS_unshare, CLONE_NEWNET, 0, 0, 0, 0);
	bool up = false;

	if (fd == 0) {
		up = loopback_up();
		fd = rb_raw(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
	}
	a->ns_fd = fd;
	send_net(a->to_child, fd, up);
	return 0;
}

/* All signals are held back in it: those for us are for the one thread that we have. */
static int start_thread(struct rb_ahead *a)
{
	static RB_LARGE _Alignas(4096) char stack[16384]; /* one run, one thread */
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	sigset_t all, old;
	int tid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old); /* cannot fail */
	tid = clone(make_net, stack + sizeof(stack), flags, a, &a->tid, NULL, &a->tid);
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* cannot fail */
	if (tid > 0)
		rb_proc_beside(tid);
	return tid;
}
#else
static int start_thread(struct rb_ahead *a)
{
	(void)a;
	return -1; /* the child does it */
}
#endif

/* Will the plan clone the child directly, with a new network namespace and no new user namespace? */
static bool is_wanted(const struct rb_spec *spec)
{
	const struct rb_linux *l = &spec->linux_;
	bool net = false;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		if (l->namespaces[i].path ||
		    rb_ns_types[l->namespaces[i].type].flag == CLONE_NEWUSER)
			return false;
		net |= rb_ns_types[l->namespaces[i].type].flag == CLONE_NEWNET;
	}
	return net && !spec->ext.network.name && geteuid() == 0;
}

static void drop(struct rb_ahead *a)
{
	if (a->ns_fd >= 0)
		(void)close((int)a->ns_fd); /* the namespace has other users */
	rb_closep(&a->to_child);
	rb_closep(&a->child);
	free(a);
}

void rb_exec_ahead(struct rb_run *run, const struct rb_spec *spec)
{
	struct rb_ahead *a;
	int pair[2];

	run->beside = rb_proc_idle_cpu();
	if (!run->beside || !is_wanted(spec) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	a = rb_xmalloc(sizeof(*a));
	*a = (struct rb_ahead) { .ns_fd = -1, .to_child = pair[1], .child = pair[0] };
	if (start_thread(a) > 0)
		run->ahead = a;
	else
		drop(a);
}

int rb_ahead_net(struct rb_run *run)
{
	struct rb_ahead *a = run->ahead;
	uint32_t tid;

	/* set_tid_address(2): the kernel clears it and wakes us, who need not be of the same library */
	while ((tid = __atomic_load_n(&a->tid, __ATOMIC_ACQUIRE)) != 0)
		(void)syscall(SYS_futex, &a->tid, FUTEX_WAIT, tid, NULL, NULL,
			      0); /* looked at again */
	return (int)a->ns_fd;
}

void rb_ahead_done(struct rb_run *run)
{
	if (!run->ahead)
		return;
	(void)rb_ahead_net(run);
	drop(rb_take_ptr(run->ahead));
}

void rb_ahead_child(struct rb_run *run)
{
	/* so that the end of the runtime is the end of the stream */
	if (run->ahead)
		rb_closep(&run->ahead->to_child);
}

int rb_ahead_enter(struct rb_run *run)
{
	char up = 0;
	struct iovec iov = { .iov_base = &up, .iov_len = 1 };
	rb_autofd fd = -1;
	int r;

	(void)rb_recv_fd(run->ahead->child, &iov, 1, &fd); /* without one we make it ourselves */
	r = fd >= 0 ? setns(fd, CLONE_NEWNET) : unshare(CLONE_NEWNET);

	rb_closep(&run->ahead->child);
	if (r < 0)
		return -errno;
	return fd >= 0 && up;
}
