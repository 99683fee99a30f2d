/* SPDX-License-Identifier: MIT */
/*
 * What the reader and the writer of backup-by-name archives both know. Integers are little-endian;
 * every record starts on a multiple of 8 bytes.
 */
#ifndef ALTMIG_ARCHIVE_BFF_FORMAT_H
#define ALTMIG_ARCHIVE_BFF_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define BFF_MAGIC        60011U
#define BFF_MAGIC_PACKED 60012U

enum {
	FS_VOLUME = 0,
	FS_FINDEX,
	FS_CLRI,
	FS_BITS,
	FS_ONAME = 5,
	FS_VOLEND,
	FS_END,
	FS_DINODE,
	FS_NAME,
	FS_DS,
	FS_NAME_X,
	FS_NAME_LF,
	FS_NAME_EA,
	FS_NAME_ACL,
	FS_NAME_E
};

#define BFF_VOLUME_SIZE  72
#define BFF_NAME_X_SIZE  64 /* without the name */
#define BFF_NAME_LF_SIZE 72
#define BFF_HEADER_MAX   (255 * 8)
#define BFF_LEVEL_BYNAME 100
#define BFF_SMALL_MAX    0x7fffffff /* a file above this size needs FS_NAME_LF */
#define BFF_CLUSTER      51200
#define BFF_TARGET_MAX   4095
#define BFF_ACL_MAX      65536 /* bytes of an ACL or a PCL; AIX's own are far smaller */
#define BFF_ACL_PLAIN    16

static inline uint16_t bff_get16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t bff_get32(const unsigned char *p)
{
	return bff_get16(p) | (uint32_t)bff_get16(p + 2) << 16;
}

static inline uint64_t bff_get64(const unsigned char *p)
{
	return bff_get32(p) | (uint64_t)bff_get32(p + 4) << 32;
}

static inline void bff_put16(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)value;
	p[1] = (unsigned char)(value >> 8);
}

static inline void bff_put32(unsigned char *p, uint32_t value)
{
	bff_put16(p, value);
	bff_put16(p + 2, value >> 16);
}

static inline void bff_put64(unsigned char *p, uint64_t value)
{
	bff_put32(p, (uint32_t)value);
	bff_put32(p + 4, (uint32_t)(value >> 32));
}

/* Over the whole header record but the checksum itself (bytes 4 and 5). */
static inline uint16_t bff_checksum(const unsigned char *header, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		if (i != 4 && i != 5)
			sum += (uint32_t)header[i] << (header[i] & 7);
	}
	return (uint16_t)sum;
}

/* Zero to seven bytes up to the next multiple of 8. */
static inline unsigned bff_padding(int64_t length)
{
	return (unsigned)(-(uint64_t)length & 7);
}

#endif
