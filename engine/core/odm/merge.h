/* SPDX-License-Identifier: MIT */
/*
 * The merge of object classes: the objects of three classes by key, three ways, field by field. O
 * is what the old level shipped, C what the site made of it, N what the new level ships; what is
 * changed is N.
 *
 * The merge is a plan over the slots of the three classes, which it borrows and does not change.
 * What it decided is a list of findings, in the order of N's objects, then of those that only C
 * has. Some findings are questions: their answer depends on more than the three values, and the
 * caller gives it. What a finding means in words, and how grave it is, is the caller's.
 *
 * Time and memory grow with the number of objects; an object costs its key and a few words.
 */
#ifndef ALTMIG_ODM_MERGE_H
#define ALTMIG_ODM_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "odm/class_file.h"
#include "base/slice.h"

/* A way to make the key of an object; of several the first that is for the object counts. */
struct am_odm_key {
	const char *when; /* only for objects with this field; NULL: for all */
	const char *is;   /* ... and this text in it; NULL: any but the empty one */
	/* Names of fields, whose values are joined by NUL bytes: "" is an empty part, "*" all
	 * fields in the order of their names. A field the class does not have is empty. */
	const char *const *parts;
	size_t count;
};

enum am_odm_policy {
	AM_ODM_USER,   /* the site's value wins a conflict */
	AM_ODM_SYSTEM, /* the new level's value wins */
	AM_ODM_ASK     /* the caller says */
};

struct am_odm_field_policy {
	const char *name;
	enum am_odm_policy policy;
};

struct am_odm_merge {
	const struct am_odm_class *sides[3]; /* O, C, N; O may be NULL: unknown */
	const struct am_odm_key *keys;
	size_t key_count;
	enum am_odm_policy fallback; /* of fields without an entry */
	const struct am_odm_field_policy *fields;
	size_t field_count;
	int whole;     /* objects are never mixed: a conflict is the new level's */
	int mandatory; /* what the site deleted comes back: predefined data */
};

enum { AM_ODM_SIDE_O, AM_ODM_SIDE_C, AM_ODM_SIDE_N };

#define AM_ODM_NO_SLOT UINT32_MAX

/* Questions, by what happens without an answer: ASK_FIELD: N's value; OBSOLETE: the object goes;
 * ADDED and CHANGED_OBSOLETE: it stays. */
enum am_odm_finding_kind {
	AM_ODM_FIELD_THEIRS,  /* C = O, so N's value */
	AM_ODM_FIELD_OURS,    /* N = O, so C's value */
	AM_ODM_FIELD_USER,    /* all differ, or no O: C's value by policy */
	AM_ODM_FIELD_SYSTEM,  /* the same: N's value */
	AM_ODM_FIELD_ASK,     /* the same: a question */
	AM_ODM_OBJECT_THEIRS, /* whole objects, as of fields */
	AM_ODM_OBJECT_OURS,
	AM_ODM_OBJECT_CONFLICT,  /* N's */
	AM_ODM_REMOVED,          /* by the site; N = O: stays removed */
	AM_ODM_REMOVED_CHANGED,  /* by the site; N differs from O: stays removed */
	AM_ODM_RETURNED,         /* by the site; mandatory */
	AM_ODM_NEW,              /* only N has it */
	AM_ODM_OBSOLETE,         /* C = O, not in N: a question */
	AM_ODM_ADDED,            /* only C has it: a question */
	AM_ODM_CHANGED_OBSOLETE, /* C differs from O, not in N: a question */
};
#define AM_ODM_FINDING_KINDS 15

struct am_odm_finding {
	uint8_t kind;   /* enum am_odm_finding_kind */
	uint8_t choice; /* of a field: enum am_odm_choice */
	uint16_t field; /* of a field: its index in N */
	uint32_t entry;
	uint32_t own; /* of AM_ODM_OWN: index of the value */
};

enum am_odm_choice { AM_ODM_THEIRS, AM_ODM_OURS, AM_ODM_OWN };

/* An object of the result, or one that is not in it. */
struct am_odm_entry {
	uint32_t slots[3]; /* or AM_ODM_NO_SLOT */
	uint32_t first_finding, finding_count;
	uint8_t dropped; /* not in the result */
	uint8_t ours;    /* C's object as a whole; else N's with the fields that were chosen */
	uint8_t changed; /* N's with at least one field changed */
};

struct am_odm_plan;

/* `merge` and what it points to need not outlive the call, but for the classes. */
struct am_odm_plan *am_odm_plan_make(const struct am_odm_merge *merge, struct am_error *error);
void am_odm_plan_free(struct am_odm_plan *plan); /* NULL is allowed */

size_t am_odm_plan_findings(const struct am_odm_plan *plan);
const struct am_odm_finding *am_odm_plan_finding(const struct am_odm_plan *plan, size_t index);

/* Objects of N in their order, then those that only C has in theirs. */
size_t am_odm_plan_entries(const struct am_odm_plan *plan);
const struct am_odm_entry *am_odm_plan_entry(const struct am_odm_plan *plan, size_t index);

/* The key of an entry. An object whose key another had before has "\0#2" (3, ...) behind it. */
struct am_slice am_odm_plan_key(const struct am_odm_plan *plan, size_t entry);

/* Answers: of AM_ODM_FIELD_ASK whose value it is, or a value of its own, which is copied ... */
void am_odm_plan_choose(struct am_odm_plan *plan, size_t finding, enum am_odm_choice choice);
int am_odm_plan_own(struct am_odm_plan *plan, size_t finding, const struct am_odm_value *value,
	struct am_error *error);
/* ... and of any entry whether it is in the result. */
void am_odm_plan_keep(struct am_odm_plan *plan, size_t entry, int keep);

/* The field of that name of one side of an entry; 0 when there is no such object or field. */
int am_odm_plan_value(const struct am_odm_plan *plan, size_t entry, int side, const char *name,
	struct am_odm_value *value);
/* The chosen value of a finding about a field. */
void am_odm_plan_chosen(const struct am_odm_plan *plan, size_t finding, struct am_odm_value *value);
/* The field of that name of an entry as it will be; 0 when there is none. */
int am_odm_plan_result(
	const struct am_odm_plan *plan, size_t entry, const char *name, struct am_odm_value *value);

/*
 * Whether the result is C: the same objects with the same values, in the same layout. Where the
 * vendor changed nothing C's own bytes can then stand.
 */
int am_odm_plan_is_ours(const struct am_odm_plan *plan);

/* Whether two values say the same: 5 and "5" do, where the layouts of two levels differ. */
int am_odm_same_value(const struct am_odm_value *a, const struct am_odm_value *b);

#endif
