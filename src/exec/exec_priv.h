/* exec_priv.h - what the files of exec/ share: the row of ops, the run's child side, paths in the
 * root
 *
 * Each kind of steps.def has one row in exec/steps.c; the functions are named rb_step_<kind>().
 */
#ifndef RUNBOX_EXEC_PRIV_H
#define RUNBOX_EXEC_PRIV_H

#include "runbox/err.h"
#include "runbox/exec.h"
#include "runbox/fd.h"
#include "runbox/plan.h"
#include "runbox/proc.h"

struct rb_step_ops {
	int (*apply)(struct rb_run *run, const struct rb_step *step, struct rb_err *err);
	/* the journal line: kind and arguments, tab-separated, written before apply; NULL: nothing
	 * to undo */
	void (*record)(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line);
	/* from the record alone: argv[0] is the kind's name; "already gone" is success */
	int (*undo)(char **argv, size_t argc, struct rb_err *err);
	/* rows {kind, errno} whose errno misleads: a hint each, ended by a zero errno; NULL for
	 * none */
	const struct rb_step_hint *hints;
};
struct rb_step_hint {
	int errnum;
	const char *hint;
};

extern const struct rb_step_ops rb_step_ops[RB_STEP_COUNT];

/* host side, before the child (host.c, cgroup*.c, open.c, clone.c, idmap.c) */
int rb_step_record(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_scope(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_cgroup(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_limits(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_device_rules(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_filter(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_open_root(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_open_source(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_clone(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_enter(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_idmap(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_attach(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_rdt(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_rdt_enter(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_oom_score(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_time_limit(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_pid_file(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_keep(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_created(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_barrier(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_hook(struct rb_run *, const struct rb_step *, struct rb_err *);

/* the network, host side (step_network.c, step_link.c, step_nat.c, step_netns.c, step_netfile.c) */
int rb_step_network(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_netns(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_net_files(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_bridge(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_link(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_net_device(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_address(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_route(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_shape(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_nat(struct rb_run *, const struct rb_step *, struct rb_err *);
/** rb_net_run_new() - run->net, when the config has a network; rb_net_run_done() - closes it */
int rb_net_run_new(struct rb_run *run, struct rb_err *err);
void rb_net_run_done(struct rb_run *run);

/* child side */
int rb_step_become_root(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_cgroup_ns(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_time_offsets(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_loopback(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_propagation(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_overlay(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_rootfs(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_mount(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_net_file(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_device(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_symlink(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_console(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_readonly(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_mask(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_pivot(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_chroot(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_sysctl(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_hostname(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_domainname(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_root_readonly(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_init(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_keyring(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_scheduler(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_io_priority(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_affinity(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_mem_policy(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_rlimits(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_personality(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_label(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_user(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_caps(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_no_new_privs(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_cwd(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_find(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_born(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_gate(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_seccomp(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_executed(struct rb_run *, const struct rb_step *, struct rb_err *);
int rb_step_exec(struct rb_run *, const struct rb_step *, struct rb_err *);

/** rb_run_note() - write a record, here and in the journal: what is to be undone if not by its step's own */
int rb_run_note(struct rb_run *run, const char *line, struct rb_err *err);

/* records and undo of the kinds that have them */
void rb_record_scope(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_scope(char **argv, size_t argc, struct rb_err *);
void rb_record_cgroup(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_cgroup(char **argv, size_t argc, struct rb_err *);
void rb_record_pid_file(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_pid_file(char **argv, size_t argc, struct rb_err *);
void rb_record_rdt(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_rdt(char **argv, size_t argc, struct rb_err *);
void rb_record_network(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_network(char **argv, size_t argc, struct rb_err *);
void rb_record_netns(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_netns(char **argv, size_t argc, struct rb_err *);
void rb_record_bridge(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_bridge(char **argv, size_t argc, struct rb_err *);
void rb_record_link(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_link(char **argv, size_t argc, struct rb_err *);
void rb_record_net_device(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_net_device(char **argv, size_t argc, struct rb_err *);
void rb_record_nat(const struct rb_run *, const struct rb_step *, struct rb_buf *line);
int rb_undo_nat(char **argv, size_t argc, struct rb_err *);
/** rb_record_begin() - the kind's name; rb_field_add() adds the arguments */
void rb_record_begin(struct rb_buf *line, enum rb_step_kind kind);
/** rb_record_process() - tell the recorder that the child exists. */
int rb_record_process(struct rb_run *run, struct rb_err *err);
/** rb_err_add_hint() - the hint of the step's kind for this errno, if it has one */
void rb_err_add_hint(const struct rb_step *step, struct rb_err *err);
/** rb_host_find_mount() - where the top of a file system of that type is mounted, in the arena; NULL for
 * nowhere */
const char *rb_host_find_mount(struct rb_arena *arena, const char *fstype);
/** rb_ns_open() - open a namespace by path; it must be one of @type (CLONE_NEW*). */
int rb_ns_open(const char *path, unsigned long type, const char *type_name, int *ret_fd,
	       struct rb_err *err);

/* --- root.c: paths in the rootfs. No string path inside the rootfs is used twice. --- */

/**
 * rb_root_open() - open a path below the container's root: openat2(RESOLVE_IN_ROOT|NO_MAGICLINKS),
 * or a walk component by component with O_NOFOLLOW where the kernel has no openat2
 * @flags: open(2) flags; O_CLOEXEC is added. Return: 0 or -errno
 */
int rb_root_open(int root_fd, const char *path, int flags, int *ret_fd);

/**
 * rb_root_make() - open a path below the root O_PATH, making what is missing: directories 0755, and
 * the last component a directory or an empty file A dangling symlink is resolved inside the root
 * and its target made. @nofollow: the last component is taken as it is (opened O_NOFOLLOW). Return:
 * 0 or -errno
 */
int rb_root_make(int root_fd, const char *path, bool dir, bool nofollow, int *ret_fd);

/** rb_root_parent() - directory of @path below the root (made when missing) and its last component.
 */
int rb_root_parent(int root_fd, const char *path, int *ret_dir_fd, const char **ret_base);

/** rb_small_file() - a small text file of the container: regular, at most 1 MiB. malloc'd. Return:
 * 0 or -errno */
int rb_small_file(int root_fd, const char *path, char **ret_text);

/** rb_mount_is() - is @fd on a file system with this magic number (statfs(2))? */
bool rb_mount_is(int fd, long magic);

/* --- sync.c: the socket between the sides --- */
/** rb_sync_signal() - one token to the other side, and the pid as the host sees it */
int rb_sync_signal(struct rb_run *run, unsigned token, struct rb_err *err);
/** rb_sync_wait() - wait for that token. Warnings are logged and a pty master kept in run->master
 * on the way. Return: 0; the other side's failure when it sent one; -EPIPE when it is gone */
int rb_sync_wait(struct rb_run *run, unsigned token, struct rb_err *err);
/** rb_sync_drain() - read to the end of the stream. @mask, @end: see rb_run.wait_mask and
 * rb_run.end. @master: where a pty master goes, or NULL. Return: 0 at the end, or the failure that
 * came */
int rb_sync_drain(int sock, const sigset_t *mask, int end, int *master, struct rb_err *err);
/** rb_sync_gone() - the failure for a side that ended without a word. Return: -EPIPE */
int rb_sync_gone(const struct rb_run *run, struct rb_err *err);
/** rb_sync_look() - is the other side still there? Return: 0, or -EPIPE */
int rb_sync_look(const struct rb_run *run, struct rb_err *err);
/** rb_sync_fail() - tell the other side; says nothing when it is gone. */
void rb_sync_fail(int sock, const struct rb_err *failure);
/** rb_sync_send_fd() - the child hands the pty master to the host side: run->master there. */
int rb_sync_send_fd(int sock, int fd, struct rb_err *err);
/** rb_sync_send_filter() - host side: run->seccomp_bpf becomes the child's, in its next rb_sync_wait(). */
int rb_sync_send_filter(struct rb_run *run, struct rb_err *err);
/** rb_sync_warn() - for rb_log_forward(): the child's rb_log_warn() comes out at the host side. */
void rb_sync_warn(int sock, const char *text);

/** rb_hook_exec_one() - run one hook in the current namespaces. before_exec (may be NULL) runs in
 * the forked child just before execve, with @arg. */
int rb_hook_exec_one(enum rb_hook_kind kind, size_t index, const struct rb_hook *hook,
		     const char *state_json, int (*before_exec)(void *arg), void *arg,
		     struct rb_err *err);

/** rb_caps_apply() - capset(2) and ambient set to exactly these; bounding was dropped before.
 * Plain. */
int rb_caps_apply(const struct rb_caps *sets);

/** rb_ahead_net() - host side: wait for the network namespace of rb_exec_ahead(). Return: a descriptor that
 * stays the run's, or -errno */
int rb_ahead_net(struct rb_run *run);
void rb_ahead_done(struct rb_run *run);
/** rb_ahead_child() - first of all in the child; rb_ahead_enter() - wait for it, and enter. Return:
 * 1 when its lo is up, 0 when that is not known, or -errno */
void rb_ahead_child(struct rb_run *run);
int rb_ahead_enter(struct rb_run *run);
/** rb_loopback_up() - lo of the caller's network namespace. Return: 0 or -errno */
int rb_loopback_up(void);

/** rb_close_others() - close all but stdio, what the caller asked to pass on, and @keep (-1: none) */
void rb_close_others(const struct rb_run *run, const int *keep, size_t n);
/** rb_child_enter() - first of all in the child: die with the runtime, and hide; on exec the go-between,
 * which has hidden, forgets the host */
void rb_child_enter(struct rb_run *run);
void rb_oom_score_ahead(const struct rb_run *run);

/** rb_child_main() - the container's first process, or who goes into it on exec: walk the child's rows,
 * never returns */
void rb_child_main(struct rb_run *run) __attribute__((noreturn));

/**
 * rb_self_release() - close the mount that this process runs from; it goes on running
 *
 * Who closes it last takes the mount apart and waits for an RCU grace period, 0.1 ms and more:
 * so it is not left to execve, but closed by children at once, and by the host side where it
 * waits for the child anyway. As long as it is open the mount is in a namespace, and somebody
 * with CAP_SYS_ADMIN who comes by /proc/PID/exe can make it writable: so it is closed before any
 * of us can be seen from inside of a container.
 */
void rb_self_release(void);

/** The program runbox-init, up to the end. */
extern const char rb_init_image[], rb_init_image_end[];

/** rb_entry_is_verb() - does the program protect itself before main() when this is one of its words? */
bool rb_entry_is_verb(const char *word);

/** rb_fault_arm() - from now on RUNBOX_FAULT=kill-* kills this process from both sides; before
 * clone */
void rb_fault_arm(void);
/** rb_fault_wanted() - is RUNBOX_FAULT set? */
bool rb_fault_wanted(void);

/* raw calls that this C library does not wrap (syscalls.c); each returns as the call does, errno
 * set. RUNBOX_NO_SYSCALLS is not consulted: old kernels are simulated by a seccomp filter from
 * outside. */
#endif
