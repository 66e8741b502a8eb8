/* bundle.c - the bundle as the caller named it: directory, config.json, root
 *
 * What is missing is named in words of our own: podman takes the C library's words for ENOENT for a
 * missing program and exits with 127.
 * Source: runtime-spec bundle.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/json.h"

/* The path of an open directory, as getcwd(3) would say it after fchdir(2). */
static int path_of(int fd, struct rb_arena *arena, const char **ret, struct rb_err *err)
{
	char link[32], path[PATH_MAX];
	ssize_t n = readlink(rb_fd_path(fd, link), path, sizeof(path));

	if (n < 0)
		return rb_fail_sys(err, errno, "find the path of the bundle");
	if ((size_t)n == sizeof(path) || path[0] != '/')
		return rb_fail(err, RB_ERR_SYS, "the bundle has no absolute path");
	*ret = rb_arena_strndup(arena, path, (size_t)n);
	return 0;
}

static int read_config(struct rb_bundle *bundle, struct rb_arena *arena, const char *name,
		       struct rb_err *err)
{
	int r = rb_read_file_to(arena, bundle->fd, name, RB_JSON_MAX_BYTES, &bundle->config,
				&bundle->config_len);

	if (r == -ENOENT && rb_streq(name, "config.json"))
		return rb_fail(err, RB_ERR_CONFIG, "bundle %s has no config.json", bundle->path);
	if (r == -ENOENT)
		return rb_fail(err, RB_ERR_CONFIG, "config file %s does not exist", name);
	if (r == -EISDIR)
		return rb_fail(err, RB_ERR_CONFIG, "%s of bundle %s is a directory", name,
			       bundle->path);
	if (r == -EFBIG)
		return rb_fail(err, RB_ERR_CONFIG, "%s of bundle %s is larger than %u MiB", name,
			       bundle->path, RB_JSON_MAX_BYTES >> 20);
	return r < 0 ? rb_fail_sys(err, -r, "read %s of bundle %s", name, bundle->path) : 0;
}

/* Is the path as readlink(2) would give it, as far as its text says? */
static bool is_clean(const char *path)
{
	for (const char *p = path; *p; p++)
		if (*p == '/' &&
		    (p[1] == '/' || p[1] == '\0' || (p[1] == '.' && strchr("/.", p[2]))))
			return false;
	return *path == '/';
}

/* The directory, and its path without links. Nearly always that is what was said, and then the
 * kernel need not be asked, which would make a directory in /proc for it. */
static int open_dir(struct rb_bundle *bundle, struct rb_arena *arena, const char *dir,
		    struct rb_err *err)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS };

	bundle->fd = is_clean(dir) ? (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how))
				   : -1;
	if (bundle->fd >= 0) {
		bundle->path = rb_arena_strdup(arena, dir);
		return 0;
	}
	bundle->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle->fd < 0 && errno == ENOENT)
		return rb_fail(err, RB_ERR_CONFIG, "bundle %s does not exist", dir);
	if (bundle->fd < 0 && errno == ENOTDIR)
		return rb_fail(err, RB_ERR_CONFIG, "bundle %s is no directory", dir);
	if (bundle->fd < 0)
		return rb_fail_sys(err, errno, "open bundle %s", dir);
	return path_of(bundle->fd, arena, &bundle->path, err);
}

int rb_bundle_open(struct rb_bundle *bundle, struct rb_arena *arena, const char *dir,
		   const char *config, struct rb_err *err)
{
	int r = open_dir(bundle, arena, dir ? dir : ".", err);

	return r < 0 ? r : read_config(bundle, arena, config ? config : "config.json", err);
}

void rb_bundle_close(struct rb_bundle *bundle)
{
	rb_closep(&bundle->fd);
}

const char *rb_bundle_rootfs(struct rb_arena *arena, const char *bundle, const struct rb_spec *spec)
{
	const char *path = spec->has_root ? spec->root_path : NULL;

	if (!path)
		return "";
	if (*path == '/')
		return path;
	while (rb_startswith(path, "./"))
		path += 2;
	return rb_arena_printf(arena, "%s/%s", rb_streq(bundle, "/") ? "" : bundle, path);
}

int rb_absolute(struct rb_arena *arena, const char *path, const char **ret, struct rb_err *err)
{
	rb_autofree char *cwd = NULL;

	if (*path == '/') {
		*ret = path;
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return rb_fail_sys(err, errno, "find the working directory");
	*ret = rb_arena_printf(arena, "%s/%s", cwd, path);
	return 0;
}

bool rb_wants_systemd(const struct rb_cli *cli)
{
	/* --cgroup-manager says it in more words, so it counts */
	return cli->cgroup_manager ? rb_streq(cli->cgroup_manager, "systemd") : cli->systemd_cgroup;
}

void rb_plan_opts_fill(struct rb_plan_opts *opts, const char *id, const char *bundle,
		       const struct rb_create_opts *create)
{
	*opts = (struct rb_plan_opts) {
		.id = id,
		.bundle = bundle,
		.pid_file = create->pid_file,
		.no_pivot = create->no_pivot,
		.no_new_keyring = create->no_new_keyring,
		.cgroups_disabled = create->cgroups_disabled,
		.systemd_cgroup = create->systemd_cgroup,
		.has_console_socket = create->has_console_socket,
		.detached = create->detached,
		.runs = create->runs,
		.preserve_fds = create->preserve_fds,
		.notify_dir = create->notify_dir,
	};
}
