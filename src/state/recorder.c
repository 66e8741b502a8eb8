/* recorder.c - how a create is recorded: directory, journal, frozen config, state.json
 *
 * exec/ calls these at their place in the plan and knows nothing of /run. The journal's lines are
 * those of state/ itself (create, options, process, start, poststop) and those of steps, for their
 * undo.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/names.h"
#include "runbox/proc.h"
#include "runbox/state.h"
#include "state/state_priv.h"

#include <sched.h>

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month] + (month == 1 && leap);
}

/* RFC 3339 in UTC. Not by gmtime_r(3), which reads /etc/localtime before. */
static void timestamp(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm = { .tm_year = 1970 - 1900 };
	long days;
	int second;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	days = now.tv_sec / 86400;
	second = (int)(now.tv_sec % 86400);
	while (days >= days_of(1900 + tm.tm_year, tm.tm_mon)) {
		days -= days_of(1900 + tm.tm_year, tm.tm_mon);
		tm.tm_mon = (tm.tm_mon + 1) % 12;
		tm.tm_year += tm.tm_mon == 0;
	}
	tm.tm_mday = (int)days + 1;
	tm.tm_hour = second / 3600;
	tm.tm_min = second / 60 % 60;
	tm.tm_sec = second % 60;
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, size - n, ".%09ldZ", now.tv_nsec);
}

static int note_create(struct rb_record *rec, struct rb_err *err)
{
	rb_autobuf line = { 0 };
	char uid[16];

	(void)snprintf(uid, sizeof(uid), "%u", geteuid());
	rb_buf_add(&line, "create");
	rb_field_add(&line, rec->run->bundle);
	rb_field_add(&line, rec->spec->oci_version);
	rb_field_add(&line, rec->rootfs);
	rb_field_add(&line, rec->created);
	rb_field_add(&line, uid);
	return rb_store_note(&rec->store, line.data, err);
}

static int note_options(struct rb_record *rec, struct rb_err *err)
{
	rb_autobuf line = { 0 };

	rb_options_line(rec->opts, &line);
	return rb_store_note(&rec->store, line.data, err);
}

/*
 * When each step is done, for `plan ID`: a mapping of the file, which the child shares, so that its rows
 * behind the gate are in it as well. The room is made first: a file system that is full is an error here
 * and no SIGBUS later, and the page is the caller's, not the container's, whose limit may be small.
 */
static int map_times(struct rb_record *rec, struct rb_err *err)
{
	size_t size = rec->run->plan->len * sizeof(*rec->run->times);
	rb_autofd fd =
		openat(rec->store.dir_fd, "times", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	void *p;
	int r;

	if (fd < 0)
		return rb_fail_sys(err, errno, "make the file for the times of the steps");
	r = posix_fallocate(fd, 0, (off_t)size);
	if (r > 0)
		return rb_fail_sys(err, r, "make room for the times of the steps");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return rb_fail_sys(err, errno, "map the times of the steps");
	rec->run->times = p;
	return 0;
}

static int begin(void *ctx, struct rb_err *err)
{
	struct rb_record *rec = ctx;
	int r = rb_store_create(&rec->store, rec->root, rec->run->id, err);

	if (r < 0)
		return r;
	rec->begun = true;
	timestamp(rec->created, sizeof(rec->created));
	r = note_create(rec, err);
	if (r == 0)
		r = note_options(rec, err);
	if (r < 0)
		return r;
	r = map_times(rec, err);
	if (r < 0)
		return r;
	if (rec->opts->notify_dir && mkdirat(rec->store.dir_fd, "notify", 0755) < 0)
		return rb_fail_sys(err, errno, "make the directory of the notify socket");
	rec->run->state_fd = fcntl(rec->store.dir_fd, F_DUPFD_CLOEXEC, 3);
	if (rec->run->state_fd < 0)
		return rb_fail_sys(err, errno, "open the state directory");
	return 0;
}

static int note(void *ctx, const char *line, struct rb_err *err)
{
	struct rb_record *rec = ctx;

	return rb_store_note(&rec->store, line, err);
}

static bool may_freeze(const struct rb_hierarchy *h)
{
	return h->v2 || h->controllers & RB_CG_BIT(RB_CG_FREEZER);
}

/* The container's cgroup directories: the step that moves the process into them names them all.
 * Those with a freezer first, so that the status need not be looked for in each (state.c). */
static void add_cgroups(const struct rb_plan *plan, struct rb_state *state)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->len; i++) {
		const struct rb_step *step = &plan->steps[i];

		if (step->kind != RB_STEP_CGROUP)
			continue;
		state->cgroups.v =
			rb_arena_alloc(&state->arena, (step->u.cgroup.n + 1) * sizeof(char *));
		state->cgroups.n = step->u.cgroup.n;
		for (int first = 1; first >= 0; first--) {
			for (size_t k = 0; k < step->u.cgroup.n; k++) {
				const struct rb_cgroup_dir *dir = &step->u.cgroup.dirs[k];

				if (may_freeze(dir->hierarchy) == (bool)first)
					state->cgroups.v[n++] =
						rb_arena_printf(&state->arena, "%s%s",
								dir->hierarchy->mount, dir->path);
			}
		}
		return;
	}
}

/* All that state.json says is known once the process is there. */
static void write_state(struct rb_record *rec)
{
	rb_autostate state = {
		.oci_version = rec->spec->oci_version,
		.id = rec->run->id,
		.bundle = rec->run->bundle,
		.rootfs = rec->rootfs,
		.created = rec->created,
		.complete = true,
		.pid = rec->run->pid,
		.start_time = rec->start_time,
		.annotations = rec->spec->annotations,
		.own_pidns = rec->run->plan->new_ns & CLONE_NEWPID,
		.has_poststart = rec->spec->hooks[RB_HOOK_POSTSTART].n > 0,
		.has_poststop = rec->spec->hooks[RB_HOOK_POSTSTOP].n > 0,
		.uid = geteuid(),
	};

	add_cgroups(rec->run->plan, &state);
	rb_state_text(&state, &rec->text);
}

static int child(void *ctx, pid_t pid, struct rb_err *err)
{
	struct rb_record *rec = ctx;
	rb_autobuf line = { 0 };
	int r = rb_proc_stat(pid, NULL, &rec->start_time);

	if (r < 0)
		return rb_fail_sys(err, -r, "read the start time of process %d", pid);
	rb_buf_printf(&line, "process\t%d\t%llu", pid, (unsigned long long)rec->start_time);
	return rb_store_note(&rec->store, line.data, err);
}

/* While the child is at work the host side has time: what nobody needs before it is ready is
 * written here, but before any hook can run, for the hooks of the end are in the copy of
 * config.json. */
static int keep(void *ctx, struct rb_err *err)
{
	struct rb_record *rec = ctx;
	int r = rb_replace_file(rec->store.dir_fd, "config.json", rec->config, rec->config_len,
				0600);

	if (r < 0)
		return rb_fail_sys(err, -r, "keep a copy of config.json");
	write_state(rec);
	if (rec->run->plan->straight) {
		r = rb_replace_file(rec->store.dir_fd, RB_STATE_NEXT, rec->text.data, rec->text.len,
				    0600);
		return r < 0 ? rb_fail_sys(err, -r, "write state.json") : 0;
	}
	rec->text_fd = rb_prepare_file(rec->store.dir_fd, rec->text.data, rec->text.len, 0600);
	return 0;
}

static int created(void *ctx, struct rb_err *err)
{
	struct rb_record *rec = ctx;
	int r;

	/* it is there, and the program runs: this must not fail for want of room */
	if (rec->run->plan->straight)
		return renameat(rec->store.dir_fd, RB_STATE_NEXT, rec->store.dir_fd, "state.json") <
				       0
			       ? rb_fail_sys(err, errno, "write state.json")
			       : 0;
	r = rec->text_fd < 0 ? rec->text_fd
			     : rb_place_file(rec->text_fd, rec->store.dir_fd, "state.json");

	if (r < 0)
		r = rb_replace_file(rec->store.dir_fd, "state.json", rec->text.data, rec->text.len,
				    0600);
	rb_closep(&rec->text_fd);
	return r < 0 ? rb_fail_sys(err, -r, "write state.json") : 0;
}

static void end(void *ctx)
{
	struct rb_record *rec = ctx;
	struct rb_err err = { 0 };

	/* a directory that was there before is another container's */
	if (rec->begun && rb_store_remove(&rec->store, &err) == 0)
		rec->begun = false;
}

void rb_record_init(struct rb_record *record, struct rb_recorder *rec)
{
	*rec = (struct rb_recorder) {
		.ctx = record,
		.note = note,
		.begin = begin,
		.child = child,
		.keep = keep,
		.created = created,
		.end = end,
	};
}

void rb_record_done(struct rb_record *record)
{
	rb_closep(&record->text_fd);
	rb_buf_done(&record->text);
	rb_store_close(&record->store);
}
