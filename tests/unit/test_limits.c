/* test_limits.c - linux.resources into plain files that stand for those of cgroups
 *
 * Every field on v1 and on v2, also those for which no kernel or device of ours is left (leaf weights went
 * with CFQ in 5.0, rdma needs such a device); and an update of which any one write fails.
 * With the argument "table" it prints a line a field for tests/lib/limits-table.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/cgroup_limits_priv.h"
#include "exec/cgroup_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/spec.h"
#include "tap.h"

#define N(a)	   (sizeof(a) / sizeof((a)[0]))
#define ALL	   (RB_CG_BIT(RB_CG_COUNT) - 1)
#define MAX_FIELDS 4

static bool table;

/* One hierarchy with all controllers in a directory of its own. */
struct box {
	char mount[64];
	struct rb_hierarchy hierarchy;
	struct rb_cgroup_dir dir;
};

static const char *path_of(const struct box *b, const char *file, char buf[256])
{
	(void)snprintf(buf, 256, "%s/c/%s", b->mount, file);
	return buf;
}

static void put(const struct box *b, const char *file, const char *text)
{
	char path[256];
	FILE *f = fopen(path_of(b, file, path), "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		ok(false, "write %s", path);
}

static void begin(struct box *b, bool v2)
{
	char path[256];

	*b = (struct box) { .mount = "/tmp/test_limits.XXXXXX" };
	if (!mkdtemp(b->mount))
		ok(false, "make a directory in /tmp");
	b->hierarchy = (struct rb_hierarchy) { .mount = b->mount, .v2 = v2, .name = "all" };
	b->hierarchy.controllers = ALL;
	b->dir = (struct rb_cgroup_dir) { &b->hierarchy, "/c" };
	(void)mkdir(path_of(b, "", path), 0755); /* put() says so */
	put(b, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	rb_cgroup_forget();
}

static void end(struct box *b)
{
	char command[128];

	rb_cgroup_forget();
	(void)snprintf(command, sizeof(command), "rm -r '%s'", b->mount);
	ok(system(command) == 0, "clean up");
}

/* NULL when the file is not there; without the newline at its end */
static char *get(const struct box *b, const char *file)
{
	char path[256], *text = NULL;

	if (rb_read_file(AT_FDCWD, path_of(b, file, path), 4096, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* --- every field --- */

struct want {
	const char *file, *value;
};

static const struct field {
	const char *name, *json;
	struct want v1[MAX_FIELDS], v2[MAX_FIELDS]; /* none: refused */
	bool nothing;				    /* on v2: taken, and nothing to write */
} fields[] = {
	{ "memory.limit",
	  "{'memory':{'limit':4096}}",
	  { { "memory.limit_in_bytes", "4096" } },
	  { { "memory.max", "4096" } },
	  false },
	{ "memory.limit",
	  "{'memory':{'limit':-1}}",
	  { { "memory.limit_in_bytes", "-1" }, { "memory.memsw.limit_in_bytes", "-1" } },
	  { { "memory.max", "max" }, { "memory.swap.max", "max" } },
	  false },
	{ "memory.swap",
	  "{'memory':{'limit':4096,'swap':12288}}",
	  { { "memory.limit_in_bytes", "4096" }, { "memory.memsw.limit_in_bytes", "12288" } },
	  { { "memory.max", "4096" }, { "memory.swap.max", "8192" } },
	  false },
	{ "memory.reservation",
	  "{'memory':{'reservation':4096}}",
	  { { "memory.soft_limit_in_bytes", "4096" } },
	  { { "memory.low", "4096" } },
	  false },
	{ "memory.kernel",
	  "{'memory':{'kernel':4096}}",
	  { { "memory.kmem.limit_in_bytes", "4096" } },
	  { { NULL, NULL } },
	  true },
	{ "memory.kernelTCP",
	  "{'memory':{'kernelTCP':4096}}",
	  { { "memory.kmem.tcp.limit_in_bytes", "4096" } },
	  { { NULL, NULL } },
	  false },
	{ "memory.swappiness",
	  "{'memory':{'swappiness':0}}",
	  { { "memory.swappiness", "0" } },
	  { { NULL, NULL } },
	  false },
	{ "memory.disableOOMKiller",
	  "{'memory':{'disableOOMKiller':true}}",
	  { { "memory.oom_control", "1" } },
	  { { NULL, NULL } },
	  false },
	{ "memory.useHierarchy",
	  "{'memory':{'useHierarchy':true}}",
	  { { "memory.use_hierarchy", "1" } },
	  { { NULL, NULL } },
	  true },
	{ "memory.useHierarchy",
	  "{'memory':{'useHierarchy':false}}",
	  { { "memory.use_hierarchy", "0" } },
	  { { NULL, NULL } },
	  false },
	{ "cpu.shares",
	  "{'cpu':{'shares':1024}}",
	  { { "cpu.shares", "1024" } },
	  { { "cpu.weight", "100" } },
	  false },
	{ "cpu.quota",
	  "{'cpu':{'quota':5000}}",
	  { { "cpu.cfs_quota_us", "5000" } },
	  { { "cpu.max", "5000" } },
	  false },
	{ "cpu.period",
	  "{'cpu':{'quota':5000,'period':20000}}",
	  { { "cpu.cfs_quota_us", "5000" }, { "cpu.cfs_period_us", "20000" } },
	  { { "cpu.max", "5000 20000" } },
	  false },
	{ "cpu.burst",
	  "{'cpu':{'burst':1000}}",
	  /* the old one out of the way first, and a plain file keeps what is longer */
	  { { "cpu.cfs_burst_us", "1000" } },
	  { { "cpu.max.burst", "1000" } },
	  false },
	{ "cpu.idle",
	  "{'cpu':{'idle':1}}",
	  { { "cpu.idle", "1" } },
	  { { "cpu.idle", "1" } },
	  false },
	{ "cpu.realtimePeriod",
	  "{'cpu':{'realtimePeriod':9000}}",
	  { { "cpu.rt_period_us", "9000" } },
	  { { NULL, NULL } },
	  false },
	{ "cpu.realtimeRuntime",
	  "{'cpu':{'realtimeRuntime':9000}}",
	  { { "cpu.rt_runtime_us", "9000" } },
	  { { NULL, NULL } },
	  false },
	{ "cpu.cpus",
	  "{'cpu':{'cpus':'0-3,7'}}",
	  { { "cpuset.cpus", "0-3,7" } },
	  { { "cpuset.cpus", "0-3,7" } },
	  false },
	{ "cpu.mems",
	  "{'cpu':{'mems':'1'}}",
	  { { "cpuset.mems", "1" } },
	  { { "cpuset.mems", "1" } },
	  false },
	{ "pids.limit",
	  "{'pids':{'limit':-1}}",
	  { { "pids.max", "max" } },
	  { { "pids.max", "max" } },
	  false },
	{ "blockIO.weight",
	  "{'blockIO':{'weight':1000}}",
	  { { "blkio.weight", "1000" } },
	  { { "io.weight", "10000" } },
	  false },
	{ "blockIO.leafWeight",
	  "{'blockIO':{'leafWeight':300}}",
	  { { "blkio.leaf_weight", "300" } },
	  { { NULL, NULL } },
	  false },
	{ "blockIO.weightDevice.weight",
	  "{'blockIO':{'weightDevice':[{'major':8,'minor':1,'weight':10}]}}",
	  { { "blkio.weight_device", "8:1 10" } },
	  { { "io.weight", "8:1 1" } },
	  false },
	{ "blockIO.weightDevice.leafWeight",
	  "{'blockIO':{'weightDevice':[{'major':8,'minor':1,'leafWeight':500}]}}",
	  { { "blkio.leaf_weight_device", "8:1 500" } },
	  { { NULL, NULL } },
	  false },
	{ "blockIO.throttleReadBpsDevice",
	  "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':1,'rate':5}]}}",
	  { { "blkio.throttle.read_bps_device", "8:1 5" } },
	  { { "io.max", "8:1 rbps=5" } },
	  false },
	{ "blockIO.throttleWriteBpsDevice",
	  "{'blockIO':{'throttleWriteBpsDevice':[{'major':8,'minor':1,'rate':5}]}}",
	  { { "blkio.throttle.write_bps_device", "8:1 5" } },
	  { { "io.max", "8:1 wbps=5" } },
	  false },
	{ "blockIO.throttleReadIOPSDevice",
	  "{'blockIO':{'throttleReadIOPSDevice':[{'major':8,'minor':1,'rate':0}]}}",
	  { { "blkio.throttle.read_iops_device", "8:1 0" } },
	  { { "io.max", "8:1 riops=max" } },
	  false },
	{ "blockIO.throttleWriteIOPSDevice",
	  "{'blockIO':{'throttleWriteIOPSDevice':[{'major':8,'minor':1,'rate':5}]}}",
	  { { "blkio.throttle.write_iops_device", "8:1 5" } },
	  { { "io.max", "8:1 wiops=5" } },
	  false },
	{ "hugepageLimits",
	  "{'hugepageLimits':[{'pageSize':'2MB','limit':9}]}",
	  { { "hugetlb.2MB.limit_in_bytes", "9" }, { "hugetlb.2MB.rsvd.limit_in_bytes", "9" } },
	  { { "hugetlb.2MB.max", "9" }, { "hugetlb.2MB.rsvd.max", "9" } },
	  false },
	{ "network.classID",
	  "{'network':{'classID':1048577}}",
	  { { "net_cls.classid", "1048577" } },
	  { { NULL, NULL } },
	  false },
	{ "network.priorities",
	  "{'network':{'priorities':[{'name':'eth0','priority':7}]}}",
	  { { "net_prio.ifpriomap", "eth0 7" } },
	  { { NULL, NULL } },
	  false },
	{ "rdma",
	  "{'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10000}}}",
	  { { "rdma.max", "mlx5_1 hca_handle=3 hca_object=10000" } },
	  { { "rdma.max", "mlx5_1 hca_handle=3 hca_object=10000" } },
	  false },
	{ "unified",
	  "{'unified':{'memory.high':'8192'}}",
	  { { NULL, NULL } },
	  { { "memory.high", "8192" } },
	  false },
};

/* @json: with ' for " */
static bool decode(const char *json, struct rb_spec *spec, struct rb_err *err)
{
	char text[512];
	size_t len = strlen(json);

	memcpy(text, json, len + 1);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return ok(rb_spec_decode_resources("test", text, len, spec, err) == 0, "decode %s (%s)",
		  json, err->msg);
}

static void check_field(const struct field *f, bool v2)
{
	const struct want *want = v2 ? f->v2 : f->v1;
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };
	struct box b;
	int r;

	begin(&b, v2);
	for (size_t i = 0; i < MAX_FIELDS && want[i].file; i++)
		put(&b, want[i].file, "");
	if (decode(f->json, &spec, &err)) {
		r = rb_cgroup_limits(&b.dir, 1, &spec.linux_.resources, &err);
		if (want[0].file || (v2 && f->nothing))
			ok(r == 0, "%s %s (%s)", f->name, v2 ? "v2" : "v1", err.msg);
		else
			ok(r < 0 && strstr(err.at, "linux.resources."),
			   "%s refused on %s: %s at %s", f->name, v2 ? "v2" : "v1", err.msg,
			   err.at);
	}
	for (size_t i = 0; i < MAX_FIELDS && want[i].file; i++) {
		rb_autofree char *text = get(&b, want[i].file);

		if (is_str(text, want[i].value, want[i].file) && table)
			printf("# limits %s|plain files, %s|%s = %s\n", f->name, v2 ? "v2" : "v1",
			       want[i].file, want[i].value);
	}
	rb_spec_done(&spec);
	end(&b);
}

/* --- an update of which one write fails --- */

/* Values of one length, for a plain file keeps what it has behind a shorter one. */
static const struct {
	const char *file, *old, *new;
} update_v1[] = {
	{ "memory.limit_in_bytes", "111", "211" },
	{ "memory.memsw.limit_in_bytes", "112", "212" },
	{ "memory.soft_limit_in_bytes", "113", "213" },
	{ "memory.swappiness", "14", "24" },
	{ "cpu.shares", "115", "215" },
	{ "cpu.cfs_quota_us", "116", "216" },
	{ "cpu.cfs_period_us", "117", "217" },
	{ "cpuset.cpus", "1-8", "2-8" },
	{ "cpuset.mems", "1-9", "2-9" },
	{ "pids.max", "110", "210" },
	{ "blkio.weight", "120", "220" },
	{ "hugetlb.2MB.limit_in_bytes", "121", "221" },
	{ "net_cls.classid", "122", "222" },
};
static const char update_json[] =
	"{'memory':{'limit':211,'swap':212,'reservation':213,'swappiness':24},"
	"'cpu':{'shares':215,'quota':216,'period':217,'cpus':'2-8','mems':'2-9'},'pids':{'limit':"
	"210},"
	"'blockIO':{'weight':220},'hugepageLimits':[{'pageSize':'2MB','limit':221}],"
	"'network':{'classID':222}}";

/* @bad: row whose file cannot be written, N(update_v1) for none */
static void check_update(const struct rb_resources *res, size_t bad)
{
	struct rb_err err = { 0 };
	bool good = true;
	char path[256];
	struct box b;
	int r;

	begin(&b, false);
	for (size_t i = 0; i < N(update_v1); i++)
		if (i == bad)
			(void)mkdir(path_of(&b, update_v1[i].file, path), 0755);
		else
			put(&b, update_v1[i].file, update_v1[i].old);
	r = rb_cgroup_update(&b.dir, 1, res, &(struct rb_scope) { 0 }, &err);
	ok(bad < N(update_v1) ? r < 0 && strstr(err.msg, update_v1[bad].file) : r == 0,
	   "update, %s cannot be written: %s", bad < N(update_v1) ? update_v1[bad].file : "nothing",
	   err.msg);
	for (size_t i = 0; i < N(update_v1); i++) {
		rb_autofree char *text = get(&b, update_v1[i].file);
		const char *want = bad < N(update_v1) ? update_v1[i].old : update_v1[i].new;

		if (i == bad || rb_streq(text, want))
			continue;
		good = false;
		printf("# %s: %s, not %s\n", update_v1[i].file, text ? text : "none", want);
	}
	ok(good, "and all others are as they should be");
	end(&b);
}

static void test_update(void)
{
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	if (decode(update_json, &spec, &err))
		for (size_t bad = 0; bad <= N(update_v1); bad++)
			check_update(&spec.linux_.resources, bad);
	rb_spec_done(&spec);
}

/* --- a cgroup that somebody else may write to --- */

/* A delegated cgroup is its user's: what lies there in the place of a file of the kernel's is not
 * followed. */
static void test_links(void)
{
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };
	char path[256], victim[256];
	struct box b;

	begin(&b, true);
	put(&b, "victim", "mine");
	(void)symlink(path_of(&b, "victim", victim), path_of(&b, "pids.max", path));
	if (decode("{'pids':{'limit':7}}", &spec, &err)) {
		rb_autofree char *text = NULL;

		ok(rb_cgroup_limits(&b.dir, 1, &spec.linux_.resources, &err) < 0,
		   "a link in the place of a file is refused: %s", err.msg);
		text = get(&b, "victim");
		is_str(text, "mine", "and what it leads to is not touched");
	}
	rb_spec_done(&spec);
	end(&b);
}

int main(int argc, char **argv)
{
	table = argc > 1 && strcmp(argv[1], "table") == 0;
	for (size_t i = 0; i < N(fields); i++) {
		check_field(&fields[i], false);
		check_field(&fields[i], true);
	}
	test_update();
	test_links();
	return tap_done();
}
