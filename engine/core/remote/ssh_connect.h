/* SPDX-License-Identifier: MIT */
/*
 * SSH sessions. One session is one connection; calls block, and inside one poll loop serves the
 * connection with deadlines of its own, since libssh2 never reports a dead peer by itself. Host
 * keys are never accepted silently. Every wait looks at the cancel flag. Commands: ssh_channel.h.
 *
 * What a command prints is believed, so nothing else may come with it. A start-up file of the login
 * shell, or a program put in its place, that prints a greeting is found at connecting (a probe,
 * sent as quote.h says, must give back its input byte for byte, and its status) and again with
 * every command, whose output begins with a mark of ours. It is an error, SSH_SHELL, which quotes
 * the bytes; they are never taken for an answer. Standard error may carry anything: it is shown,
 * and decides nothing.
 *
 * Codes: SSH_CONNECT, SSH_HOSTKEY_UNKNOWN, SSH_HOSTKEY_CHANGED, SSH_AUTH, SSH_KEY, SSH_TIMEOUT,
 * SSH_LOST (the connection ended; what ran may still run), SSH_CHANNEL (the host refuses more
 * sessions), SSH_SHELL (the login shell adds bytes, changes words or data, or does not run
 * commands), CANCELLED.
 */
#ifndef ALTMIG_REMOTE_SSH_CONNECT_H
#define ALTMIG_REMOTE_SSH_CONNECT_H

#include "base/error.h"

struct am_ssh_options {
	const char *host;
	int port;                /* 0: 22 */
	const char *user;        /* NULL: root */
	const char *identity;    /* private key file; NULL: the agent, then ~/.ssh/id_* */
	const char *passphrase;  /* of the key file, or NULL */
	const char *known_hosts; /* NULL: ~/.ssh/known_hosts */
	const char *path;        /* PATH of commands; NULL: AM_EXEC_PATH */
	int record;              /* see am_ssh_record_commands; the probe of the shell as well */
	double timeout;          /* seconds for connecting and authentication; 0: 30 */
	double keepalive;        /* seconds between signs of life asked for; 0: 30 */
	/* Only ports are forwarded (ssh_forward.h): the shell is not judged, and may be none. */
	int no_commands;
	/*
	 * The host to connect by: a session of its own, with a host key and an identity of its own,
	 * from which `host` is connected to as that host resolves it. One only; its own is ignored.
	 */
	const struct am_ssh_options *jump;
};

struct am_ssh;
struct am_record;

/* Connects, checks the host key, authenticates, tries the shell. NULL on failure. The options are
 * copied. */
struct am_ssh *am_ssh_connect(const struct am_ssh_options *options, struct am_error *error);

/* The same in two steps: a session without a connection, which am_ssh_reconnect makes. So what was
 * recorded of one that cannot be made can be taken. NULL without memory. */
struct am_ssh *am_ssh_new(const struct am_ssh_options *options, struct am_error *error);

/* Ends the connection and frees the session; streams of it fail from then on. NULL is allowed. */
void am_ssh_close(struct am_ssh *ssh);

/* Drops the connection, if there still is one, and makes a new one with the same options. */
int am_ssh_reconnect(struct am_ssh *ssh, struct am_error *error);

/* From now on every command is recorded (record.h), or none is. */
void am_ssh_record_commands(struct am_ssh *ssh, int on);

/* The oldest record that nobody has taken, to be freed by the caller; NULL when there is none. */
struct am_record *am_ssh_take_record(struct am_ssh *ssh);

/* Ends the records of streams that are still open, so that they can be taken before am_ssh_close.
 */
void am_ssh_end_records(struct am_ssh *ssh);

const char *am_ssh_host(const struct am_ssh *ssh);
const char *am_ssh_path(const struct am_ssh *ssh); /* NULL: AM_EXEC_PATH */
const char *am_ssh_user(const struct am_ssh *ssh);
int am_ssh_port(const struct am_ssh *ssh);
int am_ssh_connected(const struct am_ssh *ssh);

enum { AM_SSH_NAME_MAX = 256 };

/* "user@host:port", "host", "[address]:port". */
struct am_ssh_target {
	char user[AM_SSH_NAME_MAX]; /* "": not said */
	char host[AM_SSH_NAME_MAX];
	int port; /* 0: not said */
};

/* Reads one. EINVAL, with what is wrong, for anything else. */
int am_ssh_parse_target(const char *text, struct am_ssh_target *target, struct am_error *error);

/* What both sides agreed on. Each is a name of the protocol, or NULL without a connection. */
struct am_ssh_methods {
	const char *banner; /* how the other side calls itself, "SSH-2.0-OpenSSH_9.2" */
	const char *kex, *host_key;
	const char *cipher_out, *cipher_in; /* from here, and from there */
	const char *mac_out, *mac_in;
};

/* They belong to the session and hold until it connects again. */
void am_ssh_methods(const struct am_ssh *ssh, struct am_ssh_methods *methods);

#endif
