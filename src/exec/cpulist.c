/* cpulist.c - lists of CPUs and of memory nodes: "0-3,7"
 *
 * Source: cpuset(7) "Formats for reading and writing": List format.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "exec/steps_priv.h"

#define BITS (sizeof(unsigned long) * CHAR_BIT)

/* A number at *text, which moves behind it. Return: the number, or -1 */
static long number(const char **text, size_t max)
{
	unsigned long n;
	char *end;

	if (**text < '0' || **text > '9')
		return -1;
	n = strtoul(*text, &end, 10);
	*text = end;
	return n < max ? (long)n : -1;
}

/**
 * rb_list_parse() - set the bits that a list names
 * @bits: @n_bits of them, cleared first
 * Return: 0, or -EINVAL (malformed, or a number that is too large)
 */
int rb_list_parse(const char *text, unsigned long *bits, size_t n_bits)
{
	memset(bits, 0, (n_bits + BITS - 1) / BITS * sizeof(*bits));
	for (;;) {
		long from, to;

		text += strspn(text, " ");
		from = number(&text, n_bits);
		to = from;
		if (from >= 0 && *text == '-') {
			text++;
			to = number(&text, n_bits);
		}
		if (from < 0 || to < from)
			return -EINVAL;
		for (size_t i = (size_t)from; i <= (size_t)to; i++)
			bits[i / BITS] |= 1ul << i % BITS;
		text += strspn(text, " ");
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}
