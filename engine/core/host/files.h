/* SPDX-License-Identifier: MIT */
/*
 * Files of the host the engine runs on: whole-file reads and writes, directories, the lock file.
 */
#ifndef ALTMIG_HOST_FILES_H
#define ALTMIG_HOST_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/* Appends the content to `out`. A file of more than `max` bytes is E2BIG, never cut short. */
int am_file_read(const char *path, size_t max, struct am_buf *out, struct am_error *error);

/* The same of a file that is open; `path` is for messages. */
int am_file_read_open(
	int fd, const char *path, size_t max, struct am_buf *out, struct am_error *error);

/*
 * Replaces the file in one step: a temporary in the same directory, fsync, rename, fsync of the
 * directory. A symbolic link at `path` is replaced, not followed. `mode` is set as given (the
 * umask does not cut it). On failure the old file is untouched and the temporary is gone.
 */
int am_file_replace(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error);

/* Writes through the existing inode (devices, files that others hold open); `mode` if created. */
int am_file_overwrite(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error);

/* Appends by one write call where the system allows, creating the file with `mode`. */
int am_file_append(
	const char *path, const void *data, size_t length, mode_t mode, struct am_error *error);

/* Creates the directory and those above it; an existing directory is fine. */
int am_make_directories(const char *path, mode_t mode, struct am_error *error);

/* Makes the names in the directory that holds `path` durable. */
int am_sync_parent(const char *path, struct am_error *error);

/* All of `length` bytes, however many write calls that takes. `name` is for the message. */
int am_write_all(int fd, const char *name, const void *data, size_t length, struct am_error *error);

/* The names of a directory without "." and "..", in byte order, each with its NUL, in `names`. */
int am_list_directory(
	const char *path, struct am_buf *names, size_t *count, struct am_error *error);

/*
 * The lock file: an exclusive lock the system drops when the process ends, and a text that says
 * who holds it. The file stays; its text counts only while the lock is held.
 *
 * Returns the descriptor, or -1: code "LOCKED" with the holder's text in `holder` when somebody
 * else has it, any other code for trouble with the file.
 */
int am_lock_take(const char *path, const char *text, size_t length, struct am_buf *holder,
	struct am_error *error);
/* Empties the file and drops the lock; `fd` is closed. */
void am_lock_release(int fd);
/* 1 and the holder's text when locked, 0 when free or without file, -1 on failure. */
int am_lock_query(const char *path, struct am_buf *holder, struct am_error *error);

#endif
