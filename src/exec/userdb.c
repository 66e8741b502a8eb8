/* userdb.c - user and group names of a container, looked up in its own passwd(5) and group(5)
 *
 * The files are hostile: they are opened below the container's root without following anything out of it,
 * must be regular (a FIFO would hold us) and bounded (an endless one would feed us). A number is a number and
 * never looked up as a name (CVE-2016-3697), and it is taken whole and in 32 bits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"

#define FILE_MAX (1u << 20)
/* The fields of both files that are looked at: name:password:id, and behind them gid or members. */
enum { NAME, PASSWORD, ID, REST, FIELDS };

int rb_small_file(int root_fd, const char *path, char **ret_text)
{
	rb_autofd fd = -1;
	struct stat st;
	int r = rb_root_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return rb_read_fd(fd, FILE_MAX, ret_text, NULL);
}

/* Cut the next line of *text into its first fields; the last one holds what is left. */
static bool next_entry(char **text, char *field[FIELDS])
{
	char *line = strsep(text, "\n"), *end;

	if (!line)
		return false;
	end = line + strlen(line);
	for (int i = 0; i < FIELDS; i++) {
		field[i] = i < FIELDS - 1 ? strsep(&line, ":") : line;
		if (!field[i])
			field[i] = end; /* a short line has empty fields */
	}
	return true;
}

/* Return: 0 with the entry's fields, -ENOENT */
static int find_entry(char *text, const char *name, uint32_t *ret_id, char **ret_rest)
{
	char *field[FIELDS];

	while (next_entry(&text, field)) {
		if (!rb_streq(field[NAME], name) || rb_parse_u32(field[ID], ret_id) < 0)
			continue;
		*ret_rest = field[REST];
		return 0;
	}
	return -ENOENT;
}

static bool is_member(char *members, const char *name)
{
	char *one;

	while ((one = strsep(&members, ",")))
		if (rb_streq(one, name))
			return true;
	return false;
}

static int group_id(int root_fd, const char *name, uint32_t *ret, struct rb_err *err)
{
	rb_autofree char *text = NULL;
	char *rest;
	int r = rb_parse_u32(name, ret);

	if (r == 0 && *ret != UINT32_MAX)
		return 0;
	if (r == 0 || r == -ERANGE)
		return rb_fail(err, RB_ERR_USAGE, "group %.32s is out of range", name);
	r = rb_small_file(root_fd, "/etc/group", &text);
	if (r == 0)
		r = find_entry(text, name, ret, &rest);
	return r < 0 ? rb_fail(err, RB_ERR_USAGE, "unable to find group %.64s in the container",
			       name)
		     : 0;
}

/* The groups that list the user; they are its supplementary ones (getgrouplist(3)). */
static void add_groups(int root_fd, const char *name, struct rb_arena *arena, struct rb_user *user)
{
	rb_autofree char *text = NULL;
	char *field[FIELDS], *at;
	uint32_t gid;

	if (rb_small_file(root_fd, "/etc/group", &text) < 0)
		return; /* an image without the file has no such groups */
	at = text;
	while (next_entry(&at, field)) {
		char *members = strchr(field[REST], ':') ? NULL : field[REST];
		uint32_t *more;

		if (!members || rb_parse_u32(field[ID], &gid) < 0 || gid == user->gid ||
		    !is_member(members, name))
			continue;
		more = rb_arena_alloc(arena, (user->n_gids + 1) * sizeof(*more));
		if (user->n_gids)
			memcpy(more, user->gids, user->n_gids * sizeof(*more));
		more[user->n_gids++] = gid;
		user->gids = more;
	}
}

/* A name: its uid, its group, and the groups that list it unless the caller names one. */
static int look_up_name(int root_fd, const char *name, bool with_groups, struct rb_arena *arena,
			struct rb_user *user)
{
	rb_autofree char *text = NULL;
	char *rest = NULL;
	int r = rb_small_file(root_fd, "/etc/passwd", &text);

	if (r == 0)
		r = find_entry(text, name, &user->uid, &rest);
	if (r < 0 || !rest)
		return -ENOENT;
	user->gid = 0;
	user->n_gids = 0;
	(void)rb_parse_u32(strsep(&rest, ":"), &user->gid); /* a broken entry leaves group 0 */
	if (with_groups)
		add_groups(root_fd, name, arena, user);
	return 0;
}

int rb_user_lookup(int root_fd, const char *text, struct rb_arena *arena, struct rb_user *user,
		   struct rb_err *err)
{
	const char *colon = strchr(text, ':');
	const char *name = colon ? rb_arena_strndup(arena, text, (size_t)(colon - text)) : text;
	int r = rb_parse_u32(name, &user->uid);

	if (r == -ERANGE || (r == 0 && user->uid == UINT32_MAX))
		return rb_fail(err, RB_ERR_USAGE, "user %.32s is out of range", name);
	if (r < 0 && look_up_name(root_fd, name, !colon, arena, user) < 0)
		return rb_fail(err, RB_ERR_USAGE, "unable to find user %.64s in the container",
			       name);
	return colon ? group_id(root_fd, colon + 1, &user->gid, err) : 0;
}
