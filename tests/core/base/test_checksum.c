/* SPDX-License-Identifier: MIT */
/* Digests: published values, and those of the commands sha256sum and cksum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

/* `length` times the byte. Free it. */
static unsigned char *row(int byte, size_t length)
{
	unsigned char *data = malloc(length);

	assert_non_null(data);
	memset(data, byte, length);
	return data;
}

static void test_sha256(void **state)
{
	unsigned char *data = row('a', 256);
	char hex[66];

	(void)state;
	hex[65] = 'x';
	am_sha256_hex("", 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	am_sha256_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	am_sha256_hex(data, 256, hex);
	assert_string_equal(
		hex, "02d7160d77e18c6447be80c2e355c7ed4388545271702c50253b0914c65ce5fe");
	am_sha256_hex("abc\0", 4, hex); /* a NUL is a byte as any other */
	assert_string_not_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(hex[65], 'x');
	free(data);
}

/* The length goes in with as many bytes as it needs: none, one, two, three. */
static void test_cksum(void **state)
{
	unsigned char *data = row('a', 256), *large = row(0xFF, 70000);

	(void)state;
	assert_true(am_cksum("", 0) == 4294967295u);
	assert_true(am_cksum("abc", 3) == 1219131554u);
	assert_true(am_cksum(data, 256) == 3916537103u);
	assert_true(am_cksum(large, 70000) == 2060310866u);
	assert_true(am_cksum("\0", 1) != am_cksum("\0\0", 2));
	free(data);
	free(large);
}

/* The values are those of sum -r; pieces make no difference. */
static void test_sum(void **state)
{
	unsigned char every[256];

	(void)state;
	for (size_t i = 0; i < sizeof every; i++)
		every[i] = (unsigned char)i;
	assert_int_equal(am_sum(0, "", 0), 0);
	assert_int_equal(am_sum(0, "abc", 3), 16556);
	assert_int_equal(am_sum(0, every, sizeof every), 512);
	assert_int_equal(am_sum(am_sum(0, every, 100), every + 100, sizeof every - 100), 512);
	assert_int_equal(am_sum(0, "abd", 3), 16557);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_cksum),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
