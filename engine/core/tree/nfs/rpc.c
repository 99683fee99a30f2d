/* SPDX-License-Identifier: MIT */
#include "tree/nfs/rpc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	BUCKETS = 512, /* a power of two; xids are given in order */
	HEAD_SIZE = 512,
	IDLE_MAX = 512,
	CALL_HEADER = 128, /* at most, with the credential */
	PARTS = 64,        /* handed to the system at a time */
	RECEIVE_MIN = 64 << 10,
	RECEIVE_ROUNDS = 8,
	VERIFIER_MAX = 400,
};

/* Message types and states of RFC 5531. */
enum { CALL = 0, REPLY = 1, RPC_VERSION = 2, ACCEPTED = 0, DENIED = 1 };
enum { SUCCESS, PROG_UNAVAIL, PROG_MISMATCH, PROC_UNAVAIL, GARBAGE_ARGS, SYSTEM_ERR };
enum { RPC_MISMATCH = 0, AUTH_ERROR = 1, AUTH_NONE = 0, AUTH_SYS = 1 };

struct request {
	struct request *same_bucket, *next_out;
	uint32_t xid;
	int sent; /* to its last byte */
	void (*done)(void *, enum am_rpc_outcome, struct am_xdr *, const char *);
	void *context;
	const void *data;
	size_t data_length, head_length;
	size_t capacity; /* of head: mark, header and arguments */
	unsigned char head[];
};

struct am_rpc {
	struct am_wire *wire;
	uint32_t uid, gid, xid;
	struct request *buckets[BUCKETS];
	struct request *first_out, *last_out; /* what is to be sent, in order */
	size_t progress;                      /* bytes of the first that went already */
	struct request *idle;
	size_t idle_count;
	/*
	 * What came: `joined` bytes at `start` are fragments of a record that is not whole yet,
	 * `next` is where the mark of the next fragment begins.
	 */
	unsigned char *in;
	size_t capacity, start, joined, next, filled;
};

/* ---- the connection ---- */

struct am_rpc *am_rpc_over(struct am_wire *wire, uint32_t uid, uint32_t gid, struct am_error *error)
{
	struct am_rpc *rpc = calloc(1, sizeof *rpc);
	struct timespec now = {0};

	if (rpc == NULL) {
		am_fail_reason(error, ENOMEM);
		wire->ops->close(wire);
		return NULL;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc->wire = wire;
	rpc->uid = uid;
	rpc->gid = gid;
	rpc->xid = (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)getpid();
	return rpc;
}

int am_rpc_fd(const struct am_rpc *rpc)
{
	return rpc->wire->ops->fd(rpc->wire);
}

short am_rpc_events(const struct am_rpc *rpc)
{
	return rpc->wire->ops->events(rpc->wire, rpc->first_out != NULL);
}

int am_rpc_ready(const struct am_rpc *rpc)
{
	return rpc->wire->ops->ready(rpc->wire);
}

int am_rpc_connected(const struct am_rpc *rpc)
{
	return rpc->wire->connected;
}

/* ---- requests ---- */

static struct request *new_request(struct am_rpc *rpc, size_t head)
{
	struct request *request = rpc->idle;
	size_t capacity = head < HEAD_SIZE ? HEAD_SIZE : head;

	if (request != NULL && capacity == HEAD_SIZE) {
		rpc->idle = request->next_out;
		rpc->idle_count--;
		return request;
	}
	request = malloc(sizeof *request + capacity);
	if (request != NULL)
		request->capacity = capacity;
	return request;
}

static void drop_request(struct am_rpc *rpc, struct request *request)
{
	if (request->capacity != HEAD_SIZE || rpc->idle_count >= IDLE_MAX) {
		free(request);
		return;
	}
	request->next_out = rpc->idle;
	rpc->idle = request;
	rpc->idle_count++;
}

static struct request **find(struct am_rpc *rpc, uint32_t xid)
{
	struct request **link = &rpc->buckets[xid % BUCKETS];

	while (*link != NULL && (*link)->xid != xid)
		link = &(*link)->same_bucket;
	return link;
}

static void put_header(
	struct am_rpc *rpc, const struct am_rpc_request *asked, struct am_xdr_out *out)
{
	static const char machine[] = "altmig";

	am_xdr_put_u32(out, rpc->xid);
	am_xdr_put_u32(out, CALL);
	am_xdr_put_u32(out, RPC_VERSION);
	am_xdr_put_u32(out, asked->program);
	am_xdr_put_u32(out, asked->version);
	am_xdr_put_u32(out, asked->procedure);
	am_xdr_put_u32(out, AUTH_SYS);
	am_xdr_put_u32(out, 4 + 4 + 8 + 4 + 4 + 4);
	am_xdr_put_u32(out, 0); /* stamp */
	am_xdr_put_string(out, machine);
	am_xdr_put_u32(out, rpc->uid);
	am_xdr_put_u32(out, rpc->gid);
	am_xdr_put_u32(out, 0); /* further groups */
	am_xdr_put_u32(out, AUTH_NONE);
	am_xdr_put_u32(out, 0);
}

static size_t padding(size_t length)
{
	return (4 - length % 4) % 4;
}

int am_rpc_send(struct am_rpc *rpc, const struct am_rpc_request *asked, struct am_error *error)
{
	size_t room = 4 + CALL_HEADER + asked->args_length + 4;
	struct request *request;
	struct am_xdr_out out;
	uint32_t mark;

	if (rpc->wire == NULL)
		return am_fail(error, "EPIPE", "%s", strerror(EPIPE));
	if (asked->args_length > AM_RPC_ARGS_MAX || asked->data_length > AM_RPC_DATA_MAX)
		return am_fail(error, "E2BIG", "the request is too large");
	request = new_request(rpc, room);
	if (request == NULL)
		return am_fail_reason(error, ENOMEM);
	rpc->xid++;
	out = (struct am_xdr_out){request->head + 4, request->head + request->capacity, 0};
	put_header(rpc, asked, &out);
	am_xdr_put_fixed(&out, asked->args, asked->args_length);
	if (asked->data != NULL)
		am_xdr_put_u32(&out, (uint32_t)asked->data_length);
	request->head_length = (size_t)(out.at - request->head);
	request->data = asked->data;
	request->data_length = asked->data != NULL ? asked->data_length : 0;
	mark = 0x80000000u | (uint32_t)(request->head_length - 4 + request->data_length +
					padding(request->data_length));
	out.at = request->head;
	am_xdr_put_u32(&out, mark);
	request->xid = rpc->xid;
	request->sent = 0;
	request->done = asked->done;
	request->context = asked->context;
	request->next_out = NULL;
	request->same_bucket = rpc->buckets[rpc->xid % BUCKETS];
	rpc->buckets[rpc->xid % BUCKETS] = request;
	if (rpc->last_out != NULL)
		rpc->last_out->next_out = request;
	else
		rpc->first_out = request;
	rpc->last_out = request;
	return 0;
}

/* ---- sending ---- */

/* Adds what is left of a part to the list; `skip` bytes of all parts went already. */
static void add_part(
	struct iovec *parts, size_t *count, const void *data, size_t length, size_t *skip)
{
	if (*skip >= length) {
		*skip -= length;
		return;
	}
	parts[*count].iov_base = (char *)data + *skip;
	parts[*count].iov_len = length - *skip;
	(*count)++;
	*skip = 0;
}

static size_t whole_length(const struct request *request)
{
	return request->head_length + request->data_length + padding(request->data_length);
}

static void note_sent(struct am_rpc *rpc, size_t n)
{
	rpc->progress += n;
	while (rpc->first_out != NULL && rpc->progress >= whole_length(rpc->first_out)) {
		struct request *request = rpc->first_out;

		rpc->progress -= whole_length(request);
		request->sent = 1;
		request->data = NULL;
		rpc->first_out = request->next_out;
		if (rpc->first_out == NULL)
			rpc->last_out = NULL;
	}
}

/* Sends until nothing is left or no more is taken. */
static int send_queued(struct am_rpc *rpc, struct am_error *error)
{
	static const unsigned char zeros[4];

	while (rpc->first_out != NULL) {
		struct iovec parts[PARTS];
		size_t count = 0, skip = rpc->progress;
		ssize_t n;

		for (const struct request *r = rpc->first_out; r != NULL && count + 3 <= PARTS;
			r = r->next_out) {
			add_part(parts, &count, r->head, r->head_length, &skip);
			add_part(parts, &count, r->data, r->data_length, &skip);
			add_part(parts, &count, zeros, padding(r->data_length), &skip);
		}
		n = rpc->wire->ops->send(rpc->wire, parts, count, error);
		if (n <= 0)
			return (int)n;
		note_sent(rpc, (size_t)n);
	}
	return 0;
}

/* ---- receiving ---- */

static int broken(struct am_error *error, const char *what)
{
	return am_fail(error, "EPROTO", "the server does not keep to the protocol: %s", what);
}

static const char *refusal(uint32_t accepted, uint32_t state)
{
	static const char *const reasons[] = {NULL, "the server does not serve this program",
		"the server does not serve this version of the program",
		"the server does not know this procedure",
		"the server cannot read the arguments of the call", "the server is out of order"};

	if (accepted)
		return state < sizeof reasons / sizeof *reasons ? reasons[state] : NULL;
	if (state == AUTH_ERROR)
		return "the server refuses this host's credential (AUTH_SYS)";
	return state == RPC_MISMATCH ? "the server speaks another version of RPC" : NULL;
}

/* One whole record. Nothing of a request is touched before its reply's header is read. */
static int take_record(
	struct am_rpc *rpc, const unsigned char *data, size_t length, struct am_error *error)
{
	struct am_xdr xdr = {data, data + length, 0};
	uint32_t xid = am_xdr_u32(&xdr), type = am_xdr_u32(&xdr), kind = am_xdr_u32(&xdr);
	uint32_t state, unused;
	struct request **link = find(rpc, xid), *request = *link;
	const char *why = NULL;

	if (!xdr.bad && (type != REPLY || (kind != ACCEPTED && kind != DENIED)))
		return broken(error, "a record that is no reply");
	if (kind == ACCEPTED) {
		am_xdr_u32(&xdr);
		am_xdr_opaque(&xdr, VERIFIER_MAX, &unused);
	}
	state = am_xdr_u32(&xdr);
	if (xdr.bad)
		return broken(error, "the header of a reply is damaged");
	if (request == NULL)
		return broken(error, "a reply to no request");
	if (!request->sent)
		return broken(error, "a reply to a request that is still being sent");
	if (kind != ACCEPTED || state != SUCCESS) {
		why = refusal(kind == ACCEPTED, state);
		if (why == NULL)
			return broken(error, "a reply with an unknown state");
	}
	*link = request->same_bucket;
	request->done(request->context, why == NULL ? AM_RPC_ANSWERED : AM_RPC_REFUSED, &xdr, why);
	drop_request(rpc, request);
	return 0;
}

/* Takes whole records; *need is how many bytes from `next` on the next fragment has. */
static int take_records(struct am_rpc *rpc, size_t *need, struct am_error *error)
{
	*need = 4;
	while (rpc->filled - rpc->next >= 4) {
		size_t there = rpc->filled - rpc->next, length;
		struct am_xdr xdr = {rpc->in + rpc->next, rpc->in + rpc->filled, 0};
		uint32_t mark = am_xdr_u32(&xdr);

		length = mark & 0x7fffffff;
		if (length > AM_RPC_RECORD_MAX - rpc->joined)
			return broken(error, "a record that is too long");
		if (length == 0 && (mark & 0x80000000u) == 0)
			return broken(error, "an empty fragment of a record");
		*need = 4 + length;
		if (there < *need)
			return 0;
		if (rpc->joined == 0)
			rpc->start = rpc->next + 4;
		else
			memmove(rpc->in + rpc->start + rpc->joined, rpc->in + rpc->next + 4,
				length);
		rpc->joined += length;
		rpc->next += *need;
		if ((mark & 0x80000000u) != 0) {
			size_t whole = rpc->joined;

			rpc->joined = 0;
			if (take_record(rpc, rpc->in + rpc->start, whole, error) != 0)
				return -1;
		}
		*need = 4;
	}
	return 0;
}

/* Room behind `filled` for the rest of the fragment that has `need` bytes, and a little more. */
static int make_room(struct am_rpc *rpc, size_t need, struct am_error *error)
{
	size_t first = rpc->joined > 0 ? rpc->start : rpc->next;
	size_t kept = rpc->filled - first;
	size_t wanted = rpc->next - first + need;
	unsigned char *larger;

	if (wanted < kept + RECEIVE_MIN / 2)
		wanted = kept + RECEIVE_MIN / 2;
	if (rpc->capacity - first < wanted && first > 0) {
		if (kept > 0)
			memmove(rpc->in, rpc->in + first, kept);
		rpc->start = 0;
		rpc->next -= first;
		rpc->filled = kept;
		first = 0;
	}
	if (rpc->capacity - first >= wanted)
		return 0;
	wanted = wanted < RECEIVE_MIN ? RECEIVE_MIN : wanted + wanted / 2;
	larger = realloc(rpc->in, wanted);
	if (larger == NULL)
		return am_fail_reason(error, ENOMEM);
	rpc->in = larger;
	rpc->capacity = wanted;
	return 0;
}

static int receive(struct am_rpc *rpc, struct am_error *error)
{
	size_t need;

	for (int i = 0; i < RECEIVE_ROUNDS; i++) {
		size_t room;
		ssize_t n;

		if (take_records(rpc, &need, error) != 0 || make_room(rpc, need, error) != 0)
			return -1;
		room = rpc->capacity - rpc->filled;
		n = rpc->wire->ops->receive(rpc->wire, rpc->in + rpc->filled, room, error);
		if (n <= 0)
			return (int)n;
		rpc->filled += (size_t)n;
		if ((size_t)n < room)
			break; /* that was all */
	}
	return take_records(rpc, &need, error);
}

int am_rpc_service(struct am_rpc *rpc, short revents, struct am_error *error)
{
	if (revents == 0)
		return 0;
	if ((revents & POLLNVAL) != 0)
		return am_fail(error, "EPIPE", "%s", strerror(EPIPE));
	if (!rpc->wire->connected && rpc->wire->ops->finish(rpc->wire, error) != 0)
		return -1;
	if ((revents & POLLOUT) != 0 && send_queued(rpc, error) != 0)
		return -1;
	if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		return receive(rpc, error);
	return 0;
}

void am_rpc_close(struct am_rpc *rpc)
{
	if (rpc == NULL)
		return;
	rpc->wire->ops->close(rpc->wire);
	rpc->wire = NULL;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (rpc->buckets[i] != NULL) {
			struct request *request = rpc->buckets[i];

			rpc->buckets[i] = request->same_bucket;
			request->done(request->context, AM_RPC_LOST, NULL, "connection lost");
			free(request);
		}
	}
	while (rpc->idle != NULL) {
		struct request *request = rpc->idle;

		rpc->idle = request->next_out;
		free(request);
	}
	free(rpc->in);
	free(rpc);
}
