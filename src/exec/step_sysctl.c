/* step_sysctl.c - kernel parameters of the container's namespaces
 *
 * Written through the runtime's own procfs, never through the container's /proc (THREATS CVE-2025-52881).
 * Which namespace a parameter belongs to is decided by who opens it, not by which procfs it is seen in.
 * Where something is mounted over /proc/sys of the host's procfs, a fresh one is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"

/**
 * rb_procfs_open() - open a file of procfs for writing, below @proc_fd, not through a link or another mount
 * Return: descriptor or -errno
 */
int rb_procfs_open(int proc_fd, const char *file)
{
	rb_autofd fd = rb_openat2(proc_fd, file, O_WRONLY | O_CLOEXEC | O_NOCTTY,
				  RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
	struct statx dir, at;

	if (fd < 0 && errno != ENOSYS && errno != EPERM)
		return -errno;
	if (fd < 0) {
		/* no openat2(2): what is opened has to be of the same mount */
		fd = openat(proc_fd, file, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
		if (fd < 0)
			return -errno;
		if (statx(proc_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &dir) < 0 ||
		    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &at) < 0)
			return -errno;
		if (dir.stx_mnt_id != at.stx_mnt_id || dir.stx_dev_minor != at.stx_dev_minor)
			return -EXDEV;
	}
	if (!rb_mount_is(fd, PROC_SUPER_MAGIC))
		return -EXDEV;
	return rb_take_fd(&fd);
}

/**
 * rb_proc_attr_open() - open a file of our own thread, "thread-self/...", for writing
 *
 * thread-self is a link that the kernel makes; that it leads nowhere else is what the file system says.
 * Return: descriptor or -errno
 */
int rb_proc_attr_open(int proc_fd, const char *file)
{
	rb_autofd fd = openat(proc_fd, file, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return rb_mount_is(fd, PROC_SUPER_MAGIC) ? rb_take_fd(&fd) : -EXDEV;
}

/* Return: descriptor or -errno */
static int open_sysctl(struct rb_run *run, const char *file)
{
	static const struct rb_fs fs = { .type = "proc", .source = "proc" };
	rb_autofd own = -1;
	char path[256], why[160];
	int fd, r;

	if (strlen(file) + sizeof("sys/") > sizeof(path))
		return -ENAMETOOLONG;
	(void)strcat(strcpy(path, "sys/"), file);
	fd = rb_procfs_open(run->proc_fd, path);
	if (fd != -EXDEV && fd != -EROFS)
		return fd;
	r = rb_fs_make(&fs, &own, why);
	return r < 0 ? fd : rb_procfs_open(own, path);
}

/** rb_step_sysctl() - write one kernel parameter */
int rb_step_sysctl(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *key = step->u.kv.key, *value = step->u.kv.value;
	rb_autofd fd = open_sysctl(run, step->u.kv.file);
	int r;

	if (fd < 0) {
		r = rb_fail_sys(err, -fd, "open sysctl %s", key);
		return fd == -ENOENT ? rb_err_hint(err, "this kernel, or this namespace, does not have it") : r;
	}
	/* one write(2): the kernel takes a value whole */
	if (write(fd, value, strlen(value)) < 0)
		return rb_fail_sys(err, errno, "set sysctl %s to %s", key, value);
	return 0;
}
