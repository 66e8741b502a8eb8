/* veth.c - main() of runbox-veth: an OCI hook that gives containers of any runtime a network, and the helper
 * that does netlink for a static runbox
 *
 *     "hooks": { "createRuntime": [ { "path": ".../runbox-veth" } ],
 *                "poststop":      [ { "path": ".../runbox-veth" } ] }
 *
 * The state on stdin says which container and whether it comes or goes (runtime.md "State"); what it gets is
 * the network object of its bundle's config.json. The rows of the plan are those that runbox itself carries
 * out, recorded in a state root of the hook's own. Mounts are not a hook's to make: resolv.conf and hosts
 * stay the runtime's.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/json.h"
#include "runbox/log.h"
#include "runbox/net.h"

#define STATE_MAX    (1u << 20)
#define DEFAULT_ROOT "/run/runbox-veth"

/* The descriptor that rb_net_begin() leaves to the helper. */
#define SERVE_FD 3

static const char usage[] =
	"usage: runbox-veth [--root DIR] < STATE\n"
	"An OCI hook: as createRuntime it makes the network that the \"runbox\" object of the\n"
	"bundle's config.json asks for, as poststop it removes it.\n"
	"  --root DIR   where it keeps what it has to undo (" DEFAULT_ROOT ")\n";

/* What a hook is told. */
struct told {
	const char *id, *bundle, *status;
	uint32_t pid;
};

struct hook {
	struct rb_arena arena;
	const char *root;
	struct told told;
	char *config;
	size_t config_len;
	struct rb_spec spec;
	struct rb_host host;
	struct rb_plan plan;
	struct rb_run run;
	struct rb_record record;
	struct rb_recorder recorder;
	struct rb_create_opts opts;
};

static const char *text_of(const struct rb_json *doc, const char *key)
{
	const struct rb_json *v = rb_json_get(doc, key);

	return v && v->type == RB_JSON_STRING ? v->text : NULL;
}

static int read_state(struct hook *h, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	const struct rb_json *pid;
	struct rb_json *doc;
	size_t len;
	int r = rb_read_fd(STDIN_FILENO, STATE_MAX, &text, &len);

	if (r < 0)
		return rb_fail_sys(err, -r, "read the state from stdin");
	r = rb_json_parse(&h->arena, &h->arena, "state", text, len, &doc, err);
	if (r < 0)
		return r;
	h->told.id = text_of(doc, "id");
	h->told.bundle = text_of(doc, "bundle");
	h->told.status = text_of(doc, "status");
	pid = rb_json_get(doc, "pid");
	if (pid && (pid->type != RB_JSON_NUMBER || rb_parse_u32(pid->text, &h->told.pid) < 0))
		return rb_fail(err, RB_ERR_CONFIG, "the state has no usable pid");
	if (!h->told.id || !h->told.bundle || !h->told.status)
		return rb_fail(err, RB_ERR_CONFIG, "the state has no id, bundle or status");
	return rb_id_check(h->told.id, err);
}

static int read_config(struct hook *h, struct rb_err *err)
{
	const char *path = rb_arena_printf(&h->arena, "%s/config.json", h->told.bundle);
	int r = rb_read_file(AT_FDCWD, path, RB_JSON_MAX_BYTES, &h->config, &h->config_len);

	if (r < 0)
		return rb_fail_sys(err, -r, "read %s", path);
	return rb_spec_decode("config.json", h->config, h->config_len, &h->spec, err);
}

/* The run of a container that somebody else made: its process is there already. */
static void prepare_run(struct hook *h)
{
	h->run.plan = &h->plan;
	h->run.id = h->told.id;
	h->run.bundle = h->told.bundle;
	h->run.pid = (pid_t)h->told.pid;
	h->run.rec = &h->recorder;
	h->record.run = &h->run;
	h->record.spec = &h->spec;
	h->record.root = h->root;
	h->record.rootfs = "";
	h->record.config = h->config;
	h->record.config_len = h->config_len;
	h->record.opts = &h->opts;
	rb_record_init(&h->record, &h->recorder);
}

static int set_up(struct hook *h, struct rb_err *err)
{
	const struct rb_plan_opts opts = { .id = h->told.id, .bundle = h->told.bundle };
	int r = read_config(h, err);

	if (r < 0 || !h->spec.ext.network.present)
		return r;
	if (h->told.pid == 0)
		return rb_fail(err, RB_ERR_CONFIG, "the state of container %s has no pid",
			       h->told.id);
	r = rb_host_probe(&h->arena, &h->host, NULL, false, err);
	if (r == 0)
		r = rb_plan_compile_network(&h->plan, &h->spec, &h->host, &opts, err);
	if (r < 0)
		return r;
	prepare_run(h);
	return rb_exec_network(&h->run, err);
}

/* What is recorded, last line first; a container that had no network has no directory here. */
static int take_down(struct hook *h, struct rb_err *err)
{
	rb_autostore store = RB_STORE_NONE;
	struct rb_strv journal;
	int r = rb_store_open(&store, h->root, h->told.id, RB_LOCK_WAIT, err);

	if (r == -ENOENT) {
		*err = (struct rb_err) { 0 };
		return 0;
	}
	if (r == 0)
		r = rb_store_journal(&store, &h->arena, &journal, err);
	for (size_t i = r == 0 ? journal.n : 0; r == 0 && i-- > 0;)
		r = rb_exec_undo(journal.v[i], err);
	return r < 0 ? r : rb_store_remove(&store, err);
}

static int hook(const char *root, struct rb_err *err)
{
	struct hook h = { .record = RB_RECORD_NONE };
	int r;

	rb_run_init(&h.run);
	r = rb_store_root(&h.arena, root, &h.root, err);
	if (r == 0)
		r = read_state(&h, err);
	if (r == 0)
		r = rb_streq(h.told.status, "stopped") ? take_down(&h, err) : set_up(&h, err);
	if (r < 0 && h.told.id)
		(void)rb_fail_add(err, "network of container %s", h.told.id); /* returns r */
	rb_run_done(&h.run);
	rb_record_done(&h.record);
	rb_plan_done(&h.plan);
	rb_spec_done(&h.spec);
	rb_arena_done(&h.arena);
	free(h.config);
	return r;
}

int main(int argc, char **argv)
{
	const char *root = DEFAULT_ROOT;
	struct rb_err err = { 0 };

	if (argc == 2 && rb_streq(argv[1], "--serve"))
		return rb_net_serve(SERVE_FD) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 3 && rb_streq(argv[1], "--root")) {
		root = argv[2];
	} else if (argc > 1) {
		bool help = rb_streq(argv[1], "--help") || rb_streq(argv[1], "-h");

		(void)fputs(usage, help ? stdout : stderr); /* nobody is left to tell */
		return help ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an errno like others */
	rb_net_local = rb_net_perform;
	if (hook(root, &err) == 0)
		return EXIT_SUCCESS;
	rb_log_error(&err);
	return EXIT_FAILURE;
}
