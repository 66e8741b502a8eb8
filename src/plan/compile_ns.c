/* compile_ns.c - namespaces: which are new, which are joined, id maps, time offsets, host names
 *
 * Sources: config-linux.md "Namespaces", "User namespace mappings", "Offset for Time Namespace";
 * namespaces(7), user_namespaces(7), time_namespaces(7).
 */
#include "compile_priv.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <string.h>

/* Made by a row of the child instead of clone3: the cgroup namespace takes the cgroup the child
 * is in as its root, so that has to come first, and before Linux 6.3 clone3 did not take
 * CLONE_NEWTIME; its offsets must be written before a process is in it anyway. */
#define LATER (CLONE_NEWCGROUP | (unsigned long)CLONE_NEWTIME)

const struct rb_namespace *compile_ns(const struct compile *c, unsigned long flag)
{
	for (size_t i = 0; i < RB_NS_COUNT; i++)
		if (rb_ns_types[i].flag == flag)
			return c->ns[i];
	return NULL;
}

static const char *entry_at(struct compile *c, const struct rb_namespace *ns, const char *suffix)
{
	const struct rb_linux *l = &c->spec->linux_;
	size_t i = 0;

	/* each type is there once; @ns may be a copy */
	while (i < l->n_namespaces && l->namespaces[i].type != ns->type)
		i++;
	return rb_arena_item(c->arena, "linux.namespaces", i, suffix);
}

const char *compile_ns_at(struct compile *c, unsigned long flag)
{
	const struct rb_namespace *ns = compile_ns(c, flag);

	return ns ? entry_at(c, ns, "") : NULL;
}

bool compile_is_new(const struct compile *c, unsigned long flag)
{
	return c->plan->new_ns & flag;
}

bool compile_has(const struct compile *c, unsigned long flag)
{
	return (c->plan->new_ns | c->plan->joined_ns) & flag;
}

static int take_namespace(struct compile *c, const struct rb_namespace *ns, struct rb_err *err)
{
	const struct rb_ns_type *type = &rb_ns_types[ns->type];

	if (c->ns[ns->type])
		return rb_fail_at(err, entry_at(c, ns, ".type"), "namespace %s is listed twice",
				  type->name);
	if (ns->path && *ns->path != '/')
		return rb_fail_at(err, entry_at(c, ns, ".path"),
				  "path of a namespace must be absolute");
	if (!(c->host->namespaces & type->flag))
		return rb_fail_at(err, entry_at(c, ns, ".type"), "this kernel has no %s namespaces",
				  type->name);
	c->ns[ns->type] = ns;
	if (ns->path)
		c->plan->joined_ns |= type->flag;
	else
		c->plan->new_ns |= type->flag;
	return 0;
}

/** check_namespaces() - sort the entries by type; each type at most once. */
int check_namespaces(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		int r = take_namespace(c, &l->namespaces[i], err);

		if (r < 0)
			return r;
	}
	if (c->host->euid != 0 && !compile_has(c, CLONE_NEWUSER)) {
		(void)rb_fail_at(err, "linux.namespaces",
				 "without root a container needs a user namespace");
		return rb_err_hint(
			err,
			"add { \"type\": \"user\" } and id mappings; see runbox spec --rootless");
	}
	return 0;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t a_size, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

int compile_id_maps_check(const struct rb_idmap *maps, size_t n, const char *at, struct rb_err *err)
{
	if (n > 340)
		return rb_fail_at(err, at,
				  "%s has %zu entries, the kernel takes 340 (user_namespaces(7))",
				  at, n);
	for (size_t i = 0; i < n; i++) {
		const struct rb_idmap *m = &maps[i];

		if (m->size == 0)
			return rb_fail_at(err, at, "%s[%zu].size is 0", at, i);
		/* 4294967295 is "no id" (user_namespaces(7)) */
		if ((uint64_t)m->container_id + m->size > UINT32_MAX ||
		    (uint64_t)m->host_id + m->size > UINT32_MAX)
			return rb_fail_at(err, at, "%s[%zu] goes beyond the largest id, 4294967294",
					  at, i);
		for (size_t k = 0; k < i; k++)
			if (overlap(m->container_id, maps[k].container_id, m->size, maps[k].size) ||
			    overlap(m->host_id, maps[k].host_id, m->size, maps[k].size))
				return rb_fail_at(err, at, "%s[%zu] and %s[%zu] overlap", at, k, at,
						  i);
	}
	return 0;
}

bool compile_id_to_host(const struct rb_idmap *maps, size_t n, uint32_t id, uint32_t size,
			uint32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t offset = (uint64_t)id - maps[i].container_id;

		if (id < maps[i].container_id || offset + size > maps[i].size)
			continue;
		*ret = maps[i].host_id + (uint32_t)offset;
		return true;
	}
	return false;
}

/* The ids that the steps of the child take on must exist in the namespace. */
static int check_mapped(const struct rb_idmap *maps, size_t n, uint32_t id, const char *at,
			struct rb_err *err)
{
	uint32_t host;

	if (compile_id_to_host(maps, n, id, 1, &host))
		return 0;
	return rb_fail_at(err, at, "id %" PRIu32 " is not mapped in the user namespace", id);
}

static int check_user_mapped(const struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	const struct rb_user *u = &c->spec->process.user;
	int r;

	/* the child sets the container up as 0:0 of the new namespace */
	r = check_mapped(l->uids, l->n_uids, 0, "linux.uidMappings", err);
	if (r == 0)
		r = check_mapped(l->gids, l->n_gids, 0, "linux.gidMappings", err);
	if (r == 0)
		r = check_mapped(l->uids, l->n_uids, u->uid, "process.user.uid", err);
	if (r == 0)
		r = check_mapped(l->gids, l->n_gids, u->gid, "process.user.gid", err);
	for (size_t i = 0; i < u->n_gids && r == 0; i++)
		r = check_mapped(l->gids, l->n_gids, u->gids[i], "process.user.additionalGids",
				 err);
	return r;
}

/** check_id_maps() - linux.uidMappings and gidMappings, and the ids of the process against them. */
int check_id_maps(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	const char *at = l->n_uids ? "linux.uidMappings" : "linux.gidMappings";
	int r;

	if (!compile_has(c, CLONE_NEWUSER)) {
		if (!l->n_uids && !l->n_gids)
			return 0;
		(void)rb_fail_at(err, at, "%s needs a user namespace", at);
		return rb_err_hint(err, "add { \"type\": \"user\" } to linux.namespaces");
	}
	r = compile_id_maps_check(l->uids, l->n_uids, "linux.uidMappings", err);
	if (r == 0)
		r = compile_id_maps_check(l->gids, l->n_gids, "linux.gidMappings", err);
	/* one that is joined has its maps; those in the config only repeat them, as CRI engines
	 * do */
	if (r < 0 || !compile_is_new(c, CLONE_NEWUSER))
		return r;
	if (!l->n_uids || !l->n_gids)
		return rb_fail_at(err, l->n_uids ? "linux.gidMappings" : "linux.uidMappings",
				  "a new user namespace needs uidMappings and gidMappings");
	return check_user_mapped(c, err);
}

/** check_uts() - without a UTS namespace the names would be those of the host. */
int check_uts(struct compile *c, struct rb_err *err)
{
	const char *at = c->spec->hostname ? "hostname" : "domainname";

	if (compile_has(c, CLONE_NEWUTS) || (!c->spec->hostname && !c->spec->domainname))
		return 0;
	(void)rb_fail_at(err, at, "%s needs a uts namespace", at);
	return rb_err_hint(err, "add { \"type\": \"uts\" } to linux.namespaces");
}

/** check_time() - time_namespaces(7): offsets are set once, before the first process. */
int check_time(struct compile *c, struct rb_err *err)
{
	const struct rb_time_offset *offsets[] = { &c->spec->linux_.boottime,
						   &c->spec->linux_.monotonic };

	for (size_t i = 0; i < 2; i++) {
		if (!offsets[i]->present)
			continue;
		if (!compile_is_new(c, CLONE_NEWTIME))
			return rb_fail_at(err, "linux.timeOffsets",
					  "timeOffsets needs a new time namespace");
		if (offsets[i]->nanosecs > 999999999)
			return rb_fail_at(err, "linux.timeOffsets",
					  "nanosecs is more than 999999999");
	}
	return 0;
}

/** emit_enter() - all namespaces of the container at once; born in its cgroup where that can be. */
int emit_enter(struct compile *c, struct rb_err *err)
{
	struct rb_step *step = compile_add(c, RB_STEP_ENTER, NULL);

	(void)err; /* cannot fail */
	step->u.enter.flags = c->plan->joined_ns;
	step->u.enter.into = c->into;
	step->u.enter.n_dirs = compile_dirs_to_enter(c, &step->u.enter.dirs);
	return 0;
}

/** emit_clone() - joins, and what clone3 makes new. */
int emit_clone(struct compile *c, struct rb_err *err)
{
	struct rb_step *step = compile_add(
		c, RB_STEP_CLONE, c->spec->linux_.n_namespaces ? "linux.namespaces" : NULL);

	(void)err; /* cannot fail */
	step->u.clone.flags = c->plan->new_ns & ~LATER;
	step->u.clone.later = c->plan->new_ns & LATER;
	for (size_t i = 0; i < RB_NS_COUNT; i++) {
		size_t k = step->u.clone.n_joins;

		if (!c->ns[i] || !c->ns[i]->path)
			continue;
		step->u.clone.joins[k].flag = rb_ns_types[i].flag;
		step->u.clone.joins[k].name = rb_ns_types[i].name;
		step->u.clone.joins[k].path = c->ns[i]->path;
		step->u.clone.joins[k].at = entry_at(c, c->ns[i], ".path");
		step->u.clone.n_joins++;
	}
	step->u.clone.into = c->into;
	return 0;
}

/* user_namespaces(7): without CAP_SETUID and CAP_SETGID over the parent namespace only one's
 * own id may be mapped, alone, and the gid only with setgroups(2) denied. */
static bool is_own_id(const struct rb_idmap *maps, size_t n, uint32_t id)
{
	return n == 1 && maps[0].size == 1 && maps[0].host_id == id;
}

/** emit_id_map() - ids of a new user namespace. */
int emit_id_map(struct compile *c, struct rb_err *err)
{
	const uint64_t needed = (UINT64_C(1) << CAP_SETUID) | (UINT64_C(1) << CAP_SETGID);
	const struct rb_linux *l = &c->spec->linux_;
	bool may = (c->host->caps & needed) == needed;
	bool own = is_own_id(l->uids, l->n_uids, c->host->euid) &&
		   is_own_id(l->gids, l->n_gids, c->host->egid);
	struct rb_step *step;

	if (!compile_is_new(c, CLONE_NEWUSER))
		return 0;
	if (!may && own && c->spec->process.user.n_gids)
		return rb_fail_at(
			err, "process.user.additionalGids",
			"additionalGids need more ids than one's own in linux.gidMappings");
	step = compile_add(c, RB_STEP_IDMAP, "linux.uidMappings");
	step->u.idmap.uids = l->uids;
	step->u.idmap.n_uids = l->n_uids;
	step->u.idmap.gids = l->gids;
	step->u.idmap.n_gids = l->n_gids;
	step->u.idmap.helpers = !may && !own;
	step->u.idmap.deny_setgroups = !may && own;
	return 0;
}

int emit_become_root(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (compile_has(c, CLONE_NEWUSER))
		compile_add(c, RB_STEP_BECOME_ROOT, compile_ns_at(c, CLONE_NEWUSER));
	return 0;
}

int emit_cgroup_ns(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (compile_is_new(c, CLONE_NEWCGROUP))
		compile_add(c, RB_STEP_CGROUP_NS, compile_ns_at(c, CLONE_NEWCGROUP));
	return 0;
}

int emit_time_ns(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	struct rb_step *step;

	(void)err; /* cannot fail */
	if (!compile_is_new(c, CLONE_NEWTIME))
		return 0;
	step = compile_add(c, RB_STEP_TIME_OFFSETS,
			   l->boottime.present || l->monotonic.present
				   ? "linux.timeOffsets"
				   : compile_ns_at(c, CLONE_NEWTIME));
	step->u.time.boottime = l->boottime;
	step->u.time.monotonic = l->monotonic;
	return 0;
}

/* Once: before the first mount that shows the network namespace, at the latest after the mounts. */
int emit_loopback(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (!c->has_loopback && compile_is_new(c, CLONE_NEWNET))
		compile_add(c, RB_STEP_LOOPBACK, compile_ns_at(c, CLONE_NEWNET));
	c->has_loopback = true;
	return 0;
}

/** emit_names() - host name and domain name. */
int emit_names(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->hostname)
		compile_add(c, RB_STEP_HOSTNAME, "hostname")->u.text.text = c->spec->hostname;
	if (c->spec->domainname)
		compile_add(c, RB_STEP_DOMAINNAME, "domainname")->u.text.text = c->spec->domainname;
	return 0;
}
