/* SPDX-License-Identifier: MIT */
/*
 * Packed data: the input as a payload, in one piece and in drops, and the input as data that must
 * come back from being packed.
 */
#include "fuzz.h"
#include "archive/huffman.h"

enum { ROOM = 1 << 16 };

/* Decodes with at most `step` bytes of input and of room a time; the length, or -1. */
static long decode(
	const unsigned char *in, size_t length, size_t step, unsigned char *out, size_t *unused)
{
	static struct am_huffman huffman;
	struct am_error error;
	const unsigned char *end = in + length;
	unsigned char *at = out;
	size_t used;

	if (am_huffman_start(&huffman, in,
		    length < AM_HUFFMAN_HEADER_MAX ? length : AM_HUFFMAN_HEADER_MAX, &used,
		    &error) != 0) {
		fuzz_check_error(&error);
		return -1;
	}
	REQUIRE(used <= length);
	in += used;
	while (at - out < ROOM) {
		const unsigned char *stop = (size_t)(end - in) > step ? in + step : end;
		size_t room = (size_t)(out + ROOM - at);
		int state = am_huffman_decode(&huffman, &in, stop, stop == end, &at,
			at + (room > step ? step : room), &error);

		REQUIRE(in <= stop && at <= out + ROOM);
		if (state < 0) {
			fuzz_check_error(&error);
			return -1;
		}
		if (state == AM_HUFFMAN_END)
			break;
		REQUIRE(state == AM_HUFFMAN_ROOM || in == stop);
	}
	*unused = am_huffman_unused(&huffman) + (size_t)(end - in);
	return (long)(at - out);
}

static void decode_both_ways(const struct fuzz_part *payload)
{
	static unsigned char whole[ROOM], drops[ROOM];
	const unsigned char *in = (const unsigned char *)payload->data;
	size_t whole_unused = 0, drops_unused = 0;
	long length = decode(in, payload->length, SIZE_MAX, whole, &whole_unused);

	REQUIRE(decode(in, payload->length, 3, drops, &drops_unused) == length);
	REQUIRE(length <= 0 || memcmp(whole, drops, (size_t)length) == 0);
	REQUIRE(length < 0 || length == ROOM || whole_unused == drops_unused);
}

static void pack_and_unpack(const uint8_t *data, size_t size)
{
	static unsigned char packed[AM_HUFFMAN_HEADER_MAX + 3 * ROOM + 16], plain[ROOM];
	static struct am_huffman_code code;
	uint64_t frequency[256] = {0};
	size_t length, unused;

	for (size_t i = 0; i < size; i++)
		frequency[data[i]]++;
	if (size >= ROOM || !am_huffman_plan(&code, frequency))
		return;
	length = am_huffman_header(&code, packed);
	length += am_huffman_encode(&code, data, size, packed + length);
	length += am_huffman_finish(&code, packed + length);
	REQUIRE(length == code.packed_size);
	REQUIRE(decode(packed, length, SIZE_MAX, plain, &unused) == (long)size);
	REQUIRE(size == 0 || memcmp(plain, data, size) == 0);
	REQUIRE(unused == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part payload = fuzz_copy(data, size);

	decode_both_ways(&payload);
	pack_and_unpack(data, size);
	fuzz_part_free(&payload);
	return 0;
}
