/* SPDX-License-Identifier: MIT */
/*
 * What the two files of altmig.odm_core share.
 */
#ifndef ALTMIG_ODM_BIND_H
#define ALTMIG_ODM_BIND_H

#include "bindutil.h"
#include "odm/class_file.h"

/* The class of Lua objects that are ODM classes. */
#define ODM_CLASS "altmig.odm.class"

/* The open class at `arg`: its place in the userdata, which is NULL once it is closed. Raises. */
struct am_odm_class **odm_check_class(lua_State *L, int arg);

/* [-0, +1, m] */
void odm_push_value(lua_State *L, const struct am_odm_value *value);
void odm_push_object(lua_State *L, const struct am_odm_class *class, size_t slot);

#endif
