/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aix/lpp.h"
#include "base/buf.h"
#include "hostile.h"

static const char sample[] =
	"4 R S bos.sysmgt {\n"
	"bos.sysmgt.nim.spot 4.1.3.0 01 N U en_US Network Install Manager - SPOT # 1995\n"
	"[\n"
	"*prereq bos.sysmgt.nim.spot 4.1.1.0\n"
	">0 {\n"
	"*coreq bos.rte v=4 r>1\n"
	"*ifreq bos.net (4.1.0.0) 4.1.0.5\n"
	"}\n"
	"%\n"
	"/usr/lib/boot/network 40\n"
	"/usr/lpp/SAVESPACE 40\n"
	"/usr/lpp/x \n"
	"INSTWORK 48 16\n"
	"%\n"
	"bos.sysmgt.nim.spot 4.1.2.0\n"
	"%\n"
	"%\n"
	"IX50489  325 AIX 4.1.3.0 Maintenance Level\n"
	"IX50490 without a number\n"
	"%\n"
	"]\n"
	"bos.sysmgt.other 04.01.0000.0000 01 b B C\n"
	"[\n"
	"%\n"
	"%\n"
	"]\n"
	"}\n";

static struct am_slice slice(const char *text)
{
	return (struct am_slice){text, strlen(text)};
}

static void an_update_is_read(void **state)
{
	struct am_lpp lpp;
	struct am_error error = {{0}, {0}};
	const struct am_lpp_fileset *f;

	(void)state;
	assert_int_equal(am_lpp_parse(&lpp, "x.bff", slice(sample), &error), 0);
	assert_int_equal(lpp.length, sizeof sample - 1);
	assert_int_equal(lpp.platform, 'R');
	assert_true(am_slice_is(lpp.type, "S"));
	assert_true(am_slice_is(lpp.package, "bos.sysmgt"));
	assert_int_equal(lpp.count, 2);
	f = &lpp.filesets[0];
	assert_true(am_slice_is(f->name, "bos.sysmgt.nim.spot"));
	assert_int_equal(f->level.number[2], 3);
	assert_int_equal(f->bosboot, 'N');
	assert_int_equal(f->content, 'U');
	assert_true(am_slice_is(f->language, "en_US"));
	assert_true(am_slice_is(f->description, "Network Install Manager - SPOT"));
	assert_true(am_slice_is(f->comments, "1995"));
	assert_int_equal(f->line, 2);
	assert_int_equal(f->requisites.count, 4);
	assert_int_equal(f->requisites.list[1].end, 4);
	assert_int_equal(f->requisites.list[3].kind, AM_REQUISITE_IFREQ);
	assert_int_equal(f->size_count, 4);
	assert_int_equal(f->sizes[0].blocks, 40);
	assert_true(am_slice_is(f->sizes[1].path, "/usr/lpp/SAVESPACE"));
	assert_int_equal(f->sizes[2].is_known, 0);
	assert_int_equal(f->sizes[3].temporary, 16);
	assert_int_equal(f->supersede_count, 1);
	assert_int_equal(f->supersedes[0].level.number[2], 2);
	assert_int_equal(f->fix_count, 2);
	assert_true(am_slice_is(f->fixes[0].id, "IX50489"));
	assert_true(am_slice_is(f->fixes[0].abstract, "AIX 4.1.3.0 Maintenance Level"));
	assert_true(am_slice_is(f->fixes[1].abstract, "without a number"));
	f = &lpp.filesets[1];
	assert_int_equal(f->level.number[1], 1);
	assert_true(am_slice_is(f->level_text, "04.01.0000.0000"));
	assert_int_equal(f->content, 'B');
	assert_int_equal(f->description.length, 0);
	assert_int_equal(f->requisites.count + f->size_count + f->fix_count, 0);
	am_lpp_free(&lpp);
}

static void builders_that_leave_out_sections(void **state)
{
	static const char text[] =
		"\n4 R I a {\r\na.rte 1.0.0.0 01 N U C A\r\n[\r\n*prereq b\r\n%\r\n] }";
	struct am_lpp lpp;
	struct am_error error;

	(void)state;
	assert_int_equal(am_lpp_parse(&lpp, "x", slice(text), &error), 0);
	assert_int_equal(lpp.count, 1);
	assert_int_equal(lpp.filesets[0].requisites.count, 1);
	am_lpp_free(&lpp);
}

static void many_of_each(void **state)
{
	struct am_lpp lpp;
	struct am_error error;
	struct am_buf text = {0};

	(void)state;
	assert_int_equal(am_buf_addstr(&text, "4 R I many {\n", &error), 0);
	for (int i = 0; i < 300; i++) {
		am_buf_addf(&text, &error, "many.f%d 1.0.0.%d 01 N U C f\n[\n", i, i);
		for (int k = 0; k < i; k++)
			am_buf_addf(&text, &error, "*prereq many.f%d 1.0.0.%d\n", k, k);
		am_buf_addstr(&text, "%\n/usr 1\n/etc 2\n/var 3 4\n/opt 5\n/x 6\n%\n", &error);
		am_buf_addstr(&text, "a 1.0.0.0\n%\n%\nIY1 1 x\n%\n]\n", &error);
	}
	am_buf_addstr(&text, "}\n", &error);
	assert_int_equal(
		am_lpp_parse(&lpp, "x", (struct am_slice){text.data, text.length}, &error), 0);
	assert_int_equal(lpp.count, 300);
	for (size_t i = 0; i < lpp.count; i++) {
		assert_int_equal(lpp.filesets[i].requisites.count, i);
		assert_int_equal(lpp.filesets[i].level.number[3], i);
		assert_int_equal(lpp.filesets[i].size_count, 5);
	}
	am_lpp_free(&lpp);
	am_buf_free(&text);
}

/* A text of eight megabytes could have a million of them, each many times its length in memory. */
static void more_than_an_image_can_have(void **state)
{
	static const struct {
		const char *first, *each, *last, *message;
		size_t count;
		int result;
	} cases[] = {
		{"", "a.b 1.0.0.0 01 N U C\n", "", NULL, AM_LPP_FILESETS, 0},
		{"", "a.b 1.0.0.0 01 N U C\n", "", "line 10002: more filesets", AM_LPP_FILESETS + 1,
			-1},
		{"a.b 1.0.0.0 01 N U C\n[\n%\n", "/usr 1\n", "%\n]\n", NULL, AM_LPP_LINES - 10, 0},
		{"a.b 1.0.0.0 01 N U C\n[\n%\n", "/usr 1\n", "%\n]\n", "line 200001: more lines",
			AM_LPP_LINES, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct am_buf text = {0};
		struct am_lpp lpp;
		struct am_error error = {{0}, {0}};

		assert_int_equal(am_buf_addf(&text, &error, "4 R I a {\n%s", cases[i].first), 0);
		for (size_t k = 0; k < cases[i].count; k++)
			assert_int_equal(am_buf_addstr(&text, cases[i].each, &error), 0);
		assert_int_equal(am_buf_addf(&text, &error, "%s}\n", cases[i].last), 0);
		assert_int_equal(
			am_lpp_parse(&lpp, "x", (struct am_slice){text.data, text.length}, &error),
			cases[i].result);
		if (cases[i].message != NULL)
			assert_non_null(strstr(error.message, cases[i].message));
		am_lpp_free(&lpp);
		am_buf_free(&text);
	}
}

static void what_is_no_lpp_name(void **state)
{
	static const char *const texts[][2] = {{"", "line 0: empty"}, {"\n\n", "empty"},
		{"3 R I a {\n", "line 1: no lpp_name of format 4"},
		{"4 X I a {\n", "expected: 4 PLATFORM"}, {"4 R I ../a {\n", "expected: 4 PLATFORM"},
		{"4 R I a\n", "expected: 4 PLATFORM"}, {"4 R I a {\n}\n", "no fileset"},
		{"4 R I a {\n[\n", "line 2: '[' without a fileset"},
		{"4 R I a {\na.b 1.0.0 01 N U C x\n", "ends before its last brace"},
		{"4 R I a {\na/b 1.0.0.0 01 N U C x\n}\n",
			"line 2: expected a fileset and its level"},
		{"4 R I a {\na.b latest 01 N U C x\n}\n", "expected a fileset and its level"},
		{"4 R I a {\n$(x) 1.0.0.0 01 N U C x\n}\n", "expected a fileset"},
		{"4 R I a {\na.b 1.0.0.0 01 X U C x\n}\n", "expected: FILESET LEVEL"},
		{"4 R I a {\na.b 1.0.0.0\n}\n", "expected: FILESET LEVEL"}};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct am_lpp lpp;
		struct am_error error = {{0}, {0}};

		assert_int_equal(am_lpp_parse(&lpp, "x.bff", slice(texts[i][0]), &error), -1);
		assert_string_equal(error.code, "LPP_NAME");
		assert_non_null(strstr(error.message, "lpp_name: x.bff: line "));
		if (strstr(error.message, texts[i][1]) == NULL)
			fail_msg("%s: %s", texts[i][0], error.message);
		am_lpp_free(&lpp);
	}
}

static int parse_variant(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_lpp lpp;
	int result = am_lpp_parse(&lpp, "x.bff", (struct am_slice){data, length}, error);
	size_t total = 0;

	(void)context;
	for (size_t i = 0; i < lpp.count; i++) {
		const struct am_lpp_fileset *f = &lpp.filesets[i];

		for (size_t k = 0; k < f->requisite_text.length; k++)
			total += (unsigned char)f->requisite_text.at[k];
		for (size_t k = 0; k < f->fix_count; k++)
			total += f->fixes[k].abstract.length;
		for (size_t k = 0; k < f->description.length; k++)
			total += (unsigned char)f->description.at[k];
	}
	assert_true(total < SIZE_MAX);
	am_lpp_free(&lpp);
	return result == 0;
}

static void any_byte_may_be_wrong(void **state)
{
	struct hostile h = {.data = (const unsigned char *)sample,
		.length = sizeof sample - 1,
		.parse = parse_variant,
		.subject = "lpp_name: x.bff"};

	(void)state;
	hostile_cuts(&h);
	assert_true(h.refused > 100);
	hostile_words(&h, 0, h.length, 1, HOSTILE_BE);
	assert_true(h.read > 100);
}

static char *read_sample(const char *name)
{
	char path[512];
	char *text = calloc(1, 1 << 20);
	size_t length;
	FILE *file;

	snprintf(path, sizeof path, "%s/samples/%s", TEST_SHARED, name);
	file = fopen(path, "r");
	if (file == NULL || text == NULL) {
		free(text);
		return NULL;
	}
	length = fread(text, 1, (1 << 20) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

/* Templates of real packages: the level is filled in when the package is built. */
static void real_lpp_names(void **state)
{
	static const char *const samples[] = {"lpp_name-perl-AIX-LPP",
		"lpp_name-cfengine-community.in", "lpp_name-cfengine-nova.in"};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		char *text = read_sample(samples[i]), *at;
		struct am_lpp lpp;
		struct am_error error = {{0}, {0}};

		if (text == NULL)
			skip();
		at = strstr(text, "@@VERSION@@");
		if (at != NULL)
			memcpy(at, "3.0.0000000", 11);
		assert_int_equal(am_lpp_parse(&lpp, samples[i], slice(text), &error), 0);
		assert_int_equal(lpp.count, 1);
		assert_true(lpp.filesets[0].size_count > 10);
		assert_int_equal(lpp.filesets[0].requisites.count, i == 0 ? 2 : 0);
		am_lpp_free(&lpp);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_is_read),
		cmocka_unit_test(builders_that_leave_out_sections),
		cmocka_unit_test(many_of_each),
		cmocka_unit_test(more_than_an_image_can_have),
		cmocka_unit_test(what_is_no_lpp_name),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(real_lpp_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
