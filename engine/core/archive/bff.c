/* SPDX-License-Identifier: MIT */
#include "archive/bff.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "archive/bff_format.h"
#include "base/buf.h"
#include "base/cancel.h"
#include "archive/huffman.h"

/* Holds everything the decision about a member's layout looks ahead to: its header, its security
 * block, a link's target and the header after them. */
#define BUFFER_SIZE ((size_t)256 * 1024)
#define LOOK_AHEAD  (BUFFER_SIZE - BFF_HEADER_MAX)
/* Reads of at least this much go past the buffer. */
#define DIRECT_READ ((size_t)32 * 1024)
/* Names of files with several names that are remembered at a time. */
#define LINK_NAMES_MAX ((size_t)64 << 20)

struct link_entry {
	uint32_t dev_major, dev_minor, ino;
	int left; /* names still to come */
	char name[];
};

/* What is between a member's header and the next one. */
struct layout {
	int security_before;
	int data;
	int security_after;
};

struct am_bff {
	struct am_reader *reader;
	unsigned char *buffer;
	size_t start, end; /* what the buffer holds */
	int eof;
	uint64_t offset; /* of buffer[start] in the archive */

	struct am_bff_volume volume;
	struct am_bff_member member;
	struct am_buf name, target, link, security;
	int ended;
	int failed;
	struct am_error failure;

	int64_t left;      /* stored bytes of the current member not yet taken */
	unsigned padding;  /* bytes after them */
	int64_t data_left; /* unpacked bytes not yet given out */
	int unpacking;     /* the decoder has its table */
	struct am_huffman *huffman;

	void *links; /* tsearch tree of struct link_entry */
	size_t link_names;

	unsigned char volume_record[BFF_VOLUME_SIZE];
	int keep_raw;
	struct am_buf raw; /* the current record up to its data */
	size_t raw_at;
};

static int fail(struct am_bff *bff, struct am_error *error, const char *code, uint64_t offset,
	const char *what)
{
	return am_fail(error, code, "bff: %s: offset 0x%llx: %s", bff->reader->name,
		(unsigned long long)offset, what);
}

/* --- the look-ahead buffer --- */

static size_t available(const struct am_bff *bff)
{
	return bff->end - bff->start;
}

/* Tries to have `want` bytes in the buffer; fewer are there only at the end of the source. */
static int fill(struct am_bff *bff, size_t want, struct am_error *error)
{
	if (bff->start + want > BUFFER_SIZE || available(bff) == 0) {
		memmove(bff->buffer, bff->buffer + bff->start, available(bff));
		bff->end -= bff->start;
		bff->start = 0;
	}
	while (available(bff) < want && !bff->eof) {
		ssize_t n;

		if (am_check_cancel("bff", error) != 0)
			return -1;
		n = bff->reader->read(
			bff->reader, bff->buffer + bff->end, BUFFER_SIZE - bff->end, error);
		if (n < 0)
			return -1;
		bff->end += (size_t)n;
		bff->eof = n == 0;
	}
	return 0;
}

static void consume(struct am_bff *bff, size_t count)
{
	bff->start += count;
	bff->offset += count;
}

/* Consumes a part of a record that is not data. */
static int take(struct am_bff *bff, size_t count, struct am_error *error)
{
	if (bff->keep_raw && am_buf_add(&bff->raw, bff->buffer + bff->start, count, error) != 0)
		return -1;
	consume(bff, count);
	return 0;
}

static int need(struct am_bff *bff, size_t want, const char *what, struct am_error *error)
{
	if (fill(bff, want, error) != 0)
		return -1;
	if (available(bff) < want)
		return am_fail(error, "TRUNCATED", "bff: %s: offset 0x%llx: ends within %s",
			bff->reader->name, (unsigned long long)(bff->offset + available(bff)),
			what);
	return 0;
}

static int skip(struct am_bff *bff, int64_t count, const char *what, struct am_error *error)
{
	while (count > 0) {
		size_t n;

		if (need(bff, 1, what, error) != 0)
			return -1;
		n = available(bff);
		if ((uint64_t)count < n)
			n = (size_t)count;
		consume(bff, n);
		count -= (int64_t)n;
	}
	return 0;
}

static const unsigned char *at(const struct am_bff *bff, size_t offset)
{
	return bff->buffer + bff->start + offset;
}

/* --- headers --- */

static const char *type_name(unsigned type)
{
	static const char *const names[] = {"FS_VOLUME", "FS_FINDEX", "FS_CLRI", "FS_BITS",
		"FS_OINODE", "FS_ONAME", "FS_VOLEND", "FS_END", "FS_DINODE", "FS_NAME", "FS_DS",
		"FS_NAME_X", "FS_NAME_LF", "FS_NAME_EA", "FS_NAME_ACL", "FS_NAME_E"};

	return type < sizeof names / sizeof *names ? names[type] : "unknown";
}

static int check_magic(struct am_bff *bff, unsigned magic, struct am_error *error)
{
	if (magic == BFF_MAGIC || magic == BFF_MAGIC_PACKED)
		return 0;
	if (magic >= 60013 && magic <= 60016)
		return am_fail(error, "BFF_MAGIC",
			"bff: %s: offset 0x%llx: magic %u: archives of trusted (B1) systems are "
			"not supported",
			bff->reader->name, (unsigned long long)bff->offset, magic);
	return am_fail(error, "BFF_MAGIC",
		"bff: %s: offset 0x%llx: magic %u: no record of a backup by name",
		bff->reader->name, (unsigned long long)bff->offset, magic);
}

/* Has the whole header at the present offset in the buffer, checked. */
static int header_here(struct am_bff *bff, struct am_error *error)
{
	const unsigned char *p;
	size_t length;
	unsigned sum;

	if (need(bff, 8, "a header", error) != 0)
		return -1;
	p = at(bff, 0);
	if (check_magic(bff, bff_get16(p + 2), error) != 0)
		return -1;
	length = (size_t)p[0] * 8;
	if (length == 0)
		return fail(bff, error, "BFF_LENGTH", bff->offset, "header of length 0");
	if (need(bff, length, "a header", error) != 0)
		return -1;
	p = at(bff, 0);
	sum = bff_checksum(p, length);
	if (sum != bff_get16(p + 4))
		return am_fail(error, "BFF_CHECKSUM",
			"bff: %s: offset 0x%llx: header checksum 0x%04x, its bytes make 0x%04x",
			bff->reader->name, (unsigned long long)bff->offset, bff_get16(p + 4), sum);
	return 0;
}

/* 1 when a sound header of a member or an end is `ahead` bytes further on, 0 when not, -1 when
 * the source fails. */
static int header_follows(struct am_bff *bff, size_t ahead, struct am_error *error)
{
	const unsigned char *p;
	size_t length;
	unsigned magic;

	if (ahead > LOOK_AHEAD)
		return 0;
	if (fill(bff, ahead + 8, error) != 0)
		return -1;
	if (available(bff) < ahead + 8)
		return 0;
	p = at(bff, ahead);
	magic = bff_get16(p + 2);
	length = (size_t)p[0] * 8;
	if ((magic != BFF_MAGIC && magic != BFF_MAGIC_PACKED) || length == 0 || p[1] == FS_VOLUME ||
		p[1] > FS_NAME_E)
		return 0;
	if (fill(bff, ahead + length, error) != 0)
		return -1;
	if (available(bff) < ahead + length)
		return 0;
	p = at(bff, ahead);
	return bff_checksum(p, length) == bff_get16(p + 4);
}

static int read_volume(struct am_bff *bff, struct am_error *error)
{
	const unsigned char *p;

	if (header_here(bff, error) != 0)
		return -1;
	p = at(bff, 0);
	if (p[1] != FS_VOLUME)
		return am_fail(error, "BFF_TYPE", "bff: %s: offset 0x0: starts with %s record",
			bff->reader->name, type_name(p[1]));
	if (p[0] != BFF_VOLUME_SIZE / 8)
		return fail(bff, error, "BFF_LENGTH", 0, "volume header of a wrong length");
	if (bff_get16(p + 68) != BFF_LEVEL_BYNAME)
		return fail(bff, error, "BFF_TYPE", 0, "a backup by inode, not by name");
	bff->volume.number = bff_get16(p + 6);
	if (bff->volume.number > 1)
		return am_fail(error, "BFF_TYPE",
			"bff: %s: offset 0x0: volume %u of several is not supported",
			bff->reader->name, (unsigned)bff->volume.number);
	bff->volume.date = bff_get32(p + 8);
	memcpy(bff->volume.user, p + 52, 16);
	memcpy(bff->volume_record, p, BFF_VOLUME_SIZE);
	consume(bff, BFF_VOLUME_SIZE);
	return 0;
}

/* --- members --- */

/* The name at the end of a header. What follows its NUL in the last 8 bytes is stale. */
static int read_name(struct am_bff *bff, size_t fixed, struct am_error *error)
{
	const unsigned char *p = at(bff, 0);
	size_t room = (size_t)p[0] * 8;
	const unsigned char *end;
	size_t length;

	if (room <= fixed)
		return fail(bff, error, "BFF_LENGTH", bff->offset, "header too short for a name");
	room -= fixed;
	end = memchr(p + fixed, '\0', room);
	if (end == NULL)
		return fail(bff, error, "BFF_NAME", bff->offset, "name without an end");
	length = (size_t)(end - (p + fixed));
	if (length == 0)
		return fail(bff, error, "BFF_NAME", bff->offset, "empty name");
	if (room - length > 8)
		return fail(bff, error, "BFF_NAME", bff->offset,
			"name shorter than its record: a NUL within it");
	if (memchr(p + fixed, '\n', length) != NULL)
		return fail(bff, error, "BFF_NAME", bff->offset, "newline in a name");
	bff->name.length = 0;
	if (am_buf_add(&bff->name, p + fixed, length, error) != 0)
		return -1;
	bff->member.name = bff->name.data;
	return 0;
}

/* FS_NAME_X and FS_NAME_LF: the same but for the width of the two sizes. */
static void read_fields(struct am_bff_member *m, const unsigned char *p, int large)
{
	const unsigned char *times = p + (large ? 32 : 28);

	m->nlink = (int16_t)bff_get16(p + 6);
	m->ino = bff_get32(p + 8);
	m->mode = bff_get32(p + 12);
	m->uid = bff_get32(p + 16);
	m->gid = bff_get32(p + 20);
	m->atime = bff_get32(times);
	m->mtime = bff_get32(times + 4);
	m->ctime = bff_get32(times + 8);
	m->dev_major = bff_get32(times + 12);
	m->dev_minor = bff_get32(times + 16);
	m->rdev_major = bff_get32(times + 20);
	m->rdev_minor = bff_get32(times + 24);
	m->size = large ? (int64_t)bff_get64(p + 24) : (int32_t)bff_get32(p + 24);
	m->stored_size = large ? (int64_t)bff_get64(p + 64) : (int32_t)bff_get32(p + 56);
}

/* FS_NAME and FS_ONAME, the records of version 2. */
static void read_old_fields(struct am_bff_member *m, const unsigned char *p, int oldest)
{
	m->ino = bff_get16(p + 6);
	m->mode = bff_get16(p + 8);
	m->nlink = (int16_t)bff_get16(p + 10);
	m->uid = bff_get16(p + 12);
	m->gid = bff_get16(p + 14);
	m->size = (int32_t)bff_get32(p + 16);
	m->atime = bff_get32(p + 20);
	m->mtime = bff_get32(p + 24);
	m->ctime = bff_get32(p + 28);
	m->dev_minor = bff_get16(p + (oldest ? 32 : 34));
	m->rdev_minor = bff_get16(p + (oldest ? 34 : 38));
	if (!oldest) {
		m->dev_major = bff_get16(p + 32);
		m->rdev_major = bff_get16(p + 36);
	}
	m->stored_size = (int32_t)bff_get32(p + (oldest ? 36 : 40));
}

static int check_sizes(struct am_bff *bff, struct am_error *error)
{
	struct am_bff_member *m = &bff->member;
	uint32_t format = m->mode & AM_BFF_IFMT;

	switch (format) {
	case AM_BFF_IFREG:
		if (m->size < 0 || m->stored_size < 0 || m->stored_size > INT64_MAX - 8)
			return fail(bff, error, "BFF_LENGTH", bff->offset, "impossible size");
		if (!m->packed && m->size != m->stored_size)
			return fail(bff, error, "BFF_LENGTH", bff->offset,
				"stored size differs from the size, but the data is not packed");
		/* No code is shorter than a bit. */
		if (m->packed && m->size / 8 > m->stored_size)
			return fail(bff, error, "BFF_LENGTH", bff->offset,
				"size beyond what packed data can hold");
		return 0;
	case AM_BFF_IFLNK:
		if (m->size < 1 || m->size > BFF_TARGET_MAX)
			return fail(bff, error, "BFF_LENGTH", bff->offset,
				"impossible length of a link's target");
		m->stored_size = m->size;
		m->packed = 0;
		return 0;
	case AM_BFF_IFDIR:
	case AM_BFF_IFCHR:
	case AM_BFF_IFBLK:
	case AM_BFF_IFIFO:
	case AM_BFF_IFSOCK:
		m->size = m->stored_size = 0;
		m->packed = 0;
		return 0;
	default:
		return am_fail(error, "BFF_TYPE", "bff: %s: offset 0x%llx: mode 0%o is of no type",
			bff->reader->name, (unsigned long long)bff->offset, (unsigned)m->mode);
	}
}

/* Length of the security block `ahead` bytes further on, -1 when there is none that could be. */
static int64_t security_length(struct am_bff *bff, size_t ahead, struct am_error *error)
{
	uint32_t acl, pcl;

	if (ahead + 8 > LOOK_AHEAD)
		return fail(bff, error, "BFF_LENGTH", bff->offset + ahead, "security block");
	if (fill(bff, ahead + 8, error) != 0)
		return -1;
	if (available(bff) < ahead + 8)
		return need(bff, ahead + 8, "a security block", error);
	acl = bff_get32(at(bff, ahead));
	pcl = bff_get32(at(bff, ahead + 4));
	if (acl < 2 || pcl < 2 || acl > BFF_ACL_MAX / 8 || pcl > BFF_ACL_MAX / 8)
		return fail(bff, error, "BFF_LENGTH", bff->offset + ahead,
			"impossible length of an ACL or a PCL");
	return 8 + ((int64_t)acl + pcl) * 8;
}

/* Bytes a member takes in `layout`, its header included; the security block's in `*security`. */
static int64_t measure(
	struct am_bff *bff, const struct layout *layout, int64_t *security, struct am_error *error)
{
	int64_t end = (int64_t)at(bff, 0)[0] * 8;

	*security = 0;
	if (layout->security_before) {
		*security = security_length(bff, (size_t)end, error);
		if (*security < 0)
			return -1;
		end += *security;
	}
	if (layout->data) {
		int64_t data = bff->member.stored_size;

		if (data > INT64_MAX / 2)
			return fail(bff, error, "BFF_LENGTH", bff->offset, "impossible size");
		end += data + bff_padding(data);
	}
	if (layout->security_after) {
		*security = security_length(bff, (size_t)end, error);
		if (*security < 0)
			return -1;
		end += *security;
	}
	return end;
}

/* The PCL of a real security block repeats the mode word: with that, data is not mistaken. */
static int plausible_security(struct am_bff *bff, size_t ahead)
{
	struct am_error ignored;
	int64_t length = security_length(bff, ahead, &ignored);
	const unsigned char *pcl;

	if (length < 0 || fill(bff, ahead + (size_t)length, &ignored) != 0 ||
		available(bff) < ahead + (size_t)length)
		return 0;
	pcl = at(bff, ahead + 8 + (size_t)bff_get32(at(bff, ahead)) * 8);
	return bff_get32(pcl + 4) == bff->member.mode;
}

static const struct layout with_security = {1, 1, 0};
static const struct layout plain_data = {0, 1, 0};
static const struct layout data_then_security = {0, 1, 1};
static const struct layout security_only = {1, 0, 0};

/* The first of `count` layouts after which a sound header follows, else the first of all: what is
 * wrong is then found, and reported, where it is. -1 when the source fails. */
static int choose(struct am_bff *bff, const struct layout *const *layouts, int count,
	const struct layout **chosen, struct am_error *error)
{
	*chosen = layouts[0];
	for (int i = 0; i < count; i++) {
		struct am_error ignored;
		int64_t security;
		int64_t end = measure(bff, layouts[i], &security, &ignored);
		int follows;

		if (end < 0 || end > (int64_t)LOOK_AHEAD)
			continue;
		follows = header_follows(bff, (size_t)end, error);
		if (follows < 0)
			return -1;
		if (follows) {
			*chosen = layouts[i];
			return 0;
		}
	}
	return 0;
}

/* Whether the data of a file can be looked over, up to the header after it. */
static int within_look_ahead(const struct am_bff *bff)
{
	return bff->member.stored_size <
	       (int64_t)LOOK_AHEAD - BFF_HEADER_MAX - 2 * BFF_ACL_MAX - 16;
}

/* A later name of a file may come with its data or without. */
static int choose_link_layout(
	struct am_bff *bff, size_t header, const struct layout **chosen, struct am_error *error)
{
	const struct layout *layouts[] = {&with_security, &security_only};
	struct am_error ignored;
	int64_t security;
	int follows;

	if (within_look_ahead(bff))
		return choose(bff, layouts, 2, chosen, error);
	security = security_length(bff, header, &ignored);
	if (security < 0)
		return 0;
	follows = header_follows(bff, header + (size_t)security, error);
	if (follows == 1)
		*chosen = &security_only;
	return follows < 0 ? -1 : 0;
}

static int choose_layout(
	struct am_bff *bff, unsigned type, const struct layout **chosen, struct am_error *error)
{
	uint32_t format = bff->member.mode & AM_BFF_IFMT;
	size_t header = (size_t)at(bff, 0)[0] * 8;

	if (type == FS_NAME || type == FS_ONAME) {
		*chosen = &plain_data;
		return 0;
	}
	if (format == AM_BFF_IFLNK) {
		/* Three are claimed: the best supported first. */
		const struct layout *layouts[] = {&plain_data, &with_security, &data_then_security};

		return choose(bff, layouts, 3, chosen, error);
	}
	if (format != AM_BFF_IFREG) {
		const struct layout *layouts[] = {&security_only, &plain_data};

		return choose(bff, layouts, 2, chosen, error);
	}
	if (type == FS_NAME_LF) {
		/* Nothing says whether a security block comes here. */
		const struct layout *layouts[] = {&with_security, &plain_data};

		if (within_look_ahead(bff))
			return choose(bff, layouts, 2, chosen, error);
		*chosen = plausible_security(bff, header) ? &with_security : &plain_data;
		return 0;
	}
	*chosen = &with_security;
	if (bff->member.link != NULL && bff->member.stored_size > 0)
		return choose_link_layout(bff, header, chosen, error);
	return 0;
}

static int take_security(struct am_bff *bff, struct am_error *error)
{
	int64_t length = security_length(bff, 0, error);
	size_t acl;

	if (length < 0 || need(bff, (size_t)length, "a security block", error) != 0)
		return -1;
	acl = (size_t)bff_get32(at(bff, 0)) * 8;
	bff->security.length = 0;
	if (am_buf_add(&bff->security, at(bff, 8), (size_t)length - 8, error) != 0)
		return -1;
	bff->member.acl = (unsigned char *)bff->security.data;
	bff->member.acl_length = acl;
	bff->member.pcl = bff->member.acl + acl;
	bff->member.pcl_length = (size_t)length - 8 - acl;
	return take(bff, (size_t)length, error);
}

static int take_target(struct am_bff *bff, struct am_error *error)
{
	size_t length = (size_t)bff->member.size;
	size_t padded = length + bff_padding(bff->member.size);

	if (need(bff, padded, "a link's target", error) != 0)
		return -1;
	if (memchr(at(bff, 0), '\0', length) != NULL)
		return fail(bff, error, "BFF_NAME", bff->offset, "NUL in a link's target");
	bff->target.length = 0;
	if (am_buf_add(&bff->target, at(bff, 0), length, error) != 0)
		return -1;
	bff->member.target = bff->target.data;
	return take(bff, padded, error);
}

static int take_member(struct am_bff *bff, unsigned type, struct am_error *error)
{
	struct am_bff_member *m = &bff->member;
	const struct layout *layout = NULL;

	if (choose_layout(bff, type, &layout, error) != 0)
		return -1;
	if (take(bff, (size_t)at(bff, 0)[0] * 8, error) != 0)
		return -1;
	if (layout->security_before && take_security(bff, error) != 0)
		return -1;
	if (!layout->data)
		m->stored_size = 0;
	if ((m->mode & AM_BFF_IFMT) == AM_BFF_IFLNK && take_target(bff, error) != 0)
		return -1;
	if (layout->security_after && take_security(bff, error) != 0)
		return -1;
	if ((m->mode & AM_BFF_IFMT) == AM_BFF_IFREG) {
		bff->left = m->stored_size;
		bff->padding = bff_padding(m->stored_size);
		bff->data_left = layout->data ? m->size : 0;
	}
	return 0;
}

/* --- files with several names --- */

static int compare_links(const void *a, const void *b)
{
	const struct link_entry *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->dev_major != y->dev_major)
		return x->dev_major < y->dev_major ? -1 : 1;
	return x->dev_minor < y->dev_minor ? -1 : x->dev_minor > y->dev_minor;
}

static void forget_link(struct am_bff *bff, struct link_entry *entry)
{
	tdelete(entry, &bff->links, compare_links);
	bff->link_names -= sizeof *entry + strlen(entry->name) + 1;
	free(entry);
}

static int remember_link(struct am_bff *bff, struct am_error *error)
{
	struct am_bff_member *m = &bff->member;
	size_t length = strlen(m->name) + 1;
	struct link_entry *entry;

	if (bff->link_names + sizeof *entry + length > LINK_NAMES_MAX)
		return fail(bff, error, "E2BIG", bff->offset, "too many files with several names");
	entry = malloc(sizeof *entry + length);
	if (entry == NULL)
		return am_fail_errno(error, ENOMEM, "bff: %s", bff->reader->name);
	entry->dev_major = m->dev_major;
	entry->dev_minor = m->dev_minor;
	entry->ino = m->ino;
	entry->left = m->nlink - 1;
	memcpy(entry->name, m->name, length);
	if (tsearch(entry, &bff->links, compare_links) == NULL) {
		free(entry);
		return am_fail_errno(error, ENOMEM, "bff: %s", bff->reader->name);
	}
	bff->link_names += sizeof *entry + length;
	return 0;
}

/* Sets the member's link when a member before it is the same file. */
static int find_link(struct am_bff *bff, struct am_error *error)
{
	struct am_bff_member *m = &bff->member;
	struct link_entry key = {m->dev_major, m->dev_minor, m->ino, 0};
	struct link_entry **found;

	if ((m->mode & AM_BFF_IFMT) != AM_BFF_IFREG || m->ino == 0 || m->nlink < 2)
		return 0;
	found = tfind(&key, &bff->links, compare_links);
	if (found == NULL)
		return remember_link(bff, error);
	bff->link.length = 0;
	if (am_buf_addstr(&bff->link, (*found)->name, error) != 0)
		return -1;
	m->link = bff->link.data;
	if (--(*found)->left == 0)
		forget_link(bff, *found);
	return 0;
}

/* --- the interface --- */

static int refuse_type(struct am_bff *bff, unsigned type, struct am_error *error)
{
	if (type == FS_VOLEND)
		return am_fail(error, "BFF_TYPE",
			"bff: %s: offset 0x%llx: FS_VOLEND: goes on on another volume, which is "
			"not supported",
			bff->reader->name, (unsigned long long)bff->offset);
	return am_fail(error, "BFF_TYPE",
		"bff: %s: offset 0x%llx: record type %u (%s) is not supported", bff->reader->name,
		(unsigned long long)bff->offset, type, type_name(type));
}

static int next_member(struct am_bff *bff, struct am_error *error)
{
	struct am_bff_member *m = &bff->member;
	const unsigned char *p;
	size_t fixed;
	unsigned type;

	if (skip(bff, bff->left, "a member's data", error) != 0 ||
		skip(bff, bff->padding, "a member's padding", error) != 0)
		return -1;
	bff->left = bff->data_left = 0;
	bff->padding = 0;
	bff->unpacking = 0;
	bff->raw.length = bff->raw_at = 0;
	if (header_here(bff, error) != 0)
		return -1;
	p = at(bff, 0);
	type = p[1];
	switch (type) {
	case FS_END:
		bff->ended = 1;
		return take(bff, (size_t)p[0] * 8, error);
	case FS_NAME_X:
		fixed = BFF_NAME_X_SIZE;
		break;
	case FS_NAME_LF:
		fixed = BFF_NAME_LF_SIZE;
		break;
	case FS_NAME:
		fixed = 48;
		break;
	case FS_ONAME:
		fixed = 40;
		break;
	default:
		return refuse_type(bff, type, error);
	}
	memset(m, 0, sizeof *m);
	m->offset = bff->offset;
	m->packed = bff_get16(p + 2) == BFF_MAGIC_PACKED;
	if (read_name(bff, fixed, error) != 0)
		return -1;
	if (type == FS_NAME_X || type == FS_NAME_LF)
		read_fields(m, p, type == FS_NAME_LF);
	else
		read_old_fields(m, p, type == FS_ONAME);
	if (check_sizes(bff, error) != 0 || find_link(bff, error) != 0 ||
		take_member(bff, type, error) != 0)
		return -1;
	return 1;
}

/* Keeps a failure, so that nothing after it is taken for sound. */
static int keep_failure(struct am_bff *bff, const struct am_error *failure, struct am_error *error)
{
	bff->failed = 1;
	bff->failure = *failure;
	if (error != NULL)
		*error = *failure;
	return -1;
}

struct am_bff *am_bff_open(struct am_reader *reader, struct am_error *error)
{
	struct am_bff *bff = calloc(1, sizeof *bff);

	if (bff != NULL)
		bff->buffer = malloc(BUFFER_SIZE);
	if (bff == NULL || bff->buffer == NULL) {
		free(bff);
		am_fail_errno(error, ENOMEM, "bff: %s", reader->name);
		return NULL;
	}
	bff->reader = reader;
	if (read_volume(bff, error) != 0) {
		am_bff_close(bff);
		return NULL;
	}
	return bff;
}

const struct am_bff_volume *am_bff_volume(const struct am_bff *bff)
{
	return &bff->volume;
}

int am_bff_next(struct am_bff *bff, const struct am_bff_member **member, struct am_error *error)
{
	struct am_error failure;
	int n;

	if (bff->failed)
		return keep_failure(bff, &bff->failure, error);
	if (bff->ended)
		return 0;
	n = next_member(bff, &failure);
	if (n < 0)
		return keep_failure(bff, &failure, error);
	*member = &bff->member;
	return n;
}

int am_bff_secured(const struct am_bff_member *member)
{
	int what = 0;

	/* The length within may be less than the room; beyond the plain 16 bytes entries follow. */
	if (member->acl != NULL && member->acl_length > BFF_ACL_PLAIN &&
		bff_get32(member->acl) > BFF_ACL_PLAIN)
		what |= AM_BFF_ACL;
	if (member->pcl != NULL && member->pcl_length > BFF_ACL_PLAIN &&
		bff_get32(member->pcl) > BFF_ACL_PLAIN)
		what |= AM_BFF_PCL;
	for (size_t i = 8; member->pcl != NULL && i < BFF_ACL_PLAIN && i < member->pcl_length; i++)
		what |= member->pcl[i] != 0 ? AM_BFF_PCL : 0;
	return what;
}

static ssize_t read_plain(struct am_bff *bff, void *data, size_t size, struct am_error *error)
{
	ssize_t n;

	if ((uint64_t)bff->left < size)
		size = (size_t)bff->left;
	if (available(bff) == 0 && size >= DIRECT_READ) {
		if (am_check_cancel("bff", error) != 0)
			return -1;
		n = bff->reader->read(bff->reader, data, size, error);
		if (n < 0)
			return -1;
		if (n == 0)
			return need(bff, 1, "a member's data", error);
		bff->offset += (uint64_t)n;
	} else {
		if (need(bff, 1, "a member's data", error) != 0)
			return -1;
		n = (ssize_t)(available(bff) < size ? available(bff) : size);
		memcpy(data, at(bff, 0), (size_t)n);
		consume(bff, (size_t)n);
	}
	bff->left -= n;
	bff->data_left -= n;
	return n;
}

int am_bff_keep_raw(struct am_bff *bff, struct am_error *error)
{
	bff->keep_raw = 1;
	return am_buf_add(&bff->raw, bff->volume_record, BFF_VOLUME_SIZE, error);
}

/* Data and padding as they are stored. */
static ssize_t read_stored(struct am_bff *bff, void *data, size_t size, struct am_error *error)
{
	ssize_t n;

	bff->data_left = 0; /* unpacked they will not be had any more */
	if (bff->left > 0) {
		n = read_plain(bff, data, size, error);
		bff->data_left = 0;
		return n;
	}
	if (size > bff->padding)
		size = bff->padding;
	if (need(bff, size, "a member's padding", error) != 0)
		return -1;
	memcpy(data, at(bff, 0), size);
	consume(bff, size);
	bff->padding -= (unsigned)size;
	return (ssize_t)size;
}

ssize_t am_bff_read_raw(struct am_bff *bff, void *data, size_t size, struct am_error *error)
{
	size_t left = bff->raw.length - bff->raw_at;
	struct am_error failure;
	ssize_t n;

	if (bff->failed)
		return keep_failure(bff, &bff->failure, error);
	if (left > 0) {
		if (size > left)
			size = left;
		memcpy(data, bff->raw.data + bff->raw_at, size);
		bff->raw_at += size;
		return (ssize_t)size;
	}
	if (size == 0 || (bff->left == 0 && bff->padding == 0))
		return 0;
	n = read_stored(bff, data, size, &failure);
	return n < 0 ? keep_failure(bff, &failure, error) : n;
}

static int pack_failure(struct am_bff *bff, const char *what, struct am_error *error)
{
	return am_fail(error, "BFF_PACK", "bff: %s: offset 0x%llx: %s: %s", bff->reader->name,
		(unsigned long long)bff->offset, bff->member.name, what);
}

static int start_unpacking(struct am_bff *bff, struct am_error *error)
{
	size_t length = AM_HUFFMAN_HEADER_MAX, used;

	if ((uint64_t)bff->left < length)
		length = (size_t)bff->left;
	if (bff->huffman == NULL && (bff->huffman = malloc(sizeof *bff->huffman)) == NULL)
		return am_fail_errno(error, ENOMEM, "bff: %s", bff->reader->name);
	if (need(bff, length, "packed data", error) != 0)
		return -1;
	if (am_huffman_start(bff->huffman, at(bff, 0), length, &used, error) != 0) {
		am_error_prefix(error, "bff: %s: offset 0x%llx: %s", bff->reader->name,
			(unsigned long long)bff->offset, bff->member.name);
		return -1;
	}
	consume(bff, used);
	bff->left -= (int64_t)used;
	bff->unpacking = 1;
	return 0;
}

/* Decodes what is in the buffer: as am_huffman_decode. */
static int unpack_some(
	struct am_bff *bff, unsigned char **out, unsigned char *out_end, struct am_error *error)
{
	const unsigned char *in;
	size_t length;
	int state;

	if (bff->left > 0 && need(bff, 1, "packed data", error) != 0)
		return -1;
	in = at(bff, 0);
	length = available(bff);
	if ((uint64_t)bff->left < length)
		length = (size_t)bff->left;
	state = am_huffman_decode(
		bff->huffman, &in, in + length, (int64_t)length == bff->left, out, out_end, error);
	if (state < 0)
		am_error_prefix(error, "bff: %s: offset 0x%llx: %s", bff->reader->name,
			(unsigned long long)bff->offset, bff->member.name);
	bff->left -= in - at(bff, 0);
	consume(bff, (size_t)(in - at(bff, 0)));
	return state;
}

static ssize_t read_packed(struct am_bff *bff, void *data, size_t size, struct am_error *error)
{
	unsigned char *out = data;
	int state = AM_HUFFMAN_INPUT;

	if (!bff->unpacking && start_unpacking(bff, error) != 0)
		return -1;
	if ((uint64_t)bff->data_left < size)
		size = (size_t)bff->data_left;
	while (state == AM_HUFFMAN_INPUT) {
		state = unpack_some(bff, &out, (unsigned char *)data + size, error);
		if (state < 0)
			return -1;
	}
	bff->data_left -= out - (unsigned char *)data;
	if (state == AM_HUFFMAN_ROOM && bff->data_left == 0)
		return pack_failure(bff, "packed data is longer than its size", error);
	if (state == AM_HUFFMAN_END && bff->data_left > 0)
		return pack_failure(bff, "packed data is shorter than its size", error);
	if (state == AM_HUFFMAN_END && (bff->left > 0 || am_huffman_unused(bff->huffman) > 0))
		return pack_failure(bff, "bytes left after packed data", error);
	return out - (unsigned char *)data;
}

ssize_t am_bff_read(struct am_bff *bff, void *data, size_t size, struct am_error *error)
{
	struct am_error failure;
	ssize_t n;

	if (bff->failed)
		return keep_failure(bff, &bff->failure, error);
	if (bff->ended || size == 0 || (bff->data_left == 0 && bff->left == 0))
		return 0;
	n = bff->member.packed ? read_packed(bff, data, size, &failure)
			       : read_plain(bff, data, size, &failure);
	return n < 0 ? keep_failure(bff, &failure, error) : n;
}

void am_bff_close(struct am_bff *bff)
{
	if (bff == NULL)
		return;
	while (bff->links != NULL)
		forget_link(bff, *(struct link_entry **)bff->links);
	am_buf_free(&bff->name);
	am_buf_free(&bff->target);
	am_buf_free(&bff->link);
	am_buf_free(&bff->security);
	am_buf_free(&bff->raw);
	free(bff->huffman);
	free(bff->buffer);
	free(bff);
}
