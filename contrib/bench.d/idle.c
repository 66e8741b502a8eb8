/* idle.c - the program of the measured containers: as "true" it ends at once, as "pause" it waits
 *
 * "pause" ends on SIGTERM with 0: as pid 1 it would not be ended by a signal it does not handle.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void end(int sig)
{
	(void)sig;
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *name = argc ? strrchr(argv[0], '/') : NULL;

	if (!name || strcmp(name, "/pause"))
		_exit(0);
	signal(SIGTERM, end);
	for (;;)
		pause();
}
