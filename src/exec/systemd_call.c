/* systemd_call.c - requests to systemd go to the helper runbox-systemd
 *
 * The helper is started when first needed. It takes the environment that D-Bus looks at and nothing else.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/helper.h"
#include "runbox/str.h"
#include "runbox/systemd.h"

/* The helper's own bounds, some of them one after the other, end before this. */
#define REPLY_TIMEOUT_MS 90000

static struct {
	int sock; /* 0: none */
	pid_t pid;
} helper;

pid_t rb_sd_pid(void)
{
	return helper.sock > 0 ? helper.pid : 0;
}

/* Return: its status as waitpid(2) has it */
static int reap(void)
{
	int status = 0;

	/* its end of life; the container's process has the descriptor too, until it executes its program */
	(void)shutdown(helper.sock, SHUT_RDWR);
	(void)close(helper.sock);
	while (waitpid(helper.pid, &status, 0) < 0 && errno == EINTR)
		continue;
	helper.sock = 0;
	return status;
}

void rb_sd_end(void)
{
	if (helper.sock > 0)
		(void)reap();
}

static int start(struct rb_err *err)
{
	static const char *const names[] = { "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS",
					     "XDG_RUNTIME_DIR" };
	rb_autoarena arena = { 0 };
	char *env[sizeof(names) / sizeof(names[0]) + 1];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (getenv(names[i]))
			env[n++] = rb_arena_printf(&arena, "%s=%s", names[i], getenv(names[i]));
	env[n] = NULL;
	return rb_helper_start(
		&(struct rb_helper) { RB_SD_HELPER, NULL, env, "the systemd manager needs" },
		&helper.sock, &helper.pid, err);
}

/* Who does not answer is ended: whatever it was doing, nobody waits for it any more. */
static int fail_silent(struct rb_err *err, int r)
{
	(void)kill(helper.pid, SIGKILL); /* our own child, not yet reaped */
	(void)reap();
	if (r == -ETIMEDOUT)
		return rb_fail_sys(err, ETIMEDOUT, "wait for " RB_SD_HELPER);
	return rb_fail(err, RB_ERR_SYS, RB_SD_HELPER " ended, or is of another version");
}

/* It is the first process of a scope, which has its limits from the beginning. */
static int fail_ended(struct rb_err *err)
{
	int status = reap();

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return rb_fail(err, RB_ERR_SYS, RB_SD_HELPER " ended, or is of another version");
	(void)rb_fail(err, RB_ERR_SYS, RB_SD_HELPER " was killed");
	return -EPIPE;
}

static int ask(const struct rb_sd_request *req, struct rb_sd_reply *reply, struct rb_err *err)
{
	struct pollfd p = { .fd = helper.sock, .events = POLLIN };
	ssize_t n;
	int r;

	if (send(helper.sock, req, sizeof(*req), MSG_NOSIGNAL) != sizeof(*req))
		return fail_silent(err, -errno);
	do {
		r = poll(&p, 1, REPLY_TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return fail_silent(err, -ETIMEDOUT);
	n = recv(helper.sock, reply, sizeof(*reply), 0);
	if (n == 0)
		return fail_ended(err);
	return n == sizeof(*reply) ? 0 : fail_silent(err, -EPROTO);
}

int rb_sd_call(const struct rb_sd_request *req, struct rb_sd_reply *reply, struct rb_err *err)
{
	struct rb_sd_reply own = { 0 };
	int r = helper.sock > 0 ? 0 : start(err);

	if (!reply)
		reply = &own;
	if (r == 0)
		r = ask(req, reply, err);
	if (r == 0 && reply->status < 0) {
		if (err->kind == RB_ERR_NONE)
			*err = reply->err;
		r = reply->status;
	}
	return r;
}
