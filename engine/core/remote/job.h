/* SPDX-License-Identifier: MIT */
/*
 * Jobs: commands of another host that outlive the connection. DIR/ID (0700) on that host holds
 *
 *	cmd	the command line		out, err	what it has printed
 *	in	its standard input		log		what the wrapper complained of
 *	run	the wrapper, a POSIX sh script	pid		"PID BOOT", made in one step by
 *	rc	"3" or "signal TERM", once it ended,	the wrapper that may run the command
 *		and " full" if nothing more could be written then
 *	start	when that was, in UTC
 *
 * Any number of wrappers may be started; the link to `pid` lets exactly one of them go on. So a job
 * is started at most once, and starting again after a failure at any point is safe: either there
 * is a pid and the job is attached to, or nothing has run. The wrapper runs in the session and
 * process group that sshd made for the channel that started it, which is what cancelling signals.
 *
 * The room for the status is taken at the start, and is there when the file system is full at the
 * end. Where it cannot be written all the same, the wrapper says it by its arguments, and waits.
 *
 * Codes besides those of ssh.h: JOB_GONE (no such job, or its process vanished without a status:
 * the host was restarted or the wrapper killed), JOB_START (nothing runs), JOB_MISMATCH (the id
 * belongs to another command), JOB_RUNNING, JOB_UNRECORDED (ended, but its status could not be
 * written), JOB_ANSWER (what came back is no answer of the scripts), EINVAL.
 */
#ifndef ALTMIG_REMOTE_JOB_H
#define ALTMIG_REMOTE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "remote/ssh_channel.h"

struct am_job {
	const char *dir; /* absolute, of all jobs */
	const char *id;  /* letters, digits and ._:,+@=-; at most 100 bytes */
};

/*
 * Starts a command or script with `length` bytes of standard input, or finds that the job is there.
 * A script without input is read by "sh -s"; one with input is an argument of "sh -c", which has to
 * be short enough for one (100 KB). `started` (may be NULL): 1 when this call put it there.
 */
int am_job_start(struct am_ssh *ssh, const struct am_job *job, const struct am_exec *exec,
	const void *input, size_t length, int *started, struct am_error *error);

enum am_job_state {
	AM_JOB_NONE, /* there is no such job, or it was never started */
	AM_JOB_RUNNING,
	AM_JOB_DONE,
	AM_JOB_UNRECORDED, /* it has ended, and its status waits for room to be written */
	AM_JOB_GONE
};

/* What the job does now; `status` is filled for AM_JOB_DONE. -1 on failure. */
int am_job_poll(struct am_ssh *ssh, const struct am_job *job, enum am_job_state *state,
	struct am_ssh_status *status, struct am_error *error);

struct am_job_wait {
	double timeout; /* seconds; 0: none. SSH_TIMEOUT leaves the job running */
	int retries;    /* how often in a row to connect again */
	double room;    /* seconds to wait for room to write the status; 0: 600 */
	/* Told what the administrator should know, a line of text; -1 ends the wait. May be NULL.
	 */
	int (*notice)(void *context, const char *text, struct am_error *error);
	am_ssh_output_fn *output;
	void *context;
	uint64_t offset[2]; /* of out and err: where to begin, and where the last call ended */
};

/*
 * Follows the output until the job ends. A lost connection is made again and following goes on
 * where it was cut, so every byte is handed over once. A job that has ended while its status cannot
 * be written is waited for `room` seconds, and is JOB_UNRECORDED then; a later wait may find it.
 */
int am_job_wait(struct am_ssh *ssh, const struct am_job *job, struct am_job_wait *wait,
	struct am_ssh_status *status, struct am_error *error);

/*
 * Ends the job: TERM to its process group, and KILL when it has not ended after `grace` seconds.
 * A job that has ended already is not an error.
 */
int am_job_cancel(struct am_ssh *ssh, const struct am_job *job, int grace, struct am_error *error);

/* Removes the directory of a job that does not run. One that is not there is not an error. */
int am_job_remove(struct am_ssh *ssh, const struct am_job *job, struct am_error *error);

#endif
