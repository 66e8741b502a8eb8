/* decode_seccomp.c - linux.seccomp
 *
 * Source: config-linux.md "Seccomp", seccomp(2).
 */
#include <linux/seccomp.h>

#include "decode_priv.h"

/* config-linux.md: when the action does not support an errno, the runtime MUST print an error and fail. */
static int check_errno(struct rb_dec *d, const struct rb_at *at, const char *key, uint32_t action,
		       const struct rb_opt_u32 *ret)
{
	/* less than MAX_ERRNO of the kernel, for libseccomp takes no more; a tracer gets 16 bits */
	uint32_t most = action == SECCOMP_RET_TRACE ? UINT16_MAX : 4094;

	if (!ret->set)
		return 0;
	if (action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
		return rb_dec_fail_key(d, at, key, "%s gives back no errno",
				       rb_name_of(rb_seccomp_action_names, action));
	if (ret->v > most)
		return rb_dec_fail_key(d, at, key, "%u is out of range, must be from 0 to %u",
				       ret->v, most);
	return 0;
}

static const struct rb_type t_action = RB_ENUM(rb_seccomp_action_names, sizeof(uint32_t));
static const struct rb_type t_op = RB_ENUM(rb_seccomp_op_names, sizeof(int));
static const struct rb_type t_index = RB_UINT("uint32", 4, 5); /* a system call has six arguments */

static const struct rb_field arg_fields[] = {
	RB_F("index", struct rb_seccomp_arg, index, &t_index, RB_REQUIRED),
	RB_F("value", struct rb_seccomp_arg, value, &rb_t_u64, RB_REQUIRED),
	RB_F("valueTwo", struct rb_seccomp_arg, value_two, &rb_t_u64, 0),
	RB_F("op", struct rb_seccomp_arg, op, &t_op, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_arg = RB_OBJECT(arg_fields, struct rb_seccomp_arg, NULL);
static const struct rb_type t_args = RB_ARRAY(&t_arg, struct rb_seccomp_arg, NULL);
static const struct rb_type t_call_names = RB_ARRAY(&rb_t_string, char *, rb_check_list_nonempty);

static int check_rule(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_seccomp_rule *rule = value;

	(void)n;
	return check_errno(d, at, "errnoRet", rule->action, &rule->errno_ret);
}

static const struct rb_field rule_fields[] = {
	RB_F_STRV("names", struct rb_seccomp_rule, names, &t_call_names, RB_REQUIRED),
	RB_F("action", struct rb_seccomp_rule, action, &t_action, RB_REQUIRED),
	RB_F_OPT("errnoRet", struct rb_seccomp_rule, errno_ret, &rb_t_u32, 0),
	RB_F_LIST("args", struct rb_seccomp_rule, args, n_args, &t_args, 0),
	{ 0 },
};
static const struct rb_type t_rule = RB_OBJECT(rule_fields, struct rb_seccomp_rule, check_rule);
static const struct rb_type t_rules = RB_ARRAY(&t_rule, struct rb_seccomp_rule, NULL);

static int check_seccomp(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_seccomp *seccomp = value;

	(void)n;
	if (seccomp->listener_metadata && !seccomp->listener_path)
		return rb_dec_fail_key(d, at, "listenerMetadata",
				       "must not be set without listenerPath");
	return check_errno(d, at, "defaultErrnoRet", seccomp->default_action,
			   &seccomp->default_errno_ret);
}

static const struct rb_type t_arch = RB_ENUM(rb_seccomp_arch_names, sizeof(uint32_t));
static const struct rb_type t_archs = RB_ARRAY(&t_arch, uint32_t, NULL);
static const struct rb_type t_flags = RB_FLAGS(rb_seccomp_flag_names, sizeof(unsigned));

static const struct rb_field seccomp_fields[] = {
	RB_F("defaultAction", struct rb_seccomp, default_action, &t_action, RB_REQUIRED),
	RB_F_OPT("defaultErrnoRet", struct rb_seccomp, default_errno_ret, &rb_t_u32, 0),
	RB_F_LIST("architectures", struct rb_seccomp, archs, n_archs, &t_archs, 0),
	RB_F_HAS("flags", struct rb_seccomp, flags, has_flags, &t_flags, 0),
	RB_F("listenerPath", struct rb_seccomp, listener_path, &rb_t_text, 0),
	RB_F("listenerMetadata", struct rb_seccomp, listener_metadata, &rb_t_text, 0),
	RB_F_LIST("syscalls", struct rb_seccomp, rules, n_rules, &t_rules, 0),
	{ 0 },
};
const struct rb_type rb_t_seccomp = RB_OBJECT(seccomp_fields, struct rb_seccomp, check_seccomp);

bool rb_seccomp_uses_notify(const struct rb_seccomp *profile)
{
	for (size_t i = 0; i < profile->n_rules; i++)
		if (profile->rules[i].action == SECCOMP_RET_USER_NOTIF)
			return true;
	return profile->default_action == SECCOMP_RET_USER_NOTIF;
}
