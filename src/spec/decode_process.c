/* decode_process.c - the "process" object
 *
 * Source: config.md "Process", "POSIX process", "Linux Process", "User"; getrlimit(2), sched(7),
 * ioprio_set(2).
 */
#include <errno.h>

#include "decode_priv.h"

/* --- user --- */

static const struct rb_type t_umask = RB_UINT("uint32", 4, 0777);
static const struct rb_type t_gids = RB_ARRAY(&rb_t_id, uint32_t, NULL);

static const struct rb_field user_fields[] = {
	RB_F("uid", struct rb_user, uid, &rb_t_id, 0),
	RB_F("gid", struct rb_user, gid, &rb_t_id, 0),
	RB_F_HAS("umask", struct rb_user, umask, has_umask, &t_umask, 0),
	RB_F_LIST("additionalGids", struct rb_user, gids, n_gids, &t_gids, 0),
	RB_F("username", struct rb_user, username, &rb_t_text, 0),
	{ 0 },
};
static const struct rb_type t_user = RB_OBJECT(user_fields, struct rb_user, NULL);

/* --- capabilities --- */

/* config.md: what cannot be mapped to a capability MUST be logged as a warning, and is no failure. */
static int read_caps(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		     void *value, size_t *extra)
{
	struct rb_at here = { .up = at };
	uint64_t mask = 0;

	if (at->node->type != RB_JSON_ARRAY)
		return rb_dec_fail(d, at, "must be an array, not %s",
				   rb_json_type_name(at->node->type));
	for (here.node = at->node->child; here.node; here.node = here.node->next, here.index++) {
		const char *name, *near;
		int bit;

		if (rb_read_string(d, &here, type->item, &name, extra) < 0)
			return -EINVAL;
		bit = rb_cap_parse(name);
		if (bit >= 0) {
			mask |= UINT64_C(1) << bit;
			continue;
		}
		near = rb_name_near(rb_cap_names, name);
		rb_dec_warn(d, &here, "unknown capability \"%.80s\" is left out%s%s%s", name,
			    near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	*(uint64_t *)value = mask;
	return 0;
}

static const struct rb_type t_caps_set = {
	.name = "array",
	.read = read_caps,
	.size = sizeof(uint64_t),
	.item = &rb_t_string,
};

static const struct rb_field caps_fields[] = {
	RB_F("bounding", struct rb_caps, bounding, &t_caps_set, 0),
	RB_F("permitted", struct rb_caps, permitted, &t_caps_set, 0),
	RB_F("effective", struct rb_caps, effective, &t_caps_set, 0),
	RB_F("inheritable", struct rb_caps, inheritable, &t_caps_set, 0),
	RB_F("ambient", struct rb_caps, ambient, &t_caps_set, 0),
	{ 0 },
};
static const struct rb_type t_caps = RB_OBJECT(caps_fields, struct rb_caps, NULL);

/* --- rlimits --- */

static int check_rlimit(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_rlimit *limit = value;

	(void)n;
	return limit->soft <= limit->hard
		       ? 0
		       : rb_dec_fail(d, at, "the soft limit is above the hard limit");
}

static int check_rlimits(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_rlimit *limits = value;
	uint64_t seen = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t bit = UINT64_C(1) << limits[i].resource;

		if (seen & bit)
			return rb_dec_fail_item(
				d, at, i, "%s is given twice",
				rb_name_of(rb_rlimit_names, (uint64_t)limits[i].resource));
		seen |= bit;
	}
	return 0;
}

static const struct rb_type t_resource = RB_ENUM(rb_rlimit_names, sizeof(int));

static const struct rb_field rlimit_fields[] = {
	RB_F("type", struct rb_rlimit, resource, &t_resource, RB_REQUIRED),
	RB_F("soft", struct rb_rlimit, soft, &rb_t_u64, RB_REQUIRED),
	RB_F("hard", struct rb_rlimit, hard, &rb_t_u64, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_rlimit = RB_OBJECT(rlimit_fields, struct rb_rlimit, check_rlimit);
static const struct rb_type t_rlimits = RB_ARRAY(&t_rlimit, struct rb_rlimit, check_rlimits);

/* --- scheduling --- */

static const struct rb_type t_policy = RB_ENUM(rb_sched_policy_names, sizeof(int));
static const struct rb_type t_sched_flags = RB_FLAGS(rb_sched_flag_names, sizeof(uint64_t));
static const struct rb_type t_nice = RB_INT("int32", 4, -20, 19);
static const struct rb_type t_rt_priority = RB_INT("int32", 4, 0, 99);

static const struct rb_field scheduler_fields[] = {
	RB_F("policy", struct rb_scheduler, policy, &t_policy, RB_REQUIRED),
	RB_F("nice", struct rb_scheduler, nice, &t_nice, 0),
	RB_F("priority", struct rb_scheduler, priority, &t_rt_priority, 0),
	RB_F("flags", struct rb_scheduler, flags, &t_sched_flags, 0),
	RB_F("runtime", struct rb_scheduler, runtime, &rb_t_u64, 0),
	RB_F("deadline", struct rb_scheduler, deadline, &rb_t_u64, 0),
	RB_F("period", struct rb_scheduler, period, &rb_t_u64, 0),
	{ 0 },
};
static const struct rb_type t_scheduler = RB_OBJECT(scheduler_fields, struct rb_scheduler, NULL);

static const struct rb_type t_io_class = RB_ENUM(rb_ioprio_class_names, sizeof(int));
static const struct rb_type t_io_priority = RB_INT("int32", 4, 0, 7);

static const struct rb_field ioprio_fields[] = {
	RB_F("class", struct rb_ioprio, class, &t_io_class, RB_REQUIRED),
	RB_F("priority", struct rb_ioprio, priority, &t_io_priority, 0),
	{ 0 },
};
static const struct rb_type t_ioprio = RB_OBJECT(ioprio_fields, struct rb_ioprio, NULL);

static const struct rb_field affinity_fields[] = {
	RB_F("initial", struct rb_process, exec_affinity_initial, &rb_t_cpu_list, 0),
	RB_F("final", struct rb_process, exec_affinity_final, &rb_t_cpu_list, 0),
	{ 0 },
};
static const struct rb_type t_affinity = RB_OBJECT(affinity_fields, struct rb_process, NULL);

/* --- process --- */

/* the fields of struct winsize are 16 bits wide (ioctl_tty(2)) */
static const struct rb_type t_characters = RB_UINT("uint64", 8, UINT16_MAX);

static const struct rb_field console_fields[] = {
	RB_F("height", struct rb_process, console_height, &t_characters, RB_REQUIRED),
	RB_F("width", struct rb_process, console_width, &t_characters, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_console = RB_OBJECT(console_fields, struct rb_process, NULL);

static int check_args(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	char *const *args = value;

	if (n == 0)
		return rb_dec_fail(d, at, "must have at least one element, the program");
	return *args[0] ? 0 : rb_dec_fail_item(d, at, 0, "the program must not be empty");
}

static const struct rb_type t_args = RB_ARRAY(&rb_t_string, char *, check_args);
/* the range the kernel has for oom_score_adj, proc(5) */
static const struct rb_type t_oom_score = RB_INT("int64", 8, -1000, 1000);

static const struct rb_field process_fields[] = {
	RB_F("terminal", struct rb_process, terminal, &rb_t_bool, 0),
	/* the members of these two lie in rb_process itself */
	{ "consoleSize", &t_console, 0, RB_HAS, offsetof(struct rb_process, has_console_size) },
	{ "execCPUAffinity", &t_affinity, 0, 0, 0 },
	RB_F("cwd", struct rb_process, cwd, &rb_t_abspath, RB_REQUIRED),
	RB_F_STRV("env", struct rb_process, env, &rb_t_strings, 0),
	/* optional for Windows only, which has commandLine instead */
	RB_F_STRV("args", struct rb_process, args, &t_args, RB_REQUIRED),
	RB_F_UNUSED("commandLine", &rb_t_text, 0),
	RB_F("user", struct rb_process, user, &t_user, 0),
	RB_F_HAS("capabilities", struct rb_process, caps, caps.present, &t_caps, 0),
	RB_F_LIST("rlimits", struct rb_process, rlimits, n_rlimits, &t_rlimits, 0),
	RB_F("noNewPrivileges", struct rb_process, no_new_privileges, &rb_t_bool, 0),
	RB_F("apparmorProfile", struct rb_process, apparmor_profile, &rb_t_text, 0),
	RB_F("selinuxLabel", struct rb_process, selinux_label, &rb_t_text, 0),
	RB_F_HAS("oomScoreAdj", struct rb_process, oom_score_adj, has_oom_score_adj, &t_oom_score,
		 0),
	RB_F_HAS("scheduler", struct rb_process, scheduler, scheduler.present, &t_scheduler, 0),
	RB_F_HAS("ioPriority", struct rb_process, io_priority, io_priority.present, &t_ioprio, 0),
	{ 0 },
};
const struct rb_type rb_t_process = RB_OBJECT(process_fields, struct rb_process, NULL);
