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
#include "config/stanza.h"

static const char user_file[] =
	"* IBM_PROLOG_BEGIN_TAG\n* head\n* IBM_PROLOG_END_TAG\n\n"
	"* the base\ndefault:\n\tadmin = false\n\tSYSTEM = \"compat\"\n\tmaxage =\n\n"
	"# oracle, do not touch\noracle:\n   options = db=BUILTIN,auth=KRB5\n* inside\n"
	"\therald = \"Hello: you\n\\\"quoted\\\" = x\nlogin: \"\n"
	"\f\n/dev/tty0,/dev/tty1:\r\n\tlogindelay = 5 \r\n\n* the end";

static void parse(struct am_records *file, const char *text)
{
	struct am_error error = {0};

	if (am_stanza_parse(file, "/etc/security/user", text, strlen(text), &error) != 0)
		fail_msg("%s", error.message);
}

static const struct am_field *attribute(
	struct am_records *file, const char *stanza, const char *name)
{
	struct am_record *record = am_records_find(file, am_slice_of(stanza));
	const struct am_field **list, *found = NULL;
	size_t count;

	assert_non_null(record);
	assert_int_equal(am_record_fields(file, record, &list, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		if (am_slice_is(list[i]->name, name))
			found = list[i];
	free(list);
	return found;
}

static void assert_value(
	struct am_records *file, const char *stanza, const char *name, const char *value)
{
	const struct am_field *field = attribute(file, stanza, name);

	assert_non_null(field);
	assert_true(am_slice_is(field->value, value));
}

static void reads_the_documented_forms(void **state)
{
	struct am_records file;

	(void)state;
	parse(&file, user_file);
	assert_int_equal(file.count, 3);
	assert_value(&file, "default", "SYSTEM", "\"compat\"");
	assert_value(&file, "default", "maxage", "");
	assert_null(attribute(&file, "default", "minage"));
	assert_value(&file, "oracle", "options", "db=BUILTIN,auth=KRB5");
	assert_value(&file, "oracle", "herald", "\"Hello: you\n\\\"quoted\\\" = x\nlogin: \"");
	assert_value(&file, "/dev/tty0,/dev/tty1", "logindelay", "5");
	assert_true(am_slice_is(
		file.header, "* IBM_PROLOG_BEGIN_TAG\n* head\n* IBM_PROLOG_END_TAG\n\n"));
	assert_true(am_slice_is(file.records[0].lead, "* the base\n"));
	assert_true(am_slice_is(attribute(&file, "oracle", "herald")->lead, "* inside\n"));
	assert_true(am_slice_is(file.trailer, "\n* the end"));
	assert_int_equal(file.note_count, 0);
	am_records_free(&file);
}

/* What parses comes out again, byte for byte. */
static int same_bytes(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_records file;

	return lossless(&file, data, length,
		context != NULL ? am_stanza_parse_sets(&file, "f", data, length, error)
				: am_stanza_parse(&file, "f", data, length, error),
		error);
}

static void is_lossless_when_cut_or_spoilt(void **state)
{
	struct hostile h = {.data = (const unsigned char *)user_file,
		.length = sizeof user_file - 1,
		.parse = same_bytes,
		.subject = "parse: f: line "};

	(void)state;
	for (int sets = 0; sets < 2; sets++) {
		h.context = sets ? &h : NULL;
		hostile_cuts(&h);
		hostile_bytes(&h, 0, h.length);
	}
	assert_true(h.read > 0 && h.refused > 0);
}

static void names_the_line_of_an_error(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"a:\n\tb = 1\nnonsense\n",
			"parse: f: line 3: neither a comment, a stanza name nor an attribute"},
		{"\n\tb = 1\n", "parse: f: line 2: attribute before any stanza"},
		{"a:\n\tx = \"1\n2\"\n\tb = \"open\nc:\n",
			"parse: f: line 4: quote that is never closed"},
		{"a: b\n", "parse: f: line 1: text after the stanza name"},
		{"a b:\n", "parse: f: line 1: blank in a stanza name"},
		{":\n", "parse: f: line 1: stanza without a name"},
		{"a:\n\t= 1\n", "parse: f: line 2: attribute without a name"},
		{"a:\n\tx = \"one\ntwo\" rest\n",
			"parse: f: line 2: text after a quoted value that spans lines"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct am_records file;
		struct am_error error;

		assert_int_equal(
			am_stanza_parse(&file, "f", cases[i].text, strlen(cases[i].text), &error),
			-1);
		assert_string_equal(error.code, "CONFIG_SYNTAX");
		assert_string_equal(error.message, cases[i].message);
		am_records_free(&file);
	}
}

static void folds_repeats(void **state)
{
	struct am_records file;

	(void)state;
	parse(&file, "a:\n\tx = 1\n\ty = 1\n\tx = 2\nb:\n\tz = 9\na:\n\tx = 3\n\tw = 4\n");
	assert_value(&file, "a", "x", "2");
	assert_value(&file, "a", "y", "1");
	assert_value(&file, "a", "w", "4");
	assert_int_equal(file.note_count, 2);
	assert_string_equal(file.notes[0].text, "x: attribute given again, the last value counts");
	assert_int_equal(file.notes[1].line, 7);
	am_records_free(&file);
}

static void bounds_attributes_of_one_stanza(void **state)
{
	struct am_buf text = {0};
	struct am_records file;
	struct am_error error;

	(void)state;
	am_buf_addstr(&text, "a:\n", &error);
	for (int i = 0; i <= AM_RECORDS_FIELDS; i++)
		am_buf_addf(&text, &error, "\ta%d = 1\n", i);
	assert_int_equal(am_stanza_parse(&file, "f", text.data, text.length, &error), -1);
	assert_string_equal(
		error.message, "parse: f: line 2050: too many attributes in one stanza");
	am_records_free(&file);
	am_buf_free(&text);
}

/* Finding every one of n stanzas takes a number of comparisons that grows with n, not its square.
 */
static void finds_in_constant_time(void **state)
{
	size_t steps[2];

	(void)state;
	for (int round = 0; round < 2; round++) {
		int users = round == 0 ? 10000 : 100000;
		struct am_buf text = {0};
		struct am_records file;
		struct am_error error;

		for (int i = 0; i < users; i++)
			am_buf_addf(&text, &error, "u%d:\n\tadmin = false\n\n", i);
		assert_int_equal(am_stanza_parse(&file, "f", text.data, text.length, &error), 0);
		for (size_t i = 0; i < file.count; i++)
			assert_ptr_equal(
				am_records_find(&file, file.records[i].key), &file.records[i]);
		steps[round] = file.steps;
		am_records_free(&file);
		am_buf_free(&text);
	}
	assert_true(steps[1] < steps[0] * 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_documented_forms),
		cmocka_unit_test(is_lossless_when_cut_or_spoilt),
		cmocka_unit_test(names_the_line_of_an_error),
		cmocka_unit_test(folds_repeats),
		cmocka_unit_test(bounds_attributes_of_one_stanza),
		cmocka_unit_test(finds_in_constant_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
