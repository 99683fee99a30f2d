/* SPDX-License-Identifier: MIT */
#include "config/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct am_slice no_values[3];
static const struct am_slice absent;

/* --- decisions ------------------------------------------------------------------------------ */

const char *am_severity_name(enum am_severity severity)
{
	static const char *const names[] = {"note", "warning", "conflict", "error"};

	return names[severity];
}

const char *am_merge_status_name(enum am_merge_status status)
{
	static const char *const names[] = {"absent", "new", "kept", "merged"};

	return names[status];
}

static char *copy(struct am_slice slice)
{
	size_t length = slice.length > AM_DECISION_VALUE ? AM_DECISION_VALUE : slice.length;
	char *text;

	if (slice.at == NULL)
		return NULL;
	text = malloc(length + 4);
	if (text == NULL)
		return NULL;
	memcpy(text, slice.at, length);
	strcpy(text + length, length < slice.length ? "..." : "");
	return text;
}

static void free_decision(struct am_decision *decision)
{
	free(decision->file);
	free(decision->key);
	free(decision->attribute);
	free(decision->o);
	free(decision->c);
	free(decision->n);
	free(decision->detail);
}

int am_decide(struct am_decisions *decisions, enum am_severity severity, const char *file,
	struct am_slice key, const char *attribute, const struct am_slice values[3],
	const char *chosen, enum am_finding finding, const char *detail, struct am_error *error)
{
	struct am_decision d = {.severity = severity, .chosen = chosen, .finding = finding};

	if (decisions->count == decisions->capacity) {
		size_t more = decisions->capacity == 0 ? 32 : decisions->capacity * 2;
		struct am_decision *list = realloc(decisions->list, more * sizeof *list);

		if (list == NULL)
			return am_fail_errno(error, ENOMEM, "merge: %s", file);
		decisions->list = list;
		decisions->capacity = more;
	}
	d.file = copy(am_slice_of(file));
	d.key = copy(key);
	d.attribute = copy(am_slice_of(attribute));
	d.o = copy(values[0]);
	d.c = copy(values[1]);
	d.n = copy(values[2]);
	d.detail = copy(am_slice_of(detail));
	if (d.file == NULL || (detail != NULL && d.detail == NULL)) {
		free_decision(&d);
		return am_fail_errno(error, ENOMEM, "merge: %s", file);
	}
	decisions->list[decisions->count++] = d;
	return 0;
}

int am_decide_notes(struct am_decisions *decisions, const char *path, const struct am_records *file,
	struct am_error *error)
{
	for (size_t i = 0; i < file->note_count; i++) {
		char key[32];

		snprintf(key, sizeof key, "line %zu", file->notes[i].line);
		if (am_decide(decisions, AM_WARNING, path, am_slice_of(key), NULL, no_values, "C",
			    AM_FOUND_BY_PARSER, file->notes[i].text, error) != 0)
			return -1;
	}
	return 0;
}

void am_decisions_free(struct am_decisions *decisions)
{
	for (size_t i = 0; i < decisions->count; i++)
		free_decision(&decisions->list[i]);
	free(decisions->list);
	memset(decisions, 0, sizeof *decisions);
}

/* --- whole files ---------------------------------------------------------------------------- */

static int contains(struct am_slice line, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= line.length; i++)
		if (memcmp(line.at + i, word, length) == 0)
			return 1;
	return 0;
}

/* Walks a text line by line and leaves out what does not count. */
struct walk {
	const char *at, *end;
	int in_prolog;
	size_t blanks; /* empty lines passed before the present one */
};

/* The next line that counts, without blanks at its end; 0 at the end. */
static int next_line(struct walk *walk, struct am_slice *line)
{
	walk->blanks = 0;
	while (walk->at < walk->end) {
		const char *end = memchr(walk->at, '\n', (size_t)(walk->end - walk->at));
		const char *next = end == NULL ? walk->end : end + 1;
		struct am_slice raw = {walk->at, (size_t)(next - walk->at)};
		struct am_slice trimmed = am_slice_trim(raw);
		int comment = trimmed.length > 0 && (trimmed.at[0] == '*' || trimmed.at[0] == '#');

		walk->at = next;
		if (comment && contains(trimmed, "_PROLOG_BEGIN_TAG"))
			walk->in_prolog = 1;
		if (comment && walk->in_prolog) {
			walk->in_prolog = !contains(trimmed, "_PROLOG_END_TAG");
			continue;
		}
		walk->in_prolog = 0;
		if (comment && contains(trimmed, "@(#)"))
			continue;
		if (trimmed.length == 0) {
			walk->blanks++;
			continue;
		}
		line->at = raw.at;
		line->length = (size_t)(trimmed.at + trimmed.length - raw.at);
		return 1;
	}
	return 0;
}

int am_merge_same_text(struct am_slice a, struct am_slice b)
{
	struct walk wa = {a.at, a.at + a.length, 0, 0}, wb = {b.at, b.at + b.length, 0, 0};
	struct am_slice la, lb;

	for (int first = 1;; first = 0) {
		int more_a = next_line(&wa, &la), more_b = next_line(&wb, &lb);

		if (!more_a || !more_b)
			return more_a == more_b;
		if (!first && wa.blanks != wb.blanks)
			return 0;
		if (!am_slice_equal(la, lb))
			return 0;
	}
}

static int tell(const char *file, struct am_decisions *decisions, const char *chosen,
	enum am_severity severity, enum am_finding finding, struct am_error *error)
{
	return am_decide(
		decisions, severity, file, absent, NULL, no_values, chosen, finding, NULL, error);
}

int am_merge_shortcut(const char *file, const struct am_merge_input *input,
	enum am_merge_status *status, struct am_decisions *decisions, struct am_error *error)
{
	int o = input->o.at != NULL, c = input->c.at != NULL, n = input->n.at != NULL;
	enum am_finding finding;
	enum am_severity severity = AM_NOTE;

	if (!c && !n) {
		*status = AM_MERGE_ABSENT;
		return 1;
	}
	if (!c) {
		*status = AM_MERGE_NEW;
		finding = o ? AM_FOUND_RETURNED : AM_FOUND_ABSENT_BEFORE;
		severity = o ? AM_WARNING : AM_NOTE;
	} else if (!n) {
		*status = AM_MERGE_KEPT;
		finding = AM_FOUND_OBSOLETE_FILE;
	} else if ((o && am_merge_same_text(input->c, input->o)) ||
		   (!o && input->modified == AM_MODIFIED_NO)) {
		*status = AM_MERGE_NEW;
		finding = AM_FOUND_THEIRS;
	} else if (am_merge_same_text(input->c, input->n)) {
		*status = AM_MERGE_NEW;
		finding = AM_FOUND_SAME;
	} else if (o && am_merge_same_text(input->n, input->o)) {
		*status = AM_MERGE_KEPT;
		finding = AM_FOUND_OURS;
	} else {
		return 0;
	}
	if (tell(file, decisions, *status == AM_MERGE_NEW ? "N" : "C", severity, finding, error) !=
		0)
		return -1;
	return 1;
}

/* --- lists ---------------------------------------------------------------------------------- */

/* The value inside one pair of quotes, if that is all there is; else the value. */
static struct am_slice unquoted(struct am_slice value)
{
	struct am_slice inner = {value.at, value.length};

	if (value.length < 2 || value.at[0] != '"' || value.at[value.length - 1] != '"')
		return value;
	inner.at++;
	inner.length -= 2;
	return memchr(inner.at, '"', inner.length) != NULL ? value : inner;
}

struct list {
	struct am_slice *items;  /* in the order of the text, empty ones left out */
	struct am_slice *sorted; /* the same for look-up, each once */
	size_t count, sorted_count;
};

static int compare_items(const void *a, const void *b)
{
	return am_slice_compare(*(const struct am_slice *)a, *(const struct am_slice *)b);
}

static int has(const struct list *list, struct am_slice item)
{
	return list->sorted_count > 0 &&
	       bsearch(&item, list->sorted, list->sorted_count, sizeof item, compare_items) != NULL;
}

static void sort_list(struct list *list)
{
	size_t kept = 0;

	memcpy(list->sorted, list->items, list->count * sizeof *list->items);
	qsort(list->sorted, list->count, sizeof *list->sorted, compare_items);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || !am_slice_equal(list->sorted[kept - 1], list->sorted[i]))
			list->sorted[kept++] = list->sorted[i];
	list->sorted_count = kept;
}

static int split_list(struct am_slice text, struct list *list, struct am_error *error)
{
	size_t commas = 0, start = 0;

	text = unquoted(text);
	for (size_t i = 0; i < text.length; i++)
		commas += text.at[i] == ',';
	list->items = malloc((commas + 1) * sizeof *list->items);
	list->sorted = malloc((commas + 1) * sizeof *list->sorted);
	if (list->items == NULL || list->sorted == NULL)
		return am_fail_errno(error, ENOMEM, "merge: list");
	for (size_t i = 0; text.at != NULL && i <= text.length; i++) {
		struct am_slice item = {text.at + start, i - start};

		if (i < text.length && text.at[i] != ',')
			continue;
		start = i + 1;
		item = am_slice_trim(item);
		if (item.length > 0)
			list->items[list->count++] = item;
	}
	sort_list(list);
	return 0;
}

static void free_list(struct list *list)
{
	free(list->items);
	free(list->sorted);
}

/* Marks an element of the list; 0 when it was marked before. */
static int first_time(const struct list *list, struct am_slice item, unsigned char *seen)
{
	struct am_slice *found =
		bsearch(&item, list->sorted, list->sorted_count, sizeof item, compare_items);
	size_t at = (size_t)(found - list->sorted);

	if (seen[at])
		return 0;
	seen[at] = 1;
	return 1;
}

static int put_item(struct am_buf *out, struct am_slice item, int *any, struct am_error *error)
{
	if (*any && am_buf_add(out, ",", 1, error) != 0)
		return -1;
	*any = 1;
	return am_buf_add(out, item.at, item.length, error);
}

/* One side of the result: the elements of `list` that `wanted` lets through, each once. */
struct side {
	const struct list *list, *without, *unless;
	int (*admit)(void *arg, struct am_slice element);
	void *arg;
};

/* Drops what is in `without` unless it is in `unless` too. */
static int put_side(const struct side *side, struct am_buf *out, int *any, struct am_error *error)
{
	unsigned char *seen = calloc(side->list->count + 1, 1);
	int result = 0;

	if (seen == NULL)
		return am_fail_errno(error, ENOMEM, "merge: list");
	for (size_t i = 0; i < side->list->count && result == 0; i++) {
		struct am_slice item = side->list->items[i];

		if (has(side->without, item) && (side->unless == NULL || !has(side->unless, item)))
			continue;
		if (side->admit != NULL && !side->admit(side->arg, item))
			continue;
		if (first_time(side->list, item, seen))
			result = put_item(out, item, any, error);
	}
	free(seen);
	return result;
}

/* What N adds: in N, not in O, not in C. */
static int put_additions(const struct list *o, const struct list *c, const struct list *n,
	const struct side *how, struct am_buf *out, int *any, struct am_error *error)
{
	struct list fresh = {.count = 0};
	struct side side = {&fresh, o, NULL, how->admit, how->arg};
	int result = -1;

	fresh.items = malloc((n->count + 1) * sizeof *fresh.items);
	fresh.sorted = malloc((n->count + 1) * sizeof *fresh.sorted);
	if (fresh.items == NULL || fresh.sorted == NULL) {
		am_fail_errno(error, ENOMEM, "merge: list");
	} else {
		for (size_t i = 0; i < n->count; i++)
			if (!has(c, n->items[i]))
				fresh.items[fresh.count++] = n->items[i];
		sort_list(&fresh);
		result = put_side(&side, out, any, error);
	}
	free_list(&fresh);
	return result;
}

int am_merge_list(struct am_slice o, struct am_slice c, struct am_slice n,
	int (*admit)(void *arg, struct am_slice element), void *arg, struct am_buf *out,
	struct am_error *error)
{
	struct list lo = {0}, lc = {0}, ln = {0};
	struct side kept = {&lc, &lo, &ln, NULL, NULL}, how = {NULL, NULL, NULL, admit, arg};
	int any = 0, result = -1;

	if (split_list(o, &lo, error) == 0 && split_list(c, &lc, error) == 0 &&
		split_list(n, &ln, error) == 0 && put_side(&kept, out, &any, error) == 0)
		result = put_additions(&lo, &lc, &ln, &how, out, &any, error);
	free_list(&lo);
	free_list(&lc);
	free_list(&ln);
	return result;
}

/* --- attributes ----------------------------------------------------------------------------- */

struct merge {
	const struct am_merge_policy *policy;
	struct am_records o, c, n;
	int o_known;
	struct am_buf *out;
	size_t header_end; /* of the head comment in `out`, without the blank line after it */
	struct am_decisions *decisions;
	struct am_error *error;
};

enum pick { PICK_C, PICK_N, PICK_LIST };

/* The three readings of one attribute; NULL where it is absent. */
struct trio {
	const struct am_field *o, *c, *n;
};

struct choice {
	enum pick pick;
	enum am_severity severity;
	enum am_finding finding;
};

/* In the C locale, whatever the process runs in. */
static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* The next part of a list up to `separator`, without the blanks around it; 0 at the end. */
static int next_part(struct am_slice *rest, char separator, struct am_slice *part)
{
	const char *end;

	if (rest->at == NULL)
		return 0;
	*part = *rest;
	end = memchr(rest->at, separator, rest->length);
	if (end == NULL) {
		rest->at = NULL;
	} else {
		part->length = (size_t)(end - part->at);
		rest->length -= part->length + 1;
		rest->at = end + 1;
	}
	*part = am_slice_trim(*part);
	return 1;
}

static int is_part(struct am_slice list, char separator, struct am_slice wanted,
	int (*same)(struct am_slice a, struct am_slice b))
{
	struct am_slice part;

	while (next_part(&list, separator, &part))
		if (same(part, wanted))
			return 1;
	return 0;
}

/* Every part of a is in b. Square time, so for lists the system limits (16 pairs of privileges). */
static int all_in(struct am_slice a, struct am_slice b, char separator,
	int (*same)(struct am_slice a, struct am_slice b))
{
	struct am_slice part;

	while (next_part(&a, separator, &part))
		if (part.length > 0 && !is_part(b, separator, part, same))
			return 0;
	return 1;
}

/* "authorization=privilege+privilege", or a plain word. */
static int same_grant(struct am_slice a, struct am_slice b)
{
	struct am_slice x, y;

	if (!next_part(&a, '=', &x) || !next_part(&b, '=', &y) || !am_slice_equal(x, y))
		return 0;
	if (a.at == NULL || b.at == NULL)
		return a.at == b.at;
	return all_in(a, b, '+', am_slice_equal) && all_in(b, a, '+', am_slice_equal);
}

#define SET_MAX 4096 /* bytes of a list that is compared as a set */

static int same_set(struct am_slice a, struct am_slice b)
{
	if (a.length > SET_MAX || b.length > SET_MAX)
		return am_slice_equal(a, b);
	return all_in(a, b, ',', same_grant) && all_in(b, a, ',', same_grant);
}

static int same_value(const struct merge *m, const struct am_merge_attribute *entry,
	const struct am_field *a, const struct am_field *b)
{
	struct am_slice x, y;

	if (a == NULL || b == NULL)
		return a == b;
	x = unquoted(a->value);
	y = unquoted(b->value);
	if (entry != NULL && entry->set)
		return same_set(x, y);
	if (!m->policy->fold_case || x.length != y.length)
		return am_slice_equal(x, y);
	for (size_t i = 0; i < x.length; i++)
		if (lower(x.at[i]) != lower(y.at[i]))
			return 0;
	return 1;
}

static const struct am_merge_attribute *attribute_entry(
	const struct am_merge_policy *policy, struct am_slice key, struct am_slice name)
{
	const struct am_merge_attribute *general = NULL;

	for (size_t i = 0; i < policy->attribute_count; i++) {
		const struct am_merge_attribute *entry = &policy->attributes[i];

		if (!am_slice_is(name, entry->name))
			continue;
		if (entry->record == NULL)
			general = entry;
		else if (am_slice_is(key, entry->record))
			return entry;
	}
	return general;
}

/* Where quotes stand between the elements nobody can tell what the elements are. */
static int is_list(const struct am_field *field)
{
	struct am_slice inner;

	if (field == NULL)
		return 0;
	inner = unquoted(field->value);
	return inner.length == 0 || memchr(inner.at, '"', inner.length) == NULL;
}

static struct choice choose_by_class(const struct merge *m, const struct am_merge_attribute *entry,
	const struct trio *t, struct am_slice key)
{
	const struct am_merge_policy *policy = m->policy;
	struct choice user = {PICK_C, AM_CONFLICT, AM_FOUND_BOTH_OURS};
	struct choice system = {PICK_N, AM_CONFLICT, AM_FOUND_BOTH_THEIRS};
	struct choice list = {PICK_LIST, AM_NOTE, AM_FOUND_LISTS};
	struct choice invalid = {PICK_N, AM_CONFLICT, AM_FOUND_INVALID};

	switch (entry == NULL ? policy->fallback : entry->class) {
	case AM_CLASS_SYSTEM:
		return system;
	case AM_CLASS_LIST:
		return is_list(t->c) && is_list(t->n) ? list : user;
	case AM_CLASS_VALID:
		if (t->c == NULL)
			return system;
		if (policy->valid != NULL && !policy->valid(policy->arg, entry, key, t->c->value,
						     t->n == NULL ? absent : t->n->value))
			return invalid;
		return user;
	case AM_CLASS_USER:
		break;
	}
	return user;
}

/* The attribute table. `o_known` is also false where O has no such record. */
static struct choice choose(const struct merge *m, const struct am_merge_attribute *entry,
	int o_known, const struct trio *t, struct am_slice key)
{
	struct choice mine = {PICK_C, AM_NOTE, AM_FOUND_NOTHING};
	struct choice added = {PICK_N, AM_NOTE, AM_FOUND_NEW_ATTRIBUTE};
	struct choice vendor = {PICK_N, AM_NOTE, AM_FOUND_THEIRS};

	if (same_value(m, entry, t->c, t->n))
		return mine;
	if (!o_known) {
		if (t->n == NULL)
			return mine;
		if (t->c == NULL)
			return added;
		return choose_by_class(m, entry, t, key);
	}
	if (same_value(m, entry, t->c, t->o))
		return t->c == NULL ? added : vendor;
	if (same_value(m, entry, t->n, t->o))
		return mine;
	return choose_by_class(m, entry, t, key);
}

static struct am_slice shown(const struct am_field *field, int secret)
{
	if (field == NULL)
		return absent;
	return secret ? am_slice_of("<secret>") : field->value;
}

static int report_attribute(const struct merge *m, struct am_slice key, struct am_slice name,
	const struct trio *t, int secret, struct choice choice)
{
	struct am_slice values[3] = {shown(t->o, secret), shown(t->c, secret), shown(t->n, secret)};
	static const char *const chosen[] = {"C", "N", "merged"};
	char attribute[128];
	size_t length = name.length < sizeof attribute ? name.length : sizeof attribute - 1;

	if (choice.finding == AM_FOUND_NOTHING)
		return 0;
	memcpy(attribute, name.at, length);
	attribute[length] = '\0';
	return am_decide(m->decisions, choice.severity, m->policy->file, key, attribute, values,
		chosen[choice.pick], choice.finding, NULL, m->error);
}

/* --- output --------------------------------------------------------------------------------- */

/* Adds text; a stanza file gets LF line ends. */
static int put(struct merge *m, struct am_slice text)
{
	size_t start = 0;

	if (m->c.line_oriented || memchr(text.at == NULL ? "" : text.at, '\r', text.length) == NULL)
		return am_buf_add(m->out, text.at, text.length, m->error);
	for (size_t i = 0; i < text.length; i++) {
		size_t end = i;

		while (end < text.length && text.at[end] == '\r')
			end++;
		if (end == i || end == text.length || text.at[end] != '\n') {
			i = end > i ? end - 1 : i;
			continue;
		}
		if (am_buf_add(m->out, text.at + start, i - start, m->error) != 0)
			return -1;
		start = i = end;
	}
	return am_buf_add(m->out, text.at + start, text.length - start, m->error);
}

/* The line before was perhaps the file's last and without an end. */
static int end_line(struct merge *m)
{
	if (m->out->length == 0 || m->out->data[m->out->length - 1] == '\n')
		return 0;
	return am_buf_add(m->out, "\n", 1, m->error);
}

/* Whether the last line of what was written holds blanks only. */
static int ends_blank(const struct merge *m)
{
	size_t at = m->out->length - 1; /* its line end */

	while (at > 0 && (m->out->data[at - 1] == ' ' || m->out->data[at - 1] == '\t' ||
				 m->out->data[at - 1] == '\r'))
		at--;
	return at == 0 || m->out->data[at - 1] == '\n';
}

static int blank_line(struct merge *m)
{
	if (end_line(m) != 0)
		return -1;
	if (m->out->length == 0 || ends_blank(m))
		return 0;
	return am_buf_add(m->out, "\n", 1, m->error);
}

static int put_line(struct merge *m, struct am_slice lead, struct am_slice text)
{
	return end_line(m) != 0 || put(m, lead) != 0 || put(m, text) != 0 ? -1 : 0;
}

/* The attribute's own line with another value. */
static int put_with_value(struct merge *m, const struct am_field *field, struct am_slice value)
{
	struct am_slice head = {field->text.at, (size_t)(field->value.at - field->text.at)};
	struct am_slice tail = {field->value.at + field->value.length, 0};

	tail.length = (size_t)(field->text.at + field->text.length - tail.at);
	return put_line(m, field->lead, head) != 0 || put(m, value) != 0 || put(m, tail) != 0 ? -1
											      : 0;
}

static int put_whole(struct merge *m, const struct am_records *file, const struct am_record *record)
{
	const struct am_field **fields;
	size_t count;
	int result;

	if (put_line(m, record->lead, record->text) != 0)
		return -1;
	if (file->line_oriented)
		return 0;
	if (am_record_fields(file, record, &fields, &count, m->error) != 0)
		return -1;
	result = 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = put_line(m, fields[i]->lead, fields[i]->text);
	free(fields);
	return result;
}

/* --- records -------------------------------------------------------------------------------- */

struct fields {
	const struct am_field **list;
	size_t count;
};

static int get_fields(struct merge *m, const struct am_records *file,
	const struct am_record *record, struct fields *fields)
{
	if (record == NULL)
		return 0;
	return am_record_fields(file, record, &fields->list, &fields->count, m->error);
}

static const struct am_field *find_field(const struct fields *fields, struct am_slice name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (am_slice_equal(fields->list[i]->name, name))
			return fields->list[i];
	return NULL;
}

static int report_record(struct merge *m, struct am_slice key, enum am_severity severity,
	const char *chosen, enum am_finding finding)
{
	return am_decide(m->decisions, severity, m->policy->file, am_records_shown_key(key), NULL,
		no_values, chosen, finding, NULL, m->error);
}

/* One record during its attribute merge. */
struct pair {
	const struct am_record *o, *c, *n;
	struct fields fo, fc, fn;
	struct am_buf line; /* of a line-oriented record, put together field by field */
	size_t line_fields;
	struct am_buf held; /* columns that were not wanted, in case that a later one is */
	int differs_from_c, differs_from_n;
};

static int put_list(struct merge *m, struct pair *p, const struct trio *t)
{
	struct am_buf value = {0};
	struct am_slice o = t->o == NULL ? absent : t->o->value, merged;
	/* A quote that does not close is a character like any other. */
	int quoted = unquoted(t->c->value).at != t->c->value.at, result;

	result = quoted ? am_buf_add(&value, "\"", 1, m->error) : 0;
	if (result == 0)
		result = am_merge_list(o, t->c->value, t->n->value, NULL, NULL, &value, m->error);
	if (result == 0 && quoted)
		result = am_buf_add(&value, "\"", 1, m->error);
	merged.at = value.data == NULL ? "" : value.data;
	merged.length = value.length;
	if (result == 0 && m->c.line_oriented) {
		p->differs_from_c |= !am_slice_equal(merged, t->c->value);
		p->differs_from_n |= !am_slice_equal(merged, t->n->value);
		result = am_buf_add(&p->line, merged.at, merged.length, m->error);
	} else if (result == 0) {
		result = put_with_value(m, t->c, merged);
	}
	am_buf_free(&value);
	return result;
}

static int put_choice(struct merge *m, struct pair *p, const struct am_merge_attribute *entry,
	const struct trio *t, enum pick pick)
{
	const struct am_field *from = pick == PICK_N ? t->n : t->c;

	if (pick == PICK_LIST)
		return put_list(m, p, t);
	if (m->c.line_oriented) {
		p->differs_from_c |= pick == PICK_N;
		p->differs_from_n |= pick == PICK_C && !same_value(m, entry, t->c, t->n);
		return from == NULL
			       ? 0
			       : am_buf_add(&p->line, from->value.at, from->value.length, m->error);
	}
	if (from == NULL)
		return 0;
	return put_line(m, t->c != NULL ? t->c->lead : t->n->lead, from->text);
}

/* Columns have no names in the file: one that is not wanted may only be left out at the end. */
static int hold_column(struct merge *m, struct pair *p, const struct am_field *unwanted)
{
	if (am_buf_add(&p->held, &m->policy->separator, 1, m->error) != 0)
		return -1;
	return am_buf_add(&p->held, unwanted->value.at, unwanted->value.length, m->error);
}

static int put_held_columns(struct merge *m, struct pair *p)
{
	if (p->held.length == 0)
		return 0;
	p->differs_from_c = p->differs_from_n = 1;
	if (report_record(m, p->c->key, AM_NOTE, "merged", AM_FOUND_HELD_COLUMN) != 0 ||
		am_buf_add(&p->line, p->held.data, p->held.length, m->error) != 0)
		return -1;
	p->held.length = 0;
	return 0;
}

/* What stands between the columns so far and the one that was chosen, if it was. */
static int begin_column(
	struct merge *m, struct pair *p, const struct trio *t, const struct am_field *chosen)
{
	if (chosen == NULL)
		return hold_column(m, p, t->c != NULL ? t->c : t->n);
	if (put_held_columns(m, p) != 0)
		return -1;
	if (p->line_fields++ == 0)
		return 0;
	return am_buf_add(&p->line, &m->policy->separator, 1, m->error);
}

static int merge_attribute(struct merge *m, struct pair *p, struct am_slice name)
{
	struct trio t = {
		find_field(&p->fo, name), find_field(&p->fc, name), find_field(&p->fn, name)};
	const struct am_merge_attribute *entry = attribute_entry(m->policy, p->c->key, name);
	struct choice choice = choose(m, entry, m->o_known && p->o != NULL, &t, p->c->key);

	if (report_attribute(m, p->c->key, name, &t, entry != NULL && entry->secret, choice) != 0)
		return -1;
	if (m->c.line_oriented && begin_column(m, p, &t, choice.pick == PICK_N ? t.n : t.c) != 0)
		return -1;
	return put_choice(m, p, entry, &t, choice.pick);
}

/* A line-oriented record keeps the bytes of the side it equals. */
static int finish_line(struct merge *m, struct pair *p)
{
	struct am_slice text = {p->line.data, p->line.length};

	if (!m->c.line_oriented)
		return 0;
	if (!p->differs_from_c)
		return put_line(m, p->c->lead, p->c->text);
	if (!p->differs_from_n)
		return put_line(m, p->c->lead, p->n->text);
	return put_line(m, p->c->lead, text) != 0 ? -1 : end_line(m);
}

static int merge_fields(struct merge *m, struct pair *p)
{
	if (!m->c.line_oriented && put_line(m, p->c->lead, p->c->text) != 0)
		return -1;
	for (size_t i = 0; i < p->fc.count; i++)
		if (merge_attribute(m, p, p->fc.list[i]->name) != 0)
			return -1;
	for (size_t i = 0; i < p->fn.count; i++)
		if (find_field(&p->fc, p->fn.list[i]->name) == NULL &&
			merge_attribute(m, p, p->fn.list[i]->name) != 0)
			return -1;
	return finish_line(m, p);
}

static int merge_record(struct merge *m, const struct am_record *o, const struct am_record *c,
	const struct am_record *n)
{
	struct pair p = {.o = o, .c = c, .n = n};
	int result = -1;

	if (get_fields(m, &m->o, o, &p.fo) == 0 && get_fields(m, &m->c, c, &p.fc) == 0 &&
		get_fields(m, &m->n, n, &p.fn) == 0)
		result = merge_fields(m, &p);
	free(p.fo.list);
	free(p.fc.list);
	free(p.fn.list);
	am_buf_free(&p.line);
	am_buf_free(&p.held);
	return result;
}

static int same_record(struct merge *m, const struct am_records *fa, const struct am_record *a,
	const struct am_records *fb, const struct am_record *b, int *same)
{
	struct fields la = {0}, lb = {0};
	int result = -1;

	*same = 0;
	if (get_fields(m, fa, a, &la) == 0 && get_fields(m, fb, b, &lb) == 0) {
		*same = la.count == lb.count;
		for (size_t i = 0; i < la.count && *same; i++)
			*same = same_value(m, attribute_entry(m->policy, a->key, la.list[i]->name),
				la.list[i], find_field(&lb, la.list[i]->name));
		result = 0;
	}
	free(la.list);
	free(lb.list);
	return result;
}

/* A record of C that N does not have. */
static int keep_or_drop(struct merge *m, const struct am_record *o, const struct am_record *c)
{
	int same;

	if (o == NULL && !m->o_known &&
		report_record(m, c->key, AM_NOTE, "C", AM_FOUND_OLD_ONLY) != 0)
		return -1;
	if (o == NULL)
		return put_whole(m, &m->c, c);
	if (same_record(m, &m->o, o, &m->c, c, &same) != 0)
		return -1;
	if (same && !m->policy->keep_obsolete)
		return report_record(m, c->key, AM_NOTE, "none", AM_FOUND_DROPPED);
	if (report_record(m, c->key, same ? AM_NOTE : AM_WARNING, "C", AM_FOUND_OBSOLETE) != 0)
		return -1;
	return put_whole(m, &m->c, c);
}

static struct am_record *live(struct am_record *record)
{
	return record != NULL && record->kind == AM_RECORD_LIVE ? record : NULL;
}

/* A line of C that is matched as a whole: what the vendor took back goes. */
static int take_our_line(struct merge *m, const struct am_record *c)
{
	if (am_records_find(&m->n, c->key) == NULL && m->o_known &&
		am_records_find(&m->o, c->key) != NULL && !m->policy->keep_obsolete)
		return report_record(m, c->key, AM_NOTE, "none", AM_FOUND_DROPPED);
	return put_line(m, c->lead, c->text);
}

/* A record of C. One that is commented out was removed by the site: its comment stays. */
static int take_ours(struct merge *m, const struct am_record *c)
{
	struct am_record *o = m->o_known ? live(am_records_find(&m->o, c->key)) : NULL;
	struct am_record *n = live(am_records_find(&m->n, c->key));

	if (c->kind == AM_RECORD_LINE)
		return take_our_line(m, c);
	if (c->kind != AM_RECORD_LIVE)
		return put_line(m, c->lead, c->text);
	if (n == NULL)
		return keep_or_drop(m, o, c);
	if (m->o_known && o == NULL && m->policy->collision != AM_COLLISION_ATTRIBUTES) {
		int keep = m->policy->collision == AM_COLLISION_KEEP, same;

		if (same_record(m, &m->c, c, &m->n, n, &same) != 0)
			return -1;
		if (!same && report_record(m, c->key, AM_CONFLICT, keep ? "C" : "N",
				     AM_FOUND_COLLISION) != 0)
			return -1;
		return keep || same ? put_whole(m, &m->c, c) : put_whole(m, &m->n, n);
	}
	return merge_record(m, o, c, n);
}

static int is_mandatory(const struct am_merge_policy *policy, struct am_slice key)
{
	for (size_t i = 0; policy->mandatory != NULL && policy->mandatory[i] != NULL; i++)
		if (am_slice_is(key, policy->mandatory[i]))
			return 1;
	return 0;
}

/* Whether N's record, which C lacks, does not come in. */
static int is_removed(struct merge *m, const struct am_record *n)
{
	struct am_record *o = m->o_known ? live(am_records_find(&m->o, n->key)) : NULL;

	return (o != NULL && !is_mandatory(m->policy, n->key)) ||
	       (m->policy->admit != NULL && !m->policy->admit(m->policy->arg, n->key));
}

/* Whether a record that C lacks comes in; says so either way. */
static int comes_in(struct merge *m, const struct am_record *n, int *yes)
{
	struct am_record *o = m->o_known ? live(am_records_find(&m->o, n->key)) : NULL;
	int same;

	*yes = !is_removed(m, n);
	if (o != NULL && !is_mandatory(m->policy, n->key)) {
		if (same_record(m, &m->o, o, &m->n, n, &same) != 0)
			return -1;
		return report_record(
			m, n->key, same ? AM_NOTE : AM_WARNING, "none", AM_FOUND_REMOVED);
	}
	if (!*yes)
		return report_record(m, n->key, AM_NOTE, "none", AM_FOUND_NOT_ADMITTED);
	if (o != NULL)
		return report_record(m, n->key, AM_WARNING, "N", AM_FOUND_RETURNED);
	return report_record(
		m, n->key, AM_NOTE, "N", m->o_known ? AM_FOUND_NEW_RECORD : AM_FOUND_NEW_UNKNOWN);
}

static int begins_blank(struct am_slice text)
{
	return text.length > 0 && (text.at[0] == '\n' || text.at[0] == '\r');
}

static int add_theirs(struct merge *m, const struct am_record *n)
{
	int yes;

	if (n->kind == AM_RECORD_LINE && !n->is_repeat && am_records_find(&m->c, n->key) == NULL &&
		(!m->o_known || am_records_find(&m->o, n->key) == NULL))
		return put_line(m, n->lead, n->text);
	if (n->kind != AM_RECORD_LIVE || n->is_repeat || am_records_find(&m->c, n->key) != NULL)
		return 0;
	if (comes_in(m, n, &yes) != 0)
		return -1;
	if (!yes)
		return 0;
	if (!m->c.line_oriented && !begins_blank(n->lead) && blank_line(m) != 0)
		return -1;
	return put_whole(m, &m->n, n);
}

/* Three-way for the head comment; where O is unknown it is N's, since it describes the file, unless
 * N has none. */
static int put_header(struct merge *m)
{
	struct am_slice o = m->o.header, c = m->c.header, n = m->n.header, chosen = n;
	int untouched = m->o_known && am_slice_equal(c, o);

	if ((m->o_known && am_slice_equal(n, o)) || (am_slice_trim(n).length == 0 && !untouched))
		chosen = c;
	if (chosen.length == 0)
		return 0;
	if (put(m, chosen) != 0 || end_line(m) != 0)
		return -1;
	m->header_end = m->out->length;
	return blank_line(m);
}

static int put_ours(struct merge *m)
{
	for (size_t i = 0; i < m->c.count; i++)
		if (!m->c.records[i].is_repeat && take_ours(m, &m->c.records[i]) != 0)
			return -1;
	return 0;
}

static int put_theirs(struct merge *m, size_t from)
{
	for (size_t i = from; i < m->n.count; i++)
		if (add_theirs(m, &m->n.records[i]) != 0)
			return -1;
	return 0;
}

/* A new "default" stanza that N has first goes first, since it is read as the base of all. */
static size_t put_default(struct merge *m, int *failed)
{
	if (m->c.line_oriented || m->n.count == 0 || !am_slice_is(m->n.records[0].key, "default"))
		return 0;
	*failed = add_theirs(m, &m->n.records[0]) != 0;
	return 1;
}

/* Beyond this many records own ones go to the end: looking for their place takes square time. */
#define BESIDE_MAX 4000

static struct am_slice beside_value(
	const struct merge *m, const struct am_records *file, const struct am_record *record)
{
	if (m->policy->beside >= record->field_count)
		return absent;
	return file->fields[record->first_field + m->policy->beside].value;
}

static int is_ours_alone(struct merge *m, const struct am_record *c)
{
	return c->kind != AM_RECORD_RAW && !c->is_repeat && am_records_find(&m->n, c->key) == NULL;
}

/* Behind N's last record of a group: C's own records of that group. */
static int put_beside(struct merge *m, size_t at, unsigned char *done)
{
	struct am_slice group = beside_value(m, &m->n, &m->n.records[at]);

	if (m->policy->beside == 0 || group.at == NULL || m->n.count > BESIDE_MAX ||
		m->c.count > BESIDE_MAX)
		return 0;
	for (size_t i = at + 1; i < m->n.count; i++)
		if (am_slice_equal(beside_value(m, &m->n, &m->n.records[i]), group))
			return 0;
	for (size_t i = 0; i < m->c.count; i++) {
		const struct am_record *c = &m->c.records[i];

		if (done[i] || !is_ours_alone(m, c) ||
			!am_slice_equal(beside_value(m, &m->c, c), group))
			continue;
		done[i] = 1;
		if (take_ours(m, c) != 0)
			return -1;
	}
	return 0;
}

/* A comment like a record that N has elsewhere. It goes with a record that the site took out: what
 * the site has in its place, or nothing, is there. */
static int put_comment(struct merge *m, const struct am_record *record,
	const struct am_record *comment, const struct am_record *c)
{
	if (record->kind == AM_RECORD_LIVE &&
		(c == NULL ? is_removed(m, record) : c->kind != AM_RECORD_LIVE))
		return 0;
	return put_line(m, comment->lead, comment->text);
}

/* A record of N in its place, as C and N together want it. */
static int put_in_place(struct merge *m, const struct am_record *n)
{
	size_t before = m->out->length;
	struct am_record *c;

	if (n->is_repeat)
		return 0;
	if (n->kind == AM_RECORD_RAW)
		return put_line(m, n->lead, n->text);
	c = am_records_find(&m->c, n->key);
	if (am_records_find(&m->n, n->key) != n)
		return put_comment(m, am_records_find(&m->n, n->key), n, c);
	if (c == NULL)
		return n->kind == AM_RECORD_LIVE ? add_theirs(m, n) : put_line(m, n->lead, n->text);
	if (c->kind != AM_RECORD_LIVE && n->kind == AM_RECORD_LIVE &&
		report_record(m, n->key, AM_NOTE, "C", AM_FOUND_DISABLED) != 0)
		return -1;
	if (take_ours(m, c) != 0)
		return -1;
	/* What the vendor commented out and the site left alone is the vendor's comment. */
	if (n->kind == AM_RECORD_DISABLED && m->out->length == before)
		return put_line(m, n->lead, n->text);
	return 0;
}

static int put_in_new_order(struct merge *m)
{
	unsigned char *done = calloc(m->c.count + 1, 1);
	int result = 0;

	if (done == NULL)
		return am_fail_errno(m->error, ENOMEM, "merge: %s", m->policy->file);
	for (size_t i = 0; i < m->n.count && result == 0; i++) {
		result = put_in_place(m, &m->n.records[i]);
		if (result == 0)
			result = put_beside(m, i, done);
	}
	for (size_t i = 0; i < m->c.count && result == 0; i++)
		if (!done[i] && is_ours_alone(m, &m->c.records[i]))
			result = take_ours(m, &m->c.records[i]);
	free(done);
	return result;
}

/* Three-way for the comments at the end; where both sides changed them, the site's. What a file has
 * that has no records is all its head. */
static int put_trailer(struct merge *m, int has_records)
{
	struct am_slice o = m->o.trailer, c = m->c.trailer, n = m->n.trailer, chosen = c;
	int untouched = m->o_known && am_slice_equal(c, o);

	if (has_records && !(m->o_known && am_slice_equal(n, o)) &&
		(untouched || am_slice_trim(c).length == 0))
		chosen = n;
	if (chosen.length == 0)
		return 0;
	return end_line(m) != 0 ? -1 : put(m, chosen);
}

static int write_result(struct merge *m)
{
	int failed = 0;
	size_t from, head;

	if (put_header(m) != 0)
		return -1;
	head = m->out->length;
	if (m->policy->new_order) {
		if (put_in_new_order(m) != 0)
			return -1;
	} else {
		from = put_default(m, &failed);
		if (failed || put_ours(m) != 0 || put_theirs(m, from) != 0)
			return -1;
	}
	if (put_trailer(m, m->out->length > head) != 0)
		return -1;
	if (m->out->length == head && head > 0) { /* nothing follows the head comment */
		m->out->length = m->header_end;
		m->out->data[m->header_end] = '\0';
	}
	return end_line(m);
}

static int parse_side(
	struct merge *m, struct am_records *file, struct am_slice text, struct am_error *error)
{
	const struct am_merge_policy *policy = m->policy;

	if (policy->columns != NULL)
		return policy->parse_columns(
			file, policy->columns, policy->file, text.at, text.length, error);
	return policy->parse(file, policy->file, text.at, text.length, error);
}

static int report_unreadable(
	struct merge *m, enum am_severity severity, const char *chosen, const char *why)
{
	return am_decide(m->decisions, severity, m->policy->file, absent, NULL, no_values, chosen,
		AM_FOUND_BY_PARSER, why, m->error);
}

static int merge_parsed(
	struct merge *m, const struct am_merge_input *input, enum am_merge_status *status)
{
	struct am_error why;

	if (parse_side(m, &m->c, input->c, m->error) != 0)
		return -1;
	if (parse_side(m, &m->n, input->n, &why) != 0) {
		*status = AM_MERGE_KEPT;
		return report_unreadable(m, AM_ERROR, "C", why.message);
	}
	if (input->o.at != NULL) {
		m->o_known = parse_side(m, &m->o, input->o, &why) == 0;
		if (!m->o_known && report_unreadable(m, AM_WARNING, "merged", why.message) != 0)
			return -1;
	}
	*status = AM_MERGE_MERGED;
	if (am_decide_notes(m->decisions, m->policy->file, &m->c, m->error) != 0)
		return -1;
	return write_result(m);
}

/* The result that stands in one of the inputs, or that says the same as N. */
static int use_input(const struct am_merge_input *input, enum am_merge_status status,
	struct am_buf *out, struct am_error *error)
{
	struct am_slice text = status == AM_MERGE_NEW ? input->n : input->c;

	am_buf_consume(out, out->length);
	return am_buf_add(out, text.at, text.length, error);
}

int am_merge(const struct am_merge_policy *policy, const struct am_merge_input *input,
	struct am_buf *out, enum am_merge_status *status, struct am_decisions *decisions,
	struct am_error *error)
{
	struct merge m = {.policy = policy, .out = out, .decisions = decisions, .error = error};
	int result = am_merge_shortcut(policy->file, input, status, decisions, error);

	if (result < 0)
		return -1;
	if (result == 0) {
		result = merge_parsed(&m, input, status);
		am_records_free(&m.o);
		am_records_free(&m.c);
		am_records_free(&m.n);
		if (result != 0)
			return -1;
		if (*status == AM_MERGE_MERGED) {
			struct am_slice merged = {out->data == NULL ? "" : out->data, out->length};

			if (!am_merge_same_text(merged, input->n))
				return 0;
			*status = AM_MERGE_NEW;
		}
	}
	return *status == AM_MERGE_ABSENT ? 0 : use_input(input, *status, out, error);
}
