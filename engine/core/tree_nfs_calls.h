/*
 * What the files of the NFS back end share: its structures, and calls one at a time. Include it
 * after _DEFAULT_SOURCE is defined: the library's headers use caddr_t, which POSIX left behind.
 */
#ifndef ALTMIG_TREE_NFS_CALLS_H
#define ALTMIG_TREE_NFS_CALLS_H

#include <sys/time.h>

#include <nfsc/libnfs-zdr.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>

#include "tree_backend.h"
#include "tree_nfs.h"

struct work;

enum {
	HANDLE_MAX = sizeof((struct am_handle *)NULL)->data,
	CACHE_BUCKETS = 1024,
	CACHE_MAX = 4096,
	TRANSFER_MAX = 1 << 20, /* one READ or WRITE */
	WINDOW = 4 << 20,       /* written, but not yet known to be on disk */
	LIST_BYTES = 64 << 10,
	RPC_FAILURES_MAX = 3,
	REWRITES_MAX = 5,
	LISTS_MAX = 5, /* begun again */
	POLL_MS = 200,
	LANES = 2, /* connections; more do not help, see tests/README.md */
};

struct nfs_node {
	struct am_node base;
	struct am_handle handle;
	struct nfs_node *parent; /* NULL: the root */
	struct nfs_node *next;   /* in its bucket of the cache */
	char name[];
};

/* One step of connecting. It lives as long as the mount: a late answer finds it there. */
struct step {
	int done, status;
	char text[200];
	struct am_handle handle;
	mountstat3 mount_status;
};

struct nfs_fs {
	struct am_fs base;
	char *at, *host, *export, *name;
	int nfs_port, mount_port, uid, gid;
	struct am_nfs_options options;
	/* Both or none: many calls at a time go by turns over both connections, others by the
	 * first. */
	struct rpc_context *rpc[LANES]; /* NULL: not connected */
	int lane;                       /* of the next of many */
	struct step step;
	unsigned connects; /* connections made; each needs a proof of its own before a write */
	unsigned proved;   /* value of `connects` at the last proof */
	int proving;
	char lost[200]; /* why the connection went */
	struct am_handle root_handle;
	uint64_t fsid;
	uint32_t read_max, write_max;
	char verifier[8];
	int has_verifier;
	struct nfs_node *root;
	struct nfs_node *cache[CACHE_BUCKETS];
	size_t cached;
	/* entries being made, see tree_nfs_put.c */
	struct work *first, *first_due, *last_due;
	struct call *ready;
	struct am_put *done;
	struct am_handle written; /* the file written last */
	size_t making, writing;   /* writing: those of `making` that change something */
	size_t sent[LANES];       /* calls without an answer */
	unsigned connection;      /* value of `connects` when calls were sent last */
	double heard[LANES];      /* when the last answer came, or the first call was sent */
	double give_up;           /* 0: connected */
};

/*
 * One RPC. `send` queues it, `take` copies what is needed out of the answer and returns its status;
 * the library frees the answer afterwards. Handles are filled in before each sending, since a
 * stale one may have been looked up anew meanwhile.
 */
struct call {
	int (*send)(struct rpc_context *rpc, rpc_cb callback, struct call *call);
	int (*take)(struct call *call, void *answer);
	void *args, *out;
	nfs_fh3 *slots[2];
	struct am_handle *handles[2];
	struct nfs_node *nodes[2]; /* whose handles they are, when they can be looked up anew */
	int writes;
	int makes; /* a name in nodes[0]: ENOENT then means that the directory itself is gone */
	enum { IDLE, SENT, ANSWERED } state;
	int status;
	int sends, failures, refreshed;
	struct am_error local; /* a failure of take itself */
	int lane;              /* where it is sent */
	struct nfs_fs *queue;  /* where it is listed when it is over, or NULL */
	struct call *next;
};

/* A file as LOOKUP finds it. */
struct found {
	struct am_handle handle;
	int has_stat;
	struct am_tree_stat stat;
};

/* The text of a link. */
struct text {
	char *data;
	size_t size;
};

/* One page of a directory. */
struct page {
	struct am_entries *entries;
	uint64_t fsid; /* of the directory */
	uint64_t cookie;
	cookieverf3 verifier;
	int end;
	size_t count;
};

/* The senders of struct call, see tree_nfs_rpc.c. */
#define SENDER(name) int am_nfs_send_##name(struct rpc_context *, rpc_cb, struct call *)
SENDER(commit);
SENDER(create);
SENDER(fsinfo);
SENDER(fsstat);
SENDER(getattr);
SENDER(link);
SENDER(lookup);
SENDER(mkdir);
SENDER(mknod);
SENDER(read);
SENDER(readdirplus);
SENDER(readlink);
SENDER(remove);
SENDER(rename);
SENDER(rmdir);
SENDER(setattr);
SENDER(symlink);
SENDER(write);
#undef SENDER
/* Takers: of every answer, since each begins with its status; into what call->out points to. */
int am_nfs_take_status(struct call *call, void *answer);
int am_nfs_take_getattr(struct call *call, void *answer);     /* struct am_tree_stat */
int am_nfs_take_lookup(struct call *call, void *answer);      /* struct found */
int am_nfs_take_readlink(struct call *call, void *answer);    /* struct text */
int am_nfs_take_readdirplus(struct call *call, void *answer); /* struct page */

/* A status of the server as an error. Returns -1. */
int am_nfs_fail_status(struct am_error *error, int status);
/* Outstanding calls get their callback from here, with a failure. */
void am_nfs_disconnect(struct nfs_fs *fs);
void am_nfs_note_lost(struct nfs_fs *fs, const char *text);
/* Connected, and proved before a write. */
int am_nfs_make_ready(struct nfs_fs *fs, int writes, double give_up, struct am_error *error);
/* Queues the call. -1: the connection is gone. */
int am_nfs_send_call(struct nfs_fs *fs, struct call *call);
int am_nfs_is_stale(const struct call *call);
/* 0, or -1 with call->local. */
int am_nfs_take_handle(struct call *call, const nfs_fh3 *from, struct am_handle *to);
void am_nfs_convert(const fattr3 *from, struct am_tree_stat *st);
struct nfs_node *am_nfs_new_node(struct nfs_fs *fs, struct nfs_node *parent, const char *name,
	const struct am_handle *handle, struct am_error *error);
/* What the name leads to, when that is a directory of this file system. */
int am_nfs_lookup_directory(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error);
/* A stale directory: found again by its name, the root by a new MOUNT. */
int am_nfs_refresh(struct nfs_node *node, struct am_error *error);
void am_nfs_fill_sattr(const struct am_tree_attr *attr, sattr3 *to);
void am_nfs_set_verifier(struct nfs_fs *fs, const char *verifier);

/* Entries made many at a time: the operations of struct am_fs_ops. */
struct am_node *am_nfs_child(struct am_node *dir, const char *name, const struct am_handle *handle,
	struct am_error *error);
int am_nfs_settle(struct am_node *node, struct am_error *error);
int am_nfs_put(struct am_fs *fs, struct am_put *put, struct am_error *error);
int am_nfs_pump(struct am_fs *const *fs, size_t count, int wait_ms, struct am_put **done,
	struct am_error *error);
void am_nfs_drop(struct am_fs *fs);

#endif
