/* SPDX-License-Identifier: MIT */
#include "aix/requisite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

#define NESTING 32 /* deeper groups are read as if their requisites stood outside */

/* --- levels --- */

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The number at the beginning; how many bytes it takes, 0 when there is none or it is too large. */
static size_t take_number(struct am_slice text, uint32_t *number)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < text.length && is_digit(text.at[i]); i++) {
		value = value * 10 + (uint64_t)(text.at[i] - '0');
		if (value > UINT32_MAX)
			return 0;
	}
	*number = (uint32_t)value;
	return i;
}

static struct am_slice behind(struct am_slice text, size_t length)
{
	return (struct am_slice){text.at + length, text.length - length};
}

int am_level_parse(struct am_slice text, struct am_level *level)
{
	memset(level, 0, sizeof *level);
	for (size_t i = 0; i < 4; i++) {
		size_t length = take_number(text, &level->number[i]);

		if (length == 0)
			return -1;
		text = behind(text, length);
		if (text.length == 0)
			return 0;
		if (text.at[0] != '.')
			return -1;
		text = behind(text, 1);
	}
	return -1;
}

int am_level_compare(const struct am_level *a, const struct am_level *b)
{
	for (size_t i = 0; i < 4; i++) {
		if (a->number[i] != b->number[i])
			return a->number[i] < b->number[i] ? -1 : 1;
	}
	return 0;
}

/* --- reading --- */

static struct am_requisite *add(struct am_requisites *r, struct am_error *error)
{
	struct am_requisite *list = r->list;

	if (r->count == r->capacity) {
		size_t capacity = r->capacity * 2 + 4; /* most have few */

		list = realloc(list, capacity * sizeof *list);
		if (list == NULL) {
			am_fail_errno(error, ENOMEM, "requisites");
			return NULL;
		}
		r->list = list;
		r->capacity = capacity;
	}
	memset(&list[r->count], 0, sizeof *list);
	return &list[r->count++];
}

static struct am_slice skip_blanks(struct am_slice text)
{
	while (text.length > 0 && is_blank(text.at[0]))
		text = behind(text, 1);
	return text;
}

/* "v>5", with blanks wherever one likes; 0 when the text does not begin so. */
static size_t take_bound(struct am_slice text, struct am_bound *bound)
{
	static const char letters[] = "vrmf";
	const char *letter = text.length > 0 ? memchr(letters, text.at[0], 4) : NULL;
	struct am_slice rest;
	size_t length;

	if (letter == NULL)
		return 0;
	bound->place = (unsigned)(letter - letters);
	rest = skip_blanks(behind(text, 1));
	if (rest.length == 0 || (rest.at[0] != '<' && rest.at[0] != '=' && rest.at[0] != '>'))
		return 0;
	bound->operation = rest.at[0];
	rest = skip_blanks(behind(rest, 1));
	length = take_number(rest, &bound->number);
	return length == 0 ? 0 : (size_t)(rest.at - text.at) + length;
}

static size_t word_length(struct am_slice text)
{
	size_t i = 0;

	while (i < text.length && !is_blank(text.at[i]) && text.at[i] != '(')
		i++;
	return i;
}

/* "(5.1.0.0)"; how many bytes of the text it takes. */
static size_t take_base(struct am_slice text, struct am_requisite *r)
{
	const char *end = memchr(text.at, ')', text.length);
	struct am_slice inside = behind(text, 1);

	if (end == NULL)
		return text.length;
	inside.length = (size_t)(end - inside.at);
	if (!r->has_base)
		r->has_base = am_level_parse(am_slice_trim(inside), &r->base) == 0;
	return (size_t)(end - text.at) + 1;
}

/* What stands behind the name; words that are not understood are passed over. */
static int take_conditions(struct am_slice text, struct am_requisite *r, struct am_error *error)
{
	for (text = skip_blanks(text); text.length > 0; text = skip_blanks(text)) {
		struct am_bound bound;
		struct am_slice word = text;
		size_t length;

		if (text.at[0] == '(') {
			text = behind(text, take_base(text, r));
			continue;
		}
		length = take_bound(text, &bound);
		if (length > 0 && r->bounds == NULL) {
			r->bounds = calloc(AM_REQUISITE_BOUNDS, sizeof *r->bounds);
			if (r->bounds == NULL)
				return am_fail_errno(error, ENOMEM, "requisites");
		}
		if (length > 0 && r->bound_count < AM_REQUISITE_BOUNDS)
			r->bounds[r->bound_count++] = bound;
		if (length == 0) {
			word.length = length = word_length(text);
			if (!r->has_level)
				r->has_level = am_level_parse(word, &r->level) == 0;
		}
		text = behind(text, length);
	}
	return 0;
}

static const struct {
	const char *word;
	enum am_requisite_kind kind;
} keywords[] = {
	{"*prereq", AM_REQUISITE_PREREQ},
	{"*coreq", AM_REQUISITE_COREQ},
	{"*ifreq", AM_REQUISITE_IFREQ},
	{"*instreq", AM_REQUISITE_INSTREQ},
};

/* The end of the line, or the brace that ends its group. */
static size_t line_length(struct am_slice text)
{
	size_t i = 0;

	while (i < text.length && text.at[i] != '\n' && text.at[i] != '}')
		i++;
	return i;
}

/* A requisite of one fileset, or nothing when the line is none. */
static int take_line(struct am_requisites *r, struct am_slice line, struct am_error *error)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		size_t length = strlen(keywords[i].word);
		struct am_requisite *requisite;
		struct am_slice rest, name;

		if (line.length <= length || memcmp(line.at, keywords[i].word, length) != 0 ||
			!is_blank(line.at[length]))
			continue;
		rest = skip_blanks(behind(line, length));
		name = (struct am_slice){rest.at, word_length(rest)};
		if (name.length == 0)
			return 0;
		requisite = add(r, error);
		if (requisite == NULL)
			return -1;
		requisite->kind = keywords[i].kind;
		requisite->text = am_slice_trim(line);
		requisite->name = name;
		requisite->end = r->count;
		return take_conditions(behind(rest, name.length), requisite, error);
	}
	return 0;
}

/* ">N {": how many bytes it takes, 0 when the text does not begin so. */
static size_t group_begins(struct am_slice text, uint32_t *more)
{
	struct am_slice rest;
	size_t length;

	if (text.at[0] != '>')
		return 0;
	rest = skip_blanks(behind(text, 1));
	length = take_number(rest, more);
	if (length == 0)
		return 0;
	rest = skip_blanks(behind(rest, length));
	return rest.length > 0 && rest.at[0] == '{' ? (size_t)(rest.at - text.at) + 1 : 0;
}

static void close_group(struct am_requisites *r, size_t group, const char *end)
{
	r->list[group].end = r->count;
	r->list[group].text.length = (size_t)(end - r->list[group].text.at);
}

int am_requisites_parse(struct am_requisites *r, struct am_slice text, struct am_error *error)
{
	size_t open[NESTING], depth = 0;

	while (text.length > 0) {
		uint32_t more = 0;
		size_t length = group_begins(text, &more);
		struct am_requisite *group;

		if (text.at[0] == '\n' || is_blank(text.at[0])) {
			text = behind(text, 1);
		} else if (length > 0 && depth == NESTING) {
			text = behind(text, length);
		} else if (length > 0) {
			group = add(r, error);
			if (group == NULL)
				return -1;
			group->kind = AM_REQUISITE_GROUP;
			group->more = more;
			group->text = text;
			open[depth++] = r->count - 1;
			text = behind(text, length);
		} else if (text.at[0] == '}') {
			text = behind(text, 1);
			if (depth > 0)
				close_group(r, open[--depth], text.at);
		} else {
			struct am_slice line = {text.at, line_length(text)};

			if (take_line(r, line, error) != 0)
				return -1;
			text = behind(text, line.length);
		}
	}
	while (depth > 0)
		close_group(r, open[--depth], text.at);
	return 0;
}

void am_requisites_free(struct am_requisites *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i].bounds);
	free(r->list);
	memset(r, 0, sizeof *r);
}

/* --- holding --- */

static int sign(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* Whether the level is above (1), at (0) or below (-1) the version that a bound speaks of, with the
 * bound's own number as its last. */
static int against(
	const struct am_requisite *r, const struct am_bound *bound, const struct am_level *level)
{
	for (unsigned place = 0; place < bound->place; place++) {
		for (size_t i = 0; i < r->bound_count; i++) {
			const struct am_bound *named = &r->bounds[i];
			int order = sign(level->number[place], named->number);

			if (named->place == place && named->operation == '=' && order != 0)
				return order;
		}
	}
	return sign(level->number[bound->place], bound->number);
}

/* Whether a bound with "=" only names what a later one speaks of. */
static int names_a_version(const struct am_requisite *r, const struct am_bound *bound)
{
	for (size_t i = 0; i < r->bound_count; i++) {
		if (r->bounds[i].operation != '=' && r->bounds[i].place > bound->place)
			return 1;
	}
	return 0;
}

static int within(const struct am_requisite *r, const struct am_level *level)
{
	for (size_t i = 0; i < r->bound_count; i++) {
		const struct am_bound *bound = &r->bounds[i];
		int order = against(r, bound, level);

		if ((bound->operation == '>' && order <= 0) ||
			(bound->operation == '<' && order >= 0) ||
			(bound->operation == '=' && order != 0 && !names_a_version(r, bound)))
			return 0;
	}
	return 1;
}

static int is_of_base(const struct am_level *level, const struct am_level *base)
{
	return level->number[0] == base->number[0] && level->number[1] == base->number[1] &&
	       am_level_compare(level, base) >= 0;
}

int am_requisite_met(const struct am_requisite *r, const struct am_level *level)
{
	if (r->kind == AM_REQUISITE_IFREQ &&
		(level == NULL || (r->has_base && !is_of_base(level, &r->base))))
		return 1;
	if (level == NULL || (r->has_level && am_level_compare(level, &r->level) < 0))
		return 0;
	return within(r, level);
}

int am_requisite_holds(
	const struct am_requisites *r, size_t index, am_level_of *level_of, void *arg)
{
	const struct am_requisite *one = &r->list[index];
	struct am_level level;
	uint64_t held = 0;

	if (one->kind != AM_REQUISITE_GROUP)
		return am_requisite_met(one, level_of(arg, one->name, &level) ? &level : NULL);
	/* Groups are nested NESTING deep at the most. */
	for (size_t i = index + 1; i < one->end; i = r->list[i].end)
		held += (uint64_t)am_requisite_holds(r, i, level_of, arg);
	return held > one->more;
}

/* --- the order --- */

struct node {
	size_t first_edge, edge_count; /* what it may wait for */
	size_t first_user, user_count; /* who may wait for it */
	size_t number, lowest;         /* of the search for circles; number 0: not visited */
	size_t circle;                 /* which one it is of */
	size_t next_edge, caller;
	size_t first_of_name;
	size_t first_target;   /* of its requisites, in `targets` */
	size_t next_requisite; /* the first that does not hold yet, as far as is known */
	int on_stack, is_placed, is_waiting; /* waiting in the heap */
};

/* What is there of a name, by its first node. */
struct there {
	struct am_level now, at_last;
	int is_now;
};

struct ordering {
	const struct am_ordered *filesets;
	size_t count;
	am_level_of *installed;
	void *arg;
	size_t *sorted; /* indexes of filesets, by name and level: nodes are numbered so */
	struct node *nodes;
	struct there *there;
	struct am_names names; /* the first node of each */
	size_t *targets;       /* of each requisite the first node of its name, or `count` */
	size_t *edges;
	size_t edge_count, edge_capacity;
	size_t *stack, *users, *heap;
	size_t heap_count;
	size_t *members; /* nodes, circle by circle, what is waited for first; in the order of names
			  */
	size_t circle_count;
};

/* qsort has no argument: what is sorted says itself what it is. */
struct sortable {
	struct am_slice name;
	struct am_level level;
	size_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	int order = am_slice_compare(x->name, y->name);

	if (order == 0)
		order = am_level_compare(&x->level, &y->level);
	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static const struct am_ordered *fileset(const struct ordering *o, size_t node)
{
	return &o->filesets[o->sorted[node]];
}

static int sort_filesets(struct ordering *o)
{
	struct sortable *list = malloc((o->count + 1) * sizeof *list);
	int is_sorted = 1;

	if (list == NULL)
		return -1;
	for (size_t i = 0; i < o->count; i++)
		list[i] = (struct sortable){o->filesets[i].name, o->filesets[i].level, i};
	for (size_t i = 1; i < o->count && is_sorted; i++)
		is_sorted = by_name(&list[i - 1], &list[i]) < 0;
	if (!is_sorted)
		qsort(list, o->count, sizeof *list, by_name);
	for (size_t i = 0; i < o->count; i++)
		o->sorted[i] = list[i].index;
	free(list);
	return 0;
}

static void look_at_names(struct ordering *o)
{
	for (size_t i = 0; i < o->count; i++) {
		struct am_slice name = fileset(o, i)->name;
		int again = i > 0 && am_slice_equal(fileset(o, i - 1)->name, name);
		size_t first = again ? o->nodes[i - 1].first_of_name : i;
		struct there *there = &o->there[first];

		o->nodes[i].first_of_name = first;
		if (!again && o->installed != NULL)
			there->is_now = o->installed(o->arg, name, &there->now);
		if (!again && there->is_now)
			there->at_last = there->now;
		if (!again)
			am_names_put(&o->names, name, i);
		if (am_level_compare(&fileset(o, i)->level, &there->at_last) > 0)
			there->at_last = fileset(o, i)->level;
	}
}

/* Whom each requisite speaks of. */
static int find_targets(struct ordering *o)
{
	size_t total = 0;

	for (size_t i = 0; i < o->count; i++) {
		const struct am_requisites *all = fileset(o, i)->requisites;

		o->nodes[i].first_target = total;
		total += all != NULL ? all->count : 0;
	}
	o->targets = calloc(total + 1, sizeof *o->targets);
	if (o->targets == NULL)
		return -1;
	for (size_t i = 0; i < o->count; i++) {
		const struct am_requisites *all = fileset(o, i)->requisites;

		for (size_t k = 0; all != NULL && k < all->count; k++) {
			size_t first = all->list[k].kind == AM_REQUISITE_GROUP
					       ? AM_NAMES_NONE
					       : am_names_find(&o->names, all->list[k].name);

			o->targets[o->nodes[i].first_target + k] =
				first == AM_NAMES_NONE ? o->count : first;
		}
	}
	return 0;
}

static int add_edge(struct ordering *o, size_t to)
{
	if (o->edge_count == o->edge_capacity) {
		size_t capacity = o->edge_capacity * 2 + 64;
		size_t *edges = realloc(o->edges, capacity * sizeof *edges);

		if (edges == NULL)
			return -1;
		o->edges = edges;
		o->edge_capacity = capacity;
	}
	o->edges[o->edge_count++] = to;
	o->nodes[to].user_count++;
	return 0;
}

static int comes_before(const struct am_requisite *r)
{
	return r->kind == AM_REQUISITE_PREREQ || r->kind == AM_REQUISITE_INSTREQ;
}

/* All levels of the fileset: which of them meets it is seen when they are there. */
static int add_requisite(struct ordering *o, size_t node, size_t index)
{
	size_t first = o->targets[o->nodes[node].first_target + index], to;

	if (!comes_before(&fileset(o, node)->requisites->list[index]))
		return 0;
	if (first == o->count || first == o->nodes[node].first_of_name)
		return 0;
	for (to = first; to < o->count && o->nodes[to].first_of_name == first; to++) {
		if (add_edge(o, to) != 0)
			return -1;
	}
	return 0;
}

static int find_edges(struct ordering *o)
{
	size_t users = 0;

	for (size_t i = 0; i < o->count; i++) {
		const struct am_requisites *all = fileset(o, i)->requisites;

		o->nodes[i].first_edge = o->edge_count;
		if (o->nodes[i].first_of_name != i && add_edge(o, i - 1) != 0)
			return -1;
		for (size_t k = 0; all != NULL && k < all->count; k++) {
			if (add_requisite(o, i, k) != 0)
				return -1;
		}
		o->nodes[i].edge_count = o->edge_count - o->nodes[i].first_edge;
	}
	o->users = calloc(o->edge_count + 1, sizeof *o->users);
	if (o->users == NULL)
		return -1;
	for (size_t i = 0; i < o->count; i++) {
		o->nodes[i].first_user = users;
		users += o->nodes[i].user_count;
		o->nodes[i].user_count = 0;
	}
	for (size_t i = 0; i < o->count; i++) {
		for (size_t k = 0; k < o->nodes[i].edge_count; k++) {
			struct node *to = &o->nodes[o->edges[o->nodes[i].first_edge + k]];

			o->users[to->first_user + to->user_count++] = i;
		}
	}
	return 0;
}

/* Takes a circle off the stack, down to its first node. */
static void close_circle(struct ordering *o, size_t node, size_t *depth)
{
	size_t member;

	do {
		member = o->stack[--*depth];
		o->nodes[member].on_stack = 0;
		o->nodes[member].circle = o->circle_count;
	} while (member != node);
	o->circle_count++;
}

/* Circles (strongly connected filesets) by Tarjan's search, without recursion. A circle comes after
 * those that it waits for. */
static void find_circles(struct ordering *o)
{
	size_t number = 0, depth = 0;

	for (size_t start = 0; start < o->count; start++) {
		size_t at = start;

		if (o->nodes[start].number != 0)
			continue;
		o->nodes[start].caller = o->count;
		while (at < o->count) {
			struct node *node = &o->nodes[at];

			if (node->number == 0) {
				node->number = node->lowest = ++number;
				node->on_stack = 1;
				o->stack[depth++] = at;
			}
			if (node->next_edge < node->edge_count) {
				size_t to = o->edges[node->first_edge + node->next_edge++];
				struct node *next = &o->nodes[to];

				if (next->number == 0) {
					next->caller = at;
					at = to;
				} else if (next->on_stack && next->number < node->lowest) {
					node->lowest = next->number;
				}
				continue;
			}
			if (node->lowest == node->number)
				close_circle(o, at, &depth);
			at = node->caller;
			if (at < o->count && node->lowest < o->nodes[at].lowest)
				o->nodes[at].lowest = node->lowest;
		}
	}
}

static int list_members(struct ordering *o)
{
	size_t *next = calloc(o->circle_count + 1, sizeof *next);

	if (next == NULL)
		return -1;
	for (size_t i = 0; i < o->count; i++)
		next[o->nodes[i].circle + 1]++;
	for (size_t i = 0; i < o->circle_count; i++)
		next[i + 1] += next[i];
	for (size_t i = 0; i < o->count; i++)
		o->members[next[o->nodes[i].circle]++] = i;
	free(next);
	return 0;
}

/* The level of whom a requisite speaks of, now or when all is installed; NULL when it is not there.
 */
static const struct am_level *level_there(const struct ordering *o, size_t first,
	struct am_slice name, int now, struct am_level *room)
{
	if (first == o->count)
		return o->installed != NULL && o->installed(o->arg, name, room) ? room : NULL;
	if (!now)
		return &o->there[first].at_last;
	return o->there[first].is_now ? &o->there[first].now : NULL;
}

/* Whether a requisite holds: what comes before as things are now, the rest as they will be. */
static int holds(const struct ordering *o, size_t node, size_t index, int now)
{
	const struct am_requisites *all = fileset(o, node)->requisites;
	const struct am_requisite *one = &all->list[index];
	struct am_level room;
	uint64_t held = 0;

	if (one->kind != AM_REQUISITE_GROUP)
		return am_requisite_met(
			one, level_there(o, o->targets[o->nodes[node].first_target + index],
				     one->name, now && comes_before(one), &room));
	for (size_t i = index + 1; i < one->end; i = all->list[i].end)
		held += (uint64_t)holds(o, node, i, now);
	return held > one->more;
}

/* What held once holds: a fileset only gets newer. So each requisite is looked at until it holds,
 * and then no more, however often the fileset is asked about. */
static int is_ready(struct ordering *o, size_t node)
{
	const struct am_requisites *all = fileset(o, node)->requisites;
	size_t *at = &o->nodes[node].next_requisite;

	if (o->nodes[node].first_of_name != node && !o->nodes[node - 1].is_placed)
		return 0;
	for (; all != NULL && *at < all->count; *at = all->list[*at].end) {
		if (!holds(o, node, *at, 1) && holds(o, node, *at, 0))
			return 0;
	}
	return 1;
}

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

static void push(struct ordering *o, size_t node)
{
	size_t i = o->heap_count++;

	o->nodes[node].is_waiting = 1;
	o->heap[i] = node;
	for (; i > 0 && o->heap[i] < o->heap[(i - 1) / 2]; i = (i - 1) / 2)
		swap(&o->heap[i], &o->heap[(i - 1) / 2]);
}

static size_t pop(struct ordering *o)
{
	size_t top = o->heap[0], i = 0;

	o->heap[0] = o->heap[--o->heap_count];
	for (;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < o->heap_count; k++) {
			if (o->heap[k] < o->heap[least])
				least = k;
		}
		if (least == i)
			return top;
		swap(&o->heap[i], &o->heap[least]);
		i = least;
	}
}

/* The fileset is installed: who waited for it may be next. */
static void place(struct ordering *o, size_t node)
{
	struct there *there = &o->there[o->nodes[node].first_of_name];

	o->nodes[node].is_placed = 1;
	if (!there->is_now || am_level_compare(&fileset(o, node)->level, &there->now) > 0)
		there->now = fileset(o, node)->level;
	there->is_now = 1;
	for (size_t i = 0; i < o->nodes[node].user_count; i++) {
		size_t user = o->users[o->nodes[node].first_user + i];

		if (!o->nodes[user].is_placed && !o->nodes[user].is_waiting && is_ready(o, user))
			push(o, user);
	}
}

static void put_in_order(struct ordering *o, size_t *order)
{
	size_t done = 0, stuck = 0;

	for (size_t i = 0; i < o->count; i++) {
		if (is_ready(o, i))
			push(o, i);
	}
	while (done < o->count) {
		size_t next;

		if (o->heap_count > 0) {
			next = pop(o);
		} else { /* a circle that waits for nothing else */
			while (o->nodes[o->members[stuck]].is_placed)
				stuck++;
			next = o->members[stuck];
		}
		order[done++] = o->sorted[next];
		place(o, next);
	}
}

static int make_order(struct ordering *o, size_t *order)
{
	size_t room = o->count + 1;

	o->sorted = calloc(room, sizeof *o->sorted);
	o->nodes = calloc(room, sizeof *o->nodes);
	o->there = calloc(room, sizeof *o->there);
	o->stack = calloc(room, sizeof *o->stack);
	o->members = calloc(room, sizeof *o->members);
	o->heap = calloc(room, sizeof *o->heap);
	if (o->sorted == NULL || o->nodes == NULL || o->there == NULL || o->stack == NULL ||
		o->members == NULL || o->heap == NULL || am_names_make(&o->names, o->count) != 0 ||
		sort_filesets(o) != 0)
		return -1;
	look_at_names(o);
	if (find_targets(o) != 0 || find_edges(o) != 0)
		return -1;
	find_circles(o);
	if (list_members(o) != 0)
		return -1;
	put_in_order(o, order);
	return 0;
}

int am_requisite_order(const struct am_ordered *filesets, size_t count, am_level_of *installed,
	void *arg, size_t *order, struct am_error *error)
{
	struct ordering o = {
		.filesets = filesets, .count = count, .installed = installed, .arg = arg};
	int result = make_order(&o, order);

	free(o.sorted);
	free(o.nodes);
	free(o.there);
	free(o.targets);
	am_names_free(&o.names);
	free(o.edges);
	free(o.stack);
	free(o.members);
	free(o.users);
	free(o.heap);
	return result == 0 ? 0 : am_fail_errno(error, ENOMEM, "requisites: order");
}
