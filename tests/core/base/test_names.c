/* SPDX-License-Identifier: MIT */
/* Numbers by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/names.h"

static void test_the_first_value_of_a_name_stays(void **state)
{
	struct am_names names;

	(void)state;
	assert_int_equal(am_names_make(&names, 3), 0);
	assert_true(am_names_find(&names, am_slice_of("a")) == AM_NAMES_NONE);
	assert_int_equal(am_names_put(&names, am_slice_of("a"), 7), 7);
	assert_int_equal(am_names_put(&names, am_slice_of("a"), 8), 7);
	assert_int_equal(am_names_put(&names, am_slice_of(""), 9), 9);
	assert_int_equal(am_names_find(&names, am_slice_of("a")), 7);
	assert_int_equal(am_names_find(&names, am_slice_of("")), 9);
	assert_true(am_names_find(&names, am_slice_of("aa")) == AM_NAMES_NONE);
	/* A name is its bytes and its length. */
	assert_int_equal(am_names_put(&names, (struct am_slice){"a\0b", 3}, 1), 1);
	assert_int_equal(am_names_find(&names, (struct am_slice){"a\0b", 3}), 1);
	assert_int_equal(am_names_find(&names, am_slice_of("a")), 7);
	am_names_free(&names);
}

static void test_many_names(void **state)
{
	enum { COUNT = 5000 };
	static char text[COUNT][8];
	struct am_names names;

	(void)state;
	assert_int_equal(am_names_make(&names, COUNT), 0);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof text[i], "n%zu", i);
		assert_int_equal(am_names_put(&names, am_slice_of(text[i]), i), i);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(am_names_find(&names, am_slice_of(text[i])), i);
	/* It has no room for more, and those that are there are still found. */
	assert_true(am_names_put(&names, am_slice_of("more"), 1) == AM_NAMES_NONE);
	assert_true(am_names_find(&names, am_slice_of("more")) == AM_NAMES_NONE);
	assert_int_equal(am_names_put(&names, am_slice_of(text[17]), 1), 17);
	am_names_free(&names);
}

static void test_without_room(void **state)
{
	struct am_names names;

	(void)state;
	assert_int_equal(am_names_make(&names, SIZE_MAX / 8), -1);
	am_names_free(&names);
	assert_int_equal(am_names_make(&names, 0), 0);
	assert_true(am_names_find(&names, am_slice_of("a")) == AM_NAMES_NONE);
	assert_true(am_names_put(&names, am_slice_of("a"), 1) == AM_NAMES_NONE);
	am_names_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_value_of_a_name_stays),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
