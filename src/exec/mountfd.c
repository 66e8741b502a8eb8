/* mountfd.c - mounts by descriptor: clone, change, attach; new file systems
 *
 * A mount gets its flags before it is attached, so that it is never visible without them. Where the
 * kernel has no mount_setattr(2) (before 5.12) they are set just after, on the descriptor that was
 * attached; recursive flags cannot be had there and are an error, never left out.
 * Source: mount_setattr(2), mount(2), kernel Documentation/filesystems/mount_api.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

/* fsconfig(2) takes strings of up to 255 bytes */
#define FSCONFIG_MAX 255

/** rb_mount_clone() - a detached copy of what is mounted at a path. Return: 0 or -errno */
int rb_mount_clone(int dir_fd, const char *path, bool recursive, bool nofollow, int *ret_fd)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (recursive)
		flags |= AT_RECURSIVE;
	if (nofollow)
		flags |= AT_SYMLINK_NOFOLLOW;
	if (!*path)
		flags |= AT_EMPTY_PATH;
	fd = open_tree(dir_fd, path, flags);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/**
 * rb_mount_by_path() - mount(2) on what a descriptor refers to, by way of a procfs of our own
 * Return: 0 or -errno
 */
int rb_mount_by_path(struct rb_run *run, int fd, const char *source, const char *type,
		     unsigned long flags, const char *data)
{
	rb_autofd back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[32];
	int r = 0;

	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	rb_child_forget_dir(run);
	if (fchdir(run->proc_fd) < 0)
		return -errno;
	if (mount(source, path, type, flags, data) < 0)
		r = -errno;
	if (back >= 0 && fchdir(back) < 0 && r == 0)
		r = -errno;
	return r;
}

/* MOUNT_ATTR_* as mount(2) spells them, and as statfs(2) reports them */
static const struct {
	uint64_t attr;
	unsigned long ms, st;
} attr_flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, 0x2000 /* ST_NOSYMFOLLOW, Linux 5.10 */ },
};
#define N_ATTR_FLAGS (sizeof(attr_flags) / sizeof(attr_flags[0]))

static unsigned long atime_flag(uint64_t attr)
{
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_NOATIME:
		return MS_NOATIME;
	case MOUNT_ATTR_STRICTATIME:
		return MS_STRICTATIME;
	default:
		return MS_RELATIME;
	}
}

/** rb_mount_flags() - MOUNT_ATTR_* as mount(2) takes them */
unsigned long rb_mount_flags(uint64_t attr)
{
	unsigned long flags = atime_flag(attr);

	for (size_t i = 0; i < N_ATTR_FLAGS; i++)
		if (attr & attr_flags[i].attr)
			flags |= attr_flags[i].ms;
	return flags;
}

/* A remount replaces all flags, so those that are there are read first (mount(2)). */
static int remount(struct rb_run *run, int fd, uint64_t set, uint64_t clr)
{
	unsigned long flags = MS_BIND | MS_REMOUNT;
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	for (size_t i = 0; i < N_ATTR_FLAGS; i++) {
		bool on = (unsigned long)fs.f_flags & attr_flags[i].st;

		if (set & attr_flags[i].attr || (on && !(clr & attr_flags[i].attr)))
			flags |= attr_flags[i].ms;
	}
	if ((set | clr) & MOUNT_ATTR__ATIME)
		flags |= atime_flag(set);
	else if ((unsigned long)fs.f_flags & ST_NOATIME)
		flags |= MS_NOATIME;
	else
		flags |= (unsigned long)fs.f_flags & ST_RELATIME ? MS_RELATIME : MS_STRICTATIME;
	return rb_mount_by_path(run, fd, NULL, NULL, flags, NULL);
}

static int set_attr(int fd, bool recursive, uint64_t set, uint64_t clr, unsigned long propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clr, .propagation = propagation };

	/* mount_setattr(2): the kinds of atime exclude each other, so all are cleared where one
	 * is set */
	if ((set | clr) & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			     sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

static int set_propagation(struct rb_run *run, int fd, unsigned long flags, bool attached)
{
	int r = set_attr(fd, flags & MS_REC, 0, 0, flags & ~(unsigned long)MS_REC);

	return r == -ENOSYS && attached ? rb_mount_by_path(run, fd, NULL, NULL, flags, NULL) : r;
}

/* What can be done before the mount is attached, or, with @attached, after. */
static int change_early(struct rb_run *run, int fd, const struct rb_mount_change *c, bool attached)
{
	/* flags and propagation of a whole tree in one call */
	bool both = (c->rset | c->rclr) && c->early & MS_REC;
	int r = 0;

	if (c->rset | c->rclr) {
		r = set_attr(fd, true, c->rset, c->rclr,
			     both ? c->early & ~(unsigned long)MS_REC : 0);
		if (r == -ENOSYS && attached)
			r = -EOPNOTSUPP;
	}
	if (r == 0 && (c->set | c->clr)) {
		r = set_attr(fd, false, c->set, c->clr, 0);
		if (r == -ENOSYS && attached)
			r = remount(run, fd, c->set, c->clr);
	}
	return r == 0 && c->early && !both ? set_propagation(run, fd, c->early, attached) : r;
}

/**
 * rb_mount_change() - change flags and propagation of a mount that is attached in our mount
 * namespace
 * Return: 0; -EOPNOTSUPP, recursive flags on a kernel that has none; else -errno
 */
int rb_mount_change(struct rb_run *run, int fd, const struct rb_mount_change *c)
{
	int r = change_early(run, fd, c, true);

	for (size_t i = 0; r == 0 && i < c->n_propagation; i++)
		r = set_propagation(run, fd, c->propagation[i], true);
	return r;
}

/**
 * rb_mount_attach_at() - change a detached mount, put it on an entry of a directory, set its propagation
 * @name: a link at its end is not followed; "" for @dir_fd itself. @change: NULL for no change
 *
 * Return: as rb_mount_change()
 */
int rb_mount_attach_at(struct rb_run *run, int tree_fd, int dir_fd, const char *name,
		       const struct rb_mount_change *change)
{
	const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
	struct rb_mount_change late = { 0 };
	int r = 0;

	rb_child_forget_dir(run);
	if (change) {
		r = change_early(run, tree_fd, change, false);
		if (r == -ENOSYS) {
			late = *change;
		} else if (r < 0) {
			return r;
		} else {
			late.propagation = change->propagation;
			late.n_propagation = change->n_propagation;
		}
	}
	if (move_mount(tree_fd, "", dir_fd, name, flags) < 0)
		return -errno;
	return rb_mount_change(run, tree_fd, &late);
}

/** rb_mount_attach() - the same on what @target_fd refers to */
int rb_mount_attach(struct rb_run *run, int tree_fd, int target_fd,
		    const struct rb_mount_change *change)
{
	return rb_mount_attach_at(run, tree_fd, target_fd, "", change);
}

/* Superblock flags that fsconfig(2) knows by name */
static const struct {
	unsigned long ms;
	const char *set, *clr;
} sb_flags[] = {
	{ MS_RDONLY, "ro", "rw" },
	{ MS_SYNCHRONOUS, "sync", "async" },
	{ MS_DIRSYNC, "dirsync", NULL },
	{ MS_MANDLOCK, "mand", "nomand" },
	{ MS_LAZYTIME, "lazytime", "nolazytime" },
};

static int config_sb(int fs_fd, unsigned long set, unsigned long clr)
{
	for (size_t i = 0; i < sizeof(sb_flags) / sizeof(sb_flags[0]); i++) {
		const char *word = NULL;

		if (set & sb_flags[i].ms)
			word = sb_flags[i].set;
		else if (clr & sb_flags[i].ms)
			word = sb_flags[i].clr;
		if (word && fsconfig(fs_fd, FSCONFIG_SET_FLAG, word, NULL, 0) < 0)
			return -errno;
	}
	return 0;
}

/* One "key" or "key=value". Return: 0, -EMSGSIZE (too long for fsconfig(2)) or -errno */
static int config_one(int fs_fd, const char *option)
{
	const char *value = strchr(option, '=');
	char key[FSCONFIG_MAX + 1];
	size_t len = value ? (size_t)(value - option) : strlen(option);
	int r;

	if (len > FSCONFIG_MAX || (value && strlen(value + 1) > FSCONFIG_MAX))
		return -EMSGSIZE;
	memcpy(key, option, len);
	key[len] = '\0';
	r = value ? fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value + 1, 0)
		  : fsconfig(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
	return r < 0 ? -errno : 0;
}

static int config_all(int fs_fd, const struct rb_fs *fs, unsigned long sb_clr)
{
	int r = config_sb(fs_fd, fs->sb, sb_clr);

	if (r == 0 && fs->source) {
		if (strlen(fs->source) > FSCONFIG_MAX)
			return -EMSGSIZE;
		r = fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", fs->source, 0) < 0 ? -errno : 0;
	}
	if (r == 0 && fs->label)
		r = fsconfig(fs_fd, FSCONFIG_SET_STRING, "context", fs->label, 0) < 0 ? -errno : 0;
	for (size_t i = 0; r == 0 && fs->data && i < fs->data->n; i++)
		r = config_one(fs_fd, fs->data->v[i]);
	return r;
}

/* What the kernel has to say about the last failure: "e tmpfs: Bad value for 'size'". */
static void read_why(int fs_fd, char why[160])
{
	ssize_t n;

	do {
		n = read(fs_fd, why, 159);
		if (n <= 0) {
			why[0] = '\0';
			return;
		}
	} while (why[0] != 'e');
	why[n] = '\0';
	why[strcspn(why, "\n")] = '\0';
	memmove(why, why + 2, strlen(why + 2) + 1);
}

/**
 * rb_fs_make() - a new file system, mounted nowhere yet
 * @why: the kernel's own words on a failure, or ""
 * Return: 0; -EMSGSIZE, an option is longer than this way takes; else -errno
 */
int rb_fs_make(const struct rb_fs *fs, int *ret_fd, char why[160])
{
	rb_autofd fs_fd = -1;
	int r, mnt;

	why[0] = '\0';
	fs_fd = fsopen(fs->type, FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return -errno;
	r = config_all(fs_fd, fs, 0);
	if (r == 0 && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r < 0) {
		read_why(fs_fd, why);
		return r;
	}
	mnt = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)fs->attr);
	if (mnt < 0) {
		r = -errno;
		read_why(fs_fd, why);
		return r;
	}
	*ret_fd = mnt;
	return 0;
}

/** rb_fs_reconfigure() - change options of the file system that is mounted where @fd is. Return:
 * 0 or -errno */
int rb_fs_reconfigure(int fd, const struct rb_fs *fs, unsigned long sb_clr, char why[160])
{
	rb_autofd fs_fd = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	int r;

	why[0] = '\0';
	if (fs_fd < 0)
		return -errno;
	r = config_all(fs_fd, fs, sb_clr);
	if (r == 0 && fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r < 0)
		read_why(fs_fd, why);
	return r;
}
