/* SPDX-License-Identifier: MIT */
/*
 * Objects of the AIX object data manager: descriptors, values, criteria, and the stanza text that
 * odmget prints and odmadd reads. The binary class files are in odm_file.h.
 *
 * Codes of failure: ODM_SYNTAX (stanza text), ODM_CRITERIA, ODM_DESCRIPTOR (a name the class does
 * not have), ODM_RANGE (a value its descriptor cannot hold).
 */
#ifndef ALTMIG_ODM_VALUE_H
#define ALTMIG_ODM_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* The numbers are those of class files. */
enum am_odm_type {
	AM_ODM_CHAR = 0,
	AM_ODM_LONGCHAR,
	AM_ODM_BINARY,
	AM_ODM_SHORT,
	AM_ODM_LONG,
	AM_ODM_LINK,
	AM_ODM_METHOD,
	AM_ODM_VCHAR,
	AM_ODM_DOUBLE,
	AM_ODM_ULONG,
	AM_ODM_INT64,
	AM_ODM_UINT64
};
#define AM_ODM_TYPES 12

struct am_odm_descriptor {
	char *name;
	enum am_odm_type type;
	uint32_t size;    /* room of a string, its NUL included; of a vchar the declared one */
	char *link_class; /* of links, else NULL */
	char *link_key;
	int external;    /* a string kept in the string file */
	uint32_t offset; /* in a stored record */
	uint32_t width;  /* bytes there */
};

enum am_odm_kind { AM_ODM_NONE = 0, AM_ODM_TEXT, AM_ODM_NUMBER, AM_ODM_REAL };

/* Strings and binary values are TEXT (not NUL-terminated), doubles REAL, the rest NUMBER; an
 * unsigned 64-bit number has its bits in `number`. */
struct am_odm_value {
	enum am_odm_kind kind;
	const char *text;
	size_t length;
	int64_t number;
	double real;
};

/* "char", "longchar", ..., "ulong64"; NULL for a number that is no type. */
const char *am_odm_type_name(unsigned type);
/* The type of that name as class definitions spell it, or -1. */
int am_odm_type_of(const char *name);
/* The kind of value a descriptor of this type holds. */
enum am_odm_kind am_odm_kind_of(enum am_odm_type type);

/* 1 when `name` is an identifier, as names of classes and descriptors are. */
int am_odm_identifier(const char *name, size_t length);

/* The descriptor's index, or -1. */
int am_odm_find(
	const struct am_odm_descriptor *descriptors, size_t count, const char *name, size_t length);

/*
 * Brings a value into the kind of its descriptor (text that is a number for a number, hexadecimal
 * text for a binary value stays text and is decoded by the class file) and checks its range.
 */
int am_odm_convert(const struct am_odm_descriptor *descriptor, struct am_odm_value *value,
	struct am_error *error);

/* --- criteria: name op value { AND|OR ... } with parentheses; AND binds before OR --- */

struct am_odm_criteria;

/* NULL or blank text matches everything. Operators: = != > >= < <= LIKE (* ? [..]). */
struct am_odm_criteria *am_odm_criteria_compile(const char *text,
	const struct am_odm_descriptor *descriptors, size_t count, struct am_error *error);
/* `get` gives the value of the descriptor with that index in `object`. */
int am_odm_criteria_match(const struct am_odm_criteria *criteria,
	void (*get)(const void *object, size_t index, struct am_odm_value *value),
	const void *object);
void am_odm_criteria_free(struct am_odm_criteria *criteria); /* NULL is allowed */

/* --- stanza text --- */

enum am_odm_item_kind { AM_ODM_ITEM_CLASS, AM_ODM_ITEM_QUOTED, AM_ODM_ITEM_PLAIN };

/* One line of stanza text: "Class:", or "name = value". */
struct am_odm_item {
	enum am_odm_item_kind kind;
	size_t line;
	const char *name;
	size_t name_length;
	const char *text; /* without quotes and escapes */
	size_t length;
};

struct am_odm_text {
	struct am_odm_item *items;
	size_t count, capacity;
	char *decoded; /* the strings that had escapes */
};

/*
 * Reads stanza text; the first item is a class, values follow theirs. The items point into `text`
 * or into the result. `result` need not be initialised; free it after success only.
 */
int am_odm_text_parse(
	struct am_odm_text *result, const char *text, size_t length, struct am_error *error);
void am_odm_text_free(struct am_odm_text *text);

/* Appends "\tname = value\n", as odmget prints it. */
int am_odm_text_value(struct am_buf *out, const struct am_odm_descriptor *descriptor,
	const struct am_odm_value *value, struct am_error *error);
/* Appends a string in quotes, escaped. */
int am_odm_text_quote(struct am_buf *out, const char *text, size_t length, struct am_error *error);

#endif
