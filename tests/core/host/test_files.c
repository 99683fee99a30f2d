/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checksum.h"
#include "host/files.h"

static char dir[] = "/tmp/test_files.XXXXXX";

/* Takes the place of the library's, to fail and to see the order of events. */
static struct {
	char order[16]; /* 'f': a file was synced, 'd': a directory */
	int fail_after; /* calls that still succeed; -1: all */
} synced;

int fsync(int fd)
{
	struct stat st;
	size_t used = strlen(synced.order);

	if (fstat(fd, &st) != 0)
		return -1;
	if (used + 1 < sizeof synced.order)
		synced.order[used] = S_ISDIR(st.st_mode) ? 'd' : 'f';
	if (synced.fail_after >= 0 && synced.fail_after-- == 0) {
		errno = EIO;
		return -1;
	}
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&synced, 0, sizeof synced);
	synced.fail_after = -1;
	return 0;
}

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static size_t count_names(void)
{
	struct am_buf names = {0};
	struct am_error error;
	size_t count;

	assert_int_equal(am_list_directory(dir, &names, &count, &error), 0);
	am_buf_free(&names);
	return count;
}

static void replace_syncs_the_file_then_its_name(void **state)
{
	struct am_error error;

	(void)state;
	assert_int_equal(am_file_replace(in_dir("a"), "one", 3, 0640, &error), 0);
	assert_string_equal(synced.order, "fd");
	unlink(in_dir("a"));
}

static void replace_that_is_not_durable_changes_nothing(void **state)
{
	struct am_buf content = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(am_file_replace(in_dir("a"), "old", 3, 0600, &error), 0);
	synced.fail_after = 0;
	assert_int_equal(am_file_replace(in_dir("a"), "new", 3, 0600, &error), -1);
	assert_string_equal(error.code, "EIO");
	assert_int_equal(am_file_read(in_dir("a"), 100, &content, &error), 0);
	assert_string_equal(content.data, "old");
	assert_int_equal(count_names(), 1);
	am_buf_free(&content);
	unlink(in_dir("a"));
}

static void empty_directory_has_no_names(void **state)
{
	struct am_buf names = {0};
	struct am_error error;
	size_t count = 99;

	(void)state;
	assert_int_equal(am_list_directory(dir, &names, &count, &error), 0);
	assert_int_equal(count, 0);
	assert_int_equal(am_list_directory(in_dir("none"), &names, &count, &error), -1);
	assert_string_equal(error.code, "ENOENT");
	am_buf_free(&names);
}

/* Takes the lock in another process; its exit status says how that went. */
static int lock_elsewhere(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct am_buf holder = {0};
		struct am_error error;
		int fd = am_lock_take(path, "child", 5, &holder, &error);

		if (fd >= 0)
			_exit(0);
		_exit(strcmp(error.code, "LOCKED") == 0 && holder.length == 6 &&
					memcmp(holder.data, "parent", 6) == 0
				? 1
				: 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void lock_survives_a_look_at_its_file(void **state)
{
	struct am_buf holder = {0}, content = {0};
	struct am_error error;
	const char *path = in_dir("lock");
	int fd;

	(void)state;
	assert_int_equal(am_lock_query(path, &holder, &error), 0);
	fd = am_lock_take(path, "parent", 6, &holder, &error);
	assert_true(fd >= 0);
	/* With a lock of the process, this read and close would drop it. */
	assert_int_equal(am_file_read(path, 100, &content, &error), 0);
	am_buf_free(&content);
	assert_int_equal(lock_elsewhere(path), 1);
	am_lock_release(fd);
	assert_int_equal(lock_elsewhere(path), 0);
	/* The child is gone and its lock with it; its text alone locks nothing. */
	assert_int_equal(am_lock_query(path, &holder, &error), 0);
	am_buf_free(&holder);
	unlink(path);
}

static void cksum_is_that_of_posix(void **state)
{
	char bytes[300];

	(void)state;
	memset(bytes, 0, sizeof bytes);
	assert_int_equal(am_cksum("", 0), 4294967295U);
	assert_int_equal(am_cksum("123456789", 9), 930766865U);
	assert_int_equal(am_cksum(bytes, 256), 4215202376U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(replace_syncs_the_file_then_its_name, setup),
		cmocka_unit_test_setup(replace_that_is_not_durable_changes_nothing, setup),
		cmocka_unit_test_setup(empty_directory_has_no_names, setup),
		cmocka_unit_test_setup(lock_survives_a_look_at_its_file, setup),
		cmocka_unit_test(cksum_is_that_of_posix),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
