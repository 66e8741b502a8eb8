/* cgroup_limits.c - linux.resources, but for devices, into the files of the cgroups
 *
 * A field is a row: the controller, its place in config.json, its file on v1 and on v2, and
 * what turns its value into text. A row without a file on the side that holds the controller is
 * an error, never dropped. Rows are written in order; where the order of two matters a comment
 * at the later one says why. As engines send 0 for "not set" (docker: shares, weight), 0 means
 * that where it is no sensible value.
 * Sources: config-linux.md, kernel cgroup-v1/{memory,cpusets,pids}.rst, cgroup-v2.rst,
 * scheduler/sched-bwc.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

/* --- writing --- */

int rb_limit_try(const struct rb_cgroup_dir *dir, const char *at, const char *file,
		 const char *value, struct rb_err *err)
{
	int leaf = rb_cgroup_leaf(dir, err), r;

	if (leaf < 0)
		return leaf == -ENOENT ? -EINVAL : leaf;
	rb_limit_save(dir, leaf, file, value);
	r = rb_write_file(leaf, file, value);
	if (r == 0 || r == -ENOENT)
		return r;
	r = rb_fail_sys(err, -r, "set %s to %s in %s%s", file, value, dir->hierarchy->mount,
			dir->path);
	rb_err_at(err, at);
	return r;
}

int rb_limit_no_file(const char *at, const char *file, struct rb_err *err)
{
	/* not ENOENT: engines read "No such file" as a missing program */
	return rb_fail_at(err, at, "this host has no %s", file);
}

int rb_limit_write(const struct rb_cgroup_dir *dir, const char *at, const char *file,
		   const char *value, struct rb_err *err)
{
	int r = rb_limit_try(dir, at, file, value, err);

	return r == -ENOENT ? rb_limit_no_file(at, file, err) : r;
}

/* The directory that holds a controller, or a failure that names it. */
const struct rb_cgroup_dir *rb_limit_holder(const struct rb_limits *l, enum rb_controller c,
					    const char *at, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(l->dirs, l->n, c);

	if (!dir)
		(void)rb_fail_at(err, at, "this host has no cgroup controller %s",
				 rb_controller_names[c]);
	return dir;
}

/* --- rows of one value: text of a field, or false when it is not set --- */

static bool text_u64(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_u64 *v = field;

	(void)v2;
	if (v->set)
		rb_buf_printf(out, "%llu", (unsigned long long)v->v);
	return v->set;
}

static bool text_u64_not_0(const void *field, bool v2, struct rb_buf *out)
{
	return ((const struct rb_opt_u64 *)field)->v && text_u64(field, v2, out);
}

static bool text_i64(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_i64 *v = field;

	(void)v2;
	if (v->set)
		rb_buf_printf(out, "%lld", (long long)v->v);
	return v->set;
}

static bool text_i64_not_0(const void *field, bool v2, struct rb_buf *out)
{
	return ((const struct rb_opt_i64 *)field)->v && text_i64(field, v2, out);
}

/* Bytes, where -1 is unlimited and 0 not set. */
static bool text_bytes(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_i64 *v = field;

	if (!v->set || !v->v)
		return false;
	if (v->v < 0)
		rb_buf_add(out, v2 ? "max" : "-1");
	else
		rb_buf_printf(out, "%lld", (long long)v->v);
	return true;
}

/* As text_bytes(); to have no limit is all that v2, which has no such limit, can do. */
static bool text_bytes_v1(const void *field, bool v2, struct rb_buf *out)
{
	return !(v2 && ((const struct rb_opt_i64 *)field)->v < 0) && text_bytes(field, v2, out);
}

static bool text_u32(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_u32 *v = field;

	(void)v2;
	if (v->set)
		rb_buf_printf(out, "%u", v->v);
	return v->set;
}

static bool text_u16_not_0(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_u16 *v = field;

	(void)v2;
	if (v->set && v->v)
		rb_buf_printf(out, "%u", v->v);
	return v->set && v->v;
}

static bool text_string(const void *field, bool v2, struct rb_buf *out)
{
	const char *text = *(const char *const *)field;

	(void)v2;
	if (text)
		rb_buf_add(out, text);
	return text && *text;
}

/* Only true says something: false is how a new cgroup is. */
static bool text_true(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_bool *v = field;

	(void)v2;
	if (v->set && v->v)
		rb_buf_add(out, "1");
	return v->set && v->v;
}

/* useHierarchy: v2 is always hierarchical. */
static bool text_hierarchy(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_bool *v = field;

	if (!v->set || (v2 && v->v))
		return false;
	rb_buf_add(out, v->v ? "1" : "0");
	return true;
}

static bool text_shares(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_u64 *v = field;

	if (!v->set || !v->v)
		return false;
	rb_buf_printf(out, "%llu", (unsigned long long)(v2 ? rb_cpu_weight(v->v) : v->v));
	return true;
}

/* No container runs with no task at all, so the least is 1; "max" on v1 too. */
static bool text_pids(const void *field, bool v2, struct rb_buf *out)
{
	const struct rb_opt_i64 *v = field;

	(void)v2;
	if (!v->set)
		return false;
	if (v->v < 0)
		rb_buf_add(out, "max");
	else
		rb_buf_printf(out, "%lld", (long long)(v->v ? v->v : 1));
	return true;
}

struct limit_row {
	enum rb_controller controller;
	const char *at;
	const char *v1, *v2; /* NULL: there is none */
	size_t offset;	     /* in struct rb_resources */
	bool (*text)(const void *field, bool v2, struct rb_buf *out);
};

#define FIELD(f) offsetof(struct rb_resources, f)
static const struct limit_row rows[] = {
	{ RB_CG_MEMORY, AT "memory.useHierarchy", "memory.use_hierarchy", NULL,
	  FIELD(memory.use_hierarchy), text_hierarchy },
	{ RB_CG_MEMORY, AT "memory.reservation", "memory.soft_limit_in_bytes", "memory.low",
	  FIELD(memory.reservation), text_bytes },
	{ RB_CG_MEMORY, AT "memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", NULL,
	  FIELD(memory.kernel_tcp), text_bytes_v1 },
	{ RB_CG_MEMORY, AT "memory.swappiness", "memory.swappiness", NULL, FIELD(memory.swappiness),
	  text_u64 },
	{ RB_CG_MEMORY, AT "memory.disableOOMKiller", "memory.oom_control", NULL,
	  FIELD(memory.disable_oom_killer), text_true },
	{ RB_CG_CPU, AT "cpu.shares", "cpu.shares", "cpu.weight", FIELD(cpu.shares), text_shares },
	/* after shares: an idle group takes none */
	{ RB_CG_CPU, AT "cpu.idle", "cpu.idle", "cpu.idle", FIELD(cpu.idle), text_i64 },
	{ RB_CG_CPU, AT "cpu.realtimePeriod", "cpu.rt_period_us", NULL, FIELD(cpu.realtime_period),
	  text_u64_not_0 },
	/* after the period: the runtime must fit into it */
	{ RB_CG_CPU, AT "cpu.realtimeRuntime", "cpu.rt_runtime_us", NULL,
	  FIELD(cpu.realtime_runtime), text_i64_not_0 },
	{ RB_CG_CPUSET, AT "cpu.cpus", "cpuset.cpus", "cpuset.cpus", FIELD(cpu.cpus), text_string },
	{ RB_CG_CPUSET, AT "cpu.mems", "cpuset.mems", "cpuset.mems", FIELD(cpu.mems), text_string },
	{ RB_CG_PIDS, AT "pids.limit", "pids.max", "pids.max", FIELD(pids_limit), text_pids },
	{ RB_CG_BLKIO, AT "blockIO.leafWeight", "blkio.leaf_weight", NULL, FIELD(blkio.leaf_weight),
	  text_u16_not_0 },
	{ RB_CG_NET_CLS, AT "network.classID", "net_cls.classid", NULL, FIELD(network.class_id),
	  text_u32 },
};

static int write_row(const struct rb_limits *l, const struct limit_row *row, struct rb_err *err)
{
	const void *field = (const char *)l->res + row->offset;
	const struct rb_cgroup_dir *dir;
	rb_autobuf value = { 0 }, v2_value = { 0 };
	const char *file, *text;

	if (!row->text(field, false, &value))
		return 0;
	dir = rb_limit_holder(l, row->controller, row->at, err);
	if (!dir)
		return -EINVAL;
	file = dir->hierarchy->v2 ? row->v2 : row->v1;
	text = value.data;
	if (dir->hierarchy->v2) {
		if (!row->text(field, true, &v2_value))
			return 0;
		text = v2_value.data;
	}
	if (!file)
		return rb_fail_at(err, row->at, "cgroup v2 cannot do this: it has nothing like %s",
				  row->v1);
	return rb_limit_write(dir, row->at, file, text, err);
}

static int write_rows(const struct rb_limits *l, struct rb_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = write_row(l, &rows[i], err);
		if (r < 0 && rows[i].offset == FIELD(cpu.realtime_runtime) && err->errnum == EINVAL)
			r = rb_err_hint(
				err, "a parent cgroup has no real-time budget (cpu.rt_runtime_us)");
	}
	return r;
}

/* --- memory and swap --- */

/* -1 as text_bytes() writes it */
static const char *bytes_text(int64_t v, bool v2, char buf[24])
{
	if (v < 0)
		return v2 ? "max" : "-1";
	(void)snprintf(buf, 24, "%lld", (long long)v);
	return buf;
}

/* config-linux.md "checkBeforeUpdate": v2 would kill where v1 refuses. */
static int check_usage(const struct rb_cgroup_dir *dir, const char *at, const char *file,
		       int64_t limit, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	int leaf = rb_cgroup_leaf(dir, err);

	if (leaf < 0)
		return leaf;
	if (limit < 0 || rb_read_file(leaf, file, 64, &text, NULL) < 0)
		return 0;
	if (strtoll(text, NULL, 10) > limit)
		return rb_fail_at(err, at,
				  "a limit of %lld is lower than what %s says is used: %.*s",
				  (long long)limit, file, (int)strcspn(text, "\n"), text);
	return 0;
}

static int fail_swap(struct rb_err *err)
{
	return rb_fail_at(err, AT "memory.swap",
			  "swap is memory and swap together, so it needs a limit "
			  "of memory (linux.resources.memory.limit) that is not higher");
}

static int write_memory_v2(const struct rb_limits *l, const struct rb_cgroup_dir *dir,
			   struct rb_err *err)
{
	int64_t limit = l->res->memory.limit.v, swap = 0;
	bool set, check = l->res->memory.check_before_update.set &&
			  l->res->memory.check_before_update.v;
	char buf[24];
	int r = 0;

	if (rb_swap_v2(limit, l->res->memory.swap.v, &swap, &set) < 0)
		return fail_swap(err);
	if (check && limit)
		r = check_usage(dir, AT "memory.limit", "memory.current", limit, err);
	if (r == 0 && check && set)
		r = check_usage(dir, AT "memory.swap", "memory.swap.current", swap, err);
	if (r == 0 && set) {
		r = rb_limit_try(dir, AT "memory.swap", "memory.swap.max",
				 bytes_text(swap, true, buf), err);
		/* a kernel without swap keeps any limit of it */
		if (r == -ENOENT)
			r = l->res->memory.swap.v <= 0 || swap == 0
				    ? 0
				    : rb_limit_no_file(AT "memory.swap", "memory.swap.max", err);
	}
	if (r == 0 && limit)
		r = rb_limit_write(dir, AT "memory.limit", "memory.max",
				   bytes_text(limit, true, buf), err);
	return r;
}

/* memory.rst: memsw may never be lower than the limit, so the higher one goes first when both
 * rise and last when both fall; which it is, the kernel says with EINVAL. */
static int write_memory_v1(const struct rb_limits *l, const struct rb_cgroup_dir *dir,
			   struct rb_err *err)
{
	const char *limit_file = "memory.limit_in_bytes",
		   *swap_file = "memory.memsw.limit_in_bytes";
	int64_t limit = l->res->memory.limit.v, swap = l->res->memory.swap.v;
	struct rb_err first = { 0 };
	char limit_text[24], swap_text[24];
	const char *limit_value = bytes_text(limit, false, limit_text);
	const char *swap_value = bytes_text(swap, false, swap_text);
	int r;

	if (limit > 0 && swap > 0 && swap < limit)
		return fail_swap(err);
	if (limit < 0 &&
	    swap == 0) /* no limit of memory with one of both would be no unlimited memory */
		(void)rb_limit_try(dir, AT "memory.limit", swap_file, "-1",
				   &first); /* absent without swap */
	first = (struct rb_err) { 0 };
	if (limit) {
		r = rb_limit_try(dir, AT "memory.limit", limit_file, limit_value, &first);
		if (r == -ENOENT)
			return rb_limit_no_file(AT "memory.limit", limit_file, err);
		if (r < 0 && (r != -EINVAL || swap == 0)) {
			*err = first;
			if (r == -EBUSY)
				return rb_err_hint(
					err, "more than this is in use and cannot be reclaimed");
			if (r == -EINVAL)
				return rb_err_hint(err, "higher than the limit of memory and swap "
							"together: set memory.swap too");
			return r;
		}
		if (r == 0)
			limit = 0;
	}
	if (swap) {
		r = rb_limit_write(dir, AT "memory.swap", swap_file, swap_value, err);
		if (r < 0)
			return r == -EINVAL ? rb_err_hint(err, "lower than the limit of memory "
							       "alone: set memory.limit too")
					    : r;
	}
	return limit ? rb_limit_write(dir, AT "memory.limit", limit_file, limit_value, err) : 0;
}

/* memory.rst: the limit of kernel memory has done nothing since 5.16 and is gone by now. */
static int write_kernel_memory(const struct rb_limits *l, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(l->dirs, l->n, RB_CG_MEMORY);
	struct rb_err ignored = { 0 };
	char buf[24];
	int64_t now = -1;
	int r = -ENOENT, leaf;

	(void)err;
	if (l->res->memory.kernel.v <= 0)
		return 0;
	if (dir && !dir->hierarchy->v2)
		r = rb_limit_try(dir, AT "memory.kernel", "memory.kmem.limit_in_bytes",
				 bytes_text(l->res->memory.kernel.v, false, buf), &ignored);
	/* newer kernels take the write and keep nothing of it */
	leaf = r == 0 ? rb_cgroup_leaf(dir, &ignored) : -1;
	if (leaf < 0 || !rb_limit_read(leaf, "memory.kmem.limit_in_bytes", &now) ||
	    now > l->res->memory.kernel.v)
		rb_log_warn("linux.resources.memory.kernel has no effect on this kernel; "
			    "memory.limit counts "
			    "kernel memory too");
	return 0;
}

/* A parent hands its memory.oom_control down, so "false" is written where it is not so already. */
static int enable_oom_killer(const struct rb_limits *l, const struct rb_cgroup_dir *dir,
			     struct rb_err *err)
{
	const struct rb_opt_bool *disable = &l->res->memory.disable_oom_killer;
	rb_autofree char *text = NULL;
	int leaf;

	if (!disable->set || disable->v || dir->hierarchy->v2)
		return 0;
	leaf = rb_cgroup_leaf(dir, err);
	if (leaf < 0)
		return leaf;
	if (rb_read_file(leaf, "memory.oom_control", 1024, &text, NULL) < 0 ||
	    !strstr(text, "oom_kill_disable 1"))
		return 0;
	return rb_limit_write(dir, AT "memory.disableOOMKiller", "memory.oom_control", "0", err);
}

static int write_memory(const struct rb_limits *l, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(l->dirs, l->n, RB_CG_MEMORY);
	int r = 0;

	if (l->res->memory.limit.v || l->res->memory.swap.v) {
		if (!rb_limit_holder(l, RB_CG_MEMORY,
				     l->res->memory.limit.v ? AT "memory.limit" : AT "memory.swap",
				     err))
			return -EINVAL;
		r = dir->hierarchy->v2 ? write_memory_v2(l, dir, err)
				       : write_memory_v1(l, dir, err);
	}
	if (r == 0 && dir)
		r = enable_oom_killer(l, dir, err);
	return r == 0 ? write_kernel_memory(l, err) : r;
}

/* --- CPU bandwidth --- */

static int write_cpu_max(const struct rb_limits *l, const struct rb_cgroup_dir *dir,
			 struct rb_err *err)
{
	int64_t quota = l->res->cpu.quota.v;
	uint64_t period = l->res->cpu.period.v;
	const char *at = quota ? AT "cpu.quota" : AT "cpu.period";
	rb_autofree char *old = NULL;
	char text[64], number[24];
	const char *first = bytes_text(quota, true, number);
	int leaf = rb_cgroup_leaf(dir, err);

	if (leaf < 0)
		return leaf;
	if (!quota) { /* the file takes a quota alone, but no period alone */
		if (rb_read_file(leaf, "cpu.max", 64, &old, NULL) < 0)
			return rb_limit_no_file(at, "cpu.max", err);
		old[strcspn(old, " \n")] = '\0';
		first = old;
	}
	if (period)
		(void)snprintf(text, sizeof(text), "%s %llu", first, (unsigned long long)period);
	else
		(void)snprintf(text, sizeof(text), "%s", first);
	return rb_limit_write(dir, at, "cpu.max", text, err);
}

static int write_quota_v1(const struct rb_limits *l, const struct rb_cgroup_dir *dir,
			  struct rb_err *err)
{
	struct rb_err first = { 0 };
	char quota[24], period[24];
	int r = 0;

	(void)snprintf(quota, sizeof(quota), "%lld", (long long)l->res->cpu.quota.v);
	(void)snprintf(period, sizeof(period), "%llu", (unsigned long long)l->res->cpu.period.v);
	if (l->res->cpu.period.v) {
		r = rb_limit_try(dir, AT "cpu.period", "cpu.cfs_period_us", period, &first);
		if (r == -ENOENT)
			return rb_limit_no_file(AT "cpu.period", "cpu.cfs_period_us", err);
		/* EINVAL: with the old quota it would be more than the parent has; the new
		 * quota comes first */
		if (r < 0 && (r != -EINVAL || !l->res->cpu.quota.v)) {
			*err = first;
			return r;
		}
	}
	if (l->res->cpu.quota.v) {
		int q = rb_limit_write(dir, AT "cpu.quota", "cpu.cfs_quota_us", quota, err);

		if (q < 0)
			return q;
	}
	return r < 0 ? rb_limit_write(dir, AT "cpu.period", "cpu.cfs_period_us", period, err) : 0;
}

static int write_burst(const struct rb_cgroup_dir *dir, uint64_t burst, struct rb_err *err)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)burst);
	return rb_limit_write(dir, AT "cpu.burst",
			      dir->hierarchy->v2 ? "cpu.max.burst" : "cpu.cfs_burst_us", text, err);
}

static int write_cpu(const struct rb_limits *l, struct rb_err *err)
{
	const struct rb_opt_u64 *burst = &l->res->cpu.burst;
	bool bandwidth = l->res->cpu.quota.v || l->res->cpu.period.v;
	const struct rb_cgroup_dir *dir;
	int r = 0;

	if (!bandwidth && !burst->set)
		return 0;
	dir = rb_limit_holder(l, RB_CG_CPU, bandwidth ? AT "cpu.quota" : AT "cpu.burst", err);
	if (!dir)
		return -EINVAL;
	/* sched-bwc.rst: a burst is never above the quota, so the old one is out of the way
	 * first */
	if (burst->set)
		r = write_burst(dir, 0, err);
	if (r == 0 && bandwidth) {
		r = dir->hierarchy->v2 ? write_cpu_max(l, dir, err) : write_quota_v1(l, dir, err);
		if (r == -EINVAL)
			r = rb_err_hint(err,
					"a quota is at least 1000 us, a period 1000 us to 1 s, and "
					"a parent's share is not exceeded");
	}
	if (r == 0 && burst->v)
		r = write_burst(dir, burst->v, err);
	return r;
}

/* --- what a new cgroup is asked for --- */

static unsigned unified_controllers(const struct rb_kvs *unified)
{
	unsigned bits = 0;

	for (size_t i = 0; i < unified->n; i++)
		bits |= rb_unified_controller(unified->v[i].key);
	return bits;
}

unsigned rb_cgroup_wanted(const struct rb_resources *res)
{
	unsigned bits = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rb_autobuf value = { 0 };

		if (rows[i].text((const char *)res + rows[i].offset, false, &value))
			bits |= RB_CG_BIT(rows[i].controller);
	}
	if (res->memory.limit.v || res->memory.swap.v)
		bits |= RB_CG_BIT(RB_CG_MEMORY);
	if (res->cpu.quota.v || res->cpu.period.v || res->cpu.burst.set)
		bits |= RB_CG_BIT(RB_CG_CPU);
	return bits | rb_limits_io_wanted(res) | unified_controllers(&res->unified);
}

int rb_cgroup_limits(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     struct rb_err *err)
{
	struct rb_limits l = { .dirs = dirs, .n = n, .res = res };
	int r;

	r = write_memory(&l, err);
	if (r == 0)
		r = write_rows(&l, err);
	if (r == 0)
		r = write_cpu(&l, err);
	if (r == 0)
		r = rb_limits_io(&l, err);
	/* last: what the config says in the kernel's own words overrides what was converted */
	return r == 0 ? rb_limits_unified(&l, err) : r;
}

int rb_step_limits(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	return rb_cgroup_limits(step->u.limits.dirs, step->u.limits.n, step->u.limits.res, err);
}
