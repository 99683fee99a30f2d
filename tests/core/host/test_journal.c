/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/files.h"
#include "host/journal.h"

static char dir[] = "/tmp/test_journal.XXXXXX";
static char path[64];

/* Takes the place of the library's: what was in the file when the core asked for durability. */
static struct {
	int files, directories; /* calls on each */
	off_t size;             /* of the file at its last call */
	int fail;               /* errno to fail with */
} synced;

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		synced.directories++;
	} else {
		synced.files++;
		synced.size = st.st_size;
	}
	errno = synced.fail;
	return synced.fail != 0 ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&synced, 0, sizeof synced);
	unlink(path);
	return 0;
}

static void write_journal(const char *text, size_t length)
{
	struct am_error error;

	assert_int_equal(am_file_overwrite(path, text, length, 0600, &error), 0);
}

static void assert_journal(const char *text)
{
	struct am_buf content = {0};
	struct am_error error;

	assert_int_equal(am_file_read(path, 1 << 20, &content, &error), 0);
	assert_string_equal(content.data, text);
	am_buf_free(&content);
}

static void append(struct am_journal *journal, const char *line)
{
	struct am_error error;

	assert_int_equal(am_journal_append(journal, line, strlen(line), &error), 0);
}

static void every_line_is_durable_before_the_next(void **state)
{
	struct am_error error;
	struct am_journal *journal = am_journal_open(path, 0, &error);
	struct stat st;

	(void)state;
	assert_non_null(journal);
	assert_int_equal(synced.directories, 1); /* the name of the new file */
	append(journal, "{\"a\":1}");
	assert_int_equal(synced.files, 1);
	assert_int_equal(synced.size, 8); /* written before the fsync, not after */
	append(journal, "{}");
	assert_int_equal(synced.files, 2);
	assert_int_equal(synced.size, 11);
	am_journal_close(journal);
	assert_journal("{\"a\":1}\n{}\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void torn_at_every_byte(void **state)
{
	static const char first[] = "{\"a\":1}\n{\"b\":\"x\"}\n";
	static const char last[] = "{\"step\":\"restore\",\"n\":[1,2,{}]}\n";
	char text[128];

	(void)state;
	for (size_t cut = 0; cut < sizeof last - 1; cut++) {
		struct am_buf lines = {0};
		struct am_error error;
		struct am_journal *journal;

		snprintf(text, sizeof text, "%s%.*s", first, (int)cut, last);
		write_journal(text, strlen(text));
		journal = am_journal_open(path, 0, &error);
		assert_non_null(journal);
		assert_int_equal(am_journal_read(journal, &lines, &error), 0);
		assert_string_equal(lines.data, first);
		am_buf_free(&lines);
		append(journal, "{\"c\":3}");
		am_journal_close(journal);
		snprintf(text, sizeof text, "%s{\"c\":3}\n", first);
		assert_journal(text);
	}
}

static void garbage_at_the_end_is_torn_too(void **state)
{
	static const char text[] = "{\"a\":1}\n\0\0\0\0\0\0\n";
	struct am_error error;
	struct am_journal *journal;

	(void)state;
	write_journal(text, sizeof text - 1);
	journal = am_journal_open(path, 0, &error);
	assert_non_null(journal);
	append(journal, "{}");
	am_journal_close(journal);
	assert_journal("{\"a\":1}\n{}\n");
}

static void bad_line_in_the_middle_is_an_error(void **state)
{
	static const char *const bad[] = {
		"{\"a\":1}\n{\"b\":\n{}\n",
		"{\"a\":1}\n\n{}\n",
		"{\"a\":1}\n[1]\n{}\n",
		"{\"a\":1}\n{}x\n{\"torn\"",
	};
	struct am_error error;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_journal(bad[i], strlen(bad[i]));
		assert_null(am_journal_open(path, 0, &error));
		assert_string_equal(error.code, "JOURNAL_CORRUPT");
		assert_non_null(strstr(error.message, "line 2 (offset 8)"));
		assert_journal(bad[i]); /* left for people to look at */
	}
}

static void what_is_no_record_is_not_written(void **state)
{
	static const char *const bad[] = {"", "1", "[]", "{", "{}\n{}", "{\"a\":\n1}"};
	struct am_error error;
	struct am_journal *journal = am_journal_open(path, 0, &error);

	(void)state;
	assert_non_null(journal);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(am_journal_append(journal, bad[i], strlen(bad[i]), &error), -1);
	am_journal_close(journal);
	assert_journal("");
}

static void failed_fsync_refuses_what_follows(void **state)
{
	struct am_error error;
	struct am_journal *journal = am_journal_open(path, 0, &error);

	(void)state;
	assert_non_null(journal);
	synced.fail = ENOSPC;
	assert_int_equal(am_journal_append(journal, "{}", 2, &error), -1);
	assert_string_equal(error.code, "ENOSPC");
	synced.fail = 0;
	assert_int_equal(am_journal_append(journal, "{}", 2, &error), -1);
	assert_string_equal(error.code, "JOURNAL_BROKEN");
	am_journal_close(journal);
}

static void readonly_makes_nothing(void **state)
{
	struct am_error error;
	struct am_journal *journal;

	(void)state;
	assert_null(am_journal_open(path, 1, &error));
	assert_string_equal(error.code, "ENOENT");
	write_journal("{}\n{", 4);
	journal = am_journal_open(path, 1, &error);
	assert_non_null(journal);
	assert_int_equal(am_journal_append(journal, "{}", 2, &error), -1);
	assert_string_equal(error.code, "EROFS");
	am_journal_close(journal);
	assert_journal("{}\n{");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_line_is_durable_before_the_next, setup),
		cmocka_unit_test_setup(torn_at_every_byte, setup),
		cmocka_unit_test_setup(garbage_at_the_end_is_torn_too, setup),
		cmocka_unit_test_setup(bad_line_in_the_middle_is_an_error, setup),
		cmocka_unit_test_setup(what_is_no_record_is_not_written, setup),
		cmocka_unit_test_setup(failed_fsync_refuses_what_follows, setup),
		cmocka_unit_test_setup(readonly_makes_nothing, setup),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/journal", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return failed;
}
