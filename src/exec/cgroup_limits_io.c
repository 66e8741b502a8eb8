/* cgroup_limits_io.c - linux.resources that are lists: block devices, huge pages, rdma, files of v2
 *
 * A file takes one line a write(2), so each entry is its own write. Sources: config-linux.md,
 * kernel cgroup-v1/{blkio-controller,hugetlb,net_prio,rdma}.rst, block/bfq-iosched.rst,
 * cgroup-v2.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/cgroup_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* --- blockIO --- */

/* The weight file depends on the I/O scheduler that the kernel has: try them in turn. */
static const struct weight_file {
	const char *file;
	bool v2, converted; /* its range is 1 to 10000 */
} weight_files[] = {
	{ "blkio.weight", false, false },
	{ "blkio.bfq.weight", false, false },
	{ "io.bfq.weight", true, false },
	{ "io.weight", true, true },
}, weight_device_files[] = {
	{ "blkio.weight_device", false, false },
	{ "blkio.bfq.weight_device", false, false },
	{ "io.bfq.weight", true, false },
	{ "io.weight", true, true },
};
#define N_WEIGHT_FILES (sizeof(weight_files) / sizeof(weight_files[0]))

/* @device: "8:0 " or "" for all */
static int write_weight(const struct rb_cgroup_dir *dir, const struct weight_file *files,
			const char *at, const char *device, uint64_t weight, struct rb_err *err)
{
	const char *last = NULL;

	for (size_t i = 0; i < N_WEIGHT_FILES; i++) {
		char text[64];
		int r;

		if (files[i].v2 != dir->hierarchy->v2)
			continue;
		last = files[i].file;
		(void)snprintf(
			text, sizeof(text), "%s%llu", device,
			(unsigned long long)(files[i].converted ? rb_io_weight(weight) : weight));
		r = rb_limit_try(dir, at, last, text, err);
		if (r != -ENOENT)
			return r;
	}
	return rb_limit_no_file(at, last, err);
}

static int write_device_weight(const struct rb_cgroup_dir *dir, const struct rb_blkio_dev *dev,
			       const char *at, struct rb_err *err)
{
	char device[48], text[64];
	int r = 0;

	(void)snprintf(device, sizeof(device), "%lld:%lld ", (long long)dev->major,
		       (long long)dev->minor);
	if (dev->weight.set && dev->weight.v)
		r = write_weight(dir, weight_device_files, at, device, dev->weight.v, err);
	if (r < 0 || !dev->leaf_weight.set || !dev->leaf_weight.v)
		return r;
	if (dir->hierarchy->v2)
		return rb_fail_at(err, at, "cgroup v2 has no leaf weights");
	(void)snprintf(text, sizeof(text), "%s%u", device, dev->leaf_weight.v);
	return rb_limit_write(dir, at, "blkio.leaf_weight_device", text, err);
}

static const struct throttle {
	size_t offset; /* of a struct rb_blkio_devs in struct rb_resources */
	const char *name, *v1, *v2;
} throttles[] = {
	{ offsetof(struct rb_resources, blkio.throttle_read_bps), "throttleReadBpsDevice",
	  "blkio.throttle.read_bps_device", "rbps" },
	{ offsetof(struct rb_resources, blkio.throttle_write_bps), "throttleWriteBpsDevice",
	  "blkio.throttle.write_bps_device", "wbps" },
	{ offsetof(struct rb_resources, blkio.throttle_read_iops), "throttleReadIOPSDevice",
	  "blkio.throttle.read_iops_device", "riops" },
	{ offsetof(struct rb_resources, blkio.throttle_write_iops), "throttleWriteIOPSDevice",
	  "blkio.throttle.write_iops_device", "wiops" },
};
#define N_THROTTLES (sizeof(throttles) / sizeof(throttles[0]))

static const struct rb_blkio_devs *throttle_devs(const struct rb_resources *res,
						 const struct throttle *t)
{
	return (const struct rb_blkio_devs *)((const char *)res + t->offset);
}

static int write_throttle(const struct rb_cgroup_dir *dir, const struct throttle *t, size_t index,
			  const struct rb_blkio_dev *dev, struct rb_err *err)
{
	unsigned long long rate = dev->rate.v;
	char text[96], at[96];

	(void)snprintf(at, sizeof(at), AT "blockIO.%s[%zu]", t->name, index);
	if (!dir->hierarchy->v2) {
		(void)snprintf(text, sizeof(text), "%lld:%lld %llu", (long long)dev->major,
			       (long long)dev->minor, rate);
		return rb_limit_write(dir, at, t->v1, text, err);
	}
	/* on v1 a rate of 0 takes the limit away; v2 says max */
	if (rate)
		(void)snprintf(text, sizeof(text), "%lld:%lld %s=%llu", (long long)dev->major,
			       (long long)dev->minor, t->v2, rate);
	else
		(void)snprintf(text, sizeof(text), "%lld:%lld %s=max", (long long)dev->major,
			       (long long)dev->minor, t->v2);
	return rb_limit_write(dir, at, "io.max", text, err);
}

static bool blkio_is_set(const struct rb_resources *res)
{
	bool set = res->blkio.weight.v || res->blkio.weight_device.n;

	for (size_t i = 0; i < N_THROTTLES; i++)
		set |= throttle_devs(res, &throttles[i])->n > 0;
	return set;
}

static int write_blkio(const struct rb_limits *l, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir;
	int r = 0;

	if (!blkio_is_set(l->res))
		return 0;
	dir = rb_limit_holder(l, RB_CG_BLKIO, AT "blockIO", err);
	if (!dir)
		return -EINVAL;
	if (l->res->blkio.weight.v)
		r = write_weight(dir, weight_files, AT "blockIO.weight", "", l->res->blkio.weight.v,
				 err);
	for (size_t i = 0; r == 0 && i < l->res->blkio.weight_device.n; i++) {
		char at[96];

		(void)snprintf(at, sizeof(at), AT "blockIO.weightDevice[%zu]", i);
		r = write_device_weight(dir, &l->res->blkio.weight_device.v[i], at, err);
	}
	for (size_t t = 0; t < N_THROTTLES; t++) {
		const struct rb_blkio_devs *devs = throttle_devs(l->res, &throttles[t]);

		for (size_t i = 0; r == 0 && i < devs->n; i++)
			r = write_throttle(dir, &throttles[t], i, &devs->v[i], err);
	}
	return r;
}

/* --- huge pages, interfaces, rdma --- */

/* config-linux.md "Huge page limits": reservations where the kernel accounts them, and page
 * faults, which are all there was before 5.7. */
static int write_hugepage(const struct rb_limits *l, size_t index, struct rb_err *err)
{
	const struct rb_hugepage *page = &l->res->hugepages[index];
	const struct rb_cgroup_dir *dir;
	char at[96], file[96], text[24];
	const char *suffix;
	int r;

	(void)snprintf(at, sizeof(at), AT "hugepageLimits[%zu]", index);
	dir = rb_limit_holder(l, RB_CG_HUGETLB, at, err);
	if (!dir)
		return -EINVAL;
	/* the size becomes a part of a file name */
	if (strlen(page->page_size) > 32 ||
	    strspn(page->page_size, "0123456789KMGTB") != strlen(page->page_size))
		return rb_fail_at(err, at, "%.32s is not a page size, as 2MB is", page->page_size);
	suffix = dir->hierarchy->v2 ? "max" : "limit_in_bytes";
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)page->limit);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", page->page_size, suffix);
	r = rb_limit_write(dir, at, file, text, err);
	if (r < 0)
		return r;
	(void)snprintf(file, sizeof(file), "hugetlb.%s.rsvd.%s", page->page_size, suffix);
	r = rb_limit_try(dir, at, file, text, err);
	return r == -ENOENT ? 0 : r;
}

static int write_net_prio(const struct rb_limits *l, size_t index, struct rb_err *err)
{
	const struct rb_net_prio *prio = &l->res->network.prios[index];
	const struct rb_cgroup_dir *dir;
	rb_autobuf text = { 0 };
	char at[96];

	(void)snprintf(at, sizeof(at), AT "network.priorities[%zu]", index);
	dir = rb_limit_holder(l, RB_CG_NET_PRIO, at, err);
	if (!dir)
		return -EINVAL;
	rb_buf_printf(&text, "%s %u", prio->name, prio->priority);
	return rb_limit_write(dir, at, "net_prio.ifpriomap", text.data, err);
}

static int write_rdma(const struct rb_limits *l, size_t index, struct rb_err *err)
{
	const struct rb_rdma *rdma = &l->res->rdma[index];
	const struct rb_cgroup_dir *dir = rb_limit_holder(l, RB_CG_RDMA, AT "rdma", err);
	rb_autobuf text = { 0 };

	if (!dir)
		return -EINVAL;
	rb_buf_add(&text, rdma->device);
	if (rdma->hca_handles.set)
		rb_buf_printf(&text, " hca_handle=%u", rdma->hca_handles.v);
	if (rdma->hca_objects.set)
		rb_buf_printf(&text, " hca_object=%u", rdma->hca_objects.v);
	return rb_limit_write(dir, AT "rdma", "rdma.max", text.data, err);
}

unsigned rb_limits_io_wanted(const struct rb_resources *res)
{
	return (blkio_is_set(res) ? RB_CG_BIT(RB_CG_BLKIO) : 0) |
	       (res->n_hugepages ? RB_CG_BIT(RB_CG_HUGETLB) : 0) |
	       (res->network.n_prios ? RB_CG_BIT(RB_CG_NET_PRIO) : 0) |
	       (res->n_rdma ? RB_CG_BIT(RB_CG_RDMA) : 0);
}

int rb_limits_io(const struct rb_limits *l, struct rb_err *err)
{
	int r = write_blkio(l, err);

	for (size_t i = 0; r == 0 && i < l->res->n_hugepages; i++)
		r = write_hugepage(l, i, err);
	for (size_t i = 0; r == 0 && i < l->res->network.n_prios; i++)
		r = write_net_prio(l, i, err);
	for (size_t i = 0; r == 0 && i < l->res->n_rdma; i++)
		r = write_rdma(l, i, err);
	return r;
}

/* --- unified --- */

unsigned rb_unified_controller(const char *file)
{
	size_t len = strcspn(file, ".");

	if (len == 2 && memcmp(file, "io", 2) == 0)
		return RB_CG_BIT(RB_CG_BLKIO);
	for (unsigned c = 0; c < RB_CG_COUNT; c++)
		if (c != RB_CG_BLKIO && strlen(rb_controller_names[c]) == len &&
		    memcmp(file, rb_controller_names[c], len) == 0)
			return RB_CG_BIT(c);
	return 0;
}

/* Files that are not settings but acts, which would stop or move what is being made. */
static bool is_act(const char *file)
{
	static const char *const acts[] = {
		"cgroup.freeze", "cgroup.kill", "cgroup.procs", "cgroup.threads", "cgroup.type",
	};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (rb_streq(file, acts[i]))
			return true;
	return false;
}

static const struct rb_cgroup_dir *v2_dir(const struct rb_limits *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->dirs[i].hierarchy->v2)
			return &l->dirs[i];
	return NULL;
}

static int write_unified(const struct rb_cgroup_dir *dir, const struct rb_kv *kv,
			 struct rb_err *err)
{
	unsigned controller = rb_unified_controller(kv->key);
	rb_autofree char *value = rb_xstrdup(kv->value);
	bool empty = *value == '\0';
	char at[96];

	(void)snprintf(at, sizeof(at), AT "unified[\"%.48s\"]", kv->key);
	if (*kv->key == '\0' || *kv->key == '.' || strchr(kv->key, '/'))
		return rb_fail_at(err, at, "not the name of a file of a cgroup");
	if (is_act(kv->key))
		return rb_fail_at(err, at, "not a setting");
	if (controller && !(dir->hierarchy->controllers & controller))
		return rb_fail_at(err, at, "the controller %.*s is not on this host's cgroup v2",
				  (int)strcspn(kv->key, "."), kv->key);
	for (char *rest = value, *line; (line = strsep(&rest, "\n"));) {
		int r;

		if (*line == '\0' && !empty)
			continue;
		r = rb_limit_write(dir, at, kv->key, line, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int rb_limits_unified(const struct rb_limits *l, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = v2_dir(l);

	if (l->res->unified.n && !dir)
		return rb_fail_at(err, AT "unified", "this host has no cgroup v2");
	for (size_t i = 0; i < l->res->unified.n; i++) {
		int r = write_unified(dir, &l->res->unified.v[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
