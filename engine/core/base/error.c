/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

static const struct {
	int number;
	const char *name;
} errno_names[] = {
	{EPERM, "EPERM"},
	{ENOENT, "ENOENT"},
	{EINTR, "EINTR"},
	{EIO, "EIO"},
	{ENXIO, "ENXIO"},
	{E2BIG, "E2BIG"},
	{EBADF, "EBADF"},
	{ECHILD, "ECHILD"},
	{EAGAIN, "EAGAIN"},
	{ENOMEM, "ENOMEM"},
	{EACCES, "EACCES"},
	{EBUSY, "EBUSY"},
	{EEXIST, "EEXIST"},
	{EXDEV, "EXDEV"},
	{ENODEV, "ENODEV"},
	{ENOTDIR, "ENOTDIR"},
	{EISDIR, "EISDIR"},
	{EINVAL, "EINVAL"},
	{ENFILE, "ENFILE"},
	{EMFILE, "EMFILE"},
	{ENOTTY, "ENOTTY"},
	{EFBIG, "EFBIG"},
	{ENOSPC, "ENOSPC"},
	{ESPIPE, "ESPIPE"},
	{EROFS, "EROFS"},
	{EMLINK, "EMLINK"},
	{EPIPE, "EPIPE"},
	{ERANGE, "ERANGE"},
	{ENAMETOOLONG, "ENAMETOOLONG"},
	{ENOSYS, "ENOSYS"},
	{ENOTEMPTY, "ENOTEMPTY"},
	{ELOOP, "ELOOP"},
	{EPROTO, "EPROTO"},
	{EOVERFLOW, "EOVERFLOW"},
	{ENOTSUP, "ENOTSUP"},
	{EADDRINUSE, "EADDRINUSE"},
	{ENETUNREACH, "ENETUNREACH"},
	{ECONNABORTED, "ECONNABORTED"},
	{ECONNRESET, "ECONNRESET"},
	{ENOTCONN, "ENOTCONN"},
	{ETIMEDOUT, "ETIMEDOUT"},
	{ECONNREFUSED, "ECONNREFUSED"},
	{EHOSTUNREACH, "EHOSTUNREACH"},
	{ESTALE, "ESTALE"},
	{EDQUOT, "EDQUOT"},
	{ECANCELED, "CANCELLED"},
};

const char *am_errno_name(int errnum)
{
	for (size_t i = 0; i < sizeof errno_names / sizeof *errno_names; i++) {
		if (errno_names[i].number == errnum)
			return errno_names[i].name;
	}
	return "EIO";
}

/*
 * Names in a message may come from another host. A message is one line whatever they hold: else a
 * file name could write lines of its own into a log, or speak to the terminal.
 */
static void set_message(struct am_error *error, const char *text)
{
	am_escape_to(error->message, sizeof error->message, text, strlen(text), 0);
}

int(am_fail)(struct am_error *error, const char *code, const char *format, ...)
{
	char text[sizeof error->message];
	va_list ap;

	if (error == NULL)
		return -1;
	snprintf(error->code, sizeof error->code, "%s", code);
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	set_message(error, text);
	return -1;
}

int(am_fail_errno)(struct am_error *error, int errnum, const char *format, ...)
{
	char text[sizeof error->message];
	va_list ap;
	size_t used;

	if (error == NULL)
		return -1;
	snprintf(error->code, sizeof error->code, "%s", am_errno_name(errnum));
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	set_message(error, text);
	used = strlen(error->message);
	snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(errnum));
	return -1;
}

const char *am_reason(const char *text)
{
	return text != NULL && *text != '\0' ? text : "no reason given";
}

int am_fail_reason(struct am_error *error, int errnum)
{
	return am_fail(error, am_errno_name(errnum), "%s", strerror(errnum));
}

void am_error_prefix(struct am_error *error, const char *format, ...)
{
	char text[sizeof error->message], prefix[sizeof error->message];
	va_list ap;
	int n;

	if (error == NULL)
		return;
	va_start(ap, format);
	n = vsnprintf(prefix, sizeof prefix, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	n = (int)am_escape_to(text, sizeof text, prefix, strlen(prefix), 0);
	snprintf(text + n, sizeof text - (size_t)n, ": %s", error->message);
	memcpy(error->message, text, sizeof text);
}
