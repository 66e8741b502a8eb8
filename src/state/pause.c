/* pause.c - pause and resume a container, and its cgroups as this process sees them
 *
 * The status is read off the freezer, so nothing is written here: a runbox that is killed in the middle
 * leaves a container that says truly whether it is paused, and that resume lets go on.
 */
#include <errno.h>
#include <string.h>

#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/state.h"

/* Longer than any process needs to reach a place where it can stand still. */
#define FREEZE_TIMEOUT_MS 10000

/* In an array of the type that the functions of cgroup.h want. */
static const char *const *paths_of(const struct rb_container *c)
{
	return (const char *const *)c->state.cgroups.v;
}

int rb_container_pause(struct rb_container *c, struct rb_err *err)
{
	int r = rb_cgroup_freeze(paths_of(c), c->state.cgroups.n, FREEZE_TIMEOUT_MS, err);

	if (r == 0)
		c->status = RB_PAUSED;
	return r;
}

int rb_container_resume(struct rb_container *c, struct rb_err *err)
{
	return rb_cgroup_thaw(paths_of(c), c->state.cgroups.n, FREEZE_TIMEOUT_MS, err);
}

/* The hierarchy in whose mount a path lies: the longest, for a mount may lie in another. */
static const struct rb_hierarchy *hierarchy_of(const struct rb_host *host, const char *path)
{
	const struct rb_hierarchy *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < host->n_hierarchies; i++) {
		const struct rb_hierarchy *h = &host->hierarchies[i];
		size_t len = strlen(h->mount);

		if (strncmp(path, h->mount, len) == 0 && path[len] == '/' && len > best_len) {
			best = h;
			best_len = len;
		}
	}
	return best;
}

int rb_container_cgroups(struct rb_container *c, const struct rb_host *host,
			 struct rb_cgroup_dir **ret, size_t *ret_n, struct rb_err *err)
{
	const struct rb_strv *paths = &c->state.cgroups;
	struct rb_cgroup_dir *dirs =
		rb_arena_alloc(&c->state.arena, (paths->n + 1) * sizeof(*dirs));

	for (size_t i = 0; i < paths->n; i++) {
		dirs[i].hierarchy = hierarchy_of(host, paths->v[i]);
		if (!dirs[i].hierarchy)
			return rb_fail(err, RB_ERR_STATE,
				       "the cgroup %s lies in no hierarchy of this host",
				       paths->v[i]);
		dirs[i].path = paths->v[i] + strlen(dirs[i].hierarchy->mount);
	}
	if (!paths->n)
		return rb_fail(err, RB_ERR_STATE, "container %s has no cgroup", c->store.id);
	*ret = dirs;
	*ret_n = paths->n;
	return 0;
}

int rb_container_scope(struct rb_container *c, struct rb_scope *ret, struct rb_err *err)
{
	struct rb_strv journal, fields;
	int r = rb_store_journal(&c->store, &c->state.arena, &journal, err);

	*ret = (struct rb_scope) { 0 };
	for (size_t i = 0; r == 0 && i < journal.n; i++) {
		rb_field_split(&c->state.arena, journal.v[i], &fields);
		if (fields.n < 3 || !rb_streq(fields.v[0], rb_step_name(RB_STEP_SCOPE)))
			continue;
		ret->unit = fields.v[1];
		ret->user = rb_streq(fields.v[2], "user");
	}
	return r;
}
