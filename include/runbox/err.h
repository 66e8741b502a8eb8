/* err.h - one failure: what, where in config.json, which step, which errno
 *
 * Two sorts of function: a plain one returns 0 or -errno and says nothing; a reporting one takes
 * `struct rb_err *err` last and fills it once. The makers below return -errnum (or -EINVAL where no
 * call is to blame), so that failing is one line.
 */
#ifndef RUNBOX_ERR_H
#define RUNBOX_ERR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/** What sort of failure it is; cmd/ turns it into the exit status. */
enum rb_err_kind {
	RB_ERR_NONE = 0,
	RB_ERR_USAGE,  /* the command line is wrong */
	RB_ERR_CONFIG, /* config.json is wrong, or asks for what this host cannot give */
	RB_ERR_STATE,  /* no such container, id in use, verb illegal in this status */
	RB_ERR_SYS,    /* a call failed */
};

/** One failure. No pointers: it crosses a socket whole and needs no memory. */
struct rb_err {
	enum rb_err_kind kind;
	int errnum;    /* errno of the failed call, 0 if no call is to blame */
	char step[48]; /* "07 mount", empty outside a plan */
	char at[96];   /* "mounts[2].options[1]", empty if config.json is not to blame */
	char msg[256]; /* outermost context first */
	char hint[96]; /* what to do about it, may be empty */
};
static_assert(sizeof(struct rb_err) <= 512, "one message from child to parent");

/**
 * rb_fail() - fill @err with a failure that no system call is to blame for
 * @err:  filled, unless it holds a failure already (the first one wins)
 * @kind: the sort of failure
 * @fmt:  printf format of the message, without a newline
 * Return: -EINVAL for USAGE and CONFIG, -ENOENT never; -EINVAL always, so that callers can return
 * it.
 */
int rb_fail(struct rb_err *err, enum rb_err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * rb_fail_sys() - fill @err with a failed call
 * @errnum: errno as the call left it, positive
 * Return: -errnum
 */
int rb_fail_sys(struct rb_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** rb_fail_at() - as rb_fail() with CONFIG, and the JSON path that is to blame. Return: -EINVAL */
int rb_fail_at(struct rb_err *err, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * rb_fail_add() - put "context: " before the message that is there
 * Return: the value the maker returned: -errnum, or -EINVAL
 */
int rb_fail_add(struct rb_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** rb_err_hint() - add a hint unless there is one already. Return: as rb_fail_add() */
int rb_err_hint(struct rb_err *err, const char *hint);

/** rb_err_terminate() - make each text of a failure that came from elsewhere end within its room */
void rb_err_terminate(struct rb_err *err);

/** rb_err_at() - set the JSON path unless one is set. */
void rb_err_at(struct rb_err *err, const char *at);

/**
 * rb_err_format() - the failure as text: "msg: strerror (step 07 mount, config.json mounts[0],
 * EPERM)" plus "\n\thint" when there is one. Text of the container's making is escaped: control
 * characters come out as \xNN.
 * @buf, @size: filled, always terminated
 */
void rb_err_format(const struct rb_err *err, char *buf, size_t size);

/** rb_errno_name() - "EPERM" for 1. Return: a static string, "E?" if unknown */
const char *rb_errno_name(int errnum);

#endif
