/* SPDX-License-Identifier: MIT */
/*
 * Entries that are made or looked at while others are: what tree_nfs_put.c (which runs them) and
 * tree_nfs_get.c (the steps of those that only look) share.
 */
#ifndef ALTMIG_TREE_NFS_WORK_H
#define ALTMIG_TREE_NFS_WORK_H

#include "tree/nfs/request.h"

enum put_step {
	MAKE,
	REMOVE,
	FIND,
	READ_TARGET,
	SOURCE,
	WRITE,
	COMMIT,
	SET,
	SET_MODE,
	REPLACE,
	/* of those that only look */
	LIST,
	LOOK,
	LOOK_ATTR,
	TARGET,
	READ,
};

struct work {
	struct call call; /* first: a call on the list of ready ones is a work */
	struct work *next, *previous, *next_due;
	struct am_put *put;
	int lane; /* all its calls go there */
	enum put_step step;
	struct am_handle handle; /* of the entry */
	struct found found;
	uint32_t mode_after; /* as the server answers */
	int has_mode_after, owner_right, all_right, same_target;
	int due, resent, removals, refreshed, unstable;
	int lists; /* how often the list was begun again */
	double not_before, delay, busy_since;
	size_t written;
	struct page page;
	struct text text;
};

/* Starts the call over for the next step. */
void am_nfs_work_prepare(struct work *work, enum put_step step, enum am_nfs3_procedure procedure,
	void (*take)(struct call *, struct am_xdr *));
void am_nfs_work_use_dir(struct work *work, int index, struct am_node *dir);
void am_nfs_work_use_file(struct work *work);
void am_nfs_work_finish(struct work *work, enum am_put_outcome outcome);
/* The server's status is why. */
void am_nfs_work_fail(struct work *work, const char *operation);

/* The first call of one that only looks, and what comes after each answer. */
void am_nfs_get_begin(struct work *work);
void am_nfs_get_on(struct work *work);
/* A list whose place in the directory is lost begins again: 1, or 0 at its start or too often. */
int am_nfs_list_again(struct work *work);

#endif
