/* SPDX-License-Identifier: MIT */
/* Works: starting, ending and dropping them; both connections are used, failures are named. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/nfs/work.h"

static struct am_op *run(struct am_op *operations, size_t count)
{
	struct am_fs *const list[] = {&fs->base};
	struct am_op *done = NULL;
	size_t over = 0;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(am_nfs_op_start(&fs->base, &operations[i], &error), 0);
	while (over < count) {
		assert_int_equal(am_nfs_poll(list, 1, 50, &done, &error), 0);
		over = 0;
		for (const struct am_op *op = done; op != NULL; op = op->next)
			over++;
	}
	assert_int_equal(fs->active, 0);
	assert_null(fs->works);
	return done;
}

static struct am_op file_put(const char *name, const void *data, size_t length)
{
	return (struct am_op){.kind = AM_OP_FILE,
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
	struct am_op operations[30];
	static char names[30][8];

	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(names[i], sizeof names[i], "f%d", i);
		operations[i] =
			file_put(names[i], "0123456789abcdefghijklmnopqrstuvwxyz", (size_t)i);
	}
	run(operations, 30);
	for (int i = 0; i < 30; i++) {
		size_t id = server_find(1, names[i]);

		assert_int_equal(operations[i].outcome, AM_OP_DONE);
		assert_int_equal(operations[i].fresh, 1);
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
	struct am_op op = file_put("f", "x", 1);

	(void)state;
	server.status[AM_NFS3_WRITE] = NFS3ERR_NOSPC;
	server.times[AM_NFS3_WRITE] = 1;
	run(&op, 1);
	assert_int_equal(op.outcome, AM_OP_FAILED);
	assert_string_equal(op.operation, "write");
	assert_string_equal(op.error.code, "ENOSPC");
}

static void dropping_forgets_all(void **state)
{
	struct am_fs *const list[] = {&fs->base};
	struct am_op operations[10], *done = NULL;

	(void)state;
	for (int i = 0; i < 10; i++) {
		operations[i] = file_put("f", "x", 1);
		assert_int_equal(am_nfs_op_start(&fs->base, &operations[i], &error), 0);
	}
	am_nfs_drop(&fs->base);
	assert_int_equal(fs->active, 0);
	assert_null(fs->works);
	assert_null(fs->first);
	assert_null(fs->due);
	assert_int_equal(am_nfs_poll(list, 1, 0, &done, &error), 0);
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
