/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include <limits.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

long am_base64_decode(const char *text, size_t length, unsigned char *out, size_t size)
{
	unsigned int bits = 0;
	int count = 0;
	size_t n = 0;

	while (length > 0 && text[length - 1] == '=')
		length--;
	for (size_t i = 0; i < length; i++) {
		const char *p = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;

		if (p == NULL)
			return -1;
		bits = (bits << 6 | (unsigned int)(p - alphabet)) & 0xffff;
		count += 6;
		if (count < 8)
			continue;
		if (n == size || n == LONG_MAX)
			return -1;
		count -= 8;
		out[n++] = (unsigned char)(bits >> count & 0xff);
	}
	return (long)n;
}

void am_base64_encode(const unsigned char *data, size_t length, char *out)
{
	unsigned int bits = 0;
	int count = 0;

	for (size_t i = 0; i < length; i++) {
		bits = (bits << 8 | data[i]) & 0xffff;
		for (count += 8; count >= 6; count -= 6)
			*out++ = alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		*out++ = alphabet[bits << (6 - count) & 63];
	*out = '\0';
}
