/* proc.c - a process is a pid and its start time */
#include "runbox/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runbox/fd.h"
#include "runbox/str.h"

int rb_proc_stat(pid_t pid, char *ret_state, uint64_t *ret_start_time)
{
	char path[32], text[1024];
	rb_autofd fd = -1;
	const char *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name may hold anything, ")" too */
	if (!p || p[1] != ' ')
		return -EPROTO;
	p += 2;
	if (ret_state)
		*ret_state = *p;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EPROTO;
		p++;
		/* num_threads: a zombie whose other threads go on is none */
		if (field == 19 && ret_state && *ret_state == 'Z' && strtoul(p, NULL, 10) > 1)
			*ret_state = 'S';
	}
	*ret_start_time = strtoull(p, NULL, 10);
	return 0;
}

int rb_proc_open(pid_t pid, uint64_t start_time, int *ret_pidfd)
{
	rb_autofd fd = -1;
	uint64_t now = 0;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* EINVAL, "pid is not valid" (pidfd_open(2)), or ENOENT since Linux 6.15: it was there when it
	 * was looked up and reaped a moment later, or it is a mere thread by now */
	if (fd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	r = rb_proc_stat(pid, NULL, &now);
	/* there, but not shown: /proc is mounted with hidepid (proc(5)), so nobody can tell which it is */
	if (r == -ESRCH && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0)
		return -EACCES;
	if (r < 0)
		return r;
	if (now != start_time)
		return -ESRCH;
	*ret_pidfd = rb_take_fd(&fd);
	return 0;
}

bool rb_proc_alive(pid_t pid, uint64_t start_time)
{
	uint64_t now = 0;
	char state = 'X';

	int r;

	if (pid <= 0)
		return false;
	r = rb_proc_stat(pid, &state, &now);
	if (r == -ESRCH)
		return kill(pid, 0) == 0; /* hidden from us: see rb_proc_open() */
	return r == 0 && now == start_time && state != 'Z' && state != 'X';
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int rb_pidfd_wait(int pidfd, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
		int n = poll(&p, 1, timeout_ms < 0 ? -1 : left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* The file that a shell would run for a name without a slash. */
static int search_path(const char *name, char *buf, size_t size)
{
	const char *path = getenv("PATH");
	size_t len;

	for (; path && *path; path += len + (path[len] == ':')) {
		len = strcspn(path, ":");
		if ((size_t)snprintf(buf, size, "%.*s/%s", (int)len, path, name) < size &&
		    access(buf, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

int rb_self_path(char *buf, size_t size)
{
	const char *name = program_invocation_name;
	char real[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	/* a detached mount shows as "/", a sealed copy as "/memfd:..." */
	if (n > 1 && access(buf, F_OK) == 0)
		return 0;
	if (!strchr(name, '/')) {
		if (search_path(name, buf, size) < 0)
			return -ENOENT;
		name = buf;
	}
	if (!realpath(name, real) || strlen(real) >= size)
		return -ENOENT;
	memcpy(buf, real, strlen(real) + 1);
	return 0;
}

/* Where the kernel put the words of the command line: one behind the other (proc(5), cmdline). */
static struct {
	char *text;
	size_t len;
	char **copy; /* held until the end */
} words;

char **rb_args_take(int argc, char **argv)
{
	char **copy = rb_xmalloc(((size_t)argc + 1) * sizeof(*copy));

	for (int i = 0; i < argc; i++)
		copy[i] = rb_xstrdup(argv[i]);
	copy[argc] = NULL;
	words.copy = copy;
	if (argc > 0) {
		words.text = argv[0];
		words.len = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]);
	}
	return copy;
}

void rb_args_hide(void)
{
	if (words.len)
		memset(words.text, 0, words.len);
}

void rb_env_hide(void)
{
	for (char **e = environ; e && *e; e++)
		memset(*e, 0, strlen(*e));
	environ = NULL;
}

uint64_t rb_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#define LONG_BITS (8 * sizeof(long))

/* The processors that we may use, as bits. Return: bytes of @cpus that are used, or -1 */
static long own_cpus(unsigned long cpus[8192 / LONG_BITS]) /* the largest kernels have as many */
{
	return syscall(SYS_sched_getaffinity, 0, 8192 / 8, cpus);
}

bool rb_proc_idle_cpu(void)
{
	unsigned long cpus[8192 / LONG_BITS], running;
	unsigned count = 0;
	long size = own_cpus(cpus);
	char text[128], *at = text;
	rb_autofd fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0 || size < 0)
		return true;
	text[n] = '\0';
	for (int i = 0; i < 3 && at; i++) /* "0.20 0.18 0.12 1/80 11206", proc(5) */
		at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
	running = at ? strtoul(at, NULL, 10) : 0;
	for (size_t i = 0; i < (size_t)size / sizeof(cpus[0]); i++)
		count += (unsigned)__builtin_popcountl(cpus[i]);
	return running < count;
}

int rb_proc_cpu(void)
{
	unsigned here;

	return syscall(SYS_getcpu, &here, NULL, NULL) < 0 ? -1 : (int)here;
}

/* @pid 0: ourselves. Return: was there another one? */
static bool move_from_here(pid_t pid, unsigned long cpus[8192 / LONG_BITS], long size)
{
	unsigned long any = 0;
	int here = rb_proc_cpu();

	if (size < 0 || here < 0 || here / 8 >= size)
		return false;
	cpus[(size_t)here / LONG_BITS] &= ~(1UL << (size_t)here % LONG_BITS);
	for (size_t i = 0; i < (size_t)size / sizeof(cpus[0]); i++)
		any |= cpus[i];
	return any && syscall(SYS_sched_setaffinity, pid, size, cpus) == 0;
}

void rb_proc_beside(pid_t pid)
{
	unsigned long cpus[8192 / LONG_BITS];

	(void)move_from_here(pid, cpus, own_cpus(cpus)); /* a hint */
}

void rb_proc_aside(void)
{
	unsigned long cpus[8192 / LONG_BITS], all[8192 / LONG_BITS];
	long size = own_cpus(cpus);

	if (size > 0)
		memcpy(all, cpus, (size_t)size);
	if (move_from_here(0, cpus, size))
		(void)syscall(SYS_sched_setaffinity, 0, size, all); /* as it was */
}
