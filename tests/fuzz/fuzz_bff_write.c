/* SPDX-License-Identifier: MIT */
/*
 * Archives written and read back. The input is a list of members: a byte for the kind, a text up to
 * the line "=====" that is the name (first line) and the data.
 */
#include <unistd.h>

#include "archive/bff.h"
#include "fuzz.h"

enum { MEMBERS_MAX = 16 };

struct member {
	struct am_bff_member m;
	struct fuzz_part text;
	const char *data;
	char name[256];
};

/* In place of the library's: nothing here has to outlive the machine. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

static void take_member(struct member *member, unsigned kind)
{
	static const uint32_t types[] = {
		AM_BFF_IFREG, AM_BFF_IFREG, AM_BFF_IFDIR, AM_BFF_IFLNK, AM_BFF_IFCHR, AM_BFF_IFIFO};
	const char *end = memchr(member->text.data, '\n', member->text.length);
	size_t name = end != NULL ? (size_t)(end - member->text.data) : member->text.length;

	member->data = end != NULL ? end + 1 : member->text.data + name;
	member->m.size =
		(int64_t)(member->text.length - (size_t)(member->data - member->text.data));
	if (name >= sizeof member->name)
		name = sizeof member->name - 1;
	memcpy(member->name, member->text.data, name);
	member->name[name] = '\0';
	member->m.name = member->name;
	member->m.mode = types[kind % 6] | 0644;
	member->m.nlink = 1;
	member->m.mtime = kind;
	if (types[kind % 6] == AM_BFF_IFLNK)
		member->m.target = member->name;
	if (types[kind % 6] != AM_BFF_IFREG)
		member->m.size = 0;
}

/* Adds what the writer takes; how many that are. */
static size_t add_members(
	struct am_bff_writer *writer, struct member *members, const uint8_t *data, size_t size)
{
	size_t count = 0;

	while (data != NULL && size > 0 && count < MEMBERS_MAX) {
		struct member *member = &members[count];
		unsigned kind = fuzz_choice(&data, &size);
		struct am_reader *reader;
		struct am_error error;

		memset(member, 0, sizeof *member);
		member->text = fuzz_next_part(&data, &size);
		take_member(member, kind);
		reader = fuzz_reader(member->data, (size_t)member->m.size, 5);
		if (am_bff_add(writer, &member->m, reader, &error) == 0) {
			count++;
		} else {
			fuzz_check_error(&error);
			fuzz_part_free(&member->text);
		}
		am_reader_close(reader);
	}
	return count;
}

static void check_member(struct am_bff *bff, const struct member *member)
{
	const struct am_bff_member *m;
	struct am_error error;
	char *data = malloc((size_t)member->m.size + 1);
	int64_t total = 0;
	ssize_t n;

	REQUIRE(data != NULL && am_bff_next(bff, &m, &error) == 1);
	REQUIRE(strcmp(m->name, member->name) == 0 && m->mode == member->m.mode);
	REQUIRE(m->mtime == member->m.mtime);
	if (member->m.target != NULL)
		REQUIRE(strcmp(m->target, member->m.target) == 0);
	else
		REQUIRE(m->size == member->m.size);
	while (total < member->m.size &&
		(n = am_bff_read(bff, data + total, (size_t)(member->m.size - total), &error)) > 0)
		total += n;
	REQUIRE(total == member->m.size);
	REQUIRE(total == 0 || memcmp(data, member->data, (size_t)total) == 0);
	free(data);
}

static void read_back(const char *path, const struct member *members, size_t count)
{
	struct am_error error;
	struct am_reader *reader = am_reader_file(path, &error);
	const struct am_bff_member *m;
	struct am_bff *bff;

	REQUIRE(reader != NULL && (bff = am_bff_open(reader, &error)) != NULL);
	for (size_t i = 0; i < count; i++)
		check_member(bff, &members[i]);
	REQUIRE(am_bff_next(bff, &m, &error) == 0);
	am_bff_close(bff);
	am_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct member members[MEMBERS_MAX];
	const char *path = fuzz_file("", 0);
	struct am_error error;
	struct am_bff_writer *writer = am_bff_create(path, size % 2 == 0, 1, &error);
	size_t count;

	REQUIRE(writer != NULL);
	count = add_members(writer, members, data, size);
	REQUIRE(am_bff_finish(writer, &error) == 0);
	read_back(path, members, count);
	for (size_t i = 0; i < count; i++)
		fuzz_part_free(&members[i].text);
	return 0;
}
