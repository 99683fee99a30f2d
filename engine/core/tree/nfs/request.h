/* SPDX-License-Identifier: MIT */
/* What the files of the NFS back end share: its structures, and requests one at a time. */
#ifndef ALTMIG_TREE_NFS_REQUEST_H
#define ALTMIG_TREE_NFS_REQUEST_H

#include "tree/nfs/nfs3.h"
#include "tree/nfs/rpc.h"
#include "tree/nfs/nfs.h"

struct work;

enum {
	HANDLE_MAX = sizeof((struct am_handle *)NULL)->data,
	CACHE_BUCKETS = 1024,
	CACHE_MAX = 4096,
	TRANSFER_MAX = AM_RPC_DATA_MAX, /* one READ or WRITE */
	WINDOW = 4 << 20,               /* written, but not yet known to be on disk */
	LIST_BYTES = 64 << 10,
	RPC_FAILURES_MAX = 3,
	VIOLATIONS_MAX = 3, /* of the protocol, by one server */
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

/* One step of connecting. It is kept as long as the mount: a late answer finds it there. */
struct step {
	int done;
	enum am_rpc_outcome outcome;
	char text[200];          /* why it was not answered */
	uint32_t port;           /* GETPORT */
	uint32_t mount_status;   /* MNT */
	struct am_handle handle; /* MNT */
};

struct nfs_fs {
	struct am_fs base;
	char *at, *host, *export, *name;
	int nfs_port, mount_port, uid, gid;
	struct am_nfs_options options;
	/* Both or none: many calls at a time go by turns over both connections, others by the
	 * first. */
	struct am_rpc *rpc[LANES]; /* NULL: not connected */
	int lane;                  /* of the next of many */
	struct step step;
	unsigned connects; /* connections made; each needs a proof of its own before a write */
	unsigned proved;   /* value of `connects` at the last proof */
	int proving;
	char lost[200]; /* why the connection went */
	int violations; /* of the protocol so far: the connection was closed for each */
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
 * One request. `take` copies what is needed out of the results when the status is OK, and may set
 * another status, or `local` to fail the request itself. The handles are encoded again with each
 * sending, since a stale one may have been looked up meanwhile.
 */
struct call {
	enum am_nfs3_procedure procedure;
	struct am_nfs3_args args;
	void (*take)(struct call *call, struct am_xdr *results); /* NULL: the status is enough */
	void *out;
	const struct am_handle *handles[2];
	struct nfs_node *nodes[2]; /* whose handles they are, when they can be looked up again */
	enum { IDLE, SENT, ANSWERED } state;
	int status;
	int sends, failures, refreshed;
	const char *refusal;   /* what the server said when it did not take the request */
	struct am_error local; /* the answer cannot be: EPROTO and the like */
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

/* One page of a directory, and what is known of the pages before it. */
struct page {
	struct am_entries *entries;
	uint64_t fsid; /* of the directory */
	uint64_t cookie;
	char verifier[8];
	int end;
	size_t count;
	struct cookies *seen;
};

/* Takers, into what call->out points to. */
void am_nfs_take_getattr(struct call *call, struct am_xdr *results);  /* struct am_tree_stat */
void am_nfs_take_lookup(struct call *call, struct am_xdr *results);   /* struct found */
void am_nfs_take_readlink(struct call *call, struct am_xdr *results); /* struct text */
void am_nfs_take_page(struct call *call, struct am_xdr *results);     /* struct page */
/* 0, or -1 when the answer cannot be (then `results` is bad, or call->local says why). */
int am_nfs_take_read(struct call *call, struct am_xdr *results, struct am_nfs3_read *read);
int am_nfs_take_written(struct call *call, struct am_xdr *results, struct am_nfs3_written *written);
/* Makes a READDIRPLUS ask for what comes after the pages so far. */
void am_nfs_ask_page(struct call *call, struct page *page);
/* Forgets all pages and their entries. */
void am_nfs_page_restart(struct page *page);
void am_nfs_page_free(struct page *page);
/* Changes something on the server: the guard has to allow it. */
int am_nfs_writes(const struct call *call);

/*
 * A mount over connections that are there already, without MOUNT; it cannot be made again when
 * they are lost. Takes the descriptors over.
 */
struct nfs_fs *am_nfs_over(const int fds[LANES], const struct am_handle *root,
	const struct am_nfs_options *options, struct am_error *error);
/* The steps of connecting, each one request over a connection that is there. */
int am_nfs_ask_port(struct nfs_fs *fs, int lane, uint32_t program, uint32_t version,
	const char *what, uint32_t *port, struct am_error *error);
int am_nfs_ask_mount(struct nfs_fs *fs, struct am_handle *handle, struct am_error *error);
/* Is there an NFS server of this version? */
int am_nfs_ask_nothing(struct nfs_fs *fs, int lane, struct am_error *error);
/* What the server says about the export, once connected. */
int am_nfs_first_look(struct nfs_fs *fs, struct am_error *error);

/* A status of the server as an error. Returns -1. */
int am_nfs_fail_status(struct am_error *error, int status);
/* Outstanding calls get their callback from here, with a failure. */
void am_nfs_disconnect(struct nfs_fs *fs);
void am_nfs_note_lost(struct nfs_fs *fs, const char *text);
/* The same for what am_rpc_service says. */
void am_nfs_note_broken(struct nfs_fs *fs, const struct am_error *why);
/* Connected, and proved before a write. */
int am_nfs_make_ready(struct nfs_fs *fs, int writes, double give_up, struct am_error *error);
/* Queues the call. -1: the connection is gone. */
int am_nfs_send_call(struct nfs_fs *fs, struct call *call);
int am_nfs_is_stale(const struct call *call);
struct nfs_node *am_nfs_new_node(struct nfs_fs *fs, struct nfs_node *parent, const char *name,
	const struct am_handle *handle, struct am_error *error);
/* What the name leads to, when that is a directory of this file system. */
int am_nfs_lookup_directory(
	struct nfs_node *dir, const char *name, struct found *found, struct am_error *error);
/* A stale directory: found again by its name, the root by a new MOUNT. */
int am_nfs_refresh(struct nfs_node *node, struct am_error *error);
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
