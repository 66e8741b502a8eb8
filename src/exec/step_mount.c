/* step_mount.c - one entry of "mounts": get the mount detached, give it its flags, attach it by
 * descriptor
 *
 * The source is a clone of a host tree (bind) or a new file system; the target is resolved once,
 * below the root. mount(2) is used where it does the same in one call, and for what fsconfig(2) does not
 * take: values over 255 bytes, old options.
 * Source: config.md "Mounts"; THREATS CVE-2021-30465 (one resolution), CVE-2019-19921 (/proc,
 * /sys).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

static bool is_bind(const struct rb_mount *m)
{
	return m->opts.bind || m->opts.bind_rec || rb_streq(m->type, "bind");
}

/* The slot of an OPEN_SOURCE row; a mount that config.json does not have (sd_notify's) has none. */
static int *slot_of(const struct rb_run *run, const struct rb_step *step)
{
	size_t i = step->u.mount.index;

	return run->sources && i < run->plan->spec->n_mounts && run->sources[i] >= 0
		       ? &run->sources[i]
		       : NULL;
}

static const char *source_of(const struct rb_step *step)
{
	if (step->u.mount.source)
		return step->u.mount.source;
	return step->u.mount.m->source ? step->u.mount.m->source : "none";
}

/* What a refusal of one file system means, where the errno alone misleads. */
static const struct {
	const char *type;
	int errnum;
	const char *hint;
} fs_hints[] = {
	{ "devpts", EINVAL, "the gid= of its options has to be mapped in the user namespace" },
	{ "mqueue", EPERM, "it needs an ipc namespace that belongs to the user namespace" },
	{ "proc", EPERM, "it needs a pid namespace that belongs to the user namespace" },
	{ "sysfs", EPERM,
	  "it needs a network namespace that belongs to the user namespace; or bind /sys" },
};

static int fail(struct rb_err *err, const struct rb_step *step, int r, const char *why)
{
	const struct rb_mount *m = step->u.mount.m;

	r = rb_fail_sys(err, -r, "mount %s on %s%s%s", source_of(step), m->dest,
			why && *why ? ": " : "", why ? why : "");
	for (size_t i = 0; i < sizeof(fs_hints) / sizeof(fs_hints[0]); i++)
		if (rb_streq(m->type, fs_hints[i].type) && -r == fs_hints[i].errnum)
			return rb_err_hint(err, fs_hints[i].hint);
	return r;
}

/* --- target --- */

static int check_in_proc(const struct rb_step *step, int target, struct rb_err *err)
{
	const char *dest = step->u.mount.m->dest;

	if (rb_streq(dest, "/proc") || !rb_mount_is(target, PROC_SUPER_MAGIC))
		return 0;
	for (size_t i = 0; is_bind(step->u.mount.m) && rb_proc_files[i]; i++)
		if (rb_streq(dest, rb_proc_files[i]))
			return 0;
	return rb_fail(err, RB_ERR_CONFIG, "mount on %s: nothing may be mounted inside /proc",
		       dest);
}

/* /proc and /sys of the image must be directories: a link there would put procfs somewhere else. */
static int plain_dir(struct rb_run *run, const char *dest, int *ret_fd, struct rb_err *err)
{
	int r = rb_root_open_strict(run->root_fd, dest, O_PATH | O_DIRECTORY, ret_fd);

	if (r == -ENOENT) {
		rb_autofd made = -1;

		r = rb_root_make(run->root_fd, dest, true, true, &made);
		if (r == 0)
			r = rb_root_open_strict(run->root_fd, dest, O_PATH | O_DIRECTORY, ret_fd);
	}
	if (r == -ELOOP || r == -ENOTDIR)
		return rb_fail(err, RB_ERR_CONFIG,
			       "%s of the root file system is not a plain directory", dest);
	return r < 0 ? rb_fail_sys(err, -r, "open the mount point %s", dest) : 0;
}

int rb_mount_target(struct rb_run *run, const struct rb_step *step, bool dir, int *ret_fd,
		    struct rb_err *err)
{
	const struct rb_mount *m = step->u.mount.m;
	rb_autofd fd = -1;
	int r;

	if (rb_streq(m->type, "proc") || rb_streq(m->type, "sysfs") || rb_streq(m->dest, "/proc") ||
	    rb_streq(m->dest, "/sys")) {
		r = plain_dir(run, m->dest, &fd, err);
		if (r < 0)
			return r;
	} else {
		r = rb_root_make(run->root_fd, m->dest, dir, m->opts.dest_nofollow, &fd);
		if (r < 0)
			return rb_fail_sys(err, -r, "make the mount point %s", m->dest);
	}
	r = check_in_proc(step, fd, err);
	if (r == 0)
		*ret_fd = rb_take_fd(&fd);
	return r;
}

/* --- what is mounted --- */

/* The part of a path below the root file system's own place, or NULL: what was mounted there
 * before is only to be seen by way of the new tree. */
static const char *inside_rootfs(const struct rb_run *run, const char *source)
{
	const char *root = run->plan->spec->root_path;
	char path[PATH_MAX];
	size_t len;

	if (!root || !source || source[0] != '/')
		return NULL;
	if (root[0] == '/')
		(void)snprintf(path, sizeof(path), "%s", root);
	else
		(void)snprintf(path, sizeof(path), "%s/%s", run->bundle, root);
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return strncmp(source, path, len) == 0 && source[len] == '/' ? source + len : NULL;
}

static int clone_source(struct rb_run *run, const struct rb_step *step, int *ret_fd,
			struct rb_err *err)
{
	const struct rb_mount_opts *o = &step->u.mount.m->opts;
	const char *source = source_of(step), *inside = inside_rootfs(run, source);
	rb_autofd at = -1;
	int r;

	if (inside && run->root_fd >= 0) {
		r = rb_root_open(run->root_fd, inside, O_PATH | (o->src_nofollow ? O_NOFOLLOW : 0),
				 &at);
		if (r == 0)
			r = rb_mount_clone(at, "", o->bind_rec, false, ret_fd);
	} else {
		r = rb_mount_clone(AT_FDCWD, source, o->bind_rec, o->src_nofollow, ret_fd);
	}
	return r < 0 ? fail(err, step, r, NULL) : 0;
}

/* File systems of the kernel share one superblock among many mounts: read-only is a matter of
 * the mount. */
static bool is_kernel_fs(const char *type)
{
	static const char *const types[] = { "proc",   "sysfs",	 "cgroup", "cgroup2",
					     "mqueue", "devpts", NULL };

	for (size_t i = 0; types[i]; i++)
		if (rb_streq(type, types[i]))
			return true;
	return false;
}

static struct rb_fs fs_of(const struct rb_step *step)
{
	const struct rb_mount *m = step->u.mount.m;
	struct rb_fs fs = {
		.type = m->type,
		.source = source_of(step),
		.data = &m->opts.data,
		.label = step->u.mount.label,
		.sb = m->opts.sb_set,
		.attr = m->opts.attr_set | m->opts.rattr_set,
	};

	if (is_kernel_fs(m->type) || m->opts.tmpcopyup)
		fs.sb &= ~(unsigned long)MS_RDONLY;
	if (m->opts.tmpcopyup)
		fs.attr &= ~(uint64_t)MOUNT_ATTR_RDONLY; /* set once it is filled */
	return fs;
}

/* All flags, as mount(2) takes them. */
static unsigned long flags_of(const struct rb_fs *fs)
{
	return fs->sb | rb_mount_flags(fs->attr);
}

/* mount(2) with everything in one call; the only way for long values and for options of old file
 * systems. */
static int old_mount(struct rb_run *run, const struct rb_step *step, int target)
{
	const struct rb_fs fs = fs_of(step);
	rb_autobuf data = { 0 };

	for (size_t i = 0; i < fs.data->n; i++)
		rb_buf_printf(&data, "%s%s", i ? "," : "", fs.data->v[i]);
	if (fs.label)
		rb_buf_printf(&data, "%scontext=\"%s\"", data.len ? "," : "", fs.label);
	return rb_mount_by_path(run, target, fs.source, fs.type, flags_of(&fs), data.data);
}

/* What mount(2) takes of a file system's options, without the comma that would part one in two.
 * Return: false where they do not fit, or might be read in another way than by fsconfig(2) */
static bool join(const struct rb_strv *data, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < data->n; i++) {
		size_t n = strlen(data->v[i]);

		if (n == 0 || strchr(data->v[i], ',') || len + n + 2 > size)
			return false;
		if (len)
			buf[len++] = ',';
		memcpy(buf + len, data->v[i], n + 1);
		len += n;
	}
	return true;
}

/* The caller's working directory, to which relative paths in the options of other file systems and hooks
 * belong. Return: descriptor, or -1 */
static int keep_cwd(struct rb_run *run)
{
	struct rb_child *child = rb_child_of(run);

	if (child->cwd_fd < 0)
		child->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return child->cwd_fd;
}

/*
 * What mount(2) makes the same mount of: file systems of the kernel that have nothing special about them. Not
 * read-only ones and some flags, which mount(2) takes for those of the superblock, or ignores where the
 * kernel is too old; and not in a user namespace, where the kernel's log would tell of each refusal.
 */
static bool is_simple(const struct rb_run *run, const struct rb_step *step, const struct rb_fs *fs)
{
	static const char *const types[] = { "proc", "tmpfs", "devpts", "mqueue", "sysfs", NULL };
	const struct rb_mount *m = step->u.mount.m;
	size_t i = 0;

	while (types[i] && !rb_streq(fs->type, types[i]))
		i++;
	return types[i] && !fs->label && !fs->sb &&
	       !(fs->attr & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW)) &&
	       !step->u.mount.n_uids && !m->opts.tmpcopyup && !m->opts.n_propagation &&
	       !rb_streq(m->dest, "/") && !(run->plan->new_ns & CLONE_NEWUSER);
}

/* The short way, one call for eight: mount(2) on ".".
 * Return: 1; 0, nothing is mounted, fsopen(2) does it, or says why not; or a reporting failure */
static int mount_here(struct rb_run *run, const struct rb_step *step, const struct rb_fs *fs,
		      int target, struct rb_err *err)
{
	char data[1024];
	bool done;

	if (!is_simple(run, step, fs) || !join(fs->data, data, sizeof(data)) || keep_cwd(run) < 0 ||
	    fchdir(target) < 0)
		return 0;
	rb_child_forget_dir(run);
	done = mount(fs->source, ".", fs->type, flags_of(fs), data) == 0;
	if (fchdir(keep_cwd(run)) < 0)
		return rb_fail_sys(err, errno, "go back to the working directory");
	return done;
}

/* After mount(2): the mount that now covers the target. It is the target's own path that is
 * looked up, so what is found has to be the root of another mount than the target's. */
static int covering_mount(struct rb_run *run, const struct rb_step *step, int target, int *ret_fd)
{
	const struct rb_mount *m = step->u.mount.m;
	rb_autofd fd = -1;
	struct statx below, top;
	int r = rb_root_open(run->root_fd, m->dest,
			     O_PATH | (m->opts.dest_nofollow ? O_NOFOLLOW : 0), &fd);

	if (r < 0)
		return r;
	if (statx(target, "", AT_EMPTY_PATH, STATX_MNT_ID, &below) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &top) < 0)
		return -errno;
	if (!(top.stx_attributes & STATX_ATTR_MOUNT_ROOT) || top.stx_mnt_id == below.stx_mnt_id)
		return -EAGAIN;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

/* --- flags --- */

struct rb_mount_change rb_mount_change_of(struct rb_run *run, const struct rb_step *step,
					  bool from_host)
{
	const struct rb_mount_opts *o = &step->u.mount.m->opts;
	unsigned long root = run->plan->spec->linux_.rootfs_propagation;
	struct rb_mount_change c = {
		.set = o->attr_set,
		.clr = o->attr_clr,
		.rset = o->rattr_set,
		.rclr = o->rattr_clr,
		.propagation = o->propagation,
		.n_propagation = o->n_propagation,
	};

	/* A tree cloned on the host side is a peer of the host's; what the propagation row does
	 * to the child's copy of "/" has to be done to it too. */
	if (root == 0 && o->n_propagation == 0)
		c.early = MS_PRIVATE | MS_REC;
	else if (from_host && !(root & MS_SHARED))
		c.early = (root ? root & ~(unsigned long)MS_REC : MS_SLAVE) | MS_REC;
	return c;
}

/* --- special forms --- */

static int recreate_link(struct rb_run *run, const struct rb_step *step, int link_fd,
			 struct rb_err *err)
{
	const char *dest = step->u.mount.m->dest, *base;
	char target[PATH_MAX], have[PATH_MAX];
	ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1), n;
	rb_autofd dir = -1;
	int r;

	if (len < 0)
		return rb_fail_sys(err, errno, "read the link %s", source_of(step));
	target[len] = '\0';
	r = rb_root_parent(run->root_fd, dest, &dir, &base);
	if (r < 0)
		return rb_fail_sys(err, -r, "make the directory of %s", dest);
	if (symlinkat(target, dir, base) == 0)
		return 0;
	if (errno != EEXIST)
		return rb_fail_sys(err, errno, "make the link %s", dest);
	n = readlinkat(dir, base, have, sizeof(have));
	if (n == len && memcmp(have, target, (size_t)len) == 0)
		return 0;
	return rb_fail_sys(err, EEXIST, "make the link %s", dest);
}

/* With copy-symlink: a descriptor of the source if it is a link, else -1. */
static int link_source(struct rb_run *run, const struct rb_step *step)
{
	const int *slot = slot_of(run, step);
	rb_autofd fd = -1;
	struct stat st;

	if (!step->u.mount.m->opts.copy_symlink)
		return -1;
	if (slot)
		fd = fcntl(*slot, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(source_of(step), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
		return -1;
	return rb_take_fd(&fd);
}

static int remount(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_mount *m = step->u.mount.m;
	struct rb_mount_change c = rb_mount_change_of(run, step, false);
	struct rb_fs fs = { .data = &m->opts.data, .sb = m->opts.sb_set };
	rb_autofd fd = -1;
	char why[160] = "";
	int r = rb_root_open(run->root_fd, m->dest, O_PATH, &fd);

	c.early = 0;
	if (r == 0 && !is_bind(m) &&
	    (fs.data->n || ((fs.sb | m->opts.sb_clr) & ~(unsigned long)MS_RDONLY)))
		r = rb_fs_reconfigure(fd, &fs, m->opts.sb_clr, why);
	if (r == 0)
		r = rb_mount_change(run, fd, &c);
	return r < 0 ? rb_fail_sys(err, -r, "remount %s%s%s", m->dest, *why ? ": " : "", why) : 0;
}

/* --- putting it together --- */

/* move_mount(2) says EINVAL where mount(2) says ENOTDIR, and ENOTDIR is what people know. */
static bool is_mismatch(int tree, int target)
{
	struct stat a, b;

	return fstat(tree, &a) == 0 && fstat(target, &b) == 0 &&
	       S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode);
}

/* Attach *@tree. A mount on "/" becomes the root that later steps work in. */
static int attach(struct rb_run *run, const struct rb_step *step, int *tree, int target,
		  const struct rb_mount_change *change, struct rb_err *err)
{
	int r = rb_mount_attach(run, *tree, target, change);

	if (r == 0 && rb_streq(step->u.mount.m->dest, "/")) {
		rb_closep(&run->root_fd);
		run->root_fd = rb_take_fd(tree);
	}
	if (r == -EINVAL && is_mismatch(*tree, target)) {
		(void)fail(err, step, -ENOTDIR, NULL);
		return rb_err_hint(err, "one is a directory and the other is not");
	}
	if (r == -EOPNOTSUPP) {
		(void)fail(err, step, r, NULL);
		return rb_err_hint(err, "recursive mount options need Linux 5.12");
	}
	return r < 0 ? fail(err, step, r, NULL) : 0;
}

/*
 * The way of mount(2), @first being why fsconfig(2) would not do: what it refuses too is reported
 * in fsconfig(2)'s words. The mount is attached at once, so that what works on a detached one is
 * not to be had.
 */
static int mount_old(struct rb_run *run, const struct rb_step *step, int target, int first,
		     const char *why, struct rb_err *err)
{
	const struct rb_mount *m = step->u.mount.m;
	const struct rb_mount_change c = {
		.propagation = m->opts.propagation,
		.n_propagation = m->opts.n_propagation,
	};
	rb_autofd tree = -1;
	int r;

	if (step->u.mount.n_uids || m->opts.tmpcopyup || rb_streq(m->dest, "/"))
		return fail(err, step, first, why);
	r = old_mount(run, step, target);
	if (r < 0)
		return fail(err, step, first == -EMSGSIZE ? r : first, why);
	if (c.n_propagation == 0)
		return 0;
	r = covering_mount(run, step, target, &tree);
	if (r == 0)
		r = rb_mount_change(run, tree, &c);
	return r < 0 ? fail(err, step, r, NULL) : 0;
}

static int mount_fs(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_mount_opts *o = &step->u.mount.m->opts;
	struct rb_fs fs = fs_of(step);
	/* fsmount(2) sets the flags and makes a private mount; left is what has to come later */
	struct rb_mount_change c = { .propagation = o->propagation,
				     .n_propagation = o->n_propagation };
	rb_autofd target = -1, tree = -1;
	char why[160] = "";
	int r = rb_mount_target(run, step, true, &target, err);

	if (r == 0)
		r = mount_here(run, step, &fs, target, err);
	if (r != 0)
		return r < 0 ? r : 0;
	/* iversion has no name in fsconfig(2) */
	r = fs.sb & MS_I_VERSION ? -EMSGSIZE : rb_fs_make(&fs, &tree, why);
	if (r == -EMSGSIZE || r == -EINVAL)
		return mount_old(run, step, target, r, why, err);
	if (r < 0)
		return fail(err, step, r, why);
	if (step->u.mount.n_uids && rb_mount_idmap(run, tree, step, err) < 0)
		return rb_fail_add(err, "mount %s on %s", source_of(step), step->u.mount.m->dest);
	if (o->tmpcopyup) {
		r = rb_copy_up(target, tree, &o->data);
		if (r < 0)
			return rb_fail_sys(err, -r, "copy %s into the tmpfs",
					   step->u.mount.m->dest);
		c.set = (o->attr_set | o->rattr_set) & MOUNT_ATTR_RDONLY;
	}
	return attach(run, step, &tree, target, &c, err);
}

static int mount_tree(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	int *slot = slot_of(run, step);
	struct rb_mount_change c = rb_mount_change_of(run, step, slot != NULL);
	rb_autofd target = -1, tree = -1;
	struct stat st;
	int r;

	if (slot) {
		tree = rb_take_fd(slot);
	} else {
		r = clone_source(run, step, &tree, err);
		if (r == 0 && step->u.mount.n_uids)
			r = rb_mount_idmap(run, tree, step, err);
		if (r < 0)
			return r;
	}
	if (fstat(tree, &st) < 0)
		return fail(err, step, -errno, NULL);
	if (rb_streq(step->u.mount.m->dest, "/proc") && !rb_mount_is(tree, PROC_SUPER_MAGIC))
		return rb_fail(err, RB_ERR_CONFIG,
			       "mount %s on /proc: only procfs may be mounted there",
			       source_of(step));
	r = rb_mount_target(run, step, S_ISDIR(st.st_mode), &target, err);
	return r < 0 ? r : attach(run, step, &tree, target, &c, err);
}

/**
 * rb_step_mount() - carry out one entry of "mounts"
 *
 * Before: the host's file system is still at "/", the container's tree at run->root_fd.
 * Return: 0 or a reporting failure
 */
int rb_step_mount(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_mount *m = step->u.mount.m;
	rb_autofd link = -1;

	if (m->opts.remount)
		return remount(run, step, err);
	if (rb_streq(m->type, "cgroup") && !is_bind(m))
		return rb_mount_cgroup(run, step, err);
	link = link_source(run, step);
	if (link >= 0)
		return recreate_link(run, step, link, err);
	if (is_bind(m) || slot_of(run, step))
		return mount_tree(run, step, err);
	if (!m->type)
		return rb_fail(err, RB_ERR_CONFIG, "mount on %s: neither a type nor \"bind\"",
			       m->dest);
	if (rb_streq(m->dest, "/proc") && !rb_streq(m->type, "proc"))
		return rb_fail(err, RB_ERR_CONFIG,
			       "mount %s on /proc: only procfs may be mounted there", m->type);
	return mount_fs(run, step, err);
}

/* Leaves *ret_fd at -1 where only the child can see the source. */
static int open_source(struct rb_run *run, const struct rb_step *step, int *ret_fd,
		       struct rb_err *err)
{
	const struct rb_mount *m = step->u.mount.m;
	rb_autofd tree = -1;
	int r;

	if (is_bind(m)) {
		/* shows what is mounted in the new tree; but an id map takes the host's rights, and its
		 * mount shows the root as it was before */
		if (inside_rootfs(run, source_of(step)) && step->u.mount.n_uids == 0)
			return 0;
		tree = link_source(run, step);
		if (tree >= 0) {
			*ret_fd = rb_take_fd(&tree);
			return 0;
		}
		r = clone_source(run, step, &tree, err);
	} else {
		struct rb_fs fs = fs_of(step);
		char why[160];

		r = rb_fs_make(&fs, &tree, why);
		if (r < 0)
			return fail(err, step, r, why);
	}
	if (r == 0 && step->u.mount.n_uids)
		r = rb_mount_idmap(run, tree, step, err);
	if (r == 0)
		*ret_fd = rb_take_fd(&tree);
	return r;
}

/**
 * rb_step_open_source() - on the host side: what a mount is going to show, detached, into its slot
 *
 * Opened before the user namespace is entered, for there the path may be out of reach, and an
 * id-mapped mount needs the rights of the host (mount_setattr(2) MOUNT_ATTR_IDMAP). Without
 * CAP_SYS_ADMIN here nothing can be cloned; the child will do it.
 */
int rb_step_open_source(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	size_t n = run->plan->spec->n_mounts;
	struct rb_err why = { 0 };
	rb_autofd tree = -1;
	int r;

	if (!run->sources) {
		run->sources = rb_xmalloc(n * sizeof(*run->sources));
		for (size_t i = 0; i < n; i++)
			run->sources[i] = -1;
	}
	r = open_source(run, step, &tree, &why);
	if (r == -EPERM && run->plan->new_ns & CLONE_NEWUSER && step->u.mount.n_uids == 0)
		return 0;
	if (r < 0)
		*err = why;
	else
		run->sources[step->u.mount.index] = rb_take_fd(&tree);
	return r;
}
