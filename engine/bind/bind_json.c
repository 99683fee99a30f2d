/* SPDX-License-Identifier: MIT */
/*
 * Decoding is jansson's. Encoding is not: jansson (2.14) writes 0.1 as 0.10000000000000001, or with
 * fewer digits a number that reads back as another one; it takes no string that is not UTF-8; and
 * it leaves DEL and the characters that a terminal obeys as they are, or escapes all but ASCII.
 */
#include "bind_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bindutil.h"
#include "base/json.h"

#define TEXT_CLASS "altmig.json.text"
#define DEPTH_MAX  100
#define KEYS_MAX   256

struct encoder {
	lua_State *L;
	const struct bu_json_options *options;
	struct am_buf *out;
	struct am_error *error;
	int depth;
	char path[KEYS_MAX]; /* keys down to the value, for messages */
	size_t path_length;
};

static int encode_value(struct encoder *encoder, int index);

static int refuse(struct encoder *encoder, const char *code, const char *reason)
{
	encoder->path[encoder->path_length] = '\0';
	return am_fail(encoder->error, code, "json: value%s: %s", encoder->path, reason);
}

/* Adds a key, or without one an index, to the path; returns the length before, to go back to. */
static size_t enter(struct encoder *encoder, const char *key, lua_Integer number)
{
	size_t before = encoder->path_length;
	size_t room = sizeof encoder->path - before;
	char *end = encoder->path + before;
	int n;

	if (key != NULL)
		n = snprintf(end, room, ".%s", key);
	else
		n = snprintf(end, room, "[%lld]", (long long)number);
	if (n > 0)
		encoder->path_length += (size_t)n < room ? (size_t)n : room - 1;
	return before;
}

static int put(struct encoder *encoder, const char *text)
{
	return am_buf_addstr(encoder->out, text, encoder->error);
}

static int put_newline(struct encoder *encoder)
{
	int spaces = encoder->options->indent * encoder->depth;

	if (encoder->options->indent == 0)
		return 0;
	return am_buf_addf(encoder->out, encoder->error, "\n%*s", spaces, "");
}

static int put_string(struct encoder *encoder, int index)
{
	size_t length;
	const char *text = lua_tolstring(encoder->L, index, &length);

	if (am_json_quote(encoder->out, text, length, encoder->options->lossy, encoder->error) == 0)
		return 0;
	if (strcmp(encoder->error->code, "JSON_UTF8") == 0) {
		encoder->path[encoder->path_length] = '\0';
		am_error_prefix(encoder->error, "json: value%s", encoder->path);
	}
	return -1;
}

/* The shortest decimal that reads back as the same number, and reads back as a float. */
static int put_float(struct encoder *encoder, double value)
{
	char text[40];

	if (!isfinite(value))
		return refuse(encoder, "JSON_VALUE", "not a finite number");
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	if (put(encoder, text) != 0)
		return -1;
	return strpbrk(text, ".e") == NULL ? put(encoder, ".0") : 0;
}

static int put_array(struct encoder *encoder, int index, lua_Integer count)
{
	if (put(encoder, "[") != 0)
		return -1;
	encoder->depth++;
	for (lua_Integer i = 1; i <= count; i++) {
		size_t before = enter(encoder, NULL, i);

		if ((i > 1 && put(encoder, ",") != 0) || put_newline(encoder) != 0)
			return -1;
		lua_rawgeti(encoder->L, index, i);
		if (encode_value(encoder, lua_gettop(encoder->L)) != 0)
			return -1;
		lua_pop(encoder->L, 1);
		encoder->path_length = before;
	}
	encoder->depth--;
	if (count > 0 && put_newline(encoder) != 0)
		return -1;
	return put(encoder, "]");
}

/* One member; key and value are the two values at the top and stay there. */
static int put_member(struct encoder *encoder, int first)
{
	int top = lua_gettop(encoder->L);
	size_t before;

	if (lua_type(encoder->L, top - 1) != LUA_TSTRING)
		return refuse(encoder, "JSON_VALUE", "a key is neither a string nor 1..n");
	before = enter(encoder, lua_tostring(encoder->L, top - 1), 0);
	if ((!first && put(encoder, ",") != 0) || put_newline(encoder) != 0 ||
		put_string(encoder, top - 1) != 0 ||
		put(encoder, encoder->options->indent > 0 ? ": " : ":") != 0 ||
		encode_value(encoder, top) != 0)
		return -1;
	encoder->path_length = before;
	return 0;
}

struct key {
	const char *text; /* owned by the table, which nothing changes meanwhile */
	size_t length;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);

	if (order != 0)
		return order;
	return x->length < y->length ? -1 : x->length > y->length;
}

/* Pushes a userdata with the sorted keys. [-0, +1, m] */
static struct key *sort_keys(struct encoder *encoder, int index, size_t count)
{
	lua_State *L = encoder->L;
	struct key *keys = lua_newuserdatauv(L, count * sizeof *keys, 0);
	size_t n = 0;

	for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || n == count) {
			lua_pop(L, 2);
			return NULL;
		}
		keys[n].text = lua_tolstring(L, -2, &keys[n].length);
		n++;
	}
	qsort(keys, count, sizeof *keys, compare_keys);
	return keys;
}

static int put_members(struct encoder *encoder, int index, size_t count)
{
	lua_State *L = encoder->L;
	const struct key *keys;
	int first = 1;

	if (encoder->options->unsorted) {
		for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
			if (put_member(encoder, first) != 0)
				return -1;
			first = 0;
		}
		return 0;
	}
	keys = sort_keys(encoder, index, count);
	if (keys == NULL)
		return refuse(encoder, "JSON_VALUE", "a key is neither a string nor 1..n");
	for (size_t i = 0; i < count; i++) {
		lua_pushlstring(L, keys[i].text, keys[i].length);
		lua_pushvalue(L, -1);
		lua_rawget(L, index);
		if (put_member(encoder, i == 0) != 0)
			return -1;
		lua_pop(L, 2);
	}
	lua_pop(L, 1);
	return 0;
}

static int put_object(struct encoder *encoder, int index, size_t count)
{
	if (put(encoder, "{") != 0)
		return -1;
	encoder->depth++;
	if (put_members(encoder, index, count) != 0)
		return -1;
	encoder->depth--;
	if (put_newline(encoder) != 0)
		return -1;
	return put(encoder, "}");
}

static int is_marked_array(lua_State *L, int index)
{
	int marked;

	if (!lua_getmetatable(L, index))
		return 0;
	luaL_getmetatable(L, BU_JSON_ARRAY);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

/* A table whose keys are exactly 1..n is an array; an empty one only when it is marked. */
static int put_table(struct encoder *encoder, int index)
{
	lua_State *L = encoder->L;
	lua_Integer length = (lua_Integer)lua_rawlen(L, index);
	lua_Integer count = 0;

	if (encoder->depth >= DEPTH_MAX)
		return refuse(encoder, "JSON_DEPTH", "nested too deeply (or in itself)");
	for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
		count++;
	if (is_marked_array(L, index) || length > 0) {
		if (count != length)
			return refuse(encoder, "JSON_VALUE", "an array with holes or other keys");
		return put_array(encoder, index, length);
	}
	if (count == 0)
		return put(encoder, "{}");
	return put_object(encoder, index, (size_t)count);
}

static int encode_value(struct encoder *encoder, int index)
{
	lua_State *L = encoder->L;
	char reason[64];

	if (!lua_checkstack(L, 12))
		return refuse(encoder, "JSON_DEPTH", "nested too deeply");
	if (encoder->options->maximum != 0 && encoder->out->length > encoder->options->maximum)
		return refuse(encoder, "E2BIG", "text too long");
	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		return put(encoder, lua_toboolean(L, index) ? "true" : "false");
	case LUA_TNUMBER:
		if (!lua_isinteger(L, index))
			return put_float(encoder, lua_tonumber(L, index));
		return am_buf_addf(
			encoder->out, encoder->error, "%lld", (long long)lua_tointeger(L, index));
	case LUA_TSTRING:
		return put_string(encoder, index);
	case LUA_TTABLE:
		return put_table(encoder, index);
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, index) == NULL)
			return put(encoder, "null");
		break;
	default:
		break;
	}
	snprintf(reason, sizeof reason, "a %s has no form in JSON", luaL_typename(L, index));
	return refuse(encoder, "JSON_VALUE", reason);
}

int bu_json_encode(lua_State *L, int index, const struct bu_json_options *options,
	struct am_buf *out, struct am_error *error)
{
	struct encoder encoder = {.L = L, .options = options, .out = out, .error = error};
	int top = lua_gettop(L);
	int result = encode_value(&encoder, lua_absindex(L, index));

	lua_settop(L, top);
	return result;
}

/* The parsed text, in a userdata, until the Lua value is made of it. */
static int text_free(lua_State *L)
{
	json_t **slot = lua_touserdata(L, 1);

	json_decref(*slot);
	*slot = NULL;
	return 0;
}

static json_t **new_text(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", text_free}, {NULL, NULL}};
	json_t **slot;

	bu_newclass(L, TEXT_CLASS, none, metamethods);
	slot = lua_newuserdatauv(L, sizeof *slot, 0);
	*slot = NULL;
	luaL_setmetatable(L, TEXT_CLASS);
	return slot;
}

static int push_value(lua_State *L, json_t *value, int depth);

static int push_array(lua_State *L, json_t *array, int depth)
{
	size_t count = json_array_size(array);

	lua_createtable(L, count < 65536 ? (int)count : 65536, 0);
	luaL_setmetatable(L, BU_JSON_ARRAY); /* an empty one stays an array when it is encoded */
	for (size_t i = 0; i < count; i++) {
		if (push_value(L, json_array_get(array, i), depth + 1) != 0)
			return -1;
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 0;
}

static int push_object(lua_State *L, json_t *object, int depth)
{
	lua_newtable(L);
	for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
		lua_pushlstring(L, json_object_iter_key(i), json_object_iter_key_len(i));
		if (push_value(L, json_object_iter_value(i), depth + 1) != 0)
			return -1;
		lua_rawset(L, -3);
	}
	return 0;
}

static int push_value(lua_State *L, json_t *value, int depth)
{
	if (depth > DEPTH_MAX || !lua_checkstack(L, 6))
		return -1;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return push_object(L, value, depth);
	case JSON_ARRAY:
		return push_array(L, value, depth);
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(value));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(value));
		break;
	case JSON_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	}
	return 0;
}

void bu_json_array_class(lua_State *L)
{
	luaL_newmetatable(L, BU_JSON_ARRAY);
	lua_pop(L, 1);
}

int bu_json_decode(lua_State *L, const char *text, size_t length, struct am_error *error)
{
	int top = lua_gettop(L);
	json_error_t reason;
	json_t **slot;

	bu_json_array_class(L);
	slot = new_text(L);
	*slot = json_loadb(
		text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &reason);
	if (*slot == NULL) {
		am_fail(error, "JSON_SYNTAX", "json: line %d, column %d: %s", reason.line,
			reason.column, reason.text);
		lua_settop(L, top);
		return -1;
	}
	if (push_value(L, *slot, 0) != 0) {
		lua_settop(L, top);
		return am_fail(error, "JSON_DEPTH", "json: nested more than %d deep", DEPTH_MAX);
	}
	json_decref(*slot);
	*slot = NULL;
	lua_replace(L, top + 1);
	return 0;
}
