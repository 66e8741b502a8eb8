/* test_seccomp.c - what a process under a filter sees; a cache that cannot be turned on us
 *
 * Filters are loaded in forked children, which need no privilege (no_new_privs).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/seccomp_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *const basic_names[] = { "exit",	   "exit_group",   "getpid", "getppid",
					   "no_such_call", "rt_sigreturn", "write",  NULL };
static const char *const exit_names[] = { "exit_group", "getpid", NULL };
static const char *const sendmsg_names[] = { "sendmsg", NULL };

static struct rb_strv strv(const char *const *names)
{
	struct rb_strv v = { (char **)(uintptr_t)names, 0 };

	while (names[v.n])
		v.n++;
	return v;
}

/* A list of one name, which lives as long as the program. */
static const char *const *static_name(const char *name)
{
	static const char *pool[64][2];
	static size_t n;

	pool[n][0] = name;
	return pool[n++];
}

static struct rb_strv one(const char *name)
{
	return strv(static_name(name));
}

/* Load @bpf and make the system call. Return: its errno, 0 if it worked, 1000 + the signal that
 * ended it */
static int under(const struct rb_buf *bpf, long nr, long a, long b, long c)
{
	struct sock_fprog prog = { (unsigned short)(bpf->len / 8),
				   (struct sock_filter *)(void *)bpf->data };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
			_exit(255);
		/* not _exit(3): sanitizers do more than the filter allows there */
		(void)syscall(SYS_exit_group, syscall(nr, a, b, c) < 0 ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool compile(const struct rb_seccomp *p, struct rb_buf *bpf)
{
	struct rb_err err = { 0 };
	bool good = rb_seccomp_compile(p, bpf, &err) == 0;

	ok(good && bpf->len % sizeof(struct sock_filter) == 0, "compile (%s)", err.msg);
	return good;
}

#ifdef __x86_64__
static uint32_t archs[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32 };
#else
static uint32_t archs[] = { SCMP_ARCH_NATIVE };
#endif

/* As engines write it: an errno for all but what is listed; the newest call listed is clone3. */
static void engine_profile(struct rb_seccomp *p, struct rb_seccomp_rule rules[6],
			   struct rb_seccomp_arg args[3])
{
	args[0] = (struct rb_seccomp_arg) { .index = 0, .value = 0, .op = SCMP_CMP_EQ };
	args[1] = (struct rb_seccomp_arg) { .index = 0, .value = 8, .op = SCMP_CMP_EQ };
	args[2] = (struct rb_seccomp_arg) {
		.index = 0, .value = 0x7e020000, .value_two = 0, .op = SCMP_CMP_MASKED_EQ
	};
	rules[0] = (struct rb_seccomp_rule) { .names = strv(basic_names),
					      .action = SECCOMP_RET_ALLOW };
	/* two tests of one argument are alternatives */
	rules[1] = (struct rb_seccomp_rule) {
		.names = one("personality"), .action = SECCOMP_RET_ALLOW, .args = args, .n_args = 2
	};
	rules[2] = (struct rb_seccomp_rule) {
		.names = one("clone"), .action = SECCOMP_RET_ALLOW, .args = args + 2, .n_args = 1
	};
	rules[3] = (struct rb_seccomp_rule) { .names = one("clone3"),
					      .action = SECCOMP_RET_ERRNO,
					      .errno_ret = { true, ENOSYS } };
	rules[4] = (struct rb_seccomp_rule) { .names = one("getuid"),
					      .action = SECCOMP_RET_KILL_PROCESS };
	/* the default once more: allowed to be said */
	rules[5] = (struct rb_seccomp_rule) { .names = one("getgid"), .action = SECCOMP_RET_ERRNO };
	*p = (struct rb_seccomp) {
		.present = true,
		.default_action = SECCOMP_RET_ERRNO,
		.archs = archs,
		.n_archs = N(archs),
		.rules = rules,
		.n_rules = 6,
	};
}

static void test_engine(void)
{
	struct rb_seccomp_rule rules[6];
	struct rb_seccomp_arg args[3];
	struct rb_seccomp p;
	rb_autobuf bpf = { 0 };

	engine_profile(&p, rules, args);
	if (!compile(&p, &bpf))
		return;
	is_num(under(&bpf, SYS_getpid, 0, 0, 0), 0, "a listed call is allowed");
	is_num(under(&bpf, SYS_getgid, 0, 0, 0), EPERM, "the default errno is EPERM");
	is_num(under(&bpf, SYS_chroot, 0, 0, 0), EPERM, "an old call that is not listed gets it");
	is_num(under(&bpf, SYS_clone3, 0, 0, 0), ENOSYS, "errnoRet");
	is_num(under(&bpf, SYS_getuid, 0, 0, 0), 1000 + SIGSYS, "kill");
	is_num(under(&bpf, SYS_personality, 0, 0, 0), 0, "argument: first alternative");
	is_num(under(&bpf, SYS_personality, 8, 0, 0), 0, "argument: second alternative");
	is_num(under(&bpf, SYS_personality, 4, 0, 0), EPERM, "argument: neither");
	is_num(under(&bpf, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0), EPERM, "argument: masked");
	is_num(under(&bpf, 451, 0, 0, 0), ENOSYS, "a call newer than the profile does not exist");
	is_num(under(&bpf, 100000, 0, 0, 0), ENOSYS, "nor one that no kernel has");
#ifdef __x86_64__
	is_num(under(&bpf, 0x40000000 | 161, 0, 0, 0), EPERM,
	       "x32: an old call that is not listed");
	is_num(under(&bpf, 0x40000000 | 600, 0, 0, 0), ENOSYS,
	       "x32: a call newer than the profile");
#endif
}

/* What a program says of a call, and after how many instructions. Return: the action, 0xffffffff on an
 * instruction that libseccomp has not been seen to use */
static uint32_t verdict(const struct rb_buf *bpf, const struct seccomp_data *data, unsigned *steps)
{
	const struct sock_filter *prog = (const struct sock_filter *)(const void *)bpf->data;
	uint32_t a = 0;

	*steps = 0;
	for (size_t pc = 0; pc < bpf->len / sizeof(*prog); pc++) {
		const struct sock_filter *i = &prog[pc];

		(*steps)++;
		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS))
			memcpy(&a, (const char *)data + i->k, sizeof(a));
		else if (i->code == (BPF_JMP | BPF_JA))
			pc += i->k;
		else if (i->code == (BPF_JMP | BPF_JEQ | BPF_K))
			pc += a == i->k ? i->jt : i->jf;
		else if (i->code == (BPF_JMP | BPF_JGT | BPF_K))
			pc += a > i->k ? i->jt : i->jf;
		else if (i->code == (BPF_JMP | BPF_JGE | BPF_K))
			pc += a >= i->k ? i->jt : i->jf;
		else if (i->code == (BPF_JMP | BPF_JSET | BPF_K))
			pc += a & i->k ? i->jt : i->jf;
		else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= i->k;
		else
			break;
	}
	return 0xffffffff;
}

enum { FIRST_CALLS = 400 };

/* Every other call of the native architecture is allowed. Return: number of names */
static size_t every_other(char *names[FIRST_CALLS + 1])
{
	size_t n = 0;

	for (int nr = 0; nr < FIRST_CALLS; nr += 2) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

		if (name)
			names[n++] = name;
	}
	return n;
}

static bool is_listed(char *const *names, size_t n, int nr)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_syscall_resolve_name(names[i]) == nr)
			return true;
	return false;
}

/* The kernel asks about each number when a program is loaded, so that has to be few steps. */
static void test_tree(void)
{
	char *names[FIRST_CALLS + 1] = { NULL };
	size_t n = every_other(names), wrong = 0;
	struct rb_seccomp_rule rule = { .names = { names, n }, .action = SECCOMP_RET_ALLOW };
	struct rb_seccomp p = {
		.present = true, .default_action = SECCOMP_RET_ERRNO, .rules = &rule, .n_rules = 1
	};
	unsigned steps, most = 0;
	rb_autobuf bpf = { 0 };

	if (compile(&p, &bpf)) {
		/* what is newer than all of them is another test's */
		for (int nr = 0; nr <= seccomp_syscall_resolve_name(names[n - 1]); nr++) {
			struct seccomp_data data = { .nr = nr, .arch = seccomp_arch_native() };
			uint32_t is = verdict(&bpf, &data, &steps);
			uint32_t should = is_listed(names, n, nr) ? SECCOMP_RET_ALLOW
								  : SECCOMP_RET_ERRNO | EPERM;

			wrong += is != should;
			most = steps > most ? steps : most;
		}
		is_num((long long)wrong, 0, "each number gets what the profile says");
		ok(most < 60, "after few instructions: %u of %zu at most", most,
		   bpf.len / sizeof(struct sock_filter));
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
}

/* --- rb_seccomp_shrink() against the program it was given --- */

static uint32_t dice(uint32_t below)
{
	static uint64_t state = 1; /* Knuth's MMIX generator */

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static const uint32_t shrink_archs[] = { 0, 7, 0x40000003, 0xc000003e, 0xffffffff };

/* Anything the kernel takes, with few constants, so that programs often ask the same again. */
static void random_program(struct rb_buf *bpf, unsigned n)
{
	static const uint32_t answers[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 1,
					    SECCOMP_RET_ERRNO | 38, SECCOMP_RET_KILL_PROCESS };
	static const uint32_t offsets[] = { 0, 0, 0, 4, 4, 8, 16, 20, 24 };
	static const uint16_t tests[] = { BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE };
	bool odd = dice(8) == 0; /* instructions that let it stay as it is */

	for (unsigned i = 0; i < n; i++) {
		unsigned left = n - i - 1, reach = left < 40 ? left : 40;
		struct sock_filter f = BPF_STMT(BPF_RET | BPF_K, answers[dice(N(answers))]);

		if (left) {
			switch (dice(12)) {
			case 0:
				break;
			case 1:
			case 2:
				f = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								 offsets[dice(N(offsets))]);
				break;
			case 3:
				f = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, dice(reach));
				break;
			case 4:
				if (odd)
					f = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
									 dice(64));
				break;
			default:
				f = (struct sock_filter)BPF_JUMP(
					BPF_JMP | BPF_K | tests[dice(N(tests))],
					dice(3) ? dice(24) : shrink_archs[dice(N(shrink_archs))],
					(uint8_t)dice(reach), (uint8_t)dice(reach));
				if (odd && dice(6) == 0)
					f.code = BPF_JMP | BPF_JSET | BPF_K;
			}
		}
		rb_buf_addn(bpf, (const char *)&f, sizeof(f));
	}
}

/* Return: in how many of the cases the two differ */
static unsigned differences(const struct rb_buf *a, const struct rb_buf *b)
{
	unsigned n = 0, steps;

	for (size_t i = 0; i < N(shrink_archs); i++) {
		for (uint32_t nr = 0; nr < 30; nr++) {
			for (uint32_t k = 0; k < 4; k++) {
				struct seccomp_data data = {
					.nr = nr < 26 ? (int)nr
						      : (int)(shrink_archs[nr - 26] + dice(2)),
					.arch = shrink_archs[i] + (k == 3),
					.instruction_pointer = k ? dice(32) : 0,
					.args = { k ? dice(32) : 0, k ? dice(32) : 0 },
				};

				n += verdict(a, &data, &steps) != verdict(b, &data, &steps);
			}
		}
	}
	return n;
}

static void test_shrink(void)
{
	unsigned shrunk = 0, wrong = 0, longer = 0, touched = 0;

	for (int i = 0; i < 6000; i++) {
		rb_autobuf was = { 0 }, is = { 0 };

		/* long ones need jumps that do not fit into a byte */
		random_program(&was, i % 20 ? 2 + dice(80) : 300 + dice(900));
		rb_buf_addn(&is, was.data, was.len);
		if (rb_seccomp_shrink(&is)) {
			shrunk++;
			longer += is.len > was.len;
			wrong += differences(&was, &is) != 0;
		} else {
			touched += is.len != was.len || memcmp(is.data, was.data, is.len) != 0;
		}
	}
	ok(shrunk > 1000, "%u of 6000 random programs are shrunk", shrunk);
	is_num(wrong, 0, "and say the same as before");
	is_num(longer, 0, "none is longer");
	is_num(touched, 0, "the others are as they were");
}

static void test_shrink_odd(void)
{
	static const struct {
		const char *what;
		struct sock_filter f[3];
		size_t n;
	} odd[] = {
		{ "no answer at the end", { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0) }, 1 },
		{ "a jump behind the end",
		  { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0) },
		  2 },
		{ "a register",
		  { BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_RET | BPF_K, 0) },
		  2 },
		{ "an answer from the accumulator", { BPF_STMT(BPF_RET | BPF_A, 0) }, 1 },
		{ "nothing", { { 0 } }, 0 },
	};

	for (size_t i = 0; i < N(odd); i++) {
		rb_autobuf bpf = { 0 };

		rb_buf_addn(&bpf, (const char *)odd[i].f, odd[i].n * sizeof(odd[i].f[0]));
		ok(!rb_seccomp_shrink(&bpf) && bpf.len == odd[i].n * sizeof(odd[i].f[0]),
		   "not shrunk: %s", odd[i].what);
	}
}

static void test_defaults(void)
{
	struct rb_seccomp_rule rule = { .names = one("chroot"),
					.action = SECCOMP_RET_ERRNO,
					.errno_ret = { true, 7 } };
	struct rb_seccomp_rule allow = { .names = strv(exit_names), .action = SECCOMP_RET_ALLOW };
	struct rb_seccomp p = {
		.present = true, .default_action = SECCOMP_RET_ALLOW, .rules = &rule, .n_rules = 1
	};
	rb_autobuf bpf = { 0 }, enosys = { 0 }, kill = { 0 };

	if (compile(&p, &bpf)) {
		is_num(under(&bpf, SYS_chroot, 0, 0, 0), 7, "a list of what is forbidden");
		is_num(under(&bpf, SYS_getuid, 0, 0, 0), 0, "all else is allowed");
		is_num(under(&bpf, 100000, 0, 0, 0), ENOSYS,
		       "and the kernel answers for what it does not have");
	}
	p = (struct rb_seccomp) { .present = true,
				  .default_action = SECCOMP_RET_ERRNO,
				  .rules = &allow,
				  .n_rules = 1,
				  .default_errno_ret = { true, ENOSYS } };
	if (compile(&p, &enosys))
		is_num(under(&enosys, SYS_getuid, 0, 0, 0), ENOSYS, "defaultErrnoRet");
	p.default_action = SECCOMP_RET_KILL_PROCESS;
	p.default_errno_ret.set = false;
	if (compile(&p, &kill))
		is_num(under(&kill, 100000, 0, 0, 0), 1000 + SIGSYS,
		       "who asks for kill gets it for new calls too");
}

/* --- cache --- */

struct cache {
	char root[64];
	int root_fd;
};

static void cache_init(struct cache *c)
{
	(void)snprintf(c->root, sizeof(c->root), "/tmp/runbox-test-seccomp-XXXXXX");
	if (!mkdtemp(c->root))
		abort();
	c->root_fd = open(c->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void cache_done(struct cache *c)
{
	char command[128];

	rb_closep(&c->root_fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", c->root);
	(void)!system(command); /* a name of our own */
}

/* The one file in the cache, "" if there is none. */
static void cache_file(const struct cache *c, char buf[256])
{
	char command[160];
	FILE *f;

	(void)snprintf(command, sizeof(command), "ls -A %s/@seccomp 2>/dev/null", c->root);
	f = popen(command, "r");
	buf[0] = '\0';
	if (f && fgets(buf, 200, f)) {
		char name[200];

		buf[strcspn(buf, "\n")] = '\0';
		memcpy(name, buf, sizeof(name));
		(void)snprintf(buf, 256, "%.60s/@seccomp/%.100s", c->root, name);
	}
	if (f)
		(void)pclose(f);
}

static bool same(const struct rb_buf *a, const struct rb_buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void ask(const struct cache *c, const struct rb_seccomp *p, const struct rb_buf *want,
		const char *name)
{
	rb_autobuf got = { 0 };
	struct rb_err err = { 0 };

	ok(rb_seccomp_cached(c->root_fd, p, &got, &err) == 0 && same(&got, want), "cache: %s",
	   name);
}

/* Change one byte. */
static void spoil(const char *file, off_t from_end)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	off_t at = lseek(fd, 0, SEEK_END) - from_end;
	char c;

	if (pread(fd, &c, 1, at) == 1) {
		c = (char)~c;
		(void)!pwrite(fd, &c, 1, at);
	}
	(void)close(fd);
}

/* Everything is allowed but one call: does exec still come through? */
static void test_lets(void)
{
	static const struct {
		const char *name;
		uint32_t action, errno_ret;
		bool lets;
	} cases[] = {
		{ "getpid", SECCOMP_RET_KILL_PROCESS, 0, true },
		{ "clone3", SECCOMP_RET_ERRNO, ENOSYS, true },
		{ "clone3", SECCOMP_RET_ERRNO, EPERM, true },
		{ "clone3", SECCOMP_RET_ERRNO, EINVAL, false },
		{ "clone3", SECCOMP_RET_KILL_PROCESS, 0, false },
		{ "clone3", SECCOMP_RET_LOG, 0, true },
		{ "clone", SECCOMP_RET_ERRNO, EPERM, false },
		{ "capset", SECCOMP_RET_ERRNO, EPERM, false },
		{ "prctl", SECCOMP_RET_TRAP, 0, false },
		{ "close", SECCOMP_RET_ERRNO, EPERM, false },
		{ "madvise", SECCOMP_RET_ERRNO, EPERM, false },
		{ "exit_group", SECCOMP_RET_KILL_THREAD, 0, false },
		{ "setsid", SECCOMP_RET_TRACE, 0, false },
		{ "ioctl", SECCOMP_RET_ERRNO, EPERM, false },
		{ "recvmsg", SECCOMP_RET_ERRNO, EPERM, false },
		{ "sched_setaffinity", SECCOMP_RET_ERRNO, EPERM, false },
		{ "execve", SECCOMP_RET_ERRNO, EPERM, false },
		{ "execve", SECCOMP_RET_LOG, 0, true },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct rb_seccomp_rule rule = { .names = one(cases[i].name),
						.action = cases[i].action,
						.errno_ret = { true, cases[i].errno_ret } };
		struct rb_seccomp p = { .present = true,
					.default_action = SECCOMP_RET_ALLOW,
					.archs = archs,
					.n_archs = N(archs),
					.rules = &rule,
					.n_rules = 1 };
		rb_autobuf bpf = { 0 };

		rule.errno_ret.set = cases[i].action == SECCOMP_RET_ERRNO;
		if (compile(&p, &bpf))
			ok(rb_seccomp_lets_exec(&bpf) == cases[i].lets, "%s, action %x: exec %s",
			   cases[i].name, cases[i].action,
			   cases[i].lets ? "comes through" : "would not come through");
	}
}

/* The profile of an engine: arguments are looked at, too. */
static void test_lets_args(void)
{
	struct rb_seccomp_arg mask = {
		.index = 0, .value = CLONE_PARENT, .value_two = 0, .op = SCMP_CMP_MASKED_EQ
	};
	struct rb_seccomp_rule rules[2] = {
		{ .names = one("clone"), .action = SECCOMP_RET_ALLOW, .args = &mask, .n_args = 1 },
		{ .names = one("clone3"),
		  .action = SECCOMP_RET_ERRNO,
		  .errno_ret = { true, ENOSYS } },
	};
	struct rb_seccomp p = { .present = true,
				.default_action = SECCOMP_RET_ERRNO,
				.archs = archs,
				.n_archs = N(archs),
				.rules = rules,
				.n_rules = 2 };
	static const struct sock_filter odd[] = { { BPF_LD | BPF_W | BPF_LEN, 0, 0, 0 },
						  { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct rb_buf unknown = { .data = (char *)(uintptr_t)odd, .len = sizeof(odd) };
	rb_autobuf bpf = { 0 };

	if (compile(&p, &bpf))
		ok(!rb_seccomp_lets_exec(&bpf), "what is not listed is refused");
	ok(!rb_seccomp_lets_exec(&unknown), "an instruction that is not known is a refusal");
}

static void test_cache(void)
{
	struct rb_seccomp_rule rules[6];
	struct rb_seccomp_arg args[3];
	struct rb_seccomp p;
	rb_autobuf want = { 0 }, other = { 0 };
	struct stat before, after;
	struct cache c;
	char file[256], link_target[128];
	struct rb_err err = { 0 };

	cache_init(&c);
	engine_profile(&p, rules, args);
	(void)rb_seccomp_compile(&p, &want, &err);
	ask(&c, &p, &want, "first time");
	cache_file(&c, file);
	ok(stat(file, &before) == 0 && (before.st_mode & 0777) == 0600,
	   "cache: a file of mode 0600");
	ask(&c, &p, &want, "second time");
	ok(stat(file, &after) == 0 && after.st_ino == before.st_ino,
	   "cache: was not written again");

	spoil(file, 5); /* in the program */
	ask(&c, &p, &want, "a damaged program is not used");
	ok(stat(file, &after) == 0 && after.st_ino != before.st_ino, "cache: but replaced");
	spoil(file, (off_t)want.len + 20); /* in the profile */
	ask(&c, &p, &want, "another profile under the same name is not used");
	(void)truncate(file, 30);
	ask(&c, &p, &want, "a torn file is not used");

	/* files that others could write, or did */
	(void)stat(file, &before);
	(void)chmod(file, 0666);
	ask(&c, &p, &want, "one that others can write to is not used");
	ok(stat(file, &after) == 0 && (after.st_mode & 0777) == 0600, "cache: but replaced");
	(void)snprintf(link_target, sizeof(link_target), "%s/elsewhere", c.root);
	(void)rename(file, link_target);
	(void)symlink(link_target, file);
	ask(&c, &p, &want, "a link is not followed");
	ok(lstat(file, &after) == 0 && S_ISREG(after.st_mode), "cache: but replaced");
	(void)unlink(file);
	(void)mkfifo(file, 0600);
	ask(&c, &p, &want, "a FIFO does not hold us");

	/* profiles that differ in one place */
	args[1].value = 9;
	(void)rb_seccomp_compile(&p, &other, &err);
	ok(!same(&want, &other), "cache: another value is another program");
	ask(&c, &p, &other, "one value differs");
	args[1].value = 8;
	ask(&c, &p, &want, "and back");
	cache_done(&c);
}

static void test_cache_dir(void)
{
	struct rb_seccomp_rule rules[6];
	struct rb_seccomp_arg args[3];
	struct rb_seccomp p;
	rb_autobuf want = { 0 };
	struct rb_err err = { 0 };
	struct cache c;
	char dir[128], file[256];

	cache_init(&c);
	engine_profile(&p, rules, args);
	(void)rb_seccomp_compile(&p, &want, &err);
	(void)snprintf(dir, sizeof(dir), "%s/@seccomp", c.root);
	(void)symlink("/tmp", dir);
	ask(&c, &p, &want, "a link in place of the directory");
	(void)unlink(dir);
	(void)mkdir(dir, 0700);
	(void)chmod(dir, 0777);
	ask(&c, &p, &want, "a directory that others can write to");
	cache_file(&c, file);
	is_str(file, "", "cache: nothing is put there");
	(void)chmod(dir, 0700);
	for (uint64_t i = 0; i < 80; i++) {
		rb_autobuf bpf = { 0 };

		args[0].value = 1000 + i;
		if (rb_seccomp_cached(c.root_fd, &p, &bpf, &err) < 0)
			ok(false, "cache: %s", err.msg);
	}
	(void)snprintf(file, sizeof(file), "test $(ls -A %s | wc -l) -le 64", dir);
	ok(system(file) == 0, "cache: many profiles do not fill it without end");
	{
		rb_autobuf bpf = { 0 };

		ok(rb_seccomp_cached(-1, &p, &bpf, &err) == 0 && bpf.len,
		   "no cache: compiled all the same");
	}
	cache_done(&c);
}

/* --- the listener --- */

static int receive(int sock, char *text, size_t size)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int fd = -1;

	text[n > 0 ? n : 0] = '\0';
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int answer(int listener)
{
	struct seccomp_notif req = { 0 };
	struct seccomp_notif_resp resp = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
		return -1;
	resp.id = req.id;
	resp.val = 4711;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void listener_child(struct rb_run *run, const struct rb_step *step)
{
	struct rb_err err = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || rb_step_seccomp(run, step, &err) < 0) {
		printf("# %s\n", err.msg);
		fflush(stdout);
		_exit(1);
	}
	_exit(syscall(SYS_chroot, "/") == 4711 ? 0 : 2);
}

static void test_notify(void)
{
	struct rb_seccomp_rule rule = { .names = one("chroot"), .action = SECCOMP_RET_USER_NOTIF };
	char path[] = "/tmp/runbox-test-notify-XXXXXX", socket_path[64], text[1024];
	struct rb_seccomp p = { .present = true,
				.default_action = SECCOMP_RET_ALLOW,
				.rules = &rule,
				.n_rules = 1,
				.listener_path = socket_path,
				.listener_metadata = "a \"b\"" };
	struct rb_step step = { .kind = RB_STEP_FILTER, .u.seccomp.profile = &p };
	struct rb_spec spec = { .oci_version = "1.3.0" };
	struct rb_plan plan = { .spec = &spec };
	struct rb_run run;
	struct rb_err err = { 0 };
	rb_autofd listening = -1, conn = -1, listener = -1;
	int status = -1;
	pid_t pid;

	rb_run_init(&run);
	run.plan = &plan;
	run.id = "c1";
	run.bundle = "/b";
	run.pid = 42;
	if (!mkdtemp(path))
		abort();
	(void)snprintf(socket_path, sizeof(socket_path), "%s/s", path);
	ok(rb_step_filter(&run, &step, &err) < 0 &&
		   rb_streq(err.at, "linux.seccomp.listenerPath") &&
		   !strstr(err.msg, "No such file"),
	   "nobody listens: %s", err.msg);
	err = (struct rb_err) { 0 };
	(void)rb_unix_listen(AT_FDCWD, socket_path, SOCK_STREAM, &listening);
	ok(rb_step_filter(&run, &step, &err) == 0, "the host side connects (%s)", err.msg);
	pid = fork();
	if (pid == 0)
		listener_child(&run, &step);
	conn = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	listener = receive(conn, text, sizeof(text));
	is_str(text,
	       "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":42,\"metadata\":\"a "
	       "\\\"b\\\"\","
	       "\"state\":{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"status\":\"created\",\"pid\":"
	       "42,"
	       "\"bundle\":\"/b\"}}",
	       "the container process state");
	ok(listener >= 0 && answer(listener) == 0, "the descriptor answers calls");
	(void)waitpid(pid, &status, 0);
	is_num(status, 0, "the process got the answer");
	rule.names = strv(sendmsg_names);
	err = (struct rb_err) { 0 };
	ok(rb_step_filter(&run, &step, &err) < 0, "refused: %s", err.msg);
	run.plan = NULL;
	rb_run_done(&run);
	(void)unlink(socket_path);
	(void)rmdir(path);
}

int main(void)
{
	test_engine();
	test_tree();
	test_shrink();
	test_shrink_odd();
	test_defaults();
	test_lets();
	test_lets_args();
	test_cache();
	test_cache_dir();
	test_notify();
	return tap_done();
}
