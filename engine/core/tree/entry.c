/* SPDX-License-Identifier: MIT */
/* Entries by their paths: looked at, made, removed, given attributes. */
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking ---- */

int am_tree_stat(struct am_tree *tree, const char *path, int follow, struct am_tree_stat *stat,
	struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_locate(tree, "stat", path, follow, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->stat(place.dir, am_place_name(&place), stat, error);
	return am_place_finish(tree, &place, "stat", r, error);
}

int am_tree_exists(struct am_tree *tree, const char *path, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	struct am_tree_stat st;

	if (am_tree_stat(tree, path, 0, &st, why) == 0)
		return 1;
	return strcmp(why->code, "ENOENT") == 0 || strcmp(why->code, "ENOTDIR") == 0 ? 0 : -1;
}

int am_tree_readlink(
	struct am_tree *tree, const char *path, char *target, size_t size, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_locate(tree, "readlink", path, 0, &place, error) != 0)
		return -1;
	if (place.name[0] == '\0')
		r = am_fail_reason(error, EINVAL);
	else
		r = place.dir->fs->ops->readlink(place.dir, place.name, target, size, error);
	return am_place_finish(tree, &place, "readlink", r, error);
}

static int resolve(struct am_tree *tree, const char *path, int follow, char *resolved, size_t size,
	struct am_error *error)
{
	struct am_place place;
	int r = 0;

	if (am_tree_locate(tree, "resolve", path, follow, &place, error) != 0)
		return -1;
	if (strlen(place.path) >= size)
		r = am_fail_reason(error, ENAMETOOLONG);
	else
		memcpy(resolved, place.path, strlen(place.path) + 1);
	return am_place_finish(tree, &place, "resolve", r, error);
}

int am_tree_resolve(
	struct am_tree *tree, const char *path, char *resolved, size_t size, struct am_error *error)
{
	return resolve(tree, path, 1, resolved, size, error);
}

int am_tree_resolve_parent(
	struct am_tree *tree, const char *path, char *resolved, size_t size, struct am_error *error)
{
	return resolve(tree, path, 0, resolved, size, error);
}

int am_tree_list(
	struct am_tree *tree, const char *path, struct am_tree_names *names, struct am_error *error)
{
	struct am_place place;
	struct am_entries entries;
	struct am_node *dir;
	int r = -1;

	*names = (struct am_tree_names){0};
	if (am_tree_locate(tree, "list", path, 1, &place, error) != 0)
		return -1;
	dir = am_place_enter(&place, error);
	if (dir != NULL && am_tree_entries(tree, dir, place.path, &entries, error) == 0) {
		names->names = calloc(entries.count + 1, sizeof *names->names);
		r = names->names == NULL ? am_fail_reason(error, ENOMEM) : 0;
		for (; r == 0 && names->count < entries.count; names->count++) {
			names->names[names->count] = entries.entries[names->count].name;
			entries.entries[names->count].name = NULL;
		}
		am_entries_free(&entries);
	}
	am_node_release(dir);
	return am_place_finish(tree, &place, "list", r, error);
}

void am_tree_names_free(struct am_tree_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct am_tree_names){0};
}

/* ---- changing ---- */

int am_tree_mkdir(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "mkdir", path, error) != 0 ||
		am_tree_locate(tree, "mkdir", path, 0, &place, error) != 0)
		return -1;
	if (place.name[0] == '\0')
		r = am_fail_reason(error, EEXIST);
	else
		r = place.dir->fs->ops->mkdir(place.dir, place.name, mode, error);
	return am_place_finish(tree, &place, "mkdir", r, error);
}

int am_tree_makedirs(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error)
{
	const struct am_locate_options options = {.make = 1, .mode = mode};
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	struct am_tree_stat st;
	struct am_place place;
	int r = 0;

	if (am_tree_stat(tree, path, 1, &st, why) == 0) /* also in a tree that is frozen */
		return st.type == AM_TREE_DIR ? 0
					      : am_fail(error, "ENOTDIR", "mkdir: %.500s: %s", path,
							strerror(ENOTDIR));
	if (strcmp(why->code, "ENOENT") != 0 ||
		am_tree_may_write(tree, "mkdir", path, error) != 0 ||
		am_tree_locate_by(tree, "mkdir", path, &options, &place, error) != 0)
		return -1;
	if (place.name[0] != '\0')
		r = place.dir->fs->ops->mkdir(place.dir, place.name, mode, error);
	return am_place_finish(tree, &place, "mkdir", r, error);
}

int am_tree_symlink(
	struct am_tree *tree, const char *target, const char *path, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "symlink", path, error) != 0 ||
		am_tree_locate_name(tree, "symlink", path, &place, error) != 0)
		return -1;
	if (strlen(target) >= AM_TREE_PATH_MAX)
		r = am_fail_reason(error, ENAMETOOLONG);
	else
		r = place.dir->fs->ops->symlink(place.dir, place.name, target, error);
	return am_place_finish(tree, &place, "symlink", r, error);
}

/* Two places in one file system, for link and rename. */
static int two_places(struct am_tree *tree, const char *operation, const char *from, const char *to,
	struct am_place *a, struct am_place *b, struct am_error *error)
{
	if (am_tree_may_write(tree, operation, to, error) != 0 ||
		am_tree_locate_name(tree, operation, from, a, error) != 0)
		return -1;
	if (am_tree_locate_name(tree, operation, to, b, error) != 0) {
		am_place_free(a);
		return -1;
	}
	if (a->mount == b->mount)
		return 0;
	am_place_finish(tree, b, operation, am_fail_reason(error, EXDEV), error);
	am_place_free(a);
	return -1;
}

int am_tree_link(struct am_tree *tree, const char *from, const char *to, struct am_error *error)
{
	struct am_place a, b;
	int r;

	if (two_places(tree, "link", from, to, &a, &b, error) != 0)
		return -1;
	r = a.dir->fs->ops->link(a.dir, a.name, b.dir, b.name, error);
	am_place_free(&a);
	return am_place_finish(tree, &b, "link", r, error);
}

int am_tree_rename(struct am_tree *tree, const char *from, const char *to, struct am_error *error)
{
	struct am_place a, b;
	int r;

	if (two_places(tree, "rename", from, to, &a, &b, error) != 0)
		return -1;
	if (am_tree_mount_below(tree, a.path) || am_tree_mount_below(tree, b.path))
		r = am_fail_reason(error, EBUSY);
	else
		r = a.dir->fs->ops->rename(a.dir, a.name, b.dir, b.name, error);
	am_place_free(&a);
	return am_place_finish(tree, &b, "rename", r, error);
}

/* A file or an empty directory, whichever it is. */
static int remove_entry(struct am_node *dir, const char *name, struct am_error *error)
{
	struct am_tree_stat st;

	if (dir->fs->ops->stat(dir, name, &st, error) != 0)
		return -1;
	if (st.type == AM_TREE_DIR)
		return dir->fs->ops->rmdir(dir, name, error);
	return dir->fs->ops->unlink(dir, name, error);
}

int am_tree_remove(struct am_tree *tree, const char *path, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "remove", path, error) != 0 ||
		am_tree_locate_name(tree, "remove", path, &place, error) != 0)
		return -1;
	if (am_tree_mount_below(tree, place.path))
		r = am_fail_reason(error, EBUSY);
	else
		r = remove_entry(place.dir, place.name, error);
	return am_place_finish(tree, &place, "remove", r, error);
}

/* Depth is bounded by AM_TREE_DEPTH_MAX, so that a hostile tree cannot exhaust the stack. */
static int remove_below(struct am_node *dir, const char *name, int depth, struct am_error *error)
{
	struct am_entries entries = {0};
	struct am_node *child;
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	int r;

	if (depth == AM_TREE_DEPTH_MAX)
		return am_fail_reason(error, ENAMETOOLONG);
	child = dir->fs->ops->enter(dir, name, why);
	if (child == NULL) {
		if (strcmp(why->code, "ENOTDIR") == 0)
			return dir->fs->ops->unlink(dir, name, error);
		return strcmp(why->code, "ENOENT") == 0 ? 0 : -1;
	}
	r = child->fs->ops->list(child, &entries, why);
	for (size_t i = 0; r == 0 && i < entries.count; i++)
		r = remove_below(child, entries.entries[i].name, depth + 1, why);
	am_entries_free(&entries);
	am_node_release(child);
	return r != 0 ? -1 : dir->fs->ops->rmdir(dir, name, error);
}

int am_tree_remove_all(struct am_tree *tree, const char *path, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "remove", path, error) != 0)
		return -1;
	if (am_tree_locate_name(tree, "remove", path, &place, why) != 0)
		return strcmp(why->code, "ENOENT") == 0 ? 0 : -1;
	if (am_tree_mount_below(tree, place.path))
		r = am_fail_reason(why, EBUSY);
	else
		r = remove_below(place.dir, place.name, 0, why);
	return am_place_finish(tree, &place, "remove", r, why);
}

int am_tree_mknod(struct am_tree *tree, const char *path, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "mknod", path, error) != 0 ||
		am_tree_locate_name(tree, "mknod", path, &place, error) != 0)
		return -1;
	if (type < AM_TREE_BLOCK || type > AM_TREE_SOCKET)
		r = am_fail_reason(error, EINVAL);
	else
		r = place.dir->fs->ops->mknod(
			place.dir, place.name, type, mode, major_number, minor_number, error);
	return am_place_finish(tree, &place, "mknod", r, error);
}

int am_tree_setattr(struct am_tree *tree, const char *path, int follow,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "setattr", path, error) != 0 ||
		am_tree_locate(tree, "setattr", path, follow, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->setattr(place.dir, am_place_name(&place), attr, error);
	return am_place_finish(tree, &place, "setattr", r, error);
}

int am_tree_df(
	struct am_tree *tree, const char *path, struct am_tree_space *space, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_locate(tree, "df", path, 1, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->df(place.dir, space, error);
	return am_place_finish(tree, &place, "df", r, error);
}
