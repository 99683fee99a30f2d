/* SPDX-License-Identifier: MIT */
/* The methods restore and verify of a tree. */
#include "bindutil.h"
#include "l_bff.h"
#include "l_restore.h"
#include "l_tree.h"
#include "restore/restore.h"
#include "restore/stream.h"

#include <string.h>

#define TASK_CLASS  "altmig.tree.restore"
#define SECURED_MAX ((size_t)16 << 20) /* bytes of access rights kept */

/* What a call owns: freed by its collector whatever happens. */
struct task {
	struct am_bff *own; /* an archive opened for this call */
	struct am_restore_stats stats;
	lua_State *L;
	int select, progress, again; /* stack indices, 0: none */
	int archive;                 /* stack index of what `again` returned */
	int *uses[2];                /* of the archive given, of what `again` returned */
	int was_begun_again;         /* whose access rights were told already */
	int list;                    /* verify: stack index of the result */
	int secured;              /* stack index of the list of members with more than mode bits */
	size_t secured_bytes;     /* in that list */
	uint64_t secured_dropped; /* what was too much for it */
	const struct am_bff_member *member;
	/* arguments of the callback under way */
	const struct am_restore_stats *report;
	const char *path, *what, *want, *have;
	int answer;
};

static int task_gc(lua_State *L)
{
	struct task *task = luaL_checkudata(L, 1, TASK_CLASS);

	am_bff_close(task->own);
	task->own = NULL;
	am_restore_stats_free(&task->stats);
	return 0;
}

static struct task *new_task(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}}, meta[] = {{"__gc", task_gc}, {NULL, NULL}};
	struct task *task;

	bu_newclass(L, TASK_CLASS, none, meta);
	task = lua_newuserdatauv(L, sizeof *task, 0);
	memset(task, 0, sizeof *task);
	task->L = L;
	luaL_setmetatable(L, TASK_CLASS);
	return task;
}

static void push_stats(lua_State *L, const struct am_restore_stats *stats)
{
	const struct bu_int counts[] = {
		{"files", (lua_Integer)stats->files},
		{"dirs", (lua_Integer)stats->dirs},
		{"links", (lua_Integer)stats->links},
		{"devices", (lua_Integer)stats->devices},
		{"bytes", (lua_Integer)stats->bytes},
		{"members", (lua_Integer)stats->members},
		{"skipped", (lua_Integer)stats->skipped},
		{"requests", (lua_Integer)stats->requests},
		{"restarts", (lua_Integer)stats->restarts},
		{NULL, 0},
	};

	lua_createtable(L, 0, 12);
	bu_setints(L, counts);
	lua_pushnumber(L, stats->seconds);
	lua_setfield(L, -2, "seconds");
	lua_newtable(L);
	for (size_t i = 0; i < stats->moved.count; i++) {
		lua_pushstring(L, stats->moved.names[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "moved");
}

/* Protected bodies of the callbacks: function or table, light userdata -> */
static int call_progress(lua_State *L)
{
	struct task *task = lua_touserdata(L, 2);

	lua_settop(L, 1);
	push_stats(L, task->report);
	lua_call(L, 1, 0);
	return 0;
}

static int call_select(lua_State *L)
{
	struct task *task = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushstring(L, task->path);
	lua_call(L, 1, 1);
	task->answer = lua_toboolean(L, -1);
	return 0;
}

static int add_difference(lua_State *L)
{
	struct task *task = lua_touserdata(L, 2);

	lua_createtable(L, 0, 4);
	bu_setstr(L, "path", task->path);
	bu_setstr(L, "what", task->what);
	bu_setstr(L, "want", task->want);
	bu_setstr(L, "have", task->have);
	lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
	return 0;
}

/* List, light userdata -> */
static int add_secured(lua_State *L)
{
	const struct task *task = lua_touserdata(L, 2);
	const struct am_bff_member *m = task->member;
	int what = am_bff_secured(m);

	lua_createtable(L, 0, 3);
	bu_setstr(L, "path", task->path);
	if ((what & AM_BFF_ACL) != 0) {
		lua_pushlstring(L, (const char *)m->acl, m->acl_length);
		lua_setfield(L, -2, "acl");
	}
	if ((what & AM_BFF_PCL) != 0) {
		lua_pushlstring(L, (const char *)m->pcl, m->pcl_length);
		lua_setfield(L, -2, "pcl");
	}
	lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
	return 0;
}

static int protect(struct task *task, lua_CFunction body, int index, struct am_error *error)
{
	lua_pushcfunction(task->L, body);
	lua_pushvalue(task->L, index);
	lua_pushlightuserdata(task->L, task);
	return bu_pcall(task->L, 2, 0, error);
}

static int on_progress(void *context, const struct am_restore_stats *stats, struct am_error *error)
{
	struct task *task = context;

	task->report = stats;
	return task->progress != 0 ? protect(task, call_progress, task->progress, error) : 0;
}

/* Function, light userdata -> an archive or a reader */
static int call_again(lua_State *L)
{
	lua_settop(L, 1);
	lua_call(L, 0, 1);
	if (bu_testbff(L, 1) == NULL)
		bu_checkreader(L, 1);
	return 1;
}

/* Callbacks may not close what is read from. */
static void use(struct task *task, int which, int *uses)
{
	if (task->uses[which] != NULL)
		--*task->uses[which];
	task->uses[which] = uses;
	if (uses != NULL)
		++*uses;
}

static int *uses_of(lua_State *L, int index)
{
	return bu_testbff(L, index) != NULL ? bu_bffuses(L, index) : bu_readeruses(L, index);
}

static int on_again(void *context, struct am_bff **archive, struct am_error *error)
{
	struct task *task = context;
	lua_State *L = task->L;

	lua_pushcfunction(L, call_again);
	lua_pushvalue(L, task->again);
	lua_pushlightuserdata(L, task);
	if (bu_pcall(L, 2, 1, error) != 0)
		return -1;
	am_bff_close(task->own); /* before the reader it reads from goes */
	task->own = NULL;
	use(task, 1, NULL);
	task->was_begun_again = 1;
	lua_replace(L, task->archive);
	*archive = bu_testbff(L, task->archive);
	if (*archive == NULL)
		*archive = task->own = am_bff_open(bu_checkreader(L, task->archive), error);
	use(task, 1, uses_of(L, task->archive));
	return *archive != NULL ? 0 : -1;
}

static int on_select(void *context, const char *path, struct am_error *error)
{
	struct task *task = context;

	task->path = path;
	return protect(task, call_select, task->select, error) != 0 ? -1 : task->answer;
}

static int on_secured(
	void *context, const char *path, const struct am_bff_member *member, struct am_error *error)
{
	struct task *task = context;

	if (task->was_begun_again)
		return 0;
	task->secured_bytes += strlen(path) + member->acl_length + member->pcl_length;
	if (task->secured_bytes > SECURED_MAX) {
		task->secured_dropped++;
		return 0;
	}
	task->path = path;
	task->member = member;
	return protect(task, add_secured, task->secured, error);
}

static int on_difference(void *context, const char *path, const char *what, const char *want,
	const char *have, struct am_error *error)
{
	struct task *task = context;

	task->path = path;
	task->what = what;
	task->want = want;
	task->have = have;
	return protect(task, add_difference, task->list, error);
}

/* Leaves on the stack what the options refer to. */
static struct am_restore_options get_options(lua_State *L, int arg, struct task *task)
{
	struct am_restore_options options = {.context = task};

	if (lua_isnoneornil(L, arg))
		return options;
	luaL_checktype(L, arg, LUA_TTABLE);
	switch (lua_getfield(L, arg, "select")) {
	case LUA_TNIL:
		break;
	case LUA_TFUNCTION:
		task->select = lua_gettop(L);
		options.select = on_select;
		break;
	default:
		options.only = bu_checkargv(L, lua_gettop(L), NULL);
	}
	if (lua_getfield(L, arg, "exclude") != LUA_TNIL)
		options.exclude = bu_checkargv(L, lua_gettop(L), NULL);
	if (bu_fieldfn(L, arg, "on_progress")) {
		task->progress = lua_gettop(L);
		options.progress = on_progress;
	}
	lua_pushnil(L);
	task->archive = lua_gettop(L);
	if (bu_fieldfn(L, arg, "again")) {
		task->again = lua_gettop(L);
		options.again = on_again;
	}
	options.commit = bu_fieldbool(L, arg, "commit", 0);
	options.times = bu_fieldbool(L, arg, "times", 0);
	return options;
}

/* The archive at 2: an archive object, or a reader one is opened on. NULL with error. */
static struct am_bff *get_archive(lua_State *L, struct task *task, struct am_error *error)
{
	struct am_bff *archive = bu_testbff(L, 2);

	if (archive != NULL)
		return archive;
	task->own = am_bff_open(bu_checkreader(L, 2), error);
	return task->own;
}

typedef int work(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct task *task, struct am_error *error);

static int do_restore(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct task *task, struct am_error *error)
{
	return am_restore(tree, archive, options, &task->stats, error);
}

static int do_check(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct task *task, struct am_error *error)
{
	return am_restore_check(tree, archive, options, &task->stats, error);
}

static int do_verify(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct task *task, struct am_error *error)
{
	return am_restore_verify(tree, archive, options, &task->stats, on_difference, task, error);
}

/* Tree, archive, options -> the task that was done, NULL with error; its list is on top then. */
static struct task *run(lua_State *L, work *what, struct am_error *error)
{
	struct am_tree *tree = bu_checktree(L, 1);
	struct bu_tree *box = bu_checktreebox(L, 1);
	struct task *task;
	struct am_restore_options options;
	struct am_bff *archive;
	int r = -1;

	lua_settop(L, 3);
	luaL_checkstack(L, 32, NULL);
	task = new_task(L);
	options = get_options(L, 3, task);
	options.secured = on_secured;
	lua_newtable(L);
	task->list = task->secured = lua_gettop(L);
	archive = get_archive(L, task, error);
	if (archive != NULL) {
		use(task, 0, uses_of(L, 2));
		box->busy++;
		r = what(tree, archive, &options, task, error);
		box->busy--;
		use(task, 0, NULL);
		use(task, 1, NULL);
	}
	lua_settop(L, task->list);
	return r == 0 ? task : NULL;
}

/* Statistics, with the secured members. */
static int push_restored(
	lua_State *L, work *what, int (*fail)(lua_State *L, int arg, const struct am_error *error))
{
	struct am_error error;
	struct task *task = run(L, what, &error);

	if (task == NULL)
		return fail(L, 1, &error);
	push_stats(L, &task->stats);
	lua_pushvalue(L, task->secured);
	lua_setfield(L, -2, "secured");
	bu_setint(L, "secured_dropped", (lua_Integer)task->secured_dropped);
	return 1;
}

int bu_tree_restore(lua_State *L)
{
	return push_restored(L, do_restore, bu_treefail);
}

static int fail_plainly(lua_State *L, int arg, const struct am_error *error)
{
	(void)arg;
	return bu_fail(L, error);
}

int bu_tree_check(lua_State *L)
{
	return push_restored(L, do_check, fail_plainly);
}

/* t:verify(archive [, options]) -> list of differences, statistics */
int bu_tree_verify(lua_State *L)
{
	struct am_error error;
	struct task *task = run(L, do_verify, &error);

	if (task == NULL)
		return bu_fail(L, &error);
	push_stats(L, &task->stats);
	return 2;
}
