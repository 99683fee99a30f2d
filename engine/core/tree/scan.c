/* SPDX-License-Identifier: MIT */
#include "tree/scan.h"

#include "base/cancel.h"
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 256 << 10,
	AHEAD = 1024,         /* entries begun before the caller asks for them */
	LISTED_MAX = 16 << 10 /* entries of listings nobody has come to yet; more: none is begun */
};

/* What is under way for an entry, apart from it: an entry itself is to be small. */
struct look {
	struct am_op op; /* first */
	struct item *item;
	struct am_entries entries; /* of a listing ... */
	struct am_node *node;      /* ... and the directory */
	char target[];             /* AM_TREE_PATH_MAX bytes for a link */
};

/* An entry that is begun, or the rest of a listing that is to become entries. In order. */
struct item {
	struct item *next, *previous;
	struct am_scan *scan;
	enum { ENTRY, REST } role;
	enum { NEW, LOOKING, KNOWN, BUSY, READY, FAILED } state;
	struct am_node *dir; /* it is in; of a REST the directory itself */
	size_t mount;        /* of `dir`, of a directory its own */
	unsigned depth;
	struct am_tree_stat stat;
	struct am_handle handle;
	struct look *look;
	struct am_fetch *fetch;
	struct am_entries entries; /* of a REST */
	size_t at;
	const char *name;
	char path[]; /* of a REST that of the directory, "" for the root */
};

struct am_scan {
	struct am_tree *tree;
	const char *operation;
	const char *const *exclude;
	struct am_scan_entry entry;
	/* one at a time */
	struct am_walk *walk;
	char target[AM_TREE_PATH_MAX];
	struct am_reader *reader; /* of the file returned last */
	char *chunk;
	int consumed; /* pieces of it were given out */
	/* ahead */
	struct am_pipeline *pipeline, own;
	struct am_budget budget;
	struct item *first, *last;
	struct item *cursor; /* everything before it is begun */
	size_t entries;      /* of role ENTRY */
	size_t listed;       /* in RESTs */
	size_t count;        /* returned so far */
	int given;           /* the first one was returned */
	int popping;         /* a piece of it was given out and is to go */
};

/* ---- the list ---- */

static struct item *new_item(
	struct am_scan *scan, const char *dir, const char *name, struct am_error *error)
{
	size_t length = strlen(dir), bytes = name != NULL ? strlen(name) + 1 : 0;
	struct item *item;

	if (length + bytes + 1 > AM_TREE_PATH_MAX) {
		am_fail_errno(error, ENAMETOOLONG, "walk: %.300s", dir);
		return NULL;
	}
	item = calloc(1, sizeof *item + length + bytes + 1);
	if (item == NULL) {
		am_fail_errno(error, ENOMEM, "%s", scan->operation);
		return NULL;
	}
	item->scan = scan;
	memcpy(item->path, dir, length);
	if (name != NULL) {
		item->path[length] = '/';
		memcpy(item->path + length + 1, name, bytes);
		item->name = item->path + length + 1;
	}
	return item;
}

/* Before `next`, at the end for NULL. */
static void insert(struct am_scan *scan, struct item *item, struct item *next)
{
	item->next = next;
	item->previous = next != NULL ? next->previous : scan->last;
	if (item->previous != NULL)
		item->previous->next = item;
	else
		scan->first = item;
	if (next != NULL)
		next->previous = item;
	else
		scan->last = item;
	if (item->role == ENTRY)
		scan->entries++;
	else
		scan->listed += item->entries.count;
}

static void free_look(struct look *look)
{
	if (look == NULL)
		return;
	am_entries_free(&look->entries);
	am_node_release(look->node);
	free(look);
}

static void remove_item(struct am_scan *scan, struct item *item)
{
	if (item->previous != NULL)
		item->previous->next = item->next;
	else
		scan->first = item->next;
	if (item->next != NULL)
		item->next->previous = item->previous;
	else
		scan->last = item->previous;
	if (scan->cursor == item)
		scan->cursor = item->next;
	if (item->role == ENTRY)
		scan->entries--;
	else
		scan->listed -= item->entries.count - item->at;
	am_entries_free(&item->entries);
	am_fetch_close(item->fetch);
	free_look(item->look);
	am_node_release(item->dir);
	free(item);
}

/* ---- what is under way ---- */

/* The listing of a directory becomes a REST after it. */
static int listing_over(struct item *item, struct look *look, struct am_error *error)
{
	struct am_scan *scan = item->scan;
	const char *path = strcmp(item->path, "/") == 0 ? "" : item->path;
	struct item *rest;

	if (am_tree_arrange(scan->tree, item->path, &look->entries, error) != 0 ||
		(rest = new_item(scan, path, NULL, error)) == NULL)
		return -1;
	rest->role = REST;
	rest->dir = look->node;
	rest->mount = item->mount;
	rest->depth = item->depth + 1;
	rest->entries = look->entries;
	look->node = NULL;
	look->entries = (struct am_entries){0};
	insert(scan, rest, item->next);
	scan->cursor = scan->first;
	return 0;
}

static int look_over(struct am_op *op, struct am_error *error)
{
	struct look *look = (struct look *)op;
	struct item *item = look->item;
	int r = 0;

	if (op->outcome != AM_OP_DONE) {
		item->state = FAILED; /* told when it is its turn */
		return 0;
	}
	switch (op->kind) {
	case AM_OP_LOOK:
		item->stat = op->stat;
		item->state = KNOWN;
		item->scan->cursor = item->scan->first;
		break;
	case AM_OP_LIST:
		item->state = READY;
		r = listing_over(item, look, error);
		break;
	default:
		item->state = READY;
		return 0; /* the target is in it */
	}
	item->look = NULL;
	free_look(look);
	return r;
}

static struct look *new_look(
	struct item *item, enum am_op_kind kind, size_t more, struct am_error *error)
{
	struct look *look = malloc(sizeof *look + more);

	if (look == NULL) {
		am_fail_errno(error, ENOMEM, "%s", item->scan->operation);
		return NULL;
	}
	memset(look, 0, sizeof *look);
	look->item = item;
	look->op.kind = kind;
	look->op.over = look_over;
	look->op.file = &item->handle;
	item->look = look;
	return look;
}

static struct am_fs *fs_of(const struct item *item)
{
	return am_tree_fs(item->scan->tree, item->mount);
}

static int start(struct item *item, struct am_error *error)
{
	return am_pipeline_start(item->scan->pipeline, fs_of(item), &item->look->op, error);
}

static int begin_look(struct item *item, struct am_error *error)
{
	struct look *look = new_look(item, AM_OP_LOOK, 0, error);

	if (look == NULL)
		return -1;
	look->op.dir = item->dir;
	look->op.name = item->name;
	item->state = LOOKING;
	return start(item, error);
}

/* The root of another file system of the tree. */
static int begin_mount(struct item *item, size_t mount, struct am_error *error)
{
	struct am_fs *fs = am_tree_fs(item->scan->tree, mount);
	struct am_node *root = fs->ops->root(fs, error);

	if (root == NULL || fs->ops->stat(root, NULL, &item->stat, error) != 0) {
		am_node_release(root);
		return am_pipeline_fail(item->scan->tree, mount, item->path,
			&(struct am_op){
				.operation = "walk", .error = *error, .complete = fs->complete},
			error);
	}
	am_node_release(item->dir);
	item->dir = root;
	item->name = NULL;
	item->mount = mount;
	item->state = KNOWN;
	return 0;
}

static int begin_listing(struct item *item, struct am_error *error)
{
	struct look *look;

	if (item->depth >= AM_TREE_DEPTH_MAX)
		return am_fail_errno(error, ENAMETOOLONG, "walk: %.300s", item->path);
	look = new_look(item, AM_OP_LIST, 0, error);
	if (look == NULL)
		return -1;
	look->node = item->name == NULL
			     ? am_node_hold(item->dir)
			     : fs_of(item)->ops->child(item->dir, item->name, &item->handle, error);
	if (look->node == NULL)
		return -1;
	look->op.node = look->node;
	look->op.entries = &look->entries;
	item->state = BUSY;
	return start(item, error);
}

static int begin_target(struct item *item, struct am_error *error)
{
	struct look *look = new_look(item, AM_OP_TARGET, AM_TREE_PATH_MAX, error);

	if (look == NULL)
		return -1;
	look->op.into = look->target;
	look->op.length = AM_TREE_PATH_MAX;
	item->state = BUSY;
	return start(item, error);
}

/* 1: begun, 0: there is no room for it yet, -1. */
static int begin_entry(struct am_scan *scan, struct item *item, struct am_error *error)
{
	int urgent = item == scan->first;

	if (item->state == NEW) {
		size_t mount = am_tree_mount_at(scan->tree, item->path);

		if (mount != (size_t)-1)
			return begin_mount(item, mount, error) != 0
				       ? -1
				       : begin_entry(scan, item, error);
		return begin_look(item, error) != 0 ? -1 : 1;
	}
	if (item->fetch != NULL) {
		int r = am_fetch_ask(item->fetch, urgent, error);

		return r < 0 ? -1 : !r;
	}
	if (item->state != KNOWN)
		return 1;
	switch (item->stat.type) {
	case AM_TREE_DIR:
		if (scan->listed >= LISTED_MAX && !urgent)
			return 0;
		return begin_listing(item, error) != 0 ? -1 : 1;
	case AM_TREE_LINK:
		return begin_target(item, error) != 0 ? -1 : 1;
	case AM_TREE_FILE:
		item->fetch = am_fetch_open(scan->pipeline, &scan->budget, fs_of(item),
			&item->handle, item->stat.size, error);
		return item->fetch != NULL ? begin_entry(scan, item, error) : -1;
	default:
		item->state = READY;
		return 1;
	}
}

/* The next name of a listing as an entry before it; the REST is gone when there is none. */
static struct item *take_name(struct am_scan *scan, struct item *rest, struct am_error *error)
{
	while (rest->at < rest->entries.count) {
		struct am_entry *entry = &rest->entries.entries[rest->at++];
		struct item *item;

		scan->listed--;
		item = new_item(scan, rest->path, entry->name, error);
		if (item == NULL)
			return NULL;
		free(entry->name);
		entry->name = NULL;
		if (am_path_matches(scan->exclude, item->path)) {
			free(item);
			continue;
		}
		if (entry->has_stat && entry->handle.length > 0) {
			item->stat = entry->stat;
			item->handle = entry->handle;
			item->state = KNOWN;
		}
		item->dir = am_node_hold(rest->dir);
		item->mount = rest->mount;
		item->depth = rest->depth;
		insert(scan, item, rest);
		return item;
	}
	return rest;
}

/* Begins what there is room for. */
static int begin(struct am_scan *scan, struct am_error *error)
{
	struct item *item = scan->cursor;

	while (item != NULL && (!am_pipeline_full(scan->pipeline) || item == scan->first)) {
		int r;

		if (item->role == REST) {
			struct item *entry;

			if (scan->entries >= AHEAD)
				break;
			entry = take_name(scan, item, error);
			if (entry == NULL)
				return -1;
			if (entry == item) {
				item = item->next;
				remove_item(scan, entry);
				continue;
			}
			item = entry;
		}
		r = begin_entry(scan, item, error);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		item = item->next;
	}
	scan->cursor = item;
	return 0;
}

/* ---- opening ---- */

static int open_ahead(struct am_scan *scan, const char *path, struct am_error *error)
{
	struct am_place *place = calloc(1, sizeof *place);
	struct item *item;
	int r;

	if (place == NULL)
		return am_fail_errno(error, ENOMEM, "%s", scan->operation);
	if (am_tree_locate(scan->tree, "walk", path, 0, place, error) != 0) {
		free(place);
		return -1;
	}
	item = new_item(scan, place->path, NULL, error);
	if (item == NULL) {
		am_place_free(place);
		free(place);
		return -1;
	}
	item->mount = place->mount;
	item->state = KNOWN;
	r = place->dir->fs->ops->stat(place->dir, am_place_name(place), &item->stat, error);
	if (r == 0 && item->stat.type == AM_TREE_DIR) {
		item->dir = am_place_enter(place, error);
		r = item->dir != NULL ? 0 : -1;
	}
	if (r != 0)
		am_place_fail(scan->tree, place, "walk", error);
	else if (item->stat.type != AM_TREE_DIR) {
		/* a single entry: found once more, with its handle */
		item->dir = am_node_hold(place->dir);
		item->name = strrchr(item->path, '/') + 1;
		item->state = NEW;
	}
	am_place_free(place);
	free(place);
	if (r != 0) {
		am_node_release(item->dir);
		free(item);
		return -1;
	}
	insert(scan, item, NULL);
	scan->cursor = item;
	return 0;
}

struct am_scan *am_scan_open(struct am_tree *tree, const char *path,
	const struct am_scan_options *options, struct am_error *error)
{
	struct am_scan *scan = calloc(1, sizeof *scan);

	if (scan == NULL) {
		am_fail_errno(error, ENOMEM, "%s: %.300s", options->operation, path);
		return NULL;
	}
	scan->tree = am_tree_hold(tree);
	scan->operation = options->operation;
	scan->exclude = options->exclude;
	scan->budget.most = AM_PIPELINE_MEMORY;
	scan->pipeline = options->pipeline;
	if (scan->pipeline == NULL && am_pipeline_can(tree)) {
		am_pipeline_open(&scan->own, options->operation, tree, NULL);
		scan->pipeline = &scan->own;
	}
	if (scan->pipeline == NULL)
		scan->walk = am_walk_open(tree, path, error);
	if (scan->pipeline != NULL ? open_ahead(scan, path, error) == 0 : scan->walk != NULL)
		return scan;
	am_scan_close(scan);
	return NULL;
}

void am_scan_close(struct am_scan *scan)
{
	if (scan == NULL)
		return;
	if (scan->pipeline == &scan->own)
		am_pipeline_close(&scan->own);
	while (scan->first != NULL) {
		struct item *item = scan->first;

		am_fetch_free(item->fetch);
		item->fetch = NULL;
		remove_item(scan, item);
	}
	am_reader_close(scan->reader);
	am_walk_close(scan->walk);
	am_tree_close(scan->tree);
	free(scan->chunk);
	free(scan);
}

/* ---- one at a time ---- */

static int next_walked(struct am_scan *scan, struct am_error *error)
{
	const struct am_tree_stat *st;
	const char *path;
	int r;

	while ((r = am_walk_next(scan->walk, &path, &st, error)) == 1) {
		if (scan->given && am_path_matches(scan->exclude, path)) {
			am_walk_skip(scan->walk);
			continue;
		}
		scan->given = 1;
		scan->entry = (struct am_scan_entry){path, *st, NULL};
		if (st->type != AM_TREE_LINK)
			return 1;
		scan->entry.target = scan->target;
		return am_tree_readlink(
			       scan->tree, path, scan->target, sizeof scan->target, error) == 0
			       ? 1
			       : -1;
	}
	return r;
}

static int read_opened(
	struct am_scan *scan, const char **data, size_t *length, struct am_error *error)
{
	ssize_t n;

	if (scan->chunk == NULL && (scan->chunk = malloc(CHUNK)) == NULL)
		return am_fail_errno(error, ENOMEM, "%s", scan->operation);
	if (scan->reader == NULL)
		scan->reader = am_tree_open(scan->tree, scan->entry.path, error);
	if (scan->reader == NULL)
		return -1;
	n = scan->reader->read(scan->reader, scan->chunk, CHUNK, error);
	if (n <= 0)
		return (int)n;
	*data = scan->chunk;
	*length = (size_t)n;
	return 1;
}

/* ---- the caller's side ---- */

static int poll_once(struct am_scan *scan, struct am_error *error)
{
	if (am_check_cancel(scan->operation, error) != 0 || begin(scan, error) != 0)
		return -1;
	return am_pipeline_poll(scan->pipeline, 100, error);
}

static int fail_item(struct am_scan *scan, const struct item *item, const struct am_op *op,
	struct am_error *error)
{
	struct am_op stale = *op;

	if (op->outcome == AM_OP_ODD)
		am_fail(&stale.error, am_errno_name(ESTALE), "%s", strerror(ESTALE));
	if (stale.operation == NULL)
		stale.operation = "read";
	return am_pipeline_fail(scan->tree, item->mount, item->path, &stale, error);
}

/* The first entry, ready to be returned. A directory is when its listing is there. */
static int give_first(struct am_scan *scan, struct am_error *error)
{
	struct item *item = scan->first;

	scan->given = 1;
	scan->entry = (struct am_scan_entry){item->path, item->stat, NULL};
	if (item->state == FAILED) {
		if (item->look->op.kind != AM_OP_TARGET || item->look->op.outcome != AM_OP_ODD)
			return fail_item(scan, item, &item->look->op, error);
		if (am_tree_readlink(scan->tree, item->path, item->look->target, AM_TREE_PATH_MAX,
			    error) != 0)
			return -1;
	}
	if (item->stat.type == AM_TREE_LINK)
		scan->entry.target = item->look->target;
	return 1;
}

static int next_ahead(struct am_scan *scan, struct am_error *error)
{
	if (scan->given)
		remove_item(scan, scan->first);
	scan->given = scan->popping = 0;
	if (begin(scan, error) != 0)
		return -1;
	for (;;) {
		struct item *item = scan->first;

		if (item == NULL)
			return 0;
		if (item->role == ENTRY &&
			(item->state == READY || item->state == FAILED || item->fetch != NULL))
			return give_first(scan, error);
		if (poll_once(scan, error) != 0)
			return -1;
	}
}

int am_scan_next(struct am_scan *scan, const struct am_scan_entry **entry, struct am_error *error)
{
	am_reader_close(scan->reader);
	scan->reader = NULL;
	scan->consumed = 0;
	*entry = &scan->entry;
	if (scan->walk != NULL)
		return next_walked(scan, error);
	if (++scan->count > AM_WALK_MAX)
		return am_fail(
			error, "E2BIG", "%s: more than %d entries", scan->operation, AM_WALK_MAX);
	return next_ahead(scan, error);
}

int am_scan_read(struct am_scan *scan, const char **data, size_t *length, struct am_error *error)
{
	struct item *item = scan->first;

	if (scan->walk != NULL || scan->reader != NULL)
		return read_opened(scan, data, length, error);
	if (scan->popping)
		am_fetch_pop(item->fetch);
	scan->popping = 0;
	for (;;) {
		int r = am_fetch_look(item->fetch, data, length);

		if (r < 0 && !scan->consumed && item->fetch->op.outcome == AM_OP_ODD)
			return read_opened(scan, data, length, error);
		if (r < 0)
			return fail_item(scan, item, &item->fetch->op, error);
		if (r == 2)
			return 0;
		if (r == 1) {
			scan->popping = scan->consumed = 1;
			return 1;
		}
		if (am_fetch_ask(item->fetch, 1, error) < 0 || poll_once(scan, error) != 0)
			return -1;
	}
}
