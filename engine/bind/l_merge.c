/* SPDX-License-Identifier: MIT */
/* altmig.merge_core: the record merge on texts. See lua/meta/merge_core.lua. */
#include <stdlib.h>
#include <string.h>

#include "bindutil.h"
#include "config/colon.h"
#include "config/merge.h"
#include "bind_modules.h"
#include "config/stanza.h"
#include "config/table.h"

#define OUTCOME "altmig.merge.outcome"

/* Everything a merge makes, owned by one userdata so that no Lua error can lose it. */
struct outcome {
	struct am_buf text;
	struct am_users_result users;
	struct am_decisions decisions;
	struct am_records records;
};

static int outcome_gc(lua_State *L)
{
	struct outcome *outcome = luaL_checkudata(L, 1, OUTCOME);

	am_buf_free(&outcome->text);
	am_users_result_free(&outcome->users);
	am_decisions_free(&outcome->decisions);
	am_records_free(&outcome->records);
	return 0;
}

/* [-0, +1, m] */
static struct outcome *new_outcome(lua_State *L)
{
	struct outcome *outcome = lua_newuserdatauv(L, sizeof *outcome, 0);

	memset(outcome, 0, sizeof *outcome);
	luaL_setmetatable(L, OUTCOME);
	return outcome;
}

/* { o=, c=, n=, modified= } at `table`. [-0, +0, v] */
static struct am_merge_input check_input(lua_State *L, int table)
{
	struct am_merge_input input = {.modified = AM_MODIFIED_UNKNOWN};

	luaL_checktype(L, table, LUA_TTABLE);
	input.o = bu_optslice(L, table, "o", NULL);
	input.c = bu_optslice(L, table, "c", NULL);
	input.n = bu_optslice(L, table, "n", NULL);
	if (lua_getfield(L, table, "modified") != LUA_TNIL)
		input.modified = lua_toboolean(L, -1) ? AM_MODIFIED_YES : AM_MODIFIED_NO;
	lua_pop(L, 1);
	return input;
}

static void set_buffer(lua_State *L, const char *name, const struct am_buf *buf)
{
	lua_pushlstring(L, buf->data == NULL ? "" : buf->data, buf->length);
	lua_setfield(L, -2, name);
}

/* How findings are called in Lua: altmig.merge.findings has the sentences. */
static const char *const finding_names[AM_FINDINGS] = {
	[AM_FOUND_BY_PARSER] = "parser",
	[AM_FOUND_ACCOUNT_ADDED] = "account added",
	[AM_FOUND_ACCOUNT_RETURNED] = "account returned",
	[AM_FOUND_ACCOUNT_OBSOLETE] = "account obsolete",
	[AM_FOUND_ACCOUNT_RENUMBERED] = "account renumbered",
	[AM_FOUND_ID_TAKEN] = "id taken",
	[AM_FOUND_NO_PASSWORD] = "no password",
	[AM_FOUND_NO_SHADOW] = "no shadow",
	[AM_FOUND_OPEN_HASH] = "open hash",
	[AM_FOUND_ABSENT_BEFORE] = "absent before",
	[AM_FOUND_OBSOLETE_FILE] = "obsolete file",
	[AM_FOUND_SAME] = "same",
	[AM_FOUND_THEIRS] = "theirs",
	[AM_FOUND_OURS] = "ours",
	[AM_FOUND_BOTH_OURS] = "both: ours",
	[AM_FOUND_BOTH_THEIRS] = "both: theirs",
	[AM_FOUND_INVALID] = "invalid",
	[AM_FOUND_LISTS] = "lists",
	[AM_FOUND_NEW_ATTRIBUTE] = "new attribute",
	[AM_FOUND_HELD_COLUMN] = "held column",
	[AM_FOUND_NEW_RECORD] = "new record",
	[AM_FOUND_NEW_UNKNOWN] = "new or removed",
	[AM_FOUND_NOT_ADMITTED] = "not admitted",
	[AM_FOUND_COLLISION] = "collision",
	[AM_FOUND_REMOVED] = "removed",
	[AM_FOUND_RETURNED] = "returned",
	[AM_FOUND_DISABLED] = "disabled",
	[AM_FOUND_OLD_ONLY] = "old only",
	[AM_FOUND_DROPPED] = "dropped",
	[AM_FOUND_OBSOLETE] = "obsolete",
};

/* Sets field "decisions" of the table at the top. [-0, +0, m] */
static void set_decisions(lua_State *L, const struct am_decisions *decisions)
{
	lua_newtable(L);
	for (size_t i = 0; i < decisions->count; i++) {
		const struct am_decision *d = &decisions->list[i];

		lua_newtable(L);
		bu_setstr(L, "severity", am_severity_name(d->severity));
		bu_setstr(L, "file", d->file);
		bu_setstr(L, "key", d->key);
		bu_setstr(L, "attribute", d->attribute);
		bu_setstr(L, "o", d->o);
		bu_setstr(L, "c", d->c);
		bu_setstr(L, "n", d->n);
		bu_setstr(L, "chosen", d->chosen);
		bu_setstr(L, "finding", finding_names[d->finding]);
		bu_setstr(L, "detail", d->detail);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "decisions");
}

/* A list of strings as sorted slices in a userdata left on the stack. [-0, +1, v] */
static struct am_slice *check_names(lua_State *L, int table, size_t *count)
{
	size_t n = (size_t)luaL_len(L, table);
	struct am_slice *names;

	if (n > SIZE_MAX / sizeof *names - 1)
		luaL_error(L, "list too long");
	names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
	for (size_t i = 0; i < n; i++) {
		if (lua_rawgeti(L, table, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(L, "list of strings expected");
		names[i].at = lua_tolstring(L, -1, &names[i].length);
		lua_pop(L, 1);
	}
	*count = n;
	return names;
}

static int compare_slices(const void *a, const void *b)
{
	return am_slice_compare(*(const struct am_slice *)a, *(const struct am_slice *)b);
}

/* What a policy table turns into; the arrays are userdata on the stack. */
struct policy {
	struct am_merge_policy core;
	struct am_columns columns; /* of a grammar whose columns the table names */
	size_t key[AM_COLUMNS_MAX];
	struct am_slice *admitted;
	size_t admitted_count;
	const char **mandatory;
	lua_State *L; /* for the functions of classes */
	int classes;  /* stack index of their list */
	int failed;   /* a function raised: `error` says what */
	struct am_error error;
};

static int is_admitted(void *arg, struct am_slice key)
{
	struct policy *policy = arg;

	return policy->admitted_count > 0 && bsearch(&key, policy->admitted, policy->admitted_count,
						     sizeof key, compare_slices) != NULL;
}

static void push_slice(lua_State *L, struct am_slice slice)
{
	if (slice.at == NULL)
		lua_pushnil(L);
	else
		lua_pushlstring(L, slice.at, slice.length);
}

struct question {
	lua_Integer class;
	struct am_slice key, value, shipped;
};

/* (question, classes) -> boolean: valid(value, shipped, key) of the class, if it has one */
static int ask_valid(lua_State *L)
{
	const struct question *question = lua_touserdata(L, 1);

	lua_rawgeti(L, 2, question->class);
	if (!bu_fieldfn(L, 3, "valid")) {
		lua_pushboolean(L, 1);
		return 1;
	}
	push_slice(L, question->value);
	push_slice(L, question->shipped);
	push_slice(L, question->key);
	lua_call(L, 3, 1);
	return 1;
}

/* Nothing here raises: the merge that asks holds memory. */
static int is_valid(void *arg, const struct am_merge_attribute *entry, struct am_slice key,
	struct am_slice value, struct am_slice shipped)
{
	struct policy *policy = arg;
	lua_State *L = policy->L;
	struct question question = {0, key, value, shipped};
	int result;

	if (entry == NULL || policy->failed)
		return 1;
	question.class = (lua_Integer)(entry - policy->core.attributes) + 1;
	lua_pushcfunction(L, ask_valid);
	lua_pushlightuserdata(L, &question);
	lua_pushvalue(L, policy->classes);
	policy->failed = bu_pcall(L, 2, 1, &policy->error) != 0;
	if (policy->failed)
		return 1;
	result = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return result;
}

static enum am_class check_class(lua_State *L, const char *name)
{
	static const char *const names[] = {"user", "system", "list", "valid"};

	for (int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum am_class)i;
	luaL_error(L, "unknown class '%s'", name);
	return AM_CLASS_USER;
}

/* Field "classes": { { record=, name=, class=, secret=, set=, valid= }, ... }. [-0, +2, v] */
static void check_classes(lua_State *L, int table, struct policy *policy)
{
	struct am_merge_attribute *entries;
	size_t n;

	if (lua_getfield(L, table, "classes") == LUA_TNIL)
		return;
	luaL_checktype(L, -1, LUA_TTABLE);
	n = (size_t)luaL_len(L, -1);
	if (n > 10000)
		luaL_error(L, "too many classes");
	entries = lua_newuserdatauv(L, (n + 1) * sizeof *entries, 0);
	for (size_t i = 0; i < n; i++) {
		int entry;

		lua_rawgeti(L, -2, (lua_Integer)i + 1);
		entry = lua_gettop(L);
		luaL_checktype(L, entry, LUA_TTABLE);
		entries[i].record = bu_fieldstr(L, entry, "record", NULL);
		entries[i].name = bu_fieldstr(L, entry, "name", NULL);
		entries[i].class = check_class(L, bu_fieldstr(L, entry, "class", "user"));
		entries[i].secret = bu_fieldbool(L, entry, "secret", 0);
		entries[i].set = bu_fieldbool(L, entry, "set", 0);
		if (bu_fieldfn(L, entry, "valid"))
			policy->core.valid = is_valid;
		if (entries[i].name == NULL)
			luaL_error(L, "class without a name");
		lua_settop(L, entry - 1);
	}
	policy->core.attributes = entries;
	policy->core.attribute_count = n;
	policy->core.arg = policy;
	policy->classes = lua_gettop(L) - 1;
}

/* The number of a column of that name. [-0, +0, v] */
static size_t find_column(lua_State *L, const struct am_columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (strcmp(columns->names[i], name) == 0)
			return i;
	luaL_error(L, "field 'key': there is no column '%s'", name);
	return 0;
}

/* Field "key": a list of names of columns; default the first column. [-0, +1, v] */
static void check_key(lua_State *L, int table, struct policy *policy)
{
	struct am_columns *columns = &policy->columns;
	const char **names;
	size_t count;

	columns->key = policy->key;
	columns->key_count = 1;
	policy->key[0] = 0;
	if (lua_getfield(L, table, "key") == LUA_TNIL)
		return;
	luaL_checktype(L, -1, LUA_TTABLE);
	names = bu_checkargv(L, lua_gettop(L), &count);
	if (count == 0 || count > columns->count)
		luaL_error(
			L, "field 'key': 1 to %d names of columns expected", (int)columns->count);
	for (size_t i = 0; i < count; i++) {
		policy->key[i] = find_column(L, columns, names[i]);
		/* The room for keys is that of the lines. */
		for (size_t k = 0; k < i; k++) {
			if (policy->key[k] == policy->key[i])
				luaL_error(L, "field 'key': '%s' is named twice", names[i]);
		}
	}
	columns->key_count = count;
	lua_remove(L, -2);
}

/* A field of one character; 0 where it is absent. [-0, +0, v] */
static char check_character(lua_State *L, int table, const char *name)
{
	const char *text = bu_fieldstr(L, table, name, NULL);

	if (text == NULL)
		return 0;
	if (strlen(text) != 1 || strchr(" \t\r\n#", text[0]) != NULL)
		luaL_error(L, "field '%s': one character expected", name);
	return text[0];
}

/* Fields "columns", "key", "least", "separator", "control". [-0, +2, v] */
static void check_columns(lua_State *L, int table, struct policy *policy)
{
	struct am_columns *columns = &policy->columns;
	lua_Integer least;

	luaL_checkstack(L, 4, NULL);
	if (lua_getfield(L, table, "columns") != LUA_TTABLE)
		luaL_error(L, "field 'columns': list of names expected");
	columns->names = bu_checkargv(L, lua_gettop(L), &columns->count);
	if (columns->count == 0 || columns->count > AM_COLUMNS_MAX)
		luaL_error(L, "field 'columns': 1 to %d names expected", AM_COLUMNS_MAX);
	lua_remove(L, -2);
	check_key(L, table, policy);
	least = bu_fieldint(L, table, "least", 1);
	if (least < 1 || (size_t)least > columns->count)
		luaL_error(L, "field 'least': 1 to %d expected", (int)columns->count);
	columns->least = (size_t)least;
	columns->separator = check_character(L, table, "separator");
	columns->control = check_character(L, table, "control");
	columns->hash_comments = 1;
	policy->core.columns = columns;
}

static int is_site_grammar(const char *grammar)
{
	return strcmp(grammar, "colon") == 0 || strcmp(grammar, "table") == 0 ||
	       strcmp(grammar, "lines") == 0;
}

/* Grammars that are read as the table says. May leave values on the stack. [-0, +?, v] */
static void check_site_grammar(lua_State *L, int table, const char *grammar, struct policy *policy)
{
	static const char *const line[] = {"line", NULL};

	policy->core.parse_columns = am_colonfile_parse;
	if (strcmp(grammar, "lines") == 0) {
		policy->columns = (struct am_columns){.names = line,
			.count = 1,
			.least = 1,
			.key = policy->key,
			.key_count = 1,
			.separator = '\n',
			.hash_comments = 1};
		policy->key[0] = 0;
		policy->core.columns = &policy->columns;
		return;
	}
	check_columns(L, table, policy);
	if (strcmp(grammar, "table") == 0)
		policy->core.parse_columns = am_table_parse_columns;
	else if (policy->columns.separator == 0)
		policy->core.separator = ':';
	else
		policy->core.separator = policy->columns.separator;
}

static void check_grammar(lua_State *L, int table, const char *grammar, struct policy *all)
{
	struct am_merge_policy *policy = &all->core;

	policy->separator = '\t';
	policy->new_order = 1; /* of tables: N's helpers and drivers come in the order they need */
	if (strcmp(grammar, "vfs") == 0) {
		policy->parse = am_table_parse_vfs;
	} else if (strcmp(grammar, "pse") == 0) {
		policy->parse = am_table_parse_pse;
		policy->beside = 1;
	} else if (strcmp(grammar, "ldapmap") == 0) {
		policy->parse = am_table_parse_ldapmap;
	} else if (strcmp(grammar, "ldapmap pairs") == 0) {
		policy->parse = am_table_parse_ldapmap_pairs;
	} else if (strcmp(grammar, "stanza") == 0) {
		policy->parse =
			bu_fieldbool(L, table, "sets", 0) ? am_stanza_parse_sets : am_stanza_parse;
		policy->new_order = 0;
	} else if (is_site_grammar(grammar)) {
		policy->new_order = bu_fieldbool(L, table, "new_order", 0);
		check_site_grammar(L, table, grammar, all);
	} else {
		luaL_error(L, "unknown grammar '%s'", grammar);
	}
}

static void check_policy(lua_State *L, int table, struct policy *policy)
{
	static const char *const collisions[] = {"attributes", "keep", "new"};
	const char *collision = bu_fieldstr(L, table, "collision", "attributes");
	const char *grammar = bu_fieldstr(L, table, "grammar", "stanza");
	size_t count;

	memset(policy, 0, sizeof *policy);
	policy->L = L;
	policy->core.file = bu_fieldstr(L, table, "file", NULL);
	if (policy->core.file == NULL)
		luaL_error(L, "field 'file' is missing");
	check_grammar(L, table, grammar, policy);
	policy->core.fold_case = bu_fieldbool(L, table, "fold_case", 0);
	policy->core.fallback = check_class(L, bu_fieldstr(L, table, "default", "user"));
	policy->core.keep_obsolete = bu_fieldbool(L, table, "keep_obsolete", 0);
	for (int i = 0; i <= 3; i++) {
		if (i == 3)
			luaL_error(L, "unknown collision rule '%s'", collision);
		if (strcmp(collision, collisions[i]) == 0) {
			policy->core.collision = (enum am_collision)i;
			break;
		}
	}
	check_classes(L, table, policy);
	if (lua_getfield(L, table, "mandatory") != LUA_TNIL)
		policy->core.mandatory = bu_checkargv(L, lua_gettop(L), &count);
	if (lua_getfield(L, table, "admit") != LUA_TNIL) {
		policy->admitted = check_names(L, lua_gettop(L), &policy->admitted_count);
		qsort(policy->admitted, policy->admitted_count, sizeof *policy->admitted,
			compare_slices);
		policy->core.admit = is_admitted;
		policy->core.arg = policy;
	}
}

/* merge_core.records(policy, input) -> result */
static int l_records(lua_State *L)
{
	struct policy policy;
	struct am_merge_input input;
	struct outcome *outcome;
	enum am_merge_status status;
	struct am_error error;

	luaL_checktype(L, 1, LUA_TTABLE);
	input = check_input(L, 2);
	check_policy(L, 1, &policy);
	outcome = new_outcome(L);
	luaL_checkstack(L, 8, NULL);
	if (am_merge(&policy.core, &input, &outcome->text, &status, &outcome->decisions, &error) !=
		0)
		return bu_fail(L, &error);
	if (policy.failed)
		return bu_fail(L, &policy.error);
	lua_newtable(L);
	bu_setstr(L, "status", am_merge_status_name(status));
	if (status != AM_MERGE_ABSENT)
		set_buffer(L, "text", &outcome->text);
	set_decisions(L, &outcome->decisions);
	return 1;
}

static int push_users(lua_State *L, const struct outcome *outcome)
{
	const struct am_users_result *users = &outcome->users;

	lua_newtable(L);
	bu_setstr(L, "names_status", am_merge_status_name(users->names_status));
	bu_setstr(L, "security_status", am_merge_status_name(users->security_status));
	if (users->names_status != AM_MERGE_ABSENT)
		set_buffer(L, "names", &users->names);
	if (users->security_status != AM_MERGE_ABSENT)
		set_buffer(L, "security", &users->security);
	set_decisions(L, &outcome->decisions);
	return 1;
}

/* The list of names at `arg`, ends with NULL. [-0, +1, v] */
static const char *const *check_mandatory(lua_State *L, int arg)
{
	size_t count;

	luaL_checktype(L, arg, LUA_TTABLE);
	return bu_checkargv(L, arg, &count);
}

/* merge_core.passwd(names, security, mandatory) -> result */
static int l_passwd(lua_State *L)
{
	struct am_merge_input names = check_input(L, 1), security = check_input(L, 2);
	const char *const *mandatory = check_mandatory(L, 3);
	struct outcome *outcome = new_outcome(L);
	struct am_error error;

	if (am_merge_passwd(&names, &security, mandatory, &outcome->users, &outcome->decisions,
		    &error) != 0)
		return bu_fail(L, &error);
	return push_users(L, outcome);
}

/* merge_core.group(names, security, passwd, mandatory) -> result */
static int l_group(lua_State *L)
{
	struct am_merge_input names = check_input(L, 1), security = check_input(L, 2);
	const char *const *mandatory = check_mandatory(L, 4);
	struct am_slice passwd;
	struct outcome *outcome;
	struct am_error error;

	passwd.at = luaL_checklstring(L, 3, &passwd.length);
	outcome = new_outcome(L);
	if (am_merge_group(&names, &security, passwd, mandatory, &outcome->users,
		    &outcome->decisions, &error) != 0)
		return bu_fail(L, &error);
	return push_users(L, outcome);
}

/* merge_core.whole(file, input) -> "new" | "kept" | "absent" | nil when records must be merged */
static int l_whole(lua_State *L)
{
	const char *file = bu_checkcstr(L, 1);
	struct am_merge_input input = check_input(L, 2);
	struct outcome *outcome = new_outcome(L);
	enum am_merge_status status;
	struct am_error error;
	int known = am_merge_shortcut(file, &input, &status, &outcome->decisions, &error);

	if (known < 0)
		return bu_fail(L, &error);
	lua_pushstring(L, known ? am_merge_status_name(status) : NULL);
	return 1;
}

/* One stanza as { key=, line=, attributes={ name=value } }. [-0, +1, m] */
static void push_stanza(
	lua_State *L, const struct am_record *record, const struct am_field **fields, size_t count)
{
	lua_newtable(L);
	lua_pushlstring(L, record->key.at, record->key.length);
	lua_setfield(L, -2, "key");
	bu_setint(L, "line", (lua_Integer)record->line);
	lua_newtable(L);
	for (size_t i = 0; i < count; i++) {
		lua_pushlstring(L, fields[i]->name.at, fields[i]->name.length);
		lua_pushlstring(L, fields[i]->value.at, fields[i]->value.length);
		lua_rawset(L, -3);
	}
	lua_setfield(L, -2, "attributes");
}

/* The fields that count, copied into a userdata left on the stack; NULL on failure. */
static const struct am_field **collect_fields(lua_State *L, const struct am_records *file,
	const struct am_record *record, size_t *count, struct am_error *error)
{
	const struct am_field **room = lua_newuserdatauv(L, AM_RECORDS_FIELDS * sizeof *room, 0);
	const struct am_field **list;

	if (am_record_fields(file, record, &list, count, error) != 0)
		return NULL;
	memcpy(room, list, *count * sizeof *list);
	free(list);
	return room;
}

/* merge_core.parse(text, file [, grammar or policy]) -> list of records */
static int l_parse(lua_State *L)
{
	size_t length, count;
	const char *text = luaL_checklstring(L, 1, &length), *file = bu_checkcstr(L, 2);
	struct policy how;
	struct outcome *outcome;
	struct am_error error;
	lua_Integer n = 0;
	int result;

	lua_settop(L, 3);
	memset(&how, 0, sizeof how);
	if (lua_istable(L, 3)) {
		check_grammar(L, 3, bu_fieldstr(L, 3, "grammar", "stanza"), &how);
	} else {
		lua_newtable(L); /* no options */
		check_grammar(L, 4, bu_optcstr(L, 3, "stanza"), &how);
	}
	outcome = new_outcome(L);
	if (how.core.columns != NULL)
		result = how.core.parse_columns(
			&outcome->records, how.core.columns, file, text, length, &error);
	else
		result = how.core.parse(&outcome->records, file, text, length, &error);
	if (result != 0)
		return bu_fail(L, &error);
	lua_newtable(L);
	for (size_t i = 0; i < outcome->records.count; i++) {
		const struct am_record *record = &outcome->records.records[i];
		const struct am_field **fields;

		if (record->kind != AM_RECORD_LIVE || record->is_repeat)
			continue;
		fields = collect_fields(L, &outcome->records, record, &count, &error);
		if (fields == NULL)
			return bu_fail(L, &error);
		push_stanza(L, record, fields, count);
		lua_rawseti(L, -3, ++n);
		lua_pop(L, 1);
	}
	return 1;
}

int luaopen_altmig_merge_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"group", l_group},
		{"parse", l_parse},
		{"passwd", l_passwd},
		{"records", l_records},
		{"whole", l_whole},
		{NULL, NULL},
	};
	static const luaL_Reg methods[] = {{NULL, NULL}};
	static const luaL_Reg meta[] = {{"__gc", outcome_gc}, {NULL, NULL}};

	bu_newclass(L, OUTCOME, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
