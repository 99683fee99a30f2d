/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/colon.h"
#include "hostile.h"

static const char passwd[] = "root:!:0:0::/:/usr/bin/ksh\ndaemon:!:1:1::/etc:\r\n\n"
			     "nobody:!:-2:-2::/:\nshort:*:7\nbad\n:x:1\n+::::::\n-joe\n"
			     "root:!:0:0:again:/:\na:b:1:1:g:h:s:t\nlast:*:9:9::/:/bin/false";

static void keeps_every_line_in_its_place(void **state)
{
	struct am_records file;
	struct am_error error;
	struct am_record *root;

	(void)state;
	assert_int_equal(am_colonfile_parse(&file, &am_passwd_columns, "/etc/passwd", passwd,
				 sizeof passwd - 1, &error),
		0);
	assert_int_equal(file.count, 12);
	root = am_records_find(&file, am_slice_of("root"));
	assert_int_equal(root->line, 1);
	assert_true(am_slice_is(
		file.fields[root->first_field + AM_PASSWD_SHELL].value, "/usr/bin/ksh"));
	assert_true(file.records[9].is_repeat);
	assert_int_equal(file.records[2].kind, AM_RECORD_RAW);  /* blank */
	assert_int_equal(file.records[4].kind, AM_RECORD_LIVE); /* two colons are enough */
	assert_int_equal(file.records[5].kind, AM_RECORD_RAW);
	assert_int_equal(file.records[6].kind, AM_RECORD_RAW); /* no name */
	assert_true(am_colonfile_is_nis(&file.records[7]));
	assert_true(am_colonfile_is_nis(&file.records[8]));
	assert_int_equal(file.records[10].kind, AM_RECORD_RAW); /* too many fields */
	assert_null(am_records_find(&file, am_slice_of("bad")));
	assert_non_null(am_records_find(&file, am_slice_of("last")));
	assert_int_equal(file.note_count, 6);
	am_records_free(&file);
}

static int same_bytes(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_records file;
	struct am_buf out = {0};
	int result = am_colonfile_parse(&file, context, "f", data, length, error);

	if (result == 0) {
		for (size_t i = 0; i < file.field_count; i++) {
			uint32_t id;

			(void)am_colonfile_id(file.fields[i].value, &id);
		}
		assert_int_equal(am_records_write(&file, &out, error), 0);
		assert_int_equal(out.length, length);
		if (length > 0)
			assert_memory_equal(out.data, data, length);
	}
	am_buf_free(&out);
	am_records_free(&file);
	return result == 0;
}

/* No line is an error; a NUL byte is. */
static void is_lossless_when_cut_or_spoilt(void **state)
{
	const struct am_columns *const kinds[] = {&am_passwd_columns, &am_group_columns};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hostile h = {.data = (const unsigned char *)passwd,
			.length = sizeof passwd - 1,
			.parse = same_bytes,
			.subject = "parse: f: line ",
			.context = (void *)(uintptr_t)kinds[i]};

		hostile_cuts(&h);
		assert_int_equal(h.refused, 0);
		hostile_bytes(&h, 0, h.length);
		assert_int_equal(h.refused, h.length);
	}
}

static void refuses_nul_bytes(void **state)
{
	struct am_records file;
	struct am_error error;

	(void)state;
	assert_int_equal(am_colonfile_parse(
				 &file, &am_group_columns, "/etc/group", "a:!:1:\nb\0", 9, &error),
		-1);
	assert_string_equal(error.message, "parse: /etc/group: line 2: NUL byte in a text file");
	am_records_free(&file);
}

static void reads_ids_as_unsigned(void **state)
{
	uint32_t id;

	(void)state;
	assert_int_equal(am_colonfile_id(am_slice_of("-2"), &id), 0);
	assert_int_equal(id, 4294967294u);
	assert_int_equal(am_colonfile_id(am_slice_of("4294967294"), &id), 0);
	assert_int_equal(id, 4294967294u);
	assert_int_equal(am_colonfile_id(am_slice_of("4294967296"), &id), -1);
	assert_int_equal(am_colonfile_id(am_slice_of("-4294967295"), &id), -1);
	assert_int_equal(am_colonfile_id(am_slice_of(""), &id), -1);
	assert_int_equal(am_colonfile_id(am_slice_of("-"), &id), -1);
	assert_int_equal(am_colonfile_id(am_slice_of("1x"), &id), -1);
	assert_int_equal(am_colonfile_id(am_slice_of("99999999999999999999999999"), &id), -1);
}

static const char *const site_names[] = {"site", "name", "role"};
static const size_t site_key[] = {1, 0};
static const struct am_columns site_columns = {.names = site_names,
	.count = 3,
	.least = 2,
	.key = site_key,
	.key_count = 2,
	.separator = '|',
	.hash_comments = 1};

static const char site[] =
	"# head\n\n# why\nosaka|ann|op\n#kobe|bob\n\n# prose | here\n+|dan\nodd\n# end";

static void reads_columns_a_site_names(void **state)
{
	struct am_records file;
	struct am_error error;

	(void)state;
	assert_int_equal(
		am_colonfile_parse(&file, &site_columns, "f", site, strlen(site), &error), 0);
	assert_int_equal(file.count, 4);
	assert_true(am_slice_is(file.header, "# head\n\n"));
	assert_true(am_slice_is(file.records[0].key, "ann\tosaka"));
	assert_true(am_slice_is(file.records[0].lead, "# why\n"));
	assert_int_equal(file.records[1].kind, AM_RECORD_DISABLED);
	assert_true(am_slice_is(file.records[1].key, "bob\tkobe"));
	assert_int_equal(file.records[2].kind, AM_RECORD_LIVE);
	assert_true(am_slice_is(file.records[2].lead, "\n# prose | here\n"));
	assert_int_equal(file.records[3].kind, AM_RECORD_LINE);
	assert_int_equal(file.note_count, 1);
	assert_true(am_slice_is(file.trailer, "# end"));
	am_records_free(&file);
}

static void site_columns_are_lossless_when_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n <= strlen(site); n++) {
		struct am_records file;
		struct am_error error;
		struct am_buf out = {0};

		assert_int_equal(am_colonfile_parse(&file, &site_columns, "f", site, n, &error), 0);
		assert_int_equal(am_records_write(&file, &out, &error), 0);
		assert_int_equal(out.length, n);
		if (n > 0)
			assert_memory_equal(out.data, site, n);
		am_buf_free(&out);
		am_records_free(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_line_in_its_place),
		cmocka_unit_test(is_lossless_when_cut_or_spoilt),
		cmocka_unit_test(refuses_nul_bytes),
		cmocka_unit_test(reads_ids_as_unsigned),
		cmocka_unit_test(reads_columns_a_site_names),
		cmocka_unit_test(site_columns_are_lossless_when_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
