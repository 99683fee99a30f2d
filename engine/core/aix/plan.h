/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the filesets of a system when images are installed on it: which levels are
 * taken, what they bring along, in which order, what is not taken and why.
 *
 * A base level can be installed over any lower level. An update is applied to a lower level of its
 * version and release, of the system or of another image, that meets what the update asks of its
 * own fileset; a base level is preferred to another update for that, since an update holds all
 * before it. Of each fileset that is wanted the highest level is taken whose requisites, and those
 * of all it brings along, are met. What is wanted for a requisite alone is taken at the highest
 * level that meets it; of a group the first of its requisites that can be met, in their order.
 * Nothing depends on the order of the input, if no image occurs twice.
 *
 * Time grows with the number of images and requisites. AM_PLAN_LEVELS and AM_PLAN_ROUNDS keep it so
 * whatever they say.
 */
#ifndef ALTMIG_AIX_PLAN_H
#define ALTMIG_AIX_PLAN_H

#include <stddef.h>

#include "aix/requisite.h"
#include "base/error.h"
#include "base/slice.h"

/* Of one fileset, from the highest on, so many levels are looked at for others. */
#define AM_PLAN_LEVELS 256
/* So many times images are left out whose requisites contradict others. */
#define AM_PLAN_ROUNDS 64
#define AM_PLAN_NONE   ((size_t)-1)

/* A fileset of an image. All text is that of the caller. */
struct am_plan_image {
	struct am_slice name;
	struct am_level level;
	int is_update;
	const struct am_requisites *requisites;
};

/* A fileset of the system, or one that is wanted: then at the highest level, or has_level. */
struct am_plan_fileset {
	struct am_slice name;
	struct am_level level;
	int has_level;
};

enum am_plan_fate {
	AM_PLAN_LEFT,         /* its fileset is not wanted */
	AM_PLAN_TAKEN,        /* `by`: the image whose requisite `why` asks for it; NONE: wanted */
	AM_PLAN_NOT_NEWER,    /* the system has that level or a higher one */
	AM_PLAN_SUPERSEDED,   /* `by`: the higher level that is taken */
	AM_PLAN_AGAIN,        /* `by`: an image with the same */
	AM_PLAN_WITHOUT_BASE, /* an update without a level it could be applied to */
	AM_PLAN_UNMET         /* `why`: the requisite that is not met, NULL: that of its base level;
				 `by`: the image that would meet it if it were not unmet itself */
};

struct am_plan_verdict {
	enum am_plan_fate fate;
	size_t by;
	const struct am_requisite *why;
};

struct am_plan {
	struct am_plan_verdict *verdicts; /* of each image */
	size_t *order;                    /* the images that are taken */
	size_t order_count;
};

/*
 * Fails without memory, and with PLAN_CONFLICT when the requisites contradict each other again and
 * again. Free with am_plan_free, also after a failure.
 */
int am_plan_make(struct am_plan *plan, const struct am_plan_image *images, size_t count,
	const struct am_plan_fileset *installed, size_t installed_count,
	const struct am_plan_fileset *wanted, size_t wanted_count, struct am_error *error);
void am_plan_free(struct am_plan *plan);

#endif
