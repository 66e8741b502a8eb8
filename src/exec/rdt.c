/* rdt.c - linux.intelRdt: the container's group in resctrl, its monitoring group, and the way back
 *
 *   class    a directory of the mount: named by closID, else by the container's id; "/" is the default one
 *   monitor  mon_groups/ID in it, with enableMonitoring
 *   tasks    a process is moved by writing its id; what it forks is born there (resctrl.rst)
 *
 * Whoever changes the tree holds an exclusive flock(2) of its top, as resctrl.rst "Locking" asks of all. Only
 * what runbox made is removed: the group of one container with it, one that containers share by closID with
 * the last process in it. Removing a group moves its processes to the default class, so nothing is removed
 * that is in use.
 * Sources: config-linux.md "IntelRdt", kernel filesystems/resctrl.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "exec/rdt_priv.h"
#include "runbox/log.h"
#include "runbox/proc.h"
#include "runbox/rdt.h"

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif

#define USUAL_PLACE	"/sys/fs/resctrl"
#define AT		"linux.intelRdt"
#define LOCK_TIMEOUT_MS 10000
/* the kernel takes a page in one write and would cut the rest off */
#define SCHEMATA_MAX 4096
/* what the kernel prints grows with the number of caches; a tasks file with that of threads */
#define FILE_MAX (16u << 20)

/* The top of resctrl, opened and locked. */
struct top {
	char *path;
	int fd;
};
#define TOP_NONE         \
	{                \
		NULL, -1 \
	}

static void top_close(struct top *top)
{
	rb_closep(&top->fd); /* the lock goes with it */
	free(top->path);
	top->path = NULL;
}
#define autotop __attribute__((cleanup(top_close))) struct top

/* --- where it is --- */

static bool is_resctrl(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC;
}

/* Malloc'd, NULL if none is mounted. RUNBOX_RESCTRL is for tests (src/README.md "Faults"): its
 * owner chose the config too, unless the program was given rights that he has not. */
static char *find_top(void)
{
	const char *test = secure_getenv("RUNBOX_RESCTRL");
	rb_autoarena arena = { 0 };
	const char *found;

	if (test && *test == '/')
		return rb_xstrdup(test);
	if (is_resctrl(USUAL_PLACE))
		return rb_xstrdup(USUAL_PLACE);
	found = rb_host_find_mount(&arena, "resctrl");
	return found && is_resctrl(found) ? rb_xstrdup(found) : NULL;
}

static int lock(int fd, struct rb_err *err)
{
	uint64_t deadline_ns = rb_now_ns() + LOCK_TIMEOUT_MS * 1000000ull;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return rb_fail_sys(err, errno, "lock resctrl");
		if (rb_now_ns() > deadline_ns)
			return rb_fail_sys(err, ETIMEDOUT,
					   "lock resctrl, which another program holds");
		(void)poll(NULL, 0, 2); /* flock(2) has no timeout */
	}
	return 0;
}

/* Return: 0; -ENOENT when the directory is not there, nothing reported; or a failure */
static int open_top(const char *path, struct top *ret, struct rb_err *err)
{
	autotop top = TOP_NONE;
	int r;

	top.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top.fd < 0)
		return errno == ENOENT ? -ENOENT : rb_fail_sys(err, errno, "open %s", path);
	r = lock(top.fd, err);
	if (r < 0)
		return r;
	ret->fd = rb_take_fd(&top.fd);
	ret->path = rb_xstrdup(path);
	return 0;
}

static int open_mounted(struct top *ret, struct rb_err *err)
{
	rb_autofree char *path = find_top();
	int r = path ? open_top(path, ret, err) : -ENOENT;

	if (r != -ENOENT)
		return r;
	(void)rb_fail_at(err, AT, "linux.intelRdt needs resctrl, which is not mounted");
	(void)rb_err_hint(err, "mount -t resctrl resctrl /sys/fs/resctrl, if the processor has it");
	return -EINVAL;
}

/* Of a group, opened below the top. Return: descriptor or -errno */
static int open_group(const struct top *top, const char *rel)
{
	return rb_cgroup_open_below(top->fd, *rel ? rel : ".");
}

static char *join(const char *a, const char *b)
{
	rb_autobuf path = { 0 };

	if (a && *a && *b)
		rb_buf_printf(&path, "%s/%s", a, b);
	else
		rb_buf_add(&path, a && *a ? a : b);
	return rb_take_ptr(path.data);
}

static char *monitor_path(const char *group, const char *monitor)
{
	rb_autofree char *dir = join(group, "mon_groups");

	return join(dir, monitor);
}

/* --- making a group --- */

/* The kernel says in a file what it did not like. */
static int fail(const struct top *top, int errnum, const char *what, const char *name,
		struct rb_err *err)
{
	rb_autofree char *status = NULL;
	rb_autobuf words = { 0 };

	if (rb_read_file(top->fd, "info/last_cmd_status", 4096, &status, NULL) == 0) {
		status[strcspn(status, "\n")] = '\0';
		if (*status && !rb_streq(status, "ok"))
			rb_buf_escaped(&words, status, 0);
	}
	return rb_fail_sys(err, errnum, "%s %s/%s%s%s", what, top->path, name,
			   words.len ? ": " : "", words.len ? words.data : "");
}

/* Return: 1 made, 0 it was there, or a failure */
static int make_dir(const struct top *top, const char *rel, struct rb_err *err)
{
	if (mkdirat(top->fd, rel, 0755) == 0)
		return 1;
	if (errno == EEXIST)
		return 0;
	if (errno == ENOENT) /* of a monitoring group: not the words for a missing program */
		return rb_fail(err, RB_ERR_CONFIG, "resctrl of this host cannot monitor: no %s/%s",
			       top->path, rel);
	if (errno != ENOSPC)
		return fail(top, errno, "make", rel, err);
	(void)rb_fail_sys(err, ENOSPC, "make %s/%s", top->path, rel);
	return rb_err_hint(err,
			   "the processor has no further class or monitor: see info/*/num_closids "
			   "and num_rmids");
}

static uint64_t bandwidth_gran(const struct top *top)
{
	rb_autofree char *text = NULL;
	uint64_t gran;

	if (rb_read_file(top->fd, "info/MB/bandwidth_gran", 64, &text, NULL) < 0)
		return 1;
	text[strcspn(text, "\n")] = '\0';
	return rb_parse_u64(text, &gran) == 0 && gran ? gran : 1;
}

static int write_schemata(const struct top *top, const char *group, int fd, const char *text,
			  struct rb_err *err)
{
	int r;

	if (!*text)
		return 0;
	if (strlen(text) >= SCHEMATA_MAX)
		return rb_fail(err, RB_ERR_CONFIG,
			       "a schema is longer than the kernel takes at once (%d bytes)",
			       SCHEMATA_MAX);
	r = rb_write_file(fd, "schemata", text);
	if (r == -ENOENT)
		return rb_fail(err, RB_ERR_CONFIG,
			       "resctrl of this host cannot allocate: %s/%s has no schemata",
			       top->path, group);
	return r < 0 ? fail(top, -r, "set the schemata of", group, err) : 0;
}

/* config-linux.md: a group that is there has to be as the config says. */
static int check_schemata(const struct top *top, const char *group, int fd, const char *want,
			  struct rb_err *err)
{
	rb_autofree char *have = NULL;
	rb_autobuf what = { 0 }, words = { 0 };
	int r;

	if (!*want)
		return 0;
	r = rb_read_file(fd, "schemata", FILE_MAX, &have, NULL);
	if (r < 0)
		return rb_fail_sys(err, -r, "read the schemata of %s/%s", top->path, group);
	if (!rb_rdt_differs(want, have, bandwidth_gran(top), &what))
		return 0;
	rb_buf_escaped(&words, what.data, 0);
	return rb_fail_at(err, AT, "the class %s is there and has not %s", *group ? group : "/",
			  words.data);
}

/* What the config wants in schemata: at once what the two older fields say, then the newer one. */
struct wanted {
	struct rb_buf first, second, all;
};

static void wanted_init(struct wanted *w, const struct rb_linux *l)
{
	rb_rdt_combine(l->intel_rdt.l3_cache_schema, l->intel_rdt.mem_bw_schema, &w->first);
	rb_rdt_lines(&l->intel_rdt.schemata, &w->second);
	rb_buf_printf(&w->all, "%s%s", w->first.data, w->second.data);
}

static void wanted_done(struct wanted *w)
{
	rb_buf_done(&w->first);
	rb_buf_done(&w->second);
	rb_buf_done(&w->all);
}

/* The class of the step. Return: its descriptor, or a failure */
static int enter_class(const struct top *top, const struct rb_step *step, const struct wanted *want,
		       struct rb_err *err)
{
	const char *group = step->u.rdt.group;
	rb_autofree char *path = join(top->path, group);
	bool may_make = step->u.rdt.own || (want->all.len && *group);
	int made = may_make ? make_dir(top, group, err) : 0, r;
	rb_autofd fd = -1;

	if (made < 0)
		return made;
	if (!made && step->u.rdt.own)
		return rb_fail(err, RB_ERR_STATE,
			       "%s is there already, and is not this container's", path);
	if (made && step->u.rdt.own)
		rb_cgroup_mark_leaf(path, false);
	else if (made)
		rb_cgroup_mark_parent(path);
	r = open_group(top, group);
	if (r == -ENOENT)
		return rb_fail_at(err, AT ".closID", "there is no class %s in %s", group,
				  top->path);
	if (r < 0)
		return rb_fail_sys(err, -r, "open %s", path);
	fd = r;
	if (!made)
		r = check_schemata(top, group, fd, want->all.data, err);
	else
		r = write_schemata(top, group, fd, want->first.data, err);
	if (made && r == 0)
		r = write_schemata(top, group, fd, want->second.data, err);
	return r < 0 ? r : rb_take_fd(&fd);
}

/* --- processes --- */

static int move_process(const struct top *top, const char *rel, pid_t pid, struct rb_err *err)
{
	rb_autofd fd = open_group(top, rel);
	char text[16];
	int r = fd < 0 ? fd : 0;

	(void)snprintf(text, sizeof(text), "%d\n", pid);
	if (r == 0)
		r = rb_write_file(fd, "tasks", text);
	if (r == -ENOENT)
		return rb_fail(err, RB_ERR_STATE, "%s/%s is no group of resctrl", top->path, rel);
	return r < 0 ? fail(top, -r, "move the process into", rel, err) : 0;
}

/* First into the class: a monitoring group takes only what is in its class already (resctrl.rst). */
static int move_both(const struct top *top, const struct rb_step *step, pid_t pid,
		     struct rb_err *err)
{
	rb_autofree char *monitor = NULL;
	int r = move_process(top, step->u.rdt.group, pid, err);

	if (r < 0 || !step->u.rdt.monitor)
		return r;
	monitor = monitor_path(step->u.rdt.group, step->u.rdt.monitor);
	return move_process(top, monitor, pid, err);
}

static int make_monitor(const struct top *top, const struct rb_step *step, struct rb_err *err)
{
	rb_autofree char *rel = monitor_path(step->u.rdt.group, step->u.rdt.monitor);
	rb_autofree char *path = join(top->path, rel);
	int made = make_dir(top, rel, err);

	if (made < 0)
		return made;
	if (!made)
		return rb_fail(err, RB_ERR_STATE,
			       "%s is there already, and is not this container's", path);
	rb_cgroup_mark_leaf(path, false);
	return 0;
}

int rb_step_rdt(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct wanted want = { 0 };
	autotop top = TOP_NONE;
	rb_autofd fd = -1;
	int r = open_mounted(&top, err);

	if (r < 0)
		return r;
	wanted_init(&want, step->u.rdt.linux_);
	fd = enter_class(&top, step, &want, err);
	wanted_done(&want);
	r = fd < 0 ? fd : 0;
	if (r == 0 && step->u.rdt.monitor)
		r = make_monitor(&top, step, err);
	return r < 0 ? r : move_both(&top, step, run->pid, err);
}

int rb_step_rdt_enter(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	autotop top = TOP_NONE;
	int r = open_mounted(&top, err);

	return r < 0 ? r : move_both(&top, step, run->pid, err);
}

/* --- the record and its undo --- */

enum { F_KIND, F_TOP, F_GROUP, F_OWN, F_MONITOR, F_TOKEN, F_NEW, F_MONITOR_NEW, F_COUNT };

static const char *is_new(const char *top, const char *rel)
{
	rb_autofree char *path = join(top, rel);

	return *rel && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? "new" : "there";
}

void rb_record_rdt(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	const char *group = step->u.rdt.group, *monitor = step->u.rdt.monitor;
	rb_autofree char *top = find_top(), *rel = NULL;

	(void)run;
	if (!top)
		return; /* apply says so */
	rel = monitor ? monitor_path(group, monitor) : rb_xstrdup("");
	rb_record_begin(line, RB_STEP_RDT);
	rb_field_add(line, top);
	rb_field_add(line, group);
	rb_field_add(line, step->u.rdt.own ? "own" : "shared");
	rb_field_add(line, monitor ? monitor : "");
	rb_field_add(line, rb_cgroup_token());
	rb_field_add(line, is_new(top, group));
	rb_field_add(line, is_new(top, rel));
}

/* Made by the create with this token; or, where that one was killed before it could put its mark, not there
 * before it came and without a mark since. */
static bool is_ours(const char *path, const char *token, const char *was)
{
	return rb_cgroup_mark_get(path, token) == RB_MARK_MADE ||
	       (rb_streq(was, "new") && !rb_cgroup_is_marked(path));
}

static int remove_dir(const struct top *top, const char *rel, struct rb_err *err)
{
	if (unlinkat(top->fd, rel, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return rb_fail_sys(err, errno, "remove %s/%s", top->path, rel);
	return 0;
}

/* A process that has ended stays in the list until its parent has taken it in. */
static bool has_live_task(int fd)
{
	rb_autofree char *text = NULL;

	/* fail closed: what cannot be listed is taken to be in use */
	if (rb_read_file(fd, "tasks", FILE_MAX, &text, NULL) < 0)
		return true;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		uint64_t start;
		uint32_t tid;
		char state = '?';

		if (rb_parse_u32(line, &tid) == 0 &&
		    rb_proc_stat((pid_t)tid, &state, &start) == 0 && state != 'Z' && state != 'X')
			return true;
	}
	return false;
}

static bool is_in_use(const struct top *top, const char *group)
{
	rb_autofd fd = open_group(top, group), monitors = -1;
	struct stat st;

	if (fd < 0)
		return fd != -ENOENT;
	monitors = openat(fd, "mon_groups", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* a directory of kernfs has a link more for each one in it */
	if (monitors >= 0 && fstat(monitors, &st) == 0 && st.st_nlink > 2)
		return true;
	return has_live_task(fd);
}

static int undo_monitor(const struct top *top, char **argv, struct rb_err *err)
{
	rb_autofree char *rel = monitor_path(argv[F_GROUP], argv[F_MONITOR]);
	rb_autofree char *path = join(top->path, rel);

	return is_ours(path, argv[F_TOKEN], argv[F_MONITOR_NEW]) ? remove_dir(top, rel, err) : 0;
}

static int undo_class(const struct top *top, char **argv, struct rb_err *err)
{
	rb_autofree char *path = join(top->path, argv[F_GROUP]);
	bool ours = is_ours(path, argv[F_TOKEN], argv[F_NEW]);

	if (!rb_streq(argv[F_OWN], "own"))
		ours = (ours || rb_cgroup_is_made_parent(path)) && !is_in_use(top, argv[F_GROUP]);
	return ours ? remove_dir(top, argv[F_GROUP], err) : 0;
}

int rb_undo_rdt(char **argv, size_t argc, struct rb_err *err)
{
	autotop top = TOP_NONE;
	int r;

	if (argc < F_COUNT)
		return rb_fail(err, RB_ERR_STATE, "bad record of resctrl in the journal");
	r = open_top(argv[F_TOP], &top, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (*argv[F_MONITOR])
		r = undo_monitor(&top, argv, err);
	if (r == 0 && *argv[F_GROUP])
		r = undo_class(&top, argv, err);
	return r;
}

/* --- update, for which the record says where the group is --- */

static const char *find_record(const struct rb_strv *journal)
{
	const char *name = rb_step_name(RB_STEP_RDT);

	for (size_t i = 0; i < journal->n; i++)
		if (rb_startswith(journal->v[i], name) && journal->v[i][strlen(name)] == '\t')
			return journal->v[i];
	return NULL;
}

bool rb_rdt_where(const struct rb_strv *journal, struct rb_arena *arena, struct rb_rdt_place *ret)
{
	const char *line = find_record(journal);
	struct rb_strv f = { 0 };

	if (line)
		rb_field_split(arena, line, &f);
	if (f.n < F_COUNT)
		return false;
	*ret = (struct rb_rdt_place) { .top = f.v[F_TOP],
				       .group = f.v[F_GROUP],
				       .monitor = f.v[F_MONITOR],
				       .own = rb_streq(f.v[F_OWN], "own") };
	return true;
}

/* Return: the group's descriptor, or a failure. @ret_group: in @arena */
static int open_recorded(const struct rb_strv *journal, struct rb_arena *arena, struct top *top,
			 const char **ret_group, struct rb_err *err)
{
	struct rb_rdt_place place;
	int r;

	if (!rb_rdt_where(journal, arena, &place)) {
		(void)rb_fail(err, RB_ERR_STATE, "the container has no class of resctrl");
		return rb_err_hint(err, "it gets one by linux.intelRdt when it is created");
	}
	if (!*place.group)
		return rb_fail(err, RB_ERR_STATE,
			       "the container is in the default class, which is the host's");
	r = open_top(place.top, top, err);
	if (r == 0)
		r = open_group(top, place.group);
	if (r == -ENOENT)
		return rb_fail(err, RB_ERR_STATE, "the class %s/%s is gone", place.top,
			       place.group);
	*ret_group = place.group;
	return r < 0 && err->kind == RB_ERR_NONE
		       ? rb_fail_sys(err, -r, "open the class %s", place.group)
		       : r;
}

static int change(const struct rb_strv *journal, const char *text, struct rb_buf *ret_old,
		  struct rb_err *err)
{
	rb_autoarena arena = { 0 };
	autotop top = TOP_NONE;
	rb_autofree char *old = NULL;
	const char *group = NULL;
	rb_autofd fd = open_recorded(journal, &arena, &top, &group, err);
	int r;

	if (fd < 0)
		return fd;
	r = rb_read_file(fd, "schemata", FILE_MAX, &old, NULL);
	if (r < 0)
		return rb_fail_sys(err, -r, "read the schemata of %s/%s", top.path, group);
	r = write_schemata(&top, group, fd, text, err);
	if (r < 0) /* the kernel may have taken the lines before the one it refused */
		(void)rb_write_file(fd, "schemata", old);
	else if (ret_old)
		rb_buf_add(ret_old, old);
	return r;
}

int rb_rdt_update(const struct rb_strv *journal, const char *l3, const char *mb,
		  struct rb_buf *ret_old, struct rb_err *err)
{
	rb_autobuf text = { 0 };

	rb_rdt_combine(l3, mb, &text);
	return change(journal, text.data, ret_old, err);
}

void rb_rdt_restore(const struct rb_strv *journal, const char *old)
{
	struct rb_err err = { 0 };

	if (change(journal, old, NULL, &err) < 0)
		rb_log_warn("put the schemata back: %s", err.msg);
}
