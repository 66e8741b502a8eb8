/* compile_ext.c - what the extension object says of the process: its init, its limit of time
 *
 * Somebody has to be there when the time is over, and runbox leaves no daemon behind. That is an
 * init which is pid 1, for nobody inside of its pid namespace can kill it and its end is theirs;
 * else, in the foreground, the runbox that waits. A timer of the process itself would be no limit:
 * timers do not survive execve(2) but for alarm(2)'s, whose signal the first process of a pid
 * namespace does not even notice.
 */
#include "compile_priv.h"

#include <linux/sched.h>

/* sched(7): a deadline thread cannot fork, and SCHED_FLAG_RESET_ON_FORK takes the policy from the
 * child, which is the program. */
static int check_init_scheduler(const struct compile *c, struct rb_err *err)
{
	const struct rb_scheduler *s = &c->spec->process.scheduler;

	if (s->present && s->policy == SCHED_DEADLINE)
		return rb_fail_at(err, "process.scheduler.policy",
				  "runbox.init has to fork, which SCHED_DEADLINE does not allow");
	if (s->present && s->flags & SCHED_FLAG_RESET_ON_FORK)
		return rb_fail_at(err, "process.scheduler.flags",
				  "runbox.init forks the program, which would lose its policy by "
				  "SCHED_FLAG_RESET_ON_FORK");
	return 0;
}

/** check_init() - is there room for two processes? */
int check_init(struct compile *c, struct rb_err *err)
{
	const struct rb_resources *res = &c->spec->linux_.resources;

	if (!c->spec->ext.init)
		return 0;
	if (res->pids_limit.set && (res->pids_limit.v == 0 || res->pids_limit.v == 1)) {
		(void)rb_fail_at(err, "linux.resources.pids.limit",
				 "runbox.init needs room for two processes");
		return rb_err_hint(err, "set the limit to 2 or more");
	}
	return check_init_scheduler(c, err);
}

int emit_init(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->ext.init)
		compile_add(c, RB_STEP_INIT, "runbox.init")->u.init.subreaper =
			!compile_is_new(c, CLONE_NEWPID);
	return 0;
}

/* As pid 1 alone: it could not end all of the others, and they could end it. */
static bool is_kept_by_init(const struct compile *c)
{
	return c->spec->ext.init && compile_is_new(c, CLONE_NEWPID);
}

/** check_time_limit() - is there somebody who keeps it? */
int check_time_limit(struct compile *c, struct rb_err *err)
{
	if (!c->spec->ext.timeout_ms.set || !c->opts->detached || is_kept_by_init(c))
		return 0;
	(void)rb_fail_at(err, "runbox.timeoutMs",
			 "nobody stays to keep the time limit of a container in the background");
	return rb_err_hint(err, "set runbox.init, in a new pid namespace: it is kept by its init");
}

int emit_time_limit(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!c->spec->ext.timeout_ms.set)
		return 0;
	step = compile_add(c, RB_STEP_TIME_LIMIT, "runbox.timeoutMs");
	step->u.number.value = (int64_t)c->spec->ext.timeout_ms.v; /* the decoder's maximum */
	if (is_kept_by_init(c))
		step->side = RB_SIDE_CHILD;
	return 0;
}
