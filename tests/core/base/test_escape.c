/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"

static void assert_escaped(const char *text, size_t length, unsigned flags, const char *expected)
{
	struct am_buf out = {0};
	struct am_error error;
	char array[256];

	assert_int_equal(am_escape(&out, text, length, flags, &error), 0);
	assert_string_equal(out.data, expected);
	am_buf_free(&out);
	assert_int_equal(am_escape_to(array, sizeof array, text, length, flags), strlen(expected));
	assert_string_equal(array, expected);
}

/* Of a string literal, which may hold NUL bytes. */
#define ESCAPED(text, flags, expected) assert_escaped(text, sizeof(text) - 1, flags, expected)

static void what_a_terminal_obeys_is_shown(void **state)
{
	(void)state;
	ESCAPED("", 0, "");
	ESCAPED("\33]0;title\7\33[2J", 0, "\\x1b]0;title\\x07\\x1b[2J");
	ESCAPED("a\0b\b\177\r\n\t", 0, "a\\x00b\\x08\\x7f\\r\\n\\t");
	ESCAPED("\xc2\x9b"
		"31m\xc2\x80\xc2\x9f",
		0, "\\u{9b}31m\\u{80}\\u{9f}");
	ESCAPED("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xef\xbb\xbf\xf3\xa0\x81\x81", 0,
		"\\u{202e}\\u{2066}\\u{200f}\\u{feff}\\u{e0041}");
	ESCAPED("\xe2\x80\xa8\xef\xbf\xbf", AM_ESCAPE_LINES, "\\u{2028}\\u{ffff}");
}

static void what_is_no_utf8_is_shown_byte_by_byte(void **state)
{
	(void)state;
	ESCAPED("\x9b"
		"31m\xff",
		0, "\\x9b31m\\xff");
	ESCAPED("J\xfcrgen \xc0\x9b \xed\xa0\x80 \xe2\x80", 0,
		"J\\xfcrgen \\xc0\\x9b \\xed\\xa0\\x80 \\xe2\\x80");
}

static void letters_and_backslashes_stay(void **state)
{
	(void)state;
	ESCAPED("J\xc3\xbcrgen \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \\n \"q\" \xc2\xa0", 0,
		"J\xc3\xbcrgen \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \\n \"q\" \xc2\xa0");
	ESCAPED("a\n\tb\r\n", AM_ESCAPE_LINES, "a\n\tb\\r\n");
	ESCAPED("J\xc3\xbcrgen \xd0\x9b\xf0\x9f\x98\x80", AM_ESCAPE_ASCII,
		"J\\u{fc}rgen \\u{41b}\\u{1f600}");
	ESCAPED("\"\\\n\33\xc3\xbc", AM_ESCAPE_QUOTED, "\\\"\\\\\\n\\x1b\xc3\xbc");
}

/* Of all characters exactly those that are not hidden go through, and twice is once. */
static void every_character_is_kept_or_shown(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		char text[4], once[16], twice[16];
		size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, length;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		if (size == 1)
			text[0] = (char)c;
		for (size_t i = 0; i < size && size > 1; i++)
			text[i] = (char)(0x80 | (c >> 6 * (size - 1 - i) & 0x3F));
		if (size > 1)
			text[0] = (char)((unsigned char)text[0] | (0xF00U >> size & 0xFF));
		assert_int_equal(am_utf8_sequence(text, size), size);
		assert_int_equal(am_utf8_character(text, size), c);
		length = am_escape_to(once, sizeof once, text, size, 0);
		if (!am_is_hidden(c)) {
			assert_int_equal(length, size);
			assert_memory_equal(once, text, size);
		} else {
			assert_int_equal(once[0], '\\');
			for (size_t i = 0; i < length; i++)
				assert_in_range((unsigned char)once[i], 0x20, 0x7E);
		}
		assert_int_equal(am_escape_to(twice, sizeof twice, once, length, 0), length);
		assert_string_equal(once, twice);
		length = am_escape_to(once, sizeof once, text, size, AM_ESCAPE_ASCII);
		for (size_t i = 0; i < length; i++)
			assert_in_range((unsigned char)once[i], 0x20, 0x7E);
	}
}

static void an_array_is_cut_at_a_whole_character(void **state)
{
	char array[8];

	(void)state;
	assert_int_equal(am_escape_to(array, 8, "abc\33\33", 5, 0), 7);
	assert_string_equal(array, "abc\\x1b");
	assert_int_equal(am_escape_to(array, 7, "abc\33", 4, 0), 3);
	assert_string_equal(array, "abc");
	assert_int_equal(am_escape_to(array, 4, "ab\xc3\xbc", 4, 0), 2);
	assert_string_equal(array, "ab");
	assert_int_equal(am_escape_to(array, 1, "ab", 2, 0), 0);
	assert_string_equal(array, "");
}

/* Whatever names it quotes, a message is one line that a terminal shows. */
static void messages_of_failures_are_escaped(void **state)
{
	struct am_error error;
	char longest[4096];

	(void)state;
	(void)am_fail(&error, "BFF_NAME", "bff: member %s", "a\nb\33[2J\xe2\x80\xaeJ\xc3\xbcrgen");
	assert_string_equal(error.message, "bff: member a\\nb\\x1b[2J\\u{202e}J\xc3\xbcrgen");
	am_error_prefix(&error, "restore: %s", "\33]0;x\7");
	assert_string_equal(error.message,
		"restore: \\x1b]0;x\\x07: bff: member a\\nb\\x1b[2J\\u{202e}J\xc3\xbcrgen");
	(void)am_fail_errno(&error, ENOENT, "open: %s", "x\r\x9b");
	assert_string_equal(error.code, "ENOENT");
	assert_string_equal(error.message, "open: x\\r\\x9b: No such file or directory");
	memset(longest, '\33', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	(void)am_fail_errno(&error, ENOENT, "open: %s", longest);
	assert_true(strlen(error.message) < sizeof error.message);
	am_error_prefix(&error, "%s", longest);
	assert_true(strlen(error.message) < sizeof error.message);
	assert_null(strchr(error.message, '\33'));
	assert_int_equal(am_fail(NULL, "EIO", "%s", longest), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_terminal_obeys_is_shown),
		cmocka_unit_test(what_is_no_utf8_is_shown_byte_by_byte),
		cmocka_unit_test(letters_and_backslashes_stay),
		cmocka_unit_test(every_character_is_kept_or_shown),
		cmocka_unit_test(an_array_is_cut_at_a_whole_character),
		cmocka_unit_test(messages_of_failures_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
