/* SPDX-License-Identifier: MIT */
/*
 * The parsers of configuration files: the first byte says which (small letters: columns as a site
 * may name them). What is parsed is written again
 * byte for byte, every record is found by its key, and its fields can be listed.
 */
#include "config/colon.h"
#include "fuzz.h"
#include "config/stanza.h"
#include "config/table.h"

static int parse_passwd(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return am_colonfile_parse(file, &am_passwd_columns, name, text, length, error);
}

static int parse_group(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return am_colonfile_parse(file, &am_group_columns, name, text, length, error);
}

static const char *const names[] = {"one", "two", "three", "four"};
static const size_t keys[] = {0, 2};

static const struct am_columns site_columns[] = {
	{.names = names,
		.count = 4,
		.least = 2,
		.key = keys,
		.key_count = 2,
		.separator = ';',
		.hash_comments = 1},
	{.names = names,
		.count = 1,
		.least = 1,
		.key = keys,
		.key_count = 1,
		.separator = '\n',
		.hash_comments = 1},
	{.names = names,
		.count = 4,
		.least = 3,
		.key = keys,
		.key_count = 2,
		.control = '%',
		.dash_is_absent = 1},
};

static int parse_fields(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return am_colonfile_parse(file, &site_columns[0], name, text, length, error);
}

static int parse_lines(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return am_colonfile_parse(file, &site_columns[1], name, text, length, error);
}

static int parse_words(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error)
{
	return am_table_parse_columns(file, &site_columns[2], name, text, length, error);
}

typedef int parser(struct am_records *, const char *, const char *, size_t, struct am_error *);

static parser *const parsers[] = {am_stanza_parse, am_stanza_parse_sets, am_table_parse_vfs,
	am_table_parse_pse, am_table_parse_ldapmap, am_table_parse_ldapmap_pairs, parse_passwd,
	parse_group};
static parser *const site_parsers[] = {parse_fields, parse_lines, parse_words};

static parser *choose(unsigned which)
{
	return which >= 'a' && which <= 'z' ? site_parsers[(which - 'a') % 3] : parsers[which % 8];
}

static void check_lossless(const struct am_records *file, const struct fuzz_part *input)
{
	struct am_buf out = {0};
	struct am_error error;

	REQUIRE(am_records_write(file, &out, &error) == 0);
	REQUIRE(out.length == input->length);
	REQUIRE(out.length == 0 || memcmp(out.data, input->data, out.length) == 0);
	am_buf_free(&out);
}

static void check_records(struct am_records *file)
{
	for (size_t i = 0; i < file->count; i++) {
		struct am_record *record = &file->records[i], *found;
		const struct am_field **list;
		struct am_error error;
		size_t count;

		REQUIRE(record->line >= 1);
		if (record->kind == AM_RECORD_RAW)
			continue;
		found = am_records_find(file, record->key);
		REQUIRE(found != NULL && am_slice_equal(found->key, record->key));
		if (record->kind == AM_RECORD_LIVE && !record->is_repeat)
			REQUIRE(found <= record);
		if (am_record_fields(file, record, &list, &count, &error) != 0) {
			fuzz_check_error(&error);
			continue;
		}
		for (size_t k = 0; k < count; k++)
			REQUIRE(list[k]->value.at != NULL || list[k]->value.length == 0);
		free(list);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parser *parse = choose(fuzz_choice(&data, &size));
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_records file = {0};
	struct am_error error;

	if (parse(&file, "input", input.data, input.length, &error) == 0) {
		check_lossless(&file, &input);
		check_records(&file);
	} else {
		fuzz_check_error(&error);
	}
	am_records_free(&file);
	fuzz_part_free(&input);
	return 0;
}
