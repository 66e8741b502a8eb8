/* decode_platforms.c - the objects of other platforms: types only
 *
 * A config.json may carry them beside "linux". Their values are checked, so that a document the spec calls
 * bad is refused, and nothing of them is kept.
 * Source: config-solaris.md, config-windows.md, config-vm.md, config-zos.md, config-freebsd.md.
 */
#include "decode_priv.h"

#define F(key, type)	RB_F_UNUSED(key, type, 0)
#define MUST(key, type) RB_F_UNUSED(key, type, RB_REQUIRED)
/* nothing is stored, so that elements need no room of their own */
#define OBJECT(table) RB_OBJECT(table, char, NULL)
#define ARRAY(item)   RB_ARRAY(item, uint64_t, NULL)

/* --- solaris --- */

static const struct rb_field solaris_cpu_fields[] = { F("ncpus", &rb_t_string), { 0 } };
static const struct rb_type t_solaris_cpu = OBJECT(solaris_cpu_fields);
static const struct rb_field solaris_memory_fields[] = {
	F("physical", &rb_t_string),
	F("swap", &rb_t_string),
	{ 0 },
};
static const struct rb_type t_solaris_memory = OBJECT(solaris_memory_fields);
static const struct rb_field anet_fields[] = {
	F("linkname", &rb_t_string),	   F("lowerLink", &rb_t_string),
	F("allowedAddress", &rb_t_string), F("configureAllowedAddress", &rb_t_string),
	F("defrouter", &rb_t_string),	   F("macAddress", &rb_t_string),
	F("linkProtection", &rb_t_string), { 0 },
};
static const struct rb_type t_anet = OBJECT(anet_fields);
static const struct rb_type t_anets = ARRAY(&t_anet);

static const struct rb_field solaris_fields[] = {
	F("milestone", &rb_t_string),
	F("limitpriv", &rb_t_string),
	F("maxShmMemory", &rb_t_string),
	F("cappedCPU", &t_solaris_cpu),
	F("cappedMemory", &t_solaris_memory),
	F("anet", &t_anets),
	{ 0 },
};
const struct rb_type rb_t_solaris = OBJECT(solaris_fields);

/* --- windows --- */

static const struct rb_name id_types[] = { { "class", 0 }, { 0 } };
static const struct rb_type t_id_type = RB_ENUM(id_types, 8);
static const struct rb_field windows_device_fields[] = {
	MUST("id", &rb_t_string),
	MUST("idType", &t_id_type),
	{ 0 },
};
static const struct rb_type t_windows_device = OBJECT(windows_device_fields);
static const struct rb_type t_windows_devices = ARRAY(&t_windows_device);

static const struct rb_field windows_memory_fields[] = { F("limit", &rb_t_u64), { 0 } };
static const struct rb_type t_windows_memory = OBJECT(windows_memory_fields);
static const struct rb_field windows_affinity_fields[] = { F("mask", &rb_t_u64),
							   F("group", &rb_t_u32),
							   { 0 } };
static const struct rb_type t_windows_affinity = OBJECT(windows_affinity_fields);
static const struct rb_field windows_cpu_fields[] = {
	F("count", &rb_t_u64),
	F("shares", &rb_t_u16),
	F("maximum", &rb_t_u16),
	F("affinity", &t_windows_affinity),
	{ 0 },
};
static const struct rb_type t_windows_cpu = OBJECT(windows_cpu_fields);
static const struct rb_field windows_storage_fields[] = {
	F("iops", &rb_t_u64),
	F("bps", &rb_t_u64),
	F("sandboxSize", &rb_t_u64),
	{ 0 },
};
static const struct rb_type t_windows_storage = OBJECT(windows_storage_fields);
static const struct rb_field windows_resources_fields[] = {
	F("memory", &t_windows_memory),
	F("cpu", &t_windows_cpu),
	F("storage", &t_windows_storage),
	{ 0 },
};
static const struct rb_type t_windows_resources = OBJECT(windows_resources_fields);

static const struct rb_field windows_network_fields[] = {
	F("endpointList", &rb_t_strings),    F("allowUnqualifiedDNSQuery", &rb_t_bool),
	F("DNSSearchList", &rb_t_strings),   F("networkSharedContainerName", &rb_t_string),
	F("networkNamespace", &rb_t_string), { 0 },
};
static const struct rb_type t_windows_network = OBJECT(windows_network_fields);
static const struct rb_field hyperv_fields[] = { F("utilityVMPath", &rb_t_string), { 0 } };
static const struct rb_type t_hyperv = OBJECT(hyperv_fields);
static const struct rb_type t_layers = RB_ARRAY(&rb_t_string, char *, rb_check_list_nonempty);

/* an object of any content, credentialSpec */
static int read_any_object(struct rb_dec *d, const struct rb_at *at, const struct rb_type *type,
			   void *value, size_t *extra)
{
	(void)type, (void)value, (void)extra;
	return at->node->type == RB_JSON_OBJECT ? 0 : rb_dec_fail(d, at, "must be an object");
}
static const struct rb_type t_any = { .name = "any", .read = read_any_object, .size = 1 };

static const struct rb_field windows_fields[] = {
	MUST("layerFolders", &t_layers),
	F("devices", &t_windows_devices),
	F("resources", &t_windows_resources),
	F("network", &t_windows_network),
	F("credentialSpec", &t_any),
	F("servicing", &rb_t_bool),
	F("ignoreFlushesDuringBoot", &rb_t_bool),
	F("hyperv", &t_hyperv),
	{ 0 },
};
const struct rb_type rb_t_windows = OBJECT(windows_fields);

/* --- vm --- */

static const struct rb_name image_formats[] = {
	{ "raw", 0 }, { "qcow2", 0 }, { "vdi", 0 }, { "vmdk", 0 }, { "vhd", 0 }, { 0 },
};
static const struct rb_type t_image_format = RB_ENUM(image_formats, 8);
static const struct rb_field hypervisor_fields[] = {
	MUST("path", &rb_t_string),
	F("parameters", &rb_t_strings),
	{ 0 },
};
static const struct rb_type t_hypervisor = OBJECT(hypervisor_fields);
static const struct rb_field kernel_fields[] = {
	MUST("path", &rb_t_string),
	F("parameters", &rb_t_strings),
	F("initrd", &rb_t_string),
	{ 0 },
};
static const struct rb_type t_kernel = OBJECT(kernel_fields);
static const struct rb_field image_fields[] = {
	MUST("path", &rb_t_string),
	MUST("format", &t_image_format),
	{ 0 },
};
static const struct rb_type t_image = OBJECT(image_fields);
static const struct rb_field iomem_fields[] = {
	F("firstGFN", &rb_t_u64),
	MUST("firstMFN", &rb_t_u64),
	MUST("nrMFNs", &rb_t_u64),
	{ 0 },
};
static const struct rb_type t_iomem = OBJECT(iomem_fields);
static const struct rb_type t_iomems = ARRAY(&t_iomem);
static const struct rb_type t_irqs = RB_ARRAY(&rb_t_u32, uint32_t, NULL);
static const struct rb_field hw_fields[] = {
	F("deviceTree", &rb_t_string),
	F("vcpus", &rb_t_u32),
	F("memory", &rb_t_u64),
	F("dtdevs", &rb_t_strings),
	F("iomems", &t_iomems),
	F("irqs", &t_irqs),
	{ 0 },
};
static const struct rb_type t_hw = OBJECT(hw_fields);

static const struct rb_field vm_fields[] = {
	F("hypervisor", &t_hypervisor),
	MUST("kernel", &t_kernel),
	F("image", &t_image),
	F("hwConfig", &t_hw),
	{ 0 },
};
const struct rb_type rb_t_vm = OBJECT(vm_fields);

/* --- zos --- */

static const struct rb_name zos_namespaces[] = {
	{ "mount", 0 }, { "pid", 0 }, { "uts", 0 }, { "ipc", 0 }, { 0 },
};
static const struct rb_type t_zos_ns_type = RB_ENUM(zos_namespaces, 8);
static const struct rb_field zos_ns_fields[] = {
	MUST("type", &t_zos_ns_type),
	F("path", &rb_t_string),
	{ 0 },
};
static const struct rb_type t_zos_ns = OBJECT(zos_ns_fields);
static const struct rb_type t_zos_ns_list = ARRAY(&t_zos_ns);
static const struct rb_field zos_fields[] = { F("namespaces", &t_zos_ns_list), { 0 } };
const struct rb_type rb_t_zos = OBJECT(zos_fields);

/* --- freebsd --- */

static const struct rb_name sharing_modes[] = {
	{ "disable", 0 }, { "new", 0 }, { "inherit", 0 }, { 0 }
};
static const struct rb_type t_sharing = RB_ENUM(sharing_modes, 8);
/* the same without "disable" */
static const struct rb_type t_sharing_on = RB_ENUM(sharing_modes + 1, 8);

static const struct rb_type t_freebsd_mode = RB_UINT("uint32", 4, 0777);
static const struct rb_field freebsd_device_fields[] = {
	F("path", &rb_t_string),
	F("mode", &t_freebsd_mode),
	{ 0 },
};
static const struct rb_type t_freebsd_device = OBJECT(freebsd_device_fields);
static const struct rb_type t_freebsd_devices = ARRAY(&t_freebsd_device);
static const struct rb_field jail_allow_fields[] = {
	F("setHostname", &rb_t_bool), F("rawSockets", &rb_t_bool),
	F("chflags", &rb_t_bool),     F("mount", &rb_t_strings),
	F("quotas", &rb_t_bool),      F("socketAf", &rb_t_bool),
	F("mlock", &rb_t_bool),	      F("reservedPorts", &rb_t_bool),
	F("suser", &rb_t_bool),	      { 0 },
};
static const struct rb_type t_jail_allow = OBJECT(jail_allow_fields);
static const struct rb_type t_statfs = RB_UINT("uint8", 4, UINT8_MAX);
static const struct rb_field jail_fields[] = {
	F("parent", &rb_t_string),
	F("host", &t_sharing_on),
	F("ip4", &t_sharing),
	F("ip4Addr", &rb_t_strings),
	F("ip6", &t_sharing),
	F("ip6Addr", &rb_t_strings),
	F("vnet", &t_sharing_on),
	F("interface", &rb_t_string),
	F("vnetInterfaces", &rb_t_strings),
	F("sysvmsg", &t_sharing),
	F("sysvsem", &t_sharing),
	F("sysvshm", &t_sharing),
	F("enforceStatfs", &t_statfs),
	F("allow", &t_jail_allow),
	{ 0 },
};
static const struct rb_type t_jail = OBJECT(jail_fields);
static const struct rb_field freebsd_fields[] = {
	F("devices", &t_freebsd_devices),
	F("jail", &t_jail),
	{ 0 },
};
const struct rb_type rb_t_freebsd = OBJECT(freebsd_fields);
