/* SPDX-License-Identifier: MIT */
/* altmig.odm_core: ODM classes as images in memory, and stanza text. altmig.odm makes the store of
 * them. */
#include <string.h>

#include "bindutil.h"
#include "bind_modules.h"
#include "l_odm_plan.h"
#include "odm/value.h"
#include "odm_bind.h"
#include "odm/class_file.h"

#define CRITERIA_CLASS "altmig.odm.criteria"
#define TEXT_CLASS     "altmig.odm.text"

static struct am_odm_class *check_class(lua_State *L)
{
	return *odm_check_class(L, 1);
}

static int class_close(lua_State *L)
{
	struct am_odm_class **slot = luaL_checkudata(L, 1, ODM_CLASS);
	struct am_odm_class *class = *slot;

	*slot = NULL;
	am_odm_class_free(class);
	return 0;
}

static struct am_odm_class **new_class(lua_State *L)
{
	struct am_odm_class **slot = lua_newuserdatauv(L, sizeof *slot, 0);

	*slot = NULL;
	luaL_setmetatable(L, ODM_CLASS);
	return slot;
}

static int criteria_free(lua_State *L)
{
	struct am_odm_criteria **slot = luaL_checkudata(L, 1, CRITERIA_CLASS);
	struct am_odm_criteria *criteria = *slot;

	*slot = NULL;
	am_odm_criteria_free(criteria);
	return 0;
}

static int text_free(lua_State *L)
{
	am_odm_text_free(luaL_checkudata(L, 1, TEXT_CLASS));
	return 0;
}

/* Compiles the optional criteria at `arg` into a userdata pushed on the stack. [-0, +1, m] */
static struct am_odm_criteria *push_criteria(
	lua_State *L, int arg, struct am_odm_class *class, struct am_error *error)
{
	const char *text = bu_optcstr(L, arg, NULL);
	struct am_odm_criteria **slot = lua_newuserdatauv(L, sizeof *slot, 0);
	const struct am_odm_descriptor *descriptors;
	size_t count;

	*slot = NULL;
	luaL_setmetatable(L, CRITERIA_CLASS);
	descriptors = am_odm_class_descriptors(class, &count);
	*slot = am_odm_criteria_compile(text, descriptors, count, error);
	return *slot;
}

/* --- objects out --- */

/* c:get([criteria]) -> list of objects, in the order of the class */
static int class_get(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;
	struct am_odm_criteria *criteria = push_criteria(L, 2, class, &error);
	lua_Integer n = 0;

	if (criteria == NULL)
		return bu_fail(L, &error);
	lua_newtable(L);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		if (!am_odm_class_live(class, slot) || !am_odm_class_match(class, slot, criteria))
			continue;
		odm_push_object(L, class, slot);
		lua_seti(L, -2, ++n);
	}
	return 1;
}

/* c:column(name) -> the field of all objects; empty when there is no such field */
static int class_column(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	size_t count, length;
	const char *name = luaL_checklstring(L, 2, &length);
	const struct am_odm_descriptor *descriptors = am_odm_class_descriptors(class, &count);
	int field = am_odm_find(descriptors, count, name, length);
	lua_Integer n = 0;

	lua_newtable(L);
	for (size_t slot = 0; field >= 0 && slot < am_odm_class_slots(class); slot++) {
		struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

		if (!am_odm_class_live(class, slot))
			continue;
		am_odm_class_get(class, slot, (size_t)field, &value);
		odm_push_value(L, &value);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* c:rows() -> all objects, and the slot of each: what set and erase take */
static int class_rows(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	lua_Integer n = 0;

	lua_settop(L, 1);
	lua_newtable(L);
	lua_newtable(L);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		if (!am_odm_class_live(class, slot))
			continue;
		odm_push_object(L, class, slot);
		lua_rawseti(L, 2, ++n);
		lua_pushinteger(L, (lua_Integer)slot);
		lua_rawseti(L, 3, n);
	}
	return 2;
}

static int format_object(
	struct am_buf *out, const struct am_odm_class *class, size_t slot, struct am_error *error)
{
	size_t count;
	const struct am_odm_descriptor *descriptors = am_odm_class_descriptors(class, &count);

	if (am_buf_addf(out, error, "\n%s:\n", am_odm_class_name(class)) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

		am_odm_class_get(class, slot, i, &value);
		if (am_odm_text_value(out, &descriptors[i], &value, error) != 0)
			return -1;
	}
	return 0;
}

/* c:format([criteria]) -> what odmget prints */
static int class_format(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;
	struct am_odm_criteria *criteria = push_criteria(L, 2, class, &error);
	struct am_buf *out = bu_newbuf(L);

	if (criteria == NULL)
		return bu_fail(L, &error);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		if (am_odm_class_live(class, slot) && am_odm_class_match(class, slot, criteria) &&
			format_object(out, class, slot, &error) != 0)
			return bu_fail(L, &error);
	}
	lua_pushlstring(L, out->length > 0 ? out->data : "", out->length);
	am_buf_free(out);
	return 1;
}

/* c:descriptors() -> list of {name=, type=, size=, class=, key=, external=} */
static int class_descriptors(lua_State *L)
{
	size_t count;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(check_class(L), &count);

	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_createtable(L, 0, 6);
		bu_setstr(L, "name", d[i].name);
		bu_setstr(L, "type", am_odm_type_name(d[i].type));
		bu_setint(L, "size", d[i].size);
		lua_pushboolean(L, d[i].external);
		lua_setfield(L, -2, "external");
		if (d[i].type == AM_ODM_LINK) {
			bu_setstr(L, "class", d[i].link_class);
			bu_setstr(L, "key", d[i].link_key);
		}
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int class_name(lua_State *L)
{
	lua_pushstring(L, am_odm_class_name(check_class(L)));
	return 1;
}

/* c:count() -> objects, slots */
static int class_count(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	lua_Integer live = 0;

	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++)
		live += am_odm_class_live(class, slot);
	lua_pushinteger(L, live);
	lua_pushinteger(L, (lua_Integer)am_odm_class_slots(class));
	return 2;
}

/* c:images() -> bytes of the class file, bytes of the string file or nil */
static int class_images(lua_State *L)
{
	const struct am_buf *data, *strings;

	am_odm_class_images(check_class(L), &data, &strings);
	lua_pushlstring(L, data->data, data->length);
	if (strings == NULL)
		lua_pushnil(L);
	else
		lua_pushlstring(L, strings->data, strings->length);
	return 2;
}

/* --- objects in --- */

/* The value at the top of the stack for a descriptor. What must outlive it is put into the table
 * at `anchor`. [-1, +0, v] */
static void take_value(lua_State *L, int anchor, const struct am_odm_descriptor *descriptor,
	struct am_odm_value *value)
{
	int type = lua_type(L, -1);

	if (type != LUA_TNUMBER && type != LUA_TSTRING)
		luaL_error(L, "field '%s': string or number expected, got %s", descriptor->name,
			luaL_typename(L, -1));
	if (type == LUA_TNUMBER && am_odm_kind_of(descriptor->type) != AM_ODM_TEXT) {
		int exact;

		value->number = lua_tointegerx(L, -1, &exact);
		value->real = lua_tonumber(L, -1);
		value->kind = exact ? AM_ODM_NUMBER : AM_ODM_REAL;
		lua_pop(L, 1);
		return;
	}
	value->kind = AM_ODM_TEXT;
	value->text = lua_tolstring(L, -1, &value->length); /* a number becomes a string here */
	lua_seti(L, anchor, luaL_len(L, anchor) + 1);
}

/*
 * The fields of the object at `arg` as values of the class, in a userdata pushed on the stack with
 * the table of their strings; NULL with `error` filled for a field the class does not have.
 * [-0, +2, v]
 */
static struct am_odm_value *push_values(
	lua_State *L, int arg, struct am_odm_class *class, struct am_error *error)
{
	size_t count;
	const struct am_odm_descriptor *descriptors = am_odm_class_descriptors(class, &count);
	struct am_odm_value *values;
	int anchor;

	luaL_checktype(L, arg, LUA_TTABLE);
	lua_newtable(L);
	anchor = lua_gettop(L);
	values = lua_newuserdatauv(L, count * sizeof *values, 0);
	memset(values, 0, count * sizeof *values);
	for (size_t i = 0; i < count; i++)
		values[i].text = "";
	lua_pushnil(L);
	while (lua_next(L, arg) != 0) {
		const char *name;
		size_t length;
		int index;

		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "object with a field that has no name");
		name = lua_tolstring(L, -2, &length);
		index = am_odm_find(descriptors, count, name, length);
		if (index < 0) {
			am_fail(error, "ODM_DESCRIPTOR", "odm: class %s: no descriptor '%.64s'",
				am_odm_class_name(class), name);
			return NULL;
		}
		take_value(L, anchor, &descriptors[index], &values[index]);
	}
	return values;
}

/* c:add(object) -> true */
static int class_add(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;
	struct am_odm_value *values = push_values(L, 2, class, &error);

	if (values == NULL || am_odm_class_add(class, values, &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* c:change(criteria, fields) -> number of objects */
static int class_change(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;
	struct am_odm_value *values = push_values(L, 3, class, &error);
	struct am_odm_criteria *criteria;
	lua_Integer n = 0;

	if (values == NULL)
		return bu_fail(L, &error);
	criteria = push_criteria(L, 2, class, &error);
	if (criteria == NULL)
		return bu_fail(L, &error);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		if (!am_odm_class_live(class, slot) || !am_odm_class_match(class, slot, criteria))
			continue;
		if (am_odm_class_change(class, slot, values, &error) != 0)
			return bu_fail(L, &error);
		n++;
	}
	lua_pushinteger(L, n);
	return 1;
}

/* c:delete(criteria) -> number of objects */
static int class_delete(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;
	struct am_odm_criteria *criteria = push_criteria(L, 2, class, &error);
	lua_Integer n = 0;

	if (criteria == NULL)
		return bu_fail(L, &error);
	for (size_t slot = 0; slot < am_odm_class_slots(class); slot++) {
		if (!am_odm_class_live(class, slot) || !am_odm_class_match(class, slot, criteria))
			continue;
		if (am_odm_class_delete(class, slot, &error) != 0)
			return bu_fail(L, &error);
		n++;
	}
	lua_pushinteger(L, n);
	return 1;
}

/* The number of a live slot. */
static size_t check_slot(lua_State *L, int arg, const struct am_odm_class *class)
{
	lua_Integer slot = luaL_checkinteger(L, arg);

	luaL_argcheck(L,
		slot >= 0 && (lua_Unsigned)slot < am_odm_class_slots(class) &&
			am_odm_class_live(class, (size_t)slot),
		arg, "no object in this slot");
	return (size_t)slot;
}

/* c:set(slot, fields) -> true */
static int class_set(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	size_t slot = check_slot(L, 2, class);
	struct am_error error;
	struct am_odm_value *values = push_values(L, 3, class, &error);

	if (values == NULL || am_odm_class_change(class, slot, values, &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* c:erase(slot) -> true */
static int class_erase(lua_State *L)
{
	struct am_odm_class *class = check_class(L);
	struct am_error error;

	if (am_odm_class_delete(class, check_slot(L, 2, class), &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* c:writable() -> true, or ODM_READONLY */
static int class_writable(lua_State *L)
{
	struct am_error error;

	if (am_odm_class_writable(check_class(L), &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* --- the module --- */

/* parse(path, data [, strings]) -> class */
static int l_parse(lua_State *L)
{
	size_t length, strings_length = 0;
	const char *path = bu_checkcstr(L, 1);
	const char *data = luaL_checklstring(L, 2, &length);
	const char *strings = luaL_optlstring(L, 3, NULL, &strings_length);
	struct am_odm_class **slot = new_class(L);
	struct am_error error;

	*slot = am_odm_class_parse(path, data, length, strings, strings_length, &error);
	return *slot == NULL ? bu_fail(L, &error) : 1;
}

/* The descriptor table at the top of the stack. */
static void check_definition(lua_State *L, struct am_odm_definition *definition)
{
	int arg = lua_gettop(L);
	const char *type;
	int number;
	lua_Integer size;

	luaL_checktype(L, arg, LUA_TTABLE);
	definition->name = bu_fieldstr(L, arg, "name", NULL);
	type = bu_fieldstr(L, arg, "type", NULL);
	if (definition->name == NULL || type == NULL)
		luaL_error(L, "descriptor without a name or a type");
	number = am_odm_type_of(type);
	if (number < 0)
		luaL_error(L, "unknown type '%s'", type);
	definition->type = (enum am_odm_type)number;
	size = bu_fieldint(L, arg, "size", 0);
	if (size < 0 || size > INT32_MAX)
		luaL_error(L, "field 'size' is out of range");
	definition->size = (uint32_t)size;
	definition->link_class = bu_fieldstr(L, arg, "class", NULL);
	definition->link_key = bu_fieldstr(L, arg, "key", NULL);
}

/* create(path, name, descriptors) -> class */
static int l_create(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	const char *name = bu_checkcstr(L, 2);
	struct am_odm_definition *definitions;
	struct am_odm_class **slot;
	struct am_error error;
	lua_Integer count;

	luaL_checktype(L, 3, LUA_TTABLE);
	count = luaL_len(L, 3);
	luaL_argcheck(L, count >= 0 && count < 100000, 3, "list too long");
	definitions = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *definitions, 0);
	memset(definitions, 0, ((size_t)count + 1) * sizeof *definitions);
	for (lua_Integer i = 1; i <= count; i++) {
		lua_geti(L, 3, i);
		check_definition(L, &definitions[i - 1]);
		lua_pop(L, 1); /* the list keeps its strings */
	}
	slot = new_class(L);
	*slot = am_odm_class_create(path, name, definitions, (size_t)count, &error);
	return *slot == NULL ? bu_fail(L, &error) : 1;
}

/* A value without quotes is a number if it is written as one, else the text it is. */
static void push_plain(lua_State *L, const struct am_odm_item *item)
{
	lua_pushlstring(L, item->text, item->length);
	if (item->length > 0 && item->length < 20) {
		int exact;
		lua_Integer number = lua_tointegerx(L, -1, &exact);

		if (exact) {
			lua_pushinteger(L, number);
			lua_pushvalue(L, -1);
			lua_tostring(L, -1);
			if (lua_rawequal(L, -1, -3)) {
				lua_pop(L, 1);
				lua_remove(L, -2);
				return;
			}
			lua_pop(L, 2);
		}
	}
}

/* text(text) -> list of {class=, fields={name=value}, line=} */
static int l_text(lua_State *L)
{
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	struct am_odm_text *parsed;
	struct am_error error;
	lua_Integer n = 0;

	lua_settop(L, 1);
	parsed = lua_newuserdatauv(L, sizeof *parsed, 0); /* 2; the list is 3 */
	memset(parsed, 0, sizeof *parsed);
	luaL_setmetatable(L, TEXT_CLASS);
	if (am_odm_text_parse(parsed, text, length, &error) != 0)
		return bu_fail(L, &error);
	lua_newtable(L);
	for (size_t i = 0; i < parsed->count; i++) {
		const struct am_odm_item *item = &parsed->items[i];

		if (item->kind == AM_ODM_ITEM_CLASS) {
			lua_settop(L, 3);
			lua_createtable(L, 0, 3);
			lua_pushlstring(L, item->name, item->name_length);
			lua_setfield(L, -2, "class");
			bu_setint(L, "line", (lua_Integer)item->line);
			lua_pushvalue(L, -1);
			lua_seti(L, 3, ++n);
			lua_newtable(L);
			lua_pushvalue(L, -1);
			lua_setfield(L, -3, "fields");
			continue;
		}
		lua_pushlstring(L, item->name, item->name_length);
		if (item->kind == AM_ODM_ITEM_QUOTED)
			lua_pushlstring(L, item->text, item->length);
		else
			push_plain(L, item);
		lua_settable(L, -3);
	}
	lua_settop(L, 3);
	return 1;
}

/* quote(string) -> the string in quotes, escaped as in stanza text */
static int l_quote(lua_State *L)
{
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	struct am_buf *out = bu_newbuf(L);
	struct am_error error;

	if (am_odm_text_quote(out, text, length, &error) != 0)
		return bu_fail(L, &error);
	lua_pushlstring(L, out->data, out->length);
	am_buf_free(out);
	return 1;
}

int luaopen_altmig_odm_core(lua_State *L)
{
	static const luaL_Reg methods[] = {{"get", class_get}, {"format", class_format},
		{"descriptors", class_descriptors}, {"name", class_name}, {"count", class_count},
		{"images", class_images}, {"rows", class_rows}, {"column", class_column},
		{"set", class_set}, {"erase", class_erase}, {"add", class_add},
		{"change", class_change}, {"delete", class_delete}, {"writable", class_writable},
		{"close", class_close}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {
		{"__gc", class_close}, {"__close", class_close}, {NULL, NULL}};
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg criteria_meta[] = {{"__gc", criteria_free}, {NULL, NULL}};
	static const luaL_Reg text_meta[] = {{"__gc", text_free}, {NULL, NULL}};
	static const luaL_Reg functions[] = {{"parse", l_parse}, {"create", l_create},
		{"text", l_text}, {"quote", l_quote}, {"merge", odm_merge}, {NULL, NULL}};

	bu_newclass(L, ODM_CLASS, methods, metamethods);
	bu_newclass(L, CRITERIA_CLASS, none, criteria_meta);
	bu_newclass(L, TEXT_CLASS, none, text_meta);
	odm_plan_class(L);
	luaL_newlib(L, functions);
	return 1;
}
