/* SPDX-License-Identifier: MIT */
/* altmig.tree: file trees. The part every program has; trees over NFS are in l_tree_nfs.c. */
#include "bindutil.h"
#include "bind_modules.h"
#include "l_restore.h"
#include "l_tree.h"

#include "base/checksum.h"
#include "tree/heads.h"
#include "tree/scan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TREE_CLASS  "altmig.tree"
#define WALK_CLASS  "altmig.tree.walk"
#define HEADS_CLASS "altmig.tree.heads"
#define HEADS_MAX   ((size_t)1 << 24) /* names of one call */
#define HEAD_MAX    ((lua_Integer)16 << 20)

static int tree_close(lua_State *L)
{
	struct bu_tree *box = ((struct bu_tree *)luaL_checkudata(L, 1, TREE_CLASS))->origin;
	struct am_tree *tree = box->tree;

	if (box->busy > 0)
		return luaL_error(L, "the tree is in use by the call this comes from");
	box->tree = NULL;
	am_tree_close(tree);
	luaL_unref(L, LUA_REGISTRYINDEX, box->guard);
	box->guard = LUA_NOREF;
	return 0;
}

/* A raising face leaves the tree open: it may be collected while the tree is in use. */
static int tree_gc(lua_State *L)
{
	struct bu_tree *box = luaL_checkudata(L, 1, TREE_CLASS);

	return box->origin == box ? tree_close(L) : 0;
}

static int tree_tostring(lua_State *L)
{
	struct bu_tree *box = luaL_checkudata(L, 1, TREE_CLASS);

	lua_pushstring(L, box->origin->tree != NULL ? "tree (open)" : "tree (closed)");
	return 1;
}

struct bu_tree *bu_checktreebox(lua_State *L, int arg)
{
	struct bu_tree *box = ((struct bu_tree *)luaL_checkudata(L, arg, TREE_CLASS))->origin;

	luaL_argcheck(L, box->tree != NULL, arg, "tree is closed");
	box->L = L;
	return box;
}

struct am_tree *bu_checktree(lua_State *L, int arg)
{
	return bu_checktreebox(L, arg)->tree;
}

/* The tree of a method call. Callbacks must not close it: leave() after every core call. */
static struct am_tree *enter(lua_State *L)
{
	struct bu_tree *box = bu_checktreebox(L, 1);

	box->busy++;
	return box->tree;
}

static void leave(lua_State *L)
{
	((struct bu_tree *)lua_touserdata(L, 1))->origin->busy--;
}

static int ok(lua_State *L, int result, const struct am_error *error)
{
	leave(L);
	if (result != 0)
		return bu_fail(L, error);
	lua_pushboolean(L, 1);
	return 1;
}

enum { FACE_ORIGIN = 1, FACE_RAISE = 2 }; /* user values of a raising face */

int bu_treefail(lua_State *L, int arg, const struct am_error *error)
{
	struct bu_tree *box = lua_touserdata(L, arg);

	if (box->origin != box) {
		luaL_checkstack(L, 4, NULL);
		lua_getiuservalue(L, arg, FACE_RAISE);
		lua_pushstring(L, error->message);
		lua_pushstring(L, error->code);
		lua_call(L, 2, 0);
	}
	return bu_fail(L, error);
}

/* The end of a call that changes something. */
static int changed(lua_State *L, int result, const struct am_error *error)
{
	leave(L);
	if (result != 0)
		return bu_treefail(L, 1, error);
	lua_pushboolean(L, 1);
	return 1;
}

/* t:raising(fn): the same tree, for which a failed call that changes something calls
 * fn(message, code), which raises. */
static int tree_raising(lua_State *L)
{
	struct bu_tree *origin = bu_checktreebox(L, 1), *box;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	luaL_argcheck(L, origin == lua_touserdata(L, 1), 1, "the tree raises already");
	box = bu_newtree(L);
	box->origin = origin;
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, FACE_ORIGIN);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, FACE_RAISE);
	return 1;
}

/* t:plain(): the tree itself, for code that tells failures apart by what calls return. */
static int tree_plain(lua_State *L)
{
	struct bu_tree *box = luaL_checkudata(L, 1, TREE_CLASS);

	if (box->origin == box)
		lua_pushvalue(L, 1);
	else
		lua_getiuservalue(L, 1, FACE_ORIGIN);
	return 1;
}

/* t:freeze(why): nothing can be changed through the tree until t:freeze(nil). */
static int tree_freeze(lua_State *L)
{
	struct am_tree *tree = bu_checktree(L, 1);

	am_tree_freeze(tree, bu_optcstr(L, 2, NULL));
	lua_pushboolean(L, 1);
	return 1;
}

static uint32_t check_mode(lua_State *L, int arg, uint32_t fallback)
{
	return lua_isnoneornil(L, arg) ? fallback : (uint32_t)bu_checkrange(L, arg, 0, 07777);
}

/* ---- attributes ---- */

static void push_stat(lua_State *L, const struct am_tree_stat *st, const char *target)
{
	lua_createtable(L, 0, 16);
	bu_setstr(L, "type", am_tree_type_name(st->type));
	bu_setint(L, "mode", st->mode);
	bu_setint(L, "uid", st->uid);
	bu_setint(L, "gid", st->gid);
	bu_setint(L, "size", (lua_Integer)st->size);
	bu_setint(L, "mtime", st->mtime.seconds);
	bu_setint(L, "mtime_nsec", st->mtime.nanoseconds);
	bu_setint(L, "atime", st->atime.seconds);
	bu_setint(L, "nlink", st->nlink);
	bu_setint(L, "ino", (lua_Integer)st->ino);
	bu_setint(L, "fsid", (lua_Integer)st->fsid);
	bu_setint(L, "dev", (lua_Integer)st->fsid);
	if (st->type == AM_TREE_BLOCK || st->type == AM_TREE_CHAR) {
		bu_setint(L, "rdev_major", st->rdev_major);
		bu_setint(L, "rdev_minor", st->rdev_minor);
	}
	if (target != NULL) {
		bu_setstr(L, "target", target);
	}
}

/* Attributes with the target of a link. */
static int stat_with_target(struct am_tree *tree, const char *path, int follow,
	struct am_tree_stat *st, char *target, size_t size, struct am_error *error)
{
	target[0] = '\0';
	if (am_tree_stat(tree, path, follow, st, error) != 0)
		return -1;
	return st->type == AM_TREE_LINK ? am_tree_readlink(tree, path, target, size, error) : 0;
}

static int stat_path(lua_State *L, const char *path, int follow)
{
	char target[AM_TREE_PATH_MAX];
	struct am_tree_stat st;
	struct am_error error;
	int r = stat_with_target(enter(L), path, follow, &st, target, sizeof target, &error);

	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	push_stat(L, &st, st.type == AM_TREE_LINK ? target : NULL);
	return 1;
}

/* t:stat(path [, {follow=}]) */
static int tree_stat(lua_State *L)
{
	return stat_path(L, bu_checkcstr(L, 2), bu_fieldbool(L, 3, "follow", 0));
}

static int tree_lstat(lua_State *L)
{
	return stat_path(L, bu_checkcstr(L, 2), 0);
}

static int tree_exists(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_error error;
	int r = am_tree_exists(enter(L), path, &error);

	leave(L);
	if (r < 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, r);
	return 1;
}

static int tree_readlink(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	char target[AM_TREE_PATH_MAX];
	struct am_error error;
	int r = am_tree_readlink(enter(L), path, target, sizeof target, &error);

	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_pushstring(L, target);
	return 1;
}

static int tree_resolve(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	char resolved[AM_TREE_PATH_MAX];
	struct am_error error;
	int r = am_tree_resolve(enter(L), path, resolved, sizeof resolved, &error);

	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_pushstring(L, resolved);
	return 1;
}

/* Seconds as integer or float; the range keeps the conversion defined. */
static struct am_tree_time time_of(lua_State *L, lua_Number seconds)
{
	struct am_tree_time t = {0};
	lua_Number whole = floor(seconds);

	if (!(seconds > -1e15 && seconds < 1e15))
		luaL_error(L, "time out of range");
	t.seconds = (int64_t)whole;
	t.nanoseconds = (uint32_t)((seconds - whole) * 1e9);
	return t;
}

/* A number field, -1 when it is absent. */
static lua_Integer id_field(lua_State *L, int arg, const char *name, lua_Integer high)
{
	lua_Integer value = bu_fieldint(L, arg, name, -1);

	if (value < -1 || value > high)
		luaL_error(L, "field '%s': number out of range", name);
	return value;
}

static struct am_tree_attr attr_fields(lua_State *L, int arg)
{
	struct am_tree_attr attr = {0};
	lua_Integer mode = id_field(L, arg, "mode", 07777);
	lua_Integer uid = id_field(L, arg, "uid", UINT32_MAX);
	lua_Integer gid = id_field(L, arg, "gid", UINT32_MAX);
	lua_Number mtime = bu_fieldnum(L, arg, "mtime", (lua_Number)NAN);
	lua_Integer nsec = id_field(L, arg, "mtime_nsec", 999999999);

	attr.set = (mode >= 0 ? AM_SET_MODE : 0) | (uid >= 0 ? AM_SET_UID : 0) |
		   (gid >= 0 ? AM_SET_GID : 0);
	attr.mode = (uint32_t)mode;
	attr.uid = (uint32_t)uid;
	attr.gid = (uint32_t)gid;
	if (!isnan(mtime)) {
		attr.set |= AM_SET_MTIME | AM_SET_ATIME;
		attr.mtime = time_of(L, mtime);
		if (nsec >= 0)
			attr.mtime.nanoseconds = (uint32_t)nsec;
		attr.atime = attr.mtime;
	}
	return attr;
}

static int set_attr(lua_State *L, const char *path, int follow, const struct am_tree_attr *attr)
{
	struct am_error error;

	return changed(L, am_tree_setattr(enter(L), path, follow, attr, &error), &error);
}

/* t:chmod(path, mode): follows a link at the end, as chmod does. */
static int tree_chmod(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_tree_attr attr = {
		.set = AM_SET_MODE, .mode = (uint32_t)bu_checkrange(L, 3, 0, 07777)};

	return set_attr(L, path, 1, &attr);
}

static int change_owner(lua_State *L, int follow)
{
	const char *path = bu_checkcstr(L, 2);
	lua_Integer uid = bu_checkrange(L, 3, -1, UINT32_MAX);
	lua_Integer gid = bu_checkrange(L, 4, -1, UINT32_MAX);
	struct am_tree_attr attr = {
		.set = (uid >= 0 ? AM_SET_UID : 0) | (gid >= 0 ? AM_SET_GID : 0),
		.uid = (uint32_t)uid,
		.gid = (uint32_t)gid,
	};

	return set_attr(L, path, follow, &attr);
}

static int tree_chown(lua_State *L)
{
	return change_owner(L, 1);
}

static int tree_lchown(lua_State *L)
{
	return change_owner(L, 0);
}

/* t:utime(path, atime, mtime): nil leaves one alone; a link itself is meant. */
static int tree_utime(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_tree_attr attr = {0};

	if (!lua_isnoneornil(L, 3)) {
		attr.set |= AM_SET_ATIME;
		attr.atime = time_of(L, luaL_checknumber(L, 3));
	}
	if (!lua_isnoneornil(L, 4)) {
		attr.set |= AM_SET_MTIME;
		attr.mtime = time_of(L, luaL_checknumber(L, 4));
	}
	return set_attr(L, path, 0, &attr);
}

/* ---- reading and writing ---- */

struct name_list {
	struct am_tree_names names;
};

static int names_gc(lua_State *L)
{
	am_tree_names_free(&((struct name_list *)lua_touserdata(L, 1))->names);
	return 0;
}

static int tree_list(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}}, meta[] = {{"__gc", names_gc}, {NULL, NULL}};
	const char *path = bu_checkcstr(L, 2);
	struct name_list *list;
	struct am_error error;
	int r;

	bu_newclass(L, "altmig.tree.names", none, meta);
	list = lua_newuserdatauv(L, sizeof *list, 0);
	*list = (struct name_list){0};
	luaL_setmetatable(L, "altmig.tree.names");
	r = am_tree_list(enter(L), path, &list->names, &error);
	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_createtable(L, list->names.count < INT32_MAX ? (int)list->names.count : 0, 0);
	for (size_t i = 0; i < list->names.count; i++) {
		lua_pushstring(L, list->names.names[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	am_tree_names_free(&list->names);
	return 1;
}

struct text {
	struct am_buf buf;
};

static int text_gc(lua_State *L)
{
	am_buf_free(&((struct text *)lua_touserdata(L, 1))->buf);
	return 0;
}

/* t:read(path [, max]) */
static int tree_read(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}}, meta[] = {{"__gc", text_gc}, {NULL, NULL}};
	const char *path = bu_checkcstr(L, 2);
	size_t max =
		lua_isnoneornil(L, 3) ? 0 : (size_t)bu_checkrange(L, 3, 1, (lua_Integer)1 << 40);
	struct text *text;
	struct am_error error;
	int r;

	bu_newclass(L, "altmig.tree.text", none, meta);
	text = lua_newuserdatauv(L, sizeof *text, 0);
	*text = (struct text){0};
	luaL_setmetatable(L, "altmig.tree.text");
	r = am_tree_read(enter(L), path, max, &text->buf, &error);
	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_pushlstring(L, text->buf.data != NULL ? text->buf.data : "", text->buf.length);
	am_buf_free(&text->buf);
	text->buf = (struct am_buf){0};
	return 1;
}

static int tree_open(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_tree *tree = bu_checktree(L, 1);
	struct am_reader **slot = bu_newreader(L, 1);
	struct am_error error;

	enter(L);
	*slot = am_tree_open(tree, path, &error);
	leave(L);
	return *slot != NULL ? 1 : bu_fail(L, &error);
}

/* t:write(path, data [, {mode=,uid=,gid=,mtime=}]) */
static int tree_write(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	size_t length;
	const char *data = luaL_checklstring(L, 3, &length);
	struct am_tree_attr attr = attr_fields(L, 4);
	struct am_error error;

	return changed(L, am_tree_write(enter(L), path, data, length, &attr, &error), &error);
}

static int tree_mkdir(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	uint32_t mode = check_mode(L, 3, 0755);
	struct am_error error;

	return changed(L, am_tree_mkdir(enter(L), path, mode, &error), &error);
}

static int tree_makedirs(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	uint32_t mode = check_mode(L, 3, 0755);
	struct am_error error;

	return changed(L, am_tree_makedirs(enter(L), path, mode, &error), &error);
}

static int tree_symlink(lua_State *L)
{
	const char *target = bu_checkcstr(L, 2), *path = bu_checkcstr(L, 3);
	struct am_error error;

	return changed(L, am_tree_symlink(enter(L), target, path, &error), &error);
}

static int tree_link(lua_State *L)
{
	const char *from = bu_checkcstr(L, 2), *to = bu_checkcstr(L, 3);
	struct am_error error;

	return changed(L, am_tree_link(enter(L), from, to, &error), &error);
}

static int tree_rename(lua_State *L)
{
	const char *from = bu_checkcstr(L, 2), *to = bu_checkcstr(L, 3);
	struct am_error error;

	return changed(L, am_tree_rename(enter(L), from, to, &error), &error);
}

static int tree_remove(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_error error;

	return changed(L, am_tree_remove(enter(L), path, &error), &error);
}

static int tree_remove_all(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	struct am_error error;

	return changed(L, am_tree_remove_all(enter(L), path, &error), &error);
}

/* t:mknod(path, type [, mode [, major, minor]]) */
static int tree_mknod(lua_State *L)
{
	const char *path = bu_checkcstr(L, 2);
	enum am_tree_type type = am_tree_type_of(bu_checkcstr(L, 3));
	uint32_t mode = check_mode(L, 4, 0600);
	lua_Integer major_number = lua_isnoneornil(L, 5) ? 0 : bu_checkrange(L, 5, 0, UINT32_MAX);
	lua_Integer minor_number = lua_isnoneornil(L, 6) ? 0 : bu_checkrange(L, 6, 0, UINT32_MAX);
	struct am_error error;

	luaL_argcheck(L, type >= AM_TREE_BLOCK, 3, "'block', 'char', 'fifo' or 'socket' expected");
	return changed(L,
		am_tree_mknod(enter(L), path, type, mode, (uint32_t)major_number,
			(uint32_t)minor_number, &error),
		&error);
}

/* t:copy(from, to [, {tree=other}]) */
static int tree_copy(lua_State *L)
{
	const char *from = bu_checkcstr(L, 2), *to = bu_checkcstr(L, 3);
	struct am_tree *to_tree = bu_checktree(L, 1);
	struct am_error error;

	if (!lua_isnoneornil(L, 4)) {
		luaL_checktype(L, 4, LUA_TTABLE);
		if (lua_getfield(L, 4, "tree") != LUA_TNIL)
			to_tree = bu_checktree(L, -1);
	}
	return changed(L, am_tree_copy(enter(L), from, to_tree, to, &error), &error);
}

static int tree_df(lua_State *L)
{
	const char *path = bu_optcstr(L, 2, "/");
	struct am_tree_space space;
	struct am_error error;
	int r = am_tree_df(enter(L), path, &space, &error);

	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_createtable(L, 0, 4);
	bu_setint(L, "total", (lua_Integer)space.total);
	bu_setint(L, "free", (lua_Integer)space.free);
	bu_setint(L, "avail", (lua_Integer)space.avail);
	bu_setint(L, "files_free", (lua_Integer)space.files_free);
	return 1;
}

/* ---- walk ---- */

static struct am_digest_options digest_options(lua_State *L, int arg)
{
	struct am_digest_options options = {.times = bu_fieldbool(L, arg, "times", 0)};

	if (!lua_isnoneornil(L, arg) && lua_getfield(L, arg, "exclude") != LUA_TNIL)
		options.exclude = bu_checkargv(L, lua_gettop(L), NULL);
	return options;
}

struct walk_box {
	struct am_walk *walk; /* one of the two, or none */
	struct am_scan *scan; /* files are read, many at a time */
	struct am_tree *tree;
	struct bu_tree *owner; /* kept alive in user value 1 */
};

static int walk_close(lua_State *L)
{
	struct walk_box *box = luaL_checkudata(L, 1, WALK_CLASS);
	int is_open = box->walk != NULL || box->scan != NULL;

	am_walk_close(box->walk);
	am_scan_close(box->scan);
	box->walk = NULL;
	box->scan = NULL;
	if (is_open)
		am_tree_close(box->tree);
	return 0;
}

/* The next entry of a scan, with the sum of a file. */
static int scan_next(struct walk_box *box, const struct am_scan_entry **entry, uint16_t *sum,
	struct am_error *error)
{
	const char *data;
	size_t length;
	int r = am_scan_next(box->scan, entry, error);

	*sum = 0;
	if (r == 1 && (*entry)->stat.type == AM_TREE_FILE) {
		while ((r = am_scan_read(box->scan, &data, &length, error)) == 1)
			*sum = am_sum(*sum, data, length);
		r = r == 0 ? 1 : -1;
	}
	return r;
}

static int push_scanned(lua_State *L, struct walk_box *box)
{
	const struct am_scan_entry *entry;
	struct am_error error;
	uint16_t sum;
	int r = scan_next(box, &entry, &sum, &error);

	if (r < 0)
		return luaL_error(L, "%s", error.message);
	if (r == 0)
		return 0;
	lua_pushstring(L, entry->path);
	push_stat(L, &entry->stat, entry->stat.type == AM_TREE_LINK ? entry->target : NULL);
	if (entry->stat.type == AM_TREE_FILE)
		bu_setint(L, "sum", sum);
	return 2;
}

/* The iterator. A failure in the middle raises: a loop that just ends would look complete. */
static int walk_next(lua_State *L)
{
	struct walk_box *box = luaL_checkudata(L, 1, WALK_CLASS);
	const struct am_tree_stat *st;
	const char *path;
	char target[AM_TREE_PATH_MAX];
	struct am_error error;
	int r;

	if (box->walk == NULL && box->scan == NULL)
		return 0;
	box->owner->L = L;
	if (box->scan != NULL)
		return push_scanned(L, box);
	r = am_walk_next(box->walk, &path, &st, &error);
	if (r == 1 && st->type == AM_TREE_LINK)
		r = am_tree_readlink(box->tree, path, target, sizeof target, &error) == 0 ? 1 : -1;
	if (r < 0)
		return luaL_error(L, "%s", error.message);
	if (r == 0)
		return 0;
	lua_pushstring(L, path);
	push_stat(L, st, st->type == AM_TREE_LINK ? target : NULL);
	return 2;
}

/* for path, stat in t:walk(path [, {sum=, exclude=}]) do */
static int tree_walk(lua_State *L)
{
	static const luaL_Reg methods[] = {{"close", walk_close}, {NULL, NULL}};
	static const luaL_Reg meta[] = {
		{"__gc", walk_close}, {"__close", walk_close}, {NULL, NULL}};
	const char *path = bu_optcstr(L, 2, "/");
	struct am_scan_options options = {.operation = "walk"};
	struct am_tree *tree = bu_checktree(L, 1);
	int sum = bu_fieldbool(L, 3, "sum", 0);
	struct walk_box *box;
	struct am_error error;

	bu_newclass(L, WALK_CLASS, methods, meta);
	lua_settop(L, 3);
	options.exclude = digest_options(L, 3).exclude;
	luaL_argcheck(L, sum || options.exclude == NULL, 3, "exclude is for walks with sum");
	lua_pushcfunction(L, walk_next);
	box = lua_newuserdatauv(L, sizeof *box, 2);
	*box = (struct walk_box){.tree = tree, .owner = bu_checktreebox(L, 1)};
	luaL_setmetatable(L, WALK_CLASS);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	if (options.exclude != NULL) { /* the patterns and the vector of them */
		lua_createtable(L, 2, 0);
		for (int i = 1; i <= 2; i++) {
			lua_pushvalue(L, 3 + i);
			lua_rawseti(L, -2, i);
		}
		lua_setiuservalue(L, -2, 2);
	}
	enter(L);
	if (sum)
		box->scan = am_scan_open(tree, path, &options, &error);
	else
		box->walk = am_walk_open(tree, path, &error);
	leave(L);
	if (box->walk == NULL && box->scan == NULL)
		return bu_fail(L, &error);
	am_tree_hold(tree);
	/* iterator, state, control, value to close when the loop is left */
	lua_pushnil(L);
	lua_pushvalue(L, -2);
	return 4;
}

/* ---- the beginnings of many files ---- */

struct heads_box {
	struct am_heads *heads; /* NULL: at its end */
	struct bu_tree *owner;
	lua_Integer next;
};

static int heads_close(lua_State *L)
{
	struct heads_box *box = luaL_checkudata(L, 1, HEADS_CLASS);
	struct am_heads *heads = box->heads;

	box->heads = NULL;
	am_heads_close(heads);
	return 0;
}

/* The iterator. What ends it before the last name raises a table { code=, message= }: a loop that
 * just ends would look complete. */
static int heads_next(lua_State *L)
{
	struct heads_box *box = luaL_checkudata(L, 1, HEADS_CLASS);
	const struct am_head *head;
	struct am_error error;
	int r;

	if (box->heads == NULL)
		return 0;
	box->owner->L = L;
	r = am_heads_next(box->heads, &head, &error);
	if (r < 0) {
		lua_createtable(L, 0, 2);
		bu_setstr(L, "code", error.code);
		bu_setstr(L, "message", error.message);
		return lua_error(L);
	}
	if (r == 0)
		return 0;
	lua_pushinteger(L, ++box->next);
	if (head->failed)
		return 1 + bu_fail(L, &head->error);
	lua_pushlstring(L, head->data != NULL ? head->data : "", head->length);
	push_stat(L, &head->stat, NULL);
	return 3;
}

/* The names and lengths of the lists at 3 and 4 (or one length), in a userdata; above it a table
 * that keeps the names. [-0, +2, v] */
static struct am_head_ask *push_asks(lua_State *L, size_t *count)
{
	struct am_head_ask *asks;
	int each = lua_istable(L, 4);
	lua_Integer length = each ? 0 : bu_checkrange(L, 4, 0, HEAD_MAX);

	luaL_checktype(L, 3, LUA_TTABLE);
	*count = (size_t)luaL_len(L, 3);
	luaL_argcheck(L, *count < HEADS_MAX, 3, "list too long");
	asks = lua_newuserdatauv(L, (*count + 1) * sizeof *asks, 0);
	lua_createtable(L, (int)*count, 0);
	for (size_t i = 0; i < *count; i++) {
		size_t bytes;

		if (lua_geti(L, 3, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_argerror(L, 3, "list of strings expected");
		asks[i] = (struct am_head_ask){.name = lua_tolstring(L, -1, &bytes)};
		luaL_argcheck(L, strlen(asks[i].name) == bytes, 3, "a name has a NUL byte");
		if (each) {
			lua_geti(L, 4, (lua_Integer)i + 1);
			length = bu_checkrange(L, lua_gettop(L), 0, HEAD_MAX);
			lua_pop(L, 1);
		}
		asks[i].length = (size_t)length;
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return asks;
}

/* for i, data, stat in t:heads(dir, names, length) do */
static int tree_heads(lua_State *L)
{
	static const luaL_Reg methods[] = {{"close", heads_close}, {NULL, NULL}};
	static const luaL_Reg meta[] = {
		{"__gc", heads_close}, {"__close", heads_close}, {NULL, NULL}};
	const char *dir = bu_checkcstr(L, 2);
	struct am_tree *tree = bu_checktree(L, 1);
	struct am_head_ask *asks;
	struct heads_box *box;
	struct am_error error;
	size_t count;

	bu_newclass(L, HEADS_CLASS, methods, meta);
	lua_settop(L, 4);
	asks = push_asks(L, &count);
	lua_pushcfunction(L, heads_next);
	box = lua_newuserdatauv(L, sizeof *box, 3);
	*box = (struct heads_box){.owner = bu_checktreebox(L, 1)};
	luaL_setmetatable(L, HEADS_CLASS);
	for (int i = 1; i <= 3; i++) { /* the tree, what is asked, the names */
		lua_pushvalue(L, i == 1 ? 1 : 3 + i);
		lua_setiuservalue(L, -2, i);
	}
	enter(L);
	box->heads = am_heads_open(tree, dir, asks, count, &error);
	leave(L);
	if (box->heads == NULL)
		return bu_fail(L, &error);
	/* iterator, state, control, value to close when the loop is left */
	lua_pushnil(L);
	lua_pushvalue(L, -2);
	return 4;
}

/* ---- digests ---- */

static int tree_digest(lua_State *L)
{
	const char *path = bu_optcstr(L, 2, "/");
	struct am_digest_options options = digest_options(L, 3);
	struct am_error error;
	char hex[65];
	int r = am_tree_digest(enter(L), path, &options, hex, &error);

	leave(L);
	if (r != 0)
		return bu_fail(L, &error);
	lua_pushstring(L, hex);
	return 1;
}

struct digest_list {
	lua_State *L;
	const char *path, *hex;
};

/* Protected body of the callback: table, light userdata -> */
static int add_digest(lua_State *L)
{
	struct digest_list *list = lua_touserdata(L, 2);

	lua_pushstring(L, list->hex);
	lua_setfield(L, 1, list->path);
	return 0;
}

static int each_digest(void *context, const char *path, const char *hex, struct am_error *error)
{
	struct digest_list *list = context;

	list->path = path;
	list->hex = hex;
	lua_pushcfunction(list->L, add_digest);
	lua_pushvalue(list->L, -2);
	lua_pushlightuserdata(list->L, list);
	return bu_pcall(list->L, 2, 0, error);
}

static int tree_digest_list(lua_State *L)
{
	const char *path = bu_optcstr(L, 2, "/");
	struct am_digest_options options = digest_options(L, 3);
	struct digest_list list = {.L = L};
	struct am_tree *tree = bu_checktree(L, 1);
	struct am_error error;
	int r;

	lua_newtable(L);
	luaL_checkstack(L, 8, NULL);
	enter(L);
	r = am_tree_digest_each(tree, path, &options, each_digest, &list, &error);
	leave(L);
	return r != 0 ? bu_fail(L, &error) : 1;
}

/* ---- mounts ---- */

static void set_known(lua_State *L, const char *name, const char *value)
{
	bu_setstr(L, name, *value != '\0' ? value : NULL);
}

static int tree_mounts(lua_State *L)
{
	struct am_tree *tree = bu_checktree(L, 1);
	struct am_tree_mount mount;
	struct am_error error;

	lua_newtable(L);
	for (size_t i = 0; i < am_tree_mount_count(tree); i++) {
		int r;

		enter(L);
		r = am_tree_mount(tree, i, &mount, &error);
		leave(L);
		if (r != 0)
			return bu_fail(L, &error);
		lua_createtable(L, 0, 10);
		set_known(L, "at", mount.at);
		set_known(L, "host", mount.host);
		set_known(L, "export", mount.export);
		set_known(L, "handle", mount.handle);
		set_known(L, "verifier", mount.verifier);
		bu_setint(L, "fsid", (lua_Integer)mount.fsid);
		bu_setint(L, "connects", mount.connects);
		if (mount.read_max > 0) {
			bu_setint(L, "read_max", mount.read_max);
			bu_setint(L, "write_max", mount.write_max);
			lua_pushboolean(L, mount.plain_lists);
			lua_setfield(L, -2, "plain_lists");
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int tree_drop_caches(lua_State *L)
{
	am_tree_drop_caches(bu_checktree(L, 1));
	lua_pushboolean(L, 1);
	return 1;
}

static int tree_check_mounts(lua_State *L)
{
	struct am_error error;

	return ok(L, am_tree_check_mounts(enter(L), &error), &error);
}

/* ---- module ---- */

struct bu_tree *bu_newtree(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"chmod", tree_chmod},
		{"chown", tree_chown},
		{"close", tree_close},
		{"copy", tree_copy},
		{"df", tree_df},
		{"digest", tree_digest},
		{"digest_list", tree_digest_list},
		{"drop_caches", tree_drop_caches},
		{"exists", tree_exists},
		{"freeze", tree_freeze},
		{"heads", tree_heads},
		{"lchown", tree_lchown},
		{"link", tree_link},
		{"list", tree_list},
		{"lstat", tree_lstat},
		{"makedirs", tree_makedirs},
		{"mkdir", tree_mkdir},
		{"mknod", tree_mknod},
		{"mounts", tree_mounts},
		{"open", tree_open},
		{"plain", tree_plain},
		{"check_mounts", tree_check_mounts},
		{"raising", tree_raising},
		{"read", tree_read},
		{"readlink", tree_readlink},
		{"remove", tree_remove},
		{"remove_all", tree_remove_all},
		{"rename", tree_rename},
		{"resolve", tree_resolve},
		{"restore", bu_tree_restore},
		{"stat", tree_stat},
		{"symlink", tree_symlink},
		{"utime", tree_utime},
		{"verify", bu_tree_verify},
		{"check", bu_tree_check},
		{"walk", tree_walk},
		{"write", tree_write},
		{NULL, NULL},
	};
	static const luaL_Reg meta[] = {{"__gc", tree_gc}, {"__close", tree_gc},
		{"__tostring", tree_tostring}, {NULL, NULL}};
	struct bu_tree *box;

	bu_newclass(L, TREE_CLASS, methods, meta);
	box = lua_newuserdatauv(L, sizeof *box, FACE_RAISE);
	*box = (struct bu_tree){.origin = box, .L = L, .guard = LUA_NOREF};
	luaL_setmetatable(L, TREE_CLASS);
	return box;
}

/* tree.at(dir [, {sync=false}]) */
static int l_at(lua_State *L)
{
	const char *root = bu_checkcstr(L, 1);
	int sync = bu_fieldbool(L, 2, "sync", 1);
	struct bu_tree *box = bu_newtree(L);
	struct am_error error;

	box->tree = am_tree_local(root, &error);
	if (box->tree == NULL)
		return bu_fail(L, &error);
	am_tree_set_sync(box->tree, sync);
	return 1;
}

int luaopen_altmig_tree(lua_State *L)
{
	static const luaL_Reg functions[] = {{"at", l_at}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
