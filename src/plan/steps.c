/* steps.c - the kinds of steps in words: name, arguments, how it is undone
 *
 * One row a kind. Text of the config is escaped, for it may come from whoever made the image.
 */
#include <inttypes.h>
#include <linux/sched.h>

#include "plan_priv.h"
#include "runbox/libc.h"
#include "runbox/names.h"

#define U32 "%" PRIu32

static void text(struct rb_buf *out, const char *s)
{
	rb_buf_escaped(out, s ? s : "", 0);
}

static void words(struct rb_buf *out, const struct rb_strv *v, const char *sep)
{
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			rb_buf_add(out, sep);
		text(out, v->v[i]);
	}
}

/* --- host --- */

static void describe_record(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "state directory and journal");
}

static void add_dirs(const struct rb_cgroup_dir *dirs, size_t n, struct rb_buf *out)
{
	const char *sep = " in ";

	if (!n)
		return;
	text(out, dirs[0].path);
	for (size_t i = 0; i < n; i++) {
		rb_buf_printf(out, "%s", sep);
		text(out, dirs[i].hierarchy->v2 ? "v2" : dirs[i].hierarchy->name);
		sep = " ";
	}
}

static void describe_cgroup(const struct rb_step *step, struct rb_buf *out)
{
	add_dirs(step->u.cgroup.dirs, step->u.cgroup.n, out);
}

static void describe_scope(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_scope *s = &step->u.scope.scope;

	text(out, s->unit);
	rb_buf_add(out, " in ");
	text(out, s->slice);
	rb_buf_add(out, s->user ? " of the user's systemd" : " of systemd");
	for (size_t i = 0; i < s->n_props; i++) {
		rb_buf_add(out, i ? " " : ", ");
		text(out, s->props[i].name);
	}
}

static void describe_limits(const struct rb_step *step, struct rb_buf *out)
{
	limit_describe(step->u.limits.res, out);
}

static void add_number(int64_t number, bool is_set, struct rb_buf *out)
{
	if (is_set && number >= 0)
		rb_buf_printf(out, "%" PRId64, number);
	else
		rb_buf_add(out, "*");
}

void plan_device_rule(const struct rb_device_rule *rule, struct rb_buf *out)
{
	rb_buf_printf(out, "%s %c ", rule->allow ? "allow" : "deny", rule->type);
	add_number(rule->major, rule->has_major, out);
	rb_buf_add(out, ":");
	add_number(rule->minor, rule->has_minor, out);
	rb_buf_printf(out, " %s%s%s", rule->access & RB_DEV_R ? "r" : "",
		      rule->access & RB_DEV_W ? "w" : "", rule->access & RB_DEV_M ? "m" : "");
}

static void describe_device_rules(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_resources *res = step->u.limits.res;

	rb_buf_add(out, "deny all; ");
	for (size_t i = 0; i < res->n_devices; i++) {
		plan_device_rule(&res->devices[i], out);
		rb_buf_add(out, "; ");
	}
	rb_buf_add(out, "allow the default devices");
}

static void describe_filter(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_seccomp *p = step->u.seccomp.profile;

	text(out, rb_name_of(rb_seccomp_action_names, p->default_action));
	rb_buf_printf(out, " unless one of %zu rules matches", p->n_rules);
	for (size_t i = 0; i < p->n_archs; i++)
		rb_buf_printf(out, "%s%s", i ? " " : ", ",
			      rb_name_of(rb_seccomp_arch_names, p->archs[i]));
	if (p->listener_path) {
		rb_buf_add(out, ", listener ");
		text(out, p->listener_path);
	}
}

static void describe_open_root(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.rootfs.written);
	if (step->u.rootfs.alone)
		rb_buf_add(out, ", without what is mounted in it");
}

static void describe_overlay(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "a tmpfs of its own over ");
	text(out, step->u.overlay.written);
	if (step->u.overlay.user_xattr)
		rb_buf_add(out, ", with user.* attributes");
}

static void describe_open_source(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.mount.m->source);
}

static void add_flags(struct rb_buf *out, const char *what, unsigned long flags, const char **sep)
{
	if (!flags)
		return;
	rb_buf_printf(out, "%s%s", *sep, what);
	for (size_t i = 0; i < RB_NS_COUNT; i++)
		if (flags & rb_ns_types[i].flag)
			rb_buf_printf(out, " %s", rb_ns_types[i].name);
	*sep = "; ";
}

static void describe_clone(const struct rb_step *step, struct rb_buf *out)
{
	const char *sep = "";

	for (size_t i = 0; i < step->u.clone.n_joins; i++) {
		rb_buf_printf(out, "%sjoin %s ", sep, step->u.clone.joins[i].name);
		text(out, step->u.clone.joins[i].path);
		sep = "; ";
	}
	add_flags(out, "new", step->u.clone.flags, &sep);
	add_flags(out, "later", step->u.clone.later, &sep);
	if (step->u.clone.into) {
		rb_buf_printf(out, "%sin cgroup ", sep);
		text(out, step->u.clone.into->path);
		sep = "; ";
	}
	if (!*sep)
		rb_buf_add(out, "no new namespace");
}

static void describe_enter(const struct rb_step *step, struct rb_buf *out)
{
	const char *sep = "";

	add_flags(out, "join", step->u.enter.flags, &sep);
	if (step->u.enter.into) {
		rb_buf_printf(out, "%sin cgroup ", sep);
		text(out, step->u.enter.into->path);
		sep = "; ";
	}
	if (step->u.enter.n_dirs) {
		rb_buf_printf(out, "%smoved into ", sep);
		add_dirs(step->u.enter.dirs, step->u.enter.n_dirs, out);
	}
}

static void add_maps(struct rb_buf *out, const char *what, const struct rb_idmap *maps, size_t n)
{
	rb_buf_add(out, what);
	for (size_t i = 0; i < n; i++)
		rb_buf_printf(out, " " U32 ":" U32 ":" U32, maps[i].container_id, maps[i].host_id,
			      maps[i].size);
}

static void describe_idmap(const struct rb_step *step, struct rb_buf *out)
{
	add_maps(out, "uids", step->u.idmap.uids, step->u.idmap.n_uids);
	add_maps(out, ", gids", step->u.idmap.gids, step->u.idmap.n_gids);
	if (step->u.idmap.helpers)
		rb_buf_add(out, " (newuidmap, newgidmap)");
	if (step->u.idmap.deny_setgroups)
		rb_buf_add(out, " (setgroups denied)");
}

static void describe_number(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_printf(out, "%" PRId64, step->u.number.value);
}

static void describe_time_limit(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_printf(out, "%" PRId64 " ms from start, then SIGKILL to all of it",
		      step->u.number.value);
}

static void describe_init(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "runbox-init in sealed memory: forwards signals, reaps orphans");
	rb_buf_add(out, step->u.init.subreaper ? " as a subreaper" : " as pid 1");
}

static void describe_text(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.text.text);
}

static void describe_keep(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "a copy of config.json");
}

static void describe_created(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "state is created");
}

/* --- both --- */

static void describe_barrier(const struct rb_step *step, struct rb_buf *out)
{
	bool host = step->u.barrier.from == RB_SIDE_HOST;

	rb_buf_printf(out, "%s: %s waits for %s", step->u.barrier.name, host ? "child" : "host",
		      host ? "host" : "child");
}

static void describe_hook(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_hook *hook = step->u.hook.hook;

	text(out, hook->path);
	if (hook->args.n > 1)
		rb_buf_add(out, " ");
	for (size_t i = 1; i < hook->args.n; i++) {
		rb_buf_add(out, i > 1 ? " \"" : "\"");
		rb_buf_escaped(out, hook->args.v[i], '"');
		rb_buf_add(out, "\"");
	}
	if (hook->has_timeout)
		rb_buf_printf(out, " (at most %" PRId64 " s)", hook->timeout);
}

/* --- child --- */

static void describe_become_root(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "uid 0, gid 0 of the user namespace");
}

static void describe_cgroup_ns(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "its root is the container's cgroup");
}

static void add_offset(struct rb_buf *out, const char *clock, const struct rb_time_offset *o,
		       const char **sep)
{
	if (!o->present)
		return;
	rb_buf_printf(out, "%s%s %" PRId64 " s", *sep, clock, o->secs);
	if (o->nanosecs)
		rb_buf_printf(out, " " U32 " ns", o->nanosecs);
	*sep = ", ";
}

static void describe_time(const struct rb_step *step, struct rb_buf *out)
{
	const char *sep = "";

	add_offset(out, "boottime", &step->u.time.boottime, &sep);
	add_offset(out, "monotonic", &step->u.time.monotonic, &sep);
	if (!*sep)
		rb_buf_add(out, "no offsets");
}

static void describe_loopback(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "lo up");
}

static void add_propagation(struct rb_buf *out, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} kinds[] = {
		{ MS_SHARED, "shared" },
		{ MS_SLAVE, "slave" },
		{ MS_PRIVATE, "private" },
		{ MS_UNBINDABLE, "unbindable" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (flags & kinds[i].flag)
			rb_buf_printf(out, "%s%s", flags & MS_REC ? "r" : "", kinds[i].name);
}

static void describe_propagation(const struct rb_step *step, struct rb_buf *out)
{
	add_propagation(out, (unsigned long)step->u.number.value);
	rb_buf_add(out, " on /");
}

static void describe_rootfs(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.rootfs.written);
	rb_buf_add(out, ", ");
	add_propagation(out, step->u.rootfs.propagation);
}

static void describe_mount(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_mount *m = step->u.mount.m;

	if (!m->opts.bind && !m->opts.remount) {
		text(out, m->type);
		if (m->source && *m->source && !(m->type && rb_streq(m->type, m->source))) {
			rb_buf_add(out, " ");
			text(out, m->source);
		}
		rb_buf_add(out, " on ");
	} else if (!m->opts.remount) {
		text(out, m->source);
		rb_buf_add(out, " on ");
	}
	text(out, m->dest);
	if (m->options.n) {
		rb_buf_add(out, " (");
		words(out, &m->options, ",");
		rb_buf_add(out, ")");
	}
	if (step->u.mount.n_uids) {
		add_maps(out, " ids", step->u.mount.uids, step->u.mount.n_uids);
		add_maps(out, " /", step->u.mount.gids, step->u.mount.n_gids);
	}
	if (step->u.mount.label) {
		rb_buf_add(out, " label ");
		text(out, step->u.mount.label);
	}
	if (step->u.mount.opened)
		rb_buf_add(out, ", opened before");
}

static void describe_device(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_device *d = &step->u.device.dev;

	text(out, d->path);
	rb_buf_printf(out, " %c", d->type);
	if (d->type != 'p')
		rb_buf_printf(out, " %" PRId64 ":%" PRId64, d->major, d->minor);
	rb_buf_printf(out, " %04" PRIo32 " " U32 ":" U32, d->file_mode, d->uid, d->gid);
	if (step->u.device.bind)
		rb_buf_add(out, ", the host's");
}

static void describe_link(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.link.path);
	rb_buf_add(out, " -> ");
	text(out, step->u.link.target);
}

static void describe_console(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "pty on /dev/console");
	if (step->u.console.has_size)
		rb_buf_printf(out, ", %ux%u", step->u.console.cols, step->u.console.rows);
	rb_buf_printf(out, ", owner " U32, step->u.console.uid);
}

static void describe_pivot(const struct rb_step *step, struct rb_buf *out)
{
	static const char *const how[] = {
		[RB_PIVOT_ROOT] = "old root detached",
		[RB_PIVOT_MOVE] = "move to / and chroot",
		[RB_PIVOT_EXCHANGE] =
			"old root detached, a copy of the new one in its place if that can be",
	};

	rb_buf_add(out, how[step->u.pivot.how]);
}

static void describe_sysctl(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.kv.key);
	rb_buf_add(out, " = ");
	text(out, step->u.kv.value);
}

static void describe_root_readonly(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "/");
}

static void describe_scheduler(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_scheduler *s = &step->u.process.process->scheduler;

	text(out, rb_name_of(rb_sched_policy_names, (uint64_t)s->policy));
	rb_buf_printf(out, " nice %" PRId32 " priority %" PRId32, s->nice, s->priority);
	if (s->deadline)
		rb_buf_printf(out,
			      " runtime %" PRIu64 " deadline %" PRIu64 " period %" PRIu64 " ns",
			      s->runtime, s->deadline, s->period);
	for (const struct rb_name *f = rb_sched_flag_names; f->name; f++)
		if (s->flags & f->value)
			rb_buf_printf(out, " %s", f->name);
}

static void describe_io_priority(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_ioprio *p = &step->u.process.process->io_priority;

	text(out, rb_name_of(rb_ioprio_class_names, (uint64_t)p->class));
	rb_buf_printf(out, " %" PRId32, p->priority);
}

static void describe_affinity(const struct rb_step *step, struct rb_buf *out)
{
	if (step->u.text.text)
		text(out, step->u.text.text);
	else
		rb_buf_add(out, "all CPUs of the cpuset");
}

static void describe_mem_policy(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_linux *l = &step->u.spec.spec->linux_;

	text(out, rb_name_of(rb_mpol_mode_names, (uint64_t)l->memory_policy.mode));
	if (l->memory_policy.nodes) {
		rb_buf_add(out, " nodes ");
		text(out, l->memory_policy.nodes);
	}
	for (const struct rb_name *f = rb_mpol_flag_names; f->name; f++)
		if (l->memory_policy.flags & f->value)
			rb_buf_printf(out, " %s", f->name);
}

static void add_limit(struct rb_buf *out, uint64_t value)
{
	if (value == UINT64_MAX)
		rb_buf_add(out, "unlimited");
	else
		rb_buf_printf(out, "%" PRIu64, value);
}

static void describe_rlimits(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_process *p = step->u.process.process;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		rb_buf_printf(out, "%s%s ", i ? ", " : "",
			      rb_name_of(rb_rlimit_names, (uint64_t)p->rlimits[i].resource));
		add_limit(out, p->rlimits[i].soft);
		rb_buf_add(out, ":");
		add_limit(out, p->rlimits[i].hard);
	}
}

static void describe_personality(const struct rb_step *step, struct rb_buf *out)
{
	text(out, rb_name_of(rb_personality_names, (uint64_t)step->u.number.value));
}

static void describe_label(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_printf(out, "%s ", step->u.label.lsm);
	text(out, step->u.label.label);
}

static void describe_user(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_user *u = &step->u.process.process->user;

	rb_buf_printf(out, "uid " U32 " gid " U32 " groups", u->uid, u->gid);
	for (size_t i = 0; i < u->n_gids; i++)
		rb_buf_printf(out, "%s" U32, i ? "," : " ", u->gids[i]);
	if (!u->n_gids)
		rb_buf_add(out, " none");
	if (u->has_umask)
		rb_buf_printf(out, " umask %04" PRIo32, u->umask);
}

static void add_caps(struct rb_buf *out, uint64_t set)
{
	const char *sep = "";

	if (!set)
		rb_buf_add(out, "none");
	for (unsigned i = 0; i < 64; i++) {
		const char *name = set >> i & 1 ? rb_name_of(rb_cap_names, i) : NULL;

		if (!name)
			continue;
		rb_buf_printf(out, "%s%s", sep, rb_startswith(name, "CAP_") ? name + 4 : name);
		sep = ",";
	}
}

/* Sets that are alike are listed together: "bounding permitted effective KILL,CHOWN;
 * inheritable ..." */
static void describe_caps(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_caps *s = &step->u.caps.sets;
	const struct {
		const char *name;
		uint64_t set;
	} sets[] = {
		{ "bounding", s->bounding },   { "permitted", s->permitted },
		{ "effective", s->effective }, { "inheritable", s->inheritable },
		{ "ambient", s->ambient },
	};
	const size_t n = sizeof(sets) / sizeof(sets[0]);
	bool done[sizeof(sets) / sizeof(sets[0])] = { false };

	for (size_t i = 0; i < n; i++) {
		if (done[i])
			continue;
		rb_buf_add(out, i ? "; " : "");
		for (size_t k = i; k < n; k++) {
			if (sets[k].set != sets[i].set)
				continue;
			rb_buf_printf(out, "%s%s", k > i ? " " : "", sets[k].name);
			done[k] = true;
		}
		rb_buf_add(out, " ");
		add_caps(out, sets[i].set);
	}
	if (step->u.caps.keep_admin)
		rb_buf_add(out, "; SYS_ADMIN until the seccomp filter is loaded");
}

static void describe_no_new_privs(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "on");
}

static void describe_find(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_strv *args = &step->u.process.process->args;

	text(out, args->n ? args->v[0] : NULL);
}

static void describe_born(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "into the pid namespace, where the container sees it");
}

static void describe_gate(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "until start");
}

static void describe_seccomp(const struct rb_step *step, struct rb_buf *out)
{
	describe_filter(step, out);
	if (step->u.seccomp.restore_caps)
		rb_buf_add(out, "; then drop SYS_ADMIN");
	if (step->u.seccomp.early)
		rb_buf_add(out, "; only if it allows what comes until the program");
}

static void describe_executed(const struct rb_step *step, struct rb_buf *out)
{
	(void)step;
	rb_buf_add(out, "until the program runs");
}

static void describe_exec(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_strv *args = &step->u.process.process->args;

	for (size_t i = 0; i < args->n; i++) {
		rb_buf_add(out, i ? " \"" : "\"");
		rb_buf_escaped(out, args->v[i], '"');
		rb_buf_add(out, "\"");
	}
}

/* --- network --- */

static void describe_network(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_ext *e = step->u.network.ext;

	rb_buf_add(out, "reserve");
	for (size_t i = 0; i < e->network.n_ifaces; i++) {
		rb_buf_add(out, i ? ", " : " ");
		text(out, e->network.ifaces[i].name);
		rb_buf_add(out, e->network.ifaces[i].addresses.n ? " " : "");
		words(out, &e->network.ifaces[i].addresses, " ");
	}
	for (size_t i = 0; i < e->network.n_ports; i++)
		rb_buf_printf(out, ", %s port %u", e->network.ports[i].protocol,
			      e->network.ports[i].host);
}

static void describe_netns(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "/run/netns/");
	text(out, step->u.text.text);
	rb_buf_add(out, ", made if it is not there");
}

static void describe_net_files(const struct rb_step *step, struct rb_buf *out)
{
	bool both = step->u.files.resolv && step->u.files.hosts;

	rb_buf_printf(out, "%s%s%s, owner " U32 ":" U32, step->u.files.resolv ? "resolv.conf" : "",
		      both ? " and " : "", step->u.files.hosts ? "hosts" : "", step->u.files.uid,
		      step->u.files.gid);
}

static void describe_bridge(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_iface *f = step->u.net.iface;

	text(out, f->bridge);
	rb_buf_add(out, f->host_addresses.n ? " with " : "");
	words(out, &f->host_addresses, " ");
	rb_buf_add(out, ", made if it is not there");
}

static void describe_net_link(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_iface *f = step->u.net.iface;

	rb_buf_printf(out, "%s ", f->type);
	text(out, f->name);
	if (f->parent) {
		rb_buf_add(out, " on ");
		text(out, f->parent);
	} else {
		rb_buf_add(out, ", on the host ");
		text(out, f->host_name ? f->host_name : "by a name of its own");
	}
	if (f->bridge) {
		rb_buf_add(out, " in ");
		text(out, f->bridge);
	}
	if (f->vlan_id.set)
		rb_buf_printf(out, " vlan " U32, f->vlan_id.v);
	if (f->mode)
		rb_buf_printf(out, " mode %s", f->mode);
	if (f->mac)
		rb_buf_printf(out, " mac %s", f->mac);
	if (f->mtu.set)
		rb_buf_printf(out, " mtu " U32, f->mtu.v);
}

static void describe_net_device(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.netdev.dev->host_name);
	rb_buf_add(out, " of the host as ");
	text(out,
	     step->u.netdev.dev->name ? step->u.netdev.dev->name : step->u.netdev.dev->host_name);
}

static void add_end(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_iface *f = step->u.net.iface;

	if (step->u.net.host && f->host_name)
		text(out, f->host_name);
	else
		text(out, f->name);
	rb_buf_add(out, step->u.net.host ? " on the host" : "");
}

static void describe_address(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.net.text);
	rb_buf_add(out, " on ");
	add_end(step, out);
}

static void describe_route(const struct rb_step *step, struct rb_buf *out)
{
	text(out, step->u.net.text);
	rb_buf_add(out, " via ");
	text(out, step->u.net.via);
}

static void add_rate(const struct rb_shape *s, struct rb_buf *out)
{
	if (s->rate_bits.set)
		rb_buf_printf(out, " %" PRIu64 " bit/s", s->rate_bits.v);
	if (s->burst_bytes.set)
		rb_buf_printf(out, " burst %" PRIu64, s->burst_bytes.v);
}

static void describe_shape(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_iface *f = step->u.net.iface;

	rb_buf_printf(out, "%s of ", step->u.net.host ? "ingress" : "egress");
	text(out, f->name);
	add_rate(step->u.net.host ? &f->ingress : &f->egress, out);
	if (step->u.net.host)
		return;
	if (f->delay_ms > 0)
		rb_buf_printf(out, " delay %g ms", f->delay_ms);
	if (f->jitter_ms > 0)
		rb_buf_printf(out, " jitter %g ms", f->jitter_ms);
	if (f->loss_percent > 0)
		rb_buf_printf(out, " loss %g %%", f->loss_percent);
}

static void describe_nat(const struct rb_step *step, struct rb_buf *out)
{
	const struct rb_ext *e = step->u.network.ext;
	const char *sep = "";

	for (size_t i = 0; i < e->network.n_ports; i++) {
		const struct rb_port *p = &e->network.ports[i];

		rb_buf_printf(out, "%s%s ", sep, p->protocol);
		text(out, p->host_ip ? p->host_ip : "*");
		rb_buf_printf(out, ":%u -> %u", p->host, p->container);
		sep = ", ";
	}
	if (e->network.masquerade)
		rb_buf_printf(out, "%smasquerade", sep);
}

static void describe_net_file(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "runbox's own on ");
	text(out, step->u.file.path);
}

static void describe_rdt(const struct rb_step *step, struct rb_buf *out)
{
	rb_buf_add(out, "class ");
	text(out, *step->u.rdt.group ? step->u.rdt.group : "/");
	rb_buf_add(out, " of resctrl");
	if (step->u.rdt.monitor) {
		rb_buf_add(out, ", monitoring group ");
		text(out, step->u.rdt.monitor);
	}
}

/* What has no undo dies with the child's namespaces. */
static const struct {
	void (*describe)(const struct rb_step *step, struct rb_buf *out);
	const char *undo;
} kinds[RB_STEP_COUNT] = {
	[RB_STEP_RECORD] = { describe_record, "remove the state directory" },
	[RB_STEP_SCOPE] = { describe_scope, "stop the scope" },
	[RB_STEP_CGROUP] = { describe_cgroup, "end what is in them, remove the directories" },
	[RB_STEP_LIMITS] = { describe_limits, NULL },
	[RB_STEP_DEVICE_RULES] = { describe_device_rules, NULL },
	[RB_STEP_FILTER] = { describe_filter, NULL },
	[RB_STEP_NETWORK] = { describe_network, "give addresses and ports back" },
	[RB_STEP_NETNS] = { describe_netns, "remove it with its last user, if runbox made it" },
	[RB_STEP_NET_FILES] = { describe_net_files, NULL },
	[RB_STEP_BRIDGE] = { describe_bridge, "remove it with its last user, if runbox made it" },
	[RB_STEP_LINK] = { describe_net_link, "remove the device" },
	[RB_STEP_NET_DEVICE] = { describe_net_device, "give it back, under its name" },
	[RB_STEP_ADDRESS] = { describe_address, NULL },
	[RB_STEP_ROUTE] = { describe_route, NULL },
	[RB_STEP_SHAPE] = { describe_shape, NULL },
	[RB_STEP_NAT] = { describe_nat, "remove the table" },
	[RB_STEP_NET_FILE] = { describe_net_file, NULL },
	[RB_STEP_OPEN_ROOT] = { describe_open_root, NULL },
	[RB_STEP_OPEN_SOURCE] = { describe_open_source, NULL },
	[RB_STEP_CLONE] = { describe_clone, "end the process" },
	[RB_STEP_ENTER] = { describe_enter, "end the process" },
	[RB_STEP_IDMAP] = { describe_idmap, NULL },
	[RB_STEP_ATTACH] = { describe_cgroup, NULL },
	[RB_STEP_RDT] = { describe_rdt, "remove what runbox made there, with its last user" },
	[RB_STEP_RDT_ENTER] = { describe_rdt, NULL },
	[RB_STEP_OOM_SCORE] = { describe_number, NULL },
	[RB_STEP_TIME_LIMIT] = { describe_time_limit, NULL },
	[RB_STEP_KEEP] = { describe_keep, NULL },
	[RB_STEP_PID_FILE] = { describe_text, "remove the file" },
	[RB_STEP_CREATED] = { describe_created, NULL },
	[RB_STEP_BARRIER] = { describe_barrier, NULL },
	[RB_STEP_HOOK] = { describe_hook, NULL },
	[RB_STEP_BECOME_ROOT] = { describe_become_root, NULL },
	[RB_STEP_CGROUP_NS] = { describe_cgroup_ns, NULL },
	[RB_STEP_TIME_OFFSETS] = { describe_time, NULL },
	[RB_STEP_LOOPBACK] = { describe_loopback, NULL },
	[RB_STEP_PROPAGATION] = { describe_propagation, NULL },
	[RB_STEP_OVERLAY] = { describe_overlay, NULL },
	[RB_STEP_ROOTFS] = { describe_rootfs, NULL },
	[RB_STEP_MOUNT] = { describe_mount, NULL },
	[RB_STEP_DEVICE] = { describe_device, NULL },
	[RB_STEP_SYMLINK] = { describe_link, NULL },
	[RB_STEP_CONSOLE] = { describe_console, NULL },
	[RB_STEP_READONLY] = { describe_text, NULL },
	[RB_STEP_MASK] = { describe_text, NULL },
	[RB_STEP_PIVOT] = { describe_pivot, NULL },
	[RB_STEP_CHROOT] = { describe_open_root, NULL },
	[RB_STEP_SYSCTL] = { describe_sysctl, NULL },
	[RB_STEP_HOSTNAME] = { describe_text, NULL },
	[RB_STEP_DOMAINNAME] = { describe_text, NULL },
	[RB_STEP_ROOT_READONLY] = { describe_root_readonly, NULL },
	[RB_STEP_INIT] = { describe_init, NULL },
	[RB_STEP_KEYRING] = { describe_text, NULL },
	[RB_STEP_SCHEDULER] = { describe_scheduler, NULL },
	[RB_STEP_IO_PRIORITY] = { describe_io_priority, NULL },
	[RB_STEP_AFFINITY] = { describe_affinity, NULL },
	[RB_STEP_MEM_POLICY] = { describe_mem_policy, NULL },
	[RB_STEP_RLIMITS] = { describe_rlimits, NULL },
	[RB_STEP_PERSONALITY] = { describe_personality, NULL },
	[RB_STEP_LABEL] = { describe_label, NULL },
	[RB_STEP_USER] = { describe_user, NULL },
	[RB_STEP_CAPS] = { describe_caps, NULL },
	[RB_STEP_NO_NEW_PRIVS] = { describe_no_new_privs, NULL },
	[RB_STEP_CWD] = { describe_text, NULL },
	[RB_STEP_FIND] = { describe_find, NULL },
	[RB_STEP_BORN] = { describe_born, NULL },
	[RB_STEP_GATE] = { describe_gate, NULL },
	[RB_STEP_SECCOMP] = { describe_seccomp, NULL },
	[RB_STEP_EXECUTED] = { describe_executed, NULL },
	[RB_STEP_EXEC] = { describe_exec, NULL },
};

static const char *const names[RB_STEP_COUNT] = {
#define RB_STEP(kind, name, side, data) [RB_STEP_##kind] = name,
#include "runbox/steps.def"
#undef RB_STEP
};

/** rb_step_name() - "mount" */
const char *rb_step_name(enum rb_step_kind kind)
{
	return kind < RB_STEP_COUNT ? names[kind] : "?";
}

/** rb_step_describe() - the arguments of a step as one line; @out is appended to */
void rb_step_describe(const struct rb_step *step, struct rb_buf *out)
{
	kinds[step->kind].describe(step, out);
}

/** rb_step_undo_text() - how the step is undone, NULL when it dies with the container */
const char *rb_step_undo_text(const struct rb_step *step)
{
	return kinds[step->kind].undo;
}

/** plan_side() - see plan_priv.h */
const char *plan_side(unsigned side)
{
	static const char *const sides[] = {
		[RB_SIDE_HOST] = "host",
		[RB_SIDE_CHILD] = "child",
		[RB_SIDE_BOTH] = "both",
	};

	return sides[side];
}
