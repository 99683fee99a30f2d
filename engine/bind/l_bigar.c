/* SPDX-License-Identifier: MIT */
/* altmig.bigar: AIX archives (ar), as liblpp.a of installp images. */
#include <string.h>

#include "archive/bigar.h"
#include "bindutil.h"
#include "bind_modules.h"

#define PARSED_CLASS "altmig.bigar.parsed"

static int parsed_free(lua_State *L)
{
	struct am_bigar **slot = luaL_checkudata(L, 1, PARSED_CLASS);
	struct am_bigar *archive = *slot;

	*slot = NULL;
	am_bigar_free(archive);
	return 0;
}

static void push_member(lua_State *L, const struct am_bigar_member *m)
{
	lua_createtable(L, 0, 8);
	bu_setstr(L, "name", m->name);
	bu_setint(L, "date", (lua_Integer)m->date);
	bu_setint(L, "uid", m->uid);
	bu_setint(L, "gid", m->gid);
	bu_setint(L, "mode", m->mode);
	bu_setint(L, "size", (lua_Integer)m->size);
	lua_pushlstring(L, (const char *)m->data, m->size);
	lua_setfield(L, -2, "data");
}

/* bigar.parse(data [, name]) -> list of members */
static int l_parse(lua_State *L)
{
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);
	const char *name = bu_optcstr(L, 2, "archive");
	struct am_bigar **slot = lua_newuserdatauv(L, sizeof *slot, 0);
	struct am_error error;
	size_t count;

	*slot = NULL;
	luaL_setmetatable(L, PARSED_CLASS);
	*slot = am_bigar_parse(name, data, length, &error);
	if (*slot == NULL)
		return bu_fail(L, &error);
	count = am_bigar_count(*slot);
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		push_member(L, am_bigar_member(*slot, i));
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static uint32_t field32(lua_State *L, int arg, const char *name, lua_Integer fallback)
{
	lua_Integer value = bu_fieldint(L, arg, name, fallback);

	if (value < 0 || value > UINT32_MAX)
		luaL_error(L, "field '%s': %I is out of range", name, value);
	return (uint32_t)value;
}

/* The member at the top of the stack; its strings stay in its table. */
static void check_member(lua_State *L, struct am_bigar_member *m)
{
	int arg = lua_gettop(L);
	size_t length;

	luaL_checktype(L, arg, LUA_TTABLE);
	m->name = bu_fieldstr(L, arg, "name", NULL);
	if (m->name == NULL)
		luaL_error(L, "field 'name': string expected");
	m->date = (uint64_t)field32(L, arg, "date", 0);
	m->uid = field32(L, arg, "uid", 0);
	m->gid = field32(L, arg, "gid", 0);
	m->mode = field32(L, arg, "mode", 0100644);
	if (lua_getfield(L, arg, "data") != LUA_TSTRING)
		luaL_error(L, "field 'data': string expected");
	m->data = (const unsigned char *)lua_tolstring(L, -1, &length);
	m->size = length;
	lua_pop(L, 1);
}

/* bigar.format(members) -> data */
static int l_format(lua_State *L)
{
	struct am_bigar_member *members;
	struct am_error error;
	struct am_buf *out;
	lua_Integer count;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = luaL_len(L, 1);
	luaL_argcheck(L, count >= 0 && count < 1000000, 1, "list too long");
	members = lua_newuserdatauv(L, sizeof *members * ((size_t)count + 1), 0);
	memset(members, 0, sizeof *members * ((size_t)count + 1));
	for (lua_Integer i = 1; i <= count; i++) {
		lua_geti(L, 1, i);
		check_member(L, &members[i - 1]);
		lua_pop(L, 1);
	}
	out = bu_newbuf(L);
	if (am_bigar_format(members, (size_t)count, out, &error) != 0)
		return bu_fail(L, &error);
	lua_pushlstring(L, out->data, out->length);
	am_buf_free(out);
	return 1;
}

int luaopen_altmig_bigar(lua_State *L)
{
	static const luaL_Reg methods[] = {{NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", parsed_free}, {NULL, NULL}};
	static const luaL_Reg functions[] = {
		{"parse", l_parse}, {"format", l_format}, {NULL, NULL}};

	bu_newclass(L, PARSED_CLASS, methods, metamethods);
	luaL_newlib(L, functions);
	return 1;
}
