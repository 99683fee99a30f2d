/* SPDX-License-Identifier: MIT */
/*
 * What is known of directories (and links) by their path: one table for what restores, verifies
 * and checks an archive. Users put their own fields behind struct am_dir.
 */
#ifndef ALTMIG_RESTORE_DIRS_H
#define ALTMIG_RESTORE_DIRS_H

#include "tree/backend.h"

struct am_dir {
	struct am_dir *next;
	char *path;
	char *at;             /* where it is in the tree, if that was given */
	struct am_node *node; /* released with the entry; or NULL */
	size_t mount;
};

/* Empty when zeroed. */
struct am_dirs {
	struct am_dir **buckets;
	size_t count, capacity;
};

/* The entry of the first `length` bytes of `path`, or NULL. */
void *am_dirs_find(const struct am_dirs *dirs, const char *path, size_t length);
/* A new entry of `size` bytes, zero but for the path and `at` (which may be NULL); or NULL. */
void *am_dirs_add(struct am_dirs *dirs, size_t size, const char *path, size_t length,
	const char *at, struct am_error *error);
/* Drops those of which `which` says so; NULL: all. */
void am_dirs_drop(struct am_dirs *dirs, int (*which)(const struct am_dir *dir));
void am_dirs_remove(struct am_dirs *dirs, struct am_dir *dir);
/* Drops all, with the table. */
void am_dirs_free(struct am_dirs *dirs);

#endif
