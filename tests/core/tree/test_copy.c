/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "tree/memory_fs.h"
#include "tree/pipeline.h"

struct fixture {
	struct memory_fs *from_fs, *to_fs;
	struct am_tree *from, *to;
	struct am_error error;
};

static void fill(struct am_tree *tree)
{
	char path[64];

	make_dir(tree, "/d/e/empty");
	make_file(tree, "/d/none", 0);
	make_file(tree, "/d/small", 5);
	make_file(tree, "/d/e/limit", 128 << 10);
	make_file(tree, "/d/e/over", (128 << 10) + 1);
	make_file(tree, "/d/large", 3000000);
	make_link(tree, "/d/link", "../outside");
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "/d/e/f%d", i);
		make_file(tree, path, (size_t)i * 11);
	}
	set_time(tree, "/d/e/empty");
	set_time(tree, "/d/e");
}

static void open_both(struct fixture *f, int from_blocking, int to_blocking)
{
	f->from_fs = memory_fs_new("mem:/from", from_blocking);
	f->to_fs = memory_fs_new("mem:/to", to_blocking);
	f->from = memory_tree(f->from_fs);
	f->to = memory_tree(f->to_fs);
	fill(f->from);
}

static void close_both(struct fixture *f)
{
	am_tree_close(f->from);
	am_tree_close(f->to);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	open_both(f, 0, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	close_both(*state);
	free(*state);
	return 0;
}

/* What is below /d is the same in both; nothing else is in the target. */
static void assert_copied(struct fixture *f)
{
	struct am_buf a = {0}, b = {0};

	dump_tree(f->from, "/d", &a);
	dump_tree(f->to, "/d", &b);
	assert_true(a.length > 1000);
	assert_string_equal(a.data, b.data);
	am_buf_free(&a);
	am_buf_free(&b);
}

static void copy(struct fixture *f)
{
	if (am_tree_copy(f->from, "/d", f->to, "/d", &f->error) != 0)
		fail_msg("%s", f->error.message);
	assert_int_equal(f->from_fs->outstanding + f->to_fs->outstanding, 0);
}

static void the_copy_is_the_same_whatever_the_answers_do(void **state)
{
	struct fixture f = {0};

	(void)state;
	for (int variant = 0; variant < 48; variant++) {
		open_both(&f, variant % 2, variant / 2 % 2);
		f.from_fs->order = f.to_fs->order = (enum memory_order)(variant / 4 % 3);
		f.from_fs->at_once = f.to_fs->at_once = 2;
		f.from_fs->early = f.to_fs->early = variant / 12 % 2;
		f.from_fs->without_stat = variant / 24;
		copy(&f);
		assert_copied(&f);
		/* and again, over what is there */
		copy(&f);
		assert_copied(&f);
		close_both(&f);
	}
}

static void into_a_local_directory_and_back(void **state)
{
	struct fixture *f = *state;
	char root[] = "/tmp/altmig-copy.XXXXXX";
	struct am_tree *tmp = am_tree_local("/tmp", NULL), *local, *memory = f->to;

	assert_non_null(mkdtemp(root));
	local = am_tree_local(root, &f->error);
	am_tree_set_sync(local, 0);
	assert_int_equal(am_tree_copy(f->from, "/d", local, "/d", &f->error), 0);
	f->to = local;
	assert_copied(f);
	f->to = memory;
	assert_int_equal(am_tree_copy(local, "/d", f->to, "/d", &f->error), 0);
	assert_copied(f);
	am_tree_close(local);
	am_tree_remove_all(tmp, root + 4, NULL);
	am_tree_close(tmp);
}

static void other_names_of_a_replaced_file_keep_their_content(void **state)
{
	struct fixture *f = *state;
	struct am_buf text = {0};

	make_dir(f->to, "/d");
	make_file(f->to, "/d/small", 50);
	make_file(f->to, "/d/link", 50);
	make_link(f->to, "/d/none", "small");
	assert_int_equal(am_tree_link(f->to, "/d/small", "/other", &f->error), 0);
	copy(f);
	assert_copied(f);
	assert_int_equal(am_tree_read(f->to, "/other", 0, &text, &f->error), 0);
	assert_int_equal(text.length, 50);
	am_buf_free(&text);
}

static void a_directory_in_the_way_is_refused(void **state)
{
	struct fixture *f = *state;

	make_dir(f->to, "/d/small");
	assert_int_equal(am_tree_copy(f->from, "/d", f->to, "/d", &f->error), -1);
	assert_string_equal(f->error.code, "EISDIR");
	assert_non_null(strstr(f->error.message, "mem:/to/d/small"));
	assert_int_equal(f->to_fs->outstanding, 0);
}

static int temporaries(struct fixture *f)
{
	struct am_buf text = {0};
	int found;

	dump_tree(f->to, "/", &text);
	found = strstr(text.data, "altmig-new") != NULL;
	am_buf_free(&text);
	return found;
}

static void a_full_file_system_is_named_and_left_clean(void **state)
{
	struct fixture *f = *state;

	for (int order = MEMORY_FIRST; order <= MEMORY_ANY; order++) {
		close_both(f);
		open_both(f, 0, 0);
		f->to_fs->space = 100000;
		f->to_fs->order = (enum memory_order)order;
		f->to_fs->at_once = 3;
		assert_int_equal(am_tree_copy(f->from, "/d", f->to, "/d", &f->error), -1);
		assert_string_equal(f->error.code, "ENOSPC");
		assert_non_null(strstr(f->error.message, "write: mem:/to/d/"));
		assert_int_equal(f->to_fs->outstanding, 0);
		assert_false(temporaries(f));
	}
}

/* By turns, with a handle that is stale, an answer that is lost, and so on. */
static enum memory_fault each_in_turn(void *context, struct memory_fs *fs, const struct am_op *op)
{
	static const enum memory_fault faults[] = {
		MEMORY_OK, MEMORY_BUSY, MEMORY_AGAIN, MEMORY_STALE, MEMORY_ODD};
	int *n = context;

	(void)fs;
	if (op->kind >= AM_OP_LIST)
		return MEMORY_OK;
	return faults[++*n % 5];
}

static void faults_change_nothing(void **state)
{
	struct fixture *f = *state;
	int n = 0;

	f->to_fs->fault = each_in_turn;
	f->to_fs->context = &n;
	f->to_fs->order = MEMORY_ANY;
	f->to_fs->at_once = 3;
	copy(f);
	assert_copied(f);
	assert_false(temporaries(f));
	assert_true(n > 100);
}

static enum memory_fault lost_in_the_end(
	void *context, struct memory_fs *fs, const struct am_op *op)
{
	int *n = context;

	(void)fs;
	(void)op;
	return ++*n > 40 ? MEMORY_LOST : MEMORY_OK;
}

static void a_lost_connection_ends_it(void **state)
{
	struct fixture *f = *state;
	int n = 0;

	f->to_fs->fault = lost_in_the_end;
	f->to_fs->context = &n;
	assert_int_equal(am_tree_copy(f->from, "/d", f->to, "/d", &f->error), -1);
	assert_string_equal(f->error.code, "NFS_LOST");
	assert_string_equal(f->error.message, "copy: mem:/to: connection lost");
	assert_int_equal(f->from_fs->outstanding + f->to_fs->outstanding, 0);
	assert_true(am_pipeline_can(f->from) && am_pipeline_can(f->to));
}

static void memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	char path[64];

	for (int i = 0; i < 400; i++) {
		snprintf(path, sizeof path, "/d/g%d", i);
		make_file(f->from, path, 120 << 10);
	}
	f->to_fs->at_once = 1;
	f->to_fs->order = MEMORY_LAST;
	copy(f);
	assert_copied(f);
	assert_true(f->to_fs->most > 8);
	assert_true(f->to_fs->most_bytes <= 16 << 20);
	assert_true(f->from_fs->most_bytes <= (16 << 20) + AM_PIPELINE_PIECE);
}

static void never_into_itself(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(am_tree_copy(f->from, "/d", f->from, "/d/e/f", &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_copy(f->from, "/d", f->from, "/d", &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	make_link(f->from, "/alias", "/d/e");
	assert_int_equal(am_tree_copy(f->from, "/d", f->from, "/alias/x", &f->error), -1);
	assert_string_equal(f->error.code, "EINVAL");
	assert_int_equal(am_tree_copy(f->from, "/d", f->from, "/d-copy", &f->error), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_copy_is_the_same_whatever_the_answers_do),
		TEST(into_a_local_directory_and_back),
		TEST(other_names_of_a_replaced_file_keep_their_content),
		TEST(a_directory_in_the_way_is_refused),
		TEST(a_full_file_system_is_named_and_left_clean),
		TEST(faults_change_nothing),
		TEST(a_lost_connection_ends_it),
		TEST(memory_is_bounded),
		TEST(never_into_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
