/* fault.c - failures and deaths on demand, for the tests of undo
 *
 * RUNBOX_FAULT=fail:VERB:N makes step N of that verb fail, kill-before:VERB:N and kill-after:VERB:N
 * kill the runtime with SIGKILL before and after it, with hang:VERB:N whoever does it waits there
 * for its end, and with slow:VERB:N for 50 ms. The environment is the caller's, who can do all of
 * that anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/exec_priv.h"

/* A pair of sockets: a byte written to child_end kills the runtime, whoever writes it. */
static int host_end = -1, child_end = -1;

/* Looked for once: each row of the plan asks. A copy, for an exec wipes its environment. */
static const char *wished(void)
{
	static char wish[64];
	static bool known;
	const char *text = known ? NULL : getenv("RUNBOX_FAULT");

	if (text)
		(void)snprintf(wish, sizeof(wish), "%s", text);
	known = true;
	return wish[0] ? wish : NULL;
}

bool rb_fault_wanted(void)
{
	return wished() != NULL;
}

/* The container's first process cannot signal the runtime, which has no pid in its namespace; the kernel
 * can, by the signal of F_SETSIG (fcntl(2)). */
void rb_fault_arm(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return; /* the test sees that nobody dies */
	host_end = pair[0];
	child_end = pair[1];
	(void)fcntl(host_end, F_SETOWN, getpid());
	(void)fcntl(host_end, F_SETSIG, SIGKILL);
	(void)fcntl(host_end, F_SETFL, O_ASYNC);
}

static void die(void)
{
	char byte = 0;

	if (child_end < 0)
		(void)kill(getpid(), SIGKILL);
	while (write(child_end, &byte, 1) < 0 && errno == EINTR)
		continue;
	/* still here: the container's side, which goes on once the runtime is dead and its end closed */
	rb_closep(&host_end);
	while (read(child_end, &byte, 1) < 0 && errno == EINTR)
		continue;
}

int rb_fault(const char *verb, size_t step, bool after, struct rb_err *err)
{
	const char *wish = wished();
	char text[64];

	if (!wish)
		return 0;
	(void)snprintf(text, sizeof(text), "%s:%s:%zu", after ? "kill-after" : "kill-before", verb,
		       step);
	if (rb_streq(wish, text))
		die();
	(void)snprintf(text, sizeof(text), "hang:%s:%zu", verb, step);
	while (!after && rb_streq(wish, text))
		(void)pause();
	(void)snprintf(text, sizeof(text), "slow:%s:%zu", verb, step);
	if (!after && rb_streq(wish, text))
		(void)usleep(50000); /* a signal may end it */
	(void)snprintf(text, sizeof(text), "fail:%s:%zu", verb, step);
	if (!after && rb_streq(wish, text))
		return rb_fail_sys(err, ECANCELED, "failed because RUNBOX_FAULT asks for it");
	return 0;
}
