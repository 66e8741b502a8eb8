/* state.h - files under /run: what was done, which verb is legal when
 *
 * <root>/<id>/{lock,journal,config.json,state.json,gate,times,notify/}; DESIGN "State on disk".
 *
 * A directory without state.json is a create at work (its lock is held) or one that died; the
 * journal then says all that is known. state.json is written once, at created; the status is never
 * stored but read off the process, so no file can be wrong about it.
 */
#ifndef RUNBOX_STATE_H
#define RUNBOX_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/exec.h"
#include "runbox/plan.h"
#include "runbox/str.h"

struct rb_err;

enum rb_status { RB_CREATING, RB_CREATED, RB_RUNNING, RB_PAUSED, RB_STOPPED, RB_STATUS_COUNT };
/** rb_status_name() - "created", as runtime.md "State" spells it */
const char *rb_status_name(enum rb_status status);

enum rb_verb {
	RB_VERB_START,
	RB_VERB_KILL,
	RB_VERB_DELETE,
	RB_VERB_STATE,
	RB_VERB_PS,
	RB_VERB_EXEC,
	RB_VERB_PAUSE,
	RB_VERB_RESUME,
	RB_VERB_UPDATE,
	RB_VERB_EVENTS,
	RB_VERB_COUNT,
};

/** What a create was asked beside config.json; enough to compile the same plan again. */
struct rb_create_opts {
	bool no_pivot, no_new_keyring, cgroups_disabled, systemd_cgroup, has_console_socket,
		detached, runs;
	unsigned preserve_fds;
	const char *pid_file, *notify_dir; /* NULL for none */
};

/** What is known of a container: from state.json, or from the journal of a create that died. */
struct rb_state {
	struct rb_arena arena;
	const char *oci_version, *id, *bundle, *rootfs;
	const char *created; /* RFC 3339, nanoseconds */
	bool complete;	     /* state.json was there: create came to its end */
	bool straight; /* it was not, but what will be it: of a run whose program may run already */
	pid_t pid;     /* 0 when there is none */
	uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks since boot */
	struct rb_kvs annotations;
	struct rb_strv cgroups; /* absolute paths of the container's cgroup directories */
	bool own_pidns;
	bool has_poststart, has_poststop; /* config.json has such hooks: worth decoding it again */
	uint32_t uid;			  /* who made it */
};

/* --- store.c: the directory of a container --- */

/** An opened container. */
struct rb_store {
	const char *root; /* absolute path of the state root */
	const char *id;
	int root_fd, dir_fd, lock_fd; /* -1 when not open; lock_fd -1 when not locked */
	int journal_fd;		      /* for notes; opened by the first */
};
#define RB_STORE_NONE                                                        \
	{                                                                    \
		.root_fd = -1, .dir_fd = -1, .lock_fd = -1, .journal_fd = -1 \
	}

/**
 * rb_store_root() - the absolute path of the state root
 * @option: of --root, or NULL: /run/runbox for root of the host, else $XDG_RUNTIME_DIR/runbox; root of a
 *          user namespace that has no XDG_RUNTIME_DIR is on a machine of its own: /run/runbox
 */
int rb_store_root(struct rb_arena *arena, const char *option, const char **ret_root,
		  struct rb_err *err);

/** rb_id_check() - is it a name we take? [A-Za-z0-9_+.-]+, not "." or "..", fits a file name */
int rb_id_check(const char *id, struct rb_err *err);

/** rb_store_create() - a new, locked directory; "container with given ID already exists" if it is
 * taken */
int rb_store_create(struct rb_store *store, const char *root, const char *id, struct rb_err *err);

/* SETTLED: not taken, but waited for while a run has let its program go and not seen it run */
enum rb_store_lock { RB_LOCK_NONE, RB_LOCK_SETTLED, RB_LOCK_WAIT };
/** rb_store_open() - an existing one. Return: 0; -ENOENT with "container ID does not exist"; -errno
 */
int rb_store_open(struct rb_store *store, const char *root, const char *id, enum rb_store_lock lock,
		  struct rb_err *err);
void rb_store_close(struct rb_store *store);
#define rb_autostore __attribute__((cleanup(rb_store_close))) struct rb_store

/** rb_store_lock() - wait for the lock if it is not held. Return: 0; -ENOENT, removed meanwhile */
int rb_store_lock(struct rb_store *store, struct rb_err *err);
/** rb_store_unlock() - let other verbs at it, keep it open */
void rb_store_unlock(struct rb_store *store);
/** rb_store_await() - wait until nobody has the lock */
void rb_store_await(const struct rb_store *store);
/** rb_store_is_locked() - does another process hold the lock? */
bool rb_store_is_locked(const struct rb_store *store);

/** rb_store_note() - append one line to the journal in one write; it is there before this returns
 */
int rb_store_note(struct rb_store *store, const char *line, struct rb_err *err);
/** rb_store_journal() - its whole lines, in order; a torn last line is left out. None is no error.
 */
int rb_store_journal(const struct rb_store *store, struct rb_arena *arena, struct rb_strv *ret,
		     struct rb_err *err);
/** rb_store_has_line() - is there a line of that kind (its first field)? */
bool rb_store_has_line(const struct rb_strv *journal, const char *kind);

/** rb_store_remove() - the directory and all that is in it; what tells a second try what to do goes
 * last */
int rb_store_remove(struct rb_store *store, struct rb_err *err);
/** rb_store_list() - the ids below a root, sorted; a root that is not there has none */
int rb_store_list(struct rb_arena *arena, const char *root, struct rb_strv *ret,
		  struct rb_err *err);

/* --- state.c: what is known of a container --- */

/** rb_state_load() - from state.json, else from the journal. @state: empty; rb_state_done() also
 * after failure */
int rb_state_load(const struct rb_store *store, struct rb_state *state, struct rb_err *err);
/** rb_state_load_journal() - from the journal alone */
int rb_state_load_journal(const struct rb_store *store, struct rb_state *state, struct rb_err *err);
/** rb_state_owner() - who made it: the login name out of /etc/passwd, else the number */
const char *rb_state_owner(struct rb_state *state);
void rb_state_done(struct rb_state *state);
#define rb_autostate __attribute__((cleanup(rb_state_done))) struct rb_state
/** rb_state_text() - the text of state.json */
void rb_state_text(const struct rb_state *state, struct rb_buf *out);
/** rb_state_parse() - the text of state.json into @state, checked. Pure. */
int rb_state_parse(const char *text, size_t len, struct rb_state *state, struct rb_err *err);
/** rb_state_status() - the status as it is now: the process, the gate, the freezer are looked at */
int rb_state_status(const struct rb_store *store, const struct rb_state *state, enum rb_status *ret,
		    struct rb_err *err);
/** rb_state_spec() - decode the config as it was frozen at create */
int rb_state_spec(const struct rb_store *store, struct rb_spec *spec, struct rb_err *err);
/** rb_state_create_opts() - what the create was asked; strings in the arena */
int rb_state_create_opts(const struct rb_store *store, struct rb_arena *arena,
			 struct rb_create_opts *ret, struct rb_err *err);

/* --- lifecycle.c: verbs on a container that is there --- */

/** rb_verb_check() - is @verb legal in @status? Fails with a line that names both. */
int rb_verb_check(enum rb_verb verb, enum rb_status status, const char *id, struct rb_err *err);

/** An opened container with all that is known of it. */
struct rb_container {
	struct rb_store store;
	struct rb_state state;
	enum rb_status status;
	int starter; /* `run`: connection to the child that waits for start; -1: it waits at the gate */
};
#define RB_CONTAINER_NONE                             \
	{                                             \
		.store = RB_STORE_NONE, .starter = -1 \
	}

/** rb_container_open() - open, lock if asked for, load, look at the status */
int rb_container_open(struct rb_container *c, const char *root, const char *id,
		      enum rb_store_lock lock, struct rb_err *err);
/**
 * rb_container_take() - go on with what was just created, without letting go of the lock
 * @store: of the create, becomes the container's. What create wrote is read once.
 * @starter: run->sync of a create with run->starts; becomes the container's too. -1 after a
 * straight plan: it runs
 */
int rb_container_take(struct rb_container *c, struct rb_store *store, int *starter,
		      struct rb_err *err);
/** rb_container_lock() - lock an open container again and look at its status. Return: 0; -ENOENT, it was
 * deleted meanwhile; or a failure */
int rb_container_lock(struct rb_container *c, struct rb_err *err);
/** rb_container_open_damaged() - load from the journal alone, for `delete --force` when state.json
 * is unreadable. Before: rb_container_open() failed with the lock taken. */
int rb_container_open_damaged(struct rb_container *c, struct rb_err *err);
void rb_container_close(struct rb_container *c);
#define rb_autocontainer __attribute__((cleanup(rb_container_close))) struct rb_container

/**
 * rb_container_start() - open the gate, run poststart hooks
 * Locked. A failing startContainer or poststart hook is an error and stops the container, as
 * runtime.md 1.3.0 "Lifecycle" 7 and 9 want; delete then undoes it.
 */
int rb_container_start(struct rb_container *c, struct rb_err *err);

/** rb_container_signal() - to init, or with @all (and for SIGKILL without an own pid namespace) to
 * every process */
int rb_container_signal(struct rb_container *c, int signum, bool all, struct rb_err *err);

/** rb_pidfd_signal() - pidfd_send_signal(2). Return: 0 or -errno */
int rb_pidfd_signal(int pidfd, int signum);

/** rb_container_kill() - SIGKILL to all of it, and wait until it is gone */
int rb_container_kill(struct rb_container *c, struct rb_err *err);

/** rb_container_destroy() - undo the journal, run poststop hooks, remove the directory. Locked and
 * stopped. */
int rb_container_destroy(struct rb_container *c, struct rb_err *err);

/** rb_container_pids() - pids of its processes; malloc'd */
int rb_container_pids(const struct rb_container *c, pid_t **ret, size_t *ret_n, struct rb_err *err);

/* --- pause.c --- */

/** rb_container_pause(), rb_container_resume() - Locked. A pause that fails leaves it running. */
int rb_container_pause(struct rb_container *c, struct rb_err *err);
int rb_container_resume(struct rb_container *c, struct rb_err *err);
/** rb_container_scope() - its scope as the journal has it; @ret->unit NULL when it has none */
int rb_container_scope(struct rb_container *c, struct rb_scope *ret, struct rb_err *err);
/** rb_container_cgroups() - its recorded cgroups in the hierarchies of @host; in the arena of the state
 */
int rb_container_cgroups(struct rb_container *c, const struct rb_host *host,
			 struct rb_cgroup_dir **ret, size_t *ret_n, struct rb_err *err);

/* --- recorder.c: how a create is recorded --- */

/** The context of the recorder that exec/ is given. */
struct rb_record {
	struct rb_store store;
	struct rb_run *run; /* gets state_fd in begin */
	const struct rb_spec *spec;
	const char *root;   /* state root, absolute */
	const char *rootfs; /* absolute */
	const char *config; /* config.json as read */
	size_t config_len;
	const struct rb_create_opts *opts;
	uint64_t start_time;
	char created[48]; /* RFC 3339 */
	bool begun;
	struct rb_buf text; /* of state.json */
	int text_fd;	    /* the same as a file without a name; negative if there is none */
};
#define RB_RECORD_NONE                                \
	{                                             \
		.store = RB_STORE_NONE, .text_fd = -1 \
	}
/** rb_record_init() - @rec calls into @record, which the caller has filled */
void rb_record_init(struct rb_record *record, struct rb_recorder *rec);
/** rb_record_done() - close, unlock */
void rb_record_done(struct rb_record *record);

#endif
