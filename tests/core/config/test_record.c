/* SPDX-License-Identifier: MIT */
/* The keyed-record model by itself: what all grammars of configuration files rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/record.h"

#define SLICE(text) ((struct am_slice){text, sizeof text - 1})

static const char *const names[] = {"one", "two", "three"};

/* "#KEY" is a disabled record, "!..." a raw one, "# ..." a comment, everything else a live one. */
static int parse_line(struct am_line_parser *p, struct am_slice line, struct am_error *error)
{
	struct am_slice content = am_line_content(line);
	enum am_record_kind kind = AM_RECORD_LIVE;
	struct am_record *record;

	if (content.length == 0 || (content.at[0] == '#' && content.at[1] == ' '))
		return 0;
	if (content.at[0] == '!')
		kind = AM_RECORD_RAW;
	else if (content.at[0] == '#')
		kind = AM_RECORD_DISABLED;
	record = am_records_add_line(p, kind, line, error);
	if (record == NULL)
		return -1;
	if (kind == AM_RECORD_DISABLED) {
		content.at++;
		content.length--;
	}
	record->key = content;
	return kind == AM_RECORD_RAW ? 0 : am_records_add_column(p, 0, content, error);
}

static void parse(struct am_records *file, const char *text, size_t length)
{
	struct am_columns columns = {.names = names, .count = 3};
	struct am_line_parser parser = {.file = file, .columns = &columns, .comments = 1};
	struct am_error error;

	if (am_records_parse_lines(&parser, parse_line, "/etc/x", text, length, &error) != 0)
		fail_msg("%s", error.message);
}

static void test_what_no_text_file_holds_is_refused(void **state)
{
	struct am_records file;
	struct am_error error;
	char text[] = "a\n";

	(void)state;
	assert_int_equal(am_records_init(&file, "/etc/x", "a\nb\0c", 5, &error), -1);
	assert_string_equal(error.code, "CONFIG_SYNTAX");
	assert_string_equal(error.message, "parse: /etc/x: line 2: NUL byte in a text file");
	assert_int_equal(am_records_init(&file, "/etc/x", NULL, 0, &error), 0);
	assert_int_equal(file.length, 0);
	assert_string_equal(file.text, "");
	am_records_free(&file);
	am_records_free(&file); /* once more is fine */
	assert_int_equal(am_records_init(&file, "/etc/x", text, 2, &error), 0);
	text[0] = 'z'; /* it has a copy */
	assert_string_equal(file.text, "a\n");
	am_records_free(&file);
}

static void test_every_byte_comes_out_again(void **state)
{
	static const char *const texts[] = {"", "\n", "\n\n\n", "a", "a\n", "a\r\nb", "# c\na\n",
		"# head\n\n# of a\na\n\n# of b\nb\n# end", "# only\n# comments\n",
		"\n# h\n\n\na\n\n", "!raw\n#off\non\n", "\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct am_buf out = {0};
		struct am_records file;

		parse(&file, texts[i], strlen(texts[i]));
		assert_int_equal(am_records_write(&file, &out, NULL), 0);
		assert_string_equal(out.data == NULL ? "" : out.data, texts[i]);
		am_buf_free(&out);
		am_records_free(&file);
	}
}

static void test_comments_belong_to_the_next_record(void **state)
{
	static const char text[] = "# head\n\n# of a\na\n\n# of b\nb\n# end";
	struct am_records file;

	(void)state;
	parse(&file, text, sizeof text - 1);
	assert_int_equal(file.count, 2);
	assert_true(am_slice_is(file.header, "# head\n\n"));
	assert_true(am_slice_is(file.records[0].lead, "# of a\n"));
	assert_true(am_slice_is(file.records[1].lead, "\n# of b\n"));
	assert_int_equal(file.records[1].line, 7);
	assert_true(am_slice_is(file.trailer, "# end"));
	am_records_free(&file);
}

static void test_a_head_comment_needs_a_blank_line(void **state)
{
	static const struct {
		const char *text;
		size_t end, header;
	} cases[] = {{"", 0, 0}, {"# a\n\n# b\nx\n", 9, 5}, {"# a\nx\n", 4, 0}, {"# a\n", 4, 4},
		{"# a", 3, 3}, {"\n\nx", 2, 0}, {"\n# a\n\nx", 6, 6}, {"# a\n \t\r\nx", 8, 8},
		{"\n\n", 2, 0}, {"x\n", 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct am_records file;

		assert_int_equal(am_records_init(&file, "/etc/x", cases[i].text,
					 strlen(cases[i].text), NULL),
			0);
		assert_int_equal(am_records_take_header(&file, cases[i].end), cases[i].header);
		assert_int_equal(file.header.length, cases[i].header);
		am_records_free(&file);
	}
}

static void test_live_records_win_and_repeats_are_linked(void **state)
{
	static const char text[] = "#a\n!a\na\nb\n#b\na\n#a\na\n#c\n#c\n!d\n";
	struct am_record *a, *b, *c;
	struct am_records file;

	(void)state;
	parse(&file, text, sizeof text - 1);
	a = am_records_find(&file, SLICE("a"));
	assert_non_null(a);
	assert_int_equal(a->kind, AM_RECORD_LIVE);
	assert_int_equal(a->line, 3);
	assert_false(a->is_repeat);
	assert_int_equal(a->next_same, 5);
	assert_true(file.records[5].is_repeat);
	assert_int_equal(file.records[5].next_same, 7);
	assert_int_equal(file.records[7].next_same, AM_NO_RECORD);
	b = am_records_find(&file, SLICE("b"));
	assert_non_null(b);
	assert_int_equal(b->line, 4);
	assert_int_equal(b->next_same, AM_NO_RECORD);
	c = am_records_find(&file, SLICE("c"));
	assert_non_null(c);
	assert_int_equal(c->kind, AM_RECORD_DISABLED);
	assert_int_equal(c->line, 9);
	assert_null(am_records_find(&file, SLICE("d")));
	assert_null(am_records_find(&file, SLICE("")));
	assert_null(am_records_find(&file, SLICE("a\0")));
	assert_int_equal(file.note_count, 2);
	assert_int_equal(file.notes[0].line, 6);
	assert_string_equal(file.notes[0].text, "a: given again (first at line 3)");
	am_records_free(&file);
}

/* A hostile file has a doubt in every line, and names of any length in them. */
static void test_notes_are_bounded(void **state)
{
	char text[2 * 301 + 1], *many = malloc((AM_RECORDS_NOTES + 3) * 2);
	struct am_records file;

	(void)state;
	assert_non_null(many);
	for (size_t i = 0; i < AM_RECORDS_NOTES + 3; i++)
		memcpy(many + 2 * i, "a\n", 2);
	parse(&file, many, (AM_RECORDS_NOTES + 3) * 2);
	assert_int_equal(file.note_count, AM_RECORDS_NOTES);
	am_records_free(&file);
	free(many);
	memset(text, 'n', sizeof text);
	text[300] = text[601] = '\n';
	parse(&file, text, 602);
	assert_int_equal(file.note_count, 1);
	assert_int_equal(strspn(file.notes[0].text, "n"), 60);
	am_records_note(&file, 7, "%0200d", 1);
	assert_int_equal(strlen(file.notes[1].text), sizeof file.notes->text - 1);
	am_records_free(&file);
}

/* A stanza: its key, and attributes as a letter and its value, one byte each. */
static void add_stanza(struct am_records *file, const char *key, const char *attributes)
{
	struct am_record *record = am_records_add(file, NULL);

	assert_non_null(record);
	record->key = am_slice_of(key);
	for (; *attributes != '\0'; attributes += 2) {
		struct am_field *field = am_records_add_field(file, NULL);

		assert_non_null(field);
		field->name = (struct am_slice){attributes, 1};
		field->value = (struct am_slice){attributes + 1, 1};
	}
}

static void assert_fields(struct am_records *file, const char *key, const char *want)
{
	struct am_record *record = am_records_find(file, am_slice_of(key));
	const struct am_field **list;
	char text[32] = "";
	size_t count;

	assert_non_null(record);
	assert_int_equal(am_record_fields(file, record, &list, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		strncat(strncat(text, list[i]->name.at, 1), list[i]->value.at, 1);
	free(list);
	assert_string_equal(text, want);
}

static void test_the_last_value_in_a_stanza_the_first_of_several(void **state)
{
	struct am_records file;

	(void)state;
	assert_int_equal(am_records_init(&file, "/etc/x", "", 0, NULL), 0);
	add_stanza(&file, "a", "x1y2x3");
	add_stanza(&file, "b", "");
	add_stanza(&file, "a", "y4z5z6");
	add_stanza(&file, "a", "z7w8");
	assert_int_equal(am_records_index(&file, NULL), 0);
	assert_fields(&file, "a", "x3y2z6w8");
	assert_fields(&file, "b", "");
	file.line_oriented = 1; /* where a line is a record, later ones add nothing */
	assert_fields(&file, "a", "x3y2");
	am_records_free(&file);
}

static void test_attributes_of_a_key_are_bounded(void **state)
{
	const struct am_field **list;
	struct am_records file;
	struct am_error error;
	size_t count;

	(void)state;
	assert_int_equal(am_records_init(&file, "/etc/x", "", 0, NULL), 0);
	for (int i = 0; i < AM_RECORDS_FIELDS; i++)
		add_stanza(&file, "a", "x1");
	assert_int_equal(am_records_index(&file, NULL), 0);
	assert_fields(&file, "a", "x1");
	am_records_free(&file);
	assert_int_equal(am_records_init(&file, "/etc/x", "", 0, NULL), 0);
	for (int i = 0; i <= AM_RECORDS_FIELDS; i++)
		add_stanza(&file, "a", "x1");
	file.records[0].line = 12;
	assert_int_equal(am_records_index(&file, NULL), 0);
	assert_int_equal(am_record_fields(&file, file.records, &list, &count, &error), -1);
	assert_string_equal(error.code, "CONFIG_SYNTAX");
	assert_string_equal(error.message, "parse: /etc/x: line 12: too many attributes");
	am_records_free(&file);
}

static void test_lines_and_their_content(void **state)
{
	struct am_records file;

	(void)state;
	assert_int_equal(am_records_init(&file, "/etc/x", "a\n\nlast", 7, NULL), 0);
	assert_true(am_slice_is(am_records_line(&file, 0), "a\n"));
	assert_true(am_slice_is(am_records_line(&file, 2), "\n"));
	assert_true(am_slice_is(am_records_line(&file, 3), "last"));
	assert_int_equal(am_records_line(&file, 7).length, 0);
	am_records_free(&file);
	assert_true(am_slice_is(am_line_content(SLICE("a\r\n")), "a"));
	assert_true(am_slice_is(am_line_content(SLICE("a\r\r\n")), "a\r"));
	assert_true(am_slice_is(am_line_content(SLICE("a\n\n")), "a\n"));
	assert_true(am_slice_is(am_line_content(SLICE("a ")), "a "));
	assert_true(am_slice_is(am_line_content(SLICE("\r\n")), ""));
	assert_true(am_slice_is(am_line_content(SLICE("")), ""));
}

static void test_keys_of_columns(void **state)
{
	static const size_t key[] = {2, 0};
	struct am_columns columns = {
		.names = names, .count = 3, .key = key, .key_count = 2, .first_bytes = 3};
	struct am_slice full[] = {SLICE("a"), SLICE("-"), SLICE("terminal")};
	struct am_slice dash[] = {SLICE("-"), SLICE("b"), SLICE("-")};
	struct am_slice first, second;
	struct am_records file;

	(void)state;
	assert_int_equal(am_records_init(&file, "/etc/x", "a - terminal\n", 13, NULL), 0);
	assert_int_equal(am_records_room_for_keys(&file, NULL), 0);
	first = am_records_compose_key(&file, &columns, full, 3);
	assert_true(am_slice_is(first, "ter\ta"));
	second = am_records_compose_key(&file, &columns, dash, 3);
	assert_true(am_slice_is(second, "-\t-"));
	columns.dash_is_absent = 1;
	assert_true(am_slice_is(am_records_compose_key(&file, &columns, dash, 3), "\t"));
	/* a line that ends before a column of the key */
	assert_true(am_slice_is(am_records_compose_key(&file, &columns, full, 1), "\ta"));
	assert_true(am_slice_is(am_records_compose_key(&file, &columns, full, 0), "\t"));
	assert_true(am_slice_is(first, "ter\ta")); /* those before stay */
	am_records_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_no_text_file_holds_is_refused),
		cmocka_unit_test(test_every_byte_comes_out_again),
		cmocka_unit_test(test_comments_belong_to_the_next_record),
		cmocka_unit_test(test_a_head_comment_needs_a_blank_line),
		cmocka_unit_test(test_live_records_win_and_repeats_are_linked),
		cmocka_unit_test(test_notes_are_bounded),
		cmocka_unit_test(test_the_last_value_in_a_stanza_the_first_of_several),
		cmocka_unit_test(test_attributes_of_a_key_are_bounded),
		cmocka_unit_test(test_lines_and_their_content),
		cmocka_unit_test(test_keys_of_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
