/* SPDX-License-Identifier: MIT */
/*
 * What a back end of a tree implements. resolve.c resolves paths, and these are called with an open
 * directory and one name in it; a name is never empty, "." or "..", holds no slash, and is never
 * followed when it is a link.
 *
 * Errors: code and the bare reason ("No space left on device"); resolve.c puts the operation and
 * the place before it, unless `complete` is set because the message is whole already.
 */
#ifndef ALTMIG_TREE_BACKEND_H
#define ALTMIG_TREE_BACKEND_H

#include "tree/tree.h"

struct am_fs;

/*
 * How much a file may grow while it is read, how many entries a directory may have, and how many a
 * walk may come by: more are no file and no directory but a server that never ends.
 */
enum { AM_FILE_GROWTH_MAX = 64 << 20, AM_ENTRIES_MAX = 1 << 18, AM_WALK_MAX = 1 << 23 };

/* An open directory. Back ends put their own fields behind it. */
struct am_node {
	struct am_fs *fs;
	unsigned references;
};

/* A file handle, for back ends that have such a thing; length 0: none. */
struct am_handle {
	unsigned length;
	char data[64];
};

struct am_entry {
	char *name;
	int has_stat;
	struct am_tree_stat stat;
	struct am_handle handle; /* only together with stat */
};
struct am_entries {
	struct am_entry *entries;
	size_t count, capacity;
};

/* An open file. Back ends put their own fields behind it. */
struct am_fs_file {
	struct am_fs *fs;
};

/*
 * An operation: an entry that is made, or looked at, while others are. start() begins it, poll()
 * moves all of them on and lists those that are over. It belongs to its caller, who keeps it and
 * what it points to until then.
 *
 * A file in the way of a file, link, device or other name is removed, never written through. What
 * is not that simple (a directory in the way, another kind of entry, a stale file) ends as
 * AM_OP_ODD: the caller does it with the functions of struct am_fs_ops, one at a time.
 */
enum am_op_kind {
	AM_OP_FILE,  /* with its whole content, `data` */
	AM_OP_DIR,   /* one that is there already is fine; `node` is usable afterwards */
	AM_OP_LINK,  /* symbolic, to `target`; AM_OP_SAME when it was there already */
	AM_OP_NODE,  /* device, FIFO or socket */
	AM_OP_HARD,  /* another name of `from_name` in `from` */
	AM_OP_OPEN,  /* a file whose content follows: fills `file` */
	AM_OP_WRITE, /* a piece of the content of `file`, at `offset` */
	AM_OP_CLOSE, /* attributes of `file` */
	AM_OP_ATTR,  /* attributes of the directory `node` */
	/* these change nothing */
	AM_OP_LIST,   /* the directory `node` into `entries`, in the server's order */
	AM_OP_LOOK,   /* `name` in `dir`: fills `stat` and `file` */
	AM_OP_TARGET, /* the text of the link `file`, NUL-terminated, into `into` of `length` bytes
		       */
	AM_OP_READ, /* `length` bytes of `file` from `offset` into `into`: fills `got` and `end` */
};
enum am_op_outcome { AM_OP_DONE = 1, AM_OP_SAME, AM_OP_ODD, AM_OP_FAILED };

struct am_op {
	enum am_op_kind kind;
	enum am_tree_type type; /* of a node */
	struct am_node *dir;
	const char *name, *target;
	struct am_tree_attr attr;
	uint32_t major_number, minor_number;
	struct am_node *from, *node;
	const char *from_name;
	struct am_handle *file;
	const void *data;
	size_t length; /* of a file and a piece of it: at most largest() */
	uint64_t offset;
	int commit; /* file and close: make the content durable */
	/*
	 * A file takes the place of `final` when it is whole and on disk, in one step: what was
	 * there stays as it was until then. For these every write waits for the disk.
	 */
	const char *final;
	struct am_entries *entries;
	char *into;
	/* results */
	struct am_tree_stat stat;
	size_t got;
	int end; /* nothing comes after what was got */
	enum am_op_outcome outcome;
	int fresh;             /* the directory is new, so nothing is in it */
	const char *operation; /* that failed, with `error` as the bare reason */
	int complete;          /* the message needs nothing before it */
	struct am_error error;
	struct am_op *next;
	/* for pipeline.h: called when it is over; not 0 with error ends the pipeline */
	int (*over)(struct am_op *op, struct am_error *error);
	void *owner;
	double started;
};

struct am_fs_ops {
	/* Directories: each returns a reference the caller releases. */
	struct am_node *(*root)(struct am_fs *fs, struct am_error *error);
	/* ENOTDIR when `name` is anything but a directory, a link included. */
	struct am_node *(*enter)(struct am_node *dir, const char *name, struct am_error *error);
	void (*release)(struct am_node *dir); /* called when the last reference went */

	/* `name` NULL: the directory itself. */
	int (*stat)(struct am_node *dir, const char *name, struct am_tree_stat *stat,
		struct am_error *error);
	int (*setattr)(struct am_node *dir, const char *name, const struct am_tree_attr *attr,
		struct am_error *error);
	int (*readlink)(struct am_node *dir, const char *name, char *target, size_t size,
		struct am_error *error);
	int (*list)(struct am_node *dir, struct am_entries *entries, struct am_error *error);

	/* A regular file for reading. */
	struct am_fs_file *(*open)(struct am_node *dir, const char *name, struct am_error *error);
	ssize_t (*read)(struct am_fs_file *file, void *data, size_t size, struct am_error *error);
	/* A new file, mode 0600, which did not exist (EEXIST). */
	struct am_fs_file *(*create)(struct am_node *dir, const char *name, struct am_error *error);
	int (*write)(
		struct am_fs_file *file, const void *data, size_t length, struct am_error *error);
	/* Makes the content durable and sets the attributes. */
	int (*finish)(
		struct am_fs_file *file, const struct am_tree_attr *attr, struct am_error *error);
	void (*close)(struct am_fs_file *file);

	int (*mkdir)(struct am_node *dir, const char *name, uint32_t mode, struct am_error *error);
	int (*symlink)(
		struct am_node *dir, const char *name, const char *target, struct am_error *error);
	int (*link)(struct am_node *from, const char *from_name, struct am_node *to,
		const char *to_name, struct am_error *error);
	int (*rename)(struct am_node *from, const char *from_name, struct am_node *to,
		const char *to_name, struct am_error *error);
	int (*unlink)(struct am_node *dir, const char *name, struct am_error *error);
	int (*rmdir)(struct am_node *dir, const char *name, struct am_error *error);
	int (*mknod)(struct am_node *dir, const char *name, enum am_tree_type type, uint32_t mode,
		uint32_t major_number, uint32_t minor_number, struct am_error *error);
	int (*df)(struct am_node *dir, struct am_tree_space *space, struct am_error *error);

	int (*describe)(struct am_fs *fs, struct am_tree_mount *mount, struct am_error *error);
	void (*drop_caches)(struct am_fs *fs);
	int (*check)(struct am_fs *fs, struct am_error *error);
	void (*destroy)(struct am_fs *fs);

	/* Many entries at a time, see struct am_op. All NULL when the back end gains nothing. */
	/* A directory that an operation will make (nothing else may use it before), or the known
	 * one.
	 */
	struct am_node *(*child)(struct am_node *dir, const char *name,
		const struct am_handle *handle, struct am_error *error);
	/* Such a directory, made some other way meanwhile. */
	int (*refresh)(struct am_node *node, struct am_error *error);
	int (*start)(struct am_fs *fs, struct am_op *op, struct am_error *error);
	/*
	 * Sends and receives for all file systems of a tree, waiting for at most `wait_ms` when
	 * nothing is to be done. Operations that are over are appended to *done. -1: the
	 * connection is gone, or a guard refused.
	 */
	int (*poll)(struct am_fs *const *fs, size_t count, int wait_ms, struct am_op **done,
		struct am_error *error);
	/* Forgets all operations, and the connection with them. */
	void (*drop)(struct am_fs *fs);
	/* Asks the server whether it was restarted, by a commit of the file written last. */
	int (*probe)(struct am_fs *fs, struct am_error *error);
	size_t (*largest)(struct am_fs *fs);
};

/* One file system. Back ends put their own fields behind it. */
struct am_fs {
	const struct am_fs_ops *ops;
	const char *name;  /* for messages: "/tmp/x", "host:/export" */
	int unsynced;      /* local only: leave it to the system when data reach the disk */
	int complete;      /* the message of the last error needs nothing before it */
	uint64_t requests; /* to the server so far */
	unsigned restarts; /* of the server, seen by its write verifier */
	int pipelined;     /* in a pipeline (pipeline.h) */
	int closing;       /* ... which ends: a lost connection is not made again */
};

/*
 * A tree of `count` file systems, each at its path ("/", "/usr"); one must be at "/". Takes the
 * file systems over, also on failure (then NULL).
 */
struct am_tree *am_tree_of(
	const char *const *at, struct am_fs **fs, size_t count, struct am_error *error);

/* Appends an entry; `stat` may be NULL. Names a server must not send are EPROTO. */
int am_entries_add(struct am_entries *entries, const char *name, const struct am_tree_stat *stat,
	struct am_error *error);
void am_entries_free(struct am_entries *entries);

struct am_node *am_node_hold(struct am_node *node);
void am_node_release(struct am_node *node); /* NULL is allowed */

/* 0, or "READ_ONLY" when the tree is frozen: asked by everything that changes something. */
int am_tree_may_write(
	struct am_tree *tree, const char *operation, const char *path, struct am_error *error);
/* The index of the mount exactly at `path`, or (size_t)-1. */
size_t am_tree_mount_at(struct am_tree *tree, const char *path);
/* The index of the mount that holds `path`, if the path has no links. */
size_t am_tree_mount_of(struct am_tree *tree, const char *path);
/* 1 when there is a mount below `path`. */
int am_tree_mount_below(struct am_tree *tree, const char *path);
struct am_fs *am_tree_fs(struct am_tree *tree, size_t mount);
/* Where the mount is: "" for the root of the tree. */
const char *am_tree_mount_path(struct am_tree *tree, size_t mount);
/* Puts the mount points below the directory `path` into its listing, and that into byte order. */
int am_tree_arrange(
	struct am_tree *tree, const char *path, struct am_entries *entries, struct am_error *error);
/* The names of a directory in byte order, with the mount points in it. `path` is its path. */
int am_tree_entries(struct am_tree *tree, struct am_node *dir, const char *path,
	struct am_entries *entries, struct am_error *error);

#endif
