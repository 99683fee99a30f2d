/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/bff.h"
#include "archive/bff_format.h"

static char directory[64], path[96];

/* Zeros are left out of files, so that a member of two gigabytes takes no room and little time: the
 * writer's last ftruncate gives the file its length. Other data goes where it belongs. */
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	const char *p = data;

	if (size > 4096 && p[0] == 0 && memcmp(p, p + 1, size - 1) == 0)
		return (ssize_t)size;
	if (lseek(fd, offset, SEEK_SET) < 0)
		return -1;
	return write(fd, data, size);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/altmig-test-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/a.bff", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory); /* which must be empty: no temporary is left */
}

static struct am_bff_member file(const char *name, int64_t size)
{
	struct am_bff_member m = {0};

	m.name = name;
	m.mode = 0100644;
	m.nlink = 1;
	m.size = size;
	return m;
}

static int add(struct am_bff_writer *w, struct am_bff_member m, const void *data, size_t length,
	struct am_error *error)
{
	struct am_reader *reader = am_reader_memory("data", data, length, error);
	int result = am_bff_add(w, &m, reader, error);

	am_reader_close(reader);
	return result;
}

/* Packed members of every size around the writer's buffers, next to plain ones: headers that are
 * written again after their data must land where they were. */
static void members_of_all_sizes(void **state)
{
	static const size_t sizes[] = {
		0, 1, 7, 8, 9, 255, 4096, 65535, 65536, 65537, 262000, 262144, 262145, 700000};
	enum { COUNT = sizeof sizes / sizeof *sizes };
	unsigned char *data = malloc(700000), *got = malloc(700001);
	struct am_error error = {{0}, {0}};

	(void)state;
	for (size_t i = 0; i < 700000; i++)
		data[i] = (unsigned char)("abracadabra"[i % 11] + (i % 97 == 0));
	for (int pack = 0; pack < 2; pack++) {
		struct am_bff_writer *w = am_bff_create(path, pack, 1, &error);
		struct am_reader *reader;
		struct am_bff *bff;
		const struct am_bff_member *m;

		for (int i = 0; i < COUNT; i++)
			assert_int_equal(
				add(w, file("x", (int64_t)sizes[i]), data, sizes[i], &error), 0);
		assert_int_equal(am_bff_finish(w, &error), 0);
		reader = am_reader_file(path, &error);
		bff = am_bff_open(reader, &error);
		for (int i = 0; i < COUNT; i++) {
			size_t have = 0;
			ssize_t n;

			assert_int_equal(am_bff_next(bff, &m, &error), 1);
			assert_int_equal(m->size, sizes[i]);
			assert_int_equal(m->packed, pack && sizes[i] >= 255);
			while ((n = am_bff_read(bff, got + have, 700001 - have, &error)) > 0)
				have += (size_t)n;
			assert_int_equal(n, 0);
			assert_int_equal(have, sizes[i]);
			assert_memory_equal(got, data, have);
		}
		assert_int_equal(am_bff_next(bff, &m, &error), 0);
		am_bff_close(bff);
		am_reader_close(reader);
	}
	free(data);
	free(got);
}

static void data_must_have_its_size(void **state)
{
	struct am_error error;

	(void)state;
	for (int64_t size = 3; size <= 5; size += 2) {
		struct am_bff_writer *w = am_bff_create(path, 1, 1, &error);

		assert_int_equal(add(w, file("x", size), "abcd", 4, &error), -1);
		assert_string_equal(error.code, "BFF_LENGTH");
		/* The archive has half a member now; it must not appear. */
		assert_int_equal(add(w, file("y", 4), "abcd", 4, &error), -1);
		assert_int_equal(am_bff_finish(w, &error), -1);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void what_cannot_be_written_is_refused(void **state)
{
	static const unsigned char block[24];
	struct am_error error;
	struct am_bff_writer *w = am_bff_create(path, 0, 1, &error);
	struct am_bff_member m = file("x", 0);

	(void)state;
	m.mode = 0120777; /* a link without a target */
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	m = file("x", 4);
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	m = file("x", 4);
	m.mode = 0040755;
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	m = file("x", 0);
	m.mode = 0644;
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	assert_string_equal(error.code, "BFF_TYPE");
	m = file("x", 0);
	m.acl = block;
	m.acl_length = 17;
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	assert_string_equal(error.code, "BFF_LENGTH");
	m = file("x", 0);
	m.nlink = 40000;
	assert_int_equal(am_bff_add(w, &m, NULL, &error), -1);
	/* None of them left a trace. */
	assert_int_equal(
		am_bff_add(w, &(struct am_bff_member){.name = "y", .mode = 0010600}, NULL, &error),
		0);
	assert_int_equal(am_bff_finish(w, &error), 0);
}

static void the_archive_is_whole_clusters(void **state)
{
	struct am_error error;
	struct am_bff_writer *w = am_bff_create(path, 0, 1, &error);
	struct stat st;

	(void)state;
	assert_int_equal(am_bff_serial(w), 0xFFFFFFFF);
	assert_int_equal(am_bff_serial(w), 0xFFFFFFFE);
	assert_int_equal(am_bff_finish(w, &error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, BFF_CLUSTER);
	assert_null(am_bff_create("/nonexistent/x", 0, 1, &error));
	assert_string_equal(error.code, "ENOENT");
}

/* Zeros up to a size. */
struct zeros {
	struct am_reader base;
	int64_t left;
};

static ssize_t zeros_read(struct am_reader *base, void *data, size_t size, struct am_error *error)
{
	struct zeros *z = (struct zeros *)base;

	if ((uint64_t)z->left < size)
		size = (size_t)z->left;
	(void)error;
	z->left -= (int64_t)size;
	memset(data, 0, size);
	return (ssize_t)size;
}

/* The archive, without asking the system for the zeros in its middle, which takes long. */
struct holes {
	struct am_reader base;
	FILE *file;
	int64_t at, length;
};

static ssize_t holes_read(struct am_reader *base, void *data, size_t size, struct am_error *error)
{
	struct holes *h = (struct holes *)base;

	if (h->at > 4096 && h->at + (int64_t)size < h->length - 3 * BFF_CLUSTER) {
		memset(data, 0, size);
	} else {
		if (fseek(h->file, (long)h->at, SEEK_SET) != 0)
			return am_fail(error, "EIO", "test: seek");
		size = fread(data, 1, size < 4096 ? size : 4096, h->file);
	}
	h->at += (int64_t)size;
	return (ssize_t)size;
}

/* One byte more than a small record can say: FS_NAME_LF, never packed; others around it stay small.
 */
static void a_file_of_two_gigabytes_has_the_large_record(void **state)
{
	const int64_t size = (int64_t)BFF_SMALL_MAX + 1;
	struct zeros zeros = {{zeros_read, NULL, "zeros"}, size};
	struct am_bff_member large = file("./large", size);
	struct am_error error = {{0}, {0}};
	struct am_bff_writer *w = am_bff_create(path, 1, 1, &error);
	struct holes holes = {{holes_read, NULL, "test"}, NULL, 0, 0};
	struct am_bff *bff;
	const struct am_bff_member *m;
	unsigned char header[88];
	struct stat st;

	(void)state;
	assert_int_equal(add(w, file("./before", 3), "abc", 3, &error), 0);
	assert_int_equal(am_bff_add(w, &large, &zeros.base, &error), 0);
	assert_int_equal(add(w, file("./after", 3), "xyz", 3, &error), 0);
	assert_int_equal(am_bff_finish(w, &error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > size && st.st_size % BFF_CLUSTER == 0);

	holes.file = fopen(path, "rb");
	holes.length = st.st_size;
	assert_non_null(holes.file);
	bff = am_bff_open(&holes.base, &error);
	assert_int_equal(am_bff_next(bff, &m, &error), 1);
	assert_int_equal(am_bff_next(bff, &m, &error), 1);
	assert_string_equal(m->name, "./large");
	assert_true(m->size == size && m->stored_size == size && !m->packed);
	assert_non_null(m->acl); /* the security block comes here too */
	assert_int_equal(fseek(holes.file, (long)m->offset, SEEK_SET), 0);
	assert_int_equal(fread(header, 1, sizeof header, holes.file), sizeof header);
	assert_int_equal(header[1], FS_NAME_LF);
	assert_int_equal(bff_get16(header + 2), BFF_MAGIC);
	assert_true(bff_get64(header + 24) == (uint64_t)size);
	assert_true(bff_get64(header + 64) == (uint64_t)size);
	assert_int_equal(am_bff_next(bff, &m, &error), 1);
	assert_string_equal(m->name, "./after");
	assert_int_equal(am_bff_next(bff, &m, &error), 0);
	am_bff_close(bff);
	fclose(holes.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_of_all_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(data_must_have_its_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_written_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_archive_is_whole_clusters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_file_of_two_gigabytes_has_the_large_record, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
