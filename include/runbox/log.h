/* log.h - where failures and warnings go: stderr, and the file of --log
 *
 * Only cmd/ prints errors (rb_log_error); every layer may warn. At the default level the log file
 * gets exactly one object per failed command, because podman unmarshals the file whole.
 */
#ifndef RUNBOX_LOG_H
#define RUNBOX_LOG_H

#include <stdbool.h>

struct rb_err;

enum rb_log_level { RB_LOG_ERROR, RB_LOG_WARN, RB_LOG_DEBUG };
/** Debug areas of RUNBOX_DEBUG=spec,plan,exec,net,state (or "all"). */
enum rb_debug {
	RB_DEBUG_SPEC = 1,
	RB_DEBUG_PLAN = 2,
	RB_DEBUG_EXEC = 4,
	RB_DEBUG_NET = 8,
	RB_DEBUG_STATE = 16
};

/**
 * rb_log_open() - open the log file
 * @path: a file (also "file:PATH"), opened O_APPEND|O_CREAT 0600; "/dev/stderr" works; NULL for
 * none; "syslog:" or "syslog:IDENT", "journald:" as crun spells them
 * @json: one JSON object a line (level, msg, time), else logfmt text
 */
int rb_log_open(const char *path, bool json, enum rb_log_level level, struct rb_err *err);
/** rb_log_error() - "runbox: text" on stderr and the record in the log. */
void rb_log_error(const struct rb_err *err);
/** rb_log_warn() - in the log, from level WARN on; on stderr when there is no log. */
void rb_log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** rb_log_debug() - on stderr when RUNBOX_DEBUG names the area or --debug is set; in the log at
 * level DEBUG. */
void rb_log_debug(enum rb_debug area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** rb_log_forward() - hand warnings to @send_text instead of stderr and log: the child's way to the
 * host side. @sock -1: back to stderr, without the log file. */
void rb_log_forward(int sock, void (*send_text)(int sock, const char *text));

#endif
