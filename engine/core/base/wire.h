/* SPDX-License-Identifier: MIT */
/*
 * A connection as a stream of bytes, whatever carries it: a socket, or a channel of an SSH session.
 * Nothing here waits; who uses it polls. And what makes connections in the place of one's own
 * sockets.
 */
#ifndef ALTMIG_BASE_WIRE_H
#define ALTMIG_BASE_WIRE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

struct am_wire {
	const struct am_wire_ops *ops;
	int connected; /* 0: being made, and `finish` is to be called when poll says so */
};

struct am_wire_ops {
	/* The outcome of connecting: 0, or -1 when there is no connection. */
	int (*finish)(struct am_wire *wire, struct am_error *error);
	/* Sends of the parts, in their order: the count of bytes taken, 0: none now, or -1. */
	ssize_t (*send)(struct am_wire *wire, const struct iovec *parts, size_t count,
		struct am_error *error);
	/* What has come, up to `size` bytes: the count, 0: nothing now, or -1, also at the end. */
	ssize_t (*receive)(struct am_wire *wire, void *data, size_t size, struct am_error *error);
	/* What to poll. Wires may share a descriptor; it is -1 once the connection is gone. */
	int (*fd)(const struct am_wire *wire);
	/* What to poll for, with or without something to send. To be asked before each poll. */
	short (*events)(struct am_wire *wire, int sending);
	/* Is there something to receive (bytes, or the end) that poll does not tell of? */
	int (*ready)(const struct am_wire *wire);
	/* Frees the wire. */
	void (*close)(struct am_wire *wire);
};

/* Makes connections to ports of a host, by names as they are known where it does so. */
struct am_dialer {
	/*
	 * A connection that is there, within `seconds`, and what time it takes to make what carries
	 * it again; NULL on failure. CANCELLED apart, a code that begins with "SSH_" says that it
	 * makes no sense to try again.
	 */
	struct am_wire *(*dial)(struct am_dialer *dialer, const char *host, int port,
		double seconds, struct am_error *error);
	/* Frees the dialer. Wires of it may be there still: they are gone from then on. */
	void (*close)(struct am_dialer *dialer);
};

#endif
