/* SPDX-License-Identifier: MIT */
#include "remote/record.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checksum.h"
#include "base/clock.h"

static void free_words(char **words)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		free(words[i]);
	free(words);
}

/* A copy of up to two lists as one; NULL without memory. */
static char **copy_words(const char *const *first, const char *const *second)
{
	const char *const *lists[] = {first, second};
	size_t count = 1, n = 0;
	char **words;

	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; lists[i] != NULL && lists[i][k] != NULL; k++)
			count++;
	}
	words = calloc(count, sizeof *words);
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; words != NULL && lists[i] != NULL && lists[i][k] != NULL; k++) {
			words[n] = strdup(lists[i][k]);
			if (words[n++] == NULL) {
				free_words(words);
				words = NULL;
			}
		}
	}
	return words;
}

static int copy_text(char **to, const char *text)
{
	*to = text != NULL ? strdup(text) : NULL;
	return text != NULL && *to == NULL ? -1 : 0;
}

static int fill(struct am_record *record, const struct am_exec *exec, const char *label)
{
	static const char *const shell[] = {"sh", "-s", NULL};
	struct am_buf path = {0};
	const char **env = am_exec_environment(exec, &path, NULL);

	if (env != NULL) {
		record->env = copy_words(env, NULL);
		record->argv = copy_words(exec->script != NULL ? shell : NULL, exec->argv);
	}
	free(env);
	am_buf_free(&path);
	return record->env == NULL || record->argv == NULL ||
			       copy_text(&record->label, label) != 0 ||
			       copy_text(&record->script, exec->script) != 0 ||
			       copy_text(&record->chroot, exec->options.chroot) != 0 ||
			       copy_text(&record->cwd, exec->options.cwd) != 0
		       ? -1
		       : 0;
}

struct am_record *am_record_new(const struct am_exec *exec, const char *label, int is_private)
{
	struct am_record *record = calloc(1, sizeof *record);
	struct timespec now;

	if (record == NULL)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	record->time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	record->seconds = -am_clock();
	record->is_private = is_private;
	record->status = -1;
	if (fill(record, exec, label) == 0)
		return record;
	am_record_free(record);
	return NULL;
}

/* A control character that is in no text; escape sequences of terminals are text. */
static int has_control(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c < ' ' && (c < '\a' || c > '\r') && c != 033)
			return 1;
	}
	return 0;
}

void am_record_output(struct am_record *record, int stream, const char *data, size_t length)
{
	struct am_record_stream *s = &record->stream[stream];
	size_t room = AM_RECORD_KEPT - s->text.length;

	s->length += length;
	if (record->is_private)
		return;
	/* What is binary is seen at the beginning, so that nothing is summed up for long text. */
	if (!s->is_binary && room > 0 && has_control(data, length < room ? length : room)) {
		s->is_binary = 1;
		s->digest = am_sha256_new();
		if (s->digest != NULL && s->text.length > 0)
			am_sha256_add(s->digest, s->text.data, s->text.length);
		am_buf_free(&s->text);
	}
	if (!s->is_binary)
		am_buf_add(&s->text, data, length < room ? length : room, NULL);
	else if (s->digest != NULL)
		am_sha256_add(s->digest, data, length);
}

void am_record_end(struct am_record *record)
{
	record->seconds += am_clock();
	for (int i = 0; i < 2; i++) {
		if (record->stream[i].digest != NULL)
			am_sha256_end(record->stream[i].digest, record->stream[i].sha256);
		record->stream[i].digest = NULL;
	}
}

static int same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int same_words(char *const *a, char *const *b)
{
	size_t i = 0;

	while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
		i++;
	return a[i] == NULL && b[i] == NULL;
}

int am_record_repeats(const struct am_record *last, const struct am_record *record)
{
	if (record->label == NULL || strncmp(record->label, "job ", 4) != 0 || record->input > 0 ||
		record->code[0] != '\0' || last->code[0] != '\0' ||
		record->status != last->status || !same_text(last->label, record->label) ||
		!same_text(last->script, record->script) || !same_words(last->argv, record->argv))
		return 0;
	for (int i = 0; i < 2; i++) {
		if (last->stream[i].length != record->stream[i].length ||
			!same_text(last->stream[i].text.data, record->stream[i].text.data))
			return 0;
	}
	return 1;
}

void am_record_free(struct am_record *record)
{
	char unused[65];

	if (record == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		am_buf_free(&record->stream[i].text);
		if (record->stream[i].digest != NULL)
			am_sha256_end(record->stream[i].digest, unused);
	}
	free_words(record->argv);
	free_words(record->env);
	free(record->label);
	free(record->script);
	free(record->chroot);
	free(record->cwd);
	free(record);
}
