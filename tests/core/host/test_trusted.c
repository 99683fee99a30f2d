/* SPDX-License-Identifier: MIT */
/* Files that are run as code are read only if nobody else can have written them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/trusted.h"

static char dir[] = "/tmp/test_trusted.XXXXXX"; /* in a sticky directory */

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

/* DIR/open is a directory that everybody may write to. */
static int setup(void **state)
{
	static const char *const files[] = {"file", "open/file"};

	(void)state;
	if (mkdtemp(dir) == NULL || mkdir(in_dir("open"), 0755) != 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		FILE *file = fopen(in_dir(files[i]), "w");

		if (file == NULL || fputs("return 1\n", file) < 0 || fclose(file) != 0 ||
			chmod(in_dir(files[i]), 0644) != 0)
			return -1;
	}
	return chmod(in_dir("open"), 0777) != 0 || mkfifo(in_dir("fifo"), 0600) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"file", "open/file", "fifo", "link", "other"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_dir(names[i]));
	rmdir(in_dir("open"));
	return rmdir(dir);
}

static void make_link(const char *target, const char *name)
{
	char path[PATH_MAX]; /* the target may be of in_dir, too */

	snprintf(path, sizeof path, "%s/%s", dir, name);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static struct am_error error;

/* "" when the file was read, else the code. */
static const char *try(const char *path)
{
	struct am_buf out = {0};
	int r = am_trusted_read(path, 64, &out, &error);

	if (r == 0) {
		assert_string_equal(out.data, "return 1\n");
	} else {
		assert_int_equal(r, -1);
		assert_int_equal(out.length, 0);
	}
	am_buf_free(&out);
	return r == 0 ? "" : error.code;
}

static void test_reads_behind_what_is_there(void **state)
{
	struct am_buf out = {0};

	(void)state;
	assert_int_equal(am_buf_addstr(&out, "-- ", &error), 0);
	assert_int_equal(am_trusted_read(in_dir("file"), 9, &out, &error), 0);
	assert_string_equal(out.data, "-- return 1\n");
	assert_int_equal(am_trusted_read(in_dir("file"), 8, &out, &error), -1);
	assert_string_equal(error.code, "E2BIG");
	am_buf_free(&out);
	assert_string_equal(try("/../..//tmp/.//."), "EISDIR");
}

static void test_a_file_that_others_can_write(void **state)
{
	static const unsigned modes[] = {0664, 0646, 0666, 04775, 01646};
	char want[PATH_MAX + 80];

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(chmod(in_dir("file"), modes[i]), 0);
		assert_string_equal(try(in_dir("file")), "UNTRUSTED");
		snprintf(want, sizeof want, "%s: writable by group or others (mode %04o)",
			in_dir("file"), modes[i]);
		assert_string_equal(error.message, want);
	}
	assert_int_equal(chmod(in_dir("file"), 0755), 0);
	assert_string_equal(try(in_dir("file")), "");
	assert_int_equal(chmod(in_dir("file"), 0644), 0);
}

static void test_a_directory_that_others_can_write(void **state)
{
	char want[PATH_MAX];

	(void)state;
	assert_string_equal(try(in_dir("open/file")), "UNTRUSTED");
	snprintf(want, sizeof want,
		"the directory %s/open: writable by group or others (mode 0777)", dir);
	assert_non_null(strstr(error.message, want));
	/* out of it again is no better: what is there may have been put there */
	assert_string_equal(try(in_dir("open/../file")), "UNTRUSTED");
	assert_int_equal(chmod(in_dir("open"), 01777), 0);
	assert_string_equal(try(in_dir("open/file")), "");
	assert_int_equal(chmod(in_dir("open"), 0775), 0);
	assert_string_equal(try(in_dir("open/file")), "UNTRUSTED");
	assert_int_equal(chmod(in_dir("open"), 0777), 0);
}

static void test_links_are_held_to_the_same(void **state)
{
	(void)state;
	make_link("file", "link");
	assert_string_equal(try(in_dir("link")), "");
	make_link(in_dir("file"), "link");
	assert_string_equal(try(in_dir("link")), "");
	make_link("./open/..//file", "link");
	assert_string_equal(try(in_dir("link")), "UNTRUSTED");
	make_link("open/file", "link");
	assert_string_equal(try(in_dir("link")), "UNTRUSTED");
	make_link("open", "link");
	assert_string_equal(try(in_dir("link/file")), "UNTRUSTED");
	make_link(dir, "link");
	assert_string_equal(try(in_dir("link/link/file")), "");
	make_link("missing", "link");
	assert_string_equal(try(in_dir("link")), "ENOENT");
	make_link("other", "link");
	make_link("link", "other");
	assert_string_equal(try(in_dir("link")), "ELOOP");
}

static void test_what_is_no_file(void **state)
{
	(void)state;
	assert_string_equal(try(""), "ENOENT");
	assert_string_equal(try("/"), "EISDIR");
	assert_string_equal(try(dir), "EINVAL");
	assert_string_equal(try(in_dir("")), "EISDIR");
	assert_string_equal(try(in_dir("fifo")), "EINVAL"); /* and does not wait for a writer */
	assert_non_null(strstr(error.message, "not a regular file"));
	assert_string_equal(try("/dev/null"), "EINVAL");
	assert_string_equal(try(in_dir("missing")), "ENOENT");
	assert_string_equal(try(in_dir("file/")), "ENOTDIR");
	assert_string_equal(try(in_dir("file/x")), "ENOTDIR");
}

static void test_long_paths(void **state)
{
	static char path[8192];
	size_t length = strlen(dir);

	(void)state;
	memset(path, 'n', sizeof path);
	memcpy(path, dir, length);
	path[length] = '/';
	path[length + 1 + NAME_MAX] = '\0';
	assert_string_equal(try(path), "ENOENT");
	path[length + 1 + NAME_MAX] = 'n';
	path[length + 2 + NAME_MAX] = '\0';
	assert_string_equal(try(path), "ENAMETOOLONG");
	/* as long as a path may be, and longer */
	memset(path, '/', sizeof path);
	memcpy(path + 4095 - length - 5, dir, length);
	memcpy(path + 4095 - 5, "/file", 6);
	assert_int_equal(strlen(path), 4095);
	assert_string_equal(try(path), "");
	memset(path, '/', sizeof path);
	memcpy(path + 4096 - length - 5, dir, length);
	memcpy(path + 4096 - 5, "/file", 6);
	assert_string_equal(try(path), "ENAMETOOLONG");
	path[4090] = '/';
	path[8191] = '\0';
	assert_string_equal(try(path), "ENAMETOOLONG");
}

static void test_relative_paths_begin_here(void **state)
{
	char before[PATH_MAX];

	(void)state;
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(dir), 0);
	assert_string_equal(try("file"), "");
	assert_string_equal(try("./file"), "");
	assert_string_equal(try("open/file"), "UNTRUSTED");
	assert_int_equal(chdir("open"), 0);
	assert_string_equal(try("file"), "UNTRUSTED");
	assert_int_equal(chdir(before), 0);
}

/* Only root can give a file away. */
static void test_what_belongs_to_somebody_else(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(in_dir("file"), 1, (gid_t)-1), 0);
	assert_string_equal(try(in_dir("file")), "UNTRUSTED");
	assert_non_null(strstr(error.message, "belongs to user 1, who is neither root nor"));
	assert_int_equal(chown(in_dir("file"), 0, (gid_t)-1), 0);
	make_link("file", "link");
	assert_int_equal(lchown(in_dir("link"), 1, (gid_t)-1), 0);
	assert_string_equal(try(in_dir("link")), "UNTRUSTED");
	assert_non_null(strstr(error.message, "the link"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_behind_what_is_there),
		cmocka_unit_test(test_a_file_that_others_can_write),
		cmocka_unit_test(test_a_directory_that_others_can_write),
		cmocka_unit_test(test_links_are_held_to_the_same),
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_relative_paths_begin_here),
		cmocka_unit_test(test_what_belongs_to_somebody_else),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
