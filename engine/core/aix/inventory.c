/* SPDX-License-Identifier: MIT */
#include "aix/inventory.h"

#include <string.h>

struct parser {
	const char *name;
	struct am_slice rest;
	size_t line, files;
	struct am_inventory_entry entry;
	int is_open; /* there is an entry */
	int (*each)(void *arg, const struct am_inventory_entry *entry, struct am_error *error);
	void *arg;
	struct am_error *error;
};

static int fail(const struct parser *p, size_t line, const char *what)
{
	return am_fail(p->error, "INVENTORY", "inventory: %s: line %zu: %s", p->name, line, what);
}

static int next_line(struct parser *p, struct am_slice *line)
{
	const char *end;

	if (p->rest.length == 0)
		return 0;
	end = memchr(p->rest.at, '\n', p->rest.length);
	line->at = p->rest.at;
	line->length = end == NULL ? p->rest.length : (size_t)(end - p->rest.at);
	p->rest.at += line->length + (end != NULL);
	p->rest.length -= line->length + (end != NULL);
	p->line++;
	return 1;
}

/* A part of a path: a name, and no bytes in it that a name in an inventory must not have. */
static int is_part(const char *part, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)part[i];

		if (c <= ' ' || c == 0x7F || strchr("'\"\\^()|{}[]<>:", c) != NULL)
			return 0;
	}
	return length > 0 && (length != 1 || part[0] != '.') &&
	       (length != 2 || memcmp(part, "..", 2) != 0);
}

static int is_path(struct am_slice path)
{
	size_t at = 1;

	if (path.length == 0 || path.length > 1023 || path.at[0] != '/')
		return 0;
	while (at < path.length) {
		const char *slash = memchr(path.at + at, '/', path.length - at);
		size_t end = slash == NULL ? path.length : (size_t)(slash - path.at);

		if (!is_part(path.at + at, end - at) || end + 1 == path.length)
			return 0;
		at = end + 1;
	}
	return 1;
}

static int is_type(struct am_slice type)
{
	static const char *const types[] = {
		"FILE", "DIRECTORY", "SYMLINK", "LINK", "FIFO", "BLK_DEV", "CHAR_DEV", "MPX_DEV"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (am_slice_is(type, types[i]))
			return 1;
	}
	return 0;
}

/* Digits alone; -1 for other text, or a number that is too large. */
static int take_number(struct am_slice word, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < word.length; i++) {
		if (word.at[i] < '0' || word.at[i] > '9' || *number > INT64_MAX / 10 - 9)
			return -1;
		*number = *number * 10 + (uint64_t)(word.at[i] - '0');
	}
	return word.length > 0 ? 0 : -1;
}

/* "21829     1": the sum and the number of blocks. */
static int take_sum(struct am_inventory_entry *entry, struct am_slice value)
{
	struct am_slice sum = {value.at, 0};
	uint64_t number;

	while (sum.length < value.length && sum.at[sum.length] != ' ' && sum.at[sum.length] != '\t')
		sum.length++;
	value.at += sum.length;
	value.length -= sum.length;
	if (take_number(sum, &number) != 0 || number > UINT16_MAX ||
		take_number(am_slice_trim(value), &entry->blocks) != 0)
		return -1;
	entry->sum = (uint16_t)number;
	entry->has_sum = 1;
	return 0;
}

static int take_attribute(struct parser *p, struct am_slice name, struct am_slice value)
{
	struct am_inventory_entry *entry = &p->entry;
	const struct {
		const char *name;
		struct am_slice *slice;
	} texts[] = {{"type", &entry->type}, {"owner", &entry->owner}, {"group", &entry->group},
		{"mode", &entry->mode}, {"links", &entry->links}, {"symlinks", &entry->symlinks},
		{"target", &entry->target}, {"class", &entry->classes}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (am_slice_is(name, texts[i].name))
			*texts[i].slice = value;
	}
	if (am_slice_is(name, "type") && !is_type(value))
		return fail(p, p->line, "there is no such type");
	if (am_slice_is(value, "VOLATILE") &&
		(am_slice_is(name, "size") || am_slice_is(name, "checksum"))) {
		entry->is_volatile = 1;
	} else if (am_slice_is(name, "size")) {
		if (take_number(value, &entry->size) != 0)
			return fail(p, p->line, "size is no number");
		entry->has_size = 1;
	} else if (am_slice_is(name, "checksum") && value.length > 0) {
		if (take_sum(entry, value) != 0)
			return fail(p, p->line, "checksum is none of sum -r");
	}
	return 0;
}

static int end_entry(struct parser *p)
{
	if (!p->is_open)
		return 0;
	p->is_open = 0;
	if (p->entry.type.at == NULL)
		return fail(p, p->entry.line, "no type");
	return p->each(p->arg, &p->entry, p->error);
}

static int begin_entry(struct parser *p, struct am_slice line)
{
	struct am_slice path = {line.at, line.length - 1};

	if (end_entry(p) != 0)
		return -1;
	if (line.at[line.length - 1] != ':' || !is_path(path))
		return fail(p, p->line, "expected: PATH:");
	if (p->files++ == AM_INVENTORY_FILES)
		return fail(p, p->line, "more files than a fileset can have");
	p->entry = (struct am_inventory_entry){.path = path, .line = p->line};
	p->is_open = 1;
	return 0;
}

static int parse_line(struct parser *p, struct am_slice line)
{
	int is_attribute = line.length > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
	struct am_slice name, value;
	const char *equals;

	line = am_slice_trim(line);
	if (line.length == 0 || line.at[0] == '*' || line.at[0] == '#')
		return 0;
	if (!is_attribute)
		return begin_entry(p, line);
	equals = memchr(line.at, '=', line.length);
	if (!p->is_open || equals == NULL)
		return fail(p, p->line, "expected: ATTRIBUTE = VALUE");
	name = am_slice_trim((struct am_slice){line.at, (size_t)(equals - line.at)});
	value = am_slice_trim(
		(struct am_slice){equals + 1, (size_t)(line.at + line.length - equals) - 1});
	if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"')
		value = am_slice_trim((struct am_slice){value.at + 1, value.length - 2});
	return take_attribute(p, name, value);
}

int am_inventory_parse(const char *name, struct am_slice text,
	int (*each)(void *arg, const struct am_inventory_entry *entry, struct am_error *error),
	void *arg, struct am_error *error)
{
	struct parser p = {.name = name, .rest = text, .each = each, .arg = arg, .error = error};
	struct am_slice line;

	if (text.length > 0 && memchr(text.at, '\0', text.length) != NULL)
		return fail(&p, 1, "NUL byte in a text file");
	while (next_line(&p, &line)) {
		if (parse_line(&p, line) != 0)
			return -1;
	}
	return end_entry(&p);
}
