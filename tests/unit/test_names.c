/* test_names.c - the vocabulary: lookups, "did you mean", signals, capabilities, and forms of words */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>

#include "runbox/names.h"
#include "runbox/str.h"
#include "spec/decode_priv.h"
#include "tap.h"

static void test_tables(void)
{
	static const struct {
		const struct rb_name *table;
		const char *name;
		size_t rows;
	} tables[] = {
		{ rb_cap_names, "capabilities", 41 },
		{ rb_rlimit_names, "rlimits", 16 },
		{ rb_signal_names, "signals", 36 },
		{ rb_hook_names, "hooks", 6 },
		{ rb_propagation_names, "propagation", 8 },
		{ rb_personality_names, "personality", 2 },
		{ rb_sched_policy_names, "policies", 7 },
		{ rb_sched_flag_names, "sched flags", 7 },
		{ rb_ioprio_class_names, "io classes", 3 },
		{ rb_seccomp_action_names, "actions", 9 },
		{ rb_seccomp_arch_names, "archs", 23 },
		{ rb_seccomp_op_names, "operators", 7 },
		{ rb_seccomp_flag_names, "seccomp flags", 4 },
		{ rb_mpol_mode_names, "mempolicies", 7 },
		{ rb_mpol_flag_names, "mempolicy flags", 3 },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		size_t n = 0;
		bool found = true;

		for (const struct rb_name *r = tables[i].table; r->name; r++, n++)
			found &= rb_name_find(tables[i].table, r->name) == r;
		ok(found && n == tables[i].rows, "%s: %zu rows, each found once", tables[i].name,
		   n);
	}
	ok(!rb_name_find(rb_cap_names, "cap_chown"), "exact case");
	is_str(rb_name_of(rb_cap_names, 21), "CAP_SYS_ADMIN", "the name of a value");
	ok(!rb_name_of(rb_cap_names, 63), "no name of a value");
	ok(rb_ns_types[0].flag == CLONE_NEWUSER &&
		   rb_ns_types[RB_NS_COUNT - 1].flag == CLONE_NEWPID,
	   "the user namespace is entered first, the pid namespace last");
	for (int i = 0; i < RB_NS_COUNT; i++)
		ok(rb_ns_types[i].name && rb_ns_types[i].file && rb_ns_types[i].flag,
		   "namespace %d", i);
	ok(!rb_ns_types[RB_NS_COUNT].name, "and no more");
}

static void test_near(void)
{
	static const struct {
		const struct rb_name *table;
		const char *word, *near;
	} cases[] = {
		{ rb_rlimit_names, "RLIMIT_NOFILES", "RLIMIT_NOFILE" },
		{ rb_rlimit_names, "rlimit_nofile", "RLIMIT_NOFILE" },
		{ rb_rlimit_names, "NOFILE", NULL },
		{ rb_cap_names, "CAP_SYSADMIN", "CAP_SYS_ADMIN" },
		{ rb_propagation_names, "privat", "private" },
		{ rb_propagation_names, "x", NULL },
		{ rb_propagation_names, "", NULL },
		{ rb_propagation_names,
		  "a word of more than forty-eight characters is not compared", NULL },
		{ rb_seccomp_action_names, "SCMP_ACT_ALOW", "SCMP_ACT_ALLOW" },
		{ rb_propagation_names, "salve", "slave" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(rb_name_near(cases[i].table, cases[i].word), cases[i].near, cases[i].word);
}

static void test_signals(void)
{
	static const struct {
		const char *text;
		int signum;
	} cases[] = {
		{ "TERM", SIGTERM },
		{ "SIGTERM", SIGTERM },
		{ "sigterm", SIGTERM },
		{ "15", 15 },
		{ "0", 0 },
		{ "64", 64 },
		{ "65", -EINVAL },
		{ "-1", -EINVAL },
		{ "", -EINVAL },
		{ "SIG", -EINVAL },
		{ "9x", -EINVAL },
		{ " 9", -EINVAL },
		{ "RTMIN", 34 },
		{ "SIGRTMIN+3", 37 },
		{ "rtmax-1", 63 },
		{ "RTMIN+30", 64 },
		{ "RTMIN+31", -EINVAL },
		{ "RTMAX-31", -EINVAL },
		{ "RTMIN+", -EINVAL },
		{ "CHLD", SIGCHLD },
		{ "POLL", SIGIO },
		{ "TER", -EINVAL },
		{ "TERMS", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_num(rb_signal_parse(cases[i].text), cases[i].signum, cases[i].text);
}

static void test_caps(void)
{
	static const struct {
		const char *text;
		int bit;
	} cases[] = {
		{ "CAP_CHOWN", 0 },	 { "chown", 0 },
		{ "cap_sys_admin", 21 }, { "CHECKPOINT_RESTORE", 40 },
		{ "CAP_", -EINVAL },	 { "", -EINVAL },
		{ "ALL", -EINVAL },	 { "CAP_CHOWNX", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_num(rb_cap_parse(cases[i].text), cases[i].bit, cases[i].text);
}

static void test_forms(void)
{
	static const struct {
		bool (*is)(const char *);
		const char *good[8], *bad[12];
	} cases[] = {
		{ rb_is_cpu_list,
		  { "0", "0-3,7", "0, 2-3", " 1 ", "2147483647" },
		  { "", ",", "1,", "3-1", "a", "1-", "-1", "1--2", "1 2", "99999999999999999999",
		    "2147483648" } },
		{ rb_is_ifname,
		  { "eth0", "a", "123456789012345", "e-t.h" },
		  { "", ".", "..", "a/b", "a b", "a:b", "1234567890123456", "a\n" } },
		{ rb_is_file_name, { "a", "a.b", "..." }, { "", ".", "..", "/", "a/b" } },
		{ rb_is_ip,
		  { "1.2.3.4", "::", "fd17::2" },
		  { "", "1.2.3", "1.2.3.4/8", "g::", "1.2.3.4 " } },
		{ rb_is_cidr,
		  { "10.0.0.0/8", "fd17::2/64", "0.0.0.0/0", "::/128" },
		  { "10.0.0.0", "10.0.0.0/33", "::/129", "/8", "1.2.3.4/", "1.2.3.4/-1",
		    "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111/1" } },
		{ rb_is_mac,
		  { "02:00:00:00:00:01", "aA:bB:cC:dD:eE:fF" },
		  { "", "02:00:00:00:00", "02-00-00-00-00-01",
		    "02:00:00:00:00:01:", "0g:00:00:00:00:00" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t k = 0; k < 8 && cases[i].good[k]; k++)
			ok(cases[i].is(cases[i].good[k]), "form %zu takes '%s'", i,
			   cases[i].good[k]);
		for (size_t k = 0; k < 12 && cases[i].bad[k]; k++)
			ok(!cases[i].is(cases[i].bad[k]), "form %zu refuses bad %zu", i, k);
	}
}

static void test_amounts(void)
{
	static const struct {
		const char *text;
		uint64_t rate, size;
	} cases[] = {
		/* 0: refused */
		{ "10mbit", 10000000, 0 },
		{ "1kbit", 1000, 0 },
		{ "8", 8, 8 },
		{ "1kibit", 1024, 0 },
		{ "1mbps", 8000000, 0 },
		{ "10Mbit", 10000000, 0 },
		{ "32kb", 0, 32768 },
		{ "1m", 0, 1048576 },
		{ "5b", 0, 5 },
		{ "0mbit", 0, 0 },
		{ "", 0, 0 },
		{ "mbit", 0, 0 },
		{ "-1mbit", 0, 0 },
		{ "1.5mbit", 0, 0 },
		{ "1 mbit", 0, 0 },
		{ "99999999999999999999", 0, 0 },
		{ "18446744073709551615gb", 0, 0 },
		{ "18446744073709551615gbit", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;
		int r = rb_parse_rate(cases[i].text, &v);

		ok(cases[i].rate ? r == 0 && v == cases[i].rate : r < 0, "rate '%s'",
		   cases[i].text);
		r = rb_parse_size(cases[i].text, &v);
		ok(cases[i].size ? r == 0 && v == cases[i].size : r < 0, "size '%s'",
		   cases[i].text);
	}
}

static void test_versions(void)
{
	static const struct {
		const char *text;
		int major;
	} cases[] = {
		{ "1.0.0", 1 },	      { "1.0.2-dev", 1 }, { "1.3.0-rc.1+build.7", 1 },
		{ "0.5.0-dev", 0 },   { "2.0.0", 2 },	  { "", -1 },
		{ "1", -1 },	      { "1.0", -1 },	  { "1.0.0.0", -1 },
		{ "v1.0.0", -1 },     { "01.0.0", -1 },	  { "1.0.0-", -1 },
		{ "1.0.0-a..b", -1 }, { "1.0.0+", -1 },	  { "1.0.0 ", -1 },
		{ "-1.0.0", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t major = 0;
		int r = rb_parse_semver(cases[i].text, &major);

		ok(cases[i].major < 0 ? r < 0 : r == 0 && major == (uint64_t)cases[i].major,
		   "version '%s'", cases[i].text);
	}
}

static void test_clean(void)
{
	static const struct {
		const char *path, *clean;
	} cases[] = {
		{ "/", "/" },
		{ "", "/" },
		{ "/a/b", "/a/b" },
		{ "a", "/a" },
		{ "//a///b//", "/a/b" },
		{ "/./a/.", "/a" },
		{ "/a/../b", "/b" },
		{ "/../..", "/" },
		{ "/a/b/../..", "/" },
		{ "/...", "/..." },
		{ "../a", "/a" },
	};
	rb_autoarena a = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(rb_path_clean(&a, cases[i].path), cases[i].clean, cases[i].path);
}

int main(void)
{
	test_tables();
	test_near();
	test_signals();
	test_caps();
	test_forms();
	test_amounts();
	test_versions();
	test_clean();
	return tap_done();
}
