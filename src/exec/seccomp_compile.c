/* seccomp_compile.c - linux.seccomp into a BPF program, by libseccomp
 *
 * Names that libseccomp does not know are skipped: a profile is written for many kernels. In
 * front of its program stands one of ours: a profile whose default is an errno says it of calls
 * its author left out, but to calls that are newer than any it names, of which the author could
 * not know, the answer is ENOSYS, for that is what makes C libraries fall back to the older
 * call.
 * Sources: config-linux.md "Seccomp", seccomp(2), seccomp_rule_add(3), kernel seccomp_filter.rst.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exec/seccomp_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"
#include "runbox/names.h"

/* bit of a system call number that says x32; the architecture is that of x86_64 (kernel,
 * asm/unistd.h) */
#define X32_BIT 0x40000000u
/* system calls have six arguments */
#define MAX_ARGS 6

static void release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

/* The action with its data. config-linux.md: the errno is EPERM unless one is given. */
static uint32_t full_action(uint32_t action, const struct rb_opt_u32 *ret)
{
	uint32_t data = ret->set ? ret->v : EPERM;

	return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE
		       ? action | (data & SECCOMP_RET_DATA)
		       : action;
}

static int add_archs(scmp_filter_ctx ctx, const struct rb_seccomp *profile, struct rb_err *err)
{
	for (size_t i = 0; i < profile->n_archs; i++) {
		int r = seccomp_arch_add(ctx, profile->archs[i]);

		/* EEXIST: the native one is always there. EDOM: of the other endianness, so
		 * never of this host */
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return rb_fail_at(err, "linux.seccomp.architectures",
					  "%s is not an architecture that libseccomp here knows",
					  rb_name_of(rb_seccomp_arch_names, profile->archs[i]));
	}
	return 0;
}

/* --- rules --- */

/* libseccomp takes one test an argument. A rule with several of one is an alternative for each. */
static bool repeats_argument(const struct rb_seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & 1u << rule->args[i].index)
			return true;
		seen |= 1u << rule->args[i].index;
	}
	return false;
}

static struct scmp_arg_cmp as_test(const struct rb_seccomp_arg *arg)
{
	return (struct scmp_arg_cmp) {
		.arg = arg->index,
		.op = (enum scmp_compare)arg->op,
		.datum_a = arg->value,
		.datum_b = arg->value_two,
	};
}

static int add_name(scmp_filter_ctx ctx, const struct rb_seccomp_rule *rule, uint32_t action,
		    const char *name)
{
	struct scmp_arg_cmp tests[MAX_ARGS];
	int nr = seccomp_syscall_resolve_name(name), r = 0;

	if (nr == __NR_SCMP_ERROR) {
		rb_log_debug(RB_DEBUG_EXEC, "seccomp: no system call %s, skipped", name);
		return 0;
	}
	if (repeats_argument(rule)) {
		for (size_t i = 0; r == 0 && i < rule->n_args; i++) {
			tests[0] = as_test(&rule->args[i]);
			r = seccomp_rule_add_array(ctx, action, nr, 1, tests);
		}
	} else {
		for (size_t i = 0; i < rule->n_args; i++)
			tests[i] = as_test(&rule->args[i]);
		r = seccomp_rule_add_array(ctx, action, nr, (unsigned)rule->n_args, tests);
	}
	return r == -EEXIST ? 0 : r; /* an earlier rule says it already */
}

static int add_rules(scmp_filter_ctx ctx, const struct rb_seccomp *profile, struct rb_err *err)
{
	uint32_t otherwise = full_action(profile->default_action, &profile->default_errno_ret);

	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct rb_seccomp_rule *rule = &profile->rules[i];
		uint32_t action = full_action(rule->action, &rule->errno_ret);

		if (action == otherwise)
			continue; /* says nothing, and libseccomp refuses it */
		for (size_t k = 0; k < rule->names.n; k++) {
			int r = add_name(ctx, rule, action, rule->names.v[k]);

			if (r < 0)
				return rb_fail_sys(err, -r, "seccomp rule of %s", rule->names.v[k]);
		}
	}
	return 0;
}

/* --- ENOSYS for what is newer than the profile --- */

/* The highest number that the profile names on an architecture. Return: false if it names none */
static bool highest(const struct rb_seccomp *profile, uint32_t arch, uint32_t *ret)
{
	bool any = false;

	for (size_t i = 0; i < profile->n_rules; i++) {
		for (size_t k = 0; k < profile->rules[i].names.n; k++) {
			int nr = seccomp_syscall_resolve_name_arch(arch,
								   profile->rules[i].names.v[k]);

			/* negative: not there, or a stand-in of libseccomp's for another
			 * architecture's call */
			if (nr < 0 || (any && (uint32_t)nr <= *ret))
				continue;
			*ret = (uint32_t)nr;
			any = true;
		}
	}
	return any;
}

static void emit(struct rb_buf *bpf, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	struct sock_filter insn = BPF_JUMP(code, k, jt, jf);

	rb_buf_addn(bpf, (const char *)&insn, sizeof(insn));
}

/* "if nr > most, ENOSYS" */
static void emit_most(struct rb_buf *bpf, uint32_t most)
{
	emit(bpf, BPF_JMP | BPF_JGT | BPF_K, most, 0, 1);
	emit(bpf, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

/* The tests of one architecture, with the accumulator holding it; they end with the number in
 * it. */
static void emit_arch(struct rb_buf *bpf, const struct rb_seccomp *profile, uint32_t arch,
		      bool has_x32)
{
	rb_autobuf tests = { 0 };
	uint32_t most, most_x32;
	size_t n;

	if (!highest(profile, arch, &most))
		return;
	emit(&tests, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	/* without x32 in the profile none of its calls is known; with it they have a highest of
	 * their own */
	if (arch == SCMP_ARCH_X86_64 && has_x32 && highest(profile, SCMP_ARCH_X32, &most_x32)) {
		emit_most(&tests, most_x32);
		emit(&tests, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0);
	}
	emit_most(&tests, most);
	n = tests.len / sizeof(struct sock_filter);
	/* over the tests, and over the reload behind them */
	emit(bpf, BPF_JMP | BPF_JEQ | BPF_K, arch, 0, (uint8_t)(n + 1));
	rb_buf_addn(bpf, tests.data, tests.len);
	emit(bpf, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
}

static void emit_unknown(struct rb_buf *bpf, const struct rb_seccomp *profile)
{
	uint32_t native = seccomp_arch_native();
	bool has_x32 = false;

	if (profile->default_action != SECCOMP_RET_ERRNO ||
	    full_action(profile->default_action, &profile->default_errno_ret) ==
		    (SECCOMP_RET_ERRNO | ENOSYS))
		return;
	for (size_t i = 0; i < profile->n_archs; i++)
		has_x32 |= profile->archs[i] == SCMP_ARCH_X32;
	emit(bpf, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit_arch(bpf, profile, native, has_x32);
	for (size_t i = 0; i < profile->n_archs; i++)
		/* x32 goes with x86_64, whose architecture it has */
		if (profile->archs[i] != SCMP_ARCH_X32 && profile->archs[i] != SCMP_ARCH_NATIVE &&
		    profile->archs[i] != native)
			emit_arch(bpf, profile, profile->archs[i], has_x32);
}

/* --- all together --- */

/* seccomp_export_bpf_mem() is not in libseccomp 2.5; a file of memory does. */
static int export(scmp_filter_ctx ctx, struct rb_buf *bpf, struct rb_err *err)
{
	rb_autofd fd = memfd_create("seccomp", MFD_CLOEXEC);
	rb_autofree char *data = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return rb_fail_sys(err, errno, "make memory for the seccomp filter");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return rb_fail_sys(err, -r, "compile the seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return rb_fail_sys(err, errno, "read the seccomp filter");
	r = rb_read_fd(fd, BPF_MAXINSNS * sizeof(struct sock_filter), &data, &len);
	if (r == -EFBIG)
		return rb_fail(err, RB_ERR_CONFIG,
			       "the seccomp profile is too large: more than %d instructions",
			       BPF_MAXINSNS);
	if (r < 0)
		return rb_fail_sys(err, -r, "read the seccomp filter");
	rb_buf_addn(bpf, data, len);
	return 0;
}

int rb_seccomp_compile(const struct rb_seccomp *profile, struct rb_buf *bpf, struct rb_err *err)
{
	__attribute__((cleanup(release))) scmp_filter_ctx ctx =
		seccomp_init(full_action(profile->default_action, &profile->default_errno_ret));
	int r;

	if (!ctx)
		return rb_fail(err, RB_ERR_CONFIG,
			       "libseccomp does not take the profile's default action");
	/* a tree by number: the kernel asks the program about each number when it is loaded, to
	 * answer calls that are always allowed without it (seccomp_filter.rst), and 900 walks down
	 * a list of 360 take 0.6 ms. A libseccomp that knows no trees makes a list. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_archs(ctx, profile, err);
	if (r == 0)
		r = add_rules(ctx, profile, err);
	if (r < 0)
		return r;
	emit_unknown(bpf, profile);
	r = export(ctx, bpf, err);
	if (r == 0)
		(void)rb_seccomp_shrink(bpf); /* or it stays as it is */
	if (r == 0 && bpf->len > BPF_MAXINSNS * sizeof(struct sock_filter))
		r = rb_fail(err, RB_ERR_CONFIG,
			    "the seccomp profile is too large: more than %d instructions",
			    BPF_MAXINSNS);
	return r;
}
