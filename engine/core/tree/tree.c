#include "tree/tree.h"

#include "base/hash.h"
#include "tree/backend.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 40, READ_DEFAULT_MAX = 64 << 20 };

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

struct am_writer {
	struct am_tree *tree;
	struct am_place place;
	struct am_tree_attr attr;
	struct am_fs_file *file;
	char temporary[AM_TREE_NAME_MAX + 1];
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

/* A reason without operation and place, which the caller puts before it. */
static int reason(struct am_error *error, int errnum)
{
	return am_fail(error, am_errno_name(errnum), "%s", strerror(errnum));
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
			return reason(error, ENOMEM);
		entries->entries = entry;
		entries->capacity = capacity;
	}
	entry = &entries->entries[entries->count];
	entry->name = strdup(name);
	if (entry->name == NULL)
		return reason(error, ENOMEM);
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

/* What of `at` lies below the directory `path` ("usr/sys" for "/usr/sys" and "/"), or NULL. */
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

/* ---- resolution ---- */

/* The open directories from the root to where the walk is, and the path still to go. */
struct trail {
	struct am_tree *tree;
	struct am_node *nodes[AM_TREE_DEPTH_MAX];
	size_t mounts[AM_TREE_DEPTH_MAX];
	size_t depth;
	char path[AM_TREE_PATH_MAX]; /* "" at the root */
	char rest[2 * AM_TREE_PATH_MAX];
	int links;
};

static int push(struct trail *trail, struct am_node *node, size_t mount, const char *path,
	struct am_error *error)
{
	if (trail->depth == AM_TREE_DEPTH_MAX) {
		am_node_release(node);
		return reason(error, ENAMETOOLONG);
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
		return reason(error, ENAMETOOLONG);
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
		return reason(error, ENAMETOOLONG);
	memcpy(name, start, length);
	name[length] = '\0';
	end += strspn(end, "/");
	memmove(trail->rest, end, strlen(end) + 1);
	return 1;
}

/* Puts the link's target before the rest; an absolute one starts at the root. */
static int splice(struct trail *trail, const char *name, struct am_error *error)
{
	char target[AM_TREE_PATH_MAX];
	size_t length, rest = strlen(trail->rest);
	struct am_node *dir = top(trail);

	if (++trail->links > LINKS_MAX)
		return reason(error, ELOOP);
	if (dir->fs->ops->readlink(dir, name, target, sizeof target, error) != 0)
		return -1;
	length = strlen(target);
	if (length == 0)
		return reason(error, ENOENT);
	if (length + rest + 2 > sizeof trail->rest)
		return reason(error, ENAMETOOLONG);
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

/* The next directory on the way: a mount, a directory, or the target of a link. */
static int step_into(
	struct trail *trail, const char *name, const char *path, struct am_error *error)
{
	struct am_node *dir = top(trail);
	struct am_node *node = dir->fs->ops->enter(dir, name, error);
	struct am_error why;
	int link;

	if (node != NULL)
		return push(trail, node, trail->mounts[trail->depth - 1], path, error);
	if (error == NULL || strcmp(error->code, "ENOTDIR") != 0)
		return -1;
	link = is_link(dir, name, &why);
	if (link < 0) {
		*error = why;
		return -1;
	}
	return link ? splice(trail, name, error) : -1;
}

static int step_mount(struct trail *trail, size_t mount, const char *path, struct am_error *error)
{
	struct am_fs *fs = trail->tree->mounts[mount].fs;
	struct am_node *node = fs->ops->root(fs, error);

	return node == NULL ? -1 : push(trail, node, mount, path, error);
}

/* Is the walk at its end with `name` left alone? A missing entry ends it too. */
static int ends_here(struct trail *trail, const char *name, int follow, struct am_error *error)
{
	struct am_error why;
	int link;

	if (trail->rest[0] != '\0')
		return 0;
	if (!follow)
		return 1;
	link = is_link(top(trail), name, &why);
	if (link < 0 && strcmp(why.code, "ENOENT") != 0) {
		if (error != NULL)
			*error = why;
		return -1;
	}
	if (link == 1)
		return splice(trail, name, error);
	return 1;
}

/* Walks to the end. `name` is left empty when the end is a directory on the trail itself. */
static int follow_trail(
	struct trail *trail, int follow, char name[AM_TREE_NAME_MAX + 1], struct am_error *error)
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
			return reason(error, ENAMETOOLONG);
		snprintf(path, sizeof path, "%s/%s", trail->path, name);
		mount = am_tree_mount_at(trail->tree, path);
		if (mount != (size_t)-1) {
			if (step_mount(trail, mount, path, error) != 0)
				return -1;
			continue;
		}
		links = trail->links;
		r = ends_here(trail, name, follow, error);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (trail->links == links && step_into(trail, name, path, error) != 0)
			return -1;
	}
}

/* The place in the words of the back end: its name and the path below its root. */
static int place_fail(struct am_tree *tree, size_t mount, const char *path, const char *operation,
	struct am_error *error)
{
	struct am_fs *fs = tree->mounts[mount].fs;
	size_t skip = strlen(tree->mounts[mount].at);
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
	return place_fail(tree, place->mount, place->path, operation, error);
}

/* The mount a path the caller wrote would belong to, for the message of a failed walk. */
static size_t nearest_mount(struct am_tree *tree, const char *path)
{
	size_t best = am_tree_mount_at(tree, ""), best_length = 0;

	for (size_t i = 0; i < tree->count; i++) {
		size_t length = strlen(tree->mounts[i].at);

		if (length > best_length && strncmp(path, tree->mounts[i].at, length) == 0 &&
			(path[length] == '/' || path[length] == '\0')) {
			best = i;
			best_length = length;
		}
	}
	return best;
}

static void clear_complete(struct am_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		tree->mounts[i].fs->complete = 0;
}

static int any_complete(struct am_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->mounts[i].fs->complete)
			return 1;
	}
	return 0;
}

int am_tree_locate(struct am_tree *tree, const char *operation, const char *path, int follow,
	struct am_place *place, struct am_error *error)
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
	trail->depth = 0;
	trail->links = 0;
	trail->path[0] = '\0';
	r = check_path(path, error);
	if (r == 0) {
		memcpy(trail->rest, path, strlen(path) + 1);
		r = step_mount(trail, am_tree_mount_at(tree, ""), "", error);
	}
	if (r == 0)
		r = follow_trail(trail, follow, place->name, error);
	if (r == 0 && strlen(trail->path) + strlen(place->name) + 2 > sizeof place->path)
		r = reason(error, ENAMETOOLONG);
	if (r == 0) {
		place->mount = trail->mounts[trail->depth - 1];
		place->dir = am_node_hold(top(trail));
		snprintf(place->path, sizeof place->path, "%s%s%s", trail->path,
			place->name[0] != '\0' || trail->path[0] == '\0' ? "/" : "", place->name);
	} else if (any_complete(tree)) {
		clear_complete(tree);
	} else {
		place_fail(tree, nearest_mount(tree, path), path, operation, error);
	}
	while (trail->depth > 0)
		am_node_release(trail->nodes[--trail->depth]);
	free(trail);
	return r;
}

void am_place_free(struct am_place *place)
{
	am_node_release(place->dir);
	place->dir = NULL;
}

static const char *name_or_null(const struct am_place *place)
{
	return place->name[0] != '\0' ? place->name : NULL;
}

struct am_node *am_place_enter(const struct am_place *place, struct am_error *error)
{
	if (place->name[0] == '\0')
		return am_node_hold(place->dir);
	return place->dir->fs->ops->enter(place->dir, place->name, error);
}

/* Ends an operation on a place: frees it, completes the message. */
static int finish(struct am_tree *tree, struct am_place *place, const char *operation, int result,
	struct am_error *error)
{
	if (result < 0)
		am_place_fail(tree, place, operation, error);
	am_place_free(place);
	return result;
}

/* As am_tree_locate, for operations that make or remove a name. */
static int locate_name(struct am_tree *tree, const char *operation, const char *path,
	struct am_place *place, struct am_error *error)
{
	if (am_tree_locate(tree, operation, path, 0, place, error) != 0)
		return -1;
	if (place->name[0] != '\0')
		return 0;
	return finish(tree, place, operation, reason(error, EBUSY), error);
}

/* ---- reading ---- */

int am_tree_stat(struct am_tree *tree, const char *path, int follow, struct am_tree_stat *stat,
	struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_locate(tree, "stat", path, follow, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->stat(place.dir, name_or_null(&place), stat, error);
	return finish(tree, &place, "stat", r, error);
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
		r = reason(error, EINVAL);
	else
		r = place.dir->fs->ops->readlink(place.dir, place.name, target, size, error);
	return finish(tree, &place, "readlink", r, error);
}

static int resolve(struct am_tree *tree, const char *path, int follow, char *resolved, size_t size,
	struct am_error *error)
{
	struct am_place place;
	int r = 0;

	if (am_tree_locate(tree, "resolve", path, follow, &place, error) != 0)
		return -1;
	if (strlen(place.path) >= size)
		r = reason(error, ENAMETOOLONG);
	else
		memcpy(resolved, place.path, strlen(place.path) + 1);
	return finish(tree, &place, "resolve", r, error);
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
		r = names->names == NULL ? reason(error, ENOMEM) : 0;
		for (; r == 0 && names->count < entries.count; names->count++) {
			names->names[names->count] = entries.entries[names->count].name;
			entries.entries[names->count].name = NULL;
		}
		am_entries_free(&entries);
	}
	am_node_release(dir);
	return finish(tree, &place, "list", r, error);
}

void am_tree_names_free(struct am_tree_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct am_tree_names){0};
}

struct tree_reader {
	struct am_reader base;
	struct am_tree *tree;
	struct am_place place;
	struct am_fs_file *file;
};

static ssize_t reader_read(struct am_reader *base, void *data, size_t size, struct am_error *error)
{
	struct tree_reader *reader = (struct tree_reader *)base;
	ssize_t n = reader->file->fs->ops->read(reader->file, data, size, error);

	return n < 0 ? am_place_fail(reader->tree, &reader->place, "read", error) : n;
}

static void reader_close(struct am_reader *base)
{
	struct tree_reader *reader = (struct tree_reader *)base;

	if (reader->file != NULL)
		reader->file->fs->ops->close(reader->file);
	am_place_free(&reader->place);
	am_tree_close(reader->tree);
	free(reader);
}

struct am_reader *am_tree_open(struct am_tree *tree, const char *path, struct am_error *error)
{
	struct tree_reader *reader = calloc(1, sizeof *reader);
	struct am_place *place;

	if (reader == NULL) {
		am_fail_errno(error, ENOMEM, "open: %.300s", path);
		return NULL;
	}
	place = &reader->place;
	if (am_tree_locate(tree, "open", path, 1, place, error) != 0) {
		free(reader);
		return NULL;
	}
	reader->base = (struct am_reader){reader_read, reader_close, place->path};
	reader->tree = am_tree_hold(tree);
	if (place->name[0] == '\0')
		reason(error, EISDIR);
	else
		reader->file = place->dir->fs->ops->open(place->dir, place->name, error);
	if (reader->file == NULL) {
		am_place_fail(tree, place, "open", error);
		reader_close(&reader->base);
		return NULL;
	}
	return &reader->base;
}

int am_tree_read(struct am_tree *tree, const char *path, size_t max, struct am_buf *out,
	struct am_error *error)
{
	struct am_reader *reader = am_tree_open(tree, path, error);
	size_t start = out->length;
	ssize_t n = 1;
	int r = 0;

	if (reader == NULL)
		return -1;
	if (max == 0)
		max = READ_DEFAULT_MAX;
	while (r == 0 && n > 0) {
		r = am_buf_reserve(out, 65536, error);
		if (r != 0)
			break;
		n = reader->read(reader, out->data + out->length, 65536, error);
		if (n < 0)
			r = -1;
		else
			out->length += (size_t)n;
		if (r == 0 && out->length - start > max)
			r = am_fail(error, "E2BIG", "read: %s: more than %zu bytes", path, max);
	}
	if (out->data != NULL)
		out->data[out->length] = '\0';
	am_reader_close(reader);
	return r;
}

/* ---- writing ---- */

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

void am_tree_temporary(const char *name, char out[AM_TREE_NAME_MAX + 1])
{
	if (strlen(name) + strlen(".altmig-new") + 1 <= AM_TREE_NAME_MAX) {
		snprintf(out, AM_TREE_NAME_MAX + 1, ".%.243s.altmig-new", name);
		return;
	}
	snprintf(out, AM_TREE_NAME_MAX + 1, ".%.200s.%016llx.altmig-new", name,
		(unsigned long long)am_hash(name, strlen(name)));
}

/* Takes the attributes that were not given from the file that is replaced. */
static int complete_attr(struct am_writer *writer, struct am_error *error)
{
	struct am_place *place = &writer->place;
	struct am_tree_attr *attr = &writer->attr;
	struct am_error why;
	struct am_tree_stat old;

	if (place->dir->fs->ops->stat(place->dir, place->name, &old, &why) != 0) {
		if (strcmp(why.code, "ENOENT") != 0) {
			if (error != NULL)
				*error = why;
			return -1;
		}
		old = (struct am_tree_stat){.type = AM_TREE_LINK};
	}
	if (old.type == AM_TREE_DIR)
		return reason(error, EISDIR);
	if ((attr->set & AM_SET_MODE) == 0)
		attr->mode = old.type == AM_TREE_FILE ? old.mode : 0644;
	if (old.type == AM_TREE_FILE && (attr->set & AM_SET_UID) == 0) {
		attr->uid = old.uid;
		attr->set |= AM_SET_UID;
	}
	if (old.type == AM_TREE_FILE && (attr->set & AM_SET_GID) == 0) {
		attr->gid = old.gid;
		attr->set |= AM_SET_GID;
	}
	attr->set = (attr->set | AM_SET_MODE) & ~(unsigned)AM_SET_SIZE;
	return 0;
}

static int create_temporary(struct am_writer *writer, struct am_error *error)
{
	struct am_node *dir = writer->place.dir;
	struct am_error scratch, *why = error != NULL ? error : &scratch;

	am_tree_temporary(writer->place.name, writer->temporary);
	writer->file = dir->fs->ops->create(dir, writer->temporary, why);
	if (writer->file != NULL || strcmp(why->code, "EEXIST") != 0)
		return writer->file != NULL ? 0 : -1;
	/* Left by a run that was killed. */
	if (dir->fs->ops->unlink(dir, writer->temporary, why) != 0)
		return -1;
	writer->file = dir->fs->ops->create(dir, writer->temporary, why);
	return writer->file != NULL ? 0 : -1;
}

static void writer_free(struct am_writer *writer)
{
	if (writer->file != NULL)
		writer->file->fs->ops->close(writer->file);
	am_place_free(&writer->place);
	am_tree_close(writer->tree);
	free(writer);
}

struct am_writer *am_tree_create(struct am_tree *tree, const char *path, int follow,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_writer *writer;
	int r;

	if (am_tree_may_write(tree, "write", path, error) != 0)
		return NULL;
	writer = calloc(1, sizeof *writer);
	if (writer == NULL) {
		am_fail_errno(error, ENOMEM, "write: %.300s", path);
		return NULL;
	}
	if (am_tree_locate(tree, "write", path, follow, &writer->place, error) != 0) {
		free(writer);
		return NULL;
	}
	writer->tree = am_tree_hold(tree);
	if (attr != NULL)
		writer->attr = *attr;
	r = writer->place.name[0] == '\0' ? reason(error, EISDIR) : complete_attr(writer, error);
	if (r == 0)
		r = create_temporary(writer, error);
	if (r != 0) {
		am_place_fail(tree, &writer->place, "write", error);
		writer_free(writer);
		return NULL;
	}
	return writer;
}

int am_writer_write(
	struct am_writer *writer, const void *data, size_t length, struct am_error *error)
{
	if (writer->file->fs->ops->write(writer->file, data, length, error) == 0)
		return 0;
	return am_place_fail(writer->tree, &writer->place, "write", error);
}

int am_writer_commit(struct am_writer *writer, struct am_error *error)
{
	struct am_node *dir = writer->place.dir;
	const struct am_fs_ops *ops = dir->fs->ops;

	if (ops->finish(writer->file, &writer->attr, error) != 0 ||
		ops->rename(dir, writer->temporary, dir, writer->place.name, error) != 0) {
		am_place_fail(writer->tree, &writer->place, "write", error);
		am_writer_abort(writer);
		return -1;
	}
	writer_free(writer);
	return 0;
}

void am_writer_abort(struct am_writer *writer)
{
	struct am_node *dir;

	if (writer == NULL)
		return;
	dir = writer->place.dir;
	dir->fs->ops->unlink(dir, writer->temporary, NULL);
	dir->fs->complete = 0;
	writer_free(writer);
}

int am_tree_write(struct am_tree *tree, const char *path, const void *data, size_t length,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_writer *writer = am_tree_create(tree, path, 1, attr, error);

	if (writer == NULL)
		return -1;
	if (length > 0 && am_writer_write(writer, data, length, error) != 0) {
		am_writer_abort(writer);
		return -1;
	}
	return am_writer_commit(writer, error);
}

int am_tree_mkdir(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "mkdir", path, error) != 0 ||
		am_tree_locate(tree, "mkdir", path, 0, &place, error) != 0)
		return -1;
	if (place.name[0] == '\0')
		r = reason(error, EEXIST);
	else
		r = place.dir->fs->ops->mkdir(place.dir, place.name, mode, error);
	return finish(tree, &place, "mkdir", r, error);
}

/* One directory of a chain: there already, or made now. */
static int make_one(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	struct am_tree_stat st;

	if (am_tree_stat(tree, path, 1, &st, why) == 0) {
		if (st.type == AM_TREE_DIR)
			return 0;
		return am_fail(error, "ENOTDIR", "mkdir: %.500s: %s", path, strerror(ENOTDIR));
	}
	if (strcmp(why->code, "ENOENT") != 0)
		return -1;
	return am_tree_mkdir(tree, path, mode, error);
}

int am_tree_makedirs(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error)
{
	char part[AM_TREE_PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof part)
		return am_fail_errno(error, ENAMETOOLONG, "mkdir: %.300s", path);
	for (size_t i = 1; i <= length; i++) {
		if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (make_one(tree, part, mode, error) != 0)
			return -1;
	}
	return 0;
}

int am_tree_symlink(
	struct am_tree *tree, const char *target, const char *path, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "symlink", path, error) != 0 ||
		locate_name(tree, "symlink", path, &place, error) != 0)
		return -1;
	if (strlen(target) >= AM_TREE_PATH_MAX)
		r = reason(error, ENAMETOOLONG);
	else
		r = place.dir->fs->ops->symlink(place.dir, place.name, target, error);
	return finish(tree, &place, "symlink", r, error);
}

/* Two places in one file system, for link and rename. */
static int two_places(struct am_tree *tree, const char *operation, const char *from, const char *to,
	struct am_place *a, struct am_place *b, struct am_error *error)
{
	if (am_tree_may_write(tree, operation, to, error) != 0 ||
		locate_name(tree, operation, from, a, error) != 0)
		return -1;
	if (locate_name(tree, operation, to, b, error) != 0) {
		am_place_free(a);
		return -1;
	}
	if (a->mount == b->mount)
		return 0;
	finish(tree, b, operation, reason(error, EXDEV), error);
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
	return finish(tree, &b, "link", r, error);
}

int am_tree_rename(struct am_tree *tree, const char *from, const char *to, struct am_error *error)
{
	struct am_place a, b;
	int r;

	if (two_places(tree, "rename", from, to, &a, &b, error) != 0)
		return -1;
	if (am_tree_mount_below(tree, a.path) || am_tree_mount_below(tree, b.path))
		r = reason(error, EBUSY);
	else
		r = a.dir->fs->ops->rename(a.dir, a.name, b.dir, b.name, error);
	am_place_free(&a);
	return finish(tree, &b, "rename", r, error);
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
		locate_name(tree, "remove", path, &place, error) != 0)
		return -1;
	if (am_tree_mount_below(tree, place.path))
		r = reason(error, EBUSY);
	else
		r = remove_entry(place.dir, place.name, error);
	return finish(tree, &place, "remove", r, error);
}

/* Depth is bounded by AM_TREE_DEPTH_MAX, so that a hostile tree cannot exhaust the stack. */
static int remove_below(struct am_node *dir, const char *name, int depth, struct am_error *error)
{
	struct am_entries entries = {0};
	struct am_node *child;
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	int r;

	if (depth == AM_TREE_DEPTH_MAX)
		return reason(error, ENAMETOOLONG);
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
	if (locate_name(tree, "remove", path, &place, why) != 0)
		return strcmp(why->code, "ENOENT") == 0 ? 0 : -1;
	if (am_tree_mount_below(tree, place.path))
		r = reason(why, EBUSY);
	else
		r = remove_below(place.dir, place.name, 0, why);
	return finish(tree, &place, "remove", r, why);
}

int am_tree_mknod(struct am_tree *tree, const char *path, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "mknod", path, error) != 0 ||
		locate_name(tree, "mknod", path, &place, error) != 0)
		return -1;
	if (type < AM_TREE_BLOCK || type > AM_TREE_SOCKET)
		r = reason(error, EINVAL);
	else
		r = place.dir->fs->ops->mknod(
			place.dir, place.name, type, mode, major_number, minor_number, error);
	return finish(tree, &place, "mknod", r, error);
}

int am_tree_setattr(struct am_tree *tree, const char *path, int follow,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_may_write(tree, "setattr", path, error) != 0 ||
		am_tree_locate(tree, "setattr", path, follow, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->setattr(place.dir, name_or_null(&place), attr, error);
	return finish(tree, &place, "setattr", r, error);
}

int am_tree_df(
	struct am_tree *tree, const char *path, struct am_tree_space *space, struct am_error *error)
{
	struct am_place place;
	int r;

	if (am_tree_locate(tree, "df", path, 1, &place, error) != 0)
		return -1;
	r = place.dir->fs->ops->df(place.dir, space, error);
	return finish(tree, &place, "df", r, error);
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
	return place_fail(tree, index, mount->at, "mounts", error);
}

void am_tree_drop_caches(struct am_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		tree->mounts[i].fs->ops->drop_caches(tree->mounts[i].fs);
}

int am_tree_prove(struct am_tree *tree, struct am_error *error)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct am_fs *fs = tree->mounts[i].fs;

		fs->complete = 0;
		if (fs->ops->prove(fs, error) != 0)
			return place_fail(tree, i, tree->mounts[i].at, "prove", error);
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
