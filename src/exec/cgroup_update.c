/* cgroup_update.c - change the limits of a running container: all of them, or none
 *
 * Before a file is written what it says is kept, with what to write to have that again. When a later
 * write fails all are put back, the last one first, so that rules between files (memory and swap, quota
 * and burst) hold on the way back as they did on the way there. Device rules come last: either kind
 * changes whole or not at all.
 * Sources: config-linux.md "Control groups", kernel cgroup-v2.rst, cgroup-v1/blkio-controller.rst.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/cgroup_priv.h"
#include "exec/systemd_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

/* --- what was there --- */

/* Files with a line for each device: how a device without a line is written. */
static const struct {
	const char *file, *unset;
} per_device[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "blkio.weight_device", "0" },
	{ "blkio.bfq.weight_device", "default" },
	{ "blkio.leaf_weight_device", "0" },
	{ "blkio.throttle.read_bps_device", "0" },
	{ "blkio.throttle.write_bps_device", "0" },
	{ "blkio.throttle.read_iops_device", "0" },
	{ "blkio.throttle.write_iops_device", "0" },
	{ "net_prio.ifpriomap", "0" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
};

static void add_line(struct rb_buf *out, const char *line)
{
	rb_buf_addn(out, line, strcspn(line, "\n"));
}

/* The line of @old that begins with the first word of @value. */
static const char *find_line(const char *old, const char *value)
{
	size_t len = strcspn(value, " ");

	for (const char *line = old; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, value, len) == 0 && line[len] == ' ')
			return line;
	return NULL;
}

void rb_limit_restore_text(const char *file, const char *value, const char *old, struct rb_buf *out)
{
	const char *unset = NULL, *line;

	for (size_t i = 0; i < sizeof(per_device) / sizeof(per_device[0]); i++)
		if (rb_streq(per_device[i].file, file))
			unset = per_device[i].unset;
	if (unset && strchr(value, ' ') && !rb_startswith(value, "default ")) {
		line = find_line(old, value);
		if (line)
			add_line(out, line);
		else
			rb_buf_printf(out, "%.*s %s", (int)strcspn(value, " "), value, unset);
		return;
	}
	if (rb_startswith(old, "default ")) /* io.weight is written without the word too */
		old += strlen("default ");
	if (rb_streq(
		    file,
		    "memory.oom_control")) /* "oom_kill_disable 0", of which the number is written */
		old += strcspn(old, " ") + (strchr(old, ' ') != NULL);
	add_line(out, old);
	if (!out->len)
		rb_buf_add(
			out,
			"\n"); /* a write of nothing does not reach the kernel: an empty cpuset */
}

struct saved {
	const struct rb_cgroup_dir *dir;
	char *file, *text;
};

/* One process changes one container at a time. */
static struct {
	bool on;
	struct saved *v;
	size_t n, cap;
} saves;

void rb_limit_save(const struct rb_cgroup_dir *dir, int leaf, const char *file, const char *value)
{
	rb_autofree char *old = NULL;
	rb_autobuf text = { 0 };

	/* what cannot be read cannot be put back; all files of limits can, and others are not written */
	if (!saves.on || rb_read_file(leaf, file, 1 << 20, &old, NULL) < 0)
		return;
	rb_limit_restore_text(file, value, old, &text);
	if (saves.n == saves.cap) {
		saves.cap = saves.cap ? 2 * saves.cap : 16;
		saves.v = realloc(saves.v, saves.cap * sizeof(*saves.v));
		if (!saves.v)
			abort();
	}
	saves.v[saves.n++] = (struct saved) { dir, rb_xstrdup(file), rb_take_ptr(text.data) };
}

/* Put back what was there (@restore), and forget it. */
static void end_saves(bool restore)
{
	saves.on = false;
	while (saves.n) {
		struct saved *s = &saves.v[--saves.n];
		struct rb_err ignored = { 0 };
		int leaf = restore ? rb_cgroup_leaf(s->dir, &ignored) : -1;
		int r = leaf < 0 ? 0 : rb_write_file(leaf, s->file, s->text);

		if (r < 0)
			rb_log_warn("put %s of %s%s back to %s: %s", s->file,
				    s->dir->hierarchy->mount, s->dir->path, s->text,
				    rb_errno_name(-r));
		free(s->file);
		free(s->text);
	}
	free(saves.v);
	saves.v = NULL;
	saves.cap = 0;
}

/* --- memory and swap, of which config.json knows the sum and v2 the parts --- */

bool rb_limit_read(int leaf, const char *file, int64_t *ret)
{
	rb_autofree char *text = NULL;

	if (rb_read_file(leaf, file, 64, &text, NULL) < 0)
		return false;
	*ret = rb_startswith(text, "max") ? -1 : strtoll(text, NULL, 10);
	return true;
}

/* One of the two is given: the other stays as the container's user sees it. */
static int complete_memory(const struct rb_cgroup_dir *dirs, size_t n, struct rb_resources *res,
			   struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_MEMORY);
	bool has_limit = res->memory.limit.v != 0, has_swap = res->memory.swap.v != 0;
	int64_t limit, swap;
	int leaf;

	if (!dir || !dir->hierarchy->v2 || has_limit == has_swap)
		return 0;
	leaf = rb_cgroup_leaf(dir, err);
	if (leaf < 0)
		return leaf;
	if (!rb_limit_read(leaf, "memory.max", &limit) ||
	    !rb_limit_read(leaf, "memory.swap.max", &swap))
		return 0;
	if (has_swap && res->memory.swap.v > 0 && limit > 0)
		res->memory.limit = (struct rb_opt_i64) { true, limit };
	if (has_swap || res->memory.limit.v < 0 || limit < 0 || swap < 0)
		return 0;
	res->memory.swap = (struct rb_opt_i64) { true, limit + swap };
	if (res->memory.limit.v <= limit + swap)
		return 0;
	(void)rb_fail_at(err, AT "memory.limit",
			 "a limit of %lld is higher than that of memory and swap together, %lld",
			 (long long)res->memory.limit.v, (long long)limit + (long long)swap);
	return rb_err_hint(err, "set memory.swap (--memory-swap) too");
}

/* --- all or nothing --- */

static int write_all(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     const struct rb_scope *scope, struct rb_err *err)
{
	bool told = scope->unit && rb_sd_holds_limits(dirs, n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = rb_cgroup_enable(&dirs[i], res, err);
	if (r == 0)
		r = rb_cgroup_limits(dirs, n, res, err);
	/* it writes the files too, so what they have to be put back to is known by now */
	if (r == 0 && told)
		r = rb_scope_update(scope, res, err);
	/* once more, for systemd rounds */
	if (r == 0 && told)
		r = rb_cgroup_limits(dirs, n, res, err);
	if (r == 0 && res->n_devices)
		r = rb_cgroup_device_update(dirs, n, res, err);
	return r;
}

int rb_cgroup_update(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_resources *res,
		     const struct rb_scope *scope, struct rb_err *err)
{
	struct rb_resources whole = *res;
	int r = complete_memory(dirs, n, &whole, err);

	if (r < 0)
		return r;
	saves.on = true;
	r = write_all(dirs, n, &whole, scope, err);
	end_saves(r < 0);
	return r;
}
