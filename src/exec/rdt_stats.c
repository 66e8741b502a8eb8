/* rdt_stats.c - what resctrl says of a container, as `events` prints it
 *
 * The names and their order are runc's. The class's schemata stand beside the default class's. What
 * was used is of the container's monitoring group (enableMonitoring), else of its class, if that is
 * its own: in a class that containers share it would be everybody's. A class monitors whether or not
 * that was asked for; so what enableMonitoring has superseded, enableCMT and enableMBM, is not looked
 * at, and gives what it gave.
 * What this processor does not have is left out; what the kernel cannot say now ("Unavailable",
 * "Error", "Unassigned") is null. No lock is taken: each file is whole in itself.
 * Source: kernel filesystems/resctrl.rst, "Info directory" and "Resource alloc and monitor groups".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/cgroup_priv.h"
#include "exec/rdt_priv.h"
#include "runbox/fd.h"
#include "runbox/rdt.h"
#include "runbox/str.h"

#define FILE_MAX (16u << 20)

static void add_key(struct rb_buf *out, const char *name)
{
	if (out->len && out->data[out->len - 1] != '{')
		rb_buf_add(out, ",");
	rb_buf_json(out, name);
	rb_buf_add(out, ":");
}

/* The first line of a small file, malloc'd; NULL when it cannot be read */
static char *first_line(int dir_fd, const char *dir, const char *file)
{
	rb_autobuf path = { 0 };
	char *text = NULL;

	rb_buf_printf(&path, "%s/%s", dir, file);
	if (rb_read_file(dir_fd, path.data, FILE_MAX, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* --- what the processor can, and how it is divided --- */

/* Files of info/L3 and info/MB; a zero says nothing, and is left out as runc leaves it out. */
static const char *const l3_files[] = { "cbm_mask", "min_cbm_bits", "num_closids", NULL };
static const char *const mb_files[] = { "bandwidth_gran", "delay_linear", "min_bandwidth",
					"num_closids", NULL };

static void add_info(int top_fd, const char *key, const char *dir, const char *const *files,
		     struct rb_buf *out)
{
	rb_autobuf object = { 0 };

	for (size_t i = 0; files[i]; i++) {
		rb_autofree char *text = first_line(top_fd, dir, files[i]);
		uint64_t number = 0;

		if (!text || (!rb_streq(files[i], "cbm_mask") &&
			      (rb_parse_u64(text, &number) < 0 || number == 0)))
			continue;
		add_key(&object, files[i]);
		if (number)
			rb_buf_add(&object, text);
		else
			rb_buf_json(&object, text);
	}
	if (!object.len)
		return;
	add_key(out, key);
	rb_buf_printf(out, "{%s}", object.data);
}

/* The line of one resource in a schemata file, without the blanks before it */
static void add_schema(int group_fd, const char *key, const char *resource, struct rb_buf *out)
{
	rb_autofree char *text = NULL;

	if (rb_read_file(group_fd, "schemata", FILE_MAX, &text, NULL) < 0)
		return;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		line += strspn(line, " ");
		if (!rb_startswith(line, resource))
			continue;
		add_key(out, key);
		rb_buf_json(out, line);
		return;
	}
}

/* --- what was used: mon_data/mon_L3_XX, one for each cache --- */

static const char *const mbm_events[] = { "mbm_total_bytes", "mbm_local_bytes", NULL };
static const char *const cmt_events[] = { "llc_occupancy", NULL };

static int is_cache(const struct dirent *d)
{
	return rb_startswith(d->d_name, "mon_L3_");
}

static void add_events(int data_fd, const char *cache, const char *const *events,
		       struct rb_buf *array)
{
	rb_autobuf object = { 0 };

	for (size_t i = 0; events[i]; i++) {
		rb_autofree char *text = first_line(data_fd, cache, events[i]);
		uint64_t number;

		if (!text)
			continue;
		add_key(&object, events[i]);
		rb_buf_add(&object, rb_parse_u64(text, &number) == 0 ? text : "null");
	}
	if (object.len)
		rb_buf_printf(array, "%s{%s}", array->len ? "," : "", object.data);
}

static void add_used(int group_fd, struct rb_buf *out)
{
	static const struct {
		const char *key;
		const char *const *events;
	} arrays[] = { { "mbm_stats", mbm_events }, { "cmt_stats", cmt_events } };
	rb_autofd fd = openat(group_fd, "mon_data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **caches = NULL;
	char path[32];
	int n = fd < 0 ? 0 : scandir(rb_fd_path(fd, path), &caches, is_cache, versionsort);

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		rb_autobuf array = { 0 };

		for (int k = 0; k < n; k++)
			add_events(fd, caches[k]->d_name, arrays[i].events, &array);
		if (!array.len)
			continue;
		add_key(out, arrays[i].key);
		rb_buf_printf(out, "[%s]", array.data);
	}
	for (int k = 0; k < n; k++)
		free(caches[k]);
	free(caches);
}

/* Where what was used is the container's alone. Return: descriptor or -errno */
static int open_monitored(int top_fd, const struct rb_rdt_place *place)
{
	rb_autobuf rel = { 0 };

	if (!*place->monitor && !place->own)
		return -ENOENT;
	rb_buf_add(&rel, *place->group ? place->group : ".");
	if (*place->monitor)
		rb_buf_printf(&rel, "/mon_groups/%s", place->monitor);
	return rb_cgroup_open_below(top_fd, rel.data);
}

static void add_all(const struct rb_rdt_place *place, struct rb_buf *out)
{
	rb_autofd top = open(place->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), group = -1, used = -1;

	if (top < 0)
		return; /* unmounted since */
	group = rb_cgroup_open_below(top, *place->group ? place->group : ".");
	used = open_monitored(top, place);
	add_info(top, "l3_cache_info", "info/L3", l3_files, out);
	add_schema(top, "l3_cache_schema_root", "L3:", out);
	add_schema(group, "l3_cache_schema", "L3:", out);
	add_info(top, "mem_bw_info", "info/MB", mb_files, out);
	add_schema(top, "mem_bw_schema_root", "MB:", out);
	add_schema(group, "mem_bw_schema", "MB:", out);
	if (used >= 0)
		add_used(used, out);
}

void rb_rdt_stats(const struct rb_strv *journal, struct rb_buf *out)
{
	rb_autoarena arena = { 0 };
	struct rb_rdt_place place;

	rb_buf_add(out, "{");
	if (rb_rdt_where(journal, &arena, &place))
		add_all(&place, out);
	rb_buf_add(out, "}");
}
