/* SPDX-License-Identifier: MIT */
/*
 * What is run on another host, as words, becomes what is sent there. This is the one place where
 * words are quoted and commands are composed; everything that a shell of another host gets comes
 * from here.
 *
 * The login shell may be csh, tcsh, ksh88, ksh93 or bash, so it only ever sees one plain line,
 * "exec env NAME=value ... word word": printable ASCII, each word bare or in single quotes, and
 * none with a quote, a backslash, "!" (history of csh, even in quotes) or a newline, or longer than
 * what csh takes as a word. Whatever is not of that kind goes by standard input to "sh -s", a POSIX
 * shell: scripts, and commands with other words.
 *
 * Standard input of such a script. The text is one compound command, "{ ...; exit; }". A shell has
 * to read all of it before it runs any, so that a connection that is lost half-way runs nothing,
 * and after "exit" it reads no further. Data for the commands of the script must not come behind
 * the text at once: POSIX wants a shell to read its script byte by byte from a pipe, but dash,
 * busybox and mksh read blocks, and what they read too much is gone. So the first thing that the
 * script does is to print AM_EXEC_READY: the shell has taken the text then, and nothing else was
 * there to be taken. Only then the data is sent (ssh_channel.c). The probe at connecting tries this
 * on every host.
 *
 * The environment of everything that is sent: AM_EXEC_ENVIRONMENT, and PATH. ODMDIR since a login
 * may have another one, which misleads all commands of LVM and devices; ENV since ksh88 reads the
 * file it names even in scripts; LC_ALL since answers are read.
 */
#ifndef ALTMIG_REMOTE_QUOTE_H
#define ALTMIG_REMOTE_QUOTE_H

#include "base/buf.h"
#include "base/error.h"

/* Where AIX keeps its commands: a session without a login may have less. */
#define AM_EXEC_PATH "/usr/bin:/etc:/usr/sbin:/usr/ucb:/sbin"

/* What else every command gets, unless its own environment says otherwise; ends in NULL. */
#define AM_EXEC_ENVIRONMENT "ENV=", "LC_ALL=C", "ODMDIR=/etc/objrepos", NULL

/* The first line that a script prints: it has been read to its end. */
#define AM_EXEC_READY "altmig-ready\n"

struct am_exec_options {
	const char *chroot; /* absolute directory, or NULL */
	const char *cwd;    /* absolute directory (below chroot if that is set), or NULL */
	const char *const
		*env; /* "NAME=value" words ending in NULL, or NULL; added, not replaced */
	const char *const *unset; /* names that are taken out of the environment, or NULL */
	int bare;    /* nothing but `env` is set: what the login has is left as it is */
	int replace; /* exec: the shell becomes the command, so signals to it reach the command */
};

/* What is run: a program and its arguments, or a text for sh. */
struct am_exec {
	const char *const *argv; /* ends in NULL; with a script: its arguments, $1 and so on */
	const char *script;      /* POSIX sh, or NULL */
	const char *path;        /* PATH; NULL: AM_EXEC_PATH */
	struct am_exec_options options; /* replace is of no meaning */
};

/*
 * Adds `word` to `out` so that sh reads it back as exactly one word. Every byte but NUL can be in
 * it; words that need no quoting stay as they are, so that logs are readable.
 */
int am_exec_quote(struct am_buf *out, const char *word, struct am_error *error);

/*
 * Adds the command line of `argv` (at least one word, ending in NULL) for a POSIX sh: "cd CWD &&
 * env NAME=value /usr/sbin/chroot DIR word ...". `options` may be NULL. Fails with EINVAL for an
 * empty list, a directory that is not absolute, or a variable name that sh would not take.
 */
int am_exec_command(struct am_buf *out, const char *const *argv,
	const struct am_exec_options *options, struct am_error *error);

/*
 * The whole environment of what is run: a vector of "NAME=value" words to be freed, one of which is
 * in `path`. NULL on failure.
 */
const char **am_exec_environment(
	const struct am_exec *exec, struct am_buf *path, struct am_error *error);

/*
 * Composes what is sent: the line for the login shell, and the script for the standard input of the
 * "sh -s" in it, before any data; nothing is added to `script` where the line is all. Fails as
 * am_exec_command, and with E2BIG for a program's words that no system takes.
 */
int am_exec_compose(const struct am_exec *exec, struct am_buf *line, struct am_buf *script,
	struct am_error *error);

/*
 * Composes the same for a file which sh is to run, never a login shell: the text of the file, and
 * what is at the beginning of its standard input. A script that has data as well (`data`) is in the
 * text.
 */
int am_exec_compose_file(const struct am_exec *exec, int data, struct am_buf *text,
	struct am_buf *input, struct am_error *error);

#endif
