/* step_process.c - what the process that becomes the program gets before its ids: keyring to label
 *
 * Source: config.md "Process", config-linux.md "Personality", "Memory policy"; the manual pages
 * named below.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"
#include "runbox/log.h"
#include "runbox/names.h"

/* keyrings(7): "search" for everybody of the same uid */
#define KEY_USR_SEARCH 0x00080000ul

/* A key's description is "type;uid;gid;perm;description" (keyctl(2) KEYCTL_DESCRIBE). */
static void let_user_search(long key)
{
	char text[256], *perm = text;
	long n = rb_keyctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)text,
			   sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n < (long)sizeof(text) ? n : (long)sizeof(text) - 1] = '\0';
	for (int i = 0; perm && i < 3; i++) {
		perm = strchr(perm, ';');
		if (perm)
			perm++;
	}
	if (perm)
		/* without it, only processes that already hold the keyring can use it: no harm */
		(void)rb_keyctl(KEYCTL_SETPERM, (unsigned long)key,
				strtoul(perm, NULL, 16) | KEY_USR_SEARCH, 0);
}

/** rb_step_keyring() - a session keyring of the container's own, instead of the caller's
 * (keyrings(7)) */
int rb_step_keyring(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *name = step->u.text.text;
	long key = rb_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)name, 0, 0);
	int errnum = errno;

	(void)run;
	if (key >= 0) {
		let_user_search(key);
		return 0;
	}
	if (errnum == ENOSYS)
		return 0; /* a kernel without keys has none to share */
	if (errnum == EPERM || errnum == EACCES) {
		/* a filter around us forbids the call; then nobody in here can use the caller's
		 * keyring either */
		rb_log_warn("no session keyring for the container: keyctl(2) is not permitted");
		return 0;
	}
	(void)rb_fail_sys(err, errnum, "join the session keyring %s", name);
	return rb_err_hint(err, errnum == EDQUOT ? "raise kernel.keys.maxkeys or "
						   "kernel.keys.maxbytes, or use --no-new-keyring"
						 : "--no-new-keyring keeps the caller's");
}

/** rb_step_scheduler() - sched_setattr(2) */
int rb_step_scheduler(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_scheduler *s = &step->u.process.process->scheduler;
	const struct rb_sched_attr attr = {
		.size = sizeof(attr),
		.policy = (uint32_t)s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	if (rb_sched_setattr(run->side == RB_SIDE_HOST ? run->pid : 0, &attr) < 0) {
		int r = rb_fail_sys(err, errno, "set the scheduler");

		return r == -EPERM ? rb_err_hint(err, "it needs CAP_SYS_NICE, or RLIMIT_RTPRIO")
				   : r;
	}
	return 0;
}

/** rb_step_io_priority() - ioprio_set(2) */
int rb_step_io_priority(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_ioprio *io = &step->u.process.process->io_priority;

	(void)run;
	if (rb_ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(io->class, io->priority)) < 0)
		return rb_fail_sys(err, errno, "set the I/O priority");
	return 0;
}

/* More CPUs, and nodes, than any kernel is built for (NR_CPUS, MAX_NUMNODES) */
#define MAX_CPUS  8192
#define MAX_NODES 1024
#define LONG_BITS (8 * sizeof(unsigned long))

/**
 * rb_step_affinity() - the CPUs the program may use
 *
 * Without a list it is reset to what the cpuset allows: the runtime may have been started with less
 * (sched_setaffinity(2) drops what the cpuset does not have).
 */
int rb_step_affinity(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	unsigned long cpus[MAX_CPUS / LONG_BITS];
	const char *list = step->u.text.text;

	(void)run;
	if (!list)
		memset(cpus, 0xff, sizeof(cpus));
	else if (rb_list_parse(list, cpus, MAX_CPUS) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "\"%s\" is not a list of CPUs", list);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(cpus), cpus) < 0 && list)
		return rb_fail_sys(err, errno, "set the CPU affinity to %s", list);
	return 0; /* without a list: what cannot be widened stays as it is */
}

/** rb_step_mem_policy() - set_mempolicy(2) */
int rb_step_mem_policy(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *list = step->u.spec.spec->linux_.memory_policy.nodes;
	int mode = step->u.spec.spec->linux_.memory_policy.mode;
	unsigned long nodes[MAX_NODES / LONG_BITS];
	bool any = list && *list;

	(void)run;
	if (any && rb_list_parse(list, nodes, MAX_NODES) < 0)
		return rb_fail(err, RB_ERR_CONFIG, "\"%s\" is not a list of memory nodes", list);
	mode |= (int)step->u.spec.spec->linux_.memory_policy.flags;
	/* the kernel takes one bit less than the count it is given */
	if (rb_set_mempolicy(mode, any ? nodes : NULL, any ? MAX_NODES + 1 : 0) < 0)
		return rb_fail_sys(err, errno, "set the memory policy");
	return 0;
}

/* The go-between of exec is one process more of the program's user, and clones without rights: a
 * lower limit, and the soft one, wait for the row after that, which needs none. */
static struct rb_rlimit with_room(const struct rb_run *run, struct rb_rlimit limit)
{
	uint64_t soft, hard;

	if (!run->birth || limit.resource != RLIMIT_NPROC ||
	    rb_getrlimit(RLIMIT_NPROC, &soft, &hard) < 0)
		return limit;
	if (hard > limit.hard)
		limit.hard = hard;
	limit.soft = limit.hard;
	return limit;
}

/** rb_step_rlimits() - setrlimit(2), while hard limits can still be raised */
int rb_step_rlimits(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_process *p = step->u.process.process;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct rb_rlimit *l = &p->rlimits[i];
		const struct rb_rlimit limit = with_room(run, *l);

		if (rb_setrlimit(l->resource, limit.soft, limit.hard) < 0) {
			const char *name = rb_name_of(rb_rlimit_names, (uint64_t)l->resource);
			int errnum = errno;
			char at[48];

			(void)snprintf(at, sizeof(at), "process.rlimits[%zu]", i);
			(void)rb_fail_sys(err, errnum, "set %s to %" PRIu64 ":%" PRIu64,
					  name ? name : "limit", l->soft, l->hard);
			rb_err_at(err, at);
			return -errnum;
		}
	}
	return 0;
}

/** rb_step_personality() - personality(2) */
int rb_step_personality(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	if (personality((unsigned long)step->u.number.value) < 0)
		return rb_fail_sys(err, errno, "set the personality");
	return 0;
}

/* The file of procfs that takes the label. Return: descriptor or -errno */
static int open_label(struct rb_run *run, const char *const *files, const char **ret_file)
{
	int fd = rb_procfs_get(run);

	*ret_file = files[0];
	if (fd < 0)
		return fd;
	fd = -ENOENT;
	for (size_t i = 0; fd == -ENOENT && files[i]; i++) {
		*ret_file = files[i];
		fd = rb_procfs_open(run->proc_fd, files[i]);
	}
	return fd;
}

/**
 * rb_step_label() - the SELinux context or the AppArmor profile that execve(2) will put on
 *
 * Written to the runtime's own procfs, checked to be one (THREATS CVE-2019-16884).
 */
int rb_step_label(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	/* before Linux 5.8 AppArmor has no directory of its own */
	static const char *const apparmor[] = { "thread-self/attr/apparmor/exec",
						"thread-self/attr/exec", NULL };
	static const char *const selinux[] = { "thread-self/attr/exec", NULL };
	bool is_apparmor = rb_streq(step->u.label.lsm, "apparmor");
	rb_autobuf text = { 0 };
	const char *file;
	rb_autofd fd = open_label(run, is_apparmor ? apparmor : selinux, &file);

	/* engines look for the path in backquotes (CONTRACT 2.3) */
	if (fd < 0)
		return rb_fail_sys(err, -fd, "open `/proc/%s`", file);
	rb_buf_printf(&text, "%s%s", is_apparmor ? "exec " : "", step->u.label.label);
	if (write(fd, text.data, text.len) < 0)
		return rb_fail_sys(err, errno, "write `/proc/%s`: label %s", file,
				   step->u.label.label);
	return 0;
}

/** rb_step_no_new_privs() - prctl(2) PR_SET_NO_NEW_PRIVS */
int rb_step_no_new_privs(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	(void)step;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "set no_new_privs");
	return 0;
}
