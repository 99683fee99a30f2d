/* SPDX-License-Identifier: MIT */
#include "base/slice.h"

#include <string.h>

struct am_slice am_slice_of(const char *text)
{
	struct am_slice slice = {text, text == NULL ? 0 : strlen(text)};

	return slice;
}

int am_slice_equal(struct am_slice a, struct am_slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

int am_slice_is(struct am_slice a, const char *text)
{
	return am_slice_equal(a, am_slice_of(text));
}

int am_slice_compare(struct am_slice a, struct am_slice b)
{
	size_t shorter = a.length < b.length ? a.length : b.length;
	int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);

	if (order != 0)
		return order;
	return (a.length > b.length) - (a.length < b.length);
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

struct am_slice am_slice_trim(struct am_slice slice)
{
	while (slice.length > 0 && is_blank(slice.at[0])) {
		slice.at++;
		slice.length--;
	}
	while (slice.length > 0 && is_blank(slice.at[slice.length - 1]))
		slice.length--;
	return slice;
}
