/* SPDX-License-Identifier: MIT */
/*
 * The output of installp: read whole and in drops it is the same, every row's texts are there, and
 * what a cut name means begins with it.
 */
#include "aix/installp.h"
#include "fuzz.h"

enum { NAMES = 8 };

static struct am_installp_output read_in(const struct fuzz_part *input, size_t step)
{
	struct am_installp_output o = {0};
	struct am_error error;

	for (size_t at = 0; at < input->length; at += step) {
		size_t left = input->length - at;

		REQUIRE(am_installp_add(&o, input->data + at, step < left ? step : left, &error) ==
			0);
	}
	REQUIRE(am_installp_end(&o, &error) == 0);
	return o;
}

static void check_same(const struct am_installp_row *a, const struct am_installp_row *b)
{
	REQUIRE(a->kind == b->kind && a->section == b->section && a->result == b->result);
	REQUIRE(a->number == b->number && a->of == b->of);
	REQUIRE(am_slice_equal(a->heading, b->heading) && am_slice_equal(a->list, b->list));
	REQUIRE(am_slice_equal(a->name, b->name) && am_slice_equal(a->level, b->level));
	REQUIRE(am_slice_equal(a->text, b->text) && am_slice_equal(a->part, b->part));
	REQUIRE(am_slice_equal(a->event, b->event) && am_slice_equal(a->word, b->word));
}

static void check_meant(struct am_installp_output *o, const struct am_installp_row *row)
{
	struct am_slice names[NAMES];
	size_t count = am_installp_meant(o, row, names, NAMES);

	for (size_t i = 0; i < count && i < NAMES; i++) {
		REQUIRE(names[i].length >= row->name.length);
		REQUIRE(memcmp(names[i].at, row->name.at, row->name.length) == 0);
		REQUIRE(i == 0 || am_slice_compare(names[i - 1], names[i]) < 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_installp_output whole = read_in(&input, size > 0 ? size : 1);
	struct am_installp_output drops = read_in(&input, 1 + size % 7);

	REQUIRE(whole.count == drops.count && whole.group_count == drops.group_count);
	for (size_t i = 0; i < whole.count; i++) {
		check_same(&whole.rows[i], &drops.rows[i]);
		if (whole.rows[i].kind == AM_INSTALLP_RESULT ||
			whole.rows[i].kind == AM_INSTALLP_NOTED) {
			REQUIRE(whole.rows[i].name.length > 0);
			check_meant(&whole, &whole.rows[i]);
		}
	}
	for (size_t i = 0; i < whole.group_count; i++)
		REQUIRE(whole.groups[i].said.length <= AM_INSTALLP_SAID);
	am_installp_free(&whole);
	am_installp_free(&drops);
	fuzz_part_free(&input);
	return 0;
}
