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

/* --- what is sent ------------------------------------------------------------------------------
 */

#define BASE "exec env ENV= LC_ALL=C ODMDIR=/etc/objrepos PATH=" AM_EXEC_PATH " "

static void check_sent(const struct am_exec *exec, const char *line, const char *script)
{
	struct am_buf have = {0}, text = {0};
	struct am_error error;

	if (am_exec_compose(exec, &have, &text, &error) != 0)
		fail_msg("%s", error.message);
	assert_string_equal(have.data, line);
	assert_string_equal(text.length > 0 ? text.data : "", script);
	am_buf_free(&have);
	am_buf_free(&text);
}

static void test_what_is_plain_is_on_the_line(void **state)
{
	const char *const argv[] = {"lsvg", "-l", "a b", "=1", "", "$HOME", NULL};
	const char *const env[] = {"LANG=C", "LC_ALL=ja_JP", "PATH=/x", NULL};

	(void)state;
	check_sent(&(struct am_exec){.argv = argv}, BASE "lsvg -l 'a b' '=1' '' '$HOME'", "");
	check_sent(&(struct am_exec){.argv = argv, .options = {.chroot = "/a b"}},
		BASE "/usr/sbin/chroot '/a b' lsvg -l 'a b' '=1' '' '$HOME'", "");
	check_sent(&(struct am_exec){.argv = argv, .options = {.env = env}},
		"exec env ENV= ODMDIR=/etc/objrepos LANG=C LC_ALL=ja_JP PATH=/x lsvg -l 'a b' '=1' "
		"'' '$HOME'",
		"");
	check_sent(&(struct am_exec){.argv = argv, .options = {.bare = 1}},
		"exec lsvg -l 'a b' '=1' '' '$HOME'", "");
	check_sent(&(struct am_exec){.argv = argv, .path = "/p"},
		"exec env ENV= LC_ALL=C ODMDIR=/etc/objrepos PATH=/p lsvg -l 'a b' '=1' '' '$HOME'",
		"");
}

static void test_what_is_not_plain_is_in_the_script(void **state)
{
	static const char *const odd[] = {"a\nb", "a!b", "it's", "a\\b", "\xc3\xa9", "\t", "\177"};
	const char *const none[] = {NULL}, *const ls[] = {"ls", NULL},
			  *const two[] = {"1", "-x", NULL};
	const char *const unset[] = {"LC_ALL", "LC_TIME", NULL};
	const char *const env[] = {"A=it's", "B=1", NULL};
	char word[1000];

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		const char *const argv[] = {"ls", odd[i], NULL};
		struct am_buf want = {0};

		assert_int_equal(am_buf_addstr(&want, "{ echo altmig-ready\nexec ls ", NULL), 0);
		assert_int_equal(am_exec_quote(&want, odd[i], NULL), 0);
		assert_int_equal(am_buf_addstr(&want, "\nexit\n}\n", NULL), 0);
		check_sent(&(struct am_exec){.argv = argv}, BASE "sh -s", want.data);
		am_buf_free(&want);
	}
	memset(word, 'w', sizeof word);
	word[sizeof word - 1] = '\0';
	{
		struct am_buf line = {0}, script = {0};
		const char *const argv[] = {"ls", word, NULL};
		struct am_exec exec = {.argv = argv};

		assert_int_equal(am_exec_compose(&exec, &line, &script, NULL), 0);
		assert_string_equal(line.data, BASE "sh -s");
		am_buf_free(&line);
		am_buf_free(&script);
	}
	check_sent(&(struct am_exec){.argv = two, .script = "echo \"$1\"\necho $2"}, BASE "sh -s",
		"{ echo altmig-ready\nset -- 1 -x\necho \"$1\"\necho $2\nexit\n}\n");
	check_sent(&(struct am_exec){.argv = ls, .options = {.cwd = "/tmp", .chroot = "/alt_inst"}},
		BASE "/usr/sbin/chroot /alt_inst sh -s",
		"{ echo altmig-ready\ncd /tmp || exit 1\nexec ls\nexit\n}\n");
	check_sent(&(struct am_exec){.argv = ls, .options = {.unset = unset}},
		"exec env ENV= ODMDIR=/etc/objrepos PATH=" AM_EXEC_PATH " sh -s",
		"{ echo altmig-ready\nunset LC_ALL; unset LC_TIME; \nexec ls\nexit\n}\n");
	check_sent(&(struct am_exec){.argv = none, .script = ":", .options = {.env = env}},
		"exec env ENV= LC_ALL=C ODMDIR=/etc/objrepos PATH=" AM_EXEC_PATH " B=1 sh -s",
		"{ echo altmig-ready\nA='it'\\''s'; export A\nset --\n:\nexit\n}\n");
	check_sent(&(struct am_exec){.argv = none, .script = ":", .options = {.chroot = "/it's"}},
		BASE "sh -s",
		"{ echo altmig-ready\nexec /usr/sbin/chroot '/it'\\''s' sh -c 'set --\n:' "
		"sh\nexit\n}\n");
}

static void refuse_sent(const struct am_exec *exec, const char *code)
{
	struct am_buf line = {0}, script = {0};
	struct am_error error = {{0}, {0}};

	assert_int_equal(am_exec_compose(exec, &line, &script, &error), -1);
	assert_string_equal(error.code, code);
	assert_int_equal(am_exec_compose_file(exec, 0, &line, &script, &error), -1);
	assert_string_equal(error.code, code);
	am_buf_free(&line);
	am_buf_free(&script);
}

static void test_what_cannot_be_sent(void **state)
{
	const char *const none[] = {NULL}, *const ls[] = {"ls", NULL};
	const char *const bad[] = {"A;reboot=1", NULL}, *const bad_name[] = {"A;reboot", NULL};
	const char *const bad_value[] = {"A;reboot=it's", NULL};
	char *word = calloc(1, 200001);
	const char *const argv[] = {"ls", word, NULL};

	(void)state;
	memset(word, 'x', 200000);
	refuse_sent(&(struct am_exec){.argv = none}, "EINVAL");
	refuse_sent(&(struct am_exec){.argv = argv}, "E2BIG");
	refuse_sent(&(struct am_exec){.argv = ls, .path = "/a'b"}, "EINVAL");
	refuse_sent(&(struct am_exec){.argv = ls, .options = {.cwd = "tmp"}}, "EINVAL");
	refuse_sent(&(struct am_exec){.argv = none, .script = ":", .options = {.chroot = "x"}},
		"EINVAL");
	refuse_sent(&(struct am_exec){.argv = ls, .options = {.env = bad}}, "EINVAL");
	refuse_sent(&(struct am_exec){.argv = ls, .options = {.env = bad_value}}, "EINVAL");
	refuse_sent(&(struct am_exec){.argv = ls, .options = {.unset = bad_name}}, "EINVAL");
	free(word);
}

/* A file that sh runs: with data the script is an argument, without it is the input. */
static void test_files_for_sh(void **state)
{
	const char *const words[] = {"-x", "a b", NULL};
	struct am_exec exec = {.argv = words, .script = "echo \"$@\"", .options = {.cwd = "/tmp"}};
	struct am_buf text = {0}, input = {0}, other = {0};

	(void)state;
	assert_int_equal(am_exec_compose_file(&exec, 0, &text, &input, NULL), 0);
	assert_non_null(strstr(text.data, "cd /tmp && " BASE "sh -s -- -x 'a b'\n# script "));
	assert_string_equal(input.data, "{\necho \"$@\"\nexit\n}\n");
	exec.script = "echo other";
	input.length = 0;
	assert_int_equal(am_exec_compose_file(&exec, 0, &other, &input, NULL), 0);
	assert_string_not_equal(text.data, other.data);
	text.length = input.length = 0;
	assert_int_equal(am_exec_compose_file(&exec, 1, &text, &input, NULL), 0);
	assert_string_equal(text.data, "cd /tmp && " BASE "sh -c 'echo other' sh -x 'a b'");
	assert_int_equal(input.length, 0);
	am_buf_free(&text);
	am_buf_free(&input);
	am_buf_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_sh),
		cmocka_unit_test(test_mksh), cmocka_unit_test(test_busybox),
		cmocka_unit_test(test_what_is_plain_is_on_the_line),
		cmocka_unit_test(test_what_is_not_plain_is_in_the_script),
		cmocka_unit_test(test_what_cannot_be_sent), cmocka_unit_test(test_files_for_sh)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
