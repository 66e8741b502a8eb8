/* clone.c - the container's first process: joins by path, then one clone3 with all new namespaces
 *
 * The process is always a child of this one. Without joins it is cloned directly. With joins a
 * go-between enters the namespaces and clones with CLONE_PARENT, so that this process, which runs
 * hooks and undo, stays where it is. Order of entry: a namespace that the host side has rights over
 * is entered before the user namespace, the others after it, with the rights it grants
 * (user_namespaces(7)); pid affects only children and comes last. Every namespace file is opened
 * and checked before the first is entered.
 *
 * What enters a running container (exec) is seen there once it is in the pid namespace, and who has
 * CAP_SYS_PTRACE in the same user namespace may trace it, dumpable or not, whatever else it has
 * (ptrace(2) "Ptrace access mode checking"). The go-between is in no pid namespace but the host's:
 * so it walks the child's rows itself until it has nothing of the host's left, and is the program's
 * user with the program's capabilities. The row "born" then clones who goes on. The go-between is
 * itself born in the cgroup, and its verdict goes by memory that the other one does not get.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"
#include "runbox/cgroup.h"
#include "runbox/proc.h"

int rb_ns_open(const char *path, unsigned long type, const char *type_name, int *ret_fd,
	       struct rb_err *err)
{
	/* O_NONBLOCK: the path may name a FIFO */
	rb_autofd fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int got;

	if (fd < 0)
		return rb_fail_sys(err, errno, "open %s namespace %s", type_name, path);
	got = ioctl(fd, NS_GET_NSTYPE);
	if (got < 0)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not a namespace", path);
	if ((unsigned long)got != type)
		return rb_fail(err, RB_ERR_CONFIG, "%s is not a %s namespace", path, type_name);
	*ret_fd = rb_take_fd(&fd);
	return 0;
}

static int open_joins(const struct rb_step *step, int fds[RB_NS_COUNT], struct rb_err *err)
{
	for (size_t i = 0; i < step->u.clone.n_joins; i++) {
		int r = rb_ns_open(step->u.clone.joins[i].path, step->u.clone.joins[i].flag,
				   step->u.clone.joins[i].name, &fds[i], err);

		if (r < 0) {
			rb_err_at(err, step->u.clone.joins[i].at);
			return r;
		}
	}
	return 0;
}

static int join_one(const struct rb_step *step, size_t i, int fd, struct rb_err *err)
{
	if (setns(fd, (int)step->u.clone.joins[i].flag) == 0)
		return 0;
	(void)rb_fail_sys(err, errno, "enter %s namespace %s", step->u.clone.joins[i].name,
			  step->u.clone.joins[i].path);
	rb_err_at(err, step->u.clone.joins[i].at);
	return -EPERM;
}

static bool is_own_user_ns(int fd)
{
	struct stat own, other;

	return stat("/proc/self/ns/user", &own) == 0 && fstat(fd, &other) == 0 &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static int join_all(const struct rb_run *run, const struct rb_step *step, int *fds,
		    struct rb_err *err)
{
	const unsigned long user = CLONE_NEWUSER;
	bool left[RB_NS_COUNT] = { false };

	(void)run;
	for (size_t i = 0; i < step->u.clone.n_joins; i++) {
		unsigned long flag = step->u.clone.joins[i].flag;

		if (flag != user)
			left[i] = setns(fds[i], (int)flag) < 0;
	}
	for (size_t i = 0; i < step->u.clone.n_joins; i++)
		/* setns(2): entering the user namespace one is in already is EINVAL */
		if (step->u.clone.joins[i].flag == user && !is_own_user_ns(fds[i]) &&
		    join_one(step, i, fds[i], err) < 0)
			return -EPERM;
	for (size_t i = 0; i < step->u.clone.n_joins; i++)
		if (left[i] && join_one(step, i, fds[i], err) < 0)
			return -EPERM;
	return 0;
}

/* clone3(2), or clone(2) where the kernel or a filter does not have it. Return: as fork(2), or
 * -errno */
static pid_t clone_process(unsigned long flags, int cgroup_fd, bool *ret_in_cgroup)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	long pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	*ret_in_cgroup = cgroup_fd >= 0;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0 && (errno == ENOSYS || errno == EPERM || (errno == E2BIG && cgroup_fd >= 0))) {
		*ret_in_cgroup = false;
		pid = syscall(SYS_clone, flags | (flags & CLONE_PARENT ? 0 : SIGCHLD), NULL, NULL,
			      NULL, NULL);
	}
	return pid < 0 ? -errno : (pid_t)pid;
}

/* What the go-between tells: the pid as this process sees it, or why there is none. */
struct rb_verdict {
	pid_t pid;
	bool in_cgroup;
	struct rb_err err;
};

/* How a go-between comes to where the child is cloned. */
struct entry {
	unsigned long flags; /* of the clone */
	int cgroup_fd;
	int (*go)(const struct rb_run *run, const struct rb_step *step, int *fds,
		  struct rb_err *err);
	int *fds;
	size_t n_fds;
	bool walks; /* and clones at the row "born": others are there already, see above */
};

/* The verdict is not for who is cloned: else who takes that over could name another pid. */
static int keep_to_oneself(struct rb_verdict *verdict, struct rb_err *err)
{
	if (madvise(verdict, sizeof(*verdict), MADV_DONTFORK) < 0)
		return rb_fail_sys(err, errno, "keep memory to oneself");
	return 0;
}

static void __attribute__((noreturn))
go_between(struct rb_run *run, const struct entry *e, struct rb_verdict *verdict)
{
	bool in_cgroup = false;
	pid_t pid;

	if (run->plan->joined_ns & CLONE_NEWPID) /* a pod: neighbours can see what is born */
		rb_args_hide();
	if (keep_to_oneself(verdict, &verdict->err) < 0)
		_exit(0);
	pid = clone_process(e->flags | CLONE_PARENT, e->cgroup_fd, &in_cgroup);
	if (pid == 0) {
		for (size_t i = 0; i < e->n_fds; i++)
			rb_closep(&e->fds[i]);
		rb_child_main(run);
	}
	verdict->in_cgroup = in_cgroup;
	if (pid < 0)
		(void)rb_fail_sys(&verdict->err, -pid, "clone the container's process");
	else
		verdict->pid = pid;
	_exit(0);
}

/* Leave what is the host's: descriptors, and the caller's words and environment, which /proc shows, the
 * words to everybody. Then go on as the child. */
static void __attribute__((noreturn)) walk_between(struct rb_run *run, struct rb_verdict *verdict)
{
	/* target: of a process that is there anyway; proc: until the row "born" */
	const int keep[] = { run->sync, run->console_sock, run->seccomp_sock, run->target,
			     run->proc_fd };

	rb_close_others(run, keep, sizeof(keep) / sizeof(keep[0]));
	rb_args_hide();
	rb_env_hide();
	run->birth = verdict;
	rb_child_main(run);
}

/** rb_step_born() - exec: the go-between clones what becomes the program, and is gone; that one goes on */
int rb_step_born(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct rb_verdict *verdict = run->birth;
	bool in_cgroup;
	pid_t pid;

	(void)step;
	rb_closep(&run->proc_fd); /* the host's, see rb_procfs_get() */
	if (keep_to_oneself(verdict, err) < 0)
		return -EPERM;
	pid = clone_process(CLONE_PARENT, -1, &in_cgroup);
	if (pid < 0)
		return rb_fail_sys(err, -pid, "clone the container's process");
	if (pid > 0) {
		verdict->pid = pid;
		_exit(0);
	}
	run->birth = NULL;
	rb_listen_pid(run);
	return rb_tty_adopt(run, err);
}

static void __attribute__((noreturn)) enter(struct rb_run *run, const struct rb_step *step,
					    const struct entry *e, struct rb_verdict *verdict)
{
	rb_self_release();
	rb_oom_score_ahead(run);
	/* what it enters may be hostile: nothing of it may be read or traced from there */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (e->go(run, step, e->fds, &verdict->err) < 0)
		_exit(0);
	if (e->walks)
		walk_between(run, verdict);
	go_between(run, e, verdict);
}

/* Files of the container can hold up who enters it: who called must be able to end us meanwhile. */
static void wait_between(const struct rb_run *run, pid_t middle)
{
	sigset_t old;

	if (run->wait_mask)
		(void)sigprocmask(SIG_SETMASK, run->wait_mask, &old); /* cannot fail */
	while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
		;
	if (run->wait_mask)
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static int clone_between(struct rb_run *run, const struct rb_step *step, const struct entry *e,
			 struct rb_verdict *v, struct rb_err *err)
{
	struct rb_verdict *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool in_cgroup = false;
	pid_t middle;

	/* There may be others where it goes, and who has CAP_SYS_ADMIN can make any mount writable
	 * that still is in a namespace, an anonymous one too (mount_setattr(2)): the one that we
	 * run from is in none once it is closed. */
	rb_self_release();
	if (shared == MAP_FAILED)
		return rb_fail_sys(err, errno, "map memory");
	middle = clone_process(0, e->walks ? e->cgroup_fd : -1, &in_cgroup);
	if (middle == 0) {
		shared->in_cgroup = in_cgroup;
		enter(run, step, e, shared);
	}
	if (middle > 0)
		wait_between(run, middle);
	*v = *shared;
	(void)munmap(shared, sizeof(*shared)); /* our own mapping */
	if (middle < 0)
		return rb_fail_sys(err, -middle, "clone the process that enters the namespaces");
	if (v->pid > 0)
		return 0;
	if (v->err.msg[0] == '\0')
		(void)rb_fail(&v->err, RB_ERR_SYS,
			      "the process that enters the namespaces ended unexpectedly");
	*err = v->err;
	return err->errnum > 0 ? -err->errnum : -EINVAL;
}

static int clone_joined(struct rb_run *run, const struct rb_step *step, int cgroup_fd,
			struct rb_verdict *v, struct rb_err *err)
{
	int fds[RB_NS_COUNT] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	struct entry e = { .flags = step->u.clone.flags,
			   .cgroup_fd = cgroup_fd,
			   .go = join_all,
			   .fds = fds,
			   .n_fds = step->u.clone.n_joins };
	int r = open_joins(step, fds, err);

	if (r == 0)
		r = clone_between(run, step, &e, v, err);
	for (size_t i = 0; i < step->u.clone.n_joins; i++)
		rb_closep(&fds[i]);
	return r;
}

/*
 * The two sides begin on one processor, while the thread of rb_exec_ahead() has the other, or each
 * on its own. In the first case one has to wait, until the child waits for something if nothing is
 * done, and that is the kernel, for whose work it then takes the processor. So the child says where
 * it is, in memory that both have: the time of the end of this row, which is not known yet; it lets
 * the host side go on for a moment, and that goes to another processor.
 */
static void say_where(uint64_t *word)
{
	int cpu = rb_proc_cpu();
	uint64_t none = 0;

	if (cpu >= 0 && __atomic_compare_exchange_n(word, &none, (uint64_t)cpu + 1, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		(void)sched_yield(); /* cannot fail */
}

static void part(struct rb_run *run, const uint64_t *word, pid_t pid)
{
	uint64_t where = word ? __atomic_load_n(word, __ATOMIC_ACQUIRE) : 0;

	/* where it is on our processor it has not begun yet: it would be sent to the thread's */
	if (word && !where) {
		(void)sched_yield();
		where = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	}
	if (where && where == (uint64_t)rb_proc_cpu() + 1) {
		rb_proc_aside();
		/* to where the thread is, as a rule, for whose work the child waits before it waits
		 * for ours */
		(void)sched_yield();
	}
	/* until its row of affinity; a hook before that would keep it */
	else if (!run->plan->spec->hooks[RB_HOOK_CREATE_CONTAINER].n)
		rb_proc_beside(pid);
}

static int clone_direct(struct rb_run *run, const struct rb_step *step, int cgroup_fd,
			struct rb_verdict *v, struct rb_err *err)
{
	uint64_t *word = run->beside && run->times ? &run->times[step - run->plan->steps].end_ns
						   : NULL;
	unsigned long flags = step->u.clone.flags;

	run->enters_net = run->ahead && flags & CLONE_NEWNET;
	if (run->enters_net)
		flags &= ~(unsigned long)CLONE_NEWNET; /* at the row of lo */
	v->pid = clone_process(flags, cgroup_fd, &v->in_cgroup);
	if (v->pid == -EAGAIN && run->ahead) {
		(void)rb_ahead_net(run); /* it may be the one too many, until it has ended */
		v->pid = clone_process(flags, cgroup_fd, &v->in_cgroup);
	}
	if (v->pid == 0) {
		if (word)
			say_where(word);
		rb_child_main(run);
	}
	if (v->pid < 0)
		return rb_fail_sys(err, -v->pid, "clone the container's first process");
	if (run->beside)
		part(run, word, v->pid);
	return 0;
}

/* The gate's socket is bound here because the child inherits it: after pivot_root it sees no /run.
 */
static int make_gate(struct rb_run *run, struct rb_err *err)
{
	int r;

	if (run->state_fd < 0 || run->starts)
		return 0;
	r = rb_unix_listen(run->state_fd, "gate", SOCK_SEQPACKET, &run->gate);
	return r < 0 ? rb_fail_sys(err, -r, "make the start gate") : 0;
}

/* The sync pair: the child's end has to be the one in run->sync while it is cloned. */
static int begin_clone(struct rb_run *run, const struct rb_cgroup_dir *into, int *ret_cgroup_fd,
		       struct rb_err *err)
{
	int pair[2];

	if (into) {
		int r = rb_cgroup_open(into, ret_cgroup_fd, err);

		if (r < 0)
			return r;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return rb_fail_sys(err, errno, "make a socket pair");
	run->sync = pair[1];
	run->host_sync = pair[0];
	if (rb_fault_wanted())
		rb_fault_arm();
	return 0;
}

static int finish_clone(struct rb_run *run, const struct rb_cgroup_dir *into,
			const struct rb_verdict *v, struct rb_err *err)
{
	run->pid = v->pid;
	run->pidfd = (int)syscall(SYS_pidfd_open, v->pid, 0);
	if (run->pidfd < 0)
		return rb_fail_sys(err, errno, "open a pidfd of the container's process");
	if (into && !v->in_cgroup)
		return rb_cgroup_attach(into, 1, v->pid, err);
	return 0;
}

/* The host side keeps its own end only. */
static void keep_host_end(struct rb_run *run)
{
	rb_closep(&run->sync);
	run->sync = rb_take_fd(&run->host_sync);
}

int rb_step_clone(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	rb_autofd cgroup_fd = -1;
	struct rb_verdict v = { 0 };
	int r;

	r = make_gate(run, err);
	if (r == 0 && run->plan->straight && run->before_child)
		r = run->before_child(run->before_child_ctx, &run->end, err);
	if (r == 0)
		r = begin_clone(run, step->u.clone.into, &cgroup_fd, err);
	if (r < 0)
		return r;
	r = step->u.clone.n_joins ? clone_joined(run, step, cgroup_fd, &v, err)
				  : clone_direct(run, step, cgroup_fd, &v, err);
	keep_host_end(run);
	if (r == 0)
		r = finish_clone(run, step->u.clone.into, &v, err);
	return r < 0 ? r : rb_record_process(run, err);
}

/* setns(2) by pidfd: all namespaces at once, of the very process that was checked (Linux 5.8). */
static int enter_target(const struct rb_run *run, const struct rb_step *step, int *fds,
			struct rb_err *err)
{
	(void)fds;
	/* while the host's mounts are still there; the child is born where its parent is */
	if (rb_cgroup_enter(step->u.enter.dirs, step->u.enter.n_dirs, err) < 0)
		return -EPERM;
	if (setns(run->target, (int)step->u.enter.flags) < 0)
		return rb_fail_sys(err, errno, "enter the container's namespaces");
	return 0;
}

int rb_step_enter(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	struct entry e = { .cgroup_fd = -1, .go = enter_target, .walks = true };
	rb_autofd cgroup_fd = -1;
	struct rb_verdict v = { 0 };
	struct rb_err said = { 0 };
	int r = begin_clone(run, step->u.enter.into, &cgroup_fd, err);

	if (r < 0)
		return r;
	e.cgroup_fd = cgroup_fd;
	r = clone_between(run, step, &e, &v, err);
	keep_host_end(run);
	if (r == 0)
		return finish_clone(run, step->u.enter.into, &v, err);
	/* what it says itself of a row of its own is more than that it has ended */
	if (rb_sync_drain(run->sync, run->wait_mask, -1, NULL, &said) < 0 && said.msg[0])
		*err = said;
	return r;
}
