/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aix/plan.h"

enum { IMAGES = 12, FILESETS = 8 };

/* A system, images and wishes. Images are "NAME LEVEL I|S", then requisite lines. */
struct world {
	char texts[IMAGES][256];
	struct am_plan_image images[IMAGES];
	struct am_requisites requisites[IMAGES];
	size_t count;
	struct am_plan_fileset installed[FILESETS], wanted[FILESETS];
	size_t installed_count, wanted_count;
	struct am_plan plan;
	struct am_error error;
};

static struct am_slice word(const char **at)
{
	struct am_slice text = {*at, strcspn(*at, " \n")};

	*at += text.length;
	*at += **at == ' ' || **at == '\n';
	return text;
}

static struct am_plan_fileset fileset(const char *text)
{
	struct am_plan_fileset f;

	memset(&f, 0, sizeof f);
	f.name = word(&text);
	f.has_level = *text != '\0';
	if (f.has_level)
		assert_int_equal(am_level_parse(word(&text), &f.level), 0);
	return f;
}

static void add_image(struct world *w, const char *text)
{
	struct am_plan_image *image = &w->images[w->count];
	struct am_plan_fileset f;
	const char *at;

	assert_true(w->count < IMAGES && strlen(text) < sizeof w->texts[0]);
	at = strcpy(w->texts[w->count], text);
	f = fileset(at);
	(void)word(&at);
	(void)word(&at);
	*image = (struct am_plan_image){f.name, f.level, *at == 'S', &w->requisites[w->count]};
	(void)word(&at);
	memset(&w->requisites[w->count], 0, sizeof w->requisites[0]);
	assert_int_equal(am_requisites_parse(&w->requisites[w->count],
				 (struct am_slice){at, strlen(at)}, &w->error),
		0);
	w->count++;
}

static void make(struct world *w)
{
	assert_int_equal(am_plan_make(&w->plan, w->images, w->count, w->installed,
				 w->installed_count, w->wanted, w->wanted_count, &w->error),
		0);
}

static void world_free(struct world *w)
{
	am_plan_free(&w->plan);
	for (size_t i = 0; i < w->count; i++)
		am_requisites_free(&w->requisites[i]);
}

/* --- cases --- */

static const char letters[] = "LTNSABU"; /* of enum am_plan_fate */

/* `expected`: a letter for each image, then the order of those taken by their numbers. */
static const struct {
	const char *images[IMAGES], *installed[FILESETS], *wanted[FILESETS], *expected;
} cases[] = {
	/* A base level and the highest update, for a system of an older release. */
	{{"a 7.2.0.0 I", "a 7.2.0.5 S\n*prereq a 7.2.0.0", "a 7.2.0.9 S\n*prereq a 7.2.0.0"},
		{"a 7.1.5.0"}, {"a"}, "TST 02"},
	/* A system of the same release needs the update alone; one without the fileset all. */
	{{"a 7.2.0.0 I", "a 7.2.0.5 S", "a 7.2.0.9 S"}, {"a 7.2.0.5"}, {"a"}, "NNT 2"},
	{{"a 7.2.0.9 S", "a 7.2.0.0 I"}, {0}, {"a"}, "TT 10"},
	{{"a 7.2.0.0 I"}, {"a 7.2.0.0"}, {"a"}, "N "},
	/* Nothing to apply an update to: none there, an older release. */
	{{"a 7.2.0.9 S"}, {0}, {"a"}, "B "},
	{{"a 7.2.0.9 S"}, {"a 7.1.0.9"}, {"a"}, "B "},
	/* An update that asks for another of its own fileset. */
	{{"a 7.2.0.0 I", "a 7.2.0.5 S", "a 7.2.0.7 S", "a 7.2.0.9 S\n*prereq a 7.2.0.5"},
		{"a 7.1.0.0"}, {"a"}, "TSTT 023"},
	/* A base level of the same release: the update that can be applied comes first. */
	{{"a 7.2.5.0 I", "a 7.2.5.0 S"}, {"a 7.2.4.0"}, {"a"}, "ST 1"},
	{{"a 7.2.5.0 I", "a 7.2.5.0 S"}, {"a 7.1.4.0"}, {"a"}, "TB 0"},
	{{"a 7.2.5.0 I", "a 7.2.5.0 S", "a 7.2.4.0 I"}, {0}, {"a"}, "TLS 0"},
	/* The highest cannot be taken, the next can. */
	{{"a 7.2.0.0 I", "a 7.2.0.5 S", "a 7.2.0.9 S\n*coreq none 1.0.0.0"}, {0}, {"a"}, "TTU 01"},
	/* A base level whose requisite is missing takes its update along, an older one helps. */
	{{"a 7.2.5.0 I\n*prereq none", "a 7.2.5.1 S", "a 7.2.0.0 I"}, {0}, {"a"}, "STT 21"},
	{{"a 7.2.5.0 I\n*prereq none", "a 7.2.5.1 S"}, {0}, {"a"}, "UU "},
	/* Requisites are brought along, in order; nobody asks for d. */
	{{"a 1.0.0.0 I\n*prereq b 1.0.0.0", "b 1.0.0.0 I\n*instreq c", "c 1.0.0.0 I",
		 "d 1.0.0.0 I"},
		{0}, {"a"}, "TTTL 210"},
	{{"a 1.0.0.0 I\n*prereq b 1.0.0.0", "b 1.0.0.0 I\n*prereq none"}, {0}, {"a"}, "UU "},
	{{"a 1.0.0.0 I\n*coreq b", "b 1.0.0.0 I\n*coreq a"}, {0}, {"b"}, "TT 01"},
	/* If it is there it must be new enough; else nothing. */
	{{"a 1.0.0.0 I\n*ifreq b 2.0.0.0", "b 2.0.0.0 I"}, {0}, {"a"}, "TL 0"},
	{{"a 1.0.0.0 I\n*ifreq b 2.0.0.0", "b 2.0.0.0 I"}, {"b 1.0.0.0"}, {"a"}, "TT 01"},
	{{"a 1.0.0.0 I\n*ifreq b 2.0.0.0"}, {"b 1.0.0.0"}, {"a"}, "U "},
	/* Groups: what is there counts, then the first that can be. */
	{{"a 1.0.0.0 I\n>0 {\n*prereq b\n*prereq c\n}", "b 1.0.0.0 I\n*prereq none", "c 1.0.0.0 I"},
		{0}, {"a"}, "TUT 20"},
	{{"a 1.0.0.0 I\n>0 {\n*prereq b\n*prereq c\n}", "b 1.0.0.0 I"}, {"c 1.0.0.0"}, {"a"},
		"TL 0"},
	{{"a 1.0.0.0 I\n>1 {\n*prereq b\n*prereq c\n*prereq d\n}", "b 1.0.0.0 I", "d 1.0.0.0 I"},
		{0}, {"a"}, "TTT 120"},
	{{"a 1.0.0.0 I\n>1 {\n*prereq b\n*prereq c\n}", "b 1.0.0.0 I"}, {0}, {"a"}, "UL "},
	/* Not above a version: the level that fits, unless the other is wanted. */
	{{"a 1.0.0.0 I\n*prereq b v<2", "b 1.5.0.0 I", "b 2.0.0.0 I"}, {0}, {"a"}, "TTL 10"},
	{{"a 1.0.0.0 I\n*prereq b v<2", "b 1.5.0.0 I", "b 2.0.0.0 I"}, {0}, {"a", "b"}, "UST 2"},
	{{"a 1.0.0.0 I\n*prereq b v<2", "b 2.0.0.0 I", "c 1.0.0.0 I\n*prereq a"}, {"b 1.0.0.0"},
		{"b", "c"}, "UTU 1"},
	/* A level that is named; twice the same. */
	{{"a 1.0.0.0 I", "a 1.0.0.1 S", "a 1.0.0.2 S"}, {0}, {"a 1.0.0.1"}, "TTL 01"},
	{{"a 1.0.0.0 I", "a 1.0.0.0 I"}, {0}, {"a"}, "TA 0"},
	{{"a 1.0.0.0 I"}, {0}, {"b"}, "L "},
};

static void each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w = {0};
		char got[2 * IMAGES + 2] = {0};
		size_t length = 0;

		for (size_t k = 0; cases[i].images[k] != NULL; k++)
			add_image(&w, cases[i].images[k]);
		for (; cases[i].installed[w.installed_count] != NULL; w.installed_count++)
			w.installed[w.installed_count] =
				fileset(cases[i].installed[w.installed_count]);
		for (; cases[i].wanted[w.wanted_count] != NULL; w.wanted_count++)
			w.wanted[w.wanted_count] = fileset(cases[i].wanted[w.wanted_count]);
		make(&w);
		for (size_t k = 0; k < w.count; k++)
			got[length++] = letters[w.plan.verdicts[k].fate];
		got[length++] = ' ';
		for (size_t k = 0; k < w.plan.order_count; k++)
			got[length++] = (char)('0' + w.plan.order[k]);
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("case %zu (%s): %s, not %s", i, cases[i].images[0], got,
				cases[i].expected);
		world_free(&w);
	}
}

static void what_is_missing_has_its_chain(void **state)
{
	struct world w = {0};

	(void)state;
	add_image(&w, "a 1.0.0.0 I\n*prereq x\n*prereq b 2.0.0.0");
	add_image(&w, "b 2.0.0.0 I\n>0 {\n*prereq y 1.0.0.0\n*prereq c\n}");
	add_image(&w, "c 1.0.0.0 I\n*prereq none 3.0.0.0");
	add_image(&w, "d 1.0.0.0 I\n*prereq b");
	add_image(&w, "x 1.0.0.0 I");
	w.wanted[w.wanted_count++] = fileset("a");
	make(&w);
	assert_int_equal(w.plan.order_count, 0);
	assert_int_equal(w.plan.verdicts[0].by, 1);
	assert_true(am_slice_is(w.plan.verdicts[0].why->name, "b"));
	assert_int_equal(w.plan.verdicts[1].by, 2);
	assert_int_equal(w.plan.verdicts[1].why->kind, AM_REQUISITE_GROUP);
	assert_int_equal(w.plan.verdicts[2].by, AM_PLAN_NONE);
	assert_true(am_slice_is(w.plan.verdicts[2].why->text, "*prereq none 3.0.0.0"));
	assert_int_equal(w.plan.verdicts[3].fate, AM_PLAN_UNMET); /* nobody wants it */
	assert_int_equal(w.plan.verdicts[4].fate, AM_PLAN_LEFT);
	world_free(&w);
}

static void who_asked_is_known(void **state)
{
	struct world w = {0};

	(void)state;
	add_image(&w, "a 1.0.0.0 I\n*prereq b");
	add_image(&w, "b 1.0.0.0 I");
	add_image(&w, "b 1.0.0.1 S");
	w.wanted[w.wanted_count++] = fileset("a");
	make(&w);
	assert_int_equal(w.plan.order_count, 3);
	assert_int_equal(w.plan.verdicts[0].by, AM_PLAN_NONE);
	assert_null(w.plan.verdicts[0].why);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(w.plan.verdicts[i].by, 0);
		assert_ptr_equal(w.plan.verdicts[i].why, &w.requisites[0].list[0]);
	}
	world_free(&w);
}

/* Each level of a fileset, from the highest on, contradicts what is wanted: one a round is left
 * out. */
static void contradictions_end(void **state)
{
	enum { COUNT = AM_PLAN_ROUNDS + 10 };
	struct am_plan_image images[COUNT + 2];
	struct am_requisites none = {0}, below = {0};
	struct am_plan_fileset wanted[2] = {fileset("a"), fileset("b")};
	struct am_plan plan;
	struct am_error error = {{0}, {0}};
	static const char text[] = "*prereq b v<2";

	(void)state;
	assert_int_equal(
		am_requisites_parse(&below, (struct am_slice){text, strlen(text)}, &error), 0);
	for (uint32_t i = 0; i < 2; i++)
		images[i] = (struct am_plan_image){wanted[1].name, {{i + 1, 0, 0, 0}}, 0, &none};
	for (uint32_t i = 0; i < COUNT; i++)
		images[i + 2] =
			(struct am_plan_image){wanted[0].name, {{i + 1, 0, 0, 0}}, 0, &below};
	assert_int_equal(
		am_plan_make(&plan, images, AM_PLAN_ROUNDS + 1, NULL, 0, wanted, 2, &error), 0);
	assert_int_equal(plan.order_count, 1);
	am_plan_free(&plan);
	assert_int_equal(am_plan_make(&plan, images, COUNT + 2, NULL, 0, wanted, 2, &error), -1);
	assert_string_equal(error.code, "PLAN_CONFLICT");
	am_plan_free(&plan);
	am_requisites_free(&below);
}

/* --- random sets, against every set of images there is --- */

static uint32_t seed;

static uint32_t roll(uint32_t sides)
{
	seed = seed * 1664525U + 1013904223U;
	return (seed >> 8) % sides;
}

static const char *const levels[] = {"1.1.0.0", "1.1.0.1", "1.1.0.2", "1.2.0.0", "1.2.0.1"};

/* A requisite line; wild ones are not met by higher levels, or ask only if something is there. */
static size_t random_requisite(char *to, size_t room, int is_wild)
{
	static const char *const kinds[] = {"prereq", "coreq", "instreq", "ifreq"};
	static const char *const bounds[] = {"v=1 r<2", "v<1", "r=1", "(1.1.0.0) 1.1.0.2"};
	const char *kind = kinds[roll(is_wild ? 4 : 3)];
	uint32_t name = roll(40) == 0 ? 5 : roll(5); /* no image has f5 */

	if (is_wild && roll(3) == 0)
		return (size_t)snprintf(to, room, "*%s f%u %s\n", kind, name, bounds[roll(4)]);
	return (size_t)snprintf(
		to, room, "*%s f%u %s\n", kind, name, roll(3) == 0 ? "" : levels[roll(5)]);
}

static void random_image(struct world *w, int is_wild)
{
	char text[256];
	uint32_t name = roll(5);
	size_t level = roll(5);
	int is_update = level % 3 != 0 && roll(4) != 0;
	size_t at = (size_t)snprintf(
		text, sizeof text, "f%u %s %c\n", name, levels[level], is_update ? 'S' : 'I');

	for (size_t i = 0; i < w->count; i++) {
		if (strncmp(w->texts[i], text, at - 1) == 0)
			return;
	}
	for (uint32_t n = roll(3); n > 0; n--) {
		uint32_t in_group = roll(4) == 0 ? 1 + roll(3) : 0;

		if (in_group > 0)
			at += (size_t)snprintf(text + at, sizeof text - at, ">%u {\n", roll(2));
		at += random_requisite(text + at, sizeof text - at, is_wild);
		for (; in_group > 0; in_group--)
			at += random_requisite(text + at, sizeof text - at, is_wild);
		if (text[0] != '\0' && strrchr(text, '{') != NULL &&
			strrchr(text, '}') < strrchr(text, '{'))
			at += (size_t)snprintf(text + at, sizeof text - at, "}\n");
		if (at > 180)
			break;
	}
	add_image(w, text);
}

static void random_world(struct world *w, int is_wild)
{
	char name[16];
	static char names[FILESETS][16];

	memset(w, 0, sizeof *w);
	for (uint32_t n = 4 + roll(8); n > 0; n--)
		random_image(w, is_wild);
	for (uint32_t f = 0; f < 5; f++) {
		snprintf(names[f], sizeof names[f], "f%u", f);
		if (roll(2) == 0) {
			snprintf(name, sizeof name, "f%u %s", f, levels[roll(5)]);
			w->installed[w->installed_count] = fileset(name);
			w->installed[w->installed_count++].name.at = names[f];
		}
		if (roll(2) == 0)
			w->wanted[w->wanted_count++] = fileset(names[f]);
	}
}

/* What a system has when a set of images, bits, is installed on it. */
struct there {
	const struct world *w;
	uint32_t set;
};

static int there_level(void *arg, struct am_slice name, struct am_level *level)
{
	const struct there *t = arg;
	int found = 0;

	for (size_t i = 0; i < t->w->installed_count; i++) {
		if (am_slice_equal(t->w->installed[i].name, name)) {
			*level = t->w->installed[i].level;
			found = 1;
		}
	}
	for (size_t i = 0; i < t->w->count; i++) {
		if ((t->set >> i & 1) == 0 || !am_slice_equal(t->w->images[i].name, name))
			continue;
		if (!found || am_level_compare(&t->w->images[i].level, level) > 0)
			*level = t->w->images[i].level;
		found = 1;
	}
	return found;
}

static int is_applicable(const struct am_plan_image *image, const struct am_level *to)
{
	if (to->number[0] != image->level.number[0] || to->number[1] != image->level.number[1] ||
		am_level_compare(to, &image->level) >= 0)
		return 0;
	for (size_t k = 0; k < image->requisites->count; k = image->requisites->list[k].end) {
		const struct am_requisite *one = &image->requisites->list[k];

		if (one->kind != AM_REQUISITE_GROUP && am_slice_equal(one->name, image->name) &&
			!am_requisite_met(one, to))
			return 0;
	}
	return 1;
}

static int is_founded(const struct world *w, uint32_t set, const struct am_plan_image *image)
{
	struct there system = {w, 0};
	struct am_level level;
	int is_there = there_level(&system, image->name, &level);

	if (is_there && am_level_compare(&image->level, &level) <= 0)
		return 0;
	if (!image->is_update || (is_there && is_applicable(image, &level)))
		return 1;
	for (size_t i = 0; i < w->count; i++) {
		if ((set >> i & 1) != 0 && am_slice_equal(w->images[i].name, image->name) &&
			is_applicable(image, &w->images[i].level))
			return 1;
	}
	return 0;
}

static int is_possible(const struct world *w, uint32_t set)
{
	struct there t = {w, set};

	for (size_t i = 0; i < w->count; i++) {
		const struct am_requisites *all = w->images[i].requisites;

		if ((set >> i & 1) == 0)
			continue;
		if (!is_founded(w, set, &w->images[i]))
			return 0;
		for (size_t k = 0; k < all->count; k = all->list[k].end) {
			int is_own = all->list[k].kind != AM_REQUISITE_GROUP &&
				     am_slice_equal(all->list[k].name, w->images[i].name);

			if (!is_own && !am_requisite_holds(all, k, there_level, &t))
				return 0;
		}
	}
	return 1;
}

/* Whether a requisite holds: what must be there before an image as it is, the rest as it will be.
 */
static int holds_then(
	const struct am_requisites *all, size_t index, struct there *now, struct there *at_last)
{
	const struct am_requisite *one = &all->list[index];
	int is_before = one->kind == AM_REQUISITE_PREREQ || one->kind == AM_REQUISITE_INSTREQ;
	size_t held = 0;

	if (one->kind != AM_REQUISITE_GROUP)
		return am_requisite_holds(all, index, there_level, is_before ? now : at_last);
	for (size_t k = index + 1; k < one->end; k = all->list[k].end)
		held += (size_t)holds_then(all, k, now, at_last);
	return held > one->more;
}

static int is_ready(const struct world *w, uint32_t set, uint32_t at_last, size_t image)
{
	const struct am_requisites *all = w->images[image].requisites;
	struct there now = {w, set}, then = {w, at_last};

	for (size_t k = 0; k < all->count; k = all->list[k].end) {
		if (!holds_then(all, k, &now, &then) && holds_then(all, k, &then, &then))
			return 0;
	}
	return is_founded(w, set, &w->images[image]);
}

/* Whether the images of a set can be installed in any order: the ready ones, again and again. */
static int has_order(const struct world *w, uint32_t set)
{
	uint32_t done = 0;

	for (size_t i = 0; i < w->count; i++) {
		if ((set >> i & 1) != 0 && (done >> i & 1) == 0 && is_ready(w, done, set, i)) {
			done |= 1U << i;
			i = (size_t)-1;
		}
	}
	return done == set;
}

static uint32_t taken_of(const struct world *w)
{
	uint32_t set = 0;

	for (size_t i = 0; i < w->plan.order_count; i++)
		set |= 1U << w->plan.order[i];
	for (size_t i = 0; i < w->count; i++)
		assert_int_equal(w->plan.verdicts[i].fate == AM_PLAN_TAKEN, set >> i & 1);
	return set;
}

static void check_order(const struct world *w, uint32_t set)
{
	uint32_t done = 0;

	if (!has_order(w, set))
		return;
	for (size_t i = 0; i < w->plan.order_count; i++) {
		if (!is_ready(w, done, set, w->plan.order[i]))
			fail_msg("seed %u: %s too early", seed, w->texts[w->plan.order[i]]);
		done |= 1U << w->plan.order[i];
	}
}

/* Each fileset that is wanted is at the highest level that any possible set of images gives it. */
static void check_best(const struct world *w, uint32_t set)
{
	struct am_level best[FILESETS] = {0}, got[FILESETS] = {0};

	for (uint32_t any = 0; any < 1U << w->count; any++) {
		struct there t = {w, any};

		if (!is_possible(w, any))
			continue;
		for (size_t i = 0; i < w->wanted_count; i++) {
			struct am_level level = {{0}};

			if (there_level(&t, w->wanted[i].name, &level) &&
				am_level_compare(&level, &best[i]) > 0)
				best[i] = level;
		}
	}
	for (size_t i = 0; i < w->wanted_count; i++) {
		struct there t = {w, set};

		(void)there_level(&t, w->wanted[i].name, &got[i]);
		if (am_level_compare(&got[i], &best[i]) != 0)
			fail_msg("seed %u: %.2s is at %u.%u.0.%u, not at %u.%u.0.%u", seed,
				w->wanted[i].name.at, got[i].number[0], got[i].number[1],
				got[i].number[3], best[i].number[0], best[i].number[1],
				best[i].number[3]);
	}
}

/* The same in another order of everything. */
static void check_shuffled(const struct world *w)
{
	struct am_plan_image images[IMAGES];
	struct am_plan_fileset installed[FILESETS], wanted[FILESETS];
	size_t place[IMAGES]; /* the image at each place */
	struct am_plan plan;
	struct am_error error;

	for (size_t i = 0; i < w->count; i++)
		place[i] = i;
	for (size_t i = w->count; i > 1; i--) {
		size_t other = roll((uint32_t)i), kept = place[i - 1];

		place[i - 1] = place[other];
		place[other] = kept;
	}
	for (size_t i = 0; i < w->count; i++)
		images[i] = w->images[place[i]];
	for (size_t i = 0; i < w->installed_count; i++)
		installed[i] = w->installed[w->installed_count - 1 - i];
	for (size_t i = 0; i < w->wanted_count; i++)
		wanted[i] = w->wanted[w->wanted_count - 1 - i];
	assert_int_equal(am_plan_make(&plan, images, w->count, installed, w->installed_count,
				 wanted, w->wanted_count, &error),
		0);
	assert_int_equal(plan.order_count, w->plan.order_count);
	for (size_t i = 0; i < plan.order_count; i++)
		assert_int_equal(place[plan.order[i]], w->plan.order[i]);
	for (size_t i = 0; i < w->count; i++) {
		const struct am_plan_verdict *a = &plan.verdicts[i];
		const struct am_plan_verdict *b = &w->plan.verdicts[place[i]];

		assert_int_equal(a->fate, b->fate);
		assert_ptr_equal(a->why, b->why);
		assert_int_equal(a->by == AM_PLAN_NONE ? a->by : place[a->by], b->by);
	}
	am_plan_free(&plan);
}

static void random_sets(void **state)
{
	size_t taken = 0, unmet = 0;

	(void)state;
	for (uint32_t round = 0; round < 4000; round++) {
		struct world w;
		int is_wild = round % 3 == 0;
		uint32_t set;

		seed = round * 7919U + 1;
		random_world(&w, is_wild);
		make(&w);
		set = taken_of(&w);
		if (!is_possible(&w, set))
			fail_msg("round %u: a requisite does not hold", round);
		if (!is_wild)
			check_best(&w, set);
		if (!is_wild)
			check_order(&w, set);
		check_shuffled(&w);
		taken += w.plan.order_count;
		for (size_t i = 0; i < w.count; i++)
			unmet += w.plan.verdicts[i].fate == AM_PLAN_UNMET;
		world_free(&w);
	}
	if (taken < 4000 || unmet < 1000)
		fail_msg("little was tried: %zu taken, %zu unmet", taken, unmet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
		cmocka_unit_test(what_is_missing_has_its_chain),
		cmocka_unit_test(who_asked_is_known),
		cmocka_unit_test(contradictions_end),
		cmocka_unit_test(random_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
