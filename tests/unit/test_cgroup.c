/* test_cgroup.c - cgroups: conversions; and, as root, made, limited, entered, ended, undone
 *
 * The real ones are tried on the host as it is and, in mount namespaces of the test's own, on a
 * view with v1 only and one with v2 only. All lie below a cgroup with a random name, which is
 * gone at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- conversions --- */

static void test_weights(void)
{
	/* the ends, the default, and what runtimes say for some values in between */
	static const struct {
		uint64_t shares, weight;
	} cases[] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 2, 1 },
		{ 1024, 100 },
		{ 2000, 170 },
		{ 262144, 10000 },
		{ 1u << 30, 10000 },
	};
	static const struct {
		uint64_t blkio, io;
	} io[] = {
		{ 0, 0 }, { 10, 1 }, { 500, 4950 }, { 1000, 10000 }, { 5, 1 }, { 2000, 10000 },
	};
	uint64_t last = 0;
	bool rises = true;

	for (size_t i = 0; i < N(cases); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "cpu.weight of %u shares",
			       (unsigned)cases[i].shares);
		is_num((int64_t)rb_cpu_weight(cases[i].shares), (int64_t)cases[i].weight, name);
	}
	for (uint64_t s = 2; s <= 262144; s += 7) {
		rises &= rb_cpu_weight(s) >= last && rb_cpu_weight(s) <= 10000;
		last = rb_cpu_weight(s);
	}
	ok(rises, "cpu.weight never falls as shares rise");
	for (size_t i = 0; i < N(io); i++)
		is_num((int64_t)rb_io_weight(io[i].blkio), (int64_t)io[i].io, "io.weight");
}

static void test_swap(void)
{
	static const struct {
		const char *name;
		int64_t limit, swap;
		int r;
		bool set;
		int64_t want;
	} cases[] = {
		{ "none", 0, 0, 0, false, 0 },
		{ "memory alone", 100, 0, 0, false, 0 },
		{ "both", 100, 150, 0, true, 50 },
		{ "as much as memory: no swap", 100, 100, 0, true, 0 },
		{ "unlimited", 100, -1, 0, true, -1 },
		{ "memory unlimited", -1, 0, 0, true, -1 },
		{ "less than memory", 100, 50, -EINVAL, false, 0 },
		{ "swap alone", 0, 50, -EINVAL, false, 0 },
	};

	for (size_t i = 0; i < N(cases); i++) {
		int64_t got = 0;
		bool set = false;
		int r = rb_swap_v2(cases[i].limit, cases[i].swap, &got, &set);

		ok(r == cases[i].r && (r < 0 || (set == cases[i].set && got == cases[i].want)),
		   "swap: %s", cases[i].name);
	}
}

static void test_wanted(void)
{
	struct rb_resources res = { .present = true };
	struct rb_kv kv = { "io.max", "8:0 rbps=1" };

	is_num(rb_cgroup_wanted(&res), 0, "no resource needs no controller");
	res.cpu.shares = (struct rb_opt_u64) { true, 0 }; /* docker's "not set" */
	is_num(rb_cgroup_wanted(&res), 0, "shares of 0 are not set");
	res.pids_limit = (struct rb_opt_i64) { true, 0 };
	is_num(rb_cgroup_wanted(&res), RB_CG_BIT(RB_CG_PIDS), "a limit of 0 processes is");
	res.unified = (struct rb_kvs) { &kv, 1 };
	is_num(rb_cgroup_wanted(&res), RB_CG_BIT(RB_CG_PIDS) | RB_CG_BIT(RB_CG_BLKIO),
	       "unified names its controller");
	is_num(rb_unified_controller("cgroup.max.depth"), 0, "cgroup.* is of no controller");
	is_num(rb_unified_controller("iox.max"), 0, "a name that only begins like one");
}

/* --- real ones --- */

/* A set of cgroups below /runbox-test-N/c1, and the plan's step for it. */
struct box {
	struct rb_arena arena;
	struct rb_host host;
	struct rb_cgroup_dir dirs[32];
	struct rb_step step;
	char top[48], path[64];
	struct rb_buf line;
};

static bool box_init(struct box *b, enum rb_cgroup_layout layout)
{
	struct rb_err err = { 0 };
	static int n;

	*b = (struct box) { .line = { 0 } };
	if (!ok(rb_host_probe(&b->arena, &b->host, NULL, true, &err) == 0, "probe (%s)", err.msg) ||
	    !ok(b->host.layout == layout, "layout %d seen as %d", layout, b->host.layout))
		return false;
	(void)snprintf(b->top, sizeof(b->top), "/runbox-test-cg%d-%d", getpid(), n++);
	(void)snprintf(b->path, sizeof(b->path), "%s/c1", b->top);
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		b->dirs[i] = (struct rb_cgroup_dir) { &b->host.hierarchies[i], b->path };
	b->step.kind = RB_STEP_CGROUP;
	b->step.u.cgroup.dirs = b->dirs;
	b->step.u.cgroup.n = b->host.n_hierarchies;
	rb_record_cgroup(NULL, &b->step, &b->line);
	return true;
}

static void box_done(struct box *b)
{
	rb_cgroup_forget();
	rb_buf_done(&b->line);
	rb_arena_done(&b->arena);
}

static int undo(struct box *b, struct rb_err *err)
{
	return rb_exec_undo(b->line.data, err);
}

/* "/sys/fs/cgroup/x" + path + "/" + file of the n-th hierarchy. */
static const char *at(struct box *b, size_t i, const char *path, const char *file)
{
	static char buf[512];

	(void)snprintf(buf, sizeof(buf), "%s%s%s%s", b->dirs[i].hierarchy->mount, path,
		       *file ? "/" : "", file);
	return buf;
}

static unsigned how_many(struct box *b, const char *path)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		n += access(at(b, i, path, ""), F_OK) == 0;
	return n;
}

/* A process that enters the cgroups and waits. */
static pid_t start_inside(struct box *b)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct rb_err err = { 0 };

		(void)close(ready[0]);
		if (rb_cgroup_enter(b->dirs, b->host.n_hierarchies, &err) < 0) {
			printf("# enter: %s\n", err.msg);
			_exit(1);
		}
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	ok(read(ready[0], &c, 1) == 1, "a process enters all hierarchies");
	(void)close(ready[0]);
	return pid;
}

static bool is_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void test_life(struct box *b)
{
	struct rb_resources res = { .present = true };
	struct rb_err err = { 0 };
	pid_t pid, *pids;
	size_t n;

	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	is_num(how_many(b, b->path), (int64_t)b->host.n_hierarchies,
	       "a directory in each hierarchy");
	ok(rb_cgroup_is_made_parent(at(b, 0, b->top, "")), "the parent is marked");
	ok(rb_cgroup_mark_get(at(b, 0, b->path, ""), rb_cgroup_token()) == RB_MARK_MADE,
	   "and the directory");
	err = (struct rb_err) { 0 };
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0,
	   "an empty one is taken again");
	rb_cgroup_forget();
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		(void)rmdir(at(b, i, b->path, ""));
	is_num(how_many(b, b->path), 0, "none is left");
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, false, &err) == 0,
	   "below a parent that is there, without opening all (%s)", err.msg);
	is_num(how_many(b, b->path), (int64_t)b->host.n_hierarchies, "they are there again");
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		ok(rb_cgroup_mark_get(at(b, i, b->path, ""), rb_cgroup_token()) == RB_MARK_MADE,
		   "marked as made: %s", b->dirs[i].hierarchy->mount);
	pid = start_inside(b);
	ok(rb_cgroup_pids(at(b, 0, b->path, ""), &pids, &n) == 0 && n == 1 && pids[0] == pid,
	   "it is listed");
	free(pids);
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) < 0 &&
		   strstr(err.msg, "is in use"),
	   "one with a process is refused: %s", err.msg);
	err = (struct rb_err) { 0 };
	ok(rb_cgroup_kill(at(b, 0, b->path, ""), 0, 1000, &err) == 0 && is_alive(pid),
	   "signal 0 harms nobody");
	ok(undo(b, &err) == 0, "undo (%s)", err.msg);
	ok(waitpid(pid, NULL, 0) == pid, "its process was ended");
	is_num(how_many(b, b->top), 0, "and nothing is left, the parent neither");
	ok(undo(b, &err) == 0, "undo of what is gone is fine");
}

/* Nested deeper than descriptors or a recursion would go, with a process at the bottom. */
static void test_deep(struct box *b)
{
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	int fd, depth = 0;
	pid_t pid;

	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	pid = start_inside(b);
	fd = open(at(b, 0, b->path, ""), O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (; depth < 300 && mkdirat(fd, "deep", 0755) == 0; depth++) {
		int down = openat(fd, "deep", O_PATH | O_DIRECTORY | O_CLOEXEC);

		(void)close(fd);
		fd = down;
	}
	if (!b->dirs[0].hierarchy->v2 || depth) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", pid);
		ok(rb_write_file(fd, "cgroup.procs", text) == 0, "a process %d levels down", depth);
	}
	(void)close(fd);
	ok(undo(b, &err) == 0, "undo (%s)", err.msg);
	ok(waitpid(pid, NULL, 0) == pid && how_many(b, b->top) == 0,
	   "ended and removed to the bottom");
}

static void test_foreign(struct box *b)
{
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	pid_t pid;

	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		(void)mkdir(at(b, i, b->top, ""), 0755);
		(void)mkdir(at(b, i, b->path, ""), 0755);
	}
	ok(undo(b, &err) == 0, "undo of what never came about");
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "made again");
	pid = start_inside(b);
	/* as if somebody else had made them */
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		rb_cgroup_unmark(at(b, i, b->path, ""));
	ok(undo(b, &err) == 0 && is_alive(pid), "a process of a foreign cgroup is not touched");
	is_num(how_many(b, b->path), (int64_t)b->host.n_hierarchies, "nor the cgroup");
	/* another container of the same path, refused because this one is there, undoes what it did */
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		rb_cgroup_mark_leaf(at(b, i, b->path, ""), false);
	memset(strchr(b->line.data, '\t') + 1, '0', strlen(rb_cgroup_token()));
	ok(undo(b, &err) == 0 && is_alive(pid), "nor one of another container at the same path");
	rb_buf_done(&b->line);
	rb_record_cgroup(NULL, &b->step, &b->line);
	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		rb_cgroup_mark_leaf(at(b, i, b->path, ""), false);
	ok(undo(b, &err) == 0 && waitpid(pid, NULL, 0) == pid, "an own one is");
	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		(void)rmdir(at(b, i, b->path, ""));
		(void)rmdir(at(b, i, b->top, ""));
	}
}

static void test_found(struct box *b)
{
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	pid_t pid;

	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		(void)mkdir(at(b, i, b->top, ""), 0755);
		(void)mkdir(at(b, i, b->path, ""), 0755);
	}
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0,
	   "an empty foreign cgroup is used (%s)", err.msg);
	pid = start_inside(b);
	ok(undo(b, &err) == 0 && waitpid(pid, NULL, 0) == pid, "emptied (%s)", err.msg);
	is_num(how_many(b, b->path), (int64_t)b->host.n_hierarchies,
	       "and kept, as it was not made by the container");
	ok(rb_cgroup_mark_get(at(b, 0, b->path, ""), rb_cgroup_token()) == RB_MARK_NONE,
	   "without a mark");
	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		(void)rmdir(at(b, i, b->path, ""));
		(void)rmdir(at(b, i, b->top, ""));
	}
}

/* The container has taken the marks away; the second record, which knows the inode, is undone first. */
static void unmarked(struct box *b, bool found)
{
	struct rb_resources res = { 0 };
	rb_autobuf lines = { 0 };
	struct rb_err err = { 0 };
	int r = 0;
	pid_t pid;

	for (size_t i = 0; found && i < b->host.n_hierarchies; i++) {
		(void)mkdir(at(b, i, b->top, ""), 0755);
		(void)mkdir(at(b, i, b->path, ""), 0755);
	}
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		rb_autofd fd = open(at(b, i, b->path, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		rb_cgroup_note_inode(&lines, &b->dirs[i], fd, found ? RB_MARK_FOUND : RB_MARK_MADE);
		rb_cgroup_unmark(at(b, i, b->path, ""));
	}
	pid = start_inside(b);
	for (char *rest = lines.data, *line; r == 0 && (line = strsep(&rest, "\n"));)
		r = *line ? rb_exec_undo(line, &err) : 0;
	ok(r == 0 && waitpid(pid, NULL, 0) == pid, "known by its inode, emptied (%s)", err.msg);
	ok(undo(b, &err) == 0, "the first record after it (%s)", err.msg);
	is_num(how_many(b, b->path), found ? (int64_t)b->host.n_hierarchies : 0,
	       found ? "kept, as it was there before" : "and removed");
	ok(rb_cgroup_mark_get(at(b, 0, b->path, ""), rb_cgroup_token()) == RB_MARK_NONE,
	   "without a mark");
	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		(void)rmdir(at(b, i, b->path, ""));
		(void)rmdir(at(b, i, b->top, ""));
	}
}

static void test_unmarked_made(struct box *b)
{
	unmarked(b, false);
}

static void test_unmarked_found(struct box *b)
{
	unmarked(b, true);
}

static void test_frozen(struct box *b)
{
	const struct rb_cgroup_dir *freezer =
		rb_cgroup_find(b->dirs, b->host.n_hierarchies, RB_CG_FREEZER);
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	const char *file, *word;
	size_t i;
	pid_t pid;

	if (!freezer) {
		skip("frozen", "requires the freezer controller or cgroup2");
		return;
	}
	i = (size_t)(freezer - b->dirs);
	file = freezer->hierarchy->v2 ? "cgroup.freeze" : "freezer.state";
	word = freezer->hierarchy->v2 ? "1" : "FROZEN";
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	pid = start_inside(b);
	ok(rb_write_file(AT_FDCWD, at(b, i, b->path, file), word) == 0, "freeze it");
	ok(undo(b, &err) == 0 && waitpid(pid, NULL, 0) == pid, "a frozen process is ended (%s)",
	   err.msg);
	(void)mkdir(at(b, i, b->top, ""), 0755);
	ok(rb_write_file(AT_FDCWD, at(b, i, b->top, file), word) == 0, "freeze a parent");
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) < 0 &&
		   strstr(err.msg, "is frozen"),
	   "no container below a frozen cgroup: %s", err.msg);
	err = (struct rb_err) { 0 };
	(void)rb_write_file(AT_FDCWD, at(b, i, b->top, file),
			    freezer->hierarchy->v2 ? "0" : "THAWED");
	ok(undo(b, &err) == 0, "undo (%s)", err.msg);
	for (size_t k = 0; k < b->host.n_hierarchies; k++)
		(void)rmdir(at(b, k, b->top, ""));
	is_num(how_many(b, b->top), 0, "nothing is left");
}

/* Faster at forking than at being killed one by one. */
static void test_forks(struct box *b)
{
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	pid_t pid;

	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	pid = fork();
	if (pid == 0) {
		if (rb_cgroup_enter(b->dirs, b->host.n_hierarchies, &err) < 0)
			_exit(1);
		(void)setpgid(0, 0);
		for (int i = 0; i < 4; i++)
			(void)fork();
		for (;;) { /* each replaces itself for ever */
			if (fork() > 0)
				_exit(0);
			(void)signal(SIGCHLD, SIG_IGN);
		}
	}
	(void)usleep(30000); /* let them breed; nothing depends on how far they come */
	ok(undo(b, &err) == 0, "processes that fork all the time are ended (%s)", err.msg);
	(void)waitpid(pid, NULL, 0);
	is_num(how_many(b, b->top), 0, "and the cgroups removed");
}

static void read_back(struct box *b, enum rb_controller c, const char *v1, const char *v2,
		      const char *want)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(b->dirs, b->host.n_hierarchies, c);
	rb_autofree char *text = NULL;

	if (!dir) {
		skip(v1, "requires the controller");
		return;
	}
	if (rb_read_file(AT_FDCWD,
			 at(b, (size_t)(dir - b->dirs), b->path, dir->hierarchy->v2 ? v2 : v1),
			 4096, &text, NULL) == 0)
		text[strcspn(text, "\n")] = '\0';
	is_str(text, want, dir->hierarchy->v2 ? v2 : v1);
}

static void test_limits(struct box *b)
{
	bool v2_cpu = false;
	struct rb_resources res = { .present = true };
	struct rb_err err = { 0 };
	unsigned has = 0;

	for (size_t i = 0; i < b->host.n_hierarchies; i++) {
		has |= b->host.hierarchies[i].controllers;
		v2_cpu |= b->host.hierarchies[i].v2 &&
			  b->host.hierarchies[i].controllers & RB_CG_BIT(RB_CG_CPU);
	}
	if (has & RB_CG_BIT(RB_CG_MEMORY))
		res.memory.limit = (struct rb_opt_i64) { true, 64 << 20 };
	if (has & RB_CG_BIT(RB_CG_CPU)) {
		res.cpu.shares = (struct rb_opt_u64) { true, 2000 };
		res.cpu.quota = (struct rb_opt_i64) { true, 20000 };
		res.cpu.period = (struct rb_opt_u64) { true, 50000 };
	}
	if (has & RB_CG_BIT(RB_CG_PIDS))
		res.pids_limit = (struct rb_opt_i64) { true, 0 };
	if (has & RB_CG_BIT(RB_CG_CPUSET))
		res.cpu.cpus = "0";
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) == 0, "limits (%s, %s)",
	   err.msg, err.at);
	read_back(b, RB_CG_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864");
	read_back(b, RB_CG_CPU, "cpu.shares", "cpu.weight", v2_cpu ? "170" : "2000");
	read_back(b, RB_CG_CPU, "cpu.cfs_quota_us", "cpu.max", v2_cpu ? "20000 50000" : "20000");
	read_back(b, RB_CG_PIDS, "pids.max", "pids.max", "1");
	read_back(b, RB_CG_CPUSET, "cpuset.cpus", "cpuset.cpus", "0");
	if (has & RB_CG_BIT(RB_CG_MEMORY)) {
		res.memory.limit.v = 32 << 20;
		ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) == 0,
		   "lower memory (%s)", err.msg);
		res.memory.limit.v = 96 << 20;
		ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) == 0,
		   "raise it (%s)", err.msg);
		read_back(b, RB_CG_MEMORY, "memory.limit_in_bytes", "memory.max", "100663296");
	}
	if (has & RB_CG_BIT(RB_CG_CPUSET)) {
		res.cpu.cpus = "4095";
		ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) < 0 &&
			   rb_streq(err.at, "linux.resources.cpu.cpus"),
		   "no such CPU: %s", err.msg);
	}
	err = (struct rb_err) { 0 };
	ok(undo(b, &err) == 0 && how_many(b, b->top) == 0, "undo (%s)", err.msg);
}

static void test_unified(struct box *b)
{
	struct rb_kv kv[] = { { "cgroup.max.depth", "7" } };
	static const struct {
		const char *key, *want;
	} bad[] = {
		{ "../cgroup.procs", "not the name" },
		{ "cgroup.freeze", "not a setting" },
		{ "nosuch.max", "has no nosuch.max" },
	};
	struct rb_resources res = { .present = true, .unified = { kv, 1 } };
	struct rb_err err = { 0 };
	bool has_v2 = false;

	for (size_t i = 0; i < b->host.n_hierarchies; i++)
		has_v2 |= b->host.hierarchies[i].v2;
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	if (!has_v2) {
		ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) < 0, "unified: %s",
		   err.msg);
	} else {
		ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) == 0,
		   "unified (%s)", err.msg);
		for (size_t i = 0; i < N(bad); i++) {
			err = (struct rb_err) { 0 };
			kv[0].key = bad[i].key;
			ok(rb_cgroup_limits(b->dirs, b->host.n_hierarchies, &res, &err) < 0 &&
				   strstr(err.msg, bad[i].want),
			   "unified: %s", err.msg);
		}
	}
	err = (struct rb_err) { 0 };
	ok(undo(b, &err) == 0 && how_many(b, b->top) == 0, "undo (%s)", err.msg);
}

/* What `devices` of the config comes to, seen by a process inside. */
static void test_devices(struct box *b)
{
	struct rb_device_rule fuse = { true, 'c', true, true, 10, 229, 7 };
	struct rb_resources res = { .present = true, .devices = &fuse, .n_devices = 1 };
	struct rb_err err = { 0 };
	int status = -1;
	pid_t pid;

	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	ok(rb_cgroup_device_rules(b->dirs, b->host.n_hierarchies, &res, &err) == 0,
	   "device rules (%s)", err.msg);
	ok(rb_cgroup_device_rules(b->dirs, b->host.n_hierarchies, &res, &err) == 0,
	   "and again (%s)", err.msg);
	pid = fork();
	if (pid == 0) {
		int null, kmsg;

		if (rb_cgroup_enter(b->dirs, b->host.n_hierarchies, &err) < 0)
			_exit(1);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
		_exit(null >= 0 && kmsg < 0 && errno == EPERM ? 0 : 2);
	}
	(void)waitpid(pid, &status, 0);
	is_num(status, 0, "inside, /dev/null opens and /dev/kmsg does not");
	ok(undo(b, &err) == 0 && how_many(b, b->top) == 0, "undo (%s)", err.msg);
}

/* config-linux.md "Cgroup ownership". */
static void test_delegate(struct box *b)
{
	static char word[] = "ro", *ro[] = { word, NULL };
	struct rb_namespace ns[] = { { .type = 0 } };
	struct rb_mount mount = { .dest = "/sys/fs/cgroup", .source = "cgroup" };
	struct rb_spec spec = { .mounts = &mount, .n_mounts = 1 };
	struct rb_resources res = { 0 };
	struct rb_err err = { 0 };
	bool v2 = b->host.n_hierarchies == 1 && b->host.hierarchies[0].v2;
	struct stat st;

	while (rb_ns_types[ns[0].type].flag != CLONE_NEWCGROUP)
		ns[0].type++;
	spec.linux_.namespaces = ns;
	spec.linux_.n_namespaces = 1;
	spec.process.user.uid = 4711;
	ok(rb_cgroup_create(b->dirs, b->host.n_hierarchies, &res, true, &err) == 0, "create (%s)",
	   err.msg);
	mount.options = (struct rb_strv) { ro, 1 };
	ok(rb_cgroup_delegate(b->dirs, b->host.n_hierarchies, &spec, &err) == 0 &&
		   stat(at(b, 0, b->path, "cgroup.procs"), &st) == 0 && st.st_uid == 0,
	   "a read-only mount: the cgroup stays root's");
	mount.options.n = 0;
	ok(rb_cgroup_delegate(b->dirs, b->host.n_hierarchies, &spec, &err) == 0 &&
		   stat(at(b, 0, b->path, "cgroup.procs"), &st) == 0 &&
		   st.st_uid == (v2 ? 4711 : 0),
	   v2 ? "a writable one: it is the user's (%s)" : "never on v1 (%s)", err.msg);
	ok(stat(at(b, 0, b->path, v2 ? "cgroup.max.depth" : "tasks"), &st) == 0 && st.st_uid == 0,
	   "but not its limits");
	ok(undo(b, &err) == 0 && how_many(b, b->top) == 0, "undo (%s)", err.msg);
}

static void all_real(const char *label, enum rb_cgroup_layout layout)
{
	static void (*const tests[])(struct box *) = {
		test_life,	    test_deep,		 test_foreign, test_found,
		test_unmarked_made, test_unmarked_found, test_frozen,  test_forks,
		test_limits,	    test_unified,	 test_devices, test_delegate,
	};

	printf("# %s\n", label);
	for (size_t i = 0; i < N(tests); i++) {
		struct box b;

		if (box_init(&b, layout))
			tests[i](&b);
		box_done(&b);
	}
}

static void view_v1(void)
{
	if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0)
		skip("v1 only", "requires a hybrid host");
	else
		all_real("v1 only", RB_LAYOUT_V1);
}

static void view_v2(void)
{
	if (umount2("/sys/fs/cgroup", MNT_DETACH) < 0 ||
	    mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		skip("v2 only", "requires cgroup2");
	else
		all_real("v2 only", RB_LAYOUT_V2);
}

/* Run @f in a mount namespace of its own and take its results over. */
static void in_own_mounts(void (*f)(void))
{
	unsigned counts[2];
	int back[2];
	pid_t pid;

	if (pipe(back) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			skip("another view", "requires mount namespaces");
		else
			f();
		counts[0] = tap_count;
		counts[1] = tap_failed;
		(void)!write(back[1], counts, sizeof(counts));
		_exit(0);
	}
	(void)close(back[1]);
	if (read(back[0], counts, sizeof(counts)) == sizeof(counts)) {
		tap_count = counts[0];
		tap_failed = counts[1];
	} else {
		ok(false, "the test in another mount namespace ended early");
	}
	(void)close(back[0]);
	(void)waitpid(pid, NULL, 0);
}

static void test_real(void)
{
	rb_autoarena arena = { 0 };
	struct rb_host host;
	struct rb_err err = { 0 };

	if (rb_host_probe(&arena, &host, NULL, true, &err) < 0 || geteuid() != 0 ||
	    host.in_userns || host.layout == RB_LAYOUT_NONE) {
		skip("real cgroups", "requires root cgroups");
		return;
	}
	all_real("the host as it is", host.layout);
	if (host.layout == RB_LAYOUT_HYBRID) {
		in_own_mounts(view_v1);
		in_own_mounts(view_v2);
	}
}

int main(void)
{
	test_weights();
	test_swap();
	test_wanted();
	test_real();
	return tap_done();
}
