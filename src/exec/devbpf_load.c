/* devbpf_load.c - the device rules onto the container's cgroup: files of v1, or a program of v2
 *
 * On v2 the new program takes the place of runbox's old one in one step, so there is no moment
 * without rules; programs of others (systemd) stay, and all have to agree.
 * Source: bpf(2), <linux/bpf.h> BPF_PROG_ATTACH with BPF_F_REPLACE, kernel cgroup-v1/devices.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/exec_priv.h"
#include "runbox/cgroup.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

#define AT	  "linux.resources.devices"
#define PROG_NAME "runbox_dev"
/* the kernel's own limit of programs on one cgroup */
#define MAX_PROGS 64

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

static int load(const struct bpf_insn *insns, size_t n)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)insns,
		.insn_cnt = (uint32_t)n,
		.license = (uintptr_t) "",
		.prog_name = PROG_NAME,
	};

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* The program of that id, if runbox loaded it. Return: a descriptor, or -ENOENT */
static int open_own(uint32_t id)
{
	union bpf_attr attr = { .prog_id = id };
	struct bpf_prog_info info = { 0 };
	rb_autofd fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	if (fd < 0)
		return -ENOENT;
	attr = (union bpf_attr) { 0 };
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 ||
	    strncmp(info.name, PROG_NAME, sizeof(info.name)) != 0)
		return -ENOENT;
	return rb_take_fd(&fd);
}

/* The program that runbox put on this cgroup before. Return: a descriptor, or -ENOENT */
static int find_own(int cgroup_fd)
{
	uint32_t ids[MAX_PROGS];
	union bpf_attr attr = { 0 };
	int r;

	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = MAX_PROGS;
	r = sys_bpf(BPF_PROG_QUERY, &attr);
	if (r < 0)
		return -ENOENT; /* who may not ask may not replace either */
	for (uint32_t i = 0; i < attr.query.prog_cnt && i < MAX_PROGS; i++) {
		r = open_own(ids[i]);
		if (r >= 0)
			return r;
	}
	return -ENOENT;
}

bool rb_devbpf_attached(int cgroup_fd)
{
	rb_autofd fd = find_own(cgroup_fd);

	return fd >= 0;
}

int rb_devbpf_attach(int cgroup_fd, const struct bpf_insn *insns, size_t n, struct rb_err *err)
{
	rb_autofd prog = -1, old = -1;
	union bpf_attr attr = { 0 };
	int r;

	/* the jump from the rules of one type of device to those of the other has 16 bits */
	if (n > INT16_MAX)
		return rb_fail(err, RB_ERR_CONFIG, "these are too many device rules");
	prog = load(insns, n);
	if (prog < 0)
		return rb_fail_sys(err, -prog, "load the program of the device rules");
	old = find_own(cgroup_fd);
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	r = sys_bpf(BPF_PROG_ATTACH, &attr);
	return r < 0 ? rb_fail_sys(err, -r, "attach the program of the device rules") : 0;
}

/* --- the two sides --- */

static bool in_user_ns(void)
{
	struct stat st;

	/* the first user namespace has this inode (kernel, PROC_USER_INIT_INO) */
	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino != 0xEFFFFFFDu;
}

static int rules_v2(const struct rb_cgroup_dir *dir, const struct rb_dev_rules *rules,
		    struct rb_arena *arena, struct rb_err *err)
{
	struct rb_err failed = { 0 };
	struct bpf_insn *insns;
	int leaf = rb_cgroup_leaf(dir, err), r;
	size_t n;

	if (leaf < 0)
		return leaf;
	if (rules->allow && rules->n == 0 && !rb_devbpf_attached(leaf))
		return 0; /* no rules is what a cgroup has */
	rb_devbpf_generate(arena, rules, &insns, &n);
	r = rb_devbpf_attach(leaf, insns, n, &failed);
	if (r == -EPERM && (geteuid() != 0 || in_user_ns())) {
		/* mknod(2) is not allowed there and devices of mounts are not opened (nodev),
		 * so the rules keep away little more than what the host's permissions do */
		rb_log_debug(RB_DEBUG_EXEC,
			     "device rules need privileges on the host and are left out");
		return 0;
	}
	if (r < 0)
		*err = failed;
	return r;
}

/* @file takes rules one a write, and any number of them from one open. */
static int open_rules(const struct rb_cgroup_dir *dir, int leaf, const char *file, int *ret_fd,
		      struct rb_err *err)
{
	int fd = openat(leaf, file, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return rb_fail(err, RB_ERR_CONFIG, "this host has no %s", file);
	if (fd < 0)
		return rb_fail_sys(err, errno, "open %s in %s%s", file, dir->hierarchy->mount,
				   dir->path);
	*ret_fd = fd;
	return 0;
}

static int write_rule(const struct rb_cgroup_dir *dir, int fd, const char *file, const char *rule,
		      struct rb_err *err)
{
	int r = rb_write_all(fd, rule, strlen(rule));

	if (r == 0)
		return 0;
	(void)rb_fail_sys(err, -r, "write \"%s\" to %s in %s%s", rule, file, dir->hierarchy->mount,
			  dir->path);
	return r == -EPERM ? rb_err_hint(err, "the parent cgroup does not allow this device") : r;
}

static int rules_v1(const struct rb_cgroup_dir *dir, const struct rb_dev_rules *rules,
		    struct rb_arena *arena, struct rb_err *err)
{
	const char *same = rules->allow ? "devices.allow" : "devices.deny";
	const char *other = rules->allow ? "devices.deny" : "devices.allow";
	const struct rb_device_rule *bad;
	struct rb_dev_exception *v;
	rb_autofd same_fd = -1, other_fd = -1;
	int leaf = rb_cgroup_leaf(dir, err), r;
	char text[64];
	size_t n;

	if (leaf < 0)
		return leaf;
	if (rb_dev_rules_flatten(arena, rules, &v, &n, &bad) < 0) {
		struct rb_dev_exception hole = { bad->has_major ? bad->major : -1,
						 bad->has_minor ? bad->minor : -1, bad->access,
						 bad->type };

		return rb_fail(err, RB_ERR_CONFIG,
			       "cgroup v1 cannot %s \"%s\" out of a wider rule before it",
			       bad->allow ? "allow" : "deny", rb_dev_text(&hole, text));
	}
	r = open_rules(dir, leaf, same, &same_fd, err);
	if (r == 0)
		r = write_rule(dir, same_fd, same, "a", err);
	if (r == 0 && n)
		r = open_rules(dir, leaf, other, &other_fd, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = write_rule(dir, other_fd, other, rb_dev_text(&v[i], text), err);
	return r;
}

int rb_cgroup_device_rules(const struct rb_cgroup_dir *dirs, size_t n,
			   const struct rb_resources *res, struct rb_err *err)
{
	const struct rb_cgroup_dir *dir = rb_cgroup_find(dirs, n, RB_CG_DEVICES);
	rb_autoarena arena = { 0 };
	struct rb_dev_rules rules;
	int r;

	for (size_t i = 0; !dir && i < n; i++)
		if (dirs[i].hierarchy->v2)
			dir = &dirs[i];
	if (!dir)
		return rb_fail_at(err, AT,
				  "this host has neither the devices controller nor cgroup v2");
	rb_dev_rules_build(&arena, res, &rules);
	r = dir->hierarchy->v2 ? rules_v2(dir, &rules, &arena, err)
			       : rules_v1(dir, &rules, &arena, err);
	if (r < 0)
		rb_err_at(err, AT);
	return r;
}

int rb_step_device_rules(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	(void)run;
	return rb_cgroup_device_rules(step->u.limits.dirs, step->u.limits.n, step->u.limits.res,
				      err);
}
