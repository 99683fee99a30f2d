/* SPDX-License-Identifier: MIT */
/* The methods restore, verify and check of a tree. */
#ifndef ALTMIG_L_RESTORE_H
#define ALTMIG_L_RESTORE_H

#include <lua.h>

int bu_tree_restore(lua_State *L);
int bu_tree_verify(lua_State *L);
int bu_tree_check(lua_State *L);

#endif
