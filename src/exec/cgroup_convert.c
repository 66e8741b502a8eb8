/* cgroup_convert.c - values of cgroup v1, which config.json speaks, as v2 has them
 *
 * Pure. Sources: cgroup-v2.rst for the ranges, the functions' comments for the formulas.
 */
#include <errno.h>

#include "exec/cgroup_limits_priv.h"

/* log2 by its integer part and repeated squaring of the rest: no libm for the sake of one number */
static double log2_of(uint64_t v)
{
	int whole = 63 - __builtin_clzll(v);
	double rest = (double)v / (double)(1ull << whole), result = whole, bit = 0.5;

	for (int i = 0; i < 40; i++, bit /= 2) {
		rest *= rest;
		if (rest >= 2) {
			rest /= 2;
			result += bit;
		}
	}
	return result;
}

/* 10^x for x from 0 to 4: the whole part by multiplication, the rest by the series of e^y */
static double exp10_of(double x)
{
	double whole = 1, sum = 1, term = 1;

	for (int i = 0; i < 4 && x >= 1; i++) {
		whole *= 10;
		x -= 1;
	}
	for (int i = 1; i < 30; i++) {
		term *= x * 2.302585092994045684 / i; /* ln 10 */
		sum += term;
	}
	return whole * sum;
}

uint64_t rb_cpu_weight(uint64_t shares)
{
	const uint64_t least = 2, most = 262144;
	double l, weight;
	uint64_t up;

	if (shares == 0)
		return 0;
	l = log2_of(shares < least ? least : shares > most ? most : shares);
	/* the exponent is 0 at the least, but for rounding */
	weight = (l * l + 125 * l) / 612 - 7.0 / 34;
	weight = weight > 0 ? exp10_of(weight) : 1;
	/* what is whole but for rounding is not rounded up */
	up = (uint64_t)(weight + 1 - 1e-6);
	return up < 1 ? 1 : up > 10000 ? 10000 : up;
}

uint64_t rb_io_weight(uint64_t weight)
{
	if (weight == 0)
		return 0;
	if (weight < 10)
		weight = 10;
	if (weight > 1000)
		weight = 1000;
	return 1 + (weight - 10) * 9999 / 990;
}

int rb_swap_v2(int64_t limit, int64_t swap, int64_t *ret, bool *ret_set)
{
	*ret = 0;
	*ret_set = true;
	if (swap < 0 || (limit < 0 && swap == 0)) {
		*ret = -1; /* v1 lets no unlimited memory have a limit of both */
		return 0;
	}
	if (swap == 0) {
		*ret_set = false;
		return 0;
	}
	if (limit <= 0 || swap < limit)
		return -EINVAL;
	*ret = swap - limit;
	return 0;
}
