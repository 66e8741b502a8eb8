/* limits.c - the fields of linux.resources: is it asked for, by which controller, in words
 *
 * Source: config-linux.md "Control groups". Engines write 0 for "not set" and -1 for "unlimited",
 * which is what a new cgroup is anyway; neither asks for anything.
 */
#include "plan_priv.h"

#include <inttypes.h>

#define FIELD(member) offsetof(struct rb_resources, member)

const struct limit limit_table[] = {
	{ "memory.limit", RB_CG_MEMORY, LIMIT_I64_MORE, FIELD(memory.limit) },
	{ "memory.reservation", RB_CG_MEMORY, LIMIT_I64_MORE, FIELD(memory.reservation) },
	{ "memory.swap", RB_CG_MEMORY, LIMIT_I64_MORE, FIELD(memory.swap) },
	{ "memory.kernel", RB_CG_MEMORY, LIMIT_I64_MORE, FIELD(memory.kernel) },
	{ "memory.kernelTCP", RB_CG_MEMORY, LIMIT_I64_MORE, FIELD(memory.kernel_tcp) },
	{ "memory.swappiness", RB_CG_MEMORY, LIMIT_U64_SET, FIELD(memory.swappiness) },
	{ "memory.disableOOMKiller", RB_CG_MEMORY, LIMIT_BOOL, FIELD(memory.disable_oom_killer) },
	{ "cpu.shares", RB_CG_CPU, LIMIT_U64, FIELD(cpu.shares) },
	{ "cpu.quota", RB_CG_CPU, LIMIT_I64_MORE, FIELD(cpu.quota) },
	{ "cpu.period", RB_CG_CPU, LIMIT_U64, FIELD(cpu.period) },
	{ "cpu.burst", RB_CG_CPU, LIMIT_U64, FIELD(cpu.burst) },
	{ "cpu.realtimeRuntime", RB_CG_CPU, LIMIT_I64_OTHER, FIELD(cpu.realtime_runtime) },
	{ "cpu.realtimePeriod", RB_CG_CPU, LIMIT_U64, FIELD(cpu.realtime_period) },
	{ "cpu.idle", RB_CG_CPU, LIMIT_I64_OTHER, FIELD(cpu.idle) },
	{ "cpu.cpus", RB_CG_CPUSET, LIMIT_TEXT, FIELD(cpu.cpus) },
	{ "cpu.mems", RB_CG_CPUSET, LIMIT_TEXT, FIELD(cpu.mems) },
	{ "pids.limit", RB_CG_PIDS, LIMIT_I64_COUNT, FIELD(pids_limit) },
	{ "blockIO.weight", RB_CG_BLKIO, LIMIT_U16, FIELD(blkio.weight) },
	{ "blockIO.leafWeight", RB_CG_BLKIO, LIMIT_U16, FIELD(blkio.leaf_weight) },
	{ "blockIO.weightDevice", RB_CG_BLKIO, LIMIT_LIST, FIELD(blkio.weight_device.n) },
	{ "blockIO.throttleReadBpsDevice", RB_CG_BLKIO, LIMIT_LIST,
	  FIELD(blkio.throttle_read_bps.n) },
	{ "blockIO.throttleWriteBpsDevice", RB_CG_BLKIO, LIMIT_LIST,
	  FIELD(blkio.throttle_write_bps.n) },
	{ "blockIO.throttleReadIOPSDevice", RB_CG_BLKIO, LIMIT_LIST,
	  FIELD(blkio.throttle_read_iops.n) },
	{ "blockIO.throttleWriteIOPSDevice", RB_CG_BLKIO, LIMIT_LIST,
	  FIELD(blkio.throttle_write_iops.n) },
	{ "hugepageLimits", RB_CG_HUGETLB, LIMIT_LIST, FIELD(n_hugepages) },
	{ "network.classID", RB_CG_NET_CLS, LIMIT_U32, FIELD(network.class_id) },
	{ "network.priorities", RB_CG_NET_PRIO, LIMIT_LIST, FIELD(network.n_prios) },
	{ "rdma", RB_CG_RDMA, LIMIT_LIST, FIELD(n_rdma) },
	{ NULL, RB_CG_COUNT, LIMIT_LIST, 0 },
};

/** limit_asked() - see plan_priv.h */
bool limit_asked(const struct limit *l, const struct rb_resources *res)
{
	const void *p = (const char *)res + l->offset;
	const struct rb_opt_i64 *i64 = p;
	const struct rb_opt_u64 *u64 = p;
	const struct rb_opt_u32 *u32 = p;
	const struct rb_opt_u16 *u16 = p;
	const struct rb_opt_bool *flag = p;
	const char *const *text = p;

	switch (l->type) {
	case LIMIT_I64_MORE:
		return i64->set && i64->v > 0;
	case LIMIT_I64_COUNT:
		return i64->set && i64->v >= 0;
	case LIMIT_I64_OTHER:
		return i64->set && i64->v != 0;
	case LIMIT_U64:
		return u64->set && u64->v > 0;
	case LIMIT_U64_SET:
		return u64->set;
	case LIMIT_U32:
		return u32->set && u32->v > 0;
	case LIMIT_U16:
		return u16->set && u16->v > 0;
	case LIMIT_BOOL:
		return flag->set && flag->v;
	case LIMIT_TEXT:
		return *text && **text;
	case LIMIT_LIST:
		return *(const size_t *)p > 0;
	}
	return false;
}

static void add_value(const struct limit *l, const struct rb_resources *res, struct rb_buf *out)
{
	const void *p = (const char *)res + l->offset;

	switch (l->type) {
	case LIMIT_I64_MORE:
	case LIMIT_I64_COUNT:
	case LIMIT_I64_OTHER:
		rb_buf_printf(out, "=%" PRId64, ((const struct rb_opt_i64 *)p)->v);
		break;
	case LIMIT_U64:
	case LIMIT_U64_SET:
		rb_buf_printf(out, "=%" PRIu64, ((const struct rb_opt_u64 *)p)->v);
		break;
	case LIMIT_U32:
		rb_buf_printf(out, "=%" PRIu32, ((const struct rb_opt_u32 *)p)->v);
		break;
	case LIMIT_U16:
		rb_buf_printf(out, "=%u", ((const struct rb_opt_u16 *)p)->v);
		break;
	case LIMIT_BOOL:
		break; /* its name says it */
	case LIMIT_TEXT:
		rb_buf_add(out, "=");
		rb_buf_escaped(out, *(const char *const *)p, 0);
		break;
	case LIMIT_LIST:
		rb_buf_printf(out, " (%zu)", *(const size_t *)p);
		break;
	}
}

/** limit_describe() - see plan_priv.h */
void limit_describe(const struct rb_resources *res, struct rb_buf *out)
{
	const char *sep = "";

	for (const struct limit *l = limit_table; l->field; l++) {
		if (!limit_asked(l, res))
			continue;
		rb_buf_printf(out, "%s%s", sep, l->field);
		add_value(l, res, out);
		sep = ", ";
	}
	for (size_t i = 0; i < res->unified.n; i++) {
		rb_buf_printf(out, "%sunified ", sep);
		rb_buf_escaped(out, res->unified.v[i].key, 0);
		rb_buf_add(out, "=");
		rb_buf_escaped(out, res->unified.v[i].value, 0);
		sep = ", ";
	}
}
