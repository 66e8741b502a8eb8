/* notify.c - sd_notify(3) between the container and the host's service manager
 *
 * The container writes to notify.sock in its state directory, mounted at /run/notify. Of what it
 * says only READY=1 goes on, with the pid as the host sees it: everything else (MAINPID, FDSTORE
 * ...) would let the container speak for the host's service. Source: sd_notify(3).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

#define MESSAGE_MAX 4096

int rb_notify_open(struct rb_notify *n, const struct rb_container *c, struct rb_err *err)
{
	rb_autofd dir =
		openat(c->store.dir_fd, "notify", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *host = getenv("NOTIFY_SOCKET");
	int r;

	*n = (struct rb_notify) { .fd = -1, .pid = c->state.pid };
	if (!host || !*host || dir < 0)
		return 0;
	r = rb_unix_listen(dir, "notify.sock", SOCK_DGRAM, &n->fd);
	if (r < 0)
		return rb_fail_sys(err, -r, "bind the notify socket");
	/* the container's user is another one; only who is in the container gets to the directory
	 */
	if (fchmodat(dir, "notify.sock", 0777, 0) < 0)
		return rb_fail_sys(err, errno, "open the notify socket to the container");
	return 0;
}

void rb_notify_close(struct rb_notify *n)
{
	rb_closep(&n->fd);
}

/* Send @text, and @fd if there is one, to $NOTIFY_SOCKET ("@" stands for the abstract namespace).
 */
static int tell_host(const char *text, int fd, struct rb_err *err)
{
	const char *host = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = host ? strlen(host) : 0;
	rb_autofd sock = -1;
	int r;

	if (len == 0)
		return 0;
	if (len >= sizeof(addr.sun_path))
		return rb_fail(err, RB_ERR_SYS, "NOTIFY_SOCKET is too long");
	memcpy(addr.sun_path, host, len);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = '\0';
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (const struct sockaddr *)&addr,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return rb_fail_sys(err, errno, "connect to NOTIFY_SOCKET %s", host);
	r = fd >= 0 ? rb_send_fd(sock, text, strlen(text), fd)
		    : rb_write_all(sock, text, strlen(text));
	return r < 0 ? rb_fail_sys(err, -r, "write to NOTIFY_SOCKET %s", host) : 0;
}

/* READY and MAINPID, then a barrier: the service manager closes the descriptor once it has read
 * them all, and only then may this process end. */
static int forward_ready(const struct rb_notify *n, struct rb_err *err)
{
	rb_autofd read_end = -1, write_end = -1;
	struct pollfd p;
	char text[64];
	int ends[2], r;

	(void)snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", n->pid);
	r = tell_host(text, -1, err);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return rb_fail_sys(err, errno, "make a pipe");
	read_end = ends[0];
	write_end = ends[1];
	r = tell_host("BARRIER=1", write_end, err);
	if (r < 0)
		return r;
	rb_closep(&write_end);
	p = (struct pollfd) { .fd = read_end };
	(void)poll(&p, 1, 5000); /* a manager that knows no barrier keeps the descriptor: go on */
	return 0;
}

int rb_notify_read(struct rb_notify *n, struct rb_err *err)
{
	char text[MESSAGE_MAX + 1];
	ssize_t len = recv(n->fd, text, MESSAGE_MAX, MSG_DONTWAIT);
	int r;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : rb_fail_sys(err, errno, "read the notify socket");
	text[len] = '\0';
	for (char *line = text, *end; line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (!rb_streq(line, "READY=1"))
			continue;
		r = forward_ready(n, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

int rb_notify_wait(struct rb_notify *n, int pidfd, struct rb_err *err)
{
	struct pollfd p[] = { { .fd = n->fd, .events = POLLIN },
			      { .fd = pidfd, .events = POLLIN } };
	int r = 0;

	while (n->fd >= 0 && r == 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return rb_fail_sys(err, errno, "wait for the container to be ready");
		if (p[0].revents)
			r = rb_notify_read(n, err);
		else if (p[1].revents)
			break; /* it ended and never was */
	}
	return r < 0 ? r : 0;
}
