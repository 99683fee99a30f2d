/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

int am_buf_reserve(struct am_buf *buf, size_t more, struct am_error *error)
{
	size_t want, capacity;
	char *data;

	if (more > SIZE_MAX - buf->length - 1)
		return am_fail_errno(error, ENOMEM, "buffer");
	want = buf->length + more;
	if (buf->limit != 0 && want > buf->limit)
		return am_fail(error, "E2BIG", "buffer: more than %zu bytes", buf->limit);
	if (want < buf->capacity)
		return 0;
	capacity = buf->capacity < 64 ? 64 : buf->capacity;
	while (capacity <= want)
		capacity = capacity > SIZE_MAX / 2 ? want + 1 : capacity * 2;
	data = realloc(buf->data, capacity);
	if (data == NULL)
		return am_fail_errno(error, ENOMEM, "buffer");
	buf->data = data;
	buf->capacity = capacity;
	return 0;
}

int am_buf_add(struct am_buf *buf, const void *data, size_t length, struct am_error *error)
{
	if (am_buf_reserve(buf, length, error) != 0)
		return -1;
	if (length > 0)
		memcpy(buf->data + buf->length, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
	return 0;
}

int am_buf_addstr(struct am_buf *buf, const char *text, struct am_error *error)
{
	return am_buf_add(buf, text, strlen(text), error);
}

int am_buf_addf(struct am_buf *buf, struct am_error *error, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return am_fail(error, "EINVAL", "buffer: format");
	if (am_buf_reserve(buf, (size_t)n, error) != 0)
		return -1;
	va_start(ap, format);
	vsnprintf(buf->data + buf->length, (size_t)n + 1, format, ap);
	va_end(ap);
	buf->length += (size_t)n;
	return 0;
}

void am_buf_consume(struct am_buf *buf, size_t count)
{
	if (count >= buf->length) {
		buf->length = 0;
	} else {
		memmove(buf->data, buf->data + count, buf->length - count);
		buf->length -= count;
	}
	if (buf->data != NULL)
		buf->data[buf->length] = '\0';
}

void am_buf_free(struct am_buf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->length = buf->capacity = 0;
}

void am_buf_free_secret(struct am_buf *buf)
{
	if (buf->data != NULL)
		am_os_clear(buf->data, buf->capacity);
	am_buf_free(buf);
}
