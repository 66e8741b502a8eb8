/* helper.h - programs that belong to runbox and do what it cannot do itself
 *
 * runbox may be linked statically, and then it cannot open shared libraries. What needs one is a small
 * program of its own, started when it is needed and talked to over a socket, whose end is its end.
 */
#ifndef RUNBOX_HELPER_H
#define RUNBOX_HELPER_H

#include <stddef.h>
#include <sys/types.h>

struct rb_err;

/** What the helper finds its socket at. */
#define RB_HELPER_FD 3

struct rb_helper {
	const char *name;
	const char *verb;  /* its only argument, or NULL */
	char *const *env;  /* its whole environment, ends with NULL; or NULL */
	const char *needs; /* for the hint when it is not there: "networks need" */
};

/**
 * rb_helper_find() - the helper called @name: beside runbox's own executable, else in the libexec directory
 * Return: 0; -ENOENT when it is in neither
 */
int rb_helper_find(const char *name, char *buf, size_t size);

/**
 * rb_helper_start() - start it with nothing but its standard streams and the socket
 * @ret_sock: our end, SOCK_SEQPACKET; @ret_pid: our child
 */
int rb_helper_start(const struct rb_helper *h, int *ret_sock, pid_t *ret_pid, struct rb_err *err);

#endif
