/* SPDX-License-Identifier: MIT */
/*
 * The keyed-record model every configuration grammar is read into. A file is a header, records and
 * a trailer; a record has a key and fields. All of it points into one copy of the text, and every
 * byte of the text belongs to exactly one part, so what nobody touches comes out as it went in.
 */
#ifndef ALTMIG_CONFIG_RECORD_H
#define ALTMIG_CONFIG_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* An attribute of a stanza, or one field of a line. */
struct am_field {
	struct am_slice name;
	struct am_slice value; /* without the blanks around it; quotes belong to it */
	struct am_slice lead;  /* stanza: comments and blank lines before the attribute */
	struct am_slice text;  /* stanza: its line or lines, with the line end; else the value */
	size_t line;
};

enum am_record_kind {
	AM_RECORD_LIVE,
	AM_RECORD_DISABLED, /* a comment whose text parses as a record; only in tables */
	AM_RECORD_LINE,     /* no record, but matched as a whole: a control line, a malformed one */
	AM_RECORD_RAW       /* kept in its place and never matched: malformed, blank, NIS entry */
};

#define AM_NO_RECORD SIZE_MAX

struct am_record {
	enum am_record_kind kind;
	struct am_slice key;
	struct am_slice lead; /* comments and blank lines that belong to it */
	struct am_slice text; /* stanza: the header line; else the whole line */
	size_t first_field, field_count;
	size_t line;
	size_t next_same; /* the next record of the same key, or AM_NO_RECORD */
	int is_repeat;    /* an earlier live record has this key */
};

/* What the parser accepted with a doubt. */
struct am_note {
	size_t line;
	char text[120];
};

struct am_records {
	const char *name; /* the file's path, for messages; borrowed */
	char *text;
	size_t length;
	int line_oriented; /* a record is one line and its fields are inside its text */
	struct am_slice header, trailer;
	struct am_record *records;
	size_t count, capacity;
	struct am_field *fields;
	size_t field_count, field_capacity;
	struct am_note *notes; /* at most AM_RECORDS_NOTES */
	size_t note_count;
	char *keys; /* composed keys, where a key is not a part of the text */
	size_t keys_length, keys_capacity;
	size_t *slots;
	size_t slot_count;
	size_t steps; /* comparisons made to find records: what grows when look-up is not linear */
};

#define AM_RECORDS_NOTES  1000
#define AM_RECORDS_FIELDS 2048 /* of one key: keeps hostile files from costing square time */

/* How the columns of a line are called, and which of them make the key. */
struct am_columns {
	const char *const *names;
	size_t count;      /* columns a line may have */
	size_t least;      /* columns a line must have to count as a record */
	const size_t *key; /* each column once at the most: a key is no longer than its line */
	size_t key_count;
	size_t first_bytes;  /* of the first key column only these count; 0: all */
	int dash_is_absent;  /* "-" and a missing trailing column are the same in a key */
	char control;        /* tables: a line that begins so is a control line; 0: none */
	const char *setting; /* the first word of a control line that sets one value: the last of
				them counts, and it is a record of that key; NULL: none */
	char separator; /* colon files: 0 is ':'; '\n', which no line holds, makes it one field */
	int hash_comments; /* colon files: "#" begins a comment, "+" and "-" mean nothing */
};

#define AM_COLUMNS_MAX 32

/*
 * For parsers. init copies the text and refuses what no text file holds (NUL bytes, more than
 * 1 GiB) with the code "CONFIG_SYNTAX". The add functions return NULL without memory.
 */
int am_records_init(struct am_records *file, const char *name, const char *text, size_t length,
	struct am_error *error);
struct am_record *am_records_add(struct am_records *file, struct am_error *error);
struct am_field *am_records_add_field(struct am_records *file, struct am_error *error);
void am_records_note(struct am_records *file, size_t line, const char *format, ...) AM_PRINTF(3, 4);
/* Fails with "CONFIG_SYNTAX" and "parse: NAME: line N: reason". */
int am_records_syntax(
	struct am_error *error, const struct am_records *file, size_t line, const char *reason);
/* Makes the look-up table and links records of the same key. */
int am_records_index(struct am_records *file, struct am_error *error);

/* The first live or disabled record of this key, or NULL. */
struct am_record *am_records_find(struct am_records *file, struct am_slice key);

/*
 * The fields that count for a record: of an attribute given twice in one stanza the last value in
 * place of the first; then what later stanzas of the same key add. *list is made of pointers into
 * the file and freed by the caller.
 */
int am_record_fields(const struct am_records *file, const struct am_record *record,
	const struct am_field ***list, size_t *count, struct am_error *error);

/* The text again, put together from its parts: byte for byte what was parsed. */
int am_records_write(const struct am_records *file, struct am_buf *out, struct am_error *error);

void am_records_free(struct am_records *file);

/* The line that starts at `at` in the file's text, its line end included. */
struct am_slice am_records_line(const struct am_records *file, size_t at);
/*
 * Makes the comment block at the file's head, up to the first blank line and with it, the header.
 * `end` is where the first record begins, or the text's end. Returns where the rest begins.
 */
size_t am_records_take_header(struct am_records *file, size_t end);
/* Room for the composed keys of every line; once, before the first of them. */
int am_records_room_for_keys(struct am_records *file, struct am_error *error);
/* The key columns of a line with a tab between them. */
struct am_slice am_records_compose_key(struct am_records *file, const struct am_columns *columns,
	const struct am_slice *fields, size_t count);
/* The key of a line that is matched as a whole: no record of a file of lines can have it. */
struct am_slice am_records_line_key(struct am_records *file, struct am_slice content);
/* A key as it is shown. */
struct am_slice am_records_shown_key(struct am_slice key);
/* A file of lines while it is parsed: what the grammars of lines share. */
struct am_line_parser {
	struct am_records *file;
	const struct am_columns *columns;
	int comments;    /* the file may have a head comment, and keys are composed */
	size_t at, line; /* where the present line begins, and its number */
	size_t pending;  /* where the comments begin that wait for their record */
};

/*
 * Reads a text line by line into parser->file. `parse` adds what a line is, if it is more than a
 * part of the next record's lead.
 */
int am_records_parse_lines(struct am_line_parser *parser,
	int (*parse)(struct am_line_parser *parser, struct am_slice line, struct am_error *error),
	const char *name, const char *text, size_t length, struct am_error *error);
/* The present line as a record with the comments before it; NULL without memory. */
struct am_record *am_records_add_line(struct am_line_parser *parser, enum am_record_kind kind,
	struct am_slice line, struct am_error *error);
/* The next field of the record that was added last: column `i`. */
int am_records_add_column(
	struct am_line_parser *parser, size_t i, struct am_slice value, struct am_error *error);

/* A line without its LF or CRLF. */
struct am_slice am_line_content(struct am_slice line);

#endif
