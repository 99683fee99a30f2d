/* SPDX-License-Identifier: MIT */
/*
 * Cuts a stream of bytes into lines as they come.
 */
#ifndef ALTMIG_BASE_LINES_H
#define ALTMIG_BASE_LINES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* One line without its newline; may hold NUL bytes. Not 0 with `error` filled ends the stream. */
typedef int am_line_fn(void *context, const char *line, size_t length, struct am_error *error);

/* All zero but for `line` and `context` is a splitter at the start of a stream. */
struct am_lines {
	am_line_fn *line;
	void *context;
	struct am_buf rest; /* of a line whose end has not come yet */
};

/* A line longer than this is handed over in pieces, so that a stream cannot take all memory. */
enum { AM_LINE_MAX = 1 << 20 };

int am_lines_add(struct am_lines *lines, const char *data, size_t length, struct am_error *error);

/* The stream ended: hands over a last line that has no newline. */
int am_lines_end(struct am_lines *lines, struct am_error *error);

void am_lines_free(struct am_lines *lines);

#endif
