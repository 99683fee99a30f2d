/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "odm/merge.h"

static const struct am_odm_definition layout[] = {
	{"name", AM_ODM_CHAR, 16, NULL, NULL},
	{"value", AM_ODM_VCHAR, 64, NULL, NULL},
	{"number", AM_ODM_SHORT, 0, NULL, NULL},
};

/* The same under another layout: other order, the number a text, a field more. */
static const struct am_odm_definition old_layout[] = {
	{"number", AM_ODM_CHAR, 8, NULL, NULL},
	{"gone", AM_ODM_CHAR, 8, NULL, NULL},
	{"value", AM_ODM_CHAR, 64, NULL, NULL},
	{"name", AM_ODM_CHAR, 16, NULL, NULL},
};

struct row {
	const char *name, *value, *number;
};

static struct am_odm_value text(const char *string)
{
	return (struct am_odm_value){AM_ODM_TEXT, string, strlen(string), 0, 0};
}

static struct am_odm_class *make(const struct row *rows, int old)
{
	struct am_error error;
	struct am_odm_class *class =
		am_odm_class_create("T", "T", old ? old_layout : layout, old ? 4 : 3, &error);

	assert_non_null(class);
	for (; rows->name != NULL; rows++) {
		struct am_odm_value values[4] = {
			text(rows->name), text(rows->value), text(rows->number)};

		if (old) {
			values[0] = text(rows->number);
			values[1] = text("g");
			values[2] = text(rows->value);
			values[3] = text(rows->name);
		}
		assert_int_equal(am_odm_class_add(class, values, &error), 0);
	}
	return class;
}

static const char *const by_name[] = {"name"};
static const struct am_odm_key name_key[] = {{NULL, NULL, by_name, 1}};

struct world {
	struct am_odm_class *sides[3];
	struct am_odm_plan *plan;
};

static struct world plan_of(
	struct am_odm_merge merge, const struct row *o, const struct row *c, const struct row *n)
{
	struct world w = {{o != NULL ? make(o, 0) : NULL, make(c, 1), make(n, 0)}, NULL};
	struct am_error error;

	for (int i = 0; i < 3; i++)
		merge.sides[i] = w.sides[i];
	if (merge.keys == NULL) {
		merge.keys = name_key;
		merge.key_count = 1;
	}
	w.plan = am_odm_plan_make(&merge, &error);
	assert_non_null(w.plan);
	return w;
}

static void end(struct world *w)
{
	am_odm_plan_free(w->plan);
	for (int i = 0; i < 3; i++)
		am_odm_class_free(w->sides[i]);
}

/* The findings as "key:kind" words. */
static const char *found(const struct am_odm_plan *plan)
{
	static char words[1024];

	words[0] = '\0';
	for (size_t i = 0; i < am_odm_plan_findings(plan); i++) {
		const struct am_odm_finding *f = am_odm_plan_finding(plan, i);
		struct am_slice key = am_odm_plan_key(plan, f->entry);
		size_t at = strlen(words);

		snprintf(words + at, sizeof words - at, "%s%.*s:%d", at > 0 ? " " : "",
			(int)key.length, key.at, f->kind);
	}
	return words;
}

static const char *result(const struct am_odm_plan *plan, size_t entry, const char *field)
{
	static char word[64];
	struct am_odm_value value;

	if (!am_odm_plan_result(plan, entry, field, &value))
		return "-";
	if (value.kind == AM_ODM_NUMBER)
		snprintf(word, sizeof word, "%d", (int)value.number);
	else
		snprintf(word, sizeof word, "%.*s", (int)value.length, value.text);
	return word;
}

static void test_fields_three_ways_across_layouts(void **state)
{
	static const struct row o[] = {{"a", "1", "1"}, {"b", "1", "1"}, {NULL, NULL, NULL}};
	static const struct row c[] = {{"a", "1", "2"}, {"b", "2", "1"}, {NULL, NULL, NULL}};
	static const struct row n[] = {{"a", "2", "1"}, {"b", "3", "1"}, {NULL, NULL, NULL}};
	struct world w = plan_of((struct am_odm_merge){.fallback = AM_ODM_USER}, o, c, n);
	char want[64];

	(void)state;
	snprintf(want, sizeof want, "a:%d a:%d b:%d", AM_ODM_FIELD_THEIRS, AM_ODM_FIELD_OURS,
		AM_ODM_FIELD_USER);
	assert_string_equal(found(w.plan), want);
	assert_string_equal(result(w.plan, 0, "value"), "2");
	assert_string_equal(result(w.plan, 0, "number"), "2"); /* text in C's layout */
	assert_string_equal(result(w.plan, 1, "value"), "2");
	assert_string_equal(result(w.plan, 1, "gone"), "-");
	end(&w);
}

static void test_conflicts_by_class(void **state)
{
	static const struct row c[] = {{"a", "1", "2"}, {NULL, NULL, NULL}};
	static const struct row n[] = {{"a", "2", "1"}, {NULL, NULL, NULL}};
	static const struct am_odm_field_policy fields[] = {{"number", AM_ODM_ASK}};
	struct am_odm_merge merge = {.fallback = AM_ODM_SYSTEM, .fields = fields, .field_count = 1};
	struct world w = plan_of(merge, NULL, c, n);
	struct am_odm_value own = text("33");
	char want[64];

	(void)state;
	snprintf(want, sizeof want, "a:%d a:%d", AM_ODM_FIELD_SYSTEM, AM_ODM_FIELD_ASK);
	assert_string_equal(found(w.plan), want);
	assert_string_equal(result(w.plan, 0, "value"), "2");
	assert_string_equal(result(w.plan, 0, "number"), "1"); /* not answered */
	am_odm_plan_choose(w.plan, 1, AM_ODM_OURS);
	assert_string_equal(result(w.plan, 0, "number"), "2");
	assert_int_equal(am_odm_plan_own(w.plan, 1, &own, NULL), 0);
	assert_string_equal(result(w.plan, 0, "number"), "33");
	assert_true(am_odm_plan_entry(w.plan, 0)->changed);
	end(&w);
}

static void test_objects_of_one_side(void **state)
{
	static const struct row o[] = {{"gone", "1", "1"}, {"cut", "1", "1"}, {"cut2", "1", "1"},
		{"old", "1", "1"}, {NULL, NULL, NULL}};
	static const struct row c[] = {
		{"gone", "1", "1"}, {"mine", "1", "1"}, {"old", "2", "1"}, {NULL, NULL, NULL}};
	static const struct row n[] = {
		{"cut", "1", "1"}, {"cut2", "2", "1"}, {"new", "1", "1"}, {NULL, NULL, NULL}};
	struct world w = plan_of((struct am_odm_merge){.fallback = AM_ODM_USER}, o, c, n);
	char want[128];

	(void)state;
	snprintf(want, sizeof want, "cut:%d cut2:%d new:%d gone:%d mine:%d old:%d", AM_ODM_REMOVED,
		AM_ODM_REMOVED_CHANGED, AM_ODM_NEW, AM_ODM_OBSOLETE, AM_ODM_ADDED,
		AM_ODM_CHANGED_OBSOLETE);
	assert_string_equal(found(w.plan), want);
	assert_true(am_odm_plan_entry(w.plan, 0)->dropped);
	assert_false(am_odm_plan_entry(w.plan, 2)->dropped);
	assert_true(am_odm_plan_entry(w.plan, 3)->dropped); /* unless the caller keeps it */
	am_odm_plan_keep(w.plan, 3, 1);
	assert_false(am_odm_plan_entry(w.plan, 3)->dropped);
	end(&w);
	w = plan_of((struct am_odm_merge){.mandatory = 1}, o, c, n);
	assert_int_equal(am_odm_plan_finding(w.plan, 0)->kind, AM_ODM_RETURNED);
	assert_false(am_odm_plan_entry(w.plan, 0)->dropped);
	end(&w);
}

static void test_whole_objects(void **state)
{
	static const struct row o[] = {
		{"a", "1", "1"}, {"b", "1", "1"}, {"c", "1", "1"}, {NULL, NULL, NULL}};
	static const struct row c[] = {
		{"a", "2", "1"}, {"b", "1", "1"}, {"c", "2", "1"}, {NULL, NULL, NULL}};
	static const struct row n[] = {
		{"a", "1", "1"}, {"b", "1", "2"}, {"c", "1", "2"}, {NULL, NULL, NULL}};
	struct world w = plan_of((struct am_odm_merge){.whole = 1}, o, c, n);
	char want[64];

	(void)state;
	snprintf(want, sizeof want, "a:%d b:%d c:%d", AM_ODM_OBJECT_OURS, AM_ODM_OBJECT_THEIRS,
		AM_ODM_OBJECT_CONFLICT);
	assert_string_equal(found(w.plan), want);
	assert_string_equal(result(w.plan, 0, "value"), "2");
	assert_string_equal(result(w.plan, 2, "number"), "2");
	end(&w);
}

static void test_keys(void **state)
{
	static const char *const all[] = {"*"}, *const pair[] = {"name", "", "value"};
	static const struct am_odm_key keys[] = {
		{"name", "x", pair, 3}, {"value", NULL, by_name, 1}, {NULL, NULL, all, 1}};
	static const struct row n[] = {
		{"x", "v", "1"}, {"y", "v", "1"}, {"z", "", "1"}, {NULL, NULL, NULL}};
	struct world w = plan_of((struct am_odm_merge){.keys = keys, .key_count = 3}, NULL, n, n);
	struct am_slice key = am_odm_plan_key(w.plan, 0);

	(void)state;
	assert_int_equal(key.length, 4);
	assert_memory_equal(key.at, "x\0\0v", 4);
	assert_true(am_slice_is(am_odm_plan_key(w.plan, 1), "y"));
	key = am_odm_plan_key(w.plan, 2);
	assert_int_equal(key.length, 4);
	assert_memory_equal(key.at, "z\0001\0", 4); /* name, number, value */
	end(&w);
}

static void test_result_that_is_ours(void **state)
{
	static const struct row o[] = {{"a", "1", "1"}, {"b", "1", "1"}, {NULL, NULL, NULL}};
	static const struct row c[] = {{"mine", "1", "1"}, {"a", "2", "1"}, {NULL, NULL, NULL}};
	struct am_odm_merge merge = {.keys = name_key, .key_count = 1};
	struct am_odm_plan *plan;

	(void)state;
	for (int old = 0; old < 2; old++) {
		for (int i = 0; i < 3; i++)
			merge.sides[i] = i == 1 ? make(c, old) : make(o, 0);
		plan = am_odm_plan_make(&merge, NULL);
		assert_non_null(plan);
		assert_int_equal(am_odm_plan_is_ours(plan), !old); /* only in one layout */
		am_odm_plan_keep(plan, 2, 0);
		assert_false(am_odm_plan_is_ours(plan));
		am_odm_plan_free(plan);
		for (int i = 0; i < 3; i++)
			am_odm_class_free((struct am_odm_class *)merge.sides[i]);
	}
}

static double plan_seconds(int count, int distinct)
{
	struct row *rows = calloc((size_t)count + 1, sizeof *rows);
	char(*names)[8] = calloc((size_t)count, sizeof *names);
	struct timespec from, to;
	struct world w;

	assert_non_null(rows);
	assert_non_null(names);
	for (int i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "%d", distinct ? i : 0);
		rows[i] = (struct row){names[i], "v", "1"};
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	w = plan_of((struct am_odm_merge){.fallback = AM_ODM_USER}, NULL, rows, rows);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(am_odm_plan_entries(w.plan), count);
	assert_int_equal(am_odm_plan_findings(w.plan), 0);
	end(&w);
	free(names);
	free(rows);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* A class in which one key comes 20,000 times took square time to number. */
static void test_repeated_keys_match_in_order_in_linear_time(void **state)
{
	static const struct row c[] = {{"a", "1", "1"}, {"a", "2", "1"}, {NULL, NULL, NULL}};
	static const struct row n[] = {
		{"a", "1", "1"}, {"a", "2", "1"}, {"a", "3", "1"}, {NULL, NULL, NULL}};
	struct world w = plan_of((struct am_odm_merge){.fallback = AM_ODM_USER}, NULL, c, n);
	struct am_slice key = am_odm_plan_key(w.plan, 2);

	(void)state;
	assert_int_equal(am_odm_plan_findings(w.plan), 1);
	assert_int_equal(am_odm_plan_finding(w.plan, 0)->kind, AM_ODM_NEW);
	assert_int_equal(key.length, 4);
	assert_memory_equal(key.at, "a\0#3", 4);
	end(&w);
	assert_true(plan_seconds(20000, 0) < 0.1 + 20 * plan_seconds(20000, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_three_ways_across_layouts),
		cmocka_unit_test(test_conflicts_by_class),
		cmocka_unit_test(test_objects_of_one_side),
		cmocka_unit_test(test_whole_objects),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_result_that_is_ours),
		cmocka_unit_test(test_repeated_keys_match_in_order_in_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
