/* SPDX-License-Identifier: MIT */
/* The steps of what only looks: listing a directory, finding a name, reading a link or a file. */
#ifndef ALTMIG_TREE_NFS_LOOKUP_H
#define ALTMIG_TREE_NFS_LOOKUP_H

#include "tree/nfs/work.h"

/* Sends the first request. */
void am_nfs_lookup_begin(struct work *work);
/* What comes after each answer. */
void am_nfs_lookup_on(struct work *work);

#endif
