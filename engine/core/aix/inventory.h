/* SPDX-License-Identifier: MIT */
/*
 * FILESET.inventory, a member of the control libraries of images: a stanza for each file that the
 * fileset brings.
 *
 *	/usr/bin/x:
 *		owner = bin
 *		mode = SUID,555
 *		type = FILE
 *		class = apply,inventory,acme.rte
 *		size = 478
 *		checksum = "21829     1  "
 *
 * Attributes come in any order, and those that are not known are passed over; what a number, a sum,
 * a type or a path may be is checked. Codes of failure: INVENTORY, with "inventory: NAME: line N:
 * reason", and what `each` fails with.
 */
#ifndef ALTMIG_AIX_INVENTORY_H
#define ALTMIG_AIX_INVENTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* bos has some ten thousand files. */
#define AM_INVENTORY_FILES 500000

/* An entry; all text is that of the caller, absent where there is no such attribute. */
struct am_inventory_entry {
	struct am_slice path; /* absolute, without ".." and empty parts */
	struct am_slice type; /* FILE, DIRECTORY, SYMLINK, LINK, FIFO, BLK_DEV, CHAR_DEV, MPX_DEV */
	struct am_slice owner, group, mode, links, symlinks, target, classes;
	uint64_t size;
	uint16_t sum; /* of `sum -r` */
	uint64_t blocks;
	int has_size, has_sum; /* 0: not given, or VOLATILE */
	int is_volatile;       /* size or checksum is */
	size_t line;
};

/* Calls `each` for every entry, in order; not 0 with `error` ends it. `name` is for messages. */
int am_inventory_parse(const char *name, struct am_slice text,
	int (*each)(void *arg, const struct am_inventory_entry *entry, struct am_error *error),
	void *arg, struct am_error *error);

#endif
