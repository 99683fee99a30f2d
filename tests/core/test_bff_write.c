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

#include "bff.h"
#include "bff_format.h"

static char directory[64], path[96];

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_of_all_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(data_must_have_its_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_written_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_archive_is_whole_clusters, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
