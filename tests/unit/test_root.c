/* test_root.c - paths in a hostile root file system: nothing that is opened or made lies outside
 *
 * Everything runs twice: with the kernel's openat2(2), and below a seccomp filter that answers
 * ENOSYS to it, so that the walk is tested too. The races: a process exchanges a directory with a
 * link to the outside, as fast as it can, while paths through it are resolved.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "tap.h"

#define RACES 3000

static char top[] = "/tmp/runbox-test-root-XXXXXX";
static const char *how;
static int root_fd;

static void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* top/out is the host, top/root the container's root; both hold "secret" and "dir/f". */
static int build(void)
{
	if (!mkdtemp(top) || chdir(top) < 0 || mkdir("root", 0755) < 0 || mkdir("out", 0755) < 0)
		return -1;
	if (mkdir("root/dir", 0755) < 0 || mkdir("root/dir/sub", 0755) < 0 ||
	    mkdir("out/dir", 0755) < 0 || mkdir("out/dir/sub", 0755) < 0)
		return -1;
	make_file("out/secret", "outside");
	make_file("root/secret", "inside");
	make_file("out/dir/f", "outside");
	make_file("root/dir/f", "inside");
	make_file("out/dir/sub/f", "outside");
	make_file("root/dir/sub/f", "inside");
	return symlink("../out", "root/up") | symlink("/secret", "root/abs") |
	       symlink("../../../../secret", "root/far") | symlink("loop2", "root/loop1") |
	       symlink("loop1", "root/loop2") | symlink("/made/by/link", "root/dangling") |
	       symlink("../out/made", "root/dangling_up") | symlink("dir", "root/dlink") |
	       symlink("/proc/self/cwd", "root/magic") |
	       symlink("dir/sub/../../../../out", "root/maze");
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void name_of(char *buf, size_t size, const char *what)
{
	(void)snprintf(buf, size, "%s: %s", how, what);
}

static const struct {
	const char *path;
	int flags;
	int ret;
	const char *text; /* what is read there, NULL: not read */
} opens[] = {
	{ "/secret", O_RDONLY, 0, "inside" },
	{ "secret", O_RDONLY, 0, "inside" },
	{ "//dir//./sub/../f", O_RDONLY, 0, "inside" },
	{ "../../../secret", O_RDONLY, 0, "inside" },
	{ "/dir/../../../../secret", O_RDONLY, 0, "inside" },
	{ "/abs", O_RDONLY, 0, "inside" },
	{ "/far", O_RDONLY, 0, "inside" },
	{ "/dlink/f", O_RDONLY, 0, "inside" },
	{ "/dlink/sub/../../secret", O_RDONLY, 0, "inside" },
	{ "/up/secret", O_RDONLY, -ENOENT, NULL },
	{ "/maze/secret", O_RDONLY, -ENOENT, NULL },
	{ "/loop1", O_RDONLY, -ELOOP, NULL },
	{ "/dangling", O_RDONLY, -ENOENT, NULL },
	{ "/abs", O_RDONLY | O_NOFOLLOW, -ELOOP, NULL },
	{ "/abs", O_PATH | O_NOFOLLOW, 0, NULL },
	{ "/secret/", O_RDONLY, -ENOTDIR, NULL },
	{ "/secret/x", O_RDONLY, -ENOTDIR, NULL },
	{ "/dlink/", O_PATH | O_DIRECTORY, 0, NULL },
	{ "/", O_PATH | O_DIRECTORY, 0, NULL },
	{ "", O_PATH | O_DIRECTORY, 0, NULL },
	{ "/none", O_PATH, -ENOENT, NULL },
};

static void test_open(void)
{
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		char name[128], text[32] = "";
		rb_autofd fd = -1;
		int r = rb_root_open(root_fd, opens[i].path, opens[i].flags, &fd);

		(void)snprintf(name, sizeof(name), "%s: open %s%s", how, opens[i].path,
			       opens[i].flags & O_NOFOLLOW ? " (nofollow)" : "");
		is_num(r, opens[i].ret, name);
		if (r == 0 && opens[i].text && read(fd, text, sizeof(text) - 1) >= 0)
			is_str(text, opens[i].text, name);
		if (r == 0)
			ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s, closed on exec", name);
	}
}

static void test_strict(void)
{
	rb_autofd fd = -1, none = -1;
	char name[128];

	name_of(name, sizeof(name), "strict: a plain path");
	is_num(rb_root_open_strict(root_fd, "/dir/sub", O_PATH, &fd), 0, name);
	name_of(name, sizeof(name), "strict: a link on the way");
	is_num(rb_root_open_strict(root_fd, "/dlink/sub", O_PATH, &none), -ELOOP, name);
}

/* A link of procfs that leads to a place, not to a path, must not be followed out. */
static void test_magic(void)
{
	rb_autofd slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct stat out, got;
	char path[64], name[128];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/secret", root_fd);
	r = rb_root_open(slash, path, O_RDONLY, &fd);
	name_of(name, sizeof(name), "magic link: refused, or taken as the path it shows");
	ok(r < 0 || (fstat(fd, &got) == 0 && stat("root/secret", &out) == 0 &&
		     got.st_ino == out.st_ino),
	   "%s", name);
	rb_closep(&fd);
	name_of(name, sizeof(name), "magic link: a name that is none inside the root");
	ok(rb_root_open(root_fd, "/magic/out/secret", O_RDONLY, &fd) < 0, "%s", name);
}

static void is_made(const char *path, mode_t type, mode_t mode, const char *what)
{
	struct stat st;
	char name[128];

	name_of(name, sizeof(name), what);
	if (ok(lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type, "%s", name))
		is_num(st.st_mode & 07777, mode, name);
}

static void test_make(void)
{
	rb_autofd a = -1, b = -1, c = -1, d = -1, e = -1, f = -1;
	mode_t mask = umask(077);
	char name[128];

	name_of(name, sizeof(name), "make");
	is_num(rb_root_make(root_fd, "/new/a/b", true, false, &a), 0, name);
	is_made("root/new/a/b", S_IFDIR, 0755, "make: a directory and those on the way");
	is_num(rb_root_make(root_fd, "/new/f", false, false, &b), 0, name);
	is_made("root/new/f", S_IFREG, 0644, "make: an empty file");
	is_num(rb_root_make(root_fd, "/dangling", false, false, &c), 0, name);
	is_made("root/made/by/link", S_IFREG, 0644, "make: the target of a dangling link");
	is_num(rb_root_make(root_fd, "/dangling_up/x", true, false, &d), 0, name);
	is_made("root/out/made/x", S_IFDIR, 0755, "make: a link that climbs stays inside");
	ok(access("out/made", F_OK) < 0, "%s: make: nothing outside", how);
	is_num(rb_root_make(root_fd, "../../esc", true, false, &e), 0, name);
	is_made("root/esc", S_IFDIR, 0755, "make: \"..\" stays inside");
	is_num(rb_root_make(root_fd, "/abs", false, true, &f), 0, name);
	name_of(name, sizeof(name), "make: the link itself, if not to be followed");
	ok(readlinkat(f, "", name, sizeof(name)) > 0, "%s: make: nofollow gives the link itself",
	   how);
	is_num(umask(mask), 077, "make: the caller's umask is as it was");
}

static void test_setgid(void)
{
	rb_autofd fd = -1;
	struct stat st;

	if (mkdir("root/sg", 0755) < 0 || chmod("root/sg", 02755) < 0)
		return;
	is_num(rb_root_make(root_fd, "/sg/x", true, false, &fd), 0,
	       "make below a directory with set-group-ID");
	ok(stat("root/sg/x", &st) == 0 && st.st_mode & S_ISGID, "%s: set-group-ID is inherited",
	   how);
}

static void test_parent(void)
{
	static const char *const bad[] = { "/", "", "/dir/", "/dir/..", "." };
	rb_autofd dir = -1;
	const char *base = NULL;
	struct stat got, want;
	char name[128];

	name_of(name, sizeof(name), "parent: the directory is made");
	is_num(rb_root_parent(root_fd, "/p/q/node", &dir, &base), 0, name);
	is_str(base, "node", name);
	ok(fstat(dir, &got) == 0 && stat("root/p/q", &want) == 0 && got.st_ino == want.st_ino, "%s",
	   name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rb_autofd none = -1;

		(void)snprintf(name, sizeof(name), "%s: parent: \"%s\" has no last name", how,
			       bad[i]);
		is_num(rb_root_parent(root_fd, bad[i], &none, &base), -EINVAL, name);
	}
}

/* For ever: root/race is a directory, then a link to the outside. */
static pid_t start_swapping(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;)
		(void)syscall(SYS_renameat2, AT_FDCWD, "root/race", AT_FDCWD, "root/other",
			      2 /* EXCHANGE */);
}

static bool is_outside(int fd)
{
	char text[8] = "";

	return pread(fd, text, 7, 0) == 7 && strcmp(text, "outside") == 0;
}

static void test_race(void)
{
	unsigned outside = 0, opened = 0, made = 0;
	pid_t pid;

	if (mkdir("root/race", 0755) < 0 || symlink(top, "root/other") < 0)
		return;
	make_file("root/race/secret", "inside");
	(void)mkdir("root/race/out", 0755);
	make_file("root/race/out/secret", "inside");
	pid = start_swapping();
	for (unsigned i = 0; i < RACES; i++) {
		rb_autofd fd = -1, up = -1, dir = -1;
		char path[32];

		if (rb_root_open(root_fd, "/race/out/secret", O_RDONLY, &fd) == 0)
			opened++, outside += is_outside(fd);
		if (rb_root_open(root_fd, "/race/out/../../race/out/../out/secret", O_RDONLY,
				 &up) == 0)
			opened++, outside += is_outside(up);
		(void)snprintf(path, sizeof(path), "/race/out/m%u/x", i % 64);
		if (rb_root_make(root_fd, path, true, false, &dir) == 0)
			made++;
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	is_num(outside, 0, "race: nothing outside was opened");
	ok(opened > 0 && made > 0, "%s: race: %u opened, %u made inside", how, opened, made);
	for (unsigned i = 0; i < 64; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "out/m%u", i);
		if (access(path, F_OK) == 0)
			ok(false, "%s: race: %s was made outside", how, path);
	}
}

/* A directory that is moved out of the root while ".." is walked from it. */
static void test_move_out(void)
{
	unsigned outside = 0;
	pid_t pid;

	if (mkdir("root/mv", 0755) < 0 || mkdir("root/mv/a", 0755) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;) {
			(void)rename("root/mv/a", "out/a");
			(void)rename("out/a", "root/mv/a");
		}
	}
	for (unsigned i = 0; i < RACES; i++) {
		rb_autofd fd = -1;

		if (rb_root_open(root_fd, "/mv/a/../secret", O_RDONLY, &fd) == 0)
			outside += is_outside(fd);
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	is_num(outside, 0, "moved away: nothing outside was opened");
}

static int run_all(const char *label)
{
	how = label;
	if (build() != 0) {
		perror("build the test's tree");
		return 1;
	}
	root_fd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_open();
	test_strict();
	test_magic();
	test_make();
	test_setgid();
	test_parent();
	test_race();
	test_move_out();
	close(root_fd);
	(void)chdir("/");
	(void)nftw(top, drop, 16, FTW_DEPTH | FTW_PHYS);
	memcpy(top + sizeof(top) - 7, "XXXXXX", sizeof("XXXXXX"));
	return 0;
}

static bool no_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

int main(void)
{
	if (run_all("openat2") != 0)
		return 1;
	if (!no_openat2())
		skip("the walk without openat2", "seccomp filters are not permitted here");
	else if (run_all("walk") != 0)
		return 1;
	return tap_done();
}
