/* SPDX-License-Identifier: MIT */
#include "remote/quote.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

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

/* A word that begins with "=" is a directory of its stack for tcsh. */
static int add_argument(struct am_buf *out, const char *word, struct am_error *error)
{
	if (am_buf_addstr(out, " ", error) != 0)
		return -1;
	return add_word(out, word, word[0] == '=' ? SAFE_BYTES : SAFE_BYTES "=", error);
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

static int add_unset(struct am_buf *out, const char *const *names, struct am_error *error)
{
	for (; *names != NULL; names++) {
		struct am_buf word = {0};
		int result = am_buf_addf(&word, error, "%s=", *names);

		if (result == 0)
			result = check_variable(word.data, error);
		if (result == 0)
			result = am_buf_addf(out, error, "unset %s; ", *names);
		am_buf_free(&word);
		if (result != 0)
			return -1;
	}
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
	/* The directory is inside the new root, so a shell in there has to go to it. */
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
	if (o->unset != NULL && add_unset(out, o->unset, error) != 0)
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

/* --- what is sent ------------------------------------------------------------------------------
 */

enum {
	WORD_MAX = 900,       /* csh takes words of 1024 bytes */
	LINE_MAX_SENT = 4000, /* far below what any login shell takes as one line */
	COMMAND_MAX = 120000  /* what a program takes as one argument on every system */
};

static const char *const base[] = {AM_EXEC_ENVIRONMENT};

/* Does every login shell read it, bare or in single quotes, as this word? */
static int is_plain(const char *word)
{
	size_t length = 0;

	for (; word[length] != '\0'; length++) {
		unsigned char c = (unsigned char)word[length];

		if (c < ' ' || c > '~' || c == '\'' || c == '\\' || c == '!')
			return 0;
	}
	return length <= WORD_MAX;
}

static int all_plain(const char *const *words)
{
	for (; words != NULL && *words != NULL; words++) {
		if (!is_plain(*words))
			return 0;
	}
	return 1;
}

static size_t length_of(const char *const *words)
{
	size_t length = 0;

	for (; words != NULL && *words != NULL; words++)
		length += strlen(*words) + 3;
	return length;
}

/* Is the variable of `word` ("NAME=value") set or taken away by the options? */
static int is_named(const struct am_exec_options *o, const char *word)
{
	size_t length = strcspn(word, "=");

	for (const char *const *w = o->env; w != NULL && *w != NULL; w++) {
		if (strncmp(*w, word, length) == 0 && (*w)[length] == '=')
			return 1;
	}
	for (const char *const *w = o->unset; w != NULL && *w != NULL; w++) {
		if (strncmp(*w, word, length) == 0 && (*w)[length] == '\0')
			return 1;
	}
	return 0;
}

const char **am_exec_environment(
	const struct am_exec *exec, struct am_buf *path, struct am_error *error)
{
	const struct am_exec_options *o = &exec->options;
	const char **words;
	size_t count = sizeof base / sizeof *base + 1, n = 0;

	for (const char *const *w = o->env; w != NULL && *w != NULL; w++)
		count++;
	if (am_buf_addf(path, error, "PATH=%s", exec->path != NULL ? exec->path : AM_EXEC_PATH) !=
		0)
		return NULL;
	words = calloc(count, sizeof *words);
	if (words == NULL) {
		am_fail_errno(error, ENOMEM, "command");
		return NULL;
	}
	for (size_t i = 0; base[i] != NULL && !o->bare; i++) {
		if (!is_named(o, base[i]))
			words[n++] = base[i];
	}
	if (!o->bare && !is_named(o, path->data))
		words[n++] = path->data;
	for (const char *const *w = o->env; w != NULL && *w != NULL; w++)
		words[n++] = *w;
	return words;
}

static int check_exec(const struct am_exec *exec, struct am_error *error)
{
	const struct am_exec_options *o = &exec->options;

	if (exec->script == NULL && (exec->argv[0] == NULL || exec->argv[0][0] == '\0'))
		return am_fail(error, "EINVAL", "command: no program named");
	if (exec->script == NULL && length_of(exec->argv) > COMMAND_MAX)
		return am_fail(error, "E2BIG",
			"command line of %zu bytes; pass data by standard input",
			length_of(exec->argv));
	if (exec->path != NULL && !is_plain(exec->path))
		return am_fail(error, "EINVAL", "command: PATH %s: no plain word", exec->path);
	return check_directory("chroot", o->chroot, error) != 0 ||
			       check_directory("cwd", o->cwd, error) != 0
		       ? -1
		       : 0;
}

/* "exec env NAME=value ... /usr/sbin/chroot DIR word ..." of plain words. */
static int add_line(struct am_buf *line, const char *const *argv, const char *const *env,
	const char *chroot, struct am_error *error)
{
	const struct am_exec_options o = {.chroot = chroot, .env = env, .replace = 1};

	return am_exec_command(line, argv, &o, error);
}

/* Variables whose values are not plain are set by the script. */
static int add_exports(struct am_buf *body, const char *const *env, struct am_error *error)
{
	for (; env != NULL && *env != NULL; env++) {
		size_t name = strcspn(*env, "=");

		if (is_plain(*env))
			continue;
		if (check_variable(*env, error) != 0 ||
			am_buf_add(body, *env, name + 1, error) != 0 ||
			am_exec_quote(body, *env + name + 1, error) != 0 ||
			am_buf_addf(body, error, "; export %.*s\n", (int)name, *env) != 0)
			return -1;
	}
	return 0;
}

/* What the shell of a script does: sets out, and is the program or the text. */
static int add_body(struct am_buf *body, const struct am_exec *exec, struct am_error *error)
{
	const struct am_exec_options *o = &exec->options;

	if (add_exports(body, o->env, error) != 0)
		return -1;
	if (o->unset != NULL && o->unset[0] != NULL &&
		(add_unset(body, o->unset, error) != 0 || am_buf_addstr(body, "\n", error) != 0))
		return -1;
	if (o->cwd != NULL &&
		(am_buf_addstr(body, "cd", error) != 0 || add_argument(body, o->cwd, error) != 0 ||
			am_buf_addstr(body, " || exit 1\n", error) != 0))
		return -1;
	if (exec->script == NULL)
		return am_exec_command(
			body, exec->argv, &(struct am_exec_options){.replace = 1}, error);
	if (am_buf_addstr(body, "set --", error) != 0)
		return -1;
	for (const char *const *w = exec->argv; w != NULL && *w != NULL; w++) {
		if (add_argument(body, *w, error) != 0)
			return -1;
	}
	if (am_buf_addstr(body, "\n", error) != 0)
		return -1;
	return am_buf_addstr(body, exec->script, error);
}

static int add_script(struct am_buf *script, const char *body, struct am_error *error)
{
	return am_buf_addf(script, error, "{ echo altmig-ready\n%s\nexit\n}\n", body);
}

/* The words of an environment that can be on the line; the others are left to add_exports. */
static void keep_plain(const char **env)
{
	const char **to = env;

	for (; *env != NULL; env++) {
		if (is_plain(*env))
			*to++ = *env;
	}
	*to = NULL;
}

static int compose_script(const struct am_exec *exec, const char *const *env, struct am_buf *line,
	struct am_buf *script, struct am_error *error)
{
	static const char *const shell[] = {"sh", "-s", NULL};
	const char *chroot = exec->options.chroot;
	int plain_root = chroot == NULL || is_plain(chroot);
	struct am_buf body = {0}, outer = {0};
	int result = add_body(&body, exec, error);

	/* A directory that cannot be on the line: a shell that can be told of it goes there. */
	if (result == 0 && !plain_root)
		result = am_exec_command(&outer,
			(const char *const[]){"sh", "-c", body.data, "sh", NULL},
			&(struct am_exec_options){.chroot = chroot, .replace = 1}, error);
	if (result == 0)
		result = add_script(script, plain_root ? body.data : outer.data, error);
	if (result == 0)
		result = add_line(line, shell, env, plain_root ? chroot : NULL, error);
	am_buf_free(&body);
	am_buf_free(&outer);
	return result;
}

/* The environment of a command that may be sent; NULL on failure, with nothing left in `path`. */
static const char **checked_environment(
	const struct am_exec *exec, struct am_buf *path, struct am_error *error)
{
	const char **env;

	if (check_exec(exec, error) != 0)
		return NULL;
	env = am_exec_environment(exec, path, error);
	if (env == NULL)
		am_buf_free(path);
	return env;
}

int am_exec_compose(const struct am_exec *exec, struct am_buf *line, struct am_buf *script,
	struct am_error *error)
{
	const struct am_exec_options *o = &exec->options;
	struct am_buf path = {0};
	const char **env;
	int result;

	env = checked_environment(exec, &path, error);
	if (env == NULL)
		return -1;
	if (exec->script == NULL && o->cwd == NULL && (o->unset == NULL || o->unset[0] == NULL) &&
		(o->chroot == NULL || is_plain(o->chroot)) && all_plain(exec->argv) &&
		all_plain(env) && length_of(exec->argv) + length_of(env) < LINE_MAX_SENT) {
		result = add_line(line, exec->argv, env, o->chroot, error);
	} else {
		keep_plain(env);
		result = compose_script(exec, env, line, script, error);
	}
	free(env);
	am_buf_free(&path);
	return result;
}

/* The arguments of `sh` before those of the script: -s, or -c and the text. */
static int compose_shell(const struct am_exec *exec, int data, const char *const *env,
	struct am_buf *text, struct am_error *error)
{
	struct am_exec_options o = exec->options;
	const char **argv;
	size_t count = 0, n = 0;
	int result;

	while (exec->argv != NULL && exec->argv[count] != NULL)
		count++;
	argv = calloc(count + 5, sizeof *argv);
	if (argv == NULL)
		return am_fail_errno(error, ENOMEM, "command");
	argv[n++] = "sh";
	argv[n++] = data ? "-c" : "-s";
	if (data) {
		argv[n++] = exec->script;
		argv[n++] = "sh";
	} else if (count > 0) {
		argv[n++] = "--";
	}
	for (size_t i = 0; i < count; i++)
		argv[n++] = exec->argv[i];
	o.env = env;
	o.replace = 1;
	result = am_exec_command(text, argv, &o, error);
	free(argv);
	return result;
}

int am_exec_compose_file(const struct am_exec *exec, int data, struct am_buf *text,
	struct am_buf *input, struct am_error *error)
{
	struct am_exec_options o = exec->options;
	struct am_buf path = {0};
	const char **env;
	int result;

	env = checked_environment(exec, &path, error);
	if (env == NULL)
		return -1;
	o.env = env;
	o.replace = 1;
	if (exec->script == NULL)
		result = am_exec_command(text, exec->argv, &o, error);
	else
		result = compose_shell(exec, data, env, text, error);
	/* The file tells two scripts apart as well. */
	if (result == 0 && exec->script != NULL && !data)
		result = am_buf_addf(text, error, "\n# script %lu %zu",
			(unsigned long)am_cksum(exec->script, strlen(exec->script)),
			strlen(exec->script));
	if (result == 0 && exec->script != NULL && !data)
		result = am_buf_addf(input, error, "{\n%s\nexit\n}\n", exec->script);
	free(env);
	am_buf_free(&path);
	return result;
}
