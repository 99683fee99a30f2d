#include "interrupt.h"

#include <signal.h>
#include <string.h>

#include <lauxlib.h>

#include "cancel.h"

static lua_State *stopped_state;
static volatile sig_atomic_t last_signal;

static void stop_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_sethook(L, NULL, 0, 0);
	luaL_error(L, "interrupted");
}

static void on_signal(int number)
{
	if (am_cancelled()) {
		struct sigaction action;

		memset(&action, 0, sizeof action);
		action.sa_handler = SIG_DFL;
		sigaction(number, &action, NULL);
	}
	last_signal = number;
	am_cancel();
	lua_sethook(stopped_state, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void set_handlers(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal; /* no SA_RESTART: waits end with EINTR */
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void interrupt_install(lua_State *L)
{
	struct sigaction action;

	stopped_state = L;
	set_handlers();
	memset(&action, 0, sizeof action);
	action.sa_handler = SIG_IGN;
	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
}

void interrupt_ready(void)
{
	set_handlers();
	am_cancel_clear();
	last_signal = 0;
	lua_sethook(stopped_state, NULL, 0, 0);
}

int interrupt_signal(void)
{
	return last_signal;
}
