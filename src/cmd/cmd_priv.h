/* cmd_priv.h - what the files of cmd/ share: rows of options, the bundle, a create at work, the
 * foreground
 */
#ifndef RUNBOX_CMD_PRIV_H
#define RUNBOX_CMD_PRIV_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "runbox/cmd.h"
#include "runbox/exec.h"
#include "runbox/net.h"
#include "runbox/plan.h"
#include "runbox/state.h"

#define RB_SPEC_VERSION "1.3.0"

/* --- tables of verbs, one a file --- */
extern const struct rb_cmd rb_cmd_check, rb_cmd_create, rb_cmd_delete, rb_cmd_events, rb_cmd_exec,
	rb_cmd_features, rb_cmd_gc, rb_cmd_kill, rb_cmd_list, rb_cmd_net, rb_cmd_pause, rb_cmd_plan,
	rb_cmd_ps, rb_cmd_resume, rb_cmd_run, rb_cmd_spec, rb_cmd_start, rb_cmd_state,
	rb_cmd_update, rb_cmd_wait;

/* --- rows of options that several verbs have --- */
#define RB_OPT_FIELD(field) .offset = offsetof(struct rb_cli, field)
#define RB_OPT_ROW_BUNDLE                                                                         \
	{                                                                                         \
		.name = "bundle", .letter = 'b', .type = RB_OPT_TEXT, RB_OPT_FIELD(bundle),       \
		.value = "DIR", .help = "the bundle's directory (default: the working directory)" \
	}
#define RB_OPT_ROW_CONFIG                                                                   \
	{                                                                                   \
		.name = "config", .letter = 'f', .type = RB_OPT_TEXT, RB_OPT_FIELD(config), \
		.value = "FILE", .help = "another file than config.json of the bundle"      \
	}
#define RB_OPT_ROWS_CREATE                                                               \
	RB_OPT_ROW_BUNDLE, RB_OPT_ROW_CONFIG,                                            \
		{ .name = "console-socket",                                              \
		  .type = RB_OPT_TEXT,                                                   \
		  RB_OPT_FIELD(console_socket),                                          \
		  .value = "SOCKET",                                                     \
		  .help = "where to send the master of the terminal" },                  \
		{ .name = "pid-file",                                                    \
		  .type = RB_OPT_TEXT,                                                   \
		  RB_OPT_FIELD(pid_file),                                                \
		  .value = "FILE",                                                       \
		  .help = "write the pid of the container's process" },                  \
		{ .name = "pidfd-socket",                                                \
		  .type = RB_OPT_TEXT,                                                   \
		  RB_OPT_FIELD(pidfd_socket),                                            \
		  .value = "SOCKET",                                                     \
		  .help = "where to send a pidfd of that process" },                     \
		{ .name = "preserve-fds",                                                \
		  .type = RB_OPT_U32,                                                    \
		  RB_OPT_FIELD(preserve_fds),                                            \
		  .value = "N",                                                          \
		  .help = "pass N more descriptors, after stdio and LISTEN_FDS" },       \
		{ .name = "no-pivot",                                                    \
		  .type = RB_OPT_BOOL,                                                   \
		  RB_OPT_FIELD(no_pivot),                                                \
		  .help = "move the root instead of pivot_root(2)" },                    \
		{ .name = "no-new-keyring",                                              \
		  .type = RB_OPT_BOOL,                                                   \
		  RB_OPT_FIELD(no_new_keyring),                                          \
		  .help = "keep the caller's session keyring" },                         \
	{                                                                                \
		.name = "no-subreaper", .type = RB_OPT_BOOL, RB_OPT_FIELD(no_subreaper), \
		.help = "do not adopt orphans of the container"                          \
	}

#define RB_OPT_ROW_REGEX                                                                  \
	{                                                                                 \
		.name = "regex", .letter = 'r', .type = RB_OPT_BOOL, RB_OPT_FIELD(regex), \
		.help = "ID is a regular expression: every container that matches"        \
	}

extern const char *const rb_table_formats[];
#define RB_OPT_ROW_FORMAT(what)                                                               \
	{                                                                                     \
		.name = "format", .letter = 'f', .type = RB_OPT_CHOICE, RB_OPT_FIELD(format), \
		.choices = rb_table_formats, .help = what                                     \
	}

/* --- match.c --- */

/** What a verb does for one container. */
typedef int rb_one_fn(struct rb_cli *cli, const char *root, const char *id, struct rb_err *err);
/** rb_for_matching() - for the container of the command line, or with --regex for all that match;
 * the first failure of those is told when all had their turn */
int rb_for_matching(struct rb_cli *cli, rb_one_fn *one, struct rb_err *err);

/* --- bundle.c --- */

/** A bundle as the caller named it. Strings, and the config, in the arena of rb_bundle_open(). */
struct rb_bundle {
	const char *path; /* absolute, no links */
	int fd;		  /* O_PATH */
	char *config;	  /* config.json as read */
	size_t config_len;
};
#define RB_BUNDLE_NONE   \
	{                \
		.fd = -1 \
	}
/** rb_bundle_open() - open the directory and read its config. @config: another file, or NULL */
int rb_bundle_open(struct rb_bundle *bundle, struct rb_arena *arena, const char *dir,
		   const char *config, struct rb_err *err);
void rb_bundle_close(struct rb_bundle *bundle);
#define rb_autobundle __attribute__((cleanup(rb_bundle_close))) struct rb_bundle

/** rb_bundle_rootfs() - absolute path of root.path, "" when there is none */
const char *rb_bundle_rootfs(struct rb_arena *arena, const char *bundle,
			     const struct rb_spec *spec);

/** rb_absolute() - a path against the caller's working directory; in the arena */
int rb_absolute(struct rb_arena *arena, const char *path, const char **ret, struct rb_err *err);

/** rb_wants_systemd() - is systemd to make the cgroups? */
bool rb_wants_systemd(const struct rb_cli *cli);

/** rb_cli_plan_opts() - what the plan needs to know of the command line or of an earlier create */
void rb_plan_opts_fill(struct rb_plan_opts *opts, const char *id, const char *bundle,
		       const struct rb_create_opts *create);

/* --- launch.c: create, as `create` and `run` do it --- */

struct rb_launch {
	struct rb_arena arena;
	const char *id, *root;
	struct rb_bundle bundle;
	struct rb_spec spec;
	struct rb_host host;
	struct rb_plan plan;
	struct rb_create_opts opts;
	struct rb_run run;
	struct rb_recorder recorder;
	struct rb_record record;
	int pidfd_sock;
};
/** rb_take_descriptors() - LISTEN_FDS and --preserve-fds of the caller: checked, counted, their
 * environment added to run->extra_env (room for @more further entries) */
int rb_take_descriptors(struct rb_run *run, struct rb_arena *arena, unsigned preserve_fds,
			size_t more, struct rb_err *err);
/** rb_connect_to() - a stream socket that the caller listens on; @path NULL: none. @what: for
 * messages */
int rb_connect_to(const char *what, const char *path, int *ret_fd, struct rb_err *err);
/** rb_check_console() - a terminal needs somebody to hold its master: the foreground or the console
 * socket */
int rb_check_console(bool terminal, const char *console_socket, bool detached, struct rb_err *err);
/** rb_send_pidfd() - to the socket of --pidfd-socket; @sock -1: nothing to do */
int rb_send_pidfd(int sock, pid_t pid, struct rb_err *err);
/** rb_launch_create() - from the command line to a created container, unlocked again. @detached:
 * nobody stays */
int rb_launch_create(struct rb_launch *launch, struct rb_cli *cli, bool detached,
		     struct rb_err *err);
void rb_launch_init(struct rb_launch *launch);
void rb_launch_done(struct rb_launch *launch);

/* --- notify.c: sd_notify(3) between container and host --- */

/** A bound notify socket of a container; fd -1: none is wanted. */
struct rb_notify {
	int fd;
	pid_t pid;
};
/** rb_notify_open() - bind the socket when the container was made for one and NOTIFY_SOCKET is set
 */
int rb_notify_open(struct rb_notify *n, const struct rb_container *c, struct rb_err *err);
/** rb_notify_read() - take one message; 1 when it was READY=1, which was passed on */
int rb_notify_read(struct rb_notify *n, struct rb_err *err);
/** rb_notify_wait() - until the container is ready or has ended */
int rb_notify_wait(struct rb_notify *n, int pidfd, struct rb_err *err);
void rb_notify_close(struct rb_notify *n);

/* --- foreground.c --- */

struct rb_foreground {
	pid_t pid;
	int pidfd;
	int master;	/* of the container's terminal, -1: it has our stdio */
	bool keep_size; /* consoleSize was given: the terminal's own size counts from the first
			   SIGWINCH on */
	struct rb_notify *notify;
	uint64_t limit_ms, since_ns; /* of its time, since that of rb_now_ns(); limit 0: none */
	void (*time_over)(struct rb_foreground *fg); /* ends all of it */
	const char *root, *id;			     /* for that */
	sigset_t old_mask;
	int signals; /* signalfd */
};
/** rb_foreground_begin() - hold back signals, so that none is lost between start and the loop */
int rb_foreground_begin(struct rb_foreground *fg, struct rb_err *err);
/** rb_foreground_loop() - signals in, terminal both ways, until init ends. @ret_status: 0..255,
 * 128+signal */
int rb_foreground_loop(struct rb_foreground *fg, int *ret_status, struct rb_err *err);
void rb_foreground_end(struct rb_foreground *fg);

/* --- output.c --- */

/** rb_print() - to stdout, whole. Return: 0 or reporting failure (a full pipe's end is one) */
int rb_print(const struct rb_buf *text, struct rb_err *err);
/** rb_state_print() - the state of `state` (pretty) and `list` (compact), keys in the order engines
 * know */
void rb_state_print(struct rb_state *state, enum rb_status status, bool pretty, struct rb_buf *out);

/* --- net.c, net_show.c --- */

/** A device of a container, and its end on the host. */
struct rb_net_view {
	const char *name, *host_name; /* host_name NULL: it has none */
	bool there, host_there;
	struct rb_net_info in, host;
};
/** rb_net_print() - as a table or as JSON */
void rb_net_print(const char *id, const struct rb_net_view *v, size_t n, bool json,
		  struct rb_buf *out);

/* --- features.c --- */
/** rb_seccomp_version() - "2.5.4" */
void rb_seccomp_version(char buf[32]);

#endif
