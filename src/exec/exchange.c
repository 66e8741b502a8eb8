/* exchange.c - the container's root in the place of the host's, without pivot_root(2)
 *
 * pivot_root(2) exchanges the roots of all processes that have the old one, and looks at every process of
 * the machine for that. But in this mount namespace nobody else has it. So a copy of the new root's tree is
 * taken out of the namespace, the old root is detached with all that is on it, and the copy is attached
 * where that was: on the namespace's own root, which is reached by entering the namespace once more.
 *
 * That is only done where each of the three lies right on the next, which statmount(2) tells: the
 * container's tree on "/", that on the namespace's own root, and that is not shared. Else a detached mount
 * could be one that the host sees (a runtime in a chroot), or not be the last one.
 * Sources: mount_namespaces(7), umount2(2), setns(2), statmount(2); do_umount() and mntns_install() of the
 * kernel's fs/namespace.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"
#include "runbox/libc.h"

/* The id of a mount, which the kernel uses only once (since Linux 6.8); 0: not known */
static uint64_t mount_id(int dir_fd, const char *path)
{
	struct statx stx;

	if (statx(dir_fd, path, AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID_UNIQUE))
		return 0;
	return stx.stx_mnt_id;
}

/* Return: the id of what a mount lies on, itself if it is the namespace's own root; 0: not known */
static uint64_t parent_of(uint64_t id, bool *ret_shared)
{
	struct rb_statmount at = { 0 };

	if (id == 0 || rb_statmount(id, &at) < 0)
		return 0;
	*ret_shared = at.propagation & MS_SHARED;
	return at.parent;
}

/* Return: the id of the namespace's own root if nothing but the old root lies between that and the new one;
 * else 0 */
static uint64_t bottom(const struct rb_run *run)
{
	const uint64_t old = mount_id(AT_FDCWD, "/");
	bool shared = false;
	uint64_t below;

	if (!old || parent_of(mount_id(run->root_fd, ""), &shared) != old)
		return 0;
	below = parent_of(old, &shared);
	return below && below != old && parent_of(below, &shared) == below && !shared ? below : 0;
}

/* Detach the old root with all that is on it. Return: 1; 0 where it is locked, all as before; or a reporting
 * failure */
static int detach_old(struct rb_run *run, struct rb_err *err)
{
	/* nothing that happens to it may reach the host */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return rb_fail_sys(err, errno, "make the old root a slave");
	/* umount2(2) takes what is topmost, and each time waits for an RCU grace period */
	if (move_mount(run->root_fd, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return 0;
	if (umount2("/", MNT_DETACH) == 0)
		return 1;
	if (move_mount(run->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return rb_fail_sys(err, errno, "move the new root back");
	return 0;
}

int rb_root_exchange(struct rb_run *run, struct rb_err *err)
{
	const uint64_t below = bottom(run);
	rb_autofd tree = -1, ns = -1;
	int r;

	if (!below)
		return 0;
	ns = openat(run->proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || rb_mount_clone(run->root_fd, "", true, false, &tree) < 0)
		return 0;
	r = detach_old(run, err);
	if (r <= 0)
		return r;
	if (setns(ns, CLONE_NEWNS) < 0)
		return rb_fail_sys(err, errno, "leave the old root");
	if (mount_id(AT_FDCWD, "/") != below)
		return rb_fail(err, RB_ERR_SYS, "the old root is still there");
	if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return rb_fail_sys(err, errno, "attach the new root");
	if (fchdir(tree) < 0 || chroot(".") < 0)
		return rb_fail_sys(err, errno, "enter the new root");
	rb_closep(&run->root_fd);
	run->root_fd = rb_take_fd(&tree);
	return 1;
}
