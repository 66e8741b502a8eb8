/* ps.c - the processes of a container: their pids, or the lines of ps(1) that belong to them */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

#define OUTPUT_MAX (64u << 20)

struct pids {
	pid_t *v;
	size_t n;
};

static int print_json(const struct pids *pids, struct rb_err *err)
{
	rb_autobuf out = { 0 };

	rb_buf_add(&out, "[");
	for (size_t i = 0; i < pids->n; i++)
		rb_buf_printf(&out, "%s%d", i ? "," : "", pids->v[i]);
	rb_buf_add(&out, "]\n");
	return rb_print(&out, err);
}

/* Field number @column of a line, as a pid; -1 if it is none. */
static pid_t pid_at(const char *line, size_t column)
{
	char *end;
	long pid;

	for (size_t i = 0; i < column; i++) {
		line += strspn(line, " \t");
		line += strcspn(line, " \t");
	}
	pid = strtol(line, &end, 10);
	return end == line ? -1 : (pid_t)pid;
}

static int pid_column(const char *header, size_t *ret)
{
	for (size_t i = 0;; i++) {
		size_t len;

		header += strspn(header, " \t");
		len = strcspn(header, " \t");
		if (len == 0)
			return -ENOENT;
		if (len == 3 && strncmp(header, "PID", 3) == 0) {
			*ret = i;
			return 0;
		}
		header += len;
	}
}

static bool has_pid(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == pid)
			return true;
	return false;
}

/* The header and the lines of the container's own processes. */
static int filter(char *text, const struct pids *pids, struct rb_buf *out, struct rb_err *err)
{
	size_t column = 0;
	char *save = NULL;
	char *line = strtok_r(text, "\n", &save);

	if (!line || pid_column(line, &column) < 0)
		return rb_fail(err, RB_ERR_USAGE, "the output of ps has no column PID");
	rb_buf_printf(out, "%s\n", line);
	while ((line = strtok_r(NULL, "\n", &save)))
		if (has_pid(pids, pid_at(line, column)))
			rb_buf_printf(out, "%s\n", line);
	return 0;
}

static void exec_ps(char *const *args, int n_args, int out)
{
	char **argv = rb_xmalloc(((size_t)n_args + 3) * sizeof(*argv));
	size_t n = 0;

	argv[n++] = (char *)(uintptr_t) "ps";
	for (int i = 0; i < n_args; i++)
		argv[n++] = args[i];
	if (n_args == 0)
		argv[n++] = (char *)(uintptr_t) "-ef";
	argv[n] = NULL;
	(void)signal(SIGPIPE, SIG_DFL);
	/* ps cuts its lines to this even into a pipe; what does not go to a terminal stays whole */
	if (!isatty(STDOUT_FILENO))
		(void)unsetenv("COLUMNS");
	if (dup2(out, STDOUT_FILENO) >= 0)
		(void)execvp("ps", argv); /* the exit status tells */
	_exit(127);
}

static int run_ps(char *const *args, int n_args, char **ret, struct rb_err *err)
{
	rb_autofd in = -1, out = -1;
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rb_fail_sys(err, errno, "make a pipe");
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return rb_fail_sys(err, errno, "fork");
	if (pid == 0)
		exec_ps(args, n_args, out);
	rb_closep(&out);
	r = rb_read_fd(in, OUTPUT_MAX, ret, NULL);
	rb_closep(&in);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return rb_fail_sys(err, errno, "wait for ps");
	if (r < 0)
		return rb_fail_sys(err, -r, "read the output of ps");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return rb_fail(err, RB_ERR_SYS,
			       "ps is not installed (Debian: procps); try --format json");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return rb_fail(err, RB_ERR_SYS, "ps failed");
	return 0;
}

static int print_table(const struct rb_cli *cli, const struct pids *pids, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	rb_autobuf out = { 0 };
	int r = run_ps(cli->args + 1, cli->n_args - 1, &text, err);

	if (r == 0)
		r = filter(text, pids, &out, err);
	return r < 0 ? r : rb_print(&out, err);
}

static int ps(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct pids pids = { 0 };
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_SETTLED, err);
	if (r == 0)
		r = rb_verb_check(RB_VERB_PS, c.status, cli->args[0], err);
	if (r == 0)
		r = rb_container_pids(&c, &pids.v, &pids.n, err);
	if (r == 0)
		r = cli->format && rb_streq(cli->format, "json") ? print_json(&pids, err)
								 : print_table(cli, &pids, err);
	free(pids.v);
	return r;
}

static const struct rb_option options[] = {
	RB_OPT_ROW_FORMAT("what to print"),
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_ps = {
	.name = "ps",
	.args = "ID [PS OPTIONS]",
	.summary = "List the processes of a container",
	.text = "PS OPTIONS (default: -ef) go to ps(1); what it prints must have a column PID.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.flags = RB_CMD_STOP_EARLY,
	.run = ps,
};
