/* host.c - facts about the host, read once and given to the pure parts
 *
 * Each read is paid by every container, so the cheapest source that is right is taken: inode
 * numbers and statfs(2) rather than text, and mountinfo, which grows with the host, only when
 * the usual places do not answer.
 * Sources: cgroups(7), capabilities(7), namespaces(7), proc(5).
 */
#include "runbox/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/names.h"
#include "runbox/proc.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
/* mountinfo of a host with some ten thousand mounts */
#define MOUNTINFO_MAX (16u << 20)
/* hierarchies: at most one a controller, and some named ones */
#define MAX_OWN 32

static bool has_word(const char *list, const char *separators, const char *word, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, separators);

		if (n == len && memcmp(list, word, len) == 0)
			return true;
		list += n;
		list += strspn(list, separators);
	}
	return false;
}

/* --- the process itself --- */

/* The capabilities that a spec names; all without one. */
static uint64_t named_caps(const struct rb_spec *spec)
{
	const struct rb_caps *c = spec ? &spec->process.caps : NULL;

	return c ? c->bounding | c->permitted | c->effective | c->inheritable | c->ambient
		 : UINT64_MAX;
}

/* @ask: whether these are in the bounding set; last_cap is the last of them that the kernel has */
static int read_caps(struct rb_host *host, uint64_t ask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	host->caps = (uint64_t)data[1].effective << 32 | data[0].effective;
	host->last_cap = -1;
	for (int cap = 0; cap < 64; cap++) {
		int set = ask >> cap & 1 ? prctl(PR_CAPBSET_READ, cap, 0, 0, 0) : 0;

		if (set < 0)
			break; /* EINVAL: the kernel has no such capability */
		if (!(ask >> cap & 1))
			continue;
		if (set)
			host->bounding |= 1ull << cap;
		host->last_cap = cap;
	}
	return 0;
}

/* The older ones are taken for granted: clone(2) says when a kernel has been built without one, and
 * each look at /proc/self/ns makes an inode. */
#define OLD_NAMESPACES                                                                             \
	((unsigned long)(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | \
			 CLONE_NEWCGROUP))

static bool names_namespace(const struct rb_spec *spec, unsigned long flag)
{
	for (size_t i = 0; i < spec->linux_.n_namespaces; i++)
		if (rb_ns_types[spec->linux_.namespaces[i].type].flag == flag)
			return true;
	return false;
}

static void read_namespaces(struct rb_host *host, const struct rb_spec *spec)
{
	for (const struct rb_ns_type *t = rb_ns_types; t->name; t++) {
		bool user = t->flag == CLONE_NEWUSER, old = t->flag & OLD_NAMESPACES;
		char path[64];
		struct stat st;

		if (spec && old)
			host->namespaces |= t->flag;
		if (spec && (old || (!user && !names_namespace(spec, t->flag))))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", t->file); /* fits */
		/* only the user namespace itself is asked for; the links of the others do. Without /proc
		 * there is nothing: the executor says so */
		if (fstatat(AT_FDCWD, path, &st, user ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		host->namespaces |= t->flag;
		if (user)
			host->in_userns = st.st_ino != RB_INIT_USER_NS_INODE;
	}
}

/* --- mountinfo, line by line (proc(5)) --- */

struct mount_line {
	const char *root, *point, *fstype, *super;
};

/* Octal escapes of mountinfo: space, tab, newline and backslash as \040 and so on. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Split "36 35 98:0 /root /point opts [optional ...] - fstype source super" in place. */
static bool split_mount(char *line, struct mount_line *m)
{
	char *field[6], *rest = line, *type;

	for (size_t i = 0; i < 6; i++) {
		field[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	type = rb_startswith(rest, "- ") ? rest : strstr(rest, " - ");
	if (!type)
		return false;
	type = strchr(type, '-') + 2;
	m->fstype = strsep(&type, " ");
	if (!type)
		return false;
	(void)strsep(&type, " "); /* the source says nothing */
	m->super = type ? type : "";
	unescape(field[3]);
	unescape(field[4]);
	m->root = field[3];
	m->point = field[4];
	return true;
}

/* pivot_root(2): the rootfs of the initramfs cannot be moved. A tmpfs of one's own can. */
static bool root_is_rootfs(void)
{
	rb_autofree char *text = NULL;
	struct mount_line m;
	struct statfs fs;
	bool found = false;

	if (statfs("/", &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC))
		return false;
	if (rb_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL) < 0)
		return false;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		if (*line && split_mount(line, &m) && rb_streq(m.point, "/"))
			found = rb_streq(m.fstype, "rootfs"); /* the last one lies on top */
	return found;
}

const char *rb_host_find_mount(struct rb_arena *arena, const char *fstype)
{
	rb_autofree char *text = NULL;
	struct mount_line m;

	if (rb_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL) < 0)
		return NULL;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		if (*line && split_mount(line, &m) && rb_streq(m.fstype, fstype) &&
		    rb_streq(m.root, "/"))
			return rb_arena_strdup(arena, m.point);
	return NULL;
}

static bool names_label(const struct rb_spec *spec)
{
	return spec->process.apparmor_profile || spec->process.selinux_label ||
	       spec->linux_.mount_label;
}

static void read_lsm(struct rb_host *host)
{
	struct statfs fs;
	rb_autofd fd = -1;
	char yes = 0;

	host->selinux = statfs("/sys/fs/selinux", &fs) == 0 &&
			(unsigned long)fs.f_type == SELINUX_MAGIC;
	fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	host->apparmor = fd >= 0 && read(fd, &yes, 1) == 1 && yes == 'Y';
}

/* --- cgroups --- */

static unsigned controller_bits(const char *names, const char *separators)
{
	unsigned bits = 0;

	for (unsigned c = 0; c < RB_CG_COUNT; c++)
		if (has_word(names, separators, rb_controller_names[c],
			     strlen(rb_controller_names[c])))
			bits |= RB_CG_BIT(c);
	return bits;
}

/* cgroup-v2.rst: io is what v1 calls blkio, cpu accounts as well; devices, freezer and perf_event
 * are not switched on but always there. */
static unsigned v2_controllers(const char *mount, unsigned held_by_v1)
{
	rb_autofree char *text = NULL;
	rb_autobuf path = { 0 };
	unsigned bits = RB_CG_BIT(RB_CG_DEVICES) | RB_CG_BIT(RB_CG_FREEZER) |
			RB_CG_BIT(RB_CG_PERF_EVENT);

	rb_buf_add(&path, mount);
	rb_buf_add(&path, "/cgroup.controllers");
	if (rb_read_file(AT_FDCWD, path.data, 4096, &text, NULL) == 0) {
		bits |= controller_bits(text, " \n");
		if (has_word(text, " \n", "io", 2))
			bits |= RB_CG_BIT(RB_CG_BLKIO);
		if (bits & RB_CG_BIT(RB_CG_CPU))
			bits |= RB_CG_BIT(RB_CG_CPUACCT);
	}
	return bits & ~held_by_v1;
}

struct own_line {
	const char *names, *path;
};

/* Split /proc/self/cgroup, "4:memory:/a/b", in place. Return: number of lines */
static size_t split_own(char *text, struct own_line *lines, size_t max)
{
	size_t n = 0;

	for (char *rest = text, *line; n < max && (line = strsep(&rest, "\n"));) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		lines[n].names = names + 1;
		/* cgroup_namespaces(7): "/.." is outside of what this namespace can see */
		lines[n].path = rb_startswith(path, "/..") ? "/" : path;
		n++;
	}
	return n;
}

static bool is_cgroup(const char *path, bool v2)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 &&
	       fs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

static void add_hierarchy(struct rb_arena *arena, struct rb_host *host, const struct own_line *own,
			  const char *mount, const char *path)
{
	struct rb_hierarchy *h = &host->hierarchies[host->n_hierarchies++];

	h->name = rb_arena_strdup(arena, own->names);
	h->mount = rb_arena_strdup(arena, mount);
	h->own = rb_arena_strdup(arena, path);
	h->v2 = *own->names == '\0';
	h->controllers = controller_bits(own->names, ",");
}

/* The usual places: /sys/fs/cgroup/<names>, or /sys/fs/cgroup/unified for v2.
 * Return: true, or false when something is mounted elsewhere or shows only a part */
static bool usual_places(struct rb_arena *arena, struct rb_host *host, const struct own_line *own,
			 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool v2 = *own[i].names == '\0', named = rb_startswith(own[i].names, "name=");
		const char *dir = v2 ? "unified" : own[i].names + (named ? strlen("name=") : 0);
		rb_autobuf path = { 0 };
		size_t mount_len;

		rb_buf_add(&path, CGROUP_ROOT "/");
		rb_buf_add(&path, dir);
		mount_len = path.len;
		rb_buf_add(&path, own[i].path);
		if (!is_cgroup(path.data, v2)) {
			path.data[mount_len] = '\0';
			/* there but without our own group: a container's view of it */
			if (is_cgroup(path.data, v2) || !(v2 || named))
				return false;
			continue; /* not mounted: nobody can use it */
		}
		path.data[mount_len] = '\0';
		add_hierarchy(arena, host, &own[i], path.data, own[i].path);
	}
	return true;
}

/* Own path relative to the mount, whose root is a part of the tree. */
static const char *below(const char *path, const char *root)
{
	size_t len = strlen(root);

	if (rb_streq(root, "/"))
		return path;
	if (!rb_startswith(path, root) || (path[len] != '\0' && path[len] != '/'))
		return "/";
	return path[len] ? path + len : "/";
}

static bool serves(const struct mount_line *m, const char *names)
{
	if (rb_streq(m->fstype, "cgroup2"))
		return *names == '\0';
	if (!rb_streq(m->fstype, "cgroup") || *names == '\0')
		return false;
	/* co-mounted controllers are one hierarchy, so the first one decides */
	return has_word(m->super, ",", names, strcspn(names, ","));
}

static void from_mountinfo(struct rb_arena *arena, struct rb_host *host, const struct own_line *own,
			   size_t n)
{
	rb_autofree char *text = NULL;
	bool done[MAX_OWN] = { false };
	struct mount_line m;

	host->n_hierarchies = 0;
	if (rb_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL) < 0)
		return;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		if (!*line || !split_mount(line, &m))
			continue;
		for (size_t i = 0; i < n; i++) {
			/* a mount that another one hides fails the check of its type */
			if (done[i] || !serves(&m, own[i].names) ||
			    !is_cgroup(m.point, *own[i].names == '\0'))
				continue;
			done[i] = true;
			add_hierarchy(arena, host, &own[i], m.point, below(own[i].path, m.root));
		}
	}
}

/* Pure v2: the one mount, and the last line of /proc/self/cgroup. */
static void only_v2(struct rb_arena *arena, struct rb_host *host, const struct own_line *own,
		    size_t n)
{
	struct own_line line = { .names = "", .path = "/" };
	rb_autobuf path = { 0 };

	for (size_t i = 0; i < n; i++)
		if (*own[i].names == '\0')
			line = own[i];
	rb_buf_add(&path, CGROUP_ROOT);
	rb_buf_add(&path, line.path);
	/* of the root that is known already */
	if (rb_streq(line.path, "/") || is_cgroup(path.data, true))
		add_hierarchy(arena, host, &line, CGROUP_ROOT, line.path);
	else
		from_mountinfo(arena, host, &line, 1);
}

static void set_layout(struct rb_host *host)
{
	unsigned v1 = 0;
	bool has_v1 = false;

	host->layout = RB_LAYOUT_NONE;
	for (size_t i = 0; i < host->n_hierarchies; i++) {
		v1 |= host->hierarchies[i].v2 ? 0 : host->hierarchies[i].controllers;
		has_v1 |= !host->hierarchies[i].v2;
	}
	if (has_v1)
		host->layout = RB_LAYOUT_V1;
	for (size_t i = 0; i < host->n_hierarchies; i++) {
		struct rb_hierarchy *h = &host->hierarchies[i];

		if (!h->v2)
			continue;
		h->controllers = v2_controllers(h->mount, v1);
		host->layout = has_v1 ? RB_LAYOUT_HYBRID : RB_LAYOUT_V2;
	}
}

static int read_cgroups(struct rb_arena *arena, struct rb_host *host, struct rb_err *err)
{
	struct own_line own[MAX_OWN];
	size_t n, len;
	char *text;
	int r = rb_read_file_to(arena, AT_FDCWD, "/proc/self/cgroup", 1 << 20, &text, &len);

	if (r == -ENOENT)
		return 0; /* a kernel without cgroups */
	if (r < 0)
		return rb_fail_sys(err, -r, "read /proc/self/cgroup");
	n = split_own(text, own, MAX_OWN);
	host->hierarchies = rb_arena_alloc(arena, (n ? n : 1) * sizeof(*host->hierarchies));
	host->n_hierarchies = 0;
	if (is_cgroup(CGROUP_ROOT, true))
		only_v2(arena, host, own, n);
	else if (!usual_places(arena, host, own, n) || host->n_hierarchies == 0)
		from_mountinfo(arena, host, own, n);
	set_layout(host);
	return 0;
}

int rb_host_probe(struct rb_arena *arena, struct rb_host *host, const struct rb_spec *spec,
		  bool want_cgroups, struct rb_err *err)
{
	struct sysinfo system;
	int r;

	*host = (struct rb_host) { .euid = geteuid(), .egid = getegid() };
	r = read_caps(host, named_caps(spec));
	if (r < 0)
		return rb_fail_sys(err, -r, "read capabilities");
	read_namespaces(host, spec);
	host->root_is_rootfs = root_is_rootfs();
	if (sysinfo(&system) == 0)
		host->threads = system.procs;
	if (!spec || names_label(spec))
		read_lsm(host);
	return want_cgroups ? read_cgroups(arena, host, err) : 0;
}
