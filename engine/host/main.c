/* SPDX-License-Identifier: MIT */
/*
 * altmig, and nimadm when called by that name. Everything but the set-up is Lua: altmig.cli gets
 * the arguments and returns the exit status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/cancel.h"
#include "base/escape.h"
#include "interrupt.h"
#include "loader.h"
#include "base/os.h"

static int message_handler(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TSTRING) /* an error object carries what it needs */
		return 1;
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

/* argv as a light userdata, its count: everything here may raise, so it runs protected. */
static int pmain(lua_State *L)
{
	int argc = (int)lua_tointeger(L, 1);
	char **argv = lua_touserdata(L, 2);
	const char *override = getenv("ALTMIG_LUA");
	int first = 1;

	if (argc >= 3 && strcmp(argv[1], "--lua") == 0) {
		override = argv[2];
		first = 3;
	}
	luaL_openlibs(L);
	interrupt_watch_coroutines(L);
	loader_install(L, override);
	lua_settop(L, 0);
	lua_pushcfunction(L, message_handler);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "altmig.cli");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "main");
	lua_createtable(L, argc, 0);
	lua_pushstring(L, argc > 0 ? argv[0] : "altmig");
	lua_seti(L, -2, 0);
	for (int i = first; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_seti(L, -2, i - first + 1);
	}
	if (lua_pcall(L, 1, 1, 1) != LUA_OK)
		return lua_error(L);
	return 1;
}

int main(int argc, char **argv)
{
	int status = 1;
	lua_State *L;

	am_os_keep_private();
	am_os_keep_memory();
	L = luaL_newstate();
	if (L == NULL) {
		fputs("altmig: no memory\n", stderr);
		return 1;
	}
	interrupt_install(L);
	lua_pushcfunction(L, pmain);
	lua_pushinteger(L, argc);
	lua_pushlightuserdata(L, argv);
	if (lua_pcall(L, 2, 1, 0) == LUA_OK) {
		status = (int)lua_tointeger(L, -1);
	} else {
		size_t length;
		const char *message = luaL_tolstring(L, -1, &length);
		char text[4096];

		am_escape_to(text, sizeof text, message, length, AM_ESCAPE_LINES | AM_ESCAPE_ASCII);
		fprintf(stderr, "altmig: %s\n", am_cancelled() ? "interrupted" : text);
		status = am_cancelled() ? 130 : 1;
	}
	lua_close(L);
	return status;
}
