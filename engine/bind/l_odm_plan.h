/* SPDX-License-Identifier: MIT */
#ifndef ALTMIG_L_ODM_PLAN_H
#define ALTMIG_L_ODM_PLAN_H

#include <lua.h>

/* altmig.odm_core.merge, and the class of what it returns. */
int odm_merge(lua_State *L);
void odm_plan_class(lua_State *L);

#endif
