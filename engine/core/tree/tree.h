/* SPDX-License-Identifier: MIT */
/*
 * A tree of files: a directory of this host, or the exports of a client put together by path.
 *
 * Every path is absolute inside the tree. Components are resolved one by one from the tree's root;
 * symbolic links are followed inside the tree only: an absolute target starts at the tree's root
 * (as it does for the system that lives in the tree), ".." above the root is refused with
 * "OUTSIDE_TREE", more than 40 links with "ELOOP". "." as a component is refused ("EINVAL"), a
 * component of more than 255 bytes is "ENAMETOOLONG". Nothing here follows the last component of a
 * path unless it says so. Resolution works on open directories (or file handles), never on path
 * names of the host, so a directory swapped for a link meanwhile cannot lead out of the tree.
 *
 * Messages are "operation: PLACE: reason" with the place as the back end names it.
 */
#ifndef ALTMIG_TREE_TREE_H
#define ALTMIG_TREE_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"

enum { AM_TREE_NAME_MAX = 255, AM_TREE_PATH_MAX = 4096, AM_TREE_DEPTH_MAX = 256 };

struct am_tree;

enum am_tree_type {
	AM_TREE_FILE = 1,
	AM_TREE_DIR,
	AM_TREE_LINK,
	AM_TREE_BLOCK,
	AM_TREE_CHAR,
	AM_TREE_FIFO,
	AM_TREE_SOCKET,
};

/* "file", "dir", "link", "block", "char", "fifo", "socket"; and back (0: no such type). */
const char *am_tree_type_name(enum am_tree_type type);
enum am_tree_type am_tree_type_of(const char *name);

struct am_tree_time {
	int64_t seconds;
	uint32_t nanoseconds;
};

struct am_tree_stat {
	enum am_tree_type type;
	uint32_t mode; /* permission bits with suid, sgid, sticky: 07777 */
	uint32_t uid, gid, nlink;
	uint32_t rdev_major, rdev_minor;
	uint64_t size, ino, fsid;
	struct am_tree_time atime, mtime, ctime;
};

/* What to set; `set` says which fields count. */
enum {
	AM_SET_MODE = 1,
	AM_SET_UID = 2,
	AM_SET_GID = 4,
	AM_SET_ATIME = 8,
	AM_SET_MTIME = 16,
	AM_SET_SIZE = 32,
};
struct am_tree_attr {
	unsigned set;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct am_tree_time atime, mtime;
};

struct am_tree_space {
	uint64_t total, free, avail; /* bytes; avail: without what is kept for root */
	uint64_t files_free;
};

/* One file system of a tree, as a journal records it. */
struct am_tree_mount {
	char at[AM_TREE_PATH_MAX];
	char host[256];
	char export[AM_TREE_PATH_MAX];
	uint64_t fsid;
	char handle[129];  /* root file handle in hexadecimal; "" for a local directory */
	char verifier[17]; /* last write verifier seen, in hexadecimal; "" before the first write */
	unsigned connects; /* how often the server was connected to */
	/* What an NFS server says of itself; 0 for a local directory. */
	uint32_t read_max, write_max; /* bytes of one READ and WRITE, as they are used */
	int plain_lists;              /* it refused READDIRPLUS: READDIR is asked */
};

/* The local directory `root`. NULL with `error` filled when it is no directory. */
struct am_tree *am_tree_local(const char *root, struct am_error *error);
/* NULL is allowed. Readers, writers and walks under way keep working until they are closed. */
void am_tree_close(struct am_tree *tree);
/* One more reference, dropped by am_tree_close. */
struct am_tree *am_tree_hold(struct am_tree *tree);

/* Attributes. With `follow` a link at the end of the path is followed inside the tree. */
int am_tree_stat(struct am_tree *tree, const char *path, int follow, struct am_tree_stat *stat,
	struct am_error *error);
/* 1, 0 (no such entry, the last component not followed), or -1. */
int am_tree_exists(struct am_tree *tree, const char *path, struct am_error *error);
/* The text of a link, NUL-terminated. */
int am_tree_readlink(
	struct am_tree *tree, const char *path, char *target, size_t size, struct am_error *error);
/* The path with every link followed; the last component need not exist. */
int am_tree_resolve(struct am_tree *tree, const char *path, char *resolved, size_t size,
	struct am_error *error);
/* The same with the last component left alone. */
int am_tree_resolve_parent(struct am_tree *tree, const char *path, char *resolved, size_t size,
	struct am_error *error);

/* Names without "." and "..", in byte order. Follows a link at the end. */
struct am_tree_names {
	char **names;
	size_t count;
};
int am_tree_list(struct am_tree *tree, const char *path, struct am_tree_names *names,
	struct am_error *error);
void am_tree_names_free(struct am_tree_names *names);

/* Reading follows a link at the end. Only regular files are opened: others fail with "EINVAL". */
struct am_reader *am_tree_open(struct am_tree *tree, const char *path, struct am_error *error);
/* Appends the content to `out`. A file of more than `max` bytes (0: 64 MiB) is "E2BIG". */
int am_tree_read(struct am_tree *tree, const char *path, size_t max, struct am_buf *out,
	struct am_error *error);

/*
 * Writing replaces a file in one step: a temporary beside it, made durable, given its attributes,
 * renamed over it. The old file (and other links to it) stays as it was until then; a crash leaves
 * at most the temporary (".NAME.altmig-new"), which the next write of that file replaces.
 *
 * am_tree_create follows a link at the end when `follow` is set. Attributes not set in `attr` are
 * those of the file that is replaced, or 0644 for a new one. A directory in the way is "EISDIR".
 */
struct am_writer;
struct am_writer *am_tree_create(struct am_tree *tree, const char *path, int follow,
	const struct am_tree_attr *attr, struct am_error *error);
int am_writer_write(
	struct am_writer *writer, const void *data, size_t length, struct am_error *error);
/* Puts the file in place. The writer is gone afterwards, also on failure. */
int am_writer_commit(struct am_writer *writer, struct am_error *error);
/* Drops the temporary; NULL is allowed. */
void am_writer_abort(struct am_writer *writer);
/* All in one; follows a link at the end. */
int am_tree_write(struct am_tree *tree, const char *path, const void *data, size_t length,
	const struct am_tree_attr *attr, struct am_error *error);

int am_tree_mkdir(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error);
/* With those above it; an existing directory (or a link to one) is fine and left as it is. */
int am_tree_makedirs(struct am_tree *tree, const char *path, uint32_t mode, struct am_error *error);
int am_tree_symlink(
	struct am_tree *tree, const char *target, const char *path, struct am_error *error);
int am_tree_link(struct am_tree *tree, const char *from, const char *to, struct am_error *error);
int am_tree_rename(struct am_tree *tree, const char *from, const char *to, struct am_error *error);
/* A file, a link or an empty directory. */
int am_tree_remove(struct am_tree *tree, const char *path, struct am_error *error);
/*
 * With everything below it. Missing is fine. Never goes into another mount: one below the path is
 * "EBUSY" before anything is removed.
 */
int am_tree_remove_all(struct am_tree *tree, const char *path, struct am_error *error);
/* `type` is a device, a FIFO or a socket. */
int am_tree_mknod(struct am_tree *tree, const char *path, enum am_tree_type type, uint32_t mode,
	uint32_t major_number, uint32_t minor_number, struct am_error *error);
/* Links have no mode: it is not set. Set together with the owner, suid bits stay. */
int am_tree_setattr(struct am_tree *tree, const char *path, int follow,
	const struct am_tree_attr *attr, struct am_error *error);
int am_tree_df(struct am_tree *tree, const char *path, struct am_tree_space *space,
	struct am_error *error);

/*
 * Copies a file, link, device or directory with everything below it, with owner, mode and times.
 * Hard links become separate files. An entry in the way of a file is replaced as by writing;
 * directories are merged.
 */
int am_tree_copy(struct am_tree *from_tree, const char *from, struct am_tree *to_tree,
	const char *to, struct am_error *error);

/* Everything at and below a path, directories before their content, names in byte order. */
struct am_walk;
struct am_walk *am_walk_open(struct am_tree *tree, const char *path, struct am_error *error);
/* 1 with path and attributes (valid until the next call), 0 at the end, -1 on failure. */
int am_walk_next(struct am_walk *walk, const char **path, const struct am_tree_stat **stat,
	struct am_error *error);
/* Do not go into the directory that was returned last. */
void am_walk_skip(struct am_walk *walk);
void am_walk_close(struct am_walk *walk); /* NULL is allowed */

/*
 * Digests of everything below a path (the path itself is not part of it): one canonical line per
 * entry over type, mode, uid, gid, size, path relative to it, and SHA-256 of the content, link
 * target or device number; with `times` also the time of modification. Memory does not grow with
 * files. `exclude`: fnmatch patterns, NULL at the end, against the path in the tree when they hold
 * a slash (where "*" matches slashes too), else against the name; a match leaves out what is below.
 */
struct am_digest_options {
	const char *const *exclude;
	int times;
};
int am_tree_digest(struct am_tree *tree, const char *path, const struct am_digest_options *options,
	char hex[65], struct am_error *error);
/* The same line by line: `each` gets path and digest of one entry; not 0 ends with its -1. */
int am_tree_digest_each(struct am_tree *tree, const char *path,
	const struct am_digest_options *options,
	int (*each)(void *context, const char *path, const char *hex, struct am_error *error),
	void *context, struct am_error *error);
/* 1 when one of the patterns matches; the rule above. NULL patterns match nothing. */
int am_path_matches(const char *const *patterns, const char *path);

/*
 * Freezes a tree: everything that would change something through it fails with "READ_ONLY" and
 * `why` (cut to 255 bytes) before anything is looked at. NULL thaws it. What is under way goes on.
 */
void am_tree_freeze(struct am_tree *tree, const char *why);

/*
 * Whether writing to a local directory waits for the disk (it does, unless told otherwise). For
 * trees that are thrown away when the machine goes down. Writing over NFS always waits.
 */
void am_tree_set_sync(struct am_tree *tree, int sync);

size_t am_tree_mount_count(struct am_tree *tree);
int am_tree_mount(
	struct am_tree *tree, size_t index, struct am_tree_mount *mount, struct am_error *error);
/* Forgets directories and attributes seen so far: somebody else may have changed the tree. */
void am_tree_drop_caches(struct am_tree *tree);
/* Calls the guard of every mount now. */
int am_tree_check_mounts(struct am_tree *tree, struct am_error *error);

#endif
