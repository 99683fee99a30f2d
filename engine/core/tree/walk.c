/* SPDX-License-Identifier: MIT */
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frame {
	struct am_node *dir;
	struct am_entries entries;
	size_t next;
	size_t path_length; /* of the directory */
};

struct am_walk {
	struct am_tree *tree;
	struct am_place place;
	int started, descend;
	size_t depth, count;
	struct frame frames[AM_TREE_DEPTH_MAX];
	char name[AM_TREE_NAME_MAX + 1]; /* of the entry returned last, in the top frame */
	char path[AM_TREE_PATH_MAX];
	struct am_tree_stat stat;
};

struct am_walk *am_walk_open(struct am_tree *tree, const char *path, struct am_error *error)
{
	struct am_walk *walk = calloc(1, sizeof *walk);
	struct am_place *place;

	if (walk == NULL) {
		am_fail_errno(error, ENOMEM, "walk: %.300s", path);
		return NULL;
	}
	place = &walk->place;
	if (am_tree_locate(tree, "walk", path, 0, place, error) != 0) {
		free(walk);
		return NULL;
	}
	walk->tree = am_tree_hold(tree);
	memcpy(walk->path, place->path, sizeof walk->path);
	if (place->dir->fs->ops->stat(place->dir, am_place_name(place), &walk->stat, error) != 0) {
		am_place_fail(tree, place, "walk", error);
		am_walk_close(walk);
		return NULL;
	}
	return walk;
}

void am_walk_skip(struct am_walk *walk)
{
	walk->descend = 0;
}

/* The message names the path the walk is at, which holds no links. */
static int walk_fail(struct am_walk *walk, struct am_error *error)
{
	size_t mount = am_tree_mount_of(walk->tree, walk->path);

	return am_tree_fail(walk->tree, mount, walk->path, "walk", error);
}

static struct am_node *enter(struct am_walk *walk, struct am_error *error)
{
	size_t mount = am_tree_mount_at(walk->tree, walk->path);

	if (mount != (size_t)-1) {
		struct am_fs *fs = am_tree_fs(walk->tree, mount);

		return fs->ops->root(fs, error);
	}
	if (walk->depth == 0)
		return am_place_enter(&walk->place, error);
	return walk->frames[walk->depth - 1].dir->fs->ops->enter(
		walk->frames[walk->depth - 1].dir, walk->name, error);
}

/* Goes into the directory that was returned last. */
static int descend(struct am_walk *walk, struct am_error *error)
{
	struct frame *frame = &walk->frames[walk->depth];

	if (walk->depth == AM_TREE_DEPTH_MAX) {
		am_fail_reason(error, ENAMETOOLONG);
		return walk_fail(walk, error);
	}
	*frame = (struct frame){.dir = enter(walk, error)};
	if (frame->dir == NULL)
		return walk_fail(walk, error);
	if (am_tree_entries(walk->tree, frame->dir, walk->path, &frame->entries, error) != 0) {
		walk_fail(walk, error);
		am_node_release(frame->dir);
		return -1;
	}
	frame->path_length = strcmp(walk->path, "/") == 0 ? 0 : strlen(walk->path);
	walk->depth++;
	return 0;
}

/* Attributes of the entry: from the listing, the mount that covers it, or asked for. */
static int entry_stat(
	struct am_walk *walk, struct frame *frame, struct am_entry *entry, struct am_error *error)
{
	size_t mount = am_tree_mount_at(walk->tree, walk->path);
	struct am_node *root;
	int r;

	if (mount == (size_t)-1) {
		if (entry->has_stat) {
			walk->stat = entry->stat;
			return 0;
		}
		return frame->dir->fs->ops->stat(frame->dir, entry->name, &walk->stat, error);
	}
	root = am_tree_fs(walk->tree, mount)->ops->root(am_tree_fs(walk->tree, mount), error);
	if (root == NULL)
		return -1;
	r = root->fs->ops->stat(root, NULL, &walk->stat, error);
	am_node_release(root);
	return r;
}

static void leave(struct am_walk *walk)
{
	struct frame *frame = &walk->frames[--walk->depth];

	am_entries_free(&frame->entries);
	am_node_release(frame->dir);
}

int am_walk_next(struct am_walk *walk, const char **path, const struct am_tree_stat **stat,
	struct am_error *error)
{
	*path = walk->path;
	*stat = &walk->stat;
	if (!walk->started) {
		walk->started = 1;
		walk->descend = walk->stat.type == AM_TREE_DIR;
		return 1;
	}
	if (walk->descend && descend(walk, error) != 0)
		return -1;
	if (++walk->count > AM_WALK_MAX) {
		am_fail(error, "E2BIG", "more than %d entries", AM_WALK_MAX);
		return walk_fail(walk, error);
	}
	walk->descend = 0;
	while (walk->depth > 0) {
		struct frame *frame = &walk->frames[walk->depth - 1];
		struct am_entry *entry;

		walk->path[frame->path_length] = '\0';
		if (frame->next == frame->entries.count) {
			leave(walk);
			continue;
		}
		entry = &frame->entries.entries[frame->next++];
		if (frame->path_length + strlen(entry->name) + 2 > sizeof walk->path) {
			am_fail_reason(error, ENAMETOOLONG);
			return walk_fail(walk, error);
		}
		snprintf(walk->path + frame->path_length, sizeof walk->path - frame->path_length,
			"/%s", entry->name);
		memcpy(walk->name, entry->name, strlen(entry->name) + 1);
		if (entry_stat(walk, frame, entry, error) != 0)
			return walk_fail(walk, error);
		walk->descend = walk->stat.type == AM_TREE_DIR;
		return 1;
	}
	return 0;
}

void am_walk_close(struct am_walk *walk)
{
	if (walk == NULL)
		return;
	while (walk->depth > 0)
		leave(walk);
	am_place_free(&walk->place);
	am_tree_close(walk->tree);
	free(walk);
}
