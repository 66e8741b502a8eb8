/* addr.c - addresses of devices, and routes
 *
 * Source: rtnetlink(7), kernel include/uapi/linux/if_addr.h and rtnetlink.h.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net_priv.h"

static int put_addr(const struct rb_net_op *op, int ns_fd, uint16_t type, uint16_t flags,
		    struct rb_msg *m, struct rb_err *err)
{
	int index = rb_rtnl_index(op->there, ns_fd, op->name);
	struct ifaddrmsg *ifa;

	if (index < 0)
		return rb_fail_sys(err, -index, "find the device %s", op->name);
	rb_msg_init(m, type, flags, sizeof(*ifa));
	ifa = m->body;
	ifa->ifa_family = op->addr.family;
	ifa->ifa_prefixlen = op->addr.prefix;
	/* no duplicate detection: the address would be of no use for its first second (RFC 4862) */
	ifa->ifa_flags = op->addr.family == AF_INET6 ? IFA_F_NODAD : 0;
	ifa->ifa_index = (uint32_t)index;
	mnl_attr_put(m->nlh, IFA_LOCAL, rb_ip_bits(&op->addr) / 8, op->addr.bytes);
	mnl_attr_put(m->nlh, IFA_ADDRESS, rb_ip_bits(&op->addr) / 8, op->addr.bytes);
	return 0;
}

/** rb_net_addr_add() - one that is there already is no error: res->made tells */
int rb_net_addr_add(const struct rb_net_op *op, const void *data, int ns_fd,
		    struct rb_net_result *res, struct rb_err *err)
{
	struct rb_msg m;
	char why[128] = "", text[64];
	int r = put_addr(op, ns_fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &m, err);

	(void)data;
	if (r < 0)
		return r;
	r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	res->made = r == 0;
	if (r == -EEXIST)
		return 0;
	return r < 0 ? rb_net_why(err, -r, why, "give %s the address %s", op->name,
				  rb_ip_format(&op->addr, true, text))
		     : 0;
}

/** rb_net_addr_del() - "gone" is success */
int rb_net_addr_del(const struct rb_net_op *op, const void *data, int ns_fd,
		    struct rb_net_result *res, struct rb_err *err)
{
	struct rb_msg m;
	char why[128] = "", text[64];
	int r;

	(void)data, (void)res;
	if (rb_rtnl_index(op->there, ns_fd, op->name) == -ENODEV)
		return 0;
	r = put_addr(op, ns_fd, RTM_DELADDR, 0, &m, err);
	if (r < 0)
		return r;
	r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	if (r == -EADDRNOTAVAIL || r == -ENODEV)
		return 0;
	return r < 0 ? rb_net_why(err, -r, why, "take the address %s from %s",
				  rb_ip_format(&op->addr, true, text), op->name)
		     : 0;
}

/** rb_net_route_add() - to op->addr, or by default when it has no family, by way of op->gateway */
int rb_net_route_add(const struct rb_net_op *op, const void *data, int ns_fd,
		     struct rb_net_result *res, struct rb_err *err)
{
	size_t size = rb_ip_bits(&op->gateway) / 8;
	struct rb_msg m;
	struct rtmsg *rt;
	char why[128] = "", to[64] = "default", via[64];
	int r;

	(void)data, (void)res;
	rb_msg_init(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*rt));
	rt = m.body;
	rt->rtm_family = op->gateway.family;
	rt->rtm_table = RT_TABLE_MAIN;
	rt->rtm_protocol = RTPROT_STATIC;
	rt->rtm_scope = RT_SCOPE_UNIVERSE;
	rt->rtm_type = RTN_UNICAST;
	if (op->addr.family) {
		rt->rtm_dst_len = op->addr.prefix;
		mnl_attr_put(m.nlh, RTA_DST, size, op->addr.bytes);
		(void)rb_ip_format(&op->addr, true, to); /* returns its buffer */
	}
	mnl_attr_put(m.nlh, RTA_GATEWAY, size, op->gateway.bytes);
	r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	return r < 0 ? rb_net_why(err, -r, why, "route %s via %s", to,
				  rb_ip_format(&op->gateway, false, via))
		     : 0;
}
