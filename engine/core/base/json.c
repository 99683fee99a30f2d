/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/escape.h"

static int add_escape(struct am_buf *out, uint32_t c, struct am_error *error)
{
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";

	for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
		if ((unsigned char)letters[i] == c)
			return am_buf_addf(out, error, "\\%c", letters[i + 1]);
	}
	if (c > 0xFFFF) /* two halves, as UTF-16 has them */
		return am_buf_addf(out, error, "\\u%04x\\u%04x",
			(unsigned)(0xD800 + ((c - 0x10000) >> 10)),
			(unsigned)(0xDC00 + ((c - 0x10000) & 0x3FF)));
	return am_buf_addf(out, error, "\\u%04x", (unsigned)c);
}

int am_json_quote(
	struct am_buf *out, const char *text, size_t length, int lossy, struct am_error *error)
{
	size_t plain = 0, at = 0; /* bytes from `plain` to `at` go out as they are */
	int result = am_buf_add(out, "\"", 1, error);

	while (at < length && result == 0) {
		size_t size = am_utf8_sequence(text + at, length - at);
		uint32_t c = size > 0 ? am_utf8_character(text + at, size) : 0;

		if (size > 0 && c != '"' && c != '\\' && !am_is_hidden(c)) {
			at += size;
			continue;
		}
		if (size == 0 && !lossy)
			return am_fail(error, "JSON_UTF8",
				"json: string: byte %zu (0x%02x) is not UTF-8", at,
				(unsigned char)text[at]);
		result = am_buf_add(out, text + plain, at - plain, error);
		if (result == 0)
			result = size == 0 ? am_buf_addstr(out, "\xEF\xBF\xBD", error)
					   : add_escape(out, c, error);
		at += size > 0 ? size : 1;
		plain = at;
	}
	if (result == 0)
		result = am_buf_add(out, text + plain, length - plain, error);
	return result == 0 ? am_buf_add(out, "\"", 1, error) : -1;
}
