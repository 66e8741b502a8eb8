/* step_scope.c - the steps of the systemd manager: a transient scope made, joined, stopped
 *
 * scope    systemd makes the scope around the helper, in the hierarchy that it uses
 * cgroup   (cgroup.c) takes that directory, and makes those of other hierarchies
 * attach   the container comes in, the helper goes: at no time is the scope empty, which would be its end
 * Sources: systemd.scope(5), systemd's "Control Group APIs and Delegation".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "exec/systemd_priv.h"
#include "runbox/cgroup.h"
#include "runbox/log.h"

static void fill_names(struct rb_sd_request *req, const struct rb_scope *scope)
{
	/* both were checked to be names of units, which fit */
	req->user = scope->user;
	(void)snprintf(req->unit, sizeof(req->unit), "%s", scope->unit);
	(void)snprintf(req->slice, sizeof(req->slice), "%s", scope->slice);
}

/* systemd's controllers are those of v2, when it has them to itself. */
bool rb_sd_holds_limits(const struct rb_cgroup_dir *dirs, size_t n)
{
	return n == 1 && dirs[0].hierarchy->v2;
}

/* The hierarchy in which systemd makes its cgroups: v2, or one of its own. */
static const struct rb_cgroup_dir *home(const struct rb_step *step)
{
	const struct rb_cgroup_dir *dirs = step->u.scope.dirs, *found = &dirs[0];

	for (size_t i = 0; i < step->u.scope.n; i++)
		if (dirs[i].hierarchy->v2 ||
		    (rb_streq(dirs[i].hierarchy->name, "name=systemd") && !found->hierarchy->v2))
			found = &dirs[i];
	return found;
}

/* Is it where it was expected? Then it is marked: the undo, which may have to stop it, shall not stop one of
 * that name that is somebody else's. */
static int take_over(const struct rb_step *step, const char *got, struct rb_err *err)
{
	const char *want = home(step)->path;
	rb_autobuf path = { 0 };

	if (rb_streq(got, want)) {
		rb_cgroup_path(home(step), &path);
		rb_cgroup_mark_scope(path.data);
		return 0;
	}
	(void)rb_fail(err, RB_ERR_SYS, "systemd put the scope into the cgroup %s, not %s", got,
		      want);
	return rb_err_hint(err, "the two see different trees; use the cgroupfs manager");
}

int rb_step_scope(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_scope *scope = &step->u.scope.scope;
	struct rb_sd_request req = { .verb = RB_SD_START };
	struct rb_sd_reply reply;
	int r;

	fill_names(&req, scope);
	(void)snprintf(req.description, sizeof(req.description), "runbox container %s", run->id);
	memcpy(req.props, scope->props, scope->n_props * sizeof(*scope->props));
	req.n_props = (uint32_t)scope->n_props;
	if (rb_sd_holds_limits(step->u.scope.dirs, step->u.scope.n))
		rb_sd_props_of(step->u.scope.res, &req);
	r = rb_sd_call(&req, &reply, err);
	if (r == -EPIPE && step->u.scope.res && step->u.scope.res->memory.limit.set)
		return rb_err_hint(err,
				   "it is in the scope as well: linux.resources.memory.limit is "
				   "too low for it to start");
	return r < 0 ? r : take_over(step, reply.cgroup, err);
}

/* Who may not write to both cgroups (a session of a user lies outside of the user's own manager) asks
 * systemd to move the process. */
static int move(const struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_sd_request req = { .verb = RB_SD_ATTACH, .pid = run->pid };
	struct rb_err failed = { 0 };
	int r = rb_cgroup_attach(step->u.cgroup.dirs, step->u.cgroup.n, run->pid, &failed);

	if (r == 0)
		return 0;
	if (r != -EACCES && r != -EPERM) {
		*err = failed;
		return r;
	}
	fill_names(&req, &step->u.cgroup.scope);
	return rb_sd_call(&req, NULL, err);
}

int rb_scope_attach(const struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	int r = move(run, step, err);

	rb_sd_end();
	return r;
}

void rb_record_scope(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	rb_autobuf path = { 0 };

	(void)run;
	rb_cgroup_path(home(step), &path);
	rb_record_begin(line, RB_STEP_SCOPE);
	rb_field_add(line, step->u.scope.scope.unit);
	rb_field_add(line, step->u.scope.scope.user ? "user" : "system");
	rb_field_add(line, rb_cgroup_token());
	rb_field_add(line, path.data);
}

/* What was in the scope has been killed by the undo of its cgroups, and an empty one goes by
 * itself: this waits for it. One without the mark is not ours, or was emptied by the end of the
 * helper before it was marked. */
int rb_undo_scope(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_sd_request req = { .verb = RB_SD_STOP };
	struct rb_err failed = { 0 };

	(void)err;
	rb_sd_end(); /* the old one is in the scope */
	if (argc < 5 || !rb_cgroup_is_scope(argv[4], argv[3]))
		return 0;
	req.user = rb_streq(argv[2], "user");
	(void)snprintf(req.unit, sizeof(req.unit), "%s", argv[1]);
	if (rb_sd_call(&req, NULL, &failed) < 0)
		rb_log_warn("stop %s: %s", argv[1], failed.msg);
	rb_sd_end();
	return 0;
}

int rb_scope_update(const struct rb_scope *scope, const struct rb_resources *res,
		    struct rb_err *err)
{
	struct rb_sd_request req = { .verb = RB_SD_SET, .user = scope->user };
	int r = 0;

	(void)snprintf(req.unit, sizeof(req.unit), "%s", scope->unit);
	rb_sd_props_of(res, &req);
	if (req.n_props)
		r = rb_sd_call(&req, NULL, err);
	rb_sd_end();
	return r;
}
