/* SPDX-License-Identifier: MIT */
/*
 * Colon files: /etc/passwd, /etc/group, and whatever has fields between one character. A record is
 * one line.
 */
#ifndef ALTMIG_CONFIG_COLON_H
#define ALTMIG_CONFIG_COLON_H

#include "config/record.h"

/* name:password:uid:gid:gecos:home:shell and name:password:gid:members, keyed by name. */
extern const struct am_columns am_passwd_columns, am_group_columns;

enum {
	AM_PASSWD_NAME,
	AM_PASSWD_PASSWORD,
	AM_PASSWD_UID,
	AM_PASSWD_GID,
	AM_PASSWD_GECOS,
	AM_PASSWD_HOME,
	AM_PASSWD_SHELL
};
enum { AM_GROUP_NAME, AM_GROUP_PASSWORD, AM_GROUP_GID, AM_GROUP_MEMBERS };

/*
 * Parses into `file`, which the caller frees also after a failure. No line is an error: blank and
 * malformed lines, and NIS lines that begin with "+" or "-", become AM_RECORD_RAW and keep their
 * place. A line with fewer fields than columns, but at least columns->least, is a record (its
 * missing fields are empty) and is noted, as pwdck only asks for two colons.
 *
 * With columns->hash_comments comments and blank lines belong to the record that follows, a record
 * behind "#" without a blank is AM_RECORD_DISABLED, and missing fields are nothing to note.
 */
int am_colonfile_parse(struct am_records *file, const struct am_columns *columns, const char *name,
	const char *text, size_t length, struct am_error *error);

/* A numeric id as unsigned 32 bit: "-2" is 4294967294. 0, or -1 when it is none. */
int am_colonfile_id(struct am_slice text, uint32_t *id);

/* Whether a raw record is a NIS line, whose position counts. */
int am_colonfile_is_nis(const struct am_record *record);

#endif
