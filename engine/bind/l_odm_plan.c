/* SPDX-License-Identifier: MIT */
/* altmig.odm_core.merge: the three-way merge of classes as a plan with questions. */
#include <string.h>

#include "l_odm_plan.h"
#include "odm_bind.h"
#include "odm/merge.h"

#define PLAN_CLASS "altmig.odm.plan"

/* The classes are user values of the plan; a closed one is noticed by its place being empty. */
struct plan {
	struct am_odm_plan *plan;
	struct am_odm_class **places[3];
};

static const char *const kinds[AM_ODM_FINDING_KINDS] = {"field theirs", "field ours", "field user",
	"field system", "field ask", "object theirs", "object ours", "object conflict", "removed",
	"removed changed", "returned", "new", "obsolete", "added", "changed obsolete"};
static const char *const side_names[] = {"o", "c", "n", NULL};
static const char *const policies[] = {"user", "system", "ask", NULL};

static int is_field(const struct am_odm_finding *finding)
{
	return finding->kind <= AM_ODM_FIELD_ASK;
}

static struct plan *check_plan(lua_State *L)
{
	struct plan *plan = luaL_checkudata(L, 1, PLAN_CLASS);

	for (int side = 0; side < 3; side++) {
		if (plan->places[side] != NULL && *plan->places[side] == NULL)
			luaL_error(L, "a class of the plan is closed");
	}
	luaL_argcheck(L, plan->plan != NULL, 1, "plan is closed");
	return plan;
}

static int plan_close(lua_State *L)
{
	struct plan *plan = luaL_checkudata(L, 1, PLAN_CLASS);
	struct am_odm_plan *old = plan->plan;

	plan->plan = NULL;
	am_odm_plan_free(old);
	return 0;
}

static size_t check_index(lua_State *L, int arg, size_t count)
{
	return (size_t)bu_checkrange(L, arg, 1, (lua_Integer)count) - 1;
}

static size_t check_entry(lua_State *L, const struct plan *plan)
{
	return check_index(L, 2, am_odm_plan_entries(plan->plan));
}

static void push_key(lua_State *L, const struct plan *plan, size_t entry)
{
	struct am_slice key = am_odm_plan_key(plan->plan, entry);

	lua_pushlstring(L, key.at, key.length);
}

/* p:count() -> entries, findings */
static int plan_count(lua_State *L)
{
	const struct plan *plan = check_plan(L);

	lua_pushinteger(L, (lua_Integer)am_odm_plan_entries(plan->plan));
	lua_pushinteger(L, (lua_Integer)am_odm_plan_findings(plan->plan));
	return 2;
}

static const char *field_name(const struct plan *plan, const struct am_odm_finding *finding)
{
	size_t count;

	return am_odm_class_descriptors(*plan->places[2], &count)[finding->field].name;
}

/* p:finding(i) -> kind, entry, key; of a field its name, and its value in O, C and N */
static int plan_finding(lua_State *L)
{
	const struct plan *plan = check_plan(L);
	size_t index = check_index(L, 2, am_odm_plan_findings(plan->plan));
	const struct am_odm_finding *finding = am_odm_plan_finding(plan->plan, index);
	const char *name;

	lua_pushstring(L, kinds[finding->kind]);
	lua_pushinteger(L, (lua_Integer)finding->entry + 1);
	push_key(L, plan, finding->entry);
	if (!is_field(finding))
		return 3;
	name = field_name(plan, finding);
	lua_pushstring(L, name);
	for (int side = 0; side < 3; side++) {
		struct am_odm_value value;

		if (am_odm_plan_value(plan->plan, finding->entry, side, name, &value))
			odm_push_value(L, &value);
		else
			lua_pushnil(L);
	}
	return 7;
}

/* p:choose(i, "N"|"C"|"own" [, value]): the answer to a question about a field */
static int plan_choose(lua_State *L)
{
	static const char *const choices[] = {"N", "C", "own", NULL};
	struct plan *plan = check_plan(L);
	size_t index = check_index(L, 2, am_odm_plan_findings(plan->plan));
	int choice = luaL_checkoption(L, 3, NULL, choices);
	struct am_odm_value value = {AM_ODM_TEXT, NULL, 0, 0, 0};
	struct am_error error;

	luaL_argcheck(L, is_field(am_odm_plan_finding(plan->plan, index)), 2, "not about a field");
	if (choice != AM_ODM_OWN) {
		am_odm_plan_choose(plan->plan, index, (enum am_odm_choice)choice);
		return 0;
	}
	value.text = luaL_checklstring(L, 4, &value.length);
	return am_odm_plan_own(plan->plan, index, &value, &error) != 0
		       ? luaL_error(L, "%s", error.message)
		       : 0;
}

/* p:keep(entry, boolean): whether it is in the result */
static int plan_keep(lua_State *L)
{
	struct plan *plan = check_plan(L);
	size_t entry = check_entry(L, plan);

	luaL_checktype(L, 3, LUA_TBOOLEAN);
	am_odm_plan_keep(plan->plan, entry, lua_toboolean(L, 3));
	return 0;
}

/* p:entry(i) -> key, "C"|"N"|"merged"; nil when it is not in the result */
static int plan_entry(lua_State *L)
{
	const struct plan *plan = check_plan(L);
	size_t index = check_entry(L, plan);
	const struct am_odm_entry *entry = am_odm_plan_entry(plan->plan, index);

	if (entry->dropped)
		return 0;
	push_key(L, plan, index);
	lua_pushstring(L, entry->ours ? "C" : entry->changed ? "merged" : "N");
	return 2;
}

/* Sets the chosen fields of an entry in the table at the top. [-0, +0, m] */
static void push_changes(lua_State *L, const struct plan *plan, const struct am_odm_entry *entry)
{
	for (uint32_t i = 0; i < entry->finding_count; i++) {
		size_t index = (size_t)entry->first_finding + i;
		const struct am_odm_finding *finding = am_odm_plan_finding(plan->plan, index);
		struct am_odm_value value;

		if (!is_field(finding) || finding->choice == AM_ODM_THEIRS)
			continue;
		am_odm_plan_chosen(plan->plan, index, &value);
		odm_push_value(L, &value);
		lua_setfield(L, -2, field_name(plan, finding));
	}
}

/* p:row(i [, "o"|"c"|"n"]) -> the object as it will be, or of one side; nil when there is none */
static int plan_row(lua_State *L)
{
	const struct plan *plan = check_plan(L);
	const struct am_odm_entry *entry = am_odm_plan_entry(plan->plan, check_entry(L, plan));
	int merged = lua_isnoneornil(L, 3);
	int side = !merged       ? luaL_checkoption(L, 3, NULL, side_names)
		   : entry->ours ? AM_ODM_SIDE_C
				 : AM_ODM_SIDE_N;

	if (entry->slots[side] == AM_ODM_NO_SLOT)
		return 0;
	odm_push_object(L, *plan->places[side], entry->slots[side]);
	if (merged && !entry->ours)
		push_changes(L, plan, entry);
	return 1;
}

/* p:column(name) -> the field of every entry as it will be; false where there is none */
static int plan_column(lua_State *L)
{
	const struct plan *plan = check_plan(L);
	const char *name = bu_checkcstr(L, 2);
	size_t count = am_odm_plan_entries(plan->plan);

	lua_newtable(L);
	for (size_t i = 0; i < count; i++) {
		struct am_odm_value value;

		if (!am_odm_plan_entry(plan->plan, i)->dropped &&
			am_odm_plan_result(plan->plan, i, name, &value))
			odm_push_value(L, &value);
		else
			lua_pushboolean(L, 0);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* p:is_ours() -> whether the result is C */
static int plan_is_ours(lua_State *L)
{
	lua_pushboolean(L, am_odm_plan_is_ours(check_plan(L)->plan));
	return 1;
}

/* p:next(i) -> the next entry that changes N: i, key, slot or nil to add, fields or nil to erase */
static int plan_next(lua_State *L)
{
	const struct plan *plan = check_plan(L);
	size_t count = am_odm_plan_entries(plan->plan);
	size_t i = (size_t)bu_checkrange(L, 2, 0, (lua_Integer)count);

	for (; i < count; i++) {
		const struct am_odm_entry *entry = am_odm_plan_entry(plan->plan, i);
		uint32_t slot = entry->slots[AM_ODM_SIDE_N];

		if (entry->dropped ? slot == AM_ODM_NO_SLOT : !entry->ours && !entry->changed)
			continue;
		lua_pushinteger(L, (lua_Integer)i + 1);
		push_key(L, plan, i);
		if (slot == AM_ODM_NO_SLOT)
			lua_pushnil(L);
		else
			lua_pushinteger(L, slot);
		if (entry->dropped) {
			lua_pushnil(L);
		} else if (entry->ours) {
			odm_push_object(L, *plan->places[1], entry->slots[1]);
		} else {
			lua_newtable(L);
			push_changes(L, plan, entry);
		}
		return 4;
	}
	return 0;
}

/* --- making a plan --- */

/* Keys are { when = field, is = text, part, ... }; what is read stays valid while the tables do. */
static void check_key(lua_State *L, struct am_odm_key *key)
{
	int arg = lua_gettop(L);
	lua_Integer count;
	const char **parts;

	luaL_checktype(L, arg, LUA_TTABLE);
	count = luaL_len(L, arg);
	if (count < 0 || count > 100)
		luaL_error(L, "key with too many parts");
	key->when = bu_fieldstr(L, arg, "when", NULL);
	key->is = bu_fieldstr(L, arg, "is", NULL);
	parts = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *parts, 0);
	for (lua_Integer i = 1; i <= count; i++) {
		if (lua_geti(L, arg, i) != LUA_TSTRING)
			luaL_error(L, "part of a key is no string");
		parts[i - 1] = lua_tostring(L, -1); /* the table keeps it */
		lua_pop(L, 1);
	}
	key->parts = parts;
	key->count = (size_t)count;
	lua_remove(L, arg); /* the userdata stays, the list of keys keeps the table */
}

/* The list of keys at the top; leaves what it points to on the stack. */
static void check_keys(lua_State *L, struct am_odm_merge *merge)
{
	int list = lua_gettop(L);
	lua_Integer count;
	struct am_odm_key *keys;

	luaL_checktype(L, list, LUA_TTABLE);
	count = luaL_len(L, list);
	if (count < 1 || count > 8)
		luaL_error(L, "one to eight keys expected");
	keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys, 0);
	for (lua_Integer i = 0; i < count; i++) {
		lua_geti(L, list, i + 1);
		check_key(L, &keys[i]);
	}
	merge->keys = keys;
	merge->key_count = (size_t)count;
}

static enum am_odm_policy check_policy(lua_State *L, const char *name)
{
	for (int i = 0; name != NULL && policies[i] != NULL; i++) {
		if (strcmp(name, policies[i]) == 0)
			return (enum am_odm_policy)i;
	}
	luaL_error(L, "'%s' is no class of a field", name == NULL ? "nil" : name);
	return AM_ODM_ASK;
}

/* The table of classes of fields at the top, or nil; leaves what it points to on the stack. */
static void check_classes(lua_State *L, struct am_odm_merge *merge)
{
	int arg = lua_gettop(L);
	struct am_odm_field_policy *fields;
	size_t count = 0, n = 0;

	if (lua_isnil(L, arg))
		return;
	luaL_checktype(L, arg, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1))
		count++;
	fields = lua_newuserdatauv(L, (count + 1) * sizeof *fields, 0);
	for (lua_pushnil(L); n < count && lua_next(L, arg) != 0; lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "classes: names and classes of fields expected");
		fields[n].name = lua_tostring(L, -2);
		fields[n++].policy = check_policy(L, lua_tostring(L, -1));
	}
	merge->fields = fields;
	merge->field_count = n;
}

/* merge{o=, c=, n=, key=, default=, classes=, whole=, mandatory=} -> plan */
int odm_merge(lua_State *L)
{
	struct am_odm_merge merge = {0};
	struct am_error error;
	struct plan *plan;
	int arg;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_checkstack(L, 40, NULL);
	plan = lua_newuserdatauv(L, sizeof *plan, 3);
	memset(plan, 0, sizeof *plan);
	luaL_setmetatable(L, PLAN_CLASS);
	for (int side = 0; side < 3; side++) {
		lua_getfield(L, 1, side_names[side]);
		if (side > 0 || lua_toboolean(L, -1)) {
			plan->places[side] = odm_check_class(L, lua_gettop(L));
			merge.sides[side] = *plan->places[side];
		}
		lua_setiuservalue(L, 2, side + 1);
	}
	merge.fallback = check_policy(L, bu_fieldstr(L, 1, "default", "user"));
	merge.whole = bu_fieldbool(L, 1, "whole", 0);
	merge.mandatory = bu_fieldbool(L, 1, "mandatory", 0);
	lua_getfield(L, 1, "key");
	check_keys(L, &merge);
	lua_getfield(L, 1, "classes");
	check_classes(L, &merge);
	arg = lua_gettop(L);
	plan->plan = am_odm_plan_make(&merge, &error);
	if (plan->plan == NULL)
		return bu_fail(L, &error);
	lua_settop(L, arg);
	lua_pushvalue(L, 2);
	return 1;
}

void odm_plan_class(lua_State *L)
{
	static const luaL_Reg methods[] = {{"count", plan_count}, {"finding", plan_finding},
		{"choose", plan_choose}, {"keep", plan_keep}, {"entry", plan_entry},
		{"row", plan_row}, {"column", plan_column}, {"next", plan_next},
		{"is_ours", plan_is_ours}, {"close", plan_close}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {
		{"__gc", plan_close}, {"__close", plan_close}, {NULL, NULL}};

	bu_newclass(L, PLAN_CLASS, methods, metamethods);
}
