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

int rb_read_fd(int fd, size_t max, char **ret_buf, size_t *ret_len)
{
	size_t cap = max < 1022 ? max + 2 : 1024, len = 0, size = 0;
	struct stat st;
	rb_autofree char *buf = NULL;

	/* one read for a regular file of known size */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (size_t)st.st_size <= max) {
		size = (size_t)st.st_size;
		cap = size + 2;
	}
	buf = rb_xmalloc(cap);
	for (;;) {
		ssize_t n;

		if (len + 1 >= cap) {
			char *more;

			cap *= 2;
			more = realloc(buf, cap);
			if (!more)
				return -ENOMEM;
			buf = more;
		}
		n = read(fd, buf + len, cap - len - 1);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len == size)
			break;
	}
	buf[len] = '\0';
	*ret_buf = rb_take_ptr(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int rb_read_file(int dir_fd, const char *path, size_t max, char **ret_buf, size_t *ret_len)
{
	rb_autofd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return rb_read_fd(fd, max, ret_buf, ret_len);
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
