/* cgroup.h - the container's cgroups: make, limit, enter, list, end, remove
 *
 * Paths come from rb_cgroup_dirs(); a directory is opened below its hierarchy's mount with
 * RESOLVE_BENEATH|NO_SYMLINKS and used by descriptor.
 */
#ifndef RUNBOX_CGROUP_H
#define RUNBOX_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/plan.h"

struct rb_buf;
struct rb_err;

/** rb_cgroup_create() - make the directories, parents too (cpuset parents filled, subtree_control
 * on v2). A directory that exists must be empty of processes and not frozen.
 * @keep: open all, for who is cloned later; else those of v1 that need it. Return: 0 or reporting failure */
int rb_cgroup_create(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     bool keep, struct rb_err *err);
/** rb_cgroup_attach() - write @pid into cgroup.procs of each directory. */
int rb_cgroup_attach(const struct rb_cgroup_dir *dirs, size_t n, pid_t pid, struct rb_err *err);
/**
 * rb_cgroup_enter() - move the calling process, which has one thread, into each directory
 * Much faster than rb_cgroup_attach() on v1, where it waits for no grace period; called in the
 * child, which uses the descriptors that rb_cgroup_create() opened before it was cloned, and else the
 * paths: it is in a copy of the host's mount namespace then.
 */
int rb_cgroup_enter(const struct rb_cgroup_dir *dirs, size_t n, struct rb_err *err);
/** rb_cgroup_open() - O_DIRECTORY descriptor of one directory, for CLONE_INTO_CGROUP. */
int rb_cgroup_open(const struct rb_cgroup_dir *dir, int *ret_fd, struct rb_err *err);
/** rb_cgroup_limits() - write linux.resources but for devices. */
int rb_cgroup_limits(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     struct rb_err *err);
/**
 * rb_cgroup_update() - change what @res sets, device rules too when it has any, of a container that runs
 * @scope: its unit when systemd manages its cgroup, and is to know the limits too; unit NULL if not
 * On failure everything is as it was.
 */
int rb_cgroup_update(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     const struct rb_scope *scope, struct rb_err *err);
/** rb_cgroup_device_rules() - v1 allow/deny files, v2 one BPF program; deny-all first, defaults
 * added. */
int rb_cgroup_device_rules(const struct rb_cgroup_dir *dirs, size_t n,
			   const struct rb_resources *res, struct rb_err *err);
/**
 * rb_cgroup_pids() - processes below a cgroup directory, nested ones too
 * @abs_path: "/sys/fs/cgroup/memory/runbox-ID"
 * @ret: malloc'd; Return: 0 (none when the directory is gone) or -errno
 */
int rb_cgroup_pids(const char *abs_path, pid_t **ret, size_t *ret_n);
/** rb_cgroup_kill() - end every process below: cgroup.kill, else pidfds, thawing it if frozen;
 * waits up to
 *  @timeout_ms by events. Return: 0, or -ETIMEDOUT reporting pid, state and wchan of one that will
 * not die */
int rb_cgroup_kill(const char *abs_path, int signum, unsigned timeout_ms, struct rb_err *err);
/** rb_cgroup_kill_all() - the same over all directories of a container, which is right when it may
 * be frozen: on v1 only the freezer's directory can thaw what is killed through another one. */
int rb_cgroup_kill_all(const char *const *abs_paths, size_t n, int signum, unsigned timeout_ms,
		       struct rb_err *err);
/**
 * rb_cgroup_freeze() - stop every process of a container and wait until they stand still
 * @abs_paths: its directories; one of them has a freezer
 * After a failure it is thawed. Return: 0, or a reporting failure, -ETIMEDOUT when one would not
 * stop
 */
int rb_cgroup_freeze(const char *const *abs_paths, size_t n, unsigned timeout_ms,
		     struct rb_err *err);
/** rb_cgroup_thaw() - the way back; not frozen is success. */
int rb_cgroup_thaw(const char *const *abs_paths, size_t n, unsigned timeout_ms, struct rb_err *err);
/** rb_cgroup_stats() - what a container uses, as members of a JSON object: "cpu", "cpuset", "memory",
 *  "pids", "blkio", "hugetlb", as runc's events prints them. @out ends in "{" or a member. */
void rb_cgroup_stats(const struct rb_cgroup_dir *dirs, size_t n, struct rb_buf *out);

/** What tells when a container runs out of memory. */
struct rb_oom {
	int fd; /* readable when there may be news; -1: nobody counts its memory */
	/* memory.events, of the cgroup and of the one above; v1: memory.oom_control */
	int file, above;
	bool v2;
	uint64_t seen, above_seen;
};
/** rb_oom_happened() - was a process of a new container killed because its memory was used up? */
bool rb_oom_happened(const struct rb_cgroup_dir *dirs, size_t n);
int rb_oom_open(struct rb_oom *w, const struct rb_cgroup_dir *dirs, size_t n, struct rb_err *err);
/** rb_oom_read() - Return: how often it did since the last call; the kernel may join two into one
 * @ended: the container has, so its cgroup may be gone */
unsigned rb_oom_read(struct rb_oom *w, bool ended);
void rb_oom_close(struct rb_oom *w);
/** rb_cgroup_remove() - remove the directory, nested ones, and parents that runbox made and nobody
 * needs. "Already gone" is success. */
int rb_cgroup_remove(const char *abs_path, const char *mount, struct rb_err *err);

#endif
