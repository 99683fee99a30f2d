/* SPDX-License-Identifier: MIT */
/*
 * Many entries of a tree (or of two) on their way at a time: the window over the back ends' start()
 * and poll(), and a file's content read ahead through it. See struct am_op in backend.h.
 */
#ifndef ALTMIG_TREE_PIPELINE_H
#define ALTMIG_TREE_PIPELINE_H

#include "tree/backend.h"

enum {
	AM_PIPELINE_MOUNTS = 64,
	AM_PIPELINE_PIECE = 1 << 20,   /* of a large file, read or written by one request */
	AM_PIPELINE_SMALL = 128 << 10, /* a file up to this size is handled as a whole */
	AM_PIPELINE_MEMORY = 16 << 20, /* bytes of contents held at a time */
};

struct am_pipeline {
	struct am_fs *fs[2 * AM_PIPELINE_MOUNTS];
	size_t mounts;
	size_t active; /* operations under way */
	size_t window; /* how many may be; grows while that makes things faster */
	size_t completed;
	double epoch, best;
	const char *operation;   /* for messages: "restore" */
	struct am_fetch *closed; /* with pieces still under way */
};

/* All back ends of the tree can have many under way, and none is in a pipeline already. */
int am_pipeline_can(struct am_tree *tree);
/* `second` may be NULL or the same tree. */
void am_pipeline_open(struct am_pipeline *pipeline, const char *operation, struct am_tree *tree,
	struct am_tree *second);
/*
 * Waits (for at most two seconds) for what is under way, then forgets it: afterwards nothing of the
 * pipeline refers to its operations. Their over() is not called.
 */
void am_pipeline_close(struct am_pipeline *pipeline);

static inline int am_pipeline_full(const struct am_pipeline *pipeline)
{
	return pipeline->active >= pipeline->window;
}

/* Starts an operation on a file system of the pipeline. */
int am_pipeline_start(
	struct am_pipeline *pipeline, struct am_fs *fs, struct am_op *op, struct am_error *error);
/*
 * Moves everything on, waiting for at most `wait_ms`, and calls over() of what is done. Returns -1
 * with the first failure.
 */
int am_pipeline_poll(struct am_pipeline *pipeline, int wait_ms, struct am_error *error);
/*
 * Whether it is time to poll without waiting, after so many requests: answers are to be taken while
 * more is sent, but a poll after each would cost as much as the request.
 */
static inline int am_pipeline_due(uint64_t sent)
{
	return sent % 4 == 0;
}
/* A failed operation's error, named by `path` in the tree. Returns -1. */
int am_pipeline_fail(struct am_tree *tree, size_t mount, const char *path, const struct am_op *op,
	struct am_error *error);

/* ---- the content of a file, read ahead ---- */

/* What all fetches of a walk may hold together. */
struct am_budget {
	size_t used, most;
};

struct am_piece {
	struct am_op op; /* first; `into` and `got` when it is complete */
	struct am_fetch *fetch;
	struct am_piece *next;
	int complete;
	size_t size;
	char data[];
};

struct am_fetch {
	struct am_pipeline *pipeline;
	struct am_budget *budget;
	struct am_fs *fs;
	struct am_handle file;
	uint64_t size;                 /* as the attributes say */
	uint64_t asked;                /* offset of the next piece */
	struct am_piece *first, *last; /* in order; the first is what comes next */
	size_t outstanding;
	int ended;  /* nothing is left to ask for */
	int failed; /* see `op`: AM_OP_ODD when the handle is stale, else with the error */
	int closed;
	struct am_op op;
	struct am_fetch *next_closed;
};

struct am_fetch *am_fetch_open(struct am_pipeline *pipeline, struct am_budget *budget,
	struct am_fs *fs, const struct am_handle *file, uint64_t size, struct am_error *error);
/*
 * Asks for more where window and budget allow; with `urgent` for one piece at least when none is
 * there. 1: it would ask for more still.
 */
int am_fetch_ask(struct am_fetch *fetch, int urgent, struct am_error *error);
/* The next piece: 1, 0 when it is not there yet, 2 at the end, -1 when `failed`. */
int am_fetch_look(const struct am_fetch *fetch, const char **data, size_t *length);
/* Done with the piece. */
void am_fetch_pop(struct am_fetch *fetch);
/* NULL is allowed. Pieces under way are dropped as they come. */
void am_fetch_close(struct am_fetch *fetch);
/* The same after am_pipeline_close. */
void am_fetch_free(struct am_fetch *fetch);

#endif
