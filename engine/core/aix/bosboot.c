/* SPDX-License-Identifier: MIT */
#include "aix/bosboot.h"

#include <string.h>

#include "aix/ipl_layout.h"

static void put_be16(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static void put_be32(unsigned char *p, uint32_t value)
{
	put_be16(p, value >> 16);
	put_be16(p + 2, value);
}

static void put_le32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

static int is_zero(const unsigned char *p, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

/* A sector is AIX's by its magic number, and free when it is zero; anything else is somebody's. */
static int check_owner(const unsigned char *p, struct am_error *error)
{
	static const unsigned char magic[4] = {0xC9, 0xC2, 0xD4, 0xC1};

	if (is_zero(p, AM_SECTOR_SIZE))
		return 0;
	if (memcmp(p, magic, sizeof magic) != 0)
		return am_fail(error, "BOOT_SECTOR_FOREIGN",
			"boot record: the first sector of the disk is in use by something else: it "
			"begins with %02X %02X %02X %02X%s",
			p[0], p[1], p[2], p[3],
			p[IPL_SIGNATURE] == 0x55 && p[IPL_SIGNATURE + 1] == 0xAA
				? " and ends like a partition table of PCs"
				: "");
	for (int i = 0; i < AM_IPL_PARTITIONS; i++) {
		const unsigned char *entry = p + IPL_PARTITION + PARTITION_SIZE * i;

		if (entry[4] != PARTITION_PREP && !is_zero(entry, PARTITION_SIZE))
			return am_fail(error, "BOOT_SECTOR_FOREIGN",
				"boot record: the first sector of the disk has a partition of type "
				"0x%02X, which is none of AIX",
				entry[4]);
	}
	return 0;
}

/* Whether the record can say where everything is: all of it in the volume, in 32 bits. */
static int check_place(const struct am_boot_place *place, uint64_t sectors, struct am_error *error)
{
	uint64_t all = sectors + AM_SAVEBASE_SECTORS, before;

	if (place->lv_start == 0 || place->lv_length == 0 || place->lv_start > UINT32_MAX ||
		place->lv_length > UINT32_MAX - place->lv_start)
		return am_fail(error, "BOOT_PLACE_RANGE",
			"boot record: a boot logical volume of %llu sectors at sector %llu is none "
			"a "
			"record can name",
			(unsigned long long)place->lv_length, (unsigned long long)place->lv_start);
	if (place->image_start < place->lv_start ||
		place->image_start - place->lv_start >= place->lv_length)
		return am_fail(error, "BOOT_PLACE_RANGE",
			"boot record: the image at sector %llu is outside the boot logical volume "
			"at "
			"sector %llu, length %llu",
			(unsigned long long)place->image_start, (unsigned long long)place->lv_start,
			(unsigned long long)place->lv_length);
	if (place->image_size == 0 || place->image_size % AM_SECTOR_SIZE != 0)
		return am_fail(error, "BOOT_PLACE_SIZE",
			"boot record: an image of %llu bytes is no whole number of blocks of %d",
			(unsigned long long)place->image_size, AM_SECTOR_SIZE);
	before = place->image_start - place->lv_start;
	if (all > place->lv_length - before)
		return am_fail(error, "BOOT_PLACE_SIZE",
			"boot record: image and save-base area need %llu sectors, the boot logical "
			"volume has room for %llu",
			(unsigned long long)all, (unsigned long long)(place->lv_length - before));
	if (place->entry_offset >= place->image_size || place->entry_offset > UINT32_MAX)
		return am_fail(error, "BOOT_PLACE_RANGE",
			"boot record: entry point at byte %llu of an image of %llu",
			(unsigned long long)place->entry_offset,
			(unsigned long long)place->image_size);
	return 0;
}

/* The same image boots in normal and in service mode. */
static void put_code(
	unsigned char *p, const struct am_boot_place *place, uint32_t sectors, int service)
{
	put_be32(p + (service ? IPL_SERVICE_LENGTH : IPL_CODE_LENGTH), sectors);
	put_be32(p + (service ? IPL_SERVICE_ENTRY : IPL_ENTRY), (uint32_t)place->entry_offset);
	put_be32(p + (service ? IPL_SERVICE_LV_START : IPL_LV_START), (uint32_t)place->lv_start);
	put_be32(p + (service ? IPL_SERVICE_START : IPL_CODE_START), (uint32_t)place->image_start);
	put_be32(p + (service ? IPL_SERVICE_LV_LENGTH : IPL_LV_LENGTH), (uint32_t)place->lv_length);
	put_be32(p + (service ? IPL_SERVICE_LOAD_ADDRESS : IPL_LOAD_ADDRESS), 0);
	put_be16(p + (service ? IPL_SERVICE_FLAGS : IPL_FLAGS), 0);
}

int am_ipl_compose(const void *sector, size_t length, const struct am_boot_place *place,
	unsigned char out[AM_SECTOR_SIZE], struct am_error *error)
{
	uint64_t sectors = place->image_size / AM_SECTOR_SIZE;
	unsigned char p[AM_SECTOR_SIZE], *entry = p + IPL_PARTITION;
	uint32_t base;

	if (length < AM_SECTOR_SIZE)
		return am_fail(error, "TRUNCATED", "boot record: %zu bytes, %d needed", length,
			AM_SECTOR_SIZE);
	memcpy(p, sector, sizeof p);
	if (check_owner(p, error) < 0 || check_place(place, sectors, error) < 0)
		return -1;
	put_be32(p, IPL_MAGIC);
	put_code(p, place, (uint32_t)sectors, 0);
	put_code(p, place, (uint32_t)sectors, 1);
	base = (uint32_t)(place->image_start + sectors);
	put_be16(p + IPL_BASECUST_NORMAL, AM_SAVEBASE_SECTORS);
	put_be16(p + IPL_BASECUST_SERVICE, AM_SAVEBASE_SECTORS);
	put_be32(p + IPL_BASECUST_NORMAL_START, base);
	put_be32(p + IPL_BASECUST_SERVICE_START, base);
	memset(entry, 0, (size_t)PARTITION_SIZE * AM_IPL_PARTITIONS); /* only AIX's were in it */
	entry[0] = PARTITION_ACTIVE;
	entry[4] = PARTITION_PREP;
	put_le32(entry + 8, (uint32_t)place->image_start);
	put_le32(entry + 12, (uint32_t)(sectors + AM_SAVEBASE_SECTORS));
	p[IPL_SIGNATURE] = 0x55;
	p[IPL_SIGNATURE + 1] = 0xAA;
	memcpy(out, p, sizeof p);
	return 0;
}

const char *am_boot_verdict_of(const char *code)
{
	static const char *const open[] = {"BOOT_IMAGE_FORMAT", "BOOT_IMAGE_HEADER",
		"BOOT_IMAGE_NOTE", "BOOT_IMAGE_RANGE", "BOOT_RECORD_BYTE_ORDER"};

	if (code[0] == '\0')
		return "good";
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		if (strcmp(code, open[i]) == 0)
			return "unknown";
	return "bad";
}

const char *am_boot_verdict(const struct am_boot *boot)
{
	return am_boot_verdict_of(boot->problem.code);
}
