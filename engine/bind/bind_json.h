/* SPDX-License-Identifier: MIT */
/*
 * Lua values as JSON text, for the bindings that keep JSON (altmig.json, altmig.journal).
 */
#ifndef ALTMIG_BIND_JSON_H
#define ALTMIG_BIND_JSON_H

#include <lua.h>

#include "base/buf.h"
#include "base/error.h"

/* Marks a table as an array, also when it is empty. [-0, +0, m] for the function that makes it. */
#define BU_JSON_ARRAY "altmig.json.array"
void bu_json_array_class(lua_State *L);

struct bu_json_options {
	int indent;     /* spaces a level; 0: one line */
	int unsorted;   /* keys as lua_next gives them instead of by bytes */
	int lossy;      /* bytes that are not UTF-8 become U+FFFD instead of an error */
	size_t maximum; /* bytes of text; 0: none */
};

/*
 * Appends the value at `index` as JSON text. Looks at raw fields only and raises nothing (except
 * for memory), so `out` may be any buffer. Codes: JSON_VALUE (what JSON has no form for, with the
 * path of keys to it), JSON_UTF8, JSON_DEPTH. [-0, +0, m]
 */
int bu_json_encode(lua_State *L, int index, const struct bu_json_options *options,
	struct am_buf *out, struct am_error *error);

/*
 * Pushes the value of a JSON text. Fails, with nothing pushed, with JSON_SYNTAX and line and
 * column. [-0, +(0|1), m]
 */
int bu_json_decode(lua_State *L, const char *text, size_t length, struct am_error *error);

#endif
