/* SPDX-License-Identifier: MIT */
#include "aix/lpp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The sections between "[" and "]", with a line "%" after each. */
enum section { REQUISITES = 1, SIZES, SUPERSEDES, UNUSED, FIXES };

struct parser {
	struct am_lpp *lpp;
	const char *name;
	struct am_slice rest;
	size_t line;
	struct am_lpp_fileset *fileset; /* whose section it is; NULL: none was named */
	unsigned section;               /* 0: outside of brackets */
	int is_closed;
	struct am_error *error;
};

static int fail(const struct parser *p, const char *what)
{
	return am_fail(p->error, "LPP_NAME", "lpp_name: %s: line %zu: %s", p->name, p->line, what);
}

static int no_memory(const struct parser *p)
{
	return am_fail_errno(p->error, ENOMEM, "lpp_name: %s", p->name);
}

/* --- words --- */

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next line without its end; 0 at the end. */
static int next_line(struct parser *p, struct am_slice *line)
{
	const char *end;
	size_t length;

	if (p->rest.length == 0)
		return 0;
	end = memchr(p->rest.at, '\n', p->rest.length);
	length = end == NULL ? p->rest.length : (size_t)(end - p->rest.at);
	*line = am_slice_trim((struct am_slice){p->rest.at, length});
	length += end != NULL;
	p->rest.at += length;
	p->rest.length -= length;
	p->line++;
	return 1;
}

/* The next word of a line; empty at its end. */
static struct am_slice next_word(struct am_slice *line)
{
	struct am_slice word = {line->at, 0};

	while (word.length < line->length && !is_blank(word.at[word.length]))
		word.length++;
	line->at += word.length;
	line->length -= word.length;
	while (line->length > 0 && is_blank(line->at[0])) {
		line->at++;
		line->length--;
	}
	return word;
}

/* What may be a name: it becomes a part of paths. */
static int is_name(struct am_slice word)
{
	if (word.length == 0 || word.length > 144 || word.at[0] == '.' || word.at[0] == '-')
		return 0;
	for (size_t i = 0; i < word.length; i++) {
		unsigned char c = (unsigned char)word.at[i];

		if (c <= ' ' || c >= 0x7F || strchr("/\\\"'`$*?[]{}();:<>|&^~!#=,", c) != NULL)
			return 0;
	}
	return 1;
}

static int is_char(struct am_slice word, const char *which)
{
	return word.length == 1 && strchr(which, word.at[0]) != NULL;
}

static int take_number(struct am_slice word, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < word.length; i++) {
		if (word.at[i] < '0' || word.at[i] > '9' || *number > UINT64_MAX / 10 - 9)
			return -1;
		*number = *number * 10 + (uint64_t)(word.at[i] - '0');
	}
	return word.length > 0 ? 0 : -1;
}

/* Room for one more in a list that has `count`; the list is as large as the next power of two. */
static void *grow(void *list, size_t count, size_t size)
{
	if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
		return list;
	return realloc(list, (count == 0 ? 4 : count * 2) * size);
}

/* --- lines --- */

static int parse_first(struct parser *p, struct am_slice line)
{
	struct am_slice format = next_word(&line), platform = next_word(&line);

	if (!am_slice_is(format, "4"))
		return fail(p, "no lpp_name of format 4");
	p->lpp->type = next_word(&line);
	p->lpp->package = next_word(&line);
	if (!is_char(platform, "RIN") || p->lpp->type.length == 0 || !is_name(p->lpp->package) ||
		!am_slice_is(am_slice_trim(line), "{"))
		return fail(p, "expected: 4 PLATFORM TYPE PACKAGE {");
	p->lpp->platform = platform.at[0];
	return 0;
}

static int parse_fileset(struct parser *p, struct am_slice line)
{
	struct am_lpp *lpp = p->lpp;
	struct am_lpp_fileset *list = grow(lpp->filesets, lpp->count, sizeof *list), *f;
	struct am_slice bosboot, content;
	const char *hash;

	if (list == NULL)
		return no_memory(p);
	lpp->filesets = list;
	if (lpp->count == AM_LPP_FILESETS)
		return fail(p, "more filesets than an image can have");
	f = p->fileset = &list[lpp->count];
	memset(f, 0, sizeof *f);
	f->line = p->line;
	f->name = next_word(&line);
	f->level_text = next_word(&line);
	(void)next_word(&line); /* the disk */
	bosboot = next_word(&line);
	content = next_word(&line);
	if (!is_name(f->name) || am_level_parse(f->level_text, &f->level) != 0)
		return fail(p, "expected a fileset and its level");
	if (!is_char(bosboot, "NBbY") || !is_char(content, "UBH"))
		return fail(p, "expected: FILESET LEVEL 01 N|B|b|Y U|B|H LANGUAGE DESCRIPTION");
	f->bosboot = bosboot.at[0];
	f->content = content.at[0];
	f->language = next_word(&line);
	f->description = line;
	hash = line.length > 0 ? memchr(line.at, '#', line.length) : NULL;
	if (hash != NULL) {
		f->description.length = (size_t)(hash - line.at);
		f->comments = am_slice_trim(
			(struct am_slice){hash + 1, (size_t)(line.at + line.length - hash) - 1});
	}
	f->description = am_slice_trim(f->description);
	lpp->count++;
	return 0;
}

static int add_size(struct parser *p, struct am_slice line)
{
	struct am_lpp_fileset *f = p->fileset;
	struct am_lpp_size *list, *size;

	list = grow(f->sizes, f->size_count, sizeof *list);
	if (list == NULL)
		return no_memory(p);
	f->sizes = list;
	size = &list[f->size_count];
	memset(size, 0, sizeof *size);
	size->path = next_word(&line);
	size->is_known = take_number(next_word(&line), &size->blocks) == 0;
	if (!size->is_known)
		size->blocks = 0;
	if (take_number(next_word(&line), &size->temporary) != 0)
		size->temporary = 0;
	f->size_count++;
	return 0;
}

static int add_supersede(struct parser *p, struct am_slice line)
{
	struct am_lpp_fileset *f = p->fileset;
	struct am_lpp_supersede *list, one;

	one.name = next_word(&line);
	if (!is_name(one.name) || am_level_parse(next_word(&line), &one.level) != 0)
		return 0;
	list = grow(f->supersedes, f->supersede_count, sizeof *list);
	if (list == NULL)
		return no_memory(p);
	f->supersedes = list;
	list[f->supersede_count++] = one;
	return 0;
}

static int add_fix(struct parser *p, struct am_slice line)
{
	struct am_lpp_fileset *f = p->fileset;
	struct am_lpp_fix *list = grow(f->fixes, f->fix_count, sizeof *list), *fix;
	struct am_slice after;
	uint64_t number;

	if (list == NULL)
		return no_memory(p);
	f->fixes = list;
	fix = &list[f->fix_count++];
	fix->id = next_word(&line);
	after = line;
	fix->abstract = take_number(next_word(&after), &number) == 0 ? after : line;
	return 0;
}

static int parse_section(struct parser *p, struct am_slice line)
{
	switch (p->section) {
	case SIZES:
		return add_size(p, line);
	case SUPERSEDES:
		return add_supersede(p, line);
	case FIXES:
		return add_fix(p, line);
	default: /* requisites span lines; they are read when they end */
		return 0;
	}
}

static int end_section(struct parser *p, struct am_slice line)
{
	struct am_slice *text = &p->fileset->requisite_text;

	if (p->section == REQUISITES) {
		text->length = (size_t)(line.at - text->at);
		if (am_requisites_parse(&p->fileset->requisites, *text, p->error) != 0)
			return -1;
	}
	if (p->section <= FIXES)
		p->section++;
	return 0;
}

static int parse_line(struct parser *p, struct am_slice line)
{
	int is_end = line.length > 0 && line.at[0] == ']';

	if (line.length == 0)
		return 0;
	if (p->section > 0 && (is_end || am_slice_is(line, "%"))) {
		if (end_section(p, line) != 0)
			return -1;
		if (!is_end)
			return 0;
		p->section = 0;
		p->fileset = NULL;
		p->is_closed = memchr(line.at, '}', line.length) != NULL;
		return 0;
	}
	if (p->section > 0)
		return parse_section(p, line);
	if (line.at[0] == '[') {
		if (p->fileset == NULL)
			return fail(p, "'[' without a fileset");
		p->section = REQUISITES;
		p->fileset->requisite_text.at = p->rest.at;
		return 0;
	}
	if (line.at[0] == '}') {
		p->is_closed = 1;
		return 0;
	}
	return parse_fileset(p, line);
}

static int parse(struct parser *p, struct am_slice text)
{
	struct am_slice line;

	do {
		if (!next_line(p, &line))
			return fail(p, "empty");
	} while (line.length == 0);
	if (parse_first(p, line) != 0)
		return -1;
	while (!p->is_closed && next_line(p, &line)) {
		if (p->line > AM_LPP_LINES)
			return fail(p, "more lines than an image can have");
		if (parse_line(p, line) != 0)
			return -1;
	}
	if (!p->is_closed)
		return fail(p, "ends before its last brace");
	p->lpp->length = (size_t)(p->rest.at - text.at);
	return p->lpp->count > 0 ? 0 : fail(p, "no fileset");
}

int am_lpp_parse(struct am_lpp *lpp, const char *name, struct am_slice text, struct am_error *error)
{
	struct parser p = {.lpp = lpp, .name = name, .rest = text, .error = error};

	memset(lpp, 0, sizeof *lpp);
	if (text.length > 0 && memchr(text.at, '\0', text.length) != NULL)
		return fail(&p, "NUL byte in a text file");
	return parse(&p, text);
}

void am_lpp_free(struct am_lpp *lpp)
{
	for (size_t i = 0; i < lpp->count; i++) {
		struct am_lpp_fileset *f = &lpp->filesets[i];

		am_requisites_free(&f->requisites);
		free(f->sizes);
		free(f->supersedes);
		free(f->fixes);
	}
	free(lpp->filesets);
	memset(lpp, 0, sizeof *lpp);
}
