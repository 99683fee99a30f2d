/* SPDX-License-Identifier: MIT */
/*
 * Numbers by name: a table that is as large as it will ever be from the beginning, and that takes
 * one look for a name, whoever chose the names.
 */
#ifndef ALTMIG_BASE_NAMES_H
#define ALTMIG_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define AM_NAMES_NONE ((size_t)-1)

struct am_names_slot {
	struct am_slice name; /* at == NULL: free */
	uint64_t hash;
	size_t value;
};

struct am_names {
	struct am_names_slot *slots;
	size_t mask, room;
};

/* A table for so many names at the most; -1 without memory. */
int am_names_make(struct am_names *names, size_t room);
/*
 * Gives a name a value, unless it has one: the value it has now. The text of the name is that of
 * the caller, and its `at` is not NULL. More names than there is room for: AM_NAMES_NONE.
 */
size_t am_names_put(struct am_names *names, struct am_slice name, size_t value);
/* The value of a name, or AM_NAMES_NONE. */
size_t am_names_find(const struct am_names *names, struct am_slice name);
void am_names_free(struct am_names *names);

#endif
