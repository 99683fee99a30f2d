/* SPDX-License-Identifier: MIT */
#include "base/lines.h"

#include <string.h>

static int hand_over(struct am_lines *lines, struct am_error *error)
{
	int result = lines->line(lines->context, lines->rest.data != NULL ? lines->rest.data : "",
		lines->rest.length, error);

	lines->rest.length = 0;
	return result;
}

int am_lines_add(struct am_lines *lines, const char *data, size_t length, struct am_error *error)
{
	while (length > 0) {
		const char *end = memchr(data, '\n', length);
		size_t part = end != NULL ? (size_t)(end - data) : length;

		if (part > AM_LINE_MAX - lines->rest.length) {
			part = AM_LINE_MAX - lines->rest.length;
			end = NULL;
		}
		if (am_buf_add(&lines->rest, data, part, error) != 0)
			return -1;
		if ((end != NULL || lines->rest.length == AM_LINE_MAX) &&
			hand_over(lines, error) != 0)
			return -1;
		part += end != NULL;
		data += part;
		length -= part;
	}
	return 0;
}

int am_lines_end(struct am_lines *lines, struct am_error *error)
{
	return lines->rest.length > 0 ? hand_over(lines, error) : 0;
}

void am_lines_free(struct am_lines *lines)
{
	am_buf_free(&lines->rest);
}
