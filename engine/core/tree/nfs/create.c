/* SPDX-License-Identifier: MIT */
/*
 * Entries made (and, by tree_nfs_get.c, looked at) many at a time. Each is a small machine of
 * calls: CREATE, WRITE, SETATTR for a file, REMOVE and CREATE again where something is in the way.
 * Answers only list their call as ready; what comes next is decided outside of the library, so
 * nothing is ever queued on a context that is going down. After a lost connection every call
 * without an answer is sent again: CREATE is GUARDED, a name the lost try has made is removed and
 * made again like any other that is in the way.
 */
#include "tree/nfs/work.h"

#include "base/cancel.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { REMOVALS_MAX = 4, FAILURES_MAX = 3, FDS_MAX = 256 };

static struct nfs_fs *fs_of(const struct work *work)
{
	return work->call.queue;
}

/* ---- what waits to be sent ---- */

static void make_due(struct work *work)
{
	struct nfs_fs *fs = fs_of(work);

	work->call.state = IDLE;
	if (work->due)
		return;
	work->due = 1;
	work->next_due = NULL;
	if (fs->last_due != NULL)
		fs->last_due->next_due = work;
	else
		fs->first_due = work;
	fs->last_due = work;
}

static struct work *take_due(struct nfs_fs *fs)
{
	struct work *work = fs->first_due;

	if (work == NULL)
		return NULL;
	fs->first_due = work->next_due;
	if (fs->first_due == NULL)
		fs->last_due = NULL;
	work->due = 0;
	return work;
}

static void unlink_work(struct work *work)
{
	struct nfs_fs *fs = fs_of(work);

	if (work->previous != NULL)
		work->previous->next = work->next;
	else
		fs->first = work->next;
	if (work->next != NULL)
		work->next->previous = work->previous;
	fs->making--;
	fs->writing -= work->put->kind < AM_GET_LIST;
}

static void free_work(struct work *work)
{
	am_nfs_page_free(&work->page);
	free(work);
}

void am_nfs_work_finish(struct work *work, enum am_put_outcome outcome)
{
	struct nfs_fs *fs = fs_of(work);
	struct am_put *put = work->put;

	put->outcome = outcome;
	put->next = fs->done;
	fs->done = put;
	unlink_work(work);
	free_work(work);
}

/* ---- calls ---- */

void am_nfs_work_prepare(struct work *work, enum put_step step, enum am_nfs3_procedure procedure,
	void (*take)(struct call *, struct am_xdr *))
{
	struct nfs_fs *fs = fs_of(work);

	work->step = step;
	work->refreshed = 0;
	work->not_before = work->delay = work->busy_since = 0;
	work->call = (struct call){
		.procedure = procedure, .take = take, .out = work, .lane = work->lane, .queue = fs};
	make_due(work);
}

void am_nfs_work_use_dir(struct work *work, int index, struct am_node *dir)
{
	struct nfs_node *node = (struct nfs_node *)dir;

	work->call.handles[index] = &node->handle;
	work->call.nodes[index] = node;
}

void am_nfs_work_use_file(struct work *work)
{
	work->call.handles[0] = &work->handle;
}

static void take_made(struct call *call, struct am_xdr *results)
{
	struct work *work = call->out;
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
	struct am_tree_attr *attr = &work->call.args.attr;

	*attr = work->put->attr;
	attr->set &= AM_SET_MODE | AM_SET_UID | AM_SET_GID;
	attr->mode &= 0777;
}

static void make_link(struct work *work)
{
	am_nfs_work_prepare(work, MAKE, AM_NFS3_LINK, NULL);
	work->call.args.name = work->put->name;
	am_nfs_work_use_dir(work, 0, work->put->dir);
	work->call.handles[1] = &work->found.handle;
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
	struct am_nfs3_args *args = &work->call.args;

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
	work->call.args.name = work->put->name;
	am_nfs_work_use_dir(work, 0, work->put->dir);
}

static void find(struct work *work, enum put_step step, struct am_node *dir, const char *name)
{
	am_nfs_work_prepare(work, step, AM_NFS3_LOOKUP, am_nfs_take_lookup);
	work->call.out = &work->found;
	work->call.args.name = name;
	am_nfs_work_use_dir(work, 0, dir);
}

static void take_readlink(struct call *call, struct am_xdr *results)
{
	struct work *work = call->out;
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

static void take_write(struct call *call, struct am_xdr *results)
{
	struct work *work = call->out;
	struct am_nfs3_written written;

	if (am_nfs_take_written(call, results, &written) != 0)
		return;
	work->written += written.count;
	am_nfs_set_verifier(call->queue, written.verifier);
	work->unstable |= written.committed != AM_NFS3_FILE_SYNC;
	call->queue->written = work->handle;
}

static void write_rest(struct work *work)
{
	const struct am_put *put = work->put;
	struct am_nfs3_args *args = &work->call.args;

	am_nfs_work_prepare(work, WRITE, AM_NFS3_WRITE, take_write);
	args->offset = put->offset + work->written;
	args->count = (uint32_t)(put->length - work->written);
	args->stable = put->final != NULL ? AM_NFS3_FILE_SYNC : AM_NFS3_UNSTABLE;
	args->data = (const char *)put->data + work->written;
	am_nfs_work_use_file(work);
}

static void take_commit(struct call *call, struct am_xdr *results)
{
	char verifier[8];

	am_nfs3_committed(results, verifier);
	if (!results->bad)
		am_nfs_set_verifier(call->queue, verifier);
}

static void commit(struct work *work)
{
	am_nfs_work_prepare(work, COMMIT, AM_NFS3_COMMIT, take_commit);
	am_nfs_work_use_file(work);
}

static void take_setattr(struct call *call, struct am_xdr *results)
{
	struct work *work = call->out;
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
	work->call.args.attr = attr;
	if (put->kind == AM_PUT_ATTR)
		am_nfs_work_use_dir(work, 0, put->node);
	else
		am_nfs_work_use_file(work);
}

/* ---- from one step to the next ---- */

void am_nfs_work_fail(struct work *work, const char *operation)
{
	struct am_put *put = work->put;

	put->operation = operation;
	am_nfs_fail_status(&put->error, work->call.status);
	am_nfs_work_finish(work, AM_PUT_FAILED);
}

static const char *verb(const struct am_put *put)
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

	if (work->call.status == NFS3ERR_EXIST) {
		if (put->kind == AM_PUT_DIR || put->kind == AM_PUT_LINK)
			find(work, FIND, put->dir, put->name);
		else if (++work->removals < REMOVALS_MAX)
			remove_it(work);
		else
			am_nfs_work_finish(work, AM_PUT_ODD);
	} else if (work->call.status != NFS3_OK) {
		if (put->kind == AM_PUT_HARD)
			am_nfs_work_finish(work, AM_PUT_ODD);
		else
			am_nfs_work_fail(work, verb(put));
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

	if (work->call.status != NFS3_OK || !found->has_stat) {
		am_nfs_work_finish(work, AM_PUT_ODD);
		return;
	}
	work->handle = found->handle;
	work->owner_right = found->stat.uid == put->attr.uid && found->stat.gid == put->attr.gid;
	if (put->kind == AM_PUT_DIR) {
		if (type == AM_TREE_DIR && found->stat.fsid == fs_of(work)->fsid)
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
	work->call.args.name = put->name;
	work->call.args.other = put->final;
	am_nfs_work_use_dir(work, 0, put->dir);
	am_nfs_work_use_dir(work, 1, put->dir);
}

/* A name that is gone when the call went twice: the first try has moved it. */
static void after_replace(struct work *work)
{
	int status = work->call.status;

	if (status == NFS3_OK || (status == NFS3ERR_NOENT && work->call.sends > 1))
		am_nfs_work_finish(work, AM_PUT_DONE);
	else
		am_nfs_work_finish(work, AM_PUT_ODD);
}

static void after_set(struct work *work)
{
	struct am_put *put = work->put;
	int wanted = (put->attr.set & AM_SET_MODE) != 0 && put->kind != AM_PUT_LINK;
	int stale = work->call.status == NFS3ERR_STALE || work->call.status == NFS3ERR_NOENT;

	if (work->call.status != NFS3_OK) {
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

	if (work->call.status != NFS3_OK) {
		if (work->call.status == NFS3ERR_STALE && put->kind == AM_PUT_FILE)
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

static void step_on(struct work *work)
{
	int status = work->call.status;

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
		am_nfs_get_on(work);
	}
}

/* Patience for a server that fetches from tape or is in its grace period. */
static int busy(struct work *work)
{
	if (work->call.status != NFS3ERR_JUKEBOX)
		return 0;
	if (work->delay == 0) {
		work->delay = 0.1;
		work->busy_since = am_clock();
	} else if (work->delay < 2.5) {
		work->delay *= 2;
	}
	if (am_clock() - work->busy_since > fs_of(work)->options.retry)
		return 0;
	work->not_before = am_clock() + work->delay;
	make_due(work);
	return 1;
}

/* A stale directory is looked up again once; 1 when the call goes again, -1 when all is lost. */
static int refreshed(struct work *work)
{
	struct nfs_fs *fs = fs_of(work);
	struct am_error *error = &work->put->error;

	if (work->refreshed || work->call.nodes[0] == NULL || !am_nfs_is_stale(&work->call))
		return 0;
	work->refreshed = 1;
	if (am_nfs_refresh(work->call.nodes[0], error) != 0)
		return fs->base.complete || strncmp(error->code, "NFS_", 4) == 0 ||
				       strcmp(error->code, "CANCELLED") == 0
			       ? -1
			       : 0;
	/* What the cookie says is of the directory that is gone. */
	if (work->step == LIST && work->page.cookie != 0)
		return am_nfs_list_again(work);
	make_due(work);
	return 1;
}

static void answered(struct work *work)
{
	struct am_put *put = work->put;
	int r;

	if (work->call.local.code[0] != '\0') {
		put->operation = verb(put);
		put->error = work->call.local;
		am_nfs_work_finish(work, AM_PUT_FAILED);
		return;
	}
	if (busy(work))
		return;
	r = refreshed(work);
	if (r < 0) {
		put->operation = verb(put);
		put->complete = fs_of(work)->base.complete;
		am_nfs_work_finish(work, AM_PUT_FAILED);
	} else if (r == 0) {
		step_on(work);
	}
}

static void process_ready(struct nfs_fs *fs)
{
	while (fs->ready != NULL) {
		struct work *work = (struct work *)fs->ready;

		fs->ready = fs->ready->next;
		if (fs->sent[work->call.lane] > 0)
			fs->sent[work->call.lane]--;
		if (work->call.state == ANSWERED) {
			fs->heard[work->call.lane] = am_clock();
			fs->give_up = 0;
			answered(work);
		} else if (work->call.failures >= FAILURES_MAX) {
			work->put->operation = verb(work->put);
			am_fail(&work->put->error, "NFS_RPC", "%s", work->call.refusal);
			am_nfs_work_finish(work, AM_PUT_FAILED);
		} else {
			work->resent = 1;
			make_due(work);
		}
	}
}

/* ---- the connection ---- */

static int lost_for_good(struct nfs_fs *fs, struct am_error *error)
{
	if (fs->give_up == 0)
		fs->give_up = am_clock() + fs->options.retry;
	if (am_clock() < fs->give_up && !fs->base.closing)
		return 0;
	return am_fail(error, "NFS_LOST", "connection lost (%.150s) and not back within %g s",
		am_reason(fs->lost), fs->options.retry);
}

/* Whatever was sent on another connection goes again. */
static void recall(struct nfs_fs *fs)
{
	for (struct work *work = fs->first; work != NULL; work = work->next) {
		if (work->call.state == SENT) {
			work->resent = 1;
			make_due(work);
		}
	}
	for (int lane = 0; lane < LANES; lane++) {
		fs->sent[lane] = 0;
		fs->heard[lane] = am_clock();
	}
	fs->connection = fs->connects;
}

static int prepare_to_send(struct nfs_fs *fs, struct am_error *error)
{
	for (;;) {
		int writes;

		process_ready(fs);
		writes = fs->writing > 0;
		if (fs->rpc[0] != NULL &&
			(!writes || fs->options.guard == NULL || fs->proved == fs->connects))
			break;
		if (fs->rpc[0] == NULL && lost_for_good(fs, error) != 0)
			return -1;
		if (am_nfs_make_ready(fs, writes,
			    fs->give_up != 0 ? fs->give_up : am_clock() + fs->options.retry,
			    error) != 0)
			return -1;
	}
	if (fs->connection != fs->connects)
		recall(fs);
	return 0;
}

static int send_due(struct nfs_fs *fs, struct am_error *error)
{
	struct work *end, *work;
	double t = 0;

	if (prepare_to_send(fs, error) != 0)
		return -1;
	end = fs->last_due;
	while ((work = take_due(fs)) != NULL) {
		if (work->not_before > 0 && t == 0)
			t = am_clock();
		if (work->not_before > t) {
			make_due(work);
		} else if (am_nfs_send_call(fs, &work->call) != 0) {
			make_due(work);
			am_nfs_disconnect(fs);
			return 0;
		} else if (fs->sent[work->call.lane]++ == 0) {
			fs->heard[work->call.lane] = am_clock();
		}
		if (work == end)
			break;
	}
	return 0;
}

static void receive(struct am_fs *const *list, size_t count, int wait_ms)
{
	struct pollfd fds[FDS_MAX];
	struct nfs_fs *of[FDS_MAX];
	nfds_t n = 0;

	for (size_t i = 0; i < count && n + LANES <= FDS_MAX; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		if (fs->making == 0 || fs->rpc[0] == NULL)
			continue;
		for (int lane = 0; lane < LANES; lane++) {
			struct am_rpc *rpc = fs->rpc[lane];

			fds[n] = (struct pollfd){am_rpc_fd(rpc), am_rpc_events(rpc), 0};
			of[n++] = fs;
		}
	}
	if (n == 0 || poll(fds, n, wait_ms) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++) {
		struct am_rpc *rpc = of[i]->rpc[i % LANES];
		struct am_error why;

		/* None: the other connection was just found dead, and both are closed. */
		if (fds[i].revents != 0 && rpc != NULL &&
			am_rpc_service(rpc, fds[i].revents, &why) != 0) {
			am_nfs_note_broken(of[i], &why);
			am_nfs_disconnect(of[i]);
		}
	}
}

/* Each connection by itself: one that is silent is not excused by answers on the other. */
static void check_deadline(struct nfs_fs *fs)
{
	for (int lane = 0; lane < LANES && fs->rpc[0] != NULL; lane++) {
		if (fs->sent[lane] > 0 && am_clock() - fs->heard[lane] >= fs->options.timeout) {
			am_nfs_note_lost(fs, "no answer in time");
			am_nfs_disconnect(fs);
		}
	}
}

int am_nfs_pump(struct am_fs *const *list, size_t count, int wait_ms, struct am_put **done,
	struct am_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		if (fs->making > 0 && send_due(fs, error) != 0) {
			if (!fs->base.complete)
				am_error_prefix(error, "%s", fs->name);
			fs->base.complete = 0;
			return -1;
		}
		if (fs->done != NULL)
			wait_ms = 0;
	}
	receive(list, count, wait_ms);
	for (size_t i = 0; i < count; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		process_ready(fs);
		check_deadline(fs);
		while (fs->done != NULL) {
			struct am_put *put = fs->done;

			fs->done = put->next;
			put->next = *done;
			*done = put;
		}
	}
	return 0;
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
		return am_fail(error, "ENOMEM", "%s", strerror(ENOMEM));
	work->call.queue = fs;
	work->lane = fs->lane;
	fs->lane = (fs->lane + 1) % LANES;
	work->put = put;
	put->outcome = (enum am_put_outcome)0;
	put->fresh = put->complete = 0;
	work->next = fs->first;
	if (fs->first != NULL)
		fs->first->previous = work;
	fs->first = work;
	fs->making++;
	fs->writing += put->kind < AM_GET_LIST;
	if (put->kind == AM_PUT_DATA || put->kind == AM_PUT_CLOSE || put->kind > AM_GET_LOOK)
		work->handle = *put->file;
	if (put->kind >= AM_GET_LIST)
		am_nfs_get_begin(work);
	else if (put->kind == AM_PUT_DATA)
		write_rest(work);
	else if (put->kind == AM_PUT_CLOSE && put->commit)
		commit(work);
	else if (put->kind == AM_PUT_CLOSE || put->kind == AM_PUT_ATTR)
		set(work, SET);
	else if (put->kind == AM_PUT_HARD)
		find(work, SOURCE, put->from, put->from_name);
	else
		make(work);
	return 0;
}

void am_nfs_drop(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	if (fs->making > 0)
		am_nfs_disconnect(fs);
	while (fs->first != NULL) {
		struct work *work = fs->first;

		unlink_work(work);
		free_work(work);
	}
	fs->ready = NULL;
	fs->done = NULL;
	fs->first_due = fs->last_due = NULL;
	memset(fs->sent, 0, sizeof fs->sent);
	fs->give_up = 0;
}
