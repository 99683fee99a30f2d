/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restore/dirs.h"

enum { MANY = 5000 };

struct known {
	struct am_dir dir; /* first */
	int number;
};

static struct known *find(const struct am_dirs *dirs, const char *path)
{
	return am_dirs_find(dirs, path, strlen(path));
}

static struct known *add(struct am_dirs *dirs, const char *path, int number)
{
	struct known *known = am_dirs_add(dirs, sizeof *known, path, strlen(path), "/at", NULL);

	assert_non_null(known);
	known->number = number;
	return known;
}

static void all_are_found_however_many(void **state)
{
	struct am_dirs dirs = {0};
	char path[32];

	(void)state;
	assert_null(find(&dirs, "/d1"));
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "/d%d", i);
		add(&dirs, path, i);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "/d%d", i);
		assert_int_equal(find(&dirs, path)->number, i);
		assert_string_equal(find(&dirs, path)->dir.path, path);
		assert_string_equal(find(&dirs, path)->dir.at, "/at");
	}
	am_dirs_free(&dirs);
	assert_null(find(&dirs, "/d1"));
}

static void a_part_of_a_path_is_another_path(void **state)
{
	struct am_dirs dirs = {0};

	(void)state;
	am_dirs_add(&dirs, sizeof(struct known), "/usr/lib/x", 8, NULL, NULL);
	assert_non_null(find(&dirs, "/usr/lib"));
	assert_null(find(&dirs, "/usr"));
	assert_null(find(&dirs, "/usr/lib/x"));
	assert_non_null(am_dirs_find(&dirs, "/usr/lib/else", 8));
	assert_null(find(&dirs, "/usr/lib")->dir.at);
	am_dirs_free(&dirs);
}

static int is_odd(const struct am_dir *dir)
{
	return ((const struct known *)dir)->number % 2;
}

static void some_can_be_dropped(void **state)
{
	struct am_dirs dirs = {0};
	char path[32];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "/d%d", i);
		add(&dirs, path, i);
	}
	am_dirs_drop(&dirs, is_odd);
	assert_int_equal(dirs.count, MANY / 2);
	assert_null(find(&dirs, "/d7"));
	assert_int_equal(find(&dirs, "/d8")->number, 8);
	am_dirs_remove(&dirs, &find(&dirs, "/d8")->dir);
	assert_null(find(&dirs, "/d8"));
	am_dirs_free(&dirs);
}

/* A path may be there more than once, and each is removed by itself. */
static void the_same_path_twice(void **state)
{
	struct am_dirs dirs = {0};
	struct known *first = add(&dirs, "/a", 1), *second = add(&dirs, "/a", 2);

	(void)state;
	am_dirs_remove(&dirs, &second->dir);
	assert_ptr_equal(find(&dirs, "/a"), first);
	am_dirs_remove(&dirs, &first->dir);
	assert_null(find(&dirs, "/a"));
	am_dirs_free(&dirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found_however_many),
		cmocka_unit_test(a_part_of_a_path_is_another_path),
		cmocka_unit_test(some_can_be_dropped),
		cmocka_unit_test(the_same_path_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
