/* SPDX-License-Identifier: MIT */
/* The steps of entries that are made: what is in the way, what was there, what comes last. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/nfs/work.h"

static void run(struct am_op *op)
{
	struct am_fs *const list[] = {&fs->base};
	struct am_op *done = NULL;

	assert_int_equal(am_nfs_op_start(&fs->base, op, &error), 0);
	while (done == NULL)
		assert_int_equal(am_nfs_poll(list, 1, 50, &done, &error), 0);
	assert_ptr_equal(done, op);
}

static struct am_op op_of(enum am_op_kind kind, const char *name)
{
	return (struct am_op){.kind = kind,
		.type = AM_TREE_FILE,
		.dir = &fs->root->base,
		.name = name,
		.attr = {.set = AM_SET_MODE, .mode = 0644}};
}

static void a_file_in_the_way_is_removed_never_written_through(void **state)
{
	size_t old = server_add(1, "f", 1);
	struct am_op op = op_of(AM_OP_FILE, "f");

	(void)state;
	server_fill(old, "old content", 11);
	op.data = "new";
	op.length = 3;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.count[AM_NFS3_REMOVE], 1);
	assert_int_equal(server.count[AM_NFS3_CREATE], 2);
	assert_int_equal(server.nodes[server_find(1, "f")].size, 3);
}

static void a_directory_in_the_way_is_for_the_caller(void **state)
{
	struct am_op op = op_of(AM_OP_FILE, "d");

	(void)state;
	server_add(1, "d", 2);
	run(&op);
	assert_int_equal(op.outcome, AM_OP_ODD);
	assert_int_equal(server.nodes[server_find(1, "d")].type, 2);
}

static void a_directory_that_is_there_is_used(void **state)
{
	struct am_node *first = am_nfs_child(&fs->root->base, "d", NULL, &error);
	struct am_op op = op_of(AM_OP_DIR, "d");
	size_t id = server_add(1, "d", 2);
	char handle[16];

	(void)state;
	op.node = first;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(op.fresh, 0);
	snprintf(handle, sizeof handle, "H%07zu", id);
	assert_memory_equal(((struct nfs_node *)first)->handle.data, handle, 8);
	am_node_release(first);
	/* one of another file system is not */
	server.nodes[id].fsid = 8;
	first = am_nfs_child(&fs->root->base, "d", NULL, &error);
	op.node = first;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_ODD);
	am_node_release(first);
}

static void a_link_that_is_the_same_is_told_so(void **state)
{
	struct am_op op = op_of(AM_OP_LINK, "l");
	size_t id = server_add(1, "l", 5);

	(void)state;
	snprintf(server.nodes[id].target, sizeof server.nodes[id].target, "there");
	op.target = "there";
	run(&op);
	assert_int_equal(op.outcome, AM_OP_SAME);
	op.target = "elsewhere";
	run(&op);
	assert_int_equal(op.outcome, AM_OP_ODD);
	assert_string_equal(server.nodes[id].target, "there");
}

/* What a write cleared is set again: SETATTR's answer tells the mode. */
static void suid_bits_come_last(void **state)
{
	struct am_op op = op_of(AM_OP_FILE, "f");

	(void)state;
	op.attr.mode = 04755;
	op.data = "x";
	op.length = 1;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.nodes[server_find(1, "f")].mode, 04755);
	assert_int_equal(server.count[AM_NFS3_SETATTR], 1);
	server.silent_attributes = 1;
	op.name = "g";
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.count[AM_NFS3_SETATTR], 3); /* not told: once more */
}

static void a_file_takes_the_place_of_another_when_it_is_whole(void **state)
{
	struct am_op op = op_of(AM_OP_FILE, ".new");
	size_t old = server_add(1, "f", 1);

	(void)state;
	server_fill(old, "old", 3);
	op.final = "f";
	op.data = "newer";
	op.length = 5;
	op.commit = 1;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.count[AM_NFS3_COMMIT], 0); /* every write waited for the disk */
	assert_int_equal(server_find(1, ".new"), 0);
	assert_int_equal(server.nodes[server_find(1, "f")].size, 5);
}

static void a_server_without_handles_in_answers_is_asked(void **state)
{
	struct am_op op = op_of(AM_OP_FILE, "f");

	(void)state;
	op.data = "x";
	op.length = 1;
	server.silent_attributes = 1;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.nodes[server_find(1, "f")].size, 1);
}

static void the_content_is_committed_where_that_is_asked(void **state)
{
	struct am_op op = op_of(AM_OP_FILE, "f");

	(void)state;
	op.data = "x";
	op.length = 1;
	op.commit = 1;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(server.count[AM_NFS3_COMMIT], 1);
	op.name = "g";
	server.stable = 1;
	run(&op);
	assert_int_equal(server.count[AM_NFS3_COMMIT], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(a_file_in_the_way_is_removed_never_written_through),
		TEST(a_directory_in_the_way_is_for_the_caller),
		TEST(a_directory_that_is_there_is_used),
		TEST(a_link_that_is_the_same_is_told_so),
		TEST(suid_bits_come_last),
		TEST(a_file_takes_the_place_of_another_when_it_is_whole),
		TEST(a_server_without_handles_in_answers_is_asked),
		TEST(the_content_is_committed_where_that_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
