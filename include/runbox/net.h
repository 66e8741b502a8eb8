/* net.h - what netlink is asked to do: links, addresses, routes, shaping, nftables
 *
 * src/net knows nothing of containers: it takes the descriptor of a network namespace and plain
 * structs without pointers, so that a request can be carried out in this process or by the helper
 * runbox-veth, which alone is linked with libmnl where runbox itself is static. Either way it is
 * the same code: rb_net_perform().
 */
#ifndef RUNBOX_NET_H
#define RUNBOX_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/err.h"

struct rb_buf;

#define RB_NET_NAME	  16 /* IFNAMSIZ */
#define RB_NET_MAX_ADDRS  16
#define RB_NET_MAX_QDISCS 4

/** An address with its prefix. */
struct rb_ip {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;
	uint8_t bytes[16];
};

/** Rate and delay of one direction; all zero: not shaped. */
struct rb_net_shape {
	uint64_t rate_bits;   /* a second; 0: any */
	uint64_t burst_bytes; /* 0: chosen by the rate */
	uint64_t delay_us, jitter_us;
	double loss_percent;
};

enum rb_net_link_kind {
	RB_NET_VETH,
	RB_NET_MACVLAN,
	RB_NET_IPVLAN,
	RB_NET_VLAN,
	RB_NET_BRIDGE,
	RB_NET_LINK_KINDS
};

enum rb_net_verb {
	RB_NET_LINK_ADD, /* name, kind, mac, mtu, master, peer...; with a namespace: the peer there
			  */
	RB_NET_LINK_DEL, /* name, and mac if given, has to be that of the link; "gone" is success */
	RB_NET_LINK_SHOW, /* name: into the result */
	RB_NET_LINK_UP,	  /* name */
	RB_NET_LINK_MOVE, /* name, out of here into the namespace as peer, or (reverse) back */
	RB_NET_ADDR_ADD,  /* name, addr */
	RB_NET_ADDR_DEL,  /* name, addr; "gone" is success */
	RB_NET_ROUTE_ADD, /* addr (family 0: default) via gateway */
	RB_NET_SHAPE,	  /* name, shape: replaces what is there */
	RB_NET_NAT,	  /* table name in text; data: struct rb_net_nat */
	RB_NET_NAT_DEL,	  /* table name in text */
	RB_NET_CUT, /* table name in text; data: pairs of interface indexes that do not reach each
		       other */
	RB_NET_VERBS
};

/** One request. `there`: it is carried out in the namespace whose descriptor comes with it. */
struct rb_net_op {
	enum rb_net_verb verb;
	enum rb_net_link_kind kind;
	bool there, reverse;
	bool has_mac, has_peer_mac;
	char name[RB_NET_NAME], peer[RB_NET_NAME], master[RB_NET_NAME];
	uint8_t mac[6], peer_mac[6];
	uint32_t mtu, vlan_id, mode;
	struct rb_ip addr, gateway;
	struct rb_net_shape shape;
	char text[64];
	uint32_t data_len; /* bytes that follow */
};

/** A published port. */
struct rb_net_port {
	uint16_t host, container;
	bool udp;
	struct rb_ip host_ip; /* family 0: every address of the host */
	struct rb_ip to;
};

/** Address translation for one container: one table, made whole. */
struct rb_net_nat {
	uint32_t n_sources, n_ports;
	bool masquerade;
	struct rb_ip sources[RB_NET_MAX_ADDRS]; /* the container's addresses */
	char device[RB_NET_NAME]; /* where the container is reached, on the host's side */
	struct rb_net_port ports[64];
};

struct rb_net_pair {
	uint32_t a, b;
};

/** A queueing discipline as the kernel says it. */
struct rb_net_qdisc {
	char kind[RB_NET_NAME];
	uint64_t rate_bits, burst_bytes, delay_us, jitter_us;
	double loss_percent;
	uint64_t bytes, packets, drops, backlog;
};

struct rb_net_info {
	uint32_t index, mtu, flags;
	char name[RB_NET_NAME], kind[RB_NET_NAME], master[RB_NET_NAME];
	bool has_mac, up, carrier;
	uint8_t mac[6];
	uint64_t rx_bytes, rx_packets, rx_drops, tx_bytes, tx_packets, tx_drops;
	uint32_t n_addrs, n_qdiscs;
	struct rb_ip addrs[RB_NET_MAX_ADDRS];
	struct rb_net_qdisc qdiscs[RB_NET_MAX_QDISCS];
};

struct rb_net_result {
	bool made; /* it was not there before */
	struct rb_net_info info;
};

/* --- ip.c: addresses as text, pure --- */

/** rb_ip_parse() - "192.168.17.2", "fd17::2/64"; without a prefix the longest. Return: 0 or -EINVAL
 */
int rb_ip_parse(const char *text, struct rb_ip *ret);
/** rb_ip_format() - the address, with its prefix when @with_prefix. @buf: filled. Return: buf */
char *rb_ip_format(const struct rb_ip *ip, bool with_prefix, char buf[64]);
/** rb_ip_bits() - 32 or 128 */
unsigned rb_ip_bits(const struct rb_ip *ip);
/** rb_ip_host() - address number @n of the subnet of @net; false when it has no such host address
 * (the subnet's own address, and of IPv4 the broadcast address, are none) */
bool rb_ip_host(const struct rb_ip *net, uint64_t n, struct rb_ip *ret);
/** rb_ip_host_number() - which address of the subnet of @net it is; false: of none, or further than
 * 64 bits */
bool rb_ip_host_number(const struct rb_ip *net, const struct rb_ip *ip, uint64_t *ret);
/** rb_ip_same() - the same address, whatever the prefix */
bool rb_ip_same(const struct rb_ip *a, const struct rb_ip *b);
/** rb_ip_is_loopback() - 127.0.0.0/8, ::1 */
bool rb_ip_is_loopback(const struct rb_ip *ip);
/** rb_ip_is_unicast() - neither the unspecified address, nor multicast, nor the IPv4 broadcast */
bool rb_ip_is_unicast(const struct rb_ip *ip);
/** rb_ip_is_link_local() - fe80::/10, which the kernel gives each device itself (RFC 4291 2.5.6) */
bool rb_ip_is_link_local(const struct rb_ip *ip);
/** rb_mac_parse() - "02:00:00:00:00:01". Return: 0 or -EINVAL */
int rb_mac_parse(const char *text, uint8_t ret[6]);
/** rb_mac_format() - @buf: filled. Return: buf */
char *rb_mac_format(const uint8_t mac[6], char buf[18]);

/* --- client.c: whoever carries requests out --- */

/**
 * rb_net_call() - have one request carried out
 * @ns_fd: the other namespace, -1 for none
 * @data:  op->data_len bytes
 * @res:   may be NULL
 * In this process when rb_net_local is set, else by the helper, which is started when first needed
 * and ends with rb_net_end() or with this process. Return: 0 or a reporting failure
 */
int rb_net_call(const struct rb_net_op *op, const void *data, int ns_fd, struct rb_net_result *res,
		struct rb_err *err);
/** rb_net_begin() - start the helper, so that it gets ready while other things are done. */
int rb_net_begin(struct rb_err *err);
/** rb_net_hang_up() - nothing more for now: the helper ends while other things are done. */
void rb_net_hang_up(void);
/** rb_net_end() - hang up, and wait until the helper is gone. */
void rb_net_end(void);

typedef int rb_net_fn(const struct rb_net_op *op, const void *data, int ns_fd,
		      struct rb_net_result *res, struct rb_err *err);
/** Set by a main() that is linked with libmnl: to rb_net_perform. */
extern rb_net_fn *rb_net_local;

/* --- perform.c, serve.c: with libmnl --- */

/** rb_net_perform() - carry one request out in this process, which has one thread. */
rb_net_fn rb_net_perform;
/** rb_net_serve() - the helper: carry out what comes over @sock until its end. Return: 0 or -errno
 */
int rb_net_serve(int sock);

/* what goes over the socket of the helper */
struct rb_net_reply {
	int status;
	struct rb_err err;
	struct rb_net_result result;
};
#define RB_NET_DATA_MAX (128u << 10)

#endif
