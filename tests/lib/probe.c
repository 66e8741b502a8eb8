/* probe.c - prints what it sees from inside a container, as one JSON object
 *
 * Usage: probe [SECTION...] [KEY=VALUE...]. Sections are the rows of `sections` below; none means all.
 * KEY=VALUE asks something more, or acts once all is printed, in the order given:
 *   sysctl=NAME    the value, dots as in config.json     try=PATH     errno of reading and of writing
 *   stat=PATH      type, mode, owner, device             text=PATH    the whole of a small file
 *   call=NR[,ARG]  errno of a system call, 0 if none
 *   ready=PATH     make the file                         fork=N       N children that wait, for ps
 *   threads=N      N threads that wait
 *   pause=1        wait for SIGTERM or SIGINT, then 0    deaf=1       ignore both, wait
 *   thaw=DIR       try to make writable what others run from, for ever
 *   seize=DIR      trace each new process as soon as it is there, for ever: DIR/seized says what it held,
 *                  DIR/words its command line and environment
 *   hold=DIR       trace each new process, and take in its end late, for ever
 *   raise=N        signal itself                         exit=N       end with N
 * Static and free of the project's code: it must not share a mistake with what it looks at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static int arg_count;
static char **arg_list;
static bool first = true;

/* --- JSON --- */

static void put_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void comma(void)
{
	if (!first)
		putchar(',');
	first = false;
}

static void key(const char *name)
{
	comma();
	put_string(name);
	putchar(':');
}

static void open_with(char c)
{
	putchar(c);
	first = true;
}

static void close_with(char c)
{
	putchar(c);
	first = false;
}

static void num(const char *name, long long value)
{
	key(name);
	printf("%lld", value);
}

static void text(const char *name, const char *value)
{
	key(name);
	if (value)
		put_string(value);
	else
		fputs("null", stdout);
}

static void boolean(const char *name, bool value)
{
	key(name);
	fputs(value ? "true" : "false", stdout);
}

static void item(const char *value)
{
	comma();
	put_string(value);
}

/* Text of a small file without its last newline, NULL if it cannot be read; valid until the next call. */
static const char *slurp(const char *path)
{
	static char buf[65536];
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while (len < sizeof(buf) - 1 && (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = 0;
	return buf;
}

static void lines(const char *name, const char *path)
{
	const char *all = slurp(path);
	char *copy = all ? strdup(all) : NULL, *save = NULL;

	if (!copy) {
		text(name, NULL);
		return;
	}
	key(name);
	open_with('[');
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		item(l);
	close_with(']');
	free(copy);
}

/* --- sections --- */

static void show_ids(void)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg, groups[1024];
	mode_t mask = umask(0);
	int n = getgroups(1024, groups);

	umask(mask);
	getresuid(&ru, &eu, &su);
	getresgid(&rg, &eg, &sg);
	num("uid", ru);
	num("euid", eu);
	num("suid", su);
	num("gid", rg);
	num("egid", eg);
	num("sgid", sg);
	num("umask", mask);
	key("groups");
	open_with('[');
	for (int i = 0; i < n; i++) {
		comma();
		printf("%u", groups[i]);
	}
	close_with(']');
}

static void show_args(void)
{
	char cwd[4096];

	key("args");
	open_with('[');
	for (int i = 0; i < arg_count; i++)
		item(arg_list[i]);
	close_with(']');
	key("env");
	open_with('[');
	for (char **e = environ; *e; e++)
		item(*e);
	close_with(']');
	text("cwd", getcwd(cwd, sizeof(cwd)));
	num("pid", getpid());
	num("ppid", getppid());
	num("sid", getsid(0));
	num("pgid", getpgrp());
}

static const char *const cap_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

static void show_cap_set(const char *name, uint64_t mask)
{
	key(name);
	open_with('[');
	for (unsigned i = 0; i < 64; i++) {
		char unnamed[16];

		if (!(mask >> i & 1))
			continue;
		snprintf(unnamed, sizeof(unnamed), "CAP_%u", i);
		item(i < sizeof(cap_names) / sizeof(cap_names[0]) ? cap_names[i] : unnamed);
	}
	close_with(']');
}

static void show_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t bounding = 0, ambient = 0;

	for (unsigned i = 0; i < 64; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			bounding |= 1ull << i;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			ambient |= 1ull << i;
	}
	syscall(SYS_capget, &header, data);
	key("caps");
	open_with('{');
	show_cap_set("bounding", bounding);
	show_cap_set("effective", data[0].effective | (uint64_t)data[1].effective << 32);
	show_cap_set("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
	show_cap_set("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
	show_cap_set("ambient", ambient);
	close_with('}');
	num("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
}

static void show_security(void)
{
	char *copy, *line, *save = NULL;
	const char *status = slurp("/proc/self/status");
	int sig = 0;

	num("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	num("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	num("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0);
	num("pdeathsig", sig);
	copy = strdup(status ? status : "");
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[32], value[64];

		if (sscanf(line, "%31[^:]: %63s", name, value) != 2)
			continue;
		if (!strcmp(name, "SigBlk") || !strcmp(name, "SigIgn") ||
		    !strcmp(name, "Seccomp_filters"))
			text(name, value);
	}
	free(copy);
	text("label", slurp("/proc/self/attr/current"));
	text("apparmor_label", slurp("/proc/self/attr/apparmor/current"));
}

static const char *const rlimit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "RLIMIT_CPU",	       [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_DATA] = "RLIMIT_DATA",	       [RLIMIT_STACK] = "RLIMIT_STACK",
	[RLIMIT_CORE] = "RLIMIT_CORE",	       [RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

static void show_rlimits(void)
{
	key("rlimits");
	open_with('{');
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		struct rlimit limit;

		if (!rlimit_names[i] || getrlimit((__rlimit_resource_t)i, &limit) < 0)
			continue;
		key(rlimit_names[i]);
		open_with('{');
		/* as text where it is "unlimited": jq's numbers are doubles */
		if (limit.rlim_cur == RLIM_INFINITY)
			text("soft", "unlimited");
		else
			num("soft", (long long)limit.rlim_cur);
		if (limit.rlim_max == RLIM_INFINITY)
			text("hard", "unlimited");
		else
			num("hard", (long long)limit.rlim_max);
		close_with('}');
	}
	close_with('}');
}

/* struct sched_attr of sched_setattr(2); no header of this C library has it */
struct probe_sched {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static void show_scheduling(void)
{
	struct probe_sched attr = { 0 };
	cpu_set_t cpus;
	int io = (int)syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
	unsigned long nodes[16] = { 0 };
	int mode = -1;
	const char *score = slurp("/proc/self/oom_score_adj");

	if (score)
		num("oom_score_adj", atoll(score));
	num("personality", personality(0xffffffff));
	syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
	key("scheduler");
	open_with('{');
	num("policy", attr.policy);
	num("flags", (long long)attr.flags);
	num("nice", attr.nice);
	num("priority", attr.priority);
	num("runtime", (long long)attr.runtime);
	num("deadline", (long long)attr.deadline);
	num("period", (long long)attr.period);
	close_with('}');
	num("ioprio_class", io < 0 ? -1 : io >> 13);
	num("ioprio_level", io < 0 ? -1 : io & 7);
	key("cpus");
	open_with('[');
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &cpus)) {
			comma();
			printf("%d", i);
		}
	}
	close_with(']');
	if (syscall(SYS_get_mempolicy, &mode, nodes, 1024ul, NULL, 0ul) == 0) {
		num("mempolicy_mode", mode);
		num("mempolicy_nodes", (long long)nodes[0]);
	}
}

static void show_namespaces(void)
{
	static const char *const files[] = { "cgroup", "ipc",  "mnt",  "net",
					     "pid",    "time", "user", "uts" };
	struct utsname uts;

	key("ns");
	open_with('{');
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64], target[64] = "";
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", files[i]);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0)
			text(files[i], target);
	}
	close_with('}');
	if (uname(&uts) == 0) {
		text("hostname", uts.nodename);
		text("domainname", uts.domainname);
		text("machine", uts.machine);
	}
	lines("uid_map", "/proc/self/uid_map");
	lines("gid_map", "/proc/self/gid_map");
	text("setgroups", slurp("/proc/self/setgroups"));
	lines("timens_offsets", "/proc/self/timens_offsets");
	lines("cgroup", "/proc/self/cgroup");
}

static void show_clocks(void)
{
	struct timespec boot, mono;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	num("boottime", boot.tv_sec);
	num("monotonic", mono.tv_sec);
}

/* One line of mountinfo, proc(5): id parent maj:min root dest options [propagation...] - type source super */
static void show_mount(char *line)
{
	char *f[64], *save = NULL;
	size_t n = 0, sep = 0;

	for (char *w = strtok_r(line, " ", &save); w && n < 64; w = strtok_r(NULL, " ", &save)) {
		if (!sep && n >= 6 && !strcmp(w, "-"))
			sep = n;
		f[n++] = w;
	}
	if (!sep || n < sep + 4)
		return;
	comma();
	open_with('{');
	text("root", f[3]);
	text("dest", f[4]);
	text("options", f[5]);
	key("propagation");
	open_with('[');
	for (size_t i = 6; i < sep; i++)
		item(f[i]);
	close_with(']');
	text("type", f[sep + 1]);
	text("source", f[sep + 2]);
	text("super", f[sep + 3]);
	close_with('}');
}

static void show_mounts(void)
{
	const char *all = slurp("/proc/self/mountinfo");
	char *copy = all ? strdup(all) : NULL, *save = NULL;

	if (!copy) {
		text("mounts", NULL);
		return;
	}
	key("mounts");
	open_with('[');
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		show_mount(l);
	close_with(']');
	free(copy);
}

static void show_stat(const char *path)
{
	struct stat st;
	char target[4096];
	ssize_t n;

	open_with('{');
	text("path", path);
	if (lstat(path, &st) < 0) {
		num("errno", errno);
		close_with('}');
		return;
	}
	text("type", S_ISCHR(st.st_mode)    ? "c"
		     : S_ISBLK(st.st_mode)  ? "b"
		     : S_ISFIFO(st.st_mode) ? "p"
		     : S_ISDIR(st.st_mode)  ? "d"
		     : S_ISLNK(st.st_mode)  ? "l"
		     : S_ISSOCK(st.st_mode) ? "s"
					    : "f");
	num("mode", st.st_mode & 07777);
	num("uid", st.st_uid);
	num("gid", st.st_gid);
	num("size", st.st_size);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		num("major", major(st.st_rdev));
		num("minor", minor(st.st_rdev));
	}
	if (S_ISLNK(st.st_mode) && (n = readlink(path, target, sizeof(target) - 1)) >= 0) {
		target[n] = 0;
		text("target", target);
	}
	close_with('}');
}

static void show_devices(void)
{
	DIR *dir = opendir("/dev");
	struct dirent *e;

	key("dev");
	open_with('[');
	while (dir && (e = readdir(dir))) {
		char path[512];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		comma();
		show_stat(path);
	}
	if (dir)
		closedir(dir);
	close_with(']');
}

static void show_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	key("fds");
	open_with('{');
	while (dir && (e = readdir(dir))) {
		char path[300], target[4096];
		ssize_t n;

		if (e->d_name[0] == '.' || atoi(e->d_name) == dirfd(dir))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		text(e->d_name, target);
	}
	if (dir)
		closedir(dir);
	close_with('}');
}

static void show_tty(void)
{
	struct winsize size = { 0 };
	int fd;

	key("tty");
	open_with('{');
	key("stdio");
	open_with('[');
	for (int i = 0; i < 3; i++) {
		comma();
		fputs(isatty(i) ? "true" : "false", stdout);
	}
	close_with(']');
	text("name", isatty(0) ? ttyname(0) : NULL);
	if (isatty(0) && ioctl(0, TIOCGWINSZ, &size) == 0) {
		num("rows", size.ws_row);
		num("cols", size.ws_col);
	}
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	boolean("controlling", fd >= 0);
	if (fd >= 0)
		close(fd);
	close_with('}');
}

static void show_keyring(void)
{
	char text_buf[256] = "";
	long id = syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* session keyring */, 0);

	num("keyring", id);
	if (id > 0 &&
	    syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, id, text_buf, sizeof(text_buf) - 1) > 0)
		text("keyring_description", text_buf);
}

static void show_links(void)
{
	struct if_nameindex *list = if_nameindex();
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	key("links");
	open_with('{');
	for (struct if_nameindex *i = list; i && i->if_index; i++) {
		struct ifreq req = { 0 };

		memcpy(req.ifr_name, i->if_name, strnlen(i->if_name, IFNAMSIZ - 1));
		ioctl(sock, SIOCGIFFLAGS, &req);
		text(i->if_name, req.ifr_flags & IFF_UP ? "up" : "down");
	}
	close_with('}');
	if (list)
		if_freenameindex(list);
	if (sock >= 0)
		close(sock);
}

static const struct section {
	const char *name;
	void (*show)(void);
} sections[] = {
	{ "args", show_args },
	{ "caps", show_caps },
	{ "clocks", show_clocks },
	{ "dev", show_devices },
	{ "fds", show_fds },
	{ "ids", show_ids },
	{ "keyring", show_keyring },
	{ "links", show_links },
	{ "mounts", show_mounts },
	{ "namespaces", show_namespaces },
	{ "rlimits", show_rlimits },
	{ "scheduling", show_scheduling },
	{ "security", show_security },
	{ "tty", show_tty },
	{ NULL, NULL },
};

/* --- questions: KEY=VALUE that adds to the output --- */

static void ask_sysctl(const char *name)
{
	char path[512] = "/proc/sys/";
	size_t len = strlen(path);

	snprintf(path + len, sizeof(path) - len, "%s", name);
	for (char *p = path + len; *p; p++)
		if (*p == '.')
			*p = '/';
	text(name, slurp(path));
}

/* A directory is tried by making a file in it, anything else by opening it for writing. */
static void ask_try(const char *path)
{
	char made[4200], byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e = fd < 0 ? errno : 0;
	struct stat st = { 0 };
	ssize_t n = -1;

	key(path);
	open_with('{');
	num("open", e);
	if (fd >= 0) {
		fstat(fd, &st);
		n = read(fd, &byte, 1);
		num("read", n < 0 ? errno : 0);
		num("bytes", n < 0 ? 0 : n);
		close(fd);
	}
	if (S_ISDIR(st.st_mode)) {
		DIR *dir = opendir(path);
		struct dirent *d;
		int entries = 0;

		while (dir && (d = readdir(dir)))
			entries += d->d_name[0] != '.';
		if (dir)
			closedir(dir);
		num("entries", entries);
		snprintf(made, sizeof(made), "%s/.probe", path);
		fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} else {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	num("write", fd < 0 ? errno : 0);
	if (fd >= 0) {
		close(fd);
		if (S_ISDIR(st.st_mode))
			unlink(made);
	}
	close_with('}');
}

static void ask_text(const char *path)
{
	text(path, slurp(path));
}

static void ask_stat(const char *path)
{
	key(path);
	show_stat(path);
}

/* NUMBER[,ARGUMENT...]: errno of that system call, 0 when it succeeds */
static void ask_call(const char *value)
{
	unsigned long v[7] = { 0 };
	const char *at = value;
	char *end;

	for (int i = 0; i < 7 && *at; i++) {
		v[i] = strtoul(at, &end, 0);
		at = *end == ',' ? end + 1 : end;
		if (*end != ',')
			break;
	}
	num(value, syscall((long)v[0], v[1], v[2], v[3], v[4], v[5], v[6]) < 0 ? errno : 0);
}

static const struct question {
	const char *name; /* of the argument and of the object in the output */
	void (*ask)(const char *value);
} questions[] = {
	{ "sysctl", ask_sysctl }, { "try", ask_try },	{ "stat", ask_stat },
	{ "text", ask_text },	  { "call", ask_call }, { NULL, NULL },
};

static void answer(const struct question *q)
{
	size_t len = strlen(q->name);
	bool any = false;

	for (int i = 1; i < arg_count; i++) {
		const char *a = arg_list[i];

		if (strncmp(a, q->name, len) != 0 || a[len] != '=')
			continue;
		if (!any) {
			key(q->name);
			open_with('{');
		}
		any = true;
		q->ask(a + len + 1);
	}
	if (any)
		close_with('}');
}

/* --- acts, once all is printed --- */

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

static int wait_for_signal(bool deaf)
{
	struct sigaction act = { .sa_handler = deaf ? SIG_IGN : on_signal };
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &old);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	while (!stop)
		sigsuspend(&old);
	return 0;
}

static void say_in(const char *dir, const char *name, const char *text)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			perror(path);
		close(fd);
	}
}

/* For ever: make the mount writable that any other process runs from. DIR/tried and DIR/thawed say which. */
static void thaw(const char *dir)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	struct dirent *d;

	for (;;) {
		DIR *proc = opendir("/proc");

		while (proc && (d = readdir(proc))) {
			char path[4200], link[4096] = "";
			int fd;

			if (atoi(d->d_name) <= 1)
				continue;
			snprintf(path, sizeof(path), "/proc/%s/exe", d->d_name);
			if (readlink(path, link, sizeof(link) - 1) < 0 || strstr(link, "/bin/"))
				continue;
			fd = open(path, O_PATH | O_CLOEXEC);
			if (fd < 0)
				continue;
			snprintf(path, sizeof(path), "%s\n", link);
			say_in(dir, "tried", path);
			if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
				    sizeof(attr)) == 0)
				say_in(dir, "thawed", path);
			close(fd);
		}
		if (proc)
			closedir(proc);
	}
}

/* The word after "KEY:" in a status of proc(5) */
static const char *word_of(const char *status, const char *key, char word[64])
{
	const char *at = status ? strstr(status, key) : NULL;

	word[0] = 0;
	if (at)
		sscanf(at + strlen(key), "%63s", word);
	return word;
}

/* A file of proc(5) whose text has zeros in it, into DIR/words */
static void say_words(const char *dir, pid_t pid, const char *file)
{
	char path[300], words[65536];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof(words) - 2);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (!words[i])
			words[i] = ' ';
	if (n > 0) {
		memcpy(words + n, "\n", 2);
		say_in(dir, "words", words);
	}
}

/* "NAME CapPrm CapEff: LINK...", the links being those of its descriptors */
static void say_held(const char *dir, pid_t pid)
{
	char path[300], line[8192], name[64], permitted[64], effective[64];
	const char *status;
	struct dirent *d;
	size_t len;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = slurp(path);
	len = (size_t)snprintf(line, sizeof(line), "%s %s %s:", word_of(status, "Name:", name),
			       word_of(status, "CapPrm:", permitted),
			       word_of(status, "CapEff:", effective));
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	while (fds && (d = readdir(fds)) && len < sizeof(line) - 4200) {
		char link[4096] = "";

		if (atoi(d->d_name) <= 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, d->d_name);
		if (readlink(path, link, sizeof(link) - 1) > 0)
			len += (size_t)snprintf(line + len, sizeof(line) - len, " %s", link);
	}
	if (fds)
		closedir(fds);
	snprintf(line + len, sizeof(line) - len, "\n");
	say_in(dir, "seized", line);
	say_words(dir, pid, "cmdline");
	say_words(dir, pid, "environ");
}

/* Trace the next process there will be, in its first moments. Pids are given in order, so nobody has to look
 * for it. */
static pid_t seize_next(const char *dir)
{
	enum { AHEAD = 4 };
	static pid_t next;

	if (!next) {
		next = fork();
		if (next == 0)
			_exit(0);
		waitpid(next++, NULL, 0);
		say_in(dir, "ready", "");
	}
	for (pid_t p = next;; p = p < next + AHEAD ? p + 1 : next) {
		if (ptrace(PTRACE_SEIZE, p, 0, 0) < 0)
			continue;
		next = p + 1;
		return p;
	}
}

static void seize(const char *dir)
{
	int status;

	for (;;) {
		pid_t p = seize_next(dir);

		if (ptrace(PTRACE_INTERRUPT, p, 0, 0) == 0 && waitpid(p, &status, __WALL) == p &&
		    WIFSTOPPED(status)) {
			say_held(dir, p);
			ptrace(PTRACE_DETACH, p, 0, 0);
		}
	}
}

/* For ever: trace the next process, and be slow to take in its end, of which its parent is told after us. */
static void hold(const char *dir)
{
	int status;

	for (;;) {
		pid_t p = seize_next(dir);

		say_in(dir, "held", "1");
		do {
			usleep(200000);
			if (waitpid(p, &status, __WALL) == p && WIFSTOPPED(status))
				ptrace(PTRACE_CONT, p, 0, 0);
		} while (WIFSTOPPED(status));
	}
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void start_threads(int n)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	while (r == 0 && n-- > 0)
		r = pthread_create(&thread, &attr, wait_for_ever, NULL);
	if (r != 0) {
		fprintf(stderr, "probe: threads: %s\n", strerror(r));
		exit(99);
	}
}

static int act(const char *name, const char *value)
{
	if (!strcmp(name, "ready")) {
		int fd = open(value, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0 || close(fd) < 0) {
			perror(value);
			return 99;
		}
	} else if (!strcmp(name, "fork")) {
		for (int n = atoi(value); n > 0; n--) {
			pid_t pid = fork();

			if (pid == 0)
				exit(wait_for_signal(false));
		}
	} else if (!strcmp(name, "threads")) {
		start_threads(atoi(value));
	} else if (!strcmp(name, "thaw")) {
		thaw(value);
	} else if (!strcmp(name, "seize")) {
		seize(value);
	} else if (!strcmp(name, "hold")) {
		hold(value);
	} else if (!strcmp(name, "pause")) {
		exit(wait_for_signal(false));
	} else if (!strcmp(name, "deaf")) {
		exit(wait_for_signal(true));
	} else if (!strcmp(name, "raise")) {
		struct sigaction plain = { .sa_handler = SIG_DFL };

		sigaction(atoi(value), &plain, NULL);
		kill(getpid(), atoi(value));
	} else if (!strcmp(name, "exit")) {
		exit(atoi(value));
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool any = false;
	int r = 0;

	arg_count = argc;
	arg_list = argv;
	for (int i = 1; i < argc; i++)
		any |= strchr(argv[i], '=') == NULL;
	open_with('{');
	for (const struct section *s = sections; s->name; s++) {
		bool wanted = !any && argc == 1;

		for (int i = 1; i < argc; i++)
			wanted |= !strcmp(argv[i], s->name) || !strcmp(argv[i], "all");
		if (wanted)
			s->show();
	}
	for (const struct question *q = questions; q->name; q++)
		answer(q);
	puts("}");
	if (fflush(stdout))
		return 98;
	for (int i = 1; i < argc && r == 0; i++) {
		char *name = strdup(argv[i]); /* argv is what ps(1) shows */
		char *eq = name ? strchr(name, '=') : NULL;

		if (eq) {
			*eq = 0;
			r = act(name, eq + 1);
		}
		free(name);
	}
	return r;
}
