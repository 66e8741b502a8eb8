/* env.c - environment, PATH and home directory of the program, as text
 *
 * Pure. Source: environ(7), passwd(5); CONTRACT 3: the last of two entries wins, HOME comes from
 * the container's passwd when it is unset or empty.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/env_priv.h"

/* What is before the "="; an entry without one is a name alone. */
static size_t name_len(const char *entry)
{
	const char *eq = strchr(entry, '=');

	return eq ? (size_t)(eq - entry) : strlen(entry);
}

const char *rb_env_get(const struct rb_strv *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = env->n; i-- > 0;)
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			return env->v[i] + len + 1;
	return NULL;
}

/* Put an entry in the place of one with the same name, or at the end. */
static void put(char **env, size_t *n, const char *entry)
{
	size_t len = name_len(entry);

	for (size_t i = 0; i < *n; i++) {
		if (name_len(env[i]) == len && memcmp(env[i], entry, len) == 0) {
			free(env[i]);
			env[i] = rb_xstrdup(entry);
			return;
		}
	}
	env[(*n)++] = rb_xstrdup(entry);
}

char **rb_env_merge(const struct rb_strv *first, const struct rb_strv *over, const char *home)
{
	char **env = rb_xmalloc((first->n + over->n + 2) * sizeof(*env));
	const char *own = rb_env_get(over, "HOME");
	size_t n = 0;

	if (!own)
		own = rb_env_get(first, "HOME");
	for (size_t i = 0; i < first->n; i++)
		put(env, &n, first->v[i]);
	for (size_t i = 0; i < over->n; i++)
		put(env, &n, over->v[i]);
	if (home && !(own && *own)) {
		rb_autobuf entry = { 0 };

		rb_buf_printf(&entry, "HOME=%s", home);
		put(env, &n, entry.data);
	}
	env[n] = NULL;
	return env;
}

void rb_env_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

char *rb_path_entry(const char **path, const char *name)
{
	const char *dir = *path;
	rb_autobuf full = { 0 };
	size_t len;

	if (!dir)
		return NULL;
	len = strcspn(dir, ":");
	*path = dir[len] ? dir + len + 1 : NULL;
	if (len)
		rb_buf_addn(&full, dir, len);
	else
		rb_buf_add(&full, "."); /* an empty entry is the working directory (environ(7)) */
	rb_buf_printf(&full, "/%s", name);
	return rb_xstrdup(full.data);
}

/* The field @n of a line of passwd(5), cut off in place; *line moves on. NULL: there is none. */
static char *field(char **line)
{
	char *start = *line, *colon;

	if (!start)
		return NULL;
	colon = strchr(start, ':');
	if (colon)
		*colon = '\0';
	*line = colon ? colon + 1 : NULL;
	return start;
}

char *rb_passwd_home(char *text, uint32_t uid)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *fields[6] = { NULL };
		uint32_t id;

		for (size_t i = 0; i < 6; i++)
			fields[i] = field(&line);
		if (!fields[5] || rb_parse_u32(fields[2], &id) < 0 || id != uid)
			continue;
		return fields[5][0] == '/' ? rb_xstrdup(fields[5]) : NULL;
	}
	return NULL;
}
