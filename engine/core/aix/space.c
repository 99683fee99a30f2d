/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aix/space.h"

#define NOWHERE  ((size_t)-1)
#define MOST     ((uint64_t)INT64_MAX)
#define SPARE    10  /* of the base system, one in so many blocks */
#define OVERHEAD 256 /* of what a file system grows by, one in so many blocks */

static uint64_t plus(uint64_t a, uint64_t b)
{
	if (a > MOST)
		a = MOST;
	return b > MOST - a ? MOST : a + b;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return b != 0 && a > MOST / b ? MOST : a * b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int starts_with(struct am_slice path, struct am_slice head)
{
	return path.length >= head.length && memcmp(path.at, head.at, head.length) == 0;
}

/* Whether ".." is a part of a path. */
static int leads_up(struct am_slice path)
{
	for (size_t i = 0; i + 2 < path.length; i++) {
		if (memcmp(path.at + i, "/..", 3) == 0 &&
			(i + 3 == path.length || path.at[i + 3] == '/'))
			return 1;
	}
	return 0;
}

/* The deepest file system above the path; NOWHERE when there is none, not even "/". */
static size_t place_of(struct am_slice path, const struct am_space_filesystem *list, size_t count)
{
	size_t best = NOWHERE, length = 0;

	if (am_slice_is(path, "INSTWORK") || am_slice_is(path, "SAVESPACE"))
		path = am_slice_of("/usr/lpp");
	if (path.length == 0 || path.at[0] != '/' || leads_up(path))
		return NOWHERE;
	for (size_t i = 0; i < count; i++) {
		struct am_slice mount = list[i].mount;
		int is_root = am_slice_is(mount, "/");

		if (mount.length < length || mount.length == 0 || !starts_with(path, mount))
			continue;
		if (!is_root && path.length > mount.length && path.at[mount.length] != '/')
			continue;
		best = i;
		length = mount.length;
	}
	return best;
}

/* Adds what a fileset takes; `temporary` is room for one number a file system, all 0. */
static void add_fileset(struct am_space *space, struct am_space_row *rows, uint64_t *temporary,
	const struct am_space_fileset *fileset, const struct am_space_filesystem *list,
	size_t count)
{
	for (size_t i = 0; i < fileset->count; i++) {
		const struct am_lpp_size *size = &fileset->sizes[i];
		size_t at = place_of(size->path, list, count);

		if (at == NOWHERE) {
			if (am_slice_is(size->path, "PAGESPACE"))
				space->paging = larger(space->paging, plus(size->blocks, 0));
			continue;
		}
		if (fileset->is_restored) {
			rows[at].restore = plus(rows[at].restore, size->blocks);
			continue;
		}
		rows[at].permanent = plus(rows[at].permanent, size->blocks);
		temporary[at] = plus(temporary[at], size->temporary);
	}
	for (size_t i = 0; i < count; i++) {
		rows[i].temporary = larger(rows[i].temporary, temporary[i]);
		temporary[i] = 0;
	}
}

/* How many partitions so many blocks take. */
static uint64_t partitions_of(uint64_t blocks, uint64_t partition)
{
	return blocks / partition + (blocks % partition != 0);
}

static void grow(struct am_space_row *row, const struct am_space_filesystem *f, uint64_t partition)
{
	uint64_t size, more;

	row->needed = larger(plus(row->restore, row->restore / SPARE + (row->restore > 0)),
		plus(row->permanent, row->temporary));
	if (!f->is_known || row->needed <= f->free)
		return;
	row->short_by = row->needed - f->free;
	size = plus(f->size, plus(row->short_by, row->short_by / OVERHEAD));
	row->grow_to = size;
	if (partition == 0)
		return;
	more = partitions_of(size, partition) - partitions_of(plus(f->size, 0), partition);
	row->grow_to = times(partitions_of(size, partition), partition);
	row->partitions = times(more, f->copies > 1 ? f->copies : 1);
}

/* Rows of file systems that need nothing go. */
static void finish(struct am_space *space, struct am_space_row *rows,
	const struct am_space_filesystem *list, size_t count, uint64_t partition)
{
	space->rows = rows;
	for (size_t i = 0; i < count; i++) {
		struct am_space_row *row = &rows[i];

		row->filesystem = i;
		grow(row, &list[i], partition);
		if (row->needed == 0)
			continue;
		space->partitions = plus(space->partitions, row->partitions);
		rows[space->count++] = *row;
	}
}

int am_space_make(struct am_space *space, const struct am_space_fileset *filesets, size_t count,
	const struct am_space_filesystem *filesystems, size_t filesystem_count, uint64_t partition,
	struct am_error *error)
{
	struct am_space_row *rows;
	uint64_t *temporary;

	memset(space, 0, sizeof *space);
	rows = calloc(filesystem_count + 1, sizeof *rows);
	temporary = calloc(filesystem_count + 1, sizeof *temporary);
	if (rows == NULL || temporary == NULL) {
		free(rows);
		free(temporary);
		return am_fail_errno(error, ENOMEM, "space");
	}
	for (size_t i = 0; i < count; i++)
		add_fileset(space, rows, temporary, &filesets[i], filesystems, filesystem_count);
	free(temporary);
	finish(space, rows, filesystems, filesystem_count, partition);
	return 0;
}

void am_space_free(struct am_space *space)
{
	free(space->rows);
	memset(space, 0, sizeof *space);
}
