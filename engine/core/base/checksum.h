/* SPDX-License-Identifier: MIT */
/*
 * Digests of bytes in memory.
 */
#ifndef ALTMIG_BASE_CHECKSUM_H
#define ALTMIG_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* SHA-256 as 64 lower-case hexadecimal digits and a NUL. */
void am_sha256_hex(const void *data, size_t length, char hex[65]);

/* The same in pieces. NULL without memory. The end frees it. */
struct am_sha256;
struct am_sha256 *am_sha256_new(void);
void am_sha256_add(struct am_sha256 *sum, const void *data, size_t length);
void am_sha256_end(struct am_sha256 *sum, char hex[65]);

/* The CRC of the POSIX cksum command (the length is part of it). */
uint32_t am_cksum(const void *data, size_t length);

/*
 * The 16-bit sum of the command sum -r, which inventories of AIX hold: rotated right before each
 * byte is added. `sum` is 0 for the first piece, for the next what the one before returned.
 */
uint16_t am_sum(uint16_t sum, const void *data, size_t length);

#endif
