/* SPDX-License-Identifier: MIT */
/* altmig.installp_core: the room that filesets take. */
#include <string.h>

#include "aix/space.h"
#include "bindutil.h"
#include "l_installp_space.h"

#define SPACE_CLASS "altmig.installp_core.space"
#define MOST        1000000
#define COPIES_MAX  255U /* a logical volume has up to 3 */

static int space_free(lua_State *L)
{
	am_space_free(luaL_checkudata(L, 1, SPACE_CLASS));
	return 0;
}

/* Zeroed memory for `count` things, in a userdata on the stack. [-0, +1, m] */
static void *push_room(lua_State *L, size_t count, size_t size)
{
	void *room = lua_newuserdatauv(L, (count + 1) * size, 0);

	memset(room, 0, (count + 1) * size);
	return room;
}

static size_t length_of(lua_State *L, int index, const char *what)
{
	lua_Unsigned count;

	if (lua_type(L, index) != LUA_TTABLE)
		luaL_error(L, "%s: table expected, got %s", what, luaL_typename(L, index));
	count = lua_rawlen(L, index);
	if (count > MOST)
		luaL_error(L, "%s: list too long", what);
	return (size_t)count;
}

/* A number of blocks: a field of the table at the top; 0, and *is_there, when it has none. */
static uint64_t take_blocks(lua_State *L, const char *name, int *is_there)
{
	int is_integer;
	lua_Integer value;

	*is_there = lua_getfield(L, -1, name) != LUA_TNIL;
	value = lua_tointegerx(L, -1, &is_integer);
	if (*is_there && (!is_integer || value < 0))
		luaL_error(L, "field '%s': no number of blocks", name);
	lua_pop(L, 1);
	return *is_there ? (uint64_t)value : 0;
}

static void take_size(lua_State *L, struct am_lpp_size *size)
{
	int ignored;

	size->path = bu_checkslice(L, -1, "path");
	size->blocks = take_blocks(L, "blocks", &size->is_known);
	size->temporary = take_blocks(L, "temporary", &ignored);
}

/* The filesets of the list at 1; all memory stays on the stack, below what is pushed here. */
static struct am_space_fileset *push_filesets(lua_State *L, size_t *count)
{
	struct am_space_fileset *list;
	struct am_lpp_size *sizes;
	size_t total = 0;

	*count = length_of(L, 1, "filesets");
	for (size_t i = 0; i < *count; i++) {
		lua_geti(L, 1, (lua_Integer)i + 1);
		if (lua_type(L, -1) != LUA_TTABLE)
			luaL_error(L, "filesets: table expected, got %s", luaL_typename(L, -1));
		lua_getfield(L, -1, "sizes");
		total += length_of(L, -1, "sizes");
		lua_pop(L, 2);
	}
	list = push_room(L, *count, sizeof *list);
	sizes = push_room(L, total, sizeof *sizes);
	for (size_t i = 0; i < *count; i++) {
		lua_geti(L, 1, (lua_Integer)i + 1);
		lua_getfield(L, -1, "restored");
		list[i].is_restored = lua_toboolean(L, -1);
		lua_getfield(L, -2, "sizes");
		list[i].sizes = sizes;
		list[i].count = length_of(L, -1, "sizes");
		if (list[i].count > total) /* a metamethod changed the list */
			luaL_error(L, "sizes: list changed");
		total -= list[i].count;
		for (size_t k = 0; k < list[i].count; k++) {
			lua_geti(L, -1, (lua_Integer)k + 1);
			if (lua_type(L, -1) != LUA_TTABLE)
				luaL_error(
					L, "sizes: table expected, got %s", luaL_typename(L, -1));
			take_size(L, sizes++);
			lua_pop(L, 1);
		}
		lua_pop(L, 3);
	}
	return list;
}

static struct am_space_filesystem *push_filesystems(lua_State *L, size_t *count)
{
	struct am_space_filesystem *list;
	int has_size, has_free, ignored;
	uint64_t copies;

	*count = length_of(L, 2, "file systems");
	list = push_room(L, *count, sizeof *list);
	for (size_t i = 0; i < *count; i++) {
		lua_geti(L, 2, (lua_Integer)i + 1);
		if (lua_type(L, -1) != LUA_TTABLE)
			luaL_error(L, "file systems: table expected, got %s", luaL_typename(L, -1));
		list[i].mount = bu_checkslice(L, -1, "mount");
		list[i].size = take_blocks(L, "size", &has_size);
		list[i].free = take_blocks(L, "free", &has_free);
		copies = take_blocks(L, "copies", &ignored);
		list[i].copies = copies < COPIES_MAX ? (unsigned)copies : COPIES_MAX;
		list[i].is_known = has_size && has_free;
		lua_pop(L, 1);
	}
	return list;
}

static void push_space(lua_State *L, const struct am_space *space)
{
	lua_createtable(L, 0, 3);
	bu_setint(L, "paging", (lua_Integer)space->paging);
	bu_setint(L, "partitions", (lua_Integer)space->partitions);
	lua_createtable(L, (int)space->count, 0);
	for (size_t i = 0; i < space->count; i++) {
		const struct am_space_row *row = &space->rows[i];

		lua_createtable(L, 0, 8);
		bu_setint(L, "filesystem", (lua_Integer)row->filesystem + 1);
		bu_setint(L, "needed", (lua_Integer)row->needed);
		bu_setint(L, "temporary", (lua_Integer)row->temporary);
		if (row->restore > 0)
			bu_setint(L, "restore", (lua_Integer)row->restore);
		if (row->grow_to > 0) {
			bu_setint(L, "short", (lua_Integer)row->short_by);
			bu_setint(L, "grow_to", (lua_Integer)row->grow_to);
			bu_setint(L, "partitions", (lua_Integer)row->partitions);
		}
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "rows");
}

/* space(filesets, filesystems [, partition]) -> { rows=, paging=, partitions= } */
int l_installp_space(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}},
			      meta[] = {{"__gc", space_free}, {NULL, NULL}};
	struct am_space_fileset *filesets;
	struct am_space_filesystem *filesystems;
	struct am_space *space;
	struct am_error error;
	size_t count, filesystem_count;
	lua_Integer partition = luaL_optinteger(L, 3, 0);

	luaL_argcheck(L, partition >= 0, 3, "no number of blocks");
	lua_settop(L, 3);
	luaL_checkstack(L, 16, NULL);
	filesets = push_filesets(L, &count);
	filesystems = push_filesystems(L, &filesystem_count);
	bu_newclass(L, SPACE_CLASS, none, meta);
	space = push_room(L, 1, sizeof *space);
	luaL_setmetatable(L, SPACE_CLASS);
	if (am_space_make(space, filesets, count, filesystems, filesystem_count,
		    (uint64_t)partition, &error) != 0)
		return bu_fail(L, &error);
	push_space(L, space);
	am_space_free(space);
	return 1;
}
