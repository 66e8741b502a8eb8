/* test_decode.c - config.json into struct rb_spec: what is refused, with which words, and what arrives */
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "runbox/err.h"
#include "runbox/names.h"
#include "runbox/spec.h"
#include "tap.h"

/* Decodes a document from memory that ends right behind it, and frees that. */
static int decode(const char *text, struct rb_spec *spec, struct rb_err *err)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, text, len);
	r = rb_spec_decode("config.json", copy, len, spec, err);
	free(copy);
	return r;
}

/* Members put into a document with nothing else but a version. */
static int decode_members(const char *members, struct rb_spec *spec, struct rb_err *err)
{
	rb_autobuf text = { 0 };

	rb_buf_printf(&text, "{\"ociVersion\":\"1.0.0\",%s}", members);
	return decode(text.data, spec, err);
}

#define PROC(x)	   "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]," x "}"
#define LINUX(x)   "\"linux\":{" x "}"
#define RES(x)	   LINUX("\"resources\":{" x "}")
#define SECCOMP(x) LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"," x "}")
#define MOUNT(x)   "\"mounts\":[{\"destination\":\"/a\"," x "}]"
#define NET(x)	   "\"runbox\":{\"network\":{" x "}}"
#define IFACE(x)   NET("\"interfaces\":[{\"type\":\"veth\",\"name\":\"eth0\"," x "}]")

static const struct {
	const char *members, *at, *what;
} refused[] = {
	{ "\"root\":{}", "root", "\"path\" is missing" },
	{ "\"root\":{\"path\":\"\"}", "root.path", "must not be empty" },
	{ "\"root\":{\"path\":null}", "root", "\"path\" is missing" },
	{ "\"root\":[]", "root", "must be an object, not an array" },
	{ "\"root\":{\"path\":\"r\",\"Path\":\"s\"}", "root.Path",
	  "duplicate key, \"path\" is there in other letter case" },
	{ "\"hostname\":1", "hostname", "must be a string, not a number" },
	{ "\"hostname\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
	  "hostname", "must be no longer than 64 bytes" },
	{ "\"annotations\":{\"a\":1}", "annotations.a", "must be a string, not a number" },
	{ "\"annotations\":{\"a.b\":null}", "annotations[\"a.b\"]", "must be a string, not null" },

	{ "\"process\":{\"args\":[\"a\"]}", "process", "\"cwd\" is missing" },
	{ "\"process\":{\"cwd\":\"/\"}", "process", "\"args\" is missing" },
	{ "\"process\":{\"cwd\":\"/\",\"args\":[]}", "process.args",
	  "must have at least one element, the program" },
	{ "\"process\":{\"cwd\":\"/\",\"args\":[\"\"]}", "process.args[0]",
	  "the program must not be empty" },
	{ "\"process\":{\"cwd\":\"a\",\"args\":[\"a\"]}", "process.cwd",
	  "\"a\" must be an absolute path" },
	{ "\"process\":{\"cwd\":\"\",\"args\":[\"a\"]}", "process.cwd",
	  "\"\" must be an absolute path" },
	{ PROC("\"terminal\":1"), "process.terminal", "must be true or false, not a number" },
	{ PROC("\"env\":[\"A=1\",2]"), "process.env[1]", "must be a string, not a number" },
	{ PROC("\"env\":[null]"), "process.env[0]", "must be a string, not null" },
	{ PROC("\"consoleSize\":{\"height\":1}"), "process.consoleSize", "\"width\" is missing" },
	{ PROC("\"consoleSize\":{\"height\":1,\"width\":65536}"), "process.consoleSize.width",
	  "65536 is out of range, must be a whole number from 0 to 65535" },
	{ PROC("\"user\":{\"uid\":4294967295}"), "process.user.uid",
	  "4294967295 is out of range, must be a whole number from 0 to 4294967294" },
	{ PROC("\"user\":{\"uid\":-1}"), "process.user.uid",
	  "-1 is out of range, must be a whole number from 0 to 4294967294" },
	{ PROC("\"user\":{\"gid\":1.5}"), "process.user.gid",
	  "1.5 is out of range, must be a whole number from 0 to 4294967294" },
	{ PROC("\"user\":{\"gid\":1e3}"), "process.user.gid",
	  "1e3 is out of range, must be a whole number from 0 to 4294967294" },
	{ PROC("\"user\":{\"gid\":\"0\"}"), "process.user.gid",
	  "must be a whole number, not a string" },
	{ PROC("\"user\":{\"umask\":512}"), "process.user.umask",
	  "512 is out of range, must be a whole number from 0 to 511" },
	{ PROC("\"user\":{\"additionalGids\":[1,4294967296]}"), "process.user.additionalGids[1]",
	  "4294967296 is out of range, must be a whole number from 0 to 4294967294" },
	{ PROC("\"capabilities\":[\"CAP_KILL\"]"), "process.capabilities",
	  "must be an object, not an array" },
	{ PROC("\"capabilities\":{\"bounding\":\"CAP_KILL\"}"), "process.capabilities.bounding",
	  "must be an array, not a string" },
	{ PROC("\"rlimits\":[{\"type\":\"RLIMIT_NOFILES\",\"soft\":1,\"hard\":1}]"),
	  "process.rlimits[0].type",
	  "unknown value \"RLIMIT_NOFILES\", did you mean \"RLIMIT_NOFILE\"?" },
	{ PROC("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]"),
	  "process.rlimits[0]", "the soft limit is above the hard limit" },
	{ PROC("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1}]"), "process.rlimits[0]",
	  "\"hard\" is missing" },
	{ PROC("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":18446744073709551616}]"),
	  "process.rlimits[0].hard",
	  "18446744073709551616 is out of range, must be a whole number from 0 to "
	  "18446744073709551615" },
	{ PROC("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},"
	       "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1}]"),
	  "process.rlimits[1]", "RLIMIT_CPU is given twice" },
	{ PROC("\"oomScoreAdj\":1001"), "process.oomScoreAdj",
	  "1001 is out of range, must be a whole number from -1000 to 1000" },
	{ PROC("\"scheduler\":{\"policy\":\"SCHED_RT\"}"), "process.scheduler.policy",
	  "unknown value \"SCHED_RT\", did you mean \"SCHED_RR\"?" },
	{ PROC("\"scheduler\":{\"nice\":0}"), "process.scheduler", "\"policy\" is missing" },
	{ PROC("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}"), "process.scheduler.nice",
	  "20 is out of range, must be a whole number from -20 to 19" },
	{ PROC("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}"),
	  "process.scheduler.flags[0]", "unknown value \"X\"" },
	{ PROC("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
	  "process.ioPriority.priority", "8 is out of range, must be a whole number from 0 to 7" },
	{ PROC("\"execCPUAffinity\":{\"initial\":\"3-1\"}"), "process.execCPUAffinity.initial",
	  "\"3-1\" is not a list like \"0-3,7\"" },

	{ "\"mounts\":{}", "mounts", "must be an array, not an object" },
	{ "\"mounts\":[{\"type\":\"proc\"}]", "mounts[0]", "\"destination\" is missing" },
	{ MOUNT("\"options\":[\"ro\",1]"), "mounts[0].options[1]",
	  "must be a string, not a number" },
	{ MOUNT("\"options\":[\"rbind\",\"nosuids\"]"), "mounts[0].options[1]",
	  "unknown option \"nosuids\" of a bind mount, did you mean \"nosuid\"?" },
	{ MOUNT("\"type\":\"bind\",\"options\":[\"size=1\"]"), "mounts[0].options[0]",
	  "unknown option \"size=1\" of a bind mount" },
	{ MOUNT("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"), "mounts[0]",
	  "uidMappings and gidMappings must be given together" },

	{ "\"hooks\":{\"prestart\":[{\"path\":\"a\"}]}", "hooks.prestart[0].path",
	  "\"a\" must be an absolute path" },
	{ "\"hooks\":{\"poststop\":[{}]}", "hooks.poststop[0]", "\"path\" is missing" },
	{ "\"hooks\":{\"poststart\":[{\"path\":\"/a\",\"timeout\":0}]}",
	  "hooks.poststart[0].timeout",
	  "0 is out of range, must be a whole number from 1 to 2147483647" },

	{ LINUX("\"namespaces\":[{\"type\":\"net\"}]"), "linux.namespaces[0].type",
	  "unknown namespace \"net\"" },
	{ LINUX("\"namespaces\":[{\"type\":\"mnt\"}]"), "linux.namespaces[0].type",
	  "unknown namespace \"mnt\"" },
	{ LINUX("\"namespaces\":[{\"type\":\"cgroups\"}]"), "linux.namespaces[0].type",
	  "unknown namespace \"cgroups\", did you mean \"cgroup\"?" },
	{ LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\",\"path\":\"/x\"}]"),
	  "linux.namespaces[1]", "namespace \"pid\" is given twice" },
	{ LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]"), "linux.namespaces[0].path",
	  "\"x\" must be an absolute path" },
	{ LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]"),
	  "linux.uidMappings[0].size",
	  "0 is out of range, must be a whole number from 1 to 4294967295" },
	{ LINUX("\"uidMappings\":[{\"containerID\":1,\"hostID\":0,\"size\":4294967295}]"),
	  "linux.uidMappings[0]", "the container's ids go beyond 4294967294" },
	{ LINUX("\"gidMappings\":[{\"containerID\":0,\"hostID\":4294967294,\"size\":2}]"),
	  "linux.gidMappings[0]", "the host's ids go beyond 4294967294" },
	{ LINUX("\"devices\":[{\"type\":\"x\",\"path\":\"/dev/a\"}]"), "linux.devices[0].type",
	  "unknown value \"x\"" },
	{ LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/dev/a\",\"major\":1}]"),
	  "linux.devices[0]", "\"minor\" is missing" },
	{ LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"dev/a\",\"major\":1,\"minor\":1}]"),
	  "linux.devices[0].path", "\"dev/a\" must be an absolute path" },
	{ LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/dev/a\",\"major\":-1,\"minor\":1}]"),
	  "linux.devices[0].major", "-1 is out of range, must be a whole number from 0 to 4095" },
	{ LINUX("\"netDevices\":{\"a/b\":{}}"), "linux.netDevices[\"a/b\"]",
	  "cannot be the name of a network device" },
	{ LINUX("\"netDevices\":{\"eth0\":{\"name\":\"..\"}}"), "linux.netDevices.eth0.name",
	  "\"..\" cannot be the name of a network device" },
	{ LINUX("\"rootfsPropagation\":\"share\""), "linux.rootfsPropagation",
	  "unknown value \"share\", did you mean \"shared\"?" },
	{ LINUX("\"maskedPaths\":[\"proc\"]"), "linux.maskedPaths[0]",
	  "\"proc\" must be an absolute path" },
	{ LINUX("\"readonlyPaths\":[\"\"]"), "linux.readonlyPaths[0]",
	  "\"\" must be an absolute path" },
	{ LINUX("\"sysctl\":{\"../x\":\"1\"}"), "linux.sysctl[\"../x\"]",
	  "cannot be the name of a sysctl" },
	{ LINUX("\"personality\":{}"), "linux.personality", "\"domain\" is missing" },
	{ LINUX("\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"x\"]}"),
	  "linux.personality.flags[0]", "the spec knows no flags yet" },
	{ LINUX("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
	  "linux.timeOffsets.boottime.nanosecs",
	  "1000000000 is out of range, must be a whole number from 0 to 999999999" },
	{ LINUX("\"memoryPolicy\":{\"nodes\":\"0\"}"), "linux.memoryPolicy",
	  "\"mode\" is missing" },
	{ LINUX("\"intelRdt\":{\"memBwSchema\":\"L3:0\"}"), "linux.intelRdt.memBwSchema",
	  "must be one line that begins with \"MB:\"" },
	{ LINUX("\"intelRdt\":{\"closID\":\"../x\"}"), "linux.intelRdt.closID",
	  "must be the name of a directory, or \"/\"" },

	{ RES("\"devices\":[{\"type\":\"c\"}]"), "linux.resources.devices[0]",
	  "\"allow\" is missing" },
	{ RES("\"devices\":[{\"allow\":true,\"type\":\"p\"}]"), "linux.resources.devices[0].type",
	  "unknown value \"p\"" },
	{ RES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"),
	  "linux.resources.devices[0].access", "\"rx\" must be made of r, w and m only" },
	{ RES("\"memory\":{\"limit\":-2}"), "linux.resources.memory.limit",
	  "-2 is out of range, must be a whole number from -1 to 9223372036854775807" },
	{ RES("\"memory\":{\"swappiness\":101}"), "linux.resources.memory.swappiness",
	  "101 is out of range, must be a whole number from 0 to 100" },
	{ RES("\"cpu\":{\"cpus\":\"a\"}"), "linux.resources.cpu.cpus",
	  "\"a\" is not a list like \"0-3,7\"" },
	{ RES("\"cpu\":{\"idle\":2}"), "linux.resources.cpu.idle",
	  "2 is out of range, must be a whole number from 0 to 1" },
	{ RES("\"pids\":{}"), "linux.resources.pids", "\"limit\" is missing" },
	{ RES("\"blockIO\":{\"weight\":65536}"), "linux.resources.blockIO.weight",
	  "65536 is out of range, must be a whole number from 0 to 65535" },
	{ RES("\"blockIO\":{\"weightDevice\":[{\"major\":1,\"minor\":1}]}"),
	  "linux.resources.blockIO.weightDevice[0]", "\"weight\" or \"leafWeight\" must be given" },
	{ RES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":1,\"minor\":1}]}"),
	  "linux.resources.blockIO.throttleReadBpsDevice[0]", "\"rate\" is missing" },
	{ RES("\"hugepageLimits\":[{\"pageSize\":\"64kB\",\"limit\":1}]"),
	  "linux.resources.hugepageLimits[0].pageSize",
	  "\"64kB\" is not a page size like \"2MB\" or \"64KB\"" },
	{ RES("\"rdma\":{\"mlx\":{}}"), "linux.resources.rdma.mlx",
	  "\"hcaHandles\" or \"hcaObjects\" must be given" },
	{ RES("\"unified\":{\"../cgroup.procs\":\"1\"}"),
	  "linux.resources.unified[\"../cgroup.procs\"]",
	  "must be the name of a file of the cgroup" },

	{ LINUX("\"seccomp\":{}"), "linux.seccomp", "\"defaultAction\" is missing" },
	{ LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}"),
	  "linux.seccomp.defaultErrnoRet", "SCMP_ACT_ALLOW gives back no errno" },
	{ SECCOMP("\"defaultErrnoRet\":4095"), "linux.seccomp.defaultErrnoRet",
	  "4095 is out of range, must be from 0 to 4094" },
	{ SECCOMP("\"listenerMetadata\":\"x\""), "linux.seccomp.listenerMetadata",
	  "must not be set without listenerPath" },
	{ SECCOMP("\"architectures\":[\"X86\"]"), "linux.seccomp.architectures[0]",
	  "unknown value \"X86\"" },
	{ SECCOMP("\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}]"),
	  "linux.seccomp.syscalls[0].names", "must have at least one element" },
	{ SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
		  "[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]"),
	  "linux.seccomp.syscalls[0].args[0].index",
	  "6 is out of range, must be a whole number from 0 to 5" },
	{ SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"errnoRet\":1}]"),
	  "linux.seccomp.syscalls[0].errnoRet", "SCMP_ACT_LOG gives back no errno" },

	{ "\"freebsd\":{\"jail\":{\"vnet\":\"disable\"}}", "freebsd.jail.vnet",
	  "unknown value \"disable\"" },
	{ "\"vm\":{}", "vm", "\"kernel\" is missing" },
	{ "\"windows\":{\"layerFolders\":[]}", "windows.layerFolders",
	  "must have at least one element" },
	{ "\"solaris\":{\"cappedCPU\":{\"ncpus\":1}}", "solaris.cappedCPU.ncpus",
	  "must be a string, not a number" },
	{ "\"zos\":{\"namespaces\":[{\"type\":\"user\"}]}", "zos.namespaces[0].type",
	  "unknown value \"user\"" },

	{ "\"runbox\":{\"timeoutMs\":0}", "runbox.timeoutMs",
	  "0 is out of range, must be a whole number from 1 to 9223372036854775807" },
	{ NET("\"name\":\"a/b\""), "runbox.network.name", "\"a/b\" is not a file name" },
	{ NET("\"interfaces\":[{\"type\":\"wifi\",\"name\":\"a\"}]"),
	  "runbox.network.interfaces[0].type", "unknown value \"wifi\"" },
	{ IFACE("\"addresses\":[\"1.2.3.4\"]"), "runbox.network.interfaces[0].addresses[0]",
	  "\"1.2.3.4\" is not an address with a prefix, like \"192.168.17.2/24\", or \"auto\"" },
	{ IFACE("\"mtu\":67"), "runbox.network.interfaces[0].mtu",
	  "67 is out of range, must be a whole number from 68 to 65535" },
	{ IFACE("\"shape\":{\"egress\":{\"rate\":\"fast\"}}"),
	  "runbox.network.interfaces[0].shape.egress.rate",
	  "\"fast\" is not a rate like \"10mbit\"" },
	{ IFACE("\"shape\":{\"lossPercent\":100.1}"),
	  "runbox.network.interfaces[0].shape.lossPercent",
	  "100.1 is out of range, must be a decimal from 0 to 100" },
	{ IFACE("\"shape\":{\"delayMs\":-1}"), "runbox.network.interfaces[0].shape.delayMs",
	  "-1 is out of range, must be a decimal from 0 to 4294967295" },
	{ NET("\"interfaces\":[{\"type\":\"veth\",\"name\":\"a\"},{\"type\":\"veth\",\"name\":"
	      "\"a\"}]"),
	  "runbox.network.interfaces[1]", "the name \"a\" is given twice" },
	{ NET("\"routes\":[{\"to\":\"10.0.0.0\",\"via\":\"1.2.3.4\"}]"),
	  "runbox.network.routes[0].to",
	  "\"10.0.0.0\" is not \"default\" or an address with a prefix" },
	{ NET("\"dns\":{\"search\":[\"a\\nnameserver 1.2.3.4\"]}"), "runbox.network.dns.search[0]",
	  "\"a\nnameserver 1.2.3.4\" is not one word" },
	{ NET("\"hosts\":[{\"ip\":\"1.2.3.4\",\"names\":[]}]"), "runbox.network.hosts[0].names",
	  "must have at least one element" },
	{ NET("\"ports\":[{\"host\":0,\"container\":1}]"), "runbox.network.ports[0].host",
	  "0 is out of range, must be a whole number from 1 to 65535" },
	{ "\"runbox\":{},\"annotations\":{\"org.runbox.config\":\"{}\"}", "runbox",
	  "given here and in the annotation org.runbox.config" },
};

static void test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct rb_spec spec = { 0 };
		struct rb_err err = { 0 };
		int r = decode_members(refused[i].members, &spec, &err);
		size_t msg = strlen(err.msg), what = strlen(refused[i].what),
		       at = strlen(refused[i].at);
		const char *place = strchr(err.msg, ' ');

		ok(r < 0 && err.kind == RB_ERR_CONFIG && strcmp(err.at, refused[i].at) == 0 &&
			   place && strncmp(place + 1, refused[i].at, at) == 0 && msg >= what &&
			   strcmp(err.msg + msg - what, refused[i].what) == 0,
		   "refused: %s", refused[i].at);
		if (r == 0 || strcmp(err.at, refused[i].at) != 0 || msg < what ||
		    strcmp(err.msg + msg - what, refused[i].what) != 0)
			printf("#   got:  %s [%s]\n#   want: %s\n", r ? err.msg : "accepted",
			       err.at, refused[i].what);
		rb_spec_done(&spec);
	}
}

static void test_documents(void)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "[]", "config.json:1:1: must be an object, not an array" },
		{ "null", "config.json:1:1: must be an object, not null" },
		{ "7", "config.json:1:1: must be an object, not a number" },
		{ "{}", "config.json:1:1: \"ociVersion\" is missing" },
		{ "{\"ociVersion\":\"2.0.0\"}",
		  "config.json:1:15 ociVersion: version 2.0.0 is not supported, only 1.x is" },
		{ "{\"ociVersion\":\"1.0\"}",
		  "config.json:1:15 ociVersion: \"1.0\" is not a version like \"1.3.0\"" },
		{ "{\n\t\"ociVersion\": \"1.0.0\",\n\t\"mounts\": [\n\t\t{ \"destination\": 3 "
		  "}\n\t]\n}",
		  "config.json:4:20 mounts[0].destination: must be a string, not a number" },
		{ "{\"ociVersion\":\"1.0.0\",\"annotations\":{\"org.runbox.config\":\"{"
		  "\\\"init\\\":\\n1}\"}}",
		  "annotation org.runbox.config:2:1 runbox.init: must be true or false, not a "
		  "number" },
		{ "{\"ociVersion\":\"1.0.0\"} x",
		  "config.json:1:24: there is text after the end of the JSON value" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_spec spec = { 0 };
		struct rb_err err = { 0 };

		ok(decode(cases[i].text, &spec, &err) < 0, "document %zu is refused", i);
		is_str(err.msg, cases[i].msg, "its message");
		rb_spec_done(&spec);
	}
}

static void test_warnings(void)
{
	static const struct {
		const char *members, *line;
	} cases[] = {
		{ "\"hostnames\":1",
		  "config.json:1:23 hostnames: unknown key, ignored, did you mean \"hostname\"?" },
		{ "\"x\":{\"y\":[1]}", "config.json:1:23 x: unknown key, ignored" },
		{ "\"mounts\":[{\"destination\":\"a/../b\"}]",
		  "config.json:1:33 mounts[0]: destination \"a/../b\" is relative, it is taken "
		  "from \"/\"" },
		{ PROC("\"capabilities\":{\"bounding\":[\"CAP_KIL\",\"CAP_CHOWN\"]}"),
		  "config.json:1:85 process.capabilities.bounding[0]: unknown capability "
		  "\"CAP_KIL\" is left out, "
		  "did you mean \"CAP_KILL\"?" },
	};
	rb_autobuf many = { 0 };
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(decode_members(cases[i].members, &spec, &err) == 0 && spec.warnings.n == 1,
		   "one warning: %s", err.msg);
		is_str(spec.warnings.n ? spec.warnings.v[0] : NULL, cases[i].line, "it says");
		ok(spec.warnings.n == 1 && !spec.warnings.v[1], "the list ends in NULL");
		rb_spec_done(&spec);
	}
	rb_buf_add(&many, "\"k\":0");
	for (int i = 0; i < 100000; i++)
		rb_buf_printf(&many, ",\"k%d\":0", i);
	ok(decode_members(many.data, &spec, &err) == 0 && spec.warnings.n == 65,
	   "100001 unknown keys, 65 lines");
	is_str(spec.warnings.v[64], "config.json: more warnings are left out", "the last line");
	rb_spec_done(&spec);
}

/* Elements that take more memory than their text. */
static void test_too_many(void)
{
	rb_autobuf many = { 0 };
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	rb_buf_add(&many, "\"mounts\":[0");
	for (int i = 0; i < 1000000; i++)
		rb_buf_add(&many, ",0");
	rb_buf_add(&many, "]");
	ok(decode_members(many.data, &spec, &err) < 0, "a million mounts");
	is_str(err.msg, "config.json:1:32 mounts: has too many elements", "its message");
	rb_spec_done(&spec);
}

/* null and "" count as absent, keys match in any letter case. */
static void test_absent(void)
{
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	ok(decode_members("\"hostname\":null,\"domainname\":\"\",\"mounts\":null,\"linux\":{"
			  "\"cgroupsPath\":\"\","
			  "\"resources\":null,\"rootfsPropagation\":\"\",\"NameSpaces\":[{\"TYPE\":"
			  "\"pid\",\"path\":\"\"}]},"
			  "\"process\":null,\"annotations\":{\"A\":\"1\",\"a\":\"2\"}",
			  &spec, &err) == 0,
	   "null and empty: %s", err.msg);
	ok(!spec.hostname && !spec.domainname && !spec.process.present && !spec.mounts &&
		   spec.linux_.present && !spec.linux_.cgroups_path &&
		   !spec.linux_.resources.present && !spec.linux_.rootfs_propagation,
	   "all are absent");
	ok(spec.linux_.n_namespaces == 1 && !spec.linux_.namespaces[0].path,
	   "keys in other letter case");
	ok(spec.annotations.n == 2, "annotations that differ only in case are two");
	ok(rb_spec_namespace(&spec, CLONE_NEWPID) == &spec.linux_.namespaces[0] &&
		   !rb_spec_namespace(&spec, CLONE_NEWNET),
	   "a namespace by its flag");
	rb_spec_done(&spec);
}

static void test_process(void)
{
	static const char text[] =
		"{\"cwd\":\"/"
		"w\",\"args\":[\"sh\",\"-c\",\"\"],\"env\":[\"A=1\",\"noequals\"],\"terminal\":"
		"true,"
		"\"consoleSize\":{\"height\":25,\"width\":80},\"user\":{\"uid\":1,\"gid\":2,"
		"\"umask\":18,"
		"\"additionalGids\":[5,6]},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"cap_"
		"kill\"],\"ambient\":[]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":18446744073709551615}"
		"],"
		"\"oomScoreAdj\":-5,\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":3,"
		"\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\",\"SCHED_FLAG_RECLAIM\"]},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\"},\"execCPUAffinity\":{\"initial\":"
		"\"0\",\"final\":\"\"}}";
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };
	struct rb_process *p = &spec.process;

	if (!ok(rb_spec_decode_process("process.json", text, strlen(text), &spec, &err) == 0,
		"process: %s", err.msg))
		return;
	ok(p->present && p->terminal && p->has_console_size && p->console_height == 25 &&
		   p->console_width == 80,
	   "terminal");
	is_str(p->cwd, "/w", "cwd");
	ok(p->args.n == 3 && !*p->args.v[2] && !p->args.v[3],
	   "args keep an empty one and end in NULL");
	ok(p->env.n == 2 && strcmp(p->env.v[1], "noequals") == 0, "env is kept as it is");
	ok(p->user.uid == 1 && p->user.gid == 2 && p->user.has_umask && p->user.umask == 022 &&
		   p->user.n_gids == 2 && p->user.gids[1] == 6,
	   "user");
	ok(p->caps.present && p->caps.bounding == (1 << 0 | 1 << 5) && !p->caps.effective,
	   "capabilities");
	ok(p->n_rlimits == 1 && p->rlimits[0].resource == RLIMIT_NOFILE &&
		   p->rlimits[0].hard == RLIM_INFINITY,
	   "rlimits");
	ok(p->has_oom_score_adj && p->oom_score_adj == -5, "oomScoreAdj");
	ok(p->scheduler.present && p->scheduler.policy == 1 && p->scheduler.priority == 3 &&
		   p->scheduler.flags == 3,
	   "scheduler");
	ok(p->io_priority.present && p->io_priority.class == 3 && p->io_priority.priority == 0,
	   "ioPriority");
	is_str(p->exec_affinity_initial, "0", "execCPUAffinity.initial");
	ok(!p->exec_affinity_final, "an empty list is none");
	rb_spec_done(&spec);
	ok(rb_spec_decode_process("p.json", "{\"cwd\":1}", 9, &spec, &err) < 0, "a bad process");
	is_str(err.msg, "p.json:1:8 cwd: must be a string, not a number", "names its file");
	rb_spec_done(&spec);
}

static void test_resources(void)
{
	static const char text[] =
		"{\"memory\":{\"limit\":0,\"swap\":-1,\"disableOOMKiller\":false},\"cpu\":{"
		"\"shares\":0,\"quota\":-1,"
		"\"cpus\":\"\",\"mems\":\"0\"},\"pids\":{\"limit\":7},\"blockIO\":{\"weight\":0,"
		"\"throttleReadIOPSDevice\":"
		"[{\"major\":8,\"minor\":16,\"rate\":300}]},\"hugepageLimits\":[{\"pagesize\":"
		"\"2MB\",\"limit\":9223372036854772000}],"
		"\"network\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":"
		"5}]},"
		"\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3}},\"unified\":{\"memory.high\":\"1\"},"
		"\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
		"\"major\":1,\"minor\":-1,"
		"\"access\":\"mr\"},{\"allow\":true,\"type\":\"\",\"access\":\"\"}]}";
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };
	struct rb_resources *r = &spec.linux_.resources;

	if (!ok(rb_spec_decode_resources("r.json", text, strlen(text), &spec, &err) == 0,
		"resources: %s", err.msg))
		return;
	ok(r->present && r->memory.limit.set && r->memory.limit.v == 0 && r->memory.swap.v == -1 &&
		   !r->memory.kernel.set && r->memory.disable_oom_killer.set &&
		   !r->memory.disable_oom_killer.v,
	   "memory");
	ok(r->cpu.shares.set && !r->cpu.cpus && r->cpu.mems && r->cpu.quota.v == -1, "cpu");
	ok(r->pids_limit.set && r->pids_limit.v == 7, "pids");
	ok(r->blkio.weight.set && r->blkio.throttle_read_iops.n == 1 &&
		   r->blkio.throttle_read_iops.v[0].rate.v == 300 &&
		   r->blkio.throttle_read_iops.v[0].minor == 16,
	   "blockIO");
	ok(r->n_hugepages == 1 && r->hugepages[0].limit == 9223372036854772000u,
	   "hugepageLimits, key in other case");
	ok(r->network.class_id.v == 1048577 && r->network.n_prios == 1 &&
		   r->network.prios[0].priority == 5,
	   "network");
	ok(r->n_rdma == 1 && strcmp(r->rdma[0].device, "mlx5_1") == 0 &&
		   r->rdma[0].hca_handles.v == 3 && !r->rdma[0].hca_objects.set,
	   "rdma");
	ok(r->unified.n == 1 && strcmp(r->unified.v[0].key, "memory.high") == 0 &&
		   *r->unified.v[0].value == '1',
	   "unified");
	ok(r->n_devices == 3 && r->devices[0].type == 'a' && !r->devices[0].has_major &&
		   r->devices[0].access == 7,
	   "a device rule for all");
	ok(r->devices[1].type == 'c' && r->devices[1].has_major && !r->devices[1].has_minor &&
		   r->devices[1].access == (RB_DEV_R | RB_DEV_M),
	   "a device rule with -1 for any");
	ok(r->devices[2].type == 'a' && r->devices[2].access == 0,
	   "a device rule with empty words");
	rb_spec_done(&spec);
}

static void test_linux(void)
{
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };
	struct rb_linux *l = &spec.linux_;

	if (!ok(decode_members(
			"\"mounts\":[{\"destination\":\"proc/"
			"\",\"type\":\"proc\",\"options\":[\"ro\"]},"
			"{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"x\"}],"
			"\"hooks\":{\"poststop\":[{\"path\":\"/"
			"h\",\"args\":[\"h\"],\"timeout\":5},{\"path\":\"/i\",\"env\":[]}]}," LINUX(
				"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\","
				"\"defaultErrnoRet\":38,\"flags\":[],"
				"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":[{\"names\":"
				"[\"a\",\"b\"],"
				"\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":65535,\"args\":[{"
				"\"index\":5,\"value\":18446744073709551615,"
				"\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]},\"devices\":[{\"type\":\"u\","
				"\"path\":\"/dev/u\",\"major\":1,"
				"\"minor\":2,\"fileMode\":438,\"uid\":0},{\"type\":\"p\",\"path\":"
				"\"/f\"}],"
				"\"netDevices\":{\"eth0\":{\"name\":\"c0\"},\"eth1\":{}},"
				"\"rootfsPropagation\":\"rslave\","
				"\"timeOffsets\":{\"monotonic\":{\"secs\":-3}},\"personality\":{"
				"\"domain\":\"LINUX32\"},"
				"\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":"
				"4294967295}],"
				"\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
			&spec, &err) == 0,
		"linux: %s", err.msg))
		return;
	is_str(spec.mounts[0].dest, "/proc", "a relative destination is taken from /");
	ok(spec.mounts[0].opts.attr_set == MOUNT_ATTR_RDONLY && !spec.mounts[0].opts.bind,
	   "its options");
	ok(spec.mounts[1].opts.bind, "a type of bind is a bind");
	ok(spec.hooks[RB_HOOK_POSTSTOP].n == 2 && spec.hooks[RB_HOOK_PRESTART].n == 0,
	   "hooks of one kind");
	ok(spec.hooks[RB_HOOK_POSTSTOP].v[0].has_timeout &&
		   spec.hooks[RB_HOOK_POSTSTOP].v[0].timeout == 5 &&
		   !spec.hooks[RB_HOOK_POSTSTOP].v[0].has_env &&
		   spec.hooks[RB_HOOK_POSTSTOP].v[1].has_env,
	   "their fields");
	ok(l->seccomp.present && l->seccomp.default_action == SECCOMP_RET_ERRNO &&
		   l->seccomp.has_flags && l->seccomp.default_errno_ret.v == 38 &&
		   l->seccomp.n_archs == 1,
	   "seccomp");
	ok(l->seccomp.n_rules == 1 && l->seccomp.rules[0].names.n == 2 &&
		   l->seccomp.rules[0].args[0].index == 5 &&
		   l->seccomp.rules[0].args[0].value == UINT64_MAX &&
		   l->seccomp.rules[0].args[0].op == 7,
	   "a seccomp rule");
	ok(l->n_devices == 2 && l->devices[0].type == 'c' && l->devices[0].has_file_mode &&
		   l->devices[0].file_mode == 0666 && l->devices[0].has_uid &&
		   !l->devices[0].has_gid && l->devices[1].type == 'p',
	   "devices");
	ok(l->n_net_devices == 2 && strcmp(l->net_devices[0].name, "c0") == 0 &&
		   !l->net_devices[1].name,
	   "netDevices");
	ok(l->rootfs_propagation == (MS_SLAVE | MS_REC), "rootfsPropagation");
	ok(l->monotonic.present && l->monotonic.secs == -3 && !l->boottime.present, "timeOffsets");
	ok(l->personality.present && l->personality.domain == 8, "personality");
	ok(l->n_uids == 1 && l->uids[0].size == 4294967295u, "the whole range of ids is a mapping");
	rb_spec_done(&spec);
}

static void check_ext(const struct rb_ext *e)
{
	const struct rb_iface *i = e->network.ifaces;

	ok(e->present && e->init && !e->ephemeral && e->timeout_ms.v == 30000, "its scalars");
	ok(e->network.present && e->network.n_ifaces == 1 && strcmp(i->type, "veth") == 0 &&
		   i->mtu.v == 1500 && i->addresses.n == 2,
	   "an interface");
	ok(i->shaped && i->egress.rate_bits.v == 10000000 && i->egress.burst_bytes.v == 32768 &&
		   i->ingress.rate_bits.v == 20000000 && !i->ingress.burst_bytes.set,
	   "its rates");
	ok(i->delay_ms == 40 && i->jitter_ms == 5.5 && i->loss_percent == 0.1, "its delays");
	ok(e->network.n_ports == 1 && e->network.ports[0].container == 80 &&
		   strcmp(e->network.ports[0].protocol, "tcp") == 0,
	   "a port, tcp when not said");
	ok(e->network.has_dns && e->network.nameservers.n == 1 && e->network.n_hosts == 1 &&
		   e->network.hosts[0].names.n == 1 && e->network.n_routes == 1 &&
		   e->network.masquerade,
	   "the rest");
}

static void test_ext(void)
{
	static const char object[] = "{\"init\":true,\"timeoutMs\":30000,\"network\":{\"name\":"
				     "\"isolated\",\"interfaces\":[{\"type\":\"veth\","
				     "\"name\":\"eth0\",\"addresses\":[\"192.168.17.2/"
				     "24\",\"fd17::2/64\"],\"mtu\":1500,\"shape\":{\"egress\":"
				     "{\"rate\":\"10mbit\",\"burst\":\"32kb\"},\"ingress\":{"
				     "\"rate\":\"20mbit\"},\"delayMs\":40,\"jitterMs\":5.5,"
				     "\"lossPercent\":0.1}}],\"routes\":[{\"to\":\"default\","
				     "\"via\":\"192.168.17.1\"}],\"dns\":{\"nameservers\":"
				     "[\"192.168.17.1\"]},\"hosts\":[{\"ip\":\"::1\",\"names\":["
				     "\"db\"]}],\"ports\":[{\"host\":8080,"
				     "\"container\":80}],\"masquerade\":true}}";
	rb_autobuf text = { 0 };
	struct rb_spec spec = { 0 };
	struct rb_err err = { 0 };

	rb_buf_printf(&text, "\"runbox\":%s", object);
	ok(decode_members(text.data, &spec, &err) == 0, "the extension object as a key: %s",
	   err.msg);
	check_ext(&spec.ext);
	rb_spec_done(&spec);
	text.len = 0;
	rb_buf_add(&text, "\"annotations\":{\"org.runbox.config\":");
	rb_buf_json(&text, object);
	rb_buf_add(&text, "}");
	ok(decode_members(text.data, &spec, &err) == 0, "and as an annotation: %s", err.msg);
	check_ext(&spec.ext);
	rb_spec_done(&spec);
}

int main(void)
{
	test_refused();
	test_documents();
	test_warnings();
	test_too_many();
	test_absent();
	test_process();
	test_resources();
	test_linux();
	test_ext();
	return tap_done();
}
