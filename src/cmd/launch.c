/* launch.c - from the command line to a created container, for `create` and `run`
 *
 * Sockets and descriptors of the caller are checked before anything is made. Failures of the plan
 * are undone by exec/ and the recorder; nothing here outlives the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

void rb_launch_init(struct rb_launch *l)
{
	*l = (struct rb_launch) { .bundle = RB_BUNDLE_NONE,
				  .record = RB_RECORD_NONE,
				  .pidfd_sock = -1 };
	rb_run_init(&l->run);
}

void rb_launch_done(struct rb_launch *l)
{
	rb_run_done(&l->run);
	rb_record_done(&l->record);
	rb_plan_done(&l->plan);
	rb_spec_done(&l->spec);
	rb_bundle_close(&l->bundle);
	rb_closep(&l->pidfd_sock);
	rb_arena_done(&l->arena);
}

/* How many descriptors from 3 on socket activation passed to us (sd_listen_fds(3)). */
static unsigned listen_fds(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint32_t n, whose;

	if (!fds || !pid || rb_parse_u32(fds, &n) < 0 || rb_parse_u32(pid, &whose) < 0)
		return 0;
	return whose == (uint32_t)getpid() ? n : 0;
}

/* A descriptor that was inherited is not close-on-exec; all that we opened ourselves are. */
static int check_inherited(unsigned n, struct rb_err *err)
{
	if (n > 1u << 20)
		return rb_fail(err, RB_ERR_USAGE, "--preserve-fds: %u descriptors are too many", n);
	for (unsigned i = 0; i < n; i++) {
		int flags = fcntl((int)(3 + i), F_GETFD);

		if (flags < 0 || (flags & FD_CLOEXEC))
			return rb_fail(err, RB_ERR_USAGE,
				       "--preserve-fds: descriptor %u is not open", 3 + i);
	}
	return 0;
}

static void add_env(struct rb_run *run, struct rb_arena *arena, const char *name, const char *value)
{
	run->extra_env.v[run->extra_env.n++] = rb_arena_printf(arena, "%s=%s", name, value);
}

int rb_take_descriptors(struct rb_run *run, struct rb_arena *arena, unsigned preserve_fds,
			size_t more, struct rb_err *err)
{
	const char *names = getenv("LISTEN_FDNAMES");

	run->listen_fds = listen_fds();
	run->preserve_fds = run->listen_fds + preserve_fds;
	run->extra_env.v =
		rb_arena_alloc(arena, (4 + more) * sizeof(char *)); /* each row below, and NULL */
	if (run->listen_fds) {
		add_env(run, arena, "LISTEN_FDS", rb_arena_printf(arena, "%u", run->listen_fds));
		add_env(run, arena, "LISTEN_PID", ""); /* rb_listen_pid() */
		if (names)
			add_env(run, arena, "LISTEN_FDNAMES", names);
	}
	return check_inherited(run->preserve_fds, err);
}

/* CONTRACT of the notify socket: its directory is mounted at /run/notify of the container. */
static void ask_notify(struct rb_launch *l)
{
	const char *host = getenv("NOTIFY_SOCKET");

	if (!host || !*host)
		return;
	l->opts.notify_dir = rb_arena_printf(&l->arena, "%s/%s/notify", l->root, l->id);
	add_env(&l->run, &l->arena, "NOTIFY_SOCKET", "/run/notify/notify.sock");
}

int rb_check_console(bool terminal, const char *console_socket, bool detached, struct rb_err *err)
{
	if (detached && terminal && !console_socket)
		return rb_fail(err, RB_ERR_USAGE,
			       "process.terminal is true and nobody stays in the foreground: "
			       "--console-socket is needed");
	if (console_socket && !terminal)
		return rb_fail(err, RB_ERR_USAGE,
			       "--console-socket needs process.terminal to be true");
	if (console_socket && !detached)
		return rb_fail(
			err, RB_ERR_USAGE,
			"--console-socket is for containers and processes in the background");
	return 0;
}

int rb_connect_to(const char *what, const char *path, int *ret_fd, struct rb_err *err)
{
	int r;

	if (!path)
		return 0;
	r = rb_unix_connect(AT_FDCWD, path, SOCK_STREAM, ret_fd);
	return r < 0 ? rb_fail_sys(err, -r, "connect to %s %s", what, path) : 0;
}

static int read_options(struct rb_launch *l, const struct rb_cli *cli, bool detached,
			struct rb_err *err)
{
	int r = rb_store_root(&l->arena, cli->root, &l->root, err);

	l->id = cli->args[0];
	l->opts.no_pivot = cli->no_pivot;
	l->opts.no_new_keyring = cli->no_new_keyring;
	l->opts.cgroups_disabled = cli->cgroup_manager && rb_streq(cli->cgroup_manager, "disabled");
	l->opts.systemd_cgroup = rb_wants_systemd(cli);
	l->opts.has_console_socket = cli->console_socket != NULL;
	l->opts.detached = detached;
	if (r == 0)
		r = rb_id_check(l->id, err);
	if (r == 0)
		r = rb_take_descriptors(&l->run, &l->arena, cli->preserve_fds, 1, err);
	l->opts.preserve_fds = l->run.preserve_fds;
	if (r == 0 && cli->pid_file)
		r = rb_absolute(&l->arena, cli->pid_file, &l->opts.pid_file, err);
	if (r == 0)
		ask_notify(l);
	return r;
}

static int compile(struct rb_launch *l, struct rb_err *err)
{
	struct rb_plan_opts opts;
	int r = rb_host_probe(&l->arena, &l->host, &l->spec, !l->opts.cgroups_disabled, err);

	if (r < 0)
		return r;
	rb_plan_opts_fill(&opts, l->id, l->bundle.path, &l->opts);
	r = rb_plan_compile(&l->plan, &l->spec, &l->host, &opts, err);
	for (size_t i = 0; r == 0 && i < l->plan.warnings.n; i++)
		rb_log_warn("%s", l->plan.warnings.v[i]);
	return r;
}

static int prepare(struct rb_launch *l, struct rb_cli *cli, bool detached, struct rb_err *err)
{
	int r = read_options(l, cli, detached, err);

	if (r == 0)
		r = rb_bundle_open(&l->bundle, &l->arena, cli->bundle, cli->config, err);
	if (r == 0)
		r = rb_spec_decode("config.json", l->bundle.config, l->bundle.config_len, &l->spec,
				   err);
	if (r == 0)
		rb_exec_ahead(&l->run, &l->spec);
	if (r == 0)
		r = rb_check_console(l->spec.process.present && l->spec.process.terminal,
				     cli->console_socket, detached, err);
	if (r == 0)
		r = compile(l, err);
	if (r == 0)
		r = rb_connect_to("console socket", cli->console_socket, &l->run.console_sock, err);
	if (r == 0)
		r = rb_connect_to("pidfd socket", cli->pidfd_socket, &l->pidfd_sock, err);
	return r;
}

int rb_send_pidfd(int sock, pid_t pid, struct rb_err *err)
{
	rb_autofd pidfd = -1;
	int r;

	if (sock < 0)
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return rb_fail_sys(err, errno, "open a pidfd of process %d", pid);
	r = rb_send_fd(sock, "pidfd", strlen("pidfd"), pidfd);
	return r < 0 ? rb_fail_sys(err, -r, "send the pidfd of process %d", pid) : 0;
}

/* A container that is created, but of which the caller was not told, is of no use to anybody. */
static void take_back(struct rb_launch *l)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct rb_err err = { 0 };

	rb_record_done(&l->record);
	if (rb_container_open(&c, l->root, l->id, RB_LOCK_WAIT, &err) < 0 ||
	    rb_container_destroy(&c, &err) < 0)
		rb_log_warn("container %s: %s", l->id, err.msg);
}

/* On success the container stays locked, in l->record.store, until somebody takes it or rb_launch_done(). */
int rb_launch_create(struct rb_launch *l, struct rb_cli *cli, bool detached, struct rb_err *err)
{
	int r = prepare(l, cli, detached, err);

	if (r < 0)
		return r;
	l->record.run = &l->run;
	l->record.spec = &l->spec;
	l->record.root = l->root;
	l->record.rootfs = rb_bundle_rootfs(&l->arena, l->bundle.path, &l->spec);
	l->record.config = l->bundle.config;
	l->record.config_len = l->bundle.config_len;
	l->record.opts = &l->opts;
	rb_record_init(&l->record, &l->recorder);
	l->run.plan = &l->plan;
	l->run.id = l->id;
	l->run.bundle = l->bundle.path;
	l->run.bundle_fd = rb_take_fd(&l->bundle.fd);
	l->run.rec = &l->recorder;
	l->run.foreground = !detached;
	l->run.die_with_parent = l->spec.ext.die_with_parent && !detached;
	r = rb_exec_create(&l->run, err);
	if (r < 0)
		return r;
	r = rb_send_pidfd(l->pidfd_sock, l->run.pid, err);
	if (r < 0)
		take_back(l);
	return r;
}
