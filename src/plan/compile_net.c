/* compile_net.c - the network of the extension object, and linux.netDevices
 *
 * Addresses and ports are reserved first, so that a conflict shows before anything is made. Devices are made
 * by the host side once the child is there, while the child mounts; the child waits for them only before
 * what may look at them: its hooks, its sysctls, its program.
 * Sources: config-linux.md "Network Devices"; README.md "The extension object".
 */
#include "compile_priv.h"

#include <linux/if_ether.h>
#include <linux/sched.h>
#include <string.h>

#include "runbox/net.h"

#define AT "runbox.network"

static bool wants_net(const struct compile *c)
{
	return c->spec->ext.network.present;
}

static enum rb_net_link_kind kind_of(const struct rb_iface *iface)
{
	return (enum rb_net_link_kind)rb_name_find(rb_net_kind_names, iface->type)->value;
}

static const char *iface_at(struct compile *c, size_t i, const char *member)
{
	return rb_arena_item(c->arena, AT ".interfaces", i, member);
}

/* --- checks --- */

#define SMALL_BURST "is less than one packet: mtu and the Ethernet header"

/* A token bucket never lets a packet pass that is bigger than it. */
static bool holds_packet(const struct rb_shape *s, const struct rb_iface *f)
{
	return !s->burst_bytes.set ||
	       s->burst_bytes.v >= (f->mtu.set ? f->mtu.v : ETH_DATA_LEN) + ETH_HLEN;
}

/* An address of the host's end is no address of the container, nor is one that names no single host. */
static int check_addresses(struct compile *c, size_t i, struct rb_err *err)
{
	const struct rb_iface *f = &c->spec->ext.network.ifaces[i];
	struct rb_ip ip, host;

	for (size_t k = 0; k < f->addresses.n; k++) {
		const char *at =
			rb_arena_printf(c->arena, AT ".interfaces[%zu].addresses[%zu]", i, k);

		if (rb_streq(f->addresses.v[k], "auto") && f->host_addresses.n == 0)
			return rb_fail_at(err, iface_at(c, i, ".addresses"),
					  "\"auto\" needs hostAddresses, or a subnet: "
					  "\"auto:10.0.0.0/24\"");
		if (rb_startswith(f->addresses.v[k], "auto") ||
		    rb_ip_parse(f->addresses.v[k], &ip) < 0)
			continue;
		if (!rb_ip_is_unicast(&ip))
			return rb_fail_at(err, at, "%s is not the address of one host",
					  f->addresses.v[k]);
		for (size_t h = 0; h < f->host_addresses.n; h++)
			if (rb_ip_parse(f->host_addresses.v[h], &host) == 0 &&
			    rb_ip_same(&ip, &host))
				return rb_fail_at(err, at, "%s is the address of the host's end",
						  f->addresses.v[k]);
	}
	return 0;
}

/* What a kind of device needs, and what it cannot have. */
static int check_iface(struct compile *c, size_t i, struct rb_err *err)
{
	const struct rb_iface *f = &c->spec->ext.network.ifaces[i];
	bool veth = kind_of(f) == RB_NET_VETH;
	const struct {
		bool wrong;
		const char *member, *text;
	} rules[] = {
		{ !veth && !f->parent, "", "needs a parent, a device of the host" },
		{ veth && f->parent, ".parent", "is not for a veth" },
		{ !veth && f->bridge, ".bridge", "is for a veth" },
		{ !veth && f->host_name, ".hostName",
		  "is for a veth, which has an end on the host" },
		{ !veth && f->host_addresses.n, ".hostAddresses", "is for a veth" },
		{ !veth && f->ingress.rate_bits.set, ".shape.ingress", "is for a veth" },
		{ kind_of(f) == RB_NET_VLAN && !f->vlan_id.set, "", "needs a vlanId" },
		{ kind_of(f) == RB_NET_IPVLAN && f->mac, ".mac",
		  "an ipvlan has that of its parent" },
		{ f->jitter_ms > f->delay_ms, ".shape.jitterMs", "is more than delayMs" },
		{ f->addresses.n > RB_NET_MAX_ADDRS, ".addresses", "has more than 16 entries" },
		{ rb_streq(f->name, "lo"), ".name", "is that of the loopback device" },
		{ !holds_packet(&f->egress, f), ".shape.egress.burst", SMALL_BURST },
		{ !holds_packet(&f->ingress, f), ".shape.ingress.burst", SMALL_BURST },
	};

	for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++)
		if (rules[k].wrong)
			return rb_fail_at(err, iface_at(c, i, rules[k].member), "%s %s",
					  iface_at(c, i, rules[k].member), rules[k].text);
	return check_addresses(c, i, err);
}

static int check_ports(struct compile *c, struct rb_err *err)
{
	const struct rb_port *v = c->spec->ext.network.ports;
	size_t n = c->spec->ext.network.n_ports;

	if (n > 64)
		return rb_fail_at(err, AT ".ports", "more than 64 ports");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (v[i].host == v[k].host && rb_streq(v[i].protocol, v[k].protocol) &&
			    (!v[i].host_ip || !v[k].host_ip ||
			     rb_streq(v[i].host_ip, v[k].host_ip)))
				return rb_fail_at(err, rb_arena_item(c->arena, AT ".ports", i, ""),
						  "%s port %u is published twice", v[i].protocol,
						  v[i].host);
	if ((n || c->spec->ext.network.masquerade) && c->spec->ext.network.n_ifaces == 0)
		return rb_fail_at(err, n ? AT ".ports" : AT ".masquerade",
				  "ports and masquerade need an interface");
	return 0;
}

/* Of the runtime's own network namespace nothing is changed for a container. */
static int check_place(struct compile *c, struct rb_err *err)
{
	const struct rb_ext *e = &c->spec->ext;
	bool devices = c->spec->linux_.n_net_devices > 0 && !c->network_only;
	bool made = wants_net(c) && (e->network.n_ifaces || e->network.n_routes || e->network.name);

	if ((made || devices) && !compile_has(c, CLONE_NEWNET)) {
		(void)rb_fail_at(err, made ? AT : "linux.netDevices",
				 "a network needs a network namespace");
		return rb_err_hint(err, "add { \"type\": \"network\" } to linux.namespaces");
	}
	if ((made || devices) && c->host->euid != 0) {
		(void)rb_fail_at(err, made ? AT : "linux.netDevices", "without root %s",
				 made ? "the host's end of a network cannot be made"
				      : "no device of the host can be moved");
		return rb_err_hint(err,
				   made ? "leave it out, and run pasta(1) of the package passt, "
					  "or slirp4netns(1), on the container's pid"
					: "leave it out, or run runbox as root");
	}
	for (size_t i = 0; devices && i < c->spec->linux_.n_net_devices; i++) {
		const struct rb_net_device *d = &c->spec->linux_.net_devices[i];

		if (rb_streq(d->host_name, "lo") || (d->name && rb_streq(d->name, "lo")))
			return rb_fail_at(err, "linux.netDevices",
					  "each network namespace has a \"lo\" of its own");
	}
	if (wants_net(c) && e->network.has_dns && !compile_is_new(c, CLONE_NEWNS))
		return rb_fail_at(err, AT ".dns", "dns needs a new mount namespace");
	return 0;
}

/* A namespace with a name is joined by that name: the row before the clone makes it if need be. */
static int name_namespace(struct compile *c, struct rb_err *err)
{
	const char *name = c->spec->ext.network.name;
	struct rb_namespace *named;

	for (size_t i = 0; i < RB_NS_COUNT; i++) {
		if (rb_ns_types[i].flag != CLONE_NEWNET)
			continue;
		if (c->ns[i]->path)
			return rb_fail_at(err, AT ".name",
					  "linux.namespaces has a path for the network already");
		named = rb_arena_alloc(c->arena, sizeof(*named));
		*named = *c->ns[i];
		named->path = rb_arena_printf(c->arena, "/run/netns/%s", name);
		c->ns[i] = named;
	}
	c->plan->new_ns &= ~(unsigned long)CLONE_NEWNET;
	c->plan->joined_ns |= CLONE_NEWNET;
	return 0;
}

/** check_network() - runbox.network and linux.netDevices; after check_namespaces() */
int check_network(struct compile *c, struct rb_err *err)
{
	int r = check_place(c, err);

	for (size_t i = 0; r == 0 && i < c->spec->ext.network.n_ifaces; i++)
		r = check_iface(c, i, err);
	if (r == 0)
		r = check_ports(c, err);
	if (r == 0 && c->spec->ext.network.name)
		r = name_namespace(c, err);
	return r;
}

/* --- host, before the clone --- */

int emit_network(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->ext.network.n_ifaces)
		compile_add(c, RB_STEP_NETWORK, AT ".interfaces")->u.network.ext = &c->spec->ext;
	return 0;
}

int emit_netns(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->ext.network.name)
		compile_add(c, RB_STEP_NETNS, AT ".name")->u.text.text = c->spec->ext.network.name;
	return 0;
}

static bool wants_hosts(const struct compile *c)
{
	return c->spec->ext.network.n_hosts || c->spec->ext.network.n_ifaces;
}

/** emit_net_files() - after the addresses are known, before the child is there to mount them */
int emit_net_files(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!compile_is_new(c, CLONE_NEWNS) || !wants_net(c) ||
	    (!c->spec->ext.network.has_dns && !wants_hosts(c)))
		return 0;
	step = compile_add(c, RB_STEP_NET_FILES, AT);
	step->u.files.spec = c->spec;
	step->u.files.resolv = c->spec->ext.network.has_dns;
	step->u.files.hosts = wants_hosts(c);
	/* root of the container owns them; without maps of its own that is root */
	if (compile_is_new(c, CLONE_NEWUSER)) {
		(void)compile_id_to_host(l->uids, l->n_uids, 0, 1, &step->u.files.uid);
		(void)compile_id_to_host(l->gids, l->n_gids, 0, 1, &step->u.files.gid);
	}
	return 0;
}

/* --- host, while the child mounts --- */

static struct rb_step *add_net(struct compile *c, enum rb_step_kind kind, size_t i, const char *at)
{
	struct rb_step *step = compile_add(c, kind, at);

	step->u.net.iface = &c->spec->ext.network.ifaces[i];
	step->u.net.index = i;
	if (!compile_is_new(c, CLONE_NEWNET) && compile_ns(c, CLONE_NEWNET))
		step->u.net.netns = compile_ns(c, CLONE_NEWNET)->path;
	return step;
}

static void add_addresses(struct compile *c, size_t i)
{
	const struct rb_iface *f = &c->spec->ext.network.ifaces[i];
	const char *at = iface_at(c, i, ".addresses");
	size_t slot = 0;

	for (size_t k = 0; k < f->addresses.n; k++) {
		bool any = rb_streq(f->addresses.v[k], "auto");
		size_t n = any ? f->host_addresses.n : 1;

		for (size_t h = 0; h < n; h++) {
			struct rb_step *step = add_net(c, RB_STEP_ADDRESS, i, at);

			step->u.net.slot = slot++;
			step->u.net.text =
				any ? rb_arena_printf(c->arena, "auto:%s", f->host_addresses.v[h])
				    : f->addresses.v[k];
		}
	}
}

static void add_shape(struct compile *c, size_t i)
{
	const struct rb_iface *f = &c->spec->ext.network.ifaces[i];

	if (f->egress.rate_bits.set || f->delay_ms > 0 || f->loss_percent > 0)
		add_net(c, RB_STEP_SHAPE, i, iface_at(c, i, ".shape"));
	/* what comes in is what the host's end sends */
	if (f->ingress.rate_bits.set)
		add_net(c, RB_STEP_SHAPE, i, iface_at(c, i, ".shape.ingress"))->u.net.host = true;
}

static void add_iface(struct compile *c, size_t i)
{
	const struct rb_iface *f = &c->spec->ext.network.ifaces[i];
	struct rb_step *step;

	if (f->bridge)
		add_net(c, RB_STEP_BRIDGE, i, iface_at(c, i, ".bridge"));
	add_net(c, RB_STEP_LINK, i, iface_at(c, i, ""));
	/* those of a bridge are part of its row, because they outlive this container */
	for (size_t k = 0; !f->bridge && k < f->host_addresses.n; k++) {
		step = add_net(c, RB_STEP_ADDRESS, i, iface_at(c, i, ".hostAddresses"));
		step->u.net.text = f->host_addresses.v[k];
		step->u.net.host = true;
	}
	add_addresses(c, i);
	if (f->gateway) {
		step = add_net(c, RB_STEP_ROUTE, i, iface_at(c, i, ".gateway"));
		step->u.net.text = "default";
		step->u.net.via = f->gateway;
	}
	add_shape(c, i);
}

/** emit_net_links() - devices in the order of the config, then routes, which may lead over any of them */
int emit_net_links(struct compile *c, struct rb_err *err)
{
	const struct rb_ext *e = &c->spec->ext;

	(void)err; /* cannot fail */
	for (size_t i = 0; i < c->spec->linux_.n_net_devices && !c->network_only; i++) {
		const struct rb_net_device *d = &c->spec->linux_.net_devices[i];
		struct rb_step *step =
			compile_add(c, RB_STEP_NET_DEVICE,
				    rb_arena_printf(c->arena, "linux.netDevices.%s", d->host_name));

		step->u.netdev.dev = d;
		step->u.netdev.index = i;
	}
	for (size_t i = 0; i < e->network.n_ifaces; i++)
		add_iface(c, i);
	for (size_t i = 0; i < e->network.n_routes; i++) {
		struct rb_step *step =
			compile_add(c, RB_STEP_ROUTE, rb_arena_item(c->arena, AT ".routes", i, ""));

		step->u.net.text = e->network.routes[i].to;
		step->u.net.via = e->network.routes[i].via;
	}
	/* the addresses that are translated to have to be there, for the host to route to them */
	if (e->network.n_ports || e->network.masquerade)
		compile_add(c, RB_STEP_NAT, e->network.n_ports ? AT ".ports" : AT ".masquerade")
			->u.network.ext = &c->spec->ext;
	return 0;
}

bool compile_has_links(const struct compile *c)
{
	return c->spec->ext.network.n_ifaces || c->spec->ext.network.n_routes ||
	       c->spec->linux_.n_net_devices;
}

/* --- child --- */

static void add_file(struct compile *c, const char *path, enum rb_net_file which, const char *at)
{
	struct rb_step *step = compile_add(c, RB_STEP_NET_FILE, at);

	step->u.file.path = path;
	step->u.file.which = which;
}

/** emit_net_mounts() - over what the image has, after the mounts of the config: they were asked for */
int emit_net_mounts(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (!compile_is_new(c, CLONE_NEWNS) || !wants_net(c))
		return 0;
	if (c->spec->ext.network.has_dns)
		add_file(c, "/etc/resolv.conf", RB_NET_RESOLV, AT ".dns");
	if (wants_hosts(c))
		add_file(c, "/etc/hosts", RB_NET_HOSTS, AT);
	/* nscd answers over a file, which a network namespace does not keep apart: a shared /run would lead
	 * to the host's resolver */
	compile_add(c, RB_STEP_MASK, AT)->u.text.text = "/run/nscd/socket";
	return 0;
}
