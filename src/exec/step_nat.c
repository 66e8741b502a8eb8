/* step_nat.c - published ports, masquerading, and partitions of a bridge, by way of net/
 *
 * A container has a table of its own, named after it, so that making and removing it is one transaction each.
 * The host forwards packets only while somebody needs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/net_steps_priv.h"
#include "runbox/netctl.h"

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	while (*text++);
	return h;
}

static void table_name(const char *root, const char *id, char name[64])
{
	uint64_t h = hash(hash(0xcbf29ce484222325u, root), id);

	(void)snprintf(name, 64, "runbox-%.24s-%016llx", id, (unsigned long long)h);
	/* nft(8) can print these */
	for (char *c = name; *c; c++)
		if (*c == '+')
			*c = '_';
}

void rb_record_nat(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	char root[4096], table[64];

	if (rb_net_state_root(run, root, sizeof(root)) < 0)
		return; /* apply says so */
	table_name(root, run->id, table);
	rb_record_begin(line, step->kind);
	rb_field_add(line, table);
	rb_field_add(line, root);
	rb_field_add(line, run->id);
}

/* The first address of a family that the container has, of any of its interfaces. */
static const struct rb_ip *address_of(const struct rb_run *run, uint8_t family, size_t *ret_index)
{
	for (size_t i = 0; i < run->plan->spec->ext.network.n_ifaces; i++)
		for (size_t k = 0; k < RB_NET_MAX_ADDRS; k++)
			if (run->net->ifaces[i].addrs[k].family == family) {
				*ret_index = i;
				return &run->net->ifaces[i].addrs[k];
			}
	return NULL;
}

static void add_sources(const struct rb_run *run, struct rb_net_nat *nat)
{
	for (size_t i = 0; i < run->plan->spec->ext.network.n_ifaces; i++)
		for (size_t k = 0; k < RB_NET_MAX_ADDRS; k++)
			if (run->net->ifaces[i].addrs[k].family &&
			    nat->n_sources < RB_NET_MAX_ADDRS)
				nat->sources[nat->n_sources++] = run->net->ifaces[i].addrs[k];
}

static int add_port(const struct rb_run *run, const struct rb_port *p, uint8_t family,
		    struct rb_net_nat *nat)
{
	size_t index = 0;
	const struct rb_ip *to = address_of(run, family, &index);
	struct rb_net_port *port = &nat->ports[nat->n_ports];

	if (!to || nat->n_ports == sizeof(nat->ports) / sizeof(nat->ports[0]))
		return -ENOENT;
	*port = (struct rb_net_port) {
		.host = (uint16_t)p->host,
		.container = (uint16_t)p->container,
		.udp = rb_streq(p->protocol, "udp"),
		.to = *to,
	};
	if (p->host_ip && rb_ip_parse(p->host_ip, &port->host_ip) < 0)
		return -EINVAL;
	(void)snprintf(nat->device, RB_NET_NAME, "%s", rb_net_device_of(run, index));
	nat->n_ports++;
	return 0;
}

static int add_ports(const struct rb_run *run, const struct rb_ext *e, struct rb_net_nat *nat,
		     struct rb_err *err)
{
	for (size_t i = 0; i < e->network.n_ports; i++) {
		const struct rb_port *p = &e->network.ports[i];
		bool v6 = p->host_ip && strchr(p->host_ip, ':');
		int r = add_port(run, p, v6 ? AF_INET6 : AF_INET, nat);

		/* without hostIp: on whatever the container has an address of */
		if (!p->host_ip && (add_port(run, p, AF_INET6, nat) == 0))
			r = 0;
		if (r < 0)
			return rb_fail(err, RB_ERR_CONFIG,
				       "port %u: the container has no %s address", p->container,
				       v6 ? "IPv6" : "IPv4");
	}
	return 0;
}

/* What has to be on in the host's kernel for packets to come through. */
static int hold_switches(const struct rb_run *run, struct rb_leases *l,
			 const struct rb_net_nat *nat, struct rb_err *err)
{
	bool v4 = false, v6 = false, local = false;
	int r = 0;

	for (uint32_t i = 0; i < nat->n_ports; i++) {
		const struct rb_net_port *p = &nat->ports[i];

		if (p->to.family == AF_INET6)
			v6 = true;
		else if (!rb_ip_is_loopback(&p->host_ip))
			v4 = true;
		local |= p->to.family == AF_INET &&
			 (p->host_ip.family == 0 || rb_ip_is_loopback(&p->host_ip));
	}
	for (uint32_t i = 0; nat->masquerade && i < nat->n_sources; i++) {
		v4 |= nat->sources[i].family == AF_INET;
		v6 |= nat->sources[i].family == AF_INET6;
	}
	if (v4)
		r = rb_sysctl_hold(l, "net/ipv4/ip_forward", run->id, err);
	if (r == 0 && v6)
		r = rb_sysctl_hold(l, "net/ipv6/conf/all/forwarding", run->id, err);
	/* ip-sysctl: else nothing from 127.0.0.1 leaves the loopback device */
	if (r == 0 && local)
		r = rb_sysctl_hold(
			l,
			rb_arena_printf(&l->arena, "net/ipv4/conf/%s/route_localnet", nat->device),
			run->id, err);
	return r;
}

/** rb_step_nat() - the container's table, and the switches it needs */
int rb_step_nat(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_ext *e = step->u.network.ext;
	struct rb_net_op op = { .verb = RB_NET_NAT, .data_len = sizeof(struct rb_net_nat) };
	rb_autofree struct rb_net_nat *nat = memset(rb_xmalloc(sizeof(*nat)), 0, sizeof(*nat));
	rb_autoleases l = RB_LEASES_NONE;
	char root[4096];
	int r = rb_net_state_root(run, root, sizeof(root));

	if (r < 0)
		return rb_fail_sys(err, -r, "find the state root");
	nat->masquerade = e->network.masquerade;
	add_sources(run, nat);
	r = add_ports(run, e, nat, err);
	if (r == 0)
		r = rb_leases_open(&l, root, true, err);
	if (r == 0)
		r = hold_switches(run, &l, nat, err);
	if (r < 0)
		return r;
	table_name(root, run->id, op.text);
	return rb_net_call(&op, nat, -1, NULL, err);
}

/* "nat\tTABLE\tROOT\tID" */
int rb_undo_nat(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_NAT_DEL };
	rb_autoleases l = RB_LEASES_NONE;
	int r;

	if (argc < 4)
		return rb_fail(err, RB_ERR_STATE,
			       "bad record of address translation in the journal");
	(void)snprintf(op.text, sizeof(op.text), "%s", argv[1]);
	r = rb_net_call(&op, NULL, -1, NULL, err);
	if (r < 0)
		return r;
	r = rb_leases_open(&l, argv[2], false, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = rb_sysctl_release(&l, argv[3], err);
	return r < 0 ? r : rb_leases_save(&l, err);
}

/* --- partitions: a line of kind "cut" for each port of a bridge, key: its group, note: its device --- */

static uint32_t index_of(const char *device)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_SHOW };
	struct rb_net_result res;
	struct rb_err unused = { 0 };

	(void)snprintf(op.name, sizeof(op.name), "%s", device);
	return rb_net_call(&op, NULL, -1, &res, &unused) < 0 ? 0 : res.info.index;
}

/* As one table what the lines say; a device that is gone is nobody to be kept from. */
static int write_partition(struct rb_leases *l, const char *root, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_CUT };
	rb_autofree struct rb_net_pair *pairs = rb_xmalloc(RB_NET_DATA_MAX);
	rb_autofree uint32_t *index =
		memset(rb_xmalloc((l->n + 1) * sizeof(*index)), 0, (l->n + 1) * sizeof(*index));
	size_t n = 0;

	(void)snprintf(op.text, sizeof(op.text), "runbox-cut-%016llx",
		       (unsigned long long)hash(0xcbf29ce484222325u, root));
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].dropped || !rb_streq(l->v[i].kind, "cut"))
			continue;
		index[i] = index_of(l->v[i].note);
		for (size_t k = 0; index[i] && k < i; k++) {
			if (!index[k] || rb_streq(l->v[i].key, l->v[k].key))
				continue;
			if ((n + 1) * sizeof(*pairs) > RB_NET_DATA_MAX)
				return rb_fail(err, RB_ERR_SYS,
					       "a partition of too many containers");
			pairs[n++] = (struct rb_net_pair) { index[i], index[k] };
		}
	}
	op.data_len = (uint32_t)(n * sizeof(*pairs));
	return rb_net_call(&op, pairs, -1, NULL, err);
}

int rb_partition_leave(const char *root, const char *id, const char *device, struct rb_err *err)
{
	rb_autoleases l = RB_LEASES_NONE;
	bool was_there = false;
	int r = rb_leases_open(&l, root, false, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < l.n; i++) {
		if (!rb_streq(l.v[i].kind, "cut") || !rb_streq(l.v[i].id, id) ||
		    !rb_streq(l.v[i].note, device))
			continue;
		l.v[i].dropped = true;
		was_there = true;
	}
	if (!was_there)
		return 0;
	r = write_partition(&l, root, err);
	return r < 0 ? r : rb_leases_save(&l, err);
}

int rb_net_partition(const char *root, const struct rb_net_cut *cuts, size_t n, struct rb_err *err)
{
	rb_autoleases l = RB_LEASES_NONE;
	int r = rb_leases_open(&l, root, n > 0, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < l.n; i++)
		l.v[i].dropped |= rb_streq(l.v[i].kind, "cut");
	for (size_t i = 0; i < n; i++)
		rb_leases_add(&l, &(struct rb_lease) {
					  .kind = "cut",
					  .key = rb_arena_printf(&l.arena, "%u", cuts[i].group),
					  .id = cuts[i].id,
					  .note = cuts[i].device });
	r = rb_leases_save(&l, err);
	return r < 0 ? r : write_partition(&l, root, err);
}

/* --- what died without undo --- */

static bool is_gone(const char *root, const char *id)
{
	rb_autofd fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && faccessat(fd, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* The records of one whose journal is gone, as far as its leases tell. Return: 1 one undone, 0 none left */
static int sweep_one(const char *root, struct rb_err *err)
{
	static const struct {
		const char *kind;
		int (*undo)(char **argv, size_t argc, struct rb_err *err);
	} kinds[] = {
		{ "addr", rb_undo_network },
		{ "port", rb_undo_network },
		{ "bridge", rb_undo_bridge },
		{ "netns", rb_undo_netns },
	};
	rb_autoleases l = RB_LEASES_NONE;
	int r = rb_leases_open(&l, root, false, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	/* a create has its directory before it has a lease, so under the lock this is no race */
	for (size_t i = 0; i < l.n; i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			char *argv[] = { (char *)l.v[i].kind, (char *)root, (char *)l.v[i].id,
					 rb_arena_strndup(&l.arena, l.v[i].key,
							  strcspn(l.v[i].key, "@")),
					 NULL };

			if (!rb_streq(l.v[i].kind, kinds[k].kind) || !is_gone(root, l.v[i].id))
				continue;
			rb_closep(&l.lock_fd); /* undo takes it itself */
			r = kinds[k].undo(argv, 4, err);
			return r < 0 ? r : 1;
		}
	}
	return 0;
}

int rb_net_sweep(const char *root, struct rb_err *err)
{
	int r;

	do
		r = sweep_one(root, err);
	while (r > 0);
	return r;
}
