#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

int(am_fail)(struct am_error *error, const char *code, const char *format, ...)
{
	va_list ap;

	if (error == NULL)
		return -1;
	snprintf(error->code, sizeof error->code, "%s", code);
	va_start(ap, format);
	vsnprintf(error->message, sizeof error->message, format, ap);
	va_end(ap);
	return -1;
}

int(am_fail_errno)(struct am_error *error, int errnum, const char *format, ...)
{
	va_list ap;
	size_t used;

	if (error == NULL)
		return -1;
	snprintf(error->code, sizeof error->code, "%s", am_errno_name(errnum));
	va_start(ap, format);
	vsnprintf(error->message, sizeof error->message, format, ap);
	va_end(ap);
	used = strlen(error->message);
	snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(errnum));
	return -1;
}

const char *am_reason(const char *text)
{
	return text != NULL && *text != '\0' ? text : "no reason given";
}

void am_error_prefix(struct am_error *error, const char *format, ...)
{
	char text[sizeof error->message];
	char *p = text;
	va_list ap;
	int n;

	if (error == NULL)
		return;
	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	p += (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	snprintf(p, sizeof text - (size_t)(p - text), ": %s", error->message);
	memcpy(error->message, text, sizeof text);
}
