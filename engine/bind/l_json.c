/* SPDX-License-Identifier: MIT */
/* altmig.json. */
#include "bind_json.h"
#include "bind_modules.h"
#include "bindutil.h"

static int l_encode(lua_State *L)
{
	struct bu_json_options options = {0};
	struct am_error error;
	struct am_buf *out;
	lua_Integer indent;

	luaL_checkany(L, 1);
	lua_settop(L, 2);
	indent = bu_fieldint(L, 2, "indent", 0);
	luaL_argcheck(L, indent >= 0 && indent <= 16, 2, "field 'indent' out of range");
	options.indent = (int)indent;
	options.unsorted = !bu_fieldbool(L, 2, "sort", 1);
	options.lossy = bu_fieldbool(L, 2, "lossy", 0);
	out = bu_newbuf(L);
	if (bu_json_encode(L, 1, &options, out, &error) != 0) {
		am_buf_free(out);
		return bu_fail(L, &error);
	}
	lua_pushlstring(L, out->data, out->length);
	am_buf_free(out);
	return 1;
}

static int l_decode(lua_State *L)
{
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	struct am_error error;

	return bu_json_decode(L, text, length, &error) == 0 ? 1 : bu_fail(L, &error);
}

/* json.array([t]) -> t, marked, so that it is an array also when empty. */
static int l_array(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_setmetatable(L, BU_JSON_ARRAY);
	return 1;
}

int luaopen_altmig_json(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"array", l_array}, {"decode", l_decode}, {"encode", l_encode}, {NULL, NULL}};

	bu_json_array_class(L);
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	return 1;
}
