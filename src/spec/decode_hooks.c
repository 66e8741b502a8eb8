/* decode_hooks.c - the "hooks" object; its keys are the rows of rb_hook_names[]
 *
 * Source: config.md "POSIX-platform Hooks".
 */
#include "decode_priv.h"

static const struct rb_type t_timeout = {
	.name = "int64", .read = rb_read_int, .size = 8, .min = 1, .max = INT32_MAX
};

/* A hook gets its own environment only, and none is not the same as an empty one to be told apart later. */
static int check_hook(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	struct rb_hook *hook = value;

	(void)d, (void)n;
	hook->has_env = rb_dec_has(at, "env");
	return 0;
}

static const struct rb_field hook_fields[] = {
	RB_F("path", struct rb_hook, path, &rb_t_abspath, RB_REQUIRED),
	RB_F_STRV("args", struct rb_hook, args, &rb_t_strings, 0),
	RB_F_STRV("env", struct rb_hook, env, &rb_t_strings, 0),
	RB_F_HAS("timeout", struct rb_hook, timeout, has_timeout, &t_timeout, 0),
	{ 0 },
};
static const struct rb_type t_hook = RB_OBJECT(hook_fields, struct rb_hook, check_hook);
static const struct rb_type t_hook_list = RB_ARRAY(&t_hook, struct rb_hook, NULL);

const struct rb_type rb_t_hooks = {
	.name = "object",
	.read = rb_read_named,
	.size = sizeof(struct rb_hooks) * RB_HOOK_KINDS,
	.names = rb_hook_names,
	.item = &t_hook_list,
};
