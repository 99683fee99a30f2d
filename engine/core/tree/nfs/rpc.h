/* SPDX-License-Identifier: MIT */
/*
 * One connection that speaks ONC RPC (RFC 5531) with AUTH_SYS over a stream (base/wire.h): many
 * requests on their way at a time, replies in any order. Nothing here waits; the caller polls.
 * Every byte of the peer is checked before it is used, and what a peer can make this allocate is
 * one record of AM_RPC_RECORD_MAX bytes.
 *
 * Why not libnfs: the decoder of its replies trusts lengths and counts (version 4.0.0 writes past
 * the heap for a MOUNT reply that lies), the header of every reply included, so nothing that is
 * put behind its transport is safe; and definitions of our own in front of it hold only where the
 * linker lets a program replace a library's functions, which is neither so for AIX nor for a
 * static library.
 *
 * The program must ignore SIGPIPE.
 */
#ifndef ALTMIG_TREE_NFS_RPC_H
#define ALTMIG_TREE_NFS_RPC_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/wire.h"
#include "tree/nfs/xdr.h"

enum {
	AM_RPC_DATA_MAX = 1 << 20, /* of one READ or WRITE */
	AM_RPC_RECORD_MAX = AM_RPC_DATA_MAX + (64 << 10),
	AM_RPC_ARGS_MAX = 8 << 10, /* of one request, its data not counted */
};

struct am_rpc;

enum am_rpc_outcome {
	AM_RPC_ANSWERED, /* `results` is what the procedure returned */
	AM_RPC_REFUSED,  /* the server did not take the request; `why` says so */
	AM_RPC_LOST,     /* the connection ended before an answer came */
};

/*
 * A request. `done` is called exactly once for each request that am_rpc_send took: from
 * am_rpc_service or am_rpc_close. It must not use the connection. `data` is not copied and must
 * stay as it is until then.
 */
struct am_rpc_request {
	uint32_t program, version, procedure;
	const void *args; /* encoded */
	size_t args_length;
	const void *data; /* counted bytes behind the arguments; NULL: none */
	size_t data_length;
	void (*done)(void *context, enum am_rpc_outcome outcome, struct am_xdr *results,
		const char *why);
	void *context;
};

/*
 * RPC over a wire, which is taken over, also on failure; it may still be connecting. `uid` and
 * `gid` are what every request carries.
 */
struct am_rpc *am_rpc_over(
	struct am_wire *wire, uint32_t uid, uint32_t gid, struct am_error *error);
/* NULL is allowed. */
void am_rpc_close(struct am_rpc *rpc);

/*
 * What to poll, and what for (POLLIN, POLLOUT); ask both before each poll. When it is ready there
 * is nothing to wait for: am_rpc_service with POLLIN.
 */
int am_rpc_fd(const struct am_rpc *rpc);
short am_rpc_events(const struct am_rpc *rpc);
int am_rpc_ready(const struct am_rpc *rpc);
int am_rpc_connected(const struct am_rpc *rpc);

/* Queues a request. Fails with ENOMEM, E2BIG, or EPIPE once the connection is gone. */
int am_rpc_send(struct am_rpc *rpc, const struct am_rpc_request *asked, struct am_error *error);
/*
 * Sends and receives as poll said. -1 when the connection is gone, with the reason: the code of an
 * errno, or EPROTO when the peer does not keep to the protocol. Close it then.
 */
int am_rpc_service(struct am_rpc *rpc, short revents, struct am_error *error);

#endif
