/* SPDX-License-Identifier: MIT */
#include "remote/known_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sha1.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/reader.h"

enum { FILE_MAX = 16 << 20, BLOB_MAX = 8192, NAME_LENGTH = 300 };

struct entry {
	const char *names;
	size_t names_length;
	const char *type;
	size_t type_length;
	const char *key;
	size_t key_length;
	int revoked;
	int line;
};

struct cursor {
	const char *at;
	const char *end;
	int line;
};

int am_known_load(const char *path, struct am_buf *text, struct am_error *error)
{
	struct am_reader *reader;
	struct am_error opened;
	char block[16384];
	ssize_t n;

	text->length = 0;
	if (am_buf_addstr(text, "", error) != 0)
		return -1;
	reader = am_reader_file(path, &opened);
	if (reader == NULL) {
		if (strcmp(opened.code, "ENOENT") == 0)
			return 0;
		return am_fail(error, opened.code, "known_hosts: %s", opened.message);
	}
	text->limit = FILE_MAX;
	while ((n = reader->read(reader, block, sizeof block, error)) > 0) {
		if (am_buf_add(text, block, (size_t)n, error) != 0) {
			n = -1;
			break;
		}
	}
	am_reader_close(reader);
	return n < 0 ? -1 : 0;
}

/* The next blank-separated word of a line, 0 when there is none. */
static int next_word(const char **at, const char *end, const char **word, size_t *length)
{
	while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r'))
		(*at)++;
	*word = *at;
	while (*at < end && **at != ' ' && **at != '\t' && **at != '\r')
		(*at)++;
	*length = (size_t)(*at - *word);
	return *length > 0;
}

static int word_is(const char *word, size_t length, const char *text)
{
	return strlen(text) == length && memcmp(word, text, length) == 0;
}

static int parse_line(const char *at, const char *end, struct entry *entry)
{
	if (!next_word(&at, end, &entry->names, &entry->names_length) || *entry->names == '#')
		return 0;
	entry->revoked = 0;
	if (*entry->names == '@') {
		entry->revoked = word_is(entry->names, entry->names_length, "@revoked");
		if (!entry->revoked || !next_word(&at, end, &entry->names, &entry->names_length))
			return 0;
	}
	return next_word(&at, end, &entry->type, &entry->type_length) &&
	       next_word(&at, end, &entry->key, &entry->key_length);
}

/* Lines that cannot be read are passed over, as OpenSSH does: they cannot match anything. */
static int next_entry(struct cursor *cursor, struct entry *entry)
{
	while (cursor->at < cursor->end) {
		const char *start = cursor->at;
		const char *end = memchr(start, '\n', (size_t)(cursor->end - start));

		if (end == NULL)
			end = cursor->end;
		cursor->at = end < cursor->end ? end + 1 : end;
		entry->line = ++cursor->line;
		if (parse_line(start, end, entry))
			return 1;
	}
	return 0;
}

/* libmd, which has SHA-1, has no HMAC; a cryptographic library for these lines is not worth it. */
static void hmac_sha1(const unsigned char *key, size_t key_length, const char *text,
	unsigned char digest[SHA1_DIGEST_LENGTH])
{
	unsigned char pad[SHA1_BLOCK_LENGTH] = {0};
	SHA1_CTX ctx;

	memcpy(pad, key, key_length);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36;
	SHA1Init(&ctx);
	SHA1Update(&ctx, pad, sizeof pad);
	SHA1Update(&ctx, (const unsigned char *)text, strlen(text));
	SHA1Final(digest, &ctx);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA1Init(&ctx);
	SHA1Update(&ctx, pad, sizeof pad);
	SHA1Update(&ctx, digest, SHA1_DIGEST_LENGTH);
	SHA1Final(digest, &ctx);
}

/* "|1|salt|hash": hash is HMAC-SHA1 of the name with the salt as key. */
static int match_hashed(const char *names, size_t length, const char *name)
{
	unsigned char salt[SHA1_BLOCK_LENGTH];
	unsigned char want[SHA1_DIGEST_LENGTH], have[SHA1_DIGEST_LENGTH];
	const char *bar;
	long salt_length;

	if (length < 4 || memcmp(names, "|1|", 3) != 0)
		return 0;
	names += 3;
	length -= 3;
	bar = memchr(names, '|', length);
	if (bar == NULL)
		return 0;
	salt_length = am_base64_decode(names, (size_t)(bar - names), salt, sizeof salt);
	length -= (size_t)(bar + 1 - names);
	if (salt_length < 0 ||
		am_base64_decode(bar + 1, length, want, sizeof want) != (long)sizeof want)
		return 0;
	hmac_sha1(salt, (size_t)salt_length, name, have);
	return memcmp(want, have, sizeof want) == 0;
}

/* Shell-like pattern with * and ?, without regard to case. Linear but for the last star. */
static int match_pattern(const char *pattern, size_t length, const char *name)
{
	const char *end = pattern + length, *star = NULL, *retry = NULL;

	while (*name != '\0') {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (pattern < end &&
			   (*pattern == '?' || tolower((unsigned char)*pattern) ==
						       tolower((unsigned char)*name))) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++retry;
		} else {
			return 0;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

static int match_names(const struct entry *entry, const char *name)
{
	const char *at = entry->names, *end = at + entry->names_length;
	int found = 0;

	if (*at == '|')
		return match_hashed(at, entry->names_length, name);
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma != NULL ? comma : end;
		int negated = at < stop && *at == '!';

		if (match_pattern(at + negated, (size_t)(stop - at) - (size_t)negated, name)) {
			if (negated)
				return 0;
			found = 1;
		}
		at = comma != NULL ? comma + 1 : end;
	}
	return found;
}

/* The name as known_hosts writes it: hosts in lower case, a port other than 22 in brackets. */
static void known_name(const char *host, int port, char name[NAME_LENGTH])
{
	if (port == 22)
		snprintf(name, NAME_LENGTH, "%s", host);
	else
		snprintf(name, NAME_LENGTH, "[%s]:%d", host, port);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}

static int list_has(const struct am_buf *list, const char *word, size_t length)
{
	const char *at = list->data;

	while (at != NULL && *at != '\0') {
		size_t part = strcspn(at, ",");

		if (part == length && memcmp(at, word, length) == 0)
			return 1;
		at += part + (at[part] == ',');
	}
	return 0;
}

static int add_types(
	const struct am_buf *text, const char *name, struct am_buf *types, struct am_error *error)
{
	struct cursor cursor = {text->data, text->data + text->length, 0};
	struct entry entry;

	while (text->length > 0 && next_entry(&cursor, &entry)) {
		if (entry.revoked || !match_names(&entry, name) ||
			list_has(types, entry.type, entry.type_length))
			continue;
		if (types->length > 0 && am_buf_addstr(types, ",", error) != 0)
			return -1;
		if (am_buf_add(types, entry.type, entry.type_length, error) != 0)
			return -1;
	}
	return 0;
}

int am_known_types(const struct am_buf *text, const char *host, int port, struct am_buf *types,
	struct am_error *error)
{
	char name[NAME_LENGTH];

	types->length = 0;
	if (am_buf_addstr(types, "", error) != 0)
		return -1;
	known_name(host, port, name);
	if (add_types(text, name, types, error) != 0)
		return -1;
	if (port == 22 || types->length > 0)
		return 0;
	known_name(host, 22, name);
	return add_types(text, name, types, error);
}

static int same_key(const struct entry *entry, const unsigned char *key, size_t length)
{
	unsigned char blob[BLOB_MAX];
	long n = am_base64_decode(entry->key, entry->key_length, blob, sizeof blob);

	return n > 0 && (size_t)n == length && memcmp(blob, key, length) == 0;
}

static enum am_known_result check_name(const struct am_buf *text, const char *name,
	const unsigned char *key, size_t length, int *line)
{
	struct cursor cursor = {text->data, text->data + text->length, 0};
	enum am_known_result result = AM_KNOWN_NONE;
	struct entry entry;

	while (text->length > 0 && next_entry(&cursor, &entry)) {
		int same;

		if (!match_names(&entry, name))
			continue;
		same = same_key(&entry, key, length);
		if (entry.revoked && !same)
			continue;
		if (entry.revoked) {
			*line = entry.line;
			return AM_KNOWN_REVOKED;
		}
		if (same) {
			result = AM_KNOWN_MATCH;
			*line = entry.line;
		} else if (result == AM_KNOWN_NONE) {
			result = AM_KNOWN_CHANGED;
			*line = entry.line;
		}
	}
	return result;
}

enum am_known_result am_known_check(const struct am_buf *text, const char *host, int port,
	const unsigned char *key, size_t length, int *line)
{
	enum am_known_result result;
	char name[NAME_LENGTH];
	int ignored;

	if (line == NULL)
		line = &ignored;
	*line = 0;
	known_name(host, port, name);
	result = check_name(text, name, key, length, line);
	if (result != AM_KNOWN_NONE || port == 22)
		return result;
	known_name(host, 22, name);
	result = check_name(text, name, key, length, line);
	if (result != AM_KNOWN_CHANGED)
		return result;
	*line = 0;
	return AM_KNOWN_NONE;
}
