/* SPDX-License-Identifier: MIT */
/*
 * Strings as JSON text. jansson, which reads JSON here, would refuse strings that are not UTF-8,
 * and leave DEL and other characters that a terminal obeys as they are, or else escape all but
 * ASCII.
 */
#ifndef ALTMIG_BASE_JSON_H
#define ALTMIG_BASE_JSON_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends the bytes as a JSON string with its quotes. JSON text is UTF-8, so bytes that are not
 * cannot be carried: with `lossy` each of them becomes U+FFFD, else the call fails with
 * "JSON_UTF8" and the offset of the first one. Characters that a terminal could obey, or that
 * cannot be seen (am_is_hidden, NUL among them), are escaped.
 */
int am_json_quote(
	struct am_buf *out, const char *text, size_t length, int lossy, struct am_error *error);

#endif
