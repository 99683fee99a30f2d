/* SPDX-License-Identifier: MIT */
/* JSON strings: another reader of JSON gets the same bytes back. */
#include <jansson.h>

#include "fuzz.h"
#include "base/json.h"

static json_t *decode(const struct am_buf *text)
{
	json_error_t error;
	json_t *value =
		json_loadb(text->data, text->length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	REQUIRE(json_is_string(value));
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_part input = fuzz_copy(data, size);
	struct am_buf strict = {0}, lossy = {0};
	struct am_error error;
	json_t *value;

	REQUIRE(am_json_quote(&lossy, input.data, input.length, 1, &error) == 0);
	json_decref(decode(&lossy));
	if (am_json_quote(&strict, input.data, input.length, 0, &error) == 0) {
		value = decode(&strict);
		REQUIRE(json_string_length(value) == size);
		REQUIRE(size == 0 || memcmp(json_string_value(value), data, size) == 0);
		REQUIRE(strict.length == lossy.length);
		json_decref(value);
	} else {
		REQUIRE(strcmp(error.code, "JSON_UTF8") == 0);
		fuzz_check_error(&error);
	}
	am_buf_free(&strict);
	am_buf_free(&lossy);
	fuzz_part_free(&input);
	return 0;
}
