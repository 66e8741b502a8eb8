/* exec.c - a further process in a running container
 *
 * Whatever the caller does not say of the process comes from the config as it was frozen at create, and the
 * policy (namespaces, cgroups, seccomp, no_new_privs) always does. A failure of our own exits with 255, for
 * any other status may be the program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/names.h"
#include "runbox/proc.h"

#define PROCESS_MAX (16u << 20)

/* One exec at work. */
struct job {
	struct rb_cli *cli;
	struct rb_container container;
	struct rb_spec spec;  /* the frozen config, its process replaced */
	struct rb_spec given; /* of --process */
	struct rb_host host;
	struct rb_plan plan;
	struct rb_plan_opts opts;
	struct rb_create_opts create;
	struct rb_run run;
	struct rb_recorder recorder; /* nothing outlives the process: all its calls are absent */
	int pidfd_sock;
};

static void job_done(struct job *j)
{
	rb_run_done(&j->run);
	rb_plan_done(&j->plan);
	rb_spec_done(&j->given);
	rb_spec_done(&j->spec);
	rb_container_close(&j->container);
	rb_closep(&j->pidfd_sock);
}

/* --- which container --- */

static int open_target(struct job *j, struct rb_err *err)
{
	const char *id = j->cli->args[0], *root;
	enum rb_status status;
	int r = rb_store_root(&j->cli->arena, j->cli->root, &root, err);

	if (r == 0)
		r = rb_container_open(&j->container, root, id, RB_LOCK_SETTLED, err);
	if (r < 0)
		return r;
	status = j->container.status;
	if (status == RB_PAUSED && j->cli->ignore_paused)
		status = RB_RUNNING;
	r = rb_verb_check(RB_VERB_EXEC, status, id, err);
	if (r < 0)
		return r;
	r = rb_proc_open(j->container.state.pid, j->container.state.start_time, &j->run.target);
	if (r == -ESRCH)
		return rb_fail(err, RB_ERR_STATE, "cannot exec in container %s: it is stopped", id);
	if (r < 0)
		return rb_fail_sys(err, -r, "open the process of container %s", id);
	r = rb_state_spec(&j->container.store, &j->spec, err);
	if (r == 0)
		r = rb_state_create_opts(&j->container.store, &j->cli->arena, &j->create, err);
	return r;
}

/* --- which process --- */

/* --process FILE: the whole process as engines give it. */
static int read_process(struct job *j, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	size_t len;
	int r = rb_read_file(AT_FDCWD, j->cli->process, PROCESS_MAX, &text, &len);

	if (r < 0)
		return rb_fail_sys(err, -r, "read the process from %s", j->cli->process);
	r = rb_spec_decode_process(j->cli->process, text, len, &j->given, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < j->given.warnings.n; i++)
		rb_log_warn("%s", j->given.warnings.v[i]);
	j->spec.process = j->given.process;
	return 0;
}

static struct rb_strv joined(struct rb_arena *arena, const struct rb_strv *a,
			     const struct rb_strv *b)
{
	struct rb_strv both = { .v = rb_arena_alloc(arena, (a->n + b->n + 1) * sizeof(char *)) };

	for (size_t i = 0; i < a->n; i++)
		both.v[both.n++] = a->v[i];
	for (size_t i = 0; i < b->n; i++)
		both.v[both.n++] = b->v[i];
	return both;
}

static int add_caps(struct rb_caps *caps, const struct rb_strv *names, struct rb_err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		int cap = rb_cap_parse(names->v[i]);

		if (cap < 0)
			return rb_fail(err, RB_ERR_USAGE, "--cap: unknown capability \"%.64s\"",
				       names->v[i]);
		caps->present = true;
		caps->bounding |= UINT64_C(1) << cap;
		caps->permitted |= UINT64_C(1) << cap;
		caps->effective |= UINT64_C(1) << cap;
		/* ambient and inheritable stay as they are: raising them would pass through programs that
		 * the caller did not name */
	}
	return 0;
}

static int add_gids(struct rb_arena *arena, struct rb_user *user, const struct rb_strv *more,
		    struct rb_err *err)
{
	uint32_t *gids = rb_arena_alloc(arena, (user->n_gids + more->n + 1) * sizeof(*gids));

	if (user->n_gids)
		memcpy(gids, user->gids, user->n_gids * sizeof(*gids));
	for (size_t i = 0; i < more->n; i++) {
		uint32_t gid;

		if (rb_parse_u32(more->v[i], &gid) < 0 || gid == UINT32_MAX)
			return rb_fail(err, RB_ERR_USAGE,
				       "--additional-gids: \"%.64s\" is no group ID", more->v[i]);
		gids[user->n_gids++] = gid;
	}
	user->gids = gids;
	return 0;
}

/* Names are of the container's files; its root is reached by way of the process that was checked. */
static int set_user(struct job *j, struct rb_err *err)
{
	struct rb_user *user = &j->spec.process.user;
	char path[64];
	rb_autofd root = -1;

	if (!j->cli->user)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", j->container.state.pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return rb_fail_sys(err, errno, "open the root of container %s", j->cli->args[0]);
	if (!rb_proc_alive(j->container.state.pid, j->container.state.start_time))
		return rb_fail(err, RB_ERR_STATE, "cannot exec in container %s: it is stopped",
			       j->cli->args[0]);
	return rb_user_lookup(root, j->cli->user, &j->cli->arena, user, err);
}

/* The options over the container's own process. */
static int build_process(struct job *j, struct rb_err *err)
{
	struct rb_process *p = &j->spec.process;
	struct rb_cli *cli = j->cli;
	int r;

	if (cli->n_args < 2)
		return rb_fail(err, RB_ERR_USAGE, "exec needs a program, or --process FILE");
	p->args = (struct rb_strv) { .v = cli->args + 1, .n = (size_t)cli->n_args - 1 };
	p->env = joined(&cli->arena, &p->env, &cli->env);
	p->terminal = cli->tty;
	p->has_console_size = false;
	/* the container's own process had these set up once; a further one says so itself */
	p->scheduler.present = p->io_priority.present = false;
	if (cli->cwd)
		p->cwd = cli->cwd;
	if (cli->process_label)
		p->selinux_label = cli->process_label;
	if (cli->apparmor)
		p->apparmor_profile = cli->apparmor;
	if (cli->no_new_privs)
		p->no_new_privileges = true;
	r = set_user(j, err);
	if (r == 0)
		r = add_gids(&cli->arena, &p->user, &cli->additional_gids, err);
	return r < 0 ? r : add_caps(&p->caps, &cli->caps, err);
}

static int take_process(struct job *j, struct rb_err *err)
{
	int r;

	if (!j->cli->process)
		return build_process(j, err);
	r = read_process(j, err);
	if (r == 0 && j->cli->tty)
		j->spec.process.terminal = true;
	return r;
}

/* --- plan and run --- */

static int compile(struct job *j, struct rb_err *err)
{
	struct rb_cli *cli = j->cli;
	int r;

	rb_plan_opts_fill(&j->opts, cli->args[0], j->container.state.bundle, &j->create);
	j->opts.pid_file = NULL;
	j->opts.notify_dir = NULL;
	j->opts.sub_cgroups = cli->cgroups;
	j->opts.detached = cli->detach;
	j->opts.has_console_socket = cli->console_socket != NULL;
	if (cli->pid_file) {
		r = rb_absolute(&cli->arena, cli->pid_file, &j->opts.pid_file, err);
		if (r < 0)
			return r;
	}
	r = rb_host_probe(&cli->arena, &j->host, &j->spec, !j->create.cgroups_disabled, err);
	if (r == 0)
		r = rb_plan_compile_exec(&j->plan, &j->spec, &j->host, &j->opts, err);
	for (size_t i = 0; r == 0 && i < j->plan.warnings.n; i++)
		rb_log_debug(RB_DEBUG_PLAN, "%s", j->plan.warnings.v[i]); /* create has said them */
	return r;
}

static int prepare(struct job *j, struct rb_err *err)
{
	struct rb_cli *cli = j->cli;
	int r = rb_take_descriptors(&j->run, &cli->arena, cli->preserve_fds, 0, err);

	if (r == 0)
		r = open_target(j, err);
	if (r == 0)
		r = take_process(j, err);
	if (r == 0)
		r = rb_check_console(j->spec.process.terminal, cli->console_socket,
				     cli->detach || cli->console_socket, err);
	if (r == 0)
		r = compile(j, err);
	if (r == 0)
		r = rb_connect_to("console socket", cli->console_socket, &j->run.console_sock, err);
	if (r == 0)
		r = rb_connect_to("pidfd socket", cli->pidfd_socket, &j->pidfd_sock, err);
	return r;
}

static int wait_foreground(struct rb_foreground *fg, struct job *j, struct rb_err *err)
{
	int status = 0, r;

	fg->pid = j->run.pid;
	fg->pidfd = j->run.pidfd;
	fg->master = j->run.master;
	fg->keep_size = j->spec.process.has_console_size;
	r = rb_foreground_loop(fg, &status, err);
	return r < 0 ? r : status;
}

/* What may end us while the process is being set up: there is nobody yet to pass it on to. */
static void let_end(const struct rb_foreground *fg, sigset_t *mask)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

	(void)sigprocmask(SIG_BLOCK, NULL, mask); /* cannot fail */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigismember(&fg->old_mask, ends[i]))
			(void)sigdelset(mask, ends[i]);
}

static int run_job(struct job *j, struct rb_err *err)
{
	struct rb_notify no_notify = { .fd = -1 };
	struct rb_foreground fg = {
		.pidfd = -1, .master = -1, .signals = -1, .notify = &no_notify
	};
	bool detach = j->cli->detach;
	sigset_t mask;
	int r = prepare(j, err);

	if (r < 0)
		return r;
	j->run.plan = &j->plan;
	j->run.id = j->cli->args[0];
	j->run.bundle = j->container.state.bundle;
	j->run.state_fd = fcntl(j->container.store.dir_fd, F_DUPFD_CLOEXEC, 3);
	j->run.rec = &j->recorder;
	j->run.foreground = !detach;
	j->run.target_pid = j->container.state.pid;
	j->run.target_status = rb_status_name(j->container.status);
	if (!detach)
		r = rb_foreground_begin(&fg, err);
	if (r == 0 && !detach) {
		let_end(&fg, &mask);
		j->run.wait_mask = &mask;
	}
	if (r == 0)
		r = rb_exec_process(&j->run, err);
	if (r == 0)
		r = rb_send_pidfd(j->pidfd_sock, j->run.pid, err);
	if (r == 0 && !detach)
		r = wait_foreground(&fg, j, err);
	rb_foreground_end(&fg);
	return r;
}

static int exec(struct rb_cli *cli, struct rb_err *err)
{
	struct job j = { .cli = cli, .container = RB_CONTAINER_NONE, .pidfd_sock = -1 };
	int r;

	rb_run_init(&j.run);
	r = run_job(&j, err);
	job_done(&j);
	return r;
}

static const struct rb_option options[] = {
	{ .name = "process",
	  .letter = 'p',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(process),
	  .value = "FILE",
	  .help = "the process as JSON, instead of a program" },
	{ .name = "detach",
	  .letter = 'd',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(detach),
	  .help = "return once the program runs" },
	{ .name = "tty",
	  .letter = 't',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(tty),
	  .help = "give it a terminal" },
	{ .name = "cwd",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(cwd),
	  .value = "DIR",
	  .help = "its working directory in the container" },
	{ .name = "env",
	  .letter = 'e',
	  .type = RB_OPT_LIST,
	  RB_OPT_FIELD(env),
	  .value = "NAME=VALUE",
	  .help = "over the container's environment" },
	{ .name = "user",
	  .letter = 'u',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(user),
	  .value = "USER[:GROUP]",
	  .help = "ids, or names of the container's" },
	{ .name = "additional-gids",
	  .letter = 'g',
	  .type = RB_OPT_LIST,
	  RB_OPT_FIELD(additional_gids),
	  .value = "GID",
	  .help = "one more group" },
	{ .name = "cap",
	  .letter = 'c',
	  .type = RB_OPT_LIST,
	  RB_OPT_FIELD(caps),
	  .value = "CAP",
	  .help = "one more capability" },
	{ .name = "no-new-privs",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(no_new_privs),
	  .help = "set no_new_privs" },
	{ .name = "process-label",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(process_label),
	  .value = "LABEL",
	  .help = "its SELinux label" },
	{ .name = "apparmor",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(apparmor),
	  .value = "PROFILE",
	  .help = "its AppArmor profile" },
	{ .name = "cgroup",
	  .type = RB_OPT_LIST,
	  RB_OPT_FIELD(cgroups),
	  .value = "[CTRL,..:]PATH",
	  .help = "a cgroup below the container's" },
	{ .name = "ignore-paused",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(ignore_paused),
	  .help = "also into a paused container" },
	{ .name = "console-socket",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(console_socket),
	  .value = "SOCKET",
	  .help = "where to send the master of the terminal" },
	{ .name = "pid-file",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(pid_file),
	  .value = "FILE",
	  .help = "write the pid of the process" },
	{ .name = "pidfd-socket",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(pidfd_socket),
	  .value = "SOCKET",
	  .help = "where to send a pidfd of it" },
	{ .name = "preserve-fds",
	  .type = RB_OPT_U32,
	  RB_OPT_FIELD(preserve_fds),
	  .value = "N",
	  .help = "pass N more descriptors" },
	{ .name = "no-subreaper",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(no_subreaper),
	  .help = "accepted" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_exec = {
	.name = "exec",
	.args = "ID [PROGRAM [ARGUMENT...]]",
	.summary = "Run a further process in a container",
	.text = "The exit status is the program's; 255 when runbox itself failed.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.flags = RB_CMD_PROTECT | RB_CMD_STOP_EARLY,
	.fail_status = 255,
	.run = exec,
};
