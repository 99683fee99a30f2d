/* SPDX-License-Identifier: MIT */
/*
 * Names and attributes: operations of struct am_fs_ops (see there), one request at a time, and what
 * others need to make them.
 */
#ifndef ALTMIG_TREE_NFS_NAMES_H
#define ALTMIG_TREE_NFS_NAMES_H

#include "tree/nfs/request.h"
#include "tree/nfs/take.h"

/* A request for a name in a directory. */
struct request am_nfs_name_request(
	enum am_nfs3_procedure procedure, struct nfs_node *dir, const char *name);
/* `node` (or NULL) is whose handle it is. */
int am_nfs_getattr(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	struct am_tree_stat *st, struct am_error *error);
int am_nfs_lookup(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error);
int am_nfs_set_handle(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error);

struct nfs_node *am_nfs_new_node(struct nfs_fs *fs, struct nfs_node *parent, const char *name,
	const struct am_handle *handle, struct am_error *error);
/* A stale directory: found again by its name, the root by a new MOUNT. */
int am_nfs_refresh_node(struct nfs_node *node, struct am_error *error);
void am_nfs_drop_caches(struct am_fs *fs);

struct am_node *am_nfs_root(struct am_fs *fs, struct am_error *error);
struct am_node *am_nfs_enter(struct am_node *dir, const char *name, struct am_error *error);
void am_nfs_release(struct am_node *dir);
int am_nfs_stat(
	struct am_node *dir, const char *name, struct am_tree_stat *st, struct am_error *error);
int am_nfs_setattr(struct am_node *dir, const char *name, const struct am_tree_attr *attr,
	struct am_error *error);
int am_nfs_readlink(
	struct am_node *dir, const char *name, char *target, size_t size, struct am_error *error);
int am_nfs_list(struct am_node *dir, struct am_entries *entries, struct am_error *error);
int am_nfs_mkdir(struct am_node *dir, const char *name, uint32_t mode, struct am_error *error);
int am_nfs_symlink(
	struct am_node *dir, const char *name, const char *target, struct am_error *error);
int am_nfs_link(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error);
int am_nfs_rename(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error);
int am_nfs_unlink(struct am_node *dir, const char *name, struct am_error *error);
int am_nfs_rmdir(struct am_node *dir, const char *name, struct am_error *error);
int am_nfs_mknod(struct am_node *dir, const char *name, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error);

#endif
