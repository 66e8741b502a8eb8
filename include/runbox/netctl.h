/* netctl.h - networks of containers that are there: partitions, leases that nobody has
 *
 * In exec/. Who shares what is written in <root>/@net/leases, under a lock.
 */
#ifndef RUNBOX_NETCTL_H
#define RUNBOX_NETCTL_H

#include <stddef.h>

struct rb_err;

/** One port of a bridge, and the group it is put in. */
struct rb_net_cut {
	const char *id;	    /* of the container */
	const char *device; /* the host's end */
	unsigned group;
};

/**
 * rb_net_partition() - ports of different groups do not reach each other, in the place of what was cut before
 * @n: 0 heals all. Idempotent: one transaction of nftables, table "runbox-cut-HASH" of family bridge
 */
int rb_net_partition(const char *root, const struct rb_net_cut *cuts, size_t n, struct rb_err *err);

/** rb_net_sweep() - give back what is leased to containers whose state directory is gone */
int rb_net_sweep(const char *root, struct rb_err *err);

#endif
