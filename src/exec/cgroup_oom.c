/* cgroup_oom.c - to be told when a container runs out of memory
 *
 * v1: an eventfd that the kernel is given through cgroup.event_control, which it also signals when the
 * cgroup goes. v2: inotify on memory.events, whose counter oom_kill tells which of its changes is one; what
 * happened in it is counted in the cgroup above as well.
 * Sources: kernel cgroup-v1/memory.rst "OOM Control", cgroup-v2.rst "memory.events".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* how many were killed; -errno for a cgroup that is gone */
static int count_kills(int file, uint64_t *ret)
{
	char text[512];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	const char *line;

	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	text[n] = '\0';
	line = strstr(text, "oom_kill ");
	*ret = line ? strtoull(line + strlen("oom_kill "), NULL, 10) : 0;
	return 0;
}

static int watch_file(struct rb_oom *w, int file, struct rb_err *err)
{
	char path[32];

	if (inotify_add_watch(w->fd, rb_fd_path(file, path), IN_MODIFY) < 0)
		return rb_fail_sys(err, errno, "watch memory.events");
	return 0;
}

static int open_v2(struct rb_oom *w, int leaf, struct rb_err *err)
{
	struct rb_err ignored = { 0 };
	int r;

	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return rb_fail_sys(err, errno, "make an inotify descriptor");
	r = watch_file(w, w->file, err);
	if (r < 0)
		return r;
	/* the root has none, and then a manager that is faster than us has the last word */
	w->above = openat(leaf, "../memory.events", O_RDONLY | O_CLOEXEC);
	if (w->above >= 0 && watch_file(w, w->above, &ignored) < 0)
		rb_closep(&w->above);
	return 0;
}

static int open_v1(struct rb_oom *w, int leaf, struct rb_err *err)
{
	char text[32];
	int r;

	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0)
		return rb_fail_sys(err, errno, "make an eventfd");
	(void)snprintf(text, sizeof(text), "%d %d", w->fd, w->file);
	r = rb_write_file(leaf, "cgroup.event_control", text);
	return r < 0 ? rb_fail_sys(err, -r, "ask for events of memory.oom_control") : 0;
}

bool rb_oom_happened(const struct rb_cgroup_dir *dirs, size_t n)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_MEMORY);
	struct rb_err ignored = { 0 };
	uint64_t kills = 0;
	rb_autofd fd = -1;
	int leaf = dir ? rb_cgroup_leaf(dir, &ignored) : -1;

	if (leaf >= 0)
		fd = openat(leaf, dir->hierarchy->v2 ? "memory.events" : "memory.oom_control",
			    O_RDONLY | O_CLOEXEC);
	return fd >= 0 && count_kills(fd, &kills) == 0 && kills > 0;
}

/*
 * count_news() - v2: how many were killed since the last call
 * @ended: the container; a manager such as systemd may have removed the cgroup with the death of
 * its last process, before anyone could read who died of what. What became more in the cgroup above
 * since it was last looked at is counted then. It is looked at whenever anything there is new,
 * which the kernel tells 10 ms late at most, so what others did in that time is all that could be
 * taken for the container's.
 */
static uint64_t count_news(struct rb_oom *w, bool ended)
{
	uint64_t own = 0, again = 0, above, news = 0;
	int r;

	do { /* until both are of one moment */
		above = w->above_seen;
		r = count_kills(w->file, &own);
		if (w->above >= 0)
			(void)count_kills(w->above, &above); /* it may be gone too */
	} while (r == 0 && (count_kills(w->file, &again) < 0 || again != own));
	if (r < 0 && !ended)
		return 0; /* what is above is told of at the end */
	if (r == 0) {
		news = own > w->seen ? own - w->seen : 0;
		w->seen = own;
	} else if (above > w->above_seen) {
		news = above - w->above_seen;
	}
	w->above_seen = above;
	return news;
}

int rb_oom_open(struct rb_oom *w, const struct rb_cgroup_dir *dirs, size_t n, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_MEMORY);
	int leaf, r;

	*w = (struct rb_oom) { .fd = -1, .file = -1, .above = -1, .v2 = dir && dir->hierarchy->v2 };
	if (!dir)
		return 0; /* nobody counts its memory */
	leaf = rb_cgroup_leaf(dir, err);
	if (leaf < 0)
		return leaf;
	w->file =
		openat(leaf, w->v2 ? "memory.events" : "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (w->file < 0 && errno == ENOENT)
		return 0; /* the controller is off for this cgroup */
	if (w->file < 0)
		return rb_fail_sys(err, errno, "open the memory events of %s%s",
				   dir->hierarchy->mount, dir->path);
	r = w->v2 ? open_v2(w, leaf, err) : open_v1(w, leaf, err);
	if (r == 0 && w->v2)
		(void)count_news(w, false);
	return r;
}

unsigned rb_oom_read(struct rb_oom *w, bool ended)
{
	char drop[4096];

	if (w->fd < 0)
		return 0;
	if (w->v2) {
		while (read(w->fd, drop, sizeof(drop)) > 0)
			;
		return (unsigned)count_news(w, ended);
	}
	/* it tells first and counts later, and without a killer nothing is counted at all; the end of the
	 * cgroup is told too */
	return read(w->fd, drop, sizeof(drop)) > 0 && pread(w->file, drop, sizeof(drop), 0) > 0;
}

void rb_oom_close(struct rb_oom *w)
{
	rb_closep(&w->fd);
	rb_closep(&w->file);
	rb_closep(&w->above);
}
