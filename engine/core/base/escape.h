/* SPDX-License-Identifier: MIT */
/*
 * Bytes that may come from anywhere (a client's file names, what a command printed, a damaged
 * archive) as text that a terminal shows and does not obey.
 *
 * One visible form, used wherever the program prints:
 *
 *   \n \r \t          newline, carriage return, tab
 *   \x1b              any other control character below U+0080, and each byte that is not UTF-8
 *   \u{9b} \u{202e}   characters that a terminal or a viewer may obey, or that cannot be seen: the
 *                     controls U+0080 to U+009F, those of the direction of writing, invisible ones
 *
 * Everything else goes through as it is, the letters of any language among them. A backslash does
 * too, so that text which was escaped before does not change when it is escaped again.
 */
#ifndef ALTMIG_BASE_ESCAPE_H
#define ALTMIG_BASE_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum am_escape_flag {
	AM_ESCAPE_LINES = 1,  /* newlines and tabs stay: text of several lines */
	AM_ESCAPE_ASCII = 2,  /* for what takes no UTF-8: every other character escaped too */
	AM_ESCAPE_QUOTED = 4, /* for between the double quotes of a Lua string: \ and " as well */
};

/* Appends the bytes, escaped. flags: of enum am_escape_flag. */
int am_escape(struct am_buf *out, const char *text, size_t length, unsigned flags,
	struct am_error *error);

/*
 * The same into an array of `room` bytes (at least 1), cut after the last character that has room
 * and ended by a NUL. Returns the length.
 */
size_t am_escape_to(char *out, size_t room, const char *text, size_t length, unsigned flags);

/* Whether a character is one of those above that are never shown as they are. */
int am_is_hidden(uint32_t character);

/* Length of the well-formed UTF-8 sequence at `text` (1 to 4), or 0 when it is none. */
size_t am_utf8_sequence(const char *text, size_t length);

/* The character of a well-formed UTF-8 sequence of `size` bytes (am_utf8_sequence says it). */
uint32_t am_utf8_character(const char *text, size_t size);

#endif
