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

#include "archive/bff_format.h"
#include "base/buf.h"
#include "restore/stream.h"

static char path[] = "/tmp/altmig-stream.XXXXXX";
static struct am_buf whole; /* an archive of several members, some packed, one with an ACL */

static const unsigned char acl[24] = {24, 0, 0, 0, 0, 0, 0, 2, 0, 0, 6, 0, 4, 0, 4, 0, 8, 0, 6, 0};

static void add_file(struct am_bff_writer *writer, const char *name, size_t size, uint32_t ino)
{
	struct am_bff_member m = {.name = name,
		.mode = AM_BFF_IFREG | 0644,
		.size = (int64_t)size,
		.mtime = 1500000000,
		.nlink = ino != 0 ? 2 : 1,
		.ino = ino};
	char *data = malloc(size + 1);
	struct am_reader *reader;
	struct am_error error;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)("aaaaaabbcd"[(i * 7 + size) % 10]);
	if (strcmp(name, "./usr/acl") == 0) {
		m.acl = acl;
		m.acl_length = sizeof acl;
	}
	reader = am_reader_memory(name, data, size, &error);
	assert_non_null(reader);
	assert_int_equal(am_bff_add(writer, &m, reader, &error), 0);
	am_reader_close(reader);
	free(data);
}

static void add_other(
	struct am_bff_writer *writer, const char *name, uint32_t mode, const char *target)
{
	struct am_bff_member m = {.name = name,
		.mode = mode,
		.nlink = 1,
		.target = target,
		.size = target != NULL ? (int64_t)strlen(target) : 0};

	assert_int_equal(am_bff_add(writer, &m, NULL, NULL), 0);
}

static void slurp(struct am_reader *reader, struct am_buf *out, size_t piece)
{
	char *data = malloc(piece);
	struct am_error error;
	ssize_t n;

	assert_non_null(data);
	while ((n = reader->read(reader, data, piece, &error)) > 0)
		assert_int_equal(am_buf_add(out, data, (size_t)n, NULL), 0);
	assert_int_equal(n, 0);
	free(data);
	am_reader_close(reader);
}

static int set_up(void **state)
{
	struct am_bff_writer *writer;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	writer = am_bff_create(path, 1, 1500000000, NULL);
	assert_non_null(writer);
	add_other(writer, "./usr", AM_BFF_IFDIR | 0755, NULL);
	add_file(writer, "./usr/empty", 0, 0);
	add_file(writer, "./usr/packed", 70001, 0);
	add_file(writer, "./usr/one", 3, 0);
	add_file(writer, "./usr/acl", 1000, 0);
	add_other(writer, "./usr/link", AM_BFF_IFLNK | 0777, "/etc/passwd");
	add_other(writer, "./dev/null", AM_BFF_IFCHR | 0666, NULL);
	add_file(writer, "./usr/large", 600000, 0);
	add_file(writer, "./last", 17, 0);
	assert_int_equal(am_bff_finish(writer, NULL), 0);
	slurp(am_reader_file(path, NULL), &whole, 65536);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	am_buf_free(&whole);
	return unlink(path);
}

static struct am_reader *stream_of(const void *data, size_t length, const char *const *exclude,
	struct am_restore_stats *stats, struct am_error *error)
{
	static struct am_restore_options options;

	options = (struct am_restore_options){.exclude = exclude};
	return am_restore_stream(
		am_reader_memory("archive", data, length, error), &options, stats, error);
}

static void everything_passes_byte_for_byte(void **state)
{
	static const size_t pieces[] = {1, 7, 512, 65536, 1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct am_restore_stats stats;
		struct am_buf out = {0};

		slurp(stream_of(whole.data, whole.length, NULL, &stats, NULL), &out, pieces[i]);
		assert_int_equal(out.length, whole.length);
		assert_memory_equal(out.data, whole.data, whole.length);
		assert_int_equal(stats.files, 6);
		assert_int_equal(stats.dirs, 1);
		assert_int_equal(stats.links, 1);
		assert_int_equal(stats.devices, 1);
		assert_int_equal(stats.members, 9);
		assert_int_equal(stats.bytes, 70001 + 3 + 1000 + 600000 + 17);
		am_buf_free(&out);
	}
}

/* Every record that is left is found in the source as it is, and the archive is sound. */
static void what_is_left_out_is_gone_and_the_rest_is_as_it_was(void **state)
{
	static const char *const exclude[] = {"/usr/packed", "/dev", "/usr/large", NULL};
	struct am_restore_stats stats;
	struct am_buf out = {0};
	struct am_reader *reader;
	const struct am_bff_member *m;
	struct am_bff *bff;
	struct am_error error;
	int count = 0, acls = 0;

	(void)state;
	slurp(stream_of(whole.data, whole.length, exclude, &stats, NULL), &out, 4096);
	assert_int_equal(out.length % BFF_CLUSTER, 0);
	assert_int_equal(stats.skipped, 3);
	reader = am_reader_memory("out", out.data, out.length, NULL);
	bff = am_bff_open(reader, &error);
	assert_non_null(bff);
	assert_int_equal(am_bff_volume(bff)->date, 1500000000);
	while (am_bff_next(bff, &m, &error) == 1) {
		assert_null(strstr(m->name, "packed"));
		assert_null(strstr(m->name, "large"));
		if (am_bff_secured(m) == AM_BFF_ACL) {
			assert_memory_equal(m->acl, acl, sizeof acl);
			acls++;
		}
		count++;
	}
	assert_int_equal(count, 6);
	assert_int_equal(acls, 1);
	am_bff_close(bff);
	am_reader_close(reader);
	am_buf_free(&out);
}

/* Reads to the end or the failure: the bytes that came, `*failed` whether it failed. */
static size_t drain(struct am_reader *reader, int *failed)
{
	static char data[8192];
	struct am_error error;
	size_t total = 0;
	ssize_t n = -1;

	while (reader != NULL && (n = reader->read(reader, data, sizeof data, &error)) > 0)
		total += (size_t)n;
	*failed = n < 0;
	am_reader_close(reader);
	return total;
}

static void a_source_that_breaks_off_never_looks_whole(void **state)
{
	size_t end = whole.length;

	(void)state;
	while (end > 0 && whole.data[end - 1] == '\0')
		end--;
	end = (end + 7) / 8 * 8;
	for (size_t cut = 0; cut < end; cut += cut < 2000 ? 1 : 977) {
		struct am_restore_stats stats;
		struct am_error error;
		int failed;

		drain(stream_of(whole.data, cut, NULL, &stats, &error), &failed);
		assert_true(failed);
	}
}

/* No length, no type, no checksum of the input is believed. */
static void damaged_input_does_no_harm(void **state)
{
	struct am_buf bad = {0};
	uint32_t seed = 12345;

	(void)state;
	assert_int_equal(am_buf_add(&bad, whole.data, whole.length, NULL), 0);
	for (int round = 0; round < 300; round++) {
		size_t at[4];
		struct am_restore_stats stats;
		struct am_error error;
		int failed;

		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			at[i] = (seed >> 8) % (i < 3 ? 2000 : whole.length);
			bad.data[at[i]] = (char)(seed >> 24);
		}
		assert_true(drain(stream_of(bad.data, bad.length, NULL, &stats, &error), &failed) <=
			    bad.length + BFF_CLUSTER);
		for (int i = 0; i < 4; i++)
			bad.data[at[i]] = whole.data[at[i]];
	}
	am_buf_free(&bad);
}

static void names_that_leave_the_tree_are_refused(void **state)
{
	struct am_bff_writer *writer = am_bff_create(path, 0, 0, NULL);
	struct am_buf archive = {0};
	struct am_restore_stats stats;
	struct am_error error;
	struct am_reader *reader;
	char data[1 << 17];

	(void)state;
	add_file(writer, "./a", 10, 0);
	add_file(writer, "./x/../../b", 10, 0);
	assert_int_equal(am_bff_finish(writer, NULL), 0);
	slurp(am_reader_file(path, NULL), &archive, 65536);
	reader = stream_of(archive.data, archive.length, NULL, &stats, &error);
	assert_int_equal(reader->read(reader, data, sizeof data, &error), -1);
	assert_string_equal(error.code, "ARCHIVE_PATH");
	assert_non_null(strstr(error.message, "x/../../b at offset 200"));
	am_reader_close(reader);
	am_buf_free(&archive);
}

/* The data of a later name may be with a member that is not sent. */
static void a_link_without_its_data_is_refused(void **state)
{
	static const char *const exclude[] = {"/first", NULL};
	struct am_bff_writer *writer = am_bff_create(path, 0, 0, NULL);
	struct am_bff_member m = {
		.name = "./second", .mode = AM_BFF_IFREG | 0644, .nlink = 2, .ino = 0xFFFFFFFF};
	struct am_buf archive = {0};
	struct am_restore_stats stats;
	struct am_error error;
	struct am_reader *reader;
	char data[1 << 17];
	ssize_t n;

	(void)state;
	add_file(writer, "./first", 10, 0xFFFFFFFF);
	assert_int_equal(am_bff_add(writer, &m, NULL, NULL), 0);
	assert_int_equal(am_bff_finish(writer, NULL), 0);
	slurp(am_reader_file(path, NULL), &archive, 65536);
	/* As some writers store it: the size of the file, and nothing after the security block. */
	{
		unsigned char *p = (unsigned char *)archive.data + BFF_VOLUME_SIZE + 72 + 40 + 16;

		assert_memory_equal(p + BFF_NAME_X_SIZE, "./second", 8);
		bff_put32(p + 24, 10);
		bff_put32(p + 56, 10);
		bff_put16(p + 4, bff_checksum(p, (size_t)p[0] * 8));
	}
	reader = stream_of(archive.data, archive.length, exclude, &stats, &error);
	n = reader->read(reader, data, sizeof data, &error);
	assert_int_equal(n, -1);
	assert_string_equal(error.code, "ARCHIVE_LINK");
	am_reader_close(reader);
	reader = stream_of(archive.data, archive.length, NULL, &stats, &error);
	assert_true(reader->read(reader, data, sizeof data, &error) > 0);
	am_reader_close(reader);
	am_buf_free(&archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_passes_byte_for_byte),
		cmocka_unit_test(what_is_left_out_is_gone_and_the_rest_is_as_it_was),
		cmocka_unit_test(a_source_that_breaks_off_never_looks_whole),
		cmocka_unit_test(damaged_input_does_no_harm),
		cmocka_unit_test(names_that_leave_the_tree_are_refused),
		cmocka_unit_test(a_link_without_its_data_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
