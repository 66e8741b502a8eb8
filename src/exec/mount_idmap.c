/* mount_idmap.c - id-mapped mounts
 *
 * The mapping is that of a user namespace made for it alone: a process that does nothing but wait
 * is cloned into one, gets its maps, and its namespace is opened. Source: mount_setattr(2)
 * "ID-mapped mounts".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

static int write_map(int proc_fd, pid_t pid, const char *file, const struct rb_idmap *maps,
		     size_t n)
{
	rb_autobuf text = { 0 };
	char path[64];

	for (size_t i = 0; i < n; i++)
		rb_buf_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", maps[i].container_id,
			      maps[i].host_id, maps[i].size);
	(void)snprintf(path, sizeof(path), "%d/%s", pid, file);
	return rb_write_file(proc_fd, path, text.data ? text.data : "");
}

/* Maps, then the namespace's descriptor. Return: descriptor or a reporting failure */
static int name_space_of(int proc_fd, pid_t pid, const struct rb_step *step, struct rb_err *err)
{
	char path[64];
	int r, fd;

	r = write_map(proc_fd, pid, "uid_map", step->u.mount.uids, step->u.mount.n_uids);
	if (r == 0)
		r = write_map(proc_fd, pid, "gid_map", step->u.mount.gids, step->u.mount.n_gids);
	if (r < 0)
		return rb_fail_sys(err, -r, "write the id map of the mount");
	(void)snprintf(path, sizeof(path), "%d/ns/user", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? rb_fail_sys(err, errno, "open the user namespace of the mount") : fd;
}

/* Return: descriptor of a user namespace with the step's maps, or a reporting failure */
static int make_userns(int proc_fd, const struct rb_step *step, struct rb_err *err)
{
	/* clone(2) instead of fork(3): the child is born in the namespace, nothing has to be
	 * waited for */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	int fd;

	if (pid < 0)
		return rb_fail_sys(err, errno, "make a user namespace for the mount");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			(void)pause();
	}
	fd = name_space_of(proc_fd, pid, step, err);
	(void)kill(pid, SIGKILL); /* not waited for yet: the pid is still its own */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

/**
 * rb_mount_idmap() - map the ids of a detached tree as a mount step says
 * Return: 0 or a reporting failure
 */
int rb_mount_idmap(const struct rb_run *run, int tree_fd, const struct rb_step *step,
		   struct rb_err *err)
{
	rb_autofd userns = make_userns(run->proc_fd, step, err);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	unsigned flags = AT_EMPTY_PATH | (step->u.mount.idmap_recursive ? AT_RECURSIVE : 0);
	int r;

	if (userns < 0)
		return userns;
	attr.userns_fd = (uint64_t)userns;
	if (mount_setattr(tree_fd, "", flags, &attr, sizeof(attr)) == 0)
		return 0;
	r = rb_fail_sys(err, errno, "map the ids of the mount on %s", step->u.mount.m->dest);
	if (r == -EINVAL)
		return rb_err_hint(err, "the file system does not support id-mapped mounts");
	return r == -ENOSYS ? rb_err_hint(err, "id-mapped mounts need Linux 5.12") : r;
}
