/* hooks.c - runs hooks: state on stdin, own environment only, timeout, order and failure rules
 *
 * config.md "POSIX-platform Hooks", runtime.md "Lifecycle". The state is given as a sealed file and
 * not by a pipe, so that a hook that does not read it neither blocks nor breaks anything. A hook's
 * stdout is the runtime's stderr: stdout belongs to the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/libc.h"
#include "runbox/log.h"
#include "runbox/names.h"
#include "runbox/proc.h"

void rb_state_json(const struct rb_spec *spec, const char *id, const char *status, pid_t pid,
		   const char *bundle, struct rb_buf *out)
{
	rb_buf_add(out, "{\"ociVersion\":");
	rb_buf_json(out, spec->oci_version);
	rb_buf_add(out, ",\"id\":");
	rb_buf_json(out, id);
	rb_buf_printf(out, ",\"status\":\"%s\"", status);
	if (pid > 0)
		rb_buf_printf(out, ",\"pid\":%d", pid);
	rb_buf_add(out, ",\"bundle\":");
	rb_buf_json(out, bundle);
	if (spec->annotations.n) {
		rb_buf_add(out, ",\"annotations\":{");
		for (size_t i = 0; i < spec->annotations.n; i++) {
			rb_buf_add(out, i ? "," : "");
			rb_buf_json(out, spec->annotations.v[i].key);
			rb_buf_add(out, ":");
			rb_buf_json(out, spec->annotations.v[i].value);
		}
		rb_buf_add(out, "}");
	}
	rb_buf_add(out, "}");
}

static int state_file(const char *state_json, int *ret_fd)
{
	rb_autofd fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = rb_write_all(fd, state_json, strlen(state_json));
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE); /* good manners only */
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

/* Preserved descriptors are the container's, not a hook's. Marked, not closed: the report is needed.
 */
static void mark_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	(void)getrlimit(RLIMIT_NOFILE, &limit); /* no descriptor of ours is above it */
	for (unsigned fd = 3; fd < limit.rlim_cur; fd++)
		(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* most are not open */
}

static void become_hook(const struct rb_hook *hook, int state_fd, int (*before_exec)(void *arg),
			void *arg, int report)
{
	static char *no_env[] = { NULL };
	char *path_only[] = { (char *)(uintptr_t)hook->path, NULL };
	sigset_t none;
	int e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0,
		    0);	     /* a killed runtime leaves no hook behind */
	(void)setpgid(0, 0); /* its children too are reached by a timeout */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(state_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		goto fail;
	mark_descriptors();
	if (before_exec && before_exec(arg) < 0)
		goto fail;
	execve(hook->path, hook->args.n ? hook->args.v : path_only,
	       hook->env.n ? hook->env.v : no_env);
fail:
	e = errno;
	(void)rb_write_all(report, &e, sizeof(e)); /* the other end is the parent, which waits */
	_exit(127);
}

/* Wait for the hook, at most its timeout; what did not end by then is killed, with its process
 * group. */
static int wait_hook(pid_t pid, const struct rb_hook *hook, int *status)
{
	int64_t ms = hook->has_timeout ? hook->timeout : -1;
	int r = 0;

	if (ms >= 0) {
		rb_autofd fd = (int)syscall(SYS_pidfd_open, pid, 0);

		ms = ms > INT32_MAX / 1000 ? INT32_MAX : ms * 1000;
		r = fd < 0 ? -errno : rb_pidfd_wait(fd, (int)ms);
		if (r < 0) {
			(void)kill(-pid,
				   SIGKILL); /* the group may not exist yet, the process does */
			(void)kill(pid, SIGKILL);
		}
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return r;
}

int rb_hook_exec_one(enum rb_hook_kind kind, size_t index, const struct rb_hook *hook,
		     const char *state_json, int (*before_exec)(void *arg), void *arg,
		     struct rb_err *err)
{
	rb_autofd state_fd = -1, report_r = -1, report_w = -1;
	const char *name = rb_name_of(rb_hook_names, kind);
	int pipe_fds[2] = { -1, -1 }, status = 0, exec_errno, r;
	pid_t pid;

	r = state_file(state_json, &state_fd);
	if (r == 0 && pipe2(pipe_fds, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0)
		return rb_fail_sys(err, -r, "prepare %s hook %zu", name, index);
	report_r = pipe_fds[0];
	report_w = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return rb_fail_sys(err, errno, "fork for %s hook %zu", name, index);
	if (pid == 0)
		become_hook(hook, state_fd, before_exec, arg, report_w);
	rb_closep(&report_w);
	if (read(report_r, &exec_errno, sizeof(exec_errno)) == sizeof(exec_errno)) {
		(void)waitpid(pid, NULL, 0);
		return rb_fail_sys(err, exec_errno, "%s hook %zu: run %s", name, index, hook->path);
	}
	r = wait_hook(pid, hook, &status);
	if (r == -ETIMEDOUT)
		return rb_fail(err, RB_ERR_SYS, "%s hook %zu: %s did not end within %lld s", name,
			       index, hook->path, (long long)hook->timeout);
	if (r < 0)
		return rb_fail_sys(err, -r, "%s hook %zu: wait for %s", name, index, hook->path);
	if (WIFSIGNALED(status))
		return rb_fail(err, RB_ERR_SYS, "%s hook %zu: %s was killed by signal %d", name,
			       index, hook->path, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return rb_fail(err, RB_ERR_SYS, "%s hook %zu: %s exited with status %d", name,
			       index, hook->path, WEXITSTATUS(status));
	return 0;
}

int rb_hooks_run(const struct rb_spec *spec, enum rb_hook_kind kind, const char *state_json,
		 bool stop_on_failure, struct rb_err *err)
{
	const struct rb_hooks *hooks = &spec->hooks[kind];

	for (size_t i = 0; i < hooks->n; i++) {
		struct rb_err one = { 0 };
		int r = rb_hook_exec_one(kind, i, &hooks->v[i], state_json, NULL, NULL, &one);

		if (r < 0 && stop_on_failure) {
			*err = one;
			return r;
		}
		if (r < 0)
			rb_log_warn("%s%s%s", one.msg, one.errnum ? ": " : "",
				    one.errnum ? strerror(one.errnum) : "");
	}
	return 0;
}

/* A startContainer hook runs as the container's program will: with its final capabilities. */
static int drop_to_final(void *arg)
{
	const struct rb_step *caps = arg;
	int r = rb_caps_apply(&caps->u.caps.sets);

	errno = -r;
	return r;
}

/* The capabilities row of the plan, if its sets are not the final ones yet; a hook step is still
 * complete in itself: this is about the process it is forked from. */
static const struct rb_step *pending_caps(const struct rb_run *run)
{
	for (size_t i = 0; i < run->plan->len; i++)
		if (run->plan->steps[i].kind == RB_STEP_CAPS &&
		    run->plan->steps[i].u.caps.keep_admin)
			return &run->plan->steps[i];
	return NULL;
}

int rb_step_hook(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	enum rb_hook_kind kind = step->u.hook.hook_kind;
	const char *status = kind == RB_HOOK_START_CONTAINER ? "created" : "creating";
	const struct rb_step *caps = kind == RB_HOOK_START_CONTAINER ? pending_caps(run) : NULL;
	rb_autobuf state = { 0 };

	rb_state_json(run->plan->spec, run->id, status, run->pid, run->bundle, &state);
	return rb_hook_exec_one(kind, step->u.hook.index, step->u.hook.hook, state.data,
				caps ? drop_to_final : NULL, (void *)(uintptr_t)caps, err);
}
