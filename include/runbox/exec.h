/* exec.h - runs a plan, undoes it
 *
 * The host side walks the plan in the runtime's process, the child side in the container's first
 * process. What outlives the child is recorded (callback) before it is done; undo works from the
 * record alone, so that `delete`, another process, uses the same code.
 */
#ifndef RUNBOX_EXEC_H
#define RUNBOX_EXEC_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/plan.h"

struct rb_err;
struct rb_child;
struct rb_ahead;
struct rb_verdict;

/** How the executor records; state/ implements it. Each returns 0 or a reporting failure. */
struct rb_recorder {
	void *ctx;
	/* a journal line "kind\targ\targ" (fields escaped), durable before the step is applied */
	int (*note)(void *ctx, const char *line, struct rb_err *err);
	/* RECORD: the state directory; called once, first */
	int (*begin)(void *ctx, struct rb_err *err);
	/* the child exists: @pid as the host sees it; before the child passes its first barrier */
	int (*child)(void *ctx, pid_t pid, struct rb_err *err);
	/* KEEP: all that is needed later, before a hook or the program can run */
	int (*keep)(void *ctx, struct rb_err *err);
	/* CREATED: state.json says created */
	int (*created)(void *ctx, struct rb_err *err);
	/* after a failed create has been undone: remove the state directory; may be NULL */
	void (*end)(void *ctx);
};

/** What one run shares between its steps. Filled by cmd/ or state/, zero and -1 where not used. */
struct rb_run {
	const struct rb_plan *plan;
	const char *id;
	const char *bundle; /* absolute */
	int bundle_fd;	    /* O_PATH directory */
	int state_fd;	    /* the container's state directory, O_PATH directory */
	const struct rb_recorder *rec;
	unsigned side;
	/* asked for on the command line */
	int console_sock;      /* connected console socket, -1: the master goes to the host side */
	unsigned preserve_fds; /* 3.. that stay open, LISTEN_FDS included */
	unsigned listen_fds;
	struct rb_strv extra_env; /* put over process.env: LISTEN_FDS, NOTIFY_SOCKET */
	bool foreground;	  /* `run` without --detach: container shares stdio */
	bool die_with_parent;
	bool starts; /* `run`: starts it itself, over run->sync; nobody else can, so there is no gate */
	/* of a straight plan: called once before the child is cloned, whose program may run at any moment
	 * from then on, and which is not to be left alone; NULL for nothing. @ret_end: becomes readable when
	 * this process is asked to end; the run's to close */
	int (*before_child)(void *ctx, int *ret_end, struct rb_err *err);
	void *before_child_ctx;
	int end; /* from before_child(), -1 without */
	/* made on the way */
	pid_t pid;
	int pidfd;
	int sync;	    /* SOCK_SEQPACKET to the other side */
	int proc_fd;	    /* a procfs of our own that no container can replace, O_PATH */
	int root_tree;	    /* OPEN_ROOT: detached tree */
	int root_fd;	    /* child: root of the container's tree once attached */
	int *sources;	    /* OPEN_SOURCE: one a mount, -1 if not opened */
	int gate;	    /* listening socket of the gate, bound in the state directory */
	int master;	    /* pty master that came back to the host side, -1 */
	int program;	    /* child: not used after FIND but for the path */
	char *program_path; /* child: what FIND found */
	struct rb_step_time
		*times; /* shared mapping, one a step; NULL before the first row and in exec */
	uint64_t t0_ns;
	/* TIME_LIMIT, of who waits for the container; 0: none */
	uint64_t time_limit_ms;
	int target; /* exec: pidfd of the container's init, -1 */
	/* exec: where the go-between says whom it has cloned; NULL in every other process */
	struct rb_verdict *birth;
	pid_t target_pid;
	/* exec: signals that are held back while the process is being set up, NULL: as they are. The
	 * container can stop that process (SIGSTOP), so the caller must be able to end us. */
	const sigset_t *wait_mask;
	const char *target_status; /* exec: of the container, as runtime.md calls it */
	/* of exec/ alone */
	int host_sync; /* the host side's end while the child is being cloned */
	bool is_exec;  /* a further process, not a container */
	bool hook_failed;
	struct rb_buf records;	   /* what was noted so far, a line each */
	struct rb_buf seccomp_bpf; /* the compiled filter: an array of struct sock_filter */
	int seccomp_sock;	   /* connected to listenerPath, -1 */
	bool is_filtered;	   /* by the early row */
	/* signals that the caller has us ignore, 1 << signal - 1; ~0: not known */
	uint64_t ignored;
	bool beside;		/* there is an idle processor: two things at a time are worth it */
	struct rb_ahead *ahead; /* the thread that makes the network namespace, NULL if none does */
	bool enters_net;	/* the child is cloned without one, and enters that */
	struct rb_net_run *net; /* what the network's rows share, NULL without a network */
	struct rb_child *child; /* what one of the child's steps makes for a later one */
};

/** rb_run_init() - all descriptors -1. rb_run_done() - close and free what the run owns. */
void rb_run_init(struct rb_run *run);
void rb_run_done(struct rb_run *run);

/**
 * rb_exec_ahead() - begin what takes long and every plan of @spec will need
 * To be called as soon as the spec is known; the rest of the run need not be filled. Cannot fail: what
 * does not work here is tried again by the plan's own row.
 */
void rb_exec_ahead(struct rb_run *run, const struct rb_spec *spec);

/**
 * rb_exec_create() - carry out the plan up to the gate
 * On failure all that was done has been undone from the journal lines (the state directory too),
 * poststop hooks have run if a hook failed (runtime.md "Lifecycle"), and the child is gone.
 * On success run->pid waits at the gate, or with run->starts for rb_exec_start_by(run->sync).
 */
int rb_exec_create(struct rb_run *run, struct rb_err *err);

/**
 * rb_exec_process() - carry out the plan of a further process in a running container (`exec`)
 * Before: run->target is the pidfd of its init. Nothing of it outlives the process, so nothing is
 * recorded. On success the program runs as our child run->pid, and run->master is its terminal if
 * it has one of ours.
 */
int rb_exec_process(struct rb_run *run, struct rb_err *err);

/**
 * rb_exec_network() - carry out the plan of a network for a container of another runtime
 * Before: run->pid is its first process. On failure all that was done has been undone.
 */
int rb_exec_network(struct rb_run *run, struct rb_err *err);

/**
 * rb_exec_start() - open the gate of a created container
 * @state_fd: its state directory
 * Returns when the program has been executed; a failing startContainer hook or exec is reported
 * with the child's own words.
 */
int rb_exec_start(int state_fd, struct rb_err *err);
/** rb_exec_start_by() - the same over a connection to the waiting child, which stays the caller's */
int rb_exec_start_by(int conn, struct rb_err *err);

/** rb_exec_gate_probe() - is a process still waiting behind the gate? Return: 1 yes, 0 no, -errno
 */
int rb_exec_gate_probe(int state_fd);

/**
 * rb_exec_undo() - undo one journal line
 * Accepts "already gone" and "never happened". Lines of kinds without undo are ignored.
 */
int rb_exec_undo(const char *line, struct rb_err *err);

/** rb_hooks_run() - hooks of one kind in the runtime's namespaces, in order, state JSON on stdin
 *  @stop_on_failure: createRuntime and friends; poststart and poststop go on with a warning */
int rb_hooks_run(const struct rb_spec *spec, enum rb_hook_kind kind, const char *state_json,
		 bool stop_on_failure, struct rb_err *err);

/** rb_state_json() - the state of runtime.md "State", compact, slashes unescaped, for hooks. */
void rb_state_json(const struct rb_spec *spec, const char *id, const char *status, pid_t pid,
		   const char *bundle, struct rb_buf *out);

/** rb_self_adopt() - first of all: what the program was executed from, if a descriptor, is not handed on */
void rb_self_adopt(void);
/**
 * rb_self_protect() - make this process run from an executable that the container cannot write to
 * First thing of the verbs that run code in a container: re-executes @argv from a read-only
 * detached mount of /proc/self/exe (a sealed memfd where that is not allowed). Returns 0 in the new
 * image. Source: THREATS CVE-2019-5736.
 */
int rb_self_protect(char **argv, struct rb_err *err);

/**
 * rb_user_lookup() - "USER[:GROUP]", each a number or a name of the container's passwd(5) and
 * group(5)
 * @root_fd: the container's root directory
 * @user: uid set; gid and supplementary groups too when USER is a name or a GROUP is given
 */
int rb_user_lookup(int root_fd, const char *text, struct rb_arena *arena, struct rb_user *user,
		   struct rb_err *err);

/* --- faults, for the tests of undo (src/README.md "Faults") --- */

/** rb_fault() - RUNBOX_FAULT="fail:create:7" makes step 7 of create fail; "kill-before:" and
 * "kill-after:" kill this process there. Return: 0, or -ECANCELED with @err filled */
int rb_fault(const char *verb, size_t step, bool after, struct rb_err *err);

#endif
