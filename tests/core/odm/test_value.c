/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "odm/value.h"

static char names[3][8] = {"name", "number", "real"};
static const struct am_odm_descriptor descriptors[] = {
	{names[0], AM_ODM_CHAR, 16, NULL, NULL, 0, 0, 0},
	{names[1], AM_ODM_LONG, 4, NULL, NULL, 0, 0, 0},
	{names[2], AM_ODM_DOUBLE, 8, NULL, NULL, 0, 0, 0},
};

static void get(const void *object, size_t index, struct am_odm_value *value)
{
	*value = ((const struct am_odm_value *)object)[index];
}

static const struct am_odm_value object[] = {
	{AM_ODM_TEXT, "hdisk10", 7, 0, 0},
	{AM_ODM_NUMBER, NULL, 0, -5, 0},
	{AM_ODM_REAL, NULL, 0, 0, 1.5},
};

/* 1 match, 0 no match, -1 refused */
static int match(const char *text)
{
	struct am_error error = {{0}, {0}};
	struct am_odm_criteria *criteria = am_odm_criteria_compile(text, descriptors, 3, &error);
	int result;

	if (criteria == NULL) {
		assert_string_equal(error.code, "ODM_CRITERIA");
		return -1;
	}
	result = am_odm_criteria_match(criteria, get, object);
	am_odm_criteria_free(criteria);
	return result;
}

static void patterns_match_as_the_shell_does(void **state)
{
	static const struct {
		const char *pattern;
		int want;
	} cases[] = {{"*", 1}, {"h*", 1}, {"*0", 1}, {"*disk*", 1}, {"*dusk*", 0}, {"hdisk??", 1},
		{"hdisk?", 0}, {"hdisk[0-9][0-9]", 1}, {"hdisk[!1]0", 0}, {"hdisk[^2]0", 1},
		{"hdisk1[]0]", 1}, {"hdisk[1", 0}, {"[", 0}, {"", 0}, {"hdisk10", 1},
		{"HDISK10", 0}, {"*1*0*", 1}, {"**********x", 0}, {"hdisk[9-0]0", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[64] = "name LIKE '";

		strcat(strcat(text, cases[i].pattern), "'");
		if (match(text) != cases[i].want)
			fail_msg("%s", text);
	}
	assert_int_equal(match("number LIKE -?"), 1);
	assert_int_equal(match("real LIKE 1.*"), 1);
}

/* Many stars must not take exponential time. */
static void patterns_are_quick(void **state)
{
	char text[4000] = "name LIKE '";
	char long_name[4001];
	struct am_odm_value value = {AM_ODM_TEXT, long_name, 4000, 0, 0};
	struct am_error error;
	struct am_odm_criteria *criteria;

	(void)state;
	memset(long_name, 'a', sizeof long_name);
	for (int i = 0; i < 1000; i++)
		strcat(text, "*a");
	strcat(text, "b'");
	criteria = am_odm_criteria_compile(text, descriptors, 3, &error);
	assert_non_null(criteria);
	assert_int_equal(am_odm_criteria_match(criteria, get, &value), 0);
	am_odm_criteria_free(criteria);
}

static void comparisons(void **state)
{
	(void)state;
	assert_int_equal(match(NULL), 1);
	assert_int_equal(match("name = hdisk10"), 1);
	assert_int_equal(match("name = hdisk1"), 0);
	assert_int_equal(match("name > hdisk1 AND name < hdisk2"), 1);
	assert_int_equal(match("number = -5 and number>=-5 and number<=-5 and number != 5"), 1);
	assert_int_equal(match("number < -6"), 0);
	assert_int_equal(match("real > 1.25 AND real < 2"), 1);
	assert_int_equal(match("name = x OR number = 1 OR real = 1.5"), 1);
	assert_int_equal(match("name = hdisk10 AND (number = 1 OR real = 2)"), 0);
	assert_int_equal(match("ORnumber = 1"), -1);
	assert_int_equal(match("name = x ORnumber = 1"), -1);
	assert_int_equal(match("number = 99999999999999999999"), -1);
}

static int parse_text(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_odm_text parsed;
	size_t total = 0;

	(void)context;
	if (am_odm_text_parse(&parsed, data, length, error) != 0) {
		assert_string_equal(error->code, "ODM_SYNTAX");
		return 0;
	}
	for (size_t i = 0; i < parsed.count; i++) {
		const struct am_odm_item *item = &parsed.items[i];

		assert_true(item->line >= 1 && item->line <= length);
		assert_true(am_odm_identifier(item->name, item->name_length));
		for (size_t k = 0; k < item->length; k++)
			total += (unsigned char)item->text[k];
	}
	assert_true(total < SIZE_MAX);
	am_odm_text_free(&parsed);
	return 1;
}

/* Every cut of a text, every byte another: it parses or fails with a line. */
static void any_byte_of_stanza_text_may_be_wrong(void **state)
{
	static const char whole[] = "\nA:\n\tb = \"x\\n\\\ny\\\"\"\n\tc = 12 \n# d\nE :\n\tf=\"\"";
	struct hostile h = {.data = (const unsigned char *)whole,
		.length = sizeof whole - 1,
		.parse = parse_text,
		.subject = "odm: line "};
	struct am_odm_text parsed;
	struct am_error error;

	(void)state;
	hostile_cuts(&h);
	hostile_bytes(&h, 0, h.length);
	assert_int_equal(am_odm_text_parse(&parsed, whole, sizeof whole - 1, &error), 0);
	assert_int_equal(parsed.count, 5);
	assert_int_equal(parsed.items[1].length, 4);
	assert_memory_equal(parsed.items[1].text, "x\ny\"", 4);
	assert_int_equal(parsed.items[2].length, 2);
	assert_int_equal(parsed.items[3].line, 7);
	am_odm_text_free(&parsed);
}

static void quoting_is_undone_by_parsing(void **state)
{
	static const char text[] = "a \"b\" \\n \\\n\n c\\";
	struct am_buf out = {0};
	struct am_odm_text parsed;
	struct am_error error;

	(void)state;
	assert_int_equal(am_buf_addstr(&out, "A:\nb = ", &error), 0);
	assert_int_equal(am_odm_text_quote(&out, text, sizeof text - 1, &error), 0);
	assert_int_equal(am_odm_text_parse(&parsed, out.data, out.length, &error), 0);
	assert_int_equal(parsed.items[1].length, sizeof text - 1);
	assert_memory_equal(parsed.items[1].text, text, sizeof text - 1);
	am_odm_text_free(&parsed);
	am_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_the_shell_does),
		cmocka_unit_test(patterns_are_quick),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(any_byte_of_stanza_text_may_be_wrong),
		cmocka_unit_test(quoting_is_undone_by_parsing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
