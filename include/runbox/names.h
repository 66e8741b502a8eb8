/* names.h - the vocabulary: each word of the spec once, with every column anyone needs
 *
 * Tables end with a row whose name is NULL. decode, print, features and the schema test read these.
 */
#ifndef RUNBOX_NAMES_H
#define RUNBOX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rb_name {
	const char *name;
	uint64_t value;
};

/** rb_name_find() - the row called @name (exact case), or NULL. */
const struct rb_name *rb_name_find(const struct rb_name *table, const char *name);
/** rb_name_of() - the first name with @value, or NULL. */
const char *rb_name_of(const struct rb_name *table, uint64_t value);
/** rb_name_near() - the name most like @name (small edit distance), or NULL: for "did you mean". */
const char *rb_name_near(const struct rb_name *table, const char *name);

/** Namespaces, in the order of entry: user first, it grants the rights over the others; pid last.
 */
struct rb_ns_type {
	const char *name;   /* config-linux.md "Namespaces" */
	const char *file;   /* /proc/PID/ns/ */
	unsigned long flag; /* clone(2) */
};
extern const struct rb_ns_type rb_ns_types[];
#define RB_NS_COUNT 8

extern const struct rb_name rb_cap_names[];    /* "CAP_CHOWN" -> 0, capabilities(7) */
extern const struct rb_name rb_rlimit_names[]; /* "RLIMIT_CPU" -> RLIMIT_CPU */
extern const struct rb_name
	rb_signal_names[]; /* "TERM" -> 15, signal(7); also RTMIN+n by rb_signal_parse() */
extern const struct rb_name rb_hook_names[]; /* "prestart" -> RB_HOOK_PRESTART */
extern const struct rb_name
	rb_propagation_names[]; /* "private" -> MS_PRIVATE (rootfsPropagation) */
extern const struct rb_name rb_personality_names[];
extern const struct rb_name rb_sched_policy_names[], rb_sched_flag_names[], rb_ioprio_class_names[];
extern const struct rb_name rb_seccomp_action_names[], rb_seccomp_arch_names[],
	rb_seccomp_op_names[], rb_seccomp_flag_names[];
extern const struct rb_name rb_net_kind_names[]; /* "veth" -> RB_NET_VETH */
/* of macvlan and ipvlan: "bridge" -> MACVLAN_MODE_BRIDGE */
extern const struct rb_name rb_net_mode_names[];
extern const struct rb_name rb_mpol_mode_names[], rb_mpol_flag_names[];

/** rb_signal_parse() - "TERM", "SIGTERM", "15", "RTMIN+3". Return: 0..64, or -EINVAL */
int rb_signal_parse(const char *text);
/** rb_cap_parse() - "CAP_CHOWN", any case, with or without CAP_. Return: bit number or -EINVAL */
int rb_cap_parse(const char *text);

/** Mount options (mount(8) and those of runc and crun). `features` lists them all. */
enum rb_mopt_kind {
	RB_MOPT_ATTR,	 /* set/clr are MOUNT_ATTR_* of this mount */
	RB_MOPT_RATTR,	 /* the same, recursive */
	RB_MOPT_SB,	 /* set/clr are MS_* of the superblock */
	RB_MOPT_PROP,	 /* set is MS_SHARED.. (| MS_REC) */
	RB_MOPT_SPECIAL, /* set is a RB_MOPT_F_* bit */
	RB_MOPT_IGNORE,	 /* means nothing to the kernel: defaults, user, _netdev ... */
};
struct rb_mount_option {
	const char *name;
	enum rb_mopt_kind kind;
	uint64_t set, clr;
};
enum {
	RB_MOPT_F_BIND = 1,
	RB_MOPT_F_RBIND = 2,
	RB_MOPT_F_REMOUNT = 4,
	RB_MOPT_F_TMPCOPYUP = 8,
	RB_MOPT_F_IDMAP = 16,
	RB_MOPT_F_RIDMAP = 32,
	RB_MOPT_F_COPY_SYMLINK = 64,
	RB_MOPT_F_SRC_NOFOLLOW = 128,
	RB_MOPT_F_DEST_NOFOLLOW = 256,
};
extern const struct rb_mount_option rb_mount_options[];

#endif
