/* plan.h - what will be done, in order
 *
 * A plan is an array of steps. Host side and child side walk the same array, each doing its own
 * rows; a barrier is a row of both. A step is complete in itself: it reads no neighbour and skips
 * none. compile.c builds it from spec and host facts; print.c turns it into text, JSON or dot;
 * exec/ runs it.
 */
#ifndef RUNBOX_PLAN_H
#define RUNBOX_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/host.h"
#include "runbox/names.h"
#include "runbox/spec.h"

struct rb_err;

enum rb_step_kind {
#define RB_STEP(kind, name, side, data) RB_STEP_##kind,
#include "runbox/steps.def"
#undef RB_STEP
	RB_STEP_COUNT
};

enum { RB_SIDE_HOST = 1, RB_SIDE_CHILD = 2, RB_SIDE_BOTH = 3 };

/** A directory of the container's in one hierarchy. */
struct rb_cgroup_dir {
	const struct rb_hierarchy *hierarchy;
	const char *path; /* below the mount, starts with "/", no "..", not "/" itself */
};

/** Files that runbox writes for a container that has a network. */
enum rb_net_file { RB_NET_RESOLV, RB_NET_HOSTS, RB_NET_N_FILES };

#define RB_SD_MAX_PROPS 48

/** A property of a unit of systemd. */
struct rb_sd_prop {
	char name[40];
	char type;	 /* of D-Bus: 's' 'b' 't' 'i'; 'A' a list of one string, 'Y' bytes */
	uint64_t number; /* 'b', 't', 'i'; of 'Y' the length */
	char text[128];	 /* 's', 'A', 'Y' */
};

/** A transient scope of systemd. */
struct rb_scope {
	const char *unit, *slice; /* unit NULL: cgroups are made by runbox itself */
	bool user;		  /* of the user's own manager */
	struct rb_sd_prop *props; /* of annotations */
	size_t n_props;
};

enum rb_pivot {
	RB_PIVOT_ROOT,
	RB_PIVOT_MOVE,	  /* --no-pivot, or / is the initramfs: move and chroot */
	RB_PIVOT_EXCHANGE /* the same as the first, without its look at every process of the host */
};

/** One row. `at` is the JSON path ("mounts[3]"), NULL when no field is behind it. */
struct rb_step {
	enum rb_step_kind kind;
	unsigned side;
	const char *at;
	union {
		struct {
			struct rb_cgroup_dir *dirs;
			size_t n;
			struct rb_scope scope; /* attach: the helper of which leaves then */
		} cgroup;
		struct {
			struct rb_scope scope;
			struct rb_cgroup_dir *dirs;
			size_t n;
			const struct rb_resources *res;
		} scope;
		struct {
			struct rb_cgroup_dir *dirs;
			size_t n;
			const struct rb_resources *res;
		} limits;
		/* path: absolute; written: as the config says it, for print; alone: without what is
		 * mounted below it */
		struct {
			const char *path;
			unsigned long propagation;
			bool readonly, alone;
			const char *written;
		} rootfs;
		/* user_xattr: in a user namespace, which has no trusted.* attributes; label: context=
		 * for its file systems, or NULL */
		struct {
			const char *path, *written, *label;
			bool user_xattr;
		} overlay;
		/* index: of spec->mounts; source: resolved against the bundle for binds (absolute
		 * or as given), else NULL; opened: an OPEN_SOURCE row opened it already, in slot
		 * index */
		struct {
			const struct rb_mount *m;
			size_t index;
			const char *source;
			bool opened;
			const struct rb_cgroup_dir *cgroups;
			size_t n_cgroups;
			bool cgroup_ns; /* type "cgroup" */
			const struct rb_idmap *uids, *gids;
			size_t n_uids, n_gids; /* of an id-mapped mount */
			bool idmap_recursive;
			const char *label; /* context= for file systems that take one */
		} mount;
		struct {
			unsigned long flags; /* CLONE_NEW* of clone3; cgroup and time are made later
						by their own rows */
			unsigned long later; /* the new ones made by later rows, for print */
			struct {
				unsigned long flag;
				const char *name, *path;
				const char *at;
			} joins[RB_NS_COUNT];
			size_t n_joins;			  /* in the order of rb_ns_types[] */
			const struct rb_cgroup_dir *into; /* CLONE_INTO_CGROUP, NULL if not */
		} clone;
		/* flags: CLONE_NEW* of setns(2); dirs: entered before that, on the host's mounts */
		struct {
			unsigned long flags;
			const struct rb_cgroup_dir *into;
			struct rb_cgroup_dir *dirs;
			size_t n_dirs;
		} enter;
		struct {
			const struct rb_idmap *uids, *gids;
			size_t n_uids, n_gids;
			bool helpers; /* by newuidmap(1), newgidmap(1) */
			bool deny_setgroups;
		} idmap;
		struct {
			const char *name;
			unsigned from;
		} barrier; /* who signals; the other side waits */
		struct {
			enum rb_hook_kind hook_kind;
			size_t index;
			const struct rb_hook *hook;
		} hook;
		struct {
			struct rb_time_offset boottime, monotonic;
		} time;
		struct {
			struct rb_device dev;
			bool bind; /* a user namespace cannot mknod: bind the host's */
		} device;
		struct {
			const char *target, *path;
		} link;
		struct {
			bool has_size;
			uint16_t rows, cols;
			uint32_t uid;
		} console;
		struct {
			enum rb_pivot how;
		} pivot;
		struct {
			const char *key, *value;
			const char *file; /* "kernel/shmmax" below /proc/sys */
		} kv;
		struct {
			const struct rb_process *process;
		} process;
		/* final: the five sets; keep_admin: CAP_SYS_ADMIN stays effective until seccomp is
		 * loaded, because without no_new_privs the filter needs it; the exec row then drops
		 * it */
		struct {
			struct rb_caps sets;
			bool keep_admin;
		} caps;
		struct {
			const char *lsm, *label;
		} label;
		struct {
			const struct rb_seccomp *profile;
			struct rb_caps after;
			bool restore_caps, early;
		} seccomp;
		struct {
			const struct rb_spec *spec;
		} spec;
		struct {
			int64_t value;
		} number;
		struct {
			const char *text;
		} text;
		/* iface: number index of the config; text: an address, or where a route leads; via:
		 * of a route; slot: which of the interface's addresses; host: of the host's end,
		 * not the container's */
		struct {
			const struct rb_iface *iface;
			size_t index, slot;
			const char *text, *via;
			bool host;
			const char *netns; /* a namespace that outlives the container, NULL if it
					      does not */
		} net;
		struct {
			const struct rb_net_device *dev;
			size_t index;
		} netdev;
		struct {
			const struct rb_spec *spec;
			uint32_t uid, gid;
			bool resolv, hosts;
		} files;
		struct {
			const struct rb_ext *ext;
		} network;
		struct {
			const char *path;
			enum rb_net_file which;
		} file;
		/* group: below the mount of resctrl, "" is the default class; own: made for this
		 * container alone; monitor: its monitoring group's name, NULL for none */
		struct {
			const struct rb_linux *linux_;
			const char *group, *monitor;
			bool own;
		} rdt;
		/* subreaper: it is not the first process of a new pid namespace */
		struct {
			bool subreaper;
		} init;
		struct {
			char unused;
		} none;
	} u;
};

struct rb_plan {
	struct rb_arena arena; /* owns steps and strings that the spec does not own */
	struct rb_step *steps;
	size_t len, cap;
	const struct rb_spec *spec;	 /* not owned */
	const char *id;			 /* of the container, "ID" when only printed */
	const char *cgroup_path;	 /* "/runbox-ID", as in cgroup.dirs; NULL when disabled */
	unsigned long new_ns, joined_ns; /* CLONE_NEW* flags */
	bool straight; /* the child goes on to the program by itself, the host side records it then */
	struct rb_strv warnings; /* e.g. capabilities that cannot be granted */
};

/** What the command line adds to the spec. Zero is the default of each. */
struct rb_plan_opts {
	const char *id;	    /* NULL: "ID" (only printed) */
	const char *bundle; /* absolute path */
	const char *pid_file;
	bool no_pivot, no_new_keyring;
	bool cgroups_disabled; /* --cgroup-manager disabled */
	bool systemd_cgroup;   /* --systemd-cgroup */
	bool has_console_socket, detached;
	bool runs; /* `run`: who creates it starts it */
	unsigned preserve_fds;
	struct rb_strv sub_cgroups; /* exec: below the container's own: "sub", or on v1
				       "controller,..:sub" */
	const char *notify_dir; /* host directory bound on /run/notify (sd_notify), NULL if none */
};

/**
 * rb_plan_compile() - turn a spec into the ordered plan
 * @plan: an empty struct; keeps pointers into @spec and @host, rb_plan_done() frees the rest, also
 *        after a failure
 * Pure: no system calls; same input, same plan. A field that a later version will execute is
 * refused here: "... is not supported yet". Checks that need two fields (config-linux.md) are made
 * here. Return: 0 or -EINVAL
 */
int rb_plan_compile(struct rb_plan *plan, const struct rb_spec *spec, const struct rb_host *host,
		    const struct rb_plan_opts *opts, struct rb_err *err);
void rb_plan_done(struct rb_plan *plan);

/**
 * rb_plan_compile_exec() - the plan of a further process in a running container
 * @spec: the container's config as it was frozen at create, with the new process in place of its
 * own: the policy (namespaces, cgroups, seccomp, id maps) comes from there and not from the bundle
 * of today
 * @opts: id, pid_file, no_new_keyring, cgroups_disabled as at create; sub_cgroups as asked
 * Pure, like rb_plan_compile(). Return: 0 or -EINVAL
 */
int rb_plan_compile_exec(struct rb_plan *plan, const struct rb_spec *spec,
			 const struct rb_host *host, const struct rb_plan_opts *opts,
			 struct rb_err *err);

/**
 * rb_plan_compile_network() - the plan of the network alone, for a container whose process is there
 * Pure, like rb_plan_compile(). Return: 0 or -EINVAL
 */
int rb_plan_compile_network(struct rb_plan *plan, const struct rb_spec *spec,
			    const struct rb_host *host, const struct rb_plan_opts *opts,
			    struct rb_err *err);

/** What a bind mount below /proc may hide, ended by NULL: files that only inform, as lxcfs replaces them.
 * Anything else there could turn writes of labels and sysctls, or what the container sees of itself, into
 * something else. */
extern const char *const rb_proc_files[];

/** rb_step_name() - "mount" */
const char *rb_step_name(enum rb_step_kind kind);

/** rb_step_describe() - the arguments of a step as one line: "proc on /proc (nosuid,noexec,nodev)".
 */
void rb_step_describe(const struct rb_step *step, struct rb_buf *out);

/** rb_step_undo_text() - how the step is undone, or NULL: "dies with the container". */
const char *rb_step_undo_text(const struct rb_step *step);

enum rb_plan_format { RB_PLAN_TEXT, RB_PLAN_JSON, RB_PLAN_DOT };

/** When a step was carried out; all zero if it was not. CLOCK_MONOTONIC nanoseconds since the run
 * began. */
struct rb_step_time {
	uint64_t start_ns, end_ns;
};

/** rb_plan_print() - the plan as text, JSON or dot. @times: one a step, or NULL. */
void rb_plan_print(const struct rb_plan *plan, enum rb_plan_format format,
		   const struct rb_step_time *times, struct rb_buf *out);

/**
 * rb_cgroup_dirs() - where a container's cgroup lies in each hierarchy
 * @path:    linux.cgroupsPath, may be NULL; @id: for the default "/runbox-ID"
 * @ret_dirs: in @arena, @ret_n of them
 * Return: 0 or -EINVAL (path climbs with "..")
 */
int rb_cgroup_dirs(struct rb_arena *arena, const struct rb_host *host, const char *path,
		   const char *id, struct rb_cgroup_dir **ret_dirs, size_t *ret_n,
		   struct rb_err *err);

#endif
