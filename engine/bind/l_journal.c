/* SPDX-License-Identifier: MIT */
/* altmig.journal: records of a migration, durable one by one. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bindutil.h"
#include "host/journal.h"
#include "bind_json.h"
#include "bind_modules.h"

#define JOURNAL_CLASS "altmig.journal"

struct handle {
	struct am_journal *journal; /* NULL: closed */
};

static int l_close(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, JOURNAL_CLASS);
	struct am_journal *journal = handle->journal;

	handle->journal = NULL;
	am_journal_close(journal);
	return 0;
}

static struct am_journal *check_journal(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, JOURNAL_CLASS);

	luaL_argcheck(L, handle->journal != NULL, 1, "journal is closed");
	return handle->journal;
}

/* Pushes the time as people and every tool read it: UTC with milliseconds. */
static void push_time(lua_State *L)
{
	struct timespec now;
	struct tm parts;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + n, sizeof text - n, ".%03ldZ", now.tv_nsec / 1000000);
	lua_pushstring(L, text);
}

/* Pushes a copy of the record at `index` that has a time. [-0, +1, m] */
static void push_record(lua_State *L, int index)
{
	lua_newtable(L);
	push_time(L);
	lua_setfield(L, -2, "time");
	for (lua_pushnil(L); lua_next(L, index) != 0;) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -4);
	}
}

static int l_append(lua_State *L)
{
	const struct bu_json_options options = {.lossy = 1};
	struct am_journal *journal = check_journal(L);
	struct am_error error;
	struct am_buf *line;
	int result;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	push_record(L, 2);
	line = bu_newbuf(L);
	result = bu_json_encode(L, 3, &options, line, &error);
	if (result == 0)
		result = am_journal_append(journal, line->data, line->length, &error);
	am_buf_free(line);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_records(lua_State *L)
{
	struct am_journal *journal = check_journal(L);
	struct am_buf *lines;
	struct am_error error;
	lua_Integer n = 0;
	const char *line;

	lua_settop(L, 1);
	lines = bu_newbuf(L);
	if (am_journal_read(journal, lines, &error) != 0)
		return bu_fail(L, &error);
	lua_newtable(L);
	line = lines->data;
	while (line < lines->data + lines->length) {
		const char *end = strchr(line, '\n'); /* a good line holds no NUL */

		if (bu_json_decode(L, line, (size_t)(end - line), &error) != 0)
			return bu_fail(L, &error);
		lua_seti(L, 3, ++n);
		line = end + 1;
	}
	am_buf_free(lines);
	return 1;
}

static int l_open(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	int readonly = bu_fieldbool(L, 2, "readonly", 0);
	struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
	struct am_error error;

	handle->journal = NULL;
	luaL_setmetatable(L, JOURNAL_CLASS);
	handle->journal = am_journal_open(path, readonly, &error);
	return handle->journal != NULL ? 1 : bu_fail(L, &error);
}

int luaopen_altmig_journal(lua_State *L)
{
	static const luaL_Reg functions[] = {{"open", l_open}, {NULL, NULL}};
	static const luaL_Reg methods[] = {
		{"append", l_append}, {"close", l_close}, {"records", l_records}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {
		{"__close", l_close}, {"__gc", l_close}, {NULL, NULL}};

	bu_newclass(L, JOURNAL_CLASS, methods, metamethods);
	luaL_newlib(L, functions);
	return 1;
}
