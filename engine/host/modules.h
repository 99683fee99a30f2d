/* SPDX-License-Identifier: MIT */
/* The C modules of the program, by the name Lua requires them under. Ends with a NULL name. */
#ifndef ALTMIG_MODULES_H
#define ALTMIG_MODULES_H

#include <lauxlib.h>

extern const luaL_Reg host_modules[];

#endif
