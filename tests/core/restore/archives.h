/* SPDX-License-Identifier: MIT */
/* Archives for the tests of restoring, and the comparison of its ways. */
#ifndef ALTMIG_TESTS_ARCHIVES_H
#define ALTMIG_TESTS_ARCHIVES_H

#include "archive/bff.h"
#include "restore/restore.h"
#include "tree/memory_fs.h"

struct entry {
	const char *name;
	uint32_t mode;
	size_t size;        /* of a file; its content is made of its name */
	const char *target; /* of a symbolic link */
	uint32_t ino;       /* the same of all names of a file, 0: it has one; a later one of size
			   0 is stored without data */
};

#define FILE_ENTRY(name, size)                                                                     \
	{                                                                                          \
		name, AM_BFF_IFREG | 0644, size, NULL, 0                                           \
	}
#define DIR_ENTRY(name)                                                                            \
	{                                                                                          \
		name, AM_BFF_IFDIR | 0750, 0, NULL, 0                                              \
	}
#define LINK_ENTRY(name, target)                                                                   \
	{                                                                                          \
		name, AM_BFF_IFLNK | 0777, 0, target, 0                                            \
	}
#define HARD_ENTRY(name, size, ino)                                                                \
	{                                                                                          \
		name, AM_BFF_IFREG | 0600, size, NULL, ino                                         \
	}
#define NODE_ENTRY(name)                                                                           \
	{                                                                                          \
		name, AM_BFF_IFCHR | 0620, 0, NULL, 0                                              \
	}

/* The bytes of an archive of these entries. */
struct am_buf archive_of(const struct entry *entries, size_t count);

/* An archive in memory, opened. */
struct opened {
	struct am_reader *reader;
	struct am_bff *bff;
};
struct opened open_archive(const struct am_buf *archive);
void close_archive(struct opened *opened);

/* 0 or -1; the statistics are dropped when `stats` is NULL. */
int restore_to(struct am_tree *tree, const struct am_buf *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error);

/* ---- what is random: the same for the same seed ---- */

enum { RANDOM_ENTRIES = 16 };
extern uint32_t random_seed;
/* Up to RANDOM_ENTRIES, of all types, of few names so that they meet each other. */
size_t random_entries(struct entry *entries, char (*names)[32]);
/* Entries of the same names; some cannot be made, and are not. */
void random_tree(struct am_tree *tree);

#endif
