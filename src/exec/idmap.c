/* idmap.c - id maps of a new user namespace, and the other files of /proc/PID that the host side writes
 *
 * Written directly when this process may (user_namespaces(7)), else by newuidmap(1) and newgidmap(1), which
 * are set-user-ID programs and check /etc/subuid and /etc/subgid.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"

/* user_namespaces(7): at most 340 lines since Linux 4.15 */
#define MAX_LINES 340

static int write_proc(const struct rb_run *run, const char *file, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", run->pid, file);
	return rb_write_file(run->proc_fd, path, text);
}

static int write_map(const struct rb_run *run, const char *file, const struct rb_idmap *maps,
		     size_t n, struct rb_err *err)
{
	rb_autobuf text = { 0 };
	int r;

	if (n > MAX_LINES)
		return rb_fail(err, RB_ERR_CONFIG, "%zu lines of %s are more than the kernel's %d",
			       n, file, MAX_LINES);
	for (size_t i = 0; i < n; i++)
		rb_buf_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", maps[i].container_id,
			      maps[i].host_id, maps[i].size);
	r = write_proc(run, file, text.data ? text.data : "");
	return r < 0 ? rb_fail_sys(err, -r, "write %s", file) : 0;
}

/* newuidmap PID container host size ... */
static int run_helper(const struct rb_run *run, const char *helper, const struct rb_idmap *maps,
		      size_t n, struct rb_err *err)
{
	rb_autoarena arena = { 0 };
	char **argv = rb_arena_alloc(&arena, (2 + 3 * n + 1) * sizeof(*argv));
	size_t k = 0;
	int status;
	pid_t pid;

	argv[k++] = rb_arena_strdup(&arena, helper);
	argv[k++] = rb_arena_printf(&arena, "%d", run->pid);
	for (size_t i = 0; i < n; i++) {
		argv[k++] = rb_arena_printf(&arena, "%" PRIu32, maps[i].container_id);
		argv[k++] = rb_arena_printf(&arena, "%" PRIu32, maps[i].host_id);
		argv[k++] = rb_arena_printf(&arena, "%" PRIu32, maps[i].size);
	}
	pid = fork();
	if (pid < 0)
		return rb_fail_sys(err, errno, "fork");
	if (pid == 0) {
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(helper, argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return rb_fail_sys(err, errno, "wait for %s", helper);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		(void)rb_fail(err, RB_ERR_SYS, "cannot run %s", helper);
		return rb_err_hint(err, "install the package uidmap");
	}
	(void)rb_fail(err, RB_ERR_SYS, "%s refused the id map", helper);
	return rb_err_hint(err, "the ids have to be granted in /etc/subuid and /etc/subgid");
}

int rb_step_idmap(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_idmap *uids = step->u.idmap.uids, *gids = step->u.idmap.gids;
	size_t n_uids = step->u.idmap.n_uids, n_gids = step->u.idmap.n_gids;
	int r;

	/* user_namespaces(7): an unprivileged writer of gid_map has to give setgroups(2) up first */
	if (step->u.idmap.deny_setgroups) {
		r = write_proc(run, "setgroups", "deny");
		if (r < 0)
			return rb_fail_sys(err, -r, "deny setgroups");
	}
	if (step->u.idmap.helpers) {
		r = run_helper(run, "newuidmap", uids, n_uids, err);
		return r < 0 ? r : run_helper(run, "newgidmap", gids, n_gids, err);
	}
	r = write_map(run, "uid_map", uids, n_uids, err);
	return r < 0 ? r : write_map(run, "gid_map", gids, n_gids, err);
}

/**
 * rb_oom_score_ahead() - a user's process takes the score itself, before it clones what should have it
 *
 * A child is born with its parent's score (proc(5)), and the file of one that hides itself from its own user
 * cannot be written by that user. What fails here is told by the row, which finds another score.
 */
void rb_oom_score_ahead(const struct rb_run *run)
{
	const struct rb_process *p = &run->plan->spec->process;
	char text[24];

	if (!p->has_oom_score_adj || geteuid() == 0)
		return;
	(void)snprintf(text, sizeof(text), "%" PRId64, p->oom_score_adj);
	(void)rb_write_file(run->proc_fd, "self/oom_score_adj", text);
}

static bool has_score(const struct rb_run *run, int64_t want)
{
	rb_autofree char *text = NULL;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "%d/oom_score_adj", run->pid);
	return rb_read_file(run->proc_fd, path, sizeof(path), &text, &len) == 0 &&
	       strtoll(text, NULL, 10) == want;
}

int rb_step_oom_score(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	char text[24];
	int r;

	(void)snprintf(text, sizeof(text), "%" PRId64, step->u.number.value);
	r = write_proc(run, "oom_score_adj", text);
	if (r == -EACCES && has_score(run, step->u.number.value))
		return 0; /* from rb_oom_score_ahead() */
	return r < 0 ? rb_fail_sys(err, -r, "set oom_score_adj to %s", text) : 0;
}
