/* systemd_bus.c - requests to systemd over D-Bus; part of the helper runbox-systemd only
 *
 * libsystemd is opened when the first request comes. What is needed of its interface, which does not change
 * (sd-bus(3)), is written down here, so that neither building nor installing runbox needs the library.
 * Every wait is bounded: calls by the library, jobs by the loop below.
 * Source: org.freedesktop.systemd1(5), systemd.scope(5), systemd's "Control Group APIs and Delegation".
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runbox/str.h"
#include "runbox/systemd.h"

#define LIBRARY		"libsystemd.so.0"
#define CALL_TIMEOUT_US 20000000u
#define JOB_TIMEOUT_US	30000000u

#define SYSTEMD	     "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER	     "org.freedesktop.systemd1.Manager"

typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;
struct bus_error { /* sd_bus_error of sd-bus.h */
	const char *name, *message;
	int need_free;
};
typedef int handler_fn(sd_bus_message *m, void *arg, struct bus_error *error);

/* --- the library --- */

static struct {
	int (*open_system)(sd_bus **ret);
	int (*open_user)(sd_bus **ret);
	int (*set_timeout)(sd_bus *bus, uint64_t usec);
	int (*match)(sd_bus *bus, void *slot, const char *sender, const char *path,
		     const char *interface, const char *member, handler_fn *fn, void *arg);
	int (*new_call)(sd_bus *bus, sd_bus_message **ret, const char *destination,
			const char *path, const char *interface, const char *member);
	int (*append)(sd_bus_message *m, const char *types, ...);
	int (*append_array)(sd_bus_message *m, char type, const void *bytes, size_t len);
	int (*open)(sd_bus_message *m, char type, const char *contents);
	int (*close)(sd_bus_message *m);
	int (*call)(sd_bus *bus, sd_bus_message *m, uint64_t usec, struct bus_error *error,
		    sd_bus_message **ret);
	int (*read)(sd_bus_message *m, const char *types, ...);
	int (*process)(sd_bus *bus, sd_bus_message **ret);
	int (*wait)(sd_bus *bus, uint64_t usec);
	int (*get_string)(sd_bus *bus, const char *destination, const char *path,
			  const char *interface, const char *member, struct bus_error *error,
			  char **ret);
	void (*error_free)(struct bus_error *error);
	sd_bus_message *(*unref)(sd_bus_message *m);
	sd_bus *(*close_unref)(sd_bus *bus);
} lib;

static const struct {
	const char *name;
	void *to;
} symbols[] = {
	{ "sd_bus_open_system", &lib.open_system },
	{ "sd_bus_open_user", &lib.open_user },
	{ "sd_bus_set_method_call_timeout", &lib.set_timeout },
	{ "sd_bus_match_signal", &lib.match },
	{ "sd_bus_message_new_method_call", &lib.new_call },
	{ "sd_bus_message_append", &lib.append },
	{ "sd_bus_message_append_array", &lib.append_array },
	{ "sd_bus_message_open_container", &lib.open },
	{ "sd_bus_message_close_container", &lib.close },
	{ "sd_bus_call", &lib.call },
	{ "sd_bus_message_read", &lib.read },
	{ "sd_bus_process", &lib.process },
	{ "sd_bus_wait", &lib.wait },
	{ "sd_bus_get_property_string", &lib.get_string },
	{ "sd_bus_error_free", &lib.error_free },
	{ "sd_bus_message_unref", &lib.unref },
	{ "sd_bus_flush_close_unref", &lib.close_unref },
};

static int load(struct rb_err *err)
{
	static void *handle;

	if (handle)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		(void)rb_fail(err, RB_ERR_SYS, "%s cannot be opened", LIBRARY);
		return rb_err_hint(err, "the systemd manager needs it (Debian: libsystemd0)");
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (!found) {
			(void)dlclose(handle); /* it is of no use */
			handle = NULL;
			return rb_fail(err, RB_ERR_SYS, "%s has no %s", LIBRARY, symbols[i].name);
		}
		memcpy(symbols[i].to, &found, sizeof(found));
	}
	return 0;
}

/* --- one conversation --- */

/** A connection, the job that is waited for, and the last error a peer told. */
struct bus {
	sd_bus *bus;
	struct bus_error error;
	char job[256], result[32];
};

static int told(struct bus *b, int r, struct rb_err *err, const char *what)
{
	const char *message = b->error.message ? b->error.message : "";

	if (b->error.name && strstr(b->error.name, "NoReply"))
		r = -ETIMEDOUT;
	r = *message ? rb_fail(err, RB_ERR_SYS, "systemd: %s: %s", what, message)
		     : rb_fail_sys(err, -r, "systemd: %s", what);
	lib.error_free(&b->error);
	b->error = (struct bus_error) { 0 };
	return r;
}

static bool is_error(const struct bus *b, const char *name)
{
	return b->error.name && rb_streq(b->error.name, name);
}

static void forget_error(struct bus *b)
{
	lib.error_free(&b->error);
	b->error = (struct bus_error) { 0 };
}

static int on_job_removed(sd_bus_message *m, void *arg, struct bus_error *error)
{
	struct bus *b = arg;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (lib.read(m, "uoss", &id, &path, &unit, &result) >= 0 && rb_streq(path, b->job))
		(void)snprintf(b->result, sizeof(b->result), "%s", result);
	return 0;
}

static int open_bus(struct bus *b, bool user, struct rb_err *err)
{
	int r = user ? lib.open_user(&b->bus) : lib.open_system(&b->bus);

	if (r < 0) {
		(void)rb_fail_sys(err, -r, "connect to the %s bus", user ? "user's" : "system");
		return rb_err_hint(err,
				   user ? "the systemd manager needs a user session: is "
					  "XDG_RUNTIME_DIR set, and D-Bus running?"
					: "is systemd running, and D-Bus? else use the cgroupfs "
					  "manager");
	}
	(void)lib.set_timeout(b->bus, CALL_TIMEOUT_US); /* older libraries: 25 s */
	r = lib.match(b->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "JobRemoved", on_job_removed,
		      b);
	return r < 0 ? rb_fail_sys(err, -r, "ask systemd for the end of jobs") : 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

/* Wait until the job that was just begun has ended. Return: 0 when it is "done" */
static int wait_job(struct bus *b, const char *what, struct rb_err *err)
{
	uint64_t end = now_us() + JOB_TIMEOUT_US;

	while (!*b->result) {
		int r = lib.process(b->bus, NULL);
		uint64_t now = now_us();

		if (r < 0)
			return rb_fail_sys(err, -r, "wait for systemd to %s", what);
		if (r > 0)
			continue;
		if (now >= end)
			return rb_fail_sys(err, ETIMEDOUT, "wait for systemd to %s", what);
		r = lib.wait(b->bus, end - now);
		if (r < 0 && r != -EINTR)
			return rb_fail_sys(err, -r, "wait for systemd to %s", what);
	}
	if (!rb_streq(b->result, "done"))
		return rb_fail(err, RB_ERR_SYS, "systemd: %s: the job ended as \"%s\"", what,
			       b->result);
	return 0;
}

/* Call the manager; its answer is a job's path when @job, else nothing of interest. Takes over @m. */
static int call(struct bus *b, sd_bus_message *m, bool job)
{
	sd_bus_message *reply = NULL;
	const char *path;
	int r;

	*b->result = '\0';
	r = lib.call(b->bus, m, 0, &b->error, &reply);
	if (r >= 0 && job) {
		r = lib.read(reply, "o", &path);
		if (r >= 0)
			(void)snprintf(b->job, sizeof(b->job), "%s", path);
	}
	lib.unref(reply);
	lib.unref(m);
	return r < 0 ? r : 0;
}

static int new_call(struct bus *b, sd_bus_message **m, const char *member)
{
	return lib.new_call(b->bus, m, SYSTEMD, SYSTEMD_PATH, MANAGER, member);
}

/* --- properties --- */

static int append_prop(sd_bus_message *m, const struct rb_sd_prop *p)
{
	int r;

	switch (p->type) {
	case 's':
		return lib.append(m, "(sv)", p->name, "s", p->text);
	case 'b':
		return lib.append(m, "(sv)", p->name, "b", (int)p->number);
	case 'i':
		return lib.append(m, "(sv)", p->name, "i", (int)p->number);
	case 't':
		return lib.append(m, "(sv)", p->name, "t", p->number);
	case 'A':
		return lib.append(m, "(sv)", p->name, "as", 1, p->text);
	case 'Y':
		r = lib.open(m, 'r', "sv");
		if (r >= 0)
			r = lib.append(m, "s", p->name);
		if (r >= 0)
			r = lib.open(m, 'v', "ay");
		if (r >= 0)
			r = lib.append_array(m, 'y', p->text,
					     p->number < sizeof(p->text) ? p->number
									 : sizeof(p->text));
		if (r >= 0)
			r = lib.close(m);
		return r < 0 ? r : lib.close(m);
	}
	return -EINVAL;
}

static int append_props(sd_bus_message *m, const struct rb_sd_request *req)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < req->n_props && i < RB_SD_MAX_PROPS; i++)
		r = append_prop(m, &req->props[i]);
	return r;
}

static bool has_prop(const struct rb_sd_request *req, const char *name)
{
	for (uint32_t i = 0; i < req->n_props && i < RB_SD_MAX_PROPS; i++)
		if (rb_streq(req->props[i].name, name))
			return true;
	return false;
}

/* --- requests --- */

/* What every scope of a container has. Delegate: systemd leaves what is below it, and its controllers, to us.
 * DefaultDependencies off: its end is not tied to the order of the machine's shutdown. */
static int append_scope(sd_bus_message *m, const struct rb_sd_request *req)
{
	static const char *const on[] = { "Delegate", "CPUAccounting", "MemoryAccounting",
					  "IOAccounting", "TasksAccounting" };
	/* 0: the sender, however its pid looks from there */
	int r = lib.append(m, "(sv)", "PIDs", "au", 1, 0);

	if (r >= 0 && *req->slice)
		r = lib.append(m, "(sv)", "Slice", "s", req->slice);
	if (r >= 0 && !has_prop(req, "Description"))
		r = lib.append(m, "(sv)", "Description", "s", req->description);
	for (size_t i = 0; r >= 0 && i < sizeof(on) / sizeof(on[0]); i++)
		r = lib.append(m, "(sv)", on[i], "b", 1);
	if (r >= 0 && !has_prop(req, "DefaultDependencies"))
		r = lib.append(m, "(sv)", "DefaultDependencies", "b", 0);
	/* a container that was killed would stay as a failed unit */
	if (r >= 0 && !has_prop(req, "CollectMode"))
		r = lib.append(m, "(sv)", "CollectMode", "s", "inactive-or-failed");
	return r < 0 ? r : append_props(m, req);
}

static int begin_start(struct bus *b, const struct rb_sd_request *req)
{
	sd_bus_message *m = NULL;
	int r = new_call(b, &m, "StartTransientUnit");

	if (r >= 0)
		r = lib.append(m, "ss", req->unit, "fail");
	if (r >= 0)
		r = lib.open(m, 'a', "(sv)");
	if (r >= 0)
		r = append_scope(m, req);
	if (r >= 0)
		r = lib.close(m);
	if (r >= 0)
		r = lib.append(m, "a(sa(sv))", 0);
	if (r < 0) {
		lib.unref(m);
		return r;
	}
	return call(b, m, true);
}

static int reset_failed(struct bus *b, const char *unit)
{
	sd_bus_message *m = NULL;
	int r = new_call(b, &m, "ResetFailedUnit");

	if (r >= 0)
		r = lib.append(m, "s", unit);
	if (r >= 0)
		return call(b, m, false);
	lib.unref(m);
	return r;
}

static int read_cgroup(struct bus *b, const char *unit, struct rb_sd_reply *reply,
		       struct rb_err *err)
{
	sd_bus_message *m = NULL, *answer = NULL;
	const char *path;
	char *cgroup = NULL;
	int r = new_call(b, &m, "GetUnit");

	if (r >= 0)
		r = lib.append(m, "s", unit);
	if (r >= 0)
		r = lib.call(b->bus, m, 0, &b->error, &answer);
	if (r >= 0)
		r = lib.read(answer, "o", &path);
	if (r >= 0)
		r = lib.get_string(b->bus, SYSTEMD, path, SYSTEMD ".Scope", "ControlGroup",
				   &b->error, &cgroup);
	if (r >= 0)
		(void)snprintf(reply->cgroup, sizeof(reply->cgroup), "%s", cgroup);
	free(cgroup);
	lib.unref(answer);
	lib.unref(m);
	return r < 0 ? told(b, r, err, "find the cgroup of the scope") : 0;
}

static int start_scope(struct bus *b, const struct rb_sd_request *req, struct rb_sd_reply *reply,
		       struct rb_err *err)
{
	int r = begin_start(b, req);

	/* one that failed long ago keeps its name until somebody looks at it */
	if (r < 0 && is_error(b, SYSTEMD ".UnitExists")) {
		forget_error(b);
		(void)reset_failed(b, req->unit); /* if it lives, the second try says so */
		forget_error(b);
		r = begin_start(b, req);
	}
	if (r < 0)
		return told(b, r, err, "start the scope");
	r = wait_job(b, "start the scope", err);
	return r < 0 ? r : read_cgroup(b, req->unit, reply, err);
}

static int attach(struct bus *b, const struct rb_sd_request *req, struct rb_err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(b, &m, "AttachProcessesToUnit");

	if (r >= 0)
		r = lib.append(m, "ssau", req->unit, "", 1, (uint32_t)req->pid);
	if (r >= 0)
		r = call(b, m, false);
	else
		lib.unref(m);
	return r < 0 ? told(b, r, err, "move the container into the scope") : 0;
}

static int set_props(struct bus *b, const struct rb_sd_request *req, struct rb_err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(b, &m, "SetUnitProperties");

	if (r >= 0)
		r = lib.append(m, "sb", req->unit, 1); /* gone with the scope */
	if (r >= 0)
		r = lib.open(m, 'a', "(sv)");
	if (r >= 0)
		r = append_props(m, req);
	if (r >= 0)
		r = lib.close(m);
	if (r >= 0)
		r = call(b, m, false);
	else
		lib.unref(m);
	return r < 0 ? told(b, r, err, "change the scope") : 0;
}

static int stop(struct bus *b, const struct rb_sd_request *req, struct rb_err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(b, &m, "StopUnit");

	if (r >= 0)
		r = lib.append(m, "ss", req->unit, "replace");
	if (r >= 0)
		r = call(b, m, true);
	else
		lib.unref(m);
	if (r < 0 && is_error(b, SYSTEMD ".NoSuchUnit")) {
		forget_error(b);
		return 0;
	}
	if (r < 0)
		return told(b, r, err, "stop the scope");
	r = wait_job(b, "stop the scope", err);
	if (r < 0)
		return r;
	(void)reset_failed(b, req->unit); /* gone already, as a rule */
	forget_error(b);
	return 0;
}

int rb_sd_perform(const struct rb_sd_request *req, struct rb_sd_reply *reply, struct rb_err *err)
{
	struct bus b = { 0 };
	int r = load(err);

	if (r < 0)
		return r;
	r = open_bus(&b, req->user, err);
	if (r == 0) {
		switch (req->verb) {
		case RB_SD_START:
			r = start_scope(&b, req, reply, err);
			break;
		case RB_SD_ATTACH:
			r = attach(&b, req, err);
			break;
		case RB_SD_SET:
			r = set_props(&b, req, err);
			break;
		case RB_SD_STOP:
			r = stop(&b, req, err);
			break;
		case RB_SD_VERBS:
			r = rb_fail(err, RB_ERR_SYS, "unknown request");
			break;
		}
	}
	if (b.bus)
		lib.close_unref(b.bus);
	return r;
}
