/* spec.h - config.json as typed data: what the user asked
 *
 * Field for field runtime-spec 1.3.0 (config.md, config-linux.md) plus the extension object
 * "runbox". Everything lives in the spec's arena. A number that may be absent has has_x beside it,
 * for 0 is a value. Enumerations hold the kernel's value, looked up once in names.h.
 */
#ifndef RUNBOX_SPEC_H
#define RUNBOX_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/str.h"

struct rb_err;

/* --- process (config.md "Process") --- */

struct rb_rlimit {
	int resource; /* RLIMIT_x, getrlimit(2) */
	uint64_t soft, hard;
};

struct rb_user {
	uint32_t uid, gid;
	bool has_umask;
	uint32_t umask;
	uint32_t *gids; /* additionalGids */
	size_t n_gids;
	const char *username; /* decoded, of no meaning on Linux */
};

/** Capability sets as masks, bit CAP_x. Unknown names were warned of and left out (config.md). */
struct rb_caps {
	bool present; /* "capabilities" is there */
	uint64_t bounding, permitted, effective, inheritable, ambient;
};

struct rb_scheduler { /* sched_setattr(2) */
	bool present;
	int policy;
	int32_t nice, priority;
	uint64_t flags;
	uint64_t runtime, deadline, period; /* ns */
};

struct rb_ioprio { /* ioprio_set(2) */
	bool present;
	int class;
	int32_t priority;
};

struct rb_process {
	bool present;
	bool terminal;
	bool has_console_size;
	uint64_t console_height, console_width; /* characters */
	const char *cwd;
	struct rb_strv env, args;
	struct rb_user user;
	struct rb_caps caps;
	struct rb_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	bool has_oom_score_adj;
	int64_t oom_score_adj;
	struct rb_scheduler scheduler;
	struct rb_ioprio io_priority;
	const char *exec_affinity_initial, *exec_affinity_final; /* CPU lists, or NULL */
};

/* --- mounts (config.md "Mounts") --- */

struct rb_idmap {
	uint32_t container_id, host_id, size;
};

/** Mount options, sorted by what carries them out. */
struct rb_mount_opts {
	uint64_t attr_set, attr_clr;   /* MOUNT_ATTR_*, this mount only (mount_setattr(2)) */
	uint64_t rattr_set, rattr_clr; /* the same for the whole tree: rro, rnosuid ... */
	unsigned long sb_set,
		sb_clr; /* MS_* of the superblock: sync dirsync mand lazytime silent iversion ro */
	unsigned long propagation[4]; /* MS_SHARED ... with MS_REC for r*, in the order given */
	size_t n_propagation;
	bool bind, bind_rec, remount;
	bool tmpcopyup, idmap, ridmap, copy_symlink, src_nofollow, dest_nofollow;
	struct rb_strv data; /* what is left, for the file system: "mode=755" */
	struct rb_idmap *idmap_uids, *idmap_gids; /* of crun's idmap=uids=..;gids=.. */
	size_t n_idmap_uids, n_idmap_gids;
	bool idmap_relative; /* an "@" entry: relative to the container's own mappings */
};

struct rb_mount {
	const char *dest; /* absolute, cleaned; a relative one of old configs is taken from "/" */
	const char *type, *source; /* NULL if absent */
	struct rb_strv options;	   /* as written */
	struct rb_mount_opts opts;
	struct rb_idmap *uids, *gids;
	size_t n_uids, n_gids;
};

/* --- hooks (config.md "POSIX-platform Hooks") --- */

enum rb_hook_kind {
	RB_HOOK_PRESTART,
	RB_HOOK_CREATE_RUNTIME,
	RB_HOOK_CREATE_CONTAINER,
	RB_HOOK_START_CONTAINER,
	RB_HOOK_POSTSTART,
	RB_HOOK_POSTSTOP,
	RB_HOOK_KINDS,
};

struct rb_hook {
	const char *path;
	struct rb_strv args, env;
	bool has_env;
	bool has_timeout;
	int64_t timeout; /* seconds */
};

struct rb_hooks {
	struct rb_hook *v;
	size_t n;
};

/* --- linux (config-linux.md) --- */

struct rb_namespace {
	int type;	  /* index into rb_ns_types[] of names.h */
	const char *path; /* NULL: a new one */
};

struct rb_device {
	const char *path;
	char type; /* 'c' 'b' 'p'; 'u' was turned into 'c' */
	int64_t major, minor;
	bool has_file_mode, has_uid, has_gid;
	uint32_t file_mode, uid, gid;
};

struct rb_device_rule {
	bool allow;
	char type;		   /* 'a' 'c' 'b' */
	bool has_major, has_minor; /* absent or -1: any */
	int64_t major, minor;
	unsigned access; /* RB_DEV_R|W|M, 0 is possible */
};
#define RB_DEV_R 1u
#define RB_DEV_W 2u
#define RB_DEV_M 4u

struct rb_opt_u64 {
	bool set;
	uint64_t v;
};
struct rb_opt_i64 {
	bool set;
	int64_t v;
};
struct rb_opt_u32 {
	bool set;
	uint32_t v;
};
struct rb_opt_u16 {
	bool set;
	uint16_t v;
};
struct rb_opt_bool {
	bool set;
	bool v;
};

struct rb_blkio_dev {
	int64_t major, minor;
	struct rb_opt_u16 weight, leaf_weight;
	struct rb_opt_u64 rate;
};
struct rb_blkio_devs {
	struct rb_blkio_dev *v;
	size_t n;
};

struct rb_hugepage {
	const char *page_size;
	uint64_t limit;
};
struct rb_net_prio {
	const char *name;
	uint32_t priority;
};
struct rb_rdma {
	const char *device;
	struct rb_opt_u32 hca_handles, hca_objects;
};
struct rb_kv {
	const char *key, *value;
};
struct rb_kvs {
	struct rb_kv *v;
	size_t n;
};

struct rb_resources {
	bool present;
	struct rb_device_rule *devices;
	size_t n_devices;
	struct {
		struct rb_opt_i64 limit, reservation, swap, kernel,
			kernel_tcp; /* bytes, -1 unlimited */
		struct rb_opt_u64 swappiness;
		struct rb_opt_bool disable_oom_killer, use_hierarchy, check_before_update;
	} memory;
	struct {
		struct rb_opt_u64 shares, period, burst, realtime_period; /* us */
		struct rb_opt_i64 quota, realtime_runtime, idle;
		const char *cpus, *mems;
	} cpu;
	struct rb_opt_i64 pids_limit;
	struct {
		struct rb_opt_u16 weight, leaf_weight;
		struct rb_blkio_devs weight_device, throttle_read_bps, throttle_write_bps,
			throttle_read_iops, throttle_write_iops;
	} blkio;
	struct rb_hugepage *hugepages;
	size_t n_hugepages;
	struct {
		struct rb_opt_u32 class_id;
		struct rb_net_prio *prios;
		size_t n_prios;
	} network;
	struct rb_rdma *rdma;
	size_t n_rdma;
	struct rb_kvs unified;
};

struct rb_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	int op; /* enum scmp_compare */
};

struct rb_seccomp_rule {
	struct rb_strv names;
	uint32_t action; /* SECCOMP_RET_*; errno and trace data are filled in when compiled */
	struct rb_opt_u32 errno_ret;
	struct rb_seccomp_arg *args;
	size_t n_args;
};

struct rb_seccomp {
	bool present;
	uint32_t default_action;
	struct rb_opt_u32 default_errno_ret;
	uint32_t *archs; /* SCMP_ARCH_* tokens */
	size_t n_archs;
	unsigned flags; /* SECCOMP_FILTER_FLAG_* */
	bool has_flags; /* "flags" is there, even empty */
	const char *listener_path, *listener_metadata;
	struct rb_seccomp_rule *rules;
	size_t n_rules;
};

struct rb_time_offset {
	bool present;
	int64_t secs;
	uint32_t nanosecs;
};

struct rb_net_device {
	const char *host_name, *name; /* name NULL: keep */
};

struct rb_linux {
	bool present;
	struct rb_device *devices;
	size_t n_devices;
	struct rb_net_device *net_devices;
	size_t n_net_devices;
	struct rb_idmap *uids, *gids;
	size_t n_uids, n_gids;
	struct rb_namespace *namespaces;
	size_t n_namespaces;
	struct rb_resources resources;
	const char *cgroups_path;
	unsigned long rootfs_propagation; /* MS_SHARED ... 0 if absent */
	struct rb_seccomp seccomp;
	struct rb_kvs sysctl;
	struct rb_strv masked_paths, readonly_paths;
	const char *mount_label;
	struct {
		bool present;
		const char *clos_id, *l3_cache_schema, *mem_bw_schema;
		struct rb_strv schemata;
		bool enable_monitoring;
	} intel_rdt;
	struct {
		bool present;
		int mode;
		const char *nodes;
		unsigned flags;
	} memory_policy;
	struct {
		bool present;
		unsigned long domain;
		struct rb_strv flags;
	} personality;
	struct rb_time_offset boottime, monotonic;
};

/* --- the extension object (top level "runbox", or annotation org.runbox.config) --- */

struct rb_shape {
	struct rb_opt_u64 rate_bits, burst_bytes;
}; /* per second, bytes */

struct rb_iface {
	const char *type; /* of rb_net_kind_names[] */
	const char *mode; /* of rb_net_mode_names[], or NULL */
	const char *name, *host_name, *bridge, *parent, *gateway, *mac;
	struct rb_strv addresses; /* "192.168.17.2/24", "auto", "auto:192.168.17.0/24" */
	struct rb_strv host_addresses;
	struct rb_opt_u32 mtu, vlan_id;
	struct rb_shape egress, ingress;
	bool shaped;
	double delay_ms, jitter_ms, loss_percent;
};
struct rb_route {
	const char *to, *via;
};
struct rb_host_entry {
	const char *ip;
	struct rb_strv names;
};
struct rb_port {
	uint32_t host, container;
	const char *protocol, *host_ip;
};

struct rb_ext {
	bool present;
	bool init, die_with_parent, ephemeral;
	struct rb_opt_u64 timeout_ms;
	struct {
		bool present;
		const char *name;
		struct rb_iface *ifaces;
		size_t n_ifaces;
		struct rb_route *routes;
		size_t n_routes;
		struct rb_strv nameservers, search, dns_options;
		bool has_dns;
		struct rb_host_entry *hosts;
		size_t n_hosts;
		struct rb_port *ports;
		size_t n_ports;
		bool masquerade;
	} network;
};

struct rb_spec {
	struct rb_arena arena; /* owns everything below */
	const char *oci_version;
	const char *hostname, *domainname; /* NULL if absent */
	bool has_root;
	const char *root_path;
	bool root_readonly;
	struct rb_process process;
	struct rb_mount *mounts;
	size_t n_mounts;
	struct rb_hooks hooks[RB_HOOK_KINDS];
	struct rb_kvs annotations;
	struct rb_linux linux_;
	struct rb_ext ext;
	struct rb_strv warnings; /* "config.json:3:5 foo: unknown key" and the like, for check and
				    stderr */
};

/**
 * rb_spec_decode() - config.json, as bytes, into a spec
 * @name:  what messages call the file: "config.json"
 * @text:  @len bytes, not necessarily terminated; may be freed afterwards
 * @spec:  an empty struct; rb_spec_done() frees it, also after a failure
 * @err:   msg starts with "config.json:41:17 mounts[3].options[1]: ..."
 * Source: runtime-spec config.md, config-linux.md 1.3.0. Pure: no system calls.
 * Return: 0 or -EINVAL
 */
int rb_spec_decode(const char *name, const char *text, size_t len, struct rb_spec *spec,
		   struct rb_err *err);
void rb_spec_done(struct rb_spec *spec);

/** rb_seccomp_uses_notify() - does the profile hand any system call to the listener? */
bool rb_seccomp_uses_notify(const struct rb_seccomp *profile);

/** rb_spec_decode_process() - the "process" object alone, as exec --process gives it. */
int rb_spec_decode_process(const char *name, const char *text, size_t len, struct rb_spec *spec,
			   struct rb_err *err);
/** rb_spec_decode_resources() - the "linux.resources" object alone, as update --resources gives it.
 */
int rb_spec_decode_resources(const char *name, const char *text, size_t len, struct rb_spec *spec,
			     struct rb_err *err);

/** rb_spec_namespace() - the entry of the namespace with clone flag @flag, NULL if not in the
 * config. */
const struct rb_namespace *rb_spec_namespace(const struct rb_spec *spec, unsigned long flag);

/* rates as tc(8) writes them, "10mbit", into bits a second; sizes, "32kb", into bytes. 0 or -EINVAL */
int rb_parse_rate(const char *s, uint64_t *ret);
int rb_parse_size(const char *s, uint64_t *ret);
/** rb_parse_decimal() - "40", "0.5"; no sign, no exponent. Return: 0 or -EINVAL */
int rb_parse_decimal(const char *s, double *ret);

/**
 * rb_mount_opts_parse() - sort mount options
 * @at_prefix: JSON path of the options, for messages
 * Source: mount(8), mount_setattr(2), and the words runc and crun know.
 */
int rb_mount_opts_parse(struct rb_arena *a, const struct rb_strv *options, const char *at_prefix,
			struct rb_mount_opts *ret, struct rb_err *err);

#endif
