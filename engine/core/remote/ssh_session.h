/* SPDX-License-Identifier: MIT */
/*
 * Private to ssh_connect.c, ssh_auth.c, ssh_channel.c and ssh_forward.c, the only files that know
 * libssh2: the session, the one place that polls, and the ends of a connection.
 *
 * The session is non-blocking; every request that answers EAGAIN is repeated after am_ssh_wait.
 * libssh2 cannot take another request while a packet of the last one is half sent. Whoever gets
 * EAGAIN with the outbound direction set therefore repeats the same request until that is over, and
 * a request given up in such a state drops the connection: streams and runs can then be interleaved
 * freely.
 */
#ifndef ALTMIG_REMOTE_SSH_SESSION_H
#define ALTMIG_REMOTE_SSH_SESSION_H

#include <libssh2.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/wire.h"
#include "remote/record.h"

enum { AM_SSH_POLL_MS = 200 }; /* how often a wait looks at the cancel flag */
enum { AM_SSH_SHOWN = 200 };   /* bytes quoted of what should not be there */

struct am_ssh_channel {
	LIBSSH2_CHANNEL *handle; /* NULL once the connection it belonged to is gone */
	struct am_ssh *ssh;      /* NULL once the session is closed */
	struct am_ssh_channel *next;
	const char *mark; /* what comes before the output */
	size_t mark_length;
	size_t marked;            /* bytes of it that have come */
	struct am_buf script;     /* what goes to the standard input before any data */
	size_t script_at;         /* bytes of it that were sent */
	struct am_record *record; /* NULL: not recorded */
};

struct am_ssh {
	char *host;
	char *user;
	char *identity;
	char *passphrase;
	char *known_hosts;
	char *path; /* PATH of commands; NULL: AM_EXEC_PATH */
	int port;
	double timeout;
	double keepalive;
	int no_commands; /* only ports are forwarded */
	int fd;          /* -1 with a carrier */
	/* The session of the host in between, and the connection from there, in the place of fd. */
	struct am_ssh *jump;
	struct am_wire *carrier;
	LIBSSH2_SESSION *session;
	struct am_ssh_channel *channels;
	size_t taken;  /* bytes received since the last wait */
	size_t memory; /* that libssh2 has for this session */
	int flooded;   /* it wanted more than it may have */
	int recording;
	struct am_record *first, *last; /* records that nobody has taken yet */
	double asked;   /* when the other side last gave, or was asked for, a sign of life */
	int unanswered; /* how often it was asked since */
	int closing;    /* tidying up: the cancel flag does not count */
	/* Makes a new connection in the place of a lost one; NULL while one is being made. */
	int (*reconnect)(struct am_ssh *ssh, struct am_error *error);
};

/* Puts the record of a channel among those to be taken; nothing if there is none. */
void am_ssh_queue_record(struct am_ssh *ssh, struct am_ssh_channel *channel);

/* The other side gave a sign of life, or it was not listened to: counting starts again. */
void am_ssh_heard(struct am_ssh *ssh);

/* What to poll for the session; -1: not connected. */
int am_ssh_descriptor(const struct am_ssh *ssh);

/* Bytes may be taken again: to be called before each poll (am_ssh_wait does). */
void am_ssh_listen(struct am_ssh *ssh);

/* Is there something to receive that poll does not tell of? */
int am_ssh_is_ready(const struct am_ssh *ssh);

/* Is a packet half sent? */
int am_ssh_half_sent(const struct am_ssh *ssh);

/* Waits until the request that answered EAGAIN is worth repeating. `deadline` 0: none. */
int am_ssh_wait(struct am_ssh *ssh, double deadline, struct am_error *error);

/* Drops the connection at once. Streams that used it find their handle gone. */
void am_ssh_drop(struct am_ssh *ssh);

/*
 * Bytes read from the output (extended 0) or standard error (1), 0 when there are
 * none now or at the end, -1 on failure; bytes written, 0 when the window is full, -1 on failure,
 * `size` when nobody wants them. Both wait only while a packet is half sent. Closing takes the
 * channel off its session.
 */
ssize_t am_ssh_channel_read(struct am_ssh_channel *channel, int extended, char *data, size_t size,
	double deadline, struct am_error *error);
ssize_t am_ssh_channel_write(struct am_ssh_channel *channel, const char *data, size_t size,
	double deadline, struct am_error *error);
void am_ssh_channel_close(struct am_ssh_channel *channel);

/* What libssh2 says of its last failure, in printable characters. */
const char *am_ssh_last_error(const struct am_ssh *ssh);

/* Fails with SSH_LOST for an error of libssh2 after which the connection cannot be used. -1 */
int am_ssh_lost(struct am_ssh *ssh, int rc, struct am_error *error);

/*
 * Fails with SSH_SHELL and what to do about a shell that adds bytes to the output of commands, or
 * takes of their input: `what` happened, with the bytes. -1
 */
int am_ssh_fail_shell(const struct am_ssh *ssh, const char *what, const char *data, size_t length,
	struct am_error *error);

#endif
