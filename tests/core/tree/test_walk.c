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

struct fixture {
	struct memory_fs *fs[2];
	struct am_tree *tree; /* "/" and "/usr/local" */
	struct am_error error;
};

static struct am_fs_ops broken; /* ops of which a test has replaced some */

static int set_up(void **state)
{
	static const char *const at[] = {"/", "/usr/local"};
	struct fixture *f = calloc(1, sizeof *f);
	struct am_fs *base[2];

	f->fs[0] = memory_fs_new("mem:/root", 1);
	f->fs[1] = memory_fs_new("mem:/local", 1);
	base[0] = &f->fs[0]->base;
	base[1] = &f->fs[1]->base;
	f->tree = am_tree_of(at, base, 2, NULL);
	broken = *base[0]->ops;
	make_dir(f->tree, "/b/deep");
	make_file(f->tree, "/b/deep/file", 10);
	make_file(f->tree, "/b/\xff", 1);
	make_file(f->tree, "/b/a", 1);
	make_file(f->tree, "/b-", 1);
	make_link(f->tree, "/a", "/b");
	make_dir(f->tree, "/usr");
	make_file(f->tree, "/usr/local/bin", 3);
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

/* All paths with a blank behind each; `skip`: the directory not gone into. */
static const char *paths(struct fixture *f, const char *from, const char *skip)
{
	static char text[4096];
	struct am_walk *walk = am_walk_open(f->tree, from, &f->error);
	const struct am_tree_stat *st;
	const char *path;
	int r = -1;

	text[0] = '\0';
	while (walk != NULL && (r = am_walk_next(walk, &path, &st, &f->error)) == 1) {
		if (strlen(text) + strlen(path) + 2 <= sizeof text)
			strcat(strcat(text, path), " ");
		if (skip != NULL && strcmp(path, skip) == 0)
			am_walk_skip(walk);
	}
	am_walk_close(walk);
	return r == 0 ? text : f->error.message;
}

static void directories_come_before_their_content_in_byte_order(void **state)
{
	assert_string_equal(paths(*state, "/", NULL),
		"/ /a /b /b/a /b/deep /b/deep/file /b/\xff /b- /usr /usr/local /usr/local/bin ");
	assert_string_equal(paths(*state, "/b", NULL), "/b /b/a /b/deep /b/deep/file /b/\xff ");
	assert_string_equal(paths(*state, "/b/a", NULL), "/b/a ");
	assert_string_equal(paths(*state, "/a", NULL), "/a "); /* a link at the end stays one */
	assert_string_equal(paths(*state, "/a/deep", NULL), "/b/deep /b/deep/file ");
}

static void a_directory_can_be_left_out(void **state)
{
	assert_string_equal(
		paths(*state, "/", "/b"), "/ /a /b /b- /usr /usr/local /usr/local/bin ");
	assert_string_equal(paths(*state, "/", "/"), "/ ");
	assert_string_equal(paths(*state, "/b", "/b/a"), "/b /b/a /b/deep /b/deep/file /b/\xff ");
}

/* Also where the directory below does not have its name, or has another kind of entry there. */
static void a_mount_point_is_what_is_mounted(void **state)
{
	struct fixture *f = *state;
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = 0711};
	struct am_node *root = f->fs[0]->base.ops->root(&f->fs[0]->base, NULL);
	struct am_node *usr = f->fs[0]->base.ops->enter(root, "usr", NULL);

	assert_int_equal(am_tree_setattr(f->tree, "/usr/local", 0, &attr, &f->error), 0);
	for (int covered = 0; covered < 2; covered++) {
		struct am_walk *walk = am_walk_open(f->tree, "/usr", &f->error);
		const struct am_tree_stat *st;
		const char *path;

		assert_int_equal(am_walk_next(walk, &path, &st, &f->error), 1);
		assert_int_equal(am_walk_next(walk, &path, &st, &f->error), 1);
		assert_string_equal(path, "/usr/local");
		assert_int_equal(st->type, AM_TREE_DIR);
		assert_int_equal(st->mode, 0711);
		am_walk_close(walk);
		assert_string_equal(paths(f, "/usr", NULL), "/usr /usr/local /usr/local/bin ");
		if (!covered)
			assert_int_equal(
				f->fs[0]->base.ops->symlink(usr, "local", "/b", &f->error), 0);
	}
	am_node_release(usr);
	am_node_release(root);
}

static int failing_list(struct am_node *dir, struct am_entries *entries, struct am_error *error)
{
	(void)dir;
	(void)entries;
	return am_fail(error, "EACCES", "Permission denied");
}

static void a_failure_names_the_path_on_its_file_system(void **state)
{
	struct fixture *f = *state;

	broken.list = failing_list;
	f->fs[1]->base.ops = &broken;
	assert_string_equal(paths(f, "/", NULL), "walk: mem:/local: Permission denied");
	f->fs[0]->base.ops = &broken;
	assert_string_equal(paths(f, "/b/deep", NULL), "walk: mem:/root/b/deep: Permission denied");
	assert_string_equal(f->error.code, "EACCES");
	assert_string_equal(
		paths(f, "/none", NULL), "walk: mem:/root/none: No such file or directory");
}

static int hostile_list(struct am_node *dir, struct am_entries *entries, struct am_error *error)
{
	(void)dir;
	return am_entries_add(entries, "x/../../etc", NULL, error);
}

/* A directory that holds itself. */
static int endless_list(struct am_node *dir, struct am_entries *entries, struct am_error *error)
{
	struct am_tree_stat st = {.type = AM_TREE_DIR};

	(void)dir;
	return am_entries_add(entries, "again", &st, error);
}

static struct am_node *same_node(struct am_node *dir, const char *name, struct am_error *error)
{
	(void)name;
	(void)error;
	return am_node_hold(dir);
}

static void hostile_listings_end(void **state)
{
	struct fixture *f = *state;

	f->fs[0]->base.ops = &broken;
	broken.list = hostile_list;
	assert_non_null(strstr(paths(f, "/", NULL), "impossible name"));
	assert_string_equal(f->error.code, "EPROTO");
	broken.list = endless_list;
	broken.enter = same_node;
	assert_non_null(strstr(paths(f, "/", NULL), "File name too long"));
	assert_string_equal(f->error.code, "ENAMETOOLONG");
}

static void it_outlives_its_tree(void **state)
{
	struct fixture *f = *state;
	struct am_walk *walk = am_walk_open(f->tree, "/", &f->error);
	const struct am_tree_stat *st;
	const char *path;
	int n = 0;

	am_tree_close(f->tree);
	while (am_walk_next(walk, &path, &st, &f->error) == 1)
		n++;
	assert_int_equal(n, 11);
	am_walk_close(walk);
	f->tree = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_come_before_their_content_in_byte_order),
		TEST(a_directory_can_be_left_out),
		TEST(a_mount_point_is_what_is_mounted),
		TEST(a_failure_names_the_path_on_its_file_system),
		TEST(hostile_listings_end),
		TEST(it_outlives_its_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
