/* SPDX-License-Identifier: MIT */
#include "remote/ssh_key.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/os.h"
#include "base/reader.h"

enum { KEY_MAX = 64 << 10 };

static const unsigned char magic[] = "openssh-key-v1"; /* the NUL belongs to it */

struct span {
	const unsigned char *at;
	size_t left;
};

/* The next length-prefixed string of an SSH structure (big endian), 0 when it is cut short. */
static int next_string(struct span *span, struct span *string)
{
	uint32_t length;

	if (span->left < 4)
		return 0;
	length = (uint32_t)span->at[0] << 24 | (uint32_t)span->at[1] << 16 |
		 (uint32_t)span->at[2] << 8 | span->at[3];
	if (length > span->left - 4)
		return 0;
	*string = (struct span){span->at + 4, length};
	span->at += 4 + (size_t)length;
	span->left -= 4 + (size_t)length;
	return 1;
}

void am_ssh_blob_type(const unsigned char *blob, size_t length, char type[64])
{
	struct span span = {blob, length}, name;

	snprintf(type, 64, "unknown");
	if (!next_string(&span, &name) || name.left == 0 || name.left >= 64)
		return;
	for (size_t i = 0; i < name.left; i++) {
		if (name.at[i] <= ' ' || name.at[i] > '~')
			return;
	}
	memcpy(type, name.at, name.left);
	type[name.left] = '\0';
}

/* The bytes between the BEGIN and END lines. */
static size_t decode_body(const char *text, unsigned char *out, size_t size)
{
	const char *at = strchr(text, '\n'), *end = strstr(text, "-----END");
	size_t n = 0, length = 0;
	char *compact;
	long decoded;

	if (at == NULL || end == NULL || end < at)
		return 0;
	compact = malloc((size_t)(end - at) + 1);
	if (compact == NULL)
		return 0;
	for (; at < end; at++) {
		if (*at != '\n' && *at != '\r' && *at != ' ')
			compact[n++] = *at;
	}
	decoded = am_base64_decode(compact, n, out, size);
	if (decoded > 0)
		length = (size_t)decoded;
	am_os_clear(compact, n);
	free(compact);
	return length;
}

static void inspect_openssh(const unsigned char *data, size_t length, struct am_ssh_key_info *info)
{
	struct span span = {data, length}, cipher, part, key;

	if (length < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
		return;
	span.at += sizeof magic;
	span.left -= sizeof magic;
	if (!next_string(&span, &cipher) || !next_string(&span, &part) ||
		!next_string(&span, &part) || span.left < 4)
		return;
	info->encrypted = cipher.left != 4 || memcmp(cipher.at, "none", 4) != 0;
	span.at += 4; /* the number of keys, always one */
	span.left -= 4;
	if (next_string(&span, &key))
		am_ssh_blob_type(key.at, key.left, info->type);
}

/* PKCS #8 names its algorithm by an object identifier; RSA's is 1.2.840.113549.1.1.1. */
static int names_rsa(const unsigned char *data, size_t length)
{
	static const unsigned char rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};

	for (size_t i = 0; i + sizeof rsa <= length && i < 64; i++) {
		if (memcmp(data + i, rsa, sizeof rsa) == 0)
			return 1;
	}
	return 0;
}

static int inspect_text(const char *text, struct am_ssh_key_info *info)
{
	unsigned char *data;
	size_t length;

	text = strstr(text, "-----BEGIN ");
	if (text == NULL || strstr(text, "PRIVATE KEY-----") == NULL)
		return -1;
	data = malloc(KEY_MAX);
	if (data == NULL)
		return 0; /* libssh2 will say what is wrong */
	length = decode_body(text, data, KEY_MAX);
	if (strncmp(text + 11, "OPENSSH ", 8) == 0)
		inspect_openssh(data, length, info);
	else if (strncmp(text + 11, "RSA ", 4) == 0 || names_rsa(data, length))
		snprintf(info->type, sizeof info->type, "ssh-rsa");
	if (strncmp(text + 11, "ENCRYPTED ", 10) == 0 || strstr(text, "4,ENCRYPTED") != NULL)
		info->encrypted = 1;
	am_os_clear(data, KEY_MAX);
	free(data);
	return 0;
}

int am_ssh_key_inspect(const char *path, struct am_ssh_key_info *info, struct am_error *error)
{
	struct am_error why;
	struct am_reader *reader = am_reader_file(path, &why);
	struct am_buf text = {.limit = KEY_MAX};
	char block[4096];
	ssize_t n;
	int result;

	memset(info, 0, sizeof *info);
	if (reader == NULL)
		return am_fail(error, "SSH_KEY", "key file: %s", why.message);
	n = am_buf_reserve(&text, KEY_MAX, &why); /* at once: see am_buf_free_secret */
	while (n == 0 && (n = reader->read(reader, block, sizeof block, &why)) > 0)
		n = am_buf_add(&text, block, (size_t)n, &why);
	am_os_clear(block, sizeof block);
	am_reader_close(reader);
	if (n < 0)
		result = am_fail(error, "SSH_KEY", "key file: %s: %s", path, why.message);
	else if (text.length == 0 || inspect_text(text.data, info) != 0)
		result = am_fail(error, "SSH_KEY", "key file: %s: not a private key", path);
	else
		result = 0;
	am_buf_free_secret(&text);
	return result;
}
