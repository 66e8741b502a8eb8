/* self.c - runbox's own executable cannot be written to from inside a container
 *
 * A container whose program is "/proc/self/exe", or a script with that as its interpreter, runs the runtime's
 * binary inside the container, where /proc/PID/exe leads back to the file on the host (CVE-2019-5736). So the
 * process runs from a read-only detached mount of its executable: no path leads to it, and what opens it
 * through /proc gets a read-only mount. Where that is not allowed, from a sealed copy in memory. On machines
 * for which entry.c is written it has done this already; what is left here is to see that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/libc.h"

static const char self[] = "/proc/self/exe";

/* The detached mount that this process was executed from, as execveat(2) says it; -1: none is open. */
static int tree = -1;

/* Is it protected already: on a read-only mount? That is how entry.c, or this file, has started it. */
static bool is_on_readonly_mount(void)
{
	struct statvfs fs;

	return (tree >= 0 ? fstatvfs(tree, &fs) : statvfs(self, &fs)) == 0 && fs.f_flag & ST_RDONLY;
}

void rb_self_adopt(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	uint32_t fd;
	int flags;

	if (!path || !rb_startswith(path, "/dev/fd/") ||
	    rb_parse_u32(path + strlen("/dev/fd/"), &fd) < 0)
		return;
	flags = fcntl((int)fd, F_GETFL);
	if (flags >= 0 && flags & O_PATH && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		tree = (int)fd;
}

void rb_self_release(void)
{
	rb_closep(&tree);
}

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_WRITE;
}

/* A file that the caller can neither write nor own cannot be changed by what it starts. */
static bool is_out_of_reach(int fd)
{
	struct stat st;

	return geteuid() != 0 && fstat(fd, &st) == 0 && st.st_uid != geteuid() &&
	       faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) < 0;
}

static int readonly_mount(int *ret_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	rb_autofd fd = open_tree(AT_FDCWD, self, OPEN_TREE_CLONE); /* stays: rb_self_release() */

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

static int sealed_copy(int exe, int *ret_fd)
{
	rb_autofd fd = memfd_create("runbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;
	off_t done = 0;

	if (fd < 0 || fstat(exe, &st) < 0)
		return -errno;
	while (done < st.st_size)
		if (sendfile(fd, exe, &done, (size_t)(st.st_size - done)) <= 0)
			return errno ? -errno : -EIO;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

int rb_self_protect(char **argv, struct rb_err *err)
{
	rb_autofd exe = -1, fd = -1;

	(void)prctl(PR_SET_NAME, "runbox"); /* execveat(2) leaves a number there */
	if (is_on_readonly_mount())
		return 0;
	exe = open(self, O_RDONLY | O_CLOEXEC);
	if (exe < 0) {
		(void)rb_fail_sys(err, errno, "open %s", self);
		return rb_err_hint(err, "runbox needs /proc mounted");
	}
	if (is_sealed(exe) || is_out_of_reach(exe))
		return 0;
	if (readonly_mount(&fd) < 0 && sealed_copy(exe, &fd) < 0)
		return rb_fail_sys(err, errno, "protect the runtime's executable");
	(void)execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return rb_fail_sys(err, errno, "run from the protected executable");
}
