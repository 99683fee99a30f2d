/* SPDX-License-Identifier: MIT */
/*
 * Class files and string files: the input is the string file's length (two bytes, little-endian),
 * the string file, the class file. A class that is read bears every use; a change that it accepted
 * wrote the bytes of the changed fields and no others, and the new files are read again and hold
 * what was set.
 */
#include "fuzz.h"
#include "odm/class_file.h"
#include "odm/merge.h"

enum { TRIED = 16 }; /* slots that are changed */

static struct am_odm_class *parse(const struct fuzz_part *data, const struct fuzz_part *strings)
{
	struct am_error error;
	struct am_odm_class *class = am_odm_class_parse(
		"Input", data->data, data->length, strings->data, strings->length, &error);

	if (class == NULL)
		fuzz_check_error(&error);
	return class;
}

/* Reads every byte of every field. */
static uint64_t digest(const struct am_odm_class *class)
{
	uint64_t sum = 0;
	size_t count, read = 0;

	(void)am_odm_class_descriptors(class, &count);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		for (size_t i = 0; am_odm_class_live(class, slot) && i < count; i++) {
			struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

			am_odm_class_get(class, slot, i, &value);
			REQUIRE(value.kind != AM_ODM_NONE);
			if (read > 1 << 20) /* references may all lead to one long string */
				return sum;
			for (size_t k = 0; value.kind == AM_ODM_TEXT && k < value.length; k++)
				sum = sum * 31 + (unsigned char)value.text[k];
			sum = sum * 31 + (uint64_t)value.number;
			read += value.length;
		}
	}
	return sum;
}

/* The files as they are now, read again. */
static struct am_odm_class *reopen(const struct am_odm_class *class)
{
	const struct am_buf *data, *strings;
	struct fuzz_part parts[2];
	struct am_odm_class *again;

	am_odm_class_images(class, &data, &strings);
	parts[0] = fuzz_copy(data->data, data->length);
	parts[1] = strings == NULL ? (struct fuzz_part){NULL, 0}
				   : fuzz_copy(strings->data, strings->length);
	again = parse(&parts[0], &parts[1]);
	fuzz_part_free(&parts[0]);
	fuzz_part_free(&parts[1]);
	return again;
}

static struct am_odm_value text_value(const char *text)
{
	return (struct am_odm_value){AM_ODM_TEXT, text, strlen(text), 0, 0};
}

/* Every field gets "1": that is a text and a number. */
static struct am_odm_value *values_of(const struct am_odm_class *class)
{
	size_t count;
	struct am_odm_value *values;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(class, &count);

	values = calloc(count, sizeof *values);
	REQUIRE(values != NULL);
	for (size_t i = 0; i < count; i++)
		values[i] = d[i].type == AM_ODM_BINARY
				    ? (struct am_odm_value){AM_ODM_NONE, "", 0, 0, 0}
				    : text_value("1");
	return values;
}

static void check_slot(const struct am_odm_class *class, size_t slot)
{
	size_t count;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(class, &count);

	for (size_t i = 0; i < count; i++) {
		struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

		am_odm_class_get(class, slot, i, &value);
		if (d[i].type == AM_ODM_BINARY)
			continue;
		if (value.kind == AM_ODM_TEXT)
			REQUIRE(value.length == 1 && value.text[0] == '1');
		else if (value.kind == AM_ODM_NUMBER)
			REQUIRE(value.number == 1);
		else
			REQUIRE(value.real == 1.0);
	}
}

static uint32_t word_at(const struct fuzz_part *file, size_t at)
{
	const unsigned char *p = (const unsigned char *)file->data + at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Whether a byte of a record belongs to a field, and not to what is behind the end of "1" in it. */
static int is_value(const struct am_odm_descriptor *d, size_t count, size_t at)
{
	for (size_t i = 0; i < count; i++) {
		int text = am_odm_kind_of(d[i].type) == AM_ODM_TEXT && !d[i].external &&
			   d[i].type != AM_ODM_VCHAR && d[i].type != AM_ODM_BINARY;
		size_t width = !text ? d[i].width : d[i].type == AM_ODM_LINK ? 8 + 2 : 2;

		if (at >= d[i].offset && at < d[i].offset + width)
			return 1;
	}
	return 0;
}

/* Sets every field of a slot; what no value has must be as it was. */
static int change_slot(struct am_odm_class *class, size_t slot, struct am_odm_value *values)
{
	const struct am_buf *data, *strings;
	struct fuzz_part before;
	struct am_error error;
	size_t count, first, size;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(class, &count);
	int changed;

	am_odm_class_images(class, &data, &strings);
	before = fuzz_copy(data->data, data->length);
	changed = am_odm_class_change(class, slot, values, &error) == 0;
	am_odm_class_images(class, &data, &strings);
	REQUIRE(data->length == before.length);
	first = word_at(&before, 0x2C);
	size = word_at(&before, 0x14);
	for (size_t i = 0; i < count; i++)
		size -= d[i].external ? d[i].size - 4 : 0;
	first += slot * size;
	for (size_t i = 0; i < before.length; i++)
		REQUIRE(data->data[i] == ((const char *)before.data)[i] ||
			(changed && i >= first && i < first + size &&
				is_value(d, count, i - first)));
	fuzz_part_free(&before);
	return changed;
}

static void change(struct am_odm_class *class)
{
	struct am_odm_value *values = values_of(class);
	size_t slots = am_odm_class_slots(class), changed = SIZE_MAX;
	struct am_odm_class *again;
	struct am_error error;
	uint64_t before;

	if (am_odm_class_add(class, values, &error) == 0) {
		REQUIRE(am_odm_class_slots(class) == slots + 1);
		check_slot(class, slots);
	} else {
		fuzz_check_error(&error);
	}
	for (size_t slot = 0; slot < slots && slot < TRIED; slot++) {
		if (!am_odm_class_live(class, slot))
			continue;
		if (slot % 3 == 2) {
			REQUIRE(am_odm_class_delete(class, slot, &error) == 0 ||
				strcmp(error.code, "ODM_READONLY") == 0);
		} else if (change_slot(class, slot, values)) {
			check_slot(class, slot);
			changed = slot;
		}
	}
	before = digest(class);
	again = reopen(class);
	REQUIRE(again != NULL && digest(again) == before);
	if (changed != SIZE_MAX)
		check_slot(again, changed);
	am_odm_class_free(again);
	free(values);
}

/* Merged with itself a class is itself, whatever its keys are. */
static void merge(const struct am_odm_class *class)
{
	static const char *const all[] = {"*"}, *const some[] = {"name", "", "gone"};
	static const struct am_odm_key keys[] = {{"name", NULL, some, 3}, {NULL, NULL, all, 1}};
	struct am_odm_merge how = {.sides = {class, class, class},
		.keys = keys,
		.key_count = 2,
		.fallback = AM_ODM_ASK};
	struct am_error error;
	struct am_odm_plan *plan = am_odm_plan_make(&how, &error);

	if (plan == NULL) {
		fuzz_check_error(&error);
		return;
	}
	REQUIRE(am_odm_plan_findings(plan) == 0 && am_odm_plan_is_ours(plan));
	for (size_t i = 0; i < am_odm_plan_entries(plan); i++)
		(void)am_odm_plan_key(plan, i);
	am_odm_plan_free(plan);
	how.sides[AM_ODM_SIDE_O] = NULL;
	how.whole = 1;
	plan = am_odm_plan_make(&how, &error);
	REQUIRE(plan == NULL || am_odm_plan_findings(plan) == 0);
	am_odm_plan_free(plan);
}

static void print(const struct am_odm_class *class)
{
	size_t count;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(class, &count);
	struct am_buf out = {.limit = 1 << 20};
	struct am_error error;

	for (size_t slot = 0; slot < am_odm_class_slots(class) && slot < TRIED; slot++) {
		for (size_t i = 0; am_odm_class_live(class, slot) && i < count; i++) {
			struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

			am_odm_class_get(class, slot, i, &value);
			if (am_odm_text_value(&out, &d[i], &value, &error) != 0)
				REQUIRE(strcmp(error.code, "E2BIG") == 0);
		}
	}
	am_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t strings_length = fuzz_choice(&data, &size);
	struct fuzz_part strings = {NULL, 0}, file;
	struct am_odm_class *class;

	strings_length |= (size_t)fuzz_choice(&data, &size) << 8;
	if (strings_length > size)
		strings_length = size;
	if (strings_length > 0)
		strings = fuzz_copy(data, strings_length);
	file = fuzz_copy(data + strings_length, size - strings_length);
	class = parse(&file, &strings);
	if (class != NULL) {
		(void)digest(class);
		print(class);
		merge(class);
		change(class);
	}
	am_odm_class_free(class);
	fuzz_part_free(&file);
	fuzz_part_free(&strings);
	return 0;
}
