/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"

static void grows_and_terminates(void **state)
{
	struct am_buf buf = {0};
	struct am_error error;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(am_buf_addf(&buf, &error, "%04d,", i), 0);
	assert_int_equal(buf.length, 5000);
	assert_string_equal(buf.data + 4995, "0999,");
	am_buf_consume(&buf, 4990);
	assert_string_equal(buf.data, "0998,0999,");
	am_buf_consume(&buf, 100);
	assert_int_equal(buf.length, 0);
	am_buf_free(&buf);
}

static void stops_at_its_limit(void **state)
{
	struct am_buf buf = {.limit = 10};
	struct am_error error;

	(void)state;
	assert_int_equal(am_buf_add(&buf, "0123456789", 10, &error), 0);
	assert_int_equal(am_buf_add(&buf, "x", 1, &error), -1);
	assert_string_equal(error.code, "E2BIG");
	assert_string_equal(buf.data, "0123456789");
	assert_int_equal(am_buf_reserve(&buf, SIZE_MAX, &error), -1);
	assert_string_equal(error.code, "ENOMEM");
	am_buf_free(&buf);
}

static void error_prefix_keeps_the_reason(void **state)
{
	struct am_error error;

	(void)state;
	assert_int_equal(am_fail_errno(&error, 2, "open: %s", "/x"), -1);
	assert_string_equal(error.code, "ENOENT");
	am_error_prefix(&error, "phase %d", 5);
	assert_true(strncmp(error.message, "phase 5: open: /x: ", 19) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_terminates),
		cmocka_unit_test(stops_at_its_limit),
		cmocka_unit_test(error_prefix_keeps_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
