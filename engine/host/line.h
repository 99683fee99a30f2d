/* SPDX-License-Identifier: MIT */
/*
 * Where the prompt's lines come from: a line editor on a terminal, plain reads otherwise.
 */
#ifndef ALTMIG_LINE_H
#define ALTMIG_LINE_H

#include <stddef.h>

#include <lua.h>

#include "base/buf.h"
#include "base/error.h"

struct line_reader {
	/*
	 * The next line without its newline, added to `out`: 1; 0 at the end of input; -1 with
	 * "CANCELLED" when a signal came meanwhile.
	 */
	int (*read)(struct line_reader *reader, const char *prompt, struct am_buf *out,
		struct am_error *error);
	/* Adds one entry (of one or more lines) to the history, where there is one. */
	int (*remember)(struct line_reader *reader, const char *text, struct am_error *error);
	void (*close)(struct line_reader *reader); /* frees the reader */
};

/*
 * Completion: given the line up to the cursor, the text to insert there, and the text to show below
 * the line (both may stay empty).
 */
typedef void (*line_complete_fn)(void *context, const char *before, size_t length,
	struct am_buf *insert, struct am_buf *show);

/* NULL with `error` filled on failure. The prompt is shown when standard input is a terminal. */
struct line_reader *line_plain_open(struct am_error *error);

/* history: its file (made 0600), or NULL for none. */
struct line_reader *line_libedit_open(
	const char *history, line_complete_fn complete, void *context, struct am_error *error);

/* The module altmig.line. */
int luaopen_altmig_line(lua_State *L);

#endif
