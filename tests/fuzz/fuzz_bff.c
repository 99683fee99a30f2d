/* SPDX-License-Identifier: MIT */
/*
 * Archives: read or refused, and the same whether they come whole or in drops, with their data or
 * without; the records as they are stored make the same archive. The input is read as it is, and
 * once more with the checksum of every header set right.
 */
#include "archive/bff.h"
#include "archive/bff_format.h"
#include "fuzz.h"

/* What reading an archive said, as one number. */
struct outcome {
	uint64_t digest;  /* of members and data */
	uint64_t members; /* of members alone */
	uint64_t names;   /* of members, not of where they are */
	int failed;
};

static void mix(uint64_t *digest, const void *data, size_t length)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < length; i++)
		*digest = (*digest ^ p[i]) * 0x100000001b3U;
}

static void mix_text(uint64_t *digest, const char *text)
{
	if (text != NULL)
		mix(digest, text, strlen(text) + 1);
}

static void mix_member(uint64_t *digest, const struct am_bff_member *m)
{
	REQUIRE(m->name != NULL && m->name[0] != '\0');
	REQUIRE(m->size >= 0 && m->stored_size >= 0);
	REQUIRE((m->target != NULL) == ((m->mode & AM_BFF_IFMT) == AM_BFF_IFLNK));
	mix_text(digest, m->name);
	mix_text(digest, m->target);
	mix_text(digest, m->link);
	mix(digest, &m->mode, sizeof m->mode);
	mix(digest, &m->size, sizeof m->size);
	mix(digest, &m->offset, sizeof m->offset);
	mix(digest, m->acl, m->acl == NULL ? 0 : m->acl_length);
	mix(digest, m->pcl, m->pcl == NULL ? 0 : m->pcl_length);
}

/* What unpacking may give for an input of this size is bounded, but by far more than is useful. */
#define DATA_MAX (1 << 20)

static int read_data(
	struct am_bff *bff, const struct am_bff_member *m, uint64_t *digest, struct am_error *error)
{
	char block[997];
	int64_t total = 0;
	ssize_t n;

	while (total < DATA_MAX && (n = am_bff_read(bff, block, sizeof block, error)) != 0) {
		if (n < 0)
			return -1;
		mix(digest, block, (size_t)n);
		total += n;
	}
	if (total < DATA_MAX && (m->mode & AM_BFF_IFMT) == AM_BFF_IFREG && m->link == NULL)
		REQUIRE(total == m->size);
	return 0;
}

static int read_members(struct am_bff *bff, int data, struct outcome *out, struct am_error *error)
{
	const struct am_bff_member *m;
	struct am_error again;
	int found;

	while ((found = am_bff_next(bff, &m, error)) == 1) {
		mix_member(&out->members, m);
		mix_text(&out->names, m->name);
		mix(&out->names, &m->mode, sizeof m->mode);
		mix(&out->names, &m->stored_size, sizeof m->stored_size);
		if (data && read_data(bff, m, &out->digest, error) != 0) {
			found = -1;
			break;
		}
	}
	if (found < 0) {
		REQUIRE(am_bff_next(bff, &m, &again) == -1);
		REQUIRE(strcmp(again.code, error->code) == 0);
	}
	return found;
}

static struct outcome read_archive(const void *data, size_t size, size_t step, int with_data)
{
	struct outcome out = {.digest = 14695981039346656037U};
	struct am_error error = {"", ""};
	struct am_reader *reader = fuzz_reader(data, size, step);
	struct am_bff *bff = am_bff_open(reader, &error);

	if (bff == NULL || read_members(bff, with_data, &out, &error) < 0) {
		fuzz_check_error(&error);
		mix_text(&out.digest, error.message);
		out.failed = 1;
	}
	am_bff_close(bff);
	am_reader_close(reader);
	return out;
}

/* Appends what is stored of the current record. */
static int copy_record(struct am_bff *bff, struct am_buf *out, struct am_error *error)
{
	char block[997];
	ssize_t n;

	while ((n = am_bff_read_raw(bff, block, sizeof block, error)) > 0)
		REQUIRE(am_buf_add(out, block, (size_t)n, error) == 0);
	return n < 0 ? -1 : 0;
}

/* 0 with the archive's records in *out, -1 when it cannot be read. */
static int copy_archive(const struct fuzz_part *archive, struct am_buf *out)
{
	struct am_reader *reader = fuzz_reader(archive->data, archive->length, 64);
	const struct am_bff_member *m;
	struct am_error error;
	struct am_bff *bff = am_bff_open(reader, &error);
	int found = -1;

	if (bff != NULL && am_bff_keep_raw(bff, &error) == 0 && copy_record(bff, out, &error) == 0)
		while ((found = am_bff_next(bff, &m, &error)) == 1)
			if (copy_record(bff, out, &error) != 0)
				break;
	if (found == 0 && copy_record(bff, out, &error) != 0)
		found = -1;
	am_bff_close(bff);
	am_reader_close(reader);
	return found == 0 ? 0 : -1;
}

static void check_copy(const struct fuzz_part *archive)
{
	struct am_buf copy = {0};
	struct outcome before, after;

	if (copy_archive(archive, &copy) == 0) {
		before = read_archive(archive->data, archive->length, 4096, 0);
		after = read_archive(copy.data, copy.length, 4096, 0);
		REQUIRE(!before.failed && !after.failed);
		REQUIRE(before.names == after.names);
	}
	am_buf_free(&copy);
}

/* Gives every header its checksum, so that damage gets past it. */
static void seal(unsigned char *data, size_t size)
{
	for (size_t at = 0; at + 8 <= size; at += 8) {
		unsigned magic = bff_get16(data + at + 2);
		size_t length = (size_t)data[at] * 8;

		if ((magic == BFF_MAGIC || magic == BFF_MAGIC_PACKED) && length >= 8 &&
			length <= size - at)
			bff_put16(data + at + 4, bff_checksum(data + at, length));
	}
}

static void read_every_way(const struct fuzz_part *archive)
{
	struct outcome whole = read_archive(archive->data, archive->length, SIZE_MAX, 1);
	struct outcome drops = read_archive(archive->data, archive->length, 7, 1);
	struct outcome bare = read_archive(archive->data, archive->length, 4096, 0);

	REQUIRE(whole.digest == drops.digest && whole.members == drops.members);
	REQUIRE(whole.failed == drops.failed);
	if (!whole.failed)
		REQUIRE(!bare.failed && bare.members == whole.members);
	check_copy(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part archive = fuzz_copy(data, size);

	read_every_way(&archive);
	seal((unsigned char *)archive.data, size);
	if (size > 0 && memcmp(archive.data, data, size) != 0)
		read_every_way(&archive);
	fuzz_part_free(&archive);
	return 0;
}
