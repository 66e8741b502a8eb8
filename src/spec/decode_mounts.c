/* decode_mounts.c - the "mounts" array, and id mappings
 *
 * Source: config.md "Mounts", config-linux.md "User namespace mappings", user_namespaces(7).
 */
#include "decode_priv.h"
#include "mount_opts_priv.h"

/* --- id mappings --- */

static int check_idmap(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_idmap *map = value;

	(void)n;
	/* the last id, 4294967295, is none */
	if ((uint64_t)map->container_id + map->size > UINT32_MAX)
		return rb_dec_fail(d, at, "the container's ids go beyond 4294967294");
	if ((uint64_t)map->host_id + map->size > UINT32_MAX)
		return rb_dec_fail(d, at, "the host's ids go beyond 4294967294");
	return 0;
}

static int check_idmaps(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)value;
	return n <= RB_IDMAP_MAX ? 0 : rb_dec_fail(d, at, "more than %d mappings", RB_IDMAP_MAX);
}

static const struct rb_type t_idmap_size = {
	.name = "uint32", .read = rb_read_uint, .size = 4, .min = 1, .max = UINT32_MAX
};

static const struct rb_field idmap_fields[] = {
	RB_F("containerID", struct rb_idmap, container_id, &rb_t_id, RB_REQUIRED),
	RB_F("hostID", struct rb_idmap, host_id, &rb_t_id, RB_REQUIRED),
	RB_F("size", struct rb_idmap, size, &t_idmap_size, RB_REQUIRED),
	{ 0 },
};
static const struct rb_type t_idmap = RB_OBJECT(idmap_fields, struct rb_idmap, check_idmap);
const struct rb_type rb_t_idmaps = RB_ARRAY(&t_idmap, struct rb_idmap, check_idmaps);

/* --- mounts --- */

static int sort_options(struct rb_dec *d, const struct rb_at *at, struct rb_mount *m)
{
	/* a bind is what has bind or rbind among its options; the kernel has no file system of that type, so
	 * a type of "bind" alone can mean nothing else */
	bool bind = m->type && rb_streq(m->type, "bind");
	struct rb_err why = { 0 };
	struct rb_at list = { .up = at, .key = "options" };
	size_t bad;

	if (rb_mount_opts_sort(&d->spec->arena, &m->options, bind, &m->opts, &bad, &why) == 0)
		return 0;
	for (const struct rb_json *c = at->node->child; c; c = c->next) {
		if (rb_key_same(c->key, list.key))
			list.node = c;
	}
	return rb_dec_fail_item(d, &list, bad, "%s", why.msg);
}

static int check_mount(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	struct rb_mount *m = value;

	(void)n;
	/* config.md: MAY be a relative path, in which case it MUST be interpreted as relative to "/" */
	if (*m->dest != '/')
		rb_dec_warn(d, at, "destination \"%.80s\" is relative, it is taken from \"/\"",
			    m->dest);
	m->dest = rb_path_clean(&d->spec->arena, m->dest);
	if (!m->n_uids != !m->n_gids)
		return rb_dec_fail(d, at, "uidMappings and gidMappings must be given together");
	return sort_options(d, at, m);
}

static const struct rb_type t_destination = RB_STRING(rb_read_string, rb_check_nonempty);

static const struct rb_field mount_fields[] = {
	RB_F("destination", struct rb_mount, dest, &t_destination, RB_REQUIRED),
	RB_F("type", struct rb_mount, type, &rb_t_text, 0),
	RB_F("source", struct rb_mount, source, &rb_t_text, 0),
	RB_F_STRV("options", struct rb_mount, options, &rb_t_strings, 0),
	RB_F_LIST("uidMappings", struct rb_mount, uids, n_uids, &rb_t_idmaps, 0),
	RB_F_LIST("gidMappings", struct rb_mount, gids, n_gids, &rb_t_idmaps, 0),
	{ 0 },
};
static const struct rb_type t_mount = RB_OBJECT(mount_fields, struct rb_mount, check_mount);
const struct rb_type rb_t_mounts = RB_ARRAY(&t_mount, struct rb_mount, NULL);
