/* SPDX-License-Identifier: MIT */
/*
 * altmig.line: lines for the prompt, and the way back from Ctrl-C. The prompt itself is Lua
 * (altmig.repl).
 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bindutil.h"
#include "interrupt.h"
#include "line.h"

#define LINE_CLASS "altmig.line"

struct handle {
	struct line_reader *reader; /* NULL: closed */
	lua_State *L;               /* of the read that runs, for the completion */
	int complete;               /* stack index of its function in L, 0: none */
	int editing;
};

static int l_close(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, LINE_CLASS);
	struct line_reader *reader = handle->reader;

	handle->reader = NULL;
	if (reader == NULL)
		return 0;
	interrupt_prompt(0);
	reader->close(reader);
	return 0;
}

static struct handle *check_handle(lua_State *L)
{
	struct handle *handle = luaL_checkudata(L, 1, LINE_CLASS);

	luaL_argcheck(L, handle->reader != NULL, 1, "line reader is closed");
	return handle;
}

struct completion {
	const char *before;
	size_t length;
	struct am_buf *insert, *show;
};

static void keep_string(lua_State *L, int index, struct am_buf *buf)
{
	struct am_error ignored;
	const char *text;
	size_t length;

	if (lua_type(L, index) != LUA_TSTRING)
		return;
	text = lua_tolstring(L, index, &length);
	(void)am_buf_add(buf, text, length, &ignored);
}

/* Runs protected: the Lua function and a light userdata are its arguments. */
static int call_complete(lua_State *L)
{
	const struct completion *completion = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushlstring(L, completion->before, completion->length);
	lua_call(L, 1, 2);
	keep_string(L, 1, completion->insert);
	keep_string(L, 2, completion->show);
	return 0;
}

/* A completion that fails completes nothing. */
static void complete(void *context, const char *before, size_t length, struct am_buf *insert,
	struct am_buf *show)
{
	const struct handle *handle = context;
	struct completion completion = {before, length, insert, show};
	struct am_error ignored;
	lua_State *L = handle->L;

	if (handle->complete == 0)
		return;
	lua_pushcfunction(L, call_complete);
	lua_pushvalue(L, handle->complete);
	lua_pushlightuserdata(L, &completion);
	(void)bu_pcall(L, 2, 0, &ignored);
}

static int want_editor(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

/* line.open{ history=, complete= } -> editor */
static int l_open(lua_State *L)
{
	const char *history;
	struct handle *handle;
	struct am_error error;

	lua_settop(L, 1);
	history = bu_fieldstr(L, 1, "history", NULL);
	handle = lua_newuserdatauv(L, sizeof *handle, 1);
	*handle = (struct handle){0};
	luaL_setmetatable(L, LINE_CLASS);
	if (bu_fieldfn(L, 1, "complete"))
		lua_setiuservalue(L, 2, 1);
	if (want_editor()) {
		setlocale(LC_CTYPE, ""); /* the editor counts columns, not bytes */
		handle->reader = line_libedit_open(history, complete, handle, &error);
		handle->editing = handle->reader != NULL;
	}
	if (handle->reader == NULL)
		handle->reader = line_plain_open(&error);
	if (handle->reader == NULL)
		return bu_fail(L, &error);
	interrupt_prompt(1);
	return 1;
}

/* editor:read(prompt) -> line; nil at the end; nil, message, code. */
static int l_read(lua_State *L)
{
	struct handle *handle = check_handle(L);
	const char *prompt = bu_checkcstr(L, 2);
	struct am_error error;
	struct am_buf *line;
	int result;

	lua_settop(L, 2);
	handle->L = L;
	handle->complete = lua_getiuservalue(L, 1, 1) == LUA_TFUNCTION ? 3 : 0;
	line = bu_newbuf(L);
	luaL_checkstack(L, 20, "completion");
	result = handle->reader->read(handle->reader, prompt, line, &error);
	if (result < 0) {
		int number = interrupt_signal();

		interrupt_ready();
		if (number == SIGTERM) { /* whoever sends this wants the prompt to end */
			lua_pushnil(L);
			return 1;
		}
		return bu_fail(L, &error);
	}
	if (result == 0)
		lua_pushnil(L);
	else
		lua_pushlstring(L, line->data != NULL ? line->data : "", line->length);
	am_buf_free(line);
	return 1;
}

static int l_remember(lua_State *L)
{
	struct handle *handle = check_handle(L);
	size_t length;
	const char *text = luaL_checklstring(L, 2, &length);
	struct am_error error;

	if (strlen(text) == length && handle->reader->remember(handle->reader, text, &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* Whether lines are edited on a terminal: then answers may be decorated. */
static int l_editing(lua_State *L)
{
	lua_pushboolean(L, check_handle(L)->editing);
	return 1;
}

/* line.ready() -> name of the signal that is forgotten by this, nil when there was none. */
static int l_ready(lua_State *L)
{
	int number = interrupt_signal();

	interrupt_ready();
	if (number == 0)
		lua_pushnil(L);
	else
		lua_pushstring(L, number == SIGTERM ? "TERM" : "INT");
	return 1;
}

int luaopen_altmig_line(lua_State *L)
{
	static const luaL_Reg functions[] = {{"open", l_open}, {"ready", l_ready}, {NULL, NULL}};
	static const luaL_Reg methods[] = {{"close", l_close}, {"editing", l_editing},
		{"read", l_read}, {"remember", l_remember}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {
		{"__close", l_close}, {"__gc", l_close}, {NULL, NULL}};

	bu_newclass(L, LINE_CLASS, methods, metamethods);
	luaL_newlib(L, functions);
	return 1;
}
