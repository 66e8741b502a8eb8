/* plan_priv.h - what compiling and printing share
 */
#ifndef RUNBOX_PLAN_PRIV_H
#define RUNBOX_PLAN_PRIV_H

#include "runbox/plan.h"

/** One field of linux.resources: how it is stored, and the controller that carries it out. */
struct limit {
	const char *field; /* below "linux.resources." */
	enum rb_controller controller;
	enum limit_type {
		LIMIT_I64_MORE, /* rb_opt_i64, asked for when > 0: 0 is "not set", -1 "unlimited" */
		LIMIT_I64_COUNT, /* the same, but 0 is a value */
		LIMIT_I64_OTHER, /* the same, asked for when not 0 */
		LIMIT_U64,	 /* struct rb_opt_u64, asked for when > 0 */
		LIMIT_U64_SET,	 /* the same, but 0 is a value */
		LIMIT_U32,
		LIMIT_U16,
		LIMIT_BOOL, /* struct rb_opt_bool, asked for when true */
		LIMIT_TEXT, /* const char *, asked for when not empty */
		LIMIT_LIST, /* size_t: number of entries */
	} type;
	size_t offset; /* in struct rb_resources */
};
extern const struct limit limit_table[]; /* ends with a NULL field */

/** limit_asked() - does @res ask for something by this field? Engines write zeros for "not set". */
bool limit_asked(const struct limit *l, const struct rb_resources *res);
/** limit_describe() - " memory.limit=1024" for each field asked for. */
void limit_describe(const struct rb_resources *res, struct rb_buf *out);

/** plan_side() - "host", "child" or "both" */
const char *plan_side(unsigned side);
/** plan_device_rule() - "allow c 1:3 rwm" */
void plan_device_rule(const struct rb_device_rule *rule, struct rb_buf *out);
/** plan_print_json(), plan_print_dot() - see rb_plan_print() */
void plan_print_json(const struct rb_plan *plan, const struct rb_step_time *times,
		     struct rb_buf *out);
void plan_print_dot(const struct rb_plan *plan, const struct rb_step_time *times,
		    struct rb_buf *out);

#endif
