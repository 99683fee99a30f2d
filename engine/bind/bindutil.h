/* SPDX-License-Identifier: MIT */
/*
 * What every binding shares. The convention is written down in engine/README.md.
 */
#ifndef ALTMIG_BINDUTIL_H
#define ALTMIG_BINDUTIL_H

#include <stddef.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "base/slice.h"

/* The world failed: pushes nil, message, code; returns 3. [-0, +3, m] */
int bu_fail(lua_State *L, const struct am_error *error);

/* A string argument without NUL bytes: paths and command words. Raises. [-0, +0, v] */
const char *bu_checkcstr(lua_State *L, int arg);
const char *bu_optcstr(lua_State *L, int arg, const char *fallback);

/* An integer argument within [low, high]. Raises. [-0, +0, v] */
lua_Integer bu_checkrange(lua_State *L, int arg, lua_Integer low, lua_Integer high);

/*
 * Fields of the option table at `arg` (which may be nil or absent). The string stays valid while
 * the table holds it. Raise with the field's name when the type is wrong. [-0, +0, v]
 */
const char *bu_fieldstr(lua_State *L, int arg, const char *name, const char *fallback);
lua_Integer bu_fieldint(lua_State *L, int arg, const char *name, lua_Integer fallback);
lua_Number bu_fieldnum(lua_State *L, int arg, const char *name, lua_Number fallback);
int bu_fieldbool(lua_State *L, int arg, const char *name, int fallback);
/* Pushes the field if it is a function and returns 1; pushes nothing and returns 0 if nil. */
int bu_fieldfn(lua_State *L, int arg, const char *name);

/*
 * The string of a field of the table at `arg`, which keeps it; it may hold NUL bytes. Where there
 * is none the first raises, the second returns `fallback`, absent if that is NULL. Raise with the
 * field's name when the type is wrong. [-0, +0, v]
 */
struct am_slice bu_checkslice(lua_State *L, int arg, const char *name);
struct am_slice bu_optslice(lua_State *L, int arg, const char *name, const char *fallback);

/* Sets a field of the table at the top. A NULL string sets none, an absent slice "". [-0, +0, m] */
void bu_setint(lua_State *L, const char *name, lua_Integer value);
void bu_setstr(lua_State *L, const char *name, const char *value);
void bu_setslice(lua_State *L, const char *name, struct am_slice text);
/* Several; the list ends with a NULL name. [-0, +0, m] */
struct bu_int {
	const char *name;
	lua_Integer value;
};
void bu_setints(lua_State *L, const struct bu_int *list);

/*
 * A list of strings at `arg` as a NULL-terminated vector, in a userdata pushed on the stack that
 * must stay there while the vector is used. Raises on anything but NUL-free strings. [-0, +1, v]
 */
const char **bu_checkargv(lua_State *L, int arg, size_t *count);

/*
 * Calls the function at the top of the stack with the `nargs` values above it, protected. An error
 * of the callback is returned as the core error "CALLBACK" with its message, so that the C loop
 * that called it can end in order. [-(nargs+1), +nresults or +0]
 */
int bu_pcall(lua_State *L, int nargs, int nresults, struct am_error *error);

/* Registers a metatable `name` with methods (__index) and metamethods, leaves nothing. [-0, +0, m]
 */
void bu_newclass(
	lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metamethods);

/*
 * An empty buffer that lives in a userdata and is freed with it, so that bytes a core function
 * collects survive a Lua error on their way to the stack. am_buf_free it when done: the memory
 * goes at once, the userdata whenever it is collected. [-0, +1, m]
 */
struct am_buf *bu_newbuf(lua_State *L);

/*
 * Readers as Lua objects ("altmig.reader": read(n), close(), __gc, __close), so that an archive
 * can be opened from whatever module made the reader.
 *
 * bu_newreader pushes an empty, armed reader object and returns the slot to acquire into: fill it
 * with the reader, or leave it NULL on failure. parent: stack index of an object to keep alive
 * while the reader lives, or 0. [-0, +1, m]
 */
struct am_reader **bu_newreader(lua_State *L, int parent);
/* The reader at `arg`; raises when it is not one, closed, or in use. */
struct am_reader *bu_checkreader(lua_State *L, int arg);
/* The same, but NULL when it is something else or closed. */
struct am_reader *bu_testreader(lua_State *L, int arg);
/*
 * The counter of the calls that use the reader at `arg`. A call that reads while callbacks run
 * raises it for that time: a callback that closes, reads or gives away the reader gets an error.
 */
int *bu_readeruses(lua_State *L, int arg);
/* Takes the reader out of the object at `arg` (which is closed afterwards); the caller owns it. */
struct am_reader *bu_takereader(lua_State *L, int arg);

#endif
