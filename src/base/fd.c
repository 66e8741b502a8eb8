/* fd.c - descriptors that close themselves, whole reads and writes, unix sockets by long paths */
#include "runbox/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runbox/str.h"

void rb_closep(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing can be done about a failing close of ours */
	*fd = -1;
	errno = keep;
}

int rb_std_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open(2) takes the lowest free one; not O_CLOEXEC: what we start needs the three as much */
		if (open("/dev/null", O_RDWR | O_NOCTTY) < 0)
			return -errno;
	}
	return 0;
}

void rb_freep(void *p)
{
	free(*(void **)p);
}

int rb_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int rb_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* read(2) until @size bytes are there or the file ends. Return: how many, or -errno */
static ssize_t read_some(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

/* What is larger than the first piece, of which @len bytes have been read into @first */
static int read_large(int fd, size_t max, const char *first, size_t len, char **ret_buf,
		      size_t *ret_len)
{
	size_t cap = 4 * len;
	rb_autofree char *buf = rb_xmalloc(cap);

	memcpy(buf, first, len);
	for (;;) {
		ssize_t n = read_some(fd, buf + len, cap - len - 1);

		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len < cap - 1)
			break;
		cap *= 2;
		buf = rb_xrealloc(buf, cap);
	}
	buf[len] = '\0';
	*ret_buf = rb_take_ptr(buf);
	*ret_len = len;
	return 0;
}

static char *copy_of(const char *bytes, size_t len)
{
	char *copy = rb_xmalloc(len + 1);

	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/*
 * Nearly all files are small: they are read into the stack first, so that there is one allocation, of
 * the size that is needed (musl maps and unmaps larger ones each time), and in an arena if there is one.
 */
static int read_whole(int fd, size_t max, struct rb_arena *arena, char **ret_buf, size_t *ret_len)
{
	char first[4096], *large = NULL;
	ssize_t n = read_some(fd, first, sizeof(first));
	int r;

	if (n < 0)
		return (int)n;
	if ((size_t)n > max)
		return -EFBIG;
	if ((size_t)n < sizeof(first)) {
		*ret_buf = arena ? rb_arena_strndup(arena, first, (size_t)n)
				 : copy_of(first, (size_t)n);
		*ret_len = (size_t)n;
		return 0;
	}
	r = read_large(fd, max, first, (size_t)n, &large, ret_len);
	if (r < 0)
		return r;
	*ret_buf = arena ? rb_arena_strndup(arena, large, *ret_len) : rb_take_ptr(large);
	if (arena)
		free(large);
	return 0;
}

int rb_read_fd(int fd, size_t max, char **ret_buf, size_t *ret_len)
{
	size_t len = 0;
	int r = read_whole(fd, max, NULL, ret_buf, &len);

	if (r == 0 && ret_len)
		*ret_len = len;
	return r;
}

int rb_read_file(int dir_fd, const char *path, size_t max, char **ret_buf, size_t *ret_len)
{
	rb_autofd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return rb_read_fd(fd, max, ret_buf, ret_len);
}

int rb_read_file_to(struct rb_arena *arena, int dir_fd, const char *path, size_t max,
		    char **ret_buf, size_t *ret_len)
{
	rb_autofd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return read_whole(fd, max, arena, ret_buf, ret_len);
}

int rb_write_file(int dir_fd, const char *path, const char *text)
{
	rb_autofd fd = openat(dir_fd, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int rb_prepare_file(int dir_fd, const void *buf, size_t len, mode_t mode)
{
	rb_autofd fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	int r = fd < 0 ? -errno : rb_write_all(fd, buf, len);

	return r < 0 ? r : rb_take_fd(&fd);
}

int rb_place_file(int fd, int dir_fd, const char *name)
{
	return linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int rb_replace_file(int dir_fd, const char *name, const void *buf, size_t len, mode_t mode)
{
	char tmp[64];
	uint64_t salt;
	rb_autofd whole = rb_prepare_file(dir_fd, buf, len, mode);
	int r = whole < 0 ? whole : rb_place_file(whole, dir_fd, name);

	/* it is there already, or this file system or kernel does not know files without a name */
	while (r < 0) {
		rb_autofd fd = -1;

		if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
			return -errno;
		(void)snprintf(tmp, sizeof(tmp), ".tmp-%016llx", (unsigned long long)salt);
		fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    mode);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		r = rb_write_all(fd, buf, len);
		if (r == 0 && renameat(dir_fd, tmp, dir_fd, name) < 0)
			r = -errno;
		if (r < 0)
			(void)unlinkat(dir_fd, tmp, 0); /* the failure that counts is r */
		break;
	}
	return r;
}

char *rb_fd_path(int fd, char buf[32])
{
	(void)snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}

int rb_send_fd(int sock, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

ssize_t rb_recv_fd(int sock, struct iovec *iov, size_t n_iov, int *ret_fd)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = n_iov,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	*ret_fd = -1;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return n;
}

/* sockaddr of a path; one that is too long goes through a descriptor of its directory, kept in *dir. */
static int unix_address(int dir_fd, const char *path, struct sockaddr_un *addr, int *dir)
{
	const char *base = strrchr(path, '/');
	rb_autofree char *parent = NULL;
	int n;

	*addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
	if (dir_fd == AT_FDCWD && strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path) + 1);
		return 0;
	}
	if (base) {
		parent = rb_xstrdup(path);
		parent[base - path + 1] = '\0';
	}
	*dir = openat(dir_fd, parent ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return -errno;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", *dir,
		     base ? base + 1 : path);
	return n > 0 && (size_t)n < sizeof(addr->sun_path) ? 0 : -ENAMETOOLONG;
}

int rb_unix_connect(int dir_fd, const char *path, int type, int *ret_fd)
{
	rb_autofd dir = -1;
	struct sockaddr_un addr;
	rb_autofd fd = -1;
	int r = unix_address(dir_fd, path, &addr, &dir);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

int rb_unix_listen(int dir_fd, const char *path, int type, int *ret_fd)
{
	rb_autofd dir = -1;
	struct sockaddr_un addr;
	rb_autofd fd = -1;
	int r = unix_address(dir_fd, path, &addr, &dir);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (type != SOCK_DGRAM && listen(fd, 8) < 0)
		return -errno;
	*ret_fd = rb_take_fd(&fd);
	return 0;
}
