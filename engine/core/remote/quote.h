/* SPDX-License-Identifier: MIT */
/*
 * A command as a list of words becomes one POSIX sh command line. This is the one place where words
 * are quoted; everything that is sent to a shell of another host comes from here.
 */
#ifndef ALTMIG_REMOTE_QUOTE_H
#define ALTMIG_REMOTE_QUOTE_H

#include "base/buf.h"
#include "base/error.h"

struct am_exec_options {
	const char *chroot; /* absolute directory, or NULL */
	const char *cwd;    /* absolute directory (below chroot if that is set), or NULL */
	const char *const
		*env; /* "NAME=value" words ending in NULL, or NULL; added, not replaced */
	int replace;  /* exec: the shell becomes the command, so signals to it reach the command */
};

/*
 * Adds `word` to `out` so that sh reads it back as exactly one word. Every byte but NUL can be in
 * it; words that need no quoting stay as they are, so that logs are readable.
 */
int am_exec_quote(struct am_buf *out, const char *word, struct am_error *error);

/*
 * Adds the command line of `argv` (at least one word, ending in NULL): "cd CWD && env NAME=value
 * /usr/sbin/chroot DIR word ...". `options` may be NULL. Fails with EINVAL for an empty list, a
 * directory that is not absolute, or a variable name that sh would not take.
 */
int am_exec_command(struct am_buf *out, const char *const *argv,
	const struct am_exec_options *options, struct am_error *error);

#endif
