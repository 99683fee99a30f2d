/* SPDX-License-Identifier: MIT */
/* The hash of tables in memory: SipHash-2-4, under a key that no other process has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"

/* The key and the texts of the paper: bytes 0, 1, 2, ... */
static void test_published_values(void **state)
{
	static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	char text[15];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	assert_true(am_hash_keyed(key, text, 0) == 0x726fdb47dd0e0e31u);
	assert_true(am_hash_keyed(key, text, 1) == 0x74f839c593dc67fdu);
	assert_true(am_hash_keyed(key, text, 8) == 0x93f5f5799a932462u);
	assert_true(am_hash_keyed(key, text, 15) == 0xa129ca6149be45e5u);
}

/* What a process that never hashed before makes of a text. */
static uint64_t hash_of_another_process(void)
{
	uint64_t value = 0;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		value = am_hash("/etc/passwd", 11);
		_exit(write(ends[1], &value, sizeof value) != (ssize_t)sizeof value);
	}
	assert_int_equal(read(ends[0], &value, sizeof value), sizeof value);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ends[0]);
	close(ends[1]);
	return value;
}

static void test_nobody_knows_the_key(void **state)
{
	uint64_t first = hash_of_another_process(), second = hash_of_another_process();
	uint64_t here = am_hash("/etc/passwd", 11);

	(void)state;
	assert_true(first != second && first != here && second != here);
	assert_true(am_hash("/etc/passwd", 11) == here);
	assert_true(am_hash("/etc/passwe", 11) != here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_values),
		cmocka_unit_test(
			test_nobody_knows_the_key), /* no test before it may call am_hash */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
