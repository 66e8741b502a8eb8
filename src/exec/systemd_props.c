/* systemd_props.c - linux.resources as properties of a scope
 *
 * The limits are written to the cgroup's files as with the other manager. systemd is told the same, for it
 * writes what it knows of a scope again whenever it is reloaded. Only for cgroup v2, where the controllers
 * are systemd's. Pure.
 * Source: systemd.resource-control(5), org.freedesktop.systemd1(5).
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/steps_priv.h"
#include "exec/systemd_priv.h"

static void add_number(struct rb_sd_request *req, const char *name, uint64_t v)
{
	struct rb_sd_prop *p;

	if (req->n_props == RB_SD_MAX_PROPS)
		return;
	p = &req->props[req->n_props++];
	*p = (struct rb_sd_prop) { .type = 't', .number = v };
	memcpy(p->name, name, strlen(name) + 1); /* a name of this file */
}

/* Bytes or tasks, where -1 is "infinity" and 0 not set. */
static void add_limit(struct rb_sd_request *req, const char *name, int64_t v)
{
	if (v)
		add_number(req, name, v < 0 ? UINT64_MAX : (uint64_t)v);
}

/* A list of CPUs or nodes as a bit string, the lowest first. */
static void add_list(struct rb_sd_request *req, const char *name, const char *list)
{
	enum { BITS = sizeof(unsigned long) * CHAR_BIT };
	unsigned long bits[sizeof(req->props[0].text) * CHAR_BIT / BITS];
	struct rb_sd_prop *p;

	/* what cannot be parsed, the kernel refuses with better words */
	if (!list || !*list || req->n_props == RB_SD_MAX_PROPS ||
	    rb_list_parse(list, bits, sizeof(bits) * CHAR_BIT) < 0)
		return;
	p = &req->props[req->n_props++];
	*p = (struct rb_sd_prop) { .type = 'Y' };
	memcpy(p->name, name, strlen(name) + 1);
	for (size_t i = 0; i < sizeof(bits) * CHAR_BIT; i++) {
		if (!(bits[i / BITS] >> i % BITS & 1))
			continue;
		p->text[i / CHAR_BIT] |= (char)(1 << i % CHAR_BIT);
		p->number = i / CHAR_BIT + 1;
	}
}

/* systemd counts the quota in time for each second, in steps of a hundredth (and rounds down). */
static void add_quota(struct rb_sd_request *req, int64_t quota, uint64_t period)
{
	const uint64_t step = 10000;
	uint64_t us;

	if (period)
		add_number(req, "CPUQuotaPeriodUSec", period);
	else
		period = 100000; /* the kernel's own */
	if (quota == 0)
		return;
	us = quota < 0 ? UINT64_MAX : (uint64_t)quota * 1000000 / period;
	if (us != UINT64_MAX && us % step)
		us = (us / step + 1) * step;
	add_number(req, "CPUQuotaPerSecUSec", us);
}

void rb_sd_props_of(const struct rb_resources *res, struct rb_sd_request *req)
{
	int64_t swap;
	bool swap_set;

	add_limit(req, "MemoryMax", res->memory.limit.v);
	add_limit(req, "MemoryLow", res->memory.reservation.v);
	if (rb_swap_v2(res->memory.limit.v, res->memory.swap.v, &swap, &swap_set) == 0 && swap_set)
		add_number(req, "MemorySwapMax", swap < 0 ? UINT64_MAX : (uint64_t)swap);
	if (res->pids_limit.set)
		add_limit(req, "TasksMax", res->pids_limit.v ? res->pids_limit.v : 1);
	if (res->cpu.shares.v)
		add_number(req, "CPUWeight", rb_cpu_weight(res->cpu.shares.v));
	add_quota(req, res->cpu.quota.v, res->cpu.period.v);
	add_list(req, "AllowedCPUs", res->cpu.cpus);
	add_list(req, "AllowedMemoryNodes", res->cpu.mems);
	if (res->blkio.weight.v)
		add_number(req, "IOWeight", rb_io_weight(res->blkio.weight.v));
}
