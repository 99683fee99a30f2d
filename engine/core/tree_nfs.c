/* The library's headers use caddr_t, which POSIX left behind. */
#define _DEFAULT_SOURCE

#include "tree_nfs_calls.h"

#include "cancel.h"
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exported by the library, but missing in its installed headers. */
extern void rpc_set_autoreconnect(struct rpc_context *rpc, int num_retries);

static int reason(struct am_error *error, int errnum)
{
	return am_fail(error, am_errno_name(errnum), "%s", strerror(errnum));
}

static struct nfs_fs *fs_of(struct am_node *node)
{
	return (struct nfs_fs *)node->fs;
}

/* A status of the server as an error. The numbers are the protocol's, not this system's. */
int am_nfs_fail_status(struct am_error *error, int status)
{
	static const struct {
		int status, errnum;
	} map[] = {
		{NFS3ERR_PERM, EPERM},
		{NFS3ERR_NOENT, ENOENT},
		{NFS3ERR_IO, EIO},
		{NFS3ERR_NXIO, ENXIO},
		{NFS3ERR_ACCES, EACCES},
		{NFS3ERR_EXIST, EEXIST},
		{NFS3ERR_XDEV, EXDEV},
		{NFS3ERR_NODEV, ENODEV},
		{NFS3ERR_NOTDIR, ENOTDIR},
		{NFS3ERR_ISDIR, EISDIR},
		{NFS3ERR_INVAL, EINVAL},
		{NFS3ERR_FBIG, EFBIG},
		{NFS3ERR_NOSPC, ENOSPC},
		{NFS3ERR_ROFS, EROFS},
		{NFS3ERR_MLINK, EMLINK},
		{NFS3ERR_NAMETOOLONG, ENAMETOOLONG},
		{NFS3ERR_NOTEMPTY, ENOTEMPTY},
		{NFS3ERR_DQUOT, EDQUOT},
		{NFS3ERR_STALE, ESTALE},
		{NFS3ERR_BADHANDLE, ESTALE},
		{NFS3ERR_NOTSUPP, ENOTSUP},
		{NFS3ERR_BADTYPE, EINVAL},
		{NFS3ERR_JUKEBOX, EAGAIN},
	};

	for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
		if (map[i].status == status)
			return reason(error, map[i].errnum);
	}
	return am_fail(error, "EIO", "the NFS server answers with error %d", status);
}

/* ---- the connection ---- */

static void drop_lane(struct nfs_fs *fs, int lane)
{
	struct rpc_context *rpc = fs->rpc[lane];

	fs->rpc[lane] = NULL;
	if (rpc != NULL)
		rpc_destroy_context(rpc);
}

/* Outstanding calls get their callback from here, with a failure. */
void am_nfs_disconnect(struct nfs_fs *fs)
{
	for (int lane = 0; lane < LANES; lane++)
		drop_lane(fs, lane);
}

void am_nfs_note_lost(struct nfs_fs *fs, const char *text)
{
	snprintf(fs->lost, sizeof fs->lost, "%s", am_reason(text));
}

/* Waits for the socket once. 0, or -1 when the connection is gone. */
static int service(struct nfs_fs *fs, int lane)
{
	struct rpc_context *rpc = fs->rpc[lane];
	struct pollfd p = {rpc_get_fd(rpc), (short)rpc_which_events(rpc), 0};
	int n = poll(&p, 1, POLL_MS);

	if (n < 0 && errno != EINTR) {
		am_nfs_note_lost(fs, strerror(errno));
		return -1;
	}
	if (n > 0 && rpc_service(rpc, p.revents) < 0) {
		am_nfs_note_lost(fs, rpc_get_error(rpc));
		return -1;
	}
	return 0;
}

/* A pause that a cancel ends. */
static int pause_for(double seconds, struct am_error *error)
{
	double end = am_clock() + seconds;

	while (am_clock() < end) {
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		poll(NULL, 0, (int)((end - am_clock()) * 1000) % POLL_MS + 1);
	}
	return 0;
}

static void step_done(struct rpc_context *rpc, int status, void *data, void *context)
{
	struct step *step = context;

	(void)rpc;
	step->status = status;
	if (status == RPC_STATUS_ERROR && data != NULL)
		snprintf(step->text, sizeof step->text, "%s", (const char *)data);
	step->done = 1;
}

static void mount_done(struct rpc_context *rpc, int status, void *data, void *context)
{
	struct step *step = context;
	mountres3 *answer = data;

	step->handle.length = 0;
	if (status == RPC_STATUS_SUCCESS) {
		step->mount_status = answer->fhs_status;
		if (answer->fhs_status == MNT3_OK) {
			fhandle3 *from = &answer->mountres3_u.mountinfo.fhandle;

			if (from->fhandle3_len <= HANDLE_MAX) {
				step->handle.length = from->fhandle3_len;
				memcpy(step->handle.data, from->fhandle3_val, from->fhandle3_len);
			}
		}
	}
	step_done(rpc, status, data, context);
}

/* Not reached or not answered; with what to look at. */
static int fail_mount(struct nfs_fs *fs, const char *why, const char *check, struct am_error *error)
{
	fs->base.complete = 1;
	return am_fail(
		error, "NFS_MOUNT", "mount: %s: %.200s; check that %s", fs->name, why, check);
}

static int wait_step(
	struct nfs_fs *fs, int lane, int queued, const char *what, struct am_error *error)
{
	char why[300], check[300];
	double deadline = am_clock() + fs->options.timeout;
	int lost = queued < 0;

	if (lost)
		am_nfs_note_lost(fs, rpc_get_error(fs->rpc[lane]));
	while (!lost && !fs->step.done) {
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (am_clock() > deadline) {
			am_nfs_note_lost(fs, "no answer in time");
			lost = 1;
		} else {
			lost = service(fs, lane) != 0;
		}
	}
	if (fs->step.done && fs->step.status == RPC_STATUS_SUCCESS)
		return 0;
	snprintf(why, sizeof why, "%s not reached: %s", what,
		fs->step.text[0] != '\0' ? fs->step.text : am_reason(fs->lost));
	snprintf(check, sizeof check,
		"%.100s is up, serves NFS version 3, and lets this host reach rpcbind, mountd and "
		"nfsd",
		fs->host);
	return fail_mount(fs, why, check, error);
}

/* A new context connected to a program of the server. */
static int connect_program(struct nfs_fs *fs, int lane, int port, int program, int version,
	const char *what, struct am_error *error)
{
	struct rpc_context *rpc;
	int queued;

	drop_lane(fs, lane);
	memset(&fs->step, 0, sizeof fs->step);
	rpc = fs->rpc[lane] = rpc_init_context();
	if (rpc == NULL)
		return reason(error, ENOMEM);
	rpc_set_autoreconnect(rpc, 0);
	if (fs->uid >= 0)
		rpc_set_uid(rpc, fs->uid);
	if (fs->gid >= 0)
		rpc_set_gid(rpc, fs->gid);
	if (port > 0)
		queued = rpc_connect_port_async(
			rpc, fs->host, port, program, version, step_done, &fs->step);
	else
		queued = rpc_connect_program_async(
			rpc, fs->host, program, version, step_done, &fs->step);
	return wait_step(fs, lane, queued, what, error);
}

static int refused(struct nfs_fs *fs, struct am_error *error)
{
	char check[400];

	snprintf(check, sizeof check,
		"%.200s is exported to this host with root access (exportfs on %.100s), that it "
		"exists there, and that names resolve both ways",
		fs->export, fs->host);
	switch (fs->step.mount_status) {
	case MNT3ERR_PERM:
	case MNT3ERR_ACCES:
		return fail_mount(fs, "the server refuses (permission denied)", check, error);
	case MNT3ERR_NOENT:
		return fail_mount(fs, "the server refuses (no such export)", check, error);
	case MNT3ERR_NOTDIR:
		return fail_mount(fs, "the server refuses (not a directory)", check, error);
	case MNT3_OK:
		return fail_mount(fs, "the server sent an unusable file handle", check, error);
	default:
		return fail_mount(fs, "the server refuses", check, error);
	}
}

static int same_handle(const struct am_handle *a, const struct am_handle *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* MOUNT, then the connection that is kept. Everything seen before must still be what it was. */
static int connect_mount(struct nfs_fs *fs, struct am_error *error)
{
	struct am_handle handle;
	int queued;

	am_nfs_disconnect(fs);
	if (connect_program(fs, 0, fs->mount_port, MOUNT_PROGRAM, MOUNT_V3, "mountd", error) != 0)
		return -1;
	memset(&fs->step, 0, sizeof fs->step);
	fs->base.calls++;
	queued = rpc_mount3_mnt_async(fs->rpc[0], mount_done, fs->export, &fs->step);
	if (wait_step(fs, 0, queued, "mountd", error) != 0)
		return -1;
	if (fs->step.handle.length == 0)
		return refused(fs, error);
	handle = fs->step.handle;
	if (fs->root_handle.length != 0 && !same_handle(&fs->root_handle, &handle)) {
		fs->base.complete = 1;
		return am_fail(error, "NFS_CHANGED",
			"mount: %s: another file system is exported there now", fs->name);
	}
	for (int lane = 0; lane < LANES; lane++) {
		if (connect_program(fs, lane, fs->nfs_port, NFS_PROGRAM, NFS_V3, "nfsd", error) !=
			0)
			return -1;
	}
	fs->root_handle = handle;
	fs->connects++;
	return 0;
}

/* Connects anew until it works, is refused for good, or the time is up. */
static int reconnect(struct nfs_fs *fs, double give_up, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	char lost[200];
	double delay = 0.05;

	memcpy(lost, fs->lost, sizeof lost);
	for (;;) {
		fs->base.complete = 0;
		if (connect_mount(fs, why) == 0)
			return 0;
		am_nfs_disconnect(fs);
		if (strcmp(why->code, "CANCELLED") == 0 || strcmp(why->code, "NFS_CHANGED") == 0)
			return -1;
		if (am_clock() + delay > give_up)
			break;
		fs->base.complete = 0;
		if (pause_for(delay, why) != 0)
			return -1;
		delay = delay < 1 ? delay * 2 : 2;
	}
	if (fs->step.mount_status != MNT3_OK) /* reached, but it refuses: that is the news */
		return -1;
	fs->base.complete = 0;
	return am_fail(error, "NFS_LOST", "connection lost (%.150s) and not back within %g s",
		lost[0] != '\0' ? lost : "not connected", fs->options.retry);
}

static int prove(struct nfs_fs *fs, struct am_error *error)
{
	unsigned connects = fs->connects;
	int r;

	if (fs->options.guard == NULL || fs->proved == connects)
		return 0;
	if (fs->proving)
		return am_fail(error, "NFS_GUARD", "the guard itself writes");
	fs->proving = 1;
	r = fs->options.guard(fs->options.context, fs->at, error);
	fs->proving = 0;
	if (r != 0) {
		fs->base.complete = 1;
		return -1;
	}
	fs->proved = connects; /* not the present value: that may be of a later connection */
	return 0;
}

/* Connected, and proved before a write. */
int am_nfs_make_ready(struct nfs_fs *fs, int writes, double give_up, struct am_error *error)
{
	for (;;) {
		if (fs->rpc[0] == NULL && reconnect(fs, give_up, error) != 0)
			return -1;
		if (!writes)
			return 0;
		if (prove(fs, error) != 0)
			return -1;
		if (fs->rpc[0] != NULL && (fs->options.guard == NULL || fs->proved == fs->connects))
			return 0;
	}
}

/* ---- calls ---- */

/* Nothing is queued from here: on a context that is going down that would abort the program. */
static void call_done(struct rpc_context *rpc, int status, void *data, void *context)
{
	struct call *call = context;

	(void)rpc;
	if (call->queue != NULL) {
		call->next = call->queue->ready;
		call->queue->ready = call;
	}
	if (status == RPC_STATUS_SUCCESS) {
		call->status = call->take(call, data);
		call->state = ANSWERED;
		return;
	}
	call->state = IDLE;
	call->failures += status == RPC_STATUS_ERROR;
}

int am_nfs_send_call(struct nfs_fs *fs, struct call *call)
{
	for (int i = 0; i < 2; i++) {
		if (call->slots[i] != NULL) {
			call->slots[i]->data.data_len = call->handles[i]->length;
			call->slots[i]->data.data_val = call->handles[i]->data;
		}
	}
	call->state = SENT;
	call->sends++;
	fs->base.calls++;
	if (call->send(fs->rpc[call->lane], call_done, call) == 0)
		return 0;
	call->state = IDLE;
	am_nfs_note_lost(fs, rpc_get_error(fs->rpc[call->lane]));
	return -1;
}

static size_t count_state(struct call *const *calls, size_t count, int state)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += (int)calls[i]->state == state;
	return n;
}

/*
 * Sends what is not answered and waits for all of it. 0: all answered or some failed by
 * themselves; 1: the connection is gone; -1 with error.
 */
static int exchange(
	struct nfs_fs *fs, struct call *const *calls, size_t count, struct am_error *error)
{
	double deadline = am_clock() + fs->options.timeout;
	size_t left = count + 1;

	for (size_t i = 0; i < count; i++) {
		if (calls[i]->state == IDLE && am_nfs_send_call(fs, calls[i]) != 0)
			return 1;
	}
	for (;;) {
		size_t sent = count_state(calls, count, SENT);

		if (sent == 0)
			return 0;
		if (sent < left) /* an answer came: the server lives */
			deadline = am_clock() + fs->options.timeout;
		left = sent;
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (am_clock() > deadline) {
			am_nfs_note_lost(fs, "no answer in time");
			return 1;
		}
		if (service(fs, 0) != 0)
			return 1;
	}
}

/* Answers that ask for patience (the server fetches from tape, is in its grace period). */
static int reset_busy(struct call *const *calls, size_t count)
{
	int busy = 0;

	for (size_t i = 0; i < count; i++) {
		if (calls[i]->state == ANSWERED && calls[i]->status == NFS3ERR_JUKEBOX) {
			calls[i]->state = IDLE;
			busy = 1;
		}
	}
	return busy;
}

static int broken(struct call *const *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (calls[i]->failures >= RPC_FAILURES_MAX)
			return 1;
	}
	return 0;
}

/* After this no call is in flight, whether the library called back for it or not. */
static void give_up_connection(struct nfs_fs *fs, struct call *const *calls, size_t count)
{
	am_nfs_disconnect(fs);
	for (size_t i = 0; i < count; i++) {
		if (calls[i]->state == SENT)
			calls[i]->state = IDLE;
	}
}

/*
 * Brings all calls to an answer: over lost connections and busy servers, until the time is up. On
 * -1 none of them is in flight any more.
 */
static int run_calls(
	struct nfs_fs *fs, struct call *const *calls, size_t count, struct am_error *error)
{
	double give_up = am_clock() + fs->options.retry, delay = 0.1;
	int writes = 0, r;

	for (size_t i = 0; i < count; i++)
		writes |= calls[i]->writes;
	for (;;) {
		if (am_nfs_make_ready(fs, writes, give_up, error) != 0)
			return -1;
		r = exchange(fs, calls, count, error);
		if (r != 0)
			give_up_connection(fs, calls, count);
		if (r < 0)
			return -1;
		if (reset_busy(calls, count)) {
			if (am_clock() + delay > give_up)
				return am_nfs_fail_status(error, NFS3ERR_JUKEBOX);
			if (pause_for(delay, error) != 0)
				return -1;
			delay = delay < 2.5 ? delay * 2 : 5;
			continue;
		}
		if (count_state(calls, count, ANSWERED) == count)
			return 0;
		if (r == 0 && broken(calls, count)) {
			am_nfs_disconnect(fs);
			return am_fail(error, "NFS_RPC", "the server does not take the call");
		}
		if (am_clock() > give_up)
			return am_fail(error, "NFS_LOST",
				"connection lost (%.150s) and not back within %g s",
				am_reason(fs->lost), fs->options.retry);
	}
}

int am_nfs_is_stale(const struct call *call)
{
	return call->status == NFS3ERR_STALE || call->status == NFS3ERR_BADHANDLE ||
	       (call->status == NFS3ERR_NOENT && call->makes && call->nodes[0] != NULL &&
		       call->nodes[0]->parent != NULL);
}

/* One call; a stale handle is looked up anew once. 0 with call->status, or -1. */
static int run(struct nfs_fs *fs, struct call *call, struct am_error *error)
{
	struct call *const list[] = {call};

	for (;;) {
		int looked = 0;

		call->local.code[0] = '\0';
		if (run_calls(fs, list, 1, error) != 0)
			return -1;
		if (call->local.code[0] != '\0') {
			if (error != NULL)
				*error = call->local;
			return -1;
		}
		if (!am_nfs_is_stale(call) || call->refreshed)
			return 0;
		for (int i = 0; i < 2; i++) {
			struct am_error why;

			if (call->nodes[i] == NULL)
				continue;
			if (am_nfs_refresh(call->nodes[i], &why) == 0) {
				looked = 1;
			} else if (fs->base.complete || strncmp(why.code, "NFS_", 4) == 0 ||
				   strcmp(why.code, "CANCELLED") == 0) {
				if (error != NULL)
					*error = why;
				return -1;
			}
		}
		if (!looked)
			return 0;
		call->refreshed = 1;
		call->state = IDLE;
	}
}

/* The same, with any other status than OK as an error. */
static int run_ok(struct nfs_fs *fs, struct call *call, struct am_error *error)
{
	if (run(fs, call, error) != 0)
		return -1;
	return call->status == NFS3_OK ? 0 : am_nfs_fail_status(error, call->status);
}

static void use_node(struct call *call, int index, nfs_fh3 *slot, struct nfs_node *node)
{
	call->slots[index] = slot;
	call->handles[index] = &node->handle;
	call->nodes[index] = node;
}

static void use_handle(struct call *call, int index, nfs_fh3 *slot, struct am_handle *handle)
{
	call->slots[index] = slot;
	call->handles[index] = handle;
}

/* ---- answers ---- */

static int getattr(struct nfs_fs *fs, struct nfs_node *node, struct am_handle *handle,
	struct am_tree_stat *st, struct am_error *error)
{
	GETATTR3args args = {0};
	struct call call = {
		.send = am_nfs_send_getattr, .take = am_nfs_take_getattr, .args = &args, .out = st};

	use_handle(&call, 0, &args.object, handle);
	call.nodes[0] = node;
	return run_ok(fs, &call, error);
}

static int lookup(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&dir->base);
	LOOKUP3args args = {.what.name = (char *)name};
	struct call call = {.send = am_nfs_send_lookup,
		.take = am_nfs_take_lookup,
		.args = &args,
		.out = found};

	*found = (struct found){0};
	use_node(&call, 0, &args.what.dir, dir);
	if (run_ok(fs, &call, error) != 0)
		return -1;
	return found->has_stat ? 0 : getattr(fs, NULL, &found->handle, &found->stat, error);
}

/* ---- directories ---- */

static unsigned hash_of(const struct nfs_node *parent, const char *name)
{
	uint64_t hash = (uint64_t)(uintptr_t)parent * 0x9E3779B97F4A7C15u;

	while (*name != '\0')
		hash = (hash ^ (unsigned char)*name++) * 1099511628211u;
	return (unsigned)((hash >> 32) % CACHE_BUCKETS);
}

static struct nfs_node **find(struct nfs_fs *fs, const struct nfs_node *parent, const char *name)
{
	struct nfs_node **link = &fs->cache[hash_of(parent, name)];

	while (*link != NULL && ((*link)->parent != parent || strcmp((*link)->name, name) != 0))
		link = &(*link)->next;
	return link;
}

/* The name may mean another directory from now on. */
static void forget(struct nfs_node *parent, const char *name)
{
	struct nfs_fs *fs = fs_of(&parent->base);
	struct nfs_node **link = find(fs, parent, name), *node = *link;

	if (node == NULL)
		return;
	*link = node->next;
	fs->cached--;
	am_node_release(&node->base);
}

static void drop_caches(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	for (size_t i = 0; i < CACHE_BUCKETS; i++) {
		while (fs->cache[i] != NULL) {
			struct nfs_node *node = fs->cache[i];

			fs->cache[i] = node->next;
			am_node_release(&node->base);
		}
	}
	fs->cached = 0;
}

struct nfs_node *am_nfs_new_node(struct nfs_fs *fs, struct nfs_node *parent, const char *name,
	const struct am_handle *handle, struct am_error *error)
{
	size_t length = strlen(name) + 1;
	struct nfs_node *node = calloc(1, sizeof *node + length);

	if (node == NULL) {
		reason(error, ENOMEM);
		return NULL;
	}
	node->base = (struct am_node){&fs->base, 1};
	node->handle = *handle;
	memcpy(node->name, name, length);
	if (parent != NULL) {
		node->parent = parent;
		am_node_hold(&parent->base);
	}
	return node;
}

static void mount_release(struct am_node *base)
{
	struct nfs_node *node = (struct nfs_node *)base;

	if (node->parent != NULL)
		am_node_release(&node->parent->base);
	free(node);
}

static struct am_node *mount_root(struct am_fs *base, struct am_error *error)
{
	(void)error;
	return am_node_hold(&((struct nfs_fs *)base)->root->base);
}

/* What the name leads to, when that is a directory of this file system. */
int am_nfs_lookup_directory(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&dir->base);

	if (lookup(dir, name, found, error) != 0)
		return -1;
	if (found->stat.type != AM_TREE_DIR)
		return reason(error, ENOTDIR);
	if (found->stat.fsid != fs->fsid)
		return am_fail(error, "NFS_CROSSING",
			"another file system of the server is mounted there");
	return 0;
}

static struct am_node *mount_enter(struct am_node *base, const char *name, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(base);
	struct nfs_node *dir = (struct nfs_node *)base, *node = *find(fs, dir, name);
	struct nfs_node **link;
	struct found found;

	if (node != NULL)
		return am_node_hold(&node->base);
	if (am_nfs_lookup_directory(dir, name, &found, error) != 0)
		return NULL;
	node = am_nfs_new_node(fs, dir, name, &found.handle, error);
	if (node == NULL)
		return NULL;
	if (fs->cached >= CACHE_MAX)
		drop_caches(&fs->base);
	link = &fs->cache[hash_of(dir, name)];
	node->next = *link;
	*link = node;
	fs->cached++;
	return am_node_hold(&node->base);
}

/* A stale directory: found again by its name, the root by a new MOUNT. */
int am_nfs_refresh(struct nfs_node *node, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&node->base);
	struct found found;

	if (node->parent == NULL) {
		am_nfs_disconnect(fs);
		if (connect_mount(fs, error) != 0) {
			am_nfs_disconnect(fs);
			return -1;
		}
		return 0;
	}
	if (am_nfs_lookup_directory(node->parent, node->name, &found, error) != 0)
		return -1;
	node->handle = found.handle;
	return 0;
}

static int mount_stat(
	struct am_node *base, const char *name, struct am_tree_stat *st, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct found found;

	if (name == NULL)
		return getattr(fs_of(base), dir, &dir->handle, st, error);
	if (lookup(dir, name, &found, error) != 0)
		return -1;
	*st = found.stat;
	return 0;
}

static int mount_readlink(
	struct am_node *base, const char *name, char *target, size_t size, struct am_error *error)
{
	READLINK3args args = {0};
	struct text text = {target, size};
	struct call call = {.send = am_nfs_send_readlink,
		.take = am_nfs_take_readlink,
		.args = &args,
		.out = &text};
	struct found found;

	if (lookup((struct nfs_node *)base, name, &found, error) != 0)
		return -1;
	if (found.stat.type != AM_TREE_LINK)
		return reason(error, EINVAL);
	use_handle(&call, 0, &args.symlink, &found.handle);
	return run_ok(fs_of(base), &call, error);
}

static int mount_list(struct am_node *base, struct am_entries *entries, struct am_error *error)
{
	struct page page = {.entries = entries, .fsid = fs_of(base)->fsid};
	int lists = 0;

	while (!page.end) {
		READDIRPLUS3args args = {
			.cookie = page.cookie, .dircount = LIST_BYTES / 4, .maxcount = LIST_BYTES};
		struct call call = {.send = am_nfs_send_readdirplus,
			.take = am_nfs_take_readdirplus,
			.args = &args,
			.out = &page};

		memcpy(args.cookieverf, page.verifier, sizeof args.cookieverf);
		use_node(&call, 0, &args.dir, (struct nfs_node *)base);
		if (run(fs_of(base), &call, error) != 0)
			return -1;
		/* Its place in the directory is lost: the list begins again. */
		if ((call.status == NFS3ERR_BAD_COOKIE || call.refreshed) && args.cookie != 0 &&
			++lists <= LISTS_MAX) {
			am_entries_free(entries);
			page = (struct page){.entries = entries, .fsid = page.fsid};
			continue;
		}
		if (call.status != NFS3_OK)
			return am_nfs_fail_status(error, call.status);
		if (page.count == 0 && !page.end)
			return am_fail(error, "EPROTO", "the server does not go on with the list");
	}
	return 0;
}

/* ---- attributes ---- */

static int setattr_once(struct nfs_fs *fs, struct nfs_node *node, struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error)
{
	SETATTR3args args = {0};
	struct call call = {.send = am_nfs_send_setattr,
		.take = am_nfs_take_status,
		.args = &args,
		.writes = 1};

	am_nfs_fill_sattr(attr, &args.new_attributes);
	use_handle(&call, 0, &args.object, handle);
	call.nodes[0] = node;
	return run_ok(fs, &call, error);
}

/*
 * A server may change the owner after the mode, and lose the suid bits by it: where both are
 * given, the mode is sent once more.
 */
static int set_handle(struct nfs_fs *fs, struct nfs_node *node, struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_tree_attr mode = *attr;

	if (attr->set == 0)
		return 0;
	if ((attr->set & (AM_SET_ATIME | AM_SET_MTIME)) &&
		(attr->atime.seconds < 0 || attr->mtime.seconds < 0 ||
			attr->atime.seconds > UINT32_MAX || attr->mtime.seconds > UINT32_MAX))
		return reason(error, EINVAL);
	if (setattr_once(fs, node, handle, attr, error) != 0)
		return -1;
	if ((attr->set & AM_SET_MODE) == 0 || (attr->mode & 07000) == 0 ||
		(attr->set & (AM_SET_UID | AM_SET_GID)) == 0)
		return 0;
	mode.set = AM_SET_MODE;
	return setattr_once(fs, node, handle, &mode, error);
}

static int mount_setattr(struct am_node *base, const char *name, const struct am_tree_attr *attr,
	struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct am_tree_attr allowed = *attr;
	struct found found;

	if (name == NULL)
		return set_handle(fs_of(base), dir, &dir->handle, attr, error);
	if (lookup(dir, name, &found, error) != 0)
		return -1;
	if (found.stat.type == AM_TREE_LINK)
		allowed.set &= ~(unsigned)AM_SET_MODE;
	return set_handle(fs_of(base), NULL, &found.handle, &allowed, error);
}

/* ---- files ---- */

struct nfs_file {
	struct am_fs_file base;
	struct am_node *dir; /* keeps the file system's nodes in order */
	struct am_handle handle;
	uint64_t offset; /* of the next read, or of the window */
	int end;
	char *window;
	size_t filled;
};

static struct nfs_file *new_file(
	struct am_node *dir, const struct am_handle *handle, struct am_error *error)
{
	struct nfs_file *file = calloc(1, sizeof *file);

	if (file == NULL) {
		reason(error, ENOMEM);
		return NULL;
	}
	file->base.fs = dir->fs;
	file->dir = am_node_hold(dir);
	if (handle != NULL)
		file->handle = *handle;
	return file;
}

static void mount_close(struct am_fs_file *base)
{
	struct nfs_file *file = (struct nfs_file *)base;

	am_node_release(file->dir);
	free(file->window);
	free(file);
}

static struct am_fs_file *mount_open(struct am_node *dir, const char *name, struct am_error *error)
{
	struct found found;
	struct nfs_file *file;

	if (lookup((struct nfs_node *)dir, name, &found, error) != 0)
		return NULL;
	if (found.stat.type != AM_TREE_FILE) {
		reason(error, found.stat.type == AM_TREE_DIR ? EISDIR : EINVAL);
		return NULL;
	}
	file = new_file(dir, &found.handle, error);
	if (file == NULL)
		return NULL;
	file->end = found.stat.size == 0;
	return &file->base;
}

struct piece {
	char *data;
	uint32_t wanted, got;
	int end;
};

static int take_read(struct call *call, void *answer)
{
	READ3res *res = answer;
	READ3resok *good = &res->READ3res_u.resok;
	struct piece *piece = call->out;

	if (res->status != NFS3_OK)
		return (int)res->status;
	piece->end = good->eof != 0;
	piece->got = good->data.data_len;
	if (piece->got > piece->wanted) {
		am_fail(&call->local, "EPROTO", "the server sent more than was asked for");
		return NFS3ERR_IO;
	}
	memcpy(piece->data, good->data.data_val, piece->got);
	return NFS3_OK;
}

static ssize_t mount_read(struct am_fs_file *base, void *data, size_t size, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;
	struct nfs_fs *fs = (struct nfs_fs *)base->fs;
	struct piece piece = {.data = data};
	READ3args args = {.offset = file->offset};
	struct call call = {
		.send = am_nfs_send_read, .take = take_read, .args = &args, .out = &piece};

	if (file->end || size == 0)
		return 0;
	piece.wanted = size < fs->read_max ? (uint32_t)size : fs->read_max;
	args.count = piece.wanted;
	use_handle(&call, 0, &args.file, &file->handle);
	if (run_ok(fs, &call, error) != 0)
		return -1;
	file->offset += piece.got;
	file->end = piece.end || piece.got == 0;
	return (ssize_t)piece.got;
}

static int take_create(struct call *call, void *answer)
{
	CREATE3res *res = answer;
	post_op_fh3 *object = &res->CREATE3res_u.resok.obj;
	struct am_handle *handle = call->out;

	handle->length = 0;
	if (res->status == NFS3_OK && object->handle_follows)
		am_nfs_take_handle(call, &object->post_op_fh3_u.handle, handle);
	return (int)res->status;
}

/*
 * GUARDED: a file that is there already is never opened, it may be a link of another. When the
 * answer to a first try got lost, the second says EEXIST, and tree.c removes and creates once more.
 */
static struct am_fs_file *mount_create(
	struct am_node *dir, const char *name, struct am_error *error)
{
	struct nfs_file *file = new_file(dir, NULL, error);
	CREATE3args args = {.where.name = (char *)name, .how.mode = GUARDED};
	struct call call = {.send = am_nfs_send_create,
		.take = take_create,
		.args = &args,
		.writes = 1,
		.makes = 1};
	struct found found;
	int r;

	if (file == NULL)
		return NULL;
	call.out = &file->handle;
	args.how.createhow3_u.g_obj_attributes.mode.set_it = 1;
	args.how.createhow3_u.g_obj_attributes.mode.set_mode3_u.mode = 0600;
	use_node(&call, 0, &args.where.dir, (struct nfs_node *)dir);
	r = run_ok(fs_of(dir), &call, error);
	if (r == 0 && file->handle.length == 0) {
		r = lookup((struct nfs_node *)dir, name, &found, error);
		file->handle = found.handle;
	}
	if (r == 0)
		return &file->base;
	mount_close(&file->base);
	return NULL;
}

struct chunk {
	struct call call;
	WRITE3args args;
	uint32_t left, committed;
	char verifier[8];
};

static int take_write(struct call *call, void *answer)
{
	WRITE3res *res = answer;
	WRITE3resok *good = &res->WRITE3res_u.resok;
	struct chunk *chunk = call->out;

	if (res->status != NFS3_OK)
		return (int)res->status;
	if (good->count == 0 || good->count > chunk->left) {
		am_fail(&call->local, "EIO", "the server wrote nothing");
		return NFS3ERR_IO;
	}
	chunk->left -= good->count;
	chunk->args.offset += good->count;
	chunk->args.data.data_val += good->count;
	chunk->args.data.data_len = chunk->args.count = chunk->left;
	if (good->committed < chunk->committed)
		chunk->committed = good->committed;
	memcpy(chunk->verifier, good->verf, sizeof chunk->verifier);
	return NFS3_OK;
}

static int take_commit(struct call *call, void *answer)
{
	COMMIT3res *res = answer;

	if (res->status == NFS3_OK)
		memcpy(call->out, res->COMMIT3res_u.resok.verf, 8);
	return (int)res->status;
}

void am_nfs_set_verifier(struct nfs_fs *fs, const char *verifier)
{
	if (fs->has_verifier && memcmp(fs->verifier, verifier, sizeof fs->verifier) != 0)
		fs->base.restarts++;
	memcpy(fs->verifier, verifier, sizeof fs->verifier);
	fs->has_verifier = 1;
}

/* Sends all chunks at once; those written in part go on until nothing is left. */
static int write_chunks(
	struct nfs_fs *fs, struct chunk *chunks, size_t count, struct am_error *error)
{
	struct call *calls[WINDOW / 4096 + 1];
	size_t n;

	for (;;) {
		n = 0;
		for (size_t i = 0; i < count; i++) {
			if (chunks[i].left > 0) {
				chunks[i].call.state = IDLE;
				calls[n++] = &chunks[i].call;
			}
		}
		if (n == 0)
			return 0;
		if (run_calls(fs, calls, n, error) != 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (calls[i]->local.code[0] != '\0') {
				if (error != NULL)
					*error = calls[i]->local;
				return -1;
			}
			if (calls[i]->status != NFS3_OK)
				return am_nfs_fail_status(error, calls[i]->status);
		}
	}
}

static void prepare_chunks(struct nfs_file *file, struct chunk *chunks, size_t count, uint32_t size)
{
	for (size_t i = 0; i < count; i++) {
		struct chunk *chunk = &chunks[i];
		size_t at = i * size;

		memset(chunk, 0, sizeof *chunk);
		chunk->left = (uint32_t)(file->filled - at < size ? file->filled - at : size);
		chunk->committed = FILE_SYNC;
		chunk->args.offset = file->offset + at;
		chunk->args.count = chunk->args.data.data_len = chunk->left;
		chunk->args.data.data_val = file->window + at;
		chunk->args.stable = count == 1 ? FILE_SYNC : UNSTABLE;
		chunk->call = (struct call){.send = am_nfs_send_write,
			.take = take_write,
			.args = &chunk->args,
			.out = chunk,
			.writes = 1};
		use_handle(&chunk->call, 0, &chunk->args.file, &file->handle);
	}
}

/* 1: all of it is on disk, 0: the server restarted in between and has forgotten some, -1. */
static int commit(struct nfs_file *file, struct chunk *chunks, size_t count, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)file->base.fs;
	char verifier[8];
	COMMIT3args args = {0};
	struct call call = {.send = am_nfs_send_commit,
		.take = take_commit,
		.args = &args,
		.out = verifier,
		.writes = 1};
	int stable = 1;

	fs->written = file->handle;
	am_nfs_set_verifier(fs, chunks[count - 1].verifier);
	for (size_t i = 0; i < count; i++)
		stable &= chunks[i].committed == FILE_SYNC;
	if (stable)
		return 1;
	use_handle(&call, 0, &args.file, &file->handle);
	if (run_ok(fs, &call, error) != 0)
		return -1;
	am_nfs_set_verifier(fs, verifier);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(chunks[i].verifier, verifier, sizeof verifier) != 0)
			return 0;
	}
	return 1;
}

/* Writes the window and makes sure of it: its data are kept until the server has committed. */
static int flush(struct nfs_file *file, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)file->base.fs;
	size_t count = (file->filled + fs->write_max - 1) / fs->write_max;
	struct chunk *chunks;
	int r = 0;

	if (count == 0)
		return 0;
	chunks = calloc(count, sizeof *chunks);
	if (chunks == NULL)
		return reason(error, ENOMEM);
	for (int i = 0; r == 0 && i < REWRITES_MAX; i++) {
		prepare_chunks(file, chunks, count, fs->write_max);
		r = write_chunks(fs, chunks, count, error);
		if (r == 0)
			r = commit(file, chunks, count, error);
	}
	free(chunks);
	if (r == 0)
		return am_fail(error, "EIO", "the server keeps forgetting what was written");
	if (r < 0)
		return -1;
	file->offset += file->filled;
	file->filled = 0;
	return 0;
}

static int mount_write(
	struct am_fs_file *base, const void *data, size_t length, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;
	const char *p = data;

	if (file->window == NULL) {
		file->window = malloc(WINDOW);
		if (file->window == NULL)
			return reason(error, ENOMEM);
	}
	while (length > 0) {
		size_t n = WINDOW - file->filled < length ? WINDOW - file->filled : length;

		memcpy(file->window + file->filled, p, n);
		file->filled += n;
		p += n;
		length -= n;
		if (file->filled == WINDOW && flush(file, error) != 0)
			return -1;
	}
	return 0;
}

static int mount_finish(
	struct am_fs_file *base, const struct am_tree_attr *attr, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;

	if (flush(file, error) != 0)
		return -1;
	return set_handle((struct nfs_fs *)base->fs, NULL, &file->handle, attr, error);
}

/* ---- names ---- */

/*
 * A name that is there although this call was to make it: when the call was sent more than once,
 * the first try may have made it. `type` must fit.
 */
static int made_before(struct call *call, struct nfs_node *dir, const char *name,
	enum am_tree_type type, struct found *found)
{
	return call->status == NFS3ERR_EXIST && call->sends > 1 &&
	       lookup(dir, name, found, NULL) == 0 && found->stat.type == type;
}

static int mount_mkdir(
	struct am_node *base, const char *name, uint32_t mode, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	MKDIR3args args = {.where.name = (char *)name};
	struct call call = {.send = am_nfs_send_mkdir,
		.take = am_nfs_take_status,
		.args = &args,
		.writes = 1,
		.makes = 1};
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	struct found found;

	am_nfs_fill_sattr(&attr, &args.attributes);
	use_node(&call, 0, &args.where.dir, dir);
	forget(dir, name);
	if (run(fs_of(base), &call, error) != 0)
		return -1;
	if (call.status != NFS3_OK && !made_before(&call, dir, name, AM_TREE_DIR, &found))
		return am_nfs_fail_status(error, call.status);
	return mode & 07000 ? mount_setattr(base, name, &attr, error) : 0;
}

static int mount_symlink(
	struct am_node *base, const char *name, const char *target, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	SYMLINK3args args = {.where.name = (char *)name, .symlink.symlink_data = (char *)target};
	struct call call = {.send = am_nfs_send_symlink,
		.take = am_nfs_take_status,
		.args = &args,
		.writes = 1,
		.makes = 1};
	char old[AM_TREE_PATH_MAX];
	struct found found;

	use_node(&call, 0, &args.where.dir, dir);
	if (run(fs_of(base), &call, error) != 0)
		return -1;
	if (call.status == NFS3_OK)
		return 0;
	if (made_before(&call, dir, name, AM_TREE_LINK, &found) &&
		mount_readlink(base, name, old, sizeof old, NULL) == 0 && strcmp(old, target) == 0)
		return 0;
	return am_nfs_fail_status(error, call.status);
}

static int mount_link(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)to;
	LINK3args args = {.link.name = (char *)to_name};
	struct call call = {
		.send = am_nfs_send_link, .take = am_nfs_take_status, .args = &args, .writes = 1};
	struct found source, found;

	if (lookup((struct nfs_node *)from, from_name, &source, error) != 0)
		return -1;
	use_handle(&call, 0, &args.file, &source.handle);
	use_node(&call, 1, &args.link.dir, dir);
	if (run(fs_of(to), &call, error) != 0)
		return -1;
	if (call.status == NFS3_OK)
		return 0;
	if (made_before(&call, dir, to_name, source.stat.type, &found) &&
		found.stat.ino == source.stat.ino)
		return 0;
	return am_nfs_fail_status(error, call.status);
}

/* Looks at the source first, to know it again at the other end should the answer get lost. */
static int mount_rename(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct nfs_node *from_dir = (struct nfs_node *)from, *to_dir = (struct nfs_node *)to;
	RENAME3args args = {.from.name = (char *)from_name, .to.name = (char *)to_name};
	struct call call = {
		.send = am_nfs_send_rename, .take = am_nfs_take_status, .args = &args, .writes = 1};
	struct found source, found;

	if (lookup(from_dir, from_name, &source, error) != 0)
		return -1;
	use_node(&call, 0, &args.from.dir, from_dir);
	use_node(&call, 1, &args.to.dir, to_dir);
	forget(from_dir, from_name);
	forget(to_dir, to_name);
	if (run(fs_of(from), &call, error) != 0)
		return -1;
	if (call.status == NFS3_OK)
		return 0;
	if (call.status == NFS3ERR_NOENT && call.sends > 1 &&
		lookup(to_dir, to_name, &found, NULL) == 0 && found.stat.ino == source.stat.ino)
		return 0;
	return am_nfs_fail_status(error, call.status);
}

static int remove_name(struct am_node *base, struct call *call, struct am_error *error)
{
	if (run(fs_of(base), call, error) != 0)
		return -1;
	if (call->status == NFS3_OK || (call->status == NFS3ERR_NOENT && call->sends > 1))
		return 0;
	return am_nfs_fail_status(error, call->status);
}

static int mount_unlink(struct am_node *base, const char *name, struct am_error *error)
{
	REMOVE3args args = {.object.name = (char *)name};
	struct call call = {
		.send = am_nfs_send_remove, .take = am_nfs_take_status, .args = &args, .writes = 1};

	use_node(&call, 0, &args.object.dir, (struct nfs_node *)base);
	return remove_name(base, &call, error);
}

static int mount_rmdir(struct am_node *base, const char *name, struct am_error *error)
{
	RMDIR3args args = {.object.name = (char *)name};
	struct call call = {
		.send = am_nfs_send_rmdir, .take = am_nfs_take_status, .args = &args, .writes = 1};

	use_node(&call, 0, &args.object.dir, (struct nfs_node *)base);
	forget((struct nfs_node *)base, name);
	return remove_name(base, &call, error);
}

static int mount_mknod(struct am_node *base, const char *name, enum am_tree_type type,
	uint32_t mode, uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	MKNOD3args args = {.where.name = (char *)name};
	struct call call = {.send = am_nfs_send_mknod,
		.take = am_nfs_take_status,
		.args = &args,
		.writes = 1,
		.makes = 1};
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	devicedata3 *device = &args.what.mknoddata3_u.chr_device;
	struct found found;

	args.what.type = type == AM_TREE_BLOCK  ? NF3BLK
			 : type == AM_TREE_CHAR ? NF3CHR
			 : type == AM_TREE_FIFO ? NF3FIFO
						: NF3SOCK;
	if (type == AM_TREE_BLOCK || type == AM_TREE_CHAR) {
		am_nfs_fill_sattr(&attr, &device->dev_attributes);
		device->spec.specdata1 = major_number;
		device->spec.specdata2 = minor_number;
	} else {
		am_nfs_fill_sattr(&attr, &args.what.mknoddata3_u.pipe_attributes);
	}
	use_node(&call, 0, &args.where.dir, dir);
	if (run(fs_of(base), &call, error) != 0)
		return -1;
	if (call.status != NFS3_OK && !made_before(&call, dir, name, type, &found))
		return am_nfs_fail_status(error, call.status);
	return mode & 07000 ? mount_setattr(base, name, &attr, error) : 0;
}

/* ---- the file system ---- */

static int take_fsstat(struct call *call, void *answer)
{
	FSSTAT3res *res = answer;
	FSSTAT3resok *good = &res->FSSTAT3res_u.resok;

	if (res->status == NFS3_OK)
		*(struct am_tree_space *)call->out = (struct am_tree_space){
			good->tbytes, good->fbytes, good->abytes, good->ffiles};
	return (int)res->status;
}

static int mount_df(struct am_node *base, struct am_tree_space *space, struct am_error *error)
{
	FSSTAT3args args = {0};
	struct call call = {
		.send = am_nfs_send_fsstat, .take = take_fsstat, .args = &args, .out = space};

	use_node(&call, 0, &args.fsroot, (struct nfs_node *)base);
	return run_ok(fs_of(base), &call, error);
}

static uint32_t transfer_size(uint32_t most)
{
	if (most < 4096)
		return 4096;
	return most < TRANSFER_MAX ? most : TRANSFER_MAX;
}

static int take_fsinfo(struct call *call, void *answer)
{
	FSINFO3res *res = answer;
	struct nfs_fs *fs = call->out;

	if (res->status == NFS3_OK) {
		fs->read_max = transfer_size(res->FSINFO3res_u.resok.rtmax);
		fs->write_max = transfer_size(res->FSINFO3res_u.resok.wtmax);
	}
	return (int)res->status;
}

static void hex_of(const char *bytes, size_t length, char *hex)
{
	for (size_t i = 0; i < length; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
}

static int mount_describe(struct am_fs *base, struct am_tree_mount *mount, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	(void)error;
	snprintf(mount->host, sizeof mount->host, "%s", fs->host);
	snprintf(mount->export, sizeof mount->export, "%s", fs->export);
	mount->fsid = fs->fsid;
	mount->connects = fs->connects;
	hex_of(fs->root_handle.data, fs->root_handle.length, mount->handle);
	if (fs->has_verifier)
		hex_of(fs->verifier, sizeof fs->verifier, mount->verifier);
	return 0;
}

static int mount_prove(struct am_fs *base, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	fs->proved = 0;
	return am_nfs_make_ready(fs, 1, am_clock() + fs->options.retry, error);
}

static int mount_probe(struct am_fs *base, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;
	char verifier[8];
	COMMIT3args args = {0};
	struct call call = {.send = am_nfs_send_commit,
		.take = take_commit,
		.args = &args,
		.out = verifier,
		.writes = 1};

	if (fs->written.length == 0)
		return 0;
	use_handle(&call, 0, &args.file, &fs->written);
	if (run(fs, &call, error) != 0)
		return -1;
	if (call.status == NFS3_OK)
		am_nfs_set_verifier(fs, verifier);
	return 0; /* a file that is gone says nothing about the server */
}

static size_t mount_largest(struct am_fs *base)
{
	return ((struct nfs_fs *)base)->write_max;
}

static void mount_destroy(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	drop_caches(base);
	am_nfs_disconnect(fs);
	if (fs->root != NULL)
		am_node_release(&fs->root->base);
	free(fs->at);
	free(fs->host);
	free(fs->export);
	free(fs->name);
	free(fs);
}

static const struct am_fs_ops nfs_ops = {
	.root = mount_root,
	.enter = mount_enter,
	.release = mount_release,
	.stat = mount_stat,
	.setattr = mount_setattr,
	.readlink = mount_readlink,
	.list = mount_list,
	.open = mount_open,
	.read = mount_read,
	.create = mount_create,
	.write = mount_write,
	.finish = mount_finish,
	.close = mount_close,
	.mkdir = mount_mkdir,
	.symlink = mount_symlink,
	.link = mount_link,
	.rename = mount_rename,
	.unlink = mount_unlink,
	.rmdir = mount_rmdir,
	.mknod = mount_mknod,
	.df = mount_df,
	.describe = mount_describe,
	.drop_caches = drop_caches,
	.prove = mount_prove,
	.child = am_nfs_child,
	.settle = am_nfs_settle,
	.put = am_nfs_put,
	.pump = am_nfs_pump,
	.drop = am_nfs_drop,
	.probe = mount_probe,
	.largest = mount_largest,
	.destroy = mount_destroy,
};

/* ---- making one ---- */

static int bad_url(const char *url, const char *why, struct am_error *error)
{
	return am_fail(error, "EINVAL", "tree: %.300s: %s", url, why);
}

/* "name=number" up to the next '&'. */
static int parse_option(struct nfs_fs *fs, const char *url, const char *option, size_t length,
	struct am_error *error)
{
	static const char *const names[] = {"nfsport=", "mountport=", "uid=", "gid=", "version="};
	int *const values[] = {&fs->nfs_port, &fs->mount_port, &fs->uid, &fs->gid, NULL};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t skip = strlen(names[i]);
		unsigned long value;
		char *end;

		if (length <= skip || strncmp(option, names[i], skip) != 0)
			continue;
		errno = 0;
		value = strtoul(option + skip, &end, 10);
		if (end != option + length || errno != 0 || option[skip] == '-' ||
			value > (i < 2 ? 65535 : INT32_MAX))
			return bad_url(url, "bad number in an option", error);
		if (values[i] != NULL)
			*values[i] = (int)value;
		else if (value != 3)
			return bad_url(url, "only NFS version 3 is spoken", error);
		return 0;
	}
	return bad_url(url, "unknown option", error);
}

static int parse_url(struct nfs_fs *fs, const char *url, struct am_error *error)
{
	const char *host = strncmp(url, "nfs://", 6) == 0 ? url + 6 : NULL;
	const char *path, *end;
	size_t length;

	if (host == NULL)
		return bad_url(url, "nfs://HOST/EXPORT expected", error);
	path = strchr(host, '/');
	length = path != NULL ? (size_t)(path - host) : 0;
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length == 0 || length > 255)
		return bad_url(url, "nfs://HOST/EXPORT expected", error);
	end = path + strcspn(path, "?");
	if (end - path >= MNTPATHLEN)
		return bad_url(url, "the export's path is too long", error);
	fs->host = strndup(host, length);
	fs->export = strndup(path, (size_t)(end - path));
	if (fs->host == NULL || fs->export == NULL)
		return am_fail_errno(error, ENOMEM, "tree: %.300s", url);
	while (*end != '\0') {
		size_t option = strcspn(++end, "&");

		if (option > 0 && parse_option(fs, url, end, option, error) != 0)
			return -1;
		end += option;
	}
	return 0;
}

/* What the server says about the export, once connected. */
static int first_look(struct nfs_fs *fs, struct am_error *error)
{
	FSINFO3args args = {0};
	struct call call = {
		.send = am_nfs_send_fsinfo, .take = take_fsinfo, .args = &args, .out = fs};
	struct am_tree_stat st;

	fs->root = am_nfs_new_node(fs, NULL, "", &fs->root_handle, error);
	if (fs->root == NULL)
		return -1;
	use_node(&call, 0, &args.fsroot, fs->root);
	if (run_ok(fs, &call, error) != 0 ||
		getattr(fs, fs->root, &fs->root->handle, &st, error) != 0)
		return -1;
	if (st.type != AM_TREE_DIR)
		return reason(error, ENOTDIR);
	fs->fsid = st.fsid;
	return 0;
}

static struct am_fs *mount(const struct am_nfs_source *source, const struct am_nfs_options *options,
	struct am_error *error)
{
	struct nfs_fs *fs = calloc(1, sizeof *fs);
	int r;

	if (fs == NULL) {
		am_fail_errno(error, ENOMEM, "tree: %.300s", source->url);
		return NULL;
	}
	fs->base.ops = &nfs_ops;
	fs->uid = fs->gid = -1;
	if (options != NULL)
		fs->options = *options;
	if (!(fs->options.timeout > 0))
		fs->options.timeout = 30;
	if (!(fs->options.retry > 0))
		fs->options.retry = 120;
	r = parse_url(fs, source->url, error);
	if (r == 0) {
		size_t size = strlen(fs->host) + strlen(fs->export) + 2;

		fs->at = strdup(source->at);
		fs->name = malloc(size);
		if (fs->at == NULL || fs->name == NULL) {
			r = am_fail_errno(error, ENOMEM, "tree: %.300s", source->url);
		} else {
			snprintf(fs->name, size, "%s:%s", fs->host, fs->export);
			fs->base.name = fs->name;
			r = connect_mount(fs, error) != 0 || first_look(fs, error) != 0 ? -1 : 0;
			if (r != 0 && !fs->base.complete)
				am_error_prefix(error, "mount: %s", fs->name);
		}
	}
	if (r == 0)
		return &fs->base;
	mount_destroy(&fs->base);
	return NULL;
}

struct am_tree *am_tree_nfs(const struct am_nfs_source *sources, size_t count,
	const struct am_nfs_options *options, struct am_error *error)
{
	struct am_fs **fs = calloc(count + 1, sizeof *fs);
	const char **at = calloc(count + 1, sizeof *at);
	struct am_tree *tree = NULL;
	size_t n = 0;

	if (fs == NULL || at == NULL) {
		am_fail_errno(error, ENOMEM, "tree");
	} else {
		while (n < count && (fs[n] = mount(&sources[n], options, error)) != NULL) {
			at[n] = sources[n].at;
			n++;
		}
		if (n == count) {
			tree = am_tree_of(at, fs, count, error);
			n = 0; /* the tree has them, or has freed them */
		}
		while (n > 0) {
			n--;
			fs[n]->ops->destroy(fs[n]);
		}
	}
	free(fs);
	free(at);
	return tree;
}
