/* state_priv.h - what the files of state/ share */
#ifndef RUNBOX_STATE_PRIV_H
#define RUNBOX_STATE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "runbox/state.h"

/** What becomes state.json when a straight run (plan.h) has been seen to execute its program */
#define RB_STATE_NEXT "state.next"

/** rb_journal_own() - is the line one of state/'s own kinds, which need no undo? */
bool rb_journal_own(const char *line);

/** rb_options_line() - the journal line that keeps what a create was asked */
void rb_options_line(const struct rb_create_opts *opts, struct rb_buf *line);

#endif
