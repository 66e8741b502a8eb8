/* fd.h - descriptors that close themselves, whole reads and writes
 *
 * -1 and only -1 means "none". Everything is born O_CLOEXEC.
 */
#ifndef RUNBOX_FD_H
#define RUNBOX_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct rb_arena;

/** rb_closep() - close *fd if it is one; keeps errno. For the cleanup attribute. */
void rb_closep(int *fd);
#define rb_autofd __attribute__((cleanup(rb_closep))) int

/**
 * rb_std_open() - /dev/null for each of the descriptors 0, 1 and 2 that the caller has closed
 *
 * Else the next file that is opened is one of them: messages would be written into it, and a container
 * would get it as a stream.
 * Return: 0; -errno, from open
 */
int rb_std_open(void);

/** rb_freep() - free(*(void **)p). For the cleanup attribute. */
void rb_freep(void *p);
#define rb_autofree __attribute__((cleanup(rb_freep)))

/** rb_take_fd() - hand the descriptor over; *fd becomes -1. */
int rb_take_fd(int *fd);
/** rb_take_ptr() - hand a pointer over; p becomes NULL. */
#define rb_take_ptr(p)                         \
	({                                     \
		__typeof__(p) rb_taken_ = (p); \
		(p) = NULL;                    \
		rb_taken_;                     \
	})

/** rb_write_all() - write @len bytes, resuming after EINTR and short writes. Return: 0 or -errno */
int rb_write_all(int fd, const void *buf, size_t len);

/**
 * rb_read_fd() - read a descriptor to its end
 * @max:     more than this many bytes is -EFBIG
 * @ret_buf: malloc'd, NUL-terminated (the NUL is not counted), the caller's to free
 * Return: 0 or -errno
 */
int rb_read_fd(int fd, size_t max, char **ret_buf, size_t *ret_len);

/** rb_read_file() - rb_read_fd() of a path relative to @dir_fd (AT_FDCWD allowed). */
int rb_read_file(int dir_fd, const char *path, size_t max, char **ret_buf, size_t *ret_len);

/** rb_read_file_to() - the same, allocated in @arena; @ret_len is not optional */
int rb_read_file_to(struct rb_arena *arena, int dir_fd, const char *path, size_t max,
		    char **ret_buf, size_t *ret_len);

/** rb_write_file() - write text into an existing file in one write(2), without O_CREAT (kernel
 * files); a symlink in its place is not followed. */
int rb_write_file(int dir_fd, const char *path, const char *text);

/** rb_prepare_file() - a file of @dir_fd's file system that has no name yet: whoever dies leaves none
 * (O_TMPFILE). Return: a descriptor, the caller's, or -errno; not each file system and kernel can */
int rb_prepare_file(int dir_fd, const void *buf, size_t len, mode_t mode);

/** rb_place_file() - the name for a file of rb_prepare_file(); it appears whole. Return: 0 or -errno
 * (-EEXIST) */
int rb_place_file(int fd, int dir_fd, const char *name);

/**
 * rb_replace_file() - make or replace a file whole
 *
 * A new one is linked in from O_TMPFILE; one that is there gives way to a temporary file (O_EXCL)
 * in the same directory by rename.
 * @mode: of the new file
 * Return: 0 or -errno; nothing is left behind on failure
 */
int rb_replace_file(int dir_fd, const char *name, const void *buf, size_t len, mode_t mode);

/** rb_fd_path() - "/proc/self/fd/N" into @buf (at least 32 bytes). Return: buf */
char *rb_fd_path(int fd, char buf[32]);

/** rb_send_fd() - one sendmsg with @len payload bytes and one SCM_RIGHTS descriptor. Return: 0 or
 * -errno */
int rb_send_fd(int sock, const void *buf, size_t len, int fd);

/** rb_recv_fd() - one recvmsg, and the descriptor that came with it, which is the caller's (-1: none)
 * Return: bytes, 0 at the end, or -errno */
ssize_t rb_recv_fd(int sock, struct iovec *iov, size_t n_iov, int *ret_fd);

/** rb_unix_connect() - SOCK_STREAM|CLOEXEC connection to a unix socket, also with paths over 107
 * bytes (goes through /proc/self/fd of the parent directory). Return: 0 or -errno */
int rb_unix_connect(int dir_fd, const char *path, int type, int *ret_fd);

/** rb_unix_listen() - a socket of @type bound at @path (which must not exist), listening unless
 * SOCK_DGRAM. */
int rb_unix_listen(int dir_fd, const char *path, int type, int *ret_fd);

#endif
