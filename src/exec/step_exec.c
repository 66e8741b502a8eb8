/* step_exec.c - the last steps: working directory, program, execve
 *
 * All that can fail, and all that a seccomp filter might forbid, is done by the row that finds the
 * program, before the gate and the filter; the last row is one system call. The words of a missing
 * program are a contract: engines turn them into exit statuses (CONTRACT 2.2).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/env_priv.h"
#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"
#include "runbox/libc.h"

/* Where a program is looked for when the config has no PATH */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * rb_cwd_enter() - chdir(2) that follows no link which leads to a place instead of a path
 * Return: 0 or -errno
 */
int rb_cwd_enter(struct rb_run *run, const char *cwd)
{
	rb_autofd fd = -1;
	int r = rb_root_open(run->root_fd, cwd, O_PATH | O_DIRECTORY, &fd);

	return r == 0 && fchdir(fd) < 0 ? -errno : r;
}

/** rb_cwd_fail() - why a working directory could not be entered. Return: @r */
int rb_cwd_fail(const struct rb_run *run, const char *cwd, int r, struct rb_err *err)
{
	/* who tells podman exec of a directory that is not there is told 127, by these words */
	if (r == -ENOENT && run->is_exec) {
		(void)rb_fail(err, RB_ERR_CONFIG,
			      "enter the working directory %s: no such file or directory", cwd);
		return r;
	}
	(void)rb_fail_sys(err, -r, "enter the working directory %s", cwd);
	return r == -ELOOP ? rb_err_hint(err, "links of /proc that lead out are not followed") : r;
}

/**
 * rb_step_cwd() - enter the working directory, and see that it lies inside the root
 *
 * Source: THREATS CVE-2024-21626: a directory of the host that was left open can be entered by way
 * of /proc/self/fd; getcwd(2) then does not begin with "/".
 */
int rb_step_cwd(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *cwd = step->u.text.text;
	char now[PATH_MAX];

	if (!rb_child_of(run)->in_cwd) {
		int r = rb_cwd_enter(run, cwd);

		if (r < 0)
			return rb_cwd_fail(run, cwd, r, err);
	}
	if (rb_getcwd(now, sizeof(now)) < 0)
		return rb_fail_sys(err, errno, "look at the working directory %s", cwd);
	if (now[0] != '/')
		return rb_fail(err, RB_ERR_CONFIG,
			       "the working directory %s lies outside the root file system", cwd);
	return 0;
}

/* --- find-program --- */

/* Return: 0 when @path is a file that we may execute, else -errno */
static int is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int fail_program(const char *name, int r, struct rb_err *err)
{
	const char *why = "input/output error";

	switch (-r) {
	case ENOENT:
		return rb_fail(err, RB_ERR_CONFIG,
			       "exec: \"%s\": stat %s: no such file or directory", name, name);
	case ENOTDIR:
		return rb_fail(err, RB_ERR_CONFIG, "exec: \"%s\": stat %s: not a directory", name,
			       name);
	case EACCES:
	case EPERM:
		why = "permission denied";
		break;
	case ELOOP:
		why = "too many levels of symbolic links";
		break;
	case ENAMETOOLONG:
		why = "file name too long";
		break;
	case ENOEXEC:
		why = "exec format error";
		break;
	}
	return rb_fail(err, RB_ERR_CONFIG, "exec: \"%s\": %s", name, why);
}

static int find(struct rb_run *run, const struct rb_process *process, struct rb_err *err)
{
	const char *name = process->args.n ? process->args.v[0] : "";
	const char *path = rb_env_get(&run->extra_env, "PATH");
	int r;

	if (strchr(name, '/')) {
		r = is_program(name);
		if (r < 0)
			return fail_program(name, r, err);
		run->program_path = rb_xstrdup(name);
		return 0;
	}
	if (!path)
		path = rb_env_get(&process->env, "PATH");
	if (!path)
		path = DEFAULT_PATH;
	while (*name && path) {
		rb_autofree char *full = rb_path_entry(&path, name);

		if (is_program(full) == 0) {
			run->program_path = rb_take_ptr(full);
			return 0;
		}
	}
	return rb_fail(err, RB_ERR_CONFIG, "exec: \"%s\": executable file not found in $PATH",
		       name);
}

/* The container's passwd is hostile: no FIFO may hold us, no endless file may feed us. */
static char *home_of(struct rb_run *run, uint32_t uid)
{
	rb_autofree char *text = NULL, *home = NULL;

	if (rb_small_file(run->root_fd, "/etc/passwd", &text) == 0)
		home = rb_passwd_home(text, uid);
	return home ? rb_take_ptr(home) : rb_xstrdup("/");
}

/* sd_listen_fds(3): the pid, as it sees it itself, of the process that is to take them */
void rb_listen_pid(struct rb_run *run)
{
	static const char key[] = "LISTEN_PID=";

	for (char **e = run->child->env; run->listen_fds && *e; e++) {
		rb_autobuf entry = { 0 };

		if (!rb_startswith(*e, key))
			continue;
		rb_buf_printf(&entry, "%s%d", key, getpid());
		free(*e);
		*e = rb_xstrdup(entry.data);
	}
}

static void make_env(struct rb_run *run, const struct rb_process *process)
{
	rb_autofree char *home = NULL;
	const char *have = rb_env_get(&run->extra_env, "HOME");

	if (!have)
		have = rb_env_get(&process->env, "HOME");
	if (!have || !*have)
		home = home_of(run, process->user.uid);
	rb_child_of(run)->env = rb_env_merge(&process->env, &run->extra_env, home);
	rb_listen_pid(run);
}

/* Without close_range(2): each descriptor that there is, as a procfs of our own lists them. */
static int mark_each(struct rb_run *run, unsigned from, struct rb_err *err)
{
	int dir = rb_procfs_get(run) < 0
			  ? -1
			  : openat(run->proc_fd, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *entry;

	if (!list) {
		int errnum = errno;

		rb_closep(&dir);
		return rb_fail_sys(err, errnum, "list our descriptors");
	}
	while ((entry = readdir(list))) {
		uint32_t fd;

		if (rb_parse_u32(entry->d_name, &fd) == 0 && fd >= from)
			(void)fcntl((int)fd, F_SETFD,
				    FD_CLOEXEC); /* the list's own is closed below */
	}
	(void)closedir(list);
	return 0;
}

/* Nothing but stdio and what the caller passes on crosses the execve. Marked, not closed: our
 * own are needed to report a failure. */
static int mark_descriptors(struct rb_run *run, struct rb_err *err)
{
	unsigned from = 3 + run->preserve_fds;

	if (close_range(from, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return mark_each(run, from, err);
}

/* What is caught is by execve(2) itself; KILL and STOP cannot be set, and are never else. */
static void reset_signals(uint64_t ignored)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (ignored >> (sig - 1) & 1)
			(void)rb_signal_default(sig);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/**
 * rb_step_find() - find the program as its user will, and make ready all that it is started with
 *
 * Before: user, capabilities and working directory are the program's.
 */
int rb_step_find(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_process *process = step->u.process.process;
	bool is_waiting = run->die_with_parent || run->gate >= 0 ||
			  (run->starts && !run->plan->straight);
	int r;

	make_env(run, process);
	/* a program named /proc/self/fd/N/..., by its config or by a link or interpreter of the
	 * image, must find nothing of the host's (THREATS CVE-2024-21626): from here on there is
	 * nothing. Of an exec the go-between still has some, and no /proc/self in the container */
	rb_closep(&run->root_fd);
	if (!run->is_exec)
		rb_child_shed(run);
	r = find(run, process, err);
	if (r == 0 && run->is_exec)
		r = mark_descriptors(run, err);
	if (r < 0)
		return r;
	reset_signals(run->ignored);
	if (run->birth) /* the rest is for who is born */
		return 0;
	r = rb_tty_adopt(run, err);
	if (r < 0)
		return r;
	/* the change of ids has cleared it (prctl(2)); until the gate the runtime's death is
	 * ours too */
	if (prctl(PR_SET_PDEATHSIG, is_waiting ? SIGKILL : 0, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "set the parent-death signal");
	/* the runtime may have died while it was not set; straight on, no barrier would see that. Where the
	 * signal is wanted there is no gap: an exit closes descriptors before it sends it. Else a
	 * runtime may die right after the look, as it may once the program runs */
	return run->plan->straight ? rb_sync_look(run, err) : 0;
}

/** rb_step_exec() - become the program; with runbox.init, its child does */
int rb_step_exec(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_process *process = step->u.process.process;
	int r = rb_child_of(run)->init_fd < 0 ? 0 : rb_init_split(run, err);

	if (r < 0)
		return r;
	(void)execve(run->program_path, process->args.v, rb_child_of(run)->env);
	r = -errno;
	if (r == -ENOENT) {
		(void)rb_fail(err, RB_ERR_CONFIG, "exec %s: no such file or directory",
			      run->program_path);
		return rb_err_hint(
			err, "its interpreter or dynamic loader is not in the root file system");
	}
	if (r == -EACCES || r == -EPERM || r == -ENOEXEC)
		return fail_program(process->args.v[0], r, err);
	return rb_fail_sys(err, -r, "exec %s", run->program_path);
}
