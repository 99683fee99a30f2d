/* SPDX-License-Identifier: MIT */
#include "restore/restore.h"

#include "restore/member.h"
#include "restore/schedule.h"
#include "tree/pipeline.h"

#include <errno.h>
#include <stdlib.h>

/* Attributes of directories, those inside before those around them. */
static int finish_dirs(struct restore *r, struct am_error *error)
{
	for (const struct late *late = r->late; late != NULL; late = late->previous) {
		if (am_restore_finish_dir(r, late->dir.path, &late->attr, error) != 0)
			return -1;
	}
	return 0;
}

static int restore_all(struct restore *r, struct am_error *error)
{
	const struct am_bff_member *member;
	struct member_place to;
	int n;

	while ((n = am_restore_next(r, &member, to.path, error)) == 1) {
		if (am_restore_report(r, 0, error) != 0)
			return -1;
		if (am_restore_locate(r, to.path, 1, to.at, error) != 0 ||
			am_restore_member(r, member, to.at, NULL, error) != 0)
			return am_restore_fail(r, member, error);
		r->stats->members++;
	}
	if (n < 0 || finish_dirs(r, error) != 0)
		return -1;
	return am_restore_report(r, 1, error);
}

static int restore_best(struct restore *r, struct am_error *error)
{
	r->chunk = malloc(CHUNK);
	if (r->chunk == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	return am_pipeline_can(r->tree) ? am_restore_many(r, error) : restore_all(r, error);
}

int am_restore(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error)
{
	*stats = (struct am_restore_stats){0};
	if (am_tree_may_write(tree, "restore", "/", error) != 0)
		return -1;
	return am_restore_run(tree, archive, options, stats, restore_best, error);
}

void am_restore_stats_free(struct am_restore_stats *stats)
{
	am_tree_names_free(&stats->moved);
}
