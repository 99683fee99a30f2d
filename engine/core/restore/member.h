/* SPDX-License-Identifier: MIT */
/* What the ways of restoring an archive share: where a member goes, and one member at a time. */
#ifndef ALTMIG_RESTORE_MEMBER_H
#define ALTMIG_RESTORE_MEMBER_H

#include "restore/restore.h"
#include "tree/backend.h"

enum { CHUNK = 256 << 10, LINKS_MAX = 40, ASIDE_MAX = 1000, PATH_SIZE = AM_TREE_PATH_MAX };

/* A directory whose attributes wait for its content. */
struct late {
	char *path; /* as in the archive */
	struct am_tree_attr attr;
};

struct restore {
	struct am_tree *tree;
	struct am_bff *archive;
	const struct am_restore_options *options;
	struct am_restore_stats *stats;
	struct late *late;
	size_t late_count, late_capacity;
	char **made; /* hash table of the symbolic links this restore made; open addressing */
	size_t made_count, made_capacity;
	char dir[PATH_SIZE];    /* the directory resolved last, "" for none ... */
	char dir_at[PATH_SIZE]; /* ... and where it is */
	char path[PATH_SIZE];   /* of the member in the archive */
	char at[PATH_SIZE];     /* where it goes: no links before the name */
	char *chunk;
	const char *held; /* content that was read already, or NULL: it comes from the archive */
	size_t held_length;
	double reported;
};

/* Calls to the servers of the tree so far. */
uint64_t am_restore_calls(struct am_tree *tree);
/* Goes through an archive for a tree by all(), and fills in what of the statistics is common. */
int am_restore_run(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*all)(struct restore *r, struct am_error *error), struct am_error *error);
/* The next member that is wanted, its path in r->path. 1, 0 at the end, -1. */
int am_restore_next(struct restore *r, const struct am_bff_member **member, struct am_error *error);
/* Names the member a failure is about. Returns -1. */
int am_restore_member_fail(
	const char *operation, const struct am_bff_member *member, struct am_error *error);
/* Options allow the path: 1, 0, -1. */
int am_restore_selected(
	const struct am_restore_options *options, const char *path, struct am_error *error);
enum am_tree_type am_restore_type_of(const struct am_bff_member *member);
struct am_tree_attr am_restore_attr_of(const struct am_bff_member *member);
int am_restore_report(struct restore *r, int always, struct am_error *error);

/* Symbolic links this restore brought. */
int am_restore_made_here(const struct restore *r, const char *path);
int am_restore_remember_made(struct restore *r, const char *path, struct am_error *error);
void am_restore_forget_made(struct restore *r, const char *path);

/* Where the directory `dir` of the archive is: r->dir_at. */
int am_restore_locate_dir(struct restore *r, const char *dir, int make, struct am_error *error);
/* Fills r->at for `path`. */
int am_restore_locate(struct restore *r, const char *path, int make, struct am_error *error);
/* What is at r->at: 1 and its attributes, 0 nothing, -1. */
int am_restore_look(struct restore *r, struct am_tree_stat *st, struct am_error *error);
/* The member of r->path, one call after the other; counts it by its type. */
int am_restore_member(
	struct restore *r, const struct am_bff_member *member, struct am_error *error);
/* The attributes of the directory r->path wait for its content ... */
int am_restore_add_late(
	struct restore *r, const struct am_bff_member *member, struct am_error *error);
/* ... until now. */
int am_restore_finish_dir(struct restore *r, const struct late *late, struct am_error *error);

/* Many members at a time, when am_pipeline_can(). */
int am_restore_many(struct restore *r, struct am_error *error);

#endif
