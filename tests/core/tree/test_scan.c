/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tree/memory_fs.h"
#include "tree/scan.h"

/* A tree of two file systems: "/" and "/usr". */
struct fixture {
	struct memory_fs *fs[2];
	struct am_tree *tree;
	struct am_error error;
};

static struct am_tree *tree_of(struct memory_fs *fs[2], int blocking)
{
	static const char *const at[] = {"/", "/usr"};
	struct am_fs *base[2];

	fs[0] = memory_fs_new("mem:/", blocking);
	fs[1] = memory_fs_new("mem:/usr", blocking);
	base[0] = &fs[0]->base;
	base[1] = &fs[1]->base;
	return am_tree_of(at, base, 2, NULL);
}

static void fill(struct am_tree *tree)
{
	char path[64];

	make_dir(tree, "/etc/empty");
	make_dir(tree, "/etc/deep/er/and/deeper");
	make_file(tree, "/etc/passwd", 100);
	make_file(tree, "/etc/deep/er/and/deeper/file", 70000);
	make_link(tree, "/bin", "/usr/bin");
	make_link(tree, "/etc/loop", "loop");
	make_dir(tree, "/usr/bin");
	make_file(tree, "/usr/bin/large", 3500000);
	make_file(tree, "/usr/bin/none", 0);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof path, "/usr/bin/f%d", i);
		make_file(tree, path, (size_t)i * 37);
	}
	make_dir(tree, "/usr/sys");
	make_file(tree, "/usr-not-below", 5);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->tree = tree_of(f->fs, 0);
	fill(f->tree);
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

/* A line for each entry; of every third file nothing, of every third only the beginning is read. */
static int scan_text(struct am_tree *tree, const char *path, const char *const *exclude,
	int read_all, struct am_buf *text, struct am_error *error)
{
	struct am_scan_options options = {.operation = "test", .exclude = exclude};
	struct am_scan *scan = am_scan_open(tree, path, &options, error);
	const struct am_scan_entry *entry;
	int r = -1, n = 0;

	while (scan != NULL && (r = am_scan_next(scan, &entry, error)) == 1) {
		const char *data;
		size_t length, total = 0;
		uint64_t hash = 0;
		int part = read_all ? 0 : n++ % 3;

		am_buf_addf(text, NULL, "%s %s %s", entry->path,
			am_tree_type_name(entry->stat.type),
			entry->target != NULL ? entry->target : "");
		while (entry->stat.type == AM_TREE_FILE && part != 1 &&
			(r = am_scan_read(scan, &data, &length, error)) == 1) {
			for (size_t i = 0; i < length; i++)
				hash = hash * 31 + (unsigned char)data[i];
			total += length;
			if (part == 2)
				break;
		}
		if (r < 0)
			break;
		if (part == 0)
			am_buf_addf(text, NULL, " %zu:%llx", total, (unsigned long long)hash);
		am_buf_addf(text, NULL, "\n");
	}
	am_scan_close(scan);
	return r;
}

static void assert_same_scan(struct fixture *f, const char *path, const char *const *exclude)
{
	for (int read_all = 0; read_all < 2; read_all++) {
		struct memory_fs *fs[2];
		struct am_tree *plain = tree_of(fs, 1);
		struct am_buf want = {0}, have = {0};

		fill(plain);
		assert_int_equal(scan_text(plain, path, exclude, read_all, &want, &f->error), 0);
		if (scan_text(f->tree, path, exclude, read_all, &have, &f->error) != 0)
			fail_msg("%s", f->error.message);
		assert_true(want.length > 5);
		assert_string_equal(want.data, have.data);
		for (int i = 0; i < 2; i++)
			assert_int_equal(f->fs[i]->outstanding, 0);
		am_buf_free(&want);
		am_buf_free(&have);
		am_tree_close(plain);
	}
}

static void the_order_is_that_of_a_walk_whatever_the_answers_do(void **state)
{
	struct fixture *f = *state;

	for (int variant = 0; variant < 24; variant++) {
		for (int i = 0; i < 2; i++) {
			f->fs[i]->order = (enum memory_order)(variant % 3);
			f->fs[i]->early = variant / 3 % 2;
			f->fs[i]->without_stat = variant / 6 % 2;
			f->fs[i]->at_once = variant / 12 % 2 != 0 ? 1 : 5;
		}
		assert_same_scan(f, "/", NULL);
	}
	assert_true(f->fs[1]->most > 20); /* it does read ahead */
}

static void a_part_of_the_tree(void **state)
{
	static const char *const paths[] = {
		"/usr", "/usr/bin/large", "/etc/loop", "/etc/empty", "/etc"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_same_scan(*state, paths[i], NULL);
}

static void what_is_excluded_is_not_asked_for(void **state)
{
	static const char *const exclude[] = {"f*", "/etc/deep", NULL};
	struct fixture *f = *state;
	uint64_t before;

	assert_same_scan(f, "/", exclude);
	before = f->fs[1]->started;
	assert_same_scan(f, "/", exclude);
	assert_true(f->fs[1]->started - before < 40);
}

/* Once for each handle of a file or link. */
static enum memory_fault stale_once(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return (op->kind == AM_OP_READ || op->kind == AM_OP_TARGET) && op->offset == 0
		       ? MEMORY_STALE
		       : MEMORY_OK;
}

static void a_stale_handle_is_looked_up_again(void **state)
{
	struct fixture *f = *state;

	f->fs[0]->fault = f->fs[1]->fault = stale_once;
	assert_same_scan(f, "/", NULL);
}

static enum memory_fault stale_later(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return op->kind == AM_OP_READ && op->offset > 2000000 ? MEMORY_STALE : MEMORY_OK;
}

static void a_file_that_goes_stale_in_its_midst_fails_with_its_path(void **state)
{
	struct fixture *f = *state;
	struct am_buf text = {0};
	int r;

	f->fs[1]->fault = stale_later;
	f->fs[1]->at_once = 1;
	r = scan_text(f->tree, "/usr/bin/large", NULL, 1, &text, &f->error);
	/* It may have been found out before anything was given out; then it is read by its name. */
	if (r != 0) {
		assert_string_equal(f->error.code, "ESTALE");
		assert_string_equal(
			f->error.message, "read: mem:/usr/bin/large: Stale file handle");
	}
	am_buf_free(&text);
}

static enum memory_fault sometimes(void *context, struct memory_fs *fs, const struct am_op *op)
{
	int *n = context;

	(void)fs;
	if (op->kind == AM_OP_LIST && *n % 5 == 0)
		return ++*n, MEMORY_STALE;
	return ++*n % 3 == 0 ? MEMORY_BUSY : MEMORY_OK;
}

static void busy_servers_and_stale_directories_change_nothing(void **state)
{
	struct fixture *f = *state;
	int n = 0;

	for (int i = 0; i < 2; i++) {
		f->fs[i]->fault = sometimes;
		f->fs[i]->context = &n;
		f->fs[i]->order = MEMORY_ANY;
	}
	assert_same_scan(f, "/", NULL);
	assert_true(f->fs[1]->busy > 0);
}

static void memory_is_bounded_however_slow_the_reader(void **state)
{
	struct fixture *f = *state;
	struct am_scan_options options = {.operation = "test"};
	const struct am_scan_entry *entry;
	struct am_scan *scan;
	char path[64];

	make_dir(f->tree, "/usr/huge");
	for (int i = 0; i < 60; i++) {
		snprintf(path, sizeof path, "/usr/huge/f%02d", i);
		make_file(f->tree, path, 1 << 20);
	}
	f->fs[1]->early = 1;
	scan = am_scan_open(f->tree, "/usr/huge", &options, &f->error);
	assert_int_equal(am_scan_next(scan, &entry, &f->error), 1);
	for (int i = 0; i < 60; i++) {
		const char *data;
		size_t length;

		assert_int_equal(am_scan_next(scan, &entry, &f->error), 1);
		while (am_scan_read(scan, &data, &length, &f->error) == 1)
			assert_true(length <= AM_PIPELINE_PIECE);
	}
	assert_int_equal(am_scan_next(scan, &entry, &f->error), 0);
	am_scan_close(scan);
	assert_in_range(f->fs[1]->most_bytes, 4 << 20, (16 << 20) + AM_PIPELINE_PIECE);
}

static void it_may_be_closed_anywhere(void **state)
{
	struct fixture *f = *state;
	struct am_scan_options options = {.operation = "test"};

	f->fs[0]->at_once = f->fs[1]->at_once = 1;
	for (int stop = 0; stop < 40; stop++) {
		struct am_scan *scan = am_scan_open(f->tree, "/", &options, &f->error);
		const struct am_scan_entry *entry;
		const char *data;
		size_t length;

		for (int i = 0; i < stop; i++)
			assert_int_equal(am_scan_next(scan, &entry, &f->error), 1);
		if (stop > 0 && entry->stat.type == AM_TREE_FILE)
			assert_true(am_scan_read(scan, &data, &length, &f->error) >= 0);
		am_scan_close(scan);
		assert_int_equal(f->fs[0]->outstanding + f->fs[1]->outstanding, 0);
		assert_true(am_pipeline_can(f->tree));
	}
}

static enum memory_fault gone(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)fs;
	if (op->kind != AM_OP_LOOK || strcmp(op->name, "f17") != 0)
		return MEMORY_OK;
	am_tree_remove(context, "/usr/bin/f17", NULL);
	return MEMORY_OK;
}

static void an_entry_that_is_gone_fails_with_its_path(void **state)
{
	struct fixture *f = *state;
	struct am_buf text = {0};

	f->fs[1]->without_stat = 1;
	f->fs[1]->fault = gone;
	f->fs[1]->context = f->tree;
	assert_int_equal(scan_text(f->tree, "/usr", NULL, 1, &text, &f->error), -1);
	assert_string_equal(f->error.code, "ENOENT");
	assert_string_equal(f->error.message, "walk: mem:/usr/bin/f17: No such file or directory");
	/* everything before it in the order was told all the same */
	assert_non_null(strstr(text.data, "/usr/bin/f169 "));
	assert_null(strstr(text.data, "/usr/bin/f18 "));
	am_buf_free(&text);
}

static enum memory_fault lost_at_data(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return op->kind == AM_OP_READ ? MEMORY_LOST : MEMORY_OK;
}

static void a_lost_connection_ends_it(void **state)
{
	struct fixture *f = *state;
	struct am_buf text = {0};

	f->fs[1]->fault = lost_at_data;
	assert_int_equal(scan_text(f->tree, "/", NULL, 1, &text, &f->error), -1);
	assert_string_equal(f->error.code, "NFS_LOST");
	assert_string_equal(f->error.message, "test: mem:/usr: connection lost");
	am_buf_free(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_order_is_that_of_a_walk_whatever_the_answers_do),
		TEST(a_part_of_the_tree),
		TEST(what_is_excluded_is_not_asked_for),
		TEST(a_stale_handle_is_looked_up_again),
		TEST(a_file_that_goes_stale_in_its_midst_fails_with_its_path),
		TEST(busy_servers_and_stale_directories_change_nothing),
		TEST(memory_is_bounded_however_slow_the_reader),
		TEST(it_may_be_closed_anywhere),
		TEST(an_entry_that_is_gone_fails_with_its_path),
		TEST(a_lost_connection_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
