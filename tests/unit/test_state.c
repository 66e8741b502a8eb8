/* test_state.c - ids, journal lines, state.json, the directory of a container, legality of verbs */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/state.h"
#include "tap.h"

static void test_ids(void)
{
	static const struct {
		const char *id;
		bool good;
	} cases[] = {
		{ "web", true },  { "A-z_0+9.x", true }, { "-x", true },   { "...", true },
		{ "", false },	  { ".", false },	 { "..", false },  { "a/b", false },
		{ "a b", false }, { "a\nb", false },	 { "a:b", false }, { "\xc3\xa4", false },
		{ "@x", false },
	};
	char long_id[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = { 0 };

		ok((rb_id_check(cases[i].id, &err) == 0) == cases[i].good, "id case %zu", i);
	}
	memset(long_id, 'x', sizeof(long_id));
	long_id[255] = '\0';
	ok(rb_id_check(long_id, &(struct rb_err) { 0 }) == 0, "255 bytes are a name");
	long_id[255] = 'x';
	long_id[256] = '\0';
	ok(rb_id_check(long_id, &(struct rb_err) { 0 }) < 0, "256 are none");
}

static void test_fields(void)
{
	static const char *const texts[] = {
		"plain", "", "a\tb", "a\nb", "back\\slash", "\\t", "\\"
	};
	rb_autoarena arena = { 0 };
	rb_autobuf line = { 0 };
	struct rb_strv fields;
	size_t n = sizeof(texts) / sizeof(texts[0]);

	rb_buf_add(&line, "kind");
	for (size_t i = 0; i < n; i++)
		rb_field_add(&line, texts[i]);
	ok(!strchr(line.data, '\n'), "a line stays one line");
	rb_field_split(&arena, line.data, &fields);
	is_num((long)fields.n, (long)n + 1, "as many fields as were put in");
	for (size_t i = 0; i < n && i + 1 < fields.n; i++)
		is_str(fields.v[i + 1], texts[i], "a field comes back as it was");
}

static char *cgroups[] = { (char *)"/sys/fs/cgroup/a", (char *)"/sys/fs/cgroup/b\"", NULL };

static void test_state_json(void)
{
	struct rb_kv annotation = { "a.b", "x\ty" };
	struct rb_state out = {
		.oci_version = "1.3.0",
		.id = "web",
		.bundle = "/b",
		.rootfs = "/b/rootfs",
		.created = "2026-01-01T00:00:00.000000001Z",
		.pid = 42,
		.start_time = 18446744073709551615u,
		.uid = 7,
		.own_pidns = true,
		.has_poststop = true,
		.annotations = { &annotation, 1 },
		.cgroups = { cgroups, 2 },
	};
	rb_autostate in = { .pid = 0 };
	struct rb_err err = { 0 };
	rb_autobuf text = { 0 };

	rb_state_text(&out, &text);
	ok(rb_state_parse(text.data, text.len, &in, &err) == 0, "state.json is read: %s", err.msg);
	is_str(in.id, "web", "id");
	is_str(in.created, out.created, "created");
	is_num(in.pid, 42, "pid");
	ok(in.start_time == out.start_time, "start time has all 64 bits");
	ok(in.own_pidns && in.has_poststop && !in.has_poststart, "flags");
	is_num((long)in.cgroups.n, 2, "cgroups");
	is_str(in.cgroups.n == 2 ? in.cgroups.v[1] : NULL, cgroups[1], "a cgroup's path");
	is_str(in.annotations.n == 1 ? in.annotations.v[0].value : NULL, "x\ty", "annotation");
}

static void test_bad_state_json(void)
{
	static const char *const edits[][2] = {
		{ "\"pid\":42", "\"pid\":0" },
		{ "\"pid\":42", "\"pid\":-42" },
		{ "\"pid\":42", "\"pid\":\"42\"" },
		{ "\"pid\":42", "\"pid\":4294967295" },
		{ "\"pid\":42", "\"p\":42" },
		{ "\"cgroups\":[]", "\"cgroups\":[\"rel\"]" },
		{ "\"cgroups\":[]", "\"cgroups\":{}" },
		{ "\"annotations\":{}", "\"annotations\":{\"a\":1}" },
		{ "\"poststop\":false", "\"poststop\":0" },
	};
	struct rb_state out = {
		.oci_version = "", .id = "", .bundle = "", .rootfs = "", .created = "", .pid = 42
	};
	rb_autobuf text = { 0 };

	rb_state_text(&out, &text);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		rb_autostate in = { .pid = 0 };
		struct rb_err err = { 0 };
		rb_autobuf edited = { 0 };
		const char *at = strstr(text.data, edits[i][0]);

		if (!ok(at != NULL, "the text has %s", edits[i][0]))
			continue;
		rb_buf_addn(&edited, text.data, (size_t)(at - text.data));
		rb_buf_add(&edited, edits[i][1]);
		rb_buf_add(&edited, at + strlen(edits[i][0]));
		ok(rb_state_parse(edited.data, edited.len, &in, &err) < 0, "refused: %s",
		   edits[i][1]);
	}
}

static void test_store(const char *root)
{
	rb_autostore store = RB_STORE_NONE, again = RB_STORE_NONE, look = RB_STORE_NONE;
	rb_autoarena arena = { 0 };
	struct rb_err err = { 0 };
	struct rb_strv lines, ids;

	ok(rb_store_create(&store, root, "web", &err) == 0, "made: %s", err.msg);
	is_num(rb_store_create(&again, root, "web", &err), -EEXIST, "not made twice");
	err = (struct rb_err) { 0 };
	ok(rb_store_open(&look, root, "web", RB_LOCK_NONE, &err) == 0, "opened without the lock");
	ok(rb_store_is_locked(&look), "locked by its maker");
	ok(!rb_store_is_locked(&store), "its maker does not count itself");
	ok(rb_store_note(&store, "create\tx", &err) == 0 &&
		   rb_store_note(&store, "start", &err) == 0,
	   "noted");
	ok(rb_store_journal(&look, &arena, &lines, &err) == 0 && lines.n == 2, "two lines");
	ok(rb_store_has_line(&lines, "create") && rb_store_has_line(&lines, "start"), "both kinds");
	ok(!rb_store_has_line(&lines, "star"), "a kind is a whole word");
	rb_store_unlock(&store);
	ok(!rb_store_is_locked(&look), "unlocked");
	ok(rb_store_list(&arena, root, &ids, &err) == 0 && ids.n == 1, "one id in the list");
	ok(mkdirat(store.dir_fd, "notify", 0755) == 0, "a directory in it");
	ok(rb_store_remove(&store, &err) == 0, "removed: %s", err.msg);
	is_num(rb_store_open(&again, root, "web", RB_LOCK_WAIT, &err), -ENOENT, "gone");
}

static void test_hostile_root(const char *root)
{
	rb_autofree char *link = NULL;
	rb_autostore store = RB_STORE_NONE;
	struct rb_err err = { 0 };

	if (asprintf(&link, "%s/link", root) < 0)
		abort();
	ok(symlink("/", link) == 0, "a link in the root");
	ok(rb_store_open(&store, root, "link", RB_LOCK_NONE, &err) < 0, "is not followed");
	(void)unlink(link);
	rb_store_close(&store);
	err = (struct rb_err) { 0 };
	ok(chmod(root, 0777) == 0 && rb_store_create(&store, root, "x", &err) < 0,
	   "a root that others can write to is refused");
	ok(chmod(root, 0700) == 0, "back");
}

static void test_torn_journal(const char *root)
{
	rb_autostore store = RB_STORE_NONE;
	rb_autoarena arena = { 0 };
	struct rb_err err = { 0 };
	struct rb_strv lines;

	ok(rb_store_create(&store, root, "torn", &err) == 0, "made");
	ok(rb_store_note(&store, "whole", &err) == 0, "noted");
	{
		rb_autofd fd = openat(store.dir_fd, "journal", O_WRONLY | O_APPEND | O_CLOEXEC);

		ok(rb_write_all(fd, "half", 4) == 0, "torn");
	}
	ok(rb_store_journal(&store, &arena, &lines, &err) == 0 && lines.n == 1,
	   "half a line is left out");
	ok(rb_store_remove(&store, &err) == 0, "removed");
}

static void test_verbs(void)
{
	static const struct {
		enum rb_verb verb;
		enum rb_status status;
		bool legal;
	} cases[] = {
		{ RB_VERB_START, RB_CREATED, true },   { RB_VERB_START, RB_RUNNING, false },
		{ RB_VERB_START, RB_STOPPED, false },  { RB_VERB_KILL, RB_CREATED, true },
		{ RB_VERB_KILL, RB_STOPPED, false },   { RB_VERB_DELETE, RB_STOPPED, true },
		{ RB_VERB_DELETE, RB_RUNNING, false }, { RB_VERB_DELETE, RB_PAUSED, false },
		{ RB_VERB_PS, RB_STOPPED, true },      { RB_VERB_EXEC, RB_PAUSED, false },
		{ RB_VERB_START, RB_CREATING, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_err err = { 0 };
		int r = rb_verb_check(cases[i].verb, cases[i].status, "web", &err);

		ok((r == 0) == cases[i].legal, "verb case %zu: %s", i, err.msg);
		ok(cases[i].legal || strstr(err.msg, "web"), "the refusal names the container");
	}
}

/* What happens between the mkdirat(2) of a create and its lock; in place of the C library's. */
static void (*meanwhile)(void);
static const char *race_root;
static struct rb_store other = RB_STORE_NONE;

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	void (*now)(void) = meanwhile;
	int r = (int)syscall(SYS_mkdirat, dir_fd, path, mode);

	meanwhile = NULL;
	if (now)
		now();
	return r;
}

/* A delete removes what was just made, and another create comes to its end. */
static void another_create(void)
{
	char path[PATH_MAX];
	struct rb_err err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/race", race_root);
	ok(rmdir(path) == 0, "deleted meanwhile");
	ok(rb_store_create(&other, race_root, "race", &err) == 0, "another create has the name");
	ok(rb_store_note(&other, "create", &err) == 0, "and begins its journal");
	rb_store_unlock(&other);
}

static void test_create_race(const char *root)
{
	rb_autostore store = RB_STORE_NONE;
	struct rb_err err = { 0 };

	race_root = root;
	meanwhile = another_create;
	is_num(rb_store_create(&store, root, "race", &err), -EEXIST,
	       "the directory of another create is not taken over");
	ok(strstr(err.msg, "already exists: race") != NULL, "and that is said: %s", err.msg);
	err = (struct rb_err) { 0 };
	ok(rb_store_remove(&other, &err) == 0, "removed");
	rb_store_close(&other);
}

/* What another verb does between the removal of the lock and that of the directory. */
static int unlocked_fd = -1;

int unlinkat(int dir_fd, const char *path, int flags)
{
	if (unlocked_fd >= 0 && flags == AT_REMOVEDIR) {
		int fd = openat(unlocked_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		ok(fd >= 0, "the lock is made again");
		rb_closep(&fd);
		unlocked_fd = -1;
	}
	return (int)syscall(SYS_unlinkat, dir_fd, path, flags);
}

static void test_remove_race(const char *root)
{
	rb_autostore store = RB_STORE_NONE;
	struct rb_err err = { 0 };

	ok(rb_store_create(&store, root, "race", &err) == 0, "a container");
	unlocked_fd = store.dir_fd;
	ok(rb_store_remove(&store, &err) == 0, "removed, although its lock came back: %s", err.msg);
}

int main(void)
{
	char root[] = "/tmp/runbox-test-state-XXXXXX";

	test_ids();
	test_fields();
	test_state_json();
	test_bad_state_json();
	test_verbs();
	if (!ok(mkdtemp(root) != NULL, "a directory to work in"))
		return tap_done();
	test_store(root);
	test_hostile_root(root);
	test_torn_journal(root);
	test_create_race(root);
	test_remove_race(root);
	ok(rmdir(root) == 0, "nothing is left in it");
	return tap_done();
}
