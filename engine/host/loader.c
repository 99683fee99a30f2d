/* SPDX-License-Identifier: MIT */
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bindutil.h"
#include "modules.h"

/* [-0, +0] */
static const struct embedded_file *find_embedded(const char *name)
{
	size_t low = 0, high = embedded_file_count;

	while (low < high) { /* the build sorts the names */
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, embedded_files[middle].name);

		if (order == 0)
			return &embedded_files[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Pushes the content of ROOT/NAME and returns 1, or returns 0 and pushes nothing. [-0, +(0|1), m]
 */
static int push_file(lua_State *L, const char *root, const char *name)
{
	luaL_Buffer buffer;
	const char *path = lua_pushfstring(L, "%s/%s", root, name);
	FILE *file = fopen(path, "rb");
	char *room;
	size_t n;

	lua_pop(L, 1);
	if (file == NULL)
		return 0;
	luaL_buffinit(L, &buffer);
	do {
		room = luaL_prepbuffer(&buffer);
		n = fread(room, 1, LUAL_BUFFERSIZE, file);
		luaL_addsize(&buffer, n);
	} while (n == LUAL_BUFFERSIZE);
	fclose(file);
	luaL_pushresult(&buffer);
	return 1;
}

/* Pushes content and origin of a resource; returns 2, or 0 when there is none. */
static int push_resource(lua_State *L, const char *name)
{
	const struct embedded_file *file;

	if (strstr(name, "..") != NULL || name[0] == '/')
		return 0;
	lua_getfield(L, LUA_REGISTRYINDEX, "altmig.override");
	if (lua_isstring(L, -1)) {
		const char *root = lua_tostring(L, -1);

		if (push_file(L, root, name)) {
			lua_pushfstring(L, "@%s/%s", root, name);
			lua_remove(L, -3);
			return 2;
		}
	}
	lua_pop(L, 1);
	file = find_embedded(name);
	if (file == NULL)
		return 0;
	lua_pushlstring(L, file->data, file->size);
	lua_pushfstring(L, "@$/%s", name);
	return 2;
}

/*
 * Where the modules are that scripts know by a short name; every other is where its name says. Code
 * of the project requires these by the short name too: a module of two names would be loaded twice.
 */
static const struct {
	const char *name, *file;
} public_names[] = {
	{"altmig.bosboot", "altmig/aix/bosboot"},
	{"altmig.flow", "altmig/run/flow"},
	{"altmig.imagedata", "altmig/aix/image_data"},
	{"altmig.installp", "altmig/aix/installp"},
	{"altmig.migration", "altmig/run"},
	{"altmig.nim", "altmig/run/nim"},
	{"altmig.swvpd", "altmig/aix/swvpd"},
};

/* Pushes the file of a module without its end: "altmig/run/flow". [-0, +1, m] */
static const char *push_module_file(lua_State *L, const char *module)
{
	for (size_t i = 0; i < sizeof public_names / sizeof *public_names; i++) {
		if (strcmp(module, public_names[i].name) == 0)
			return lua_pushstring(L, public_names[i].file);
	}
	return luaL_gsub(L, module, ".", "/");
}

/* A folder's init.lua is found by the name of the folder. */
static int searcher(lua_State *L)
{
	const char *module = luaL_checkstring(L, 1);
	const char *file = push_module_file(L, module);
	const char *name = lua_pushfstring(L, "lua/%s.lua", file);

	if (push_resource(L, name) == 0 &&
		push_resource(L, lua_pushfstring(L, "lua/%s/init.lua", file)) == 0) {
		lua_pushfstring(L, "no file '%s' in the program or its override directory", name);
		return 1;
	}
	if (luaL_loadbufferx(L, lua_tostring(L, -2), lua_rawlen(L, -2), lua_tostring(L, -1), "t") !=
		LUA_OK)
		return luaL_error(L, "module '%s': %s", module, lua_tostring(L, -1));
	lua_pushvalue(L, -2);
	return 2;
}

/* resource.read(name) -> content, origin; nil when there is none. */
static int resource_read(lua_State *L)
{
	int n = push_resource(L, bu_checkcstr(L, 1));

	if (n == 0)
		lua_pushnil(L);
	return n == 0 ? 1 : n;
}

/* resource.list(prefix) -> sorted names of the embedded files that begin with it. */
static int resource_list(lua_State *L)
{
	const char *prefix = luaL_optstring(L, 1, "");
	lua_Integer n = 0;

	lua_newtable(L);
	for (size_t i = 0; i < embedded_file_count; i++) {
		if (strncmp(embedded_files[i].name, prefix, strlen(prefix)) != 0)
			continue;
		lua_pushstring(L, embedded_files[i].name);
		lua_seti(L, -2, ++n);
	}
	return 1;
}

static int open_resource(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"read", resource_read}, {"list", resource_list}, {NULL, NULL}};

	luaL_newlib(L, functions);
	lua_pushliteral(L, ALTMIG_VERSION);
	lua_setfield(L, -2, "version");
	return 1;
}

void loader_install(lua_State *L, const char *override)
{
	lua_pushstring(L, override); /* nil for NULL */
	lua_setfield(L, LUA_REGISTRYINDEX, "altmig.override");

	lua_getglobal(L, "package");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "path");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	lua_getfield(L, -1, "searchers");
	lua_pushcfunction(L, searcher);
	lua_rawseti(L, -2, 3); /* takes the place of the searcher for C libraries */
	lua_pushnil(L);
	lua_rawseti(L, -2, 4);
	lua_pop(L, 1);

	lua_getfield(L, -1, "preload");
	for (const luaL_Reg *module = host_modules; module->name != NULL; module++) {
		lua_pushcfunction(L, module->func);
		lua_setfield(L, -2, module->name);
	}
	lua_pushcfunction(L, open_resource);
	lua_setfield(L, -2, "altmig.resource");
	lua_pop(L, 2);
}
