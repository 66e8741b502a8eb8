/* seccomp_priv.h - the parts of the seccomp code: compile, cache
 */
#ifndef RUNBOX_SECCOMP_PRIV_H
#define RUNBOX_SECCOMP_PRIV_H

#include <stdbool.h>

#include "runbox/spec.h"
#include "runbox/str.h"

struct rb_err;

/**
 * rb_seccomp_compile() - linux.seccomp as a BPF program
 * @bpf: empty; gets an array of struct sock_filter
 * Takes milliseconds for an engine's profile. Needs no privilege. Return: 0 or a reporting failure
 */
int rb_seccomp_compile(const struct rb_seccomp *profile, struct rb_buf *bpf, struct rb_err *err);

/**
 * rb_seccomp_shrink() - the same filter with fewer instructions
 * @bpf: an array of struct sock_filter; replaced
 * Return: false, with @bpf as it was, if it has instructions that libseccomp does not write, or
 * would not get shorter
 */
bool rb_seccomp_shrink(struct rb_buf *bpf);

/**
 * rb_seccomp_cached() - the same by way of a cache
 * @root_fd: the state root's directory; -1: compile always
 * What the cache cannot give, or give safely, is compiled.
 */
int rb_seccomp_cached(int root_fd, const struct rb_seccomp *profile, struct rb_buf *bpf,
		      struct rb_err *err);

/** rb_seccomp_lets_exec() - can who is under this filter still clone, and become the program, as
 * exec does? */
bool rb_seccomp_lets_exec(const struct rb_buf *bpf);

#endif
