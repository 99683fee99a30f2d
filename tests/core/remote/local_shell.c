/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "remote/local_shell.h"

struct shell shell;

void shell_reset(void)
{
	memset(&shell, 0, sizeof shell);
}

/* What a command wrote, and its end. */
struct am_ssh_stream {
	FILE *out, *err;
	struct am_ssh_status status;
	char text[512];
};

const char *am_ssh_host(const struct am_ssh *ssh)
{
	(void)ssh;
	return "client";
}

int am_ssh_reconnect(struct am_ssh *ssh, struct am_error *error)
{
	(void)ssh;
	shell.reconnects++;
	return shell.reconnect_fails ? am_fail(error, "SSH_CONNECT", "client: refused") : 0;
}

const char *am_ssh_path(const struct am_ssh *ssh)
{
	(void)ssh;
	return NULL;
}

static void shell_child(const char *command, int in, const struct am_ssh_stream *to)
{
	const char *login = shell.login != NULL ? shell.login : "/bin/sh";

	setsid();
	if (dup2(in, 0) < 0 || dup2(fileno(to->out), 1) < 0 || dup2(fileno(to->err), 2) < 0)
		_exit(126);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execl(login, login, "-c", command, (char *)NULL);
	_exit(126);
}

static void write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);

		if (n <= 0)
			_exit(0); /* nobody reads it */
		data += n;
		length -= (size_t)n;
	}
}

/* Sends the script, and the data once the script has said that it is there. */
static void feeder(int fd, const struct am_buf *script, const struct am_ssh_run *run, size_t length,
	const struct am_ssh_stream *to)
{
	struct stat st = {0};

	signal(SIGPIPE, SIG_IGN);
	write_all(fd, script->length > 0 ? script->data : "", script->length);
	while (script->length > 0 && length > 0 && st.st_size < (off_t)sizeof AM_EXEC_READY - 1) {
		poll(NULL, 0, 1);
		fstat(fileno(to->out), &st);
	}
	write_all(fd, run->input, length);
	while (run->hold_input)
		pause();
	_exit(0);
}

static void shell_execute(const struct am_ssh_run *run, int lose, struct am_ssh_stream *to)
{
	struct am_buf line = {0}, script = {0};
	struct am_error error;
	char ready[sizeof AM_EXEC_READY] = "";
	pid_t child, feed;
	int in[2], status;

	if (am_exec_compose(&run->exec, &line, &script, &error) != 0)
		fail_msg("%s", error.message);
	assert_null(strchr(line.data, '\n'));
	assert_int_equal(pipe(in), 0);
	feed = fork();
	assert_true(feed >= 0);
	if (feed == 0) {
		close(in[0]);
		feeder(in[1], &script, run, run->input_length - (lose != 0), to);
	}
	close(in[1]);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		shell_child(line.data, in[0], to);
	close(in[0]);
	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	kill(feed, SIGKILL);
	while (waitpid(feed, NULL, 0) < 0)
		assert_int_equal(errno, EINTR);
	to->status.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (WIFSIGNALED(status))
		snprintf(to->status.signal, sizeof to->status.signal, "%d", WTERMSIG(status));
	rewind(to->out);
	if (script.length > 0 && (fread(ready, 1, sizeof ready - 1, to->out) != sizeof ready - 1 ||
					 strcmp(ready, AM_EXEC_READY) != 0))
		fail_msg("sh did not take its script");
	am_buf_free(&line);
	am_buf_free(&script);
}

/* Runs or answers a command; what it met is in `fault`. */
static void shell_run(
	const struct am_ssh_run *run, struct am_ssh_stream *to, struct shell_fault *fault)
{
	*fault = shell.next[0];
	memmove(shell.next, shell.next + 1, sizeof shell.next - sizeof *shell.next);
	memset(&shell.next[3], 0, sizeof *shell.next);
	shell.runs++;
	memset(to, 0, sizeof *to);
	to->out = tmpfile();
	to->err = tmpfile();
	assert_true(to->out != NULL && to->err != NULL);
	if (fault->out != NULL) {
		fputs(fault->out, to->out);
		fputs(fault->err != NULL ? fault->err : "", to->err);
		to->status.status = fault->signal != NULL ? -1 : fault->status;
		if (fault->signal != NULL)
			snprintf(to->status.signal, sizeof to->status.signal, "%s", fault->signal);
		rewind(to->out);
	} else {
		shell_execute(run, fault->lose_byte, to);
	}
	rewind(to->err);
}

void am_ssh_stream_close(struct am_ssh_stream *stream)
{
	if (stream == NULL)
		return;
	fclose(stream->out);
	fclose(stream->err);
	free(stream);
}

int am_ssh_run(struct am_ssh *ssh, const struct am_ssh_run *run, struct am_ssh_status *status,
	struct am_error *error)
{
	struct am_ssh_stream *to = malloc(sizeof *to);
	struct shell_fault fault;
	char block[700]; /* so that output comes in pieces */
	size_t n;
	int r = 0;

	(void)ssh;
	assert_non_null(to);
	shell_run(run, to, &fault);
	while (r == 0 && (n = fread(block, 1, sizeof block, to->err)) > 0)
		r = run->output(run->context, AM_SSH_STDERR, block, n, error);
	while (r == 0 && (n = fread(block, 1, fault.cut > 0 ? (size_t)fault.cut : sizeof block,
				  to->out)) > 0) {
		r = run->output(run->context, AM_SSH_STDOUT, block, n, error);
		if (fault.cut > 0)
			break;
	}
	if (r == 0 && fault.lost)
		r = am_fail(error, "SSH_LOST", "client: connection lost");
	*status = to->status;
	am_ssh_stream_close(to);
	return r;
}

struct am_ssh_stream *am_ssh_stream_open(
	struct am_ssh *ssh, const struct am_exec *exec, const char *label, struct am_error *error)
{
	struct am_ssh_stream *stream = malloc(sizeof *stream);
	struct am_ssh_run run = {.exec = *exec};
	struct shell_fault fault;

	(void)ssh;
	(void)label;
	assert_non_null(stream);
	shell_run(&run, stream, &fault);
	stream->text[fread(stream->text, 1, sizeof stream->text - 1, stream->err)] = '\0';
	if (!fault.lost)
		return stream;
	am_ssh_stream_close(stream);
	am_fail(error, "SSH_LOST", "client: connection lost");
	return NULL;
}

ssize_t am_ssh_stream_read(struct am_ssh_stream *stream, void *data, size_t size,
	struct am_ssh_status *status, struct am_error *error)
{
	(void)error;
	*status = stream->status;
	return (ssize_t)fread(data, 1, size, stream->out);
}

const char *am_ssh_stream_stderr(const struct am_ssh_stream *stream)
{
	return stream->text;
}
