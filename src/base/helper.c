/* helper.c - find and start the programs that belong to runbox
 *
 * Not by $PATH: a helper of another version would not understand what it is told.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "runbox/helper.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"
#include "runbox/str.h"

#ifndef RUNBOX_LIBEXECDIR
#define RUNBOX_LIBEXECDIR "/usr/local/libexec/runbox"
#endif

int rb_helper_find(const char *name, char *buf, size_t size)
{
	char self[PATH_MAX];
	char *slash = rb_self_path(self, sizeof(self)) < 0 ? NULL : strrchr(self, '/');

	if (slash) {
		*slash = '\0';
		(void)snprintf(buf, size, "%s/%s", self, name);
		if (access(buf, X_OK) == 0)
			return 0;
	}
	(void)snprintf(buf, size, "%s/%s", RUNBOX_LIBEXECDIR, name);
	return access(buf, X_OK) == 0 ? 0 : -ENOENT;
}

/* posix_spawn_file_actions_addclosefrom_np(3), which only glibc has: else each that is open now. One that is
 * closed again meanwhile is no failure of the spawn. */
static int close_from(posix_spawn_file_actions_t *actions, int from)
{
#ifdef __GLIBC__
	return posix_spawn_file_actions_addclosefrom_np(actions, from);
#else
	DIR *dir = opendir("/proc/self/fd");
	int r = dir ? 0 : errno;

	for (struct dirent *e; r == 0 && (e = readdir(dir)) != NULL;) {
		uint32_t fd;

		if (rb_parse_u32(e->d_name, &fd) == 0 && (int)fd >= from && (int)fd != dirfd(dir))
			r = posix_spawn_file_actions_addclose(actions, (int)fd);
	}
	if (dir)
		(void)closedir(dir); /* read only */
	return r;
#endif
}

/* posix_spawn(3), because fork(2) copies page tables */
static int spawn(const char *path, const struct rb_helper *h, int theirs, pid_t *ret_pid)
{
	rb_autofree char *name = rb_xstrdup(h->name), *verb = h->verb ? rb_xstrdup(h->verb) : NULL;
	char *argv[] = { name, verb, NULL };
	char *const none[] = { NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, theirs, RB_HELPER_FD);
	if (r == 0)
		r = close_from(&actions, RB_HELPER_FD + 1);
	if (r == 0)
		r = posix_spawn(ret_pid, path, &actions, NULL, argv, h->env ? h->env : none);
	(void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
	return -r;
}

int rb_helper_start(const struct rb_helper *h, int *ret_sock, pid_t *ret_pid, struct rb_err *err)
{
	rb_autofd ours = -1, theirs = -1;
	char path[PATH_MAX + 64];
	pid_t pid = 0;
	int pair[2], r;

	if (rb_helper_find(h->name, path, sizeof(path)) < 0) {
		/* not "No such file": engines take that for a missing program of the container */
		(void)rb_fail(err, RB_ERR_SYS, "the program %s is not installed", h->name);
		(void)snprintf(path, sizeof(path), "%s it beside runbox or in %s", h->needs,
			       RUNBOX_LIBEXECDIR);
		return rb_err_hint(err, path);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return rb_fail_sys(err, errno, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	r = spawn(path, h, theirs, &pid);
	if (r < 0)
		return rb_fail_sys(err, -r, "start %s", path);
	*ret_pid = pid;
	*ret_sock = rb_take_fd(&ours);
	return 0;
}
