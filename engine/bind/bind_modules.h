/* SPDX-License-Identifier: MIT */
/* The entry points of the C modules, for the host's list of them. One prototype a line, sorted. */
#ifndef ALTMIG_BIND_MODULES_H
#define ALTMIG_BIND_MODULES_H

#include <lua.h>

int luaopen_altmig_bff(lua_State *L);
int luaopen_altmig_bigar(lua_State *L);
int luaopen_altmig_bosboot_core(lua_State *L);
int luaopen_altmig_escape(lua_State *L);
int luaopen_altmig_installp_core(lua_State *L);
int luaopen_altmig_installp_run(lua_State *L);
int luaopen_altmig_journal(lua_State *L);
int luaopen_altmig_json(lua_State *L);
int luaopen_altmig_merge_core(lua_State *L);
int luaopen_altmig_odm_core(lua_State *L);
int luaopen_altmig_sandbox(lua_State *L);
int luaopen_altmig_ssh(lua_State *L);
int luaopen_altmig_sys(lua_State *L);
int luaopen_altmig_tree(lua_State *L);
int luaopen_altmig_tree_nfs(lua_State *L);

#endif
