/* decode_resources.c - linux.resources: cgroup limits and device rules
 *
 * Source: config-linux.md "Control groups" and what follows it; kernel cgroup-v1 and cgroup-v2 documentation.
 */
#include <errno.h>
#include <string.h>

#include "decode_priv.h"

/* --- device rules --- */

static const struct rb_name rule_types[] = {
	{ "a", 'a' },
	{ "c", 'c' },
	{ "b", 'b' },
	{ 0 },
};

static int read_access(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
		       void *value, size_t *extra)
{
	const char *letters;
	unsigned access = 0;

	if (rb_read_string(d, at, type, &letters, extra) < 0)
		return -EINVAL;
	for (const char *c = letters; *c; c++) {
		switch (*c) {
		case 'r':
			access |= RB_DEV_R;
			break;
		case 'w':
			access |= RB_DEV_W;
			break;
		case 'm':
			access |= RB_DEV_M;
			break;
		default:
			return rb_dec_fail(d, at, "\"%.80s\" must be made of r, w and m only",
					   letters);
		}
	}
	*(unsigned *)value = access;
	return 0;
}

static int check_rule(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	struct rb_device_rule *rule = value;

	(void)d, (void)at, (void)n;
	if (!rule->type)
		rule->type = 'a';
	/* engines write -1 for "any" */
	rule->has_major = rule->has_major && rule->major >= 0;
	rule->has_minor = rule->has_minor && rule->minor >= 0;
	return 0;
}

static const struct rb_type t_rule_type = RB_ENUM_OPT(rule_types, 1);
static const struct rb_type t_access = RB_STRING(read_access, NULL);
static const struct rb_type t_any_major = RB_INT("int64", 8, -1, 0xfff);
static const struct rb_type t_any_minor = RB_INT("int64", 8, -1, 0xfffff);

static const struct rb_field rule_fields[] = {
	RB_F("allow", struct rb_device_rule, allow, &rb_t_bool, RB_REQUIRED),
	RB_F("type", struct rb_device_rule, type, &t_rule_type, 0),
	RB_F_HAS("major", struct rb_device_rule, major, has_major, &t_any_major, 0),
	RB_F_HAS("minor", struct rb_device_rule, minor, has_minor, &t_any_minor, 0),
	RB_F("access", struct rb_device_rule, access, &t_access, 0),
	{ 0 },
};
static const struct rb_type t_rule = RB_OBJECT(rule_fields, struct rb_device_rule, check_rule);
static const struct rb_type t_rules = RB_ARRAY(&t_rule, struct rb_device_rule, NULL);

/* --- memory, cpu, pids --- */

#define ST struct rb_resources

static const struct rb_type t_bytes = RB_INT("int64", 8, -1, INT64_MAX); /* -1: unlimited */
static const struct rb_type t_percent = RB_UINT("uint64", 8, 100);

static const struct rb_field memory_fields[] = {
	RB_F_OPT("limit", ST, memory.limit, &t_bytes, 0),
	RB_F_OPT("reservation", ST, memory.reservation, &t_bytes, 0),
	RB_F_OPT("swap", ST, memory.swap, &t_bytes, 0),
	RB_F_OPT("kernel", ST, memory.kernel, &t_bytes, 0),
	RB_F_OPT("kernelTCP", ST, memory.kernel_tcp, &t_bytes, 0),
	RB_F_OPT("swappiness", ST, memory.swappiness, &t_percent, 0),
	RB_F_OPT("disableOOMKiller", ST, memory.disable_oom_killer, &rb_t_bool, 0),
	RB_F_OPT("useHierarchy", ST, memory.use_hierarchy, &rb_t_bool, 0),
	RB_F_OPT("checkBeforeUpdate", ST, memory.check_before_update, &rb_t_bool, 0),
	{ 0 },
};
static const struct rb_type t_memory = RB_OBJECT(memory_fields, ST, NULL);

static const struct rb_type t_idle = RB_INT("int64", 8, 0, 1);
static const struct rb_type t_time_or_none = RB_INT("int64", 8, -1, INT64_MAX); /* -1: no limit */

static const struct rb_field cpu_fields[] = {
	RB_F_OPT("shares", ST, cpu.shares, &rb_t_u64, 0),
	RB_F_OPT("quota", ST, cpu.quota, &t_time_or_none, 0),
	RB_F_OPT("burst", ST, cpu.burst, &rb_t_u64, 0),
	RB_F_OPT("period", ST, cpu.period, &rb_t_u64, 0),
	RB_F_OPT("realtimeRuntime", ST, cpu.realtime_runtime, &t_time_or_none, 0),
	RB_F_OPT("realtimePeriod", ST, cpu.realtime_period, &rb_t_u64, 0),
	RB_F_OPT("idle", ST, cpu.idle, &t_idle, 0),
	RB_F("cpus", ST, cpu.cpus, &rb_t_cpu_list, 0),
	RB_F("mems", ST, cpu.mems, &rb_t_cpu_list, 0),
	{ 0 },
};
static const struct rb_type t_cpu = RB_OBJECT(cpu_fields, ST, NULL);

static const struct rb_field pids_fields[] = {
	RB_F_OPT("limit", ST, pids_limit, &rb_t_i64, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_pids = RB_OBJECT(pids_fields, ST, NULL);

/* --- block IO --- */

static int check_weight(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_blkio_dev *dev = value;

	(void)n;
	return dev->weight.set || dev->leaf_weight.set
		       ? 0
		       : rb_dec_fail(d, at, "\"weight\" or \"leafWeight\" must be given");
}

static const struct rb_type t_major = RB_INT("int64", 8, 0, 0xfff);
static const struct rb_type t_minor = RB_INT("int64", 8, 0, 0xfffff);

static const struct rb_field weight_fields[] = {
	RB_F("major", struct rb_blkio_dev, major, &t_major, RB_REQUIRED),
	RB_F("minor", struct rb_blkio_dev, minor, &t_minor, RB_REQUIRED),
	RB_F_OPT("weight", struct rb_blkio_dev, weight, &rb_t_u16, 0),
	RB_F_OPT("leafWeight", struct rb_blkio_dev, leaf_weight, &rb_t_u16, 0),
	{ 0 },
};
static const struct rb_type t_weight = RB_OBJECT(weight_fields, struct rb_blkio_dev, check_weight);
static const struct rb_type t_weights = RB_ARRAY(&t_weight, struct rb_blkio_dev, NULL);

static const struct rb_field throttle_fields[] = {
	RB_F("major", struct rb_blkio_dev, major, &t_major, RB_REQUIRED),
	RB_F("minor", struct rb_blkio_dev, minor, &t_minor, RB_REQUIRED),
	RB_F_OPT("rate", struct rb_blkio_dev, rate, &rb_t_u64, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_throttle = RB_OBJECT(throttle_fields, struct rb_blkio_dev, NULL);
static const struct rb_type t_throttles = RB_ARRAY(&t_throttle, struct rb_blkio_dev, NULL);

#define THROTTLE(key, member) RB_F_STRV(key, ST, blkio.member, &t_throttles, 0)
static const struct rb_field blkio_fields[] = {
	RB_F_OPT("weight", ST, blkio.weight, &rb_t_u16, 0),
	RB_F_OPT("leafWeight", ST, blkio.leaf_weight, &rb_t_u16, 0),
	RB_F_STRV("weightDevice", ST, blkio.weight_device, &t_weights, 0),
	THROTTLE("throttleReadBpsDevice", throttle_read_bps),
	THROTTLE("throttleWriteBpsDevice", throttle_write_bps),
	THROTTLE("throttleReadIOPSDevice", throttle_read_iops),
	THROTTLE("throttleWriteIOPSDevice", throttle_write_iops),
	{ 0 },
};
static const struct rb_type t_blkio = RB_OBJECT(blkio_fields, ST, NULL);

/* --- huge pages, network, rdma, unified --- */

static int check_page_size(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *size = *(const char **)value;
	size_t digits = strspn(size, "0123456789");

	(void)n;
	if (digits && digits < 20 && size[0] != '0' && strchr("KMG", size[digits]) &&
	    size[digits] && rb_streq(size + digits + 1, "B"))
		return 0;
	return rb_dec_fail(d, at, "\"%.80s\" is not a page size like \"2MB\" or \"64KB\"", size);
}

static const struct rb_type t_page_size = RB_STRING(rb_read_string, check_page_size);

static const struct rb_field hugepage_fields[] = {
	RB_F("pageSize", struct rb_hugepage, page_size, &t_page_size, RB_REQUIRED),
	RB_F("limit", struct rb_hugepage, limit, &rb_t_u64, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_hugepage = RB_OBJECT(hugepage_fields, struct rb_hugepage, NULL);
static const struct rb_type t_hugepages = RB_ARRAY(&t_hugepage, struct rb_hugepage, NULL);

static const struct rb_field priority_fields[] = {
	RB_F("name", struct rb_net_prio, name, &rb_t_ifname, RB_REQUIRED),
	RB_F("priority", struct rb_net_prio, priority, &rb_t_u32, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_priority = RB_OBJECT(priority_fields, struct rb_net_prio, NULL);
static const struct rb_type t_priorities = RB_ARRAY(&t_priority, struct rb_net_prio, NULL);

static const struct rb_field network_fields[] = {
	RB_F_OPT("classID", ST, network.class_id, &rb_t_u32, 0),
	RB_F_LIST("priorities", ST, network.prios, network.n_prios, &t_priorities, 0),
	{ 0 },
};
static const struct rb_type t_network = RB_OBJECT(network_fields, ST, NULL);

static int check_rdma(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_rdma *rdma = value;

	(void)n;
	return rdma->hca_handles.set || rdma->hca_objects.set
		       ? 0
		       : rb_dec_fail(d, at, "\"hcaHandles\" or \"hcaObjects\" must be given");
}

static int check_rdma_names(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_rdma *rdma = value;

	for (size_t i = 0; i < n; i++) {
		/* written as "NAME hca_handle=N" into one line of rdma.max */
		if (!rb_is_file_name(rdma[i].device) || strpbrk(rdma[i].device, " \t\n"))
			return rb_dec_fail_item(d, at, i, "cannot be the name of a device");
	}
	return 0;
}

static const struct rb_field rdma_fields[] = {
	RB_F_OPT("hcaHandles", struct rb_rdma, hca_handles, &rb_t_u32, 0),
	RB_F_OPT("hcaObjects", struct rb_rdma, hca_objects, &rb_t_u32, 0),
	{ 0 },
};
static const struct rb_type t_rdma_entry = RB_OBJECT(rdma_fields, struct rb_rdma, check_rdma);
static const struct rb_type t_rdma = {
	.name = "map",
	.read = rb_read_map,
	.size = sizeof(struct rb_rdma),
	.item = &t_rdma_entry,
	.check = check_rdma_names,
};

static int check_unified(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_kv *kv = value;

	for (size_t i = 0; i < n; i++) {
		/* "Each key in the map refers to a file in the cgroup unified hierarchy": of this cgroup */
		if (!rb_is_file_name(kv[i].key))
			return rb_dec_fail_item(d, at, i,
						"must be the name of a file of the cgroup");
	}
	return 0;
}

static const struct rb_type t_unified = {
	.name = "map",
	.read = rb_read_map,
	.size = sizeof(struct rb_kv),
	.item = &rb_t_string,
	.item_off = offsetof(struct rb_kv, value),
	.check = check_unified,
};

/* --- resources; the members of its objects lie in rb_resources itself --- */

static const struct rb_field resources_fields[] = {
	RB_F_LIST("devices", ST, devices, n_devices, &t_rules, 0),
	{ "memory", &t_memory, 0, 0, 0 },
	{ "cpu", &t_cpu, 0, 0, 0 },
	{ "pids", &t_pids, 0, 0, 0 },
	{ "blockIO", &t_blkio, 0, 0, 0 },
	RB_F_LIST("hugepageLimits", ST, hugepages, n_hugepages, &t_hugepages, 0),
	{ "network", &t_network, 0, 0, 0 },
	RB_F_LIST("rdma", ST, rdma, n_rdma, &t_rdma, 0),
	RB_F_LIST("unified", ST, unified.v, unified.n, &t_unified, 0),
	{ 0 },
};
const struct rb_type rb_t_resources = RB_OBJECT(resources_fields, ST, NULL);
