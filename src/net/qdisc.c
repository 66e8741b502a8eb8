/* qdisc.c - shaping: a token bucket for rates, netem for delay and loss, and what the kernel says of them
 *
 * What is there decides the handles: 1: is a token bucket at the root, 2: netem at the root, 3: a token
 * bucket below netem. With these a replacement is one message that never leaves the device unshaped.
 * Source: tc-tbf(8), tc-netem(8), kernel include/uapi/linux/pkt_sched.h.
 */
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "net/net_priv.h"
#include "runbox/str.h"

#define HANDLE_TBF   TC_H_MAKE(1u << 16, 0)
#define HANDLE_NETEM TC_H_MAKE(2u << 16, 0)
#define HANDLE_BELOW TC_H_MAKE(3u << 16, 0)
#define CLASS_NETEM  TC_H_MAKE(2u << 16, 1)

/* A tick of the scheduler's clock is 64 ns (PSCHED_SHIFT in net/pkt_sched.h). */
#define TICK_NS	  64
#define SECOND_NS UINT64_C(1000000000)

#define MIN_BURST     16384 /* two frames of 9000 bytes hardly fit in less */
#define MIN_QUEUE     65536 /* one packet as TCP hands it over unsegmented */
#define QUEUE_MS      50
#define NETEM_PACKETS 10000

static void begin(struct rb_msg *m, uint16_t type, uint16_t flags, int index, uint32_t handle,
		  uint32_t parent)
{
	struct tcmsg *tc;

	rb_msg_init(m, type, flags, sizeof(*tc));
	tc = m->body;
	tc->tcm_ifindex = index;
	tc->tcm_handle = handle;
	tc->tcm_parent = parent;
}

static uint32_t at_most_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t burst_of(const struct rb_net_shape *s)
{
	uint64_t four_ms = at_most_u32(s->rate_bits / 8 / 250);

	if (s->burst_bytes) /* the kernel's number has 32 bits, and its time must not overflow */
		return at_most_u32(s->burst_bytes);
	return four_ms > MIN_BURST ? four_ms : MIN_BURST;
}

static int put_tbf(struct rb_msg *m, const struct rb_net_shape *s)
{
	uint64_t rate = s->rate_bits / 8 ? s->rate_bits / 8 : 1, burst = burst_of(s);
	uint64_t queue = rate * QUEUE_MS / 1000;
	struct tc_tbf_qopt opt = {
		/* an aware link layer needs no table of times */
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET, .rate = at_most_u32(rate) },
		.limit = at_most_u32(burst + (queue > MIN_QUEUE ? queue : MIN_QUEUE)),
		.buffer = at_most_u32(burst * SECOND_NS / rate / TICK_NS),
	};
	struct nlattr *options;

	mnl_attr_put_strz(m->nlh, TCA_KIND, "tbf");
	options = mnl_attr_nest_start(m->nlh, TCA_OPTIONS);
	mnl_attr_put(m->nlh, TCA_TBF_PARMS, sizeof(opt), &opt);
	mnl_attr_put_u32(m->nlh, TCA_TBF_BURST, (uint32_t)burst);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(m->nlh, TCA_TBF_RATE64, rate);
	mnl_attr_nest_end(m->nlh, options);
	return 0;
}

static int put_netem(struct rb_msg *m, const struct rb_net_shape *s)
{
	struct tc_netem_qopt opt = {
		.latency = at_most_u32(s->delay_us * 1000 / TICK_NS),
		.jitter = at_most_u32(s->jitter_us * 1000 / TICK_NS),
		.limit = NETEM_PACKETS,
		.loss = (uint32_t)(s->loss_percent / 100 * UINT32_MAX),
	};
	struct nlattr *options;

	mnl_attr_put_strz(m->nlh, TCA_KIND, "netem");
	/* the struct and the attributes behind it lie in the options side by side */
	options = mnl_attr_nest_start(m->nlh, TCA_OPTIONS);
	memcpy(mnl_nlmsg_get_payload_tail(m->nlh), &opt, sizeof(opt));
	m->nlh->nlmsg_len += MNL_ALIGN(sizeof(opt));
	mnl_attr_put_u64(m->nlh, TCA_NETEM_LATENCY64, s->delay_us * 1000);
	mnl_attr_put_u64(m->nlh, TCA_NETEM_JITTER64, s->jitter_us * 1000);
	mnl_attr_nest_end(m->nlh, options);
	return 0;
}

struct place {
	int index;
	uint32_t handle, parent;
};

static int set(const struct rb_net_op *op, int ns_fd, struct place p, const char *kind,
	       int (*put)(struct rb_msg *m, const struct rb_net_shape *s), struct rb_err *err)
{
	struct rb_msg m;
	char why[128] = "";
	int r;

	begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, p.index, p.handle, p.parent);
	r = put(&m, &op->shape);
	if (r == 0)
		r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	if (r == -ENOENT) {
		(void)rb_fail_sys(err, ENOENT, "shape %s: this kernel has no %s", op->name, kind);
		(void)rb_err_hint(err, rb_streq(kind, "netem")
					       ? "delayMs, jitterMs and lossPercent need sch_netem"
					       : "rates need sch_tbf"); /* returns the same */
		return r;
	}
	return r < 0 ? rb_net_why(err, -r, why, "shape %s by %s", op->name, kind) : 0;
}

static int clear(const struct rb_net_op *op, int ns_fd, struct place p, struct rb_err *err)
{
	struct rb_msg m;
	char why[128] = "";
	int r;

	begin(&m, RTM_DELQDISC, 0, p.index, 0, p.parent);
	r = rb_rtnl(op->there, ns_fd, &m, NULL, NULL, why);
	/* there was none but the kernel's own */
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	return r < 0 ? rb_net_why(err, -r, why, "take the shaping from %s", op->name) : 0;
}

/** rb_net_shape() - what a device sends; replaces what is there, all zero takes it away */
int rb_net_shape(const struct rb_net_op *op, const void *data, int ns_fd, struct rb_net_result *res,
		 struct rb_err *err)
{
	const struct rb_net_shape *s = &op->shape;
	bool netem = s->delay_us || s->jitter_us || s->loss_percent > 0;
	struct place root = { .parent = TC_H_ROOT, .handle = netem ? HANDLE_NETEM : HANDLE_TBF };
	struct place below = { .parent = CLASS_NETEM, .handle = HANDLE_BELOW };
	int r;

	(void)data, (void)res;
	root.index = rb_rtnl_index(op->there, ns_fd, op->name);
	if (root.index < 0)
		return rb_fail_sys(err, -root.index, "find the device %s", op->name);
	below.index = root.index;
	if (!netem)
		return s->rate_bits ? set(op, ns_fd, root, "tbf", put_tbf, err)
				    : clear(op, ns_fd, root, err);
	r = set(op, ns_fd, root, "netem", put_netem, err);
	if (r < 0)
		return r;
	return s->rate_bits ? set(op, ns_fd, below, "tbf", put_tbf, err)
			    : clear(op, ns_fd, below, err);
}

/* --- what is there --- */

static void take_tbf(const struct nlattr *options, struct rb_net_qdisc *q)
{
	struct tc_tbf_qopt opt = { 0 };
	const struct nlattr *attr;
	uint64_t rate = 0;

	mnl_attr_for_each_nested (attr, options) {
		size_t n = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == TCA_TBF_PARMS && n >= sizeof(opt))
			memcpy(&opt, mnl_attr_get_payload(attr), sizeof(opt));
		if (mnl_attr_get_type(attr) == TCA_TBF_RATE64 && n == sizeof(rate))
			rate = mnl_attr_get_u64(attr);
	}
	if (!rate)
		rate = opt.rate.rate;
	q->rate_bits = rate * 8;
	q->burst_bytes = (uint64_t)((double)rate * opt.buffer * TICK_NS / (double)SECOND_NS + 0.5);
}

static void take_netem(const struct nlattr *options, struct rb_net_qdisc *q)
{
	struct tc_netem_qopt opt = { 0 };
	size_t n = mnl_attr_get_payload_len(options);

	if (n < sizeof(opt))
		return;
	memcpy(&opt, mnl_attr_get_payload(options), sizeof(opt));
	q->delay_us = (uint64_t)opt.latency * TICK_NS / 1000;
	q->jitter_us = (uint64_t)opt.jitter * TICK_NS / 1000;
	q->loss_percent = opt.loss * 100.0 / UINT32_MAX;
}

static void take_stats(const struct nlattr *stats, struct rb_net_qdisc *q)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, stats) {
		size_t n = mnl_attr_get_payload_len(attr);
		struct gnet_stats_basic basic = { 0 };
		struct gnet_stats_queue queue = { 0 };

		if (mnl_attr_get_type(attr) == TCA_STATS_BASIC) {
			memcpy(&basic, mnl_attr_get_payload(attr),
			       n < sizeof(basic) ? n : sizeof(basic));
			q->bytes = basic.bytes;
			q->packets = basic.packets;
		} else if (mnl_attr_get_type(attr) == TCA_STATS_QUEUE) {
			memcpy(&queue, mnl_attr_get_payload(attr),
			       n < sizeof(queue) ? n : sizeof(queue));
			q->drops = queue.drops;
			q->backlog = queue.backlog;
		}
	}
}

static int take_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *options = NULL, *stats = NULL;
	struct rb_net_info *info = arg;
	struct rb_net_qdisc q = { 0 };

	if ((uint32_t)tc->tcm_ifindex != info->index || info->n_qdiscs == RB_NET_MAX_QDISCS)
		return 0;
	mnl_attr_for_each (attr, nlh, sizeof(*tc)) {
		if (mnl_attr_get_type(attr) == TCA_KIND)
			(void)snprintf(q.kind, sizeof(q.kind), "%.*s",
				       (int)mnl_attr_get_payload_len(attr),
				       (const char *)mnl_attr_get_payload(attr));
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			options = attr;
		else if (mnl_attr_get_type(attr) == TCA_STATS2)
			stats = attr;
	}
	if (options && rb_streq(q.kind, "tbf"))
		take_tbf(options, &q);
	if (options && rb_streq(q.kind, "netem"))
		take_netem(options, &q);
	if (stats)
		take_stats(stats, &q);
	info->qdiscs[info->n_qdiscs++] = q;
	return 0;
}

int rb_net_qdiscs(bool there, int ns_fd, struct rb_net_info *info, struct rb_err *err)
{
	struct rb_msg m;
	int r;

	begin(&m, RTM_GETQDISC, NLM_F_DUMP, (int)info->index, 0, 0);
	r = rb_rtnl(there, ns_fd, &m, take_qdisc, info, NULL);
	return r < 0 ? rb_fail_sys(err, -r, "list the queueing disciplines of %s", info->name) : 0;
}
