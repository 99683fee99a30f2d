/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"

static void assert_quoted(const char *text, size_t length, int lossy, const char *expected)
{
	struct am_buf out = {0};
	struct am_error error;

	assert_int_equal(am_json_quote(&out, text, length, lossy, &error), 0);
	assert_string_equal(out.data, expected);
	am_buf_free(&out);
}

static void escapes_what_json_must_not_carry(void **state)
{
	(void)state;
	assert_quoted("", 0, 0, "\"\"");
	assert_quoted("a\"\\\n\t\0\x1f\x7f", 8, 0, "\"a\\\"\\\\\\n\\t\\u0000\\u001f\\u007f\"");
	assert_quoted("\xc3\xa4\xf0\x9f\x98\x80", 6, 0, "\"\xc3\xa4\xf0\x9f\x98\x80\"");
}

/* Valid JSON without them, so that a line of it does no harm on a terminal either. */
static void escapes_what_a_terminal_obeys(void **state)
{
	(void)state;
	assert_quoted("\x1b\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\xc3\xbc", 12, 0,
		"\"\\u001b\\u009b\\u202e\\udb40\\udc41\xc3\xbc\"");
}

static void every_bad_byte_is_replaced_once(void **state)
{
	(void)state;
	assert_quoted("a\xff\xfe"
		      "b",
		4, 1,
		"\"a\xef\xbf\xbd\xef\xbf\xbd"
		"b\"");
	assert_quoted("\xe2\x82", 2, 1, "\"\xef\xbf\xbd\xef\xbf\xbd\""); /* cut sequence */
}

static void says_where_the_first_bad_byte_is(void **state)
{
	struct am_buf out = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_json_quote(&out, "abc\xc0\x80", 5, 0, &error), -1);
	assert_string_equal(error.code, "JSON_UTF8");
	assert_non_null(strstr(error.message, "byte 3 (0xc0)"));
	am_buf_free(&out);
}

/* The sequences are exactly those of the code points, surrogates left out. */
static void knows_every_sequence(void **state)
{
	(void)state;
	for (uint32_t c = 0x80; c <= 0x110000; c += c < 0x3000 ? 1 : 61) {
		unsigned char bytes[4];
		size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		int valid = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);

		for (size_t i = 1; i < size; i++)
			bytes[i] = (unsigned char)(0x80 | (c >> 6 * (size - 1 - i) & 0x3F));
		bytes[0] = (unsigned char)((0xF00U >> size & 0xFF) | c >> 6 * (size - 1));
		assert_int_equal(
			am_utf8_sequence((const char *)bytes, size), valid ? (int)size : 0);
		assert_int_equal(am_utf8_sequence((const char *)bytes, size - 1), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_what_json_must_not_carry),
		cmocka_unit_test(escapes_what_a_terminal_obeys),
		cmocka_unit_test(every_bad_byte_is_replaced_once),
		cmocka_unit_test(says_where_the_first_bad_byte_is),
		cmocka_unit_test(knows_every_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
