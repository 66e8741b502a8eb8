/* systemd.h - what systemd is asked to do for a container: one transient scope
 *
 * Requests are plain structs without pointers: they go over a socket to the helper runbox-systemd, the only
 * program that knows D-Bus. A scope is made around a process that exists and goes when it is empty; the
 * helper is that first process, so the scope is there, and its limits set, before the container is born.
 */
#ifndef RUNBOX_SYSTEMD_H
#define RUNBOX_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/err.h"
#include "runbox/plan.h"

#define RB_SD_HELPER "runbox-systemd"

enum rb_sd_verb {
	RB_SD_START, /* unit, slice, description, props: the helper in a new scope; replies its cgroup */
	RB_SD_ATTACH, /* unit, pid: into the scope, by systemd's own hand */
	RB_SD_SET,    /* unit, props: until the scope goes */
	RB_SD_STOP,   /* unit; "not there" is success */
	RB_SD_VERBS
};

struct rb_sd_request {
	enum rb_sd_verb verb;
	bool user; /* of the user's own manager */
	pid_t pid;
	char unit[256], slice[256], description[128];
	uint32_t n_props;
	struct rb_sd_prop props[RB_SD_MAX_PROPS];
};

struct rb_sd_reply {
	int status;
	struct rb_err err;
	char cgroup[1024]; /* START: below the mount of its hierarchy */
};

/**
 * rb_sd_call() - have one request carried out; starts the helper when it does not run
 * @reply: may be NULL
 * Bounded by the helper, and beyond that by the time in which it has to answer.
 */
int rb_sd_call(const struct rb_sd_request *req, struct rb_sd_reply *reply, struct rb_err *err);
/** rb_sd_pid() - the helper, which may be in a scope; 0 when there is none */
pid_t rb_sd_pid(void);
/** rb_sd_end() - let it end, so that it leaves the scope */
void rb_sd_end(void);

/** rb_sd_perform() - in the helper: carry one request out over D-Bus. */
int rb_sd_perform(const struct rb_sd_request *req, struct rb_sd_reply *reply, struct rb_err *err);

#endif
