/* SPDX-License-Identifier: MIT */
/* The line editor: libedit by its own interface (histedit.h), not its imitation of readline. */
#include "line.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "base/cancel.h"
#include "base/escape.h"

#define HISTORY_SIZE 2000
#define TICK_MS      200 /* longest wait before the cancel flag is looked at again */

struct editor {
	struct line_reader base;
	EditLine *el;
	History *history;
	char *file; /* NULL: history is not kept */
	const char *prompt;
	line_complete_fn complete;
	void *context;
};

static struct editor *editor_of(EditLine *el)
{
	void *editor = NULL;

	el_get(el, EL_CLIENTDATA, &editor);
	return editor;
}

static char *show_prompt(EditLine *el)
{
	return (char *)(uintptr_t)editor_of(el)->prompt;
}

/* One byte: 1, 0 at the end, -1 when a signal set the cancel flag. */
static int get_byte(char *byte)
{
	struct pollfd fd = {STDIN_FILENO, POLLIN, 0};

	for (;;) {
		ssize_t n;

		if (am_cancelled())
			return -1;
		if (poll(&fd, 1, TICK_MS) <= 0)
			continue;
		n = read(STDIN_FILENO, byte, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return n < 0 ? -1 : (int)n;
	}
}

/* libedit's own reader goes on after EINTR, so that Ctrl-C would need a second key. */
static int get_character(EditLine *el, wchar_t *c)
{
	mbstate_t state;

	(void)el;
	memset(&state, 0, sizeof state);
	for (;;) {
		char byte;
		int got = get_byte(&byte);
		size_t n;

		if (got <= 0)
			return got;
		n = mbrtowc(c, &byte, 1, &state);
		if (n == (size_t)-2)
			continue;
		if (n == (size_t)-1)
			*c = L'?';
		return 1;
	}
}

/* Names of fields may come from anywhere: a table may be keyed by a client's files. */
static void make_visible(struct am_buf *text, unsigned flags)
{
	struct am_buf visible = {0};
	struct am_error ignored;

	if (text->length > 0)
		(void)am_escape(&visible, text->data, text->length, flags, &ignored);
	am_buf_free(text);
	*text = visible;
}

static unsigned char complete_key(EditLine *el, int key)
{
	struct editor *editor = editor_of(el);
	const LineInfo *line = el_line(el);
	struct am_buf insert = {0}, show = {0};
	unsigned char result = CC_ERROR; /* beeps */

	(void)key;
	if (editor->complete != NULL)
		editor->complete(editor->context, line->buffer,
			(size_t)(line->cursor - line->buffer), &insert, &show);
	make_visible(&insert, 0);
	make_visible(&show, AM_ESCAPE_LINES | AM_ESCAPE_ASCII);
	if (show.length > 0) {
		printf("\n%s\n", show.data);
		fflush(stdout);
		result = CC_REDISPLAY;
	}
	if (insert.length > 0 && el_insertstr(el, insert.data) == 0)
		result = show.length > 0 ? CC_REDISPLAY : CC_REFRESH;
	am_buf_free(&insert);
	am_buf_free(&show);
	return result;
}

static int editor_read(
	struct line_reader *reader, const char *prompt, struct am_buf *out, struct am_error *error)
{
	struct editor *editor = (struct editor *)reader;
	const char *line;
	int count = 0;

	editor->prompt = prompt;
	fflush(stdout);
	el_resize(editor->el);
	line = el_gets(editor->el, &count);
	if (am_cancelled()) {
		fputs("^C\n", stdout);
		fflush(stdout);
		return am_fail(error, "CANCELLED", "read: cancelled");
	}
	if (line == NULL || count <= 0) {
		fputc('\n', stdout);
		return 0;
	}
	if (line[count - 1] == '\n')
		count--;
	return am_buf_add(out, line, (size_t)count, error) == 0 ? 1 : -1;
}

static int editor_remember(struct line_reader *reader, const char *text, struct am_error *error)
{
	struct editor *editor = (struct editor *)reader;
	HistEvent event;
	mode_t mask;
	int result;

	history(editor->history, &event, H_ENTER, text);
	if (editor->file == NULL)
		return 0;
	mask = umask(077); /* commands may hold what others must not read */
	result = history(editor->history, &event, H_SAVE, editor->file);
	umask(mask);
	if (result < 0)
		return am_fail(error, "EIO", "history: %s: %s", editor->file, am_reason(event.str));
	return 0;
}

static void editor_close(struct line_reader *reader)
{
	struct editor *editor = (struct editor *)reader;

	if (editor->history != NULL)
		history_end(editor->history);
	if (editor->el != NULL)
		el_end(editor->el);
	free(editor->file);
	free(editor);
}

static void set_up(struct editor *editor)
{
	HistEvent event;

	history(editor->history, &event, H_SETSIZE, HISTORY_SIZE);
	history(editor->history, &event, H_SETUNIQUE, 1);
	if (editor->file != NULL)
		history(editor->history, &event, H_LOAD, editor->file); /* none yet: no matter */
	el_set(editor->el, EL_CLIENTDATA, editor);
	el_set(editor->el, EL_PROMPT, show_prompt);
	el_set(editor->el, EL_EDITOR, "emacs");
	el_set(editor->el, EL_HIST, history, editor->history);
	el_set(editor->el, EL_GETCFN, get_character);
	el_set(editor->el, EL_ADDFN, "altmig-complete", "complete a name", complete_key);
	el_set(editor->el, EL_BIND, "\t", "altmig-complete", NULL);
	el_set(editor->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(editor->el, NULL);
}

struct line_reader *line_libedit_open(
	const char *history_file, line_complete_fn complete, void *context, struct am_error *error)
{
	struct editor *editor = calloc(1, sizeof *editor);

	if (editor == NULL) {
		am_fail_errno(error, ENOMEM, "prompt");
		return NULL;
	}
	editor->base = (struct line_reader){editor_read, editor_remember, editor_close};
	editor->prompt = "";
	editor->complete = complete;
	editor->context = context;
	editor->history = history_init();
	editor->el = el_init("altmig", stdin, stdout, stderr);
	if (history_file != NULL)
		editor->file = strdup(history_file);
	if (editor->history == NULL || editor->el == NULL ||
		(history_file != NULL && editor->file == NULL)) {
		am_fail(error, "ENOTSUP", "prompt: the line editor does not know this terminal");
		editor_close(&editor->base);
		return NULL;
	}
	set_up(editor);
	return &editor->base;
}
