/* SPDX-License-Identifier: MIT */
#include "restore/archives.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_entry(struct am_bff_writer *writer, const struct entry *entry, int first)
{
	struct am_bff_member m = {
		.name = entry->name,
		.mode = entry->mode,
		.uid = getuid(),
		.gid = getgid(),
		.size = (int64_t)entry->size,
		.mtime = 1500000000 + (uint32_t)strlen(entry->name) * 100,
		.nlink = entry->ino != 0 ? 2 : 1,
		.ino = entry->ino,
		.target = entry->target,
	};
	struct am_reader *reader = NULL;
	struct am_error error = {0};
	char *content = content_of(entry->name, entry->size);

	if (entry->target != NULL)
		m.size = (int64_t)strlen(entry->target);
	if (!first)
		m.size = 0;
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
	for (size_t i = 0; i < count; i++) {
		int first = 1;

		for (size_t k = 0; k < i && entries[i].ino != 0; k++)
			first &= entries[k].ino != entries[i].ino;
		add_entry(writer, &entries[i], first);
	}
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
