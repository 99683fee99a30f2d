/* SPDX-License-Identifier: MIT */
/* The steps of entries that are made: files, directories, links, devices. */
#ifndef ALTMIG_TREE_NFS_CREATE_H
#define ALTMIG_TREE_NFS_CREATE_H

#include "tree/nfs/work.h"

/* Sends the first request. */
void am_nfs_create_begin(struct work *work);
/* What comes after each answer. */
void am_nfs_create_on(struct work *work);

#endif
