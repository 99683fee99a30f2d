/* SPDX-License-Identifier: MIT */
/* Names and attributes, one request at a time; what was made before an answer was lost. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/nfs/names.h"

static struct am_node *root_node(void)
{
	return &fs->root->base;
}

static void a_directory_is_looked_up_once(void **state)
{
	struct am_node *first, *second;

	(void)state;
	server_add(1, "usr", 2);
	first = am_nfs_enter(root_node(), "usr", &error);
	second = am_nfs_enter(root_node(), "usr", &error);
	assert_non_null(first);
	assert_ptr_equal(first, second);
	assert_int_equal(server.count[AM_NFS3_LOOKUP], 1);
	am_node_release(first);
	am_node_release(second);
	am_nfs_drop_caches(&fs->base);
	first = am_nfs_enter(root_node(), "usr", &error);
	assert_int_equal(server.count[AM_NFS3_LOOKUP], 2);
	am_node_release(first);
}

static void what_is_removed_is_forgotten(void **state)
{
	struct am_node *dir;

	(void)state;
	server_add(1, "d", 2);
	dir = am_nfs_enter(root_node(), "d", &error);
	am_node_release(dir);
	assert_int_equal(am_nfs_rmdir(root_node(), "d", &error), 0);
	assert_null(am_nfs_enter(root_node(), "d", &error));
	assert_string_equal(error.code, "ENOENT");
}

static void only_directories_of_this_file_system_are_entered(void **state)
{
	size_t other;

	(void)state;
	server_add(1, "file", 1);
	other = server_add(1, "mounted", 2);
	server.nodes[other].fsid = 8;
	assert_null(am_nfs_enter(root_node(), "file", &error));
	assert_string_equal(error.code, "ENOTDIR");
	assert_null(am_nfs_enter(root_node(), "mounted", &error));
	assert_string_equal(error.code, "NFS_CROSSING");
}

static void attributes_come_with_the_handle_or_are_asked_for(void **state)
{
	struct am_tree_stat st;
	size_t id = server_add(1, "f", 1);

	(void)state;
	server.nodes[id].mode = 0641;
	assert_int_equal(am_nfs_stat(root_node(), "f", &st, &error), 0);
	assert_int_equal(st.mode, 0641);
	assert_int_equal(st.ino, id);
	assert_int_equal(server.count[AM_NFS3_GETATTR], 0);
	server.silent_attributes = 1;
	assert_int_equal(am_nfs_stat(root_node(), "f", &st, &error), 0);
	assert_int_equal(st.ino, id);
	assert_int_equal(server.count[AM_NFS3_GETATTR], 1);
}

static void lists_come_in_pages_and_begin_again(void **state)
{
	struct am_entries entries = {0};
	char name[8];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "f%d", i);
		server_add(1, name, 1);
	}
	server.page = 6;
	assert_int_equal(am_nfs_list(root_node(), &entries, &error), 0);
	assert_int_equal(entries.count, 20);
	assert_int_equal(server.count[AM_NFS3_READDIRPLUS], 4);
	assert_string_equal(entries.entries[19].name, "f19");
	assert_int_equal(entries.entries[0].handle.length, 8);
	am_entries_free(&entries);
	/* its place is lost once, at a page in the middle: nothing is there twice */
	server.count[AM_NFS3_READDIRPLUS] = 0;
	{
		struct am_entries again = {0};

		server.status[AM_NFS3_READDIRPLUS] = NFS3ERR_JUKEBOX;
		server.times[AM_NFS3_READDIRPLUS] = 1;
		assert_int_equal(am_nfs_list(root_node(), &again, &error), 0);
		assert_int_equal(again.count, 20);
		assert_int_equal(server.count[AM_NFS3_READDIRPLUS], 5);
		am_entries_free(&again);
	}
}

static void links_are_read_and_only_links(void **state)
{
	char target[16], all[AM_TREE_PATH_MAX];

	(void)state;
	assert_int_equal(am_nfs_symlink(root_node(), "l", "../where/it/leads", &error), 0);
	assert_int_equal(am_nfs_readlink(root_node(), "l", all, sizeof all, &error), 0);
	assert_string_equal(all, "../where/it/leads");
	assert_int_equal(am_nfs_readlink(root_node(), "l", target, sizeof target, &error), -1);
	assert_string_equal(error.code, "ENAMETOOLONG");
	server_add(1, "f", 1);
	assert_int_equal(am_nfs_readlink(root_node(), "f", all, sizeof all, &error), -1);
	assert_string_equal(error.code, "EINVAL");
}

static void names_are_made_moved_and_removed(void **state)
{
	struct am_node *dir;

	(void)state;
	assert_int_equal(am_nfs_mkdir(root_node(), "d", 0755, &error), 0);
	assert_int_equal(am_nfs_mkdir(root_node(), "d", 0755, &error), -1);
	assert_string_equal(error.code, "EEXIST");
	assert_int_equal(am_nfs_mknod(root_node(), "pipe", AM_TREE_FIFO, 0600, 0, 0, &error), 0);
	dir = am_nfs_enter(root_node(), "d", &error);
	assert_non_null(dir);
	assert_int_equal(am_nfs_rename(root_node(), "pipe", dir, "moved", &error), 0);
	assert_int_equal(server_find(1, "pipe"), 0);
	assert_true(server_find(server_find(1, "d"), "moved") != 0);
	assert_int_equal(am_nfs_unlink(dir, "moved", &error), 0);
	assert_int_equal(am_nfs_unlink(dir, "moved", &error), -1);
	assert_string_equal(error.code, "ENOENT");
	am_node_release(dir);
}

/* A busy server answers the second try: a name that is there then was made by the first. */
static void a_second_try_knows_what_the_first_has_made(void **state)
{
	(void)state;
	server_add(1, "d", 2);
	server.status[AM_NFS3_MKDIR] = NFS3ERR_JUKEBOX;
	server.times[AM_NFS3_MKDIR] = 1;
	assert_int_equal(am_nfs_mkdir(root_node(), "d", 0755, &error), 0);
	server_add(1, "f", 1);
	server.times[AM_NFS3_MKDIR] = 1;
	assert_int_equal(am_nfs_mkdir(root_node(), "f", 0755, &error), -1); /* not a directory */
	assert_string_equal(error.code, "EEXIST");
	server.status[AM_NFS3_REMOVE] = NFS3ERR_JUKEBOX;
	server.times[AM_NFS3_REMOVE] = 1;
	assert_int_equal(am_nfs_unlink(root_node(), "gone", &error), 0);
}

static void suid_bits_are_set_after_the_owner(void **state)
{
	size_t id = server_add(1, "f", 1);
	struct am_tree_attr attr = {
		.set = AM_SET_MODE | AM_SET_UID | AM_SET_GID, .mode = 04755, .uid = 3, .gid = 4};

	(void)state;
	assert_int_equal(am_nfs_setattr(root_node(), "f", &attr, &error), 0);
	assert_int_equal(server.count[AM_NFS3_SETATTR], 2);
	assert_int_equal(server.nodes[id].mode, 04755);
	assert_int_equal(server.nodes[id].uid, 3);
	attr.mode = 0755;
	assert_int_equal(am_nfs_setattr(root_node(), "f", &attr, &error), 0);
	assert_int_equal(server.count[AM_NFS3_SETATTR], 3);
	attr = (struct am_tree_attr){.set = AM_SET_MTIME, .mtime = {-1, 0}};
	assert_int_equal(am_nfs_setattr(root_node(), "f", &attr, &error), -1);
	assert_string_equal(error.code, "EINVAL"); /* the protocol has no such time */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(a_directory_is_looked_up_once),
		TEST(what_is_removed_is_forgotten),
		TEST(only_directories_of_this_file_system_are_entered),
		TEST(attributes_come_with_the_handle_or_are_asked_for),
		TEST(lists_come_in_pages_and_begin_again),
		TEST(links_are_read_and_only_links),
		TEST(names_are_made_moved_and_removed),
		TEST(a_second_try_knows_what_the_first_has_made),
		TEST(suid_bits_are_set_after_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
