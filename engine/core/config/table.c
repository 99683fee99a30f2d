/* SPDX-License-Identifier: MIT */
#include "config/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct am_line_parser lines; /* first: the parser of lines is this one */
	int (*is_record)(const struct am_slice *fields, size_t count);
	size_t setting; /* the record of the setting so far, or AM_NO_RECORD */
};

/* Splits at blanks up to "#": the number of fields, AM_COLUMNS_MAX + 1 when there are more. */
static size_t split(struct am_slice content, struct am_slice *fields)
{
	const char *at = content.at, *end = content.at + content.length;
	size_t count = 0;

	for (;;) {
		while (at < end && (*at == ' ' || *at == '\t' || *at == '\f' || *at == '\v'))
			at++;
		if (at == end || *at == '#')
			return count;
		if (count == AM_COLUMNS_MAX)
			return AM_COLUMNS_MAX + 1;
		fields[count].at = at;
		while (at < end && *at != ' ' && *at != '\t' && *at != '\f' && *at != '\v' &&
			*at != '#')
			at++;
		fields[count].length = (size_t)(at - fields[count].at);
		count++;
	}
}

static int fits(const struct parser *p, const struct am_slice *fields, size_t count)
{
	const struct am_columns *columns = p->lines.columns;

	return count >= columns->least && count <= columns->count &&
	       (p->is_record == NULL || p->is_record(fields, count));
}

static int add_record(struct am_line_parser *p, enum am_record_kind kind, struct am_slice line,
	const struct am_slice *fields, size_t count, struct am_error *error)
{
	struct am_record *record = am_records_add_line(p, kind, line, error);

	if (record == NULL)
		return -1;
	record->key = am_records_compose_key(p->file, p->columns, fields, count);
	for (size_t i = 0; i < count; i++)
		if (am_records_add_column(p, i, fields[i], error) != 0)
			return -1;
	return 0;
}

/* The word of the setting and its value; 0 when the control line is another one. */
static int is_setting(const struct am_columns *columns, struct am_slice content,
	struct am_slice *word, struct am_slice *value)
{
	size_t length = columns->setting != NULL ? strlen(columns->setting) : 0;

	if (length == 0 || content.length < length ||
		memcmp(content.at, columns->setting, length) != 0 ||
		(content.length > length && strchr(" \t\f\v", content.at[length]) == NULL))
		return 0;
	*word = (struct am_slice){content.at, length};
	*value = am_slice_trim((struct am_slice){content.at + length, content.length - length});
	return 1;
}

/* The last setting counts: one before it is no more than a line that nobody keeps. */
static int add_setting(struct parser *p, struct am_slice line, struct am_slice word,
	struct am_slice value, struct am_error *error)
{
	struct am_records *file = p->lines.file;
	struct am_record *record = am_records_add_line(&p->lines, AM_RECORD_LIVE, line, error),
			 *before;
	struct am_field *field;

	if (record == NULL)
		return -1;
	record->key = word;
	field = am_records_add_field(file, error);
	if (field == NULL)
		return -1;
	field->name = am_slice_of("value");
	field->value = field->text = value;
	field->line = p->lines.line;
	if (p->setting != AM_NO_RECORD) {
		before = &file->records[p->setting];
		before->kind = AM_RECORD_RAW;
		before->is_repeat = 1;
		am_records_note(file, before->line, "%s: given again (line %zu counts)",
			p->lines.columns->setting, p->lines.line);
	}
	p->setting = file->count - 1;
	return 0;
}

static int add_control(struct parser *p, struct am_slice line, struct am_error *error)
{
	struct am_slice content = am_slice_trim(line), word, value;
	struct am_record *record;

	if (is_setting(p->lines.columns, content, &word, &value))
		return add_setting(p, line, word, value, error);
	record = am_records_add_line(&p->lines, AM_RECORD_LINE, line, error);
	if (record == NULL)
		return -1;
	record->key = am_records_line_key(p->lines.file, content);
	return 0;
}

static int is_control(const struct am_columns *columns, struct am_slice content)
{
	return columns->control != 0 && content.length > 0 && content.at[0] == columns->control;
}

static int parse_line(struct am_line_parser *p, struct am_slice line, struct am_error *error)
{
	struct parser *parser = (struct parser *)p;
	struct am_slice content = am_slice_trim(line), fields[AM_COLUMNS_MAX];
	size_t count;

	if (content.length == 0)
		return 0;
	if (is_control(p->columns, content))
		return add_control(parser, line, error);
	if (content.at[0] == '#') {
		while (content.length > 0 && content.at[0] == '#') {
			content.at++;
			content.length--;
		}
		count = split(content, fields);
		if (fits(parser, fields, count) && !is_control(p->columns, fields[0]))
			return add_record(p, AM_RECORD_DISABLED, line, fields, count, error);
		return 0;
	}
	count = split(content, fields);
	if (count < p->columns->least)
		return am_records_syntax(error, p->file, p->line, "too few fields");
	if (count > p->columns->count)
		return am_records_syntax(error, p->file, p->line, "too many fields");
	return add_record(p, AM_RECORD_LIVE, line, fields, count, error);
}

int am_table_parse(struct am_records *file, const struct am_columns *columns,
	int (*is_record)(const struct am_slice *fields, size_t count), const char *name,
	const char *text, size_t length, struct am_error *error)
{
	struct parser p = {
		{.file = file, .columns = columns, .comments = 1}, is_record, AM_NO_RECORD};

	return am_records_parse_lines(&p.lines, parse_line, name, text, length, error);
}

int am_table_parse_columns(struct am_records *file, const struct am_columns *columns,
	const char *name, const char *text, size_t length, struct am_error *error)
{
	return am_table_parse(file, columns, NULL, name, text, length, error);
}

static int is_vfs(const struct am_slice *fields, size_t count)
{
	for (size_t i = 0; i < fields[1].length; i++)
		if (fields[1].at[i] < '0' || fields[1].at[i] > '9')
			return 0;
	return count > 1;
}

int am_table_parse_vfs(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	static const char *const names[] = {"name", "type", "mount_helper", "fs_helper", "remote"};
	static const size_t key[] = {0};
	static const struct am_columns columns = {.names = names,
		.count = 5,
		.least = 3,
		.key = key,
		.key_count = 1,
		.control = '%',
		.setting = "%defaultvfs"};

	return am_table_parse(file, &columns, is_vfs, name, text, length, error);
}

/* "d" or "m" and its flags: what a word of a sentence seldom looks like. */
static int is_pse(const struct am_slice *fields, size_t count)
{
	(void)count;
	if (fields[0].at[0] != 'd' && fields[0].at[0] != 'm')
		return 0;
	for (size_t i = 1; i < fields[0].length; i++)
		if (fields[0].at[i] != 's' && fields[0].at[i] != '+')
			return 0;
	return 1;
}

int am_table_parse_pse(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	static const char *const names[] = {"attributes", "filename", "argument", "node", "minor1",
		"minor2", "minor3", "minor4", "minor5", "minor6", "minor7", "minor8"};
	static const size_t key[] = {0, 1, 2, 3};
	static const struct am_columns columns = {.names = names,
		.count = 12,
		.least = 2,
		.key = key,
		.key_count = 4,
		.first_bytes = 1,
		.dash_is_absent = 1};

	return am_table_parse(file, &columns, is_pse, name, text, length, error);
}

static int is_ldapmap(const struct am_slice *fields, size_t count)
{
	return count > 1 && fields[1].length > 4 && memcmp(fields[1].at, "SEC_", 4) == 0;
}

static const char *const ldapmap_names[] = {
	"attribute", "type", "ldap_attribute", "value_type", "unit", "cached"};

int am_table_parse_ldapmap(struct am_records *file, const char *name, const char *text,
	size_t length, struct am_error *error)
{
	static const size_t key[] = {0};
	static const struct am_columns columns = {
		.names = ldapmap_names, .count = 6, .least = 3, .key = key, .key_count = 1};

	return am_table_parse(file, &columns, is_ldapmap, name, text, length, error);
}

int am_table_parse_ldapmap_pairs(struct am_records *file, const char *name, const char *text,
	size_t length, struct am_error *error)
{
	static const size_t key[] = {0, 2};
	static const struct am_columns columns = {
		.names = ldapmap_names, .count = 6, .least = 3, .key = key, .key_count = 2};

	return am_table_parse(file, &columns, is_ldapmap, name, text, length, error);
}
