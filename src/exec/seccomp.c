/* seccomp.c - the container's filter: made ready by the host, loaded by the child last
 *
 * The host side compiles (or takes from the cache) and connects to the listener, for the child
 * sees neither the state root nor the host's sockets any more. With a listener, and in an exec, that
 * comes before the clone, else beside the child, who is sent the program. The child has one thread, so
 * SECCOMP_FILTER_FLAG_TSYNC has nothing to do and is left out; the kernel would not take it
 * together with a listener.
 * Sources: seccomp(2), config-linux.md "Seccomp" and "The Container Process State".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/seccomp_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* since 5.19; older headers lack it */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* What the child needs to hand over the listener cannot itself wait for the listener. */
static int check_notify(const struct rb_seccomp *profile, struct rb_err *err)
{
	static const char *const needed[] = { "sendmsg", "close" };

	if (!profile->listener_path)
		return rb_fail_at(err, "linux.seccomp.listenerPath",
				  "SCMP_ACT_NOTIFY needs listenerPath");
	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct rb_seccomp_rule *rule = &profile->rules[i];

		if (rule->action != SECCOMP_RET_USER_NOTIF)
			continue;
		for (size_t k = 0; k < rule->names.n; k++)
			for (size_t n = 0; n < sizeof(needed) / sizeof(needed[0]); n++)
				if (rb_streq(rule->names.v[k], needed[n]))
					return rb_fail_at(
						err, "linux.seccomp.syscalls",
						"SCMP_ACT_NOTIFY cannot be "
						"used for %s, by which the listener is handed over",
						needed[n]);
	}
	return 0;
}

int rb_step_filter(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_seccomp *profile = step->u.seccomp.profile;
	/* the state root, in which this container has its directory */
	rb_autofd root_fd = run->state_fd < 0
				    ? -1
				    : openat(run->state_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (rb_seccomp_uses_notify(profile)) {
		r = check_notify(profile, err);
		if (r < 0)
			return r;
		r = rb_unix_connect(AT_FDCWD, profile->listener_path, SOCK_STREAM,
				    &run->seccomp_sock);
		if (r < 0) {
			/* not "No such file": engines read that as a missing program */
			(void)rb_fail(err, RB_ERR_SYS, "connect to the seccomp listener %s (%s)",
				      profile->listener_path, rb_errno_name(-r));
			rb_err_at(err, "linux.seccomp.listenerPath");
			return r;
		}
	}
	rb_buf_done(&run->seccomp_bpf);
	r = rb_seccomp_cached(root_fd, profile, &run->seccomp_bpf, err);
	/* who is cloned after this row has it by that */
	return r == 0 && run->sync >= 0 ? rb_sync_send_filter(run, err) : r;
}

/* config-linux.md "The Container Process State": one message, the descriptor in it. "pid" is of the process
 * with the filter, "state" is the container's, whose first process is another one in an exec. */
static int send_listener(struct rb_run *run, const struct rb_seccomp *profile, int listener,
			 struct rb_err *err)
{
	const struct rb_spec *spec = run->plan->spec;
	rb_autobuf text = { 0 };
	int r;

	rb_buf_add(&text, "{\"ociVersion\":");
	rb_buf_json(&text, spec->oci_version);
	rb_buf_printf(&text, ",\"fds\":[\"seccompFd\"],\"pid\":%d", run->pid);
	if (profile->listener_metadata) {
		rb_buf_add(&text, ",\"metadata\":");
		rb_buf_json(&text, profile->listener_metadata);
	}
	rb_buf_add(&text, ",\"state\":");
	if (run->is_exec)
		rb_state_json(spec, run->id, run->target_status, run->target_pid, run->bundle,
			      &text);
	else
		rb_state_json(spec, run->id, "created", run->pid, run->bundle, &text);
	rb_buf_add(&text, "}");
	r = rb_send_fd(run->seccomp_sock, text.data, text.len, listener);
	return r < 0 ? rb_fail_sys(err, -r, "hand the seccomp listener to %s",
				   profile->listener_path)
		     : 0;
}

static int load_failed(int errnum, unsigned flags, struct rb_err *err)
{
	(void)rb_fail_sys(err, errnum, "load the seccomp filter");
	if (errnum == EACCES)
		return rb_err_hint(err, "it needs process.noNewPrivileges, or CAP_SYS_ADMIN");
	if (errnum == EINVAL && flags)
		return rb_err_hint(
			err, "this kernel may lack one of linux.seccomp.flags, or notifications");
	return -errnum;
}

int rb_step_seccomp(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_seccomp *profile = step->u.seccomp.profile;
	bool notify = rb_seccomp_uses_notify(profile);
	unsigned flags = profile->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC;
	struct sock_fprog prog = {
		.len = (unsigned short)(run->seccomp_bpf.len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(void *)run->seccomp_bpf.data,
	};
	rb_autofd listener = -1;
	long fd;
	int r;

	/* rb_listen_pid() asks for a pid that is not there yet */
	if (run->is_filtered || (step->u.seccomp.early &&
				 (run->listen_fds || !rb_seccomp_lets_exec(&run->seccomp_bpf))))
		return 0;
	if (notify)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else /* says how to wait for a listener */
		flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (fd < 0)
		return load_failed(errno, flags, err);
	if (notify) {
		listener = (int)fd;
		r = send_listener(run, profile, listener, err);
		if (r < 0)
			return r;
		rb_closep(&run->seccomp_sock);
	}
	run->is_filtered = true;
	if (!step->u.seccomp.restore_caps)
		return 0;
	r = rb_caps_apply(&step->u.seccomp.after);
	return r < 0 ? rb_fail_sys(err, -r, "set the capabilities behind the seccomp filter") : 0;
}
