/* timer.c - runs commands in turns and says how long each took as a whole process
 *
 * timer [-n ROUNDS] [-w WARMUP] [-p PAUSE_MS] [-j JOBS -b BATCH] TRACK...
 * TRACK: -t NAME [-m MOUNTS] {-B ARGV... ';'} -T ARGV... ';' {-A ARGV... ';'}
 *
 * In each round each track runs once: its -B commands, the pause, the timed -T command, its -A
 * commands. The order within a round is shuffled (from a fixed seed), for what one command leaves to
 * the kernel's workers (a dead network namespace, a dying cgroup) slows the one after it. "{n}" in an
 * argument becomes a number that is new for each run. "@wait-dead FILE" as a command waits until the
 * process of that pid file is gone. -m runs the track in a mount namespace with so many more mounts.
 * With -j, a round is BATCH runs of the timed command, JOBS of them at a time, and the figure is runs
 * a second.
 *
 * Time is from before the spawn (vfork and exec) to after the wait; memory is the peak RSS of wait4(2).
 * That is never less than this program's own (the kernel counts what a process had before execve too),
 * so it is kept small. A run that fails is counted, its message kept, and its time not used; a track
 * whose first three runs all fail is given up.
 *
 * Output: a JSON array with an object for each track. Exit 0, also when runs failed; 1 on own trouble.
 * On SIGTERM or SIGINT it ends after the commands that belong to the current run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TRACKS = 32, MAX_CMDS = 6, LIMIT_S = 60, GIVE_UP_AFTER = 3 };

struct cmd {
	char **argv; /* ends where the next entry is ";" */
	int argc;
};

struct track {
	const char *name;
	struct cmd before[MAX_CMDS], timed, after[MAX_CMDS];
	int n_before, n_after;
	int mounts;   /* -1: stay in the caller's mount namespace */
	int mnt_ns;   /* descriptor, -1 if none */
	double *vals; /* microseconds, or runs a second with -j */
	double *cpu; /* microseconds of user and system time, of the command and what it waited for */
	int n_vals, runs, failed;
	long rss_kib; /* the largest */
	char error[200];
};

static struct track tracks[MAX_TRACKS];
static int n_tracks, rounds = 20, warmup = 2, pause_ms, jobs, batch = 32;
static int home_ns = -1, err_fd = -1, null_fd = -1;
static volatile pid_t current; /* what SIGALRM ends */
static volatile sig_atomic_t stopping;

static void die(const char *what) __attribute__((noreturn));
static void die(const char *what)
{
	dprintf(2, "timer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_alarm(int sig)
{
	(void)sig;
	if (current > 0)
		kill(current, SIGKILL);
}

/* What runs is waited for: a runtime that is killed leaves half a container. */
static void on_stop(int sig)
{
	stopping = sig;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double tv_us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* --- running one command --- */

/* Replaces {n} in each argument; the strings live in a buffer that the next call reuses. */
static void expand(const struct cmd *cmd, unsigned long n, char **argv, char *buf, size_t size)
{
	size_t used = 0;
	int i;

	for (i = 0; i < cmd->argc; i++) {
		const char *arg = cmd->argv[i], *mark = strstr(arg, "{n}");
		int len;

		argv[i] = cmd->argv[i];
		if (!mark)
			continue;
		len = snprintf(buf + used, size - used, "%.*s%lu%s", (int)(mark - arg), arg, n,
			       mark + 3);
		if (len < 0 || (size_t)len >= size - used) {
			errno = E2BIG;
			die(arg);
		}
		argv[i] = buf + used;
		used += (size_t)len + 1;
	}
	argv[i] = NULL;
}

static pid_t spawn(const struct cmd *cmd, unsigned long n)
{
	static char buf[8192];
	char *argv[64];
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int r;

	if (cmd->argc >= 63) {
		errno = E2BIG;
		die(cmd->argv[0]);
	}
	expand(cmd, n, argv, buf, sizeof(buf));
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, null_fd, 0);
	posix_spawn_file_actions_adddup2(&fa, null_fd, 1);
	posix_spawn_file_actions_adddup2(&fa, err_fd, 2);
	r = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (r) {
		dprintf(err_fd, "%s: %s\n", argv[0], strerror(r));
		return -1;
	}
	return pid;
}

/* The last line of what the command wrote to stderr. */
static void keep_error(struct track *t, const char *when, int status)
{
	char text[2048];
	ssize_t len = pread(err_fd, text, sizeof(text) - 1, 0);
	char *line;

	if (t->error[0])
		return;
	text[len > 0 ? len : 0] = '\0';
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	snprintf(t->error, sizeof(t->error), "%s: %.150s (%s %d)", when,
		 *line ? line : "no message", WIFSIGNALED(status) ? "signal" : "exit",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void clear_error(void)
{
	if (ftruncate(err_fd, 0) < 0)
		die("ftruncate");
	lseek(err_fd, 0, SEEK_SET);
}

/* Reaps what was orphaned: this program is the subreaper, so that no container stays a zombie. */
static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int wait_dead(const struct cmd *cmd, unsigned long n)
{
	char *argv[64], path[4096], text[32] = "";
	struct pollfd p = { .events = POLLIN };
	int fd;

	expand(cmd, n, argv, path, sizeof(path));
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	p.fd = (int)syscall(SYS_pidfd_open, atoi(text), 0);
	if (p.fd < 0)
		return errno == ESRCH ? 0 : -1;
	poll(&p, 1, LIMIT_S * 1000);
	close(p.fd);
	reap();
	return 0;
}

/* Return: 0, or -1 with the track's error filled; what a clean-up command says is its own business. */
static int run_untimed(struct track *t, const struct cmd *cmds, int n_cmds, unsigned long n,
		       const char *when)
{
	int bad = 0;

	for (int i = 0; i < n_cmds; i++) {
		int status = 0;

		clear_error();
		if (!strcmp(cmds[i].argv[0], "@wait-dead")) {
			bad |= wait_dead(&cmds[i], n);
			continue;
		}
		current = spawn(&cmds[i], n);
		if (current > 0)
			waitpid(current, &status, 0);
		if (current < 0 || status) {
			bad = -1;
			if (when)
				keep_error(t, when, status);
		}
		current = 0;
	}
	return bad;
}

static void run_once(struct track *t, bool counts)
{
	static unsigned long serial;
	unsigned long n = (unsigned long)getpid() * 100000 + ++serial;
	struct rusage ru;
	double start, end;
	int status = 0;

	if (t->failed >= GIVE_UP_AFTER && t->failed == t->runs)
		return;
	if (t->mnt_ns >= 0 && setns(t->mnt_ns, CLONE_NEWNS) < 0)
		die("setns");
	t->runs++;
	if (run_untimed(t, t->before, t->n_before, n, "before") < 0) {
		t->failed++;
		goto out;
	}
	clear_error();
	if (pause_ms)
		usleep((useconds_t)pause_ms * 1000);
	alarm(LIMIT_S);
	start = now_us();
	current = spawn(&t->timed, n);
	if (current > 0)
		wait4(current, &status, 0, &ru);
	end = now_us();
	alarm(0);
	if (current < 0 || status) {
		keep_error(t, "run", status);
		t->failed++;
	} else if (counts) {
		t->cpu[t->n_vals] = tv_us(ru.ru_utime) + tv_us(ru.ru_stime);
		t->vals[t->n_vals++] = end - start;
		if (ru.ru_maxrss > t->rss_kib)
			t->rss_kib = ru.ru_maxrss;
	}
	current = 0;
out:
	run_untimed(t, t->after, t->n_after, n, NULL);
	reap();
	if (t->mnt_ns >= 0 && setns(home_ns, CLONE_NEWNS) < 0)
		die("setns home");
}

/* BATCH runs, JOBS at a time; orphans that are reaped on the way are not counted. */
static void run_batch(struct track *t, bool counts)
{
	static unsigned long serial;
	pid_t *running = calloc((size_t)jobs, sizeof(*running));
	int started = 0, done = 0, bad = 0;
	double start = now_us();

	if (!running)
		die("calloc");
	clear_error();
	while (done < (stopping ? started : batch)) {
		int status, slot;
		pid_t pid;

		for (slot = 0; slot < jobs && started < batch && !stopping; slot++) {
			if (running[slot])
				continue;
			running[slot] = spawn(&t->timed,
					      (unsigned long)getpid() * 100000 + 50000 + ++serial);
			started++;
			if (running[slot] < 0) {
				running[slot] = 0;
				done++;
				bad++;
			}
		}
		pid = waitpid(-1, &status, 0);
		for (slot = 0; slot < jobs && pid > 0; slot++) {
			if (running[slot] != pid)
				continue;
			running[slot] = 0;
			done++;
			if (status) {
				bad++;
				keep_error(t, "run", status);
			}
		}
	}
	t->runs += batch;
	t->failed += bad;
	if (counts && !bad)
		t->vals[t->n_vals++] = batch / ((now_us() - start) / 1e6);
	free(running);
}

/* --- a mount namespace with many mounts --- */

static void make_mounts(struct track *t)
{
	char dir[] = "/tmp/timer-XXXXXX", path[64];

	if (t->mounts < 0)
		return;
	if (home_ns < 0)
		home_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (home_ns < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("mount namespace");
	if (!mkdtemp(dir) || mount("timer", dir, "tmpfs", 0, NULL) < 0)
		die(dir);
	for (int i = 0; i < t->mounts; i++) {
		snprintf(path, sizeof(path), "%s/%d", dir, i);
		if (mkdir(path, 0700) < 0 || mount(dir, path, NULL, MS_BIND, NULL) < 0)
			die(path);
	}
	t->mnt_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (t->mnt_ns < 0 || setns(home_ns, CLONE_NEWNS) < 0)
		die("setns");
	rmdir(dir); /* free to go here: the mount on it is in the other namespace */
}

/* --- figures --- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *vals, int n, double q)
{
	double at = q * (n - 1);
	int i = (int)at;

	if (i + 1 >= n)
		return vals[n - 1];
	return vals[i] + (at - i) * (vals[i + 1] - vals[i]);
}

static void print_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			putchar(' ');
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_track(struct track *t)
{
	const char *unit = jobs ? "per_s" : "us";

	printf("{\"name\":");
	print_text(t->name);
	printf(",\"n\":%d,\"failed\":%d", t->n_vals, t->failed);
	if (t->n_vals) {
		int n = t->n_vals;

		qsort(t->vals, (size_t)n, sizeof(*t->vals), by_value);
		qsort(t->cpu, (size_t)n, sizeof(*t->cpu), by_value);
		printf(",\"unit\":\"%s\",\"median\":%.1f,\"p10\":%.1f,\"p90\":%.1f,\"min\":%.1f",
		       unit, quantile(t->vals, n, 0.5), quantile(t->vals, n, 0.1),
		       quantile(t->vals, n, 0.9), t->vals[0]);
		if (!jobs)
			printf(",\"cpu_us\":%.1f,\"rss_kib\":%ld", quantile(t->cpu, n, 0.5),
			       t->rss_kib);
	}
	if (t->error[0]) {
		printf(",\"error\":");
		print_text(t->error);
	}
	putchar('}');
}

/* --- command line --- */

static struct cmd take_cmd(char **argv, int *i)
{
	struct cmd cmd = { .argv = argv + *i + 1 };

	for (++*i; argv[*i] && strcmp(argv[*i], ";"); ++*i)
		cmd.argc++;
	if (!argv[*i] || !cmd.argc) {
		errno = EINVAL;
		die("a command needs words and an end (;)");
	}
	return cmd;
}

static void take_track_option(char **argv, int *i)
{
	struct track *t = &tracks[n_tracks - 1];
	char opt = argv[*i][1];

	errno = EINVAL;
	if (!n_tracks)
		die(argv[*i]);
	if (opt == 'B' && t->n_before < MAX_CMDS)
		t->before[t->n_before++] = take_cmd(argv, i);
	else if (opt == 'A' && t->n_after < MAX_CMDS)
		t->after[t->n_after++] = take_cmd(argv, i);
	else if (opt == 'T')
		t->timed = take_cmd(argv, i);
	else if (opt == 'm' && argv[*i + 1])
		t->mounts = atoi(argv[++*i]);
	else
		die(argv[*i]);
}

static void parse(char **argv)
{
	static const struct {
		char letter;
		int *to;
	} numbers[] = {
		{ 'n', &rounds }, { 'w', &warmup }, { 'p', &pause_ms },
		{ 'j', &jobs },	  { 'b', &batch },
	};

	for (int i = 1; argv[i]; i++) {
		size_t k = 0;

		errno = EINVAL;
		if (argv[i][0] != '-' || !argv[i][1] || argv[i][2])
			die(argv[i]);
		while (k < sizeof(numbers) / sizeof(*numbers) && numbers[k].letter != argv[i][1])
			k++;
		if (k < sizeof(numbers) / sizeof(*numbers) && argv[i + 1]) {
			*numbers[k].to = atoi(argv[++i]);
		} else if (argv[i][1] == 't' && argv[i + 1] && n_tracks < MAX_TRACKS) {
			tracks[n_tracks++] =
				(struct track) { .name = argv[++i], .mounts = -1, .mnt_ns = -1 };
		} else {
			take_track_option(argv, &i);
		}
	}
	for (int i = 0; i < n_tracks; i++)
		if (!tracks[i].timed.argc)
			die("a track without a timed command");
}

static void shuffle(int *order)
{
	static unsigned seed = 20260101;

	for (int i = n_tracks - 1; i > 0; i--) {
		int j, swap;

		seed = seed * 1103515245u + 12345u;
		j = (int)((seed >> 16) % (unsigned)(i + 1));
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
}

int main(int argc, char **argv)
{
	int order[MAX_TRACKS];

	if (argc < 2) {
		dprintf(2, "usage: timer [-n ROUNDS] [-w WARMUP] [-p PAUSE_MS] [-j JOBS -b BATCH] "
			   "TRACK...\n");
		return 1;
	}
	parse(argv);
	err_fd = memfd_create("stderr", MFD_CLOEXEC);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (err_fd < 0 || null_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("set up");
	signal(SIGALRM, on_alarm);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	for (int i = 0; i < n_tracks; i++) {
		order[i] = i;
		tracks[i].vals = calloc((size_t)rounds, sizeof(double));
		tracks[i].cpu = calloc((size_t)rounds, sizeof(double));
		if (!tracks[i].vals || !tracks[i].cpu)
			die("calloc");
		make_mounts(&tracks[i]);
	}
	for (int round = -warmup; round < rounds && !stopping; round++) {
		shuffle(order);
		for (int i = 0; i < n_tracks && !stopping; i++) {
			if (jobs)
				run_batch(&tracks[order[i]], round >= 0);
			else
				run_once(&tracks[order[i]], round >= 0);
		}
	}
	if (stopping)
		return 128 + stopping;
	putchar('[');
	for (int i = 0; i < n_tracks; i++) {
		if (i)
			putchar(',');
		print_track(&tracks[i]);
	}
	puts("]");
	return fflush(stdout) ? 1 : 0;
}
