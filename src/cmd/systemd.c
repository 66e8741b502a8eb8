/* systemd.c - the program runbox-systemd: carries out what runbox asks of systemd, until runbox is gone
 *
 * It is no command for users. It sits in the container's scope as its first process until the container is in
 * it, so after the scope is there it touches no more memory than it must.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runbox/helper.h"
#include "runbox/systemd.h"

int main(void)
{
	static struct rb_sd_request req;
	static struct rb_sd_reply reply;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the socket's end tells too */
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		ssize_t n = recv(RB_HELPER_FD, &req, sizeof(req), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOTSOCK)
			(void)fprintf(stderr, "runbox-systemd is started by runbox\n");
		if (n != sizeof(req))
			return n != 0;
		memset(&reply, 0, sizeof(reply));
		reply.status = rb_sd_perform(&req, &reply, &reply.err);
		if (send(RB_HELPER_FD, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			return 1;
	}
}
