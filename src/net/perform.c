/* perform.c - the table of requests, and the helper's loop that serves them */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_priv.h"
#include "runbox/fd.h"
#include "runbox/str.h"

static rb_net_fn *const verbs[RB_NET_VERBS] = {
	[RB_NET_LINK_ADD] = rb_net_link_add,   [RB_NET_LINK_DEL] = rb_net_link_del,
	[RB_NET_LINK_SHOW] = rb_net_link_show, [RB_NET_LINK_UP] = rb_net_link_up,
	[RB_NET_LINK_MOVE] = rb_net_link_move, [RB_NET_ADDR_ADD] = rb_net_addr_add,
	[RB_NET_ADDR_DEL] = rb_net_addr_del,   [RB_NET_ROUTE_ADD] = rb_net_route_add,
	[RB_NET_SHAPE] = rb_net_shape,	       [RB_NET_NAT] = rb_net_nat,
	[RB_NET_NAT_DEL] = rb_net_nat_del,     [RB_NET_CUT] = rb_net_cut,
};

int rb_net_perform(const struct rb_net_op *op, const void *data, int ns_fd,
		   struct rb_net_result *res, struct rb_err *err)
{
	*res = (struct rb_net_result) { 0 };
	if ((unsigned)op->verb >= RB_NET_VERBS || (op->there && ns_fd < 0))
		return rb_fail_sys(err, EBADMSG, "a request that is none");
	return verbs[op->verb](op, data, ns_fd, res, err);
}

/* One request and the descriptor that came with it. Return: bytes, 0 at the end, or -errno */
static ssize_t receive(int sock, struct rb_net_op *op, void *data, int *ns_fd)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = { { op, sizeof(*op) }, { data, RB_NET_DATA_MAX } };
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ns_fd, CMSG_DATA(c), sizeof(int));
	return n;
}

int rb_net_serve(int sock)
{
	static struct rb_net_reply reply;
	rb_autofree char *data = rb_xmalloc(RB_NET_DATA_MAX);

	for (;;) {
		struct rb_net_op op;
		rb_autofd ns_fd = -1;
		ssize_t n = receive(sock, &op, data, &ns_fd);

		if (n <= 0)
			return (int)n;
		reply.err = (struct rb_err) { 0 };
		if ((size_t)n < sizeof(op) || (size_t)n - sizeof(op) != op.data_len)
			reply.status =
				rb_fail_sys(&reply.err, EBADMSG, "a request of another version");
		else
			reply.status = rb_net_perform(&op, data, ns_fd, &reply.result, &reply.err);
		if (send(sock, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			return -errno;
	}
}
