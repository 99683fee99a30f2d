/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/lossless.h"
#include "hostile.h"
#include "config/table.h"

static const char *const names[] = {"attributes", "filename", "argument", "node", "minor"};
static const size_t key[] = {1, 2, 3};
static const struct am_columns columns = {.names = names,
	.count = 5,
	.least = 2,
	.key = key,
	.key_count = 3,
	.dash_is_absent = 1,
	.control = '%'};

static int is_extension(const struct am_slice *fields, size_t count)
{
	(void)count;
	return fields[0].at[0] == 'd' || fields[0].at[0] == 'm';
}

static const char text[] = "# The drivers of this system\n\n%control x\n"
			   "d+\tdlpi\ten\t/dev/dlpi/en\t# comment\n"
			   "#d+ dlpi tr /dev/dlpi/tr\nd acme - \r\nm timod\nd acme";

static void tells_records_from_comments(void **state)
{
	struct am_records file;
	struct am_error error;
	struct am_record *found;

	(void)state;
	assert_int_equal(am_table_parse(&file, &columns, is_extension, "/etc/pse.conf", text,
				 sizeof text - 1, &error),
		0);
	assert_int_equal(file.count, 6);
	assert_int_equal(file.records[0].kind, AM_RECORD_LINE);
	found = am_records_find(&file, am_slice_of("dlpi\ten\t/dev/dlpi/en"));
	assert_non_null(found);
	assert_int_equal(found->field_count, 4);
	assert_int_equal(am_records_find(&file, am_slice_of("dlpi\ttr\t/dev/dlpi/tr"))->kind,
		AM_RECORD_DISABLED);
	assert_int_equal(am_records_find(&file, am_slice_of("acme\t\t"))->line, 6);
	assert_true(file.records[5].is_repeat); /* "-" and nothing are the same */
	am_records_free(&file);
}

typedef int table_parser(
	struct am_records *, const char *, const char *, size_t, struct am_error *);

static int parse_own(struct am_records *file, const char *name, const char *data, size_t length,
	struct am_error *error)
{
	return am_table_parse(file, &columns, is_extension, name, data, length, error);
}

struct grammar {
	table_parser *parse;
	const char *text;
};

static int same_bytes(const void *data, size_t length, void *context, struct am_error *error)
{
	const struct grammar *grammar = context;
	struct am_records file;

	return lossless(
		&file, data, length, grammar->parse(&file, "f", data, length, error), error);
}

static void is_lossless_when_cut_or_spoilt(void **state)
{
	static struct grammar grammars[] = {
		{parse_own, text},
		{am_table_parse_vfs,
			"# comment\n%defaultvfs jfs2 nfs\n"
			"jfs2\t0\t/sbin/helpers/jfs2\tnone\nnfs 2 /sbin/x none remote\n"},
		{am_table_parse_pse, text},
		{am_table_parse_ldapmap,
			"#AIX LDAP\nusername SEC_CHAR uid s na yes\nid SEC_INT uidNumber s\n"},
		{am_table_parse_ldapmap_pairs, "username SEC_CHAR uid s\nusername SEC_CHAR cn s\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
		struct hostile h = {.data = (const unsigned char *)grammars[i].text,
			.length = strlen(grammars[i].text),
			.parse = same_bytes,
			.subject = "parse: f: line ",
			.context = &grammars[i]};

		hostile_cuts(&h);
		hostile_bytes(&h, 0, h.length);
		assert_true(h.read > 0);
	}
}

static void refuses_lines_of_another_shape(void **state)
{
	struct am_records file;
	struct am_error error;

	(void)state;
	assert_int_equal(am_table_parse(&file, &columns, NULL, "/etc/vfs", "\nd\n", 3, &error), -1);
	assert_string_equal(error.message, "parse: /etc/vfs: line 2: too few fields");
	am_records_free(&file);
	assert_int_equal(am_table_parse(&file, &columns, NULL, "/etc/vfs",
				 "1 2 3 4 5 6 7 8 9 a b c d e f g h i", 35, &error),
		-1);
	assert_string_equal(error.message, "parse: /etc/vfs: line 1: too many fields");
	am_records_free(&file);
}

static void maps_have_four_to_six_columns(void **state)
{
	static const char map[] = "# attributes\nusername SEC_CHAR uid s\n#id SEC_INT n s na yes\n"
				  "username SEC_CHAR cn s na\n# a SENTENCE about nothing\n";
	struct am_records file;
	struct am_error error;

	(void)state;
	assert_int_equal(am_table_parse_ldapmap(&file, "m", map, sizeof map - 1, &error), 0);
	assert_int_equal(file.count, 3);
	assert_int_equal(file.records[1].kind, AM_RECORD_DISABLED);
	assert_true(file.records[2].is_repeat);
	am_records_free(&file);
	assert_int_equal(am_table_parse_ldapmap_pairs(&file, "m", map, sizeof map - 1, &error), 0);
	assert_false(file.records[2].is_repeat);
	assert_non_null(am_records_find(&file, am_slice_of("username\tcn")));
	am_records_free(&file);
	assert_int_equal(am_table_parse_ldapmap(&file, "m", "a b\n", 4, &error), -1);
	am_records_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_have_four_to_six_columns),
		cmocka_unit_test(tells_records_from_comments),
		cmocka_unit_test(is_lossless_when_cut_or_spoilt),
		cmocka_unit_test(refuses_lines_of_another_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
