/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "restore/member.h"

static const char *mapped(const char *name)
{
	static char path[AM_TREE_PATH_MAX];
	static struct am_error error;

	return am_member_path(name, path, &error) == 0 ? path : error.code;
}

static void names_become_paths(void **state)
{
	(void)state;
	assert_string_equal(mapped("./usr/bin/ls"), "/usr/bin/ls");
	assert_string_equal(mapped("usr//bin/./ls/"), "/usr/bin/ls");
	assert_string_equal(mapped("."), "/");
	assert_string_equal(mapped("./"), "/");
	assert_string_equal(mapped("..x/...y"), "/..x/...y");
}

static void hostile_names_are_refused(void **state)
{
	char name[AM_TREE_PATH_MAX + 10];

	(void)state;
	assert_string_equal(mapped("/etc/passwd"), "ARCHIVE_PATH");
	assert_string_equal(mapped(".."), "ARCHIVE_PATH");
	assert_string_equal(mapped("./a/../../b"), "ARCHIVE_PATH");
	assert_string_equal(mapped("a/.."), "ARCHIVE_PATH");
	memset(name, 'x', sizeof name);
	name[256] = '\0';
	assert_string_equal(mapped(name), "ARCHIVE_PATH");
	name[255] = '\0';
	assert_int_equal(strlen(mapped(name)), 256);
	for (size_t i = 0; i < sizeof name - 1; i++)
		name[i] = i % 2 != 0 ? '/' : 'd';
	name[sizeof name - 1] = '\0';
	assert_string_equal(mapped(name), "ARCHIVE_PATH");
	name[2 * AM_TREE_DEPTH_MAX] = '\0'; /* short, but deeper than a walk goes */
	assert_string_equal(mapped(name), "ARCHIVE_PATH");
	name[2 * (AM_TREE_DEPTH_MAX - 1)] = '\0';
	assert_string_not_equal(mapped(name), "ARCHIVE_PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_paths),
		cmocka_unit_test(hostile_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
