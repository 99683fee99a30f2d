/* SPDX-License-Identifier: MIT */
/* The clock goes forward, and who sleeps wakes up: after the time, or when cancelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/cancel.h"
#include "base/clock.h"

static int clear(void **state)
{
	(void)state;
	am_cancel_clear();
	return 0;
}

static void on_alarm(int number)
{
	(void)number;
	am_cancel();
}

/* Does nothing but interrupt what waits. */
static void on_noise(int number)
{
	(void)number;
}

static void handle_alarm(void (*handler)(int), long every_usec)
{
	struct itimerval timer = {.it_value = {0, 20000}, .it_interval = {0, every_usec}};
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void no_alarm(void)
{
	struct itimerval none;

	memset(&none, 0, sizeof none);
	assert_int_equal(setitimer(ITIMER_REAL, &none, NULL), 0);
	assert_true(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

static void test_clock_goes_forward(void **state)
{
	double last = am_clock();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		double now = am_clock();

		assert_true(now >= last);
		last = now;
	}
}

/* 0.15 s: more than one look at the flag; 5 s is for a machine with other work. */
static void test_sleeps_its_time(void **state)
{
	double start = am_clock();
	struct am_error error;

	(void)state;
	assert_int_equal(am_sleep(0.15, &error), 0);
	assert_true(am_clock() - start >= 0.15);
	start = am_clock();
	assert_int_equal(am_sleep(0, &error), 0);
	assert_int_equal(am_sleep(-1e9, &error), 0);
	assert_true(am_clock() - start < 5);
}

static void test_a_signal_does_not_shorten_it(void **state)
{
	double start = am_clock();
	struct am_error error;

	(void)state;
	handle_alarm(on_noise, 20000);
	assert_int_equal(am_sleep(0.2, &error), 0);
	no_alarm();
	assert_true(am_clock() - start >= 0.2);
}

static void test_cancel_ends_it(void **state)
{
	double start = am_clock();
	struct am_error error;

	(void)state;
	handle_alarm(on_alarm, 0);
	assert_int_equal(am_sleep(3600, &error), -1);
	no_alarm();
	assert_string_equal(error.code, "CANCELLED");
	assert_string_equal(error.message, "sleep: cancelled");
	assert_true(am_clock() - start < 30);
	assert_int_equal(am_sleep(0, &error), -1); /* cancelled before it begins */
	assert_string_equal(error.code, "CANCELLED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_goes_forward),
		cmocka_unit_test(test_sleeps_its_time),
		cmocka_unit_test(test_a_signal_does_not_shorten_it),
		cmocka_unit_test_teardown(test_cancel_ends_it, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
