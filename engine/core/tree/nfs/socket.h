/* SPDX-License-Identifier: MIT */
/* A wire that is a socket of this host. The program must ignore SIGPIPE. */
#ifndef ALTMIG_TREE_NFS_SOCKET_H
#define ALTMIG_TREE_NFS_SOCKET_H

#include <sys/socket.h>

#include "base/error.h"
#include "base/wire.h"

/*
 * Begins to connect. With `reserved` from a port below 1024 where this process may have one, since
 * servers may want that. Fails with the code of the errno.
 */
struct am_wire *am_socket_connect(
	const struct sockaddr *to, socklen_t length, int reserved, struct am_error *error);
/* The same over a stream that is connected already; takes the descriptor over, also on failure. */
struct am_wire *am_socket_over(int fd, struct am_error *error);

#endif
