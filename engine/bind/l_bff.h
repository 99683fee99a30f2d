/* SPDX-License-Identifier: MIT */
/* Archives as Lua objects, for the bindings that take one. */
#ifndef ALTMIG_L_BFF_H
#define ALTMIG_L_BFF_H

#include <lua.h>

#include "archive/bff.h"

/* The archive at `arg`, or NULL when it is none; raises when it is closed or in use. [-0, +0, v] */
struct am_bff *bu_testbff(lua_State *L, int arg);
/* Of the archive at `arg`, as bu_readeruses. */
int *bu_bffuses(lua_State *L, int arg);

#endif
