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

#include "restore/archives.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct fixture {
	struct memory_fs *fs;
	struct am_tree *tree;
	struct am_error error;
};

static void open_fs(struct fixture *f, int blocking)
{
	f->fs = memory_fs_new("mem:/fs", blocking);
	f->tree = memory_tree(f->fs);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	open_fs(f, 0);
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

static void assert_same_stats(const struct am_restore_stats *a, const struct am_restore_stats *b)
{
	assert_int_equal(a->files, b->files);
	assert_int_equal(a->dirs, b->dirs);
	assert_int_equal(a->links, b->links);
	assert_int_equal(a->devices, b->devices);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->members, b->members);
	assert_int_equal(a->moved.count, b->moved.count);
}

/* Restores one member at a time, and many with every kind of answers: all the same. */
static void assert_same_restore(const struct entry *entries, size_t count,
	void (*before)(struct am_tree *tree),
	enum memory_fault (*fault)(void *, struct memory_fs *, const struct am_op *))
{
	struct am_buf archive = archive_of(entries, count);
	struct am_restore_stats want, have;
	struct fixture plain = {0}, many = {0};

	open_fs(&plain, 1);
	if (before != NULL)
		before(plain.tree);
	if (restore_to(plain.tree, &archive, NULL, &want, &plain.error) != 0)
		fail_msg("%s", plain.error.message);
	for (int variant = 0; variant < 12; variant++) {
		int counter = 0;

		open_fs(&many, 0);
		if (before != NULL)
			before(many.tree);
		memory_vary(many.fs, variant);
		many.fs->fault = fault;
		many.fs->context = &counter;
		if (restore_to(many.tree, &archive, NULL, &have, &many.error) != 0)
			fail_msg("variant %d: %s", variant, many.error.message);
		assert_int_equal(many.fs->outstanding, 0);
		assert_same_tree(plain.tree, many.tree);
		assert_same_stats(&want, &have);
		am_restore_stats_free(&have);
		am_tree_close(many.tree);
	}
	am_restore_stats_free(&want);
	am_tree_close(plain.tree);
	am_buf_free(&archive);
}

static const struct entry mixed[] = {
	DIR_ENTRY("./usr"),
	DIR_ENTRY("./usr/bin"),
	FILE_ENTRY("./usr/bin/ls", 1000),
	FILE_ENTRY("./usr/bin/none", 0),
	HARD_ENTRY("./usr/bin/dir", 500, 9),
	HARD_ENTRY("./usr/bin/vdir", 500, 9),
	HARD_ENTRY("./usr/vdir", 0, 9),
	FILE_ENTRY("./usr/large", 3000000),
	FILE_ENTRY("./usr/limit", 128 << 10),
	FILE_ENTRY("./usr/over", (128 << 10) + 1),
	LINK_ENTRY("./bin", "/usr/bin"),
	LINK_ENTRY("./usr/none", "nowhere"),
	NODE_ENTRY("./dev/null"),
	FILE_ENTRY("./implied/by/its/name", 10),
	DIR_ENTRY("./implied"),
	FILE_ENTRY("./usr/bin/ls", 20), /* the last one counts */
	DIR_ENTRY("./usr/bin"),
	LINK_ENTRY("./bin", "/usr/bin"),
	FILE_ENTRY("./was/a/file", 30),
	FILE_ENTRY("./was", 5),
};

static void any_order_of_answers_restores_the_same(void **state)
{
	(void)state;
	assert_same_restore(mixed, COUNT(mixed), NULL, NULL);
}

static void old_content(struct am_tree *tree)
{
	make_dir(tree, "/usr/bin/ls/full");
	make_file(tree, "/usr/bin/ls/full/file", 3);
	make_dir(tree, "/usr/large");
	make_file(tree, "/usr/limit", 7);
	am_tree_link(tree, "/usr/limit", "/kept", NULL);
	make_file(tree, "/usr/over", 200000);
	make_link(tree, "/bin", "/usr/bin");
	make_file(tree, "/implied", 1);
	make_link(tree, "/usr/none", "elsewhere");
	make_dir(tree, "/usr/vdir/in");
	make_dir(tree, "/real/dev");
	make_link(tree, "/dev", "/real/dev");
}

static void what_is_in_the_way_gives_way(void **state)
{
	(void)state;
	/* a file in the place of an implied directory is refused, so that one is left out */
	assert_same_restore(mixed, 13, old_content, NULL);
}

static void with_directory_links(struct am_tree *tree)
{
	make_dir(tree, "/usr/lib/old");
	make_link(tree, "/lib", "usr/lib");
	make_link(tree, "/chain", "/lib/../lib");
	make_link(tree, "/usr/up", "..");
}

/* Also directories that only names of members imply, below a link. */
static void links_of_the_tree_are_followed(void **state)
{
	static const struct entry entries[] = {
		FILE_ENTRY("./lib/a", 10),
		FILE_ENTRY("./lib/new/b", 10),
		DIR_ENTRY("./lib/old"),
		FILE_ENTRY("./chain/c", 10),
		FILE_ENTRY("./chain/old/deep/d", 10),
		FILE_ENTRY("./usr/up/top", 10),
		FILE_ENTRY("./usr/lib/a", 20),
		LINK_ENTRY("./lib", "usr/lib"),
		FILE_ENTRY("./lib/e", 10),
		HARD_ENTRY("./lib/h1", 10, 3),
		HARD_ENTRY("./usr/lib/h2", 10, 3),
	};

	(void)state;
	assert_same_restore(entries, COUNT(entries), with_directory_links, NULL);
}

/* What takes the place of a file waits until an earlier member is another name of it. */
static void a_file_is_linked_before_it_is_replaced(void **state)
{
	static const struct entry entries[] = {
		HARD_ENTRY("./a", 100, 3),
		HARD_ENTRY("./d/b", 0, 3),
		HARD_ENTRY("./d/c", 100, 3),
		NODE_ENTRY("./a"),
		DIR_ENTRY("./a"),
	};

	(void)state;
	assert_same_restore(entries, 4, NULL, NULL);
	assert_same_restore(entries, 5, NULL, NULL);
}

static void with_a_link_into_it(struct am_tree *tree)
{
	make_dir(tree, "/a/b/c");
	make_file(tree, "/a/x", 3);
	make_link(tree, "/l", "a/b");
}

/* A link of the tree goes, or a directory it led through, while members are on their way by it. */
static void where_links_led_may_change(void **state)
{
	static const struct entry link_goes[] = {
		DIR_ENTRY("./l/c"),
		LINK_ENTRY("./l/c/k", "somewhere"),
		LINK_ENTRY("./l/c/k", "elsewhere"),
		NODE_ENTRY("./l"),
	};
	static const struct entry directory_goes[] = {
		FILE_ENTRY("./l/c/f", 5),
		FILE_ENTRY("./a", 5),
		FILE_ENTRY("./last", 5),
	};

	(void)state;
	assert_same_restore(link_goes, COUNT(link_goes), with_a_link_into_it, NULL);
	assert_same_restore(directory_goes, COUNT(directory_goes), with_a_link_into_it, NULL);
}

/* What is last in the archive counts, not what is answered last. */
static void the_last_attributes_of_a_directory_count(void **state)
{
	static const struct entry entries[] = {
		{"./d", AM_BFF_IFDIR | 0700, 0, NULL, 0},
		{"./d", AM_BFF_IFDIR | 0711, 0, NULL, 0},
		FILE_ENTRY("./d/f", 1),
		{"./d", AM_BFF_IFDIR | 0755, 0, NULL, 0},
	};

	(void)state;
	assert_same_restore(entries, COUNT(entries), NULL, NULL);
	assert_same_restore(entries, 2, NULL, NULL);
}

static enum memory_fault each_in_turn(void *context, struct memory_fs *fs, const struct am_op *op)
{
	static const enum memory_fault faults[] = {MEMORY_BUSY, MEMORY_AGAIN, MEMORY_STALE,
		MEMORY_OK, MEMORY_BUSY, MEMORY_OK, MEMORY_ODD};
	enum memory_fault fault = faults[++*(int *)context % 7];
	int of_large = op->kind == AM_OP_WRITE || op->kind == AM_OP_CLOSE;

	(void)fs;
	/* A file whose handle went stale in its midst is lost. */
	return of_large && (fault == MEMORY_STALE || fault == MEMORY_ODD) ? MEMORY_OK : fault;
}

static void faults_change_nothing(void **state)
{
	(void)state;
	assert_same_restore(mixed, COUNT(mixed), NULL, each_in_turn);
	assert_same_restore(mixed, 13, old_content, each_in_turn);
}

static void the_same_as_in_a_local_directory(void **state)
{
	struct fixture *f = *state;
	char root[] = "/tmp/altmig-restore.XXXXXX";
	struct am_tree *tmp = am_tree_local("/tmp", NULL), *local;
	struct am_buf archive = archive_of(mixed, 12); /* devices need root */

	assert_non_null(mkdtemp(root));
	local = am_tree_local(root, &f->error);
	am_tree_set_sync(local, 0);
	old_content(local);
	old_content(f->tree);
	f->fs->order = MEMORY_ANY;
	assert_int_equal(restore_to(local, &archive, NULL, NULL, &f->error), 0);
	assert_int_equal(restore_to(f->tree, &archive, NULL, NULL, &f->error), 0);
	assert_same_tree(local, f->tree);
	am_tree_close(local);
	am_tree_remove_all(tmp, root + 4, NULL);
	am_tree_close(tmp);
	am_buf_free(&archive);
}

/* ---- what is random ---- */

static void one_random_restore(uint32_t number)
{
	struct entry entries[RANDOM_ENTRIES];
	char names[RANDOM_ENTRIES][32];
	struct fixture plain = {0}, many = {0};
	struct am_buf archive;
	uint32_t tree_seed;
	int want, have, counter = (int)number;

	random_seed = number;
	archive = archive_of(entries, random_entries(entries, names));
	tree_seed = random_seed;
	open_fs(&plain, 1);
	random_tree(plain.tree);
	want = restore_to(plain.tree, &archive, NULL, NULL, &plain.error);
	open_fs(&many, 0);
	random_seed = tree_seed;
	random_tree(many.tree);
	memory_vary(many.fs, (int)(number % 12));
	if (number % 5 == 0)
		many.fs->fault = each_in_turn;
	many.fs->context = &counter;
	have = restore_to(many.tree, &archive, NULL, NULL, &many.error);
	if (want != have)
		fail_msg("seed %u: %s / %s", (unsigned)number, want != 0 ? plain.error.message : "",
			have != 0 ? many.error.message : "");
	assert_int_equal(many.fs->outstanding, 0);
	if (want == 0) {
		struct am_buf a = {0}, b = {0};

		dump_tree(plain.tree, "/", &a);
		dump_tree(many.tree, "/", &b);
		if (strcmp(a.data, b.data) != 0)
			fail_msg("seed %u:\n%s\n%s", (unsigned)number, a.data, b.data);
		am_buf_free(&a);
		am_buf_free(&b);
	}
	am_tree_close(plain.tree);
	am_tree_close(many.tree);
	am_buf_free(&archive);
}

/* RESTORE_SEED=N tries that one, RESTORE_ROUNDS=N so many. */
static void random_archives_into_random_trees(void **state)
{
	const char *one = getenv("RESTORE_SEED"), *rounds = getenv("RESTORE_ROUNDS");
	uint32_t count = rounds != NULL ? (uint32_t)atol(rounds) : 1500;

	(void)state;
	for (uint32_t i = 1; i <= count; i++) {
		uint32_t number = one != NULL ? (uint32_t)atol(one) : i;

		one_random_restore(number);
		if (one != NULL)
			break;
	}
}

/* ---- what fails ---- */

static void a_link_of_the_archive_leads_nowhere(void **state)
{
	static const struct entry entries[] = {
		DIR_ENTRY("./etc"),
		LINK_ENTRY("./x", "/etc"),
		FILE_ENTRY("./x/passwd", 10),
	};
	struct am_buf archive = archive_of(entries, COUNT(entries));

	(void)state;
	for (int variant = 0; variant < 12; variant++) {
		struct fixture f = {0};

		open_fs(&f, 0);
		memory_vary(f.fs, variant);
		assert_int_equal(restore_to(f.tree, &archive, NULL, NULL, &f.error), -1);
		assert_string_equal(f.error.code, "ARCHIVE_PATH");
		assert_non_null(strstr(f.error.message, "restore: member ./x/passwd at offset "));
		assert_non_null(strstr(
			f.error.message, ": it goes through a symbolic link of the archive: /x"));
		assert_int_equal(am_tree_exists(f.tree, "/etc/passwd", NULL), 0);
		assert_int_equal(f.fs->outstanding, 0);
		am_tree_close(f.tree);
	}
	am_buf_free(&archive);
}

/* Nothing goes into a directory that was set aside because a link once led there. */
static void a_directory_that_gave_way_is_not_used_any_more(void **state)
{
	static const struct entry entries[] = {
		FILE_ENTRY("./l/c/f", 5),
		FILE_ENTRY("./a", 5),
		FILE_ENTRY("./l/c/g", 5),
	};
	struct am_buf archive = archive_of(entries, COUNT(entries));

	(void)state;
	for (int variant = 0; variant < 24; variant++) {
		struct fixture f = {0};

		open_fs(&f, variant / 12);
		with_a_link_into_it(f.tree);
		memory_vary(f.fs, variant);
		assert_int_equal(restore_to(f.tree, &archive, NULL, NULL, &f.error), -1);
		assert_string_equal(f.error.code, "ENOTDIR");
		assert_non_null(strstr(f.error.message, "restore: member ./l/c/g at offset "));
		am_tree_close(f.tree);
	}
	am_buf_free(&archive);
}

static struct am_buf many_files(size_t count, size_t size)
{
	struct entry *entries = calloc(count, sizeof *entries);
	char(*names)[16] = calloc(count, 16);
	struct am_buf archive;

	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], 16, "./d%zu/f%zu", i % 10, i);
		entries[i] = (struct entry)FILE_ENTRY(names[i], size);
	}
	archive = archive_of(entries, count);
	free(entries);
	free(names);
	return archive;
}

static void a_full_file_system_is_named_with_what_it_has(void **state)
{
	struct am_buf archive = many_files(100, 1000);

	(void)state;
	for (int variant = 0; variant < 12; variant++) {
		struct fixture f = {0};

		open_fs(&f, 0);
		memory_vary(f.fs, variant);
		f.fs->space = 50 * 1024;
		assert_int_equal(restore_to(f.tree, &archive, NULL, NULL, &f.error), -1);
		assert_string_equal(f.error.code, "ENOSPC");
		assert_non_null(strstr(f.error.message, "restore: member ./d"));
		assert_non_null(strstr(f.error.message, "write: mem:/fs/d"));
		assert_non_null(strstr(f.error.message, "; mem:/fs has 0 of 100 512-byte blocks"));
		/* one subject, named once */
		assert_null(strstr(f.error.message + 1, "restore: member"));
		assert_int_equal(f.fs->outstanding, 0);
		am_tree_close(f.tree);
	}
	am_buf_free(&archive);
}

static enum memory_fault lost_later(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)fs;
	(void)op;
	return ++*(int *)context > 30 ? MEMORY_LOST : MEMORY_OK;
}

static void a_lost_connection_ends_it(void **state)
{
	struct fixture *f = *state;
	struct am_buf archive = many_files(300, 100);
	int counter = 0;

	f->fs->fault = lost_later;
	f->fs->context = &counter;
	assert_int_equal(restore_to(f->tree, &archive, NULL, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "NFS_LOST");
	assert_string_equal(f->error.message, "restore: mem:/fs: connection lost");
	assert_int_equal(f->fs->outstanding, 0);
	am_buf_free(&archive);
}

static void memory_and_window_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct am_buf archive = many_files(600, 120 << 10);

	f->fs->at_once = 1;
	f->fs->order = MEMORY_LAST;
	assert_int_equal(restore_to(f->tree, &archive, NULL, NULL, &f->error), 0);
	assert_in_range(f->fs->most, 16, 256);
	assert_in_range(f->fs->most_bytes, 4 << 20, 17 << 20);
	am_buf_free(&archive);
}

/* ---- a server that is restarted ---- */

static enum memory_fault restarted(void *context, struct memory_fs *fs, const struct am_op *op)
{
	(void)fs;
	(void)op;
	return ++*(int *)context == 200 ? MEMORY_RESTART : MEMORY_OK;
}

struct source {
	const struct am_buf *archive;
	struct opened opened;
	int opens;
};

static int again(void *context, struct am_bff **archive, struct am_error *error)
{
	struct source *source = context;

	(void)error;
	if (source->opens++ > 0)
		close_archive(&source->opened);
	source->opened = open_archive(source->archive);
	*archive = source->opened.bff;
	return 0;
}

static void what_a_restarted_server_forgot_is_written_again(void **state)
{
	struct am_buf archive = many_files(400, 300);
	struct fixture plain = {0};

	(void)state;
	open_fs(&plain, 1);
	assert_int_equal(restore_to(plain.tree, &archive, NULL, NULL, &plain.error), 0);
	for (int variant = 0; variant < 12; variant++) {
		struct source source = {.archive = &archive};
		struct am_restore_options options = {.again = again, .context = &source};
		struct am_restore_stats stats;
		struct fixture f = {0};
		int counter = 0;

		open_fs(&f, 0);
		memory_vary(f.fs, variant);
		f.fs->fault = restarted;
		f.fs->context = &counter;
		assert_int_equal(restore_to(f.tree, &archive, &options, &stats, &f.error), 0);
		assert_int_equal(source.opens, 1);
		assert_int_equal(stats.restarts, 1);
		assert_int_equal(stats.files, 400); /* once each */
		assert_same_tree(plain.tree, f.tree);
		close_archive(&source.opened);
		am_restore_stats_free(&stats);
		am_tree_close(f.tree);
	}
	am_tree_close(plain.tree);
	am_buf_free(&archive);
}

static void without_the_archive_once_more_that_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct am_buf archive = many_files(400, 300);
	int counter = 0;

	f->fs->fault = restarted;
	f->fs->context = &counter;
	assert_int_equal(restore_to(f->tree, &archive, NULL, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "NFS_RESTARTED");
	am_buf_free(&archive);
}

static int stop(void *context, const struct am_restore_stats *stats, struct am_error *error)
{
	(void)context;
	return stats->members > 20 ? am_fail(error, "CALLBACK", "restore: enough") : 0;
}

static void an_error_of_the_caller_comes_back_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct am_restore_options options = {.progress = stop};
	struct am_buf archive = many_files(400, 300);

	assert_int_equal(restore_to(f->tree, &archive, &options, NULL, &f->error), -1);
	assert_string_equal(f->error.code, "CALLBACK");
	assert_string_equal(f->error.message, "restore: enough");
	assert_int_equal(f->fs->outstanding, 0);
	am_buf_free(&archive);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_order_of_answers_restores_the_same),
		TEST(what_is_in_the_way_gives_way),
		TEST(links_of_the_tree_are_followed),
		TEST(a_file_is_linked_before_it_is_replaced),
		TEST(where_links_led_may_change),
		TEST(the_last_attributes_of_a_directory_count),
		TEST(faults_change_nothing),
		TEST(the_same_as_in_a_local_directory),
		TEST(random_archives_into_random_trees),
		TEST(a_link_of_the_archive_leads_nowhere),
		TEST(a_directory_that_gave_way_is_not_used_any_more),
		TEST(a_full_file_system_is_named_with_what_it_has),
		TEST(a_lost_connection_ends_it),
		TEST(memory_and_window_are_bounded),
		TEST(what_a_restarted_server_forgot_is_written_again),
		TEST(without_the_archive_once_more_that_is_an_error),
		TEST(an_error_of_the_caller_comes_back_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
