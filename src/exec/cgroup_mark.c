/* cgroup_mark.c - whose a cgroup is: marks on the directories, the journal's record, undo
 *
 * Every directory that runbox makes or takes is marked by an extended attribute. A parent says
 * "made", so that the last container below removes it. A container's own says "made" or "found" and
 * the token of its record, so that undo never kills in a cgroup of somebody else, not even in one
 * of another container that uses the same path. What the record alone can say (nothing was there
 * before) is in it, for a runbox that was killed between making a directory and marking it.
 * Who cannot set trusted.* marks has the directory's inode in a second record.
 * Sources: xattr(7), kernel cgroup-v2.rst, runtime.md "Delete".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"

/* "found", a blank, the token */
#define VALUE_MAX 32

static const char *const words[] = {
	[RB_MARK_MADE] = "made",
	[RB_MARK_FOUND] = "found",
};

const char *rb_cgroup_token(void)
{
	static char token[17];
	uint64_t salt = 0;

	if (*token)
		return token;
	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		salt = rb_now_ns() ^ (uint64_t)getpid() << 48; /* before 3.17: still no other's */
	(void)snprintf(token, sizeof(token), "%016llx", (unsigned long long)salt);
	return token;
}

/* --- marks --- */

/* Return: is it one that only the host's root can change? */
static bool write_mark(const char *path, const char *value)
{
	/* who may set neither finds its own cgroups unmarked; see rb_cgroup_mark_get() */
	if (lsetxattr(path, "trusted.runbox", value, strlen(value), 0) == 0)
		return true;
	(void)lsetxattr(path, "user.runbox", value, strlen(value), 0);
	return false;
}

/* The mark as it is, "" if there is none. */
static void read_mark(const char *path, char value[VALUE_MAX])
{
	ssize_t n = lgetxattr(path, "trusted.runbox", value, VALUE_MAX - 1);

	if (n < 0)
		n = lgetxattr(path, "user.runbox", value, VALUE_MAX - 1);
	value[n > 0 ? n : 0] = '\0';
}

void rb_cgroup_mark_scope(const char *path)
{
	const char *token = rb_cgroup_token();

	if (lsetxattr(path, "trusted.runbox-scope", token, strlen(token), 0) < 0)
		(void)lsetxattr(path, "user.runbox-scope", token, strlen(token), 0);
}

bool rb_cgroup_is_scope(const char *path, const char *token)
{
	char value[VALUE_MAX];
	ssize_t n = lgetxattr(path, "trusted.runbox-scope", value, VALUE_MAX - 1);

	if (n < 0)
		n = lgetxattr(path, "user.runbox-scope", value, VALUE_MAX - 1);
	value[n > 0 ? n : 0] = '\0';
	return n > 0 && rb_streq(value, token);
}

void rb_cgroup_mark_parent(const char *path)
{
	(void)write_mark(path, words[RB_MARK_MADE]);
}

enum rb_cgroup_mark rb_cgroup_mark_leaf(const char *path, bool found)
{
	char value[VALUE_MAX] = "";
	enum rb_cgroup_mark mark = RB_MARK_MADE;

	if (found) {
		/* empty, so what another container made or found is this one's from now on */
		read_mark(path, value);
		mark = rb_startswith(value, words[RB_MARK_MADE]) ? RB_MARK_MADE : RB_MARK_FOUND;
	}
	(void)snprintf(value, sizeof(value), "%s %s", words[mark], rb_cgroup_token());
	return write_mark(path, value) ? RB_MARK_NONE : mark;
}

void rb_cgroup_unmark(const char *path)
{
	(void)lremovexattr(path, "trusted.runbox"); /* one of the two was never there */
	(void)lremovexattr(path, "user.runbox");
}

bool rb_cgroup_is_made_parent(const char *path)
{
	char value[VALUE_MAX];

	read_mark(path, value);
	return rb_streq(value, words[RB_MARK_MADE]);
}

/* "made =INODE TOKEN": the kernel uses one only once (it is the cgroup's id), and nobody can change it */
static enum rb_cgroup_mark by_inode(const char *path, const char *token)
{
	unsigned long long inode = strtoull(strchr(token, '=') + 1, NULL, 10);
	struct stat st;

	if (lstat(path, &st) < 0 || st.st_ino != inode)
		return RB_MARK_NONE;
	return rb_startswith(token, words[RB_MARK_MADE]) ? RB_MARK_MADE : RB_MARK_FOUND;
}

void rb_cgroup_release(const char *path, const char *token)
{
	const char *inode = strchr(token, '=');
	char value[VALUE_MAX];

	if (!inode) {
		rb_cgroup_unmark(path);
		return;
	}
	/* the undo of the record with the token comes next, and is to keep the directory too */
	(void)snprintf(value, sizeof(value), "%s%s", words[RB_MARK_FOUND],
		       inode + strcspn(inode, " "));
	(void)write_mark(path, value);
}

bool rb_cgroup_is_marked(const char *path)
{
	char value[VALUE_MAX];

	read_mark(path, value);
	return *value != '\0';
}

enum rb_cgroup_mark rb_cgroup_mark_get(const char *path, const char *token)
{
	char value[VALUE_MAX], *blank;

	if (strchr(token, '='))
		return by_inode(path, token);

	read_mark(path, value);
	blank = strchr(value, ' ');
	if (!blank || !rb_streq(blank + 1, token))
		return RB_MARK_NONE;
	*blank = '\0';
	return rb_streq(value, words[RB_MARK_FOUND]) ? RB_MARK_FOUND : RB_MARK_MADE;
}

/* --- the record and its undo --- */

/* The deepest parent that is there: what is made below it is runbox's to remove, even when it was
 * killed before it could put its mark. */
static void record_base(const struct rb_cgroup_dir *dir, struct rb_buf *line)
{
	rb_autobuf path = { 0 };
	char *slash;

	rb_cgroup_path(dir, &path);
	for (;;) {
		slash = strrchr(path.data, '/');
		*slash = '\0';
		if ((size_t)(slash - path.data) <= strlen(dir->hierarchy->mount) ||
		    faccessat(AT_FDCWD, path.data, F_OK, 0) == 0)
			break;
	}
	rb_field_add(line, path.data);
}

void rb_record_cgroup(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	(void)run;
	rb_record_begin(line, RB_STEP_CGROUP);
	rb_field_add(line, rb_cgroup_token());
	for (size_t i = 0; i < step->u.cgroup.n; i++) {
		rb_autobuf path = { 0 };

		rb_cgroup_path(&step->u.cgroup.dirs[i], &path);
		rb_field_add(line, path.data);
		rb_field_add(line, step->u.cgroup.dirs[i].hierarchy->mount);
		record_base(&step->u.cgroup.dirs[i], line);
	}
}

void rb_cgroup_note_inode(struct rb_buf *lines, const struct rb_cgroup_dir *dir, int fd,
			  enum rb_cgroup_mark mark)
{
	rb_autobuf path = { 0 }, token = { 0 }, line = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return; /* an undo by the mark alone is what is left */
	rb_cgroup_path(dir, &path);
	rb_buf_printf(&token, "%s =%llu %s", words[mark], (unsigned long long)st.st_ino,
		      rb_cgroup_token());
	rb_record_begin(&line, RB_STEP_CGROUP);
	rb_field_add(&line, token.data);
	rb_field_add(&line, path.data);
	rb_field_add(&line, dir->hierarchy->mount);
	rb_field_add(&line, path.data); /* its parents are the first record's matter */
	rb_buf_printf(lines, "%s\n", line.data);
}

/* "cgroup", the token or inode, then path, mount and base of each directory. */
int rb_undo_cgroup(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_cgroup_record recs[32];
	size_t n = 0;

	rb_cgroup_forget();
	for (size_t i = 2; i + 2 < argc && n < sizeof(recs) / sizeof(recs[0]); i += 3)
		recs[n++] =
			(struct rb_cgroup_record) { argv[i], argv[i + 1], argv[i + 2], argv[1] };
	return rb_cgroup_undo(recs, n, err);
}
