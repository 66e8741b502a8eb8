/* err.c - filling and printing struct rb_err
 *
 * The first failure wins; later ones of the same operation (undo, clean-up) are warnings. Text that is
 * too long ends in an ellipsis.
 */
#include "runbox/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runbox/str.h"

/* "…" in UTF-8, with its NUL */
static const char ellipsis[] = "\xe2\x80\xa6";

static void mark_cut(char *buf, size_t size)
{
	size_t at = size - sizeof(ellipsis);

	while (at > 0 && ((unsigned char)buf[at] & 0xc0) == 0x80)
		at--; /* not inside a character */
	memcpy(buf + at, ellipsis, sizeof(ellipsis));
}

static void __attribute__((format(printf, 3, 0)))
format_cut(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n >= 0 && (size_t)n >= size)
		mark_cut(buf, size);
}

static void copy_cut(char *buf, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len < size) {
		memcpy(buf, text, len + 1);
		return;
	}
	memcpy(buf, text, size - 1);
	buf[size - 1] = '\0';
	mark_cut(buf, size);
}

static int __attribute__((format(printf, 4, 0)))
fill(struct rb_err *err, enum rb_err_kind kind, int errnum, const char *fmt, va_list ap)
{
	int ret = errnum > 0 ? -errnum : -EINVAL;

	if (!err || err->kind != RB_ERR_NONE)
		return ret;
	err->kind = kind;
	err->errnum = errnum;
	format_cut(err->msg, sizeof(err->msg), fmt, ap);
	return ret;
}

int rb_fail(struct rb_err *err, enum rb_err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fill(err, kind, 0, fmt, ap); /* always -EINVAL here */
	va_end(ap);
	return -EINVAL;
}

int rb_fail_sys(struct rb_err *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = fill(err, RB_ERR_SYS, errnum, fmt, ap);
	va_end(ap);
	return ret;
}

int rb_fail_at(struct rb_err *err, const char *at, const char *fmt, ...)
{
	bool first = err && err->kind == RB_ERR_NONE;
	va_list ap;

	va_start(ap, fmt);
	(void)fill(err, RB_ERR_CONFIG, 0, fmt, ap); /* always -EINVAL here */
	va_end(ap);
	if (first)
		rb_err_at(err, at);
	return -EINVAL;
}

int rb_fail_add(struct rb_err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)], context[sizeof(err->msg)];
	va_list ap;
	rb_autobuf both = { 0 };

	if (!err)
		return -EINVAL;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	format_cut(context, sizeof(context), fmt, ap);
	va_end(ap);
	rb_buf_printf(&both, "%s: %s", context, old);
	copy_cut(err->msg, sizeof(err->msg), both.data);
	return err->errnum > 0 ? -err->errnum : -EINVAL;
}

int rb_err_hint(struct rb_err *err, const char *hint)
{
	if (!err)
		return -EINVAL;
	if (!err->hint[0])
		copy_cut(err->hint, sizeof(err->hint), hint);
	return err->errnum > 0 ? -err->errnum : -EINVAL;
}

void rb_err_terminate(struct rb_err *err)
{
	err->step[sizeof(err->step) - 1] = '\0';
	err->at[sizeof(err->at) - 1] = '\0';
	err->msg[sizeof(err->msg) - 1] = '\0';
	err->hint[sizeof(err->hint) - 1] = '\0';
}

void rb_err_at(struct rb_err *err, const char *at)
{
	if (err && at && !err->at[0])
		copy_cut(err->at, sizeof(err->at), at);
}

/* Messages of the decoder say the place themselves: "config.json:3:5 process.cwd: ..." */
static bool names_place(const struct rb_err *err)
{
	const char *found = strstr(err->msg, err->at);

	return found && found != err->msg && found[-1] == ' ' && found[strlen(err->at)] == ':';
}

void rb_err_format(const struct rb_err *err, char *buf, size_t size)
{
	bool place = err->at[0] && !names_place(err);
	rb_autobuf out = { 0 };
	const char *sep = "";

	rb_buf_escaped(&out, err->msg, 0);
	/* podman takes the C library's words for ENOENT, and "not found", for a missing program and
	 * exits with 127; that has a message of its own, so these phrases are kept for it alone */
	if (err->errnum == ENOENT)
		rb_buf_add(&out, ": missing");
	else if (err->errnum > 0)
		rb_buf_printf(&out, ": %s", strerror(err->errnum));
	if (err->step[0] || err->errnum > 0 || place) {
		rb_buf_add(&out, " (");
		if (err->step[0]) {
			rb_buf_add(&out, "step ");
			rb_buf_escaped(&out, err->step, 0);
			sep = ", ";
		}
		if (place) {
			rb_buf_printf(&out, "%sconfig.json ", sep);
			rb_buf_escaped(&out, err->at, 0);
			sep = ", ";
		}
		if (err->errnum > 0)
			rb_buf_printf(&out, "%s%s", sep, rb_errno_name(err->errnum));
		rb_buf_add(&out, ")");
	}
	if (err->hint[0]) {
		rb_buf_add(&out, "; hint: ");
		rb_buf_escaped(&out, err->hint, 0);
	}
	if (size)
		copy_cut(buf, size, out.data);
}

#ifdef __GLIBC__
const char *rb_errno_name(int errnum)
{
	const char *name = strerrorname_np(errnum);

	return name ? name : "E?";
}
#else
/* Arrays, for pointers would have to be relocated. */
static const struct {
	int num;
	char name[16];
} errnames[] = {
#include "errnames.h" /* written by make */
};

const char *rb_errno_name(int errnum)
{
	for (size_t i = 0; i < sizeof(errnames) / sizeof(errnames[0]); i++)
		if (errnames[i].num == errnum)
			return errnames[i].name;
	return "E?";
}
#endif
