/* compile.c - turns a spec into the ordered plan of steps
 *
 * Order is decided here and nowhere else: first the checks, then the emitters, each table from top
 * to bottom. Where the order of two rows matters, the comment at the later one names the rule of
 * the kernel or of the spec behind it. Pure: no system calls; facts about the host come in through
 * struct rb_host.
 */
#include "compile_priv.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef int compile_fn(struct compile *c, struct rb_err *err);

static compile_fn emit_record, emit_late, emit_pid_file, emit_created, emit_gate;
static compile_fn emit_mapped, emit_mounted, emit_hooked, emit_ready, emit_recorded;
static compile_fn emit_executed, emit_known, emit_networked, emit_born;
static compile_fn emit_prestart, emit_create_runtime, emit_create_container, emit_start_container;

/* Namespaces first: most of the others ask which there are. */
static compile_fn *const checks[] = {
	check_options,	      check_unsupported, check_root,	  check_namespaces, check_network,
	check_id_maps,	      check_uts,	 check_time,	  check_cgroup,	    check_resources,
	check_needs_mount_ns, check_mounts,	 check_ephemeral, check_devices,    check_process,
	check_scheduler,      check_labels,	 check_seccomp,	  check_rdt,	    check_init,
	check_time_limit,
};

static compile_fn *const emitters[] = {
	/* --- host, before the child exists --- */
	/* first: from here on `delete` knows the container and can undo what follows */
	emit_record,
	/* before the cgroups: it makes one of them */
	emit_scope,
	emit_cgroups_early,
	/* the child takes along the socket of who is told about its calls */
	emit_notify_filter,
	/* a conflict of addresses or ports stops the create before anything is made for it */
	emit_network,
	/* before the clone, which joins it by its name */
	emit_netns,
	/* the addresses are known by now, and the child takes the files along */
	emit_net_files,
	/* before the clone: root of a new user namespace may not be able to reach the host's
	 * directories, and an id-mapped mount needs CAP_SYS_ADMIN over the file system
	 * (mount_setattr(2)) */
	emit_open_root,
	emit_open_sources,
	emit_clone,
	/* --- host, while the child waits --- */
	/* from outside: a process cannot map more than its own id (user_namespaces(7)) */
	emit_id_map,
	/* from outside: lowering the score needs CAP_SYS_RESOURCE (proc(5)), which the child gives up;
	 * and before it is let go: from then on it hides its files in /proc from its own user */
	emit_oom_score,
	/* the child of a new user namespace is nobody, and may do nothing, until its ids are mapped */
	emit_mapped,
	/* meanwhile, and whoever depends on them waits (emit_in_cgroups, emit_attached): the cgroups that no
	 * process can be born in, and the rules of devices, for until then the child opens none */
	emit_cgroups_late,
	/* first of all in the child, or meanwhile by the host side */
	emit_attach,
	/* before the child makes or becomes anything: what it forks is born in the class of its parent */
	emit_rdt,
	/* the namespace is there; all of it while the child makes its mounts */
	emit_net_links,
	/* before any hook, for those of the end are in it, and before the child is let go for good */
	emit_late,

	/* --- child, the host's file system still at / --- */
	/* needs the id map; before anything is made that should belong to the mapped root */
	emit_become_root,
	/* before anything else reads a clock; offsets must be set while the namespace is empty
	 * (time_namespaces(7)) */
	emit_time_ns,
	/* before the first mount, or it would show on the host (mount_namespaces(7)) */
	emit_propagation,
	/* in the child, for its layers have to be mounted in its own mount namespace; rootfs then attaches
	 * it like any other tree */
	emit_overlay,
	emit_rootfs,
	/* config.md "Mounts": in the listed order */
	emit_mounts,
	/* as late as can be: it waits for the namespace, which takes longer to make than all mounts before */
	emit_loopback,
	emit_net_mounts,
	/* runtime-linux.md "Dev symbolic links" and config-linux.md "Default Devices": after
	 * the mounts, one of which is /dev */
	emit_devices,
	/* needs the devpts of the container for its pty, and /dev for the target */
	emit_console,
	/* after all that is made in them */
	emit_sealed_mounts,
	/* after the mounts: paths below /proc and /sys exist only now; read-only before masked,
	 * so that a mask is not itself remounted */
	emit_hidden_paths,
	/* config.md "Prestart", "CreateRuntime Hooks": after the namespaces and the mount
	 * operations, before pivot_root; prestart before createRuntime before createContainer */
	emit_in_cgroups,
	emit_mounted,
	emit_prestart,
	emit_create_runtime,
	emit_hooked,
	/* its hooks, sysctls of its devices, and its program find the network as it was asked for */
	emit_networked,
	/* config.md "CreateContainer Hooks": in the container's namespaces, but their path is
	 * of the host's file system, so still before pivot_root */
	emit_create_container,
	emit_enter_root,

	/* --- child, inside its root --- */
	/* nothing is final in the child, and nothing seen by others, in the namespaces that it shares, before
	 * the host side has recorded it and put it where it is to run (rb_proc_beside); so late, for the host
	 * side may have to wait for a processor */
	emit_attached,
	emit_sysctl,
	emit_names,
	/* after the last mount point was made in the root */
	emit_root_readonly,
	/* before the limits of the process, which its memory would be subject to */
	emit_init,
	/* keyring, affinity, scheduler, io priority, memory policy, rlimits, personality,
	 * label: while the child still has the rights for them */
	emit_process_setup,
	/* user, then capabilities: setuid(2) away from 0 clears them (capabilities(7));
	 * no_new_privs last of these, it would forbid none of them but belongs before seccomp
	 * (seccomp(2)) */
	emit_credentials,
	/* as the container's user: both must be reachable for it */
	emit_program,
	/* whichever side keeps it, it runs from the gate on */
	emit_time_limit,
};

/* From there to the program by way of a start: create, and most of run. */
static compile_fn *const gated_emitters[] = {
	/* create returns only when all that can fail before start has been tried (runtime.md
	 * "Create") */
	emit_ready,
	/* the pid file exists before anybody can see the state "created"; engines read it when
	 * create is done */
	emit_pid_file,
	emit_created,
	emit_recorded,
	emit_gate,
	/* config.md "StartContainer Hooks": as part of start, in the container, before the
	 * program */
	emit_start_container,
	/* as late as can be: the profile is meant for the program and may forbid what the steps
	 * before need */
	emit_seccomp,
	emit_exec,
};

/* Straight on, for a run that nobody has a part in between: neither side waits for the other's word, which
 * takes as long as ten mounts. */
static compile_fn *const straight_emitters[] = {
	emit_seccomp,
	emit_exec,
	emit_executed,
	emit_created,
};

/* What a further process in a running container needs of the above. The policy is the container's. */
static compile_fn *const exec_checks[] = {
	check_options, check_unsupported, check_namespaces, check_network,
	check_cgroup,  check_sub_cgroup,  check_process,    check_scheduler,
	check_labels,  check_seccomp,	  check_rdt,
};

static compile_fn *const exec_emitters[] = {
	emit_filter,
	/* config.md "execCPUAffinity": initial holds before the process is in the container's cgroup */
	emit_initial_affinity,
	emit_enter,
	emit_rdt_enter,
	emit_oom_score,
	emit_exec_scheduler,
	emit_become_root,
	emit_console,
	emit_exec_setup,
	emit_credentials,
	emit_program,
	emit_early_seccomp,
	/* as late as can be: from here on the container sees it, and traces it if it has
	 * CAP_SYS_PTRACE (ptrace(2)); what it still had would be the container's */
	emit_born,
	emit_attached,
	/* a move into a cpuset resets the affinity (cpuset(7)), so it is set after that */
	emit_exec_last,
	emit_known,
	emit_seccomp,
	emit_exec,
	/* engines take a pid file for success and know no other sign of it, so it is written last */
	emit_executed,
	emit_pid_file,
};

/* Of a container that another runtime made: the rows of the host side for a namespace that is there. */
static compile_fn *const network_checks[] = { check_namespaces, check_network };
static compile_fn *const network_emitters[] = {
	emit_record,
	emit_network,
	emit_netns,
	emit_net_links,
};

static const unsigned default_side[RB_STEP_COUNT] = {
#define RB_STEP(kind, name, side, data) [RB_STEP_##kind] = RB_SIDE_##side,
#include "runbox/steps.def"
#undef RB_STEP
};

struct rb_step *compile_add(struct compile *c, enum rb_step_kind kind, const char *at)
{
	struct rb_plan *plan = c->plan;
	struct rb_step *step;

	if (plan->len == plan->cap) {
		size_t cap = plan->cap ? 2 * plan->cap : 64;
		struct rb_step *steps = rb_arena_alloc(c->arena, cap * sizeof(*steps));

		if (plan->len)
			memcpy(steps, plan->steps, plan->len * sizeof(*steps));
		plan->steps = steps;
		plan->cap = cap;
	}
	step = &plan->steps[plan->len++];
	step->kind = kind;
	step->side = default_side[kind];
	step->at = at;
	return step;
}

void compile_warn(struct compile *c, const char *fmt, ...)
{
	struct rb_strv *w = &c->plan->warnings;
	char **v = rb_arena_alloc(c->arena, (w->n + 2) * sizeof(*v));
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a warning cut short is still one */
	va_end(ap);
	if (w->n)
		memcpy(v, w->v, w->n * sizeof(*v));
	v[w->n++] = rb_arena_strdup(c->arena, text);
	w->v = v;
}

static int emit_record(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_RECORD, NULL);
	return 0;
}

/* What the child needs as late as its last rows or not at all: the host side does it beside the child's
 * mounts. A profile that was never seen before takes longer than those. */
static void add_late(struct compile *c, struct rb_err *err)
{
	if (c->late)
		return;
	c->late = true;
	(void)emit_filter(c, err); /* cannot fail */
	compile_add(c, RB_STEP_KEEP, NULL);
}

/* Where the child waits for cgroups to be made, these come first. */
static int emit_late(struct compile *c, struct rb_err *err)
{
	if (!compile_makes_late(c))
		add_late(c, err);
	return 0;
}

static int emit_pid_file(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->opts->pid_file)
		compile_add(c, RB_STEP_PID_FILE, NULL)->u.text.text = c->opts->pid_file;
	return 0;
}

static int emit_created(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_CREATED, NULL);
	return 0;
}

static int emit_gate(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_GATE, NULL);
	return 0;
}

static int add_barrier(struct compile *c, const char *name, unsigned from)
{
	struct rb_step *step = compile_add(c, RB_STEP_BARRIER, NULL);

	step->u.barrier.name = name;
	step->u.barrier.from = from;
	return 0;
}

static int emit_mapped(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return compile_is_new(c, CLONE_NEWUSER) ? add_barrier(c, "mapped", RB_SIDE_HOST) : 0;
}

static bool is_host_busy(const struct compile *c)
{
	for (size_t i = c->plan->len; i > 0 && c->plan->steps[i - 1].kind != RB_STEP_CLONE; i--) {
		const struct rb_step *step = &c->plan->steps[i - 1];

		if (step->side == RB_SIDE_HOST &&
		    (step->kind == RB_STEP_DEVICE_RULES || step->kind == RB_STEP_ATTACH ||
		     step->kind == RB_STEP_RDT || step->kind == RB_STEP_RDT_ENTER ||
		     step->kind == RB_STEP_SCHEDULER || step->kind == RB_STEP_OOM_SCORE))
			return true;
	}
	return false;
}

/* The child waits for all of the host side's rows until here, those for which it would wait
 * otherwise, too. */
static int add_word(struct compile *c, const char *name)
{
	c->attached = true;
	return add_barrier(c, name, RB_SIDE_HOST);
}

/* Once: before the first row that needs what the host side does for the child, at the latest before it is
 * what it will be. */
int emit_attached(struct compile *c, struct rb_err *err)
{
	int r = compile_makes_late(c) ? emit_in_cgroups(c, err) : 0;

	if (r < 0 || c->attached)
		return r;
	c->attached = true;
	if (c->exec && !is_host_busy(c))
		return 0;
	if (!c->exec)
		add_late(c, err);
	return add_barrier(c, "attached", RB_SIDE_HOST);
}

/* Once: before the first row that needs the child to be in its cgroups, at the latest before hooks. */
int emit_in_cgroups(struct compile *c, struct rb_err *err)
{
	int r = 0;

	if (c->in_cgroups)
		return 0;
	c->in_cgroups = true;
	if (compile_makes_late(c)) {
		(void)add_barrier(c, "made", RB_SIDE_HOST); /* cannot fail */
		r = emit_attach_late(c, err);
	} else if (compile_enters_late(c)) {
		r = emit_attached(c, err);
	}
	/* the cgroup of the caller becomes the root of the namespace (cgroup_namespaces(7)) */
	return r < 0 ? r : emit_cgroup_ns(c, err);
}

/* Only the hooks of the host side need the two sides to wait for each other here. */
static bool has_host_hooks(const struct compile *c)
{
	return c->spec->hooks[RB_HOOK_PRESTART].n || c->spec->hooks[RB_HOOK_CREATE_RUNTIME].n;
}

static int emit_mounted(struct compile *c, struct rb_err *err)
{
	if (has_host_hooks(c))
		add_late(c, err); /* what their container is, for those of its end */
	return has_host_hooks(c) ? add_barrier(c, "mounted", RB_SIDE_CHILD) : 0;
}

static int emit_hooked(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return has_host_hooks(c) ? add_word(c, "hooked") : 0;
}

static int emit_networked(struct compile *c, struct rb_err *err)
{
	/* "hooked" comes later than all of the host's rows before it */
	if (!compile_has_links(c) || has_host_hooks(c))
		return 0;
	add_late(c, err);
	return add_word(c, "networked");
}

static int emit_ready(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return add_barrier(c, "ready", RB_SIDE_CHILD);
}

static int emit_recorded(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return add_barrier(c, "recorded", RB_SIDE_HOST);
}

/* What the seccomp listener gets names the process by its pid on the host, which the process itself does not
 * know; in a create it comes with "recorded". */
static int emit_known(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return c->spec->linux_.seccomp.present && rb_seccomp_uses_notify(&c->spec->linux_.seccomp)
		       ? add_barrier(c, "known", RB_SIDE_HOST)
		       : 0;
}

static int add_hooks(struct compile *c, enum rb_hook_kind kind, unsigned side)
{
	const struct rb_hooks *hooks = &c->spec->hooks[kind];

	for (size_t i = 0; i < hooks->n; i++) {
		const char *at = rb_arena_printf(c->arena, "hooks.%s[%zu]",
						 rb_name_of(rb_hook_names, kind), i);
		struct rb_step *step = compile_add(c, RB_STEP_HOOK, at);

		step->side = side;
		step->u.hook.hook_kind = kind;
		step->u.hook.index = i;
		step->u.hook.hook = &hooks->v[i];
	}
	return 0;
}

static int emit_prestart(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return add_hooks(c, RB_HOOK_PRESTART, RB_SIDE_HOST);
}

static int emit_create_runtime(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return add_hooks(c, RB_HOOK_CREATE_RUNTIME, RB_SIDE_HOST);
}

static int emit_create_container(struct compile *c, struct rb_err *err)
{
	if (c->spec->hooks[RB_HOOK_CREATE_CONTAINER].n)
		(void)emit_attached(c, err); /* cannot fail */
	return add_hooks(c, RB_HOOK_CREATE_CONTAINER, RB_SIDE_CHILD);
}

static int emit_start_container(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	return add_hooks(c, RB_HOOK_START_CONTAINER, RB_SIDE_CHILD);
}

static int emit_executed(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_EXECUTED, NULL);
	return 0;
}

static int emit_born(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	compile_add(c, RB_STEP_BORN, NULL);
	return 0;
}

/* May the child go on to the program without a word of the host side? Hooks want to find the
 * container created or just started; a listener is told the pid that the host knows; a terminal and
 * a notify socket are got ready in between; a pid file can fail to be written. Helpers have the
 * host side wait, deaf to signals. And what has begun to run has to be held together by something
 * that can be ended whole. */
static bool is_straight(const struct compile *c)
{
	const struct rb_spec *spec = c->spec;

	for (int i = 0; i < RB_HOOK_KINDS; i++)
		if (spec->hooks[i].n)
			return false;
	return c->opts->runs && !c->opts->pid_file && !c->opts->notify_dir &&
	       !spec->process.terminal && !spec->ext.init && !spec->ext.network.present &&
	       !c->rootless && !c->scope.unit && (c->n_dirs || compile_is_new(c, CLONE_NEWPID)) &&
	       !(spec->linux_.seccomp.present && rb_seccomp_uses_notify(&spec->linux_.seccomp));
}

static int run_all(compile_fn *const *fns, size_t n, struct compile *c, struct rb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = fns[i](c, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static struct compile begin(struct rb_plan *plan, const struct rb_spec *spec,
			    const struct rb_host *host, const struct rb_plan_opts *opts)
{
	plan->spec = spec;
	plan->id = opts->id ? opts->id : "ID";
	return (struct compile) {
		.plan = plan,
		.arena = &plan->arena,
		.spec = spec,
		.host = host,
		.opts = opts,
		.rootless = host->euid != 0 || host->in_userns,
	};
}

/**
 * rb_plan_compile() - turn a spec into the ordered plan
 * @plan: an empty struct; keeps pointers into @spec, @host and @opts
 *
 * Return: 0, or -EINVAL with the failure and its JSON path in @err
 */
int rb_plan_compile(struct rb_plan *plan, const struct rb_spec *spec, const struct rb_host *host,
		    const struct rb_plan_opts *opts, struct rb_err *err)
{
	struct compile c = begin(plan, spec, host, opts);
	int r = run_all(checks, LEN(checks), &c, err);

	if (r == 0)
		r = run_all(emitters, LEN(emitters), &c, err);
	if (r < 0)
		return r;
	plan->straight = is_straight(&c);
	return plan->straight ? run_all(straight_emitters, LEN(straight_emitters), &c, err)
			      : run_all(gated_emitters, LEN(gated_emitters), &c, err);
}

/** rb_plan_compile_exec() - the plan of a further process; see rb_plan_compile() */
int rb_plan_compile_exec(struct rb_plan *plan, const struct rb_spec *spec,
			 const struct rb_host *host, const struct rb_plan_opts *opts,
			 struct rb_err *err)
{
	struct compile c = begin(plan, spec, host, opts);
	int r;

	c.exec = true;
	r = run_all(exec_checks, LEN(exec_checks), &c, err);

	if (r < 0)
		return r;
	/* nothing is made: all of them are entered */
	plan->joined_ns |= plan->new_ns;
	plan->new_ns = 0;
	return run_all(exec_emitters, LEN(exec_emitters), &c, err);
}

/** rb_plan_compile_network() - the plan of a network alone; see rb_plan_compile() */
int rb_plan_compile_network(struct rb_plan *plan, const struct rb_spec *spec,
			    const struct rb_host *host, const struct rb_plan_opts *opts,
			    struct rb_err *err)
{
	struct compile c = begin(plan, spec, host, opts);
	int r;

	c.network_only = true;
	r = run_all(network_checks, LEN(network_checks), &c, err);
	if (r < 0)
		return r;
	return run_all(network_emitters, LEN(network_emitters), &c, err);
}

/** rb_plan_done() - free what rb_plan_compile() made, also after it failed; the plan is empty
 * again. */
void rb_plan_done(struct rb_plan *plan)
{
	rb_arena_done(&plan->arena);
	*plan = (struct rb_plan) { 0 };
}
