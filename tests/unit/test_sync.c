/* test_sync.c - what the host side takes from the child, which somebody in a container may have taken over
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#include <errno.h>
#endif

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "tap.h"

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* Send @n descriptors as the child sends a terminal, and end. Return: what the host side says */
static int drained(const int *fds, size_t n, int *master, struct rb_err *err)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ok(rb_sync_send_fd(pair[1], fds[i], err) == 0, "send descriptor %zu", i + 1);
	rb_closep(&pair[1]);
	r = rb_sync_drain(pair[0], NULL, -1, master, err);
	rb_closep(&pair[0]);
	return r;
}

static void test_master(void)
{
	int fds[2], master = -1, next = dup(0);
	struct rb_err err = { 0 };

	rb_closep(&next);
	fds[0] = open("/", O_PATH | O_CLOEXEC);
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	is_num(drained(fds, 2, &master, &err), 0, "drained to the end");
	ok(is_same_file(master, fds[0]), "the terminal is the first that came");
	rb_closep(&master);
	is_num(drained(fds, 1, NULL, &err), 0, "and where none was asked for");
	rb_closep(&fds[0]);
	rb_closep(&fds[1]);
	next = dup(0);
	ok(next >= 0 && next <= 5, "none is kept");
	rb_closep(&next);
}

static void test_failure(void)
{
	struct rb_err forged = { .errnum = -7 }, err = { 0 };
	int pair[2], master = -1;

	memset(forged.step, '\033', sizeof(forged.step));
	memset(forged.msg, '\033', sizeof(forged.msg));
	forged.kind = RB_ERR_SYS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	rb_sync_fail(pair[1], &forged);
	rb_closep(&pair[1]);
	ok(rb_sync_drain(pair[0], NULL, -1, &master, &err) < 0,
	   "a failure is one, whatever its number");
	ok(err.step[sizeof(err.step) - 1] == '\0' && err.msg[sizeof(err.msg) - 1] == '\0',
	   "and its text ends");
	rb_closep(&pair[0]);
}

/* Whoever is asked to end hears it while it waits, but not instead of what has come. */
static void test_end(void)
{
	struct rb_err err = { 0 };
	int pair[2], end[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || pipe(end) < 0)
		return;
	ok(write(end[1], "x", 1) == 1 && rb_sync_drain(pair[0], NULL, end[0], NULL, &err) == -EINTR,
	   "asked to end while it waits");
	err = (struct rb_err) { 0 };
	rb_closep(&pair[1]);
	is_num(rb_sync_drain(pair[0], NULL, end[0], NULL, &err), 0,
	       "the end of the other side comes first");
	rb_closep(&pair[0]);
	rb_closep(&end[0]);
	rb_closep(&end[1]);
}

int main(void)
{
	test_master();
	test_failure();
	test_end();
	return tap_done();
}
