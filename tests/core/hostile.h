/* SPDX-License-Identifier: MIT */
/*
 * Hostile input for the tests of parsers: a sound sample, cut at every byte and with every length,
 * offset and count wrong in turn. Each variant is given to the parser in memory of exactly its
 * size, so that a sanitizer sees a read beyond it. What is asked of a parser: a valid result, or a
 * failure with a code and a message that says where.
 */
#ifndef ALTMIG_TEST_HOSTILE_H
#define ALTMIG_TEST_HOSTILE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum hostile_form { HOSTILE_LE, HOSTILE_BE, HOSTILE_DECIMAL };

/* A number in a sample: 1, 2, 4 or 8 bytes, or decimal digits in a field padded with blanks. */
struct hostile_field {
	size_t at;
	unsigned width;
	enum hostile_form form;
};

struct hostile {
	const unsigned char *data; /* the sample */
	size_t length;
	/* Parses a variant and uses all of the result. Returns 1 when it was read, 0 when it was
	 * refused with `error`. */
	int (*parse)(const void *data, size_t length, void *context, struct am_error *error);
	/* Sets right what guards the sample (checksums), so that damage gets past it. May be NULL.
	 */
	void (*repair)(unsigned char *data, size_t length, void *context);
	/* What each message must contain, besides the place: the name of the file. */
	const char *subject;
	void *context;
	/* How variants went. */
	size_t read, refused;
};

static inline void hostile_check(
	struct hostile *h, const unsigned char *data, size_t length, const char *what, size_t at)
{
	unsigned char *exact = malloc(length > 0 ? length : 1);
	struct am_error error = {{0}, {0}};

	assert_non_null(exact);
	memcpy(exact, data, length);
	if (h->parse(exact, length, h->context, &error)) {
		h->read++;
	} else {
		h->refused++;
		if (error.code[0] == '\0' || strstr(error.message, h->subject) == NULL ||
			(strstr(error.message, "offset ") == NULL &&
				strstr(error.message, "line ") == NULL &&
				strcmp(error.code, "TRUNCATED") != 0))
			fail_msg("%s at %zu: code '%s', message '%s'", what, at, error.code,
				error.message);
	}
	free(exact);
}

/* The sample itself must be read; then it is cut at every byte. */
static inline void hostile_cuts(struct hostile *h)
{
	struct am_error error = {{0}, {0}};

	if (!h->parse(h->data, h->length, h->context, &error))
		fail_msg("the sample is refused: %s", error.message);
	for (size_t cut = 0; cut < h->length; cut++)
		hostile_check(h, h->data, cut, "cut", cut);
}

static inline void hostile_variant(
	struct hostile *h, unsigned char *copy, const char *what, size_t at)
{
	if (h->repair != NULL)
		h->repair(copy, h->length, h->context);
	hostile_check(h, copy, h->length, what, at);
	memcpy(copy, h->data, h->length);
}

static inline uint64_t hostile_get(const unsigned char *p, const struct hostile_field *f)
{
	uint64_t value = 0;

	if (f->form == HOSTILE_DECIMAL) {
		for (unsigned i = 0; i < f->width && p[i] >= '0' && p[i] <= '9'; i++)
			value = value * 10 + (uint64_t)(p[i] - '0');
		return value;
	}
	for (unsigned i = 0; i < f->width; i++)
		value = value << 8 | p[f->form == HOSTILE_BE ? i : f->width - 1 - i];
	return value;
}

static inline void hostile_put(unsigned char *p, const struct hostile_field *f, uint64_t value)
{
	char digits[24];
	size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value);

	if (f->form == HOSTILE_DECIMAL) {
		memset(p, ' ', f->width);
		memcpy(p, digits, length < f->width ? length : f->width);
		return;
	}
	for (unsigned i = 0; i < f->width; i++, value >>= 8)
		p[f->form == HOSTILE_LE ? i : f->width - 1 - i] = (unsigned char)value;
}

/* Each of the fields wrong in turn: off by one both ways, off by a word, 0, 1, the ends of the
 * range with and without sign, the length of the sample and around it. */
static inline void hostile_fields(
	struct hostile *h, const struct hostile_field *fields, size_t count)
{
	unsigned char *copy = malloc(h->length);

	assert_non_null(copy);
	memcpy(copy, h->data, h->length);
	for (size_t i = 0; i < count; i++) {
		const struct hostile_field *f = &fields[i];
		uint64_t have = hostile_get(h->data + f->at, f);
		uint64_t all = f->form == HOSTILE_DECIMAL || f->width >= 8
				       ? UINT64_MAX
				       : ((uint64_t)1 << 8 * f->width) - 1;
		const uint64_t wrong[] = {have - 1, have + 1, have - 4, have + 4, have - 8,
			have + 8, have * 2, 0, 1, 2, all, all - 1, all - 7, all / 2, all / 2 + 1,
			all / 8, h->length, h->length - 1, h->length + 1};

		assert_true(f->at + f->width <= h->length);
		for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
			hostile_put(copy + f->at, f, wrong[k]);
			hostile_variant(h, copy, "field", f->at);
		}
	}
	free(copy);
}

/* Every byte of a part of the sample with other values, which is for text and tables of bytes. */
static inline void hostile_bytes(struct hostile *h, size_t from, size_t to)
{
	static const unsigned char texts[] = {0, 1, '\n', '\r', ' ', '\t', '"', '\'', '\\', ':',
		'=', ',', '#', '*', '{', '}', '%', '-', '0', '9', 'x', 0x7F, 0x80, 0xFF};
	unsigned char *copy = malloc(h->length);

	assert_non_null(copy);
	memcpy(copy, h->data, h->length);
	for (size_t at = from; at < to; at++) {
		for (size_t k = 0; k < sizeof texts; k++) {
			copy[at] = texts[k];
			hostile_variant(h, copy, "byte", at);
		}
		copy[at] ^= 1;
		hostile_variant(h, copy, "byte", at);
	}
	free(copy);
}

/* All words of a part, as hostile_fields. */
static inline void hostile_words(
	struct hostile *h, size_t from, size_t to, unsigned width, enum hostile_form form)
{
	for (size_t at = from; at + width <= to; at += width) {
		struct hostile_field field = {at, width, form};

		hostile_fields(h, &field, 1);
	}
}

#endif
