/* SPDX-License-Identifier: MIT */
/* A part of a text. */
#ifndef ALTMIG_BASE_SLICE_H
#define ALTMIG_BASE_SLICE_H

#include <stddef.h>

/* Bytes of somebody else; at == NULL means absent, which is not the same as empty. */
struct am_slice {
	const char *at;
	size_t length;
};

/* NULL is absent. */
struct am_slice am_slice_of(const char *text);
int am_slice_equal(struct am_slice a, struct am_slice b);
int am_slice_is(struct am_slice a, const char *text);
/* In the order of bytes: negative, 0 or positive. */
int am_slice_compare(struct am_slice a, struct am_slice b);
/* Without the blanks around it. */
struct am_slice am_slice_trim(struct am_slice slice);

#endif
