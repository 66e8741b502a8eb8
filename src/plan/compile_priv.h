/* compile_priv.h - what the files of the compiler share: its state, and one prototype a row of the
 * tables
 *
 * check_*() refuse what cannot be planned and add no step; emit_*() add the steps of one theme.
 * Both kinds are called from the tables in compile.c alone.
 */
#ifndef RUNBOX_COMPILE_PRIV_H
#define RUNBOX_COMPILE_PRIV_H

#include "runbox/err.h"
#include "runbox/names.h"
#include "runbox/plan.h"

/** One compilation. Nothing here outlives it but what is in the plan's arena. */
struct compile {
	struct rb_plan *plan;
	struct rb_arena *arena; /* the plan's */
	const struct rb_spec *spec;
	const struct rb_host *host;
	const struct rb_plan_opts *opts;
	const struct rb_namespace *ns[RB_NS_COUNT]; /* by row of rb_ns_types[], NULL: inherited */
	bool rootless;				    /* not root of the initial user namespace */
	struct rb_cgroup_dir
		*dirs; /* the container's cgroups, none when there are no rows for them */
	size_t n_dirs;
	const struct rb_cgroup_dir *into; /* the v2 one: the child is born in it; NULL without v2 */
	struct rb_scope scope;		  /* of the systemd manager; unit NULL for the other one */
	bool exec;			  /* a further process in a container that is there */
	struct rb_mount *mounts; /* config mounts as they will be made: see check_mounts() */
	bool attached;		 /* the child has waited for the host side, emit_attached() */
	bool late;		 /* add_late() was there */
	bool filter;		 /* emit_filter() was there */
	bool in_cgroups;	 /* emit_in_cgroups() was there */
	bool hidden;		 /* what may be at any moment */
	bool has_devices;	 /* emit_devices() was there */
	bool has_loopback;	 /* emit_loopback() was there */
	bool own_dev;		 /* /dev is the container's own and gets its devices */
	struct rb_caps caps;	 /* as they can be granted, by emit_credentials() */
	bool network_only;	 /* another runtime does the rest, netDevices too */
	const char *root_path, *bundle; /* absolute, cleaned; for comparing, never for opening */
};

/** compile_add() - append a row with the kind's default side; valid until the next one. */
struct rb_step *compile_add(struct compile *c, enum rb_step_kind kind, const char *at);
/** compile_warn() - append a warning to the plan. */
void compile_warn(struct compile *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** compile_ns() - the config's entry for the namespace with clone flag @flag, or NULL. */
const struct rb_namespace *compile_ns(const struct compile *c, unsigned long flag);
/** compile_ns_at() - "linux.namespaces[2]" of that entry, or NULL. */
const char *compile_ns_at(struct compile *c, unsigned long flag);
/** compile_is_new()/compile_has() - is the namespace a new one / a new or a joined one? */
bool compile_is_new(const struct compile *c, unsigned long flag);
bool compile_has(const struct compile *c, unsigned long flag);
/** compile_clean() - @path below @base (NULL: "/"), without "." and empty parts and with ".."
 * taken by its name, for comparing paths. */
char *compile_clean(struct rb_arena *a, const char *base, const char *path);
/** compile_below() - is @path the directory @dir or below it? Both cleaned. */
bool compile_below(const char *path, const char *dir);
/** compile_has_dev() - is /dev a tmpfs of the container's own? */
bool compile_has_dev(struct compile *c);
/** compile_devices_wait() - have devices to wait for the host side? */
bool compile_devices_wait(struct compile *c);

/* compile.c: the wait for the host side, and what it means for cgroups; rows of other files may
 * need them early */
int emit_attached(struct compile *c, struct rb_err *err);
int emit_in_cgroups(struct compile *c, struct rb_err *err);

/* check.c: fields that stand for themselves, and those of later versions */
int check_options(struct compile *c, struct rb_err *err);
int check_unsupported(struct compile *c, struct rb_err *err);
int check_root(struct compile *c, struct rb_err *err);
int check_needs_mount_ns(struct compile *c, struct rb_err *err);
int check_seccomp(struct compile *c, struct rb_err *err);

/* compile_ns.c */
int check_namespaces(struct compile *c, struct rb_err *err);
int check_id_maps(struct compile *c, struct rb_err *err);
int check_uts(struct compile *c, struct rb_err *err);
int check_time(struct compile *c, struct rb_err *err);
int emit_clone(struct compile *c, struct rb_err *err);
int emit_enter(struct compile *c, struct rb_err *err);
int emit_id_map(struct compile *c, struct rb_err *err);
int emit_become_root(struct compile *c, struct rb_err *err);
int emit_cgroup_ns(struct compile *c, struct rb_err *err);
int emit_time_ns(struct compile *c, struct rb_err *err);
int emit_loopback(struct compile *c, struct rb_err *err);
int emit_names(struct compile *c, struct rb_err *err);
/** compile_id_maps_check() - the kernel's rules for one id map; @at: its JSON path */
int compile_id_maps_check(const struct rb_idmap *maps, size_t n, const char *at,
			  struct rb_err *err);
/** compile_id_to_host() - where a range of the container's ids lies on the host, by @maps; false
 * if it does not lie in one of them whole */
bool compile_id_to_host(const struct rb_idmap *maps, size_t n, uint32_t id, uint32_t size,
			uint32_t *ret);

/* compile_cgroup.c */
int check_cgroup(struct compile *c, struct rb_err *err);
int check_resources(struct compile *c, struct rb_err *err);
int check_sub_cgroup(struct compile *c, struct rb_err *err);
int emit_cgroups_early(struct compile *c, struct rb_err *err);
int emit_cgroups_late(struct compile *c, struct rb_err *err);
int emit_attach(struct compile *c, struct rb_err *err);
/** compile_makes_late() - are there cgroups that are made while the child is at work?
 * emit_attach_late() - once they are: their rules of devices, and into them */
bool compile_makes_late(const struct compile *c);
int emit_attach_late(struct compile *c, struct rb_err *err);
/** compile_enters_late() - is the child in all its cgroups only once it has waited for the host side? */
bool compile_enters_late(const struct compile *c);
/** compile_mknod_waits() - are there moments at which rules of devices forbid mknod(2)? A device
 * program is there whole or not at all, and allows it; the list of a v1 cgroup is written line by
 * line, and before the child is in its cgroup, that of the caller counts. */
bool compile_mknod_waits(const struct compile *c);
int check_rdt(struct compile *c, struct rb_err *err);
int emit_rdt(struct compile *c, struct rb_err *err);
int emit_rdt_enter(struct compile *c, struct rb_err *err);
/** compile_dirs_to_enter() - the cgroups that a process has to be moved into: all but the one it is born in.
 *  @ret_dirs: in the plan's arena. Return: how many */
size_t compile_dirs_to_enter(struct compile *c, struct rb_cgroup_dir **ret_dirs);

/* compile_scope.c */
/** compile_scope() - unit, slice and properties into c->scope; @ret_path: of its cgroup */
int compile_scope(struct compile *c, const char **ret_path, struct rb_err *err);
int emit_scope(struct compile *c, struct rb_err *err);

/* compile_mounts.c */
int check_mounts(struct compile *c, struct rb_err *err);
int check_ephemeral(struct compile *c, struct rb_err *err);
int emit_open_root(struct compile *c, struct rb_err *err);
int emit_open_sources(struct compile *c, struct rb_err *err);
int emit_propagation(struct compile *c, struct rb_err *err);
int emit_overlay(struct compile *c, struct rb_err *err);
int emit_rootfs(struct compile *c, struct rb_err *err);
int emit_mounts(struct compile *c, struct rb_err *err);
int emit_sealed_mounts(struct compile *c, struct rb_err *err);
int emit_hidden_paths(struct compile *c, struct rb_err *err);
int emit_enter_root(struct compile *c, struct rb_err *err);
int emit_root_readonly(struct compile *c, struct rb_err *err);

/* compile_dev.c */
int check_devices(struct compile *c, struct rb_err *err);
int emit_devices(struct compile *c, struct rb_err *err);
int emit_console(struct compile *c, struct rb_err *err);

/* compile_net.c */
int check_network(struct compile *c, struct rb_err *err);
int emit_network(struct compile *c, struct rb_err *err);
int emit_netns(struct compile *c, struct rb_err *err);
int emit_net_files(struct compile *c, struct rb_err *err);
int emit_net_links(struct compile *c, struct rb_err *err);
int emit_net_mounts(struct compile *c, struct rb_err *err);
/** compile_has_links() - does the host side change the container's network? */
bool compile_has_links(const struct compile *c);

/* compile_ext.c */
int check_init(struct compile *c, struct rb_err *err);
int emit_init(struct compile *c, struct rb_err *err);
int check_time_limit(struct compile *c, struct rb_err *err);
int emit_time_limit(struct compile *c, struct rb_err *err);

/* compile_sysctl.c */
int emit_sysctl(struct compile *c, struct rb_err *err);

/* compile_process.c */
int check_process(struct compile *c, struct rb_err *err);
int check_scheduler(struct compile *c, struct rb_err *err);
int check_labels(struct compile *c, struct rb_err *err);
int emit_oom_score(struct compile *c, struct rb_err *err);
int emit_initial_affinity(struct compile *c, struct rb_err *err);
int emit_exec_scheduler(struct compile *c, struct rb_err *err);
int emit_exec_setup(struct compile *c, struct rb_err *err);
int emit_exec_last(struct compile *c, struct rb_err *err);
int emit_process_setup(struct compile *c, struct rb_err *err);
int emit_credentials(struct compile *c, struct rb_err *err);
int emit_program(struct compile *c, struct rb_err *err);
int emit_notify_filter(struct compile *c, struct rb_err *err);
int emit_filter(struct compile *c, struct rb_err *err);
int emit_early_seccomp(struct compile *c, struct rb_err *err);
int emit_seccomp(struct compile *c, struct rb_err *err);
int emit_exec(struct compile *c, struct rb_err *err);

#endif
