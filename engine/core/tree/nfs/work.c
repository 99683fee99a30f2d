/* SPDX-License-Identifier: MIT */
#include "tree/nfs/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree/nfs/create.h"
#include "tree/nfs/lookup.h"
#include "tree/nfs/names.h"

static void free_work(struct work *work)
{
	struct nfs_fs *fs = work->request.fs;

	if (work->previous != NULL)
		work->previous->next = work->next;
	else
		fs->works = work->next;
	if (work->next != NULL)
		work->next->previous = work->previous;
	fs->active--;
	am_nfs_page_free(&work->page);
	free(work);
}

void am_nfs_work_finish(struct work *work, enum am_op_outcome outcome)
{
	struct nfs_fs *fs = work->request.fs;
	struct am_op *op = work->op;

	op->outcome = outcome;
	op->next = fs->done;
	fs->done = op;
	free_work(work);
}

void am_nfs_work_fail(struct work *work, const char *operation)
{
	struct am_op *op = work->op;

	op->operation = operation;
	am_nfs_fail_status(&op->error, work->request.status);
	am_nfs_work_finish(work, AM_OP_FAILED);
}

const char *am_nfs_verb(const struct am_op *op)
{
	switch (op->kind) {
	case AM_OP_DIR:
		return "mkdir";
	case AM_OP_LINK:
		return "symlink";
	case AM_OP_NODE:
		return "mknod";
	case AM_OP_HARD:
		return "link";
	case AM_OP_ATTR:
		return "setattr";
	case AM_OP_LIST:
	case AM_OP_LOOK:
		return "walk";
	case AM_OP_TARGET:
		return "readlink";
	case AM_OP_READ:
		return "read";
	default:
		return "write";
	}
}

void am_nfs_work_prepare(struct work *work, enum op_step step, enum am_nfs3_procedure procedure,
	void (*take)(struct request *, struct am_xdr *))
{
	struct nfs_fs *fs = work->request.fs;

	work->step = step;
	work->request = (struct request){
		.procedure = procedure, .take = take, .out = work, .connection = work->connection};
	am_nfs_start(fs, &work->request);
}

void am_nfs_work_use_dir(struct work *work, int index, struct am_node *dir)
{
	am_nfs_use_node(&work->request, index, (struct nfs_node *)dir);
}

void am_nfs_work_use_file(struct work *work)
{
	work->request.handles[0] = &work->handle;
}

void am_nfs_work_on(struct work *work)
{
	struct am_op *op = work->op;

	work->resent |= work->request.resent;
	if (work->request.error.code[0] != '\0') {
		op->operation = am_nfs_verb(op);
		op->error = work->request.error;
		op->complete = work->request.complete;
		am_nfs_work_finish(work, AM_OP_FAILED);
	} else if (work->step < LIST) {
		am_nfs_create_on(work);
	} else {
		am_nfs_lookup_on(work);
	}
}

/* ---- the operations ---- */

struct am_node *am_nfs_child(struct am_node *dir, const char *name, const struct am_handle *handle,
	struct am_error *error)
{
	static const struct am_handle none;
	struct nfs_node *node = am_nfs_new_node((struct nfs_fs *)dir->fs, (struct nfs_node *)dir,
		name, handle != NULL ? handle : &none, error);

	return node != NULL ? &node->base : NULL;
}

int am_nfs_refresh(struct am_node *node, struct am_error *error)
{
	return am_nfs_refresh_node((struct nfs_node *)node, error);
}

int am_nfs_op_start(struct am_fs *base, struct am_op *op, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;
	struct work *work = calloc(1, sizeof *work);

	if (work == NULL)
		return am_fail_reason(error, ENOMEM);
	work->request.fs = fs;
	work->connection = fs->next_connection;
	fs->next_connection = (fs->next_connection + 1) % CONNECTIONS;
	work->op = op;
	op->outcome = (enum am_op_outcome)0;
	op->fresh = op->complete = 0;
	work->next = fs->works;
	if (fs->works != NULL)
		fs->works->previous = work;
	fs->works = work;
	fs->active++;
	if (op->kind == AM_OP_WRITE || op->kind == AM_OP_CLOSE || op->kind > AM_OP_LOOK)
		work->handle = *op->file;
	if (op->kind >= AM_OP_LIST)
		am_nfs_lookup_begin(work);
	else
		am_nfs_create_begin(work);
	return 0;
}

int am_nfs_poll(struct am_fs *const *list, size_t count, int wait_ms, struct am_op **done,
	struct am_error *error)
{
	struct nfs_fs *failed;

	if (am_nfs_exchange(list, count, wait_ms, &failed, error) != 0) {
		if (!failed->base.complete)
			am_error_prefix(error, "%s", failed->name);
		failed->base.complete = 0;
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		while (fs->done != NULL) {
			struct am_op *op = fs->done;

			fs->done = op->next;
			op->next = *done;
			*done = op;
		}
	}
	return 0;
}

void am_nfs_drop(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	if (fs->active > 0)
		am_nfs_disconnect(fs);
	while (fs->works != NULL) {
		am_nfs_forget(&fs->works->request);
		free_work(fs->works);
	}
	fs->done = NULL;
	fs->give_up = 0;
}
