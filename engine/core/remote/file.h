/* SPDX-License-Identifier: MIT */
/*
 * Files of another host through a session, with nothing there but a POSIX shell: reading is `cat`,
 * writing goes to a temporary beside the file, is checked by cksum, and renamed.
 */
#ifndef ALTMIG_REMOTE_FILE_H
#define ALTMIG_REMOTE_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "remote/ssh_channel.h"

/*
 * A reader that streams the file. It fails at once when there is no such file (ENOENT, EISDIR,
 * EACCES), and at the end, instead of ending, when the other side did not read to the end. It
 * may outlive the session; reading then fails.
 */
struct am_reader *am_remote_open(struct am_ssh *ssh, const char *path, struct am_error *error);

/* The whole file into `data`, whose limit holds (E2BIG). */
int am_remote_get(
	struct am_ssh *ssh, const char *path, struct am_buf *data, struct am_error *error);

/* Replaces or makes the file with `mode`, whole or not at all. A directory in the way is EISDIR. */
int am_remote_put(struct am_ssh *ssh, const char *path, const void *data, size_t length,
	unsigned int mode, struct am_error *error);

#endif
