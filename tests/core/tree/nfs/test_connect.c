/* SPDX-License-Identifier: MIT */
/* The steps of connecting, and what is said when one of them is refused. */
#define _GNU_SOURCE /* NOLINT: ppoll, in server.h */
#include "server.h"

static void ports_come_from_the_port_mapper(void **state)
{
	uint32_t port = 0;

	(void)state;
	server.port = 2049;
	assert_int_equal(am_nfs_ask_port(fs, 0, 100003, 3, "nfsd", &port, &error), 0);
	assert_int_equal(port, 2049);
	server.port = 0;
	assert_int_equal(am_nfs_ask_port(fs, 0, 100003, 3, "nfsd", &port, &error), -1);
	assert_string_equal(error.code, "NFS_MOUNT");
	assert_non_null(strstr(error.message, "nfsd not reached: it is not registered"));
	assert_int_equal(fs->base.complete, 1);
}

static void a_port_that_cannot_be_is_damage(void **state)
{
	uint32_t port = 0;

	(void)state;
	server.port = 65536;
	assert_int_equal(am_nfs_ask_port(fs, 0, 100003, 3, "nfsd", &port, &error), -1);
	assert_non_null(strstr(error.message, "damaged"));
}

static void a_refused_mount_says_what_to_look_at(void **state)
{
	static const struct {
		uint32_t status;
		const char *text;
	} cases[] = {
		{MNT3ERR_ACCES, "permission denied"},
		{MNT3ERR_PERM, "permission denied"},
		{MNT3ERR_NOENT, "no such export"},
		{MNT3ERR_NOTDIR, "not a directory"},
		{10006, "the server refuses"},
	};
	struct am_handle handle;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		server.mount_status = cases[i].status;
		assert_int_equal(am_nfs_ask_mount(fs, &handle, &error), -1);
		assert_string_equal(error.code, "NFS_MOUNT");
		assert_non_null(strstr(error.message, cases[i].text));
		assert_non_null(strstr(error.message, "/export is exported to this host"));
	}
	server.mount_status = MNT3_OK;
	assert_int_equal(am_nfs_ask_mount(fs, &handle, &error), 0);
	assert_int_equal(handle.length, 8);
}

static void the_first_look_takes_limits_and_file_system(void **state)
{
	(void)state;
	fs->fsid = 0;
	assert_int_equal(am_nfs_ask_nothing(fs, 1, &error), 0);
	assert_int_equal(am_nfs_first_look(fs, &error), 0);
	assert_int_equal(fs->read_max, 65536);
	assert_int_equal(fs->write_max, 65536);
	assert_int_equal(fs->fsid, 7);
	server.nodes[1].type = 1;
	assert_int_equal(am_nfs_first_look(fs, &error), -1);
	assert_string_equal(error.code, "ENOTDIR");
}

static void a_server_that_breaks_the_protocol_is_given_up(void **state)
{
	struct am_error broken;

	(void)state;
	am_fail(&broken, "EPROTO", "the server does not keep to the protocol: a test");
	for (int i = 0; i < VIOLATIONS_MAX; i++)
		am_nfs_note_broken(fs, &broken);
	assert_int_equal(am_nfs_make_ready(fs, 0, 0, &error), -1);
	assert_string_equal(error.code, "NFS_PROTOCOL");
	assert_non_null(strstr(error.message, "a test"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_start, server_end)
	const struct CMUnitTest tests[] = {
		TEST(ports_come_from_the_port_mapper),
		TEST(a_port_that_cannot_be_is_damage),
		TEST(a_refused_mount_says_what_to_look_at),
		TEST(the_first_look_takes_limits_and_file_system),
		TEST(a_server_that_breaks_the_protocol_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
