/* SPDX-License-Identifier: MIT */
/*
 * What can be said about a private key file before it is used, so that a refusal names the reason:
 * libssh2 reads the file only while it authenticates, and has no function that tells the type of a
 * key or that it needs a passphrase.
 */
#ifndef ALTMIG_REMOTE_SSH_KEY_H
#define ALTMIG_REMOTE_SSH_KEY_H

#include <stddef.h>

#include "base/error.h"

struct am_ssh_key_info {
	char type[64]; /* "ssh-ed25519", "ssh-rsa", ...; "" when the file does not show it */
	int encrypted; /* needs a passphrase */
};

/* Fails with SSH_KEY when the file is missing, unreadable or no private key. */
int am_ssh_key_inspect(const char *path, struct am_ssh_key_info *info, struct am_error *error);

/* The type name at the start of a public key blob; "unknown" when there is none. */
void am_ssh_blob_type(const unsigned char *blob, size_t length, char type[64]);

#endif
