/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "archive/huffman.h"

#ifndef TEST_SHARED
#define TEST_SHARED "."
#endif

static unsigned char *packed(
	const unsigned char *data, size_t size, size_t *length, struct am_huffman_code *code)
{
	uint64_t frequency[256] = {0};
	unsigned char *out = malloc(3 * size + 600);
	size_t n;

	for (size_t i = 0; i < size; i++)
		frequency[data[i]]++;
	if (!am_huffman_plan(code, frequency)) {
		free(out);
		return NULL;
	}
	n = am_huffman_header(code, out);
	n += am_huffman_encode(code, data, size, out + n);
	n += am_huffman_finish(code, out + n);
	assert_int_equal(n, code->packed_size);
	*length = n;
	return out;
}

#define END_TOO_EARLY 100 /* bytes are left */

/* Decodes in pieces of `step` bytes of input, `room` bytes of output: the state of the end. */
static int unpack(const unsigned char *in, size_t length, size_t step, size_t room,
	unsigned char *out, size_t size, size_t *got, struct am_error *error)
{
	struct am_huffman *h = malloc(sizeof *h);
	size_t used, end;
	unsigned char *p = out;
	int state;

	if (am_huffman_start(h, in, length, &used, error) != 0) {
		free(h);
		return -1;
	}
	end = used;
	do {
		const unsigned char *q = in + used;
		size_t left = size - (size_t)(p - out);

		if (end < length && used == end)
			end = length - end < step ? length : end + step;
		state = am_huffman_decode(
			h, &q, in + end, end == length, &p, p + (left < room ? left : room), error);
		used = (size_t)(q - in);
	} while (state == AM_HUFFMAN_INPUT ||
		 (state == AM_HUFFMAN_ROOM && (size_t)(p - out) < size));
	*got = (size_t)(p - out);
	if (state == AM_HUFFMAN_END && (used < length || am_huffman_unused(h) > 0))
		state = END_TOO_EARLY;
	free(h);
	return state;
}

static void round_trip(const unsigned char *data, size_t size)
{
	static const size_t steps[][2] = {{1, 1}, {3, 1000}, {1 << 20, 7}, {1 << 20, 1 << 20}};
	struct am_huffman_code code;
	size_t length = 0;
	unsigned char *in = packed(data, size, &length, &code);
	unsigned char *out = malloc(size + 1);
	struct am_error error;

	assert_non_null(in);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		size_t got = 0;

		memset(out, 0xAA, size + 1);
		assert_int_equal(
			unpack(in, length, steps[i][0], steps[i][1], out, size, &got, &error),
			AM_HUFFMAN_END);
		assert_int_equal(got, size);
		assert_memory_equal(out, data, size);
		assert_int_equal(out[size], 0xAA);
	}
	free(in);
	free(out);
}

static void every_shape_of_code_round_trips(void **state)
{
	enum { SIZE = 40000 };
	unsigned char *data = malloc(SIZE);
	uint32_t random = 1;

	(void)state;
	memset(data, 'x', SIZE);
	round_trip(data, 1);
	round_trip(data, SIZE); /* one value: codes of one bit */
	for (int i = 0; i < SIZE; i++)
		data[i] = (unsigned char)i; /* 256 equal ones: lengths 8 and 9 */
	round_trip(data, 256);
	round_trip(data, SIZE);
	for (int i = 0; i < SIZE; i++) {
		random = random * 1103515245 + 12345;
		data[i] = (unsigned char)(__builtin_ctz(random >> 12 | 1 << 19));
	}
	round_trip(data, SIZE); /* steep: longer than the table is wide */
	free(data);
}

/* Fibonacci weights make the deepest tree a size allows. */
static void depth_beyond_24_is_left_plain(void **state)
{
	uint64_t frequency[256] = {0};
	struct am_huffman_code code;
	uint64_t a = 1, b = 1;

	(void)state;
	assert_false(am_huffman_plan(&code, frequency)); /* no data */
	for (int values = 1; values <= 30; values++) {
		uint64_t next = a + b;

		frequency[values] = a;
		a = b;
		b = next;
		if (am_huffman_plan(&code, frequency)) {
			assert_true(code.depth <= 24);
			assert_true(values <= 25);
		} else {
			assert_true(values >= 24);
		}
	}
	assert_false(am_huffman_plan(&code, frequency));
}

static void corrupt_tables_are_refused(void **state)
{
	static const struct {
		unsigned char data[8];
		size_t length;
	} bad[] = {
		{{0}, 0}, {{0, 0}, 2}, {{25, 0}, 2},
		{{1, 1, 'a', 'b'}, 4},    /* three codes of one bit */
		{{2, 0, 3, 1, 2, 3}, 6},  /* odd number of nodes */
		{{2, 0, 2, 'a', 'b'}, 5}, /* ends in its symbols */
		{{3, 0, 0}, 3},           /* ends in its counts */
		{{2, 2, 0}, 3},           /* no room for the deepest level */
	};
	struct am_huffman *h = malloc(sizeof *h);
	struct am_error error;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error.code[0] = '\0';
		assert_int_equal(
			am_huffman_start(h, bad[i].data, bad[i].length, &used, &error), -1);
		assert_string_equal(error.code, "BFF_PACK");
	}
	free(h);
}

/* Decodes a payload whole. The decoder knows no place: its caller adds file and offset. */
static int decode(const void *data, size_t length, void *context, struct am_error *error)
{
	unsigned char out[700];
	size_t got = 0;
	int end = unpack(data, length, 9, 50, out, sizeof out, &got, error);

	(void)context;
	assert_true(got <= sizeof out);
	if (end == -1) {
		assert_string_equal(error->code, "BFF_PACK");
		am_error_prefix(error, "%s: offset %d", "test", 0);
		return 0;
	}
	assert_true(end >= AM_HUFFMAN_END || got == sizeof out);
	return 1;
}

/* Cut at every byte; depth, counts and symbols wrong in turn, and every byte of the codes. */
static void any_byte_of_a_payload_may_be_wrong(void **state)
{
	unsigned char data[600];
	struct am_huffman_code code;
	struct hostile h = {.parse = decode, .subject = "test"};
	unsigned char *in;

	(void)state;
	for (int i = 0; i < 600; i++)
		data[i] = (unsigned char)(i * i % 251 % (1 + i % 60));
	in = packed(data, sizeof data, &h.length, &code);
	h.data = in;
	hostile_cuts(&h);
	assert_int_equal(h.read, 0);
	hostile_words(&h, 0, h.length, 1, HOSTILE_BE);
	hostile_words(&h, 0, h.length, 2, HOSTILE_BE);
	hostile_bytes(&h, 0, h.length);
	assert_true(h.read > 0 && h.refused > 1000);
	free(in);
}

static unsigned char *slurp(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data;

	if (file == NULL)
		return NULL;
	data = malloc(1 << 20);
	*size = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

/* A payload made on AIX: read, and made again byte for byte. */
static void the_real_payload_is_reproduced(void **state)
{
	size_t plain_size = 0, coded_size = 0, length, got;
	unsigned char *plain = slurp(TEST_SHARED "/samples/huffman_decoded.bin", &plain_size);
	unsigned char *coded = slurp(TEST_SHARED "/samples/huffman_encoded.bin", &coded_size);
	struct am_huffman_code code;
	struct am_error error;
	unsigned char *again, *out;

	(void)state;
	if (plain == NULL || coded == NULL) {
		free(plain);
		free(coded);
		skip();
	}
	out = malloc(plain_size);
	assert_int_equal(unpack(coded, coded_size, 100, 1000, out, plain_size, &got, &error),
		AM_HUFFMAN_END);
	assert_int_equal(got, plain_size);
	assert_memory_equal(out, plain, plain_size);
	again = packed(plain, plain_size, &length, &code);
	assert_int_equal(length, coded_size);
	assert_memory_equal(again, coded, coded_size);
	free(again);
	free(out);
	free(plain);
	free(coded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_code_round_trips),
		cmocka_unit_test(depth_beyond_24_is_left_plain),
		cmocka_unit_test(corrupt_tables_are_refused),
		cmocka_unit_test(any_byte_of_a_payload_may_be_wrong),
		cmocka_unit_test(the_real_payload_is_reproduced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
