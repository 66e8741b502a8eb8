/* link.c - network devices: made, removed, moved, looked at
 *
 * A veth pair is made by one message: the host's end up and in its bridge, the other end in the other
 * namespace with its final name. Nothing is renamed or moved afterwards. Source: rtnetlink(7), kernel
 * include/uapi/linux/if_link.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net_priv.h"
#include "runbox/fd.h"
#include "runbox/str.h"

static const char *const kinds[RB_NET_LINK_KINDS] = {
	[RB_NET_VETH] = "veth", [RB_NET_MACVLAN] = "macvlan", [RB_NET_IPVLAN] = "ipvlan",
	[RB_NET_VLAN] = "vlan", [RB_NET_BRIDGE] = "bridge",
};

static void set_up(struct ifinfomsg *ifi)
{
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
}

/* What a device of a namespace has whatever its kind. */
static void put_common(struct nlmsghdr *nlh, const char *name, bool has_mac, const uint8_t mac[6],
		       uint32_t mtu)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (has_mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
}

/* The other end of the pair; it is what the container gets. It cannot be up before it has a peer itself. */
static void put_peer(struct nlmsghdr *nlh, const struct rb_net_op *op, int ns_fd)
{
	struct nlattr *peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg)); /* zero */
	put_common(nlh, op->peer, op->has_peer_mac, op->peer_mac, op->mtu);
	if (op->there)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)ns_fd);
	mnl_attr_nest_end(nlh, peer);
}

static void put_kind(struct nlmsghdr *nlh, const struct rb_net_op *op, int ns_fd)
{
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kinds[op->kind]);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	switch (op->kind) {
	case RB_NET_VETH:
		put_peer(nlh, op, ns_fd);
		break;
	case RB_NET_MACVLAN:
		mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, op->mode);
		break;
	case RB_NET_IPVLAN:
		mnl_attr_put_u16(nlh, IFLA_IPVLAN_MODE, (uint16_t)op->mode);
		break;
	case RB_NET_VLAN:
		mnl_attr_put_u16(nlh, IFLA_VLAN_ID, (uint16_t)op->vlan_id);
		break;
	case RB_NET_BRIDGE:
	case RB_NET_LINK_KINDS:
		break;
	}
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

/* The device that another one hangs on: a bridge, or the parent of a macvlan. */
static int put_upper(struct rb_msg *m, const struct rb_net_op *op, struct rb_err *err)
{
	uint16_t attr = op->kind == RB_NET_VETH ? IFLA_MASTER : IFLA_LINK;
	int index;

	if (!op->master[0])
		return 0;
	index = rb_rtnl_index(false, -1, op->master);
	if (index < 0)
		return rb_fail_sys(err, -index, "find the device %s", op->master);
	mnl_attr_put_u32(m->nlh, attr, (uint32_t)index);
	return 0;
}

static int set_up_by_name(bool there, int ns_fd, const char *name, struct rb_err *err)
{
	struct rb_msg m;
	char why[128] = "";
	int r;

	rb_msg_init(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	set_up(m.body);
	mnl_attr_put_strz(m.nlh, IFLA_IFNAME, name);
	r = rb_rtnl(there, ns_fd, &m, NULL, NULL, why);
	return r < 0 ? rb_net_why(err, -r, why, "set the device %s up", name) : 0;
}

/**
 * rb_net_link_add() - make a device; a bridge that is there already is taken as it is
 *
 * A veth's name is that of the end that stays here; a macvlan, ipvlan or vlan is made in the other namespace
 * at once.
 */
int rb_net_link_add(const struct rb_net_op *op, const void *data, int ns_fd,
		    struct rb_net_result *res, struct rb_err *err)
{
	bool moves = op->kind != RB_NET_VETH && op->kind != RB_NET_BRIDGE && op->there;
	struct rb_msg m;
	const char *kind = op->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[op->kind] : "device";
	char why[128] = "";
	int r;

	(void)data;
	rb_msg_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	set_up(m.body);
	put_common(m.nlh, op->name, op->has_mac, op->mac, op->mtu);
	r = put_upper(&m, op, err);
	if (r < 0)
		return r;
	if (moves)
		mnl_attr_put_u32(m.nlh, IFLA_NET_NS_FD, (uint32_t)ns_fd);
	put_kind(m.nlh, op, ns_fd);
	r = rb_rtnl(false, -1, &m, NULL, NULL, why);
	res->made = r == 0;
	if (r == -EEXIST && op->kind == RB_NET_BRIDGE)
		return 0;
	if (r == -EOPNOTSUPP || r == -ENODEV)
		return rb_fail_sys(err, -r, "make %s %s: this kernel has no %s devices", kind,
				   op->name, kind);
	if (r < 0)
		return rb_net_why(err, -r, why, "make %s %s", kind, op->name);
	return op->kind == RB_NET_VETH ? set_up_by_name(op->there, ns_fd, op->peer, err) : 0;
}

/* --- looking at one --- */

static void copy_name(char to[RB_NET_NAME], const struct nlattr *attr)
{
	(void)snprintf(to, RB_NET_NAME, "%.*s", (int)mnl_attr_get_payload_len(attr),
		       (const char *)mnl_attr_get_payload(attr));
}

static void take_kind(const struct nlattr *info, struct rb_net_info *i)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_name(i->kind, attr);
}

static void take_stats(const struct nlattr *attr, struct rb_net_info *i)
{
	struct rtnl_link_stats64 s = { 0 };
	size_t n = mnl_attr_get_payload_len(attr);

	memcpy(&s, mnl_attr_get_payload(attr), n < sizeof(s) ? n : sizeof(s));
	i->rx_bytes = s.rx_bytes;
	i->rx_packets = s.rx_packets;
	i->rx_drops = s.rx_dropped;
	i->tx_bytes = s.tx_bytes;
	i->tx_packets = s.tx_packets;
	i->tx_drops = s.tx_dropped;
}

static int take_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct rb_net_info *i = arg;
	const struct nlattr *attr;

	i->index = (uint32_t)ifi->ifi_index;
	i->flags = ifi->ifi_flags;
	i->up = ifi->ifi_flags & IFF_UP;
	i->carrier = ifi->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each (attr, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			copy_name(i->name, attr);
			break;
		case IFLA_MTU:
			i->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			i->has_mac = mnl_attr_get_payload_len(attr) == 6;
			if (i->has_mac)
				memcpy(i->mac, mnl_attr_get_payload(attr), 6);
			break;
		case IFLA_LINKINFO:
			take_kind(attr, i);
			break;
		case IFLA_STATS64:
			take_stats(attr, i);
			break;
		default:
			break;
		}
	}
	return 0;
}

static int look(bool there, int ns_fd, const char *name, struct rb_net_info *ret)
{
	struct rb_msg m;

	*ret = (struct rb_net_info) { 0 };
	rb_msg_init(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m.nlh, IFLA_IFNAME, name);
	return rb_rtnl(there, ns_fd, &m, take_link, ret, NULL);
}

static int take_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct rb_net_info *i = arg;
	const struct nlattr *attr, *best = NULL;

	if (ifa->ifa_index != i->index || i->n_addrs == RB_NET_MAX_ADDRS)
		return 0;
	/* of a point-to-point link IFA_ADDRESS is the other end's (linux/if_addr.h) */
	mnl_attr_for_each (attr, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(attr) == IFA_LOCAL ||
		    (mnl_attr_get_type(attr) == IFA_ADDRESS && !best))
			best = attr;
	}
	if (best && mnl_attr_get_payload_len(best) <= 16) {
		struct rb_ip *ip = &i->addrs[i->n_addrs++];

		ip->family = ifa->ifa_family;
		ip->prefix = ifa->ifa_prefixlen;
		memcpy(ip->bytes, mnl_attr_get_payload(best), mnl_attr_get_payload_len(best));
	}
	return 0;
}

/** rb_net_link_show() - a device with its addresses, disciplines and counters */
int rb_net_link_show(const struct rb_net_op *op, const void *data, int ns_fd,
		     struct rb_net_result *res, struct rb_err *err)
{
	struct rb_msg m;
	int r = look(op->there, ns_fd, op->name, &res->info);

	(void)data;
	if (r < 0)
		return rb_fail_sys(err, -r, "look at the device %s", op->name);
	rb_msg_init(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	r = rb_rtnl(op->there, ns_fd, &m, take_addr, &res->info, NULL);
	if (r < 0)
		return rb_fail_sys(err, -r, "list the addresses of %s", op->name);
	return rb_net_qdiscs(op->there, ns_fd, &res->info, err);
}

/* --- changing one --- */

/**
 * rb_net_link_del() - remove a device, and with a veth its other end
 *
 * The link layer address, which was drawn for this device alone, tells it from another one that got its name
 * meanwhile.
 */
int rb_net_link_del(const struct rb_net_op *op, const void *data, int ns_fd,
		    struct rb_net_result *res, struct rb_err *err)
{
	struct ifinfomsg *ifi;
	struct rb_msg m;
	char why[128] = "";
	int r = look(op->there, ns_fd, op->name, &res->info);

	(void)data;
	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return rb_fail_sys(err, -r, "look at the device %s", op->name);
	if (op->has_mac && (!res->info.has_mac || memcmp(op->mac, res->info.mac, 6) != 0))
		return 0;
	rb_msg_init(&m, RTM_DELLINK, 0, sizeof(*ifi));
	ifi = m.body;
	ifi->ifi_index = (int)res->info.index;
	r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	if (r < 0 && r != -ENODEV)
		return rb_net_why(err, -r, why, "remove the device %s", op->name);
	res->made = r == 0;
	return 0;
}

/** rb_net_link_up() - IFF_UP */
int rb_net_link_up(const struct rb_net_op *op, const void *data, int ns_fd,
		   struct rb_net_result *res, struct rb_err *err)
{
	(void)data, (void)res;
	return set_up_by_name(op->there, ns_fd, op->name, err);
}

/* --- moving one to another namespace --- */

/* Addresses do not move with a device; those that are there for good are given to it again
 * (config-linux.md "Network Devices"). */
static int give_addresses(bool there, int ns_fd, const char *name, const struct rb_net_info *info,
			  struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_ADDR_ADD, .there = there };
	struct rb_net_result unused;
	int r = 0;

	memcpy(op.name, name, RB_NET_NAME);
	for (uint32_t i = 0; i < info->n_addrs && r == 0; i++) {
		op.addr = info->addrs[i];
		/* the kernel makes link-local ones itself */
		if (rb_ip_is_link_local(&op.addr))
			continue;
		r = rb_net_addr_add(&op, NULL, ns_fd, &unused, err);
	}
	return r;
}

/* Is the device that is called so there the one with this link layer address, if one is given? */
static int is_there(const struct rb_net_op *op, int ns_fd, const char *name,
		    struct rb_net_info *info)
{
	int r = look(true, ns_fd, name, info);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	return !op->has_mac || (info->has_mac && memcmp(op->mac, info->mac, 6) == 0);
}

/* Which name the device has there: renaming comes after moving, so it may still have its old one. */
static int name_there(const struct rb_net_op *op, int ns_fd, const char **ret)
{
	struct rb_net_info info;
	int r = is_there(op, ns_fd, op->peer, &info);

	*ret = op->peer;
	if (r == 0) {
		*ret = op->name;
		r = is_there(op, ns_fd, op->name, &info);
	}
	return r;
}

/* Address and name do not move, and it is down afterwards. */
static int move(const struct rb_net_op *op, int ns_fd, const char *from, const char *to,
		struct rb_net_result *res, struct rb_err *err)
{
	struct rb_net_op show = { .there = op->reverse };
	rb_autofd own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct ifinfomsg *ifi;
	struct rb_msg m;
	char why[128] = "";
	int r;

	if (own < 0)
		return rb_fail_sys(err, errno, "open our own network namespace");
	memcpy(show.name, from, RB_NET_NAME);
	r = rb_net_link_show(&show, NULL, ns_fd, res, err);
	if (r < 0)
		return r;
	rb_msg_init(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi = m.body;
	ifi->ifi_index = (int)res->info.index;
	mnl_attr_put_strz(m.nlh, IFLA_IFNAME, to);
	mnl_attr_put_u32(m.nlh, IFLA_NET_NS_FD, (uint32_t)(op->reverse ? own : ns_fd));
	r = rb_rtnl(op->reverse, ns_fd, &m, NULL, NULL, why);
	return r < 0 ? rb_net_why(err, -r, why, "move the device %s", from) : 0;
}

/**
 * rb_net_link_move() - a device into the other namespace, under another name; reverse: and back
 *
 * The kernel renames after it has moved, so that a name that is taken there is looked for first. Going back,
 * "not there" is success. It is up afterwards, with the addresses that it had.
 */
int rb_net_link_move(const struct rb_net_op *op, const void *data, int ns_fd,
		     struct rb_net_result *res, struct rb_err *err)
{
	const char *from = op->name, *to = op->reverse ? op->name : op->peer;
	struct rb_net_info taken;
	int r;

	(void)data;
	if (op->reverse) {
		r = name_there(op, ns_fd, &from);
		if (r == 0)
			return 0;
	} else {
		r = look(true, ns_fd, op->peer, &taken);
		if (r == 0)
			return rb_fail_sys(err, EEXIST, "move the device %s: %s is there already",
					   op->name, op->peer);
		r = r == -ENODEV ? 0 : r;
	}
	if (r < 0)
		return rb_fail_sys(err, -r, "look into the container's network");
	r = move(op, ns_fd, from, to, res, err);
	if (r == 0)
		r = set_up_by_name(!op->reverse, ns_fd, to, err);
	return r < 0 ? r : give_addresses(!op->reverse, ns_fd, to, &res->info, err);
}
