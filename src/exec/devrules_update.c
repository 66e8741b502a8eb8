/* devrules_update.c - other device rules for a container that runs
 *
 * On v2 the program is exchanged at once. v1 has a file of exceptions: what is new is allowed first and
 * what is no longer allowed is denied last, and what stays is never touched, so that at no moment a device
 * is out of reach that both the old and the new rules allow.
 * Source: kernel cgroup-v1/devices.rst.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* One line of devices.list: "c 1:3 rwm", "b *:* m". */
static bool parse_line(const char *line, struct rb_dev_exception *ret)
{
	char type, major[24], minor[24], access[8];
	int64_t numbers[2] = { -1, -1 };

	if (sscanf(line, "%c %23[0-9*]:%23[0-9*] %7[rwm]", &type, major, minor, access) != 4)
		return false;
	if (!rb_streq(major, "*") && rb_parse_i64(major, &numbers[0]) < 0)
		return false;
	if (!rb_streq(minor, "*") && rb_parse_i64(minor, &numbers[1]) < 0)
		return false;
	*ret = (struct rb_dev_exception) { numbers[0], numbers[1], 0, type };
	ret->access = (strchr(access, 'r') ? RB_DEV_R : 0) | (strchr(access, 'w') ? RB_DEV_W : 0) |
		      (strchr(access, 'm') ? RB_DEV_M : 0);
	return true;
}

int rb_dev_list_parse(struct rb_arena *arena, const char *text, struct rb_dev_exception **ret,
		      size_t *ret_n)
{
	struct rb_dev_exception *v = rb_arena_alloc(arena, (strlen(text) / 8 + 1) * sizeof(*v));
	size_t n = 0;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (!parse_line(line, &v[n]) || v[n].type == 'a')
			return -EINVAL;
		n++;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* What a list allows on exactly this row: the kernel joins rows of the same device. */
static unsigned access_of(const struct rb_dev_exception *v, size_t n,
			  const struct rb_dev_exception *row)
{
	unsigned access = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].type == row->type && v[i].major == row->major && v[i].minor == row->minor)
			access |= v[i].access;
	return access;
}

struct rb_dev_change *rb_dev_changes(struct rb_arena *arena, const struct rb_dev_exception *old,
				     size_t n_old, const struct rb_dev_exception *new, size_t n_new,
				     size_t *ret_n)
{
	struct rb_dev_change *v = rb_arena_alloc(arena, (n_old + n_new + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < n_new; i++) {
		v[n] = (struct rb_dev_change) { .allow = true, .row = new[i] };
		v[n].row.access &= ~access_of(old, n_old, &new[i]);
		n += v[n].row.access != 0;
	}
	for (size_t i = 0; i < n_old; i++) {
		v[n] = (struct rb_dev_change) { .allow = false, .row = old[i] };
		v[n].row.access &= ~access_of(new, n_new, &old[i]);
		n += v[n].row.access != 0;
	}
	*ret_n = n;
	return v;
}

static int write_change(int leaf, const struct rb_dev_change *c, bool back)
{
	char text[64];

	return rb_write_file(leaf, c->allow != back ? "devices.allow" : "devices.deny",
			     rb_dev_text(&c->row, text));
}

static int update_v1(const struct rb_cgroup_dir *dir, const struct rb_resources *res,
		     const struct rb_dev_rules *rules, struct rb_arena *arena, struct rb_err *err)
{
	struct rb_dev_exception *old, *new;
	const struct rb_device_rule *bad;
	rb_autofree char *text = NULL;
	struct rb_dev_change *changes;
	size_t n_old, n_new, n;
	int leaf = rb_cgroup_leaf(dir, err), r = 0;
	char row[64];

	if (leaf < 0)
		return leaf;
	if (rb_read_file(leaf, "devices.list", 1 << 20, &text, NULL) < 0 || rules->allow ||
	    rb_dev_list_parse(arena, text, &old, &n_old) < 0 ||
	    rb_dev_rules_flatten(arena, rules, &new, &n_new, &bad) < 0)
		return rb_cgroup_device_rules(dir, 1, res, err); /* from or to "all is allowed" */
	changes = rb_dev_changes(arena, old, n_old, new, n_new, &n);
	for (size_t i = 0; i < n; i++) {
		r = write_change(leaf, &changes[i], false);
		if (r == 0)
			continue;
		(void)rb_fail_sys(
			err, -r, "%s device \"%s\" in %s%s", changes[i].allow ? "allow" : "deny",
			rb_dev_text(&changes[i].row, row), dir->hierarchy->mount, dir->path);
		if (r == -EPERM)
			(void)rb_err_hint(err, "the parent cgroup does not allow this device");
		while (i-- > 0)
			(void)write_change(leaf, &changes[i], true); /* as it was a moment ago */
		break;
	}
	return r;
}

int rb_cgroup_device_update(const struct rb_cgroup_dir *dirs, size_t n,
			    const struct rb_resources *res, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_DEVICES);
	rb_autoarena arena = { 0 };
	struct rb_dev_rules rules;
	int r;

	if (!dir || dir->hierarchy->v2)
		return rb_cgroup_device_rules(dirs, n, res, err);
	rb_dev_rules_build(&arena, res, &rules);
	r = update_v1(dir, res, &rules, &arena, err);
	if (r < 0)
		rb_err_at(err, "linux.resources.devices");
	return r;
}
