/* glibc_abi.c - what archives that were compiled for glibc ask of their C library, for a runbox of
 * musl
 *
 * Debian has libyajl, libseccomp and libcap as archives for glibc only. Of what they take from a C
 * library the types are the same on machines of 64 bits, and musl has all but the names below: of
 * calls that glibc's headers make of printf(3) for _FORTIFY_SOURCE, and of large files, which later
 * musl no longer links. @flag asks to refuse %n, which none of them uses; @room is the size of the
 * buffer.
 *
 * Linked into runbox by --enable-static=musl alone. Sources: Linux Standard Base, "Interfaces for
 * libc".
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifndef __GLIBC__

/* the names are not ours to choose; no header declares them */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vfprintf(f, format, ap);
	va_end(ap);
	return n;
}

int __asprintf_chk(char **ret, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vasprintf(ret, format, ap);
	va_end(ap);
	return n;
}

int __snprintf_chk(char *s, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	if (size > room)
		abort();
	va_start(ap, format);
	n = vsnprintf(s, size, format, ap);
	va_end(ap);
	return n;
}

int __sprintf_chk(char *s, int flag, size_t room, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vsnprintf(s, room, format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room)
		abort();
	return n;
}

#undef open64
#undef fopen64
#undef fstat64

/* musl's own asks a second time for O_CLOEXEC, by fcntl(2), for kernels before 2.6.23; its
 * openat(2) does not. */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, flags);
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open(path, flags, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int fstat64(int fd, struct stat *st)
{
	return fstat(fd, st);
}

#endif
