/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restore/archives.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct fixture {
	struct memory_fs *fs;
	struct am_tree *tree;
	struct am_buf archive;
	struct am_error error;
};

static const struct entry entries[] = {
	DIR_ENTRY("./usr"),
	DIR_ENTRY("./usr/bin"),
	FILE_ENTRY("./usr/bin/ls", 1000),
	FILE_ENTRY("./usr/bin/none", 0),
	HARD_ENTRY("./usr/bin/dir", 500, 9),
	HARD_ENTRY("./usr/bin/vdir", 500, 9),
	FILE_ENTRY("./usr/large", 3000000),
	FILE_ENTRY("./usr/also/large", 2500000),
	FILE_ENTRY("./usr/over", (128 << 10) + 1),
	LINK_ENTRY("./bin", "/usr/bin"),
	LINK_ENTRY("./usr/none", "nowhere"),
	NODE_ENTRY("./dev/null"),
	FILE_ENTRY("./deep/er/file", 10),
	FILE_ENTRY("./last", 10),
};

static void make(struct fixture *f, int blocking)
{
	struct memory_fs *fs = memory_fs_new("mem:/fs", blocking);

	*f = (struct fixture){.fs = fs, .tree = memory_tree(fs)};
	f->archive = archive_of(entries, COUNT(entries));
	if (restore_to(f->tree, &f->archive, NULL, NULL, &f->error) != 0)
		fail_msg("%s", f->error.message);
	fs->most = fs->most_bytes = 0;
}

static void unmake(struct fixture *f)
{
	am_buf_free(&f->archive);
	am_tree_close(f->tree);
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	make(*state, 0);
	return 0;
}

static int tear_down(void **state)
{
	unmake(*state);
	free(*state);
	return 0;
}

static int note(void *context, const char *path, const char *what, const char *want,
	const char *have, struct am_error *error)
{
	return am_buf_addf(context, error, "%s %s %s %s\n", path, what, want, have);
}

/* Appends a line for each difference; then the number of members, or the code of the failure. */
static void verify(struct am_tree *tree, const struct am_buf *archive, struct am_buf *text)
{
	struct opened opened = open_archive(archive);
	struct am_restore_options options = {.times = 1};
	struct am_restore_stats stats;
	struct am_error error;

	if (am_restore_verify(tree, opened.bff, &options, &stats, note, text, &error) != 0)
		am_buf_addf(text, NULL, "%s\n", error.code);
	else
		am_buf_addf(text, NULL, "%d members, %d files, %d bytes\n", (int)stats.members,
			(int)stats.files, (int)stats.bytes);
	am_restore_stats_free(&stats);
	close_archive(&opened);
}

/* The same differences in the same order, whatever the answers do. */
static const char *assert_same_verify(void (*change)(struct am_tree *tree),
	enum memory_fault (*fault)(void *, struct memory_fs *, const struct am_op *))
{
	static char kept[4096];
	struct fixture plain, many;
	struct am_buf want = {0};

	make(&plain, 1);
	if (change != NULL)
		change(plain.tree);
	verify(plain.tree, &plain.archive, &want);
	for (int variant = 0; variant < 12; variant++) {
		struct am_buf have = {0};
		int counter = 0;

		make(&many, 0);
		if (change != NULL)
			change(many.tree);
		memory_vary(many.fs, variant);
		many.fs->fault = fault;
		many.fs->context = &counter;
		verify(many.tree, &many.archive, &have);
		assert_string_equal(want.data, have.data);
		assert_int_equal(many.fs->outstanding, 0);
		am_buf_free(&have);
		unmake(&many);
	}
	snprintf(kept, sizeof kept, "%s", want.data);
	am_buf_free(&want);
	unmake(&plain);
	return kept;
}

static void what_was_restored_does_not_differ(void **state)
{
	(void)state;
	assert_string_equal(assert_same_verify(NULL, NULL), "14 members, 9 files, 5633093 bytes\n");
}

static void flip(struct am_tree *tree, const char *path, size_t at)
{
	struct am_tree_stat st;
	struct am_buf data = {0};

	assert_int_equal(am_tree_stat(tree, path, 0, &st, NULL), 0);
	assert_int_equal(am_tree_read(tree, path, 0, &data, NULL), 0);
	data.data[at] ^= 1;
	assert_int_equal(
		am_tree_write(tree, path, data.data, data.length,
			&(struct am_tree_attr){.set = AM_SET_MTIME, .mtime = st.mtime}, NULL),
		0);
	am_buf_free(&data);
}

static void damage(struct am_tree *tree)
{
	struct am_tree_attr mode = {.set = AM_SET_MODE, .mode = 0711};

	am_tree_setattr(tree, "/usr", 0, &mode, NULL);
	flip(tree, "/usr/bin/ls", 999);
	flip(tree, "/usr/large", 2999999);
	flip(tree, "/usr/also/large", 0);
	am_tree_remove(tree, "/usr/none", NULL);
	am_tree_symlink(tree, "somewhere", "/usr/none", NULL);
	am_tree_remove_all(tree, "/deep/er", NULL);
	am_tree_remove(tree, "/usr/over", NULL);
	am_tree_mkdir(tree, "/usr/over", 0755, NULL);
	am_tree_remove(tree, "/last", NULL);
}

static void differences_come_in_the_order_of_the_archive(void **state)
{
	(void)state;
	assert_string_equal(assert_same_verify(damage, NULL),
		"/usr mode 0750 0711\n"
		"/usr/bin/ls content  \n"
		"/usr/large content  \n"
		"/usr/also/large content  \n"
		"/usr/over type file dir\n"
		"/usr/none target nowhere somewhere\n"
		"/deep/er/file missing file \n"
		"/last missing file \n"
		"14 members, 9 files, 5633093 bytes\n");
}

/* Files are compared through a link that leads to where they are. */
static void move_behind_a_link(struct am_tree *tree)
{
	am_tree_rename(tree, "/usr", "/real", NULL);
	am_tree_symlink(tree, "real", "/usr", NULL);
}

static void links_on_the_way_are_followed(void **state)
{
	(void)state;
	assert_string_equal(assert_same_verify(move_behind_a_link, NULL),
		"/usr type dir link\n14 members, 9 files, 5633093 bytes\n");
}

static enum memory_fault each_in_turn(void *context, struct memory_fs *fs, const struct am_op *op)
{
	static const enum memory_fault faults[] = {
		MEMORY_BUSY, MEMORY_STALE, MEMORY_OK, MEMORY_AGAIN, MEMORY_ODD};
	enum memory_fault fault = faults[++*(int *)context % 5];

	(void)fs;
	/* A large file that goes stale in its midst is an error. */
	return op->kind == AM_OP_READ && op->offset > 0 && fault != MEMORY_BUSY ? MEMORY_OK : fault;
}

static void faults_change_nothing(void **state)
{
	(void)state;
	assert_same_verify(NULL, each_in_turn);
	assert_same_verify(damage, each_in_turn);
}

/* VERIFY_SEED=N tries that one. */
static void a_random_tree_differs_the_same_way(void **state)
{
	const char *one = getenv("VERIFY_SEED");

	(void)state;
	for (uint32_t i = 1; i <= 1000; i++) {
		uint32_t number = one != NULL ? (uint32_t)atol(one) : i, tree_seed;
		struct memory_fs *fs[2] = {memory_fs_new("a", 1), memory_fs_new("a", 0)};
		struct am_tree *tree[2] = {memory_tree(fs[0]), memory_tree(fs[1])};
		struct entry some[RANDOM_ENTRIES];
		char names[RANDOM_ENTRIES][32];
		struct am_buf archive, text[2] = {{0}, {0}};
		int counter = 0;

		random_seed = number;
		archive = archive_of(some, random_entries(some, names));
		tree_seed = random_seed;
		for (int k = 0; k < 2; k++) {
			random_seed = tree_seed;
			for (int times = 0; times < 4; times++)
				random_tree(tree[k]);
			memory_vary(fs[k], (int)(number % 12));
			fs[k]->fault = number % 3 == 0 ? each_in_turn : NULL;
			fs[k]->context = &counter;
			verify(tree[k], &archive, &text[k]);
		}
		if (strcmp(text[0].data, text[1].data) != 0)
			fail_msg("seed %u:\n%s\n%s", (unsigned)number, text[0].data, text[1].data);
		for (int k = 0; k < 2; k++) {
			am_buf_free(&text[k]);
			am_tree_close(tree[k]);
		}
		am_buf_free(&archive);
	}
}

static enum memory_fault lost(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return op->kind == AM_OP_READ && op->offset > 0 ? MEMORY_LOST : MEMORY_OK;
}

static void a_lost_connection_ends_it(void **state)
{
	struct fixture *f = *state;
	struct am_buf text = {0};

	f->fs->fault = lost;
	verify(f->tree, &f->archive, &text);
	assert_string_equal(text.data, "NFS_LOST\n");
	assert_int_equal(f->fs->outstanding, 0);
	am_buf_free(&text);
}

static enum memory_fault stale_later(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)context;
	(void)fs;
	return op->kind == AM_OP_READ && op->offset > 2000000 ? MEMORY_STALE : MEMORY_OK;
}

static void a_large_file_that_goes_stale_fails_with_its_path(void **state)
{
	struct fixture *f = *state;
	struct opened opened = open_archive(&f->archive);
	struct am_restore_stats stats;
	struct am_buf text = {0};

	f->fs->fault = stale_later;
	f->fs->at_once = 1;
	assert_int_equal(
		am_restore_verify(f->tree, opened.bff, NULL, &stats, note, &text, &f->error), -1);
	assert_string_equal(f->error.code, "ESTALE");
	assert_string_equal(f->error.message, "read: mem:/fs/usr/large: Stale file handle");
	am_buf_free(&text);
	close_archive(&opened);
}

static int enough(void *context, const char *path, const char *what, const char *want,
	const char *have, struct am_error *error)
{
	(void)context;
	(void)what;
	(void)want;
	(void)have;
	return am_fail(error, "CALLBACK", "enough at %s", path);
}

static void an_error_of_the_caller_comes_back_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct opened opened = open_archive(&f->archive);
	struct am_restore_stats stats;

	damage(f->tree);
	assert_int_equal(
		am_restore_verify(f->tree, opened.bff, NULL, &stats, enough, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "CALLBACK");
	assert_string_equal(f->error.message, "enough at /usr");
	assert_int_equal(f->fs->outstanding, 0);
	close_archive(&opened);
}

static void memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct entry *many = calloc(500, sizeof *many);
	char(*names)[16] = calloc(500, 16);
	struct am_buf archive, text = {0};

	for (int i = 0; i < 500; i++) {
		snprintf(names[i], 16, "./d%d/f%d", i % 7, i);
		many[i] = (struct entry)FILE_ENTRY(names[i], i % 100 == 0 ? 9000000 : 120000);
	}
	archive = archive_of(many, 500);
	assert_int_equal(restore_to(f->tree, &archive, NULL, NULL, &f->error), 0);
	f->fs->at_once = 1;
	f->fs->order = MEMORY_LAST;
	f->fs->most = f->fs->most_bytes = 0;
	verify(f->tree, &archive, &text);
	assert_string_equal(text.data, "500 members, 500 files, 104400000 bytes\n");
	assert_in_range(f->fs->most, 8, 256);
	/* small files on their way, and what is read of a large one */
	assert_in_range(f->fs->most_bytes, 1 << 20, 26 << 20);
	am_buf_free(&archive);
	am_buf_free(&text);
	free(many);
	free(names);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_restored_does_not_differ),
		TEST(differences_come_in_the_order_of_the_archive),
		TEST(links_on_the_way_are_followed),
		TEST(faults_change_nothing),
		TEST(a_random_tree_differs_the_same_way),
		TEST(a_lost_connection_ends_it),
		TEST(a_large_file_that_goes_stale_fails_with_its_path),
		TEST(an_error_of_the_caller_comes_back_as_it_is),
		TEST(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
