/* run.c - walks a plan: each side does its own rows, in order, and says which one failed
 *
 * Order of things around a row: fault (tests), record, apply. The record is written before the act,
 * so that whoever comes later can undo what was begun. Undo uses the records alone, last one first.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/log.h"
#include "runbox/net.h"
#include "runbox/proc.h"

void rb_run_init(struct rb_run *run)
{
	*run = (struct rb_run) {
		.bundle_fd = -1,
		.state_fd = -1,
		.console_sock = -1,
		.pidfd = -1,
		.sync = -1,
		.proc_fd = -1,
		.root_tree = -1,
		.root_fd = -1,
		.gate = -1,
		.master = -1,
		.program = -1,
		.host_sync = -1,
		.seccomp_sock = -1,
		.target = -1,
		.end = -1,
		.ignored = ~UINT64_C(0),
	};
}

void rb_run_done(struct rb_run *run)
{
	int *fds[] = { &run->bundle_fd,	   &run->state_fd, &run->console_sock, &run->pidfd,
		       &run->sync,	   &run->proc_fd,  &run->root_tree,    &run->root_fd,
		       &run->gate,	   &run->master,   &run->program,      &run->host_sync,
		       &run->seccomp_sock, &run->target,   &run->end };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		rb_closep(fds[i]);
	if (run->sources)
		for (size_t i = 0; i < run->plan->spec->n_mounts; i++)
			rb_closep(&run->sources[i]);
	free(run->sources);
	run->sources = NULL;
	free(run->program_path);
	run->program_path = NULL;
	rb_net_run_done(run);
	rb_ahead_done(run);
	rb_buf_done(&run->records);
	rb_buf_done(&run->seccomp_bpf);
	/* the mapping goes with the process; sooner, it would interrupt other processors */
	run->times = NULL;
}

int rb_run_note(struct rb_run *run, const char *line, struct rb_err *err)
{
	rb_buf_printf(&run->records, "%s\n", line);
	return run->rec->note ? run->rec->note(run->rec->ctx, line, err) : 0;
}

static int note(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	rb_autobuf line = { 0 };

	if (!rb_step_ops[step->kind].record)
		return 0;
	rb_step_ops[step->kind].record(run, step, &line);
	if (line.len == 0)
		return 0;
	return rb_run_note(run, line.data, err);
}

/* @now: since the plan began; from the end of a row to the begin of this side's next one is no time */
static int one_step(struct rb_run *run, size_t i, uint64_t *now, struct rb_err *err)
{
	const struct rb_step *step = &run->plan->steps[i];
	const char *verb = run->is_exec ? "exec" : "create";
	const uint64_t start_ns = *now;
	int r;

	rb_log_debug(RB_DEBUG_EXEC, "step %02zu %s", i + 1, rb_step_name(step->kind));
	if (run->times)
		run->times[i].start_ns = start_ns;
	r = note(run, step, err);
	if (r == 0)
		r = rb_fault(verb, i + 1, false, err);
	if (r == 0)
		r = rb_step_ops[step->kind].apply(run, step, err);
	if (r == 0)
		r = rb_fault(verb, i + 1, true, err);
	*now = rb_now_ns() - run->t0_ns;
	if (run->times) /* the first row makes them */
		run->times[i] = (struct rb_step_time) { start_ns, *now };
	if (r < 0 && step->kind == RB_STEP_HOOK)
		run->hook_failed = true;
	if (r < 0 && err->step[0] == '\0') {
		(void)snprintf(err->step, sizeof(err->step), "%02zu %s", i + 1,
			       rb_step_name(step->kind));
		rb_err_at(err, step->at);
		rb_err_add_hint(step, err);
	}
	return r;
}

static int walk(struct rb_run *run, struct rb_err *err)
{
	uint64_t now = rb_now_ns() - run->t0_ns;

	for (size_t i = 0; i < run->plan->len; i++) {
		int r = 0;

		if (run->plan->steps[i].side & run->side)
			r = one_step(run, i, &now, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void rb_child_main(struct rb_run *run)
{
	struct rb_err err = { 0 };

	rb_self_release();
	rb_ahead_child(run);
	run->side = RB_SIDE_CHILD;
	rb_log_forward(run->sync, rb_sync_warn);
	rb_child_enter(run);
	(void)walk(run, &err); /* returns only when it failed: the last row is exec */
	rb_sync_fail(run->sync, &err);
	_exit(1);
}

/* End the child and take it in, so that its namespaces and cgroups are free. */
static void end_child(struct rb_run *run)
{
	if (run->pid <= 0)
		return;
	(void)kill(run->pid, SIGKILL); /* our own unreaped child: the pid cannot be another's */
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
		;
	run->pid = 0;
}

/* Undo what was recorded, last record first; failures are warnings, for the first failure counts.
 */
static void undo_records(struct rb_run *run)
{
	while (run->records.len) {
		struct rb_err err = { 0 };
		char *line;

		run->records.data[run->records.len - 1] = '\0'; /* the newline at its end */
		line = strrchr(run->records.data, '\n');
		line = line ? line + 1 : run->records.data;
		if (rb_exec_undo(line, &err) < 0)
			rb_log_warn("undo %.20s: %s", line, err.msg);
		run->records.len = (size_t)(line - run->records.data);
	}
}

/* runtime.md "Lifecycle": a failing prestart, createRuntime or createContainer hook continues at
 * the destruction, which ends with the poststop hooks. */
static void poststop_hooks(struct rb_run *run)
{
	rb_autobuf state = { 0 };
	struct rb_err err = { 0 };

	rb_state_json(run->plan->spec, run->id, "stopped", 0, run->bundle, &state);
	(void)rb_hooks_run(run->plan->spec, RB_HOOK_POSTSTOP, state.data, false,
			   &err); /* warns itself */
}

static int open_proc(struct rb_run *run, struct rb_err *err)
{
	run->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->proc_fd < 0)
		return rb_fail_sys(err, errno, "open /proc");
	if (!rb_mount_is(run->proc_fd, PROC_SUPER_MAGIC))
		return rb_fail(err, RB_ERR_SYS, "/proc is not a procfs");
	return 0;
}

int rb_exec_process(struct rb_run *run, struct rb_err *err)
{
	int r;

	run->side = RB_SIDE_HOST;
	run->is_exec = true;
	r = open_proc(run, err);
	if (r == 0)
		r = walk(run, err);
	if (r < 0)
		end_child(run);
	rb_closep(&run->sync);
	return r;
}

/* Undo all that was recorded, the state directory last. */
static void give_up(struct rb_run *run)
{
	undo_records(run);
	if (run->rec->end)
		run->rec->end(run->rec->ctx);
}

/* A child that the kernel killed says nothing itself. */
static bool ran_out_of_memory(const struct rb_plan *plan)
{
	for (size_t i = 0; i < plan->len; i++)
		if (plan->steps[i].kind == RB_STEP_CGROUP)
			return rb_oom_happened(plan->steps[i].u.cgroup.dirs,
					       plan->steps[i].u.cgroup.n);
	return false;
}

int rb_exec_create(struct rb_run *run, struct rb_err *err)
{
	int r;

	run->side = RB_SIDE_HOST;
	run->t0_ns = rb_now_ns();
	r = open_proc(run, err);
	if (r == 0)
		r = rb_net_run_new(run, err);
	/* the helper needs a millisecond to get ready; the first row that needs it says what failed */
	if (run->net)
		(void)rb_net_begin(&(struct rb_err) { 0 });
	if (r == 0)
		r = walk(run, err);
	if (r < 0) {
		struct rb_err dead = { 0 };

		/* the child's own words say more than "broken pipe" to a peer that just failed */
		if (run->sync >= 0 && err->errnum == EPIPE &&
		    rb_sync_drain(run->sync, NULL, -1, NULL, &dead) < 0)
			*err = dead;
		end_child(run);
		if (err->errnum == EPIPE && ran_out_of_memory(run->plan))
			r = rb_err_hint(err,
					"it ran out of memory: linux.resources.memory.limit is "
					"too low for it to start");
		if (run->hook_failed)
			poststop_hooks(run);
		give_up(run);
	}
	rb_net_end();
	rb_ahead_done(run);
	if (r < 0 || !run->starts || run->plan->straight)
		rb_closep(&run->sync);
	rb_closep(&run->gate);
	return r;
}

int rb_exec_network(struct rb_run *run, struct rb_err *err)
{
	int r;

	run->side = RB_SIDE_HOST;
	r = rb_net_run_new(run, err);
	if (r == 0)
		r = walk(run, err);
	if (r < 0)
		give_up(run);
	return r;
}
