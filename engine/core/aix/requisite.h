/* SPDX-License-Identifier: MIT */
/*
 * Requisites of filesets, as lpp_name files and the software database (product.prereq) have them:
 * read, held against what is installed, and the order of filesets that they ask for.
 *
 *	*prereq|*coreq|*ifreq|*instreq NAME [(BASE)] [LEVEL | v=N r>M ...]
 *	>N { ... }       more than N of what is in it, one a line, may be nested
 *
 * Lines without a keyword are skipped, as real databases have such; a group without an end ends
 * with the text.
 */
#ifndef ALTMIG_AIX_REQUISITE_H
#define ALTMIG_AIX_REQUISITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Version, release, modification, fix. */
struct am_level {
	uint32_t number[4];
};

/* Reads "7.1.5.30", leading zeros allowed; numbers that are left out are 0. Returns 0, or -1 when
 * the text is no level. */
int am_level_parse(struct am_slice text, struct am_level *level);
/* Negative, 0 or positive. */
int am_level_compare(const struct am_level *a, const struct am_level *b);

enum am_requisite_kind {
	AM_REQUISITE_PREREQ,
	AM_REQUISITE_COREQ,
	AM_REQUISITE_IFREQ,
	AM_REQUISITE_INSTREQ,
	AM_REQUISITE_GROUP
};

struct am_bound {
	unsigned place; /* 0 version to 3 fix */
	char operation; /* '<', '=' or '>' */
	uint32_t number;
};

#define AM_REQUISITE_BOUNDS                                                                        \
	8 /* more of one requisite are an error of who wrote it: the rest is not read */

struct am_requisite {
	enum am_requisite_kind kind;
	struct am_slice text; /* the requisite as it is written; of a group with its braces */
	struct am_slice name; /* the fileset */
	int has_base, has_level;
	struct am_level base;    /* in parentheses: the base level that an ifreq speaks of */
	struct am_level level;   /* the least */
	struct am_bound *bounds; /* few requisites have any: NULL */
	size_t bound_count;
	uint32_t more; /* of a group: more than so many of its requisites */
	size_t end;    /* of a group: where in the list its requisites end; else the next one */
};

/* A group is followed by its requisites. All text is that of the caller. */
struct am_requisites {
	struct am_requisite *list;
	size_t count, capacity;
};

/* Adds the requisites of a text. Fails without memory only. */
int am_requisites_parse(
	struct am_requisites *requisites, struct am_slice text, struct am_error *error);
void am_requisites_free(struct am_requisites *requisites);

/* The level a fileset is at: 1, or 0 when it is not there. */
typedef int am_level_of(void *arg, struct am_slice name, struct am_level *level);

/*
 * Whether a level meets what a requisite, which is no group, asks of its fileset; NULL when that
 * is not there. What is read in more ways than one is decided here:
 *
 * A bound speaks of the version that the bounds with "=" before it name: "v=4 r>4" is a level above
 * 4.4, met by 4.5 and by 5.2, not by 4.4 or 3.9. The other reading, each number by itself, would
 * make every fileset that was updated to a later version miss it, although what was asked for is
 * the least that is new enough; a requisite that means one version alone says so ("v=4 r>4 v<5").
 * So "v=4 r<4" is a level below 4.4. Without "=" before it a number is compared by itself.
 *
 * A base level in parentheses means the filesets at it and at updates of it, which have its version
 * and release: "*ifreq F (5.2.0.0) 5.2.0.10" asks something of 5.2.0.5, and nothing of 5.3.0.0.
 */
int am_requisite_met(const struct am_requisite *requisite, const struct am_level *level);

/* Whether the requisite of that index, perhaps a group, holds. */
int am_requisite_holds(
	const struct am_requisites *requisites, size_t index, am_level_of *level_of, void *arg);

/* A fileset that is to be installed. */
struct am_ordered {
	struct am_slice name;
	struct am_level level;
	const struct am_requisites *requisites; /* NULL: none */
};

/*
 * The order to install in: order[i] is the index of the i-th. Each *prereq and *instreq, also in
 * groups, holds before what asks for it, whenever there is such an order; a lower level of a
 * fileset comes before a higher one; and where that leaves it open names decide, so the order of
 * the input does not matter. What cannot be met, since nobody brings it, holds nothing up, and
 * filesets that ask for each other in a circle come in the order of their names. `installed` (NULL:
 * nothing) says what is there already. Fails without memory only.
 */
int am_requisite_order(const struct am_ordered *filesets, size_t count, am_level_of *installed,
	void *arg, size_t *order, struct am_error *error);

#endif
