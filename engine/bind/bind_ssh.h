/* SPDX-License-Identifier: MIT */
/* Options of SSH sessions as a Lua table has them, for the modules that make sessions. */
#ifndef ALTMIG_BIND_SSH_H
#define ALTMIG_BIND_SSH_H

#include <lua.h>

#include "remote/ssh_connect.h"

struct bu_ssh_options {
	struct am_ssh_options options; /* `jump` leads to the one below, or nowhere */
	struct am_ssh_options jump;
	struct am_ssh_target target; /* of a jump that is written as a text */
};

/*
 * The fields of the table at `arg`, which keeps the strings. What `jump` does not say (a text
 * "user@host:port", or a table of the same fields) is as for the session. Raises for misuse.
 */
void bu_checkssh(lua_State *L, int arg, struct bu_ssh_options *into);

#endif
