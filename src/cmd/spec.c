/* spec.c - write a config.json to start from
 *
 * A shell in the usual namespaces with the usual mounts, few capabilities and a read-only root. The
 * rootless one maps the caller to root in a user namespace and leaves out what such a caller may
 * not do: a network of its own needs nothing, but sysfs can be mounted only by the owner of the
 * network namespace, so the host's is bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"

/* Pieces in the order of the file; which of the two kinds has each. */
enum { ROOT = 1, ROOTLESS = 2, BOTH = 3 };

static const struct {
	unsigned kinds;
	const char *text;
} pieces[] = {
	{ BOTH,
	  "{\n"
	  "\t\"ociVersion\": \"" RB_SPEC_VERSION "\",\n"
	  "\t\"process\": {\n"
	  "\t\t\"terminal\": true,\n"
	  "\t\t\"user\": { \"uid\": 0, \"gid\": 0 },\n"
	  "\t\t\"args\": [\"sh\"],\n"
	  "\t\t\"env\": [\n"
	  "\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	  "\t\t\t\"TERM=xterm\"\n"
	  "\t\t],\n"
	  "\t\t\"cwd\": \"/\",\n"
	  "\t\t\"capabilities\": {\n"
	  "\t\t\t\"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
	  "\t\t\t\"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],\n"
	  "\t\t\t\"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]\n"
	  "\t\t},\n"
	  "\t\t\"rlimits\": [{ \"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024 }],\n"
	  "\t\t\"noNewPrivileges\": true\n"
	  "\t},\n"
	  "\t\"root\": { \"path\": \"rootfs\", \"readonly\": true },\n"
	  "\t\"hostname\": \"runbox\",\n"
	  "\t\"mounts\": [\n"
	  "\t\t{ \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" },\n"
	  "\t\t{\n"
	  "\t\t\t\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
	  "\t\t\t\"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]\n"
	  "\t\t},\n"
	  "\t\t{\n"
	  "\t\t\t\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n" },
	{ ROOT, "\t\t\t\"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
		"\"mode=0620\", \"gid=5\"]\n" },
	{ ROOTLESS, "\t\t\t\"options\": [\"nosuid\", \"noexec\", \"newinstance\", "
		    "\"ptmxmode=0666\", \"mode=0620\"]\n" },
	{ BOTH,
	  "\t\t},\n"
	  "\t\t{\n"
	  "\t\t\t\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
	  "\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]\n"
	  "\t\t},\n"
	  "\t\t{\n"
	  "\t\t\t\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n"
	  "\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\"]\n"
	  "\t\t},\n"
	  "\t\t{\n" },
	{ ROOT, "\t\t\t\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n"
		"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]\n" },
	{ ROOTLESS, "\t\t\t\"destination\": \"/sys\", \"type\": \"none\", \"source\": \"/sys\",\n"
		    "\t\t\t\"options\": [\"rbind\", \"nosuid\", \"noexec\", \"nodev\", \"ro\"]\n" },
	{ BOTH, "\t\t},\n"
		"\t\t{\n"
		"\t\t\t\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": "
		"\"cgroup\",\n"
		"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]\n"
		"\t\t}\n"
		"\t],\n"
		"\t\"linux\": {\n" },
	{ ROOT, "\t\t\"resources\": { \"devices\": [{ \"allow\": false, \"access\": \"rwm\" }] },\n"
		"\t\t\"namespaces\": [\n"
		"\t\t\t{ \"type\": \"pid\" }, { \"type\": \"network\" }, { \"type\": \"ipc\" }, { "
		"\"type\": \"uts\" },\n"
		"\t\t\t{ \"type\": \"mount\" }, { \"type\": \"cgroup\" }\n"
		"\t\t],\n" },
	{ ROOTLESS, "\t\t\"namespaces\": [\n"
		    "\t\t\t{ \"type\": \"pid\" }, { \"type\": \"ipc\" }, { \"type\": \"uts\" }, { "
		    "\"type\": \"mount\" },\n"
		    "\t\t\t{ \"type\": \"cgroup\" }, { \"type\": \"user\" }\n"
		    "\t\t],\n" },
};

static const char ending[] =
	"\t\t\"maskedPaths\": [\n"
	"\t\t\t\"/proc/acpi\", \"/proc/asound\", \"/proc/interrupts\", \"/proc/kcore\", "
	"\"/proc/keys\",\n"
	"\t\t\t\"/proc/latency_stats\", \"/proc/timer_list\", \"/proc/timer_stats\", "
	"\"/proc/sched_debug\",\n"
	"\t\t\t\"/proc/scsi\", \"/sys/firmware\", \"/sys/devices/virtual/powercap\"\n"
	"\t\t],\n"
	"\t\t\"readonlyPaths\": [\n"
	"\t\t\t\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", \"/proc/sysrq-trigger\"\n"
	"\t\t]\n"
	"\t}\n"
	"}\n";

static void write_text(bool rootless, struct rb_buf *out)
{
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (pieces[i].kinds & (rootless ? ROOTLESS : ROOT))
			rb_buf_add(out, pieces[i].text);
	if (rootless)
		rb_buf_printf(out,
			      "\t\t\"uidMappings\": [{ \"containerID\": 0, \"hostID\": %u, "
			      "\"size\": 1 }],\n"
			      "\t\t\"gidMappings\": [{ \"containerID\": 0, \"hostID\": %u, "
			      "\"size\": 1 }],\n",
			      geteuid(), getegid());
	rb_buf_add(out, ending);
}

static int spec(struct rb_cli *cli, struct rb_err *err)
{
	const char *dir_name = cli->bundle ? cli->bundle : ".";
	const char *name = cli->file ? cli->file : "config.json";
	rb_autofd dir = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	rb_autofd fd = -1;
	rb_autobuf text = { 0 };
	int r;

	if (dir < 0 && errno == ENOENT)
		return rb_fail(err, RB_ERR_USAGE, "bundle %s does not exist", dir_name);
	if (dir < 0)
		return rb_fail_sys(err, errno, "open bundle %s", dir_name);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return rb_fail(err, RB_ERR_USAGE, "%s exists already in %s: remove it first", name,
			       dir_name);
	if (fd < 0)
		return rb_fail_sys(err, errno, "make %s", name);
	write_text(cli->want_rootless, &text);
	r = rb_write_all(fd, text.data, text.len);
	if (r < 0)
		(void)unlinkat(dir, name, 0); /* the failure that counts is r */
	return r < 0 ? rb_fail_sys(err, -r, "write %s", name) : 0;
}

static const struct rb_option options[] = {
	{ .name = "bundle",
	  .letter = 'b',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(bundle),
	  .value = "DIR",
	  .help = "where to write it (default: the working directory)" },
	{ .name = "file",
	  .letter = 'f',
	  .type = RB_OPT_TEXT,
	  RB_OPT_FIELD(file),
	  .value = "FILE",
	  .help = "another name than config.json" },
	{ .name = "rootless",
	  .type = RB_OPT_BOOL,
	  RB_OPT_FIELD(want_rootless),
	  .help = "for a user without privileges" },
	RB_OPT_END,
};

const struct rb_cmd rb_cmd_spec = {
	.name = "spec",
	.args = "",
	.summary = "Write a config.json to start from",
	.options = options,
	.run = spec,
};
