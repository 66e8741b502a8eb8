/* compile_sysctl.c - linux.sysctl: only what belongs to a namespace of the container
 *
 * A parameter that is not namespaced would be set for the whole host, so it is refused. Which are:
 * ipc (ipc_namespaces(7)), network (network_namespaces(7)), uts (uts_namespaces(7)).
 */
#include "compile_priv.h"

#include <linux/sched.h>
#include <string.h>

static const struct {
	const char *path; /* below /proc/sys */
	bool prefix;	  /* and all that starts so */
	unsigned long flag;
	const char *ns;
} namespaced[] = {
	{ "kernel/shm", true, CLONE_NEWIPC,
	  "ipc" }, /* shmall shmmax shmmni shm_rmid_forced shm_next_id */
	{ "kernel/msg", true, CLONE_NEWIPC, "ipc" }, /* msgmax msgmnb msgmni msg_next_id */
	{ "kernel/sem", false, CLONE_NEWIPC, "ipc" },
	{ "kernel/sem_next_id", false, CLONE_NEWIPC, "ipc" },
	{ "fs/mqueue/", true, CLONE_NEWIPC, "ipc" },
	{ "net/", true, CLONE_NEWNET, "network" },
	{ "kernel/hostname", false, CLONE_NEWUTS, "uts" },
	{ "kernel/domainname", false, CLONE_NEWUTS, "uts" },
};

/* sysctl.d(5): if the first separator is a slash the rest is left as it is; if it is a dot,
 * dots and slashes change places ("net.ipv4.conf.eth0/1.forwarding"). */
static char *to_path(struct rb_arena *a, const char *key)
{
	char *path = rb_arena_strdup(a, key);
	size_t first = strcspn(path, "./");

	if (path[first] == '/')
		return path;
	for (char *p = path; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return path;
}

static bool is_path_below(const char *path)
{
	while (true) {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static int check_namespaced(struct compile *c, const char *key, const char *path, const char *at,
			    struct rb_err *err)
{
	for (size_t i = 0; i < sizeof(namespaced) / sizeof(namespaced[0]); i++) {
		if (namespaced[i].prefix ? !rb_startswith(path, namespaced[i].path)
					 : !rb_streq(path, namespaced[i].path))
			continue;
		if (compile_has(c, namespaced[i].flag))
			return 0;
		return rb_fail_at(err, at,
				  "sysctl %s needs a %s namespace, it would be set on the host",
				  key, namespaced[i].ns);
	}
	return rb_fail_at(err, at, "sysctl %s belongs to no namespace, it would be set on the host",
			  key);
}

static int check_name_conflict(const struct compile *c, const char *path, const char *value,
			       const char *at, struct rb_err *err)
{
	if (rb_streq(path, "kernel/hostname") && c->spec->hostname &&
	    !rb_streq(c->spec->hostname, value))
		return rb_fail_at(err, at, "sysctl kernel.hostname contradicts hostname");
	if (rb_streq(path, "kernel/domainname") && c->spec->domainname &&
	    !rb_streq(c->spec->domainname, value))
		return rb_fail_at(err, at, "sysctl kernel.domainname contradicts domainname");
	return 0;
}

/** emit_sysctl() - one row a parameter, in the order of the config. */
int emit_sysctl(struct compile *c, struct rb_err *err)
{
	const struct rb_kvs *sysctl = &c->spec->linux_.sysctl;
	size_t first = c->plan->len;

	for (size_t i = 0; i < sysctl->n; i++) {
		const struct rb_kv *kv = &sysctl->v[i];
		const char *at = rb_arena_printf(c->arena, "linux.sysctl[\"%s\"]", kv->key);
		const char *path = to_path(c->arena, kv->key);
		struct rb_step *step;
		int r;

		if (!is_path_below(path))
			return rb_fail_at(err, at, "sysctl %s is no name of a parameter", kv->key);
		r = check_namespaced(c, kv->key, path, at, err);
		if (r == 0)
			r = check_name_conflict(c, path, kv->value, at, err);
		if (r < 0)
			return r;
		for (size_t k = first; k < c->plan->len; k++)
			if (rb_streq(c->plan->steps[k].u.kv.file, path))
				return rb_fail_at(err, at, "sysctl %s is the same as %s", kv->key,
						  c->plan->steps[k].u.kv.key);
		step = compile_add(c, RB_STEP_SYSCTL, at);
		step->u.kv.key = kv->key;
		step->u.kv.value = kv->value;
		step->u.kv.file = path;
	}
	return 0;
}
