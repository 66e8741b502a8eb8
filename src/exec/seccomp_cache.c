/* seccomp_cache.c - compiled filters, kept below the state root
 *
 * Compiling an engine's profile costs more than all the rest of a container's start, so the
 * program is kept in <root>/@seccomp/<hash>; "@" cannot begin a container's id. A file holds
 * all that went into the program, in full: format, versions, architecture, profile. It is
 * believed only when it is ours, nobody else can write to it, and every byte of that is the
 * same; the hash is but its name. Files appear whole, by rename, so writers do not disturb each
 * other, and one that is damaged is compiled again and replaced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "exec/seccomp_priv.h"
#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/log.h"

#define CACHE_DIR "@seccomp"
/* of the file and of what rb_seccomp_compile() makes of a profile: goes up when either changes */
#define FORMAT "runbox seccomp cache 3"
/* a profile names some hundred calls; one that is larger than this is not worth keeping */
#define FILE_MAX (1u << 20)
/* one profile an engine is usual */
#define MAX_FILES 64

struct header {
	char magic[8];
	uint32_t key_len, bpf_len;
	uint64_t bpf_hash; /* against damage, not against attackers */
};
static const char magic[8] = { 'R', 'B', 'S', 'E', 'C', 'C', '0', '3' };

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/, of words of eight bytes, for each waits for
 * the one before; the upper half is folded in, as the multiplication only carries upwards */
static uint64_t hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ len;

	while (len) {
		size_t n = len < sizeof(h) ? len : sizeof(h);
		uint64_t word = 0;

		memcpy(&word, p, n);
		h = (h ^ word) * 0x100000001b3u;
		h ^= h >> 32;
		p += n;
		len -= n;
	}
	return h;
}

/* --- the key: everything the program depends on, each part with its length --- */

/* Without data it is only counted: a buffer of this size that grows is mapped anew each time. */
struct key {
	char *data;
	size_t len;
};

static void put(struct key *key, const void *data, size_t len)
{
	if (key->data)
		memcpy(key->data + key->len, data, len);
	key->len += len;
}

static void put_text(struct key *key, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	put(key, &n, sizeof(n));
	put(key, text, n);
}

static void put_u64(struct key *key, uint64_t v)
{
	put(key, &v, sizeof(v));
}

static void put_opt(struct key *key, const struct rb_opt_u32 *v)
{
	put_u64(key, v->set ? v->v : UINT64_MAX);
}

static void put_rule(struct key *key, const struct rb_seccomp_rule *rule)
{
	put_u64(key, rule->action);
	put_opt(key, &rule->errno_ret);
	put_u64(key, rule->names.n);
	for (size_t i = 0; i < rule->names.n; i++)
		put_text(key, rule->names.v[i]);
	put_u64(key, rule->n_args);
	for (size_t i = 0; i < rule->n_args; i++) {
		put_u64(key, rule->args[i].index);
		put_u64(key, rule->args[i].value);
		put_u64(key, rule->args[i].value_two);
		put_u64(key, (uint64_t)rule->args[i].op);
	}
}

static void put_versions(struct key *key)
{
	const struct scmp_version *version = seccomp_version();
	struct utsname host = { .machine = "" };

	(void)uname(&host); /* cannot fail */
	put_text(key, FORMAT);
	put_u64(key, (uint64_t)version->major << 32 | version->minor << 16 | version->micro);
	put_text(key, host.machine);
	put_text(key, host.release); /* libseccomp asks the kernel which actions it has */
}

static void make_key(const struct rb_seccomp *profile, struct key *key)
{
	put_versions(key);
	put_u64(key, profile->default_action);
	put_opt(key, &profile->default_errno_ret);
	put_u64(key, profile->n_archs);
	for (size_t i = 0; i < profile->n_archs; i++)
		put_u64(key, profile->archs[i]);
	put_u64(key, profile->n_rules);
	for (size_t i = 0; i < profile->n_rules; i++)
		put_rule(key, &profile->rules[i]);
}

/* --- files --- */

/* The cache's directory, made when missing. Return: a descriptor, or -errno when it cannot be
 * trusted */
static int open_cache(int root_fd)
{
	rb_autofd fd = openat(root_fd, CACHE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(root_fd, CACHE_DIR, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(root_fd, CACHE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return -EPERM;
	return rb_take_fd(&fd);
}

/* Return: bytes of the file, or -1 when it cannot be trusted */
static off_t trusted_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
			       !(st.st_mode & 077) && st.st_size <= FILE_MAX
		       ? st.st_size
		       : -1;
}

static bool take(const char *data, size_t len, const struct key *key, struct rb_buf *bpf)
{
	struct header h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, data, sizeof(h));
	data += sizeof(h);
	len -= sizeof(h);
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.key_len != key->len || len < key->len ||
	    memcmp(data, key->data, key->len) != 0)
		return false;
	data += key->len;
	len -= key->len;
	if (len != h.bpf_len || len == 0 || len % sizeof(struct sock_filter) ||
	    len > BPF_MAXINSNS * sizeof(struct sock_filter) || hash(data, len) != h.bpf_hash)
		return false;
	rb_buf_addn(bpf, data, len);
	return true;
}

static bool look_up(int dir_fd, const char *name, const struct key *key, struct rb_arena *arena,
		    struct rb_buf *bpf)
{
	/* O_NONBLOCK: whatever lies there must not hold us */
	rb_autofd fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : trusted_size(fd);
	char *data;

	if (size < 0)
		return false;
	data = rb_arena_alloc(arena, (size_t)size + 1);
	/* whole, or not believed; they are replaced, never written to */
	return read(fd, data, (size_t)size + 1) == size && take(data, (size_t)size, key, bpf);
}

/* Start over when there are very many: profiles that change with each container fill no disk. */
static void prune(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = 0;

	if (!dir) {
		rb_closep(&fd);
		return;
	}
	while (readdir(dir))
		n++;
	rewinddir(dir);
	for (struct dirent *e; n > MAX_FILES && (e = readdir(dir));)
		if (e->d_type == DT_REG)
			(void)unlinkat(dir_fd, e->d_name, 0); /* another one may prune too */
	(void)closedir(dir);				      /* opened for reading */
}

static void store(int dir_fd, const char *name, const struct key *key, const struct rb_buf *bpf)
{
	struct header h = {
		.key_len = (uint32_t)key->len,
		.bpf_len = (uint32_t)bpf->len,
		.bpf_hash = hash(bpf->data, bpf->len),
	};
	rb_autobuf file = { 0 };
	int r;

	if (sizeof(h) + key->len + bpf->len > FILE_MAX)
		return;
	memcpy(h.magic, magic, sizeof(magic));
	rb_buf_addn(&file, (const char *)&h, sizeof(h));
	rb_buf_addn(&file, key->data, key->len);
	rb_buf_addn(&file, bpf->data, bpf->len);
	prune(dir_fd);
	r = rb_replace_file(dir_fd, name, file.data, file.len, 0600);
	if (r < 0)
		rb_log_debug(RB_DEBUG_EXEC, "seccomp filter not cached: %s", rb_errno_name(-r));
}

int rb_seccomp_cached(int root_fd, const struct rb_seccomp *profile, struct rb_buf *bpf,
		      struct rb_err *err)
{
	rb_autofd dir_fd = root_fd >= 0 ? open_cache(root_fd) : -EBADF;
	rb_autoarena arena = { 0 };
	struct key key = { 0 };
	char name[24];
	int r;

	if (dir_fd < 0) {
		rb_log_debug(RB_DEBUG_EXEC, "seccomp cache not used: %s", rb_errno_name(-dir_fd));
		return rb_seccomp_compile(profile, bpf, err);
	}
	make_key(profile, &key);
	key = (struct key) { .data = rb_arena_alloc(&arena, key.len) };
	make_key(profile, &key);
	(void)snprintf(name, sizeof(name), "%016llx", (unsigned long long)hash(key.data, key.len));
	if (look_up(dir_fd, name, &key, &arena, bpf))
		return 0;
	r = rb_seccomp_compile(profile, bpf, err);
	if (r == 0)
		store(dir_fd, name, &key, bpf);
	return r;
}
