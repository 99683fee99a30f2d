/* SPDX-License-Identifier: MIT */
#include "archive/bff.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/bff_format.h"
#include "base/cancel.h"
#include "host/files.h"
#include "archive/huffman.h"

#define BUFFER_SIZE ((size_t)256 * 1024)
#define CHUNK_SIZE  ((size_t)64 * 1024)

struct am_bff_writer {
	char *path;
	char *temporary;
	int fd;
	int pack;
	int broken;      /* a member was begun and not ended */
	uint32_t serial; /* the last one given out */
	uint64_t offset; /* of the buffer's first byte in the file */
	size_t used;
	unsigned char *buffer; /* written to the file when full */
	unsigned char *chunk;  /* data on its way into the buffer */
	unsigned char *coded;  /* a chunk, packed */
};

static int fail_errno(const struct am_bff_writer *w, struct am_error *error)
{
	return am_fail_errno(error, errno, "bff: write: %s", w->path);
}

/* --- bytes into the file --- */

static int write_at(struct am_bff_writer *w, const unsigned char *data, size_t length,
	uint64_t offset, struct am_error *error)
{
	while (length > 0) {
		ssize_t n = pwrite(w->fd, data, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(w, error);
		data += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int read_at(struct am_bff_writer *w, unsigned char *data, size_t length, uint64_t offset,
	struct am_error *error)
{
	while (length > 0) {
		ssize_t n = pread(w->fd, data, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return fail_errno(w, error);
		}
		data += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int flush(struct am_bff_writer *w, struct am_error *error)
{
	if (write_at(w, w->buffer, w->used, w->offset, error) != 0)
		return -1;
	w->offset += w->used;
	w->used = 0;
	return 0;
}

static uint64_t position(const struct am_bff_writer *w)
{
	return w->offset + w->used;
}

/* Appends; NULL stands for zeros. */
static int put(struct am_bff_writer *w, const void *data, size_t length, struct am_error *error)
{
	const unsigned char *p = data;

	while (length > 0) {
		size_t n = BUFFER_SIZE - w->used < length ? BUFFER_SIZE - w->used : length;

		if (p != NULL) {
			memcpy(w->buffer + w->used, p, n);
			p += n;
		} else {
			memset(w->buffer + w->used, 0, n);
		}
		w->used += n;
		length -= n;
		if (w->used == BUFFER_SIZE && flush(w, error) != 0)
			return -1;
	}
	return 0;
}

/* Overwrites bytes that were appended before. */
static int patch(struct am_bff_writer *w, uint64_t offset, const unsigned char *data, size_t length,
	struct am_error *error)
{
	if (offset < w->offset && flush(w, error) != 0)
		return -1;
	if (offset < w->offset)
		return write_at(w, data, length, offset, error);
	memcpy(w->buffer + (offset - w->offset), data, length);
	return 0;
}

/* --- records --- */

static void seal(unsigned char *header, size_t length, unsigned type, unsigned magic)
{
	header[0] = (unsigned char)(length / 8);
	header[1] = (unsigned char)type;
	bff_put16(header + 2, magic);
	bff_put16(header + 4, bff_checksum(header, length));
}

static int put_volume(struct am_bff_writer *w, uint32_t date, struct am_error *error)
{
	unsigned char p[BFF_VOLUME_SIZE] = {0};

	bff_put16(p + 6, 1);
	bff_put32(p + 8, date);
	bff_put32(p + 12, date);
	bff_put32(p + 16, 0x7fffffff); /* no limit to the volume */
	memcpy(p + 20, "by name", 7);
	memcpy(p + 36, "by name", 7);
	memcpy(p + 52, "root", 4);
	bff_put16(p + 68, BFF_LEVEL_BYNAME);
	seal(p, sizeof p, FS_VOLUME, BFF_MAGIC);
	return put(w, p, sizeof p, error);
}

/* Fills `p` (BFF_HEADER_MAX bytes) and returns the header's length. */
static size_t name_header(unsigned char *p, const struct am_bff_member *m, int64_t stored)
{
	int large = m->size > BFF_SMALL_MAX;
	size_t fixed = large ? BFF_NAME_LF_SIZE : BFF_NAME_X_SIZE;
	size_t name = strlen(m->name) + 1;
	unsigned char *times = p + (large ? 32 : 28);

	memset(p, 0, BFF_HEADER_MAX);
	bff_put16(p + 6, (uint32_t)m->nlink);
	bff_put32(p + 8, m->ino);
	bff_put32(p + 12, m->mode);
	bff_put32(p + 16, m->uid);
	bff_put32(p + 20, m->gid);
	bff_put32(times, m->atime);
	bff_put32(times + 4, m->mtime);
	bff_put32(times + 8, m->ctime);
	bff_put32(times + 12, m->dev_major);
	bff_put32(times + 16, m->dev_minor);
	bff_put32(times + 20, m->rdev_major);
	bff_put32(times + 24, m->rdev_minor);
	if (large) {
		bff_put64(p + 24, (uint64_t)m->size);
		bff_put64(p + 64, (uint64_t)stored);
	} else {
		bff_put32(p + 24, (uint32_t)m->size);
		bff_put32(p + 56, (uint32_t)stored);
	}
	memcpy(p + fixed, m->name, name);
	fixed += name + bff_padding((int64_t)name);
	seal(p, fixed, large ? FS_NAME_LF : FS_NAME_X,
		stored != m->size && (m->mode & AM_BFF_IFMT) == AM_BFF_IFREG ? BFF_MAGIC_PACKED
									     : BFF_MAGIC);
	return fixed;
}

static int put_security(
	struct am_bff_writer *w, const struct am_bff_member *m, struct am_error *error)
{
	unsigned char lengths[8];
	unsigned char acl[BFF_ACL_PLAIN] = {BFF_ACL_PLAIN};
	unsigned char pcl[BFF_ACL_PLAIN] = {BFF_ACL_PLAIN};
	size_t acl_length = m->acl != NULL ? m->acl_length : sizeof acl;
	size_t pcl_length = m->pcl != NULL ? m->pcl_length : sizeof pcl;

	bff_put32(acl + 4, m->mode & 07000);
	bff_put16(acl + 10, m->mode >> 6 & 7);
	bff_put16(acl + 12, m->mode >> 3 & 7);
	bff_put16(acl + 14, m->mode & 7);
	bff_put32(pcl + 4, m->mode);
	bff_put32(lengths, (uint32_t)(acl_length / 8));
	bff_put32(lengths + 4, (uint32_t)(pcl_length / 8));
	if (put(w, lengths, sizeof lengths, error) != 0 ||
		put(w, m->acl != NULL ? m->acl : acl, acl_length, error) != 0)
		return -1;
	return put(w, m->pcl != NULL ? m->pcl : pcl, pcl_length, error);
}

/* --- data --- */

/* Appends the plain data; counts its bytes by value where `frequency` is not NULL. */
static int put_data(struct am_bff_writer *w, const struct am_bff_member *m, struct am_reader *data,
	uint64_t frequency[256], struct am_error *error)
{
	int64_t left = m->size;
	ssize_t n;

	while (left > 0) {
		if (am_check_cancel("bff", error) != 0)
			return -1;
		n = data->read(data, w->chunk,
			(uint64_t)left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE, error);
		if (n < 0)
			return -1;
		if (n == 0)
			return am_fail(error, "BFF_LENGTH",
				"bff: write: %s: %s: %lld bytes short of its size", w->path,
				m->name, (long long)left);
		for (ssize_t i = 0; frequency != NULL && i < n; i++)
			frequency[w->chunk[i]]++;
		if (put(w, w->chunk, (size_t)n, error) != 0)
			return -1;
		left -= n;
	}
	n = data == NULL ? 0 : data->read(data, w->chunk, 1, error);
	if (n > 0)
		return am_fail(error, "BFF_LENGTH", "bff: write: %s: %s: longer than its size",
			w->path, m->name);
	return n < 0 ? -1 : 0;
}

/* Packs `size` bytes that are at `from` in the file, appending to it. */
static int put_packed(struct am_bff_writer *w, struct am_huffman_code *code, uint64_t from,
	int64_t size, struct am_error *error)
{
	unsigned char edge[AM_HUFFMAN_HEADER_MAX];

	if (put(w, edge, am_huffman_header(code, edge), error) != 0)
		return -1;
	while (size > 0) {
		size_t n = (uint64_t)size < CHUNK_SIZE ? (size_t)size : CHUNK_SIZE;

		if (am_check_cancel("bff", error) != 0 ||
			read_at(w, w->chunk, n, from, error) != 0 ||
			put(w, w->coded, am_huffman_encode(code, w->chunk, n, w->coded), error) !=
				0)
			return -1;
		from += n;
		size -= (int64_t)n;
	}
	return put(w, edge, am_huffman_finish(code, edge), error);
}

/*
 * Replaces the plain data at `from`, the last thing in the file, by its packed form where that is
 * smaller. It is coded behind the plain data and then moved down, so that memory stays flat
 * whatever the size, and nothing is read twice from the source.
 */
static int pack_data(struct am_bff_writer *w, uint64_t from, int64_t size,
	const uint64_t frequency[256], int64_t *stored, struct am_error *error)
{
	struct am_huffman_code code;
	uint64_t packed = from + (uint64_t)size;

	*stored = size;
	if (!am_huffman_plan(&code, frequency) || code.packed_size >= (uint64_t)size)
		return 0;
	if (flush(w, error) != 0 || put_packed(w, &code, from, size, error) != 0 ||
		flush(w, error) != 0)
		return -1;
	for (uint64_t done = 0; done < code.packed_size;) {
		size_t n = code.packed_size - done < CHUNK_SIZE ? (size_t)(code.packed_size - done)
								: CHUNK_SIZE;

		if (read_at(w, w->chunk, n, packed + done, error) != 0 ||
			write_at(w, w->chunk, n, from + done, error) != 0)
			return -1;
		done += n;
	}
	*stored = (int64_t)code.packed_size;
	w->offset = from + code.packed_size;
	return 0;
}

/* --- the interface --- */

static int check_member(
	const struct am_bff_writer *w, const struct am_bff_member *m, struct am_error *error)
{
	uint32_t format = m->mode & AM_BFF_IFMT;
	size_t room =
		BFF_HEADER_MAX - (m->size > BFF_SMALL_MAX ? BFF_NAME_LF_SIZE : BFF_NAME_X_SIZE);
	const char *wrong = NULL;

	if (m->name == NULL || m->name[0] == '\0' || strchr(m->name, '\n') != NULL ||
		strlen(m->name) >= room)
		return am_fail(error, "BFF_NAME",
			"bff: write: %s: a name that is empty, too long or has a newline: %.64s",
			w->path, m->name == NULL ? "" : m->name);
	if (format == AM_BFF_IFLNK &&
		(m->target == NULL || m->target[0] == '\0' || strlen(m->target) > BFF_TARGET_MAX))
		wrong = "link without a target, or with one that is too long";
	if (m->size < 0 || (m->size > 0 && format != AM_BFF_IFREG && format != AM_BFF_IFLNK))
		wrong = "impossible size";
	if (m->nlink < 0 || m->nlink > SHRT_MAX)
		wrong = "impossible number of links";
	if ((m->acl != NULL && (m->acl_length % 8 != 0 || m->acl_length < BFF_ACL_PLAIN ||
				       m->acl_length > BFF_ACL_MAX)) ||
		(m->pcl != NULL && (m->pcl_length % 8 != 0 || m->pcl_length < BFF_ACL_PLAIN ||
					   m->pcl_length > BFF_ACL_MAX)))
		wrong = "impossible length of an ACL or a PCL";
	if (wrong != NULL)
		return am_fail(
			error, "BFF_LENGTH", "bff: write: %s: %s: %s", w->path, m->name, wrong);
	switch (format) {
	case AM_BFF_IFREG:
	case AM_BFF_IFLNK:
	case AM_BFF_IFDIR:
	case AM_BFF_IFCHR:
	case AM_BFF_IFBLK:
	case AM_BFF_IFIFO:
	case AM_BFF_IFSOCK:
		return 0;
	}
	return am_fail(error, "BFF_TYPE", "bff: write: %s: %s: mode 0%o is of no type", w->path,
		m->name, (unsigned)m->mode);
}

static int add_file(struct am_bff_writer *w, const struct am_bff_member *m, struct am_reader *data,
	uint64_t header_offset, struct am_error *error)
{
	int pack = w->pack && m->size <= BFF_SMALL_MAX;
	uint64_t frequency[256] = {0};
	uint64_t from = position(w);
	unsigned char header[BFF_HEADER_MAX];
	int64_t stored;
	size_t length;

	if (put_data(w, m, data, pack ? frequency : NULL, error) != 0)
		return -1;
	if (!pack)
		return put(w, NULL, bff_padding(m->size), error);
	if (pack_data(w, from, m->size, frequency, &stored, error) != 0 ||
		put(w, NULL, bff_padding(stored), error) != 0)
		return -1;
	if (stored == m->size)
		return 0;
	length = name_header(header, m, stored);
	return patch(w, header_offset, header, length, error);
}

static int add_member(struct am_bff_writer *w, const struct am_bff_member *m,
	struct am_reader *data, struct am_error *error)
{
	uint32_t format = m->mode & AM_BFF_IFMT;
	unsigned char header[BFF_HEADER_MAX];
	uint64_t offset = position(w);
	/* A directory's stored size is what stat says of it on AIX; no data follows. */
	int64_t stored = format == AM_BFF_IFDIR ? 256 : m->size;

	if (put(w, header, name_header(header, m, stored), error) != 0)
		return -1;
	if (format == AM_BFF_IFLNK) {
		if (put(w, m->target, (size_t)m->size, error) != 0)
			return -1;
		return put(w, NULL, bff_padding(m->size), error);
	}
	if (put_security(w, m, error) != 0)
		return -1;
	return format == AM_BFF_IFREG ? add_file(w, m, data, offset, error) : 0;
}

int am_bff_add(struct am_bff_writer *w, const struct am_bff_member *member, struct am_reader *data,
	struct am_error *error)
{
	struct am_bff_member m = *member;
	uint32_t format = m.mode & AM_BFF_IFMT;

	if (format == AM_BFF_IFLNK && m.target != NULL)
		m.size = (int64_t)strlen(m.target);
	if (check_member(w, &m, error) != 0)
		return -1;
	if (m.size > 0 && format == AM_BFF_IFREG && data == NULL)
		return am_fail(error, "BFF_LENGTH", "bff: write: %s: %s: no data", w->path, m.name);
	if (w->broken || add_member(w, &m, data, error) != 0) {
		if (w->broken)
			am_fail(error, "EIO", "bff: write: %s: an earlier member failed", w->path);
		w->broken = 1;
		return -1;
	}
	return 0;
}

uint32_t am_bff_serial(struct am_bff_writer *w)
{
	return --w->serial;
}

/* Opens a new file beside `path`, under a name no other writer has. */
static int open_temporary(struct am_bff_writer *w, struct am_error *error)
{
	size_t size = strlen(w->path) + 48;

	w->temporary = malloc(size);
	if (w->temporary == NULL)
		return fail_errno(w, error);
	for (int i = 0; i < 1000; i++) {
		snprintf(w->temporary, size, "%s.%ld-%d.tmp", w->path, (long)getpid(), i);
		w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (w->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	free(w->temporary);
	w->temporary = NULL;
	return fail_errno(w, error);
}

struct am_bff_writer *am_bff_create(
	const char *path, int pack, uint32_t date, struct am_error *error)
{
	struct am_bff_writer *w = calloc(1, sizeof *w);

	if (w != NULL) {
		w->fd = -1;
		w->pack = pack;
		w->path = strdup(path);
		w->buffer = malloc(BUFFER_SIZE);
		w->chunk = malloc(CHUNK_SIZE);
		w->coded = malloc(3 * CHUNK_SIZE + 8);
	}
	if (w == NULL || w->path == NULL || w->buffer == NULL || w->chunk == NULL ||
		w->coded == NULL) {
		am_bff_abort(w);
		am_fail_errno(error, ENOMEM, "bff: write: %s", path);
		return NULL;
	}
	if (open_temporary(w, error) != 0 || put_volume(w, date, error) != 0) {
		am_bff_abort(w);
		return NULL;
	}
	return w;
}

static int finish(struct am_bff_writer *w, struct am_error *error)
{
	unsigned char end[8] = {0};

	if (w->broken)
		return am_fail(error, "EIO", "bff: write: %s: a member failed", w->path);
	bff_put16(end + 6, 1);
	seal(end, sizeof end, FS_END, BFF_MAGIC);
	if (put(w, end, sizeof end, error) != 0 ||
		put(w, NULL, (BFF_CLUSTER - position(w) % BFF_CLUSTER) % BFF_CLUSTER, error) != 0 ||
		flush(w, error) != 0)
		return -1;
	/* Packing may have left plain data beyond the end. */
	if (ftruncate(w->fd, (off_t)w->offset) != 0 || fsync(w->fd) != 0 ||
		rename(w->temporary, w->path) != 0)
		return fail_errno(w, error);
	free(w->temporary);
	w->temporary = NULL;
	return am_sync_parent(w->path, error);
}

int am_bff_finish(struct am_bff_writer *w, struct am_error *error)
{
	int result = finish(w, error);

	am_bff_abort(w);
	return result;
}

void am_bff_abort(struct am_bff_writer *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->temporary != NULL)
		unlink(w->temporary);
	free(w->temporary);
	free(w->path);
	free(w->buffer);
	free(w->chunk);
	free(w->coded);
	free(w);
}
