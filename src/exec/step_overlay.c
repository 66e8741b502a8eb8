/* step_overlay.c - a root whose changes end with the container: an overlay with its upper in a tmpfs
 *
 * An overlay takes its layers from what is mounted in its mount namespace, not from detached trees (Linux
 * before 6.15, clone_private_mount()). So the tmpfs is put on "/" for a moment, the root's tree in it, and
 * both are named from inside of it: by words that are ours, no path of the host's or the image's. Once the
 * overlay is made it holds both by itself, and the tmpfs is detached: no path leads to upper and work
 * directory, and they are gone with the last mount of the overlay, whoever is killed and when.
 *
 * The lower's nosuid, nodev and noexec are those of its mount and would be lost: the overlay takes them over.
 * Source: kernel Documentation/filesystems/overlayfs.rst ("userxattr": Linux 5.11; user.* attributes of a
 * tmpfs, tmpfs(5): Linux 6.6).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

/* The root of an overlay is like its upper. Its extended attributes stay behind: one of an overlay that the
 * image was itself the upper of would hide all of it. */
static int make_upper(int tmpfs, int lower)
{
	rb_autofd upper = -1;
	struct stat st;

	if (mkdirat(tmpfs, "upper", 0700) < 0 || fstat(lower, &st) < 0)
		return -errno;
	upper = openat(tmpfs, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return -errno;
	/* EINVAL: nobody in this user namespace; then it belongs to root */
	if (fchown(upper, st.st_uid, st.st_gid) < 0 && errno != EINVAL)
		return -errno;
	return fchmod(upper, st.st_mode & 07777) < 0 ? -errno : 0;
}

/* A tmpfs on "/", and in it lower, upper and work. */
static int lay_out(struct rb_run *run, int tmpfs, int lower, struct rb_err *err)
{
	const struct rb_mount_change private = { .early = MS_PRIVATE };
	rb_autofd slash = -1, place = -1;
	int r = rb_slash_open(&slash, err);

	if (r < 0)
		return r;
	r = rb_mount_attach(run, tmpfs, slash, NULL);
	if (r == 0)
		r = make_upper(tmpfs, lower);
	if (r == 0 && (mkdirat(tmpfs, "work", 0700) < 0 || mkdirat(tmpfs, "lower", 0700) < 0))
		r = -errno;
	if (r < 0)
		return rb_fail_sys(err, -r, "make the directories of the overlay");
	place = openat(tmpfs, "lower", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return rb_fail_sys(err, errno, "open the overlay's lower directory");
	r = rb_mount_attach(run, lower, place, &private);
	return r < 0 ? rb_fail_sys(err, -r, "attach the overlay's lower directory") : 0;
}

static uint64_t attr_of(int lower)
{
	static const struct {
		unsigned long st;
		uint64_t attr;
	} flags[] = {
		{ ST_NOSUID, MOUNT_ATTR_NOSUID },
		{ ST_NODEV, MOUNT_ATTR_NODEV },
		{ ST_NOEXEC, MOUNT_ATTR_NOEXEC },
	};
	struct statfs fs;
	uint64_t attr = 0;

	if (fstatfs(lower, &fs) < 0) /* it is open, and has been looked at */
		return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if ((unsigned long)fs.f_flags & flags[i].st)
			attr |= flags[i].attr;
	return attr;
}

/* From inside of the tmpfs, which is left behind detached. */
static int make_overlay(const struct rb_step *step, uint64_t attr, int *ret_fd, struct rb_err *err)
{
	char lower[] = "lowerdir=lower", upper[] = "upperdir=upper", work[] = "workdir=work",
	     user[] = "userxattr", *words[] = { lower, upper, work, user };
	const struct rb_strv data = { .v = words, .n = step->u.overlay.user_xattr ? 4 : 3 };
	const struct rb_fs fs = {
		.type = "overlay",
		.source = "overlay",
		.data = &data,
		.label = step->u.overlay.label,
		.attr = attr,
	};
	rb_autofd tree = -1;
	char why[160];
	int r = rb_fs_make(&fs, &tree, why);

	if (r < 0)
		return rb_fail_sys(err, -r, "make an overlay over %s%s%s", step->u.overlay.path,
				   *why ? ": " : "", why);
	if (umount2(".", MNT_DETACH) < 0)
		return rb_fail_sys(err, errno, "detach the tmpfs of the overlay");
	*ret_fd = rb_take_fd(&tree);
	return 0;
}

/**
 * rb_step_overlay() - put an overlay over run->root_tree and in its place
 *
 * Before: the propagation of "/" is our own. The working directory is what it was, where it can be entered.
 */
int rb_step_overlay(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_fs fs = { .type = "tmpfs",
				  .source = "tmpfs",
				  .label = step->u.overlay.label };
	rb_autofd back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), tmpfs = -1,
		  lower = rb_take_fd(&run->root_tree);
	char why[160];
	int r = 0;

	if (lower < 0)
		r = rb_root_clone(step->u.overlay.path, true, &lower, err);
	if (r < 0)
		return r;
	r = rb_fs_make(&fs, &tmpfs, why);
	if (r < 0)
		return rb_fail_sys(err, -r, "make the tmpfs of the overlay%s%s", *why ? ": " : "",
				   why);
	r = lay_out(run, tmpfs, lower, err);
	if (r < 0)
		return r;
	if (fchdir(tmpfs) < 0)
		return rb_fail_sys(err, errno, "enter the tmpfs of the overlay");
	r = make_overlay(step, attr_of(lower), &run->root_tree, err);
	if (back >= 0 && fchdir(back) < 0 && r == 0)
		return rb_fail_sys(err, errno, "go back to the working directory");
	return r;
}
