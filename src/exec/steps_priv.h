/* steps_priv.h - what the child's steps share among themselves: what they carry along, mounts by
 * descriptor
 */
#ifndef RUNBOX_STEPS_PRIV_H
#define RUNBOX_STEPS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbox/exec.h"
#include "runbox/plan.h"

struct rb_err;

/** What one step of the child makes and a later one needs; lives in run->child. */
struct rb_child {
	int null_fd;	/* the host's /dev/null, checked, opened before anything of the image was */
	int mask_tree;	/* the empty read-only tmpfs over masked directories, once attached */
	int tty;	/* CONSOLE: the pty that becomes stdio; FIND takes it */
	bool in_cwd;	/* the working directory was entered while still privileged */
	char **env;	/* FIND: the environment of the program */
	int init_fd;	/* INIT: its program; -1: there is none */
	int init_go[2]; /* INIT: a pipe whose end says that the parent is init */
	bool init_alone;     /* INIT: as pid 1 of a new namespace */
	uint64_t started_ns; /* GATE: when it was opened */
	int cwd_fd;	     /* MOUNT: the caller's working directory, until PIVOT */
	/* where the last device or link was put, for the next one; gone with the next mount */
	int dir_fd;
	const char *dir_path; /* of the plan; without the last name: dir_len bytes */
	size_t dir_len;
	bool dir_setgid;
};

/** rb_child_of() - the child's own things, made on first use. */
struct rb_child *rb_child_of(struct rb_run *run);
/** rb_child_shed() - close all descriptors but those of the program and what leads to the host side */
void rb_child_shed(struct rb_run *run);
/** rb_child_forget_dir() - something was mounted: paths may lead elsewhere now. */
void rb_child_forget_dir(struct rb_run *run);

/* --- root.c --- */

/** rb_root_open_strict() - as rb_root_open(), but no component may be a symbolic link (-ELOOP). */
int rb_root_open_strict(int root_fd, const char *path, int flags, int *ret_fd);

/* --- exchange.c --- */

/**
 * rb_root_exchange() - run->root_fd, a copy of it, becomes "/", and the host's tree is gone
 * The new root lies on "/" of a mount namespace of our own. Return: 1, run->root_fd is the copy; 0, it cannot
 * be done here, all is as before; or a reporting failure
 */
int rb_root_exchange(struct rb_run *run, struct rb_err *err);

/* --- step_rootfs.c --- */

/** rb_root_clone() - a detached copy of the root's tree; @alone: without what is mounted below it.
 * Reporting */
int rb_root_clone(const char *path, bool alone, int *ret_fd, struct rb_err *err);
/** rb_slash_open() - "/" of our mount namespace, from now on no peer of the host's, to attach on.
 * Reporting */
int rb_slash_open(int *ret_fd, struct rb_err *err);

/* --- mountfd.c --- */

/** What is to be changed on a mount: MOUNT_ATTR_* of it alone and of its whole tree, and
 * propagation. */
struct rb_mount_change {
	uint64_t set, clr, rset, rclr;
	unsigned long early; /* MS_PRIVATE ... | MS_REC before it is attached, 0 for none */
	/* once attached, in order: a mount put on a shared one becomes shared whatever it was
	 * before */
	const unsigned long *propagation;
	size_t n_propagation;
};

unsigned long rb_mount_flags(uint64_t attr);
int rb_mount_clone(int dir_fd, const char *path, bool recursive, bool nofollow, int *ret_fd);
int rb_mount_change(struct rb_run *run, int fd, const struct rb_mount_change *change);
int rb_mount_attach_at(struct rb_run *run, int tree_fd, int dir_fd, const char *name,
		       const struct rb_mount_change *change);
int rb_mount_attach(struct rb_run *run, int tree_fd, int target_fd,
		    const struct rb_mount_change *change);
int rb_mount_by_path(struct rb_run *run, int fd, const char *source, const char *type,
		     unsigned long flags, const char *data);

/** A new file system, before it is mounted. */
struct rb_fs {
	const char *type, *source;
	const struct rb_strv *data; /* "key" or "key=value", NULL for none */
	const char *label;	    /* context=, NULL for none */
	unsigned long sb;	    /* MS_* of the superblock */
	uint64_t attr;		    /* MOUNT_ATTR_* */
};

int rb_fs_make(const struct rb_fs *fs, int *ret_fd, char why[160]);
int rb_fs_reconfigure(int fd, const struct rb_fs *fs, unsigned long sb_clr, char why[160]);

/* --- mount_cgroup.c, mount_idmap.c, copyup.c --- */

int rb_mount_cgroup(struct rb_run *run, const struct rb_step *step, struct rb_err *err);
int rb_mount_idmap(const struct rb_run *run, int tree_fd, const struct rb_step *step,
		   struct rb_err *err);
int rb_copy_up(int from_fd, int to_fd, const struct rb_strv *data);

/* --- step_mount.c --- */

/** rb_mount_target() - the place of a mount step in the root, made if missing, checked. */
int rb_mount_target(struct rb_run *run, const struct rb_step *step, bool dir, int *ret_fd,
		    struct rb_err *err);
/** rb_mount_change_of() - what the options of a mount step change on its mount. */
struct rb_mount_change rb_mount_change_of(struct rb_run *run, const struct rb_step *step,
					  bool from_host);

/* --- step_init.c --- */

int rb_init_split(struct rb_run *run, struct rb_err *err);

/* --- step_console.c, step_exec.c, step_sysctl.c --- */

/** rb_listen_pid() - LISTEN_PID of the environment, where there is one, becomes the pid of the caller */
void rb_listen_pid(struct rb_run *run);
int rb_tty_adopt(struct rb_run *run, struct rb_err *err);
int rb_cwd_enter(struct rb_run *run, const char *cwd);
int rb_cwd_fail(const struct rb_run *run, const char *cwd, int r, struct rb_err *err);
int rb_procfs_get(struct rb_run *run);
int rb_procfs_open(int proc_fd, const char *file);

/* --- cpulist.c: "0-3,7" --- */

int rb_list_parse(const char *text, unsigned long *bits, size_t n_bits);

#endif
