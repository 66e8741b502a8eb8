/* ip.c - addresses, prefixes and subnets, as text and as numbers
 *
 * Pure: inet_pton(3) and inet_ntop(3) make no system calls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runbox/net.h"
#include "runbox/str.h"

unsigned rb_ip_bits(const struct rb_ip *ip)
{
	return ip->family == AF_INET6 ? 128 : 32;
}

int rb_ip_parse(const char *text, struct rb_ip *ret)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct rb_ip ip = { 0 };
	uint32_t prefix;

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (inet_pton(AF_INET, addr, ip.bytes) == 1)
		ip.family = AF_INET;
	else if (inet_pton(AF_INET6, addr, ip.bytes) == 1)
		ip.family = AF_INET6;
	else
		return -EINVAL;
	prefix = rb_ip_bits(&ip);
	if (slash && (rb_parse_u32(slash + 1, &prefix) < 0 || prefix > rb_ip_bits(&ip)))
		return -EINVAL;
	ip.prefix = (uint8_t)prefix;
	*ret = ip;
	return 0;
}

char *rb_ip_format(const struct rb_ip *ip, bool with_prefix, char buf[64])
{
	size_t n;

	if (!inet_ntop(ip->family, ip->bytes, buf, INET6_ADDRSTRLEN))
		buf[0] = '\0';
	n = strlen(buf);
	if (with_prefix)
		(void)snprintf(buf + n, 64 - n, "/%u", ip->prefix);
	return buf;
}

/* Bit @i of an address, counted from the left. */
static bool bit(const struct rb_ip *ip, unsigned i)
{
	return ip->bytes[i / 8] >> (7 - i % 8) & 1;
}

static void set_bit(struct rb_ip *ip, unsigned i, bool on)
{
	uint8_t mask = (uint8_t)(1u << (7 - i % 8));

	ip->bytes[i / 8] = on ? ip->bytes[i / 8] | mask : ip->bytes[i / 8] & (uint8_t)~mask;
}

bool rb_ip_host(const struct rb_ip *net, uint64_t n, struct rb_ip *ret)
{
	unsigned bits = rb_ip_bits(net), host_bits = bits - net->prefix;
	struct rb_ip ip = *net;

	if (n == 0 || host_bits == 0 || (host_bits < 64 && n >> host_bits))
		return false;
	if (net->family == AF_INET && n == (UINT64_C(1) << host_bits) - 1)
		return false;
	for (unsigned i = 0; i < host_bits; i++)
		set_bit(&ip, bits - 1 - i, i < 64 && (n >> i & 1));
	*ret = ip;
	return true;
}

bool rb_ip_host_number(const struct rb_ip *net, const struct rb_ip *ip, uint64_t *ret)
{
	unsigned bits = rb_ip_bits(net);
	uint64_t n = 0;

	if (net->family != ip->family)
		return false;
	for (unsigned i = 0; i < net->prefix; i++)
		if (bit(net, i) != bit(ip, i))
			return false;
	for (unsigned i = net->prefix; i < bits; i++) {
		if (bits - i > 64 && bit(ip, i))
			return false;
		n = n << 1 | bit(ip, i);
	}
	*ret = n;
	return true;
}

bool rb_ip_same(const struct rb_ip *a, const struct rb_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, rb_ip_bits(a) / 8) == 0;
}

bool rb_ip_is_loopback(const struct rb_ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	return ip->family == AF_INET ? ip->bytes[0] == 127
				     : ip->family == AF_INET6 && memcmp(ip->bytes, one, 16) == 0;
}

bool rb_ip_is_unicast(const struct rb_ip *ip)
{
	static const uint8_t none[16];
	const size_t n = rb_ip_bits(ip) / 8;

	if (n == 4)
		return ip->bytes[0] != 0 && ip->bytes[0] < 0xe0;
	return n == 16 && ip->bytes[0] != 0xff && memcmp(ip->bytes, none, n) != 0;
}

bool rb_ip_is_link_local(const struct rb_ip *ip)
{
	return ip->family == AF_INET6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

int rb_mac_parse(const char *text, uint8_t ret[6])
{
	unsigned v[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &end) != 6 ||
	    end != 17 || text[end])
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)v[i];
	return 0;
}

char *rb_mac_format(const uint8_t mac[6], char buf[18])
{
	(void)snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		       mac[4], mac[5]);
	return buf;
}
