/* decode_linux.c - the "linux" object but for resources and seccomp
 *
 * Source: config-linux.md; mknod(2), namespaces(7), time_namespaces(7), set_mempolicy(2).
 */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>

#include "decode_priv.h"
#include "near_priv.h"

/* --- namespaces --- */

static int read_ns_type(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
			void *value, size_t *extra)
{
	struct rb_near near = { 0 };

	if (rb_read_string(d, at, type, &near.word, extra) < 0)
		return -EINVAL;
	for (int i = 0; i < RB_NS_COUNT; i++) {
		if (rb_streq(rb_ns_types[i].name, near.word)) {
			*(int *)value = i;
			return 0;
		}
	}
	for (int i = 0; i < RB_NS_COUNT; i++)
		rb_near_try(&near, rb_ns_types[i].name);
	return rb_dec_fail(d, at, "unknown namespace \"%.80s\"%s%s%s", near.word,
			   near.best ? ", did you mean \"" : "", near.best ? near.best : "",
			   near.best ? "\"?" : "");
}

static int check_namespaces(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_namespace *list = value;
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (seen & 1u << list[i].type)
			return rb_dec_fail_item(d, at, i, "namespace \"%s\" is given twice",
						rb_ns_types[list[i].type].name);
		seen |= 1u << list[i].type;
	}
	return 0;
}

static const struct rb_type t_ns_type = { .name = "namespace",
					  .read = read_ns_type,
					  .size = sizeof(int) };

static const struct rb_field namespace_fields[] = {
	RB_F("type", struct rb_namespace, type, &t_ns_type, RB_REQUIRED),
	RB_F("path", struct rb_namespace, path, &rb_t_abspath_opt, 0),
	{ 0 },
};
static const struct rb_type t_namespace = RB_OBJECT(namespace_fields, struct rb_namespace, NULL);
static const struct rb_type t_namespaces =
	RB_ARRAY(&t_namespace, struct rb_namespace, check_namespaces);

/* --- devices --- */

static const struct rb_name device_types[] = {
	/* mknod(1): u is an unbuffered character device, the same to Linux */
	{ "c", 'c' }, { "b", 'b' }, { "u", 'c' }, { "p", 'p' }, { 0 },
};

static int check_device(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_device *dev = value;

	(void)n;
	if (dev->type == 'p')
		return 0;
	if (!rb_dec_has(at, "major"))
		return rb_dec_fail(d, at, "\"major\" is missing");
	if (!rb_dec_has(at, "minor"))
		return rb_dec_fail(d, at, "\"minor\" is missing");
	return 0;
}

static const struct rb_type t_device_type = RB_ENUM(device_types, 1);
/* dev_t has 12 bits of major and 20 of minor number (linux/kdev_t.h) */
static const struct rb_type t_major = RB_INT("int64", 8, 0, 0xfff);
static const struct rb_type t_minor = RB_INT("int64", 8, 0, 0xfffff);
/* podman gives the whole st_mode, type and all; the compiler takes what mknod(2) may take */
static const struct rb_type t_file_mode = RB_UINT("uint32", 4, S_IFMT | 07777);

static const struct rb_field device_fields[] = {
	RB_F("type", struct rb_device, type, &t_device_type, RB_REQUIRED),
	RB_F("path", struct rb_device, path, &rb_t_abspath, RB_REQUIRED),
	RB_F("major", struct rb_device, major, &t_major, 0),
	RB_F("minor", struct rb_device, minor, &t_minor, 0),
	RB_F_HAS("fileMode", struct rb_device, file_mode, has_file_mode, &t_file_mode, 0),
	RB_F_HAS("uid", struct rb_device, uid, has_uid, &rb_t_id, 0),
	RB_F_HAS("gid", struct rb_device, gid, has_gid, &rb_t_id, 0),
	{ 0 },
};
static const struct rb_type t_device = RB_OBJECT(device_fields, struct rb_device, check_device);
static const struct rb_type t_devices = RB_ARRAY(&t_device, struct rb_device, NULL);

static int check_net_devices(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_net_device *dev = value;

	for (size_t i = 0; i < n; i++) {
		if (!rb_is_ifname(dev[i].host_name))
			return rb_dec_fail_item(d, at, i, "cannot be the name of a network device");
	}
	return 0;
}

static const struct rb_field net_device_fields[] = {
	RB_F("name", struct rb_net_device, name, &rb_t_ifname_opt, 0),
	{ 0 },
};
static const struct rb_type t_net_device = RB_OBJECT(net_device_fields, struct rb_net_device, NULL);
static const struct rb_type t_net_devices = {
	.name = "map",
	.read = rb_read_map,
	.size = sizeof(struct rb_net_device),
	.item = &t_net_device,
	.check = check_net_devices,
};

/* --- time, memory, personality, RDT --- */

static const struct rb_type t_nanosecs = RB_UINT("uint32", 4, 999999999);

static const struct rb_field offset_fields[] = {
	RB_F("secs", struct rb_time_offset, secs, &rb_t_i64, 0),
	RB_F("nanosecs", struct rb_time_offset, nanosecs, &t_nanosecs, 0),
	{ 0 },
};
static const struct rb_type t_offset = RB_OBJECT(offset_fields, struct rb_time_offset, NULL);

static const struct rb_field offsets_fields[] = {
	RB_F_HAS("boottime", struct rb_linux, boottime, boottime.present, &t_offset, 0),
	RB_F_HAS("monotonic", struct rb_linux, monotonic, monotonic.present, &t_offset, 0),
	{ 0 },
};
static const struct rb_type t_offsets = RB_OBJECT(offsets_fields, struct rb_linux, NULL);

static const struct rb_type t_mpol_mode = RB_ENUM(rb_mpol_mode_names, sizeof(int));
static const struct rb_type t_mpol_flags = RB_FLAGS(rb_mpol_flag_names, sizeof(unsigned));

static const struct rb_field memory_policy_fields[] = {
	RB_F("mode", struct rb_linux, memory_policy.mode, &t_mpol_mode, RB_REQUIRED),
	RB_F("nodes", struct rb_linux, memory_policy.nodes, &rb_t_cpu_list, 0),
	RB_F("flags", struct rb_linux, memory_policy.flags, &t_mpol_flags, 0),
	{ 0 },
};
static const struct rb_type t_memory_policy =
	RB_OBJECT(memory_policy_fields, struct rb_linux, NULL);

static int check_personality_flags(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	(void)value;
	/* config-linux.md "Personality": currently no flag values are supported */
	return n == 0 ? 0 : rb_dec_fail_item(d, at, 0, "the spec knows no flags yet");
}

static const struct rb_type t_domain = RB_ENUM(rb_personality_names, sizeof(unsigned long));
static const struct rb_type t_personality_flags =
	RB_ARRAY(&rb_t_string, char *, check_personality_flags);

static const struct rb_field personality_fields[] = {
	RB_F("domain", struct rb_linux, personality.domain, &t_domain, RB_REQUIRED),
	RB_F_STRV("flags", struct rb_linux, personality.flags, &t_personality_flags, 0),
	{ 0 },
};
static const struct rb_type t_personality = RB_OBJECT(personality_fields, struct rb_linux, NULL);

static int check_mem_bw(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *schema = *(const char **)value;

	(void)n;
	if (!rb_startswith(schema, "MB:") || strchr(schema, '\n'))
		return rb_dec_fail(d, at, "must be one line that begins with \"MB:\"");
	return 0;
}

static int check_clos(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *id = *(const char **)value;

	(void)n;
	/* config-linux.md: "/" is the default class */
	if (!rb_streq(id, "/") && !rb_is_file_name(id))
		return rb_dec_fail(d, at, "must be the name of a directory, or \"/\"");
	return 0;
}

static const struct rb_type t_clos = RB_STRING(rb_read_text, check_clos);
static const struct rb_type t_mem_bw = RB_STRING(rb_read_text, check_mem_bw);

static const struct rb_field intel_rdt_fields[] = {
	RB_F("closID", struct rb_linux, intel_rdt.clos_id, &t_clos, 0),
	RB_F_STRV("schemata", struct rb_linux, intel_rdt.schemata, &rb_t_strings, 0),
	RB_F("l3CacheSchema", struct rb_linux, intel_rdt.l3_cache_schema, &rb_t_text, 0),
	RB_F("memBwSchema", struct rb_linux, intel_rdt.mem_bw_schema, &t_mem_bw, 0),
	RB_F("enableMonitoring", struct rb_linux, intel_rdt.enable_monitoring, &rb_t_bool, 0),
	{ 0 },
};
static const struct rb_type t_intel_rdt = RB_OBJECT(intel_rdt_fields, struct rb_linux, NULL);

/* --- linux --- */

static int check_cgroups_path(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const char *path = *(const char **)value;

	(void)n;
	return strlen(path) < PATH_MAX ? 0 : rb_dec_fail(d, at, "is longer than a path can be");
}

static int check_sysctl(struct rb_dec *d, const struct rb_at *at, void *value, size_t n)
{
	const struct rb_kv *kv = value;

	for (size_t i = 0; i < n; i++) {
		/* a key becomes a path below /proc/sys */
		if (!*kv[i].key || strstr(kv[i].key, "..") || *kv[i].key == '/' ||
		    *kv[i].key == '.')
			return rb_dec_fail_item(d, at, i, "cannot be the name of a sysctl");
	}
	return 0;
}

static const struct rb_type t_cgroups_path = RB_STRING(rb_read_text, check_cgroups_path);
static const struct rb_type t_propagation =
	RB_ENUM_OPT(rb_propagation_names, sizeof(unsigned long));
static const struct rb_type t_sysctl = {
	.name = "map",
	.read = rb_read_map,
	.size = sizeof(struct rb_kv),
	.item = &rb_t_string,
	.item_off = offsetof(struct rb_kv, value),
	.check = check_sysctl,
};

static const struct rb_field linux_fields[] = {
	RB_F_LIST("devices", struct rb_linux, devices, n_devices, &t_devices, 0),
	RB_F_LIST("netDevices", struct rb_linux, net_devices, n_net_devices, &t_net_devices, 0),
	RB_F_LIST("uidMappings", struct rb_linux, uids, n_uids, &rb_t_idmaps, 0),
	RB_F_LIST("gidMappings", struct rb_linux, gids, n_gids, &rb_t_idmaps, 0),
	RB_F_LIST("namespaces", struct rb_linux, namespaces, n_namespaces, &t_namespaces, 0),
	RB_F_HAS("resources", struct rb_linux, resources, resources.present, &rb_t_resources, 0),
	RB_F("cgroupsPath", struct rb_linux, cgroups_path, &t_cgroups_path, 0),
	RB_F("rootfsPropagation", struct rb_linux, rootfs_propagation, &t_propagation, 0),
	RB_F_HAS("seccomp", struct rb_linux, seccomp, seccomp.present, &rb_t_seccomp, 0),
	RB_F_LIST("sysctl", struct rb_linux, sysctl.v, sysctl.n, &t_sysctl, 0),
	RB_F_STRV("maskedPaths", struct rb_linux, masked_paths, &rb_t_abspaths, 0),
	RB_F_STRV("readonlyPaths", struct rb_linux, readonly_paths, &rb_t_abspaths, 0),
	RB_F("mountLabel", struct rb_linux, mount_label, &rb_t_text, 0),
	/* the members of these lie in rb_linux itself */
	{ "intelRdt", &t_intel_rdt, 0, RB_HAS, offsetof(struct rb_linux, intel_rdt.present) },
	{ "memoryPolicy", &t_memory_policy, 0, RB_HAS,
	  offsetof(struct rb_linux, memory_policy.present) },
	{ "personality", &t_personality, 0, RB_HAS,
	  offsetof(struct rb_linux, personality.present) },
	{ "timeOffsets", &t_offsets, 0, 0, 0 },
	{ 0 },
};
const struct rb_type rb_t_linux = RB_OBJECT(linux_fields, struct rb_linux, NULL);
