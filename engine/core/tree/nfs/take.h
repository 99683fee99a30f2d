/* SPDX-License-Identifier: MIT */
/* What is taken out of answers: see struct request. */
#ifndef ALTMIG_TREE_NFS_TAKE_H
#define ALTMIG_TREE_NFS_TAKE_H

#include "tree/nfs/request.h"

enum { LISTS_MAX = 5 /* times that a list is begun again */ };

/* A file as LOOKUP finds it. */
struct found {
	struct am_handle handle;
	int has_stat;
	struct am_tree_stat stat;
};

/* Memory for the text of a link. */
struct text {
	char *data;
	size_t size;
};

/* One page of a directory, and what is known of the pages before it. */
struct page {
	struct am_entries *entries;
	uint64_t fsid; /* of the directory */
	uint64_t cookie;
	char verifier[8];
	int end;
	size_t count;
	struct cookies *seen;
};

/* Takers, into what request->out points to. */
void am_nfs_take_getattr(struct request *request, struct am_xdr *results); /* struct am_tree_stat */
void am_nfs_take_lookup(struct request *request, struct am_xdr *results);  /* struct found */
void am_nfs_take_readlink(struct request *request, struct am_xdr *results); /* struct text */
void am_nfs_take_page(struct request *request, struct am_xdr *results);     /* struct page */

void am_nfs_take_commit(struct request *request, struct am_xdr *results); /* char[8] */

/* 0, or -1 when the answer cannot be (then `results` is bad, or request->error says why). */
int am_nfs_take_read(struct request *request, struct am_xdr *results, struct am_nfs3_read *read);
int am_nfs_take_written(
	struct request *request, struct am_xdr *results, struct am_nfs3_written *written);
/* A write verifier that differs from the last one counts as a restart of the server. */
void am_nfs_set_verifier(struct nfs_fs *fs, const char *verifier);

/*
 * Asks for what comes after the pages so far: by READDIRPLUS, or by READDIR of a server that once
 * did not take the other.
 */
void am_nfs_ask_page(struct request *request, const struct nfs_fs *fs, struct page *page);
/* Forgets all pages and their entries. */
void am_nfs_page_restart(struct page *page);
void am_nfs_page_free(struct page *page);

#endif
