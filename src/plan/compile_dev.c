/* compile_dev.c - devices, the default ones and those of the config, default links, the console
 *
 * Sources: config-linux.md "Devices", "Default Devices"; runtime-linux.md "Dev symbolic links". A
 * /dev that is a bind mount belongs to somebody else: nothing is made in it.
 */
#include "compile_priv.h"

#include <linux/capability.h>
#include <linux/sched.h>

#define CHAR_DEVICE(name, maj, min)                                                        \
	{                                                                                  \
		.path = "/dev/" name, .type = 'c', .major = maj, .minor = min,             \
		.has_file_mode = true, .has_uid = true, .has_gid = true, .file_mode = 0666 \
	}

static const struct rb_device default_devices[] = {
	/* numbers: kernel admin-guide/devices.txt */
	CHAR_DEVICE("null", 1, 3),   CHAR_DEVICE("zero", 1, 5),	   CHAR_DEVICE("full", 1, 7),
	CHAR_DEVICE("random", 1, 8), CHAR_DEVICE("urandom", 1, 9), CHAR_DEVICE("tty", 5, 0),
};
#define N_DEFAULT (sizeof(default_devices) / sizeof(default_devices[0]))

static const struct {
	const char *path, *target;
} default_links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/ptmx", "pts/ptmx" },
};

static const char *device_at(struct compile *c, size_t i)
{
	return rb_arena_item(c->arena, "linux.devices", i, "");
}

/** check_devices() - paths, and whether /dev is the container's own. */
int check_devices(struct compile *c, struct rb_err *err)
{
	const struct rb_spec *s = c->spec;

	c->own_dev = compile_is_new(c, CLONE_NEWNS);
	for (size_t i = 0; i < s->n_mounts; i++)
		if (rb_streq(compile_clean(c->arena, NULL, s->mounts[i].dest), "/dev") &&
		    c->mounts[i].opts.bind)
			c->own_dev = false;
	for (size_t i = 0; i < s->linux_.n_devices; i++) {
		const char *path = s->linux_.devices[i].path;

		if (!path || *path != '/')
			return rb_fail_at(err, device_at(c, i),
					  "path of a device must be absolute");
		if (rb_streq(compile_clean(c->arena, NULL, path), "/"))
			return rb_fail_at(err, device_at(c, i), "path of a device is the root");
	}
	return 0;
}

/* mknod(2) of a device needs CAP_MKNOD in the initial user namespace */
static bool may_mknod(const struct compile *c)
{
	return !c->rootless && !compile_has(c, CLONE_NEWUSER) &&
	       c->host->caps & (UINT64_C(1) << CAP_MKNOD);
}

static void add_device(struct compile *c, const struct rb_device *dev, const char *at)
{
	struct rb_step *step = compile_add(c, RB_STEP_DEVICE, at);

	step->u.device.dev = *dev;
	step->u.device.dev.file_mode &= 07777;
	if (!dev->has_file_mode) {
		step->u.device.dev.has_file_mode = true;
		step->u.device.dev.file_mode = 0666;
	}
	step->u.device.bind = dev->type != 'p' && !may_mknod(c);
}

/* A device of the config at the same path takes the place of the default one. */
static bool is_replaced(struct compile *c, const char *path)
{
	const struct rb_linux *l = &c->spec->linux_;

	for (size_t i = 0; i < l->n_devices; i++)
		if (rb_streq(compile_clean(c->arena, NULL, l->devices[i].path), path))
			return true;
	return false;
}

static void add_links(struct compile *c)
{
	for (size_t i = 0; i < sizeof(default_links) / sizeof(default_links[0]) && c->own_dev;
	     i++) {
		struct rb_step *step;

		if (!rb_streq(default_links[i].path, "/dev/ptmx") &&
		    is_replaced(c, default_links[i].path))
			continue;
		step = compile_add(c, RB_STEP_SYMLINK, NULL);
		step->u.link.path = default_links[i].path;
		step->u.link.target = default_links[i].target;
	}
}

/* In a directory of the image they would stay when the host side failed. */
bool compile_devices_wait(struct compile *c)
{
	return may_mknod(c) && (compile_mknod_waits(c) || !compile_has_dev(c));
}

/** emit_devices() - once: default ones first, then in the order of the config, then links. */
int emit_devices(struct compile *c, struct rb_err *err)
{
	const struct rb_linux *l = &c->spec->linux_;
	size_t skipped = 0;
	bool waits = !c->has_devices && compile_devices_wait(c);
	int r = waits ? emit_in_cgroups(c, err) : 0;

	if (r == 0 && waits)
		r = emit_attached(c, err);
	if (r < 0 || c->has_devices)
		return r;
	c->has_devices = true;
	for (size_t i = 0; i < N_DEFAULT && c->own_dev; i++)
		if (!is_replaced(c, default_devices[i].path))
			add_device(c, &default_devices[i], NULL);
	for (size_t i = 0; i < l->n_devices; i++) {
		const char *path = compile_clean(c->arena, NULL, l->devices[i].path);

		/* /dev/ptmx is the container's own pts/ptmx, one of the host would open the
		 * host's ptys */
		if (rb_streq(path, "/dev/ptmx"))
			continue;
		if (!c->own_dev && compile_below(path, "/dev"))
			skipped++;
		else
			add_device(c, &l->devices[i], device_at(c, i));
	}
	if (skipped)
		compile_warn(c, "linux.devices: %zu of them are not made, /dev is a bind mount",
			     skipped);
	add_links(c);
	return 0;
}

int emit_console(struct compile *c, struct rb_err *err)
{
	const struct rb_process *p = &c->spec->process;
	struct rb_step *step;

	if (!p->terminal)
		return 0;
	if (p->has_console_size &&
	    (p->console_height > UINT16_MAX || p->console_width > UINT16_MAX))
		return rb_fail_at(err, "process.consoleSize", "consoleSize is larger than 65535");
	step = compile_add(c, RB_STEP_CONSOLE, "process.terminal");
	step->u.console.has_size = p->has_console_size;
	step->u.console.rows = (uint16_t)p->console_height;
	step->u.console.cols = (uint16_t)p->console_width;
	step->u.console.uid = p->user.uid;
	return 0;
}
