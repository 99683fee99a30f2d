/* SPDX-License-Identifier: MIT */
/* space() of altmig.installp_core. */
#ifndef ALTMIG_L_INSTALLP_SPACE_H
#define ALTMIG_L_INSTALLP_SPACE_H

#include <lua.h>

int l_installp_space(lua_State *L);

#endif
