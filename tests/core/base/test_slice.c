/* SPDX-License-Identifier: MIT */
/* Parts of texts: absent, empty, with every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/slice.h"

#define SLICE(text) ((struct am_slice){text, sizeof text - 1})

static void test_absent_is_not_empty(void **state)
{
	struct am_slice absent = am_slice_of(NULL), empty = am_slice_of("");

	(void)state;
	assert_null(absent.at);
	assert_int_equal(absent.length, 0);
	assert_non_null(empty.at);
	assert_int_equal(empty.length, 0);
	assert_null(am_slice_trim(absent).at);
	assert_non_null(am_slice_trim(empty).at);
}

static void test_equal_looks_at_every_byte(void **state)
{
	const char *text = "rootvg";

	(void)state;
	assert_true(am_slice_equal(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(am_slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(am_slice_equal(SLICE("a"), SLICE("a\0")));
	assert_false(am_slice_equal(SLICE("a"), SLICE("A")));
	assert_true(am_slice_is((struct am_slice){text, 4}, "root"));
	assert_false(am_slice_is((struct am_slice){text, 4}, "rootvg"));
	assert_false(am_slice_is((struct am_slice){text, 4}, "roo"));
	assert_false(am_slice_is(SLICE("a"), NULL));
	assert_true(am_slice_is((struct am_slice){text, 0}, ""));
}

static void test_order_is_that_of_bytes(void **state)
{
	static const char rising[][4] = {
		"", "A", "Aa", "Ab", "B", "a", "a\x01", "\x7f", "\x80", "\xff", "\xff\xff"};
	size_t count = sizeof rising / sizeof *rising;

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++) {
			int order =
				am_slice_compare(am_slice_of(rising[i]), am_slice_of(rising[k]));

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
	assert_true(am_slice_compare(SLICE("a"), SLICE("a\0")) < 0);
	assert_true(am_slice_compare(SLICE("a\0b"), SLICE("a\0a")) > 0);
	assert_true(am_slice_compare(am_slice_of(NULL), SLICE("a")) < 0);
	assert_int_equal(am_slice_compare(am_slice_of(NULL), am_slice_of(NULL)), 0);
}

static void test_trim_takes_blanks_of_both_ends(void **state)
{
	struct am_slice all = SLICE(" \t\r\n\f\v"), inner = am_slice_trim(SLICE(" \t a  b \r\n"));

	(void)state;
	assert_true(am_slice_is(inner, "a  b"));
	assert_int_equal(am_slice_trim(all).length, 0);
	assert_true(
		am_slice_trim(all).at >= all.at && am_slice_trim(all).at <= all.at + all.length);
	/* neither NUL nor a blank of another character set is one here */
	assert_int_equal(am_slice_trim(SLICE("\0a\0")).length, 3);
	assert_int_equal(am_slice_trim(SLICE("\xa0")).length, 1);
	/* what is beyond the part is not looked at */
	assert_true(am_slice_is(am_slice_trim((struct am_slice){"ab   ", 2}), "ab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent_is_not_empty),
		cmocka_unit_test(test_equal_looks_at_every_byte),
		cmocka_unit_test(test_order_is_that_of_bytes),
		cmocka_unit_test(test_trim_takes_blanks_of_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
