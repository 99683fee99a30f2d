#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigar.h"

static const struct am_bigar_member members[] = {
	{"first", 1, 2, 3, 0100644, (const unsigned char *)"abc", 3, 0},
	{"second", 4, 5, 6, 0100755, (const unsigned char *)"", 0, 0},
	{"third", 7, 8, 9, 0100600, (const unsigned char *)"0123456789", 10, 0},
};

/* The archive in memory of exactly its size, so that a read beyond it is seen. */
static char *archive(size_t *length)
{
	struct am_buf out = {0};
	struct am_error error;
	char *exact;

	assert_int_equal(am_bigar_format(members, 3, &out, &error), 0);
	exact = malloc(out.length);
	memcpy(exact, out.data, out.length);
	*length = out.length;
	am_buf_free(&out);
	return exact;
}

static void refused_with(const char *code, const char *data, size_t length)
{
	struct am_error error = {{0}, {0}};

	assert_null(am_bigar_parse("test", data, length, &error));
	assert_string_equal(error.code, code);
	assert_non_null(strstr(error.message, "ar: test: offset 0x"));
}

static void members_are_found(void **state)
{
	struct am_error error;
	size_t length;
	char *data = archive(&length);
	struct am_bigar *ar = am_bigar_parse("test", data, length, &error);

	(void)state;
	assert_non_null(ar);
	assert_int_equal(am_bigar_count(ar), 3);
	assert_string_equal(am_bigar_member(ar, 1)->name, "second");
	assert_memory_equal(am_bigar_find(ar, "third")->data, "0123456789", 10);
	assert_null(am_bigar_find(ar, "fourth"));
	am_bigar_free(ar);
	free(data);
}

static void small_format_is_read(void **state)
{
	static const char data[] =
		"<aiaff>\n" /* 68 bytes: member table, symbols, first, last, free */
		"0           0           68          164         0           "
		"3           164         0           11          2           3           "
		"100644      2   ab`\nabc\0"
		"2           0           68          12          2           3           "
		"100600      1   c\0`\nxy";
	struct am_error error = {{0}, {0}};
	struct am_bigar *ar = am_bigar_parse("test", data, sizeof data - 1, &error);

	(void)state;
	assert_string_equal(error.message, "");
	assert_non_null(ar);
	assert_int_equal(am_bigar_count(ar), 2);
	assert_memory_equal(am_bigar_find(ar, "ab")->data, "abc", 3);
	assert_int_equal(am_bigar_find(ar, "c")->mode, 0100600);
	assert_int_equal(am_bigar_find(ar, "c")->date, 12);
	am_bigar_free(ar);
}

static void every_cut_is_refused(void **state)
{
	size_t length;
	char *data = archive(&length);

	(void)state;
	/* The very last byte only pads the member table. */
	for (size_t cut = 0; cut < length - 1; cut++) {
		struct am_error error = {{0}, {0}};
		char *exact = malloc(cut + 1);

		memcpy(exact, data, cut);
		exact = realloc(exact, cut > 0 ? cut : 1);
		assert_null(am_bigar_parse("test", exact, cut, &error));
		assert_true(error.code[0] != '\0');
		free(exact);
	}
	free(data);
}

static void put_field(char *data, size_t offset, size_t width, const char *text)
{
	memset(data + offset, ' ', width);
	memcpy(data + offset, text, strlen(text));
}

/* Every number of the archive header and of each member's header, wrong in many ways. */
static void every_field_may_be_wrong(void **state)
{
	static const char *const wrong[] = {"x", "-1", "1", "9999", "9223372036854775808",
		"99999999999999999999", "128", "129", " 1", "0x80"};
	static const size_t widths[] = {20, 20, 20, 12, 12, 12, 12, 4};
	size_t length;
	char *data = archive(&length);
	char *copy = malloc(length);
	struct am_error error;
	struct am_bigar *good = am_bigar_parse("test", data, length, &error);

	(void)state;
	for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
		for (size_t field = 8; field < 128; field += 20) {
			memcpy(copy, data, length);
			put_field(copy, field, 20, wrong[w]);
			am_bigar_free(am_bigar_parse("test", copy, length, &error));
		}
		for (size_t i = 0; i < am_bigar_count(good); i++) {
			size_t at = am_bigar_member(good, i)->offset;

			for (size_t f = 0; f < 8; f++) {
				memcpy(copy, data, length);
				if (strlen(wrong[w]) <= widths[f])
					put_field(copy, at, widths[f], wrong[w]);
				am_bigar_free(am_bigar_parse("test", copy, length, &error));
				at += widths[f];
			}
		}
	}
	am_bigar_free(good);
	free(copy);
	free(data);
}

static void contradictions_are_refused(void **state)
{
	size_t length;
	char *data = archive(&length);
	char *copy = malloc(length);
	struct am_error error;
	struct am_bigar *ar = am_bigar_parse("test", data, length, &error);
	size_t second = am_bigar_member(ar, 1)->offset;
	size_t third = am_bigar_member(ar, 2)->offset;

	(void)state;
	memcpy(copy, data, length);
	put_field(copy, second + 20, 20, "128"); /* back to the first */
	refused_with("BIGAR_CHAIN", copy, length);
	memcpy(copy, data, length);
	put_field(copy, second + 40, 20, "7"); /* not the one before */
	refused_with("BIGAR_CHAIN", copy, length);
	memcpy(copy, data, length);
	put_field(copy, second + 20, 20, "0"); /* ends early */
	refused_with("BIGAR_CHAIN", copy, length);
	memcpy(copy, data, length);
	copy[third + 112] = 'T'; /* another name than in the table */
	refused_with("BIGAR_TABLE", copy, length);
	memcpy(copy, data, length);
	copy[third + 113] = '\0';
	refused_with("BIGAR_NAME", copy, length);
	memcpy(copy, data, length);
	copy[0] = '!';
	refused_with("BIGAR_MAGIC", copy, length);
	am_bigar_free(ar);
	free(copy);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(small_format_is_read),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_field_may_be_wrong),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
