/* SPDX-License-Identifier: MIT */
#include "remote/quote.h"

#include <stddef.h>
#include <string.h>

#define SAFE_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+:,./-"

/* As the first word these are grammar, not names of programs, unless they are quoted. */
static const char *const reserved[] = {"if", "then", "else", "elif", "fi", "do", "done", "case",
	"esac", "while", "until", "for", "in", "function", "select", "time", NULL};

static int is_reserved(const char *word)
{
	for (size_t i = 0; reserved[i] != NULL; i++) {
		if (strcmp(word, reserved[i]) == 0)
			return 1;
	}
	return 0;
}

/* `safe`: the bytes that need no quoting at this place. */
static int add_word(struct am_buf *out, const char *word, const char *safe, struct am_error *error)
{
	if (*word != '\0' && word[strspn(word, safe)] == '\0')
		return am_buf_addstr(out, word, error);
	if (am_buf_addstr(out, "'", error) != 0)
		return -1;
	for (;;) {
		size_t plain = strcspn(word, "'");

		if (am_buf_add(out, word, plain, error) != 0)
			return -1;
		word += plain;
		if (*word == '\0')
			return am_buf_addstr(out, "'", error);
		if (am_buf_addstr(out, "'\\''", error) != 0)
			return -1;
		word++;
	}
}

int am_exec_quote(struct am_buf *out, const char *word, struct am_error *error)
{
	return add_word(out, word, SAFE_BYTES, error);
}

/* The word that names the program: also kept from being read as grammar or as an assignment. */
static int add_first(struct am_buf *out, const char *word, struct am_error *error)
{
	return add_word(out, word, is_reserved(word) ? "" : SAFE_BYTES, error);
}

static int add_argument(struct am_buf *out, const char *word, struct am_error *error)
{
	if (am_buf_addstr(out, " ", error) != 0)
		return -1;
	return add_word(out, word, SAFE_BYTES "=", error);
}

static int check_directory(const char *what, const char *path, struct am_error *error)
{
	if (path != NULL && path[0] != '/')
		return am_fail(error, "EINVAL", "command: %s %s: not an absolute path", what, path);
	return 0;
}

static int check_variable(const char *word, struct am_error *error)
{
	static const char name[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t length = strspn(word, name);

	if (length == 0 || word[length] != '=' || (word[0] >= '0' && word[0] <= '9'))
		return am_fail(error, "EINVAL", "command: environment %s: bad name", word);
	return 0;
}

static int add_env(
	struct am_buf *out, const char *const *argv, const char *const *env, struct am_error *error)
{
	if (strchr(argv[0], '=') != NULL)
		return am_fail(error, "EINVAL",
			"command: %s: a program name with '=' cannot have an environment", argv[0]);
	if (am_buf_addstr(out, "env", error) != 0)
		return -1;
	for (; *env != NULL; env++) {
		if (check_variable(*env, error) != 0 || add_argument(out, *env, error) != 0)
			return -1;
	}
	return am_buf_addstr(out, " ", error);
}

static int add_chroot(struct am_buf *out, const struct am_exec_options *o, struct am_error *error)
{
	if (am_buf_addstr(out, "/usr/sbin/chroot", error) != 0 ||
		add_argument(out, o->chroot, error) != 0)
		return -1;
	/* The directory lies inside the new root, so a shell in there has to go to it. */
	if (o->cwd != NULL && (add_argument(out, "/usr/bin/sh", error) != 0 ||
				      add_argument(out, "-c", error) != 0 ||
				      add_argument(out, "cd \"$0\" && exec \"$@\"", error) != 0 ||
				      add_argument(out, o->cwd, error) != 0))
		return -1;
	return am_buf_addstr(out, " ", error);
}

int am_exec_command(struct am_buf *out, const char *const *argv,
	const struct am_exec_options *options, struct am_error *error)
{
	static const struct am_exec_options none;
	const struct am_exec_options *o = options != NULL ? options : &none;

	if (argv[0] == NULL || argv[0][0] == '\0')
		return am_fail(error, "EINVAL", "command: no program named");
	if (check_directory("chroot", o->chroot, error) != 0 ||
		check_directory("cwd", o->cwd, error) != 0)
		return -1;
	if (o->cwd != NULL && o->chroot == NULL &&
		(am_buf_addstr(out, "cd", error) != 0 || add_argument(out, o->cwd, error) != 0 ||
			am_buf_addstr(out, " && ", error) != 0))
		return -1;
	if (o->replace && am_buf_addstr(out, "exec ", error) != 0)
		return -1;
	if (o->env != NULL && o->env[0] != NULL && add_env(out, argv, o->env, error) != 0)
		return -1;
	if (o->chroot != NULL && add_chroot(out, o, error) != 0)
		return -1;
	if (add_first(out, argv[0], error) != 0)
		return -1;
	for (argv++; *argv != NULL; argv++) {
		if (add_argument(out, *argv, error) != 0)
			return -1;
	}
	return 0;
}
