/* SPDX-License-Identifier: MIT */
/* Lines of a stream: the same in one piece and in drops, and put together again the stream. */
#include "fuzz.h"
#include "base/lines.h"

static int collect(void *context, const char *line, size_t length, struct am_error *error)
{
	struct am_buf *out = context;

	REQUIRE(length <= AM_LINE_MAX && memchr(line, '\n', length) == NULL);
	REQUIRE(am_buf_add(out, line, length, error) == 0);
	return am_buf_add(out, "\n", 1, error);
}

static void split(const struct fuzz_part *input, size_t step, struct am_buf *out)
{
	struct am_lines lines = {.line = collect, .context = out};
	struct am_error error;

	for (size_t at = 0; at < input->length; at += step) {
		size_t part = input->length - at < step ? input->length - at : step;

		REQUIRE(am_lines_add(&lines, input->data + at, part, &error) == 0);
	}
	REQUIRE(am_lines_end(&lines, &error) == 0);
	am_lines_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = fuzz_choice(&data, &size) % 17 + 1;
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_buf whole = {0}, drops = {0};
	size_t unended = size > 0 && data[size - 1] != '\n';

	split(&input, size > 0 ? size : 1, &whole);
	split(&input, step, &drops);
	REQUIRE(whole.length == drops.length && whole.length == size + unended);
	REQUIRE(size == 0 || memcmp(whole.data, drops.data, whole.length) == 0);
	REQUIRE(size == 0 || memcmp(whole.data, data, size) == 0);
	am_buf_free(&whole);
	am_buf_free(&drops);
	fuzz_part_free(&input);
	return 0;
}
