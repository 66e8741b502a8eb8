/* check.c - is this bundle right, and can this host run it?
 *
 * Every finding is one line on stdout; errors make the exit status 1. What the decoder and the
 * compiler say comes first, then what only a look at the file system can tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/names.h"

struct check {
	struct rb_cli *cli;
	struct rb_bundle *bundle;
	struct rb_spec spec;
	struct rb_host host;
	struct rb_plan plan;
	struct rb_buf out;
	size_t errors, warnings;
};

static void finding(struct check *c, bool is_error, const char *text)
{
	rb_buf_add(&c->out, is_error ? "error: " : "warning: ");
	rb_buf_escaped(&c->out, text, 0);
	rb_buf_add(&c->out, "\n");
	c->errors += is_error;
	c->warnings += !is_error;
}

static void failure(struct check *c, const struct rb_err *err)
{
	char text[1024];

	rb_err_format(err, text, sizeof(text)); /* escaped already */
	rb_buf_printf(&c->out, "error: %s\n", text);
	c->errors++;
}

static void add(struct check *c, bool is_error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct check *c, bool is_error, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is fine */
	va_end(ap);
	finding(c, is_error, text);
}

/* --- the root and the program in it --- */

/* A path of the container's, resolved inside its root: links in it may be hostile. */
static int open_inside(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Return: 1 there and executable, 0 there, -1 not there */
static int look_inside(int root, const char *path)
{
	rb_autofd fd = open_inside(root, path);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	return S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static const char *path_variable(const struct rb_process *p)
{
	const char *found = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

	for (size_t i = 0; i < p->env.n; i++)
		if (rb_startswith(p->env.v[i], "PATH="))
			found = p->env.v[i] + strlen("PATH=");
	return found;
}

static int search(struct check *c, int root, const char *program)
{
	const char *dirs = path_variable(&c->spec.process);
	int best = -1;

	while (*dirs) {
		size_t len = strcspn(dirs, ":");
		const char *path =
			rb_arena_printf(&c->cli->arena, "%.*s/%s", (int)len, dirs, program);
		int here = look_inside(root, path);

		if (here > best)
			best = here;
		dirs += len + (dirs[len] == ':');
	}
	return best;
}

/* Only warnings: a mount or a hook may still bring the program. */
static void check_program(struct check *c, int root)
{
	const struct rb_process *p = &c->spec.process;
	int there;

	if (!p->present || p->args.n == 0)
		return;
	if (strchr(p->args.v[0], '/'))
		there = look_inside(root, *p->args.v[0] == '/'
						  ? p->args.v[0]
						  : rb_arena_printf(&c->cli->arena, "%s/%s", p->cwd,
								    p->args.v[0]));
	else
		there = search(c, root, p->args.v[0]);
	if (there < 0)
		add(c, false, "process.args[0]: program %s is not in the root file system",
		    p->args.v[0]);
	else if (there == 0)
		add(c, false, "process.args[0]: %s is not an executable file", p->args.v[0]);
}

static void check_root(struct check *c)
{
	const char *path = rb_bundle_rootfs(&c->cli->arena, c->bundle->path, &c->spec);
	rb_autofd root = -1;

	if (!*path)
		return; /* the compiler has said it */
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		check_program(c, root);
	else if (errno == ENOENT)
		add(c, true, "root.path: %s does not exist", path);
	else if (errno == ENOTDIR)
		add(c, true, "root.path: %s is no directory", path);
	else
		add(c, true, "root.path: open %s: %s", path, strerror(errno));
}

/* --- what lies on the host --- */

static void check_hooks(struct check *c)
{
	for (int kind = 0; kind < RB_HOOK_KINDS; kind++)
		for (size_t i = 0; i < c->spec.hooks[kind].n; i++) {
			const char *path = c->spec.hooks[kind].v[i].path;

			/* this kind is looked up in the container (config.md "startContainer") */
			if (kind == RB_HOOK_START_CONTAINER)
				continue;
			if (access(path, X_OK) < 0)
				add(c, true, "hooks.%s[%zu]: %s: %s",
				    rb_name_of(rb_hook_names, (uint64_t)kind), i, path,
				    errno == ENOENT ? "does not exist" : strerror(errno));
		}
}

static void check_sources(struct check *c)
{
	for (size_t i = 0; i < c->spec.n_mounts; i++) {
		const struct rb_mount *m = &c->spec.mounts[i];
		struct stat st;

		if ((!m->opts.bind && !m->opts.bind_rec) || m->opts.remount || !m->source)
			continue;
		if (fstatat(c->bundle->fd, m->source, &st, 0) < 0)
			add(c, true, "mounts[%zu].source: %s: %s", i, m->source,
			    errno == ENOENT ? "does not exist" : strerror(errno));
	}
}

static void check_namespaces(struct check *c)
{
	for (size_t i = 0; i < c->spec.linux_.n_namespaces; i++) {
		const char *path = c->spec.linux_.namespaces[i].path;

		if (path && access(path, F_OK) < 0)
			add(c, true, "linux.namespaces[%zu].path: %s: %s", i, path,
			    errno == ENOENT ? "does not exist" : strerror(errno));
	}
}

/* --- all of it --- */

static void compile(struct check *c)
{
	struct rb_create_opts none = { 0 };
	struct rb_plan_opts opts;
	struct rb_err err = { 0 };
	int r = rb_host_probe(&c->cli->arena, &c->host, NULL, true, &err);

	rb_plan_opts_fill(&opts, NULL, c->bundle->path, &none);
	/* whoever runs it brings a console socket, or stays in the foreground */
	opts.has_console_socket = c->spec.process.terminal;
	if (r == 0)
		r = rb_plan_compile(&c->plan, &c->spec, &c->host, &opts, &err);
	if (r < 0)
		failure(c, &err);
	for (size_t i = 0; i < c->plan.warnings.n; i++)
		finding(c, false, c->plan.warnings.v[i]);
}

static void check_all(struct check *c)
{
	struct rb_err err = { 0 };
	int r = rb_spec_decode("config.json", c->bundle->config, c->bundle->config_len, &c->spec,
			       &err);

	if (r < 0)
		failure(c, &err);
	for (size_t i = 0; i < c->spec.warnings.n; i++)
		finding(c, false, c->spec.warnings.v[i]);
	if (r < 0)
		return; /* half a spec says nothing about the rest */
	compile(c);
	check_root(c);
	check_hooks(c);
	check_sources(c);
	check_namespaces(c);
}

static int check(struct rb_cli *cli, struct rb_err *err)
{
	rb_autobundle bundle = RB_BUNDLE_NONE;
	struct check c = { .cli = cli, .bundle = &bundle };
	int r = rb_bundle_open(&bundle, &cli->arena, cli->n_args ? cli->args[0] : cli->bundle,
			       cli->config, err);

	if (r == 0) {
		check_all(&c);
		rb_buf_printf(&c.out, "%zu error%s, %zu warning%s\n", c.errors,
			      c.errors == 1 ? "" : "s", c.warnings, c.warnings == 1 ? "" : "s");
		r = rb_print(&c.out, err);
	}
	rb_plan_done(&c.plan);
	rb_spec_done(&c.spec);
	rb_buf_done(&c.out);
	return r < 0 ? r : c.errors ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct rb_option options[] = { RB_OPT_ROW_BUNDLE, RB_OPT_ROW_CONFIG, RB_OPT_END };

const struct rb_cmd rb_cmd_check = {
	.name = "check",
	.args = "[BUNDLE]",
	.summary = "Look for faults in a config.json, on this host",
	.text = "One line a finding; exit status 1 when one of them is an error.",
	.options = options,
	.max_args = 1,
	.run = check,
};
