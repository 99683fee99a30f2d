/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <stdlib.h>

#include "base/hash.h"

int am_names_make(struct am_names *names, size_t room)
{
	size_t size = 8;

	*names = (struct am_names){.slots = NULL};
	if (room > SIZE_MAX / sizeof *names->slots / 4)
		return -1;
	while (size < 2 * room) /* never more than half full */
		size *= 2;
	names->slots = calloc(size, sizeof *names->slots);
	if (names->slots == NULL)
		return -1;
	names->mask = size - 1;
	names->room = room;
	return 0;
}

/* The slot of a name, or the free one where it belongs. */
static struct am_names_slot *look(const struct am_names *names, struct am_slice name, uint64_t hash)
{
	size_t i = (size_t)hash & names->mask;

	for (;; i = (i + 1) & names->mask) {
		struct am_names_slot *slot = &names->slots[i];

		if (slot->name.at == NULL ||
			(slot->hash == hash && am_slice_equal(slot->name, name)))
			return slot;
	}
}

size_t am_names_put(struct am_names *names, struct am_slice name, size_t value)
{
	uint64_t hash = am_hash(name.at, name.length);
	struct am_names_slot *slot = look(names, name, hash);

	if (slot->name.at != NULL)
		return slot->value;
	if (names->room == 0)
		return AM_NAMES_NONE;
	names->room--;
	*slot = (struct am_names_slot){name, hash, value};
	return value;
}

size_t am_names_find(const struct am_names *names, struct am_slice name)
{
	const struct am_names_slot *slot = look(names, name, am_hash(name.at, name.length));

	return slot->name.at != NULL ? slot->value : AM_NAMES_NONE;
}

void am_names_free(struct am_names *names)
{
	free(names->slots);
	*names = (struct am_names){.slots = NULL};
}
