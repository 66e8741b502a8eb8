/* features.c - what runbox knows, from the same tables that decode and run it
 *
 * Nothing but the JSON goes to stdout and nothing at all to stderr: cri-o reads both together.
 * Source: runtime-spec features.md, features-linux.md 1.3.0.
 */
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd_priv.h"
#include "runbox/helper.h"
#include "runbox/names.h"
#include "runbox/systemd.h"

#define OCI_VERSION_MIN "1.0.0"
#define MAX_WORDS	256

/* A list of words, printed sorted or in the order of the table. */
struct words {
	const char *v[MAX_WORDS];
	size_t n;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_word(struct words *w, const char *word)
{
	if (w->n < MAX_WORDS)
		w->v[w->n++] = word;
}

static void from_table(struct words *w, const struct rb_name *table)
{
	for (; table->name; table++)
		add_word(w, table->name);
}

static void sort(struct words *w)
{
	qsort(w->v, w->n, sizeof(w->v[0]), by_text);
}

static void print_words(struct rb_buf *out, int depth, const char *key, const struct words *w,
			bool last)
{
	rb_buf_printf(out, "%*s\"%s\": [", 2 * depth, "", key);
	for (size_t i = 0; i < w->n; i++) {
		rb_buf_printf(out, "%s\n%*s", i ? "," : "", 2 * depth + 2, "");
		rb_buf_json(out, w->v[i]);
	}
	if (w->n)
		rb_buf_printf(out, "\n%*s", 2 * depth, "");
	rb_buf_printf(out, "]%s\n", last ? "" : ",");
}

static void print_table(struct rb_buf *out, int depth, const char *key, const struct rb_name *table,
			bool sorted, bool last)
{
	struct words w = { .n = 0 };

	from_table(&w, table);
	if (sorted)
		sort(&w);
	print_words(out, depth, key, &w, last);
}

static void print_mount_options(struct rb_buf *out)
{
	struct words w = { .n = 0 };

	for (const struct rb_mount_option *o = rb_mount_options; o->name; o++)
		add_word(&w, o->name);
	sort(&w);
	print_words(out, 1, "mountOptions", &w, false);
}

static void print_namespaces(struct rb_buf *out)
{
	struct words w = { .n = 0 };

	for (size_t i = 0; i < RB_NS_COUNT; i++)
		add_word(&w, rb_ns_types[i].name);
	sort(&w);
	print_words(out, 2, "namespaces", &w, false);
}

/* The kernel looks at flags before it looks for the filter: EFAULT says that it knows them
 * (seccomp(2)). */
static bool kernel_has_flag(uint64_t flag)
{
	/* this one is taken only together with a listener */
	if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

/* The libseccomp that we are linked with may know fewer than the table. */
static void add_archs(struct words *w)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (const struct rb_name *a = rb_seccomp_arch_names; ctx && a->name; a++)
		if (seccomp_arch_add(ctx, (uint32_t)a->value) != -EINVAL)
			add_word(w, a->name);
	if (ctx)
		seccomp_release(ctx);
	sort(w);
}

static void print_seccomp(struct rb_buf *out)
{
	struct words supported = { .n = 0 }, archs = { .n = 0 };

	add_archs(&archs);

	for (const struct rb_name *f = rb_seccomp_flag_names; f->name; f++)
		if (kernel_has_flag(f->value))
			add_word(&supported, f->name);
	rb_buf_add(out, "    \"seccomp\": {\n      \"enabled\": true,\n");
	print_table(out, 3, "actions", rb_seccomp_action_names, true, false);
	print_table(out, 3, "operators", rb_seccomp_op_names, true, false);
	print_words(out, 3, "archs", &archs, false);
	print_table(out, 3, "knownFlags", rb_seccomp_flag_names, false, false);
	print_words(out, 3, "supportedFlags", &supported, true);
	rb_buf_add(out, "    },\n");
}

static void print_linux(struct rb_buf *out)
{
	char helper[PATH_MAX];
	/* it is another program, which may not be installed */
	const char *systemd = rb_helper_find(RB_SD_HELPER, helper, sizeof(helper)) == 0 ? "true"
											: "false";

	rb_buf_add(out, "  \"linux\": {\n");
	print_namespaces(out);
	print_table(out, 2, "capabilities", rb_cap_names, false, false);
	rb_buf_add(out, "    \"cgroup\": {\n      \"v1\": true,\n      \"v2\": true,\n      "
			"\"systemd\": ");
	rb_buf_printf(out, "%s,\n      \"systemdUser\": %s,\n      \"rdma\": true\n    },\n",
		      systemd, systemd);
	print_seccomp(out);
	rb_buf_add(out, "    \"apparmor\": {\n      \"enabled\": true\n    },\n"
			"    \"selinux\": {\n      \"enabled\": true\n    },\n"
			"    \"intelRdt\": {\n      \"enabled\": true,\n      \"schemata\": true,\n"
			"      \"monitoring\": true\n    },\n"
			"    \"mountExtensions\": {\n      \"idmap\": {\n        \"enabled\": "
			"true\n      }\n    },\n"
			"    \"netDevices\": {\n      \"enabled\": true\n    }\n  },\n");
}

void rb_seccomp_version(char buf[32])
{
	const struct scmp_version *v = seccomp_version();

	(void)snprintf(buf, 32, "%u.%u.%u", v ? v->major : 0, v ? v->minor : 0, v ? v->micro : 0);
}

static int features(struct rb_cli *cli, struct rb_err *err)
{
	rb_autobuf out = { 0 };
	char libseccomp[32];

	rb_seccomp_version(libseccomp);
	rb_buf_printf(&out, "{\n  \"ociVersionMin\": \"%s\",\n  \"ociVersionMax\": \"%s\",\n",
		      OCI_VERSION_MIN, RB_SPEC_VERSION);
	print_table(&out, 1, "hooks", rb_hook_names, false, false);
	print_mount_options(&out);
	print_linux(&out);
	rb_buf_printf(
		&out,
		"  \"annotations\": {\n    \"io.github.seccomp.libseccomp.version\": \"%s\",\n",
		libseccomp);
	rb_buf_printf(
		&out,
		"    \"org.runbox.commit\": \"%s\",\n    \"org.runbox.version\": \"%s\"\n  },\n",
		cli->commit, cli->version);
	/* its value makes network devices and mounts: an engine should not pass it on unseen */
	rb_buf_add(&out, "  \"potentiallyUnsafeConfigAnnotations\": [\n    \"org.runbox.config\",\n"
			 "    \"org.systemd.property.\"\n  ]\n}\n");
	return rb_print(&out, err);
}

static const struct rb_option options[] = { RB_OPT_END };

const struct rb_cmd rb_cmd_features = {
	.name = "features",
	.args = "",
	.summary = "Print what this runtime knows, as JSON",
	.options = options,
	.run = features,
};
