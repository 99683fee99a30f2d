/* SPDX-License-Identifier: MIT */
/*
 * An archive on its way to a restore command of the host that owns the tree, instead of through
 * the tree (restore.h): what is sent, and whether it may be sent.
 */
#ifndef ALTMIG_RESTORE_STREAM_H
#define ALTMIG_RESTORE_STREAM_H

#include "restore/restore.h"

/*
 * The archive that `source` holds, without the members that the options leave out: an archive
 * again, whose records are byte for byte those of the source (security blocks and packed data
 * included), filled up with zeros to a whole cluster. Nothing is unpacked; memory is flat. Of the
 * options `only`, `exclude` and `select` count; they must outlive the reader, as must `stats`,
 * which count what went through so far.
 *
 * Reading fails with the codes of bff.h, with ARCHIVE_PATH for a name that leaves the tree, and
 * with ARCHIVE_LINK for another name of a file whose data came with a member that is left out. The
 * end record is given only after the source's own, so a source that breaks off never looks whole.
 *
 * `source` belongs to the reader; it is closed when this fails, too.
 */
struct am_reader *am_restore_stream(struct am_reader *source,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error);

/*
 * Whether a command that follows links may restore the archive over `tree`: the directories above
 * every member that is wanted are looked at, and one that is a link is allowed only as restore.h
 * allows it. ARCHIVE_PATH, OUTSIDE_TREE, ELOOP, ENOTDIR name the member and its offset. One request
 * a directory, two a link of the archive; nothing is changed.
 */
int am_restore_check(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error);

#endif
