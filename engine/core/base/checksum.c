/* SPDX-License-Identifier: MIT */
#include "base/checksum.h"

#include <sha2.h>
#include <stdlib.h>

struct am_sha256 {
	SHA2_CTX context;
};

static void finish(SHA2_CTX *context, char hex[65])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256Final(digest, context);
	for (size_t i = 0; i < sizeof digest; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[64] = '\0';
}

void am_sha256_hex(const void *data, size_t length, char hex[65])
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, data, length);
	finish(&context, hex);
}

struct am_sha256 *am_sha256_new(void)
{
	struct am_sha256 *sum = malloc(sizeof *sum);

	if (sum != NULL)
		SHA256Init(&sum->context);
	return sum;
}

void am_sha256_add(struct am_sha256 *sum, const void *data, size_t length)
{
	SHA256Update(&sum->context, data, length);
}

void am_sha256_end(struct am_sha256 *sum, char hex[65])
{
	finish(&sum->context, hex);
	free(sum);
}

static uint32_t crc_byte(uint32_t crc, unsigned char byte)
{
	static const uint32_t polynomial = 0x04C11DB7;

	crc ^= (uint32_t)byte << 24;
	for (int bit = 0; bit < 8; bit++)
		crc = crc & 0x80000000U ? crc << 1 ^ polynomial : crc << 1;
	return crc;
}

uint32_t am_cksum(const void *data, size_t length)
{
	const unsigned char *p = data;
	uint32_t table[256], crc = 0;

	for (unsigned i = 0; i < 256; i++)
		table[i] = crc_byte(0, (unsigned char)i);
	for (size_t i = 0; i < length; i++)
		crc = crc << 8 ^ table[(crc >> 24 ^ p[i]) & 255];
	for (size_t rest = length; rest != 0; rest >>= 8)
		crc = crc << 8 ^ table[(crc >> 24 ^ rest) & 255];
	return ~crc;
}

uint16_t am_sum(uint16_t sum, const void *data, size_t length)
{
	const unsigned char *p = data;
	uint32_t s = sum;

	for (size_t i = 0; i < length; i++)
		s = ((s >> 1 | s << 15) + p[i]) & 0xFFFF;
	return (uint16_t)s;
}
