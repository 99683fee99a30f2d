/* SPDX-License-Identifier: MIT */
/*
 * Stanza files: /etc/security/user, /etc/methods.cfg and their like.
 *
 *     * a comment, "*" or "#" in column one
 *     name:
 *             attribute = value
 *             other = "quoted, may go on
 *     in the next line"
 */
#ifndef ALTMIG_CONFIG_STANZA_H
#define ALTMIG_CONFIG_STANZA_H

#include "config/record.h"

/*
 * Parses `length` bytes at `text` into `file`, which the caller frees also after a failure. `name`
 * is the path for messages and must outlive the file. Fails with "CONFIG_SYNTAX" and the line.
 *
 * The head block of comments up to the first blank line is the header; any other comment belongs to
 * the stanza or attribute that follows it. A stanza given twice is linked to its first one, an
 * attribute given twice counts with its last value; both are noted. More lenient than the manual
 * pages: comments may be indented, and attributes may begin in column one.
 */
int am_stanza_parse(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error);

/*
 * The same for files whose stanza names may be comma lists (ports of login.cfg): the key is the
 * list in byte order, so that the same set of names is the same stanza. The text stays as found.
 */
int am_stanza_parse_sets(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error);

#endif
