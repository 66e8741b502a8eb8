/* step_mask.c - paths that the container may not write, and paths that it may not read
 *
 * What is put over a path is ours: a bind of the host's null device for a file, one empty read-only
 * tmpfs for all directories. Links on the way are resolved inside the root; a path that ends in a
 * link is refused, for what it leads to can be changed from inside (THREATS CVE-2025-31133). A
 * missing path is nothing to hide.
 * Source: config-linux.md "Masked Paths", "Readonly Paths".
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

/* Return: 1 and a descriptor, 0 when there is nothing, or a reporting failure */
static int open_path(struct rb_run *run, const char *path, int *ret_fd, struct stat *st,
		     struct rb_err *err)
{
	rb_autofd fd = -1;
	int r = rb_root_open(run->root_fd, path, O_PATH | O_NOFOLLOW, &fd);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return rb_fail_sys(err, -r, "open %s", path);
	if (fstat(fd, st) < 0)
		return rb_fail_sys(err, errno, "look at %s", path);
	if (S_ISLNK(st->st_mode))
		return rb_fail(err, RB_ERR_CONFIG, "%s is a symbolic link", path);
	*ret_fd = rb_take_fd(&fd);
	return 1;
}

/** rb_step_readonly() - a bind of the path on itself, read-only, with the flags that it had */
int rb_step_readonly(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.text.text;
	struct rb_mount_change change = { .rset = MOUNT_ATTR_RDONLY };
	rb_autofd target = -1, tree = -1;
	struct stat st = { 0 };
	int r = open_path(run, path, &target, &st, err);

	if (r <= 0)
		return r;
	r = rb_mount_clone(target, "", true, false, &tree);
	if (r == 0)
		r = rb_mount_attach(run, tree, target, &change);
	if (r == -EOPNOTSUPP) {
		/* before Linux 5.12: what is mounted further below keeps its own flags */
		change = (struct rb_mount_change) { .set = MOUNT_ATTR_RDONLY };
		r = rb_mount_change(run, tree, &change);
	}
	return r < 0 ? rb_fail_sys(err, -r, "make %s read-only", path) : 0;
}

/*
 * Attach a mount on @target. open_tree(2) clones only what is attached in our namespace, so the
 * first one is kept in *@model and is what the next ones are cloned from.
 */
static int attach_copy(struct rb_run *run, int *model, int target)
{
	rb_autofd tree = -1;
	int r = rb_mount_clone(*model, "", false, false, &tree);

	return r < 0 ? r : rb_mount_attach(run, tree, target, NULL);
}

static int mask_dir(struct rb_run *run, int target)
{
	char size[] = "size=0k", mode[] = "mode=755", *words[] = { size, mode };
	const struct rb_strv data = { .v = words, .n = 2 };
	const struct rb_fs fs = {
		.type = "tmpfs",
		.source = "tmpfs",
		.data = &data,
		.attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			MOUNT_ATTR_NOEXEC,
	};
	struct rb_child *child = rb_child_of(run);
	char why[160];
	int r;

	if (child->mask_tree >= 0)
		return attach_copy(run, &child->mask_tree, target);
	r = rb_fs_make(&fs, &child->mask_tree, why);
	return r < 0 ? r : rb_mount_attach(run, child->mask_tree, target, NULL);
}

static int mask_file(struct rb_run *run, int target)
{
	struct rb_child *child = rb_child_of(run);

	return child->null_fd < 0 ? -ENXIO : attach_copy(run, &child->null_fd, target);
}

/** rb_step_mask() - hide a path */
int rb_step_mask(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.text.text;
	rb_autofd target = -1;
	struct stat st = { 0 };
	int r = open_path(run, path, &target, &st, err);

	if (r <= 0)
		return r;
	r = S_ISDIR(st.st_mode) ? mask_dir(run, target) : mask_file(run, target);
	if (r == -ENXIO)
		return rb_fail(err, RB_ERR_SYS,
			       "mask %s: /dev/null of the host is not the null device", path);
	return r < 0 ? rb_fail_sys(err, -r, "mask %s", path) : 0;
}
