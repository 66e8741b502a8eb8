/* root.c - paths in the container's root file system, which is hostile
 *
 * Every path is resolved to a descriptor once, below a descriptor of the root: by the kernel
 * (openat2(2), RESOLVE_IN_ROOT), or component by component with O_NOFOLLOW where the kernel has no
 * openat2 or where something has to be made on the way. Both keep one rule: nothing that is opened
 * or made lies outside the root, whatever links the image holds and whoever moves them meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"

/* path_resolution(7): as many links as the kernel follows */
#define MAX_LINKS 40
/* how often a path that changes under our hands is looked at again */
#define MAX_TRIES 128

enum make { MAKE_NOTHING, MAKE_FILE, MAKE_DIR };

struct walk {
	int root_fd; /* the caller's */
	int cur;     /* where we are, O_PATH */
	unsigned links, max_links, tries;
	enum make make;
	int flags;	     /* for the last component */
	char done[PATH_MAX]; /* names from the root to cur, without links */
	char todo[2 * PATH_MAX];
};

static int walk_to_root(struct walk *w)
{
	int fd = openat(w->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	rb_closep(&w->cur);
	w->cur = fd;
	w->done[0] = '\0';
	return 0;
}

/*
 * ".." is never asked of the kernel, for the directory may have been moved out of the root: the
 * names that led here, less one, are walked again.
 */
static int walk_up(struct walk *w)
{
	char names[PATH_MAX], *save = NULL, *slash;
	size_t have;
	int r;

	memcpy(names, w->done, sizeof(names));
	slash = strrchr(names, '/');
	if (slash)
		*slash = '\0';
	else
		names[0] = '\0';
	r = walk_to_root(w);
	if (r < 0)
		return r;
	for (char *name = strtok_r(names, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		int fd = openat(w->cur, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return errno == ELOOP || errno == ENOTDIR ? -EAGAIN : -errno;
		rb_closep(&w->cur);
		w->cur = fd;
		have = strlen(w->done);
		/* fits: it is shorter than what was there */
		(void)snprintf(w->done + have, sizeof(w->done) - have, "%s%s", have ? "/" : "",
			       name);
	}
	return 0;
}

/* Take the next name off todo. Return: its length, 0 when none is left, or -ENAMETOOLONG */
static int next_name(struct walk *w, char name[NAME_MAX + 1])
{
	size_t skip = strspn(w->todo, "/"), len = strcspn(w->todo + skip, "/");

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->todo + skip, len);
	name[len] = '\0';
	memmove(w->todo, w->todo + skip + len, strlen(w->todo + skip + len) + 1);
	return (int)len;
}

static int make_one(struct walk *w, const char *name, bool last)
{
	rb_autofd fd = -1;

	if (!last || w->make == MAKE_DIR || w->todo[0])
		return mkdirat(w->cur, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = openat(w->cur, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
		    0644);
	return fd < 0 && errno != EEXIST ? -errno : 0;
}

/* A link of procfs whose text only looks like a path: "/etc", "pipe:[1]", "net:[2]". openat2(2)
 * refuses those by RESOLVE_NO_MAGICLINKS; the ordinary ones there ("self", "mounts") are relative.
 * */
static bool is_magic(int link_fd, const char *target)
{
	return (target[0] == '/' || strchr(target, ':')) && rb_mount_is(link_fd, PROC_SUPER_MAGIC);
}

/* Put a link's target before what is left to do. */
static int follow(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	size_t rest = strlen(w->todo);

	if (len < 0)
		return -errno;
	if (len == 0)
		return -ENOENT;
	target[len] = '\0';
	if (is_magic(link_fd, target))
		return -ELOOP;
	if (++w->links > w->max_links)
		return -ELOOP;
	if ((size_t)len + rest >= sizeof(w->todo))
		return -ENAMETOOLONG;
	memmove(w->todo + len, w->todo, rest + 1);
	memcpy(w->todo, target, (size_t)len);
	return target[0] == '/' ? walk_to_root(w) : 0;
}

static int descend(struct walk *w, const char *name, int *fd)
{
	size_t have = strlen(w->done), len = strlen(name);

	if (have + len + 2 > sizeof(w->done))
		return -ENAMETOOLONG;
	if (have)
		w->done[have++] = '/';
	memcpy(w->done + have, name, len + 1);
	rb_closep(&w->cur);
	w->cur = rb_take_fd(fd);
	return 0;
}

/* The last component, as O_PATH descriptor @fd, opened as the caller asked. */
static int finish(struct walk *w, const char *name, int *fd, const struct stat *st, int *ret_fd)
{
	int got;

	if ((w->flags & O_DIRECTORY || w->todo[0]) && !S_ISDIR(st->st_mode))
		return -ENOTDIR;
	if (w->flags & O_PATH) {
		*ret_fd = rb_take_fd(fd);
		return 1;
	}
	got = openat(w->cur, name, w->flags | O_NOFOLLOW | O_CLOEXEC);
	if (got < 0)
		/* a link now, and it was none: somebody moves things */
		return errno == ELOOP && !S_ISLNK(st->st_mode) ? -EAGAIN : -errno;
	*ret_fd = got;
	return 1;
}

/* One name. Return: 0 to go on, 1 when *ret_fd is there, or -errno */
static int step(struct walk *w, const char *name, int *ret_fd)
{
	bool last = w->todo[strspn(w->todo, "/")] == '\0';
	rb_autofd fd = -1;
	struct stat st;
	int r;

	for (;;) {
		fd = openat(w->cur, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			break;
		if (errno != ENOENT || w->make == MAKE_NOTHING)
			return -errno;
		if (++w->tries > MAX_TRIES)
			return -EAGAIN;
		r = make_one(w, name, last);
		if (r < 0)
			return r;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && !w->todo[0] && w->flags & O_NOFOLLOW))
		return follow(w, fd);
	if (last)
		return finish(w, name, &fd, &st, ret_fd);
	return S_ISDIR(st.st_mode) ? descend(w, name, &fd) : -ENOTDIR;
}

static int walk_once(struct walk *w, const char *path, int *ret_fd)
{
	char name[NAME_MAX + 1];
	int r;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(w->todo, sizeof(w->todo), "%s", path);
	r = walk_to_root(w);
	while (r == 0) {
		r = next_name(w, name);
		if (r == 0) { /* ended at a directory: the root, "." or ".." */
			r = openat(w->cur, ".", (w->flags & ~O_NOFOLLOW) | O_CLOEXEC);
			if (r < 0)
				return -errno;
			*ret_fd = r;
			return 0;
		}
		if (r < 0)
			return r;
		if (strcmp(name, ".") == 0)
			r = 0;
		else if (strcmp(name, "..") == 0)
			r = walk_up(w);
		else
			r = step(w, name, ret_fd);
	}
	return r < 0 ? r : 0;
}

static int walk(int root_fd, const char *path, int flags, enum make make, unsigned max_links,
		int *ret_fd)
{
	struct walk w = {
		.root_fd = root_fd, .cur = -1, .max_links = max_links, .make = make, .flags = flags
	};
	unsigned tries = 0;
	int r;

	do {
		w.links = 0;
		r = walk_once(&w, path, ret_fd);
	} while (r == -EAGAIN && ++tries < MAX_TRIES);
	rb_closep(&w.cur);
	return r;
}

/* By openat2(2) if there is one. A filter that does not know the call may answer EPERM. */
static int root_open(int root_fd, const char *path, int flags, uint64_t resolve, int *ret_fd)
{
	resolve |= RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	for (unsigned tries = 0; tries < MAX_TRIES; tries++) {
		int fd = rb_openat2(root_fd, *path ? path : ".", (uint64_t)(flags | O_CLOEXEC),
				    resolve);

		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (errno == ENOSYS || errno == EPERM)
			break;
		if (errno != EAGAIN) /* a ".." while something was moved */
			return -errno;
	}
	return walk(root_fd, path, flags, MAKE_NOTHING,
		    resolve & RESOLVE_NO_SYMLINKS ? 0 : MAX_LINKS, ret_fd);
}

int rb_root_open(int root_fd, const char *path, int flags, int *ret_fd)
{
	return root_open(root_fd, path, flags, 0, ret_fd);
}

int rb_root_open_strict(int root_fd, const char *path, int flags, int *ret_fd)
{
	return root_open(root_fd, path, flags | O_NOFOLLOW, RESOLVE_NO_SYMLINKS, ret_fd);
}

/* A directory of which only the last name is missing, as in a /dev that was just made: no walk.
 * Return: 1 when that is all there was to do, else the walk finds out what is in the way */
static int make_last(int root_fd, const char *path, int *ret_fd)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	rb_autofd parent = -1;
	char dir[PATH_MAX];

	if (len >= sizeof(dir) || !*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return 0;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (rb_root_open(root_fd, dir, O_PATH | O_DIRECTORY, &parent) < 0 ||
	    mkdirat(parent, base, 0755) < 0)
		return 0;
	*ret_fd = openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd >= 0;
}

int rb_root_make(int root_fd, const char *path, bool dir, bool nofollow, int *ret_fd)
{
	int flags = O_PATH | (nofollow ? O_NOFOLLOW : 0);
	int r = rb_root_open(root_fd, path, flags, ret_fd);
	mode_t mask;

	if (r != -ENOENT)
		return r;
	/* the modes are ours to choose, not the caller's umask's */
	mask = umask(022);
	if (dir && make_last(root_fd, path, ret_fd))
		r = 0;
	else
		r = walk(root_fd, path, flags, dir ? MAKE_DIR : MAKE_FILE, MAX_LINKS, ret_fd);
	(void)umask(mask);
	return r;
}

int rb_root_parent(int root_fd, const char *path, int *ret_dir_fd, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	char dir[PATH_MAX];
	int r;

	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return -EINVAL;
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	r = rb_root_make(root_fd, dir, true, false, ret_dir_fd);
	if (r == 0)
		*ret_base = base;
	return r;
}

bool rb_mount_is(int fd, long magic)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (long)fs.f_type == magic;
}
