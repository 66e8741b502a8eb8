/* step_init.c - runbox.init: a first process that reaps and forwards, and the program below it
 *
 * The container's first process forks where it would become the program. The child goes on as the program
 * does without an init: it waits, gets a process group (the terminal's, if there is one), and its failure to
 * execute is told in the same words over the same socket. The parent becomes runbox-init, executed from
 * sealed memory, which is no file of the host and cannot be written to (CVE-2019-5736); only when that has
 * happened does the program run, so that nothing of the container ever sees runbox's own image in its
 * parent. All signals are blocked before the fork: what arrives meanwhile is init's to forward.
 *
 * Everything that was set up is the program's as much as init's: ids, capabilities, filter, label, cgroup,
 * limits. The filter, already loaded, has to allow clone, execveat, read, close, setpgid, wait4,
 * rt_sigtimedwait and kill.
 * Source: execve(2) and fork(2) on what each keeps, memfd_create(2), prctl(2) PR_SET_CHILD_SUBREAPER,
 * sd_listen_fds(3).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u /* Linux 6.3 */
#endif

/* --- init --- */

static int seal_image(int *ret_fd)
{
	const size_t len = (size_t)(rb_init_image_end - rb_init_image);
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	rb_autofd fd = memfd_create("runbox-init", flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("runbox-init", flags);
	if (fd < 0)
		return -errno;
	if (rb_write_all(fd, rb_init_image, len) < 0 || fchmod(fd, 0555) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

/**
 * rb_step_init() - make init ready, before limits of the process (RLIMIT_FSIZE) and filters hold
 *
 * What it makes stays open behind the gate; it is nothing of the host's.
 */
int rb_step_init(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_child *child = rb_child_of(run);
	int r;

	/* without it, orphans would go to the init of the host, or of the pid namespace that was joined */
	if (step->u.init.subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "become the reaper of the container's orphans");
	child->init_alone = !step->u.init.subreaper;
	if (pipe2(child->init_go, O_CLOEXEC) < 0)
		return rb_fail_sys(err, errno, "make a pipe");
	r = seal_image(&child->init_fd);
	return r < 0 ? rb_fail_sys(err, -r, "put the init into sealed memory") : 0;
}

/* --- exec --- */

/* Who passed descriptors on wants them closed when the program ends or closes them. */
static void drop_passed(const struct rb_run *run)
{
	for (unsigned i = 0; i < run->preserve_fds; i++)
		(void)close((int)(3 + i));
}

static uint64_t time_left(const struct rb_run *run)
{
	uint64_t gone = (rb_now_ns() - run->child->started_ns) / 1000000;

	return gone < run->time_limit_ms ? run->time_limit_ms - gone : 0;
}

/* Returns only when it failed; the program is told to end then. */
static int become_init(struct rb_run *run, pid_t program, struct rb_err *err)
{
	struct rb_child *child = run->child;
	char pid[16], limit[24], left[24], name[] = "runbox-init";
	char *argv[] = { name, pid, run->time_limit_ms ? limit : NULL, left, NULL },
	     *env[] = { NULL };
	int errnum;

	(void)snprintf(pid, sizeof(pid), "%d", program);
	(void)snprintf(limit, sizeof(limit), "%" PRIu64, run->time_limit_ms);
	(void)snprintf(left, sizeof(left), "%" PRIu64, time_left(run));
	drop_passed(run);
	(void)execveat(child->init_fd, "", argv, env, AT_EMPTY_PATH);
	errnum = errno;
	(void)rb_write_all(child->init_go[1], "x", 1); /* it sees our end too, if not the word */
	return rb_fail_sys(err, errnum, "become the container's init");
}

/* Init's signals are not the program's: a group of its own, in the foreground of the terminal. */
static int lead_group(const struct rb_run *run, struct rb_err *err)
{
	pid_t group = getpid();

	if (setpgid(0, 0) < 0)
		return rb_fail_sys(err, errno, "make a process group");
	if (run->plan->spec->process.terminal && ioctl(STDIN_FILENO, TIOCSPGRP, &group) < 0)
		return rb_fail_sys(err, errno, "take the foreground of the terminal");
	return 0;
}

/* Wait until our parent is init: its end of the pipe is closed by the execve(2). */
static void wait_for_init(const struct rb_child *child)
{
	char word;
	ssize_t n;

	(void)close(child->init_go[1]); /* else it would never end */
	do {
		n = read(child->init_go[0], &word, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 0)
		_exit(1); /* the parent says why */
}

/**
 * rb_init_split() - fork: the parent becomes init, the child returns and is the program
 *
 * Before: the exec row, all else is set up. Return: 0 in the child; a reporting failure, in either
 */
int rb_init_split(struct rb_run *run, struct rb_err *err)
{
	const struct rb_child *child = run->child;
	const uint64_t all = ~(uint64_t)0;
	const pid_t parent = getpid();
	sigset_t none;
	pid_t pid;
	int r;

	(void)sigemptyset(&none);
	/* also those that the C library keeps for itself, and leaves out */
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)) < 0)
		return rb_fail_sys(err, errno, "hold back signals");
	/* not fork(3): nothing of the C library's own has to be done, one system call less to allow */
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0) {
		r = rb_fail_sys(err, errno, "fork the program from its init");
		return r == -EAGAIN
			       ? rb_err_hint(err, "a limit of processes is reached: init is one")
			       : r;
	}
	if (pid > 0)
		return become_init(run, pid, err);
	/* in a pid namespace of its own the kernel sees to it; init may have ended already */
	if (!child->init_alone &&
	    (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
		_exit(1);
	wait_for_init(child);
	r = lead_group(run, err);
	if (r < 0)
		return r;
	rb_listen_pid(run);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* worked before */
	return 0;
}
