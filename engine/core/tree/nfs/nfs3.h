/* SPDX-License-Identifier: MIT */
/*
 * The requests of NFS version 3 (RFC 1813), MOUNT version 3 (its appendix I) and the port mapper
 * (RFC 1833) that the engine makes: arguments encoded, results decoded and checked. What is decoded
 * goes to memory of the caller's, or points into the record.
 */
#ifndef ALTMIG_TREE_NFS_NFS3_H
#define ALTMIG_TREE_NFS_NFS3_H

#include "tree/backend.h"
#include "tree/nfs/xdr.h"

enum {
	AM_NFS3_PROGRAM = 100003,
	AM_NFS3_VERSION = 3,
	AM_MOUNT_PROGRAM = 100005,
	AM_MOUNT_VERSION = 3,
	AM_MOUNT_MNT = 1,
	AM_MOUNT_PATH_MAX = 1024,
	AM_PORTMAP_PROGRAM = 100000,
	AM_PORTMAP_VERSION = 2,
	AM_PORTMAP_GETPORT = 3,
	AM_PORTMAP_PORT = 111,
};

enum am_nfs3_procedure {
	AM_NFS3_NULL = 0,
	AM_NFS3_GETATTR = 1,
	AM_NFS3_SETATTR = 2,
	AM_NFS3_LOOKUP = 3,
	AM_NFS3_READLINK = 5,
	AM_NFS3_READ = 6,
	AM_NFS3_WRITE = 7,
	AM_NFS3_CREATE = 8,
	AM_NFS3_MKDIR = 9,
	AM_NFS3_SYMLINK = 10,
	AM_NFS3_MKNOD = 11,
	AM_NFS3_REMOVE = 12,
	AM_NFS3_RMDIR = 13,
	AM_NFS3_RENAME = 14,
	AM_NFS3_LINK = 15,
	AM_NFS3_READDIR = 16,
	AM_NFS3_READDIRPLUS = 17,
	AM_NFS3_FSSTAT = 18,
	AM_NFS3_FSINFO = 19,
	AM_NFS3_COMMIT = 21,
};

enum am_nfs3_status {
	NFS3_OK = 0,
	NFS3ERR_PERM = 1,
	NFS3ERR_NOENT = 2,
	NFS3ERR_IO = 5,
	NFS3ERR_NXIO = 6,
	NFS3ERR_ACCES = 13,
	NFS3ERR_EXIST = 17,
	NFS3ERR_XDEV = 18,
	NFS3ERR_NODEV = 19,
	NFS3ERR_NOTDIR = 20,
	NFS3ERR_ISDIR = 21,
	NFS3ERR_INVAL = 22,
	NFS3ERR_FBIG = 27,
	NFS3ERR_NOSPC = 28,
	NFS3ERR_ROFS = 30,
	NFS3ERR_MLINK = 31,
	NFS3ERR_NAMETOOLONG = 63,
	NFS3ERR_NOTEMPTY = 66,
	NFS3ERR_DQUOT = 69,
	NFS3ERR_STALE = 70,
	NFS3ERR_BADHANDLE = 10001,
	NFS3ERR_BAD_COOKIE = 10003,
	NFS3ERR_NOTSUPP = 10004,
	NFS3ERR_BADTYPE = 10007,
	NFS3ERR_JUKEBOX = 10008,
};
enum { MNT3_OK = 0, MNT3ERR_PERM = 1, MNT3ERR_NOENT = 2, MNT3ERR_ACCES = 13, MNT3ERR_NOTDIR = 20 };

enum am_nfs3_stable { AM_NFS3_UNSTABLE = 0, AM_NFS3_DATA_SYNC = 1, AM_NFS3_FILE_SYNC = 2 };

/* What a procedure needs; the others stay zero. */
struct am_nfs3_args {
	const char *name;         /* in the directory of the first handle */
	const char *other;        /* RENAME: the new name; SYMLINK: where the link leads */
	struct am_tree_attr attr; /* SETATTR, CREATE, MKDIR, SYMLINK, MKNOD */
	enum am_tree_type type;   /* MKNOD */
	uint32_t major_number, minor_number;
	uint64_t offset; /* READ, WRITE, COMMIT */
	uint64_t cookie; /* READDIR, READDIRPLUS */
	uint32_t
		count; /* READ, WRITE, COMMIT: bytes; READDIR, READDIRPLUS: of the reply, at most */
	enum am_nfs3_stable stable;
	const char *data; /* WRITE: `count` bytes, which follow what is encoded */
	char verifier[8]; /* READDIR, READDIRPLUS */
};

/*
 * The arguments of a request. handles[0] is the object or the directory of `name`, handles[1] the
 * second one: the directory of RENAME's new name, the file LINK gives a name to. Times must fit 32
 * bits. CREATE is GUARDED: it never opens what is there. Overflow when a name or text is too long.
 */
void am_nfs3_encode(struct am_xdr_out *out, enum am_nfs3_procedure procedure,
	const struct am_nfs3_args *args, const struct am_handle *const handles[2]);

/* ---- results: each after the status, which is NFS3_OK ---- */

void am_nfs3_attributes(struct am_xdr *xdr, struct am_tree_stat *stat);
/* 1 when they are there. */
int am_nfs3_post_attributes(struct am_xdr *xdr, struct am_tree_stat *stat);
/* Attributes before and after a change: 1 when those after it are there. */
int am_nfs3_change(struct am_xdr *xdr, struct am_tree_stat *after);
void am_nfs3_handle(struct am_xdr *xdr, struct am_handle *handle);
/* Of CREATE, MKDIR, SYMLINK and MKNOD: handle (length 0 if there is none) and attributes. */
int am_nfs3_made(struct am_xdr *xdr, struct am_handle *handle, struct am_tree_stat *stat);
/* READLINK: the text, without a NUL in it; NULL when bad. It is not terminated. */
const char *am_nfs3_text(struct am_xdr *xdr, uint32_t *length);

struct am_nfs3_read {
	const char *data;
	uint32_t length;
	int end;
};
void am_nfs3_read(struct am_xdr *xdr, struct am_nfs3_read *read);

struct am_nfs3_written {
	uint32_t count;
	enum am_nfs3_stable committed;
	char verifier[8];
};
void am_nfs3_written(struct am_xdr *xdr, struct am_nfs3_written *written);
void am_nfs3_committed(struct am_xdr *xdr, char verifier[8]);

struct am_nfs3_entry {
	char name[AM_TREE_NAME_MAX + 1];
	uint64_t fileid, cookie;
	int has_stat;
	struct am_tree_stat stat;
	struct am_handle handle; /* length 0: none */
};
/*
 * READDIRPLUS and READDIR: what comes before the entries; then one entry a call, 0 after the last.
 * `plus` 0: without attributes and handle.
 */
void am_nfs3_list_begin(struct am_xdr *xdr, char verifier[8]);
int am_nfs3_list_entry(struct am_xdr *xdr, int plus, struct am_nfs3_entry *entry);
/* After the last entry: 1 when it ends the directory. */
int am_nfs3_list_end(struct am_xdr *xdr);

void am_nfs3_space(struct am_xdr *xdr, struct am_tree_space *space);
/* FSINFO: the largest READ and WRITE. */
void am_nfs3_limits(struct am_xdr *xdr, uint32_t *read_max, uint32_t *write_max);
/* MNT: the handle of the export. */
void am_mount_result(struct am_xdr *xdr, struct am_handle *handle);
/* GETPORT: 0 when the program is not registered. */
uint32_t am_portmap_result(struct am_xdr *xdr);

#endif
