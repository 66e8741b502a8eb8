/* compile_cgroup.c - where the container's cgroups are, and what is written there
 *
 * Sources: config-linux.md "Cgroups Path", "Control groups"; cgroups(7). What a field writes is the
 * business of the steps; here only fields whose controller this host lacks are refused.
 */
#include "compile_priv.h"

#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "plan_priv.h"

/* "slice:prefix:name", what engines pass together with --systemd-cgroup */
static bool is_systemd_form(const char *path)
{
	const char *first = strchr(path, ':');

	return *path != '/' && first && strchr(first + 1, ':');
}

static int check_path(const char *path, struct rb_err *err)
{
	const char *at = "linux.cgroupsPath";

	if (is_systemd_form(path)) {
		(void)rb_fail_at(err, at, "cgroupsPath %s is in systemd's form slice:prefix:name",
				 path);
		return rb_err_hint(err,
				   "that is for the systemd manager: pass --systemd-cgroup too");
	}
	if (strchr(path,
		   '\n')) /* would break the lines of /proc/PID/cgroup, the kernel refuses it */
		return rb_fail_at(err, at, "cgroupsPath has a newline");
	for (const char *p = path; *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return rb_fail_at(err, at, "cgroupsPath %s climbs with \"..\"", path);
		p += len;
	}
	return 0;
}

/**
 * rb_cgroup_dirs() - where a container's cgroup lies in each hierarchy
 * @path: linux.cgroupsPath, may be NULL; @id: for the default "/runbox-ID"
 *
 * Source: config-linux.md "Cgroups Path": an absolute path is relative to the cgroups mount point;
 * a relative one is taken from there too, so that one value always means one place.
 * Return: 0 or -EINVAL (path climbs with "..", or is the root of the hierarchy)
 */
int rb_cgroup_dirs(struct rb_arena *arena, const struct rb_host *host, const char *path,
		   const char *id, struct rb_cgroup_dir **ret_dirs, size_t *ret_n,
		   struct rb_err *err)
{
	struct rb_cgroup_dir *dirs;
	const char *clean;

	if (path && *path) {
		int r = check_path(path, err);

		if (r < 0)
			return r;
		clean = compile_clean(arena, NULL, path);
		if (rb_streq(clean, "/"))
			return rb_fail_at(err, "linux.cgroupsPath",
					  "cgroupsPath is the root of the hierarchy");
	} else {
		clean = rb_arena_printf(arena, "/runbox-%s",
					id); /* one level: made and removed faster */
	}
	dirs = rb_arena_alloc(arena, (host->n_hierarchies + 1) * sizeof(*dirs));
	for (size_t i = 0; i < host->n_hierarchies; i++) {
		dirs[i].hierarchy = &host->hierarchies[i];
		dirs[i].path = clean;
	}
	*ret_dirs = dirs;
	*ret_n = host->n_hierarchies;
	return 0;
}

static bool has_limits(const struct rb_resources *res)
{
	for (const struct limit *l = limit_table; l->field; l++)
		if (limit_asked(l, res))
			return true;
	return res->unified.n > 0;
}

/* From inside another cgroup namespace, which may be a delegation boundary, nobody can be put into a
 * cgroup outside of it (cgroups(7), "nsdelegate"): the host side does it. */
static bool joins_cgroup_ns(const struct compile *c)
{
	return compile_has(c, CLONE_NEWCGROUP) && !compile_is_new(c, CLONE_NEWCGROUP);
}

/* A scope is made around a helper, which leaves it when the container is in it. Until then it counts as a
 * task, of which a limit may allow one: moving is allowed beyond the limit, cloning is not. */
static bool has_helper(const struct compile *c)
{
	return c->scope.unit && !c->exec;
}

/** check_cgroup() - does the container get cgroups, and where? */
int check_cgroup(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	const char *path = l->cgroups_path;
	int r = 0;

	/* the path is of no use then, so it may be in whatever form */
	if (c->opts->cgroups_disabled)
		return 0;
	if (c->opts->systemd_cgroup)
		r = compile_scope(c, &path, err);
	if (r == 0)
		r = rb_cgroup_dirs(c->arena, c->host, path, c->plan->id, &c->dirs, &c->n_dirs, err);
	if (r < 0)
		return r;
	/* nobody asked for one, and who is not root of the host can rarely make one: that is no warning */
	if (c->rootless && !c->scope.unit && !(l->cgroups_path && *l->cgroups_path) &&
	    !has_limits(&l->resources)) {
		c->n_dirs = 0;
	} else if (!c->n_dirs) {
		compile_warn(c, "no cgroup: this host has no cgroup file system mounted");
	}
	if (c->n_dirs)
		c->plan->cgroup_path = c->dirs[0].path;
	/* clone3(2) takes one descriptor, of a v2 cgroup; into the hierarchies of v1 it has to be moved */
	for (size_t i = 0; i < c->n_dirs && !joins_cgroup_ns(c) && !has_helper(c); i++)
		if (c->dirs[i].hierarchy->v2)
			c->into = &c->dirs[i];
	return 0;
}

/* Is the hierarchy meant by "controller,controller"? "" stands for v2, as in /proc/PID/cgroup. */
static bool is_named(const struct rb_hierarchy *h, const char *names, size_t len)
{
	return strlen(h->name) == len && strncmp(h->name, names, len) == 0;
}

static int move_below(struct compile *c, const char *sub, struct rb_err *err)
{
	const char *colon = strchr(sub, ':');
	const char *rest = colon ? colon + 1 : sub, *slash = *rest == '/' ? "" : "/";
	bool found = false;

	for (const char *p = rest; *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return rb_fail(err, RB_ERR_USAGE, "--cgroup %.64s climbs with \"..\"", sub);
		p += len;
	}
	for (size_t i = 0; i < c->n_dirs; i++) {
		if (colon && !is_named(c->dirs[i].hierarchy, sub, (size_t)(colon - sub)))
			continue;
		found = true;
		c->dirs[i].path = rb_arena_printf(c->arena, "%s%s%s", c->dirs[i].path, slash, rest);
	}
	if (!found)
		return rb_fail(err, RB_ERR_USAGE,
			       "--cgroup %.64s names no hierarchy of the container", sub);
	return 0;
}

/** check_sub_cgroup() - exec: cgroups below the container's own; they cannot climb out of it. */
int check_sub_cgroup(struct compile *c, struct rb_err *err)
{
	for (size_t i = 0; i < c->opts->sub_cgroups.n; i++) {
		int r = move_below(c, c->opts->sub_cgroups.v[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static unsigned controllers_of(const struct compile *c, bool v2_only)
{
	unsigned all = 0;

	for (size_t i = 0; i < c->n_dirs; i++)
		if (c->dirs[i].hierarchy->v2 || !v2_only)
			all |= c->dirs[i].hierarchy->controllers;
	return all;
}

static bool has_v2(const struct compile *c)
{
	for (size_t i = 0; i < c->n_dirs; i++)
		if (c->dirs[i].hierarchy->v2)
			return true;
	return false;
}

/* The controller of a file "memory.high" on v2; RB_CG_COUNT if it is none that this program
 * knows, which config-linux.md "Unified" wants written all the same. */
static enum rb_controller unified_controller(const char *file)
{
	size_t len = strcspn(file, ".");

	if (len == 2 && strncmp(file, "io", 2) == 0)
		return RB_CG_BLKIO;
	for (int i = 0; i < RB_CG_COUNT; i++)
		if (strlen(rb_controller_names[i]) == len &&
		    strncmp(rb_controller_names[i], file, len) == 0)
			return (enum rb_controller)i;
	return RB_CG_COUNT;
}

static int check_unified(struct compile *c, struct rb_err *err)
{
	const struct rb_kvs *unified = &c->spec->linux_.resources.unified;

	for (size_t i = 0; i < unified->n; i++) {
		const char *file = unified->v[i].key;
		const char *at = rb_arena_printf(c->arena, "linux.resources.unified[\"%s\"]", file);
		enum rb_controller ctrl = unified_controller(file);

		if (!*file || strchr(file, '/') || *file == '.')
			return rb_fail_at(err, at, "unified key %s is no name of a file", file);
		if (!has_v2(c))
			return rb_fail_at(
				err, at,
				"linux.resources.unified needs cgroup v2, which this host "
				"has not");
		if (ctrl != RB_CG_COUNT && !(controllers_of(c, true) & RB_CG_BIT(ctrl)))
			return rb_fail_at(
				err, at,
				"unified %s needs the %s controller, which this host has not "
				"on cgroup v2",
				file, ctrl == RB_CG_BLKIO ? "io" : rb_controller_names[ctrl]);
	}
	return 0;
}

/** check_resources() - is there a controller for each limit? */
int check_resources(struct compile *c, struct rb_err *err)
{
	const struct rb_resources *res = &c->spec->linux_.resources;

	if (c->opts->cgroups_disabled && has_limits(res))
		return rb_fail_at(err, "linux.resources",
				  "limits need a cgroup, and cgroups are disabled");
	for (const struct limit *l = limit_table; l->field; l++) {
		if (!limit_asked(l, res) || (controllers_of(c, false) & RB_CG_BIT(l->controller)))
			continue;
		return rb_fail_at(
			err, rb_arena_printf(c->arena, "linux.resources.%s", l->field),
			"linux.resources.%s needs the %s controller, which this host has not",
			l->field, rb_controller_names[l->controller]);
	}
	/* config-linux.md "CPU": burst is no larger than a positive quota */
	if (limit_asked(&(struct limit) { .type = LIMIT_I64_MORE,
					  .offset = offsetof(struct rb_resources, cpu.quota) },
			res) &&
	    res->cpu.burst.set && res->cpu.burst.v > (uint64_t)res->cpu.quota.v)
		return rb_fail_at(err, "linux.resources.cpu.burst",
				  "cpu.burst is larger than cpu.quota");
	return check_unified(c, err);
}

static const char *path_at(const struct compile *c)
{
	return c->spec->linux_.cgroups_path && *c->spec->linux_.cgroups_path ? "linux.cgroupsPath"
									     : NULL;
}

/* Does the child move itself? In a user namespace the files are not its own. */
static bool attaches_itself(const struct compile *c)
{
	return !compile_has(c, CLONE_NEWUSER) && !joins_cgroup_ns(c) && !c->rootless &&
	       !has_helper(c);
}

static void add_limits(struct compile *c, enum rb_step_kind kind, const char *at)
{
	struct rb_step *step = compile_add(c, kind, at);

	step->u.limits.dirs = c->dirs;
	step->u.limits.n = c->n_dirs;
	step->u.limits.res = &c->spec->linux_.resources;
}

/* Is the child out of sight of all processes but the host's? What others may trace has to be held by all that
 * holds the container from its first moment on. */
static bool is_alone(const struct compile *c)
{
	return compile_is_new(c, CLONE_NEWPID);
}

/* Are the cgroups made while the child is at work? Only those that it cannot be born in, and that
 * it sees where the host does: not from a mount namespace that somebody else made. */
static bool is_late(const struct compile *c)
{
	return is_alone(c) && !c->into && attaches_itself(c) &&
	       (!compile_has(c, CLONE_NEWNS) || compile_is_new(c, CLONE_NEWNS));
}

/* Limits before a process is in the cgroup: one below the usage is refused (cgroup-v1/memory.rst), and the
 * first instruction that the child runs in there already runs under it. */
static void add_cgroups(struct compile *c)
{
	struct rb_step *step;

	if (!c->n_dirs)
		return;
	step = compile_add(c, RB_STEP_CGROUP, path_at(c));
	step->u.cgroup.dirs = c->dirs;
	step->u.cgroup.n = c->n_dirs;
	if (has_limits(&c->spec->linux_.resources))
		add_limits(c, RB_STEP_LIMITS, "linux.resources");
}

/* Always, for without a rule a container could make and open any device. */
static int add_device_rules(struct compile *c, struct rb_err *err)
{
	bool asked = c->spec->linux_.resources.n_devices > 0;

	/* mknod(2) is not for a user namespace's root, and neither are the rules */
	if (!c->n_dirs || c->rootless)
		return 0;
	if (!has_v2(c) && !(controllers_of(c, false) & RB_CG_BIT(RB_CG_DEVICES)))
		return rb_fail_at(err, "linux.resources.devices",
				  "linux.resources.devices needs the devices controller, which "
				  "this host has not");
	add_limits(c, RB_STEP_DEVICE_RULES, asked ? "linux.resources.devices" : NULL);
	return 0;
}

/** emit_cgroups_early() - before the clone: what the child is born in */
int emit_cgroups_early(struct compile *c, struct rb_err *err)
{
	if (!is_late(c))
		add_cgroups(c);
	return is_alone(c) ? 0 : add_device_rules(c, err);
}

/** emit_cgroups_late() - while it is at work: what it is moved into, or what holds for devices only */
int emit_cgroups_late(struct compile *c, struct rb_err *err)
{
	if (is_late(c)) {
		add_cgroups(c);
		return 0;
	}
	return is_alone(c) ? add_device_rules(c, err) : 0;
}

size_t compile_dirs_to_enter(struct compile *c, struct rb_cgroup_dir **ret_dirs)
{
	struct rb_cgroup_dir *dirs = rb_arena_alloc(c->arena, (c->n_dirs + 1) * sizeof(*dirs));
	size_t n = 0;

	for (size_t i = 0; i < c->n_dirs; i++)
		if (&c->dirs[i] != c->into)
			dirs[n++] = c->dirs[i];
	*ret_dirs = dirs;
	return n;
}

/*
 * add_attach() - move the child into its v1 cgroups
 *
 * By itself, one thread at a time (the file "tasks"): the kernel then takes no lock over thread groups, for
 * which it would wait for an RCU grace period of up to 10 ms. In a user namespace the files are not its own,
 * so there the host side does it, and the child goes on meanwhile.
 */
static void add_attach(struct compile *c)
{
	struct rb_cgroup_dir *dirs;
	size_t n = compile_dirs_to_enter(c, &dirs);
	struct rb_step *step;

	if (!n)
		return;
	step = compile_add(c, RB_STEP_ATTACH, path_at(c));
	step->side = attaches_itself(c) ? RB_SIDE_CHILD : RB_SIDE_HOST;
	if (has_helper(c))
		step->u.cgroup.scope = c->scope;
	step->u.cgroup.dirs = dirs;
	step->u.cgroup.n = n;
}

int emit_attach(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (!is_late(c))
		add_attach(c);
	return 0;
}

bool compile_enters_late(const struct compile *c)
{
	bool by_itself = attaches_itself(c) && !is_late(c);

	return !by_itself && c->n_dirs > (c->into ? 1 : 0);
}

bool compile_mknod_waits(const struct compile *c)
{
	for (size_t i = 0; i < c->n_dirs; i++)
		if (c->dirs[i].hierarchy->controllers & RB_CG_BIT(RB_CG_DEVICES) &&
		    !c->dirs[i].hierarchy->v2)
			return true;
	return compile_enters_late(c);
}

bool compile_makes_late(const struct compile *c)
{
	return !c->exec && c->n_dirs > 0 && is_late(c);
}

int emit_attach_late(struct compile *c, struct rb_err *err)
{
	int r = add_device_rules(c, err);

	if (r == 0)
		add_attach(c);
	return r;
}

/* What lies in the top of resctrl and is no class (resctrl.rst). */
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "info", "mon_data", "mon_groups" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (rb_streq(names[i], name))
			return true;
	return false;
}

/** check_rdt() - closID, or the id in its place, can be the name of a class */
int check_rdt(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	const char *name = l->intel_rdt.clos_id ? l->intel_rdt.clos_id : c->plan->id;

	if (!l->intel_rdt.present || !is_reserved(name))
		return 0;
	(void)rb_fail_at(err, "linux.intelRdt.closID",
			 "%s cannot be the name of a class of resctrl", name);
	return l->intel_rdt.clos_id ? -EINVAL : rb_err_hint(err, "set closID, or give another id");
}

static void add_rdt(struct compile *c, enum rb_step_kind kind)
{
	const struct rb_linux *l = &c->spec->linux_;
	const char *clos = l->intel_rdt.clos_id;
	struct rb_step *step;

	if (!l->intel_rdt.present)
		return;
	step = compile_add(c, kind, "linux.intelRdt");
	step->u.rdt.linux_ = l;
	/* config-linux.md: without closID the container's id; "/" is the default class */
	step->u.rdt.group = !clos ? c->plan->id : rb_streq(clos, "/") ? "" : clos;
	step->u.rdt.own = !clos;
	step->u.rdt.monitor = l->intel_rdt.enable_monitoring ? c->plan->id : NULL;
}

int emit_rdt(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	add_rdt(c, RB_STEP_RDT);
	return 0;
}

int emit_rdt_enter(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	add_rdt(c, RB_STEP_RDT_ENTER);
	return 0;
}
