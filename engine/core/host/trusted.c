/* SPDX-License-Identifier: MIT */
#include "host/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/files.h"
#include "base/os.h"

enum { LINKS_MAX = 40, WAY_MAX = 4096 };

/* Where the walk is: the open directory, its path for messages, and what is still to go. */
struct walk {
	const char *path; /* as it was given */
	int dir;
	int links;
	char at[WAY_MAX]; /* "" at the root */
	char rest[2 * WAY_MAX];
};

static int fail_here(const struct walk *w, int errnum, struct am_error *error)
{
	return am_fail_errno(error, errnum, "read: %.600s", w->path);
}

static int is_ours(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

static int refuse(const struct walk *w, const char *what, const char *place, const char *why,
	struct am_error *error)
{
	if (strcmp(place, w->path) == 0 && strcmp(what, "the file") == 0)
		return am_fail(error, "UNTRUSTED", "%.400s: %s", w->path, why);
	return am_fail(error, "UNTRUSTED", "%.300s: %s %.300s: %s", w->path, what,
		place[0] != '\0' ? place : "/", why);
}

static int check_owner(const struct walk *w, const char *what, const char *place,
	const struct stat *st, struct am_error *error)
{
	char why[120];

	if (is_ours(st))
		return 0;
	snprintf(why, sizeof why, "belongs to user %lu, who is neither root nor who runs this",
		(unsigned long)st->st_uid);
	return refuse(w, what, place, why, error);
}

static int check(const struct walk *w, const char *what, const char *place, const struct stat *st,
	struct am_error *error)
{
	char why[120];
	int writable = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;

	if (check_owner(w, what, place, st, error) != 0)
		return -1;
	if (!writable || (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
		return 0;
	snprintf(why, sizeof why, "writable by group or others (mode %04o)",
		(unsigned)(st->st_mode & 07777));
	return refuse(w, what, place, why, error);
}

/* Goes on in the directory `fd`, which is closed with the walk. */
static int enter(struct walk *w, int fd, struct am_error *error)
{
	struct stat st;

	if (fd < 0)
		return fail_here(w, errno, error);
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	if (fstat(fd, &st) != 0)
		return fail_here(w, errno, error);
	return check(w, "the directory", w->at, &st, error);
}

static int go_to_root(struct walk *w, struct am_error *error)
{
	w->at[0] = '\0';
	return enter(w, am_os_open_directory(AT_FDCWD, "/"), error);
}

/* Takes the next component off the rest. 1, 0 at the end, -1 when it is too long. */
static int next_name(struct walk *w, char name[NAME_MAX + 1], struct am_error *error)
{
	const char *start = w->rest + strspn(w->rest, "/");
	size_t length = strcspn(start, "/");

	if (length == 0)
		return 0;
	if (length > NAME_MAX)
		return fail_here(w, ENAMETOOLONG, error);
	memcpy(name, start, length);
	name[length] = '\0';
	memmove(w->rest, start + length, strlen(start + length) + 1);
	return 1;
}

static int go_up(struct walk *w, struct am_error *error)
{
	char *slash = strrchr(w->at, '/');

	if (slash == NULL)
		return 0; /* ".." of the root is the root */
	*slash = '\0';
	return enter(w, am_os_open_directory(w->dir, ".."), error);
}

/* The target of the link `name` takes its place in the rest. */
static int follow(struct walk *w, const char *name, struct am_error *error)
{
	char target[WAY_MAX];
	size_t rest = strlen(w->rest);
	ssize_t length;

	if (++w->links > LINKS_MAX)
		return fail_here(w, ELOOP, error);
	length = readlinkat(w->dir, name, target, sizeof target);
	if (length < 0)
		return fail_here(w, errno, error);
	if (length == 0)
		return fail_here(w, ENOENT, error);
	if ((size_t)length >= sizeof target || (size_t)length + rest + 1 > sizeof w->rest)
		return fail_here(w, ENAMETOOLONG, error);
	memmove(w->rest + length, w->rest, rest + 1); /* the rest is empty or begins with a slash */
	memcpy(w->rest, target, (size_t)length);
	return target[0] == '/' ? go_to_root(w, error) : 0;
}

static int read_file(struct walk *w, const char *name, const char *place, size_t max,
	struct am_buf *out, struct am_error *error)
{
	int fd = openat(w->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return fail_here(w, errno, error);
	if (fstat(fd, &st) != 0)
		r = fail_here(w, errno, error);
	else if (!S_ISREG(st.st_mode))
		r = am_fail(error, "EINVAL", "read: %.600s: not a regular file", w->path);
	else
		r = check(w, "the file", place, &st, error);
	if (r == 0)
		r = am_file_read_open(fd, w->path, max, out, error);
	close(fd);
	return r;
}

/* One component. 1: the file was read, 0: go on, -1. */
static int step(
	struct walk *w, const char *name, size_t max, struct am_buf *out, struct am_error *error)
{
	char place[WAY_MAX];
	struct stat st;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return go_up(w, error);
	if (strlen(w->at) + strlen(name) + 2 > sizeof place)
		return fail_here(w, ENAMETOOLONG, error);
	snprintf(place, sizeof place, "%s/%s", w->at, name);
	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail_here(w, errno, error);
	if (S_ISLNK(st.st_mode)) {
		if (check_owner(w, "the link", place, &st, error) != 0)
			return -1;
		return follow(w, name, error);
	}
	if (w->rest[0] == '\0')
		return read_file(w, name, place, max, out, error) == 0 ? 1 : -1;
	memcpy(w->at, place, strlen(place) + 1);
	return enter(w, am_os_open_directory(w->dir, name), error);
}

static int start(struct walk *w, struct am_error *error)
{
	size_t length = 0;

	if (w->path[0] == '\0')
		return fail_here(w, ENOENT, error);
	if (w->path[0] != '/') {
		if (getcwd(w->rest, WAY_MAX) == NULL)
			return fail_here(w, errno, error);
		length = strlen(w->rest);
		w->rest[length++] = '/';
	}
	if (strlen(w->path) >= WAY_MAX)
		return fail_here(w, ENAMETOOLONG, error);
	memcpy(w->rest + length, w->path, strlen(w->path) + 1);
	return go_to_root(w, error);
}

int am_trusted_read(const char *path, size_t max, struct am_buf *out, struct am_error *error)
{
	char name[NAME_MAX + 1];
	struct walk *w = calloc(1, sizeof *w);
	int r;

	if (w == NULL)
		return am_fail_errno(error, ENOMEM, "read: %.600s", path);
	w->path = path;
	w->dir = -1;
	r = start(w, error);
	while (r == 0) {
		r = next_name(w, name, error);
		if (r == 0)
			r = fail_here(w, EISDIR, error); /* the path ends in a directory */
		else if (r == 1)
			r = step(w, name, max, out, error);
	}
	if (w->dir >= 0)
		close(w->dir);
	free(w);
	return r == 1 ? 0 : -1;
}
