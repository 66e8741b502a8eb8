/* state.h - files under /run: what was done, which verb is legal when
 *
 * <root>/<id>/{state.json,journal,lock,config.json,gate,times}; DESIGN "State on disk".
 */
#ifndef RUNBOX_STATE_H
#define RUNBOX_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/exec.h"
#include "runbox/str.h"

struct rb_err;

enum rb_status { RB_CREATING, RB_CREATED, RB_RUNNING, RB_PAUSED, RB_STOPPED, RB_STATUS_COUNT };
const char *rb_status_name(enum rb_status status);

enum rb_verb {
	RB_VERB_START, RB_VERB_KILL, RB_VERB_DELETE, RB_VERB_STATE, RB_VERB_PS, RB_VERB_EXEC,
	RB_VERB_PAUSE, RB_VERB_RESUME, RB_VERB_UPDATE, RB_VERB_EVENTS, RB_VERB_COUNT,
};

/** state.json as read. Strings are in the arena. */
struct rb_state {
	struct rb_arena arena;
	const char *oci_version, *id, *bundle, *rootfs, *owner, *created; /* created: RFC 3339, nanoseconds */
	enum rb_status recorded;     /* what the file says */
	pid_t pid;                   /* 0 when there is none */
	uint64_t start_time;         /* field 22 of /proc/PID/stat, clock ticks since boot */
	struct rb_kvs annotations;
	struct rb_strv cgroups;      /* absolute paths of the container's cgroup directories */
	struct rb_strv cgroup_mounts; /* the mount of each */
	bool own_pidns;
	uint32_t uid;                /* who made it */
};

/** An opened container: the directory, and the lock when asked for. */
struct rb_store {
	const char *root;            /* absolute path of the state root */
	const char *id;
	int root_fd, dir_fd, lock_fd;
};

#endif
