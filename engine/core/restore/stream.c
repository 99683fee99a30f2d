/* SPDX-License-Identifier: MIT */
#include "restore/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/bff_format.h"
#include "tree/pipeline.h"
#include "base/hash.h"
#include "restore/member.h"

/* ---- what is sent ---- */

struct stream {
	struct am_reader base;
	struct am_reader *source;
	struct am_bff *archive;
	struct restore scan; /* selection and counting */
	uint64_t sent;
	int ended; /* only zeros up to the next cluster are left */
};

/* The data of a later name may lie with a member that is not sent. */
static int check_link(struct stream *s, const struct am_bff_member *member, struct am_error *error)
{
	char first[AM_TREE_PATH_MAX];
	int wanted;

	if (member->link == NULL || member->stored_size > 0 || member->size == 0)
		return 0;
	if (am_member_path(member->link, first, error) != 0)
		return -1;
	wanted = am_restore_selected(s->scan.options, first, error);
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

static int refuse_root(const char *path, const struct am_bff_member *member, struct am_error *error)
{
	if (strcmp(path, "/") == 0 && (member->mode & AM_BFF_IFMT) != AM_BFF_IFDIR)
		return am_fail(error, "ARCHIVE_PATH", "it would replace the root directory");
	return 0;
}

/* On to the next record that is sent. */
static int next_record(struct stream *s, struct am_error *error)
{
	const struct am_bff_member *member;
	int n = am_restore_next(&s->scan, &member, error);

	if (n < 0)
		return -1;
	if (n == 0) {
		s->ended = 1;
		return 0;
	}
	if (refuse_root(s->scan.path, member, error) != 0 || check_link(s, member, error) != 0)
		return am_restore_member_fail("restore", member, error);
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

/* A directory of the archive, and where it is in the tree: without links on the way. */
struct place {
	int missing; /* it is not there yet, so nothing is below it */
	char *at;
	char dir[];
};

struct check {
	struct restore *r;
	struct place **places; /* by `dir`; open addressing */
	size_t count, capacity;
};

static size_t slot_of(struct place *const *table, size_t capacity, const char *dir)
{
	size_t slot = (size_t)am_hash(dir, strlen(dir)) & (capacity - 1);

	while (table[slot] != NULL && strcmp(table[slot]->dir, dir) != 0)
		slot = (slot + 1) & (capacity - 1);
	return slot;
}

static const struct place *look_up(const struct check *c, const char *dir)
{
	return c->capacity != 0 ? c->places[slot_of(c->places, c->capacity, dir)] : NULL;
}

static int grow(struct check *c)
{
	size_t capacity = c->capacity != 0 ? c->capacity * 2 : 256;
	struct place **places = calloc(capacity, sizeof *places);

	if (places == NULL)
		return -1;
	for (size_t i = 0; i < c->capacity; i++) {
		if (c->places[i] != NULL)
			places[slot_of(places, capacity, c->places[i]->dir)] = c->places[i];
	}
	free(c->places);
	c->places = places;
	c->capacity = capacity;
	return 0;
}

static const struct place *remember(
	struct check *c, const char *dir, const char *at, int missing, struct am_error *error)
{
	size_t dir_size = strlen(dir) + 1, at_size = strlen(at) + 1;
	struct place *place = malloc(sizeof *place + dir_size + at_size);

	if (place == NULL || (c->count * 2 >= c->capacity && grow(c) != 0)) {
		free(place);
		am_fail_errno(error, ENOMEM, "restore");
		return NULL;
	}
	place->missing = missing;
	place->at = place->dir + dir_size;
	memcpy(place->dir, dir, dir_size);
	memcpy(place->at, at, at_size);
	c->places[slot_of(c->places, c->capacity, dir)] = place;
	c->count++;
	return place;
}

static void forget_all(struct check *c)
{
	for (size_t i = 0; i < c->capacity; i++)
		free(c->places[i]);
	free(c->places);
}

/* A directory that nothing is known of yet, at `at` when no link stands there. */
static const struct place *look(
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
	c->r->dir[0] = '\0';
	if (am_restore_locate_dir(c->r, at, 0, error) != 0)
		return NULL;
	return remember(c, dir, c->r->dir_at, 0, error);
}

static int join(char at[PATH_SIZE], const char *dir, const char *name, struct am_error *error)
{
	if (strlen(dir) + strlen(name) + 2 > PATH_SIZE)
		return am_fail(error, "ARCHIVE_PATH", "the name is too long");
	snprintf(at, PATH_SIZE, "%s/%s", dir, name);
	return 0;
}

/*
 * Looks at the directories above `path` from the top, and finds where it is: c->r->at. Links the
 * archive has brought meanwhile are asked for at every step. `missing`: its directory is not there.
 */
static int check_way(struct check *c, const char *path, int *missing, struct am_error *error)
{
	char dir[PATH_SIZE], at[PATH_SIZE] = "";
	const char *name = path + 1;

	*missing = 0;
	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(name, '/')) {
		size_t length = (size_t)(slash - path);
		const struct place *place;

		memcpy(dir, path, length);
		dir[length] = '\0';
		if (join(c->r->at, at, dir + (name - path), error) != 0)
			return -1;
		if (am_restore_made_here(c->r, c->r->at))
			return am_fail(error, "ARCHIVE_PATH",
				"it goes through a symbolic link of the archive: %.300s", c->r->at);
		place = look_up(c, dir);
		if (place == NULL)
			place = *missing ? remember(c, dir, c->r->at, 1, error)
					 : look(c, dir, c->r->at, error);
		if (place == NULL)
			return -1;
		*missing = place->missing;
		memcpy(at, place->at, strlen(place->at) + 1);
		name = slash + 1;
	}
	return join(c->r->at, at, name, error);
}

/* A link that the archive brings must not lead its later members; one that is there already may. */
static int check_symlink(
	struct check *c, const struct am_bff_member *member, int missing, struct am_error *error)
{
	char target[PATH_SIZE];
	struct am_tree_stat st;

	if (!missing && am_tree_stat(c->r->tree, c->r->at, 0, &st, NULL) == 0 &&
		st.type == AM_TREE_LINK &&
		am_tree_readlink(c->r->tree, c->r->at, target, sizeof target, NULL) == 0 &&
		member->target != NULL && strcmp(target, member->target) == 0)
		return 0;
	return am_restore_remember_made(c->r, c->r->at, error);
}

static int check_member(struct check *c, const struct am_bff_member *member, struct am_error *error)
{
	int missing;

	if (refuse_root(c->r->path, member, error) != 0 ||
		check_way(c, c->r->path, &missing, error) != 0)
		return -1;
	if ((member->mode & AM_BFF_IFMT) == AM_BFF_IFLNK)
		return check_symlink(c, member, missing, error);
	return 0;
}

static int check_all(struct check *c, struct am_error *error)
{
	const struct am_bff_member *member;
	int n;

	while ((n = am_restore_next(c->r, &member, error)) == 1) {
		if (check_member(c, member, error) != 0)
			return am_restore_member_fail("restore", member, error);
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

	forget_all(&check);
	return result;
}

int am_restore_check(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	struct am_error *error)
{
	return am_restore_run(tree, archive, options, stats, check_archive, error);
}
