/* cgroup_tree.c - what lives below a cgroup directory: list it, end it, remove it
 *
 * The container may have made nested cgroups, as many and as deep as it likes, so the walk
 * holds two descriptors at any depth and no path is put together. Nothing is killed that was
 * not seen in the cgroup after its pidfd was open.
 * Sources: cgroups(7), kernel cgroup-v2.rst (cgroup.kill, cgroup.events), freezer-subsystem.rst,
 * pidfd_send_signal(2).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/proc.h"

/* pidfds open at a time; RLIMIT_NOFILE is 1024 on many hosts */
#define BATCH 256
/* how long dying processes may keep a cgroup busy that they have left already */
#define REMOVE_TIMEOUT_MS 10000

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- walk --- */

/* Names of the directories in @fd, each with its NUL, one after the other. */
static int read_children(int fd, struct rb_buf *names)
{
	int again =
		open_dir(fd, "."); /* closedir(3) closes it; a fresh one starts at the beginning */
	DIR *dir;

	if (again < 0)
		return again;
	dir = fdopendir(again);
	if (!dir) {
		rb_closep(&again);
		return -ENOMEM;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_type == DT_DIR && !rb_streq(e->d_name, ".") && !rb_streq(e->d_name, ".."))
			rb_buf_addn(names, e->d_name, strlen(e->d_name) + 1);
	(void)closedir(dir); /* opened for reading */
	return 0;
}

/* One level of the walk: children still to visit, and the name by which this level was entered. */
struct level {
	struct rb_buf names;
	size_t next;
};

struct walk {
	struct level *levels;
	size_t depth, cap;
	int fd; /* of the deepest level */
};

/* Go into the directory @fd, which becomes the walk's. */
static int push(struct walk *w, int fd, int (*enter)(int, void *), void *arg)
{
	struct level *l;

	if (w->depth == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 8;
		w->levels = realloc(w->levels, w->cap * sizeof(*w->levels));
		if (!w->levels)
			abort();
	}
	rb_closep(&w->fd);
	w->fd = fd;
	l = &w->levels[w->depth++];
	*l = (struct level) { 0 };
	if (enter) {
		int r = enter(fd, arg);

		if (r < 0)
			return r;
	}
	return read_children(fd, &l->names);
}

/* Leave the deepest level for its parent. */
static int pop(struct walk *w, int (*leave)(int, const char *, void *), void *arg)
{
	struct level *up;
	const char *name;
	int fd;

	rb_buf_done(&w->levels[--w->depth].names);
	if (w->depth == 0)
		return 0;
	/* cgroups cannot be moved elsewhere, so ".." is where we came from */
	fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rb_closep(&w->fd);
	w->fd = fd;
	up = &w->levels[w->depth - 1];
	name = up->names.data + up->next;
	up->next += strlen(name) + 1;
	return leave ? leave(fd, name, arg) : 0;
}

static int walk_step(struct walk *w, int (*enter)(int, void *),
		     int (*leave)(int, const char *, void *), void *arg)
{
	struct level *l = &w->levels[w->depth - 1];
	int fd;

	if (l->next >= l->names.len)
		return pop(w, leave, arg);
	fd = open_dir(w->fd, l->names.data + l->next);
	if (fd >= 0)
		return push(w, fd, enter, arg);
	if (fd != -ENOENT)
		return fd;
	l->next += strlen(l->names.data + l->next) + 1; /* went away meanwhile */
	return 0;
}

int rb_cgroup_walk(int top_fd, int (*enter)(int fd, void *arg),
		   int (*leave)(int parent_fd, const char *name, void *arg), void *arg)
{
	struct walk w = { .fd = -1 };
	int fd = open_dir(top_fd, "."), r;

	if (fd < 0)
		return fd;
	r = push(&w, fd, enter, arg);
	while (r >= 0 && w.depth > 0)
		r = walk_step(&w, enter, leave, arg);
	while (w.depth > 0)
		rb_buf_done(&w.levels[--w.depth].names);
	free(w.levels);
	rb_closep(&w.fd);
	return r < 0 ? r : 0;
}

/* --- list --- */

struct pid_list {
	pid_t *v;
	size_t n, cap;
};

static void add_pid(struct pid_list *list, pid_t pid)
{
	if (list->n == list->cap) {
		list->cap = list->cap ? 2 * list->cap : 64;
		list->v = realloc(list->v, list->cap * sizeof(*list->v));
		if (!list->v)
			abort();
	}
	list->v[list->n++] = pid;
}

static int add_pids(int fd, void *arg)
{
	rb_autofree char *text = NULL;
	int r = rb_read_file(fd, "cgroup.procs", 64u << 20, &text, NULL);

	/* cgroup-v2.rst: a threaded cgroup answers EOPNOTSUPP; its processes are its domain's */
	if (r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		uint32_t pid;

		/* 0: a process of a pid namespace that we cannot see */
		if (rb_parse_u32(line, &pid) == 0 && pid > 0)
			add_pid(arg, (pid_t)pid);
	}
	return 0;
}

static int list_pids(int dir_fd, struct pid_list *list)
{
	list->n = 0;
	return rb_cgroup_walk(dir_fd, add_pids, NULL, list);
}

int rb_cgroup_pids(const char *path, pid_t **ret, size_t *ret_n)
{
	struct pid_list list = { 0 };
	rb_autofd fd = -1;
	int r = open_dir(AT_FDCWD, path);

	*ret = NULL;
	*ret_n = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	fd = r;
	r = list_pids(fd, &list);
	if (r < 0) {
		free(list.v);
		return r;
	}
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

/* --- kill --- */

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* The directories of one container, opened, and when patience ends. */
struct kill {
	int fds[32];
	const char *paths[32];
	size_t n;
	int64_t deadline;
};

static int thaw_one(int fd, void *arg)
{
	(void)arg;
	/* whichever of the two is there; a cgroup of another hierarchy has neither */
	if (rb_write_file(fd, "freezer.state", "THAWED") < 0)
		(void)rb_write_file(fd, "cgroup.freeze", "0");
	return 0;
}

/* freezer-subsystem.rst: a frozen process takes no signal, SIGKILL too, until it is thawed. */
static void thaw(const struct kill *k)
{
	for (size_t i = 0; i < k->n; i++)
		(void)rb_cgroup_walk(k->fds[i], thaw_one, NULL,
				     NULL); /* who stays frozen is reported */
}

static void freeze(const struct kill *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (rb_write_file(k->fds[i], "freezer.state", "FROZEN") < 0)
			(void)rb_write_file(k->fds[i], "cgroup.freeze",
					    "1"); /* the others have neither */
}

/* Name a process that should be gone: pid, state, and where in the kernel it sleeps. */
static int report_survivor(int dir_fd, struct rb_err *err)
{
	struct pid_list list = { 0 };
	rb_autofree char *where = NULL;
	rb_autofree pid_t *pids = NULL;
	char path[32], state = '?';
	uint64_t start;

	(void)list_pids(dir_fd, &list); /* what can be listed is named */
	pids = list.v;
	if (list.n == 0)
		return rb_fail_sys(err, ETIMEDOUT,
				   "wait for processes that have left the cgroup to end");
	(void)rb_proc_stat(pids[0], &state, &start); /* "?" says that it went just now */
	(void)snprintf(path, sizeof(path), "/proc/%d/wchan", pids[0]);
	(void)rb_read_file(AT_FDCWD, path, 256, &where, NULL); /* absent on some kernels */
	return rb_fail_sys(err, ETIMEDOUT, "process %d (state %c, waiting in %s) will not die",
			   pids[0], state, where && *where ? where : "?");
}

/* Signal up to BATCH of those listed from @from on. Return: the number of pidfds left open in
 * @fds */
static size_t signal_batch(int dir_fd, const struct pid_list *list, size_t from, int signum,
			   int *fds)
{
	struct pid_list again = { 0 };
	rb_autofree pid_t *sorted = NULL;
	pid_t pids[BATCH];
	size_t n = 0, kept = 0;

	for (size_t i = from; i < list->n && i - from < BATCH; i++) {
		fds[n] = (int)syscall(SYS_pidfd_open, list->v[i], 0);
		if (fds[n] < 0)
			continue; /* gone */
		pids[n++] = list->v[i];
	}
	/* a pid may have been reused since it was listed: who is listed now, with the pidfd
	 * open, is ours */
	(void)list_pids(dir_fd, &again); /* nobody listed: nobody signalled */
	sorted = again.v;
	if (again.n)
		qsort(sorted, again.n, sizeof(*sorted), by_pid);
	for (size_t i = 0; i < n; i++) {
		bool ours = again.n && bsearch(&pids[i], sorted, again.n, sizeof(*sorted), by_pid);

		if (ours && syscall(SYS_pidfd_send_signal, fds[i], signum, NULL, 0) == 0)
			fds[kept++] = fds[i];
		else
			rb_closep(&fds[i]);
	}
	return kept;
}

/* Signal all that are listed, without waiting. */
static void signal_all(int dir_fd, const struct pid_list *list, int signum)
{
	int fds[BATCH];

	for (size_t from = 0; from < list->n; from += BATCH)
		for (size_t n = signal_batch(dir_fd, list, from, signum, fds); n; n--)
			rb_closep(&fds[n - 1]);
}

/* Kill all that are listed and wait for them. Return: 0, or -ETIMEDOUT */
static int kill_and_wait(const struct kill *k, int dir_fd, const struct pid_list *list)
{
	int fds[BATCH], r = 0;

	for (size_t from = 0; r == 0 && from < list->n; from += BATCH) {
		size_t n = signal_batch(dir_fd, list, from, SIGKILL, fds);

		thaw(k);
		for (size_t i = 0; i < n; i++) {
			int64_t left = k->deadline - now_ms();

			if (rb_pidfd_wait(fds[i], left > 0 ? (int)left : 0) < 0)
				r = -ETIMEDOUT;
			rb_closep(&fds[i]);
		}
	}
	return r;
}

static bool holds_self(const struct pid_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == getpid())
			return true;
	return false;
}

/* Rounds until nobody is left. Who forks faster than it is killed is frozen first, every other
 * round. */
static int kill_rounds(const struct kill *k, int dir_fd, struct pid_list *list)
{
	for (unsigned round = 0;; round++) {
		bool frozen = round >= 2 && round % 2 == 0;
		int r;

		if (frozen)
			freeze(k);
		r = list_pids(dir_fd, list);
		if (r == 0 && list->n && frozen)
			signal_all(dir_fd, list, SIGKILL);
		if (frozen)
			thaw(k);
		if (r < 0 || list->n == 0)
			return r;
		if (holds_self(list))
			return -EDEADLK;
		r = frozen ? 0 : kill_and_wait(k, dir_fd, list);
		if (r < 0)
			return r;
		if (now_ms() > k->deadline)
			return -ETIMEDOUT;
		if (round)
			(void)poll(NULL, 0, 1); /* the dying need the CPU more than we do */
	}
}

/* cgroup-v2.rst: cgroup.events changes with POLLPRI. Return: 0 once "populated 0", or -ETIMEDOUT */
static int wait_unpopulated(int dir_fd, int64_t deadline)
{
	rb_autofd fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		char text[256];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int64_t left = deadline - now_ms();

		if (n < 0)
			return errno == ENODEV ? 0 : -errno; /* ENODEV: the cgroup is gone */
		text[n] = '\0';
		if (strstr(text, "populated 0"))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&p, 1, (int)left); /* EINTR or not, it is read again */
	}
}

/* End all in one directory: at once by cgroup.kill (5.14), else in rounds. */
static int kill_dir(const struct kill *k, int dir_fd, struct rb_err *err)
{
	struct pid_list list = { 0 };
	int r = list_pids(dir_fd, &list);

	if (r == 0 && list.n) {
		if (holds_self(&list))
			r = -EDEADLK;
		else if (rb_write_file(dir_fd, "cgroup.kill", "1") == 0)
			r = wait_unpopulated(dir_fd, k->deadline);
		else
			r = kill_rounds(k, dir_fd, &list);
	}
	free(list.v);
	if (r == -EDEADLK)
		return rb_fail(err, RB_ERR_SYS,
			       "the cgroup holds runbox itself, so it is not killed");
	if (r == -ETIMEDOUT)
		return report_survivor(dir_fd, err);
	return r < 0 ? rb_fail_sys(err, -r, "end the processes of the cgroup") : 0;
}

/* A signal other than SIGKILL: once to each, in the first hierarchy that has any. */
static int signal_dirs(const struct kill *k, int signum, struct rb_err *err)
{
	struct pid_list list = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && list.n == 0 && i < k->n; i++) {
		r = list_pids(k->fds[i], &list);
		if (r == 0)
			signal_all(k->fds[i], &list, signum);
	}
	free(list.v);
	return r < 0 ? rb_fail_sys(err, -r, "list the processes of the cgroup") : 0;
}

int rb_cgroup_kill_all(const char *const *paths, size_t n, int signum, unsigned timeout_ms,
		       struct rb_err *err)
{
	struct kill k = { .deadline = now_ms() + timeout_ms };
	int r = 0;

	for (size_t i = 0; r == 0 && i < n && k.n < sizeof(k.fds) / sizeof(k.fds[0]); i++) {
		int fd = open_dir(AT_FDCWD, paths[i]);

		if (fd >= 0) {
			k.paths[k.n] = paths[i];
			k.fds[k.n++] = fd;
		} else if (fd != -ENOENT) {
			r = rb_fail_sys(err, -fd, "open the cgroup %s", paths[i]);
		}
	}
	if (r == 0 && signum != SIGKILL)
		r = signal_dirs(&k, signum, err);
	for (size_t i = 0; r == 0 && signum == SIGKILL && i < k.n; i++) {
		r = kill_dir(&k, k.fds[i], err);
		if (r < 0)
			r = rb_fail_add(err, "cgroup %s", k.paths[i]);
	}
	while (k.n)
		rb_closep(&k.fds[--k.n]);
	return r;
}

int rb_cgroup_kill(const char *path, int signum, unsigned timeout_ms, struct rb_err *err)
{
	return rb_cgroup_kill_all(&path, 1, signum, timeout_ms, err);
}

/* --- remove --- */

static int remove_child(int parent_fd, const char *name, void *arg)
{
	(void)arg;
	/* busy ones are tried again, together with the top */
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY)
		return -errno;
	return 0;
}

/* Dying processes keep a cgroup busy for a moment after they have ended. */
static void wait_idle(int dir_fd, int64_t deadline)
{
	/* v1 tells nobody; 2 ms is a tenth of what a grace period takes */
	if (wait_unpopulated(dir_fd, deadline) == 0)
		(void)poll(NULL, 0, 2);
}

/* Remove what is nested in the directory, and itself unless @keep. Return: 0 or -errno */
static int remove_tree(const char *path, bool keep)
{
	int64_t deadline = now_ms() + REMOVE_TIMEOUT_MS;

	for (;;) {
		rb_autofd fd = -1;
		int r;

		if (!keep && (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT))
			return 0;
		if (!keep && errno != EBUSY)
			return -errno;
		r = open_dir(AT_FDCWD, path);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		fd = r;
		r = rb_cgroup_walk(fd, NULL, remove_child, NULL);
		if (keep || r < 0)
			return r;
		if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (now_ms() > deadline)
			return -errno;
		wait_idle(fd, deadline);
	}
}

/* Parents that runbox made: marked, or below what was there before it came. */
static void remove_parents(const char *path, const char *mount, const char *base)
{
	size_t base_len = base ? strlen(base) : SIZE_MAX;
	char parent[PATH_MAX], *slash;

	if (strlen(path) >= sizeof(parent))
		return; /* the system calls would not take it */
	memcpy(parent, path, strlen(path) + 1);
	while ((slash = strrchr(parent, '/')) && (size_t)(slash - parent) > strlen(mount)) {
		*slash = '\0';
		if (strlen(parent) <= base_len && !rb_cgroup_is_made_parent(parent))
			return;
		if (unlinkat(AT_FDCWD, parent, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return; /* somebody uses it: whoever leaves last removes it */
	}
}

int rb_cgroup_remove(const char *path, const char *mount, struct rb_err *err)
{
	int r = remove_tree(path, false);

	if (r < 0)
		return rb_fail_sys(err, -r, "remove the cgroup %s", path);
	remove_parents(path, mount, NULL);
	return 0;
}

/* One directory, as long as nothing is in it. Return: true when that is done with */
static bool undo_empty(const struct rb_cgroup_record *rec, enum rb_cgroup_mark mark)
{
	if (mark == RB_MARK_FOUND)
		return false;
	/* without a mark it is a foreign one that was refused, and that is not touched when it
	 * is in use */
	if (unlinkat(AT_FDCWD, rec->path, AT_REMOVEDIR) < 0 && errno != ENOENT &&
	    mark == RB_MARK_MADE)
		return false;
	remove_parents(rec->path, rec->mount, rec->base);
	return true;
}

static int undo_busy(const struct rb_cgroup_record *rec, enum rb_cgroup_mark mark,
		     struct rb_err *err)
{
	int r = remove_tree(rec->path, mark == RB_MARK_FOUND);

	if (r < 0)
		return rb_fail_sys(err, -r, "remove the cgroup %s", rec->path);
	if (mark == RB_MARK_FOUND)
		rb_cgroup_release(rec->path, rec->token);
	remove_parents(rec->path, rec->mount, rec->base);
	return 0;
}

int rb_cgroup_undo(const struct rb_cgroup_record *recs, size_t n, struct rb_err *err)
{
	rb_autofree const char **busy = rb_xmalloc(n * sizeof(*busy));
	rb_autofree enum rb_cgroup_mark *marks = rb_xmalloc(n * sizeof(*marks));
	size_t n_busy = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		marks[i] = rb_cgroup_mark_get(recs[i].path, recs[i].token);
		if (undo_empty(&recs[i], marks[i]))
			marks[i] = RB_MARK_NONE;
		else
			busy[n_busy++] = recs[i].path;
	}
	if (n_busy)
		r = rb_cgroup_kill_all(busy, n_busy, SIGKILL, REMOVE_TIMEOUT_MS, err);
	for (size_t i = 0; i < n; i++) {
		struct rb_err later = { 0 };
		int failed = marks[i] == RB_MARK_NONE
				     ? 0
				     : undo_busy(&recs[i], marks[i], r ? &later : err);

		r = r ? r : failed; /* one that cannot go does not keep the others */
	}
	return r;
}
