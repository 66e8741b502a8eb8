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
/* more supplementary groups no process can have (NGROUPS_MAX of linux/limits.h) */
#define GROUPS_MAX 65536
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

/* setuid(2) and its like take the largest number for "leave it as it is": nobody's id, or the process would
 * stay root. Return: 0 or -errno */
static int parse_id(const char *text, uint32_t *ret)
{
	int r = rb_parse_u32(text, ret);

	return r == 0 && *ret == UINT32_MAX ? -ERANGE : r;
}

/* Return: 0 with the entry's fields, -ENOENT */
static int find_entry(char *text, const char *name, uint32_t *ret_id, char **ret_rest)
{
	char *field[FIELDS];

	while (next_entry(&text, field)) {
		if (!rb_streq(field[NAME], name) || parse_id(field[ID], ret_id) < 0)
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
	int r = parse_id(name, ret);

	if (r == -ERANGE)
		return rb_fail(err, RB_ERR_USAGE, "group %.32s is out of range", name);
	if (r == 0)
		return 0;
	r = *name ? rb_small_file(root_fd, "/etc/group", &text) : -ENOENT;
	if (r == 0)
		r = find_entry(text, name, ret, &rest);
	return r < 0 ? rb_fail(err, RB_ERR_USAGE, "unable to find group %.64s in the container",
			       name)
		     : 0;
}

/* Room for one more, in steps that double, for the file's length is the container's to choose. */
static void add_group(struct rb_arena *arena, struct rb_user *user, size_t *room, uint32_t gid)
{
	if (user->n_gids == *room) {
		uint32_t *more;

		*room = *room ? 2 * *room : 16;
		more = rb_arena_alloc(arena, *room * sizeof(*more));
		if (user->n_gids)
			memcpy(more, user->gids, user->n_gids * sizeof(*more));
		user->gids = more;
	}
	user->gids[user->n_gids++] = gid;
}

/* The groups that list the user; they are its supplementary ones (getgrouplist(3)). */
static int add_groups(int root_fd, const char *name, struct rb_arena *arena, struct rb_user *user)
{
	rb_autofree char *text = NULL;
	char *field[FIELDS], *at;
	size_t room = 0;
	uint32_t gid;

	if (rb_small_file(root_fd, "/etc/group", &text) < 0)
		return 0; /* an image without the file has no such groups */
	at = text;
	while (next_entry(&at, field)) {
		char *members = strchr(field[REST], ':') ? NULL : field[REST];

		if (!members || parse_id(field[ID], &gid) < 0 || gid == user->gid ||
		    !is_member(members, name))
			continue;
		if (user->n_gids == GROUPS_MAX)
			return -E2BIG;
		add_group(arena, user, &room, gid);
	}
	return 0;
}

/* A name: its uid, its group, and the groups that list it unless the caller names one. An entry without a
 * group is none: the group would be root's. */
static int look_up_name(int root_fd, const char *name, bool with_groups, struct rb_arena *arena,
			struct rb_user *user)
{
	rb_autofree char *text = NULL;
	char *rest = NULL;
	int r = *name ? rb_small_file(root_fd, "/etc/passwd", &text) : -ENOENT;

	if (r == 0)
		r = find_entry(text, name, &user->uid, &rest);
	if (r == 0)
		r = parse_id(strsep(&rest, ":"), &user->gid);
	if (r < 0)
		return r;
	user->n_gids = 0;
	user->gids = NULL;
	return with_groups ? add_groups(root_fd, name, arena, user) : 0;
}

int rb_user_lookup(int root_fd, const char *text, struct rb_arena *arena, struct rb_user *user,
		   struct rb_err *err)
{
	const char *colon = strchr(text, ':');
	const char *name = colon ? rb_arena_strndup(arena, text, (size_t)(colon - text)) : text;
	int r = parse_id(name, &user->uid);

	if (r == -ERANGE)
		return rb_fail(err, RB_ERR_USAGE, "user %.32s is out of range", name);
	if (r < 0)
		r = look_up_name(root_fd, name, !colon, arena, user);
	if (r == -E2BIG)
		return rb_fail(err, RB_ERR_USAGE, "user %.64s is in more than %d groups", name,
			       GROUPS_MAX);
	if (r < 0)
		return rb_fail(err, RB_ERR_USAGE, "unable to find user %.64s in the container",
			       name);
	return colon ? group_id(root_fd, colon + 1, &user->gid, err) : 0;
}
