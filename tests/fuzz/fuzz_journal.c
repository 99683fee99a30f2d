/* SPDX-License-Identifier: MIT */
/*
 * Journals: the input is the file a crash left. What was good stays, an append comes behind it and
 * is there when the journal is opened again.
 */
#include <unistd.h>

#include "fuzz.h"
#include "host/journal.h"

static const char record[] = "{\"step\":\"one\"}";

/* In place of the library's: nothing here has to outlive the machine. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

static struct am_journal *open_journal(const char *path, int readonly)
{
	struct am_error error;
	struct am_journal *journal = am_journal_open(path, readonly, &error);

	if (journal == NULL) {
		REQUIRE(strcmp(error.code, "JOURNAL_CORRUPT") == 0);
		fuzz_check_error(&error);
	}
	return journal;
}

static void append_and_read(const char *path, const struct am_buf *good)
{
	struct am_journal *journal = open_journal(path, 0);
	struct am_buf lines = {0};
	struct am_error error;

	REQUIRE(journal != NULL);
	REQUIRE(am_journal_append(journal, record, sizeof record - 1, &error) == 0);
	am_journal_close(journal);
	journal = open_journal(path, 1);
	REQUIRE(journal != NULL && am_journal_read(journal, &lines, &error) == 0);
	REQUIRE(lines.length == good->length + sizeof record);
	REQUIRE(good->length == 0 || memcmp(lines.data, good->data, good->length) == 0);
	REQUIRE(memcmp(lines.data + good->length, record, sizeof record - 1) == 0);
	am_journal_close(journal);
	am_buf_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	struct am_journal *journal = open_journal(path, 1);
	struct am_buf good = {0};
	struct am_error error;

	if (journal == NULL)
		return 0;
	REQUIRE(am_journal_read(journal, &good, &error) == 0);
	REQUIRE(good.length <= size && memcmp(good.data, data, good.length) == 0);
	REQUIRE(good.length == 0 || good.data[good.length - 1] == '\n');
	am_journal_close(journal);
	append_and_read(path, &good);
	am_buf_free(&good);
	return 0;
}
