/* step_netfile.c - resolv.conf and hosts of the container, mounted over those of the image
 *
 * They are written in the state directory, so that the image is not touched, and taken along by the child as
 * detached mounts. Their places in the image may be links; they are followed inside the root.
 * Source: resolv.conf(5), hosts(5).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/net_steps_priv.h"
#include "exec/steps_priv.h"
#include "runbox/libc.h"

static const char *const names[RB_NET_N_FILES] = {
	[RB_NET_RESOLV] = "resolv.conf",
	[RB_NET_HOSTS] = "hosts",
};

static void add_words(struct rb_buf *out, const char *key, const struct rb_strv *v)
{
	if (v->n == 0)
		return;
	rb_buf_add(out, key);
	for (size_t i = 0; i < v->n; i++)
		rb_buf_printf(out, " %s", v->v[i]);
	rb_buf_add(out, "\n");
}

static void resolv_text(const struct rb_ext *e, struct rb_buf *out)
{
	add_words(out, "search", &e->network.search);
	for (size_t i = 0; i < e->network.nameservers.n; i++)
		rb_buf_printf(out, "nameserver %s\n", e->network.nameservers.v[i]);
	add_words(out, "options", &e->network.dns_options);
	rb_buf_add(out, "");
}

/* A name that would not be one word of a line is left out. */
static bool is_word(const char *name)
{
	return name && *name && !name[strcspn(name, " \t\r\n\v\f#")];
}

/* The container by its own name: at each of its addresses, or by loopback when it has none. */
static void own_names(const struct rb_run *run, const struct rb_spec *spec, struct rb_buf *out)
{
	const char *host = spec->hostname, *domain = spec->domainname;
	bool any = false;
	char text[64];

	if (!is_word(host))
		return;
	for (size_t i = 0; i < spec->ext.network.n_ifaces; i++)
		for (size_t k = 0; k < RB_NET_MAX_ADDRS; k++) {
			const struct rb_ip *ip = &run->net->ifaces[i].addrs[k];

			if (!ip->family)
				continue;
			any = true;
			rb_buf_printf(out, "%s\t", rb_ip_format(ip, false, text));
			if (is_word(domain))
				rb_buf_printf(out, "%s.%s ", host, domain);
			rb_buf_printf(out, "%s\n", host);
		}
	if (!any)
		rb_buf_printf(out, "127.0.1.1\t%s\n", host);
}

static void hosts_text(const struct rb_run *run, const struct rb_spec *spec, struct rb_buf *out)
{
	rb_buf_add(out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	own_names(run, spec, out);
	for (size_t i = 0; i < spec->ext.network.n_hosts; i++)
		add_words(out, spec->ext.network.hosts[i].ip, &spec->ext.network.hosts[i].names);
}

static int write_one(struct rb_run *run, const struct rb_step *step, enum rb_net_file which,
		     const struct rb_buf *text, struct rb_err *err)
{
	int r = rb_replace_file(run->state_fd, names[which], text->data ? text->data : "",
				text->len, 0644);

	if (r < 0)
		return rb_fail_sys(err, -r, "write %s", names[which]);
	/* without the right to give files away they stay the caller's, who is root inside */
	if (fchownat(run->state_fd, names[which], step->u.files.uid, step->u.files.gid,
		     AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM)
		return rb_fail_sys(err, errno, "give %s to the container", names[which]);
	/* umask took from the mode what has to be there for users of the container */
	if (fchmodat(run->state_fd, names[which], 0644, 0) < 0)
		return rb_fail_sys(err, errno, "set the mode of %s", names[which]);
	r = rb_mount_clone(run->state_fd, names[which], false, true, &run->net->files[which]);
	/* without CAP_SYS_ADMIN here the child does it, root of a namespace of its own */
	return r < 0 && r != -EPERM ? rb_fail_sys(err, -r, "clone the mount of %s", names[which])
				    : 0;
}

/** rb_step_net_files() - write them, and keep a detached mount of each for the child */
int rb_step_net_files(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	rb_autobuf resolv = { 0 }, hosts = { 0 };
	int r = 0;

	if (step->u.files.resolv) {
		resolv_text(&step->u.files.spec->ext, &resolv);
		r = write_one(run, step, RB_NET_RESOLV, &resolv, err);
	}
	if (r == 0 && step->u.files.hosts) {
		hosts_text(run, step->u.files.spec, &hosts);
		r = write_one(run, step, RB_NET_HOSTS, &hosts, err);
	}
	return r;
}

/* The path of the state directory is the same in the child's copy of the mounts. */
static int clone_here(const struct rb_run *run, enum rb_net_file which, int *ret_fd)
{
	char dir[4096], link[32];
	rb_autobuf path = { 0 };
	ssize_t n = readlink(rb_fd_path(run->state_fd, link), dir, sizeof(dir) - 1);

	if (n < 0)
		return -errno;
	dir[n] = '\0';
	rb_buf_printf(&path, "%s/%s", dir, names[which]);
	return rb_mount_clone(AT_FDCWD, path.data, false, true, ret_fd);
}

/** rb_step_net_file() - one of them over the image's */
int rb_step_net_file(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	const struct rb_mount_change change = {
		.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.early = MS_PRIVATE | MS_REC,
	};
	enum rb_net_file which = step->u.file.which;
	rb_autofd tree = rb_take_fd(&run->net->files[which]), target = -1;
	int r = rb_root_make(run->root_fd, step->u.file.path, false, false, &target);

	if (r < 0)
		return rb_fail_sys(err, -r, "open %s", step->u.file.path);
	if (tree < 0)
		r = clone_here(run, which, &tree);
	if (r == 0)
		r = rb_mount_attach(run, tree, target, &change);
	return r < 0 ? rb_fail_sys(err, -r, "mount %s", step->u.file.path) : 0;
}
