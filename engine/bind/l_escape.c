/* SPDX-License-Identifier: MIT */
/* altmig.escape: text that a terminal shows and does not obey (core/escape.h has the form). */
#include "bindutil.h"
#include "base/escape.h"
#include "bind_modules.h"

static int escape(lua_State *L, unsigned flags)
{
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	struct am_buf *out;
	struct am_error error;

	if (lua_toboolean(L, 2))
		flags |= AM_ESCAPE_ASCII;
	out = bu_newbuf(L);
	if (am_escape(out, text, length, flags, &error) != 0)
		return luaL_error(L, "%s", error.message);
	lua_pushlstring(L, out->data, out->length);
	am_buf_free(out);
	return 1;
}

static int l_line(lua_State *L)
{
	return escape(L, 0);
}

static int l_lines(lua_State *L)
{
	return escape(L, AM_ESCAPE_LINES);
}

static int l_quoted(lua_State *L)
{
	return escape(L, AM_ESCAPE_QUOTED);
}

int luaopen_altmig_escape(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"line", l_line}, {"lines", l_lines}, {"quoted", l_quoted}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
