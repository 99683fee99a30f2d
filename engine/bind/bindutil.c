/* SPDX-License-Identifier: MIT */
#include "bindutil.h"

#include <stdio.h>
#include <string.h>

#define BUFFER_CLASS "altmig.buffer"
#define READER_CLASS "altmig.reader"

int bu_fail(lua_State *L, const struct am_error *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error->message);
	lua_pushstring(L, error->code);
	return 3;
}

const char *bu_checkcstr(lua_State *L, int arg)
{
	size_t length;
	const char *text = luaL_checklstring(L, arg, &length);

	luaL_argcheck(L, strlen(text) == length, arg, "string contains a NUL byte");
	return text;
}

const char *bu_optcstr(lua_State *L, int arg, const char *fallback)
{
	return lua_isnoneornil(L, arg) ? fallback : bu_checkcstr(L, arg);
}

lua_Integer bu_checkrange(lua_State *L, int arg, lua_Integer low, lua_Integer high)
{
	lua_Integer value = luaL_checkinteger(L, arg);

	luaL_argcheck(L, value >= low && value <= high, arg, "number out of range");
	return value;
}

/* Pushes the field (or nil) and returns its type. [-0, +1, e] */
static int push_field(lua_State *L, int arg, const char *name)
{
	if (lua_isnoneornil(L, arg)) {
		lua_pushnil(L);
		return LUA_TNIL;
	}
	luaL_checktype(L, arg, LUA_TTABLE);
	return lua_getfield(L, arg, name);
}

static int field_error(lua_State *L, const char *name, const char *wanted)
{
	return luaL_error(L, "field '%s': %s expected, got %s", name, wanted, luaL_typename(L, -1));
}

const char *bu_fieldstr(lua_State *L, int arg, const char *name, const char *fallback)
{
	const char *text = fallback;
	size_t length;

	switch (push_field(L, arg, name)) {
	case LUA_TNIL:
		break;
	case LUA_TSTRING:
		text = lua_tolstring(L, -1, &length);
		if (strlen(text) != length)
			luaL_error(L, "field '%s': string contains a NUL byte", name);
		break;
	default:
		field_error(L, name, "string");
	}
	lua_pop(L, 1);
	return text;
}

lua_Integer bu_fieldint(lua_State *L, int arg, const char *name, lua_Integer fallback)
{
	lua_Integer value = fallback;

	if (push_field(L, arg, name) != LUA_TNIL) {
		int isnum;

		value = lua_tointegerx(L, -1, &isnum);
		if (!isnum)
			field_error(L, name, "integer");
	}
	lua_pop(L, 1);
	return value;
}

lua_Number bu_fieldnum(lua_State *L, int arg, const char *name, lua_Number fallback)
{
	lua_Number value = fallback;

	if (push_field(L, arg, name) != LUA_TNIL) {
		int isnum;

		value = lua_tonumberx(L, -1, &isnum);
		if (!isnum)
			field_error(L, name, "number");
	}
	lua_pop(L, 1);
	return value;
}

int bu_fieldbool(lua_State *L, int arg, const char *name, int fallback)
{
	int value = fallback;

	switch (push_field(L, arg, name)) {
	case LUA_TNIL:
		break;
	case LUA_TBOOLEAN:
		value = lua_toboolean(L, -1);
		break;
	default:
		field_error(L, name, "boolean");
	}
	lua_pop(L, 1);
	return value;
}

int bu_fieldfn(lua_State *L, int arg, const char *name)
{
	switch (push_field(L, arg, name)) {
	case LUA_TNIL:
		lua_pop(L, 1);
		return 0;
	case LUA_TFUNCTION:
		return 1;
	default:
		return field_error(L, name, "function");
	}
}

struct am_slice bu_optslice(lua_State *L, int arg, const char *name, const char *fallback)
{
	struct am_slice text = {NULL, 0};
	int type = lua_getfield(L, arg, name);

	if (type == LUA_TSTRING)
		text.at = lua_tolstring(L, -1, &text.length);
	else if (type != LUA_TNIL)
		field_error(L, name, "string");
	else if (fallback != NULL)
		text = am_slice_of(fallback);
	lua_pop(L, 1);
	return text;
}

struct am_slice bu_checkslice(lua_State *L, int arg, const char *name)
{
	struct am_slice text = bu_optslice(L, arg, name, NULL);

	if (text.at == NULL)
		luaL_error(L, "field '%s': string expected, got nil", name);
	return text;
}

void bu_setslice(lua_State *L, const char *name, struct am_slice text)
{
	lua_pushlstring(L, text.length > 0 ? text.at : "", text.length);
	lua_setfield(L, -2, name);
}

void bu_setint(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

void bu_setints(lua_State *L, const struct bu_int *list)
{
	for (; list->name != NULL; list++)
		bu_setint(L, list->name, list->value);
}

void bu_setstr(lua_State *L, const char *name, const char *value)
{
	lua_pushstring(L, value); /* nil for NULL */
	lua_setfield(L, -2, name);
}

const char **bu_checkargv(lua_State *L, int arg, size_t *count)
{
	const char **argv;
	lua_Integer n;

	luaL_checktype(L, arg, LUA_TTABLE);
	n = luaL_len(L, arg);
	luaL_argcheck(L, n >= 0 && n < 100000, arg, "list too long");
	argv = lua_newuserdatauv(L, sizeof *argv * ((size_t)n + 1), 1);
	lua_createtable(L, (int)n, 0); /* keeps the strings, whatever becomes of the list */
	for (lua_Integer i = 1; i <= n; i++) {
		size_t length;

		if (lua_geti(L, arg, i) != LUA_TSTRING)
			luaL_error(L, "word %I of the list: string expected, got %s", i,
				luaL_typename(L, -1));
		argv[i - 1] = lua_tolstring(L, -1, &length);
		if (strlen(argv[i - 1]) != length)
			luaL_error(L, "word %I of the list contains a NUL byte", i);
		lua_rawseti(L, -2, i);
	}
	lua_setiuservalue(L, -2, 1);
	argv[n] = NULL;
	if (count != NULL)
		*count = (size_t)n;
	return argv;
}

int bu_pcall(lua_State *L, int nargs, int nresults, struct am_error *error)
{
	const char *message;

	if (lua_pcall(L, nargs, nresults, 0) == LUA_OK)
		return 0;
	/* Only a string is looked at: making text of anything else could raise again. */
	message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error object";
	/* Not one line, as other messages are: it may carry the traceback of the script. */
	if (error != NULL) {
		snprintf(error->code, sizeof error->code, "CALLBACK");
		snprintf(error->message, sizeof error->message, "callback: %s", message);
	}
	lua_pop(L, 1);
	return -1;
}

void bu_newclass(
	lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metamethods)
{
	if (luaL_newmetatable(L, name)) {
		luaL_setfuncs(L, metamethods, 0);
		lua_newtable(L);
		luaL_setfuncs(L, methods, 0);
		lua_setfield(L, -2, "__index");
	}
	lua_pop(L, 1);
}

static int buffer_free(lua_State *L)
{
	am_buf_free(lua_touserdata(L, 1));
	return 0;
}

struct am_buf *bu_newbuf(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", buffer_free}, {NULL, NULL}};
	struct am_buf *buf;

	bu_newclass(L, BUFFER_CLASS, none, metamethods);
	buf = lua_newuserdatauv(L, sizeof *buf, 0);
	*buf = (struct am_buf){0};
	luaL_setmetatable(L, BUFFER_CLASS);
	return buf;
}

struct reader_box {
	struct am_reader *reader; /* first: the slot of bu_newreader */
	int uses;                 /* calls that read from it while their callbacks run */
};

static void check_unused(lua_State *L, const struct reader_box *box)
{
	if (box->uses > 0)
		luaL_error(L, "the reader is in use by the call this comes from");
}

static int reader_close(lua_State *L)
{
	struct reader_box *box = luaL_checkudata(L, 1, READER_CLASS);
	struct am_reader *reader = box->reader;

	check_unused(L, box);
	box->reader = NULL;
	am_reader_close(reader);
	return 0;
}

/* r:read(n) -> string, "" at the end; nil, message, code on failure. */
static int reader_read(lua_State *L)
{
	struct am_reader *reader = bu_checkreader(L, 1);
	size_t size = (size_t)bu_checkrange(L, 2, 1, 64 << 20);
	struct am_error error;
	luaL_Buffer buffer;
	char *data = luaL_buffinitsize(L, &buffer, size);
	ssize_t n = reader->read(reader, data, size, &error);

	luaL_pushresultsize(&buffer, n > 0 ? (size_t)n : 0);
	return n < 0 ? bu_fail(L, &error) : 1;
}

static int reader_tostring(lua_State *L)
{
	const struct reader_box *box = luaL_checkudata(L, 1, READER_CLASS);

	lua_pushfstring(L, "reader (%s)", box->reader != NULL ? box->reader->name : "closed");
	return 1;
}

struct am_reader **bu_newreader(lua_State *L, int parent)
{
	static const luaL_Reg methods[] = {
		{"read", reader_read}, {"close", reader_close}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", reader_close}, {"__close", reader_close},
		{"__tostring", reader_tostring}, {NULL, NULL}};
	struct reader_box *box;

	if (parent != 0)
		parent = lua_absindex(L, parent);
	bu_newclass(L, READER_CLASS, methods, metamethods);
	box = lua_newuserdatauv(L, sizeof *box, 1);
	*box = (struct reader_box){0};
	luaL_setmetatable(L, READER_CLASS);
	if (parent != 0) {
		lua_pushvalue(L, parent);
		lua_setiuservalue(L, -2, 1);
	}
	return &box->reader;
}

struct am_reader *bu_testreader(lua_State *L, int arg)
{
	const struct reader_box *box = luaL_testudata(L, arg, READER_CLASS);

	return box != NULL && box->reader != NULL ? bu_checkreader(L, arg) : NULL;
}

struct am_reader *bu_checkreader(lua_State *L, int arg)
{
	const struct reader_box *box = luaL_checkudata(L, arg, READER_CLASS);

	luaL_argcheck(L, box->reader != NULL, arg, "reader is closed");
	check_unused(L, box);
	return box->reader;
}

int *bu_readeruses(lua_State *L, int arg)
{
	struct reader_box *box = luaL_checkudata(L, arg, READER_CLASS);

	return &box->uses;
}

struct am_reader *bu_takereader(lua_State *L, int arg)
{
	struct am_reader *reader = bu_checkreader(L, arg);

	((struct reader_box *)lua_touserdata(L, arg))->reader = NULL;
	return reader;
}
