/* SPDX-License-Identifier: MIT */
/*
 * A file system in memory that answers requests the way a server may: late, in another order, with
 * failures that the test asks for. It also holds its caller to the contract of backend.h: a
 * request whose directory is not made yet, or with a name that must not be, ends the program.
 */
#ifndef ALTMIG_TESTS_MEMORY_FS_H
#define ALTMIG_TESTS_MEMORY_FS_H

#include "base/buf.h"
#include "tree/backend.h"

enum memory_order { MEMORY_FIRST, MEMORY_LAST, MEMORY_ANY };

enum memory_fault {
	MEMORY_OK,
	MEMORY_STALE,   /* what its handle refers to has got another one before it is handled */
	MEMORY_BUSY,    /* it is asked again later */
	MEMORY_AGAIN,   /* it took effect, but the answer was lost: it is sent again */
	MEMORY_RESTART, /* before it the server was restarted and forgot what it had not on disk */
	MEMORY_LOST,    /* the connection is gone for good: poll() fails */
	MEMORY_ODD,     /* the simple way does not do */
};

struct memory_inode;
struct memory_work;

struct memory_fs {
	struct am_fs base;
	/* set by the test */
	enum memory_order order;
	int early;        /* requests take effect at once, only their answers are late */
	unsigned at_once; /* answers of one poll(); 0: all */
	uint32_t seed;    /* of the order MEMORY_ANY */
	int without_stat; /* listings without attributes and handles */
	uint64_t space;   /* bytes of content it can hold; 0: no limit */
	uint64_t endless; /* the inode number of a file whose reads never end, or 0 */
	enum memory_fault (*fault)(void *context, struct memory_fs *fs, const struct am_op *op);
	void *context;
	/* seen by it */
	size_t outstanding, most;        /* requests */
	size_t bytes, most_bytes;        /* of content in them */
	uint64_t started, busy, dropped; /* operations begun, asked again, forgotten by drop() */
	uint64_t used;
	int writes_blocking; /* content written by write() */
	/* its own */
	struct memory_inode **inodes;
	size_t count;
	uint64_t clock;
	struct memory_work *first, *last;
	int lost;
};

/* `blocking`: it has no start(), so that everything is done one at a time. */
struct memory_fs *memory_fs_new(const char *name, int blocking);
/* Of many ways to answer, the one of this number: order, how many at a time, early. */
void memory_vary(struct memory_fs *fs, int variant);
/* A tree of one such file system, owned by the tree. */
struct am_tree *memory_tree(struct memory_fs *fs);

/*
 * Appends one line for each entry at and below `path`, without what differs between file systems:
 * path, type, mode, owner, time of modification, content or target.
 */
void dump_tree(struct am_tree *tree, const char *path, struct am_buf *text);
/* The trees hold the same; else the test fails with both. */
void assert_same_tree(struct am_tree *a, struct am_tree *b);

/* Make entries in any tree; with attributes of their own, so that a copy can be compared. */
void make_dir(struct am_tree *tree, const char *path);
void make_file(struct am_tree *tree, const char *path, size_t size);
void make_link(struct am_tree *tree, const char *path, const char *target);
/* Gives a directory attributes of its own, when everything is in it. */
void set_time(struct am_tree *tree, const char *path);
/* The content make_file gives a file. Free it. */
char *content_of(const char *path, size_t size);

#endif
