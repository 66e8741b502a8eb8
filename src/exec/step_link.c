/* step_link.c - bridges, devices, addresses, routes and shaping, by way of net/
 *
 * The host's end of a pair has a link layer address that was drawn for it and is in the record: undo removes
 * a device only if it has that one, so that another which got the name is never touched. A bridge is made by
 * its first user, under the lock of the leases, and removed with its last one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/net_steps_priv.h"
#include "runbox/names.h"

static void name_into(char to[RB_NET_NAME], const char *name)
{
	size_t len = name ? strnlen(name, RB_NET_NAME - 1) : 0; /* checked by the decoder to fit */

	if (len)
		memcpy(to, name, len);
	to[len] = '\0';
}

const char *rb_net_device_of(const struct rb_run *run, size_t index)
{
	const struct rb_iface *f = &run->plan->spec->ext.network.ifaces[index];

	return f->bridge ? f->bridge : run->net->ifaces[index].host_name;
}

/* --- bridge --- */

void rb_record_bridge(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	char root[4096];

	if (rb_net_state_root(run, root, sizeof(root)) < 0)
		return; /* apply says so */
	rb_record_begin(line, step->kind);
	rb_field_add(line, root);
	rb_field_add(line, run->id);
	rb_field_add(line, step->u.net.iface->bridge);
}

/* The device as it is. Return: 1, 0 when there is none, or a reporting failure */
static int look_at(const char *name, struct rb_net_result *res, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_SHOW };
	struct rb_err why = { 0 };
	int r;

	name_into(op.name, name);
	r = rb_net_call(&op, NULL, -1, res, &why);
	if (r == -ENODEV)
		return 0;
	if (r < 0)
		*err = why;
	return r < 0 ? r : 1;
}

static int make_bridge(const struct rb_iface *f, struct rb_leases *l, const char *id,
		       struct rb_net_info *info, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_ADD, .kind = RB_NET_BRIDGE, .has_mac = true };
	char mac[18];
	int r;

	if (getrandom(op.mac, sizeof(op.mac), 0) != (ssize_t)sizeof(op.mac))
		return rb_fail_sys(err, errno, "draw a link layer address");
	/* fixed, or it would change with the bridge's ports; locally administered, unicast */
	op.mac[0] = (uint8_t)((op.mac[0] & 0xfc) | 0x02);
	name_into(op.name, f->bridge);
	op.mtu = f->mtu.set ? f->mtu.v : 0;
	rb_leases_add(l, &(struct rb_lease) { .kind = "bridge",
					      .key = rb_leases_key(l, f->bridge),
					      .id = id,
					      .note = rb_mac_format(op.mac, mac),
					      .made = true });
	r = rb_leases_save(l, err);
	if (r < 0)
		return r;
	*info = (struct rb_net_info) { 0 };
	return rb_net_call(&op, NULL, -1, NULL, err);
}

static bool has_address(const struct rb_net_info *info, const struct rb_ip *ip)
{
	for (uint32_t i = 0; i < info->n_addrs; i++)
		if (rb_ip_same(&info->addrs[i], ip) && info->addrs[i].prefix == ip->prefix)
			return true;
	return false;
}

static int give_bridge_address(const struct rb_iface *f, struct rb_leases *l, const char *id,
			       const struct rb_net_info *info, const char *text, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_ADDR_ADD };
	const char *key = rb_leases_key(l, rb_arena_printf(&l->arena, "%s%%%s", text, f->bridge));
	bool there;
	int r;

	if (rb_ip_parse(text, &op.addr) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not an address", text);
	there = has_address(info, &op.addr);
	/* one that somebody else gave it is not ours to take */
	if (there && !rb_leases_find(l, "host-addr", key))
		return 0;
	if (!rb_leases_mine(l, "host-addr", key, id))
		rb_leases_add(l,
			      &(struct rb_lease) {
				      .kind = "host-addr", .key = key, .id = id, .made = !there });
	r = rb_leases_save(l, err);
	if (r < 0 || there)
		return r;
	name_into(op.name, f->bridge);
	return rb_net_call(&op, NULL, -1, NULL, err);
}

/** rb_step_bridge() - there, with its addresses; made if need be */
int rb_step_bridge(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_iface *f = step->u.net.iface;
	rb_autoleases l = RB_LEASES_NONE;
	struct rb_net_result res;
	char root[4096];
	int r = rb_net_state_root(run, root, sizeof(root));

	if (r < 0)
		return rb_fail_sys(err, -r, "find the state root");
	r = rb_leases_open(&l, root, true, err);
	if (r < 0)
		return r;
	r = look_at(f->bridge, &res, err);
	if (r > 0 && !rb_streq(res.info.kind, "bridge"))
		return rb_fail(err, RB_ERR_CONFIG, "the device %s is there and not a bridge",
			       f->bridge);
	if (r == 0) {
		r = make_bridge(f, &l, run->id, &res.info, err);
	} else if (r > 0) {
		const char *key = rb_leases_key(&l, f->bridge);
		const struct rb_lease *other = rb_leases_find(&l, "bridge", key);

		if (!rb_leases_mine(&l, "bridge", key, run->id))
			rb_leases_add(&l, &(struct rb_lease) { .kind = "bridge",
							       .key = key,
							       .id = run->id,
							       .note = other ? other->note : "" });
		r = rb_leases_save(&l, err);
	}
	for (size_t i = 0; r == 0 && i < f->host_addresses.n; i++)
		r = give_bridge_address(f, &l, run->id, &res.info, f->host_addresses.v[i], err);
	return r;
}

/* Addresses of a bridge that stays; with the bridge they go by themselves. */
static int undo_addresses(struct rb_leases *l, const char *id, const char *bridge,
			  struct rb_err *err)
{
	const char *where = rb_leases_key(l, rb_arena_printf(&l->arena, "%%%s", bridge));
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		struct rb_net_op op = { .verb = RB_NET_ADDR_DEL };
		const char *at = strchr(l->v[i].key, '%');

		if (l->v[i].dropped || !rb_streq(l->v[i].kind, "host-addr") ||
		    !rb_streq(l->v[i].id, id) || !at || !rb_streq(at, where))
			continue;
		if (!rb_leases_drop(l, "host-addr", l->v[i].key, id))
			continue;
		name_into(op.name, bridge);
		if (rb_ip_parse(
			    rb_arena_strndup(&l->arena, l->v[i].key, (size_t)(at - l->v[i].key)),
			    &op.addr) == 0)
			r = rb_net_call(&op, NULL, -1, NULL, err);
	}
	return r;
}

/* "bridge\tROOT\tID\tNAME" */
int rb_undo_bridge(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_DEL, .kind = RB_NET_BRIDGE };
	rb_autoleases l = RB_LEASES_NONE;
	const struct rb_lease *last;
	int r;

	if (argc < 4)
		return rb_fail(err, RB_ERR_STATE, "bad record of a bridge in the journal");
	r = rb_leases_open(&l, argv[1], false, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = undo_addresses(&l, argv[2], argv[3], err);
	last = rb_leases_drop(&l, "bridge", rb_leases_key(&l, argv[3]), argv[2]);
	if (r == 0 && last && rb_mac_parse(last->note, op.mac) == 0) {
		op.has_mac = true;
		name_into(op.name, argv[3]);
		r = rb_net_call(&op, NULL, -1, NULL, err);
	}
	rb_leases_forget_elsewhere(&l, argv[2], argv[3]);
	return r < 0 ? r : rb_leases_save(&l, err);
}

/* --- the device --- */

void rb_record_link(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	const struct rb_iface *f = step->u.net.iface;
	bool veth = rb_streq(f->type, "veth");
	char mac[18], root[4096];

	/* all but a pair lie in the container's namespace whole and go with it, if that goes */
	if ((!veth && !step->u.net.netns) || rb_net_state_root(run, root, sizeof(root)) < 0)
		return;
	rb_record_begin(line, step->kind);
	rb_field_add(line, veth ? run->net->ifaces[step->u.net.index].host_name : f->name);
	rb_field_add(line, rb_mac_format(run->net->ifaces[step->u.net.index].mac, mac));
	rb_field_add(line, root);
	rb_field_add(line, run->id);
	rb_field_add(line, veth ? "" : step->u.net.netns);
	rb_field_add(line, f->name); /* by which `net` finds the host's end */
}

/** rb_step_link() - the pair, or the device on its parent, in the container's namespace at once */
int rb_step_link(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_iface *f = step->u.net.iface;
	struct rb_net_op op = { .verb = RB_NET_LINK_ADD, .there = true };
	int ns_fd = rb_net_ns(run, err);
	bool veth = rb_streq(f->type, "veth");
	char *name = veth ? op.peer : op.name;

	if (ns_fd < 0)
		return ns_fd;
	op.kind = (enum rb_net_link_kind)rb_name_find(rb_net_kind_names, f->type)->value;
	op.mtu = f->mtu.set ? f->mtu.v : 0;
	op.vlan_id = f->vlan_id.v;
	if (f->mode)
		op.mode = (uint32_t)rb_name_find(rb_net_mode_names, f->mode)->value;
	else if (op.kind == RB_NET_MACVLAN)
		op.mode = MACVLAN_MODE_BRIDGE;
	if (veth)
		name_into(op.name, run->net->ifaces[step->u.net.index].host_name);
	name_into(name, f->name);
	name_into(op.master, veth ? f->bridge : f->parent);
	/* the other kinds have no end here that could be known by an address of its own */
	op.has_mac = veth || (op.kind != RB_NET_IPVLAN && (f->mac || step->u.net.netns));
	for (size_t i = 0; i < sizeof(op.mac); i++)
		op.mac[i] = run->net->ifaces[step->u.net.index].mac[i];
	op.has_peer_mac = veth && f->mac;
	if (f->mac && rb_mac_parse(f->mac, veth ? op.peer_mac : op.mac) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not a link layer address", f->mac);
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}

/* "link\tNAME\tMAC\tROOT\tID\tNETNS\tINNER" */
int rb_undo_link(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_DEL, .has_mac = true };
	rb_autofd ns_fd = -1;
	int r;

	if (argc < 6 || rb_mac_parse(argv[2], op.mac) < 0)
		return rb_fail(err, RB_ERR_STATE, "bad record of a link in the journal");
	name_into(op.name, argv[1]);
	r = rb_partition_leave(argv[3], argv[4], argv[1], err);
	if (r < 0)
		return r;
	if (*argv[5]) {
		op.there = true;
		ns_fd = open(argv[5], O_RDONLY | O_CLOEXEC);
		if (ns_fd < 0)
			return 0; /* with the namespace it is gone */
	}
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}

/* --- addresses, routes, shaping --- */

/** rb_step_address() - one address; it goes with the device */
int rb_step_address(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_ADDR_ADD, .there = !step->u.net.host };
	size_t index = step->u.net.index;
	int ns_fd = rb_net_ns(run, err);

	if (ns_fd < 0)
		return ns_fd;
	name_into(op.name,
		  step->u.net.host ? run->net->ifaces[index].host_name : step->u.net.iface->name);
	if (!step->u.net.host)
		op.addr = run->net->ifaces[index].addrs[step->u.net.slot];
	else if (rb_ip_parse(step->u.net.text, &op.addr) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not an address", step->u.net.text);
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}

/** rb_step_route() - one route in the container */
int rb_step_route(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_ROUTE_ADD, .there = true };
	int ns_fd = rb_net_ns(run, err);

	if (ns_fd < 0)
		return ns_fd;
	if (rb_ip_parse(step->u.net.via, &op.gateway) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not an address", step->u.net.via);
	if (!rb_streq(step->u.net.text, "default") && rb_ip_parse(step->u.net.text, &op.addr) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not a destination", step->u.net.text);
	if (op.addr.family && op.addr.family != op.gateway.family)
		return rb_fail(err, RB_ERR_CONFIG,
			       "%s and its gateway %s are not of the same family", step->u.net.text,
			       step->u.net.via);
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}

/** rb_step_shape() - what the container sends, at its end; what it gets, at the host's end */
int rb_step_shape(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_iface *f = step->u.net.iface;
	const struct rb_shape *s = step->u.net.host ? &f->ingress : &f->egress;
	struct rb_net_op op = { .verb = RB_NET_SHAPE, .there = !step->u.net.host };
	int ns_fd = rb_net_ns(run, err);

	if (ns_fd < 0)
		return ns_fd;
	name_into(op.name,
		  step->u.net.host ? run->net->ifaces[step->u.net.index].host_name : f->name);
	op.shape.rate_bits = s->rate_bits.set ? s->rate_bits.v : 0;
	op.shape.burst_bytes = s->burst_bytes.set ? s->burst_bytes.v : 0;
	if (!step->u.net.host) {
		op.shape.delay_us = (uint64_t)(f->delay_ms * 1000);
		op.shape.jitter_us = (uint64_t)(f->jitter_ms * 1000);
		op.shape.loss_percent = f->loss_percent;
	}
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}
