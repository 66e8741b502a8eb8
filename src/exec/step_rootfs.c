/* step_rootfs.c - the root: its tree, where it is attached, how it becomes "/"
 *
 * The tree is attached on top of "/". Absolute paths still start at the old root below it (a
 * process' root directory is a place, not the topmost mount there), so that the host's file system
 * stays in reach for the mounts; pivot_root(2) then exchanges the two and the old one is detached.
 * On a host with many processes the same comes about without it, exchange.c.
 * Source: pivot_root(2) "pivot_root(".", ".")", mount_namespaces(7), config-linux.md "Rootfs Mount
 * Propagation".
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"
#include "runbox/log.h"

struct rb_child *rb_child_of(struct rb_run *run)
{
	struct rb_child *child = run->child;

	if (!child) {
		child = rb_xmalloc(sizeof(*child));
		*child = (struct rb_child) {
			.null_fd = -1,
			.mask_tree = -1,
			.tty = -1,
			.dir_fd = -1,
			.cwd_fd = -1,
			.init_fd = -1,
			.init_go = { -1, -1 },
		};
		run->child = child;
	}
	return child;
}

void rb_child_forget_dir(struct rb_run *run)
{
	if (run->child)
		rb_closep(&run->child->dir_fd);
}

int rb_root_clone(const char *path, bool alone, int *ret_fd, struct rb_err *err)
{
	rb_autofd tree = -1;
	struct stat st;
	int r = rb_mount_clone(AT_FDCWD, path, !alone, false, &tree);

	if (r == -ENOENT)
		return rb_fail(err, RB_ERR_CONFIG, "the root file system %s does not exist", path);
	if (r < 0)
		return rb_fail_sys(err, -r, "open the root file system %s", path);
	if (fstat(tree, &st) < 0)
		return rb_fail_sys(err, errno, "look at the root file system %s", path);
	if (!S_ISDIR(st.st_mode))
		return rb_fail(err, RB_ERR_CONFIG, "the root file system %s is not a directory",
			       path);
	*ret_fd = rb_take_fd(&tree);
	return 0;
}

/**
 * rb_step_open_root() - on the host side: a detached copy of the root's tree, into run->root_tree
 *
 * Without CAP_SYS_ADMIN here nothing can be cloned; the child, root of its own namespace, will do
 * it.
 */
int rb_step_open_root(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_err why = { 0 };
	int r = rb_root_clone(step->u.rootfs.path, step->u.rootfs.alone, &run->root_tree, &why);

	if (r == -EPERM && run->plan->new_ns & CLONE_NEWUSER)
		return 0;
	if (r < 0)
		*err = why;
	return r;
}

/*
 * In a chroot "/" is no mount point, and neither its propagation can be changed nor pivot_root(2)
 * used. So a copy of what the chroot shows becomes the root of this mount namespace, whose own
 * root is reached by entering the namespace once more (setns(2)) and is detached afterwards.
 */
static int leave_chroot(struct rb_run *run, unsigned long propagation, struct rb_err *err)
{
	const struct rb_mount_change change = { .early = MS_SLAVE | MS_REC };
	rb_autofd tree = -1, slash = -1,
		  ns = openat(run->proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = rb_mount_clone(AT_FDCWD, "/", true, false, &tree);

	if (r < 0)
		return rb_fail_sys(err, -r, "copy the tree of the chroot");
	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
		return rb_fail_sys(err, errno, "leave the chroot");
	if (mount(NULL, "/", NULL, propagation, NULL) < 0)
		return rb_fail_sys(err, errno, "set the propagation of /");
	slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (slash < 0)
		return rb_fail_sys(err, errno, "open /");
	r = rb_mount_attach(run, tree, slash, &change);
	if (r < 0)
		return rb_fail_sys(err, -r, "attach the tree of the chroot");
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return rb_fail_sys(err, errno, "make the tree of the chroot the root");
	if (umount2(".", MNT_DETACH) < 0)
		return rb_fail_sys(err, errno, "detach the root behind the chroot");
	return 0;
}

/** rb_step_propagation() - of every mount the child has inherited, so that nothing it mounts is
 * seen outside */
int rb_step_propagation(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	unsigned long propagation = (unsigned long)step->u.number.value;

	if (mount(NULL, "/", NULL, propagation, NULL) == 0)
		return 0;
	if (errno == EINVAL)
		return leave_chroot(run, propagation, err);
	return rb_fail_sys(err, errno, "set the propagation of /");
}

/* The host's null device, before anything of the image can stand in for it (THREATS
 * CVE-2025-31133). What is not the null device is not kept: the mask step then says that there
 * is none. */
static void keep_null(struct rb_run *run)
{
	struct rb_child *child = rb_child_of(run);
	rb_autofd fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		child->null_fd = rb_take_fd(&fd);
}

/* pivot_root(2) wants neither the new root nor its parent shared, and a mount attached on a
 * shared one would be attached on the host too. Only "/" itself: below it, volumes may stay
 * shared with the host. */
int rb_slash_open(int *ret_fd, struct rb_err *err)
{
	rb_autofd slash = -1;

	if (mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		return rb_fail_sys(err, errno, "make / private");
	slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (slash < 0)
		return rb_fail_sys(err, errno, "open /");
	*ret_fd = rb_take_fd(&slash);
	return 0;
}

/**
 * rb_step_rootfs() - attach the root's tree on "/", into run->root_fd
 *
 * A tree cloned on the host side is a peer of the host's, so its propagation is changed before it
 * is attached. "shared" is only given to it at the end, by rb_step_pivot(): pivot_root(2) refuses
 * it before.
 */
int rb_step_rootfs(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	unsigned long wanted = step->u.rootfs.propagation;
	struct rb_mount_change change = { .early = MS_PRIVATE | MS_REC };
	rb_autofd tree = rb_take_fd(&run->root_tree), slash = -1;
	int r;

	if (wanted & MS_SLAVE)
		change.early = MS_SLAVE | MS_REC;
	keep_null(run);
	r = rb_slash_open(&slash, err);
	if (r == 0 && tree < 0)
		r = rb_root_clone(step->u.rootfs.path, false, &tree, err);
	if (r < 0)
		return r;
	r = rb_mount_attach(run, tree, slash, &change);
	if (r < 0)
		return rb_fail_sys(err, -r, "attach the root file system %s", step->u.rootfs.path);
	rb_closep(&run->root_fd);
	run->root_fd = rb_take_fd(&tree);
	return 0;
}

/* "/" has to be what we attached, and nothing may lie on it: a walk over ".." would step on
 * that. */
static int check_slash(const struct rb_run *run, struct rb_err *err)
{
	static const char *const paths[] = { "/", "/.." };
	struct statx want, have;

	if (statx(run->root_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &want) < 0)
		return rb_fail_sys(err, errno, "look at the new root");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (statx(AT_FDCWD, paths[i], 0, STATX_INO | STATX_MNT_ID, &have) < 0)
			return rb_fail_sys(err, errno, "look at the new root");
		/* before Linux 5.8 there is no mount id, and zero on both sides */
		if (want.stx_dev_major != have.stx_dev_major ||
		    want.stx_dev_minor != have.stx_dev_minor || want.stx_ino != have.stx_ino ||
		    want.stx_mnt_id != have.stx_mnt_id)
			return rb_fail(err, RB_ERR_SYS, "the new root is not the container's");
	}
	return 0;
}

static int pivot(struct rb_err *err)
{
	rb_autofd old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned detached = 0;

	if (old < 0)
		return rb_fail_sys(err, errno, "open /");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return rb_fail_sys(err, errno, "pivot_root");
	/* the old root lies on top of the new one now; nothing that happens to it may reach the
	 * host */
	if (fchdir(old) < 0)
		return rb_fail_sys(err, errno, "enter the old root");
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return rb_fail_sys(err, errno, "make the old root a slave");
	/* umount2(2) takes what is topmost there, and a mount on "/" has left the first tree on
	 * the old root: until "." itself is detached, which then is no mount of ours (EINVAL) */
	do {
		detached++;
	} while (umount2(".", MNT_DETACH) == 0);
	if (errno != EINVAL || detached < 2)
		return rb_fail_sys(err, errno, "detach the old root");
	return 0;
}

static int exchange(struct rb_run *run, struct rb_err *err)
{
	int r = rb_root_exchange(run, err);

	return r == 0 ? pivot(err) : r < 0 ? r : 0;
}

/* mountinfo(5): "36 35 98:0 /root /point ...". Return: the mount point, its octal escapes
 * undone, if @parent is the second field, else NULL. */
static char *child_point(char *line, unsigned long parent)
{
	char *fields[5], *save = NULL, *out;
	size_t n = 0;

	for (char *f = strtok_r(line, " ", &save); f && n < 5; f = strtok_r(NULL, " ", &save))
		fields[n++] = f;
	if (n < 5 || strtoul(fields[1], NULL, 10) != parent)
		return NULL;
	out = fields[4];
	for (char *in = fields[4]; *in; out++) {
		if (in[0] == '\\' && in[1] && in[2] && in[3]) {
			*out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
	return fields[4];
}

/*
 * Without pivot_root(2) the old root stays below the new one. What is mounted in it is detached,
 * procfs and sysfs above all, which would be found unmasked there by a process that climbs out of a
 * chroot(2). What is locked (in a user namespace) cannot be detached; it is covered.
 */
static int detach_old_mounts(struct rb_run *run, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	char *save = NULL;
	struct statx stx;
	int r = rb_read_file(run->proc_fd, "self/mountinfo", 64u << 20, &text, NULL);

	if (r < 0)
		return rb_fail_sys(err, -r, "read mountinfo");
	if (statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &stx) < 0)
		return rb_fail_sys(err, errno, "look at /");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *point = child_point(line, stx.stx_mnt_id);

		if (!point || strcmp(point, "/") == 0)
			continue;
		if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != ENOENT &&
		    mount("none", point, "tmpfs", MS_RDONLY, "size=0k") < 0 && errno != ENOTDIR)
			return rb_fail_sys(err, errno, "hide the host's %s", point);
	}
	return 0;
}

/**
 * rb_step_pivot() - make the container's tree "/" and let go of the host's
 *
 * RB_PIVOT_MOVE is for an initramfs, which pivot_root(2) cannot move, and for --no-pivot.
 */
int rb_step_pivot(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	unsigned long wanted = run->plan->spec->linux_.rootfs_propagation;
	int r;

	if (step->u.pivot.how == RB_PIVOT_MOVE) {
		r = detach_old_mounts(run, err);
		if (r < 0)
			return r;
	}
	rb_closep(&rb_child_of(run)->cwd_fd);
	if (fchdir(run->root_fd) < 0)
		return rb_fail_sys(err, errno, "enter the new root");
	if (step->u.pivot.how == RB_PIVOT_MOVE)
		r = chroot(".") < 0 ? rb_fail_sys(err, errno, "chroot into the new root") : 0;
	else if (step->u.pivot.how == RB_PIVOT_EXCHANGE)
		r = exchange(run, err);
	else
		r = pivot(err);
	if (r < 0)
		return r;
	if (chdir("/") < 0)
		return rb_fail_sys(err, errno, "enter the new root");
	r = check_slash(run, err);
	if (r < 0 || !(wanted & (MS_SHARED | MS_UNBINDABLE)))
		return r;
	if (mount(NULL, "/", NULL, wanted, NULL) < 0)
		return rb_fail_sys(err, errno, "set the propagation of the new root");
	return 0;
}

/** rb_step_chroot() - the root of a container that has no mount namespace of its own */
int rb_step_chroot(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.rootfs.path;

	if (run->root_fd < 0)
		run->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->root_fd < 0 && errno == ENOENT)
		return rb_fail(err, RB_ERR_CONFIG, "the root file system %s does not exist", path);
	if (run->root_fd < 0)
		return rb_fail_sys(err, errno, "open the root file system %s", path);
	if (fchdir(run->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return rb_fail_sys(err, errno, "chroot into %s", path);
	return check_slash(run, err);
}

/** rb_step_root_readonly() - the root's own mount, not what is mounted in it */
int rb_step_root_readonly(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_mount_change change = { .set = MOUNT_ATTR_RDONLY };
	int r = rb_mount_change(run, run->root_fd, &change);

	(void)step;
	return r < 0 ? rb_fail_sys(err, -r, "make the root read-only") : 0;
}
