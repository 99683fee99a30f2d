/* SPDX-License-Identifier: MIT */
/* Inventories of filesets: every attribute, what is refused, and hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aix/inventory.h"
#include "archive/bigar.h"
#include "base/buf.h"
#include "hostile.h"

static const char sample[] = "/etc/rc.d/init.d/cfengine3:\n"
			     "\towner = root\n"
			     "\tgroup = system\n"
			     "\tmode = TCB,SUID,700\n"
			     "\ttype = FILE\n"
			     "\tclass = apply,inventory,cfengine.cfengine-nova\n"
			     "\tsize = 478\n"
			     "\tchecksum = \"21829     1  \"\n"
			     "\n"
			     "/usr/lib/libx.so:\n"
			     "    type = SYMLINK\n"
			     "    target = /opt/acme/lib/libx.so\n"
			     "    links = /usr/lib/a,/usr/lib/b\n"
			     "    future = anything = at all\n"
			     "/:\n"
			     "\ttype=DIRECTORY\n"
			     "* a comment\n"
			     "/etc/x.conf:\n"
			     "\tsize = VOLATILE\n"
			     "\tchecksum = VOLATILE\n"
			     "\ttype = FILE";

struct seen {
	struct am_inventory_entry list[8];
	size_t count, stop_at;
};

static int take(void *arg, const struct am_inventory_entry *entry, struct am_error *error)
{
	struct seen *seen = arg;

	if (seen->count < sizeof seen->list / sizeof *seen->list)
		seen->list[seen->count] = *entry;
	if (++seen->count == seen->stop_at)
		return am_fail(error, "STOP", "enough");
	return 0;
}

static int parse(const char *text, struct seen *seen, struct am_error *error)
{
	memset(seen, 0, sizeof *seen);
	return am_inventory_parse("x.inventory", am_slice_of(text), take, seen, error);
}

static void every_attribute_is_read(void **state)
{
	struct seen seen;
	struct am_error error;
	const struct am_inventory_entry *entry = seen.list;

	(void)state;
	assert_int_equal(parse(sample, &seen, &error), 0);
	assert_int_equal(seen.count, 4);
	assert_true(am_slice_is(entry->path, "/etc/rc.d/init.d/cfengine3"));
	assert_true(am_slice_is(entry->owner, "root"));
	assert_true(am_slice_is(entry->group, "system"));
	assert_true(am_slice_is(entry->mode, "TCB,SUID,700"));
	assert_true(am_slice_is(entry->type, "FILE"));
	assert_true(am_slice_is(entry->classes, "apply,inventory,cfengine.cfengine-nova"));
	assert_true(entry->has_size && entry->size == 478);
	assert_true(entry->has_sum && entry->sum == 21829 && entry->blocks == 1);
	assert_int_equal(entry->line, 1);
	assert_null(entry->target.at);
	entry++;
	assert_true(am_slice_is(entry->target, "/opt/acme/lib/libx.so"));
	assert_true(am_slice_is(entry->links, "/usr/lib/a,/usr/lib/b"));
	assert_false(entry->has_size || entry->has_sum || entry->is_volatile);
	assert_true(am_slice_is(entry[1].path, "/"));
	assert_true(entry[2].is_volatile && !entry[2].has_size && !entry[2].has_sum);
	assert_int_equal(entry[2].line, 18);
}

static void what_is_none_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"\ttype = FILE\n", "line 1: expected: ATTRIBUTE"},
		{"usr/bin/x:\n\ttype = FILE\n", "line 1: expected: PATH:"},
		{"/usr/bin/x\n\ttype = FILE\n", "line 1: expected: PATH:"},
		{"/usr/../etc/passwd:\n\ttype = FILE\n", "expected: PATH:"},
		{"/usr/./x:\n\ttype = FILE\n", "expected: PATH:"},
		{"/..:\n\ttype = FILE\n", "expected: PATH:"},
		{"//x:\n\ttype = FILE\n", "expected: PATH:"},
		{"/usr/:\n\ttype = FILE\n", "expected: PATH:"},
		{"/usr/a b:\n\ttype = FILE\n", "expected: PATH:"},
		{"/usr/a\"b:\n\ttype = FILE\n", "expected: PATH:"},
		{"/a:\n\ttype = FILE\n/b:\n\tsize = 1\n", "line 3: no type"},
		{"/a:\n\ttype = PROGRAM\n", "line 2: there is no such type"},
		{"/a:\n\ttype = FILE\n\tsize = -1\n", "line 3: size is no number"},
		{"/a:\n\ttype = FILE\n\tsize = 99999999999999999999\n", "size is no number"},
		{"/a:\n\ttype = FILE\n\tsize =\n", "size is no number"},
		{"/a:\n\ttype = FILE\n\tchecksum = \"70000 1\"\n", "checksum is none"},
		{"/a:\n\ttype = FILE\n\tchecksum = \"12\"\n", "checksum is none"},
		{"/a:\n\ttype\n", "line 2: expected: ATTRIBUTE"},
	};
	struct seen seen;
	struct am_error error;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(parse(cases[i].text, &seen, &error), -1);
		assert_string_equal(error.code, "INVENTORY");
		if (strstr(error.message, cases[i].message) == NULL)
			fail_msg("%s: %s", cases[i].text, error.message);
	}
	assert_int_equal(
		am_inventory_parse("x", (struct am_slice){"/a:\0\n", 5}, take, &seen, &error), -1);
	assert_int_equal(parse("", &seen, &error), 0);
	assert_int_equal(seen.count, 0);
}

static void the_caller_may_end_it(void **state)
{
	struct seen seen = {.stop_at = 2};
	struct am_error error;

	(void)state;
	assert_int_equal(am_inventory_parse("x", am_slice_of(sample), take, &seen, &error), -1);
	assert_string_equal(error.code, "STOP");
	assert_int_equal(seen.count, 2);
}

static void an_inventory_without_end_is_bounded(void **state)
{
	struct am_buf buf = {0};
	struct seen seen = {.count = 0};
	struct am_error error;

	(void)state;
	for (size_t i = 0; i <= AM_INVENTORY_FILES; i++)
		assert_int_equal(am_buf_add(&buf, "/a:\n\ttype=FILE\n", 15, NULL), 0);
	assert_int_equal(am_inventory_parse(
				 "x", (struct am_slice){buf.data, buf.length}, take, &seen, &error),
		-1);
	assert_non_null(strstr(error.message, "more files than"));
	am_buf_free(&buf);
}

/* A real package, which is among the reference samples. */
static void a_real_inventory(void **state)
{
	FILE *file = fopen(TEST_SHARED "/samples/liblpp-cfengine-nova.a", "rb");
	struct am_bigar *archive;
	struct am_error error = {{0}, {0}};
	char *data;
	size_t length, found = 0;

	(void)state;
	if (file == NULL)
		skip();
	data = malloc(1 << 20);
	length = fread(data, 1, 1 << 20, file);
	fclose(file);
	archive = am_bigar_parse("sample", data, length, &error);
	assert_non_null(archive);
	for (size_t i = 0; i < am_bigar_count(archive); i++) {
		const struct am_bigar_member *member = am_bigar_member(archive, i);
		struct seen seen = {.count = 0};

		if (strstr(member->name, ".inventory") == NULL)
			continue;
		if (am_inventory_parse(member->name,
			    (struct am_slice){(const char *)member->data, member->size}, take,
			    &seen, &error) != 0)
			fail_msg("%s", error.message);
		assert_int_equal(seen.count, 274);
		found++;
	}
	assert_int_equal(found, 1);
	am_bigar_free(archive);
	free(data);
}

static int parse_variant(const void *data, size_t length, void *context, struct am_error *error)
{
	struct seen seen = {.count = 0};

	(void)context;
	return am_inventory_parse(
		       "x.inventory", (struct am_slice){data, length}, take, &seen, error) == 0;
}

static void any_byte_may_be_wrong(void **state)
{
	struct hostile h = {.data = (const unsigned char *)sample,
		.length = sizeof sample - 1,
		.parse = parse_variant,
		.subject = "inventory: x.inventory"};

	(void)state;
	hostile_cuts(&h);
	hostile_words(&h, 0, h.length, 1, HOSTILE_BE);
	assert_true(h.read > 100 && h.refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attribute_is_read),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(the_caller_may_end_it),
		cmocka_unit_test(an_inventory_without_end_is_bounded),
		cmocka_unit_test(a_real_inventory),
		cmocka_unit_test(any_byte_may_be_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
