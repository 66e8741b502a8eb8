/* undo.c - records of the journal, and the way back from them
 *
 * A record is a line of fields (rb_field_add()): the kind's name and its arguments. Whoever undoes
 * knows nothing but the record: it may be another process, after the first was killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec/exec_priv.h"

/* A pid in digits */
#define PID_TEXT 16

void rb_record_begin(struct rb_buf *line, enum rb_step_kind kind)
{
	rb_buf_add(line, rb_step_name(kind));
}

int rb_record_process(struct rb_run *run, struct rb_err *err)
{
	return run->rec->child ? run->rec->child(run->rec->ctx, run->pid, err) : 0;
}

int rb_exec_undo(const char *line, struct rb_err *err)
{
	rb_autoarena arena = { 0 };
	struct rb_strv fields;

	rb_field_split(&arena, line, &fields);
	for (int kind = 0; kind < RB_STEP_COUNT; kind++)
		if (rb_step_ops[kind].undo && rb_streq(fields.v[0], rb_step_name(kind)))
			return rb_step_ops[kind].undo(fields.v, fields.n, err);
	return 0;
}

int rb_step_record(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)step;
	return run->rec->begin ? run->rec->begin(run->rec->ctx, err) : 0;
}

int rb_step_keep(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)step;
	return run->rec->keep ? run->rec->keep(run->rec->ctx, err) : 0;
}

int rb_step_created(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)step;
	return run->rec->created ? run->rec->created(run->rec->ctx, err) : 0;
}

void rb_record_pid_file(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	char pid[PID_TEXT];

	(void)snprintf(pid, sizeof(pid), "%d", run->pid);
	rb_record_begin(line, RB_STEP_PID_FILE);
	rb_field_add(line, step->u.text.text);
	rb_field_add(line, pid);
}

/* "pid-file", the path, the pid. A file that says another pid is not ours: it was there before, or
 * somebody has written it since. */
int rb_undo_pid_file(char **argv, size_t argc, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	rb_autofd fd = -1;

	if (argc < 3)
		return 0;
	/* O_NONBLOCK: it may have become a FIFO */
	fd = open(argv[1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || rb_read_fd(fd, PID_TEXT, &text, NULL) < 0 || !rb_streq(text, argv[2]))
		return 0;
	if (unlink(argv[1]) < 0 && errno != ENOENT)
		return rb_fail_sys(err, errno, "remove pid file %s", argv[1]);
	return 0;
}

/* Digits only, no newline (engines parse the bytes as they are), replaced whole. */
int rb_step_pid_file(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *path = step->u.text.text, *base = strrchr(path, '/');
	rb_autofree char *parent = NULL;
	rb_autofd dir = -1;
	char text[PID_TEXT];
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
