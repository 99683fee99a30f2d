/* SPDX-License-Identifier: MIT */
#include "odm/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CRITERIA_MAX ((size_t)64 * 1024)
#define NESTING_MAX  32

static const char *const type_names[AM_ODM_TYPES] = {"char", "longchar", "binary", "short", "long",
	"link", "method", "vchar", "double", "ulong", "long64", "ulong64"};

const char *am_odm_type_name(unsigned type)
{
	return type < AM_ODM_TYPES ? type_names[type] : NULL;
}

int am_odm_type_of(const char *name)
{
	for (int i = 0; i < AM_ODM_TYPES; i++) {
		if (strcmp(name, type_names[i]) == 0)
			return i;
	}
	if (strcmp(name, "int64") == 0 || strcmp(name, "ODM_LONG_LONG") == 0)
		return AM_ODM_INT64;
	if (strcmp(name, "uint64") == 0 || strcmp(name, "ODM_ULONG_LONG") == 0)
		return AM_ODM_UINT64;
	return -1;
}

enum am_odm_kind am_odm_kind_of(enum am_odm_type type)
{
	switch (type) {
	case AM_ODM_SHORT:
	case AM_ODM_LONG:
	case AM_ODM_ULONG:
	case AM_ODM_INT64:
	case AM_ODM_UINT64:
		return AM_ODM_NUMBER;
	case AM_ODM_DOUBLE:
		return AM_ODM_REAL;
	default:
		return AM_ODM_TEXT;
	}
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int am_odm_identifier(const char *name, size_t length)
{
	if (length == 0 || length > 255 || !is_letter(name[0]))
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (!is_letter(name[i]) && !is_digit(name[i]))
			return 0;
	}
	return 1;
}

int am_odm_find(
	const struct am_odm_descriptor *descriptors, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(descriptors[i].name) == length &&
			memcmp(descriptors[i].name, name, length) == 0)
			return (int)i;
	}
	return -1;
}

/* --- values --- */

static int range_error(const struct am_odm_descriptor *d, const char *what, struct am_error *error)
{
	return am_fail(error, "ODM_RANGE", "descriptor %s: %s", d->name, what);
}

/* Decimal or 0x; the whole text. Large unsigned numbers wrap into the bits of `number`. */
static int text_number(const char *text, size_t length, int64_t *number)
{
	char digits[32];
	char *end;

	if (length == 0 || length >= sizeof digits)
		return -1;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!is_digit(digits[0]) && !(digits[0] == '-' && is_digit(digits[1])))
		return -1;
	errno = 0;
	if (digits[0] == '-')
		*number = strtoll(digits, &end, 10);
	else
		*number = (int64_t)strtoull(
			digits, &end, digits[0] == '0' && (digits[1] | 32) == 'x' ? 16 : 10);
	return errno != 0 || *end != '\0' ? -1 : 0;
}

static int text_real(const char *text, size_t length, double *real)
{
	char digits[64];
	char *end;

	if (length == 0 || length >= sizeof digits || isspace((unsigned char)text[0]))
		return -1;
	memcpy(digits, text, length);
	digits[length] = '\0';
	*real = strtod(digits, &end);
	return *end != '\0' ? -1 : 0;
}

static int check_number(
	const struct am_odm_descriptor *d, const struct am_odm_value *value, struct am_error *error)
{
	int64_t low = INT64_MIN, high = INT64_MAX;

	switch (d->type) {
	case AM_ODM_SHORT:
		low = INT16_MIN;
		high = INT16_MAX;
		break;
	case AM_ODM_LONG:
		low = INT32_MIN;
		high = INT32_MAX;
		break;
	case AM_ODM_ULONG:
		low = 0;
		high = UINT32_MAX;
		break;
	default:
		break;
	}
	if (value->number < low || value->number > high)
		return range_error(d, "number out of range", error);
	return 0;
}

/* All its bytes as they are, or as many of the first as hexadecimal text tells. */
static int check_binary(
	const struct am_odm_descriptor *d, const struct am_odm_value *value, struct am_error *error)
{
	if (value->length == d->size || value->length == 0)
		return 0;
	if (value->length < 2 || value->length % 2 != 0 || memcmp(value->text, "0x", 2) != 0)
		return range_error(d, "neither all its bytes nor hexadecimal text", error);
	for (size_t i = 2; i < value->length; i++) {
		if (!isxdigit((unsigned char)value->text[i]))
			return range_error(d, "no hexadecimal text", error);
	}
	if (value->length / 2 - 1 > d->size)
		return range_error(d, "too many bytes", error);
	return 0;
}

static int check_text(
	const struct am_odm_descriptor *d, const struct am_odm_value *value, struct am_error *error)
{
	if (d->type == AM_ODM_BINARY)
		return check_binary(d, value, error);
	if (memchr(value->text, '\0', value->length) != NULL)
		return range_error(d, "NUL in a string", error);
	if (d->type != AM_ODM_VCHAR && value->length >= d->size)
		return range_error(d, "string too long", error);
	return 0;
}

int am_odm_convert(
	const struct am_odm_descriptor *d, struct am_odm_value *value, struct am_error *error)
{
	enum am_odm_kind want = am_odm_kind_of(d->type);

	if (value->kind == AM_ODM_TEXT && want == AM_ODM_NUMBER) {
		if (text_number(value->text, value->length, &value->number) != 0)
			return range_error(d, "no number", error);
		value->kind = AM_ODM_NUMBER;
	} else if (value->kind == AM_ODM_TEXT && want == AM_ODM_REAL) {
		if (text_real(value->text, value->length, &value->real) != 0)
			return range_error(d, "no number", error);
		value->kind = AM_ODM_REAL;
	} else if (value->kind == AM_ODM_NUMBER && want == AM_ODM_REAL) {
		value->real = (double)value->number;
		value->kind = AM_ODM_REAL;
	}
	if (value->kind != want)
		return range_error(d,
			want == AM_ODM_TEXT ? "a number where a string is kept"
					    : "a fraction where a number is kept",
			error);
	if (want == AM_ODM_NUMBER)
		return check_number(d, value, error);
	return want == AM_ODM_TEXT ? check_text(d, value, error) : 0;
}

/* --- criteria --- */

enum operator{ OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE, OP_LIKE };

enum node_kind { NODE_TERM, NODE_AND, NODE_OR };

/* A tree kept in one array. Nodes with children hold when all (AND) or any (OR) of them do. */
struct node {
	enum node_kind kind;
	int child, next; /* first child, next sibling; -1: none */
	size_t index;    /* of a term: its descriptor */
	enum operator op;
	int is_unsigned;
	struct am_odm_value value;
};

struct am_odm_criteria {
	char *text; /* what the values point into */
	struct node *nodes;
	int count, capacity;
	int root; /* -1: everything matches */
};

struct parser {
	struct am_odm_criteria *criteria;
	const struct am_odm_descriptor *descriptors;
	size_t count;
	char *p;
	struct am_error *error;
};

static int criteria_error(struct parser *parser, const char *what)
{
	return am_fail(parser->error, "ODM_CRITERIA", "odm: criteria '%.200s': at character %d: %s",
		parser->criteria->text, (int)(parser->p - parser->criteria->text) + 1, what);
}

static void skip_blanks(struct parser *parser)
{
	while (is_blank(*parser->p) || *parser->p == '\n')
		parser->p++;
}

/* Takes the keyword when it is next, as a word of its own. */
static int take_word(struct parser *parser, const char *word)
{
	size_t length = strlen(word);

	skip_blanks(parser);
	if (strncasecmp(parser->p, word, length) != 0 || is_letter(parser->p[length]) ||
		is_digit(parser->p[length]))
		return 0;
	parser->p += length;
	return 1;
}

static int new_node(struct parser *parser, enum node_kind kind)
{
	struct am_odm_criteria *c = parser->criteria;

	if (c->count == c->capacity) {
		int capacity = c->capacity * 2 + 8;
		struct node *nodes = realloc(c->nodes, (size_t)capacity * sizeof *nodes);

		if (nodes == NULL)
			return am_fail_errno(parser->error, ENOMEM, "odm: criteria");
		c->nodes = nodes;
		c->capacity = capacity;
	}
	memset(&c->nodes[c->count], 0, sizeof *c->nodes);
	c->nodes[c->count].kind = kind;
	c->nodes[c->count].child = c->nodes[c->count].next = -1;
	return c->count++;
}

static int take_operator(struct parser *parser, enum operator* op)
{
	static const struct {
		const char *text;
		enum operator op;
	} operators[] = {{"!=", OP_NE}, {">=", OP_GE}, {"<=", OP_LE}, {"=", OP_EQ}, {">", OP_GT},
		{"<", OP_LT}};

	skip_blanks(parser);
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		size_t length = strlen(operators[i].text);

		if (strncmp(parser->p, operators[i].text, length) == 0) {
			parser->p += length;
			*op = operators[i].op;
			return 0;
		}
	}
	if (!take_word(parser, "LIKE"))
		return criteria_error(parser, "an operator was expected");
	*op = OP_LIKE;
	return 0;
}

static int take_value(struct parser *parser, struct am_odm_value *value)
{
	char *start;

	skip_blanks(parser);
	start = parser->p;
	value->kind = AM_ODM_TEXT;
	if (*start == '\'' || *start == '"') {
		char *end = strchr(start + 1, *start);

		if (end == NULL)
			return criteria_error(parser, "quote without an end");
		value->text = start + 1;
		value->length = (size_t)(end - start) - 1;
		parser->p = end + 1;
		return 0;
	}
	while (*parser->p != '\0' && strchr(" \t\r\n()'\"", *parser->p) == NULL)
		parser->p++;
	if (parser->p == start)
		return criteria_error(parser, "a value was expected");
	value->text = start;
	value->length = (size_t)(parser->p - start);
	return 0;
}

static int parse_term(struct parser *parser)
{
	struct am_odm_value value = {AM_ODM_NONE, NULL, 0, 0, 0};
	enum operator op = OP_EQ;
	char *name;
	int index, id;

	skip_blanks(parser);
	name = parser->p;
	while (is_letter(*parser->p) || (parser->p > name && is_digit(*parser->p)))
		parser->p++;
	if (parser->p == name)
		return criteria_error(parser, "a descriptor was expected");
	index = am_odm_find(parser->descriptors, parser->count, name, (size_t)(parser->p - name));
	if (index < 0)
		return am_fail(parser->error, "ODM_CRITERIA",
			"odm: criteria '%.200s': the class has no descriptor '%.*s'",
			parser->criteria->text, (int)(parser->p - name), name);
	if (take_operator(parser, &op) != 0 || take_value(parser, &value) != 0)
		return -1;
	if (op != OP_LIKE && am_odm_kind_of(parser->descriptors[index].type) == AM_ODM_NUMBER &&
		text_number(value.text, value.length, &value.number) == 0)
		value.kind = AM_ODM_NUMBER;
	else if (op != OP_LIKE && am_odm_kind_of(parser->descriptors[index].type) == AM_ODM_REAL &&
		 text_real(value.text, value.length, &value.real) == 0)
		value.kind = AM_ODM_REAL;
	else if (op != OP_LIKE && am_odm_kind_of(parser->descriptors[index].type) != AM_ODM_TEXT)
		return criteria_error(parser, "a number was expected");
	id = new_node(parser, NODE_TERM);
	if (id >= 0) {
		struct node *node = &parser->criteria->nodes[id];

		node->index = (size_t)index;
		node->op = op;
		node->value = value;
		node->is_unsigned = parser->descriptors[index].type == AM_ODM_UINT64;
	}
	return id;
}

static int parse_any(struct parser *parser, int nesting);

static int parse_factor(struct parser *parser, int nesting)
{
	int id;

	skip_blanks(parser);
	if (*parser->p != '(')
		return parse_term(parser);
	if (nesting >= NESTING_MAX)
		return criteria_error(parser, "too many parentheses");
	parser->p++;
	id = parse_any(parser, nesting + 1);
	if (id < 0)
		return -1;
	skip_blanks(parser);
	if (*parser->p != ')')
		return criteria_error(parser, "')' was expected");
	parser->p++;
	return id;
}

/* Operands with the same word between them: a node of `kind`, its operands as children. */
static int parse_chain(struct parser *parser, enum node_kind kind, const char *word,
	int (*operand)(struct parser *parser, int nesting), int nesting)
{
	int id = new_node(parser, kind);
	int last = -1;

	if (id < 0)
		return -1;
	do {
		int child = operand(parser, nesting);

		if (child < 0)
			return -1;
		if (last < 0)
			parser->criteria->nodes[id].child = child;
		else
			parser->criteria->nodes[last].next = child;
		last = child;
	} while (take_word(parser, word));
	return id;
}

static int parse_all(struct parser *parser, int nesting)
{
	return parse_chain(parser, NODE_AND, "AND", parse_factor, nesting);
}

static int parse_any(struct parser *parser, int nesting)
{
	return parse_chain(parser, NODE_OR, "OR", parse_all, nesting);
}

static int parse_criteria(struct parser *parser)
{
	skip_blanks(parser);
	if (*parser->p == '\0')
		return 0;
	parser->criteria->root = parse_any(parser, 0);
	if (parser->criteria->root < 0)
		return -1;
	skip_blanks(parser);
	if (*parser->p != '\0')
		return criteria_error(parser, "AND or OR was expected");
	return 0;
}

struct am_odm_criteria *am_odm_criteria_compile(const char *text,
	const struct am_odm_descriptor *descriptors, size_t count, struct am_error *error)
{
	struct am_odm_criteria *criteria;
	struct parser parser = {NULL, descriptors, count, NULL, error};

	if (text != NULL && strlen(text) > CRITERIA_MAX) {
		am_fail(error, "ODM_CRITERIA", "odm: criteria longer than %zu bytes", CRITERIA_MAX);
		return NULL;
	}
	criteria = calloc(1, sizeof *criteria);
	if (criteria == NULL || (criteria->text = strdup(text != NULL ? text : "")) == NULL) {
		free(criteria);
		am_fail_errno(error, ENOMEM, "odm: criteria");
		return NULL;
	}
	criteria->root = -1;
	parser.criteria = criteria;
	parser.p = criteria->text;
	if (parse_criteria(&parser) != 0) {
		am_odm_criteria_free(criteria);
		return NULL;
	}
	return criteria;
}

/* One [set] of a pattern against `c`: its length in the pattern and the verdict, or 0 when it is
 * no set. */
static size_t match_set(const char *p, size_t length, unsigned char c, int *matches)
{
	size_t i = 1;
	int negate = 0, found = 0;

	if (i < length && (p[i] == '!' || p[i] == '^')) {
		negate = 1;
		i++;
	}
	for (size_t first = i; i < length && (p[i] != ']' || i == first); i++) {
		unsigned char low = (unsigned char)p[i], high = low;

		if (i + 2 < length && p[i + 1] == '-' && p[i + 2] != ']') {
			high = (unsigned char)p[i + 2];
			i += 2;
		}
		if (c >= low && c <= high)
			found = 1;
	}
	*matches = found != negate;
	return i < length ? i + 1 : 0;
}

/* Shell patterns, with one place to go back to: the last star. */
static int match_pattern(const char *p, size_t plen, const char *s, size_t slen)
{
	size_t pi = 0, si = 0, star = SIZE_MAX, resume = 0;

	while (si < slen) {
		size_t step = 1;
		int matches = 0;

		if (pi < plen && p[pi] == '*') {
			star = pi++;
			resume = si;
			continue;
		}
		if (pi < plen && p[pi] == '[')
			step = match_set(p + pi, plen - pi, (unsigned char)s[si], &matches);
		if (pi < plen && (p[pi] != '[' || step == 0)) {
			step = 1;
			matches = p[pi] == '?' || p[pi] == s[si];
		}
		if (pi < plen && matches) {
			pi += step;
			si++;
		} else if (star != SIZE_MAX) {
			pi = star + 1;
			si = ++resume;
		} else {
			return 0;
		}
	}
	while (pi < plen && p[pi] == '*')
		pi++;
	return pi == plen;
}

static int compare_text(const struct am_odm_value *have, const struct am_odm_value *want)
{
	size_t shorter = have->length < want->length ? have->length : want->length;
	int order = memcmp(have->text, want->text, shorter);

	if (order != 0)
		return order;
	return have->length < want->length ? -1 : have->length > want->length;
}

static int compare_values(const struct node *node, const struct am_odm_value *have)
{
	const struct am_odm_value *want = &node->value;

	if (have->kind == AM_ODM_NUMBER) {
		if (node->is_unsigned)
			return (uint64_t)have->number < (uint64_t)want->number
				       ? -1
				       : (uint64_t)have->number > (uint64_t)want->number;
		return have->number < want->number ? -1 : have->number > want->number;
	}
	if (have->kind == AM_ODM_REAL)
		return have->real < want->real ? -1 : have->real > want->real;
	return compare_text(have, want);
}

static int match_like(const struct node *node, const struct am_odm_value *have)
{
	char digits[64];
	const char *text = have->text;
	size_t length = have->length;

	if (have->kind != AM_ODM_TEXT) {
		digits[0] = '\0';
		if (have->kind == AM_ODM_REAL)
			snprintf(digits, sizeof digits, "%.17g", have->real);
		if (have->kind == AM_ODM_NUMBER)
			snprintf(digits, sizeof digits, "%lld", (long long)have->number);
		text = digits;
		length = strlen(digits);
	}
	return match_pattern(node->value.text, node->value.length, text, length);
}

static int match_term(const struct node *node, const struct am_odm_value *have)
{
	int order;

	if (node->op == OP_LIKE)
		return match_like(node, have);
	order = compare_values(node, have);
	switch (node->op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_GT:
		return order > 0;
	case OP_GE:
		return order >= 0;
	case OP_LT:
		return order < 0;
	default:
		return order <= 0;
	}
}

/* As deep as the parentheses, which the parser limits. */
static int match_node(const struct am_odm_criteria *c, int id,
	void (*get)(const void *object, size_t index, struct am_odm_value *value),
	const void *object)
{
	const struct node *node = &c->nodes[id];

	if (node->kind == NODE_TERM) {
		struct am_odm_value have = {AM_ODM_NONE, "", 0, 0, 0};

		get(object, node->index, &have);
		return match_term(node, &have);
	}
	for (int child = node->child; child >= 0; child = c->nodes[child].next) {
		if (match_node(c, child, get, object) == (node->kind == NODE_OR))
			return node->kind == NODE_OR;
	}
	return node->kind == NODE_AND;
}

int am_odm_criteria_match(const struct am_odm_criteria *criteria,
	void (*get)(const void *object, size_t index, struct am_odm_value *value),
	const void *object)
{
	return criteria->root < 0 || match_node(criteria, criteria->root, get, object);
}

void am_odm_criteria_free(struct am_odm_criteria *criteria)
{
	if (criteria == NULL)
		return;
	free(criteria->nodes);
	free(criteria->text);
	free(criteria);
}

/* --- stanza text --- */

struct scanner {
	struct am_odm_text *result;
	const char *p, *end;
	size_t line;
	char *decoded; /* where the next decoded string goes */
	struct am_error *error;
};

static int syntax_error(struct scanner *s, size_t line, const char *what)
{
	return am_fail(s->error, "ODM_SYNTAX", "odm: line %zu: %s", line, what);
}

static struct am_odm_item *new_item(struct scanner *s, enum am_odm_item_kind kind)
{
	struct am_odm_text *t = s->result;
	struct am_odm_item *item;

	if (t->count == t->capacity) {
		size_t capacity = t->capacity * 2 + 64;
		struct am_odm_item *items = realloc(t->items, capacity * sizeof *items);

		if (items == NULL) {
			am_fail_errno(s->error, ENOMEM, "odm: stanza text");
			return NULL;
		}
		t->items = items;
		t->capacity = capacity;
	}
	item = &t->items[t->count++];
	memset(item, 0, sizeof *item);
	item->kind = kind;
	item->line = s->line;
	return item;
}

static void scan_blanks(struct scanner *s)
{
	while (s->p < s->end && is_blank(*s->p))
		s->p++;
}

/* To the start of the next line. */
static void scan_line(struct scanner *s)
{
	const char *newline = memchr(s->p, '\n', (size_t)(s->end - s->p));

	s->p = newline != NULL ? newline + 1 : s->end;
	s->line++;
}

/* The end of the line must come; comments have no place behind a value. */
static int scan_end(struct scanner *s)
{
	scan_blanks(s);
	if (s->p < s->end && *s->p != '\n')
		return syntax_error(s, s->line, "text after a value");
	scan_line(s);
	return 0;
}

/*
 * What follows a backslash: "n" is a newline, which swallows an escaped end of line right after
 * it, so that a value may be printed a line a line; an escaped end of line is nothing; any other
 * character stands for itself.
 */
static void decode_escape(struct scanner *s, char **out)
{
	char c = *s->p++;

	if (c == '\n') {
		s->line++;
	} else if (c == 'n') {
		*(*out)++ = '\n';
		if (s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == '\n') {
			s->p += 2;
			s->line++;
		}
	} else {
		*(*out)++ = c;
	}
}

/* The string whose opening quote was just passed. */
static int scan_string(struct scanner *s, struct am_odm_item *item)
{
	const char *start = s->p;
	char *out = s->decoded;
	int escapes = 0;

	while (s->p < s->end && *s->p != '"') {
		char c = *s->p++;

		if (c == '\0')
			return syntax_error(s, s->line, "NUL in a string");
		if (c == '\\' && s->p < s->end) {
			if (*s->p == '\0')
				return syntax_error(s, s->line, "NUL in a string");
			if (!escapes)
				memcpy(out, start, (size_t)(s->p - 1 - start));
			if (!escapes)
				out += s->p - 1 - start;
			escapes = 1;
			decode_escape(s, &out);
			continue;
		}
		s->line += c == '\n';
		if (escapes)
			*out++ = c;
	}
	if (s->p == s->end)
		return syntax_error(s, item->line, "string without an end");
	item->text = escapes ? s->decoded : start;
	item->length = (size_t)(escapes ? out - s->decoded : s->p - start);
	if (escapes)
		s->decoded = out;
	s->p++;
	return 0;
}

static void scan_plain(struct scanner *s, struct am_odm_item *item)
{
	const char *start = s->p;
	const char *newline = memchr(s->p, '\n', (size_t)(s->end - s->p));
	const char *stop = newline != NULL ? newline : s->end;

	s->p = stop;
	while (stop > start && is_blank(stop[-1]))
		stop--;
	item->text = start;
	item->length = (size_t)(stop - start);
}

/* A line that starts with a name: "Class:" or "name = value". */
static int scan_named(struct scanner *s, const char *name, size_t length)
{
	struct am_odm_item *item;

	scan_blanks(s);
	if (s->p < s->end && *s->p == ':') {
		s->p++;
		item = new_item(s, AM_ODM_ITEM_CLASS);
		if (item == NULL)
			return -1;
		item->name = name;
		item->name_length = length;
		return scan_end(s);
	}
	if (s->p == s->end || *s->p != '=')
		return syntax_error(s, s->line, "neither a class nor a value");
	if (s->result->count == 0)
		return syntax_error(s, s->line, "a value before any class");
	s->p++;
	scan_blanks(s);
	item = new_item(s, s->p < s->end && *s->p == '"' ? AM_ODM_ITEM_QUOTED : AM_ODM_ITEM_PLAIN);
	if (item == NULL)
		return -1;
	item->name = name;
	item->name_length = length;
	if (item->kind == AM_ODM_ITEM_QUOTED) {
		s->p++;
		if (scan_string(s, item) != 0)
			return -1;
	} else {
		scan_plain(s, item);
	}
	return scan_end(s);
}

static int scan_text(struct scanner *s)
{
	while (s->p < s->end) {
		const char *name;

		scan_blanks(s);
		if (s->p == s->end)
			break;
		if (*s->p == '\n' || *s->p == '#' || *s->p == '*') {
			scan_line(s);
			continue;
		}
		name = s->p;
		while (s->p < s->end && (is_letter(*s->p) || is_digit(*s->p)))
			s->p++;
		if (!am_odm_identifier(name, (size_t)(s->p - name)))
			return syntax_error(s, s->line, "neither a class nor a value");
		if (scan_named(s, name, (size_t)(s->p - name)) != 0)
			return -1;
	}
	return 0;
}

int am_odm_text_parse(
	struct am_odm_text *result, const char *text, size_t length, struct am_error *error)
{
	struct scanner s = {result, text, text + length, 1, NULL, error};

	memset(result, 0, sizeof *result);
	/* Decoded strings are never longer than they were. */
	result->decoded = malloc(length + 1);
	if (result->decoded == NULL)
		return am_fail_errno(error, ENOMEM, "odm: stanza text");
	s.decoded = result->decoded;
	if (scan_text(&s) != 0) {
		am_odm_text_free(result);
		return -1;
	}
	return 0;
}

void am_odm_text_free(struct am_odm_text *text)
{
	free(text->items);
	free(text->decoded);
	memset(text, 0, sizeof *text);
}

int am_odm_text_quote(struct am_buf *out, const char *text, size_t length, struct am_error *error)
{
	const char *end = text + length;

	if (am_buf_add(out, "\"", 1, error) != 0)
		return -1;
	while (text < end) {
		const char *p = text;

		while (p < end && *p != '"' && *p != '\\' && *p != '\n')
			p++;
		if (am_buf_add(out, text, (size_t)(p - text), error) != 0)
			return -1;
		if (p < end && (am_buf_addstr(out, *p == '\n' ? "\\n\\\n" : "\\", error) != 0 ||
				       (*p != '\n' && am_buf_add(out, p, 1, error) != 0)))
			return -1;
		text = p < end ? p + 1 : end;
	}
	return am_buf_add(out, "\"", 1, error);
}

static int text_hex(struct am_buf *out, const char *data, size_t length, struct am_error *error)
{
	if (am_buf_addstr(out, "0x", error) != 0)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (am_buf_addf(out, error, "%02x", (unsigned char)data[i]) != 0)
			return -1;
	}
	return 0;
}

int am_odm_text_value(struct am_buf *out, const struct am_odm_descriptor *descriptor,
	const struct am_odm_value *value, struct am_error *error)
{
	int result;

	if (am_buf_add(out, "\t", 1, error) != 0 ||
		am_buf_addstr(out, descriptor->name, error) != 0 ||
		am_buf_add(out, " = ", 3, error) != 0)
		return -1;
	if (descriptor->type == AM_ODM_BINARY)
		result = text_hex(out, value->text, value->length, error);
	else if (value->kind == AM_ODM_TEXT)
		result = am_odm_text_quote(out, value->text, value->length, error);
	else if (value->kind == AM_ODM_REAL)
		result = am_buf_addf(out, error, "%.17g", value->real);
	else if (descriptor->type == AM_ODM_UINT64)
		result = am_buf_addf(out, error, "%llu", (unsigned long long)value->number);
	else
		result = am_buf_addf(out, error, "%lld", (long long)value->number);
	return result != 0 ? -1 : am_buf_add(out, "\n", 1, error);
}
