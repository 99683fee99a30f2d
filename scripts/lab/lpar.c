/* SPDX-License-Identifier: MIT */
#include "lpar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "bindutil.h"

#define OUTSIDE "/proc/1/root" /* PID 1 of an LPAR is not chrooted */

static int fail_errno(lua_State *L, int errnum, const char *what, const char *subject)
{
	struct am_error error;

	am_fail_errno(&error, errnum, "%s: %s", what, subject);
	return bu_fail(L, &error);
}

static int done(lua_State *L, int result, const char *what, const char *subject)
{
	if (result != 0)
		return fail_errno(L, errno, what, subject);
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- mounts ---- */

static const struct {
	const char *name;
	unsigned long flag;
	uint64_t attribute; /* of mount_setattr; 0: cannot be set on a mount alone */
} mount_flags[] = {
	{"bind", MS_BIND, 0},
	{"move", MS_MOVE, 0},
	{"noatime", MS_NOATIME, MOUNT_ATTR_NOATIME},
	{"nodev", MS_NODEV, MOUNT_ATTR_NODEV},
	{"noexec", MS_NOEXEC, MOUNT_ATTR_NOEXEC},
	{"nosuid", MS_NOSUID, MOUNT_ATTR_NOSUID},
	{"private", MS_PRIVATE, 0},
	{"rec", MS_REC, 0},
	{"remount", MS_REMOUNT, 0},
	{"ro", MS_RDONLY, MOUNT_ATTR_RDONLY},
};

/* A comma list of names; "rw" and "" stand for nothing. Raises for a name not known. */
static unsigned long check_mount_flags(lua_State *L, int arg, uint64_t *attributes)
{
	const char *word = luaL_optstring(L, arg, "");
	unsigned long flags = 0;

	*attributes = 0;
	while (*word != '\0') {
		size_t n = strcspn(word, ","), i = 0;
		size_t count = sizeof mount_flags / sizeof mount_flags[0];

		while (i < count && (strlen(mount_flags[i].name) != n ||
					    strncmp(mount_flags[i].name, word, n) != 0))
			i++;
		if (i < count) {
			flags |= mount_flags[i].flag;
			*attributes |= mount_flags[i].attribute;
		} else if (!(n == 2 && strncmp(word, "rw", 2) == 0)) {
			luaL_argerror(L, arg, lua_pushfstring(L, "unknown mount flag '%s'", word));
		}
		word += n + (word[n] == ',');
	}
	return flags;
}

/* lpar.mount(source|nil, target, fstype|nil[, "ro,nodev,..."[, data]]) */
static int l_mount(lua_State *L)
{
	const char *source = bu_optcstr(L, 1, NULL);
	const char *target = bu_checkcstr(L, 2);
	const char *type = bu_optcstr(L, 3, NULL);
	uint64_t attributes;
	unsigned long flags = check_mount_flags(L, 4, &attributes);
	const char *data = bu_optcstr(L, 5, NULL);

	return done(L, mount(source, target, type, flags, data), "mount", target);
}

/* lpar.umount(target[, {force=, lazy=}]) */
static int l_umount(lua_State *L)
{
	const char *target = bu_checkcstr(L, 1);
	int flags = UMOUNT_NOFOLLOW;

	if (!lua_isnoneornil(L, 2)) {
		if (bu_fieldbool(L, 2, "force", 0))
			flags |= MNT_FORCE;
		if (bu_fieldbool(L, 2, "lazy", 0))
			flags |= MNT_DETACH;
	}
	return done(L, umount2(target, flags), "umount", target);
}

/* ---- processes and namespaces ---- */

static const struct {
	const char *name;
	int flag;
} namespaces[] = {
	{"mnt", CLONE_NEWNS}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS}};

enum { NAMESPACES = sizeof namespaces / sizeof namespaces[0] };

static int check_namespaces(lua_State *L, const char *list)
{
	int flags = 0;

	while (*list != '\0') {
		size_t n = strcspn(list, ","), i = 0;

		while (i < NAMESPACES && (strlen(namespaces[i].name) != n ||
						 strncmp(namespaces[i].name, list, n) != 0))
			i++;
		if (i == NAMESPACES)
			luaL_error(L, "unknown namespace in '%s'", list);
		flags |= namespaces[i].flag;
		list += n + (list[n] == ',');
	}
	return flags;
}

/* lpar.unshare("mnt[,net,uts]"): new namespaces for this process; its mounts become private. */
static int l_unshare(lua_State *L)
{
	int flags = check_namespaces(L, bu_checkcstr(L, 1));
	int result = unshare(flags);

	if (result == 0 && (flags & CLONE_NEWNS) != 0)
		result = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return done(L, result, "unshare", lua_tostring(L, 1));
}

/* After clone, in the child: only async-signal-safe calls. */
static void start_child(const char **argv, const char **envp, int output, int flags)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if ((flags & CLONE_NEWNS) != 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(output < 0 ? null : output, 1) < 0 ||
		dup2(output < 0 ? null : output, 2) < 0)
		_exit(126);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	_exit(127);
}

/*
 * lpar.spawn{argv={"/path", ...}, env={"K=V", ...}, namespaces="mnt,net,pid,uts", output=path}
 * -> pid. A program in a session of its own, PID 1 of its PID namespace if it gets one. The
 * environment is exactly env; output is appended to the file.
 */
static int l_spawn(lua_State *L)
{
	const char **argv, **envp, *output;
	int flags, fd = -1;
	long pid;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	flags = check_namespaces(L, bu_fieldstr(L, 1, "namespaces", ""));
	output = bu_fieldstr(L, 1, "output", NULL);
	lua_getfield(L, 1, "argv");
	argv = bu_checkargv(L, 2, NULL);
	if (lua_getfield(L, 1, "env") == LUA_TNIL) {
		lua_pop(L, 1);
		lua_newtable(L);
	}
	envp = bu_checkargv(L, lua_gettop(L), NULL);
	if (argv[0] == NULL)
		return luaL_error(L, "spawn: argv is empty");
	if (output != NULL) {
		fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			return fail_errno(L, errno, "open", output);
	}
	pid = syscall(SYS_clone, (unsigned long)flags | SIGCHLD, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		start_child(argv, envp, fd, flags);
	if (pid < 0) {
		int errnum = errno;

		if (fd >= 0)
			close(fd);
		return fail_errno(L, errnum, "clone", argv[0]);
	}
	if (fd >= 0)
		close(fd);
	lua_pushinteger(L, (lua_Integer)pid);
	return 1;
}

/* lpar.reap() -> pid, status|nil, signal|nil of a child that ended, or nothing. */
static int l_reap(lua_State *L)
{
	int how;
	pid_t pid = waitpid(-1, &how, WNOHANG);

	if (pid <= 0)
		return 0;
	lua_pushinteger(L, pid);
	if (WIFEXITED(how)) {
		lua_pushinteger(L, WEXITSTATUS(how));
		lua_pushnil(L);
	} else {
		lua_pushnil(L);
		lua_pushinteger(L, WTERMSIG(how));
	}
	return 3;
}

static const struct {
	const char *name;
	int number;
} signal_names[] = {{"CHLD", SIGCHLD}, {"HUP", SIGHUP}, {"INT", SIGINT}, {"KILL", SIGKILL},
	{"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"TERM", SIGTERM}, {"USR1", SIGUSR1},
	{"USR2", SIGUSR2}};

enum { SIGNALS = sizeof signal_names / sizeof signal_names[0] };

static void event_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

/*
 * lpar.wait_event(seconds) -> "CHLD", "HUP", "INT", "TERM", "USR1", "USR2", or nil after the time.
 * From the first call on these signals are held for it: a PID 1 gets a signal only when it is
 * blocked or handled.
 */
static int l_wait_event(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	struct timespec limit;
	sigset_t set;
	int number;

	luaL_argcheck(L, seconds >= 0 && seconds < 1e6, 1, "out of range");
	limit.tv_sec = (time_t)seconds;
	limit.tv_nsec = (long)((seconds - (lua_Number)limit.tv_sec) * 1e9);
	event_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	number = sigtimedwait(&set, NULL, &limit);
	for (int i = 0; i < SIGNALS; i++) {
		if (signal_names[i].number == number) {
			lua_pushstring(L, signal_names[i].name);
			return 1;
		}
	}
	lua_pushnil(L);
	return 1;
}

/* lpar.kill(pid, "TERM"); -1 is every process of the PID namespace but PID 1 and the caller. */
static int l_kill(lua_State *L)
{
	lua_Integer pid = bu_checkrange(L, 1, -1, INT32_MAX);
	const char *name = bu_checkcstr(L, 2);

	for (int i = 0; i < SIGNALS; i++)
		if (strcmp(signal_names[i].name, name) == 0)
			return done(L, kill((pid_t)pid, signal_names[i].number), "kill", name);
	return luaL_argerror(L, 2, "unknown signal");
}

static int l_sethostname(lua_State *L)
{
	const char *name = bu_checkcstr(L, 1);

	return done(L, sethostname(name, strlen(name)), "sethostname", name);
}

static int l_chroot(lua_State *L)
{
	const char *root = bu_checkcstr(L, 1);
	int result = chroot(root);

	if (result == 0)
		result = chdir("/");
	return done(L, result, "chroot", root);
}

/* set_attribute(path, name, value): an extended attribute; links are not followed. */
static int l_set_attribute(lua_State *L)
{
	const char *path = bu_checkcstr(L, 1), *name = bu_checkcstr(L, 2);
	size_t length;
	const char *value = luaL_checklstring(L, 3, &length);

	return done(L, lsetxattr(path, name, value, length, 0), "set_attribute", path);
}

/* attribute(path, name) -> value; nil when there is none */
static int l_attribute(lua_State *L)
{
	static char value[65536];
	const char *path = bu_checkcstr(L, 1), *name = bu_checkcstr(L, 2);
	ssize_t n = lgetxattr(path, name, value, sizeof value);

	if (n < 0)
		return fail_errno(L, errno, "attribute", path);
	lua_pushlstring(L, value, (size_t)n);
	return 1;
}

/*
 * open_for_writing(path): whether some process has the file open for writing, so that Linux would
 * refuse to run it (ETXTBSY). A read lease is granted only on a file nobody writes.
 */
static int l_open_for_writing(lua_State *L)
{
	int fd = open(bu_checkcstr(L, 1), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int busy = 0;

	if (fd >= 0) {
		busy = fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
		close(fd);
	}
	lua_pushboolean(L, busy);
	return 1;
}

/* ---- NFS ---- */

/* Whether `dir` is `path` or a parent of it, in the same file system. */
static int holds_path(const char *dir, const char *path, dev_t device)
{
	size_t length = strlen(dir);
	struct stat st;

	while (length > 0 && dir[length - 1] == '/')
		length--;
	if (strncmp(dir, path, length) != 0 || (path[length] != '\0' && path[length] != '/'))
		return 0;
	return stat(dir, &st) == 0 && st.st_dev == device;
}

/*
 * Whether the server exports the file system that has `path`. The server program of this world
 * would hand out what is mounted below an export too; a mount daemon of AIX refuses that.
 */
static int is_exported(const char *path)
{
	FILE *table = fopen("/etc/xtab", "re");
	char line[4096];
	struct stat st;
	int found = 0;

	if (table == NULL)
		return 0;
	if (stat(path, &st) == 0) {
		while (!found && fgets(line, sizeof line, table) != NULL) {
			line[strcspn(line, " \t\n")] = '\0';
			found = line[0] == '/' && holds_path(line, path, st.st_dev);
		}
	}
	fclose(table);
	return found;
}

/* Child: becomes a thread of the server's world, and sends a copy of the mount at `path`. */
static int fetch_mount(const char *namespace_path, const char *root, const char *path)
{
	int fd;

	if (chroot(OUTSIDE) != 0 || chdir("/") != 0)
		return -1;
	fd = open(namespace_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS) != 0)
		return -1;
	close(fd);
	if (chroot(root) != 0 || chdir("/") != 0)
		return -1;
	if (!is_exported(path)) {
		errno = EACCES;
		return -1;
	}
	return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

/* Sends a descriptor, or errno when there is none. */
static void send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	int errnum = fd < 0 ? errno : 0;
	struct iovec io = {&errnum, sizeof errnum};
	struct msghdr message;

	memset(&message, 0, sizeof message);
	memset(control, 0, sizeof control);
	message.msg_iov = &io;
	message.msg_iovlen = 1;
	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = sizeof control;
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
	}
	(void)!sendmsg(to, &message, 0);
}

/* The descriptor, or -1 with errno. */
static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))];
	int errnum = 0, fd = -1;
	struct iovec io = {&errnum, sizeof errnum};
	struct msghdr message;
	struct cmsghdr *header;

	memset(&message, 0, sizeof message);
	message.msg_iov = &io;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof control;
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof errnum) {
		errno = EIO;
		return -1;
	}
	header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof fd);
	else
		errno = errnum != 0 ? errnum : EIO;
	return fd;
}

/*
 * In a child, enters the mount namespace named by
 * nspath (seen from outside), goes into root there and opens a detached copy of the mount at
 * path. Returns the descriptor or -1 with errno.
 */
static int clone_mount(const char *namespace_path, const char *root, const char *path)
{
	int pair[2], fd, errnum, how;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		send_fd(pair[1], fetch_mount(namespace_path, root, path));
		_exit(0);
	}
	errnum = errno;
	close(pair[1]);
	fd = -1;
	if (pid > 0) {
		fd = receive_fd(pair[0]);
		errnum = errno;
		while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
			;
	}
	close(pair[0]);
	errno = errnum;
	return fd;
}

/* lpar.mountd("10.77.0.2", path) -> true, or nil, message, code: does the server export the path to
 * this host? */
static int l_mountd(lua_State *L)
{
	const char *host = bu_checkcstr(L, 1), *path = bu_checkcstr(L, 2);
	const char *code = "EIO";
	struct in_addr address;
	struct am_error error;
	char why[200];

	if (inet_pton(AF_INET, host, &address) != 1)
		return luaL_argerror(L, 1, "not an IPv4 address");
	if (lab_mountd_ask(address.s_addr, path, why, sizeof why, &code) != 0) {
		am_fail(&error, code, "mount: %s:%s: %s", host, path, why);
		return bu_fail(L, &error);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* Writes one file at once. Returns 0, or -1 with errno. */
static int write_whole(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), errnum;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	errnum = n < 0 ? errno : EIO;
	close(fd);
	errno = errnum;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/*
 * A user namespace as a mount wants it whose server takes root for nobody (65534): files
 * belong to nobody whom anybody here is, so that root is let in by what others may, and what root
 * makes is nobody's. Returns a descriptor or -1 with errno.
 */
static int squashing_namespace(void)
{
	static const char map[] = "65534 0 1\n";
	int ready[2], hold[2], fd = -1, errnum, how;
	char path[64], byte = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return -1;
	if (pipe2(hold, O_CLOEXEC) != 0) {
		errnum = errno;
		close(ready[0]);
		close(ready[1]);
		errno = errnum;
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		/* No user namespace is made below a changed root. */
		if (chroot(OUTSIDE) == 0 && chdir("/") == 0 && unshare(CLONE_NEWUSER) == 0)
			(void)!write(ready[1], "+", 1);
		else
			(void)!write(ready[1], "-", 1);
		(void)!read(hold[0], &byte, 1);
		_exit(0);
	}
	errnum = errno;
	close(ready[1]);
	close(hold[0]);
	if (pid > 0) {
		errnum = EPERM;
		if (read(ready[0], &byte, 1) == 1 && byte == '+') {
			int ok;

			snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
			ok = write_whole(path, map) == 0;
			snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
			ok = ok && write_whole(path, map) == 0;
			snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
			if (ok)
				fd = open(path, O_RDONLY | O_CLOEXEC);
			errnum = errno;
		}
	}
	close(hold[1]);
	close(ready[0]);
	while (pid > 0 && waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	errno = errnum;
	return fd;
}

/*
 * lpar.attach(nspath, root, path, target[, "ro,nodev"[, squash]]): puts what another mount
 * namespace has at root/path on target here: that mount alone, not what is mounted below it; with
 * squash as a server gives it to a host whose root is nobody to it.
 */
static int l_attach(lua_State *L)
{
	const char *namespace_path = bu_checkcstr(L, 1), *root = bu_checkcstr(L, 2);
	const char *path = bu_checkcstr(L, 3), *target = bu_checkcstr(L, 4);
	struct mount_attr attributes;
	uint64_t set;
	int fd, result;

	check_mount_flags(L, 5, &set);
	fd = clone_mount(namespace_path, root, path);
	if (fd < 0)
		return fail_errno(L, errno, "attach", path);
	memset(&attributes, 0, sizeof attributes);
	attributes.attr_set = set;
	result = 0;
	if (lua_toboolean(L, 6)) {
		int namespace = squashing_namespace();

		if (namespace < 0)
			result = -1;
		attributes.attr_set |= MOUNT_ATTR_IDMAP;
		attributes.userns_fd = namespace < 0 ? 0 : (uint64_t) namespace;
	}
	if (result == 0 && attributes.attr_set != 0)
		result = mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
	if ((attributes.attr_set & MOUNT_ATTR_IDMAP) != 0 && attributes.userns_fd != 0) {
		int errnum = errno;

		close((int)attributes.userns_fd);
		errno = errnum;
	}
	if (result == 0)
		result = move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
	if (result != 0) {
		int errnum = errno;

		close(fd);
		return fail_errno(L, errnum, "attach", target);
	}
	close(fd);
	lua_pushboolean(L, 1);
	return 1;
}

int luaopen_lpar_core(lua_State *L)
{
	static const luaL_Reg functions[] = {{"attach", l_attach}, {"chroot", l_chroot},
		{"attribute", l_attribute}, {"kill", l_kill}, {"mount", l_mount},
		{"mountd", l_mountd}, {"open_for_writing", l_open_for_writing}, {"reap", l_reap},
		{"set_attribute", l_set_attribute}, {"sethostname", l_sethostname},
		{"spawn", l_spawn}, {"umount", l_umount}, {"unshare", l_unshare},
		{"wait_event", l_wait_event}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
