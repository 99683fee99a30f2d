/* SPDX-License-Identifier: MIT */
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 40 };

/* The open directories from the root to where the walk is, and the path still to go. */
struct trail {
	struct am_tree *tree;
	const struct am_locate_options *options;
	int refused; /* by may_follow(), whose error is complete */
	struct am_node *nodes[AM_TREE_DEPTH_MAX];
	size_t mounts[AM_TREE_DEPTH_MAX];
	size_t depth;
	char path[AM_TREE_PATH_MAX]; /* "" at the root */
	char rest[2 * AM_TREE_PATH_MAX];
	size_t own; /* how much of the rest is of the path itself, not of a link's target */
	int links;
};

static int push(struct trail *trail, struct am_node *node, size_t mount, const char *path,
	struct am_error *error)
{
	if (trail->depth == AM_TREE_DEPTH_MAX) {
		am_node_release(node);
		return am_fail_reason(error, ENAMETOOLONG);
	}
	trail->nodes[trail->depth] = node;
	trail->mounts[trail->depth++] = mount;
	if (path != trail->path)
		memcpy(trail->path, path, strlen(path) + 1);
	return 0;
}

static void pop(struct trail *trail)
{
	char *slash = strrchr(trail->path, '/');

	am_node_release(trail->nodes[--trail->depth]);
	if (slash != NULL)
		*slash = '\0';
}

static struct am_node *top(struct trail *trail)
{
	return trail->nodes[trail->depth - 1];
}

/* The path the caller gave: the forms that are refused before anything is looked at. */
static int check_path(const char *path, struct am_error *error)
{
	if (path[0] != '/')
		return am_fail(error, "EINVAL", "the path is not absolute");
	if (strlen(path) >= AM_TREE_PATH_MAX)
		return am_fail_reason(error, ENAMETOOLONG);
	for (const char *p = path; p != NULL; p = strchr(p, '/')) {
		p += strspn(p, "/");
		if (p[0] == '.' && (p[1] == '/' || p[1] == '\0'))
			return am_fail(error, "EINVAL", "the path has a component \".\"");
	}
	return 0;
}

/* Takes the next component off the rest. 1, 0 at the end, -1 when it is too long. */
static int next_component(
	struct trail *trail, char name[AM_TREE_NAME_MAX + 1], struct am_error *error)
{
	const char *start = trail->rest + strspn(trail->rest, "/");
	size_t length = strcspn(start, "/");
	const char *end = start + length;

	if (length == 0)
		return 0;
	if (length > AM_TREE_NAME_MAX)
		return am_fail_reason(error, ENAMETOOLONG);
	memcpy(name, start, length);
	name[length] = '\0';
	end += strspn(end, "/");
	memmove(trail->rest, end, strlen(end) + 1);
	return 1;
}

/* Puts the target of the link at `path` before the rest; an absolute one starts at the root. */
static int splice(struct trail *trail, const char *name, const char *path, struct am_error *error)
{
	const struct am_locate_options *options = trail->options;
	char target[AM_TREE_PATH_MAX];
	size_t length, rest = strlen(trail->rest);
	struct am_node *dir = top(trail);

	if (options->may_follow != NULL &&
		options->may_follow(options->context, path, error) != 0) {
		trail->refused = 1;
		return -1;
	}
	if (++trail->links > LINKS_MAX)
		return am_fail_reason(error, ELOOP);
	if (dir->fs->ops->readlink(dir, name, target, sizeof target, error) != 0)
		return -1;
	length = strlen(target);
	if (length == 0)
		return am_fail_reason(error, ENOENT);
	if (length + rest + 2 > sizeof trail->rest)
		return am_fail_reason(error, ENAMETOOLONG);
	if (rest < trail->own)
		trail->own = rest;
	memmove(trail->rest + length + (rest > 0), trail->rest, rest + 1);
	memcpy(trail->rest, target, length);
	if (rest > 0)
		trail->rest[length] = '/';
	if (target[0] == '/') {
		while (trail->depth > 1)
			pop(trail);
	}
	return 0;
}

static int is_link(struct am_node *dir, const char *name, struct am_error *error)
{
	struct am_tree_stat st;

	if (dir->fs->ops->stat(dir, name, &st, error) != 0)
		return -1;
	return st.type == AM_TREE_LINK;
}

/* A directory that is missing is made when that is wanted and it is the path that names it. */
static struct am_node *enter(struct trail *trail, const char *name, struct am_error *error)
{
	struct am_node *dir = top(trail), *node = dir->fs->ops->enter(dir, name, error);
	uint32_t mode = trail->options->mode != 0 ? trail->options->mode : 0755;

	if (node != NULL || !trail->options->make || strcmp(error->code, "ENOENT") != 0 ||
		strlen(trail->rest) >= trail->own ||
		dir->fs->ops->mkdir(dir, name, mode, error) != 0)
		return node;
	return dir->fs->ops->enter(dir, name, error);
}

/* The next directory on the way, or the target of a link. */
static int step_into(
	struct trail *trail, const char *name, const char *path, struct am_error *error)
{
	struct am_node *node = enter(trail, name, error);
	struct am_error why;
	int link;

	if (node != NULL)
		return push(trail, node, trail->mounts[trail->depth - 1], path, error);
	if (strcmp(error->code, "ENOTDIR") != 0)
		return -1;
	link = is_link(top(trail), name, &why);
	if (link < 0) {
		*error = why;
		return -1;
	}
	return link ? splice(trail, name, path, error) : -1;
}

static int step_mount(struct trail *trail, size_t mount, const char *path, struct am_error *error)
{
	struct am_fs *fs = am_tree_fs(trail->tree, mount);
	struct am_node *node = fs->ops->root(fs, error);

	return node == NULL ? -1 : push(trail, node, mount, path, error);
}

/* Is the walk at its end with `name` left alone? A missing entry ends it too. */
static int ends_here(
	struct trail *trail, const char *name, const char *path, struct am_error *error)
{
	struct am_error why;
	int link;

	if (trail->rest[0] != '\0')
		return 0;
	if (!trail->options->follow)
		return 1;
	link = is_link(top(trail), name, &why);
	if (link < 0 && strcmp(why.code, "ENOENT") != 0) {
		*error = why;
		return -1;
	}
	if (link == 1)
		return splice(trail, name, path, error);
	return 1;
}

/* Walks to the end. `name` is left empty when the end is a directory on the trail itself. */
static int follow_trail(
	struct trail *trail, char name[AM_TREE_NAME_MAX + 1], struct am_error *error)
{
	char path[AM_TREE_PATH_MAX];
	int r, links;

	for (;;) {
		size_t mount;

		r = next_component(trail, name, error);
		if (r <= 0) {
			name[0] = '\0';
			return r;
		}
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (trail->depth == 1)
				return am_fail(
					error, "OUTSIDE_TREE", "the path leads out of the tree");
			pop(trail);
			continue;
		}
		if (strlen(trail->path) + strlen(name) + 2 > sizeof path)
			return am_fail_reason(error, ENAMETOOLONG);
		snprintf(path, sizeof path, "%s/%s", trail->path, name);
		mount = am_tree_mount_at(trail->tree, path);
		if (mount != (size_t)-1) {
			if (step_mount(trail, mount, path, error) != 0)
				return -1;
			continue;
		}
		links = trail->links;
		r = ends_here(trail, name, path, error);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (trail->links == links && step_into(trail, name, path, error) != 0)
			return -1;
	}
}

/* The place in the words of the back end: its name and the path below its root. */
int am_tree_fail(struct am_tree *tree, size_t mount, const char *path, const char *operation,
	struct am_error *error)
{
	struct am_fs *fs = am_tree_fs(tree, mount);
	size_t skip = strlen(am_tree_mount_path(tree, mount));
	const char *inside = strlen(path) >= skip ? path + skip : path;
	size_t name = strlen(fs->name);

	if (fs->complete) {
		fs->complete = 0;
		return -1;
	}
	if (strcmp(inside, "/") == 0)
		inside = "";
	if (name > 0 && fs->name[name - 1] == '/' && inside[0] == '/')
		inside++;
	am_error_prefix(error, "%s: %.300s%.500s", operation, fs->name, inside);
	return -1;
}

int am_place_fail(struct am_tree *tree, const struct am_place *place, const char *operation,
	struct am_error *error)
{
	return am_tree_fail(tree, place->mount, place->path, operation, error);
}

static void clear_complete(struct am_tree *tree)
{
	for (size_t i = 0; i < am_tree_mount_count(tree); i++)
		am_tree_fs(tree, i)->complete = 0;
}

static int any_complete(struct am_tree *tree)
{
	for (size_t i = 0; i < am_tree_mount_count(tree); i++) {
		if (am_tree_fs(tree, i)->complete)
			return 1;
	}
	return 0;
}

int am_tree_locate_by(struct am_tree *tree, const char *operation, const char *path,
	const struct am_locate_options *options, struct am_place *place, struct am_error *error)
{
	struct am_error scratch;
	struct trail *trail = malloc(sizeof *trail);
	int r;

	if (error == NULL)
		error = &scratch;
	place->dir = NULL;
	if (trail == NULL)
		return am_fail_errno(error, ENOMEM, "%s", operation);
	clear_complete(tree);
	trail->tree = tree;
	trail->options = options;
	trail->own = (size_t)-1;
	trail->depth = 0;
	trail->links = trail->refused = 0;
	trail->path[0] = '\0';
	r = check_path(path, error);
	if (r == 0) {
		memcpy(trail->rest, path, strlen(path) + 1);
		r = step_mount(trail, am_tree_mount_at(tree, ""), "", error);
	}
	if (r == 0)
		r = follow_trail(trail, place->name, error);
	if (r == 0 && strlen(trail->path) + strlen(place->name) + 2 > sizeof place->path)
		r = am_fail_reason(error, ENAMETOOLONG);
	if (r == 0) {
		place->mount = trail->mounts[trail->depth - 1];
		place->dir = am_node_hold(top(trail));
		snprintf(place->path, sizeof place->path, "%s%s%s", trail->path,
			place->name[0] != '\0' || trail->path[0] == '\0' ? "/" : "", place->name);
	} else if (trail->refused || any_complete(tree)) {
		clear_complete(tree);
	} else {
		am_tree_fail(tree, am_tree_mount_of(tree, path), path, operation, error);
	}
	while (trail->depth > 0)
		am_node_release(trail->nodes[--trail->depth]);
	free(trail);
	return r;
}

int am_tree_locate(struct am_tree *tree, const char *operation, const char *path, int follow,
	struct am_place *place, struct am_error *error)
{
	struct am_locate_options options = {.follow = follow};

	return am_tree_locate_by(tree, operation, path, &options, place, error);
}

void am_place_free(struct am_place *place)
{
	am_node_release(place->dir);
	place->dir = NULL;
}

const char *am_place_name(const struct am_place *place)
{
	return place->name[0] != '\0' ? place->name : NULL;
}

struct am_node *am_place_enter(const struct am_place *place, struct am_error *error)
{
	if (place->name[0] == '\0')
		return am_node_hold(place->dir);
	return place->dir->fs->ops->enter(place->dir, place->name, error);
}

int am_place_finish(struct am_tree *tree, struct am_place *place, const char *operation, int result,
	struct am_error *error)
{
	if (result < 0)
		am_place_fail(tree, place, operation, error);
	am_place_free(place);
	return result;
}

int am_tree_locate_name(struct am_tree *tree, const char *operation, const char *path,
	struct am_place *place, struct am_error *error)
{
	if (am_tree_locate(tree, operation, path, 0, place, error) != 0)
		return -1;
	if (place->name[0] != '\0')
		return 0;
	return am_place_finish(tree, place, operation, am_fail_reason(error, EBUSY), error);
}
