/* SPDX-License-Identifier: MIT */
/*
 * The one way a request goes to the server and comes back: it is queued, sent once there is a
 * connection (and before a write once the guard agreed), sent again after a lost connection, asked
 * again of a server that is busy, and once more after a stale handle was looked up. So what is over
 * has an answer, or a failure that is not worth another try.
 *
 * Requests are waited for (am_nfs_run), or belong to a work (work.h) that goes on when they are
 * over. Both may be under way at the same time.
 */
#ifndef ALTMIG_TREE_NFS_REQUEST_H
#define ALTMIG_TREE_NFS_REQUEST_H

#include "tree/nfs/connect.h"

struct request {
	enum am_nfs3_procedure procedure;
	struct am_nfs3_args args;
	/*
	 * Copies what is needed out of the results when the status is OK; may set another status,
	 * or fill `error` when the answer cannot be. NULL: the status is enough.
	 */
	void (*take)(struct request *request, struct am_xdr *results);
	void *out;
	/* Encoded again with each sending, since a stale one may have been looked up meanwhile. */
	const struct am_handle *handles[2];
	struct nfs_node *nodes[2]; /* whose handles they are, when they can be looked up again */
	int connection;            /* where it is sent */
	/* the outcome, when it is over */
	int status;            /* enum am_nfs3_status */
	int sends;             /* more than once: the first try may have had its effect */
	int resent;            /* after a lost connection */
	struct am_error error; /* code "": none, and the status counts */
	int complete;          /* the message of the error needs nothing before it */
	/* of request.c */
	struct nfs_fs *fs;
	struct wait *wait; /* who waits for it; NULL: its work goes on */
	enum { IDLE, SENT, ANSWERED } state;
	int due, refused, refreshed;
	double not_before, delay, busy_since; /* of a server that is busy */
	struct request *next, *previous, *next_due, *next_ready;
};

/* A status of the server as an error. Returns -1. */
int am_nfs_fail_status(struct am_error *error, int status);

static inline void am_nfs_use_node(struct request *request, int index, struct nfs_node *node)
{
	request->handles[index] = &node->handle;
	request->nodes[index] = node;
}

/* Sends it and waits until it is over: 0 with request->status, or -1. */
int am_nfs_run(struct nfs_fs *fs, struct request *request, struct am_error *error);
/* The same, with any other status than OK as an error. */
int am_nfs_run_ok(struct nfs_fs *fs, struct request *request, struct am_error *error);
/* Many at a time. -1 without an answer to all; a request that failed by itself is no failure here.
 */
int am_nfs_run_all(
	struct nfs_fs *fs, struct request *const *requests, size_t count, struct am_error *error);

/* For a work: queues it. When it is over, am_nfs_work_on is called from am_nfs_exchange. */
void am_nfs_start(struct nfs_fs *fs, struct request *request);
/* Nothing refers to it afterwards. It must not be under way: see am_nfs_disconnect. */
void am_nfs_forget(struct request *request);
/*
 * Sends and receives for all file systems, waiting for at most `wait_ms` when nothing is to be
 * done, and lets the works go on. -1: the connection of *failed is gone, or a guard
 * refused.
 */
int am_nfs_exchange(struct am_fs *const *fs, size_t count, int wait_ms, struct nfs_fs **failed,
	struct am_error *error);

#endif
