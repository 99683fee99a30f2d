/* SPDX-License-Identifier: MIT */
/*
 * Files that are run as code, or decide what is run: they are read only if nobody but root and the
 * user of this process can have written them.
 */
#ifndef ALTMIG_HOST_TRUSTED_H
#define ALTMIG_HOST_TRUSTED_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends the content of a regular file of at most `max` bytes (E2BIG) to `out`. "UNTRUSTED", with
 * what is wrong and where, unless the file belongs to root or the effective user and neither group
 * nor others can write it, and the same holds for every directory from the root down, where one
 * that others can write does if it is sticky (as /tmp is). Symbolic links are followed, those in
 * sticky directories included, if they belong to root or the effective user; what they lead through
 * is held to the same. Every step is taken from the directory that was looked at, and what is read
 * is the open file that was looked at: nothing that is put in its place meanwhile is.
 */
int am_trusted_read(const char *path, size_t max, struct am_buf *out, struct am_error *error);

#endif
