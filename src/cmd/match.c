/* match.c - a verb for one container, or for all whose id matches a regular expression
 *
 * The expression is an extended one, matched anywhere in the id, as grep -E does: see regex(7).
 */
#include <errno.h>
#include <regex.h>

#include "cmd/cmd_priv.h"
#include "runbox/err.h"

static void free_regex(regex_t *re)
{
	regfree(re);
}

/* The others get their turn after a failure; one that is gone meanwhile is as good. */
static int each(const struct rb_strv *ids, const regex_t *re, struct rb_cli *cli, const char *root,
		rb_one_fn *one, struct rb_err *err)
{
	int first = 0;

	for (size_t i = 0; i < ids->n; i++) {
		struct rb_err failure = { 0 };
		int r;

		if (regexec(re, ids->v[i], 0, NULL, 0) != 0)
			continue;
		r = one(cli, root, ids->v[i], &failure);
		if (r < 0 && r != -ENOENT && first == 0) {
			*err = failure;
			first = rb_fail_add(err, "container %s", ids->v[i]);
		}
	}
	return first;
}

int rb_for_matching(struct rb_cli *cli, rb_one_fn *one, struct rb_err *err)
{
	__attribute__((cleanup(free_regex))) regex_t re = { 0 };
	struct rb_strv ids = { 0 };
	const char *root;
	char why[128];
	int r = rb_store_root(&cli->arena, cli->root, &root, err);

	if (r < 0)
		return r;
	if (!cli->regex)
		return one(cli, root, cli->args[0], err);
	r = regcomp(&re, cli->args[0], REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		(void)regerror(r, &re, why, sizeof(why));
		re = (regex_t) { 0 };
		return rb_fail(err, RB_ERR_USAGE, "--regex: \"%.64s\": %s", cli->args[0], why);
	}
	r = rb_store_list(&cli->arena, root, &ids, err);
	return r < 0 ? r : each(&ids, &re, cli, root, one, err);
}
