/* SPDX-License-Identifier: MIT */
/* Commands on an SSH session: run to their end, or their output pulled. Codes: ssh_connect.h. */
#ifndef ALTMIG_REMOTE_SSH_CHANNEL_H
#define ALTMIG_REMOTE_SSH_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/reader.h"
#include "remote/quote.h"
#include "remote/ssh_connect.h"

struct am_ssh_stream;

enum am_ssh_source { AM_SSH_STDOUT, AM_SSH_STDERR };

/* Gets output as it comes. Not 0 with `error` filled ends the run. */
typedef int am_ssh_output_fn(void *context, enum am_ssh_source source, const char *data,
	size_t length, struct am_error *error);

struct am_ssh_run {
	struct am_exec exec; /* what is run; see quote.h */
	const char *label;   /* what messages call it; NULL: its own words */
	const void *input;   /* its standard input, behind the text of a script */
	size_t input_length;
	/*
	 * Or its standard input comes from here (borrowed), read as the command takes it, so that
	 * no more than 256 KiB wait here. Read no further once the command's output has ended. When
	 * reading fails, the run fails with that error, and the command's input ends there.
	 */
	struct am_reader *reader;
	/* While input is read: at most ten times a second. Not 0 ends the run. */
	int (*progress)(void *context, struct am_error *error);
	int hold_input; /* keep standard input open until the command ends */
	int is_private; /* of its output only the length is recorded */
	double timeout; /* seconds; 0: none */
	double ready;   /* seconds for sh to take its script, where data waits for that; 0: 60 */
	am_ssh_output_fn *output;
	void *context;
};

/* How a command ended: by exit (signal is "") or by a signal (status is -1). */
struct am_ssh_status {
	int status;
	char signal[32]; /* "TERM", "KILL", ... */
};

/*
 * Runs a command to its end. Succeeds whenever the command ended by itself, whatever its status;
 * the status counts only after end of output and close of the channel, so a connection that is lost
 * is SSH_LOST and never status 0. A session found dead before the command was sent is connected
 * again. After SSH_TIMEOUT, CANCELLED and SSH_LOST the command may go on over there: what must be
 * stoppable is a job (job.h).
 */
int am_ssh_run(struct am_ssh *ssh, const struct am_ssh_run *run, struct am_ssh_status *status,
	struct am_error *error);

/*
 * The standard output of a command, pulled by the caller: no more than one channel window (2 MiB)
 * is held. What the command writes to standard error is kept (its start) for am_ssh_stream_stderr.
 * `label` as in am_ssh_run. Of its output only the length is recorded: it is the content of files.
 */
struct am_ssh_stream *am_ssh_stream_open(
	struct am_ssh *ssh, const struct am_exec *exec, const char *label, struct am_error *error);

/*
 * Up to `size` bytes: the count; 0 at the end, with `status` filled; -1 on failure. Once it ended
 * or failed it does not change its mind.
 */
ssize_t am_ssh_stream_read(struct am_ssh_stream *stream, void *data, size_t size,
	struct am_ssh_status *status, struct am_error *error);
const char *am_ssh_stream_stderr(const struct am_ssh_stream *stream);
void am_ssh_stream_close(struct am_ssh_stream *stream);

#endif
