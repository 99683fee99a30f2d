/* SPDX-License-Identifier: MIT */
/* Files of another host: the scripts, run by the sh of this one, and what their ends mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote/file.h"
#include "remote/local_shell.h"

static char dir[] = "/tmp/test_file.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || mkdir(in_dir("sub"), 0755) != 0 ? -1 : 0;
}

/* Fails when a test has left something behind, a temporary above all. */
static int remove_dir(void **state)
{
	(void)state;
	return rmdir(in_dir("sub")) != 0 || rmdir(dir) != 0 ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	shell_reset();
	return 0;
}

static struct am_error error;

static void put(const char *name, const char *text, unsigned mode)
{
	if (am_remote_put(NULL, in_dir(name), text, strlen(text), mode, &error) != 0)
		fail_msg("%s", error.message);
}

static void assert_content(const char *name, const char *text)
{
	struct am_buf data = {0};

	assert_int_equal(am_buf_addstr(&data, "", &error), 0);
	if (am_remote_get(NULL, in_dir(name), &data, &error) != 0)
		fail_msg("%s", error.message);
	assert_string_equal(data.data, text);
	am_buf_free(&data);
}

static void test_what_is_put_can_be_got(void **state)
{
	static const char *const names[] = {
		"plain", "a b", "it's", "$(rm -rf x)`y`", "new\nline", "*", "\\", "-n"};
	mode_t before = umask(022);
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		put(names[i], "first", 0644);
		put(names[i], i == 1 ? "" : "second\n", 0604);
		assert_content(names[i], i == 1 ? "" : "second\n");
		assert_int_equal(stat(in_dir(names[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0604);
		assert_int_equal(unlink(in_dir(names[i])), 0);
	}
	umask(before);
}

static void test_every_byte_and_more_than_a_block(void **state)
{
	size_t length = 300001;
	char *data = malloc(length);
	struct am_buf back = {.limit = length}, small = {.limit = length - 1};

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < length; i++)
		data[i] = (char)(i * 7 + i / 256);
	assert_int_equal(am_remote_put(NULL, in_dir("x"), data, length, 0600, &error), 0);
	assert_int_equal(am_remote_get(NULL, in_dir("x"), &back, &error), 0);
	assert_int_equal(back.length, length);
	assert_memory_equal(back.data, data, length);
	assert_int_equal(am_remote_get(NULL, in_dir("x"), &small, &error), -1);
	assert_string_equal(error.code, "E2BIG");
	assert_non_null(strstr(error.message, in_dir("x")));
	am_buf_free(&back);
	am_buf_free(&small);
	free(data);
	unlink(in_dir("x"));
}

static void assert_unreadable(const char *path, const char *code)
{
	struct am_buf data = {0};

	assert_null(am_remote_open(NULL, path, &error));
	assert_string_equal(error.code, code);
	assert_non_null(strstr(error.message, path));
	assert_int_equal(am_remote_get(NULL, path, &data, &error), -1);
	assert_string_equal(error.code, code);
	assert_null(data.data);
}

static void test_what_cannot_be_read(void **state)
{
	(void)state;
	assert_unreadable(in_dir("none"), "ENOENT");
	assert_unreadable(in_dir("none/x"), "ENOENT");
	assert_unreadable(dir, "EISDIR");
	put("secret", "x", 0);
	if (geteuid() != 0)
		assert_unreadable(in_dir("secret"), "EACCES");
	unlink(in_dir("secret"));
	shell_reset();
	assert_unreadable("etc/passwd", "EINVAL");
	assert_unreadable("", "EINVAL");
	assert_int_equal(am_remote_put(NULL, "etc/x", "", 0, 0600, &error), -1);
	assert_string_equal(error.code, "EINVAL");
	assert_int_equal(shell.runs, 0); /* nobody was asked */
}

/* An end that is no end of file must not pass for one. */
static void test_a_file_that_is_not_read_to_its_end(void **state)
{
	struct am_reader *reader;
	char data[16];

	(void)state;
	shell.next[0] =
		(struct shell_fault){.out = "abc", .err = "cat: I/O error\nmore", .status = 2};
	reader = am_remote_open(NULL, "/a", &error);
	assert_non_null(reader);
	assert_int_equal(reader->read(reader, data, 2, &error), 2);
	assert_int_equal(reader->read(reader, data + 2, 14, &error), 1);
	assert_memory_equal(data, "abc", 3);
	assert_int_equal(reader->read(reader, data, 16, &error), -1);
	assert_string_equal(error.code, "EIO");
	assert_string_equal(error.message, "read: /a: status 2: cat: I/O error");
	am_reader_close(reader);
	shell.next[0] = (struct shell_fault){.out = "", .signal = "KILL"};
	assert_null(am_remote_open(NULL, "/a", &error));
	assert_string_equal(error.message, "read: /a: ended by signal KILL");
	shell.next[0].lost = 1;
	shell.next[0].out = "abc";
	assert_null(am_remote_open(NULL, "/a", &error));
	assert_string_equal(error.code, "SSH_LOST");
}

static void test_nothing_is_replaced_by_what_did_not_arrive(void **state)
{
	(void)state;
	put("x", "old", 0644);
	shell.next[0].lose_byte = 1;
	assert_int_equal(am_remote_put(NULL, in_dir("x"), "newer", 5, 0644, &error), -1);
	assert_string_equal(error.code, "EIO");
	assert_non_null(strstr(error.message, "another checksum; nothing was replaced"));
	assert_content("x", "old");
	assert_int_equal(am_remote_put(NULL, in_dir("none/x"), "new", 3, 0644, &error), -1);
	assert_string_equal(error.code, "EIO");
	shell.next[0] = (struct shell_fault){.out = "", .lost = 1};
	assert_int_equal(am_remote_put(NULL, in_dir("x"), "new", 3, 0644, &error), -1);
	assert_string_equal(error.code, "SSH_LOST");
	assert_non_null(strstr(error.message, in_dir("x")));
	unlink(in_dir("x"));
}

/* mv would move the new file into it and say nothing. */
static void test_a_directory_is_not_replaced(void **state)
{
	(void)state;
	assert_int_equal(am_remote_put(NULL, in_dir("sub"), "new", 3, 0644, &error), -1);
	assert_string_equal(error.code, "EISDIR");
	assert_int_equal(symlink("sub", in_dir("link")), 0);
	assert_int_equal(am_remote_put(NULL, in_dir("link"), "new", 3, 0644, &error), -1);
	assert_string_equal(error.code, "EISDIR");
	unlink(in_dir("link"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_what_is_put_can_be_got, setup),
		cmocka_unit_test_setup(test_every_byte_and_more_than_a_block, setup),
		cmocka_unit_test_setup(test_what_cannot_be_read, setup),
		cmocka_unit_test_setup(test_a_file_that_is_not_read_to_its_end, setup),
		cmocka_unit_test_setup(test_nothing_is_replaced_by_what_did_not_arrive, setup),
		cmocka_unit_test_setup(test_a_directory_is_not_replaced, setup),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
