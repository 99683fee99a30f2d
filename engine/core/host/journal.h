/* SPDX-License-Identifier: MIT */
/*
 * The append-only file a migration can be resumed from: one JSON object a line, durable before the
 * append returns.
 *
 * A crash can leave the last line incomplete (or, on some file systems, full of other bytes). Such
 * a torn line was never acknowledged: readers ignore it and the next append cuts it off. A bad line
 * before the last cannot come from a crash, so it is an error: "JOURNAL_CORRUPT" with its number.
 * One writer at a time is the caller's duty (the client's lock); readers may come at any time.
 */
#ifndef ALTMIG_HOST_JOURNAL_H
#define ALTMIG_HOST_JOURNAL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct am_journal;

/*
 * Opens and checks the journal. For writing, it is created (0600, its name durable) if it is not
 * there; with `readonly` that is ENOENT. NULL with `error` filled on failure.
 */
struct am_journal *am_journal_open(const char *path, int readonly, struct am_error *error);

/*
 * Adds `line`, the text of one JSON object without newline. Returns 0 when it is on the disk. After
 * a failed write the journal is as before; after a failed fsync nobody knows what it holds, and
 * every further append is refused with "JOURNAL_BROKEN".
 */
int am_journal_append(
	struct am_journal *journal, const char *line, size_t length, struct am_error *error);

/* Reads the file again and appends all good lines, each with its newline, to `lines`. */
int am_journal_read(struct am_journal *journal, struct am_buf *lines, struct am_error *error);

void am_journal_close(struct am_journal *journal); /* NULL is allowed */

#endif
