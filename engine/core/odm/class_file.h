/* SPDX-License-Identifier: MIT */
/*
 * Binary ODM class files and their string files (<Class>.vc), big-endian, as images in memory.
 *
 * An image is edited in place. A change writes the bytes of the fields whose value differs and no
 * others: real classes have bytes of older objects behind the NUL of a string and in the padding
 * between fields, and these stay. Behind a string that is changed they stay as well (what is there
 * may then be the end of the old value), because AIX copies strings into the record it read. New
 * objects are appended, zero where nothing is set (a deleted slot keeps its bytes); new strings go
 * behind the old ones, so an older class file stays valid with a newer string file.
 *
 * ODM_READONLY is a class of which a value would not survive a change: one whose names are among or
 * behind its records, so that a new record would overwrite them. No known class is so.
 *
 * Codes of failure: ODM_FORMAT (a field that cannot be, with its offset), ODM_STRINGS (the string
 * file is missing or empty, and a value is kept in it), ODM_READONLY, and those of odm/value.h.
 */
#ifndef ALTMIG_ODM_CLASS_FILE_H
#define ALTMIG_ODM_CLASS_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "odm/value.h"

struct am_odm_class;

/*
 * Reads a class from the bytes of its file and of its string file (`strings` NULL when there is
 * none), which are copied. `path` is for messages. Every offset and every reference of a live
 * record is checked here; what is read later cannot fail.
 */
struct am_odm_class *am_odm_class_parse(const char *path, const void *data, size_t length,
	const void *strings, size_t strings_length, struct am_error *error);

/* What a new class is made of. */
struct am_odm_definition {
	const char *name;
	enum am_odm_type type;
	uint32_t size;
	const char *link_class; /* of links */
	const char *link_key;
};

/*
 * Makes an empty class. Offsets follow the rules of C on AIX. Strings of 256 bytes or more are kept
 * in the string file, as in all known classes (inferred: odm-vchar; the descriptors of no class say
 * why).
 */
struct am_odm_class *am_odm_class_create(const char *path, const char *name,
	const struct am_odm_definition *definitions, size_t count, struct am_error *error);

void am_odm_class_free(struct am_odm_class *class); /* NULL is allowed */

const char *am_odm_class_name(const struct am_odm_class *class);
const struct am_odm_descriptor *am_odm_class_descriptors(
	const struct am_odm_class *class, size_t *count);

/* Slots, deleted ones included; a slot is an object when it is live. */
size_t am_odm_class_slots(const struct am_odm_class *class);
int am_odm_class_live(const struct am_odm_class *class, size_t slot);

/* A field of a live slot; text points into the image and is valid until the next change. */
void am_odm_class_get(
	const struct am_odm_class *class, size_t slot, size_t index, struct am_odm_value *value);

/* 1 when the object in the slot meets the criteria, which were compiled for this class. */
int am_odm_class_match(
	const struct am_odm_class *class, size_t slot, const struct am_odm_criteria *criteria);

/* What a class must pass before its first change: ODM_READONLY when not. */
int am_odm_class_writable(struct am_odm_class *class, struct am_error *error);

/*
 * Appends an object. `values` has one entry for each descriptor; kind NONE means empty or 0. They
 * are brought into shape (am_odm_convert). Nothing is changed on failure.
 */
int am_odm_class_add(
	struct am_odm_class *class, struct am_odm_value *values, struct am_error *error);
/* Sets the fields whose value is not NONE; one that is there already is not written. */
int am_odm_class_change(struct am_odm_class *class, size_t slot, struct am_odm_value *values,
	struct am_error *error);
int am_odm_class_delete(struct am_odm_class *class, size_t slot, struct am_error *error);

/* The files as they are now. `*strings` is NULL when the class has no string file. */
void am_odm_class_images(const struct am_odm_class *class, const struct am_buf **data,
	const struct am_buf **strings);

#endif
