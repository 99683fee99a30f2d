/* SPDX-License-Identifier: MIT */
#include "aix/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

/* Images by name, then level, a base level before an update of the same. */
struct node {
	size_t image, group;
	size_t foundation; /* the node it is applied to; NONE: the system, or nothing */
	size_t first_ref;  /* of its requisites, in `refs` */
	int is_alive;      /* it could be taken, as far as is known */
	int is_queued, is_taken;
};

/* The images of one fileset. */
struct group {
	size_t first, count;
	const struct am_level *installed; /* NULL: not there */
	size_t target;                    /* the highest node that is taken */
	size_t first_user, user_count;    /* nodes with a requisite of it */
};

/* What there is of a name. */
struct ref {
	size_t group; /* NONE: no image has it */
	const struct am_level *installed;
};

struct planner {
	struct am_plan *plan;
	const struct am_plan_image *images;
	size_t count;
	struct am_names names; /* where in `known` */
	struct ref *known;     /* all there is of each name */
	size_t known_count;
	struct node *nodes;
	struct group *groups;
	size_t group_count;
	struct ref *refs;
	size_t *users;
	size_t *queue; /* a ring of `count` nodes */
	size_t queue_first, queue_count;
	size_t *taken; /* nodes, as they were taken */
	size_t taken_count;
};

static const struct am_plan_image *image_of(const struct planner *p, size_t node)
{
	return &p->images[p->nodes[node].image];
}

static struct am_plan_verdict *verdict_of(const struct planner *p, size_t node)
{
	return &p->plan->verdicts[p->nodes[node].image];
}

/* --- sorting and finding --- */

/* qsort has no argument: what is sorted says itself what it is. */
struct sortable {
	struct am_slice name;
	struct am_level level;
	int is_update;
	size_t index;
};

static int by_fileset(const void *a, const void *b)
{
	const struct am_plan_fileset *x = a, *y = b;
	int order = am_slice_compare(x->name, y->name);

	return order != 0 ? order : am_level_compare(&x->level, &y->level);
}

static int by_image(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	int order = am_slice_compare(x->name, y->name);

	if (order == 0)
		order = am_level_compare(&x->level, &y->level);
	if (order == 0)
		order = x->is_update - y->is_update;
	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* What is known of a name, which is noted now if it is not yet. */
static struct ref *note(struct planner *p, struct am_slice name)
{
	size_t at = am_names_put(&p->names, name, p->known_count);

	if (at == p->known_count)
		p->known[p->known_count++] = (struct ref){AM_PLAN_NONE, NULL};
	return &p->known[at];
}

static struct ref find_name(const struct planner *p, struct am_slice name)
{
	size_t at = am_names_find(&p->names, name);

	return at == AM_NAMES_NONE ? (struct ref){AM_PLAN_NONE, NULL} : p->known[at];
}

/* Of a fileset that is there twice the higher level counts. */
static void note_installed(struct planner *p, const struct am_plan_fileset *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ref *ref = note(p, list[i].name);

		if (ref->installed == NULL || am_level_compare(ref->installed, &list[i].level) < 0)
			ref->installed = &list[i].level;
	}
}

static int sort_images(struct planner *p)
{
	struct sortable *list = malloc((p->count + 1) * sizeof *list);
	int is_sorted = 1;

	if (list == NULL)
		return -1;
	for (size_t i = 0; i < p->count; i++)
		list[i] = (struct sortable){
			p->images[i].name, p->images[i].level, p->images[i].is_update != 0, i};
	for (size_t i = 1; i < p->count && is_sorted; i++)
		is_sorted = by_image(&list[i - 1], &list[i]) < 0;
	if (!is_sorted) /* the index of a source is, and comparing many names takes its time */
		qsort(list, p->count, sizeof *list, by_image);
	for (size_t i = 0; i < p->count; i++) {
		struct node *node = &p->nodes[i];

		node->image = list[i].index;
		node->foundation = AM_PLAN_NONE;
		if (i == 0 || !am_slice_equal(list[i - 1].name, list[i].name)) {
			struct ref *ref = note(p, list[i].name);

			ref->group = p->group_count++;
			p->groups[ref->group] = (struct group){
				.first = i, .target = AM_PLAN_NONE, .installed = ref->installed};
		}
		node->group = p->group_count - 1;
		p->groups[node->group].count++;
	}
	free(list);
	return 0;
}

/* Whom each requisite speaks of, and who speaks of each fileset. */
static int link_requisites(struct planner *p)
{
	size_t total = 0, users = 0;

	for (size_t i = 0; i < p->count; i++) {
		p->nodes[i].first_ref = total;
		total += image_of(p, i)->requisites->count;
	}
	p->refs = calloc(total + 1, sizeof *p->refs);
	p->users = calloc(total + 1, sizeof *p->users);
	if (p->refs == NULL || p->users == NULL)
		return -1;
	for (size_t i = 0; i < p->count; i++) {
		const struct am_requisites *all = image_of(p, i)->requisites;

		for (size_t k = 0; k < all->count; k++) {
			struct ref *ref = &p->refs[p->nodes[i].first_ref + k];

			*ref = (struct ref){AM_PLAN_NONE, NULL};
			if (all->list[k].kind == AM_REQUISITE_GROUP)
				continue;
			*ref = find_name(p, all->list[k].name);
			if (ref->group != AM_PLAN_NONE)
				p->groups[ref->group].user_count++;
		}
	}
	for (size_t g = 0; g < p->group_count; g++) {
		p->groups[g].first_user = users;
		users += p->groups[g].user_count;
		p->groups[g].user_count = 0;
	}
	for (size_t i = 0; i < p->count; i++) {
		for (size_t k = 0; k < image_of(p, i)->requisites->count; k++) {
			struct ref *ref = &p->refs[p->nodes[i].first_ref + k];
			struct group *group;

			if (ref->group == AM_PLAN_NONE)
				continue;
			group = &p->groups[ref->group];
			p->users[group->first_user + group->user_count++] = i;
		}
	}
	return 0;
}

/* --- levels of one fileset --- */

static const struct ref *ref_of(const struct planner *p, size_t node, size_t requisite)
{
	return &p->refs[p->nodes[node].first_ref + requisite];
}

/* Whether a requisite speaks of its own fileset. */
static int is_own(const struct planner *p, size_t node, size_t requisite)
{
	return ref_of(p, node, requisite)->group == p->nodes[node].group;
}

static int is_same_release(const struct am_level *a, const struct am_level *b)
{
	return a->number[0] == b->number[0] && a->number[1] == b->number[1];
}

/* Whether an update can be applied to a level, as far as it says something of its own fileset. */
static int fits(const struct planner *p, size_t node, const struct am_level *level)
{
	const struct am_plan_image *image = image_of(p, node);

	if (!is_same_release(level, &image->level) || am_level_compare(level, &image->level) >= 0)
		return 0;
	for (size_t k = 0; k < image->requisites->count; k = image->requisites->list[k].end) {
		const struct am_requisite *one = &image->requisites->list[k];

		if (is_own(p, node, k) && !am_requisite_met(one, level))
			return 0;
	}
	return 1;
}

/* What the node is applied to: 1, or 0 when there is nothing. */
static int find_foundation(struct planner *p, size_t node)
{
	const struct group *group = &p->groups[p->nodes[node].group];
	size_t best = AM_PLAN_NONE, looked_at = 0;

	p->nodes[node].foundation = AM_PLAN_NONE;
	if (!image_of(p, node)->is_update)
		return 1;
	if (group->installed != NULL && fits(p, node, group->installed))
		return 1;
	for (size_t k = node; k-- > group->first && looked_at < AM_PLAN_LEVELS; looked_at++) {
		if (!p->nodes[k].is_alive || !fits(p, node, &image_of(p, k)->level))
			continue;
		if (!image_of(p, k)->is_update) {
			best = k;
			break;
		}
		if (best == AM_PLAN_NONE)
			best = k;
	}
	p->nodes[node].foundation = best;
	return best != AM_PLAN_NONE;
}

static void look_at_levels(struct planner *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct am_plan_image *image = image_of(p, i);
		const struct am_level *installed = p->groups[p->nodes[i].group].installed;
		struct am_plan_verdict *verdict = verdict_of(p, i);

		*verdict = (struct am_plan_verdict){AM_PLAN_LEFT, AM_PLAN_NONE, NULL};
		if (i > p->groups[p->nodes[i].group].first &&
			am_level_compare(&image_of(p, i - 1)->level, &image->level) == 0 &&
			!image_of(p, i - 1)->is_update == !image->is_update) {
			verdict->fate = AM_PLAN_AGAIN;
			verdict->by = verdict_of(p, i - 1)->fate == AM_PLAN_AGAIN
					      ? verdict_of(p, i - 1)->by
					      : p->nodes[i - 1].image;
		} else if (installed != NULL && am_level_compare(&image->level, installed) <= 0) {
			verdict->fate = AM_PLAN_NOT_NEWER;
		} else if (!find_foundation(p, i)) {
			verdict->fate = AM_PLAN_WITHOUT_BASE;
		} else {
			p->nodes[i].is_alive = 1;
		}
	}
}

/* The highest node of a group that is alive and meets the requisite (NULL: any), at a level (NULL:
 * any). Of a base level and an update at one level the update, if it is applied to the system. */
static size_t best_node(const struct planner *p, size_t group, const struct am_requisite *one,
	const struct am_level *level)
{
	const struct group *g = &p->groups[group];
	size_t looked_at = 0;

	for (size_t k = g->first + g->count; k-- > g->first;) {
		const struct am_level *of_this = &image_of(p, k)->level;

		if (level == NULL && looked_at++ == AM_PLAN_LEVELS)
			break;
		if (!p->nodes[k].is_alive || (one != NULL && !am_requisite_met(one, of_this)) ||
			(level != NULL && am_level_compare(level, of_this) != 0))
			continue;
		if (p->nodes[k].foundation != AM_PLAN_NONE) {
			for (size_t b = k; b-- > g->first;) {
				if (am_level_compare(&image_of(p, b)->level, of_this) != 0)
					break;
				if (p->nodes[b].is_alive)
					return b;
			}
		}
		return k;
	}
	return AM_PLAN_NONE;
}

/* --- what could be taken --- */

/* Whether a requisite could be met, by what is there or by any image that is alive. */
static int could_be_met(const struct planner *p, size_t node, size_t requisite)
{
	const struct am_requisites *all = image_of(p, node)->requisites;
	const struct am_requisite *one = &all->list[requisite];
	const struct ref *ref = ref_of(p, node, requisite);
	size_t met = 0;

	if (one->kind != AM_REQUISITE_GROUP)
		return am_requisite_met(one, ref->installed) ||
		       (ref->group != AM_PLAN_NONE &&
			       best_node(p, ref->group, one, NULL) != AM_PLAN_NONE);
	for (size_t k = requisite + 1; k < one->end; k = all->list[k].end)
		met += (size_t)could_be_met(p, node, k);
	return met > one->more;
}

static void enqueue(struct planner *p, size_t node)
{
	if (p->nodes[node].is_queued || p->count == p->queue_count)
		return;
	p->nodes[node].is_queued = 1;
	p->queue[(p->queue_first + p->queue_count++) % p->count] = node;
}

static size_t dequeue(struct planner *p)
{
	size_t node = p->queue[p->queue_first];

	p->queue_first = (p->queue_first + 1) % p->count;
	p->queue_count--;
	p->nodes[node].is_queued = 0;
	return node;
}

/* The image that would meet a requisite if its own were met: the next link of the chain. */
static size_t blocked_image(const struct planner *p, size_t node, size_t requisite)
{
	const struct am_requisites *all = image_of(p, node)->requisites;
	const struct am_requisite *one = &all->list[requisite];
	const struct ref *ref = ref_of(p, node, requisite);
	size_t looked_at = 0;

	if (one->kind == AM_REQUISITE_GROUP) {
		for (size_t k = requisite + 1; k < one->end; k = all->list[k].end) {
			size_t image =
				could_be_met(p, node, k) ? AM_PLAN_NONE : blocked_image(p, node, k);

			if (image != AM_PLAN_NONE)
				return image;
		}
		return AM_PLAN_NONE;
	}
	if (ref->group == AM_PLAN_NONE)
		return AM_PLAN_NONE;
	for (size_t k = p->groups[ref->group].first + p->groups[ref->group].count;
		k-- > p->groups[ref->group].first && looked_at < AM_PLAN_LEVELS; looked_at++) {
		enum am_plan_fate fate = verdict_of(p, k)->fate;

		if ((fate == AM_PLAN_UNMET || fate == AM_PLAN_WITHOUT_BASE) &&
			am_requisite_met(one, &image_of(p, k)->level))
			return p->nodes[k].image;
	}
	return AM_PLAN_NONE;
}

/* The node cannot be taken; those that counted on it are looked at again. */
static void give_up(struct planner *p, size_t node, size_t by, const struct am_requisite *why)
{
	const struct group *group = &p->groups[p->nodes[node].group];

	p->nodes[node].is_alive = 0;
	*verdict_of(p, node) = (struct am_plan_verdict){AM_PLAN_UNMET, by, why};
	for (size_t k = 0; k < group->user_count; k++) {
		if (p->nodes[p->users[group->first_user + k]].is_alive)
			enqueue(p, p->users[group->first_user + k]);
	}
	for (size_t k = node + 1; k < group->first + group->count; k++) {
		if (p->nodes[k].is_alive && p->nodes[k].foundation == node)
			enqueue(p, k);
	}
}

static void look_again(struct planner *p, size_t node)
{
	const struct am_plan_image *image = image_of(p, node);
	const struct am_requisites *all = image->requisites;
	size_t foundation = p->nodes[node].foundation;

	if (!p->nodes[node].is_alive)
		return;
	if (foundation != AM_PLAN_NONE && !p->nodes[foundation].is_alive &&
		!find_foundation(p, node)) {
		give_up(p, node, p->nodes[foundation].image, NULL);
		return;
	}
	for (size_t k = 0; k < all->count; k = all->list[k].end) {
		if (is_own(p, node, k) || could_be_met(p, node, k))
			continue;
		give_up(p, node, blocked_image(p, node, k), &all->list[k]);
		return;
	}
}

/* --- what is taken --- */

static void take(struct planner *p, size_t node, size_t by, const struct am_requisite *why)
{
	p->groups[p->nodes[node].group].target = node;
	for (; node != AM_PLAN_NONE; node = p->nodes[node].foundation) {
		if (p->nodes[node].is_taken)
			return;
		p->nodes[node].is_taken = 1;
		*verdict_of(p, node) = (struct am_plan_verdict){AM_PLAN_TAKEN, by, why};
		p->taken[p->taken_count++] = node;
	}
}

static int holds(const struct planner *p, size_t node, size_t requisite)
{
	const struct am_requisites *all = image_of(p, node)->requisites;
	const struct am_requisite *one = &all->list[requisite];
	const struct ref *ref = ref_of(p, node, requisite);
	size_t held = 0;

	if (one->kind != AM_REQUISITE_GROUP) {
		size_t target =
			ref->group == AM_PLAN_NONE ? AM_PLAN_NONE : p->groups[ref->group].target;

		return am_requisite_met(
			one, target == AM_PLAN_NONE ? ref->installed : &image_of(p, target)->level);
	}
	for (size_t k = requisite + 1; k < one->end; k = all->list[k].end)
		held += (size_t)holds(p, node, k);
	return held > one->more;
}

/* Takes what a requisite needs. `why` is what it is in: the requisite itself, or its group. */
static void bring_along(
	struct planner *p, size_t node, size_t requisite, const struct am_requisite *why)
{
	const struct am_requisites *all = image_of(p, node)->requisites;
	const struct am_requisite *one = &all->list[requisite];
	const struct ref *ref = ref_of(p, node, requisite);

	if (holds(p, node, requisite))
		return;
	if (one->kind == AM_REQUISITE_GROUP) {
		for (size_t k = requisite + 1; k < one->end && !holds(p, node, requisite);
			k = all->list[k].end) {
			if (could_be_met(p, node, k))
				bring_along(p, node, k, why);
		}
	} else if (ref->group != AM_PLAN_NONE && p->groups[ref->group].target == AM_PLAN_NONE) {
		size_t best = best_node(p, ref->group, one, NULL);

		if (best != AM_PLAN_NONE)
			take(p, best, p->nodes[node].image, why);
	}
}

static void take_all(struct planner *p, const struct am_plan_fileset *wanted, size_t wanted_count)
{
	for (size_t i = 0; i < p->taken_count; i++) {
		p->nodes[p->taken[i]].is_taken = 0;
		p->groups[p->nodes[p->taken[i]].group].target = AM_PLAN_NONE;
		if (verdict_of(p, p->taken[i])->fate == AM_PLAN_TAKEN)
			*verdict_of(p, p->taken[i]) =
				(struct am_plan_verdict){AM_PLAN_LEFT, AM_PLAN_NONE, NULL};
	}
	p->taken_count = 0;
	for (size_t i = 0; i < wanted_count; i++) {
		size_t group = find_name(p, wanted[i].name).group, best;

		if (group == AM_PLAN_NONE || p->groups[group].target != AM_PLAN_NONE)
			continue;
		best = best_node(p, group, NULL, wanted[i].has_level ? &wanted[i].level : NULL);
		if (best != AM_PLAN_NONE)
			take(p, best, AM_PLAN_NONE, NULL);
	}
	for (size_t i = 0; i < p->taken_count; i++) {
		const struct am_requisites *all = image_of(p, p->taken[i])->requisites;

		for (size_t k = 0; k < all->count; k = all->list[k].end) {
			if (!is_own(p, p->taken[i], k))
				bring_along(p, p->taken[i], k, &all->list[k]);
		}
	}
}

/* Requisites with upper bounds can contradict what others brought: who asks is left out. Returns
 * how many. */
static size_t leave_out_conflicts(struct planner *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->taken_count; i++) {
		size_t node = p->taken[i];
		const struct am_requisites *all = image_of(p, node)->requisites;

		for (size_t k = 0; k < all->count; k = all->list[k].end) {
			if (is_own(p, node, k) || holds(p, node, k))
				continue;
			give_up(p, node, AM_PLAN_NONE, &all->list[k]);
			count++;
			break;
		}
	}
	return count;
}

static void tell_superseded(struct planner *p)
{
	for (size_t i = 0; i < p->count; i++) {
		size_t target = p->groups[p->nodes[i].group].target;
		struct am_plan_verdict *verdict = verdict_of(p, i);

		if (target != AM_PLAN_NONE && i < target && verdict->fate != AM_PLAN_TAKEN &&
			verdict->fate != AM_PLAN_NOT_NEWER && verdict->fate != AM_PLAN_AGAIN)
			*verdict = (struct am_plan_verdict){
				AM_PLAN_SUPERSEDED, p->nodes[target].image, NULL};
	}
}

static int level_there(void *arg, struct am_slice name, struct am_level *level)
{
	const struct am_level *found = find_name(arg, name).installed;

	if (found != NULL)
		*level = *found;
	return found != NULL;
}

static int put_in_order(struct planner *p, struct am_error *error)
{
	struct am_ordered *list = calloc(p->taken_count + 1, sizeof *list);
	size_t *order = calloc(p->taken_count + 1, sizeof *order);
	size_t count = 0;
	int result = -1;

	if (list == NULL || order == NULL) {
		am_fail_errno(error, ENOMEM, "plan");
	} else {
		/* By name and level, as nodes are: they need not be sorted again. */
		for (size_t i = 0; i < p->count; i++) {
			const struct am_plan_image *image = image_of(p, i);

			if (!p->nodes[i].is_taken)
				continue;
			p->taken[count] = i;
			list[count++] =
				(struct am_ordered){image->name, image->level, image->requisites};
		}
		result = am_requisite_order(list, p->taken_count, level_there, p, order, error);
	}
	for (size_t i = 0; result == 0 && i < p->taken_count; i++)
		p->plan->order[i] = p->nodes[p->taken[order[i]]].image;
	p->plan->order_count = result == 0 ? p->taken_count : 0;
	free(list);
	free(order);
	return result;
}

static int make(struct planner *p, const struct am_plan_fileset *wanted, size_t wanted_count,
	struct am_error *error)
{
	look_at_levels(p);
	for (size_t i = 0; i < p->count; i++) {
		if (p->nodes[i].is_alive)
			enqueue(p, i);
	}
	for (size_t round = 0; round < AM_PLAN_ROUNDS; round++) {
		while (p->queue_count > 0)
			look_again(p, dequeue(p));
		take_all(p, wanted, wanted_count);
		if (leave_out_conflicts(p) == 0) {
			tell_superseded(p);
			return put_in_order(p, error);
		}
	}
	return am_fail(error, "PLAN_CONFLICT",
		"plan: requisites contradict each other: %d times images were left out, and there "
		"are more",
		AM_PLAN_ROUNDS);
}

static int allocate(struct planner *p, const struct am_plan_fileset *installed,
	size_t installed_count, struct am_plan_fileset *sorted,
	const struct am_plan_fileset *wanted, size_t wanted_count)
{
	size_t room = p->count + 1;

	p->known = calloc(p->count + installed_count + 1, sizeof *p->known);
	p->nodes = calloc(room, sizeof *p->nodes);
	p->groups = calloc(room, sizeof *p->groups);
	p->queue = calloc(room, sizeof *p->queue);
	p->taken = calloc(room, sizeof *p->taken);
	p->plan->verdicts = calloc(room, sizeof *p->plan->verdicts);
	p->plan->order = calloc(room, sizeof *p->plan->order);
	if (p->known == NULL || am_names_make(&p->names, p->count + installed_count) != 0 ||
		p->nodes == NULL || p->groups == NULL || p->queue == NULL || p->taken == NULL ||
		p->plan->verdicts == NULL || p->plan->order == NULL)
		return -1;
	note_installed(p, installed, installed_count);
	for (size_t i = 0; i < wanted_count; i++)
		sorted[i] = wanted[i];
	if (wanted_count > 1)
		qsort(sorted, wanted_count, sizeof *sorted, by_fileset);
	return sort_images(p) != 0 || link_requisites(p) != 0 ? -1 : 0;
}

int am_plan_make(struct am_plan *plan, const struct am_plan_image *images, size_t count,
	const struct am_plan_fileset *installed, size_t installed_count,
	const struct am_plan_fileset *wanted, size_t wanted_count, struct am_error *error)
{
	struct planner p = {.plan = plan, .images = images, .count = count};
	struct am_plan_fileset *sorted = calloc(wanted_count + 1, sizeof *sorted);
	int result;

	memset(plan, 0, sizeof *plan);
	if (sorted == NULL ||
		allocate(&p, installed, installed_count, sorted, wanted, wanted_count) != 0)
		result = am_fail_errno(error, ENOMEM, "plan");
	else
		result = make(&p, sorted, wanted_count, error);
	free(sorted);
	free(p.known);
	am_names_free(&p.names);
	free(p.nodes);
	free(p.groups);
	free(p.refs);
	free(p.users);
	free(p.queue);
	free(p.taken);
	return result;
}

void am_plan_free(struct am_plan *plan)
{
	free(plan->verdicts);
	free(plan->order);
	memset(plan, 0, sizeof *plan);
}
