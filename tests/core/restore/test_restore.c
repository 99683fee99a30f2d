/* SPDX-License-Identifier: MIT */
/* What restore.h promises, member by member and many at a time alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "restore/archives.h"

struct fixture {
	struct am_tree *tree;
	struct am_error error;
	struct am_restore_stats stats;
	struct am_restore_options options;
};

static void set_up(struct fixture *f, int blocking)
{
	memset(f, 0, sizeof *f);
	f->tree = memory_tree(memory_fs_new("mem:/fs", blocking));
	make_dir(f->tree, "/usr/bin");
	make_link(f->tree, "/bin", "usr/bin");
	make_file(f->tree, "/usr/bin/ls", 7);
}

static void tear_down(struct fixture *f)
{
	am_restore_stats_free(&f->stats);
	am_tree_close(f->tree);
}

static int restore(struct fixture *f, const struct entry *entries, size_t count)
{
	struct am_buf archive = archive_of(entries, count);
	int r;

	am_restore_stats_free(&f->stats);
	r = restore_to(f->tree, &archive, &f->options, &f->stats, &f->error);
	am_buf_free(&archive);
	return r;
}

/* The file has the content of the entry it was made of. */
static void assert_content(struct fixture *f, const char *path, const char *name, size_t size)
{
	struct am_buf data = {0};
	char *want = content_of(name, size);

	if (am_tree_read(f->tree, path, 0, &data, &f->error) != 0)
		fail_msg("%s", f->error.message);
	assert_int_equal(data.length, size);
	assert_memory_equal(data.data, want, size);
	free(want);
	am_buf_free(&data);
}

#define RESTORE(f, ...)                                                                            \
	restore(f, (const struct entry[]){__VA_ARGS__},                                            \
		sizeof((const struct entry[]){__VA_ARGS__}) / sizeof(struct entry))

static void everything_is_counted_and_in_place(struct fixture *f)
{
	struct am_tree_stat st;

	assert_int_equal(RESTORE(f, DIR_ENTRY("./opt"), FILE_ENTRY("./opt/a", 10),
				 FILE_ENTRY("./new/dir/b", 70000), LINK_ENTRY("./opt/l", "a"),
				 HARD_ENTRY("./opt/h1", 5, 9), HARD_ENTRY("./opt/h2", 0, 9)),
		0);
	assert_int_equal(f->stats.members, 6);
	assert_int_equal(f->stats.dirs, 1);
	assert_int_equal(f->stats.skipped, 0);
	assert_int_equal(f->stats.moved.count, 0);
	assert_content(f, "/opt/a", "./opt/a", 10);
	assert_content(f, "/new/dir/b", "./new/dir/b", 70000);
	assert_int_equal(am_tree_stat(f->tree, "/opt", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0750);
	assert_int_equal(am_tree_stat(f->tree, "/new", 0, &st, &f->error), 0);
	assert_int_equal(st.mode, 0755);
	assert_int_equal(am_tree_stat(f->tree, "/opt/h2", 0, &st, &f->error), 0);
	assert_int_equal(st.nlink, 2);
}

static void a_link_of_the_tree_is_followed_one_of_the_archive_is_not(struct fixture *f)
{
	assert_int_equal(RESTORE(f, FILE_ENTRY("./bin/ls", 3)), 0);
	assert_content(f, "/usr/bin/ls", "./bin/ls", 3);
	assert_int_equal(
		RESTORE(f, LINK_ENTRY("./mine", "usr/bin"), FILE_ENTRY("./mine/ls", 4)), -1);
	assert_string_equal(f->error.code, "ARCHIVE_PATH");
	assert_non_null(strstr(f->error.message, "./mine/ls"));
	assert_content(f, "/usr/bin/ls", "./bin/ls", 3);
}

static void what_is_in_the_way(struct fixture *f)
{
	make_dir(f->tree, "/empty");
	assert_int_equal(RESTORE(f, FILE_ENTRY("./empty", 1), FILE_ENTRY("./usr/bin", 2)), 0);
	assert_int_equal(f->stats.moved.count, 1);
	assert_string_equal(f->stats.moved.names[0], "/usr/bin.altmig-old");
	assert_int_equal(am_tree_exists(f->tree, "/usr/bin.altmig-old/ls", NULL), 1);
	assert_content(f, "/usr/bin", "./usr/bin", 2);
	assert_content(f, "/empty", "./empty", 1);
	/* a file in the place of a directory goes; that name is taken now */
	assert_int_equal(RESTORE(f, DIR_ENTRY("./usr/bin"), FILE_ENTRY("./usr/bin/x", 3)), 0);
	assert_int_equal(f->stats.moved.count, 0);
	assert_int_equal(RESTORE(f, FILE_ENTRY("./usr/bin", 4)), 0);
	assert_int_equal(f->stats.moved.count, 1);
	assert_string_equal(f->stats.moved.names[0], "/usr/bin.altmig-old.2");
}

static int not_b(void *context, const char *path, struct am_error *error)
{
	(void)context;
	if (strcmp(path, "/opt/stop") == 0)
		return am_fail(error, "ENOUGH", "stopped at %s", path);
	return strcmp(path, "/opt/b") != 0;
}

static void only_what_is_wanted(struct fixture *f)
{
	const char *const only[] = {"/opt", NULL}, *const exclude[] = {"*.log", NULL};

	f->options.only = only;
	f->options.exclude = exclude;
	f->options.select = not_b;
	assert_int_equal(RESTORE(f, FILE_ENTRY("./usr/x", 1), FILE_ENTRY("./opt/a", 1),
				 FILE_ENTRY("./opt/b", 1), FILE_ENTRY("./opt/c.log", 1)),
		0);
	assert_int_equal(f->stats.members, 1);
	assert_int_equal(f->stats.skipped, 3);
	assert_int_equal(am_tree_exists(f->tree, "/opt/a", NULL), 1);
	assert_int_equal(am_tree_exists(f->tree, "/opt/b", NULL), 0);
	assert_int_equal(am_tree_exists(f->tree, "/opt/c.log", NULL), 0);
	assert_int_equal(am_tree_exists(f->tree, "/usr/x", NULL), 0);
	assert_int_equal(RESTORE(f, FILE_ENTRY("./opt/stop", 1)), -1);
	assert_string_equal(f->error.code, "ENOUGH");
}

static void a_frozen_tree_is_left_alone(struct fixture *f)
{
	am_tree_freeze(f->tree, "the client runs from it");
	assert_int_equal(RESTORE(f, FILE_ENTRY("./new", 1)), -1);
	assert_string_equal(f->error.code, "READ_ONLY");
	assert_int_equal(f->stats.members, 0);
	assert_int_equal(am_tree_exists(f->tree, "/new", NULL), 0);
}

/* Each case one at a time, and many at a time. */
static void both_ways(void (*test)(struct fixture *f))
{
	for (int blocking = 0; blocking < 2; blocking++) {
		struct fixture f;

		set_up(&f, blocking);
		test(&f);
		tear_down(&f);
	}
}

#define BOTH_WAYS(name)                                                                            \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		both_ways(name);                                                                   \
	}
BOTH_WAYS(everything_is_counted_and_in_place)
BOTH_WAYS(a_link_of_the_tree_is_followed_one_of_the_archive_is_not)
BOTH_WAYS(what_is_in_the_way)
BOTH_WAYS(only_what_is_wanted)
BOTH_WAYS(a_frozen_tree_is_left_alone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_counted_and_in_place),
		cmocka_unit_test(test_a_link_of_the_tree_is_followed_one_of_the_archive_is_not),
		cmocka_unit_test(test_what_is_in_the_way),
		cmocka_unit_test(test_only_what_is_wanted),
		cmocka_unit_test(test_a_frozen_tree_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
