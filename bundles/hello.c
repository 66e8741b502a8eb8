/* hello.c - the program of bundles/hello: greets, and says what it sees
 *
 * Static, so that its root file system needs nothing else.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(void)
{
	struct utsname host;
	char cwd[4096];

	if (uname(&host) < 0)
		strcpy(host.nodename, "?");
	if (!getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "?");
	printf("Hello from a container!\n");
	printf("pid %d, uid %u, gid %u, host name %s, in %s\n", (int)getpid(), (unsigned)getuid(),
	       (unsigned)getgid(), host.nodename, cwd);
	return fflush(stdout) ? 1 : 0;
}
