/* step_netns.c - named network namespaces as iproute2 has them, and devices of the host that move
 * in
 *
 * ip-netns(8): a namespace is bound on a file in /run/netns, a directory that is a shared mount of
 * its own, so that other mount namespaces see what is bound later. A device that is moved has to
 * outlive the container, to be given back: a bind of the namespace in the state directory keeps it
 * until then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/net_steps_priv.h"
#include "runbox/libc.h"

#define NETNS_DIR "/run/netns"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

/* A bound namespace, or a file that waits for one. */
static bool is_bound(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

static int touch(const char *path)
{
	rb_autofd fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);

	return fd < 0 ? -errno : 0;
}

/* Unbind, and remove the file. "Gone" is success. */
static int unbind(const char *path)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* --- a namespace with a name --- */

static int prepare_dir(struct rb_leases *l, const char *id, struct rb_err *err)
{
	bool made = false;

	if (mkdir(NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return rb_fail_sys(err, errno, "make " NETNS_DIR);
	while (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0) {
		/* not a mount yet: bound on itself it is one */
		if (errno != EINVAL || made ||
		    mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
			return rb_fail_sys(err, errno, "make " NETNS_DIR " a shared mount");
		made = true;
	}
	if (!rb_leases_mine(l, "netns-dir", NETNS_DIR, id))
		rb_leases_add(
			l, &(struct rb_lease) {
				   .kind = "netns-dir", .key = NETNS_DIR, .id = id, .made = made });
	return 0;
}

/* In a process of its own: this one must not leave its namespace. lo is up, as in a new container.
 */
static void __attribute__((noreturn)) bind_new(const char *path)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sock;

	if (unshare(CLONE_NEWNET) < 0)
		_exit(errno);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &req) < 0 ||
	    mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) < 0)
		_exit(errno);
	_exit(0);
}

static int make_ns(const char *path, struct rb_err *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return rb_fail_sys(err, errno, "fork");
	if (pid == 0)
		bind_new(path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return rb_fail_sys(err, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR,
				   "make the network namespace %s", path);
	return 0;
}

/* A container of another runtime has its namespace already, without a name. */
static int bind_there(const char *path, pid_t pid, struct rb_err *err)
{
	char from[40];
	int r = touch(path);

	(void)snprintf(from, sizeof(from), "/proc/%d/ns/net", pid);
	if (r == 0 && mount(from, path, "none", MS_BIND, NULL) < 0)
		r = -errno;
	return r < 0 ? rb_fail_sys(err, -r, "name the network namespace %s", path) : 0;
}

void rb_record_netns(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	char root[4096];

	if (rb_net_state_root(run, root, sizeof(root)) < 0)
		return; /* apply says so */
	rb_record_begin(line, step->kind);
	rb_field_add(line, root);
	rb_field_add(line, run->id);
	rb_field_add(line, step->u.text.text);
}

/** rb_step_netns() - /run/netns/NAME is there; made by its first user */
int rb_step_netns(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const char *name = step->u.text.text;
	rb_autoleases l = RB_LEASES_NONE;
	char root[4096], path[sizeof(NETNS_DIR) + 256];
	bool there;
	int r = rb_net_state_root(run, root, sizeof(root));

	if (r < 0)
		return rb_fail_sys(err, -r, "find the state root");
	(void)snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	r = rb_leases_open(&l, root, true, err);
	if (r == 0)
		r = prepare_dir(&l, run->id, err);
	if (r < 0)
		return r;
	there = is_bound(path);
	if (!rb_leases_mine(&l, "netns", name, run->id))
		rb_leases_add(
			&l, &(struct rb_lease) {
				    .kind = "netns", .key = name, .id = run->id, .made = !there });
	r = rb_leases_save(&l, err);
	if (r == 0 && run->pid > 0)
		return there ? rb_fail_sys(err, EEXIST, "name the network namespace %s", path)
			     : bind_there(path, run->pid, err);
	if (r == 0 && !there) {
		r = touch(path);
		r = r < 0 ? rb_fail_sys(err, -r, "make %s", path) : make_ns(path, err);
	}
	return r;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool empty = dir != NULL;

	while (empty && (e = readdir(dir)))
		empty = rb_streq(e->d_name, ".") || rb_streq(e->d_name, "..");
	if (dir)
		(void)closedir(dir); /* only read from */
	return empty;
}

/* The directory as it was: others may have put names there meanwhile. */
static int undo_dir(struct rb_leases *l, const char *id, struct rb_err *err)
{
	const struct rb_lease *last = rb_leases_drop(l, "netns-dir", NETNS_DIR, id);

	if (!last || !is_empty(NETNS_DIR))
		return 0;
	if (umount2(NETNS_DIR, UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != EBUSY &&
	    errno != ENOENT)
		return rb_fail_sys(err, errno, "unmount " NETNS_DIR);
	return 0;
}

/* "netns\tROOT\tID\tNAME" */
int rb_undo_netns(char **argv, size_t argc, struct rb_err *err)
{
	rb_autoleases l = RB_LEASES_NONE;
	char path[sizeof(NETNS_DIR) + 256];
	int r;

	if (argc < 4 || strlen(argv[3]) > 255)
		return rb_fail(err, RB_ERR_STATE, "bad record of a namespace in the journal");
	r = rb_leases_open(&l, argv[1], false, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	(void)snprintf(path, sizeof(path), NETNS_DIR "/%s", argv[3]);
	if (rb_leases_drop(&l, "netns", argv[3], argv[2])) {
		r = unbind(path);
		if (r < 0)
			return rb_fail_sys(err, -r, "remove %s", path);
	}
	r = undo_dir(&l, argv[2], err);
	return r < 0 ? r : rb_leases_save(&l, err);
}

/* --- devices of the host (config-linux.md "Network Devices") --- */

static const char *inner_name(const struct rb_net_device *d)
{
	return d->name ? d->name : d->host_name;
}

/* The device as it is, for undo: what it is known by, and its addresses, which do not move with it. */
static void record_device(const char *name, struct rb_buf *line)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_SHOW };
	struct rb_net_result res = { 0 };
	struct rb_err unused = { 0 }; /* apply says it again */
	char text[64] = "";

	(void)snprintf(op.name, sizeof(op.name), "%s", name);
	if (rb_net_call(&op, NULL, -1, &res, &unused) < 0)
		res.info = (struct rb_net_info) { 0 };
	rb_field_add(line, res.info.has_mac ? rb_mac_format(res.info.mac, text) : "");
	for (uint32_t i = 0; i < res.info.n_addrs; i++)
		rb_field_add(line, rb_ip_format(&res.info.addrs[i], true, text));
}

void rb_record_net_device(const struct rb_run *run, const struct rb_step *step, struct rb_buf *line)
{
	rb_autobuf bind = { 0 };
	char path[4096], link[32];
	ssize_t n = readlink(rb_fd_path(run->state_fd, link), path, sizeof(path) - 1);

	if (n < 0)
		return; /* apply fails too */
	path[n] = '\0';
	rb_buf_printf(&bind, "%s/netns.%zu", path, step->u.netdev.index);
	rb_record_begin(line, step->kind);
	rb_field_add(line, bind.data);
	rb_field_add(line, step->u.netdev.dev->host_name);
	rb_field_add(line, inner_name(step->u.netdev.dev));
	record_device(step->u.netdev.dev->host_name, line);
}

/* The container's namespace on a file of the state directory, by its descriptor: the process may be gone. */
static int keep_ns(struct rb_run *run, int ns_fd, size_t index, struct rb_err *err)
{
	char name[32], from[32], dir[32];
	rb_autobuf path = { 0 };
	int r;

	(void)snprintf(name, sizeof(name), "netns.%zu", index);
	rb_buf_printf(&path, "%s/%s", rb_fd_path(run->state_fd, dir), name);
	r = touch(path.data);
	if (r < 0)
		return rb_fail_sys(err, -r, "make %s in the state directory", name);
	if (mount(rb_fd_path(ns_fd, from), path.data, "none", MS_BIND, NULL) < 0)
		return rb_fail_sys(err, errno, "keep the container's network namespace");
	return 0;
}

/** rb_step_net_device() - a device of the host moves in; its addresses come along, it is up */
int rb_step_net_device(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_MOVE };
	int ns_fd = rb_net_ns(run, err), r;

	if (ns_fd < 0)
		return ns_fd;
	r = keep_ns(run, ns_fd, step->u.netdev.index, err);
	if (r < 0)
		return r;
	(void)snprintf(op.name, sizeof(op.name), "%s", step->u.netdev.dev->host_name);
	(void)snprintf(op.peer, sizeof(op.peer), "%s", inner_name(step->u.netdev.dev));
	return rb_net_call(&op, NULL, ns_fd, NULL, err);
}

/* Whoever moved it may have died before it had its addresses: those of the record are there afterwards. */
static int restore_addresses(const struct rb_net_op *device, char **addrs, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_SHOW };
	struct rb_net_result res;
	struct rb_err why = { 0 };
	int r;

	memcpy(op.name, device->name, sizeof(op.name));
	r = rb_net_call(&op, NULL, -1, &res, &why);
	/* it is gone for good, or the name is another's */
	if (r == -ENODEV ||
	    (r == 0 && device->has_mac && memcmp(device->mac, res.info.mac, sizeof(op.mac)) != 0))
		return 0;
	if (r < 0) {
		*err = why;
		return r;
	}
	op.verb = RB_NET_ADDR_ADD;
	for (; r == 0 && *addrs; addrs++) {
		/* the kernel makes link-local ones itself */
		if (rb_ip_parse(*addrs, &op.addr) == 0 && !rb_ip_is_link_local(&op.addr))
			r = rb_net_call(&op, NULL, -1, NULL, err);
	}
	return r;
}

/* "net-device\tPATH\tHOSTNAME\tNAME\tMAC\tADDRESS..." */
int rb_undo_net_device(char **argv, size_t argc, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_MOVE, .reverse = true };
	rb_autofd ns_fd = -1;
	int r;

	if (argc < 5)
		return rb_fail(err, RB_ERR_STATE, "bad record of a network device in the journal");
	(void)snprintf(op.name, sizeof(op.name), "%s", argv[2]);
	(void)snprintf(op.peer, sizeof(op.peer), "%s", argv[3]);
	op.has_mac = rb_mac_parse(argv[4], op.mac) == 0;
	if (is_bound(argv[1])) {
		ns_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (ns_fd < 0)
			return rb_fail_sys(err, errno, "open %s", argv[1]);
		r = rb_net_call(&op, NULL, ns_fd, NULL, err);
		if (r == 0)
			r = restore_addresses(&op, argv + 5, err);
		if (r < 0)
			return r;
	}
	r = unbind(argv[1]);
	return r < 0 ? rb_fail_sys(err, -r, "remove %s", argv[1]) : 0;
}
