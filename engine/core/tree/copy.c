/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole trees. Contents are read ahead (scan.h); where the target's back end can,
 * small files are written many at a time, each to a temporary that takes the place of the old file
 * when it is whole and on disk. Directories are made one by one, in their turn, and get their
 * attributes at the end.
 */
#include "tree/scan.h"

#include "base/cancel.h"
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A directory whose attributes wait for its content. */
struct late {
	struct late *next;
	struct am_tree_attr attr;
	char path[];
};

struct copy {
	struct am_tree *from, *to;
	struct am_scan *scan;
	struct am_pipeline pipeline;
	int many; /* the target can have many files under way */
	int both; /* and what is read is part of the same pipeline */
	struct sent *sent;
	size_t memory;
	unsigned count;
	struct late *late; /* the last one first: what is inside comes before */
	char to_path[AM_TREE_PATH_MAX];
};

/* A file, or the attributes of a directory, on its way. */
struct sent {
	struct am_op op; /* first */
	struct sent *next, *previous;
	struct copy *copy;
	struct am_place place;
	struct am_node *node;
	struct am_buf data;
	char temporary[AM_TREE_NAME_MAX + 1];
};

static struct am_tree_attr attr_of(const struct am_tree_stat *st)
{
	return (struct am_tree_attr){
		.set = AM_SET_MODE | AM_SET_UID | AM_SET_GID | AM_SET_ATIME | AM_SET_MTIME,
		.mode = st->mode,
		.uid = st->uid,
		.gid = st->gid,
		.atime = st->atime,
		.mtime = st->mtime,
	};
}

/* ---- many at a time ---- */

static void free_sent(struct sent *sent)
{
	struct copy *copy = sent->copy;

	if (sent->previous != NULL)
		sent->previous->next = sent->next;
	else
		copy->sent = sent->next;
	if (sent->next != NULL)
		sent->next->previous = sent->previous;
	copy->memory -= sent->data.capacity;
	am_place_free(&sent->place);
	am_node_release(sent->node);
	am_buf_free(&sent->data);
	free(sent);
}

/* One request after the other. */
static int send_alone(struct sent *sent, struct am_error *error)
{
	struct am_tree *to = sent->copy->to;
	struct am_writer *writer;

	if (sent->op.kind == AM_OP_ATTR)
		return am_tree_setattr(to, sent->place.path, 0, &sent->op.attr, error);
	writer = am_tree_create(to, sent->place.path, 0, &sent->op.attr, error);
	if (writer == NULL)
		return -1;
	if (am_writer_write(writer, sent->data.data, sent->data.length, error) == 0)
		return am_writer_commit(writer, error);
	am_writer_abort(writer);
	return -1;
}

static int sent_over(struct am_op *op, struct am_error *error)
{
	struct sent *sent = (struct sent *)op;
	int r = 0;

	if (op->outcome == AM_OP_ODD) {
		r = send_alone(sent, error);
	} else if (op->outcome == AM_OP_FAILED) {
		r = am_pipeline_fail(
			sent->copy->to, sent->place.mount, sent->place.path, op, error);
		if (op->kind == AM_OP_FILE)
			sent->place.dir->fs->ops->unlink(sent->place.dir, sent->temporary, NULL);
		am_tree_fs(sent->copy->to, sent->place.mount)->complete = 0;
	}
	free_sent(sent);
	return r;
}

static struct sent *new_sent(struct copy *copy, enum am_op_kind kind, const char *path,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct sent *sent = calloc(1, sizeof *sent);

	if (sent == NULL) {
		am_fail_errno(error, ENOMEM, "copy: %.300s", path);
		return NULL;
	}
	if (am_tree_locate(copy->to, "write", path, 0, &sent->place, error) != 0) {
		free(sent);
		return NULL;
	}
	sent->copy = copy;
	sent->op.kind = kind;
	sent->op.attr = *attr;
	sent->op.over = sent_over;
	sent->next = copy->sent;
	if (copy->sent != NULL)
		copy->sent->previous = sent;
	copy->sent = sent;
	return sent;
}

static int poll_once(struct copy *copy, int wait_ms, struct am_error *error)
{
	if (am_check_cancel("copy", error) != 0)
		return -1;
	return am_pipeline_poll(&copy->pipeline, wait_ms, error);
}

/* Starts it when there is room. */
static int send(struct copy *copy, struct sent *sent, struct am_error *error)
{
	copy->memory += sent->data.capacity;
	while (am_pipeline_full(&copy->pipeline) || copy->memory >= AM_PIPELINE_MEMORY) {
		if (copy->memory == sent->data.capacity && !am_pipeline_full(&copy->pipeline))
			break; /* it is alone */
		if (poll_once(copy, 100, error) != 0)
			return -1;
	}
	if (am_pipeline_start(&copy->pipeline, am_tree_fs(copy->to, sent->place.mount), &sent->op,
		    error) != 0)
		return -1;
	return am_pipeline_due(++copy->count) ? poll_once(copy, 0, error) : 0;
}

static int wait_all(struct copy *copy, struct am_error *error)
{
	while (copy->sent != NULL) {
		if (poll_once(copy, 100, error) != 0)
			return -1;
	}
	return 0;
}

/* Takes `data` over. */
static int send_file(struct copy *copy, struct am_buf *data, const struct am_tree_attr *attr,
	struct am_error *error)
{
	struct sent *sent = new_sent(copy, AM_OP_FILE, copy->to_path, attr, error);

	if (sent == NULL) {
		am_buf_free(data);
		return -1;
	}
	sent->data = *data;
	am_tree_temporary(sent->place.name, sent->temporary);
	sent->op.dir = sent->place.dir;
	sent->op.name = sent->temporary;
	sent->op.final = sent->place.name;
	sent->op.data = sent->data.data;
	sent->op.length = sent->data.length;
	return send(copy, sent, error);
}

static int send_late(struct copy *copy, const struct late *late, struct am_error *error)
{
	struct sent *sent = new_sent(copy, AM_OP_ATTR, late->path, &late->attr, error);

	if (sent == NULL)
		return -1;
	sent->node = am_place_enter(&sent->place, error);
	if (sent->node == NULL) {
		am_place_fail(copy->to, &sent->place, "setattr", error);
		free_sent(sent);
		return -1;
	}
	sent->op.node = sent->node;
	return send(copy, sent, error);
}

/* ---- entries ---- */

/* Times the protocol knows. */
static int sendable(const struct am_tree_attr *attr)
{
	return attr->atime.seconds >= 0 && attr->mtime.seconds >= 0 &&
	       attr->atime.seconds <= UINT32_MAX && attr->mtime.seconds <= UINT32_MAX;
}

/* Writes `data` and what follows it. */
static int write_on(struct copy *copy, const struct am_buf *data, const struct am_tree_attr *attr,
	struct am_error *error)
{
	struct am_writer *writer = am_tree_create(copy->to, copy->to_path, 0, attr, error);
	const char *piece = data->data;
	size_t length = data->length;
	int r = 1;

	if (writer == NULL)
		return -1;
	while (r == 1) {
		if (length > 0 && am_writer_write(writer, piece, length, error) != 0)
			r = -1;
		else
			r = am_scan_read(copy->scan, &piece, &length, error);
	}
	if (r == 0)
		return am_writer_commit(writer, error);
	am_writer_abort(writer);
	return -1;
}

static int copy_file(struct copy *copy, const struct am_scan_entry *entry, struct am_error *error)
{
	struct am_tree_attr attr = attr_of(&entry->stat);
	struct am_buf data = {0};
	size_t length, most = copy->many ? AM_PIPELINE_SMALL : 0;
	const char *piece;
	int r = 1;

	if (!sendable(&attr) || strrchr(copy->to_path, '/')[1] == '\0')
		most = 0;
	while (data.length < most && entry->stat.size <= most &&
		(r = am_scan_read(copy->scan, &piece, &length, error)) == 1) {
		if (am_buf_add(&data, piece, length, error) != 0) {
			r = -1;
			break;
		}
	}
	if (r == 0 && most > 0) {
		struct am_place place;

		/* whole; the file system it goes to may take less at a time */
		if (am_tree_locate(copy->to, "write", copy->to_path, 0, &place, error) != 0) {
			am_buf_free(&data);
			return -1;
		}
		most = place.name[0] != '\0' ? place.dir->fs->ops->largest(place.dir->fs) : 0;
		am_place_free(&place);
		if (most > 0 && data.length <= most)
			return send_file(copy, &data, &attr, error);
	}
	if (r >= 0)
		r = write_on(copy, &data, &attr, error);
	am_buf_free(&data);
	return r;
}

/* Removes what is in the way of a link or device; a directory with content stays (ENOTEMPTY). */
static int clear_way(struct copy *copy, struct am_error *error)
{
	int there = am_tree_exists(copy->to, copy->to_path, error);

	return there <= 0 ? there : am_tree_remove(copy->to, copy->to_path, error);
}

static int copy_other(struct copy *copy, const struct am_scan_entry *entry, struct am_error *error)
{
	const struct am_tree_stat *st = &entry->stat;
	struct am_tree_attr attr = attr_of(st);
	int r;

	if (clear_way(copy, error) != 0)
		return -1;
	if (st->type == AM_TREE_LINK) {
		attr.set &= ~(unsigned)AM_SET_MODE;
		r = am_tree_symlink(copy->to, entry->target, copy->to_path, error);
	} else {
		r = am_tree_mknod(copy->to, copy->to_path, st->type, st->mode, st->rdev_major,
			st->rdev_minor, error);
	}
	return r != 0 ? -1 : am_tree_setattr(copy->to, copy->to_path, 0, &attr, error);
}

static int copy_dir(struct copy *copy, const struct am_scan_entry *entry, struct am_error *error)
{
	struct am_error scratch, *why = error != NULL ? error : &scratch;
	size_t length = strlen(copy->to_path) + 1;
	struct am_tree_stat old;
	struct late *late;

	if (am_tree_mkdir(copy->to, copy->to_path, 0700, why) != 0) {
		struct am_error ignored;

		if (strcmp(why->code, "EEXIST") != 0 ||
			am_tree_stat(copy->to, copy->to_path, 0, &old, &ignored) != 0 ||
			old.type != AM_TREE_DIR)
			return -1;
	}
	late = malloc(sizeof *late + length);
	if (late == NULL)
		return am_fail_errno(error, ENOMEM, "copy: %.300s", copy->to_path);
	memcpy(late->path, copy->to_path, length);
	late->attr = attr_of(&entry->stat);
	late->next = copy->late;
	copy->late = late;
	return 0;
}

static int copy_entry(struct copy *copy, const struct am_scan_entry *entry, struct am_error *error)
{
	switch (entry->stat.type) {
	case AM_TREE_FILE:
		return copy_file(copy, entry, error);
	case AM_TREE_DIR:
		return copy_dir(copy, entry, error);
	default:
		return copy_other(copy, entry, error);
	}
}

/* The same path below the target. */
static int map_path(struct copy *copy, const char *to, const char *relative, struct am_error *error)
{
	int n = snprintf(copy->to_path, sizeof copy->to_path, "%s%s%s", to,
		*relative != '\0' && to[strlen(to) - 1] != '/' ? "/" : "", relative);

	if (n < 0 || (size_t)n >= sizeof copy->to_path)
		return am_fail_errno(error, ENAMETOOLONG, "copy: %.300s", to);
	return 0;
}

/* Attributes of the directories, those inside before those around them. */
static int finish_dirs(struct copy *copy, struct am_error *error)
{
	for (const struct late *late = copy->late; late != NULL; late = late->next) {
		int r = copy->many && sendable(&late->attr)
				? send_late(copy, late, error)
				: am_tree_setattr(copy->to, late->path, 0, &late->attr, error);

		if (r != 0)
			return -1;
	}
	return wait_all(copy, error);
}

static int copy_all(struct copy *copy, const char *from, const char *to, struct am_error *error)
{
	struct am_scan_options options = {
		.operation = "copy", .pipeline = copy->both ? &copy->pipeline : NULL};
	const struct am_scan_entry *entry;
	size_t skip = 0;
	int first = 1, r = 0;

	copy->scan = am_scan_open(copy->from, from, &options, error);
	if (copy->scan == NULL)
		return -1;
	while (r == 0 && (r = am_scan_next(copy->scan, &entry, error)) == 1) {
		if (first)
			skip = strcmp(entry->path, "/") == 0 ? 1 : strlen(entry->path);
		first = 0;
		r = map_path(copy, to, entry->path + skip + (entry->path[skip] == '/'), error);
		if (r == 0)
			r = copy_entry(copy, entry, error);
	}
	return r != 0 || wait_all(copy, error) != 0 ? -1 : finish_dirs(copy, error);
}

/* After a failure: what was under way may have left its temporary. Ends at the first trouble. */
static void drop_temporaries(struct copy *copy)
{
	for (struct sent *sent = copy->sent; sent != NULL; sent = sent->next) {
		struct am_node *dir = sent->place.dir;
		struct am_error why;

		if (sent->op.kind != AM_OP_FILE)
			continue;
		if (dir->fs->ops->unlink(dir, sent->temporary, &why) != 0 &&
			strcmp(why.code, "ENOENT") != 0) {
			dir->fs->complete = 0;
			return;
		}
	}
}

static int run(struct copy *copy, const char *from, const char *to, struct am_error *error)
{
	int r;

	copy->many = am_pipeline_can(copy->to);
	copy->both = copy->many && am_pipeline_can(copy->from);
	if (copy->many)
		am_pipeline_open(&copy->pipeline, "copy", copy->to, copy->both ? copy->from : NULL);
	r = copy_all(copy, from, to, error);
	if (copy->many)
		am_pipeline_close(&copy->pipeline);
	if (r != 0 && !am_cancelled())
		drop_temporaries(copy);
	am_scan_close(copy->scan);
	while (copy->sent != NULL)
		free_sent(copy->sent);
	while (copy->late != NULL) {
		struct late *late = copy->late;

		copy->late = late->next;
		free(late);
	}
	return r;
}

int am_tree_copy(struct am_tree *from_tree, const char *from, struct am_tree *to_tree,
	const char *to, struct am_error *error)
{
	char from_path[AM_TREE_PATH_MAX], to_path[AM_TREE_PATH_MAX];
	struct copy *copy;
	size_t length;
	int r;

	if (am_tree_may_write(to_tree, "copy", to, error) != 0 ||
		am_tree_resolve_parent(from_tree, from, from_path, sizeof from_path, error) != 0 ||
		am_tree_resolve_parent(to_tree, to, to_path, sizeof to_path, error) != 0)
		return -1;
	length = strcmp(from_path, "/") == 0 ? 0 : strlen(from_path);
	if (from_tree == to_tree && strncmp(to_path, from_path, length) == 0 &&
		(to_path[length] == '/' || to_path[length] == '\0'))
		return am_fail(error, "EINVAL", "copy: %.300s: into itself: %.300s", from, to);
	copy = calloc(1, sizeof *copy);
	if (copy == NULL)
		return am_fail_errno(error, ENOMEM, "copy: %.300s", from);
	copy->from = from_tree;
	copy->to = to_tree;
	r = run(copy, from_path, to_path, error);
	free(copy);
	return r;
}
