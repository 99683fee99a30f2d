/* SPDX-License-Identifier: MIT */
/*
 * The steps of what is made: CREATE, WRITE, SETATTR for a file, REMOVE and CREATE again where
 * something is in the way. CREATE is GUARDED: after a lost connection a name that the lost try has
 * made is removed and made again like any other.
 */
#include "tree/nfs/create.h"

#include <string.h>

enum { REMOVALS_MAX = 4 };

static void take_made(struct request *request, struct am_xdr *results)
{
	struct work *work = request->out;
	const struct am_op *op = work->op;
	struct am_tree_stat st;

	work->owner_right = work->all_right = 0;
	if (!am_nfs3_made(results, &work->handle, &st))
		return;
	work->owner_right = st.uid == op->attr.uid && st.gid == op->attr.gid;
	work->all_right = work->owner_right && st.mode == (op->attr.mode & 07777) &&
			  st.mtime.seconds == op->attr.mtime.seconds &&
			  st.mtime.nanoseconds == op->attr.mtime.nanoseconds;
}

/* The attributes an entry is made with: everything but times and what a write would clear. */
static void first_attributes(struct work *work)
{
	struct am_tree_attr *attr = &work->request.args.attr;

	*attr = work->op->attr;
	attr->set &= AM_SET_MODE | AM_SET_UID | AM_SET_GID;
	attr->mode &= 0777;
}

static void make_link(struct work *work)
{
	am_nfs_work_prepare(work, MAKE, AM_NFS3_LINK, NULL);
	work->request.args.name = work->op->name;
	am_nfs_work_use_dir(work, 0, work->op->dir);
	work->request.handles[1] = &work->found.handle;
}

static enum am_nfs3_procedure maker(const struct am_op *op)
{
	switch (op->kind) {
	case AM_OP_DIR:
		return AM_NFS3_MKDIR;
	case AM_OP_LINK:
		return AM_NFS3_SYMLINK;
	case AM_OP_NODE:
		return AM_NFS3_MKNOD;
	default:
		return AM_NFS3_CREATE;
	}
}

static void make(struct work *work)
{
	struct am_op *op = work->op;
	struct am_nfs3_args *args = &work->request.args;

	if (op->kind == AM_OP_HARD) {
		make_link(work);
		return;
	}
	am_nfs_work_prepare(work, MAKE, maker(op), take_made);
	args->name = op->name;
	args->other = op->target;
	first_attributes(work);
	if (op->kind == AM_OP_NODE) {
		args->type = op->type;
		args->major_number = op->major_number;
		args->minor_number = op->minor_number;
		/* Nothing that comes later changes a device, so it is made with its times. */
		if (op->type == AM_TREE_BLOCK || op->type == AM_TREE_CHAR)
			args->attr = op->attr;
	}
	am_nfs_work_use_dir(work, 0, op->dir);
}

static void remove_it(struct work *work)
{
	am_nfs_work_prepare(work, REMOVE, AM_NFS3_REMOVE, NULL);
	work->request.args.name = work->op->name;
	am_nfs_work_use_dir(work, 0, work->op->dir);
}

static void find(struct work *work, enum op_step step, struct am_node *dir, const char *name)
{
	am_nfs_work_prepare(work, step, AM_NFS3_LOOKUP, am_nfs_take_lookup);
	work->request.out = &work->found;
	work->request.args.name = name;
	am_nfs_work_use_dir(work, 0, dir);
}

static void take_readlink(struct request *request, struct am_xdr *results)
{
	struct work *work = request->out;
	uint32_t length;
	const char *text = am_nfs3_text(results, &length);

	work->same_target = text != NULL && length == strlen(work->op->target) &&
			    memcmp(text, work->op->target, length) == 0;
}

static void read_target(struct work *work)
{
	am_nfs_work_prepare(work, READ_TARGET, AM_NFS3_READLINK, take_readlink);
	am_nfs_work_use_file(work);
}

static void take_write(struct request *request, struct am_xdr *results)
{
	struct work *work = request->out;
	struct am_nfs3_written written;

	if (am_nfs_take_written(request, results, &written) != 0)
		return;
	work->written += written.count;
	am_nfs_set_verifier(request->fs, written.verifier);
	work->unstable |= written.committed != AM_NFS3_FILE_SYNC;
	request->fs->written = work->handle;
}

static void write_rest(struct work *work)
{
	const struct am_op *op = work->op;
	struct am_nfs3_args *args = &work->request.args;

	am_nfs_work_prepare(work, WRITE, AM_NFS3_WRITE, take_write);
	args->offset = op->offset + work->written;
	args->count = (uint32_t)(op->length - work->written);
	args->stable = op->final != NULL ? AM_NFS3_FILE_SYNC : AM_NFS3_UNSTABLE;
	args->data = (const char *)op->data + work->written;
	am_nfs_work_use_file(work);
}

static void take_commit(struct request *request, struct am_xdr *results)
{
	char verifier[8];

	am_nfs3_committed(results, verifier);
	if (!results->bad)
		am_nfs_set_verifier(request->fs, verifier);
}

static void commit(struct work *work)
{
	am_nfs_work_prepare(work, COMMIT, AM_NFS3_COMMIT, take_commit);
	am_nfs_work_use_file(work);
}

static void take_setattr(struct request *request, struct am_xdr *results)
{
	struct work *work = request->out;
	struct am_tree_stat after;

	work->has_mode_after = am_nfs3_change(results, &after);
	if (work->has_mode_after)
		work->mode_after = after.mode;
}

/* The last attributes. An owner that is right already is left alone: changing it drops suid bits.
 */
static void set(struct work *work, enum op_step step)
{
	const struct am_op *op = work->op;
	struct am_tree_attr attr = op->attr;

	if (step == SET_MODE)
		attr.set = AM_SET_MODE;
	else if (work->owner_right)
		attr.set &= ~(unsigned)(AM_SET_UID | AM_SET_GID);
	if (op->kind == AM_OP_LINK)
		attr.set &= ~(unsigned)AM_SET_MODE;
	work->has_mode_after = 0;
	am_nfs_work_prepare(work, step, AM_NFS3_SETATTR, take_setattr);
	work->request.args.attr = attr;
	if (op->kind == AM_OP_ATTR)
		am_nfs_work_use_dir(work, 0, op->node);
	else
		am_nfs_work_use_file(work);
}

/* ---- from one step to the next ---- */

static void entry_made(struct work *work)
{
	struct am_op *op = work->op;

	switch (op->kind) {
	case AM_OP_DIR:
		((struct nfs_node *)op->node)->handle = work->handle;
		am_nfs_work_finish(work, AM_OP_DONE);
		break;
	case AM_OP_HARD:
		am_nfs_work_finish(work, AM_OP_DONE);
		break;
	case AM_OP_OPEN:
		*op->file = work->handle;
		am_nfs_work_finish(work, AM_OP_DONE);
		break;
	default:
		if (op->kind == AM_OP_FILE && op->length > 0)
			write_rest(work);
		else if (op->kind == AM_OP_NODE && work->all_right && op->final == NULL)
			am_nfs_work_finish(work, AM_OP_DONE);
		else
			set(work, SET);
	}
}

static void after_make(struct work *work)
{
	struct am_op *op = work->op;

	if (work->request.status == NFS3ERR_EXIST) {
		if (op->kind == AM_OP_DIR || op->kind == AM_OP_LINK)
			find(work, FIND, op->dir, op->name);
		else if (++work->removals < REMOVALS_MAX)
			remove_it(work);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
	} else if (work->request.status != NFS3_OK) {
		if (op->kind == AM_OP_HARD)
			am_nfs_work_finish(work, AM_OP_ODD);
		else
			am_nfs_work_fail(work, am_nfs_verb(op));
	} else {
		op->fresh = 1;
		if (op->kind != AM_OP_HARD && work->handle.length == 0)
			find(work, FIND, op->dir, op->name);
		else
			entry_made(work);
	}
}

static void after_find(struct work *work)
{
	struct am_op *op = work->op;
	const struct found *found = &work->found;
	enum am_tree_type type = found->stat.type;

	if (work->request.status != NFS3_OK || !found->has_stat) {
		am_nfs_work_finish(work, AM_OP_ODD);
		return;
	}
	work->handle = found->handle;
	work->owner_right = found->stat.uid == op->attr.uid && found->stat.gid == op->attr.gid;
	if (op->kind == AM_OP_DIR) {
		if (type == AM_TREE_DIR && found->stat.fsid == work->request.fs->fsid)
			entry_made(work);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
	} else if (op->kind == AM_OP_LINK && !op->fresh) {
		if (type == AM_TREE_LINK)
			read_target(work);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
	} else {
		entry_made(work);
	}
}

/* The finished file takes the place of the old one. */
static void replace(struct work *work)
{
	struct am_op *op = work->op;

	am_nfs_work_prepare(work, REPLACE, AM_NFS3_RENAME, NULL);
	work->request.args.name = op->name;
	work->request.args.other = op->final;
	am_nfs_work_use_dir(work, 0, op->dir);
	am_nfs_work_use_dir(work, 1, op->dir);
}

/* A name that is gone when the request was sent twice: the first try has moved it. */
static void after_replace(struct work *work)
{
	int status = work->request.status;

	if (status == NFS3_OK || (status == NFS3ERR_NOENT && work->request.sends > 1))
		am_nfs_work_finish(work, AM_OP_DONE);
	else
		am_nfs_work_finish(work, AM_OP_ODD);
}

static void after_set(struct work *work)
{
	struct am_op *op = work->op;
	int wanted = (op->attr.set & AM_SET_MODE) != 0 && op->kind != AM_OP_LINK;
	int stale = work->request.status == NFS3ERR_STALE || work->request.status == NFS3ERR_NOENT;

	if (work->request.status != NFS3_OK) {
		if (stale && op->kind != AM_OP_CLOSE)
			am_nfs_work_finish(work, AM_OP_ODD);
		else
			am_nfs_work_fail(work, "setattr");
		return;
	}
	if (work->step == SET && wanted &&
		(work->has_mode_after ? work->mode_after != op->attr.mode
				      : (op->attr.mode & 07000) != 0))
		set(work, SET_MODE);
	else if (op->final != NULL)
		replace(work);
	else
		am_nfs_work_finish(work, op->kind == AM_OP_LINK && !op->fresh && !work->resent
						 ? AM_OP_SAME
						 : AM_OP_DONE);
}

static void after_write(struct work *work)
{
	struct am_op *op = work->op;

	if (work->request.status != NFS3_OK) {
		if (work->request.status == NFS3ERR_STALE && op->kind == AM_OP_FILE)
			am_nfs_work_finish(work, AM_OP_ODD);
		else
			am_nfs_work_fail(work, "write");
	} else if (work->written < op->length) {
		write_rest(work);
	} else if (op->kind == AM_OP_WRITE) {
		am_nfs_work_finish(work, AM_OP_DONE);
	} else if (op->commit && work->unstable) {
		commit(work);
	} else {
		set(work, SET);
	}
}

void am_nfs_create_on(struct work *work)
{
	int status = work->request.status;

	switch (work->step) {
	case MAKE:
		after_make(work);
		break;
	case REMOVE:
		if (status == NFS3_OK || status == NFS3ERR_NOENT)
			make(work);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
		break;
	case FIND:
		after_find(work);
		break;
	case READ_TARGET:
		if (status == NFS3_OK && work->same_target)
			set(work, SET);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
		break;
	case SOURCE:
		if (status == NFS3_OK)
			make(work);
		else
			am_nfs_work_finish(work, AM_OP_ODD);
		break;
	case WRITE:
		after_write(work);
		break;
	case COMMIT:
		if (status == NFS3_OK)
			set(work, SET);
		else
			am_nfs_work_fail(work, "commit");
		break;
	case SET:
	case SET_MODE:
		after_set(work);
		break;
	case REPLACE:
		after_replace(work);
		break;
	default:
		break; /* of lookup.c */
	}
}

void am_nfs_create_begin(struct work *work)
{
	struct am_op *op = work->op;

	if (op->kind == AM_OP_WRITE)
		write_rest(work);
	else if (op->kind == AM_OP_CLOSE && op->commit)
		commit(work);
	else if (op->kind == AM_OP_CLOSE || op->kind == AM_OP_ATTR)
		set(work, SET);
	else if (op->kind == AM_OP_HARD)
		find(work, SOURCE, op->from, op->from_name);
	else
		make(work);
}
