/* SPDX-License-Identifier: MIT */
#include "config/record.h"

#include "base/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LIMIT ((size_t)1 << 30)

int am_records_syntax(
	struct am_error *error, const struct am_records *file, size_t line, const char *reason)
{
	return am_fail(error, "CONFIG_SYNTAX", "parse: %s: line %zu: %s", file->name, line, reason);
}

int am_records_init(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	size_t line = 1;

	memset(file, 0, sizeof *file);
	file->name = name;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			return am_records_syntax(error, file, line, "NUL byte in a text file");
		line += text[i] == '\n';
	}
	if (length > TEXT_LIMIT)
		return am_fail(error, "CONFIG_SYNTAX", "parse: %s: larger than 1 GiB", name);
	file->text = malloc(length + 1);
	if (file->text == NULL)
		return am_fail_errno(error, ENOMEM, "parse: %s", name);
	if (length > 0)
		memcpy(file->text, text, length);
	file->text[length] = '\0';
	file->length = length;
	return 0;
}

/* Room for one more of `size` bytes in an array; the array, or NULL. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t more;

	if (count < *capacity)
		return array;
	more = *capacity == 0 ? 64 : *capacity * 2;
	if (more > SIZE_MAX / size)
		return NULL;
	array = realloc(array, more * size);
	if (array != NULL)
		*capacity = more;
	return array;
}

struct am_record *am_records_add(struct am_records *file, struct am_error *error)
{
	struct am_record *all =
		grow(file->records, file->count, &file->capacity, sizeof *file->records);
	struct am_record *record;

	if (all == NULL) {
		am_fail_errno(error, ENOMEM, "parse: %s", file->name);
		return NULL;
	}
	file->records = all;
	record = &all[file->count++];
	memset(record, 0, sizeof *record);
	record->first_field = file->field_count;
	record->next_same = AM_NO_RECORD;
	return record;
}

struct am_field *am_records_add_field(struct am_records *file, struct am_error *error)
{
	struct am_field *all =
		grow(file->fields, file->field_count, &file->field_capacity, sizeof *file->fields);
	struct am_field *field;

	if (all == NULL) {
		am_fail_errno(error, ENOMEM, "parse: %s", file->name);
		return NULL;
	}
	file->fields = all;
	field = &all[file->field_count++];
	memset(field, 0, sizeof *field);
	file->records[file->count - 1].field_count++;
	return field;
}

void am_records_note(struct am_records *file, size_t line, const char *format, ...)
{
	struct am_note *notes;
	va_list ap;

	if (file->note_count >= AM_RECORDS_NOTES)
		return;
	if ((file->note_count & (file->note_count - 1)) == 0) { /* full at every power of two */
		size_t room = file->note_count == 0 ? 1 : file->note_count * 2;

		notes = realloc(file->notes, room * sizeof *notes);
		if (notes == NULL)
			return; /* a note less; nothing depends on it */
		file->notes = notes;
	}
	va_start(ap, format);
	file->notes[file->note_count].line = line;
	vsnprintf(file->notes[file->note_count].text, sizeof file->notes->text, format, ap);
	va_end(ap);
	file->note_count++;
}

static size_t hash(struct am_slice key)
{
	return (size_t)am_hash(key.at, key.length);
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t *find_slot(struct am_records *file, struct am_slice key)
{
	size_t mask = file->slot_count - 1;
	size_t i = hash(key) & mask;

	for (;; i = (i + 1) & mask) {
		file->steps++;
		if (file->slots[i] == 0 ||
			am_slice_equal(file->records[file->slots[i] - 1].key, key))
			return &file->slots[i];
	}
}

/* Live records win over disabled ones of the same key: a comment is no record if one stands. */
static void link_record(struct am_records *file, size_t i, size_t *last)
{
	struct am_record *record = &file->records[i];
	size_t *slot = find_slot(file, record->key);
	struct am_record *first;
	struct am_slice shown;

	last[i] = i;
	if (*slot == 0) {
		*slot = i + 1;
		return;
	}
	first = &file->records[*slot - 1];
	if (record->kind == AM_RECORD_DISABLED)
		return;
	if (first->kind == AM_RECORD_DISABLED) {
		*slot = i + 1;
		return;
	}
	record->is_repeat = 1;
	file->records[last[*slot - 1]].next_same = i;
	last[*slot - 1] = i;
	shown = am_records_shown_key(record->key);
	am_records_note(file, record->line, "%.*s: given again (first at line %zu)",
		(int)(shown.length > 60 ? 60 : shown.length), shown.at, first->line);
}

int am_records_index(struct am_records *file, struct am_error *error)
{
	size_t slots = 16;
	size_t *last;

	while (slots < file->count * 2)
		slots *= 2;
	file->slots = calloc(slots, sizeof *file->slots);
	last = malloc((file->count + 1) * sizeof *last);
	if (file->slots == NULL || last == NULL) {
		free(last);
		return am_fail_errno(error, ENOMEM, "parse: %s", file->name);
	}
	file->slot_count = slots;
	for (size_t i = 0; i < file->count; i++)
		if (file->records[i].kind != AM_RECORD_RAW)
			link_record(file, i, last);
	free(last);
	return 0;
}

struct am_record *am_records_find(struct am_records *file, struct am_slice key)
{
	size_t slot = *find_slot(file, key);

	return slot == 0 ? NULL : &file->records[slot - 1];
}

/* Adds the fields of one stanza to the list; names before `others` came from earlier stanzas. */
static void add_fields(const struct am_records *file, const struct am_record *record,
	const struct am_field **list, size_t *count)
{
	size_t others = *count, at;

	for (size_t i = 0; i < record->field_count; i++) {
		const struct am_field *field = &file->fields[record->first_field + i];

		for (at = 0; at < *count; at++)
			if (am_slice_equal(list[at]->name, field->name))
				break;
		if (at == *count)
			list[(*count)++] = field;
		else if (at >= others)
			list[at] = field;
	}
}

int am_record_fields(const struct am_records *file, const struct am_record *record,
	const struct am_field ***list, size_t *count, struct am_error *error)
{
	size_t room = 0, next;
	const struct am_record *part = record;

	for (;;) {
		room += part->field_count;
		next = part->next_same;
		if (next == AM_NO_RECORD || file->line_oriented)
			break;
		part = &file->records[next];
	}
	*count = 0;
	if (room > AM_RECORDS_FIELDS)
		return am_records_syntax(error, file, record->line, "too many attributes");
	*list = malloc((room + 1) * sizeof **list);
	if (*list == NULL)
		return am_fail_errno(error, ENOMEM, "merge: %s", file->name);
	for (part = record;; part = &file->records[next]) {
		add_fields(file, part, *list, count);
		next = part->next_same;
		if (next == AM_NO_RECORD || file->line_oriented)
			break;
	}
	return 0;
}

static int put(struct am_buf *out, struct am_slice slice, struct am_error *error)
{
	return am_buf_add(out, slice.at, slice.length, error);
}

int am_records_write(const struct am_records *file, struct am_buf *out, struct am_error *error)
{
	if (put(out, file->header, error) != 0)
		return -1;
	for (size_t i = 0; i < file->count; i++) {
		const struct am_record *record = &file->records[i];

		if (put(out, record->lead, error) != 0 || put(out, record->text, error) != 0)
			return -1;
		for (size_t k = 0; k < record->field_count && !file->line_oriented; k++) {
			const struct am_field *field = &file->fields[record->first_field + k];

			if (put(out, field->lead, error) != 0 || put(out, field->text, error) != 0)
				return -1;
		}
	}
	return put(out, file->trailer, error);
}

void am_records_free(struct am_records *file)
{
	free(file->text);
	free(file->records);
	free(file->fields);
	free(file->notes);
	free(file->keys);
	free(file->slots);
	memset(file, 0, sizeof *file);
}

struct am_slice am_records_line(const struct am_records *file, size_t at)
{
	const char *start = file->text + at;
	const char *end = memchr(start, '\n', file->length - at);
	struct am_slice line = {start, end == NULL ? file->length - at : (size_t)(end - start) + 1};

	return line;
}

struct am_slice am_line_content(struct am_slice line)
{
	if (line.length > 0 && line.at[line.length - 1] == '\n')
		line.length--;
	if (line.length > 0 && line.at[line.length - 1] == '\r')
		line.length--;
	return line;
}

size_t am_records_take_header(struct am_records *file, size_t end)
{
	size_t at = 0;
	int seen = 0;

	while (at < end) {
		struct am_slice line = am_records_line(file, at);
		int blank = am_slice_trim(line).length == 0;

		at += line.length;
		if (blank && seen)
			break;
		seen |= !blank;
		if (at >= end && !blank && end < file->length)
			return 0; /* no blank line before the first record: its own comment */
	}
	if (!seen)
		return 0;
	file->header.at = file->text;
	file->header.length = at;
	return at;
}

/* No key is longer than its line and its separators. */
int am_records_room_for_keys(struct am_records *file, struct am_error *error)
{
	size_t lines = 1;

	for (size_t i = 0; i < file->length; i++)
		lines += file->text[i] == '\n';
	file->keys_capacity = file->length + lines * AM_COLUMNS_MAX;
	file->keys = malloc(file->keys_capacity);
	if (file->keys == NULL)
		return am_fail_errno(error, ENOMEM, "parse: %s", file->name);
	return 0;
}

struct am_slice am_records_compose_key(struct am_records *file, const struct am_columns *columns,
	const struct am_slice *fields, size_t count)
{
	struct am_slice key = {file->keys + file->keys_length, 0};

	for (size_t i = 0; i < columns->key_count; i++) {
		size_t column = columns->key[i];
		struct am_slice part = {"", 0};

		if (column < count)
			part = fields[column];
		if (columns->dash_is_absent && part.length == 1 && part.at[0] == '-')
			part.length = 0;
		if (i == 0 && columns->first_bytes != 0 && part.length > columns->first_bytes)
			part.length = columns->first_bytes;
		if (i > 0)
			file->keys[file->keys_length++] = '\t';
		if (part.length > 0)
			memcpy(file->keys + file->keys_length, part.at, part.length);
		file->keys_length += part.length;
	}
	key.length = (size_t)(file->keys + file->keys_length - key.at);
	return key;
}

/* What no key of a line can begin with. */
#define LINE_KEY '\n'

struct am_slice am_records_line_key(struct am_records *file, struct am_slice content)
{
	struct am_slice key = {file->keys + file->keys_length, content.length + 1};

	file->keys[file->keys_length] = LINE_KEY;
	memcpy(file->keys + file->keys_length + 1, content.at, content.length);
	file->keys_length += key.length;
	return key;
}

struct am_slice am_records_shown_key(struct am_slice key)
{
	if (key.length > 0 && key.at[0] == LINE_KEY)
		return (struct am_slice){key.at + 1, key.length - 1};
	return key;
}

/* --- files of lines --- */

int am_records_parse_lines(struct am_line_parser *parser,
	int (*parse)(struct am_line_parser *parser, struct am_slice line, struct am_error *error),
	const char *name, const char *text, size_t length, struct am_error *error)
{
	struct am_records *file = parser->file;

	parser->at = parser->pending = 0;
	parser->line = 1;
	if (am_records_init(file, name, text, length, error) != 0)
		return -1;
	file->line_oriented = 1;
	if (parser->comments && am_records_room_for_keys(file, error) != 0)
		return -1;
	while (parser->at < file->length) {
		struct am_slice line = am_records_line(file, parser->at);

		if (parse(parser, line, error) != 0)
			return -1;
		parser->at += line.length;
		parser->line++;
	}
	if (file->count == 0 && parser->comments)
		parser->pending = am_records_take_header(file, file->length);
	file->trailer.at = file->text + parser->pending;
	file->trailer.length = file->length - parser->pending;
	return am_records_index(file, error);
}

struct am_record *am_records_add_line(struct am_line_parser *parser, enum am_record_kind kind,
	struct am_slice line, struct am_error *error)
{
	struct am_record *record = am_records_add(parser->file, error);

	if (record == NULL)
		return NULL;
	if (parser->file->count == 1 && parser->comments)
		parser->pending = am_records_take_header(parser->file, parser->at);
	record->kind = kind;
	record->lead.at = parser->file->text + parser->pending;
	record->lead.length = parser->at - parser->pending;
	record->text = line;
	record->line = parser->line;
	parser->pending = parser->at + line.length;
	return record;
}

int am_records_add_column(
	struct am_line_parser *parser, size_t i, struct am_slice value, struct am_error *error)
{
	struct am_field *field = am_records_add_field(parser->file, error);

	if (field == NULL)
		return -1;
	field->name = am_slice_of(parser->columns->names[i]);
	field->value = field->text = value;
	field->line = parser->line;
	return 0;
}
