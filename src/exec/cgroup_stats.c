/* cgroup_stats.c - what a container uses, from the files of its cgroups, as the JSON of `runc events`
 *
 * Names, units and what is left out when it is zero are those of runc's types/events.go; CONTRACT for
 * engines that read it. A file that is not there (controller off, older kernel) counts as zero. v2 values
 * are turned into what v1 calls them: nanoseconds, memory and swap together.
 * Sources: kernel cgroup-v2.rst, cgroup-v1/{memory,cpuacct,blkio-controller,hugetlb}.rst,
 * accounting/psi.rst.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"

#define FILE_MAX (1u << 20)

/* One call: the container's directories and the text that grows. */
struct stats {
	const struct rb_cgroup_dir *dirs;
	size_t n;
	struct rb_buf *out;
};

/* --- JSON --- */

static void key(struct rb_buf *out, const char *name)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		rb_buf_add(out, ",");
	rb_buf_json(out, name);
	rb_buf_add(out, ":");
}

static void open_object(struct rb_buf *out, const char *name)
{
	key(out, name);
	rb_buf_add(out, "{");
}

static void put(struct rb_buf *out, const char *name, uint64_t v)
{
	key(out, name);
	rb_buf_printf(out, "%llu", (unsigned long long)v);
}

static void put_set(struct rb_buf *out, const char *name, uint64_t v)
{
	if (v)
		put(out, name, v);
}

/* --- files --- */

/* The directory of a controller, opened; -1 when nobody has it. */
static int dir_of(const struct stats *s, enum rb_controller c, bool *ret_v2)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(s->dirs, s->n, c);
	struct rb_err ignored = { 0 };
	int fd = dir ? rb_cgroup_leaf(dir, &ignored) : -1;

	*ret_v2 = dir && dir->hierarchy->v2;
	return fd < 0 ? -1 : fd;
}

static int v2_dir(const struct stats *s)
{
	struct rb_err ignored = { 0 };

	for (size_t i = 0; i < s->n; i++)
		if (s->dirs[i].hierarchy->v2)
			return rb_cgroup_leaf(&s->dirs[i], &ignored);
	return -1;
}

/* The whole file, "" when it cannot be read; malloc'd. */
static char *slurp(int dir, const char *file)
{
	char *text = NULL;

	if (dir < 0 || rb_read_file(dir, file, FILE_MAX, &text, NULL) < 0)
		return rb_xstrdup("");
	return text;
}

/* "max" is the largest number, as v1 writes no limit too. */
static uint64_t number(const char *text)
{
	return rb_startswith(text, "max") ? UINT64_MAX : strtoull(text, NULL, 10);
}

static uint64_t read_number(int dir, const char *file)
{
	rb_autofree char *text = slurp(dir, file);

	return number(text);
}

/* The number of a line "NAME NUMBER", or behind "NAME=" in it. */
static uint64_t find(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p += len)
		if ((p == text || strchr(" \n", p[-1])) && (p[len] == ' ' || p[len] == '='))
			return number(p + len + 1);
	return 0;
}

/* --- pressure --- */

static void pressure_line(struct rb_buf *out, const char *text, const char *name)
{
	const char *line = strstr(text, name);
	char a[3][16];
	unsigned long long total;

	if (!line || sscanf(line + strlen(name),
			    " avg10=%15[0-9.] avg60=%15[0-9.] avg300=%15[0-9.] total=%llu", a[0],
			    a[1], a[2], &total) != 4)
		return;
	open_object(out, name);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "avg10", "avg60", "avg300" };

		key(out, names[i]);
		rb_buf_printf(out, "%g", strtod(a[i], NULL));
	}
	put(out, "total", total);
	rb_buf_add(out, "}");
}

static void pressure(const struct stats *s, const char *file)
{
	rb_autofree char *text = slurp(v2_dir(s), file);

	if (!*text)
		return;
	open_object(s->out, "psi");
	pressure_line(s->out, text, "some");
	pressure_line(s->out, text, "full");
	rb_buf_add(s->out, "}");
}

/* --- CPU --- */

/* "1 2 3" as a list; column @column of lines "cpu user system" when @column is not -1. */
static void put_percpu(struct rb_buf *out, const char *name, const char *text, int column)
{
	rb_autofree char *copy = rb_xstrdup(text);
	bool first = true, any = *text != '\0';
	int i = -1;

	if (!any)
		return;
	key(out, name);
	rb_buf_add(out, "[");
	for (char *rest = copy, *word; (word = strsep(&rest, " \n"));) {
		if (!*word)
			continue;
		i++;
		/* of a table: three words of head, then three a line */
		if (column >= 0 && (i < 3 || i % 3 != column))
			continue;
		rb_buf_printf(out, "%s%llu", first ? "" : ",", strtoull(word, NULL, 10));
		first = false;
	}
	rb_buf_add(out, "]");
}

static void cpu_usage_v1(const struct stats *s)
{
	bool v2;
	int dir = dir_of(s, RB_CG_CPUACCT, &v2);
	rb_autofree char *stat = slurp(dir, "cpuacct.stat");
	rb_autofree char *percpu = slurp(dir, "cpuacct.usage_percpu");
	rb_autofree char *all = slurp(dir, "cpuacct.usage_all");
	long ticks = sysconf(_SC_CLK_TCK);
	uint64_t tick_ns = 1000000000u / (uint64_t)(ticks > 0 ? ticks : 100);

	put_set(s->out, "total", read_number(dir, "cpuacct.usage"));
	put_percpu(s->out, "percpu", percpu, -1);
	put_percpu(s->out, "percpu_kernel", all, 2);
	put_percpu(s->out, "percpu_user", all, 1);
	put(s->out, "kernel", find(stat, "system") * tick_ns);
	put(s->out, "user", find(stat, "user") * tick_ns);
}

static void cpu(const struct stats *s)
{
	bool v2, acct_v2;
	rb_autofree char *stat = slurp(dir_of(s, RB_CG_CPU, &v2), "cpu.stat");
	int acct = dir_of(s, RB_CG_CPUACCT, &acct_v2);
	/* v2 counts time without any controller */
	rb_autofree char *usage = slurp(acct >= 0 && !acct_v2 ? -1 : v2_dir(s), "cpu.stat");

	open_object(s->out, "cpu");
	open_object(s->out, "usage");
	if (*usage) {
		put_set(s->out, "total", find(usage, "usage_usec") * 1000);
		put(s->out, "kernel", find(usage, "system_usec") * 1000);
		put(s->out, "user", find(usage, "user_usec") * 1000);
	} else {
		cpu_usage_v1(s);
	}
	rb_buf_add(s->out, "}");
	open_object(s->out, "throttling");
	put_set(s->out, "periods", find(stat, "nr_periods"));
	put_set(s->out, "throttledPeriods", find(stat, "nr_throttled"));
	put_set(s->out, "throttledTime",
		v2 ? find(stat, "throttled_usec") * 1000 : find(stat, "throttled_time"));
	rb_buf_add(s->out, "}");
	pressure(s, "cpu.pressure");
	rb_buf_add(s->out, "}");
}

/* "0-2,5" as a list of numbers */
static void put_list(struct rb_buf *out, const char *name, const char *text)
{
	bool first = true;

	if (*text < '0' || *text > '9')
		return;
	key(out, name);
	rb_buf_add(out, "[");
	for (const char *p = text; *p >= '0' && *p <= '9';) {
		char *end;
		unsigned long from = strtoul(p, &end, 10), to = from;

		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		for (; from <= to; from++, first = false)
			rb_buf_printf(out, "%s%lu", first ? "" : ",", from);
		p = *end == ',' ? end + 1 : end;
	}
	rb_buf_add(out, "]");
}

static void cpuset(const struct stats *s)
{
	static const char *const flags[] = {
		"cpu_exclusive",   "mem_hardwall",	 "mem_exclusive",
		"memory_migrate",  "memory_spread_page", "memory_spread_slab",
		"memory_pressure", "sched_load_balance", "sched_relax_domain_level",
	};
	bool v2;
	int dir = dir_of(s, RB_CG_CPUSET, &v2);
	rb_autofree char *cpus = slurp(dir, v2 ? "cpuset.cpus.effective" : "cpuset.cpus");
	rb_autofree char *mems = slurp(dir, v2 ? "cpuset.mems.effective" : "cpuset.mems");

	open_object(s->out, "cpuset");
	put_list(s->out, "cpus", cpus);
	put_list(s->out, "mems", mems);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		rb_autofree char *text = NULL;
		char file[64];

		(void)snprintf(file, sizeof(file), "cpuset.%s", flags[i]);
		text = slurp(dir, file);
		key(s->out, flags[i]);
		rb_buf_printf(s->out, "%lld", strtoll(text, NULL, 10)); /* the level may be -1 */
	}
	rb_buf_add(s->out, "}");
}

/* --- memory --- */

static void memory_entry(struct rb_buf *out, const char *name, uint64_t limit, uint64_t usage,
			 uint64_t max, uint64_t failcnt)
{
	open_object(out, name);
	put(out, "limit", limit);
	put_set(out, "usage", usage);
	put_set(out, "max", max);
	put(out, "failcnt", failcnt);
	rb_buf_add(out, "}");
}

static void memory_v1(struct rb_buf *out, int dir, const char *stat)
{
	static const struct {
		const char *name, *prefix;
	} entries[] = {
		{ "usage", "memory" },
		{ "swap", "memory.memsw" },
		{ "kernel", "memory.kmem" },
		{ "kernelTCP", "memory.kmem.tcp" },
	};
	static const char *const files[] = { "limit_in_bytes", "usage_in_bytes",
					     "max_usage_in_bytes", "failcnt" };

	put_set(out, "cache", find(stat, "cache"));
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		uint64_t v[4];

		for (size_t k = 0; k < 4; k++) {
			char file[64];

			(void)snprintf(file, sizeof(file), "%s.%s", entries[i].prefix, files[k]);
			v[k] = read_number(dir, file);
		}
		memory_entry(out, entries[i].name, v[0], v[1], v[2], v[3]);
	}
}

static void memory_v2(struct rb_buf *out, int dir, const char *stat)
{
	uint64_t limit = read_number(dir, "memory.max"), usage = read_number(dir, "memory.current");
	uint64_t swap_limit = read_number(dir, "memory.swap.max");

	put_set(out, "cache", find(stat, "file"));
	memory_entry(out, "usage", limit, usage, read_number(dir, "memory.peak"), 0);
	if (limit == UINT64_MAX || swap_limit == UINT64_MAX)
		swap_limit = UINT64_MAX;
	else
		swap_limit += limit;
	memory_entry(out, "swap", swap_limit, usage + read_number(dir, "memory.swap.current"), 0,
		     0);
	memory_entry(out, "kernel", 0, 0, 0, 0);
	memory_entry(out, "kernelTCP", 0, 0, 0, 0);
}

/* Every line "NAME NUMBER" of memory.stat. */
static void put_raw(struct rb_buf *out, const char *stat)
{
	rb_autofree char *copy = rb_xstrdup(stat);

	if (!*stat)
		return;
	open_object(out, "raw");
	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		char *blank = strchr(line, ' ');

		if (!blank)
			continue;
		*blank = '\0';
		put(out, line, strtoull(blank + 1, NULL, 10));
	}
	rb_buf_add(out, "}");
}

static void memory(const struct stats *s)
{
	static const char *const events[] = { "low", "high", "max", "oom", "oom_kill" };
	bool v2;
	int dir = dir_of(s, RB_CG_MEMORY, &v2);
	rb_autofree char *stat = slurp(dir, "memory.stat");
	rb_autofree char *counts = slurp(dir, v2 ? "memory.events" : "memory.oom_control");

	open_object(s->out, "memory");
	if (v2)
		memory_v2(s->out, dir, stat);
	else
		memory_v1(s->out, dir, stat);
	put_raw(s->out, stat);
	pressure(s, "memory.pressure");
	open_object(s->out, "event_count");
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		put_set(s->out, events[i], find(counts, events[i]));
	rb_buf_add(s->out, "}}");
}

static void pids(const struct stats *s)
{
	bool v2;
	int dir = dir_of(s, RB_CG_PIDS, &v2);
	uint64_t limit = read_number(dir, "pids.max");

	open_object(s->out, "pids");
	put_set(s->out, "current", read_number(dir, "pids.current"));
	put_set(s->out, "limit", limit == UINT64_MAX ? 0 : limit);
	rb_buf_add(s->out, "}");
}

/* --- block devices --- */

static void blkio_entry(struct rb_buf *out, unsigned long long major, unsigned long long minor,
			const char *op, uint64_t value)
{
	rb_buf_add(out, out->data[out->len - 1] == '[' ? "{" : ",{");
	put_set(out, "major", major);
	put_set(out, "minor", minor);
	if (*op) {
		key(out, "op");
		rb_buf_json(out, op);
	}
	put_set(out, "value", value);
	rb_buf_add(out, "}");
}

/* v1: lines "8:0 Read 4096", some files without the word */
static void blkio_file_v1(struct rb_buf *out, const char *name, const char *text)
{
	rb_autofree char *copy = rb_xstrdup(text);
	bool any = false;

	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		unsigned long long major, minor, value;
		char op[16] = "";

		if (sscanf(line, "%llu:%llu %15[A-Za-z] %llu", &major, &minor, op, &value) != 4 &&
		    sscanf(line, "%llu:%llu %llu", &major, &minor, &value) != 3)
			continue;
		if (!any) {
			key(out, name);
			rb_buf_add(out, "[");
			any = true;
		}
		blkio_entry(out, major, minor, op, value);
	}
	if (any)
		rb_buf_add(out, "]");
}

/* v2: lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void blkio_list_v2(struct rb_buf *out, const char *name, const char *text,
			  const char *const fields[3])
{
	static const char *const ops[] = { "Read", "Write", "Discard" };
	rb_autofree char *copy = rb_xstrdup(text);

	if (!*text)
		return;
	key(out, name);
	rb_buf_add(out, "[");
	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		unsigned long long major, minor;

		if (sscanf(line, "%llu:%llu", &major, &minor) != 2)
			continue;
		for (int i = 0; i < 3; i++)
			blkio_entry(out, major, minor, ops[i], find(line, fields[i]));
	}
	rb_buf_add(out, "]");
}

static void blkio_v1(struct rb_buf *out, int dir)
{
	static const struct {
		const char *name, *throttle, *bfq;
	} files[] = {
		{ "ioServiceBytesRecursive", "blkio.throttle.io_service_bytes_recursive",
		  "blkio.bfq.io_service_bytes_recursive" },
		{ "ioServicedRecursive", "blkio.throttle.io_serviced_recursive",
		  "blkio.bfq.io_serviced_recursive" },
		{ "ioQueueRecursive", NULL, "blkio.bfq.io_queued_recursive" },
		{ "ioServiceTimeRecursive", NULL, "blkio.bfq.io_service_time_recursive" },
		{ "ioWaitTimeRecursive", NULL, "blkio.bfq.io_wait_time_recursive" },
		{ "ioMergedRecursive", NULL, "blkio.bfq.io_merged_recursive" },
		{ "ioTimeRecursive", NULL, "blkio.bfq.time_recursive" },
		{ "sectorsRecursive", NULL, "blkio.bfq.sectors_recursive" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		rb_autofree char *text = slurp(dir, files[i].bfq);

		/* only devices with that scheduler are in it, and "Total 0" is none */
		if (files[i].throttle && !strchr(text, ':')) {
			free(text);
			text = slurp(dir, files[i].throttle);
		}
		blkio_file_v1(out, files[i].name, text);
	}
}

static void blkio(const struct stats *s)
{
	static const char *const bytes[] = { "rbytes", "wbytes", "dbytes" };
	static const char *const ios[] = { "rios", "wios", "dios" };
	bool v2;
	int dir = dir_of(s, RB_CG_BLKIO, &v2);
	rb_autofree char *text = slurp(v2 ? dir : -1, "io.stat");

	open_object(s->out, "blkio");
	if (v2) {
		blkio_list_v2(s->out, "ioServiceBytesRecursive", text, bytes);
		blkio_list_v2(s->out, "ioServicedRecursive", text, ios);
	} else {
		blkio_v1(s->out, dir);
	}
	pressure(s, "io.pressure");
	rb_buf_add(s->out, "}");
}

/* --- huge pages --- */

static void hugetlb_size(struct rb_buf *out, int dir, const char *size, bool v2)
{
	char file[96];
	uint64_t failcnt;

	open_object(out, size);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size,
		       v2 ? "current" : "usage_in_bytes");
	put_set(out, "usage", read_number(dir, file));
	(void)snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", size);
	put_set(out, "max", read_number(dir, file));
	(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, v2 ? "events" : "failcnt");
	if (v2) {
		rb_autofree char *text = slurp(dir, file);

		failcnt = find(text, "max");
	} else {
		failcnt = read_number(dir, file);
	}
	put(out, "failcnt", failcnt);
	rb_buf_add(out, "}");
}

/* The sizes are those of the files: hugetlb.2MB.current */
static void hugetlb(const struct stats *s)
{
	bool v2;
	int dir = dir_of(s, RB_CG_HUGETLB, &v2);
	int again = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	open_object(s->out, "hugetlb");
	for (struct dirent *e; d && (e = readdir(d));) {
		char size[32], rest[32];

		if (sscanf(e->d_name, "hugetlb.%31[0-9KMGTB].%31s", size, rest) == 2 &&
		    rb_streq(rest, v2 ? "current" : "usage_in_bytes"))
			hugetlb_size(s->out, dir, size, v2);
	}
	rb_buf_add(s->out, "}");
	if (d)
		(void)closedir(d); /* opened for reading */
	else
		rb_closep(&again);
}

void rb_cgroup_stats(const struct rb_cgroup_dir *dirs, size_t n, struct rb_buf *out)
{
	struct stats s = { .dirs = dirs, .n = n, .out = out };

	cpu(&s);
	cpuset(&s);
	memory(&s);
	pids(&s);
	blkio(&s);
	hugetlb(&s);
}
