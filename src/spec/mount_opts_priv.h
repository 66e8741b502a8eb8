/* mount_opts_priv.h - sorting mount options, for the decoder, which says itself where the bad one is */
#ifndef RUNBOX_SPEC_MOUNT_OPTS_PRIV_H
#define RUNBOX_SPEC_MOUNT_OPTS_PRIV_H

#include "runbox/spec.h"

/* The kernel takes 340 lines of id maps at most (user_namespaces(7)). */
#define RB_IDMAP_MAX 340

/**
 * rb_mount_opts_sort() - rb_mount_opts_parse() without the place
 * @bind:    the mount is a bind whatever the options say
 * @ret_bad: index of the option that is to blame, on failure only
 * Return: 0 or -EINVAL
 */
int rb_mount_opts_sort(struct rb_arena *a, const struct rb_strv *options, bool bind,
		       struct rb_mount_opts *ret, size_t *ret_bad, struct rb_err *err);

#endif
