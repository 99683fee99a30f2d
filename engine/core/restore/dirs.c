/* SPDX-License-Identifier: MIT */
#include "restore/dirs.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct am_dir **bucket(const struct am_dirs *dirs, const char *path, size_t length)
{
	return &dirs->buckets[(size_t)am_hash(path, length) & (dirs->capacity - 1)];
}

void *am_dirs_find(const struct am_dirs *dirs, const char *path, size_t length)
{
	struct am_dir *dir = dirs->capacity != 0 ? *bucket(dirs, path, length) : NULL;

	while (dir != NULL && (strncmp(dir->path, path, length) != 0 || dir->path[length] != '\0'))
		dir = dir->next;
	return dir;
}

static int grow(struct am_dirs *dirs)
{
	struct am_dirs larger = {.capacity = dirs->capacity != 0 ? dirs->capacity * 2 : 256};

	larger.buckets = calloc(larger.capacity, sizeof *larger.buckets);
	if (larger.buckets == NULL)
		return -1;
	for (size_t i = 0; i < dirs->capacity; i++) {
		while (dirs->buckets[i] != NULL) {
			struct am_dir *dir = dirs->buckets[i];
			struct am_dir **to = bucket(&larger, dir->path, strlen(dir->path));

			dirs->buckets[i] = dir->next;
			dir->next = *to;
			*to = dir;
		}
	}
	free(dirs->buckets);
	larger.count = dirs->count;
	*dirs = larger;
	return 0;
}

void *am_dirs_add(struct am_dirs *dirs, size_t size, const char *path, size_t length,
	const char *at, struct am_error *error)
{
	size_t at_size = at != NULL ? strlen(at) + 1 : 0;
	struct am_dir *dir, **to;

	if ((dirs->count >= dirs->capacity && grow(dirs) != 0) ||
		(dir = calloc(1, size + length + 1 + at_size)) == NULL) {
		am_fail_errno(error, ENOMEM, "restore");
		return NULL;
	}
	dir->path = (char *)dir + size;
	memcpy(dir->path, path, length);
	if (at != NULL) {
		dir->at = dir->path + length + 1;
		memcpy(dir->at, at, at_size);
	}
	to = bucket(dirs, path, length);
	dir->next = *to;
	*to = dir;
	dirs->count++;
	return dir;
}

static void drop(struct am_dirs *dirs, struct am_dir **link)
{
	struct am_dir *dir = *link;

	*link = dir->next;
	am_node_release(dir->node);
	free(dir);
	dirs->count--;
}

void am_dirs_drop(struct am_dirs *dirs, int (*which)(const struct am_dir *dir))
{
	for (size_t i = 0; i < dirs->capacity; i++) {
		for (struct am_dir **link = &dirs->buckets[i]; *link != NULL;) {
			if (which == NULL || which(*link))
				drop(dirs, link);
			else
				link = &(*link)->next;
		}
	}
}

void am_dirs_remove(struct am_dirs *dirs, struct am_dir *dir)
{
	struct am_dir **link = bucket(dirs, dir->path, strlen(dir->path));

	while (*link != dir)
		link = &(*link)->next;
	drop(dirs, link);
}

void am_dirs_free(struct am_dirs *dirs)
{
	am_dirs_drop(dirs, NULL);
	free(dirs->buckets);
	*dirs = (struct am_dirs){0};
}
