/* SPDX-License-Identifier: MIT */
#include "config/stanza.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct am_records *file;
	size_t at, line;
	size_t pending; /* where the comments and blank lines begin that wait for an owner */
	int in_stanza;
};

static struct am_slice between(const struct am_records *file, size_t from, size_t to)
{
	struct am_slice slice = {file->text + from, to - from};

	return slice;
}

/* The first column belongs to names, so a comment sign there or after blanks is a comment. */
static int is_comment(struct am_slice content)
{
	struct am_slice trimmed = am_slice_trim(content);

	return trimmed.length > 0 && (trimmed.at[0] == '*' || trimmed.at[0] == '#');
}

/* "NAME:" in column one, before any "=". */
static int is_header(struct am_slice content)
{
	const char *colon = memchr(content.at, ':', content.length);
	const char *equals = memchr(content.at, '=', content.length);

	return content.at[0] != ' ' && content.at[0] != '\t' && colon != NULL &&
	       (equals == NULL || colon < equals);
}

static int parse_header(struct parser *p, struct am_slice line, struct am_error *error)
{
	struct am_slice content = am_line_content(line);
	const char *colon = memchr(content.at, ':', content.length);
	size_t length = (size_t)(colon - content.at);
	struct am_slice rest = {colon + 1, content.length - length - 1};
	struct am_record *record;

	if (length == 0)
		return am_records_syntax(error, p->file, p->line, "stanza without a name");
	for (size_t i = 0; i < length; i++)
		if (content.at[i] == ' ' || content.at[i] == '\t')
			return am_records_syntax(error, p->file, p->line, "blank in a stanza name");
	if (am_slice_trim(rest).length != 0)
		return am_records_syntax(error, p->file, p->line, "text after the stanza name");
	if (p->file->count == 0)
		p->pending = am_records_take_header(p->file, p->at);
	record = am_records_add(p->file, error);
	if (record == NULL)
		return -1;
	record->key.at = content.at;
	record->key.length = length;
	record->lead = between(p->file, p->pending, p->at);
	record->text = line;
	record->line = p->line;
	p->at += line.length;
	p->line++;
	p->pending = p->at;
	p->in_stanza = 1;
	return 0;
}

/*
 * The end of a quoted value that begins at `start`: behind its closing quote, or 0 when there is
 * none. Counts the lines it spans.
 */
static size_t quoted_end(const struct am_records *file, size_t start, size_t *lines)
{
	for (size_t i = start + 1; i < file->length; i++) {
		if (file->text[i] == '\\' && i + 1 < file->length)
			i++;
		else if (file->text[i] == '"')
			return i + 1;
		if (file->text[i] == '\n')
			++*lines;
	}
	return 0;
}

/* The bytes of an attribute from its line start on; sets value and the lines it takes. */
static int attribute_extent(struct parser *p, size_t equals, struct am_slice *text,
	struct am_slice *value, size_t *lines, struct am_error *error)
{
	struct am_slice line = am_records_line(p->file, p->at);
	size_t end = p->at + line.length, start = equals + 1;

	*lines = 0;
	while (start < end && (p->file->text[start] == ' ' || p->file->text[start] == '\t'))
		start++;
	if (start < end && p->file->text[start] == '"') {
		size_t close = quoted_end(p->file, start, lines);
		struct am_slice rest;

		if (close == 0)
			return am_records_syntax(
				error, p->file, p->line, "quote that is never closed");
		rest = am_records_line(p->file, close);
		if (*lines > 0 && am_slice_trim(rest).length != 0)
			return am_records_syntax(error, p->file, p->line,
				"text after a quoted value that spans lines");
		end = close + rest.length;
	}
	++*lines;
	*text = between(p->file, p->at, end);
	*value = between(p->file, start, end);
	while (value->length > 0 && strchr(" \t\r\n\f\v", value->at[value->length - 1]) != NULL)
		value->length--; /* an empty value stays on its line */
	return 0;
}

static int parse_attribute(struct parser *p, struct am_slice line, struct am_error *error)
{
	const char *sign = memchr(line.at, '=', line.length);
	struct am_slice name, text, value;
	struct am_record *record;
	struct am_field *field;
	size_t lines;

	if (sign == NULL)
		return am_records_syntax(error, p->file, p->line,
			"neither a comment, a stanza name nor an attribute");
	if (!p->in_stanza)
		return am_records_syntax(error, p->file, p->line, "attribute before any stanza");
	name.at = line.at;
	name.length = (size_t)(sign - line.at);
	name = am_slice_trim(name);
	if (name.length == 0)
		return am_records_syntax(error, p->file, p->line, "attribute without a name");
	if (attribute_extent(p, (size_t)(sign - p->file->text), &text, &value, &lines, error) != 0)
		return -1;
	record = &p->file->records[p->file->count - 1];
	if (record->field_count >= AM_RECORDS_FIELDS)
		return am_records_syntax(
			error, p->file, p->line, "too many attributes in one stanza");
	field = am_records_add_field(p->file, error);
	if (field == NULL)
		return -1;
	field->name = name;
	field->value = value;
	field->lead = between(p->file, p->pending, p->at);
	field->text = text;
	field->line = p->line;
	p->at += text.length;
	p->line += lines;
	p->pending = p->at;
	return 0;
}

static int parse_line(struct parser *p, struct am_error *error)
{
	struct am_slice line = am_records_line(p->file, p->at);
	struct am_slice content = am_line_content(line);

	if (am_slice_trim(content).length == 0 || is_comment(content)) {
		p->at += line.length;
		p->line++;
		return 0;
	}
	if (is_header(content))
		return parse_header(p, line, error);
	return parse_attribute(p, line, error);
}

/* Says which attributes are given twice within one stanza. */
static void note_repeats(struct am_records *file, const struct am_record *record)
{
	const struct am_field *fields;

	if (record->field_count == 0) /* there may be no array of fields at all */
		return;
	fields = &file->fields[record->first_field];
	for (size_t i = 1; i < record->field_count; i++)
		for (size_t k = 0; k < i; k++)
			if (am_slice_equal(fields[i].name, fields[k].name)) {
				am_records_note(file, fields[i].line,
					"%.*s: attribute given again, the last value counts",
					(int)(fields[i].name.length > 40 ? 40
									 : fields[i].name.length),
					fields[i].name.at);
				break;
			}
}

static int parse(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	struct parser p = {.file = file, .line = 1};

	if (am_records_init(file, name, text, length, error) != 0)
		return -1;
	while (p.at < file->length)
		if (parse_line(&p, error) != 0)
			return -1;
	if (file->count == 0)
		p.pending = am_records_take_header(file, file->length);
	file->trailer = between(file, p.pending, file->length);
	for (size_t i = 0; i < file->count; i++)
		note_repeats(file, &file->records[i]);
	return 0;
}

int am_stanza_parse(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return parse(file, name, text, length, error) != 0 ? -1 : am_records_index(file, error);
}

static int compare_names(const void *a, const void *b)
{
	return am_slice_compare(*(const struct am_slice *)a, *(const struct am_slice *)b);
}

/* Writes the names of a comma list in order to `to`; `parts` has room for all of them. */
static void sort_key(struct am_slice *key, struct am_slice *parts, char *to)
{
	size_t count = 0, start = 0, length = 0;

	for (size_t i = 0; i <= key->length; i++) {
		if (i < key->length && key->at[i] != ',')
			continue;
		parts[count].at = key->at + start;
		parts[count++].length = i - start;
		start = i + 1;
	}
	qsort(parts, count, sizeof *parts, compare_names);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			to[length++] = ',';
		memcpy(to + length, parts[i].at, parts[i].length);
		length += parts[i].length;
	}
	key->at = to;
}

int am_stanza_parse_sets(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	size_t total = 0, longest = 0;
	struct am_slice *parts;

	if (parse(file, name, text, length, error) != 0)
		return -1;
	for (size_t i = 0; i < file->count; i++) {
		total += file->records[i].key.length;
		if (file->records[i].key.length > longest)
			longest = file->records[i].key.length;
	}
	file->keys = malloc(total + 1);
	parts = malloc((longest + 1) * sizeof *parts);
	if (file->keys == NULL || parts == NULL) {
		free(parts);
		return am_fail_errno(error, ENOMEM, "parse: %s", name);
	}
	for (size_t i = 0; i < file->count; i++) {
		sort_key(&file->records[i].key, parts, file->keys + file->keys_length);
		file->keys_length += file->records[i].key.length;
	}
	free(parts);
	return am_records_index(file, error);
}
