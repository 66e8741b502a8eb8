/* step_user.c - user, groups, umask and capabilities of the program
 *
 * All five capability sets are set to exactly what was asked; a set that is absent is empty. The
 * calls are capset(2) and prctl(2) themselves, not libcap's objects: three system calls without an
 * allocation, in a process whose memory limit may be all but used up.
 * Source: capabilities(7), config.md "User", "Linux Process"; THREATS CVE-2016-8867,
 * CVE-2022-29162.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "exec/syscalls.h"

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return capset(&header, data) < 0 ? -errno : 0;
}

static int get_caps(uint64_t *permitted, uint64_t *inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (capget(&header, data) < 0)
		return -errno;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	*inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

/* --- user --- */

/*
 * A missing working directory is made, but not in a container that runs already, and one that only
 * root may enter is entered, while we still are root: images and engines rely on both. The cwd row
 * looks at where we are.
 */
static int enter_cwd(struct rb_run *run, const char *cwd, struct rb_err *err)
{
	struct rb_child *child = rb_child_of(run);
	rb_autofd made = -1;
	int r;

	if (!cwd || !*cwd)
		return 0;
	r = rb_cwd_enter(run, cwd);
	if (r == -ENOENT && !run->is_exec) {
		r = rb_root_make(run->root_fd, cwd, true, false, &made);
		if (r == 0 && fchdir(made) < 0)
			r = -errno;
	}
	child->in_cwd = r == 0;
	/* a read-only root, or a directory only for its user: the cwd row tries again, and says so */
	if (r >= 0 || r == -EROFS || r == -EACCES || r == -EPERM || r == -ENOENT)
		return 0;
	rb_err_at(err, "process.cwd");
	return rb_cwd_fail(run, cwd, r, err);
}

/* A pipe that the program gets as stdio belongs to whoever made it; the program opens it again
 * by /dev/stdout. Nothing else is chowned: a device or a file may be the host's (THREATS
 * CVE-2026-88265). */
static void own_pipes(uid_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || st.st_uid == uid)
			continue;
		if (fchown(fd, uid, (gid_t)-1) < 0)
			continue; /* the pipe itself works all the same */
	}
}

static int by_number(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

/* The kernel keeps them sorted, but a group that is given twice it keeps twice. */
static size_t unique(gid_t *gids, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(gids, n, sizeof(*gids), by_number);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || gids[i] != gids[kept - 1])
			gids[kept++] = gids[i];
	return kept;
}

static int set_groups(const struct rb_user *user, struct rb_err *err)
{
	gid_t *gids = NULL;
	int r;

	if (user->n_gids == 0 && getgroups(0, NULL) == 0)
		return 0;
	if (user->n_gids)
		gids = rb_xmalloc(user->n_gids * sizeof(*gids));
	for (size_t i = 0; i < user->n_gids; i++)
		gids[i] = user->gids[i];
	r = rb_setgroups(unique(gids, user->n_gids), gids) < 0 ? -errno : 0;
	free(gids);
	/* a user namespace whose setgroups is "deny" (user_namespaces(7)): what is there cannot
	 * be dropped */
	if (r == -EPERM && user->n_gids == 0)
		return 0;
	if (r < 0) {
		(void)rb_fail_sys(err, -r, "set the supplementary groups");
		return r == -EPERM ? rb_err_hint(err, "setgroups is denied in this user namespace")
				   : r;
	}
	return 0;
}

/* Real, effective and saved ones: then there is nothing to set, which makes new credentials each time. */
static bool is_user(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	/* root alone: of an unmapped id the kernel tells another's number (65534) */
	return uid == 0 && gid == 0 && getresuid(&u[0], &u[1], &u[2]) == 0 &&
	       getresgid(&g[0], &g[1], &g[2]) == 0 && u[0] == uid && u[1] == uid && u[2] == uid &&
	       g[0] == gid && g[1] == gid && g[2] == gid;
}

static int set_ids(const struct rb_user *user, struct rb_err *err)
{
	if (is_user(user->uid, user->gid))
		return 0;
	if (rb_setresgid(user->gid) < 0)
		return rb_fail_sys(err, errno, "become group %u", user->gid);
	if (rb_setresuid(user->uid) < 0)
		return rb_fail_sys(err, errno, "become user %u", user->uid);
	return 0;
}

/**
 * rb_step_user() - groups, gid, uid, umask; capabilities are kept for the rows that follow
 *
 * Without a umask in the config it is 022, whatever the caller's is: an engine's daemon may have
 * any.
 */
int rb_step_user(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_process *process = step->u.process.process;
	const struct rb_user *user = &process->user;
	uint64_t permitted = 0, inheritable = 0;
	int r = enter_cwd(run, process->cwd, err);

	if (r < 0)
		return r;
	own_pipes(user->uid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "keep the capabilities");
	r = set_groups(user, err);
	if (r == 0)
		r = set_ids(user, err);
	if (r < 0)
		return r;
	(void)umask(user->has_umask ? user->umask & 0777 : 022);
	/* setuid(2) away from 0 has emptied the effective set */
	r = get_caps(&permitted, &inheritable);
	if (r == 0)
		r = set_caps(permitted, permitted, inheritable);
	if (r < 0)
		return rb_fail_sys(err, -r, "keep the capabilities");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return rb_fail_sys(err, errno, "stay non-dumpable");
	return 0;
}

/* --- capabilities --- */

/* The kernel's last capability is where prctl(2) says EINVAL; /proc is not asked. */
static int drop_bounding(uint64_t keep, struct rb_err *err)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep & 1ull << cap || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return 0;
		/* without CAP_SETPCAP: nothing to do if it is not there */
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return rb_fail_sys(err, EPERM, "drop capability %lu from the bounding set",
					   cap);
	}
	return 0;
}

static int set_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return errno == EINVAL && !ambient
			       ? 0
			       : -errno; /* before Linux 4.3 there is no such set */
	for (unsigned long cap = 0; cap < 64; cap++)
		if (ambient & 1ull << cap &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

int rb_caps_apply(const struct rb_caps *sets)
{
	int r;

	if (!sets->present) {
		r = set_ambient(0);
		return r < 0 ? r : set_caps(0, 0, 0);
	}
	/* ambient is a part of permitted and of inheritable, and leaves with them
	 * (capabilities(7)) */
	r = set_caps(sets->effective, sets->permitted, sets->inheritable);
	return r < 0 ? r : set_ambient(sets->ambient);
}

/** rb_step_caps() - bounding, then the other sets; what the seccomp row needs stays until it has
 * run */
int rb_step_caps(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_caps sets = step->u.caps.sets;
	int r;

	(void)run;
	if (!sets.present)
		sets = (struct rb_caps) { .present = true };
	r = drop_bounding(sets.bounding, err);
	if (r < 0)
		return r;
	if (step->u.caps.keep_admin) {
		sets.permitted |= 1ull << CAP_SYS_ADMIN;
		sets.effective |= 1ull << CAP_SYS_ADMIN;
	}
	r = rb_caps_apply(&sets);
	return r < 0 ? rb_fail_sys(err, -r, "set the capabilities") : 0;
}
