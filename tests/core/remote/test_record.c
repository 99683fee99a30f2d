/* SPDX-License-Identifier: MIT */
/* Records of commands: what is kept of output, and which records are one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "remote/record.h"

static const char *const words[] = {"ls", "-l", NULL};

static struct am_record *record(const char *const *argv, const char *script, const char *label)
{
	struct am_record *r =
		am_record_new(&(struct am_exec){.argv = argv, .script = script}, label, 0);

	assert_non_null(r);
	return r;
}

static void test_words_and_environment(void **state)
{
	struct am_record *r = record(words, "echo", NULL);

	(void)state;
	assert_string_equal(r->argv[0], "sh");
	assert_string_equal(r->argv[1], "-s");
	assert_string_equal(r->argv[2], "ls");
	assert_string_equal(r->argv[3], "-l");
	assert_null(r->argv[4]);
	assert_string_equal(r->env[0], "ENV=");
	assert_string_equal(r->script, "echo");
	assert_int_equal(r->status, -1);
	assert_true(r->time > 1600000000);
	am_record_end(r);
	assert_true(r->seconds >= 0 && r->seconds < 60);
	am_record_free(r);
	am_record_free(NULL);
}

static void test_text_is_kept_to_its_limit(void **state)
{
	struct am_record *r = record(words, NULL, NULL);
	char line[1000];

	(void)state;
	memset(line, 'x', sizeof line);
	for (int i = 0; i < 100; i++)
		am_record_output(r, 0, line, sizeof line);
	am_record_output(r, 1, "\033[1me\r\n\t", 8);
	am_record_output(r, 0, "\0", 1); /* too late to make it binary */
	am_record_end(r);
	assert_int_equal(r->stream[0].text.length, AM_RECORD_KEPT);
	assert_int_equal(r->stream[0].length, 100001);
	assert_false(r->stream[0].is_binary);
	assert_false(r->stream[1].is_binary);
	assert_int_equal(r->stream[1].text.length, 8);
	am_record_free(r);
}

static void test_binary_is_summed_up(void **state)
{
	char data[70000], hex[65];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)('a' + i % 20);
	data[20000] = '\0';
	for (size_t piece = 1; piece < sizeof data; piece = piece * 13 + 1) {
		struct am_record *r = record(words, NULL, NULL);

		for (size_t at = 0; at < sizeof data; at += piece)
			am_record_output(r, 0, data + at,
				piece < sizeof data - at ? piece : sizeof data - at);
		am_record_end(r);
		am_sha256_hex(data, sizeof data, hex);
		assert_true(r->stream[0].is_binary);
		assert_string_equal(r->stream[0].sha256, hex);
		assert_int_equal(r->stream[0].length, sizeof data);
		assert_int_equal(r->stream[0].text.length, 0);
		am_record_free(r);
	}
}

static void test_private_output_is_only_counted(void **state)
{
	struct am_record *r = am_record_new(&(struct am_exec){.argv = words}, NULL, 1);

	(void)state;
	am_record_output(r, 0, "secret\0", 7);
	am_record_end(r);
	assert_int_equal(r->stream[0].length, 7);
	assert_int_equal(r->stream[0].text.length, 0);
	assert_string_equal(r->stream[0].sha256, "");
	am_record_free(r);
	r = am_record_new(&(struct am_exec){.argv = words}, NULL, 0);
	am_record_output(r, 0, "\0", 1);
	am_record_free(r); /* not ended: nothing is left behind */
}

static void test_what_repeats_a_question(void **state)
{
	const char *const other[] = {"ls", NULL};
	struct am_record *first = record(words, "poll", "job a"), *r;

	(void)state;
	first->status = 0;
	am_record_output(first, 0, "running\n", 8);
	for (int i = 0; i < 7; i++) {
		r = record(i == 1 ? other : words, i == 2 ? "other" : "poll",
			i == 3   ? "job b"
			: i == 4 ? NULL
				 : "job a");
		r->status = i == 5;
		am_record_output(r, 0, i == 6 ? "stopped\n" : "running\n", 8);
		assert_int_equal(am_record_repeats(first, r), i == 0);
		am_record_free(r);
	}
	r = record(words, "poll", "job a");
	r->status = 0;
	am_record_output(r, 0, "running\n", 8);
	r->input = 1;
	assert_false(am_record_repeats(first, r));
	am_record_free(r);
	am_record_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words_and_environment),
		cmocka_unit_test(test_text_is_kept_to_its_limit),
		cmocka_unit_test(test_binary_is_summed_up),
		cmocka_unit_test(test_private_output_is_only_counted),
		cmocka_unit_test(test_what_repeats_a_question)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
