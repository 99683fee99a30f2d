/* SPDX-License-Identifier: MIT */
#include "line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"

static int plain_read(
	struct line_reader *reader, const char *prompt, struct am_buf *out, struct am_error *error)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int result;

	(void)reader;
	if (isatty(STDIN_FILENO))
		fputs(prompt, stdout);
	fflush(stdout);
	errno = 0;
	length = getline(&line, &size, stdin);
	if (length < 0) {
		int reason = errno;

		free(line);
		if (am_cancelled()) {
			clearerr(stdin);
			return am_fail(error, "CANCELLED", "read: cancelled");
		}
		if (ferror(stdin))
			return am_fail_errno(error, reason, "read: standard input");
		return 0;
	}
	if (length > 0 && line[length - 1] == '\n')
		length--;
	result = am_buf_add(out, line, (size_t)length, error);
	free(line);
	return result == 0 ? 1 : -1;
}

static int plain_remember(struct line_reader *reader, const char *text, struct am_error *error)
{
	(void)reader;
	(void)text;
	(void)error;
	return 0;
}

static void plain_close(struct line_reader *reader)
{
	free(reader);
}

struct line_reader *line_plain_open(struct am_error *error)
{
	struct line_reader *reader = malloc(sizeof *reader);

	if (reader == NULL) {
		am_fail_errno(error, ENOMEM, "prompt");
		return NULL;
	}
	*reader = (struct line_reader){plain_read, plain_remember, plain_close};
	return reader;
}
