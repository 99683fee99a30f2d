/* SPDX-License-Identifier: MIT */
/* Stanza text: what is read and printed again reads the same. */
#include "fuzz.h"
#include "odm/value.h"

static void print(const struct am_odm_text *text, struct am_buf *out)
{
	struct am_error error;

	for (size_t i = 0; i < text->count; i++) {
		const struct am_odm_item *item = &text->items[i];
		int name = (int)item->name_length;

		if (item->kind == AM_ODM_ITEM_CLASS) {
			REQUIRE(am_buf_addf(out, &error, "\n%.*s:\n", name, item->name) == 0);
			continue;
		}
		REQUIRE(am_buf_addf(out, &error, "\t%.*s = ", name, item->name) == 0);
		if (item->kind == AM_ODM_ITEM_QUOTED)
			REQUIRE(am_odm_text_quote(out, item->text, item->length, &error) == 0);
		else
			REQUIRE(am_buf_add(out, item->text, item->length, &error) == 0);
		REQUIRE(am_buf_addstr(out, "\n", &error) == 0);
	}
}

static void check_same(const struct am_odm_text *a, const struct am_odm_text *b)
{
	REQUIRE(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct am_odm_item *x = &a->items[i], *y = &b->items[i];

		REQUIRE(x->kind == y->kind && x->name_length == y->name_length);
		REQUIRE(memcmp(x->name, y->name, x->name_length) == 0);
		REQUIRE(x->length == y->length);
		REQUIRE(x->length == 0 || memcmp(x->text, y->text, x->length) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size), copy;
	struct am_odm_text text, again;
	struct am_buf out = {0};
	struct am_error error;

	if (am_odm_text_parse(&text, input.data, input.length, &error) != 0) {
		fuzz_check_error(&error);
		fuzz_part_free(&input);
		return 0;
	}
	REQUIRE(text.count == 0 || text.items[0].kind == AM_ODM_ITEM_CLASS);
	print(&text, &out);
	copy = fuzz_copy(out.data, out.length);
	REQUIRE(am_odm_text_parse(&again, copy.data, copy.length, &error) == 0);
	check_same(&text, &again);
	am_odm_text_free(&again);
	am_odm_text_free(&text);
	am_buf_free(&out);
	fuzz_part_free(&copy);
	fuzz_part_free(&input);
	return 0;
}
