/* SPDX-License-Identifier: MIT */
/*
 * XDR (RFC 4506), bounded in both directions. A reader that meets anything that cannot be is `bad`
 * from then on and gives zeros; the caller looks once, at the end. Nothing is allocated, and what
 * is given back points into the record that is read.
 */
#ifndef ALTMIG_TREE_NFS_XDR_H
#define ALTMIG_TREE_NFS_XDR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct am_xdr {
	const unsigned char *at, *end;
	int bad;
};

static inline size_t am_xdr_left(const struct am_xdr *xdr)
{
	return (size_t)(xdr->end - xdr->at);
}

/* `length` bytes as they are, and the padding behind them; NULL when they are not there. */
static inline const unsigned char *am_xdr_fixed(struct am_xdr *xdr, size_t length)
{
	const unsigned char *from = xdr->at;
	size_t left = am_xdr_left(xdr);

	if (xdr->bad || length > left || (4 - length % 4) % 4 > left - length) {
		xdr->bad = 1;
		return NULL;
	}
	xdr->at += length + (4 - length % 4) % 4;
	return from;
}

static inline uint32_t am_xdr_u32(struct am_xdr *xdr)
{
	const unsigned char *p = am_xdr_fixed(xdr, 4);

	if (p == NULL)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t am_xdr_u64(struct am_xdr *xdr)
{
	uint64_t high = am_xdr_u32(xdr);

	return high << 32 | am_xdr_u32(xdr);
}

/* 0 or 1; any other number is bad. */
static inline int am_xdr_bool(struct am_xdr *xdr)
{
	uint32_t value = am_xdr_u32(xdr);

	if (value > 1)
		xdr->bad = 1;
	return value == 1;
}

/* Bytes with their length before them, at most `most`. NULL when bad; *length is 0 then. */
static inline const char *am_xdr_opaque(struct am_xdr *xdr, size_t most, uint32_t *length)
{
	const unsigned char *data;

	*length = am_xdr_u32(xdr);
	if (*length > most)
		xdr->bad = 1;
	data = am_xdr_fixed(xdr, *length);
	if (data == NULL)
		*length = 0;
	return (const char *)data;
}

/* Into memory of the caller's; `overflow` when there was not enough of it. */
struct am_xdr_out {
	unsigned char *at, *end;
	int overflow;
};

static inline unsigned char *am_xdr_room(struct am_xdr_out *out, size_t length)
{
	unsigned char *to = out->at;

	if (out->overflow || length > (size_t)(out->end - out->at)) {
		out->overflow = 1;
		return NULL;
	}
	out->at += length;
	return to;
}

static inline void am_xdr_put_u32(struct am_xdr_out *out, uint32_t value)
{
	unsigned char *to = am_xdr_room(out, 4);

	if (to != NULL) {
		to[0] = (unsigned char)(value >> 24);
		to[1] = (unsigned char)(value >> 16);
		to[2] = (unsigned char)(value >> 8);
		to[3] = (unsigned char)value;
	}
}

static inline void am_xdr_put_u64(struct am_xdr_out *out, uint64_t value)
{
	am_xdr_put_u32(out, (uint32_t)(value >> 32));
	am_xdr_put_u32(out, (uint32_t)value);
}

/* Without a length before them. */
static inline void am_xdr_put_fixed(struct am_xdr_out *out, const void *data, size_t length)
{
	size_t padding = (4 - length % 4) % 4;
	unsigned char *to = am_xdr_room(out, length + padding);

	if (to != NULL) {
		if (length > 0)
			memcpy(to, data, length);
		memset(to + length, 0, padding);
	}
}

static inline void am_xdr_put_opaque(struct am_xdr_out *out, const void *data, size_t length)
{
	if (length > UINT32_MAX)
		out->overflow = 1;
	am_xdr_put_u32(out, (uint32_t)length);
	am_xdr_put_fixed(out, data, length);
}

static inline void am_xdr_put_string(struct am_xdr_out *out, const char *text)
{
	am_xdr_put_opaque(out, text, strlen(text));
}

#endif
