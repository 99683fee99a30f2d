/* SPDX-License-Identifier: MIT */
#include "archive/bigar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_SIZE      8
#define MEMBER_NAME_MAX 255

/* Where the two formats differ: offsets and the width of the number fields. */
struct format {
	const char *magic;
	size_t width;        /* of sizes and offsets */
	size_t header_size;  /* of the archive */
	size_t first, last;  /* where these fields are in it */
	size_t member_fixed; /* of a member's header, up to its name */
};

static const struct format big_format = {"<bigaf>\n", 20, 128, 68, 88, 112};
static const struct format small_format = {"<aiaff>\n", 12, 68, 32, 44, 88};

struct am_bigar {
	const char *name; /* only while parsing */
	const unsigned char *data;
	size_t length;
	const struct format *format;
	struct am_bigar_member *members;
	size_t count, capacity;
};

static int fail(const struct am_bigar *ar, const char *code, uint64_t offset, const char *what,
	struct am_error *error)
{
	return am_fail(error, code, "ar: %s: offset 0x%llx: %s", ar->name,
		(unsigned long long)offset, what);
}

/* Digits, then blanks or NULs; nothing at all is 0. The field must be within the archive. */
static int number(const struct am_bigar *ar, uint64_t offset, size_t width, unsigned base,
	uint64_t *value, struct am_error *error)
{
	const unsigned char *p = ar->data + offset;
	uint64_t result = 0;
	size_t i = 0;

	for (; i < width && p[i] >= '0' && p[i] < '0' + base; i++) {
		unsigned digit = (unsigned)(p[i] - '0');

		if (result > ((uint64_t)INT64_MAX - digit) / base)
			return fail(ar, "BIGAR_FIELD", offset, "number out of range", error);
		result = result * base + digit;
	}
	for (; i < width; i++) {
		if (p[i] != ' ' && p[i] != '\0')
			return fail(ar, "BIGAR_FIELD", offset, "no number", error);
	}
	*value = result;
	return 0;
}

static int number32(const struct am_bigar *ar, uint64_t offset, size_t width, unsigned base,
	uint32_t *value, struct am_error *error)
{
	uint64_t wide;

	if (number(ar, offset, width, base, &wide, error) != 0)
		return -1;
	if (wide > UINT32_MAX)
		return fail(ar, "BIGAR_FIELD", offset, "number out of range", error);
	*value = (uint32_t)wide;
	return 0;
}

struct header {
	uint64_t size, next, previous;
	uint64_t name_length;
	uint64_t name, data; /* offsets */
};

/* Reads the numbers and bounds of the member header at `offset`. */
static int read_header(
	const struct am_bigar *ar, uint64_t offset, struct header *h, struct am_error *error)
{
	const struct format *f = ar->format;
	size_t w = f->width;

	if (offset < f->header_size || offset > ar->length)
		return fail(ar, "BIGAR_FIELD", offset, "outside of the archive", error);
	if (ar->length - offset < f->member_fixed)
		return fail(ar, "TRUNCATED", offset, "ends within a member's header", error);
	if (number(ar, offset, w, 10, &h->size, error) != 0 ||
		number(ar, offset + w, w, 10, &h->next, error) != 0 ||
		number(ar, offset + 2 * w, w, 10, &h->previous, error) != 0 ||
		number(ar, offset + 3 * w + 48, 4, 10, &h->name_length, error) != 0)
		return -1;
	h->name = offset + f->member_fixed;
	h->data = h->name + h->name_length + (h->name_length & 1) + 2;
	if (h->data > ar->length)
		return fail(ar, "TRUNCATED", offset, "ends within a member's header", error);
	if (memcmp(ar->data + h->data - 2, "`\n", 2) != 0)
		return fail(ar, "BIGAR_FIELD", h->data - 2, "no end of a member's header", error);
	if (h->size > ar->length - h->data)
		return fail(ar, "TRUNCATED", offset, "member longer than the archive", error);
	return 0;
}

static int read_member(
	struct am_bigar *ar, uint64_t offset, const struct header *h, struct am_error *error)
{
	size_t w = ar->format->width;
	struct am_bigar_member *m;
	char *name;

	if (h->name_length == 0 || h->name_length > MEMBER_NAME_MAX ||
		memchr(ar->data + h->name, '\0', h->name_length) != NULL ||
		memchr(ar->data + h->name, '\n', h->name_length) != NULL)
		return fail(ar, "BIGAR_NAME", h->name, "a name that cannot be", error);
	if (ar->count == ar->capacity) {
		size_t capacity = ar->capacity * 2 + 16;

		m = realloc(ar->members, capacity * sizeof *m);
		if (m == NULL)
			return am_fail_errno(error, ENOMEM, "ar: %s", ar->name);
		ar->members = m;
		ar->capacity = capacity;
	}
	m = &ar->members[ar->count];
	if (number(ar, offset + 3 * w, 12, 10, &m->date, error) != 0 ||
		number32(ar, offset + 3 * w + 12, 12, 10, &m->uid, error) != 0 ||
		number32(ar, offset + 3 * w + 24, 12, 10, &m->gid, error) != 0 ||
		number32(ar, offset + 3 * w + 36, 12, 8, &m->mode, error) != 0)
		return -1;
	name = malloc(h->name_length + 1);
	if (name == NULL)
		return am_fail_errno(error, ENOMEM, "ar: %s", ar->name);
	memcpy(name, ar->data + h->name, h->name_length);
	name[h->name_length] = '\0';
	m->name = name;
	m->data = ar->data + h->data;
	m->size = (size_t)h->size;
	m->offset = offset;
	ar->count++;
	return 0;
}

static int read_chain(struct am_bigar *ar, struct am_error *error)
{
	const struct format *f = ar->format;
	uint64_t offset, last, previous = 0;

	if (number(ar, f->first, f->width, 10, &offset, error) != 0 ||
		number(ar, f->last, f->width, 10, &last, error) != 0)
		return -1;
	while (offset != 0) {
		struct header h;

		/* No chain without a loop has more members than their headers have room. */
		if (ar->count > ar->length / f->member_fixed)
			return fail(ar, "BIGAR_CHAIN", offset, "members form a loop", error);
		if (read_header(ar, offset, &h, error) != 0)
			return -1;
		if (h.previous != previous)
			return fail(ar, "BIGAR_CHAIN", offset,
				"does not point back to the member before it", error);
		if (read_member(ar, offset, &h, error) != 0)
			return -1;
		if (offset == last)
			return 0;
		previous = offset;
		offset = h.next;
	}
	if (last != 0)
		return fail(
			ar, "BIGAR_CHAIN", f->last, "the chain ends before the last member", error);
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct am_bigar_member *const *left = a, *const *right = b;

	return ((*left)->offset > (*right)->offset) - ((*left)->offset < (*right)->offset);
}

/* The members in the order of their offsets; NULL without memory. */
static const struct am_bigar_member **sorted_members(const struct am_bigar *ar)
{
	const struct am_bigar_member **list = malloc((ar->count + 1) * sizeof *list);

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < ar->count; i++)
		list[i] = &ar->members[i];
	if (ar->count > 1)
		qsort(list, ar->count, sizeof *list, by_offset);
	return list;
}

/* The member of that offset, or NULL. */
static const struct am_bigar_member *member_at(
	const struct am_bigar_member **list, size_t count, uint64_t offset)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle]->offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && list[low]->offset == offset ? list[low] : NULL;
}

/* Offsets and names of the table; `list` is sorted, and none may come twice. */
static int check_entries(struct am_bigar *ar, uint64_t table, const struct header *h,
	const struct am_bigar_member **list, unsigned char *seen, struct am_error *error)
{
	size_t w = ar->format->width;
	uint64_t names = h->data + w * (ar->count + 1), end = h->data + h->size;

	for (size_t i = 0; i < ar->count; i++) {
		const struct am_bigar_member *member;
		uint64_t offset;
		size_t length, at;

		if (number(ar, h->data + w * (i + 1), w, 10, &offset, error) != 0)
			return -1;
		member = member_at(list, ar->count, offset);
		at = member != NULL ? (size_t)(member - ar->members) : 0;
		length = member != NULL ? strlen(member->name) + 1 : 0;
		if (member == NULL || seen[at] || end - names < length ||
			memcmp(ar->data + names, member->name, length) != 0)
			return fail(
				ar, "BIGAR_TABLE", table, "member table tells of others", error);
		seen[at] = 1;
		names += length;
	}
	return 0;
}

/*
 * The member table, where there is one, must tell of the members that the chain told of. Their
 * order is the chain's: the table of a real archive may have another.
 */
static int check_table(struct am_bigar *ar, struct am_error *error)
{
	size_t w = ar->format->width;
	const struct am_bigar_member **list;
	unsigned char *seen;
	uint64_t table, count;
	struct header h;
	int r;

	if (number(ar, MAGIC_SIZE, w, 10, &table, error) != 0)
		return -1;
	if (table == 0)
		return 0;
	if (read_header(ar, table, &h, error) != 0)
		return -1;
	if (h.size < w || number(ar, h.data, w, 10, &count, error) != 0 || count != ar->count ||
		(h.size - w) / w < count)
		return fail(ar, "BIGAR_TABLE", table, "member table of another length", error);
	list = sorted_members(ar);
	seen = calloc(1, ar->count + 1);
	r = list != NULL && seen != NULL ? check_entries(ar, table, &h, list, seen, error)
					 : am_fail_errno(error, ENOMEM, "ar: %s", ar->name);
	free(list);
	free(seen);
	return r;
}

static int parse(struct am_bigar *ar, struct am_error *error)
{
	if (ar->length < MAGIC_SIZE)
		return fail(ar, "BIGAR_MAGIC", 0, "no AIX archive", error);
	if (memcmp(ar->data, big_format.magic, MAGIC_SIZE) == 0)
		ar->format = &big_format;
	else if (memcmp(ar->data, small_format.magic, MAGIC_SIZE) == 0)
		ar->format = &small_format;
	else
		return fail(ar, "BIGAR_MAGIC", 0, "no AIX archive", error);
	if (ar->length < ar->format->header_size)
		return fail(ar, "TRUNCATED", ar->length, "ends within its header", error);
	return read_chain(ar, error) != 0 ? -1 : check_table(ar, error);
}

struct am_bigar *am_bigar_parse(
	const char *name, const void *data, size_t length, struct am_error *error)
{
	struct am_bigar *ar = calloc(1, sizeof *ar);

	if (ar == NULL) {
		am_fail_errno(error, ENOMEM, "ar: %s", name);
		return NULL;
	}
	ar->name = name;
	ar->data = data;
	ar->length = length;
	if (parse(ar, error) != 0) {
		am_bigar_free(ar);
		return NULL;
	}
	ar->name = NULL;
	return ar;
}

size_t am_bigar_count(const struct am_bigar *ar)
{
	return ar->count;
}

const struct am_bigar_member *am_bigar_member(const struct am_bigar *ar, size_t index)
{
	return &ar->members[index];
}

void am_bigar_free(struct am_bigar *ar)
{
	if (ar == NULL)
		return;
	for (size_t i = 0; i < ar->count; i++)
		free((char *)ar->members[i].name);
	free(ar->members);
	free(ar);
}

/* --- writing --- */

static int put_header(struct am_buf *out, uint64_t size, uint64_t next, uint64_t previous,
	const struct am_bigar_member *m, struct am_error *error)
{
	size_t name = m != NULL ? strlen(m->name) : 0;

	if (am_buf_addf(out, error, "%-20llu%-20llu%-20llu%-12llu%-12lu%-12lu%-12lo%-4zu%s",
		    (unsigned long long)size, (unsigned long long)next,
		    (unsigned long long)previous, m != NULL ? (unsigned long long)m->date : 0ULL,
		    m != NULL ? (unsigned long)m->uid : 0UL,
		    m != NULL ? (unsigned long)m->gid : 0UL,
		    m != NULL ? (unsigned long)m->mode : 0UL, name,
		    m != NULL ? m->name : "") != 0 ||
		am_buf_add(out, "", name % 2, error) != 0)
		return -1;
	return am_buf_addstr(out, "`\n", error);
}

static uint64_t member_length(const struct am_bigar_member *m)
{
	size_t name = strlen(m->name);

	return big_format.member_fixed + name + name % 2 + 2 + m->size + m->size % 2;
}

static int check_members(
	const struct am_bigar_member *members, size_t count, struct am_error *error)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(members[i].name);

		if (length == 0 || length > MEMBER_NAME_MAX ||
			strchr(members[i].name, '\n') != NULL)
			return am_fail(error, "BIGAR_NAME",
				"ar: member %zu: a name that is empty, too long or has a newline",
				i + 1);
		if (members[i].date > 999999999999)
			return am_fail(
				error, "BIGAR_FIELD", "ar: %s: date out of range", members[i].name);
	}
	return 0;
}

/* Offsets and then names of all members, behind a header without a name. */
static int put_table(struct am_buf *out, const struct am_bigar_member *members, size_t count,
	struct am_error *error)
{
	uint64_t offset = big_format.header_size;
	uint64_t size = big_format.width * (count + 1);
	uint64_t last = 0;

	for (size_t i = 0; i < count; i++) {
		size += strlen(members[i].name) + 1;
		last = offset;
		offset += member_length(&members[i]);
	}
	if (put_header(out, size, 0, last, NULL, error) != 0 ||
		am_buf_addf(out, error, "%-20zu", count) != 0)
		return -1;
	offset = big_format.header_size;
	for (size_t i = 0; i < count; i++) {
		if (am_buf_addf(out, error, "%-20llu", (unsigned long long)offset) != 0)
			return -1;
		offset += member_length(&members[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (am_buf_add(out, members[i].name, strlen(members[i].name) + 1, error) != 0)
			return -1;
	}
	return am_buf_add(out, "", size % 2, error);
}

/* The 64-bit symbol table and the free list, which are not there, are NULs where AIX writes NULs.
 */
static int put_archive_header(struct am_buf *out, const struct am_bigar_member *members,
	size_t count, struct am_error *error)
{
	static const char none[20];
	unsigned long long table = big_format.header_size, last = 0;

	for (size_t i = 0; i < count; i++) {
		last = table;
		table += member_length(&members[i]);
	}
	if (am_buf_addf(out, error, "%s%-20llu%-20d", big_format.magic, count > 0 ? table : 0, 0) !=
			0 ||
		am_buf_add(out, none, sizeof none, error) != 0 ||
		am_buf_addf(out, error, "%-20d%-20llu", count > 0 ? (int)big_format.header_size : 0,
			last) != 0)
		return -1;
	return am_buf_add(out, none, sizeof none, error);
}

int am_bigar_format(const struct am_bigar_member *members, size_t count, struct am_buf *out,
	struct am_error *error)
{
	uint64_t offset = big_format.header_size, previous = 0;

	if (check_members(members, count, error) != 0 ||
		put_archive_header(out, members, count, error) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct am_bigar_member *m = &members[i];
		uint64_t next = offset + member_length(m);

		if (put_header(out, m->size, next, previous, m, error) != 0 ||
			am_buf_add(out, m->data, m->size, error) != 0 ||
			am_buf_add(out, "", m->size % 2, error) != 0)
			return -1;
		previous = offset;
		offset = next;
	}
	return count > 0 ? put_table(out, members, count, error) : 0;
}
