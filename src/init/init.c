/* init.c - runbox-init: the first process of a container that has runbox.init
 *
 * Usage: runbox-init PID [LIMIT LEFT]. PID is the container's program, already a child of this
 * process; LIMIT its time in milliseconds, LEFT what is left of that. It forwards every signal that
 * can be caught to the program, reaps orphans, ends with the program's status (128+N for signal N),
 * and ends everything when the time is over, which is only asked of it as pid 1 of its pid namespace.
 *
 * exec/step_init.c puts it into sealed memory and executes it, with all signals blocked: none is lost before
 * it waits for them, and none has a default action. What is in the container is hostile: nothing is read, and
 * no descriptor is held but stderr, for the one line about the time. Of no use to whoever takes it over: it
 * has the program's rights and nothing more. Without a C library (RB_INIT_BARE), because its memory counts
 * against the container's limit, which may be 512 KiB for all. Free of the project's code.
 * Source: signal(7), wait(2), pid_namespaces(7), seccomp(2) for calls that are refused.
 */
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <stdbool.h>
#include <stddef.h>

enum { SIG_KILL = 9, SIG_CHLD = 17, NO_HANG = 1, STDERR = 2, CLOCK_MONO = 1 };

#ifdef RB_INIT_BARE

#ifndef __x86_64__
#error "not written for this machine: configure leaves RB_INIT_BARE out"
#endif

/* The kernel's stack: argc, argv. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov (%rsp), %rdi\n"
	"	lea 8(%rsp), %rsi\n"
	"	and $-16, %rsp\n"
	"	call main\n"
	"	ud2\n");

/* Return: as the kernel does, -errno */
static long call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

#else

#include <errno.h>

long syscall(long number, ...);

static long call(long number, long a, long b, long c, long d)
{
	long ret = syscall(number, a, b, c, d);

	return ret < 0 ? -errno : ret;
}

#endif

int main(int argc, char **argv);

static void __attribute__((noreturn)) end(int status)
{
	for (;;)
		(void)call(__NR_exit_group, status, 0, 0, 0);
}

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static long number_of(const char *s)
{
	long n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = 10 * n + (*s - '0');
	return n;
}

/* Nobody may have to read it: who does not would keep alive what is to end. */
static void say(const char *a, const char *b, const char *c)
{
	const char *const words[3] = { a, b, c };
	struct pollfd out = { .fd = STDERR, .events = POLLOUT };
	struct __kernel_timespec now = { 0, 0 };
	struct iovec line[3];

	for (int i = 0; i < 3; i++) {
		line[i].iov_base = (void *)words[i];
		line[i].iov_len = length(words[i]);
	}
	if (call(__NR_ppoll, (long)&out, 1, (long)&now, 0) == 1)
		(void)call(__NR_writev, STDERR, (long)line, 3, 0);
}

/* Return: -1 when a filter does not let us know */
static long now_ms(void)
{
	struct __kernel_timespec t;

	if (call(__NR_clock_gettime, CLOCK_MONO, (long)&t, 0, 0) < 0)
		return -1;
	return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* All that this pid namespace holds; then the exit of its first process sees that nothing stays. */
static int time_over(const char *limit)
{
	(void)call(__NR_kill, -1, SIG_KILL, 0, 0);
	say("runbox: the time limit of ", limit, " ms was reached, the container is killed\n");
	return 128 + SIG_KILL;
}

/* Take in one process that ended. Return: 1 if there was one, 0 if not; *ret_status when it was @program */
static int reap(long program, int *ret_status)
{
	int status = 0;
	long pid = call(__NR_wait4, -1, (long)&status, NO_HANG, 0);

	if (pid == -EINTR)
		return 1;
	if (pid < 0)
		*ret_status = 125; /* the program cannot be waited for */
	if (pid == program)
		*ret_status = status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
	return pid > 0;
}

/* The next signal, 0 when @ms are over before (-1: never). */
static long next_signal(long ms)
{
	const unsigned long all = ~0ul;
	struct __kernel_timespec t = { ms / 1000, ms % 1000 * 1000000 };
	long sig = call(__NR_rt_sigtimedwait, (long)&all, 0, ms < 0 ? 0 : (long)&t, sizeof(all));

	if (sig == -EAGAIN || sig == -EINTR)
		return 0;
	if (sig < 0) { /* would be asked again and again */
		say("runbox: the init cannot wait for signals: ",
		    "the seccomp profile has to allow ", "rt_sigtimedwait\n");
		end(125);
	}
	return sig;
}

static int serve(long program, const char *limit, long limit_ms)
{
	const long from = limit ? now_ms() : 0;
	int status = -1;

	for (;;) {
		/* one at a time: they may come faster than the time passes */
		const bool more = reap(program, &status);
		long left = -1, sig;

		if (status >= 0)
			return status;
		if (limit) {
			const long now = now_ms();

			left = limit_ms - (now - from);
			if (now < 0 || left <= 0) /* what cannot be measured has to end */
				return time_over(limit);
		}
		if (more)
			continue;
		sig = next_signal(left);
		if (sig > 0 && sig != SIG_CHLD)
			(void)call(__NR_kill, program, sig, 0, 0); /* another user's: EPERM */
	}
}

int main(int argc, char **argv)
{
	const bool limited = argc == 4;
	const long program = argc > 1 ? number_of(argv[1]) : 0;

	if (program <= 1)
		end(125);
	(void)call(__NR_prctl, PR_SET_NAME, (long)"runbox-init", 0, 0);
	/* not to be traced by the program's user, who could stop the clock */
	(void)call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0);
	/* others wait for the end of these */
	(void)call(__NR_close, 0, 0, 0, 0);
	(void)call(__NR_close, 1, 0, 0, 0);
	end(serve(program, limited ? argv[2] : NULL, limited ? number_of(argv[3]) : 0));
}
