/* SPDX-License-Identifier: MIT */
/*
 * What is taken out of answers. A server is not trusted: what cannot be (more bytes than were asked
 * for, a list that goes round in circles) fails the request with EPROTO.
 */
#include "tree/nfs/take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void am_nfs_take_getattr(struct request *request, struct am_xdr *results)
{
	am_nfs3_attributes(results, request->out);
}

void am_nfs_take_lookup(struct request *request, struct am_xdr *results)
{
	struct found *found = request->out;

	am_nfs3_handle(results, &found->handle);
	found->has_stat = am_nfs3_post_attributes(results, &found->stat);
}

void am_nfs_take_readlink(struct request *request, struct am_xdr *results)
{
	struct text *text = request->out;
	uint32_t length;
	const char *from = am_nfs3_text(results, &length);

	if (from == NULL)
		return;
	if (length >= text->size) {
		request->status = NFS3ERR_NAMETOOLONG;
		return;
	}
	memcpy(text->data, from, length);
	text->data[length] = '\0';
}

int am_nfs_take_read(struct request *request, struct am_xdr *results, struct am_nfs3_read *read)
{
	am_nfs3_read(results, read);
	if (results->bad)
		return -1;
	if (read->length > request->args.count)
		return am_fail(
			&request->error, "EPROTO", "the server sent more than was asked for");
	if (read->length == 0 && !read->end)
		return am_fail(&request->error, "EPROTO",
			"the server reads nothing although the file has not ended");
	return 0;
}

int am_nfs_take_written(
	struct request *request, struct am_xdr *results, struct am_nfs3_written *written)
{
	am_nfs3_written(results, written);
	if (results->bad)
		return -1;
	if (written->count == 0)
		return am_fail(&request->error, "EIO", "the server wrote nothing");
	if (written->count > request->args.count)
		return am_fail(&request->error, "EPROTO", "the server wrote more than was sent");
	return 0;
}

void am_nfs_take_commit(struct request *request, struct am_xdr *results)
{
	am_nfs3_committed(results, request->out);
}

void am_nfs_set_verifier(struct nfs_fs *fs, const char *verifier)
{
	if (fs->has_verifier && memcmp(fs->verifier, verifier, sizeof fs->verifier) != 0)
		fs->base.restarts++;
	memcpy(fs->verifier, verifier, sizeof fs->verifier);
	fs->has_verifier = 1;
}

/* ---- directories ---- */

/* The cookies of a directory seen so far: open addressing, 0 is an empty slot. */
struct cookies {
	size_t count, size; /* size: a power of two */
	uint64_t slots[];
};

enum {
	COOKIES_FIRST = 128,
	LIST_BYTES = 64 << 10, /* of one page */
};

static uint64_t *slot_of(struct cookies *seen, uint64_t cookie)
{
	size_t at = (size_t)((cookie * 0x9E3779B97F4A7C15u) >> 32) & (seen->size - 1);

	while (seen->slots[at] != 0 && seen->slots[at] != cookie)
		at = (at + 1) & (seen->size - 1);
	return &seen->slots[at];
}

static struct cookies *grow(struct cookies *old)
{
	size_t size = old != NULL ? old->size * 2 : COOKIES_FIRST;
	struct cookies *seen = calloc(1, sizeof *seen + size * sizeof seen->slots[0]);

	if (seen == NULL)
		return NULL;
	seen->size = size;
	for (size_t i = 0; old != NULL && i < old->size; i++) {
		if (old->slots[i] != 0)
			*slot_of(seen, old->slots[i]) = old->slots[i];
	}
	seen->count = old != NULL ? old->count : 0;
	free(old);
	return seen;
}

/* 1 when the cookie was there before (0 asks for the beginning of a list, so it is always), -1. */
static int note_cookie(struct page *page, uint64_t cookie, struct am_error *error)
{
	struct cookies *seen = page->seen;
	uint64_t *slot;

	if (cookie == 0)
		return 1;
	if (seen == NULL || seen->count * 2 >= seen->size) {
		struct cookies *larger = grow(seen);

		if (larger == NULL)
			return am_fail_reason(error, ENOMEM);
		page->seen = seen = larger;
	}
	slot = slot_of(seen, cookie);
	if (*slot == cookie)
		return 1;
	*slot = cookie;
	seen->count++;
	return 0;
}

void am_nfs_page_free(struct page *page)
{
	free(page->seen);
	page->seen = NULL;
}

void am_nfs_page_restart(struct page *page)
{
	am_entries_free(page->entries);
	am_nfs_page_free(page);
	*page = (struct page){.entries = page->entries, .fsid = page->fsid};
}

void am_nfs_ask_page(struct request *request, const struct nfs_fs *fs, struct page *page)
{
	request->procedure = fs->plain_lists ? AM_NFS3_READDIR : AM_NFS3_READDIRPLUS;
	request->take = am_nfs_take_page;
	request->out = page;
	request->args.cookie = page->cookie;
	request->args.count = LIST_BYTES;
	memcpy(request->args.verifier, page->verifier, sizeof request->args.verifier);
}

static int is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A handle is not kept for a directory of another file system: who looks it up is told so. */
static int take_entry(struct page *page, const struct am_nfs3_entry *e, struct am_error *error)
{
	if (is_dots(e->name))
		return 0;
	if (am_entries_add(page->entries, e->name, e->has_stat ? &e->stat : NULL, error) != 0)
		return -1;
	if (e->has_stat && e->handle.length > 0 &&
		(e->stat.type != AM_TREE_DIR || e->stat.fsid == page->fsid))
		page->entries->entries[page->entries->count - 1].handle = e->handle;
	return note_cookie(page, e->cookie, error);
}

void am_nfs_take_page(struct request *request, struct am_xdr *results)
{
	struct page *page = request->out;
	uint64_t asked = page->cookie;
	struct am_nfs3_entry entry;

	page->count = 0;
	page->end = 0;
	am_nfs3_list_begin(results, page->verifier);
	while (am_nfs3_list_entry(results, request->procedure == AM_NFS3_READDIRPLUS, &entry)) {
		int r = take_entry(page, &entry, &request->error);

		if (r > 0)
			am_fail(&request->error, "EPROTO",
				"the server's list of the directory repeats itself");
		if (r != 0)
			return;
		page->cookie = entry.cookie;
		page->count++;
	}
	page->end = am_nfs3_list_end(results);
	if (!results->bad && !page->end && (page->count == 0 || page->cookie == asked))
		am_fail(&request->error, "EPROTO", "the server does not go on with the list");
}
