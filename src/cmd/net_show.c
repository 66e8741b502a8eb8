/* net_show.c - the devices of a container as a table and as JSON
 *
 * Two lines a device in the table: what the container sees, and the host's end. Counters are the kernel's,
 * of each end's own view.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd_priv.h"

static void add_addresses(const struct rb_net_info *i, struct rb_buf *out)
{
	const char *sep = "";
	char text[64];

	for (uint32_t k = 0; k < i->n_addrs; k++) {
		if (rb_ip_is_link_local(&i->addrs[k]))
			continue; /* those are in the JSON */
		rb_buf_printf(out, "%s%s", sep, rb_ip_format(&i->addrs[k], true, text));
		sep = ",";
	}
	if (!*sep)
		rb_buf_add(out, "-");
}

/* As it can be given to `net shape`: "10mbit" */
static void add_rate(uint64_t bits, struct rb_buf *out)
{
	static const struct {
		uint64_t factor;
		const char *unit;
	} units[] = { { 1000000000, "gbit" }, { 1000000, "mbit" }, { 1000, "kbit" }, { 1, "bit" } };
	size_t k = 0;

	while (bits % units[k].factor)
		k++;
	rb_buf_printf(out, "%" PRIu64 "%s", bits / units[k].factor, units[k].unit);
}

static void add_shape(const struct rb_net_info *i, struct rb_buf *out)
{
	const char *sep = "";

	for (uint32_t k = 0; k < i->n_qdiscs; k++) {
		const struct rb_net_qdisc *q = &i->qdiscs[k];

		if (q->rate_bits) {
			rb_buf_add(out, sep);
			add_rate(q->rate_bits, out);
			sep = ",";
		}
		if (rb_streq(q->kind, "netem")) {
			rb_buf_printf(out, "%sdelay=%gms", sep, (double)q->delay_us / 1000);
			if (q->jitter_us)
				rb_buf_printf(out, ",jitter=%gms", (double)q->jitter_us / 1000);
			if (q->loss_percent > 0)
				rb_buf_printf(out, ",loss=%.4g%%", q->loss_percent);
			sep = ",";
		}
	}
	if (!*sep)
		rb_buf_add(out, "-");
}

static uint64_t drops_of(const struct rb_net_info *i)
{
	uint64_t n = i->rx_drops + i->tx_drops;

	for (uint32_t k = 0; k < i->n_qdiscs; k++)
		n += i->qdiscs[k].drops;
	return n;
}

static void table_row(const char *side, const char *name, bool there, const struct rb_net_info *i,
		      struct rb_buf *out)
{
	rb_autobuf addrs = { 0 }, shape = { 0 };

	if (!there) {
		rb_buf_printf(out, "%-15s %-9s gone\n", name, side);
		return;
	}
	add_addresses(i, &addrs);
	add_shape(i, &shape);
	rb_buf_printf(out,
		      "%-15s %-9s %-5s %-6" PRIu32 " %-30s %-24s %12" PRIu64 " %12" PRIu64
		      " %8" PRIu64 "\n",
		      name, side, i->up ? i->carrier ? "up" : "idle" : "down", i->mtu, addrs.data,
		      shape.data, i->rx_bytes, i->tx_bytes, drops_of(i));
}

static void print_table(const struct rb_net_view *v, size_t n, struct rb_buf *out)
{
	rb_buf_printf(out, "%-15s %-9s %-5s %-6s %-30s %-24s %12s %12s %8s\n", "DEVICE", "SIDE",
		      "STATE", "MTU", "ADDRESSES", "SENDS AT MOST", "RX BYTES", "TX BYTES",
		      "DROPS");
	for (size_t k = 0; k < n; k++) {
		table_row("container", v[k].name, v[k].there, &v[k].in, out);
		if (v[k].host_name)
			table_row("host", v[k].host_name, v[k].host_there, &v[k].host, out);
	}
}

/* --- JSON --- */

static void json_qdisc(const struct rb_net_qdisc *q, struct rb_buf *out)
{
	rb_buf_add(out, "{\"kind\":");
	rb_buf_json(out, q->kind);
	if (q->rate_bits)
		rb_buf_printf(out, ",\"rateBits\":%" PRIu64 ",\"burstBytes\":%" PRIu64,
			      q->rate_bits, q->burst_bytes);
	if (rb_streq(q->kind, "netem"))
		rb_buf_printf(out, ",\"delayMs\":%g,\"jitterMs\":%g,\"lossPercent\":%.6g",
			      (double)q->delay_us / 1000, (double)q->jitter_us / 1000,
			      q->loss_percent);
	rb_buf_printf(out,
		      ",\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"drops\":%" PRIu64
		      ",\"backlogBytes\":%" PRIu64 "}",
		      q->bytes, q->packets, q->drops, q->backlog);
}

static void json_end(const char *name, const struct rb_net_info *i, struct rb_buf *out)
{
	char text[64], mac[18];

	rb_buf_add(out, "{\"name\":");
	rb_buf_json(out, name);
	rb_buf_printf(out, ",\"index\":%" PRIu32 ",\"up\":%s,\"carrier\":%s,\"mtu\":%" PRIu32,
		      i->index, i->up ? "true" : "false", i->carrier ? "true" : "false", i->mtu);
	if (i->has_mac)
		rb_buf_printf(out, ",\"mac\":\"%s\"", rb_mac_format(i->mac, mac));
	rb_buf_add(out, ",\"addresses\":[");
	for (uint32_t k = 0; k < i->n_addrs; k++)
		rb_buf_printf(out, "%s\"%s\"", k ? "," : "",
			      rb_ip_format(&i->addrs[k], true, text));
	rb_buf_add(out, "],\"queueing\":[");
	for (uint32_t k = 0; k < i->n_qdiscs; k++) {
		rb_buf_add(out, k ? "," : "");
		json_qdisc(&i->qdiscs[k], out);
	}
	rb_buf_printf(out,
		      "],\"rxBytes\":%" PRIu64 ",\"rxPackets\":%" PRIu64 ",\"rxDrops\":%" PRIu64
		      ",\"txBytes\":%" PRIu64 ",\"txPackets\":%" PRIu64 ",\"txDrops\":%" PRIu64 "}",
		      i->rx_bytes, i->rx_packets, i->rx_drops, i->tx_bytes, i->tx_packets,
		      i->tx_drops);
}

static void print_json(const char *id, const struct rb_net_view *v, size_t n, struct rb_buf *out)
{
	rb_buf_add(out, "{\"id\":");
	rb_buf_json(out, id);
	rb_buf_add(out, ",\"devices\":[");
	for (size_t k = 0; k < n; k++) {
		rb_buf_printf(out, "%s{\"container\":", k ? "," : "");
		if (v[k].there)
			json_end(v[k].name, &v[k].in, out);
		else
			rb_buf_add(out, "null");
		rb_buf_add(out, ",\"host\":");
		if (v[k].host_there)
			json_end(v[k].host_name, &v[k].host, out);
		else
			rb_buf_add(out, "null");
		rb_buf_add(out, "}");
	}
	rb_buf_add(out, "]}\n");
}

void rb_net_print(const char *id, const struct rb_net_view *v, size_t n, bool json,
		  struct rb_buf *out)
{
	if (json)
		print_json(id, v, n, out);
	else
		print_table(v, n, out);
}
