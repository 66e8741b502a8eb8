/* syscalls.h - system calls that this C library has no wrapper for
 *
 * Each returns as the call does: -1 and errno on failure. Old kernels are simulated by a seccomp
 * filter from outside, never by a switch here.
 */
#ifndef RUNBOX_EXEC_SYSCALLS_H
#define RUNBOX_EXEC_SYSCALLS_H

#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched_setattr(2); named apart from the kernel's struct, whose header clashes with <sched.h> */
struct rb_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* statmount(2), since Linux 6.8; struct statmount of linux/mount.h, as far as it is asked for */
struct rb_statmount {
	uint32_t size, opts;
	uint64_t mask;
	uint32_t dev_major, dev_minor;
	uint64_t magic;
	uint32_t sb_flags, fs_type;
	uint64_t id, parent; /* unique ones; the own one of who has no parent */
	uint32_t id_old, parent_old;
	uint64_t attr, propagation; /* MS_SHARED and so on */
	uint64_t rest[56];
};

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000u
#endif
#ifndef SYS_statmount
#define SYS_statmount 457 /* on all machines */
#endif

/* Of this mount namespace. */
static inline int rb_statmount(uint64_t id, struct rb_statmount *ret)
{
	const struct {
		uint32_t size, spare;
		uint64_t id, param;
	} req = { .size = sizeof(req), .id = id, .param = 2 /* STATMOUNT_MNT_BASIC */ };

	return (int)syscall(SYS_statmount, &req, ret, sizeof(*ret), 0);
}

static inline int rb_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

static inline int rb_sched_setattr(pid_t pid, const struct rb_sched_attr *attr)
{
	return (int)syscall(SYS_sched_setattr, pid, attr, 0);
}

static inline int rb_ioprio_set(int which, int who, int value)
{
	return (int)syscall(SYS_ioprio_set, which, who, value);
}

static inline int rb_set_mempolicy(int mode, const unsigned long *nodes, unsigned long max_node)
{
	return (int)syscall(SYS_set_mempolicy, mode, nodes, max_node);
}

/* Not setrlimit(3), whose types differ from one C library and machine to the other; the limits are
 * always 64 bits. */
static inline int rb_setrlimit(int resource, uint64_t soft, uint64_t hard)
{
	const uint64_t limit[2] = { soft, hard }; /* struct rlimit64 */

	return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

static inline int rb_getrlimit(int resource, uint64_t *soft, uint64_t *hard)
{
	uint64_t limit[2] = { 0 };
	int r = (int)syscall(SYS_prlimit64, 0, resource, NULL, limit);

	*soft = limit[0];
	*hard = limit[1];
	return r;
}

static inline long rb_keyctl(int op, unsigned long a, unsigned long b, unsigned long c)
{
	return syscall(SYS_keyctl, op, a, b, c, 0);
}

/* The C library's set*id() take a lock and hold back signals, to have all threads do the same.
 * There is one. */
#ifdef SYS_setresuid32
#define RB_SETID(name) SYS_##name##32
#else
#define RB_SETID(name) SYS_##name
#endif

static inline int rb_setgroups(size_t n, const gid_t *gids)
{
	return (int)syscall(RB_SETID(setgroups), n, gids);
}

static inline int rb_setresgid(gid_t gid)
{
	return (int)syscall(RB_SETID(setresgid), gid, gid, gid);
}

static inline int rb_setresuid(uid_t uid)
{
	return (int)syscall(RB_SETID(setresuid), uid, uid, uid);
}

/* SIG_DFL, also for the two signals that the C library keeps for itself; it is all zeros. */
static inline int rb_signal_default(int sig)
{
	const unsigned char zeros[128] = { 0 };

	return (int)syscall(SYS_rt_sigaction, sig, zeros, NULL,
			    8 /* bytes of the kernel's sigset_t */);
}

/* Also of those two. The action begins with its handler on all machines but MIPS and Alpha. */
static inline bool rb_signal_is_ignored(int sig)
{
	unsigned long action[16] = { 0 };

	return syscall(SYS_rt_sigaction, sig, NULL, action, 8) == 0 &&
	       action[0] == (unsigned long)SIG_IGN;
}

/* The C library's getcwd() hides "(unreachable)", which is what has to be seen. */
static inline long rb_getcwd(char *buf, size_t size)
{
	return syscall(SYS_getcwd, buf, size);
}

#endif
