/* compile_ext.c - what the extension object says of the process: its limit of time
 *
 * Somebody has to be there when the time is over, and runbox leaves no daemon behind: in the foreground that
 * is the runbox that waits. A timer of the process itself would be no limit: timers do not survive execve(2)
 * but for alarm(2)'s, whose signal the first process of a pid namespace does not even notice.
 */
#include "compile_priv.h"

#include <inttypes.h>

/** check_time_limit() - is there somebody who keeps it? */
int check_time_limit(struct compile *c, struct rb_err *err)
{
	if (!c->spec->ext.timeout_ms.set || !c->opts->detached)
		return 0;
	(void)rb_fail_at(err, "runbox.timeoutMs",
			 "nobody stays to keep the time limit of a container in the background");
	return rb_err_hint(err, "run it in the foreground");
}

int emit_time_limit(struct compile *c, struct rb_err *err)
{
	(void)err; /* cannot fail */
	if (c->spec->ext.timeout_ms.set)
		compile_add(c, RB_STEP_TIME_LIMIT, "runbox.timeoutMs")->u.number.value =
			(int64_t)c->spec->ext.timeout_ms.v; /* the decoder's maximum */
	return 0;
}
