/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "odm/class_file.h"

static const struct am_odm_definition definitions[] = {
	{"name", AM_ODM_CHAR, 16, NULL, NULL},
	{"value", AM_ODM_CHAR, 256, NULL, NULL}, /* kept in the string file */
	{"index", AM_ODM_SHORT, 0, NULL, NULL},
	{"text", AM_ODM_VCHAR, 64, NULL, NULL},
	{"ln", AM_ODM_LINK, 8, "Other", "key"},
	{"wide", AM_ODM_INT64, 0, NULL, NULL},
};
#define FIELDS (sizeof definitions / sizeof *definitions)

static struct am_odm_value text(const char *string)
{
	return (struct am_odm_value){AM_ODM_TEXT, string, strlen(string), 0, 0};
}

/* A class of three objects, one of them deleted. */
static struct am_odm_class *sample(void)
{
	struct am_error error;
	struct am_odm_class *class =
		am_odm_class_create("Test", "Test", definitions, FIELDS, &error);

	assert_non_null(class);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {"zero", "one", "two"};
		struct am_odm_value values[FIELDS] = {text(names[i]), text("kept apart"), text("7"),
			text("a string"), text("k"), text("-1")};

		assert_int_equal(am_odm_class_add(class, values, &error), 0);
	}
	assert_int_equal(am_odm_class_delete(class, 1, &error), 0);
	return class;
}

/* The two files, in memory of exactly their size, so that a read beyond them is seen. */
struct files {
	unsigned char *data, *strings;
	size_t length, strings_length;
};

static struct files files_of(const struct am_odm_class *class)
{
	const struct am_buf *data, *strings;
	struct files f;

	am_odm_class_images(class, &data, &strings);
	f.length = data->length;
	f.strings_length = strings->length;
	f.data = malloc(f.length);
	f.strings = malloc(f.strings_length);
	memcpy(f.data, data->data, f.length);
	memcpy(f.strings, strings->data, f.strings_length);
	return f;
}

static void free_files(struct files *f)
{
	free(f->data);
	free(f->strings);
}

/* Reads every field, and tries every kind of change; whatever a class let through must bear that.
 */
static void use(struct am_odm_class *class)
{
	struct am_error error;
	size_t count;
	size_t total = 0;

	if (class == NULL)
		return;
	(void)am_odm_class_descriptors(class, &count);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		for (size_t i = 0; am_odm_class_live(class, slot) && i < count; i++) {
			struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

			am_odm_class_get(class, slot, i, &value);
			for (size_t k = 0; k < value.length; k++)
				total += (unsigned char)value.text[k];
		}
	}
	assert_true(total < SIZE_MAX);
	if (count == FIELDS) {
		struct am_odm_value values[FIELDS] = {
			text("new"), text("new"), text("1"), text("new"), text("n"), text("2")};

		if (am_odm_class_add(class, values, &error) == 0) {
			assert_int_equal(am_odm_class_change(class, 0, values, &error), 0);
			assert_int_equal(am_odm_class_delete(class, 0, &error), 0);
		}
	}
	am_odm_class_free(class);
}

static struct am_odm_class *parse(const struct files *f)
{
	struct am_error error = {{0}, {0}};
	struct am_odm_class *class = am_odm_class_parse(
		"Test", f->data, f->length, f->strings, f->strings_length, &error);

	if (class == NULL) {
		assert_string_equal(error.code, "ODM_FORMAT");
		assert_non_null(strstr(error.message, "odm: Test"));
		assert_non_null(strstr(error.message, "offset 0x"));
	}
	return class;
}

static void put32(unsigned char *p, uint32_t value)
{
	p[0] = (unsigned char)(value >> 24);
	p[1] = (unsigned char)(value >> 16);
	p[2] = (unsigned char)(value >> 8);
	p[3] = (unsigned char)value;
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void a_class_reads_back(void **state)
{
	struct am_odm_class *class = sample();
	struct files f = files_of(class);
	struct am_odm_class *again = parse(&f);
	struct am_odm_value value;
	struct am_error error;

	(void)state;
	assert_non_null(again);
	assert_int_equal(am_odm_class_slots(again), 3);
	assert_false(am_odm_class_live(again, 1));
	am_odm_class_get(again, 2, 1, &value);
	assert_int_equal(value.length, 10);
	assert_memory_equal(value.text, "kept apart", 10);
	am_odm_class_get(again, 2, 5, &value);
	assert_int_equal(value.number, -1);
	assert_int_equal(am_odm_class_writable(again, &error), 0);
	am_odm_class_free(again);
	am_odm_class_free(class);
	free_files(&f);
}

/* A variant of one of the two files, the other as it is. */
static int parse_variant(const void *data, size_t length, void *context, struct am_error *error)
{
	const struct files *f = context;
	struct am_odm_class *class = f->data == NULL ? am_odm_class_parse("Test", data, length,
							       f->strings, f->strings_length, error)
						     : am_odm_class_parse("Test", f->data,
							       f->length, data, length, error);

	if (class == NULL)
		assert_string_equal(error->code, "ODM_FORMAT");
	use(class);
	return class != NULL;
}

/* Cut at each byte, and each word of the header, the descriptors, the names, the records and the
 * string file wrong in turn: lengths and offsets are among them. */
static void every_field_may_be_wrong(void **state)
{
	struct am_odm_class *class = sample();
	struct files f = files_of(class);
	struct files others[] = {
		{NULL, f.strings, 0, f.strings_length}, {f.data, NULL, f.length, 0}};

	(void)state;
	am_odm_class_free(class);
	for (int which = 0; which < 2; which++) {
		/* The rest of the last page is padding, and cutting that does no harm. */
		struct hostile h = {.data = which == 0 ? f.data : f.strings,
			.length = which == 0 ? 1000 : 120,
			.parse = parse_variant,
			.subject = "odm: Test",
			.context = &others[which]};

		hostile_cuts(&h);
		for (unsigned width = 1; width <= 4; width *= 2)
			hostile_words(&h, 0, h.length, width, HOSTILE_BE);
		assert_true(h.refused > 100);
	}
	free_files(&f);
}

static void refused(struct files *f, size_t at, uint32_t value)
{
	uint32_t old = get32(f->data + at);

	put32(f->data + at, value);
	assert_null(parse(f));
	put32(f->data + at, old);
}

static void what_cannot_be_is_refused(void **state)
{
	struct am_odm_class *class = sample();
	struct files f = files_of(class);
	size_t first = get32(f.data + 0x2C);
	struct files without = f;

	(void)state;
	am_odm_class_free(class);
	refused(&f, 0x00, 0x000DCFAD);        /* magic */
	refused(&f, 0x144, 0);                /* end magic */
	refused(&f, 0x04, 1000000);           /* more records than the file holds */
	refused(&f, 0x10, 0xFFFFFF);          /* name outside */
	refused(&f, 0x14, 12);                /* record smaller than its fields */
	refused(&f, 0x14, 0x7FFFFFFF);        /* huge */
	refused(&f, 0x18, 0x10000);           /* descriptors */
	refused(&f, 0x1C, 0xFFFFFFF0);        /* their table */
	refused(&f, 0x2C, 0xFFFFFFF0);        /* records */
	refused(&f, 0x148 + 4, 12);           /* type */
	refused(&f, 0x148 + 8, 0);            /* field over the record's head */
	refused(&f, 0x148 + 12, 0xFFFFFFFF);  /* size */
	refused(&f, 0x148 + 36, 2);           /* unknown mark */
	refused(&f, 0x148 + 80 + 36, 1);      /* a number kept as string */
	refused(&f, first + 12 + 16, 0xFFFF); /* reference beyond the strings */
	without.strings = NULL;
	without.strings_length = 0;
	assert_null(parse(&without)); /* references without strings */
	f.data[get32(f.data + 0x10)] = '/';
	assert_null(parse(&f)); /* a name that could lead somewhere */
	free_files(&f);
}

static void a_deleted_record_may_hold_anything(void **state)
{
	struct am_odm_class *class = sample();
	struct files f = files_of(class);
	size_t first = get32(f.data + 0x2C);
	size_t size = (get32(f.data + 0x14) - 252);
	struct am_error error;

	(void)state;
	am_odm_class_free(class);
	memset(f.data + first + size + 4, 0xEE, size - 4);
	class = parse(&f);
	assert_non_null(class);
	assert_int_equal(am_odm_class_writable(class, &error), 0);
	use(class);
	free_files(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_class_reads_back),
		cmocka_unit_test(every_field_may_be_wrong),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_deleted_record_may_hold_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
