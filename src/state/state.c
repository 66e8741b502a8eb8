/* state.c - what is known of a container: state.json, else the journal; and what it is doing now
 *
 * The status is not stored. It is read off the process (pid and start time), the file of the gate
 * and the freezer, so that it is true also after any of us was killed. Source: runtime.md 1.3.0
 * "State".
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/proc.h"
#include "runbox/state.h"
#include "state/state_priv.h"

/* config.json may be as large, and annotations are most of state.json */
#define FILE_MAX (16u << 20)

static const char *const status_names[RB_STATUS_COUNT] = {
	[RB_CREATING] = "creating", [RB_CREATED] = "created", [RB_RUNNING] = "running",
	[RB_PAUSED] = "paused",	    [RB_STOPPED] = "stopped",
};

const char *rb_status_name(enum rb_status status)
{
	return status_names[status];
}

void rb_state_done(struct rb_state *state)
{
	rb_arena_done(&state->arena);
}

const char *rb_state_owner(struct rb_state *state)
{
	FILE *f = fopen("/etc/passwd", "re");
	const char *name = NULL;
	struct passwd *pw;

	/* the file alone: a name service has no business in a runtime */
	while (f && !name && (pw = fgetpwent(f)))
		if (pw->pw_uid == state->uid)
			name = rb_arena_strdup(&state->arena, pw->pw_name);
	if (f)
		(void)fclose(f); /* only read from */
	return name ? name : rb_arena_printf(&state->arena, "%u", state->uid);
}

/* --- the journal's own lines --- */

bool rb_journal_own(const char *line)
{
	static const char *const own[] = { "create", "options", "process", "start", "poststop" };
	size_t len = strcspn(line, "\t");

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strlen(own[i]) == len && strncmp(line, own[i], len) == 0)
			return true;
	return false;
}

/* Flags and texts of "options", one table for writing and reading. */
static const struct {
	const char *name;
	size_t offset;
} option_flags[] = {
	{ "no-pivot", offsetof(struct rb_create_opts, no_pivot) },
	{ "no-new-keyring", offsetof(struct rb_create_opts, no_new_keyring) },
	{ "cgroups-disabled", offsetof(struct rb_create_opts, cgroups_disabled) },
	{ "systemd-cgroup", offsetof(struct rb_create_opts, systemd_cgroup) },
	{ "console-socket", offsetof(struct rb_create_opts, has_console_socket) },
	{ "detached", offsetof(struct rb_create_opts, detached) },
	{ "run", offsetof(struct rb_create_opts, runs) },
}, option_texts[] = {
	{ "pid-file=", offsetof(struct rb_create_opts, pid_file) },
	{ "notify-dir=", offsetof(struct rb_create_opts, notify_dir) },
};
#define LEN(a)	     (sizeof(a) / sizeof((a)[0]))
#define PRESERVE_FDS "preserve-fds="

void rb_options_line(const struct rb_create_opts *opts, struct rb_buf *line)
{
	char number[32];

	rb_buf_add(line, "options");
	for (size_t i = 0; i < LEN(option_flags); i++)
		if (*(const bool *)((const char *)opts + option_flags[i].offset))
			rb_field_add(line, option_flags[i].name);
	for (size_t i = 0; i < LEN(option_texts); i++) {
		const char *text =
			*(const char *const *)((const char *)opts + option_texts[i].offset);
		rb_autobuf field = { 0 };

		if (!text)
			continue;
		rb_buf_printf(&field, "%s%s", option_texts[i].name, text);
		rb_field_add(line, field.data);
	}
	if (opts->preserve_fds) {
		(void)snprintf(number, sizeof(number), PRESERVE_FDS "%u", opts->preserve_fds);
		rb_field_add(line, number);
	}
}

static void read_option(const char *field, struct rb_create_opts *opts)
{
	for (size_t i = 0; i < LEN(option_flags); i++)
		if (rb_streq(field, option_flags[i].name))
			*(bool *)((char *)opts + option_flags[i].offset) = true;
	for (size_t i = 0; i < LEN(option_texts); i++)
		if (rb_startswith(field, option_texts[i].name))
			*(const char **)((char *)opts + option_texts[i].offset) =
				field + strlen(option_texts[i].name);
	if (rb_startswith(field, PRESERVE_FDS))
		opts->preserve_fds = (unsigned)strtoul(field + strlen(PRESERVE_FDS), NULL, 10);
}

int rb_state_create_opts(const struct rb_store *store, struct rb_arena *arena,
			 struct rb_create_opts *ret, struct rb_err *err)
{
	struct rb_strv journal, fields;
	int r = rb_store_journal(store, arena, &journal, err);

	*ret = (struct rb_create_opts) { 0 };
	for (size_t i = 0; r == 0 && i < journal.n; i++) {
		rb_field_split(arena, journal.v[i], &fields);
		for (size_t k = 1; rb_streq(fields.v[0], "options") && k < fields.n; k++)
			read_option(fields.v[k], ret);
	}
	return r;
}

/* What a create that never wrote state.json left word of. */
int rb_state_load_journal(const struct rb_store *store, struct rb_state *state, struct rb_err *err)
{
	struct rb_arena *a = &state->arena;
	struct rb_strv journal, f;
	int r = rb_store_journal(store, a, &journal, err);
	struct rb_spec spec = { 0 };
	uint64_t number;

	state->id = store->id;
	state->oci_version = state->bundle = state->rootfs = state->created = "";
	state->uid = geteuid();
	for (size_t i = 0; r == 0 && i < journal.n; i++) {
		rb_field_split(a, journal.v[i], &f);
		if (rb_streq(f.v[0], "create") && f.n == 6) {
			state->bundle = f.v[1];
			state->oci_version = f.v[2];
			state->rootfs = f.v[3];
			state->created = f.v[4];
		} else if (rb_streq(f.v[0], "process") && f.n == 3 &&
			   rb_parse_u64(f.v[1], &number) == 0 &&
			   rb_parse_u64(f.v[2], &state->start_time) == 0) {
			state->pid = (pid_t)number;
		}
	}
	/* the copy of the config may not have been written yet: then no hook has run either */
	if (r == 0 && rb_state_spec(store, &spec, &(struct rb_err) { 0 }) == 0)
		state->has_poststop = spec.hooks[RB_HOOK_POSTSTOP].n > 0;
	rb_spec_done(&spec);
	return r;
}

int rb_state_load(const struct rb_store *store, struct rb_state *state, struct rb_err *err)
{
	/* twice: the one may become the other between two looks */
	static const char *const files[] = { "state.json", RB_STATE_NEXT, "state.json" };
	rb_autofree char *text = NULL;
	size_t len = 0, i;
	int r = -ENOENT;

	for (i = 0; r == -ENOENT && i < LEN(files); i++)
		r = rb_read_file(store->dir_fd, files[i], FILE_MAX, &text, &len);
	if (r == -ENOENT)
		r = rb_state_load_journal(store, state, err);
	else if (r < 0)
		r = rb_fail_sys(err, -r, "read state.json of container %s", store->id);
	else
		r = rb_state_parse(text, len, state, err);
	if (r < 0)
		return r;
	state->straight = text && i == 2;
	state->complete = text && !state->straight;
	state->id = store->id;
	return 0;
}

int rb_state_spec(const struct rb_store *store, struct rb_spec *spec, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	size_t len;
	int r = rb_read_file(store->dir_fd, "config.json", FILE_MAX, &text, &len);

	if (r < 0)
		return rb_fail_sys(err, -r, "read the kept config.json of container %s", store->id);
	return rb_spec_decode("config.json", text, len, spec, err);
}

/* --- status --- */

/* Does a file of a cgroup begin with @word? -errno if it cannot be read */
static int begins(const char *cgroup, const char *file, const char *word)
{
	rb_autofree char *text = NULL;
	rb_autobuf path = { 0 };
	int r;

	rb_buf_printf(&path, "%s/%s", cgroup, file);
	r = rb_read_file(AT_FDCWD, path.data, 64, &text, NULL);
	return r < 0 ? r : rb_startswith(text, word);
}

/* Is a cgroup of the container frozen? Those that have a freezer, of v2 or v1, are the first. */
static bool is_frozen(const struct rb_state *state)
{
	for (size_t i = 0; i < state->cgroups.n; i++) {
		int v2 = begins(state->cgroups.v[i], "cgroup.freeze", "1");
		int v1 = v2 >= 0 ? 0
				 : begins(state->cgroups.v[i], "freezer.state",
					  "FR"); /* FROZEN, FREEZING */

		if (v2 > 0 || v1 > 0)
			return true;
		if (v2 < 0 && v1 < 0)
			return false;
	}
	return false;
}

/* The gate's file is removed by start; a start that died before that has left its line in the
 * journal, and then only the gate itself knows. */
static int is_waiting(const struct rb_store *store, struct rb_err *err)
{
	rb_autoarena arena = { 0 };
	struct rb_strv journal;
	int r;

	if (faccessat(store->dir_fd, "gate", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
				       : rb_fail_sys(err, errno, "look at the gate of container %s",
						     store->id);
	r = rb_store_journal(store, &arena, &journal, err);
	if (r < 0)
		return r;
	if (!rb_store_has_line(&journal, "start"))
		return 1;
	r = rb_exec_gate_probe(store->dir_fd);
	return r < 0 ? rb_fail_sys(err, -r, "look at the gate of container %s", store->id) : r;
}

int rb_state_status(const struct rb_store *store, const struct rb_state *state, enum rb_status *ret,
		    struct rb_err *err)
{
	int r;

	if (!state->complete) {
		/* who made it is dead: so is a process that waited for it, but one that needed no
		 * word runs */
		bool runs = state->straight && rb_proc_alive(state->pid, state->start_time);

		*ret = rb_store_is_locked(store) ? RB_CREATING : runs ? RB_RUNNING : RB_STOPPED;
		return 0;
	}
	if (!rb_proc_alive(state->pid, state->start_time)) {
		*ret = RB_STOPPED;
		return 0;
	}
	r = is_waiting(store, err);
	if (r < 0)
		return r;
	/* frozen before it was started: resume has to be legal, or nothing would ever let it go on */
	*ret = is_frozen(state) ? RB_PAUSED : r ? RB_CREATED : RB_RUNNING;
	return 0;
}
