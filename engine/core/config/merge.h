/* SPDX-License-Identifier: MIT */
/*
 * The record merge: O is what the old level shipped, C what the site made of it, N what the new
 * level ships. Where C differs from O the site decided, where N differs from O the vendor did, and
 * where both did the class of the attribute says who wins. O may be unknown; then a deletion cannot
 * be seen, and every difference between C and N counts as made by both.
 *
 * A merge never stops for a conflict and never writes conflict markers: it picks and reports.
 */
#ifndef ALTMIG_CONFIG_MERGE_H
#define ALTMIG_CONFIG_MERGE_H

#include "config/record.h"

enum am_severity { AM_NOTE, AM_WARNING, AM_CONFLICT, AM_ERROR };

/* What a decision rests on. Sentences are the caller's: lua/altmig/merge/findings.lua. */
enum am_finding {
	AM_FOUND_NOTHING,   /* nothing worth a report */
	AM_FOUND_BY_PARSER, /* what a parser says of a file: `detail` */
	AM_FOUND_ACCOUNT_ADDED,
	AM_FOUND_ACCOUNT_RETURNED,
	AM_FOUND_ACCOUNT_OBSOLETE,
	AM_FOUND_ACCOUNT_RENUMBERED,
	AM_FOUND_ID_TAKEN, /* `detail` has the id, `c` the name that has it */
	AM_FOUND_NO_PASSWORD,
	AM_FOUND_NO_SHADOW,
	AM_FOUND_OPEN_HASH,
	AM_FOUND_ABSENT_BEFORE,
	AM_FOUND_OBSOLETE_FILE,
	AM_FOUND_SAME,
	AM_FOUND_THEIRS,
	AM_FOUND_OURS,
	AM_FOUND_BOTH_OURS,
	AM_FOUND_BOTH_THEIRS,
	AM_FOUND_INVALID,
	AM_FOUND_LISTS,
	AM_FOUND_NEW_ATTRIBUTE,
	AM_FOUND_HELD_COLUMN,
	AM_FOUND_NEW_RECORD,
	AM_FOUND_NEW_UNKNOWN,
	AM_FOUND_NOT_ADMITTED,
	AM_FOUND_COLLISION,
	AM_FOUND_REMOVED,
	AM_FOUND_RETURNED,
	AM_FOUND_DISABLED,
	AM_FOUND_OLD_ONLY,
	AM_FOUND_DROPPED,
	AM_FOUND_OBSOLETE,
	AM_FINDINGS
};

/* One thing the merge decided. Values are NULL where absent; secrets read "<secret>". */
struct am_decision {
	enum am_severity severity;
	char *file, *key, *attribute;
	char *o, *c, *n;
	const char *chosen; /* "C", "N", "merged" or "none" */
	enum am_finding finding;
	char *detail; /* what the finding says besides, or NULL */
};

struct am_decisions {
	struct am_decision *list;
	size_t count, capacity;
};

/* Values longer than this are cut in decisions, never in results. */
#define AM_DECISION_VALUE 256

/* Adds a decision; every text is copied. A slice without `at` is absent. */
int am_decide(struct am_decisions *decisions, enum am_severity severity, const char *file,
	struct am_slice key, const char *attribute, const struct am_slice values[3],
	const char *chosen, enum am_finding finding, const char *detail, struct am_error *error);
/* What a parser accepted with a doubt, as warnings about the lines. */
int am_decide_notes(struct am_decisions *decisions, const char *path, const struct am_records *file,
	struct am_error *error);
void am_decisions_free(struct am_decisions *decisions);
const char *am_severity_name(enum am_severity severity); /* "note", "warning", ... */

/* Whether the site changed the file, where only that is known of O. */
enum am_modified { AM_MODIFIED_UNKNOWN, AM_MODIFIED_NO, AM_MODIFIED_YES };

struct am_merge_input {
	struct am_slice o, c, n; /* at == NULL: absent, for O unknown */
	enum am_modified modified;
};

enum am_merge_status {
	AM_MERGE_ABSENT, /* neither C nor N: there is no result */
	AM_MERGE_NEW,    /* the result is N */
	AM_MERGE_KEPT,   /* the result is C */
	AM_MERGE_MERGED  /* the result is a record merge */
};

const char *am_merge_status_name(enum am_merge_status status);

/*
 * The answers that need no parser, in this order: C missing: N; N missing: C; C = O: N; C = N: N;
 * N = O: C. Returns 1 with *status set, 0 when records must be merged, -1 without memory.
 */
int am_merge_shortcut(const char *file, const struct am_merge_input *input,
	enum am_merge_status *status, struct am_decisions *decisions, struct am_error *error);

/*
 * Whether two texts say the same: blanks at line ends, empty lines at the end, and the vendor's
 * prolog and ident comments do not count.
 */
int am_merge_same_text(struct am_slice a, struct am_slice b);

enum am_class {
	AM_CLASS_USER,   /* the site's value wins a conflict */
	AM_CLASS_SYSTEM, /* the new level's value wins */
	AM_CLASS_LIST,   /* comma lists are merged element by element */
	AM_CLASS_VALID   /* the site's value wins where `valid` accepts it */
};

/* The class of an attribute, in one record or (record == NULL) in all. */
struct am_merge_attribute {
	const char *record, *name;
	enum am_class class;
	int secret;
	int set; /* a list whose order does not count; so do lists of privileges in it (a=p+q) */
};

/* What to do with a record that C and N have, and O is known not to. */
enum am_collision { AM_COLLISION_ATTRIBUTES, AM_COLLISION_KEEP, AM_COLLISION_NEW };

struct am_merge_policy {
	const char *file; /* path, for decisions */
	/* Parses a text of this file's grammar. */
	int (*parse)(struct am_records *file, const char *name, const char *text, size_t length,
		struct am_error *error);
	/* Where `columns` is set, in the place of `parse`: a grammar whose columns a site names. */
	int (*parse_columns)(struct am_records *file, const struct am_columns *columns,
		const char *name, const char *text, size_t length, struct am_error *error);
	const struct am_columns *columns;
	char separator;         /* between the fields of a line; unused for stanzas */
	enum am_class fallback; /* of attributes without an entry */
	const struct am_merge_attribute *attributes;
	size_t attribute_count;
	const char *const *mandatory; /* keys that return when the site removed them, or NULL */
	enum am_collision collision;
	int keep_obsolete; /* keep what the new level dropped, also when the site left it alone */
	int fold_case;     /* values that differ in case only are the same */
	/*
	 * The result has N's order; records that only C has follow the last one of N with the same
	 * value in column `beside` (0: none), or stand at the end.
	 */
	int new_order;
	size_t beside;
	/* May a record that only N has be added? NULL: yes. */
	int (*admit)(void *arg, struct am_slice key);
	/* Does the new level accept C's value of an attribute of class "valid"? `entry` is that
	 * class's entry, NULL where it is the fallback; `shipped` is N's value, absent (at NULL)
	 * where N has none. NULL: yes. */
	int (*valid)(void *arg, const struct am_merge_attribute *entry, struct am_slice key,
		struct am_slice value, struct am_slice shipped);
	void *arg;
};

/*
 * Merges one file. *out receives the result (nothing for AM_MERGE_ABSENT). Fails with
 * "CONFIG_SYNTAX" when C cannot be parsed; the message names file and line. An O that cannot be
 * parsed counts as unknown, and with an N that cannot be parsed C is the result; both are reported.
 */
int am_merge(const struct am_merge_policy *policy, const struct am_merge_input *input,
	struct am_buf *out, enum am_merge_status *status, struct am_decisions *decisions,
	struct am_error *error);

/*
 * The list merge: (C minus (O minus N)) then (N minus O), in C's order and without repeats;
 * without O: C, then what only N has. `admit`, if not NULL, is asked for every element that N adds.
 * Adds the elements with commas between them to *out. Time: n log n.
 */
int am_merge_list(struct am_slice o, struct am_slice c, struct am_slice n,
	int (*admit)(void *arg, struct am_slice element), void *arg, struct am_buf *out,
	struct am_error *error);

/* passwd and group: users.c. Two files at once, since each says things about the other. */
struct am_users_result {
	struct am_buf names, security; /* /etc/passwd and /etc/security/passwd, or group */
	enum am_merge_status names_status, security_status;
	size_t steps; /* look-up comparisons made, for the linear-time test */
};

/*
 * passwd_mig. Accounts of C stay, in order and byte for byte; `mandatory` names those that return,
 * locked, when the site removed them (ends with NULL); an untouched line of the vendor's
 * takes gecos, home and shell from N; ids and password fields of existing accounts never change.
 * New accounts come in before the first NIS line, locked. Free the result with
 * am_users_result_free, also after a failure. Fails with "CONFIG_SYNTAX" when C cannot be parsed.
 */
int am_merge_passwd(const struct am_merge_input *names, const struct am_merge_input *security,
	const char *const *mandatory, struct am_users_result *result,
	struct am_decisions *decisions, struct am_error *error);

/* group_mig; `passwd` is the merged /etc/passwd: members N adds must have an account there. */
int am_merge_group(const struct am_merge_input *names, const struct am_merge_input *security,
	struct am_slice passwd, const char *const *mandatory, struct am_users_result *result,
	struct am_decisions *decisions, struct am_error *error);

void am_users_result_free(struct am_users_result *result);

#endif
