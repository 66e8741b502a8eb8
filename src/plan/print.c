/* print.c - the plan as text: one line a step, in columns
 *
 * number, side, kind, arguments, JSON path; when it was run, microseconds before the number's line
 * end. Nothing here depends on where the bundle lies, so that golden plans can be compared
 * anywhere.
 */
#include <inttypes.h>
#include <string.h>

#include "plan_priv.h"
#include "runbox/names.h"

/* Arguments wider than this push their JSON path to the right instead of the whole column. */
#define MAX_ARGS 64

/* Characters, not bytes: the length of a column. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void pad(struct rb_buf *out, size_t from, size_t to)
{
	while (from++ < to)
		rb_buf_add(out, " ");
}

static void add_namespaces(struct rb_buf *out, const char *what, unsigned long flags)
{
	if (!flags)
		return;
	rb_buf_printf(out, "; %s", what);
	for (size_t i = 0; i < RB_NS_COUNT; i++)
		if (flags & rb_ns_types[i].flag)
			rb_buf_printf(out, " %s", rb_ns_types[i].name);
}

static void print_head(const struct rb_plan *plan, struct rb_buf *out)
{
	rb_buf_add(out, "plan of ");
	rb_buf_escaped(out, plan->id, 0);
	rb_buf_add(out, ": root ");
	rb_buf_escaped(out, plan->spec->root_path, 0);
	rb_buf_add(out, "; cgroup ");
	rb_buf_escaped(out, plan->cgroup_path ? plan->cgroup_path : "none", 0);
	add_namespaces(out, "new", plan->new_ns);
	add_namespaces(out, "joined", plan->joined_ns);
	rb_buf_add(out, "\n");
	for (size_t i = 0; i < plan->warnings.n; i++) {
		rb_buf_add(out, "warning: ");
		rb_buf_escaped(out, plan->warnings.v[i], 0);
		rb_buf_add(out, "\n");
	}
	rb_buf_add(out, "\n");
}

static size_t widest_kind(const struct rb_plan *plan)
{
	size_t max = 0;

	for (size_t i = 0; i < plan->len; i++) {
		size_t w = strlen(rb_step_name(plan->steps[i].kind));

		max = w > max ? w : max;
	}
	return max;
}

static void describe_into(const struct rb_step *step, struct rb_buf *line)
{
	line->len = 0;
	rb_buf_add(line, ""); /* terminated also when there is nothing to say */
	rb_step_describe(step, line);
}

static size_t widest_args(const struct rb_plan *plan)
{
	rb_autobuf line = { 0 };
	size_t max = 0;

	for (size_t i = 0; i < plan->len; i++) {
		size_t w;

		describe_into(&plan->steps[i], &line);
		w = width(line.data);
		if (plan->steps[i].at && w <= MAX_ARGS && w > max)
			max = w;
	}
	return max;
}

static void print_step(const struct rb_step *step, const struct rb_step_time *time,
		       size_t kind_width, size_t args_width, struct rb_buf *out)
{
	const char *undo = rb_step_undo_text(step);
	size_t indent = out->len;
	rb_autobuf line = { 0 };

	if (time && time->end_ns)
		rb_buf_printf(out, "%8" PRIu64 " us  ", (time->end_ns - time->start_ns) / 1000);
	else if (time)
		rb_buf_add(out, "             ");
	rb_buf_printf(out, "%-5s  %-*s  ", plan_side(step->side), (int)kind_width,
		      rb_step_name(step->kind));
	indent = out->len - indent;
	describe_into(step, &line);
	rb_buf_add(out, line.data);
	if (step->at) {
		pad(out, width(line.data), args_width);
		rb_buf_add(out, "  ");
		rb_buf_escaped(out, step->at, 0);
	}
	rb_buf_add(out, "\n");
	if (undo) {
		pad(out, 0, indent + 4);
		rb_buf_printf(out, "undo: %s\n", undo);
	}
}

/* Hooks that other verbs run are no steps of create, but nothing is to be hidden. */
static void print_later(const struct rb_plan *plan, enum rb_hook_kind kind, const char *when,
			struct rb_buf *out)
{
	const struct rb_hooks *hooks = &plan->spec->hooks[kind];

	for (size_t i = 0; i < hooks->n; i++) {
		rb_buf_printf(out, "%s: hook ", when);
		rb_buf_escaped(out, hooks->v[i].path, 0);
		rb_buf_printf(out, "  hooks.%s[%zu]\n", rb_name_of(rb_hook_names, kind), i);
	}
}

static void print_text(const struct rb_plan *plan, const struct rb_step_time *times,
		       struct rb_buf *out)
{
	size_t kind_width = widest_kind(plan), args_width = widest_args(plan);
	size_t undoable = 0;

	print_head(plan, out);
	for (size_t i = 0; i < plan->len; i++) {
		rb_buf_printf(out, "%02zu  ", i + 1);
		print_step(&plan->steps[i], times ? &times[i] : NULL, kind_width, args_width, out);
		undoable += rb_step_undo_text(&plan->steps[i]) != NULL;
	}
	rb_buf_add(out, "\n");
	print_later(plan, RB_HOOK_POSTSTART, "after start", out);
	print_later(plan, RB_HOOK_POSTSTOP, "after delete", out);
	rb_buf_printf(
		out, "%zu steps, %zu with an undo; the rest ends with the container's namespaces\n",
		plan->len, undoable);
}

/**
 * rb_plan_print() - the plan as text, JSON or dot
 * @times: one a step, or NULL; a step with both times zero was not carried out
 * @out:   appended to
 */
void rb_plan_print(const struct rb_plan *plan, enum rb_plan_format format,
		   const struct rb_step_time *times, struct rb_buf *out)
{
	switch (format) {
	case RB_PLAN_TEXT:
		print_text(plan, times, out);
		break;
	case RB_PLAN_JSON:
		plan_print_json(plan, times, out);
		break;
	case RB_PLAN_DOT:
		plan_print_dot(plan, times, out);
		break;
	}
}
