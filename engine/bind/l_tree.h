/* SPDX-License-Identifier: MIT */
/*
 * Trees as Lua objects ("altmig.tree"), for the modules that make them or work on them.
 */
#ifndef ALTMIG_L_TREE_H
#define ALTMIG_L_TREE_H

#include <lauxlib.h>
#include <lua.h>

#include "tree/tree.h"

struct bu_tree {
	struct bu_tree *origin; /* the tree that this one is the raising face of, or itself */
	struct am_tree *tree;   /* NULL: closed; only the origin's counts, as all that follows */
	lua_State *L;           /* who is inside a call, for callbacks */
	int busy;               /* calls on the C stack: closing has to wait */
	int guard;              /* registry reference of the guard, or LUA_NOREF */
};

/* Pushes an empty, armed tree object to acquire into. [-0, +1, m] */
struct bu_tree *bu_newtree(lua_State *L);
/* The tree at `arg`; raises when it is none or closed. [-0, +0, v] */
struct am_tree *bu_checktree(lua_State *L, int arg);
/* What callbacks of a call with the tree at `arg` need: its origin, open. Raises. [-0, +0, v] */
struct bu_tree *bu_checktreebox(lua_State *L, int arg);
/*
 * The failure of a call that changes something: of a raising face its function is called, which
 * raises; of any other tree it is bu_fail. `arg` is the tree's index. [-0, +3, e]
 */
int bu_treefail(lua_State *L, int arg, const struct am_error *error);

#endif
