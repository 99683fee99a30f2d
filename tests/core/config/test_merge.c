/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "config/merge.h"
#include "config/stanza.h"
#include "config/table.h"

static const struct am_merge_attribute classes[] = {
	{"usw", "shells", AM_CLASS_LIST, 0, 0},
	{NULL, "program", AM_CLASS_SYSTEM, 0, 0},
	{NULL, "password", AM_CLASS_USER, 1, 0},
};
static const char *const mandatory[] = {"usw", NULL};

static struct am_merge_policy policy(void)
{
	struct am_merge_policy p = {.file = "/etc/security/login.cfg",
		.parse = am_stanza_parse,
		.fallback = AM_CLASS_USER,
		.attributes = classes,
		.attribute_count = sizeof classes / sizeof *classes,
		.mandatory = mandatory};

	return p;
}

struct outcome {
	struct am_buf out;
	enum am_merge_status status;
	struct am_decisions decisions;
};

static void run(struct outcome *r, const struct am_merge_policy *p, const char *o, const char *c,
	const char *n)
{
	struct am_merge_input input = {
		am_slice_of(o), am_slice_of(c), am_slice_of(n), AM_MODIFIED_UNKNOWN};
	struct am_error error;

	memset(r, 0, sizeof *r);
	if (am_merge(p, &input, &r->out, &r->status, &r->decisions, &error) != 0)
		fail_msg("%s", error.message);
}

static void drop(struct outcome *r)
{
	am_buf_free(&r->out);
	am_decisions_free(&r->decisions);
}

static const struct am_decision *decision(
	const struct outcome *r, const char *key, const char *attribute)
{
	for (size_t i = 0; i < r->decisions.count; i++) {
		const struct am_decision *d = &r->decisions.list[i];

		if ((d->key == NULL ? key == NULL : key != NULL && strcmp(d->key, key) == 0) &&
			(d->attribute == NULL ? attribute == NULL
					      : attribute != NULL &&
							strcmp(d->attribute, attribute) == 0))
			return d;
	}
	return NULL;
}

static void expect(const char *o, const char *c, const char *n, const char *result)
{
	struct am_merge_policy p = policy();
	struct outcome r, again;

	run(&r, &p, o, c, n);
	assert_string_equal(r.out.data, result);
	run(&again, &p, o, r.out.data, n);
	assert_string_equal(again.out.data, result); /* merging the result changes nothing */
	drop(&again);
	drop(&r);
}

/* The example of login.cfg: a list merge, a user value and a new attribute. */
static void merges_login_cfg(void **state)
{
	(void)state;
	expect("usw:\n\tshells = /bin/sh,/bin/csh,/bin/ksh\n\tmaxlogins = 32767\n",
		"usw:\n\tshells = /bin/sh,/bin/ksh,/opt/freeware/bin/bash\n\tmaxlogins = 100\n",
		"usw:\n\tshells = /bin/sh,/bin/csh,/bin/ksh,/usr/bin/rksh\n\tmaxlogins = 32767\n"
		"\tmkhomeatlogin = false\n",
		"usw:\n\tshells = /bin/sh,/bin/ksh,/opt/freeware/bin/bash,/usr/bin/rksh\n"
		"\tmaxlogins = 100\n\tmkhomeatlogin = false\n");
}

static void follows_the_record_table(void **state)
{
	struct am_merge_policy p = policy();
	struct outcome r;

	(void)state;
	run(&r, &p,
		"usw:\n\ta = 1\n\nold:\n\ta = 1\n\nmine:\n\ta = 1\n\ngone:\n\ta = 1\n\n"
		"cut:\n\ta = 1\n",
		"old:\n\ta = 1\n\nmine:\n\ta = 2\n\n* site\nsite:\n\ta = 1\n\nboth:\n\ta = 1\n",
		"usw:\n\ta = 1\n\ngone:\n\ta = 1\n\ncut:\n\ta = 2\n\n* fresh\nfresh:\n\ta = 1\n\n"
		"both:\n\ta = 9\n\tb = 1\n");
	assert_string_equal(r.out.data,
		"\nmine:\n\ta = 2\n\n* site\nsite:\n\ta = 1\n\nboth:\n\ta = 1\n\tb = 1\n\n"
		"usw:\n\ta = 1\n\n* fresh\nfresh:\n\ta = 1\n");
	assert_string_equal(decision(&r, "old", NULL)->chosen, "none");
	assert_int_equal(decision(&r, "mine", NULL)->severity, AM_WARNING);
	assert_int_equal(decision(&r, "gone", NULL)->severity, AM_NOTE);
	assert_int_equal(decision(&r, "cut", NULL)->severity, AM_WARNING);
	assert_string_equal(decision(&r, "usw", NULL)->chosen, "N");
	assert_int_equal(decision(&r, "both", "a")->severity, AM_CONFLICT);
	drop(&r);
}

static void follows_the_attribute_table(void **state)
{
	struct am_merge_policy p = policy();
	struct outcome r;

	(void)state;
	run(&r, &p,
		"a:\n\tvendor = 1\n\tsite = 1\n\tboth = 1\n\tprogram = /o\n\tdropped = 1\n"
		"\tremoved = 1\n\tpassword = o\n",
		"a:\n\tvendor = 1\n\tsite = 2\n\tboth = 2\n\tprogram = /c\n\tdropped = 1\n"
		"\town = 1\n\tpassword = hashc\n",
		"a:\n\tvendor = 2\n\tsite = 1\n\tboth = 3\n\tprogram = /n\n\tremoved = 1\n"
		"\tnew = 1\n\tpassword = hashn\n");
	assert_string_equal(r.out.data,
		"a:\n\tvendor = 2\n\tsite = 2\n\tboth = 2\n\tprogram = /n\n\town = 1\n"
		"\tpassword = hashc\n\tnew = 1\n");
	assert_string_equal(decision(&r, "a", "both")->chosen, "C");
	assert_string_equal(decision(&r, "a", "both")->n, "3");
	assert_string_equal(decision(&r, "a", "program")->chosen, "N");
	assert_string_equal(decision(&r, "a", "password")->c, "<secret>");
	assert_string_equal(decision(&r, "a", "password")->n, "<secret>");
	assert_null(decision(&r, "a", "site"));
	drop(&r);
}

static void merges_two_ways_without_the_old_text(void **state)
{
	struct am_merge_policy p = policy();
	struct outcome r;

	(void)state;
	run(&r, &p, NULL, "usw:\n\tshells = /a,/b\n\tx = 1\n\tprogram = /c\n\nmine:\n\ta = 1\n",
		"usw:\n\tshells = /b,/c\n\tx = 2\n\tprogram = /n\n\tz =\n\nfresh:\n\tb = 1\n");
	assert_string_equal(r.out.data,
		"usw:\n\tshells = /a,/b,/c\n\tx = 1\n\tprogram = /n\n\tz =\n\nmine:\n\ta = 1\n\n"
		"fresh:\n\tb = 1\n");
	assert_int_equal(decision(&r, "fresh", NULL)->finding, AM_FOUND_NEW_UNKNOWN);
	drop(&r);
}

static void takes_the_whole_file_where_it_can(void **state)
{
	static const char a[] = "* 1.2 @(#) x\na:\n\tb = 1\n", a2[] = "a:\n\tb = 1 \n\n",
			  b[] = "a:\n\tb = 2\n", bad[] = "nonsense\n";
	static const struct {
		const char *o, *c, *n, *result;
		enum am_merge_status status;
	} cases[] = {
		{a, NULL, b, b, AM_MERGE_NEW},
		{a, a2, b, b, AM_MERGE_NEW},
		{NULL, a2, a, a, AM_MERGE_NEW},
		{a, b, a2, b, AM_MERGE_KEPT},
		{a, b, NULL, b, AM_MERGE_KEPT},
		{NULL, NULL, b, b, AM_MERGE_NEW},
		{bad, bad, b, b, AM_MERGE_NEW},
		{a, bad, a2, bad, AM_MERGE_KEPT},
		{NULL, b, bad, b, AM_MERGE_KEPT},
	};
	struct am_merge_policy p = policy();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome r;

		run(&r, &p, cases[i].o, cases[i].c, cases[i].n);
		assert_string_equal(r.out.data, cases[i].result);
		assert_int_equal(r.status, cases[i].status);
		drop(&r);
	}
}

static void says_where_the_site_s_file_is_no_stanza_file(void **state)
{
	struct am_merge_policy p = policy();
	struct am_merge_input input = {am_slice_of(NULL), am_slice_of("a:\n\tb = 1\nwhat\n"),
		am_slice_of("a:\n"), AM_MODIFIED_YES};
	struct am_buf out = {0};
	struct am_decisions decisions = {0};
	enum am_merge_status status;
	struct am_error error;

	(void)state;
	assert_int_equal(am_merge(&p, &input, &out, &status, &decisions, &error), -1);
	assert_string_equal(error.code, "CONFIG_SYNTAX");
	assert_non_null(strstr(error.message, "/etc/security/login.cfg: line 3"));
	input.modified = AM_MODIFIED_NO; /* then it need not be read */
	assert_int_equal(am_merge(&p, &input, &out, &status, &decisions, &error), 0);
	assert_string_equal(out.data, "a:\n");
	am_buf_free(&out);
	am_decisions_free(&decisions);
}

static void keeps_the_text_around(void **state)
{
	(void)state;
	/* header of N, comments of C with what is kept, LF line ends, an end to the last line */
	expect("* old head\n\na:\n\tb = 1\n\td = 1\n",
		"* old head\n* and ours\n\n* why\na:\r\n* because\n\tb = \"one\r\ntwo\"\r\n\td = 1",
		"* new head\n\na:\n\tb = 1\n\td = 2\n\n* for c\nc:\n\td = 1",
		"* new head\n\n* why\na:\n* because\n\tb = \"one\ntwo\"\n\td = 2\n\n* for c\nc:\n"
		"\td = 1\n");
	/* a default stanza that N has first comes first */
	expect("z:\n\ta = 1\n", "z:\n\ta = 2\n", "default:\n\tq = 1\n\nz:\n\ta = 1\n\tb = 1\n",
		"default:\n\tq = 1\nz:\n\ta = 2\n\tb = 1\n");
	/* a stanza given twice becomes one */
	expect("x:\n", "a:\n\tp = 1\n\nb:\n\tq = 1\na:\n\tp = 2\n\tr = 3\n", "a:\n\tn = 1\n",
		"a:\n\tp = 1\n\tr = 3\n\tn = 1\n\nb:\n\tq = 1\n");
	/* quotes are no difference, and they stay as the site wrote them */
	expect("a:\n\tb = x\n\tc = 1\n", "a:\n\tb = \"x\"\n\tc = 2\n", "a:\n\tb = y\n\tc = 1\n",
		"a:\n\tb = y\n\tc = 2\n");
}

static void expect_table(
	int (*parse)(struct am_records *, const char *, const char *, size_t, struct am_error *),
	const char *o, const char *c, const char *n, const char *result)
{
	struct am_merge_policy p = {
		.file = "table", .parse = parse, .separator = '\t', .new_order = 1};
	struct outcome r;

	run(&r, &p, o, c, n);
	assert_string_equal(r.out.data, result);
	drop(&r);
}

/* A column that nobody wants stays where a later one would move into its place. */
static void keeps_the_columns_of_a_line(void **state)
{
	(void)state;
	expect_table(am_table_parse_ldapmap, "name SEC_CHAR uid s seconds\n",
		"name SEC_CHAR uid s\n", "name SEC_CHAR uid s na yes\n",
		"name\tSEC_CHAR\tuid\ts\tna\tyes\n");
	expect_table(am_table_parse_ldapmap, "name SEC_CHAR uid s na yes\n",
		"name SEC_CHAR uid s\n", "name SEC_CHAR u s na yes\n", "name\tSEC_CHAR\tu\ts\n");
}

/* A comment that looks like a record is only a comment where the record stands elsewhere. */
static void tells_comments_from_records(void **state)
{
	(void)state;
	expect_table(am_table_parse_vfs, "nfs 2 /a none\n", "nfs 2 /mine none\n",
		"nfs 2 /a none\n#nfs 2 /old none\n", "nfs 2 /mine none\n#nfs 2 /old none\n");
}

static void merge_list(const char *o, const char *c, const char *n, const char *result)
{
	struct am_buf out = {0};
	struct am_error error;

	assert_int_equal(am_merge_list(am_slice_of(o), am_slice_of(c), am_slice_of(n), NULL, NULL,
				 &out, &error),
		0);
	assert_string_equal(out.data == NULL ? "" : out.data, result);
	am_buf_free(&out);
}

static void merges_lists(void **state)
{
	(void)state;
	merge_list("a,b,c", "a,c,mine", "b,c,new", "c,mine,new");
	merge_list(NULL, "a, b", "b,c", "a,b,c");
	merge_list("a", "", "a,b", "b");
	merge_list("", "a,,a,b,", "b,b,c,c", "a,b,c");
	merge_list(NULL, "", "", "");
}

/* --- properties over made-up files, from a fixed seed --------------------------------------- */

static uint32_t random_state;

static unsigned pick(unsigned below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 16) % below;
}

static void make_file(struct am_buf *out, int with_mandatory)
{
	struct am_error error;
	unsigned records = pick(6);

	am_buf_addstr(out, pick(2) ? "* head\n\n" : "* head two\n\n", &error);
	if (with_mandatory) {
		am_buf_addstr(out, "usw:\n\tshells = ", &error);
		for (unsigned i = 0, n = pick(5); i < n; i++)
			am_buf_addf(out, &error, "%s/s%u", i == 0 ? "" : ",", pick(6));
		am_buf_addstr(out, "\n\n", &error);
	}
	for (unsigned i = 0; i < 8; i++) {
		if (pick(8) >= records)
			continue;
		if (pick(3) == 0)
			am_buf_addf(out, &error, "* about r%u\n", i);
		am_buf_addf(out, &error, "r%u:\n", i);
		for (unsigned k = 0; k < 4; k++)
			if (pick(2))
				am_buf_addf(out, &error, "\t%s = %u\n",
					k == 3   ? "program"
					: k == 2 ? "list"
					: k == 1 ? "b"
						 : "c",
					pick(3));
		if (pick(2))
			am_buf_addstr(out, "\n", &error);
	}
}

static void no_key_of_the_site_is_lost(const char *o, const char *c, const char *result)
{
	struct am_records fo = {0}, fc, fr;
	struct am_error error;

	assert_int_equal(am_stanza_parse(&fc, "c", c, strlen(c), &error), 0);
	assert_int_equal(am_stanza_parse(&fr, "r", result, strlen(result), &error), 0);
	if (o != NULL)
		assert_int_equal(am_stanza_parse(&fo, "o", o, strlen(o), &error), 0);
	for (size_t i = 0; i < fc.count; i++)
		if (o == NULL || am_records_find(&fo, fc.records[i].key) == NULL)
			assert_non_null(am_records_find(&fr, fc.records[i].key));
	am_records_free(&fo);
	am_records_free(&fc);
	am_records_free(&fr);
}

static void check_properties(const char *o, const char *c, const char *n)
{
	struct am_merge_policy p = policy();
	struct outcome r;

	run(&r, &p, o, o, n);
	assert_string_equal(r.out.data, n);
	drop(&r);
	run(&r, &p, o, c, c);
	assert_string_equal(r.out.data, c);
	drop(&r);
	run(&r, &p, o, c, o);
	assert_true(am_merge_same_text(am_slice_of(r.out.data), am_slice_of(c)));
	drop(&r);
	expect(o, c, n, (run(&r, &p, o, c, n), r.out.data));
	no_key_of_the_site_is_lost(o, c, r.out.data);
	drop(&r);
	run(&r, &p, NULL, c, n);
	expect(NULL, c, n, r.out.data);
	no_key_of_the_site_is_lost(NULL, c, r.out.data);
	drop(&r);
}

static void holds_its_properties(void **state)
{
	(void)state;
	random_state = 20260101;
	for (int i = 0; i < 500; i++) {
		struct am_buf o = {0}, c = {0}, n = {0};

		make_file(&o, 1);
		make_file(&c, 1);
		make_file(&n, 1);
		check_properties(o.data, c.data, n.data);
		am_buf_free(&o);
		am_buf_free(&c);
		am_buf_free(&n);
	}
}

static int merge_variant(const void *data, size_t length, void *context, struct am_error *error)
{
	static const char other[] = "* other\n\nusw:\n\tshells = /b,/c\n\tx = 2\n\nz:\n\ty = 1\n";
	struct am_merge_policy p = policy();
	struct am_merge_input input = {am_slice_of(other), am_slice_of("q:\n\tr = 1\n"),
		am_slice_of("q:\n\tr = 2\n"), AM_MODIFIED_UNKNOWN};
	struct am_slice part = {data, length};
	int side = *(const int *)context;
	struct outcome r = {0};
	int result;

	*(side == 0 ? &input.o : side == 1 ? &input.c : &input.n) = part;
	result = am_merge(&p, &input, &r.out, &r.status, &r.decisions, error);
	if (result != 0) {
		/* Of the shipped texts one that cannot be read counts as unknown. */
		assert_int_equal(side, 1);
		assert_string_equal(error->code, "CONFIG_SYNTAX");
	}
	drop(&r);
	return result == 0;
}

/* Every text cut at every byte, with every byte another: a result or a refusal that names file and
 * line, nothing else. */
static void refuses_or_merges_hostile_files(void **state)
{
	static const char text[] = "* head\n\ndefault:\n\tSYSTEM = \"a\\\"b\n c\"\n\tx =\n\n"
				   "usw:\r\n\tshells = \"/a,/b\"\n# end\nusw:\n\tx = 1\n";

	(void)state;
	for (int side = 0; side < 3; side++) {
		struct hostile h = {.data = (const unsigned char *)text,
			.length = sizeof text - 1,
			.parse = merge_variant,
			.subject = "login.cfg: line ",
			.context = &side};

		hostile_cuts(&h);
		hostile_bytes(&h, 0, h.length);
	}
}

static void lists_with_stray_quotes_are_the_sites(void **state)
{
	struct am_merge_policy p = policy();
	struct outcome r;

	(void)state;
	run(&r, &p, "usw:\n\tshells = a\n", "usw:\n\tshells = \"a,b\" \"c\"\n",
		"usw:\n\tshells = a,d\n\tx = 1\n");
	assert_int_equal(r.status, AM_MERGE_MERGED);
	assert_int_equal(decision(&r, "usw", "shells")->severity, AM_CONFLICT);
	assert_non_null(strstr(r.out.data, "\tshells = \"a,b\" \"c\"\n"));
	drop(&r);
	/* A header whose blank line holds a tab does not grow. */
	run(&r, &p, NULL, "* head\n\t\nusw:\n\ta = 1\n", "* head\n\t\nusw:\n\tb = 1\n");
	assert_string_equal(r.out.data, "* head\n\t\nusw:\n\ta = 1\n\tb = 1\n");
	drop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_login_cfg),
		cmocka_unit_test(follows_the_record_table),
		cmocka_unit_test(follows_the_attribute_table),
		cmocka_unit_test(merges_two_ways_without_the_old_text),
		cmocka_unit_test(takes_the_whole_file_where_it_can),
		cmocka_unit_test(says_where_the_site_s_file_is_no_stanza_file),
		cmocka_unit_test(keeps_the_text_around),
		cmocka_unit_test(keeps_the_columns_of_a_line),
		cmocka_unit_test(tells_comments_from_records),
		cmocka_unit_test(merges_lists),
		cmocka_unit_test(holds_its_properties),
		cmocka_unit_test(refuses_or_merges_hostile_files),
		cmocka_unit_test(lists_with_stray_quotes_are_the_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
