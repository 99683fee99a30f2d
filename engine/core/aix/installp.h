/* SPDX-License-Identifier: MIT */
/*
 * installp: the words that call it, made of a request, and its output, read as it comes.
 *
 * Only what IBM documents for an operation is composed; what installp would refuse is refused here
 * with INSTALLP_REQUEST, since a wrong flag shows on the system that is migrated, hours later.
 */
#ifndef ALTMIG_AIX_INSTALLP_H
#define ALTMIG_AIX_INSTALLP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/lines.h"
#include "base/slice.h"

/* --- the request --- */

enum am_installp_operation {
	AM_INSTALLP_APPLY,   /* -a */
	AM_INSTALLP_COMMIT,  /* -c */
	AM_INSTALLP_REJECT,  /* -r */
	AM_INSTALLP_REMOVE,  /* -u */
	AM_INSTALLP_CLEANUP, /* -C */
	AM_INSTALLP_LIST     /* -L */
};

struct am_installp_fileset {
	struct am_slice name;
	struct am_slice level; /* absent: any */
};

/*
 * `flags` are letters without arguments, in the order they are to be sent: "gXYb". What has an
 * argument is a field; absent: not sent. Either `list`, the file that names the filesets, or
 * `filesets`.
 */
struct am_installp_request {
	enum am_installp_operation operation;
	int is_preview; /* -p */
	struct am_slice flags;
	struct am_slice device, log, list; /* -d, -e, -f */
	const struct am_installp_fileset *filesets;
	size_t count;
};

/* Adds the words, each with a NUL behind it, and sets their number. */
int am_installp_words(const struct am_installp_request *request, struct am_buf *words,
	size_t *count, struct am_error *error);

/* Adds the text of a list file: "NAME" or "NAME LEVEL" a line. */
int am_installp_list(const struct am_installp_fileset *filesets, size_t count, struct am_buf *text,
	struct am_error *error);

/* --- the output --- */

/*
 * Output is rows of the kinds below; lines that are none of them are those of control scripts and
 * of installp's own prose. A script may print what looks like a row: what was done is decided by
 * the software database, never by the output alone.
 */
enum am_installp_kind {
	AM_INSTALLP_LISTED, /* a fileset of a section: section, heading, list, name, level, text */
	AM_INSTALLP_BEGUN,  /* a fileset of a group that is worked on: text (what is done), name,
			       level, number (which group) */
	AM_INSTALLP_PROCESSED, /* number filesets of `of` */
	AM_INSTALLP_FINISHED,  /* all groups */
	AM_INSTALLP_GROWN,     /* a file system is of `number` blocks now */
	AM_INSTALLP_ROOM,      /* a file system: name, number blocks needed, `of` free */
	AM_INSTALLP_COUNT,     /* a statistic: text, number */
	AM_INSTALLP_RESULT,    /* the Installation Summary: name, level, part, event, result */
	AM_INSTALLP_NOTED,     /* the Pre-installation Failure/Warning Summary: name, level, text */
	AM_INSTALLP_MESSAGE /* a line of installp or another AIX command, with its number: text */
};

enum am_installp_section { AM_INSTALLP_FAILURES, AM_INSTALLP_WARNINGS, AM_INSTALLP_SUCCESSES };

/* What the result of a part says; words that are not known here are OTHER. */
enum am_installp_result {
	AM_INSTALLP_SUCCESS,
	AM_INSTALLP_FAILED,
	AM_INSTALLP_CANCELLED,
	AM_INSTALLP_PARTIAL,
	AM_INSTALLP_BROKEN,
	AM_INSTALLP_ALREADY,
	AM_INSTALLP_OTHER
};

struct am_installp_row {
	enum am_installp_kind kind;
	enum am_installp_section section;
	enum am_installp_result result;
	struct am_slice heading; /* "Requisite Failures" */
	struct am_slice list;    /* "SELECTED FILESETS", "MISSING REQUISITES"; absent: none */
	struct am_slice name;    /* as printed; tables cut it, without a mark */
	struct am_slice level;   /* of LISTED also what is demanded, "v=6"; may be empty */
	struct am_slice text;
	struct am_slice part, event, word; /* "USR", "APPLY", "FAILED" */
	uint64_t number, of;               /* blocks are of 512 bytes */
	char *owned;
};

/* What was said while one group was worked on: its last lines. */
struct am_installp_group {
	struct am_buf said;
};

/* No real output comes near these; what is beyond is counted and left out. */
#define AM_INSTALLP_ROWS   200000
#define AM_INSTALLP_GROUPS 20000
#define AM_INSTALLP_BYTES  ((size_t)64 << 20)
#define AM_INSTALLP_LINE   1024 /* of a line that is read; the rest of it is left out */
#define AM_INSTALLP_SAID   2048 /* bytes of what a group said last */

struct am_installp_known;

/* All zero is a reader at the beginning; free with am_installp_free. */
struct am_installp_output {
	struct am_installp_row *rows;
	size_t count;
	struct am_installp_group *groups;
	size_t group_count;
	size_t dropped; /* rows and groups beyond the limits */
	/* private */
	struct am_lines lines;
	struct am_installp_known *known;
	size_t known_count;
	struct am_buf heading, list, before, action;
	size_t bytes, capacity, group_capacity, known_capacity;
	int state, is_listing, in_group, is_sorted, are_names_closed;
	enum am_installp_section section;
};

/* A fileset that may occur: installp's tables cut names, and only who knows them can tell. */
int am_installp_know(struct am_installp_output *output, struct am_slice name, struct am_slice level,
	struct am_error *error);

/* The next piece of the output, cut anywhere; new rows are behind the old ones. Fails without
 * memory only. */
int am_installp_add(
	struct am_installp_output *output, const char *data, size_t length, struct am_error *error);
/* The output ended. */
int am_installp_end(struct am_installp_output *output, struct am_error *error);
void am_installp_free(struct am_installp_output *output);

/* Of one name of a table so many known ones are looked at. */
#define AM_INSTALLP_MEANT 256

/*
 * The filesets that the name of a row of RESULT or NOTED can stand for, in the order of their
 * names: those known at its level, or else at any. Returns how many there are and sets the first
 * `room` of them; 1 tells which it is. The slices are valid until the next call that adds.
 */
size_t am_installp_meant(struct am_installp_output *output, const struct am_installp_row *row,
	struct am_slice *names, size_t room);

#endif
