/* step_device.c - device nodes, FIFOs and links in the root
 *
 * A node is made with mknodat(2) below the descriptor of its directory. Where that is not allowed
 * (a user namespace) the host's node is bound, after its descriptor was seen to be the device that
 * is asked for. A node that is there already is kept if it is the same device and is an error
 * otherwise; it is never chowned or chmodded, for it may be the host's.
 * Source: config-linux.md "Devices", "Default Devices"; runtime-linux.md "Dev symbolic links".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"

static mode_t type_of(const struct rb_device *dev)
{
	switch (dev->type) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFCHR;
	}
}

static bool is_device(const struct stat *st, const struct rb_device *dev)
{
	if ((st->st_mode & S_IFMT) != type_of(dev))
		return false;
	return dev->type == 'p' ||
	       st->st_rdev == makedev((unsigned)dev->major, (unsigned)dev->minor);
}

static int fail_other(const struct rb_device *dev, const char *what, struct rb_err *err)
{
	if (dev->type == 'p')
		return rb_fail(err, RB_ERR_CONFIG, "%s%s is there and is not a FIFO", what,
			       dev->path);
	return rb_fail(err, RB_ERR_CONFIG, "%s%s is not the device %c %lld:%lld", what, dev->path,
		       dev->type, (long long)dev->major, (long long)dev->minor);
}

/* Bind the host's node of the same path. */
static int bind_node(struct rb_run *run, const struct rb_device *dev, struct rb_err *err)
{
	rb_autofd host = open(dev->path, O_PATH | O_CLOEXEC), tree = -1, target = -1;
	struct stat st;
	int r;

	if (host < 0 || fstat(host, &st) < 0)
		return rb_fail_sys(err, errno, "open the host's %s", dev->path);
	if (!is_device(&st, dev))
		return fail_other(dev, "the host's ", err);
	r = rb_mount_clone(host, "", false, false, &tree);
	if (r < 0)
		return rb_fail_sys(err, -r, "clone the host's %s", dev->path);
	r = rb_root_make(run->root_fd, dev->path, false, true, &target);
	if (r < 0)
		return rb_fail_sys(err, -r, "make the mount point %s", dev->path);
	if (fstat(target, &st) < 0)
		return rb_fail_sys(err, errno, "look at %s", dev->path);
	/* an empty file is what an earlier run, or an engine, has left as a mount point */
	if (!is_device(&st, dev) && !(S_ISREG(st.st_mode) && st.st_size == 0))
		return fail_other(dev, "", err);
	r = rb_mount_attach(run, tree, target, NULL);
	return r < 0 ? rb_fail_sys(err, -r, "bind the host's %s", dev->path) : 0;
}

/* The directory of a path, made when missing, and the last name. Devices and links come in a row and mostly
 * in one directory, so it stays open for the next. Return: a descriptor that stays the child's, or -errno */
static int open_dir(struct rb_run *run, const char *path, const char **ret_base)
{
	struct rb_child *child = rb_child_of(run);
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct stat st;
	int r;

	if (child->dir_fd >= 0 && len == child->dir_len &&
	    strncmp(path, child->dir_path, len) == 0 && slash && slash[1]) {
		*ret_base = slash + 1;
		return child->dir_fd;
	}
	rb_child_forget_dir(run);
	r = rb_root_parent(run->root_fd, path, &child->dir_fd, ret_base);
	if (r < 0)
		return r;
	child->dir_path = path;
	child->dir_len = len;
	child->dir_setgid = fstat(child->dir_fd, &st) < 0 || st.st_mode & S_ISGID;
	return child->dir_fd;
}

/* Return: 0; -EPERM with nothing reported, the kernel does not let us make nodes here; else
 * reported */
static int make_node(const struct rb_run *run, int dir, const char *base,
		     const struct rb_device *dev, struct rb_err *err)
{
	mode_t mode = type_of(dev) | (dev->has_file_mode ? dev->file_mode & 07777 : 0666);
	uid_t uid = dev->has_uid ? dev->uid : 0;
	gid_t gid = dev->has_gid ? dev->gid : 0;
	mode_t mask = umask(0);
	int r = mknodat(dir, base, mode, makedev((unsigned)dev->major, (unsigned)dev->minor)) < 0
			? -errno
			: 0;
	struct stat st;

	(void)umask(mask);
	if (r == -EEXIST) {
		if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return rb_fail_sys(err, errno, "look at %s", dev->path);
		return is_device(&st, dev) ? 0 : fail_other(dev, "", err);
	}
	if (r == -EPERM)
		return r;
	if (r < 0)
		return rb_fail_sys(err, -r, "make the device %s", dev->path);
	/* it is 0:0 like us, but for the group in a directory with the set-group-ID bit */
	if (uid == 0 && gid == 0 && !run->child->dir_setgid)
		return 0;
	if (fchownat(dir, base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return rb_fail_sys(err, errno, "chown %s to %u:%u", dev->path, uid, gid);
	return 0;
}

/** rb_step_device() - one device of linux.devices, or one of the default devices */
int rb_step_device(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_device *dev = &step->u.device.dev;
	const char *base;
	int dir, r;

	if (step->u.device.bind && dev->type != 'p')
		return bind_node(run, dev, err);
	dir = open_dir(run, dev->path, &base);
	if (dir < 0)
		return rb_fail_sys(err, -dir, "make the directory of %s", dev->path);
	r = make_node(run, dir, base, dev, err);
	/* nested in a container that may not make nodes */
	if (r == -EPERM && err->kind == RB_ERR_NONE && dev->type != 'p')
		return bind_node(run, dev, err);
	if (r < 0)
		return rb_fail_sys(err, -r, "make the device %s", dev->path);
	return 0;
}

/** rb_step_symlink() - a default link of /dev; what the image has at its place stays */
int rb_step_symlink(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.link.path, *base;
	int dir = open_dir(run, path, &base);

	if (dir < 0)
		return rb_fail_sys(err, -dir, "make the directory of %s", path);
	if (symlinkat(step->u.link.target, dir, base) < 0 && errno != EEXIST)
		return rb_fail_sys(err, errno, "link %s to %s", path, step->u.link.target);
	return 0;
}
