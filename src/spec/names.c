/* names.c - the vocabulary of the spec, each word once
 *
 * The value beside a word is the kernel's. Words newer than the kernel headers of the build machine have
 * their value here, from the uapi header that is named.
 */
#include "runbox/names.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "near_priv.h"
#include "runbox/libc.h"
#include "runbox/net.h"
#include "runbox/spec.h"
#include "runbox/str.h"

#ifndef SCHED_OTHER
#define SCHED_OTHER SCHED_NORMAL
#endif
#ifndef SCHED_ISO
#define SCHED_ISO 4 /* linux/sched.h: reserved but not implemented */
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* linux/seccomp.h of 5.19 */
#endif
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 \
	(258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE) /* linux/audit.h of 5.19 */
#endif
/* in the enum of linux/mempolicy.h since 6.9 */
#define MODE_WEIGHTED_INTERLEAVE 6

/* Words of signal(7): the numbers of real-time signals as programs see them, glibc keeps 32 and 33. */
#define SIGNAL_RTMIN 34
#define SIGNAL_RTMAX 64

const struct rb_ns_type rb_ns_types[] = {
	/* order of entry: user first, it grants the rights over the others; pid last, so that nothing in the
	 * container's pid namespace sees the process that is still entering the rest */
	{ "user", "user", CLONE_NEWUSER },
	{ "mount", "mnt", CLONE_NEWNS },
	{ "network", "net", CLONE_NEWNET },
	{ "ipc", "ipc", CLONE_NEWIPC },
	{ "uts", "uts", CLONE_NEWUTS },
	{ "cgroup", "cgroup", CLONE_NEWCGROUP },
	{ "time", "time", CLONE_NEWTIME },
	{ "pid", "pid", CLONE_NEWPID },
	{ 0 },
};
static_assert(sizeof(rb_ns_types) / sizeof(rb_ns_types[0]) == RB_NS_COUNT + 1,
	      "one row a namespace");

#define CAP(x)                     \
	{                          \
		"CAP_" #x, CAP_##x \
	}
const struct rb_name rb_cap_names[] = {
	CAP(CHOWN),
	CAP(DAC_OVERRIDE),
	CAP(DAC_READ_SEARCH),
	CAP(FOWNER),
	CAP(FSETID),
	CAP(KILL),
	CAP(SETGID),
	CAP(SETUID),
	CAP(SETPCAP),
	CAP(LINUX_IMMUTABLE),
	CAP(NET_BIND_SERVICE),
	CAP(NET_BROADCAST),
	CAP(NET_ADMIN),
	CAP(NET_RAW),
	CAP(IPC_LOCK),
	CAP(IPC_OWNER),
	CAP(SYS_MODULE),
	CAP(SYS_RAWIO),
	CAP(SYS_CHROOT),
	CAP(SYS_PTRACE),
	CAP(SYS_PACCT),
	CAP(SYS_ADMIN),
	CAP(SYS_BOOT),
	CAP(SYS_NICE),
	CAP(SYS_RESOURCE),
	CAP(SYS_TIME),
	CAP(SYS_TTY_CONFIG),
	CAP(MKNOD),
	CAP(LEASE),
	CAP(AUDIT_WRITE),
	CAP(AUDIT_CONTROL),
	CAP(SETFCAP),
	CAP(MAC_OVERRIDE),
	CAP(MAC_ADMIN),
	CAP(SYSLOG),
	CAP(WAKE_ALARM),
	CAP(BLOCK_SUSPEND),
	CAP(AUDIT_READ),
	CAP(PERFMON),
	CAP(BPF),
	CAP(CHECKPOINT_RESTORE),
	{ 0 },
};

#define RLIMIT(x)                        \
	{                                \
		"RLIMIT_" #x, RLIMIT_##x \
	}
const struct rb_name rb_rlimit_names[] = {
	RLIMIT(AS),    RLIMIT(CORE),	RLIMIT(CPU),	  RLIMIT(DATA),	  RLIMIT(FSIZE),
	RLIMIT(LOCKS), RLIMIT(MEMLOCK), RLIMIT(MSGQUEUE), RLIMIT(NICE),	  RLIMIT(NOFILE),
	RLIMIT(NPROC), RLIMIT(RSS),	RLIMIT(RTPRIO),	  RLIMIT(RTTIME), RLIMIT(SIGPENDING),
	RLIMIT(STACK), { 0 },
};

#define SIGNAL(x)          \
	{                  \
#x, SIG##x \
	}
const struct rb_name rb_signal_names[] = {
	SIGNAL(HUP),
	SIGNAL(INT),
	SIGNAL(QUIT),
	SIGNAL(ILL),
	SIGNAL(TRAP),
	SIGNAL(ABRT),
	SIGNAL(BUS),
	SIGNAL(FPE),
	SIGNAL(KILL),
	SIGNAL(USR1),
	SIGNAL(SEGV),
	SIGNAL(USR2),
	SIGNAL(PIPE),
	SIGNAL(ALRM),
	SIGNAL(TERM),
	SIGNAL(STKFLT),
	SIGNAL(CHLD),
	SIGNAL(CONT),
	SIGNAL(STOP),
	SIGNAL(TSTP),
	SIGNAL(TTIN),
	SIGNAL(TTOU),
	SIGNAL(URG),
	SIGNAL(XCPU),
	SIGNAL(XFSZ),
	SIGNAL(VTALRM),
	SIGNAL(PROF),
	SIGNAL(WINCH),
	SIGNAL(IO),
	SIGNAL(PWR),
	SIGNAL(SYS),
	SIGNAL(IOT),
	{ "CLD", SIGCHLD },
	SIGNAL(POLL),
	{ "RTMIN", SIGNAL_RTMIN },
	{ "RTMAX", SIGNAL_RTMAX },
	{ 0 },
};

/* Kinds of network devices that runbox makes, and the modes of those that have some. */
const struct rb_name rb_net_kind_names[] = {
	{ "veth", RB_NET_VETH },
	{ "macvlan", RB_NET_MACVLAN },
	{ "ipvlan", RB_NET_IPVLAN },
	{ "vlan", RB_NET_VLAN },
	{ 0 },
};

const struct rb_name rb_net_mode_names[] = {
	{ "private", MACVLAN_MODE_PRIVATE },
	{ "vepa", MACVLAN_MODE_VEPA },
	{ "bridge", MACVLAN_MODE_BRIDGE },
	{ "passthru", MACVLAN_MODE_PASSTHRU },
	{ "l2", IPVLAN_MODE_L2 },
	{ "l3", IPVLAN_MODE_L3 },
	{ "l3s", IPVLAN_MODE_L3S },
	{ 0 },
};

const struct rb_name rb_hook_names[] = {
	/* config.md "POSIX-platform Hooks" */
	{ "prestart", RB_HOOK_PRESTART },
	{ "createRuntime", RB_HOOK_CREATE_RUNTIME },
	{ "createContainer", RB_HOOK_CREATE_CONTAINER },
	{ "startContainer", RB_HOOK_START_CONTAINER },
	{ "poststart", RB_HOOK_POSTSTART },
	{ "poststop", RB_HOOK_POSTSTOP },
	{ 0 },
};

/* config-linux.md "Rootfs Mount Propagation" has the first four; engines also send the recursive ones */
const struct rb_name rb_propagation_names[] = {
	{ "private", MS_PRIVATE },
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "unbindable", MS_UNBINDABLE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "rshared", MS_SHARED | MS_REC },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
	{ 0 },
};

const struct rb_name rb_personality_names[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
	{ 0 },
};

const struct rb_name rb_sched_policy_names[] = {
	{ "SCHED_OTHER", SCHED_OTHER },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", SCHED_ISO },
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
	{ 0 },
};

#define FLAG(x)       \
	{             \
#x, x \
	}
const struct rb_name rb_sched_flag_names[] = {
	FLAG(SCHED_FLAG_RESET_ON_FORK),	 FLAG(SCHED_FLAG_RECLAIM),
	FLAG(SCHED_FLAG_DL_OVERRUN),	 FLAG(SCHED_FLAG_KEEP_POLICY),
	FLAG(SCHED_FLAG_KEEP_PARAMS),	 FLAG(SCHED_FLAG_UTIL_CLAMP_MIN),
	FLAG(SCHED_FLAG_UTIL_CLAMP_MAX), { 0 },
};

const struct rb_name rb_ioprio_class_names[] = {
	FLAG(IOPRIO_CLASS_RT),
	FLAG(IOPRIO_CLASS_BE),
	FLAG(IOPRIO_CLASS_IDLE),
	{ 0 },
};

const struct rb_name rb_seccomp_action_names[] = {
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
	{ 0 },
};

const struct rb_name rb_seccomp_arch_names[] = {
	FLAG(SCMP_ARCH_X86),
	FLAG(SCMP_ARCH_X86_64),
	FLAG(SCMP_ARCH_X32),
	FLAG(SCMP_ARCH_ARM),
	FLAG(SCMP_ARCH_AARCH64),
	/* libseccomp 2.6 names these four, its tokens are those of linux/audit.h */
	{ "SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", AUDIT_ARCH_M68K },
	FLAG(SCMP_ARCH_MIPS),
	FLAG(SCMP_ARCH_MIPS64),
	FLAG(SCMP_ARCH_MIPS64N32),
	FLAG(SCMP_ARCH_MIPSEL),
	FLAG(SCMP_ARCH_MIPSEL64),
	FLAG(SCMP_ARCH_MIPSEL64N32),
	FLAG(SCMP_ARCH_PPC),
	FLAG(SCMP_ARCH_PPC64),
	FLAG(SCMP_ARCH_PPC64LE),
	FLAG(SCMP_ARCH_S390),
	FLAG(SCMP_ARCH_S390X),
	{ "SCMP_ARCH_SH", AUDIT_ARCH_SHEL },
	{ "SCMP_ARCH_SHEB", AUDIT_ARCH_SH },
	FLAG(SCMP_ARCH_PARISC),
	FLAG(SCMP_ARCH_PARISC64),
	FLAG(SCMP_ARCH_RISCV64),
	{ 0 },
};

const struct rb_name rb_seccomp_op_names[] = {
	FLAG(SCMP_CMP_NE), FLAG(SCMP_CMP_LT), FLAG(SCMP_CMP_LE),	FLAG(SCMP_CMP_EQ),
	FLAG(SCMP_CMP_GE), FLAG(SCMP_CMP_GT), FLAG(SCMP_CMP_MASKED_EQ), { 0 },
};

const struct rb_name rb_seccomp_flag_names[] = {
	FLAG(SECCOMP_FILTER_FLAG_TSYNC),
	FLAG(SECCOMP_FILTER_FLAG_LOG),
	FLAG(SECCOMP_FILTER_FLAG_SPEC_ALLOW),
	FLAG(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV),
	{ 0 },
};

const struct rb_name rb_mpol_mode_names[] = {
	FLAG(MPOL_DEFAULT),    FLAG(MPOL_BIND),
	FLAG(MPOL_INTERLEAVE), { "MPOL_WEIGHTED_INTERLEAVE", MODE_WEIGHTED_INTERLEAVE },
	FLAG(MPOL_PREFERRED),  FLAG(MPOL_PREFERRED_MANY),
	FLAG(MPOL_LOCAL),      { 0 },
};

const struct rb_name rb_mpol_flag_names[] = {
	FLAG(MPOL_F_NUMA_BALANCING),
	FLAG(MPOL_F_RELATIVE_NODES),
	FLAG(MPOL_F_STATIC_NODES),
	{ 0 },
};

const struct rb_name *rb_name_find(const struct rb_name *table, const char *name)
{
	for (; table->name; table++) {
		if (rb_streq(table->name, name))
			return table;
	}
	return NULL;
}

const char *rb_name_of(const struct rb_name *table, uint64_t value)
{
	for (; table->name; table++) {
		if (table->value == value)
			return table->name;
	}
	return NULL;
}

/* --- did you mean --- */

#define NEAR_MAX 48 /* longer words are not compared */

static unsigned char fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters must be put in, taken out, replaced or swapped with the next, case apart (optimal
 * string alignment). */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][NEAR_MAX + 1] = { 0 };

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

void rb_near_try(struct rb_near *near, const char *candidate)
{
	size_t na = strlen(near->word), nb = strlen(candidate), d;

	if (na > NEAR_MAX || nb > NEAR_MAX)
		return;
	d = distance(near->word, na, candidate, nb);
	/* one slip in three characters: beyond that it is another word */
	if (d > (na > nb ? na : nb) / 3 || d >= nb || (near->best && d >= near->distance))
		return;
	near->best = candidate;
	near->distance = d;
}

const char *rb_name_near(const struct rb_name *table, const char *name)
{
	struct rb_near near = { .word = name };

	for (; table->name; table++)
		rb_near_try(&near, table->name);
	return near.best;
}

/* --- words of the command line --- */

static const char *after_prefix(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (fold(*text) != fold(*prefix))
			return NULL;
	return text;
}

static bool same_folded(const char *a, const char *b)
{
	const char *end = after_prefix(a, b);

	return end && *end == '\0';
}

static int realtime_signal(const char *text)
{
	const char *rest = after_prefix(text, "RTMIN+");
	bool up = rest != NULL;
	uint32_t n;

	if (!rest)
		rest = after_prefix(text, "RTMAX-");
	if (!rest || rb_parse_u32(rest, &n) < 0 || n > SIGNAL_RTMAX - SIGNAL_RTMIN)
		return -EINVAL;
	return up ? SIGNAL_RTMIN + (int)n : SIGNAL_RTMAX - (int)n;
}

int rb_signal_parse(const char *text)
{
	uint32_t number;
	const char *word;

	if (rb_parse_u32(text, &number) == 0)
		return number <= SIGNAL_RTMAX ? (int)number : -EINVAL;
	word = after_prefix(text, "SIG");
	if (!word)
		word = text;
	for (const struct rb_name *s = rb_signal_names; s->name; s++) {
		if (same_folded(word, s->name))
			return (int)s->value;
	}
	return realtime_signal(word);
}

int rb_cap_parse(const char *text)
{
	const char *word = after_prefix(text, "CAP_");

	if (!word)
		word = text;
	for (const struct rb_name *c = rb_cap_names; c->name; c++) {
		if (same_folded(word, c->name + strlen("CAP_")))
			return (int)c->value;
	}
	return -EINVAL;
}
