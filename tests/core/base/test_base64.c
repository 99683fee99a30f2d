/* SPDX-License-Identifier: MIT */
/* Base64: the values of RFC 4648, and what is no base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	const char *plain, *encoded, *padded;
} values[] = {
	{"", "", ""},
	{"f", "Zg", "Zg=="},
	{"fo", "Zm8", "Zm8="},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg", "Zm9vYg=="},
	{"fooba", "Zm9vYmE", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
};

static void test_published_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		size_t length = strlen(values[i].plain);
		const char *const texts[] = {values[i].encoded, values[i].padded};
		char text[AM_BASE64_SIZE(6)];
		unsigned char data[6];

		am_base64_encode((const unsigned char *)values[i].plain, length, text);
		assert_string_equal(text, values[i].encoded);
		for (size_t k = 0; k < 2; k++) {
			assert_int_equal(
				am_base64_decode(texts[k], strlen(texts[k]), data, sizeof data),
				length);
			assert_memory_equal(data, values[i].plain, length);
		}
	}
}

/* Every byte in every one of the three positions, in memory of just the size that is asked for. */
static void test_every_byte_comes_back(void **state)
{
	unsigned char data[256 * 3], back[sizeof data];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i / 3 + i % 3 * 85);
	for (size_t length = sizeof data - 3; length <= sizeof data; length++) {
		char *text = malloc(AM_BASE64_SIZE(length));

		assert_non_null(text);
		am_base64_encode(data, length, text);
		assert_true(strlen(text) < AM_BASE64_SIZE(length));
		assert_int_equal(
			am_base64_decode(text, strlen(text), back, sizeof back), (long)length);
		assert_memory_equal(back, data, length);
		free(text);
	}
}

static void test_other_characters_are_refused(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char data[8];

	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[4] = {'Z', 'm', (char)c, 'v'};
		int is_ours = c != 0 && strchr(alphabet, c) != NULL;

		assert_int_equal(
			am_base64_decode(text, sizeof text, data, sizeof data), is_ours ? 3 : -1);
	}
	assert_int_equal(am_base64_decode("Zg==Zg==", 8, data, sizeof data), -1);
	assert_int_equal(am_base64_decode("Zm9v\n", 5, data, sizeof data), -1);
	assert_int_equal(am_base64_decode("====", 4, data, sizeof data), 0);
}

static void test_nothing_is_written_beyond_the_room(void **state)
{
	unsigned char data[4] = {1, 2, 3, 0xEE};

	(void)state;
	assert_int_equal(am_base64_decode("Zm9vYg", 6, data, 3), -1);
	assert_int_equal(data[3], 0xEE);
	assert_int_equal(am_base64_decode("Zm9v", 4, data, 3), 3);
	assert_int_equal(data[3], 0xEE);
	assert_int_equal(am_base64_decode("Zg", 2, data, 0), -1);
	assert_int_equal(am_base64_decode("", 0, data, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_values),
		cmocka_unit_test(test_every_byte_comes_back),
		cmocka_unit_test(test_other_characters_are_refused),
		cmocka_unit_test(test_nothing_is_written_beyond_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
