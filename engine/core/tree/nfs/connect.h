/* SPDX-License-Identifier: MIT */
/*
 * One mount and its connections. Connecting asks the port mapper, mountd and nfsd, one request at a
 * time; connecting again asks MOUNT too, so that an export that was withdrawn or replaced is
 * noticed.
 */
#ifndef ALTMIG_TREE_NFS_CONNECT_H
#define ALTMIG_TREE_NFS_CONNECT_H

#include "tree/nfs/nfs.h"
#include "tree/nfs/nfs3.h"
#include "tree/nfs/rpc.h"

enum {
	CACHE_BUCKETS = 1024,
	CONNECTIONS = 2,                /* of a mount; more do not help, see tests/README.md */
	TRANSFER_MAX = AM_RPC_DATA_MAX, /* one READ or WRITE */
	VIOLATIONS_MAX = 3,             /* of the protocol, by one server */
	POLL_MS = 200,
};

struct request;
struct work;

/* An open directory. Its parent and name find it again when its handle is stale. */
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
	int owns_dialer; /* the last mount of a tree does */
	/* connect.c */
	struct am_rpc *rpc[CONNECTIONS]; /* all or none; NULL: not connected */
	struct step step;
	unsigned connects; /* how often it was connected; each time the guard is asked before a
			      write */
	unsigned checked;  /* value of `connects` when the guard agreed last */
	int checking;      /* the guard is being asked */
	char lost[200];    /* why the connection went */
	int violations;    /* of the protocol so far: the connection was closed for each */
	struct am_handle root_handle;
	/* what the server says */
	uint64_t fsid;
	uint32_t read_max, write_max;
	int plain_lists; /* it does not take READDIRPLUS */
	char verifier[8];
	int has_verifier;
	/* names.c */
	struct nfs_node *root;
	struct nfs_node *cache[CACHE_BUCKETS];
	size_t cached;
	/* request.c */
	struct request *first;          /* all that are not over */
	struct request *due, *last_due; /* of these, to be sent */
	struct request *ready;          /* ... and answered, or given back unanswered */
	size_t sent[CONNECTIONS];       /* without an answer */
	double heard[CONNECTIONS];      /* when the last answer came, or the first was sent */
	unsigned connection;            /* value of `connects` when requests were sent last */
	double give_up;                 /* when a lost connection is given up; 0: connected */
	/* work.c */
	struct work *works;
	struct am_op *done;
	size_t active;            /* works */
	int next_connection;      /* that the next work uses */
	struct am_handle written; /* the file written last */
};

/*
 * A mount over connections that are there already, without MOUNT; it cannot be made again when they
 * are lost. Takes the descriptors over.
 */
struct nfs_fs *am_nfs_over(const int fds[CONNECTIONS], const struct am_handle *root,
	const struct am_nfs_options *options, struct am_error *error);

/* The steps of connecting, each one request over a connection that is there. */
int am_nfs_ask_port(struct nfs_fs *fs, int connection, uint32_t program, uint32_t version,
	const char *what, uint32_t *port, struct am_error *error);
int am_nfs_ask_mount(struct nfs_fs *fs, struct am_handle *handle, struct am_error *error);
/* Is there an NFS server of this version? */
int am_nfs_ask_nothing(struct nfs_fs *fs, int connection, struct am_error *error);
/* What the server says about the export, once connected. */
int am_nfs_first_look(struct nfs_fs *fs, struct am_error *error);

/* All steps. Everything seen before must still be what it was ("NFS_CHANGED"). */
int am_nfs_connect(struct nfs_fs *fs, struct am_error *error);
/* Requests without an answer are given back from here. */
void am_nfs_disconnect(struct nfs_fs *fs);
void am_nfs_note_lost(struct nfs_fs *fs, const char *text);
/* The same for what am_rpc_service says. */
void am_nfs_note_broken(struct nfs_fs *fs, const struct am_error *why);
/* Connected, and before a write with the consent of the guard; tries until `give_up` (of am_clock).
 */
int am_nfs_make_ready(struct nfs_fs *fs, int writes, double give_up, struct am_error *error);

#endif
