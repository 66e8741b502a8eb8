/* perform.c - the table of requests, and the helper's loop that serves them */
#include <errno.h>
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

int rb_net_serve(int sock)
{
	static struct rb_net_reply reply;
	rb_autofree char *data = rb_xmalloc(RB_NET_DATA_MAX);

	for (;;) {
		struct rb_net_op op;
		struct iovec iov[2] = { { &op, sizeof(op) }, { data, RB_NET_DATA_MAX } };
		rb_autofd ns_fd = -1;
		ssize_t n = rb_recv_fd(sock, iov, 2, &ns_fd);

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
