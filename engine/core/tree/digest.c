/* SPDX-License-Identifier: MIT */
/* Digests of everything below a path: one canonical line for each entry. */
#include "tree/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <sha2.h>
#include <string.h>

static void hex_of(const unsigned char *bytes, size_t length, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
	*hex = '\0';
}

static void final_hex(SHA2_CTX *context, char hex[65])
{
	unsigned char bytes[SHA256_DIGEST_LENGTH];

	SHA256Final(bytes, context);
	hex_of(bytes, sizeof bytes, hex);
}

static int content_hex(struct am_scan *scan, char hex[65], struct am_error *error)
{
	const char *data;
	size_t length;
	SHA2_CTX context;
	int r;

	SHA256Init(&context);
	while ((r = am_scan_read(scan, &data, &length, error)) == 1)
		SHA256Update(&context, (const unsigned char *)data, length);
	final_hex(&context, hex);
	return r;
}

/*
 * The canonical line. Lengths before path and target keep hostile names from imitating another
 * entry. Sizes count for regular files only: a directory's depends on its file system.
 */
static int entry_line(struct am_scan *scan, const struct am_scan_entry *entry, size_t skip,
	int times, struct am_buf *line, struct am_error *error)
{
	const struct am_tree_stat *st = &entry->stat;
	const char *relative = entry->path + skip;
	char hex[65];

	line->length = 0;
	if (am_buf_addf(line, error, "%s %04" PRIo32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %zu:%s",
		    am_tree_type_name(st->type), st->type == AM_TREE_LINK ? 0777 : st->mode,
		    st->uid, st->gid, st->type == AM_TREE_FILE ? st->size : 0, strlen(relative),
		    relative) != 0)
		return -1;
	if (times && am_buf_addf(line, error, " %" PRId64 ".%09" PRIu32, st->mtime.seconds,
			     st->mtime.nanoseconds) != 0)
		return -1;
	switch (st->type) {
	case AM_TREE_FILE:
		if (content_hex(scan, hex, error) != 0)
			return -1;
		return am_buf_addf(line, error, " %s\n", hex);
	case AM_TREE_LINK:
		return am_buf_addf(line, error, " %zu:%s\n", strlen(entry->target), entry->target);
	case AM_TREE_BLOCK:
	case AM_TREE_CHAR:
		return am_buf_addf(
			line, error, " %" PRIu32 ",%" PRIu32 "\n", st->rdev_major, st->rdev_minor);
	default:
		return am_buf_add(line, "\n", 1, error);
	}
}

static int digest_lines(struct am_tree *tree, const char *path,
	const struct am_digest_options *options,
	int (*each)(
		void *context, const char *path, const struct am_buf *line, struct am_error *error),
	void *context, struct am_error *error)
{
	struct am_scan_options wanted = {
		.operation = "digest", .exclude = options != NULL ? options->exclude : NULL};
	struct am_scan *scan = am_scan_open(tree, path, &wanted, error);
	const struct am_scan_entry *entry;
	struct am_buf line = {0};
	size_t skip;
	int r;

	if (scan == NULL)
		return -1;
	r = am_scan_next(scan, &entry, error);
	if (r == 1 && entry->stat.type != AM_TREE_DIR)
		r = am_fail(error, "ENOTDIR", "digest: %.500s: %s", entry->path, strerror(ENOTDIR));
	skip = r == 1 && strcmp(entry->path, "/") != 0 ? strlen(entry->path) + 1 : 1;
	while (r == 1 && (r = am_scan_next(scan, &entry, error)) == 1) {
		if (entry_line(scan, entry, skip, options != NULL && options->times, &line,
			    error) != 0 ||
			each(context, entry->path, &line, error) != 0)
			r = -1;
	}
	am_buf_free(&line);
	am_scan_close(scan);
	return r;
}

static int add_line(
	void *context, const char *path, const struct am_buf *line, struct am_error *error)
{
	(void)path;
	(void)error;
	SHA256Update(context, (const unsigned char *)line->data, line->length);
	return 0;
}

int am_tree_digest(struct am_tree *tree, const char *path, const struct am_digest_options *options,
	char hex[65], struct am_error *error)
{
	SHA2_CTX context;
	int r;

	SHA256Init(&context);
	r = digest_lines(tree, path, options, add_line, &context, error);
	final_hex(&context, hex);
	return r;
}

struct each_entry {
	int (*each)(void *context, const char *path, const char *hex, struct am_error *error);
	void *context;
};

static int hash_line(
	void *context, const char *path, const struct am_buf *line, struct am_error *error)
{
	struct each_entry *each = context;
	SHA2_CTX hash;
	char hex[65];

	SHA256Init(&hash);
	SHA256Update(&hash, (const unsigned char *)line->data, line->length);
	final_hex(&hash, hex);
	return each->each(each->context, path, hex, error);
}

int am_tree_digest_each(struct am_tree *tree, const char *path,
	const struct am_digest_options *options,
	int (*each)(void *context, const char *path, const char *hex, struct am_error *error),
	void *context, struct am_error *error)
{
	struct each_entry entry = {each, context};

	return digest_lines(tree, path, options, hash_line, &entry, error);
}
