/* test_entry.c - the verbs that entry.c protects before main() are those that say they need it */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cmd/cmd_priv.h"
#include "exec/exec_priv.h"
#include "tap.h"

/* The parser reads these from the program; a test has its own. */
const struct rb_cmd *const rb_cmds[] = {
	&rb_cmd_run,	  &rb_cmd_create, &rb_cmd_start, &rb_cmd_state,
	&rb_cmd_kill,	  &rb_cmd_delete, &rb_cmd_exec,	 &rb_cmd_pause,
	&rb_cmd_resume,	  &rb_cmd_update, &rb_cmd_list,	 &rb_cmd_ps,
	&rb_cmd_wait,	  &rb_cmd_plan,	  &rb_cmd_check, &rb_cmd_spec,
	&rb_cmd_features, &rb_cmd_gc,	  NULL
};
const struct rb_option rb_global_options[] = { RB_OPT_END };

int main(void)
{
#ifdef RB_HAVE_ENTRY
	for (size_t i = 0; rb_cmds[i]; i++)
		ok(rb_entry_is_verb(rb_cmds[i]->name) == !!(rb_cmds[i]->flags & RB_CMD_PROTECT),
		   "%s", rb_cmds[i]->name);
	ok(!rb_entry_is_verb(""), "no word");
	ok(!rb_entry_is_verb("ru") && !rb_entry_is_verb("runs"),
	   "a part of a word, and more than it");
#else
	ok(true, "this build begins in the C library");
#endif
	return tap_done();
}
