/* test_env.c - environment, PATH, home directory and CPU lists: text in, text out */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/env_priv.h"
#include "exec/steps_priv.h"
#include "runbox/fd.h"
#include "tap.h"

/* Entries one a line. */
static struct rb_strv list(char *text)
{
	struct rb_strv s = { .v = calloc(32, sizeof(*s.v)) };
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		s.v[s.n++] = l;
	return s;
}

static const struct {
	const char *name, *first, *over, *home, *want;
} merges[] = {
	{ "nothing in, HOME out", "", "", "/root", "HOME=/root\n" },
	{ "order is kept", "A=1\nB=2", "", NULL, "A=1\nB=2\n" },
	{ "the last of two wins, in the first's place", "A=1\nB=2\nA=3", "", NULL, "A=3\nB=2\n" },
	{ "what is put over wins", "A=1\nB=2", "B=3\nC=4", NULL, "A=1\nB=3\nC=4\n" },
	{ "HOME that is set stays", "HOME=/x", "", "/root", "HOME=/x\n" },
	{ "HOME that is empty is filled", "HOME=\nA=1", "", "/root", "HOME=/root\nA=1\n" },
	{ "the last HOME decides", "HOME=/x\nHOME=", "", "/root", "HOME=/root\n" },
	{ "HOME put over stays", "HOME=", "HOME=/y", "/root", "HOME=/y\n" },
	{ "a prefix is another variable", "AB=1\nA=2", "A=3", NULL, "AB=1\nA=3\n" },
	{ "values may hold =", "A=b=c\nA=d=e", "", NULL, "A=d=e\n" },
	{ "an entry without = is a name alone", "A\nA=1\nB", "", NULL, "A=1\nB\n" },
};

static void test_merge(void)
{
	for (size_t i = 0; i < sizeof(merges) / sizeof(merges[0]); i++) {
		rb_autofree char *a = strdup(merges[i].first), *b = strdup(merges[i].over);
		struct rb_strv first = list(a), over = list(b);
		char **env = rb_env_merge(&first, &over, merges[i].home);
		rb_autobuf got = { 0 };

		for (size_t k = 0; env[k]; k++)
			rb_buf_printf(&got, "%s\n", env[k]);
		is_str(got.data, merges[i].want, merges[i].name);
		rb_env_free(env);
		free(first.v);
		free(over.v);
	}
}

static void test_get(void)
{
	char text[] = "PATH=/a\nPATHX=/b\nPATH=/c\nEMPTY=\nNONE";
	struct rb_strv env = list(text);

	is_str(rb_env_get(&env, "PATH"), "/c", "get: the last one");
	is_str(rb_env_get(&env, "EMPTY"), "", "get: empty is not unset");
	is_str(rb_env_get(&env, "NONE"), NULL, "get: without = there is no value");
	is_str(rb_env_get(&env, "P"), NULL, "get: not by its beginning");
	free(env.v);
}

static const struct {
	const char *path, *want;
} paths[] = {
	{ "/bin", "/bin/x " },
	{ "/bin:/usr/bin", "/bin/x /usr/bin/x " },
	{ "", "./x " },
	{ "/bin:", "/bin/x ./x " },
	{ ":/bin", "./x /bin/x " },
	{ "/a::/b", "/a/x ./x /b/x " },
	{ "rel:/b", "rel/x /b/x " },
};

static void test_path(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *rest = paths[i].path;
		rb_autobuf got = { 0 };
		char *entry;

		while ((entry = rb_path_entry(&rest, "x"))) {
			rb_buf_printf(&got, "%s ", entry);
			free(entry);
		}
		is_str(got.data, paths[i].want, paths[i].path);
	}
}

static const struct {
	const char *name, *text;
	uint32_t uid;
	const char *want;
} homes[] = {
	{ "root", "root:x:0:0:root:/root:/bin/sh\n", 0, "/root" },
	{ "second line, no newline at the end", "a:x:1:1::/a:/s\nb:x:2:2::/b:/s", 2, "/b" },
	{ "the first of two", "a:x:7:1::/a:/s\nb:x:7:2::/b:/s", 7, "/a" },
	{ "no shell", "a:x:7:1::/a", 7, "/a" },
	{ "nobody of that uid", "a:x:1:1::/a:/s", 2, NULL },
	{ "a uid is read whole", "a:x:1x:1::/a:/s\nb:x: 1:1::/b:/s", 1, NULL },
	{ "too few fields", "a:x:1:1\n", 1, NULL },
	{ "empty lines and comments", "\n\n#x\na:x:1:1::/a:/s", 1, "/a" },
	{ "a relative home is none", "a:x:1:1::a:/s", 1, NULL },
	{ "an empty home is none", "a:x:1:1:::/s", 1, NULL },
	{ "a name that is a number is no uid", "1:x:5:5::/five:/s", 1, NULL },
	{ "out of range", "a:x:4294967296:1::/a:/s", 0, NULL },
	{ "empty file", "", 0, NULL },
};

static void test_home(void)
{
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		rb_autofree char *text = strdup(homes[i].text);
		rb_autofree char *got = rb_passwd_home(text, homes[i].uid);

		is_str(got, homes[i].want, homes[i].name);
	}
}

static const struct {
	const char *text;
	int ret;
	unsigned long want;
} lists[] = {
	{ "0", 0, 0x1 },	{ "0-3,7", 0, 0x8f },
	{ "5,1,3-4", 0, 0x3a }, { "0, 2", 0, 0x5 },
	{ "63", 0, 1ul << 63 }, { "", -EINVAL, 0 },
	{ "64", -EINVAL, 0 },	{ "3-1", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },	{ "1-", -EINVAL, 0 },
	{ "1,", -EINVAL, 0 },	{ "a", -EINVAL, 0 },
	{ "1 2", -EINVAL, 0 },	{ "99999999999999999999", -EINVAL, 0 },
};

static void test_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		unsigned long bits = 0;

		is_num(rb_list_parse(lists[i].text, &bits, 64), lists[i].ret, lists[i].text);
		if (lists[i].ret == 0)
			ok(bits == lists[i].want, "list %s: %lx", lists[i].text, bits);
	}
}

int main(void)
{
	test_merge();
	test_get();
	test_path();
	test_home();
	test_lists();
	return tap_done();
}
