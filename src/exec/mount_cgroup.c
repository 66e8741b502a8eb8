/* mount_cgroup.c - a mount of type "cgroup": the container's own cgroups, in the layout of the host
 *
 * v2: one mount. v1 and hybrid: a tmpfs with a directory for each hierarchy, named as on the host,
 * and links for controllers that share one. With a cgroup namespace each is the file system itself,
 * seen from the namespace's root; without, a clone of the container's directory on the host's
 * mount. Every mount gets its flags before it is attached, read-only ones above all (THREATS
 * CVE-2023-25809).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

static int clone_dir(const struct rb_cgroup_dir *dir, int *ret_fd)
{
	rb_autobuf path = { 0 };

	/* the host's file system is still at "/", and there are no links in a cgroupfs */
	rb_buf_printf(&path, "%s%s", dir->hierarchy->mount, dir->path);
	return rb_mount_clone(AT_FDCWD, path.data, true, true, ret_fd);
}

/* Options of a v1 hierarchy: its controllers, or the name of one that has none (cgroups(7)). */
static struct rb_strv v1_words(struct rb_arena *arena, const char *name)
{
	struct rb_strv words = { 0 };
	char *copy = rb_arena_strdup(arena, name), *save = NULL;

	words.v = rb_arena_alloc(arena, (strlen(name) + 3) * sizeof(*words.v));
	if (rb_startswith(name, "name="))
		words.v[words.n++] = rb_arena_strdup(arena, "none");
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		words.v[words.n++] = w;
	return words;
}

static uint64_t attr_of(const struct rb_step *step)
{
	return step->u.mount.m->opts.attr_set | step->u.mount.m->opts.rattr_set;
}

static int fresh(const struct rb_step *step, const struct rb_hierarchy *h, int *ret_fd)
{
	rb_autoarena arena = { 0 };
	struct rb_strv words = { 0 };
	struct rb_fs fs = { .type = "cgroup2", .source = "cgroup", .attr = attr_of(step) };
	char why[160];

	if (!h->v2) {
		words = v1_words(&arena, h->name);
		fs.type = "cgroup";
		fs.data = &words;
	}
	return rb_fs_make(&fs, ret_fd, why);
}

/* One hierarchy, detached; what is cloned does not have its flags yet. */
static int get_one(const struct rb_step *step, const struct rb_cgroup_dir *dir, int *ret_fd,
		   bool *ret_cloned)
{
	*ret_cloned = false;
	if (step->u.mount.cgroup_ns) {
		int r = fresh(step, dir->hierarchy, ret_fd);

		/* nested, where the kernel does not let us mount it; a clone shows the same */
		if (r != -EPERM && r != -EBUSY)
			return r;
	}
	*ret_cloned = true;
	return clone_dir(dir, ret_fd);
}

static int attach_one(struct rb_run *run, const struct rb_step *step,
		      const struct rb_cgroup_dir *dir, int target, const char *name,
		      struct rb_err *err)
{
	struct rb_mount_change change = { .rset = attr_of(step), .early = MS_PRIVATE | MS_REC };
	rb_autofd tree = -1;
	bool cloned;
	int r = get_one(step, dir, &tree, &cloned);

	if (r == 0)
		r = rb_mount_attach_at(run, tree, target, name, cloned ? &change : NULL);
	if (r == -EOPNOTSUPP) {
		change.set = change.rset;
		change.rset = 0;
		r = rb_mount_change(run, tree, &change);
	}
	return r < 0 ? rb_fail_sys(err, -r, "mount cgroup hierarchy %s on %s",
				   dir->hierarchy->mount, step->u.mount.m->dest)
		     : 0;
}

/* "cpu,cpuacct": a link for each controller, as on the host. */
static int link_controllers(int top, const char *dir_name, const char *names)
{
	rb_autoarena arena = { 0 };
	char *copy = rb_arena_strdup(&arena, names), *save = NULL;

	if (!strchr(names, ','))
		return 0;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (strcmp(w, dir_name) != 0 && symlinkat(dir_name, top, w) < 0 && errno != EEXIST)
			return -errno;
	return 0;
}

static int add_hierarchy(struct rb_run *run, const struct rb_step *step, int top,
			 const struct rb_cgroup_dir *dir, struct rb_err *err)
{
	const char *slash = strrchr(dir->hierarchy->mount, '/');
	const char *name = slash ? slash + 1 : dir->hierarchy->mount;
	int r;

	if (mkdirat(top, name, 0755) < 0)
		return rb_fail_sys(err, errno, "make %s/%s", step->u.mount.m->dest, name);
	r = attach_one(run, step, dir, top, name, err);
	if (r < 0)
		return r;
	r = link_controllers(top, name, dir->hierarchy->name);
	return r < 0 ? rb_fail_sys(err, -r, "link the controllers of %s", name) : 0;
}

static int mount_v1(struct rb_run *run, const struct rb_step *step, int target, struct rb_err *err)
{
	char mode[] = "mode=755", *words[] = { mode };
	const struct rb_strv data = { .v = words, .n = 1 };
	const uint64_t attr = attr_of(step);
	const struct rb_fs fs = {
		.type = "tmpfs",
		.source = "tmpfs",
		.data = &data,
		.attr = attr & ~(uint64_t)MOUNT_ATTR_RDONLY,
	};
	struct rb_mount_change ro = { .set = attr & MOUNT_ATTR_RDONLY };
	mode_t mask = umask(022);
	rb_autofd top = -1;
	char why[160];
	int r = rb_fs_make(&fs, &top, why);

	/* attached first: before Linux 6.15 nothing can be attached in a detached tree */
	if (r == 0)
		r = rb_mount_attach(run, top, target, NULL);
	if (r < 0)
		(void)rb_fail_sys(err, -r, "mount tmpfs on %s", step->u.mount.m->dest);
	for (size_t i = 0; r == 0 && i < step->u.mount.n_cgroups; i++)
		r = add_hierarchy(run, step, top, &step->u.mount.cgroups[i], err);
	(void)umask(mask);
	if (r < 0)
		return r;
	r = rb_mount_change(run, top, &ro);
	return r < 0 ? rb_fail_sys(err, -r, "make %s read-only", step->u.mount.m->dest) : 0;
}

/*
 * No cgroup of its own (rootless, or cgroups disabled): the one it shares with its caller, which is
 * not its to write to, or an empty directory where that cannot be shown without showing all of the
 * host's.
 */
static int mount_none(struct rb_run *run, const struct rb_step *step, int target,
		      struct rb_err *err)
{
	struct rb_fs fs = { .type = "cgroup2",
			    .source = "cgroup",
			    .attr = attr_of(step) | MOUNT_ATTR_RDONLY };
	rb_autofd tree = -1;
	char why[160];
	int r = step->u.mount.cgroup_ns ? rb_fs_make(&fs, &tree, why) : -EPERM;

	if (r < 0) {
		fs.type = "tmpfs";
		r = rb_fs_make(&fs, &tree, why);
	}
	if (r == 0)
		r = rb_mount_attach(run, tree, target, NULL);
	return r < 0 ? rb_fail_sys(err, -r, "mount cgroup on %s", step->u.mount.m->dest) : 0;
}

/** rb_mount_cgroup() - carry out a mount of type "cgroup" */
int rb_mount_cgroup(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_cgroup_dir *dirs = step->u.mount.cgroups;
	size_t n = step->u.mount.n_cgroups;
	rb_autofd target = -1;
	int r = rb_mount_target(run, step, true, &target, err);

	if (r < 0)
		return r;
	if (n == 0)
		return mount_none(run, step, target, err);
	if (n == 1 && dirs[0].hierarchy->v2)
		return attach_one(run, step, &dirs[0], target, "", err);
	return mount_v1(run, step, target, err);
}
