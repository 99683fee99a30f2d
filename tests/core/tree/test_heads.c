/* SPDX-License-Identifier: MIT */
/* Beginnings of many files: the same however they are read, in order, and each failure of one name
 * its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "tree/heads.h"
#include "tree/memory_fs.h"
#include "tree/pipeline.h"

enum { COUNT = 600, HEAD = 5000 };

struct fixture {
	struct memory_fs *fs;
	struct am_tree *tree;
	char names[COUNT][16];
	struct am_head_ask asks[COUNT];
	struct am_error error;
};

static size_t size_of(int i)
{
	return i % 7 == 0 ? 0 : (size_t)(i * 97 % 9000);
}

static void fill(struct fixture *f, int blocking)
{
	char path[64];

	f->fs = memory_fs_new("mem:/", blocking);
	f->tree = memory_tree(f->fs);
	make_dir(f->tree, "/lpp/installp");
	for (int i = 0; i < COUNT; i++) {
		snprintf(f->names[i], sizeof f->names[i], "f%d", i);
		snprintf(path, sizeof path, "/lpp/installp/f%d", i);
		if (i % 50 == 3)
			make_dir(f->tree, path);
		else if (i % 50 == 4)
			make_link(f->tree, path, i % 100 == 4 ? "f1" : "../../../../etc/passwd");
		else if (i % 50 == 5)
			make_link(f->tree, path, "f-none");
		else if (i % 50 != 6)
			make_file(f->tree, path, size_of(i));
		f->asks[i] = (struct am_head_ask){f->names[i], i % 11 == 0 ? 0 : HEAD};
	}
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	am_tree_close(f->tree);
	free(f);
	return 0;
}

/* What the names in the tree must give. */
static void check(int i, const struct am_head *head)
{
	char path[64];
	int same = i % 100 == 4 ? 1 : i; /* a link to f1 */
	size_t want = size_of(same);

	snprintf(path, sizeof path, "/lpp/installp/f%d", same);
	if (i % 50 == 3) {
		assert_false(head->failed);
		assert_int_equal(head->stat.type, AM_TREE_DIR);
		assert_int_equal(head->length, 0);
	} else if (i % 50 == 5 || i % 50 == 6 || i % 100 == 54) {
		assert_true(head->failed);
		assert_string_equal(head->error.code, i % 100 == 54 ? "OUTSIDE_TREE" : "ENOENT");
	} else {
		char *content = content_of(path, want);

		assert_false(head->failed);
		assert_int_equal(head->stat.type, AM_TREE_FILE);
		assert_int_equal(head->stat.size, want);
		if (i % 11 == 0)
			want = 0;
		assert_int_equal(head->length, want < HEAD ? want : HEAD);
		if (head->length > 0)
			assert_memory_equal(head->data, content, head->length);
		free(content);
	}
}

static void read_all(struct fixture *f, int until)
{
	struct am_heads *heads = am_heads_open(f->tree, "/lpp/installp", f->asks, COUNT, &f->error);
	const struct am_head *head;
	int i = 0;

	assert_non_null(heads);
	while (i < until && am_heads_next(heads, &head, &f->error) == 1)
		check(i++, head);
	assert_int_equal(i, until);
	if (until == COUNT)
		assert_int_equal(am_heads_next(heads, &head, &f->error), 0);
	am_heads_close(heads);
}

static void test_one_at_a_time(void **state)
{
	struct fixture *f = *state;

	fill(f, 1);
	read_all(f, COUNT);
}

static void test_many_at_a_time(void **state)
{
	struct fixture *f = *state;

	fill(f, 0);
	for (int variant = 0; variant < 8; variant++) {
		memory_vary(f->fs, variant);
		read_all(f, COUNT);
		read_all(f, COUNT / 3); /* left in the middle */
		assert_int_equal(f->fs->outstanding, 0);
	}
	assert_true(f->fs->most > 20);
	assert_true(f->fs->most_bytes <= AM_PIPELINE_MEMORY);
}

static void test_memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct am_heads *heads;
	const struct am_head *head;
	char path[64];

	f->fs = memory_fs_new("mem:/", 0);
	f->tree = memory_tree(f->fs);
	f->fs->order = MEMORY_LAST;
	make_dir(f->tree, "/d");
	for (int i = 0; i < 64; i++) {
		snprintf(f->names[i], sizeof f->names[i], "f%d", i);
		snprintf(path, sizeof path, "/d/f%d", i);
		make_file(f->tree, path, 1 << 20);
		f->asks[i] = (struct am_head_ask){f->names[i], 1 << 20};
	}
	f->fs->most_bytes = 0;
	heads = am_heads_open(f->tree, "/d", f->asks, 64, &f->error);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(am_heads_next(heads, &head, &f->error), 1);
		assert_int_equal(head->length, 1 << 20);
	}
	am_heads_close(heads);
	assert_true(f->fs->most_bytes > 4 << 20);
	assert_true(f->fs->most_bytes <= AM_PIPELINE_MEMORY + (1 << 20));
}

static enum memory_fault some_odd(void *context, struct memory_fs *fs, const struct am_op *op)
{
	unsigned *count = context;

	(void)fs;
	(void)op;
	++*count;
	return *count % 5 == 0 ? MEMORY_ODD : *count % 7 == 0 ? MEMORY_BUSY : MEMORY_OK;
}

static void test_what_is_odd_is_read_by_itself(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;

	fill(f, 0);
	f->fs->fault = some_odd;
	f->fs->context = &count;
	read_all(f, COUNT);
	assert_true(count > COUNT);
}

static enum memory_fault lost(void *context, struct memory_fs *fs, const struct am_op *op)
{
	unsigned *count = context;

	(void)fs;
	(void)op;
	return ++*count > 300 ? MEMORY_LOST : MEMORY_OK;
}

static void test_a_lost_connection_ends_it(void **state)
{
	struct fixture *f = *state;
	struct am_heads *heads;
	const struct am_head *head;
	struct am_error again;
	unsigned count = 0;
	int r, given = 0;

	fill(f, 0);
	f->fs->fault = lost;
	f->fs->context = &count;
	heads = am_heads_open(f->tree, "/lpp/installp", f->asks, COUNT, &f->error);
	while ((r = am_heads_next(heads, &head, &f->error)) == 1)
		given++;
	assert_int_equal(r, -1);
	assert_true(given < COUNT);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(am_heads_next(heads, &head, &again), -1);
		assert_string_equal(again.message, f->error.message);
	}
	am_heads_close(heads);
}

/* Also when it was before anything was begun. */
static void test_a_cancelled_one_stays_so(void **state)
{
	struct fixture *f = *state;
	struct am_heads *heads;
	const struct am_head *head;

	fill(f, 0);
	heads = am_heads_open(f->tree, "/lpp/installp", f->asks, COUNT, &f->error);
	am_cancel();
	assert_int_equal(am_heads_next(heads, &head, &f->error), -1);
	am_cancel_clear();
	alarm(20);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(am_heads_next(heads, &head, &f->error), -1);
		assert_string_equal(f->error.code, "CANCELLED");
	}
	alarm(0);
	am_heads_close(heads);
}

static void test_names_that_are_none(void **state)
{
	static const struct am_head_ask asks[] = {
		{"..", 10}, {"", 10}, {"a/b", 10}, {".", 10}, {"f1", 10}};
	struct fixture *f = *state;
	struct am_heads *heads;
	const struct am_head *head;

	fill(f, 0);
	heads = am_heads_open(f->tree, "/lpp/installp", asks, 5, &f->error);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(am_heads_next(heads, &head, &f->error), 1);
		assert_true(head->failed || head->length == 0 || i == 4);
	}
	assert_int_equal(head->length, 10);
	am_heads_close(heads);
	assert_null(am_heads_open(f->tree, "/none", asks, 5, &f->error));
	assert_string_equal(f->error.code, "ENOENT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_is_odd_is_read_by_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_lost_connection_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_cancelled_one_stays_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_that_are_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
