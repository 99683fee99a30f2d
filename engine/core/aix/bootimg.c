/* SPDX-License-Identifier: MIT */
#include "aix/bootimg.h"

#include <stdio.h>
#include <string.h>

#include "aix/ipl_layout.h"
#include "base/cancel.h"

enum {
	ELF_HEADER_SIZE = 52,
	PROGRAM_HEADER_SIZE = 32,
	PROGRAM_HEADERS = 4,
	PPC_NOTE = 180,
	PPC_NOTE_SIZE = 44,
	RPA_NOTE = 224,
	RPA_NOTE_SIZE = 76,
	PARAMETERS = 300,
	PARAMETERS_SIZE = 64
};

enum { PT_LOAD = 1, PT_NOTE = 4, EM_PPC = 20 };

static uint16_t be16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t le32(const unsigned char *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void parse_partition(const unsigned char *entry, struct am_ipl_partition *partition)
{
	partition->boot_indicator = entry[0];
	partition->type = entry[4];
	partition->start = le32(entry + 8);
	partition->length = le32(entry + 12);
}

int am_ipl_parse(const void *sector, size_t length, struct am_ipl *ipl, struct am_error *error)
{
	const unsigned char *p = sector;

	if (length < AM_SECTOR_SIZE)
		return am_fail(error, "TRUNCATED", "boot record: %zu bytes, %d needed", length,
			AM_SECTOR_SIZE);
	if (be32(p) != IPL_MAGIC)
		return am_fail(error, "BOOT_RECORD_MAGIC",
			"boot record: the first word is 0x%08X, not 0x%08X", (unsigned)be32(p),
			IPL_MAGIC);
	*ipl = (struct am_ipl){
		.formatted_capacity = be32(p + IPL_CAPACITY),
		.boot_code_length = be32(p + IPL_CODE_LENGTH),
		.entry_offset = be32(p + IPL_ENTRY),
		.boot_lv_start = be32(p + IPL_LV_START),
		.boot_code_start = be32(p + IPL_CODE_START),
		.boot_lv_length = be32(p + IPL_LV_LENGTH),
		.load_address = be32(p + IPL_LOAD_ADDRESS),
		.basecust_normal = be16(p + IPL_BASECUST_NORMAL),
		.basecust_service = be16(p + IPL_BASECUST_SERVICE),
		.basecust_normal_start = be32(p + IPL_BASECUST_NORMAL_START),
		.basecust_service_start = be32(p + IPL_BASECUST_SERVICE_START),
		.service_code_length = be32(p + IPL_SERVICE_LENGTH),
		.service_code_start = be32(p + IPL_SERVICE_START),
		.signature = p[IPL_SIGNATURE] == 0x55 && p[IPL_SIGNATURE + 1] == 0xAA,
	};
	for (int i = 0; i < 8; i++)
		snprintf(ipl->pvid + 2 * i, 3, "%02x", p[IPL_PVID + i]);
	for (int i = 0; i < AM_IPL_PARTITIONS; i++)
		parse_partition(p + IPL_PARTITION + PARTITION_SIZE * i, &ipl->partitions[i]);
	return 0;
}

/* Whether one range of sectors lies within another; the sums are made wide enough. */
static int within(uint32_t start, uint32_t length, uint32_t outer_start, uint32_t outer_length)
{
	return start >= outer_start &&
	       (uint64_t)start + length <= (uint64_t)outer_start + outer_length;
}

static uint32_t swapped(uint32_t value)
{
	return value >> 24 | (value >> 8 & 0xFF00) | (value << 8 & 0xFF0000) | value << 24;
}

static const struct am_ipl_partition *boot_partition(const struct am_ipl *ipl)
{
	for (int i = 0; i < AM_IPL_PARTITIONS; i++)
		if (ipl->partitions[i].boot_indicator == PARTITION_ACTIVE &&
			ipl->partitions[i].type == PARTITION_PREP)
			return &ipl->partitions[i];
	return NULL;
}

int am_ipl_check(const struct am_ipl *ipl, struct am_error *error)
{
	const struct am_ipl_partition *partition = boot_partition(ipl);

	if (ipl->boot_code_length == 0)
		return am_fail(error, "BOOT_RECORD_NONE",
			"boot record: the disk has no boot record (boot code length 0)");
	if (!ipl->signature)
		return am_fail(error, "BOOT_RECORD_SIGNATURE",
			"boot record: the sector does not end in 55 AA");
	if (ipl->boot_code_start == 0 || !within(ipl->boot_code_start, ipl->boot_code_length,
						 ipl->boot_lv_start, ipl->boot_lv_length))
		return am_fail(error, "BOOT_RECORD_RANGE",
			"boot record: boot code at sector %lu, length %lu, lies outside the boot "
			"logical volume at sector %lu, length %lu",
			(unsigned long)ipl->boot_code_start, (unsigned long)ipl->boot_code_length,
			(unsigned long)ipl->boot_lv_start, (unsigned long)ipl->boot_lv_length);
	if (ipl->entry_offset >= (uint64_t)ipl->boot_code_length * AM_SECTOR_SIZE)
		return am_fail(error, "BOOT_RECORD_ENTRY",
			"boot record: entry point at byte %lu of a boot code of %lu sectors",
			(unsigned long)ipl->entry_offset, (unsigned long)ipl->boot_code_length);
	if (partition == NULL)
		return am_fail(error, "BOOT_RECORD_PARTITION",
			"boot record: no active partition of type 0x41");
	if (swapped(partition->start) == ipl->boot_code_start &&
		swapped(partition->length) >= ipl->boot_code_length)
		return am_fail(error, "BOOT_RECORD_BYTE_ORDER",
			"boot record: the boot partition is where the boot code is if its numbers "
			"are read as big-endian ones");
	if (partition->start != ipl->boot_code_start || partition->length < ipl->boot_code_length)
		return am_fail(error, "BOOT_RECORD_PARTITION",
			"boot record: the boot partition (sector %lu, length %lu) is not where the "
			"boot code is (sector %lu, length %lu)",
			(unsigned long)partition->start, (unsigned long)partition->length,
			(unsigned long)ipl->boot_code_start, (unsigned long)ipl->boot_code_length);
	return 0;
}

static int check_elf_header(const unsigned char *p, struct am_error *error)
{
	static const unsigned char nothing[AM_BOOTIMG_HEADER_SIZE];

	if (memcmp(p, nothing, sizeof nothing) == 0)
		return am_fail(error, "BOOT_IMAGE_EMPTY", "boot image: there is none, only zeros");
	if (memcmp(p, "\177ELF", 4) != 0)
		return am_fail(error, "BOOT_IMAGE_FORMAT",
			"boot image: begins with 0x%08X, which is no ELF program",
			(unsigned)be32(p));
	/* ELF, 32 bits, big-endian, version 1 */
	if (memcmp(p, "\177ELF\1\2\1", 7) != 0 || be16(p + 16) != 2 || be16(p + 18) != EM_PPC ||
		be32(p + 20) != 1)
		return am_fail(error, "BOOT_IMAGE_MAGIC",
			"boot image: not a 32-bit big-endian PowerPC ELF program");
	if (be32(p + 28) != ELF_HEADER_SIZE || be16(p + 40) != ELF_HEADER_SIZE ||
		be16(p + 42) != PROGRAM_HEADER_SIZE || be16(p + 44) != PROGRAM_HEADERS)
		return am_fail(error, "BOOT_IMAGE_HEADER",
			"boot image: %u program headers of %u bytes at offset %lu, expected %d of "
			"%d bytes at %d",
			be16(p + 44), be16(p + 42), (unsigned long)be32(p + 28), PROGRAM_HEADERS,
			PROGRAM_HEADER_SIZE, ELF_HEADER_SIZE);
	return 0;
}

/* The program header of that index, which must be of `type`. */
static int parse_segment(const unsigned char *p, int index, uint32_t type,
	struct am_bootimg_segment *segment, struct am_error *error)
{
	const unsigned char *header = p + ELF_HEADER_SIZE + PROGRAM_HEADER_SIZE * index;

	if (be32(header) != type)
		return am_fail(error, "BOOT_IMAGE_HEADER",
			"boot image: program header %d has type %lu, expected %lu", index,
			(unsigned long)be32(header), (unsigned long)type);
	*segment = (struct am_bootimg_segment){
		.offset = be32(header + 4),
		.address = be32(header + 8),
		.size = be32(header + 16),
		.memory_size = be32(header + 20),
	};
	return 0;
}

/* A note must lie at its place, have its size, and bear its owner's name. */
static int check_note(const unsigned char *p, const struct am_bootimg_segment *segment,
	uint32_t offset, uint32_t size, uint32_t name_room, const char *name,
	struct am_error *error)
{
	size_t name_size = strlen(name) + 1;

	if (segment->offset != offset || segment->size != size)
		return am_fail(error, "BOOT_IMAGE_NOTE",
			"boot image: note %s: %lu bytes at offset %lu, expected %lu at %lu", name,
			(unsigned long)segment->size, (unsigned long)segment->offset,
			(unsigned long)size, (unsigned long)offset);
	/* Writers differ in whether the padding counts. */
	if ((be32(p + offset) != name_size && be32(p + offset) != name_room) ||
		be32(p + offset + 4) != size - 12 - name_room ||
		memcmp(p + offset + 12, name, name_size) != 0)
		return am_fail(error, "BOOT_IMAGE_NOTE",
			"boot image: the note at offset %lu is not a note of %s",
			(unsigned long)offset, name);
	return 0;
}

static int check_ranges(const struct am_bootimg *image, struct am_error *error)
{
	const struct am_bootimg_segment *parameters = &image->parameters, *code = &image->code;

	if (!within(PARAMETERS, PARAMETERS_SIZE, parameters->offset, parameters->size))
		return am_fail(error, "BOOT_IMAGE_RANGE",
			"boot image: the first load segment (%lu bytes at offset %lu) does not "
			"hold the boot parameters at offset %d",
			(unsigned long)parameters->size, (unsigned long)parameters->offset,
			PARAMETERS);
	if (code->size == 0 || code->offset < (uint64_t)parameters->offset + parameters->size)
		return am_fail(error, "BOOT_IMAGE_RANGE",
			"boot image: the second load segment (%lu bytes at offset %lu) is empty or "
			"overlaps the first",
			(unsigned long)code->size, (unsigned long)code->offset);
	if (code->memory_size < code->size || parameters->memory_size < parameters->size)
		return am_fail(error, "BOOT_IMAGE_RANGE",
			"boot image: a load segment is smaller in memory than in the file");
	if ((uint64_t)image->aixmon_size + image->compressed_kernel_size > code->size)
		return am_fail(error, "BOOT_IMAGE_RANGE",
			"boot image: kernel of %lu bytes does not fit the load segment of %lu",
			(unsigned long)image->compressed_kernel_size, (unsigned long)code->size);
	if (image->kernel_size == 0 || image->compressed_kernel_size == 0)
		return am_fail(error, "BOOT_IMAGE_RANGE", "boot image: no kernel in it");
	if (image->ramfs_size == 0 ||
		!within(image->ramfs_start, image->ramfs_size, code->offset, code->size))
		return am_fail(error, "BOOT_IMAGE_RANGE",
			"boot image: RAM file system (%lu bytes at offset %lu) outside the load "
			"segment (%lu bytes at offset %lu)",
			(unsigned long)image->ramfs_size, (unsigned long)image->ramfs_start,
			(unsigned long)code->size, (unsigned long)code->offset);
	return 0;
}

static void parse_parameters(const unsigned char *p, struct am_bootimg *image)
{
	const unsigned char *words = p + PARAMETERS;

	image->entry = be32(p + 24);
	image->load_base = be32(p + PPC_NOTE + 40);
	image->min_rmo_size = be32(p + RPA_NOTE + 12 + 24 + 4);
	image->timestamp = be32(words + 4);
	image->aixmon_size = be32(words + 8);
	image->compressed_kernel_size = be32(words + 12);
	image->kernel_size = be32(words + 16);
	image->ramfs_start = be32(words + 20);
	image->ramfs_size = be32(words + 24);
	image->size = (uint64_t)image->code.offset + image->code.size;
	image->kernel_start = (uint64_t)image->code.offset + image->aixmon_size;
	image->blocks = (image->size + AM_SECTOR_SIZE - 1) / AM_SECTOR_SIZE;
}

int am_bootimg_parse(
	const void *data, size_t length, struct am_bootimg *image, struct am_error *error)
{
	const unsigned char *p = data;
	struct am_bootimg_segment ppc, rpa;

	if (length < AM_BOOTIMG_HEADER_SIZE)
		return am_fail(error, "TRUNCATED",
			"boot image: ends after %zu bytes, within its headers", length);
	memset(image, 0, sizeof *image);
	if (check_elf_header(p, error) < 0 || parse_segment(p, 0, PT_NOTE, &ppc, error) < 0 ||
		parse_segment(p, 1, PT_NOTE, &rpa, error) < 0 ||
		parse_segment(p, 2, PT_LOAD, &image->parameters, error) < 0 ||
		parse_segment(p, 3, PT_LOAD, &image->code, error) < 0)
		return -1;
	if (check_note(p, &ppc, PPC_NOTE, PPC_NOTE_SIZE, 8, "PowerPC", error) < 0 ||
		check_note(p, &rpa, RPA_NOTE, RPA_NOTE_SIZE, 24, "IBM,RPA-Client-Config", error) <
			0)
		return -1;
	parse_parameters(p, image);
	return check_ranges(image, error);
}

/* Reads up to `size` bytes; fewer only at the end of the source. -1 when reading fails. */
static int read_up_to(struct am_reader *reader, unsigned char *data, size_t size, size_t *count,
	struct am_error *error)
{
	*count = 0;
	while (*count < size) {
		ssize_t n = reader->read(reader, data + *count, size - *count, error);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		*count += (size_t)n;
	}
	return 0;
}

/* Reads past `distance` bytes; *passed tells how many there were. */
static int skip(
	struct am_reader *reader, uint64_t distance, uint64_t *passed, struct am_error *error)
{
	unsigned char block[16384];

	*passed = 0;
	while (*passed < distance) {
		uint64_t left = distance - *passed;
		size_t want = left < sizeof block ? (size_t)left : sizeof block, n;

		if (am_check_cancel("boot image", error) < 0 ||
			read_up_to(reader, block, want, &n, error) < 0)
			return -1;
		*passed += n;
		if (n < want)
			break;
	}
	return 0;
}

/* `head` holds the first `length` bytes of the image, the reader the rest. */
static int inspect_image(struct am_reader *reader, const unsigned char *head, size_t length,
	struct am_boot *out, struct am_error *error)
{
	uint64_t rest, passed;

	if (am_bootimg_parse(head, length, &out->image, &out->problem) < 0)
		return 0;
	out->has_image = 1;
	rest = out->image.size > length ? out->image.size - length : 0;
	if (skip(reader, rest, &passed, error) < 0)
		return -1;
	if (passed < rest)
		am_fail(&out->problem, "TRUNCATED", "boot image: ends after %llu of %llu bytes",
			(unsigned long long)(length + passed), (unsigned long long)out->image.size);
	return 0;
}

/* The image of a disk whose record has been read; the reader stands behind the first sector. */
static int inspect_disk(struct am_reader *reader, struct am_boot *out, struct am_error *error)
{
	const struct am_ipl *ipl = &out->record;
	unsigned char sector[AM_SECTOR_SIZE];
	uint64_t distance, passed;
	size_t n;

	if (am_ipl_check(ipl, &out->problem) < 0)
		return 0;
	distance = ((uint64_t)ipl->boot_code_start - 1) * AM_SECTOR_SIZE;
	if (skip(reader, distance, &passed, error) < 0)
		return -1;
	if (passed == 0 && distance > 0)
		return 0; /* the record alone was given */
	if (read_up_to(reader, sector, sizeof sector, &n, error) < 0)
		return -1;
	if (n == 0) {
		am_fail(&out->problem, "TRUNCATED", "boot image: the disk ends before sector %lu",
			(unsigned long)ipl->boot_code_start);
		return 0;
	}
	if (inspect_image(reader, sector, n, out, error) < 0)
		return -1;
	if (out->has_image && out->image.blocks > ipl->boot_lv_length &&
		out->problem.code[0] == '\0')
		am_fail(&out->problem, "BOOT_IMAGE_TOO_LONG",
			"boot image: %llu blocks, more than the boot logical volume's %lu",
			(unsigned long long)out->image.blocks, (unsigned long)ipl->boot_lv_length);
	return 0;
}

int am_boot_inspect(struct am_reader *reader, struct am_boot *out, struct am_error *error)
{
	unsigned char sector[AM_SECTOR_SIZE];
	size_t n;

	memset(out, 0, sizeof *out);
	if (read_up_to(reader, sector, sizeof sector, &n, error) < 0)
		return -1;
	if (n < 4 || be32(sector) != IPL_MAGIC)
		return inspect_image(reader, sector, n, out, error);
	if (am_ipl_parse(sector, n, &out->record, &out->problem) < 0)
		return 0;
	out->has_record = 1;
	return inspect_disk(reader, out, error);
}
