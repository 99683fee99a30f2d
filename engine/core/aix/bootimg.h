/* SPDX-License-Identifier: MIT */
/*
 * What makes an AIX disk bootable: the IPL record in its first sector, and the boot image in its
 * boot logical volume. Both are big-endian. This reads them and names what is wrong; bosboot.h
 * composes records and says what a problem means.
 *
 * The layout is that of AIX on CHRP machines. The kernel and the RAM file system inside the image
 * are compressed in a way that is not documented, so they are located but not opened.
 */
#ifndef ALTMIG_AIX_BOOTIMG_H
#define ALTMIG_AIX_BOOTIMG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"

#define AM_SECTOR_SIZE         512
#define AM_BOOTIMG_HEADER_SIZE 364 /* ELF header, program headers, notes, boot parameters */
#define AM_IPL_PARTITIONS      4

struct am_ipl_partition {
	uint8_t boot_indicator; /* 0x80: firmware may boot from it */
	uint8_t type;           /* 0x41: boot partition of a PowerPC machine */
	uint32_t start; /* sectors; little-endian on the disk, as in every PC partition table */
	uint32_t length;
};

/* The IPL record. Positions and lengths in sectors of 512 bytes unless said otherwise. */
struct am_ipl {
	uint32_t formatted_capacity;
	uint32_t boot_code_length; /* 0: the disk has no boot record */
	uint32_t entry_offset;     /* bytes */
	uint32_t boot_lv_start;
	uint32_t boot_code_start;
	uint32_t boot_lv_length;
	uint32_t load_address;
	uint16_t basecust_normal; /* length of the base customization areas */
	uint16_t basecust_service;
	uint32_t basecust_normal_start;
	uint32_t basecust_service_start;
	uint32_t service_code_length;
	uint32_t service_code_start;
	char pvid[17]; /* 16 hexadecimal digits; all 0: the disk has none */
	struct am_ipl_partition partitions[AM_IPL_PARTITIONS];
	int signature; /* the sector ends in 55 AA */
};

struct am_bootimg_segment {
	uint32_t offset; /* from the start of the image */
	uint32_t size;
	uint32_t memory_size;
	uint32_t address;
};

struct am_bootimg {
	uint32_t entry;
	struct am_bootimg_segment parameters; /* load segment 1 */
	struct am_bootimg_segment code; /* load segment 2: expander, kernel, RAM file system */
	uint32_t load_base;
	uint32_t min_rmo_size;
	uint32_t timestamp; /* seconds since 1970 */
	uint32_t aixmon_size;
	uint32_t compressed_kernel_size;
	uint32_t kernel_size;
	uint32_t ramfs_start; /* from the start of the image */
	uint32_t ramfs_size;
	uint64_t kernel_start; /* from the start of the image */
	uint64_t size;         /* bytes up to the end of the last segment */
	uint64_t blocks;       /* the same in blocks of 512 bytes, as bosboot prints it */
};

/* What am_boot_inspect found. */
struct am_boot {
	int has_record;
	struct am_ipl record;
	int has_image;
	struct am_bootimg image;
	struct am_error problem; /* code "" when nothing speaks against booting from it */
};

/*
 * Reads the IPL record of `length` bytes (the first sector of a disk; more is ignored). Fails with
 * "TRUNCATED" or "BOOT_RECORD_MAGIC".
 */
int am_ipl_parse(const void *sector, size_t length, struct am_ipl *ipl, struct am_error *error);

/*
 * 0 when firmware can follow the record, or -1 with the reason: "BOOT_RECORD_NONE" (no boot code),
 * "BOOT_RECORD_SIGNATURE", "BOOT_RECORD_PARTITION" (no active boot partition, or one that is not
 * where the boot code is), "BOOT_RECORD_BYTE_ORDER" (it is there if its numbers are big-endian,
 * which nothing public rules out), "BOOT_RECORD_RANGE" (boot code outside the boot logical volume),
 * "BOOT_RECORD_ENTRY" (entry point outside the boot code).
 */
int am_ipl_check(const struct am_ipl *ipl, struct am_error *error);

/*
 * Reads the headers of a boot image from its first `length` bytes, at least AM_BOOTIMG_HEADER_SIZE
 * ("TRUNCATED"). Fails with "BOOT_IMAGE_EMPTY" (zeros), "BOOT_IMAGE_FORMAT" (no ELF program),
 * "BOOT_IMAGE_MAGIC" (one for another machine than a big-endian PowerPC), "BOOT_IMAGE_HEADER"
 * (program headers), "BOOT_IMAGE_NOTE" or "BOOT_IMAGE_RANGE" (segments, kernel or RAM file system
 * out of place). That the image is really as long as it says is for the caller.
 */
int am_bootimg_parse(
	const void *data, size_t length, struct am_bootimg *image, struct am_error *error);

/*
 * Reads a whole image or the beginning of a disk. A source that begins with an IPL record is a
 * disk: its first sector alone is judged alone; with more behind it the image is looked for where
 * the record says. Anything else must be an image, followed by no or any number of other bytes.
 * Returns -1 only when reading fails; what is wrong with the content is in out->problem, with
 * "TRUNCATED" for an image that ends too early and "BOOT_IMAGE_TOO_LONG" for one that is longer
 * than its volume. The reader is read to the end of the image.
 */
int am_boot_inspect(struct am_reader *reader, struct am_boot *out, struct am_error *error);

#endif
