/* compile_path.c - comparing paths by their text
 *
 * Only to decide (is this source inside the rootfs? is this target below /proc?), never to open:
 * what a path leads to is known only to the kernel, and the steps resolve it by descriptor.
 */
#include "compile_priv.h"

#include <string.h>

/** compile_clean() - see compile_priv.h. Return: in the arena, starts with "/" */
char *compile_clean(struct rb_arena *a, const char *base, const char *path)
{
	size_t base_len = *path == '/' || !base ? 0 : strlen(base), path_len = strlen(path);
	char *joined = rb_arena_alloc(a, base_len + path_len + 2);
	char *out = joined; /* never longer than what was read */
	const char *in = joined;

	if (base_len)
		memcpy(joined, base, base_len + 1);
	joined[base_len] = '/';
	memcpy(joined + base_len + 1, path, path_len + 1);

	while (*in) {
		size_t len = strcspn(in, "/");

		if (len == 0) {
			in++;
			continue;
		}
		if (len == 2 && in[0] == '.' && in[1] == '.') {
			while (out > joined && *--out != '/')
				;
		} else if (!(len == 1 && in[0] == '.')) {
			*out++ = '/';
			memmove(out, in, len);
			out += len;
		}
		in += len;
	}
	if (out == joined)
		*out++ = '/';
	*out = '\0';
	return joined;
}

/** compile_below() - see compile_priv.h */
bool compile_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (rb_streq(dir, "/"))
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
