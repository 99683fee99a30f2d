/* SPDX-License-Identifier: MIT */
#include "aix/installp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aix/requisite.h"

/* --- the request --- */

/* What each operation takes, besides its own letter. */
static const struct {
	char letter;
	const char *flags;
	int has_preview, has_device, has_log, has_filesets, has_all;
} operations[] = {
	{'a', "cNEYbSBDIQqvXFgw", 1, 1, 1, 1, 1},
	{'c', "bgvXw", 1, 0, 1, 1, 1},
	{'r', "bgvXw", 1, 0, 1, 1, 0},
	{'u', "bgvXw", 1, 0, 1, 1, 0},
	{'C', "b", 0, 0, 1, 0, 0},
	{'L', "BIqE", 0, 1, 1, 0, 0},
};

static int refuse(struct am_error *error, const char *what)
{
	return am_fail(error, "INSTALLP_REQUEST", "installp: %s", what);
}

/* A path as an argument: it must not be taken for a flag, nor end a line of a log. */
static int is_path(struct am_slice path)
{
	if (path.length == 0 || path.at[0] == '-')
		return 0;
	for (size_t i = 0; i < path.length; i++) {
		unsigned char c = (unsigned char)path.at[i];

		if (c < 0x20 || c == 0x7F)
			return 0;
	}
	return 1;
}

static int has_letter(struct am_slice flags, char letter)
{
	return flags.length > 0 && memchr(flags.at, letter, flags.length) != NULL;
}

static int check_flags(
	const struct am_installp_request *r, const char *allowed, struct am_error *error)
{
	for (size_t i = 0; i < r->flags.length; i++) {
		char c = r->flags.at[i];

		if (c == '\0' || strchr(allowed, c) == NULL)
			return am_fail(error, "INSTALLP_REQUEST",
				"installp: -%c has no flag '%c' without an argument; it has: %s",
				operations[r->operation].letter, c, allowed);
		if (has_letter((struct am_slice){r->flags.at, i}, c))
			return am_fail(error, "INSTALLP_REQUEST", "installp: flag '%c' twice", c);
	}
	if (has_letter(r->flags, 'F') && has_letter(r->flags, 'g'))
		return refuse(error, "flags F and g exclude each other");
	if (has_letter(r->flags, 'N') && !has_letter(r->flags, 'c'))
		return refuse(error, "flag N is for -ac");
	return 0;
}

/* A name, or a pattern of names; no byte of it may mean something else in a list or to a shell. */
static int is_fileset_name(struct am_slice name)
{
	if (name.length == 0 || name.length > 144 || name.at[0] == '-')
		return 0;
	for (size_t i = 0; i < name.length; i++) {
		char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr("._-+*?", c) != NULL)))
			return 0;
	}
	return 1;
}

static int check_fileset(const struct am_installp_fileset *f, struct am_error *error)
{
	struct am_level level;
	size_t points = 0;

	if (!is_fileset_name(f->name))
		return am_fail(error, "INSTALLP_REQUEST",
			"installp: '%.*s' is no name of a fileset",
			(int)(f->name.length > 200 ? 200 : f->name.length),
			f->name.length > 0 ? f->name.at : "");
	if (f->level.at == NULL)
		return 0;
	for (size_t i = 0; i < f->level.length; i++)
		points += f->level.at[i] == '.';
	if (points != 3 || am_level_parse(f->level, &level) != 0)
		return am_fail(error, "INSTALLP_REQUEST", "installp: %.*s: '%.*s' is no level",
			(int)f->name.length, f->name.at,
			(int)(f->level.length > 60 ? 60 : f->level.length), f->level.at);
	return 0;
}

static int add_word(
	struct am_buf *words, size_t *count, struct am_slice word, struct am_error *error)
{
	if (am_buf_add(words, word.at, word.length, error) != 0 ||
		am_buf_add(words, "", 1, error) != 0)
		return -1;
	*count += 1;
	return 0;
}

static int add_option(struct am_buf *words, size_t *count, const char *flag, struct am_slice value,
	int is_allowed, struct am_error *error)
{
	if (value.at == NULL)
		return 0;
	if (!is_allowed)
		return am_fail(error, "INSTALLP_REQUEST",
			"installp: flag %s is not one of this operation", flag);
	if (!is_path(value))
		return am_fail(error, "INSTALLP_REQUEST",
			"installp: what follows %s is no path of a file or directory", flag);
	return add_word(words, count, am_slice_of(flag), error) == 0
		       ? add_word(words, count, value, error)
		       : -1;
}

static int add_filesets(const struct am_installp_request *r, struct am_buf *words, size_t *count,
	struct am_error *error)
{
	int has_all = operations[r->operation].has_all;

	if (!operations[r->operation].has_filesets)
		return r->list.at != NULL || r->count > 0
			       ? refuse(error, "this operation takes no filesets")
			       : 0;
	if ((r->list.at != NULL) == (r->count > 0))
		return refuse(error, "either filesets or a file that lists them");
	for (size_t i = 0; i < r->count; i++) {
		const struct am_installp_fileset *f = &r->filesets[i];

		if (check_fileset(f, error) != 0)
			return -1;
		if (am_slice_is(f->name, "all") &&
			(!has_all || r->count > 1 || f->level.at != NULL))
			return refuse(error, "'all' is for -a and -c, alone");
		if (add_word(words, count, f->name, error) != 0 ||
			(f->level.at != NULL && add_word(words, count, f->level, error) != 0))
			return -1;
	}
	return 0;
}

int am_installp_words(const struct am_installp_request *r, struct am_buf *words, size_t *count,
	struct am_error *error)
{
	char first[4] = "-";

	*count = 0;
	if (check_flags(r, operations[r->operation].flags, error) != 0)
		return -1;
	if (r->is_preview && !operations[r->operation].has_preview)
		return refuse(error, "this operation has no preview");
	if (r->device.at == NULL && r->operation == AM_INSTALLP_LIST)
		return refuse(error, "a list is of a device");
	first[1] = operations[r->operation].letter;
	if (r->is_preview)
		first[2] = 'p';
	if (add_word(words, count, am_slice_of("installp"), error) != 0 ||
		am_buf_addstr(words, first, error) != 0 ||
		add_word(words, count, r->flags, error) != 0)
		return -1;
	if (add_option(words, count, "-d", r->device, operations[r->operation].has_device, error) !=
			0 ||
		add_option(words, count, "-e", r->log, operations[r->operation].has_log, error) !=
			0 ||
		add_option(words, count, "-f", r->list, operations[r->operation].has_filesets,
			error) != 0)
		return -1;
	return add_filesets(r, words, count, error);
}

int am_installp_list(const struct am_installp_fileset *filesets, size_t count, struct am_buf *text,
	struct am_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct am_installp_fileset *f = &filesets[i];

		if (check_fileset(f, error) != 0 ||
			am_buf_add(text, f->name.at, f->name.length, error) != 0 ||
			(f->level.at != NULL && (am_buf_add(text, " ", 1, error) != 0 ||
							am_buf_add(text, f->level.at,
								f->level.length, error) != 0)) ||
			am_buf_add(text, "\n", 1, error) != 0)
			return -1;
	}
	return 0;
}

/* --- words of a line --- */

enum state { NONE, SECTION, STATISTICS, ROOM, GROUP, SUMMARY, NOTES };

/* The columns of names in installp's tables. */
enum { SUMMARY_NAME = 27, NOTE_NAME = 26 };

struct am_installp_known {
	char *name;
	size_t name_length;
	struct am_level level;
};

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static int begins(struct am_slice line, const char *text)
{
	size_t length = strlen(text);

	return line.length >= length && memcmp(line.at, text, length) == 0;
}

/* Where a text is in a line, or its length. */
static size_t find(struct am_slice line, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i + length <= line.length; i++) {
		if (memcmp(line.at + i, text, length) == 0)
			return i;
	}
	return line.length;
}

static int contains(struct am_slice line, const char *text)
{
	return find(line, text) < line.length;
}

/* The next word of a line, of which the line is shortened; empty at its end. */
static struct am_slice next_word(struct am_slice *line)
{
	struct am_slice word;

	while (line->length > 0 && is_blank(line->at[0])) {
		line->at++;
		line->length--;
	}
	word = (struct am_slice){line->at, 0};
	while (word.length < line->length && !is_blank(word.at[word.length]))
		word.length++;
	line->at += word.length;
	line->length -= word.length;
	return word;
}

/* A number of digits alone; one that is too large is none. */
static int number_of(struct am_slice word, uint64_t *number)
{
	uint64_t value = 0;

	if (word.length == 0)
		return 0;
	for (size_t i = 0; i < word.length; i++) {
		unsigned digit = (unsigned char)word.at[i] - '0';

		if (digit > 9 || value > ((uint64_t)INT64_MAX - digit) / 10)
			return 0;
		value = value * 10 + digit;
	}
	*number = value;
	return 1;
}

static int is_level(struct am_slice word)
{
	if (word.length == 0 || word.at[0] < '0' || word.at[0] > '9')
		return 0;
	for (size_t i = 0; i < word.length; i++) {
		if (word.at[i] != '.' && (word.at[i] < '0' || word.at[i] > '9'))
			return 0;
	}
	return 1;
}

/* V.R.M.F, all four. */
static int is_whole_level(struct am_slice word)
{
	struct am_level level;
	size_t points = 0;

	for (size_t i = 0; i < word.length; i++)
		points += word.at[i] == '.';
	return points == 3 && am_level_parse(word, &level) == 0;
}

static int is_upper(struct am_slice word)
{
	if (word.length == 0)
		return 0;
	for (size_t i = 0; i < word.length; i++) {
		if (word.at[i] < 'A' || word.at[i] > 'Z')
			return 0;
	}
	return 1;
}

/* --- rows --- */

static int set_text(struct am_buf *buf, struct am_slice text, struct am_error *error)
{
	buf->length = 0;
	return text.length > 0 ? am_buf_add(buf, text.at, text.length, error) : 0;
}

static struct am_slice buf_slice(const struct am_buf *buf)
{
	return (struct am_slice){buf->length > 0 ? buf->data : NULL, buf->length};
}

static struct am_slice copy_slice(char **at, struct am_slice text)
{
	struct am_slice copy = {*at, text.length};

	if (text.at == NULL)
		return (struct am_slice){NULL, 0};
	if (text.length > 0)
		memcpy(*at, text.at, text.length);
	*at += text.length;
	return copy;
}

/* Adds a row with texts of its own. */
static int add_row(
	struct am_installp_output *o, const struct am_installp_row *row, struct am_error *error)
{
	size_t length = row->heading.length + row->list.length + row->name.length +
			row->level.length + row->text.length + row->part.length +
			row->event.length + row->word.length;
	struct am_installp_row *own;
	char *at;

	if (o->count >= AM_INSTALLP_ROWS || length > AM_INSTALLP_BYTES - o->bytes) {
		o->dropped++;
		return 0;
	}
	if (o->count == o->capacity) {
		size_t more = o->capacity == 0 ? 64 : o->capacity * 2;
		void *rows = realloc(o->rows, more * sizeof *o->rows);

		if (rows == NULL)
			return am_fail_errno(error, ENOMEM, "installp output");
		o->rows = rows;
		o->capacity = more;
	}
	own = &o->rows[o->count];
	*own = *row;
	own->owned = at = malloc(length + 1);
	if (at == NULL)
		return am_fail_errno(error, ENOMEM, "installp output");
	own->heading = copy_slice(&at, row->heading);
	own->list = copy_slice(&at, row->list);
	own->name = copy_slice(&at, row->name);
	own->level = copy_slice(&at, row->level);
	own->text = copy_slice(&at, row->text);
	own->part = copy_slice(&at, row->part);
	own->event = copy_slice(&at, row->event);
	own->word = copy_slice(&at, row->word);
	o->count++;
	o->bytes += length;
	return 0;
}

/* --- names --- */

int am_installp_know(struct am_installp_output *o, struct am_slice name, struct am_slice level,
	struct am_error *error)
{
	struct am_installp_known *known;
	struct am_level number;

	if (name.length == 0 || am_level_parse(level, &number) != 0 || o->are_names_closed)
		return 0;
	if (o->known_count >= AM_INSTALLP_ROWS || name.length > AM_INSTALLP_BYTES - o->bytes) {
		o->dropped++;
		return 0;
	}
	if (o->known_count == o->known_capacity) {
		size_t more = o->known_capacity == 0 ? 64 : o->known_capacity * 2;
		void *list = realloc(o->known, more * sizeof *o->known);

		if (list == NULL)
			return am_fail_errno(error, ENOMEM, "installp output");
		o->known = list;
		o->known_capacity = more;
	}
	known = &o->known[o->known_count];
	known->name = malloc(name.length);
	if (known->name == NULL)
		return am_fail_errno(error, ENOMEM, "installp output");
	memcpy(known->name, name.at, name.length);
	known->name_length = name.length;
	known->level = number;
	o->known_count++;
	o->bytes += name.length;
	o->is_sorted = 0;
	return 0;
}

static struct am_slice known_name(const struct am_installp_known *known)
{
	return (struct am_slice){known->name, known->name_length};
}

static int compare_known(const void *a, const void *b)
{
	const struct am_installp_known *x = a, *y = b;
	int order = am_slice_compare(known_name(x), known_name(y));

	return order != 0 ? order : am_level_compare(&x->level, &y->level);
}

static int is_prefix(struct am_slice prefix, const struct am_installp_known *known)
{
	return known->name_length >= prefix.length &&
	       memcmp(known->name, prefix.at, prefix.length) == 0;
}

/* The first known name that is not below a text. */
static size_t first_known(const struct am_installp_output *o, struct am_slice text)
{
	size_t low = 0, high = o->known_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (am_slice_compare(known_name(&o->known[middle]), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The names from `first` on that the row can mean; at its level only, or at any. */
static size_t meant(const struct am_installp_output *o, const struct am_installp_row *row,
	size_t first, int is_cut, const struct am_level *level, struct am_slice *names, size_t room)
{
	struct am_slice last = {NULL, 0};
	size_t count = 0;

	for (size_t i = first; i < o->known_count && i - first < AM_INSTALLP_MEANT; i++) {
		const struct am_installp_known *known = &o->known[i];

		if (!is_prefix(row->name, known))
			break;
		if ((!is_cut && known->name_length != row->name.length) ||
			(level != NULL && am_level_compare(&known->level, level) != 0) ||
			(last.at != NULL && am_slice_equal(last, known_name(known))))
			continue;
		last = known_name(known);
		if (count < room)
			names[count] = last;
		count++;
	}
	return count;
}

size_t am_installp_meant(struct am_installp_output *o, const struct am_installp_row *row,
	struct am_slice *names, size_t room)
{
	size_t width = row->kind == AM_INSTALLP_NOTED ? NOTE_NAME : SUMMARY_NAME, first, count;
	int is_cut = row->name.length + 1 >= width;
	struct am_level level;

	if (row->name.length == 0 || o->known_count == 0)
		return 0;
	if (!o->is_sorted)
		qsort(o->known, o->known_count, sizeof *o->known, compare_known);
	o->is_sorted = 1;
	first = first_known(o, row->name);
	count = am_level_parse(row->level, &level) == 0
			? meant(o, row, first, is_cut, &level, names, room)
			: 0;
	return count > 0 ? count : meant(o, row, first, is_cut, NULL, names, room);
}

/* --- lines --- */

/* "  word rest  # description"; the name is empty where there is none. */
static void cut_listed(struct am_slice line, struct am_installp_row *row)
{
	const char *hash = line.length > 0 ? memchr(line.at, '#', line.length) : NULL;
	struct am_slice left = line;

	if (hash != NULL) {
		left.length = (size_t)(hash - line.at);
		row->text =
			am_slice_trim((struct am_slice){hash + 1, line.length - left.length - 1});
	}
	row->name = next_word(&left);
	row->level = am_slice_trim(left);
	if (hash == NULL &&
		(row->name.length == 0 || memchr(row->name.at, '.', row->name.length) == NULL ||
			!is_level(row->level)))
		row->name.length = 0;
}

/* "  MISSING REQUISITES:  The following ...": the words before the colon. */
static struct am_slice label_of(struct am_slice line)
{
	struct am_slice label = am_slice_trim(line), none = {NULL, 0};
	const char *colon = label.length > 0 ? memchr(label.at, ':', label.length) : NULL;

	if (colon == NULL || label.at[0] < 'A' || label.at[0] > 'Z' ||
		(colon + 1 < label.at + label.length && !is_blank(colon[1])))
		return none;
	label.length = (size_t)(colon - label.at);
	for (size_t i = 0; i < label.length; i++) {
		if (label.at[i] != ' ' && (label.at[i] < 'A' || label.at[i] > 'Z'))
			return none;
	}
	return label.length > 1 ? label : none;
}

static int is_rule(struct am_slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] != '-')
			return 0;
	}
	return text.length > 0;
}

static int section_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_LISTED, .section = o->section};
	struct am_slice text = am_slice_trim(line), label;

	if (is_blank(line.at[0]) && is_rule(text)) {
		o->list.length = 0;
		return set_text(&o->heading, buf_slice(&o->before), error);
	}
	if (o->heading.length == 0 || !is_blank(line.at[0]))
		return 0;
	label = label_of(line);
	if (label.at != NULL && !am_slice_is(label, "NOTE"))
		return set_text(&o->list, label, error);
	cut_listed(line, &row);
	if (row.name.length == 0)
		return 0;
	row.heading = buf_slice(&o->heading);
	row.list = buf_slice(&o->list);
	if (is_whole_level(row.level) && am_installp_know(o, row.name, row.level, error) != 0)
		return -1;
	return add_row(o, &row, error);
}

/* Sets what a line of the form "WORD NUMBER NUMBER" says. */
static int room_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_ROOM};

	if (contains(line, "TOTAL:")) {
		o->state = NONE;
		return 0;
	}
	row.name = next_word(&line);
	if (row.name.length == 0 || row.name.at[0] != '/' ||
		!number_of(next_word(&line), &row.number) || !number_of(next_word(&line), &row.of))
		return 0;
	return add_row(o, &row, error);
}

static int count_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_COUNT};

	if (!number_of(next_word(&line), &row.number))
		return 0;
	row.text = am_slice_trim(line);
	return row.text.length > 0 ? add_row(o, &row, error) : 0;
}

static enum am_installp_result result_of(struct am_slice word)
{
	static const struct {
		const char *word;
		enum am_installp_result result;
	} known[] = {{"SUCCESS", AM_INSTALLP_SUCCESS}, {"FAILED", AM_INSTALLP_FAILED},
		{"FAILURE", AM_INSTALLP_FAILED}, {"CANCELLED", AM_INSTALLP_CANCELLED},
		{"CANCELED", AM_INSTALLP_CANCELLED}, {"PARTIAL", AM_INSTALLP_PARTIAL},
		{"BROKEN", AM_INSTALLP_BROKEN}, {"ALREADY", AM_INSTALLP_ALREADY}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (am_slice_is(word, known[i].word))
			return known[i].result;
	}
	return AM_INSTALLP_OTHER;
}

/* The name of a table's row, which may fill its column so that no blank follows it. */
static struct am_slice table_name(struct am_slice *line, size_t width)
{
	struct am_slice rest = *line, name = {line->at, width};

	if (line->length > width && !is_blank(line->at[0]) && !is_blank(line->at[width])) {
		for (size_t i = 0; i < width; i++) {
			if (is_blank(line->at[i]))
				return next_word(line);
		}
		rest.at += width;
		rest.length -= width;
		if (is_level(next_word(&rest))) {
			line->at += width;
			line->length -= width;
			return name;
		}
	}
	return next_word(line);
}

static int summary_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_RESULT};

	if (is_blank(line.at[0]))
		return 0;
	row.name = table_name(&line, SUMMARY_NAME);
	row.level = next_word(&line);
	row.part = next_word(&line);
	row.event = next_word(&line);
	row.word = next_word(&line);
	if (!is_level(row.level) || !is_upper(row.part) || !is_upper(row.event) ||
		!is_upper(row.word))
		return 0;
	row.result = result_of(row.word);
	return add_row(o, &row, error);
}

static int note_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_NOTED};

	if (is_blank(line.at[0]))
		return 0;
	row.name = table_name(&line, NOTE_NAME);
	row.level = next_word(&line);
	row.text = am_slice_trim(line);
	if (!is_level(row.level) || row.text.length == 0)
		return 0;
	o->is_listing = 1;
	return add_row(o, &row, error);
}

/* --- groups --- */

/* Drops whole lines from the front of what a group said until there is room for one more. */
static void make_room(struct am_buf *said, size_t length)
{
	while (said->length > 0 && said->length + length > AM_INSTALLP_SAID) {
		const char *end = memchr(said->data, '\n', said->length);

		am_buf_consume(said, end == NULL ? said->length : (size_t)(end - said->data) + 1);
	}
}

static int group_said(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_buf *said;

	if (!o->in_group || o->group_count == 0)
		return 0;
	said = &o->groups[o->group_count - 1].said;
	if (line.length > AM_INSTALLP_SAID / 4)
		line.length = AM_INSTALLP_SAID / 4;
	make_room(said, line.length + 1);
	return am_buf_add(said, line.at, line.length, error) != 0 ||
			       am_buf_add(said, "\n", 1, error) != 0
		       ? -1
		       : 0;
}

/* "installp:  APPLYING software for:": what is done, or absent. */
static struct am_slice action_of(struct am_slice line)
{
	struct am_slice none = {NULL, 0};
	size_t end = find(line, " software for:");

	if (!begins(line, "installp:") || end == line.length || end < 9)
		return none;
	line.at += 9;
	line.length = end - 9;
	line = am_slice_trim(line);
	return line.length > 0 && line.length < 40 ? line : none;
}

static int begin_group(struct am_installp_output *o, struct am_slice action, struct am_error *error)
{
	if (o->group_count >= AM_INSTALLP_GROUPS) {
		o->dropped++;
		o->in_group = 0;
		o->state = NONE;
		return 0;
	}
	if (o->group_count == o->group_capacity) {
		size_t more = o->group_capacity == 0 ? 16 : o->group_capacity * 2;
		void *groups = realloc(o->groups, more * sizeof *o->groups);

		if (groups == NULL)
			return am_fail_errno(error, ENOMEM, "installp output");
		o->groups = groups;
		o->group_capacity = more;
	}
	memset(&o->groups[o->group_count++], 0, sizeof *o->groups);
	o->state = GROUP;
	o->in_group = 1;
	o->is_listing = 0;
	return set_text(&o->action, action, error);
}

/* A fileset of the group; 1 when the line is none. */
static int group_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {.kind = AM_INSTALLP_BEGUN, .number = o->group_count};

	row.name = next_word(&line);
	row.level = next_word(&line);
	if (row.name.length == 0 || !is_whole_level(row.level) || am_slice_trim(line).length > 0)
		return 1;
	row.text = buf_slice(&o->action);
	o->is_listing = 1;
	if (am_installp_know(o, row.name, row.level, error) != 0)
		return -1;
	return add_row(o, &row, error);
}

/* "0503-464 installp: ...", or a line of installp itself. */
static int is_message(struct am_slice line)
{
	static const char shape[] = "dddd-ddd ";

	if (begins(line, "installp:"))
		return 1;
	for (size_t i = 0; i + 1 < sizeof shape; i++) {
		if (i >= line.length || (shape[i] == 'd' ? line.at[i] < '0' || line.at[i] > '9'
							 : line.at[i] != shape[i]))
			return 0;
	}
	return 1;
}

/* --- the machine --- */

/* Lines that are a row by themselves, wherever they are. 1 when it is one. */
static int lone_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	struct am_installp_row row = {0};
	struct am_slice rest;

	if (begins(line, "Filesets processed:")) {
		rest = (struct am_slice){line.at + 19, line.length - 19};
		row.kind = AM_INSTALLP_PROCESSED;
		if (number_of(next_word(&rest), &row.number) &&
			am_slice_is(next_word(&rest), "of") && number_of(next_word(&rest), &row.of))
			return add_row(o, &row, error) == 0 ? 1 : -1;
	}
	if (begins(line, "Filesystem size changed to ")) {
		rest = (struct am_slice){line.at + 27, line.length - 27};
		row.kind = AM_INSTALLP_GROWN;
		if (number_of(next_word(&rest), &row.number))
			return add_row(o, &row, error) == 0 ? 1 : -1;
	}
	if (begins(line, "Finished processing all filesets")) {
		row.kind = AM_INSTALLP_FINISHED;
		o->in_group = 0;
		o->state = NONE;
		return add_row(o, &row, error) == 0 ? 1 : -1;
	}
	return 0;
}

/* Lines that begin or end a part of the output; 1 when it is one. */
static int change_state(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	static const char *const sections[] = {"FAILURES", "WARNINGS", "SUCCESSES"};
	struct am_slice text = am_slice_trim(line), action;

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (line.at[0] == text.at[0] && am_slice_is(text, sections[i])) {
			o->section = (enum am_installp_section)i;
			o->state = SECTION;
			o->heading.length = o->list.length = 0;
			return 1;
		}
	}
	action = action_of(line);
	if (action.at != NULL)
		return begin_group(o, action, error) == 0 ? 1 : -1;
	if (begins(line, "Installation Summary")) {
		o->state = SUMMARY;
	} else if (begins(line, "Pre-installation Failure/Warning Summary")) {
		o->state = NOTES;
	} else if (begins(line, "FILESET STATISTICS")) {
		o->state = STATISTICS;
	} else if (contains(line, "Needed Space") && contains(line, "Free Space")) {
		o->state = ROOM;
		return 1;
	} else if (begins(line, "+--") || (o->state == SECTION && begins(text, "<< End of "))) {
		o->state = NONE;
		return 1;
	} else {
		return 0;
	}
	o->is_listing = 0;
	o->in_group = 0;
	/* The tables are last, and from here on names are looked up. */
	o->are_names_closed |= o->state == SUMMARY || o->state == NOTES;
	return 1;
}

static int state_line(struct am_installp_output *o, struct am_slice line, struct am_error *error)
{
	int result;

	if (is_message(line)) {
		struct am_installp_row row = {
			.kind = AM_INSTALLP_MESSAGE, .text = am_slice_trim(line)};

		return add_row(o, &row, error) == 0 ? group_said(o, line, error) : -1;
	}
	switch (o->state) {
	case SECTION:
		return section_line(o, line, error);
	case STATISTICS:
		return count_line(o, line, error);
	case ROOM:
		return room_line(o, line, error);
	case SUMMARY:
		return summary_line(o, line, error);
	case NOTES:
		return note_line(o, line, error);
	case GROUP:
		result = group_line(o, line, error);
		if (result <= 0)
			return result;
		break; /* standard error is not in step: the list goes on until its empty line */
	default:
		break;
	}
	return group_said(o, line, error);
}

static void empty_line(struct am_installp_output *o)
{
	if (o->state == STATISTICS || ((o->state == GROUP || o->state == NOTES) && o->is_listing))
		o->state = NONE;
}

static int take_line(void *context, const char *data, size_t length, struct am_error *error)
{
	struct am_installp_output *o = context;
	struct am_slice line = {data, length < AM_INSTALLP_LINE ? length : AM_INSTALLP_LINE};
	int result;

	while (line.length > 0 && is_blank(line.at[line.length - 1]))
		line.length--;
	if (line.length == 0) {
		empty_line(o);
		return 0;
	}
	result = change_state(o, line, error);
	if (result == 0)
		result = lone_line(o, line, error);
	if (result == 0)
		result = state_line(o, line, error);
	return result < 0 ? -1 : set_text(&o->before, am_slice_trim(line), error);
}

int am_installp_add(
	struct am_installp_output *o, const char *data, size_t length, struct am_error *error)
{
	o->lines.line = take_line;
	o->lines.context = o;
	return am_lines_add(&o->lines, data, length, error);
}

int am_installp_end(struct am_installp_output *o, struct am_error *error)
{
	o->lines.line = take_line;
	o->lines.context = o;
	return am_lines_end(&o->lines, error);
}

void am_installp_free(struct am_installp_output *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->rows[i].owned);
	for (size_t i = 0; i < o->group_count; i++)
		am_buf_free(&o->groups[i].said);
	for (size_t i = 0; i < o->known_count; i++)
		free(o->known[i].name);
	free(o->rows);
	free(o->groups);
	free(o->known);
	am_buf_free(&o->heading);
	am_buf_free(&o->list);
	am_buf_free(&o->before);
	am_buf_free(&o->action);
	am_lines_free(&o->lines);
	memset(o, 0, sizeof *o);
}
