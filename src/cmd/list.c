/* list.c - the containers below the state root, sorted by id */
#include <errno.h>
#include <string.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/log.h"

#define COLUMNS 6
#define GAP	3

struct table {
	struct rb_arena *arena;
	const char *(*rows)[COLUMNS];
	size_t n;
};

static const char *const header[COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };

/* Paths may hold anything; a terminal gets printable text. */
static const char *printable(struct rb_arena *arena, const char *text)
{
	rb_autobuf out = { 0 };

	rb_buf_escaped(&out, text, 0);
	return rb_arena_strdup(arena, out.data);
}

static void add_row(struct table *t, struct rb_container *c)
{
	const char **row = t->rows[t->n++];
	bool alive = c->status != RB_STOPPED && c->status != RB_CREATING;

	row[0] = c->store.id;
	row[1] = rb_arena_printf(t->arena, "%d", alive ? c->state.pid : 0);
	row[2] = rb_status_name(c->status);
	row[3] = printable(t->arena, c->state.bundle);
	row[4] = rb_arena_strdup(t->arena, c->state.created);
	row[5] = printable(t->arena, rb_state_owner(&c->state));
}

static void print_row(const char *const *row, const size_t *width, struct rb_buf *out)
{
	for (size_t i = 0; i < COLUMNS - 1; i++)
		rb_buf_printf(out, "%-*s", (int)(width[i] + GAP), row[i]);
	rb_buf_printf(out, "%s\n", row[COLUMNS - 1]);
}

static void print_table(const struct table *t, struct rb_buf *out)
{
	size_t width[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++) {
		width[i] = strlen(header[i]);
		for (size_t k = 0; k < t->n; k++)
			if (strlen(t->rows[k][i]) > width[i])
				width[i] = strlen(t->rows[k][i]);
	}
	print_row(header, width, out);
	for (size_t k = 0; k < t->n; k++)
		print_row(t->rows[k], width, out);
}

/* One container into the table or the array. One that was deleted meanwhile is left out. */
static void one(const struct rb_cli *cli, const char *root, const char *id, struct table *t,
		struct rb_buf *json)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct rb_err err = { 0 };
	int r = rb_container_open(&c, root, id, RB_LOCK_NONE, &err);

	if (r < 0) {
		if (r != -ENOENT)
			rb_log_warn("container %s: %s", id, err.msg);
		return;
	}
	if (cli->format && rb_streq(cli->format, "json")) {
		rb_buf_add(json, json->len > 1 ? "," : "");
		rb_state_print(&c.state, c.status, false, json);
	} else {
		add_row(t, &c);
	}
}

static int list(struct rb_cli *cli, struct rb_err *err)
{
	bool json = cli->format && rb_streq(cli->format, "json");
	struct table t = { .arena = &cli->arena };
	rb_autobuf out = { 0 };
	struct rb_strv ids = { 0 };
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0)
		r = rb_store_list(&cli->arena, root, &ids, err);
	if (r < 0)
		return r;
	t.rows = rb_arena_alloc(&cli->arena, (ids.n + 1) * sizeof(*t.rows));
	rb_buf_add(&out, json && !cli->quiet ? "[" : "");
	for (size_t i = 0; i < ids.n; i++) {
		if (cli->quiet)
			rb_buf_printf(&out, "%s\n", ids.v[i]);
		else
			one(cli, root, ids.v[i], &t, &out);
	}
	if (!cli->quiet && json)
		rb_buf_add(&out, "]\n");
	else if (!cli->quiet)
		print_table(&t, &out);
	return rb_print(&out, err);
}

static const struct rb_option options[] = {
	RB_OPT_ROW_FORMAT("what to print"),
	{ .name = "quiet",
	  .letter = 'q',
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(quiet),
	  .help = "ids only" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_list = {
	.name = "list",
	.args = "",
	.summary = "List containers",
	.options = options,
	.run = list,
};
