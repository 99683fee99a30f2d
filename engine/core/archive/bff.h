/* SPDX-License-Identifier: MIT */
/*
 * AIX backup-by-name archives (`backup -i`, installp images, the fourth image of a mksysb): reading
 * as a stream with flat memory, and writing.
 *
 * Codes of failure: BFF_MAGIC (not such an archive, or one of a trusted system), BFF_CHECKSUM,
 * BFF_LENGTH (a size that cannot be), BFF_NAME (a name that cannot be), BFF_TYPE (a record that is
 * not supported, named in the message), BFF_PACK (corrupt packed data), TRUNCATED. Messages name
 * the archive and the offset.
 */
#ifndef ALTMIG_ARCHIVE_BFF_H
#define ALTMIG_ARCHIVE_BFF_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/reader.h"

/* File types in the low 16 bits of an AIX mode word; the same numbers everywhere it matters. */
#define AM_BFF_IFMT   0170000U
#define AM_BFF_IFSOCK 0140000U
#define AM_BFF_IFLNK  0120000U
#define AM_BFF_IFREG  0100000U
#define AM_BFF_IFBLK  0060000U
#define AM_BFF_IFDIR  0040000U
#define AM_BFF_IFCHR  0020000U
#define AM_BFF_IFIFO  0010000U

struct am_bff_member {
	const char *name;
	uint32_t mode; /* AIX st_mode: POSIX in the low 16 bits, AIX's own bits above */
	uint32_t uid, gid;
	int64_t size; /* of the data, unpacked; of the target for a symbolic link */
	uint32_t atime, mtime, ctime;
	uint32_t ino; /* a serial number of each object with several names, else 0 */
	int nlink;
	uint32_t dev_major, dev_minor;   /* the device that held the file */
	uint32_t rdev_major, rdev_minor; /* of device nodes */
	const char *target;              /* of symbolic links, else NULL */
	const char *link;    /* the first member that is the same file, when this is a later one */
	int64_t stored_size; /* bytes in the archive; 0 for a later name stored without data */
	int packed;
	uint64_t offset;          /* of the member's header in the archive */
	const unsigned char *acl; /* as stored; NULL when there is none */
	size_t acl_length;
	const unsigned char *pcl;
	size_t pcl_length;
};

struct am_bff_volume {
	uint32_t number;
	uint32_t date;
	char user[17];
};

struct am_bff;

/* Reads the volume header. `reader` is borrowed and must outlive the archive. */
struct am_bff *am_bff_open(struct am_reader *reader, struct am_error *error);

/* What the volume header says. */
const struct am_bff_volume *am_bff_volume(const struct am_bff *bff);

/*
 * The next member: 1 and *member, which is valid until the next call; 0 at the end; -1. Data of
 * the member before that was not read is skipped. After a failure every call fails the same way.
 */
int am_bff_next(struct am_bff *bff, const struct am_bff_member **member, struct am_error *error);

/*
 * What the security block says beyond mode bits: AM_BFF_ACL (the ACL has entries for users or
 * groups), AM_BFF_PCL (default privileges); 0 when nothing is lost with mode, owner and group.
 */
enum { AM_BFF_ACL = 1, AM_BFF_PCL = 2 };
int am_bff_secured(const struct am_bff_member *member);

/* Data of the current member, unpacked: the count, 0 at its end (and for all but files), -1. */
ssize_t am_bff_read(struct am_bff *bff, void *data, size_t size, struct am_error *error);

/*
 * Records as they are stored, for copying them: asked for right after opening, am_bff_read_raw
 * gives the volume header, then after each am_bff_next that member's header, security block, data
 * and padding, and after the last one the end record. Bytes left over are dropped by the next
 * am_bff_next. Of one member either its raw bytes or its data are read, not both.
 */
int am_bff_keep_raw(struct am_bff *bff, struct am_error *error);
/* The count, 0 at the end of the record, -1. */
ssize_t am_bff_read_raw(struct am_bff *bff, void *data, size_t size, struct am_error *error);

/* Frees the archive, not its reader. NULL is allowed. */
void am_bff_close(struct am_bff *bff);

struct am_bff_writer;

/*
 * Starts an archive that will appear at `path` when it is finished. `pack`: store files packed
 * where that is smaller. `date`: of the volume header.
 */
struct am_bff_writer *am_bff_create(
	const char *path, int pack, uint32_t date, struct am_error *error);

/*
 * Appends a member. Taken from `member`: name, mode, uid, gid, size, the times, nlink, ino, the
 * device numbers, target, acl and pcl (NULL: the plain ones; lengths are multiples of 8). A file's
 * data come from `data`, exactly `size` bytes; NULL only when size is 0. A member that is
 * refused for what it is leaves the archive as it was; one that fails on the way ends it, and
 * am_bff_finish will refuse.
 */
int am_bff_add(struct am_bff_writer *writer, const struct am_bff_member *member,
	struct am_reader *data, struct am_error *error);

/* A serial number no member has yet, for the `ino` of an object with several names. */
uint32_t am_bff_serial(struct am_bff_writer *writer);

/* Ends the archive, makes it durable, gives it its name. The writer is gone either way. */
int am_bff_finish(struct am_bff_writer *writer, struct am_error *error);

/* Drops an unfinished archive. NULL is allowed. */
void am_bff_abort(struct am_bff_writer *writer);

#endif
