/* SPDX-License-Identifier: MIT */
#include "tree/pipeline.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "tree/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_FIRST = 64,
	WINDOW_MIN = 8,
	WINDOW_MAX = 256,
	BEYOND = 64 << 10, /* asked for where the end should be, but is not */
	SLOW = 5,          /* seconds for one operation: the server is given less at a time */
};

int am_pipeline_can(struct am_tree *tree)
{
	size_t count = am_tree_mount_count(tree);

	for (size_t i = 0; i < count; i++) {
		if (am_tree_fs(tree, i)->ops->start == NULL || am_tree_fs(tree, i)->pipelined)
			return 0;
	}
	return count > 0 && count <= AM_PIPELINE_MOUNTS;
}

static void add_tree(struct am_pipeline *pipeline, struct am_tree *tree)
{
	for (size_t i = 0; i < am_tree_mount_count(tree); i++) {
		struct am_fs *fs = am_tree_fs(tree, i);

		if (fs->pipelined)
			continue; /* of the same tree */
		fs->pipelined = 1;
		pipeline->fs[pipeline->mounts++] = fs;
	}
}

void am_pipeline_open(struct am_pipeline *pipeline, const char *operation, struct am_tree *tree,
	struct am_tree *second)
{
	*pipeline = (struct am_pipeline){
		.operation = operation, .window = WINDOW_FIRST, .epoch = am_clock()};
	add_tree(pipeline, tree);
	if (second != NULL)
		add_tree(pipeline, second);
}

void am_pipeline_close(struct am_pipeline *pipeline)
{
	double end = am_clock() + 2;
	struct am_op *done = NULL;
	struct am_error unused;

	for (size_t i = 0; i < pipeline->mounts; i++)
		pipeline->fs[i]->closing = 1;
	while (pipeline->active > 0 && !am_cancelled() && am_clock() < end) {
		if (pipeline->fs[0]->ops->poll(
			    pipeline->fs, pipeline->mounts, 100, &done, &unused) != 0)
			break;
		for (; done != NULL; done = done->next)
			pipeline->active--;
	}
	for (size_t i = 0; i < pipeline->mounts; i++) {
		pipeline->fs[i]->ops->drop(pipeline->fs[i]);
		pipeline->fs[i]->pipelined = pipeline->fs[i]->closing = 0;
	}
	pipeline->active = pipeline->mounts = 0;
	while (pipeline->closed != NULL) {
		struct am_fetch *fetch = pipeline->closed;

		pipeline->closed = fetch->next_closed;
		am_fetch_free(fetch);
	}
}

int am_pipeline_start(
	struct am_pipeline *pipeline, struct am_fs *fs, struct am_op *op, struct am_error *error)
{
	if (fs->ops->start(fs, op, error) != 0)
		return -1;
	pipeline->active++;
	op->started = am_clock();
	return 0;
}

/* The window doubles while that makes things faster. */
static void adapt(struct am_pipeline *pipeline)
{
	double t, rate;

	if (pipeline->completed < pipeline->window)
		return;
	t = am_clock();
	rate = (double)pipeline->completed / (t - pipeline->epoch + 1e-6);
	if (pipeline->window < WINDOW_MAX && rate > pipeline->best * 0.8)
		pipeline->window =
			pipeline->window * 2 < WINDOW_MAX ? pipeline->window * 2 : WINDOW_MAX;
	if (rate > pipeline->best)
		pipeline->best = rate;
	pipeline->completed = 0;
	pipeline->epoch = t;
}

int am_pipeline_poll(struct am_pipeline *pipeline, int wait_ms, struct am_error *error)
{
	struct am_op *done = NULL;
	int result =
		pipeline->fs[0]->ops->poll(pipeline->fs, pipeline->mounts, wait_ms, &done, error);
	double t = done != NULL ? am_clock() : 0;

	if (result != 0)
		am_error_prefix(error, "%s", pipeline->operation);
	while (done != NULL) {
		struct am_op *next = done->next;
		struct am_error second;

		pipeline->active--;
		pipeline->completed++;
		if (t - done->started > SLOW && pipeline->window > WINDOW_MIN) {
			pipeline->window /= 2;
			pipeline->completed = 0;
		}
		if (done->over(done, result == 0 ? error : &second) != 0)
			result = -1;
		done = next;
	}
	adapt(pipeline);
	return result;
}

int am_pipeline_fail(struct am_tree *tree, size_t mount, const char *path, const struct am_op *op,
	struct am_error *error)
{
	if (error != NULL)
		*error = op->error;
	am_tree_fs(tree, mount)->complete = op->complete;
	return am_tree_fail(tree, mount, path, op->operation, error);
}

/* ---- the content of a file, read ahead ---- */

struct am_fetch *am_fetch_open(struct am_pipeline *pipeline, struct am_budget *budget,
	struct am_fs *fs, const struct am_handle *file, uint64_t size, struct am_error *error)
{
	struct am_fetch *fetch = calloc(1, sizeof *fetch);

	if (fetch == NULL) {
		am_fail_errno(error, ENOMEM, "%s", pipeline->operation);
		return NULL;
	}
	fetch->pipeline = pipeline;
	fetch->budget = budget;
	fetch->fs = fs;
	fetch->file = *file;
	fetch->size = size;
	fetch->ended = size == 0;
	return fetch;
}

static void free_piece(struct am_piece *piece)
{
	piece->fetch->budget->used -= piece->size;
	free(piece);
}

void am_fetch_free(struct am_fetch *fetch)
{
	if (fetch == NULL)
		return;
	while (fetch->first != NULL) {
		struct am_piece *piece = fetch->first;

		fetch->first = piece->next;
		free_piece(piece);
	}
	free(fetch);
}

void am_fetch_close(struct am_fetch *fetch)
{
	if (fetch == NULL)
		return;
	if (fetch->outstanding == 0) {
		am_fetch_free(fetch);
		return;
	}
	fetch->closed = fetch->ended = 1;
	fetch->next_closed = fetch->pipeline->closed;
	fetch->pipeline->closed = fetch;
}

static void forget_closed(struct am_fetch *fetch)
{
	struct am_fetch **link = &fetch->pipeline->closed;

	while (*link != fetch)
		link = &(*link)->next_closed;
	*link = fetch->next_closed;
	am_fetch_free(fetch);
}

static int piece_over(struct am_op *op, struct am_error *error)
{
	struct am_piece *piece = (struct am_piece *)op;
	struct am_fetch *fetch = piece->fetch;

	(void)error;
	piece->complete = 1;
	fetch->outstanding--;
	if (op->outcome != AM_OP_DONE && !fetch->failed) {
		fetch->failed = fetch->ended = 1;
		fetch->op = *op;
	}
	if (op->end)
		fetch->ended = 1;
	if (fetch->closed && fetch->outstanding == 0)
		forget_closed(fetch);
	return 0;
}

/* Past the size it had, one piece at a time: the file may have grown. */
static int wants_more(const struct am_fetch *fetch)
{
	if (fetch->ended)
		return 0;
	return fetch->asked < fetch->size || fetch->outstanding == 0;
}

static int ask_piece(struct am_fetch *fetch, struct am_error *error)
{
	uint64_t rest = fetch->asked < fetch->size ? fetch->size - fetch->asked : BEYOND;
	size_t size = rest < AM_PIPELINE_PIECE ? (size_t)rest : AM_PIPELINE_PIECE;
	struct am_piece *piece = malloc(sizeof *piece + size);

	if (piece == NULL)
		return am_fail_errno(error, ENOMEM, "%s", fetch->pipeline->operation);
	memset(piece, 0, sizeof *piece);
	piece->op.kind = AM_OP_READ;
	piece->op.file = &fetch->file;
	piece->op.offset = fetch->asked;
	piece->op.length = piece->size = size;
	piece->op.into = piece->data;
	piece->op.over = piece_over;
	piece->fetch = fetch;
	if (am_pipeline_start(fetch->pipeline, fetch->fs, &piece->op, error) != 0) {
		free(piece);
		return -1;
	}
	fetch->budget->used += size;
	fetch->asked += size;
	fetch->outstanding++;
	if (fetch->last != NULL && fetch->first != NULL)
		fetch->last->next = piece;
	else
		fetch->first = piece;
	fetch->last = piece;
	return 0;
}

/* A file that has no end is an error of the server. */
static int endless(struct am_fetch *fetch)
{
	if (fetch->asked < fetch->size || fetch->asked - fetch->size < AM_FILE_GROWTH_MAX)
		return 0;
	fetch->failed = fetch->ended = 1;
	fetch->op.outcome = AM_OP_FAILED;
	fetch->op.operation = "read";
	am_fail(&fetch->op.error, "EPROTO", "the server sends more than the file can hold");
	return 1;
}

int am_fetch_ask(struct am_fetch *fetch, int urgent, struct am_error *error)
{
	while (wants_more(fetch)) {
		int room = !am_pipeline_full(fetch->pipeline) &&
			   fetch->budget->used < fetch->budget->most;

		if (endless(fetch))
			return 0;
		if (!room && !(urgent && fetch->first == NULL))
			return 1;
		if (ask_piece(fetch, error) != 0)
			return -1;
	}
	return 0;
}

int am_fetch_look(const struct am_fetch *fetch, const char **data, size_t *length)
{
	const struct am_piece *piece = fetch->first;

	if (fetch->failed)
		return -1;
	if (piece == NULL)
		return fetch->ended ? 2 : 0;
	if (!piece->complete)
		return 0;
	*data = piece->data;
	*length = piece->op.got;
	return 1;
}

void am_fetch_pop(struct am_fetch *fetch)
{
	struct am_piece *piece = fetch->first;

	fetch->first = piece->next;
	if (fetch->first == NULL)
		fetch->last = NULL;
	free_piece(piece);
}
