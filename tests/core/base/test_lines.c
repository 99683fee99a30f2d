/* SPDX-License-Identifier: MIT */
/* Lines are the same however the stream is cut into blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/lines.h"

static int collect(void *context, const char *line, size_t length, struct am_error *error)
{
	struct am_buf *out = context;

	if (am_buf_add(out, line, length, error) != 0)
		return -1;
	return am_buf_addstr(out, "|", error);
}

static int refuse(void *context, const char *line, size_t length, struct am_error *error)
{
	(void)context;
	(void)line;
	return am_fail(error, "CALLBACK", "line of %zu bytes", length);
}

static void test_every_cut(void **state)
{
	static const char text[] = "one\n\ntw\0o\nlast";
	static const char want[] = "one||tw\0o|last|";

	(void)state;
	for (size_t cut = 0; cut <= sizeof text - 1; cut++) {
		struct am_buf out = {0};
		struct am_lines lines = {.line = collect, .context = &out};
		struct am_error error;

		assert_int_equal(am_lines_add(&lines, text, cut, &error), 0);
		assert_int_equal(
			am_lines_add(&lines, text + cut, sizeof text - 1 - cut, &error), 0);
		assert_int_equal(am_lines_end(&lines, &error), 0);
		assert_int_equal(out.length, sizeof want - 1);
		assert_memory_equal(out.data, want, out.length);
		am_lines_free(&lines);
		am_buf_free(&out);
	}
}

static void test_endless_line_comes_in_pieces(void **state)
{
	size_t length = 2 * (size_t)AM_LINE_MAX + 5;
	char *data = malloc(length);
	struct am_buf out = {0};
	struct am_lines lines = {.line = collect, .context = &out};
	struct am_error error;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', length);
	assert_int_equal(am_lines_add(&lines, data, length, &error), 0);
	assert_int_equal(am_lines_end(&lines, &error), 0);
	assert_int_equal(out.length, length + 3);
	assert_int_equal(out.data[AM_LINE_MAX], '|');
	am_lines_free(&lines);
	am_buf_free(&out);
	free(data);
}

static void test_receiver_ends_the_stream(void **state)
{
	struct am_lines lines = {.line = refuse};
	struct am_error error;

	(void)state;
	assert_int_equal(am_lines_add(&lines, "ab\ncd\n", 6, &error), -1);
	assert_string_equal(error.message, "line of 2 bytes");
	am_lines_free(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_endless_line_comes_in_pieces),
		cmocka_unit_test(test_receiver_ends_the_stream)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
