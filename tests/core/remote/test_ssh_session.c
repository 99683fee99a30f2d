/* SPDX-License-Identifier: MIT */
/* The one place that polls, and the ends of a connection: over a socket pair, without an sshd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "remote/ssh_session.h"

struct fixture {
	struct am_ssh ssh;
	int peer;
	struct am_error error;
};

static int setup(void **state)
{
	static struct fixture f;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	f = (struct fixture){.peer = ends[1]};
	f.ssh = (struct am_ssh){.host = "pair",
		.user = "root",
		.port = 22,
		.keepalive = 30,
		.fd = ends[0],
		.session = libssh2_session_init()};
	libssh2_session_set_blocking(f.ssh.session, 0);
	am_ssh_heard(&f.ssh);
	*state = &f;
	return f.ssh.session == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	am_ssh_drop(&f->ssh);
	close(f->peer);
	am_cancel_clear();
	return 0;
}

static void a_wait_ends_when_something_comes(void **state)
{
	struct fixture *f = *state;
	double started = am_clock();

	f->ssh.unanswered = 3;
	assert_int_equal(write(f->peer, "x", 1), 1);
	assert_int_equal(am_ssh_wait(&f->ssh, started + 20, &f->error), 0);
	assert_true(am_clock() - started < 5);
	assert_int_equal(f->ssh.unanswered, 0); /* it is a sign of life */
	assert_true(f->ssh.asked >= started);
}

static void a_wait_ends_when_the_other_side_is_gone(void **state)
{
	struct fixture *f = *state;

	shutdown(f->peer, SHUT_RDWR);
	assert_int_equal(am_ssh_wait(&f->ssh, am_clock() + 20, &f->error), 0);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct fixture *f = *state;
	double started = am_clock();

	assert_int_equal(am_ssh_wait(&f->ssh, started + 0.05, &f->error), -1);
	assert_string_equal(f->error.code, "SSH_TIMEOUT");
	assert_true(am_clock() - started >= 0.05 && am_clock() - started < 5);
	assert_int_equal(am_ssh_wait(&f->ssh, started, &f->error), -1); /* that is over already */
	assert_string_equal(f->error.code, "SSH_TIMEOUT");
}

static void a_signal_ends_a_wait_but_not_tidying_up(void **state)
{
	struct fixture *f = *state;

	am_cancel();
	assert_int_equal(am_ssh_wait(&f->ssh, am_clock() + 20, &f->error), -1);
	assert_string_equal(f->error.code, "CANCELLED");
	f->ssh.closing = 1;
	assert_int_equal(am_ssh_wait(&f->ssh, am_clock() + 0.05, &f->error), -1);
	assert_string_equal(f->error.code, "SSH_TIMEOUT");
}

/* Without a sign of life it is asked for four times, and then given up, whatever the deadline. */
static void a_silent_other_side_is_lost(void **state)
{
	struct fixture *f = *state;
	double started = am_clock();

	f->ssh.keepalive = 0.02;
	assert_int_equal(am_ssh_wait(&f->ssh, 0, &f->error), -1);
	assert_string_equal(f->error.code, "SSH_LOST");
	assert_non_null(strstr(f->error.message, "0.1 s"));
	assert_int_equal(f->ssh.unanswered, 4);
	assert_true(am_clock() - started < 10);
}

static void a_dropped_connection_is_closed_and_its_channels_know(void **state)
{
	struct fixture *f = *state;
	struct am_ssh_channel channel = {.handle = (LIBSSH2_CHANNEL *)&channel, .ssh = &f->ssh};
	char byte;
	int fd = f->ssh.fd;

	f->ssh.channels = &channel;
	am_ssh_drop(&f->ssh);
	assert_null(channel.handle);
	assert_null(f->ssh.session);
	assert_int_equal(f->ssh.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(read(f->peer, &byte, 1), 0);
	am_ssh_drop(&f->ssh); /* again: nothing is left to drop */
	f->ssh.channels = NULL;
}

static void a_lost_connection_is_dropped_with_a_reason(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(am_ssh_lost(&f->ssh, -43, &f->error), -1);
	assert_string_equal(f->error.code, "SSH_LOST");
	assert_non_null(strstr(f->error.message, "(-43)"));
	assert_null(f->ssh.session);
}

/* What should not be there is quoted: visible, and not all of it. */
static void bytes_of_a_shell_are_quoted(void **state)
{
	struct fixture *f = *state;
	char flood[5000];

	assert_int_equal(
		am_ssh_fail_shell(&f->ssh, "it prints", "\033[2Jhello\n", 10, &f->error), -1);
	assert_string_equal(f->error.code, "SSH_SHELL");
	assert_non_null(strstr(f->error.message, "it prints: \"\\x1b[2Jhello\\n\""));
	assert_non_null(strstr(f->error.message, "ssh root@pair true"));
	assert_null(strchr(f->error.message, '\033'));
	memset(flood, '\a', sizeof flood);
	am_ssh_fail_shell(&f->ssh, "it prints", flood, sizeof flood, &f->error);
	assert_non_null(strstr(f->error.message, " ...\""));
	assert_true(strlen(f->error.message) < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_wait_ends_when_something_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_wait_ends_when_the_other_side_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_signal_ends_a_wait_but_not_tidying_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_other_side_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_dropped_connection_is_closed_and_its_channels_know, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_lost_connection_is_dropped_with_a_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_of_a_shell_are_quoted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
