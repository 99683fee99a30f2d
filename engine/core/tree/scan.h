/* SPDX-License-Identifier: MIT */
/*
 * Everything at and below a path with the contents of files and the targets of links, in the order
 * of a walk (tree.h). Where the back ends can, directories, links and files further on are read
 * while the caller is busy with an entry: at most 16 MiB of content, and a bounded number of
 * entries besides the listings of the directories on the way.
 */
#ifndef ALTMIG_TREE_SCAN_H
#define ALTMIG_TREE_SCAN_H

#include "tree/pipeline.h"

struct am_scan_entry {
	const char *path;
	struct am_tree_stat stat;
	const char *target; /* of a link */
};

struct am_scan_options {
	const char *operation;        /* for messages: "digest" */
	const char *const *exclude;   /* patterns as for digests; the first entry is always there */
	struct am_pipeline *pipeline; /* the caller's, of this tree; NULL: one of its own */
};

struct am_scan;
struct am_scan *am_scan_open(struct am_tree *tree, const char *path,
	const struct am_scan_options *options, struct am_error *error);
/* 1 with the next entry (valid until the next call), 0 at the end, -1. */
int am_scan_next(struct am_scan *scan, const struct am_scan_entry **entry, struct am_error *error);
/* The next piece of the file returned last (valid until the next call): 1, 0 at its end, -1. */
int am_scan_read(struct am_scan *scan, const char **data, size_t *length, struct am_error *error);
/* NULL is allowed. A pipeline of the caller's must be closed before. */
void am_scan_close(struct am_scan *scan);

#endif
