/* SPDX-License-Identifier: MIT */
/*
 * Whitespace tables: /etc/vfs, /etc/pse.conf, /etc/xtiso.conf, ldap maps. A record is one line of
 * fields between blanks; "#" begins a comment, also behind a record.
 */
#ifndef ALTMIG_CONFIG_TABLE_H
#define ALTMIG_CONFIG_TABLE_H

#include "config/record.h"

/*
 * Parses into `file`, which the caller frees also after a failure. Lines that begin with
 * columns->control are AM_RECORD_LINE. A comment whose text has the shape of a record
 * (columns->least to columns->count fields, and `is_record`, if not NULL, agrees) is
 * AM_RECORD_DISABLED: somebody commented the record out. Other comments and blank lines belong to
 * the record that follows. Fails with "CONFIG_SYNTAX" at a line with too many or too few fields.
 */
int am_table_parse(struct am_records *file, const struct am_columns *columns,
	int (*is_record)(const struct am_slice *fields, size_t count), const char *name,
	const char *text, size_t length, struct am_error *error);

/* The same for a file whose columns somebody names: any line of that many words is a record. */
int am_table_parse_columns(struct am_records *file, const struct am_columns *columns,
	const char *name, const char *text, size_t length, struct am_error *error);

/*
 * /etc/vfs: name, type number, mount helper, file system helper, "remote"; "%" begins a control
 * line. The key is the name. "%defaultvfs" is a record with one field, "value"; the last one
 * counts.
 */
int am_table_parse_vfs(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error);

/*
 * /etc/pse.conf and /etc/xtiso.conf, as strload reads them: attributes, file name, argument, node,
 * minor numbers. The key is the kind (driver or module), file name, argument and node.
 */
int am_table_parse_pse(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error);

/*
 * /etc/security/ldap/NAME.map: AIX attribute, its type, LDAP attribute, value type, unit, cached;
 * old levels write fewer columns. The key is the AIX attribute; in files that map one to several
 * LDAP attributes it is both (pairs).
 */
int am_table_parse_ldapmap(struct am_records *file, const char *name, const char *text,
	size_t length, struct am_error *error);
int am_table_parse_ldapmap_pairs(struct am_records *file, const char *name, const char *text,
	size_t length, struct am_error *error);

#endif
