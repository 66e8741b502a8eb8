/* cgroup_freeze.c - stop all processes of a container, and let them go on
 *
 * Where a host has both freezers the one of v2 is taken: it tells when it is done, and a process that it
 * holds can be killed. After a failure the container is thawed: a freeze that was not reached is never
 * left behind.
 * Sources: kernel cgroup-v2.rst (cgroup.freeze, cgroup.events), cgroup-v1/freezer-subsystem.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"

#define V1_FILE "freezer.state"
#define V2_FILE "cgroup.freeze"

/* The directory of the freezer among a container's. */
struct freezer {
	const char *path;
	int fd; /* -1: there is none */
	bool v2;
};

static int open_with(const char *path, const char *file)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && faccessat(fd, file, F_OK, 0) < 0)
		rb_closep(&fd);
	return fd;
}

static struct freezer find_freezer(const char *const *paths, size_t n)
{
	struct freezer f = { .fd = -1 };

	for (int v1 = 0; v1 < 2; v1++) {
		f.v2 = !v1;
		for (size_t i = 0; i < n; i++) {
			f.path = paths[i];
			f.fd = open_with(paths[i], v1 ? V1_FILE : V2_FILE);
			if (f.fd >= 0)
				return f;
		}
	}
	return f;
}

static int remaining_ms(uint64_t deadline_ns)
{
	uint64_t now = rb_now_ns();

	return now >= deadline_ns ? 0 : (int)((deadline_ns - now) / 1000000) + 1;
}

/* cgroup.events says "frozen 1" once all are stopped, and POLLPRI when it changes. */
static int wait_v2(const struct freezer *f, const char *want, uint64_t deadline_ns)
{
	rb_autofd fd = openat(f->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		char text[256];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int left = remaining_ms(deadline_ns);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (strstr(text, want))
			return 0;
		if (left == 0)
			return -ETIMEDOUT;
		(void)poll(&p, 1, left); /* EINTR or not, it is read again */
	}
}

/* The freezer of v1 gives no event. It is reading the file that makes the kernel look whether all have
 * stopped, so it is read until they have, and what forked meanwhile is frozen by writing again
 * (freezer-subsystem.rst). The yield leaves the processor to those that are to stop. */
static int wait_v1(const struct freezer *f, uint64_t deadline_ns)
{
	for (;;) {
		rb_autofree char *text = NULL;
		int r = rb_read_file(f->fd, V1_FILE, 64, &text, NULL);

		if (r < 0)
			return r;
		if (rb_startswith(text, "FROZEN"))
			return 0;
		if (remaining_ms(deadline_ns) == 0)
			return -ETIMEDOUT;
		(void)sched_yield(); /* cannot fail */
		r = rb_write_file(f->fd, V1_FILE, "FROZEN");
		if (r < 0)
			return r;
	}
}

/* The process that cannot stand still, because it sleeps in the kernel where no signal reaches it;
 * 0 if there is none. Before: the cgroup is thawed, for since 6.1 a process that v1 has frozen
 * looks like one that cannot be. Those that run sleep like that too for a moment, and the thaw
 * wakes all for another, so the one is who does it in most of many looks. */
static pid_t find_obstacle(const char *path)
{
	enum { LOOKS = 50, LOOK_MS = 5 };
	rb_autofree pid_t *pids = NULL;
	rb_autofree unsigned *asleep = NULL;
	pid_t found = 0;
	size_t n = 0;

	if (rb_cgroup_pids(path, &pids, &n) < 0 || n == 0)
		return 0;
	asleep = rb_xmalloc(n * sizeof(*asleep));
	memset(asleep, 0, n * sizeof(*asleep));
	for (int look = 0; look < LOOKS; look++) {
		(void)poll(NULL, 0, LOOK_MS); /* a signal looks sooner */
		for (size_t i = 0; i < n; i++) {
			uint64_t start;
			char state;

			if (rb_proc_stat(pids[i], &state, &start) == 0)
				asleep[i] += state == 'D';
		}
	}
	for (size_t i = 0; i < n && !found; i++)
		if (asleep[i] > LOOKS / 2)
			found = pids[i];
	return found;
}

static int fail_freeze(const struct freezer *f, int r, struct rb_err *err)
{
	pid_t pid;

	/* whatever is said of it, nobody is left standing */
	(void)rb_write_file(f->fd, f->v2 ? V2_FILE : V1_FILE, f->v2 ? "0" : "THAWED");
	pid = r == -ETIMEDOUT ? find_obstacle(f->path) : 0;
	if (r == -ENOENT || r == -ENODEV)
		return rb_fail(err, RB_ERR_SYS, "the cgroup %s is gone", f->path);
	if (pid)
		return rb_fail_sys(err, -r, "freeze the cgroup %s: process %d does not stop",
				   f->path, pid);
	return rb_fail_sys(err, -r, "freeze the cgroup %s", f->path);
}

int rb_cgroup_freeze(const char *const *paths, size_t n, unsigned timeout_ms, struct rb_err *err)
{
	uint64_t deadline_ns = rb_now_ns() + timeout_ms * 1000000ull;
	struct freezer f = find_freezer(paths, n);
	int r;

	if (f.fd < 0)
		return rb_fail(err, RB_ERR_CONFIG, "the container has no cgroup with a freezer");
	r = rb_write_file(f.fd, f.v2 ? V2_FILE : V1_FILE, f.v2 ? "1" : "FROZEN");
	if (r == 0)
		r = f.v2 ? wait_v2(&f, "frozen 1", deadline_ns) : wait_v1(&f, deadline_ns);
	if (r < 0)
		r = fail_freeze(&f, r, err);
	rb_closep(&f.fd);
	return r;
}

/* Both kinds, for whoever froze it may have used the other one. */
int rb_cgroup_thaw(const char *const *paths, size_t n, unsigned timeout_ms, struct rb_err *err)
{
	uint64_t deadline_ns = rb_now_ns() + timeout_ms * 1000000ull;
	bool found = false;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		struct freezer f = find_freezer(&paths[i], 1);
		int failed;

		if (f.fd < 0)
			continue;
		found = true;
		failed = rb_write_file(f.fd, f.v2 ? V2_FILE : V1_FILE, f.v2 ? "0" : "THAWED");
		/* v1 does it at once; a parent that is frozen keeps either of them frozen */
		if (failed == 0 && f.v2)
			failed = wait_v2(&f, "frozen 0", deadline_ns);
		rb_closep(&f.fd);
		if (failed == -ETIMEDOUT)
			r = r ? r
			      : rb_fail_sys(err, ETIMEDOUT,
					    "thaw the cgroup %s: is a parent frozen?", f.path);
		else if (failed < 0)
			r = r ? r : rb_fail_sys(err, -failed, "thaw the cgroup %s", f.path);
	}
	return found ? r
		     : rb_fail(err, RB_ERR_CONFIG, "the container has no cgroup with a freezer");
}
