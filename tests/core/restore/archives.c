/* SPDX-License-Identifier: MIT */
#include "restore/archives.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_entry(struct am_bff_writer *writer, const struct entry *entry)
{
	char same[16];
	const char *name = entry->ino != 0 ? same : entry->name;
	struct am_bff_member m = {
		.name = entry->name,
		.mode = entry->mode,
		.uid = getuid(),
		.gid = getgid(),
		.size = (int64_t)entry->size,
		.nlink = entry->ino != 0 ? 2 : 1,
		.ino = entry->ino,
		.target = entry->target,
	};
	struct am_reader *reader = NULL;
	struct am_error error = {0};
	char *content;

	snprintf(same, sizeof same, "%*s", (int)entry->ino, "");
	m.mtime = 1500000000 + (uint32_t)strlen(name) * 100;
	content = content_of(name, entry->size);
	if (entry->target != NULL)
		m.size = (int64_t)strlen(entry->target);
	if ((entry->mode & AM_BFF_IFMT) == AM_BFF_IFREG && m.size > 0)
		reader = am_reader_memory(entry->name, content, entry->size, &error);
	if (am_bff_add(writer, &m, reader, &error) != 0)
		fail_msg("%s", error.message);
	am_reader_close(reader);
	free(content);
}

struct am_buf archive_of(const struct entry *entries, size_t count)
{
	char path[] = "/tmp/altmig-archive.XXXXXX";
	int fd = mkstemp(path);
	struct am_bff_writer *writer = am_bff_create(path, 0, 1500000000, NULL);
	struct am_buf out = {0};
	struct am_reader *reader;
	ssize_t n;

	close(fd);
	assert_non_null(writer);
	for (size_t i = 0; i < count; i++)
		add_entry(writer, &entries[i]);
	assert_int_equal(am_bff_finish(writer, NULL), 0);
	reader = am_reader_file(path, NULL);
	do {
		assert_int_equal(am_buf_reserve(&out, 1 << 20, NULL), 0);
		n = reader->read(reader, out.data + out.length, 1 << 20, NULL);
		assert_true(n >= 0);
		out.length += (size_t)n;
	} while (n > 0);
	am_reader_close(reader);
	unlink(path);
	return out;
}

struct opened open_archive(const struct am_buf *archive)
{
	struct opened opened = {
		.reader = am_reader_memory("archive", archive->data, archive->length, NULL)};

	opened.bff = am_bff_open(opened.reader, NULL);
	assert_non_null(opened.bff);
	return opened;
}

void close_archive(struct opened *opened)
{
	am_bff_close(opened->bff);
	am_reader_close(opened->reader);
}

int restore_to(struct am_tree *tree, const struct am_buf *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error)
{
	struct opened opened = open_archive(archive);
	struct am_restore_stats unused;
	int r = am_restore(tree, opened.bff, options, stats != NULL ? stats : &unused, error);

	close_archive(&opened);
	if (stats == NULL)
		am_restore_stats_free(&unused);
	return r;
}

/* ---- what is random ---- */

uint32_t random_seed;

static unsigned pick(unsigned count)
{
	random_seed = random_seed * 1664525 + 1013904223;
	return (random_seed >> 10) % count;
}

static const char *random_name(char name[32], const char *before)
{
	size_t used = (size_t)snprintf(name, 32, "%s", before);

	for (unsigned depth = 1 + pick(3); depth > 0; depth--)
		used += (size_t)snprintf(name + used, 32 - used, "/%c", "abc"[pick(3)]);
	return name;
}

static const char *random_target(void)
{
	static const char *const targets[] = {"/a", "b", "../c", "a/b", "/c/a", ".", ".."};

	return targets[pick((sizeof targets / sizeof *targets))];
}

size_t random_entries(struct entry *entries, char (*names)[32])
{
	static const size_t sizes[] = {0, 5, 1000, 140000};
	size_t count = 2 + pick(12);

	for (size_t i = 0; i < count; i++) {
		entries[i] = (struct entry){.name = random_name(names[i], ".")};
		switch (pick(8)) {
		case 0:
			entries[i].mode = AM_BFF_IFLNK | 0777;
			entries[i].target = random_target();
			break;
		case 1:
			entries[i].mode = AM_BFF_IFCHR | 0600;
			break;
		case 2:
		case 3:
			entries[i].mode = AM_BFF_IFDIR | (0700 + pick(64));
			break;
		case 4:
			entries[i].ino = 1 + pick(2);
			entries[i].mode = AM_BFF_IFREG | 0640;
			entries[i].size = pick(2) * entries[i].ino * 100;
			break;
		default:
			entries[i].mode = AM_BFF_IFREG | (0600 + pick(64));
			entries[i].size = sizes[pick((sizeof sizes / sizeof *sizes))];
		}
	}
	return count;
}

void random_tree(struct am_tree *tree)
{
	char path[32];

	for (unsigned i = pick(6); i > 0; i--) {
		random_name(path, "");
		switch (pick(3)) {
		case 0:
			am_tree_makedirs(tree, path, 0755, NULL);
			break;
		case 1:
			am_tree_symlink(tree, random_target(), path, NULL);
			break;
		default:
			am_tree_write(tree, path, "old", 3, NULL, NULL);
		}
	}
}
