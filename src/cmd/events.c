/* events.c - what a container uses, again and again, and when it runs out of memory
 *
 * One JSON object a line, as runc prints them. Nothing is asked for but at each interval: memory events
 * and the end of the container are descriptors to wait for.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"
#include "runbox/rdt.h"

#define DEFAULT_INTERVAL_NS 5000000000u

/* --- "1m30s", "500ms", "5": as Go writes durations, or seconds --- */

static const struct unit {
	const char *name;
	double ns;
} units[] = {
	{ "ns", 1 },  { "us", 1e3 }, { "\302\265s", 1e3 }, { "ms", 1e6 },
	{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
};

static const struct unit *find_unit(const char *text)
{
	size_t len = strcspn(text, "0123456789.");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			return &units[i];
	return NULL;
}

static int parse_duration(const char *text, uint64_t *ret_ns)
{
	double sum = 0;

	do {
		size_t digits = strspn(text, "0123456789");
		const struct unit *unit;
		double value = 0, part = 1;

		for (size_t i = 0; i < digits; i++)
			value = value * 10 + (*text++ - '0');
		if (*text == '.')
			for (text++; *text >= '0' && *text <= '9'; text++, digits++)
				value += (*text - '0') * (part /= 10);
		if (digits == 0)
			return -EINVAL;
		unit = *text ? find_unit(text) : &units[4]; /* seconds */
		if (!unit)
			return -EINVAL;
		text += *text ? strlen(unit->name) : 0;
		sum += value * unit->ns;
	} while (*text);
	if (sum < 1 || sum > 1e18)
		return -ERANGE;
	*ret_ns = (uint64_t)sum;
	return 0;
}

static int read_interval(const char *text, uint64_t *ret_ns, struct rb_err *err)
{
	int r = text ? parse_duration(text, ret_ns) : 0;

	if (r == -ERANGE)
		return rb_fail(err, RB_ERR_USAGE, "--interval must be greater than 0");
	if (r < 0)
		return rb_fail(err, RB_ERR_USAGE,
			       "--interval: \"%.64s\" is no duration, as 5s or 500ms", text);
	return 0;
}

/* --- printing --- */

struct watch {
	const char *id;
	struct rb_cgroup_dir *dirs;
	size_t n;
	struct rb_strv journal; /* says which class of resctrl it is in */
	struct rb_oom oom;
	int timer, pidfd;
};

static int print_stats(const struct watch *w, struct rb_err *err)
{
	rb_autobuf out = { 0 };

	rb_buf_add(&out, "{\"type\":\"stats\",\"id\":");
	rb_buf_json(&out, w->id);
	rb_buf_add(&out, ",\"data\":{");
	rb_cgroup_stats(w->dirs, w->n, &out);
	rb_buf_add(&out, ",\"intel_rdt\":");
	rb_rdt_stats(&w->journal, &out);
	rb_buf_add(&out, ",\"network_interfaces\":null}}\n");
	return rb_print(&out, err);
}

static int print_ooms(struct watch *w, bool ended, struct rb_err *err)
{
	int r = 0;

	for (unsigned n = rb_oom_read(&w->oom, ended); r == 0 && n; n--) {
		rb_autobuf out = { 0 };

		rb_buf_add(&out, "{\"type\":\"oom\",\"id\":");
		rb_buf_json(&out, w->id);
		rb_buf_add(&out, "}\n");
		r = rb_print(&out, err);
	}
	return r;
}

/* --- the loop --- */

static int start_timer(struct watch *w, uint64_t interval_ns, struct rb_err *err)
{
	struct timespec t = { (time_t)(interval_ns / 1000000000u),
			      (long)(interval_ns % 1000000000u) };
	struct itimerspec spec = { t, t };

	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (w->timer < 0 || timerfd_settime(w->timer, 0, &spec, NULL) < 0)
		return rb_fail_sys(err, errno, "start a timer");
	return 0;
}

static int loop(struct watch *w, struct rb_err *err)
{
	for (;;) {
		struct pollfd p[] = { { .fd = w->pidfd, .events = POLLIN },
				      { .fd = w->oom.fd, .events = POLLIN },
				      { .fd = w->timer, .events = POLLIN } };
		uint64_t ticks;
		int r = 0;

		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0) {
			if (errno == EINTR)
				continue;
			return rb_fail_sys(err, errno, "wait for events");
		}
		/* at the end too: it may have been the reason */
		if (p[0].revents || p[1].revents)
			r = print_ooms(w, p[0].revents, err);
		if (r < 0 || p[0].revents)
			return r;
		if (p[2].revents && read(w->timer, &ticks, sizeof(ticks)) > 0)
			r = print_stats(w, err);
		if (r < 0)
			return r;
	}
}

static int watch(struct rb_container *c, struct watch *w, uint64_t interval_ns, struct rb_err *err)
{
	int r = rb_proc_open(c->state.pid, c->state.start_time, &w->pidfd);

	if (r < 0) /* it ended just now */
		return r == -ESRCH ? 0 : rb_fail_sys(err, -r, "open the container's process");
	r = rb_oom_open(&w->oom, w->dirs, w->n, err);
	if (r == 0)
		r = start_timer(w, interval_ns, err);
	return r < 0 ? r : loop(w, err);
}

static int events(struct rb_cli *cli, struct rb_err *err)
{
	rb_autocontainer c = RB_CONTAINER_NONE;
	struct watch w = { .id = cli->args[0],
			   .oom = { .fd = -1, .file = -1, .above = -1 },
			   .timer = -1,
			   .pidfd = -1 };
	uint64_t interval_ns = DEFAULT_INTERVAL_NS;
	struct rb_host host = { 0 };
	const char *root;
	int r = read_interval(cli->interval, &interval_ns, err);

	if (r == 0)
		r = rb_store_root(&cli->arena, cli->root, &root, err);
	if (r == 0)
		r = rb_container_open(&c, root, cli->args[0], RB_LOCK_SETTLED, err);
	if (r == 0)
		r = rb_verb_check(RB_VERB_EVENTS, c.status, cli->args[0], err);
	if (r == 0)
		r = rb_host_probe(&c.state.arena, &host, NULL, true, err);
	if (r == 0)
		r = rb_container_cgroups(&c, &host, &w.dirs, &w.n, err);
	if (r == 0)
		r = rb_store_journal(&c.store, &c.state.arena, &w.journal, err);
	if (r == 0)
		r = cli->stats ? print_stats(&w, err) : watch(&c, &w, interval_ns, err);
	rb_oom_close(&w.oom);
	rb_closep(&w.timer);
	rb_closep(&w.pidfd);
	return r;
}

static const struct rb_option options[] = {
	{ .name = "stats",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(stats),
	  .help = "print what it uses once, and end" },
	{ .name = "interval",
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(interval),
	  .value = "TIME",
	  .help = "between two prints, as 500ms or 1m30s (5s)" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_events = {
	.name = "events",
	.args = "ID",
	.summary = "Print what a container uses, and when it runs out of memory",
	.text = "One JSON object a line, until the container stops.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = events,
};
