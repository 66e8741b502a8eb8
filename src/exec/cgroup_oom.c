/* cgroup_oom.c - to be told when a container runs out of memory
 *
 * v1: an eventfd that the kernel is given through cgroup.event_control, which it also signals when the
 * cgroup goes. v2: inotify on memory.events, whose counter oom_kill tells which of its changes is one.
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

static uint64_t count_kills(const struct rb_oom *w)
{
	char text[512];
	ssize_t n = pread(w->file, text, sizeof(text) - 1, 0);
	const char *line;

	if (n <= 0)
		return w->seen; /* the cgroup is gone, so nothing more happens in it */
	text[n] = '\0';
	line = strstr(text, "oom_kill ");
	return line ? strtoull(line + strlen("oom_kill "), NULL, 10) : w->seen;
}

static int open_v2(struct rb_oom *w, struct rb_err *err)
{
	char path[32];

	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return rb_fail_sys(err, errno, "make an inotify descriptor");
	if (inotify_add_watch(w->fd, rb_fd_path(w->file, path), IN_MODIFY) < 0)
		return rb_fail_sys(err, errno, "watch memory.events");
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
	rb_autofd fd = -1;
	int leaf = dir ? rb_cgroup_leaf(dir, &ignored) : -1;

	if (leaf >= 0)
		fd = openat(leaf, dir->hierarchy->v2 ? "memory.events" : "memory.oom_control",
			    O_RDONLY | O_CLOEXEC);
	return fd >= 0 && count_kills(&(struct rb_oom) { .file = fd }) > 0;
}

int rb_oom_open(struct rb_oom *w, const struct rb_cgroup_dir *dirs, size_t n, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_MEMORY);
	int leaf;

	*w = (struct rb_oom) { .fd = -1, .file = -1, .v2 = dir && dir->hierarchy->v2 };
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
	w->seen = count_kills(w);
	return w->v2 ? open_v2(w, err) : open_v1(w, leaf, err);
}

unsigned rb_oom_read(struct rb_oom *w)
{
	uint64_t now, was = w->seen;
	char drop[4096];
	bool told = false;

	if (w->fd < 0)
		return 0;
	while (read(w->fd, drop, sizeof(drop)) > 0) /* both are emptied so */
		told = true;
	now = count_kills(w);
	w->seen = now;
	/* v1 tells first and counts later, and without a killer nothing is counted at all */
	if (!w->v2)
		return told && pread(w->file, drop, sizeof(drop), 0) > 0 ? 1 : 0;
	return now > was ? (unsigned)(now - was) : 0;
}

void rb_oom_close(struct rb_oom *w)
{
	rb_closep(&w->fd);
	rb_closep(&w->file);
}
