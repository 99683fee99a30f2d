/* SPDX-License-Identifier: MIT */
/* Files written through a window and read piece by piece; a server that restarts in between. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/nfs/file.h"

enum { LENGTH = (2 << 20) + 12345 };

static unsigned char data[LENGTH], back[LENGTH + 1];

static void write_whole(const char *name)
{
	struct am_fs_file *file = am_nfs_file_create(&fs->root->base, name, &error);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = 0640};

	for (size_t i = 0; i < LENGTH; i++)
		data[i] = (unsigned char)(i * 31 % 251);
	assert_non_null(file);
	for (size_t at = 0; at < LENGTH; at += 100000)
		assert_int_equal(am_nfs_file_write(file, data + at,
					 LENGTH - at < 100000 ? LENGTH - at : 100000, &error),
			0);
	assert_int_equal(am_nfs_file_finish(file, &attr, &error), 0);
	am_nfs_file_close(file);
}

static void assert_written(const char *name)
{
	size_t id = server_find(1, name);

	assert_true(id != 0);
	assert_int_equal(server.nodes[id].size, LENGTH);
	assert_memory_equal(server.nodes[id].data, data, LENGTH);
	assert_int_equal(server.nodes[id].mode, 0640);
}

static void a_file_is_written_in_pieces_and_committed_once(void **state)
{
	(void)state;
	write_whole("f");
	assert_written("f");
	assert_int_equal(server.count[AM_NFS3_WRITE], 3); /* of a MiB at most */
	assert_int_equal(server.count[AM_NFS3_COMMIT], 1);
	assert_int_equal(fs->base.restarts, 0);
}

static void what_is_on_disk_needs_no_commit(void **state)
{
	(void)state;
	server.stable = 1;
	write_whole("f");
	assert_written("f");
	assert_int_equal(server.count[AM_NFS3_COMMIT], 0);
}

static void a_server_may_write_less_than_it_was_given(void **state)
{
	(void)state;
	server.write_most = 300000;
	write_whole("f");
	assert_written("f");
	assert_in_range(server.count[AM_NFS3_WRITE], 8, 12);
}

/* What an unstable write of the server's last life held is gone: all of the window goes again. */
static void a_restart_before_the_commit_writes_again(void **state)
{
	(void)state;
	write_whole("before");
	server.restart_after = 5; /* the second of three for the next file */
	write_whole("f");
	assert_written("f");
	assert_int_equal(server.count[AM_NFS3_WRITE], 9);
	assert_int_equal(fs->base.restarts, 1);
}

static void no_room_is_an_error(void **state)
{
	struct am_fs_file *file = am_nfs_file_create(&fs->root->base, "f", &error);
	struct am_tree_attr attr = {0};

	(void)state;
	assert_non_null(file);
	server.status[AM_NFS3_WRITE] = NFS3ERR_NOSPC;
	server.times[AM_NFS3_WRITE] = 100;
	assert_int_equal(am_nfs_file_write(file, data, 1000, &error), 0); /* in the window */
	assert_int_equal(am_nfs_file_finish(file, &attr, &error), -1);
	assert_string_equal(error.code, "ENOSPC");
	am_nfs_file_close(file);
}

static void an_existing_file_is_never_opened_for_writing(void **state)
{
	(void)state;
	server_add(1, "f", 1);
	assert_null(am_nfs_file_create(&fs->root->base, "f", &error));
	assert_string_equal(error.code, "EEXIST");
}

static void a_file_is_read_to_its_end(void **state)
{
	struct am_fs_file *file;
	size_t id = server_add(1, "f", 1), got = 0;
	ssize_t n;

	(void)state;
	memset(data, 'x', sizeof data);
	fs->read_max = 64 << 10; /* an answer has to fit the socket: the server is this thread */
	server_fill(id, data, LENGTH);
	file = am_nfs_file_open(&fs->root->base, "f", &error);
	assert_non_null(file);
	while ((n = am_nfs_file_read(file, back + got, LENGTH + 1 - got, &error)) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(got, LENGTH);
	assert_memory_equal(back, data, LENGTH);
	assert_int_equal(server.count[AM_NFS3_READ], 33);
	am_nfs_file_close(file);
}

static void only_files_are_read(void **state)
{
	struct am_fs_file *file;
	char byte;

	(void)state;
	server_add(1, "d", 2);
	server_add(1, "l", 5);
	server_add(1, "empty", 1);
	assert_null(am_nfs_file_open(&fs->root->base, "d", &error));
	assert_string_equal(error.code, "EISDIR");
	assert_null(am_nfs_file_open(&fs->root->base, "l", &error));
	assert_string_equal(error.code, "EINVAL");
	file = am_nfs_file_open(&fs->root->base, "empty", &error);
	assert_non_null(file);
	assert_int_equal(am_nfs_file_read(file, &byte, 1, &error), 0);
	assert_int_equal(server.count[AM_NFS3_READ], 0); /* its size says it all */
	am_nfs_file_close(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_written_in_pieces_and_committed_once),
		TEST(what_is_on_disk_needs_no_commit),
		TEST(a_server_may_write_less_than_it_was_given),
		TEST(a_restart_before_the_commit_writes_again),
		TEST(no_room_is_an_error),
		TEST(an_existing_file_is_never_opened_for_writing),
		TEST(a_file_is_read_to_its_end),
		TEST(only_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
