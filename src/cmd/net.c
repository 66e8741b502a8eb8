/* net.c - the network of containers that are there: show, shape, partition, heal
 *
 *     net show ID                       devices of both ends with their counters
 *     net shape ID --egress 10mbit      what is not given stays as it is
 *     net partition 'a,b|c'             a and b do not reach c, nor c them
 *     net heal                          everybody reaches everybody
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/netctl.h"

#define MAX_DEVICES 128
#define MAX_CUTS    1024

/* A container with its devices. */
struct subject {
	struct rb_container c;
	struct rb_spec spec;
	struct rb_strv journal;
	int ns_fd;
};
#define SUBJECT_NONE                                \
	{                                           \
		.c = RB_CONTAINER_NONE, .ns_fd = -1 \
	}

static void subject_done(struct subject *s)
{
	rb_closep(&s->ns_fd);
	rb_spec_done(&s->spec);
	rb_container_close(&s->c);
}
#define auto_subject __attribute__((cleanup(subject_done))) struct subject

static int open_subject(struct subject *s, const char *root, const char *id, struct rb_err *err)
{
	char path[40];
	int r = rb_container_open(&s->c, root, id, RB_LOCK_NONE, err);

	if (r == 0 && (s->c.status == RB_STOPPED || s->c.status == RB_CREATING))
		return rb_fail(err, RB_ERR_STATE, "no network of container %s: it is %s", id,
			       rb_status_name(s->c.status));
	if (r == 0)
		r = rb_state_spec(&s->c.store, &s->spec, err);
	if (r == 0)
		r = rb_store_journal(&s->c.store, &s->c.state.arena, &s->journal, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", s->c.state.pid);
	s->ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	return s->ns_fd < 0
		       ? rb_fail_sys(err, errno, "open the network namespace of container %s", id)
		       : 0;
}

/* The host's end of a device, from the record of the row that made it; NULL: it has none. */
static const char *host_end(struct subject *s, const char *name)
{
	for (size_t i = 0; i < s->journal.n; i++) {
		struct rb_strv f;

		if (!rb_startswith(s->journal.v[i], "link\t"))
			continue;
		rb_field_split(&s->c.state.arena, s->journal.v[i], &f);
		/* a device without an end here is recorded with the namespace that it is in */
		if (f.n >= 7 && rb_streq(f.v[6], name) && !*f.v[5])
			return f.v[1];
	}
	return NULL;
}

static bool look_at(const struct subject *s, const char *name, bool there, struct rb_net_info *ret)
{
	struct rb_net_op op = { .verb = RB_NET_LINK_SHOW, .there = there };
	struct rb_net_result res;
	struct rb_err unused = { 0 }; /* one that is gone is shown as gone */

	(void)snprintf(op.name, sizeof(op.name), "%s", name);
	if (rb_net_call(&op, NULL, there ? s->ns_fd : -1, &res, &unused) < 0)
		return false;
	*ret = res.info;
	return true;
}

static void view(struct subject *s, const char *name, struct rb_net_view *v)
{
	v->name = name;
	v->there = look_at(s, name, true, &v->in);
	v->host_name = host_end(s, name);
	v->host_there = v->host_name && look_at(s, v->host_name, false, &v->host);
}

/* --- show --- */

static int show(struct rb_cli *cli, const char *root, struct rb_err *err)
{
	static RB_LARGE struct rb_net_view v[MAX_DEVICES];
	auto_subject s = SUBJECT_NONE;
	rb_autobuf out = { 0 };
	size_t n = 0;
	int r;

	if (cli->n_args != 2)
		return rb_fail(err, RB_ERR_USAGE, "net show takes the id of a container");
	r = open_subject(&s, root, cli->args[1], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.spec.ext.network.n_ifaces && n < MAX_DEVICES; i++)
		view(&s, s.spec.ext.network.ifaces[i].name, &v[n++]);
	for (size_t i = 0; i < s.spec.linux_.n_net_devices && n < MAX_DEVICES; i++) {
		const struct rb_net_device *d = &s.spec.linux_.net_devices[i];

		view(&s, d->name ? d->name : d->host_name, &v[n++]);
	}
	rb_net_print(cli->args[1], v, n, cli->format && rb_streq(cli->format, "json"), &out);
	return rb_print(&out, err);
}

/* --- shape --- */

static struct rb_net_shape current(const struct rb_net_info *info)
{
	struct rb_net_shape s = { 0 };

	for (uint32_t i = 0; i < info->n_qdiscs; i++) {
		const struct rb_net_qdisc *q = &info->qdiscs[i];

		if (q->rate_bits) {
			s.rate_bits = q->rate_bits;
			s.burst_bytes = q->burst_bytes;
		}
		if (rb_streq(q->kind, "netem")) {
			s.delay_us = q->delay_us;
			s.jitter_us = q->jitter_us;
			s.loss_percent = q->loss_percent;
		}
	}
	return s;
}

/* "10mbit", "10mbit/32kb", "off" */
static int take_rate(const char *option, const char *text, struct rb_net_shape *s,
		     struct rb_err *err)
{
	const char *slash;
	char rate[32];

	if (!text)
		return 0;
	s->rate_bits = s->burst_bytes = 0;
	if (rb_streq(text, "off"))
		return 0;
	slash = strchr(text, '/');
	(void)snprintf(rate, sizeof(rate), "%.*s", slash ? (int)(slash - text) : (int)strlen(text),
		       text);
	if (rb_parse_rate(rate, &s->rate_bits) < 0 ||
	    (slash && rb_parse_size(slash + 1, &s->burst_bytes) < 0))
		return rb_fail(err, RB_ERR_USAGE,
			       "--%s: \"%.40s\" is not a rate like 10mbit, 10mbit/32kb or off",
			       option, text);
	if (s->burst_bytes && s->burst_bytes < ETH_FRAME_LEN)
		return rb_fail(err, RB_ERR_USAGE,
			       "--%s: a burst of %llu bytes is less than one packet of %d", option,
			       (unsigned long long)s->burst_bytes, ETH_FRAME_LEN);
	return 0;
}

static int take_decimal(const char *option, const char *text, double max, double *ret,
			struct rb_err *err)
{
	double v;

	if (!text)
		return 0;
	if (!*text || rb_parse_decimal(text, &v) < 0 || v > max)
		return rb_fail(err, RB_ERR_USAGE, "--%s: \"%.40s\" is not a number from 0 to %g",
			       option, text, max);
	*ret = v;
	return 0;
}

static int set_shape(const struct subject *s, const char *name, bool there,
		     const struct rb_net_shape *shape, struct rb_err *err)
{
	struct rb_net_op op = { .verb = RB_NET_SHAPE, .there = there, .shape = *shape };

	(void)snprintf(op.name, sizeof(op.name), "%s", name);
	return rb_net_call(&op, NULL, there ? s->ns_fd : -1, NULL, err);
}

static int shape_egress(const struct rb_cli *cli, const struct subject *s,
			const struct rb_net_view *v, struct rb_err *err)
{
	struct rb_net_shape shape = current(&v->in);
	double delay = (double)shape.delay_us / 1000, jitter = (double)shape.jitter_us / 1000;
	int r = take_rate("egress", cli->egress, &shape, err);

	if (r == 0)
		r = take_decimal("delay", cli->delay, 1e6, &delay, err);
	if (r == 0)
		r = take_decimal("jitter", cli->jitter, 1e6, &jitter, err);
	if (r == 0)
		r = take_decimal("loss", cli->loss, 100, &shape.loss_percent, err);
	if (r < 0)
		return r;
	if (jitter > delay)
		return rb_fail(err, RB_ERR_USAGE, "--jitter is more than the delay of %g ms",
			       delay);
	shape.delay_us = (uint64_t)(delay * 1000);
	shape.jitter_us = (uint64_t)(jitter * 1000);
	return set_shape(s, v->name, true, &shape, err);
}

static int shape_ingress(const struct rb_cli *cli, const struct subject *s,
			 const struct rb_net_view *v, struct rb_err *err)
{
	struct rb_net_shape shape = { 0 };
	int r = take_rate("ingress", cli->ingress, &shape, err);

	if (r < 0)
		return r;
	if (!v->host_name)
		return rb_fail(err, RB_ERR_USAGE, "--ingress: %s has no end on the host", v->name);
	return set_shape(s, v->host_name, false, &shape, err);
}

static int shape(struct rb_cli *cli, const char *root, struct rb_err *err)
{
	static struct rb_net_view v;
	auto_subject s = SUBJECT_NONE;
	const char *name = cli->interface;
	bool egress = cli->egress || cli->delay || cli->jitter || cli->loss;
	int r;

	if (cli->n_args != 2)
		return rb_fail(err, RB_ERR_USAGE, "net shape takes the id of a container");
	if (!egress && !cli->ingress)
		return rb_fail(err, RB_ERR_USAGE,
			       "net shape needs --egress, --ingress, --delay, --jitter or --loss");
	r = open_subject(&s, root, cli->args[1], err);
	if (r < 0)
		return r;
	if (!name && s.spec.ext.network.n_ifaces != 1)
		return rb_fail(err, RB_ERR_USAGE,
			       "container %s has %zu devices: --interface says which", cli->args[1],
			       s.spec.ext.network.n_ifaces);
	view(&s, name ? name : s.spec.ext.network.ifaces[0].name, &v);
	if (!v.there)
		return rb_fail(err, RB_ERR_STATE, "container %s has no device %s", cli->args[1],
			       v.name);
	r = egress ? shape_egress(cli, &s, &v, err) : 0;
	return r == 0 && cli->ingress ? shape_ingress(cli, &s, &v, err) : r;
}

/* --- partition, heal --- */

struct cuts {
	struct rb_net_cut v[MAX_CUTS];
	size_t n;
};

/* Every port of a bridge that the container has goes into the group. */
static int add_container(struct rb_cli *cli, const char *root, const char *id, unsigned group,
			 struct cuts *cuts, struct rb_err *err)
{
	auto_subject s = SUBJECT_NONE;
	size_t before = cuts->n;
	int r;

	for (size_t i = 0; i < cuts->n; i++)
		if (rb_streq(cuts->v[i].id, id))
			return rb_fail(err, RB_ERR_USAGE, "container %s is named twice", id);
	r = open_subject(&s, root, id, err);
	for (size_t i = 0; r == 0 && i < s.spec.ext.network.n_ifaces; i++) {
		const struct rb_iface *f = &s.spec.ext.network.ifaces[i];
		const char *host = f->bridge ? host_end(&s, f->name) : NULL;

		if (!host)
			continue;
		if (cuts->n == MAX_CUTS)
			return rb_fail(err, RB_ERR_USAGE, "a partition of more than %d ports",
				       MAX_CUTS);
		cuts->v[cuts->n++] = (struct rb_net_cut) {
			.id = rb_arena_strdup(&cli->arena, id),
			.device = rb_arena_strdup(&cli->arena, host),
			.group = group,
		};
	}
	if (r == 0 && cuts->n == before)
		return rb_fail(err, RB_ERR_STATE, "container %s is on no bridge", id);
	return r;
}

static int partition(struct rb_cli *cli, const char *root, struct rb_err *err)
{
	static RB_LARGE struct cuts cuts;
	unsigned group = 1;
	char *text, *word;
	int r = 0;

	if (cli->n_args != 2 || !strchr(cli->args[1], '|'))
		return rb_fail(err, RB_ERR_USAGE, "net partition takes groups of ids like 'a,b|c'");
	text = rb_arena_strdup(&cli->arena, cli->args[1]);
	for (char *side; r == 0 && (side = strsep(&text, "|")); group++) {
		if (!*side)
			return rb_fail(err, RB_ERR_USAGE, "a group of \"%.60s\" is empty",
				       cli->args[1]);
		while (r == 0 && (word = strsep(&side, ",")))
			r = add_container(cli, root, word, group, &cuts, err);
	}
	return r < 0 ? r : rb_net_partition(root, cuts.v, cuts.n, err);
}

static int heal(struct rb_cli *cli, const char *root, struct rb_err *err)
{
	if (cli->n_args != 1)
		return rb_fail(err, RB_ERR_USAGE, "net heal takes nothing: it heals all");
	return rb_net_partition(root, NULL, 0, err);
}

/* --- the verb --- */

static const struct {
	const char *name;
	int (*run)(struct rb_cli *cli, const char *root, struct rb_err *err);
} verbs[] = { { "show", show }, { "shape", shape }, { "partition", partition }, { "heal", heal } };

static int net(struct rb_cli *cli, struct rb_err *err)
{
	const char *root;
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (rb_streq(cli->args[0], verbs[i].name))
			return verbs[i].run(cli, root, err);
	return rb_fail(err, RB_ERR_USAGE,
		       "net knows show, shape, partition and heal, not \"%.40s\"", cli->args[0]);
}

static const struct rb_option options[] = {
	RB_OPT_ROW_FORMAT("of show"),
	{ .name = "interface",
	  .letter = 'i',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(interface),
	  .value = "NAME",
	  .help = "shape this one of several" },
	{ .name = "egress",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(egress),
	  .value = "RATE[/BURST]",
	  .help = "what the container may send: 10mbit, 10mbit/32kb, off" },
	{ .name = "ingress",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(ingress),
	  .value = "RATE[/BURST]",
	  .help = "what it may get" },
	{ .name = "delay",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(delay),
	  .value = "MS",
	  .help = "of what it sends, milliseconds" },
	{ .name = "jitter",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(jitter),
	  .value = "MS",
	  .help = "more or less of it" },
	{ .name = "loss",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(loss),
	  .value = "PERCENT",
	  .help = "of what it sends" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_net = {
	.name = "net",
	.args = "show ID | shape ID | partition 'ID,..|ID,..' | heal",
	.summary = "Look at networks of containers, shape, cut and heal them",
	.text = "A partition takes the place of the one before. Containers that it does not name "
		"reach\n"
		"everybody.",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = net,
};
