/* SPDX-License-Identifier: MIT */
/* The cancel flag, set by a signal and looked at by everybody until it is cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/cancel.h"

static int clear(void **state)
{
	(void)state;
	am_cancel_clear();
	return 0;
}

static void on_signal(int number)
{
	(void)number;
	am_cancel();
}

static void test_nothing_is_cancelled_at_first(void **state)
{
	struct am_error error = {"KEPT", "as it was"};

	(void)state;
	assert_int_equal(am_cancelled(), 0);
	assert_int_equal(am_check_cancel("copy", &error), 0);
	assert_string_equal(error.code, "KEPT");
	assert_string_equal(error.message, "as it was");
}

static void test_a_signal_cancels_until_it_is_cleared(void **state)
{
	struct sigaction action, before;
	struct am_error error;

	(void)state;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	assert_int_equal(sigaction(SIGTERM, &action, &before), 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(sigaction(SIGTERM, &before, NULL), 0);
	for (int i = 0; i < 2; i++) { /* looking at it does not clear it */
		assert_int_equal(am_cancelled(), 1);
		assert_int_equal(am_check_cancel("copy", &error), -1);
		assert_string_equal(error.code, "CANCELLED");
		assert_string_equal(error.message, "copy: cancelled");
	}
	assert_int_equal(am_check_cancel("copy", NULL), -1);
	am_cancel_clear();
	assert_int_equal(am_cancelled(), 0);
	assert_int_equal(am_check_cancel("copy", &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_cancelled_at_first), /* before any other */
		cmocka_unit_test_teardown(test_a_signal_cancels_until_it_is_cleared, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
