/* SPDX-License-Identifier: MIT */
/* Requisites: what is read, read again from its own text, says and asks the same. */
#include "aix/requisite.h"
#include "fuzz.h"

enum { NESTED = 32 }; /* as deep as groups are kept */

static struct am_requisites parse(struct am_slice text)
{
	struct am_requisites r = {0};
	struct am_error error;

	REQUIRE(am_requisites_parse(&r, text, &error) == 0);
	return r;
}

/* A fileset is there or not, at some level, as its name says. */
static int level_of(void *arg, struct am_slice name, struct am_level *level)
{
	unsigned sum = *(const unsigned *)arg;

	for (size_t i = 0; i < name.length; i++)
		sum = sum * 31 + (unsigned char)name.at[i];
	for (size_t i = 0; i < 4; i++)
		level->number[i] = sum >> (4 * i) & 7;
	return (sum & 3) != 0;
}

static size_t depth(const struct am_requisites *r, size_t from, size_t to)
{
	size_t deepest = 0;

	for (size_t i = from; i < to; i = r->list[i].end) {
		REQUIRE(r->list[i].end > i && r->list[i].end <= to);
		if (r->list[i].kind == AM_REQUISITE_GROUP) {
			size_t inner = 1 + depth(r, i + 1, r->list[i].end);

			if (inner > deepest)
				deepest = inner;
		}
	}
	return deepest;
}

static void check_again(const struct am_requisites *r, size_t index)
{
	const struct am_requisite *one = &r->list[index];
	struct fuzz_part copy = fuzz_copy(one->text.at, one->text.length);
	struct am_requisites again = parse((struct am_slice){copy.data, copy.length});

	REQUIRE(again.count == one->end - index && again.list[0].end == again.count);
	for (size_t i = 0; i < again.count; i++) {
		const struct am_requisite *a = &again.list[i], *b = &r->list[index + i];

		REQUIRE(a->kind == b->kind && a->more == b->more && a->end + index == b->end);
		REQUIRE(am_slice_equal(a->name, b->name) && a->bound_count == b->bound_count);
		REQUIRE(am_level_compare(&a->level, &b->level) == 0);
	}
	for (unsigned which = 0; which < 8; which++)
		REQUIRE(am_requisite_holds(r, index, level_of, &which) ==
			am_requisite_holds(&again, 0, level_of, &which));
	am_requisites_free(&again);
	fuzz_part_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_requisites r = parse((struct am_slice){input.data, input.length});
	struct am_level level;

	(void)am_level_parse((struct am_slice){input.data, input.length}, &level);
	if (depth(&r, 0, r.count) < NESTED) {
		for (size_t i = 0; i < r.count; i++)
			check_again(&r, i);
	}
	am_requisites_free(&r);
	fuzz_part_free(&input);
	return 0;
}
