/* SPDX-License-Identifier: MIT */
/*
 * Quoting: the words of the input (NUL between them) become a command line, and a model of how sh
 * cuts a line into words gives them back.
 */
#include "remote/quote.h"
#include "fuzz.h"

enum { WORDS_MAX = 64 };

/* Everything that means something to sh, or may to some sh, outside of quotes. */
static const char special[] = "|&;<>()$`\\\"'*?[]#~!{}^ \t\n\r\v\f";

/*
 * The next word of a simple command, in single quotes and escaped quotes as the quoting makes
 * them; every other special byte outside of quotes would be grammar.
 */
static int next_word(const char **at, struct am_buf *word)
{
	const char *p = *at;
	struct am_error error;

	word->length = 0;
	REQUIRE(am_buf_addstr(word, "", &error) == 0);
	if (*p == '\0')
		return 0;
	for (; *p != '\0' && *p != ' '; p++) {
		if (*p == '\'') {
			const char *end = strchr(p + 1, '\'');

			REQUIRE(end != NULL);
			REQUIRE(am_buf_add(word, p + 1, (size_t)(end - p - 1), &error) == 0);
			p = end;
			continue;
		}
		if (p[0] == '\\' && p[1] == '\'')
			p++;
		else
			REQUIRE(strchr(special, *p) == NULL && (unsigned char)*p < 0x80);
		REQUIRE(am_buf_add(word, p, 1, &error) == 0);
	}
	*at = *p == ' ' ? p + 1 : p;
	return 1;
}

static size_t split_words(char *text, size_t size, const char **words)
{
	size_t count = 0;

	for (size_t at = 0; at < size && count < WORDS_MAX; at += strlen(text + at) + 1)
		words[count++] = text + at;
	words[count] = NULL;
	return count;
}

static void expect_words(const char **at, const char *const *words, struct am_buf *word)
{
	for (size_t i = 0; words[i] != NULL; i++) {
		REQUIRE(next_word(at, word));
		REQUIRE(strcmp(word->data, words[i]) == 0);
	}
}

static void check_command(const char *const *words, int chroot)
{
	static const char *const env[] = {"LANG=C", "X=a 'b' $c", NULL};
	static const char *const before[] = {
		"env", "LANG=C", "X=a 'b' $c", "/usr/sbin/chroot", "/alt inst", NULL};
	struct am_exec_options options = {.chroot = "/alt inst", .env = env};
	struct am_buf line = {0}, word = {0};
	struct am_error error;
	const char *at;

	if (am_exec_command(&line, words, chroot ? &options : NULL, &error) != 0) {
		fuzz_check_error(&error);
	} else {
		at = line.data;
		if (chroot)
			expect_words(&at, before, &word);
		expect_words(&at, words, &word);
		REQUIRE(*at == '\0');
	}
	am_buf_free(&line);
	am_buf_free(&word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *words[WORDS_MAX + 1];
	char *text = malloc(size + 1);

	REQUIRE(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (split_words(text, size, words) > 0) {
		check_command(words, 0);
		check_command(words, 1);
	}
	free(text);
	return 0;
}
