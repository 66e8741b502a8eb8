/* copyup.c - mount option "tmpcopyup": what a directory holds, copied into the file system that
 * will cover it
 *
 * By descriptors throughout, links are copied and never followed, so that nothing outside the
 * directory is read. Mode, owner, times and extended attributes come along; what the kernel does
 * not let us set on the new file system (labels, in a user namespace) is left out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"

/* Two descriptors are open for each level. */
#define MAX_DEPTH 200
#define MAX_XATTR 65536 /* xattr(7) */

static int copy_dir(int from, int to, unsigned depth);

static int copy_xattrs(int from, int to)
{
	rb_autofree char *names = NULL, *value = NULL;
	ssize_t len = flistxattr(from, NULL, 0);

	if (len <= 0)
		return 0; /* none, or a file system without them */
	names = rb_xmalloc((size_t)len);
	value = rb_xmalloc(MAX_XATTR);
	len = flistxattr(from, names, (size_t)len);
	for (ssize_t i = 0; i < len; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t n = fgetxattr(from, names + i, value, MAX_XATTR);

		if (n < 0)
			continue; /* gone meanwhile, or not for us to read */
		if (fsetxattr(to, names + i, value, (size_t)n, 0) < 0 && errno != EPERM &&
		    errno != ENOTSUP)
			return -errno;
	}
	return 0;
}

/* Owner before mode: a change of owner clears set-user-ID bits (chown(2)). */
static int copy_meta(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(from, to);
	if (r == 0 && futimens(to, times) < 0)
		r = -errno;
	return r;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	rb_autofd from = openat(from_dir, name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
		  to = -1;
	struct stat now;
	ssize_t n;

	if (from < 0 || fstat(from, &now) < 0)
		return -errno;
	if (now.st_dev != st->st_dev || now.st_ino != st->st_ino)
		return -EAGAIN; /* exchanged since it was looked at */
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	do {
		n = sendfile(to, from, NULL, 1u << 20);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : copy_meta(from, to, st);
}

static int copy_subdir(int from_dir, int to_dir, const char *name, const struct stat *st,
		       unsigned depth)
{
	rb_autofd from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		  to = -1;
	int r;

	if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	r = copy_dir(from, to, depth + 1);
	return r < 0 ? r : copy_meta(from, to, st);
}

static int copy_link(int from_dir, int to_dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

static int copy_special(int to_dir, const char *name, const struct stat *st)
{
	return mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ? -errno : 0;
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return copy_subdir(from, to, name, &st, depth);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st);
	r = S_ISLNK(st.st_mode) ? copy_link(from, to, name) : copy_special(to, name, &st);
	if (r == 0 && fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r;
}

static int copy_dir(int from, int to, unsigned depth)
{
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!list) {
		r = -errno;
		rb_closep(&copy);
		return r;
	}
	if (depth > MAX_DEPTH)
		r = -ELOOP;
	while (r == 0 && (entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(from, to, entry->d_name, depth);
	(void)closedir(list);
	return r;
}

static bool has_option(const struct rb_strv *data, const char *prefix)
{
	for (size_t i = 0; i < data->n; i++)
		if (rb_startswith(data->v[i], prefix))
			return true;
	return false;
}

/**
 * rb_copy_up() - copy the content of a directory, and what the directory itself is like
 * @from_fd: the directory that will be covered; @to_fd: the new mount. Both may be O_PATH.
 * @data:    options of the new mount: mode, uid and gid that are asked for stay
 * Return: 0 or -errno
 */
int rb_copy_up(int from_fd, int to_fd, const struct rb_strv *data)
{
	rb_autofd from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rb_autofd to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st, asked;
	mode_t mask;
	int r;

	if (from < 0 || to < 0 || fstat(from, &st) < 0 || fstat(to, &asked) < 0)
		return -errno;
	st.st_mode = has_option(data, "mode=") ? asked.st_mode : st.st_mode;
	st.st_uid = has_option(data, "uid=") ? asked.st_uid : st.st_uid;
	st.st_gid = has_option(data, "gid=") ? asked.st_gid : st.st_gid;
	mask = umask(0);
	r = copy_dir(from, to, 0);
	if (r == 0)
		r = copy_meta(from, to, &st);
	(void)umask(mask);
	return r;
}
