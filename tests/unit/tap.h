/* tap.h - results of a unit test in the Test Anything Protocol
 *
 * ok(cond, fmt, ...) counts one result; is_str() and is_num() also say what came instead. A test's
 * main() ends in `return tap_done();`.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned tap_count, tap_failed;

/* One result; the name must not hold a newline. Returns the condition. */
__attribute__((format(printf, 2, 3), unused)) static bool ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	if (!good)
		tap_failed++;
	return good;
}

__attribute__((unused)) static bool is_str(const char *got, const char *want, const char *name)
{
	bool good = (!got && !want) || (got && want && strcmp(got, want) == 0);

	ok(good, "%s", name);
	if (!good)
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)",
		       want ? want : "(null)");
	return good;
}

__attribute__((unused)) static bool is_num(int64_t got, int64_t want, const char *name)
{
	ok(got == want, "%s", name);
	if (got != want)
		printf("#   got:  %" PRId64 "\n#   want: %" PRId64 "\n", got, want);
	return got == want;
}

/* A result that this host cannot give. */
__attribute__((unused)) static void skip(const char *name, const char *reason)
{
	printf("ok %u - %s # SKIP %s\n", ++tap_count, name, reason);
}

/* The plan line; the exit status of the test. */
__attribute__((unused)) static int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
