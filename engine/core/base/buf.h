/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with a hard limit. All zero is a valid empty buffer without limit.
 */
#ifndef ALTMIG_BASE_BUF_H
#define ALTMIG_BASE_BUF_H

#include <stddef.h>

#include "base/error.h"

struct am_buf {
	char *data;      /* NUL-terminated once anything was added; NULL before */
	size_t length;   /* bytes, the NUL not counted */
	size_t capacity; /* bytes allocated */
	size_t limit;    /* largest length allowed; 0: none */
};

/* Room for `more` bytes behind the present ones. Fails with ENOMEM, or E2BIG over the limit. */
int am_buf_reserve(struct am_buf *buf, size_t more, struct am_error *error);
int am_buf_add(struct am_buf *buf, const void *data, size_t length, struct am_error *error);
int am_buf_addstr(struct am_buf *buf, const char *text, struct am_error *error);
int am_buf_addf(struct am_buf *buf, struct am_error *error, const char *format, ...)
	AM_PRINTF(3, 4);

/* Drops the first `count` bytes (at most all). */
void am_buf_consume(struct am_buf *buf, size_t count);
void am_buf_free(struct am_buf *buf);
/*
 * The same for secrets: the memory is cleared first. What a growing buffer has left behind is not
 * reached, so reserve all room before anything is added.
 */
void am_buf_free_secret(struct am_buf *buf);

#endif
