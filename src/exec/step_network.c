/* step_network.c - what is reserved before anything is made: addresses, and ports of the host
 *
 * An address on a bridge is given to one container at a time, whether it was asked for or chosen; the lease
 * is written under the lock, so that fifty creates at once get fifty addresses. A port must be free of other
 * containers and of programs of the host, because translating it would take it from them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/net_steps_priv.h"

/* Of a large subnet only the beginning is used. */
#define MAX_HOSTS 65536u

/* --- the run's own part --- */

/* Locally administered, unicast. */
static void draw_mac(uint8_t mac[6])
{
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

int rb_net_run_new(struct rb_run *run, struct rb_err *err)
{
	const struct rb_ext *e = &run->plan->spec->ext;
	struct rb_net_run *n;

	if (!e->network.present && run->plan->spec->linux_.n_net_devices == 0)
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return rb_fail_sys(err, ENOMEM, "allocate memory for a network");
	n->ns_fd = -1;
	for (size_t i = 0; i < RB_NET_N_FILES; i++)
		n->files[i] = -1;
	run->net = n;
	for (size_t i = 0; i < e->network.n_ifaces; i++) {
		const char *name = e->network.ifaces[i].host_name;
		uint8_t drawn[6 + 5];

		if (getrandom(drawn, sizeof(drawn), 0) != (ssize_t)sizeof(drawn))
			return rb_fail_sys(err, errno, "draw a link layer address");
		memcpy(n->ifaces[i].mac, drawn, 6);
		draw_mac(n->ifaces[i].mac);
		if (name)
			(void)snprintf(n->ifaces[i].host_name, RB_NET_NAME, "%s", name);
		else
			(void)snprintf(n->ifaces[i].host_name, RB_NET_NAME,
				       "rb%02x%02x%02x%02x%02x", drawn[6], drawn[7], drawn[8],
				       drawn[9], drawn[10]);
	}
	return 0;
}

void rb_net_run_done(struct rb_run *run)
{
	if (!run->net)
		return;
	rb_closep(&run->net->ns_fd);
	for (size_t i = 0; i < RB_NET_N_FILES; i++)
		rb_closep(&run->net->files[i]);
	free(run->net);
	run->net = NULL;
}

int rb_net_state_root(const struct rb_run *run, char *buf, size_t size)
{
	char link[32], *slash;
	ssize_t n = readlink(rb_fd_path(run->state_fd, link), buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash || slash == buf)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int rb_net_ns(struct rb_run *run, struct rb_err *err)
{
	rb_autofd fd = -1, own = -1;
	char path[40];
	struct stat ours, theirs;

	if (run->net->ns_fd >= 0)
		return run->net->ns_fd;
	if (run->enters_net) { /* the child may not be there yet */
		int ns = rb_ahead_net(run);

		if (ns < 0)
			return rb_fail_sys(err, -ns, "make a network namespace");
		fd = fcntl(ns, F_DUPFD_CLOEXEC, 3);
	} else {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", run->pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* the child's own words, if there are some, say more */
		return rb_fail_sys(err, EPIPE, "the container's process is gone");
	if (fd < 0 || own < 0 || fstat(fd, &theirs) < 0 || fstat(own, &ours) < 0)
		return rb_fail_sys(err, errno, "open the container's network namespace");
	if (ours.st_ino == theirs.st_ino)
		return rb_fail(err, RB_ERR_CONFIG,
			       "the network namespace of the container is the runtime's own");
	run->net->ns_fd = rb_take_fd(&fd);
	return run->net->ns_fd;
}

/* --- addresses --- */

static const char *domain_of(const struct rb_iface *f)
{
	return f->bridge ? f->bridge : "-";
}

static const char *addr_key(struct rb_leases *l, const struct rb_iface *f, const struct rb_ip *ip)
{
	char text[64];

	return rb_leases_key(l, rb_arena_printf(&l->arena, "%s%%%s", rb_ip_format(ip, false, text),
						domain_of(f)));
}

static void mark(uint8_t *taken, const struct rb_ip *net, const char *text)
{
	struct rb_ip ip;
	uint64_t n;

	if (text && rb_ip_parse(text, &ip) == 0 && rb_ip_host_number(net, &ip, &n) && n < MAX_HOSTS)
		taken[n / 8] |= (uint8_t)(1u << n % 8);
}

/* Mark the addresses of this subnet that are leased where the interface is. */
static void mark_leases(struct rb_leases *l, const struct rb_iface *f, const struct rb_ip *net,
			uint8_t *taken)
{
	const char *where = rb_leases_key(l, rb_arena_printf(&l->arena, "%%%s", domain_of(f)));

	for (size_t i = 0; i < l->n; i++) {
		const char *at = strchr(l->v[i].key, '%');

		if (l->v[i].dropped || !rb_streq(l->v[i].kind, "addr") || !at ||
		    !rb_streq(at, where))
			continue;
		mark(taken, net,
		     rb_arena_strndup(&l->arena, l->v[i].key, (size_t)(at - l->v[i].key)));
	}
}

static int choose(struct rb_leases *l, const struct rb_iface *f, const char *subnet,
		  struct rb_ip *ret, struct rb_err *err)
{
	rb_autofree uint8_t *taken = memset(rb_xmalloc(MAX_HOSTS / 8), 0, MAX_HOSTS / 8);
	struct rb_ip net;

	if (rb_ip_parse(subnet, &net) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not a subnet", subnet);
	for (size_t i = 0; i < f->host_addresses.n; i++)
		mark(taken, &net, f->host_addresses.v[i]);
	for (size_t i = 0; i < f->addresses.n; i++)
		mark(taken, &net, f->addresses.v[i]);
	mark(taken, &net, f->gateway);
	mark_leases(l, f, &net, taken);
	for (uint64_t n = 1; n < MAX_HOSTS && rb_ip_host(&net, n, ret); n++)
		if (!(taken[n / 8] >> n % 8 & 1))
			return 0;
	return rb_fail(err, RB_ERR_SYS, "no address of %s is free on %s", subnet, domain_of(f));
}

static int lease_address(struct rb_leases *l, const struct rb_iface *f, const char *id,
			 const struct rb_ip *ip, struct rb_err *err)
{
	const char *key = addr_key(l, f, ip);
	const struct rb_lease *other = rb_leases_find(l, "addr", key);
	char text[64];

	if (other && !rb_streq(other->id, id))
		return rb_fail(err, RB_ERR_STATE, "the address %s on %s is container %s's",
			       rb_ip_format(ip, false, text), domain_of(f), other->id);
	if (!other)
		rb_leases_add(l, &(struct rb_lease) { .kind = "addr", .key = key, .id = id });
	return 0;
}

/* One address of the config: as it is, or (@subnet) one that is free. */
static int take_address(struct rb_run *run, struct rb_leases *l, size_t index, size_t slot,
			const char *text, const char *subnet, struct rb_err *err)
{
	const struct rb_iface *f = &run->plan->spec->ext.network.ifaces[index];
	struct rb_ip *ip = &run->net->ifaces[index].addrs[slot];
	int r;

	if (slot >= RB_NET_MAX_ADDRS)
		return rb_fail(err, RB_ERR_CONFIG, "%s has more than 16 addresses", f->name);
	r = subnet ? choose(l, f, subnet, ip, err) : rb_ip_parse(text, ip);
	/* what is asked for on a link with two ends cannot be in the way of anybody */
	if (r < 0 || (!subnet && !f->bridge))
		return r;
	return lease_address(l, f, run->id, ip, err);
}

static int take_addresses(struct rb_run *run, struct rb_leases *l, size_t index, struct rb_err *err)
{
	const struct rb_iface *f = &run->plan->spec->ext.network.ifaces[index];
	size_t slot = 0;
	int r = 0;

	for (size_t k = 0; k < f->addresses.n && r == 0; k++) {
		const char *text = f->addresses.v[k];

		if (rb_streq(text, "auto"))
			for (size_t h = 0; h < f->host_addresses.n && r == 0; h++)
				r = take_address(run, l, index, slot++, text,
						 f->host_addresses.v[h], err);
		else
			r = take_address(run, l, index, slot++, text,
					 rb_startswith(text, "auto:") ? text + 5 : NULL, err);
	}
	if (r < 0)
		rb_err_at(err, rb_arena_printf(&l->arena,
					       "runbox.network.interfaces[%zu].addresses", index));
	return r;
}

/* --- ports --- */

static int try_bind(const struct rb_port *p)
{
	bool udp = rb_streq(p->protocol, "udp");
	struct rb_ip ip = { .family = AF_INET };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->host) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)p->host) };
	rb_autofd fd = -1;
	int on = 1, r;

	if (p->host_ip && rb_ip_parse(p->host_ip, &ip) < 0)
		return -EINVAL;
	memcpy(&v4.sin_addr, ip.bytes, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, ip.bytes, sizeof(v6.sin6_addr));
	fd = socket(ip.family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* a connection that is over does not hold a port; one that listens does all the same (socket(7)) */
	if (!udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = ip.family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
				 : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
	return r < 0 ? -errno : 0;
}

static int take_port(struct rb_run *run, struct rb_leases *l, const struct rb_port *p,
		     struct rb_err *err)
{
	const char *ip = p->host_ip ? p->host_ip : "*";
	const char *key =
		rb_leases_key(l, rb_arena_printf(&l->arena, "%s/%u", p->protocol, p->host));
	int r;

	for (size_t i = 0; i < l->n; i++) {
		const struct rb_lease *o = &l->v[i];

		if (!o->dropped && rb_streq(o->kind, "port") && rb_streq(o->key, key) &&
		    (rb_streq(o->note, ip) || rb_streq(o->note, "*") || rb_streq(ip, "*")))
			return rb_fail(err, RB_ERR_STATE,
				       "%s port %u of the host is container %s's", p->protocol,
				       p->host, o->id);
	}
	r = try_bind(p);
	if (r < 0) {
		(void)rb_fail_sys(err, -r, "%s port %u of %s cannot be published", p->protocol,
				  p->host, p->host_ip ? p->host_ip : "the host");
		if (r == -EADDRINUSE)
			(void)rb_err_hint(err, "a program of the host has it");
		if (r == -EADDRNOTAVAIL)
			(void)rb_err_hint(err, "hostIp is not an address of this host");
		return r;
	}
	rb_leases_add(l,
		      &(struct rb_lease) { .kind = "port", .key = key, .id = run->id, .note = ip });
	return 0;
}

/* --- the row --- */

void rb_record_network(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	char root[4096];

	if (rb_net_state_root(run, root, sizeof(root)) < 0)
		return; /* then nothing can be reserved either */
	rb_record_begin(line, step->kind);
	rb_field_add(line, root);
	rb_field_add(line, run->id);
}

/** rb_step_network() - reserve addresses and ports; the helper gets ready meanwhile */
int rb_step_network(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_ext *e = step->u.network.ext;
	rb_autoleases l = RB_LEASES_NONE;
	char root[4096];
	int r = rb_net_begin(err);

	if (r < 0)
		return r;
	r = rb_net_state_root(run, root, sizeof(root));
	if (r < 0)
		return rb_fail_sys(err, -r, "find the state root");
	r = rb_leases_open(&l, root, true, err);
	for (size_t i = 0; r == 0 && i < e->network.n_ifaces; i++)
		r = take_addresses(run, &l, i, err);
	for (size_t i = 0; r == 0 && i < e->network.n_ports; i++) {
		r = take_port(run, &l, &e->network.ports[i], err);
		if (r < 0)
			rb_err_at(err, rb_arena_printf(&l.arena, "runbox.network.ports[%zu]", i));
	}
	return r < 0 ? r : rb_leases_save(&l, err);
}

/* "network\tROOT\tID" */
int rb_undo_network(char **argv, size_t argc, struct rb_err *err)
{
	rb_autoleases l = RB_LEASES_NONE;
	int r;

	if (argc < 3)
		return rb_fail(err, RB_ERR_STATE, "bad record of a network in the journal");
	r = rb_leases_open(&l, argv[1], false, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < l.n; i++)
		if (rb_streq(l.v[i].id, argv[2]) &&
		    (rb_streq(l.v[i].kind, "addr") || rb_streq(l.v[i].kind, "port")))
			l.v[i].dropped = true;
	return rb_leases_save(&l, err);
}
