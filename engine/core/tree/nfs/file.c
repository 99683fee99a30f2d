/* SPDX-License-Identifier: MIT */
/* Regular files: read one piece after the other, written through a window. */
#include "tree/nfs/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree/nfs/names.h"
#include "tree/nfs/take.h"

static struct nfs_fs *fs_of(struct am_node *node)
{
	return (struct nfs_fs *)node->fs;
}

enum {
	WINDOW = 4 << 20, /* written, but not yet known to be on disk */
	REWRITES_MAX = 5, /* of a window, for a server that is restarted again and again */
};

struct nfs_file {
	struct am_fs_file base;
	struct am_node *dir; /* keeps the file system's nodes in order */
	struct am_handle handle;
	uint64_t offset; /* of the next read, or of the window */
	uint64_t most;   /* nothing is read beyond */
	int end;
	char *window;
	size_t filled;
};

static struct nfs_file *new_file(
	struct am_node *dir, const struct am_handle *handle, struct am_error *error)
{
	struct nfs_file *file = calloc(1, sizeof *file);

	if (file == NULL) {
		am_fail_reason(error, ENOMEM);
		return NULL;
	}
	file->base.fs = dir->fs;
	file->dir = am_node_hold(dir);
	if (handle != NULL)
		file->handle = *handle;
	return file;
}

void am_nfs_file_close(struct am_fs_file *base)
{
	struct nfs_file *file = (struct nfs_file *)base;

	am_node_release(file->dir);
	free(file->window);
	free(file);
}

struct am_fs_file *am_nfs_file_open(struct am_node *dir, const char *name, struct am_error *error)
{
	struct found found;
	struct nfs_file *file;

	if (am_nfs_lookup((struct nfs_node *)dir, name, &found, error) != 0)
		return NULL;
	if (found.stat.type != AM_TREE_FILE) {
		am_fail_reason(error, found.stat.type == AM_TREE_DIR ? EISDIR : EINVAL);
		return NULL;
	}
	file = new_file(dir, &found.handle, error);
	if (file == NULL)
		return NULL;
	file->end = found.stat.size == 0;
	file->most = found.stat.size + AM_FILE_GROWTH_MAX;
	return &file->base;
}

struct piece {
	char *data;
	struct am_nfs3_read read;
};

static void take_read(struct request *request, struct am_xdr *results)
{
	struct piece *piece = request->out;

	if (am_nfs_take_read(request, results, &piece->read) == 0)
		memcpy(piece->data, piece->read.data, piece->read.length);
}

/*
 * A file that grows is read on, but not for ever: what a server sends without end is no file.
 */
ssize_t am_nfs_file_read(struct am_fs_file *base, void *data, size_t size, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;
	struct nfs_fs *fs = (struct nfs_fs *)base->fs;
	struct piece piece = {.data = data};
	struct request request = {.procedure = AM_NFS3_READ,
		.args.offset = file->offset,
		.args.count = size < fs->read_max ? (uint32_t)size : fs->read_max,
		.take = take_read,
		.out = &piece,
		.handles = {&file->handle}};

	if (file->end || size == 0)
		return 0;
	if (file->offset >= file->most)
		return am_fail(error, "EPROTO", "the server sends more than the file can hold");
	if (am_nfs_run_ok(fs, &request, error) != 0)
		return -1;
	file->offset += piece.read.length;
	file->end = piece.read.end;
	return (ssize_t)piece.read.length;
}

static void take_create(struct request *request, struct am_xdr *results)
{
	struct am_tree_stat unused;

	am_nfs3_made(results, request->out, &unused);
}

/*
 * GUARDED: a file that is there already is never opened, it may be a link of another. When the
 * answer to a first try got lost, the second says EEXIST, and tree.c removes and creates once more.
 */
struct am_fs_file *am_nfs_file_create(struct am_node *dir, const char *name, struct am_error *error)
{
	struct nfs_file *file = new_file(dir, NULL, error);
	struct request request = am_nfs_name_request(AM_NFS3_CREATE, (struct nfs_node *)dir, name);
	struct found found;
	int r;

	if (file == NULL)
		return NULL;
	request.take = take_create;
	request.out = &file->handle;
	request.args.attr = (struct am_tree_attr){.set = AM_SET_MODE, .mode = 0600};
	r = am_nfs_run_ok(fs_of(dir), &request, error);
	if (r == 0 && file->handle.length == 0) {
		r = am_nfs_lookup((struct nfs_node *)dir, name, &found, error);
		file->handle = found.handle;
	}
	if (r == 0)
		return &file->base;
	am_nfs_file_close(&file->base);
	return NULL;
}

/* A piece of the window; its request goes on until `left` is 0. */
struct chunk {
	struct request request;
	uint32_t left;
	enum am_nfs3_stable committed;
	char verifier[8];
};

static void take_write(struct request *request, struct am_xdr *results)
{
	struct chunk *chunk = request->out;
	struct am_nfs3_written written;

	if (am_nfs_take_written(request, results, &written) != 0)
		return;
	chunk->left -= written.count;
	request->args.offset += written.count;
	request->args.data += written.count;
	request->args.count = chunk->left;
	if (written.committed < chunk->committed)
		chunk->committed = written.committed;
	memcpy(chunk->verifier, written.verifier, sizeof chunk->verifier);
}

/* Sends all chunks at once; those written in part go on until nothing is left. */
static int write_chunks(
	struct nfs_fs *fs, struct chunk *chunks, size_t count, struct am_error *error)
{
	struct request *requests[WINDOW / 4096 + 1];

	for (;;) {
		size_t n = 0;

		for (size_t i = 0; i < count; i++) {
			if (chunks[i].left > 0)
				requests[n++] = &chunks[i].request;
		}
		if (n == 0)
			return 0;
		if (am_nfs_run_all(fs, requests, n, error) != 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (requests[i]->error.code[0] != '\0') {
				if (error != NULL)
					*error = requests[i]->error;
				return -1;
			}
			if (requests[i]->status != NFS3_OK)
				return am_nfs_fail_status(error, requests[i]->status);
		}
	}
}

static void prepare_chunks(struct nfs_file *file, struct chunk *chunks, size_t count, uint32_t size)
{
	for (size_t i = 0; i < count; i++) {
		struct chunk *chunk = &chunks[i];
		size_t at = i * size;

		memset(chunk, 0, sizeof *chunk);
		chunk->left = (uint32_t)(file->filled - at < size ? file->filled - at : size);
		chunk->committed = AM_NFS3_FILE_SYNC;
		chunk->request = (struct request){.procedure = AM_NFS3_WRITE,
			.args = {.offset = file->offset + at,
				.count = chunk->left,
				.stable = count == 1 ? AM_NFS3_FILE_SYNC : AM_NFS3_UNSTABLE,
				.data = file->window + at},
			.take = take_write,
			.out = chunk,
			.handles = {&file->handle}};
	}
}

/* 1: all of it is on disk, 0: the server restarted in between and has forgotten some, -1. */
static int commit(struct nfs_file *file, struct chunk *chunks, size_t count, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)file->base.fs;
	char verifier[8];
	struct request request = {.procedure = AM_NFS3_COMMIT,
		.take = am_nfs_take_commit,
		.out = verifier,
		.handles = {&file->handle}};
	int stable = 1;

	fs->written = file->handle;
	am_nfs_set_verifier(fs, chunks[count - 1].verifier);
	for (size_t i = 0; i < count; i++)
		stable &= chunks[i].committed == AM_NFS3_FILE_SYNC;
	if (stable)
		return 1;
	if (am_nfs_run_ok(fs, &request, error) != 0)
		return -1;
	am_nfs_set_verifier(fs, verifier);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(chunks[i].verifier, verifier, sizeof verifier) != 0)
			return 0;
	}
	return 1;
}

/* Writes the window and makes sure of it: its data are kept until the server has committed. */
static int flush(struct nfs_file *file, struct am_error *error)
{
	struct nfs_fs *fs = (struct nfs_fs *)file->base.fs;
	size_t count = (file->filled + fs->write_max - 1) / fs->write_max;
	struct chunk *chunks;
	int r = 0;

	if (count == 0)
		return 0;
	chunks = calloc(count, sizeof *chunks);
	if (chunks == NULL)
		return am_fail_reason(error, ENOMEM);
	for (int i = 0; r == 0 && i < REWRITES_MAX; i++) {
		prepare_chunks(file, chunks, count, fs->write_max);
		r = write_chunks(fs, chunks, count, error);
		if (r == 0)
			r = commit(file, chunks, count, error);
	}
	free(chunks);
	if (r == 0)
		return am_fail(error, "EIO", "the server keeps forgetting what was written");
	if (r < 0)
		return -1;
	file->offset += file->filled;
	file->filled = 0;
	return 0;
}

int am_nfs_file_write(
	struct am_fs_file *base, const void *data, size_t length, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;
	const char *p = data;

	if (file->window == NULL) {
		file->window = malloc(WINDOW);
		if (file->window == NULL)
			return am_fail_reason(error, ENOMEM);
	}
	while (length > 0) {
		size_t n = WINDOW - file->filled < length ? WINDOW - file->filled : length;

		memcpy(file->window + file->filled, p, n);
		file->filled += n;
		p += n;
		length -= n;
		if (file->filled == WINDOW && flush(file, error) != 0)
			return -1;
	}
	return 0;
}

int am_nfs_file_finish(
	struct am_fs_file *base, const struct am_tree_attr *attr, struct am_error *error)
{
	struct nfs_file *file = (struct nfs_file *)base;

	if (flush(file, error) != 0)
		return -1;
	return am_nfs_set_handle((struct nfs_fs *)base->fs, NULL, &file->handle, attr, error);
}
