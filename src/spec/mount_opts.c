/* mount_opts.c - mount options, sorted by what carries them out
 *
 * Every word is a row of one table. A word that is not in it belongs to the file system, except on a bind
 * mount, which has none to give it to: there it is an error rather than a restriction lost in silence.
 * A later word overrides an earlier one of the same family, as mount(8) has it.
 * Source: config.md "Linux mount options", mount(8), mount_setattr(2).
 */
#include <errno.h>
#include <string.h>

#include "mount_opts_priv.h"
#include "near_priv.h"
#include "runbox/err.h"
#include "runbox/libc.h"
#include "runbox/names.h"

/* Since 5.14; not in every libc's sys/mount.h. */
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#define RO     MOUNT_ATTR_RDONLY
#define NOSUID MOUNT_ATTR_NOSUID
#define NODEV  MOUNT_ATTR_NODEV
#define NOEXEC MOUNT_ATTR_NOEXEC
#define NOSYM  MOUNT_ATTR_NOSYMFOLLOW
#define NODIR  MOUNT_ATTR_NODIRATIME
/* The access time is one field of three values, so a word clears all of it (mount_setattr(2)). */
#define ATIME	MOUNT_ATTR__ATIME
#define NOATIME MOUNT_ATTR_NOATIME
#define STRICT	MOUNT_ATTR_STRICTATIME

/* clang-format off: a word beside its recursive form, or beside its opposite */
const struct rb_mount_option rb_mount_options[] = {
	/* this mount only, and with an r the whole tree below it */
	{ "ro", RB_MOPT_ATTR, RO, 0 },
	{ "rro", RB_MOPT_RATTR, RO, 0 },
	{ "rw", RB_MOPT_ATTR, 0, RO },
	{ "rrw", RB_MOPT_RATTR, 0, RO },
	{ "nosuid", RB_MOPT_ATTR, NOSUID, 0 },
	{ "rnosuid", RB_MOPT_RATTR, NOSUID, 0 },
	{ "suid", RB_MOPT_ATTR, 0, NOSUID },
	{ "rsuid", RB_MOPT_RATTR, 0, NOSUID },
	{ "nodev", RB_MOPT_ATTR, NODEV, 0 },
	{ "rnodev", RB_MOPT_RATTR, NODEV, 0 },
	{ "dev", RB_MOPT_ATTR, 0, NODEV },
	{ "rdev", RB_MOPT_RATTR, 0, NODEV },
	{ "noexec", RB_MOPT_ATTR, NOEXEC, 0 },
	{ "rnoexec", RB_MOPT_RATTR, NOEXEC, 0 },
	{ "exec", RB_MOPT_ATTR, 0, NOEXEC },
	{ "rexec", RB_MOPT_RATTR, 0, NOEXEC },
	{ "nosymfollow", RB_MOPT_ATTR, NOSYM, 0 },
	{ "rnosymfollow", RB_MOPT_RATTR, NOSYM, 0 },
	{ "symfollow", RB_MOPT_ATTR, 0, NOSYM },
	{ "rsymfollow", RB_MOPT_RATTR, 0, NOSYM },
	{ "nodiratime", RB_MOPT_ATTR, NODIR, 0 },
	{ "rnodiratime", RB_MOPT_RATTR, NODIR, 0 },
	{ "diratime", RB_MOPT_ATTR, 0, NODIR },
	{ "rdiratime", RB_MOPT_RATTR, 0, NODIR },
	{ "noatime", RB_MOPT_ATTR, NOATIME, ATIME },
	{ "rnoatime", RB_MOPT_RATTR, NOATIME, ATIME },
	{ "atime", RB_MOPT_ATTR, 0, NOATIME },
	{ "ratime", RB_MOPT_RATTR, 0, NOATIME },
	{ "relatime", RB_MOPT_ATTR, 0, ATIME },
	{ "rrelatime", RB_MOPT_RATTR, 0, ATIME },
	{ "norelatime", RB_MOPT_ATTR, 0, 0 },
	{ "rnorelatime", RB_MOPT_RATTR, 0, 0 },
	{ "strictatime", RB_MOPT_ATTR, STRICT, ATIME },
	{ "rstrictatime", RB_MOPT_RATTR, STRICT, ATIME },
	{ "nostrictatime", RB_MOPT_ATTR, 0, STRICT },
	{ "rnostrictatime", RB_MOPT_RATTR, 0, STRICT },

	/* the superblock */
	{ "sync", RB_MOPT_SB, MS_SYNCHRONOUS, 0 },
	{ "async", RB_MOPT_SB, 0, MS_SYNCHRONOUS },
	{ "dirsync", RB_MOPT_SB, MS_DIRSYNC, 0 },
	{ "lazytime", RB_MOPT_SB, MS_LAZYTIME, 0 },
	{ "nolazytime", RB_MOPT_SB, 0, MS_LAZYTIME },
	{ "iversion", RB_MOPT_SB, MS_I_VERSION, 0 },
	{ "noiversion", RB_MOPT_SB, 0, MS_I_VERSION },
	{ "mand", RB_MOPT_SB, MS_MANDLOCK, 0 },
	{ "nomand", RB_MOPT_SB, 0, MS_MANDLOCK },
	{ "silent", RB_MOPT_SB, MS_SILENT, 0 },
	{ "loud", RB_MOPT_SB, 0, MS_SILENT },
	{ "acl", RB_MOPT_SB, MS_POSIXACL, 0 },
	{ "noacl", RB_MOPT_SB, 0, MS_POSIXACL },

	/* propagation, mount_namespaces(7) */
	{ "private", RB_MOPT_PROP, MS_PRIVATE, 0 },
	{ "rprivate", RB_MOPT_PROP, MS_PRIVATE | MS_REC, 0 },
	{ "shared", RB_MOPT_PROP, MS_SHARED, 0 },
	{ "rshared", RB_MOPT_PROP, MS_SHARED | MS_REC, 0 },
	{ "slave", RB_MOPT_PROP, MS_SLAVE, 0 },
	{ "rslave", RB_MOPT_PROP, MS_SLAVE | MS_REC, 0 },
	{ "unbindable", RB_MOPT_PROP, MS_UNBINDABLE, 0 },
	{ "runbindable", RB_MOPT_PROP, MS_UNBINDABLE | MS_REC, 0 },

	/* what runbox does itself */
	{ "bind", RB_MOPT_SPECIAL, RB_MOPT_F_BIND, 0 },
	{ "rbind", RB_MOPT_SPECIAL, RB_MOPT_F_RBIND, 0 },
	{ "remount", RB_MOPT_SPECIAL, RB_MOPT_F_REMOUNT, 0 },
	{ "tmpcopyup", RB_MOPT_SPECIAL, RB_MOPT_F_TMPCOPYUP, 0 },
	{ "idmap", RB_MOPT_SPECIAL, RB_MOPT_F_IDMAP, 0 },
	{ "ridmap", RB_MOPT_SPECIAL, RB_MOPT_F_RIDMAP, 0 },
	{ "copy-symlink", RB_MOPT_SPECIAL, RB_MOPT_F_COPY_SYMLINK, 0 },
	{ "src-nofollow", RB_MOPT_SPECIAL, RB_MOPT_F_SRC_NOFOLLOW, 0 },
	{ "dest-nofollow", RB_MOPT_SPECIAL, RB_MOPT_F_DEST_NOFOLLOW, 0 },

	/* who may mount is of no meaning here, what that implies is (mount(8)) */
	{ "user", RB_MOPT_ATTR, NOSUID | NODEV | NOEXEC, 0 },
	{ "users", RB_MOPT_ATTR, NOSUID | NODEV | NOEXEC, 0 },
	{ "owner", RB_MOPT_ATTR, NOSUID | NODEV, 0 },
	{ "group", RB_MOPT_ATTR, NOSUID | NODEV, 0 },
	{ "defaults", RB_MOPT_IGNORE, 0, 0 },
	{ "auto", RB_MOPT_IGNORE, 0, 0 },
	{ "noauto", RB_MOPT_IGNORE, 0, 0 },
	{ "nouser", RB_MOPT_IGNORE, 0, 0 },
	{ "nofail", RB_MOPT_IGNORE, 0, 0 },
	{ "_netdev", RB_MOPT_IGNORE, 0, 0 },
	{ NULL, RB_MOPT_IGNORE, 0, 0 },
};
/* clang-format on */

static const struct rb_mount_option *find(const char *name)
{
	for (const struct rb_mount_option *o = rb_mount_options; o->name; o++) {
		if (rb_streq(o->name, name))
			return o;
	}
	return NULL;
}

static const char *near_option(const char *name)
{
	struct rb_near near = { .word = name };

	for (const struct rb_mount_option *o = rb_mount_options; o->name; o++)
		rb_near_try(&near, o->name);
	return near.best;
}

/* --- crun's idmap=uids=0-1000-10#10-5000-1;gids=@0-100-10 --- */

/* "container-host-size", each a number, up to the end of @text. */
static int parse_range(const char *text, struct rb_idmap *ret)
{
	uint32_t v[3];

	for (int i = 0; i < 3; i++) {
		char word[16];
		size_t n = strspn(text, "0123456789");

		if (n == 0 || n >= sizeof(word) || text[n] != (i < 2 ? '-' : '\0'))
			return -EINVAL;
		memcpy(word, text, n);
		word[n] = '\0';
		if (rb_parse_u32(word, &v[i]) < 0)
			return -EINVAL;
		text += n + (i < 2);
	}
	if (v[2] == 0 || (uint64_t)v[0] + v[2] > UINT32_MAX || (uint64_t)v[1] + v[2] > UINT32_MAX)
		return -EINVAL;
	*ret = (struct rb_idmap) { .container_id = v[0], .host_id = v[1], .size = v[2] };
	return 0;
}

/* Ranges separated by "#"; @list is cut up. */
static int parse_ranges(struct rb_arena *a, char *list, struct rb_idmap **ret, size_t *ret_n)
{
	size_t max = 1, n = 0;
	char *rest = list, *word;
	struct rb_idmap *maps;

	for (const char *c = list; *c; c++)
		max += *c == '#';
	if (max > RB_IDMAP_MAX)
		return -EINVAL;
	maps = rb_arena_alloc(a, max * sizeof(*maps));
	while ((word = strsep(&rest, "#"))) {
		if (parse_range(word, &maps[n++]) < 0)
			return -EINVAL;
	}
	*ret = maps;
	*ret_n = n;
	return 0;
}

static int parse_idmap(struct rb_arena *a, const char *text, struct rb_mount_opts *ret)
{
	char *rest = rb_arena_strdup(a, text), *part;
	int relative = -1;

	while ((part = strsep(&rest, ";"))) {
		bool uids = rb_startswith(part, "uids="), at;
		int r;

		if (!uids && !rb_startswith(part, "gids="))
			return -EINVAL;
		part += strlen("uids=");
		at = *part == '@';
		if (relative >= 0 && relative != at)
			return -EINVAL; /* both or none, the compiler resolves them together */
		relative = at;
		if (uids ? ret->n_idmap_uids : ret->n_idmap_gids)
			return -EINVAL;
		r = uids ? parse_ranges(a, part + at, &ret->idmap_uids, &ret->n_idmap_uids)
			 : parse_ranges(a, part + at, &ret->idmap_gids, &ret->n_idmap_gids);
		if (r < 0)
			return r;
	}
	if (!ret->n_idmap_uids || !ret->n_idmap_gids)
		return -EINVAL;
	ret->idmap_relative = relative > 0;
	return 0;
}

/* --- one word after the other --- */

static void apply_bits(uint64_t *set, uint64_t *clr, const struct rb_mount_option *o)
{
	*set = (*set & ~o->clr) | o->set;
	*clr = (*clr & ~o->set) | o->clr;
}

static void apply_special(struct rb_mount_opts *ret, uint64_t bit)
{
	ret->bind |= bit == RB_MOPT_F_BIND || bit == RB_MOPT_F_RBIND;
	ret->bind_rec |= bit == RB_MOPT_F_RBIND;
	ret->remount |= bit == RB_MOPT_F_REMOUNT;
	ret->tmpcopyup |= bit == RB_MOPT_F_TMPCOPYUP;
	ret->idmap |= bit == RB_MOPT_F_IDMAP || bit == RB_MOPT_F_RIDMAP;
	ret->ridmap |= bit == RB_MOPT_F_RIDMAP;
	ret->copy_symlink |= bit == RB_MOPT_F_COPY_SYMLINK;
	ret->src_nofollow |= bit == RB_MOPT_F_SRC_NOFOLLOW;
	ret->dest_nofollow |= bit == RB_MOPT_F_DEST_NOFOLLOW;
}

static int apply_propagation(struct rb_mount_opts *ret, unsigned long flags, struct rb_err *err)
{
	const size_t max = sizeof(ret->propagation) / sizeof(ret->propagation[0]);

	if (ret->n_propagation && ret->propagation[ret->n_propagation - 1] == flags)
		return 0;
	if (ret->n_propagation == max)
		return rb_fail(err, RB_ERR_CONFIG, "more than %zu propagation options", max);
	ret->propagation[ret->n_propagation++] = flags;
	return 0;
}

static int apply(struct rb_mount_opts *ret, const struct rb_mount_option *o, struct rb_err *err)
{
	uint64_t sb_set = ret->sb_set, sb_clr = ret->sb_clr;

	switch (o->kind) {
	case RB_MOPT_ATTR:
		apply_bits(&ret->attr_set, &ret->attr_clr, o);
		return 0;
	case RB_MOPT_RATTR:
		apply_bits(&ret->rattr_set, &ret->rattr_clr, o);
		return 0;
	case RB_MOPT_SB:
		apply_bits(&sb_set, &sb_clr, o);
		ret->sb_set = (unsigned long)sb_set;
		ret->sb_clr = (unsigned long)sb_clr;
		return 0;
	case RB_MOPT_PROP:
		return apply_propagation(ret, (unsigned long)o->set, err);
	case RB_MOPT_SPECIAL:
		apply_special(ret, o->set);
		return 0;
	case RB_MOPT_IGNORE:
		return 0;
	}
	return 0;
}

static bool is_comment(const char *word)
{
	/* mount(8): of meaning to programs, never given to the kernel */
	return *word == '\0' || rb_startswith(word, "x-") || rb_startswith(word, "X-") ||
	       rb_startswith(word, "comment=");
}

static int unknown_on_bind(const char *word, struct rb_err *err)
{
	const char *near = near_option(word);

	return rb_fail(err, RB_ERR_CONFIG, "unknown option \"%s\" of a bind mount%s%s%s", word,
		       near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool asks_bind(const struct rb_strv *options)
{
	for (size_t i = 0; i < options->n; i++) {
		const struct rb_mount_option *o = find(options->v[i]);

		if (o && o->kind == RB_MOPT_SPECIAL &&
		    (o->set & (RB_MOPT_F_BIND | RB_MOPT_F_RBIND)))
			return true;
	}
	return false;
}

static int apply_word(struct rb_arena *a, struct rb_mount_opts *ret, char *word, struct rb_err *err)
{
	const struct rb_mount_option *o = find(word);
	const char *maps = rb_startswith(word, "ridmap=")  ? word + strlen("ridmap=")
			   : rb_startswith(word, "idmap=") ? word + strlen("idmap=")
							   : NULL;

	if (o)
		return apply(ret, o, err);
	if (is_comment(word))
		return 0;
	if (maps) {
		if (ret->n_idmap_uids || parse_idmap(a, maps, ret) < 0)
			return rb_fail(err, RB_ERR_CONFIG,
				       "\"%s\" is not of the form "
				       "idmap=uids=C-H-N[#C-H-N]...;gids=C-H-N...",
				       word);
		apply_special(ret, *word == 'r' ? RB_MOPT_F_RIDMAP : RB_MOPT_F_IDMAP);
		return 0;
	}
	if (ret->bind)
		return unknown_on_bind(word, err);
	ret->data.v[ret->data.n++] = word;
	return 0;
}

/* What a family of words means together, once all of them are known. */
static void finish(struct rb_mount_opts *ret)
{
	/* mount_setattr(2) refuses to clear a part of the access time */
	if (ret->attr_clr & ATIME)
		ret->attr_clr |= ATIME;
	if (ret->rattr_clr & ATIME)
		ret->rattr_clr |= ATIME;
	/* a new file system that is read-only is so as a whole, as with mount(8) */
	if (!ret->bind && (ret->attr_set & RO))
		ret->sb_set |= MS_RDONLY;
}

int rb_mount_opts_sort(struct rb_arena *a, const struct rb_strv *options, bool bind,
		       struct rb_mount_opts *ret, size_t *ret_bad, struct rb_err *err)
{
	struct rb_mount_opts opts = { .bind = bind || asks_bind(options) };

	opts.data.v = rb_arena_alloc(a, (options->n + 1) * sizeof(*opts.data.v));
	for (size_t i = 0; i < options->n; i++) {
		int r = apply_word(a, &opts, options->v[i], err);

		if (r < 0) {
			*ret_bad = i;
			return r;
		}
	}
	finish(&opts);
	*ret = opts;
	return 0;
}

int rb_mount_opts_parse(struct rb_arena *a, const struct rb_strv *options, const char *at_prefix,
			struct rb_mount_opts *ret, struct rb_err *err)
{
	struct rb_err why = { 0 };
	rb_autobuf at = { 0 };
	size_t bad;

	if (rb_mount_opts_sort(a, options, false, ret, &bad, &why) == 0)
		return 0;
	rb_buf_printf(&at, "%s[%zu]", at_prefix, bad);
	return rb_fail_at(err, at.data, "%s: %s", at.data, why.msg);
}
