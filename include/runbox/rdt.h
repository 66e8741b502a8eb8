/* rdt.h - the class of resctrl that a container is in: changed, and what it says
 */
#ifndef RUNBOX_RDT_H
#define RUNBOX_RDT_H

struct rb_buf;
struct rb_err;
struct rb_strv;

/**
 * rb_rdt_update() - other schemata for the class that a container was put into
 * @journal: its lines; one of them says where the class is
 * @l3, @mb: what l3CacheSchema and memBwSchema would say, NULL to leave it
 * @ret_old: for rb_rdt_restore(), appended on success
 */
int rb_rdt_update(const struct rb_strv *journal, const char *l3, const char *mb,
		  struct rb_buf *ret_old, struct rb_err *err);

/** rb_rdt_restore() - what was there before; a failure is a warning */
void rb_rdt_restore(const struct rb_strv *journal, const char *old);

/** rb_rdt_stats() - intel_rdt of `events`: a JSON object, empty for a container without a class */
void rb_rdt_stats(const struct rb_strv *journal, struct rb_buf *out);

#endif
