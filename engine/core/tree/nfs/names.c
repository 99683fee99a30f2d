/* SPDX-License-Identifier: MIT */
/* Names and attributes: the operations of a mount that are one request at a time. */
#include "tree/nfs/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree/nfs/take.h"

enum { CACHE_MAX = 4096 };

static struct nfs_fs *fs_of(struct am_node *node)
{
	return (struct nfs_fs *)node->fs;
}

struct request am_nfs_name_request(
	enum am_nfs3_procedure procedure, struct nfs_node *dir, const char *name)
{
	struct request request = {.procedure = procedure, .args.name = name};

	am_nfs_use_node(&request, 0, dir);
	return request;
}

/* ---- attributes and names ---- */

int am_nfs_getattr(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	struct am_tree_stat *st, struct am_error *error)
{
	struct request request = {.procedure = AM_NFS3_GETATTR,
		.take = am_nfs_take_getattr,
		.out = st,
		.handles = {handle},
		.nodes = {node}};

	return am_nfs_run_ok(fs, &request, error);
}

int am_nfs_lookup(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&dir->base);
	struct request request = am_nfs_name_request(AM_NFS3_LOOKUP, dir, name);

	*found = (struct found){0};
	request.take = am_nfs_take_lookup;
	request.out = found;
	if (am_nfs_run_ok(fs, &request, error) != 0)
		return -1;
	return found->has_stat ? 0 : am_nfs_getattr(fs, NULL, &found->handle, &found->stat, error);
}

/* ---- directories ---- */

static unsigned hash_of(const struct nfs_node *parent, const char *name)
{
	uint64_t hash = (uint64_t)(uintptr_t)parent * 0x9E3779B97F4A7C15u;

	while (*name != '\0')
		hash = (hash ^ (unsigned char)*name++) * 1099511628211u;
	return (unsigned)((hash >> 32) % CACHE_BUCKETS);
}

static struct nfs_node **find(struct nfs_fs *fs, const struct nfs_node *parent, const char *name)
{
	struct nfs_node **link = &fs->cache[hash_of(parent, name)];

	while (*link != NULL && ((*link)->parent != parent || strcmp((*link)->name, name) != 0))
		link = &(*link)->next;
	return link;
}

/* The name may mean another directory from now on. */
static void forget(struct nfs_node *parent, const char *name)
{
	struct nfs_fs *fs = fs_of(&parent->base);
	struct nfs_node **link = find(fs, parent, name), *node = *link;

	if (node == NULL)
		return;
	*link = node->next;
	fs->cached--;
	am_node_release(&node->base);
}

void am_nfs_drop_caches(struct am_fs *base)
{
	struct nfs_fs *fs = (struct nfs_fs *)base;

	for (size_t i = 0; i < CACHE_BUCKETS; i++) {
		while (fs->cache[i] != NULL) {
			struct nfs_node *node = fs->cache[i];

			fs->cache[i] = node->next;
			am_node_release(&node->base);
		}
	}
	fs->cached = 0;
}

struct nfs_node *am_nfs_new_node(struct nfs_fs *fs, struct nfs_node *parent, const char *name,
	const struct am_handle *handle, struct am_error *error)
{
	size_t length = strlen(name) + 1;
	struct nfs_node *node = calloc(1, sizeof *node + length);

	if (node == NULL) {
		am_fail_reason(error, ENOMEM);
		return NULL;
	}
	node->base = (struct am_node){&fs->base, 1};
	node->handle = *handle;
	memcpy(node->name, name, length);
	if (parent != NULL) {
		node->parent = parent;
		am_node_hold(&parent->base);
	}
	return node;
}

void am_nfs_release(struct am_node *base)
{
	struct nfs_node *node = (struct nfs_node *)base;

	if (node->parent != NULL)
		am_node_release(&node->parent->base);
	free(node);
}

struct am_node *am_nfs_root(struct am_fs *base, struct am_error *error)
{
	(void)error;
	return am_node_hold(&((struct nfs_fs *)base)->root->base);
}

/* What the name leads to, when that is a directory of this file system. */
static int lookup_directory(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&dir->base);

	if (am_nfs_lookup(dir, name, found, error) != 0)
		return -1;
	if (found->stat.type != AM_TREE_DIR)
		return am_fail_reason(error, ENOTDIR);
	if (found->stat.fsid != fs->fsid)
		return am_fail(error, "NFS_CROSSING",
			"another file system of the server is mounted there");
	return 0;
}

struct am_node *am_nfs_enter(struct am_node *base, const char *name, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(base);
	struct nfs_node *dir = (struct nfs_node *)base, *node = *find(fs, dir, name);
	struct nfs_node **link;
	struct found found;

	if (node != NULL)
		return am_node_hold(&node->base);
	if (lookup_directory(dir, name, &found, error) != 0)
		return NULL;
	node = am_nfs_new_node(fs, dir, name, &found.handle, error);
	if (node == NULL)
		return NULL;
	if (fs->cached >= CACHE_MAX)
		am_nfs_drop_caches(&fs->base);
	link = &fs->cache[hash_of(dir, name)];
	node->next = *link;
	*link = node;
	fs->cached++;
	return am_node_hold(&node->base);
}

/* A stale directory: found again by its name, the root by a new MOUNT. */
int am_nfs_refresh_node(struct nfs_node *node, struct am_error *error)
{
	struct nfs_fs *fs = fs_of(&node->base);
	struct found found;

	if (node->parent == NULL) {
		am_nfs_disconnect(fs);
		if (am_nfs_connect(fs, error) != 0) {
			am_nfs_disconnect(fs);
			return -1;
		}
		return 0;
	}
	if (lookup_directory(node->parent, node->name, &found, error) != 0)
		return -1;
	node->handle = found.handle;
	return 0;
}

int am_nfs_stat(
	struct am_node *base, const char *name, struct am_tree_stat *st, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct found found;

	if (name == NULL)
		return am_nfs_getattr(fs_of(base), dir, &dir->handle, st, error);
	if (am_nfs_lookup(dir, name, &found, error) != 0)
		return -1;
	*st = found.stat;
	return 0;
}

int am_nfs_readlink(
	struct am_node *base, const char *name, char *target, size_t size, struct am_error *error)
{
	struct text text = {target, size};
	struct found found;
	struct request request = {.procedure = AM_NFS3_READLINK,
		.take = am_nfs_take_readlink,
		.out = &text,
		.handles = {&found.handle}};

	if (am_nfs_lookup((struct nfs_node *)base, name, &found, error) != 0)
		return -1;
	if (found.stat.type != AM_TREE_LINK)
		return am_fail_reason(error, EINVAL);
	return am_nfs_run_ok(fs_of(base), &request, error);
}

/* 1: its place in the directory is lost, and the list begins again. */
static int next_page(struct am_node *base, struct page *page, int *lists, struct am_error *error)
{
	struct request request = {0};

	am_nfs_ask_page(&request, fs_of(base), page);
	am_nfs_use_node(&request, 0, (struct nfs_node *)base);
	if (am_nfs_run(fs_of(base), &request, error) != 0)
		return -1;
	if ((request.status == NFS3ERR_BAD_COOKIE || request.refreshed) &&
		request.args.cookie != 0 && ++*lists <= LISTS_MAX)
		return 1;
	return request.status == NFS3_OK ? 0 : am_nfs_fail_status(error, request.status);
}

int am_nfs_list(struct am_node *base, struct am_entries *entries, struct am_error *error)
{
	struct page page = {.entries = entries, .fsid = fs_of(base)->fsid};
	int lists = 0, r = 0;

	while (r >= 0 && !page.end) {
		r = next_page(base, &page, &lists, error);
		if (r > 0)
			am_nfs_page_restart(&page);
	}
	am_nfs_page_free(&page);
	return r < 0 ? -1 : 0;
}

/* ---- attributes ---- */

static int setattr_once(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct request request = {.procedure = AM_NFS3_SETATTR,
		.args.attr = *attr,
		.handles = {handle},
		.nodes = {node}};

	return am_nfs_run_ok(fs, &request, error);
}

/*
 * A server may change the owner after the mode, and lose the suid bits by it: where both are
 * given, the mode is sent once more.
 */
int am_nfs_set_handle(struct nfs_fs *fs, struct nfs_node *node, const struct am_handle *handle,
	const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_tree_attr mode = *attr;

	if (attr->set == 0)
		return 0;
	if ((attr->set & (AM_SET_ATIME | AM_SET_MTIME)) &&
		(attr->atime.seconds < 0 || attr->mtime.seconds < 0 ||
			attr->atime.seconds > UINT32_MAX || attr->mtime.seconds > UINT32_MAX))
		return am_fail_reason(error, EINVAL);
	if (setattr_once(fs, node, handle, attr, error) != 0)
		return -1;
	if ((attr->set & AM_SET_MODE) == 0 || (attr->mode & 07000) == 0 ||
		(attr->set & (AM_SET_UID | AM_SET_GID)) == 0)
		return 0;
	mode.set = AM_SET_MODE;
	return setattr_once(fs, node, handle, &mode, error);
}

int am_nfs_setattr(struct am_node *base, const char *name, const struct am_tree_attr *attr,
	struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct am_tree_attr allowed = *attr;
	struct found found;
	unsigned connects;
	int tries = 3;

	if (name == NULL)
		return am_nfs_set_handle(fs_of(base), dir, &dir->handle, attr, error);
	/*
	 * A server that was restarted meanwhile may not know the handle any more: some say EINVAL
	 * of a device then. It is looked up again.
	 */
	do {
		connects = fs_of(base)->connects;
		if (am_nfs_lookup(dir, name, &found, error) != 0)
			return -1;
		if (found.stat.type == AM_TREE_LINK)
			allowed.set &= ~(unsigned)AM_SET_MODE;
		if (am_nfs_set_handle(fs_of(base), NULL, &found.handle, &allowed, error) == 0)
			return 0;
	} while (--tries > 0 && connects != fs_of(base)->connects && !fs_of(base)->base.complete);
	return -1;
}

/* ---- names ---- */

/*
 * A name that is there although this request was to make it: when it was sent more than once,
 * the first try may have made it. `type` must fit.
 */
static int made_before(struct request *request, struct nfs_node *dir, const char *name,
	enum am_tree_type type, struct found *found)
{
	return request->status == NFS3ERR_EXIST && request->sends > 1 &&
	       am_nfs_lookup(dir, name, found, NULL) == 0 && found->stat.type == type;
}

int am_nfs_mkdir(struct am_node *base, const char *name, uint32_t mode, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct request request = am_nfs_name_request(AM_NFS3_MKDIR, dir, name);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	struct found found;

	request.args.attr = attr;
	forget(dir, name);
	if (am_nfs_run(fs_of(base), &request, error) != 0)
		return -1;
	if (request.status != NFS3_OK && !made_before(&request, dir, name, AM_TREE_DIR, &found))
		return am_nfs_fail_status(error, request.status);
	return mode & 07000 ? am_nfs_setattr(base, name, &attr, error) : 0;
}

int am_nfs_symlink(
	struct am_node *base, const char *name, const char *target, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct request request = am_nfs_name_request(AM_NFS3_SYMLINK, dir, name);
	char old[AM_TREE_PATH_MAX];
	struct found found;

	request.args.other = target;
	if (am_nfs_run(fs_of(base), &request, error) != 0)
		return -1;
	if (request.status == NFS3_OK)
		return 0;
	if (made_before(&request, dir, name, AM_TREE_LINK, &found) &&
		am_nfs_readlink(base, name, old, sizeof old, NULL) == 0 && strcmp(old, target) == 0)
		return 0;
	return am_nfs_fail_status(error, request.status);
}

int am_nfs_link(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)to;
	struct request request = am_nfs_name_request(AM_NFS3_LINK, dir, to_name);
	struct found source, found;

	if (am_nfs_lookup((struct nfs_node *)from, from_name, &source, error) != 0)
		return -1;
	request.handles[1] = &source.handle;
	if (am_nfs_run(fs_of(to), &request, error) != 0)
		return -1;
	if (request.status == NFS3_OK)
		return 0;
	if (made_before(&request, dir, to_name, source.stat.type, &found) &&
		found.stat.ino == source.stat.ino)
		return 0;
	return am_nfs_fail_status(error, request.status);
}

/* Looks at the source first, to know it again at the other end should the answer get lost. */
int am_nfs_rename(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct nfs_node *from_dir = (struct nfs_node *)from, *to_dir = (struct nfs_node *)to;
	struct request request = am_nfs_name_request(AM_NFS3_RENAME, from_dir, from_name);
	struct found source, found;

	if (am_nfs_lookup(from_dir, from_name, &source, error) != 0)
		return -1;
	request.args.other = to_name;
	am_nfs_use_node(&request, 1, to_dir);
	forget(from_dir, from_name);
	forget(to_dir, to_name);
	if (am_nfs_run(fs_of(from), &request, error) != 0)
		return -1;
	if (request.status == NFS3_OK)
		return 0;
	if (request.status == NFS3ERR_NOENT && request.sends > 1 &&
		am_nfs_lookup(to_dir, to_name, &found, NULL) == 0 &&
		found.stat.ino == source.stat.ino)
		return 0;
	return am_nfs_fail_status(error, request.status);
}

static int remove_name(struct am_node *base, struct request *request, struct am_error *error)
{
	if (am_nfs_run(fs_of(base), request, error) != 0)
		return -1;
	if (request->status == NFS3_OK || (request->status == NFS3ERR_NOENT && request->sends > 1))
		return 0;
	return am_nfs_fail_status(error, request->status);
}

int am_nfs_unlink(struct am_node *base, const char *name, struct am_error *error)
{
	struct request request = am_nfs_name_request(AM_NFS3_REMOVE, (struct nfs_node *)base, name);

	return remove_name(base, &request, error);
}

int am_nfs_rmdir(struct am_node *base, const char *name, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct request request = am_nfs_name_request(AM_NFS3_RMDIR, dir, name);

	forget(dir, name);
	return remove_name(base, &request, error);
}

int am_nfs_mknod(struct am_node *base, const char *name, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct nfs_node *dir = (struct nfs_node *)base;
	struct request request = am_nfs_name_request(AM_NFS3_MKNOD, dir, name);
	struct am_tree_attr attr = {.set = AM_SET_MODE, .mode = mode};
	struct found found;

	request.args.type = type;
	request.args.attr = attr;
	request.args.major_number = major_number;
	request.args.minor_number = minor_number;
	if (am_nfs_run(fs_of(base), &request, error) != 0)
		return -1;
	if (request.status != NFS3_OK && !made_before(&request, dir, name, type, &found))
		return am_nfs_fail_status(error, request.status);
	return mode & 07000 ? am_nfs_setattr(base, name, &attr, error) : 0;
}
