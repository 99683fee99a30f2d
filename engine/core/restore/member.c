/* SPDX-License-Identifier: MIT */
#include "restore/member.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "tree/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int am_member_path(const char *name, char path[AM_TREE_PATH_MAX], struct am_error *error)
{
	size_t used = 0;
	int depth = 0;

	if (name[0] == '/')
		return am_fail(error, "ARCHIVE_PATH", "absolute name");
	for (const char *p = name; *p != '\0';) {
		size_t length = strcspn(p, "/");

		if (length == 2 && p[0] == '.' && p[1] == '.')
			return am_fail(error, "ARCHIVE_PATH", "the name leads upwards");
		if (length > AM_TREE_NAME_MAX || used + length + 2 > AM_TREE_PATH_MAX)
			return am_fail(error, "ARCHIVE_PATH", "the name is too long");
		if (length > 0 && !(length == 1 && p[0] == '.')) {
			if (++depth >= AM_TREE_DEPTH_MAX)
				return am_fail(error, "ARCHIVE_PATH", "the name is too deep");
			path[used++] = '/';
			memcpy(path + used, p, length);
			used += length;
		}
		p += length;
		p += *p == '/';
	}
	if (used == 0)
		path[used++] = '/';
	path[used] = '\0';
	return 0;
}

int am_member_fail(
	const char *operation, const struct am_bff_member *member, struct am_error *error)
{
	am_error_prefix(error, "%s: member %.300s at offset %" PRIu64, operation, member->name,
		member->offset);
	return -1;
}

/* The pattern matches the path or a directory above it. */
static int covers(const char *const *patterns, const char *path)
{
	char part[PATH_SIZE];
	char *slash;

	if (patterns == NULL)
		return 0;
	snprintf(part, sizeof part, "%s", path);
	for (;;) {
		if (am_path_matches(patterns, part))
			return 1;
		slash = strrchr(part, '/');
		if (slash == NULL || slash == part)
			return 0;
		*slash = '\0';
	}
}

int am_member_selected(
	const struct am_restore_options *options, const char *path, struct am_error *error)
{
	if (options == NULL)
		return 1;
	if (options->only != NULL && !covers(options->only, path))
		return 0;
	if (covers(options->exclude, path))
		return 0;
	return options->select != NULL ? options->select(options->context, path, error) : 1;
}

/* ---- links this restore made ---- */

int am_restore_made_here(const struct restore *r, const char *at)
{
	return am_dirs_find(&r->made, at, strlen(at)) != NULL;
}

int am_restore_remember_made(struct restore *r, const char *at, struct am_error *error)
{
	size_t length = strlen(at);

	return am_restore_made_here(r, at) || am_dirs_add(&r->made, sizeof(struct am_dir), at,
						      length, NULL, error) != NULL
		       ? 0
		       : -1;
}

void am_restore_forget_made(struct restore *r, const char *at)
{
	struct am_dir *made = am_dirs_find(&r->made, at, strlen(at));

	if (made != NULL)
		am_dirs_remove(&r->made, made);
}

/* ---- where a member goes ---- */

int am_restore_may_follow(void *context, const char *link, struct am_error *error)
{
	if (!am_restore_made_here(context, link))
		return 0;
	return am_fail(error, "ARCHIVE_PATH",
		"it goes through a symbolic link of the archive: %.300s", link);
}

static int locate(struct restore *r, const char *path, const struct am_locate_options *options,
	char at[PATH_SIZE], struct am_error *error)
{
	struct am_place place;

	if (am_tree_locate_by(r->tree, "lookup", path, options, &place, error) != 0)
		return -1;
	memcpy(at, place.path, strlen(place.path) + 1);
	am_place_free(&place);
	return 0;
}

int am_restore_locate(
	struct restore *r, const char *path, int make, char at[PATH_SIZE], struct am_error *error)
{
	struct am_locate_options options = {
		.make = make, .may_follow = am_restore_may_follow, .context = r};

	return locate(r, path, &options, at, error);
}

/* ---- making room ---- */

static int note_moved(struct restore *r, const char *path, struct am_error *error)
{
	struct am_tree_names *moved = &r->stats->moved;
	char **names = realloc(moved->names, (moved->count + 1) * sizeof *names);

	if (names == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	moved->names = names;
	names[moved->count] = strdup(path);
	if (names[moved->count] == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	moved->count++;
	return 0;
}

static int move_aside(struct restore *r, const char *at, struct am_error *error)
{
	char aside[PATH_SIZE + 32];

	for (int i = 1; i < ASIDE_MAX; i++) {
		int there;

		if (i == 1)
			snprintf(aside, sizeof aside, "%s.altmig-old", at);
		else
			snprintf(aside, sizeof aside, "%s.altmig-old.%d", at, i);
		there = am_tree_exists(r->tree, aside, error);
		if (there < 0)
			return -1;
		if (there)
			continue;
		if (am_tree_rename(r->tree, at, aside, error) != 0)
			return -1;
		return note_moved(r, aside, error);
	}
	return am_fail(error, "EEXIST", "restore: %.500s: too many directories set aside", at);
}

/* What is there: 1 and its attributes, 0 nothing, -1. */
static int look(struct restore *r, const char *at, struct am_tree_stat *st, struct am_error *error)
{
	struct am_error why;

	if (am_tree_stat(r->tree, at, 0, st, &why) == 0)
		return 1;
	if (strcmp(why.code, "ENOENT") == 0)
		return 0;
	if (error != NULL)
		*error = why;
	return -1;
}

/* A directory gives way to something else. */
static int clear_directory(struct restore *r, const char *at, struct am_error *error)
{
	struct am_error why;

	if (am_tree_remove(r->tree, at, &why) == 0)
		return 0;
	if (strcmp(why.code, "ENOTEMPTY") == 0 || strcmp(why.code, "EEXIST") == 0)
		return move_aside(r, at, error);
	if (error != NULL)
		*error = why;
	return -1;
}

/* Nothing is there afterwards. `keep_files`: but a file, which a rename will replace in one step.
 */
static int make_room(struct restore *r, const char *at, int keep_files, struct am_error *error)
{
	struct am_tree_stat st;
	int there = look(r, at, &st, error);

	if (there <= 0)
		return there;
	if (st.type == AM_TREE_DIR)
		return clear_directory(r, at, error);
	return keep_files ? 0 : am_tree_remove(r->tree, at, error);
}

/* ---- members ---- */

struct am_tree_attr am_member_attr(const struct am_bff_member *member)
{
	return (struct am_tree_attr){
		.set = AM_SET_MODE | AM_SET_UID | AM_SET_GID | AM_SET_ATIME | AM_SET_MTIME,
		.mode = member->mode & 07777,
		.uid = member->uid,
		.gid = member->gid,
		.atime = {member->atime, 0},
		.mtime = {member->mtime, 0},
	};
}

int am_restore_progress(const struct am_restore_options *options,
	const struct am_restore_stats *stats, double *last, int always, struct am_error *error)
{
	double t;

	if (options == NULL || options->progress == NULL)
		return 0;
	t = am_clock();
	if (!always && t - *last < 0.1)
		return 0;
	*last = t;
	return options->progress(options->context, stats, error) != 0 ? -1 : 0;
}

int am_restore_report(struct restore *r, int always, struct am_error *error)
{
	if (!always && am_check_cancel("restore", error) != 0) {
		r->complete = 1;
		return -1;
	}
	if (am_restore_progress(r->options, r->stats, &r->reported, always, error) == 0)
		return 0;
	r->complete = 1;
	return -1;
}

/* The next piece of a member's content into r->chunk, from memory when it was read before. */
static ssize_t read_data(struct restore *r, struct held *held, struct am_error *error)
{
	size_t n;

	if (held == NULL)
		return am_bff_read(r->archive, r->chunk, CHUNK, error);
	n = held->length < CHUNK ? held->length : CHUNK;
	if (n > 0)
		memcpy(r->chunk, held->data, n);
	held->data += n;
	held->length -= n;
	return (ssize_t)n;
}

int am_restore_fail(struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	return r->complete ? -1 : am_member_fail("restore", member, error);
}

static int copy_data(
	struct restore *r, struct am_writer *writer, struct held *held, struct am_error *error)
{
	for (;;) {
		ssize_t n = read_data(r, held, error);

		if (n <= 0)
			return (int)n;
		if (am_writer_write(writer, r->chunk, (size_t)n, error) != 0)
			return -1;
		r->stats->bytes += (uint64_t)n;
		if (am_restore_report(r, 0, error) != 0)
			return -1;
	}
}

static int restore_data(struct restore *r, const struct am_bff_member *member, const char *at,
	struct held *held, struct am_error *error)
{
	struct am_tree_attr attr = am_member_attr(member);
	struct am_writer *writer;

	if (make_room(r, at, 1, error) != 0)
		return -1;
	writer = am_tree_create(r->tree, at, 0, &attr, error);
	if (writer == NULL)
		return -1;
	if (copy_data(r, writer, held, error) != 0) {
		am_writer_abort(writer);
		return -1;
	}
	r->stats->files++;
	return am_writer_commit(writer, error);
}

/* Another name of a file before it. Data that came twice are there for other file systems. */
static int restore_hard_link(struct restore *r, const struct am_bff_member *member, const char *at,
	struct held *held, struct am_error *error)
{
	char first[PATH_SIZE], first_at[PATH_SIZE];
	struct am_error why;

	if (am_member_path(member->link, first, error) != 0 ||
		am_restore_locate(r, first, 0, first_at, error) != 0)
		return -1;
	if (strcmp(first_at, at) == 0)
		return 0;
	if (make_room(r, at, 0, error) != 0)
		return -1;
	if (am_tree_link(r->tree, first_at, at, &why) == 0) {
		r->stats->links++;
		return 0;
	}
	if (strcmp(why.code, "EXDEV") != 0 && strcmp(why.code, "ENOENT") != 0 &&
		strcmp(why.code, "EMLINK") != 0) {
		if (error != NULL)
			*error = why;
		return -1;
	}
	if (member->stored_size > 0 || member->size == 0)
		return restore_data(r, member, at, held, error);
	if (strcmp(why.code, "ENOENT") == 0)
		return am_fail(error, "ARCHIVE_LINK",
			"its content is that of %.300s, which is not in the tree", member->link);
	r->stats->files++;
	return am_tree_copy(r->tree, first_at, r->tree, at, error);
}

static int restore_symlink(struct restore *r, const struct am_bff_member *member, const char *at,
	struct am_error *error)
{
	struct am_tree_attr attr = am_member_attr(member);
	char target[PATH_SIZE];
	struct am_tree_stat st;
	int there = look(r, at, &st, error);

	if (there < 0)
		return -1;
	attr.set &= ~(unsigned)AM_SET_MODE;
	if (!there || st.type != AM_TREE_LINK ||
		am_tree_readlink(r->tree, at, target, sizeof target, NULL) != 0 ||
		strcmp(target, member->target) != 0) {
		if (make_room(r, at, 0, error) != 0 ||
			am_restore_remember_made(r, at, error) != 0 ||
			am_tree_symlink(r->tree, member->target, at, error) != 0)
			return -1;
	}
	r->stats->links++;
	return am_tree_setattr(r->tree, at, 0, &attr, error);
}

int am_restore_add_late(struct restore *r, const struct am_bff_member *member, const char *at,
	struct am_error *error)
{
	struct late *late = am_dirs_find(&r->late_dirs, at, strlen(at));

	if (late == NULL) {
		late = am_dirs_add(&r->late_dirs, sizeof *late, at, strlen(at), NULL, error);
		if (late == NULL)
			return -1;
		late->previous = r->late;
		r->late = late;
	}
	/* Answers come in any order; what is last in the archive counts. */
	if (member->offset >= late->offset) {
		late->attr = am_member_attr(member);
		late->offset = member->offset;
	}
	return 0;
}

static int restore_dir(struct restore *r, const struct am_bff_member *member, const char *at,
	struct am_error *error)
{
	struct am_tree_stat st;
	int there = look(r, at, &st, error);

	if (there < 0)
		return -1;
	if (there && st.type != AM_TREE_DIR) {
		if (am_tree_remove(r->tree, at, error) != 0)
			return -1;
		there = 0;
	}
	if (!there && am_tree_mkdir(r->tree, at, 0755, error) != 0)
		return -1;
	if (am_restore_add_late(r, member, at, error) != 0)
		return -1;
	r->stats->dirs++;
	return 0;
}

static int restore_device(struct restore *r, const struct am_bff_member *member, const char *at,
	enum am_tree_type type, struct am_error *error)
{
	struct am_tree_attr attr = am_member_attr(member);

	if (make_room(r, at, 0, error) != 0 ||
		am_tree_mknod(r->tree, at, type, attr.mode, member->rdev_major, member->rdev_minor,
			error) != 0)
		return -1;
	r->stats->devices++;
	return am_tree_setattr(r->tree, at, 0, &attr, error);
}

enum am_tree_type am_member_type(const struct am_bff_member *member)
{
	switch (member->mode & AM_BFF_IFMT) {
	case AM_BFF_IFREG:
		return AM_TREE_FILE;
	case AM_BFF_IFDIR:
		return AM_TREE_DIR;
	case AM_BFF_IFLNK:
		return AM_TREE_LINK;
	case AM_BFF_IFBLK:
		return AM_TREE_BLOCK;
	case AM_BFF_IFCHR:
		return AM_TREE_CHAR;
	case AM_BFF_IFIFO:
		return AM_TREE_FIFO;
	case AM_BFF_IFSOCK:
		return AM_TREE_SOCKET;
	default:
		return (enum am_tree_type)0;
	}
}

int am_member_check_root(
	const char *path, const struct am_bff_member *member, struct am_error *error)
{
	if (strcmp(path, "/") == 0 && am_member_type(member) != AM_TREE_DIR)
		return am_fail(error, "ARCHIVE_PATH", "it would replace the root directory");
	return 0;
}

int am_restore_member(struct restore *r, const struct am_bff_member *member, const char *at,
	struct held *held, struct am_error *error)
{
	enum am_tree_type type = am_member_type(member);

	if (am_member_check_root(at, member, error) != 0)
		return -1;
	switch (type) {
	case AM_TREE_FILE:
		if (member->link != NULL)
			return restore_hard_link(r, member, at, held, error);
		return restore_data(r, member, at, held, error);
	case AM_TREE_DIR:
		return restore_dir(r, member, at, error);
	case AM_TREE_LINK:
		if (member->target == NULL || member->target[0] == '\0')
			return am_fail(error, "ARCHIVE_LINK", "symbolic link without a target");
		return restore_symlink(r, member, at, error);
	case AM_TREE_BLOCK:
	case AM_TREE_CHAR:
	case AM_TREE_FIFO:
	case AM_TREE_SOCKET:
		return restore_device(r, member, at, type, error);
	}
	return am_fail(
		error, "BFF_TYPE", "unknown file type %06" PRIo32, member->mode & AM_BFF_IFMT);
}

static int follow_none(void *context, const char *link, struct am_error *error)
{
	(void)context;
	return am_fail(error, "ENOTDIR", "%.300s: %s", link, strerror(ENOTDIR));
}

int am_restore_finish_dir(
	struct restore *r, const char *at, const struct am_tree_attr *attr, struct am_error *error)
{
	struct am_locate_options options = {.may_follow = follow_none};
	struct am_tree_stat st;
	char now[PATH_SIZE];
	int there;

	if (locate(r, at, &options, now, NULL) != 0)
		return 0;
	there = look(r, at, &st, error);
	if (there <= 0 || st.type != AM_TREE_DIR)
		return there < 0 ? -1 : 0;
	return am_tree_setattr(r->tree, at, 0, attr, error);
}

int am_restore_next(struct restore *r, const struct am_bff_member **member, char path[PATH_SIZE],
	struct am_error *error)
{
	int n;

	while ((n = am_bff_next(r->archive, member, error)) == 1) {
		int wanted;

		if (am_check_cancel("restore", error) != 0)
			return -1;
		if (am_member_path((*member)->name, path, error) != 0)
			return am_member_fail("restore", *member, error);
		wanted = am_member_selected(r->options, path, error);
		if (wanted > 0 && r->options != NULL && r->options->secured != NULL &&
			am_bff_secured(*member) != 0 &&
			r->options->secured(r->options->context, path, *member, error) != 0)
			return -1;
		if (wanted != 0)
			return wanted;
		r->stats->skipped++;
	}
	return n;
}

uint64_t am_restore_requests(struct am_tree *tree)
{
	uint64_t requests = 0;

	for (size_t i = 0; i < am_tree_mount_count(tree); i++)
		requests += am_tree_fs(tree, i)->requests;
	return requests;
}

int am_restore_run(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*all)(struct restore *r, struct am_error *error), struct am_error *error)
{
	struct restore *r = calloc(1, sizeof *r);
	double started = am_clock();
	uint64_t before = am_restore_requests(tree);
	int result;

	*stats = (struct am_restore_stats){0};
	if (r == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	r->tree = tree;
	r->archive = archive;
	r->options = options;
	r->stats = stats;
	result = all(r, error);
	stats->requests = am_restore_requests(tree) - before;
	stats->seconds = am_clock() - started;
	am_dirs_free(&r->late_dirs);
	am_dirs_free(&r->made);
	free(r->chunk);
	free(r);
	return result;
}
