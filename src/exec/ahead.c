/* ahead.c - the network namespace, made by a thread while both sides do other rows
 *
 * No other call of a create takes as long (0.3 to 0.6 ms; all other namespaces together 0.1), and it
 * needs nothing of what comes before it. unshare(2) moves the thread alone. When lo is up, too, the thread
 * sends the namespace to the child, which is there by then or not yet, and waits for it at the row of lo;
 * the host side takes it from here for its own rows.
 *
 * Rule: nothing depends on it. A namespace belongs to the user namespace it is made in
 * (user_namespaces(7)), so there must be no other, and the child must not come from a go-between. What
 * fails here is done again by the child, which says why. Nothing outlives the process, so there is no
 * record. The thread takes no memory and prints nothing: the child is cloned at any moment of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/names.h"
#include "runbox/spec.h"

struct rb_ahead {
	pthread_t thread;
	bool joined;
	int ns_fd; /* or -errno */
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

static void *make_net(void *arg)
{
	struct rb_ahead *a = arg;

	/* whether lo is up is seen by its row, which says what is wrong */
	if (unshare(CLONE_NEWNET) == 0 && rb_loopback_up() <= 0)
		a->ns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (a->ns_fd < 0)
		a->ns_fd = -errno;
	if (a->ns_fd < 0 || rb_send_fd(a->to_child, "N", 1, a->ns_fd) < 0)
		(void)send(a->to_child, "N", 1, MSG_NOSIGNAL); /* the child may be gone */
	return NULL;
}

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
		(void)close(a->ns_fd); /* the namespace has other users */
	rb_closep(&a->to_child);
	rb_closep(&a->child);
	free(a);
}

void rb_exec_ahead(struct rb_run *run, const struct rb_spec *spec)
{
	/* the C library's own would be 8 MiB, mapped, protected and unmapped again while both sides
	 * run; one run, one thread */
	static _Alignas(4096) char stack[65536];
	pthread_attr_t attr;
	struct rb_ahead *a;
	int pair[2];

	if (!is_wanted(spec) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	a = rb_xmalloc(sizeof(*a));
	*a = (struct rb_ahead) { .ns_fd = -1, .to_child = pair[1], .child = pair[0] };
	if (pthread_attr_init(&attr) == 0 &&
	    pthread_attr_setstack(&attr, stack, sizeof(stack)) == 0 &&
	    pthread_create(&a->thread, &attr, make_net, a) == 0)
		run->ahead = a;
	else
		drop(a);
	(void)pthread_attr_destroy(&attr); /* cannot fail */
}

int rb_ahead_net(struct rb_run *run)
{
	struct rb_ahead *a = run->ahead;

	if (!a->joined) {
		int r = pthread_join(a->thread, NULL);

		if (r)
			return -r;
		a->joined = true;
	}
	return a->ns_fd;
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
	char word;
	struct iovec iov = { .iov_base = &word, .iov_len = 1 };
	rb_autofd fd = -1;
	int r;

	(void)rb_recv_fd(run->ahead->child, &iov, 1, &fd); /* without one we make it ourselves */
	r = fd >= 0 ? setns(fd, CLONE_NEWNET) : unshare(CLONE_NEWNET);

	rb_closep(&run->ahead->child);
	return r < 0 ? -errno : 0;
}
