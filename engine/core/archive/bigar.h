/* SPDX-License-Identifier: MIT */
/*
 * AIX archives: the big format ("<bigaf>", liblpp.a) read and written, the small one ("<aiaff>")
 * read. They are read from memory: what the engine meets are archives of texts, a few megabytes.
 *
 * Codes of failure: BIGAR_MAGIC (no such archive), BIGAR_FIELD (a field that is no number, or
 * leads out of the archive), BIGAR_CHAIN (members that do not form one chain), BIGAR_NAME,
 * BIGAR_TABLE (the member table contradicts the members), TRUNCATED. Messages name the archive and
 * the offset.
 */
#ifndef ALTMIG_ARCHIVE_BIGAR_H
#define ALTMIG_ARCHIVE_BIGAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct am_bigar_member {
	const char *name;
	uint64_t date;
	uint32_t uid, gid, mode;
	const unsigned char *data; /* NULL only when there are none */
	size_t size;
	uint64_t offset; /* of the member's header; ignored by the writer */
};

struct am_bigar;

/*
 * Reads the archive of `length` bytes at `data`, which must stay as long as the result is used;
 * `name` is for messages. Members are in the order of the chain, symbol tables are left out.
 */
struct am_bigar *am_bigar_parse(
	const char *name, const void *data, size_t length, struct am_error *error);
size_t am_bigar_count(const struct am_bigar *archive);
const struct am_bigar_member *am_bigar_member(const struct am_bigar *archive, size_t index);
void am_bigar_free(struct am_bigar *archive); /* NULL is allowed */

/*
 * Appends an archive of these members, in the big format and without symbol tables, to `out`: the
 * bytes are those that ar of AIX makes for new archives of text members.
 */
int am_bigar_format(const struct am_bigar_member *members, size_t count, struct am_buf *out,
	struct am_error *error);

#endif
