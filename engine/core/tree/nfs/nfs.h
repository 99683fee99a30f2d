/* SPDX-License-Identifier: MIT */
/*
 * Trees of NFS version 3 exports.
 *
 * Each export has its connections, driven by a poll loop of our own with a deadline on every
 * request. A lost connection is made again (with a new MOUNT, so that a withdrawn or replaced
 * export is noticed) and the operation repeated where that is safe: because it is idempotent, or by
 * a look at what the first try has done. What comes back as another file system is refused
 * ("NFS_CHANGED"), and so is a directory of another file system below an export ("NFS_CROSSING").
 *
 * The program must ignore SIGPIPE.
 */
#ifndef ALTMIG_TREE_NFS_NFS_H
#define ALTMIG_TREE_NFS_NFS_H

#include "base/wire.h"
#include "tree/tree.h"

struct am_nfs_source {
	const char *at;  /* "/", "/usr" */
	const char *url; /* nfs://HOST/EXPORT[?nfsport=N&mountport=N&uid=N&gid=N] */
};

struct am_nfs_options {
	double timeout; /* seconds for one request; 0: 30 */
	double retry;   /* seconds a lost server may take to come back; 0: 120 */
	/*
	 * Called before the first write to a mount, and before the next one after every new
	 * connection. Not 0: the write fails with this error, unchanged, and nothing was written.
	 * It may read from the tree, but not write.
	 */
	int (*guard)(void *context, const char *at, struct am_error *error);
	void *context;
	/*
	 * Makes the connections, in the place of sockets of this host; the hosts of the URLs are
	 * names where it does so. It is taken over, also on failure, since readers and writers may
	 * need it after the tree was closed. NULL: none.
	 */
	struct am_dialer *dialer;
};

/* Mounts all of them. Codes: NFS_MOUNT, EINVAL for a bad URL. */
struct am_tree *am_tree_nfs(const struct am_nfs_source *sources, size_t count,
	const struct am_nfs_options *options, struct am_error *error);

#endif
