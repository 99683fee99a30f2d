/* SPDX-License-Identifier: MIT */
/* altmig.sys: files, processes and facts of the host the program runs on. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bindutil.h"
#include "base/clock.h"
#include "base/cancel.h"
#include "base/checksum.h"
#include "host/files.h"
#include "bind_modules.h"
#include "base/os.h"
#include "host/process.h"
#include "host/trusted.h"

#define LOCK_CLASS "altmig.lock"
#define READ_MAX   ((lua_Integer)1 << 30)
#define MODE_MAX   07777
#define ID_MAX     0xFFFFFFFFLL

static int fail_errno(lua_State *L, int errnum, const char *operation, const char *subject)
{
	struct am_error error;

	am_fail_errno(&error, errnum, "%s: %s", operation, subject);
	return bu_fail(L, &error);
}

/* true, or the failure that errno names: the end of most functions here. */
static int done(lua_State *L, int result, const char *operation, const char *subject)
{
	if (result != 0)
		return fail_errno(L, errno, operation, subject);
	lua_pushboolean(L, 1);
	return 1;
}

static int done_error(lua_State *L, int result, const struct am_error *error)
{
	if (result != 0)
		return bu_fail(L, error);
	lua_pushboolean(L, 1);
	return 1;
}

static mode_t check_mode(lua_State *L, int arg, lua_Integer fallback)
{
	return (mode_t)(lua_isnoneornil(L, arg) ? fallback : bu_checkrange(L, arg, 0, MODE_MAX));
}

/* Files and directories */

static int l_mkdir(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);

	return done(L, mkdir(path, check_mode(L, 2, 0777)), "mkdir", path);
}

static int l_makedirs(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	mode_t mode = check_mode(L, 2, 0777);
	struct am_error error;
	int result = am_make_directories(path, mode, &error);

	return done_error(L, result, &error);
}

static const char *type_name(mode_t mode)
{
	if (S_ISREG(mode))
		return "file";
	if (S_ISDIR(mode))
		return "dir";
	if (S_ISLNK(mode))
		return "link";
	if (S_ISBLK(mode))
		return "block";
	if (S_ISCHR(mode))
		return "char";
	if (S_ISFIFO(mode))
		return "fifo";
	return "socket";
}

static int push_stat(lua_State *L, const struct stat *st)
{
	const struct bu_int numbers[] = {
		{"mode", (lua_Integer)(st->st_mode & MODE_MAX)},
		{"uid", (lua_Integer)st->st_uid},
		{"gid", (lua_Integer)st->st_gid},
		{"size", (lua_Integer)st->st_size},
		{"mtime", (lua_Integer)st->st_mtime},
		{"atime", (lua_Integer)st->st_atime},
		{"nlink", (lua_Integer)st->st_nlink},
		{"ino", (lua_Integer)st->st_ino},
		{"dev", (lua_Integer)st->st_dev},
		{NULL, 0},
	};

	lua_createtable(L, 0, 14);
	bu_setstr(L, "type", type_name(st->st_mode));
	bu_setints(L, numbers);
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
		bu_setint(L, "rdev_major", (lua_Integer)am_os_major(st->st_rdev));
		bu_setint(L, "rdev_minor", (lua_Integer)am_os_minor(st->st_rdev));
	}
	return 1;
}

static int l_stat(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	struct stat st;

	return stat(path, &st) != 0 ? fail_errno(L, errno, "stat", path) : push_stat(L, &st);
}

static int l_lstat(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	struct stat st;

	return lstat(path, &st) != 0 ? fail_errno(L, errno, "lstat", path) : push_stat(L, &st);
}

static int l_list(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	struct am_buf *names = bu_newbuf(L);
	struct am_error error;
	const char *name;
	size_t count;

	if (am_list_directory(path, names, &count, &error) != 0)
		return bu_fail(L, &error);
	lua_createtable(L, count < 65536 ? (int)count : 65536, 0);
	name = names->data;
	for (size_t i = 0; i < count; i++, name += strlen(name) + 1) {
		lua_pushstring(L, name);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	am_buf_free(names);
	return 1;
}

static int l_remove(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);

	return done(L, unlink(path), "remove", path);
}

static int l_rmdir(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);

	return done(L, rmdir(path), "rmdir", path);
}

/* The calls with two paths; the message names the one that is made. */
static int two_paths(lua_State *L, const char *operation, int (*call)(const char *, const char *))
{
	const char *from = bu_checkcstr(L, 1);
	const char *to = bu_checkcstr(L, 2);
	struct am_error error;

	if (call(from, to) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	am_fail_errno(&error, errno, "%s: %s, %s", operation, from, to);
	return bu_fail(L, &error);
}

static int l_rename(lua_State *L)
{
	return two_paths(L, "rename", rename);
}

static int l_symlink(lua_State *L)
{
	return two_paths(L, "symlink", symlink);
}

static int l_link(lua_State *L)
{
	return two_paths(L, "link", link);
}

static int l_readlink(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	char target[4096];
	ssize_t n = readlink(path, target, sizeof target);

	if (n < 0)
		return fail_errno(L, errno, "readlink", path);
	if ((size_t)n == sizeof target)
		return fail_errno(L, ENAMETOOLONG, "readlink", path);
	lua_pushlstring(L, target, (size_t)n);
	return 1;
}

static int l_realpath(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	struct am_buf *buf = bu_newbuf(L);

	buf->data = realpath(path, NULL);
	if (buf->data == NULL)
		return fail_errno(L, errno, "realpath", path);
	lua_pushstring(L, buf->data);
	am_buf_free(buf);
	return 1;
}

static int l_chmod(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);

	return done(L, chmod(path, (mode_t)bu_checkrange(L, 2, 0, MODE_MAX)), "chmod", path);
}

static int change_owner(
	lua_State *L, const char *operation, int (*call)(const char *, uid_t, gid_t))
{
	const char *path = bu_checkcstr(L, 1);
	uid_t uid = (uid_t)bu_checkrange(L, 2, -1, ID_MAX);
	gid_t gid = (gid_t)bu_checkrange(L, 3, -1, ID_MAX);

	return done(L, call(path, uid, gid), operation, path);
}

static int l_chown(lua_State *L)
{
	return change_owner(L, "chown", chown);
}

static int l_lchown(lua_State *L)
{
	return change_owner(L, "lchown", lchown);
}

static struct timespec check_time(lua_State *L, int arg)
{
	lua_Number value = luaL_checknumber(L, arg);
	lua_Number whole = floor(value);

	luaL_argcheck(L, whole > -1e15 && whole < 1e15, arg, "time out of range");
	return (struct timespec){(time_t)whole, (long)((value - whole) * 1e9)};
}

/* Follows no link: the times of the name given are meant. */
static int l_utime(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	const struct timespec times[2] = {check_time(L, 2), check_time(L, 3)};

	return done(L, utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), "utime", path);
}

static int l_mknod(lua_State *L)
{
	static const char *const names[] = {"file", "fifo", "block", "char", NULL};
	static const mode_t types[] = {S_IFREG, S_IFIFO, S_IFBLK, S_IFCHR};
	const char *path = bu_checkcstr(L, 1);
	mode_t type = types[luaL_checkoption(L, 2, NULL, names)];
	mode_t mode = check_mode(L, 3, 0600);
	dev_t device = 0;

	if (type == S_IFBLK || type == S_IFCHR)
		device = am_os_device((unsigned)bu_checkrange(L, 4, 0, ID_MAX),
			(unsigned)bu_checkrange(L, 5, 0, ID_MAX));
	return done(L, mknod(path, type | mode, device), "mknod", path);
}

static int l_truncate(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);

	return done(
		L, truncate(path, (off_t)bu_checkrange(L, 2, 0, LUA_MAXINTEGER)), "truncate", path);
}

static int l_read_file(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	lua_Integer max = lua_isnoneornil(L, 2) ? READ_MAX : bu_checkrange(L, 2, 0, READ_MAX);
	struct am_buf *content = bu_newbuf(L);
	struct am_error error;

	if (am_file_read(path, (size_t)max, content, &error) != 0) {
		am_buf_free(content);
		return bu_fail(L, &error);
	}
	lua_pushlstring(L, content->data, content->length);
	am_buf_free(content);
	return 1;
}

/* sys.read_trusted(path [, max]): see trusted.h */
static int l_read_trusted(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	lua_Integer max = lua_isnoneornil(L, 2) ? READ_MAX : bu_checkrange(L, 2, 0, READ_MAX);
	struct am_buf *content = bu_newbuf(L);
	struct am_error error;

	if (am_trusted_read(path, (size_t)max, content, &error) != 0) {
		am_buf_free(content);
		return bu_fail(L, &error);
	}
	lua_pushlstring(L, content->data, content->length);
	am_buf_free(content);
	return 1;
}

static mode_t field_mode(lua_State *L, int arg, lua_Integer fallback)
{
	lua_Integer mode = bu_fieldint(L, arg, "mode", fallback);

	luaL_argcheck(L, mode >= 0 && mode <= MODE_MAX, arg, "field 'mode' out of range");
	return (mode_t)mode;
}

static int l_write_file(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	size_t length;
	const char *data = luaL_checklstring(L, 2, &length);
	mode_t mode = field_mode(L, 3, 0600);
	struct am_error error;
	int result;

	if (bu_fieldbool(L, 3, "atomic", 1))
		result = am_file_replace(path, data, length, mode, &error);
	else
		result = am_file_overwrite(path, data, length, mode, &error);
	return done_error(L, result, &error);
}

static int l_append_file(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	size_t length;
	const char *data = luaL_checklstring(L, 2, &length);
	mode_t mode = field_mode(L, 3, 0600);
	struct am_error error;

	return done_error(L, am_file_append(path, data, length, mode, &error), &error);
}

/* The lock */

struct lock {
	int fd; /* -1: closed */
};

static int lock_close(lua_State *L)
{
	struct lock *lock = luaL_checkudata(L, 1, LOCK_CLASS);
	int fd = lock->fd;

	lock->fd = -1;
	if (fd >= 0)
		am_lock_release(fd);
	return 0;
}

static int l_lock(lua_State *L)
{
	static const luaL_Reg methods[] = {{"close", lock_close}, {NULL, NULL}};
	static const luaL_Reg metamethods[] = {
		{"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL}};
	const char *path = bu_checkcstr(L, 1);
	const char *text = bu_fieldstr(L, 2, "text", "");
	struct am_buf *holder = bu_newbuf(L);
	struct am_error error;
	struct lock *lock;

	bu_newclass(L, LOCK_CLASS, methods, metamethods);
	lock = lua_newuserdatauv(L, sizeof *lock, 0);
	lock->fd = -1;
	luaL_setmetatable(L, LOCK_CLASS);
	lock->fd = am_lock_take(path, text, strlen(text), holder, &error);
	if (lock->fd >= 0)
		return 1;
	bu_fail(L, &error);
	if (strcmp(error.code, "LOCKED") != 0)
		return 3;
	lua_pushlstring(L, holder->data != NULL ? holder->data : "", holder->length);
	return 4;
}

/* sys.locked(path) -> text of the holder, or false. */
static int l_locked(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1);
	struct am_buf *holder = bu_newbuf(L);
	struct am_error error;

	switch (am_lock_query(path, holder, &error)) {
	case 0:
		lua_pushboolean(L, 0);
		return 1;
	case 1:
		lua_pushlstring(L, holder->data != NULL ? holder->data : "", holder->length);
		return 1;
	default:
		return bu_fail(L, &error);
	}
}

/* Processes */

/*
 * The field env = {NAME = value} of the options as "NAME=VALUE" words, in a userdata left on the
 * stack with a table that keeps the words. NULL, with two nils on the stack, when there is none.
 * [-0, +2, v]
 */
static const char **field_env(lua_State *L, int arg)
{
	const char **words;
	size_t count = 0;
	int env, kept;

	if (lua_isnoneornil(L, arg) || lua_getfield(L, arg, "env") == LUA_TNIL) {
		lua_settop(L, lua_gettop(L) - (lua_isnoneornil(L, arg) ? 0 : 1));
		lua_pushnil(L);
		lua_pushnil(L);
		return NULL;
	}
	env = lua_gettop(L);
	if (!lua_istable(L, env))
		luaL_error(L, "field 'env': table expected, got %s", luaL_typename(L, env));
	lua_newtable(L);
	kept = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, env) != 0; lua_pop(L, 1)) {
		const char *name, *value;

		if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
			luaL_error(L, "field 'env': names and values must be strings");
		name = lua_tostring(L, -2);
		lua_pushvalue(L, -1); /* a number is made text in the copy */
		value = lua_tostring(L, -1);
		if (strlen(name) != lua_rawlen(L, -3) || strlen(value) != lua_rawlen(L, -1) ||
			name[0] == '\0' || strchr(name, '=') != NULL)
			luaL_error(L, "field 'env': '%s' is no variable", name);
		lua_pushfstring(L, "%s=%s", name, value);
		lua_seti(L, kept, (lua_Integer)++count);
		lua_pop(L, 1);
	}
	lua_remove(L, env);
	words = lua_newuserdatauv(L, sizeof *words * (count + 1), 0);
	for (size_t i = 0; i < count; i++) {
		lua_geti(L, env, (lua_Integer)i + 1);
		words[i] = lua_tostring(L, -1);
		lua_pop(L, 1); /* the table keeps it */
	}
	words[count] = NULL;
	return words;
}

/* The words and common options at stack indices 1 and 2. Leaves anchors on the stack. */
static struct am_process check_process(lua_State *L)
{
	struct am_process process = {.stdio = {-1, -1, -1}};
	size_t count;

	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TTABLE);
	process.argv = bu_checkargv(L, 1, &count);
	luaL_argcheck(L, count > 0 && process.argv[0][0] != '\0', 1, "empty list of words");
	process.env = field_env(L, 2);
	process.cwd = bu_fieldstr(L, 2, "cwd", NULL);
	process.chroot = bu_fieldstr(L, 2, "chroot", NULL);
	return process;
}

static void push_exit(lua_State *L, const struct am_process_exit *how)
{
	char name[16];

	lua_createtable(L, 0, 4);
	if (how->signal != 0) {
		am_signal_name(how->signal, name, sizeof name);
		bu_setstr(L, "signal", name);
	} else {
		bu_setint(L, "status", how->status);
	}
}

struct line_call {
	lua_State *L;
	int callback; /* stack index of the function */
	int stream;
	const char *line;
	size_t length;
};

/* Runs protected: the function and a light userdata with the rest are its arguments. */
static int call_on_line(lua_State *L)
{
	const struct line_call *call = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushlstring(L, call->line, call->length);
	lua_pushstring(L, call->stream == AM_STDOUT ? "stdout" : "stderr");
	lua_call(L, 2, 0);
	return 0;
}

static int on_line(
	void *context, int stream, const char *line, size_t length, struct am_error *error)
{
	struct line_call *call = context;
	lua_State *L = call->L;

	call->stream = stream;
	call->line = line;
	call->length = length;
	lua_pushcfunction(L, call_on_line);
	lua_pushvalue(L, call->callback);
	lua_pushlightuserdata(L, call);
	if (bu_pcall(L, 2, 0, error) == 0)
		return 0;
	return am_cancelled() ? am_fail(error, "CANCELLED", "run: cancelled") : -1;
}

static void set_bytes(lua_State *L, const char *name, struct am_buf *buf)
{
	lua_pushlstring(L, buf->data != NULL ? buf->data : "", buf->length);
	am_buf_free(buf);
	lua_setfield(L, -2, name);
}

static const char *field_bytes(lua_State *L, int arg, const char *name, size_t *length)
{
	const char *data = NULL;

	*length = 0;
	if (lua_isnoneornil(L, arg))
		return NULL;
	switch (lua_getfield(L, arg, name)) {
	case LUA_TNIL:
		break;
	case LUA_TSTRING:
		data = lua_tolstring(L, -1, length);
		break;
	default:
		luaL_error(L, "field '%s': string expected, got %s", name, luaL_typename(L, -1));
	}
	lua_pop(L, 1); /* the options keep it */
	return data;
}

/* Where a run collects; freed with its userdata whatever happens. */
static int outcome_free(lua_State *L)
{
	struct am_process_result *result = lua_touserdata(L, 1);

	am_buf_free(&result->out);
	am_buf_free(&result->err);
	return 0;
}

static struct am_process_result *new_outcome(lua_State *L)
{
	static const luaL_Reg none[] = {{NULL, NULL}};
	static const luaL_Reg metamethods[] = {{"__gc", outcome_free}, {NULL, NULL}};
	struct am_process_result *result;

	bu_newclass(L, "altmig.run.outcome", none, metamethods);
	result = lua_newuserdatauv(L, sizeof *result, 0);
	*result = (struct am_process_result){0};
	luaL_setmetatable(L, "altmig.run.outcome");
	return result;
}

static int l_run(lua_State *L)
{
	struct am_process process;
	struct am_process_io io = {0};
	struct am_process_result *result;
	struct line_call call = {.L = L};
	struct am_error error;
	lua_Integer max;

	lua_settop(L, 2);
	process = check_process(L);
	io.input = field_bytes(L, 2, "stdin", &io.input_length);
	io.timeout = bu_fieldnum(L, 2, "timeout", 0);
	max = bu_fieldint(L, 2, "max_output", READ_MAX);
	luaL_argcheck(L, max > 0, 2, "field 'max_output' out of range");
	io.max_output = (size_t)max;
	if (bu_fieldfn(L, 2, "on_line")) {
		call.callback = lua_gettop(L);
		io.on_line = on_line;
		io.context = &call;
	}
	result = new_outcome(L);
	luaL_checkstack(L, 20, "line callback");
	if (am_process_run(&process, &io, result, &error) != 0) {
		am_buf_free(&result->out);
		am_buf_free(&result->err);
		return bu_fail(L, &error);
	}
	push_exit(L, &result->exit);
	set_bytes(L, "stdout", &result->out);
	set_bytes(L, "stderr", &result->err);
	return 1;
}

/* Opens the three descriptors of a spawn; -1 stays -1. What was opened is in fds, also on failure.
 */
static int open_stdio(const char *const paths[3], int fds[3], struct am_error *error)
{
	for (int i = 0; i < 3; i++) {
		if (paths[i] == NULL)
			continue;
		fds[i] = open(paths[i],
			(i == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND) | O_CLOEXEC | O_NOCTTY,
			0600);
		if (fds[i] < 0)
			return am_fail_errno(error, errno, "spawn: open %s", paths[i]);
		if (fds[i] < 3) { /* a closed standard descriptor was reused: out of the way */
			int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

			close(fds[i]);
			fds[i] = fd;
			if (fd < 0)
				return am_fail_errno(error, errno, "spawn: open %s", paths[i]);
		}
	}
	return 0;
}

static int l_spawn(lua_State *L)
{
	struct am_process process;
	struct am_error error;
	const char *fallback;
	const char *paths[3];
	pid_t pid = 0;
	int result;

	lua_settop(L, 2);
	process = check_process(L);
	process.place = bu_fieldbool(L, 2, "detach", 0) ? AM_PROCESS_SESSION : AM_PROCESS_SAME;
	fallback = process.place == AM_PROCESS_SESSION ? "/dev/null" : NULL;
	paths[0] = bu_fieldstr(L, 2, "stdin", fallback);
	paths[1] = bu_fieldstr(L, 2, "stdout", fallback);
	paths[2] = bu_fieldstr(L, 2, "stderr", paths[1] != NULL ? paths[1] : fallback);
	result = open_stdio(paths, process.stdio, &error);
	if (result == 0)
		result = am_process_start(&process, &pid, &error);
	for (int i = 0; i < 3; i++) {
		if (process.stdio[i] >= 0)
			close(process.stdio[i]);
	}
	if (result != 0)
		return bu_fail(L, &error);
	lua_pushinteger(L, pid);
	return 1;
}

static int l_wait(lua_State *L)
{
	pid_t pid = (pid_t)bu_checkrange(L, 1, 1, 0x7FFFFFFF);
	struct am_process_exit how;
	struct am_error error;

	switch (am_process_wait(pid, lua_toboolean(L, 2), &how, &error)) {
	case 1:
		push_exit(L, &how);
		return 1;
	case 0:
		lua_pushboolean(L, 0);
		return 1;
	default:
		return bu_fail(L, &error);
	}
}

static int l_kill(lua_State *L)
{
	lua_Integer pid = bu_checkrange(L, 1, -0x7FFFFFFF, 0x7FFFFFFF);
	const char *name = luaL_optstring(L, 2, "TERM");
	int number = strcmp(name, "0") == 0 ? 0 : am_signal_number(name);
	char subject[32];

	luaL_argcheck(L, pid != 0 && pid != -1, 1, "a process or a negative process group");
	luaL_argcheck(L, number >= 0, 2, "unknown signal name");
	snprintf(subject, sizeof subject, "process %ld", (long)pid);
	return done(L, kill((pid_t)pid, number), "kill", subject);
}

static int l_exec(lua_State *L)
{
	struct am_process process;
	struct am_error error;

	lua_settop(L, 2);
	if (!lua_isnil(L, 2)) { /* exec takes the variables themselves */
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, 2);
		lua_setfield(L, -2, "env");
		lua_replace(L, 2);
	}
	process = check_process(L);
	fflush(NULL);
	am_process_exec(&process, &error);
	return bu_fail(L, &error);
}

/* Facts of the process and the host */

static int l_getenv(lua_State *L)
{
	lua_pushstring(L, getenv(bu_checkcstr(L, 1))); /* nil for NULL */
	return 1;
}

static int l_setenv(lua_State *L)
{
	const char *name = bu_checkcstr(L, 1);
	const char *value = bu_optcstr(L, 2, NULL);

	return done(L, value != NULL ? setenv(name, value, 1) : unsetenv(name), "setenv", name);
}

static int l_getpid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

static int l_getuid(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)getuid());
	return 1;
}

static int l_hostname(lua_State *L)
{
	char name[256];

	if (gethostname(name, sizeof name) != 0)
		return fail_errno(L, errno, "hostname", "this host");
	name[sizeof name - 1] = '\0';
	lua_pushstring(L, name);
	return 1;
}

static int l_time(lua_State *L)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
	return 1;
}

static int l_clock(lua_State *L)
{
	lua_pushnumber(L, am_clock());
	return 1;
}

static int l_sleep(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	struct am_error error;

	luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds out of range");
	return done_error(L, am_sleep(seconds, &error), &error);
}

static int check_fd(lua_State *L, int arg, lua_Integer fallback)
{
	return (int)(lua_isnoneornil(L, arg) ? fallback : bu_checkrange(L, arg, 0, 1 << 20));
}

static int l_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty(check_fd(L, 1, 0)));
	return 1;
}

static int l_terminal_width(lua_State *L)
{
	int width = am_os_terminal_width(check_fd(L, 1, 1));

	if (width > 0)
		lua_pushinteger(L, width);
	else
		lua_pushnil(L);
	return 1;
}

static int l_umask(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		mode_t mask = umask(077);

		umask(mask);
		lua_pushinteger(L, (lua_Integer)mask);
	} else {
		lua_pushinteger(L, (lua_Integer)umask((mode_t)bu_checkrange(L, 1, 0, 0777)));
	}
	return 1;
}

static int l_exe_path(lua_State *L)
{
	struct am_error error;
	char path[4096];

	if (am_os_exe_path(path, sizeof path, &error) != 0)
		return bu_fail(L, &error);
	lua_pushstring(L, path);
	return 1;
}

static int l_sha256(lua_State *L)
{
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);
	char hex[65];

	am_sha256_hex(data, length, hex);
	lua_pushstring(L, hex);
	return 1;
}

/* sum of `sum -r` */
static int l_sum(lua_State *L)
{
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);

	lua_pushinteger(L, am_sum(0, data, length));
	return 1;
}

static int l_cksum(lua_State *L)
{
	size_t length;
	const char *data = luaL_checklstring(L, 1, &length);

	lua_pushinteger(L, (lua_Integer)am_cksum(data, length));
	lua_pushinteger(L, (lua_Integer)length);
	return 2;
}

static int l_cancelled(lua_State *L)
{
	lua_pushboolean(L, am_cancelled());
	return 1;
}

static int l_cancel_clear(lua_State *L)
{
	(void)L;
	am_cancel_clear();
	return 0;
}

int luaopen_altmig_sys(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"append_file", l_append_file},
		{"cancel_clear", l_cancel_clear},
		{"cancelled", l_cancelled},
		{"chmod", l_chmod},
		{"chown", l_chown},
		{"cksum", l_cksum},
		{"clock", l_clock},
		{"exe_path", l_exe_path},
		{"exec", l_exec},
		{"getenv", l_getenv},
		{"getpid", l_getpid},
		{"getuid", l_getuid},
		{"hostname", l_hostname},
		{"isatty", l_isatty},
		{"kill", l_kill},
		{"lchown", l_lchown},
		{"link", l_link},
		{"list", l_list},
		{"lock", l_lock},
		{"locked", l_locked},
		{"lstat", l_lstat},
		{"makedirs", l_makedirs},
		{"mkdir", l_mkdir},
		{"mknod", l_mknod},
		{"read_file", l_read_file},
		{"read_trusted", l_read_trusted},
		{"readlink", l_readlink},
		{"realpath", l_realpath},
		{"remove", l_remove},
		{"rename", l_rename},
		{"rmdir", l_rmdir},
		{"run", l_run},
		{"setenv", l_setenv},
		{"sha256", l_sha256},
		{"sleep", l_sleep},
		{"spawn", l_spawn},
		{"stat", l_stat},
		{"sum", l_sum},
		{"symlink", l_symlink},
		{"terminal_width", l_terminal_width},
		{"time", l_time},
		{"truncate", l_truncate},
		{"umask", l_umask},
		{"utime", l_utime},
		{"wait", l_wait},
		{"write_file", l_write_file},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
