/* test_base.c - errors, text, numbers, processes: the parts that know nothing of containers */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"
#include "runbox/str.h"
#include "tap.h"

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4294967295", 0, 4294967295u },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
	};
	int64_t i = 0;
	uint32_t u = 0;

	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		uint64_t v = 0;
		int r = rb_parse_u64(cases[k].text, &v);

		ok(r == cases[k].r && v == cases[k].value, "u64 of '%s'", cases[k].text);
	}
	ok(rb_parse_i64("-9223372036854775808", &i) == 0 && i == INT64_MIN, "the least int64");
	ok(rb_parse_i64("-9223372036854775809", &i) == -ERANGE, "one less than the least int64");
	ok(rb_parse_i64("9223372036854775808", &i) == -ERANGE, "one more than the greatest int64");
	ok(rb_parse_i64("--1", &i) == -EINVAL, "two signs");
	ok(rb_parse_u32("4294967296", &u) == -ERANGE, "more than 32 bits");
}

static void test_escapes(void)
{
	static const struct {
		const char *text, *json, *plain;
	} cases[] = {
		{ "a/b", "\"a/b\"", "a/b" },
		{ "\"\\", "\"\\\"\\\\\"", "\"\\\\" },
		{ "\x1b[31m", "\"\\u001b[31m\"", "\\x1b[31m" },
		{ "\xc2\x9b", "\"\xc2\x9b\"", "\\xc2\\x9b" }, /* C1 control: CSI */
		{ "\xff"
		  "a",
		  "\"\xef\xbf\xbd"
		  "a\"",
		  "\\xffa" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"", "\\xc0\\xaf" }, /* overlong '/' */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
		  "\\xed\\xa0\\x80" }, /* surrogate */
		{ "\xe2\x82\xac", "\"\xe2\x82\xac\"", "\xe2\x82\xac" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"", "\\xe2\\x82" }, /* cut short */
		{ "a\nb", "\"a\\nb\"", "a\\x0ab" },
	};

	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		rb_autobuf json = { 0 }, plain = { 0 };

		rb_buf_json(&json, cases[k].text);
		rb_buf_escaped(&plain, cases[k].text, 0);
		is_str(json.data, cases[k].json, "as a JSON string");
		is_str(plain.data, cases[k].plain, "for a terminal");
	}
}

static void test_errors(void)
{
	struct rb_err err = { 0 };
	char text[1024], big[600];

	ok(rb_fail_sys(&err, EPERM, "mount %s on %s", "proc", "/proc") == -EPERM,
	   "a failed call gives -errno");
	ok(rb_fail(&err, RB_ERR_USAGE, "second") == -EINVAL && err.kind == RB_ERR_SYS,
	   "the first failure wins");
	ok(rb_fail_add(&err, "create %s", "web") == -EPERM, "context keeps the errno");
	rb_err_at(&err, "mounts[0]");
	(void)snprintf(err.step, sizeof(err.step), "07 mount");
	rb_err_format(&err, text, sizeof(text));
	is_str(text,
	       "create web: mount proc on /proc: Operation not permitted"
	       " (step 07 mount, config.json mounts[0], EPERM)",
	       "the whole line");

	err = (struct rb_err) { 0 };
	(void)rb_fail_sys(&err, ENOENT, "open x");
	rb_err_format(&err, text, sizeof(text));
	is_str(text, "open x: missing (ENOENT)",
	       "ENOENT without the words that mean a missing program");

	/* of a process that somebody in a container may have taken over, also the step */
	err = (struct rb_err) { .kind = RB_ERR_SYS,
				.step = "\033[1",
				.at = "\033[2",
				.msg = "\033[3",
				.hint = "\033[4" };
	rb_err_format(&err, text, sizeof(text));
	ok(!strchr(text, '\033'), "nothing of it reaches the terminal as it is");

	err = (struct rb_err) { 0 };
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)rb_fail(&err, RB_ERR_CONFIG, "%s", big);
	ok(strlen(err.msg) == sizeof(err.msg) - 1 &&
		   rb_streq(err.msg + strlen(err.msg) - 3, "\xe2\x80\xa6"),
	   "long text ends in an ellipsis");
	(void)rb_fail_add(&err, "outer");
	ok(rb_startswith(err.msg, "outer: xxx") &&
		   rb_streq(err.msg + strlen(err.msg) - 3, "\xe2\x80\xa6"),
	   "and still does with context");
	rb_err_format(&err, text, 20);
	ok(strlen(text) == 19, "a small buffer is terminated");
}

static void test_arena(void)
{
	struct rb_arena a = { 0 };
	char *p = rb_arena_printf(&a, "%s-%d", "a", 7), *big = rb_arena_alloc(&a, 100000);

	is_str(p, "a-7", "printf into an arena");
	ok(big[0] == 0 && big[99999] == 0, "memory is zeroed");
	is_str(rb_arena_strndup(&a, "abcdef", 3), "abc", "a part of a string");
	rb_arena_done(&a);
	ok(a.top == NULL, "an arena may be used again");
}

static void test_process(void)
{
	uint64_t start = 0, other = 0;
	rb_autofd fd = -1;
	char state = 0;
	pid_t pid;

	ok(rb_proc_stat(getpid(), &state, &start) == 0 && start > 0, "start time of this process");
	ok(rb_proc_alive(getpid(), start), "this process is alive");
	ok(!rb_proc_alive(getpid(), start + 1), "another start time is another process");
	ok(rb_proc_open(getpid(), start + 1, &fd) == -ESRCH && fd == -1, "and cannot be opened");
	ok(rb_proc_open(0, start, &fd) == -ESRCH, "pid 0 is nobody");
	pid = fork();
	if (pid == 0)
		_exit(0);
	(void)waitid(P_PID, (id_t)pid, &(siginfo_t) { 0 }, WEXITED | WNOWAIT);
	ok(rb_proc_stat(pid, &state, &other) == 0 && state == 'Z' && !rb_proc_alive(pid, other),
	   "a zombie is not alive");
	(void)waitpid(pid, NULL, 0);
	ok(rb_proc_stat(pid, NULL, &other) == -ESRCH, "a reaped process is gone");
}

static void test_files(void)
{
	char dir[] = "/tmp/runbox-test-XXXXXX";
	rb_autofd fd = -1;
	rb_autofree char *text = NULL;
	struct stat st;
	size_t len = 0;

	if (!mkdtemp(dir))
		return;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ok(rb_replace_file(fd, "f", "one", 3, 0600) == 0 &&
		   rb_replace_file(fd, "f", "two!", 4, 0600) == 0,
	   "a file is replaced");
	ok(rb_read_file(fd, "f", 4, &text, &len) == 0 && len == 4 && rb_streq(text, "two!"),
	   "and read back");
	ok(fstatat(fd, "f", &st, 0) == 0 && (st.st_mode & 0777) == 0600, "with the mode asked for");
	rb_freep(&text);
	text = NULL;
	ok(rb_read_file(fd, "f", 3, &text, &len) == -EFBIG, "more than the limit is refused");
	ok(symlinkat("/nowhere/else", fd, "link") == 0 &&
		   rb_replace_file(fd, "link", "x", 1, 0600) == 0 &&
		   fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode),
	   "a link in the way is replaced, not followed");
	(void)unlinkat(fd, "f", 0);
	(void)unlinkat(fd, "link", 0);
	ok(rmdir(dir) == 0, "nothing else is left in the directory");
}

static void test_long_socket(void)
{
	char dir[] = "/tmp/runbox-test-XXXXXX", path[400];
	rb_autofd listener = -1, conn = -1;
	size_t n;

	if (!mkdtemp(dir))
		return;
	n = (size_t)snprintf(path, sizeof(path), "%s/", dir);
	memset(path + n, 'd', 150);
	path[n + 150] = '\0';
	(void)mkdir(path, 0700);
	(void)snprintf(path + n + 150, sizeof(path) - n - 150, "/sock");
	ok(rb_unix_listen(AT_FDCWD, path, SOCK_SEQPACKET, &listener) == 0,
	   "listen at a path over 107 bytes");
	ok(rb_unix_connect(AT_FDCWD, path, SOCK_SEQPACKET, &conn) == 0, "and connect to it");
	rb_closep(&conn);
	rb_closep(&listener);
	ok(rb_unix_connect(AT_FDCWD, path, SOCK_SEQPACKET, &conn) == -ECONNREFUSED,
	   "refused when nobody listens");
	(void)unlink(path);
	path[n + 150] = '\0';
	(void)rmdir(path);
	ok(rmdir(dir) == 0, "nothing is left");
}

static void *outlive(void *arg)
{
	(void)pause();
	return arg;
}

static void test_pass_fd(void)
{
	char head, rest[8] = "";
	struct iovec iov[2] = { { &head, 1 }, { rest, sizeof(rest) } };
	int pair[2], pipe_fds[2], fd = 99;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || pipe(pipe_fds) < 0)
		return;
	ok(rb_send_fd(pair[0], "Fabc", 4, pipe_fds[1]) == 0, "send a descriptor");
	is_num(rb_recv_fd(pair[1], iov, 2, &fd), 4, "receive what came with it");
	ok(head == 'F' && memcmp(rest, "abc", 4) == 0, "in both parts");
	ok(fcntl(fd, F_GETFD) == FD_CLOEXEC, "it is closed on exec");
	rb_closep(&pipe_fds[1]);
	ok(fd >= 0 && write(fd, "x", 1) == 1 && read(pipe_fds[0], &head, 1) == 1 && head == 'x',
	   "and is what was sent");
	rb_closep(&fd);
	rb_closep(&pipe_fds[0]);
	fd = 99;
	ok(send(pair[0], "T", 1, 0) == 1 && rb_recv_fd(pair[1], iov, 2, &fd) == 1 && fd == -1,
	   "none came");
	rb_closep(&pair[0]);
	fd = 99;
	ok(rb_recv_fd(pair[1], iov, 2, &fd) == 0 && fd == -1, "the end");
	rb_closep(&pair[1]);
	ok(rb_recv_fd(-1, iov, 2, &fd) == -EBADF && fd == -1, "no socket");
}

/* A process whose first thread has ended looks like a zombie in /proc, and runs. */
static void test_thread_leader(void)
{
	pid_t pid = fork();
	const uint64_t end_ns = rb_now_ns() + 20000000000; /* of a machine under load */
	char state = '?', raw[64] = "";
	uint64_t start = 0;
	pthread_t thread;

	if (pid == 0) {
		if (pthread_create(&thread, NULL, outlive, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	while (!strstr(raw, ") Z ") && rb_now_ns() < end_ns) {
		rb_autofree char *text = NULL;
		char path[32];

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (rb_read_file(AT_FDCWD, path, 4096, &text, NULL) == 0)
			(void)snprintf(raw, sizeof(raw), "%.60s", text);
		(void)sched_yield();
	}
	ok(strstr(raw, ") Z ") != NULL, "its first thread has ended: %s", raw);
	ok(rb_proc_stat(pid, &state, &start) == 0 && state == 'S', "it is no zombie: %c", state);
	ok(rb_proc_alive(pid, start), "it is alive");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(!rb_proc_alive(pid, start), "and then it is not");
}

static void *tell_tid(void *arg)
{
	int *pipe_fds = arg;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char word;

	(void)!write(pipe_fds[1], &tid, sizeof(tid));
	(void)!read(pipe_fds[2], &word, 1);
	return NULL;
}

/* The pid of what was a process and has been reaped may be a mere thread's by now: it is gone, in
 * the words of all kernels. */
static void test_thread(void)
{
	int pipes[4] = { -1, -1, -1, -1 }, fd = -1;
	pthread_t thread;
	pid_t tid = 0;

	if (pipe(pipes) < 0 || pipe(pipes + 2) < 0 ||
	    pthread_create(&thread, NULL, tell_tid, pipes))
		return;
	ok(read(pipes[0], &tid, sizeof(tid)) == sizeof(tid) && tid != getpid(), "a thread");
	is_num(rb_proc_open(tid, 1, &fd), -ESRCH, "is no process");
	rb_closep(&pipes[3]);
	(void)pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		rb_closep(&pipes[i]);
}

/* Around the size of the first piece, by malloc and in an arena. */
static void test_read_sizes(void)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	rb_autoarena arena = { 0 };
	char dir[] = "/tmp/rb-read-XXXXXX";
	int dir_fd = mkdtemp(dir) ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!ok(dir_fd >= 0, "a directory"))
		return;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i], len = 1, len_to = 1;
		rb_autofree char *want = rb_xmalloc(size + 1), *got = NULL;
		char *to = NULL, *none = NULL;

		for (size_t k = 0; k < size; k++)
			want[k] = (char)('a' + k % 23);
		ok(rb_replace_file(dir_fd, "f", want, size, 0600) == 0 &&
			   rb_read_file(dir_fd, "f", size, &got, &len) == 0 && len == size &&
			   got[len] == '\0' && memcmp(got, want, size) == 0,
		   "read %zu bytes", size);
		ok(rb_read_file_to(&arena, dir_fd, "f", size, &to, &len_to) == 0 &&
			   len_to == size && to[len_to] == '\0' && memcmp(to, want, size) == 0,
		   "in an arena, too");
		ok(size == 0 ||
			   (rb_read_file(dir_fd, "f", size - 1, &none, NULL) == -EFBIG && !none),
		   "not one more than asked for");
	}
	(void)unlinkat(dir_fd, "f", 0);
	(void)rmdir(dir);
	rb_closep(&dir_fd);
}

static void test_beside(void)
{
	cpu_set_t ours, theirs;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			(void)pause();
	(void)sched_getaffinity(0, sizeof(ours), &ours);
	rb_proc_beside(pid);
	if (!ok(sched_getaffinity(pid, sizeof(theirs), &theirs) == 0, "where it may run"))
		return;
	is_num(CPU_COUNT(&theirs), CPU_COUNT(&ours) > 1 ? CPU_COUNT(&ours) - 1 : 1,
	       "on all processors but ours");
	CPU_AND(&theirs, &theirs, &ours);
	ok(CPU_COUNT(&theirs) > 0, "of those that we may use");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* As many that run as there are processors: then none is idle. */
static void test_idle_cpu(void)
{
	enum { MAX = 256 };
	pid_t pids[MAX];
	cpu_set_t ours;
	int n, busy = 0;

	(void)sched_getaffinity(0, sizeof(ours), &ours);
	n = CPU_COUNT(&ours) < MAX ? CPU_COUNT(&ours) : MAX;
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			for (volatile unsigned k = 0;; k++)
				;
	}
	for (int i = 0; i < 100000 && !busy; i++) {
		busy = !rb_proc_idle_cpu();
		(void)sched_yield();
	}
	ok(busy, "no processor is idle");
	for (int i = 0; i < n; i++) {
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
}

int main(void)
{
	test_numbers();
	test_escapes();
	test_errors();
	test_arena();
	test_process();
	test_thread_leader();
	test_thread();
	test_files();
	test_read_sizes();
	test_beside();
	test_idle_cpu();
	test_long_socket();
	test_pass_fd();
	return tap_done();
}
