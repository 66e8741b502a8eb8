/* test_net.c - addresses and subnets, leases, requests to the helper */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/net_steps_priv.h"
#include "runbox/fd.h"
#include "runbox/net.h"
#include "tap.h"

static void test_parse(void)
{
	static const struct {
		const char *text, *back; /* back NULL: refused */
	} cases[] = {
		{ "192.168.17.2/24", "192.168.17.2/24" },
		{ "192.168.17.2", "192.168.17.2/32" },
		{ "fd17::2/64", "fd17::2/64" },
		{ "FD17:0::2", "fd17::2/128" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.168.17.2/33", NULL },
		{ "fd17::/129", NULL },
		{ "192.168.17/24", NULL },
		{ "192.168.17.2/", NULL },
		{ "192.168.17.2/-1", NULL },
		{ "192.168.17.2/24 ", NULL },
		{ "", NULL },
		{ "/24", NULL },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_ip ip = { 0 };
		int r = rb_ip_parse(cases[i].text, &ip);
		char text[64];

		if (cases[i].back)
			ok(r == 0 && strcmp(rb_ip_format(&ip, true, text), cases[i].back) == 0,
			   "\"%s\" is %s", cases[i].text, cases[i].back);
		else
			ok(r == -EINVAL, "\"%s\" is no address", cases[i].text);
	}
}

static void test_subnet(void)
{
	static const struct {
		const char *net;
		uint64_t n;
		const char *host; /* NULL: none */
	} cases[] = {
		{ "10.0.0.0/24", 0, NULL },
		{ "10.0.0.0/24", 1, "10.0.0.1" },
		{ "10.0.0.99/24", 254, "10.0.0.254" },
		{ "10.0.0.0/24", 255, NULL },
		{ "10.0.0.0/24", 256, NULL },
		{ "10.1.0.0/16", 258, "10.1.1.2" },
		{ "10.0.0.0/30", 2, "10.0.0.2" },
		{ "10.0.0.0/30", 3, NULL },
		{ "10.0.0.7/32", 1, NULL },
		{ "fd17::/64", 1, "fd17::1" },
		{ "fd17::/64", 65536, "fd17::1:0" },
		{ "fd17::/127", 1, "fd17::1" },
		{ "fd17::/16", 5, "fd17::5" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rb_ip net, host;
		uint64_t back = 0;
		char text[64];
		bool has;

		(void)rb_ip_parse(cases[i].net, &net); /* tested above */
		has = rb_ip_host(&net, cases[i].n, &host);
		ok(has == (cases[i].host != NULL) &&
			   (!has || (strcmp(rb_ip_format(&host, false, text), cases[i].host) == 0 &&
				     rb_ip_host_number(&net, &host, &back) && back == cases[i].n)),
		   "host %llu of %s is %s", (unsigned long long)cases[i].n, cases[i].net,
		   cases[i].host ? cases[i].host : "none");
	}
}

static void test_numbers(void)
{
	struct rb_ip a, b;
	uint8_t mac[6];
	uint64_t n;
	char text[18];

	(void)rb_ip_parse("10.0.0.0/24", &a);
	(void)rb_ip_parse("10.0.1.1", &b);
	ok(!rb_ip_host_number(&a, &b, &n), "an address outside has no number");
	(void)rb_ip_parse("fd17::1", &b);
	ok(!rb_ip_host_number(&a, &b, &n), "an address of the other family has no number");
	(void)rb_ip_parse("fd17::/16", &a);
	(void)rb_ip_parse("fd17:1::1", &b);
	ok(!rb_ip_host_number(&a, &b, &n), "a number of more than 64 bits is none");
	(void)rb_ip_parse("127.3.0.1", &a);
	(void)rb_ip_parse("::1", &b);
	ok(rb_ip_is_loopback(&a) && rb_ip_is_loopback(&b), "loopback of both families");
	ok(!rb_ip_is_loopback(&(struct rb_ip) { 0 }), "no address is no loopback");
	(void)rb_ip_parse("224.0.0.1", &a);
	(void)rb_ip_parse("ff02::1", &b);
	ok(!rb_ip_is_unicast(&a) && !rb_ip_is_unicast(&b), "multicast is no single host");
	(void)rb_ip_parse("0.0.0.0", &a);
	(void)rb_ip_parse("::", &b);
	ok(!rb_ip_is_unicast(&a) && !rb_ip_is_unicast(&b), "nor is the unspecified address");
	(void)rb_ip_parse("223.255.255.1", &a);
	(void)rb_ip_parse("fd00::1", &b);
	ok(rb_ip_is_unicast(&a) && rb_ip_is_unicast(&b), "these are");
	(void)rb_ip_parse("fe9f::1", &a);
	(void)rb_ip_parse("fec0::1", &b);
	ok(rb_ip_is_link_local(&a) && !rb_ip_is_link_local(&b), "link-local addresses");
	ok(rb_mac_parse("02:aB:00:00:00:01", mac) == 0 &&
		   strcmp(rb_mac_format(mac, text), "02:ab:00:00:00:01") == 0,
	   "a link layer address");
	ok(rb_mac_parse("02:00:00:00:00", mac) < 0 && rb_mac_parse("02:00:00:00:00:01x", mac) < 0 &&
		   rb_mac_parse("2:0:0:0:0:1", mac) < 0,
	   "and what is none");
}

/* --- leases --- */

static void use(const char *root, const char *kind, const char *key, const char *id, bool made)
{
	rb_autoleases l = RB_LEASES_NONE;
	struct rb_err err = { 0 };

	ok(rb_leases_open(&l, root, true, &err) == 0, "leases are opened %s", err.msg);
	rb_leases_add(&l,
		      &(struct rb_lease) {
			      .kind = kind, .key = key, .id = id, .note = "x y", .made = made });
	ok(rb_leases_save(&l, &err) == 0, "and saved %s", err.msg);
}

/* Return: is the thing to be removed? */
static bool leave(const char *root, const char *kind, const char *key, const char *id)
{
	rb_autoleases l = RB_LEASES_NONE;
	struct rb_err err = { 0 };
	bool last;

	if (rb_leases_open(&l, root, false, &err) < 0)
		return false;
	last = rb_leases_drop(&l, kind, key, id) != NULL;
	ok(rb_leases_save(&l, &err) == 0, "%s leaves %s", id, key);
	return last;
}

static void test_leases(void)
{
	char root[] = "/tmp/rbt-leases-XXXXXX";
	rb_autobuf path = { 0 };
	struct stat st;

	if (!mkdtemp(root)) {
		ok(false, "a directory for the leases");
		return;
	}
	ok(!leave(root, "bridge", "b", "one"), "without leases nobody is the last");
	use(root, "bridge", "b", "one", true);
	use(root, "bridge", "b", "two", false);
	ok(!leave(root, "bridge", "b", "other"), "who never used it changes nothing");
	ok(!leave(root, "bridge", "b", "one"), "another one still uses it");
	ok(leave(root, "bridge", "b", "two"), "the last one removes what the first has made");
	ok(!leave(root, "bridge", "b", "two"), "but once");
	use(root, "bridge", "found", "one", false);
	ok(!leave(root, "bridge", "found", "one"), "what was found is not removed");
	rb_buf_printf(&path, "%s/@net/leases", root);
	ok(stat(path.data, &st) < 0 && errno == ENOENT, "without leases there is no file of them");
	path.len = 0;
	rb_buf_printf(&path, "%s/@net/lock", root);
	(void)unlink(path.data);
	path.len = 0;
	rb_buf_printf(&path, "%s/@net", root);
	ok(rmdir(path.data) == 0 && rmdir(root) == 0, "and nothing else");
}

/* --- the helper --- */

static int request(int sock, const void *data, size_t len, struct rb_net_reply *reply)
{
	if (send(sock, data, len, 0) != (ssize_t)len)
		return -errno;
	return recv(sock, reply, sizeof(*reply), 0) == (ssize_t)sizeof(*reply) ? reply->status
									       : -EIO;
}

static void test_serve(void)
{
	static struct rb_net_reply reply;
	struct rb_net_op op = { .verb = RB_NET_VERBS };
	int pair[2], status = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0) {
		ok(false, "a helper");
		return;
	}
	if (pid == 0) {
		(void)close(pair[0]);
		_exit(rb_net_serve(pair[1]) < 0);
	}
	(void)close(pair[1]);
	ok(request(pair[0], "hello", 5, &reply) == -EBADMSG, "what is too short is refused");
	ok(request(pair[0], &op, sizeof(op), &reply) == -EBADMSG, "an unknown verb is refused");
	op = (struct rb_net_op) { .verb = RB_NET_LINK_SHOW, .data_len = 4 };
	ok(request(pair[0], &op, sizeof(op), &reply) == -EBADMSG,
	   "data that is missing is noticed");
	op = (struct rb_net_op) { .verb = RB_NET_LINK_SHOW, .there = true };
	ok(request(pair[0], &op, sizeof(op), &reply) == -EBADMSG,
	   "a namespace that is missing too");
	op = (struct rb_net_op) { .verb = RB_NET_LINK_SHOW, .name = "none-of-it" };
	ok(request(pair[0], &op, sizeof(op), &reply) == -ENODEV && reply.err.errnum == ENODEV,
	   "a device that is not there: %s", reply.err.msg);
	op = (struct rb_net_op) { .verb = RB_NET_LINK_SHOW, .name = "lo" };
	ok(request(pair[0], &op, sizeof(op), &reply) == 0 && reply.result.info.index == 1 &&
		   strcmp(reply.result.info.name, "lo") == 0,
	   "lo is shown");
	(void)close(pair[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ends with its socket");
}

int main(void)
{
	test_parse();
	test_subnet();
	test_numbers();
	test_leases();
	test_serve();
	return tap_done();
}
