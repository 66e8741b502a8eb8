/* env_priv.h - environment, PATH and home directory of the program, as text */
#ifndef RUNBOX_ENV_PRIV_H
#define RUNBOX_ENV_PRIV_H

#include <stdint.h>

#include "runbox/str.h"

/** rb_env_get() - the value of a variable, the last one if there are two; NULL if unset */
const char *rb_env_get(const struct rb_strv *env, const char *name);

/**
 * rb_env_merge() - each variable once: the last one wins, @over over @first
 * @home: the value of HOME where that is unset or empty; NULL: leave it
 * Return: malloc'd, ends with NULL; rb_env_free() frees it
 */
char **rb_env_merge(const struct rb_strv *first, const struct rb_strv *over, const char *home);
void rb_env_free(char **env);

/**
 * rb_path_entry() - the next place where PATH says a program may be
 * @path: moves on; NULL after the last entry. Return: malloc'd "dir/name", NULL when there is none
 * left
 */
char *rb_path_entry(const char **path, const char *name);

/** rb_passwd_home() - home directory of @uid in the text of a passwd(5), which is cut up.
 * malloc'd, or NULL (no such user, or not an absolute path) */
char *rb_passwd_home(char *text, uint32_t uid);

#endif
