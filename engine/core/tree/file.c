/* SPDX-License-Identifier: MIT */
/* Reading and writing of whole files. */
#include "tree/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_DEFAULT_MAX = 64 << 20 };

/* ---- reading ---- */

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
		am_fail_reason(error, EISDIR);
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

struct am_writer {
	struct am_tree *tree;
	struct am_place place;
	struct am_tree_attr attr;
	struct am_fs_file *file;
	char temporary[AM_TREE_NAME_MAX + 1];
};

/*
 * FNV-1a: the same in every process and release, since what one left behind is found by its name. A
 * collision would only let two files of one directory take turns with it.
 */
static uint64_t name_hash(const char *name)
{
	uint64_t value = 14695981039346656037u;

	for (; *name != '\0'; name++)
		value = (value ^ (unsigned char)*name) * 1099511628211u;
	return value ^ value >> 32;
}

void am_tree_temporary(const char *name, char out[AM_TREE_NAME_MAX + 1])
{
	if (strlen(name) + strlen(".altmig-new") + 1 <= AM_TREE_NAME_MAX) {
		snprintf(out, AM_TREE_NAME_MAX + 1, ".%.243s.altmig-new", name);
		return;
	}
	snprintf(out, AM_TREE_NAME_MAX + 1, ".%.200s.%016llx.altmig-new", name,
		(unsigned long long)name_hash(name));
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
		return am_fail_reason(error, EISDIR);
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
	r = writer->place.name[0] == '\0' ? am_fail_reason(error, EISDIR)
					  : complete_attr(writer, error);
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
