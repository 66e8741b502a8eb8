/* log.c - stderr for people, the log file for engines
 *
 * containerd reads the last object with level error, podman unmarshals the file whole: at the default
 * level exactly one object is written per failed command. Warnings are for the file, from its level on;
 * stderr gets them when there is none, for an engine that has a file has given us the container's stderr.
 */
#include "runbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "runbox/err.h"
#include "runbox/fd.h"
#include "runbox/str.h"

static struct {
	int fd; /* -1: no file */
	bool json;
	bool syslog;
	enum rb_log_level level;
	int forward; /* the child's socket to the host side, -1: stderr */
	void (*forward_text)(int sock, const char *text);
	int debug; /* enum rb_debug bits, -1: not read from the environment yet */
} out = { .fd = -1, .forward = -1, .debug = -1 };

static const char *const level_names[] = { "error", "warning", "debug" };
static const int syslog_levels[] = { LOG_ERR, LOG_WARNING, LOG_DEBUG };

int rb_log_open(const char *path, bool json, enum rb_log_level level, struct rb_err *err)
{
	out.json = json;
	out.level = level;
	if (!path || !*path)
		return 0;
	if (rb_startswith(path, "syslog:") || rb_startswith(path, "journald:")) {
		const char *ident = strchr(path, ':') + 1;

		/* journald reads syslog(3) as well; a client of its own protocol would bring nothing */
		openlog(*ident ? ident : "runbox", LOG_NDELAY | LOG_PID, LOG_DAEMON);
		out.syslog = true;
		return 0;
	}
	if (rb_startswith(path, "file:"))
		path += strlen("file:");
	out.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (out.fd < 0)
		return rb_fail_sys(err, errno, "open log file %s", path);
	return 0;
}

void rb_log_forward(int sock, void (*send_text)(int sock, const char *text))
{
	out.forward = sock;
	out.forward_text = send_text;
	out.fd = -1; /* the descriptor itself is closed with all the others */
}

static void timestamp(char buf[40])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, 40 - n, ".%09ldZ", now.tv_nsec);
}

static void to_file(enum rb_log_level level, const char *text)
{
	rb_autobuf line = { 0 };
	char when[40];

	if (level > out.level)
		return;
	if (out.syslog)
		syslog(syslog_levels[level], "%s", text);
	if (out.fd < 0)
		return;
	timestamp(when);
	if (out.json) {
		rb_buf_printf(&line, "{\"level\":\"%s\",\"msg\":", level_names[level]);
		rb_buf_json(&line, text);
		rb_buf_printf(&line, ",\"time\":\"%s\"}\n", when);
	} else {
		rb_buf_printf(&line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		rb_buf_json(&line, text);
		rb_buf_add(&line, "\n");
	}
	(void)rb_write_all(out.fd, line.data,
			   line.len); /* a full disk must not hide the real failure */
}

static void to_stderr(const char *prefix, const char *text)
{
	rb_autobuf line = { 0 };

	rb_buf_printf(&line, "runbox: %s%s\n", prefix, text);
	(void)rb_write_all(STDERR_FILENO, line.data, line.len); /* stderr may be closed */
}

void rb_log_error(const struct rb_err *err)
{
	char text[2048];

	rb_err_format(err, text, sizeof(text));
	to_stderr("", text);
	to_file(RB_LOG_ERROR, text);
}

void rb_log_warn(const char *fmt, ...)
{
	char raw[480];
	rb_autobuf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap); /* cut is fine */
	va_end(ap);
	if (out.forward >= 0) {
		out.forward_text(out.forward, raw);
		return;
	}
	rb_buf_escaped(&text, raw, 0);
	if (out.fd < 0 && !out.syslog)
		to_stderr("warning: ", text.data);
	to_file(RB_LOG_WARN, text.data);
}

static int debug_areas(void)
{
	static const struct {
		const char *name;
		int bit;
	} areas[] = {
		{ "spec", RB_DEBUG_SPEC }, { "plan", RB_DEBUG_PLAN },	{ "exec", RB_DEBUG_EXEC },
		{ "net", RB_DEBUG_NET },   { "state", RB_DEBUG_STATE }, { "all", 0xff },
	};
	const char *env = getenv("RUNBOX_DEBUG");
	int bits = 0;

	for (size_t i = 0; env && i < sizeof(areas) / sizeof(areas[0]); i++)
		if (strstr(env, areas[i].name))
			bits |= areas[i].bit;
	return bits;
}

void rb_log_debug(enum rb_debug area, const char *fmt, ...)
{
	char raw[512];
	rb_autobuf text = { 0 };
	va_list ap;

	if (out.debug < 0)
		out.debug = debug_areas();
	if (!(out.debug & area) && out.level < RB_LOG_DEBUG)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap); /* cut is fine */
	va_end(ap);
	rb_buf_escaped(&text, raw, 0);
	if (out.debug & area)
		to_stderr("debug: ", text.data);
	if (out.forward < 0)
		to_file(RB_LOG_DEBUG, text.data);
}
