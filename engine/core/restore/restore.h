/* SPDX-License-Identifier: MIT */
/*
 * An archive into a tree, and the comparison of the two.
 *
 * Members are restored in the order of the archive. Names are relative ("./usr/bin/ls"); one that
 * is absolute or has ".." is refused ("ARCHIVE_PATH", with its name and offset) before anything of
 * that member is written, and nothing is ever written through what is in the way:
 *
 * - a file is replaced by rename, so that other links of the old file keep their content;
 * - a directory in the place of a file is removed when empty, else moved to NAME.altmig-old (.2,
 *   .3 ... when that is taken) and listed in the statistics;
 * - a file or link in the place of a directory is removed;
 * - a symbolic link as a directory of a member's path is followed only when it was in the tree
 *   before this restore and leads to a directory inside the tree (/bin -> /usr/bin on AIX). One
 *   that the archive brought is "ARCHIVE_PATH", wherever it leads: else an archive could aim its
 *   own later members. A link the archive brings with the target it already has stays as it is.
 *
 * Over NFS many members are made at a time, each file by three requests (CREATE, WRITE, SETATTR),
 * five where an old file is in the way, which is removed first instead of renamed over; memory is
 * at most 16 MiB of content and as much again on its way to the server, and about 200 bytes a
 * directory. The content is on the server then, not yet on its disk: the server's write verifier
 * says whether it was restarted meanwhile, and when it was, what it may have forgotten is written
 * again.
 *
 * Missing directories are made, 0755. Directories get owner, mode and times when all is in place.
 */
#ifndef ALTMIG_RESTORE_RESTORE_H
#define ALTMIG_RESTORE_RESTORE_H

#include <stdint.h>

#include "archive/bff.h"
#include "base/error.h"
#include "tree/tree.h"

struct am_restore_stats {
	uint64_t files, dirs, links, devices; /* links: symbolic and hard ones */
	uint64_t bytes;                       /* of files, unpacked */
	uint64_t members;                     /* restored; skipped ones are not counted */
	uint64_t skipped;
	uint64_t requests; /* to servers */
	double seconds;
	unsigned restarts;          /* of servers that made it begin again */
	struct am_tree_names moved; /* directories moved aside: where they are now */
};

struct am_restore_options {
	/* Patterns as in tree.h, against "/usr/bin/ls"; a match holds for what is below too. */
	const char *const *only;    /* NULL: everything */
	const char *const *exclude; /* NULL: nothing */
	/* 1: restore it, 0: not, -1 with error: stop. NULL: everything. */
	int (*select)(void *context, const char *path, struct am_error *error);
	/*
	 * Told of every member that is restored and has access rights a tree cannot take
	 * (am_bff_secured), again when a restore begins again. Not 0 stops with its error.
	 */
	int (*secured)(void *context, const char *path, const struct am_bff_member *member,
		struct am_error *error);
	/* At most ten times a second, and at the end. Not 0 stops with its error. */
	int (*progress)(
		void *context, const struct am_restore_stats *stats, struct am_error *error);
	void *context;
	/*
	 * The same archive from its beginning once more: 0 and *archive, which stays the caller's.
	 * Asked for when a server was restarted and may have forgotten what it had not on disk;
	 * without it the restore then fails with "NFS_RESTARTED".
	 */
	int (*again)(void *context, struct am_bff **archive, struct am_error *error);
	int commit; /* NFS: make every file durable by itself, one request more a file */
	int times;  /* verify: compare the times of modification of files too */
};

/* `stats` is filled also on failure, with what was done; free it with am_restore_stats_free. */
int am_restore(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error);
void am_restore_stats_free(struct am_restore_stats *stats);

/*
 * Compares every member with the tree. `differs` gets the path, what differs ("missing", "type",
 * "mode", "uid", "gid", "size", "content", "target", "device", "mtime") and both values as text, in
 * the order of the archive; not 0 stops with its error. In `stats` files, bytes, members, requests
 * and seconds count. Over NFS many members are looked up and read at a time, two requests a file,
 * within 16 MiB of content and as much of what is compared with it.
 */
int am_restore_verify(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*differs)(void *context, const char *path, const char *what, const char *want,
		const char *have, struct am_error *error),
	void *context, struct am_error *error);

#endif
