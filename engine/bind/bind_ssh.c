/* SPDX-License-Identifier: MIT */
#include "bind_ssh.h"

#include <lauxlib.h>
#include <string.h>

#include "bindutil.h"

static double seconds_field(lua_State *L, int arg, const char *name)
{
	lua_Number seconds = bu_fieldnum(L, arg, name, 0);

	if (!(seconds >= 0 && seconds < 1e9))
		luaL_error(L, "field '%s': out of range", name);
	return seconds;
}

static struct am_ssh_options fields(lua_State *L, int arg)
{
	lua_Integer port = bu_fieldint(L, arg, "port", 22);
	struct am_ssh_options options = {
		.host = bu_fieldstr(L, arg, "host", NULL),
		.user = bu_fieldstr(L, arg, "user", NULL),
		.identity = bu_fieldstr(L, arg, "identity", NULL),
		.passphrase = bu_fieldstr(L, arg, "passphrase", NULL),
		.known_hosts = bu_fieldstr(L, arg, "known_hosts", NULL),
		.path = bu_fieldstr(L, arg, "path", NULL),
		.timeout = seconds_field(L, arg, "timeout"),
		.keepalive = seconds_field(L, arg, "keepalive"),
		.port = (int)port,
	};

	luaL_argcheck(L, options.host != NULL && *options.host != '\0', 1, "field 'host' missing");
	luaL_argcheck(L, strlen(options.host) < AM_SSH_NAME_MAX, 1, "field 'host' too long");
	luaL_argcheck(L, port >= 1 && port <= 65535, 1, "field 'port' out of range");
	return options;
}

/* What the jump does not say by itself. */
static void inherit(struct bu_ssh_options *into)
{
	const struct am_ssh_options *session = &into->options;
	struct am_ssh_options *jump = &into->jump;

	if (jump->user == NULL)
		jump->user = session->user;
	if (jump->identity == NULL) {
		jump->identity = session->identity;
		if (jump->passphrase == NULL)
			jump->passphrase = session->passphrase;
	}
	if (jump->known_hosts == NULL)
		jump->known_hosts = session->known_hosts;
	if (!(jump->timeout > 0))
		jump->timeout = session->timeout;
	if (!(jump->keepalive > 0))
		jump->keepalive = session->keepalive;
	into->options.jump = jump;
}

/* The text is at the top of the stack. */
static void text_jump(lua_State *L, const char *text, struct bu_ssh_options *into)
{
	struct am_ssh_target *target = &into->target;
	struct am_error error;

	if (strlen(text) != lua_rawlen(L, -1))
		luaL_error(L, "field 'jump': string contains a NUL byte");
	if (am_ssh_parse_target(text, target, &error) != 0)
		luaL_error(L, "field 'jump': %s", error.message);
	into->jump = (struct am_ssh_options){
		.host = target->host,
		.user = target->user[0] != '\0' ? target->user : NULL,
		.port = target->port,
	};
}

void bu_checkssh(lua_State *L, int arg, struct bu_ssh_options *into)
{
	int type;

	arg = lua_absindex(L, arg);
	into->options = fields(L, arg);
	type = lua_getfield(L, arg, "jump");
	if (type == LUA_TSTRING)
		text_jump(L, lua_tostring(L, -1), into);
	else if (type == LUA_TTABLE)
		into->jump = fields(L, lua_gettop(L));
	else if (type != LUA_TNIL)
		luaL_error(
			L, "field 'jump': string or table expected, got %s", luaL_typename(L, -1));
	if (type != LUA_TNIL)
		inherit(into);
	lua_pop(L, 1); /* the table keeps it */
}
