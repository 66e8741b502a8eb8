/* test_rdt.c - text of resctrl's schemata: how the config's fields are put together, and compared
 */
#include "exec/rdt_priv.h"
#include "runbox/str.h"
#include "tap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void test_combine(void)
{
	static const struct {
		const char *l3, *mb, *want;
	} cases[] = {
		{ NULL, NULL, "" },
		{ "L3:0=f", NULL, "L3:0=f\n" },
		{ NULL, "MB:0=20", "MB:0=20\n" },
		{ "L3:0=f;1=3\n", "MB:0=20", "L3:0=f;1=3\nMB:0=20\n" },
		/* a line of bandwidth gives way only to another one */
		{ "MB:0=50\nL3:0=f", "MB:0=20", "L3:0=f\nMB:0=20\n" },
		{ "L3:0=f\n MB:0=50\n\nL2:0=1", "MB:0=20", "L3:0=f\nL2:0=1\nMB:0=20\n" },
		{ "MB:0=50\nL3:0=f", NULL, "MB:0=50\nL3:0=f\n" },
		{ "\n\n", NULL, "" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		rb_autobuf out = { 0 };

		rb_rdt_combine(cases[i].l3, cases[i].mb, &out);
		is_str(out.data, cases[i].want, "combine");
	}
}

static void test_lines(void)
{
	char *v[] = { "L3:0=f", "", "L2:0=1\nMB:0=10\n" };
	struct rb_strv schemata = { v, N(v) }, none = { 0 };
	rb_autobuf out = { 0 }, empty = { 0 };

	rb_rdt_lines(&schemata, &out);
	is_str(out.data, "L3:0=f\nL2:0=1\nMB:0=10\n", "lines");
	rb_rdt_lines(&none, &empty);
	is_str(empty.data, "", "no lines");
}

static void test_differs(void)
{
	static const char have[] = "    MB:0=  20;1= 100\n    L3:0=000f0;1=fffff\nL3CODE:0=0f\n";
	static const struct {
		const char *want;
		uint64_t gran;
		const char *what; /* NULL: the same */
	} cases[] = {
		{ "", 10, NULL },
		{ "L3:0=f0\n", 10, NULL },
		{ "L3:1=0fffff;0=00f0\nMB:1=100", 10, NULL },
		{ " L3 : 0 = F0 \n", 10, NULL },
		{ "L3:0=f1\n", 10, "L3:0=f1" },
		{ "L3:0=f0;1=f\n", 10, "L3:1=f" },
		{ "L3:2=f0\n", 10, "L3:2=f0" },
		{ "L2:0=f0\n", 10, "L2:0=f0" },
		/* part of a name is another name */
		{ "L3CODE:0=f\n", 10, NULL },
		{ "L3COD:0=f\n", 10, "L3COD:0=f" },
		/* the kernel rounds bandwidths up, and nothing else */
		{ "MB:0=15\n", 10, NULL },
		{ "MB:0=11\n", 10, NULL },
		{ "MB:0=10\n", 10, "MB:0=10" },
		{ "MB:0=21\n", 10, "MB:0=21" },
		{ "MB:0=15\n", 1, "MB:0=15" },
		{ "L3:0=e8\n", 16, "L3:0=e8" },
		/* the last word counts */
		{ "L3:0=1\nMB:0=20\nL3:0=f0\n", 10, NULL },
		{ "L3:0=f0\nL3:0=1\n", 10, "L3:0=1" },
		/* what is no schema is not there */
		{ "L3\n", 10, "L3:=" },
		{ "L3:0\n", 10, "L3:0=" },
		{ "L3:0=\n", 10, "L3:0=" },
		{ "L3:0=zz\n", 10, "L3:0=zz" },
		{ "L3:0=111111111111111111111111111111\n", 10,
		  "L3:0=111111111111111111111111111111" },
		{ "L3:;;0=f0\n", 10, "L3:=" },
		{ ":\n", 10, ":=" },
		{ "=;:=\n", 10, "=;:=" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		rb_autobuf what = { 0 };
		bool differs = rb_rdt_differs(cases[i].want, have, cases[i].gran, &what);

		ok(differs == !!cases[i].what, "differs %zu: %s", i, differs ? "yes" : "no");
		is_str(what.data, cases[i].what, "what differs");
	}
}

int main(void)
{
	test_combine();
	test_lines();
	test_differs();
	return tap_done();
}
