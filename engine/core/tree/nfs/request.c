/* SPDX-License-Identifier: MIT */
#include "tree/nfs/request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "tree/nfs/names.h"
#include "tree/nfs/work.h"

enum {
	REFUSALS_MAX = 3, /* of a request, by a server that does not take it */
	FDS_MAX = 256,
	BUSY_MS = 20, /* while something waits for a server that is busy */
};

/* Somebody who waits for requests. */
struct wait {
	size_t left;
};

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
			return am_fail_reason(error, map[i].errnum);
	}
	return am_fail(error, "EIO", "the NFS server answers with error %d", status);
}

/* ---- the queue ---- */

static void make_due(struct request *request)
{
	struct nfs_fs *fs = request->fs;

	request->state = IDLE;
	if (request->due)
		return;
	request->due = 1;
	request->next_due = NULL;
	if (fs->last_due != NULL)
		fs->last_due->next_due = request;
	else
		fs->due = request;
	fs->last_due = request;
}

static void make_due_first(struct request *request)
{
	struct nfs_fs *fs = request->fs;

	request->due = 1;
	request->next_due = fs->due;
	fs->due = request;
	if (fs->last_due == NULL)
		fs->last_due = request;
}

static struct request *take_due(struct nfs_fs *fs)
{
	struct request *request = fs->due;

	if (request == NULL)
		return NULL;
	fs->due = request->next_due;
	if (fs->due == NULL)
		fs->last_due = NULL;
	request->due = 0;
	return request;
}

void am_nfs_start(struct nfs_fs *fs, struct request *request)
{
	request->fs = fs;
	request->status = request->sends = request->resent = request->complete = 0;
	request->refused = request->refreshed = request->due = 0;
	request->not_before = request->delay = request->busy_since = 0;
	request->error.code[0] = '\0';
	request->previous = NULL;
	request->next = fs->first;
	if (fs->first != NULL)
		fs->first->previous = request;
	else
		fs->give_up = 0; /* nothing was under way: patience begins afresh */
	fs->first = request;
	make_due(request);
}

/* It is over: on no list any more. */
static void leave(struct request *request)
{
	struct nfs_fs *fs = request->fs;

	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		fs->first = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
}

void am_nfs_forget(struct request *request)
{
	struct nfs_fs *fs = request->fs;
	struct request **link;

	for (link = &fs->ready; *link != NULL; link = &(*link)->next_ready) {
		if (*link == request) {
			*link = request->next_ready;
			break;
		}
	}
	if (request->due) {
		struct request *before = NULL;

		for (link = &fs->due; *link != request; link = &(*link)->next_due)
			before = *link;
		*link = request->next_due;
		if (fs->last_due == request)
			fs->last_due = before;
	}
	leave(request);
}

/* ---- sending ---- */

/* Changes something on the server: the guard has to allow it. */
static int writes(const struct request *request)
{
	enum am_nfs3_procedure p = request->procedure;

	return p == AM_NFS3_SETATTR || p == AM_NFS3_COMMIT ||
	       (p >= AM_NFS3_WRITE && p <= AM_NFS3_LINK);
}

/* From here nothing is sent: the connection may be going down. */
static void over(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct request *request = context;
	struct nfs_fs *fs = request->fs;

	request->next_ready = fs->ready;
	fs->ready = request;
	request->state = IDLE;
	if (fs->sent[request->connection] > 0)
		fs->sent[request->connection]--;
	if (outcome == AM_RPC_LOST) {
		request->resent = 1;
		return;
	}
	fs->heard[request->connection] = am_clock();
	fs->give_up = 0;
	if (outcome == AM_RPC_REFUSED && request->procedure == AM_NFS3_READDIRPLUS) {
		request->state = ANSWERED; /* there is another way */
		request->status = NFS3ERR_NOTSUPP;
		return;
	}
	if (outcome == AM_RPC_REFUSED) {
		if (++request->refused >= REFUSALS_MAX)
			am_fail(&request->error, "NFS_RPC", "%s", why);
		return;
	}
	request->state = ANSWERED;
	request->status = (int)am_xdr_u32(results);
	if (request->status == NFS3_OK && !results->bad && request->take != NULL)
		request->take(request, results);
	if (results->bad)
		am_fail(&request->error, "EPROTO", "the server's answer is damaged");
}

static int send_one(struct request *request)
{
	struct nfs_fs *fs = request->fs;
	unsigned char args[AM_RPC_ARGS_MAX];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_request asked = {.program = AM_NFS3_PROGRAM,
		.version = AM_NFS3_VERSION,
		.procedure = request->procedure,
		.args = args,
		.done = over,
		.context = request};
	struct am_error why;

	am_nfs3_encode(&out, request->procedure, &request->args, request->handles);
	asked.args_length = (size_t)(out.at - args);
	if (request->procedure == AM_NFS3_WRITE) {
		asked.data = request->args.data;
		asked.data_length = request->args.count;
	}
	if (am_rpc_send(fs->rpc[request->connection], &asked, &why) != 0) {
		am_nfs_note_lost(fs, why.message);
		return -1;
	}
	request->state = SENT;
	request->sends++;
	fs->base.requests++;
	if (fs->sent[request->connection]++ == 0)
		fs->heard[request->connection] = am_clock();
	return 0;
}

/* There is a connection, or the time for it is not up: it is made. */
static int have_connection(struct nfs_fs *fs, struct am_error *error)
{
	if (fs->rpc[0] == NULL) {
		if (fs->give_up == 0)
			fs->give_up = am_clock() + fs->options.retry;
		if (am_clock() >= fs->give_up || fs->base.closing)
			return am_fail(error, "NFS_LOST",
				"connection lost (%.150s) and not back within %g s", fs->lost,
				fs->options.retry);
		if (am_nfs_make_ready(fs, 0, fs->give_up, error) != 0)
			return -1;
	}
	if (fs->connection != fs->connects) {
		memset(fs->sent, 0, sizeof fs->sent);
		fs->connection = fs->connects;
	}
	return 0;
}

/* The guard itself reads over this mount: until it is done, what writes stays queued. */
static int unchecked(const struct nfs_fs *fs, const struct request *request)
{
	return writes(request) && fs->options.guard != NULL && fs->checked != fs->connects;
}

static int send_due(struct nfs_fs *fs, struct am_error *error)
{
	struct request *request, *last;

	if (have_connection(fs, error) != 0)
		return -1;
	last = fs->last_due;
	while ((request = take_due(fs)) != NULL) {
		if (request->not_before > am_clock() || (fs->checking && unchecked(fs, request))) {
			make_due(request);
		} else if (unchecked(fs, request)) {
			make_due_first(request);
			if (am_nfs_make_ready(fs, 1, am_clock() + fs->options.retry, error) != 0 ||
				have_connection(fs, error) != 0)
				return -1;
			last = fs->last_due;
			continue;
		} else if (send_one(request) != 0) {
			make_due(request);
			am_nfs_disconnect(fs);
			return 0;
		}
		if (request == last)
			break;
	}
	return 0;
}

/* ---- receiving ---- */

static void receive(struct am_fs *const *list, size_t count, int wait_ms)
{
	struct pollfd fds[FDS_MAX];
	struct nfs_fs *of[FDS_MAX];
	int ready[FDS_MAX], some_ready = 0;
	nfds_t n = 0;

	for (size_t i = 0; i < count && n + CONNECTIONS <= FDS_MAX; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		for (int c = 0; fs->first != NULL && fs->rpc[0] != NULL && c < CONNECTIONS; c++) {
			ready[n] = am_rpc_ready(fs->rpc[c]);
			some_ready |= ready[n];
			fds[n] = (struct pollfd){
				am_rpc_fd(fs->rpc[c]), am_rpc_events(fs->rpc[c]), 0};
			of[n++] = fs;
		}
		if (fs->due != NULL && wait_ms > BUSY_MS)
			wait_ms = BUSY_MS;
	}
	if (n == 0 || (poll(fds, n, some_ready ? 0 : wait_ms) <= 0 && !some_ready))
		return;
	for (nfds_t i = 0; i < n; i++) {
		struct am_rpc *rpc = of[i]->rpc[i % CONNECTIONS];
		struct am_error why;

		if (ready[i])
			fds[i].revents |= POLLIN;

		/* NULL: the other connection was just found dead, and both are closed. */
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
	for (int c = 0; c < CONNECTIONS && fs->rpc[0] != NULL; c++) {
		if (fs->sent[c] > 0 && am_clock() - fs->heard[c] >= fs->options.timeout) {
			am_nfs_note_lost(fs, "no answer in time");
			am_nfs_disconnect(fs);
		}
	}
}

/* ---- what to do with an answer ---- */

/* Patience for a server that fetches from tape or is in its grace period: 1 when it is asked again.
 */
static int is_busy(struct request *request)
{
	if (request->status != NFS3ERR_JUKEBOX)
		return 0;
	if (request->delay == 0) {
		request->delay = 0.1;
		request->busy_since = am_clock();
	} else if (request->delay < 2.5) {
		request->delay *= 2;
	}
	if (am_clock() + request->delay - request->busy_since > request->fs->options.retry)
		return 0;
	request->not_before = am_clock() + request->delay;
	make_due(request);
	return 1;
}

/* Also a name that cannot be made since its directory is gone. */
static int is_stale(const struct request *request)
{
	int makes = request->procedure >= AM_NFS3_CREATE && request->procedure <= AM_NFS3_MKNOD;

	return request->status == NFS3ERR_STALE || request->status == NFS3ERR_BADHANDLE ||
	       (request->status == NFS3ERR_NOENT && makes && request->nodes[0] != NULL &&
		       request->nodes[0]->parent != NULL);
}

/* Not only this directory is gone, or nothing more should be tried. */
static int is_fatal(const struct nfs_fs *fs, const struct am_error *error)
{
	return fs->base.complete || strncmp(error->code, "NFS_", 4) == 0 ||
	       strcmp(error->code, "CANCELLED") == 0;
}

/* The request goes again; a list in its middle has to begin again, with the caller. */
static int go_again(struct request *request)
{
	int is_list =
		request->procedure == AM_NFS3_READDIRPLUS || request->procedure == AM_NFS3_READDIR;

	if (is_list && request->args.cookie != 0) {
		request->status = NFS3ERR_BAD_COOKIE;
		return 0;
	}
	make_due(request);
	return 1;
}

/* A stale directory is looked up again, once: 1 when the request goes again. */
static int is_refreshed(struct request *request)
{
	int found = 0;

	if (request->refreshed || !is_stale(request))
		return 0;
	request->refreshed = 1;
	for (int i = 0; i < 2; i++) {
		struct am_error why;

		if (request->nodes[i] == NULL || (i == 1 && request->nodes[1] == request->nodes[0]))
			continue;
		if (am_nfs_refresh_node(request->nodes[i], &why) == 0) {
			found = 1;
		} else if (is_fatal(request->fs, &why)) {
			request->error = why;
			request->complete = request->fs->base.complete;
			return 0;
		}
	}
	if (!found)
		return 0;
	return go_again(request);
}

/* A server may be told not to take READDIRPLUS: READDIR is asked from then on. */
static int is_plain_list(struct request *request)
{
	if (request->procedure != AM_NFS3_READDIRPLUS || request->status != NFS3ERR_NOTSUPP)
		return 0;
	request->fs->plain_lists = 1;
	request->procedure = AM_NFS3_READDIR;
	return go_again(request);
}

/* 1: it goes on, and is on a list again. */
static int goes_on(struct request *request)
{
	if (request->error.code[0] != '\0')
		return 0;
	if (request->state == IDLE) {
		make_due(request);
		return 1;
	}
	return is_busy(request) || is_plain_list(request) || is_refreshed(request);
}

static struct request *take_ready(struct nfs_fs *fs, const struct wait *wait)
{
	for (struct request **link = &fs->ready; *link != NULL; link = &(*link)->next_ready) {
		struct request *request = *link;

		if (request->wait == wait) {
			*link = request->next_ready;
			return request;
		}
	}
	return NULL;
}

/*
 * Only what `wait` waits for (NULL: works): looking a stale directory up waits within this, and the
 * answers to others stay listed meanwhile.
 */
static void process(struct nfs_fs *fs, struct wait *wait)
{
	struct request *request;

	while ((request = take_ready(fs, wait)) != NULL) {
		if (goes_on(request))
			continue;
		leave(request);
		if (wait != NULL)
			wait->left--;
		else
			am_nfs_work_on((struct work *)request);
	}
}

/* ---- waiting ---- */

int am_nfs_exchange(struct am_fs *const *list, size_t count, int wait_ms, struct nfs_fs **failed,
	struct am_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct nfs_fs *fs = (struct nfs_fs *)list[i];

		*failed = fs;
		process(fs, NULL);
		if (fs->first != NULL && send_due(fs, error) != 0)
			return -1;
		if (fs->done != NULL)
			wait_ms = 0;
	}
	receive(list, count, wait_ms);
	for (size_t i = 0; i < count; i++) {
		process((struct nfs_fs *)list[i], NULL);
		check_deadline((struct nfs_fs *)list[i]);
	}
	return 0;
}

static int wait_for(struct nfs_fs *fs, struct wait *wait, struct am_error *error)
{
	struct am_fs *const list[] = {&fs->base};

	while (wait->left > 0) {
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (send_due(fs, error) != 0)
			return -1;
		receive(list, 1, POLL_MS);
		process(fs, wait);
		check_deadline(fs);
	}
	return 0;
}

int am_nfs_run_all(
	struct nfs_fs *fs, struct request *const *requests, size_t count, struct am_error *error)
{
	struct wait wait = {count};
	int under_way = 0;

	for (size_t i = 0; i < count; i++) {
		if (fs->checking && writes(requests[i]))
			return am_fail(error, "NFS_GUARD", "the guard itself writes");
	}
	for (size_t i = 0; i < count; i++) {
		requests[i]->wait = &wait;
		am_nfs_start(fs, requests[i]);
	}
	if (wait_for(fs, &wait, error) == 0)
		return 0;
	for (struct request *r = fs->first; r != NULL; r = r->next)
		under_way |= r->wait == &wait && r->state == SENT;
	if (under_way)
		am_nfs_disconnect(fs);
	for (struct request *r = fs->first, *next; r != NULL; r = next) {
		next = r->next;
		if (r->wait == &wait)
			am_nfs_forget(r);
	}
	return -1;
}

int am_nfs_run(struct nfs_fs *fs, struct request *request, struct am_error *error)
{
	struct request *const list[] = {request};

	if (am_nfs_run_all(fs, list, 1, error) != 0)
		return -1;
	if (request->error.code[0] == '\0')
		return 0;
	fs->base.complete = request->complete;
	if (error != NULL)
		*error = request->error;
	return -1;
}

int am_nfs_run_ok(struct nfs_fs *fs, struct request *request, struct am_error *error)
{
	if (am_nfs_run(fs, request, error) != 0)
		return -1;
	return request->status == NFS3_OK ? 0 : am_nfs_fail_status(error, request->status);
}
