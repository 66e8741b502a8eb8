/* nft.c - tables of nftables of our own: address translation of a container, partitions of a bridge
 *
 * A table is written whole, in one transaction: "add, delete, add with all that is in it" replaces what was
 * there, and nothing of it is seen half done. Deleting a table takes all of it away.
 * Source: kernel include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h; libmnl builds the messages.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net_priv.h"
#include "runbox/fd.h"
#include "runbox/str.h"

/* priorities that nft(8) calls raw, dstnat and srcnat */
#define PRIO_RAW    -300
#define PRIO_DSTNAT -100
#define PRIO_SRCNAT 100

/* the most that a rule takes, and the list of an element message (lengths are 16 bits) */
#define MESSAGE_MAX	4096
#define ELEMENTS_A_TIME 1500

/* Messages one behind the other, sent at once. */
struct batch {
	char *buf;
	size_t len, size;
	unsigned seq;
	uint8_t family;
	const char *table;
	struct nlmsghdr *nlh; /* the one at work */
};

static void start(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg *nfg;

	if (b->len + MESSAGE_MAX + ELEMENTS_A_TIME * 32 > b->size) {
		size_t size = 2 * b->size + MESSAGE_MAX + ELEMENTS_A_TIME * 32;
		char *more = rb_xmalloc(size);

		if (b->len)
			memcpy(more, b->buf, b->len);
		free(b->buf);
		b->buf = more;
		b->size = size;
	}
	b->nlh = mnl_nlmsg_put_header(b->buf + b->len);
	b->nlh->nlmsg_type = type;
	b->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	b->nlh->nlmsg_seq = ++b->seq;
	nfg = mnl_nlmsg_put_extra_header(b->nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
}

static void finish(struct batch *b)
{
	b->len += MNL_ALIGN(b->nlh->nlmsg_len);
}

static void message(struct batch *b, uint16_t type, uint16_t flags)
{
	start(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, b->family, 0);
}

/* --- tables, chains, sets --- */

static void add_table_message(struct batch *b, uint16_t type, uint16_t flags)
{
	message(b, type, flags);
	mnl_attr_put_strz(b->nlh, NFTA_TABLE_NAME, b->table);
	finish(b);
}

static void begin_table(struct batch *b, uint8_t family, const char *table, bool again)
{
	b->family = family;
	b->table = table;
	start(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	finish(b);
	/* deleting what is not there is an error, so it is there */
	add_table_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_table_message(b, NFT_MSG_DELTABLE, 0);
	if (again)
		add_table_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

static void add_chain(struct batch *b, const char *name, const char *type, uint32_t hook,
		      int32_t priority)
{
	struct nlattr *nest;

	message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	mnl_attr_put_strz(b->nlh, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(b->nlh, NFTA_CHAIN_NAME, name);
	nest = mnl_attr_nest_start(b->nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(b->nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(b->nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
	mnl_attr_nest_end(b->nlh, nest);
	mnl_attr_put_strz(b->nlh, NFTA_CHAIN_TYPE, type);
	finish(b);
}

/* --- rules: expressions one behind the other --- */

struct rule {
	struct batch *b;
	struct nlattr *list;
};

static struct rule begin_rule(struct batch *b, const char *chain)
{
	message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(b->nlh, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(b->nlh, NFTA_RULE_CHAIN, chain);
	return (struct rule) { b, mnl_attr_nest_start(b->nlh, NFTA_RULE_EXPRESSIONS) };
}

static void end_rule(struct rule *r)
{
	mnl_attr_nest_end(r->b->nlh, r->list);
	finish(r->b);
}

struct expr {
	struct nlmsghdr *nlh;
	struct nlattr *elem, *data;
};

static struct expr begin_expr(struct rule *r, const char *name)
{
	struct expr e = { .nlh = r->b->nlh };

	e.elem = mnl_attr_nest_start(e.nlh, NFTA_LIST_ELEM);
	mnl_attr_put_strz(e.nlh, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(e.nlh, NFTA_EXPR_DATA);
	return e;
}

static void put(const struct expr *e, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(e->nlh, type, htonl(v));
}

static void put_data(const struct expr *e, uint16_t type, const void *value, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(e->nlh, type);

	mnl_attr_put(e->nlh, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(e->nlh, nest);
}

static void end_expr(struct expr *e)
{
	mnl_attr_nest_end(e->nlh, e->data);
	mnl_attr_nest_end(e->nlh, e->elem);
}

static void add_meta(struct rule *r, uint32_t key, uint32_t reg)
{
	struct expr e = begin_expr(r, "meta");

	put(&e, NFTA_META_DREG, reg);
	put(&e, NFTA_META_KEY, key);
	end_expr(&e);
}

static void add_payload(struct rule *r, uint32_t base, uint32_t offset, uint32_t len)
{
	struct expr e = begin_expr(r, "payload");

	put(&e, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put(&e, NFTA_PAYLOAD_BASE, base);
	put(&e, NFTA_PAYLOAD_OFFSET, offset);
	put(&e, NFTA_PAYLOAD_LEN, len);
	end_expr(&e);
}

static void add_mask(struct rule *r, const uint8_t *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct expr e = begin_expr(r, "bitwise");

	put(&e, NFTA_BITWISE_SREG, NFT_REG_1);
	put(&e, NFTA_BITWISE_DREG, NFT_REG_1);
	put(&e, NFTA_BITWISE_LEN, len);
	put_data(&e, NFTA_BITWISE_MASK, mask, len);
	put_data(&e, NFTA_BITWISE_XOR, zero, len);
	end_expr(&e);
}

static void add_cmp(struct rule *r, uint32_t op, const void *value, size_t len)
{
	struct expr e = begin_expr(r, "cmp");

	put(&e, NFTA_CMP_SREG, NFT_REG_1);
	put(&e, NFTA_CMP_OP, op);
	put_data(&e, NFTA_CMP_DATA, value, len);
	end_expr(&e);
}

static void add_simple(struct rule *r, const char *name)
{
	struct expr e = begin_expr(r, name);

	end_expr(&e);
}

static void add_drop(struct rule *r)
{
	struct expr e = begin_expr(r, "immediate");
	struct nlattr *data, *verdict;

	put(&e, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(e.nlh, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(e.nlh, NFTA_DATA_VERDICT);
	put(&e, NFTA_VERDICT_CODE, NF_DROP);
	mnl_attr_nest_end(e.nlh, verdict);
	mnl_attr_nest_end(e.nlh, data);
	end_expr(&e);
}

static void add_family(struct rule *r, uint8_t family)
{
	uint8_t proto = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

	add_meta(r, NFT_META_NFPROTO, NFT_REG_1);
	add_cmp(r, NFT_CMP_EQ, &proto, 1);
}

/* The source or destination address lies in @prefix bits of @ip, or (NFT_CMP_NEQ) does not. */
static void add_address(struct rule *r, bool source, const struct rb_ip *ip, unsigned prefix,
			uint32_t op)
{
	uint32_t len = rb_ip_bits(ip) / 8;
	uint32_t v4 = source ? 12 : 16, v6 = source ? 8 : 24; /* RFC 791, RFC 8200 */
	uint8_t mask[16] = { 0 }, value[16];

	for (unsigned i = 0; i < prefix; i++)
		mask[i / 8] |= (uint8_t)(0x80u >> i % 8);
	for (unsigned i = 0; i < len; i++)
		value[i] = ip->bytes[i] & mask[i];
	add_payload(r, NFT_PAYLOAD_NETWORK_HEADER, ip->family == AF_INET ? v4 : v6, len);
	if (prefix < rb_ip_bits(ip))
		add_mask(r, mask, len);
	add_cmp(r, op, value, len);
}

static void add_local(struct rule *r)
{
	struct expr e = begin_expr(r, "fib");
	uint32_t type = RTN_LOCAL;

	put(&e, NFTA_FIB_DREG, NFT_REG_1);
	put(&e, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put(&e, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end_expr(&e);
	add_cmp(r, NFT_CMP_EQ, &type, sizeof(type));
}

static void add_port(struct rule *r, bool udp, uint16_t port)
{
	uint8_t proto = udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint16_t be = htons(port);

	add_meta(r, NFT_META_L4PROTO, NFT_REG_1);
	add_cmp(r, NFT_CMP_EQ, &proto, 1);
	add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2); /* destination: RFC 9293, RFC 768 */
	add_cmp(r, NFT_CMP_EQ, &be, sizeof(be));
}

/* It was translated before: conntrack's status has the bit. */
static void add_translated(struct rule *r)
{
	struct expr e = begin_expr(r, "ct");
	uint32_t bit = IPS_DST_NAT, zero = 0;

	put(&e, NFTA_CT_DREG, NFT_REG_1);
	put(&e, NFTA_CT_KEY, NFT_CT_STATUS);
	end_expr(&e);
	add_mask(r, (const uint8_t *)&bit, sizeof(bit));
	add_cmp(r, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void add_value(struct rule *r, uint32_t reg, const void *value, size_t len)
{
	struct expr e = begin_expr(r, "immediate");

	put(&e, NFTA_IMMEDIATE_DREG, reg);
	put_data(&e, NFTA_IMMEDIATE_DATA, value, len);
	end_expr(&e);
}

static void add_dnat(struct rule *r, const struct rb_ip *to, uint16_t port)
{
	uint16_t be = htons(port);
	struct expr e;

	add_value(r, NFT_REG_1, to->bytes, rb_ip_bits(to) / 8);
	add_value(r, NFT_REG_2, &be, sizeof(be));
	e = begin_expr(r, "nat");
	put(&e, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put(&e, NFTA_NAT_FAMILY, to->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	put(&e, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	put(&e, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
	end_expr(&e);
}

/* --- sending --- */

/* The kernel answers before sending returns; without NLM_F_ACK only errors are answered. */
static int send_batch(struct batch *b, int *ret_count)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	static char answer[8192];
	int r = 0, size = 1 << 20;

	*ret_count = 0;
	if (!s)
		return -errno;
	start(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	finish(b);
	/* a large batch is one datagram; not more than allowed without CAP_NET_ADMIN is no matter */
	(void)mnl_socket_setsockopt(s, SO_SNDBUFFORCE, &size, sizeof(size));
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(s, b->buf, b->len) < 0)
		r = -errno;
	while (r == 0) {
		ssize_t n = recv(mnl_socket_get_fd(s), answer, sizeof(answer), MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const void *)answer;
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (n < (ssize_t)NLMSG_LENGTH(sizeof(*e)) || nlh->nlmsg_type != NLMSG_ERROR)
			break;
		r = e->error;
		*ret_count = (int)nlh->nlmsg_seq;
	}
	(void)mnl_socket_close(s); /* all was read */
	return r;
}

static int commit(struct batch *b, struct rb_err *err)
{
	int at, r = send_batch(b, &at);

	free(b->buf);
	b->buf = NULL;
	if (r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -ENOENT)
		return rb_fail_sys(err, -r, "table %s: this kernel lacks a part of nftables",
				   b->table);
	return r < 0 ? rb_fail_sys(err, -r, "write the nftables table %s (message %d)", b->table,
				   at)
		     : 0;
}

/* --- address translation --- */

static void add_publish(struct batch *b, const char *chain, const struct rb_net_port *p)
{
	struct rule r = begin_rule(b, chain);

	add_family(&r, p->to.family);
	if (p->host_ip.family)
		add_address(&r, false, &p->host_ip, rb_ip_bits(&p->host_ip), NFT_CMP_EQ);
	else
		add_local(&r);
	add_port(&r, p->udp, p->host);
	add_dnat(&r, &p->to, p->container);
	end_rule(&r);
}

/* Whose answers would not come back by way of us gets our address: the host itself by loopback, and
 * neighbours of the container. */
static void add_return(struct batch *b, const struct rb_net_port *p)
{
	static const struct rb_ip loopback = { .family = AF_INET, .prefix = 8, .bytes = { 127 } };

	for (int local = 0; local < (p->to.family == AF_INET ? 2 : 1); local++) {
		const struct rb_ip *from = local ? &loopback : &p->to;
		struct rule r = begin_rule(b, "postrouting");

		add_family(&r, p->to.family);
		add_address(&r, true, from, from->prefix, NFT_CMP_EQ);
		add_address(&r, false, &p->to, rb_ip_bits(&p->to), NFT_CMP_EQ);
		add_port(&r, p->udp, p->container);
		add_translated(&r);
		add_simple(&r, "masq");
		end_rule(&r);
	}
}

static void add_masquerade(struct batch *b, const struct rb_ip *source)
{
	struct rule r = begin_rule(b, "postrouting");

	add_family(&r, source->family);
	add_address(&r, true, source, rb_ip_bits(source), NFT_CMP_EQ);
	add_address(&r, false, source, source->prefix, NFT_CMP_NEQ);
	add_simple(&r, "masq");
	end_rule(&r);
}

/* With route_localnet the host's 127.0.0.0/8 could be reached from the container (CVE-2020-8558). */
static void add_guard(struct batch *b, const char *device)
{
	static const struct rb_ip loopback = { .family = AF_INET, .prefix = 8, .bytes = { 127 } };
	char name[RB_NET_NAME] = { 0 };
	struct rule r;

	memcpy(name, device, strnlen(device, RB_NET_NAME - 1));
	add_chain(b, "guard", "filter", NF_INET_PRE_ROUTING, PRIO_RAW);
	r = begin_rule(b, "guard");
	add_meta(&r, NFT_META_IIFNAME, NFT_REG_1);
	add_cmp(&r, NFT_CMP_EQ, name, sizeof(name));
	add_family(&r, AF_INET);
	add_address(&r, false, &loopback, 8, NFT_CMP_EQ);
	add_drop(&r);
	end_rule(&r);
}

/** rb_net_nat() - published ports and masquerading of one container: one table */
int rb_net_nat(const struct rb_net_op *op, const void *data, int ns_fd, struct rb_net_result *res,
	       struct rb_err *err)
{
	const struct rb_net_nat *nat = data;
	struct batch b = { 0 };

	(void)ns_fd, (void)res;
	if (op->data_len != sizeof(*nat) || nat->n_ports > 64 || nat->n_sources > RB_NET_MAX_ADDRS)
		return rb_fail_sys(err, EBADMSG, "a request that is none");
	begin_table(&b, NFPROTO_INET, op->text, true);
	add_chain(&b, "prerouting", "nat", NF_INET_PRE_ROUTING, PRIO_DSTNAT);
	add_chain(&b, "output", "nat", NF_INET_LOCAL_OUT, PRIO_DSTNAT);
	add_chain(&b, "postrouting", "nat", NF_INET_POST_ROUTING, PRIO_SRCNAT);
	if (nat->n_ports)
		add_guard(&b, nat->device);
	for (uint32_t i = 0; i < nat->n_ports; i++) {
		const struct rb_net_port *p = &nat->ports[i];

		if (!rb_ip_is_loopback(&p->host_ip))
			add_publish(&b, "prerouting", p);
		add_publish(&b, "output", p);
		add_return(&b, p);
	}
	for (uint32_t i = 0; nat->masquerade && i < nat->n_sources; i++)
		add_masquerade(&b, &nat->sources[i]);
	return commit(&b, err);
}

/** rb_net_nat_del() - take the table of a container away; "gone" is success */
int rb_net_nat_del(const struct rb_net_op *op, const void *data, int ns_fd,
		   struct rb_net_result *res, struct rb_err *err)
{
	struct batch b = { 0 };

	(void)data, (void)ns_fd, (void)res;
	begin_table(&b, NFPROTO_INET, op->text, false);
	return commit(&b, err);
}

/* --- partitions --- */

static void add_set(struct batch *b)
{
	message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	mnl_attr_put_strz(b->nlh, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(b->nlh, NFTA_SET_NAME, "cut");
	mnl_attr_put_u32(b->nlh, NFTA_SET_ID, htonl(1));
	mnl_attr_put_u32(b->nlh, NFTA_SET_KEY_TYPE, htonl(0)); /* of meaning to nft(8) alone */
	mnl_attr_put_u32(b->nlh, NFTA_SET_KEY_LEN, htonl(sizeof(struct rb_net_pair)));
	finish(b);
}

static void add_element(struct nlmsghdr *nlh, uint32_t from, uint32_t to)
{
	struct rb_net_pair pair = { from, to };
	struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, sizeof(pair), &pair);
	mnl_attr_nest_end(nlh, key);
	mnl_attr_nest_end(nlh, elem);
}

static void add_elements(struct batch *b, const struct rb_net_pair *pairs, size_t n)
{
	struct nlattr *list;

	message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	mnl_attr_put_strz(b->nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(b->nlh, NFTA_SET_ELEM_LIST_SET, "cut");
	mnl_attr_put_u32(b->nlh, NFTA_SET_ELEM_LIST_SET_ID, htonl(1));
	list = mnl_attr_nest_start(b->nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < n; i++) {
		add_element(b->nlh, pairs[i].a, pairs[i].b);
		add_element(b->nlh, pairs[i].b, pairs[i].a);
	}
	mnl_attr_nest_end(b->nlh, list);
	finish(b);
}

static void add_lookup(struct rule *r)
{
	struct expr e = begin_expr(r, "lookup");

	mnl_attr_put_strz(e.nlh, NFTA_LOOKUP_SET, "cut");
	put(&e, NFTA_LOOKUP_SET_ID, 1);
	put(&e, NFTA_LOOKUP_SREG, NFT_REG32_00);
	end_expr(&e);
}

/** rb_net_cut() - frames between the ports of each pair are dropped on every bridge; none: the table goes */
int rb_net_cut(const struct rb_net_op *op, const void *data, int ns_fd, struct rb_net_result *res,
	       struct rb_err *err)
{
	size_t n = op->data_len / sizeof(struct rb_net_pair), half = ELEMENTS_A_TIME / 2;
	const struct rb_net_pair *pairs = data;
	struct batch b = { 0 };
	struct rule r;

	(void)ns_fd, (void)res;
	begin_table(&b, NFPROTO_BRIDGE, op->text, n > 0);
	if (n > 0) {
		add_chain(&b, "forward", "filter", NF_INET_FORWARD, 0);
		add_set(&b);
		r = begin_rule(&b, "forward");
		/* two neighbouring registers of 32 bits are one key */
		add_meta(&r, NFT_META_IIF, NFT_REG32_00);
		add_meta(&r, NFT_META_OIF, NFT_REG32_01);
		add_lookup(&r);
		add_drop(&r);
		end_rule(&r);
	}
	for (size_t i = 0; i < n; i += half)
		add_elements(&b, pairs + i, n - i < half ? n - i : half);
	return commit(&b, err);
}
