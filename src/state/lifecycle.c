/* lifecycle.c - verbs on a container that is there: start, signal, kill, destroy
 *
 * Which verb is legal when is the table below. What create did is undone from the journal alone,
 * last line first; each step of start and delete can be stopped at by the tests (RUNBOX_FAULT), and
 * a second `delete --force` goes on from wherever the first one died. Source: runtime.md 1.3.0
 * "Operations" and "Lifecycle".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/proc.h"
#include "runbox/state.h"
#include "state/state_priv.h"

/* How long a SIGKILL may take; what is still there then hangs in the kernel. */
#define KILL_TIMEOUT_MS 10000

#define IN(status) (1u << RB_##status)

static const unsigned legal[RB_VERB_COUNT] = {
	/* runtime.md "Operations" */
	[RB_VERB_START] = IN(CREATED),
	[RB_VERB_KILL] = IN(CREATED) | IN(RUNNING) | IN(PAUSED),
	/* a created container has not run anything yet; engines delete it like a stopped one */
	[RB_VERB_DELETE] = IN(STOPPED) | IN(CREATED),
	[RB_VERB_STATE] = IN(CREATING) | IN(CREATED) | IN(RUNNING) | IN(PAUSED) | IN(STOPPED),
	[RB_VERB_PS] = IN(CREATED) | IN(RUNNING) | IN(PAUSED) | IN(STOPPED),
	[RB_VERB_EXEC] = IN(CREATED) | IN(RUNNING),
	[RB_VERB_PAUSE] = IN(CREATED) | IN(RUNNING),
	[RB_VERB_RESUME] = IN(PAUSED),
	[RB_VERB_UPDATE] = IN(CREATED) | IN(RUNNING) | IN(PAUSED),
	[RB_VERB_EVENTS] = IN(CREATED) | IN(RUNNING) | IN(PAUSED),
};

/* What a refusal says before the status. Engines look for "container not running" after kill. */
static const char *const refusal[RB_VERB_COUNT] = {
	[RB_VERB_START] = "cannot start container %s: it is %s",
	[RB_VERB_KILL] = "container not running: %s is %s",
	[RB_VERB_DELETE] = "cannot delete container %s that is not stopped: it is %s",
	[RB_VERB_STATE] = "no state of container %s: it is %s",
	[RB_VERB_PS] = "no processes of container %s: it is %s",
	[RB_VERB_EXEC] = "cannot exec in container %s: it is %s",
	[RB_VERB_PAUSE] = "cannot pause container %s: it is %s",
	[RB_VERB_RESUME] = "cannot resume container %s: it is %s",
	[RB_VERB_UPDATE] = "cannot update container %s: it is %s",
	[RB_VERB_EVENTS] = "no events of container %s: it is %s",
};

int rb_verb_check(enum rb_verb verb, enum rb_status status, const char *id, struct rb_err *err)
{
	if (legal[verb] & (1u << status))
		return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats are the table above */
	return rb_fail(err, RB_ERR_STATE, refusal[verb], id, rb_status_name(status));
#pragma GCC diagnostic pop
}

static int look(struct rb_container *c, struct rb_err *err)
{
	int r = rb_state_load(&c->store, &c->state, err);

	return r < 0 ? r : rb_state_status(&c->store, &c->state, &c->status, err);
}

int rb_container_open(struct rb_container *c, const char *root, const char *id,
		      enum rb_store_lock lock, struct rb_err *err)
{
	int r = rb_store_open(&c->store, root, id, lock, err);

	if (r == 0)
		r = look(c, err);
	if (r < 0 || lock != RB_LOCK_SETTLED || c->status != RB_CREATING || !c->state.straight)
		return r;
	rb_store_await(&c->store);
	rb_state_done(&c->state);
	c->state = (struct rb_state) { 0 };
	return look(c, err);
}

int rb_container_take(struct rb_container *c, struct rb_store *store, int *starter,
		      struct rb_err *err)
{
	c->store = *store;
	*store = (struct rb_store)RB_STORE_NONE;
	c->starter = rb_take_fd(starter);
	c->status = c->starter < 0 ? RB_RUNNING : RB_CREATED; /* nobody else had the lock since */
	return rb_state_load(&c->store, &c->state, err);
}

int rb_container_lock(struct rb_container *c, struct rb_err *err)
{
	int r = rb_store_lock(&c->store, err);

	return r < 0 ? r : rb_state_status(&c->store, &c->state, &c->status, err);
}

int rb_container_open_damaged(struct rb_container *c, struct rb_err *err)
{
	rb_state_done(&c->state);
	c->state = (struct rb_state) { 0 };
	c->status = RB_STOPPED;
	return rb_state_load_journal(&c->store, &c->state, err);
}

void rb_container_close(struct rb_container *c)
{
	rb_closep(&c->starter);
	rb_state_done(&c->state);
	rb_store_close(&c->store);
}

/* --- processes --- */

int rb_pidfd_signal(int pidfd, int signum)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signum, NULL, 0) < 0 ? -errno : 0;
}

int rb_container_pids(const struct rb_container *c, pid_t **ret, size_t *ret_n, struct rb_err *err)
{
	pid_t *one;

	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < c->state.cgroups.n; i++) {
		int r = rb_cgroup_pids(c->state.cgroups.v[i], ret, ret_n);

		if (r < 0)
			return rb_fail_sys(err, -r, "list the processes of %s",
					   c->state.cgroups.v[i]);
		if (*ret_n)
			return 0;
		free(rb_take_ptr(*ret));
	}
	if (!rb_proc_alive(c->state.pid, c->state.start_time))
		return 0;
	one = rb_xmalloc(sizeof(*one));
	*one = c->state.pid;
	*ret = one;
	*ret_n = 1;
	return 0;
}

/* A frozen process takes SIGKILL only once it is thawed (v1), so the whole container is. */
static void thaw(const struct rb_container *c)
{
	for (size_t i = 0; i < c->state.cgroups.n; i++) {
		rb_autofd dir =
			open(c->state.cgroups.v[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0)
			continue;
		/* each hierarchy has one of these files, or none */
		(void)rb_write_file(dir, "cgroup.freeze", "0");
		(void)rb_write_file(dir, "freezer.state", "THAWED");
	}
}

/* SIGKILL to all that is in the cgroups. Only of a create that came to its end: before, a cgroup
 * named in the journal may turn out to be somebody else's. */
static int kill_cgroups(const struct rb_container *c, struct rb_err *err)
{
	/* all at once: what is killed through one hierarchy may be frozen through another */
	return rb_cgroup_kill_all((const char *const *)c->state.cgroups.v, c->state.cgroups.n,
				  SIGKILL, KILL_TIMEOUT_MS, err);
}

static int signal_init(const struct rb_container *c, int signum, struct rb_err *err)
{
	rb_autofd pidfd = -1;
	int r = rb_proc_open(c->state.pid, c->state.start_time, &pidfd);

	if (r == 0)
		r = rb_pidfd_signal(pidfd, signum);
	if (r == -ESRCH)
		return rb_fail(err, RB_ERR_STATE, "container not running: %s is stopped",
			       c->store.id);
	return r < 0 ? rb_fail_sys(err, -r, "signal container %s", c->store.id) : 0;
}

int rb_container_signal(struct rb_container *c, int signum, bool all, struct rb_err *err)
{
	int r;

	/* without its own pid namespace nothing but the cgroup holds the processes together */
	if (signum == SIGKILL && !c->state.own_pidns)
		all = true;
	if (all && signum == SIGKILL)
		r = kill_cgroups(c, err);
	else if (all && c->state.cgroups.n)
		r = rb_cgroup_kill_all((const char *const *)c->state.cgroups.v, c->state.cgroups.n,
				       signum, KILL_TIMEOUT_MS, err);
	else
		r = 0;
	if (r < 0)
		return r;
	if (c->status != RB_STOPPED && (!all || c->state.cgroups.n == 0))
		r = signal_init(c, signum, err);
	if (r == 0 && signum == SIGKILL && c->status == RB_PAUSED)
		thaw(c);
	return r;
}

int rb_container_kill(struct rb_container *c, struct rb_err *err)
{
	rb_autofd pidfd = -1;
	int r = rb_proc_open(c->state.pid, c->state.start_time, &pidfd);

	if (r == 0)
		r = rb_pidfd_signal(pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return rb_fail_sys(err, -r, "kill container %s", c->store.id);
	if (c->status == RB_PAUSED)
		thaw(c);
	if (pidfd >= 0) {
		r = rb_pidfd_wait(pidfd, KILL_TIMEOUT_MS);
		if (r < 0)
			return rb_fail_sys(err, -r, "wait for process %d of container %s to end",
					   c->state.pid, c->store.id);
	}
	/* an own pid namespace has ended with its init */
	r = c->state.own_pidns || (!c->state.complete && !c->state.straight) ? 0
									     : kill_cgroups(c, err);
	if (r == 0)
		c->status = RB_STOPPED;
	return r;
}

/* --- hooks --- */

static int run_hooks(struct rb_container *c, enum rb_hook_kind kind, bool stop_on_failure,
		     struct rb_err *err)
{
	const char *status = kind == RB_HOOK_POSTSTOP ? "stopped" : "running";
	struct rb_spec spec = { 0 };
	rb_autobuf json = { 0 };
	int r = rb_state_spec(&c->store, &spec, err);

	if (r == 0 && spec.hooks[kind].n) {
		rb_state_json(&spec, c->store.id, status,
			      kind == RB_HOOK_POSTSTOP ? 0 : c->state.pid, c->state.bundle, &json);
		r = rb_hooks_run(&spec, kind, json.data, stop_on_failure, err);
	}
	rb_spec_done(&spec);
	return r;
}

/* --- delete --- */

/* One numbered step of a verb, with the places where the tests make it fail or die. */
struct walk {
	const char *verb;
	size_t n;
};

static int walk_before(struct walk *w, struct rb_err *err)
{
	return rb_fault(w->verb, ++w->n, false, err);
}

static int walk_after(struct walk *w, struct rb_err *err)
{
	return rb_fault(w->verb, w->n, true, err);
}

/* Once a create has come to its end its pid file is the caller's, who reads it when he likes. */
static bool stays(const struct rb_container *c, const char *line)
{
	const char *name = rb_step_name(RB_STEP_PID_FILE);

	return c->state.complete && rb_startswith(line, name) && line[strlen(name)] == '\t';
}

static int undo_journal(struct rb_container *c, struct walk *w, struct rb_err *err)
{
	struct rb_strv journal;
	int r = rb_store_journal(&c->store, &c->state.arena, &journal, err);

	for (size_t i = journal.n; r == 0 && i-- > 0;) {
		if (rb_journal_own(journal.v[i]) || stays(c, journal.v[i]))
			continue;
		r = walk_before(w, err);
		if (r == 0)
			r = rb_exec_undo(journal.v[i], err);
		if (r == 0)
			r = walk_after(w, err);
	}
	return r;
}

/* The line is written when the hooks are through: a delete that dies among them runs them again,
 * for runtime.md says that they MUST be invoked. */
static int poststop(struct rb_container *c, struct walk *w, struct rb_err *err)
{
	struct rb_err failure = { 0 };
	struct rb_strv journal;
	int r;

	if (!c->state.has_poststop)
		return 0;
	r = rb_store_journal(&c->store, &c->state.arena, &journal, err);
	if (r < 0 || rb_store_has_line(&journal, "poststop"))
		return r;
	r = walk_before(w, err);
	if (r < 0)
		return r;
	if (run_hooks(c, RB_HOOK_POSTSTOP, false, &failure) < 0)
		rb_log_warn("container %s: %s", c->store.id, failure.msg);
	failure = (struct rb_err) { 0 };
	/* on a full disk the container goes all the same, which makes room */
	if (rb_store_note(&c->store, "poststop", &failure) < 0)
		rb_log_warn("container %s: %s", c->store.id, failure.msg);
	return walk_after(w, err);
}

int rb_container_destroy(struct rb_container *c, struct rb_err *err)
{
	struct walk w = { .verb = "delete" };
	int r = walk_before(&w, err);

	/* whatever the status said, nothing of it may run when its cgroups and mounts go */
	if (r == 0)
		r = rb_container_kill(c, err);
	if (r == 0)
		r = walk_after(&w, err);
	if (r == 0)
		r = undo_journal(c, &w, err);
	if (r == 0)
		r = poststop(c, &w, err);
	if (r == 0)
		r = walk_before(&w, err);
	if (r == 0)
		r = rb_store_remove(&c->store, err);
	return r < 0 ? r : walk_after(&w, err);
}

/* --- start --- */

/* An error of start never leaves the program running: runtime.md "Lifecycle" wants the container
 * stopped when a hook fails. What is left is undone by delete, which then also runs the poststop
 * hooks. */
static int stop_after(struct rb_container *c, int r)
{
	struct rb_err err = { 0 };

	if (rb_container_kill(c, &err) < 0)
		rb_log_warn("container %s: %s", c->store.id, err.msg);
	return r;
}

static int remove_gate(const struct rb_container *c, struct rb_err *err)
{
	if (unlinkat(c->store.dir_fd, "gate", 0) < 0 && errno != ENOENT)
		return rb_fail_sys(err, errno, "remove the gate of container %s", c->store.id);
	return 0;
}

/* What is left to do once the program runs. */
static int started(struct rb_container *c, struct walk *w, struct rb_err *err)
{
	int r = walk_after(w, err);

	if (r == 0)
		r = walk_before(w, err);
	if (r == 0)
		r = remove_gate(c, err);
	if (r == 0)
		r = walk_after(w, err);
	if (r < 0 || !c->state.has_poststart)
		return r;
	r = walk_before(w, err);
	if (r == 0)
		r = run_hooks(c, RB_HOOK_POSTSTART, true, err);
	return r < 0 ? r : walk_after(w, err);
}

int rb_container_start(struct rb_container *c, struct rb_err *err)
{
	struct walk w = { .verb = "start" };
	int r = walk_before(&w, err);

	/* from this line on a look at the gate's file does not tell whether it was opened */
	if (r == 0)
		r = rb_store_note(&c->store, "start", err);
	if (r == 0)
		r = walk_after(&w, err);
	if (r == 0)
		r = walk_before(&w, err);
	if (r < 0)
		return r;
	r = c->starter >= 0 ? rb_exec_start_by(c->starter, err)
			    : rb_exec_start(c->store.dir_fd, err);
	rb_closep(&c->starter);
	if (r == 0) {
		c->status = RB_RUNNING;
		r = started(c, &w, err);
	}
	return r < 0 ? stop_after(c, r) : 0;
}
