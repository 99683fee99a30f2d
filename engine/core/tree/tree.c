/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "tree/backend.h"
#include "tree/resolve.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mount {
	struct am_fs *fs;
	char *at; /* "" for "/", else without a slash at the end */
};

struct am_tree {
	size_t references; /* the owner, and every reader, writer and walk under way */
	char frozen[256];  /* why nothing may be changed; "": it may */
	size_t count;
	struct mount mounts[];
};

static const char *const type_names[] = {
	NULL, "file", "dir", "link", "block", "char", "fifo", "socket"};

const char *am_tree_type_name(enum am_tree_type type)
{
	return type >= AM_TREE_FILE && type <= AM_TREE_SOCKET ? type_names[type] : "unknown";
}

enum am_tree_type am_tree_type_of(const char *name)
{
	for (int i = AM_TREE_FILE; i <= AM_TREE_SOCKET; i++) {
		if (strcmp(name, type_names[i]) == 0)
			return (enum am_tree_type)i;
	}
	return (enum am_tree_type)0;
}

/* ---- nodes, names, mounts ---- */

struct am_node *am_node_hold(struct am_node *node)
{
	node->references++;
	return node;
}

void am_node_release(struct am_node *node)
{
	if (node != NULL && --node->references == 0)
		node->fs->ops->release(node);
}

int am_entries_add(struct am_entries *entries, const char *name, const struct am_tree_stat *stat,
	struct am_error *error)
{
	struct am_entry *entry;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (*name == '\0' || strchr(name, '/') != NULL || strlen(name) > AM_TREE_NAME_MAX)
		return am_fail(error, "EPROTO", "the directory holds an impossible name");
	if (entries->count >= AM_ENTRIES_MAX)
		return am_fail(
			error, "E2BIG", "the directory has more than %d entries", AM_ENTRIES_MAX);
	if (entries->count == entries->capacity) {
		size_t capacity = entries->capacity != 0 ? entries->capacity * 2 : 32;

		entry = realloc(entries->entries, capacity * sizeof *entry);
		if (entry == NULL)
			return am_fail_reason(error, ENOMEM);
		entries->entries = entry;
		entries->capacity = capacity;
	}
	entry = &entries->entries[entries->count];
	entry->name = strdup(name);
	if (entry->name == NULL)
		return am_fail_reason(error, ENOMEM);
	entry->handle.length = 0;
	entry->has_stat = stat != NULL;
	if (stat != NULL)
		entry->stat = *stat;
	entries->count++;
	return 0;
}

void am_entries_free(struct am_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->entries[i].name);
	free(entries->entries);
	*entries = (struct am_entries){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct am_entry *)a)->name, ((const struct am_entry *)b)->name);
}

size_t am_tree_mount_at(struct am_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (strcmp(tree->mounts[i].at, path) == 0)
			return i;
	}
	return (size_t)-1;
}

size_t am_tree_mount_of(struct am_tree *tree, const char *path)
{
	size_t best = am_tree_mount_at(tree, ""), best_length = 0;

	for (size_t i = 0; i < tree->count; i++) {
		const char *at = tree->mounts[i].at;
		size_t length = strlen(at);

		if (length > best_length && strncmp(path, at, length) == 0 &&
			(path[length] == '/' || path[length] == '\0')) {
			best = i;
			best_length = length;
		}
	}
	return best;
}

/* What of `at` is below the directory `path` ("usr/sys" for "/usr/sys" and "/"), or NULL. */
static const char *below(const char *at, const char *path)
{
	size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);

	return strncmp(at, path, length) == 0 && at[length] == '/' ? at + length + 1 : NULL;
}

int am_tree_mount_below(struct am_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (below(tree->mounts[i].at, path) != NULL)
			return 1;
	}
	return 0;
}

struct am_fs *am_tree_fs(struct am_tree *tree, size_t mount)
{
	return tree->mounts[mount].fs;
}

const char *am_tree_mount_path(struct am_tree *tree, size_t mount)
{
	return tree->mounts[mount].at;
}

/* Mount points show up even when the directory below them does not hold their name. */
static int add_mount_points(
	struct am_tree *tree, const char *path, struct am_entries *entries, struct am_error *error)
{
	for (size_t i = 0; i < tree->count; i++) {
		const char *name = below(tree->mounts[i].at, path);
		size_t k;

		if (name == NULL || strchr(name, '/') != NULL)
			continue;
		for (k = 0; k < entries->count; k++) {
			if (strcmp(entries->entries[k].name, name) == 0)
				break;
		}
		if (k < entries->count)
			entries->entries[k].has_stat = 0; /* that is the covered directory's */
		else if (am_entries_add(entries, name, NULL, error) != 0)
			return -1;
	}
	return 0;
}

int am_tree_arrange(
	struct am_tree *tree, const char *path, struct am_entries *entries, struct am_error *error)
{
	if (add_mount_points(tree, path, entries, error) != 0)
		return -1;
	if (entries->count > 1)
		qsort(entries->entries, entries->count, sizeof *entries->entries, by_name);
	return 0;
}

int am_tree_entries(struct am_tree *tree, struct am_node *dir, const char *path,
	struct am_entries *entries, struct am_error *error)
{
	*entries = (struct am_entries){0};
	if (dir->fs->ops->list(dir, entries, error) == 0 &&
		am_tree_arrange(tree, path, entries, error) == 0)
		return 0;
	am_entries_free(entries);
	return -1;
}

static void free_mounts(struct am_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->mounts[i].fs != NULL)
			tree->mounts[i].fs->ops->destroy(tree->mounts[i].fs);
		free(tree->mounts[i].at);
	}
	free(tree);
}

static int set_mount(struct am_tree *tree, size_t index, const char *at, struct am_error *error)
{
	size_t length = strlen(at);

	if (at[0] != '/' || length >= AM_TREE_PATH_MAX || strstr(at, "//") != NULL ||
		strstr(at, "/./") != NULL || strstr(at, "/../") != NULL)
		return am_fail(error, "EINVAL", "tree: %.200s: not a plain absolute path", at);
	while (length > 0 && at[length - 1] == '/')
		length--;
	tree->mounts[index].at = strndup(at, length);
	if (tree->mounts[index].at == NULL)
		return am_fail_errno(error, ENOMEM, "tree: %.200s", at);
	for (size_t i = 0; i < index; i++) {
		if (strcmp(tree->mounts[i].at, tree->mounts[index].at) == 0)
			return am_fail(error, "EINVAL", "tree: %.200s: named twice", at);
	}
	return 0;
}

struct am_tree *am_tree_of(
	const char *const *at, struct am_fs **fs, size_t count, struct am_error *error)
{
	struct am_tree *tree = calloc(1, sizeof *tree + count * sizeof *tree->mounts);
	int failed = 0;

	if (tree == NULL) {
		for (size_t i = 0; i < count; i++)
			fs[i]->ops->destroy(fs[i]);
		am_fail_errno(error, ENOMEM, "tree");
		return NULL;
	}
	tree->references = 1;
	tree->count = count;
	for (size_t i = 0; i < count; i++)
		tree->mounts[i].fs = fs[i];
	for (size_t i = 0; i < count && !failed; i++)
		failed = set_mount(tree, i, at[i], error) != 0;
	if (!failed && am_tree_mount_at(tree, "") == (size_t)-1)
		failed = am_fail(error, "EINVAL", "tree: no file system at /") != 0;
	if (failed) {
		free_mounts(tree);
		return NULL;
	}
	return tree;
}

struct am_tree *am_tree_hold(struct am_tree *tree)
{
	tree->references++;
	return tree;
}

void am_tree_close(struct am_tree *tree)
{
	if (tree != NULL && --tree->references == 0)
		free_mounts(tree);
}

/* ---- whether it may be changed ---- */

void am_tree_freeze(struct am_tree *tree, const char *why)
{
	if (why == NULL)
		tree->frozen[0] = '\0';
	else
		snprintf(tree->frozen, sizeof tree->frozen, "%s",
			why[0] != '\0' ? why : "the tree is frozen");
}

int am_tree_may_write(
	struct am_tree *tree, const char *operation, const char *path, struct am_error *error)
{
	if (tree->frozen[0] == '\0')
		return 0;
	return am_fail(error, "READ_ONLY", "%s: %.300s: %s", operation, path, tree->frozen);
}

/* ---- mounts ---- */

void am_tree_set_sync(struct am_tree *tree, int sync)
{
	for (size_t i = 0; i < tree->count; i++)
		tree->mounts[i].fs->unsynced = !sync;
}

size_t am_tree_mount_count(struct am_tree *tree)
{
	return tree->count;
}

int am_tree_mount(
	struct am_tree *tree, size_t index, struct am_tree_mount *mount, struct am_error *error)
{
	struct am_fs *fs = tree->mounts[index].fs;

	*mount = (struct am_tree_mount){0};
	snprintf(mount->at, sizeof mount->at, "%s",
		tree->mounts[index].at[0] != '\0' ? tree->mounts[index].at : "/");
	fs->complete = 0;
	if (fs->ops->describe(fs, mount, error) == 0)
		return 0;
	return am_tree_fail(tree, index, mount->at, "mounts", error);
}

void am_tree_drop_caches(struct am_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		tree->mounts[i].fs->ops->drop_caches(tree->mounts[i].fs);
}

int am_tree_check_mounts(struct am_tree *tree, struct am_error *error)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct am_fs *fs = tree->mounts[i].fs;

		fs->complete = 0;
		if (fs->ops->check(fs, error) != 0)
			return am_tree_fail(tree, i, tree->mounts[i].at, "check", error);
	}
	return 0;
}

int am_path_matches(const char *const *patterns, const char *path)
{
	const char *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	for (; patterns != NULL && *patterns != NULL; patterns++) {
		/* "./usr/bin/ls", as archives name it, is "/usr/bin/ls" */
		const char *pattern = *patterns + (strncmp(*patterns, "./", 2) == 0);

		if (fnmatch(pattern, strchr(pattern, '/') != NULL ? path : name, 0) == 0)
			return 1;
	}
	return 0;
}
