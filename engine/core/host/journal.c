/* SPDX-License-Identifier: MIT */
#include "host/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "host/files.h"

#define JOURNAL_MAX ((size_t)1 << 30)

struct am_journal {
	int fd;
	int readonly;
	int broken;
	off_t end; /* where the good lines end and the next one goes */
	char path[];
};

static int is_record(const char *line, size_t length)
{
	json_error_t ignored;
	json_t *value = json_loadb(line, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &ignored);
	int good = json_is_object(value);

	json_decref(value);
	return good;
}

/* Length of the good lines at the start of `data`; -1 when a line before the last is bad. */
static int check_lines(const struct am_journal *journal, const char *data, size_t length,
	size_t *good, struct am_error *error)
{
	size_t at = 0, number = 1;

	while (at < length) {
		const char *end = memchr(data + at, '\n', length - at);
		size_t size;

		if (end == NULL)
			break;
		size = (size_t)(end - (data + at));
		if (!is_record(data + at, size)) {
			if (at + size + 1 == length)
				break;
			return am_fail(error, "JOURNAL_CORRUPT",
				"journal: %s: line %zu (offset %zu) is not a record", journal->path,
				number, at);
		}
		at += size + 1;
		number++;
	}
	*good = at;
	return 0;
}

int am_journal_read(struct am_journal *journal, struct am_buf *lines, struct am_error *error)
{
	size_t before = lines->length, good = 0;

	if (am_file_read(journal->path, JOURNAL_MAX, lines, error) != 0)
		return -1;
	if (check_lines(journal, lines->data + before, lines->length - before, &good, error) != 0)
		return -1;
	lines->length = before + good;
	lines->data[lines->length] = '\0';
	return 0;
}

/* Finds the end of the good lines and makes the name durable. */
static int start_journal(struct am_journal *journal, struct am_error *error)
{
	struct am_buf lines = {0};
	int result = am_journal_read(journal, &lines, error);

	journal->end = (off_t)lines.length;
	am_buf_free(&lines);
	if (result != 0 || journal->readonly)
		return result;
	return am_sync_parent(journal->path, error);
}

struct am_journal *am_journal_open(const char *path, int readonly, struct am_error *error)
{
	size_t size = strlen(path) + 1;
	struct am_journal *journal = malloc(sizeof *journal + size);

	if (journal == NULL) {
		am_fail_errno(error, ENOMEM, "journal: %s", path);
		return NULL;
	}
	memcpy(journal->path, path, size);
	journal->readonly = readonly;
	journal->broken = 0;
	journal->fd =
		open(path, (readonly ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0) {
		am_fail_errno(error, errno, "journal: %s", path);
		free(journal);
		return NULL;
	}
	if (start_journal(journal, error) != 0) {
		am_journal_close(journal);
		return NULL;
	}
	return journal;
}

/* Room for the next line exactly behind the good ones. */
static int cut_torn(struct am_journal *journal, struct am_error *error)
{
	struct stat st;

	if (fstat(journal->fd, &st) != 0)
		return am_fail_errno(error, errno, "journal: %s", journal->path);
	if (st.st_size < journal->end)
		return am_fail(
			error, "JOURNAL_CORRUPT", "journal: %s: became shorter", journal->path);
	if (st.st_size > journal->end && ftruncate(journal->fd, journal->end) != 0)
		return am_fail_errno(error, errno, "journal: %s", journal->path);
	if (lseek(journal->fd, journal->end, SEEK_SET) < 0)
		return am_fail_errno(error, errno, "journal: %s", journal->path);
	return 0;
}

static int write_line(
	struct am_journal *journal, const char *line, size_t length, struct am_error *error)
{
	struct am_buf text = {0};
	int result = am_buf_add(&text, line, length, error);

	if (result == 0)
		result = am_buf_add(&text, "\n", 1, error);
	if (result == 0)
		result = am_write_all(journal->fd, journal->path, text.data, text.length, error);
	am_buf_free(&text);
	if (result != 0 && ftruncate(journal->fd, journal->end) != 0)
		journal->broken =
			1; /* cut_torn would try again, but the disk is not to be trusted */
	return result;
}

int am_journal_append(
	struct am_journal *journal, const char *line, size_t length, struct am_error *error)
{
	if (journal->readonly)
		return am_fail(error, "EROFS", "journal: %s: opened for reading", journal->path);
	if (journal->broken)
		return am_fail(error, "JOURNAL_BROKEN",
			"journal: %s: an earlier write did not reach the disk", journal->path);
	if (memchr(line, '\n', length) != NULL || !is_record(line, length))
		return am_fail(error, "EINVAL", "journal: %s: not a record", journal->path);
	if (cut_torn(journal, error) != 0 || write_line(journal, line, length, error) != 0)
		return -1;
	if (fsync(journal->fd) != 0) {
		journal->broken = 1;
		return am_fail_errno(error, errno, "journal: %s: fsync", journal->path);
	}
	journal->end += (off_t)length + 1;
	return 0;
}

void am_journal_close(struct am_journal *journal)
{
	if (journal == NULL)
		return;
	close(journal->fd);
	free(journal);
}
