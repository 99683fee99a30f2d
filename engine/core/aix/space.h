/* SPDX-License-Identifier: MIT */
/*
 * The room that installing filesets takes, by file system, and what the file systems must grow to
 * for it. Everything is counted in blocks of 512 bytes, as lpp_name files do. What is more than a
 * signed number of 64 bits can hold is the largest such number: sizes are written by others.
 *
 * A size line belongs to the deepest file system above its path. INSTWORK, where a control library
 * is unpacked, and SAVESPACE, where an update saves what it replaces, are below /usr/lpp (inferred:
 * lpp-name-room). PAGESPACE is no room of a file system. Lines with another word or a path that
 * leads out of itself are left out. The temporary room of one fileset is free for the next.
 *
 * The base system is restored before filesets are installed, over what is there: for a while it
 * takes its own room, with a tenth to spare, and later what filesets need is needed beside it. A
 * file system must have the larger of both.
 *
 * A file system grows by whole physical partitions of its volume group. Of what it gets it keeps a
 * part for itself, for which a 256th is added.
 */
#ifndef ALTMIG_AIX_SPACE_H
#define ALTMIG_AIX_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "aix/lpp.h"
#include "base/error.h"
#include "base/slice.h"

struct am_space_filesystem {
	struct am_slice mount; /* "/", "/usr" */
	int is_known;          /* 0: size and free are not */
	uint64_t size, free;
	unsigned copies; /* mirrors of each partition; 0 is one */
};

struct am_space_fileset {
	const struct am_lpp_size *sizes;
	size_t count;
	int is_restored; /* with the base system, not installed */
};

/* What one file system needs. */
struct am_space_row {
	size_t filesystem; /* its index */
	uint64_t restore;  /* by the base system, without the tenth */
	uint64_t permanent, temporary;
	uint64_t needed; /* free in it */
	uint64_t short_by;
	uint64_t grow_to;    /* 0: it is large enough, or its size is not known */
	uint64_t partitions; /* of the volume group that this takes, copies included */
};

struct am_space {
	struct am_space_row *rows; /* in the order of the file systems; none that needs nothing */
	size_t count;
	uint64_t paging;     /* the most that a fileset asks for */
	uint64_t partitions; /* all that file systems must grow by */
};

/*
 * `partition`: the size of a physical partition in blocks, 0 when it is not known: file systems
 * then grow to the block. Fails without memory only. Free with am_space_free, also after a failure.
 */
int am_space_make(struct am_space *space, const struct am_space_fileset *filesets, size_t count,
	const struct am_space_filesystem *filesystems, size_t filesystem_count, uint64_t partition,
	struct am_error *error);
void am_space_free(struct am_space *space);

#endif
