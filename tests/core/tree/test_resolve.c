/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree/memory_fs.h"
#include "tree/resolve.h"

struct fixture {
	struct am_tree *tree;
	struct am_error error;
	char asked[512]; /* the links may_follow() was asked for */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->tree = memory_tree(memory_fs_new("mem:/fs", 1));
	make_dir(f->tree, "/usr/lib");
	make_file(f->tree, "/usr/file", 1);
	make_link(f->tree, "/lib", "usr/lib");
	make_link(f->tree, "/gone", "usr/none");
	make_link(f->tree, "/two", "/lib/../lib");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	am_tree_close(f->tree);
	free(f);
	return 0;
}

static int ask(void *context, const char *link, struct am_error *error)
{
	struct fixture *f = context;

	strcat(strcat(f->asked, link), " ");
	return strcmp(link, "/bad") == 0 ? am_fail(error, "ARCHIVE_PATH", "not by %s", link) : 0;
}

/* Where the path leads, or the message. */
static const char *located(struct fixture *f, const char *path, int follow, int make)
{
	static char out[AM_TREE_PATH_MAX];
	struct am_locate_options options = {
		.follow = follow, .make = make, .may_follow = ask, .context = f};
	struct am_place place;

	f->asked[0] = '\0';
	if (am_tree_locate_by(f->tree, "lookup", path, &options, &place, &f->error) != 0)
		return f->error.message;
	snprintf(out, sizeof out, "%s", place.path);
	am_place_free(&place);
	return out;
}

static void each_link_that_is_followed_is_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(located(f, "/two/x", 0, 0), "/usr/lib/x");
	assert_string_equal(f->asked, "/two /lib ");
	assert_string_equal(located(f, "/usr/lib/x", 1, 0), "/usr/lib/x");
	assert_string_equal(f->asked, "");
	/* the last one only when it is followed */
	assert_string_equal(located(f, "/lib", 0, 0), "/lib");
	assert_string_equal(f->asked, "");
	assert_string_equal(located(f, "/lib", 1, 0), "/usr/lib");
	assert_string_equal(f->asked, "/lib ");
}

static void a_refusal_is_told_as_it_is(void **state)
{
	struct fixture *f = *state;

	make_link(f->tree, "/bad", "/usr");
	make_link(f->tree, "/usr/up", "/bad/lib");
	assert_string_equal(located(f, "/usr/up/x", 0, 1), "not by /bad");
	assert_string_equal(f->error.code, "ARCHIVE_PATH");
	/* and the next failure is named again */
	assert_string_equal(
		located(f, "/usr/file/x", 0, 0), "lookup: mem:/fs/usr/file/x: Not a directory");
}

static void what_the_path_names_is_made(void **state)
{
	struct fixture *f = *state;
	struct am_tree_stat st;

	assert_string_equal(
		located(f, "/a/b/c", 0, 0), "lookup: mem:/fs/a/b/c: No such file or directory");
	assert_string_equal(located(f, "/a/b/c", 0, 1), "/a/b/c");
	assert_int_equal(am_tree_stat(f->tree, "/a/b", 0, &st, &f->error), 0);
	assert_int_equal(st.type, AM_TREE_DIR);
	assert_int_equal(st.mode, 0755);
	assert_int_equal(am_tree_exists(f->tree, "/a/b/c", &f->error), 0); /* the name is not */
	assert_string_equal(located(f, "/two/new/er/x", 0, 1), "/usr/lib/new/er/x");
	assert_int_equal(am_tree_exists(f->tree, "/usr/lib/new/er", &f->error), 1);
}

static void what_only_a_link_names_is_not_made(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(
		located(f, "/gone/x", 0, 1), "lookup: mem:/fs/gone/x: No such file or directory");
	assert_int_equal(am_tree_exists(f->tree, "/usr/none", &f->error), 0);
	make_link(f->tree, "/via", "lib/none/deep");
	assert_string_equal(
		located(f, "/via/x/y", 0, 1), "lookup: mem:/fs/via/x/y: No such file or directory");
	assert_int_equal(am_tree_exists(f->tree, "/usr/lib/none", &f->error), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_link_that_is_followed_is_asked_for),
		TEST(a_refusal_is_told_as_it_is),
		TEST(what_the_path_names_is_made),
		TEST(what_only_a_link_names_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
