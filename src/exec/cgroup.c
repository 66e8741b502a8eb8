/* cgroup.c - the container's directory in each hierarchy: made, marked, entered, given back
 *
 *   create   one mkdirat(2) a hierarchy when the parent is there; else step by step from the mount
 *   leaf     the directory is opened once, below its mount (RESOLVE_BENEATH|NO_SYMLINKS), and kept; one
 *            of v1 that is made beside the child only when something is written into it
 *   attach   by the child itself on v1: its "0" in `tasks` moves one thread and waits for nobody;
 *            a pid that another process writes waits for an RCU grace period, 5 to 20 ms on an idle
 *            host (kernel/cgroup/cgroup.c, cgroup_procs_write_start())
 *
 * Sources: cgroups(7), kernel cgroup-v2.rst, cgroup-v1/cpusets.rst ("cgroup.clone_children"),
 * freezer-subsystem.rst.
 */
#include "runbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "exec/systemd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* How often a parent may vanish under us because another container's delete removed it. */
#define CREATE_TRIES 32

void rb_cgroup_path(const struct rb_cgroup_dir *dir, struct rb_buf *out)
{
	rb_buf_add(out, dir->hierarchy->mount);
	rb_buf_add(out, dir->path);
}

/* --- opened directories --- */

/* One process makes one container at a time, so this is at most one a hierarchy. */
static struct {
	char *path;
	int fd;
} leaves[32];
static size_t n_leaves;

void rb_cgroup_forget(void)
{
	while (n_leaves) {
		n_leaves--;
		rb_closep(&leaves[n_leaves].fd);
		free(leaves[n_leaves].path);
	}
}

int rb_cgroup_open_below(int dir_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	/* no openat2(2) before 5.6, or a filter that answers EPERM: cgroupfs holds no symlinks, and our
	 * paths no ".." */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_mount(const struct rb_cgroup_dir *dir, struct rb_err *err)
{
	int fd = open(dir->hierarchy->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? rb_fail_sys(err, errno, "open %s", dir->hierarchy->mount) : fd;
}

/* Take over an opened directory. Return: the descriptor, which stays ours */
static int keep_leaf(const struct rb_cgroup_dir *dir, int fd)
{
	rb_autobuf path = { 0 };

	rb_cgroup_path(dir, &path);
	assert(path.data);
	if (n_leaves == sizeof(leaves) / sizeof(leaves[0]))
		rb_cgroup_forget();
	leaves[n_leaves].path = rb_take_ptr(path.data);
	leaves[n_leaves].fd = fd;
	return leaves[n_leaves++].fd;
}

/* The descriptor of a directory that is open, or -1 */
static int find_leaf(const struct rb_cgroup_dir *dir)
{
	size_t mount_len = strlen(dir->hierarchy->mount);

	for (size_t i = 0; i < n_leaves; i++)
		if (strncmp(leaves[i].path, dir->hierarchy->mount, mount_len) == 0 &&
		    rb_streq(leaves[i].path + mount_len, dir->path))
			return leaves[i].fd;
	return -1;
}

int rb_cgroup_leaf(const struct rb_cgroup_dir *dir, struct rb_err *err)
{
	rb_autofd mount_fd = -1;
	int fd = find_leaf(dir);

	if (fd >= 0)
		return fd;
	mount_fd = open_mount(dir, err);
	if (mount_fd < 0)
		return mount_fd;
	fd = rb_cgroup_open_below(mount_fd, dir->path + 1);
	if (fd == -ENOENT)
		return rb_fail(err, RB_ERR_SYS, "the cgroup %s%s is gone", dir->hierarchy->mount,
			       dir->path);
	if (fd < 0)
		return rb_fail_sys(err, -fd, "open the cgroup %s%s", dir->hierarchy->mount,
				   dir->path);
	return keep_leaf(dir, fd);
}

const struct rb_cgroup_dir *rb_cgroup_find(const struct rb_cgroup_dir *dirs, size_t n,
					   enum rb_controller c)
{
	for (size_t i = 0; i < n; i++)
		if (dirs[i].hierarchy->controllers & RB_CG_BIT(c))
			return &dirs[i];
	return NULL;
}

/* --- create --- */

static bool is_blank(const char *text)
{
	return text[strspn(text, " \n")] == '\0';
}

/* cpusets.rst: a new cpuset is empty and no process can enter it. Give it what its parent has; a
 * parent that somebody left empty is filled first.
 * @rel: below the mount, without a leading slash */
static int fill_cpuset(int mount_fd, const char *rel)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	rb_autofree char *parent = rb_xstrdup(rel);
	char *slash = strrchr(parent, '/');

	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		rb_autobuf from = { 0 }, to = { 0 };
		rb_autofree char *value = NULL;
		int r;

		rb_buf_printf(&from, "%s%s%s", slash ? parent : "", slash ? "/" : "", files[i]);
		rb_buf_printf(&to, "%s/%s", rel, files[i]);
		r = rb_read_file(mount_fd, from.data, 1 << 16, &value, NULL);
		if (r == 0 && is_blank(value) && slash) {
			free(rb_take_ptr(value));
			r = fill_cpuset(mount_fd, parent);
			if (r == 0)
				r = rb_read_file(mount_fd, from.data, 1 << 16, &value, NULL);
		}
		if (r == 0)
			r = is_blank(value) ? -ENOSPC : rb_write_file(mount_fd, to.data, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_v1_cpuset(const struct rb_cgroup_dir *dir)
{
	return !dir->hierarchy->v2 && dir->hierarchy->controllers & RB_CG_BIT(RB_CG_CPUSET);
}

/* A parent just made: filled, and told to fill its children itself; marked. */
static int prepare_parent(int mount_fd, const struct rb_cgroup_dir *dir, const char *rel,
			  struct rb_err *err)
{
	rb_autobuf path = { 0 };
	int r;

	rb_buf_printf(&path, "%s/%s", dir->hierarchy->mount, rel);
	rb_cgroup_mark_parent(path.data);
	if (!is_v1_cpuset(dir))
		return 0;
	r = fill_cpuset(mount_fd, rel);
	if (r == -ENOENT || r == -ENODEV)
		return -EAGAIN; /* removed again by another container's delete */
	if (r < 0)
		return rb_fail(err, RB_ERR_SYS, "fill the cpuset %s (%s)", path.data,
			       rb_errno_name(-r));
	path.len = 0;
	rb_buf_printf(&path, "%s/cgroup.clone_children", rel);
	(void)rb_write_file(mount_fd, path.data, "1"); /* else each child is filled by hand */
	return 0;
}

/* Make the parents that are missing. Return: 0; 1 when one was made; or a reporting failure */
static int make_parents(int mount_fd, const struct rb_cgroup_dir *dir, struct rb_err *err)
{
	rb_autofree char *rel = rb_xstrdup(dir->path + 1);
	int made = 0;

	for (char *slash = strchr(rel, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = 0;

		*slash = '\0';
		if (mkdirat(mount_fd, rel, 0755) == 0) {
			made = 1;
			r = prepare_parent(mount_fd, dir, rel, err);
		} else if (errno == ENOENT) {
			return 0; /* removed again behind our back: the caller retries */
		} else if (errno != EEXIST) {
			r = rb_fail_sys(err, errno, "make the cgroup %s/%s", dir->hierarchy->mount,
					rel);
		}
		if (r < 0)
			return r;
		*slash = '/';
	}
	return made;
}

/* Is it frozen, itself or by a parent? One that is made right below the root is not: we are below
 * that, too. */
static bool is_frozen(int fd, const struct rb_cgroup_dir *dir, bool found)
{
	rb_autofree char *text = NULL;

	if (!(dir->hierarchy->controllers & RB_CG_BIT(RB_CG_FREEZER)) ||
	    (!found && !strchr(dir->path + 1, '/')))
		return false;
	if (rb_read_file(fd, dir->hierarchy->v2 ? "cgroup.events" : "freezer.state", 4096, &text,
			 NULL) < 0)
		return false; /* before 5.2 v2 cannot freeze */
	if (dir->hierarchy->v2)
		return strstr(text, "frozen 1") != NULL;
	return !rb_startswith(text, "THAWED");
}

static bool is_populated(int fd, const struct rb_cgroup_dir *dir, const char *path)
{
	rb_autofree char *text = NULL;
	rb_autofree pid_t *pids = NULL;
	size_t n = 0;

	if (dir->hierarchy->v2 && rb_read_file(fd, "cgroup.events", 4096, &text, NULL) == 0)
		return strstr(text, "populated 0") == NULL;
	/* fail closed: what cannot be listed is taken to be in use */
	return rb_cgroup_pids(path, &pids, &n) < 0 || n > 0;
}

/* The scope that systemd has just made around its helper. */
static bool holds_only_helper(const char *path)
{
	rb_autofree pid_t *pids = NULL;
	size_t n = 0;

	return rb_sd_pid() && rb_cgroup_pids(path, &pids, &n) == 0 && n == 1 &&
	       *pids == rb_sd_pid();
}

/* config-linux.md "Control groups": a frozen or, for create, non-empty cgroup is not fit for
 * purpose. */
static int check_leaf(int fd, const struct rb_cgroup_dir *dir, bool found, struct rb_err *err)
{
	rb_autobuf path = { 0 };

	rb_cgroup_path(dir, &path);
	if (found && is_populated(fd, dir, path.data) && !holds_only_helper(path.data)) {
		(void)rb_fail(err, RB_ERR_STATE, "the cgroup %s is in use: it has processes",
			      path.data);
		return rb_err_hint(
			err, "each container needs a cgroup of its own; change linux.cgroupsPath");
	}
	if (is_frozen(fd, dir, found)) {
		(void)rb_fail(err, RB_ERR_STATE, "the cgroup %s is frozen", path.data);
		return rb_err_hint(err, "a container in it would never start; thaw it, or change "
					"linux.cgroupsPath");
	}
	return 0;
}

static struct rb_buf inodes;

char *rb_cgroup_inodes(void)
{
	char *lines = inodes.data;

	inodes = (struct rb_buf) { 0 };
	return lines;
}

/* The directory is there, by our hand or not: open, check, mark, fill. */
static int adopt_leaf(int mount_fd, const struct rb_cgroup_dir *dir, bool found, bool parent_made,
		      struct rb_err *err)
{
	rb_autobuf path = { 0 };
	rb_autofree char *cpus = NULL;
	enum rb_cgroup_mark mark;
	rb_autofd fd = -1;
	int r;

	rb_cgroup_path(dir, &path);
	r = rb_cgroup_open_below(mount_fd, dir->path + 1);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN
				    : rb_fail_sys(err, -r, "open the cgroup %s", path.data);
	fd = r;
	if (found || !parent_made) {
		r = check_leaf(fd, dir, found, err);
		if (r < 0)
			return r;
	}
	mark = rb_cgroup_mark_leaf(path.data, found);
	if (mark != RB_MARK_NONE)
		rb_cgroup_note_inode(&inodes, dir, fd, mark);
	if (is_v1_cpuset(dir) && rb_read_file(fd, "cpuset.cpus", 1 << 16, &cpus, NULL) == 0 &&
	    is_blank(cpus)) {
		r = fill_cpuset(mount_fd, dir->path + 1);
		if (r == -ENOENT || r == -ENODEV)
			return -EAGAIN;
		if (r < 0)
			return rb_fail(err, RB_ERR_SYS, "fill the cpuset %s (%s)", path.data,
				       rb_errno_name(-r));
	}
	(void)keep_leaf(dir, rb_take_fd(&fd));
	return 0;
}

static const char *v2_name(unsigned c)
{
	return c == RB_CG_BLKIO ? "io" : rb_controller_names[c];
}

/* The controllers that a file lists, none when it cannot be read. */
static unsigned listed_in(int dir_fd, const char *file)
{
	rb_autofree char *text = NULL;
	unsigned bits = 0;

	if (rb_read_file(dir_fd, file, 4096, &text, NULL) < 0)
		return 0;
	for (char *rest = text, *word; (word = strsep(&rest, " \n"));)
		for (unsigned c = 0; c < RB_CG_COUNT; c++)
			if (rb_streq(word, v2_name(c)))
				bits |= RB_CG_BIT(c);
	return bits;
}

/* Switch controllers on for the children of one directory. @need must work, the others may. Those that are on
 * are left alone: above what was delegated to us nothing can be written, and nothing needs to be.
 * @rel: below the mount, "" for the mount itself, else ends in "/" */
static int enable_at(int mount_fd, const struct rb_cgroup_dir *dir, const char *rel, unsigned all,
		     unsigned need, struct rb_err *err)
{
	rb_autobuf file = { 0 }, text = { 0 };

	rb_buf_printf(&file, "%scgroup.subtree_control", rel);
	all &= ~listed_in(mount_fd, file.data);
	if (!all)
		return 0;
	for (unsigned c = 0; c < RB_CG_COUNT; c++)
		if (all & RB_CG_BIT(c))
			rb_buf_printf(&text, "+%s ", v2_name(c));
	if (rb_write_file(mount_fd, file.data, text.data) == 0)
		return 0;
	for (unsigned c = 0; c < RB_CG_COUNT; c++) {
		char one[32];
		int r;

		if (!(all & RB_CG_BIT(c)))
			continue;
		(void)snprintf(one, sizeof(one), "+%s", v2_name(c));
		r = rb_write_file(mount_fd, file.data, one);
		if (r == 0 || !(need & RB_CG_BIT(c)))
			continue;
		if (r == -ENOENT && faccessat(mount_fd, file.data, F_OK, 0) < 0)
			return -EAGAIN; /* the directory went, not the controller */
		if (r == -ENOENT)
			return rb_fail(err, RB_ERR_CONFIG,
				       "the controller %s is not available in %s/%s", v2_name(c),
				       dir->hierarchy->mount, rel);
		(void)rb_fail_sys(err, -r, "enable the controller %s below %s/%s", v2_name(c),
				  dir->hierarchy->mount, rel);
		return r == -EBUSY
			       ? rb_err_hint(err,
					     "a cgroup with processes of its own cannot hand out "
					     "controllers (cgroups(7))")
			       : r;
	}
	return 0;
}

/* cgroup-v2.rst "Controlling Controllers": from the root down to the parent. */
static int enable_controllers(int mount_fd, const struct rb_cgroup_dir *dir,
			      const struct rb_resources *res, struct rb_err *err)
{
	/* always on; asking for them is an error */
	const unsigned implicit = RB_CG_BIT(RB_CG_DEVICES) | RB_CG_BIT(RB_CG_FREEZER) |
				  RB_CG_BIT(RB_CG_PERF_EVENT) | RB_CG_BIT(RB_CG_CPUACCT);
	unsigned has = dir->hierarchy->controllers & ~implicit;
	unsigned need = rb_cgroup_wanted(res) & has, all = need;
	rb_autobuf rel = { 0 };
	int r;

	if (!need)
		return 0;
	/* a container with limits is one that is watched: its engine reads these too */
	all |= has & (RB_CG_BIT(RB_CG_CPU) | RB_CG_BIT(RB_CG_MEMORY) | RB_CG_BIT(RB_CG_PIDS) |
		      RB_CG_BIT(RB_CG_BLKIO));
	r = enable_at(mount_fd, dir, "", all, need, err);
	for (const char *p = dir->path + 1, *slash; r == 0 && (slash = strchr(p, '/'));
	     p = slash + 1) {
		rb_buf_addn(&rel, p, (size_t)(slash - p) + 1);
		r = enable_at(mount_fd, dir, rel.data, all, need, err);
	}
	return r;
}

static unsigned available(const struct rb_cgroup_dir *dir)
{
	struct rb_err ignored = { 0 };
	int leaf = rb_cgroup_leaf(dir, &ignored);

	return leaf < 0 ? 0 : listed_in(leaf, "cgroup.controllers");
}

int rb_cgroup_enable(const struct rb_cgroup_dir *dir, const struct rb_resources *res,
		     struct rb_err *err)
{
	unsigned need = rb_cgroup_wanted(res) & dir->hierarchy->controllers;
	rb_autofd mount_fd = -1;

	if (!dir->hierarchy->v2 || (need & ~available(dir)) == 0)
		return 0;
	mount_fd = open_mount(dir, err);
	return mount_fd < 0 ? mount_fd : enable_controllers(mount_fd, dir, res, err);
}

/* Has systemd, when it made the scope, given it all the controllers that it needs? */
static bool is_delegated(const struct rb_cgroup_dir *dir, const struct rb_resources *res)
{
	unsigned need = rb_cgroup_wanted(res) & dir->hierarchy->controllers;

	return rb_sd_pid() && (need & ~available(dir)) == 0;
}

/* One try. Return: 0; -EAGAIN when a parent vanished meanwhile; or a reporting failure */
static int try_create(int mount_fd, const struct rb_cgroup_dir *dir, const struct rb_resources *res,
		      struct rb_err *err)
{
	bool parent_made = false;
	int r;

	if (dir->hierarchy->v2 && rb_cgroup_wanted(res) & dir->hierarchy->controllers &&
	    !is_delegated(dir, res)) {
		r = make_parents(mount_fd, dir, err);
		parent_made = r > 0;
		if (r >= 0)
			r = enable_controllers(mount_fd, dir, res, err);
		if (r < 0)
			return r;
	}
	r = mkdirat(mount_fd, dir->path + 1, 0755) < 0 ? -errno : 0;
	if (r == -ENOENT) {
		r = make_parents(mount_fd, dir, err);
		if (r < 0)
			return r;
		parent_made = r > 0;
		r = mkdirat(mount_fd, dir->path + 1, 0755) < 0 ? -errno : 0;
	}
	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0 && r != -EEXIST)
		return rb_fail_sys(err, -r, "make the cgroup %s%s", dir->hierarchy->mount,
				   dir->path);
	return adopt_leaf(mount_fd, dir, r == -EEXIST, parent_made, err);
}

/* One of v1 whose parent is there, that is fit as it is made, and that nothing has to be written into: by its
 * path alone. Return: 1; 0, nothing is made; or a reporting failure */
static int create_plain(const struct rb_cgroup_dir *dir, struct rb_err *err)
{
	const bool nested = strchr(dir->path + 1, '/');
	rb_autobuf path = { 0 };
	enum rb_cgroup_mark mark;
	int leaf;

	if (dir->hierarchy->v2 ||
	    dir->hierarchy->controllers & (RB_CG_BIT(RB_CG_CPUSET) | RB_CG_BIT(RB_CG_DEVICES)) ||
	    (nested && dir->hierarchy->controllers & RB_CG_BIT(RB_CG_FREEZER)))
		return 0;
	rb_cgroup_path(dir, &path);
	if (mkdir(path.data, 0755) < 0)
		return 0;
	mark = rb_cgroup_mark_leaf(path.data, false);
	if (mark == RB_MARK_NONE)
		return 1;
	leaf = rb_cgroup_leaf(dir, err);
	if (leaf < 0)
		return leaf;
	rb_cgroup_note_inode(&inodes, dir, leaf, mark);
	return 1;
}

int rb_cgroup_create(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     bool keep, struct rb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = keep ? 0 : create_plain(&dirs[i], err);
		rb_autofd mount_fd = r == 0 ? open_mount(&dirs[i], err) : -1;

		if (r > 0)
			continue;
		if (r == 0)
			r = mount_fd < 0 ? mount_fd : -EAGAIN;
		for (int tries = 0;
		     r == -EAGAIN && err->kind == RB_ERR_NONE && tries < CREATE_TRIES; tries++)
			r = try_create(mount_fd, &dirs[i], res, err);
		if (r == -EAGAIN && err->kind == RB_ERR_NONE)
			return rb_fail(
				err, RB_ERR_SYS,
				"make the cgroup %s%s: its parents are removed again and again",
				dirs[i].hierarchy->mount, dirs[i].path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- attach --- */

int rb_cgroup_open(const struct rb_cgroup_dir *dir, int *ret_fd, struct rb_err *err)
{
	int leaf = rb_cgroup_leaf(dir, err), fd;

	if (leaf < 0)
		return leaf;
	fd = fcntl(leaf, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return rb_fail_sys(err, errno, "open the cgroup %s%s", dir->hierarchy->mount,
				   dir->path);
	*ret_fd = fd;
	return 0;
}

/* A child that was there before the directory has it not open, and writes by the path: it is in a copy of the
 * host's mount namespace then, and there are no links on a cgroup file system. */
static int attach_one(const struct rb_cgroup_dir *dir, const char *file, const char *pid,
		      struct rb_err *err)
{
	rb_autobuf path = { 0 };
	int leaf = find_leaf(dir), r;

	if (leaf < 0)
		rb_buf_printf(&path, "%s%s/%s", dir->hierarchy->mount, dir->path, file);
	r = leaf < 0 ? rb_write_file(AT_FDCWD, path.data, pid) : rb_write_file(leaf, file, pid);
	if (r == 0)
		return 0;
	if (r == -ENOENT || r == -ENODEV)
		return rb_fail(err, RB_ERR_SYS, "the cgroup %s%s is gone", dir->hierarchy->mount,
			       dir->path);
	(void)rb_fail_sys(err, -r, "move the container into the cgroup %s%s", dir->hierarchy->mount,
			  dir->path);
	if (r == -ENOSPC)
		return rb_err_hint(err, "its cpuset has no CPUs or no memory nodes");
	return r;
}

int rb_cgroup_attach(const struct rb_cgroup_dir *dirs, size_t n, pid_t pid, struct rb_err *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < n; i++) {
		int r = attach_one(&dirs[i], "cgroup.procs", text, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int rb_cgroup_enter(const struct rb_cgroup_dir *dirs, size_t n, struct rb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = attach_one(&dirs[i], dirs[i].hierarchy->v2 ? "cgroup.procs" : "tasks", "0",
				   err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the steps --- */

/* Without the right to set marks that only root can change, one more record a directory. */
static int note_inodes(struct rb_run *run, struct rb_err *err)
{
	rb_autofree char *lines = rb_cgroup_inodes();
	int r = 0;

	for (char *rest = lines, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = rb_run_note(run, line, err);
	return r;
}

int rb_step_cgroup(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_spec *spec = run->plan->spec;
	/* a child that is yet to be cloned takes them along, to where the paths may lead elsewhere: into a
	 * mount namespace that somebody else made */
	bool keep = run->sync < 0;
	int r = rb_cgroup_create(step->u.cgroup.dirs, step->u.cgroup.n, &spec->linux_.resources,
				 keep, err);

	if (r == 0)
		r = note_inodes(run, err);
	return r < 0 ? r : rb_cgroup_delegate(step->u.cgroup.dirs, step->u.cgroup.n, spec, err);
}

int rb_step_attach(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	if (run->side == RB_SIDE_CHILD)
		return rb_cgroup_enter(step->u.cgroup.dirs, step->u.cgroup.n, err);
	if (step->u.cgroup.scope.unit)
		return rb_scope_attach(run, step, err);
	return rb_cgroup_attach(step->u.cgroup.dirs, step->u.cgroup.n, run->pid, err);
}
