/* leases.c - who uses what containers have in common: addresses, ports, bridges, names, switches
 *
 * <root>/@net/leases has a line a use: kind, key, id, made, note, with tabs between. "@" cannot begin a
 * container's id. The lock is held by flock(2) from reading to writing, and while the thing is made or
 * removed; the file is replaced whole. A user that died without undo is found by its id, which `delete` and
 * `gc` know.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/net_steps_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

#define LEASES_MAX (8u << 20)

static int open_dir(const char *root, bool make, int *ret_fd)
{
	rb_autofd root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root_fd < 0)
		return -errno;
	if (make && mkdirat(root_fd, "@net", 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(root_fd, "@net", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int lock(struct rb_leases *l)
{
	l->lock_fd = openat(l->dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->lock_fd < 0)
		return -errno;
	while (flock(l->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void rb_leases_add(struct rb_leases *l, const struct rb_lease *lease)
{
	if (l->n == l->cap) {
		size_t cap = 2 * l->cap + 64;
		struct rb_lease *v = rb_arena_alloc(&l->arena, cap * sizeof(*v));

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct rb_lease) {
		.kind = rb_arena_strdup(&l->arena, lease->kind),
		.key = rb_arena_strdup(&l->arena, lease->key),
		.id = rb_arena_strdup(&l->arena, lease->id),
		.note = rb_arena_strdup(&l->arena, lease->note ? lease->note : ""),
		.made = lease->made,
	};
}

/* Lines that are not whole are nobody's: the file is replaced whole, and is ours alone. */
static void parse(struct rb_leases *l, char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		char *field[5] = { 0 };
		size_t n = 0;

		for (char *f; n < 5 && (f = strsep(&line, "\t"));)
			field[n++] = f;
		if (n == 5)
			rb_leases_add(l, &(struct rb_lease) { .kind = field[0],
							      .key = field[1],
							      .id = field[2],
							      .made = rb_streq(field[3], "made"),
							      .note = field[4] });
	}
}

int rb_leases_open(struct rb_leases *l, const char *root, bool make, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	int r = open_dir(root, make, &l->dir_fd);

	if (r == -ENOENT && !make)
		return r;
	if (r == 0)
		r = lock(l);
	if (r < 0)
		return rb_fail_sys(err, -r, "lock the leases of %s/@net", root);
	r = rb_read_file(l->dir_fd, "leases", LEASES_MAX, &text, NULL);
	if (r < 0 && r != -ENOENT)
		return rb_fail_sys(err, -r, "read %s/@net/leases", root);
	if (r == 0)
		parse(l, text);
	return 0;
}

int rb_leases_save(struct rb_leases *l, struct rb_err *err)
{
	rb_autobuf text = { 0 };
	int r = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].dropped)
			rb_buf_printf(&text, "%s\t%s\t%s\t%s\t%s\n", l->v[i].kind, l->v[i].key,
				      l->v[i].id, l->v[i].made ? "made" : "found", l->v[i].note);
	if (text.len)
		r = rb_replace_file(l->dir_fd, "leases", text.data, text.len, 0600);
	else if (unlinkat(l->dir_fd, "leases", 0) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? rb_fail_sys(err, -r, "write the leases of networks") : 0;
}

void rb_leases_close(struct rb_leases *l)
{
	rb_closep(&l->lock_fd);
	rb_closep(&l->dir_fd);
	rb_arena_done(&l->arena);
}

struct rb_lease *rb_leases_mine(struct rb_leases *l, const char *kind, const char *key,
				const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].dropped && rb_streq(l->v[i].kind, kind) &&
		    rb_streq(l->v[i].key, key) && (!id || rb_streq(l->v[i].id, id)))
			return &l->v[i];
	return NULL;
}

struct rb_lease *rb_leases_find(struct rb_leases *l, const char *kind, const char *key)
{
	return rb_leases_mine(l, kind, key, NULL);
}

const struct rb_lease *rb_leases_drop(struct rb_leases *l, const char *kind, const char *key,
				      const char *id)
{
	struct rb_lease *mine = rb_leases_mine(l, kind, key, id), *next;

	if (!mine)
		return NULL;
	mine->dropped = true;
	next = rb_leases_find(l, kind, key);
	/* who stays has it from the one that made it */
	if (next)
		next->made |= mine->made;
	return !next && mine->made ? mine : NULL;
}

ino_t rb_net_own_ns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

const char *rb_leases_key(struct rb_leases *l, const char *name)
{
	return rb_arena_printf(&l->arena, "%s@%llu", name, (unsigned long long)rb_net_own_ns());
}

void rb_leases_forget_elsewhere(struct rb_leases *l, const char *id, const char *name)
{
	const size_t len = strlen(name);
	const unsigned long long own = rb_net_own_ns();

	for (size_t i = 0; i < l->n; i++) {
		const char *at = strrchr(l->v[i].key, '@');
		const char *device = strchr(l->v[i].key, '%'); /* "ADDRESS%NAME@INODE" */

		device = device ? device + 1 : l->v[i].key;
		if (l->v[i].dropped || !rb_streq(l->v[i].id, id) || !at ||
		    strtoull(at + 1, NULL, 10) == own || (size_t)(at - device) != len ||
		    memcmp(device, name, len) != 0)
			continue;
		if (l->v[i].made)
			rb_log_warn(
				"%s %s was made in another network namespace than this and is left "
				"to it",
				l->v[i].kind, name);
		l->v[i].dropped = true;
	}
}

/* --- switches of the host --- */

static int read_switch(const char *path, char *ret)
{
	rb_autofd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret, 1) != 1)
		return -(errno ? errno : EIO);
	return 0;
}

int rb_sysctl_hold(struct rb_leases *l, const char *path, const char *id, struct rb_err *err)
{
	const char *key = rb_leases_key(l, path);
	char *file = rb_arena_printf(&l->arena, "/proc/sys/%s", path), value = 0;
	int r = read_switch(file, &value);

	if (r < 0)
		return rb_fail_sys(err, -r, "read the sysctl %s", path);
	/* on already, and not by us: nothing to put back */
	if (value == '1' && !rb_leases_find(l, "sysctl", key))
		return 0;
	if (!rb_leases_mine(l, "sysctl", key, id))
		rb_leases_add(
			l, &(struct rb_lease) {
				   .kind = "sysctl", .key = key, .id = id, .made = value != '1' });
	r = rb_leases_save(l, err);
	if (r < 0 || value == '1')
		return r;
	r = rb_write_file(AT_FDCWD, file, "1");
	return r < 0 ? rb_fail_sys(err, -r, "set the sysctl %s", path) : 0;
}

int rb_sysctl_release(struct rb_leases *l, const char *id, struct rb_err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct rb_lease *last;
		char *file, *at;
		int r;

		if (l->v[i].dropped || !rb_streq(l->v[i].kind, "sysctl") ||
		    !rb_streq(l->v[i].id, id))
			continue;
		last = rb_leases_drop(l, "sysctl", l->v[i].key, id);
		if (!last)
			continue;
		file = rb_arena_printf(&l->arena, "/proc/sys/%s", last->key);
		at = strrchr(file, '@');
		if (!at || strtoull(at + 1, NULL, 10) != (unsigned long long)rb_net_own_ns())
			continue; /* of a namespace that is not ours, and may be gone */
		*at = '\0';
		r = rb_write_file(AT_FDCWD, file, "0");
		if (r < 0 && r != -ENOENT)
			return rb_fail_sys(err, -r, "put the sysctl %s back", file);
	}
	return 0;
}
