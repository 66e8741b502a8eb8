/* plan.c - print what create would do, or what it did
 *
 * For a container that is there, the plan is compiled again from the config and the options as they
 * were frozen at create, and shown with the times that were taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

#define TIMES_MAX (1u << 20)

/* What is compiled and how it is shown. */
struct job {
	struct rb_spec spec;
	struct rb_host host;
	struct rb_plan plan;
	struct rb_plan_opts opts;
	char *times;
	size_t times_len;
};

static const struct {
	const char *name;
	enum rb_plan_format format;
} format_rows[] = {
	{ "text", RB_PLAN_TEXT },
	{ "json", RB_PLAN_JSON },
	{ "dot", RB_PLAN_DOT },
};
static const struct {
	const char *name;
	enum rb_cgroup_layout layout;
} layout_rows[] = {
	{ "v1", RB_LAYOUT_V1 },
	{ "hybrid", RB_LAYOUT_HYBRID },
	{ "v2", RB_LAYOUT_V2 },
};

static enum rb_plan_format chosen_format(const struct rb_cli *cli)
{
	for (size_t i = 0; cli->format && i < sizeof(format_rows) / sizeof(format_rows[0]); i++)
		if (rb_streq(format_rows[i].name, cli->format))
			return format_rows[i].format;
	return RB_PLAN_TEXT;
}

static int chosen_host(struct rb_cli *cli, struct rb_host *host, struct rb_err *err)
{
	for (size_t i = 0; cli->assume && i < sizeof(layout_rows) / sizeof(layout_rows[0]); i++)
		if (rb_streq(layout_rows[i].name, cli->assume)) {
			rb_host_assume(layout_rows[i].layout, host);
			return 0;
		}
	return rb_host_probe(&cli->arena, host, NULL, true, err);
}

static int print(struct rb_cli *cli, struct job *j, struct rb_err *err)
{
	rb_autobuf out = { 0 };
	const struct rb_step_time *times = NULL;
	int r = chosen_host(cli, &j->host, err);

	if (r == 0)
		r = rb_plan_compile(&j->plan, &j->spec, &j->host, &j->opts, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < j->plan.warnings.n; i++)
		rb_log_warn("%s", j->plan.warnings.v[i]);
	if (j->times && j->times_len == j->plan.len * sizeof(*times))
		times = (const struct rb_step_time *)j->times; /* malloc'd, so aligned */
	rb_plan_print(&j->plan, chosen_format(cli), times, &out);
	return rb_print(&out, err);
}

static int of_bundle(struct rb_cli *cli, const char *dir, struct job *j, struct rb_err *err)
{
	rb_autobundle bundle = RB_BUNDLE_NONE;
	struct rb_create_opts none = { 0 };
	int r = rb_bundle_open(&bundle, &cli->arena, dir, cli->config, err);

	if (r == 0)
		r = rb_spec_decode("config.json", bundle.config, bundle.config_len, &j->spec, err);
	if (r < 0)
		return r;
	none.cgroups_disabled = cli->cgroup_manager && rb_streq(cli->cgroup_manager, "disabled");
	none.systemd_cgroup = rb_wants_systemd(cli);
	none.runs = cli->as_run;
	rb_plan_opts_fill(&j->opts, NULL, bundle.path, &none);
	return print(cli, j, err);
}

static int of_container(struct rb_cli *cli, struct rb_container *c, struct job *j,
			struct rb_err *err)
{
	struct rb_create_opts opts;
	int r = rb_state_spec(&c->store, &j->spec, err);

	if (r == 0)
		r = rb_state_create_opts(&c->store, &cli->arena, &opts, err);
	if (r < 0)
		return r;
	/* a container whose create died has none */
	(void)rb_read_file(c->store.dir_fd, "times", TIMES_MAX, &j->times, &j->times_len);
	rb_plan_opts_fill(&j->opts, c->store.id, c->state.bundle, &opts);
	return print(cli, j, err);
}

/* An argument with a slash is a bundle; a plain word is a container, else a bundle. */
static int of_word(struct rb_cli *cli, const char *word, struct job *j, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	const char *root;
	struct stat st;
	int r;

	if (strchr(word, '/') || rb_streq(word, ".") || rb_streq(word, ".."))
		return of_bundle(cli, word, j, err);
	r = rb_store_root(&cli->arena, cli->root, &root, err);
	if (r == 0)
		r = rb_container_open(&c, root, word, RB_LOCK_NONE, err);
	if (r == -ENOENT && stat(word, &st) == 0) {
		*err = (struct rb_err) { 0 };
		return of_bundle(cli, word, j, err);
	}
	return r < 0 ? r : of_container(cli, &c, j, err);
}

static int plan(struct rb_cli *cli, struct rb_err *err)
{
	struct job j = { .opts = { 0 } };
	int r = cli->n_args ? of_word(cli, cli->args[0], &j, err)
			    : of_bundle(cli, cli->bundle, &j, err);

	rb_plan_done(&j.plan);
	rb_spec_done(&j.spec);
	free(j.times);
	return r;
}

static const char *const formats[] = { "text", "json", "dot", NULL };
static const char *const layouts[] = { "v1", "hybrid", "v2", NULL };
static const struct rb_option options[] = {
	RB_OPT_ROW_BUNDLE,
	RB_OPT_ROW_CONFIG,
	{ .name = "format",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(format),
	  .choices = formats,
	  .help = "what to print" },
	{ .name = "assume",
	  .type = RB_OPT_CHOICE,
	  RB_OPT_FIELD(assume),
	  .choices = layouts,
	  .help = "for a host with these cgroups, not this one" },
	{ .name = "run",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(as_run),
	  .help = "as run goes about it, not create" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_plan = {
	.name = "plan",
	.args = "[ID|BUNDLE]",
	.summary = "Print the steps of create, in order, without doing any",
	.text = "For a container that is there: the steps as they were done, with times.",
	.options = options,
	.max_args = 1,
	.run = plan,
};
