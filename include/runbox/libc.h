/* libc.h - what glibc has and other C libraries have not: the calls of new mounts, statx(2), and the like
 *
 * Included in the place of <sys/mount.h>. Each function takes, returns and fails as its man page says.
 * Needed by musl 1.2.3; what a later one brings is taken from there, by the macros that come with it.
 */
#ifndef RUNBOX_LIBC_H
#define RUNBOX_LIBC_H

#include <sys/mount.h>
#include <sys/stat.h>

#ifndef __GLIBC__

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef FSOPEN_CLOEXEC
#include <linux/mount.h>

static inline int open_tree(int dir_fd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

static inline int move_mount(int from_fd, const char *from, int to_fd, const char *to,
			     unsigned flags)
{
	return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int fsopen(const char *type, unsigned flags)
{
	return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

static inline int fsmount(int fd, unsigned flags, unsigned attrs)
{
	return (int)syscall(SYS_fsmount, fd, flags, attrs);
}

static inline int fspick(int dir_fd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_fspick, dir_fd, path, flags);
}

static inline int mount_setattr(int dir_fd, const char *path, unsigned flags,
				struct mount_attr *attr, size_t size)
{
	return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, size);
}
#endif

#ifndef STATX_BASIC_STATS
#include <linux/stat.h>

static inline int statx(int dir_fd, const char *path, int flags, unsigned mask, struct statx *stx)
{
	return (int)syscall(SYS_statx, dir_fd, path, flags, mask, stx);
}
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#include <linux/close_range.h>

static inline int close_range(unsigned first, unsigned last, int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}
#endif

static inline int execveat(int dir_fd, const char *path, char *const argv[], char *const env[],
			   int flags)
{
	return (int)syscall(SYS_execveat, dir_fd, path, argv, env, flags);
}

#endif
#endif
