/* SPDX-License-Identifier: MIT */
#include "odm/merge.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_ROOM 48

/* --- values --- */

/* A number as text, the way it stands in keys and reports. */
static size_t number_text(const struct am_odm_value *value, char text[NUMBER_ROOM])
{
	if (value->kind == AM_ODM_NUMBER)
		return (size_t)snprintf(text, NUMBER_ROOM, "%" PRId64, value->number);
	snprintf(text, NUMBER_ROOM, "%.14g", value->real);
	if (strspn(text, "-0123456789") == strlen(text))
		strcat(text, ".0"); /* 14 digits and a sign leave room */
	return strlen(text);
}

static int same_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	return a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0);
}

int am_odm_same_value(const struct am_odm_value *a, const struct am_odm_value *b)
{
	char a_text[NUMBER_ROOM], b_text[NUMBER_ROOM];
	const char *a_at = a->text, *b_at = b->text;
	size_t a_length = a->length, b_length = b->length;

	if (a->kind == AM_ODM_NUMBER && b->kind == AM_ODM_NUMBER)
		return a->number == b->number;
	if (a->kind != AM_ODM_TEXT) {
		a_length = number_text(a, a_text);
		a_at = a_text;
	}
	if (b->kind != AM_ODM_TEXT) {
		b_length = number_text(b, b_text);
		b_at = b_text;
	}
	return same_bytes(a_at, a_length, b_at, b_length);
}

/* --- objects by key --- */

struct item {
	size_t offset; /* of its key */
	uint64_t hash;
	uint32_t length;
	uint32_t slot;
	uint32_t again; /* the number that the next object of this key has at least */
};

struct index {
	const struct am_odm_class *class;
	struct am_buf text; /* the keys */
	struct item *items;
	size_t count;
	uint32_t *table; /* open addressing; an item's number + 1, or 0 */
	size_t mask;
};

static void index_free(struct index *index)
{
	am_buf_free(&index->text);
	free(index->items);
	free(index->table);
}

static const char *item_key(const struct index *index, const struct item *item)
{
	return index->text.data + item->offset;
}

/* The place of the table where the key is or belongs. */
static uint32_t *find_place(
	const struct index *index, const char *key, size_t length, uint64_t hashed)
{
	size_t i = (size_t)hashed & index->mask;

	for (;; i = (i + 1) & index->mask) {
		const struct item *item;

		if (index->table[i] == 0)
			return &index->table[i];
		item = &index->items[index->table[i] - 1];
		if (item->hash == hashed &&
			same_bytes(item_key(index, item), item->length, key, length))
			return &index->table[i];
	}
}

static const struct item *find_item(
	const struct index *index, const char *key, size_t length, uint64_t hashed)
{
	uint32_t place;

	if (index->class == NULL || index->count == 0)
		return NULL;
	place = *find_place(index, key, length, hashed);
	return place == 0 ? NULL : &index->items[place - 1];
}

/* A key in terms of the descriptors of one class. */
struct bound_key {
	int when; /* descriptor, or -1 */
	int always, never;
	const char *is;
	int *parts; /* descriptors; -1: empty */
	size_t count;
};

#define KEYS_MAX 8

struct bound {
	struct bound_key keys[KEYS_MAX];
	size_t count;
};

static void bound_free(struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++)
		free(bound->keys[i].parts);
}

/* The descriptors that `part` stands for, into parts from `count` on; the new count. */
static size_t bind_part(const struct am_odm_descriptor *d, size_t fields, const char *part,
	int *parts, size_t count)
{
	size_t first = count;

	if (strcmp(part, "*") != 0) {
		parts[count] = am_odm_find(d, fields, part, strlen(part));
		return count + 1;
	}
	for (size_t i = 0; i < fields; i++) {
		size_t at = count++;

		for (; at > first && strcmp(d[parts[at - 1]].name, d[i].name) > 0; at--)
			parts[at] = parts[at - 1];
		parts[at] = (int)i;
	}
	return count;
}

static int bind_keys(struct bound *bound, const struct am_odm_merge *merge,
	const struct am_odm_class *class, struct am_error *error)
{
	size_t fields;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(class, &fields);

	if (merge->key_count > KEYS_MAX)
		return am_fail(error, "ODM_MERGE", "odm: class %s: more than %d keys",
			am_odm_class_name(class), KEYS_MAX);
	for (size_t i = 0; i < merge->key_count; i++) {
		const struct am_odm_key *key = &merge->keys[i];
		struct bound_key *b = &bound->keys[i];

		b->parts = malloc((key->count + 1) * (fields + 1) * sizeof *b->parts);
		if (b->parts == NULL)
			return am_fail_errno(error, ENOMEM, "odm: merge");
		bound->count = i + 1;
		b->always = key->when == NULL;
		b->when = b->always ? -1 : am_odm_find(d, fields, key->when, strlen(key->when));
		b->is = key->is;
		for (size_t k = 0; k < key->count; k++)
			b->count = bind_part(d, fields, key->parts[k], b->parts, b->count);
	}
	return 0;
}

static int is_for(const struct bound_key *key, const struct am_odm_class *class, size_t slot)
{
	struct am_odm_value value = {AM_ODM_NONE, "", 0, 0, 0};

	if (key->always)
		return 1;
	if (key->when < 0)
		return 0;
	am_odm_class_get(class, slot, (size_t)key->when, &value);
	if (key->is == NULL)
		return value.kind != AM_ODM_TEXT || value.length > 0;
	return value.kind == AM_ODM_TEXT &&
	       same_bytes(value.text, value.length, key->is, strlen(key->is));
}

/* Appends the key of an object to the index's text. */
static int add_key(
	struct index *index, const struct bound *bound, size_t slot, struct am_error *error)
{
	const struct bound_key *key = bound->keys;
	size_t tried = 1;

	while (tried < bound->count && !is_for(key, index->class, slot)) {
		key++;
		tried++;
	}
	for (size_t i = 0; i < key->count; i++) {
		struct am_odm_value value = {AM_ODM_TEXT, "", 0, 0, 0};
		char text[NUMBER_ROOM];

		if (i > 0 && am_buf_add(&index->text, "", 1, error) != 0)
			return -1;
		if (key->parts[i] >= 0)
			am_odm_class_get(index->class, slot, (size_t)key->parts[i], &value);
		if (value.kind != AM_ODM_TEXT) {
			value.length = number_text(&value, text);
			value.text = text;
		}
		if (am_buf_add(&index->text, value.text, value.length, error) != 0)
			return -1;
	}
	return 0;
}

/* An object whose key another has: the first number that makes it one of its own. */
static int make_unique(
	struct index *index, struct item *item, uint32_t **place, struct am_error *error)
{
	struct item *first = &index->items[**place - 1];
	size_t plain = item->length;

	if (first->again < 2)
		first->again = 2;
	while (**place != 0) {
		index->text.length = item->offset + plain;
		if (am_buf_add(&index->text, "", 1, error) != 0 ||
			am_buf_addf(&index->text, error, "#%" PRIu32, first->again++) != 0)
			return -1;
		item->length = (uint32_t)(index->text.length - item->offset);
		item->hash = am_hash(item_key(index, item), item->length);
		*place = find_place(index, item_key(index, item), item->length, item->hash);
	}
	return 0;
}

static int add_item(
	struct index *index, const struct bound *bound, size_t slot, struct am_error *error)
{
	struct item *item = &index->items[index->count];
	uint32_t *place;

	item->offset = index->text.length;
	item->slot = (uint32_t)slot;
	item->again = 0;
	if (add_key(index, bound, slot, error) != 0)
		return -1;
	if (index->text.length - item->offset > UINT32_MAX / 2)
		return am_fail(error, "ODM_MERGE", "odm: class %s: key too long",
			am_odm_class_name(index->class));
	item->length = (uint32_t)(index->text.length - item->offset);
	item->hash = am_hash(item_key(index, item), item->length);
	place = find_place(index, item_key(index, item), item->length, item->hash);
	if (*place != 0 && make_unique(index, item, &place, error) != 0)
		return -1;
	*place = (uint32_t)++index->count;
	return 0;
}

static int make_index(struct index *index, const struct am_odm_class *class,
	const struct am_odm_merge *merge, struct am_error *error)
{
	size_t slots, room = 16;
	struct bound bound = {0};
	int result = -1;

	index->class = class;
	if (class == NULL)
		return 0;
	slots = am_odm_class_slots(class);
	while (room < slots * 2)
		room *= 2;
	index->mask = room - 1;
	index->items = malloc((slots + 1) * sizeof *index->items);
	index->table = calloc(room, sizeof *index->table);
	/* An empty text has a place too. */
	if (index->items == NULL || index->table == NULL)
		return am_fail_errno(error, ENOMEM, "odm: merge");
	if (am_buf_reserve(&index->text, 1, error) == 0 &&
		bind_keys(&bound, merge, class, error) == 0) {
		result = 0;
		for (size_t slot = 0; result == 0 && slot < slots; slot++) {
			if (am_odm_class_live(class, slot))
				result = add_item(index, &bound, slot, error);
		}
	}
	bound_free(&bound);
	return result;
}

/* --- the plan --- */

/* A field of N: where the other sides have it, and whose value wins a conflict. */
struct column {
	int at[3]; /* descriptor, or -1 */
	enum am_odm_policy policy;
};

struct am_odm_plan {
	struct index sides[3];
	struct column *columns;
	size_t column_count;
	int *c_to_o; /* O's descriptor for each of C's, or -1 */
	int whole, mandatory;
	struct am_odm_entry *entries;
	size_t entry_count;
	struct am_odm_finding *findings;
	size_t finding_count, finding_capacity;
	struct am_odm_value *owns;
	size_t own_count, own_capacity;
};

void am_odm_plan_free(struct am_odm_plan *plan)
{
	if (plan == NULL)
		return;
	for (int side = 0; side < 3; side++)
		index_free(&plan->sides[side]);
	for (size_t i = 0; i < plan->own_count; i++)
		free((char *)plan->owns[i].text);
	free(plan->owns);
	free(plan->columns);
	free(plan->c_to_o);
	free(plan->entries);
	free(plan->findings);
	free(plan);
}

static enum am_odm_policy policy_of(const struct am_odm_merge *merge, const char *name)
{
	for (size_t i = 0; i < merge->field_count; i++) {
		if (strcmp(merge->fields[i].name, name) == 0)
			return merge->fields[i].policy;
	}
	return merge->fallback;
}

/* The descriptor of that name, or -1; also in a class that is not there. */
static int find_field(const struct am_odm_class *class, const char *name)
{
	size_t count;
	const struct am_odm_descriptor *d;

	if (class == NULL)
		return -1;
	d = am_odm_class_descriptors(class, &count);
	return am_odm_find(d, count, name, strlen(name));
}

static int make_columns(
	struct am_odm_plan *plan, const struct am_odm_merge *merge, struct am_error *error)
{
	size_t count, c_count;
	const struct am_odm_descriptor *d = am_odm_class_descriptors(merge->sides[2], &count);
	const struct am_odm_descriptor *c = am_odm_class_descriptors(merge->sides[1], &c_count);

	plan->columns = calloc(count + 1, sizeof *plan->columns);
	plan->c_to_o = calloc(c_count + 1, sizeof *plan->c_to_o);
	if (plan->columns == NULL || plan->c_to_o == NULL)
		return am_fail_errno(error, ENOMEM, "odm: merge");
	plan->column_count = count;
	for (size_t i = 0; i < count; i++) {
		struct column *column = &plan->columns[i];

		for (int side = 0; side < 3; side++)
			column->at[side] = find_field(merge->sides[side], d[i].name);
		column->policy = policy_of(merge, d[i].name);
	}
	for (size_t i = 0; i < c_count; i++)
		plan->c_to_o[i] = find_field(merge->sides[0], c[i].name);
	return 0;
}

static void get(const struct am_odm_plan *plan, int side, uint32_t slot, int field,
	struct am_odm_value *value)
{
	*value = (struct am_odm_value){AM_ODM_NONE, "", 0, 0, 0};
	if (slot != AM_ODM_NO_SLOT && field >= 0)
		am_odm_class_get(plan->sides[side].class, slot, (size_t)field, value);
}

/* Whether fields of two sides of an entry say the same; one that a layout lacks says nothing. */
static int same_fields(const struct am_odm_plan *plan, const struct am_odm_entry *entry,
	const int sides[2], const int fields[2])
{
	struct am_odm_value a, b;

	if (fields[0] < 0 || fields[1] < 0)
		return 1;
	get(plan, sides[0], entry->slots[sides[0]], fields[0], &a);
	get(plan, sides[1], entry->slots[sides[1]], fields[1], &b);
	return am_odm_same_value(&a, &b);
}

/* Whether O or C says the same as N. */
static int same_as_new(const struct am_odm_plan *plan, const struct am_odm_entry *entry, int side)
{
	const int sides[2] = {side, AM_ODM_SIDE_N};

	for (size_t i = 0; i < plan->column_count; i++) {
		const int fields[2] = {plan->columns[i].at[side], (int)i};

		if (!same_fields(plan, entry, sides, fields))
			return 0;
	}
	return 1;
}

static int untouched(const struct am_odm_plan *plan, const struct am_odm_entry *entry)
{
	static const int sides[2] = {AM_ODM_SIDE_O, AM_ODM_SIDE_C};
	size_t count;

	am_odm_class_descriptors(plan->sides[AM_ODM_SIDE_C].class, &count);
	for (size_t i = 0; i < count; i++) {
		const int fields[2] = {plan->c_to_o[i], (int)i};

		if (!same_fields(plan, entry, sides, fields))
			return 0;
	}
	return 1;
}

static struct am_odm_finding *add_finding(struct am_odm_plan *plan, size_t entry,
	enum am_odm_finding_kind kind, struct am_error *error)
{
	struct am_odm_finding *finding;

	if (plan->finding_count == plan->finding_capacity) {
		size_t capacity = plan->finding_capacity * 2 + 64;
		struct am_odm_finding *grown = realloc(plan->findings, capacity * sizeof *grown);

		if (grown == NULL) {
			am_fail_errno(error, ENOMEM, "odm: merge");
			return NULL;
		}
		plan->findings = grown;
		plan->finding_capacity = capacity;
	}
	finding = &plan->findings[plan->finding_count++];
	memset(finding, 0, sizeof *finding);
	finding->kind = (uint8_t)kind;
	finding->entry = (uint32_t)entry;
	plan->entries[entry].finding_count++;
	return finding;
}

static void choose(
	struct am_odm_plan *plan, struct am_odm_finding *finding, enum am_odm_choice choice)
{
	finding->choice = (uint8_t)choice;
	if (choice != AM_ODM_THEIRS)
		plan->entries[finding->entry].changed = 1;
}

static enum am_odm_finding_kind judge_field(const struct column *column,
	const struct am_odm_value *o, const struct am_odm_value *c, const struct am_odm_value *n)
{
	if (o->kind != AM_ODM_NONE && am_odm_same_value(c, o))
		return AM_ODM_FIELD_THEIRS;
	if (o->kind != AM_ODM_NONE && am_odm_same_value(n, o))
		return AM_ODM_FIELD_OURS;
	if (column->policy == AM_ODM_ASK)
		return AM_ODM_FIELD_ASK;
	return column->policy == AM_ODM_SYSTEM ? AM_ODM_FIELD_SYSTEM : AM_ODM_FIELD_USER;
}

static int merge_fields(struct am_odm_plan *plan, size_t index, struct am_error *error)
{
	const struct am_odm_entry *entry = &plan->entries[index];

	for (size_t i = 0; i < plan->column_count; i++) {
		const struct column *column = &plan->columns[i];
		struct am_odm_value o, c, n;
		struct am_odm_finding *finding;
		enum am_odm_finding_kind kind;

		if (column->at[1] < 0)
			continue;
		get(plan, 1, entry->slots[1], column->at[1], &c);
		get(plan, 2, entry->slots[2], (int)i, &n);
		if (am_odm_same_value(&c, &n))
			continue;
		get(plan, 0, entry->slots[0], column->at[0], &o);
		kind = judge_field(column, &o, &c, &n);
		finding = add_finding(plan, index, kind, error);
		if (finding == NULL)
			return -1;
		finding->field = (uint16_t)i;
		if (kind == AM_ODM_FIELD_OURS || kind == AM_ODM_FIELD_USER)
			choose(plan, finding, AM_ODM_OURS);
	}
	return 0;
}

static int note(struct am_odm_plan *plan, size_t entry, enum am_odm_finding_kind kind,
	struct am_error *error)
{
	return add_finding(plan, entry, kind, error) == NULL ? -1 : 0;
}

/* An object of both levels. */
static int merge_both(struct am_odm_plan *plan, size_t index, struct am_error *error)
{
	struct am_odm_entry *entry = &plan->entries[index];
	int known = entry->slots[0] != AM_ODM_NO_SLOT;

	if (!plan->whole)
		return merge_fields(plan, index, error);
	if (same_as_new(plan, entry, AM_ODM_SIDE_C))
		return 0;
	if (known && same_as_new(plan, entry, AM_ODM_SIDE_O)) {
		entry->ours = 1;
		return note(plan, index, AM_ODM_OBJECT_OURS, error);
	}
	if (known && untouched(plan, entry))
		return note(plan, index, AM_ODM_OBJECT_THEIRS, error);
	return note(plan, index, AM_ODM_OBJECT_CONFLICT, error);
}

/* An object of the new level that the site does not have. */
static int merge_theirs(struct am_odm_plan *plan, size_t index, struct am_error *error)
{
	struct am_odm_entry *entry = &plan->entries[index];

	if (entry->slots[0] == AM_ODM_NO_SLOT)
		return note(plan, index, AM_ODM_NEW, error);
	if (plan->mandatory)
		return note(plan, index, AM_ODM_RETURNED, error);
	entry->dropped = 1;
	return note(plan, index,
		same_as_new(plan, entry, AM_ODM_SIDE_O) ? AM_ODM_REMOVED : AM_ODM_REMOVED_CHANGED,
		error);
}

/* An object that only the site has. */
static int merge_ours(struct am_odm_plan *plan, size_t index, struct am_error *error)
{
	struct am_odm_entry *entry = &plan->entries[index];

	entry->ours = 1;
	if (entry->slots[0] == AM_ODM_NO_SLOT)
		return note(plan, index, AM_ODM_ADDED, error);
	entry->dropped = untouched(plan, entry) != 0;
	return note(plan, index, entry->dropped ? AM_ODM_OBSOLETE : AM_ODM_CHANGED_OBSOLETE, error);
}

static uint32_t slot_of(
	const struct am_odm_plan *plan, int side, const struct index *from, const struct item *item)
{
	const struct item *found =
		find_item(&plan->sides[side], item_key(from, item), item->length, item->hash);

	return found == NULL ? AM_ODM_NO_SLOT : found->slot;
}

static struct am_odm_entry *add_entry(struct am_odm_plan *plan, int side, const struct item *item)
{
	struct am_odm_entry *entry = &plan->entries[plan->entry_count++];

	for (int other = 0; other < 3; other++)
		entry->slots[other] =
			other == side ? item->slot : slot_of(plan, other, &plan->sides[side], item);
	entry->first_finding = (uint32_t)plan->finding_count;
	return entry;
}

static int make_entries(struct am_odm_plan *plan, struct am_error *error)
{
	const struct index *c = &plan->sides[1], *n = &plan->sides[2];

	plan->entries = calloc(c->count + n->count + 1, sizeof *plan->entries);
	if (plan->entries == NULL)
		return am_fail_errno(error, ENOMEM, "odm: merge");
	for (size_t i = 0; i < n->count; i++) {
		const struct am_odm_entry *entry = add_entry(plan, 2, &n->items[i]);
		int failed = entry->slots[1] != AM_ODM_NO_SLOT ? merge_both(plan, i, error)
							       : merge_theirs(plan, i, error);

		if (failed)
			return -1;
	}
	for (size_t i = 0; i < c->count; i++) {
		if (slot_of(plan, 2, c, &c->items[i]) != AM_ODM_NO_SLOT)
			continue;
		add_entry(plan, 1, &c->items[i]);
		if (merge_ours(plan, plan->entry_count - 1, error) != 0)
			return -1;
	}
	return 0;
}

struct am_odm_plan *am_odm_plan_make(const struct am_odm_merge *merge, struct am_error *error)
{
	struct am_odm_plan *plan = calloc(1, sizeof *plan);
	int failed = plan == NULL ? am_fail_errno(error, ENOMEM, "odm: merge") : 0;

	for (int side = 0; !failed && side < 3; side++)
		failed = make_index(&plan->sides[side], merge->sides[side], merge, error);
	if (failed || make_columns(plan, merge, error) != 0) {
		am_odm_plan_free(plan);
		return NULL;
	}
	plan->whole = merge->whole;
	plan->mandatory = merge->mandatory;
	if (make_entries(plan, error) != 0) {
		am_odm_plan_free(plan);
		return NULL;
	}
	return plan;
}

/* --- asking and answering --- */

size_t am_odm_plan_findings(const struct am_odm_plan *plan)
{
	return plan->finding_count;
}

const struct am_odm_finding *am_odm_plan_finding(const struct am_odm_plan *plan, size_t index)
{
	return &plan->findings[index];
}

size_t am_odm_plan_entries(const struct am_odm_plan *plan)
{
	return plan->entry_count;
}

const struct am_odm_entry *am_odm_plan_entry(const struct am_odm_plan *plan, size_t index)
{
	return &plan->entries[index];
}

struct am_slice am_odm_plan_key(const struct am_odm_plan *plan, size_t entry)
{
	const struct index *n = &plan->sides[2], *c = &plan->sides[1];
	const struct item *item;

	if (entry < n->count) {
		item = &n->items[entry];
		return (struct am_slice){item_key(n, item), item->length};
	}
	/* The slots of C's items rise. */
	for (size_t low = 0, high = c->count; low < high;) {
		size_t middle = low + (high - low) / 2;

		item = &c->items[middle];
		if (item->slot == plan->entries[entry].slots[1])
			return (struct am_slice){item_key(c, item), item->length};
		if (item->slot < plan->entries[entry].slots[1])
			low = middle + 1;
		else
			high = middle;
	}
	return (struct am_slice){"", 0};
}

void am_odm_plan_choose(struct am_odm_plan *plan, size_t finding, enum am_odm_choice choice)
{
	choose(plan, &plan->findings[finding], choice);
}

int am_odm_plan_own(struct am_odm_plan *plan, size_t finding, const struct am_odm_value *value,
	struct am_error *error)
{
	char *text;

	if (plan->own_count == plan->own_capacity) {
		size_t capacity = plan->own_capacity * 2 + 8;
		struct am_odm_value *owns = realloc(plan->owns, capacity * sizeof *owns);

		if (owns == NULL)
			return am_fail_errno(error, ENOMEM, "odm: merge");
		plan->owns = owns;
		plan->own_capacity = capacity;
	}
	text = malloc(value->length + 1);
	if (text == NULL)
		return am_fail_errno(error, ENOMEM, "odm: merge");
	if (value->length > 0)
		memcpy(text, value->text, value->length);
	text[value->length] = '\0';
	plan->owns[plan->own_count] = *value;
	plan->owns[plan->own_count].text = text;
	plan->findings[finding].own = (uint32_t)plan->own_count++;
	choose(plan, &plan->findings[finding], AM_ODM_OWN);
	return 0;
}

void am_odm_plan_keep(struct am_odm_plan *plan, size_t entry, int keep)
{
	plan->entries[entry].dropped = !keep;
}

int am_odm_plan_value(const struct am_odm_plan *plan, size_t entry, int side, const char *name,
	struct am_odm_value *value)
{
	uint32_t slot = plan->entries[entry].slots[side];

	get(plan, side, slot, find_field(plan->sides[side].class, name), value);
	return value->kind != AM_ODM_NONE;
}

void am_odm_plan_chosen(const struct am_odm_plan *plan, size_t finding, struct am_odm_value *value)
{
	const struct am_odm_finding *f = &plan->findings[finding];
	int side = f->choice == AM_ODM_OURS ? AM_ODM_SIDE_C : AM_ODM_SIDE_N;

	if (f->choice == AM_ODM_OWN)
		*value = plan->owns[f->own];
	else
		get(plan, side, plan->entries[f->entry].slots[side],
			plan->columns[f->field].at[side], value);
}

int am_odm_plan_result(
	const struct am_odm_plan *plan, size_t entry, const char *name, struct am_odm_value *value)
{
	const struct am_odm_entry *e = &plan->entries[entry];
	int side = e->ours ? AM_ODM_SIDE_C : AM_ODM_SIDE_N;
	int field = find_field(plan->sides[side].class, name);

	for (size_t i = e->first_finding;
		!e->ours && e->changed && i < (size_t)e->first_finding + e->finding_count; i++) {
		const struct am_odm_finding *f = &plan->findings[i];

		if (f->choice != AM_ODM_THEIRS && f->field == field) {
			am_odm_plan_chosen(plan, i, value);
			return 1;
		}
	}
	get(plan, side, e->slots[side], field, value);
	return value->kind != AM_ODM_NONE;
}

static int same_layout(const struct am_odm_class *a, const struct am_odm_class *b)
{
	size_t a_count, b_count;
	const struct am_odm_descriptor *x = am_odm_class_descriptors(a, &a_count);
	const struct am_odm_descriptor *y = am_odm_class_descriptors(b, &b_count);

	if (a_count != b_count)
		return 0;
	for (size_t i = 0; i < a_count; i++) {
		if (strcmp(x[i].name, y[i].name) != 0 || x[i].type != y[i].type ||
			x[i].size != y[i].size || x[i].external != y[i].external)
			return 0;
	}
	return 1;
}

static int is_ours(const struct am_odm_plan *plan, const struct am_odm_entry *entry)
{
	if (entry->dropped || entry->slots[AM_ODM_SIDE_C] == AM_ODM_NO_SLOT)
		return entry->dropped && entry->slots[AM_ODM_SIDE_C] == AM_ODM_NO_SLOT;
	for (uint32_t i = 0; !entry->ours && i < entry->finding_count; i++) {
		if (plan->findings[(size_t)entry->first_finding + i].choice != AM_ODM_OURS)
			return 0;
	}
	return 1;
}

int am_odm_plan_is_ours(const struct am_odm_plan *plan)
{
	if (!same_layout(plan->sides[AM_ODM_SIDE_C].class, plan->sides[AM_ODM_SIDE_N].class))
		return 0;
	for (size_t i = 0; i < plan->entry_count; i++) {
		if (!is_ours(plan, &plan->entries[i]))
			return 0;
	}
	return 1;
}
