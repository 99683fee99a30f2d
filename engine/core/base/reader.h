/* SPDX-License-Identifier: MIT */
/*
 * A sequential source of bytes: a local file, a file of a tree, the output of a remote command.
 * Archives are read through it, so they never know where they are.
 */
#ifndef ALTMIG_BASE_READER_H
#define ALTMIG_BASE_READER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct am_reader {
	/* Up to `size` bytes into `data`: the count, 0 at the end, -1 with `error` filled. */
	ssize_t (*read)(struct am_reader *reader, void *data, size_t size, struct am_error *error);
	/* Frees the reader and what it holds; the reader is gone afterwards. */
	void (*close)(struct am_reader *reader);
	/* What is read, for messages ("/export/nim/.../bos"); owned by the reader. */
	const char *name;
};

/* A local file. NULL with `error` filled when it cannot be opened. The caller closes it. */
struct am_reader *am_reader_file(const char *path, struct am_error *error);

/* A descriptor that is open already, and stays open: the caller's, standard input for one. */
struct am_reader *am_reader_descriptor(int fd, const char *name, struct am_error *error);

/* `length` bytes at `data`, which must outlive the reader. NULL only without memory. */
struct am_reader *am_reader_memory(
	const char *name, const void *data, size_t length, struct am_error *error);

/* Reads exactly `size` bytes. Fails with "TRUNCATED" when the source ends before. */
int am_read_exact(struct am_reader *reader, void *data, size_t size, struct am_error *error);

void am_reader_close(struct am_reader *reader); /* NULL is allowed */

#endif
