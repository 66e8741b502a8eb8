/* devrules.c - linux.resources.devices: ordered rules, and what they come to
 *
 * Everything is denied first, whatever the config says (THREATS GHSA-g54h-m393-cpwq); then come
 * the config's rules in their order; then the devices that every container has. For each of
 * read, write and mknod the last rule that matches decides. mknod alone gives no access, so it
 * is allowed for all, as it always was; the host's console (5:1) is no default device, for
 * /dev/console is a pseudo terminal.
 * Pure. Sources: config-linux.md "Allowed Device list" and "Default Devices", kernel
 * cgroup-v1/devices.rst.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/cgroup_priv.h"

#define ALL (RB_DEV_R | RB_DEV_W | RB_DEV_M)
#define ANY (-1)

static const struct rb_dev_exception default_devices[] = {
	{ ANY, ANY, RB_DEV_M, 'c' },
	{ ANY, ANY, RB_DEV_M, 'b' },
	/* null, zero, full, random, urandom */
	{ 1, 3, ALL, 'c' },
	{ 1, 5, ALL, 'c' },
	{ 1, 7, ALL, 'c' },
	{ 1, 8, ALL, 'c' },
	{ 1, 9, ALL, 'c' },
	/* tty, ptmx, pts/N */
	{ 5, 0, ALL, 'c' },
	{ 5, 2, ALL, 'c' },
	{ 136, ANY, ALL, 'c' },
};
#define N_DEFAULTS (sizeof(default_devices) / sizeof(default_devices[0]))

static int64_t number(bool has, int64_t v)
{
	return has && v >= 0 ? v : ANY;
}

static int64_t rule_major(const struct rb_device_rule *r)
{
	return number(r->has_major, r->major);
}

static int64_t rule_minor(const struct rb_device_rule *r)
{
	return number(r->has_minor, r->minor);
}

static bool number_covers(int64_t a, int64_t b)
{
	return a == ANY || a == b;
}

static bool number_meets(int64_t a, int64_t b)
{
	return a == ANY || b == ANY || a == b;
}

/* Is every device of @b one of @a? */
static bool covers(const struct rb_device_rule *a, const struct rb_device_rule *b)
{
	return a->type == b->type && number_covers(rule_major(a), rule_major(b)) &&
	       number_covers(rule_minor(a), rule_minor(b));
}

static bool meets(const struct rb_device_rule *a, const struct rb_device_rule *b)
{
	return a->type == b->type && number_meets(rule_major(a), rule_major(b)) &&
	       number_meets(rule_minor(a), rule_minor(b));
}

/* --- ordered rules --- */

static void add_typed(struct rb_dev_rules *rules, const struct rb_device_rule *rule, char type,
		      unsigned access)
{
	/* no device has such a number (and the kernel's own types end here) */
	if (rule_major(rule) > INT32_MAX || rule_minor(rule) > INT32_MAX)
		return;
	rules->rules[rules->n] = *rule;
	rules->rules[rules->n].type = type;
	rules->rules[rules->n++].access = access;
}

static void add_rule(struct rb_dev_rules *rules, const struct rb_device_rule *rule)
{
	bool everything = rule->type == 'a' && rule_major(rule) == ANY && rule_minor(rule) == ANY;
	unsigned access = rule->access;

	/* without "access": "a" is all of it, as for the kernel; else fail closed */
	if (access == 0 && (everything || !rule->allow))
		access = ALL;
	if (access == 0)
		return;
	if (everything && access == ALL) {
		rules->allow = rule->allow;
		rules->n = 0; /* what came before no longer counts */
		return;
	}
	if (rule->type != 'b')
		add_typed(rules, rule, 'c', access);
	if (rule->type != 'c')
		add_typed(rules, rule, 'b', access);
}

/* Does a later rule decide all that this one could? */
static bool is_overruled(const struct rb_dev_rules *rules, size_t i)
{
	for (size_t k = i + 1; k < rules->n; k++)
		if (covers(&rules->rules[k], &rules->rules[i]) &&
		    (rules->rules[i].access & ~rules->rules[k].access) == 0)
			return true;
	return false;
}

/* Does it say what would be so anyway? */
static bool is_idle(const struct rb_dev_rules *rules, size_t i)
{
	if (rules->rules[i].allow != rules->allow)
		return false;
	for (size_t k = 0; k < i; k++)
		if (rules->rules[k].allow != rules->allow &&
		    meets(&rules->rules[k], &rules->rules[i]))
			return false;
	return true;
}

static void prune(struct rb_dev_rules *rules)
{
	for (size_t i = rules->n; i-- > 0;) {
		if (!is_overruled(rules, i) && !is_idle(rules, i))
			continue;
		memmove(&rules->rules[i], &rules->rules[i + 1],
			(rules->n - i - 1) * sizeof(*rules->rules));
		rules->n--;
	}
}

void rb_dev_rules_build(struct rb_arena *arena, const struct rb_resources *res,
			struct rb_dev_rules *ret)
{
	*ret = (struct rb_dev_rules) { .allow = false };
	/* type "a" with a number becomes one rule for each type */
	ret->rules = rb_arena_alloc(arena, (2 * res->n_devices + N_DEFAULTS) * sizeof(*ret->rules));
	for (size_t i = 0; i < res->n_devices; i++)
		add_rule(ret, &res->devices[i]);
	for (size_t i = 0; i < N_DEFAULTS; i++) {
		const struct rb_dev_exception *d = &default_devices[i];
		struct rb_device_rule rule = {
			.allow = true,
			.type = d->type,
			.access = d->access,
			.has_major = true,
			.has_minor = true,
			.major = d->major,
			.minor = d->minor,
		};

		add_rule(ret, &rule);
	}
	prune(ret);
}

bool rb_dev_rules_check(const struct rb_dev_rules *rules, char type, int64_t major, int64_t minor,
			unsigned access)
{
	struct rb_device_rule dev = {
		.type = type,
		.has_major = true,
		.has_minor = true,
		.major = major,
		.minor = minor,
	};

	for (size_t i = rules->n; i-- > 0;) {
		const struct rb_device_rule *r = &rules->rules[i];

		if (!covers(r, &dev))
			continue;
		if (r->allow) {
			access &= ~r->access;
			if (access == 0)
				return true;
		} else if (access & r->access) {
			return false;
		}
	}
	return rules->allow;
}

/* --- for v1: a default and exceptions from it --- */

static struct rb_device_rule as_rule(const struct rb_dev_exception *e)
{
	return (struct rb_device_rule) {
		.type = e->type,
		.has_major = true,
		.has_minor = true,
		.major = e->major,
		.minor = e->minor,
		.access = e->access,
	};
}

static void drop(struct rb_dev_exception *v, size_t *n, size_t i)
{
	memmove(&v[i], &v[i + 1], (*n - i - 1) * sizeof(*v));
	(*n)--;
}

static void add_exception(struct rb_dev_exception *v, size_t *n, const struct rb_device_rule *r)
{
	for (size_t i = 0; i < *n; i++) {
		if (v[i].type == r->type && v[i].major == rule_major(r) &&
		    v[i].minor == rule_minor(r)) {
			v[i].access |= r->access;
			return;
		}
	}
	v[(*n)++] = (struct rb_dev_exception) { rule_major(r), rule_minor(r), r->access, r->type };
}

/* Take a rule out of the exceptions. Return: false when that leaves a hole that cannot be
 * written down */
static bool take_out(struct rb_dev_exception *v, size_t *n, const struct rb_device_rule *r)
{
	for (size_t i = *n; i-- > 0;) {
		struct rb_device_rule e = as_rule(&v[i]);

		if (!meets(&e, r) || !(e.access & r->access))
			continue;
		if (!covers(r, &e))
			return false;
		v[i].access &= ~r->access;
		if (v[i].access == 0)
			drop(v, n, i);
	}
	return true;
}

/* The kernel asks for one exception that allows all of an access, so a narrow one also gets
 * what a wider one gives; one that adds nothing goes. */
static void join_overlaps(struct rb_dev_exception *v, size_t *n)
{
	for (size_t i = *n; i-- > 0;) {
		bool adds = true;

		for (size_t k = 0; k < *n; k++) {
			struct rb_device_rule wide = as_rule(&v[k]), narrow = as_rule(&v[i]);

			if (k == i || !covers(&wide, &narrow))
				continue;
			adds &= (narrow.access & ~wide.access) != 0;
			v[i].access |= wide.access;
		}
		if (!adds)
			drop(v, n, i);
	}
}

int rb_dev_rules_flatten(struct rb_arena *arena, const struct rb_dev_rules *rules,
			 struct rb_dev_exception **ret, size_t *ret_n,
			 const struct rb_device_rule **ret_bad)
{
	struct rb_dev_exception *v = rb_arena_alloc(arena, (rules->n + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++) {
		if (rules->rules[i].allow != rules->allow) {
			add_exception(v, &n, &rules->rules[i]);
		} else if (!take_out(v, &n, &rules->rules[i])) {
			*ret_bad = &rules->rules[i];
			return -EINVAL;
		}
	}
	join_overlaps(v, &n);
	*ret = v;
	*ret_n = n;
	return 0;
}

static void put_number(char *buf, size_t size, int64_t v)
{
	if (v == ANY)
		(void)snprintf(buf, size, "*");
	else
		(void)snprintf(buf, size, "%lld", (long long)v);
}

char *rb_dev_text(const struct rb_dev_exception *e, char buf[64])
{
	char major[24], minor[24];

	put_number(major, sizeof(major), e->major);
	put_number(minor, sizeof(minor), e->minor);
	(void)snprintf(buf, 64, "%c %s:%s %s%s%s", e->type, major, minor,
		       e->access & RB_DEV_R ? "r" : "", e->access & RB_DEV_W ? "w" : "",
		       e->access & RB_DEV_M ? "m" : "");
	return buf;
}
