/* SPDX-License-Identifier: MIT */
#include "host/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

/* A holder's text is one short line of JSON; more than this is not ours. */
#define LOCK_TEXT_MAX 4096

int am_file_read_open(
	int fd, const char *path, size_t max, struct am_buf *out, struct am_error *error)
{
	size_t total = 0;

	for (;;) {
		ssize_t n;

		if (am_buf_reserve(out, 65536, error) != 0)
			return -1;
		n = read(fd, out->data + out->length, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return am_fail_errno(error, errno, "read: %s", path);
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > max)
			return am_fail(error, "E2BIG", "read: %s: more than %zu bytes", path, max);
		out->length += (size_t)n;
	}
	out->data[out->length] = '\0';
	return 0;
}

int am_file_read(const char *path, size_t max, struct am_buf *out, struct am_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result;

	if (fd < 0)
		return am_fail_errno(error, errno, "read: %s", path);
	result = am_file_read_open(fd, path, max, out, error);
	close(fd);
	return result;
}

int am_write_all(int fd, const char *name, const void *data, size_t length, struct am_error *error)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return am_fail_errno(error, errno, "write: %s", name);
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int am_sync_parent(const char *path, struct am_error *error)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int fd, result = 0;

	if (slash == NULL)
		parent = strdup(".");
	else
		parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (parent == NULL)
		return am_fail_errno(error, ENOMEM, "sync: %s", path);
	fd = open(parent, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		result = am_fail_errno(error, errno, "sync: %s", parent);
	} else {
		/* EINVAL: a file system that keeps its directories durable by itself */
		if (fsync(fd) != 0 && errno != EINVAL)
			result = am_fail_errno(error, errno, "sync: %s", parent);
		close(fd);
	}
	free(parent);
	return result;
}

/* Content, mode and durability of the temporary; its descriptor is closed in any case. */
static int fill_temporary(int fd, const char *path, const void *data, size_t length, mode_t mode,
	struct am_error *error)
{
	int result = am_write_all(fd, path, data, length, error);

	if (result == 0 && fchmod(fd, mode) != 0)
		result = am_fail_errno(error, errno, "write: %s", path);
	if (result == 0 && fsync(fd) != 0)
		result = am_fail_errno(error, errno, "write: %s", path);
	if (close(fd) != 0 && result == 0)
		result = am_fail_errno(error, errno, "write: %s", path);
	return result;
}

int am_file_replace(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error)
{
	size_t size = strlen(path) + sizeof ".XXXXXX";
	char *temporary = malloc(size);
	int fd, result;

	if (temporary == NULL)
		return am_fail_errno(error, ENOMEM, "write: %s", path);
	snprintf(temporary, size, "%s.XXXXXX", path);
	fd = mkstemp(temporary);
	if (fd < 0) {
		result = am_fail_errno(error, errno, "write: %s", path);
		free(temporary);
		return result;
	}
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	result = fill_temporary(fd, path, data, length, mode, error);
	if (result == 0 && rename(temporary, path) != 0)
		result = am_fail_errno(error, errno, "write: %s", path);
	if (result != 0)
		unlink(temporary);
	free(temporary);
	return result != 0 ? result : am_sync_parent(path, error);
}

static int write_flags(const char *path, int flags, const void *data, size_t length, mode_t mode,
	struct am_error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
	int result;

	if (fd < 0)
		return am_fail_errno(error, errno, "write: %s", path);
	result = am_write_all(fd, path, data, length, error);
	if (close(fd) != 0 && result == 0)
		result = am_fail_errno(error, errno, "write: %s", path);
	return result;
}

int am_file_overwrite(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error)
{
	return write_flags(path, O_TRUNC, data, length, mode, error);
}

int am_file_append(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error)
{
	return write_flags(path, O_APPEND, data, length, mode, error);
}

static int make_directory(const char *path, mode_t mode, struct am_error *error)
{
	struct stat st;
	int reason;

	if (mkdir(path, mode) == 0)
		return 0;
	reason = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		reason = ENOTDIR;
	}
	return am_fail_errno(error, reason, "mkdir: %s", path);
}

int am_make_directories(const char *path, mode_t mode, struct am_error *error)
{
	char *copy = strdup(path);
	int result = 0;

	if (copy == NULL)
		return am_fail_errno(error, ENOMEM, "mkdir: %s", path);
	for (char *p = copy; result == 0 && *p != '\0'; p++) {
		if (*p != '/' || p == copy)
			continue;
		*p = '\0';
		result = make_directory(copy, mode, error);
		*p = '/';
	}
	free(copy);
	return result != 0 ? result : make_directory(path, mode, error);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rewrites the NUL-separated names in byte order. */
static int sort_names(struct am_buf *names, size_t count, struct am_error *error)
{
	const char **index;
	struct am_buf sorted = {0};
	const char *p = names->data;
	int result = 0;

	if (count < 2)
		return 0;
	index = malloc(count * sizeof *index);
	if (index == NULL)
		return am_fail_errno(error, ENOMEM, "list");
	for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
		index[i] = p;
	qsort(index, count, sizeof *index, compare_names);
	for (size_t i = 0; i < count && result == 0; i++)
		result = am_buf_add(&sorted, index[i], strlen(index[i]) + 1, error);
	free(index);
	if (result != 0) {
		am_buf_free(&sorted);
		return result;
	}
	am_buf_free(names);
	*names = sorted;
	return 0;
}

static int collect_names(DIR *directory, const char *path, struct am_buf *names, size_t *count,
	struct am_error *error)
{
	for (;;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(directory);
		if (entry == NULL)
			return errno == 0 ? 0 : am_fail_errno(error, errno, "list: %s", path);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (am_buf_add(names, entry->d_name, strlen(entry->d_name) + 1, error) != 0)
			return -1;
		++*count;
	}
}

int am_list_directory(const char *path, struct am_buf *names, size_t *count, struct am_error *error)
{
	DIR *directory = opendir(path);
	int result;

	*count = 0;
	if (directory == NULL)
		return am_fail_errno(error, errno, "list: %s", path);
	result = collect_names(directory, path, names, count, error);
	closedir(directory);
	return result != 0 ? result : sort_names(names, *count, error);
}

int am_lock_take(const char *path, const char *text, size_t length, struct am_buf *holder,
	struct am_error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return am_fail_errno(error, errno, "lock: %s", path);
	if (am_os_lock(fd) != 0) {
		int reason = errno;

		if (reason == EAGAIN || reason == EACCES) {
			struct am_error ignored;

			(void)am_file_read_open(fd, path, LOCK_TEXT_MAX, holder, &ignored);
			am_fail(error, "LOCKED", "lock: %s: held by %s", path,
				holder->length > 0 ? holder->data : "another process");
		} else {
			am_fail_errno(error, reason, "lock: %s", path);
		}
		close(fd);
		return -1;
	}
	if (ftruncate(fd, 0) != 0) {
		am_fail_errno(error, errno, "lock: %s", path);
		close(fd);
		return -1;
	}
	if (am_write_all(fd, path, text, length, error) != 0) {
		close(fd);
		return -1;
	}
	(void)fsync(fd); /* the text is for people; the lock itself does not depend on it */
	return fd;
}

void am_lock_release(int fd)
{
	/* Emptied, not removed: who opened it meanwhile would lock a file without a name. */
	if (ftruncate(fd, 0) != 0)
		errno = 0;
	close(fd);
}

int am_lock_query(const char *path, struct am_buf *holder, struct am_error *error)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int result;

	if (fd < 0)
		return errno == ENOENT ? 0 : am_fail_errno(error, errno, "lock: %s", path);
	result = am_os_lock_test(fd);
	if (result < 0)
		am_fail_errno(error, errno, "lock: %s", path);
	else if (result > 0 && am_file_read_open(fd, path, LOCK_TEXT_MAX, holder, error) != 0)
		result = -1;
	close(fd);
	return result;
}
