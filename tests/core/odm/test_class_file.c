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

	if (class == NULL) /* an empty string file is as good as none */
		assert_string_equal(
			error->code, f->data != NULL && length == 0 ? "ODM_STRINGS" : "ODM_FORMAT");
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
	f.data[get32(f.data + 0x10)] = '/';
	assert_null(parse(&f)); /* a name that could lead somewhere */
	free_files(&f);
}

static void a_missing_string_file_is_no_damage(void **state)
{
	struct am_odm_class *class = sample();
	struct files f = files_of(class);
	size_t first = get32(f.data + 0x2C);
	size_t size = get32(f.data + 0x14) - 252;
	struct am_error error;

	(void)state;
	am_odm_class_free(class);
	assert_null(am_odm_class_parse("/x/Test", f.data, f.length, NULL, 0, &error));
	assert_string_equal(error.code, "ODM_STRINGS");
	assert_non_null(strstr(error.message, "'value' of record 0 is kept in the string file "
					      "/x/Test.vc, which is missing: put"));
	assert_null(am_odm_class_parse("/x/Test", f.data, f.length, "", 0, &error));
	assert_string_equal(error.code, "ODM_STRINGS");
	assert_non_null(strstr(error.message, "/x/Test.vc, which is empty"));
	/* Nothing is kept there as long as all strings are empty. */
	for (size_t slot = 0; slot < 3; slot++) {
		memset(f.data + first + slot * size + 12 + 16, 0, 4);
		memset(f.data + first + slot * size + 12 + 16 + 4 + 2 + 2, 0, 4);
	}
	class = am_odm_class_parse("/x/Test", f.data, f.length, NULL, 0, &error);
	assert_non_null(class);
	use(class);
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

/* --- bytes that no value has ---
 *
 * Random classes whose records have stale bytes behind the NUL of strings, in the padding and in
 * the words of a link, and whose string files have strings that nobody refers to. ODM_SEED=N tries
 * that one, ODM_ROUNDS=N so many. */

static uint64_t random_state;
static unsigned long tried_seed; /* 0: all went well */

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 16) % below);
}

enum { WIDE = 8, LONGEST = 400 };

struct stale {
	struct am_odm_definition definitions[WIDE];
	char names[WIDE][8];
	size_t count;
	struct am_odm_class *class;
	size_t first, size; /* of the records, in the file */
};

static void random_definitions(struct stale *s)
{
	static const uint32_t sizes[] = {1, 2, 5, 16, 255, 256, 300};

	s->count = 1 + draw(WIDE);
	for (size_t i = 0; i < s->count; i++) {
		struct am_odm_definition *d = &s->definitions[i];

		*d = (struct am_odm_definition){
			s->names[i], (enum am_odm_type)draw(AM_ODM_TYPES), 0, NULL, NULL};
		snprintf(s->names[i], sizeof s->names[i], "f%zu", i);
		if (am_odm_kind_of(d->type) == AM_ODM_TEXT)
			d->size = sizes[draw(sizeof sizes / sizeof *sizes)];
		if (d->type == AM_ODM_LINK) {
			d->link_class = "Other";
			d->link_key = "key";
		}
	}
}

/* A value that the descriptor can hold; its text is in `text`. */
static struct am_odm_value random_value(const struct am_odm_descriptor *d, char text[LONGEST])
{
	struct am_odm_value value = {am_odm_kind_of(d->type), text, 0, 0, 0};
	uint32_t room = d->type == AM_ODM_VCHAR ? LONGEST : d->size;

	switch (value.kind) {
	case AM_ODM_TEXT:
		value.length = d->type == AM_ODM_BINARY ? d->size : draw(room);
		for (size_t i = 0; i < value.length; i++)
			text[i] = (char)(d->type == AM_ODM_BINARY ? draw(256) : 'a' + draw(26));
		break;
	case AM_ODM_NUMBER:
		value.number = (int64_t)draw(30000);
		break;
	default:
		value.real = (double)draw(1000) / 8;
	}
	return value;
}

static char *record_of(struct stale *s, struct files *f, size_t slot)
{
	return (char *)f->data + s->first + slot * s->size;
}

/* Stale bytes wherever no value is: everywhere, then the values that were there. */
static void make_stale(struct stale *s, struct files *f)
{
	size_t count;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(s->class, &count);

	for (size_t slot = 0; slot < am_odm_class_slots(s->class); slot++) {
		char *record = record_of(s, f, slot), *old = malloc(s->size);

		memcpy(old, record, s->size);
		for (size_t i = 4; i < s->size; i++)
			record[i] = (char)draw(256);
		for (size_t i = 0; i < count; i++) {
			size_t at = d[i].offset, width = d[i].width;
			int plain = am_odm_kind_of(d[i].type) != AM_ODM_TEXT || d[i].external ||
				    d[i].type == AM_ODM_VCHAR || d[i].type == AM_ODM_BINARY;

			if (d[i].type == AM_ODM_LINK) { /* its pointers may be anything */
				at += 8;
				width -= 8;
			}
			memcpy(record + at, old + at,
				plain ? width : strnlen(old + at, width - 1) + 1);
			/* A string that fills its room has no NUL. */
			if (!plain && draw(20) == 0)
				memset(record + at, 'F', width);
		}
		free(old);
	}
	for (size_t at = s->first + am_odm_class_slots(s->class) * s->size; at < f->length; at++)
		f->data[at] = (unsigned char)draw(256);  /* behind the records */
	for (size_t i = 0; i < f->strings_length; i++) { /* behind the strings */
		if (i >= get32(f->strings + 0x18) + (size_t)get32(f->strings + 4))
			f->strings[i] = (unsigned char)draw(256);
	}
}

static void random_class(struct stale *s)
{
	struct am_error error;
	const struct am_buf *data, *strings;
	struct files f = {0};
	size_t objects = 1 + draw(6), moved = 0, count;
	const struct am_odm_descriptor *d;
	static char texts[WIDE][LONGEST];

	random_definitions(s);
	s->class = am_odm_class_create("Test", "Test", s->definitions, s->count, &error);
	assert_non_null(s->class);
	d = am_odm_class_descriptors(s->class, &count);
	for (size_t n = 0; n < objects; n++) {
		struct am_odm_value values[WIDE];

		for (size_t i = 0; i < count; i++)
			values[i] = random_value(&d[i], texts[i]);
		assert_int_equal(am_odm_class_add(s->class, values, &error), 0);
	}
	if (objects > 1 && draw(2) == 0)
		assert_int_equal(am_odm_class_delete(s->class, draw((uint32_t)objects), &error), 0);
	am_odm_class_images(s->class, &data, &strings);
	f.length = data->length;
	f.data = malloc(f.length);
	memcpy(f.data, data->data, f.length);
	if (strings != NULL) {
		f.strings_length = strings->length;
		f.strings = malloc(f.strings_length);
		memcpy(f.strings, strings->data, f.strings_length);
	}
	for (size_t i = 0; i < count; i++)
		moved += d[i].external ? d[i].size - 4 : 0;
	s->first = get32(f.data + 0x2C);
	s->size = get32(f.data + 0x14) - moved;
	make_stale(s, &f);
	am_odm_class_free(s->class);
	s->class = parse(&f);
	assert_non_null(s->class);
	assert_int_equal(am_odm_class_writable(s->class, &error), 0);
	free_files(&f);
}

static size_t live_slot(const struct am_odm_class *class)
{
	size_t slot;

	do
		slot = draw((uint32_t)am_odm_class_slots(class));
	while (!am_odm_class_live(class, slot));
	return slot;
}

static struct files images(const struct am_odm_class *class)
{
	const struct am_buf *data, *strings;
	struct files f = {0};

	am_odm_class_images(class, &data, &strings);
	f.length = data->length;
	f.data = malloc(f.length);
	memcpy(f.data, data->data, f.length);
	if (strings != NULL && (f.strings = malloc(strings->length)) != NULL) {
		f.strings_length = strings->length;
		memcpy(f.strings, strings->data, f.strings_length);
	}
	return f;
}

/* What is the same in both: all but the bytes from `at` to `end` of the class file, and all that
 * was in use of the string file. */
static void same_but(const struct files *before, const struct files *now, size_t at, size_t end)
{
	size_t used = before->strings == NULL
			      ? 0
			      : get32(before->strings + 0x18) + (size_t)get32(before->strings + 4);

	assert_true(at <= end && end <= now->length && now->length >= before->length);
	assert_memory_equal(now->data, before->data, at < before->length ? at : before->length);
	if (end < before->length)
		assert_memory_equal(now->data + end, before->data + end, before->length - end);
	for (size_t i = before->length > end ? before->length : end; i < now->length; i++)
		assert_int_equal(now->data[i], 0);
	if (used > 0) { /* the number of bytes in use may grow */
		assert_memory_equal(now->strings, before->strings, 4);
		assert_memory_equal(now->strings + 8, before->strings + 8, used - 8);
	}
}

static void same_value(const struct am_odm_value *a, const struct am_odm_value *b)
{
	assert_int_equal(a->kind, b->kind);
	if (a->kind == AM_ODM_TEXT) {
		assert_int_equal(a->length, b->length);
		if (a->length > 0)
			assert_memory_equal(a->text, b->text, a->length);
	} else if (a->kind == AM_ODM_NUMBER) {
		assert_int_equal(a->number, b->number);
	} else {
		assert_true(a->real == b->real);
	}
}

static void change_one(struct stale *s)
{
	struct am_odm_value values[WIDE] = {{AM_ODM_NONE, "", 0, 0, 0}}, old, is;
	size_t count, slot = live_slot(s->class), field;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(s->class, &count);
	struct files before = images(s->class), now;
	struct am_error error;
	char text_of[LONGEST], kept[LONGEST];
	int same = draw(4) == 0;
	size_t at, in_record;

	field = draw((uint32_t)count);
	in_record = s->first + slot * s->size + d[field].offset;
	am_odm_class_get(s->class, slot, field, &old);
	values[field] = random_value(&d[field], text_of);
	if (same) {
		values[field] = old;
		if (old.kind == AM_ODM_TEXT && old.length > 0) {
			memcpy(kept, old.text, old.length);
			values[field].text = kept;
		}
	}
	assert_int_equal(am_odm_class_change(s->class, slot, values, &error), 0);
	now = images(s->class);
	same_but(&before, &now, in_record, in_record + (same ? 0 : d[field].width));
	am_odm_class_get(s->class, slot, field, &is);
	same_value(&is, &values[field]);
	at = in_record + (d[field].type == AM_ODM_LINK ? 8 : 0) + is.length + 1;
	if (is.kind == AM_ODM_TEXT && !d[field].external && d[field].type != AM_ODM_VCHAR &&
		d[field].type != AM_ODM_BINARY && at < in_record + d[field].width)
		assert_memory_equal(
			now.data + at, before.data + at, in_record + d[field].width - at);
	free_files(&before);
	free_files(&now);
}

static void add_one(struct stale *s)
{
	struct am_odm_value values[WIDE] = {{AM_ODM_NONE, "", 0, 0, 0}};
	size_t count, slots = am_odm_class_slots(s->class), at = s->first + slots * s->size;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(s->class, &count);
	struct files before = images(s->class), now;
	size_t field = draw((uint32_t)count), begin = d[field].offset;
	char text_of[LONGEST];
	struct am_error error;

	values[field] = random_value(&d[field], text_of);
	assert_int_equal(am_odm_class_add(s->class, values, &error), 0);
	now = images(s->class);
	assert_int_equal(get32(now.data + 4), slots + 1);
	put32(now.data + 4, (uint32_t)slots);
	same_but(&before, &now, at, at + s->size);
	assert_int_equal(get32(now.data + at), slots);
	for (size_t i = 4; i < s->size; i++) {
		if (i < begin || i >= begin + d[field].width)
			assert_int_equal(now.data[at + i], 0);
	}
	free_files(&before);
	free_files(&now);
}

static void delete_one(struct stale *s)
{
	struct files before = images(s->class), now;
	size_t slot = live_slot(s->class), at = s->first + slot * s->size;
	struct am_error error;

	assert_int_equal(am_odm_class_delete(s->class, slot, &error), 0);
	now = images(s->class);
	same_but(&before, &now, at, at + 4);
	free_files(&before);
	free_files(&now);
	add_one(s); /* so that one is live */
}

static void a_change_writes_its_field_alone(void **state)
{
	const char *one = getenv("ODM_SEED"), *rounds = getenv("ODM_ROUNDS");
	unsigned long seed = one != NULL ? strtoul(one, NULL, 10) : 1;
	unsigned long last = one != NULL ? seed : rounds != NULL ? strtoul(rounds, NULL, 10) : 2000;

	(void)state;
	for (; seed <= last; seed++) {
		struct stale s;
		struct files f;

		random_state = seed * 0x9E3779B97F4A7C15ULL | 1;
		tried_seed = seed;
		random_class(&s);
		for (int i = 0; i < 8; i++) {
			uint32_t what = draw(6);

			if (what == 0)
				delete_one(&s);
			else if (what == 1)
				add_one(&s);
			else
				change_one(&s);
		}
		f = images(s.class);
		am_odm_class_free(s.class);
		s.class = parse(&f);
		assert_non_null(s.class);
		am_odm_class_free(s.class);
		free_files(&f);
	}
	tried_seed = 0;
}

static int tell_seed(void **state)
{
	(void)state;
	if (tried_seed != 0)
		fprintf(stderr, "# ODM_SEED=%lu\n", tried_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_class_reads_back),
		cmocka_unit_test(every_field_may_be_wrong),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_missing_string_file_is_no_damage),
		cmocka_unit_test(a_deleted_record_may_hold_anything),
		cmocka_unit_test_teardown(a_change_writes_its_field_alone, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
