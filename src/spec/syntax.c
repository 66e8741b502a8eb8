/* syntax.c - words with a form of their own: CPU lists, names, addresses, rates, versions
 *
 * Plain functions on text, no system calls (inet_pton(3) makes none).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "decode_priv.h"

#define DIGITS "0123456789"

/* Digits at *s as a number; *s goes behind them. */
static int take_number(const char **s, uint64_t *ret)
{
	char word[21];
	size_t n = strspn(*s, DIGITS);

	if (n == 0 || n >= sizeof(word))
		return -EINVAL;
	memcpy(word, *s, n);
	word[n] = '\0';
	*s += n;
	return rb_parse_u64(word, ret) < 0 ? -EINVAL : 0;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

bool rb_is_cpu_list(const char *s)
{
	/* the list format of cpuset(7) */
	for (;;) {
		uint64_t first, last;

		s = skip_blanks(s);
		if (take_number(&s, &first) < 0)
			return false;
		last = first;
		if (*s == '-') {
			s++;
			if (take_number(&s, &last) < 0)
				return false;
		}
		s = skip_blanks(s);
		if (last < first || last > INT32_MAX)
			return false;
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
	}
}

bool rb_is_file_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 255 && !strchr(s, '/') && !rb_streq(s, ".") && !rb_streq(s, "..");
}

bool rb_is_ifname(const char *s)
{
	/* dev_valid_name() of the kernel: no slash, colon or blank; "%d" asks it to choose the name */
	return rb_is_file_name(s) && strlen(s) < IFNAMSIZ && !s[strcspn(s, ":% \t\n\v\f\r")];
}

static int ip_bits(const char *s)
{
	unsigned char addr[16];

	return inet_pton(AF_INET, s, addr) == 1 ? 32 : inet_pton(AF_INET6, s, addr) == 1 ? 128 : 0;
}

bool rb_is_ip(const char *s)
{
	return ip_bits(s) > 0;
}

bool rb_is_cidr(const char *s)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : 0;
	uint32_t prefix;

	if (!slash || n >= sizeof(addr) || rb_parse_u32(slash + 1, &prefix) < 0)
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	return ip_bits(addr) > 0 && prefix <= (uint32_t)ip_bits(addr);
}

bool rb_is_mac(const char *s)
{
	for (int i = 0; i < 17; i++) {
		bool colon = i % 3 == 2;

		if (!s[i] || (colon ? s[i] != ':' : !strchr("0123456789abcdefABCDEF", s[i])))
			return false;
	}
	return s[17] == '\0';
}

/* --- amounts --- */

struct unit {
	const char *name;
	uint64_t factor;
};

static int parse_amount(const char *s, const struct unit *units, uint64_t *ret)
{
	uint64_t v;

	if (take_number(&s, &v) < 0)
		return -EINVAL;
	for (; units->name; units++) {
		if (!rb_key_same(s, units->name))
			continue;
		if (__builtin_mul_overflow(v, units->factor, &v) || v == 0)
			return -EINVAL;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

#define K  UINT64_C(1000)
#define KI UINT64_C(1024)

int rb_parse_rate(const char *s, uint64_t *ret)
{
	/* tc(8) "RATES": a bare number is bits a second; bps is bytes */
	static const struct unit units[] = {
		{ "", 1 },
		{ "bit", 1 },
		{ "kbit", K },
		{ "mbit", K * K },
		{ "gbit", K * K * K },
		{ "tbit", K * K * K * K },
		{ "kibit", KI },
		{ "mibit", KI * KI },
		{ "gibit", KI * KI * KI },
		{ "bps", 8 },
		{ "kbps", 8 * K },
		{ "mbps", 8 * K * K },
		{ "gbps", 8 * K * K * K },
		{ "kibps", 8 * KI },
		{ "mibps", 8 * KI * KI },
		{ "gibps", 8 * KI * KI * KI },
		{ 0 },
	};

	return parse_amount(s, units, ret);
}

int rb_parse_size(const char *s, uint64_t *ret)
{
	/* tc(8) "SIZES": a bare number is bytes, k and kb are 1024 */
	static const struct unit units[] = {
		{ "", 1 },
		{ "b", 1 },
		{ "k", KI },
		{ "kb", KI },
		{ "m", KI * KI },
		{ "mb", KI * KI },
		{ "g", KI * KI * KI },
		{ "gb", KI * KI * KI },
		{ 0 },
	};

	return parse_amount(s, units, ret);
}

/* --- versions and paths --- */

/* dot separated identifiers of letters, digits and "-", none of them empty */
static bool take_identifiers(const char **s)
{
	do {
		size_t n;

		++*s;
		n = strspn(*s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-" DIGITS);
		if (n == 0)
			return false;
		*s += n;
	} while (**s == '.');
	return true;
}

int rb_parse_semver(const char *s, uint64_t *ret_major)
{
	uint64_t v[3];

	for (int i = 0; i < 3; i++) {
		if (i && *s++ != '.')
			return -EINVAL;
		if (s[0] == '0' && s[1] >= '0' && s[1] <= '9')
			return -EINVAL;
		if (take_number(&s, &v[i]) < 0)
			return -EINVAL;
	}
	if (*s == '-' && !take_identifiers(&s))
		return -EINVAL;
	if (*s == '+' && !take_identifiers(&s))
		return -EINVAL;
	if (*s)
		return -EINVAL;
	*ret_major = v[0];
	return 0;
}

char *rb_path_clean(struct rb_arena *a, const char *path)
{
	char *out = rb_arena_alloc(a, strlen(path) + 2);
	size_t len = 0;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len && out[--len] != '/')
				; /* back over one component, and its slash */
		} else if (n && !(n == 1 && *path == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
		path += *path == '/';
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}
