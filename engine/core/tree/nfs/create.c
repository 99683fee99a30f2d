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
	const struct am_put *put = work->put;
	struct am_tree_stat st;

	work->owner_right = work->all_right = 0;
	if (!am_nfs3_made(results, &work->handle, &st))
		return;
	work->owner_right = st.uid == put->attr.uid && st.gid == put->attr.gid;
	work->all_right = work->owner_right && st.mode == (put->attr.mode & 07777) &&
			  st.mtime.seconds == put->attr.mtime.seconds &&
			  st.mtime.nanoseconds == put->attr.mtime.nanoseconds;
}

/* The attributes an entry is made with: everything but times and what a write would clear. */
static void first_attributes(struct work *work)
{
	struct am_tree_attr *attr = &work->request.args.attr;

	*attr = work->put->attr;
	attr->set &= AM_SET_MODE | AM_SET_UID | AM_SET_GID;
	attr->mode &= 0777;
}

static void make_link(struct work *work)
{
	am_nfs_work_prepare(work, MAKE, AM_NFS3_LINK, NULL);
	work->request.args.name = work->put->name;
	am_nfs_work_use_dir(work, 0, work->put->dir);
	work->request.handles[1] = &work->found.handle;
}

static enum am_nfs3_procedure maker(const struct am_put *put)
{
	switch (put->kind) {
	case AM_PUT_DIR:
		return AM_NFS3_MKDIR;
	case AM_PUT_LINK:
		return AM_NFS3_SYMLINK;
	case AM_PUT_NODE:
		return AM_NFS3_MKNOD;
	default:
		return AM_NFS3_CREATE;
	}
}

static void make(struct work *work)
{
	struct am_put *put = work->put;
	struct am_nfs3_args *args = &work->request.args;

	if (put->kind == AM_PUT_HARD) {
		make_link(work);
		return;
	}
	am_nfs_work_prepare(work, MAKE, maker(put), take_made);
	args->name = put->name;
	args->other = put->target;
	first_attributes(work);
	if (put->kind == AM_PUT_NODE) {
		args->type = put->type;
		args->major_number = put->major_number;
		args->minor_number = put->minor_number;
		/* Nothing that comes later changes a device, so it is made with its times. */
		if (put->type == AM_TREE_BLOCK || put->type == AM_TREE_CHAR)
			args->attr = put->attr;
	}
	am_nfs_work_use_dir(work, 0, put->dir);
}

static void remove_it(struct work *work)
{
	am_nfs_work_prepare(work, REMOVE, AM_NFS3_REMOVE, NULL);
	work->request.args.name = work->put->name;
	am_nfs_work_use_dir(work, 0, work->put->dir);
}

static void find(struct work *work, enum put_step step, struct am_node *dir, const char *name)
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

	work->same_target = text != NULL && length == strlen(work->put->target) &&
			    memcmp(text, work->put->target, length) == 0;
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
	const struct am_put *put = work->put;
	struct am_nfs3_args *args = &work->request.args;

	am_nfs_work_prepare(work, WRITE, AM_NFS3_WRITE, take_write);
	args->offset = put->offset + work->written;
	args->count = (uint32_t)(put->length - work->written);
	args->stable = put->final != NULL ? AM_NFS3_FILE_SYNC : AM_NFS3_UNSTABLE;
	args->data = (const char *)put->data + work->written;
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
static void set(struct work *work, enum put_step step)
{
	const struct am_put *put = work->put;
	struct am_tree_attr attr = put->attr;

	if (step == SET_MODE)
		attr.set = AM_SET_MODE;
	else if (work->owner_right)
		attr.set &= ~(unsigned)(AM_SET_UID | AM_SET_GID);
	if (put->kind == AM_PUT_LINK)
		attr.set &= ~(unsigned)AM_SET_MODE;
	work->has_mode_after = 0;
	am_nfs_work_prepare(work, step, AM_NFS3_SETATTR, take_setattr);
	work->request.args.attr = attr;
	if (put->kind == AM_PUT_ATTR)
		am_nfs_work_use_dir(work, 0, put->node);
	else
		am_nfs_work_use_file(work);
}

/* ---- from one step to the next ---- */

static void entry_made(struct work *work)
{
	struct am_put *put = work->put;

	switch (put->kind) {
	case AM_PUT_DIR:
		((struct nfs_node *)put->node)->handle = work->handle;
		am_nfs_work_finish(work, AM_PUT_DONE);
		break;
	case AM_PUT_HARD:
		am_nfs_work_finish(work, AM_PUT_DONE);
		break;
	case AM_PUT_OPEN:
		*put->file = work->handle;
		am_nfs_work_finish(work, AM_PUT_DONE);
		break;
	default:
		if (put->kind == AM_PUT_FILE && put->length > 0)
			write_rest(work);
		else if (put->kind == AM_PUT_NODE && work->all_right && put->final == NULL)
			am_nfs_work_finish(work, AM_PUT_DONE);
		else
			set(work, SET);
	}
}

static void after_make(struct work *work)
{
	struct am_put *put = work->put;

	if (work->request.status == NFS3ERR_EXIST) {
		if (put->kind == AM_PUT_DIR || put->kind == AM_PUT_LINK)
			find(work, FIND, put->dir, put->name);
		else if (++work->removals < REMOVALS_MAX)
			remove_it(work);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
	} else if (work->request.status != NFS3_OK) {
		if (put->kind == AM_PUT_HARD)
			am_nfs_work_finish(work, AM_PUT_ODD);
		else
			am_nfs_work_fail(work, am_nfs_verb(put));
	} else {
		put->fresh = 1;
		if (put->kind != AM_PUT_HARD && work->handle.length == 0)
			find(work, FIND, put->dir, put->name);
		else
			entry_made(work);
	}
}

static void after_find(struct work *work)
{
	struct am_put *put = work->put;
	const struct found *found = &work->found;
	enum am_tree_type type = found->stat.type;

	if (work->request.status != NFS3_OK || !found->has_stat) {
		am_nfs_work_finish(work, AM_PUT_ODD);
		return;
	}
	work->handle = found->handle;
	work->owner_right = found->stat.uid == put->attr.uid && found->stat.gid == put->attr.gid;
	if (put->kind == AM_PUT_DIR) {
		if (type == AM_TREE_DIR && found->stat.fsid == work->request.fs->fsid)
			entry_made(work);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
	} else if (put->kind == AM_PUT_LINK && !put->fresh) {
		if (type == AM_TREE_LINK)
			read_target(work);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
	} else {
		entry_made(work);
	}
}

/* The finished file takes the place of the old one. */
static void replace(struct work *work)
{
	struct am_put *put = work->put;

	am_nfs_work_prepare(work, REPLACE, AM_NFS3_RENAME, NULL);
	work->request.args.name = put->name;
	work->request.args.other = put->final;
	am_nfs_work_use_dir(work, 0, put->dir);
	am_nfs_work_use_dir(work, 1, put->dir);
}

/* A name that is gone when the call went twice: the first try has moved it. */
static void after_replace(struct work *work)
{
	int status = work->request.status;

	if (status == NFS3_OK || (status == NFS3ERR_NOENT && work->request.sends > 1))
		am_nfs_work_finish(work, AM_PUT_DONE);
	else
		am_nfs_work_finish(work, AM_PUT_ODD);
}

static void after_set(struct work *work)
{
	struct am_put *put = work->put;
	int wanted = (put->attr.set & AM_SET_MODE) != 0 && put->kind != AM_PUT_LINK;
	int stale = work->request.status == NFS3ERR_STALE || work->request.status == NFS3ERR_NOENT;

	if (work->request.status != NFS3_OK) {
		if (stale && put->kind != AM_PUT_CLOSE)
			am_nfs_work_finish(work, AM_PUT_ODD);
		else
			am_nfs_work_fail(work, "setattr");
		return;
	}
	if (work->step == SET && wanted &&
		(work->has_mode_after ? work->mode_after != put->attr.mode
				      : (put->attr.mode & 07000) != 0))
		set(work, SET_MODE);
	else if (put->final != NULL)
		replace(work);
	else
		am_nfs_work_finish(work, put->kind == AM_PUT_LINK && !put->fresh && !work->resent
						 ? AM_PUT_SAME
						 : AM_PUT_DONE);
}

static void after_write(struct work *work)
{
	struct am_put *put = work->put;

	if (work->request.status != NFS3_OK) {
		if (work->request.status == NFS3ERR_STALE && put->kind == AM_PUT_FILE)
			am_nfs_work_finish(work, AM_PUT_ODD);
		else
			am_nfs_work_fail(work, "write");
	} else if (work->written < put->length) {
		write_rest(work);
	} else if (put->kind == AM_PUT_DATA) {
		am_nfs_work_finish(work, AM_PUT_DONE);
	} else if (put->commit && work->unstable) {
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
			am_nfs_work_finish(work, AM_PUT_ODD);
		break;
	case FIND:
		after_find(work);
		break;
	case READ_TARGET:
		if (status == NFS3_OK && work->same_target)
			set(work, SET);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
		break;
	case SOURCE:
		if (status == NFS3_OK)
			make(work);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
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
	struct am_put *put = work->put;

	if (put->kind == AM_PUT_DATA)
		write_rest(work);
	else if (put->kind == AM_PUT_CLOSE && put->commit)
		commit(work);
	else if (put->kind == AM_PUT_CLOSE || put->kind == AM_PUT_ATTR)
		set(work, SET);
	else if (put->kind == AM_PUT_HARD)
		find(work, SOURCE, put->from, put->from_name);
	else
		make(work);
}
