/* SPDX-License-Identifier: MIT */
/*
 * altmig.ssh: sessions, commands, files and jobs of other hosts. See core/ssh.h and core/job.h.
 */
#include <stdlib.h>
#include <string.h>

#include "bindutil.h"
#include "bind_ssh.h"
#include "base/buf.h"
#include "base/cancel.h"
#include "remote/quote.h"
#include "remote/job.h"
#include "base/lines.h"
#include "bind_modules.h"
#include "remote/file.h"
#include "remote/record.h"
#include "remote/ssh_channel.h"
#include "remote/ssh_connect.h"

#define SESSION_CLASS "altmig.ssh.session"
#define JOB_CLASS     "altmig.ssh.job"
#define CALL_CLASS    "altmig.ssh.call"
#define JOB_DIR       "/var/adm/ras/alt_mig/jobs"

enum { OUTPUT_DEFAULT = 64 << 20 };

struct session {
	struct am_ssh *ssh; /* NULL: closed */
	int busy;           /* inside a call that uses it: a callback may not close it */
};

/*
 * What a call holds outside of Lua's memory. It is collectable, so that an error raised between
 * two steps leaves nothing behind.
 */
struct call {
	lua_State *L;
	int on_line;      /* stack index of the callback, 0: none */
	int on_progress;  /* the same */
	int on_notice;    /* the same */
	int *reader_uses; /* of standard input */
	struct am_buf command;
	struct am_buf output[2];
	struct am_lines lines[2];
	const char *line; /* handed to the protected part of the callback */
	size_t length;
	const char *stream;
};

static int call_release(lua_State *L)
{
	struct call *call = luaL_checkudata(L, 1, CALL_CLASS);

	am_buf_free(&call->command);
	for (int i = 0; i < 2; i++) {
		am_buf_free(&call->output[i]);
		am_lines_free(&call->lines[i]);
	}
	return 0;
}

static struct call *new_call(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", call_release}, {NULL, NULL}};
	struct call *call;

	bu_newclass(L, CALL_CLASS, none, metamethods);
	call = lua_newuserdatauv(L, sizeof *call, 0);
	memset(call, 0, sizeof *call);
	call->L = L;
	luaL_setmetatable(L, CALL_CLASS);
	return call;
}

static struct session *check_session(lua_State *L, int arg)
{
	struct session *session = luaL_checkudata(L, arg, SESSION_CLASS);

	luaL_argcheck(L, session->ssh != NULL, arg, "session is closed");
	return session;
}

/* --- options --------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words of the list, sorted so that a command line is always the same. Pushes the vector. */
static const char **sorted_words(lua_State *L, int list, lua_Integer n)
{
	const char **words = lua_newuserdatauv(L, sizeof *words * ((size_t)n + 1), 0);

	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, list, i);
		words[i - 1] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	words[n] = NULL;
	qsort(words, (size_t)n, sizeof *words, compare_words);
	return words;
}

/*
 * The field env of the options: "NAME=value" words, and the names whose value is false, which are
 * taken away. Pushes what keeps them: two lists and two vectors, or four nils. [-0, +4, e]
 */
static void check_env(lua_State *L, int arg, struct am_exec_options *options)
{
	lua_Integer set = 0, unset = 0;
	int lists = lua_gettop(L) + 1, env = lists + 2;

	if (lua_isnoneornil(L, arg)) {
		lua_settop(L, lists + 3);
		return;
	}
	lua_newtable(L);
	lua_newtable(L);
	if (lua_getfield(L, arg, "env") == LUA_TNIL) {
		lua_settop(L, lists + 3);
		return;
	}
	luaL_checktype(L, env, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, env) != 0; lua_pop(L, 1)) {
		int take = lua_isboolean(L, -1) && !lua_toboolean(L, -1);

		if (lua_type(L, -2) != LUA_TSTRING || (lua_type(L, -1) != LUA_TSTRING && !take))
			luaL_error(
				L, "field 'env': names must be strings, values strings or false");
		if (take) {
			lua_pushvalue(L, -2);
			if (strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
				luaL_error(L, "field 'env': string contains a NUL byte");
			lua_rawseti(L, lists + 1, ++unset);
			continue;
		}
		lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
		if (lua_rawlen(L, -1) != lua_rawlen(L, -2) + lua_rawlen(L, -3) + 1)
			luaL_error(L, "field 'env': string contains a NUL byte");
		lua_rawseti(L, lists, ++set);
	}
	lua_settop(L, lists + 1);
	options->env = sorted_words(L, lists, set);
	options->unset = sorted_words(L, lists + 1, unset);
}

/*
 * What is run: the word list at `argv_arg` with the options at `opts`, whose field `script` makes
 * the words arguments of that text. A command that cannot be written is misuse. What keeps the
 * words is pushed. [-0, +5, e]
 */
static void check_exec(lua_State *L, struct am_exec *exec, int argv_arg, int opts)
{
	static const char *const shell[] = {"sh", NULL};
	struct am_buf tried = {0};
	struct am_error error;

	*exec = (struct am_exec){
		.argv = bu_checkargv(L, argv_arg, NULL),
		.script = bu_fieldstr(L, opts, "script", NULL),
		.options = {.chroot = bu_fieldstr(L, opts, "chroot", NULL),
			.cwd = bu_fieldstr(L, opts, "cwd", NULL),
			.bare = bu_fieldbool(L, opts, "bare", 0)},
	};
	check_env(L, opts, &exec->options);
	if (am_exec_command(&tried, exec->script != NULL ? shell : exec->argv, &exec->options,
		    &error) == 0) {
		am_buf_free(&tried);
		return;
	}
	am_buf_free(&tried);
	luaL_error(L, "%s", error.message);
}

/* A string field that may hold any byte. */
static const char *field_data(lua_State *L, int arg, const char *name, size_t *length)
{
	const char *data = NULL;

	*length = 0;
	if (lua_isnoneornil(L, arg))
		return NULL;
	if (lua_getfield(L, arg, name) != LUA_TNIL) {
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "field '%s': string expected, got %s", name,
				luaL_typename(L, -1));
		data = lua_tolstring(L, -1, length);
	}
	lua_pop(L, 1); /* the table keeps it */
	return data;
}

static double field_seconds(lua_State *L, int arg, const char *name)
{
	lua_Number seconds = bu_fieldnum(L, arg, name, 0);

	if (!(seconds >= 0 && seconds < 1e9))
		luaL_error(L, "field '%s': out of range", name);
	return seconds;
}

/* --- output ---------------------------------------------------------------------------------- */

/* Makes the strings and calls the callback; protected, since making strings can raise. */
static int protected_line(lua_State *L)
{
	const struct call *call = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushlstring(L, call->line, call->length);
	lua_pushstring(L, call->stream);
	lua_call(L, 2, 0);
	return 0;
}

static int hand_line(struct call *call, const char *stream, const char *line, size_t length,
	struct am_error *error)
{
	lua_State *L = call->L;

	call->line = line;
	call->length = length;
	call->stream = stream;
	lua_pushcfunction(L, protected_line);
	lua_pushvalue(L, call->on_line);
	lua_pushlightuserdata(L, call);
	if (bu_pcall(L, 2, 0, error) == 0)
		return 0;
	return am_cancelled() ? am_fail(error, "CANCELLED", "cancelled") : -1;
}

static int stdout_line(void *context, const char *line, size_t length, struct am_error *error)
{
	return hand_line(context, "stdout", line, length, error);
}

static int stderr_line(void *context, const char *line, size_t length, struct am_error *error)
{
	return hand_line(context, "stderr", line, length, error);
}

static int take_output(void *context, enum am_ssh_source source, const char *data, size_t length,
	struct am_error *error)
{
	struct call *call = context;
	int i = source == AM_SSH_STDERR;

	if (am_buf_add(&call->output[i], data, length, error) != 0)
		return -1;
	return call->on_line != 0 ? am_lines_add(&call->lines[i], data, length, error) : 0;
}

static int call_progress(void *context, struct am_error *error)
{
	struct call *call = context;

	if (call->on_progress == 0)
		return 0;
	lua_pushvalue(call->L, call->on_progress);
	if (bu_pcall(call->L, 0, 0, error) == 0)
		return 0;
	return am_cancelled() ? am_fail(error, "CANCELLED", "cancelled") : -1;
}

static int protected_notice(lua_State *L)
{
	const struct call *call = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushstring(L, call->line);
	lua_call(L, 1, 0);
	return 0;
}

static int call_notice(void *context, const char *text, struct am_error *error)
{
	struct call *call = context;
	lua_State *L = call->L;

	if (call->on_notice == 0)
		return 0;
	call->line = text;
	lua_pushcfunction(L, protected_notice);
	lua_pushvalue(L, call->on_notice);
	lua_pushlightuserdata(L, call);
	if (bu_pcall(L, 2, 0, error) == 0)
		return 0;
	return am_cancelled() ? am_fail(error, "CANCELLED", "cancelled") : -1;
}

static int end_lines(struct call *call, struct am_error *error)
{
	for (int i = 0; i < 2 && call->on_line != 0; i++) {
		if (am_lines_end(&call->lines[i], error) != 0)
			return -1;
	}
	return 0;
}

/* The fields on_line and max_output of the options. [-0, +0 or +1, e] */
static void output_options(lua_State *L, struct call *call, int opts)
{
	lua_Integer limit = bu_fieldint(L, opts, "max_output", OUTPUT_DEFAULT);

	if (limit < 1)
		luaL_error(L, "field 'max_output': out of range");
	call->output[0].limit = call->output[1].limit = (size_t)limit;
	call->lines[0].line = stdout_line;
	call->lines[1].line = stderr_line;
	call->lines[0].context = call->lines[1].context = call;
	if (bu_fieldfn(L, opts, "on_line"))
		call->on_line = lua_gettop(L);
	luaL_checkstack(L, 8, NULL);
}

/* Pushes { status=, signal=, stdout=, stderr= }. [-0, +1, m] */
static int push_result(lua_State *L, struct call *call, const struct am_ssh_status *status)
{
	static const char *const names[] = {"stdout", "stderr"};

	lua_createtable(L, 0, 4);
	if (status->signal[0] != '\0') {
		bu_setstr(L, "signal", status->signal);
	} else {
		bu_setint(L, "status", status->status);
	}
	for (int i = 0; i < 2; i++) {
		lua_pushlstring(L, call->output[i].length > 0 ? call->output[i].data : "",
			call->output[i].length);
		lua_setfield(L, -2, names[i]);
	}
	return 1;
}

/* --- records --------------------------------------------------------------------------------- */

/* [-0, +1, m] */
static void push_words(lua_State *L, char *const *words)
{
	lua_newtable(L);
	for (lua_Integer i = 0; words[i] != NULL; i++) {
		lua_pushstring(L, words[i]);
		lua_rawseti(L, -2, i + 1);
	}
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		bu_setstr(L, name, text);
}

static void set_stream(lua_State *L, const char *name, const struct am_record_stream *stream)
{
	lua_createtable(L, 0, 4);
	lua_pushlstring(L, stream->text.length > 0 ? stream->text.data : "", stream->text.length);
	lua_setfield(L, -2, "text");
	bu_setint(L, "length", (lua_Integer)stream->length);
	if (stream->is_binary) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "binary");
	}
	set_text(L, "sha256", stream->sha256);
	lua_setfield(L, -2, name);
}

/* Makes the table and calls the observer; protected. 1: the function, 2: the record. */
static int protected_record(lua_State *L)
{
	const struct am_record *record = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_createtable(L, 0, 20);
	lua_pushnumber(L, record->time);
	lua_setfield(L, -2, "time");
	lua_pushnumber(L, record->seconds);
	lua_setfield(L, -2, "seconds");
	push_words(L, record->argv);
	lua_setfield(L, -2, "argv");
	push_words(L, record->env);
	lua_setfield(L, -2, "env");
	set_text(L, "label", record->label);
	set_text(L, "script", record->script);
	set_text(L, "chroot", record->chroot);
	set_text(L, "cwd", record->cwd);
	bu_setint(L, "stdin", (lua_Integer)record->input);
	if (record->status >= 0)
		bu_setint(L, "status", record->status);
	set_text(L, "signal", record->signal);
	set_text(L, "code", record->code);
	if (record->code[0] != '\0')
		bu_setstr(L, "message", record->message);
	if (record->repeated > 0)
		bu_setint(L, "repeated", record->repeated);
	if (record->is_private) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "private");
	}
	set_stream(L, "stdout", &record->stream[0]);
	set_stream(L, "stderr", &record->stream[1]);
	lua_call(L, 1, 0);
	return 0;
}

/*
 * Hands the records that wait to the observer of the session at `index`. A command has ended well
 * or not, whatever the observer does with its record: what it raises is dropped, it has to tell by
 * itself.
 */
static void hand_records(lua_State *L, int index)
{
	struct session *session = lua_touserdata(L, index);
	struct am_record *record;

	index = lua_absindex(L, index);
	luaL_checkstack(L, 8, NULL);
	while (session->ssh != NULL && (record = am_ssh_take_record(session->ssh)) != NULL) {
		lua_pushcfunction(L, protected_record);
		lua_getiuservalue(L, index, 1);
		lua_pushlightuserdata(L, record);
		if (lua_isnil(L, -2))
			lua_pop(L, 3);
		else if (lua_pcall(L, 2, 0, 0) != LUA_OK)
			lua_pop(L, 1);
		am_record_free(record);
	}
}

/* The records of the session of the job at stack index 1. */
static void hand_records_of_job(lua_State *L)
{
	lua_getiuservalue(L, 1, 1);
	hand_records(L, lua_gettop(L));
	lua_pop(L, 1);
}

/* Takes the function at `arg`, or nil, as observer of the session at `index`. */
static void set_observer(lua_State *L, int index, int arg)
{
	struct session *session = lua_touserdata(L, index);

	lua_pushvalue(L, arg);
	lua_setiuservalue(L, index, 1);
	if (session->ssh != NULL)
		am_ssh_record_commands(session->ssh, !lua_isnoneornil(L, arg));
}

/* --- sessions -------------------------------------------------------------------------------- */

static int session_close(lua_State *L)
{
	struct session *session = luaL_checkudata(L, 1, SESSION_CLASS);
	struct am_ssh *ssh = session->ssh;

	if (session->busy)
		return luaL_error(L, "session is in use by the call around this one");
	if (ssh != NULL) {
		am_ssh_end_records(ssh);
		hand_records(L, 1);
	}
	session->ssh = NULL;
	am_ssh_close(ssh);
	return 0;
}

/* s:observe(fn or nil) */
static int session_observe(lua_State *L)
{
	check_session(L, 1);
	lua_settop(L, 2);
	if (!lua_isnil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	hand_records(L, 1);
	set_observer(L, 1, 2);
	return 0;
}

static int refuse_unsupported(lua_State *L, int opts)
{
	struct am_error error;
	int there = lua_getfield(L, opts, "become") != LUA_TNIL;

	lua_pop(L, 1);
	if (!there)
		return 0;
	am_fail(&error, "UNSUPPORTED", "connect: option 'become' is not supported yet");
	return bu_fail(L, &error);
}

/* ssh.connect(options) -> session */
static int l_connect(lua_State *L)
{
	struct bu_ssh_options options = {0};
	struct session *session;
	struct am_error error;
	int refused, result;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	refused = refuse_unsupported(L, 1);
	if (refused)
		return refused;
	bu_checkssh(L, 1, &options);
	lua_getfield(L, 1, "observe");
	if (!lua_isnil(L, 2))
		luaL_argexpected(L, lua_isfunction(L, 2), 1, "function in field 'observe'");
	session = lua_newuserdatauv(L, sizeof *session, 1);
	*session = (struct session){NULL, 0};
	luaL_setmetatable(L, SESSION_CLASS);
	session->ssh = am_ssh_new(&options.options, &error);
	if (session->ssh == NULL)
		return bu_fail(L, &error);
	set_observer(L, 3, 2);
	result = am_ssh_reconnect(session->ssh, &error);
	hand_records(L, 3);
	if (result == 0)
		return 1;
	am_ssh_close(session->ssh);
	session->ssh = NULL;
	return bu_fail(L, &error);
}

/* ssh.target("user@host:port") -> { user=, host=, port= } */
static int l_target(lua_State *L)
{
	struct am_ssh_target target;
	struct am_error error;

	if (am_ssh_parse_target(bu_checkcstr(L, 1), &target, &error) != 0)
		return bu_fail(L, &error);
	lua_createtable(L, 0, 3);
	bu_setstr(L, "host", target.host);
	set_text(L, "user", target.user);
	if (target.port != 0)
		bu_setint(L, "port", target.port);
	return 1;
}

/* s:methods() -> { banner=, kex=, host_key=, cipher_out=, cipher_in=, mac_out=, mac_in= } */
static int session_methods(lua_State *L)
{
	struct session *session = check_session(L, 1);
	struct am_ssh_methods methods;

	am_ssh_methods(session->ssh, &methods);
	lua_createtable(L, 0, 7);
	bu_setstr(L, "banner", methods.banner);
	bu_setstr(L, "kex", methods.kex);
	bu_setstr(L, "host_key", methods.host_key);
	bu_setstr(L, "cipher_out", methods.cipher_out);
	bu_setstr(L, "cipher_in", methods.cipher_in);
	bu_setstr(L, "mac_out", methods.mac_out);
	bu_setstr(L, "mac_in", methods.mac_in);
	return 1;
}

/* s:reconnect() -> true */
static int session_reconnect(lua_State *L)
{
	struct session *session = check_session(L, 1);
	struct am_error error;

	int result = am_ssh_reconnect(session->ssh, &error);

	hand_records(L, 1);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* The field stdin: a string, or a reader. [-0, +1, v] */
static void input_options(lua_State *L, struct call *call, struct am_ssh_run *run, int opts)
{
	if (lua_isnoneornil(L, opts) || lua_getfield(L, opts, "stdin") != LUA_TUSERDATA) {
		lua_settop(L, lua_gettop(L) - !lua_isnoneornil(L, opts));
		lua_pushnil(L);
		run->input = field_data(L, opts, "stdin", &run->input_length);
		return;
	}
	run->reader = bu_testreader(L, lua_gettop(L));
	if (run->reader == NULL)
		luaL_error(L, "field 'stdin': string or open reader expected");
	run->progress = call_progress;
	call->reader_uses = bu_readeruses(L, lua_gettop(L));
}

/* s:run(argv, opts) -> { status=, signal=, stdout=, stderr= } */
static int session_run(lua_State *L)
{
	struct session *session = check_session(L, 1);
	struct am_ssh_run run = {.output = take_output};
	struct am_ssh_status status;
	struct am_error error;
	struct call *call;
	int result;

	lua_settop(L, 3);
	call = new_call(L);
	check_exec(L, &run.exec, 2, 3);
	output_options(L, call, 3);
	input_options(L, call, &run, 3);
	if (bu_fieldfn(L, 3, "on_progress"))
		call->on_progress = lua_gettop(L);
	luaL_checkstack(L, 8, NULL);
	run.timeout = field_seconds(L, 3, "timeout");
	run.context = call;
	session->busy++;
	if (call->reader_uses != NULL)
		++*call->reader_uses;
	result = am_ssh_run(session->ssh, &run, &status, &error);
	if (result == 0)
		result = end_lines(call, &error);
	if (call->reader_uses != NULL)
		--*call->reader_uses;
	hand_records(L, 1);
	session->busy--;
	return result == 0 ? push_result(L, call, &status) : bu_fail(L, &error);
}

/* s:get(path[, max]) -> string */
static int session_get(lua_State *L)
{
	struct session *session = check_session(L, 1);
	const char *path = bu_checkcstr(L, 2);
	lua_Integer max = luaL_optinteger(L, 3, OUTPUT_DEFAULT);
	struct am_error error;
	struct call *call;
	int result;

	luaL_argcheck(L, max >= 1, 3, "number out of range");
	call = new_call(L);
	call->output[0].limit = (size_t)max;
	result = am_remote_get(session->ssh, path, &call->output[0], &error);
	hand_records(L, 1);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushlstring(
		L, call->output[0].length > 0 ? call->output[0].data : "", call->output[0].length);
	return 1;
}

/* s:put(data, path[, { mode = }]) -> true */
static int session_put(lua_State *L)
{
	struct session *session = check_session(L, 1);
	size_t length;
	const char *data = luaL_checklstring(L, 2, &length);
	const char *path = bu_checkcstr(L, 3);
	lua_Integer mode = bu_fieldint(L, 4, "mode", 0600);
	struct am_error error;
	int result;

	luaL_argcheck(L, mode >= 0 && mode <= 07777, 4, "field 'mode' out of range");
	result = am_remote_put(session->ssh, path, data, length, (unsigned int)mode, &error);
	hand_records(L, 1);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* s:open(path) -> reader */
static int session_open(lua_State *L)
{
	struct session *session = check_session(L, 1);
	const char *path = bu_checkcstr(L, 2);
	struct am_reader **slot = bu_newreader(L, 1);
	struct am_error error;

	*slot = am_remote_open(session->ssh, path, &error);
	hand_records(L, 1);
	return *slot != NULL ? 1 : bu_fail(L, &error);
}

/* s.host, s.user, s.port, or a method. Upvalue 1: the methods. */
static int session_index(lua_State *L)
{
	struct session *session = luaL_checkudata(L, 1, SESSION_CLASS);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";

	if (session->ssh != NULL && strcmp(name, "host") == 0)
		lua_pushstring(L, am_ssh_host(session->ssh));
	else if (session->ssh != NULL && strcmp(name, "user") == 0)
		lua_pushstring(L, am_ssh_user(session->ssh));
	else if (session->ssh != NULL && strcmp(name, "port") == 0)
		lua_pushinteger(L, am_ssh_port(session->ssh));
	else
		lua_gettable(L, lua_upvalueindex(1));
	return 1;
}

static int session_tostring(lua_State *L)
{
	struct session *session = luaL_checkudata(L, 1, SESSION_CLASS);

	if (session->ssh == NULL)
		lua_pushliteral(L, "ssh session (closed)");
	else
		lua_pushfstring(L, "ssh session (%s@%s:%d%s)", am_ssh_user(session->ssh),
			am_ssh_host(session->ssh), am_ssh_port(session->ssh),
			am_ssh_connected(session->ssh) ? "" : ", not connected");
	return 1;
}

/* --- jobs ------------------------------------------------------------------------------------ */

/* User values: 1 the session, 2 and 3 the strings the fields point into. */
struct job {
	struct am_job core;
};

static struct job *check_job(lua_State *L, struct session **session)
{
	struct job *job = luaL_checkudata(L, 1, JOB_CLASS);

	lua_getiuservalue(L, 1, 1);
	*session = lua_touserdata(L, -1);
	lua_pop(L, 1); /* the job keeps it */
	luaL_argcheck(L, (*session)->ssh != NULL, 1, "session of the job is closed");
	return job;
}

/* A job object of the session at stack index 1, the directory from the options. [-0, +1, e] */
static struct job *new_job(lua_State *L, const char *id, int opts)
{
	struct job *job = lua_newuserdatauv(L, sizeof *job, 3);

	memset(job, 0, sizeof *job);
	luaL_setmetatable(L, JOB_CLASS);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	job->core.dir = lua_pushstring(L, bu_fieldstr(L, opts, "dir", JOB_DIR));
	lua_setiuservalue(L, -2, 2);
	job->core.id = lua_pushstring(L, id);
	lua_setiuservalue(L, -2, 3);
	return job;
}

/* s:job(argv, { id =, ... }) -> job, started */
static int session_job(lua_State *L)
{
	struct session *session = check_session(L, 1);
	struct am_error error;
	struct am_exec exec;
	const char *id, *input;
	struct job *job;
	int started = 0, result;
	size_t length;

	lua_settop(L, 3);
	luaL_checktype(L, 3, LUA_TTABLE);
	id = bu_fieldstr(L, 3, "id", NULL);
	luaL_argcheck(L, id != NULL, 3, "field 'id' missing");
	check_exec(L, &exec, 2, 3);
	input = field_data(L, 3, "stdin", &length);
	job = new_job(L, id, 3);
	result = am_job_start(session->ssh, &job->core, &exec, input, length, &started, &error);
	hand_records(L, 1);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, started);
	return 2;
}

/* s:attach(id, { dir = }) -> job */
static int session_attach(lua_State *L)
{
	struct session *session = check_session(L, 1);
	const char *id = bu_checkcstr(L, 2);
	enum am_job_state state;
	struct am_ssh_status status;
	struct am_error error;
	struct job *job;
	int result;

	lua_settop(L, 3);
	job = new_job(L, id, 3);
	result = am_job_poll(session->ssh, &job->core, &state, &status, &error);
	hand_records(L, 1);
	if (result != 0)
		return bu_fail(L, &error);
	if (state != AM_JOB_NONE)
		return 1;
	am_fail(&error, "JOB_GONE", "job %s: %s: not there (%s)", id, am_ssh_host(session->ssh),
		job->core.dir);
	return bu_fail(L, &error);
}

/* The field offset = { stdout =, stderr = } of the options. */
static void offset_option(lua_State *L, int opts, uint64_t offset[2])
{
	static const char *const names[] = {"stdout", "stderr"};

	if (lua_isnoneornil(L, opts))
		return;
	lua_getfield(L, opts, "offset");
	for (int i = 0; i < 2; i++) {
		lua_Integer n = bu_fieldint(L, lua_gettop(L), names[i], 0);

		if (n < 0)
			luaL_error(L, "field 'offset': out of range");
		offset[i] = (uint64_t)n;
	}
	lua_pop(L, 1);
}

/* j:wait(opts) -> { status=, signal=, stdout=, stderr= } */
static int job_wait(lua_State *L)
{
	struct session *session;
	struct job *job = check_job(L, &session);
	struct am_job_wait wait = {.output = take_output, .notice = call_notice};
	struct am_ssh_status status;
	struct am_error error;
	struct call *call;
	lua_Integer retries;
	int result;

	lua_settop(L, 2);
	call = new_call(L);
	output_options(L, call, 2);
	offset_option(L, 2, wait.offset);
	retries = bu_fieldint(L, 2, "retries", 0);
	if (retries < 0 || retries > 1000)
		luaL_error(L, "field 'retries': out of range");
	wait.retries = (int)retries;
	wait.timeout = field_seconds(L, 2, "timeout");
	wait.room = field_seconds(L, 2, "room");
	if (bu_fieldfn(L, 2, "on_notice"))
		call->on_notice = lua_gettop(L);
	luaL_checkstack(L, 8, NULL);
	wait.context = call;
	session->busy++;
	result = am_job_wait(session->ssh, &job->core, &wait, &status, &error);
	if (result == 0)
		result = end_lines(call, &error);
	hand_records_of_job(L);
	session->busy--;
	return result == 0 ? push_result(L, call, &status) : bu_fail(L, &error);
}

/* j:poll() -> "running" | "done" | "unrecorded" | "gone" */
static int job_poll(lua_State *L)
{
	static const char *const names[] = {"gone", "running", "done", "unrecorded", "gone"};
	struct session *session;
	struct job *job = check_job(L, &session);
	struct am_ssh_status status;
	enum am_job_state state;
	struct am_error error;

	int result = am_job_poll(session->ssh, &job->core, &state, &status, &error);

	hand_records_of_job(L);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushstring(L, names[state]);
	return 1;
}

/* j:cancel({ grace = }) -> true */
static int job_cancel(lua_State *L)
{
	struct session *session;
	struct job *job = check_job(L, &session);
	lua_Integer grace = bu_fieldint(L, 2, "grace", 10);
	struct am_error error;

	int result;

	luaL_argcheck(L, grace >= 0 && grace <= 3600, 2, "field 'grace' out of range");
	result = am_job_cancel(session->ssh, &job->core, (int)grace, &error);
	hand_records_of_job(L);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

/* j:remove() -> true */
static int job_remove(lua_State *L)
{
	struct session *session;
	struct job *job = check_job(L, &session);
	struct am_error error;

	int result = am_job_remove(session->ssh, &job->core, &error);

	hand_records_of_job(L);
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

static int job_tostring(lua_State *L)
{
	struct job *job = luaL_checkudata(L, 1, JOB_CLASS);

	lua_pushfstring(L, "ssh job (%s)", job->core.id);
	return 1;
}

/* j.id, j.dir, or a method. Upvalue 1: the methods. */
static int job_index(lua_State *L)
{
	struct job *job = luaL_checkudata(L, 1, JOB_CLASS);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";

	if (strcmp(name, "id") == 0)
		lua_pushstring(L, job->core.id);
	else if (strcmp(name, "dir") == 0)
		lua_pushstring(L, job->core.dir);
	else
		lua_gettable(L, lua_upvalueindex(1));
	return 1;
}

/* ssh.quote(argv[, opts]) -> command line */
static int l_quote(lua_State *L)
{
	struct am_error error;
	struct am_exec exec;
	struct call *call;

	lua_settop(L, 2);
	call = new_call(L);
	check_exec(L, &exec, 1, 2);
	if (am_exec_command(&call->command, exec.argv, &exec.options, &error) != 0)
		return luaL_error(L, "%s", error.message);
	lua_pushlstring(L, call->command.data, call->command.length);
	return 1;
}

/* ssh.environment(opts) -> { "NAME=value", ... }: of a command with these options */
static int l_environment(lua_State *L)
{
	static const char *const none[] = {NULL};
	struct am_exec exec = {.argv = none};
	struct am_error error;
	struct call *call;
	const char **words;

	lua_settop(L, 1);
	call = new_call(L);
	check_env(L, 1, &exec.options);
	words = am_exec_environment(&exec, &call->command, &error);
	if (words == NULL)
		return luaL_error(L, "%s", error.message);
	lua_newtable(L);
	for (lua_Integer i = 0; words[i] != NULL; i++) {
		lua_pushstring(L, words[i]);
		lua_rawseti(L, -2, i + 1);
	}
	free(words);
	return 1;
}

/* Fields of the object before its methods: the function gets the table of methods as upvalue. */
static void index_by(lua_State *L, const char *name, lua_CFunction function)
{
	luaL_getmetatable(L, name);
	lua_getfield(L, -1, "__index");
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

static void register_classes(lua_State *L)
{
	static const luaL_Reg methods[] = {{"run", session_run}, {"job", session_job},
		{"attach", session_attach}, {"get", session_get}, {"put", session_put},
		{"open", session_open}, {"methods", session_methods},
		{"reconnect", session_reconnect}, {"observe", session_observe},
		{"close", session_close}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", session_close}, {"__close", session_close},
		{"__tostring", session_tostring}, {NULL, NULL}};
	static const luaL_Reg job_methods[] = {{"wait", job_wait}, {"poll", job_poll},
		{"cancel", job_cancel}, {"remove", job_remove}, {NULL, NULL}};
	static const luaL_Reg job_metamethods[] = {{"__tostring", job_tostring}, {NULL, NULL}};

	bu_newclass(L, SESSION_CLASS, methods, metamethods);
	index_by(L, SESSION_CLASS, session_index);
	bu_newclass(L, JOB_CLASS, job_methods, job_metamethods);
	index_by(L, JOB_CLASS, job_index);
}

int luaopen_altmig_ssh(lua_State *L)
{
	static const luaL_Reg functions[] = {{"connect", l_connect}, {"target", l_target},
		{"environment", l_environment}, {"quote", l_quote}, {NULL, NULL}};

	register_classes(L);
	luaL_newlib(L, functions);
	return 1;
}
