/* floor.c - the least that a container of the default bundle can cost: its system calls, hard-coded
 *
 * floor [-o] [-n NAME] ROOTFS PROGRAM [ARGS...]
 *
 * The yardstick of contrib/bench: what `runc spec` asks for (namespaces, mounts, devices, masked and
 * read-only paths, a cgroup in every hierarchy, rlimit, capabilities, no_new_privs), without reading a
 * config, without state, messages or checks, and with a trusted root file system. It is no runtime: paths
 * of the root are used as strings. Like a runtime it waits for the program and removes the cgroups.
 *
 * One clone3 makes all namespaces, in the cgroup on v2; on v1 the child enters its cgroups by itself.
 * Binds are mount(2) twice: open_tree, mount_setattr and move_mount, or open_tree_attr, take as long
 * within the noise (kernel 6.18).
 * -o overlaps: on v1 the parent moves the child into its cgroups while the child makes its mounts; both
 * the move and the detaching of the old root can wait for RCU grace periods.
 *
 * Exit: the program's status, 128 + its signal, or 125 on trouble.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"
#define NOSHELL (MS_NOSUID | MS_NOEXEC | MS_NODEV)

static bool overlap, unified;
static const char *name;

static void die(const char *what) __attribute__((noreturn));
static void die(const char *what)
{
	dprintf(2, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

/* --- cgroups --- */

/* v1 hierarchies by the names of their mount points; those that are not there are passed over. */
static const char *const v1_names[] = { "cpuset",     "cpu",	  "cpuacct", "blkio",
					"memory",     "devices",  "freezer", "net_cls",
					"perf_event", "net_prio", "hugetlb", "pids",
					"rdma",	      "misc",	  "systemd", "unified" };
enum { N_V1 = sizeof(v1_names) / sizeof(*v1_names) };
static bool made[N_V1];

static void copy_file(const char *from, const char *to)
{
	char buf[256];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
	ssize_t n = read(in, buf, sizeof(buf));

	if (n < 0 || write(out, buf, (size_t)n) != n)
		die(to);
	close(in);
	close(out);
}

static void cgroup_path(char *path, size_t size, const char *hierarchy, const char *file)
{
	snprintf(path, size, CGROUPS "/%s/%s%s", hierarchy, name, file);
}

static void make_v1(void)
{
	char path[256];

	struct statfs fs;
	/* The last name may be a directory that nothing is mounted on. */
	bool hybrid = statfs(CGROUPS "/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;

	for (int i = 0; i < N_V1 - !hybrid; i++) {
		cgroup_path(path, sizeof(path), v1_names[i], "");
		made[i] = mkdir(path, 0755) == 0;
		if (i || !made[i])
			continue;
		cgroup_path(path, sizeof(path), "cpuset", "/cpuset.cpus");
		copy_file(CGROUPS "/cpuset/cpuset.cpus", path);
		cgroup_path(path, sizeof(path), "cpuset", "/cpuset.mems");
		copy_file(CGROUPS "/cpuset/cpuset.mems", path);
	}
}

static void attach_v1(const char *pid)
{
	char path[256];

	for (int i = 0; i < N_V1; i++) {
		int fd;

		if (!made[i])
			continue;
		cgroup_path(path, sizeof(path), v1_names[i], "/cgroup.procs");
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, pid, strlen(pid)) < 0)
			die(path);
		close(fd);
	}
}

static void remove_cgroups(void)
{
	char path[256];

	if (unified) {
		snprintf(path, sizeof(path), CGROUPS "/%s", name);
		rmdir(path);
		return;
	}
	for (int i = 0; i < N_V1; i++) {
		cgroup_path(path, sizeof(path), v1_names[i], "");
		if (made[i])
			rmdir(path);
	}
}

/* --- the child's file system; the working directory is the new root --- */

static const struct {
	const char *to, *type;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{ "proc", "proc", 0, NULL },
	{ "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k" },
	{ "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "dev/shm", "tmpfs", NOSHELL, "mode=1777,size=65536k" },
	{ "dev/mqueue", "mqueue", NOSHELL, NULL },
	{ "sys", "sysfs", NOSHELL | MS_RDONLY, NULL },
};

static const struct {
	const char *to;
	unsigned major, minor;
} devices[] = {
	{ "dev/null", 1, 3 }, { "dev/zero", 1, 5 },   { "dev/full", 1, 7 },
	{ "dev/tty", 5, 0 },  { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
	{ "pts/ptmx", "dev/ptmx" },
};

static const char *const masked[] = { "proc/acpi",	  "proc/asound",	"proc/kcore",
				      "proc/keys",	  "proc/latency_stats", "proc/timer_list",
				      "proc/timer_stats", "proc/sched_debug",	"sys/firmware",
				      "proc/scsi" };

static const char *const read_only[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
					 "proc/sysrq-trigger" };

static void bind_read_only(const char *from, const char *to, unsigned long flags)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0) {
		if (errno == ENOENT)
			return;
		die(to);
	}
	if (mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL) < 0)
		die(to);
}

static void mount_cgroups(void)
{
	char from[256], to[64];

	if (unified) {
		if (mount("cgroup", "sys/fs/cgroup", "cgroup2", NOSHELL | MS_RELATIME | MS_RDONLY,
			  NULL) < 0)
			die("mount cgroup2");
		return;
	}
	if (mount("cgroup", "sys/fs/cgroup", "tmpfs", NOSHELL, "mode=755") < 0)
		die("mount cgroup");
	for (int i = 0; i < N_V1; i++) {
		if (!made[i])
			continue;
		snprintf(to, sizeof(to), "sys/fs/cgroup/%s", v1_names[i]);
		cgroup_path(from, sizeof(from), v1_names[i], "");
		if (mkdir(to, 0755) < 0)
			die(to);
		bind_read_only(from, to, NOSHELL | MS_RELATIME);
	}
	if (mount(NULL, "sys/fs/cgroup", NULL, MS_BIND | MS_REMOUNT | NOSHELL | MS_RDONLY, NULL) <
	    0)
		die("read-only cgroup");
}

static void make_mounts(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		if (i > 2)
			mkdir(mounts[i].to, 0755);
		else if (i == 2)
			mkdir("dev/pts", 0755);
		if (mount(mounts[i].type, mounts[i].to, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0)
			die(mounts[i].to);
	}
	mount_cgroups();
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (mknod(devices[i].to, S_IFCHR | 0666,
			  makedev(devices[i].major, devices[i].minor)) < 0)
			die(devices[i].to);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			die(links[i][1]);
	for (size_t i = 0; i < sizeof(read_only) / sizeof(*read_only); i++)
		bind_read_only(read_only[i], read_only[i], 0);
	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
		if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
			continue;
		if (mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k,nr_inodes=1") < 0)
			die(masked[i]);
	}
}

static void enter_root(const char *rootfs)
{
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
	    mount(rootfs, rootfs, NULL, MS_BIND, NULL) < 0 || chdir(rootfs) < 0)
		die(rootfs);
	make_mounts();
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		die("pivot_root");
	if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0 || chdir("/") < 0)
		die("read-only root");
}

/* --- the child's process --- */

static void loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		die("loopback");
	close(fd);
}

/* CAP_AUDIT_WRITE, CAP_KILL and CAP_NET_BIND_SERVICE, as `runc spec` has them. */
static void drop_rights(void)
{
	static const unsigned keep[] = {
		1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE, 0
	};
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { keep[0], keep[0], 0 },
						  { keep[1], keep[1], 0 } };
	const struct rlimit files = { 1024, 1024 };

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("rlimit");
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep[cap / 32] & 1u << cap % 32) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			die("bounding set");
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_capset, &header, data) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("capabilities");
}

static void child(const int go[2], char **argv) __attribute__((noreturn));
static void child(const int go[2], char **argv)
{
	char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"TERM=xterm", NULL };
	char byte;

	if (go[1] >= 0)
		close(go[1]); /* so that the read ends when the parent dies */
	if (!unified && !overlap)
		attach_v1("0");
	umask(0);
	loopback_up();
	enter_root(argv[0]);
	if (sethostname("floor", 5) < 0)
		die("hostname");
	umask(022);
	setsid();
	drop_rights();
	if (go[0] >= 0 && read(go[0], &byte, 1) != 1)
		die("parent");
	execve(argv[1], argv + 1, env);
	die(argv[1]);
}

static pid_t clone_all(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP | CLONE_NEWCGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int main(int argc, char **argv)
{
	char text[64];
	struct statfs fs;
	int go[2] = { -1, -1 }, cgroup_fd = -1, status, opt;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+on:")) > 0) {
		if (opt == 'o')
			overlap = true;
		else if (opt == 'n')
			name = optarg;
		else
			return 125;
	}
	if (argc - optind < 2) {
		dprintf(2, "usage: floor [-o] [-n NAME] ROOTFS PROGRAM [ARGS...]\n");
		return 125;
	}
	snprintf(text, sizeof(text), "floor-%d", (int)getpid());
	if (!name)
		name = text;
	unified = statfs(CGROUPS, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	if (unified) {
		char path[256];

		snprintf(path, sizeof(path), CGROUPS "/%s", name);
		if (mkdir(path, 0755) < 0 ||
		    (cgroup_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			die(path);
	} else {
		make_v1();
		if (overlap && pipe2(go, O_CLOEXEC) < 0)
			die("pipe");
	}
	pid = clone_all(cgroup_fd);
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		child(go, argv + optind);
	if (go[1] >= 0) {
		char number[16];

		snprintf(number, sizeof(number), "%d", (int)pid);
		attach_v1(number);
		if (write(go[1], "", 1) != 1)
			die("child");
	}
	if (waitpid(pid, &status, 0) < 0)
		die("wait");
	remove_cgroups();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
