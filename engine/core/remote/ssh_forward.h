/* SPDX-License-Identifier: MIT */
/*
 * Connections to ports of another host, made by its sshd and carried by the session ("direct-tcpip"
 * of RFC 4254): a channel each, which waits no longer than a half-sent packet takes and holds no
 * more than its window (2 MiB). Who makes many polls one descriptor, the session's.
 */
#ifndef ALTMIG_REMOTE_SSH_FORWARD_H
#define ALTMIG_REMOTE_SSH_FORWARD_H

#include "base/error.h"
#include "base/wire.h"
#include "remote/ssh_connect.h"

/*
 * A connection from there to `host` (as that sshd resolves it) and `port`, before `deadline` (of
 * am_clock; 0: none). The session must be connected. Codes: SSH_CHANNEL (sshd does not allow it, or
 * nothing listens there; the message says which), SSH_LOST, SSH_TIMEOUT, CANCELLED. A wire of a
 * session that is closed or connected again is gone, and is to be closed all the same.
 */
struct am_wire *am_ssh_forward(
	struct am_ssh *ssh, const char *host, int port, double deadline, struct am_error *error);

/*
 * A dialer over a session of its own, which is made with the first connection, and made again when
 * it was lost. NULL without memory.
 */
struct am_dialer *am_ssh_dialer(const struct am_ssh_options *options, struct am_error *error);

#endif
