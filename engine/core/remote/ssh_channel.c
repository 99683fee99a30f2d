/* SPDX-License-Identifier: MIT */
#include "remote/ssh_channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "remote/ssh_session.h"

enum { CHUNK = 32768, STDERR_KEPT = 65536 };
enum { FEED = 262144, FEEDS = 8 }; /* input held; packets of it sent before output is looked at */

/*
 * The first line of every command's output. Commands of all login shells are words and semicolons,
 * csh included. Behind it comes the first line of a script, for which its data waits.
 */
#define BEGIN       "altmig-begin\n"
#define BEGIN_WORDS "echo altmig-begin; "

enum { BEGIN_LENGTH = sizeof BEGIN - 1, MARK_MAX = sizeof BEGIN + sizeof AM_EXEC_READY };

#define READY_DEFAULT 60.0 /* seconds */

/* --- channels --------------------------------------------------------------------------------- */

static void record_failure(struct am_ssh_channel *channel, const struct am_error *error)
{
	struct am_record *record = channel->record;

	if (record == NULL || error == NULL)
		return;
	memcpy(record->code, error->code, sizeof record->code);
	memcpy(record->message, error->message, sizeof record->message);
}

static void record_input(const struct am_ssh_channel *channel, size_t length)
{
	if (channel->record != NULL)
		channel->record->input += length;
}

static void record_output(const struct am_ssh_channel *channel, enum am_ssh_source source,
	const char *data, size_t length)
{
	if (channel->record != NULL)
		am_record_output(channel->record, source == AM_SSH_STDERR, data, length);
}

static void record_status(struct am_ssh_channel *channel, const struct am_ssh_status *status)
{
	if (channel->record == NULL)
		return;
	channel->record->status = status->signal[0] == '\0' ? status->status : -1;
	memcpy(channel->record->signal, status->signal, sizeof channel->record->signal);
}

static int open_handle(
	struct am_ssh *ssh, struct am_ssh_channel *channel, double deadline, struct am_error *error)
{
	int rc;

	am_ssh_heard(ssh);
	while ((channel->handle = libssh2_channel_open_session(ssh->session)) == NULL) {
		rc = libssh2_session_last_errno(ssh->session);
		if (rc == LIBSSH2_ERROR_EAGAIN && am_ssh_wait(ssh, deadline, error) == 0)
			continue;
		if (rc == LIBSSH2_ERROR_EAGAIN)
			am_ssh_drop(ssh); /* half open: the session's state is of no use any more */
		else if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
			am_fail(error, "SSH_CHANNEL",
				"the host refuses another session (MaxSessions of its "
				"sshd_config)");
		else
			am_ssh_lost(ssh, rc, error);
		return -1;
	}
	return 0;
}

/* Connects again, unless this is the connecting. */
static int reconnect(struct am_ssh *ssh, struct am_error *error)
{
	return ssh->reconnect == NULL ? -1 : ssh->reconnect(ssh, error);
}

static int send_command(
	struct am_ssh_channel *channel, const char *line, double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	int rc;

	while ((rc = libssh2_channel_exec(channel->handle, line)) == LIBSSH2_ERROR_EAGAIN) {
		if (am_ssh_wait(ssh, deadline, error) != 0) {
			am_ssh_drop(ssh);
			break;
		}
	}
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		am_fail(error, "SSH_CHANNEL", "the host refuses to run commands");
	else if (rc != 0 && rc != LIBSSH2_ERROR_EAGAIN)
		am_ssh_lost(ssh, rc, error);
	return rc == 0 ? 0 : -1;
}

/* The line for the login shell, and what comes before the command's input and output. */
static int compose(struct am_ssh_channel *channel, const struct am_exec *exec, struct am_buf *line,
	struct am_error *error)
{
	if (am_buf_addstr(line, BEGIN_WORDS, error) != 0 ||
		am_exec_compose(exec, line, &channel->script, error) != 0)
		return -1;
	channel->mark = channel->script.length > 0 ? BEGIN AM_EXEC_READY : BEGIN;
	channel->mark_length = strlen(channel->mark);
	return 0;
}

/*
 * Opens a channel and starts the command. A connection that died while nobody used it is noticed
 * here, before anything was sent, so it is safe to connect again.
 */
static int start_line(struct am_ssh *ssh, struct am_ssh_channel *channel, const char *line,
	double deadline, struct am_error *error)
{
	if (ssh->session == NULL && reconnect(ssh, error) != 0)
		return -1;
	if (open_handle(ssh, channel, deadline, error) != 0 &&
		(ssh->session != NULL || am_cancelled() ||
			(deadline != 0 && am_clock() >= deadline) || reconnect(ssh, error) != 0 ||
			open_handle(ssh, channel, deadline, error) != 0))
		return -1;
	channel->next = ssh->channels;
	ssh->channels = channel;
	if (send_command(channel, line, deadline, error) == 0)
		return 0;
	record_failure(channel, error);
	am_ssh_channel_close(channel);
	return -1;
}

/* As start_line, composed of words, and recorded. What was not sent is recorded with its reason. */
static int channel_start(struct am_ssh *ssh, struct am_ssh_channel *channel,
	const struct am_exec *exec, const char *label, int is_private, double deadline,
	struct am_error *error)
{
	struct am_exec sent = *exec;
	struct am_buf line = {0};
	struct am_error local;
	int result;

	if (error == NULL)
		error = &local;
	if (sent.path == NULL)
		sent.path = ssh->path;
	*channel = (struct am_ssh_channel){.ssh = ssh};
	result = compose(channel, &sent, &line, error);
	if (result == 0 && ssh->recording)
		channel->record = am_record_new(&sent, label, is_private);
	if (result == 0)
		result = start_line(ssh, channel, line.data, deadline, error);
	am_buf_free(&line);
	if (result != 0) {
		am_buf_free(&channel->script);
		record_failure(channel, error);
		am_ssh_queue_record(ssh, channel);
	}
	return result;
}

static int gone(struct am_ssh_channel *channel, struct am_error *error)
{
	if (channel->ssh != NULL && channel->handle != NULL)
		return 0;
	return am_fail(error, "SSH_LOST", "connection lost: %s",
		channel->ssh == NULL ? "the session is closed" : "the session was connected again");
}

/* Bytes of output without the mark before it, which must be there; as am_ssh_channel_read. */
static ssize_t command_read(struct am_ssh_channel *channel, enum am_ssh_source source, char *data,
	size_t size, double deadline, struct am_error *error)
{
	for (;;) {
		ssize_t n = am_ssh_channel_read(
			channel, source == AM_SSH_STDERR, data, size, deadline, error);
		size_t take = channel->mark_length - channel->marked;
		char seen[MARK_MAX + AM_SSH_SHOWN];

		if (n <= 0)
			return n;
		if (source == AM_SSH_STDERR || take == 0) {
			record_output(channel, source, data, (size_t)n);
			return n;
		}
		if (take > (size_t)n)
			take = (size_t)n;
		if (memcmp(data, channel->mark + channel->marked, take) != 0) {
			size_t more = (size_t)n < AM_SSH_SHOWN ? (size_t)n : AM_SSH_SHOWN;

			memcpy(seen, channel->mark, channel->marked);
			memcpy(seen + channel->marked, data, more);
			return am_ssh_fail_shell(channel->ssh,
				"the shell there prints before the output of a command", seen,
				channel->marked + more, error);
		}
		channel->marked += take;
		if ((size_t)n > take) {
			memmove(data, data + take, (size_t)n - take);
			record_output(channel, source, data, (size_t)n - take);
			return n - (ssize_t)take;
		}
	}
}

static int channel_send_eof(struct am_ssh_channel *channel, double deadline, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	int rc;

	while ((rc = libssh2_channel_send_eof(channel->handle)) == LIBSSH2_ERROR_EAGAIN) {
		if (am_ssh_wait(ssh, deadline, error) != 0) {
			am_ssh_drop(ssh);
			return -1;
		}
	}
	if (rc < 0 && rc != LIBSSH2_ERROR_CHANNEL_CLOSED && rc != LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return am_ssh_lost(ssh, rc, error);
	return 0;
}

/*
 * The output has ended; waits until the host closes the channel by itself, which it does when the
 * command ended and its status was sent. Closing first would read as status 0 for a command that
 * only closed its output.
 */
static int channel_finish(struct am_ssh_channel *channel, double deadline,
	struct am_ssh_status *status, struct am_error *error)
{
	struct am_ssh *ssh = channel->ssh;
	char *name = NULL, number[16];
	int rc;

	while ((rc = libssh2_channel_wait_closed(channel->handle)) == LIBSSH2_ERROR_EAGAIN) {
		if (am_ssh_wait(ssh, deadline, error) != 0)
			return -1;
	}
	if (rc != 0)
		return am_ssh_lost(ssh, rc, error);
	*status =
		(struct am_ssh_status){.status = libssh2_channel_get_exit_status(channel->handle)};
	rc = libssh2_channel_get_exit_signal(channel->handle, &name, NULL, NULL, NULL, NULL, NULL);
	if (rc == 0 && name != NULL) {
		status->status = -1;
		snprintf(status->signal, sizeof status->signal, "%s", name);
	}
	if (name != NULL)
		libssh2_free(ssh->session, name);
	record_status(channel, status);
	/* A program on the way to a script (chroot, sh) that fails says why by its status. */
	if (channel->marked == channel->mark_length ||
		(channel->marked >= BEGIN_LENGTH && status->status != 0))
		return 0;
	snprintf(number, sizeof number, "%d", status->status);
	return am_fail(error, "SSH_SHELL",
		"the shell of user %s there ended (%s%s) before it ran the command%s; does "
		"'ssh %s@%s echo x' print x?",
		ssh->user, status->signal[0] != '\0' ? "signal " : "status ",
		status->signal[0] != '\0' ? status->signal : number,
		channel->marked >= BEGIN_LENGTH ? ": sh -s did not take its script" : "", ssh->user,
		ssh->host);
}

/* --- running --------------------------------------------------------------------------------- */

static double deadline_after(double seconds)
{
	return seconds > 0 ? am_clock() + seconds : 0;
}

struct feed {
	const char *at;
	size_t left;
	int done;     /* end of input was sent, or is to be held back */
	char *block;  /* what was read last, when there is a reader */
	double told;  /* when progress was reported */
	double ready; /* when the script should have been taken */
	int given_up; /* it was not, so that no data was sent */
};

/* The next piece of the reader. */
static int refill(struct am_ssh_channel *channel, const struct am_ssh_run *run, struct feed *feed,
	struct am_error *error)
{
	ssize_t n;

	if (libssh2_channel_eof(channel->handle))
		return 0; /* nobody is there to take it any more */
	n = run->reader->read(run->reader, feed->block, FEED, error);
	if (n < 0)
		return -1;
	feed->at = feed->block;
	feed->left = (size_t)n;
	if (run->progress != NULL && (n == 0 || am_clock() - feed->told >= 0.1)) {
		feed->told = am_clock();
		if (run->progress(run->context, error) != 0)
			return -1;
	}
	if (gone(channel, error) != 0)
		return -1;
	am_ssh_heard(channel->ssh); /* reading may have taken its time */
	return 0;
}

/* Sends of the script, as far as the window takes it; 1 when something moved, 0 when not, -1. */
static int feed_script(struct am_ssh_channel *channel, double deadline, struct am_error *error)
{
	size_t left = channel->script.length - channel->script_at;
	ssize_t n = am_ssh_channel_write(channel, channel->script.data + channel->script_at,
		left < CHUNK ? left : CHUNK, deadline, error);

	if (n <= 0)
		return (int)n;
	channel->script_at += (size_t)n;
	return 1;
}

static int not_ready(const struct am_ssh *ssh, struct am_error *error)
{
	return am_fail(error, "SSH_SHELL",
		"sh -s there does not say that it has read its script: the shell of user %s, or "
		"what is in its place, holds back what a command reads or prints. Does "
		"'echo echo x | ssh %s@%s sh -s' print x?",
		ssh->user, ssh->user, ssh->host);
}

/* The same with one packet of input, which does not follow a script before sh has taken that. */
static int feed_packet(struct am_ssh_channel *channel, const struct am_ssh_run *run,
	struct feed *feed, double deadline, struct am_error *error)
{
	ssize_t n;

	if (channel->script_at < channel->script.length)
		return feed_script(channel, deadline, error);
	if (feed->done)
		return 0;
	if (channel->script.length > 0 && channel->marked < channel->mark_length &&
		(feed->left > 0 || run->reader != NULL) && !libssh2_channel_eof(channel->handle)) {
		if (am_clock() < feed->ready)
			return 0;
		/* The end of the input may set free what is held back; see not_ready. */
		feed->done = feed->given_up = 1;
		return channel_send_eof(channel, deadline, error) == 0 ? 1 : -1;
	}
	if (feed->left == 0 && run->reader != NULL && refill(channel, run, feed, error) != 0)
		return -1;
	if (feed->left == 0) {
		feed->done = 1;
		return channel_send_eof(channel, deadline, error) == 0 ? 1 : -1;
	}
	n = am_ssh_channel_write(
		channel, feed->at, feed->left < CHUNK ? feed->left : CHUNK, deadline, error);
	if (n <= 0)
		return (int)n;
	record_input(channel, (size_t)n);
	feed->at += n;
	feed->left -= (size_t)n;
	return 1;
}

/* The same with several packets: looking for output between any two would cost as much again. */
static int feed_some(struct am_ssh_channel *channel, const struct am_ssh_run *run,
	struct feed *feed, double deadline, struct am_error *error)
{
	int moved = 0;

	for (int i = 0; i < FEEDS; i++) {
		int n = feed_packet(channel, run, feed, deadline, error);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		moved = 1;
	}
	return moved;
}

/* Hands over what has come on one stream; as feed_some. */
static int take_some(struct am_ssh_channel *channel, const struct am_ssh_run *run,
	enum am_ssh_source source, char *block, double deadline, struct am_error *error)
{
	ssize_t n = command_read(channel, source, block, CHUNK, deadline, error);

	if (n <= 0)
		return (int)n;
	if (run->output != NULL && run->output(run->context, source, block, (size_t)n, error) != 0)
		return -1;
	if (gone(channel, error) != 0)
		return -1;
	am_ssh_heard(channel->ssh); /* the callback may have taken its time */
	return 1;
}

/* Waits for the other side; while data waits for a script to be taken, not longer than that may
 * last. */
static int wait_more(struct am_ssh_channel *channel, const struct feed *feed, double deadline,
	struct am_error *error)
{
	int held = channel->script.length > 0 && channel->marked < channel->mark_length &&
		   !feed->done && (deadline == 0 || feed->ready < deadline);

	if (am_ssh_wait(channel->ssh, held ? feed->ready : deadline, error) == 0)
		return 0;
	/* feed_packet goes on */
	return held && channel->handle != NULL && !am_cancelled() && am_clock() >= feed->ready ? 0
											       : -1;
}

static int drive(struct am_ssh_channel *channel, const struct am_ssh_run *run, struct feed *feed,
	double deadline, struct am_ssh_status *status, struct am_error *error)
{
	char block[CHUNK];

	for (;;) {
		size_t marked = channel->marked;
		int in = feed_some(channel, run, feed, deadline, error);
		int out = in < 0 ? -1
				 : take_some(channel, run, AM_SSH_STDOUT, block, deadline, error);
		int err = out < 0 ? -1
				  : take_some(channel, run, AM_SSH_STDERR, block, deadline, error);

		if (err < 0)
			return -1;
		if (channel->marked != marked)
			in = 1; /* the data may go on its way */
		if (!am_cancelled() && in + out + err > 0 &&
			(deadline == 0 || am_clock() < deadline))
			continue;
		if (in + out + err == 0 && libssh2_channel_eof(channel->handle))
			break;
		if (wait_more(channel, feed, deadline, error) != 0)
			return -1;
	}
	if (channel_send_eof(channel, deadline, error) != 0 ||
		channel_finish(channel, deadline, status, error) != 0)
		return -1;
	return feed->given_up ? not_ready(channel->ssh, error) : 0;
}

static void explain_run(
	struct am_ssh *ssh, const struct am_exec *exec, const char *label, struct am_error *error)
{
	struct am_buf words = {0};

	if (label == NULL && exec->script != NULL)
		label = "script";
	if (label == NULL && am_exec_command(&words, exec->argv, NULL, NULL) == 0)
		label = words.data;
	am_error_prefix(error, "run: %s: %.200s", ssh->host, label != NULL ? label : "command");
	am_buf_free(&words);
}

int am_ssh_run(struct am_ssh *ssh, const struct am_ssh_run *run, struct am_ssh_status *status,
	struct am_error *error)
{
	double deadline = deadline_after(run->timeout);
	struct feed feed = {.at = run->input,
		.left = run->input_length,
		.done = run->hold_input,
		.ready = am_clock() + (run->ready > 0 ? run->ready : READY_DEFAULT)};
	struct am_ssh_channel channel;
	struct am_error local;
	int result;

	if (run->reader != NULL && (feed.block = malloc(FEED)) == NULL)
		return am_fail_errno(error, ENOMEM, "run: %s", ssh->host);
	if (channel_start(
		    ssh, &channel, &run->exec, run->label, run->is_private, deadline, error) != 0) {
		free(feed.block);
		explain_run(ssh, &run->exec, run->label, error);
		return -1;
	}
	if (error == NULL)
		error = &local;
	result = drive(&channel, run, &feed, deadline, status, error);
	if (result != 0)
		record_failure(&channel, error);
	am_ssh_channel_close(&channel);
	free(feed.block);
	if (result != 0 && strcmp(error->code, "CALLBACK") != 0)
		explain_run(ssh, &run->exec, run->label, error);
	return result;
}

struct am_ssh_stream {
	struct am_ssh_channel channel;
	struct am_buf stderr_text;
	struct am_ssh_status status;
	struct am_error error;
	enum { OPEN, ENDED, FAILED } state;
};

static int send_all_script(struct am_ssh_channel *channel, double deadline, struct am_error *error)
{
	while (channel->script_at < channel->script.length) {
		int n = feed_script(channel, deadline, error);

		if (n < 0 || (n == 0 && am_ssh_wait(channel->ssh, deadline, error) != 0))
			return -1;
	}
	return channel_send_eof(channel, deadline, error);
}

struct am_ssh_stream *am_ssh_stream_open(
	struct am_ssh *ssh, const struct am_exec *exec, const char *label, struct am_error *error)
{
	struct am_ssh_stream *stream = calloc(1, sizeof *stream);
	double deadline = am_clock() + ssh->timeout;

	if (stream == NULL) {
		am_fail_errno(error, ENOMEM, "run: %s", ssh->host);
		return NULL;
	}
	if (channel_start(ssh, &stream->channel, exec, label, 1, deadline, error) == 0) {
		if (send_all_script(&stream->channel, deadline, error) == 0)
			return stream;
		record_failure(&stream->channel, error);
		am_ssh_channel_close(&stream->channel);
	}
	explain_run(ssh, exec, label, error);
	free(stream);
	return NULL;
}

/* Takes what has come on standard error, keeping its start. 1: something came, 0: not, -1. */
static int stream_stderr(struct am_ssh_stream *stream, struct am_error *error)
{
	char block[4096];
	ssize_t n = command_read(&stream->channel, AM_SSH_STDERR, block, sizeof block, 0, error);

	if (n <= 0)
		return (int)n;
	if (stream->stderr_text.length < STDERR_KEPT &&
		am_buf_add(&stream->stderr_text, block, (size_t)n, error) != 0)
		return -1;
	return 1;
}

static ssize_t stream_step(
	struct am_ssh_stream *stream, char *data, size_t size, struct am_error *error)
{
	if (gone(&stream->channel, error) != 0)
		return -1;
	am_ssh_heard(stream->channel.ssh);
	for (;;) {
		ssize_t n = command_read(&stream->channel, AM_SSH_STDOUT, data, size, 0, error);
		int err;

		if (n != 0)
			return n;
		err = stream_stderr(stream, error);
		if (err < 0)
			return -1;
		if (err > 0)
			continue;
		if (libssh2_channel_eof(stream->channel.handle))
			return channel_finish(&stream->channel, 0, &stream->status, error);
		if (am_ssh_wait(stream->channel.ssh, 0, error) != 0)
			return -1;
	}
}

ssize_t am_ssh_stream_read(struct am_ssh_stream *stream, void *data, size_t size,
	struct am_ssh_status *status, struct am_error *error)
{
	ssize_t n;

	if (stream->state == OPEN) {
		n = stream_step(stream, data, size, &stream->error);
		if (n > 0)
			return n;
		if (n < 0)
			record_failure(&stream->channel, &stream->error);
		stream->state = n == 0 ? ENDED : FAILED;
	}
	if (stream->state == FAILED) {
		if (error != NULL)
			*error = stream->error;
		return -1;
	}
	*status = stream->status;
	return 0;
}

const char *am_ssh_stream_stderr(const struct am_ssh_stream *stream)
{
	return stream->stderr_text.data != NULL ? stream->stderr_text.data : "";
}

void am_ssh_stream_close(struct am_ssh_stream *stream)
{
	if (stream == NULL)
		return;
	am_ssh_channel_close(&stream->channel);
	am_buf_free(&stream->stderr_text);
	free(stream);
}
