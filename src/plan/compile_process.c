/* compile_process.c - what the container's process is given before it becomes the program
 *
 * Sources: config.md "Process", "Linux Process"; capabilities(7), sched(7), ioprio_set(2),
 * seccomp(2).
 */
#include "compile_priv.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/resource.h>

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

static bool is_set(const char *text)
{
	return text && *text;
}

/** check_process() - args, cwd, numbers in range, rlimits at most once a kind. */
int check_process(struct compile *c, struct rb_err *err)
{
	const struct rb_process *p = &c->spec->process;

	if (!p->args.n)
		return rb_fail_at(err, "process.args", "process.args needs at least one entry");
	if (!is_set(p->cwd) || *p->cwd != '/')
		return rb_fail_at(err, "process.cwd", "process.cwd must be an absolute path");
	if (p->has_oom_score_adj && (p->oom_score_adj < -1000 || p->oom_score_adj > 1000))
		return rb_fail_at(err, "process.oomScoreAdj",
				  "oomScoreAdj must be between -1000 and 1000");
	if (p->io_priority.present && (p->io_priority.priority < 0 || p->io_priority.priority > 7))
		return rb_fail_at(err, "process.ioPriority.priority",
				  "priority must be between 0 and 7");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const char *at = rb_arena_item(c->arena, "process.rlimits", i, "");

		if (p->rlimits[i].soft > p->rlimits[i].hard)
			return rb_fail_at(err, at, "the soft limit is above the hard limit");
		for (size_t k = 0; k < i; k++)
			if (p->rlimits[k].resource == p->rlimits[i].resource)
				return rb_fail_at(err, at, "%s is listed twice",
						  rb_name_of(rb_rlimit_names,
							     (uint64_t)p->rlimits[i].resource));
	}
	return 0;
}

static int check_deadline(const struct rb_scheduler *s, const char *at, struct rb_err *err)
{
	uint64_t period = s->period ? s->period : s->deadline;

	if (s->runtime < 1024 || s->runtime > s->deadline || s->deadline > period ||
	    period > INT64_MAX)
		return rb_fail_at(err, at,
				  "SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period");
	return 0;
}

/** check_scheduler() - sched(7), sched_setattr(2): which fields go with which policy. */
int check_scheduler(struct compile *c, struct rb_err *err)
{
	const struct rb_scheduler *s = &c->spec->process.scheduler;
	const char *at = "process.scheduler";
	bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	if (!s->present)
		return 0;
	if (s->policy ==
	    4) /* SCHED_ISO: reserved, Linux never had it (include/uapi/linux/sched.h) */
		return rb_fail_at(err, "process.scheduler.policy",
				  "Linux does not implement SCHED_ISO");
	if (s->nice < -20 || s->nice > 19)
		return rb_fail_at(err, "process.scheduler.nice", "nice must be between -20 and 19");
	if (realtime && (s->priority < 1 || s->priority > 99))
		return rb_fail_at(err, "process.scheduler.priority",
				  "a real-time policy needs a priority "
				  "between 1 and 99");
	if (!realtime && s->priority)
		return rb_fail_at(err, "process.scheduler.priority",
				  "priority goes only with SCHED_FIFO and SCHED_RR");
	if (s->policy == SCHED_DEADLINE)
		return check_deadline(s, at, err);
	if (s->runtime || s->deadline || s->period)
		return rb_fail_at(err, at,
				  "runtime, deadline and period go only with SCHED_DEADLINE");
	return 0;
}

/* Asking for no confinement is met where there is nothing to confine. */
static bool wants_apparmor(const struct compile *c)
{
	const char *profile = c->spec->process.apparmor_profile;

	return is_set(profile) && (c->host->apparmor || !rb_streq(profile, "unconfined"));
}

/** check_labels() - a label that this kernel would not enforce is refused, not dropped. */
int check_labels(struct compile *c, struct rb_err *err)
{
	const struct rb_process *p = &c->spec->process;

	if (is_set(p->selinux_label) && !c->host->selinux)
		return rb_fail_at(err, "process.selinuxLabel",
				  "SELinux is not enabled on this host");
	if (is_set(c->spec->linux_.mount_label) && !c->host->selinux)
		return rb_fail_at(err, "linux.mountLabel", "SELinux is not enabled on this host");
	if (wants_apparmor(c) && !c->host->apparmor)
		return rb_fail_at(err, "process.apparmorProfile",
				  "AppArmor is not enabled on this host");
	return 0;
}

int emit_oom_score(struct compile *c, struct rb_err *err)
{
	const struct rb_process *p = &c->spec->process;

	(void)err; /* cannot fail */
	if (p->has_oom_score_adj)
		compile_add(c, RB_STEP_OOM_SCORE, "process.oomScoreAdj")->u.number.value =
			p->oom_score_adj;
	return 0;
}

static void add_process(struct compile *c, enum rb_step_kind kind, const char *at)
{
	compile_add(c, kind, at)->u.process.process = &c->spec->process;
}

static void add_label(struct compile *c, const char *lsm, const char *label, const char *at)
{
	struct rb_step *step = compile_add(c, RB_STEP_LABEL, at);

	step->u.label.lsm = lsm;
	step->u.label.label = label;
}

static void add_keyring(struct compile *c)
{
	if (!c->opts->no_new_keyring)
		compile_add(c, RB_STEP_KEYRING, NULL)->u.text.text =
			rb_arena_printf(c->arena, "_ses.%s", c->plan->id);
}

/* sched(7): who has such a policy cannot fork, or what it forks does not have it. */
static bool dies_with_fork(const struct rb_scheduler *s)
{
	return s->policy == SCHED_DEADLINE || s->flags & SCHED_FLAG_RESET_ON_FORK;
}

static void add_scheduling(struct compile *c)
{
	const struct rb_scheduler *s = &c->spec->process.scheduler;

	if (s->present && !(c->exec && dies_with_fork(s)))
		add_process(c, RB_STEP_SCHEDULER, "process.scheduler");
	if (c->spec->process.io_priority.present)
		add_process(c, RB_STEP_IO_PRIORITY, "process.ioPriority");
}

static void add_limits(struct compile *c)
{
	const struct rb_process *p = &c->spec->process;

	if (p->n_rlimits)
		add_process(c, RB_STEP_RLIMITS, "process.rlimits");
	if (c->spec->linux_.personality.present)
		compile_add(c, RB_STEP_PERSONALITY, "linux.personality")->u.number.value =
			(int64_t)c->spec->linux_.personality.domain;
	if (is_set(p->selinux_label))
		add_label(c, "selinux", p->selinux_label, "process.selinuxLabel");
	if (wants_apparmor(c))
		add_label(c, "apparmor", p->apparmor_profile, "process.apparmorProfile");
}

/** emit_process_setup() - everything before the change of user that needs rights. */
int emit_process_setup(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	add_keyring(c);
	/* config.md: execCPUAffinity is not applicable to the container's init process, which
	 * gets what its cpuset allows, whatever the caller was bound to; and SCHED_DEADLINE wants
	 * all CPUs (sched(7)) */
	compile_add(c, RB_STEP_AFFINITY, NULL);
	add_scheduling(c);
	if (c->spec->linux_.memory_policy.present)
		compile_add(c, RB_STEP_MEM_POLICY, "linux.memoryPolicy")->u.spec.spec = c->spec;
	add_limits(c);
	return 0;
}

/** emit_exec_scheduler() - from outside, where a process that is yet to be born would lose it. */
int emit_exec_scheduler(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!c->spec->process.scheduler.present || !dies_with_fork(&c->spec->process.scheduler))
		return 0;
	step = compile_add(c, RB_STEP_SCHEDULER, "process.scheduler");
	step->side = RB_SIDE_HOST;
	step->u.process.process = &c->spec->process;
	return 0;
}

/** emit_exec_setup() - for a further process: it joins the keyring. */
int emit_exec_setup(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	add_keyring(c);
	add_scheduling(c);
	add_limits(c);
	return 0;
}

/** emit_exec_last() - what needs no rights, and does not go through a fork. */
int emit_exec_last(struct compile *c, struct rb_err *err)
{
	const struct rb_process *p = &c->spec->process;
	const char *final = p->exec_affinity_final;
	struct rb_step *step;

	(void)err; /* cannot fail */
	step = compile_add(c, RB_STEP_AFFINITY,
			   is_set(final) ? "process.execCPUAffinity.final" : NULL);
	step->u.text.text = is_set(final) ? final : NULL;
	/* rb_step_rlimits() has left room for the fork */
	for (size_t i = 0; i < p->n_rlimits; i++)
		if (p->rlimits[i].resource == RLIMIT_NPROC)
			add_process(c, RB_STEP_RLIMITS, "process.rlimits");
	return 0;
}

/** emit_initial_affinity() - of the runtime itself, which its child inherits. */
int emit_initial_affinity(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!is_set(c->spec->process.exec_affinity_initial))
		return 0;
	step = compile_add(c, RB_STEP_AFFINITY, "process.execCPUAffinity.initial");
	step->side = RB_SIDE_HOST;
	step->u.text.text = c->spec->process.exec_affinity_initial;
	return 0;
}

static void warn_caps(struct compile *c, uint64_t caps, const char *set, const char *why)
{
	rb_autobuf names = { 0 };

	if (!caps)
		return;
	for (unsigned i = 0; i < 64; i++)
		if (caps & CAP_BIT(i))
			rb_buf_printf(&names, " %s", rb_name_of(rb_cap_names, i));
	compile_warn(c, "process.capabilities.%s: left out, %s:%s", set, why, names.data);
}

static void limit_set(struct compile *c, uint64_t *set, uint64_t to, const char *name,
		      const char *why)
{
	warn_caps(c, *set & ~to, name, why);
	*set &= to;
}

/**
 * grant_caps() - the five sets as the kernel will take them
 *
 * config.md: what cannot be granted is a warning, and the container runs without. The kernel's
 * rules are those of capset(2) and of PR_CAP_AMBIENT in prctl(2).
 */
static struct rb_caps grant_caps(struct compile *c)
{
	struct rb_caps s = c->spec->process.caps;
	uint64_t kernel = c->host->last_cap >= 63 ? UINT64_MAX : CAP_BIT(c->host->last_cap + 1) - 1;
	/* a process that creates or enters a user namespace has the full bounding set in it
	 * again */
	uint64_t may = compile_has(c, CLONE_NEWUSER) ? kernel : c->host->bounding;
	const char *why = "not in the bounding set of runbox itself";

	if (!s.present)
		return (struct rb_caps) { 0 };
	limit_set(c, &s.bounding, may, "bounding", why);
	limit_set(c, &s.permitted, may, "permitted", why);
	limit_set(c, &s.inheritable, may, "inheritable", why);
	limit_set(c, &s.effective, may, "effective", why);
	limit_set(c, &s.ambient, may, "ambient", why);
	limit_set(c, &s.effective, s.permitted, "effective", "not permitted");
	limit_set(c, &s.inheritable, s.bounding, "inheritable", "not in the bounding set");
	limit_set(c, &s.ambient, s.permitted & s.inheritable, "ambient",
		  "not permitted and inheritable");
	return s;
}

/* seccomp(2): loading a filter needs no_new_privs or CAP_SYS_ADMIN. */
static bool keeps_admin(const struct compile *c)
{
	return c->spec->linux_.seccomp.present && !c->spec->process.no_new_privileges &&
	       !(c->caps.effective & CAP_BIT(CAP_SYS_ADMIN));
}

/** emit_credentials() - user, capabilities, no_new_privs. */
int emit_credentials(struct compile *c, struct rb_err *err)
{
	struct rb_step *step;

	(void)err; /* cannot fail */
	c->caps = grant_caps(c);
	add_process(c, RB_STEP_USER, "process.user");
	step = compile_add(c, RB_STEP_CAPS,
			   c->spec->process.caps.present ? "process.capabilities" : NULL);
	step->u.caps.sets = c->caps;
	step->u.caps.keep_admin = keeps_admin(c);
	if (c->spec->process.no_new_privileges)
		compile_add(c, RB_STEP_NO_NEW_PRIVS, "process.noNewPrivileges");
	return 0;
}

int emit_program(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_CWD, "process.cwd")->u.text.text = c->spec->process.cwd;
	add_process(c, RB_STEP_FIND, "process.args[0]");
	return 0;
}

/** emit_filter() - the profile becomes a program for the kernel, once. */
int emit_filter(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->linux_.seccomp.present && !c->filter)
		compile_add(c, RB_STEP_FILTER, "linux.seccomp")->u.seccomp.profile =
			&c->spec->linux_.seccomp;
	c->filter = true;
	return 0;
}

int emit_notify_filter(struct compile *c, struct rb_err *err)
{
	bool notify = c->spec->linux_.seccomp.present &&
		      rb_seccomp_uses_notify(&c->spec->linux_.seccomp);

	return notify ? emit_filter(c, err) : 0;
}

static struct rb_step *add_seccomp(struct compile *c)
{
	struct rb_step *step = compile_add(c, RB_STEP_SECCOMP, "linux.seccomp");
	step->u.seccomp.profile = &c->spec->linux_.seccomp;
	step->u.seccomp.after = c->caps;
	step->u.seccomp.restore_caps = keeps_admin(c);
	return step;
}

/** emit_early_seccomp() - of exec: what it is loaded with is not for the container to see. */
int emit_early_seccomp(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	/* the listener is told a pid that is not there yet */
	if (keeps_admin(c) && !rb_seccomp_uses_notify(&c->spec->linux_.seccomp))
		add_seccomp(c)->u.seccomp.early = true;
	return 0;
}

int emit_seccomp(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->linux_.seccomp.present)
		(void)add_seccomp(c);
	return 0;
}

int emit_exec(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	add_process(c, RB_STEP_EXEC, "process.args");
	return 0;
}
