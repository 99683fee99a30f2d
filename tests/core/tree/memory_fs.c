/* SPDX-License-Identifier: MIT */
#include "tree/memory_fs.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST = 1 << 20 };

struct child {
	char *name;
	struct memory_inode *inode;
};

/* An inode stays in the table when its last name is gone: its handle is stale then. */
struct memory_inode {
	struct am_tree_stat stat;
	char *data; /* of a file; the text of a link */
	struct child *children;
	size_t count;
	int volatile_; /* not on disk yet */
	unsigned generation;
};

struct node {
	struct am_node base;
	struct node *parent;
	struct am_handle handle; /* length 0: a request is to make it */
	char name[];
};

struct file {
	struct am_fs_file base;
	struct memory_inode *inode;
	uint64_t offset;
};

struct memory_work {
	struct am_op *op;
	struct memory_work *next;
	int executed, sent_again;
};

/* Contracts hold in any build. */
static void must(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "contract of backend.h: %s\n", what);
		abort();
	}
}

static struct memory_fs *fs_of(struct am_node *node)
{
	return (struct memory_fs *)node->fs;
}

/* ---- inodes ---- */

static struct memory_inode *new_inode(struct memory_fs *fs, enum am_tree_type type, uint32_t mode)
{
	struct memory_inode *inode = calloc(1, sizeof *inode);

	fs->inodes = realloc(fs->inodes, (fs->count + 1) * sizeof(struct memory_inode *));
	fs->inodes[fs->count++] = inode;
	fs->clock++;
	inode->stat = (struct am_tree_stat){.type = type,
		.mode = mode & 07777,
		.uid = getuid(),
		.gid = getgid(),
		.ino = fs->count,
		.fsid = 7,
		.mtime = {(int64_t)(1000000000 + fs->clock), 0}};
	return inode;
}

static struct am_handle handle_of(const struct memory_inode *inode)
{
	struct am_handle handle = {.length = 16};

	memcpy(handle.data, &inode->stat.ino, 8);
	memcpy(handle.data + 8, &inode->generation, sizeof inode->generation);
	return handle;
}

/* NULL: the handle is stale. */
static struct memory_inode *inode_of(struct memory_fs *fs, const struct am_handle *handle)
{
	struct memory_inode *inode;
	uint64_t ino;

	must(handle->length == 16, "a handle that was given");
	memcpy(&ino, handle->data, 8);
	inode = fs->inodes[ino - 1];
	return inode->stat.nlink > 0 &&
			       memcmp(handle->data + 8, &inode->generation, sizeof(unsigned)) == 0
		       ? inode
		       : NULL;
}

static void check_name(const char *name)
{
	must(*name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
			strcmp(name, "..") != 0 && strlen(name) <= AM_TREE_NAME_MAX,
		"a plain name");
}

static struct child *find(struct memory_inode *dir, const char *name)
{
	check_name(name);
	for (size_t i = 0; i < dir->count; i++) {
		if (strcmp(dir->children[i].name, name) == 0)
			return &dir->children[i];
	}
	return NULL;
}

static void touch(struct memory_fs *fs, struct memory_inode *dir)
{
	dir->stat.mtime = (struct am_tree_time){(int64_t)(1000000000 + ++fs->clock), 0};
}

static void add(struct memory_fs *fs, struct memory_inode *dir, const char *name,
	struct memory_inode *inode)
{
	check_name(name);
	dir->children = realloc(dir->children, (dir->count + 1) * sizeof *dir->children);
	dir->children[dir->count++] = (struct child){strdup(name), inode};
	inode->stat.nlink++;
	touch(fs, dir);
}

static void take_away(struct memory_fs *fs, struct memory_inode *dir, struct child *child)
{
	if (--child->inode->stat.nlink == 0 && child->inode->stat.type == AM_TREE_FILE)
		fs->used -= child->inode->stat.size;
	free(child->name);
	*child = dir->children[--dir->count];
	touch(fs, dir);
}

static void set(struct memory_inode *inode, const struct am_tree_attr *attr)
{
	struct am_tree_stat *st = &inode->stat;

	must((attr->set & AM_SET_MODE) == 0 || st->type != AM_TREE_LINK, "links have no mode");
	if (attr->set & AM_SET_MODE)
		st->mode = attr->mode & 07777;
	if (attr->set & AM_SET_UID)
		st->uid = attr->uid;
	if (attr->set & AM_SET_GID)
		st->gid = attr->gid;
	if (attr->set & AM_SET_ATIME)
		st->atime = attr->atime;
	if (attr->set & AM_SET_MTIME)
		st->mtime = attr->mtime;
}

/* 0 or an errno value. */
static int write_at(struct memory_fs *fs, struct memory_inode *inode, uint64_t offset,
	const void *data, size_t length)
{
	uint64_t end = offset + length, size = inode->stat.size;

	if (end > size) {
		if (fs->space != 0 && fs->used + (end - size) > fs->space)
			return ENOSPC;
		fs->used += end - size;
		inode->data = realloc(inode->data, (size_t)end);
		memset(inode->data + size, 0, (size_t)(end - size));
		inode->stat.size = end;
	}
	if (length > 0)
		memcpy(inode->data + offset, data, length);
	inode->volatile_ = 1;
	return 0;
}

static void forget_unwritten(struct memory_fs *fs)
{
	for (size_t i = 0; i < fs->count; i++) {
		struct memory_inode *inode = fs->inodes[i];

		if (inode->stat.type == AM_TREE_FILE && inode->volatile_)
			memset(inode->data, 0, (size_t)inode->stat.size);
	}
}

/* ---- directories ---- */

/* The directory, found again by its name when its handle is stale. NULL and an errno value. */
static struct memory_inode *dir_of(struct am_node *base, int *errnum)
{
	struct memory_fs *fs = fs_of(base);
	struct node *node = (struct node *)base;
	struct memory_inode *dir, *parent;
	struct child *child;

	must(node->handle.length > 0, "a directory is made before it is used");
	dir = inode_of(fs, &node->handle);
	if (dir == NULL && node->parent != NULL) {
		parent = dir_of(&node->parent->base, errnum);
		child = parent != NULL ? find(parent, node->name) : NULL;
		if (child != NULL && child->inode->stat.type == AM_TREE_DIR) {
			dir = child->inode;
			node->handle = handle_of(dir);
		}
	}
	if (dir == NULL)
		*errnum = ESTALE;
	return dir;
}

static struct node *new_node(struct am_fs *fs, struct node *parent, const char *name)
{
	struct node *node = calloc(1, sizeof *node + strlen(name) + 1);

	node->base = (struct am_node){fs, 1};
	node->parent = parent;
	if (parent != NULL)
		am_node_hold(&parent->base);
	strcpy(node->name, name);
	return node;
}

static struct am_node *memory_root(struct am_fs *base, struct am_error *error)
{
	struct memory_fs *fs = (struct memory_fs *)base;
	struct node *node = new_node(base, NULL, "");

	(void)error;
	node->handle = handle_of(fs->inodes[0]);
	return &node->base;
}

static void memory_release(struct am_node *base)
{
	struct node *node = (struct node *)base;

	if (node->parent != NULL)
		am_node_release(&node->parent->base);
	free(node);
}

/* A blocking request: the directory and what is called `name` in it. */
static struct memory_inode *at(
	struct am_node *dir, const char *name, struct child **child, struct am_error *error)
{
	struct memory_inode *inode;
	int errnum;

	fs_of(dir)->base.requests++;
	inode = dir_of(dir, &errnum);
	if (inode == NULL)
		am_fail_reason(error, errnum);
	else if (child != NULL)
		*child = find(inode, name);
	return inode;
}

/* The entry; ENOENT when there is none. `name` NULL: the directory. */
static struct memory_inode *entry_at(struct am_node *dir, const char *name, struct am_error *error)
{
	struct child *child = NULL;
	struct memory_inode *inode = at(dir, name, name != NULL ? &child : NULL, error);

	if (inode == NULL || name == NULL)
		return inode;
	if (child == NULL)
		am_fail_reason(error, ENOENT);
	return child != NULL ? child->inode : NULL;
}

static struct am_node *memory_enter(struct am_node *dir, const char *name, struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, name, error);
	struct node *node;

	if (inode == NULL)
		return NULL;
	if (inode->stat.type != AM_TREE_DIR) {
		am_fail_reason(error, ENOTDIR);
		return NULL;
	}
	node = new_node(dir->fs, (struct node *)dir, name);
	node->handle = handle_of(inode);
	return &node->base;
}

/* ---- one at a time ---- */

static int memory_stat(
	struct am_node *dir, const char *name, struct am_tree_stat *stat, struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, name, error);

	if (inode == NULL)
		return -1;
	*stat = inode->stat;
	return 0;
}

static int memory_setattr(struct am_node *dir, const char *name, const struct am_tree_attr *attr,
	struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, name, error);
	struct am_tree_attr wanted = *attr;

	if (inode == NULL)
		return -1;
	if (inode->stat.type == AM_TREE_LINK)
		wanted.set &= ~(unsigned)AM_SET_MODE;
	set(inode, &wanted);
	return 0;
}

static int memory_readlink(
	struct am_node *dir, const char *name, char *target, size_t size, struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, name, error);

	if (inode == NULL)
		return -1;
	if (inode->stat.type != AM_TREE_LINK)
		return am_fail_reason(error, EINVAL);
	if (strlen(inode->data) >= size)
		return am_fail_reason(error, ENAMETOOLONG);
	strcpy(target, inode->data);
	return 0;
}

static int list(struct memory_inode *dir, int without_stat, struct am_entries *entries,
	struct am_error *error)
{
	for (size_t i = dir->count; i-- > 0;) {
		struct child *child = &dir->children[i];

		if (am_entries_add(entries, child->name, without_stat ? NULL : &child->inode->stat,
			    error) != 0)
			return -1;
		if (!without_stat)
			entries->entries[entries->count - 1].handle = handle_of(child->inode);
	}
	return 0;
}

static int memory_list(struct am_node *dir, struct am_entries *entries, struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, NULL, error);

	return inode != NULL ? list(inode, fs_of(dir)->without_stat, entries, error) : -1;
}

static struct am_fs_file *new_file(struct am_fs *fs, struct memory_inode *inode)
{
	struct file *file = calloc(1, sizeof *file);

	file->base.fs = fs;
	file->inode = inode;
	return &file->base;
}

static struct am_fs_file *memory_open(struct am_node *dir, const char *name, struct am_error *error)
{
	struct memory_inode *inode = entry_at(dir, name, error);

	if (inode != NULL && inode->stat.type == AM_TREE_FILE)
		return new_file(dir->fs, inode);
	if (inode != NULL)
		am_fail_reason(error, EINVAL);
	return NULL;
}

static ssize_t memory_read(struct am_fs_file *base, void *data, size_t size, struct am_error *error)
{
	struct file *file = (struct file *)base;
	uint64_t left = file->inode->stat.size - file->offset;

	(void)error;
	base->fs->requests++;
	if (left > size)
		left = size;
	if (left > 0)
		memcpy(data, file->inode->data + file->offset, (size_t)left);
	file->offset += left;
	return (ssize_t)left;
}

static struct memory_inode *make(struct am_node *dir, const char *name, enum am_tree_type type,
	uint32_t mode, struct am_error *error)
{
	struct child *child;
	struct memory_inode *in = at(dir, name, &child, error), *inode;

	if (in == NULL)
		return NULL;
	if (child != NULL) {
		am_fail_reason(error, EEXIST);
		return NULL;
	}
	inode = new_inode(fs_of(dir), type, mode);
	add(fs_of(dir), in, name, inode);
	return inode;
}

static struct am_fs_file *memory_create(
	struct am_node *dir, const char *name, struct am_error *error)
{
	struct memory_inode *inode = make(dir, name, AM_TREE_FILE, 0600, error);

	return inode != NULL ? new_file(dir->fs, inode) : NULL;
}

static int memory_write(
	struct am_fs_file *base, const void *data, size_t length, struct am_error *error)
{
	struct file *file = (struct file *)base;
	struct memory_fs *fs = (struct memory_fs *)base->fs;
	int errnum = write_at(fs, file->inode, file->offset, data, length);

	base->fs->requests++;
	fs->writes_blocking++;
	file->offset += length;
	return errnum != 0 ? am_fail_reason(error, errnum) : 0;
}

static int memory_finish(
	struct am_fs_file *base, const struct am_tree_attr *attr, struct am_error *error)
{
	struct file *file = (struct file *)base;

	(void)error;
	base->fs->requests++;
	file->inode->volatile_ = 0;
	set(file->inode, attr);
	return 0;
}

static void memory_close(struct am_fs_file *file)
{
	free(file);
}

static int memory_mkdir(
	struct am_node *dir, const char *name, uint32_t mode, struct am_error *error)
{
	return make(dir, name, AM_TREE_DIR, mode, error) != NULL ? 0 : -1;
}

static int memory_symlink(
	struct am_node *dir, const char *name, const char *target, struct am_error *error)
{
	struct memory_inode *inode = make(dir, name, AM_TREE_LINK, 0777, error);

	if (inode == NULL)
		return -1;
	inode->data = strdup(target);
	return 0;
}

static int memory_link(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct memory_inode *inode = entry_at(from, from_name, error), *dir;
	struct child *child;

	if (inode == NULL || (dir = at(to, to_name, &child, error)) == NULL)
		return -1;
	if (inode->stat.type == AM_TREE_DIR)
		return am_fail_reason(error, EPERM);
	if (child != NULL)
		return am_fail_reason(error, EEXIST);
	add(fs_of(to), dir, to_name, inode);
	return 0;
}

/* 0 or an errno value: `name` in `dir` goes out of the way of an entry of `type`. */
static int give_way(struct memory_fs *fs, struct memory_inode *dir, const char *name, int is_dir)
{
	struct child *child = find(dir, name);

	if (child == NULL)
		return 0;
	if (child->inode->stat.type == AM_TREE_DIR) {
		if (!is_dir)
			return EISDIR;
		if (child->inode->count > 0)
			return ENOTEMPTY;
	} else if (is_dir) {
		return ENOTDIR;
	}
	take_away(fs, dir, child);
	return 0;
}

static int memory_rename(struct am_node *from, const char *from_name, struct am_node *to,
	const char *to_name, struct am_error *error)
{
	struct memory_inode *inode = entry_at(from, from_name, error), *dir;
	struct child *child;
	int errnum;

	if (inode == NULL || (dir = at(to, to_name, &child, error)) == NULL)
		return -1;
	errnum = give_way(fs_of(to), dir, to_name, inode->stat.type == AM_TREE_DIR);
	if (errnum != 0)
		return am_fail_reason(error, errnum);
	add(fs_of(to), dir, to_name, inode);
	at(from, from_name, &child, error);
	take_away(fs_of(from), dir_of(from, &errnum), child);
	return 0;
}

static int unmake(struct am_node *dir, const char *name, int is_dir, struct am_error *error)
{
	struct memory_inode *in = at(dir, NULL, NULL, error);
	int errnum;

	if (in == NULL || entry_at(dir, name, error) == NULL)
		return -1;
	errnum = give_way(fs_of(dir), in, name, is_dir);
	return errnum != 0 ? am_fail_reason(error, errnum) : 0;
}

static int memory_unlink(struct am_node *dir, const char *name, struct am_error *error)
{
	return unmake(dir, name, 0, error);
}

static int memory_rmdir(struct am_node *dir, const char *name, struct am_error *error)
{
	return unmake(dir, name, 1, error);
}

static int memory_mknod(struct am_node *dir, const char *name, enum am_tree_type type,
	uint32_t mode, uint32_t major_number, uint32_t minor_number, struct am_error *error)
{
	struct memory_inode *inode = make(dir, name, type, mode, error);

	if (inode == NULL)
		return -1;
	inode->stat.rdev_major = major_number;
	inode->stat.rdev_minor = minor_number;
	return 0;
}

static int memory_df(struct am_node *dir, struct am_tree_space *space, struct am_error *error)
{
	struct memory_fs *fs = fs_of(dir);

	(void)error;
	*space = (struct am_tree_space){
		fs->space, fs->space - fs->used, fs->space - fs->used, 1000 - fs->count};
	return 0;
}

static int memory_describe(struct am_fs *fs, struct am_tree_mount *mount, struct am_error *error)
{
	(void)fs;
	(void)mount;
	(void)error;
	return 0;
}

static void memory_drop_caches(struct am_fs *fs)
{
	(void)fs;
}

static int memory_check(struct am_fs *fs, struct am_error *error)
{
	(void)fs;
	(void)error;
	return 0;
}

static void memory_drop(struct am_fs *base);

static void memory_destroy(struct am_fs *base)
{
	struct memory_fs *fs = (struct memory_fs *)base;

	must(fs->outstanding == 0, "nothing is outstanding when it goes");
	for (size_t i = 0; i < fs->count; i++) {
		struct memory_inode *inode = fs->inodes[i];

		for (size_t k = 0; k < inode->count; k++)
			free(inode->children[k].name);
		free(inode->children);
		free(inode->data);
		free(inode);
	}
	free(fs->inodes);
	free(fs);
}

/* ---- many at a time ---- */

static enum am_op_outcome failed(struct am_op *op, const char *operation, int errnum)
{
	op->operation = operation;
	am_fail_reason(&op->error, errnum);
	return AM_OP_FAILED;
}

static struct memory_inode *new_entry(
	struct memory_fs *fs, struct memory_inode *dir, const struct am_op *op)
{
	static const enum am_tree_type types[] = {
		[AM_OP_FILE] = AM_TREE_FILE,
		[AM_OP_DIR] = AM_TREE_DIR,
		[AM_OP_LINK] = AM_TREE_LINK,
		[AM_OP_OPEN] = AM_TREE_FILE,
	};
	enum am_tree_type type = op->kind == AM_OP_NODE ? op->type : types[op->kind];
	struct memory_inode *inode = new_inode(fs, type, op->attr.mode);
	struct am_tree_attr attr = op->attr;

	if (type == AM_TREE_LINK) {
		inode->data = strdup(op->target);
		inode->stat.mode = 0777;
		attr.set &= ~(unsigned)AM_SET_MODE;
	}
	inode->stat.rdev_major = op->major_number;
	inode->stat.rdev_minor = op->minor_number;
	add(fs, dir, op->name, inode);
	/* Times come when everything is in it. */
	if (op->kind == AM_OP_DIR || op->kind == AM_OP_OPEN)
		attr.set &= AM_SET_MODE | AM_SET_UID | AM_SET_GID;
	set(inode, &attr);
	return inode;
}

/* A directory or link that is there already. */
static enum am_op_outcome keep_entry(const struct memory_work *work, struct memory_inode *inode)
{
	struct am_op *op = work->op;
	struct am_tree_attr attr = op->attr;

	if (op->kind == AM_OP_DIR) {
		if (inode->stat.type != AM_TREE_DIR)
			return AM_OP_ODD;
		((struct node *)op->node)->handle = handle_of(inode);
		return AM_OP_DONE;
	}
	if (inode->stat.type != AM_TREE_LINK || strcmp(inode->data, op->target) != 0)
		return AM_OP_ODD;
	attr.set &= ~(unsigned)AM_SET_MODE;
	set(inode, &attr);
	return work->sent_again ? AM_OP_DONE : AM_OP_SAME;
}

static enum am_op_outcome make_entry(
	struct memory_fs *fs, struct memory_work *work, struct memory_inode *dir)
{
	struct am_op *op = work->op;
	struct child *child = find(dir, op->name);
	struct memory_inode *inode;
	int errnum = 0;

	if (child != NULL && (op->kind == AM_OP_DIR || op->kind == AM_OP_LINK))
		return keep_entry(work, child->inode);
	if (op->final != NULL && child == NULL && work->sent_again)
		return AM_OP_DONE; /* it is in its place already */
	if (give_way(fs, dir, op->name, 0) != 0)
		return AM_OP_ODD;
	inode = new_entry(fs, dir, op);
	op->fresh = 1;
	if (op->kind == AM_OP_DIR)
		((struct node *)op->node)->handle = handle_of(inode);
	if (op->kind == AM_OP_OPEN)
		*op->file = handle_of(inode);
	if (op->kind != AM_OP_FILE)
		return AM_OP_DONE;
	must(op->length <= LARGEST, "no more than largest()");
	if (op->length > 0)
		errnum = write_at(fs, inode, 0, op->data, op->length);
	if (errnum != 0)
		return failed(op, "write", errnum);
	inode->volatile_ = !op->commit && op->final == NULL;
	if (op->final == NULL)
		return AM_OP_DONE;
	if (give_way(fs, dir, op->final, 0) != 0)
		return AM_OP_ODD;
	add(fs, dir, op->final, inode);
	take_away(fs, dir, find(dir, op->name));
	return AM_OP_DONE;
}

static enum am_op_outcome make_hard_link(
	struct memory_fs *fs, struct am_op *op, struct memory_inode *dir)
{
	int errnum;
	struct memory_inode *from = dir_of(op->from, &errnum);
	struct child *child = from != NULL ? find(from, op->from_name) : NULL;
	struct memory_inode *inode = child != NULL ? child->inode : NULL;

	if (inode == NULL || inode->stat.type == AM_TREE_DIR || give_way(fs, dir, op->name, 0) != 0)
		return AM_OP_ODD;
	add(fs, dir, op->name, inode);
	return AM_OP_DONE;
}

static enum am_op_outcome look(struct am_op *op, struct memory_inode *dir)
{
	struct child *child = find(dir, op->name);

	if (child == NULL)
		return failed(op, "walk", ENOENT);
	op->stat = child->inode->stat;
	*op->file = handle_of(child->inode);
	return AM_OP_DONE;
}

static enum am_op_outcome read_piece(
	struct memory_fs *fs, struct am_op *op, struct memory_inode *inode)
{
	uint64_t size = inode->stat.size, left = size > op->offset ? size - op->offset : 0;

	if (fs->endless == inode->stat.ino) {
		memset(op->into, 'x', op->length);
		op->got = op->length;
		return AM_OP_DONE;
	}
	op->got = left < op->length ? (size_t)left : op->length;
	if (op->got > 0)
		memcpy(op->into, inode->data + op->offset, op->got);
	op->end = op->offset + op->got >= size;
	return AM_OP_DONE;
}

/* Of a file or link by its handle. */
static enum am_op_outcome by_handle(struct memory_fs *fs, struct am_op *op)
{
	struct memory_inode *inode = inode_of(fs, op->file);
	int errnum;

	if (inode == NULL && op->kind > AM_OP_LOOK)
		return AM_OP_ODD;
	if (inode == NULL)
		return failed(op, op->kind == AM_OP_WRITE ? "write" : "setattr", ESTALE);
	switch (op->kind) {
	case AM_OP_WRITE:
		errnum = write_at(fs, inode, op->offset, op->data, op->length);
		return errnum != 0 ? failed(op, "write", errnum) : AM_OP_DONE;
	case AM_OP_CLOSE:
		if (op->commit)
			inode->volatile_ = 0;
		set(inode, &op->attr);
		return AM_OP_DONE;
	case AM_OP_TARGET:
		if (inode->stat.type != AM_TREE_LINK || strlen(inode->data) >= op->length)
			return failed(op, "readlink", EINVAL);
		strcpy(op->into, inode->data);
		return AM_OP_DONE;
	default:
		return read_piece(fs, op, inode);
	}
}

static enum am_op_outcome execute(struct memory_fs *fs, struct memory_work *work)
{
	struct am_op *op = work->op;
	struct memory_inode *dir;
	int errnum;

	op->fresh = op->complete = 0;
	if (op->kind == AM_OP_WRITE || op->kind == AM_OP_CLOSE || op->kind > AM_OP_LOOK)
		return by_handle(fs, op);
	dir = dir_of(
		op->kind == AM_OP_ATTR || op->kind == AM_OP_LIST ? op->node : op->dir, &errnum);
	switch (op->kind) {
	case AM_OP_ATTR:
		if (dir == NULL)
			return AM_OP_ODD;
		set(dir, &op->attr);
		return AM_OP_DONE;
	case AM_OP_LIST:
		if (dir == NULL)
			return failed(op, "walk", errnum);
		am_entries_free(op->entries);
		return list(dir, fs->without_stat, op->entries, &op->error) == 0
			       ? AM_OP_DONE
			       : (op->operation = "walk", AM_OP_FAILED);
	case AM_OP_LOOK:
		return dir != NULL ? look(op, dir) : failed(op, "walk", errnum);
	case AM_OP_HARD:
		return dir != NULL ? make_hard_link(fs, op, dir) : AM_OP_ODD;
	default:
		return dir != NULL ? make_entry(fs, work, dir) : failed(op, "write", errnum);
	}
}

/* Gives what the request's handle refers to another one. */
static void make_stale(struct memory_fs *fs, const struct am_op *op)
{
	struct memory_inode *inode = NULL;
	int errnum;

	if (op->kind == AM_OP_WRITE || op->kind == AM_OP_CLOSE || op->kind > AM_OP_LOOK)
		inode = inode_of(fs, op->file);
	else
		inode = dir_of(
			op->kind == AM_OP_ATTR || op->kind == AM_OP_LIST ? op->node : op->dir,
			&errnum);
	if (inode != NULL && inode != fs->inodes[0])
		inode->generation++;
}

/* 0: it is to be answered, 1: not yet. */
static int handle(struct memory_fs *fs, struct memory_work *work)
{
	struct am_op *op = work->op;
	enum memory_fault fault = fs->fault != NULL && !work->sent_again && !fs->lost
					  ? fs->fault(fs->context, fs, op)
					  : MEMORY_OK;

	switch (fault) {
	case MEMORY_BUSY:
		fs->busy++;
		return 1;
	case MEMORY_LOST:
		fs->lost = 1;
		return 1;
	case MEMORY_ODD:
		op->outcome = AM_OP_ODD;
		return 0;
	case MEMORY_STALE:
		make_stale(fs, op);
		break;
	case MEMORY_RESTART:
		fs->base.restarts++;
		forget_unwritten(fs);
		break;
	case MEMORY_AGAIN:
		op->outcome = execute(fs, work);
		if (op->outcome != AM_OP_DONE && op->outcome != AM_OP_SAME)
			return 0;
		work->sent_again = 1;
		return 1;
	default:
		break;
	}
	op->outcome = execute(fs, work);
	return 0;
}

static size_t content(const struct am_op *op)
{
	return op->kind == AM_OP_FILE || op->kind == AM_OP_WRITE || op->kind == AM_OP_READ
		       ? op->length
		       : 0;
}

static int memory_start(struct am_fs *base, struct am_op *op, struct am_error *error)
{
	struct memory_fs *fs = (struct memory_fs *)base;
	struct memory_work *work = calloc(1, sizeof *work);

	(void)error;
	must(base->pipelined, "operations are started in a pipeline");
	if (op->name != NULL)
		check_name(op->name);
	op->outcome = (enum am_op_outcome)0;
	op->got = 0;
	op->end = 0;
	base->requests++;
	fs->started++;
	work->op = op;
	if (fs->last != NULL)
		fs->last->next = work;
	else
		fs->first = work;
	fs->last = work;
	if (++fs->outstanding > fs->most)
		fs->most = fs->outstanding;
	fs->bytes += content(op);
	if (fs->bytes > fs->most_bytes)
		fs->most_bytes = fs->bytes;
	if (fs->early)
		work->executed = handle(fs, work) == 0;
	return 0;
}

static void unlink_work(struct memory_fs *fs, struct memory_work *work)
{
	struct memory_work **link = &fs->first, *last = NULL;

	while (*link != work) {
		last = *link;
		link = &(*link)->next;
	}
	*link = work->next;
	if (fs->last == work)
		fs->last = last;
	fs->outstanding--;
	fs->bytes -= content(work->op);
	free(work);
}

static struct memory_work *choose(struct memory_fs *fs)
{
	struct memory_work *work = fs->first;
	size_t skip = 0;

	if (fs->order == MEMORY_LAST) {
		skip = fs->outstanding - 1;
	} else if (fs->order == MEMORY_ANY) {
		fs->seed = fs->seed * 1664525 + 1013904223;
		skip = (fs->seed >> 8) % fs->outstanding;
	}
	while (skip-- > 0)
		work = work->next;
	return work;
}

static int memory_poll(struct am_fs *const *list_of, size_t count, int wait_ms, struct am_op **done,
	struct am_error *error)
{
	(void)wait_ms;
	for (size_t i = 0; i < count; i++) {
		struct memory_fs *fs = (struct memory_fs *)list_of[i];
		size_t answers = fs->at_once != 0 && fs->at_once < fs->outstanding
					 ? fs->at_once
					 : fs->outstanding;

		for (; answers > 0 && !fs->lost; answers--) {
			struct memory_work *work = choose(fs);
			struct am_op *op = work->op;

			if (!work->executed && handle(fs, work) != 0)
				continue;
			unlink_work(fs, work);
			op->next = *done;
			*done = op;
		}
		if (fs->lost)
			return am_fail(error, "NFS_LOST", "%s: connection lost", fs->base.name);
	}
	return 0;
}

static void memory_drop(struct am_fs *base)
{
	struct memory_fs *fs = (struct memory_fs *)base;

	while (fs->first != NULL) {
		unlink_work(fs, fs->first);
		fs->dropped++;
	}
}

static struct am_node *memory_child(struct am_node *dir, const char *name,
	const struct am_handle *handle_or_null, struct am_error *error)
{
	struct node *node = new_node(dir->fs, (struct node *)dir, name);

	(void)error;
	check_name(name);
	if (handle_or_null != NULL)
		node->handle = *handle_or_null;
	return &node->base;
}

static int memory_refresh(struct am_node *base, struct am_error *error)
{
	struct node *node = (struct node *)base;
	struct memory_inode *inode = entry_at(&node->parent->base, node->name, error);

	if (inode == NULL)
		return -1;
	if (inode->stat.type != AM_TREE_DIR)
		return am_fail_reason(error, ENOTDIR);
	node->handle = handle_of(inode);
	return 0;
}

static int memory_probe(struct am_fs *fs, struct am_error *error)
{
	(void)fs;
	(void)error;
	return 0;
}

static size_t memory_largest(struct am_fs *fs)
{
	(void)fs;
	return LARGEST;
}

#define ONE_AT_A_TIME                                                                              \
	.root = memory_root, .enter = memory_enter, .release = memory_release,                     \
	.stat = memory_stat, .setattr = memory_setattr, .readlink = memory_readlink,               \
	.list = memory_list, .open = memory_open, .read = memory_read, .create = memory_create,    \
	.write = memory_write, .finish = memory_finish, .close = memory_close,                     \
	.mkdir = memory_mkdir, .symlink = memory_symlink, .link = memory_link,                     \
	.rename = memory_rename, .unlink = memory_unlink, .rmdir = memory_rmdir,                   \
	.mknod = memory_mknod, .df = memory_df, .describe = memory_describe,                       \
	.drop_caches = memory_drop_caches, .check = memory_check, .destroy = memory_destroy

static const struct am_fs_ops blocking_ops = {ONE_AT_A_TIME};
static const struct am_fs_ops many_ops = {ONE_AT_A_TIME, .child = memory_child,
	.refresh = memory_refresh, .start = memory_start, .poll = memory_poll, .drop = memory_drop,
	.probe = memory_probe, .largest = memory_largest};

struct memory_fs *memory_fs_new(const char *name, int blocking)
{
	struct memory_fs *fs = calloc(1, sizeof *fs);

	fs->base = (struct am_fs){.ops = blocking ? &blocking_ops : &many_ops, .name = name};
	new_inode(fs, AM_TREE_DIR, 0755)->stat.nlink = 1;
	fs->seed = 1;
	return fs;
}

struct am_tree *memory_tree(struct memory_fs *fs)
{
	static const char *const root[] = {"/"};
	struct am_fs *base = &fs->base;

	return am_tree_of(root, &base, 1, NULL);
}

/* ---- trees of any kind ---- */

/* The same in every process, so that a failure can be repeated. */
static uint64_t hash(const char *text, size_t length)
{
	static const uint64_t key[2] = {1, 2};

	return am_hash_keyed(key, text, length);
}

static void dump_content(struct am_tree *tree, const char *path, struct am_buf *text)
{
	struct am_buf data = {0};
	struct am_error error = {0};

	if (am_tree_read(tree, path, 0, &data, &error) != 0)
		fail_msg("%s", error.message);
	am_buf_addf(text, NULL, " %zu:%016" PRIx64, data.length,
		hash(data.length > 0 ? data.data : "", data.length));
	am_buf_free(&data);
}

/* Not set by anybody: what the clock of a file system said at the last change. */
static int is_clock(int64_t seconds)
{
	return (seconds >= 1000000000 && seconds < 1100000000) || seconds > 1700000000;
}

void dump_tree(struct am_tree *tree, const char *path, struct am_buf *text)
{
	struct am_error error = {0};
	struct am_walk *walk = am_walk_open(tree, path, &error);
	const struct am_tree_stat *st;
	const char *at_path;
	int r;

	if (walk == NULL)
		fail_msg("%s", error.message);
	am_walk_next(walk, &at_path, &st, &error); /* the root has no attributes of ours */
	while ((r = am_walk_next(walk, &at_path, &st, &error)) == 1) {
		char target[AM_TREE_PATH_MAX];

		am_buf_addf(text, NULL, "%s %s", at_path, am_tree_type_name(st->type));
		if (st->type != AM_TREE_LINK)
			am_buf_addf(text, NULL, " %04" PRIo32, st->mode);
		am_buf_addf(text, NULL, " %" PRIu32 ":%" PRIu32 " ", st->uid, st->gid);
		if (is_clock(st->mtime.seconds))
			am_buf_addf(text, NULL, "now");
		else
			am_buf_addf(text, NULL, "%" PRId64, st->mtime.seconds);
		if (st->type == AM_TREE_FILE)
			dump_content(tree, at_path, text);
		else if (st->type == AM_TREE_LINK &&
			 am_tree_readlink(tree, at_path, target, sizeof target, &error) == 0)
			am_buf_addf(text, NULL, " %s", target);
		am_buf_addf(text, NULL, " %" PRIu32 "\n", st->type == AM_TREE_FILE ? st->nlink : 0);
	}
	am_walk_close(walk);
	if (r != 0)
		fail_msg("%s", error.message);
}

void assert_same_tree(struct am_tree *a, struct am_tree *b)
{
	struct am_buf first = {0}, second = {0};

	dump_tree(a, "/", &first);
	dump_tree(b, "/", &second);
	assert_int_not_equal(first.length, 0);
	assert_int_not_equal(second.length, 0);
	assert_string_equal(first.data, second.data);
	am_buf_free(&first);
	am_buf_free(&second);
}

char *content_of(const char *path, size_t size)
{
	char *data = malloc(size + 1);
	uint32_t seed = (uint32_t)hash(path, strlen(path));

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (char)(seed >> 24);
	}
	return data;
}

static struct am_tree_attr attr_for(const char *path, uint32_t mode)
{
	return (struct am_tree_attr){
		.set = AM_SET_MODE | AM_SET_MTIME,
		.mode = mode,
		.mtime = {(int64_t)(1400000000 + hash(path, strlen(path)) % 1000000), 0},
	};
}

void make_file(struct am_tree *tree, const char *path, size_t size)
{
	struct am_tree_attr attr = attr_for(path, 0640);
	struct am_error error = {0};
	char *data = content_of(path, size);

	if (am_tree_write(tree, path, data, size, &attr, &error) != 0)
		fail_msg("%s", error.message);
	free(data);
}

void make_dir(struct am_tree *tree, const char *path)
{
	struct am_error error = {0};

	if (am_tree_makedirs(tree, path, 0755, &error) != 0)
		fail_msg("%s", error.message);
}

void set_time(struct am_tree *tree, const char *path)
{
	struct am_tree_attr attr = attr_for(path, 0750);
	struct am_error error = {0};

	if (am_tree_setattr(tree, path, 0, &attr, &error) != 0)
		fail_msg("%s", error.message);
}

void make_link(struct am_tree *tree, const char *path, const char *target)
{
	struct am_tree_attr attr = attr_for(path, 0);
	struct am_error error = {0};

	attr.set = AM_SET_MTIME;
	if (am_tree_symlink(tree, target, path, &error) != 0 ||
		am_tree_setattr(tree, path, 0, &attr, &error) != 0)
		fail_msg("%s", error.message);
}

void memory_vary(struct memory_fs *fs, int variant)
{
	fs->order = (enum memory_order)(variant % 3);
	fs->early = variant / 3 % 2;
	fs->at_once = variant / 6 % 2 != 0 ? 1 : 7;
	fs->seed = (uint32_t)variant + 1;
}
