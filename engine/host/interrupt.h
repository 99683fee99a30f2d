/*
 * What SIGINT and SIGTERM do to the program.
 *
 * First signal: core loops end with CANCELLED, Lua code at its next instruction. Second signal:
 * the default action comes back, for whatever does neither. A running coroutine is stopped only
 * when it returns to the main state (a hook belongs to one thread of Lua), or by the third signal.
 */
#ifndef ALTMIG_INTERRUPT_H
#define ALTMIG_INTERRUPT_H

#include <lua.h>

/* Sets the handlers; `L` is the state whose Lua code is stopped. */
void interrupt_install(lua_State *L);

/* Forgets a signal and sets the handlers again; the prompt does so before each command. */
void interrupt_ready(void);

/* The signal that came last since interrupt_ready, or 0. */
int interrupt_signal(void);

#endif
