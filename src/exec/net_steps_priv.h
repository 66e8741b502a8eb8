/* net_steps_priv.h - what the network's steps share: leases on what containers have in common, the
 * run's own part, the namespaces
 *
 * A bridge, a named namespace, an address of it, a switch of the host: such a thing is there once
 * and used by many. Who uses it, and whether runbox made it, is one line a user in
 * <root>/@net/leases, changed under a lock. The line is written before the thing is made, and the
 * last user's undo removes what was made.
 */
#ifndef RUNBOX_NET_STEPS_PRIV_H
#define RUNBOX_NET_STEPS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runbox/exec.h"
#include "runbox/net.h"
#include "runbox/str.h"

struct rb_err;

struct rb_lease {
	const char *kind; /* "bridge" */
	const char *key;  /* of the thing: "runbox0@4026531840" */
	const char *id;	  /* of the container */
	const char *note; /* what tells it from another of its name, or "" */
	bool made;	  /* by runbox */
	bool dropped;
};

/** The leases of a state root, locked. */
struct rb_leases {
	struct rb_arena arena;
	int dir_fd, lock_fd;
	struct rb_lease *v;
	size_t n, cap;
};
#define RB_LEASES_NONE                      \
	{                                   \
		.dir_fd = -1, .lock_fd = -1 \
	}

/** rb_leases_open() - lock and read. @make: the directory too. Return: 0; -ENOENT without @make
 * when there are none; or a reporting failure */
int rb_leases_open(struct rb_leases *l, const char *root, bool make, struct rb_err *err);
/** rb_leases_save() - write what was changed. */
int rb_leases_save(struct rb_leases *l, struct rb_err *err);
/** rb_leases_close() - unlock. Nothing is written. */
void rb_leases_close(struct rb_leases *l);
#define rb_autoleases __attribute__((cleanup(rb_leases_close))) struct rb_leases

/** rb_leases_find() - the first line of that kind and key, of whatever container */
struct rb_lease *rb_leases_find(struct rb_leases *l, const char *kind, const char *key);
/** rb_leases_mine() - the line of container @id */
struct rb_lease *rb_leases_mine(struct rb_leases *l, const char *kind, const char *key,
				const char *id);
/** rb_leases_add() - one more user; strings are copied */
void rb_leases_add(struct rb_leases *l, const struct rb_lease *lease);
/**
 * rb_leases_drop() - the line of @id goes
 * Return: the line when the thing is to be removed: runbox made it and nobody is left; else NULL
 */
const struct rb_lease *rb_leases_drop(struct rb_leases *l, const char *kind, const char *key,
				      const char *id);
/**
 * rb_leases_forget_elsewhere() - drop what @id has by this name in network namespaces that are not ours
 *
 * It went with its namespace, or is out of reach from here: then a warning says so.
 */
void rb_leases_forget_elsewhere(struct rb_leases *l, const char *id, const char *name);
/** rb_leases_key() - "NAME@INODE": a name in our own network namespace. In the arena. */
const char *rb_leases_key(struct rb_leases *l, const char *name);

/** rb_sysctl_hold() - a switch of the host is on while containers need it, and as it was afterwards
 *  @path: below /proc/sys */
int rb_sysctl_hold(struct rb_leases *l, const char *path, const char *id, struct rb_err *err);
/** rb_sysctl_release() - all that @id holds, with the last of them off again */
int rb_sysctl_release(struct rb_leases *l, const char *id, struct rb_err *err);

/** rb_partition_leave() - the device of a container goes: it is kept from nobody any more */
int rb_partition_leave(const char *root, const char *id, const char *device, struct rb_err *err);

/** What the network's rows share; made with the run when its config has a network. */
struct rb_net_run {
	int ns_fd;		   /* the container's namespace, once it is there */
	int files[RB_NET_N_FILES]; /* detached mounts of the written files, -1 */
	struct {
		char host_name[RB_NET_NAME];
		uint8_t mac[6]; /* of the host's end, drawn: it is how undo knows it */
		struct rb_ip addrs[RB_NET_MAX_ADDRS];
	} ifaces[64];
};

/** rb_net_state_root() - the state root: the parent of the state directory. Return: 0 or -errno */
int rb_net_state_root(const struct rb_run *run, char *buf, size_t size);
/** rb_net_ns() - the container's network namespace, which is not ours. Return: descriptor (run's)
 * or failure */
int rb_net_ns(struct rb_run *run, struct rb_err *err);
/** rb_net_own_ns() - inode of our own network namespace, 0 when there is no telling */
ino_t rb_net_own_ns(void);
/** rb_net_device_of() - where the container is reached on the host: the bridge, or the host's end
 */
const char *rb_net_device_of(const struct rb_run *run, size_t index);

#endif
