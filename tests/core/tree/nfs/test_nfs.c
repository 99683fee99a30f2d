/* SPDX-License-Identifier: MIT */
/* The mount: its URL, and what it says of itself. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

#include "tree/backend.h"

static void urls_that_are_none(void **state)
{
	static const struct {
		const char *url, *why;
	} cases[] = {
		{"http://host/x", "nfs://HOST/EXPORT expected"},
		{"nfs://host", "nfs://HOST/EXPORT expected"},
		{"nfs:///x", "nfs://HOST/EXPORT expected"},
		{"nfs://host/x?nfsport=65536", "bad number"},
		{"nfs://host/x?nfsport=-1", "bad number"},
		{"nfs://host/x?uid=abc", "bad number"},
		{"nfs://host/x?version=4", "only NFS version 3"},
		{"nfs://host/x?other=1", "unknown option"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct am_nfs_source source = {.at = "/", .url = cases[i].url};

		assert_null(am_tree_nfs(&source, 1, NULL, &error));
		assert_string_equal(error.code, "EINVAL");
		assert_non_null(strstr(error.message, cases[i].why));
	}
}

static void a_path_that_is_too_long(void **state)
{
	char url[1200] = "nfs://host/";
	struct am_nfs_source source = {.at = "/", .url = url};

	(void)state;
	memset(url + 11, 'x', 1100);
	assert_null(am_tree_nfs(&source, 1, NULL, &error));
	assert_string_equal(error.code, "EINVAL");
	assert_non_null(strstr(error.message, "path is too long"));
}

static void a_server_that_is_not_there_says_what_to_look_at(void **state)
{
	struct am_nfs_source source = {.at = "/", .url = "nfs://127.0.0.1/x?nfsport=1&mountport=1"};
	struct am_nfs_options options = {.timeout = 1, .retry = 0.1};

	(void)state;
	assert_null(am_tree_nfs(&source, 1, &options, &error));
	assert_string_equal(error.code, "NFS_MOUNT");
	assert_non_null(strstr(error.message, "mountd not reached"));
	assert_non_null(strstr(error.message, "check that 127.0.0.1 is up"));
}

static void a_mount_describes_itself(void **state)
{
	struct am_tree_mount mount;

	(void)state;
	memset(&mount, 0, sizeof mount);
	assert_int_equal(fs->base.ops->describe(&fs->base, &mount, &error), 0);
	assert_string_equal(mount.export, "/export");
	assert_string_equal(mount.handle, "4830303030303031");
	assert_string_equal(mount.verifier, "");
	assert_int_equal(mount.fsid, 7);
	assert_int_equal(mount.connects, 1);
}

static void a_commit_of_the_file_written_last_asks_after_a_restart(void **state)
{
	(void)state;
	assert_int_equal(fs->base.ops->probe(&fs->base, &error), 0);
	assert_int_equal(server.count[AM_NFS3_COMMIT], 0); /* nothing was written yet */
	fs->written = (struct am_handle){.length = 8, .data = "H0000001"};
	assert_int_equal(fs->base.ops->probe(&fs->base, &error), 0);
	assert_int_equal(fs->base.restarts, 0);
	server.verifier = 5;
	assert_int_equal(fs->base.ops->probe(&fs->base, &error), 0);
	assert_int_equal(fs->base.restarts, 1);
	/* a file that is gone says nothing about the server */
	fs->written = (struct am_handle){.length = 8, .data = "H0000040"};
	assert_int_equal(fs->base.ops->probe(&fs->base, &error), 0);
	assert_int_equal(fs->base.restarts, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(urls_that_are_none),
		TEST(a_path_that_is_too_long),
		TEST(a_server_that_is_not_there_says_what_to_look_at),
		TEST(a_mount_describes_itself),
		TEST(a_commit_of_the_file_written_last_asks_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
