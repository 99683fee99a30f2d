/* SPDX-License-Identifier: MIT */
#include "tree/nfs/request.h"

#include "base/cancel.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
	struct am_rpc *rpc = fs->rpc[lane];

	fs->rpc[lane] = NULL;
	am_rpc_close(rpc);
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

void am_nfs_note_broken(struct nfs_fs *fs, const struct am_error *why)
{
	am_nfs_note_lost(fs, why->message);
	fs->violations += strcmp(why->code, "EPROTO") == 0;
}

/* Waits for the socket once. 0, or -1 when the connection is gone. */
static int service(struct nfs_fs *fs, int lane)
{
	struct am_rpc *rpc = fs->rpc[lane];
	struct pollfd p = {am_rpc_fd(rpc), am_rpc_events(rpc), 0};
	int n = poll(&p, 1, POLL_MS);
	struct am_error why;

	if (n < 0 && errno != EINTR) {
		am_nfs_note_lost(fs, strerror(errno));
		return -1;
	}
	if (n > 0 && am_rpc_service(rpc, p.revents, &why) != 0) {
		am_nfs_note_broken(fs, &why);
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

/* Not reached or not answered; with what to look at. */
static int fail_mount(struct nfs_fs *fs, const char *why, const char *check, struct am_error *error)
{
	fs->base.complete = 1;
	return am_fail(
		error, "NFS_MOUNT", "mount: %s: %.200s; check that %s", fs->name, why, check);
}

/* `reached`: it answers, but not with what is wanted. */
static int fail_program(struct nfs_fs *fs, const char *what, int reached, const char *reason,
	struct am_error *error)
{
	char why[300], check[300];

	snprintf(why, sizeof why, "%s%s: %s", what, reached ? "" : " not reached",
		am_reason(reason));
	snprintf(check, sizeof check,
		"%.100s is up, serves NFS version 3, and lets this host reach rpcbind, mountd and "
		"nfsd",
		fs->host);
	return fail_mount(fs, why, check, error);
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
	default:
		return fail_mount(fs, "the server refuses", check, error);
	}
}

/* Waits until connected (step NULL) or answered. 1: not in time, or the connection is gone. */
static int wait_for(struct nfs_fs *fs, int lane, const struct step *step, double deadline,
	struct am_error *error)
{
	while (step != NULL ? !step->done : !am_rpc_connected(fs->rpc[lane])) {
		if (am_cancelled())
			return am_fail(error, "CANCELLED", "cancelled");
		if (am_clock() > deadline) {
			am_nfs_note_lost(fs, "no answer in time");
			return 1;
		}
		if (service(fs, lane) != 0)
			return 1;
	}
	return 0;
}

/* All addresses of the server are tried. */
static int connect_port(
	struct nfs_fs *fs, int lane, uint32_t port, const char *what, struct am_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	uint32_t uid = fs->uid >= 0 ? (uint32_t)fs->uid : getuid();
	uint32_t gid = fs->gid >= 0 ? (uint32_t)fs->gid : getgid();
	char service_name[12];
	int r;

	drop_lane(fs, lane);
	snprintf(service_name, sizeof service_name, "%u", (unsigned)port);
	r = getaddrinfo(fs->host, service_name, &hints, &list);
	if (r != 0)
		return fail_program(fs, what, 0, gai_strerror(r), error);
	r = 1;
	for (const struct addrinfo *to = list; to != NULL && r == 1; to = to->ai_next) {
		struct am_error why;

		fs->rpc[lane] = am_rpc_connect(
			to->ai_addr, to->ai_addrlen, uid, gid, port != AM_PORTMAP_PORT, &why);
		if (fs->rpc[lane] == NULL) {
			am_nfs_note_lost(fs, why.message);
			continue;
		}
		r = wait_for(fs, lane, NULL, am_clock() + fs->options.timeout, error);
		if (r != 0)
			drop_lane(fs, lane);
	}
	freeaddrinfo(list);
	return r == 1 ? fail_program(fs, what, 0, fs->lost, error) : r;
}

static void step_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	(void)results;
	step->outcome = outcome;
	step->done = 1;
	if (why != NULL)
		snprintf(step->text, sizeof step->text, "%s", why);
}

static void step_bad(struct step *step)
{
	step->outcome = AM_RPC_REFUSED;
	snprintf(step->text, sizeof step->text, "the server's answer is damaged");
}

static void port_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	step_done(context, outcome, results, why);
	if (outcome != AM_RPC_ANSWERED)
		return;
	step->port = am_portmap_result(results);
	if (results->bad)
		step_bad(step);
}

static void mount_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct step *step = context;

	step_done(context, outcome, results, why);
	if (outcome != AM_RPC_ANSWERED)
		return;
	step->mount_status = am_xdr_u32(results);
	if (step->mount_status == MNT3_OK)
		am_mount_result(results, &step->handle);
	if (results->bad)
		step_bad(step);
}

/* One request while connecting; its results are in fs->step. */
static int ask(struct nfs_fs *fs, int lane, struct am_rpc_call *call, const char *what,
	struct am_error *error)
{
	struct am_error why;
	int r;

	memset(&fs->step, 0, sizeof fs->step);
	call->context = &fs->step;
	if (am_rpc_send(fs->rpc[lane], call, &why) != 0)
		return fail_program(fs, what, 0, why.message, error);
	r = wait_for(fs, lane, &fs->step, am_clock() + fs->options.timeout, error);
	if (r != 0 || fs->step.outcome != AM_RPC_ANSWERED)
		drop_lane(fs, lane);
	if (r < 0)
		return -1;
	if (r == 0 && fs->step.outcome == AM_RPC_ANSWERED)
		return 0;
	return fail_program(fs, what, r == 0 && fs->step.outcome == AM_RPC_REFUSED,
		r == 0 && fs->step.text[0] != '\0' ? fs->step.text : fs->lost, error);
}

int am_nfs_ask_port(struct nfs_fs *fs, int lane, uint32_t program, uint32_t version,
	const char *what, uint32_t *port, struct am_error *error)
{
	unsigned char args[16];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_call call = {.program = AM_PORTMAP_PROGRAM,
		.version = AM_PORTMAP_VERSION,
		.procedure = AM_PORTMAP_GETPORT,
		.args = args,
		.args_length = sizeof args,
		.done = port_done};

	am_xdr_put_u32(&out, program);
	am_xdr_put_u32(&out, version);
	am_xdr_put_u32(&out, IPPROTO_TCP);
	am_xdr_put_u32(&out, 0);
	if (ask(fs, lane, &call, what, error) != 0)
		return -1;
	*port = fs->step.port;
	if (*port == 0)
		return fail_program(fs, what, 0, "it is not registered with rpcbind", error);
	return 0;
}

/* A connection to a program of the server. */
static int connect_program(struct nfs_fs *fs, int lane, int port, uint32_t program,
	uint32_t version, const char *what, struct am_error *error)
{
	uint32_t at = (uint32_t)port;

	if (port == 0 &&
		(connect_port(fs, lane, AM_PORTMAP_PORT, what, error) != 0 ||
			am_nfs_ask_port(fs, lane, program, version, what, &at, error) != 0))
		return -1;
	return connect_port(fs, lane, at, what, error);
}

int am_nfs_ask_mount(struct nfs_fs *fs, struct am_handle *handle, struct am_error *error)
{
	unsigned char args[AM_MOUNT_PATH_MAX + 8];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_call call = {.program = AM_MOUNT_PROGRAM,
		.version = AM_MOUNT_VERSION,
		.procedure = AM_MOUNT_MNT,
		.args = args,
		.done = mount_done};

	am_xdr_put_string(&out, fs->export);
	call.args_length = (size_t)(out.at - args);
	fs->base.calls++;
	if (ask(fs, 0, &call, "mountd", error) != 0)
		return -1;
	if (fs->step.mount_status != MNT3_OK)
		return refused(fs, error);
	*handle = fs->step.handle;
	return 0;
}

int am_nfs_ask_nothing(struct nfs_fs *fs, int lane, struct am_error *error)
{
	struct am_rpc_call call = {.program = AM_NFS3_PROGRAM,
		.version = AM_NFS3_VERSION,
		.procedure = AM_NFS3_NULL,
		.done = step_done};

	return ask(fs, lane, &call, "nfsd", error);
}

static int same_handle(const struct am_handle *a, const struct am_handle *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* MOUNT, then the connections that are kept. Everything seen before must still be what it was. */
static int connect_mount(struct nfs_fs *fs, struct am_error *error)
{
	struct am_handle handle;

	am_nfs_disconnect(fs);
	memset(&fs->step, 0, sizeof fs->step);
	if (connect_program(fs, 0, fs->mount_port, AM_MOUNT_PROGRAM, AM_MOUNT_VERSION, "mountd",
		    error) != 0 ||
		am_nfs_ask_mount(fs, &handle, error) != 0)
		return -1;
	if (fs->root_handle.length != 0 && !same_handle(&fs->root_handle, &handle)) {
		fs->base.complete = 1;
		return am_fail(error, "NFS_CHANGED",
			"mount: %s: another file system is exported there now", fs->name);
	}
	for (int lane = 0; lane < LANES; lane++) {
		if (connect_program(fs, lane, fs->nfs_port, AM_NFS3_PROGRAM, AM_NFS3_VERSION,
			    "nfsd", error) != 0 ||
			am_nfs_ask_nothing(fs, lane, error) != 0)
			return -1;
	}
	fs->root_handle = handle;
	fs->connects++;
	return 0;
}

/* Connects again until it works, is refused for good, or the time is up. */
static int reconnect(struct nfs_fs *fs, double give_up, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	char lost[200];
	double delay = 0.05;

	memcpy(lost, fs->lost, sizeof lost);
	if (fs->host[0] == '\0') /* see am_nfs_over */
		return am_fail(error, "NFS_LOST", "connection lost (%.150s)", lost);
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
		if (fs->violations >= VIOLATIONS_MAX)
			return am_fail(error, "NFS_PROTOCOL", "%s", fs->lost);
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

int am_nfs_writes(const struct call *call)
{
	enum am_nfs3_procedure p = call->procedure;

	return p == AM_NFS3_SETATTR || p == AM_NFS3_COMMIT ||
	       (p >= AM_NFS3_WRITE && p <= AM_NFS3_LINK);
}

/* A name in nodes[0] is made: ENOENT then means that the directory itself is gone. */
static int makes(const struct call *call)
{
	return call->procedure >= AM_NFS3_CREATE && call->procedure <= AM_NFS3_MKNOD;
}

/* Nothing is queued from here: the connection may be going down. */
static void call_done(
	void *context, enum am_rpc_outcome outcome, struct am_xdr *results, const char *why)
{
	struct call *call = context;

	if (call->queue != NULL) {
		call->next = call->queue->ready;
		call->queue->ready = call;
	}
	call->state = outcome == AM_RPC_ANSWERED ? ANSWERED : IDLE;
	if (outcome == AM_RPC_REFUSED) {
		call->failures++;
		call->refusal = why;
	}
	if (outcome != AM_RPC_ANSWERED)
		return;
	call->status = (int)am_xdr_u32(results);
	if (call->status == NFS3_OK && !results->bad && call->take != NULL)
		call->take(call, results);
	if (results->bad)
		am_fail(&call->local, "EPROTO", "the server's answer is damaged");
}

int am_nfs_send_call(struct nfs_fs *fs, struct call *call)
{
	unsigned char args[AM_RPC_ARGS_MAX];
	struct am_xdr_out out = {args, args + sizeof args, 0};
	struct am_rpc_call request = {.program = AM_NFS3_PROGRAM,
		.version = AM_NFS3_VERSION,
		.procedure = call->procedure,
		.args = args,
		.done = call_done,
		.context = call};
	struct am_error why;

	am_nfs3_encode(&out, call->procedure, &call->args, call->handles);
	request.args_length = (size_t)(out.at - args);
	if (call->procedure == AM_NFS3_WRITE) {
		request.data = call->args.data;
		request.data_length = call->args.count;
	}
	call->state = SENT;
	call->sends++;
	fs->base.calls++;
	if (am_rpc_send(fs->rpc[call->lane], &request, &why) == 0)
		return 0;
	call->state = IDLE;
	am_nfs_note_lost(fs, why.message);
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

/* What the server said of a request that it does not take, or NULL. */
static const char *refusal(struct call *const *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (calls[i]->failures >= RPC_FAILURES_MAX)
			return calls[i]->refusal;
	}
	return NULL;
}

/* After this no call is in flight. */
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
		writes |= am_nfs_writes(calls[i]);
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
		if (r == 0 && refusal(calls, count) != NULL) {
			am_nfs_disconnect(fs);
			return am_fail(error, "NFS_RPC", "%s", refusal(calls, count));
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
	       (call->status == NFS3ERR_NOENT && makes(call) && call->nodes[0] != NULL &&
		       call->nodes[0]->parent != NULL);
}

/* One call; a stale handle is looked up again once. 0 with call->status, or -1. */
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

static void use_node(struct call *call, int index, struct nfs_node *node)
{
	call->handles[index] = &node->handle;
	call->nodes[index] = node;
}

/* A request for a name in a directory. */
static struct call name_call(
	enum am_nfs3_procedure procedure, struct nfs_node *dir, const char *name)
{
	struct call call = {.procedure = procedure, .args.name = name};

	use_node(&call, 0, dir);
	return call;
}

/* ---- attributes and names ---- */

static int getattr(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	struct am_tree_stat *st, struct am_error *error)
{
	struct call call = {.procedure = AM_NFS3_GETATTR,
		.take = am_nfs_take_getattr,
		.out = st,
		.handles = {handle},
		.nodes = {node}};

	return run_ok(fs, &call, error);
}

static int lookup(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&dir->base);
	struct call call = name_call(AM_NFS3_LOOKUP, dir, name);

	*found = (struct found){0};
	call.take = am_nfs_take_lookup;
	call.out = found;
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
	struct text text = {target, size};
	struct found found;
	struct call call = {.procedure = AM_NFS3_READLINK,
		.take = am_nfs_take_readlink,
		.out = &text,
		.handles = {&found.handle}};

	if (lookup((struct nfs_node *)base, name, &found, error) != 0)
		return -1;
	if (found.stat.type != AM_TREE_LINK)
		return reason(error, EINVAL);
	return run_ok(fs_of(base), &call, error);
}

/* 1: its place in the directory is lost, and the list begins again. */
static int next_page(struct am_node *base, struct page *page, int *lists, struct am_error *error)
{
	struct call call = {.procedure = AM_NFS3_READDIRPLUS};

	am_nfs_ask_page(&call, page);
	use_node(&call, 0, (struct nfs_node *)base);
	if (run(fs_of(base), &call, error) != 0)
		return -1;
	if ((call.status == NFS3ERR_BAD_COOKIE || call.refreshed) && call.args.cookie != 0 &&
		++*lists <= LISTS_MAX)
		return 1;
	return call.status == NFS3_OK ? 0 : am_nfs_fail_status(error, call.status);
}

static int mount_list(struct am_node *base, struct am_entries *entries, struct am_error *error)
{
	struct page page = {.entries = entries, .fsid = fs_of(base)->fsid};
	int lists = 0, r = 0;

	while (r >= 0 && !page.end) {
		r = next_page(base, &page, &lists, error);
		if (r > 0)
			am_nfs_page_restart(&page);
	}
	am_nfs_page_free(&page);
	return r < 0 ? -1 : 0;
}

/* ---- attributes ---- */

static int setattr_once(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct call call = {.procedure = AM_NFS3_SETATTR,
		.args.attr = *attr,
		.handles = {handle},
		.nodes = {node}};

	return run_ok(fs, &call, error);
}

/*
 * A server may change the owner after the mode, and lose the suid bits by it: where both are
 * given, the mode is sent once more.
 */
static int set_handle(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
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
	uint64_t most;   /* nothing is read beyond */
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
	file->most = found.stat.size + AM_FILE_GROWTH_MAX;
	return &file->base;
}

struct piece {
	char *data;
	struct am_nfs3_read read;
};

static void take_read(struct call *call, struct am_xdr *results)
{
	struct piece *piece = call->out;

	if (am_nfs_take_read(call, results, &piece->read) == 0)
		memcpy(piece->data, piece->read.data, piece->read.length);
}

/*
 * A file that grows is read on, but not for ever: what a server sends without end is no file.
 */
static ssize_t mount_read(struct am_fs_file *base, void *data, size_t size, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;
	struct nfs_fs *fs = (struct nfs_fs *)base->fs;
	struct piece piece = {.data = data};
	struct call call = {.procedure = AM_NFS3_READ,
		.args.offset = file->offset,
		.args.count = size < fs->read_max ? (uint32_t)size : fs->read_max,
		.take = take_read,
		.out = &piece,
		.handles = {&file->handle}};

	if (file->end || size == 0)
		return 0;
	if (file->offset >= file->most)
		return am_fail(error, "EPROTO", "the server sends more than the file can hold");
	if (run_ok(fs, &call, error) != 0)
		return -1;
	file->offset += piece.read.length;
	file->end = piece.read.end;
	return (ssize_t)piece.read.length;
}

static void take_create(struct call *call, struct am_xdr *results)
{
	struct am_tree_stat unused;

	am_nfs3_made(results, call->out, &unused);
}

/*
 * GUARDED: a file that is there already is never opened, it may be a link of another. When the
 * answer to a first try got lost, the second says EEXIST, and tree.c removes and creates once more.
 */
static struct am_fs_file *mount_create(
	struct am_node *dir, const char *name, struct am_error *error)
{
	struct nfs_file *file = new_file(dir, NULL, error);
	struct call call = name_call(AM_NFS3_CREATE, (struct nfs_node *)dir, name);
	struct found found;
	int r;

	if (file == NULL)
		return NULL;
	call.take = take_create;
	call.out = &file->handle;
	call.args.attr = (struct am_tree_attr){.set = AM_SET_MODE, .mode = 0600};
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

/* A piece of the window; its request goes on until `left` is 0. */
struct chunk {
	struct call call;
	uint32_t left;
	enum am_nfs3_stable committed;
	char verifier[8];
};

static void take_write(struct call *call, struct am_xdr *results)
{
	struct chunk *chunk = call->out;
	struct am_nfs3_written written;

	if (am_nfs_take_written(call, results, &written) != 0)
		return;
	chunk->left -= written.count;
	call->args.offset += written.count;
	call->args.data += written.count;
	call->args.count = chunk->left;
	if (written.committed < chunk->committed)
		chunk->committed = written.committed;
	memcpy(chunk->verifier, written.verifier, sizeof chunk->verifier);
}

static void take_commit(struct call *call, struct am_xdr *results)
{
	am_nfs3_committed(results, call->out);
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
		chunk->committed = AM_NFS3_FILE_SYNC;
		chunk->call = (struct call){.procedure = AM_NFS3_WRITE,
			.args = {.offset = file->offset + at,
				.count = chunk->left,
				.stable = count == 1 ? AM_NFS3_FILE_SYNC : AM_NFS3_UNSTABLE,
				.data = file->window + at},
			.take = take_write,
			.out = chunk,
			.handles = {&file->handle}};
	}
}

/* 1: all of it is on disk, 0: the server restarted in between and has forgotten some, -1. */
static int commit(struct nfs_file *file, struct chunk *chunks, size_t count, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)file->base.fs;
	char verifier[8];
	struct call call = {.procedure = AM_NFS3_COMMIT,
		.take = take_commit,
		.out = verifier,
		.handles = {&file->handle}};
	int stable = 1;

	fs->written = file->handle;
	am_nfs_set_verifier(fs, chunks[count - 1].verifier);
	for (size_t i = 0; i < count; i++)
		stable &= chunks[i].committed == AM_NFS3_FILE_SYNC;
	if (stable)
		return 1;
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
	struct call call = name_call(AM_NFS3_MKDIR, dir, name);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	struct found found;

	call.args.attr = attr;
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
	struct call call = name_call(AM_NFS3_SYMLINK, dir, name);
	char old[AM_TREE_PATH_MAX];
	struct found found;

	call.args.other = target;
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
	struct call call = name_call(AM_NFS3_LINK, dir, to_name);
	struct found source, found;

	if (lookup((struct nfs_node *)from, from_name, &source, error) != 0)
		return -1;
	call.handles[1] = &source.handle;
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
	struct call call = name_call(AM_NFS3_RENAME, from_dir, from_name);
	struct found source, found;

	if (lookup(from_dir, from_name, &source, error) != 0)
		return -1;
	call.args.other = to_name;
	use_node(&call, 1, to_dir);
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
	struct call call = name_call(AM_NFS3_REMOVE, (struct nfs_node *)base, name);

	return remove_name(base, &call, error);
}

static int mount_rmdir(struct am_node *base, const char *name, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct call call = name_call(AM_NFS3_RMDIR, dir, name);

	forget(dir, name);
	return remove_name(base, &call, error);
}

static int mount_mknod(struct am_node *base, const char *name, enum am_tree_type type,
	uint32_t mode, uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct call call = name_call(AM_NFS3_MKNOD, dir, name);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	struct found found;

	call.args.type = type;
	call.args.attr = attr;
	call.args.major_number = major_number;
	call.args.minor_number = minor_number;
	if (run(fs_of(base), &call, error) != 0)
		return -1;
	if (call.status != NFS3_OK && !made_before(&call, dir, name, type, &found))
		return am_nfs_fail_status(error, call.status);
	return mode & 07000 ? mount_setattr(base, name, &attr, error) : 0;
}

/* ---- the file system ---- */

static void take_space(struct call *call, struct am_xdr *results)
{
	am_nfs3_space(results, call->out);
}

static int mount_df(struct am_node *base, struct am_tree_space *space, struct am_error *error)
{
	struct call call = {.procedure = AM_NFS3_FSSTAT, .take = take_space, .out = space};

	use_node(&call, 0, (struct nfs_node *)base);
	return run_ok(fs_of(base), &call, error);
}

static uint32_t transfer_size(uint32_t most)
{
	if (most < 4096)
		return 4096;
	return most < TRANSFER_MAX ? most : TRANSFER_MAX;
}

static void take_limits(struct call *call, struct am_xdr *results)
{
	struct nfs_fs *fs = call->out;
	uint32_t read_max, write_max;

	am_nfs3_limits(results, &read_max, &write_max);
	fs->read_max = transfer_size(read_max);
	fs->write_max = transfer_size(write_max);
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
	struct call call = {.procedure = AM_NFS3_COMMIT,
		.take = take_commit,
		.out = verifier,
		.handles = {&fs->written}};

	if (fs->written.length == 0)
		return 0;
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
	if (end - path >= AM_MOUNT_PATH_MAX)
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

int am_nfs_first_look(struct nfs_fs *fs, struct am_error *error)
{
	struct call call = {.procedure = AM_NFS3_FSINFO, .take = take_limits, .out = fs};
	struct am_tree_stat st;

	if (fs->root == NULL)
		fs->root = am_nfs_new_node(fs, NULL, "", &fs->root_handle, error);
	if (fs->root == NULL)
		return -1;
	use_node(&call, 0, fs->root);
	if (run_ok(fs, &call, error) != 0 ||
		getattr(fs, fs->root, &fs->root->handle, &st, error) != 0)
		return -1;
	if (st.type != AM_TREE_DIR)
		return reason(error, ENOTDIR);
	fs->fsid = st.fsid;
	return 0;
}

static struct nfs_fs *new_fs(const struct am_nfs_options *options)
{
	struct nfs_fs *fs = calloc(1, sizeof *fs);

	if (fs == NULL)
		return NULL;
	fs->base.ops = &nfs_ops;
	fs->uid = fs->gid = -1;
	fs->read_max = fs->write_max = TRANSFER_MAX;
	if (options != NULL)
		fs->options = *options;
	if (!(fs->options.timeout > 0))
		fs->options.timeout = 30;
	if (!(fs->options.retry > 0))
		fs->options.retry = 120;
	return fs;
}

struct nfs_fs *am_nfs_over(const int fds[LANES], const struct am_handle *root,
	const struct am_nfs_options *options, struct am_error *error)
{
	struct nfs_fs *fs = new_fs(options);

	if (fs == NULL) {
		am_fail_errno(error, ENOMEM, "tree");
		return NULL;
	}
	fs->root_handle = *root;
	fs->connects = 1;
	for (int lane = 0; lane < LANES; lane++)
		fs->rpc[lane] = am_rpc_over(fds[lane], getuid(), getgid(), error);
	fs->at = strdup("/");
	fs->host = strdup("");
	fs->export = strdup("/export");
	fs->name = strdup("server:/export");
	fs->root = am_nfs_new_node(fs, NULL, "", root, error);
	if (fs->at == NULL || fs->host == NULL || fs->export == NULL || fs->name == NULL ||
		fs->root == NULL || fs->rpc[0] == NULL || fs->rpc[LANES - 1] == NULL) {
		mount_destroy(&fs->base);
		return NULL;
	}
	fs->base.name = fs->name;
	return fs;
}

static struct am_fs *mount(const struct am_nfs_source *source, const struct am_nfs_options *options,
	struct am_error *error)
{
	struct nfs_fs *fs = new_fs(options);
	int r;

	if (fs == NULL) {
		am_fail_errno(error, ENOMEM, "tree: %.300s", source->url);
		return NULL;
	}
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
			r = connect_mount(fs, error) != 0 || am_nfs_first_look(fs, error) != 0 ? -1
											       : 0;
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
