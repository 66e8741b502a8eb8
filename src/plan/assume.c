/* assume.c - canned facts about a host, so that a plan can be made anywhere
 *
 * `plan --assume v1|hybrid|v2` and the golden plans use them: root with all capabilities, every
 * namespace, every LSM, and the cgroup layout that was named. Layouts as systemd mounts them.
 */
#include <linux/sched.h>

#include "runbox/host.h"

const char *const rb_controller_names[RB_CG_COUNT] = {
	[RB_CG_CPU] = "cpu",	       [RB_CG_CPUACCT] = "cpuacct",
	[RB_CG_CPUSET] = "cpuset",     [RB_CG_MEMORY] = "memory",
	[RB_CG_DEVICES] = "devices",   [RB_CG_FREEZER] = "freezer",
	[RB_CG_BLKIO] = "blkio",       [RB_CG_PIDS] = "pids",
	[RB_CG_HUGETLB] = "hugetlb",   [RB_CG_NET_CLS] = "net_cls",
	[RB_CG_NET_PRIO] = "net_prio", [RB_CG_PERF_EVENT] = "perf_event",
	[RB_CG_RDMA] = "rdma",	       [RB_CG_MISC] = "misc",
};

#define ALL_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
#define LAST_CAP 40 /* CAP_CHECKPOINT_RESTORE, capabilities(7) */
#define ALL_CAPS ((UINT64_C(1) << (LAST_CAP + 1)) - 1)

/* Not const only because struct rb_host, which is filled at run time elsewhere, points to it. The
 * last row is the unified hierarchy of a hybrid host. */
static struct rb_hierarchy v1_and_unified[] = {
	{ "/sys/fs/cgroup/cpu,cpuacct", "/", "cpu,cpuacct",
	  RB_CG_BIT(RB_CG_CPU) | RB_CG_BIT(RB_CG_CPUACCT), false },
	{ "/sys/fs/cgroup/cpuset", "/", "cpuset", RB_CG_BIT(RB_CG_CPUSET), false },
	{ "/sys/fs/cgroup/memory", "/", "memory", RB_CG_BIT(RB_CG_MEMORY), false },
	{ "/sys/fs/cgroup/devices", "/", "devices", RB_CG_BIT(RB_CG_DEVICES), false },
	{ "/sys/fs/cgroup/freezer", "/", "freezer", RB_CG_BIT(RB_CG_FREEZER), false },
	{ "/sys/fs/cgroup/blkio", "/", "blkio", RB_CG_BIT(RB_CG_BLKIO), false },
	{ "/sys/fs/cgroup/pids", "/", "pids", RB_CG_BIT(RB_CG_PIDS), false },
	{ "/sys/fs/cgroup/hugetlb", "/", "hugetlb", RB_CG_BIT(RB_CG_HUGETLB), false },
	{ "/sys/fs/cgroup/net_cls,net_prio", "/", "net_cls,net_prio",
	  RB_CG_BIT(RB_CG_NET_CLS) | RB_CG_BIT(RB_CG_NET_PRIO), false },
	{ "/sys/fs/cgroup/perf_event", "/", "perf_event", RB_CG_BIT(RB_CG_PERF_EVENT), false },
	{ "/sys/fs/cgroup/rdma", "/", "rdma", RB_CG_BIT(RB_CG_RDMA), false },
	{ "/sys/fs/cgroup/misc", "/", "misc", RB_CG_BIT(RB_CG_MISC), false },
	{ "/sys/fs/cgroup/systemd", "/", "name=systemd", 0, false },
	{ "/sys/fs/cgroup/unified", "/", "", 0, true },
};
#define N_HYBRID (sizeof(v1_and_unified) / sizeof(v1_and_unified[0]))

static struct rb_hierarchy v2_only[] = {
	{ "/sys/fs/cgroup", "/", "",
	  RB_CG_BIT(RB_CG_CPU) | RB_CG_BIT(RB_CG_CPUSET) | RB_CG_BIT(RB_CG_MEMORY) |
		  RB_CG_BIT(RB_CG_BLKIO) | RB_CG_BIT(RB_CG_PIDS) | RB_CG_BIT(RB_CG_HUGETLB) |
		  RB_CG_BIT(RB_CG_RDMA) | RB_CG_BIT(RB_CG_MISC),
	  true },
};

static const struct {
	struct rb_hierarchy *v;
	size_t n;
} layouts[] = {
	[RB_LAYOUT_NONE] = { NULL, 0 },
	[RB_LAYOUT_V1] = { v1_and_unified, N_HYBRID - 1 },
	[RB_LAYOUT_HYBRID] = { v1_and_unified, N_HYBRID },
	[RB_LAYOUT_V2] = { v2_only, 1 },
};

/**
 * rb_host_assume() - canned facts: root with all capabilities on a host with this cgroup layout
 * @host: filled; what it points to is static
 */
void rb_host_assume(enum rb_cgroup_layout layout, struct rb_host *host)
{
	*host = (struct rb_host) {
		.caps = ALL_CAPS,
		.bounding = ALL_CAPS,
		.last_cap = LAST_CAP,
		.namespaces = ALL_NAMESPACES,
		.selinux = true,
		.apparmor = true,
		.layout = layout,
		.hierarchies = layouts[layout].v,
		.n_hierarchies = layouts[layout].n,
	};
}
