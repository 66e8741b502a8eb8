/* step_ns.c - what the child does to the namespaces it is in: ids, cgroup, time, loopback, names
 *
 * Source: user_namespaces(7), cgroup_namespaces(7), time_namespaces(7), netdevice(7),
 * uts_namespaces(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/syscalls.h"

/**
 * rb_step_become_root() - uid and gid 0 of the new user namespace, which owns what the child makes
 *
 * Groups are dropped too, where setgroups(2) is not denied (user_namespaces(7)).
 */
int rb_step_become_root(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	(void)step;
	if (rb_setgroups(0, NULL) < 0 && errno != EPERM)
		return rb_fail_sys(err, errno, "drop the supplementary groups");
	if (rb_setresgid(0) < 0)
		return rb_fail_sys(err, errno, "become group 0 of the user namespace");
	if (rb_setresuid(0) < 0)
		return rb_fail_sys(err, errno, "become user 0 of the user namespace");
	/* a change of ids resets it to fs.suid_dumpable (proc(5)) */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "stay non-dumpable");
	return 0;
}

/** rb_step_cgroup_ns() - the child's cgroup becomes the root that it sees (cgroup_namespaces(7)) */
int rb_step_cgroup_ns(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	(void)step;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return rb_fail_sys(err, errno, "make a cgroup namespace");
	return 0;
}

/* Files in /proc/self belong to the host's root while the process is non-dumpable (proc(5)),
 * which root of a new user namespace is not. For the moment of one open it is dumpable, if
 * nobody else can be there yet. */
static int open_offsets(const struct rb_run *run)
{
	int fd = openat(run->proc_fd, "self/timens_offsets", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 || errno != EACCES || !(run->plan->new_ns & CLONE_NEWUSER) ||
	    run->plan->joined_ns & CLONE_NEWPID)
		return fd < 0 ? -errno : fd;
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return -errno;
	fd = openat(run->proc_fd, "self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return fd;
}

static int write_offset(int fd, const char *clock, const struct rb_time_offset *offset)
{
	char line[64];

	if (!offset->present)
		return 0;
	(void)snprintf(line, sizeof(line), "%s %" PRId64 " %" PRIu32 "\n", clock, offset->secs,
		       offset->nanosecs);
	return rb_write_all(fd, line, strlen(line));
}

/** rb_step_time_offsets() - a time namespace: made, given its offsets, entered
 * (time_namespaces(7)) */
int rb_step_time_offsets(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	rb_autofd fd = -1, ns = -1;
	int r;

	if (unshare(CLONE_NEWTIME) < 0)
		return rb_fail_sys(err, errno, "make a time namespace");
	if (step->u.time.boottime.present || step->u.time.monotonic.present) {
		fd = open_offsets(run);
		if (fd < 0)
			return rb_fail_sys(err, -fd, "open timens_offsets");
		r = write_offset(fd, "monotonic", &step->u.time.monotonic);
		if (r == 0)
			r = write_offset(fd, "boottime", &step->u.time.boottime);
		if (r < 0)
			return rb_fail_sys(err, -r, "set the time offsets");
	}
	/* the offsets are fixed by the first process that enters */
	ns = openat(run->proc_fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return rb_fail_sys(err, errno, "enter the time namespace");
	return 0;
}

/** rb_step_loopback() - a new network namespace has "lo", and it is down; one made ahead is entered */
int rb_step_loopback(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	int r = run->enters_net ? rb_ahead_enter(run) : 0;

	(void)step;
	if (r < 0)
		return rb_fail_sys(err, -r, "make a network namespace");
	if (r == 0)
		r = rb_loopback_up();
	return r < 0 ? rb_fail_sys(err, -r, "set the loopback device up") : 0;
}

/** rb_step_hostname() - sethostname(2) in the container's UTS namespace */
int rb_step_hostname(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *name = step->u.text.text;

	(void)run;
	if (sethostname(name, strlen(name)) < 0)
		return rb_fail_sys(err, errno, "set the host name %s", name);
	return 0;
}

/** rb_step_domainname() - setdomainname(2) in the container's UTS namespace */
int rb_step_domainname(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *name = step->u.text.text;

	(void)run;
	if (setdomainname(name, strlen(name)) < 0)
		return rb_fail_sys(err, errno, "set the domain name %s", name);
	return 0;
}
