/* SPDX-License-Identifier: MIT */
/*
 * What signals do to the program. SIGINT, SIGTERM, SIGHUP (the terminal is gone) and SIGQUIT ask it
 * to end in order: core loops fail with CANCELLED, Lua code is stopped at its next instruction,
 * also inside a coroutine, and the flow withdraws what it has mounted and exported.
 *
 * What does neither is one long C call (string.find with a pattern that never ends, table.sort of a
 * huge table) or a script that catches every error and goes on. Nothing can stop these in order, so
 * the program ends by itself, with a message that names the way to go on and status 130, when the
 * signal was not heeded after INTERRUPT_GRACE seconds. To heed it is to clear the flag
 * (am_cancel_clear: the withdrawing begins, or the prompt is back) or to end. A second signal that
 * comes INTERRUPT_SECOND seconds after the first, or later, does the same at once; one that comes
 * earlier is taken for the same wish, since a terminal and a service manager often send two. At the
 * prompt only the second Ctrl-C ends the program: whoever sits there decides how long to wait.
 *
 * The journal is durable record by record, so that an end at any point can be resumed from.
 *
 * SIGPIPE is ignored, and so is SIGHUP if it was when the program began (nohup). Nothing here makes
 * a core file: see am_os_keep_private.
 */
#ifndef ALTMIG_INTERRUPT_H
#define ALTMIG_INTERRUPT_H

#include <lua.h>

enum { INTERRUPT_GRACE = 10, INTERRUPT_SECOND = 2 };

/* Sets the handlers; `L` is the state whose Lua code is stopped. Before the libraries are used. */
void interrupt_install(lua_State *L);

/* Makes the functions of the library coroutine known here, which must be open. [-0, +0, e] */
void interrupt_watch_coroutines(lua_State *L);

/* Whether somebody sits at the prompt from now on. */
void interrupt_prompt(int open);

/* Forgets a signal and sets the handlers again; the prompt does so before each command. */
void interrupt_ready(void);

/* The signal that came last since interrupt_ready, or 0: SIGINT, or SIGTERM for all others. */
int interrupt_signal(void);

#endif
