/* rdt_priv.h - text of resctrl's schemata files, and where a container is in resctrl. Pure.
 */
#ifndef RUNBOX_RDT_PRIV_H
#define RUNBOX_RDT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct rb_arena;
struct rb_buf;
struct rb_strv;

/**
 * rb_rdt_combine() - what l3CacheSchema and memBwSchema say together, a line each
 * @l3, @mb: NULL if not set; with @mb the MB lines of @l3 do not count (config-linux.md "IntelRdt")
 */
void rb_rdt_combine(const char *l3, const char *mb, struct rb_buf *out);

/** rb_rdt_lines() - the lines of intelRdt.schemata */
void rb_rdt_lines(const struct rb_strv *schemata, struct rb_buf *out);

/**
 * rb_rdt_differs() - does a group whose schemata file says @have not have what @want says?
 * @want:    lines; the last word on a resource and a domain counts
 * @mb_gran: what the kernel rounds bandwidths up to (info/MB/bandwidth_gran), at least 1
 * @what:    the first part that differs, "L3:0=f"
 */
bool rb_rdt_differs(const char *want, const char *have, uint64_t mb_gran, struct rb_buf *what);

/** Where a container was put, as its journal says. */
struct rb_rdt_place {
	const char *top, *group, *monitor; /* group: "" is the default class; monitor: "" is none */
	bool own;			   /* nobody else is in that class */
};

/** rb_rdt_where() - false when it was put into none. @ret: in @arena */
bool rb_rdt_where(const struct rb_strv *journal, struct rb_arena *arena, struct rb_rdt_place *ret);

#endif
