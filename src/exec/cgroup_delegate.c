/* cgroup_delegate.c - the cgroup as property of the container's user, where it may manage it
 *
 * config-linux.md "Cgroup ownership": when the container has a cgroup namespace of its own and a
 * writable cgroup mount, and only on v2, for v1 cannot be delegated safely. Nothing but the
 * directory and the files that the kernel lists changes hands, so that the limits stay out of reach.
 * Sources: config-linux.md, cgroups(7) "Cgroups delegation", kernel cgroup-v2.rst "Delegation".
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

/* what config-linux.md says for kernels without /sys/kernel/cgroup/delegate */
#define FALLBACK "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"

static bool is_writable_cgroup(const struct rb_mount *m)
{
	if (!m->source || !rb_streq(m->source, "cgroup") || !rb_streq(m->dest, "/sys/fs/cgroup"))
		return false;
	for (size_t i = 0; i < m->options.n; i++)
		if (rb_streq(m->options.v[i], "ro"))
			return false;
	return true;
}

static bool wants_delegation(const struct rb_spec *spec)
{
	const struct rb_namespace *ns = rb_spec_namespace(spec, CLONE_NEWCGROUP);

	if (!ns || ns->path)
		return false;
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (is_writable_cgroup(&spec->mounts[i]))
			return true;
	return false;
}

/* The host's uid of the container's process. Return: false when that is not known */
static bool host_uid(const struct rb_spec *spec, uid_t *ret)
{
	const struct rb_namespace *ns = rb_spec_namespace(spec, CLONE_NEWUSER);
	uint32_t uid = spec->process.user.uid;

	if (!ns) {
		*ret = uid;
		return true;
	}
	for (size_t i = 0; !ns->path && i < spec->linux_.n_uids; i++) {
		const struct rb_idmap *map = &spec->linux_.uids[i];

		if (uid >= map->container_id && uid - map->container_id < map->size) {
			*ret = map->host_id + (uid - map->container_id);
			return true;
		}
	}
	return false;
}

int rb_cgroup_delegate(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_spec *spec,
		       struct rb_err *err)
{
	rb_autofree char *list = NULL;
	uid_t owner;
	int leaf;

	if (n != 1 || !dirs[0].hierarchy->v2 || !wants_delegation(spec) ||
	    !host_uid(spec, &owner) || owner == geteuid())
		return 0;
	leaf = rb_cgroup_leaf(&dirs[0], err);
	if (leaf < 0)
		return leaf;
	if (rb_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &list, NULL) < 0)
		list = rb_xstrdup(FALLBACK);
	if (fchown(leaf, owner, (gid_t)-1) < 0) {
		/* it SHOULD, and without privileges it cannot */
		rb_log_debug(RB_DEBUG_EXEC, "cgroup not delegated: %s", rb_errno_name(errno));
		return 0;
	}
	for (char *rest = list, *file; (file = strsep(&rest, "\n"));)
		/* not every file listed is there in every cgroup */
		if (*file && !strchr(file, '/') &&
		    fchownat(leaf, file, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return rb_fail_sys(err, errno, "give %s in %s%s to user %u", file,
					   dirs[0].hierarchy->mount, dirs[0].path, owner);
	return 0;
}
