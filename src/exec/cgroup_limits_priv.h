/* cgroup_limits_priv.h - what the files of the limits code share: writing a value, conversions
 */
#ifndef RUNBOX_CGROUP_LIMITS_PRIV_H
#define RUNBOX_CGROUP_LIMITS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/plan.h"

struct rb_err;

/* where the fields are in config.json */
#define AT "linux.resources."

/** What one call of rb_cgroup_limits() works on. */
struct rb_limits {
	const struct rb_cgroup_dir *dirs;
	size_t n;
	const struct rb_resources *res;
};

/* --- cgroup_limits.c --- */

/** rb_limit_holder() - the directory whose hierarchy has the controller, NULL and a failure at
 * @at if none */
const struct rb_cgroup_dir *rb_limit_holder(const struct rb_limits *l, enum rb_controller c,
					    const char *at, struct rb_err *err);

/** rb_limit_try() - write one value; @at and the file are named when it fails
 *  Return: 0; -ENOENT when there is no such file, with nothing reported; or a reporting failure */
int rb_limit_try(const struct rb_cgroup_dir *dir, const char *at, const char *file,
		 const char *value, struct rb_err *err);
/** rb_limit_no_file() - the failure for -ENOENT of rb_limit_try() */
int rb_limit_no_file(const char *at, const char *file, struct rb_err *err);
/** rb_limit_write() - rb_limit_try() of a file that has to be there */
int rb_limit_write(const struct rb_cgroup_dir *dir, const char *at, const char *file,
		   const char *value, struct rb_err *err);

/* --- cgroup_update.c --- */

/** rb_limit_save() - during an update: keep what @file says before @value is written to it */
void rb_limit_save(const struct rb_cgroup_dir *dir, int leaf, const char *file, const char *value);
/** rb_limit_read() - bytes, -1 for "max". Return: false when the file is not there */
bool rb_limit_read(int leaf, const char *file, int64_t *ret);
/** rb_limit_restore_text() - what to write to @file, which says @old, after @value was. Pure. */
void rb_limit_restore_text(const char *file, const char *value, const char *old,
			   struct rb_buf *out);

/* --- cgroup_limits_io.c: fields that are lists --- */

/** rb_limits_io() - blockIO, hugepageLimits, network.priorities, rdma */
int rb_limits_io(const struct rb_limits *l, struct rb_err *err);
/** rb_limits_io_wanted() - the controllers of those that are set */
unsigned rb_limits_io_wanted(const struct rb_resources *res);
/** rb_limits_unified() - linux.resources.unified: files of v2, as they are */
int rb_limits_unified(const struct rb_limits *l, struct rb_err *err);
/** rb_unified_controller() - RB_CG_BIT of a file's controller ("io.max"), 0 if there is none in
 * its name */
unsigned rb_unified_controller(const char *file);

/* --- cgroup_convert.c: v1 values as v2 has them. Pure. --- */

/**
 * rb_cpu_weight() - cpu.weight (1 to 10000) for cpu.shares (2 to 262144)
 * The curve through (2, 1), (1024, 100) and (262144, 10000), so that the default of one is the
 * default of the other: ceil(10 ^ (l*l/612 + 125*l/612 - 7/34)), l = log2(shares). 0 gives 0.
 * Source: kubernetes issue 131216, what runtimes do since 2025.
 */
uint64_t rb_cpu_weight(uint64_t shares);

/** rb_io_weight() - io.weight (1 to 10000) for a blkio weight (10 to 1000), linear. 0 gives 0. */
uint64_t rb_io_weight(uint64_t weight);

/**
 * rb_swap_v2() - memory.swap.max for memory and swap together, as v1 and config.json have it
 * @limit, @swap: bytes, -1 unlimited, 0 not set
 * @ret: bytes or -1; @ret_set: is there anything to write?
 * Return: 0; -EINVAL for swap without a limit of memory, or with a higher one
 */
int rb_swap_v2(int64_t limit, int64_t swap, int64_t *ret, bool *ret_set);

#endif
