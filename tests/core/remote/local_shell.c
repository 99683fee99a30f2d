/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void shell_child(
	const char *command, FILE *in, const int hold[2], const struct am_ssh_stream *to)
{
	setsid();
	if (dup2(hold != NULL ? hold[0] : fileno(in), 0) < 0 || dup2(fileno(to->out), 1) < 0 ||
		dup2(fileno(to->err), 2) < 0)
		_exit(126);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(126);
}

static void shell_execute(
	const char *command, const void *input, size_t length, int held, struct am_ssh_stream *to)
{
	FILE *in = tmpfile();
	int hold[2], status;
	pid_t child;

	assert_non_null(in);
	assert_int_equal(pipe(hold), 0);
	if (length > 0)
		assert_int_equal(fwrite(input, 1, length, in), length);
	rewind(in);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		shell_child(command, in, held ? hold : NULL, to);
	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	close(hold[0]);
	close(hold[1]);
	fclose(in);
	to->status.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (WIFSIGNALED(status))
		snprintf(to->status.signal, sizeof to->status.signal, "%d", WTERMSIG(status));
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
	} else {
		shell_execute(run->command, run->input, run->input_length - (fault->lose_byte != 0),
			run->hold_input, to);
	}
	rewind(to->out);
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
	struct am_ssh *ssh, const char *command, const char *label, struct am_error *error)
{
	struct am_ssh_stream *stream = malloc(sizeof *stream);
	struct am_ssh_run run = {.command = command};
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
