/* rtnl.c - one rtnetlink socket for our own network namespace, one for the other
 *
 * A socket belongs for ever to the namespace it was made in (network_namespaces(7)): for the other one this
 * process, which has one thread, enters it for the time of one socket(2). Not coming back would be worse
 * than ending.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "net/net_priv.h"
#include "runbox/fd.h"
#include "runbox/str.h"

/* Large enough for a dump: netlink(7), "the recommended size is 8192". */
static char answer[32768];
static struct mnl_socket *here, *there_sock;
static struct stat there_ns; /* whose there_sock is */
static unsigned sequence;

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (!s)
		return NULL;
	/* the reason in words, where the kernel has it; nothing depends on it */
	(void)mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof(on));
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0)
		return s;
	(void)mnl_socket_close(s); /* nothing was sent */
	return NULL;
}

static struct mnl_socket *open_there(int ns_fd)
{
	rb_autofd own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct mnl_socket *s;
	int keep;

	if (own < 0 || setns(ns_fd, CLONE_NEWNET) < 0)
		return NULL;
	s = open_socket();
	keep = errno;
	if (setns(own, CLONE_NEWNET) < 0)
		abort(); /* what follows would be done to the wrong namespace */
	errno = keep;
	return s;
}

static int socket_for(bool there, int ns_fd, struct mnl_socket **ret)
{
	struct stat st;

	if (!there) {
		if (!here)
			here = open_socket();
		*ret = here;
		return here ? 0 : -errno;
	}
	if (fstat(ns_fd, &st) < 0)
		return -errno;
	if (there_sock && (st.st_ino != there_ns.st_ino || st.st_dev != there_ns.st_dev)) {
		(void)mnl_socket_close(there_sock); /* all answers were read */
		there_sock = NULL;
	}
	if (!there_sock)
		there_sock = open_there(ns_fd);
	there_ns = st;
	*ret = there_sock;
	return there_sock ? 0 : -errno;
}

void rb_msg_init(struct rb_msg *m, uint16_t type, uint16_t flags, size_t body_size)
{
	m->nlh = mnl_nlmsg_put_header(m->buf);
	m->nlh->nlmsg_type = type;
	m->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	m->body = mnl_nlmsg_put_extra_header(m->nlh, body_size);
}

/* netlink(7) and linux/netlink.h: with NETLINK_CAP_ACK the attributes follow struct nlmsgerr. */
static void take_words(const struct nlmsghdr *nlh, char why[128])
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each (attr, nlh, sizeof(struct nlmsgerr))
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
			size_t n =
				strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

			(void)snprintf(why, 128, "%.*s", (int)n,
				       (const char *)mnl_attr_get_payload(attr));
		}
}

/* Read answers to @seq until the kernel's verdict. */
static int receive(struct mnl_socket *s, unsigned seq, mnl_cb_t cb, void *arg, char why[128])
{
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, answer, sizeof(answer));
		const struct nlmsghdr *nlh = (const void *)answer;
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_DONE)
				return 0;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

				take_words(nlh, why);
				return e->error;
			}
			if (cb && cb(nlh, arg) < 0)
				return -EBADMSG;
		}
	}
}

int rb_rtnl(bool there, int ns_fd, struct rb_msg *m, mnl_cb_t cb, void *arg, char why[128])
{
	struct mnl_socket *s = NULL;
	char unused[128];
	int r = socket_for(there, ns_fd, &s);

	if (!why)
		why = unused;
	why[0] = '\0';
	if (r < 0)
		return r;
	/* its two bits have other meanings where something is made */
	if ((m->nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		m->nlh->nlmsg_flags |= NLM_F_ACK;
	m->nlh->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(s, m->nlh, m->nlh->nlmsg_len) < 0)
		return -errno;
	return receive(s, m->nlh->nlmsg_seq, cb, arg, why);
}

static int take_index(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	*(int *)arg = ifi->ifi_index;
	return 0;
}

int rb_rtnl_index(bool there, int ns_fd, const char *name)
{
	struct rb_msg m;
	int index = -ENODEV, r;

	rb_msg_init(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m.nlh, IFLA_IFNAME, name);
	r = rb_rtnl(there, ns_fd, &m, take_index, &index, NULL);
	return r < 0 ? r : index;
}

int rb_net_why(struct rb_err *err, int errnum, const char *why, const char *fmt, ...)
{
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a message cut short is still one */
	va_end(ap);
	return *why ? rb_fail_sys(err, errnum, "%s (%s)", text, why)
		    : rb_fail_sys(err, errnum, "%s", text);
}
