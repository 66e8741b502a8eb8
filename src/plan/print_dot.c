/* print_dot.c - the plan as a graph for dot(1): the two sides next to each other, barriers between
 * them
 */
#include <inttypes.h>

#include "plan_priv.h"

static bool does(const struct rb_step *step, unsigned side)
{
	return step->side & side;
}

/* A label is escaped twice: control characters for the reader, then quotes and backslashes for
 * dot. */
static void add_label(const struct rb_step *step, size_t i, const struct rb_step_time *time,
		      struct rb_buf *out)
{
	rb_autobuf args = { 0 };

	rb_step_describe(step, &args);
	rb_buf_printf(out, "%02zu %s", i + 1, rb_step_name(step->kind));
	if (time && time->end_ns)
		rb_buf_printf(out, " (%" PRIu64 " us)", (time->end_ns - time->start_ns) / 1000);
	rb_buf_add(out, "\\n");
	rb_buf_escaped(out, args.data ? args.data : "", '"');
	if (step->at) {
		rb_autobuf at = { 0 };

		rb_buf_escaped(&at, step->at, 0);
		rb_buf_add(out, "\\n");
		rb_buf_escaped(out, at.data, '"');
	}
}

static void print_side(const struct rb_plan *plan, const struct rb_step_time *times, unsigned side,
		       struct rb_buf *out)
{
	const char *name = plan_side(side);
	const char *arrow = "\t\t";

	rb_buf_printf(out, "\tsubgraph cluster_%s {\n\t\tlabel=\"%s\";\n", name, name);
	for (size_t i = 0; i < plan->len; i++) {
		if (!does(&plan->steps[i], side))
			continue;
		rb_buf_printf(out, "\t\t%s%zu [label=\"", name, i + 1);
		add_label(&plan->steps[i], i, times ? &times[i] : NULL, out);
		rb_buf_printf(out, "\"%s];\n",
			      plan->steps[i].side == RB_SIDE_BOTH ? ",shape=ellipse" : "");
	}
	for (size_t i = 0; i < plan->len; i++) {
		if (!does(&plan->steps[i], side))
			continue;
		rb_buf_printf(out, "%s%s%zu", arrow, name, i + 1);
		arrow = " -> ";
	}
	rb_buf_add(out, ";\n\t}\n");
}

/* The child begins where it is cloned; a barrier is an arrow from who signals to who waits. */
static void print_between(const struct rb_plan *plan, struct rb_buf *out)
{
	bool begun = false;
	size_t born = 0;

	for (size_t i = 0; i < plan->len; i++) {
		const struct rb_step *step = &plan->steps[i];

		if (step->kind == RB_STEP_CLONE || step->kind == RB_STEP_ENTER)
			born = i + 1;
		if (born && !begun && does(step, RB_SIDE_CHILD)) {
			rb_buf_printf(out, "\thost%zu -> child%zu [style=dashed];\n", born, i + 1);
			begun = true;
		}
		if (step->kind == RB_STEP_BARRIER) {
			bool host = step->u.barrier.from == RB_SIDE_HOST;

			rb_buf_printf(
				out,
				"\t%s%zu -> %s%zu [style=bold,constraint=false,label=\"%s\"];\n",
				host ? "host" : "child", i + 1, host ? "child" : "host", i + 1,
				step->u.barrier.name);
		}
	}
}

/** plan_print_dot() - see plan_priv.h */
void plan_print_dot(const struct rb_plan *plan, const struct rb_step_time *times,
		    struct rb_buf *out)
{
	rb_buf_add(out, "digraph plan {\n\tnode [shape=box,fontname=monospace];\n");
	print_side(plan, times, RB_SIDE_HOST, out);
	print_side(plan, times, RB_SIDE_CHILD, out);
	print_between(plan, out);
	rb_buf_add(out, "}\n");
}
