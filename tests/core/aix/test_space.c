/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aix/space.h"

enum { PARTITION = 131072 }; /* 64 MB */

static struct am_lpp_size size(const char *path, uint64_t blocks, uint64_t temporary)
{
	return (struct am_lpp_size){
		.path = am_slice_of(path), .blocks = blocks, .temporary = temporary, .is_known = 1};
}

static struct am_space_filesystem filesystem(
	const char *mount, uint64_t total, uint64_t available, unsigned copies)
{
	return (struct am_space_filesystem){am_slice_of(mount), 1, total, available, copies};
}

static void paths_are_in_the_deepest_file_system(void **state)
{
	const struct am_lpp_size sizes[] = {size("/opt/acme/lib", 7, 0), size("/opt/acmelib", 1, 0),
		size("/opt/acme", 2, 0), size("/opt/acme/", 3, 0), size("/usrlocal", 5, 0),
		size("INSTWORK", 48, 16), size("/usr/lpp/SAVESPACE", 40, 0),
		size("SAVESPACE", 10, 0), size("PAGESPACE", 500, 0), size("whatever", 9, 0),
		size("/usr/../etc", 9, 0), size("/usr/..", 9, 0), size("/usr/..x", 1, 0),
		size("", 9, 0), size("PAGESPACE", 300, 0)};
	const struct am_space_filesystem list[] = {filesystem("/opt/acme", 100, 100, 1),
		filesystem("/", 100, 100, 1), filesystem("/opt", 100, 100, 1),
		filesystem("/usr", 1000, 1000, 1), filesystem("", 1, 1, 1),
		filesystem("/home", 1, 1, 1)};
	const struct am_space_fileset fileset = {sizes, sizeof sizes / sizeof *sizes, 0};
	struct am_space space;

	(void)state;
	assert_int_equal(am_space_make(&space, &fileset, 1, list, 6, 0, NULL), 0);
	assert_int_equal(space.count, 4);
	assert_int_equal(space.rows[0].filesystem, 0);
	assert_int_equal(space.rows[0].needed, 12);
	assert_int_equal(space.rows[1].filesystem, 1);
	assert_int_equal(space.rows[1].needed, 5);
	assert_int_equal(space.rows[2].filesystem, 2);
	assert_int_equal(space.rows[2].needed, 1);
	assert_int_equal(space.rows[3].filesystem, 3);
	assert_int_equal(space.rows[3].needed, 48 + 40 + 10 + 16 + 1);
	assert_int_equal(space.rows[3].temporary, 16);
	assert_int_equal(space.paging, 500);
	am_space_free(&space);
	/* Without a "/" there are paths that nobody has room for. */
	assert_int_equal(am_space_make(&space, &fileset, 1, list, 1, 0, NULL), 0);
	assert_int_equal(space.count, 1);
	assert_int_equal(space.rows[0].needed, 12);
	am_space_free(&space);
}

static void temporary_room_is_free_for_the_next(void **state)
{
	const struct am_lpp_size a[] = {size("INSTWORK", 10, 30), size("/usr/x", 1, 5)},
				 b[] = {size("INSTWORK", 10, 34)};
	const struct am_space_filesystem list[] = {filesystem("/", 1000, 1000, 1)};
	const struct am_space_fileset filesets[] = {{a, 2, 0}, {b, 1, 0}};
	struct am_space space;

	(void)state;
	assert_int_equal(am_space_make(&space, filesets, 2, list, 1, 0, NULL), 0);
	assert_int_equal(space.rows[0].temporary, 35);
	assert_int_equal(space.rows[0].needed, 21 + 35);
	am_space_free(&space);
}

/* One file system, 10 partitions large, that needs so many blocks and has so many free. */
static struct am_space_row grown(uint64_t needed, uint64_t available, unsigned copies)
{
	const struct am_lpp_size sizes[] = {size("/usr", needed, 0)};
	const struct am_space_filesystem list[] = {
		filesystem("/usr", (uint64_t)10 * PARTITION, available, copies)};
	const struct am_space_fileset fileset = {sizes, 1, 0};
	struct am_space space;
	struct am_space_row row;

	assert_int_equal(am_space_make(&space, &fileset, 1, list, 1, PARTITION, NULL), 0);
	assert_int_equal(space.count, 1);
	row = space.rows[0];
	assert_int_equal(space.partitions, row.partitions);
	am_space_free(&space);
	return row;
}

static void file_systems_grow_by_whole_partitions(void **state)
{
	struct am_space_row row = grown(1000, 1000, 1);

	(void)state;
	assert_int_equal(row.grow_to, 0);
	assert_int_equal(row.short_by, 0);
	assert_int_equal(row.partitions, 0);
	row = grown(1000, 999, 1); /* one partition at least */
	assert_int_equal(row.grow_to, 11 * PARTITION);
	assert_int_equal(row.short_by, 1);
	assert_int_equal(row.partitions, 1);
	/* What a file system takes of its growth for itself is not left out. */
	row = grown(PARTITION - PARTITION / 128, 0, 1);
	assert_int_equal(row.grow_to, 11 * PARTITION);
	row = grown(PARTITION, 0, 1);
	assert_int_equal(row.grow_to, 12 * PARTITION);
	assert_int_equal(row.partitions, 2);
	row = grown(3 * PARTITION, PARTITION, 3); /* mirrored */
	assert_int_equal(row.grow_to, 13 * PARTITION);
	assert_int_equal(row.partitions, 9);
	assert_int_equal(grown(1, 0, 0).partitions, 1);
}

static void a_file_system_smaller_than_its_volume_grows_into_it_first(void **state)
{
	const struct am_lpp_size sizes[] = {size("/usr", 1000, 0)};
	const struct am_space_filesystem list[] = {
		filesystem("/usr", 3 * PARTITION - 5000, 100, 2), {am_slice_of("/"), 0, 0, 0, 1}};
	const struct am_space_fileset fileset = {sizes, 1, 0};
	struct am_space space;

	(void)state;
	assert_int_equal(am_space_make(&space, &fileset, 1, list, 2, PARTITION, NULL), 0);
	assert_int_equal(space.rows[0].grow_to, 3 * PARTITION);
	assert_int_equal(space.rows[0].partitions, 0);
	am_space_free(&space);
	/* Of one whose size is not known nothing can be said. */
	assert_int_equal(am_space_make(&space, &fileset, 1, list + 1, 1, PARTITION, NULL), 0);
	assert_int_equal(space.rows[0].needed, 1000);
	assert_int_equal(space.rows[0].grow_to, 0);
	am_space_free(&space);
}

static void the_base_system_is_restored_before_filesets_are_installed(void **state)
{
	const struct am_lpp_size base[] = {size("/usr", 1000, 77)}, more[] = {size("/usr", 300, 0)};
	const struct am_space_filesystem list[] = {filesystem("/usr", 10000, 1050, 1)};
	const struct am_space_fileset filesets[] = {{base, 1, 1}, {more, 1, 0}};
	struct am_space space;

	(void)state;
	assert_int_equal(am_space_make(&space, filesets, 2, list, 1, 0, NULL), 0);
	assert_int_equal(space.rows[0].restore, 1000);
	assert_int_equal(space.rows[0].permanent, 300);
	assert_int_equal(space.rows[0].temporary, 0);
	assert_int_equal(space.rows[0].needed, 1101);
	assert_int_equal(space.rows[0].grow_to, 10051);
	am_space_free(&space);
}

static void sizes_that_lie_are_the_largest_number(void **state)
{
	const uint64_t most = INT64_MAX;
	const struct am_lpp_size sizes[] = {size("/usr", UINT64_MAX, UINT64_MAX),
		size("/usr", UINT64_MAX, 1), size("PAGESPACE", UINT64_MAX, 0)};
	const struct am_space_filesystem list[] = {filesystem("/usr", UINT64_MAX, 5, 255)};
	const struct am_space_fileset fileset = {sizes, 3, 0};
	struct am_space space;

	(void)state;
	for (uint64_t partition = 0; partition < 3; partition++) {
		assert_int_equal(am_space_make(&space, &fileset, 1, list, 1, partition, NULL), 0);
		assert_true(space.rows[0].needed == most);
		assert_true(space.rows[0].grow_to <= most && space.rows[0].grow_to >= most - 2);
		assert_true(space.rows[0].partitions <= most && space.paging == most);
		am_space_free(&space);
	}
	assert_int_equal(am_space_make(&space, NULL, 0, NULL, 0, 1, NULL), 0);
	assert_int_equal(space.count, 0);
	am_space_free(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_in_the_deepest_file_system),
		cmocka_unit_test(temporary_room_is_free_for_the_next),
		cmocka_unit_test(file_systems_grow_by_whole_partitions),
		cmocka_unit_test(a_file_system_smaller_than_its_volume_grows_into_it_first),
		cmocka_unit_test(the_base_system_is_restored_before_filesets_are_installed),
		cmocka_unit_test(sizes_that_lie_are_the_largest_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
