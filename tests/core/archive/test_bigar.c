/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/bigar.h"
#include "hostile.h"

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

/* The first member of that name, or NULL. */
static const struct am_bigar_member *find(const struct am_bigar *ar, const char *name)
{
	for (size_t i = 0; i < am_bigar_count(ar); i++) {
		if (strcmp(am_bigar_member(ar, i)->name, name) == 0)
			return am_bigar_member(ar, i);
	}
	return NULL;
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
	assert_memory_equal(find(ar, "third")->data, "0123456789", 10);
	assert_null(find(ar, "fourth"));
	am_bigar_free(ar);
	free(data);
}

static const char small[] =
	"<aiaff>\n" /* 68 bytes: member table, symbols, first, last, free */
	"0           0           68          164         0           "
	"3           164         0           11          2           3           "
	"100644      2   ab`\nabc\0"
	"2           0           68          12          2           3           "
	"100600      1   c\0`\nxy";

static void small_format_is_read(void **state)
{
	struct am_error error = {{0}, {0}};
	struct am_bigar *ar = am_bigar_parse("test", small, sizeof small - 1, &error);

	(void)state;
	assert_string_equal(error.message, "");
	assert_non_null(ar);
	assert_int_equal(am_bigar_count(ar), 2);
	assert_memory_equal(find(ar, "ab")->data, "abc", 3);
	assert_int_equal(find(ar, "c")->mode, 0100600);
	assert_int_equal(find(ar, "c")->date, 12);
	am_bigar_free(ar);
}

static void put_field(char *data, size_t offset, size_t width, const char *text)
{
	memset(data + offset, ' ', width);
	memcpy(data + offset, text, strlen(text));
}

static int read_all(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_bigar *ar = am_bigar_parse("test", data, length, error);
	size_t total = 0;

	(void)context;
	for (size_t i = 0; ar != NULL && i < am_bigar_count(ar); i++) {
		const struct am_bigar_member *m = am_bigar_member(ar, i);

		assert_non_null(find(ar, m->name));
		for (size_t k = 0; k < m->size; k++)
			total += m->data[k];
	}
	assert_true(total < SIZE_MAX);
	am_bigar_free(ar);
	return ar != NULL;
}

/* All fields of a member's header. */
static void member_fields(struct hostile *h, size_t at, unsigned wide)
{
	const unsigned widths[] = {wide, wide, wide, 12, 12, 12, 12, 4};

	for (size_t f = 0; f < sizeof widths / sizeof *widths; f++) {
		struct hostile_field field = {at, widths[f], HOSTILE_DECIMAL};

		hostile_fields(h, &field, 1);
		at += widths[f];
	}
}

static void any_field_of_the_big_format_may_be_wrong(void **state)
{
	size_t length;
	char *data = archive(&length);
	struct hostile h = {.data = (unsigned char *)data,
		.length = length,
		.parse = read_all,
		.subject = "ar: test: "};
	struct hostile_field table = {8, 20, HOSTILE_DECIMAL};
	struct am_error error;
	struct am_bigar *good = am_bigar_parse("test", data, length, &error);
	size_t at = (size_t)hostile_get(h.data + 8, &table);

	(void)state;
	hostile_cuts(&h);
	assert_int_equal(h.read, 1); /* the very last byte only pads the member table */
	for (size_t field = 8; field < 128; field += 20)
		hostile_words(&h, field, field + 20, 20, HOSTILE_DECIMAL);
	for (size_t i = 0; i < am_bigar_count(good); i++)
		member_fields(&h, am_bigar_member(good, i)->offset, 20);
	/* The member table: its header, its count, its offsets; then all bytes. */
	member_fields(&h, at, 20);
	hostile_words(&h, at + 114, at + 114 + 4 * 20, 20, HOSTILE_DECIMAL);
	hostile_bytes(&h, 0, length);
	am_bigar_free(good);
	free(data);
}

static void any_field_of_the_small_format_may_be_wrong(void **state)
{
	struct hostile h = {.data = (const unsigned char *)small,
		.length = sizeof small - 1,
		.parse = read_all,
		.subject = "ar: test: "};

	(void)state;
	hostile_cuts(&h);
	assert_int_equal(h.read, 0);
	hostile_words(&h, 8, 68, 12, HOSTILE_DECIMAL);
	member_fields(&h, 68, 12);
	member_fields(&h, 164, 12);
	hostile_bytes(&h, 0, h.length);
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

/* The small format with a member table, in another order than the chain. */
static void the_small_format_has_a_table_too(void **state)
{
	static const char with_table[] =
		"<aiaff>\n"
		"258         0           68          164         0           "
		"3           164         0           11          2           3           "
		"100644      2   ab`\nabc\0"
		"2           258         68          12          2           3           "
		"100600      1   c\0`\nxy"
		"41          0           164         0           0           0           "
		"0           0   `\n"
		"2           164         68          c\0ab\0";
	struct am_error error = {{0}, {0}};
	struct am_bigar *ar = am_bigar_parse("test", with_table, sizeof with_table, &error);

	(void)state;
	assert_string_equal(error.message, "");
	assert_non_null(ar);
	assert_int_equal(am_bigar_count(ar), 2);
	assert_string_equal(am_bigar_member(ar, 0)->name, "ab");
	assert_string_equal(am_bigar_member(ar, 1)->name, "c");
	am_bigar_free(ar);
}

/* The table of a real library lists the members of the chain in another order. */
static void the_table_may_have_another_order(void **state)
{
	struct am_error error = {{0}, {0}};
	size_t length;
	char *data = archive(&length), *copy = archive(&length), first[20];
	size_t offsets, names = 0;
	struct am_bigar *ar;

	(void)state;
	while (memcmp(data + names, "first\0second\0third", 19) != 0)
		assert_true(++names < length - 19);
	offsets = names - 3 * 20;
	memcpy(first, copy + offsets, 20);
	memcpy(copy + offsets, data + offsets + 40, 20);
	memcpy(copy + offsets + 40, first, 20);
	memcpy(copy + names, "third\0second\0first", 19);
	ar = am_bigar_parse("test", copy, length, &error);
	assert_string_equal(error.message, "");
	assert_non_null(ar);
	assert_string_equal(am_bigar_member(ar, 0)->name, "first");
	assert_string_equal(am_bigar_member(ar, 2)->name, "third");
	am_bigar_free(ar);
	/* one of them twice, and a name that is another's */
	memcpy(copy + offsets, first, 20);
	memcpy(copy + names, "first\0second\0first", 19);
	refused_with("BIGAR_TABLE", copy, length);
	memcpy(copy, data, length);
	memcpy(copy + names, "third\0second\0first", 19);
	refused_with("BIGAR_TABLE", copy, length);
	free(copy);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(the_table_may_have_another_order),
		cmocka_unit_test(the_small_format_has_a_table_too),
		cmocka_unit_test(small_format_is_read),
		cmocka_unit_test(any_field_of_the_big_format_may_be_wrong),
		cmocka_unit_test(any_field_of_the_small_format_may_be_wrong),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
