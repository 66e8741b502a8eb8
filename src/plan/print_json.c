/* print_json.c - the plan as JSON (schema/plan.json)
 *
 * Each step has what the text has, and "args": its data by name, one writer for each member of the
 * data union in steps.def.
 */
#include <inttypes.h>

#include "plan_priv.h"
#include "runbox/names.h"

/* A comma before each member but the first. */
struct object {
	struct rb_buf *out;
	const char *sep;
};

static void key(struct object *o, const char *name)
{
	rb_buf_add(o->out, o->sep);
	rb_buf_json(o->out, name);
	rb_buf_add(o->out, ":");
	o->sep = ",";
}

/* Absent text is no member. */
static void add_text(struct object *o, const char *name, const char *value)
{
	if (!value)
		return;
	key(o, name);
	rb_buf_json(o->out, value);
}

static void add_number(struct object *o, const char *name, int64_t value)
{
	key(o, name);
	rb_buf_printf(o->out, "%" PRId64, value);
}

static void add_bool(struct object *o, const char *name, bool value)
{
	key(o, name);
	rb_buf_add(o->out, value ? "true" : "false");
}

static void add_strings(struct object *o, const char *name, const struct rb_strv *v)
{
	key(o, name);
	rb_buf_add(o->out, "[");
	for (size_t i = 0; i < v->n; i++) {
		rb_buf_add(o->out, i ? "," : "");
		rb_buf_json(o->out, v->v[i]);
	}
	rb_buf_add(o->out, "]");
}

static void add_flags(struct object *o, const char *name, unsigned long flags)
{
	const char *sep = "";

	key(o, name);
	rb_buf_add(o->out, "[");
	for (size_t i = 0; i < RB_NS_COUNT; i++) {
		if (!(flags & rb_ns_types[i].flag))
			continue;
		rb_buf_add(o->out, sep);
		rb_buf_json(o->out, rb_ns_types[i].name);
		sep = ",";
	}
	rb_buf_add(o->out, "]");
}

static void add_dirs(struct object *o, const char *name, const struct rb_cgroup_dir *dirs, size_t n)
{
	key(o, name);
	rb_buf_add(o->out, "[");
	for (size_t i = 0; i < n; i++) {
		struct object dir = { o->out, "" };

		rb_buf_add(o->out, i ? ",{" : "{");
		add_text(&dir, "mount", dirs[i].hierarchy->mount);
		add_text(&dir, "path", dirs[i].path);
		rb_buf_add(o->out, "}");
	}
	rb_buf_add(o->out, "]");
}

static void add_maps(struct object *o, const char *name, const struct rb_idmap *maps, size_t n)
{
	if (!n)
		return;
	key(o, name);
	rb_buf_add(o->out, "[");
	for (size_t i = 0; i < n; i++)
		rb_buf_printf(o->out,
			      "%s{\"containerID\":%" PRIu32 ",\"hostID\":%" PRIu32
			      ",\"size\":%" PRIu32 "}",
			      i ? "," : "", maps[i].container_id, maps[i].host_id, maps[i].size);
	rb_buf_add(o->out, "]");
}

static void add_caps(struct object *o, const char *name, uint64_t set)
{
	const char *sep = "";

	key(o, name);
	rb_buf_add(o->out, "[");
	for (unsigned i = 0; i < 64; i++) {
		const char *cap = set >> i & 1 ? rb_name_of(rb_cap_names, i) : NULL;

		if (!cap)
			continue;
		rb_buf_add(o->out, sep);
		rb_buf_json(o->out, cap);
		sep = ",";
	}
	rb_buf_add(o->out, "]");
}

/* --- one writer a member of the union --- */

static void json_none(const struct rb_step *step, struct object *o)
{
	(void)step;
	(void)o;
}

static void json_cgroup(const struct rb_step *step, struct object *o)
{
	add_dirs(o, "directories", step->u.cgroup.dirs, step->u.cgroup.n);
}

static void json_scope(const struct rb_step *step, struct object *o)
{
	const struct rb_scope *s = &step->u.scope.scope;

	add_text(o, "unit", s->unit);
	add_text(o, "slice", s->slice);
	add_text(o, "manager", s->user ? "user" : "system");
	add_dirs(o, "directories", step->u.scope.dirs, step->u.scope.n);
}

static void json_limits(const struct rb_step *step, struct object *o)
{
	const struct rb_resources *res = step->u.limits.res;

	add_dirs(o, "directories", step->u.limits.dirs, step->u.limits.n);
	if (step->kind != RB_STEP_DEVICE_RULES)
		return;
	key(o, "rules");
	rb_buf_add(o->out, "[\"deny a *:* rwm\"");
	for (size_t i = 0; i < res->n_devices; i++) {
		rb_autobuf rule = { 0 };

		plan_device_rule(&res->devices[i], &rule);
		rb_buf_add(o->out, ",");
		rb_buf_json(o->out, rule.data);
	}
	rb_buf_add(o->out, "]");
}

static void json_rootfs(const struct rb_step *step, struct object *o)
{
	add_text(o, "path", step->u.rootfs.written);
	add_bool(o, "readonly", step->u.rootfs.readonly);
}

static void json_overlay(const struct rb_step *step, struct object *o)
{
	add_text(o, "lower", step->u.overlay.written);
	add_text(o, "label", step->u.overlay.label);
	add_bool(o, "userXattr", step->u.overlay.user_xattr);
}

static void json_init(const struct rb_step *step, struct object *o)
{
	add_bool(o, "subreaper", step->u.init.subreaper);
}

static void json_mount(const struct rb_step *step, struct object *o)
{
	const struct rb_mount *m = step->u.mount.m;

	add_text(o, "destination", m->dest);
	add_text(o, "type", m->type);
	add_text(o, "source", m->source);
	add_strings(o, "options", &m->options);
	add_bool(o, "opened", step->u.mount.opened);
	add_maps(o, "uidMappings", step->u.mount.uids, step->u.mount.n_uids);
	add_maps(o, "gidMappings", step->u.mount.gids, step->u.mount.n_gids);
	add_text(o, "label", step->u.mount.label);
}

static void json_clone(const struct rb_step *step, struct object *o)
{
	add_flags(o, "new", step->u.clone.flags);
	add_flags(o, "later", step->u.clone.later);
	key(o, "join");
	rb_buf_add(o->out, "[");
	for (size_t i = 0; i < step->u.clone.n_joins; i++) {
		struct object join = { o->out, "" };

		rb_buf_add(o->out, i ? ",{" : "{");
		add_text(&join, "type", step->u.clone.joins[i].name);
		add_text(&join, "path", step->u.clone.joins[i].path);
		add_text(&join, "at", step->u.clone.joins[i].at);
		rb_buf_add(o->out, "}");
	}
	rb_buf_add(o->out, "]");
	if (step->u.clone.into)
		add_text(o, "cgroup", step->u.clone.into->path);
}

static void json_enter(const struct rb_step *step, struct object *o)
{
	add_flags(o, "join", step->u.enter.flags);
	if (step->u.enter.into)
		add_text(o, "cgroup", step->u.enter.into->path);
}

static void json_idmap(const struct rb_step *step, struct object *o)
{
	add_maps(o, "uidMappings", step->u.idmap.uids, step->u.idmap.n_uids);
	add_maps(o, "gidMappings", step->u.idmap.gids, step->u.idmap.n_gids);
	add_bool(o, "helpers", step->u.idmap.helpers);
	add_bool(o, "denySetgroups", step->u.idmap.deny_setgroups);
}

static void json_barrier(const struct rb_step *step, struct object *o)
{
	add_text(o, "name", step->u.barrier.name);
	add_text(o, "from", plan_side(step->u.barrier.from));
}

static void json_hook(const struct rb_step *step, struct object *o)
{
	const struct rb_hook *hook = step->u.hook.hook;

	add_text(o, "hook", rb_name_of(rb_hook_names, step->u.hook.hook_kind));
	add_number(o, "index", (int64_t)step->u.hook.index);
	add_text(o, "path", hook->path);
	add_strings(o, "args", &hook->args);
	if (hook->has_timeout)
		add_number(o, "timeout", hook->timeout);
}

static void add_offset(struct object *o, const char *name, const struct rb_time_offset *t)
{
	if (!t->present)
		return;
	key(o, name);
	rb_buf_printf(o->out, "{\"secs\":%" PRId64 ",\"nanosecs\":%" PRIu32 "}", t->secs,
		      t->nanosecs);
}

static void json_time(const struct rb_step *step, struct object *o)
{
	add_offset(o, "boottime", &step->u.time.boottime);
	add_offset(o, "monotonic", &step->u.time.monotonic);
}

static void json_device(const struct rb_step *step, struct object *o)
{
	const struct rb_device *d = &step->u.device.dev;
	const char type[] = { d->type, '\0' };

	add_text(o, "path", d->path);
	add_text(o, "type", type);
	add_number(o, "major", d->major);
	add_number(o, "minor", d->minor);
	add_number(o, "fileMode", d->file_mode);
	add_number(o, "uid", d->uid);
	add_number(o, "gid", d->gid);
	add_bool(o, "bind", step->u.device.bind);
}

static void json_link(const struct rb_step *step, struct object *o)
{
	add_text(o, "path", step->u.link.path);
	add_text(o, "target", step->u.link.target);
}

static void json_console(const struct rb_step *step, struct object *o)
{
	if (step->u.console.has_size) {
		add_number(o, "height", step->u.console.rows);
		add_number(o, "width", step->u.console.cols);
	}
	add_number(o, "uid", step->u.console.uid);
}

static void json_pivot(const struct rb_step *step, struct object *o)
{
	add_bool(o, "move", step->u.pivot.how == RB_PIVOT_MOVE);
	add_bool(o, "exchange", step->u.pivot.how == RB_PIVOT_EXCHANGE);
}

static void json_kv(const struct rb_step *step, struct object *o)
{
	add_text(o, "key", step->u.kv.key);
	add_text(o, "value", step->u.kv.value);
	add_text(o, "file", step->u.kv.file);
}

static void json_process(const struct rb_step *step, struct object *o)
{
	const struct rb_process *p = step->u.process.process;

	if (step->kind == RB_STEP_USER) {
		add_number(o, "uid", p->user.uid);
		add_number(o, "gid", p->user.gid);
		if (p->user.has_umask)
			add_number(o, "umask", p->user.umask);
	} else if (step->kind == RB_STEP_EXEC) {
		add_strings(o, "args", &p->args);
		add_strings(o, "env", &p->env);
	} /* the others say all in "detail" */
}

static void json_caps(const struct rb_step *step, struct object *o)
{
	const struct rb_caps *s = &step->u.caps.sets;

	add_caps(o, "bounding", s->bounding);
	add_caps(o, "permitted", s->permitted);
	add_caps(o, "effective", s->effective);
	add_caps(o, "inheritable", s->inheritable);
	add_caps(o, "ambient", s->ambient);
}

static void json_label(const struct rb_step *step, struct object *o)
{
	add_text(o, "lsm", step->u.label.lsm);
	add_text(o, "label", step->u.label.label);
}

static void json_seccomp(const struct rb_step *step, struct object *o)
{
	const struct rb_seccomp *p = step->u.seccomp.profile;

	add_text(o, "defaultAction", rb_name_of(rb_seccomp_action_names, p->default_action));
	add_number(o, "rules", (int64_t)p->n_rules);
	add_text(o, "listenerPath", p->listener_path);
}

static void json_spec(const struct rb_step *step, struct object *o)
{
	const struct rb_linux *l = &step->u.spec.spec->linux_;

	add_text(o, "mode", rb_name_of(rb_mpol_mode_names, (uint64_t)l->memory_policy.mode));
	add_text(o, "nodes", l->memory_policy.nodes);
}

static void json_number(const struct rb_step *step, struct object *o)
{
	add_number(o, "value", step->u.number.value);
}

static void json_text(const struct rb_step *step, struct object *o)
{
	add_text(o, "text", step->u.text.text);
}

static void json_network(const struct rb_step *step, struct object *o)
{
	const struct rb_ext *e = step->u.network.ext;

	add_number(o, "interfaces", (int64_t)e->network.n_ifaces);
	add_number(o, "ports", (int64_t)e->network.n_ports);
	add_bool(o, "masquerade", e->network.masquerade);
}

static void json_net(const struct rb_step *step, struct object *o)
{
	const struct rb_iface *f = step->u.net.iface;

	if (f) {
		add_text(o, "type", f->type);
		add_text(o, "name", f->name);
		add_text(o, "hostName", f->host_name);
		add_text(o, "bridge", f->bridge);
		add_text(o, "parent", f->parent);
		add_bool(o, "host", step->u.net.host);
	}
	add_text(o, "to", step->u.net.text);
	add_text(o, "via", step->u.net.via);
}

static void json_netdev(const struct rb_step *step, struct object *o)
{
	add_text(o, "hostName", step->u.netdev.dev->host_name);
	add_text(o, "name", step->u.netdev.dev->name);
}

static void json_files(const struct rb_step *step, struct object *o)
{
	add_bool(o, "resolvConf", step->u.files.resolv);
	add_bool(o, "hosts", step->u.files.hosts);
	add_number(o, "uid", step->u.files.uid);
	add_number(o, "gid", step->u.files.gid);
}

static void json_file(const struct rb_step *step, struct object *o)
{
	add_text(o, "path", step->u.file.path);
}

static void json_rdt(const struct rb_step *step, struct object *o)
{
	add_text(o, "group", *step->u.rdt.group ? step->u.rdt.group : "/");
	add_text(o, "monitor", step->u.rdt.monitor);
	add_bool(o, "own", step->u.rdt.own);
}

static void (*const writers[RB_STEP_COUNT])(const struct rb_step *step, struct object *o) = {
#define RB_STEP(kind, name, side, data) [RB_STEP_##kind] = json_##data,
#include "runbox/steps.def"
#undef RB_STEP
};

static void print_step(const struct rb_step *step, size_t number, const struct rb_step_time *time,
		       struct rb_buf *out)
{
	struct object o = { out, "" }, args = { out, "" };
	rb_autobuf detail = { 0 };

	rb_step_describe(step, &detail);
	rb_buf_add(out, "\t\t{");
	add_number(&o, "step", (int64_t)number);
	add_text(&o, "side", plan_side(step->side));
	add_text(&o, "kind", rb_step_name(step->kind));
	add_text(&o, "detail", detail.data ? detail.data : "");
	add_text(&o, "at", step->at);
	add_text(&o, "undo", rb_step_undo_text(step));
	if (time && time->start_ns) {
		add_number(&o, "startNs", (int64_t)time->start_ns);
		if (time->end_ns) /* the program takes the place of the row that starts it */
			add_number(&o, "endNs", (int64_t)time->end_ns);
	}
	key(&o, "args");
	rb_buf_add(out, "{");
	writers[step->kind](step, &args);
	rb_buf_add(out, "}}");
}

/** plan_print_json() - see plan_priv.h */
void plan_print_json(const struct rb_plan *plan, const struct rb_step_time *times,
		     struct rb_buf *out)
{
	struct object o = { out, "" };

	rb_buf_add(out, "{\n\t");
	add_text(&o, "id", plan->id);
	add_text(&o, "root", plan->spec->root_path);
	add_text(&o, "cgroup", plan->cgroup_path);
	add_flags(&o, "new", plan->new_ns);
	add_flags(&o, "joined", plan->joined_ns);
	add_strings(&o, "warnings", &plan->warnings);
	key(&o, "steps");
	rb_buf_add(out, "[\n");
	for (size_t i = 0; i < plan->len; i++) {
		print_step(&plan->steps[i], i + 1, times ? &times[i] : NULL, out);
		rb_buf_add(out, i + 1 < plan->len ? ",\n" : "\n");
	}
	rb_buf_add(out, "\t]\n}\n");
}
