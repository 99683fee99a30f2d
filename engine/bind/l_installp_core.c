/* SPDX-License-Identifier: MIT */
/* altmig.installp_core: what installp images say of themselves, and requisites. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aix/inventory.h"
#include "aix/lpp.h"
#include "aix/plan.h"
#include "aix/requisite.h"
#include "bindutil.h"
#include "bind_modules.h"
#include "l_installp_space.h"

#define LPP_CLASS        "altmig.installp_core.lpp"
#define REQUISITES_CLASS "altmig.installp_core.requisites"
#define ORDER_CLASS      "altmig.installp_core.order"
#define PLAN_CLASS       "altmig.installp_core.plan"

static void set_level(lua_State *L, const char *name, const struct am_level *level)
{
	char text[48];

	lua_pushstring(L, name);
	snprintf(text, sizeof text, "%lu.%lu.%lu.%lu", (unsigned long)level->number[0],
		(unsigned long)level->number[1], (unsigned long)level->number[2],
		(unsigned long)level->number[3]);
	lua_pushstring(L, text);
	lua_settable(L, -3);
}

static void set_char(lua_State *L, const char *name, char c)
{
	lua_pushlstring(L, &c, 1);
	lua_setfield(L, -2, name);
}

/* --- requisites --- */

static int requisites_free(lua_State *L)
{
	am_requisites_free(luaL_checkudata(L, 1, REQUISITES_CLASS));
	return 0;
}

/* The requisites of the text at `arg`, which must stay on the stack; NULL without memory.
 * [-0, +1, m] */
static struct am_requisites *push_requisites(lua_State *L, int arg, struct am_error *error)
{
	struct am_slice text;
	struct am_requisites *r;

	text.at = luaL_checklstring(L, arg, &text.length);
	r = lua_newuserdatauv(L, sizeof *r, 0);
	memset(r, 0, sizeof *r);
	luaL_setmetatable(L, REQUISITES_CLASS);
	return am_requisites_parse(r, text, error) == 0 ? r : NULL;
}

static void set_bounds(lua_State *L, const struct am_requisite *one)
{
	if (one->bound_count == 0)
		return;
	lua_createtable(L, (int)one->bound_count, 0);
	for (size_t i = 0; i < one->bound_count; i++) {
		lua_createtable(L, 0, 3);
		set_char(L, "letter", "vrmf"[one->bounds[i].place]);
		set_char(L, "operator", one->bounds[i].operation);
		bu_setint(L, "number", one->bounds[i].number);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "bounds");
}

/* A list of the requisites from `from` to `to`. Groups are nested 32 deep at the most. */
static void push_items(lua_State *L, const struct am_requisites *r, size_t from, size_t to)
{
	static const char *const kinds[] = {"prereq", "coreq", "ifreq", "instreq", "group"};
	lua_Integer n = 0;

	luaL_checkstack(L, 8, NULL);
	lua_newtable(L);
	for (size_t i = from; i < to; i = r->list[i].end) {
		const struct am_requisite *one = &r->list[i];

		lua_createtable(L, 0, 6);
		bu_setstr(L, "kind", kinds[one->kind]);
		bu_setslice(L, "text", one->text);
		if (one->kind == AM_REQUISITE_GROUP) {
			bu_setint(L, "more", one->more);
			push_items(L, r, i + 1, one->end);
			lua_setfield(L, -2, "items");
		} else {
			bu_setslice(L, "name", one->name);
			if (one->has_base)
				set_level(L, "installed", &one->base);
			if (one->has_level)
				set_level(L, "level", &one->level);
			set_bounds(L, one);
		}
		lua_seti(L, -2, ++n);
	}
}

/* requisites(text) -> list of items */
static int l_requisites(lua_State *L)
{
	struct am_error error;
	struct am_requisites *r = push_requisites(L, 1, &error);

	if (r == NULL)
		return bu_fail(L, &error);
	push_items(L, r, 0, r->count);
	return 1;
}

/* Levels by name, sorted; the names are keys of a table on the stack. */
struct installed {
	struct am_slice name;
	struct am_level level;
};

struct levels {
	struct installed *list;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	const struct installed *x = a, *y = b;

	return am_slice_compare(x->name, y->name);
}

/* The levels of the table at `arg`, which must stay there, in a userdata on the stack.
 * [-0, +1, v] */
static void push_levels(lua_State *L, int arg, struct levels *levels)
{
	size_t room = 1;

	luaL_checktype(L, arg, LUA_TTABLE);
	luaL_checkstack(L, 4, NULL);
	for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1))
		room++;
	levels->list = lua_newuserdatauv(L, room * sizeof *levels->list, 0);
	levels->count = 0;
	lua_pushnil(L);
	while (lua_next(L, arg) != 0) {
		struct installed *one = &levels->list[levels->count];
		struct am_slice text;

		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "levels: names and levels expected");
		one->name.at = lua_tolstring(L, -2, &one->name.length);
		text.at = lua_tolstring(L, -1, &text.length);
		if (am_level_parse(text, &one->level) == 0)
			levels->count++;
		lua_pop(L, 1);
	}
	if (levels->count > 1)
		qsort(levels->list, levels->count, sizeof *levels->list, compare_names);
}

static int level_of(void *arg, struct am_slice name, struct am_level *level)
{
	const struct levels *levels = arg;
	struct installed key = {.name = name}, *found = NULL;

	if (levels->count > 0)
		found = bsearch(&key, levels->list, levels->count, sizeof key, compare_names);
	if (found != NULL)
		*level = found->level;
	return found != NULL;
}

/* unmet(text, levels) -> list of the texts of requisites that do not hold */
static int l_unmet(lua_State *L)
{
	struct am_error error;
	struct levels levels;
	struct am_requisites *r;
	lua_Integer n = 0;

	lua_settop(L, 2);
	push_levels(L, 2, &levels);
	r = push_requisites(L, 1, &error);
	if (r == NULL)
		return bu_fail(L, &error);
	luaL_checkstack(L, 8, NULL);
	lua_newtable(L);
	for (size_t i = 0; i < r->count; i = r->list[i].end) {
		if (am_requisite_holds(r, i, level_of, &levels))
			continue;
		lua_pushlstring(L, r->list[i].text.at, r->list[i].text.length);
		lua_seti(L, -2, ++n);
	}
	return 1;
}

/* --- the order --- */

/* The arrays are user values of it. */
struct order {
	struct am_ordered *filesets;
	struct am_requisites *requisites;
	size_t *order;
	size_t count;
};

static int order_free(lua_State *L)
{
	struct order *order = luaL_checkudata(L, 1, ORDER_CLASS);

	for (size_t i = 0; i < order->count; i++)
		am_requisites_free(&order->requisites[i]);
	order->count = 0;
	return 0;
}

/* The fileset at the top of the stack. */
static int take_fileset(lua_State *L, struct order *order, struct am_error *error)
{
	struct am_ordered *f = &order->filesets[order->count];
	struct am_requisites *r = &order->requisites[order->count];

	luaL_checktype(L, -1, LUA_TTABLE);
	f->name = bu_checkslice(L, -1, "name");
	if (am_level_parse(bu_checkslice(L, -1, "level"), &f->level) != 0)
		luaL_error(L, "field 'level': no level");
	f->requisites = r;
	memset(r, 0, sizeof *r);
	order->count++;
	return am_requisites_parse(r, bu_optslice(L, -1, "requisites", ""), error);
}

/* order(filesets, installed) -> list of their numbers */
static int l_order(lua_State *L)
{
	struct levels levels;
	struct am_error error;
	struct order *order;
	size_t count;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	push_levels(L, 2, &levels);
	luaL_checkstack(L, 8, NULL);
	count = (size_t)luaL_len(L, 1);
	luaL_argcheck(L, count < 1000000, 1, "list too long");
	order = lua_newuserdatauv(L, sizeof *order, 3);
	memset(order, 0, sizeof *order);
	order->filesets = lua_newuserdatauv(L, (count + 1) * sizeof *order->filesets, 0);
	lua_setiuservalue(L, -2, 1);
	order->requisites = lua_newuserdatauv(L, (count + 1) * sizeof *order->requisites, 0);
	lua_setiuservalue(L, -2, 2);
	order->order = lua_newuserdatauv(L, (count + 1) * sizeof *order->order, 0);
	lua_setiuservalue(L, -2, 3);
	luaL_setmetatable(L, ORDER_CLASS);
	for (size_t i = 0; i < count; i++) {
		lua_geti(L, 1, (lua_Integer)i + 1);
		if (take_fileset(L, order, &error) != 0)
			return bu_fail(L, &error);
		lua_pop(L, 1);
	}
	if (am_requisite_order(order->filesets, count, level_of, &levels, order->order, &error) !=
		0)
		return bu_fail(L, &error);
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_pushinteger(L, (lua_Integer)order->order[i] + 1);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* --- the plan --- */

/* The arrays are user values of it. */
struct planning {
	struct am_plan plan;
	struct am_plan_image *images;
	struct am_requisites *requisites;
	size_t count;
};

static int plan_free(lua_State *L)
{
	struct planning *p = luaL_checkudata(L, 1, PLAN_CLASS);

	am_plan_free(&p->plan);
	for (size_t i = 0; i < p->count; i++)
		am_requisites_free(&p->requisites[i]);
	p->count = 0;
	return 0;
}

/* The fileset of an image at the top of the stack. */
static int take_image(lua_State *L, struct planning *p, struct am_error *error)
{
	struct am_plan_image *image = &p->images[p->count];
	struct am_requisites *r = &p->requisites[p->count];

	luaL_checktype(L, -1, LUA_TTABLE);
	image->name = bu_checkslice(L, -1, "name");
	if (am_level_parse(bu_checkslice(L, -1, "level"), &image->level) != 0)
		luaL_error(L, "field 'level': no level");
	lua_getfield(L, -1, "update");
	image->is_update = lua_toboolean(L, -1);
	lua_pop(L, 1);
	image->requisites = r;
	memset(r, 0, sizeof *r);
	p->count++;
	return am_requisites_parse(r, bu_optslice(L, -1, "requisites", ""), error);
}

/* The filesets of the list at `arg`, a level only where they have one, in a userdata on the stack.
 * [-0, +1, v] */
static struct am_plan_fileset *push_filesets(lua_State *L, int arg, size_t *count)
{
	struct am_plan_fileset *list;

	luaL_checktype(L, arg, LUA_TTABLE);
	*count = (size_t)luaL_len(L, arg);
	luaL_argcheck(L, *count < 1000000, arg, "list too long");
	list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
	memset(list, 0, (*count + 1) * sizeof *list);
	for (size_t i = 0; i < *count; i++) {
		struct am_slice level;

		lua_geti(L, arg, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		list[i].name = bu_checkslice(L, -1, "name");
		level = bu_optslice(L, -1, "level", "");
		list[i].has_level = level.length > 0;
		if (list[i].has_level && am_level_parse(level, &list[i].level) != 0)
			luaL_error(L, "field 'level': no level");
		lua_pop(L, 1);
	}
	return list;
}

/* Verdicts that say no more than a fate, as most do, are one table; they are in the list at
 * `plain`. */
static void push_verdict(lua_State *L, const struct am_plan_verdict *verdict, int plain)
{
	static const char *const fates[] = {
		"left", "taken", "not newer", "superseded", "again", "without base", "unmet"};
	int is_plain = verdict->by == AM_PLAN_NONE && verdict->why == NULL;

	if (is_plain && lua_geti(L, plain, (lua_Integer)verdict->fate + 1) == LUA_TTABLE)
		return;
	if (is_plain)
		lua_pop(L, 1);
	lua_createtable(L, 0, 4);
	bu_setstr(L, "fate", fates[verdict->fate]);
	if (is_plain) {
		lua_pushvalue(L, -1);
		lua_seti(L, plain, (lua_Integer)verdict->fate + 1);
	}
	if (verdict->by != AM_PLAN_NONE)
		bu_setint(L, "by", (lua_Integer)verdict->by + 1);
	if (verdict->why == NULL)
		return;
	bu_setslice(L, "why", verdict->why->text);
	if (verdict->why->kind != AM_REQUISITE_GROUP)
		bu_setslice(L, "needs", verdict->why->name);
}

static void push_plan(lua_State *L, const struct planning *p)
{
	int plain;

	lua_newtable(L);
	plain = lua_gettop(L);
	lua_createtable(L, 0, 2);
	lua_createtable(L, (int)p->count, 0);
	for (size_t i = 0; i < p->count; i++) {
		push_verdict(L, &p->plan.verdicts[i], plain);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "verdicts");
	lua_createtable(L, (int)p->plan.order_count, 0);
	for (size_t i = 0; i < p->plan.order_count; i++) {
		lua_pushinteger(L, (lua_Integer)p->plan.order[i] + 1);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "order");
}

/* plan(images, installed, wanted) -> { verdicts=, order= } */
static int l_plan(lua_State *L)
{
	struct am_error error;
	struct planning *p;
	struct am_plan_fileset *installed, *wanted;
	size_t count, installed_count, wanted_count;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 3);
	luaL_checkstack(L, 16, NULL);
	installed = push_filesets(L, 2, &installed_count);
	wanted = push_filesets(L, 3, &wanted_count);
	count = (size_t)luaL_len(L, 1);
	luaL_argcheck(L, count < 1000000, 1, "list too long");
	p = lua_newuserdatauv(L, sizeof *p, 2);
	memset(p, 0, sizeof *p);
	p->images = lua_newuserdatauv(L, (count + 1) * sizeof *p->images, 0);
	lua_setiuservalue(L, -2, 1);
	p->requisites = lua_newuserdatauv(L, (count + 1) * sizeof *p->requisites, 0);
	lua_setiuservalue(L, -2, 2);
	luaL_setmetatable(L, PLAN_CLASS);
	for (size_t i = 0; i < count; i++) {
		lua_geti(L, 1, (lua_Integer)i + 1);
		if (take_image(L, p, &error) != 0)
			return bu_fail(L, &error);
		lua_pop(L, 1);
	}
	if (am_plan_make(&p->plan, p->images, count, installed, installed_count, wanted,
		    wanted_count, &error) != 0)
		return bu_fail(L, &error);
	push_plan(L, p);
	return 1;
}

/* --- lpp_name --- */

static int lpp_free(lua_State *L)
{
	am_lpp_free(luaL_checkudata(L, 1, LPP_CLASS));
	return 0;
}

static void set_sizes(lua_State *L, const struct am_lpp_fileset *f)
{
	lua_createtable(L, (int)f->size_count, 0);
	for (size_t i = 0; i < f->size_count; i++) {
		lua_createtable(L, 0, 3);
		bu_setslice(L, "path", f->sizes[i].path);
		if (f->sizes[i].is_known && f->sizes[i].blocks <= INT64_MAX)
			bu_setint(L, "blocks", (lua_Integer)f->sizes[i].blocks);
		if (f->sizes[i].temporary <= INT64_MAX)
			bu_setint(L, "temporary", (lua_Integer)f->sizes[i].temporary);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "sizes");
}

static void set_others(lua_State *L, const struct am_lpp_fileset *f)
{
	lua_createtable(L, (int)f->supersede_count, 0);
	for (size_t i = 0; i < f->supersede_count; i++) {
		lua_createtable(L, 0, 2);
		bu_setslice(L, "name", f->supersedes[i].name);
		set_level(L, "level", &f->supersedes[i].level);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "supersedes");
	lua_createtable(L, (int)f->fix_count, 0);
	for (size_t i = 0; i < f->fix_count; i++) {
		lua_createtable(L, 0, 2);
		bu_setslice(L, "id", f->fixes[i].id);
		bu_setslice(L, "abstract", f->fixes[i].abstract);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "fixes");
}

static void push_fileset(lua_State *L, const struct am_lpp_fileset *f)
{
	lua_createtable(L, 0, 12);
	bu_setslice(L, "name", f->name);
	set_level(L, "level", &f->level);
	set_char(L, "bosboot", f->bosboot);
	set_char(L, "content", f->content);
	bu_setslice(L, "language", f->language);
	bu_setslice(L, "description", f->description);
	bu_setslice(L, "comments", f->comments);
	bu_setslice(L, "requisites", f->requisite_text);
	set_sizes(L, f);
	set_others(L, f);
	bu_setint(L, "line", (lua_Integer)f->line);
}

/* lpp(text [, name]) -> { platform=, type=, package=, filesets=, length= } */
static int l_lpp(lua_State *L)
{
	struct am_slice text;
	const char *name = bu_optcstr(L, 2, "lpp_name");
	struct am_lpp *lpp;
	struct am_error error;

	text.at = luaL_checklstring(L, 1, &text.length);
	lpp = lua_newuserdatauv(L, sizeof *lpp, 0);
	memset(lpp, 0, sizeof *lpp);
	luaL_setmetatable(L, LPP_CLASS);
	if (am_lpp_parse(lpp, name, text, &error) != 0)
		return bu_fail(L, &error);
	luaL_checkstack(L, 8, NULL);
	lua_createtable(L, 0, 5);
	bu_setint(L, "length", (lua_Integer)lpp->length);
	set_char(L, "platform", lpp->platform);
	bu_setslice(L, "type", lpp->type);
	bu_setslice(L, "package", lpp->package);
	lua_createtable(L, (int)lpp->count, 0);
	for (size_t i = 0; i < lpp->count; i++) {
		push_fileset(L, &lpp->filesets[i]);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "filesets");
	return 1;
}

/* --- inventory --- */

struct entries {
	struct am_inventory_entry *list; /* NULL: they are only counted */
	size_t count;
	uint64_t bytes;
};

static int take_entry(void *arg, const struct am_inventory_entry *entry, struct am_error *error)
{
	struct entries *entries = arg;

	(void)error;
	if (entries->list != NULL)
		entries->list[entries->count] = *entry;
	entries->count++;
	/* Sizes that are not true are not added up beyond what a number can hold. */
	entries->bytes += entry->size < INT64_MAX - entries->bytes ? entry->size : 0;
	return 0;
}

static void set_present(lua_State *L, const char *name, struct am_slice text)
{
	if (text.at != NULL)
		bu_setslice(L, name, text);
}

static void push_entry(lua_State *L, const struct am_inventory_entry *entry)
{
	lua_createtable(L, 0, 12);
	set_present(L, "path", entry->path);
	set_present(L, "type", entry->type);
	set_present(L, "owner", entry->owner);
	set_present(L, "group", entry->group);
	set_present(L, "mode", entry->mode);
	set_present(L, "links", entry->links);
	set_present(L, "symlinks", entry->symlinks);
	set_present(L, "target", entry->target);
	set_present(L, "class", entry->classes);
	if (entry->has_size)
		bu_setint(L, "size", (lua_Integer)entry->size);
	if (entry->has_sum) {
		bu_setint(L, "sum", entry->sum);
		bu_setint(L, "blocks", (lua_Integer)entry->blocks);
	}
	if (entry->is_volatile) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "volatile");
	}
}

/* inventory(text [, name]) -> list of entries */
static int l_inventory(lua_State *L)
{
	struct entries counted = {NULL, 0, 0}, entries = {NULL, 0, 0};
	struct am_slice text;
	const char *name = bu_optcstr(L, 2, "inventory");
	struct am_error error;

	text.at = luaL_checklstring(L, 1, &text.length);
	if (am_inventory_parse(name, text, take_entry, &counted, &error) != 0)
		return bu_fail(L, &error);
	entries.list = lua_newuserdatauv(L, (counted.count + 1) * sizeof *entries.list, 0);
	if (am_inventory_parse(name, text, take_entry, &entries, &error) != 0)
		return bu_fail(L, &error);
	lua_createtable(L, (int)entries.count, 0);
	for (size_t i = 0; i < entries.count; i++) {
		push_entry(L, &entries.list[i]);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* inventory_size(text [, name]) -> number of entries, bytes of their files */
static int l_inventory_size(lua_State *L)
{
	struct entries counted = {NULL, 0, 0};
	struct am_slice text;
	const char *name = bu_optcstr(L, 2, "inventory");
	struct am_error error;

	text.at = luaL_checklstring(L, 1, &text.length);
	if (am_inventory_parse(name, text, take_entry, &counted, &error) != 0)
		return bu_fail(L, &error);
	lua_pushinteger(L, (lua_Integer)counted.count);
	lua_pushinteger(L, (lua_Integer)counted.bytes);
	return 2;
}

int luaopen_altmig_installp_core(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg requisites_meta[] = {{"__gc", requisites_free}, {NULL, NULL}};
	static const luaL_Reg order_meta[] = {{"__gc", order_free}, {NULL, NULL}};
	static const luaL_Reg lpp_meta[] = {{"__gc", lpp_free}, {NULL, NULL}};
	static const luaL_Reg plan_meta[] = {{"__gc", plan_free}, {NULL, NULL}};
	static const luaL_Reg functions[] = {{"lpp", l_lpp}, {"inventory", l_inventory},
		{"inventory_size", l_inventory_size}, {"order", l_order}, {"plan", l_plan},
		{"requisites", l_requisites}, {"space", l_installp_space}, {"unmet", l_unmet},
		{NULL, NULL}};

	bu_newclass(L, REQUISITES_CLASS, none, requisites_meta);
	bu_newclass(L, ORDER_CLASS, none, order_meta);
	bu_newclass(L, LPP_CLASS, none, lpp_meta);
	bu_newclass(L, PLAN_CLASS, none, plan_meta);
	luaL_newlib(L, functions);
	return 1;
}
