/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

/* The longest visible form of one character or byte: \u{10ffff}. */
#define UNIT_MAX 16

size_t am_utf8_sequence(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xBF; /* range of the second byte */
	size_t size;

	if (length == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		size = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		size = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		size = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0; /* shorter form exists */
	else if (p[0] == 0xED)
		high = 0x9F; /* surrogates */
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F; /* over U+10FFFF */
	if (size > length || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++) {
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	}
	return size;
}

uint32_t am_utf8_character(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t character;

	if (size < 2)
		return p[0];
	character = p[0] & (0x7FU >> size);
	for (size_t i = 1; i < size; i++)
		character = character << 6 | (p[i] & 0x3F);
	return character;
}

int am_is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x0000, 0x001F}, {0x007F, 0x009F}, /* DEL and the controls of C1 */
		{0x00AD, 0x00AD},                   /* soft hyphen */
		{0x061C, 0x061C},                   /* Arabic letter mark */
		{0x180E, 0x180E},                   /* Mongolian vowel separator */
		{0x200B, 0x200B}, /* zero width space; its joiners 200C and 200D belong to words */
		{0x200E, 0x200F}, /* marks of direction */
		{0x2028, 0x202E}, /* separators of lines, embeddings and overrides of direction */
		{0x2060, 0x206F}, /* invisible operators, isolates of direction */
		{0xFDD0, 0xFDEF}, /* no characters */
		{0xFEFF, 0xFEFF}, /* zero width no-break space */
		{0xFFF9, 0xFFFB}, /* annotations */
		{0xE0000, 0xE0FFF}, /* tags */
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return 1;
	}
	return (c & 0xFFFE) == 0xFFFE; /* the last two of every plane are no characters */
}

/* Takes one character or bad byte: its visible form to `unit`, the bytes it took as the result. */
static size_t next_unit(
	const char *text, size_t length, unsigned flags, char unit[UNIT_MAX], size_t *unit_length)
{
	static const char letters[] = "\nn\rr\tt";
	size_t size = am_utf8_sequence(text, length);
	uint32_t c = size > 0 ? am_utf8_character(text, size) : (unsigned char)text[0];
	int keep = size > 0 && !am_is_hidden(c);
	const char *letter = NULL;

	if ((flags & AM_ESCAPE_LINES) && (c == '\n' || c == '\t'))
		keep = 1;
	if ((flags & AM_ESCAPE_ASCII) && c >= 0x80)
		keep = 0;
	if ((flags & AM_ESCAPE_QUOTED) && (c == '\\' || c == '"'))
		keep = 0;
	if (keep) {
		memcpy(unit, text, size);
		*unit_length = size;
		return size;
	}
	for (size_t i = 0; i + 1 < sizeof letters && letter == NULL; i += 2) {
		if ((unsigned char)letters[i] == c)
			letter = &letters[i + 1];
	}
	if (letter != NULL || c == '\\' || c == '"')
		snprintf(unit, UNIT_MAX, "\\%c", letter != NULL ? *letter : (char)c);
	else if (size < 2)
		snprintf(unit, UNIT_MAX, "\\x%02x", (unsigned)c);
	else
		snprintf(unit, UNIT_MAX, "\\u{%x}", (unsigned)c);
	*unit_length = strlen(unit);
	return size > 0 ? size : 1;
}

int am_escape(
	struct am_buf *out, const char *text, size_t length, unsigned flags, struct am_error *error)
{
	char unit[UNIT_MAX];
	size_t unit_length, plain = 0, at = 0; /* bytes from `plain` to `at` go out as they are */

	while (at < length) {
		size_t size = next_unit(text + at, length - at, flags, unit, &unit_length);

		if (unit_length != size || memcmp(unit, text + at, size) != 0) {
			if (am_buf_add(out, text + plain, at - plain, error) != 0 ||
				am_buf_add(out, unit, unit_length, error) != 0)
				return -1;
			plain = at + size;
		}
		at += size;
	}
	return am_buf_add(out, text + plain, length - plain, error);
}

size_t am_escape_to(char *out, size_t room, const char *text, size_t length, unsigned flags)
{
	size_t used = 0, at = 0;

	while (at < length) {
		char unit[UNIT_MAX];
		size_t unit_length;

		at += next_unit(text + at, length - at, flags, unit, &unit_length);
		if (unit_length >= room - used)
			break;
		memcpy(out + used, unit, unit_length);
		used += unit_length;
	}
	out[used] = '\0';
	return used;
}
