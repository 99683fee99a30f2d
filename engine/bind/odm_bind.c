/* SPDX-License-Identifier: MIT */
#include "odm_bind.h"

struct am_odm_class **odm_check_class(lua_State *L, int arg)
{
	struct am_odm_class **slot = luaL_checkudata(L, arg, ODM_CLASS);

	luaL_argcheck(L, *slot != NULL, arg, "class is closed");
	return slot;
}

void odm_push_value(lua_State *L, const struct am_odm_value *value)
{
	if (value->kind == AM_ODM_TEXT)
		lua_pushlstring(L, value->text, value->length);
	else if (value->kind == AM_ODM_REAL)
		lua_pushnumber(L, value->real);
	else
		lua_pushinteger(L, value->number);
}

void odm_push_object(lua_State *L, const struct am_odm_class *class, size_t slot)
{
	size_t count;
	const struct am_odm_descriptor *descriptors = am_odm_class_descriptors(class, &count);

	lua_createtable(L, 0, (int)count);
	for (size_t i = 0; i < count; i++) {
		struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

		am_odm_class_get(class, slot, i, &value);
		odm_push_value(L, &value);
		lua_setfield(L, -2, descriptors[i].name);
	}
}
