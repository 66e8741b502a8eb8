/* undo.c - records of the journal, and the way back from them
 *
 * A record is "name\targ\targ"; tab, newline and backslash inside an argument are \t, \n and \\.
 * Whoever undoes knows nothing but the record: it may be another process, after the first was
 * killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/proc.h"

/* How long a killed process may take to go; it is killed already, so this is the kernel's time. */
#define KILL_TIMEOUT_MS 10000
#define MAX_ARGS	64

void rb_record_begin(struct rb_buf *line, enum rb_step_kind kind)
{
	rb_buf_add(line, rb_step_name(kind));
}

void rb_record_arg(struct rb_buf *line, const char *arg)
{
	rb_buf_add(line, "\t");
	for (; *arg; arg++) {
		const char *special = strchr("\t\n\\", *arg);

		if (special)
			rb_buf_addn(line,
				    special == strchr("\t\n\\", '\t') ? "\\t"
				    : *arg == '\n'		      ? "\\n"
								      : "\\\\",
				    2);
		else
			rb_buf_addn(line, arg, 1);
	}
}

/* Split at tabs in place, and take the escapes away. Return: number of fields */
static size_t split(char *line, char *argv[MAX_ARGS])
{
	size_t n = 0;

	for (char *next = line; next && n < MAX_ARGS - 1;) {
		char *field = strsep(&next, "\t"), *to = field;

		for (const char *from = field; *from; from++) {
			if (*from == '\\' && from[1]) {
				from++;
				*to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : *from;
			} else {
				*to++ = *from;
			}
		}
		*to = '\0';
		argv[n++] = field;
	}
	argv[n] = NULL;
	return n;
}

/* "process\tPID\tSTARTTIME": end the container's first process. */
static int undo_process(char **argv, size_t argc, struct rb_err *err)
{
	uint64_t start_time;
	rb_autofd fd = -1;
	uint32_t pid;
	int r;

	if (argc < 3 || rb_parse_u32(argv[1], &pid) < 0 || rb_parse_u64(argv[2], &start_time) < 0)
		return rb_fail(err, RB_ERR_STATE, "bad record of a process in the journal");
	r = rb_proc_open((pid_t)pid, start_time, &fd);
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return rb_fail_sys(err, -r, "open process %u", pid);
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return rb_fail_sys(err, errno, "kill process %u", pid);
	r = rb_pidfd_wait(fd, KILL_TIMEOUT_MS);
	if (r < 0)
		return rb_fail_sys(err, -r, "wait for killed process %u", pid);
	(void)waitpid((pid_t)pid, NULL, WNOHANG); /* ours to reap only in `run` */
	return 0;
}

int rb_record_process(struct rb_run *run, struct rb_err *err)
{
	return run->rec->child ? run->rec->child(run->rec->ctx, run->pid, err) : 0;
}

int rb_exec_undo(const char *line, struct rb_err *err)
{
	rb_autofree char *copy = rb_xstrdup(line);
	char *argv[MAX_ARGS];
	size_t argc = split(copy, argv);

	if (argc == 0)
		return 0;
	if (rb_streq(argv[0], "process"))
		return undo_process(argv, argc, err);
	for (int kind = 0; kind < RB_STEP_COUNT; kind++)
		if (rb_step_ops[kind].undo && rb_streq(argv[0], rb_step_name(kind)))
			return rb_step_ops[kind].undo(argv, argc, err);
	return 0;
}

int rb_step_record(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)step;
	return run->rec->begin ? run->rec->begin(run->rec->ctx, err) : 0;
}

int rb_step_created(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)step;
	return run->rec->created ? run->rec->created(run->rec->ctx, err) : 0;
}

void rb_record_pid_file(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	(void)run;
	rb_record_begin(line, RB_STEP_PID_FILE);
	rb_record_arg(line, step->u.text.text);
}

/* The pid file is undone when the create fails; `delete` keeps it, as engines read it to the end.
 */
int rb_undo_pid_file(char **argv, size_t argc, struct rb_err *err)
{
	if (argc > 1 && unlink(argv[1]) < 0 && errno != ENOENT)
		return rb_fail_sys(err, errno, "remove pid file %s", argv[1]);
	return 0;
}

/* Digits only, no newline (engines parse the bytes as they are), replaced whole. */
int rb_step_pid_file(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.text.text, *base = strrchr(path, '/');
	rb_autofree char *parent = NULL;
	rb_autofd dir = -1;
	char text[16];
	int n, r;

	if (base) {
		parent = rb_xstrdup(path);
		parent[base - path + 1] = '\0';
	}
	dir = open(parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return rb_fail_sys(err, errno, "open the directory of pid file %s", path);
	n = snprintf(text, sizeof(text), "%d", run->pid);
	r = rb_replace_file(dir, base ? base + 1 : path, text, (size_t)n, 0644);
	return r < 0 ? rb_fail_sys(err, -r, "write pid file %s", path) : 0;
}
