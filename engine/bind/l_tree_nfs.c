/* SPDX-License-Identifier: MIT */
/* altmig.tree with trees over NFS: the module of the engine's own program. */
#include "bindutil.h"
#include "bind_modules.h"
#include "bind_ssh.h"
#include "l_tree.h"
#include "remote/ssh_forward.h"
#include "tree/nfs/nfs.h"

#include <stdio.h>
#include <string.h>

enum { SOURCES_MAX = 64 };

struct question {
	struct bu_tree *box;
	const char *at;
	struct am_error *error;
	int agreed;
};

/* Protected body of the guard's call: light userdata -> */
static int ask_guard(lua_State *L)
{
	struct question *question = lua_touserdata(L, 1);
	const char *message, *code;

	lua_rawgeti(L, LUA_REGISTRYINDEX, question->box->guard);
	lua_pushstring(L, question->at);
	lua_call(L, 1, 3);
	question->agreed = lua_toboolean(L, -3);
	if (question->agreed)
		return 0;
	message = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "the guard refuses";
	code = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "NFS_GUARD";
	am_fail(question->error, code, "%s", message);
	return 0;
}

static int guard(void *context, const char *at, struct am_error *error)
{
	struct bu_tree *box = context;
	struct question question = {box, at, error, 0};

	if (box->guard == LUA_NOREF)
		return am_fail(error, "NFS_GUARD", "guard: %s: the tree is closed", at);
	if (!lua_checkstack(box->L, 8))
		return am_fail(error, "ENOMEM", "guard: %s: no memory", at);
	lua_pushcfunction(box->L, ask_guard);
	lua_pushlightuserdata(box->L, &question);
	box->busy++;
	if (bu_pcall(box->L, 1, 0, error) != 0)
		question.agreed = 0;
	box->busy--;
	return question.agreed ? 0 : -1;
}

/* The field via, options of ssh.connect: sets the dialer, if there is one. 0 or -1. */
static int make_dialer(lua_State *L, int arg, struct am_dialer **dialer, struct am_error *error)
{
	struct bu_ssh_options via = {0};
	int type = lua_getfield(L, arg, "via");

	if (type == LUA_TNIL) {
		lua_pop(L, 1);
		return 0;
	}
	if (type != LUA_TTABLE)
		return luaL_error(L, "field 'via': table expected, got %s", luaL_typename(L, -1));
	bu_checkssh(L, -1, &via);
	*dialer = am_ssh_dialer(&via.options, error);
	lua_pop(L, 1);
	return *dialer != NULL ? 0 : -1;
}

/* tree.nfs{ {at=,url=}, ..., timeout=, retry=, guard=, via= } */
static int l_nfs(lua_State *L)
{
	struct am_nfs_source sources[SOURCES_MAX];
	struct am_nfs_options options = {0};
	struct bu_tree *box;
	struct am_error error;
	lua_Integer count;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = luaL_len(L, 1);
	luaL_argcheck(L, count > 0 && count <= SOURCES_MAX, 1, "a list of 1 to 64 mounts expected");
	luaL_checkstack(L, SOURCES_MAX + 16, NULL);
	for (lua_Integer i = 0; i < count; i++) {
		lua_geti(L, 1, i + 1); /* stays on the stack: it holds the strings */
		luaL_checktype(L, -1, LUA_TTABLE);
		sources[i].at = bu_fieldstr(L, lua_gettop(L), "at", NULL);
		sources[i].url = bu_fieldstr(L, lua_gettop(L), "url", NULL);
		if (sources[i].at == NULL || sources[i].url == NULL)
			return luaL_error(
				L, "mount %d: fields 'at' and 'url' expected", (int)i + 1);
	}
	options.timeout = bu_fieldnum(L, 1, "timeout", 0);
	options.retry = bu_fieldnum(L, 1, "retry", 0);
	luaL_argcheck(L, options.timeout >= 0 && options.retry >= 0, 1, "negative time");
	box = bu_newtree(L);
	if (bu_fieldfn(L, 1, "guard")) {
		box->guard = luaL_ref(L, LUA_REGISTRYINDEX);
		options.guard = guard;
		options.context = box;
	}
	/* Nothing raises between here and the tree, which takes it over. */
	if (make_dialer(L, 1, &options.dialer, &error) != 0)
		return bu_fail(L, &error);
	box->tree = am_tree_nfs(sources, (size_t)count, &options, &error);
	return box->tree != NULL ? 1 : bu_fail(L, &error);
}

int luaopen_altmig_tree_nfs(lua_State *L)
{
	luaopen_altmig_tree(L);
	lua_pushcfunction(L, l_nfs);
	lua_setfield(L, -2, "nfs");
	return 1;
}
