/* SPDX-License-Identifier: MIT */
/*
 * What a merge promises in every grammar, with comments, control lines and disabled records in any
 * order: merged again the result stays as it is; nothing that the site or the vendor added is lost;
 * what the new level has keeps its order where its order counts. Stays as it is: byte for byte, but
 * for comments and blank lines of one file in a thousand (a comment belongs to what follows it, or
 * to the head or the end of the file, and is there another file's when that is gone).
 *
 *   MERGE_SEED=N tries that one     MERGE_ROUNDS=N so many (default 3000 a grammar)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/colon.h"
#include "config/merge.h"
#include "config/stanza.h"
#include "config/table.h"

static uint64_t random_state;

static unsigned draw(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 16) % below);
}

static const char *const names[] = {"one", "two", "three", "four"};
static const size_t keys[] = {0};
static const struct am_columns fields = {.names = names,
	.count = 3,
	.least = 2,
	.key = keys,
	.key_count = 1,
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
	.names = names, .count = 4, .least = 2, .key = keys, .key_count = 1, .control = '%'};

/* A grammar: how a record of a key is written. %1$u: the key, %2$u: a value. */
struct grammar {
	const char *record;
	const char *key; /* how its key reads */
	const char *comment;
	const char *control; /* a line that is no record; NULL: there is none */
	const char *setting;
	int no_disabled;
	struct am_merge_policy policy;
};

static const char *const mandatory[] = {"%defaultvfs", NULL};

static const struct grammar grammars[] = {
	{"k%1$u:\n\ta = %2$u\n* within\n\tb = x\n", "k%u", "* a note, %u\n", NULL, NULL, 1,
		{.file = "stanza", .parse = am_stanza_parse}},
	{"k%1$u %1$u none h%2$u\n", "k%u", "# a note, %u\n", "%%control %u\n", "%%defaultvfs k%u\n",
		0,
		{.file = "vfs",
			.parse = am_table_parse_vfs,
			.separator = '\t',
			.new_order = 1,
			.mandatory = mandatory}},
	{"d+ f%1$u - - %2$u\n", "d\tf%u", "# a note, %u\n", NULL, NULL, 0,
		{.file = "pse",
			.parse = am_table_parse_pse,
			.separator = '\t',
			.new_order = 1,
			.beside = 1}},
	{"k%1$u SEC_CHAR l%2$u s na yes\n", "k%u", "# a note, %u\n", NULL, NULL, 0,
		{.file = "map",
			.parse = am_table_parse_ldapmap,
			.separator = '\t',
			.new_order = 1}},
	{"k%1$u;%2$u\n", "k%u", "# a note, %u\n", "no record %u\n", NULL, 0,
		{.file = "fields",
			.parse_columns = am_colonfile_parse,
			.columns = &fields,
			.separator = ';'}},
	{"k%1$u;%2$u\n", "k%u", "# a note, %u\n", "no record %u\n", NULL, 0,
		{.file = "fields in order",
			.parse_columns = am_colonfile_parse,
			.columns = &fields,
			.separator = ';',
			.new_order = 1}},
	{"k%1$u\n", "k%u", "# a note, %u\n", NULL, NULL, 0,
		{.file = "lines", .parse_columns = am_colonfile_parse, .columns = &lines}},
	{"k%1$u v%2$u\n", "k%u", "# a note, %u\n", "%%control %u\n", NULL, 0,
		{.file = "words",
			.parse_columns = am_table_parse_columns,
			.columns = &words,
			.separator = '\t'}},
	{"k%1$u v%2$u\n", "k%u", "# a note, %u\n", "%%control %u\n", NULL, 0,
		{.file = "words in order",
			.parse_columns = am_table_parse_columns,
			.columns = &words,
			.separator = '\t',
			.new_order = 1,
			.keep_obsolete = 1}},
};

enum kind { RECORD, DISABLED, COMMENT, BLANK, CONTROL, SETTING };

struct item {
	enum kind kind;
	unsigned key, value;
};

enum { ITEMS = 40 };

struct side {
	struct item items[ITEMS];
	size_t count;
	char text[4096];
};

static int has(const struct side *s, enum kind kind, unsigned key)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == kind && (kind == SETTING || s->items[i].key == key))
			return 1;
	return 0;
}

static void insert(struct side *s, struct item item)
{
	size_t at = draw((unsigned)s->count + 1);

	if (s->count == ITEMS || (item.kind == RECORD && has(s, RECORD, item.key)) ||
		(item.kind == CONTROL && has(s, CONTROL, item.key)) ||
		(item.kind == SETTING && has(s, SETTING, 0)))
		return;
	memmove(&s->items[at + 1], &s->items[at], (s->count - at) * sizeof s->items[0]);
	s->items[at] = item;
	s->count++;
}

static enum kind random_kind(const struct grammar *g)
{
	for (;;) {
		enum kind kind = (enum kind)draw(SETTING + 1);

		if (draw(2) == 0)
			kind = RECORD;
		if ((kind == CONTROL && g->control == NULL) ||
			(kind == SETTING && g->setting == NULL) ||
			(kind == DISABLED && g->no_disabled))
			continue;
		return kind;
	}
}

static void add_some(struct side *s, const struct grammar *g, unsigned from, unsigned most)
{
	for (unsigned left = draw(most + 1); left > 0; left--) {
		struct item item = {random_kind(g), from + draw(6), draw(3)};

		if (item.kind == COMMENT)
			item.key = from * 100 + draw(100);
		insert(s, item);
	}
}

/* What somebody made of a file. */
static void edit(struct side *s, const struct side *from, const struct grammar *g, unsigned keys_at)
{
	s->count = 0;
	for (size_t i = 0; i < from->count; i++) {
		struct item item = from->items[i];

		if (draw(6) == 0)
			continue;
		if (draw(5) == 0)
			item.value = draw(3);
		s->items[s->count++] = item;
	}
	add_some(s, g, keys_at, 5);
	if (draw(4) == 0) /* what the others have too */
		add_some(s, g, 30, 2);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void write_side(struct side *s, const struct grammar *g)
{
	size_t at = 0;

	s->text[0] = '\0';
	for (size_t i = 0; i < s->count; i++) {
		const struct item *item = &s->items[i];
		char *to = s->text + at;
		size_t room = sizeof s->text - at;

		switch (item->kind) {
		case RECORD:
			snprintf(to, room, g->record, item->key, item->value);
			break;
		case DISABLED:
			*to = '#';
			snprintf(to + 1, room - 1, g->record, item->key, item->value);
			break;
		case COMMENT:
			snprintf(to, room, g->comment, item->key);
			break;
		case BLANK:
			strcpy(to, "\n");
			break;
		case CONTROL:
			snprintf(to, room, g->control, item->key);
			break;
		case SETTING:
			snprintf(to, room, g->setting, item->value);
			break;
		}
		at += strlen(to);
	}
}

/* The line or header a thing is found by. */
static void written(const struct grammar *g, const struct item *item, char *out, size_t room)
{
	if (item->kind == CONTROL)
		snprintf(out, room, g->control, item->key);
	else if (item->kind == COMMENT)
		snprintf(out, room, g->comment, item->key);
	else
		snprintf(out, room, g->record, item->key, item->value);
}
#pragma GCC diagnostic pop

static struct am_slice slice(const char *text)
{
	return (struct am_slice){text, text == NULL ? 0 : strlen(text)};
}

static void merge(const struct grammar *g, const char *o, const char *c, const char *n,
	char *result, size_t room)
{
	struct am_merge_input input = {slice(o), slice(c), slice(n), AM_MODIFIED_UNKNOWN};
	struct am_decisions decisions = {0};
	enum am_merge_status status;
	struct am_buf out = {0};
	struct am_error error;

	if (am_merge(&g->policy, &input, &out, &status, &decisions, &error) != 0)
		fail_msg("%s", error.message);
	assert_true(out.length < room);
	snprintf(result, room, "%.*s", (int)out.length, out.data == NULL ? "" : out.data);
	am_decisions_free(&decisions);
	am_buf_free(&out);
}

/* Where a text stands at the beginning of a line, or NULL. */
static const char *find_line(const char *text, const char *what)
{
	size_t length = strlen(what);

	for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, what, length) == 0)
			return at;
	}
	return NULL;
}

/* Where a record or control line is in a result, whatever its value; NULL when it is not. */
static const char *find_item(const struct grammar *g, const struct item *item, const char *text)
{
	char what[128];
	const char *found = NULL;

	if (item->kind != RECORD) {
		written(g, item, what, sizeof what);
		return find_line(text, what);
	}
	for (unsigned value = 0; value < 3 && found == NULL; value++) {
		struct item other = {RECORD, item->key, value};

		written(g, &other, what, sizeof what);
		if (g->record[4] == ':') /* a stanza: its header alone */
			strcpy(strchr(what, '\n') + 1, "");
		found = find_line(text, what);
	}
	return found;
}

struct trial {
	const struct grammar *g;
	struct side o, c, n;
	char result[16384], again[16384];
	unsigned long seed;
	int o_known;
};

static void failed(const struct trial *t, const char *what)
{
	fail_msg("%s: %s (MERGE_SEED=%lu)\n---- O\n%s---- C\n%s---- N\n%s---- result\n%s---- "
		 "again\n%s",
		t->g->policy.file, what, t->seed, t->o_known ? t->o.text : "(unknown)\n", t->c.text,
		t->n.text, t->result, t->again);
}

static void check_nothing_lost(const struct trial *t)
{
	for (size_t i = 0; i < t->c.count; i++) {
		const struct item *item = &t->c.items[i];

		if ((item->kind == RECORD || item->kind == CONTROL) &&
			(!t->o_known || !has(&t->o, item->kind, item->key)) &&
			find_item(t->g, item, t->result) == NULL)
			failed(t, "what the site added is lost");
	}
	for (size_t i = 0; i < t->n.count; i++) {
		const struct item *item = &t->n.items[i];

		if ((item->kind == RECORD || item->kind == CONTROL) &&
			(!t->o_known || !has(&t->o, item->kind, item->key)) &&
			!has(&t->c, DISABLED, item->key) &&
			find_item(t->g, item, t->result) == NULL)
			failed(t, "what the vendor added is missing");
		if (item->kind == SETTING && strstr(t->result, "%defaultvfs") == NULL)
			failed(t, "no default");
	}
}

static void check_order(const struct trial *t)
{
	const char *last = t->result;

	for (size_t i = 0; i < t->n.count && t->g->policy.new_order; i++) {
		const struct item *item = &t->n.items[i];
		const char *at = item->kind == RECORD || item->kind == CONTROL
					 ? find_item(t->g, item, t->result)
					 : NULL;

		if (item->kind == CONTROL && at == NULL)
			failed(t, "a control line of the new level is missing");
		if (at != NULL && at < last)
			failed(t, "the new level's order is lost");
		if (at != NULL)
			last = at;
	}
}

static unsigned long comments_moved;

/* The next line that is no comment and not blank; an empty one at the end. */
static struct am_slice next_line(const char **at)
{
	while (**at != '\0') {
		const char *end = strchr(*at, '\n');
		struct am_slice line = {*at, end == NULL ? strlen(*at) : (size_t)(end - *at)};

		*at = line.at + line.length + (end != NULL);
		if (line.length > 0 && line.at[0] != '#' && line.at[0] != '*')
			return line;
	}
	return (struct am_slice){*at, 0};
}

static int same_but_comments(const char *a, const char *b)
{
	struct am_slice x, y;

	do {
		x = next_line(&a);
		y = next_line(&b);
		if (!am_slice_equal(x, y))
			return 0;
	} while (x.length > 0);
	return 1;
}

static void try_one(const struct grammar *g, unsigned long seed)
{
	static struct trial t;
	const char *o;

	memset(&t, 0, sizeof t);
	t.g = g;
	t.seed = seed;
	random_state = (seed + 1) * 0x9E3779B97F4A7C15ULL | 1;
	add_some(&t.o, g, 10, 12);
	edit(&t.c, &t.o, g, 20);
	edit(&t.n, &t.o, g, 40);
	write_side(&t.o, g);
	write_side(&t.c, g);
	write_side(&t.n, g);
	t.o_known = draw(3) != 0;
	o = t.o_known ? t.o.text : NULL;
	merge(g, o, t.c.text, t.n.text, t.result, sizeof t.result);
	merge(g, o, t.result, t.n.text, t.again, sizeof t.again);
	if (strcmp(t.result, t.again) != 0) {
		/* What says what the old level's file says is the site's no more. */
		int as_shipped = g->policy.keep_obsolete && t.o_known &&
				 same_but_comments(t.result, t.o.text);

		if (!same_but_comments(t.result, t.again) && !as_shipped)
			failed(&t, "merging the result again changes it");
		comments_moved++;
	}
	if (strcmp(t.result, t.n.text) == 0 || strcmp(t.result, t.c.text) == 0)
		return; /* whole files: one side did not change */
	check_nothing_lost(&t);
	check_order(&t);
}

static void try_grammar(size_t which)
{
	const char *one = getenv("MERGE_SEED"), *rounds = getenv("MERGE_ROUNDS");
	unsigned long count = rounds != NULL ? strtoul(rounds, NULL, 10) : 3000;

	comments_moved = 0;
	if (one != NULL)
		try_one(&grammars[which], strtoul(one, NULL, 10));
	for (unsigned long seed = 0; one == NULL && seed < count; seed++)
		try_one(&grammars[which], seed);
	if (one == NULL && comments_moved * 1000 > count)
		fail_msg("comments moved in %lu of %lu files", comments_moved, count);
}

#define GRAMMAR(number, name)                                                                      \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		try_grammar(number);                                                               \
	}

GRAMMAR(0, stanzas)
GRAMMAR(1, vfs)
GRAMMAR(2, pse)
GRAMMAR(3, ldap_map)
GRAMMAR(4, colon_fields)
GRAMMAR(5, colon_fields_in_the_new_order)
GRAMMAR(6, lines_alone)
GRAMMAR(7, table_words)
GRAMMAR(8, table_words_in_the_new_order)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stanzas),
		cmocka_unit_test(vfs),
		cmocka_unit_test(pse),
		cmocka_unit_test(ldap_map),
		cmocka_unit_test(colon_fields),
		cmocka_unit_test(colon_fields_in_the_new_order),
		cmocka_unit_test(lines_alone),
		cmocka_unit_test(table_words),
		cmocka_unit_test(table_words_in_the_new_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
