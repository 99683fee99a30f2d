/* SPDX-License-Identifier: MIT */
/* The steps of what only looks: listing a directory, finding a name, reading a link or a file. */
#include "tree/nfs/lookup.h"

#include <errno.h>
#include <string.h>

/* ---- a directory ---- */

static void list_page(struct work *work)
{
	am_nfs_work_prepare(work, LIST, AM_NFS3_READDIRPLUS, am_nfs_take_page);
	am_nfs_ask_page(&work->request, work->request.fs, &work->page);
	am_nfs_work_use_dir(work, 0, work->op->node);
}

static int list_again(struct work *work)
{
	if (work->page.cookie == 0 || ++work->lists > LISTS_MAX)
		return 0;
	am_nfs_page_restart(&work->page);
	list_page(work);
	return 1;
}

static void after_page(struct work *work)
{
	if (work->request.status == NFS3ERR_BAD_COOKIE && list_again(work))
		return;
	if (work->request.status != NFS3_OK) {
		am_nfs_work_fail(work, "walk");
	} else if (work->page.end) {
		am_nfs_work_finish(work, AM_OP_DONE);
	} else {
		list_page(work);
	}
}

/* ---- a name ---- */

static void look(struct work *work)
{
	am_nfs_work_prepare(work, LOOK, AM_NFS3_LOOKUP, am_nfs_take_lookup);
	work->request.out = &work->found;
	work->request.args.name = work->op->name;
	am_nfs_work_use_dir(work, 0, work->op->dir);
}

/* For a server that gives no attributes with what it finds. */
static void look_at(struct work *work)
{
	am_nfs_work_prepare(work, LOOK_ATTR, AM_NFS3_GETATTR, am_nfs_take_getattr);
	work->request.out = &work->found.stat;
	work->handle = work->found.handle;
	am_nfs_work_use_file(work);
}

static void after_look(struct work *work)
{
	struct am_op *op = work->op;
	const struct am_tree_stat *st = &work->found.stat;

	if (work->request.status != NFS3_OK) {
		am_nfs_work_fail(work, "walk");
	} else if (work->step == LOOK && !work->found.has_stat) {
		look_at(work);
	} else if (st->type == AM_TREE_DIR && st->fsid != work->request.fs->fsid) {
		op->operation = "walk";
		am_fail(&op->error, "NFS_CROSSING",
			"another file system of the server is mounted there");
		am_nfs_work_finish(work, AM_OP_FAILED);
	} else {
		op->stat = *st;
		*op->file = work->found.handle;
		am_nfs_work_finish(work, AM_OP_DONE);
	}
}

/* ---- a link, a file ---- */

static void read_target(struct work *work)
{
	am_nfs_work_prepare(work, TARGET, AM_NFS3_READLINK, am_nfs_take_readlink);
	work->text = (struct text){work->op->into, work->op->length};
	work->request.out = &work->text;
	am_nfs_work_use_file(work);
}

static void take_read(struct request *request, struct am_xdr *results)
{
	struct am_op *op = ((struct work *)request->out)->op;
	struct am_nfs3_read read;

	if (am_nfs_take_read(request, results, &read) != 0)
		return;
	memcpy(op->into + op->got, read.data, read.length);
	op->got += read.length;
	op->end = read.end;
}

static void read_rest(struct work *work)
{
	struct am_op *op = work->op;
	size_t rest = op->length - op->got, most = work->request.fs->read_max;

	am_nfs_work_prepare(work, READ, AM_NFS3_READ, take_read);
	work->request.args.offset = op->offset + op->got;
	work->request.args.count = (uint32_t)(rest < most ? rest : most);
	am_nfs_work_use_file(work);
}

/* A handle that went stale is looked up again by the caller, who knows its name. */
static void after_read(struct work *work, const char *operation)
{
	const struct am_op *op = work->op;
	int status = work->request.status;

	if (status == NFS3ERR_STALE || status == NFS3ERR_BADHANDLE)
		am_nfs_work_finish(work, AM_OP_ODD);
	else if (status != NFS3_OK)
		am_nfs_work_fail(work, operation);
	else if (work->step == READ && !op->end && op->got < op->length)
		read_rest(work);
	else
		am_nfs_work_finish(work, AM_OP_DONE);
}

void am_nfs_lookup_begin(struct work *work)
{
	struct am_op *op = work->op;

	op->got = 0;
	op->end = 0;
	switch (op->kind) {
	case AM_OP_LIST:
		work->page = (struct page){.entries = op->entries, .fsid = work->request.fs->fsid};
		list_page(work);
		break;
	case AM_OP_LOOK:
		look(work);
		break;
	case AM_OP_TARGET:
		read_target(work);
		break;
	default:
		read_rest(work);
	}
}

void am_nfs_lookup_on(struct work *work)
{
	switch (work->step) {
	case LIST:
		after_page(work);
		break;
	case LOOK:
	case LOOK_ATTR:
		after_look(work);
		break;
	case TARGET:
		after_read(work, "readlink");
		break;
	default:
		after_read(work, "read");
	}
}
