/* What is sent and what is taken out of the answers: one pair of functions for each kind of call.
 */
#define _DEFAULT_SOURCE

#include "tree_nfs_calls.h"

#include <string.h>

#define SENDER(name)                                                                               \
	int am_nfs_send_##name(struct rpc_context *rpc, rpc_cb callback, struct call *call)        \
	{                                                                                          \
		return rpc_nfs3_##name##_async(rpc, callback, call->args, call);                   \
	}

SENDER(commit)
SENDER(create)
SENDER(fsinfo)
SENDER(fsstat)
SENDER(getattr)
SENDER(link)
SENDER(lookup)
SENDER(mkdir)
SENDER(mknod)
SENDER(read)
SENDER(readdirplus)
SENDER(readlink)
SENDER(remove)
SENDER(rename)
SENDER(rmdir)
SENDER(setattr)
SENDER(symlink)
SENDER(write)

int am_nfs_take_handle(struct call *call, const nfs_fh3 *from, struct am_handle *to)
{
	if (from->data.data_len == 0 || from->data.data_len > HANDLE_MAX) {
		am_fail(&call->local, "EPROTO", "the server sent an impossible file handle");
		return -1;
	}
	to->length = from->data.data_len;
	memcpy(to->data, from->data.data_val, from->data.data_len);
	return 0;
}

static struct am_tree_time time_of(nfstime3 t)
{
	return (struct am_tree_time){t.seconds, t.nseconds < 1000000000 ? t.nseconds : 0};
}

void am_nfs_convert(const fattr3 *from, struct am_tree_stat *st)
{
	*st = (struct am_tree_stat){
		.type = from->type == NF3DIR    ? AM_TREE_DIR
			: from->type == NF3BLK  ? AM_TREE_BLOCK
			: from->type == NF3CHR  ? AM_TREE_CHAR
			: from->type == NF3LNK  ? AM_TREE_LINK
			: from->type == NF3SOCK ? AM_TREE_SOCKET
			: from->type == NF3FIFO ? AM_TREE_FIFO
						: AM_TREE_FILE,
		.mode = from->mode & 07777,
		.uid = from->uid,
		.gid = from->gid,
		.nlink = from->nlink,
		.size = from->size,
		.ino = from->fileid,
		.fsid = from->fsid,
		.atime = time_of(from->atime),
		.mtime = time_of(from->mtime),
		.ctime = time_of(from->ctime),
	};
	if (st->type == AM_TREE_BLOCK || st->type == AM_TREE_CHAR) {
		st->rdev_major = from->rdev.specdata1;
		st->rdev_minor = from->rdev.specdata2;
	}
}

int am_nfs_take_getattr(struct call *call, void *answer)
{
	GETATTR3res *res = answer;

	if (res->status == NFS3_OK)
		am_nfs_convert(&res->GETATTR3res_u.resok.obj_attributes, call->out);
	return (int)res->status;
}

int am_nfs_take_lookup(struct call *call, void *answer)
{
	LOOKUP3res *res = answer;
	LOOKUP3resok *good = &res->LOOKUP3res_u.resok;
	struct found *found = call->out;

	if (res->status != NFS3_OK)
		return (int)res->status;
	am_nfs_take_handle(call, &good->object, &found->handle);
	found->has_stat = good->obj_attributes.attributes_follow != 0;
	if (found->has_stat)
		am_nfs_convert(&good->obj_attributes.post_op_attr_u.attributes, &found->stat);
	return NFS3_OK;
}

int am_nfs_take_readlink(struct call *call, void *answer)
{
	READLINK3res *res = answer;
	struct text *text = call->out;
	size_t length;

	if (res->status != NFS3_OK)
		return (int)res->status;
	length = strlen(res->READLINK3res_u.resok.data);
	if (length >= text->size)
		return NFS3ERR_NAMETOOLONG;
	memcpy(text->data, res->READLINK3res_u.resok.data, length + 1);
	return NFS3_OK;
}

/* Not that of a directory of another file system: who looks it up is told so. */
static void keep_handle(struct page *page, const struct am_tree_stat *st, const nfs_fh3 *from)
{
	struct am_handle *to;

	if (from->data.data_len > HANDLE_MAX || (st->type == AM_TREE_DIR && st->fsid != page->fsid))
		return;
	to = &page->entries->entries[page->entries->count - 1].handle;
	to->length = from->data.data_len;
	memcpy(to->data, from->data.data_val, from->data.data_len);
}

int am_nfs_take_readdirplus(struct call *call, void *answer)
{
	READDIRPLUS3res *res = answer;
	READDIRPLUS3resok *good = &res->READDIRPLUS3res_u.resok;
	struct page *page = call->out;
	struct am_tree_stat st;
	size_t added;

	if (res->status != NFS3_OK)
		return (int)res->status;
	memcpy(page->verifier, good->cookieverf, sizeof page->verifier);
	page->end = good->reply.eof != 0;
	page->count = 0;
	for (const void *next = good->reply.entries; next != NULL;) {
		entryplus3 e;
		int has;

		memcpy(&e, next, sizeof e); /* the library does not align its entries */
		next = e.nextentry;
		has = e.name_attributes.attributes_follow != 0;
		if (has)
			am_nfs_convert(&e.name_attributes.post_op_attr_u.attributes, &st);
		added = page->entries->count;
		if (am_entries_add(page->entries, e.name, has ? &st : NULL, &call->local) != 0)
			return NFS3ERR_IO;
		added = page->entries->count - added; /* "." and ".." are left out */
		if (added && has && e.name_handle.handle_follows)
			keep_handle(page, &st, &e.name_handle.post_op_fh3_u.handle);
		page->cookie = e.cookie;
		page->count++;
	}
	return NFS3_OK;
}

void am_nfs_fill_sattr(const struct am_tree_attr *attr, sattr3 *to)
{
	to->mode.set_it = (attr->set & AM_SET_MODE) != 0;
	to->mode.set_mode3_u.mode = attr->mode;
	to->uid.set_it = (attr->set & AM_SET_UID) != 0;
	to->uid.set_uid3_u.uid = attr->uid;
	to->gid.set_it = (attr->set & AM_SET_GID) != 0;
	to->gid.set_gid3_u.gid = attr->gid;
	to->size.set_it = (attr->set & AM_SET_SIZE) != 0;
	to->size.set_size3_u.size = attr->size;
	if (attr->set & AM_SET_ATIME) {
		to->atime.set_it = SET_TO_CLIENT_TIME;
		to->atime.set_atime_u.atime.seconds = (u_int)attr->atime.seconds;
		to->atime.set_atime_u.atime.nseconds = attr->atime.nanoseconds;
	}
	if (attr->set & AM_SET_MTIME) {
		to->mtime.set_it = SET_TO_CLIENT_TIME;
		to->mtime.set_mtime_u.mtime.seconds = (u_int)attr->mtime.seconds;
		to->mtime.set_mtime_u.mtime.nseconds = attr->mtime.nanoseconds;
	}
}

int am_nfs_take_status(struct call *call, void *answer)
{
	(void)call;
	return (int)*(nfsstat3 *)answer; /* every answer begins with its status */
}
