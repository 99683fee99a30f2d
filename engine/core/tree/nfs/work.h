/* SPDX-License-Identifier: MIT */
/*
 * Entries made or looked at many at a time: each is a work, a small machine of requests that goes
 * on whenever one is over. work.c starts and ends them, create.c and lookup.c know the steps.
 */
#ifndef ALTMIG_TREE_NFS_WORK_H
#define ALTMIG_TREE_NFS_WORK_H

#include "tree/nfs/request.h"
#include "tree/nfs/take.h"

enum op_step {
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
	struct request request; /* first: a request without somebody waiting is a work's */
	struct work *next, *previous;
	struct am_op *op;
	enum op_step step;
	int connection;          /* all its requests go there */
	struct am_handle handle; /* of the entry */
	struct found found;
	uint32_t mode_after; /* as the server answers */
	int has_mode_after, owner_right, all_right, same_target;
	int resent, removals, unstable;
	int lists; /* how often the list was begun again */
	size_t written;
	struct page page;
	struct text text;
};

/* Starts the request over for the next step. */
void am_nfs_work_prepare(struct work *work, enum op_step step, enum am_nfs3_procedure procedure,
	void (*take)(struct request *, struct am_xdr *));
void am_nfs_work_use_dir(struct work *work, int index, struct am_node *dir);
void am_nfs_work_use_file(struct work *work);
void am_nfs_work_finish(struct work *work, enum am_op_outcome outcome);
/* The server's status is why. */
void am_nfs_work_fail(struct work *work, const char *operation);
/* What is done, for messages. */
const char *am_nfs_verb(const struct am_op *op);
/* Its request is over. */
void am_nfs_work_on(struct work *work);

/* The operations of struct am_fs_ops. */
struct am_node *am_nfs_child(struct am_node *dir, const char *name, const struct am_handle *handle,
	struct am_error *error);
int am_nfs_refresh(struct am_node *node, struct am_error *error);
int am_nfs_op_start(struct am_fs *fs, struct am_op *op, struct am_error *error);
int am_nfs_poll(struct am_fs *const *fs, size_t count, int wait_ms, struct am_op **done,
	struct am_error *error);
void am_nfs_drop(struct am_fs *fs);

#endif
