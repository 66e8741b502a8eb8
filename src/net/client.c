/* client.c - requests to netlink go to code in this process, or to the helper runbox-veth
 *
 * There is no static libmnl in Debian, and a runbox that is not static takes several times as long to
 * start. So the static one starts a helper when, and only when, a network is asked for. The helper is found
 * beside the executable of runbox or in the libexec directory; its socket is its life.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/helper.h"
#include "runbox/net.h"

#define HELPER "runbox-veth"

rb_net_fn *rb_net_local;

static struct {
	int sock; /* 0: none yet */
	pid_t pid;
	struct rb_net_reply reply;
} helper;

/* The helper of before may not have been waited for yet. */
static void reap(void)
{
	while (helper.pid > 0 && waitpid(helper.pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	helper.pid = 0;
}

int rb_net_begin(struct rb_err *err)
{
	static const struct rb_helper program = {
		.name = HELPER,
		.verb = "--serve",
		.needs = "networks need",
	};

	if (rb_net_local || helper.sock > 0)
		return 0;
	reap();
	return rb_helper_start(&program, &helper.sock, &helper.pid, err);
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
