/* SPDX-License-Identifier: MIT */
#include "odm/class_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_MAGIC   0x000DCFACU
#define END_MAGIC     0xFFF23054U /* the negative of CLASS_MAGIC */
#define STRINGS_MAGIC 0x000CAA1CU
#define PAGE          4096

/* Offsets in a class file. */
enum {
	AT_MAGIC = 0x00,
	AT_NDATA = 0x04,
	AT_BEGIN = 0x0C,
	AT_NAME = 0x10,
	AT_STRUCT_SIZE = 0x14,
	AT_NELEM = 0x18,
	AT_ELEM = 0x1C,
	AT_DATA = 0x2C,
	AT_END = 0x144,
	HEADER_SIZE = 0x148
};

/* Offsets in a descriptor. */
enum {
	DESCRIPTOR_NAME = 0,
	DESCRIPTOR_TYPE = 4,
	DESCRIPTOR_OFFSET = 8,
	DESCRIPTOR_ROOM = 12,
	DESCRIPTOR_LINK = 16,
	DESCRIPTOR_KEY = 20,
	DESCRIPTOR_ORDINAL = 32,
	DESCRIPTOR_EXTERNAL = 36,
	DESCRIPTOR_SIZE = 40
};

/* Offsets in a string file. */
enum {
	STRINGS_AT_USED = 0x04,
	STRINGS_AT_NAME = 0x0C,
	STRINGS_AT_DATA = 0x18,
	STRINGS_HEADER = 0x28
};

#define RECORD_HEAD      12 /* _id, _reserved, _scratch */
#define LINK_POINTERS    8
#define DESCRIPTORS_MAX  1024
#define STRUCT_SIZE_MAX  (1U << 20)
#define EXTERNAL_MINIMUM 256

struct am_odm_class {
	char *path;
	char *name;
	struct am_buf data;    /* the class file */
	struct am_buf strings; /* the string file; data NULL: none */
	struct am_odm_descriptor *descriptors;
	size_t count;
	uint32_t slots;
	uint32_t first;       /* offset of the first record */
	size_t frame_end;     /* where the last name or descriptor ends */
	uint32_t record_size; /* in the file */
	uint32_t used;        /* bytes of the string data */
	uint32_t base;        /* their offset in the string file */
};

static uint32_t get32(const void *at)
{
	const unsigned char *p = at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(void *at, uint32_t value)
{
	unsigned char *p = at;

	p[0] = (unsigned char)(value >> 24);
	p[1] = (unsigned char)(value >> 16);
	p[2] = (unsigned char)(value >> 8);
	p[3] = (unsigned char)value;
}

static uint64_t get64(const void *at)
{
	return (uint64_t)get32(at) << 32 | get32((const char *)at + 4);
}

static void put64(void *at, uint64_t value)
{
	put32(at, (uint32_t)(value >> 32));
	put32((char *)at + 4, (uint32_t)value);
}

static int fail(
	const struct am_odm_class *class, struct am_error *error, size_t offset, const char *what)
{
	return am_fail(error, "ODM_FORMAT", "odm: %s: offset 0x%zx: %s", class->path, offset, what);
}

static uint32_t word(const struct am_odm_class *class, size_t offset)
{
	return get32(class->data.data + offset);
}

static int is_text(enum am_odm_type type)
{
	return type == AM_ODM_CHAR || type == AM_ODM_LONGCHAR || type == AM_ODM_METHOD;
}

/* Bytes of a value of this descriptor in memory; 0 when that cannot be. */
static uint32_t memory_width(enum am_odm_type type, uint32_t size)
{
	switch (type) {
	case AM_ODM_SHORT:
		return 2;
	case AM_ODM_LONG:
	case AM_ODM_ULONG:
	case AM_ODM_VCHAR:
		return 4;
	case AM_ODM_DOUBLE:
	case AM_ODM_INT64:
	case AM_ODM_UINT64:
		return 8;
	case AM_ODM_LINK:
		return size == 0 || size > STRUCT_SIZE_MAX ? 0 : size + LINK_POINTERS;
	default:
		return size > STRUCT_SIZE_MAX ? 0 : size;
	}
}

/* --- reading the frame --- */

/* A NUL-terminated identifier at the offset the word at `at` holds. */
static char *name_at(struct am_odm_class *class, size_t at, struct am_error *error)
{
	uint32_t offset = word(class, at);
	const char *end;
	char *name;

	if (offset < HEADER_SIZE || offset >= class->data.length) {
		fail(class, error, at, "name outside of the file");
		return NULL;
	}
	end = memchr(class->data.data + offset, '\0', class->data.length - offset);
	if (end == NULL || !am_odm_identifier(class->data.data + offset,
				   (size_t)(end - (class->data.data + offset)))) {
		fail(class, error, offset, "a name that cannot be");
		return NULL;
	}
	if ((size_t)(end - class->data.data) + 1 > class->frame_end)
		class->frame_end = (size_t)(end - class->data.data) + 1;
	name = strdup(class->data.data + offset);
	if (name == NULL)
		am_fail_errno(error, ENOMEM, "odm: %s", class->path);
	return name;
}

static int parse_link(
	struct am_odm_class *class, size_t at, struct am_odm_descriptor *d, struct am_error *error)
{
	if (d->type != AM_ODM_LINK)
		return 0;
	d->link_class = name_at(class, at + DESCRIPTOR_LINK, error);
	if (d->link_class == NULL)
		return -1;
	d->link_key = name_at(class, at + DESCRIPTOR_KEY, error);
	return d->link_key == NULL ? -1 : 0;
}

/* One descriptor; `*end` is where the one before it ended in memory, `*moved` by how much what
 * follows external strings is lower in the file. */
static int parse_descriptor(struct am_odm_class *class, size_t at, struct am_odm_descriptor *d,
	uint32_t *end, uint32_t *moved, struct am_error *error)
{
	uint32_t type = word(class, at + DESCRIPTOR_TYPE);
	uint32_t offset = word(class, at + DESCRIPTOR_OFFSET);
	uint32_t external = word(class, at + DESCRIPTOR_EXTERNAL);
	uint32_t width;

	if (type >= AM_ODM_TYPES)
		return fail(class, error, at + DESCRIPTOR_TYPE, "unknown type of a descriptor");
	d->type = (enum am_odm_type)type;
	d->size = word(class, at + DESCRIPTOR_ROOM);
	width = memory_width(d->type, d->size);
	if (width == 0)
		return fail(class, error, at + DESCRIPTOR_ROOM, "impossible size of a descriptor");
	if (offset < *end || offset > STRUCT_SIZE_MAX || width > STRUCT_SIZE_MAX - offset)
		return fail(
			class, error, at + DESCRIPTOR_OFFSET, "impossible offset of a descriptor");
	if (external > 1 || (external == 1 && (!is_text(d->type) || d->size < 4)))
		return fail(class, error, at + DESCRIPTOR_EXTERNAL,
			"descriptor with a mark that is not known");
	d->external = external == 1;
	d->offset = offset - *moved;
	d->width = d->external ? 4 : width;
	*end = offset + width;
	if (d->external)
		*moved += d->size - 4;
	d->name = name_at(class, at + DESCRIPTOR_NAME, error);
	return d->name == NULL ? -1 : parse_link(class, at, d, error);
}

static int parse_descriptors(struct am_odm_class *class, struct am_error *error)
{
	uint32_t count = word(class, AT_NELEM);
	uint32_t table = word(class, AT_ELEM);
	uint32_t size = word(class, AT_STRUCT_SIZE);
	uint32_t end = RECORD_HEAD, moved = 0;

	if (count == 0 || count > DESCRIPTORS_MAX)
		return fail(class, error, AT_NELEM, "impossible number of descriptors");
	if (table < HEADER_SIZE || table > class->data.length ||
		class->data.length - table < (size_t)count * DESCRIPTOR_SIZE)
		return fail(class, error, AT_ELEM, "descriptors outside of the file");
	if (size < RECORD_HEAD || size > STRUCT_SIZE_MAX)
		return fail(class, error, AT_STRUCT_SIZE, "impossible size of a record");
	if (table + (size_t)count * DESCRIPTOR_SIZE > class->frame_end)
		class->frame_end = table + (size_t)count * DESCRIPTOR_SIZE;
	class->descriptors = calloc(count, sizeof *class->descriptors);
	if (class->descriptors == NULL)
		return am_fail_errno(error, ENOMEM, "odm: %s", class->path);
	class->count = count;
	for (uint32_t i = 0; i < count; i++) {
		if (parse_descriptor(class, table + (size_t)i * DESCRIPTOR_SIZE,
			    &class->descriptors[i], &end, &moved, error) != 0)
			return -1;
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(class->descriptors[i].name, class->descriptors[k].name) == 0)
				return fail(class, error, table, "two descriptors of one name");
		}
	}
	if (end > size)
		return fail(class, error, AT_STRUCT_SIZE, "records smaller than their descriptors");
	class->record_size = size - moved;
	return 0;
}

static int parse_header(struct am_odm_class *class, struct am_error *error)
{
	if (class->data.length < HEADER_SIZE)
		return fail(class, error, class->data.length, "ends within the header");
	if (word(class, AT_MAGIC) != CLASS_MAGIC || word(class, AT_BEGIN) != CLASS_MAGIC ||
		word(class, AT_END) != END_MAGIC)
		return fail(class, error, AT_MAGIC, "no ODM class");
	class->name = name_at(class, AT_NAME, error);
	if (class->name == NULL || parse_descriptors(class, error) != 0)
		return -1;
	class->slots = word(class, AT_NDATA);
	class->first = word(class, AT_DATA);
	if (class->first < HEADER_SIZE + class->count * DESCRIPTOR_SIZE ||
		class->first > class->data.length)
		return fail(class, error, AT_DATA, "records outside of the file");
	if (class->slots > (class->data.length - class->first) / class->record_size)
		return fail(class, error, AT_NDATA, "more records than the file holds");
	return 0;
}

static int strings_fail(
	const struct am_odm_class *class, struct am_error *error, size_t offset, const char *what)
{
	return am_fail(
		error, "ODM_FORMAT", "odm: %s.vc: offset 0x%zx: %s", class->path, offset, what);
}

static int parse_strings(struct am_odm_class *class, struct am_error *error)
{
	const struct am_buf *s = &class->strings;

	if (s->length == 0)
		return 0;
	if (s->length < STRINGS_HEADER)
		return strings_fail(class, error, s->length, "ends within the header");
	if (get32(s->data) != STRINGS_MAGIC)
		return strings_fail(class, error, 0, "no ODM string file");
	class->used = get32(s->data + STRINGS_AT_USED);
	class->base = get32(s->data + STRINGS_AT_DATA);
	if (class->base < STRINGS_HEADER || class->base > s->length)
		return strings_fail(class, error, STRINGS_AT_DATA, "strings outside of the file");
	if (class->used > s->length - class->base)
		return strings_fail(
			class, error, STRINGS_AT_USED, "more strings than the file holds");
	/* So that every reference below `used` leads to a string with an end. */
	if (class->used > 0 && s->data[class->base + class->used - 1] != '\0')
		return strings_fail(class, error, STRINGS_AT_USED, "last string without an end");
	return 0;
}

/* --- records --- */

static char *record(const struct am_odm_class *class, size_t slot)
{
	return class->data.data + class->first + slot * class->record_size;
}

static int has_reference(const struct am_odm_descriptor *d)
{
	return d->external || d->type == AM_ODM_VCHAR;
}

/* A value is in a file that is not there: nothing is wrong with the class itself. */
static int strings_missing(const struct am_odm_class *class, size_t slot, size_t index,
	const char *at, struct am_error *error)
{
	return am_fail(error, "ODM_STRINGS",
		"odm: %s: offset 0x%zx: '%s' of record %zu is kept in the string file %s.vc, which "
		"is %s: put that file back, from a backup of the same time as the class",
		class->path, (size_t)(at - class->data.data), class->descriptors[index].name, slot,
		class->path, class->strings.data == NULL ? "missing" : "empty");
}

/* Without a string file the empty string, reference 0, is the only one. */
static int check_references(struct am_odm_class *class, struct am_error *error)
{
	uint32_t limit = class->used > 0 ? class->used : 1;

	for (uint32_t slot = 0; slot < class->slots; slot++) {
		if (!am_odm_class_live(class, slot))
			continue;
		for (size_t i = 0; i < class->count; i++) {
			const char *at = record(class, slot) + class->descriptors[i].offset;

			if (!has_reference(&class->descriptors[i]) || get32(at) < limit)
				continue;
			if (class->strings.length == 0)
				return strings_missing(class, slot, i, at, error);
			return fail(class, error, (size_t)(at - class->data.data),
				"reference outside of the string file");
		}
	}
	return 0;
}

static struct am_odm_class *new_class(const char *path, struct am_error *error)
{
	struct am_odm_class *class = calloc(1, sizeof *class);

	if (class == NULL || (class->path = strdup(path)) == NULL) {
		free(class);
		am_fail_errno(error, ENOMEM, "odm: %s", path);
		return NULL;
	}
	return class;
}

struct am_odm_class *am_odm_class_parse(const char *path, const void *data, size_t length,
	const void *strings, size_t strings_length, struct am_error *error)
{
	struct am_odm_class *class = new_class(path, error);

	if (class == NULL)
		return NULL;
	if (am_buf_add(&class->data, data, length, error) != 0 ||
		(strings != NULL &&
			am_buf_add(&class->strings, strings, strings_length, error) != 0) ||
		parse_header(class, error) != 0 || parse_strings(class, error) != 0 ||
		check_references(class, error) != 0) {
		am_odm_class_free(class);
		return NULL;
	}
	return class;
}

void am_odm_class_free(struct am_odm_class *class)
{
	if (class == NULL)
		return;
	for (size_t i = 0; i < class->count; i++) {
		free(class->descriptors[i].name);
		free(class->descriptors[i].link_class);
		free(class->descriptors[i].link_key);
	}
	free(class->descriptors);
	am_buf_free(&class->data);
	am_buf_free(&class->strings);
	free(class->name);
	free(class->path);
	free(class);
}

const char *am_odm_class_name(const struct am_odm_class *class)
{
	return class->name;
}

const struct am_odm_descriptor *am_odm_class_descriptors(
	const struct am_odm_class *class, size_t *count)
{
	*count = class->count;
	return class->descriptors;
}

size_t am_odm_class_slots(const struct am_odm_class *class)
{
	return class->slots;
}

int am_odm_class_live(const struct am_odm_class *class, size_t slot)
{
	return get32(record(class, slot)) != UINT32_MAX;
}

static void get_text(struct am_odm_value *value, const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	value->kind = AM_ODM_TEXT;
	value->text = text;
	value->length = end != NULL ? (size_t)(end - text) : room;
}

static void get_real(struct am_odm_value *value, const char *at)
{
	uint64_t bits = get64(at);

	value->kind = AM_ODM_REAL;
	memcpy(&value->real, &bits, sizeof value->real);
}

static void get_number(struct am_odm_value *value, enum am_odm_type type, const char *at)
{
	value->kind = AM_ODM_NUMBER;
	switch (type) {
	case AM_ODM_SHORT:
		value->number = (int16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
		break;
	case AM_ODM_LONG:
		value->number = (int32_t)get32(at);
		break;
	case AM_ODM_ULONG:
		value->number = get32(at);
		break;
	default:
		value->number = (int64_t)get64(at);
	}
}

void am_odm_class_get(
	const struct am_odm_class *class, size_t slot, size_t index, struct am_odm_value *value)
{
	const struct am_odm_descriptor *d = &class->descriptors[index];
	const char *at = record(class, slot) + d->offset;

	if (has_reference(d)) {
		uint32_t reference = get32(at);

		if (class->used == 0)
			get_text(value, "", 1);
		else
			get_text(value, class->strings.data + class->base + reference,
				class->used - reference);
		return;
	}
	switch (am_odm_kind_of(d->type)) {
	case AM_ODM_NUMBER:
		get_number(value, d->type, at);
		break;
	case AM_ODM_REAL:
		get_real(value, at);
		break;
	default:
		if (d->type == AM_ODM_LINK)
			get_text(value, at + LINK_POINTERS, d->size);
		else if (d->type == AM_ODM_BINARY)
			*value = (struct am_odm_value){AM_ODM_TEXT, at, d->size, 0, 0};
		else
			get_text(value, at, d->size);
	}
}

struct object {
	const struct am_odm_class *class;
	size_t slot;
};

static void get_field(const void *object, size_t index, struct am_odm_value *value)
{
	const struct object *o = object;

	am_odm_class_get(o->class, o->slot, index, value);
}

int am_odm_class_match(
	const struct am_odm_class *class, size_t slot, const struct am_odm_criteria *criteria)
{
	struct object object = {class, slot};

	return am_odm_criteria_match(criteria, get_field, &object);
}

/* --- encoding --- */

static void put_number(char *at, uint32_t width, int64_t number)
{
	if (width == 2) {
		at[0] = (char)(number >> 8);
		at[1] = (char)number;
	} else if (width == 4) {
		put32(at, (uint32_t)number);
	} else {
		put64(at, (uint64_t)number);
	}
}

static unsigned hex_digit(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

static void put_binary(char *at, const struct am_odm_descriptor *d, const struct am_odm_value *v)
{
	memset(at, 0, d->size);
	if (v->length == d->size) {
		memcpy(at, v->text, v->length);
		return;
	}
	for (size_t i = 2; i + 1 < v->length; i += 2)
		*at++ = (char)(hex_digit(v->text[i]) << 4 | hex_digit(v->text[i + 1]));
}

/* Writes a value into a record. Strings of the string file come as their reference. */
static void encode(char *rec, const struct am_odm_descriptor *d, const struct am_odm_value *v,
	uint32_t reference)
{
	char *at = rec + d->offset;
	uint64_t bits;

	if (has_reference(d)) {
		put32(at, reference);
		return;
	}
	switch (am_odm_kind_of(d->type)) {
	case AM_ODM_NUMBER:
		put_number(at, d->width, v->number);
		return;
	case AM_ODM_REAL:
		memcpy(&bits, &v->real, sizeof bits);
		put64(at, bits);
		return;
	default:
		break;
	}
	if (d->type == AM_ODM_BINARY) {
		put_binary(at, d, v);
		return;
	}
	/* What a link points to in memory, two words, was written as 0; a new target has none. */
	if (d->type == AM_ODM_LINK) {
		memset(at, 0, LINK_POINTERS);
		at += LINK_POINTERS;
	}
	/*
	 * The string and its NUL. The room behind them is left as it is: AIX copies strings into
	 * the record it read and writes that record, so the end of a longer value stays in the file
	 * behind a shorter one, as real classes show, and nobody reads it.
	 */
	memcpy(at, v->text, v->length);
	at[v->length] = '\0';
}

int am_odm_class_writable(struct am_odm_class *class, struct am_error *error)
{
	if (class->frame_end > class->first)
		return am_fail(error, "ODM_READONLY",
			"odm: %s: offset 0x%zx: the class keeps its names among or behind its "
			"records, where a change would overwrite them; the class is not changed",
			class->path, class->frame_end);
	return 0;
}

/* --- changing --- */

/* Zeros up to `length` and on to the next page. */
static int extend(struct am_buf *buf, size_t length, struct am_error *error)
{
	size_t want = (length + PAGE - 1) / PAGE * PAGE;

	if (want <= buf->length)
		return 0;
	if (am_buf_reserve(buf, want - buf->length, error) != 0)
		return -1;
	memset(buf->data + buf->length, 0, want + 1 - buf->length);
	buf->length = want;
	return 0;
}

/* The frame of a string file, with the empty string in it. */
static int start_strings(struct am_odm_class *class, struct am_error *error)
{
	size_t length = strlen(class->name) + 3;
	uint32_t base = STRINGS_HEADER + 4 * (uint32_t)((length + 1) / 4) + 4;

	if (class->strings.length == 0) {
		if (extend(&class->strings, base + 4, error) != 0)
			return -1;
		put32(class->strings.data, STRINGS_MAGIC);
		put32(class->strings.data + STRINGS_AT_NAME, STRINGS_HEADER);
		put32(class->strings.data + STRINGS_AT_DATA, base);
		memcpy(class->strings.data + STRINGS_HEADER, class->name, length - 3);
		memcpy(class->strings.data + STRINGS_HEADER + length - 3, ".vc", 3);
		class->base = base;
	}
	if (class->used == 0) {
		if (extend(&class->strings, class->base + 4, error) != 0)
			return -1;
		memset(class->strings.data + class->base, 0, 4);
		class->used = 4;
		put32(class->strings.data + STRINGS_AT_USED, class->used);
	}
	return 0;
}

static int same_text(const struct am_odm_value *a, const struct am_odm_value *b)
{
	return a->length == b->length &&
	       (a->length == 0 || memcmp(a->text, b->text, a->length) == 0);
}

#define NEW_SLOT SIZE_MAX /* an object that is not in the class yet */

/*
 * Whether the field has this value already, so that its bytes stay: those behind the end of a
 * string, and the reference to one. Bytes of a number are the same when it is the same.
 */
static int is_there(const struct am_odm_class *class, size_t slot, size_t index,
	const struct am_odm_value *value)
{
	struct am_odm_value old = {AM_ODM_NONE, NULL, 0, 0, 0};

	if (slot == NEW_SLOT || value->kind != AM_ODM_TEXT)
		return 0;
	am_odm_class_get(class, slot, index, &old);
	return old.kind == AM_ODM_TEXT && same_text(&old, value);
}

/* Room for the strings of `values` that go into the string file, so that nothing fails later. */
static int reserve_strings(struct am_odm_class *class, size_t slot,
	const struct am_odm_value *values, struct am_error *error)
{
	uint64_t more = 0;

	for (size_t i = 0; i < class->count; i++) {
		if (has_reference(&class->descriptors[i]) && values[i].length > 0 &&
			!is_there(class, slot, i, &values[i]))
			more += values[i].length + 1;
	}
	if (more == 0)
		return 0;
	if (start_strings(class, error) != 0)
		return -1;
	if (class->base + (uint64_t) class->used + more > INT32_MAX)
		return am_fail(error, "ODM_RANGE", "odm: %s.vc: full", class->path);
	return extend(&class->strings, class->base + class->used + (size_t)more, error);
}

/* Appends to the reserved room; the reference. */
static uint32_t append_string(struct am_odm_class *class, const struct am_odm_value *value)
{
	uint32_t reference = class->used;
	char *at = class->strings.data + class->base + reference;

	if (value->length == 0)
		return 0;
	memcpy(at, value->text, value->length);
	at[value->length] = '\0';
	class->used += (uint32_t)value->length + 1;
	put32(class->strings.data + STRINGS_AT_USED, class->used);
	return reference;
}

/* A value that is there already needs no shape: it may fill its room without a NUL. */
static int convert_values(const struct am_odm_class *class, size_t slot,
	struct am_odm_value *values, struct am_error *error)
{
	for (size_t i = 0; i < class->count; i++) {
		if (values[i].kind == AM_ODM_NONE || is_there(class, slot, i, &values[i]))
			continue;
		if (am_odm_convert(&class->descriptors[i], &values[i], error) != 0) {
			am_error_prefix(error, "odm: class %s", class->name);
			return -1;
		}
	}
	return 0;
}

/* Writes the values that are not NONE into the record at `to`, which is that of `slot`. */
static void put_values(
	struct am_odm_class *class, size_t slot, char *to, const struct am_odm_value *values)
{
	for (size_t i = 0; i < class->count; i++) {
		const struct am_odm_descriptor *d = &class->descriptors[i];
		uint32_t reference = 0;

		if (values[i].kind == AM_ODM_NONE || is_there(class, slot, i, &values[i]))
			continue;
		if (has_reference(d))
			reference = append_string(class, &values[i]);
		encode(to, d, &values[i], reference);
	}
}

int am_odm_class_add(
	struct am_odm_class *class, struct am_odm_value *values, struct am_error *error)
{
	size_t slot = class->slots;
	uint64_t end = class->first + ((uint64_t)slot + 1) * class->record_size;

	if (am_odm_class_writable(class, error) != 0 ||
		convert_values(class, NEW_SLOT, values, error) != 0)
		return -1;
	if (end > INT32_MAX)
		return am_fail(error, "ODM_RANGE", "odm: %s: full", class->path);
	if (extend(&class->data, (size_t)end, error) != 0 ||
		reserve_strings(class, NEW_SLOT, values, error) != 0)
		return -1;
	memset(record(class, slot), 0, class->record_size);
	put32(record(class, slot), (uint32_t)slot);
	class->slots++;
	put32(class->data.data + AT_NDATA, class->slots);
	put_values(class, NEW_SLOT, record(class, slot), values);
	return 0;
}

int am_odm_class_change(struct am_odm_class *class, size_t slot, struct am_odm_value *values,
	struct am_error *error)
{
	if (am_odm_class_writable(class, error) != 0 ||
		convert_values(class, slot, values, error) != 0 ||
		reserve_strings(class, slot, values, error) != 0)
		return -1;
	put_values(class, slot, record(class, slot), values);
	return 0;
}

int am_odm_class_delete(struct am_odm_class *class, size_t slot, struct am_error *error)
{
	if (am_odm_class_writable(class, error) != 0)
		return -1;
	put32(record(class, slot), UINT32_MAX);
	return 0;
}

void am_odm_class_images(
	const struct am_odm_class *class, const struct am_buf **data, const struct am_buf **strings)
{
	*data = &class->data;
	*strings = class->strings.data != NULL ? &class->strings : NULL;
}

/* --- making a class --- */

static uint32_t alignment(enum am_odm_type type)
{
	switch (type) {
	case AM_ODM_SHORT:
		return 2;
	case AM_ODM_LONG:
	case AM_ODM_ULONG:
	case AM_ODM_VCHAR:
	case AM_ODM_LINK:
	case AM_ODM_DOUBLE: /* inside of structures AIX aligns it to a word */
		return 4;
	case AM_ODM_INT64:
	case AM_ODM_UINT64:
		return 8;
	default:
		return 1;
	}
}

static uint32_t align(uint32_t offset, uint32_t to)
{
	return (offset + to - 1) / to * to;
}

static uint32_t declared_size(const struct am_odm_definition *d)
{
	enum am_odm_kind kind = am_odm_kind_of(d->type);

	return kind == AM_ODM_TEXT ? d->size : memory_width(d->type, 0);
}

/* Appends a name and puts its offset where it belongs. */
static int add_name(struct am_odm_class *class, size_t at, const char *name, struct am_error *error)
{
	put32(class->data.data + at, (uint32_t) class->data.length);
	return am_buf_add(&class->data, name, strlen(name) + 1, error);
}

static int check_definition(
	const struct am_odm_class *class, const struct am_odm_definition *d, struct am_error *error)
{
	int is_link = d->type == AM_ODM_LINK;
	uint32_t width = memory_width(d->type, d->size);

	if (!am_odm_identifier(d->name, strlen(d->name)))
		return am_fail(error, "ODM_DESCRIPTOR", "odm: %s: bad name of a descriptor: %.64s",
			class->path, d->name);
	if (width == 0 || width > STRUCT_SIZE_MAX / 16 ||
		(is_link && (d->link_class == NULL || d->link_key == NULL)))
		return am_fail(error, "ODM_DESCRIPTOR", "odm: %s: descriptor %s: impossible",
			class->path, d->name);
	return 0;
}

static int build_descriptor(struct am_odm_class *class, size_t index,
	const struct am_odm_definition *d, uint32_t *offset, struct am_error *error)
{
	size_t at = HEADER_SIZE + index * DESCRIPTOR_SIZE;
	char *p;

	if (check_definition(class, d, error) != 0 ||
		add_name(class, at + DESCRIPTOR_NAME, d->name, error) != 0)
		return -1;
	if (d->type == AM_ODM_LINK &&
		(add_name(class, at + DESCRIPTOR_KEY, d->link_key, error) != 0 ||
			add_name(class, at + DESCRIPTOR_LINK, d->link_class, error) != 0))
		return -1;
	*offset = align(*offset, alignment(d->type));
	p = class->data.data + at;
	put32(p + DESCRIPTOR_TYPE, d->type);
	put32(p + DESCRIPTOR_OFFSET, *offset);
	put32(p + DESCRIPTOR_ROOM, declared_size(d));
	put32(p + DESCRIPTOR_ORDINAL, (uint32_t)index);
	put32(p + DESCRIPTOR_EXTERNAL, is_text(d->type) && d->size >= EXTERNAL_MINIMUM);
	*offset += memory_width(d->type, d->size);
	if (*offset > STRUCT_SIZE_MAX)
		return am_fail(error, "ODM_DESCRIPTOR", "odm: %s: records too large", class->path);
	return 0;
}

static int build(struct am_odm_class *class, const char *name,
	const struct am_odm_definition *definitions, size_t count, struct am_error *error)
{
	uint32_t offset = RECORD_HEAD, widest = 4;
	size_t table = count * DESCRIPTOR_SIZE;

	if (!am_odm_identifier(name, strlen(name)) || count == 0 || count > DESCRIPTORS_MAX)
		return am_fail(error, "ODM_DESCRIPTOR", "odm: %s: bad name or no descriptors",
			class->path);
	if (am_buf_reserve(&class->data, HEADER_SIZE + table, error) != 0)
		return -1;
	memset(class->data.data, 0, HEADER_SIZE + table + 1);
	class->data.length = HEADER_SIZE + table;
	if (add_name(class, AT_NAME, name, error) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (build_descriptor(class, i, &definitions[i], &offset, error) != 0)
			return -1;
		if (alignment(definitions[i].type) > widest)
			widest = alignment(definitions[i].type);
	}
	put32(class->data.data + AT_MAGIC, CLASS_MAGIC);
	put32(class->data.data + AT_BEGIN, CLASS_MAGIC);
	put32(class->data.data + AT_STRUCT_SIZE, align(offset, widest));
	put32(class->data.data + AT_NELEM, (uint32_t)count);
	put32(class->data.data + AT_ELEM, HEADER_SIZE);
	put32(class->data.data + AT_DATA, (uint32_t)(class->data.length / 4 * 4 + 4));
	put32(class->data.data + AT_END, END_MAGIC);
	return extend(&class->data, class->data.length / 4 * 4 + 4, error);
}

static int uses_strings(const struct am_odm_class *class)
{
	for (size_t i = 0; i < class->count; i++) {
		if (has_reference(&class->descriptors[i]))
			return 1;
	}
	return 0;
}

struct am_odm_class *am_odm_class_create(const char *path, const char *name,
	const struct am_odm_definition *definitions, size_t count, struct am_error *error)
{
	struct am_odm_class *class = new_class(path, error);

	if (class == NULL)
		return NULL;
	if (build(class, name, definitions, count, error) != 0 || parse_header(class, error) != 0 ||
		(uses_strings(class) && start_strings(class, error) != 0)) {
		am_odm_class_free(class);
		return NULL;
	}
	return class;
}
