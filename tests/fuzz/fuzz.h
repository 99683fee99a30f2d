/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is one LLVMFuzzerTestOneInput and may be called any number
 * of times; it ends the program where a property does not hold.
 */
#ifndef ALTMIG_FUZZ_H
#define ALTMIG_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Bytes in an allocation of exactly their size, so that a read past the end is seen. */
struct fuzz_part {
	char *data;
	size_t length;
};

struct fuzz_part fuzz_copy(const void *data, size_t length);

/*
 * Takes the part of an input up to the line "=====" or the end; NULL data when nothing is left. An
 * input of several texts stays one that can be read and written by hand.
 */
struct fuzz_part fuzz_next_part(const uint8_t **data, size_t *size);

/* The first byte of an input, 0 when there is none: which way to go. */
unsigned fuzz_choice(const uint8_t **data, size_t *size);

void fuzz_part_free(struct fuzz_part *part);

/* Is the failure a complete one: a code and a message that says something? */
void fuzz_check_error(const struct am_error *error);

/* Writes a file of this process's own; its path, valid until the next call. */
const char *fuzz_file(const void *data, size_t length);

/* A reader of memory that gives at most `step` bytes at a time: packets know no records. */
struct am_reader *fuzz_reader(const void *data, size_t length, size_t step);

#endif
