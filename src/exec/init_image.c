/* init_image.c - the bytes of runbox-init (src/init/init.c), which is built first
 *
 * Part of runbox itself: nothing has to be found, and nothing can be exchanged. The path is relative to the
 * build directory, where the compiler runs.
 */
#include "exec/exec_priv.h"

__asm__(".section .rodata\n"
	"	.balign 16\n"
	"	.globl rb_init_image\n"
	"rb_init_image:\n"
	"	.incbin \"src/init/runbox-init\"\n"
	"	.globl rb_init_image_end\n"
	"rb_init_image_end:\n"
	"	.byte 0\n"
	"	.previous\n");
