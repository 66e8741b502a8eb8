/* devbpf.c - the device rules as a BPF program, for cgroup v2
 *
 * The program walks the rules from the last to the first, those of character and of block devices apart, and
 * crosses off what each allows; a rule that denies something still open ends it. Most rules allow all of one
 * device, and are one jump each: the kernel's verifier follows every way through a program, and its time is
 * part of every create. Registers: r3 access still to be allowed, r4 major, r5 minor, r6 both in one.
 * Pure. Source: <linux/bpf.h> struct bpf_cgroup_dev_ctx, kernel cgroup-v2.rst "Device controller",
 * <linux/kdev_t.h> for the 12 and 20 bits of the numbers.
 */
#include <linux/bpf.h>
#include <stddef.h>

#include "exec/cgroup_priv.h"

#define MINOR_BITS 20
/* one test or two, then four to decide; and the jumps that are collected, see emit_allowed() */
#define INSNS_PER_RULE 8
#define INSNS_AROUND   32
/* a jump reaches 32767 instructions: so many rules that allow are sent to one place */
#define MAX_ALLOWED 256

#define ALL (RB_DEV_R | RB_DEV_W | RB_DEV_M)

#define INSN(c, d, s, o, i) \
	((struct bpf_insn) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LOAD(dst, field)                                \
	INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, \
	     offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define ALU(op, dst, imm_)  INSN(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, imm_)
#define ALU_X(op, dst, src) INSN(BPF_ALU64 | (op) | BPF_X, dst, src, 0, 0)
#define JUMP(op, dst, imm_) INSN(BPF_JMP | (op) | BPF_K, dst, 0, 0, imm_)
#define EXIT()		    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct program {
	struct bpf_insn *v;
	size_t n;
	size_t next[4], n_next;			/* jumps to the end of the rule being written */
	size_t allowed[MAX_ALLOWED], n_allowed; /* jumps to where all is allowed */
};

static void emit(struct program *p, struct bpf_insn insn)
{
	p->v[p->n++] = insn;
}

/* Let the jumps of a list, which is empty afterwards, lead here. */
static void land(struct program *p, const size_t *jumps, size_t *n)
{
	while (*n) {
		size_t from = jumps[--*n];

		p->v[from].off = (int16_t)(p->n - from - 1);
	}
}

static void emit_next(struct program *p, struct bpf_insn insn)
{
	p->next[p->n_next++] = p->n;
	emit(p, insn);
}

static void emit_return(struct program *p, bool allow)
{
	emit(p, ALU(BPF_MOV, BPF_REG_0, allow));
	emit(p, EXIT());
}

/* The place where all is allowed; what comes before it goes around it. */
static void emit_allowed(struct program *p, bool pass)
{
	if (!p->n_allowed)
		return;
	if (pass)
		emit(p, INSN(BPF_JMP | BPF_JA, 0, 0, 2, 0));
	land(p, p->allowed, &p->n_allowed);
	emit_return(p, true);
}

static void emit_allow(struct program *p, struct bpf_insn insn)
{
	p->allowed[p->n_allowed++] = p->n;
	emit(p, insn);
	if (p->n_allowed == MAX_ALLOWED)
		emit_allowed(p, true);
}

static int32_t access_bits(unsigned access)
{
	return (access & RB_DEV_R ? BPF_DEVCG_ACC_READ : 0) |
	       (access & RB_DEV_W ? BPF_DEVCG_ACC_WRITE : 0) |
	       (access & RB_DEV_M ? BPF_DEVCG_ACC_MKNOD : 0);
}

/* What a rule compares. */
struct test {
	int reg;
	int32_t with;
};

/* Return: the number of tests, or -1 when no device can pass them */
static int tests_of(const struct rb_device_rule *r, struct test t[2])
{
	bool major = r->has_major && r->major >= 0, minor = r->has_minor && r->minor >= 0;
	int n = 0;

	if ((major && r->major >> 12) || (minor && r->minor >> MINOR_BITS))
		return -1;
	/* larger ones would be negative numbers in a jump, and those are widened to 64 bits */
	if (major && minor && r->major < 1 << 11) {
		t[n++] = (struct test) { BPF_REG_6, (int32_t)(r->major << MINOR_BITS | r->minor) };
		return n;
	}
	if (major)
		t[n++] = (struct test) { BPF_REG_4, (int32_t)r->major };
	if (minor)
		t[n++] = (struct test) { BPF_REG_5, (int32_t)r->minor };
	return n;
}

static void emit_rule(struct program *p, const struct rb_device_rule *r)
{
	int32_t bits = access_bits(r->access);
	struct test t[2];
	int n = tests_of(r, t);

	if (n < 0)
		return;
	if (n == 1 && r->allow && r->access == ALL) {
		emit_allow(p, JUMP(BPF_JEQ, t[0].reg, t[0].with));
		return;
	}
	for (int i = 0; i < n; i++)
		emit_next(p, JUMP(BPF_JNE, t[i].reg, t[i].with));
	if (r->allow) {
		emit(p, ALU(BPF_AND, BPF_REG_3, ~bits));
		emit_allow(p, JUMP(BPF_JEQ, BPF_REG_3, 0));
	} else {
		emit(p, ALU_X(BPF_MOV, BPF_REG_0, BPF_REG_3));
		emit(p, ALU(BPF_AND, BPF_REG_0, bits));
		emit_next(p, JUMP(BPF_JEQ, BPF_REG_0, 0));
		emit_return(p, false);
	}
	land(p, p->next, &p->n_next);
}

static void emit_rules(struct program *p, const struct rb_dev_rules *rules, char type)
{
	for (size_t i = rules->n; i-- > 0;)
		if (rules->rules[i].type == type)
			emit_rule(p, &rules->rules[i]);
	emit_return(p, rules->allow);
	emit_allowed(p, false);
}

void rb_devbpf_generate(struct rb_arena *arena, const struct rb_dev_rules *rules,
			struct bpf_insn **ret, size_t *ret_n)
{
	struct program p = {
		.v = rb_arena_alloc(arena,
				    (rules->n * INSNS_PER_RULE + INSNS_AROUND) * sizeof(*p.v)),
	};
	size_t to_block, one = 1;

	emit(&p, LOAD(BPF_REG_2, access_type));
	emit(&p, LOAD(BPF_REG_4, major));
	emit(&p, LOAD(BPF_REG_5, minor));
	emit(&p, ALU_X(BPF_MOV, BPF_REG_6, BPF_REG_4));
	emit(&p, ALU(BPF_LSH, BPF_REG_6, MINOR_BITS));
	emit(&p, ALU_X(BPF_OR, BPF_REG_6, BPF_REG_5));
	emit(&p, ALU_X(BPF_MOV, BPF_REG_3, BPF_REG_2));
	emit(&p, ALU(BPF_RSH, BPF_REG_3, 16));
	emit(&p, ALU(BPF_AND, BPF_REG_2, 0xffff));
	to_block = p.n;
	emit(&p, JUMP(BPF_JEQ, BPF_REG_2, BPF_DEVCG_DEV_BLOCK));
	emit_rules(&p, rules, 'c');
	land(&p, &to_block, &one);
	emit_rules(&p, rules, 'b');
	*ret = p.v;
	*ret_n = p.n;
}
