/* raw.h - system calls without the C library: no errno, no lock, no cancellation point
 *
 * For code that runs where the library is not set up (entry.c), or beside it (ahead.c). A call returns
 * what the kernel returns: a negative errno on failure. Sources: System V ABI AMD64, "Linux Conventions";
 * syscall(2), "Architecture calling conventions".
 */
#ifndef RUNBOX_EXEC_RAW_H
#define RUNBOX_EXEC_RAW_H

#include <sys/syscall.h>

#if defined(__x86_64__) && defined(__LP64__)
#define RB_HAVE_RAW 1
static inline long rb_raw(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
#define RB_HAVE_RAW 1
static inline long rb_raw(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#endif

#endif
