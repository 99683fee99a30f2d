/* SPDX-License-Identifier: MIT */
/*
 * Commands on a session, against a real sshd over a socket pair (inetd_sshd.h). What login shells
 * do to output (greetings, changed bytes) and connecting again over the network are in
 * bind/test_ssh; jobs and files in test_job and test_file, which need no sshd.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "remote/inetd_sshd.h"
#include "remote/ssh_channel.h"

static struct am_ssh ssh;

/* Tests share a session; one that needs it lost leaves it so. */
static int log_in(void **state)
{
	(void)state;
	if (!inetd_sshd_is_missing() && ssh.session == NULL)
		inetd_sshd_login(&ssh);
	return 0;
}

static int log_out(void **state)
{
	(void)state;
	am_ssh_drop(&ssh);
	return 0;
}

struct seen {
	struct am_buf out[2];
	int enough; /* the caller wants no more */
	int cut;    /* the connection ends with the first output */
};

static int keep(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct seen *seen = context;

	if (seen->cut)
		inetd_sshd_kill();
	if (seen->enough)
		return am_fail(error, "ENOUGH", "no more is wanted");
	return am_buf_add(&seen->out[source], data, length, error);
}

static void forget(struct seen *seen)
{
	am_buf_free(&seen->out[0]);
	am_buf_free(&seen->out[1]);
}

/* Runs it; the code of the failure, or "". */
static const char *run(struct am_ssh_run *run, struct seen *seen, struct am_ssh_status *status,
	struct am_error *error)
{
	int r;

	*error = (struct am_error){0};
	run->output = keep;
	run->context = seen;
	r = am_ssh_run(&ssh, run, status, error);
	assert_int_equal(r, error->code[0] != '\0' ? -1 : 0);
	return error->code;
}

static void output_and_status_come_back_apart(void **state)
{
	struct am_ssh_run command = {.exec.script = "echo out; echo err >&2; exit 3"};
	struct am_ssh_status status;
	struct am_error error;
	struct seen seen = {0};

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(run(&command, &seen, &status, &error), "");
	assert_int_equal(status.status, 3);
	assert_string_equal(status.signal, "");
	assert_string_equal(seen.out[AM_SSH_STDOUT].data, "out\n");
	assert_string_equal(seen.out[AM_SSH_STDERR].data, "err\n");
	forget(&seen);
	command.exec.script = "kill -TERM $$";
	assert_string_equal(run(&command, &seen, &status, &error), "");
	assert_int_equal(status.status, -1);
	assert_string_equal(status.signal, "TERM");
}

/* More than any window or buffer holds, every byte, and no more of it than the command takes. */
static void input_arrives_as_it_is(void **state)
{
	enum { SIZE = 3 << 20 };
	char *data = malloc(SIZE);
	struct am_ssh_run command = {.exec.script = "cat", .input = data, .input_length = SIZE};
	struct am_ssh_status status;
	struct am_error error;
	struct seen seen = {0};

	(void)state;
	for (size_t i = 0; data != NULL && i < SIZE; i++)
		data[i] = (char)(i * 7 + i / 256);
	if (inetd_sshd_is_missing())
		free(data);
	inetd_sshd_needed();
	assert_string_equal(run(&command, &seen, &status, &error), "");
	assert_int_equal(seen.out[0].length, SIZE);
	assert_memory_equal(seen.out[0].data, data, SIZE);
	forget(&seen);
	command.exec.script = "read -r line; exit 5"; /* the rest is wanted by nobody */
	assert_string_equal(run(&command, &seen, &status, &error), "");
	assert_int_equal(status.status, 5);
	forget(&seen);
	free(data);
}

static void who_takes_no_more_ends_the_run(void **state)
{
	struct am_ssh_run command = {.exec.script = "while echo more; do :; done"};
	struct am_ssh_status status;
	struct am_error error;
	struct seen seen = {.enough = 1};

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(run(&command, &seen, &status, &error), "ENOUGH");
	seen.enough = 0;
	command.exec.script = "echo after";
	assert_string_equal(run(&command, &seen, &status, &error), "");
	assert_string_equal(seen.out[0].data, "after\n");
	forget(&seen);
}

static void a_deadline_and_a_signal_end_the_run(void **state)
{
	struct am_ssh_run command = {
		.exec.script = "sleep 5", .label = "long sleep", .timeout = 0.3};
	double started = am_clock();
	struct am_ssh_status status;
	struct am_error error;
	struct seen seen = {0};

	(void)state;
	inetd_sshd_needed();
	assert_string_equal(run(&command, &seen, &status, &error), "SSH_TIMEOUT");
	assert_non_null(strstr(error.message, "long sleep"));
	assert_true(am_clock() - started < 10);
	command = (struct am_ssh_run){.exec.script = "true"};
	assert_string_equal(run(&command, &seen, &status, &error), ""); /* the session goes on */
	assert_int_equal(status.status, 0);
	am_cancel();
	assert_string_equal(run(&command, &seen, &status, &error), "CANCELLED");
	am_cancel_clear();
}

static void too_long_a_command_is_not_sent(void **state)
{
	char *text = calloc(1, 200001);
	struct am_ssh_run command = {.exec.argv = (const char *const[]){"true", text, NULL}};
	struct am_ssh_status status;
	struct am_error error;
	struct seen seen = {0};

	(void)state;
	assert_non_null(text);
	memset(text, ':', 200000);
	if (!inetd_sshd_is_missing())
		assert_string_equal(run(&command, &seen, &status, &error), "E2BIG");
	free(text);
	inetd_sshd_needed();
}

static void streams_are_read_side_by_side(void **state)
{
	struct am_error error = {0};
	struct am_ssh_status status;
	struct am_ssh_stream *a, *b;
	char text[16];

	(void)state;
	inetd_sshd_needed();
	a = am_ssh_stream_open(&ssh,
		&(struct am_exec){.script = "echo a; echo complaint >&2; exit 2"}, NULL, &error);
	b = am_ssh_stream_open(&ssh, &(struct am_exec){.script = "echo b"}, NULL, &error);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(am_ssh_stream_read(b, text, sizeof text, &status, &error), 2);
	assert_memory_equal(text, "b\n", 2);
	assert_int_equal(am_ssh_stream_read(a, text, sizeof text, &status, &error), 2);
	assert_memory_equal(text, "a\n", 2);
	assert_int_equal(am_ssh_stream_read(a, text, sizeof text, &status, &error), 0);
	assert_int_equal(status.status, 2);
	assert_string_equal(am_ssh_stream_stderr(a), "complaint\n");
	assert_int_equal(am_ssh_stream_read(a, text, sizeof text, &status, &error), 0);
	am_ssh_stream_close(a);
	assert_int_equal(am_ssh_stream_read(b, text, sizeof text, &status, &error), 0);
	assert_int_equal(status.status, 0);
	am_ssh_stream_close(b);
}

/* MaxSessions of the sshd is 4. */
static void one_session_too_many_is_named(void **state)
{
	struct am_ssh_stream *held[5] = {NULL};
	struct am_error error = {0};
	int n = 0;

	(void)state;
	inetd_sshd_needed();
	while (n < 5 && (held[n] = am_ssh_stream_open(
				 &ssh, &(struct am_exec){.script = "cat"}, NULL, &error)) != NULL)
		n++;
	assert_int_equal(n, 4);
	assert_string_equal(error.code, "SSH_CHANNEL");
	while (n > 0)
		am_ssh_stream_close(held[--n]);
}

/* A connection that ends is never a status, and streams of it find out. */
static void a_lost_connection_is_no_status(void **state)
{
	struct am_ssh_run command = {.exec.script = "echo begun; sleep 5; echo ended"};
	struct am_error error = {0};
	struct am_ssh_status status;
	struct am_ssh_stream *stream;
	struct seen seen = {.cut = 1};
	char text[16];

	(void)state;
	inetd_sshd_needed();
	stream = am_ssh_stream_open(&ssh, &(struct am_exec){.script = "sleep 5"}, NULL, &error);
	assert_non_null(stream);
	assert_string_equal(run(&command, &seen, &status, &error), "SSH_LOST");
	assert_null(ssh.session);
	assert_int_equal(am_ssh_stream_read(stream, text, sizeof text, &status, &error), -1);
	assert_string_equal(error.code, "SSH_LOST");
	am_ssh_stream_close(stream);
	forget(&seen);
	assert_int_equal(am_ssh_run(&ssh, &command, &status, NULL), -1); /* there is no way back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(output_and_status_come_back_apart, log_in),
		cmocka_unit_test_setup(input_arrives_as_it_is, log_in),
		cmocka_unit_test_setup(who_takes_no_more_ends_the_run, log_in),
		cmocka_unit_test_setup_teardown(
			a_deadline_and_a_signal_end_the_run, log_in, log_out),
		cmocka_unit_test_setup(too_long_a_command_is_not_sent, log_in),
		cmocka_unit_test_setup(streams_are_read_side_by_side, log_in),
		cmocka_unit_test_setup_teardown(one_session_too_many_is_named, log_in, log_out),
		cmocka_unit_test_setup_teardown(a_lost_connection_is_no_status, log_in, log_out),
	};
	return inetd_sshd_exit(
		cmocka_run_group_tests(tests, inetd_sshd_setup, inetd_sshd_teardown));
}
