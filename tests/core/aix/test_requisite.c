/* SPDX-License-Identifier: MIT */
/* ORDER_SEED=N tries that set of filesets, ORDER_ROUNDS=N so many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aix/requisite.h"

static struct am_slice slice(const char *text)
{
	return (struct am_slice){text, strlen(text)};
}

static struct am_level level(const char *text)
{
	struct am_level result;

	assert_int_equal(am_level_parse(slice(text), &result), 0);
	return result;
}

static struct am_requisites read_text(const char *text)
{
	struct am_requisites r = {0};
	struct am_error error;
	/* In memory of exactly its size; the requisites of these tests outlive no text of theirs.
	 */
	assert_int_equal(am_requisites_parse(&r, slice(text), &error), 0);
	return r;
}

static void levels(void **state)
{
	struct am_level found;

	(void)state;
	found = level("02.01.0000.0001");
	assert_int_equal(found.number[0], 2);
	assert_int_equal(found.number[3], 1);
	assert_true(am_level_compare(&found, &(struct am_level){{2, 1, 0, 2}}) < 0);
	assert_true(am_level_compare(&(struct am_level){{10, 0, 0, 0}}, &found) > 0);
	found = level("7.2");
	assert_int_equal(am_level_compare(&found, &(struct am_level){{7, 2, 0, 0}}), 0);
	static const char *const bad[] = {"", ".", "7.", "7..1", "7.1.0.0.0", "7.1.0.0a", "a", "-1",
		"7.1.0.4294967296", "99999999999999999999.1.1.1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(am_level_parse(slice(bad[i]), &found), -1);
}

static int met(const char *text, const char *at)
{
	struct am_requisites r = read_text(text);
	struct am_level have;
	int result;

	assert_int_equal(r.count, 1);
	if (at != NULL)
		have = level(at);
	result = am_requisite_met(&r.list[0], at == NULL ? NULL : &have);
	am_requisites_free(&r);
	return result;
}

static void a_line_is_read(void **state)
{
	struct am_requisites r = read_text("\t*ifreq  bos.net(5.1.0.0)\t5.1.0.10 v<6 m > 2\r\n");

	(void)state;
	assert_int_equal(r.count, 1);
	assert_int_equal(r.list[0].kind, AM_REQUISITE_IFREQ);
	assert_true(am_slice_is(r.list[0].name, "bos.net"));
	assert_true(am_slice_is(r.list[0].text, "*ifreq  bos.net(5.1.0.0)\t5.1.0.10 v<6 m > 2"));
	assert_true(r.list[0].has_base && r.list[0].has_level);
	assert_int_equal(r.list[0].base.number[3], 0);
	assert_int_equal(r.list[0].level.number[3], 10);
	assert_int_equal(r.list[0].bound_count, 2);
	assert_int_equal(r.list[0].bounds[1].place, 2);
	assert_int_equal(r.list[0].bounds[1].operation, '>');
	assert_int_equal(r.list[0].end, 1);
	am_requisites_free(&r);
}

static void what_is_met(void **state)
{
	static const struct {
		const char *text, *at;
		int met;
	} cases[] = {
		{"*prereq X", NULL, 0},
		{"*prereq X", "1.0.0.0", 1},
		{"*coreq X 5.2.0.10", "5.2.0.9", 0},
		{"*instreq X 5.2.0.10", "10.0.0.0", 1},
		{"*ifreq X 5.2.0.10", NULL, 1},
		{"*ifreq X 5.2.0.10", "5.2.0.9", 0},
		{"*ifreq X (5.2.0.0) 5.2.0.10", "5.2.0.5", 0},
		{"*ifreq X (5.2.0.0) 5.2.0.10", "5.2.0.10", 1},
		{"*ifreq X (5.2.0.0) 5.2.0.10", "5.3.0.0", 1},
		{"*ifreq X (5.2.0.50) 5.2.0.60", "5.2.0.40", 1},
		{"*ifreq X v=4 r>4", NULL, 1},
		{"*ifreq X v=4 r>4", "5.2.0.0", 1},
		{"*ifreq X v=4 r>4", "4.5.0.0", 1},
		{"*ifreq X v=4 r>4", "4.4.9.9", 0},
		{"*prereq X v=4 r>4", NULL, 0},
		{"*prereq X v=4 r>4", "3.9.0.0", 0},
		{"*prereq X r>4 v=4", "5.0.0.0", 1},
		{"*prereq X v=4 r<4", "5.0.0.0", 0},
		{"*prereq X v=4 r<4", "3.9.0.0", 1},
		{"*prereq X v=4 r=3", "4.3.9.0", 1},
		{"*prereq X v=4 r=3", "5.3.0.0", 0},
		{"*prereq X v=4 r>2 r<6", "5.0.0.0", 0},
		{"*prereq X v=4 r=3 m>2", "4.4.0.0", 1},
		{"*prereq X v=4 r=3 m>2", "4.3.2.9", 0},
		{"*prereq X v>3 r>1", "4.1.0.0", 0},
		{"*prereq X v>3 r>1", "4.2.0.0", 1},
		{"*prereq X v<6", "5.9.9.9", 1},
		{"*prereq X v<6", "6.0.0.0", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (met(cases[i].text, cases[i].at) != cases[i].met)
			fail_msg("%s, at %s", cases[i].text,
				cases[i].at == NULL ? "nothing" : cases[i].at);
	}
}

/* "a" and "b" are there, the latter at 2. */
static int level_of_letter(void *arg, struct am_slice name, struct am_level *found)
{
	const char *all = arg;

	if (name.length != 1 || strchr(all, name.at[0]) == NULL)
		return 0;
	*found = (struct am_level){{name.at[0] == 'b' ? 2 : 1, 0, 0, 0}};
	return 1;
}

static int group_holds(const char *text, const char *there)
{
	struct am_requisites r = read_text(text);
	int result;

	assert_int_equal(r.list[0].kind, AM_REQUISITE_GROUP);
	result = am_requisite_holds(&r, 0, level_of_letter, (void *)(uintptr_t)there);
	am_requisites_free(&r);
	return result;
}

static void groups(void **state)
{
	static const char one[] = ">0 {\n*prereq a\n*prereq b 3.0.0.0\n}\n";
	static const char nested[] = "> 0 { >1 {*prereq a\n*prereq b 2.0} >1\t{\n*coreq c\n"
				     "nothing\n*ifreq d 2.0.0.0\n} }";

	(void)state;
	assert_int_equal(group_holds(one, ""), 0);
	assert_int_equal(group_holds(one, "a"), 1);
	assert_int_equal(group_holds(one, "b"), 0);
	assert_int_equal(group_holds(nested, "a"), 0);
	assert_int_equal(group_holds(nested, "ab"), 1);
	assert_int_equal(group_holds(nested, "c"), 1);
	assert_int_equal(group_holds(nested, "cd"), 0);
}

static void groups_know_their_end(void **state)
{
	struct am_requisites r = read_text("*prereq x\n>0 {*coreq y\n>1 {*coreq z}\n}*prereq last");

	(void)state;
	assert_int_equal(r.count, 6);
	assert_int_equal(r.list[1].end, 5);
	assert_int_equal(r.list[3].end, 5);
	assert_true(am_slice_is(r.list[1].text, ">0 {*coreq y\n>1 {*coreq z}\n}"));
	assert_true(am_slice_is(r.list[5].name, "last"));
	am_requisites_free(&r);
}

static void odd_text_ends(void **state)
{
	static const char *const texts[] = {"", "\n \t", "}", "}}}", ">", ">0", ">0 {",
		">99999999999 {", "*", "*prereq", "*prereq ", "*prereq\n", "*prereqx y",
		"bos.rte 5.1.0.0\n", ">0 {}", "*ifreq a (", "*ifreq a ()",
		"*ifreq (1.0.0.0) 2.0.0.0", "*prereq a v",
		"*prereq a v=", "*prereq a v=x v>99999999999999 v<1"};
	static char deep[20001];
	struct am_requisites r;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		r = read_text(texts[i]);
		for (size_t k = 0; k < r.count; k++)
			(void)am_requisite_holds(&r, k, level_of_letter, (void *)(uintptr_t) "a");
		am_requisites_free(&r);
	}
	for (size_t i = 0; i < 20000; i += 4)
		strcpy(deep + i, ">0 {");
	r = read_text(deep);
	assert_int_equal(r.count, 32);
	assert_int_equal(am_requisite_holds(&r, 0, level_of_letter, (void *)(uintptr_t) ""), 0);
	am_requisites_free(&r);
}

/* --- the order, against one that tries them all --- */

enum { FILESETS = 6, NAMES = 4, ASKED = 3 };

struct asked {
	int kind; /* 0 prereq, 1 coreq, 2 ifreq, 3 instreq; 4: group of two prereqs, one is enough
		   */
	int name, other;
	int least, other_least;
};

struct one {
	int name, level;
	struct asked asked[ASKED];
	int count;
	char text[512];
	struct am_requisites requisites;
};

struct world {
	struct one filesets[FILESETS];
	int count;
	int installed[NAMES]; /* levels; 0: not there */
};

static uint64_t random_state;

static int draw(int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (int)((random_state >> 16) % (uint64_t)below);
}

static const char *const names[NAMES + 1] = {"a", "b", "c", "d", "nowhere"};

static void write_one(struct one *f)
{
	static const char *const words[] = {"prereq", "coreq", "ifreq", "instreq"};
	char *at = f->text;

	*at = '\0';
	for (int i = 0; i < f->count; i++) {
		const struct asked *a = &f->asked[i];
		size_t room = sizeof f->text - (size_t)(at - f->text);

		if (a->kind < 4)
			snprintf(at, room, "*%s %s %d.0.0.0\n", words[a->kind], names[a->name],
				a->least);
		else
			snprintf(at, room, ">0 {\n*prereq %s %d.0.0.0\n*prereq %s %d.0.0.0\n}\n",
				names[a->name], a->least, names[a->other], a->other_least);
		at += strlen(at);
	}
}

static void random_world(struct world *w)
{
	memset(w, 0, sizeof *w);
	for (int i = 0; i < NAMES; i++)
		w->installed[i] = draw(3) == 0 ? 1 : 0;
	w->count = 1 + draw(FILESETS);
	for (int i = 0; i < w->count; i++) {
		struct one *f = &w->filesets[i];

		for (int unique = 0; !unique;) {
			f->name = draw(NAMES);
			f->level = 1 + draw(3);
			unique = 1;
			for (int k = 0; k < i; k++)
				unique = unique && (w->filesets[k].name != f->name ||
							   w->filesets[k].level != f->level);
		}
		f->count = draw(ASKED + 1);
		for (int k = 0; k < f->count; k++)
			f->asked[k] = (struct asked){draw(5), draw(NAMES + (draw(8) == 0)),
				draw(NAMES), 1 + draw(3), 1 + draw(3)};
		write_one(f);
		f->requisites = read_text(f->text);
	}
}

static int is_met(const int have[NAMES + 1], int name, int least)
{
	return have[name] >= least;
}

/* What must be there before, as far as it can be. */
static int may_come(const struct one *f, const int have[NAMES + 1], const int at_last[NAMES + 1])
{
	for (int i = 0; i < f->count; i++) {
		const struct asked *a = &f->asked[i];
		int now = is_met(have, a->name, a->least);
		int then = is_met(at_last, a->name, a->least);

		if (a->kind == 4) {
			now = now || is_met(have, a->other, a->other_least);
			then = then || is_met(at_last, a->other, a->other_least);
		}
		if (a->kind != 1 && a->kind != 2 && then && !now)
			return 0;
	}
	return 1;
}

static void begin(const struct world *w, int have[NAMES + 1], int at_last[NAMES + 1])
{
	have[NAMES] = at_last[NAMES] = 0;
	for (int i = 0; i < NAMES; i++)
		have[i] = at_last[i] = w->installed[i];
	for (int i = 0; i < w->count; i++) {
		if (w->filesets[i].level > at_last[w->filesets[i].name])
			at_last[w->filesets[i].name] = w->filesets[i].level;
	}
}

static int lower_first(const struct world *w, unsigned placed, int next)
{
	for (int i = 0; i < w->count; i++) {
		if ((placed & 1U << i) == 0 && w->filesets[i].name == w->filesets[next].name &&
			w->filesets[i].level < w->filesets[next].level)
			return 0;
	}
	return 1;
}

/* Whether there is an order at all. */
static int try_all(const struct world *w, unsigned placed, const int have[NAMES + 1],
	const int at_last[NAMES + 1])
{
	if (placed == (1U << w->count) - 1)
		return 1;
	for (int i = 0; i < w->count; i++) {
		const struct one *f = &w->filesets[i];
		int then[NAMES + 1];

		if ((placed & 1U << i) != 0 || !lower_first(w, placed, i) ||
			!may_come(f, have, at_last))
			continue;
		memcpy(then, have, sizeof then);
		if (f->level > then[f->name])
			then[f->name] = f->level;
		if (try_all(w, placed | 1U << i, then, at_last))
			return 1;
	}
	return 0;
}

static int installed_level(void *arg, struct am_slice name, struct am_level *found)
{
	const struct world *w = arg;

	for (int i = 0; i < NAMES; i++) {
		if (am_slice_is(name, names[i]) && w->installed[i] > 0) {
			*found = (struct am_level){{(uint32_t)w->installed[i], 0, 0, 0}};
			return 1;
		}
	}
	return 0;
}

/* The order of the world's filesets, given in the order of `input`. */
static void order_of(struct world *w, const int *input, int *order)
{
	struct am_ordered filesets[FILESETS];
	size_t result[FILESETS];
	struct am_error error;

	for (int i = 0; i < w->count; i++) {
		struct one *f = &w->filesets[input[i]];

		filesets[i] = (struct am_ordered){
			slice(names[f->name]), {{(uint32_t)f->level, 0, 0, 0}}, &f->requisites};
	}
	assert_int_equal(
		am_requisite_order(filesets, (size_t)w->count, installed_level, w, result, &error),
		0);
	for (int i = 0; i < w->count; i++)
		order[i] = input[result[i]];
}

static void try_world(unsigned long seed)
{
	struct world w;
	int have[NAMES + 1], at_last[NAMES + 1], input[FILESETS], order[FILESETS], again[FILESETS];
	unsigned placed = 0;
	int possible;

	random_state = (seed + 1) * 0x9E3779B97F4A7C15ULL | 1;
	random_world(&w);
	begin(&w, have, at_last);
	possible = try_all(&w, 0, have, at_last);
	for (int i = 0; i < w.count; i++)
		input[i] = i;
	order_of(&w, input, order);
	for (int i = w.count - 1; i > 0; i--) {
		int other = draw(i + 1), kept = input[i];

		input[i] = input[other];
		input[other] = kept;
	}
	order_of(&w, input, again);
	for (int i = 0; i < w.count; i++) {
		const struct one *f = &w.filesets[order[i]];

		if (order[i] != again[i])
			fail_msg("the order depends on the input (ORDER_SEED=%lu)", seed);
		if ((placed & 1U << order[i]) != 0)
			fail_msg("a fileset twice (ORDER_SEED=%lu)", seed);
		if (!lower_first(&w, placed, order[i]))
			fail_msg("a higher level first (ORDER_SEED=%lu)", seed);
		if (possible && !may_come(f, have, at_last))
			fail_msg("%s %d comes too early (ORDER_SEED=%lu)\n%s", names[f->name],
				f->level, seed, f->text);
		placed |= 1U << order[i];
		if (f->level > have[f->name])
			have[f->name] = f->level;
	}
	for (int i = 0; i < w.count; i++)
		am_requisites_free(&w.filesets[i].requisites);
}

static void no_order_violates_a_requisite(void **state)
{
	const char *one = getenv("ORDER_SEED"), *rounds = getenv("ORDER_ROUNDS");
	unsigned long count = rounds != NULL ? strtoul(rounds, NULL, 10) : 20000;

	(void)state;
	if (one != NULL)
		try_world(strtoul(one, NULL, 10));
	for (unsigned long seed = 0; one == NULL && seed < count; seed++)
		try_world(seed);
}

/* A long chain, against the order of names, and all of them asked for by one. */
static void many_filesets(void **state)
{
	enum { MANY = 5000 };
	struct am_ordered *filesets = calloc(MANY, sizeof *filesets);
	struct am_requisites *all = calloc(MANY, sizeof *all);
	size_t *order = calloc(MANY, sizeof *order);
	char(*text)[64] = calloc(MANY, sizeof *text), (*name)[16] = calloc(MANY, sizeof *name);
	struct am_error error;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof name[i], "f%05d", i);
		if (i + 1 < MANY)
			snprintf(text[i], sizeof text[i], "*prereq f%05d 1.0.0.0\n", i + 1);
		all[i] = read_text(text[i]);
		filesets[i] = (struct am_ordered){slice(name[i]), {{1, 0, 0, 0}}, &all[i]};
	}
	assert_int_equal(am_requisite_order(filesets, MANY, NULL, NULL, order, &error), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(order[i], MANY - 1 - i);
	assert_int_equal(am_requisite_order(NULL, 0, NULL, NULL, order, &error), 0);
	for (int i = 0; i < MANY; i++)
		am_requisites_free(&all[i]);
	free(filesets);
	free(all);
	free(order);
	free(text);
	free(name);
}

/* Each asks for all the others: a circle, and as many requisites as there can be. */
static void all_ask_for_all(void **state)
{
	enum { MANY = 400 };
	struct am_ordered filesets[MANY];
	struct am_requisites all[MANY];
	static char text[MANY * 32], name[MANY][16];
	size_t order[MANY];
	char *at = text;
	struct am_error error;

	(void)state;
	for (int i = MANY - 1; i >= 0; i--)
		at += snprintf(at, 32, "*prereq f%05d 1.0.0.0\n", i);
	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof name[i], "f%05d", i);
		all[i] = read_text(text);
		filesets[i] = (struct am_ordered){slice(name[i]), {{1, 0, 0, 0}}, &all[i]};
	}
	assert_int_equal(am_requisite_order(filesets, MANY, NULL, NULL, order, &error), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(order[i], i);
	for (int i = 0; i < MANY; i++)
		am_requisites_free(&all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(a_line_is_read),
		cmocka_unit_test(what_is_met),
		cmocka_unit_test(groups),
		cmocka_unit_test(groups_know_their_end),
		cmocka_unit_test(odd_text_ends),
		cmocka_unit_test(no_order_violates_a_requisite),
		cmocka_unit_test(many_filesets),
		cmocka_unit_test(all_ask_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
