/* SPDX-License-Identifier: MIT */
/*
 * The three-way merge: the first byte is the policy, then come the texts of O, C and N; one that is
 * left out is absent. A result can be parsed, and merging it again changes no record of it.
 */
#include "config/colon.h"
#include "fuzz.h"
#include "config/merge.h"
#include "config/stanza.h"
#include "config/table.h"

static const struct am_merge_attribute classes[] = {
	{.record = "usw", .name = "shells", .class = AM_CLASS_LIST},
	{.name = "program", .class = AM_CLASS_SYSTEM},
	{.name = "password", .class = AM_CLASS_USER, .secret = 1},
	{.name = "authprivs", .class = AM_CLASS_USER, .set = 1},
};
static const char *const mandatory[] = {"usw", NULL};

#define CLASSES                                                                                    \
	.attributes = classes, .attribute_count = sizeof classes / sizeof *classes,                \
	.mandatory = mandatory

static const char *const names[] = {"one", "two", "three", "four"};
static const size_t keys[] = {0, 2};

static const struct am_columns fields = {.names = names,
	.count = 4,
	.least = 2,
	.key = keys,
	.key_count = 2,
	.separator = ';',
	.hash_comments = 1};
static const struct am_columns lines = {.names = names,
	.count = 1,
	.least = 1,
	.key = keys,
	.key_count = 1,
	.separator = '\n',
	.hash_comments = 1};
static const struct am_columns words = {
	.names = names, .count = 4, .least = 1, .key = keys, .key_count = 1, .control = '%'};

/* Small letters: columns as a site may name them. */
static const struct am_merge_policy site_policies[] = {
	{.file = "fields",
		.parse_columns = am_colonfile_parse,
		.columns = &fields,
		.separator = ';'},
	{.file = "lines", .parse_columns = am_colonfile_parse, .columns = &lines},
	{.file = "words",
		.parse_columns = am_table_parse_columns,
		.columns = &words,
		.separator = '\t',
		.new_order = 1,
		.keep_obsolete = 1},
};

static const struct am_merge_policy policies[] = {
	{.file = "stanza", .parse = am_stanza_parse, CLASSES},
	{.file = "sets", .parse = am_stanza_parse_sets, .fallback = AM_CLASS_LIST},
	{.file = "vfs", .parse = am_table_parse_vfs, .separator = '\t', .new_order = 1},
	{.file = "pse",
		.parse = am_table_parse_pse,
		.separator = '\t',
		.new_order = 1,
		.beside = 1},
	{.file = "map", .parse = am_table_parse_ldapmap, .separator = '\t', .new_order = 1},
	{.file = "pairs", .parse = am_table_parse_ldapmap_pairs, .separator = '\t', .new_order = 1},
	{.file = "keep",
		.parse = am_stanza_parse,
		CLASSES,
		.collision = AM_COLLISION_KEEP,
		.keep_obsolete = 1,
		.fallback = AM_CLASS_SYSTEM},
	{.file = "new", .parse = am_stanza_parse, .collision = AM_COLLISION_NEW, .fold_case = 1},
};

static struct am_slice slice(const struct fuzz_part *part)
{
	return (struct am_slice){part->data, part->length};
}

/* 0 with the result, or -1 when C cannot be parsed. */
static int merge(const struct am_merge_policy *policy, const struct am_merge_input *input,
	struct am_buf *out, enum am_merge_status *status)
{
	struct am_decisions decisions = {0};
	struct am_error error;
	int result = am_merge(policy, input, out, status, &decisions, &error);

	if (result != 0) {
		fuzz_check_error(&error);
		REQUIRE(input->c.at != NULL);
	}
	for (size_t i = 0; i < decisions.count; i++) {
		REQUIRE(decisions.list[i].file != NULL && decisions.list[i].finding < AM_FINDINGS);
		REQUIRE(decisions.list[i].chosen != NULL);
	}
	am_decisions_free(&decisions);
	return result;
}

static void parse(
	const struct am_merge_policy *policy, const struct am_buf *text, struct am_records *file)
{
	const char *at = text->data == NULL ? "" : text->data;
	struct am_error error;

	memset(file, 0, sizeof *file);
	if (policy->columns != NULL)
		REQUIRE(policy->parse_columns(
				file, policy->columns, "result", at, text->length, &error) == 0);
	else
		REQUIRE(policy->parse(file, "result", at, text->length, &error) == 0);
}

static const struct am_record *next_live(const struct am_records *file, size_t *at)
{
	while (*at < file->count) {
		const struct am_record *record = &file->records[(*at)++];

		if (record->kind == AM_RECORD_LIVE && !record->is_repeat)
			return record;
	}
	return NULL;
}

static void check_same_fields(const struct am_records *a, const struct am_record *x,
	const struct am_records *b, const struct am_record *y)
{
	const struct am_field **left, **right;
	struct am_error error;
	size_t left_count, right_count;

	if (am_record_fields(a, x, &left, &left_count, &error) != 0)
		return; /* more attributes than are merged */
	REQUIRE(am_record_fields(b, y, &right, &right_count, &error) == 0);
	REQUIRE(left_count == right_count);
	for (size_t i = 0; i < left_count; i++) {
		REQUIRE(am_slice_equal(left[i]->name, right[i]->name));
		REQUIRE(am_slice_equal(left[i]->value, right[i]->value));
	}
	free(left);
	free(right);
}

/* The same records in the same order; comments may find another place. */
static void check_same(const struct am_merge_policy *policy, const struct am_buf *first,
	const struct am_buf *second)
{
	struct am_records a, b;
	size_t i = 0, k = 0;
	const struct am_record *x, *y;

	parse(policy, first, &a);
	parse(policy, second, &b);
	do {
		x = next_live(&a, &i);
		y = next_live(&b, &k);
		REQUIRE((x == NULL) == (y == NULL));
		if (x != NULL) {
			REQUIRE(am_slice_equal(x->key, y->key));
			check_same_fields(&a, x, &b, y);
		}
	} while (x != NULL);
	am_records_free(&a);
	am_records_free(&b);
}

static void check_merge(const struct am_merge_policy *policy, struct am_merge_input *input)
{
	enum am_merge_status status, again_status;
	struct am_buf out = {0}, again = {0};
	struct fuzz_part result;

	if (merge(policy, input, &out, &status) == 0 && status == AM_MERGE_MERGED) {
		result = fuzz_copy(out.data, out.length);
		input->c = slice(&result);
		REQUIRE(merge(policy, input, &again, &again_status) == 0);
		check_same(policy, &out, &again);
		fuzz_part_free(&result);
	}
	am_buf_free(&out);
	am_buf_free(&again);
}

/* The list merge of the same three texts: merging its result again changes nothing. */
static void check_list(const struct am_merge_input *input)
{
	struct am_slice c = input->c.at != NULL ? input->c : am_slice_of("");
	struct am_slice n = input->n.at != NULL ? input->n : am_slice_of("");
	struct am_buf out = {0}, again = {0};
	struct am_error error;

	/* A value in quotes as a whole is a list too; an element in quotes is no list's. */
	if (memchr(c.at, '"', c.length) != NULL || memchr(n.at, '"', n.length) != NULL)
		return;
	REQUIRE(am_merge_list(input->o, c, n, NULL, NULL, &out, &error) == 0);
	c = (struct am_slice){out.data == NULL ? "" : out.data, out.length};
	REQUIRE(am_merge_list(input->o, c, n, NULL, NULL, &again, &error) == 0);
	REQUIRE(again.length == out.length);
	REQUIRE(out.length == 0 || memcmp(again.data, out.data, out.length) == 0);
	am_buf_free(&out);
	am_buf_free(&again);
}

static const struct am_merge_policy *choose(unsigned which)
{
	return which >= 'a' && which <= 'z' ? &site_policies[(which - 'a') % 3]
					    : &policies[which % 8];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct am_merge_policy *policy = choose(fuzz_choice(&data, &size));
	struct fuzz_part c = fuzz_next_part(&data, &size);
	struct fuzz_part n = fuzz_next_part(&data, &size);
	struct fuzz_part o = fuzz_next_part(&data, &size);
	struct am_merge_input input = {slice(&o), slice(&c), slice(&n), AM_MODIFIED_UNKNOWN};

	check_list(&input);
	(void)am_merge_same_text(slice(&c), slice(&c));
	check_merge(policy, &input);
	fuzz_part_free(&o);
	fuzz_part_free(&c);
	fuzz_part_free(&n);
	return 0;
}
