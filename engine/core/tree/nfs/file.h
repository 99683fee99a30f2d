/* SPDX-License-Identifier: MIT */
/* Regular files: operations of struct am_fs_ops (see there). */
#ifndef ALTMIG_TREE_NFS_FILE_H
#define ALTMIG_TREE_NFS_FILE_H

#include "tree/nfs/connect.h"

struct am_fs_file *am_nfs_file_open(struct am_node *dir, const char *name, struct am_error *error);
ssize_t am_nfs_file_read(struct am_fs_file *file, void *data, size_t size, struct am_error *error);
struct am_fs_file *am_nfs_file_create(
	struct am_node *dir, const char *name, struct am_error *error);
int am_nfs_file_write(
	struct am_fs_file *file, const void *data, size_t length, struct am_error *error);
int am_nfs_file_finish(
	struct am_fs_file *file, const struct am_tree_attr *attr, struct am_error *error);
void am_nfs_file_close(struct am_fs_file *file);

#endif
