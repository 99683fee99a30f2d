/* SPDX-License-Identifier: MIT */
/*
 * aixlua: the interpreter of the lab's emulated AIX commands, and the door into an LPAR.
 *
 *   aixlua [-L DIR] SCRIPT [ARG ...]   runs a script; lab.NAME comes from DIR/NAME.lua,
 *                                      lpar from DIR/inside.lua
 *   aixlua --enter ROOT                becomes the user's session in the rootvg mounted at ROOT
 *   TOOL [ARG ...]                     called by the name of a POSIX tool: DIR/tool.lua, the front
 * of busybox
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/cancel.h"
#include "lpar.h"

#define LIBRARY "/usr/lpp/lab/lib"

#define AIXLUA_MODULE(name) int luaopen_altmig_##name(lua_State *L);
#include "aixlua_modules.inc"
#undef AIXLUA_MODULE

static const luaL_Reg modules[] = {
#define AIXLUA_MODULE(name) {"altmig." #name, luaopen_altmig_##name},
#include "aixlua_modules.inc"
#undef AIXLUA_MODULE
	{"lpar.core", luaopen_lpar_core},
	{NULL, NULL},
};

/* What Lua's package library gets for dlopen (--wrap): a static program has no use for glibc's. */
void *__wrap_dlopen(const char *file, int mode);
void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

static void on_signal(int number)
{
	if (am_cancelled())
		signal(number, SIG_DFL);
	am_cancel();
}

/*
 * The file "login" of the lab's directory, made by "altmig lab quirk": lines NAME=VALUE, which a
 * login has in its environment; "SHELL=" names the login shell. Returns what was read, "" without
 * such a file.
 */
static void read_login(const char *root, char *text, size_t size)
{
	char path[4096];
	FILE *file;
	size_t length = 0;

	snprintf(path, sizeof path, "%s/../../../login", root);
	file = fopen(path, "r");
	if (file != NULL) {
		length = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[length] = '\0';
}

/* Puts NAME=VALUE into the environment, in the place of another value if there is one. */
static size_t put_variable(char **vector, size_t n, size_t max, char *variable)
{
	size_t length = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < n; i++) {
		if (strncmp(vector[i], variable, length) == 0) {
			vector[i] = variable;
			return n;
		}
	}
	if (n < max)
		vector[n++] = variable;
	return n;
}

/*
 * What sshd does on AIX after authentication, from the view of the rootvg. Only what a login there
 * has is kept of the environment. Every ksh88 reads the file that ENV names, also one that is not
 * interactive. ALTMIG_LOGIN=plain is the lab's own way in, whatever was chosen for others. Returns
 * only on failure.
 */
static int enter(const char *root)
{
	static const char *const kept[] = {"SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "TERM", NULL};
	static const char *const fixed[] = {"HOME=/", "USER=root", "LOGNAME=root", "LOGIN=root",
		"SHELL=/usr/bin/ksh", "LANG=C", "LC__FASTMSG=true", "ODMDIR=/etc/objrepos",
		"PATH=/usr/bin:/etc:/usr/sbin:/usr/ucb:/usr/bin/X11:/sbin:/usr/lpp/lab/bin", NULL};
	enum { VARIABLES = 32 };
	static char environment[VARIABLES][512], login_text[4096], shell[512] = "/usr/bin/ksh";
	char *vector[VARIABLES + 1];
	char *command = getenv("SSH_ORIGINAL_COMMAND"), *with_file = NULL;
	const char *plain = getenv("ALTMIG_LOGIN");
	size_t n = 0, kept_count = 0;

	for (size_t i = 0; fixed[i] != NULL; i++) {
		snprintf(environment[n], sizeof environment[n], "%s", fixed[i]);
		vector[n] = environment[n];
		n++;
	}
	if (plain == NULL || strcmp(plain, "plain") != 0)
		read_login(root, login_text, sizeof login_text);
	for (char *line = strtok(login_text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		n = put_variable(vector, n, VARIABLES, line);
		if (strncmp(line, "SHELL=", 6) == 0)
			snprintf(shell, sizeof shell, "%s", line + 6);
		if (strncmp(line, "ENV=", 4) == 0 && command != NULL) {
			size_t length = strlen(command) + strlen(line) + 16;

			with_file = malloc(length);
			if (with_file != NULL)
				snprintf(with_file, length, ". %s\n%s", line + 4, command);
		}
	}
	for (size_t i = 0; kept[i] != NULL; i++) {
		const char *value = getenv(kept[i]);

		if (value != NULL && strlen(value) < 400 && n + kept_count < VARIABLES) {
			char *variable = environment[sizeof fixed / sizeof *fixed + kept_count++];

			snprintf(variable, sizeof environment[0], "%s=%s", kept[i], value);
			n = put_variable(vector, n, VARIABLES, variable);
		}
	}
	vector[n] = NULL;
	if (chroot(root) != 0 || chdir("/") != 0) {
		fprintf(stderr, "aixlua: enter: %s: %s\n", root, strerror(errno));
		return 126;
	}
	char dashed[520];
	char *with_command[] = {shell, "-c", with_file != NULL ? with_file : command, NULL};
	char *login[] = {dashed, NULL};

	snprintf(dashed, sizeof dashed, "-%s", strrchr(shell, '/') + 1);

	execve(shell, command != NULL ? with_command : login, vector);
	fprintf(stderr, "aixlua: enter: %s: %s\n", shell, strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

/*
 * Called by the name of a tool (its link in /usr/bin leads here), the arguments are those of
 * tool.lua and the name before them. NULL when called by its own name.
 */
static char **called_as_tool(int argc, char **argv)
{
	static char own[] = "aixlua", front[] = LIBRARY "/tool.lua";
	char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char **words;

	if (argc == 0)
		return NULL;
	name = name != NULL ? name + 1 : argv[0];
	if (strcmp(name, own) == 0)
		return NULL;
	words = calloc((size_t)argc + 3, sizeof *words);
	if (words == NULL)
		return NULL;
	words[0] = own;
	words[1] = front;
	words[2] = name;
	memcpy(words + 3, argv + 1, ((size_t)argc - 1) * sizeof *words);
	return words;
}

static int message_handler(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TSTRING)
		return 1;
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

/* What no command of AIX takes, none in the lab takes: lab.contract refuses it before the command
 * begins. */
static const char refuse[] =
	"local name = arg[0]:match('([^/]*)$')\n"
	"local message, status = require('lab.contract').refusal(name, arg)\n"
	"if message then error({ message = message, status = status }, 0) end\n";

/* argc and argv as light userdata: everything here may raise, so it runs protected. */
static int pmain(lua_State *L)
{
	int argc = (int)lua_tointeger(L, 1);
	char **argv = lua_touserdata(L, 2);
	const char *library = LIBRARY;
	int first = 1;

	if (argc >= 3 && strcmp(argv[1], "-L") == 0) {
		library = argv[2];
		first = 3;
	}
	if (argc <= first)
		return luaL_error(L, "usage: aixlua [-L DIR] SCRIPT [ARG ...] | --enter ROOT");
	luaL_openlibs(L);
	lua_getglobal(L, "package");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "path");
	lua_getfield(L, -1, "preload");
	for (const luaL_Reg *module = modules; module->name != NULL; module++) {
		lua_pushcfunction(L, module->func);
		lua_setfield(L, -2, module->name);
	}
	lua_pop(L, 1);
	lua_pushstring(L, library);
	lua_setfield(L, -2, "lab");
	lua_pop(L, 1);
	if (luaL_dostring(L,
		    "table.insert(package.searchers, 2, function(name)\n"
		    "  local file = name == 'lpar' and 'inside' or name:match('^lab%.([%w_]+)$')\n"
		    "  local engine = name:match('^altmig%.([%w_.]+)$')\n"
		    "  if engine then file = 'altmig_' .. engine:gsub('%.', '_') end\n"
		    "  if not file then return nil end\n"
		    "  local path = package.lab .. '/' .. file .. '.lua'\n"
		    "  local chunk, message = loadfile(path, 't')\n"
		    "  if chunk then return chunk, path end\n"
		    "  return message\n"
		    "end)\n"
		    "package.searchers[5], package.searchers[4] = nil, nil\n") != LUA_OK)
		return lua_error(L);

	lua_createtable(L, argc, 0);
	for (int i = first; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_seti(L, -2, i - first);
	}
	lua_setglobal(L, "arg");
	lua_settop(L, 0);
	/* The commands below /usr/lpp/lab are the lab's own; so is what is run with a library of
	 * its own. */
	if (first == 1 && strncmp(argv[1], "/usr/lpp/", 9) != 0 &&
		luaL_dostring(L, refuse) != LUA_OK)
		return lua_error(L);
	luaL_checkstack(L, argc + 8, "too many arguments");
	lua_pushcfunction(L, message_handler);
	if (luaL_loadfilex(L, argv[first], "t") != LUA_OK)
		return lua_error(L);
	for (int i = first + 1; i < argc; i++)
		lua_pushstring(L, argv[i]);
	if (lua_pcall(L, argc - first - 1, 1, 1) != LUA_OK)
		return lua_error(L);
	return 1;
}

int main(int argc, char **argv)
{
	struct sigaction action;
	int status = 0;
	lua_State *L;
	char **as_tool = called_as_tool(argc, argv);

	if (as_tool != NULL) {
		argv = as_tool;
		argc += 2;
	}
	if (argc == 3 && strcmp(argv[1], "--enter") == 0)
		return enter(argv[2]);
	L = luaL_newstate();
	if (L == NULL) {
		fputs("aixlua: no memory\n", stderr);
		return 1;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	lua_pushcfunction(L, pmain);
	lua_pushinteger(L, argc);
	lua_pushlightuserdata(L, argv);
	if (lua_pcall(L, 2, 1, 0) == LUA_OK) {
		if (lua_isinteger(L, -1))
			status = (int)lua_tointeger(L, -1);
	} else {
		/* A table { message=, status= } is a command's planned end. */
		int is_table = lua_istable(L, -1);

		status = 1;
		if (is_table && lua_getfield(L, -1, "status") == LUA_TNUMBER)
			status = (int)lua_tointeger(L, -1);
		if (is_table) {
			lua_settop(L, 1);
			lua_getfield(L, -1, "message");
		}
		fprintf(stderr, "%s\n",
			am_cancelled() ? "interrupted" : luaL_tolstring(L, -1, NULL));
	}
	lua_close(L);
	return status;
}
