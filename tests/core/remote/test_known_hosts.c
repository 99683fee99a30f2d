/* SPDX-License-Identifier: MIT */
/* Which keys a host is known by; and the base64 under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base64.h"
#include "remote/known_hosts.h"

static const unsigned char key_a[] = "key A", key_b[] = "key B";

#define A "a2V5IEE=" /* key A */
#define B "a2V5IEI=" /* key B */

static enum am_known_result check(
	const char *file, const char *host, int port, const unsigned char *key, int *line)
{
	struct am_buf text = {.data = (char *)(uintptr_t)file, .length = strlen(file)};

	return am_known_check(&text, host, port, key, 5, line);
}

static void test_names(void **state)
{
	static const char file[] = "# comment\n\nnonsense\n"
				   "one,TWO ssh-ed25519 " A " comment\n"
				   "[one]:2222 ssh-ed25519 " B "\n"
				   "!bad.example,*.example ssh-ed25519 " A "\r\n"
				   "@cert-authority * ssh-ed25519 " B "\n"
				   "last ssh-ed25519 " A;
	int line;

	(void)state;
	assert_int_equal(check(file, "one", 22, key_a, &line), AM_KNOWN_MATCH);
	assert_int_equal(line, 4);
	assert_int_equal(check(file, "Two", 22, key_a, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check(file, "one", 22, key_b, &line), AM_KNOWN_CHANGED);
	assert_int_equal(line, 4);
	assert_int_equal(check(file, "one", 2222, key_b, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check(file, "one", 2222, key_a, NULL), AM_KNOWN_CHANGED);
	assert_int_equal(check(file, "two", 2222, key_a, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check(file, "two", 2222, key_b, NULL), AM_KNOWN_NONE);
	assert_int_equal(check(file, "x.example", 22, key_a, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check(file, "bad.example", 22, key_a, NULL), AM_KNOWN_NONE);
	assert_int_equal(check(file, "other", 22, key_b, NULL), AM_KNOWN_NONE);
	assert_int_equal(check(file, "last", 22, key_a, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check("", "one", 22, key_a, NULL), AM_KNOWN_NONE);
}

static void test_hashed(void **state)
{
	/* HMAC-SHA1 of "host.example" with the salt "0123456789abcdefghij" */
	static const char file[] =
		"|1|MDEyMzQ1Njc4OWFiY2RlZmdoaWo=|G+iVNS7Q/SA6Ik0IrDdC+/J/l/A= ssh-ed25519 " A "\n"
		"|1|!!|x ssh-ed25519 " A "\n|1| ssh-ed25519 " A "\n";

	(void)state;
	assert_int_equal(check(file, "host.example", 22, key_a, NULL), AM_KNOWN_MATCH);
	assert_int_equal(check(file, "host.example", 22, key_b, NULL), AM_KNOWN_CHANGED);
	assert_int_equal(check(file, "host.exampl", 22, key_a, NULL), AM_KNOWN_NONE);
}

static void test_revoked(void **state)
{
	static const char file[] = "one ssh-rsa " A "\n@revoked * ssh-rsa " A "\n";

	(void)state;
	assert_int_equal(check(file, "one", 22, key_a, NULL), AM_KNOWN_REVOKED);
	assert_int_equal(check(file, "one", 22, key_b, NULL), AM_KNOWN_CHANGED);
	assert_int_equal(check(file, "two", 22, key_b, NULL), AM_KNOWN_NONE);
}

static void test_types(void **state)
{
	static const char file[] = "one ssh-rsa " A "\none ssh-ed25519 " A "\none ssh-rsa " B
				   "\n@revoked one ssh-dss " A "\n[one]:2 ecdsa-x " A "\n";
	struct am_buf text = {.data = (char *)(uintptr_t)file, .length = sizeof file - 1};
	struct am_buf types = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_known_types(&text, "one", 22, &types, &error), 0);
	assert_string_equal(types.data, "ssh-rsa,ssh-ed25519");
	assert_int_equal(am_known_types(&text, "one", 2, &types, &error), 0);
	assert_string_equal(types.data, "ecdsa-x");
	assert_int_equal(am_known_types(&text, "one", 3, &types, &error), 0);
	assert_string_equal(types.data, "ssh-rsa,ssh-ed25519");
	assert_int_equal(am_known_types(&text, "two", 22, &types, &error), 0);
	assert_string_equal(types.data, "");
	am_buf_free(&types);
}

static void test_missing_file_is_empty(void **state)
{
	struct am_buf text = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_known_load("/nonexistent/known_hosts", &text, &error), 0);
	assert_int_equal(text.length, 0);
	am_buf_free(&text);
	assert_int_equal(am_known_load("/", &text, &error), -1);
	am_buf_free(&text);
}

static void test_base64(void **state)
{
	unsigned char bytes[256], back[256];
	char text[AM_BASE64_SIZE(256)];

	(void)state;
	for (size_t n = 0; n < sizeof bytes; n++) {
		bytes[n] = (unsigned char)(n * 37);
		am_base64_encode(bytes, n + 1, text);
		assert_int_equal(
			am_base64_decode(text, strlen(text), back, sizeof back), (long)n + 1);
		assert_memory_equal(bytes, back, n + 1);
		assert_int_equal(am_base64_decode(text, strlen(text), back, n), -1);
	}
	am_base64_encode((const unsigned char *)"foobar", 5, text);
	assert_string_equal(text, "Zm9vYmE");
	assert_int_equal(am_base64_decode("Zm9v YmE", 8, back, sizeof back), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
		cmocka_unit_test(test_hashed), cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_types), cmocka_unit_test(test_missing_file_is_empty),
		cmocka_unit_test(test_base64)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
