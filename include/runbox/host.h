/* host.h - facts about the host, gathered once (exec/host.c) and given to the pure parts
 *
 * The compiler reads these and makes no system call, so that a plan can be printed, tested and
 * fuzzed for any host: `plan --assume v1|hybrid|v2` uses the canned ones of plan/assume.c.
 */
#ifndef RUNBOX_HOST_H
#define RUNBOX_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/str.h"

struct rb_err;
struct rb_spec;

/** Cgroup controllers; a bit each, and the v1 name (cgroups(7)). */
enum rb_controller {
	RB_CG_CPU,
	RB_CG_CPUACCT,
	RB_CG_CPUSET,
	RB_CG_MEMORY,
	RB_CG_DEVICES,
	RB_CG_FREEZER,
	RB_CG_BLKIO,
	RB_CG_PIDS,
	RB_CG_HUGETLB,
	RB_CG_NET_CLS,
	RB_CG_NET_PRIO,
	RB_CG_PERF_EVENT,
	RB_CG_RDMA,
	RB_CG_MISC,
	RB_CG_COUNT,
};
#define RB_CG_BIT(c) (1u << (c))
extern const char *const rb_controller_names[RB_CG_COUNT]; /* v1 names; "blkio" is "io" on v2 */

/** One mounted cgroup hierarchy. */
struct rb_hierarchy {
	const char *mount;    /* "/sys/fs/cgroup/memory" */
	const char *own;      /* runbox's own cgroup in it, relative to the mount: "/" or "/a/b" */
	const char *name;     /* what /proc/PID/cgroup calls it: "memory", "cpu,cpuacct",
				 "name=systemd", "" on v2 */
	unsigned controllers; /* RB_CG_BIT */
	bool v2;
};

enum rb_cgroup_layout { RB_LAYOUT_NONE, RB_LAYOUT_V1, RB_LAYOUT_HYBRID, RB_LAYOUT_V2 };

struct rb_host {
	uid_t euid;
	gid_t egid;
	uint64_t caps;	   /* effective, of runbox itself; the bounding set is */
	uint64_t bounding; /* what a container can be given at most */
	bool in_userns;	   /* /proc/self/uid_map is not the identity */
	int last_cap;
	unsigned threads;	  /* of all processes; above 65535 it begins anew (sysinfo(2)) */
	bool root_is_rootfs;	  /* / is the initramfs: pivot_root(2) cannot move it */
	unsigned long namespaces; /* CLONE_NEW* flags the kernel has (/proc/self/ns) */
	bool selinux, apparmor;	  /* the LSM is enabled */
	enum rb_cgroup_layout layout;
	struct rb_hierarchy *hierarchies;
	size_t n_hierarchies;
};

/**
 * rb_host_probe() - fill @host from /proc and /sys
 * @arena: owns the strings
 * @spec: only what this one asks for is looked for: of capabilities whether those that it names are in the
 * bounding set, and whether LSMs are there only if it names a label; NULL: everything
 * @want_cgroups: also read the cgroup layout (costs a read of /proc/self/cgroup and statfs calls)
 * In exec/; makes system calls. Return: 0 or -errno
 */
int rb_host_probe(struct rb_arena *arena, struct rb_host *host, const struct rb_spec *spec,
		  bool want_cgroups, struct rb_err *err);

/** rb_host_assume() - canned facts: root with all capabilities on a host with this cgroup layout.
 * In plan/. */
void rb_host_assume(enum rb_cgroup_layout layout, struct rb_host *host);

#endif
