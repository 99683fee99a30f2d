/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aix/bootimg.h"
#include "hostile.h"

enum { IMAGE_SIZE = 2048, CODE_START = 4, DISK_SIZE = CODE_START * AM_SECTOR_SIZE + IMAGE_SIZE };

static void put16(unsigned char *p, uint16_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static void put32(unsigned char *p, uint32_t value)
{
	put16(p, (uint16_t)(value >> 16));
	put16(p + 2, (uint16_t)value);
}

static void put_le32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

static void put_segment(unsigned char *p, uint32_t type, uint32_t offset, uint32_t size)
{
	put32(p, type);
	put32(p + 4, offset);
	put32(p + 16, size);
	put32(p + 20, type == 1 ? size : 0);
}

static void make_image(unsigned char *p)
{
	memset(p, 0, IMAGE_SIZE);
	memcpy(p, "\177ELF\1\2\1", 7);
	put16(p + 16, 2);
	put16(p + 18, 20);
	put32(p + 20, 1);
	put32(p + 28, 52);
	put16(p + 40, 52);
	put16(p + 42, 32);
	put16(p + 44, 4);
	put_segment(p + 52, 4, 180, 44);
	put_segment(p + 84, 4, 224, 76);
	put_segment(p + 116, 1, 300, 64);
	put_segment(p + 148, 1, 364, IMAGE_SIZE - 364);
	put32(p + 180, 8);
	put32(p + 184, 24);
	put32(p + 188, 0x1275);
	memcpy(p + 192, "PowerPC", 8);
	put32(p + 220, 0x4000);
	put32(p + 224, 22);
	put32(p + 228, 40);
	put32(p + 232, 0x12759999);
	memcpy(p + 236, "IBM,RPA-Client-Config", 22);
	put32(p + 300, 64);
	put32(p + 304, 1600000000);
	put32(p + 308, 100);
	put32(p + 312, 400);
	put32(p + 316, 900);
	put32(p + 320, 1024);
	put32(p + 324, 1024);
}

static void make_record(unsigned char *p)
{
	memset(p, 0, AM_SECTOR_SIZE);
	put32(p, 0xC9C2D4C1);
	put32(p + 36, IMAGE_SIZE / AM_SECTOR_SIZE);
	put32(p + 40, 364);
	put32(p + 44, CODE_START);
	put32(p + 48, CODE_START);
	put32(p + 52, 64);
	memcpy(p + 128, "\x00\xf6\xdb\x0a\x6c\x7a\xec\xe5", 8);
	p[0x1BE] = 0x80;
	p[0x1BE + 4] = 0x41;
	put_le32(p + 0x1BE + 8, CODE_START);
	put_le32(p + 0x1BE + 12, IMAGE_SIZE / AM_SECTOR_SIZE);
	p[0x1FE] = 0x55;
	p[0x1FF] = 0xAA;
}

static void make_disk(unsigned char *p)
{
	memset(p, 0, DISK_SIZE);
	make_record(p);
	make_image(p + CODE_START * AM_SECTOR_SIZE);
}

/* Through an allocation of exactly that size, so that a read past the end is seen. */
static void inspect(const unsigned char *data, size_t length, struct am_boot *boot)
{
	unsigned char *copy = malloc(length > 0 ? length : 1);
	struct am_error error;
	struct am_reader *reader;

	assert_non_null(copy);
	memcpy(copy, data, length);
	reader = am_reader_memory("test", copy, length, &error);
	assert_non_null(reader);
	assert_int_equal(am_boot_inspect(reader, boot, &error), 0);
	am_reader_close(reader);
	free(copy);
}

static void reads_a_whole_image(void **state)
{
	unsigned char image[IMAGE_SIZE];
	struct am_boot boot;

	(void)state;
	make_image(image);
	inspect(image, sizeof image, &boot);
	assert_string_equal(boot.problem.code, "");
	assert_false(boot.has_record);
	assert_true(boot.has_image);
	assert_int_equal(boot.image.blocks, 4);
	assert_int_equal(boot.image.load_base, 0x4000);
	assert_int_equal(boot.image.timestamp, 1600000000);
	assert_int_equal(boot.image.compressed_kernel_size, 400);
	assert_int_equal(boot.image.kernel_size, 900);
	assert_int_equal(boot.image.ramfs_start, 1024);
	assert_int_equal(boot.image.code.offset, 364);
}

static void reads_a_disk(void **state)
{
	unsigned char disk[DISK_SIZE];
	struct am_boot boot;

	(void)state;
	make_disk(disk);
	inspect(disk, sizeof disk, &boot);
	assert_string_equal(boot.problem.code, "");
	assert_true(boot.has_record && boot.has_image);
	assert_string_equal(boot.record.pvid, "00f6db0a6c7aece5");
	assert_int_equal(boot.record.boot_code_length, 4);
	assert_int_equal(boot.image.size, IMAGE_SIZE);
}

static void judges_a_first_sector_alone(void **state)
{
	unsigned char record[AM_SECTOR_SIZE];
	struct am_boot boot;

	(void)state;
	make_record(record);
	inspect(record, sizeof record, &boot);
	assert_string_equal(boot.problem.code, "");
	assert_true(boot.has_record);
	assert_false(boot.has_image);
}

static void refuses_every_truncated_image(void **state)
{
	unsigned char image[IMAGE_SIZE];
	struct am_boot boot;

	(void)state;
	make_image(image);
	for (size_t length = 0; length < sizeof image; length++) {
		inspect(image, length, &boot);
		assert_string_equal(boot.problem.code, "TRUNCATED");
		assert_int_equal(boot.has_image, length >= AM_BOOTIMG_HEADER_SIZE);
	}
}

static void refuses_every_truncated_disk(void **state)
{
	unsigned char disk[DISK_SIZE];
	struct am_boot boot;

	(void)state;
	make_disk(disk);
	for (size_t length = 0; length < sizeof disk; length++) {
		inspect(disk, length, &boot);
		if (length != AM_SECTOR_SIZE)
			assert_string_equal(boot.problem.code, "TRUNCATED");
	}
}

struct change {
	size_t offset;
	uint32_t value;
	int width; /* bytes */
	const char *code;
};

static void put(unsigned char *p, const struct change *change)
{
	if (change->width == 4)
		put32(p + change->offset, change->value);
	else if (change->width == 2)
		put16(p + change->offset, (uint16_t)change->value);
	else
		p[change->offset] = (unsigned char)change->value;
}

static void names_each_wrong_field_of_an_image(void **state)
{
	static const struct change changes[] = {
		{0, 0x7F454C47, 4, "BOOT_IMAGE_FORMAT"},
		{4, 2, 1, "BOOT_IMAGE_MAGIC"},  /* 64 bits */
		{5, 1, 1, "BOOT_IMAGE_MAGIC"},  /* little-endian */
		{6, 0, 1, "BOOT_IMAGE_MAGIC"},  /* version */
		{16, 3, 2, "BOOT_IMAGE_MAGIC"}, /* a shared object */
		{18, 21, 2, "BOOT_IMAGE_MAGIC"},
		{20, 2, 4, "BOOT_IMAGE_MAGIC"},
		{28, 53, 4, "BOOT_IMAGE_HEADER"},
		{28, 0xFFFFFFFF, 4, "BOOT_IMAGE_HEADER"},
		{40, 51, 2, "BOOT_IMAGE_HEADER"},
		{42, 56, 2, "BOOT_IMAGE_HEADER"},
		{44, 3, 2, "BOOT_IMAGE_HEADER"},
		{44, 0xFFFF, 2, "BOOT_IMAGE_HEADER"},
		{52, 1, 4, "BOOT_IMAGE_HEADER"},
		{84, 0, 4, "BOOT_IMAGE_HEADER"},
		{116, 4, 4, "BOOT_IMAGE_HEADER"},
		{148, 2, 4, "BOOT_IMAGE_HEADER"},
		{56, 0xFFFFFFF0, 4, "BOOT_IMAGE_NOTE"},
		{68, 0xFFFFFFFF, 4, "BOOT_IMAGE_NOTE"},
		{88, 0, 4, "BOOT_IMAGE_NOTE"},
		{100, 75, 4, "BOOT_IMAGE_NOTE"},
		{180, 0xFFFFFFFF, 4, "BOOT_IMAGE_NOTE"},
		{184, 20, 4, "BOOT_IMAGE_NOTE"},
		{192, 'p', 1, "BOOT_IMAGE_NOTE"},
		{224, 0, 4, "BOOT_IMAGE_NOTE"},
		{228, 0xFFFFFFFF, 4, "BOOT_IMAGE_NOTE"},
		{257, 'x', 1, "BOOT_IMAGE_NOTE"}, /* the name's end */
		{120, 365, 4, "BOOT_IMAGE_RANGE"},
		{120, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{132, 63, 4, "BOOT_IMAGE_RANGE"},
		{132, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{136, 63, 4, "BOOT_IMAGE_RANGE"},
		{152, 363, 4, "BOOT_IMAGE_RANGE"},
		{152, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{164, 0, 4, "BOOT_IMAGE_RANGE"},
		{164, 499, 4, "BOOT_IMAGE_RANGE"}, /* smaller than the kernel */
		{164, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{168, 0, 4, "BOOT_IMAGE_RANGE"},
		{308, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{312, 0, 4, "BOOT_IMAGE_RANGE"},
		{312, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{316, 0, 4, "BOOT_IMAGE_RANGE"},
		{320, 0, 4, "BOOT_IMAGE_RANGE"},
		{320, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
		{324, 0, 4, "BOOT_IMAGE_RANGE"},
		{324, 1025, 4, "BOOT_IMAGE_RANGE"},
		{324, 0xFFFFFFFF, 4, "BOOT_IMAGE_RANGE"},
	};
	unsigned char image[IMAGE_SIZE];
	struct am_boot boot;

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		make_image(image);
		put(image, &changes[i]);
		inspect(image, sizeof image, &boot);
		if (strcmp(boot.problem.code, changes[i].code) != 0)
			fail_msg("byte %zu: code '%s', expected %s", changes[i].offset,
				boot.problem.code, changes[i].code);
		assert_false(boot.has_image);
	}
}

static void names_each_wrong_field_of_a_record(void **state)
{
	static const struct change changes[] = {
		{36, 0, 4, "BOOT_RECORD_NONE"},
		{0x1FE, 0, 1, "BOOT_RECORD_SIGNATURE"},
		{0x1FF, 0x55, 1, "BOOT_RECORD_SIGNATURE"},
		{36, 65, 4, "BOOT_RECORD_RANGE"},
		{36, 0xFFFFFFFF, 4, "BOOT_RECORD_RANGE"},
		{44, 5, 4, "BOOT_RECORD_RANGE"},
		{48, 3, 4, "BOOT_RECORD_RANGE"},
		{48, 0, 4, "BOOT_RECORD_RANGE"},
		{48, 0xFFFFFFFF, 4, "BOOT_RECORD_RANGE"},
		{52, 3, 4, "BOOT_RECORD_RANGE"},
		{40, 4 * 512, 4, "BOOT_RECORD_ENTRY"},
		{40, 0xFFFFFFFF, 4, "BOOT_RECORD_ENTRY"},
		{0x1BE, 0, 1, "BOOT_RECORD_PARTITION"},
		{0x1BE + 4, 0x83, 1, "BOOT_RECORD_PARTITION"},
		{0x1BE + 8, 5, 1, "BOOT_RECORD_PARTITION"},
		{0x1BE + 12, 3, 1, "BOOT_RECORD_PARTITION"},
	};
	unsigned char record[AM_SECTOR_SIZE];
	struct am_boot boot;

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		make_record(record);
		put(record, &changes[i]);
		inspect(record, sizeof record, &boot);
		if (strcmp(boot.problem.code, changes[i].code) != 0)
			fail_msg("byte %zu: code '%s', expected %s", changes[i].offset,
				boot.problem.code, changes[i].code);
	}
}

static void refuses_an_image_longer_than_its_volume(void **state)
{
	unsigned char disk[DISK_SIZE];
	struct am_boot boot;

	(void)state;
	make_disk(disk);
	put32(disk + 36, 3);
	put32(disk + 52, 3);
	inspect(disk, sizeof disk, &boot);
	assert_string_equal(boot.problem.code, "BOOT_IMAGE_TOO_LONG");
}

/* What speaks against booting counts as a refusal; it says what, the caller says where it was read.
 */
static int judge(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_reader *reader = am_reader_memory("test", data, length, error);
	struct am_boot boot;

	(void)context;
	assert_non_null(reader);
	assert_int_equal(am_boot_inspect(reader, &boot, error), 0);
	am_reader_close(reader);
	if (boot.problem.code[0] == '\0')
		return 1;
	assert_true(strncmp(boot.problem.code, "BOOT_", 5) == 0 ||
		    strcmp(boot.problem.code, "TRUNCATED") == 0);
	assert_true(boot.problem.message[0] != '\0');
	am_fail(error, boot.problem.code, "offset %d: %s", 0, boot.problem.message);
	return 0;
}

/* Whatever the headers of a disk and of its image say, reading ends in order. */
static void any_field_may_be_wrong(void **state)
{
	unsigned char disk[DISK_SIZE];
	struct hostile h = {.data = disk, .length = sizeof disk, .parse = judge, .subject = "boot"};
	const size_t image = CODE_START * AM_SECTOR_SIZE;

	(void)state;
	make_disk(disk);
	for (unsigned width = 1; width <= 4; width *= 2) {
		hostile_words(&h, 0, AM_SECTOR_SIZE, width, HOSTILE_BE);
		hostile_words(&h, image, image + AM_BOOTIMG_HEADER_SIZE, width, HOSTILE_BE);
	}
	hostile_words(&h, 0x1BE, 0x1FE, 4, HOSTILE_LE);
	hostile_bytes(&h, 0, sizeof disk);
	assert_true(h.read > 0 && h.refused > 1000);
}

static ssize_t broken_read(
	struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	(void)reader, (void)data, (void)size;
	return am_fail(error, "EIO", "read: test: broken");
}

static void passes_on_a_read_error(void **state)
{
	struct am_reader reader = {.read = broken_read, .name = "test"};
	struct am_error error;
	struct am_boot boot;

	(void)state;
	assert_int_equal(am_boot_inspect(&reader, &boot, &error), -1);
	assert_string_equal(error.code, "EIO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_whole_image),
		cmocka_unit_test(reads_a_disk),
		cmocka_unit_test(judges_a_first_sector_alone),
		cmocka_unit_test(refuses_every_truncated_image),
		cmocka_unit_test(refuses_every_truncated_disk),
		cmocka_unit_test(names_each_wrong_field_of_an_image),
		cmocka_unit_test(names_each_wrong_field_of_a_record),
		cmocka_unit_test(refuses_an_image_longer_than_its_volume),
		cmocka_unit_test(any_field_may_be_wrong),
		cmocka_unit_test(passes_on_a_read_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
