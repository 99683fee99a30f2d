/* SPDX-License-Identifier: MIT */
/* The hash of a text, for tables in memory (FNV-1a). */
#ifndef ALTMIG_BASE_HASH_H
#define ALTMIG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t am_hash(const char *text, size_t length)
{
	uint64_t value = 14695981039346656037u;

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * 1099511628211u;
	return value ^ value >> 32; /* tables look at the low bits only */
}

#endif
