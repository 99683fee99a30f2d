/* SPDX-License-Identifier: MIT */
/*
 * The one place where paths are resolved (tree.h has the rules). The result is an open directory
 * and a name in it; operations then complete the bare reasons of a back end with the place.
 */
#ifndef ALTMIG_TREE_RESOLVE_H
#define ALTMIG_TREE_RESOLVE_H

#include "tree/backend.h"

/*
 * Where a path leads: an open directory and a name in it, or (name "") the directory itself when
 * the path is the root of a file system or ends in "..".
 */
struct am_place {
	struct am_node *dir;
	char name[AM_TREE_NAME_MAX + 1];
	char path[AM_TREE_PATH_MAX]; /* with all links before the name resolved */
	size_t mount;                /* index of the file system */
};

int am_tree_locate(struct am_tree *tree, const char *operation, const char *path, int follow,
	struct am_place *place, struct am_error *error);
/* The same with a say in how. `make` needs a tree that may be written to. */
struct am_locate_options {
	int follow;    /* a link at the end */
	int make;      /* make missing directories of the path (not of a link's target) ... */
	uint32_t mode; /* ... with this mode; 0: 0755 */
	/* 0, or -1 with a complete error: `link`, on the way or at the end, is not followed. */
	int (*may_follow)(void *context, const char *link, struct am_error *error);
	void *context;
};
int am_tree_locate_by(struct am_tree *tree, const char *operation, const char *path,
	const struct am_locate_options *options, struct am_place *place, struct am_error *error);
/* As am_tree_locate for operations that make or remove a name: "EBUSY" for a root. */
int am_tree_locate_name(struct am_tree *tree, const char *operation, const char *path,
	struct am_place *place, struct am_error *error);
void am_place_free(struct am_place *place);
/* The name for a back end: NULL is the directory itself. */
const char *am_place_name(const struct am_place *place);
/* The directory a place names, opened. */
struct am_node *am_place_enter(const struct am_place *place, struct am_error *error);
/* Puts "operation: PLACE" before the bare reason of a back end. Returns -1. */
int am_place_fail(struct am_tree *tree, const struct am_place *place, const char *operation,
	struct am_error *error);
/* The same for `path` in the tree, which is on the file system `mount`. Returns -1. */
int am_tree_fail(struct am_tree *tree, size_t mount, const char *path, const char *operation,
	struct am_error *error);
/* Ends an operation on a place: names it when `result` is a failure, frees it. Returns `result`. */
int am_place_finish(struct am_tree *tree, struct am_place *place, const char *operation, int result,
	struct am_error *error);
/* ".NAME.altmig-new", or a name made of its hash when that would be too long. */
void am_tree_temporary(const char *name, char out[AM_TREE_NAME_MAX + 1]);

#endif
