/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cancel.h"
#include "host/process.h"

static int run_shell(const char *text, const struct am_process_io *io,
	struct am_process_result *result, struct am_error *error)
{
	const char *argv[] = {"sh", "-c", text, NULL};
	const struct am_process process = {.argv = argv};

	*result = (struct am_process_result){0};
	return am_process_run(&process, io, result, error);
}

static void free_result(struct am_process_result *result)
{
	am_buf_free(&result->out);
	am_buf_free(&result->err);
}

static int count_open(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void leaves_no_descriptor_open(void **state)
{
	static const char *const no_program[] = {"/no/such/program", NULL};
	const struct am_process process = {.argv = no_program};
	const struct am_process_io io = {.input = "x", .input_length = 1};
	struct am_process_result result = {0};
	struct am_error error;
	int before = count_open();

	(void)state;
	assert_int_equal(run_shell("cat; exit 2", &io, &result, &error), 0);
	assert_int_equal(result.exit.status, 2);
	free_result(&result);
	assert_int_equal(am_process_run(&process, &io, &result, &error), -1);
	assert_string_equal(error.code, "ENOENT");
	free_result(&result);
	assert_int_equal(count_open(), before);
}

static void keeps_what_came_before_a_timeout(void **state)
{
	const struct am_process_io io = {.timeout = 0.3};
	struct am_process_result result;
	struct am_error error;

	(void)state;
	assert_int_equal(run_shell("echo early; exec sleep 30", &io, &result, &error), -1);
	assert_string_equal(error.code, "ETIMEDOUT");
	assert_string_equal(result.out.data, "early\n");
	assert_int_equal(result.exit.signal, SIGTERM);
	free_result(&result);
}

static void what_ignores_the_polite_signal_is_killed(void **state)
{
	const struct am_process_io io = {.timeout = 0.3};
	struct am_process_result result;
	struct am_error error;

	(void)state;
	assert_int_equal(
		run_shell("trap '' TERM; while :; do sleep 0.2; done", &io, &result, &error), -1);
	assert_string_equal(error.code, "ETIMEDOUT");
	assert_int_equal(result.exit.signal, SIGKILL);
	free_result(&result);
}

static void on_alarm(int number)
{
	(void)number;
	am_cancel();
}

static void cancel_flag_ends_a_silent_program(void **state)
{
	const struct am_process_io io = {0};
	struct am_process_result result;
	struct sigaction action;
	struct am_error error;
	double start = am_clock();

	(void)state;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_alarm;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	assert_int_equal(run_shell("exec sleep 30", &io, &result, &error), -1);
	assert_string_equal(error.code, "CANCELLED");
	assert_true(am_clock() - start < 5);
	free_result(&result);
	assert_int_equal(am_sleep(10, &error), -1);
	assert_string_equal(error.code, "CANCELLED");
	am_cancel_clear();
}

static void too_much_output_is_an_error(void **state)
{
	const struct am_process_io io = {.max_output = 1000};
	struct am_process_result result;
	struct am_error error;

	(void)state;
	assert_int_equal(run_shell("exec cat /dev/zero", &io, &result, &error), -1);
	assert_string_equal(error.code, "E2BIG");
	free_result(&result);
}

static void signals_have_names_both_ways(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(am_signal_number("TERM"), SIGTERM);
	assert_int_equal(am_signal_number("SIGTERM"), -1);
	am_signal_name(SIGKILL, name, sizeof name);
	assert_string_equal(name, "KILL");
	am_signal_name(63, name, sizeof name);
	assert_string_equal(name, "SIG63");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_no_descriptor_open),
		cmocka_unit_test(keeps_what_came_before_a_timeout),
		cmocka_unit_test(what_ignores_the_polite_signal_is_killed),
		cmocka_unit_test(cancel_flag_ends_a_silent_program),
		cmocka_unit_test(too_much_output_is_an_error),
		cmocka_unit_test(signals_have_names_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
