/* devbpf.c - the device rules as a BPF program, for cgroup v2
 *
 * The program walks the rules from the last to the first and crosses off what each allows; a
 * rule that denies something still open ends it. Registers: r2 type, r3 access still to be
 * allowed, r4 major, r5 minor.
 * Pure. Source: <linux/bpf.h> struct bpf_cgroup_dev_ctx, kernel cgroup-v2.rst "Device controller".
 */
#include <linux/bpf.h>
#include <stddef.h>

#include "exec/cgroup_priv.h"

/* At most: three tests, then four to decide. */
#define INSNS_PER_RULE 8
#define INSNS_AROUND   8

#define INSN(c, d, s, o, i) \
	((struct bpf_insn) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LOAD(dst, field)                                \
	INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, \
	     offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define ALU(op, dst, imm_)  INSN(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, imm_)
#define COPY(dst, src)	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define JUMP(op, dst, imm_) INSN(BPF_JMP | (op) | BPF_K, dst, 0, 0, imm_)
#define EXIT()		    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct program {
	struct bpf_insn *v;
	size_t n;
	size_t jumps[4], n_jumps; /* to the end of the rule being written */
};

static void emit(struct program *p, struct bpf_insn insn)
{
	p->v[p->n++] = insn;
}

/* A jump to the next rule, its distance filled in when that is known. */
static void emit_next(struct program *p, struct bpf_insn insn)
{
	p->jumps[p->n_jumps++] = p->n;
	emit(p, insn);
}

static void emit_return(struct program *p, bool allow)
{
	emit(p, ALU(BPF_MOV, BPF_REG_0, allow));
	emit(p, EXIT());
}

static int32_t access_bits(unsigned access)
{
	return (access & RB_DEV_R ? BPF_DEVCG_ACC_READ : 0) |
	       (access & RB_DEV_W ? BPF_DEVCG_ACC_WRITE : 0) |
	       (access & RB_DEV_M ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void emit_rule(struct program *p, const struct rb_device_rule *r)
{
	int32_t bits = access_bits(r->access);

	p->n_jumps = 0;
	emit_next(p, JUMP(BPF_JNE, BPF_REG_2,
			  r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
	if (r->has_major && r->major >= 0)
		emit_next(p, JUMP(BPF_JNE, BPF_REG_4, (int32_t)r->major));
	if (r->has_minor && r->minor >= 0)
		emit_next(p, JUMP(BPF_JNE, BPF_REG_5, (int32_t)r->minor));
	if (r->allow) {
		emit(p, ALU(BPF_AND, BPF_REG_3, ~bits));
		emit_next(p, JUMP(BPF_JNE, BPF_REG_3, 0));
	} else {
		emit(p, COPY(BPF_REG_0, BPF_REG_3));
		emit(p, ALU(BPF_AND, BPF_REG_0, bits));
		emit_next(p, JUMP(BPF_JEQ, BPF_REG_0, 0));
	}
	emit_return(p, r->allow);
	for (size_t i = 0; i < p->n_jumps; i++)
		p->v[p->jumps[i]].off = (int16_t)(p->n - p->jumps[i] - 1);
}

void rb_devbpf_generate(struct rb_arena *arena, const struct rb_dev_rules *rules,
			struct bpf_insn **ret, size_t *ret_n)
{
	struct program p = {
		.v = rb_arena_alloc(arena,
				    (rules->n * INSNS_PER_RULE + INSNS_AROUND) * sizeof(*p.v)),
	};

	emit(&p, LOAD(BPF_REG_2, access_type));
	emit(&p, COPY(BPF_REG_3, BPF_REG_2));
	emit(&p, ALU(BPF_AND, BPF_REG_2, 0xffff));
	emit(&p, ALU(BPF_RSH, BPF_REG_3, 16));
	emit(&p, LOAD(BPF_REG_4, major));
	emit(&p, LOAD(BPF_REG_5, minor));
	for (size_t i = rules->n; i-- > 0;)
		emit_rule(&p, &rules->rules[i]);
	emit_return(&p, rules->allow);
	*ret = p.v;
	*ret_n = p.n;
}
