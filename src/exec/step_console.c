/* step_console.c - the container's terminal: a pty of its own devpts
 *
 * The master goes to whoever asked for the terminal, the other end is bound on /dev/console and
 * becomes the program's stdio (rb_tty_adopt(), called when all that may still want to write to the
 * caller has run). The other end comes from the master by ioctl, never by a path; and ptmx is
 * looked up in a directory that was seen to be a devpts (THREATS CVE-2025-52565, CVE-2026-88264).
 * Source: pts(4), ioctl_tty(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "exec/exec_priv.h"
#include "exec/steps_priv.h"

static int open_pair(struct rb_run *run, int *ret_master, int *ret_tty, struct rb_err *err)
{
	rb_autofd dir = -1, master = -1;
	struct stat st;
	int r = rb_root_open(run->root_fd, "/dev/pts", O_PATH | O_DIRECTORY, &dir), tty, unlock = 0;

	if (r < 0 && r != -ENOENT)
		return rb_fail_sys(err, -r, "open /dev/pts");
	if (r < 0 || !rb_mount_is(dir, DEVPTS_SUPER_MAGIC)) {
		(void)rb_fail(err, RB_ERR_CONFIG, "a terminal needs a devpts on /dev/pts");
		return rb_err_hint(
			err, "add a mount of type devpts with options newinstance,ptmxmode=0666");
	}
	master = openat(dir, "ptmx", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return rb_fail_sys(err, errno, "open /dev/pts/ptmx");
	if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
	    !rb_mount_is(master, DEVPTS_SUPER_MAGIC))
		return rb_fail(err, RB_ERR_CONFIG,
			       "/dev/pts/ptmx is not the pseudo terminal multiplexer");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return rb_fail_sys(err, errno, "unlock the terminal");
	tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return rb_fail_sys(err, errno, "open the terminal");
	*ret_master = rb_take_fd(&master);
	*ret_tty = tty;
	return 0;
}

/* The size of the caller's terminal, which is still one of our streams: set before the program can look,
 * for the foreground's own copy comes when it may run already. */
static bool size_of_caller(struct winsize *size)
{
	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, size) == 0)
			return true;
	return false;
}

static int set_up(const struct rb_run *run, const struct rb_step *step, int master, int tty,
		  struct rb_err *err)
{
	struct winsize size = { .ws_row = step->u.console.rows, .ws_col = step->u.console.cols };
	bool has_size = step->u.console.has_size ||
			(run->console_sock < 0 && size_of_caller(&size));
	struct termios tio;

	if (has_size && ioctl(master, TIOCSWINSZ, &size) < 0)
		return rb_fail_sys(err, errno, "set the size of the terminal");
	if (fchown(tty, step->u.console.uid, (gid_t)-1) < 0)
		return rb_fail_sys(err, errno, "chown the terminal to %u", step->u.console.uid);
	/* copied by our own proxy, newlines pass through as they are; an engine sets what it
	 * wants itself */
	if (run->console_sock < 0) {
		if (tcgetattr(tty, &tio) < 0)
			return rb_fail_sys(err, errno, "read the terminal's settings");
		tio.c_oflag &= ~(tcflag_t)ONLCR;
		if (tcsetattr(tty, TCSANOW, &tio) < 0)
			return rb_fail_sys(err, errno, "change the terminal's settings");
	}
	return 0;
}

static int bind_console(struct rb_run *run, int tty, struct rb_err *err)
{
	rb_autofd target = -1, tree = -1;
	struct stat st;
	int r = rb_root_make(run->root_fd, "/dev/console", false, true, &target);

	if (r < 0)
		return rb_fail_sys(err, -r, "make /dev/console");
	if (fstat(target, &st) < 0)
		return rb_fail_sys(err, errno, "look at /dev/console");
	if (S_ISLNK(st.st_mode))
		return rb_fail(err, RB_ERR_CONFIG,
			       "/dev/console of the root file system is a symbolic link");
	r = rb_mount_clone(tty, "", false, false, &tree);
	if (r == 0)
		r = rb_mount_attach(run, tree, target, NULL);
	return r < 0 ? rb_fail_sys(err, -r, "bind the terminal on /dev/console") : 0;
}

/** rb_step_console() - make the pty, bind it on /dev/console, hand its master over */
int rb_step_console(struct rb_run *run, const struct rb_step *step, struct rb_err *err)
{
	rb_autofd master = -1, tty = -1;
	int r = open_pair(run, &master, &tty, err);

	if (r == 0)
		r = set_up(run, step, master, tty, err);
	/* without a mount namespace of its own the bind would be the host's */
	if (r == 0 && run->plan->new_ns & CLONE_NEWNS)
		r = bind_console(run, tty, err);
	if (r < 0)
		return r;
	if (run->console_sock >= 0) {
		static const char name[] = "/dev/ptmx";

		/* the length of the name without its zero, as go-console sends it */
		r = rb_send_fd(run->console_sock, name, sizeof(name) - 1, master);
		if (r < 0)
			return rb_fail_sys(err, -r, "send the terminal to the console socket");
		rb_closep(&run->console_sock);
	} else {
		r = rb_sync_send_fd(run->sync, master, err);
		if (r < 0)
			return r;
	}
	rb_child_of(run)->tty = rb_take_fd(&tty);
	return 0;
}

/** rb_tty_adopt() - a session of our own, and the terminal, if there is one, as its terminal and
 * as stdio */
int rb_tty_adopt(struct rb_run *run, struct rb_err *err)
{
	struct rb_child *child = rb_child_of(run);

	/* also without a terminal: the caller's must not be ours (THREATS: TIOCSTI). EPERM: we
	 * lead one */
	if (setsid() < 0 && errno != EPERM)
		return rb_fail_sys(err, errno, "begin a session");
	if (child->tty < 0)
		return 0;
	if (ioctl(child->tty, TIOCSCTTY, 0) < 0)
		return rb_fail_sys(err, errno, "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(child->tty, fd) < 0)
			return rb_fail_sys(err, errno, "make the terminal stdio");
	rb_closep(&child->tty);
	return 0;
}
