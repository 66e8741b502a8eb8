/* step_sysctl.c - kernel parameters of the container's namespaces, and the procfs they are written
 * through
 *
 * Nothing is written through the container's /proc while there is another way (THREATS
 * CVE-2025-52881): the host's procfs, opened before anything of the container was, or a fresh one
 * that is mounted nowhere. What is opened below it may not lie on another mount. Which namespace a
 * parameter belongs to is decided by who opens it, not by which procfs it is seen in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"
#include "runbox/libc.h"

/* proc(5): the root directory of a procfs; a directory of it bound on /proc is another one */
#define PROC_ROOT_INO 1

static const struct rb_fs new_procfs = { .type = "proc", .source = "proc" };

/* The last resort of `exec` in a user namespace, where the kernel refuses a fresh procfs. */
static int open_container_proc(void)
{
	rb_autofd fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return rb_mount_is(fd, PROC_SUPER_MAGIC) && st.st_ino == PROC_ROOT_INO ? rb_take_fd(&fd)
									       : -EXDEV;
}

/**
 * rb_procfs_get() - see to it that run->proc_fd is a procfs; `exec` has given up the host's
 * Return: 0 or -errno
 */
int rb_procfs_get(struct rb_run *run)
{
	char why[160];
	int fd;

	if (run->proc_fd >= 0 || rb_fs_make(&new_procfs, &run->proc_fd, why) == 0)
		return 0;
	fd = open_container_proc();
	if (fd < 0)
		return fd;
	run->proc_fd = fd;
	return 0;
}

/* Without openat2(2): what is opened has to be of the same mount. */
static int open_same_mount(int proc_fd, const char *file)
{
	rb_autofd fd = openat(proc_fd, file, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	struct statx dir, at;

	if (fd < 0)
		return -errno;
	if (statx(proc_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &dir) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &at) < 0)
		return -errno;
	if (dir.stx_mnt_id != at.stx_mnt_id || dir.stx_dev_minor != at.stx_dev_minor)
		return -EXDEV;
	return rb_take_fd(&fd);
}

/**
 * rb_procfs_open() - open a file of a procfs for writing, not on another mount
 *
 * Links are followed ("thread-self"), those that lead to a place instead of a path are not.
 * Return: descriptor or -errno
 */
int rb_procfs_open(int proc_fd, const char *file)
{
	rb_autofd fd = rb_openat2(proc_fd, file, O_WRONLY | O_CLOEXEC | O_NOCTTY,
				  RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);

	if (fd < 0 && errno != ENOSYS && errno != EPERM)
		return -errno;
	if (fd < 0) {
		fd = open_same_mount(proc_fd, file);
		if (fd < 0)
			return rb_take_fd(&fd);
	}
	return rb_mount_is(fd, PROC_SUPER_MAGIC) ? rb_take_fd(&fd) : -EXDEV;
}

/* Return: descriptor or -errno */
static int open_sysctl(struct rb_run *run, const char *file)
{
	char path[256], why[160];
	rb_autofd own = -1;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "sys/%s", file) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = rb_procfs_get(run);
	if (fd == 0)
		fd = rb_procfs_open(run->proc_fd, path);
	/* nested: something is mounted over /proc/sys of the host we know */
	if ((fd == -EXDEV || fd == -EROFS) && rb_fs_make(&new_procfs, &own, why) == 0)
		fd = rb_procfs_open(own, path);
	return fd;
}

/** rb_step_sysctl() - write one kernel parameter */
int rb_step_sysctl(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *key = step->u.kv.key, *value = step->u.kv.value;
	rb_autofd fd = open_sysctl(run, step->u.kv.file);
	int r;

	if (fd < 0) {
		r = rb_fail_sys(err, -fd, "open sysctl %s", key);
		return fd == -ENOENT
			       ? rb_err_hint(err,
					     "this kernel, or this namespace, does not have it")
			       : r;
	}
	/* one write(2): the kernel takes a value whole */
	if (write(fd, value, strlen(value)) < 0)
		return rb_fail_sys(err, errno, "set sysctl %s to %s", key, value);
	return 0;
}
