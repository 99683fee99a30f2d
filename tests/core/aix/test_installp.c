/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aix/installp.h"
#include "hostile.h"

/* --- the request --- */

static const struct am_installp_fileset two[] = {
	{{"bos.net", 7}, {"7.2.5.0", 7}}, {{"acme.*", 6}, {NULL, 0}}};

/* The words with blanks between them, or the message of the refusal. */
static const char *words_of(struct am_installp_request request)
{
	static char text[1100];
	struct am_buf words = {0};
	struct am_error error;
	size_t count;

	if (am_installp_words(&request, &words, &count, &error) != 0) {
		assert_string_equal(error.code, "INSTALLP_REQUEST");
		snprintf(text, sizeof text, "%s", error.message);
	} else {
		size_t seen = 0;

		assert_in_range(words.length, 1, sizeof text - 1);
		for (size_t i = 0; i < words.length; i++) {
			seen += words.data[i] == '\0';
			text[i] = words.data[i] == '\0' ? ' ' : words.data[i];
		}
		text[words.length - 1] = '\0';
		assert_int_equal(seen, count);
	}
	am_buf_free(&words);
	return text;
}

static struct am_slice slice(const char *text)
{
	return am_slice_of(text);
}

static void requests_become_words(void **state)
{
	struct am_installp_request request = {.flags = slice("gXYb"),
		.device = slice("/images/installp/ppc"),
		.log = slice("/lpp/installp.log"),
		.list = slice("/tmp/a list")};

	(void)state;
	assert_string_equal(words_of(request), "installp -agXYb -d /images/installp/ppc -e "
					       "/lpp/installp.log -f /tmp/a list");
	request.is_preview = 1;
	request.log.at = request.list.at = NULL;
	request.filesets = two;
	request.count = 2;
	assert_string_equal(words_of(request),
		"installp -apgXYb -d /images/installp/ppc bos.net 7.2.5.0 acme.*");
	request = (struct am_installp_request){
		.operation = AM_INSTALLP_CLEANUP, .flags = slice("b"), .log = slice("/l")};
	assert_string_equal(words_of(request), "installp -Cb -e /l");
	request = (struct am_installp_request){.operation = AM_INSTALLP_REMOVE,
		.flags = slice("gb"),
		.is_preview = 1,
		.filesets = two,
		.count = 1};
	assert_string_equal(words_of(request), "installp -upgb bos.net 7.2.5.0");
	request = (struct am_installp_request){
		.operation = AM_INSTALLP_LIST, .device = slice("/images")};
	assert_string_equal(words_of(request), "installp -L -d /images");
	request = (struct am_installp_request){.operation = AM_INSTALLP_COMMIT,
		.filesets = &(struct am_installp_fileset){{"all", 3}, {NULL, 0}},
		.count = 1};
	assert_string_equal(words_of(request), "installp -c all");
}

static void refused(struct am_installp_request request, const char *why)
{
	const char *text = words_of(request);

	if (strstr(text, why) == NULL)
		fail_msg("'%s' in the place of '%s'", text, why);
}

static void what_installp_does_not_document_is_refused(void **state)
{
	struct am_installp_request apply = {.list = slice("/l")},
				   one = {.filesets = two, .count = 1};
	static const char *const flags[] = {"y", "n", "V", "gXY-", "d", "p", "C", "gR", " "};
	static const char *const names[] = {"", "-u", "a b", "a\n", "a;b", "$(a)", "/a", "a#b"};
	static const char *const levels[] = {"", "7", "7.2.5", "7.2.5.0.1", "7.2.5.x", "7.2.5.-1"};

	(void)state;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		apply.flags = slice(flags[i]);
		refused(apply, "has no flag");
	}
	apply.flags = (struct am_slice){"g\0X", 3};
	refused(apply, "has no flag");
	apply.flags = slice("gFX");
	refused(apply, "exclude each other");
	apply.flags = slice("gXg");
	refused(apply, "twice");
	apply.flags = slice("N");
	refused(apply, "for -ac");
	apply.flags = slice("");
	apply.device = slice("-d");
	refused(apply, "no path");
	apply.device = slice("/a\nb");
	refused(apply, "no path");
	apply.device.at = NULL;
	apply.filesets = two;
	apply.count = 1;
	refused(apply, "either filesets or a file");
	refused((struct am_installp_request){0}, "either filesets or a file");
	one.operation = AM_INSTALLP_COMMIT;
	one.device = slice("/images");
	refused(one, "-d is not one of this operation");
	one.operation = AM_INSTALLP_CLEANUP;
	one.device.at = NULL;
	refused(one, "takes no filesets");
	one.count = 0;
	one.is_preview = 1;
	refused(one, "no preview");
	refused((struct am_installp_request){.operation = AM_INSTALLP_LIST}, "of a device");
	one = (struct am_installp_request){.operation = AM_INSTALLP_REMOVE, .count = 1};
	one.filesets = &(struct am_installp_fileset){{"all", 3}, {NULL, 0}};
	refused(one, "'all' is for");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		one.filesets = &(struct am_installp_fileset){slice(names[i]), {NULL, 0}};
		refused(one, "no name of a fileset");
	}
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		one.filesets = &(struct am_installp_fileset){slice("bos.net"), slice(levels[i])};
		refused(one, "is no level");
	}
}

static void a_list_file_has_a_fileset_a_line(void **state)
{
	struct am_buf text = {0};
	struct am_error error;
	const struct am_installp_fileset bad = {{"a\nb", 3}, {NULL, 0}};

	(void)state;
	assert_int_equal(am_installp_list(two, 2, &text, &error), 0);
	assert_string_equal(text.data, "bos.net 7.2.5.0\nacme.*\n");
	assert_int_equal(am_installp_list(&bad, 1, &text, &error), -1);
	assert_string_equal(error.code, "INSTALLP_REQUEST");
	am_buf_free(&text);
}

/* --- the output --- */

/* What a run prints, put together of the forms of real ones. */
static const char sample[] =
	"*******************************************************************************\n"
	"installp PREVIEW:  installation will not actually occur.\n"
	"+-----------------------------------------------------------------------------+\n"
	"                    Pre-installation Verification...\n"
	"+-----------------------------------------------------------------------------+\n"
	"Verifying selections...done\n"
	"Results...\n"
	"\n"
	"FAILURES\n"
	"--------\n"
	"  Filesets listed in this section failed pre-installation verification\n"
	"  and will not be installed.\n"
	"\n"
	"  Not Found on the Installation Media\n"
	"  -----------------------------------\n"
	"    acme.gone 1.0.0.0\n"
	"\n"
	"  Requisite Failures\n"
	"  ------------------\n"
	"  SELECTED FILESETS:  The following is a list of filesets that you asked to\n"
	"  install.  They cannot be installed until all of their requisite filesets\n"
	"\n"
	"    acme.tool 7.2.4.0                         # Acme Tool - No. 1\n"
	"\n"
	"  MISSING REQUISITES:  The following filesets are required by one or more\n"
	"  of the selected filesets listed above.\n"
	"\n"
	"    acme.rte v=6                              # Base Level Fileset\n"
	"\n"
	"  << End of Failure Section >>\n"
	"\n"
	"WARNINGS\n"
	"--------\n"
	"  Already Installed\n"
	"  -----------------\n"
	"  The number of selected filesets that are either already installed\n"
	"  or effectively installed through superseding filesets is 18.  See\n"
	"\n"
	"  NOTE:  Base level filesets may be reinstalled using the \"Force\"\n"
	"  << End of Warning Section >>\n"
	"\n"
	"SUCCESSES\n"
	"---------\n"
	"  Selected Filesets\n"
	"  -----------------\n"
	"  acme.device.of.a.long.name.rte 7.2.0.0      # Long\n"
	"  acme.device.of.a.long.name.diag 7.2.0.0     # Long too\n"
	"  chef 12.0.0.1                               # The full stack of chef\n"
	"\n"
	"  << End of Success Section >>\n"
	"\n"
	"FILESET STATISTICS\n"
	"------------------\n"
	"    5  Selected to be installed, of which:\n"
	"        2  FAILED pre-installation verification\n"
	"  ----\n"
	"    3  Total to be installed\n"
	"\n"
	"RESOURCES\n"
	"---------\n"
	"      Filesystem                     Needed Space             Free Space\n"
	"      /usr                                37276                 380312\n"
	"      -----                            --------                 ------\n"
	"      TOTAL:                             344448                 876336\n"
	"\n"
	"Filesystem size changed to 2097152\n"
	"+-----------------------------------------------------------------------------+\n"
	"                         Installing Software...\n"
	"+-----------------------------------------------------------------------------+\n"
	"\n"
	"installp:  APPLYING software for:\n"
	"        chef 12.0.0.1\n"
	"        acme.device.of.a.long.name.rte 7.2.0.0\n"
	"\n"
	"Restoring files, please wait.\n"
	"0503-408 installp:  Failed while executing a script.\n"
	"Filesets processed:  2 of 3  (Total time:  33 mins 11 secs).\n"
	"\n"
	"installp: APPLYING software for:\n"
	"        acme.device.of.a.long.name.diag 7.2.0.0\n"
	"\n"
	"the last of it\n"
	"Finished processing all filesets.  (Total time:  2 mins 4 secs).\n"
	"\n"
	"Installation Summary\n"
	"--------------------\n"
	"Name                        Level           Part        Event       Result\n"
	"-------------------------------------------------------------------------------\n"
	"chef                        12.0.0.1        USR         APPLY       SUCCESS\n"
	"acme.device.of.a.long.name. 7.2.0.0         ROOT        APPLY       FAILED\n"
	"chef                        12.0.0.1        ROOT        CLEANUP     STRANGE\n"
	"\n"
	"\n"
	"Pre-installation Failure/Warning Summary\n"
	"----------------------------------------\n"
	"Name                      Level           Pre-installation Failure/Warning\n"
	"-------------------------------------------------------------------------------\n"
	"acme.device.of.a.long.name7.2.0.0         Already superseded by 7.2.1.0\n"
	"chef                      1.0.0.0         Already installed\n";

static const char expected[] =
	"listed 0 Not Found on the Installation Media||acme.gone|1.0.0.0|\n"
	"listed 0 Requisite Failures|SELECTED FILESETS|acme.tool|7.2.4.0|Acme Tool - No. 1\n"
	"listed 0 Requisite Failures|MISSING REQUISITES|acme.rte|v=6|Base Level Fileset\n"
	"listed 2 Selected Filesets||acme.device.of.a.long.name.rte|7.2.0.0|Long\n"
	"listed 2 Selected Filesets||acme.device.of.a.long.name.diag|7.2.0.0|Long too\n"
	"listed 2 Selected Filesets||chef|12.0.0.1|The full stack of chef\n"
	"count 5 Selected to be installed, of which:\n"
	"count 2 FAILED pre-installation verification\n"
	"count 3 Total to be installed\n"
	"room /usr 37276 380312\n"
	"grown 2097152\n"
	"begun 1 APPLYING chef 12.0.0.1\n"
	"begun 1 APPLYING acme.device.of.a.long.name.rte 7.2.0.0\n"
	"message 0503-408 installp:  Failed while executing a script.\n"
	"processed 2 of 3\n"
	"begun 2 APPLYING acme.device.of.a.long.name.diag 7.2.0.0\n"
	"finished\n"
	"result chef 12.0.0.1 USR APPLY SUCCESS 0 means 1\n"
	"result acme.device.of.a.long.name. 7.2.0.0 ROOT APPLY FAILED 1 means 2\n"
	"result chef 12.0.0.1 ROOT CLEANUP STRANGE 6 means 1\n"
	"noted acme.device.of.a.long.name 7.2.0.0 Already superseded by 7.2.1.0 means 2\n"
	"noted chef 1.0.0.0 Already installed means 1\n"
	"said Restoring files, please wait.\n0503-408 installp:  Failed while executing a script.\n"
	"said the last of it\n";

#define S(slice) (int)(slice).length, (slice).length > 0 ? (slice).at : ""

static void print_row(struct am_buf *text, struct am_installp_output *o, size_t index)
{
	const struct am_installp_row *row = &o->rows[index];
	unsigned long number = (unsigned long)row->number, of = (unsigned long)row->of;
	int done = -1;

	switch (row->kind) {
	case AM_INSTALLP_LISTED:
		done = am_buf_addf(text, NULL, "listed %d %.*s|%.*s|%.*s|%.*s|%.*s\n",
			(int)row->section, S(row->heading), S(row->list), S(row->name),
			S(row->level), S(row->text));
		break;
	case AM_INSTALLP_BEGUN:
		done = am_buf_addf(text, NULL, "begun %lu %.*s %.*s %.*s\n", number, S(row->text),
			S(row->name), S(row->level));
		break;
	case AM_INSTALLP_PROCESSED:
		done = am_buf_addf(text, NULL, "processed %lu of %lu\n", number, of);
		break;
	case AM_INSTALLP_FINISHED:
		done = am_buf_addstr(text, "finished\n", NULL);
		break;
	case AM_INSTALLP_GROWN:
		done = am_buf_addf(text, NULL, "grown %lu\n", number);
		break;
	case AM_INSTALLP_ROOM:
		done = am_buf_addf(text, NULL, "room %.*s %lu %lu\n", S(row->name), number, of);
		break;
	case AM_INSTALLP_COUNT:
		done = am_buf_addf(text, NULL, "count %lu %.*s\n", number, S(row->text));
		break;
	case AM_INSTALLP_RESULT:
		done = am_buf_addf(text, NULL, "result %.*s %.*s %.*s %.*s %.*s %d means %zu\n",
			S(row->name), S(row->level), S(row->part), S(row->event), S(row->word),
			(int)row->result, am_installp_meant(o, row, NULL, 0));
		break;
	case AM_INSTALLP_NOTED:
		done = am_buf_addf(text, NULL, "noted %.*s %.*s %.*s means %zu\n", S(row->name),
			S(row->level), S(row->text), am_installp_meant(o, row, NULL, 0));
		break;
	case AM_INSTALLP_MESSAGE:
		done = am_buf_addf(text, NULL, "message %.*s\n", S(row->text));
		break;
	}
	assert_int_equal(done, 0);
}

/* All that is read of a text that comes in pieces, as a text. */
static struct am_buf read_pieces(const char *data, size_t length, size_t first, size_t piece)
{
	struct am_installp_output o = {0};
	struct am_buf text = {0};
	struct am_error error;

	for (size_t at = 0; at < length;) {
		size_t part = at == 0 && first > 0 ? first : piece;

		if (part > length - at)
			part = length - at;
		assert_int_equal(am_installp_add(&o, data + at, part, &error), 0);
		at += part;
	}
	assert_int_equal(am_installp_end(&o, &error), 0);
	for (size_t i = 0; i < o.count; i++)
		print_row(&text, &o, i);
	for (size_t i = 0; i < o.group_count; i++)
		assert_int_equal(
			am_buf_addf(&text, NULL, "said %s",
				o.groups[i].said.length > 0 ? o.groups[i].said.data : "\n"),
			0);
	am_installp_free(&o);
	return text;
}

static void the_output_is_read(void **state)
{
	struct am_buf text = read_pieces(sample, sizeof sample - 1, 0, sizeof sample);

	(void)state;
	assert_string_equal(text.data, expected);
	am_buf_free(&text);
}

static void pieces_do_not_matter(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < sizeof sample - 1; cut++) {
		struct am_buf text = read_pieces(sample, sizeof sample - 1, cut, sizeof sample);

		assert_string_equal(text.data, expected);
		am_buf_free(&text);
	}
	for (size_t piece = 1; piece < 90; piece++) {
		struct am_buf text = read_pieces(sample, sizeof sample - 1, 0, piece);

		assert_string_equal(text.data, expected);
		am_buf_free(&text);
	}
}

static int use(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_buf text = read_pieces(data, length, 0, 61);

	(void)context;
	(void)error;
	am_buf_free(&text);
	return 1;
}

static void damage_is_no_failure(void **state)
{
	struct hostile h = {.data = (const unsigned char *)sample,
		.length = sizeof sample - 1,
		.parse = use,
		.subject = ""};

	(void)state;
	hostile_cuts(&h);
	hostile_bytes(&h, 0, h.length);
	assert_int_equal(h.refused, 0);
}

static void windows_line_ends_and_numbers_without_end(void **state)
{
	static const char text[] =
		"FILESET STATISTICS\r\n   99999999999999999999999  FAILED pre\r\n"
		"   12  FAILED pre-installation verification\r\n";
	struct am_buf read = read_pieces(text, sizeof text - 1, 0, 7);

	(void)state;
	assert_string_equal(read.data, "count 12 FAILED pre-installation verification\n");
	am_buf_free(&read);
}

/* --- names --- */

static size_t names_of(struct am_installp_output *o, const char *name, const char *level,
	enum am_installp_kind kind, const char *first)
{
	struct am_installp_row row = {.kind = kind, .name = slice(name), .level = slice(level)};
	struct am_slice names[4] = {{NULL, 0}};
	size_t count = am_installp_meant(o, &row, names, 4);

	if (first != NULL)
		assert_true(am_slice_is(names[0], first));
	return count;
}

static void a_cut_name_is_found_by_its_beginning(void **state)
{
	static const char *const known[][2] = {{"acme.device.of.a.long.name.rte", "7.2.0.0"},
		{"acme.device.of.a.long.name.diag", "7.2.0.0"},
		{"acme.device.of.a.long.name.diag", "7.2.1.0"}, {"acme.tool", "7.2.4.0"},
		{"acme.tool", "7.2.4.0"}, {"acme.tool.more", "7.2.4.0"}};
	struct am_installp_output o = {0};
	struct am_error error;

	(void)state;
	assert_int_equal(names_of(&o, "acme", "1.0.0.0", AM_INSTALLP_RESULT, NULL), 0);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_int_equal(
			am_installp_know(&o, slice(known[i][0]), slice(known[i][1]), &error), 0);
	assert_int_equal(names_of(&o, "acme.device.of.a.long.name.", "7.2.1.0", AM_INSTALLP_RESULT,
				 "acme.device.of.a.long.name.diag"),
		1);
	assert_int_equal(names_of(&o, "acme.device.of.a.long.name.", "7.2.0.0", AM_INSTALLP_RESULT,
				 "acme.device.of.a.long.name.diag"),
		2);
	assert_int_equal(names_of(&o, "acme.device.of.a.long.name", "7.2.1.0", AM_INSTALLP_NOTED,
				 "acme.device.of.a.long.name.diag"),
		1);
	assert_int_equal(names_of(&o, "acme.tool", "7.2.4.0", AM_INSTALLP_RESULT, "acme.tool"), 1);
	assert_int_equal(names_of(&o, "acme.tool", "9.9.9.9", AM_INSTALLP_RESULT, "acme.tool"), 1);
	assert_int_equal(names_of(&o, "acme.to", "7.2.4.0", AM_INSTALLP_RESULT, NULL), 0);
	assert_int_equal(names_of(&o, "nobody.knows", "1.0.0.0", AM_INSTALLP_NOTED, NULL), 0);
	am_installp_free(&o);
}

/* --- limits --- */

static void what_is_too_much_is_counted(void **state)
{
	static const char group[] = "installp:  APPLYING software for:\n        a.b 1.0.0.0\n\n";
	struct am_installp_output o = {0};
	struct am_error error;
	char line[3000];

	(void)state;
	for (size_t i = 0; i < AM_INSTALLP_GROUPS + 10; i++)
		assert_int_equal(am_installp_add(&o, group, sizeof group - 1, &error), 0);
	assert_int_equal(o.group_count, AM_INSTALLP_GROUPS);
	assert_int_equal(o.dropped, 10);
	am_installp_free(&o);
	assert_int_equal(am_installp_add(&o, group, sizeof group - 1, &error), 0);
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(am_installp_add(&o, line, sizeof line, &error), 0);
	assert_in_range(o.groups[0].said.length, 1, AM_INSTALLP_SAID);
	assert_true(o.groups[0].said.data[o.groups[0].said.length - 1] == '\n');
	for (size_t i = 0; i < AM_INSTALLP_ROWS + 5; i++)
		assert_int_equal(
			am_installp_add(&o, "Filesystem size changed to 1\n", 29, &error), 0);
	assert_int_equal(o.count, AM_INSTALLP_ROWS);
	assert_int_equal(o.dropped, 6);
	am_installp_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_become_words),
		cmocka_unit_test(what_installp_does_not_document_is_refused),
		cmocka_unit_test(a_list_file_has_a_fileset_a_line),
		cmocka_unit_test(the_output_is_read),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(damage_is_no_failure),
		cmocka_unit_test(windows_line_ends_and_numbers_without_end),
		cmocka_unit_test(a_cut_name_is_found_by_its_beginning),
		cmocka_unit_test(what_is_too_much_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
