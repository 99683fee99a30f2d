/* SPDX-License-Identifier: MIT */
/* The steps of what only looks. */
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

static void a_directory_is_listed_page_by_page(void **state)
{
	struct am_entries entries = {0};
	struct am_op op = {.kind = AM_OP_LIST, .node = &fs->root->base, .entries = &entries};
	char name[8];

	(void)state;
	for (int i = 0; i < 11; i++) {
		snprintf(name, sizeof name, "f%d", i);
		server_add(1, name, 1);
	}
	server.page = 4;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(entries.count, 11);
	assert_int_equal(server.count[AM_NFS3_READDIRPLUS], 3);
	assert_int_equal(entries.entries[10].has_stat, 1);
	am_entries_free(&entries);
}

static void a_name_is_found_or_not(void **state)
{
	struct am_handle file;
	struct am_op op = {.kind = AM_OP_LOOK, .dir = &fs->root->base, .name = "f", .file = &file};
	size_t id;

	(void)state;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_FAILED);
	assert_string_equal(op.operation, "walk");
	assert_string_equal(op.error.code, "ENOENT");
	id = server_add(1, "f", 1);
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(op.stat.ino, id);
	assert_int_equal(server.count[AM_NFS3_GETATTR], 0);
	server.silent_attributes = 1;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(op.stat.ino, id);
	assert_int_equal(server.count[AM_NFS3_GETATTR], 1);
}

static void another_file_system_is_not_entered(void **state)
{
	struct am_handle file;
	struct am_op op = {.kind = AM_OP_LOOK, .dir = &fs->root->base, .name = "d", .file = &file};

	(void)state;
	server.nodes[server_add(1, "d", 2)].fsid = 8;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_FAILED);
	assert_string_equal(op.error.code, "NFS_CROSSING");
}

static struct am_handle handle_of(size_t id)
{
	struct am_handle handle = {.length = 8};
	char text[16];

	snprintf(text, sizeof text, "H%07zu", id);
	memcpy(handle.data, text, 8);
	return handle;
}

static void a_link_is_read_into_the_room_there_is(void **state)
{
	size_t id = server_add(1, "l", 5);
	struct am_handle file = handle_of(id);
	char into[8];
	struct am_op op = {.kind = AM_OP_TARGET, .file = &file, .into = into, .length = 8};

	(void)state;
	snprintf(server.nodes[id].target, sizeof server.nodes[id].target, "1234567");
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_string_equal(into, "1234567");
	snprintf(server.nodes[id].target, sizeof server.nodes[id].target, "12345678");
	run(&op);
	assert_int_equal(op.outcome, AM_OP_FAILED);
	assert_string_equal(op.error.code, "ENAMETOOLONG");
}

static void a_piece_of_a_file_comes_in_reads_of_what_the_server_allows(void **state)
{
	static char content[10000], into[12000];
	size_t id = server_add(1, "f", 1);
	struct am_handle file = handle_of(id);
	struct am_op op = {.kind = AM_OP_READ,
		.file = &file,
		.into = into,
		.offset = 1000,
		.length = sizeof into};

	(void)state;
	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (char)(i % 127);
	server_fill(id, content, sizeof content);
	fs->read_max = 4096;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_DONE);
	assert_int_equal(op.got, 9000);
	assert_int_equal(op.end, 1);
	assert_memory_equal(into, content + 1000, 9000);
	assert_int_equal(server.count[AM_NFS3_READ], 3);
	op.length = 5000;
	run(&op);
	assert_int_equal(op.got, 5000);
	assert_int_equal(op.end, 0);
}

/* Its caller knows the name, and looks it up again. */
static void a_stale_file_is_for_the_caller(void **state)
{
	struct am_handle file = handle_of(40);
	char into[10];
	struct am_op op = {.kind = AM_OP_READ, .file = &file, .into = into, .length = 10};

	(void)state;
	run(&op);
	assert_int_equal(op.outcome, AM_OP_ODD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(a_directory_is_listed_page_by_page),
		TEST(a_name_is_found_or_not),
		TEST(another_file_system_is_not_entered),
		TEST(a_link_is_read_into_the_room_there_is),
		TEST(a_piece_of_a_file_comes_in_reads_of_what_the_server_allows),
		TEST(a_stale_file_is_for_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
