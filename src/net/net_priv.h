/* net_priv.h - what the files of net/ that use libmnl share: one message and its answer
 *
 * A message is built in the buffer of struct rb_msg, sent, and answered before sending returns, for
 * netlink to the kernel is synchronous (netlink(7)).
 */
#ifndef RUNBOX_NET_PRIV_H
#define RUNBOX_NET_PRIV_H

#include <libmnl/libmnl.h>

#include "runbox/net.h"

#define RB_MSG_SIZE 8192

struct rb_msg {
	struct nlmsghdr *nlh;
	void *body; /* the fixed part after the header */
	char buf[RB_MSG_SIZE];
};

/** rb_msg_init() - an empty rtnetlink request with a fixed part of @body_size zero bytes */
void rb_msg_init(struct rb_msg *m, uint16_t type, uint16_t flags, size_t body_size);

/**
 * rb_rtnl() - send a request, wait for what the kernel says
 * @there: in the namespace of @ns_fd instead of our own
 * @cb:    for each message of an answer, or NULL
 * @why:   filled with the kernel's own words (extended ack), may be empty
 * Plain. Return: 0 or -errno
 */
int rb_rtnl(bool there, int ns_fd, struct rb_msg *m, mnl_cb_t cb, void *arg, char why[128]);

/** rb_rtnl_index() - interface index of a name. Return: > 0, -ENODEV or -errno */
int rb_rtnl_index(bool there, int ns_fd, const char *name);

/** rb_net_why() - rb_fail_sys() with the kernel's own words at the end */
int rb_net_why(struct rb_err *err, int errnum, const char *why, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* one function a verb; arguments as of rb_net_perform() */
rb_net_fn rb_net_link_add, rb_net_link_del, rb_net_link_show, rb_net_link_up, rb_net_link_move,
	rb_net_addr_add, rb_net_addr_del, rb_net_route_add, rb_net_shape, rb_net_nat,
	rb_net_nat_del, rb_net_cut;

/** rb_net_qdiscs() - the disciplines of an interface, into @info */
int rb_net_qdiscs(bool there, int ns_fd, struct rb_net_info *info, struct rb_err *err);

#endif
