/* client.c - requests to netlink go to code in this process, or to the helper runbox-veth
 *
 * There is no static libmnl in Debian, and a runbox that is not static takes several times as long to
 * start. So the static one starts a helper when, and only when, a network is asked for. The helper is found
 * beside the executable of runbox or in the libexec directory; its socket is its life.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runbox/fd.h"
#include "runbox/net.h"
#include "runbox/proc.h"
#include "runbox/str.h"

#ifndef RUNBOX_LIBEXECDIR
#define RUNBOX_LIBEXECDIR "/usr/local/libexec/runbox"
#endif
#define HELPER "runbox-veth"

rb_net_fn *rb_net_local;

static struct {
	int sock; /* 0: none yet */
	pid_t pid;
	struct rb_net_reply reply;
} helper;

static int find(char *buf, size_t size)
{
	char self[4096];
	char *slash = rb_self_path(self, sizeof(self)) < 0 ? NULL : strrchr(self, '/');

	if (slash) {
		*slash = '\0';
		(void)snprintf(buf, size, "%s/" HELPER, self);
		if (access(buf, X_OK) == 0)
			return 0;
	}
	(void)snprintf(buf, size, "%s/" HELPER, RUNBOX_LIBEXECDIR);
	return access(buf, X_OK) == 0 ? 0 : -ENOENT;
}

/* Descriptor 3 of the helper is its end of the socket. posix_spawn(3), because fork(2) copies page tables. */
static int spawn(const char *path, int theirs, pid_t *ret_pid)
{
	char name[] = HELPER, verb[] = "--serve", *argv[] = { name, verb, NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, theirs, 3);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, 4);
	if (r == 0)
		r = posix_spawn(ret_pid, path, &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
	return -r;
}

/* The helper of before may not have been waited for yet. */
static void reap(void)
{
	while (helper.pid > 0 && waitpid(helper.pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	helper.pid = 0;
}

int rb_net_begin(struct rb_err *err)
{
	rb_autofd ours = -1, theirs = -1;
	char path[4096 + 32];
	int pair[2], r;

	if (rb_net_local || helper.sock > 0)
		return 0;
	if (find(path, sizeof(path)) < 0) {
		(void)rb_fail_sys(err, ENOENT, "find the program " HELPER);
		return rb_err_hint(err, "networks need it beside runbox or in " RUNBOX_LIBEXECDIR);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return rb_fail_sys(err, errno, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	reap();
	r = spawn(path, theirs, &helper.pid);
	if (r < 0) {
		helper.pid = 0;
		return rb_fail_sys(err, -r, "start %s", path);
	}
	helper.sock = rb_take_fd(&ours);
	return 0;
}

void rb_net_hang_up(void)
{
	if (helper.sock <= 0)
		return;
	/* the end of the stream, also while the container's process still has a copy of our end */
	(void)shutdown(helper.sock, SHUT_RDWR);
	(void)close(helper.sock);
	helper.sock = 0;
}

void rb_net_end(void)
{
	rb_net_hang_up();
	reap();
}

static int send_op(const struct rb_net_op *op, const void *data, int ns_fd)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov[2] = { { (void *)op, sizeof(*op) }, { (void *)data, op->data_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = data ? 2 : 1 };

	if (ns_fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.hdr = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.hdr), &ns_fd, sizeof(ns_fd));
	}
	while (sendmsg(helper.sock, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int ask_helper(const struct rb_net_op *op, const void *data, int ns_fd,
		      struct rb_net_result *res, struct rb_err *err)
{
	ssize_t n;
	int r = rb_net_begin(err);

	if (r < 0)
		return r;
	r = send_op(op, data, ns_fd);
	if (r < 0)
		return rb_fail_sys(err, -r, "ask " HELPER);
	do {
		n = recv(helper.sock, &helper.reply, sizeof(helper.reply), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(helper.reply))
		return rb_fail(err, RB_ERR_SYS, HELPER " ended, or is of another version");
	if (helper.reply.status < 0) {
		if (err->kind == RB_ERR_NONE)
			*err = helper.reply.err;
		return helper.reply.status;
	}
	if (res)
		*res = helper.reply.result;
	return 0;
}

int rb_net_call(const struct rb_net_op *op, const void *data, int ns_fd, struct rb_net_result *res,
		struct rb_err *err)
{
	struct rb_net_result unused;

	if (!rb_net_local)
		return ask_helper(op, data, ns_fd, res, err);
	return rb_net_local(op, data, ns_fd, res ? res : &unused, err);
}
