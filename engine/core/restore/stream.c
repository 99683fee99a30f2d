/* SPDX-License-Identifier: MIT */
#include "restore/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/bff_format.h"
#include "restore/member.h"
#include "tree/resolve.h"

/* ---- what is sent ---- */

struct stream {
	struct am_reader base;
	struct am_reader *source;
	struct am_bff *archive;
	struct restore scan; /* selection and counting */
	uint64_t sent;
	int ended; /* only zeros up to the next cluster are left */
};

/* The data of a later name may be with a member that is not sent. */
static int check_link(struct stream *s, const struct am_bff_member *member, struct am_error *error)
{
	char first[AM_TREE_PATH_MAX];
	int wanted;

	if (member->link == NULL || member->stored_size > 0 || member->size == 0)
		return 0;
	if (am_member_path(member->link, first, error) != 0)
		return -1;
	wanted = am_member_selected(s->scan.options, first, error);
	if (wanted != 0)
		return wanted > 0 ? 0 : -1;
	return am_fail(error, "ARCHIVE_LINK", "its content is that of %.300s, which is left out",
		member->link);
}

static void count(struct am_restore_stats *stats, const struct am_bff_member *member)
{
	stats->members++;
	switch (member->mode & AM_BFF_IFMT) {
	case AM_BFF_IFREG:
		if (member->link != NULL) {
			stats->links++;
			break;
		}
		stats->files++;
		stats->bytes += (uint64_t)member->size;
		break;
	case AM_BFF_IFDIR:
		stats->dirs++;
		break;
	case AM_BFF_IFLNK:
		stats->links++;
		break;
	default:
		stats->devices++;
	}
}

/* On to the next record that is sent. */
static int next_record(struct stream *s, struct am_error *error)
{
	const struct am_bff_member *member;
	char path[PATH_SIZE];
	int n = am_restore_next(&s->scan, &member, path, error);

	if (n < 0)
		return -1;
	if (n == 0) {
		s->ended = 1;
		return 0;
	}
	if (am_member_check_root(path, member, error) != 0 || check_link(s, member, error) != 0)
		return am_restore_fail(&s->scan, member, error);
	count(s->scan.stats, member);
	return 0;
}

/* Bytes of the current record, else of the next one, else zeros. */
static ssize_t read_piece(struct stream *s, char *data, size_t size, struct am_error *error)
{
	for (;;) {
		ssize_t n = am_bff_read_raw(s->archive, data, size, error);
		size_t left;

		if (n != 0)
			return n;
		if (!s->ended) {
			if (next_record(s, error) != 0)
				return -1;
			continue;
		}
		left = (size_t)((BFF_CLUSTER - s->sent % BFF_CLUSTER) % BFF_CLUSTER);
		if (left > size)
			left = size;
		memset(data, 0, left);
		return (ssize_t)left;
	}
}

static ssize_t stream_read(
	struct am_reader *reader, void *data, size_t size, struct am_error *error)
{
	struct stream *s = (struct stream *)reader;
	size_t used = 0;

	/* Records are small: a buffer is filled from many of them. */
	while (used < size) {
		ssize_t n = read_piece(s, (char *)data + used, size - used, error);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
		s->sent += (uint64_t)n;
	}
	return (ssize_t)used;
}

static void stream_close(struct am_reader *reader)
{
	struct stream *s = (struct stream *)reader;

	am_bff_close(s->archive);
	am_reader_close(s->source);
	free(s);
}

struct am_reader *am_restore_stream(struct am_reader *source,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error)
{
	struct stream *s = calloc(1, sizeof *s);

	*stats = (struct am_restore_stats){0};
	if (s == NULL) {
		am_reader_close(source);
		am_fail_errno(error, ENOMEM, "restore");
		return NULL;
	}
	s->base = (struct am_reader){stream_read, stream_close, source->name};
	s->source = source;
	s->archive = am_bff_open(source, error);
	if (s->archive == NULL || am_bff_keep_raw(s->archive, error) != 0) {
		stream_close(&s->base);
		return NULL;
	}
	s->scan.archive = s->archive;
	s->scan.options = options;
	s->scan.stats = stats;
	return &s->base;
}

/* ---- whether it may be sent ---- */

/* A directory of the archive; `dir.at` is where it is in the tree: without links on the way. */
struct known {
	struct am_dir dir; /* first */
	int missing;       /* it is not there yet, so nothing is below it */
};

struct check {
	struct restore *r;
	struct am_dirs dirs;
};

static const struct known *remember(
	struct check *c, const char *dir, const char *at, int missing, struct am_error *error)
{
	struct known *known = am_dirs_add(&c->dirs, sizeof *known, dir, strlen(dir), at, error);

	if (known != NULL)
		known->missing = missing;
	return known;
}

/* Where the link at `at` leads, which must be a directory. */
static const struct known *follow(
	struct check *c, const char *dir, const char *at, struct am_error *error)
{
	struct am_locate_options options = {
		.follow = 1, .may_follow = am_restore_may_follow, .context = c->r};
	struct am_place place;
	struct am_node *node;

	if (am_tree_locate_by(c->r->tree, "lookup", at, &options, &place, error) != 0)
		return NULL;
	node = am_place_enter(&place, error);
	if (node == NULL)
		am_place_fail(c->r->tree, &place, "lookup", error);
	am_node_release(node);
	am_place_free(&place);
	if (node == NULL)
		return NULL;
	return remember(c, dir, strcmp(place.path, "/") != 0 ? place.path : "", 0, error);
}

/* A directory that nothing is known of yet, at `at` when no link stands there. */
static const struct known *look(
	struct check *c, const char *dir, const char *at, struct am_error *error)
{
	struct am_tree_stat st;
	struct am_error why;

	if (am_tree_stat(c->r->tree, at, 0, &st, &why) != 0) {
		if (strcmp(why.code, "ENOENT") == 0)
			return remember(c, dir, at, 1, error);
		if (error != NULL)
			*error = why;
		return NULL;
	}
	/* A file there gives way when the archive has the directory; if it has not, nothing can be
	 * made below it, and the command says so. */
	if (st.type != AM_TREE_LINK)
		return remember(c, dir, at, st.type != AM_TREE_DIR, error);
	return follow(c, dir, at, error);
}

static int join(char at[PATH_SIZE], const char *dir, const char *name, struct am_error *error)
{
	if (strlen(dir) + strlen(name) + 2 > PATH_SIZE)
		return am_fail(error, "ARCHIVE_PATH", "the name is too long");
	snprintf(at, PATH_SIZE, "%s/%s", dir, name);
	return 0;
}

/*
 * Looks at the directories above `to->path` from the top, and finds `to->at`. Links the archive has
 * brought meanwhile are asked for at every step. `missing`: its directory is not there.
 */
static int check_way(struct check *c, struct member_place *to, int *missing, struct am_error *error)
{
	char dir[PATH_SIZE], at[PATH_SIZE] = "";
	const char *path = to->path, *name = path + 1;

	*missing = 0;
	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(name, '/')) {
		size_t length = (size_t)(slash - path);
		const struct known *known;

		memcpy(dir, path, length);
		dir[length] = '\0';
		if (join(to->at, at, dir + (name - path), error) != 0 ||
			am_restore_may_follow(c->r, to->at, error) != 0)
			return -1;
		known = am_dirs_find(&c->dirs, path, length);
		if (known == NULL)
			known = *missing ? remember(c, dir, to->at, 1, error)
					 : look(c, dir, to->at, error);
		if (known == NULL)
			return -1;
		*missing = known->missing;
		memcpy(at, known->dir.at, strlen(known->dir.at) + 1);
		name = slash + 1;
	}
	return join(to->at, at, name, error);
}

/* A link that the archive brings must not lead its later members; one that is there already may. */
static int check_symlink(struct check *c, const struct am_bff_member *member, const char *at,
	int missing, struct am_error *error)
{
	char target[PATH_SIZE];
	struct am_tree_stat st;

	if (!missing && am_tree_stat(c->r->tree, at, 0, &st, NULL) == 0 &&
		st.type == AM_TREE_LINK &&
		am_tree_readlink(c->r->tree, at, target, sizeof target, NULL) == 0 &&
		member->target != NULL && strcmp(target, member->target) == 0)
		return 0;
	return am_restore_remember_made(c->r, at, error);
}

static int check_member(struct check *c, const struct am_bff_member *member,
	struct member_place *to, struct am_error *error)
{
	int missing;

	if (am_member_check_root(to->path, member, error) != 0 ||
		check_way(c, to, &missing, error) != 0)
		return -1;
	if ((member->mode & AM_BFF_IFMT) == AM_BFF_IFLNK)
		return check_symlink(c, member, to->at, missing, error);
	return 0;
}

static int check_all(struct check *c, struct am_error *error)
{
	const struct am_bff_member *member;
	struct member_place to;
	int n;

	while ((n = am_restore_next(c->r, &member, to.path, error)) == 1) {
		if (check_member(c, member, &to, error) != 0)
			return am_restore_fail(c->r, member, error);
		count(c->r->stats, member);
		if (am_restore_report(c->r, 0, error) != 0)
			return -1;
	}
	return n;
}

static int check_archive(struct restore *r, struct am_error *error)
{
	struct check check = {.r = r};
	int result = check_all(&check, error);

	am_dirs_free(&check.dirs);
	return result;
}

int am_restore_check(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error)
{
	return am_restore_run(tree, archive, options, stats, check_archive, error);
}
