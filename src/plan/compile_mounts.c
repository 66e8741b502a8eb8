/* compile_mounts.c - the container's file system: root, mounts, read-only and masked paths
 *
 * Sources: config.md "Root", "Mounts"; config-linux.md "Rootfs Mount Propagation", "Masked Paths",
 * "Readonly Paths"; mount_namespaces(7); pivot_root(2). What is decided here is decided by the
 * text of a path; the steps check once more what it led to.
 */
#include "compile_priv.h"
#include "runbox/libc.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <string.h>

/* threads on the host from which on it pays not to have pivot_root(2) look at them */
#define CROWD 512

const char *const rb_proc_files[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/loadavg",
	"/proc/meminfo",
	"/proc/net/dev",
	"/proc/slabinfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/sys/crypto/fips_enabled",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/uptime",
	NULL,
};

static const char *mount_at(struct compile *c, size_t i, const char *suffix)
{
	return rb_arena_item(c->arena, "mounts", i, suffix);
}

static bool type_is(const struct rb_mount *m, const char *type)
{
	return m->type && rb_streq(m->type, type);
}

static bool is_cgroup(const struct rb_mount *m)
{
	return !m->opts.bind && (type_is(m, "cgroup") || type_is(m, "cgroup2"));
}

/* Is it a file system of the kernel's own, without a device and without a network behind it? */
static bool is_virtual(const struct rb_mount *m)
{
	static const char *const types[] = { "proc",   "tmpfs",	 "devpts",
					     "mqueue", "cgroup", "cgroup2" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type_is(m, types[i]))
			return true;
	return m->opts.bind;
}

/* Does the mount belong to the network namespace that it is made in? sysfs does, and network file systems. */
static bool is_of_net(const struct rb_mount *m)
{
	return !is_virtual(m);
}

/* Does the child have to be in its cgroups? A cgroup mount shows the namespace of whoever makes it, or
 * directories that have to be there, and the memory of what is copied up is the container's. */
static bool is_of_cgroup(const struct rb_mount *m)
{
	return is_cgroup(m) || m->opts.tmpcopyup;
}

/* May it open a device, for which the rules hold, or make one? What is copied up can be one. */
static bool is_of_device(const struct rb_mount *m)
{
	return (!is_virtual(m) && !type_is(m, "sysfs")) || m->opts.tmpcopyup;
}

/* Absolute, but otherwise as it was written: ".." after a symbolic link is for the kernel to
 * follow. */
static const char *from_bundle(struct compile *c, const char *path)
{
	return *path == '/' || !c->opts->bundle
		       ? path
		       : rb_arena_printf(c->arena, "%s/%s", c->opts->bundle, path);
}

static int check_proc_target(struct compile *c, const struct rb_mount *m, const char *dest,
			     size_t i, struct rb_err *err)
{
	const char *at = mount_at(c, i, ".destination");

	if (!compile_below(dest, "/proc"))
		return 0;
	if (rb_streq(dest, "/proc")) {
		if (m->opts.remount || (!m->opts.bind && type_is(m, "proc")))
			return 0;
		/* a container that shares the host's pid namespace gets the host's, checked to
		 * be procfs */
		if (m->opts.bind && m->source &&
		    rb_streq(compile_clean(c->arena, NULL, m->source), "/proc"))
			return 0;
		return rb_fail_at(err, at, "only procfs may be mounted on /proc");
	}
	for (size_t k = 0; m->opts.bind && rb_proc_files[k]; k++)
		if (rb_streq(dest, rb_proc_files[k]))
			return 0;
	return rb_fail_at(err, at, "%s: nothing may be mounted inside /proc", dest);
}

static int check_mount(struct compile *c, const struct rb_mount *m, size_t i, struct rb_err *err)
{
	const char *dest = compile_clean(c->arena, NULL, m->dest);

	if (m->opts.bind && !m->opts.remount && !(m->source && *m->source))
		return rb_fail_at(err, mount_at(c, i, ".source"), "a bind mount needs a source");
	if (!m->opts.bind && !m->opts.remount && !m->opts.n_propagation && !(m->type && *m->type)) {
		(void)rb_fail_at(err, mount_at(c, i, ""), "type is missing");
		return rb_err_hint(err, "a bind mount has \"bind\" or \"rbind\" in its options");
	}
	return check_proc_target(c, m, dest, i, err);
}

/* Does a later entry cover the same place? */
static bool is_covered(struct compile *c, size_t i)
{
	const char *dest = compile_clean(c->arena, NULL, c->spec->mounts[i].dest);

	for (size_t k = i + 1; k < c->spec->n_mounts; k++)
		if (rb_streq(compile_clean(c->arena, NULL, c->spec->mounts[k].dest), dest))
			return true;
	return false;
}

/* A read-only tmpfs could hold no device, mount point or copied-up file: it is made writable
 * and sealed once all is in it. */
static bool is_sealed_later(struct compile *c, size_t i)
{
	const struct rb_mount *m = &c->mounts[i];
	bool fresh = !m->opts.bind && !m->opts.remount && type_is(m, "tmpfs");

	return fresh && ((m->opts.attr_set | m->opts.rattr_set) & MOUNT_ATTR_RDONLY) &&
	       !is_covered(c, i);
}

static struct rb_strv without_ro(struct rb_arena *a, const struct rb_strv *options)
{
	struct rb_strv out = { .v = rb_arena_alloc(a, (options->n + 1) * sizeof(char *)) };

	for (size_t i = 0; i < options->n; i++)
		if (!rb_streq(options->v[i], "ro") && !rb_streq(options->v[i], "rro"))
			out.v[out.n++] = options->v[i];
	return out;
}

/** check_mounts() - each entry, and the copies from which the rows are made. */
int check_mounts(struct compile *c, struct rb_err *err)
{
	const struct rb_spec *s = c->spec;

	c->mounts = rb_arena_alloc(c->arena, (s->n_mounts + 1) * sizeof(*c->mounts));
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct rb_mount *m = &c->mounts[i];
		int r;

		*m = s->mounts[i];
		/* engines of old wrote only the type */
		m->opts.bind_rec |= type_is(m, "rbind");
		m->opts.bind |= m->opts.bind_rec || type_is(m, "bind");
		r = check_mount(c, m, i, err);
		if (r < 0)
			return r;
		if (!m->type) /* so that a step can compare it */
			m->type = m->opts.bind ? "bind" : "none";
		if (is_sealed_later(c, i)) {
			m->options = without_ro(c->arena, &m->options);
			m->opts.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
			m->opts.rattr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
			m->opts.sb_set &= ~(unsigned long)MS_RDONLY;
		}
	}
	return 0;
}

/* crun's "@": the host ids of an entry are counted inside the container's user namespace. */
static int from_container(struct compile *c, const struct rb_idmap *outer, size_t n_outer,
			  const struct rb_idmap **maps, size_t n, const char *at,
			  struct rb_err *err)
{
	struct rb_idmap *out = rb_arena_alloc(c->arena, (n + 1) * sizeof(*out));

	for (size_t i = 0; i < n; i++) {
		out[i] = (*maps)[i];
		if (!compile_id_to_host(outer, n_outer, (*maps)[i].host_id, (*maps)[i].size,
					&out[i].host_id))
			return rb_fail_at(err, at,
					  "a relative id map is not covered by the mappings of the "
					  "container");
	}
	*maps = out;
	return 0;
}

static bool is_id_mapped(const struct rb_mount *m)
{
	return m->n_uids || m->n_gids || m->opts.idmap || m->opts.ridmap || m->opts.n_idmap_uids ||
	       m->opts.n_idmap_gids;
}

/* Explicit mappings, else those of the option, else those of the container (as runc and crun
 * do). */
static int set_id_maps(struct compile *c, size_t i, struct rb_step *step, struct rb_err *err)
{
	const struct rb_mount *m = &c->mounts[i];
	const struct rb_linux *l = &c->spec->linux_;
	const char *at = mount_at(c, i, ".uidMappings");
	bool own = m->n_uids || m->n_gids, option = m->opts.n_idmap_uids || m->opts.n_idmap_gids;
	int r = 0;

	step->u.mount.uids = own ? m->uids : option ? m->opts.idmap_uids : l->uids;
	step->u.mount.n_uids = own ? m->n_uids : option ? m->opts.n_idmap_uids : l->n_uids;
	step->u.mount.gids = own ? m->gids : option ? m->opts.idmap_gids : l->gids;
	step->u.mount.n_gids = own ? m->n_gids : option ? m->opts.n_idmap_gids : l->n_gids;
	step->u.mount.idmap_recursive = m->opts.ridmap;
	if (!step->u.mount.n_uids || !step->u.mount.n_gids)
		return rb_fail_at(err, own && m->n_uids ? mount_at(c, i, ".gidMappings") : at,
				  "an id-mapped mount needs both uidMappings and gidMappings");
	if (!own && option && m->opts.idmap_relative) {
		r = from_container(c, l->uids, l->n_uids, &step->u.mount.uids, step->u.mount.n_uids,
				   at, err);
		if (r == 0)
			r = from_container(c, l->gids, l->n_gids, &step->u.mount.gids,
					   step->u.mount.n_gids, at, err);
	}
	if (r == 0)
		r = compile_id_maps_check(step->u.mount.uids, step->u.mount.n_uids, at, err);
	if (r == 0)
		r = compile_id_maps_check(step->u.mount.gids, step->u.mount.n_gids,
					  mount_at(c, i, ".gidMappings"), err);
	return r;
}

static bool is_shared(const struct rb_mount *m)
{
	for (size_t i = 0; i < m->opts.n_propagation; i++)
		if (m->opts.propagation[i] & MS_SHARED)
			return true;
	return false;
}

/* Is the source opened before the clone? */
static bool is_opened(struct compile *c, size_t i)
{
	const struct rb_mount *m = &c->mounts[i];

	if (m->opts.remount)
		return false;
	/* needs CAP_SYS_ADMIN over the file system, which root of a user namespace has not */
	if (is_id_mapped(m) && (m->opts.bind || compile_has(c, CLONE_NEWUSER)))
		return true;
	if (!m->opts.bind)
		return false;
	/* a source in the container's own root shows the mounts made before it */
	if (!rb_streq(c->root_path, "/") &&
	    compile_below(compile_clean(c->arena, c->bundle, m->source), c->root_path))
		return false;
	/* once the child's mounts are slaves a copy could no longer be a peer of the host's
	 * mount */
	return compile_has(c, CLONE_NEWUSER) ||
	       (is_shared(m) && (c->spec->linux_.rootfs_propagation & MS_SHARED));
}

/* SELinux: file systems that are made for the container take its label as a mount option. */
static const char *label_of(const struct compile *c, const struct rb_mount *m)
{
	static const char *const without[] = { "proc", "sysfs", "mqueue", "cgroup", "cgroup2" };
	const char *label = c->spec->linux_.mount_label;

	if (!label || !*label || m->opts.bind || m->opts.remount)
		return NULL;
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (type_is(m, without[i]))
			return NULL;
	return label;
}

static int add_mount(struct compile *c, enum rb_step_kind kind, size_t i, struct rb_err *err)
{
	const struct rb_mount *m = &c->mounts[i];
	struct rb_step *step = compile_add(c, kind, mount_at(c, i, ""));

	step->u.mount.m = m;
	step->u.mount.index = i;
	step->u.mount.source = m->opts.bind && m->source ? from_bundle(c, m->source) : NULL;
	step->u.mount.opened = kind == RB_STEP_MOUNT && is_opened(c, i);
	step->u.mount.label = label_of(c, m);
	if (is_cgroup(m)) {
		step->u.mount.cgroups = c->dirs;
		step->u.mount.n_cgroups = c->n_dirs;
		step->u.mount.cgroup_ns = compile_has(c, CLONE_NEWCGROUP);
	}
	return is_id_mapped(m) ? set_id_maps(c, i, step, err) : 0;
}

/** check_ephemeral() - nothing of "mounts" may write into the root's own directory past the overlay. */
int check_ephemeral(struct compile *c, struct rb_err *err)
{
	for (size_t i = 0; c->spec->ext.ephemeral && i < c->spec->n_mounts; i++) {
		const struct rb_mount *m = &c->mounts[i];

		if (m->opts.remount)
			continue;
		if (rb_streq(compile_clean(c->arena, NULL, m->dest), "/"))
			return rb_fail_at(
				err, mount_at(c, i, ".destination"),
				"a mount on / would cover the overlay of runbox.ephemeral");
		/* the id map has to be made on the host, where there is no overlay yet */
		if (m->opts.bind && is_id_mapped(m) && !rb_streq(c->root_path, "/") &&
		    compile_below(compile_clean(c->arena, c->bundle, m->source), c->root_path))
			return rb_fail_at(err, mount_at(c, i, ".source"),
					  "an id-mapped mount of a part of the root would get past "
					  "the overlay of runbox.ephemeral");
	}
	return 0;
}

/* A detached copy on the host side, or the directory itself where there is no new mount
 * namespace. */
static void fill_rootfs(struct compile *c, struct rb_step *step)
{
	unsigned long asked = c->spec->linux_.rootfs_propagation;

	step->u.rootfs.path = from_bundle(c, c->spec->root_path);
	step->u.rootfs.written = c->spec->root_path;
	step->u.rootfs.propagation = asked ? asked : MS_PRIVATE | MS_REC;
	step->u.rootfs.readonly = c->spec->root_readonly;
}

int emit_open_root(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!compile_is_new(c, CLONE_NEWNS))
		return 0;
	step = compile_add(c, RB_STEP_OPEN_ROOT, "root.path");
	fill_rootfs(c, step);
	/* the lower of an overlay is one file system (kernel overlayfs.rst) */
	step->u.rootfs.alone = c->spec->ext.ephemeral;
	return 0;
}

int emit_open_sources(struct compile *c, struct rb_err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->spec->n_mounts && r == 0; i++)
		if (is_opened(c, i))
			r = add_mount(c, RB_STEP_OPEN_SOURCE, i, err);
	return r;
}

/**
 * emit_propagation() - keep the child's mounts from the host
 *
 * The host's root is often shared, and a copy of it is a peer: it is made a slave before anything
 * is mounted, also for rootfsPropagation "shared", which means a peer group of the container's own,
 * not the host's (config-linux.md). A bind mount that is to be shared with the host was opened
 * before.
 */
int emit_propagation(struct compile *c, struct rb_err *err)
{
	unsigned long asked = c->spec->linux_.rootfs_propagation;
	bool cut = asked & (MS_PRIVATE | MS_UNBINDABLE);

	(void)err;			    /* cannot fail */
	if (compile_is_new(c, CLONE_NEWNS)) /* one that is joined belongs to others */
		compile_add(c, RB_STEP_PROPAGATION, asked ? "linux.rootfsPropagation" : NULL)
			->u.number.value = (cut ? MS_PRIVATE : MS_SLAVE) | MS_REC;
	return 0;
}

/** emit_overlay() - what is written to the root goes into a tmpfs that nothing but the overlay holds. */
int emit_overlay(struct compile *c, struct rb_err *err)
{
	const char *label = c->spec->linux_.mount_label;
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!c->spec->ext.ephemeral)
		return 0;
	step = compile_add(c, RB_STEP_OVERLAY, "runbox.ephemeral");
	step->u.overlay.path = from_bundle(c, c->spec->root_path);
	step->u.overlay.written = c->spec->root_path;
	step->u.overlay.label = label && *label ? label : NULL;
	step->u.overlay.user_xattr = compile_has(c, CLONE_NEWUSER) || c->host->in_userns;
	return 0;
}

int emit_rootfs(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (compile_is_new(c, CLONE_NEWNS))
		fill_rootfs(c, compile_add(c, RB_STEP_ROOTFS, "root.path"));
	return 0;
}

/* The directory of the sd_notify socket. It is none of the config's mounts and has no slot
 * among the sources. Read-only, for it lies on the host's /run; a socket can be written to all the
 * same. */
static void add_notify(struct compile *c)
{
	static char *const options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	struct rb_mount *m;
	struct rb_step *step;

	if (!c->opts->notify_dir)
		return;
	m = rb_arena_alloc(c->arena, sizeof(*m));
	m->dest = "/run/notify";
	m->type = "bind";
	m->source = c->opts->notify_dir;
	m->options = (struct rb_strv) { .v = rb_arena_alloc(c->arena, sizeof(options)), .n = 5 };
	memcpy(m->options.v, options, sizeof(options));
	m->opts.bind = true;
	m->opts.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			   MOUNT_ATTR_NOEXEC;
	step = compile_add(c, RB_STEP_MOUNT, NULL);
	step->u.mount.m = m;
	step->u.mount.index = c->spec->n_mounts;
	step->u.mount.source = m->source;
}

static bool is_at(struct compile *c, size_t i, const char *dest)
{
	return rb_streq(compile_clean(c->arena, NULL, c->mounts[i].dest), dest);
}

/*
 * Is the path the same thing in whatever namespaces the child is yet to enter? A mount lies on what
 * a name means to who makes it: below /proc/net and /proc/sys/net that depends on the network
 * namespace. So only what lies right in /proc, without the links.
 */
static bool is_fixed(const char *path)
{
	static const char *const links[] = { "net", "self", "thread-self", "mounts" };
	const char *name = rb_startswith(path, "/proc/") ? path + strlen("/proc/") : "0";

	if (strchr(name, '/') || (*name >= '0' && *name <= '9'))
		return false;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (rb_streq(name, links[i]))
			return false;
	return true;
}

/* @early: only those that may be hidden at any moment */
static int add_paths(struct compile *c, enum rb_step_kind kind, const struct rb_strv *paths,
		     const char *field, bool early, struct rb_err *err)
{
	size_t first = c->plan->len;

	for (size_t i = 0; i < paths->n; i++) {
		const char *at = rb_arena_item(c->arena, field, i, "");
		const char *path = compile_clean(c->arena, NULL, paths->v[i]);
		bool done = is_fixed(path) ? c->hidden : early;

		if (paths->v[i][0] != '/')
			return rb_fail_at(err, at, "%s must be absolute", at);
		if (rb_streq(path, "/"))
			return rb_fail_at(err, at, "%s is the root", at);
		for (size_t k = first; k < c->plan->len; k++)
			done |= rb_streq(c->plan->steps[k].u.text.text, path);
		if (!done)
			compile_add(c, kind, at)->u.text.text = path;
	}
	return 0;
}

/* Read-only paths, then masked ones, each once. */
static int add_hidden(struct compile *c, bool early, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	int r = add_paths(c, RB_STEP_READONLY, &l->readonly_paths, "linux.readonlyPaths", early,
			  err);

	if (r == 0)
		r = add_paths(c, RB_STEP_MASK, &l->masked_paths, "linux.maskedPaths", early, err);
	c->hidden = true;
	return r;
}

/** emit_hidden_paths() - those that are not hidden yet */
int emit_hidden_paths(struct compile *c, struct rb_err *err)
{
	return add_hidden(c, false, err);
}

/* Does it make a mount of its own, and do nothing else? A remount follows links. */
static bool is_plain(const struct rb_mount *m)
{
	return !m->opts.bind && !m->opts.remount && !m->opts.copy_symlink && !m->opts.tmpcopyup &&
	       !m->opts.idmap && !m->opts.ridmap;
}

/* A read-only path takes along what is mounted in it, and a mask is not to be made read-only: so no later one
 * may be around what is hidden early, which those below /proc cannot be. */
static bool are_below_proc(struct compile *c, const struct rb_strv *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		if (!rb_startswith(compile_clean(c->arena, NULL, paths->v[i]), "/proc/"))
			return false;
	return true;
}

bool compile_has_dev(struct compile *c)
{
	for (size_t i = 0; i < c->spec->n_mounts; i++)
		if (is_plain(&c->mounts[i]) && type_is(&c->mounts[i], "tmpfs") &&
		    is_at(c, i, "/dev"))
			return true;
	return false;
}

/*
 * The first of the last mounts that may come after what else is done in the root, so that the child
 * does that where it would only wait: sysfs for the network namespace, and the usual mount of
 * cgroups for the host side. A path may lead elsewhere by links of the image: to what is hidden,
 * which has to be on top, and into /proc, where nothing may be mounted but what hides. sysfs shows
 * nothing that is hidden elsewhere, wherever /sys leads; right below it there are no links of the
 * image; and nothing is put at a path of the image after what is hidden, for the default devices
 * are in a /dev of the container's own. Return: n_mounts if there is none
 */
static size_t last_mounts(struct compile *c)
{
	size_t n = c->spec->n_mounts;

	if (!compile_has_dev(c) || c->spec->linux_.n_devices || c->opts->notify_dir ||
	    c->spec->ext.network.present || !are_below_proc(c, &c->spec->linux_.readonly_paths))
		return n;
	if (n > 0 && is_cgroup(&c->mounts[n - 1]) && is_plain(&c->mounts[n - 1]) &&
	    is_at(c, n - 1, "/sys/fs/cgroup"))
		n--;
	if (n > 0 && type_is(&c->mounts[n - 1], "sysfs") && is_plain(&c->mounts[n - 1]) &&
	    is_at(c, n - 1, "/sys"))
		return n - 1;
	return c->spec->n_mounts;
}

/* What has to be there, or to hold, before mount @i. */
static int emit_before_mount(struct compile *c, size_t i, struct rb_err *err)
{
	const struct rb_mount *m = &c->mounts[i];
	int r = 0;

	if (is_of_cgroup(m))
		r = emit_in_cgroups(c, err);
	if (r == 0 && is_of_device(m))
		r = emit_attached(c, err);
	if (r == 0 && is_of_net(m))
		r = emit_loopback(c, err);
	return r;
}

/* Meanwhile; what waits itself is left for later. */
static int emit_before_last(struct compile *c, struct rb_err *err)
{
	int r = compile_devices_wait(c) ? 0 : emit_devices(c, err);

	return r < 0 ? r : add_hidden(c, true, err);
}

int emit_mounts(struct compile *c, struct rb_err *err)
{
	size_t last = last_mounts(c);
	int r = 0;

	for (size_t i = 0; i < c->spec->n_mounts && r == 0; i++) {
		if (i == last)
			r = emit_before_last(c, err);
		if (r == 0)
			r = emit_before_mount(c, i, err);
		if (r == 0)
			r = add_mount(c, RB_STEP_MOUNT, i, err);
	}
	if (r == 0 && compile_is_new(c, CLONE_NEWNS))
		add_notify(c);
	return r;
}

/** emit_sealed_mounts() - file systems that could not be made read-only at once. */
int emit_sealed_mounts(struct compile *c, struct rb_err *err)
{
	static char *const options[] = { "remount", "ro" };

	(void)err; /* cannot fail */
	for (size_t i = 0; i < c->spec->n_mounts; i++) {
		const uint64_t was = c->spec->mounts[i].opts.attr_set |
				     c->spec->mounts[i].opts.rattr_set;
		const uint64_t is = c->mounts[i].opts.attr_set | c->mounts[i].opts.rattr_set;
		struct rb_mount *m;
		struct rb_step *step;

		if (!(was & ~is & MOUNT_ATTR_RDONLY))
			continue;
		m = rb_arena_alloc(c->arena, sizeof(*m));
		*m = c->mounts[i];
		m->options =
			(struct rb_strv) { .v = rb_arena_alloc(c->arena, sizeof(options)), .n = 2 };
		memcpy(m->options.v, options, sizeof(options));
		m->opts.remount = true;
		m->opts.attr_set |= MOUNT_ATTR_RDONLY;
		m->opts.tmpcopyup = false;
		m->opts.sb_set = m->opts.sb_clr = 0; /* of the mount, not of the file system */
		m->opts.n_propagation = 0;
		m->opts.data = (struct rb_strv) { 0 };
		step = compile_add(c, RB_STEP_MOUNT, mount_at(c, i, ".options"));
		step->u.mount.m = m;
		step->u.mount.index = i;
	}
	return 0;
}

/* Whoever asks for mounts that come and go on the host would miss some while a copy is in the place of the
 * tree, and what is unbindable is not copied (mount_namespaces(7)). */
static bool is_private(const struct compile *c)
{
	const unsigned long others = ~(unsigned long)(MS_PRIVATE | MS_REC);

	for (size_t i = 0; i < c->spec->n_mounts; i++)
		for (size_t k = 0; k < c->mounts[i].opts.n_propagation; k++)
			if (c->mounts[i].opts.propagation[k] & others)
				return false;
	return !(c->spec->linux_.rootfs_propagation & others);
}

/* Before the root is entered, hooks may leave processes in the mount namespace. */
static bool has_early_hooks(const struct compile *c)
{
	const struct rb_hooks *hooks = c->spec->hooks;

	return hooks[RB_HOOK_PRESTART].n || hooks[RB_HOOK_CREATE_RUNTIME].n ||
	       hooks[RB_HOOK_CREATE_CONTAINER].n;
}

/*
 * pivot_root(2) looks at every process of the host, 0.1 to 0.4 us for each; the other way takes 50 us more
 * than it with none. Not in a new user namespace, where the old root is locked (mount_namespaces(7)); not
 * where somebody has the old tree open, as a terminal.
 */
static enum rb_pivot pivot_how(const struct compile *c)
{
	/* setns(2) */
	const uint64_t need = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_CHROOT;

	if (c->opts->no_pivot || c->host->root_is_rootfs)
		return RB_PIVOT_MOVE;
	if (c->host->threads < CROWD || c->rootless || compile_has(c, CLONE_NEWUSER) ||
	    c->spec->process.terminal || has_early_hooks(c) || (c->host->caps & need) != need ||
	    !is_private(c))
		return RB_PIVOT_ROOT;
	return RB_PIVOT_EXCHANGE;
}

/** emit_enter_root() - pivot_root where the mount namespace is the container's own, else chroot. */
int emit_enter_root(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	/* pivot_root(2) would move the root of every process in the namespace */
	if (!compile_is_new(c, CLONE_NEWNS)) {
		fill_rootfs(c, compile_add(c, RB_STEP_CHROOT, "root.path"));
		return 0;
	}
	compile_add(c, RB_STEP_PIVOT, "root.path")->u.pivot.how = pivot_how(c);
	return 0;
}

int emit_root_readonly(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->root_readonly)
		compile_add(c, RB_STEP_ROOT_READONLY, "root.readonly");
	return 0;
}
