/* SPDX-License-Identifier: MIT */
/* AIX archives: what is read can be written, and reads the same again. */
#include "archive/bigar.h"
#include "fuzz.h"

static struct am_bigar *parse(const void *data, size_t length)
{
	struct am_error error;
	struct am_bigar *archive = am_bigar_parse("input", data, length, &error);

	if (archive == NULL)
		fuzz_check_error(&error);
	return archive;
}

static void check_same(const struct am_bigar *archive, const struct am_buf *text)
{
	struct fuzz_part copy = fuzz_copy(text->data, text->length);
	struct am_bigar *again = parse(copy.data, copy.length);

	REQUIRE(again != NULL && am_bigar_count(again) == am_bigar_count(archive));
	for (size_t i = 0; i < am_bigar_count(again); i++) {
		const struct am_bigar_member *a = am_bigar_member(archive, i);
		const struct am_bigar_member *b = am_bigar_member(again, i);

		REQUIRE(strcmp(a->name, b->name) == 0 && a->date == b->date && a->size == b->size);
		REQUIRE(a->uid == b->uid && a->gid == b->gid && a->mode == b->mode);
		REQUIRE(a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
	}
	am_bigar_free(again);
	fuzz_part_free(&copy);
}

static void write_again(const struct am_bigar *archive)
{
	size_t count = am_bigar_count(archive);
	struct am_bigar_member *members = calloc(count + 1, sizeof *members);
	struct am_buf text = {0};
	struct am_error error;

	REQUIRE(members != NULL);
	for (size_t i = 0; i < count; i++)
		members[i] = *am_bigar_member(archive, i);
	if (am_bigar_format(members, count, &text, &error) == 0)
		check_same(archive, &text);
	else
		fuzz_check_error(&error); /* the small format allows names the big one does not */
	am_buf_free(&text);
	free(members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_bigar *archive = parse(input.data, input.length);

	if (archive != NULL)
		write_again(archive);
	am_bigar_free(archive);
	fuzz_part_free(&input);
	return 0;
}
