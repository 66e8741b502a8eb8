/* test_systemd.c - the systemd manager's pure parts: names of scopes, annotations, limits as properties
 *
 * What systemd makes of them is seen by tests/vm/systemd.bats.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/systemd_priv.h"
#include "runbox/err.h"
#include "runbox/host.h"
#include "runbox/plan.h"
#include "runbox/spec.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- scopes --- */

struct made {
	struct rb_spec spec;
	struct rb_plan plan;
	struct rb_err err;
};

/* @top, @linux_: more members, in single quotes. Return: the scope's row; NULL if there is none */
static const struct rb_step *compile(struct made *m, const char *linux_, const char *top,
				     bool rootless)
{
	static const char maps[] = ",{'type':'user'}],"
				   "'uidMappings':[{'containerID':0,'hostID':1000,'size':1}],"
				   "'gidMappings':[{'containerID':0,'hostID':1000,'size':1}]";
	struct rb_plan_opts opts = { .id = "web", .bundle = "/srv/web", .systemd_cgroup = true };
	struct rb_host host;
	rb_autobuf text = { 0 };

	*m = (struct made) { 0 };
	rb_host_assume(RB_LAYOUT_V2, &host);
	host.euid = rootless ? 1000 : 0;
	rb_buf_printf(&text,
		      "{'ociVersion':'1.3.0','root':{'path':'rootfs'},"
		      "'process':{'cwd':'/','args':['sh'],'user':{'uid':0,'gid':0}},"
		      "'linux':{'namespaces':[{'type':'mount'}%s%s}%s}",
		      rootless ? maps : "]", linux_, top);
	for (char *p = text.data; *p; p++)
		*p = *p == '\'' ? '"' : *p == '`' ? '\'' : *p;
	if (rb_spec_decode("config.json", text.data, text.len, &m->spec, &m->err) < 0 ||
	    rb_plan_compile(&m->plan, &m->spec, &host, &opts, &m->err) < 0)
		return NULL;
	for (size_t i = 0; i < m->plan.len; i++)
		if (m->plan.steps[i].kind == RB_STEP_SCOPE)
			return &m->plan.steps[i];
	return NULL;
}

static void done(struct made *m)
{
	rb_plan_done(&m->plan);
	rb_spec_done(&m->spec);
}

static void test_names(void)
{
	static const struct {
		const char *path;
		bool rootless;
		const char *slice, *unit, *cgroup;
	} cases[] = {
		{ "", false, "system.slice", "runbox-web.scope", "/system.slice/runbox-web.scope" },
		{ "a-b.slice:p:n", false, "a-b.slice", "p-n.scope",
		  "/a.slice/a-b.slice/p-n.scope" },
		{ ":p:n", false, "system.slice", "p-n.scope", "/system.slice/p-n.scope" },
		{ "-.slice::n", false, "-.slice", "n.scope", "/n.scope" },
		{ "a.slice:p:n:o", false, "a.slice", "p-n:o.scope", "/a.slice/p-n:o.scope" },
		{ "", true, "user.slice", "runbox-web.scope",
		  "/user.slice/user-1000.slice/user@1000.service/user.slice/runbox-web.scope" },
		{ "a.slice:p:n", true, "a.slice", "p-n.scope",
		  "/user.slice/user-1000.slice/user@1000.service/a.slice/p-n.scope" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		rb_autobuf member = { 0 };
		struct made m;
		const struct rb_step *step;

		rb_buf_printf(&member, ",'cgroupsPath':'%s'", cases[i].path);
		step = compile(&m, member.data, "", cases[i].rootless);
		ok(step && rb_streq(step->u.scope.scope.slice, cases[i].slice) &&
			   rb_streq(step->u.scope.scope.unit, cases[i].unit) &&
			   step->u.scope.scope.user == cases[i].rootless &&
			   rb_streq(step->u.scope.dirs[0].path, cases[i].cgroup),
		   "\"%s\"%s is %s%s%s", cases[i].path, cases[i].rootless ? " of a user" : "",
		   step ? step->u.scope.dirs[0].path : "refused", m.err.msg[0] ? ": " : "",
		   m.err.msg);
		done(&m);
	}
}

static void test_bad_names(void)
{
	static const char *const paths[] = {
		"/a/b",		  "a:b",
		"a.slice:p:",	  "a:p:n",
		"a--b.slice:p:n", "-a.slice:p:n",
		"a-.slice:p:n",	  "a.slice:p:x/../y",
		"a.slice:p:x y",  "../a.slice:p:n",
		".slice:p:n",	  "a.slice/b.slice:p:n",
	};

	for (size_t i = 0; i < N(paths); i++) {
		rb_autobuf member = { 0 };
		struct made m;

		rb_buf_printf(&member, ",'cgroupsPath':'%s'", paths[i]);
		ok(!compile(&m, member.data, "", false) && rb_streq(m.err.at, "linux.cgroupsPath"),
		   "\"%s\" is refused: %s", paths[i], m.err.msg);
		done(&m);
	}
}

/* A backquote stands for a quote of GVariant text. */
static void test_annotations(void)
{
	static const struct {
		const char *name, *value;
		struct rb_sd_prop want; /* no name: refused */
	} cases[] = {
		{ "TimeoutStopUSec", "uint64 5000000", { "TimeoutStopUSec", 't', 5000000, "" } },
		{ "TimeoutStopUSec", "7", { "TimeoutStopUSec", 't', 7, "" } },
		{ "TimeoutStopSec", "7", { "TimeoutStopUSec", 't', 7000000, "" } },
		{ "RuntimeMaxSec", "18446744073709551615", { .type = 0 } },
		{ "CollectMode", "`inactive`", { "CollectMode", 's', 0, "inactive" } },
		{ "CollectMode", "inactive", { .type = 0 } },
		{ "CollectMode", "`a` `b`", { .type = 0 } },
		{ "DefaultDependencies", "false", { "DefaultDependencies", 'b', 0, "" } },
		{ "DefaultDependencies", "no", { .type = 0 } },
		{ "After", "[`x.service`]", { "After", 'A', 0, "x.service" } },
		{ "After", "`x.service`", { .type = 0 } },
		{ "KillSignal", "int32 15", { "KillSignal", 'i', 15, "" } },
		{ "KillSignal", "2147483648", { .type = 0 } },
		{ "ExecStart", "`x`", { .type = 0 } },
		{ "Wants", "[`x.service`]", { .type = 0 } },
		{ "OnFailure", "[`x.service`]", { .type = 0 } },
		{ "Delegate", "false", { .type = 0 } },
		{ "Slice", "`x.slice`", { .type = 0 } },
		{ "DeviceAllow", "[]", { .type = 0 } },
		{ "", "1", { .type = 0 } },
	};

	for (size_t i = 0; i < N(cases); i++) {
		const struct rb_sd_prop *want = &cases[i].want, *got = NULL;
		rb_autobuf member = { 0 };
		const struct rb_step *step;
		struct made m;

		rb_buf_printf(&member, ",'annotations':{'org.systemd.property.%s':'%s'}",
			      cases[i].name, cases[i].value);
		step = compile(&m, "", member.data, false);
		if (step && step->u.scope.scope.n_props == 1)
			got = &step->u.scope.scope.props[0];
		if (*want->name)
			ok(got && rb_streq(got->name, want->name) && got->type == want->type &&
				   got->number == want->number && rb_streq(got->text, want->text),
			   "annotation %s %s", cases[i].name, cases[i].value);
		else
			ok(!step && strstr(m.err.at, "org.systemd.property."),
			   "annotation %s %s is refused: %s", cases[i].name, cases[i].value,
			   m.err.msg);
		done(&m);
	}
}

/* --- limits --- */

static const struct rb_sd_prop *find(const struct rb_sd_request *req, const char *name)
{
	for (uint32_t i = 0; i < req->n_props; i++)
		if (rb_streq(req->props[i].name, name))
			return &req->props[i];
	return NULL;
}

static void test_limits(void)
{
	static const struct {
		const char *resources, *name;
		uint64_t number;
	} cases[] = {
		{ "'memory':{'limit':1048576}", "MemoryMax", 1048576 },
		{ "'memory':{'limit':-1}", "MemoryMax", UINT64_MAX },
		{ "'memory':{'reservation':4096}", "MemoryLow", 4096 },
		/* swap of the spec is memory and swap together */
		{ "'memory':{'limit':1048576,'swap':3145728}", "MemorySwapMax", 2097152 },
		{ "'memory':{'limit':1048576,'swap':-1}", "MemorySwapMax", UINT64_MAX },
		{ "'pids':{'limit':7}", "TasksMax", 7 },
		{ "'pids':{'limit':-1}", "TasksMax", UINT64_MAX },
		{ "'pids':{'limit':0}", "TasksMax", 1 },
		{ "'cpu':{'shares':1024}", "CPUWeight", 100 },
		{ "'cpu':{'quota':50000,'period':100000}", "CPUQuotaPerSecUSec", 500000 },
		{ "'cpu':{'quota':50000,'period':100000}", "CPUQuotaPeriodUSec", 100000 },
		{ "'cpu':{'quota':50000}", "CPUQuotaPerSecUSec", 500000 },
		{ "'cpu':{'quota':-1}", "CPUQuotaPerSecUSec", UINT64_MAX },
		/* up to the next hundredth: never less than was asked for */
		{ "'cpu':{'quota':33333,'period':100000}", "CPUQuotaPerSecUSec", 340000 },
		{ "'blockIO':{'weight':10}", "IOWeight", 1 },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct rb_sd_request req = { 0 };
		const struct rb_sd_prop *p;
		rb_autobuf member = { 0 };
		struct made m;

		rb_buf_printf(&member, ",'resources':{%s}", cases[i].resources);
		ok(compile(&m, member.data, "", false) != NULL, "%s: %s", cases[i].resources,
		   m.err.msg);
		rb_sd_props_of(&m.spec.linux_.resources, &req);
		p = find(&req, cases[i].name);
		ok(p && p->type == 't' && p->number == cases[i].number, "%s is %s=%llu",
		   cases[i].resources, cases[i].name, p ? (unsigned long long)p->number : 0);
		done(&m);
	}
}

static void test_lists(void)
{
	struct rb_resources res = { .cpu = { .cpus = (char *)"0,3-4,9", .mems = (char *)"0" } };
	struct rb_sd_request req = { 0 };
	const struct rb_sd_prop *p;

	rb_sd_props_of(&res, &req);
	p = find(&req, "AllowedCPUs");
	ok(p && p->type == 'Y' && p->number == 2 && (p->text[0] & 0xff) == 0x19 && p->text[1] == 2,
	   "CPUs are a bit string, the lowest first");
	p = find(&req, "AllowedMemoryNodes");
	ok(p && p->type == 'Y' && p->number == 1 && p->text[0] == 1, "nodes too");
	req = (struct rb_sd_request) { 0 };
	res.cpu.cpus = res.cpu.mems = NULL;
	rb_sd_props_of(&res, &req);
	is_num(req.n_props, 0, "what is not set is not told");
}

int main(void)
{
	test_names();
	test_bad_names();
	test_annotations();
	test_limits();
	test_lists();
	return tap_done();
}
