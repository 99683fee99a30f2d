/* SPDX-License-Identifier: MIT */
/* Quoting: what a shell reads back is what was written, whatever the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/quote.h"

static void check(const char *expected, const char *const *argv, const struct am_exec_options *o)
{
	struct am_buf out = {0};
	struct am_error error;

	assert_int_equal(am_exec_command(&out, argv, o, &error), 0);
	assert_string_equal(out.data, expected);
	am_buf_free(&out);
}

static void test_forms(void **state)
{
	const char *const env[] = {"A=1", "B=two words", NULL};
	const char *const argv[] = {"lslpp", "-Lqc", "", "a'b", "~root", "x=y", NULL};
	const char *const assignment[] = {"x=y", NULL};
	const char *const grammar[] = {"time", "for", NULL};

	(void)state;
	check("lslpp -Lqc '' 'a'\\''b' '~root' x=y", argv, NULL);
	check("'x=y'", assignment, NULL);
	check("'time' for", grammar, NULL);
	check("cd /tmp && env A=1 'B=two words' lslpp -Lqc '' 'a'\\''b' '~root' x=y", argv,
		&(struct am_exec_options){.cwd = "/tmp", .env = env});
	check("env A=1 'B=two words' /usr/sbin/chroot '/a b' 'time' for", grammar,
		&(struct am_exec_options){.chroot = "/a b", .env = env});
}

static void refuse(const char *const *argv, const struct am_exec_options *o)
{
	struct am_buf out = {0};
	struct am_error error = {{0}, {0}};

	assert_int_equal(am_exec_command(&out, argv, o, &error), -1);
	assert_string_equal(error.code, "EINVAL");
	am_buf_free(&out);
}

static void test_refused(void **state)
{
	const char *const none[] = {NULL}, *const empty[] = {"", NULL}, *const ls[] = {"ls", NULL};
	const char *const assignment[] = {"x=y", NULL};
	const char *const good[] = {"A=1", NULL};
	const char *const bad[][2] = {
		{"=1", NULL}, {"1A=1", NULL}, {"A-B=1", NULL}, {"A", NULL}, {"A;reboot=1", NULL}};

	(void)state;
	refuse(none, NULL);
	refuse(empty, NULL);
	refuse(ls, &(struct am_exec_options){.cwd = "tmp"});
	refuse(ls, &(struct am_exec_options){.chroot = "-x"});
	refuse(assignment, &(struct am_exec_options){.env = good});
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuse(ls, &(struct am_exec_options){.env = bad[i]});
}

/* Has `shell` print the words, each ended by a newline and a dot, and compares. */
static void round_trip(const char *shell, const char *const *words)
{
	const char *argv[64] = {"printf", "%s\\n."};
	struct am_buf line = {0}, command = {0}, want = {0};
	struct am_error error;
	char have[4096];
	size_t n, count = 0;
	FILE *pipe;

	for (; words[count] != NULL; count++) {
		argv[count + 2] = words[count];
		assert_int_equal(am_buf_addf(&want, &error, "%s\n.", words[count]), 0);
	}
	assert_int_equal(am_exec_command(&line, argv, NULL, &error), 0);
	assert_int_equal(am_buf_addf(&command, &error, "%s -c ", shell), 0);
	assert_int_equal(am_exec_quote(&command, line.data, &error), 0);
	pipe = popen(command.data, "r");
	assert_non_null(pipe);
	n = fread(have, 1, sizeof have, pipe);
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(n, want.length);
	assert_memory_equal(have, want.data, n);
	am_buf_free(&line);
	am_buf_free(&command);
	am_buf_free(&want);
}

static void all_words(const char *shell)
{
	char every[256], single[256][4];
	const char *words[34];

	for (int i = 1; i < 256; i++) {
		every[i - 1] = (char)i;
		snprintf(single[i], sizeof single[i], "%c", i);
	}
	every[255] = '\0';
	round_trip(shell, (const char *const[]){every, "", "'", "''", "a\nb\n", "-n", "$HOME",
				  "`id`", "\\", "\"", "!", "~", "*", "# x", NULL});
	for (int i = 1; i < 256; i += 32) {
		int n = 0;

		for (int k = i; k < i + 32 && k < 256; k++)
			words[n++] = single[k];
		words[n] = NULL;
		round_trip(shell, words);
	}
}

static void test_sh(void **state)
{
	(void)state;
	all_words("/bin/sh");
}

static void test_mksh(void **state)
{
	(void)state;
	if (access("/usr/bin/mksh", X_OK) != 0)
		skip();
	all_words("/usr/bin/mksh");
}

static void test_busybox(void **state)
{
	(void)state;
	if (access("/usr/bin/busybox", X_OK) != 0)
		skip();
	all_words("/usr/bin/busybox sh");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_sh),
		cmocka_unit_test(test_mksh), cmocka_unit_test(test_busybox)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
