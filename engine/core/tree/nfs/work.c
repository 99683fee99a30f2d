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
	fs->making--;
	am_nfs_page_free(&work->page);
	free(work);
}

void am_nfs_work_finish(struct work *work, enum am_put_outcome outcome)
{
	struct nfs_fs *fs = work->request.fs;
	struct am_put *put = work->put;

	put->outcome = outcome;
	put->next = fs->done;
	fs->done = put;
	free_work(work);
}

void am_nfs_work_fail(struct work *work, const char *operation)
{
	struct am_put *put = work->put;

	put->operation = operation;
	am_nfs_fail_status(&put->error, work->request.status);
	am_nfs_work_finish(work, AM_PUT_FAILED);
}

const char *am_nfs_verb(const struct am_put *put)
{
	switch (put->kind) {
	case AM_PUT_DIR:
		return "mkdir";
	case AM_PUT_LINK:
		return "symlink";
	case AM_PUT_NODE:
		return "mknod";
	case AM_PUT_HARD:
		return "link";
	case AM_PUT_ATTR:
		return "setattr";
	case AM_GET_LIST:
	case AM_GET_LOOK:
		return "walk";
	case AM_GET_TARGET:
		return "readlink";
	case AM_GET_DATA:
		return "read";
	default:
		return "write";
	}
}

void am_nfs_work_prepare(struct work *work, enum put_step step, enum am_nfs3_procedure procedure,
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
	struct am_put *put = work->put;

	work->resent |= work->request.resent;
	if (work->request.error.code[0] != '\0') {
		put->operation = am_nfs_verb(put);
		put->error = work->request.error;
		put->complete = work->request.complete;
		am_nfs_work_finish(work, AM_PUT_FAILED);
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

int am_nfs_settle(struct am_node *node, struct am_error *error)
{
	return am_nfs_refresh((struct nfs_node *)node, error);
}

int am_nfs_put(struct am_fs *base, struct am_put *put, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;
	struct work *work = calloc(1, sizeof *work);

	if (work == NULL)
		return am_fail_reason(error, ENOMEM);
	work->request.fs = fs;
	work->connection = fs->turn;
	fs->turn = (fs->turn + 1) % CONNECTIONS;
	work->put = put;
	put->outcome = (enum am_put_outcome)0;
	put->fresh = put->complete = 0;
	work->next = fs->works;
	if (fs->works != NULL)
		fs->works->previous = work;
	fs->works = work;
	fs->making++;
	if (put->kind == AM_PUT_DATA || put->kind == AM_PUT_CLOSE || put->kind > AM_GET_LOOK)
		work->handle = *put->file;
	if (put->kind >= AM_GET_LIST)
		am_nfs_lookup_begin(work);
	else
		am_nfs_create_begin(work);
	return 0;
}

int am_nfs_pump(struct am_fs *const *list, size_t count, int wait_ms, struct am_put **done,
	struct am_error *error)
{
	struct nfs_fs *failed;

	if (am_nfs_turn(list, count, wait_ms, &failed, error) != 0) {
		if (!failed->base.complete)
			am_error_prefix(error, "%s", failed->name);
		failed->base.complete = 0;
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		while (fs->done != NULL) {
			struct am_put *put = fs->done;

			fs->done = put->next;
			put->next = *done;
			*done = put;
		}
	}
	return 0;
}

void am_nfs_drop(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	if (fs->making > 0)
		am_nfs_disconnect(fs);
	while (fs->works != NULL) {
		am_nfs_forget(&fs->works->request);
		free_work(fs->works);
	}
	fs->done = NULL;
	fs->give_up = 0;
}
