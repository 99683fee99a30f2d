/* SPDX-License-Identifier: MIT */
/*
 * The Huffman coding of packed archive members: the classic System V `pack` coding without its
 * magic and size. A payload is a table (depth, codes per length, symbols) and the codes, most
 * significant bit first; the last code of the deepest level ends the data and has no symbol.
 */
#ifndef ALTMIG_ARCHIVE_HUFFMAN_H
#define ALTMIG_ARCHIVE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define AM_HUFFMAN_DEPTH_MAX  24
#define AM_HUFFMAN_HEADER_MAX (1 + AM_HUFFMAN_DEPTH_MAX + 256)
#define AM_HUFFMAN_TABLE_BITS 11

/* A decoder; its fields are its own. Any storage will do, am_huffman_start fills it. */
struct am_huffman {
	unsigned depth;
	unsigned symbol_count;
	uint32_t inner[AM_HUFFMAN_DEPTH_MAX + 1]; /* codes below it are inner nodes of the level */
	uint32_t first[AM_HUFFMAN_DEPTH_MAX + 1]; /* index of the level's first symbol */
	unsigned char symbols[257];
	unsigned table_bits;
	uint32_t table[1 << AM_HUFFMAN_TABLE_BITS];
	uint64_t bits;      /* bits not yet decoded, the next one on top */
	unsigned bit_count; /* how many of them are valid */
};

/*
 * Reads the table at the head of a payload; `*used` says how long it was. Give it the payload's
 * first AM_HUFFMAN_HEADER_MAX bytes, or all of a shorter one. Fails with "BFF_PACK".
 */
int am_huffman_start(struct am_huffman *huffman, const unsigned char *data, size_t length,
	size_t *used, struct am_error *error);

enum am_huffman_state {
	AM_HUFFMAN_INPUT = 0, /* took all input, wants more */
	AM_HUFFMAN_ROOM,      /* filled all room, and there is more data */
	AM_HUFFMAN_END        /* met the end-of-data code */
};

/*
 * Decodes from *in towards *out and moves both. `last`: no input follows in_end. Returns why it
 * stopped, or -1 with "BFF_PACK" when the data is corrupt or ends without the end-of-data code.
 */
int am_huffman_decode(struct am_huffman *huffman, const unsigned char **in,
	const unsigned char *in_end, int last, unsigned char **out, unsigned char *out_end,
	struct am_error *error);

/* Whole bytes the decoder took in and did not need; 0 after the end of a proper payload. */
size_t am_huffman_unused(const struct am_huffman *huffman);

/* A code made for some data, and the state of encoding it. */
struct am_huffman_code {
	unsigned depth;
	unsigned counts[AM_HUFFMAN_DEPTH_MAX + 1]; /* codes per length */
	unsigned symbol_count;
	unsigned char symbols[256]; /* by length, then by value */
	uint32_t codes[257];        /* [256] is the end of data */
	unsigned char lengths[257];
	uint64_t packed_size; /* of the whole payload */
	uint64_t bits;
	unsigned bit_count;
};

/*
 * Makes an optimal code for data in which byte value v occurs frequency[v] times, and computes the
 * exact size of the payload. Returns 1, or 0 when the format has no form for it (no data, codes
 * longer than 24 bits): such data is stored plain.
 */
int am_huffman_plan(struct am_huffman_code *code, const uint64_t frequency[256]);

/* Writes the table; returns its length, at most AM_HUFFMAN_HEADER_MAX. */
size_t am_huffman_header(const struct am_huffman_code *code, unsigned char *out);

/* Encodes `length` bytes; returns the bytes written, at most 3 * length + 8. */
size_t am_huffman_encode(
	struct am_huffman_code *code, const unsigned char *data, size_t length, unsigned char *out);

/* Writes the end of data and the last bits; returns the bytes written, at most 8. */
size_t am_huffman_finish(struct am_huffman_code *code, unsigned char *out);

#endif
