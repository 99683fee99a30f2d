/* SPDX-License-Identifier: MIT */
/* Works: starting, ending and dropping them; both connections are used, failures are named. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/nfs/work.h"

static struct am_put *run(struct am_put *puts, size_t count)
{
	struct am_fs *const list[] = {&fs->base};
	struct am_put *done = NULL;
	size_t over = 0;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(am_nfs_put(&fs->base, &puts[i], &error), 0);
	while (over < count) {
		assert_int_equal(am_nfs_pump(list, 1, 50, &done, &error), 0);
		over = 0;
		for (const struct am_put *put = done; put != NULL; put = put->next)
			over++;
	}
	assert_int_equal(fs->making, 0);
	assert_null(fs->works);
	return done;
}

static struct am_put file_put(const char *name, const void *data, size_t length)
{
	return (struct am_put){.kind = AM_PUT_FILE,
		.type = AM_TREE_FILE,
		.dir = &fs->root->base,
		.name = name,
		.data = data,
		.length = length,
		.attr = {.set = AM_SET_MODE | AM_SET_UID | AM_SET_GID | AM_SET_MTIME,
			.mode = 0640,
			.uid = 5,
			.gid = 6,
			.mtime = {77, 0}}};
}

static void many_files_end_as_they_should(void **state)
{
	struct am_put puts[30];
	static char names[30][8];

	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(names[i], sizeof names[i], "f%d", i);
		puts[i] = file_put(names[i], "0123456789abcdefghijklmnopqrstuvwxyz", (size_t)i);
	}
	run(puts, 30);
	for (int i = 0; i < 30; i++) {
		size_t id = server_find(1, names[i]);

		assert_int_equal(puts[i].outcome, AM_PUT_DONE);
		assert_int_equal(puts[i].fresh, 1);
		assert_int_equal(server.nodes[id].size, i);
		assert_int_equal(server.nodes[id].mode, 0640);
		assert_int_equal(server.nodes[id].uid, 5);
	}
	assert_int_equal(server.count[AM_NFS3_CREATE], 30);
	assert_int_equal(server.count[AM_NFS3_WRITE], 29);
	assert_int_equal(server.count[AM_NFS3_SETATTR], 30);
}

static void a_failure_says_what_was_done(void **state)
{
	struct am_put put = file_put("f", "x", 1);

	(void)state;
	server.status[AM_NFS3_WRITE] = NFS3ERR_NOSPC;
	server.times[AM_NFS3_WRITE] = 1;
	run(&put, 1);
	assert_int_equal(put.outcome, AM_PUT_FAILED);
	assert_string_equal(put.operation, "write");
	assert_string_equal(put.error.code, "ENOSPC");
}

static void dropping_forgets_all(void **state)
{
	struct am_fs *const list[] = {&fs->base};
	struct am_put puts[10], *done = NULL;

	(void)state;
	for (int i = 0; i < 10; i++) {
		puts[i] = file_put("f", "x", 1);
		assert_int_equal(am_nfs_put(&fs->base, &puts[i], &error), 0);
	}
	am_nfs_drop(&fs->base);
	assert_int_equal(fs->making, 0);
	assert_null(fs->works);
	assert_null(fs->first);
	assert_null(fs->due);
	assert_int_equal(am_nfs_pump(list, 1, 0, &done, &error), 0);
	assert_null(done);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(many_files_end_as_they_should),
		TEST(a_failure_says_what_was_done),
		TEST(dropping_forgets_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
