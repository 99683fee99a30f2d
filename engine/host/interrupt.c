/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/cancel.h"
#include "base/clock.h"

enum { EXIT_INTERRUPTED = 130 };

static lua_State *main_state;
static lua_State *volatile running; /* the coroutine that runs, or main_state */
static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t at_prompt;
static volatile double first_at; /* written by on_signal alone */
static struct termios terminal;  /* as it was found */
static int have_terminal;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

enum { ENDING = sizeof ending / sizeof *ending };

static void stop_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_sethook(L, NULL, 0, 0);
	luaL_error(L, "interrupted");
}

static void stop(lua_State *L)
{
	lua_sethook(L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* The end that nothing can prevent; async-signal-safe. A line editor may have the terminal. */
static void end_here(void)
{
	static const char text[] =
		"\naltmig: interrupted; what runs now does not stop, so the program ends without "
		"withdrawing.\n  Every step of a migration that was done is in its journal. Go on: "
		"altmig resume CLIENT\n  undo it, mounts and exports included: nimadm -C -c CLIENT "
		"-s SPOT\n";
	struct sigaction action;
	ssize_t ignored;

	memset(&action, 0, sizeof action);
	action.sa_handler = SIG_IGN; /* setting a terminal from the background would stop us */
	sigemptyset(&action.sa_mask);
	sigaction(SIGTTOU, &action, NULL);
	if (have_terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	ignored = write(STDERR_FILENO, text, sizeof text - 1);
	(void)ignored;
	_exit(EXIT_INTERRUPTED);
}

static void on_signal(int number)
{
	int reason = errno;
	double now = am_clock();

	if (am_cancelled() && now - first_at >= INTERRUPT_SECOND)
		end_here();
	last_signal = number == SIGINT ? SIGINT : SIGTERM;
	if (!am_cancelled()) { /* else it was stopped once, and what tidies up is not */
		first_at = now;
		if (number != SIGINT || !at_prompt)
			alarm(INTERRUPT_GRACE);
		am_cancel();
		stop(main_state);
		stop(running);
	}
	errno = reason;
}

static void on_alarm(int number)
{
	(void)number;
	if (am_cancelled())
		end_here();
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	action.sa_flags = number == SIGALRM ? SA_RESTART : 0; /* the others end waits */
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < ENDING; i++)
		sigaddset(&action.sa_mask, ending[i]);
	sigaddset(&action.sa_mask, SIGALRM);
	sigaction(number, &action, NULL);
}

static void set_handlers(void)
{
	static int hangup_is_ignored = -1;

	if (hangup_is_ignored < 0) {
		struct sigaction before;

		hangup_is_ignored =
			sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN;
	}
	for (int i = 0; i < ENDING; i++) {
		if (ending[i] != SIGHUP || !hangup_is_ignored)
			handle(ending[i], on_signal);
	}
	handle(SIGALRM, on_alarm);
	handle(SIGPIPE, SIG_IGN);
}

void interrupt_install(lua_State *L)
{
	main_state = running = L;
	have_terminal = tcgetattr(STDIN_FILENO, &terminal) == 0;
	set_handlers();
}

void interrupt_prompt(int open)
{
	at_prompt = open;
}

void interrupt_ready(void)
{
	set_handlers();
	am_cancel_clear();
	alarm(0);
	last_signal = 0;
	lua_sethook(main_state, NULL, 0, 0);
}

int interrupt_signal(void)
{
	return last_signal;
}

/* --- coroutines: a hook belongs to one of them, so the one that runs must be known -------------
 */

/* coroutine.resume; the original, which reports errors instead of raising them, is upvalue 1. */
static int resume(lua_State *L)
{
	lua_State *before = running, *thread;
	int status;

	luaL_checktype(L, 1, LUA_TTHREAD);
	thread = lua_tothread(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	running = thread;
	if (am_cancelled() && lua_gethook(before) == stop_hook)
		stop(thread);
	status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	running = before;
	/* What was stopped in there stops what resumed it, too; the main state has its own hook. */
	if (am_cancelled() && before != main_state && lua_status(thread) > LUA_YIELD)
		stop(before);
	return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* What coroutine.wrap returns. Upvalues: resume as above, the coroutine, coroutine.close. */
static int wrapped(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_pushvalue(L, lua_upvalueindex(2));
	lua_insert(L, 2);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	if (lua_toboolean(L, 1))
		return lua_gettop(L) - 1;
	lua_settop(L, 2); /* as the original: it is closed, and an error text says where */
	if (lua_status(lua_tothread(L, lua_upvalueindex(2))) > LUA_YIELD) {
		lua_pushvalue(L, lua_upvalueindex(3));
		lua_pushvalue(L, lua_upvalueindex(2));
		lua_call(L, 1, 2);
		if (lua_toboolean(L, -2))
			lua_settop(L, 2);
	}
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

/* coroutine.wrap. Upvalues: resume as above, coroutine.create, coroutine.close. */
static int wrap(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, lua_upvalueindex(2));
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	lua_pushvalue(L, lua_upvalueindex(3));
	lua_pushcclosure(L, wrapped, 3);
	return 1;
}

void interrupt_watch_coroutines(lua_State *L)
{
	int library;

	lua_getglobal(L, LUA_COLIBNAME);
	library = lua_gettop(L);
	lua_getfield(L, library, "resume");
	lua_pushcclosure(L, resume, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, library, "resume");
	lua_getfield(L, library, "create");
	lua_getfield(L, library, "close");
	lua_pushcclosure(L, wrap, 3);
	lua_setfield(L, library, "wrap");
	lua_settop(L, library - 1);
}
