/* SPDX-License-Identifier: MIT */
/*
 * altmig.sandbox: Lua text that describes something, run in an interpreter of its own: no library,
 * so much time and memory, and what it returns is copied out. It cannot change anything of ours.
 */
#include "bindutil.h"
#include "bind_modules.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOX_CLASS "altmig.sandbox.box"

enum {
	MEMORY_MAX = 64 << 20,
	TEXT_MAX = 64 << 20,     /* of the strings that are copied: one may be in a table often */
	ALLOCATED_MAX = 1 << 30, /* in all, what is given back included */
	STEP = 1000,
	STEPS_MAX = 100000, /* of STEP instructions each: a second or two */
	SECONDS_MAX = 2,    /* of the processor: one instruction may compare many MiB */
	DEPTH_MAX = 64,
	VALUES_MAX = 1 << 20,
};

struct box {
	lua_State *L;
	size_t used, allocated, copied;
	long steps, values;
	clock_t start;
	int endless;
};

static void *box_alloc(void *context, void *block, size_t before, size_t after)
{
	struct box *box = context;
	void *moved;

	if (block == NULL)
		before = 0; /* it is a type */
	if (after == 0) {
		free(block);
		box->used -= before;
		return NULL;
	}
	if (after > before && after - before > MEMORY_MAX - box->used)
		return NULL;
	if (after > before && after > ALLOCATED_MAX - box->allocated) {
		box->endless = 1;
		return NULL;
	}
	moved = realloc(block, after);
	if (moved != NULL && after > before)
		box->allocated += after;
	if (moved != NULL)
		box->used = box->used - before + after;
	return moved;
}

static int box_gc(lua_State *L)
{
	struct box *box = luaL_checkudata(L, 1, BOX_CLASS);

	if (box->L != NULL)
		lua_close(box->L);
	box->L = NULL;
	return 0;
}

static void count_steps(lua_State *L, lua_Debug *debug)
{
	void *context;
	struct box *box;

	(void)debug;
	lua_getallocf(L, &context);
	box = context;
	if (++box->steps < STEPS_MAX &&
		(clock() - box->start) / CLOCKS_PER_SEC < (clock_t)SECONDS_MAX)
		return;
	box->endless = 1;
	lua_pushliteral(L, "no end");
	lua_error(L);
}

static int fail(struct box *box, const char *name, int status, struct am_error *error)
{
	const char *text = lua_type(box->L, -1) == LUA_TSTRING ? lua_tostring(box->L, -1) : "error";

	if (box->endless)
		return am_fail(error, "SANDBOX", "%s: runs without end", name);
	if (status == LUA_ERRMEM)
		return am_fail(error, "SANDBOX", "%s: takes more than %d MiB of memory", name,
			MEMORY_MAX >> 20);
	if (strncmp(text, name, strlen(name)) != 0) /* said before a line was looked at */
		return am_fail(error, "SANDBOX", "%s: %.900s", name, text);
	return am_fail(error, "SANDBOX", "%.900s", text);
}

/* What is at the top of the box, on ours; 0, or -1. Takes it off the box. */
static int copy_out(
	lua_State *L, struct box *box, const char *name, int depth, struct am_error *error)
{
	lua_State *from = box->L;
	int type = lua_type(from, -1);
	size_t length;
	const char *text;

	if (++box->values > VALUES_MAX)
		return am_fail(
			error, "SANDBOX", "%s: returns more than %d values", name, VALUES_MAX);
	if (depth > DEPTH_MAX || !lua_checkstack(from, 4))
		return am_fail(
			error, "SANDBOX", "%s: returns tables more than %d deep", name, DEPTH_MAX);
	luaL_checkstack(L, 4, NULL);
	switch (type) {
	case LUA_TBOOLEAN:
		lua_pushboolean(L, lua_toboolean(from, -1));
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(from, -1))
			lua_pushinteger(L, lua_tointeger(from, -1));
		else
			lua_pushnumber(L, lua_tonumber(from, -1));
		break;
	case LUA_TSTRING:
		text = lua_tolstring(from, -1, &length);
		if (length > TEXT_MAX - box->copied)
			return am_fail(error, "SANDBOX", "%s: returns more than %d MiB of text",
				name, TEXT_MAX >> 20);
		box->copied += length;
		lua_pushlstring(L, text, length);
		break;
	case LUA_TNIL:
		lua_pushnil(L);
		break;
	case LUA_TTABLE:
		lua_newtable(L);
		for (lua_pushnil(from); lua_next(from, -2) != 0;) {
			lua_pushvalue(from, -2);
			for (int part = 0; part < 2;
				part++) { /* the key, which is on top; the value */
				if (copy_out(L, box, name, depth + 1, error) != 0)
					return -1;
			}
			lua_rawset(L, -3);
		}
		break;
	default:
		return am_fail(error, "SANDBOX", "%s: returns a %s among its values", name,
			lua_typename(from, type));
	}
	lua_pop(from, 1);
	return 0;
}

/* sandbox.evaluate(text, name) -> value */
static int l_evaluate(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}}, meta[] = {{"__gc", box_gc}, {NULL, NULL}};
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	const char *name = bu_checkcstr(L, 2), *chunk;
	struct am_error error;
	struct box *box;
	int status;

	chunk = lua_pushfstring(L, "@%s", name);
	bu_newclass(L, BOX_CLASS, none, meta);
	box = lua_newuserdatauv(L, sizeof *box, 0);
	*box = (struct box){.start = clock()};
	luaL_setmetatable(L, BOX_CLASS);
	box->L = lua_newstate(box_alloc, box);
	if (box->L == NULL)
		return luaL_error(L, "not enough memory");
	lua_sethook(box->L, count_steps, LUA_MASKCOUNT, STEP);
	status = luaL_loadbufferx(box->L, text, length, chunk, "t");
	if (status == LUA_OK)
		status = lua_pcall(box->L, 0, 1, 0);
	if (status != LUA_OK) {
		fail(box, name, status, &error);
		return bu_fail(L, &error);
	}
	lua_sethook(box->L, NULL, 0, 0);
	if (copy_out(L, box, name, 0, &error) != 0)
		return bu_fail(L, &error);
	return 1;
}

int luaopen_altmig_sandbox(lua_State *L)
{
	static const luaL_Reg functions[] = {{"evaluate", l_evaluate}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
