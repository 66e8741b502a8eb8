/* test_devbpf.c - the BPF program and the v1 exceptions say what the device rules say
 *
 * The program is interpreted here, instruction by instruction, over a grid of devices and
 * accesses, and compared with a plain reading of config.json: the last rule that matches
 * decides. Random rules too, from a fixed seed. The kernel's own verdict needs root and is
 * asked last.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "runbox/err.h"
#include "tap.h"

static const int64_t majors[] = { 0, 1, 5, 8, 10, 136, 4095 };
static const int64_t minors[] = { 0, 1, 2, 3, 5, 229, 1048575 };
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- a machine for the few instructions that are used --- */

static int run_program(const struct bpf_insn *v, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = { 0 };
	size_t pc = 0;

	for (unsigned steps = 0; pc < n && steps < 100000; steps++) {
		const struct bpf_insn *i = &v[pc++];
		uint64_t k = (uint64_t)(int64_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			if (i->src_reg != BPF_REG_1 || i->off < 0 ||
			    (size_t)i->off + 4 > sizeof(*ctx))
				return -1;
			reg[i->dst_reg] =
				*(const uint32_t *)(const void *)((const char *)ctx + i->off);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			reg[i->dst_reg] = reg[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = k;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			reg[i->dst_reg] &= k;
			break;
		case BPF_ALU64 | BPF_OR | BPF_X:
			reg[i->dst_reg] |= reg[i->src_reg];
			break;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			reg[i->dst_reg] <<= k;
			break;
		case BPF_JMP | BPF_JA:
			pc += (size_t)i->off;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			reg[i->dst_reg] >>= k;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += reg[i->dst_reg] != k ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += reg[i->dst_reg] == k ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			return -1;
		}
	}
	return -1;
}

static int ask_program(const struct bpf_insn *v, size_t n, char type, int64_t major, int64_t minor,
		       unsigned access)
{
	uint32_t bits = (access & RB_DEV_R ? BPF_DEVCG_ACC_READ : 0) |
			(access & RB_DEV_W ? BPF_DEVCG_ACC_WRITE : 0) |
			(access & RB_DEV_M ? BPF_DEVCG_ACC_MKNOD : 0);
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type = bits << 16 |
			       (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = (uint32_t)major,
		.minor = (uint32_t)minor,
	};

	return run_program(v, n, &ctx);
}

/* The devices controller of v1: security/device_cgroup.c, as kernel cgroup-v1/devices.rst tells
 * it. */
static bool ask_v1(const struct rb_dev_exception *v, size_t n, bool allow, char type, int64_t major,
		   int64_t minor, unsigned access)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].type != type || (v[i].major >= 0 && v[i].major != major) ||
		    (v[i].minor >= 0 && v[i].minor != minor))
			continue;
		if (allow ? (access & v[i].access) != 0 : (access & ~v[i].access) == 0)
			return !allow;
	}
	return allow;
}

/* A plain reading: bit by bit, config's rules and then the defaults, the last match. */
static bool plain_bit(const struct rb_resources *res, char type, int64_t major, int64_t minor,
		      unsigned bit)
{
	static const struct {
		char type;
		int64_t major, minor;
	} defaults[] = {
		{ 'c', 1, 3 }, { 'c', 1, 5 }, { 'c', 1, 7 }, { 'c', 1, 8 },
		{ 'c', 1, 9 }, { 'c', 5, 0 }, { 'c', 5, 2 }, { 'c', 136, -1 },
	};
	bool verdict = false;

	for (size_t i = 0; i < res->n_devices; i++) {
		const struct rb_device_rule *r = &res->devices[i];
		unsigned access = r->access;

		if (!access && (!r->allow || (r->type == 'a' && !r->has_major && !r->has_minor)))
			access = 7;
		if ((r->type == 'a' || r->type == type) &&
		    (!r->has_major || r->major < 0 || r->major == major) &&
		    (!r->has_minor || r->minor < 0 || r->minor == minor) && access & bit)
			verdict = r->allow;
	}
	if (bit == RB_DEV_M)
		return true;
	for (size_t i = 0; i < N(defaults); i++)
		if (defaults[i].type == type && defaults[i].major == major &&
		    (defaults[i].minor < 0 || defaults[i].minor == minor))
			return true;
	return verdict;
}

static bool plain(const struct rb_resources *res, char type, int64_t major, int64_t minor,
		  unsigned access)
{
	for (unsigned bit = 1; bit <= 4; bit <<= 1)
		if (access & bit && !plain_bit(res, type, major, minor, bit))
			return false;
	return true;
}

struct tally {
	unsigned asked, wrong_check, wrong_bpf, wrong_v1, too_open_v1, refused_v1;
};

static void compare(const struct rb_resources *res, struct tally *t)
{
	rb_autoarena arena = { 0 };
	struct rb_dev_rules rules;
	struct rb_dev_exception *v;
	const struct rb_device_rule *bad;
	struct bpf_insn *insns;
	size_t n, nv;
	bool has_v1;

	rb_dev_rules_build(&arena, res, &rules);
	rb_devbpf_generate(&arena, &rules, &insns, &n);
	has_v1 = rb_dev_rules_flatten(&arena, &rules, &v, &nv, &bad) == 0;
	t->refused_v1 += !has_v1;
	for (size_t a = 0; a < N(majors); a++)
		for (size_t b = 0; b < N(minors); b++)
			for (unsigned access = 1; access < 16; access++) {
				char type = access & 8 ? 'b' : 'c';
				unsigned acc = access & 7;
				bool want, v1;

				if (!acc)
					continue;
				want = plain(res, type, majors[a], minors[b], acc);
				t->asked++;
				t->wrong_check += rb_dev_rules_check(&rules, type, majors[a],
								     minors[b], acc) != want;
				t->wrong_bpf += ask_program(insns, n, type, majors[a], minors[b],
							    acc) != want;
				v1 = has_v1 &&
				     ask_v1(v, nv, rules.allow, type, majors[a], minors[b], acc);
				t->wrong_v1 += has_v1 && v1 != want;
				t->too_open_v1 += v1 && !want;
			}
}

/* --- cases --- */

static void test_cases(void)
{
	struct rb_device_rule deny_all = { .allow = false, .type = 'a', .access = 7 };
	struct rb_device_rule allow_all = { .allow = true, .type = 'a', .access = 7 };
	struct rb_device_rule fuse = { true, 'c', true, true, 10, 229, 7 };
	struct rb_device_rule no_fuse = { false, 'c', true, true, 10, 229, 7 };
	struct rb_device_rule all_10 = { true, 'c', true, false, 10, 0, 7 };
	struct rb_device_rule read_disk = { true, 'b', true, true, 8, 0, RB_DEV_R };
	struct rb_device_rule empty_allow = { .allow = true, .type = 'c' };
	struct rb_device_rule number_of_both = { true, 'a', true, true, 8, 1, RB_DEV_R };
	struct rb_device_rule read_1 = { true, 'c', true, false, 1, 0, RB_DEV_R };
	struct rb_device_rule write_1_2 = { true, 'c', true, true, 1, 2, RB_DEV_W };
	struct rb_device_rule beyond = { true, 'c', true, true, 1ll << 33, 3, 7 };
	const struct {
		const char *name;
		struct rb_device_rule r[3];
		size_t n;
		bool v1;
	} cases[] = {
		{ "no rules", { deny_all }, 0, true },
		{ "deny all", { deny_all }, 1, true },
		{ "privileged", { allow_all }, 1, true },
		{ "one device", { deny_all, fuse }, 2, true },
		{ "denied again", { fuse, no_fuse }, 2, true },
		{ "privileged but one", { allow_all, no_fuse }, 2, true },
		{ "a hole in a wider rule", { all_10, no_fuse }, 2, false },
		{ "read only", { deny_all, read_disk }, 2, true },
		{ "no access is nothing allowed", { empty_allow }, 1, true },
		{ "type a with a number", { number_of_both }, 1, true },
		{ "a narrow rule has what a wider one gives", { read_1, write_1_2 }, 2, true },
		{ "a number no device has", { beyond }, 1, true },
		{ "deny all last", { fuse, allow_all, deny_all }, 3, true },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct rb_device_rule copy[3];
		struct rb_resources res = { .devices = copy, .n_devices = cases[i].n };
		struct tally t = { 0 };

		memcpy(copy, cases[i].r, sizeof(copy));
		compare(&res, &t);
		ok(t.wrong_check == 0 && t.wrong_bpf == 0,
		   "%s: check and program say what the rules say", cases[i].name);
		ok(t.wrong_v1 == 0 && (t.refused_v1 == 0) == cases[i].v1, "%s: on v1 %s",
		   cases[i].name, cases[i].v1 ? "too" : "refused");
	}
}

static void test_random(void)
{
	struct tally t = { 0 };

	srandom(20240229);
	for (unsigned round = 0; round < 3000; round++) {
		struct rb_device_rule rules[8];
		struct rb_resources res = { .devices = rules, .n_devices = (size_t)random() % 9 };

		for (size_t i = 0; i < res.n_devices; i++)
			rules[i] = (struct rb_device_rule) {
				.allow = random() % 2,
				.type = "abccc"[random() % 5],
				.has_major = random() % 4,
				.has_minor = random() % 3,
				.major = majors[random() % (long)N(majors)],
				.minor = minors[random() % (long)N(minors)],
				.access = (unsigned)random() % 8,
			};
		compare(&res, &t);
	}
	is_num(t.wrong_check, 0, "3000 random lists: rb_dev_rules_check()");
	is_num(t.wrong_bpf, 0, "3000 random lists: the program");
	is_num(t.too_open_v1, 0, "3000 random lists: v1 never allows more");
	ok(t.refused_v1 < 2900,
	   "3000 random lists: %u refused on v1, %u answers of %u stricter there", t.refused_v1,
	   t.wrong_v1, t.asked);
}

static void test_text(void)
{
	struct rb_dev_exception e = { 1, -1, RB_DEV_R | RB_DEV_M, 'c' };
	char buf[64];

	is_str(rb_dev_text(&e, buf), "c 1:* rm", "an exception as devices.allow takes it");
}

/* The verifier and the kernel's own run of the program, on a cgroup of ours. */
static void test_kernel(void)
{
	const char *names[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	struct rb_device_rule fuse = { true, 'c', true, true, 10, 229, 7 };
	struct rb_resources res = { .devices = &fuse, .n_devices = 1 };
	struct rb_hierarchy h = { .own = "/", .name = "", .v2 = true };
	char path[64];
	struct rb_cgroup_dir dir = { .hierarchy = &h, .path = path };
	struct rb_dev_rules rules;
	struct rb_err err = { 0 };
	rb_autoarena arena = { 0 };
	struct bpf_insn *insns;
	char full[128];
	size_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/runbox-test-dev%d", getpid());
	for (size_t i = 0; i < N(names); i++) {
		(void)snprintf(full, sizeof(full), "%s/cgroup.controllers", names[i]);
		if (access(full, F_OK) == 0)
			h.mount = names[i];
	}
	if (geteuid() != 0 || !h.mount) {
		skip("the kernel takes the program", "requires root cgroup2");
		return;
	}
	(void)snprintf(full, sizeof(full), "%s%s", h.mount, path);
	if (mkdir(full, 0755) < 0) {
		skip("the kernel takes the program", "cgroup2 is read-only");
		return;
	}
	fd = rb_cgroup_leaf(&dir, &err);
	rb_dev_rules_build(&arena, &res, &rules);
	rb_devbpf_generate(&arena, &rules, &insns, &n);
	ok(fd >= 0 && !rb_devbpf_attached(fd), "a new cgroup has no program of ours");
	ok(rb_devbpf_attach(fd, insns, n, &err) == 0, "the kernel takes the program (%s)", err.msg);
	ok(rb_devbpf_attached(fd), "it is found again");
	ok(rb_devbpf_attach(fd, insns, n, &err) == 0 && rb_devbpf_attached(fd), "and replaced");
	rb_cgroup_forget();
	ok(rmdir(full) == 0, "the cgroup is removed");
}

/* Far more than a config will have: no jump may lead astray. */
static void test_many(void)
{
	enum { MANY = 40000 };
	struct rb_device_rule *v = calloc(MANY, sizeof(*v));
	struct rb_dev_rules rules = { .rules = v };
	struct rb_err err = { 0 };
	struct bpf_insn *insns;
	unsigned wrong = 0;
	size_t n;

	for (size_t i = 0; i < MANY; i++)
		v[i] = (struct rb_device_rule) { true, 'c', true, true, 7, (int64_t)i, 7 };
	for (rules.n = 1; rules.n <= 2000; rules.n += 333) {
		rb_autoarena arena = { 0 };

		rb_devbpf_generate(&arena, &rules, &insns, &n);
		for (size_t i = 0; i < 2010; i++)
			wrong += ask_program(insns, n, 'c', 7, (int64_t)i, 7) != (i < rules.n);
		wrong += ask_program(insns, n, 'b', 7, 0, 7) != 0;
	}
	is_num(wrong, 0, "up to 2000 rules: each device has its verdict");
	{
		rb_autoarena arena = { 0 };

		rules.n = MANY;
		rb_devbpf_generate(&arena, &rules, &insns, &n);
		ok(rb_devbpf_attach(-1, insns, n, &err) < 0 && strstr(err.msg, "too many"),
		   "40000 rules are refused");
	}
	free(v);
}

int main(void)
{
	test_cases();
	test_random();
	test_many();
	test_text();
	test_kernel();
	return tap_done();
}
