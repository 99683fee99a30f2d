/* SPDX-License-Identifier: MIT */
/*
 * An sshd of its own at the other end of a socket pair ("sshd -i"), with keys and configuration in
 * a directory of its own: no port, no network, and the user who runs the test is who logs in. Root
 * gets a mount namespace where /run/sshd is there and its shell is sh without start-up files.
 */
#ifndef ALTMIG_TESTS_INETD_SSHD_H
#define ALTMIG_TESTS_INETD_SSHD_H

#include "remote/ssh_session.h"

struct inetd_sshd {
	char dir[64];
	char user[64];
	char identity[128];    /* a key that is let in */
	char known_hosts[128]; /* with the host's key, as "pair" */
	pid_t pid;             /* of the sshd of the last session */
};

/* The one of a test program; for its group: it is made, or why not is said. */
extern struct inetd_sshd sshd;
int inetd_sshd_setup(void **state);
int inetd_sshd_teardown(void **state);
int inetd_sshd_is_missing(void);
/* Skips the test when there can be none. */
void inetd_sshd_needed(void);
/* What main() returns: 77 when all was skipped. */
int inetd_sshd_exit(int failed);
/* The path of a file of the directory, valid until the fourth call after this one. */
const char *inetd_sshd_path(const char *name);
/* Runs a shell command in the directory; 0 when it succeeded. */
int inetd_sshd_shell(const char *command);

/* A session over a new pair, to a new sshd; nothing was said yet. Ends the sshd before it. */
void inetd_sshd_begin(struct am_ssh *ssh);
/* The same, host key checked and logged in. */
void inetd_sshd_login(struct am_ssh *ssh);
/* The connection is gone, as if the host had lost its power. */
void inetd_sshd_kill(void);

#endif
