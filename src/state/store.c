/* store.c - the directory of a container: made, locked, journalled, removed
 *
 * Everything goes through directory descriptors, nothing follows a link, and a directory that is
 * not ours is refused. The lock is flock(2) on a file inside, so it dies with its holder; since
 * `delete` removes that file, whoever gets the lock checks that the directory is still the one by
 * that name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/proc.h"
#include "runbox/state.h"

/* A journal grows with the steps of one plan; more than this was not written by us. */
#define JOURNAL_MAX (4u << 20)
/* Deeper than anything we make. A container that remounted the directory of its notify socket may
 * have made more: what lies deeper is moved to the top, and then its turn comes. */
#define TREE_DEPTH 8
/* How often a verb may come between the lock's removal and its directory's. */
#define REMOVE_TRIES 128

/* Root of a user namespace is no root of the host: podman of an ordinary user calls us as one. */
static bool is_host_root(void)
{
	struct stat st;

	return geteuid() == 0 &&
	       (stat("/proc/self/ns/user", &st) < 0 || st.st_ino == RB_INIT_USER_NS_INODE);
}

int rb_store_root(struct rb_arena *arena, const char *option, const char **ret_root,
		  struct rb_err *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	bool has_xdg = xdg && *xdg == '/';
	rb_autofree char *cwd = NULL;

	if (option && !*option)
		return rb_fail(err, RB_ERR_USAGE, "--root is empty");
	if (!option && (has_xdg ? is_host_root() : geteuid() == 0))
		option = "/run/runbox";
	if (!option && !has_xdg)
		return rb_fail(err, RB_ERR_USAGE,
			       "XDG_RUNTIME_DIR is not set: say where to keep state with --root");
	if (!option)
		option = rb_arena_printf(arena, "%s/runbox", xdg);
	if (*option == '/') {
		*ret_root = option;
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return rb_fail_sys(err, errno, "find the working directory");
	*ret_root = rb_arena_printf(arena, "%s/%s", cwd, option);
	return 0;
}

int rb_id_check(const char *id, struct rb_err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
	size_t len = strlen(id);

	if (len == 0)
		return rb_fail(err, RB_ERR_USAGE, "the container ID is empty");
	if (id[strspn(id, allowed)] || rb_streq(id, ".") || rb_streq(id, ".."))
		return rb_fail(
			err, RB_ERR_USAGE,
			"invalid container ID \"%.64s\": letters, digits and _+.- are allowed", id);
	/* the id is the name of a directory */
	if (len > NAME_MAX)
		return rb_fail(err, RB_ERR_USAGE,
			       "the container ID has %zu bytes, at most %d are allowed", len,
			       NAME_MAX);
	return 0;
}

/* A state directory of ours: nobody else may own it, and others write to it only where they cannot
 * replace what is ours (sticky). */
static int check_owner(int fd, const char *path, struct rb_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return rb_fail_sys(err, errno, "look at %s", path);
	if (st.st_uid != geteuid())
		return rb_fail(err, RB_ERR_STATE, "state directory %s belongs to uid %u, not to %u",
			       path, st.st_uid, geteuid());
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return rb_fail(err, RB_ERR_STATE,
			       "state directory %s can be written to by others (mode %04o)", path,
			       st.st_mode & 07777);
	return 0;
}

/* mkdir -p, 0700. The caller names the path, so links in it are the caller's business. */
static int make_root(const char *root, struct rb_err *err)
{
	rb_autofree char *path = rb_xstrdup(root);

	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return rb_fail_sys(err, errno, "make state directory %s", path);
		*p = c;
		if (c == '\0')
			return 0;
	}
}

static int open_root(struct rb_store *store, const char *root, bool create, struct rb_err *err)
{
	rb_autofd fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT && create) {
		r = make_root(root, err);
		if (r < 0)
			return r;
		fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return errno == ENOENT && !create
			       ? -ENOENT
			       : rb_fail_sys(err, errno, "open state directory %s", root);
	r = check_owner(fd, root, err);
	if (r < 0)
		return r;
	store->root = root;
	store->root_fd = rb_take_fd(&fd);
	return 0;
}

static int open_dir(struct rb_store *store, const char *id, struct rb_err *err)
{
	rb_autofd fd = openat(store->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return rb_fail_sys(err, errno, "open state of container %s", id);
	r = check_owner(fd, id, err);
	if (r < 0)
		return r;
	rb_closep(&store->dir_fd);
	store->id = id;
	store->dir_fd = rb_take_fd(&fd);
	return 0;
}

/* Is what we hold still what stands under that name? */
static bool still_there(const struct rb_store *store, const char *id)
{
	struct stat held, named;

	return fstat(store->dir_fd, &held) == 0 &&
	       fstatat(store->root_fd, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static int open_lock(const struct rb_store *store, int *ret_fd, struct rb_err *err)
{
	int fd = openat(store->dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
			0600);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : rb_fail_sys(err, errno, "open the lock of container %s",
						     store->id);
	*ret_fd = fd;
	return 0;
}

/* Return: 0 with the lock held on the directory of that name; -ENOENT when it was removed meanwhile
 */
static int take_lock(struct rb_store *store, struct rb_err *err)
{
	rb_autofd fd = -1;
	int r = open_lock(store, &fd, err);

	if (r < 0)
		return r;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return rb_fail_sys(err, errno, "lock container %s", store->id);
	if (!still_there(store, store->id))
		return -ENOENT;
	store->lock_fd = rb_take_fd(&fd);
	return 0;
}

static int fail_exists(const char *id, struct rb_err *err)
{
	(void)rb_fail(err, RB_ERR_STATE, "container with given ID already exists: %s", id);
	return -EEXIST;
}

/* The directory that was made may have been deleted since, and what stands under its name may be
 * another create's: whoever had the lock first has left a journal in it. */
static bool is_taken(const struct rb_store *store)
{
	return faccessat(store->dir_fd, "journal", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int rb_store_create(struct rb_store *store, const char *root, const char *id, struct rb_err *err)
{
	int r = rb_id_check(id, err);

	if (r == 0)
		r = open_root(store, root, true, err);
	if (r < 0)
		return r;
	if (mkdirat(store->root_fd, id, 0700) < 0) {
		if (errno != EEXIST)
			return rb_fail_sys(err, errno, "make state directory %s/%s", root, id);
		return fail_exists(id, err);
	}
	r = open_dir(store, id, err);
	if (r == 0)
		r = take_lock(store, err);
	if (r == 0 && is_taken(store))
		return fail_exists(id, err);
	if (r == -ENOENT && err->kind == RB_ERR_NONE)
		(void)rb_fail(err, RB_ERR_STATE,
			      "container %s was deleted while it was being created", id);
	return r;
}

int rb_store_open(struct rb_store *store, const char *root, const char *id, enum rb_store_lock lock,
		  struct rb_err *err)
{
	int r = rb_id_check(id, err);

	if (r == 0)
		r = open_root(store, root, false, err);
	if (r == 0)
		r = open_dir(store, id, err);
	if (r == 0 && lock == RB_LOCK_WAIT)
		r = take_lock(store, err);
	if (r == -ENOENT && err->kind == RB_ERR_NONE)
		(void)rb_fail(err, RB_ERR_STATE, "container %s does not exist", id); /* r says it */
	return r;
}

void rb_store_close(struct rb_store *store)
{
	rb_closep(&store->journal_fd);
	rb_closep(&store->lock_fd);
	rb_closep(&store->dir_fd);
	rb_closep(&store->root_fd);
}

int rb_store_lock(struct rb_store *store, struct rb_err *err)
{
	return store->lock_fd >= 0 ? 0 : take_lock(store, err);
}

void rb_store_unlock(struct rb_store *store)
{
	rb_closep(&store->lock_fd);
}

void rb_store_await(const struct rb_store *store)
{
	rb_autofd fd = openat(store->dir_fd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

	while (fd >= 0 && flock(fd, LOCK_SH) < 0 && errno == EINTR)
		;
}

bool rb_store_is_locked(const struct rb_store *store)
{
	rb_autofd fd = openat(store->dir_fd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

	if (store->lock_fd >= 0)
		return false; /* by us */
	/* shared, and let go at once: a create that waits for it in this moment gets it right after
	 */
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* --- journal --- */

int rb_store_note(struct rb_store *store, const char *line, struct rb_err *err)
{
	rb_autobuf whole = { 0 };
	struct stat st = { 0 };
	ssize_t n;
	int r;

	if (store->journal_fd < 0)
		store->journal_fd = openat(
			store->dir_fd, "journal",
			O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (store->journal_fd < 0)
		return rb_fail_sys(err, errno, "open the journal of container %s", store->id);
	rb_buf_add(&whole, line);
	rb_buf_add(&whole, "\n");
	do {
		n = write(store->journal_fd, whole.data, whole.len);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)whole.len)
		return 0;
	r = n < 0 ? -errno : 0;
	if (r == 0 && fstat(store->journal_fd, &st) < 0)
		r = -errno;
	/* the rest, for the sake of its errno */
	if (r == 0)
		r = rb_write_all(store->journal_fd, whole.data + n, whole.len - (size_t)n);
	if (r == 0)
		return 0;
	/* half a line would be the beginning of the next one */
	if (n > 0 && ftruncate(store->journal_fd, st.st_size - n) < 0)
		rb_log_warn("the journal of container %s ends in half a line", store->id);
	return rb_fail_sys(err, -r, "write the journal of container %s", store->id);
}

int rb_store_journal(const struct rb_store *store, struct rb_arena *arena, struct rb_strv *ret,
		     struct rb_err *err)
{
	size_t n = 0, len;
	char *text, **v;
	int r = rb_read_file_to(arena, store->dir_fd, "journal", JOURNAL_MAX, &text, &len);

	*ret = (struct rb_strv) { 0 };
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return rb_fail_sys(err, -r, "read the journal of container %s", store->id);
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	v = rb_arena_alloc(arena, (n + 1) * sizeof(*v));
	/* what comes after the last newline was cut short */
	for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
		*end = '\0';
		v[ret->n++] = p;
	}
	ret->v = v;
	return 0;
}

bool rb_store_has_line(const struct rb_strv *journal, const char *kind)
{
	size_t len = strlen(kind);

	for (size_t i = 0; i < journal->n; i++)
		if (rb_startswith(journal->v[i], kind) &&
		    (journal->v[i][len] == '\t' || !journal->v[i][len]))
			return true;
	return false;
}

/* --- removal and listing --- */

struct removal {
	int top_fd;
	unsigned lifted; /* directories that were moved to the top in this pass */
};

static int remove_entry(struct removal *w, int dir_fd, const char *name, int depth);

/* getdents64(2) into the stack: readdir(3) takes more calls, and maps memory, than the removal itself. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size; /* of the entry, to the next one */
	uint8_t type;
	char name[];
};

/* Is it left by remove_entries()? */
static bool is_kept(const char *name, bool top)
{
	return rb_streq(name, ".") || rb_streq(name, "..") ||
	       (top && (rb_streq(name, "lock") || rb_streq(name, "journal")));
}

/* Empty a directory; "." and "..", and at the top the two files that go last, are left. */
static int remove_entries(struct removal *w, int dir_fd, int depth)
{
	_Alignas(struct entry) char room[1024]; /* a name has at most 255 bytes */
	rb_autofd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, room, sizeof(room));
		const struct entry *e;

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (long at = 0; at < n; at += e->size) {
			int r;

			e = (const struct entry *)(const void *)(room + at);
			r = is_kept(e->name, dir_fd == w->top_fd)
				    ? 0
				    : remove_entry(w, dir_fd, e->name, depth);
			if (r < 0)
				return r;
		}
	}
}

/* Names of an earlier delete that died may still be there: those are passed over. */
static int lift(struct removal *w, int dir_fd, const char *name)
{
	for (unsigned n = w->lifted; n < w->lifted + 4096; n++) {
		char to[32];

		(void)snprintf(to, sizeof(to), "deep-%u", n);
		if (renameat(dir_fd, name, w->top_fd, to) == 0) {
			w->lifted = n + 1;
			return 0;
		}
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return -errno;
}

static int remove_entry(struct removal *w, int dir_fd, const char *name, int depth)
{
	rb_autofd fd = -1;
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == 0)
		return lift(w, dir_fd, name);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_entries(w, fd, depth - 1);
	if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* Journal, lock, and the directory. A verb that opened the directory before makes the lock again
 * when it comes between; it finds nothing in there, so it is beaten to it in the end. */
static int remove_last(struct rb_store *store, struct removal *w)
{
	static const char *const last[] = { "journal", "lock" };
	int r = 0;

	for (unsigned tries = 0; tries < REMOVE_TRIES; tries++) {
		for (size_t i = 0; r == 0 && i < sizeof(last) / sizeof(last[0]); i++)
			r = remove_entry(w, store->dir_fd, last[i], 1);
		if (r < 0)
			return r;
		if (unlinkat(store->root_fd, store->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
	}
	return -ENOTEMPTY;
}

int rb_store_remove(struct rb_store *store, struct rb_err *err)
{
	struct removal w = { .top_fd = store->dir_fd };
	int r;

	do {
		w.lifted = 0;
		r = remove_entries(&w, store->dir_fd, TREE_DEPTH);
	} while (r == 0 && w.lifted);
	if (r == 0)
		r = remove_last(store, &w);
	return r < 0 ? rb_fail_sys(err, -r, "remove state directory %s/%s", store->root, store->id)
		     : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int rb_store_list(struct rb_arena *arena, const char *root, struct rb_strv *ret, struct rb_err *err)
{
	rb_autostore store = RB_STORE_NONE;
	struct rb_err ignored = { 0 };
	struct dirent *e;
	size_t cap = 0;
	DIR *dir;
	int r = open_root(&store, root, false, err);

	*ret = (struct rb_strv) { 0 };
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	dir = fdopendir(store.root_fd);
	if (!dir)
		return rb_fail_sys(err, errno, "read state directory %s", root);
	store.root_fd = -1; /* closedir() closes it */
	while ((e = readdir(dir))) {
		if ((e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) ||
		    rb_id_check(e->d_name, &ignored) < 0)
			continue;
		if (ret->n == cap) {
			char **more = rb_arena_alloc(arena, (cap * 2 + 16) * sizeof(*more));

			if (ret->n)
				memcpy(more, ret->v, ret->n * sizeof(*more));
			ret->v = more;
			cap = cap * 2 + 16;
		}
		ret->v[ret->n++] = rb_arena_strdup(arena, e->d_name);
	}
	(void)closedir(dir); /* only read from */
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}
