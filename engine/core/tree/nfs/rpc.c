/* SPDX-License-Identifier: MIT */
#include "tree/nfs/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

enum {
	BUCKETS = 512, /* a power of two; xids are given in order */
	HEAD_SIZE = 512,
	IDLE_MAX = 512,
	CALL_HEADER = 128, /* at most, with the credential */
	PARTS = 64,        /* handed to the system at a time */
	RECEIVE_MIN = 64 << 10,
	RECEIVE_ROUNDS = 8,
	VERIFIER_MAX = 400,
	RESERVED_FIRST = 600, /* below are ports that services are known by */
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
	int fd, connected;
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

/* ---- connecting ---- */

static int set_flags(int fd)
{
	int one = 1, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	/* A socket pair has no such option, and needs none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	return 0;
}

/* 0 when bound to that port of any address of the family. */
static int bind_port(int fd, int family, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	if (family == AF_INET6)
		return bind(fd, (struct sockaddr *)&in6, sizeof in6);
	return bind(fd, (struct sockaddr *)&in, sizeof in);
}

static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0), one = 1;

	if (fd >= 0 && set_flags(fd) != 0) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return fd;
}

/* The descriptor of a connection that is begun, or -1 with errno. */
static int begin(const struct sockaddr *to, socklen_t length, int port)
{
	int fd = open_socket(to->sa_family);
	int saved;

	if (fd < 0)
		return -1;
	if ((port == 0 || bind_port(fd, to->sa_family, port) == 0) &&
		(connect(fd, to, length) == 0 || errno == EINPROGRESS))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* From any reserved port that is free, else from one the system chooses. */
static int begin_reserved(const struct sockaddr *to, socklen_t length)
{
	int count = IPPORT_RESERVED - RESERVED_FIRST;
	int first = (int)(((unsigned)getpid() * 7919u + (unsigned)time(NULL)) % (unsigned)count);

	for (int i = 0; i < count; i++) {
		int fd = begin(to, length, RESERVED_FIRST + (first + i) % count);

		if (fd >= 0)
			return fd;
		if (errno != EADDRINUSE && errno != EADDRNOTAVAIL)
			break;
	}
	return begin(to, length, 0);
}

static struct am_rpc *new_rpc(int fd, uint32_t uid, uint32_t gid, struct am_error *error)
{
	struct am_rpc *rpc = calloc(1, sizeof *rpc);
	struct timespec now = {0};

	if (rpc == NULL) {
		am_fail_reason(error, ENOMEM);
		close(fd);
		return NULL;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc->fd = fd;
	rpc->uid = uid;
	rpc->gid = gid;
	rpc->xid = (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)getpid();
	return rpc;
}

struct am_rpc *am_rpc_connect(const struct sockaddr *to, socklen_t length, uint32_t uid,
	uint32_t gid, int reserved, struct am_error *error)
{
	int fd = reserved ? begin_reserved(to, length) : begin(to, length, 0);

	if (fd < 0) {
		am_fail_reason(error, errno);
		return NULL;
	}
	return new_rpc(fd, uid, gid, error);
}

struct am_rpc *am_rpc_over(int fd, uint32_t uid, uint32_t gid, struct am_error *error)
{
	struct am_rpc *rpc;

	if (set_flags(fd) != 0) {
		am_fail_reason(error, errno);
		close(fd);
		return NULL;
	}
	rpc = new_rpc(fd, uid, gid, error);
	if (rpc != NULL)
		rpc->connected = 1;
	return rpc;
}

int am_rpc_fd(const struct am_rpc *rpc)
{
	return rpc->fd;
}

short am_rpc_events(const struct am_rpc *rpc)
{
	if (!rpc->connected)
		return POLLOUT;
	return (short)(POLLIN | (rpc->first_out != NULL ? POLLOUT : 0));
}

int am_rpc_connected(const struct am_rpc *rpc)
{
	return rpc->connected;
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

	if (rpc->fd < 0)
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

/* Sends until nothing is left or the system takes no more. -1 with errno. */
static int send_queued(struct am_rpc *rpc)
{
	static const unsigned char zeros[4];

	while (rpc->first_out != NULL) {
		struct iovec parts[PARTS];
		struct msghdr message = {.msg_iov = parts};
		size_t count = 0, skip = rpc->progress;
		ssize_t n;

		for (const struct request *r = rpc->first_out; r != NULL && count + 3 <= PARTS;
			r = r->next_out) {
			add_part(parts, &count, r->head, r->head_length, &skip);
			add_part(parts, &count, r->data, r->data_length, &skip);
			add_part(parts, &count, zeros, padding(r->data_length), &skip);
		}
		message.msg_iovlen = count;
		n = sendmsg(rpc->fd, &message, SEND_FLAGS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
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
		n = recv(rpc->fd, rpc->in + rpc->filled, room, 0);
		if (n == 0)
			return am_fail(error, "ECONNRESET", "the server closed the connection");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return am_fail_reason(error, errno);
		rpc->filled += (size_t)n;
		if ((size_t)n < room)
			break; /* that was all */
	}
	return take_records(rpc, &need, error);
}

/* The outcome of connect(2). */
static int finish_connect(struct am_rpc *rpc, struct am_error *error)
{
	int result = 0;
	socklen_t length = sizeof result;

	if (getsockopt(rpc->fd, SOL_SOCKET, SO_ERROR, &result, &length) != 0)
		result = errno;
	if (result != 0)
		return am_fail(error, am_errno_name(result), "%s", strerror(result));
	rpc->connected = 1;
	return 0;
}

int am_rpc_service(struct am_rpc *rpc, short revents, struct am_error *error)
{
	if (revents == 0)
		return 0;
	if (rpc->fd < 0 || (revents & POLLNVAL) != 0)
		return am_fail(error, "EPIPE", "%s", strerror(EPIPE));
	if (!rpc->connected && finish_connect(rpc, error) != 0)
		return -1;
	if ((revents & POLLOUT) != 0 && send_queued(rpc) != 0)
		return am_fail_reason(error, errno);
	if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		return receive(rpc, error);
	return 0;
}

void am_rpc_close(struct am_rpc *rpc)
{
	if (rpc == NULL)
		return;
	close(rpc->fd);
	rpc->fd = -1;
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
