/* cgroup_priv.h - what the cgroup code shares: opened directories, marks, the walk, device rules
 */
#ifndef RUNBOX_CGROUP_PRIV_H
#define RUNBOX_CGROUP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runbox/plan.h"

struct rb_err;

/* --- cgroup.c --- */

/** rb_cgroup_leaf() - descriptor of the container's directory, opened once and kept by cgroup.c
 *  Return: the descriptor (not the caller's), or a reporting failure */
int rb_cgroup_leaf(const struct rb_cgroup_dir *dir, struct rb_err *err);

/** rb_cgroup_open_below() - a directory below another one, not over symlinks. Return: descriptor or -errno */
int rb_cgroup_open_below(int dir_fd, const char *path);

/** rb_cgroup_forget() - close what rb_cgroup_leaf() keeps. */
void rb_cgroup_forget(void);

/** rb_cgroup_find() - the directory whose hierarchy has this controller, NULL if none has. */
const struct rb_cgroup_dir *rb_cgroup_find(const struct rb_cgroup_dir *dirs, size_t n,
					   enum rb_controller c);

/** rb_cgroup_wanted() - controllers that these resources need, as RB_CG_BIT. Pure. */
unsigned rb_cgroup_wanted(const struct rb_resources *res);

/** rb_cgroup_enable() - switch on the controllers that these resources need and a directory of v2 has
 *  not got yet */
int rb_cgroup_enable(const struct rb_cgroup_dir *dir, const struct rb_resources *res,
		     struct rb_err *err);

/** rb_cgroup_path() - the absolute path of a directory, appended to @out */
void rb_cgroup_path(const struct rb_cgroup_dir *dir, struct rb_buf *out);

/* --- cgroup_mark.c --- */

/** What the mark on a container's directory says, to the container whose token it bears. */
enum rb_cgroup_mark {
	RB_MARK_NONE,  /* not its own: never kill in it */
	RB_MARK_MADE,  /* made by runbox: goes with the container */
	RB_MARK_FOUND, /* was there, empty, before: emptied again but kept (runtime.md "Delete") */
};

/** rb_cgroup_token() - what tells this create from all others: 16 random hexadecimal digits */
const char *rb_cgroup_token(void);

/** rb_cgroup_mark_leaf(), _parent() - mark a directory that is used, or made on the way to it
 *  The mark is an extended attribute, trusted.* or, where that is not allowed, user.*.
 *  Return: RB_MARK_NONE, or what it says when the container, which may own its cgroup, can change it */
enum rb_cgroup_mark rb_cgroup_mark_leaf(const char *abs_path, bool found);
/** rb_cgroup_note_inode() - add a line: a record that knows the opened directory without its mark */
void rb_cgroup_note_inode(struct rb_buf *lines, const struct rb_cgroup_dir *dir, int fd,
			  enum rb_cgroup_mark mark);
/** rb_cgroup_inodes() - such records of what was made last, a line each; the caller frees it */
char *rb_cgroup_inodes(void);
void rb_cgroup_mark_parent(const char *abs_path);
/** rb_cgroup_mark_scope(), rb_cgroup_is_scope() - a scope that systemd made for the create of @token */
void rb_cgroup_mark_scope(const char *abs_path);
bool rb_cgroup_is_scope(const char *abs_path, const char *token);
void rb_cgroup_unmark(const char *abs_path);
/** rb_cgroup_release() - an undo is done with a directory that was found, by a record with this token */
void rb_cgroup_release(const char *abs_path, const char *token);
/** rb_cgroup_mark_get() - the mark for the holder of @token; another's, or none, is RB_MARK_NONE */
enum rb_cgroup_mark rb_cgroup_mark_get(const char *abs_path, const char *token);
bool rb_cgroup_is_made_parent(const char *abs_path);
/** rb_cgroup_is_marked() - is there a mark at all, be it another container's? */
bool rb_cgroup_is_marked(const char *abs_path);

/* --- cgroup_delegate.c --- */

/** rb_cgroup_delegate() - give the directory to the container's user if config.json calls for it */
int rb_cgroup_delegate(const struct rb_cgroup_dir *dirs, size_t n, const struct rb_spec *spec,
		       struct rb_err *err);

/* --- cgroup_tree.c --- */

/** One directory of a journal line. */
struct rb_cgroup_record {
	const char *path, *mount;
	const char *base;  /* deepest parent that was there before runbox came */
	const char *token; /* of the create */
};

/**
 * rb_cgroup_undo() - end what runs in directories of ours and remove them
 * Parents below their base go when nobody uses them, and so do marked ones above it. "Already
 * gone" is success; of a foreign cgroup nothing is touched.
 */
int rb_cgroup_undo(const struct rb_cgroup_record *recs, size_t n, struct rb_err *err);

/**
 * rb_cgroup_walk() - visit the cgroups below an opened directory, children before parents, itself
 * last
 * @enter: called on the way down, may be NULL
 * @leave: called on the way up with the directory and, but for the top itself, its parent and
 *         name; may be NULL
 * Holds two descriptors however deep the tree is: the container may have made it.
 * Return: 0, or the first negative value of a callback, or -errno
 */
int rb_cgroup_walk(int top_fd, int (*enter)(int fd, void *arg),
		   int (*leave)(int parent_fd, const char *name, void *arg), void *arg);

/* --- devrules.c: linux.resources.devices as a table of exceptions. Pure. --- */

/** A set of devices: of one type, major and minor or any (-1), and what may (or may not) be
 * done. */
struct rb_dev_exception {
	int64_t major, minor;
	unsigned access; /* RB_DEV_R|W|M */
	char type;	 /* 'c' or 'b' */
};

/** Ordered rules, the last match deciding, cut to what still counts. */
struct rb_dev_rules {
	bool allow;		      /* where none matches: true after an allow of all */
	struct rb_device_rule *rules; /* in order, later ones win; type is 'c' or 'b' */
	size_t n;
};

/** rb_dev_rules_build() - deny-all, then the config's, then the default devices. @arena owns
 * the rows. */
void rb_dev_rules_build(struct rb_arena *arena, const struct rb_resources *res,
			struct rb_dev_rules *ret);

/** rb_dev_rules_check() - what the rules say about one access; @access 0 asks whether anything
 * is allowed. */
bool rb_dev_rules_check(const struct rb_dev_rules *rules, char type, int64_t major, int64_t minor,
			unsigned access);

/**
 * rb_dev_rules_flatten() - the rules as the devices controller of v1 knows them: a default and
 * exceptions
 * @ret_bad: the rule that it cannot express ("all of 10:* but 10:229")
 * Return: 0, or -EINVAL
 */
int rb_dev_rules_flatten(struct rb_arena *arena, const struct rb_dev_rules *rules,
			 struct rb_dev_exception **ret, size_t *ret_n,
			 const struct rb_device_rule **ret_bad);

/** rb_dev_text() - "c 1:3 rwm", as devices.allow takes it. Return: buf */
char *rb_dev_text(const struct rb_dev_exception *e, char buf[64]);

/* --- devrules_update.c --- */

/** A write to devices.allow or devices.deny of v1. */
struct rb_dev_change {
	bool allow;
	struct rb_dev_exception row;
};

/** rb_dev_list_parse() - devices.list of v1, when it is a list of what is allowed. Pure.
 *  Return: 0, or -EINVAL ("a *:* rwm", all is allowed) */
int rb_dev_list_parse(struct rb_arena *arena, const char *text, struct rb_dev_exception **ret,
		      size_t *ret_n);

/** rb_dev_changes() - what leads from one list to the other: first all allows, then all denies. Pure. */
struct rb_dev_change *rb_dev_changes(struct rb_arena *arena, const struct rb_dev_exception *old,
				     size_t n_old, const struct rb_dev_exception *new, size_t n_new,
				     size_t *ret_n);

/** rb_cgroup_device_update() - rb_cgroup_device_rules() for a container that runs: at no moment is
 *  less allowed than what both old and new rules allow, and after a failure the old ones hold */
int rb_cgroup_device_update(const struct rb_cgroup_dir *dirs, size_t n,
			    const struct rb_resources *res, struct rb_err *err);

/* --- devbpf.c, devbpf_load.c: the same for v2 --- */

struct bpf_insn;

/** rb_devbpf_generate() - a BPF_PROG_TYPE_CGROUP_DEVICE program. Pure. @ret in the arena. */
void rb_devbpf_generate(struct rb_arena *arena, const struct rb_dev_rules *rules,
			struct bpf_insn **ret, size_t *ret_n);

/** rb_devbpf_attach() - load the program and make it the only one of runbox on the cgroup, at once.
 *  Return: 0 or a reporting failure; -EPERM when this process may not */
int rb_devbpf_attach(int cgroup_fd, const struct bpf_insn *insns, size_t n, struct rb_err *err);

/** rb_devbpf_attached() - is there a device program on this very cgroup? */
bool rb_devbpf_attached(int cgroup_fd);

#endif
