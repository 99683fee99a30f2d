/* SPDX-License-Identifier: MIT */
#include "config/colon.h"

#include <string.h>

static const char *const passwd_names[] = {
	"name", "password", "uid", "gid", "gecos", "home", "shell"};
static const char *const group_names[] = {"name", "password", "gid", "members"};
static const size_t first_column[] = {0};

const struct am_columns am_passwd_columns = {
	.names = passwd_names, .count = 7, .least = 3, .key = first_column, .key_count = 1};
const struct am_columns am_group_columns = {
	.names = group_names, .count = 4, .least = 3, .key = first_column, .key_count = 1};

int am_colonfile_is_nis(const struct am_record *record)
{
	return record->text.length > 0 && (record->text.at[0] == '+' || record->text.at[0] == '-');
}

static char separator(const struct am_line_parser *p)
{
	if (p->columns->separator == 0)
		return ':';
	return p->columns->separator;
}

static size_t count_fields(const struct am_line_parser *p, struct am_slice content)
{
	size_t fields = 1;

	for (size_t i = 0; i < content.length; i++)
		fields += content.at[i] == separator(p);
	return fields;
}

static int is_record(const struct am_line_parser *p, struct am_slice content)
{
	size_t fields = count_fields(p, content);

	if (content.length == 0 || content.at[0] == '#')
		return 0;
	if (!p->comments && (content.at[0] == ':' || content.at[0] == '+' || content.at[0] == '-'))
		return 0;
	return fields >= p->columns->least && fields <= p->columns->count;
}

/* Every column gets a field; those the line lacks are empty. */
static int add_fields(struct am_line_parser *p, struct am_slice content, struct am_slice *values,
	struct am_error *error)
{
	const char *at = content.at, *end = content.at + content.length;

	for (size_t i = 0; i < p->columns->count; i++) {
		const char *stop = memchr(at, separator(p), (size_t)(end - at));

		values[i].at = at;
		values[i].length = (size_t)((stop == NULL ? end : stop) - at);
		if (am_records_add_column(p, i, values[i], error) != 0)
			return -1;
		at = stop == NULL ? end : stop + 1;
	}
	return 0;
}

static int add_record(struct am_line_parser *p, enum am_record_kind kind, struct am_slice line,
	struct am_slice content, struct am_error *error)
{
	struct am_slice values[AM_COLUMNS_MAX];
	struct am_record *record = am_records_add_line(p, kind, line, error);

	if (record == NULL)
		return -1;
	if (kind == AM_RECORD_LINE)
		record->key = am_records_line_key(p->file, am_slice_trim(content));
	if (kind == AM_RECORD_RAW || kind == AM_RECORD_LINE)
		return 0;
	if (add_fields(p, content, values, error) != 0)
		return -1;
	record->key =
		p->comments ? am_records_compose_key(p->file, p->columns, values, p->columns->count)
			    : values[0];
	return 0;
}

/* What stands behind the "#" of a record that somebody commented out. */
static int is_disabled(const struct am_line_parser *p, struct am_slice *content)
{
	while (content->length > 0 && content->at[0] == '#') {
		content->at++;
		content->length--;
	}
	/* Where every line has the shape of a record, prose is told by its blank. */
	if (content->length == 0 || content->at[0] == ' ' || content->at[0] == '\t')
		return 0;
	return is_record(p, *content);
}

static int parse_line(struct am_line_parser *p, struct am_slice line, struct am_error *error)
{
	struct am_slice content = am_line_content(line);

	if (is_record(p, content)) {
		size_t fields = count_fields(p, content);

		if (fields < p->columns->count && !p->comments)
			am_records_note(p->file, p->line, "only %zu of %zu fields", fields,
				p->columns->count);
		return add_record(p, AM_RECORD_LIVE, line, content, error);
	}
	if (p->comments && am_slice_trim(content).length == 0)
		return 0;
	if (p->comments && content.at[0] == '#')
		return is_disabled(p, &content)
			       ? add_record(p, AM_RECORD_DISABLED, line, content, error)
			       : 0;
	if (p->comments || (content.length == 0 || (content.at[0] != '+' && content.at[0] != '-')))
		am_records_note(p->file, p->line, "%s line, kept and never matched",
			content.length == 0 ? "blank" : "malformed");
	return add_record(p, p->comments ? AM_RECORD_LINE : AM_RECORD_RAW, line, content, error);
}

int am_colonfile_parse(struct am_records *file, const struct am_columns *columns, const char *name,
	const char *text, size_t length, struct am_error *error)
{
	struct am_line_parser p = {
		.file = file, .columns = columns, .comments = columns->hash_comments};

	return am_records_parse_lines(&p, parse_line, name, text, length, error);
}

int am_colonfile_id(struct am_slice text, uint32_t *id)
{
	uint64_t value = 0;
	int negative = text.length > 0 && text.at[0] == '-';

	if (text.length == (size_t)negative)
		return -1;
	for (size_t i = (size_t)negative; i < text.length; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(text.at[i] - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	if (negative && value > (uint64_t)INT32_MAX + 1)
		return -1;
	*id = negative ? (uint32_t)(0 - value) : (uint32_t)value;
	return 0;
}
