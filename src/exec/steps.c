/* steps.c - each kind of steps.def with what applies it, what is recorded before, and what undoes it
 *
 * Only what outlives the child has a record and an undo; the rest dies with its namespaces. A record is
 * "name\targ\targ"; undo gets the record split at the tabs, and nothing else.
 */
#include <errno.h>
#include <string.h>

#include "exec/exec_priv.h"

static const struct rb_step_hint mount_hints[] = {
	{ ENOSPC, "the kernel's limit of mounts (fs.mount-max), not a full disk" },
	{ EINVAL, "an option that this file system does not know, or a source that is not what its "
		  "type says" },
	{ ENODEV, "the kernel does not have this file system" },
	{ 0, NULL },
};
static const struct rb_step_hint init_hints[] = {
	{ EACCES, "the sysctl vm.memfd_noexec=2 forbids it" },
	{ 0, NULL },
};
static const struct rb_step_hint overlay_hints[] = {
	{ ENODEV, "the kernel does not have this file system" },
	{ EPERM, "in a user namespace an overlay needs Linux 5.11" },
	{ EINVAL, "not every file system, nor an overlay on an overlay, can be its lower" },
	{ 0, NULL },
};
static const struct rb_step_hint clone_hints[] = {
	{ ENOSPC, "a limit of /proc/sys/user/max_*_namespaces is reached" },
	{ EINVAL, "the kernel lacks one of these namespace types" },
	{ EPERM, "creating namespaces needs CAP_SYS_ADMIN or a user namespace" },
	{ EAGAIN, "a limit of processes is reached: linux.resources.pids, or RLIMIT_NPROC" },
	{ 0, NULL },
};
static const struct rb_step_hint born_hints[] = {
	{ EAGAIN, "a limit of processes is reached: linux.resources.pids, or RLIMIT_NPROC" },
	{ 0, NULL },
};
static const struct rb_step_hint cgroup_hints[] = {
	{ EACCES, "only root of the host may make cgroups there: name one that was delegated to "
		  "you, or use "
		  "--systemd-cgroup or --cgroup-manager disabled" },
	{ 0, NULL },
};
static const struct rb_step_hint rlimit_hints[] = {
	{ EPERM, "raising a hard limit needs CAP_SYS_RESOURCE" },
	{ 0, NULL },
};
static const struct rb_step_hint oom_hints[] = {
	{ EACCES, "lowering the score needs CAP_SYS_RESOURCE" },
	{ 0, NULL },
};

static const struct rb_step_hint rdt_hints[] = {
	{ EACCES, "changing classes of resctrl needs root of the host" },
	{ EPERM, "changing classes of resctrl needs root of the host" },
	{ 0, NULL },
};

static const struct rb_step_hint net_hints[] = {
	{ EPERM, "changing the host's network needs CAP_NET_ADMIN" },
	{ 0, NULL },
};
static const struct rb_step_hint link_hints[] = {
	{ EEXIST, "a device of that name is there, on the host or in the container" },
	{ EPERM, "changing the host's network needs CAP_NET_ADMIN" },
	{ ENODEV, "there is no such device on the host" },
	{ 0, NULL },
};
static const struct rb_step_hint route_hints[] = {
	{ ENETUNREACH, "the gateway is in none of the container's subnets" },
	{ EHOSTUNREACH, "the gateway is in none of the container's subnets" },
	{ EINVAL, "the gateway is in none of the container's subnets" },
	{ 0, NULL },
};
static const struct rb_step_hint file_hints[] = {
	{ EROFS, "the image is read-only and has no such file to mount on" },
	{ EACCES, "the image has no such file to mount on, and the container may not make it" },
	{ 0, NULL },
};

const struct rb_step_ops rb_step_ops[RB_STEP_COUNT] = {
	[RB_STEP_RECORD] = { .apply = rb_step_record },
	[RB_STEP_SCOPE] = { .apply = rb_step_scope,
			    .record = rb_record_scope,
			    .undo = rb_undo_scope },
	[RB_STEP_CGROUP] = { .apply = rb_step_cgroup,
			     .record = rb_record_cgroup,
			     .undo = rb_undo_cgroup,
			     .hints = cgroup_hints },
	[RB_STEP_LIMITS] = { .apply = rb_step_limits },
	[RB_STEP_DEVICE_RULES] = { .apply = rb_step_device_rules },
	[RB_STEP_FILTER] = { .apply = rb_step_filter },
	[RB_STEP_NETWORK] = { .apply = rb_step_network,
			      .record = rb_record_network,
			      .undo = rb_undo_network },
	[RB_STEP_NETNS] = { .apply = rb_step_netns,
			    .record = rb_record_netns,
			    .undo = rb_undo_netns,
			    .hints = net_hints },
	[RB_STEP_NET_FILES] = { .apply = rb_step_net_files },
	[RB_STEP_BRIDGE] = { .apply = rb_step_bridge,
			     .record = rb_record_bridge,
			     .undo = rb_undo_bridge,
			     .hints = net_hints },
	[RB_STEP_LINK] = { .apply = rb_step_link,
			   .record = rb_record_link,
			   .undo = rb_undo_link,
			   .hints = link_hints },
	[RB_STEP_NET_DEVICE] = { .apply = rb_step_net_device,
				 .record = rb_record_net_device,
				 .undo = rb_undo_net_device,
				 .hints = link_hints },
	[RB_STEP_ADDRESS] = { .apply = rb_step_address, .hints = net_hints },
	[RB_STEP_ROUTE] = { .apply = rb_step_route, .hints = route_hints },
	[RB_STEP_SHAPE] = { .apply = rb_step_shape },
	[RB_STEP_NAT] = { .apply = rb_step_nat,
			  .record = rb_record_nat,
			  .undo = rb_undo_nat,
			  .hints = net_hints },
	[RB_STEP_OPEN_ROOT] = { .apply = rb_step_open_root },
	[RB_STEP_OPEN_SOURCE] = { .apply = rb_step_open_source },
	[RB_STEP_CLONE] = { .apply = rb_step_clone, .hints = clone_hints },
	[RB_STEP_ENTER] = { .apply = rb_step_enter, .hints = clone_hints },
	[RB_STEP_IDMAP] = { .apply = rb_step_idmap },
	[RB_STEP_ATTACH] = { .apply = rb_step_attach },
	[RB_STEP_RDT] = { .apply = rb_step_rdt,
			  .record = rb_record_rdt,
			  .undo = rb_undo_rdt,
			  .hints = rdt_hints },
	[RB_STEP_RDT_ENTER] = { .apply = rb_step_rdt_enter, .hints = rdt_hints },
	[RB_STEP_OOM_SCORE] = { .apply = rb_step_oom_score, .hints = oom_hints },
	[RB_STEP_TIME_LIMIT] = { .apply = rb_step_time_limit },
	[RB_STEP_KEEP] = { .apply = rb_step_keep },
	[RB_STEP_PID_FILE] = { .apply = rb_step_pid_file,
			       .record = rb_record_pid_file,
			       .undo = rb_undo_pid_file },
	[RB_STEP_CREATED] = { .apply = rb_step_created },
	[RB_STEP_BARRIER] = { .apply = rb_step_barrier },
	[RB_STEP_HOOK] = { .apply = rb_step_hook },
	[RB_STEP_BECOME_ROOT] = { .apply = rb_step_become_root },
	[RB_STEP_CGROUP_NS] = { .apply = rb_step_cgroup_ns },
	[RB_STEP_TIME_OFFSETS] = { .apply = rb_step_time_offsets },
	[RB_STEP_LOOPBACK] = { .apply = rb_step_loopback, .hints = clone_hints },
	[RB_STEP_PROPAGATION] = { .apply = rb_step_propagation },
	[RB_STEP_OVERLAY] = { .apply = rb_step_overlay, .hints = overlay_hints },
	[RB_STEP_ROOTFS] = { .apply = rb_step_rootfs, .hints = mount_hints },
	[RB_STEP_MOUNT] = { .apply = rb_step_mount, .hints = mount_hints },
	[RB_STEP_NET_FILE] = { .apply = rb_step_net_file, .hints = file_hints },
	[RB_STEP_DEVICE] = { .apply = rb_step_device },
	[RB_STEP_SYMLINK] = { .apply = rb_step_symlink },
	[RB_STEP_CONSOLE] = { .apply = rb_step_console },
	[RB_STEP_READONLY] = { .apply = rb_step_readonly },
	[RB_STEP_MASK] = { .apply = rb_step_mask },
	[RB_STEP_PIVOT] = { .apply = rb_step_pivot },
	[RB_STEP_CHROOT] = { .apply = rb_step_chroot },
	[RB_STEP_SYSCTL] = { .apply = rb_step_sysctl },
	[RB_STEP_HOSTNAME] = { .apply = rb_step_hostname },
	[RB_STEP_DOMAINNAME] = { .apply = rb_step_domainname },
	[RB_STEP_ROOT_READONLY] = { .apply = rb_step_root_readonly },
	[RB_STEP_INIT] = { .apply = rb_step_init, .hints = init_hints },
	[RB_STEP_KEYRING] = { .apply = rb_step_keyring },
	[RB_STEP_SCHEDULER] = { .apply = rb_step_scheduler },
	[RB_STEP_IO_PRIORITY] = { .apply = rb_step_io_priority },
	[RB_STEP_AFFINITY] = { .apply = rb_step_affinity },
	[RB_STEP_MEM_POLICY] = { .apply = rb_step_mem_policy },
	[RB_STEP_RLIMITS] = { .apply = rb_step_rlimits, .hints = rlimit_hints },
	[RB_STEP_PERSONALITY] = { .apply = rb_step_personality },
	[RB_STEP_LABEL] = { .apply = rb_step_label },
	[RB_STEP_USER] = { .apply = rb_step_user },
	[RB_STEP_CAPS] = { .apply = rb_step_caps },
	[RB_STEP_NO_NEW_PRIVS] = { .apply = rb_step_no_new_privs },
	[RB_STEP_CWD] = { .apply = rb_step_cwd },
	[RB_STEP_FIND] = { .apply = rb_step_find },
	[RB_STEP_BORN] = { .apply = rb_step_born, .hints = born_hints },
	[RB_STEP_GATE] = { .apply = rb_step_gate },
	[RB_STEP_SECCOMP] = { .apply = rb_step_seccomp },
	[RB_STEP_EXECUTED] = { .apply = rb_step_executed },
	[RB_STEP_EXEC] = { .apply = rb_step_exec },
};

void rb_err_add_hint(const struct rb_step *step, struct rb_err *err)
{
	const struct rb_step_hint *h = rb_step_ops[step->kind].hints;

	for (; h && h->errnum; h++)
		if (h->errnum == err->errnum)
			(void)rb_err_hint(err, h->hint); /* returns the failure that is there */
}
