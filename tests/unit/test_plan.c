/* test_plan.c - the compiler: what it refuses, which rows it makes, in which order, and how they print
 *
 * Configs are written with ' for " and put together from a base and what a case adds to it.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "runbox/err.h"
#include "runbox/json.h"
#include "runbox/plan.h"
#include "tap.h"

/* What is added to the base config; NULL for nothing. */
struct config {
	const char *process;	/* ",'noNewPrivileges':true" */
	const char *linux_;	/* ",'sysctl':{...}" */
	const char *top;	/* ",'mounts':[...]" */
	const char *namespaces; /* instead of ALL_NS */
	const char *base;	/* instead of all of it */
};

#define ALL_NS	"{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}"
#define USER_NS ALL_NS ",{'type':'user'}"
#define MAPS                                                         \
	",'uidMappings':[{'containerID':0,'hostID':1000,'size':10}]" \
	",'gidMappings':[{'containerID':0,'hostID':2000,'size':10}]"
#define DEV "{'destination':'/dev','type':'tmpfs','source':'tmpfs'}"

/* A spec, a host, options and the plan made of them. */
struct made {
	struct rb_spec spec;
	struct rb_host host;
	struct rb_plan_opts opts;
	struct rb_plan plan;
	struct rb_err err;
	int r;
};

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void make_text(const struct config *c, struct rb_buf *out)
{
	if (c->base)
		rb_buf_add(out, c->base);
	else
		rb_buf_printf(out,
			      "{'ociVersion':'1.3.0','root':{'path':'rootfs'},'process':{'cwd':'/"
			      "','args':['sh'],"
			      "'user':{'uid':0,'gid':0}%s},'linux':{'namespaces':[%s]%s}%s}",
			      or_empty(c->process), c->namespaces ? c->namespaces : ALL_NS,
			      or_empty(c->linux_), or_empty(c->top));
	for (char *p = out->data; *p; p++)
		if (*p == '\'')
			*p = '"';
}

/* @m: host and opts may have been changed after prepare() */
static void prepare(struct made *m, enum rb_cgroup_layout layout)
{
	*m = (struct made) { .opts = { .id = "web", .bundle = "/srv/web" } };
	rb_host_assume(layout, &m->host);
}

static bool compile(struct made *m, const struct config *c)
{
	rb_autobuf text = { 0 };

	make_text(c, &text);
	m->r = rb_spec_decode("config.json", text.data, text.len, &m->spec, &m->err);
	if (m->r < 0)
		return false;
	m->r = rb_plan_compile(&m->plan, &m->spec, &m->host, &m->opts, &m->err);
	return m->r == 0;
}

static void done(struct made *m)
{
	rb_plan_done(&m->plan);
	rb_spec_done(&m->spec);
}

/* The row number of the first step of @kind whose description holds @words, from @from on; 0 for none. */
static size_t find_from(const struct made *m, size_t from, enum rb_step_kind kind,
			const char *words)
{
	for (size_t i = from; i < m->plan.len; i++) {
		rb_autobuf line = { 0 };

		if (m->plan.steps[i].kind != kind)
			continue;
		rb_buf_add(&line, "");
		rb_step_describe(&m->plan.steps[i], &line);
		if (strstr(line.data, words))
			return i + 1;
	}
	return 0;
}

static size_t find(const struct made *m, enum rb_step_kind kind, const char *words)
{
	return find_from(m, 0, kind, words);
}

static const struct rb_step *row(const struct made *m, enum rb_step_kind kind)
{
	size_t n = find(m, kind, "");

	return n ? &m->plan.steps[n - 1] : NULL;
}

static size_t count(const struct made *m, enum rb_step_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < m->plan.len; i++)
		n += m->plan.steps[i].kind == kind;
	return n;
}

/* --- what is refused --- */

static const struct refusal {
	const char *name;
	struct config config;
	const char *at, *words; /* JSON path exactly, words somewhere in the message */
} refusals[] = {
	{ "no process",
	  { .base = "{'ociVersion':'1.3.0','root':{'path':'rootfs'}}" },
	  "process",
	  "required" },
	{ "no root",
	  { .base = "{'ociVersion':'1.3.0','process':{'cwd':'/"
		    "','args':['a'],'user':{'uid':0,'gid':0}}}" },
	  "root",
	  "required" },
	{ "a class of resctrl that is none",
	  { .linux_ = ",'intelRdt':{'closID':'mon_groups'}" },
	  "linux.intelRdt.closID",
	  "cannot be the name of a class" },
	{ "netDevices without a namespace",
	  { .namespaces = "{'type':'mount'}", .linux_ = ",'netDevices':{'eth0':{}}" },
	  "linux.netDevices",
	  "needs a network namespace" },
	{ "runbox.network without a namespace",
	  { .namespaces = "{'type':'mount'}", .top = ",'runbox':{'network':{'name':'a'}}" },
	  "runbox.network",
	  "needs a network namespace" },
	{ "runbox.init with room for one process",
	  { .top = ",'runbox':{'init':true}", .linux_ = ",'resources':{'pids':{'limit':1}}" },
	  "linux.resources.pids.limit",
	  "two processes" },
	{ "runbox.ephemeral without a mount namespace",
	  { .namespaces = "{'type':'pid'}", .top = ",'runbox':{'ephemeral':true}" },
	  "runbox.ephemeral",
	  "needs a new mount namespace" },
	{ "runbox.ephemeral below a mount on /",
	  { .namespaces = "{'type':'mount'}",
	    .top = ",'runbox':{'ephemeral':true},'mounts':[{'destination':'/../"
		   "','type':'tmpfs','source':'t'}]" },
	  "mounts[0].destination",
	  "would cover the overlay" },

	{ "hostname without uts",
	  { .namespaces = "{'type':'mount'}", .top = ",'hostname':'a'" },
	  "hostname",
	  "uts namespace" },
	{ "domainname without uts",
	  { .namespaces = "{'type':'mount'}", .top = ",'domainname':'a'" },
	  "domainname",
	  "uts namespace" },
	{ "id maps without user namespace",
	  { .linux_ = MAPS },
	  "linux.uidMappings",
	  "user namespace" },
	{ "user namespace without id maps",
	  { .namespaces = USER_NS },
	  "linux.uidMappings",
	  "needs uidMappings" },
	{ "user namespace without gid maps",
	  { .namespaces = USER_NS,
	    .linux_ = ",'uidMappings':[{'containerID':0,'hostID':1,'size':1}]" },
	  "linux.gidMappings",
	  "needs uidMappings" },
	{ "id maps that overlap inside",
	  { .namespaces = USER_NS,
	    .linux_ = ",'uidMappings':[{'containerID':0,'hostID':1,'size':5},{'containerID':4,'"
		      "hostID':10,'size':1}]"
		      ",'gidMappings':[{'containerID':0,'hostID':1,'size':5}]" },
	  "linux.uidMappings",
	  "overlap" },
	{ "id maps that overlap outside",
	  { .namespaces = USER_NS,
	    .linux_ = ",'gidMappings':[{'containerID':0,'hostID':1,'size':5},{'containerID':9,'"
		      "hostID':5,'size':1}]"
		      ",'uidMappings':[{'containerID':0,'hostID':1,'size':5}]" },
	  "linux.gidMappings",
	  "overlap" },
	{ "root not mapped",
	  { .namespaces = USER_NS,
	    .linux_ = ",'uidMappings':[{'containerID':1,'hostID':1,'size':5}]"
		      ",'gidMappings':[{'containerID':0,'hostID':1,'size':5}]" },
	  "linux.uidMappings",
	  "not mapped" },
	{ "group not mapped",
	  { .namespaces = USER_NS,
	    .linux_ = MAPS,
	    .process = ",'user':{'uid':9,'gid':10}",
	    .base = "{'ociVersion':'1.3.0','root':{'path':'r'},'process':{'cwd':'/"
		    "','args':['a'],'user':{'uid':9,"
		    "'gid':10}},'linux':{'namespaces':[" USER_NS "]" MAPS "}}" },
	  "process.user.gid",
	  "not mapped" },
	{ "time offsets without time namespace",
	  { .linux_ = ",'timeOffsets':{'boottime':{'secs':1}}" },
	  "linux.timeOffsets",
	  "new time namespace" },
	{ "time offsets of a joined time namespace",
	  { .namespaces = "{'type':'mount'},{'type':'time','path':'/proc/1/ns/time'}",
	    .linux_ = ",'timeOffsets':{'boottime':{'secs':1}}" },
	  "linux.timeOffsets",
	  "new time namespace" },

	{ "mounts without mount namespace",
	  { .namespaces = "{'type':'pid'}", .top = ",'mounts':[" DEV "]" },
	  "mounts",
	  "new mount namespace" },
	{ "masks in a joined mount namespace",
	  { .namespaces = "{'type':'mount','path':'/proc/1/ns/mnt'}",
	    .linux_ = ",'maskedPaths':['/proc/keys']" },
	  "linux.maskedPaths",
	  "new mount namespace" },
	{ "propagation without mount namespace",
	  { .namespaces = "{'type':'pid'}", .linux_ = ",'rootfsPropagation':'shared'" },
	  "linux.rootfsPropagation",
	  "new mount namespace" },
	{ "devices without mount namespace",
	  { .namespaces = "{'type':'pid'}", .linux_ = ",'devices':[{'path':'/dev/a','type':'p'}]" },
	  "linux.devices",
	  "new mount namespace" },
	{ "terminal without mount namespace",
	  { .namespaces = "{'type':'pid'}", .process = ",'terminal':true" },
	  "process.terminal",
	  "new mount namespace" },
	{ "a bind without source",
	  { .top = ",'mounts':[{'destination':'/a','options':['bind']}]" },
	  "mounts[0].source",
	  "source" },
	{ "no type",
	  { .top = ",'mounts':[" DEV ",{'destination':'/a','source':'b'}]" },
	  "mounts[1]",
	  "type is missing" },
	{ "tmpfs on /proc",
	  { .top = ",'mounts':[{'destination':'/proc','type':'tmpfs'}]" },
	  "mounts[0].destination",
	  "only procfs" },
	{ "a directory on /proc",
	  { .top = ",'mounts':[{'destination':'//proc/.','source':'/tmp','options':['bind']}]" },
	  "mounts[0].destination",
	  "only procfs" },
	{ "a bind inside /proc",
	  { .top = ",'mounts':[{'destination':'/proc/self/attr','source':'/"
		   "tmp','options':['bind']}]" },
	  "mounts[0].destination",
	  "inside /proc" },
	{ "a bind inside /proc, in disguise",
	  { .top = ",'mounts':[{'destination':'/sys/../proc/./sys','source':'/"
		   "tmp','options':['bind']}]" },
	  "mounts[0].destination",
	  "inside /proc" },
	{ "tmpfs on a file of /proc that may be replaced",
	  { .top = ",'mounts':[{'destination':'/proc/uptime','type':'tmpfs'}]" },
	  "mounts[0].destination",
	  "inside /proc" },
	{ "idmap without maps",
	  { .top = ",'mounts':[{'destination':'/a','source':'/b','options':['bind','idmap']}]" },
	  "mounts[0].uidMappings",
	  "both" },
	{ "relative id maps that nothing covers",
	  { .namespaces = USER_NS,
	    .linux_ = MAPS,
	    .top = ",'mounts':[{'destination':'/a','source':'/b','options':['bind',"
		   "'idmap=uids=@0-8-3;gids=@0-0-1']}]" },
	  "mounts[0].uidMappings",
	  "not covered" },
	{ "a relative masked path",
	  { .linux_ = ",'maskedPaths':['proc/keys']" },
	  "linux.maskedPaths[0]",
	  "absolute" },
	{ "the root masked",
	  { .linux_ = ",'maskedPaths':['/a/..']" },
	  "linux.maskedPaths[0]",
	  "root" },

	{ "sysctl of the host",
	  { .linux_ = ",'sysctl':{'vm.swappiness':'1'}" },
	  "linux.sysctl[\"vm.swappiness\"]",
	  "no namespace" },
	{ "sysctl whose namespace is not there",
	  { .namespaces = "{'type':'mount'}", .linux_ = ",'sysctl':{'net.ipv4.ip_forward':'1'}" },
	  "linux.sysctl[\"net.ipv4.ip_forward\"]",
	  "network namespace" },
	{ "sysctl that climbs",
	  { .linux_ = ",'sysctl':{'net/../kernel/core_pattern':'1'}" },
	  "linux.sysctl[\"net/../kernel/core_pattern\"]",
	  "name" },
	{ "sysctl that climbs, with dots",
	  { .linux_ = ",'sysctl':{'net.//.kernel':'1'}" },
	  "linux.sysctl[\"net.//.kernel\"]",
	  "name" },
	{ "sysctl twice",
	  { .linux_ = ",'sysctl':{'kernel.sem':'1','kernel/sem':'2'}" },
	  "linux.sysctl[\"kernel/sem\"]",
	  "the same" },
	{ "kernel.hostname against hostname",
	  { .linux_ = ",'sysctl':{'kernel.hostname':'a'}", .top = ",'hostname':'b'" },
	  "linux.sysctl[\"kernel.hostname\"]",
	  "contradicts" },
	{ "a name that only begins like one",
	  { .linux_ = ",'sysctl':{'network.a':'1'}" },
	  "linux.sysctl[\"network.a\"]",
	  "no namespace" },

	{ "cgroupsPath of systemd",
	  { .linux_ = ",'cgroupsPath':'system.slice:docker:web'" },
	  "linux.cgroupsPath",
	  "systemd" },
	{ "cgroupsPath that is the root",
	  { .linux_ = ",'cgroupsPath':'/.//'" },
	  "linux.cgroupsPath",
	  "root" },
	{ "burst above quota",
	  { .linux_ = ",'resources':{'cpu':{'quota':1000,'period':1000,'burst':1001}}" },
	  "linux.resources.cpu.burst",
	  "larger" },
	{ "unified key that is a path",
	  { .linux_ = ",'resources':{'unified':{'../a':'1'}}" },
	  NULL,
	  "" },
	{ "unified without its controller",
	  { .linux_ = ",'resources':{'unified':{'net_cls.classid':'1'}}" },
	  "linux.resources.unified[\"net_cls.classid\"]",
	  "net_cls" },
	{ "a limit without its controller",
	  { .linux_ = ",'resources':{'network':{'classID':5}}" },
	  "linux.resources.network.classID",
	  "needs the net_cls controller" },

	{ "priority of a fair policy",
	  { .process = ",'scheduler':{'policy':'SCHED_OTHER','priority':1}" },
	  "process.scheduler.priority",
	  "SCHED_FIFO" },
	{ "no priority of a real-time policy",
	  { .process = ",'scheduler':{'policy':'SCHED_FIFO'}" },
	  "process.scheduler.priority",
	  "between 1 and 99" },
	{ "nice out of range",
	  { .process = ",'scheduler':{'policy':'SCHED_OTHER','nice':20}" },
	  "process.scheduler.nice",
	  "-20" },
	{ "runtime of a fair policy",
	  { .process = ",'scheduler':{'policy':'SCHED_BATCH','runtime':1}" },
	  "process.scheduler",
	  "SCHED_DEADLINE" },
	{ "a deadline before the runtime",
	  { .process = ",'scheduler':{'policy':'SCHED_DEADLINE','runtime':5000,'deadline':4000}" },
	  "process.scheduler",
	  "deadline" },
	{ "SCHED_ISO",
	  { .process = ",'scheduler':{'policy':'SCHED_ISO'}" },
	  "process.scheduler.policy",
	  "SCHED_ISO" },
	{ "listenerMetadata alone",
	  { .linux_ = ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'a'}" },
	  NULL,
	  "" },
	{ "SCMP_ACT_NOTIFY without listener",
	  { .linux_ = ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['mkdir'],"
		      "'action':'SCMP_ACT_NOTIFY'}]}" },
	  "linux.seccomp.listenerPath",
	  "listenerPath" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *t = &refusals[i];
		struct made m;
		bool good;

		prepare(&m, RB_LAYOUT_V2);
		good = !compile(&m, &t->config) && m.err.kind == RB_ERR_CONFIG &&
		       strstr(m.err.msg, t->words) && (!t->at || strcmp(m.err.at, t->at) == 0);
		ok(good, "refused: %s", t->name);
		if (!good)
			printf("#   got: \"%s\" at \"%s\", want \"%s\" at \"%s\"\n", m.err.msg,
			       m.err.at, t->words, or_empty(t->at));
		done(&m);
	}
}

/* Refusals that the host or the command line is to blame for. */
static void refuse(struct made *m, const struct config *c, const char *at, const char *words)
{
	ok(!compile(m, c) && strcmp(m->err.at, at) == 0 && strstr(m->err.msg, words), "refused: %s",
	   words);
	if (!strstr(m->err.msg, words))
		printf("#   got: \"%s\" at \"%s\"\n", m->err.msg, m->err.at);
	done(m);
}

static void test_host_refusals(void)
{
	static const struct config plain,
		label = { .process = ",'apparmorProfile':'a'" },
		selinux = { .process = ",'selinuxLabel':'a'" },
		mount_label = { .linux_ = ",'mountLabel':'a'" },
		unconfined = { .process = ",'apparmorProfile':'unconfined','selinuxLabel':''" },
		terminal = { .process = ",'terminal':true" },
		time = { .namespaces = ALL_NS ",{'type':'time'}" },
		memory = { .linux_ = ",'resources':{'memory':{'limit':1000000}}" };
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	m.host.selinux = m.host.apparmor = false;
	refuse(&m, &label, "process.apparmorProfile", "AppArmor is not enabled");
	prepare(&m, RB_LAYOUT_V2);
	m.host.selinux = m.host.apparmor = false;
	refuse(&m, &selinux, "process.selinuxLabel", "SELinux is not enabled");
	prepare(&m, RB_LAYOUT_V2);
	m.host.selinux = m.host.apparmor = false;
	refuse(&m, &mount_label, "linux.mountLabel", "SELinux is not enabled");
	prepare(&m, RB_LAYOUT_V2);
	m.host.selinux = m.host.apparmor = false;
	ok(compile(&m, &unconfined) && !row(&m, RB_STEP_LABEL), "no label asked for: none needed");
	done(&m);

	prepare(&m, RB_LAYOUT_V2);
	m.opts.detached = true;
	refuse(&m, &terminal, "process.terminal", "console socket");
	prepare(&m, RB_LAYOUT_V2);
	m.opts.has_console_socket = true;
	refuse(&m, &plain, "", "without a terminal");
	prepare(&m, RB_LAYOUT_V2);
	m.host.namespaces &= ~(unsigned long)CLONE_NEWTIME;
	refuse(&m, &time, "linux.namespaces[5].type", "no time namespaces");
	prepare(&m, RB_LAYOUT_V2);
	m.host.euid = 1000;
	refuse(&m, &plain, "linux.namespaces", "user namespace");
	prepare(&m, RB_LAYOUT_NONE);
	refuse(&m, &memory, "linux.resources.memory.limit", "memory controller");
	prepare(&m, RB_LAYOUT_V2);
	m.opts.cgroups_disabled = true;
	refuse(&m, &memory, "linux.resources", "disabled");
}

/* --- who keeps the time --- */

static void test_time_limit(void)
{
	static const struct {
		const char *name;
		struct config config;
		bool detached;
		unsigned side; /* 0: refused */
	} cases[] = {
		{ "foreground", { .top = ",'runbox':{'timeoutMs':5}" }, false, RB_SIDE_HOST },
		{ "background", { .top = ",'runbox':{'timeoutMs':5}" }, true, 0 },
		{ "with an init, foreground",
		  { .top = ",'runbox':{'timeoutMs':5,'init':true}" },
		  false,
		  RB_SIDE_CHILD },
		{ "with an init, background",
		  { .top = ",'runbox':{'timeoutMs':5,'init':true}" },
		  true,
		  RB_SIDE_CHILD },
		{ "with an init that is not pid 1, foreground",
		  { .top = ",'runbox':{'timeoutMs':5,'init':true}",
		    .namespaces = "{'type':'mount'}" },
		  false,
		  RB_SIDE_HOST },
		{ "with an init that is not pid 1, background",
		  { .top = ",'runbox':{'timeoutMs':5,'init':true}",
		    .namespaces = "{'type':'mount'}" },
		  true,
		  0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rb_step *step;
		struct made m;
		bool made;

		prepare(&m, RB_LAYOUT_V2);
		m.opts.detached = cases[i].detached;
		made = compile(&m, &cases[i].config);
		step = made ? row(&m, RB_STEP_TIME_LIMIT) : NULL;
		if (cases[i].side)
			ok(step && step->side == cases[i].side && step->u.number.value == 5,
			   "time limit: %s", cases[i].name);
		else
			ok(!made && strcmp(m.err.at, "runbox.timeoutMs") == 0,
			   "time limit: %s, refused", cases[i].name);
		done(&m);
	}
}

/* --- order --- */

static const struct config everything = {
	.namespaces = USER_NS ",{'type':'cgroup'},{'type':'time'}",
	.process = ",'terminal':true,'noNewPrivileges':true,'oomScoreAdj':5,'rlimits':[{'type':'"
		   "RLIMIT_CORE',"
		   "'soft':1,'hard':1}],'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':3},"
		   "'scheduler':{'policy':'SCHED_OTHER','nice':1},'apparmorProfile':'a',"
		   "'capabilities':{'bounding':['CAP_KILL']}",
	.linux_ = MAPS
	",'maskedPaths':['/proc/keys','/proc//keys'],'readonlyPaths':['/proc/sys'],"
	"'sysctl':{'net.ipv4.ip_forward':'1'},'personality':{'domain':'LINUX'},"
	"'memoryPolicy':{'mode':'MPOL_DEFAULT'},'timeOffsets':{'monotonic':{'secs':1}},"
	"'resources':{'pids':{'limit':5}},"
	"'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'},'devices':[{'path':'/dev/a','type':'p'}]",
	.top = ",'hostname':'h','domainname':'d','mounts':[{'destination':'/"
	       "proc','type':'proc','source':'proc'}," DEV
	       ",{'destination':'/v','source':'/vol','options':['rbind']}],"
	       "'hooks':{'prestart':[{'path':'/1'}],'createRuntime':[{'path':'/2'},{'path':'/3'}],"
	       "'createContainer':[{'path':'/4'}],'startContainer':[{'path':'/5'}],"
	       "'poststart':[{'path':'/6'}],'poststop':[{'path':'/7'}]},"
	       "'runbox':{'ephemeral':true,'timeoutMs':7,'init':true}",
};

static const struct {
	enum rb_step_kind kind;
	const char *words;
} order[] = {
	{ RB_STEP_RECORD, "" },
	{ RB_STEP_CGROUP, "/runbox-web" },
	{ RB_STEP_LIMITS, "pids.limit=5" },
	{ RB_STEP_OPEN_ROOT, "rootfs" },
	{ RB_STEP_OPEN_SOURCE, "/vol" },
	{ RB_STEP_CLONE, "" },
	{ RB_STEP_IDMAP, "0:1000:10" },
	{ RB_STEP_OOM_SCORE, "5" },
	{ RB_STEP_BARRIER, "mapped" },
	{ RB_STEP_DEVICE_RULES, "deny all" },
	{ RB_STEP_FILTER, "" },
	{ RB_STEP_KEEP, "" },
	{ RB_STEP_BECOME_ROOT, "" },
	{ RB_STEP_TIME_OFFSETS, "monotonic 1 s" },
	{ RB_STEP_PROPAGATION, "rslave" },
	{ RB_STEP_OVERLAY, "over rootfs, with user.* attributes" },
	{ RB_STEP_ROOTFS, "rootfs" },
	{ RB_STEP_MOUNT, "proc on /proc" },
	{ RB_STEP_MOUNT, "tmpfs on /dev" },
	{ RB_STEP_MOUNT, "/vol on /v" },
	{ RB_STEP_LOOPBACK, "" },
	{ RB_STEP_DEVICE, "/dev/null" },
	{ RB_STEP_DEVICE, "/dev/a p" },
	{ RB_STEP_SYMLINK, "/dev/fd -> /proc/self/fd" },
	{ RB_STEP_CONSOLE, "" },
	{ RB_STEP_READONLY, "/proc/sys" },
	{ RB_STEP_MASK, "/proc/keys" },
	{ RB_STEP_CGROUP_NS, "" },
	{ RB_STEP_BARRIER, "mounted" },
	{ RB_STEP_HOOK, "/1" },
	{ RB_STEP_HOOK, "/2" },
	{ RB_STEP_HOOK, "/3" },
	{ RB_STEP_BARRIER, "hooked" },
	{ RB_STEP_HOOK, "/4" },
	{ RB_STEP_PIVOT, "" },
	{ RB_STEP_SYSCTL, "net.ipv4.ip_forward = 1" },
	{ RB_STEP_HOSTNAME, "h" },
	{ RB_STEP_DOMAINNAME, "d" },
	{ RB_STEP_INIT, "as pid 1" },
	{ RB_STEP_KEYRING, "_ses.web" },
	{ RB_STEP_AFFINITY, "" },
	{ RB_STEP_SCHEDULER, "nice 1" },
	{ RB_STEP_IO_PRIORITY, "3" },
	{ RB_STEP_MEM_POLICY, "MPOL_DEFAULT" },
	{ RB_STEP_RLIMITS, "RLIMIT_CORE 1:1" },
	{ RB_STEP_PERSONALITY, "LINUX" },
	{ RB_STEP_LABEL, "apparmor a" },
	{ RB_STEP_USER, "uid 0" },
	{ RB_STEP_CAPS, "KILL" },
	{ RB_STEP_NO_NEW_PRIVS, "" },
	{ RB_STEP_CWD, "/" },
	{ RB_STEP_FIND, "sh" },
	{ RB_STEP_TIME_LIMIT, "7 ms" },
	{ RB_STEP_BARRIER, "ready" },
	{ RB_STEP_PID_FILE, "/pid" },
	{ RB_STEP_CREATED, "" },
	{ RB_STEP_BARRIER, "recorded" },
	{ RB_STEP_GATE, "" },
	{ RB_STEP_HOOK, "/5" },
	{ RB_STEP_SECCOMP, "" },
	{ RB_STEP_EXEC, "\"sh\"" },
};

static void test_order(void)
{
	struct made m;
	size_t at = 0;

	prepare(&m, RB_LAYOUT_V2);
	m.opts.pid_file = "/pid";
	if (!ok(compile(&m, &everything), "everything compiles"))
		printf("#   %s at %s\n", m.err.msg, m.err.at);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		size_t found = find_from(&m, at, order[i].kind, order[i].words);

		ok(found > at, "order: %s %s", rb_step_name(order[i].kind), order[i].words);
		at = found ? found : at;
	}
	ok(at == m.plan.len, "order: exec is the last row");
	is_num((int64_t)count(&m, RB_STEP_MASK), 1, "a path masked twice is masked once");
	is_num((int64_t)count(&m, RB_STEP_HOOK), 5, "poststart and poststop are no rows of create");
	done(&m);
}

/* --- properties of any plan --- */

static void check_rows(const struct made *m, const char *name)
{
	bool named = true, sided = true, begun = false, sane = true;

	for (size_t i = 0; i < m->plan.len; i++) {
		const struct rb_step *s = &m->plan.steps[i];
		rb_autobuf line = { 0 };

		rb_step_describe(s, &line);
		named &= rb_step_name(s->kind) && line.data && !strchr(line.data, '\n');
		sided &= s->side >= RB_SIDE_HOST && s->side <= RB_SIDE_BOTH;
		begun |= s->kind == RB_STEP_CLONE;
		/* no child before it is cloned, and it waits first */
		sane &= begun || !(s->side & RB_SIDE_CHILD);
		if (s->kind == RB_STEP_BARRIER)
			sane &= s->side == RB_SIDE_BOTH && (s->u.barrier.from == RB_SIDE_HOST ||
							    s->u.barrier.from == RB_SIDE_CHILD);
	}
	ok(named, "%s: every row has words of one line", name);
	ok(sided && sane, "%s: sides and barriers", name);
}

/* The sides run in parallel once the child is there; rows of the host that show the container to others
 * (hooks, pid file, state) come only while the child is known to wait: between a barrier of the child's and
 * the next of the host's. The host has the last word: the child goes to the gate when it is recorded. */
static void check_barriers(const struct made *m, const char *name)
{
	bool waiting = false, good = true, last_is_host = false;

	for (size_t i = 0; i < m->plan.len; i++) {
		const struct rb_step *s = &m->plan.steps[i];

		if (s->kind == RB_STEP_BARRIER) {
			/* two signals of the child in a row: the host would not see between them */
			good &= s->u.barrier.from == RB_SIDE_HOST || !waiting;
			last_is_host = s->u.barrier.from == RB_SIDE_HOST;
			waiting = !last_is_host;
		} else if (s->side == RB_SIDE_HOST) {
			good &= waiting ||
				(s->kind != RB_STEP_HOOK && s->kind != RB_STEP_PID_FILE &&
				 s->kind != RB_STEP_CREATED);
		} else {
			good &= !waiting;
		}
	}
	ok(good && last_is_host, "%s: what others see comes while the child waits", name);
}

static void check_json(const struct rb_buf *text, const struct made *m, const char *name)
{
	rb_autoarena arena = { 0 };
	struct rb_json *doc = NULL;
	struct rb_err err = { 0 };
	const struct rb_json *steps;

	if (!ok(rb_json_parse(&arena, &arena, "plan", text->data, text->len, &doc, &err) == 0,
		"%s: JSON", name)) {
		printf("#   %s\n", err.msg);
		return;
	}
	steps = rb_json_get(doc, "steps");
	ok(steps && steps->n == m->plan.len, "%s: JSON has every step", name);
}

/* Braces balance outside of strings, and strings end. */
static void check_dot(const struct rb_buf *text, const char *name)
{
	bool quoted = false, good = true;
	int depth = 0;

	for (const char *p = text->data; *p; p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '{')
			depth++;
		else if (!quoted && *p == '}')
			good &= --depth >= 0;
	}
	ok(good && !quoted && depth == 0 && strncmp(text->data, "digraph", 7) == 0, "%s: dot",
	   name);
}

static void check_prints(const struct config *c, enum rb_cgroup_layout layout, const char *name)
{
	struct rb_buf first[3] = { { 0 } };
	struct made m;

	for (int again = 0; again < 2; again++) {
		prepare(&m, layout);
		if (!ok(compile(&m, c), "%s: compiles", name))
			printf("#   %s at %s\n", m.err.msg, m.err.at);
		for (int f = RB_PLAN_TEXT; f <= RB_PLAN_DOT; f++) {
			rb_autobuf out = { 0 };

			rb_plan_print(&m.plan, (enum rb_plan_format)f, NULL,
				      again ? &out : &first[f]);
			if (again)
				is_str(out.data, first[f].data,
				       "the same input gives the same bytes");
		}
		if (!again) {
			check_rows(&m, name);
			check_barriers(&m, name);
			check_json(&first[RB_PLAN_JSON], &m, name);
			check_dot(&first[RB_PLAN_DOT], name);
		}
		done(&m);
	}
	for (int f = RB_PLAN_TEXT; f <= RB_PLAN_DOT; f++)
		rb_buf_done(&first[f]);
}

static void test_prints(void)
{
	static const struct config plain;
	static const struct config hostile = {
		.top = ",'hostname':'\\u001b[31m','mounts':[{'destination':'/"
		       "a\\n\\\"b','type':'tmpfs',"
		       "'source':'\\u009b\\\\x'}]",
		.base = NULL,
	};
	struct made m;
	rb_autobuf out = { 0 };

	check_prints(&plain, RB_LAYOUT_V1, "plain on v1");
	check_prints(&plain, RB_LAYOUT_NONE, "plain without cgroups");
	check_prints(&everything, RB_LAYOUT_V2, "everything on v2");
	check_prints(&everything, RB_LAYOUT_HYBRID, "everything on hybrid");
	check_prints(&hostile, RB_LAYOUT_V2, "hostile text");

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &hostile), "hostile text compiles");
	rb_plan_print(&m.plan, RB_PLAN_TEXT, NULL, &out);
	ok(out.data && !strchr(out.data, 033) && strstr(out.data, "\\x1b[31m"),
	   "control characters are escaped");
	done(&m);
	rb_buf_done(&out);
}

static void test_times(void)
{
	static const struct config plain;
	struct rb_step_time times[64] = { { 1000, 6000 }, { 0, 0 } };
	rb_autobuf out = { 0 }, json = { 0 };
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &plain) && m.plan.len < 64, "times: compiles");
	rb_plan_print(&m.plan, RB_PLAN_TEXT, times, &out);
	ok(strstr(out.data, "01         5 us  host"), "times: microseconds in a column");
	rb_plan_print(&m.plan, RB_PLAN_JSON, times, &json);
	ok(strstr(json.data, "\"startNs\":1000,\"endNs\":6000"), "times: nanoseconds in JSON");
	check_json(&json, &m, "times");
	done(&m);
}

/* --- rows in detail --- */

static void test_cgroups(void)
{
	static const struct {
		const char *path, *want;
	} paths[] = {
		{ NULL, "/runbox-web" }, { "", "/runbox-web" },	 { "/a/b", "/a/b" },
		{ "a/b", "/a/b" },	 { "//a/./b/", "/a/b" }, { "/a..b/...", "/a..b/..." },
		{ "/a:b:c", "/a:b:c" },	 { "..", NULL },	 { "/a/../b", NULL },
		{ "/a/..", NULL },	 { "/", NULL },		 { "./", NULL },
		{ "s:p:n", NULL },	 { "/a\nb", NULL },
	};
	struct rb_host host;

	rb_host_assume(RB_LAYOUT_HYBRID, &host);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		rb_autoarena arena = { 0 };
		struct rb_cgroup_dir *dirs = NULL;
		struct rb_err err = { 0 };
		size_t n = 0;
		int r = rb_cgroup_dirs(&arena, &host, paths[i].path, "web", &dirs, &n, &err);

		if (!paths[i].want)
			ok(r < 0 && strcmp(err.at, "linux.cgroupsPath") == 0,
			   "cgroupsPath %zu is refused", i);
		else if (ok(r == 0 && n == host.n_hierarchies,
			    "cgroupsPath %zu: one directory a hierarchy", i))
			is_str(dirs[n - 1].path, paths[i].want, "cgroupsPath");
	}
}

static void test_cgroup_rows(void)
{
	static const struct config plain,
		zeros = { .linux_ = ",'resources':{'memory':{'limit':-1,'swap':-1,'"
				    "disableOOMKiller':false},"
				    "'cpu':{'shares':0},'blockIO':{'weight':0},'pids':{'limit':-1}"
				    "}" },
		user = { .namespaces = USER_NS, .linux_ = MAPS },
		user_path = { .namespaces = USER_NS, .linux_ = MAPS ",'cgroupsPath':'/a'" };
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &plain) && !row(&m, RB_STEP_ATTACH) && row(&m, RB_STEP_CLONE)->u.clone.into,
	   "v2: the child is born in its cgroup");
	done(&m);
	prepare(&m, RB_LAYOUT_HYBRID);
	ok(compile(&m, &plain) && row(&m, RB_STEP_CLONE)->u.clone.into &&
		   row(&m, RB_STEP_ATTACH)->u.cgroup.n == m.host.n_hierarchies - 1 &&
		   row(&m, RB_STEP_ATTACH)->side == RB_SIDE_CHILD,
	   "hybrid: it is born in that of v2, and moves itself into the others");
	done(&m);
	prepare(&m, RB_LAYOUT_V1);
	ok(compile(&m, &user) && row(&m, RB_STEP_ATTACH)->side == RB_SIDE_HOST,
	   "user namespace: the host side moves it");
	done(&m);
	prepare(&m, RB_LAYOUT_NONE);
	ok(compile(&m, &zeros) && !row(&m, RB_STEP_LIMITS) && !row(&m, RB_STEP_CGROUP) &&
		   m.plan.warnings.n == 1,
	   "zeros and -1 ask for nothing; without cgroups there is a warning");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.opts.cgroups_disabled = true;
	ok(compile(&m, &plain) && !row(&m, RB_STEP_CGROUP) && !row(&m, RB_STEP_DEVICE_RULES) &&
		   !m.plan.cgroup_path && !m.plan.warnings.n,
	   "cgroups disabled: no rows");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.euid = 1000;
	m.host.caps = 0;
	ok(compile(&m, &user) && !row(&m, RB_STEP_CGROUP) && m.plan.warnings.n == 0,
	   "rootless: no cgroup, and no warning of what nobody asked for");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.euid = 1000;
	m.host.caps = 0;
	ok(compile(&m, &user_path) && row(&m, RB_STEP_CGROUP) && !row(&m, RB_STEP_DEVICE_RULES),
	   "rootless with cgroupsPath: a cgroup, no device rules");
	done(&m);
}

static void test_id_maps(void)
{
	static const struct config many = { .namespaces = USER_NS, .linux_ = MAPS };
	static const struct config own = {
		.namespaces = USER_NS,
		.linux_ = ",'uidMappings':[{'containerID':0,'hostID':1000,'size':1}]"
			  ",'gidMappings':[{'containerID':0,'hostID':1000,'size':1}]"
	};
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &many) && !row(&m, RB_STEP_IDMAP)->u.idmap.helpers &&
		   !row(&m, RB_STEP_IDMAP)->u.idmap.deny_setgroups,
	   "id maps: written directly by root");
	ok(row(&m, RB_STEP_DEVICE)->u.device.bind, "devices in a user namespace are the host's");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.euid = m.host.egid = 1000;
	m.host.caps = 0;
	ok(compile(&m, &many) && row(&m, RB_STEP_IDMAP)->u.idmap.helpers,
	   "id maps: by helpers for a user");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.euid = m.host.egid = 1000;
	m.host.caps = 0;
	ok(compile(&m, &own) && !row(&m, RB_STEP_IDMAP)->u.idmap.helpers &&
		   row(&m, RB_STEP_IDMAP)->u.idmap.deny_setgroups,
	   "id maps: one's own id alone needs no helper");
	done(&m);
}

static void test_namespaces(void)
{
	static const struct config joined = {
		.namespaces =
			"{'type':'pid','path':'/p'},{'type':'mount'},{'type':'user','path':'/u'},"
			"{'type':'cgroup'},{'type':'time'},{'type':'network','path':'/n'}"
	};
	static const struct config foreign = { .namespaces = "{'type':'mount','path':'/m'}" };
	static const struct config none = { .namespaces = "" };
	const struct rb_step *clone;
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &joined), "joined namespaces compile");
	clone = row(&m, RB_STEP_CLONE);
	is_num((int64_t)clone->u.clone.n_joins, 3, "three joins");
	is_str(clone->u.clone.joins[0].path, "/u", "the user namespace is joined first");
	is_str(clone->u.clone.joins[2].path, "/p", "the pid namespace last");
	is_str(clone->u.clone.joins[0].at, "linux.namespaces[2].path",
	       "with its place in the config");
	is_num((int64_t)clone->u.clone.flags, CLONE_NEWNS,
	       "cgroup and time are not made by clone3");
	is_num((int64_t)clone->u.clone.later, CLONE_NEWCGROUP | CLONE_NEWTIME,
	       "but by rows of their own");
	ok(row(&m, RB_STEP_BECOME_ROOT) && !row(&m, RB_STEP_IDMAP) && !row(&m, RB_STEP_LOOPBACK),
	   "a joined user namespace has its maps, a joined network its devices");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &foreign) && !row(&m, RB_STEP_PROPAGATION) && !row(&m, RB_STEP_ROOTFS) &&
		   !row(&m, RB_STEP_DEVICE) && row(&m, RB_STEP_CHROOT),
	   "a joined mount namespace is left as it is");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &none) && !row(&m, RB_STEP_MOUNT) && !row(&m, RB_STEP_SYMLINK) &&
		   strcmp(row(&m, RB_STEP_CHROOT)->u.rootfs.path, "/srv/web/rootfs") == 0,
	   "no namespaces: chroot, and nothing is made in the root");
	done(&m);
}

static const struct rb_step *mount_row(const struct made *m, enum rb_step_kind kind,
				       const char *words)
{
	size_t n = find(m, kind, words);

	return n ? &m->plan.steps[n - 1] : NULL;
}

static void test_mounts(void)
{
	static const struct config c = {
		.linux_ = ",'rootfsPropagation':'shared'",
		.top = ",'mounts':["
		       "{'destination':'/1','source':'data/x','options':['bind']},"
		       "{'destination':'/2','source':'/v','options':['rbind','rshared']},"
		       "{'destination':'/3','source':'rootfs/etc','options':['rbind','shared']},"
		       "{'destination':'/4','type':'tmpfs','options':['ro','size=1m']},"
		       "{'destination':'/5','type':'bind','source':'/w'},"
		       "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup'},"
		       "{'destination':'/6','source':'/i','options':['bind'],"
		       "'uidMappings':[{'containerID':0,'hostID':5,'size':1}],'gidMappings':[{'"
		       "containerID':0,'hostID':6,'size':1}]}"
		       "]"
	};
	const struct rb_step *s;
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	m.opts.notify_dir = "/run/runbox-web/notify";
	if (!ok(compile(&m, &c), "mounts compile"))
		printf("#   %s at %s\n", m.err.msg, m.err.at);
	is_str(mount_row(&m, RB_STEP_MOUNT, " on /1")->u.mount.source, "/srv/web/data/x",
	       "a relative source is below the bundle");
	ok(mount_row(&m, RB_STEP_MOUNT, " on /2")->u.mount.opened &&
		   mount_row(&m, RB_STEP_OPEN_SOURCE, "/v"),
	   "a source that stays shared with the host is opened before");
	ok(!mount_row(&m, RB_STEP_MOUNT, " on /3")->u.mount.opened,
	   "a source in the own root is not");
	ok(mount_row(&m, RB_STEP_MOUNT, " on /6")->u.mount.opened, "an id-mapped source is");
	s = mount_row(&m, RB_STEP_MOUNT, " on /4");
	ok(s && !(s->u.mount.m->opts.attr_set & MOUNT_ATTR_RDONLY) &&
		   !(s->u.mount.m->opts.sb_set & MS_RDONLY),
	   "a read-only tmpfs is made writable");
	s = mount_row(&m, RB_STEP_MOUNT, "/4 (remount,ro)");
	ok(s && (s->u.mount.m->opts.attr_set & MOUNT_ATTR_RDONLY) && s->u.mount.m->opts.remount &&
		   find(&m, RB_STEP_MOUNT, "/4 (remount") > find(&m, RB_STEP_SYMLINK, ""),
	   "and sealed once all is in it");
	ok(mount_row(&m, RB_STEP_MOUNT, " on /5")->u.mount.m->opts.bind,
	   "type bind is a bind mount");
	s = mount_row(&m, RB_STEP_MOUNT, " on /sys/fs/cgroup");
	ok(s->u.mount.n_cgroups == 1 && !s->u.mount.cgroup_ns,
	   "a cgroup mount knows the container's cgroups");
	ok(mount_row(&m, RB_STEP_MOUNT, "/run/runbox-web/notify on /run/notify"),
	   "the notify directory is bound");
	is_num(row(&m, RB_STEP_PROPAGATION)->u.number.value, MS_SLAVE | MS_REC,
	       "nothing goes out to the host");
	ok(row(&m, RB_STEP_ROOTFS)->u.rootfs.propagation & MS_SHARED,
	   "the root is shared as asked");
	done(&m);
}

static void test_id_mapped(void)
{
	static const struct config c = {
		.namespaces = USER_NS,
		.linux_ = MAPS,
		.top = ",'mounts':["
		       "{'destination':'/1','source':'/a','options':['bind','idmap']},"
		       "{'destination':'/2','source':'/"
		       "b','options':['rbind','ridmap=uids=@0-2-3;gids=@0-1-1']}]"
	};
	const struct rb_step *s;
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &c), "id-mapped mounts compile");
	s = mount_row(&m, RB_STEP_MOUNT, " on /1");
	ok(s->u.mount.n_uids == 1 && s->u.mount.uids[0].host_id == 1000,
	   "idmap alone takes the container's maps");
	s = mount_row(&m, RB_STEP_MOUNT, " on /2");
	ok(s->u.mount.uids[0].host_id == 1002 && s->u.mount.gids[0].host_id == 2001 &&
		   s->u.mount.idmap_recursive,
	   "relative maps are resolved");
	done(&m);
}

static void test_devices(void)
{
	static const struct config own = {
		.linux_ = ",'devices':[{'path':'/dev//"
			  "null','type':'c','major':1,'minor':3,'fileMode':8576},"
			  "{'path':'/dev/ptmx','type':'c','major':5,'minor':2}]"
	};
	static const struct config bound = {
		.linux_ = ",'devices':[{'path':'/dev/"
			  "fuse','type':'c','major':10,'minor':229},{'path':'/x','type':'p'}]",
		.top = ",'mounts':[{'destination':'/dev/','source':'/dev','options':['rbind']}]"
	};
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &own) && count(&m, RB_STEP_DEVICE) == 6 &&
		   find(&m, RB_STEP_DEVICE, "1:3 0600"),
	   "a device of the config takes the place of the default one; /dev/ptmx is the "
	   "container's own");
	ok(!row(&m, RB_STEP_DEVICE)->u.device.bind, "root makes nodes");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.caps &= ~(UINT64_C(1) << CAP_MKNOD);
	ok(compile(&m, &own) && row(&m, RB_STEP_DEVICE)->u.device.bind,
	   "without CAP_MKNOD it binds the host's");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &bound) && count(&m, RB_STEP_DEVICE) == 1 && !row(&m, RB_STEP_SYMLINK) &&
		   m.plan.warnings.n == 1,
	   "nothing is made in a /dev that is bound, with a warning");
	done(&m);
}

static void test_caps(void)
{
	static const struct config c = { .process = ",'capabilities':{'bounding':['CAP_KILL','CAP_"
						    "SYS_RESOURCE'],'permitted':['CAP_KILL'],"
						    "'effective':['CAP_KILL','CAP_CHOWN'],'"
						    "inheritable':['CAP_KILL','CAP_CHOWN'],"
						    "'ambient':['CAP_KILL','CAP_SYS_RESOURCE']}",
					 .linux_ =
						 ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}" };
	static const struct config absent;
	static const struct config user = {
		.namespaces = USER_NS,
		.linux_ = MAPS,
		.process = ",'capabilities':{'bounding':['CAP_SYS_RESOURCE']}"
	};
	const uint64_t kill_bit = UINT64_C(1) << CAP_KILL;
	const struct rb_caps *s;
	struct made m;

	prepare(&m, RB_LAYOUT_V2);
	m.host.bounding &= ~(UINT64_C(1) << CAP_SYS_RESOURCE);
	ok(compile(&m, &c), "capabilities compile");
	s = &row(&m, RB_STEP_CAPS)->u.caps.sets;
	ok(s->bounding == kill_bit && s->permitted == kill_bit && s->effective == kill_bit &&
		   s->inheritable == kill_bit && s->ambient == kill_bit,
	   "what the kernel would refuse is left out");
	ok(m.plan.warnings.n == 4 && strstr(m.plan.warnings.v[0], "CAP_SYS_RESOURCE"),
	   "each with a warning");
	ok(row(&m, RB_STEP_CAPS)->u.caps.keep_admin &&
		   row(&m, RB_STEP_SECCOMP)->u.seccomp.restore_caps &&
		   row(&m, RB_STEP_SECCOMP)->u.seccomp.after.effective == kill_bit,
	   "a filter without no_new_privs keeps CAP_SYS_ADMIN until it is loaded");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	ok(compile(&m, &absent) && !row(&m, RB_STEP_CAPS)->u.caps.sets.bounding &&
		   !row(&m, RB_STEP_CAPS)->u.caps.keep_admin,
	   "absent capabilities are none");
	done(&m);
	prepare(&m, RB_LAYOUT_V2);
	m.host.bounding = 0;
	ok(compile(&m, &user) && row(&m, RB_STEP_CAPS)->u.caps.sets.bounding && !m.plan.warnings.n,
	   "in a user namespace the bounding set is full again");
	done(&m);
}

static void test_sysctl(void)
{
	static const struct {
		const char *key, *file;
	} keys[] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding" },
		{ "net.ipv4.conf.eth0/2.forwarding", "net/ipv4/conf/eth0.2/forwarding" },
		{ "kernel.shm_rmid_forced", "kernel/shm_rmid_forced" },
		{ "fs.mqueue.msg_max", "fs/mqueue/msg_max" },
		{ "kernel.domainname", "kernel/domainname" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		rb_autobuf text = { 0 };
		struct config c = { 0 };
		struct made m;

		rb_buf_printf(&text, ",'sysctl':{'%s':'1'}", keys[i].key);
		c.linux_ = text.data;
		prepare(&m, RB_LAYOUT_V2);
		ok(compile(&m, &c), "sysctl %s", keys[i].key);
		is_str(row(&m, RB_STEP_SYSCTL)->u.kv.file, keys[i].file, "its file");
		done(&m);
	}
}

/* --- what may wait, and what may not --- */

static void pid_file(struct made *m)
{
	m->opts.pid_file = "/pid";
}

static void notify(struct made *m)
{
	m->opts.notify_dir = "/run/x";
}

static void disabled(struct made *m)
{
	m->opts.cgroups_disabled = true;
}

static void user(struct made *m)
{
	m->host.euid = 1000;
}

static void created(struct made *m)
{
	m->opts.runs = false;
}

static void test_straight(void)
{
	static const struct {
		const char *name;
		struct config config;
		void (*change)(struct made *m);
		bool straight;
	} cases[] = {
		{ "a plain run", { 0 }, NULL, true },
		{ "a create", { 0 }, created, false },
		{ "a terminal", { .process = ",'terminal':true" }, NULL, false },
		{ "a hook", { .top = ",'hooks':{'poststop':[{'path':'/1'}]}" }, NULL, false },
		{ "a pid file", { 0 }, pid_file, false },
		{ "a notify socket", { 0 }, notify, false },
		{ "an init", { .top = ",'runbox':{'init':true}" }, NULL, false },
		{ "a network",
		  { .top = ",'runbox':{'network':{'masquerade':false}}" },
		  NULL,
		  false },
		{ "a filter",
		  { .linux_ = ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}" },
		  NULL,
		  true },
		{ "a listener",
		  { .linux_ = ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/l',"
			      "'syscalls':[{'names':['mkdir'],'action':'SCMP_ACT_NOTIFY'}]}" },
		  NULL,
		  false },
		{ "no cgroup", { 0 }, disabled, true },
		{ "no pid namespace", { .namespaces = "{'type':'mount'}" }, NULL, true },
		{ "neither", { .namespaces = "{'type':'mount'}" }, disabled, false },
		{ "a user", { .namespaces = USER_NS, .linux_ = MAPS }, user, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;
		bool made;

		prepare(&m, RB_LAYOUT_V2);
		m.opts.runs = true;
		if (cases[i].change)
			cases[i].change(&m);
		made = compile(&m, &cases[i].config);
		ok(made && m.plan.straight == cases[i].straight, "%s: %s", cases[i].name,
		   cases[i].straight ? "straight on" : "by way of a start");
		ok(count(&m, RB_STEP_GATE) == !m.plan.straight, "%s: one gate or none",
		   cases[i].name);
		/* the host side's last word comes after it has kept all that is needed later */
		ok(find(&m, RB_STEP_KEEP, "") < find(&m, RB_STEP_BARRIER, "attached") &&
			   find(&m, RB_STEP_BARRIER, "attached") < find(&m, RB_STEP_KEYRING, ""),
		   "%s: kept, let go, then final", cases[i].name);
		done(&m);
	}
}

static void crowd(struct made *m)
{
	m->host.threads = 512;
}

static void nearly_crowd(struct made *m)
{
	m->host.threads = 511;
}

static void crowd_no_pivot(struct made *m)
{
	crowd(m);
	m->opts.no_pivot = true;
}

static void crowd_initramfs(struct made *m)
{
	crowd(m);
	m->host.root_is_rootfs = true;
}

static void crowd_weak(struct made *m)
{
	crowd(m);
	m->host.caps &= ~(UINT64_C(1) << CAP_SYS_CHROOT);
}

static void crowd_inside(struct made *m)
{
	crowd(m);
	m->host.in_userns = true;
}

static void crowd_user(struct made *m)
{
	crowd(m);
	user(m);
}

/* How the root is entered; setns(2), mount_namespaces(7) */
static void test_enter(void)
{
#define MOUNT(options) \
	",'mounts':[{'destination':'/m','type':'tmpfs','source':'t','options':[" options "]}]"
	static const struct {
		const char *name;
		struct config config;
		void (*change)(struct made *);
		enum rb_pivot how;
	} cases[] = {
		{ "a quiet host", { 0 }, nearly_crowd, RB_PIVOT_ROOT },
		{ "a crowd", { 0 }, crowd, RB_PIVOT_EXCHANGE },
		{ "a crowd, a private mount",
		  { .top = MOUNT("'rprivate'") },
		  crowd,
		  RB_PIVOT_EXCHANGE },
		{ "a crowd, a shared mount", { .top = MOUNT("'shared'") }, crowd, RB_PIVOT_ROOT },
		{ "a crowd, a slave, and private",
		  { .top = MOUNT("'rslave','rprivate'") },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, one that is unbindable",
		  { .top = MOUNT("'unbindable'") },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, a private root",
		  { .linux_ = ",'rootfsPropagation':'rprivate'" },
		  crowd,
		  RB_PIVOT_EXCHANGE },
		{ "a crowd, a root that is a slave",
		  { .linux_ = ",'rootfsPropagation':'rslave'" },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, an unbindable root",
		  { .linux_ = ",'rootfsPropagation':'runbindable'" },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, a terminal", { .process = ",'terminal':true" }, crowd, RB_PIVOT_ROOT },
		{ "a crowd, a hook in the namespace",
		  { .top = ",'hooks':{'createContainer':[{'path':'/1'}]}" },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, a hook that is given it",
		  { .top = ",'hooks':{'createRuntime':[{'path':'/1'}]}" },
		  crowd,
		  RB_PIVOT_ROOT },
		{ "a crowd, hooks of the start and the end",
		  { .top = ",'hooks':{'poststart':[{'path':'/1'}],'poststop':[{'path':'/1'}]}" },
		  crowd,
		  RB_PIVOT_EXCHANGE },
		{ "a crowd, --no-pivot", { 0 }, crowd_no_pivot, RB_PIVOT_MOVE },
		{ "a crowd, an initramfs", { 0 }, crowd_initramfs, RB_PIVOT_MOVE },
		{ "a crowd, no right to enter", { 0 }, crowd_weak, RB_PIVOT_ROOT },
		{ "a crowd, in a user namespace", { 0 }, crowd_inside, RB_PIVOT_ROOT },
		{ "a crowd, a new user namespace",
		  { .namespaces = USER_NS, .linux_ = MAPS },
		  crowd_user,
		  RB_PIVOT_ROOT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;

		prepare(&m, RB_LAYOUT_V2);
		cases[i].change(&m);
		ok(compile(&m, &cases[i].config) &&
			   row(&m, RB_STEP_PIVOT)->u.pivot.how == cases[i].how,
		   "the root: %s", cases[i].name);
		done(&m);
	}
}

/* What holds a container before its first instruction, and what only before it opens anything. */
static void test_late(void)
{
#define JOIN(what) "{'type':'" what "','path':'/ns'}"
	static const struct {
		const char *name;
		const char *namespaces, *top;
		enum rb_cgroup_layout layout;
		bool cgroup_late, rules_late;
		bool waits; /* the mount, for the host side */
	} cases[] = {
		{ "v1", ALL_NS, NULL, RB_LAYOUT_V1, true, true, false },
		{ "v2", ALL_NS, NULL, RB_LAYOUT_V2, false, true, false },
		{ "hybrid", ALL_NS, NULL, RB_LAYOUT_HYBRID, false, true, false },
		{ "v1, the host's pids", "{'type':'mount'}", NULL, RB_LAYOUT_V1, false, false,
		  false },
		{ "v1, a pod's pids", "{'type':'mount'}," JOIN("pid"), NULL, RB_LAYOUT_V1, false,
		  false, false },
		{ "v2, a pod's pids", "{'type':'mount'}," JOIN("pid"), NULL, RB_LAYOUT_V2, false,
		  false, false },
		{ "v1, somebody's mounts", "{'type':'pid'}," JOIN("mount"), NULL, RB_LAYOUT_V1,
		  false, true, false },
		{ "v1, the host's mounts", "{'type':'pid'}", NULL, RB_LAYOUT_V1, true, true,
		  false },
		{ "v1, a file system with a device", ALL_NS,
		  ",'mounts':[{'destination':'/x','type':'ext4','source':'/dev/x'}]", RB_LAYOUT_V1,
		  true, true, true },
		{ "v2, a file system with a device", ALL_NS,
		  ",'mounts':[{'destination':'/x','type':'ext4','source':'/dev/x'}]", RB_LAYOUT_V2,
		  false, true, true },
		{ "v1, what is copied up", ALL_NS,
		  ",'mounts':[{'destination':'/"
		  "x','type':'tmpfs','source':'x','options':['tmpcopyup']}]",
		  RB_LAYOUT_V1, true, true, true },
		{ "v2, what is copied up", ALL_NS,
		  ",'mounts':[{'destination':'/"
		  "x','type':'tmpfs','source':'x','options':['tmpcopyup']}]",
		  RB_LAYOUT_V2, false, true, true },
		{ "v1, a cgroup mount", ALL_NS,
		  ",'mounts':[{'destination':'/x','type':'cgroup','source':'x'}]", RB_LAYOUT_V1,
		  true, true, true },
		{ "v2, a cgroup mount", ALL_NS,
		  ",'mounts':[{'destination':'/x','type':'cgroup','source':'x'}]", RB_LAYOUT_V2,
		  false, true, false },
		{ "hybrid, a cgroup mount", ALL_NS,
		  ",'mounts':[{'destination':'/x','type':'cgroup','source':'x'}]", RB_LAYOUT_HYBRID,
		  false, true, false },
		{ "v1, a hook", ALL_NS, ",'hooks':{'createContainer':[{'path':'/1'}]}",
		  RB_LAYOUT_V1, true, true, false },
		{ "v2, a hook", ALL_NS, ",'hooks':{'createContainer':[{'path':'/1'}]}",
		  RB_LAYOUT_V2, false, true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config config = { .namespaces = cases[i].namespaces,
					       .top = cases[i].top };
		const char *name = cases[i].name;
		struct made m;
		size_t clone, made, attached;

		prepare(&m, cases[i].layout);
		if (!ok(compile(&m, &config), "%s: compiles", name))
			printf("#   %s at %s\n", m.err.msg, m.err.at);
		clone = find(&m, RB_STEP_CLONE, "");
		attached = find(&m, RB_STEP_BARRIER, "attached");
		made = find(&m, RB_STEP_BARRIER, "made");
		ok(!made == !cases[i].cgroup_late, "%s: waits for them to be made, or need not",
		   name);
		ok(!made || (find(&m, RB_STEP_CGROUP, "") < made &&
			     made < find(&m, RB_STEP_DEVICE_RULES, "") &&
			     made < find(&m, RB_STEP_ATTACH, "") && made < attached &&
			     find(&m, RB_STEP_ATTACH, "") < attached),
		   "%s: made, then the rest", name);
		ok((find(&m, RB_STEP_CGROUP, "") > clone) == cases[i].cgroup_late,
		   "%s: cgroups %s the child", name, cases[i].cgroup_late ? "after" : "before");
		ok((find(&m, RB_STEP_DEVICE_RULES, "") > clone) == cases[i].rules_late,
		   "%s: device rules %s the child", name, cases[i].rules_late ? "after" : "before");
		ok(find(&m, RB_STEP_DEVICE_RULES, "") < attached &&
			   find(&m, RB_STEP_CGROUP, "") < attached,
		   "%s: both before the child is let go", name);
		ok((find(&m, RB_STEP_MOUNT, "/x") > (made ? made : attached)) == cases[i].waits,
		   "%s: that mount %s for them", name, cases[i].waits ? "waits" : "does not wait");
		ok(!count(&m, RB_STEP_HOOK) || find(&m, RB_STEP_HOOK, "") > attached,
		   "%s: that hook waits for them", name);
		ok(attached < find(&m, RB_STEP_KEYRING, ""), "%s: let go before it is itself",
		   name);
		ok(!count(&m, RB_STEP_ATTACH) ||
			   find(&m, RB_STEP_ATTACH, "") > find(&m, RB_STEP_CGROUP, ""),
		   "%s: moved into what is there", name);
		done(&m);
	}
}

static void scope(struct made *m)
{
	m->opts.systemd_cgroup = true;
}

/* What must not be done while others may still decide over it, or would keep it. */
static void test_waits(void)
{
	static const struct {
		const char *name;
		struct config config;
		enum rb_cgroup_layout layout;
		void (*change)(struct made *m);
		enum rb_step_kind kind;
		bool waits;
	} cases[] = {
		/* the list of v1 is written line by line, and denies all at first */
		{ "v1",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V1,
		  NULL,
		  RB_STEP_DEVICE,
		  true },
		{ "hybrid",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_HYBRID,
		  NULL,
		  RB_STEP_DEVICE,
		  true },
		{ "v2",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V2,
		  NULL,
		  RB_STEP_DEVICE,
		  false },
		/* in the caller's cgroup until it is moved */
		{ "v2, a scope",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V2,
		  scope,
		  RB_STEP_DEVICE,
		  true },
		{ "v2, the image's /dev", { 0 }, RB_LAYOUT_V2, NULL, RB_STEP_DEVICE, true },
		/* bound, not made */
		{ "v1, a user namespace",
		  { .namespaces = USER_NS, .linux_ = MAPS, .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V1,
		  NULL,
		  RB_STEP_DEVICE,
		  false },
		{ "no cgroup",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V1,
		  disabled,
		  RB_STEP_DEVICE,
		  false },
		/* others see them in a namespace that is shared */
		{ "v2",
		  { .linux_ = ",'sysctl':{'net.ipv4.ip_forward':'1'}" },
		  RB_LAYOUT_V2,
		  NULL,
		  RB_STEP_SYSCTL,
		  true },
		{ "v2",
		  { .top = ",'hostname':'h','mounts':[" DEV "]" },
		  RB_LAYOUT_V2,
		  NULL,
		  RB_STEP_HOSTNAME,
		  true },
		{ "v2",
		  { .top = ",'mounts':[" DEV "]" },
		  RB_LAYOUT_V2,
		  NULL,
		  RB_STEP_PIVOT,
		  false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m;

		prepare(&m, cases[i].layout);
		if (cases[i].change)
			cases[i].change(&m);
		if (!ok(compile(&m, &cases[i].config), "%s: compiles", cases[i].name))
			printf("#   %s at %s\n", m.err.msg, m.err.at);
		ok((find(&m, cases[i].kind, "") > find(&m, RB_STEP_BARRIER, "attached")) ==
			   cases[i].waits,
		   "%s: %s %s for the host side", cases[i].name, rb_step_name(cases[i].kind),
		   cases[i].waits ? "waits" : "does not wait");
		done(&m);
	}
}

/* Paths are hidden after the mounts, but for those that nothing of the last ones can lead to. */
static void test_hidden(void)
{
#define PROC	   "{'destination':'/proc','type':'proc','source':'proc'}"
#define SYS	   "{'destination':'/sys','type':'sysfs','source':'sysfs'}"
#define CG(where)  "{'destination':'" where "','type':'cgroup','source':'cgroup'}"
#define HIDE(path) ",'maskedPaths':['" path "']"
	static const struct {
		const char *name, *mounts, *linux_, *top;
		void (*change)(struct made *m);
		bool early;
	} cases[] = {
		{ "the usual mounts", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys"), "", NULL, true },
		{ "no cgroups", PROC "," DEV "," SYS, HIDE("/proc/keys"), "", NULL, true },
		{ "a sysfs elsewhere",
		  PROC "," DEV ","
		       "{'destination':'/s','type':'sysfs','source':'s'}",
		  HIDE("/proc/keys"), "", NULL, false },
		{ "the host's /sys",
		  PROC "," DEV ","
		       "{'destination':'/sys','type':'bind','source':'/sys','options':['rbind']}",
		  HIDE("/proc/keys"), "", NULL, false },
		/* it means another thing once the network namespace is entered */
		{ "a path of the network", PROC "," DEV "," SYS,
		  HIDE("/proc/sys/net/ipv4/ip_forward"), "", NULL, false },
		{ "the network", PROC "," DEV "," SYS, HIDE("/proc/net"), "", NULL, false },
		{ "a process", PROC "," DEV "," SYS, HIDE("/proc/1"), "", NULL, false },
		/* a remount follows links of the image */
		{ "a sysfs that is there",
		  PROC "," DEV "," SYS ","
		       "{'destination':'/"
		       "sys','type':'sysfs','source':'sysfs','options':['remount','rw']}",
		  HIDE("/proc/keys"), "", NULL, false },
		{ "a /dev that is there",
		  PROC ","
		       "{'destination':'/"
		       "dev','type':'tmpfs','source':'tmpfs','options':['remount','rw']}," SYS,
		  HIDE("/proc/keys"), "", NULL, false },
		{ "cgroups that are there",
		  PROC "," DEV "," SYS ","
		       "{'destination':'/sys/fs/"
		       "cgroup','type':'cgroup','source':'c','options':['remount']}",
		  HIDE("/proc/keys"), "", NULL, false },
		/* it takes along what is hidden in it */
		{ "with /proc read-only", PROC "," DEV "," SYS,
		  HIDE("/proc/keys") ",'readonlyPaths':['/proc']", "", NULL, false },
		{ "with a path of the image read-only", PROC "," DEV "," SYS,
		  HIDE("/proc/keys") ",'readonlyPaths':['/lnk/proc']", "", NULL, false },
		{ "with paths of /proc read-only", PROC "," DEV "," SYS,
		  HIDE("/proc/keys") ",'readonlyPaths':['/proc/sys','/proc/sys/net']", "", NULL,
		  true },
		{ "all of /proc", PROC "," DEV "," SYS, HIDE("/proc"), "", NULL, false },
		{ "a path of sysfs", PROC "," DEV "," SYS, HIDE("/sys/firmware"), "", NULL, false },
		{ "written in another way", PROC "," DEV "," SYS "," CG("/sys//fs/./cgroup"),
		  HIDE("/proc/keys"), "", NULL, true },
		{ "at a path of the image", PROC "," DEV "," SYS "," CG("/lnk/cgroup"),
		  HIDE("/proc/keys"), "", NULL, false },
		{ "without a sysfs below", PROC "," DEV "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys"), "", NULL, false },
		{ "with something between", PROC "," SYS "," DEV "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys"), "", NULL, false },
		{ "with something after it",
		  PROC "," DEV "," SYS "," CG("/sys/fs/cgroup") "," CG("/x"), HIDE("/proc/keys"),
		  "", NULL, false },
		{ "the mount itself", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/sys/fs/cgroup"), "", NULL, false },
		{ "a path inside of it", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/sys/fs/cgroup/x"), "", NULL, false },
		{ "a path of the image", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/run/x"), "", NULL, false },
		{ "with a device", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys") ",'devices':[{'path':'/x','type':'p'}]", "", NULL, false },
		{ "in a /dev of the image", PROC "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys"), "", NULL, false },
		{ "with a notify socket", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"),
		  HIDE("/proc/keys"), "", notify, false },
		{ "with names", PROC "," DEV "," SYS "," CG("/sys/fs/cgroup"), HIDE("/proc/keys"),
		  ",'runbox':{'network':{'hosts':[{'ip':'10.0.0.1','names':['a']}]}}", NULL,
		  false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rb_autobuf top = { 0 };
		struct config config = { .linux_ = cases[i].linux_ };
		struct made m;

		rb_buf_printf(&top, ",'mounts':[%s]%s", cases[i].mounts, cases[i].top);
		config.top = top.data;
		prepare(&m, RB_LAYOUT_V1);
		if (cases[i].change)
			cases[i].change(&m);
		if (!ok(compile(&m, &config), "hidden: %s", cases[i].name))
			printf("#   %s at %s\n", m.err.msg, m.err.at);
		ok((find(&m, RB_STEP_MASK, "") < find(&m, RB_STEP_LOOPBACK, "")) == cases[i].early,
		   "hidden %s: %s", cases[i].early ? "early" : "at the end", cases[i].name);
		done(&m);
	}
}

int main(void)
{
	test_refusals();
	test_host_refusals();
	test_time_limit();
	test_order();
	test_straight();
	test_enter();
	test_late();
	test_waits();
	test_hidden();
	test_prints();
	test_times();
	test_cgroups();
	test_cgroup_rows();
	test_id_maps();
	test_namespaces();
	test_mounts();
	test_id_mapped();
	test_devices();
	test_caps();
	test_sysctl();
	return tap_done();
}
