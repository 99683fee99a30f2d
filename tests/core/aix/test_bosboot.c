/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "aix/bosboot.h"

/* The first partition of a disk, and a boot image in it. */
enum { LV_START = 4352, LV_LENGTH = 65536, SECTORS = 61441 };

static const struct am_boot_place sound = {.lv_start = LV_START,
	.lv_length = LV_LENGTH,
	.image_start = LV_START,
	.image_size = (uint64_t)SECTORS * AM_SECTOR_SIZE,
	.entry_offset = 364};

static const unsigned char pvid[8] = {0x00, 0xf6, 0xdb, 0x0a, 0x6c, 0x7a, 0xec, 0xe5};

/* What chdev leaves on a disk that never was anything else: the magic number and the identifier. */
static void fresh_with_pvid(unsigned char p[AM_SECTOR_SIZE])
{
	memset(p, 0, AM_SECTOR_SIZE);
	memcpy(p, "\xC9\xC2\xD4\xC1", 4);
	memcpy(p + 128, pvid, sizeof pvid);
}

static int compose(const unsigned char *sector, const struct am_boot_place *place,
	unsigned char *out, struct am_error *error)
{
	memset(out, 0xEE, AM_SECTOR_SIZE);
	return am_ipl_compose(sector, AM_SECTOR_SIZE, place, out, error);
}

static void assert_refused(
	const unsigned char *sector, const struct am_boot_place *place, const char *code)
{
	unsigned char out[AM_SECTOR_SIZE], untouched[AM_SECTOR_SIZE];
	struct am_error error;

	memset(untouched, 0xEE, sizeof untouched);
	assert_int_equal(compose(sector, place, out, &error), -1);
	assert_string_equal(error.code, code);
	assert_memory_equal(out, untouched, sizeof out);
}

static void assert_leads_to_the_image(const unsigned char *sector)
{
	struct am_error error;
	struct am_ipl ipl;

	assert_int_equal(am_ipl_parse(sector, AM_SECTOR_SIZE, &ipl, &error), 0);
	if (am_ipl_check(&ipl, &error) != 0)
		fail_msg("%s", error.message);
	assert_int_equal(ipl.boot_code_start, LV_START);
	assert_int_equal(ipl.boot_code_length, SECTORS);
	assert_int_equal(ipl.boot_lv_start, LV_START);
	assert_int_equal(ipl.boot_lv_length, LV_LENGTH);
	assert_int_equal(ipl.entry_offset, 364);
	assert_int_equal(ipl.service_code_start, LV_START);
	assert_int_equal(ipl.service_code_length, SECTORS);
	assert_int_equal(ipl.basecust_normal, AM_SAVEBASE_SECTORS);
	assert_int_equal(ipl.basecust_service, AM_SAVEBASE_SECTORS);
	assert_int_equal(ipl.basecust_normal_start, LV_START + SECTORS);
	assert_int_equal(ipl.basecust_service_start, LV_START + SECTORS);
	assert_int_equal(ipl.partitions[0].boot_indicator, 0x80);
	assert_int_equal(ipl.partitions[0].type, 0x41);
	assert_int_equal(ipl.partitions[0].start, LV_START);
	assert_int_equal(ipl.partitions[0].length, SECTORS + AM_SAVEBASE_SECTORS);
}

static void a_disk_that_is_all_zeros(void **state)
{
	unsigned char sector[AM_SECTOR_SIZE] = {0}, out[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	assert_int_equal(compose(sector, &sound, out, &error), 0);
	assert_leads_to_the_image(out);
	assert_memory_equal(out, "\xC9\xC2\xD4\xC1", 4);
	assert_memory_equal(out + 510, "\x55\xAA", 2);
}

static void the_identifier_of_a_disk_stays(void **state)
{
	unsigned char sector[AM_SECTOR_SIZE], out[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	fresh_with_pvid(sector);
	assert_int_equal(compose(sector, &sound, out, &error), 0);
	assert_leads_to_the_image(out);
	assert_memory_equal(out + 128, pvid, sizeof pvid);
}

/* What is not a field of place and size is somebody's: capacity, reserved bytes, whatever it is. */
static void everything_that_is_not_set_stays(void **state)
{
	static const struct {
		size_t from, to;
	} kept[] = {{4, 36}, {62, 64}, {76, 100}, {126, 0x1BE}};
	unsigned char sector[AM_SECTOR_SIZE], out[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	memset(sector, 0xA5, sizeof sector);
	memcpy(sector, "\xC9\xC2\xD4\xC1", 4);
	memset(sector + 0x1BE, 0, 64);
	assert_int_equal(compose(sector, &sound, out, &error), 0);
	assert_leads_to_the_image(out);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		assert_memory_equal(
			out + kept[i].from, sector + kept[i].from, kept[i].to - kept[i].from);
}

/* A record of an earlier boot image is replaced, and composing again changes nothing. */
static void an_older_record_is_replaced(void **state)
{
	struct am_boot_place older = sound;
	unsigned char sector[AM_SECTOR_SIZE], again[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	fresh_with_pvid(sector);
	older.lv_start = older.image_start = 1000;
	older.image_size = 512;
	assert_int_equal(am_ipl_compose(sector, sizeof sector, &older, sector, &error), 0);
	memset(sector + 0x1BE + 16, 0x41, 16); /* another entry of AIX's */
	assert_int_equal(am_ipl_compose(sector, sizeof sector, &sound, sector, &error), 0);
	assert_leads_to_the_image(sector);
	assert_int_equal(sector[0x1BE + 16], 0);
	assert_int_equal(compose(sector, &sound, again, &error), 0);
	assert_memory_equal(again, sector, sizeof sector);
}

static void a_sector_of_somebody_else_is_refused(void **state)
{
	unsigned char sector[AM_SECTOR_SIZE] = {0}, out[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	sector[0x1BE + 4] = 0x83; /* a partition table of PCs */
	sector[510] = 0x55;
	sector[511] = 0xAA;
	assert_refused(sector, &sound, "BOOT_SECTOR_FOREIGN");
	assert_int_equal(compose(sector, &sound, out, &error), -1);
	assert_non_null(strstr(error.message, "partition table of PCs"));
	for (size_t at = 0; at < AM_SECTOR_SIZE; at++) {
		memset(sector, 0, sizeof sector);
		sector[at] = 1;
		assert_refused(sector, &sound, "BOOT_SECTOR_FOREIGN");
	}
	for (int entry = 0; entry < 4; entry++) {
		fresh_with_pvid(sector);
		sector[0x1BE + 16 * entry + 4] = 0xEE;
		assert_refused(sector, &sound, "BOOT_SECTOR_FOREIGN");
		fresh_with_pvid(sector);
		sector[0x1BE + 16 * entry + 8] = 1; /* without a type */
		assert_refused(sector, &sound, "BOOT_SECTOR_FOREIGN");
	}
	assert_int_equal(am_ipl_compose(sector, 511, &sound, sector, &error), -1);
	assert_string_equal(error.code, "TRUNCATED");
}

static void places_that_no_record_can_have_are_refused(void **state)
{
	static const struct {
		struct am_boot_place place;
		const char *code;
	} cases[] = {
		{{0, 100, 0, 512, 0}, "BOOT_PLACE_RANGE"}, /* sector 0 is the record itself */
		{{8, 0, 8, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, 1000, 7, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, 1000, 1008, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, 1000, UINT64_MAX, 512, 0}, "BOOT_PLACE_RANGE"},
		{{UINT64_MAX, 1000, UINT64_MAX, 512, 0}, "BOOT_PLACE_RANGE"},
		{{UINT32_MAX, 1000, UINT32_MAX, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, UINT64_MAX, 8, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, UINT32_MAX - 7, 8, 512, 0}, "BOOT_PLACE_RANGE"},
		{{8, 1000, 8, 512, 512}, "BOOT_PLACE_RANGE"},
		{{8, 1000, 8, (uint64_t)512 << 40, (uint64_t)1 << 33}, "BOOT_PLACE_SIZE"},
		{{8, 1000, 8, 0, 0}, "BOOT_PLACE_SIZE"},
		{{8, 1000, 8, 513, 0}, "BOOT_PLACE_SIZE"},
		{{8, 1000, 8, UINT64_MAX - 511, 0}, "BOOT_PLACE_SIZE"},
		/* one sector more than there is, with the save-base area */
		{{8, 1000, 8, (1000 - 255) * 512, 0}, "BOOT_PLACE_SIZE"},
		{{8, 1000, 9, (1000 - 256) * 512, 0}, "BOOT_PLACE_SIZE"},
	};
	static const struct am_boot_place tight = {8, 1000, 8, (1000 - 256) * 512, 0};
	unsigned char sector[AM_SECTOR_SIZE], out[AM_SECTOR_SIZE];
	struct am_error error;

	(void)state;
	fresh_with_pvid(sector);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(compose(sector, &cases[i].place, out, &error), -1);
		if (strcmp(error.code, cases[i].code) != 0)
			fail_msg("case %zu: %s, expected %s", i, error.code, cases[i].code);
	}
	assert_int_equal(compose(sector, &tight, out, &error), 0);
}

static void what_a_problem_means(void **state)
{
	static const char *const bad[] = {"TRUNCATED", "BOOT_RECORD_MAGIC", "BOOT_RECORD_NONE",
		"BOOT_RECORD_SIGNATURE", "BOOT_RECORD_PARTITION", "BOOT_RECORD_RANGE",
		"BOOT_RECORD_ENTRY", "BOOT_IMAGE_EMPTY", "BOOT_IMAGE_MAGIC", "BOOT_IMAGE_TOO_LONG"};
	static const char *const unknown[] = {"BOOT_IMAGE_FORMAT", "BOOT_IMAGE_HEADER",
		"BOOT_IMAGE_NOTE", "BOOT_IMAGE_RANGE", "BOOT_RECORD_BYTE_ORDER"};

	(void)state;
	assert_string_equal(am_boot_verdict_of(""), "good");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_string_equal(am_boot_verdict_of(bad[i]), "bad");
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_string_equal(am_boot_verdict_of(unknown[i]), "unknown");
}

/* The one who wrote the partition's numbers big-endian may be AIX; a wrong place never is. */
static void numbers_of_the_partition_may_be_big_endian(void **state)
{
	unsigned char sector[AM_SECTOR_SIZE], swapped[8];
	struct am_error error;
	struct am_ipl ipl;

	(void)state;
	fresh_with_pvid(sector);
	assert_int_equal(am_ipl_compose(sector, sizeof sector, &sound, sector, &error), 0);
	for (int i = 0; i < 8; i++)
		swapped[i] = sector[0x1BE + 8 + (i / 4 * 4 + 3 - i % 4)];
	memcpy(sector + 0x1BE + 8, swapped, sizeof swapped);
	assert_int_equal(am_ipl_parse(sector, sizeof sector, &ipl, &error), 0);
	assert_int_equal(am_ipl_check(&ipl, &error), -1);
	assert_string_equal(error.code, "BOOT_RECORD_BYTE_ORDER");
	sector[0x1BE + 11]++;
	assert_int_equal(am_ipl_parse(sector, sizeof sector, &ipl, &error), 0);
	assert_int_equal(am_ipl_check(&ipl, &error), -1);
	assert_string_equal(error.code, "BOOT_RECORD_PARTITION");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_is_all_zeros),
		cmocka_unit_test(the_identifier_of_a_disk_stays),
		cmocka_unit_test(everything_that_is_not_set_stays),
		cmocka_unit_test(an_older_record_is_replaced),
		cmocka_unit_test(a_sector_of_somebody_else_is_refused),
		cmocka_unit_test(places_that_no_record_can_have_are_refused),
		cmocka_unit_test(what_a_problem_means),
		cmocka_unit_test(numbers_of_the_partition_may_be_big_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
