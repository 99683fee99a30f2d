/* SPDX-License-Identifier: MIT */
/*
 * Where Lua modules and scripts come from: the directory named by --lua or ALTMIG_LUA if there is
 * one, else the copies inside the program. Never the current directory, and never a system path:
 * the program must not pick up code it was not told to trust.
 */
#ifndef ALTMIG_LOADER_H
#define ALTMIG_LOADER_H

#include <stddef.h>

#include <lua.h>

struct embedded_file {
	const char *name; /* path in the source tree: "scripts/migrate.lua" */
	const char *data;
	size_t size;
};

extern const struct embedded_file embedded_files[];
extern const size_t embedded_file_count;

/*
 * Replaces the searchers of package by: preload, the override directory, the embedded files.
 * `override` may be NULL. Registers the module altmig.resource. [-0, +0, e]
 */
void loader_install(lua_State *L, const char *override);

#endif
