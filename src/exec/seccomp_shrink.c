/* seccomp_shrink.c - the same filter with fewer instructions
 *
 * libseccomp compares with the number of each call; neighbours that get the same answer need one
 * comparison for all of them. The kernel translates the program at each load, asks it about each
 * call (seccomp_filter.rst), and runs it for each call that it cannot answer itself; an engine's
 * profile shrinks to a quarter.
 *
 * How: as long as the program has only seen architecture and number of a call, what it does is the
 * same between two of the constants that it compares with. So it is walked for one value of each
 * such interval, up to its answer or to where it loads something else (an argument, the instruction
 * pointer). Equal neighbours are joined, a search tree over them is written, and what tests
 * arguments is copied as it is.
 *
 * Rule: when in doubt the program stays as it was: with an instruction that is not expected, or if
 * the new one, walked in the same way, gives another answer anywhere.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec/seccomp_priv.h"

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define NONE UINT32_MAX

struct program {
	const struct sock_filter *v;
	size_t n;
};

/* What a walk comes to: an answer, or where it loads what is neither architecture nor number. */
struct outcome {
	bool known; /* @value is the answer, else an instruction */
	uint32_t value;
};

/* All values from @from up to the next one's. @value: of a list of calls the outcome, of one of
 * architectures a list. */
struct interval {
	uint32_t from;
	struct outcome to;
};
struct intervals {
	struct interval *v;
	size_t n;
};

static bool same(struct outcome a, struct outcome b)
{
	return a.known == b.known && a.value == b.value;
}

/* --- reading the program --- */

static bool is_compare(const struct sock_filter *f)
{
	return f->code == (BPF_JMP | BPF_JEQ | BPF_K) || f->code == (BPF_JMP | BPF_JGT | BPF_K) ||
	       f->code == (BPF_JMP | BPF_JGE | BPF_K);
}

static bool is_branch(const struct sock_filter *f)
{
	return is_compare(f) || f->code == (BPF_JMP | BPF_JSET | BPF_K);
}

static bool takes(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	default:
		return a >= f->k;
	}
}

/* Only what libseccomp writes, all jumps inside, an answer at the end of each way. */
static bool is_expected(const struct program *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct sock_filter *f = &p->v[i];
		size_t left = p->n - i - 1;

		if (f->code == (BPF_RET | BPF_K))
			continue;
		if (left == 0)
			return false;
		if (is_branch(f) ? f->jt >= left || f->jf >= left
		    : f->code == (BPF_JMP | BPF_JA)
			    ? f->k >= left
			    : f->code != LOAD && f->code != (BPF_ALU | BPF_AND | BPF_K))
			return false;
	}
	return p->n > 0;
}

/* Return: false where a step does more with the two than compare them */
static bool walk(const struct program *p, uint32_t arch, uint32_t nr, struct outcome *ret)
{
	uint32_t a = 0; /* as the kernel begins */

	for (size_t i = 0;;) {
		const struct sock_filter *f = &p->v[i];

		if (f->code == (BPF_RET | BPF_K)) {
			*ret = (struct outcome) { true, f->k };
			return true;
		}
		if (f->code == LOAD) {
			if (f->k != offsetof(struct seccomp_data, arch) &&
			    f->k != offsetof(struct seccomp_data, nr)) {
				*ret = (struct outcome) { false, (uint32_t)i };
				return true;
			}
			a = f->k == offsetof(struct seccomp_data, arch) ? arch : nr;
			i++;
		} else if (is_compare(f)) {
			i += 1u + (takes(f, a) ? f->jt : f->jf);
		} else if (f->code == (BPF_JMP | BPF_JA)) {
			i += 1u + f->k;
		} else {
			return false;
		}
	}
}

/* --- the intervals --- */

static int ascending(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

/* Sorts, and leaves one of each. Return: how many there are then */
static size_t sort_once(uint32_t *v, size_t n)
{
	size_t kept = 1;

	qsort(v, n, sizeof(*v), ascending);
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[kept - 1])
			v[kept++] = v[i];
	return kept;
}

/* The first value of each interval: 0, each constant that is compared with, and the one after it. */
static uint32_t *list_starts(struct rb_arena *arena, const struct program *p, size_t *ret_n)
{
	uint32_t *v = rb_arena_alloc(arena, (2 * p->n + 1) * sizeof(*v));
	size_t n = 1;

	for (size_t i = 0; i < p->n; i++) {
		if (!is_compare(&p->v[i]))
			continue;
		v[n++] = p->v[i].k;
		if (p->v[i].k < UINT32_MAX)
			v[n++] = p->v[i].k + 1;
	}
	*ret_n = sort_once(v, n);
	return v;
}

static void append(struct intervals *list, uint32_t from, struct outcome to)
{
	if (list->n && same(list->v[list->n - 1].to, to))
		return;
	list->v[list->n++] = (struct interval) { from, to };
}

static bool list_calls(struct rb_arena *arena, const struct program *p, uint32_t arch,
		       const uint32_t *starts, size_t n, struct intervals *ret)
{
	*ret = (struct intervals) { .v = rb_arena_alloc(arena, n * sizeof(*ret->v)) };
	for (size_t i = 0; i < n; i++) {
		struct outcome to;

		if (!walk(p, arch, starts[i], &to))
			return false;
		append(ret, starts[i], to);
	}
	return true;
}

static bool same_list(const struct intervals *a, const struct intervals *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].from != b->v[i].from || !same(a->v[i].to, b->v[i].to))
			return false;
	return true;
}

/* Constants with which the architecture may be compared: what may be in the accumulator is handed
 * down all jumps, which only lead forward. */
static size_t list_archs(struct rb_arena *arena, const struct program *p, uint32_t *v)
{
	bool *holds = rb_arena_alloc(arena, p->n * sizeof(*holds));
	size_t n = 0;

	v[n++] = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct sock_filter *f = &p->v[i];
		bool h = f->code == LOAD ? f->k == offsetof(struct seccomp_data, arch) : holds[i];

		if (is_compare(f) && h) {
			v[n++] = f->k;
			if (f->k < UINT32_MAX)
				v[n++] = f->k + 1;
		}
		if (is_branch(f)) {
			holds[i + 1 + f->jt] |= h;
			holds[i + 1 + f->jf] |= h;
		} else if (f->code == (BPF_JMP | BPF_JA)) {
			holds[i + 1 + f->k] |= h;
		} else if (i + 1 < p->n) {
			holds[i + 1] |= h;
		}
	}
	return sort_once(v, n);
}

/* --- writing, from the last instruction to the first: where a jump leads is then known --- */

struct writer {
	const struct program *old;
	struct sock_filter *v; /* reversed */
	size_t n, room;
	uint32_t *copied;    /* by instruction of the old program: its place here, or NONE */
	uint32_t answers[8]; /* the places of some answers, the latest at n_answers % 8 */
	size_t n_answers;
	bool full;
};

/* A place is counted from the end. Return: that of the instruction */
static uint32_t put(struct writer *w, struct sock_filter f)
{
	if (w->n == w->room) {
		w->full = true;
		return 0;
	}
	w->v[w->n] = f;
	return (uint32_t)w->n++;
}

/* How far a jump from the next instruction to @place leads. */
static uint32_t distance(const struct writer *w, uint32_t place)
{
	return (uint32_t)w->n - 1 - place;
}

static uint32_t put_answer(struct writer *w, uint32_t value)
{
	for (size_t i = 0; i < 8 && i < w->n_answers; i++)
		if (w->v[w->answers[i]].k == value && distance(w, w->answers[i]) < 128)
			return w->answers[i];
	return w->answers[w->n_answers++ % 8] =
		       put(w, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
}

/* A place that a conditional jump written after @more other instructions reaches. */
static uint32_t near(struct writer *w, uint32_t place, uint32_t more)
{
	if (distance(w, place) + more <= UINT8_MAX)
		return place;
	return put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, distance(w, place)));
}

static uint32_t put_branch(struct writer *w, uint16_t code, uint32_t k, uint32_t yes, uint32_t no)
{
	yes = near(w, yes, 1);
	no = near(w, no, 0);
	if (distance(w, yes) > UINT8_MAX) /* never; it would be another program */
		w->full = true;
	return put(w, (struct sock_filter)BPF_JUMP(code, k, (uint8_t)distance(w, yes),
						   (uint8_t)distance(w, no)));
}

/* Is the instruction @i on a way from @from? All that a copied instruction leads to is behind it. */
static void mark(const struct program *p, size_t from, bool *reached)
{
	reached[from] = true;
	for (size_t i = from; i < p->n; i++) {
		const struct sock_filter *f = &p->v[i];

		if (!reached[i] || f->code == (BPF_RET | BPF_K))
			continue;
		if (is_branch(f)) {
			reached[i + 1 + f->jt] = true;
			reached[i + 1 + f->jf] = true;
		} else {
			reached[i + 1 + (f->code == (BPF_JMP | BPF_JA) ? f->k : 0)] = true;
		}
	}
}

static uint32_t copy_one(struct writer *w, size_t i)
{
	const struct sock_filter *f = &w->old->v[i];

	if (f->code == (BPF_RET | BPF_K))
		return put_answer(w, f->k);
	if (is_branch(f))
		return put_branch(w, f->code, f->k, w->copied[i + 1 + f->jt],
				  w->copied[i + 1 + f->jf]);
	if (f->code == (BPF_JMP | BPF_JA))
		return w->copied[i + 1 + f->k];
	/* it goes on with the next one, which may have been written long before */
	if (distance(w, w->copied[i + 1]) != 0)
		(void)put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
							  distance(w, w->copied[i + 1])));
	return put(w, *f);
}

static uint32_t put_copy(struct writer *w, struct rb_arena *arena, uint32_t from)
{
	bool *reached;

	if (w->copied[from] != NONE)
		return w->copied[from];
	reached = rb_arena_alloc(arena, w->old->n * sizeof(*reached));
	mark(w->old, from, reached);
	for (size_t i = w->old->n; i-- > from;)
		if (reached[i] && w->copied[i] == NONE)
			w->copied[i] = copy_one(w, i);
	return w->copied[from];
}

/* The search tree of the intervals from @from up to @to. @places: of what each leads to. */
static uint32_t put_tree(struct writer *w, const struct intervals *list, const uint32_t *places,
			 size_t from, size_t to)
{
	size_t half = from + (to - from) / 2;
	uint32_t yes, no;

	if (to - from == 1)
		return places[from];
	yes = put_tree(w, list, places, half, to);
	no = put_tree(w, list, places, from, half);
	return put_branch(w, BPF_JMP | BPF_JGE | BPF_K, list->v[half].from, yes, no);
}

static uint32_t put_load(struct writer *w, uint32_t off, uint32_t next)
{
	if (distance(w, next) != 0)
		(void)put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, distance(w, next)));
	return put(w, (struct sock_filter)BPF_STMT(LOAD, off));
}

/* An answer is written anew for each tree: a jump reaches it. */
static uint32_t put_calls(struct writer *w, struct rb_arena *arena, const struct intervals *list)
{
	uint32_t *places = rb_arena_alloc(arena, list->n * sizeof(*places));

	if (list->n == 1 && list->v[0].to.known)
		return put_answer(w, list->v[0].to.value);
	for (size_t i = 0; i < list->n; i++)
		if (!list->v[i].to.known)
			places[i] = put_copy(w, arena, list->v[i].to.value);
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].to.known)
			places[i] = put_answer(w, list->v[i].to.value);
	return put_load(w, offsetof(struct seccomp_data, nr),
			put_tree(w, list, places, 0, list->n));
}

/* --- all together --- */

struct shrink {
	struct rb_arena arena;
	struct program old, new;
	uint32_t *starts, *archs;
	size_t n_starts, n_archs;
	struct intervals *lists; /* by architecture: what its calls come to */
	struct writer w;
};

static bool read_program(struct shrink *s)
{
	if (!is_expected(&s->old))
		return false;
	s->starts = list_starts(&s->arena, &s->old, &s->n_starts);
	s->archs = rb_arena_alloc(&s->arena, (2 * s->old.n + 1) * sizeof(*s->archs));
	s->n_archs = list_archs(&s->arena, &s->old, s->archs);
	s->lists = rb_arena_alloc(&s->arena, s->n_archs * sizeof(*s->lists));
	for (size_t i = 0; i < s->n_archs; i++)
		if (!list_calls(&s->arena, &s->old, s->archs[i], s->starts, s->n_starts,
				&s->lists[i]))
			return false;
	return true;
}

static bool write_program(struct shrink *s)
{
	struct intervals archs = { .v = rb_arena_alloc(&s->arena, s->n_archs * sizeof(*archs.v)) };
	uint32_t *places = rb_arena_alloc(&s->arena, s->n_archs * sizeof(*places));
	uint32_t *by_list = rb_arena_alloc(&s->arena, s->n_archs * sizeof(*by_list));
	struct writer *w = &s->w;
	struct sock_filter *v;

	/* no longer than the old one, or it is of no use */
	*w = (struct writer) { .old = &s->old, .room = s->old.n };
	w->v = rb_arena_alloc(&s->arena, w->room * sizeof(*w->v));
	w->copied = rb_arena_alloc(&s->arena, s->old.n * sizeof(*w->copied));
	for (size_t i = 0; i < s->old.n; i++)
		w->copied[i] = NONE;
	for (size_t i = 0; i < s->n_archs; i++) {
		size_t like = 0;

		while (!same_list(&s->lists[like], &s->lists[i]))
			like++;
		if (like == i)
			by_list[i] = put_calls(w, &s->arena, &s->lists[i]);
		append(&archs, s->archs[i], (struct outcome) { false, (uint32_t)like });
	}
	for (size_t i = 0; i < archs.n; i++)
		places[i] = by_list[archs.v[i].to.value];
	(void)put_load(w, offsetof(struct seccomp_data, arch),
		       put_tree(w, &archs, places, 0, archs.n));
	if (w->full)
		return false;
	v = rb_arena_alloc(&s->arena, w->n * sizeof(*v));
	for (size_t i = 0; i < w->n; i++)
		v[i] = w->v[w->n - 1 - i];
	s->new = (struct program) { v, w->n };
	return true;
}

/* Do both come to the same for a call? What tests arguments is a copy, which has to be in its place. */
static bool agrees(const struct shrink *s, uint32_t arch, uint32_t nr)
{
	struct outcome was, is;

	if (!walk(&s->old, arch, nr, &was) || !walk(&s->new, arch, nr, &is) ||
	    was.known != is.known)
		return false;
	return was.known ? was.value == is.value
			 : s->new.n - 1 - is.value == s->w.copied[was.value];
}

static bool is_the_same(const struct shrink *s)
{
	if (!is_expected(&s->new))
		return false;
	for (size_t i = 0; i < s->n_archs; i++) {
		uint32_t last_arch = i + 1 < s->n_archs ? s->archs[i + 1] - 1 : UINT32_MAX;

		for (size_t k = 0; k < s->n_starts; k++) {
			uint32_t last = k + 1 < s->n_starts ? s->starts[k + 1] - 1 : UINT32_MAX;

			if (!agrees(s, s->archs[i], s->starts[k]) ||
			    !agrees(s, s->archs[i], last) || !agrees(s, last_arch, s->starts[k]))
				return false;
		}
	}
	return true;
}

bool rb_seccomp_shrink(struct rb_buf *bpf)
{
	struct shrink s = { .old = { (const void *)bpf->data,
				     bpf->len / sizeof(struct sock_filter) } };
	bool done = read_program(&s) && write_program(&s) && is_the_same(&s);

	if (done) {
		rb_autobuf shorter = { 0 };

		rb_buf_addn(&shorter, (const char *)s.new.v, s.new.n * sizeof(*s.new.v));
		rb_buf_done(bpf);
		*bpf = shorter;
		shorter = (struct rb_buf) { 0 };
	}
	rb_arena_done(&s.arena);
	return done;
}
