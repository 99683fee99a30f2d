/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/bff.h"
#include "archive/bff_format.h"
#include "base/buf.h"
#include "hostile.h"

/* Archives are put together by hand here, so that the reader meets more than our writer makes. */

static struct am_buf archive;

static void seal(unsigned char *p, size_t length, unsigned type, unsigned magic)
{
	p[0] = (unsigned char)(length / 8);
	p[1] = (unsigned char)type;
	bff_put16(p + 2, magic);
	bff_put16(p + 4, bff_checksum(p, length));
}

static void add(const void *data, size_t length)
{
	assert_int_equal(am_buf_add(&archive, data, length, NULL), 0);
}

static void volume(unsigned number, unsigned level)
{
	unsigned char p[BFF_VOLUME_SIZE] = {0};

	am_buf_free(&archive);
	bff_put16(p + 6, number);
	memcpy(p + 52, "root", 4);
	bff_put16(p + 68, level);
	seal(p, sizeof p, FS_VOLUME, BFF_MAGIC);
	add(p, sizeof p);
}

static void record(unsigned type)
{
	unsigned char p[8] = {0};

	seal(p, sizeof p, type, BFF_MAGIC);
	add(p, sizeof p);
}

struct spec {
	unsigned type, magic, mode, nlink, ino;
	int64_t size, stored;
	const char *name;
};

static const struct spec file = {FS_NAME_X, BFF_MAGIC, 0100644, 1, 0, 4, 4, "file"};

static void header(const struct spec *s, unsigned char stale)
{
	unsigned char p[BFF_HEADER_MAX];
	size_t fixed = s->type == FS_NAME_X    ? 64
		       : s->type == FS_NAME_LF ? 72
		       : s->type == FS_NAME    ? 48
					       : 40;
	size_t length = (fixed + strlen(s->name) + 1 + 7) & ~(size_t)7;

	memset(p, 0, sizeof p);
	memset(p + fixed, stale, length - fixed);
	memcpy(p + fixed, s->name, strlen(s->name) + 1);
	if (s->type == FS_NAME || s->type == FS_ONAME) {
		bff_put16(p + 6, s->ino);
		bff_put16(p + 8, s->mode);
		bff_put16(p + 10, s->nlink);
		bff_put32(p + 16, (uint32_t)s->size);
		bff_put32(p + (s->type == FS_NAME ? 40 : 36), (uint32_t)s->stored);
	} else {
		bff_put16(p + 6, s->nlink);
		bff_put32(p + 8, s->ino);
		bff_put32(p + 12, s->mode);
	}
	if (s->type == FS_NAME_X) {
		bff_put32(p + 24, (uint32_t)s->size);
		bff_put32(p + 56, (uint32_t)s->stored);
	} else if (s->type == FS_NAME_LF) {
		bff_put64(p + 24, (uint64_t)s->size);
		bff_put64(p + 64, (uint64_t)s->stored);
	}
	seal(p, length, s->type, s->magic);
	add(p, length);
}

static void security(unsigned mode)
{
	unsigned char p[40] = {2, 0, 0, 0, 2, 0, 0, 0, 16};

	p[24] = 16;
	bff_put32(p + 28, mode);
	add(p, sizeof p);
}

static void padded(const char *data)
{
	size_t length = strlen(data);

	add(data, length);
	add("STALEPAD", bff_padding((int64_t)length));
}

static void member(const struct spec *s, const char *data)
{
	header(s, 0);
	security(s->mode);
	padded(data);
}

/* A reader that gives one byte at a time, or three, ...: packets know no records. */
struct dribble {
	struct am_reader base;
	size_t at, step;
};

static ssize_t dribble_read(struct am_reader *base, void *data, size_t size, struct am_error *error)
{
	struct dribble *reader = (struct dribble *)base;
	size_t n = archive.length - reader->at;

	(void)error;
	n = n < size ? n : size;
	n = n < reader->step ? n : reader->step;
	memcpy(data, archive.data + reader->at, n);
	reader->at += n;
	return (ssize_t)n;
}

/* Reads all of the archive into "name=data;name>target;..."; NULL and `error` on failure. */
static char *walk(size_t step, struct am_error *error)
{
	static char text[8192];
	struct dribble reader = {{dribble_read, NULL, "test"}, 0, step};
	struct am_bff *bff = am_bff_open(&reader.base, error);
	const struct am_bff_member *m;
	size_t used = 0;
	int n;

	text[0] = '\0';
	if (bff == NULL)
		return NULL;
	while ((n = am_bff_next(bff, &m, error)) > 0) {
		char data[512];
		ssize_t got;

		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s%s%s=", m->name,
			m->link != NULL ? "@" : "", m->link != NULL ? m->link : "",
			m->acl != NULL ? "+" : "", m->target != NULL ? ">" : "",
			m->target != NULL ? m->target : "");
		while ((got = am_bff_read(bff, data, sizeof data, error)) > 0)
			used += (size_t)snprintf(
				text + used, sizeof text - used, "%.*s", (int)got, data);
		used += (size_t)snprintf(text + used, sizeof text - used, ";");
		if (got < 0) {
			n = -1;
			break;
		}
		assert_true(used < sizeof text - 1024);
	}
	am_bff_close(bff);
	return n < 0 ? NULL : text;
}

static void reads_as(const char *want)
{
	static const size_t steps[] = {1, 13, 1 << 20};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct am_error error = {{0}, {0}};
		char *got = walk(steps[i], &error);

		assert_string_equal(error.message, "");
		assert_non_null(got);
		assert_string_equal(got, want);
	}
}

static void refused_with(const char *code, const char *part)
{
	struct am_error error = {{0}, {0}};

	assert_null(walk(1 << 20, &error));
	assert_string_equal(error.code, code);
	assert_non_null(strstr(error.message, "bff: test: offset 0x"));
	if (strstr(error.message, part) == NULL)
		fail_msg("'%s' does not say '%s'", error.message, part);
}

static void stale_padding_is_accepted(void **state)
{
	(void)state;
	volume(1, 100);
	header(&file, 0xA5);
	security(file.mode);
	padded("abcd");
	record(FS_END);
	add("garbage after the end", 21);
	reads_as("file+=abcd;");
}

static void the_three_layouts_of_links_are_told_apart(void **state)
{
	struct spec link = {FS_NAME_X, BFF_MAGIC, 0120777, 1, 0, 6, 6, "link"};
	struct spec link8 = {FS_NAME_X, BFF_MAGIC, 0120777, 1, 0, 8, 8, "link8"};

	(void)state;
	volume(1, 100);
	header(&link, 0); /* the target alone */
	padded("target");
	header(&link, 0); /* security, target */
	security(link.mode);
	padded("target");
	header(&link8, 0); /* target, security */
	padded("target88");
	security(link8.mode);
	header(&link, 0);
	security(link.mode);
	padded("target");
	record(FS_END);
	reads_as("link>target=;link+>target=;link8+>target88=;link+>target=;");
}

static void other_kinds_come_with_security_or_without(void **state)
{
	struct spec dir = {FS_NAME_X, BFF_MAGIC, 0240755, 2, 0xFFFFFFFF, 0, 512, "dir"};
	struct spec fifo = {FS_NAME_X, BFF_MAGIC, 0010600, 1, 0, 0, 0, "fifo"};

	(void)state;
	volume(1, 100);
	header(&dir, 0);
	security(dir.mode);
	header(&fifo, 0);
	header(&fifo, 0);
	security(fifo.mode);
	record(FS_END);
	reads_as("dir+=;fifo=;fifo+=;");
}

static void large_file_records_come_with_security_or_without(void **state)
{
	struct spec large = file;
	char *big = calloc(1, 300001);

	(void)state;
	large.type = FS_NAME_LF;
	volume(1, 100);
	member(&large, "abcd");
	header(&large, 0);
	padded("efgh");
	record(FS_END);
	reads_as("file+=abcd;file=efgh;");
	/* Too long to look over: the mode in the security block tells. */
	memset(big, 'x', 300000);
	large.size = large.stored = 300000;
	for (int with = 0; with < 2; with++) {
		struct dribble reader = {{dribble_read, NULL, "test"}, 0, 100000};
		struct am_error error;
		struct am_bff *bff;
		const struct am_bff_member *m;

		volume(1, 100);
		header(&large, 0);
		if (with)
			security(large.mode);
		add(big, 300000);
		record(FS_END);
		bff = am_bff_open(&reader.base, &error);
		assert_non_null(bff);
		assert_int_equal(am_bff_next(bff, &m, &error), 1);
		assert_int_equal(m->acl != NULL, with);
		assert_int_equal(m->size, 300000);
		assert_int_equal(am_bff_next(bff, &m, &error), 0); /* unread data is skipped */
		am_bff_close(bff);
	}
	free(big);
}

static void later_names_come_with_data_or_without(void **state)
{
	struct spec a = {FS_NAME_X, BFF_MAGIC, 0100644, 3, 0xFFFFFFFE, 4, 4, "a"};
	struct spec b = a, c = a, d = a;

	(void)state;
	b.name = "b";
	c.name = "c";
	d.name = "d";
	volume(1, 100);
	member(&a, "data");
	header(&b, 0);
	security(b.mode);
	member(&file, "wxyz");
	member(&c, "data");
	member(&d, "next"); /* all three names were met: another file */
	record(FS_END);
	reads_as("a+=data;b@a+=;file+=wxyz;c@a+=data;d+=next;");
}

static void the_older_record_is_read(void **state)
{
	struct spec old = file;

	(void)state;
	old.type = FS_NAME;
	volume(1, 100);
	header(&old, 0);
	padded("abcd");
	record(FS_END);
	reads_as("file=abcd;");
}

static void packed_data_is_unpacked(void **state)
{
	/* depth 1, symbol 'a': codes 0 = 'a', 1 = end */
	static const char coded[] = {1, 0, 'a', 0x08};
	struct spec s = {FS_NAME_X, BFF_MAGIC_PACKED, 0100644, 1, 0, 4, 4, "p"};

	(void)state;
	volume(1, 100);
	header(&s, 0);
	security(s.mode);
	add(coded, 4);
	add("\0\0\0\0", 4);
	record(FS_END);
	reads_as("p+=aaaa;");
	bff_put32((unsigned char *)archive.data + 72 + 24, 3); /* says one byte less */
	seal((unsigned char *)archive.data + 72, 72, FS_NAME_X, BFF_MAGIC_PACKED);
	refused_with("BFF_PACK", "longer");
	bff_put32((unsigned char *)archive.data + 72 + 24, 5);
	seal((unsigned char *)archive.data + 72, 72, FS_NAME_X, BFF_MAGIC_PACKED);
	refused_with("BFF_PACK", "shorter");
	bff_put32((unsigned char *)archive.data + 72 + 24, 4);
	bff_put32((unsigned char *)archive.data + 72 + 56, 5); /* one stored byte too many */
	seal((unsigned char *)archive.data + 72, 72, FS_NAME_X, BFF_MAGIC_PACKED);
	refused_with("BFF_PACK", "left after");
	bff_put32((unsigned char *)archive.data + 72 + 24, 1000); /* more than 8 times the bytes */
	seal((unsigned char *)archive.data + 72, 72, FS_NAME_X, BFF_MAGIC_PACKED);
	refused_with("BFF_LENGTH", "beyond");
}

static void what_is_not_supported_is_named(void **state)
{
	(void)state;
	volume(1, 100);
	record(FS_VOLEND);
	refused_with("BFF_TYPE", "another volume");
	for (unsigned type = 13; type <= 15; type++) {
		static const char *const names[] = {"FS_NAME_EA", "FS_NAME_ACL", "FS_NAME_E"};

		volume(1, 100);
		record(type);
		refused_with("BFF_TYPE", names[type - 13]);
	}
	volume(1, 100);
	record(FS_DINODE);
	refused_with("BFF_TYPE", "FS_DINODE");
	volume(2, 100);
	refused_with("BFF_TYPE", "volume 2");
	volume(1, 101);
	refused_with("BFF_TYPE", "by inode");
	volume(1, 100);
	bff_put16((unsigned char *)archive.data + 2, 60015);
	refused_with("BFF_MAGIC", "trusted");
	am_buf_free(&archive);
	record(FS_END);
	refused_with("BFF_TYPE", "starts with");
}

static void refuse_spec(struct spec s, const char *code)
{
	volume(1, 100);
	member(&s, "abcd");
	record(FS_END);
	refused_with(code, "");
}

static void impossible_fields_are_refused(void **state)
{
	struct spec s = file;

	(void)state;
	s.size = s.stored = -1;
	refuse_spec(s, "BFF_LENGTH");
	s = file;
	s.stored = 8;
	refuse_spec(s, "BFF_LENGTH");
	s = file;
	s.type = FS_NAME_LF;
	s.size = s.stored = INT64_MAX;
	refuse_spec(s, "BFF_LENGTH");
	s = file;
	s.mode = 0070644;
	refuse_spec(s, "BFF_TYPE");
	s = file;
	s.mode = 0120777;
	s.size = 5000;
	refuse_spec(s, "BFF_LENGTH");
	s = file;
	s.name = "a\nb";
	refuse_spec(s, "BFF_NAME");
	s = file;
	s.name = "";
	refuse_spec(s, "BFF_NAME");
	s = file;
	s.size = s.stored = 2000000000; /* far more than there is */
	refuse_spec(s, "TRUNCATED");
}

static void names_are_whole(void **state)
{
	struct spec s = file;
	unsigned char *p;

	(void)state;
	s.name = "a name of some length";
	volume(1, 100);
	member(&s, "abcd");
	record(FS_END);
	p = (unsigned char *)archive.data + 72;
	p[64 + 6] = '\0';
	seal(p, (size_t)p[0] * 8, FS_NAME_X, BFF_MAGIC);
	refused_with("BFF_NAME", "NUL");
	memset(p + 64, 'x', 24);
	seal(p, (size_t)p[0] * 8, FS_NAME_X, BFF_MAGIC);
	refused_with("BFF_NAME", "without an end");
	seal(p, 64, FS_NAME_X, BFF_MAGIC);
	refused_with("BFF_LENGTH", "too short");
}

static void impossible_security_blocks_are_refused(void **state)
{
	static const uint32_t bad[] = {0, 1, 8193, 0x20000000, 0xFFFFFFFF};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		for (int which = 0; which < 2; which++) {
			unsigned char *p;

			volume(1, 100);
			member(&file, "abcd");
			record(FS_END);
			p = (unsigned char *)archive.data + 72;
			bff_put32(p + p[0] * 8 + which * 4, bad[i]);
			refused_with("BFF_LENGTH", "ACL");
		}
	}
}

static void everything(void)
{
	struct spec link = {FS_NAME_X, BFF_MAGIC, 0120777, 1, 0, 6, 6, "link"};
	struct spec a = {FS_NAME_X, BFF_MAGIC, 0100644, 2, 0xFFFFFFFE, 4, 4, "a"};
	struct spec dir = {FS_NAME_X, BFF_MAGIC, 0240755, 2, 0xFFFFFFFF, 0, 512, "dir"};
	struct spec large = file;
	struct spec pack = {FS_NAME_X, BFF_MAGIC_PACKED, 0100644, 1, 0, 4, 4, "p"};

	large.type = FS_NAME_LF;
	volume(1, 100);
	header(&dir, 0);
	security(dir.mode);
	header(&link, 0);
	padded("target");
	member(&a, "data");
	header(&a, 0);
	security(a.mode);
	member(&large, "abcd");
	header(&pack, 0);
	security(pack.mode);
	add("\1\0a\10\0\0\0\0", 8);
	record(FS_END);
}

static void every_cut_is_found(void **state)
{
	size_t length;

	(void)state;
	everything();
	reads_as("dir+=;link>target=;a+=data;a@a+=;file+=abcd;p+=aaaa;");
	length = archive.length;
	for (size_t cut = 0; cut < length; cut++) {
		struct am_error error = {{0}, {0}};
		size_t step = cut % 2 == 0 ? 7 : 1 << 20;

		archive.length = cut;
		assert_null(walk(step, &error));
		/* A cut may also leave a layout that reads on into what is no header. */
		if (strcmp(error.code, "TRUNCATED") != 0)
			assert_int_equal(strncmp(error.code, "BFF_", 4), 0);
	}
}

static void every_flipped_bit_is_survived(void **state)
{
	int unnoticed = 0;

	(void)state;
	everything();
	for (size_t i = 0; i < archive.length * 8; i++) {
		struct am_error error = {{0}, {0}};

		archive.data[i / 8] ^= (char)(1 << i % 8);
		if (walk(1 << 20, &error) != NULL)
			unnoticed++;
		else
			assert_true(error.code[0] != '\0');
		archive.data[i / 8] ^= (char)(1 << i % 8);
	}
	/* Only data, security blocks and padding carry no checksum. */
	assert_true(unnoticed < 8 * (5 * 40 + 6 * 8));
}

/* One member of every kind and layout that is read, and where its record begins. */
static size_t every_record(size_t *at)
{
	static const struct spec members[] = {
		{FS_NAME_X, BFF_MAGIC, 0240755, 2, 0xFFFFFFFF, 0, 512, "./dir"},
		{FS_NAME_X, BFF_MAGIC, 0100644, 1, 0, 4, 4, "./file"},
		{FS_NAME_X, BFF_MAGIC, 0100644, 1, 0, 0, 0, "./empty"},
		{FS_NAME_X, BFF_MAGIC_PACKED, 0100644, 1, 0, 4, 4, "./packed"},
		{FS_NAME_LF, BFF_MAGIC, 0100644, 1, 0, 4, 4, "./large"},
		{FS_NAME_X, BFF_MAGIC, 0100644, 2, 0xFFFFFFFE, 4, 4, "./first"},
		{FS_NAME_X, BFF_MAGIC, 0100644, 2, 0xFFFFFFFE, 4, 4, "./later"},
		{FS_NAME_X, BFF_MAGIC, 0020600, 1, 0, 0, 0, "./char"},
		{FS_NAME_X, BFF_MAGIC, 0060600, 1, 0, 0, 0, "./block"},
		{FS_NAME_X, BFF_MAGIC, 0010600, 1, 0, 0, 0, "./fifo"},
		{FS_NAME_X, BFF_MAGIC, 0140600, 1, 0, 0, 0, "./socket"},
		{FS_NAME, BFF_MAGIC, 0100644, 1, 0, 4, 4, "./older"},
		{FS_ONAME, BFF_MAGIC, 0100644, 1, 0, 4, 4, "./oldest"},
	};
	static const struct spec link = {FS_NAME_X, BFF_MAGIC, 0120777, 1, 0, 6, 6, "./link"};
	size_t count = 0;

	volume(1, 100);
	at[count++] = 0;
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct spec *m = &members[i];

		at[count++] = archive.length;
		header(m, 0);
		if (m->type != FS_NAME && m->type != FS_ONAME)
			security(m->mode);
		if (m->magic == BFF_MAGIC_PACKED)
			add("\1\0a\10\0\0\0\0", 8);
		else
			padded(m->size > 0 ? "data" : "");
	}
	for (int layout = 0; layout < 3; layout++) {
		at[count++] = archive.length;
		header(&link, 0);
		if (layout == 1)
			security(link.mode);
		padded("target");
		if (layout == 2)
			security(link.mode);
	}
	at[count++] = archive.length;
	record(FS_END);
	return count;
}

static int read_all(const void *data, size_t length, void *context, struct am_error *error)
{
	struct am_reader *reader = am_reader_memory("test", data, length, error);
	struct am_bff *bff = am_bff_open(reader, error);
	const struct am_bff_member *m;
	int n = bff == NULL ? -1 : 1;

	(void)context;
	while (n > 0 && (n = am_bff_next(bff, &m, error)) > 0) {
		char part[64];
		ssize_t got;
		int64_t total = 0;

		assert_true(m->size >= 0 && m->name[0] != '\0');
		while ((got = am_bff_read(bff, part, sizeof part, error)) > 0)
			total += got;
		n = got < 0 ? -1 : 1;
		if (n > 0 && m->stored_size > 0 && m->target == NULL)
			assert_int_equal(total, m->size);
	}
	am_bff_close(bff);
	am_reader_close(reader);
	return n == 0;
}

/* Gives the header at the context's offset the checksum that its bytes make. */
static void reseal(unsigned char *data, size_t length, void *context)
{
	size_t at = *(const size_t *)context;
	size_t header_length = (size_t)data[at] * 8;

	if (header_length >= 8 && header_length <= length - at)
		bff_put16(data + at + 4, bff_checksum(data + at, header_length));
}

static void every_field_of_every_record_may_be_wrong(void **state)
{
	size_t at[32], count = every_record(at);
	struct hostile h = {.data = (unsigned char *)archive.data,
		.length = archive.length,
		.parse = read_all,
		.repair = reseal,
		.subject = "bff: test: "};

	(void)state;
	hostile_cuts(&h);
	assert_int_equal(h.read, 0);
	for (size_t i = 0; i < count; i++) {
		size_t end = i + 1 < count ? at[i + 1] : archive.length;

		h.context = &at[i];
		/* Fields of two, four and eight bytes, the lengths of the security block among
		 * them: wherever a number may be. */
		hostile_words(&h, at[i], end, 1, HOSTILE_LE);
		hostile_words(&h, at[i], end, 2, HOSTILE_LE);
		hostile_words(&h, at[i], end, 4, HOSTILE_LE);
		if (h.data[at[i] + 1] == FS_NAME_LF)
			hostile_words(&h, at[i], end, 8, HOSTILE_LE);
	}
	assert_true(h.refused > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_padding_is_accepted),
		cmocka_unit_test(the_three_layouts_of_links_are_told_apart),
		cmocka_unit_test(other_kinds_come_with_security_or_without),
		cmocka_unit_test(large_file_records_come_with_security_or_without),
		cmocka_unit_test(later_names_come_with_data_or_without),
		cmocka_unit_test(the_older_record_is_read),
		cmocka_unit_test(packed_data_is_unpacked),
		cmocka_unit_test(what_is_not_supported_is_named),
		cmocka_unit_test(impossible_fields_are_refused),
		cmocka_unit_test(names_are_whole),
		cmocka_unit_test(impossible_security_blocks_are_refused),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(every_flipped_bit_is_survived),
		cmocka_unit_test(every_field_of_every_record_may_be_wrong),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	am_buf_free(&archive);
	return failed;
}
