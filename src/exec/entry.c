/* entry.c - where the program begins: protected already, or executed again from a read-only mount
 *
 * rb_self_protect() (self.c) makes the verbs that run code in a container execute themselves again.
 * Done from main() that pays the start-up of the C library twice: relocations, and instructions
 * that trap in a virtual machine. So the first instructions of the program are these, before the C
 * library's: if a verb that needs it is among the words and the executable is not on a read-only
 * mount yet, make one and execute from there. Whatever fails here, and whatever is not decided here
 * (an unprivileged caller, old kernels), goes on to _start, and self.c does it, or says why not.
 *
 * Rule: nothing is set up yet. No relocation has been applied, there is no thread pointer (so no
 * errno and no stack protector), and no function of the C library may be called.
 * tests/cli/security.bats sees it at work. Source: System V ABI AMD64, "Process Initialization":
 * argc, argv and environment lie on the stack, and %rdx is for _start.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "exec/exec_priv.h"
#include "exec/raw.h"

#ifdef RB_HAVE_ENTRY

#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#if __has_attribute(no_stack_protector)
#define BARE __attribute__((no_stack_protector))
#else
#define BARE __attribute__((optimize("no-stack-protector")))
#endif

void rb_entry_protect(long *stack) __attribute__((visibility("hidden")));

__asm__(".pushsection .text.rb_entry,\"ax\",@progbits\n"
	".globl rb_entry\n"
	".type rb_entry, @function\n"
	"rb_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	mov %rsp, %rdi\n"
	/* twice: the stack has to be a multiple of 16 at a call */
	"	push %rdx\n"
	"	push %rdx\n"
	"	call rb_entry_protect\n"
	"	pop %rdx\n"
	"	pop %rdx\n"
	"	jmp _start\n"
	"	.cfi_endproc\n"
	".size rb_entry, . - rb_entry\n"
	".popsection\n");

/* An array of arrays: pointers would have to be relocated. */
static const char verbs[][8] = { "create", "exec", "run" };

BARE bool rb_entry_is_verb(const char *word)
{
	for (unsigned v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		unsigned i = 0;

		while (word[i] && word[i] == verbs[v][i])
			i++;
		if (word[i] == verbs[v][i])
			return true;
	}
	return false;
}

/* One word too many, an id or a file of that name, costs a start-up and nothing else. */
static BARE bool is_wanted(long argc, char *const *argv)
{
	for (long i = 1; i < argc; i++)
		if (rb_entry_is_verb(argv[i]))
			return true;
	return false;
}

/* Executed by descriptor: by ourselves, nearly always, and self.c looks at the mount of that descriptor.
 * @auxv: pairs of type and value, behind the environment (getauxval(3)) */
static BARE bool is_by_fd(const unsigned long *auxv)
{
	static const char prefix[] = "/dev/fd/";
	const char *path = NULL;
	unsigned i = 0;

	for (; auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == AT_EXECFN)
			path = (const char *)auxv[1];
	while (path && prefix[i] && path[i] == prefix[i])
		i++;
	return path && !prefix[i];
}

/* Called with the stack as the kernel left it: argc, argv, NULL, environment, NULL, auxiliary vector. */
BARE void rb_entry_protect(long *stack)
{
	static const char self[] = "/proc/self/exe", empty[] = "";
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1, **end = envp;
	struct mount_attr attr;
	struct statfs fs;
	long fd;

	while (*end)
		end++;
	if (is_by_fd((const unsigned long *)(end + 1)) || !is_wanted(stack[0], argv) ||
	    rb_raw(SYS_geteuid, 0, 0, 0, 0, 0) != 0)
		return;
	if (rb_raw(SYS_statfs, (long)self, (long)&fs, 0, 0, 0) < 0 || fs.f_flags & ST_RDONLY)
		return;
	/* not close-on-exec: rb_self_release() */
	fd = rb_raw(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE, 0, 0);
	if (fd >= 0 &&
	    fd <= STDERR_FILENO) { /* a stream that the caller has closed: rb_std_open() */
		long low = fd;

		fd = rb_raw(SYS_fcntl, low, F_DUPFD, STDERR_FILENO + 1, 0, 0);
		(void)rb_raw(SYS_close, low, 0, 0, 0, 0); /* only a name less */
	}
	if (fd < 0)
		return;
	attr.attr_set = MOUNT_ATTR_RDONLY;
	attr.attr_clr = attr.propagation = attr.userns_fd = 0;
	if (rb_raw(SYS_mount_setattr, fd, (long)empty, AT_EMPTY_PATH, (long)&attr, sizeof(attr)) ==
	    0)
		(void)rb_raw(SYS_execveat, fd, (long)empty, (long)argv, (long)envp, AT_EMPTY_PATH);
	(void)rb_raw(SYS_close, fd, 0, 0, 0, 0); /* self.c tries again and says why */
}

#endif
