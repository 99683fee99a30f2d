/* SPDX-License-Identifier: MIT */
#include "archive/huffman.h"

#include <stdlib.h>
#include <string.h>

#define END_OF_DATA 256

/*
 * A table entry decodes up to two symbols at once: symbol | second << 8 | symbols << 16 | bits <<
 * 24. Entry 0 stands for what the table cannot tell: a longer code, or the end of data.
 */
#define ENTRY(symbol, second, count, bits)                                                         \
	((uint32_t)(symbol) | (uint32_t)(second) << 8 | (uint32_t)(count) << 16 |                  \
		(uint32_t)(bits) << 24)
#define ENTRY_COUNT(entry) ((entry) >> 16 & 3)
#define ENTRY_BITS(entry)  ((entry) >> 24)

static void fill_single(struct am_huffman *h)
{
	unsigned index = 0;

	memset(h->table, 0, sizeof *h->table << h->table_bits);
	for (unsigned level = 1; level <= h->table_bits; level++) {
		unsigned next = level < h->depth ? h->first[level + 1] : h->symbol_count;
		uint32_t code = h->inner[level] << (h->table_bits - level);

		for (; index < next; index++) {
			for (unsigned n = 1U << (h->table_bits - level); n > 0; n--)
				h->table[code++] = ENTRY(h->symbols[index], 0, 1, level);
		}
	}
}

static void fill_second(struct am_huffman *h)
{
	uint32_t size = 1U << h->table_bits;
	unsigned char lengths[1 << AM_HUFFMAN_TABLE_BITS]; /* of the first code of each entry */

	for (uint32_t i = 0; i < size; i++)
		lengths[i] = (unsigned char)ENTRY_BITS(h->table[i]);
	for (uint32_t i = 0; i < size; i++) {
		uint32_t next = i << lengths[i] & (size - 1);
		unsigned both = lengths[i] + lengths[next];

		if (lengths[i] == 0 || lengths[next] == 0 || both > h->table_bits)
			continue;
		h->table[i] = ENTRY(h->table[i] & 0xff, h->table[next] & 0xff, 2, both);
	}
}

int am_huffman_start(struct am_huffman *h, const unsigned char *data, size_t length, size_t *used,
	struct am_error *error)
{
	uint32_t counts[AM_HUFFMAN_DEPTH_MAX + 1] = {0};
	uint32_t codes = 0;

	if (length < 1 || data[0] < 1 || data[0] > AM_HUFFMAN_DEPTH_MAX)
		return am_fail(error, "BFF_PACK", "packed data: depth %d is not within 1 and %d",
			length < 1 ? 0 : data[0], AM_HUFFMAN_DEPTH_MAX);
	h->depth = data[0];
	if (length < 1 + h->depth)
		return am_fail(error, "BFF_PACK", "packed data: ends in its table");
	for (unsigned level = 1; level <= h->depth; level++)
		counts[level] = data[level];
	counts[h->depth] += 2;
	h->inner[h->depth] = 0;
	for (unsigned level = h->depth; level > 1; level--) {
		uint32_t nodes = h->inner[level] + counts[level];

		if (nodes % 2 != 0)
			return am_fail(error, "BFF_PACK",
				"packed data: level %u of the table has an odd number of nodes",
				level);
		h->inner[level - 1] = nodes / 2;
	}
	if (h->inner[1] + counts[1] != 2)
		return am_fail(error, "BFF_PACK", "packed data: the table is no binary tree");
	for (unsigned level = 1; level <= h->depth; level++) {
		h->first[level] = codes;
		codes += counts[level];
	}
	if (codes > 257)
		return am_fail(error, "BFF_PACK", "packed data: %u codes", (unsigned)codes);
	h->symbol_count = codes - 1;
	if (length < 1 + h->depth + h->symbol_count)
		return am_fail(error, "BFF_PACK", "packed data: ends in its table");
	memcpy(h->symbols, data + 1 + h->depth, h->symbol_count);
	*used = 1 + h->depth + h->symbol_count;
	h->bits = 0;
	h->bit_count = 0;
	h->table_bits = h->depth < AM_HUFFMAN_TABLE_BITS ? h->depth : AM_HUFFMAN_TABLE_BITS;
	fill_single(h);
	fill_second(h);
	return 0;
}

static uint64_t load64(const unsigned char *p)
{
	return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
	       (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
	       (uint64_t)p[6] << 8 | p[7];
}

/* The part of decoding where five lookups at a time need no check but one; ends at the first
 * thing the table cannot tell, and near either edge. */
static void decode_fast(struct am_huffman *h, const unsigned char **in, const unsigned char *in_end,
	unsigned char **out, const unsigned char *out_end)
{
	const unsigned char *p = *in;
	unsigned char *q = *out;
	uint64_t bits = h->bits;
	unsigned count = h->bit_count;
	unsigned shift = 64 - h->table_bits;
	uint32_t entry = 1;

	while (entry != 0 && in_end - p >= 8 && out_end - q >= 10) {
		/* Bits above `count` may be filled twice, with the same value. */
		bits |= load64(p) >> count;
		p += (63 - count) >> 3;
		count |= 56;
		for (int i = 0; i < 5; i++) {
			entry = h->table[bits >> shift];
			if (entry == 0)
				break;
			q[0] = (unsigned char)entry;
			q[1] = (unsigned char)(entry >> 8);
			q += ENTRY_COUNT(entry);
			bits <<= ENTRY_BITS(entry);
			count -= ENTRY_BITS(entry);
		}
	}
	/* Below `count` there may be bits of bytes not counted as taken. */
	h->bits = count == 0 ? 0 : bits & ~(uint64_t)0 << (64 - count);
	h->bit_count = count;
	*in = p;
	*out = q;
}

static void refill(struct am_huffman *h, const unsigned char **in, const unsigned char *in_end)
{
	while (h->bit_count < 56 && *in < in_end) {
		h->bits |= (uint64_t) * (*in)++ << (56 - h->bit_count);
		h->bit_count += 8;
	}
}

/* The next code by walking the levels: its symbol's index, and its length in `length`. */
static unsigned next_code(const struct am_huffman *h, unsigned *length)
{
	for (unsigned level = 1;; level++) {
		uint32_t code = (uint32_t)(h->bits >> (64 - level));

		/* inner[depth] is 0, so the walk ends there at the latest. */
		if (code >= h->inner[level]) {
			*length = level;
			return h->first[level] + code - h->inner[level];
		}
	}
}

int am_huffman_decode(struct am_huffman *h, const unsigned char **in, const unsigned char *in_end,
	int last, unsigned char **out, unsigned char *out_end, struct am_error *error)
{
	for (;;) {
		unsigned index, length;

		decode_fast(h, in, in_end, out, out_end);
		refill(h, in, in_end);
		if (h->bit_count < h->depth && !last)
			return AM_HUFFMAN_INPUT;
		index = next_code(h, &length);
		if (length > h->bit_count)
			return am_fail(error, "BFF_PACK",
				"packed data: ends without its end-of-data code");
		if (index < h->symbol_count && *out == out_end)
			return AM_HUFFMAN_ROOM;
		h->bits <<= length;
		h->bit_count -= length;
		if (index >= h->symbol_count)
			return AM_HUFFMAN_END;
		*(*out)++ = h->symbols[index];
	}
}

size_t am_huffman_unused(const struct am_huffman *h)
{
	return h->bit_count / 8;
}

struct node {
	uint64_t weight;
	unsigned parent;
	unsigned symbol;
};

static int by_weight(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return x->symbol < y->symbol ? -1 : x->symbol > y->symbol;
}

/*
 * Code lengths by the two-queue form of Huffman's algorithm. Leaves win ties, which keeps the tree
 * flat, and nodes leave the queues in order of falling depth: the end of data, of weight 0, comes
 * first and so is on the deepest level, as the format wants it.
 */
static unsigned code_lengths(struct node *nodes, unsigned leaves, unsigned char lengths[257])
{
	unsigned depth[2 * 257];
	unsigned leaf = 0, inner = leaves, total = leaves;

	qsort(nodes, leaves, sizeof *nodes, by_weight);
	while (total < 2 * leaves - 1) {
		nodes[total].weight = 0;
		for (int i = 0; i < 2; i++) {
			unsigned pick =
				inner < total && (leaf == leaves ||
							 nodes[inner].weight < nodes[leaf].weight)
					? inner++
					: leaf++;

			nodes[total].weight += nodes[pick].weight;
			nodes[pick].parent = total;
		}
		total++;
	}
	depth[total - 1] = 0;
	for (unsigned i = total - 1; i-- > 0;)
		depth[i] = depth[nodes[i].parent] + 1;
	for (unsigned i = 0; i < leaves; i++)
		lengths[nodes[i].symbol] = depth[i] > 255 ? 255 : (unsigned char)depth[i];
	return depth[0];
}

int am_huffman_plan(struct am_huffman_code *code, const uint64_t frequency[256])
{
	struct node nodes[2 * 257];
	unsigned leaves = 1;
	uint64_t total_bits;
	uint32_t inner[AM_HUFFMAN_DEPTH_MAX + 1];

	memset(code, 0, sizeof *code);
	/* Weight 0 and, among equals, first: no value of the data has weight 0. */
	nodes[0] = (struct node){0, 0, END_OF_DATA};
	for (unsigned value = 0; value < 256; value++) {
		if (frequency[value] > 0)
			nodes[leaves++] = (struct node){frequency[value], 0, value};
	}
	if (leaves < 2)
		return 0;
	code->depth = code_lengths(nodes, leaves, code->lengths);
	if (code->depth > AM_HUFFMAN_DEPTH_MAX)
		return 0;
	total_bits = code->depth;
	for (unsigned symbol = 0; symbol <= END_OF_DATA; symbol++) {
		code->counts[code->lengths[symbol]] += code->lengths[symbol] > 0;
		if (symbol < END_OF_DATA)
			total_bits += frequency[symbol] * code->lengths[symbol];
	}
	inner[code->depth] = 0;
	for (unsigned level = code->depth; level > 1; level--)
		inner[level - 1] = (inner[level] + code->counts[level]) / 2;
	for (unsigned level = 1; level <= code->depth; level++) {
		uint32_t next = inner[level];

		if (code->counts[level] > 255U + (level == code->depth ? 2 : 0))
			return 0;
		for (unsigned symbol = 0; symbol <= END_OF_DATA; symbol++) {
			if (code->lengths[symbol] != level)
				continue;
			code->codes[symbol] = next++;
			if (symbol < END_OF_DATA)
				code->symbols[code->symbol_count++] = (unsigned char)symbol;
		}
	}
	code->packed_size = 1 + code->depth + code->symbol_count + (total_bits + 7) / 8;
	return 1;
}

size_t am_huffman_header(const struct am_huffman_code *code, unsigned char *out)
{
	out[0] = (unsigned char)code->depth;
	for (unsigned level = 1; level <= code->depth; level++)
		out[level] = (unsigned char)(code->counts[level] - (level == code->depth ? 2 : 0));
	memcpy(out + 1 + code->depth, code->symbols, code->symbol_count);
	return 1 + code->depth + code->symbol_count;
}

static unsigned char *put_code(struct am_huffman_code *code, unsigned symbol, unsigned char *out)
{
	code->bits = code->bits << code->lengths[symbol] | code->codes[symbol];
	code->bit_count += code->lengths[symbol];
	while (code->bit_count >= 8) {
		code->bit_count -= 8;
		*out++ = (unsigned char)(code->bits >> code->bit_count);
	}
	return out;
}

size_t am_huffman_encode(
	struct am_huffman_code *code, const unsigned char *data, size_t length, unsigned char *out)
{
	unsigned char *p = out;

	for (size_t i = 0; i < length; i++)
		p = put_code(code, data[i], p);
	return (size_t)(p - out);
}

size_t am_huffman_finish(struct am_huffman_code *code, unsigned char *out)
{
	unsigned char *p = put_code(code, END_OF_DATA, out);

	if (code->bit_count > 0)
		*p++ = (unsigned char)(code->bits << (8 - code->bit_count));
	code->bit_count = 0;
	return (size_t)(p - out);
}
