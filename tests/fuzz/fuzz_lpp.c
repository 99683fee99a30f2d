/* SPDX-License-Identifier: MIT */
/*
 * lpp_name: all of what is read lies inside the text, and the order of its filesets has each of
 * them once and does not depend on the order they are given in.
 */
#include "aix/lpp.h"
#include "aix/plan.h"
#include "fuzz.h"

enum { ORDERED = 64 }; /* filesets that are put in order */

static void check_inside(const struct fuzz_part *input, struct am_slice text)
{
	REQUIRE(text.length == 0 ||
		(text.at >= input->data &&
			text.length <= input->length - (size_t)(text.at - input->data)));
}

static void check_fileset(const struct fuzz_part *input, const struct am_lpp_fileset *f)
{
	REQUIRE(f->name.length > 0 && memchr(f->name.at, '/', f->name.length) == NULL);
	check_inside(input, f->name);
	check_inside(input, f->description);
	check_inside(input, f->comments);
	check_inside(input, f->requisite_text);
	for (size_t i = 0; i < f->requisites.count; i++)
		check_inside(input, f->requisites.list[i].text);
	for (size_t i = 0; i < f->size_count; i++)
		check_inside(input, f->sizes[i].path);
	for (size_t i = 0; i < f->supersede_count; i++)
		check_inside(input, f->supersedes[i].name);
	for (size_t i = 0; i < f->fix_count; i++)
		check_inside(input, f->fixes[i].abstract);
}

static void check_order(const struct am_lpp *lpp)
{
	struct am_ordered filesets[ORDERED], reversed[ORDERED];
	size_t count = lpp->count < ORDERED ? lpp->count : ORDERED, first[ORDERED], second[ORDERED];
	unsigned char seen[ORDERED] = {0};
	struct am_error error;

	for (size_t i = 0; i < count; i++) {
		const struct am_lpp_fileset *f = &lpp->filesets[i];

		filesets[i] = (struct am_ordered){f->name, f->level, &f->requisites};
		reversed[count - 1 - i] = filesets[i];
	}
	REQUIRE(am_requisite_order(filesets, count, NULL, NULL, first, &error) == 0);
	REQUIRE(am_requisite_order(reversed, count, NULL, NULL, second, &error) == 0);
	for (size_t i = 0; i < count; i++) {
		const struct am_ordered *a = &filesets[first[i]], *b = &reversed[second[i]];

		REQUIRE(first[i] < count && !seen[first[i]]);
		seen[first[i]] = 1;
		REQUIRE(am_slice_equal(a->name, b->name));
		REQUIRE(am_level_compare(&a->level, &b->level) == 0);
	}
}

/* A plan of all of it, every other fileset an update, takes each once and has a verdict on all. */
static void check_plan(const struct am_lpp *lpp)
{
	struct am_plan_image images[ORDERED];
	struct am_plan_fileset wanted[ORDERED] = {0};
	size_t count = lpp->count < ORDERED ? lpp->count : ORDERED, taken = 0;
	struct am_plan plan;
	struct am_error error;

	for (size_t i = 0; i < count; i++) {
		const struct am_lpp_fileset *f = &lpp->filesets[i];

		images[i] = (struct am_plan_image){f->name, f->level, i % 2 == 1, &f->requisites};
		wanted[i].name = f->name;
	}
	if (am_plan_make(&plan, images, count, wanted, count / 4, wanted, count, &error) == 0) {
		for (size_t i = 0; i < count; i++) {
			taken += plan.verdicts[i].fate == AM_PLAN_TAKEN;
			REQUIRE(plan.verdicts[i].by == AM_PLAN_NONE || plan.verdicts[i].by < count);
		}
		REQUIRE(taken == plan.order_count);
		for (size_t i = 0; i < plan.order_count; i++)
			REQUIRE(plan.verdicts[plan.order[i]].fate == AM_PLAN_TAKEN);
	}
	am_plan_free(&plan);
}

/* Whether a fileset is given twice at one level: then the order of the input decides. */
static int has_twins(const struct am_lpp *lpp)
{
	for (size_t i = 0; i < lpp->count && i < ORDERED; i++) {
		for (size_t k = 0; k < i; k++) {
			if (am_slice_equal(lpp->filesets[i].name, lpp->filesets[k].name) &&
				am_level_compare(
					&lpp->filesets[i].level, &lpp->filesets[k].level) == 0)
				return 1;
		}
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_lpp lpp;
	struct am_error error;

	if (am_lpp_parse(&lpp, "input", (struct am_slice){input.data, input.length}, &error) == 0) {
		for (size_t i = 0; i < lpp.count; i++)
			check_fileset(&input, &lpp.filesets[i]);
		if (!has_twins(&lpp))
			check_order(&lpp);
		check_plan(&lpp);
	} else {
		fuzz_check_error(&error);
	}
	am_lpp_free(&lpp);
	fuzz_part_free(&input);
	return 0;
}
