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
#include "tree/pipeline.h"

enum { FILES = 600 };

struct fixture {
	struct memory_fs *fs;
	struct am_tree *tree;
	struct am_node *root;
	struct am_pipeline pipeline;
	struct am_error error;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->fs = memory_fs_new("mem:/fs", 0);
	f->tree = memory_tree(f->fs);
	f->root = f->fs->base.ops->root(&f->fs->base, NULL);
	*state = f;
	return f->tree != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	am_node_release(f->root);
	am_tree_close(f->tree);
	free(f);
	return 0;
}

struct look {
	struct am_op op; /* first */
	struct am_handle file;
	char name[16];
	int over;
};

static int look_over(struct am_op *op, struct am_error *error)
{
	(void)error;
	((struct look *)op)->over++;
	return 0;
}

static void prepare(struct fixture *f, struct look *look, int number)
{
	*look = (struct look){0};
	snprintf(look->name, sizeof look->name, "f%d", number);
	look->op.kind = AM_OP_LOOK;
	look->op.dir = f->root;
	look->op.name = look->name;
	look->op.file = &look->file;
	look->op.over = look_over;
}

static void each_is_over_once_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct look *looks = calloc(FILES, sizeof *looks);

	for (int order = MEMORY_FIRST; order <= MEMORY_ANY; order++) {
		f->fs->order = (enum memory_order)order;
		f->fs->at_once = 3;
		f->fs->most = 0;
		am_pipeline_open(&f->pipeline, "look", f->tree, NULL);
		for (int i = 0; i < FILES; i++) {
			prepare(f, &looks[i], i);
			while (am_pipeline_full(&f->pipeline))
				assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
			assert_int_equal(am_pipeline_start(&f->pipeline, &f->fs->base, &looks[i].op,
						 &f->error),
				0);
		}
		while (f->pipeline.active > 0)
			assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
		am_pipeline_close(&f->pipeline);
		for (int i = 0; i < FILES; i++) {
			assert_int_equal(looks[i].over, 1);
			assert_int_equal(looks[i].op.outcome, AM_OP_FAILED);
		}
		assert_in_range(f->fs->most, 8, 256);
	}
	free(looks);
}

static enum memory_fault always_busy(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	(void)op;
	return MEMORY_BUSY;
}

static void nothing_is_outstanding_after_close(void **state)
{
	struct fixture *f = *state;
	struct look looks[20];

	f->fs->fault = always_busy;
	am_pipeline_open(&f->pipeline, "look", f->tree, NULL);
	assert_false(am_pipeline_can(f->tree)); /* one at a time */
	for (int i = 0; i < 20; i++) {
		prepare(f, &looks[i], i);
		am_pipeline_start(&f->pipeline, &f->fs->base, &looks[i].op, &f->error);
	}
	am_pipeline_close(&f->pipeline);
	assert_int_equal(f->fs->outstanding, 0);
	assert_int_equal(f->fs->dropped, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(looks[i].over, 0);
	assert_true(am_pipeline_can(f->tree));
}

static void what_can_still_be_answered_is_before_close_ends(void **state)
{
	struct fixture *f = *state;
	struct look look;

	am_pipeline_open(&f->pipeline, "look", f->tree, NULL);
	prepare(f, &look, 1);
	am_pipeline_start(&f->pipeline, &f->fs->base, &look.op, &f->error);
	am_pipeline_close(&f->pipeline);
	assert_int_equal(f->fs->dropped, 0);
	assert_int_equal(look.over, 0);
}

static enum memory_fault lost(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return strcmp(op->name, "f7") == 0 ? MEMORY_LOST : MEMORY_OK;
}

static void a_lost_connection_is_told_with_the_operation(void **state)
{
	struct fixture *f = *state;
	struct look looks[10];
	int r = 0;

	f->fs->fault = lost;
	am_pipeline_open(&f->pipeline, "look", f->tree, NULL);
	for (int i = 0; i < 10; i++) {
		prepare(f, &looks[i], i);
		am_pipeline_start(&f->pipeline, &f->fs->base, &looks[i].op, &f->error);
	}
	for (int i = 0; i < 20 && r == 0; i++)
		r = am_pipeline_poll(&f->pipeline, 0, &f->error);
	assert_int_equal(r, -1);
	assert_string_equal(f->error.code, "NFS_LOST");
	assert_string_equal(f->error.message, "look: mem:/fs: connection lost");
	am_pipeline_close(&f->pipeline);
	assert_int_equal(f->fs->outstanding, 0);
}

static int over_failing(struct am_op *op, struct am_error *error)
{
	look_over(op, error);
	return am_fail(error, "EIO", "%s", ((struct look *)op)->name);
}

static void the_first_failure_counts_and_all_answers_are_taken(void **state)
{
	struct fixture *f = *state;
	struct look looks[5];

	am_pipeline_open(&f->pipeline, "look", f->tree, NULL);
	for (int i = 0; i < 5; i++) {
		prepare(f, &looks[i], i);
		looks[i].op.over = over_failing;
		am_pipeline_start(&f->pipeline, &f->fs->base, &looks[i].op, &f->error);
	}
	assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), -1);
	assert_string_equal(f->error.message, "f4"); /* what the back end lists first */
	assert_int_equal(f->pipeline.active, 0);
	am_pipeline_close(&f->pipeline);
	for (int i = 0; i < 5; i++)
		assert_int_equal(looks[i].over, 1);
}

static void failures_name_the_path(void **state)
{
	struct fixture *f = *state;
	struct am_op op = {.operation = "write"};

	am_fail(&op.error, "ENOSPC", "full");
	assert_int_equal(am_pipeline_fail(f->tree, 0, "/a/b", &op, &f->error), -1);
	assert_string_equal(f->error.message, "write: mem:/fs/a/b: full");
	assert_string_equal(f->error.code, "ENOSPC");
	op.complete = 1;
	am_pipeline_fail(f->tree, 0, "/a/b", &op, &f->error);
	assert_string_equal(f->error.message, "full");
	op.complete = 0; /* and the next one is named again */
	am_pipeline_fail(f->tree, 0, "/a/b", &op, &f->error);
	assert_string_equal(f->error.message, "write: mem:/fs/a/b: full");
}

/* ---- files read ahead ---- */

static struct am_handle handle_of(struct fixture *f, const char *name)
{
	struct am_handle handle = {0};
	struct am_op op = {.kind = AM_OP_LOOK,
		.dir = f->root,
		.name = name,
		.file = &handle,
		.over = look_over};
	struct look look = {.op = op};

	am_pipeline_start(&f->pipeline, &f->fs->base, &look.op, &f->error);
	while (look.over == 0)
		assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
	assert_int_equal(look.op.outcome, AM_OP_DONE);
	return handle;
}

/* 0 and the content, or -1. */
static int drain(struct fixture *f, struct am_fetch *fetch, struct am_buf *out)
{
	for (;;) {
		const char *data;
		size_t length;
		int r;

		assert_true(am_fetch_ask(fetch, 1, &f->error) >= 0);
		r = am_fetch_look(fetch, &data, &length);
		if (r < 0 || r == 2)
			return r < 0 ? -1 : 0;
		if (r == 0) {
			assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
			continue;
		}
		assert_int_equal(am_buf_add(out, data, length, NULL), 0);
		am_fetch_pop(fetch);
	}
}

/* `claimed`: the size the attributes said. */
static void check_fetch(struct fixture *f, size_t size, uint64_t claimed)
{
	struct am_budget budget = {.most = 2 << 20};
	struct am_buf out = {0};
	struct am_fetch *fetch;
	struct am_handle handle;
	char *content;

	make_file(f->tree, "/file", size);
	content = content_of("/file", size);
	am_pipeline_open(&f->pipeline, "read", f->tree, NULL);
	handle = handle_of(f, "file");
	f->fs->most_bytes = 0;
	fetch = am_fetch_open(&f->pipeline, &budget, &f->fs->base, &handle, claimed, &f->error);
	assert_int_equal(drain(f, fetch, &out), 0);
	assert_int_equal(out.length, claimed == 0 ? 0 : size);
	assert_memory_equal(out.length > 0 ? out.data : "", content, out.length);
	assert_true(f->fs->most_bytes <= budget.most + AM_PIPELINE_PIECE);
	am_fetch_close(fetch);
	am_pipeline_close(&f->pipeline);
	assert_int_equal(budget.used, 0);
	am_buf_free(&out);
	free(content);
}

static void files_come_whole_in_any_order(void **state)
{
	static const size_t sizes[] = {
		0, 1, AM_PIPELINE_PIECE - 1, AM_PIPELINE_PIECE, AM_PIPELINE_PIECE + 1, 5000000};
	struct fixture *f = *state;

	f->fs->at_once = 1;
	for (int order = MEMORY_FIRST; order <= MEMORY_ANY; order++) {
		f->fs->order = (enum memory_order)order;
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			check_fetch(f, sizes[i], sizes[i]);
	}
}

static void a_file_that_changed_its_size_comes_whole(void **state)
{
	struct fixture *f = *state;

	f->fs->order = MEMORY_LAST;
	check_fetch(f, 3000000, 100);     /* grown */
	check_fetch(f, 100, 3000000);     /* cut */
	check_fetch(f, 1500000, 3000000); /* cut in a piece that is not the last */
}

static void a_file_without_an_end_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct am_budget budget = {.most = 2 << 20};
	struct am_buf out = {0};
	struct am_fetch *fetch;
	struct am_handle handle;

	make_file(f->tree, "/file", 10);
	am_pipeline_open(&f->pipeline, "read", f->tree, NULL);
	handle = handle_of(f, "file");
	memcpy(&f->fs->endless, handle.data, 8);
	fetch = am_fetch_open(&f->pipeline, &budget, &f->fs->base, &handle, 10, &f->error);
	assert_int_equal(drain(f, fetch, &out), -1);
	assert_string_equal(fetch->op.error.code, "EPROTO");
	assert_true(out.length <= 10 + AM_FILE_GROWTH_MAX);
	am_fetch_close(fetch);
	am_pipeline_close(&f->pipeline);
	am_buf_free(&out);
}

static void a_fetch_may_be_closed_while_it_is_read(void **state)
{
	struct fixture *f = *state;

	make_file(f->tree, "/file", 5000000);
	for (int polled = 0; polled < 2; polled++) {
		struct am_budget budget = {.most = 16 << 20};
		struct am_fetch *fetch;
		struct am_handle handle;

		am_pipeline_open(&f->pipeline, "read", f->tree, NULL);
		handle = handle_of(f, "file");
		f->fs->at_once = 1;
		fetch = am_fetch_open(
			&f->pipeline, &budget, &f->fs->base, &handle, 5000000, &f->error);
		assert_int_equal(am_fetch_ask(fetch, 0, &f->error), 0);
		assert_int_equal(budget.used, 5000000);
		assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
		am_fetch_close(fetch);
		while (polled && f->pipeline.active > 0)
			assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
		am_pipeline_close(&f->pipeline);
		assert_int_equal(budget.used, 0);
		assert_int_equal(f->fs->outstanding, 0);
	}
}

static enum memory_fault second_piece_is_stale(
	void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return op->kind == AM_OP_READ && op->offset > 0 ? MEMORY_STALE : MEMORY_OK;
}

static void a_stale_handle_is_told_as_such(void **state)
{
	struct fixture *f = *state;
	struct am_budget budget = {.most = 16 << 20};
	struct am_buf out = {0};
	struct am_fetch *fetch;
	struct am_handle handle;

	make_file(f->tree, "/file", 3000000);
	am_pipeline_open(&f->pipeline, "read", f->tree, NULL);
	handle = handle_of(f, "file");
	f->fs->fault = second_piece_is_stale;
	fetch = am_fetch_open(&f->pipeline, &budget, &f->fs->base, &handle, 3000000, &f->error);
	assert_int_equal(drain(f, fetch, &out), -1);
	assert_int_equal(fetch->op.outcome, AM_OP_ODD);
	am_fetch_close(fetch);
	am_pipeline_close(&f->pipeline);
	am_buf_free(&out);
}

static void without_urgency_the_budget_holds(void **state)
{
	struct fixture *f = *state;
	struct am_budget budget = {.used = 1 << 20, .most = 1 << 20};
	struct am_fetch *fetch;
	struct am_handle handle;

	make_file(f->tree, "/file", 3000000);
	am_pipeline_open(&f->pipeline, "read", f->tree, NULL);
	handle = handle_of(f, "file");
	fetch = am_fetch_open(&f->pipeline, &budget, &f->fs->base, &handle, 3000000, &f->error);
	assert_int_equal(am_fetch_ask(fetch, 0, &f->error), 1);
	assert_int_equal(f->fs->outstanding, 0);
	assert_int_equal(am_fetch_ask(fetch, 1, &f->error), 1);
	assert_int_equal(f->fs->outstanding, 1); /* what the caller waits for, and no more */
	am_fetch_close(fetch);
	am_pipeline_close(&f->pipeline);
	assert_int_equal(budget.used, 1 << 20);
}

static void two_trees_share_a_pipeline(void **state)
{
	struct fixture *f = *state;
	struct memory_fs *other = memory_fs_new("mem:/other", 0);
	struct am_tree *second = memory_tree(other);
	struct look look;

	am_pipeline_open(&f->pipeline, "look", f->tree, second);
	assert_int_equal(f->pipeline.mounts, 2);
	assert_false(am_pipeline_can(second));
	prepare(f, &look, 1);
	look.op.dir = other->base.ops->root(&other->base, NULL);
	am_pipeline_start(&f->pipeline, &other->base, &look.op, &f->error);
	assert_int_equal(am_pipeline_poll(&f->pipeline, 0, &f->error), 0);
	assert_int_equal(look.over, 1);
	am_pipeline_close(&f->pipeline);
	am_node_release(look.op.dir);
	am_pipeline_open(&f->pipeline, "look", f->tree, f->tree);
	assert_int_equal(f->pipeline.mounts, 1);
	am_pipeline_close(&f->pipeline);
	am_tree_close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_is_over_once_in_any_order),
		TEST(nothing_is_outstanding_after_close),
		TEST(what_can_still_be_answered_is_before_close_ends),
		TEST(a_lost_connection_is_told_with_the_operation),
		TEST(the_first_failure_counts_and_all_answers_are_taken),
		TEST(failures_name_the_path),
		TEST(files_come_whole_in_any_order),
		TEST(a_file_that_changed_its_size_comes_whole),
		TEST(a_file_without_an_end_is_an_error),
		TEST(a_fetch_may_be_closed_while_it_is_read),
		TEST(a_stale_handle_is_told_as_such),
		TEST(without_urgency_the_budget_holds),
		TEST(two_trees_share_a_pipeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
