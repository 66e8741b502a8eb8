/* update.c - other limits for a container that is there
 *
 * Options and the JSON of --resources fill the same struct that config.json does, and go the same way.
 * As engines expect, 0 is "not set", -1 "unlimited", and with --resources the other options mean nothing,
 * but for those of resctrl, of which the JSON knows nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/json.h"
#include "runbox/log.h"
#include "runbox/rdt.h"

#define UPDATE(field) \
	.offset = offsetof(struct rb_cli, update) + offsetof(struct rb_cli_update, field)
#define RESOURCES(field) offsetof(struct rb_resources, field)

/* --- options into linux.resources --- */

/* "512", "50M", "1.5g", "64KiB": powers of 1024. Return: 0, -EINVAL or -ERANGE */
static int parse_size(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	size_t len = strspn(text, "0123456789");
	const char *rest = text + len, *unit;
	double value = 0, digit = 1;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (text[i] - '0');
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			value += (*rest - '0') * (digit /= 10);
	rest += *rest == ' ';
	if (*rest) {
		unit = strchr(units, *rest | 0x20);
		if (!unit)
			return -EINVAL;
		for (; unit > units; unit--)
			value *= 1024;
		rest++;
		if ((*rest | 0x20) == 'i' && (rest[1] | 0x20) == 'b')
			rest++;
		rest += (*rest | 0x20) == 'b';
	}
	if (*rest)
		return -EINVAL;
	if (value >= 0x1p62)
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}

enum kind { SIZE, I64, U64, U16, TEXT };

static const struct row {
	const char *option;
	size_t from, to; /* in struct rb_cli_update, struct rb_resources */
	enum kind kind;
} rows[] = {
#define ROW(option, field, kind, to)                                    \
	{                                                               \
		option, offsetof(struct rb_cli_update, field), to, kind \
	}
	ROW("blkio-weight", blkio_weight, U16, RESOURCES(blkio.weight)),
	ROW("cpu-burst", cpu_burst, U64, RESOURCES(cpu.burst)),
	ROW("cpu-idle", cpu_idle, I64, RESOURCES(cpu.idle)),
	ROW("cpu-period", cpu_period, U64, RESOURCES(cpu.period)),
	ROW("cpu-quota", cpu_quota, I64, RESOURCES(cpu.quota)),
	ROW("cpu-rt-period", cpu_rt_period, U64, RESOURCES(cpu.realtime_period)),
	ROW("cpu-rt-runtime", cpu_rt_runtime, I64, RESOURCES(cpu.realtime_runtime)),
	ROW("cpu-share", cpu_share, U64, RESOURCES(cpu.shares)),
	ROW("cpuset-cpus", cpuset_cpus, TEXT, RESOURCES(cpu.cpus)),
	ROW("cpuset-mems", cpuset_mems, TEXT, RESOURCES(cpu.mems)),
	ROW("kernel-memory", kernel_memory, SIZE, RESOURCES(memory.kernel)),
	ROW("kernel-memory-tcp", kernel_memory_tcp, SIZE, RESOURCES(memory.kernel_tcp)),
	ROW("memory", memory, SIZE, RESOURCES(memory.limit)),
	ROW("memory-reservation", memory_reservation, SIZE, RESOURCES(memory.reservation)),
	ROW("memory-swap", memory_swap, SIZE, RESOURCES(memory.swap)),
	ROW("pids-limit", pids_limit, I64, RESOURCES(pids_limit)),
#undef ROW
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int take_number(const struct row *row, const char *text, void *to)
{
	struct rb_opt_i64 i64 = { .set = true };
	struct rb_opt_u64 u64 = { .set = true };
	int r = 0;

	switch (row->kind) {
	case SIZE:
		i64.v = -1;
		if (!rb_streq(text, "-1"))
			r = parse_size(text, &i64.v);
		*(struct rb_opt_i64 *)to = i64;
		return r;
	case I64:
		r = rb_parse_i64(text, &i64.v);
		*(struct rb_opt_i64 *)to = i64;
		return r;
	case U64:
		r = rb_parse_u64(text, &u64.v);
		*(struct rb_opt_u64 *)to = u64;
		return r;
	case U16:
		r = rb_parse_u64(text, &u64.v);
		*(struct rb_opt_u16 *)to = (struct rb_opt_u16) { true, (uint16_t)u64.v };
		return r == 0 && u64.v > UINT16_MAX ? -ERANGE : r;
	case TEXT:
		*(const char **)to = text;
		return 0;
	}
	return -EINVAL;
}

static int from_options(const struct rb_cli_update *u, struct rb_resources *res, struct rb_err *err)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const char *text = *(const char *const *)((const char *)u + rows[i].from);
		int r;

		if (!text)
			continue;
		r = take_number(&rows[i], text, (char *)res + rows[i].to);
		if (r == -ERANGE)
			return rb_fail(err, RB_ERR_USAGE, "--%s: %.64s is out of range",
				       rows[i].option, text);
		if (r < 0)
			return rb_fail(err, RB_ERR_USAGE, "--%s: \"%.64s\" is not a number%s",
				       rows[i].option, text,
				       rows[i].kind == SIZE ? " of bytes" : "");
	}
	return 0;
}

static int from_file(const char *path, struct rb_spec *spec, struct rb_err *err)
{
	const char *name = rb_streq(path, "-") ? "resources" : path;
	rb_autofree char *text = NULL;
	size_t len;
	int r = rb_streq(path, "-") ? rb_read_fd(STDIN_FILENO, RB_JSON_MAX_BYTES, &text, &len)
				    : rb_read_file(AT_FDCWD, path, RB_JSON_MAX_BYTES, &text, &len);

	if (r == -ENOENT) /* not the words that engines take for a missing program */
		return rb_fail(err, RB_ERR_USAGE, "--resources: %.128s does not exist", path);
	if (r < 0)
		return rb_fail_sys(err, -r, "read --resources %.128s", path);
	return rb_spec_decode_resources(name, text, len, spec, err);
}

/* --- the verb --- */

/* What the config said of all later updates. */
static int inherit(const struct rb_container *c, struct rb_resources *res, struct rb_err *err)
{
	struct rb_spec spec = { 0 };
	int r = rb_state_spec(&c->store, &spec, err);

	if (r == 0 && !res->memory.check_before_update.set)
		res->memory.check_before_update = spec.linux_.resources.memory.check_before_update;
	rb_spec_done(&spec);
	return r;
}

static int update_container(struct rb_container *c, struct rb_resources *res, struct rb_err *err)
{
	struct rb_cgroup_dir *dirs = NULL;
	struct rb_host host = { 0 };
	struct rb_scope scope;
	size_t n = 0;
	int r = rb_host_probe(&c->state.arena, &host, NULL, true, err);

	if (r == 0)
		r = rb_container_cgroups(c, &host, &dirs, &n, err);
	if (r == 0)
		r = rb_container_scope(c, &scope, err);
	if (r == 0)
		r = inherit(c, res, err);
	return r < 0 ? r : rb_cgroup_update(dirs, n, res, &scope, err);
}

/* Is there anything for the cgroups? */
static bool has_limits(const struct rb_cli_update *u)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (*(const char *const *)((const char *)u + rows[i].from))
			return true;
	return u->resources != NULL;
}

static int check_schemas(const struct rb_cli_update *u, struct rb_err *err)
{
	if (!*u->mem_bw_schema ||
	    (rb_startswith(u->mem_bw_schema, "MB:") && !strchr(u->mem_bw_schema, '\n')))
		return 0;
	return rb_fail(err, RB_ERR_USAGE,
		       "--mem-bw-schema: must be one line that begins with \"MB:\"");
}

/* The class of resctrl and the cgroups: both, or none of them. */
static int update_both(struct rb_container *c, const struct rb_cli_update *u,
		       struct rb_resources *res, struct rb_err *err)
{
	const char *l3 = u->l3_cache_schema && *u->l3_cache_schema ? u->l3_cache_schema : NULL;
	const char *mb = u->mem_bw_schema && *u->mem_bw_schema ? u->mem_bw_schema : NULL;
	struct rb_strv journal = { 0 };
	rb_autobuf old = { 0 };
	int r = 0;

	if (l3 || mb) {
		r = rb_store_journal(&c->store, &c->state.arena, &journal, err);
		if (r == 0)
			r = rb_rdt_update(&journal, l3, mb, &old, err);
		/* a container without cgroups can have a class all the same */
		if (r < 0 || !has_limits(u))
			return r;
	}
	r = update_container(c, res, err);
	if (r < 0 && old.len)
		rb_rdt_restore(&journal, old.data);
	return r;
}

static int update(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct rb_spec spec = { 0 };
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r == 0 && cli->update.mem_bw_schema)
		r = check_schemas(&cli->update, err);
	if (r == 0)
		r = cli->update.resources ? from_file(cli->update.resources, &spec, err)
					  : from_options(&cli->update, &spec.linux_.resources, err);
	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_WAIT, err);
	if (r == 0)
		r = rb_verb_check(RB_VERB_UPDATE, c.status, cli->args[0], err);
	if (r == 0)
		r = update_both(&c, &cli->update, &spec.linux_.resources, err);
	rb_spec_done(&spec);
	return r;
}

#define OPTION(option, field, placeholder, words)                                         \
	{                                                                                 \
		.name = option, .type = RB_OPT_TEXT, UPDATE(field), .value = placeholder, \
		.help = words                                                             \
	}
static const struct rb_option options[] = {
	{ .name = "resources",
	  .letter = 'r',
	  .type = RB_OPT_TEXT,
	  UPDATE(resources),
	  .value = "FILE",
	  .help = "linux.resources as JSON, - for stdin; other limits mean nothing then" },
	OPTION("memory", memory, "BYTES", "memory, as 50M; -1 for no limit"),
	OPTION("memory-swap", memory_swap, "BYTES", "memory and swap together"),
	OPTION("memory-reservation", memory_reservation, "BYTES", "memory that is left to it"),
	OPTION("cpu-quota", cpu_quota, "US", "CPU time in each period"),
	OPTION("cpu-period", cpu_period, "US", "the period"),
	OPTION("cpu-burst", cpu_burst, "US", "unused quota that may be saved up"),
	OPTION("cpu-share", cpu_share, "N", "CPU weight, 2 to 262144"),
	OPTION("cpu-idle", cpu_idle, "0|1", "1: only time that nobody else wants"),
	OPTION("cpu-rt-period", cpu_rt_period, "US", "period of the real-time quota"),
	OPTION("cpu-rt-runtime", cpu_rt_runtime, "US", "real-time quota"),
	OPTION("cpuset-cpus", cpuset_cpus, "LIST", "processors, as 0-3,7"),
	OPTION("cpuset-mems", cpuset_mems, "LIST", "memory nodes"),
	OPTION("pids-limit", pids_limit, "N", "processes and threads; -1 for no limit"),
	OPTION("blkio-weight", blkio_weight, "N", "weight of its I/O, 10 to 1000"),
	OPTION("l3-cache-schema", l3_cache_schema, "TEXT", "of the class of resctrl: L3:0=ff"),
	OPTION("mem-bw-schema", mem_bw_schema, "TEXT", "the same of bandwidth: MB:0=50"),
	OPTION("kernel-memory", kernel_memory, "BYTES", "without effect since Linux 5.16"),
	OPTION("kernel-memory-tcp", kernel_memory_tcp, "BYTES", "of TCP buffers, cgroup v1"),
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_update = {
	.name = "update",
	.args = "ID",
	.summary = "Change the limits of a container",
	.text = "All of them or, when one fails, none.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = update,
};
