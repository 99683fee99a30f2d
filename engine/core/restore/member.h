/* SPDX-License-Identifier: MIT */
/* One member of an archive: whether it is wanted, where it goes, and how it is restored by itself.
 */
#ifndef ALTMIG_RESTORE_MEMBER_H
#define ALTMIG_RESTORE_MEMBER_H

#include "restore/dirs.h"
#include "restore/restore.h"

enum { CHUNK = 256 << 10, ASIDE_MAX = 1000, PATH_SIZE = AM_TREE_PATH_MAX };

/* Where a member is in the archive, and where it goes: no links before the name. */
struct member_place {
	char path[PATH_SIZE];
	char at[PATH_SIZE];
};

/* A directory whose attributes wait for its content; `dir.path` is where it is. */
struct late {
	struct am_dir dir; /* first */
	struct late *previous;
	struct am_tree_attr attr;
	uint64_t offset; /* of the member they are from */
};

/* Content that was read from the archive before. */
struct held {
	const char *data;
	size_t length;
};

struct restore {
	struct am_tree *tree;
	struct am_bff *archive;
	const struct am_restore_options *options;
	struct am_restore_stats *stats;
	struct am_dirs late_dirs;
	struct late *late;   /* the last one */
	struct am_dirs made; /* the symbolic links this restore made */
	char *chunk;
	double reported;
	int complete; /* the error that ends it needs no member named before it */
};

/* "./usr/bin/ls" -> "/usr/bin/ls", "." -> "/". ARCHIVE_PATH for a name that may not be. */
int am_member_path(const char *name, char path[AM_TREE_PATH_MAX], struct am_error *error);
enum am_tree_type am_member_type(const struct am_bff_member *member);
struct am_tree_attr am_member_attr(const struct am_bff_member *member);
/* Options allow the path: 1, 0, -1. */
int am_member_selected(
	const struct am_restore_options *options, const char *path, struct am_error *error);
/* A file in the place of "/" is refused: 0 or -1. */
int am_member_check_root(
	const char *path, const struct am_bff_member *member, struct am_error *error);
/* Names the member a failure is about. Returns -1. */
int am_member_fail(
	const char *operation, const struct am_bff_member *member, struct am_error *error);

/* Requests to the servers of the tree so far. */
uint64_t am_restore_requests(struct am_tree *tree);
/* Goes through an archive for a tree by all(), and fills in what of the statistics is common. */
int am_restore_run(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*all)(struct restore *r, struct am_error *error), struct am_error *error);
/* The next member that is wanted, and its path in the archive. 1, 0 at the end, -1. */
int am_restore_next(struct restore *r, const struct am_bff_member **member, char path[PATH_SIZE],
	struct am_error *error);
/* Calls the progress of the options: when the last time is 0.1 s ago, or `always`. 0, or what it
 * failed with. */
int am_restore_progress(const struct am_restore_options *options,
	const struct am_restore_stats *stats, double *last, int always, struct am_error *error);
/* The same of a restore, which may be cancelled. An error is complete. */
int am_restore_report(struct restore *r, int always, struct am_error *error);
/* Names the member, unless the error is complete. Returns -1. */
int am_restore_fail(struct restore *r, const struct am_bff_member *member, struct am_error *error);

/* Symbolic links this restore brought: asked for, remembered (before it is made), forgotten. */
int am_restore_made_here(const struct restore *r, const char *at);
int am_restore_remember_made(struct restore *r, const char *at, struct am_error *error);
void am_restore_forget_made(struct restore *r, const char *at);
/* For the way to a member: -1 for a link that must not be followed. `context`: the restore. */
int am_restore_may_follow(void *context, const char *link, struct am_error *error);

/* Where `path` of the archive goes: no links before the name. `make`: missing directories. */
int am_restore_locate(
	struct restore *r, const char *path, int make, char at[PATH_SIZE], struct am_error *error);
/*
 * Restores one member where it goes, one request at a time; counts it by its type. `held`: NULL or
 * its content.
 */
int am_restore_member(struct restore *r, const struct am_bff_member *member, const char *at,
	struct held *held, struct am_error *error);
/* The attributes of the directory at `at` wait for its content: those of the last member ... */
int am_restore_add_late(struct restore *r, const struct am_bff_member *member, const char *at,
	struct am_error *error);
/* ... until now. Nothing when another member took its place. */
int am_restore_finish_dir(
	struct restore *r, const char *at, const struct am_tree_attr *attr, struct am_error *error);

#endif
