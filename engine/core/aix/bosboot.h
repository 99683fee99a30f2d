/* SPDX-License-Identifier: MIT */
/*
 * Making a disk bootable: the boot record that leads firmware to the boot image, and the verdict on
 * what is there. The image itself is AIX's bosboot's.
 *
 * On a disk that never booted nothing of the record is there but, at most, its magic number and the
 * identity of the disk. What identifies the disk is the same sector, so a record is never written
 * from nothing: it is composed from the sector that is there.
 */
#ifndef ALTMIG_AIX_BOSBOOT_H
#define ALTMIG_AIX_BOSBOOT_H

#include <stddef.h>
#include <stdint.h>

#include "aix/bootimg.h"
#include "base/error.h"

/* The area that savebase fills, behind the image: 0x20000 bytes. */
#define AM_SAVEBASE_SECTORS 256

/* Where the image is to be found. Sectors of 512 bytes unless said otherwise. */
struct am_boot_place {
	uint64_t lv_start; /* of the boot logical volume on this disk */
	uint64_t lv_length;
	uint64_t image_start;
	uint64_t image_size;   /* bytes, whole sectors */
	uint64_t entry_offset; /* bytes from the start of the image */
};

/*
 * Composes the first sector of a disk whose present one is `sector`. Set are the magic number,
 * place and size of image and save-base area (for a normal and for a service boot), the active boot
 * partition, which covers both since firmware loads what the partition covers, and the end 55 AA.
 * Everything else stays, the identifier of the disk among it. `out` may be `sector`.
 *
 * Fails with "TRUNCATED"; "BOOT_SECTOR_FOREIGN" when the sector holds something that is neither
 * AIX's nor nothing (a partition table, boot code of another system); "BOOT_PLACE_RANGE" when the
 * image begins outside the volume or the numbers do not fit the record; "BOOT_PLACE_SIZE" when
 * image and save-base area do not fit the volume.
 */
int am_ipl_compose(const void *sector, size_t length, const struct am_boot_place *place,
	unsigned char out[AM_SECTOR_SIZE], struct am_error *error);

/*
 * "good": record and image (as far as either was read) are what they have to be. "bad": it would
 * not boot. "unknown": nothing that has to be wrong, and not what is known of boot images either,
 * whose layout is known from headers alone.
 */
const char *am_boot_verdict(const struct am_boot *boot);

/* The verdict that the code of a problem stands for; "good" for "". */
const char *am_boot_verdict_of(const char *code);

#endif
