/* The steps of what only looks: listing a directory, finding a name, reading a link or a file. */
#define _DEFAULT_SOURCE

#include "tree_nfs_work.h"

#include <errno.h>
#include <string.h>

static struct nfs_fs *fs_of(const struct work *work)
{
	return work->call.queue;
}

/* ---- a directory ---- */

static void list_page(struct work *work)
{
	READDIRPLUS3args *args = &work->args.readdirplus;

	am_nfs_work_prepare(work, LIST, am_nfs_send_readdirplus, am_nfs_take_readdirplus, 0);
	work->call.out = &work->page;
	args->cookie = work->page.cookie;
	memcpy(args->cookieverf, work->page.verifier, sizeof args->cookieverf);
	args->dircount = LIST_BYTES / 4;
	args->maxcount = LIST_BYTES;
	am_nfs_work_use_dir(work, 0, &args->dir, work->put->node);
}

int am_nfs_list_again(struct work *work)
{
	if (work->page.cookie == 0 || ++work->lists > LISTS_MAX)
		return 0;
	am_entries_free(work->page.entries);
	work->page = (struct page){.entries = work->page.entries, .fsid = work->page.fsid};
	list_page(work);
	return 1;
}

static void after_page(struct work *work)
{
	struct am_put *put = work->put;

	if (work->call.status == NFS3ERR_BAD_COOKIE && am_nfs_list_again(work))
		return;
	if (work->call.status != NFS3_OK) {
		am_nfs_work_fail(work, "walk");
	} else if (work->page.end) {
		am_nfs_work_finish(work, AM_PUT_DONE);
	} else if (work->page.count == 0) {
		put->operation = "walk";
		am_fail(&put->error, "EPROTO", "the server does not go on with the list");
		am_nfs_work_finish(work, AM_PUT_FAILED);
	} else {
		list_page(work);
	}
}

/* ---- a name ---- */

static void look(struct work *work)
{
	LOOKUP3args *args = &work->args.lookup;

	am_nfs_work_prepare(work, LOOK, am_nfs_send_lookup, am_nfs_take_lookup, 0);
	work->call.out = &work->found;
	args->what.name = (char *)work->put->name;
	am_nfs_work_use_dir(work, 0, &args->what.dir, work->put->dir);
}

/* For a server that gives no attributes with what it finds. */
static void look_at(struct work *work)
{
	am_nfs_work_prepare(work, LOOK_ATTR, am_nfs_send_getattr, am_nfs_take_getattr, 0);
	work->call.out = &work->found.stat;
	work->handle = work->found.handle;
	am_nfs_work_use_file(work, &work->args.getattr.object);
}

static void after_look(struct work *work)
{
	struct am_put *put = work->put;
	const struct am_tree_stat *st = &work->found.stat;

	if (work->call.status != NFS3_OK) {
		am_nfs_work_fail(work, "walk");
	} else if (work->step == LOOK && !work->found.has_stat) {
		look_at(work);
	} else if (st->type == AM_TREE_DIR && st->fsid != fs_of(work)->fsid) {
		put->operation = "walk";
		am_fail(&put->error, "NFS_CROSSING",
			"another file system of the server is mounted there");
		am_nfs_work_finish(work, AM_PUT_FAILED);
	} else {
		put->stat = *st;
		*put->file = work->found.handle;
		am_nfs_work_finish(work, AM_PUT_DONE);
	}
}

/* ---- a link, a file ---- */

static void read_target(struct work *work)
{
	am_nfs_work_prepare(work, TARGET, am_nfs_send_readlink, am_nfs_take_readlink, 0);
	work->text = (struct text){work->put->into, work->put->length};
	work->call.out = &work->text;
	am_nfs_work_use_file(work, &work->args.readlink.symlink);
}

static int take_read(struct call *call, void *answer)
{
	READ3res *res = answer;
	READ3resok *good = &res->READ3res_u.resok;
	struct work *work = call->out;
	struct am_put *put = work->put;

	if (res->status != NFS3_OK)
		return (int)res->status;
	if (good->data.data_len > work->args.read.count) {
		am_fail(&call->local, "EPROTO", "the server sent more than was asked for");
		return NFS3ERR_IO;
	}
	if (good->data.data_len > 0)
		memcpy(put->into + put->got, good->data.data_val, good->data.data_len);
	put->got += good->data.data_len;
	put->end = good->eof != 0 || good->data.data_len == 0;
	return NFS3_OK;
}

static void read_rest(struct work *work)
{
	struct am_put *put = work->put;
	READ3args *args = &work->args.read;
	size_t rest = put->length - put->got, most = fs_of(work)->read_max;

	am_nfs_work_prepare(work, READ, am_nfs_send_read, take_read, 0);
	args->offset = put->offset + put->got;
	args->count = (count3)(rest < most ? rest : most);
	am_nfs_work_use_file(work, &args->file);
}

/* A handle that went stale is looked up anew by the caller, who knows its name. */
static void after_read(struct work *work, const char *operation)
{
	const struct am_put *put = work->put;
	int status = work->call.status;

	if (status == NFS3ERR_STALE || status == NFS3ERR_BADHANDLE)
		am_nfs_work_finish(work, AM_PUT_ODD);
	else if (status != NFS3_OK)
		am_nfs_work_fail(work, operation);
	else if (work->step == READ && !put->end && put->got < put->length)
		read_rest(work);
	else
		am_nfs_work_finish(work, AM_PUT_DONE);
}

void am_nfs_get_begin(struct work *work)
{
	struct am_put *put = work->put;

	put->got = 0;
	put->end = 0;
	switch (put->kind) {
	case AM_GET_LIST:
		work->page = (struct page){.entries = put->entries, .fsid = fs_of(work)->fsid};
		list_page(work);
		break;
	case AM_GET_LOOK:
		look(work);
		break;
	case AM_GET_TARGET:
		read_target(work);
		break;
	default:
		read_rest(work);
	}
}

void am_nfs_get_on(struct work *work)
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
