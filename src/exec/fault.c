/* fault.c - failures and deaths on demand, for the tests of undo
 *
 * RUNBOX_FAULT=fail:VERB:N makes step N of that verb fail, kill-before:VERB:N and kill-after:VERB:N kill the
 * runtime with SIGKILL before and after it. The environment is the caller's, who can do both anyway.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exec_priv.h"

static int target = -1;

bool rb_fault_wanted(void)
{
	return getenv("RUNBOX_FAULT") != NULL;
}

void rb_fault_target(int pidfd)
{
	target = pidfd;
}

static void die(void)
{
	if (target >= 0)
		(void)syscall(SYS_pidfd_send_signal, target, SIGKILL, NULL, 0);
	else
		(void)kill(getpid(), SIGKILL);
}

int rb_fault(const char *verb, size_t step, bool after, struct rb_err *err)
{
	const char *wish = getenv("RUNBOX_FAULT");
	char text[64];

	if (!wish)
		return 0;
	(void)snprintf(text, sizeof(text), "%s:%s:%zu", after ? "kill-after" : "kill-before", verb, step);
	if (rb_streq(wish, text))
		die();
	(void)snprintf(text, sizeof(text), "fail:%s:%zu", verb, step);
	if (!after && rb_streq(wish, text))
		return rb_fail_sys(err, ECANCELED, "failed because RUNBOX_FAULT asks for it");
	return 0;
}
