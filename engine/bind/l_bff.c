/* SPDX-License-Identifier: MIT */
/* altmig.bff: AIX backup-by-name archives. */
#include "l_bff.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bindutil.h"
#include "bind_modules.h"
#include "restore/stream.h"

#define ARCHIVE_CLASS "altmig.bff"
#define WRITER_CLASS  "altmig.bff.writer"
#define READ_MAX      ((lua_Integer)1 << 30)
#define READ_PIECE    ((size_t)256 * 1024)
/* Set on every directory of real archives; what it means is not known. */
#define DIRECTORY_BIT 0x10000U

struct archive {
	struct am_reader *reader;
	struct am_bff *bff;
	uint64_t current; /* offset of the current member, to know it again */
	int uses;         /* calls that read from it while their callbacks run */
};

static const struct {
	const char *name;
	uint32_t mode;
} types[] = {
	{"file", AM_BFF_IFREG},
	{"dir", AM_BFF_IFDIR},
	{"link", AM_BFF_IFLNK},
	{"block", AM_BFF_IFBLK},
	{"char", AM_BFF_IFCHR},
	{"fifo", AM_BFF_IFIFO},
	{"socket", AM_BFF_IFSOCK},
};

static const char *type_name(uint32_t mode)
{
	size_t i = 0;

	/* The reader lets no other type through. */
	while (i + 1 < sizeof types / sizeof *types && types[i].mode != (mode & AM_BFF_IFMT))
		i++;
	return types[i].name;
}

/* --- reading --- */

static void check_unused(lua_State *L, const struct archive *a)
{
	if (a->uses > 0)
		luaL_error(L, "the archive is in use by the call this comes from");
}

static int archive_close(lua_State *L)
{
	struct archive *a = luaL_checkudata(L, 1, ARCHIVE_CLASS);
	struct archive old = *a;

	check_unused(L, a);
	a->bff = NULL;
	a->reader = NULL;
	am_bff_close(old.bff);
	am_reader_close(old.reader);
	return 0;
}

static struct archive *check_archive(lua_State *L, int arg)
{
	struct archive *a = luaL_checkudata(L, arg, ARCHIVE_CLASS);

	luaL_argcheck(L, a->bff != NULL, arg, "archive is closed");
	check_unused(L, a);
	return a;
}

struct am_bff *bu_testbff(lua_State *L, int arg)
{
	return luaL_testudata(L, arg, ARCHIVE_CLASS) != NULL ? check_archive(L, arg)->bff : NULL;
}

int *bu_bffuses(lua_State *L, int arg)
{
	struct archive *a = luaL_checkudata(L, arg, ARCHIVE_CLASS);

	return &a->uses;
}

static void set_bytes(lua_State *L, const char *name, const unsigned char *data, size_t length)
{
	if (data == NULL)
		return;
	lua_pushlstring(L, (const char *)data, length);
	lua_setfield(L, -2, name);
}

static void push_member(lua_State *L, const struct am_bff_member *m)
{
	uint32_t format = m->mode & AM_BFF_IFMT;

	lua_createtable(L, 0, 20);
	bu_setstr(L, "name", m->name);
	bu_setstr(L, "type", type_name(m->mode));
	bu_setint(L, "mode", m->mode & 07777);
	bu_setint(L, "aix_mode", m->mode);
	bu_setint(L, "uid", m->uid);
	bu_setint(L, "gid", m->gid);
	bu_setint(L, "size", m->size);
	bu_setint(L, "stored_size", m->stored_size);
	bu_setint(L, "atime", m->atime);
	bu_setint(L, "mtime", m->mtime);
	bu_setint(L, "ctime", m->ctime);
	bu_setint(L, "ino", m->ino);
	bu_setint(L, "nlink", m->nlink);
	bu_setint(L, "offset", (lua_Integer)m->offset);
	lua_pushboolean(L, m->packed);
	lua_setfield(L, -2, "packed");
	if (m->target != NULL)
		bu_setstr(L, "target", m->target);
	if (m->link != NULL)
		bu_setstr(L, "link", m->link);
	if (format == AM_BFF_IFBLK || format == AM_BFF_IFCHR) {
		bu_setint(L, "rdev_major", m->rdev_major);
		bu_setint(L, "rdev_minor", m->rdev_minor);
	}
	set_bytes(L, "acl", m->acl, m->acl_length);
	set_bytes(L, "pcl", m->pcl, m->pcl_length);
}

/* a:next() -> member; nil at the end; nil, message, code on failure. */
static int archive_next(lua_State *L)
{
	struct archive *a = check_archive(L, 1);
	const struct am_bff_member *member;
	struct am_error error;
	int n = am_bff_next(a->bff, &member, &error);

	if (n < 0)
		return bu_fail(L, &error);
	if (n == 0) {
		a->current = UINT64_MAX;
		lua_pushnil(L);
		return 1;
	}
	a->current = member->offset;
	push_member(L, member);
	return 1;
}

static int error_tostring(lua_State *L)
{
	lua_getfield(L, 1, "message");
	return 1;
}

/* A loop has no place for a failure, so the iterator raises it, as a table with code and message;
 * the end of the archive and a broken archive must never look alike. */
static int members_next(lua_State *L)
{
	int n;

	lua_settop(L, 1);
	n = archive_next(L);
	if (n != 3)
		return n;
	lua_createtable(L, 0, 2);
	lua_insert(L, -3); /* nil, error, message, code */
	lua_setfield(L, -3, "code");
	lua_setfield(L, -2, "message");
	luaL_setmetatable(L, ARCHIVE_CLASS ".error");
	return lua_error(L);
}

static int archive_members(lua_State *L)
{
	check_archive(L, 1);
	lua_pushcfunction(L, members_next);
	lua_pushvalue(L, 1);
	return 2;
}

static void check_current(lua_State *L, const struct archive *a, int arg)
{
	lua_Integer offset;

	luaL_checktype(L, arg, LUA_TTABLE);
	offset = bu_fieldint(L, arg, "offset", -1);
	luaL_argcheck(L, offset >= 0 && (uint64_t)offset == a->current, arg,
		"not the current member of the archive");
}

/* a:read(m [, max]) -> data; E2BIG when the member is larger than max. */
static int archive_read(lua_State *L)
{
	struct archive *a = check_archive(L, 1);
	lua_Integer max = lua_isnoneornil(L, 3) ? READ_MAX : bu_checkrange(L, 3, 0, READ_MAX);
	struct am_error error;
	luaL_Buffer buffer;
	ssize_t n;

	check_current(L, a, 2);
	if (bu_fieldint(L, 2, "size", 0) > max) {
		am_fail(&error, "E2BIG", "bff: read: %s: more than %lld bytes",
			bu_fieldstr(L, 2, "name", "?"), (long long)max);
		return bu_fail(L, &error);
	}
	luaL_buffinit(L, &buffer);
	do {
		n = am_bff_read(a->bff, luaL_prepbuffsize(&buffer, READ_PIECE), READ_PIECE, &error);
		luaL_addsize(&buffer, n > 0 ? (size_t)n : 0);
	} while (n > 0);
	luaL_pushresult(&buffer);
	return n < 0 ? bu_fail(L, &error) : 1;
}

/* a:read_some(m, n) -> up to n bytes of the member's data, "" at its end. */
static int archive_read_some(lua_State *L)
{
	struct archive *a = check_archive(L, 1);
	size_t size = (size_t)bu_checkrange(L, 3, 1, 64 << 20);
	struct am_error error;
	luaL_Buffer buffer;
	char *data;
	ssize_t n;

	check_current(L, a, 2);
	data = luaL_buffinitsize(L, &buffer, size);
	n = am_bff_read(a->bff, data, size, &error);
	luaL_pushresultsize(&buffer, n > 0 ? (size_t)n : 0);
	return n < 0 ? bu_fail(L, &error) : 1;
}

/* a:volume() -> {date=, number=, user=} */
static int archive_volume(lua_State *L)
{
	const struct am_bff_volume *volume = am_bff_volume(check_archive(L, 1)->bff);

	lua_createtable(L, 0, 3);
	bu_setint(L, "date", volume->date);
	bu_setint(L, "number", volume->number);
	bu_setstr(L, "user", volume->user);
	return 1;
}

static struct am_reader *open_source(lua_State *L, struct am_error *error)
{
	switch (lua_type(L, 1)) {
	case LUA_TSTRING:
		return am_reader_file(lua_tostring(L, 1), error);
	case LUA_TNUMBER:
		return am_reader_descriptor((int)lua_tointeger(L, 1),
			lua_tointeger(L, 1) == 0 ? "standard input" : "descriptor", error);
	default:
		return bu_takereader(L, 1);
	}
}

/* Argument 1 is what open_source takes. */
static void check_source(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		bu_checkcstr(L, 1);
	else if (lua_type(L, 1) == LUA_TNUMBER)
		bu_checkrange(L, 1, 0, INT_MAX);
	else
		bu_checkreader(L, 1);
}

/*
 * bff.open(path_or_reader_or_descriptor) -> archive. The reader belongs to the archive from then
 * on; a descriptor stays the caller's.
 */
static int l_open(lua_State *L)
{
	struct am_error error;
	struct archive *a;

	check_source(L);
	a = lua_newuserdatauv(L, sizeof *a, 1);
	*a = (struct archive){NULL, NULL, UINT64_MAX, 0};
	luaL_setmetatable(L, ARCHIVE_CLASS);
	if (lua_type(L, 1) == LUA_TUSERDATA) {
		/* What the reader stands on (a tree, a session) lives as long as the archive. */
		lua_pushvalue(L, 1);
		lua_setiuservalue(L, -2, 1);
	}
	a->reader = open_source(L, &error);
	if (a->reader == NULL)
		return bu_fail(L, &error);
	a->bff = am_bff_open(a->reader, &error);
	return a->bff == NULL ? bu_fail(L, &error) : 1;
}

/* bff.parse(data [, name]) -> archive, of bytes in memory: of the beginning of one, for what is in
 * it. */
static int l_parse(lua_State *L)
{
	struct am_error error;
	struct archive *a;
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);
	const char *name = bu_optcstr(L, 2, "archive");

	lua_settop(L, 2);
	a = lua_newuserdatauv(L, sizeof *a, 1);
	*a = (struct archive){NULL, NULL, UINT64_MAX, 0};
	luaL_setmetatable(L, ARCHIVE_CLASS);
	lua_createtable(L, 2, 0); /* keeps both */
	for (int i = 1; i <= 2; i++) {
		lua_pushvalue(L, i);
		lua_rawseti(L, -2, i);
	}
	lua_setiuservalue(L, -2, 1);
	a->reader = am_reader_memory(name, data, length, &error);
	if (a->reader == NULL)
		return bu_fail(L, &error);
	a->bff = am_bff_open(a->reader, &error);
	return a->bff == NULL ? bu_fail(L, &error) : 1;
}

/* bff.verify(path_or_reader) -> {members=, bytes=}: every header and every packed byte is read. */
static int l_verify(lua_State *L)
{
	const struct am_bff_member *member;
	lua_Integer members = 0, bytes = 0;
	struct am_error error;
	struct archive *a;
	char *piece;
	int n = l_open(L);

	if (n != 1)
		return n;
	a = lua_touserdata(L, -1);
	piece = lua_newuserdatauv(L, READ_PIECE, 0);
	while ((n = am_bff_next(a->bff, &member, &error)) > 0) {
		ssize_t got;

		while ((got = am_bff_read(a->bff, piece, READ_PIECE, &error)) > 0)
			bytes += got;
		if (got < 0)
			return bu_fail(L, &error);
		members++;
	}
	if (n < 0)
		return bu_fail(L, &error);
	lua_createtable(L, 0, 2);
	bu_setint(L, "members", members);
	bu_setint(L, "bytes", bytes);
	return 1;
}

/* --- what is sent on --- */

/* Outlives the reader: its user value is what the reader needs. */
struct filter {
	struct am_restore_options options;
	struct am_restore_stats stats;
};

/* The function that tells what went through: upvalue 1 is the filter. */
static int filter_stats(lua_State *L)
{
	const struct filter *filter = lua_touserdata(L, lua_upvalueindex(1));

	lua_createtable(L, 0, 7);
	bu_setint(L, "files", (lua_Integer)filter->stats.files);
	bu_setint(L, "dirs", (lua_Integer)filter->stats.dirs);
	bu_setint(L, "links", (lua_Integer)filter->stats.links);
	bu_setint(L, "devices", (lua_Integer)filter->stats.devices);
	bu_setint(L, "bytes", (lua_Integer)filter->stats.bytes);
	bu_setint(L, "members", (lua_Integer)filter->stats.members);
	bu_setint(L, "skipped", (lua_Integer)filter->stats.skipped);
	return 1;
}

/* A list of patterns of the options; the table at `keep` keeps what it points to. [-0, +0, e] */
static const char *const *field_patterns(lua_State *L, const char *name, int keep)
{
	const char *const *vector;

	if (lua_isnoneornil(L, 2))
		return NULL;
	if (lua_getfield(L, 2, name) == LUA_TNIL) {
		lua_pop(L, 1);
		return NULL;
	}
	vector = bu_checkargv(L, lua_gettop(L), NULL);
	luaL_ref(L, keep);
	lua_pop(L, 1);
	return vector;
}

/* bff.filter(source [, {select=, exclude=}]) -> reader, function: what went through */
static int l_filter(lua_State *L)
{
	struct am_reader **slot, *source;
	struct filter *filter;
	struct am_error error;

	lua_settop(L, 2);
	check_source(L);
	lua_createtable(L, 4, 0);
	lua_pushvalue(L, 1);
	luaL_ref(L, 3);
	filter = lua_newuserdatauv(L, sizeof *filter, 1);
	memset(filter, 0, sizeof *filter);
	lua_pushvalue(L, 3);
	lua_setiuservalue(L, 4, 1);
	filter->options.only = field_patterns(L, "select", 3);
	filter->options.exclude = field_patterns(L, "exclude", 3);
	slot = bu_newreader(L, 4);
	lua_pushvalue(L, 4);
	lua_pushcclosure(L, filter_stats, 1);
	source = open_source(L, &error);
	if (source != NULL)
		*slot = am_restore_stream(source, &filter->options, &filter->stats, &error);
	return *slot != NULL ? 2 : bu_fail(L, &error);
}

/* --- writing --- */

static int writer_abort(lua_State *L)
{
	struct am_bff_writer **slot = luaL_checkudata(L, 1, WRITER_CLASS);
	struct am_bff_writer *writer = *slot;

	*slot = NULL;
	am_bff_abort(writer);
	return 0;
}

static struct am_bff_writer **check_writer(lua_State *L)
{
	struct am_bff_writer **slot = luaL_checkudata(L, 1, WRITER_CLASS);

	luaL_argcheck(L, *slot != NULL, 1, "archive is closed");
	return slot;
}

static int writer_close(lua_State *L)
{
	struct am_bff_writer **slot = check_writer(L);
	struct am_bff_writer *writer = *slot;
	struct am_error error;

	*slot = NULL;
	if (am_bff_finish(writer, &error) != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	return 1;
}

static uint32_t field32(lua_State *L, const char *name, lua_Integer fallback)
{
	lua_Integer value = bu_fieldint(L, 2, name, fallback);

	if (value < 0 || value > UINT32_MAX)
		luaL_error(L, "field '%s': %I is out of range", name, value);
	return (uint32_t)value;
}

static uint32_t field_mode(lua_State *L)
{
	const char *type = bu_fieldstr(L, 2, "type", "file");
	uint32_t aix = field32(L, "aix_mode", 0);
	uint32_t mode = field32(L, "mode", 0644);

	if (mode > 07777)
		luaL_error(L, "field 'mode': permission bits only");
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(type, types[i].name) != 0)
			continue;
		if (aix != 0)
			return (aix & 0xFFFF0000U) | types[i].mode | mode;
		return types[i].mode | mode | (types[i].mode == AM_BFF_IFDIR ? DIRECTORY_BIT : 0);
	}
	return (uint32_t)luaL_error(L, "field 'type': unknown type '%s'", type);
}

static const unsigned char *field_bytes(lua_State *L, const char *name, size_t *length)
{
	const unsigned char *data = NULL;

	if (lua_getfield(L, 2, name) == LUA_TSTRING)
		data = (const unsigned char *)lua_tolstring(L, -1, length);
	else if (!lua_isnil(L, -1))
		luaL_error(L, "field '%s': string expected", name);
	lua_pop(L, 1); /* the table keeps it */
	return data;
}

static int open_data(struct am_bff_member *m, const char *path, const unsigned char *data,
	size_t length, struct am_reader **slot, struct am_error *error)
{
	struct stat st;

	if (data != NULL) {
		m->size = (int64_t)length;
		*slot = am_reader_memory(m->name, data, length, error);
		return *slot == NULL ? -1 : 0;
	}
	*slot = am_reader_file(path, error);
	if (*slot == NULL)
		return -1;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return am_fail(error, "EINVAL", "bff: write: %s: no regular file", path);
	m->size = st.st_size;
	return 0;
}

/*
 * w:add{...} -> true, ino. nlink > 1 without ino gets a fresh serial number, which is returned:
 * give it as ino with the object's other names.
 */
static int writer_add(lua_State *L)
{
	struct am_bff_writer **writer = check_writer(L);
	struct am_bff_member m = {0};
	struct am_reader **slot;
	const unsigned char *data;
	const char *path;
	size_t length = 0;
	struct am_error error;
	int result = 0;

	luaL_checktype(L, 2, LUA_TTABLE);
	m.name = bu_fieldstr(L, 2, "name", NULL);
	if (m.name == NULL)
		return luaL_error(L, "field 'name': string expected");
	m.mode = field_mode(L);
	m.uid = field32(L, "uid", 0);
	m.gid = field32(L, "gid", 0);
	m.mtime = field32(L, "mtime", 0);
	m.atime = field32(L, "atime", m.mtime);
	m.ctime = field32(L, "ctime", m.mtime);
	m.target = bu_fieldstr(L, 2, "target", NULL);
	m.rdev_major = field32(L, "rdev_major", 0);
	m.rdev_minor = field32(L, "rdev_minor", 0);
	m.nlink = (int)field32(L, "nlink", 1);
	m.ino = field32(L, "ino", 0);
	m.acl = field_bytes(L, "acl", &m.acl_length);
	m.pcl = field_bytes(L, "pcl", &m.pcl_length);
	data = field_bytes(L, "data", &length);
	path = bu_fieldstr(L, 2, "path", NULL);
	slot = bu_newreader(L, 0);
	if (m.nlink > 1 && m.ino == 0)
		m.ino = am_bff_serial(*writer);
	if ((m.mode & AM_BFF_IFMT) == AM_BFF_IFREG && (data != NULL || path != NULL))
		result = open_data(&m, path, data, length, slot, &error);
	if (result == 0)
		result = am_bff_add(*writer, &m, *slot, &error);
	am_reader_close(*slot);
	*slot = NULL;
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushboolean(L, 1);
	lua_pushinteger(L, m.ino);
	return 2;
}

/* bff.create(path [, {pack=, date=}]) -> writer */
static int l_create(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	int pack = bu_fieldbool(L, 2, "pack", 0);
	lua_Integer date = bu_fieldint(L, 2, "date", (lua_Integer)time(NULL));
	struct am_bff_writer **slot;
	struct am_error error;

	luaL_argcheck(L, date >= 0 && date <= UINT32_MAX, 2, "field 'date' is out of range");
	slot = lua_newuserdatauv(L, sizeof *slot, 0);
	*slot = NULL;
	luaL_setmetatable(L, WRITER_CLASS);
	*slot = am_bff_create(path, pack, (uint32_t)date, &error);
	return *slot == NULL ? bu_fail(L, &error) : 1;
}

int luaopen_altmig_bff(lua_State *L)
{
	static const luaL_Reg archive_methods[] = {{"members", archive_members},
		{"next", archive_next}, {"read", archive_read}, {"read_some", archive_read_some},
		{"volume", archive_volume}, {"close", archive_close}, {NULL, NULL}};
	static const luaL_Reg archive_meta[] = {
		{"__gc", archive_close}, {"__close", archive_close}, {NULL, NULL}};
	static const luaL_Reg writer_methods[] = {{"add", writer_add}, {"close", writer_close},
		{"abort", writer_abort}, {NULL, NULL}};
	static const luaL_Reg writer_meta[] = {
		{"__gc", writer_abort}, {"__close", writer_abort}, {NULL, NULL}};
	static const luaL_Reg error_methods[] = {{NULL, NULL}};
	static const luaL_Reg error_meta[] = {{"__tostring", error_tostring}, {NULL, NULL}};
	static const luaL_Reg functions[] = {{"open", l_open}, {"parse", l_parse},
		{"create", l_create}, {"filter", l_filter}, {"verify", l_verify}, {NULL, NULL}};

	bu_newclass(L, ARCHIVE_CLASS, archive_methods, archive_meta);
	bu_newclass(L, WRITER_CLASS, writer_methods, writer_meta);
	bu_newclass(L, ARCHIVE_CLASS ".error", error_methods, error_meta);
	luaL_newlib(L, functions);
	return 1;
}
