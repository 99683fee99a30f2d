/* SPDX-License-Identifier: MIT */
/*
 * OpenSSH's known_hosts: which keys a host is known by. Plain, wildcard, negated, hashed and
 * [host]:port names are understood; @revoked keys are refused; @cert-authority lines are passed
 * over, since host certificates are not used here.
 *
 * Why not libssh2_knownhost_*: as of 1.10 it knows no wildcard and no negated name, takes a key for
 * good that an @revoked line names, gives up reading at the first line it does not understand, and
 * tells no line numbers.
 */
#ifndef ALTMIG_REMOTE_KNOWN_HOSTS_H
#define ALTMIG_REMOTE_KNOWN_HOSTS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

enum am_known_result {
	AM_KNOWN_MATCH,
	AM_KNOWN_NONE,    /* nothing is known about the host */
	AM_KNOWN_CHANGED, /* the host is known, but by other keys */
	AM_KNOWN_REVOKED
};

/* The text of a known_hosts file. A file that does not exist is an empty text, not a failure. */
int am_known_load(const char *path, struct am_buf *text, struct am_error *error);

/*
 * The key types `host` (with `port`, where it is not 22) is known by, as a comma-separated list in
 * the order of the file, each once; "" when there is none.
 */
int am_known_types(const struct am_buf *text, const char *host, int port, struct am_buf *types,
	struct am_error *error);

/*
 * Is `key` (the raw public key blob) one of the host's? `line` (may be NULL) gets the number of the
 * line that decided, 0 for none. A port other than 22 falls back to lines of the bare host name,
 * but those can only match, never contradict.
 */
enum am_known_result am_known_check(const struct am_buf *text, const char *host, int port,
	const unsigned char *key, size_t length, int *line);

#endif
