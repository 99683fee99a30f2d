/* SPDX-License-Identifier: MIT */
/* Arguments as RFC 1813 lays them out, and results that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tree/nfs/nfs3.h"

static const struct am_handle dir = {.length = 5, .data = "DIRHA"};
static const struct am_handle other = {.length = 4, .data = "OTHR"};

#define DIR   "\0\0\0\5DIRHA\0\0\0"
#define OTHER "\0\0\0\4OTHR"
#define NAME  "\0\0\0\3abc\0"

static void assert_encoded(enum am_nfs3_procedure procedure, const struct am_nfs3_args *args,
	const char *want, size_t length)
{
	const struct am_handle *const handles[2] = {&dir, &other};
	unsigned char room[512];
	struct am_xdr_out out = {room, room + sizeof room, 0};

	am_nfs3_encode(&out, procedure, args, handles);
	assert_false(out.overflow);
	assert_int_equal(out.at - room, length);
	assert_memory_equal(room, want, length);
}
#define ASSERT_ENCODED(procedure, args, want)                                                      \
	assert_encoded(procedure, args, want, sizeof(want) - 1)

static void arguments(void **state)
{
	struct am_nfs3_args args = {.name = "abc",
		.other = "wxyz",
		.attr = {.set = AM_SET_MODE | AM_SET_GID | AM_SET_MTIME,
			.mode = 0755,
			.gid = 9,
			.mtime = {0x5a5a5a5a, 7}},
		.type = AM_TREE_CHAR,
		.major_number = 1,
		.minor_number = 3,
		.offset = 0x100000002,
		.cookie = 0x300000004,
		.count = 0x10000,
		.stable = AM_NFS3_FILE_SYNC,
		.verifier = "verifie"};
#define ATTR "\0\0\0\1\0\0\1\355\0\0\0\0\0\0\0\1\0\0\0\11\0\0\0\0\0\0\0\0\0\0\0\2ZZZZ\0\0\0\7"

	(void)state;
	ASSERT_ENCODED(AM_NFS3_NULL, &args, "");
	ASSERT_ENCODED(AM_NFS3_GETATTR, &args, DIR);
	ASSERT_ENCODED(AM_NFS3_READLINK, &args, DIR);
	ASSERT_ENCODED(AM_NFS3_FSSTAT, &args, DIR);
	ASSERT_ENCODED(AM_NFS3_FSINFO, &args, DIR);
	ASSERT_ENCODED(AM_NFS3_SETATTR, &args, DIR ATTR "\0\0\0\0");
	ASSERT_ENCODED(AM_NFS3_LOOKUP, &args, DIR NAME);
	ASSERT_ENCODED(AM_NFS3_REMOVE, &args, DIR NAME);
	ASSERT_ENCODED(AM_NFS3_RMDIR, &args, DIR NAME);
	ASSERT_ENCODED(AM_NFS3_READ, &args, DIR "\0\0\0\1\0\0\0\2\0\1\0\0");
	ASSERT_ENCODED(AM_NFS3_COMMIT, &args, DIR "\0\0\0\1\0\0\0\2\0\1\0\0");
	ASSERT_ENCODED(AM_NFS3_WRITE, &args, DIR "\0\0\0\1\0\0\0\2\0\1\0\0\0\0\0\2");
	ASSERT_ENCODED(AM_NFS3_CREATE, &args, DIR NAME "\0\0\0\1" ATTR);
	ASSERT_ENCODED(AM_NFS3_MKDIR, &args, DIR NAME ATTR);
	ASSERT_ENCODED(AM_NFS3_SYMLINK, &args, DIR NAME ATTR "\0\0\0\4wxyz");
	ASSERT_ENCODED(AM_NFS3_MKNOD, &args, DIR NAME "\0\0\0\4" ATTR "\0\0\0\1\0\0\0\3");
	args.type = AM_TREE_FIFO;
	ASSERT_ENCODED(AM_NFS3_MKNOD, &args, DIR NAME "\0\0\0\7" ATTR);
	ASSERT_ENCODED(AM_NFS3_RENAME, &args, DIR NAME OTHER "\0\0\0\4wxyz");
	ASSERT_ENCODED(AM_NFS3_LINK, &args, OTHER DIR NAME);
	ASSERT_ENCODED(
		AM_NFS3_READDIRPLUS, &args, DIR "\0\0\0\3\0\0\0\4verifie\0\0\0\100\0\0\1\0\0");
}

static void arguments_that_do_not_fit(void **state)
{
	const struct am_handle *const handles[2] = {&dir, &other};
	struct am_nfs3_args args = {.name = "abc"};
	unsigned char room[19];
	struct am_xdr_out out = {room, room + sizeof room, 0};

	(void)state;
	am_nfs3_encode(&out, AM_NFS3_LOOKUP, &args, handles);
	assert_true(out.overflow);
}

/* A result in memory of exactly its size. */
struct result {
	unsigned char *data;
	struct am_xdr xdr;
};

static struct result result_of(const void *bytes, size_t length)
{
	struct result r = {.data = malloc(length > 0 ? length : 1)};

	assert_non_null(r.data);
	memcpy(r.data, bytes, length);
	r.xdr = (struct am_xdr){r.data, r.data + length, 0};
	return r;
}

enum { ATTRIBUTES = 84 };

static void put_attributes(struct am_xdr_out *out, uint32_t type, uint64_t size)
{
	am_xdr_put_u32(out, type);
	am_xdr_put_u32(out, 0100644);
	am_xdr_put_u32(out, 2);
	am_xdr_put_u32(out, 11);
	am_xdr_put_u32(out, 12);
	am_xdr_put_u64(out, size);
	am_xdr_put_u64(out, 4096);
	am_xdr_put_u32(out, 5);
	am_xdr_put_u32(out, 6);
	am_xdr_put_u64(out, 77);
	am_xdr_put_u64(out, 88);
	for (uint32_t i = 1; i <= 3; i++) {
		am_xdr_put_u32(out, i);
		am_xdr_put_u32(out, i == 2 ? 1000000000 : i);
	}
}

static void attributes(void **state)
{
	unsigned char room[ATTRIBUTES];
	struct am_tree_stat st;

	(void)state;
	for (uint32_t type = 0; type <= 8; type++) {
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct result r;

		put_attributes(&out, type, 1234);
		r = result_of(room, sizeof room);
		am_nfs3_attributes(&r.xdr, &st);
		assert_int_equal(r.xdr.bad, type < 1 || type > 7);
		if (!r.xdr.bad) {
			assert_int_equal(am_xdr_left(&r.xdr), 0);
			assert_int_equal(st.mode, 0644);
			assert_int_equal(st.nlink, 2);
			assert_int_equal(st.uid, 11);
			assert_int_equal(st.gid, 12);
			assert_int_equal(st.size, 1234);
			assert_int_equal(st.fsid, 77);
			assert_int_equal(st.ino, 88);
			assert_int_equal(st.rdev_major, type == 3 || type == 4 ? 5 : 0);
			assert_int_equal(st.atime.nanoseconds, 1);
			assert_int_equal(st.mtime.nanoseconds, 0); /* as many do not exist */
			assert_int_equal(st.ctime.seconds, 3);
		}
		free(r.data);
	}
	for (size_t length = 0; length < sizeof room; length++) {
		struct result r = result_of(room, length);

		am_nfs3_attributes(&r.xdr, &st);
		assert_true(r.xdr.bad);
		free(r.data);
	}
}

static void a_size_nobody_can_count(void **state)
{
	unsigned char room[ATTRIBUTES];
	struct am_xdr_out out = {room, room + sizeof room, 0};
	struct am_tree_stat st;
	struct result r;

	(void)state;
	put_attributes(&out, 1, (uint64_t)INT64_MAX + 1);
	r = result_of(room, sizeof room);
	am_nfs3_attributes(&r.xdr, &st);
	assert_true(r.xdr.bad);
	free(r.data);
}

static void handles(void **state)
{
	static const struct {
		uint32_t length;
		int bad;
	} cases[] = {{0, 1}, {1, 0}, {63, 0}, {64, 0}, {65, 1}, {0x7fffffff, 1}, {0xffffffec, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char room[72] = {0};
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct am_handle handle;
		struct result r;

		am_xdr_put_u32(&out, cases[i].length);
		r = result_of(room, sizeof room);
		am_nfs3_handle(&r.xdr, &handle);
		assert_int_equal(r.xdr.bad, cases[i].bad);
		assert_int_equal(handle.length, cases[i].bad ? 0 : cases[i].length);
		free(r.data);
	}
}

/* One entry and the end of a directory. */
static size_t put_list(unsigned char *room, size_t size, const char *name, size_t length)
{
	struct am_xdr_out out = {room, room + size, 0};

	am_xdr_put_u32(&out, 0); /* no attributes of the directory */
	am_xdr_put_fixed(&out, "VERIFIER", 8);
	am_xdr_put_u32(&out, 1);
	am_xdr_put_u64(&out, 500);
	am_xdr_put_opaque(&out, name, length);
	am_xdr_put_u64(&out, 42);
	am_xdr_put_u32(&out, 1);
	put_attributes(&out, 1, 10);
	am_xdr_put_u32(&out, 1);
	am_xdr_put_opaque(&out, "HANDLE", 6);
	am_xdr_put_u32(&out, 0);
	am_xdr_put_u32(&out, 1);
	assert_false(out.overflow);
	return (size_t)(out.at - room);
}

/* Reads it as an NFS client would: how many entries, or -1. */
static int read_list(struct am_xdr *xdr, struct am_nfs3_entry *entry, int *last)
{
	char verifier[8];
	int count = 0;

	am_nfs3_list_begin(xdr, verifier);
	while (am_nfs3_list_entry(xdr, 1, entry))
		count++;
	*last = am_nfs3_list_end(xdr);
	return xdr->bad ? -1 : count;
}

static void lists(void **state)
{
	unsigned char room[512];
	struct am_nfs3_entry entry;
	size_t length = put_list(room, sizeof room, "name", 4);
	struct result r = result_of(room, length);
	int last;

	(void)state;
	assert_int_equal(read_list(&r.xdr, &entry, &last), 1);
	assert_string_equal(entry.name, "name");
	assert_int_equal(entry.cookie, 42);
	assert_int_equal(entry.fileid, 500);
	assert_int_equal(entry.has_stat, 1);
	assert_int_equal(entry.handle.length, 6);
	assert_true(last);
	free(r.data);
	for (size_t cut = 0; cut < length; cut++) {
		r = result_of(room, cut);
		assert_int_equal(read_list(&r.xdr, &entry, &last), -1);
		free(r.data);
	}
	/* every word in turn something else */
	for (size_t at = 0; at < length; at += 4) {
		static const uint32_t words[] = {2, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffec};

		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			struct am_xdr_out out;

			r = result_of(room, length);
			out = (struct am_xdr_out){r.data + at, r.data + length, 0};
			am_xdr_put_u32(&out, words[i]);
			(void)read_list(&r.xdr, &entry, &last);
			free(r.data);
		}
	}
}

static void names_in_lists(void **state)
{
	unsigned char room[1024];
	struct am_nfs3_entry entry;
	char name[300];
	int last;

	(void)state;
	memset(name, 'n', sizeof name);
	for (size_t length = 254; length <= 257; length++) {
		size_t bytes = put_list(room, sizeof room, name, length);
		struct result r = result_of(room, bytes);

		assert_int_equal(read_list(&r.xdr, &entry, &last), length <= 255 ? 1 : -1);
		free(r.data);
	}
	{
		size_t bytes = put_list(room, sizeof room, "a\0b", 3);
		struct result r = result_of(room, bytes);

		assert_int_equal(read_list(&r.xdr, &entry, &last), -1);
		free(r.data);
	}
}

static void reads(void **state)
{
	unsigned char room[64];
	struct am_nfs3_read read;

	(void)state;
	for (uint32_t count = 9; count <= 11; count++) {
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct result r;

		am_xdr_put_u32(&out, 0);
		am_xdr_put_u32(&out, count);
		am_xdr_put_u32(&out, 1);
		am_xdr_put_opaque(&out, "0123456789", 10);
		r = result_of(room, (size_t)(out.at - room));
		am_nfs3_read(&r.xdr, &read);
		assert_int_equal(r.xdr.bad, count != 10); /* it says two lengths */
		if (!r.xdr.bad) {
			assert_int_equal(read.length, 10);
			assert_int_equal(read.end, 1);
			assert_memory_equal(read.data, "0123456789", 10);
		}
		free(r.data);
	}
}

static void mounts_and_ports(void **state)
{
	static const struct {
		uint32_t flavours;
		int bad;
	} cases[] = {{0, 0}, {1, 0}, {2, 1}, {0x3fffffff, 1}, {0x40000002, 1}, {0xffffffff, 1}};
	struct am_handle handle;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char room[64];
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct result r;

		am_xdr_put_opaque(&out, "handle", 6);
		am_xdr_put_u32(&out, cases[i].flavours);
		am_xdr_put_u32(&out, 1);
		r = result_of(room, (size_t)(out.at - room));
		am_mount_result(&r.xdr, &handle);
		assert_int_equal(r.xdr.bad, cases[i].bad);
		free(r.data);
	}
	for (uint32_t port = 65535; port <= 65536; port++) {
		unsigned char room[4];
		struct am_xdr_out out = {room, room + sizeof room, 0};
		struct result r;

		am_xdr_put_u32(&out, port);
		r = result_of(room, sizeof room);
		assert_int_equal(am_portmap_result(&r.xdr), port);
		assert_int_equal(r.xdr.bad, port > 65535);
		free(r.data);
	}
}

static void links_with_a_nul(void **state)
{
	unsigned char room[64];
	struct am_xdr_out out = {room, room + sizeof room, 0};
	struct result r;
	uint32_t length;

	(void)state;
	am_xdr_put_u32(&out, 0);
	am_xdr_put_opaque(&out, "../a\0b", 6);
	r = result_of(room, (size_t)(out.at - room));
	assert_null(am_nfs3_text(&r.xdr, &length));
	assert_true(r.xdr.bad);
	free(r.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(arguments_that_do_not_fit),
		cmocka_unit_test(attributes),
		cmocka_unit_test(a_size_nobody_can_count),
		cmocka_unit_test(handles),
		cmocka_unit_test(lists),
		cmocka_unit_test(names_in_lists),
		cmocka_unit_test(reads),
		cmocka_unit_test(mounts_and_ports),
		cmocka_unit_test(links_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
