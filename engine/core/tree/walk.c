/*
 * What goes over a whole tree: the walk, digests.
 */
#include "tree/tree.h"

#include "tree/backend.h"
#include "tree/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reason(struct am_error *error, int errnum)
{
	return am_fail(error, am_errno_name(errnum), "%s", strerror(errnum));
}

/* ---- walk ---- */

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
	if (place->dir->fs->ops->stat(place->dir, place->name[0] != '\0' ? place->name : NULL,
		    &walk->stat, error) != 0) {
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

/* The message names the path the walk is at. */
static int walk_fail(struct am_walk *walk, struct am_error *error)
{
	struct am_place place = {.mount = walk->place.mount};

	if (walk->depth > 0) {
		struct am_fs *fs = walk->frames[walk->depth - 1].dir->fs;

		for (size_t i = 0; i < am_tree_mount_count(walk->tree); i++) {
			if (am_tree_fs(walk->tree, i) == fs)
				place.mount = i;
		}
	}
	memcpy(place.path, walk->path, sizeof place.path);
	return am_place_fail(walk->tree, &place, "walk", error);
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
		reason(error, ENAMETOOLONG);
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
			reason(error, ENAMETOOLONG);
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

/* ---- digest ---- */

static void hex_of(const unsigned char *bytes, size_t length, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
	*hex = '\0';
}

static void final_hex(SHA2_CTX *context, char hex[65])
{
	unsigned char bytes[SHA256_DIGEST_LENGTH];

	SHA256Final(bytes, context);
	hex_of(bytes, sizeof bytes, hex);
}

static int content_hex(struct am_scan *scan, char hex[65], struct am_error *error)
{
	const char *data;
	size_t length;
	SHA2_CTX context;
	int r;

	SHA256Init(&context);
	while ((r = am_scan_read(scan, &data, &length, error)) == 1)
		SHA256Update(&context, (const unsigned char *)data, length);
	final_hex(&context, hex);
	return r;
}

/*
 * The canonical line. Lengths before path and target keep hostile names from imitating another
 * entry. Sizes count for regular files only: a directory's depends on its file system.
 */
static int entry_line(struct am_scan *scan, const struct am_scan_entry *entry, size_t skip,
	int times, struct am_buf *line, struct am_error *error)
{
	const struct am_tree_stat *st = &entry->stat;
	const char *relative = entry->path + skip;
	char hex[65];

	line->length = 0;
	if (am_buf_addf(line, error, "%s %04" PRIo32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %zu:%s",
		    am_tree_type_name(st->type), st->type == AM_TREE_LINK ? 0777 : st->mode,
		    st->uid, st->gid, st->type == AM_TREE_FILE ? st->size : 0, strlen(relative),
		    relative) != 0)
		return -1;
	if (times && am_buf_addf(line, error, " %" PRId64 ".%09" PRIu32, st->mtime.seconds,
			     st->mtime.nanoseconds) != 0)
		return -1;
	switch (st->type) {
	case AM_TREE_FILE:
		if (content_hex(scan, hex, error) != 0)
			return -1;
		return am_buf_addf(line, error, " %s\n", hex);
	case AM_TREE_LINK:
		return am_buf_addf(line, error, " %zu:%s\n", strlen(entry->target), entry->target);
	case AM_TREE_BLOCK:
	case AM_TREE_CHAR:
		return am_buf_addf(
			line, error, " %" PRIu32 ",%" PRIu32 "\n", st->rdev_major, st->rdev_minor);
	default:
		return am_buf_add(line, "\n", 1, error);
	}
}

static int digest_lines(struct am_tree *tree, const char *path,
	const struct am_digest_options *options,
	int (*each)(
		void *context, const char *path, const struct am_buf *line, struct am_error *error),
	void *context, struct am_error *error)
{
	struct am_scan_options wanted = {
		.operation = "digest", .exclude = options != NULL ? options->exclude : NULL};
	struct am_scan *scan = am_scan_open(tree, path, &wanted, error);
	const struct am_scan_entry *entry;
	struct am_buf line = {0};
	size_t skip;
	int r;

	if (scan == NULL)
		return -1;
	r = am_scan_next(scan, &entry, error);
	if (r == 1 && entry->stat.type != AM_TREE_DIR)
		r = am_fail(error, "ENOTDIR", "digest: %.500s: %s", entry->path, strerror(ENOTDIR));
	skip = r == 1 && strcmp(entry->path, "/") != 0 ? strlen(entry->path) + 1 : 1;
	while (r == 1 && (r = am_scan_next(scan, &entry, error)) == 1) {
		if (entry_line(scan, entry, skip, options != NULL && options->times, &line,
			    error) != 0 ||
			each(context, entry->path, &line, error) != 0)
			r = -1;
	}
	am_buf_free(&line);
	am_scan_close(scan);
	return r;
}

static int add_line(
	void *context, const char *path, const struct am_buf *line, struct am_error *error)
{
	(void)path;
	(void)error;
	SHA256Update(context, (const unsigned char *)line->data, line->length);
	return 0;
}

int am_tree_digest(struct am_tree *tree, const char *path, const struct am_digest_options *options,
	char hex[65], struct am_error *error)
{
	SHA2_CTX context;
	int r;

	SHA256Init(&context);
	r = digest_lines(tree, path, options, add_line, &context, error);
	final_hex(&context, hex);
	return r;
}

struct each_entry {
	int (*each)(void *context, const char *path, const char *hex, struct am_error *error);
	void *context;
};

static int hash_line(
	void *context, const char *path, const struct am_buf *line, struct am_error *error)
{
	struct each_entry *each = context;
	SHA2_CTX hash;
	char hex[65];

	SHA256Init(&hash);
	SHA256Update(&hash, (const unsigned char *)line->data, line->length);
	final_hex(&hash, hex);
	return each->each(each->context, path, hex, error);
}

int am_tree_digest_each(struct am_tree *tree, const char *path,
	const struct am_digest_options *options,
	int (*each)(void *context, const char *path, const char *hex, struct am_error *error),
	void *context, struct am_error *error)
{
	struct each_entry entry = {each, context};

	return digest_lines(tree, path, options, hash_line, &entry, error);
}
