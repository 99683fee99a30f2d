/* SPDX-License-Identifier: MIT */
/* The CRC of cksum against a model that goes bit by bit. */
#include "base/checksum.h"
#include "fuzz.h"

static uint32_t shift(uint32_t crc, unsigned byte)
{
	for (int bit = 7; bit >= 0; bit--) {
		uint32_t top = crc >> 31 ^ (byte >> bit & 1);

		crc = crc << 1 ^ (top ? 0x04C11DB7U : 0);
	}
	return crc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	uint32_t crc = 0;
	char hex[65];

	for (size_t i = 0; i < size; i++)
		crc = shift(crc, data[i]);
	for (size_t rest = size; rest != 0; rest >>= 8)
		crc = shift(crc, (unsigned)(rest & 255));
	REQUIRE(am_cksum(input.data, input.length) == (uint32_t)~crc);
	am_sha256_hex(input.data, input.length, hex);
	REQUIRE(strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64);
	fuzz_part_free(&input);
	return 0;
}
