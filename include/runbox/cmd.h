/* cmd.h - the command line as tables
 *
 * Each verb is one `const struct rb_cmd`: name, usage, options, function. The parser knows no verb
 * and no option; help, parsing and suggestions all read the same rows.
 */
#ifndef RUNBOX_CMD_H
#define RUNBOX_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/str.h"

struct rb_err;

/** The options of update, as written; NULL: not given. */
struct rb_cli_update {
	const char *resources, *blkio_weight, *cpu_burst, *cpu_idle, *cpu_period, *cpu_quota;
	const char *cpu_rt_period, *cpu_rt_runtime, *cpu_share, *cpuset_cpus, *cpuset_mems;
	const char *kernel_memory, *kernel_memory_tcp, *memory, *memory_reservation, *memory_swap;
	const char *pids_limit, *l3_cache_schema, *mem_bw_schema;
};

/** All that options of any verb can set; zero is the default of each. */
struct rb_cli {
	struct rb_arena arena;
	const char *version, *commit; /* of this build */
	char **argv;		      /* as main() got it */
	/* global */
	bool debug, systemd_cgroup, want_version, help;
	const char *log, *log_format, *log_level, *root, *cgroup_manager, *rootless;
	/* create, run */
	const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper, as_run;
	uint32_t preserve_fds;
	/* exec */
	const char *process, *cwd, *user, *process_label, *apparmor;
	bool tty, no_new_privs, ignore_paused;
	struct rb_strv env, caps, additional_gids, cgroups;
	/* others */
	bool all, force, quiet, regex, want_rootless;
	bool stats;
	const char *format, *file, *assume, *interval;
	struct rb_cli_update update;
	/* net */
	const char *egress, *ingress, *delay, *jitter, *loss, *interface;
	/* what is left */
	char **args;
	int n_args;
};

enum rb_opt_type {
	RB_OPT_BOOL, /* --x, --x=true|false */
	RB_OPT_TEXT,
	RB_OPT_CHOICE, /* one of the words in choices */
	RB_OPT_U32,
	RB_OPT_LIST, /* may be repeated; a struct rb_strv */
};

struct rb_option {
	const char *name;
	char letter; /* 0: none */
	enum rb_opt_type type;
	size_t offset;		    /* in struct rb_cli */
	const char *help;	    /* one short line */
	const char *value;	    /* what help calls the value: "DIR" */
	const char *const *choices; /* ends with NULL */
};
/** RB_OPT_END - the row that ends a table */
#define RB_OPT_END           \
	{                    \
		.name = NULL \
	}

enum rb_cmd_flags {
	RB_CMD_PROTECT = 1,    /* runs code in a container: rb_self_protect() first */
	RB_CMD_STOP_EARLY = 2, /* options end at the first argument that is none */
	RB_CMD_LATER = 4,      /* part of the contract, not in this version */
};

struct rb_cmd {
	const char *name;
	const char *args;    /* "ID [SIGNAL]" */
	const char *summary; /* one line for `runbox --help` */
	const char *text;    /* some lines for `runbox VERB --help`, or NULL */
	const struct rb_option *options;
	int min_args, max_args; /* max -1: any number */
	unsigned flags;
	int fail_status; /* exit status of a failure, 0: 1 */
	/* Return: exit status, or -errno with @err filled (exit fail_status) */
	int (*run)(struct rb_cli *cli, struct rb_err *err);
};

extern const struct rb_cmd *const rb_cmds[]; /* ends with NULL */
extern const struct rb_option rb_global_options[];

/**
 * rb_cli_globals() - parse what stands before the verb
 * @argv: of main(); @ret_cmd: NULL for --help and --version
 * @ret_next: index of the first word after the verb
 */
int rb_cli_globals(struct rb_cli *cli, int argc, char **argv, const struct rb_cmd **ret_cmd,
		   int *ret_next, struct rb_err *err);

/** rb_cli_parse() - parse the words of a verb, from @argv[next] on, and check their number */
int rb_cli_parse(struct rb_cli *cli, const struct rb_cmd *cmd, int argc, char **argv, int next,
		 struct rb_err *err);

/** rb_cli_help() - the help of a verb, or (NULL) of the program */
void rb_cli_help(const struct rb_cmd *cmd, struct rb_buf *out);

#endif
