/* systemd_priv.h - what the files of the systemd manager share
 */
#ifndef RUNBOX_SYSTEMD_PRIV_H
#define RUNBOX_SYSTEMD_PRIV_H

#include "runbox/plan.h"
#include "runbox/systemd.h"

struct rb_run;

/** rb_sd_props_of() - append what @res sets, as properties of cgroup v2. Pure. */
void rb_sd_props_of(const struct rb_resources *res, struct rb_sd_request *req);

/* --- step_scope.c --- */

/** rb_sd_holds_limits() - are these the directories of a host whose controllers are all systemd's? */
bool rb_sd_holds_limits(const struct rb_cgroup_dir *dirs, size_t n);
/** rb_scope_attach() - the container into its scope, the helper out of it */
int rb_scope_attach(const struct rb_run *run, const struct rb_step *step, struct rb_err *err);
/** rb_scope_update() - tell systemd of changed limits */
int rb_scope_update(const struct rb_scope *scope, const struct rb_resources *res,
		    struct rb_err *err);

#endif
