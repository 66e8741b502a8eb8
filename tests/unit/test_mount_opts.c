/* test_mount_opts.c - mount options sorted by what carries them out */
#include <sys/mount.h>

#include "runbox/err.h"
#include "runbox/names.h"
#include "runbox/spec.h"
#include "tap.h"

#define MAX   6
#define ATIME MOUNT_ATTR__ATIME

/* Parses up to MAX words. */
static int parse(struct rb_arena *a, const char *const words[MAX], struct rb_mount_opts *o,
		 struct rb_err *err)
{
	struct rb_strv v = { 0 };
	char *list[MAX + 1] = { 0 };

	while (v.n < MAX && words[v.n]) {
		list[v.n] = rb_arena_strdup(a, words[v.n]);
		v.n++;
	}
	v.v = list;
	return rb_mount_opts_parse(a, &v, "mounts[2].options", o, err);
}

static void test_bits(void)
{
	static const struct {
		const char *words[MAX];
		uint64_t set, clr, rset, rclr;
		unsigned long sb_set, sb_clr;
	} cases[] = {
		{ { NULL }, 0, 0, 0, 0, 0, 0 },
		{ { "defaults", "auto", "nofail", "_netdev", "", "x-systemd.automount" },
		  0,
		  0,
		  0,
		  0,
		  0,
		  0 },
		{ { "ro" }, MOUNT_ATTR_RDONLY, 0, 0, 0, MS_RDONLY, 0 },
		{ { "ro", "rw" }, 0, MOUNT_ATTR_RDONLY, 0, 0, 0, 0 },
		{ { "rw", "ro" }, MOUNT_ATTR_RDONLY, 0, 0, 0, MS_RDONLY, 0 },
		{ { "bind", "ro" }, MOUNT_ATTR_RDONLY, 0, 0, 0, 0, 0 },
		{ { "rbind", "rro" }, 0, 0, MOUNT_ATTR_RDONLY, 0, 0, 0 },
		{ { "nosuid", "nodev", "noexec" },
		  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		  0,
		  0,
		  0,
		  0,
		  0 },
		{ { "user", "exec" },
		  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		  MOUNT_ATTR_NOEXEC,
		  0,
		  0,
		  0,
		  0 },
		{ { "nosymfollow" }, MOUNT_ATTR_NOSYMFOLLOW, 0, 0, 0, 0, 0 },
		{ { "noatime" }, MOUNT_ATTR_NOATIME, ATIME, 0, 0, 0, 0 },
		{ { "strictatime" }, MOUNT_ATTR_STRICTATIME, ATIME, 0, 0, 0, 0 },
		{ { "noatime", "strictatime" }, MOUNT_ATTR_STRICTATIME, ATIME, 0, 0, 0, 0 },
		{ { "noatime", "relatime" }, 0, ATIME, 0, 0, 0, 0 },
		{ { "noatime", "nostrictatime" }, MOUNT_ATTR_NOATIME, ATIME, 0, 0, 0, 0 },
		{ { "atime" }, 0, ATIME, 0, 0, 0, 0 },
		{ { "norelatime" }, 0, 0, 0, 0, 0, 0 },
		{ { "nodiratime", "noatime" },
		  MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOATIME,
		  ATIME,
		  0,
		  0,
		  0,
		  0 },
		{ { "rnoatime", "rnosuid", "rdev" },
		  0,
		  0,
		  MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOSUID,
		  ATIME | MOUNT_ATTR_NODEV,
		  0,
		  0 },
		{ { "sync", "dirsync", "lazytime", "silent" },
		  0,
		  0,
		  0,
		  0,
		  MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_SILENT,
		  0 },
		{ { "sync", "async", "nomand", "iversion" },
		  0,
		  0,
		  0,
		  0,
		  MS_I_VERSION,
		  MS_SYNCHRONOUS | MS_MANDLOCK },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rb_autoarena a = { 0 };
		struct rb_mount_opts o = { 0 };
		struct rb_err err = { 0 };

		if (!ok(parse(&a, cases[i].words, &o, &err) == 0, "options %zu are taken: %s", i,
			err.msg))
			continue;
		ok(o.attr_set == cases[i].set && o.attr_clr == cases[i].clr,
		   "options %zu, this mount", i);
		ok(o.rattr_set == cases[i].rset && o.rattr_clr == cases[i].rclr,
		   "options %zu, the tree", i);
		ok(o.sb_set == cases[i].sb_set && o.sb_clr == cases[i].sb_clr,
		   "options %zu, superblock", i);
		ok(o.data.n == 0 && !o.data.v[0], "options %zu, none for the file system", i);
	}
}

static void test_rest(void)
{
	static const char *const tmpfs[MAX] = { "mode=755", "nosuid", "size=64k", "tmpcopyup" };
	static const char *const bind[MAX] = { "rbind", "rprivate", "slave", "slave",
					       "src-nofollow" };
	static const char *const idmap[MAX] = { "bind",
						"ridmap=uids=0-1000-10#10-5000-1;gids=0-100-1" };
	static const char *const relative[MAX] = { "bind", "idmap=uids=@0-1-10;gids=@0-1-10" };
	rb_autoarena a = { 0 };
	struct rb_mount_opts o = { 0 };
	struct rb_err err = { 0 };

	ok(parse(&a, tmpfs, &o, &err) == 0 && o.data.n == 2 && o.tmpcopyup && !o.bind, "tmpfs");
	is_str(o.data.v[0], "mode=755", "what is left keeps its order, first");
	is_str(o.data.v[1], "size=64k", "second");
	ok(parse(&a, bind, &o, &err) == 0 && o.bind && o.bind_rec && o.src_nofollow, "bind");
	ok(o.n_propagation == 2 && o.propagation[0] == (MS_PRIVATE | MS_REC) &&
		   o.propagation[1] == MS_SLAVE,
	   "propagation in the order given, repeats left out");
	ok(parse(&a, idmap, &o, &err) == 0 && o.idmap && o.ridmap && !o.idmap_relative &&
		   o.n_idmap_uids == 2 && o.n_idmap_gids == 1,
	   "id map of its own");
	ok(o.idmap_uids[1].container_id == 10 && o.idmap_uids[1].host_id == 5000 &&
		   o.idmap_uids[1].size == 1,
	   "its second range");
	ok(parse(&a, relative, &o, &err) == 0 && o.idmap && !o.ridmap && o.idmap_relative,
	   "a relative one");
}

static void test_refused(void)
{
	static const struct {
		const char *words[MAX], *msg, *at;
	} cases[] = {
		{ { "bind", "noexe" },
		  "mounts[2].options[1]: unknown option \"noexe\" of a bind mount, did you mean "
		  "\"noexec\"?",
		  "mounts[2].options[1]" },
		{ { "mode=755", "bind" },
		  "mounts[2].options[0]: unknown option \"mode=755\" of a bind mount",
		  "mounts[2].options[0]" },
		{ { "private", "shared", "slave", "rslave", "rshared" },
		  "mounts[2].options[4]: more than 4 propagation options",
		  "mounts[2].options[4]" },
		{ { "idmap=" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10;gids=@0-1-10" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10;gids=0-1-0" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10;gids=0-1-4294967295" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10#;gids=0-1-1" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-10;uids=0-1-10;gids=0-1-1" }, NULL, "mounts[2].options[0]" },
		{ { "idmap=uids=0-1-99999999999999999999;gids=0-1-1" },
		  NULL,
		  "mounts[2].options[0]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rb_autoarena a = { 0 };
		struct rb_mount_opts o = { 0 };
		struct rb_err err = { 0 };

		ok(parse(&a, cases[i].words, &o, &err) < 0 && err.kind == RB_ERR_CONFIG,
		   "refused, case %zu", i);
		is_str(err.at, cases[i].at, "its place");
		if (cases[i].msg)
			is_str(err.msg, cases[i].msg, "its message");
	}
}

/* Every recursive word has its plain one, and the rows make sense. */
static void test_table(void)
{
	size_t n = 0, r = 0;

	for (const struct rb_mount_option *o = rb_mount_options; o->name; o++, n++) {
		const struct rb_mount_option *plain = rb_mount_options;

		if (o->kind != RB_MOPT_RATTR)
			continue;
		r++;
		while (plain->name && strcmp(plain->name, o->name + 1) != 0)
			plain++;
		ok(plain->name && plain->kind == RB_MOPT_ATTR && plain->set == o->set &&
			   plain->clr == o->clr,
		   "%s is %s for the whole tree", o->name, o->name + 1);
	}
	ok(n >= 70 && r == 18, "%zu options, %zu of them recursive", n, r);
}

int main(void)
{
	test_bits();
	test_rest();
	test_refused();
	test_table();
	return tap_done();
}
