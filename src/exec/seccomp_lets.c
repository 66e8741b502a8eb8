/* seccomp_lets.c - would a filter let through what exec still has to call?
 *
 * Without no_new_privs a filter is loaded with CAP_SYS_ADMIN (seccomp(2)), which nobody in the
 * container shall ever see in one of our processes. A filter goes through a clone: so the go-between
 * of exec loads it, and drops the capability, before it clones (clone.c). But then the calls between
 * that and the program have to pass the filter. Whether they do is found out by running it here, on
 * each of them, as the kernel would.
 * Source: seccomp(2); Documentation/networking/filter.rst of the kernel for the machine.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "exec/seccomp_priv.h"

/* What the filter answers; an instruction that libseccomp does not make is as good as a refusal. */
static uint32_t run_filter(const struct sock_filter *f, size_t n, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < n; at++) {
		uint32_t k = f[at].k;

		switch (f[at].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (k > sizeof(*data) - sizeof(a))
				return SECCOMP_RET_KILL_PROCESS;
			memcpy(&a, (const char *)data + k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			break;
		case BPF_JMP | BPF_JA:
			at += k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == k ? f[at].jt : f[at].jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += a > k ? f[at].jt : f[at].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= k ? f[at].jt : f[at].jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & k ? f[at].jt : f[at].jf;
			break;
		case BPF_RET | BPF_K:
			return k;
		default:
			return SECCOMP_RET_KILL_PROCESS;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static bool lets(uint32_t answer)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

bool rb_seccomp_lets_exec(const struct rb_buf *bpf)
{
	/* from the row "seccomp" to the row "exec", with what the rows between may call */
	static const struct {
		int nr;
		uint64_t args[2];
	} calls[] = {
		{ SYS_capset, { 0 } },
		{ SYS_prctl, { PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL } },
		{ SYS_prctl, { PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE } },
		{ SYS_clock_gettime, { CLOCK_MONOTONIC } },
		{ SYS_close, { 0 } },
		{ SYS_madvise, { 0 } },
		{ SYS_clone, { CLONE_PARENT } },
		{ SYS_exit_group, { 0 } },
		{ SYS_setsid, { 0 } },
		{ SYS_ioctl, { 0, TIOCSCTTY } },
#ifdef SYS_dup2
		{ SYS_dup2, { 0 } },
#endif
		{ SYS_dup3, { 0 } },
		{ SYS_recvmsg, { 0 } },
		{ SYS_prctl, { PR_SET_DUMPABLE, 0 } },
		{ SYS_sched_setaffinity, { 0 } },
		{ SYS_prlimit64, { 0 } },
		{ SYS_execve, { 0 } },
	};
	const struct sock_filter *f = (const struct sock_filter *)(const void *)bpf->data;
	const size_t n = bpf->len / sizeof(*f);
	struct seccomp_data data = { .nr = SYS_clone3, .arch = seccomp_arch_native() };
	uint32_t answer = run_filter(f, n, &data);

	/* clone_process() has another way then */
	if (!lets(answer) && answer != (SECCOMP_RET_ERRNO | ENOSYS) &&
	    answer != (SECCOMP_RET_ERRNO | EPERM))
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		data.nr = calls[i].nr;
		memcpy(data.args, calls[i].args, sizeof(calls[i].args));
		if (!lets(run_filter(f, n, &data)))
			return false;
	}
	return true;
}
