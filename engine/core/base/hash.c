/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/os.h"

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

/* Eight bytes, the first one lowest: written so, it is one load where the processor can. */
static uint64_t whole_word(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

/* The same of fewer bytes. */
static uint64_t word(const char *text, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value |= (uint64_t)(unsigned char)text[i] << 8 * i;
	return value;
}

static void take(uint64_t v[4], uint64_t value)
{
	v[3] ^= value;
	mix(v, 2);
	v[0] ^= value;
}

uint64_t am_hash_keyed(const uint64_t key[2], const char *text, size_t length)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
	size_t whole = length & ~(size_t)7;

	if (text == NULL) /* an absent text is an empty one */
		text = "";
	for (size_t i = 0; i < whole; i += 8)
		take(v, whole_word(text + i));
	take(v, (uint64_t)length << 56 | word(text + whole, length - whole));
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t am_hash(const char *text, size_t length)
{
	static uint64_t key[2];

	if (key[0] == 0 && key[1] == 0)
		am_os_random(key, sizeof key);
	return am_hash_keyed(key, text, length);
}
