/* check.c - what is refused before a step is made: command line, later versions, root, mount
 * namespace
 *
 * A field that a later version will execute is refused by name, never dropped (config.md "Valid
 * values").
 */
#include "compile_priv.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>

/** check_options() - options of the command line that go together or not at all. */
int check_options(struct compile *c, struct rb_err *err)
{
	const struct rb_plan_opts *o = c->opts;

	if (!c->spec->process.present)
		return rb_fail_at(err, "process", "process is required to run a container");
	if (o->has_console_socket && !c->spec->process.terminal) {
		(void)rb_fail(err, RB_ERR_USAGE,
			      "a console socket is of no use without a terminal");
		return rb_err_hint(err, "set process.terminal, or leave --console-socket out");
	}
	if (o->detached && c->spec->process.terminal && !o->has_console_socket) {
		(void)rb_fail_at(err, "process.terminal",
				 "a detached container with a terminal needs a console "
				 "socket");
		return rb_err_hint(err, "pass --console-socket, or run in the foreground");
	}
	return 0;
}

/** check_unsupported() - fields of later versions. */
int check_unsupported(struct compile *c, struct rb_err *err)
{
	const struct rb_spec *s = c->spec;
	const struct {
		const char *field;
		bool asked;
	} later[] = {
		{ "linux.personality.flags", s->linux_.personality.flags.n > 0 },
	};

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (later[i].asked)
			return rb_fail_at(err, later[i].field, "%s is not supported yet",
					  later[i].field);
	return 0;
}

/** check_root() - config.md "Root": required on this platform. */
int check_root(struct compile *c, struct rb_err *err)
{
	const struct rb_spec *s = c->spec;

	if (!s->has_root)
		return rb_fail_at(err, "root", "root is required");
	if (!s->root_path || !*s->root_path)
		return rb_fail_at(err, "root.path", "root.path is empty");
	c->bundle = compile_clean(c->arena, NULL, c->opts->bundle ? c->opts->bundle : "/");
	c->root_path = compile_clean(c->arena, c->bundle, s->root_path);
	return 0;
}

/** check_needs_mount_ns() - without a new mount namespace these would be done to the host, or to
 * the container whose namespace is joined, and stay there. */
int check_needs_mount_ns(struct compile *c, struct rb_err *err)
{
	const struct rb_spec *s = c->spec;
	const struct {
		const char *field;
		bool asked;
	} fields[] = {
		{ "mounts", s->n_mounts > 0 },
		{ "linux.devices", s->linux_.n_devices > 0 },
		{ "linux.maskedPaths", s->linux_.masked_paths.n > 0 },
		{ "linux.readonlyPaths", s->linux_.readonly_paths.n > 0 },
		{ "linux.rootfsPropagation", s->linux_.rootfs_propagation != 0 },
		{ "root.readonly", s->root_readonly },
		{ "process.terminal", s->process.terminal },
		{ "runbox.ephemeral", s->ext.ephemeral },
	};

	if (compile_is_new(c, CLONE_NEWNS))
		return 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!fields[i].asked)
			continue;
		(void)rb_fail_at(err, fields[i].field, "%s needs a new mount namespace",
				 fields[i].field);
		return rb_err_hint(err, "add { \"type\": \"mount\" } to linux.namespaces");
	}
	return 0;
}

/** check_seccomp() - config-linux.md "Seccomp": what the listener's fields ask of each other. */
int check_seccomp(struct compile *c, struct rb_err *err)
{
	const struct rb_seccomp *p = &c->spec->linux_.seccomp;

	if (!p->present)
		return 0;
	if (p->listener_metadata && !p->listener_path)
		return rb_fail_at(err, "linux.seccomp.listenerMetadata",
				  "listenerMetadata needs listenerPath");
	if (p->default_action ==
	    SECCOMP_RET_USER_NOTIF) /* the runtime itself would wait for an answer */
		return rb_fail_at(err, "linux.seccomp.defaultAction",
				  "SCMP_ACT_NOTIFY cannot be the default");
	if (rb_seccomp_uses_notify(p) && !p->listener_path)
		return rb_fail_at(err, "linux.seccomp.listenerPath",
				  "SCMP_ACT_NOTIFY needs listenerPath");
	return 0;
}
