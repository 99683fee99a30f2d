/* SPDX-License-Identifier: MIT */
/*
 * Private to the session: who the host is, and who we are. Both give up at `deadline` (am_clock).
 */
#ifndef ALTMIG_REMOTE_SSH_AUTH_H
#define ALTMIG_REMOTE_SSH_AUTH_H

#include "remote/ssh_session.h"

/* Exchanges keys with the host and compares its host key with known_hosts. 0 or -1. */
int am_ssh_handshake(struct am_ssh *ssh, double deadline, struct am_error *error);

/* Logs in: the key file that was named, else the keys of the agent, then ~/.ssh/id_*. 0 or -1. */
int am_ssh_authenticate(struct am_ssh *ssh, double deadline, struct am_error *error);

#endif
