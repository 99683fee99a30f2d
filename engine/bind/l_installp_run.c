/* SPDX-License-Identifier: MIT */
/* altmig.installp_run: the words that call installp, and its output as it comes. */
#include <string.h>

#include "aix/installp.h"
#include "bindutil.h"
#include "bind_modules.h"

#define OUTPUT_CLASS "altmig.installp_run.output"

enum { NAMES = 16 }; /* that a cut name can stand for, of those that are handed over */

/* Sets a field that a row of this kind has. */
static void set_slice(lua_State *L, const char *name, struct am_slice text)
{
	if (text.at != NULL)
		bu_setslice(L, name, text);
}

/* The list { fileset=, level= } at `arg`, in a userdata on the stack. [-0, +1, v] */
static struct am_installp_fileset *push_filesets(lua_State *L, int arg, size_t *count)
{
	struct am_installp_fileset *list;

	luaL_checktype(L, arg, LUA_TTABLE);
	*count = (size_t)luaL_len(L, arg);
	luaL_argcheck(L, *count < 1000000, arg, "list too long");
	list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
	for (size_t i = 0; i < *count; i++) {
		lua_geti(L, arg, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		list[i].name = bu_checkslice(L, -1, "fileset");
		list[i].level = bu_optslice(L, -1, "level", NULL);
		lua_pop(L, 1);
	}
	return list;
}

static void take_operation(lua_State *L, struct am_installp_request *request)
{
	static const char *const names[] = {
		"apply", "commit", "reject", "remove", "cleanup", "list"};
	const char *name = bu_fieldstr(L, 1, "operation", NULL);

	for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++) {
		if (strcmp(name, names[i]) == 0) {
			request->operation = (enum am_installp_operation)i;
			return;
		}
	}
	luaL_error(L, "field 'operation': apply, commit, reject, remove, cleanup or list expected");
}

/* argv(request) -> list of words */
static int l_argv(lua_State *L)
{
	struct am_installp_request request = {0};
	struct am_error error;
	struct am_buf *words;
	const char *at;
	size_t count;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	take_operation(L, &request);
	request.is_preview = bu_fieldbool(L, 1, "preview", 0);
	request.flags = bu_optslice(L, 1, "flags", NULL);
	request.device = bu_optslice(L, 1, "device", NULL);
	request.log = bu_optslice(L, 1, "log", NULL);
	request.list = bu_optslice(L, 1, "list", NULL);
	if (lua_getfield(L, 1, "filesets") != LUA_TNIL)
		request.filesets = push_filesets(L, 2, &request.count);
	words = bu_newbuf(L);
	if (am_installp_words(&request, words, &count, &error) != 0)
		return bu_fail(L, &error);
	lua_createtable(L, (int)count, 0);
	at = words->data;
	for (size_t i = 0; i < count; i++) {
		lua_pushstring(L, at);
		lua_seti(L, -2, (lua_Integer)i + 1);
		at += strlen(at) + 1;
	}
	am_buf_free(words);
	return 1;
}

/* list(filesets) -> text */
static int l_list(lua_State *L)
{
	struct am_installp_fileset *filesets;
	struct am_error error;
	struct am_buf *text;
	size_t count;

	lua_settop(L, 1);
	filesets = push_filesets(L, 1, &count);
	text = bu_newbuf(L);
	if (am_installp_list(filesets, count, text, &error) != 0)
		return bu_fail(L, &error);
	lua_pushlstring(L, text->length > 0 ? text->data : "", text->length);
	am_buf_free(text);
	return 1;
}

/* --- the output --- */

/* The rows before `seen` were handed over. */
struct output {
	struct am_installp_output output;
	size_t seen;
	int is_ended;
};

static int output_free(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT_CLASS);

	am_installp_free(&output->output);
	output->seen = 0;
	return 0;
}

/* output(known) -> reader */
static int l_output(lua_State *L)
{
	struct am_installp_fileset *known = NULL;
	struct am_error error;
	struct output *output;
	size_t count = 0;

	lua_settop(L, 1);
	if (!lua_isnil(L, 1))
		known = push_filesets(L, 1, &count);
	output = lua_newuserdatauv(L, sizeof *output, 0);
	memset(output, 0, sizeof *output);
	luaL_setmetatable(L, OUTPUT_CLASS);
	for (size_t i = 0; i < count; i++) {
		if (known[i].level.at != NULL && am_installp_know(&output->output, known[i].name,
							 known[i].level, &error) != 0)
			return bu_fail(L, &error);
	}
	return 1;
}

/* The names that a row of a table can stand for: in `names`, and how many there are. */
static void set_names(lua_State *L, struct output *output, const struct am_installp_row *row)
{
	struct am_slice names[NAMES];
	size_t count = am_installp_meant(&output->output, row, names, NAMES);

	bu_setint(L, "meant", (lua_Integer)count);
	lua_createtable(L, NAMES, 0);
	for (size_t i = 0; i < count && i < NAMES; i++) {
		lua_pushlstring(L, names[i].at, names[i].length);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "names");
}

static void push_row(lua_State *L, struct output *output, const struct am_installp_row *row)
{
	static const char *const kinds[] = {"listed", "begun", "processed", "finished", "grown",
		"room", "count", "result", "noted", "message"};
	static const char *const sections[] = {"FAILURES", "WARNINGS", "SUCCESSES"};
	static const char *const results[] = {
		"SUCCESS", "FAILED", "CANCELLED", "PARTIAL", "BROKEN", "ALREADY", "OTHER"};

	lua_createtable(L, 0, 10);
	bu_setstr(L, "kind", kinds[row->kind]);
	set_slice(L, "name", row->name);
	set_slice(L, "level", row->level);
	set_slice(L, "text", row->text);
	switch (row->kind) {
	case AM_INSTALLP_LISTED:
		bu_setstr(L, "section", sections[row->section]);
		set_slice(L, "heading", row->heading);
		set_slice(L, "list", row->list);
		break;
	case AM_INSTALLP_BEGUN:
		bu_setint(L, "group", (lua_Integer)row->number);
		break;
	case AM_INSTALLP_RESULT:
		bu_setstr(L, "result", results[row->result]);
		set_slice(L, "part", row->part);
		set_slice(L, "event", row->event);
		set_slice(L, "word", row->word);
		set_names(L, output, row);
		break;
	case AM_INSTALLP_NOTED:
		set_names(L, output, row);
		break;
	case AM_INSTALLP_ROOM:
		bu_setint(L, "needed", (lua_Integer)row->number);
		bu_setint(L, "free", (lua_Integer)row->of);
		break;
	default:
		bu_setint(L, "number", (lua_Integer)row->number);
		bu_setint(L, "of", (lua_Integer)row->of);
		break;
	}
}

/* The rows that were not handed over yet. */
static int push_rows(lua_State *L, struct output *output)
{
	lua_Integer n = 0;

	luaL_checkstack(L, 8, NULL);
	lua_newtable(L);
	for (; output->seen < output->output.count; output->seen++) {
		push_row(L, output, &output->output.rows[output->seen]);
		lua_seti(L, -2, ++n);
	}
	return 1;
}

/* output:add(text) -> list of rows */
static int output_add(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT_CLASS);
	struct am_error error;
	size_t length;
	const char *text = luaL_checklstring(L, 2, &length);

	luaL_argcheck(L, !output->is_ended, 1, "output that has ended");
	if (am_installp_add(&output->output, text, length, &error) != 0)
		return bu_fail(L, &error);
	return push_rows(L, output);
}

/* output:finish() -> list of rows */
static int output_finish(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT_CLASS);
	struct am_error error;

	if (!output->is_ended && am_installp_end(&output->output, &error) != 0)
		return bu_fail(L, &error);
	output->is_ended = 1;
	return push_rows(L, output);
}

/* output:said(group) -> text */
static int output_said(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT_CLASS);
	lua_Integer group = luaL_checkinteger(L, 2);
	const struct am_buf *said;

	if (group < 1 || (lua_Unsigned)group > output->output.group_count) {
		lua_pushliteral(L, "");
		return 1;
	}
	said = &output->output.groups[group - 1].said;
	lua_pushlstring(L, said->length > 0 ? said->data : "", said->length);
	return 1;
}

/* output:dropped() -> integer */
static int output_dropped(lua_State *L)
{
	struct output *output = luaL_checkudata(L, 1, OUTPUT_CLASS);

	lua_pushinteger(L, (lua_Integer)output->output.dropped);
	return 1;
}

int luaopen_altmig_installp_run(lua_State *L)
{
	static const luaL_Reg methods[] = {{"add", output_add}, {"finish", output_finish},
		{"said", output_said}, {"dropped", output_dropped}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", output_free}, {NULL, NULL}};
	static const luaL_Reg functions[] = {
		{"argv", l_argv}, {"list", l_list}, {"output", l_output}, {NULL, NULL}};

	bu_newclass(L, OUTPUT_CLASS, methods, metamethods);
	luaL_newlib(L, functions);
	return 1;
}
