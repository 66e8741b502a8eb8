/* decode_ext.c - the extension object "runbox"
 *
 * One decoder, two entrances: the top-level key "runbox", and the annotation org.runbox.config for engines
 * that can only pass annotations. It is our own, so what it asks for is either understood or refused.
 * Source: README.md "The extension object"; tc(8) for rates and sizes.
 */
#include "decode_priv.h"
#include <errno.h>

#define SHOW "%.80s"

/* --- strings with a form --- */

static int check_word(struct rb_dec *d, const struct rb_at *at, void *value,
		      bool (*is)(const char *), const char *wanted)
{
	const char *s = *(const char **)value;

	return is(s) ? 0 : rb_dec_fail(d, at, "\"" SHOW "\" is not %s", s, wanted);
}

static int check_ip(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, rb_is_ip, "an IPv4 or IPv6 address");
}

static int check_cidr(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, rb_is_cidr,
			  "an address with a prefix, like \"192.168.17.2/24\"");
}

/* An address, or one that is chosen: out of a subnet, or out of those of hostAddresses. */
static bool is_cidr_or_auto(const char *s)
{
	return rb_streq(s, "auto") || rb_is_cidr(rb_startswith(s, "auto:") ? s + 5 : s);
}

static int check_auto_cidr(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, is_cidr_or_auto,
			  "an address with a prefix, like \"192.168.17.2/24\", or \"auto\"");
}

static int check_mac(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, rb_is_mac,
			  "a link layer address, like \"02:00:00:00:00:01\"");
}

static int check_name(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, rb_is_file_name, "a file name");
}

static bool is_route_target(const char *s)
{
	return rb_streq(s, "default") || rb_is_cidr(s);
}

static int check_target(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, is_route_target, "\"default\" or an address with a prefix");
}

/* what goes as one word into a line of resolv.conf or hosts */
static bool is_one_word(const char *s)
{
	for (const char *c = s; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#' || *c == ';')
			return false;
	}
	return *s != '\0';
}

static int check_one_word(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)n;
	return check_word(d, at, value, is_one_word, "one word");
}

static const struct rb_type t_ip = RB_STRING(rb_read_string, check_ip);
static const struct rb_type t_ip_opt = RB_STRING(rb_read_text, check_ip);
static const struct rb_type t_ips = RB_ARRAY(&t_ip, char *, NULL);
static const struct rb_type t_cidr = RB_STRING(rb_read_string, check_cidr);
static const struct rb_type t_cidrs = RB_ARRAY(&t_cidr, char *, NULL);
static const struct rb_type t_auto_cidr = RB_STRING(rb_read_string, check_auto_cidr);
static const struct rb_type t_auto_cidrs = RB_ARRAY(&t_auto_cidr, char *, NULL);
static const struct rb_type t_mac = RB_STRING(rb_read_text, check_mac);
static const struct rb_type t_netns_name = RB_STRING(rb_read_text, check_name);
static const struct rb_type t_target = RB_STRING(rb_read_string, check_target);
static const struct rb_type t_word = RB_STRING(rb_read_string, check_one_word);
static const struct rb_type t_words = RB_ARRAY(&t_word, char *, NULL);
static const struct rb_type t_some_words = RB_ARRAY(&t_word, char *, rb_check_list_nonempty);

/* --- shaping --- */

static int read_rate(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		     void *value, size_t *extra)
{
	const char *s;

	if (rb_read_string(d, at, type, &s, extra) < 0)
		return -EINVAL;
	return rb_parse_rate(s, value) == 0
		       ? 0
		       : rb_dec_fail(d, at, "\"" SHOW "\" is not a rate like \"10mbit\"", s);
}

static int read_size(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		     void *value, size_t *extra)
{
	const char *s;

	if (rb_read_string(d, at, type, &s, extra) < 0)
		return -EINVAL;
	return rb_parse_size(s, value) == 0
		       ? 0
		       : rb_dec_fail(d, at, "\"" SHOW "\" is not a size like \"32kb\"", s);
}

static const struct rb_type t_rate = RB_STRING(read_rate, NULL);
static const struct rb_type t_size = RB_STRING(read_size, NULL);

static const struct rb_field direction_fields[] = {
	RB_F_OPT("rate", struct rb_shape, rate_bits, &t_rate, RB_REQUIRED),
	RB_F_OPT("burst", struct rb_shape, burst_bytes, &t_size, 0),
	{ 0 },
};
static const struct rb_type t_direction = RB_OBJECT(direction_fields, struct rb_shape, NULL);
static const struct rb_type t_percent = {
	.name = "double", .read = rb_read_double, .size = 8, .max = 100
};

static const struct rb_field shape_fields[] = {
	RB_F("egress", struct rb_iface, egress, &t_direction, 0),
	RB_F("ingress", struct rb_iface, ingress, &t_direction, 0),
	RB_F("delayMs", struct rb_iface, delay_ms, &rb_t_double, 0),
	RB_F("jitterMs", struct rb_iface, jitter_ms, &rb_t_double, 0),
	RB_F("lossPercent", struct rb_iface, loss_percent, &t_percent, 0),
	{ 0 },
};
static const struct rb_type t_shape = RB_OBJECT(shape_fields, struct rb_iface, NULL);

/* --- network --- */

/* kept as the word it is */
static int read_word_of(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
			void *value, size_t *extra)
{
	const char *s;

	if (rb_read_string(d, at, type, &s, extra) < 0)
		return -EINVAL;
	if (!rb_name_find(type->names, s))
		return rb_dec_unknown(d, at, type->names, s);
	*(const char **)value = s;
	return 0;
}

#define WORD_OF(table)                                                                         \
	{                                                                                      \
		.name = "enum", .read = read_word_of, .size = sizeof(char *), .names = (table) \
	}

static const struct rb_type t_iface_type = WORD_OF(rb_net_kind_names);
static const struct rb_type t_iface_mode = WORD_OF(rb_net_mode_names);
/* 0 and 4095 are reserved (IEEE 802.1Q) */
static const struct rb_type t_vlan_id = {
	.name = "uint32", .read = rb_read_uint, .size = 4, .min = 1, .max = 4094
};
/* IPv4 needs 68 bytes (RFC 791); ETH_MAX_MTU is the most a veth takes */
static const struct rb_type t_mtu = {
	.name = "uint32", .read = rb_read_uint, .size = 4, .min = 68, .max = 65535
};

static const struct rb_field iface_fields[] = {
	RB_F("type", struct rb_iface, type, &t_iface_type, RB_REQUIRED),
	RB_F("name", struct rb_iface, name, &rb_t_ifname, RB_REQUIRED),
	RB_F("hostName", struct rb_iface, host_name, &rb_t_ifname_opt, 0),
	RB_F("bridge", struct rb_iface, bridge, &rb_t_ifname_opt, 0),
	RB_F("parent", struct rb_iface, parent, &rb_t_ifname_opt, 0),
	RB_F("mode", struct rb_iface, mode, &t_iface_mode, 0),
	RB_F_OPT("vlanId", struct rb_iface, vlan_id, &t_vlan_id, 0),
	RB_F("gateway", struct rb_iface, gateway, &t_ip_opt, 0),
	RB_F("mac", struct rb_iface, mac, &t_mac, 0),
	RB_F_STRV("addresses", struct rb_iface, addresses, &t_auto_cidrs, 0),
	RB_F_STRV("hostAddresses", struct rb_iface, host_addresses, &t_cidrs, 0),
	RB_F_OPT("mtu", struct rb_iface, mtu, &t_mtu, 0),
	/* the members of shape lie in rb_iface itself */
	{ "shape", &t_shape, 0, RB_HAS, offsetof(struct rb_iface, shaped) },
	{ 0 },
};
static const struct rb_type t_iface = RB_OBJECT(iface_fields, struct rb_iface, NULL);

static int check_ifaces(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_iface *ifaces = value;

	if (n > 64)
		return rb_dec_fail(d, at, "more than 64 interfaces");
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (rb_streq(ifaces[i].name, ifaces[k].name))
				return rb_dec_fail_item(d, at, i, "the name \"%s\" is given twice",
							ifaces[i].name);
		}
	}
	return 0;
}

static const struct rb_type t_ifaces = RB_ARRAY(&t_iface, struct rb_iface, check_ifaces);

static const struct rb_field route_fields[] = {
	RB_F("to", struct rb_route, to, &t_target, RB_REQUIRED),
	RB_F("via", struct rb_route, via, &t_ip, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_route = RB_OBJECT(route_fields, struct rb_route, NULL);
static const struct rb_type t_routes = RB_ARRAY(&t_route, struct rb_route, NULL);

static const struct rb_field dns_fields[] = {
	RB_F_STRV("nameservers", struct rb_ext, network.nameservers, &t_ips, 0),
	RB_F_STRV("search", struct rb_ext, network.search, &t_words, 0),
	RB_F_STRV("options", struct rb_ext, network.dns_options, &t_words, 0),
	{ 0 },
};
static const struct rb_type t_dns = RB_OBJECT(dns_fields, struct rb_ext, NULL);

static const struct rb_field host_fields[] = {
	RB_F("ip", struct rb_host_entry, ip, &t_ip, RB_REQUIRED),
	RB_F_STRV("names", struct rb_host_entry, names, &t_some_words, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_host = RB_OBJECT(host_fields, struct rb_host_entry, NULL);
static const struct rb_type t_hosts = RB_ARRAY(&t_host, struct rb_host_entry, NULL);

static const struct rb_name protocols[] = { { "tcp", 0 }, { "udp", 0 }, { 0 } };
static const struct rb_type t_protocol = WORD_OF(protocols);
static const struct rb_type t_port_number = {
	.name = "uint32", .read = rb_read_uint, .size = 4, .min = 1, .max = 65535
};

static int check_port(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	struct rb_port *port = value;

	(void)d, (void)at, (void)n;
	if (!port->protocol)
		port->protocol = protocols[0].name;
	return 0;
}

static const struct rb_field port_fields[] = {
	RB_F("host", struct rb_port, host, &t_port_number, RB_REQUIRED),
	RB_F("container", struct rb_port, container, &t_port_number, RB_REQUIRED),
	RB_F("protocol", struct rb_port, protocol, &t_protocol, 0),
	RB_F("hostIp", struct rb_port, host_ip, &t_ip_opt, 0),
	{ 0 },
};
static const struct rb_type t_port = RB_OBJECT(port_fields, struct rb_port, check_port);
static const struct rb_type t_ports = RB_ARRAY(&t_port, struct rb_port, NULL);

static const struct rb_field network_fields[] = {
	RB_F("name", struct rb_ext, network.name, &t_netns_name, 0),
	RB_F_LIST("interfaces", struct rb_ext, network.ifaces, network.n_ifaces, &t_ifaces, 0),
	RB_F_LIST("routes", struct rb_ext, network.routes, network.n_routes, &t_routes, 0),
	/* the members of dns lie in rb_ext itself */
	{ "dns", &t_dns, 0, RB_HAS, offsetof(struct rb_ext, network.has_dns) },
	RB_F_LIST("hosts", struct rb_ext, network.hosts, network.n_hosts, &t_hosts, 0),
	RB_F_LIST("ports", struct rb_ext, network.ports, network.n_ports, &t_ports, 0),
	RB_F("masquerade", struct rb_ext, network.masquerade, &rb_t_bool, 0),
	{ 0 },
};
static const struct rb_type t_network = RB_OBJECT(network_fields, struct rb_ext, NULL);

/* --- the object --- */

static const struct rb_type t_timeout = {
	.name = "uint64", .read = rb_read_uint, .size = 8, .min = 1, .max = INT64_MAX
};

static const struct rb_field ext_fields[] = {
	RB_F("init", struct rb_ext, init, &rb_t_bool, 0),
	RB_F("dieWithParent", struct rb_ext, die_with_parent, &rb_t_bool, 0),
	RB_F("ephemeral", struct rb_ext, ephemeral, &rb_t_bool, 0),
	RB_F_OPT("timeoutMs", struct rb_ext, timeout_ms, &t_timeout, 0),
	{ "network", &t_network, 0, RB_HAS, offsetof(struct rb_ext, network.present) },
	{ 0 },
};
const struct rb_type rb_t_ext = RB_OBJECT(ext_fields, struct rb_ext, NULL);
