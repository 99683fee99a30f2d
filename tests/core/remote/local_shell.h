/* SPDX-License-Identifier: MIT */
/*
 * Takes the place of the SSH session in a test program that uses it: commands are run by the sh of
 * this host, in a session of their own as sshd does it, or are answered as the test says. The data
 * of a script comes to its pipe when the script has printed that it is read, and not before.
 */
#ifndef ALTMIG_TESTS_LOCAL_SHELL_H
#define ALTMIG_TESTS_LOCAL_SHELL_H

#include "remote/ssh_channel.h"

/* What the next command meets instead of the shell, or on its way to it. */
struct shell_fault {
	const char *out, *err; /* an answer; out NULL: the shell runs it */
	int status;            /* of the answer */
	const char *signal;
	int lost;      /* SSH_LOST at the end */
	int cut;       /* ... after so many bytes of output; 0: all of it */
	int lose_byte; /* the last byte of the input does not arrive */
};

struct shell {
	const char *login;          /* the login shell; NULL: /bin/sh */
	struct shell_fault next[4]; /* for this command and those after it */
	int reconnect_fails;
	unsigned runs, reconnects;
};
extern struct shell shell;

/* Nothing happened yet, nothing is to go wrong. */
void shell_reset(void);

#endif
