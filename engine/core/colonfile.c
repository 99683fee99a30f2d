#include "colonfile.h"

#include <string.h>

static const char *const passwd_names[] = {
	"name", "password", "uid", "gid", "gecos", "home", "shell"};
static const char *const group_names[] = {"name", "password", "gid", "members"};
static const size_t first_column[] = {0};

const struct am_columns am_passwd_columns = {passwd_names, 7, 3, first_column, 1, 0, 0};
const struct am_columns am_group_columns = {group_names, 4, 3, first_column, 1, 0, 0};

int am_colonfile_is_nis(const struct am_record *record)
{
	return record->text.length > 0 && (record->text.at[0] == '+' || record->text.at[0] == '-');
}

static int is_record(const struct am_columns *columns, struct am_slice content)
{
	size_t fields = 1;

	if (content.length == 0 || content.at[0] == ':' || content.at[0] == '+' ||
		content.at[0] == '-' || content.at[0] == '#')
		return 0;
	for (size_t i = 0; i < content.length; i++)
		fields += content.at[i] == ':';
	return fields >= columns->least && fields <= columns->count;
}

static int add_fields(struct am_records *file, const struct am_columns *columns,
	struct am_slice content, size_t line, struct am_error *error)
{
	const char *at = content.at, *end = content.at + content.length;

	for (size_t i = 0; i < columns->count; i++) {
		struct am_field *field = am_records_add_field(file, error);
		const char *colon = memchr(at, ':', (size_t)(end - at));

		if (field == NULL)
			return -1;
		field->name = am_slice_of(columns->names[i]);
		field->value.at = at;
		field->value.length = (size_t)((colon == NULL ? end : colon) - at);
		field->text = field->value;
		field->line = line;
		at = colon == NULL ? end : colon + 1;
	}
	return 0;
}

static int parse_line(struct am_records *file, const struct am_columns *columns,
	struct am_slice line, size_t number, struct am_error *error)
{
	struct am_slice content = am_line_content(line);
	struct am_record *record = am_records_add(file, error);
	size_t colons = 0;

	if (record == NULL)
		return -1;
	record->text = line;
	record->line = number;
	if (!is_record(columns, content)) {
		record->kind = AM_RECORD_RAW;
		if (!am_colonfile_is_nis(record))
			am_records_note(file, number, "%s line, kept and never matched",
				content.length == 0 ? "blank" : "malformed");
		return 0;
	}
	record->key.at = content.at;
	record->key.length =
		(size_t)((const char *)memchr(content.at, ':', content.length) - content.at);
	for (size_t i = 0; i < content.length; i++)
		colons += content.at[i] == ':';
	if (colons + 1 < columns->count)
		am_records_note(file, number, "only %zu of %zu fields", colons + 1, columns->count);
	return add_fields(file, columns, content, number, error);
}

int am_colonfile_parse(struct am_records *file, const struct am_columns *columns, const char *name,
	const char *text, size_t length, struct am_error *error)
{
	size_t at = 0, number = 1;

	if (am_records_init(file, name, text, length, error) != 0)
		return -1;
	file->line_oriented = 1;
	while (at < file->length) {
		struct am_slice line = am_records_line(file, at);

		if (parse_line(file, columns, line, number++, error) != 0)
			return -1;
		at += line.length;
	}
	return am_records_index(file, error);
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
