/* SPDX-License-Identifier: MIT */
/* Sources of bytes: files, descriptors, memory; and reading just so much of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reader.h"

static char path[] = "/tmp/test_reader.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return write(fd, "one\0two", 7) == 7 && close(fd) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_file(void **state)
{
	struct am_error error;
	char name[sizeof path], data[16];
	struct am_reader *reader;

	(void)state;
	memcpy(name, path, sizeof path);
	reader = am_reader_file(name, &error);
	assert_non_null(reader);
	memset(name, 'x', sizeof name - 1); /* the reader has its own */
	assert_string_equal(reader->name, path);
	assert_int_equal(reader->read(reader, data, 3, &error), 3);
	assert_int_equal(reader->read(reader, data + 3, sizeof data - 3, &error), 4);
	assert_memory_equal(data, "one\0two", 7);
	for (int i = 0; i < 2; i++) /* the end stays the end */
		assert_int_equal(reader->read(reader, data, sizeof data, &error), 0);
	am_reader_close(reader);
}

static void test_what_cannot_be_read_says_so(void **state)
{
	struct am_error error;
	struct am_reader *reader;
	char data[4];

	(void)state;
	assert_null(am_reader_file("/no/such/file", &error));
	assert_string_equal(error.code, "ENOENT");
	assert_string_equal(error.message, "open: /no/such/file: No such file or directory");
	reader = am_reader_file("/tmp", &error);
	assert_non_null(reader);
	assert_int_equal(reader->read(reader, data, sizeof data, &error), -1);
	assert_string_equal(error.code, "EISDIR");
	assert_string_equal(error.message, "read: /tmp: Is a directory");
	assert_int_equal(am_read_exact(reader, data, sizeof data, &error), -1);
	assert_string_equal(error.code, "EISDIR");
	am_reader_close(reader);
	am_reader_close(NULL);
}

static void test_descriptor_stays_open_and_a_file_does_not(void **state)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), next;
	struct am_error error;
	struct am_reader *reader;
	char data[3];

	(void)state;
	assert_true(fd >= 0);
	reader = am_reader_descriptor(fd, "standard input", &error);
	assert_non_null(reader);
	assert_string_equal(reader->name, "standard input");
	assert_int_equal(am_read_exact(reader, data, 3, &error), 0);
	am_reader_close(reader);
	assert_int_equal(read(fd, data, 1), 1);
	next = dup(fd);
	close(next);
	reader = am_reader_file(path, &error);
	assert_non_null(reader);
	am_reader_close(reader);
	assert_int_equal(dup(fd), next); /* the lowest free one again: nothing is left open */
	close(next);
	close(fd);
}

static void test_memory(void **state)
{
	struct am_error error;
	struct am_reader *reader = am_reader_memory("text", "a\0bc", 4, &error);
	char data[8] = "........";

	(void)state;
	assert_non_null(reader);
	assert_string_equal(reader->name, "text");
	assert_int_equal(reader->read(reader, data, 0, &error), 0);
	assert_int_equal(reader->read(reader, data, 3, &error), 3);
	assert_int_equal(reader->read(reader, data + 3, 5, &error), 1);
	assert_memory_equal(data, "a\0bc....", 8);
	assert_int_equal(reader->read(reader, data, 8, &error), 0);
	am_reader_close(reader);
	reader = am_reader_memory("nothing", NULL, 0, &error);
	assert_non_null(reader);
	assert_int_equal(reader->read(reader, data, 8, &error), 0);
	assert_int_equal(am_read_exact(reader, data, 0, &error), 0);
	am_reader_close(reader);
}

/* Gives one byte at a time, as a slow connection does. */
static ssize_t read_slowly(
	struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	static const char text[] = "0123456789";
	static size_t at;

	(void)reader;
	(void)error;
	if (size == 0 || at == 10)
		return 0;
	*(char *)data = text[at++];
	return 1;
}

static void test_exact_waits_for_all_of_it(void **state)
{
	struct am_reader slow = {.read = read_slowly, .name = "/usr/sys/inst.images/bos"};
	struct am_error error;
	char data[8];

	(void)state;
	assert_int_equal(am_read_exact(&slow, data, 4, &error), 0);
	assert_memory_equal(data, "0123", 4);
	assert_int_equal(am_read_exact(&slow, data, 8, &error), -1);
	assert_memory_equal(data, "456789", 6);
	assert_string_equal(error.code, "TRUNCATED");
	assert_string_equal(error.message, "read: /usr/sys/inst.images/bos: ends 2 bytes early");
	assert_int_equal(am_read_exact(&slow, data, 0, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_what_cannot_be_read_says_so),
		cmocka_unit_test(test_descriptor_stays_open_and_a_file_does_not),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_exact_waits_for_all_of_it),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
