/* SPDX-License-Identifier: MIT */
#include "restore/member.h"

#include "base/cancel.h"
#include "tree/pipeline.h"
#include "base/hash.h"
#include "base/clock.h"

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

/* Names the member a refusal is about. */
int am_restore_member_fail(
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

int am_restore_selected(
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

static size_t slot_of(char *const *table, size_t capacity, const char *path)
{
	size_t slot = (size_t)am_hash(path, strlen(path)) & (capacity - 1);

	while (table[slot] != NULL && strcmp(table[slot], path) != 0)
		slot = (slot + 1) & (capacity - 1);
	return slot;
}

int am_restore_made_here(const struct restore *r, const char *path)
{
	return r->made_capacity != 0 && r->made[slot_of(r->made, r->made_capacity, path)] != NULL;
}

static int grow_made(struct restore *r)
{
	size_t capacity = r->made_capacity != 0 ? r->made_capacity * 2 : 256;
	char **table = calloc(capacity, sizeof *table);

	if (table == NULL)
		return -1;
	for (size_t i = 0; i < r->made_capacity; i++) {
		if (r->made[i] != NULL)
			table[slot_of(table, capacity, r->made[i])] = r->made[i];
	}
	free(r->made);
	r->made = table;
	r->made_capacity = capacity;
	return 0;
}

/* Before the link is made, so that it is known in any case. */
int am_restore_remember_made(struct restore *r, const char *path, struct am_error *error)
{
	size_t slot;

	if (r->made_count * 2 >= r->made_capacity && grow_made(r) != 0)
		return am_fail_errno(error, ENOMEM, "restore");
	slot = slot_of(r->made, r->made_capacity, path);
	if (r->made[slot] != NULL)
		return 0;
	r->made[slot] = strdup(path);
	if (r->made[slot] == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	r->made_count++;
	return 0;
}

void am_restore_forget_made(struct restore *r, const char *path)
{
	char *made;

	if (r->made_capacity == 0)
		return;
	made = r->made[slot_of(r->made, r->made_capacity, path)];
	if (made != NULL)
		made[0] = '!'; /* no path begins like this; the slot stays taken */
}

/* ---- where a member goes ---- */

/* The walk over the directories of a member's path: `at` holds no links, `rest` is to go. */
struct way {
	char at[PATH_SIZE];
	char rest[2 * PATH_SIZE];
	int links;
};

static int follow_link(struct restore *r, struct way *way, const char *link, struct am_error *error)
{
	char target[PATH_SIZE];
	size_t length, rest = strlen(way->rest);

	if (am_restore_made_here(r, link))
		return am_fail(error, "ARCHIVE_PATH",
			"it goes through a symbolic link of the archive: %.300s", link);
	if (++way->links > LINKS_MAX)
		return am_fail(error, "ELOOP", "%.300s: %s", link, strerror(ELOOP));
	if (am_tree_readlink(r->tree, link, target, sizeof target, error) != 0)
		return -1;
	length = strlen(target);
	if (length == 0 || length + rest + 2 > sizeof way->rest)
		return am_fail(error, "ARCHIVE_PATH", "%.300s: unusable link", link);
	memmove(way->rest + length + 1, way->rest, rest + 1);
	memcpy(way->rest, target, length);
	way->rest[length] = '/';
	if (target[0] == '/')
		way->at[0] = '\0';
	return 0;
}

static int go_up(struct way *way, struct am_error *error)
{
	char *slash = strrchr(way->at, '/');

	if (slash == NULL)
		return am_fail(error, "OUTSIDE_TREE", "a link on the way leads out of the tree");
	*slash = '\0';
	return 0;
}

/* One directory further; made if missing and if that is wanted. */
static int go_into(
	struct restore *r, struct way *way, const char *name, int make, struct am_error *error)
{
	char next[PATH_SIZE];
	struct am_tree_stat st;
	struct am_error why;

	if (strlen(way->at) + strlen(name) + 2 > sizeof next)
		return am_fail(error, "ARCHIVE_PATH", "the name is too long");
	snprintf(next, sizeof next, "%s/%s", way->at, name);
	if (am_tree_stat(r->tree, next, 0, &st, &why) != 0) {
		/* A link on the way must lead to something; a directory of the name is made. */
		if (!make || way->links > 0 || strcmp(why.code, "ENOENT") != 0) {
			if (error != NULL)
				*error = why;
			return -1;
		}
		if (am_tree_mkdir(r->tree, next, 0755, error) != 0)
			return -1;
		st.type = AM_TREE_DIR;
	}
	if (st.type == AM_TREE_LINK)
		return follow_link(r, way, next, error);
	if (st.type != AM_TREE_DIR)
		return am_fail(error, "ENOTDIR", "%.300s: %s", next, strerror(ENOTDIR));
	memcpy(way->at, next, strlen(next) + 1);
	return 0;
}

/* Where the directory `dir` of the archive is in the tree. */
int am_restore_locate_dir(struct restore *r, const char *dir, int make, struct am_error *error)
{
	struct way *way;
	int result = 0;

	if (strcmp(dir, r->dir) == 0)
		return 0;
	r->dir[0] = '\0';
	way = calloc(1, sizeof *way);
	if (way == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	snprintf(way->rest, sizeof way->rest, "%s", dir);
	while (result == 0) {
		char *start = way->rest + strspn(way->rest, "/");
		size_t length = strcspn(start, "/");
		char name[AM_TREE_NAME_MAX + 1];

		if (length == 0)
			break;
		if (length > AM_TREE_NAME_MAX) {
			result = am_fail(error, "ENAMETOOLONG", "%s", strerror(ENAMETOOLONG));
			break;
		}
		memcpy(name, start, length);
		name[length] = '\0';
		memmove(way->rest, start + length, strlen(start + length) + 1);
		if (strcmp(name, ".") == 0)
			continue;
		result = strcmp(name, "..") == 0 ? go_up(way, error)
						 : go_into(r, way, name, make, error);
	}
	if (result == 0) {
		memcpy(r->dir_at, way->at, strlen(way->at) + 1);
		snprintf(r->dir, sizeof r->dir, "%s", dir);
	}
	free(way);
	return result;
}

/* Fills r->at for `path`. */
int am_restore_locate(struct restore *r, const char *path, int make, struct am_error *error)
{
	char dir[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	size_t length = (size_t)(slash - path);

	if (strcmp(path, "/") == 0) {
		memcpy(r->at, "/", 2);
		return 0;
	}
	memcpy(dir, path, length);
	dir[length] = '\0';
	if (length == 0)
		memcpy(dir, "/", 2);
	if (am_restore_locate_dir(r, dir, make, error) != 0)
		return -1;
	if (strlen(r->dir_at) + strlen(slash) >= sizeof r->at)
		return am_fail(error, "ARCHIVE_PATH", "the name is too long");
	snprintf(r->at, sizeof r->at, "%s%s", r->dir_at, slash);
	return 0;
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

static int move_aside(struct restore *r, struct am_error *error)
{
	char aside[PATH_SIZE + 32];

	for (int i = 1; i < ASIDE_MAX; i++) {
		int there;

		if (i == 1)
			snprintf(aside, sizeof aside, "%s.altmig-old", r->at);
		else
			snprintf(aside, sizeof aside, "%s.altmig-old.%d", r->at, i);
		there = am_tree_exists(r->tree, aside, error);
		if (there < 0)
			return -1;
		if (there)
			continue;
		if (am_tree_rename(r->tree, r->at, aside, error) != 0)
			return -1;
		return note_moved(r, aside, error);
	}
	return am_fail(error, "EEXIST", "restore: %.500s: too many directories set aside", r->at);
}

/* What is at r->at: 1 and its attributes, 0 nothing, -1. */
int am_restore_look(struct restore *r, struct am_tree_stat *st, struct am_error *error)
{
	struct am_error why;

	if (am_tree_stat(r->tree, r->at, 0, st, &why) == 0)
		return 1;
	if (strcmp(why.code, "ENOENT") == 0)
		return 0;
	if (error != NULL)
		*error = why;
	return -1;
}

/* A directory gives way to something else. */
static int clear_directory(struct restore *r, struct am_error *error)
{
	struct am_error why;

	r->dir[0] = '\0';
	if (am_tree_remove(r->tree, r->at, &why) == 0)
		return 0;
	if (strcmp(why.code, "ENOTEMPTY") == 0 || strcmp(why.code, "EEXIST") == 0)
		return move_aside(r, error);
	if (error != NULL)
		*error = why;
	return -1;
}

/* Nothing is at r->at afterwards. `old`: keep a file, which a rename will replace in one step. */
static int make_room(struct restore *r, int keep_files, struct am_error *error)
{
	struct am_tree_stat st;
	int there = am_restore_look(r, &st, error);

	if (there <= 0)
		return there;
	if (st.type == AM_TREE_DIR)
		return clear_directory(r, error);
	return keep_files ? 0 : am_tree_remove(r->tree, r->at, error);
}

/* ---- members ---- */

struct am_tree_attr am_restore_attr_of(const struct am_bff_member *member)
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

int am_restore_report(struct restore *r, int always, struct am_error *error)
{
	double t;

	if (r->options == NULL || r->options->progress == NULL)
		return 0;
	t = am_clock();
	if (!always && t - r->reported < 0.1)
		return 0;
	r->reported = t;
	return r->options->progress(r->options->context, r->stats, error);
}

/* The next piece of a member's content into r->chunk, from memory when it was read before. */
static ssize_t read_data(struct restore *r, struct am_error *error)
{
	size_t n = r->held_length < CHUNK ? r->held_length : CHUNK;

	if (r->held == NULL)
		return am_bff_read(r->archive, r->chunk, CHUNK, error);
	memcpy(r->chunk, r->held, n);
	r->held += n;
	r->held_length -= n;
	return (ssize_t)n;
}

static int copy_data(struct restore *r, struct am_writer *writer, struct am_error *error)
{
	for (;;) {
		ssize_t n = read_data(r, error);

		if (n <= 0)
			return (int)n;
		if (am_writer_write(writer, r->chunk, (size_t)n, error) != 0)
			return -1;
		r->stats->bytes += (uint64_t)n;
		if (am_restore_report(r, 0, error) != 0 || am_check_cancel("restore", error) != 0)
			return -1;
	}
}

static int restore_data(
	struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	struct am_tree_attr attr = am_restore_attr_of(member);
	struct am_writer *writer;

	if (make_room(r, 1, error) != 0)
		return -1;
	writer = am_tree_create(r->tree, r->at, 0, &attr, error);
	if (writer == NULL)
		return -1;
	if (copy_data(r, writer, error) != 0) {
		am_writer_abort(writer);
		return -1;
	}
	r->stats->files++;
	return am_writer_commit(writer, error);
}

/* Another name of a file before it. Data that came twice are there for other file systems. */
static int restore_hard_link(
	struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	char first[PATH_SIZE], first_at[PATH_SIZE], at[PATH_SIZE];
	struct am_error why;

	memcpy(at, r->at, sizeof at);
	if (am_member_path(member->link, first, error) != 0 ||
		am_restore_locate(r, first, 0, error) != 0)
		return -1;
	memcpy(first_at, r->at, sizeof first_at);
	memcpy(r->at, at, sizeof at);
	if (strcmp(first_at, at) == 0)
		return 0;
	if (make_room(r, 0, error) != 0)
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
		return restore_data(r, member, error);
	if (strcmp(why.code, "ENOENT") == 0)
		return am_fail(error, "ARCHIVE_LINK",
			"its content is that of %.300s, which is not in the tree", member->link);
	r->stats->files++;
	return am_tree_copy(r->tree, first_at, r->tree, at, error);
}

static int restore_symlink(
	struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	struct am_tree_attr attr = am_restore_attr_of(member);
	char target[PATH_SIZE];
	struct am_tree_stat st;
	int there = am_restore_look(r, &st, error);

	if (there < 0)
		return -1;
	attr.set &= ~(unsigned)AM_SET_MODE;
	if (!there || st.type != AM_TREE_LINK ||
		am_tree_readlink(r->tree, r->at, target, sizeof target, NULL) != 0 ||
		strcmp(target, member->target) != 0) {
		r->dir[0] = '\0';
		if (make_room(r, 0, error) != 0 || am_restore_remember_made(r, r->at, error) != 0 ||
			am_tree_symlink(r->tree, member->target, r->at, error) != 0)
			return -1;
	}
	r->stats->links++;
	return am_tree_setattr(r->tree, r->at, 0, &attr, error);
}

/* The attributes of the directory r->path wait for its content. */
int am_restore_add_late(
	struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	struct late *late;

	if (r->late_count == r->late_capacity) {
		size_t capacity = r->late_capacity != 0 ? r->late_capacity * 2 : 256;

		late = realloc(r->late, capacity * sizeof *late);
		if (late == NULL)
			return am_fail_errno(error, ENOMEM, "restore");
		r->late = late;
		r->late_capacity = capacity;
	}
	late = &r->late[r->late_count];
	late->attr = am_restore_attr_of(member);
	late->path = strdup(r->path);
	if (late->path == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	r->late_count++;
	return 0;
}

static int restore_dir(
	struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	struct am_tree_stat st;
	int there = am_restore_look(r, &st, error);

	if (there < 0)
		return -1;
	if (there && st.type != AM_TREE_DIR) {
		r->dir[0] = '\0';
		if (am_tree_remove(r->tree, r->at, error) != 0)
			return -1;
		there = 0;
	}
	if (!there && am_tree_mkdir(r->tree, r->at, 0755, error) != 0)
		return -1;
	if (am_restore_add_late(r, member, error) != 0)
		return -1;
	r->stats->dirs++;
	return 0;
}

static int restore_device(struct restore *r, const struct am_bff_member *member,
	enum am_tree_type type, struct am_error *error)
{
	struct am_tree_attr attr = am_restore_attr_of(member);

	if (make_room(r, 0, error) != 0 ||
		am_tree_mknod(r->tree, r->at, type, attr.mode, member->rdev_major,
			member->rdev_minor, error) != 0)
		return -1;
	r->stats->devices++;
	return am_tree_setattr(r->tree, r->at, 0, &attr, error);
}

enum am_tree_type am_restore_type_of(const struct am_bff_member *member)
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

int am_restore_member(struct restore *r, const struct am_bff_member *member, struct am_error *error)
{
	enum am_tree_type type = am_restore_type_of(member);

	if (strcmp(r->path, "/") == 0 && type != AM_TREE_DIR)
		return am_fail(error, "ARCHIVE_PATH", "it would replace the root directory");
	if (am_restore_locate(r, r->path, 1, error) != 0)
		return -1;
	switch (type) {
	case AM_TREE_FILE:
		if (member->link != NULL)
			return restore_hard_link(r, member, error);
		return restore_data(r, member, error);
	case AM_TREE_DIR:
		return restore_dir(r, member, error);
	case AM_TREE_LINK:
		if (member->target == NULL || member->target[0] == '\0')
			return am_fail(error, "ARCHIVE_LINK", "symbolic link without a target");
		return restore_symlink(r, member, error);
	case AM_TREE_BLOCK:
	case AM_TREE_CHAR:
	case AM_TREE_FIFO:
	case AM_TREE_SOCKET:
		return restore_device(r, member, type, error);
	}
	return am_fail(
		error, "BFF_TYPE", "unknown file type %06" PRIo32, member->mode & AM_BFF_IFMT);
}

int am_restore_finish_dir(struct restore *r, const struct late *late, struct am_error *error)
{
	struct am_tree_stat st;
	int there;

	if (am_restore_locate(r, late->path, 0, NULL) != 0)
		return 0; /* a later member took its place */
	there = am_restore_look(r, &st, error);
	if (there <= 0 || st.type != AM_TREE_DIR)
		return there < 0 ? -1 : 0;
	return am_tree_setattr(r->tree, r->at, 0, &late->attr, error);
}

static int finish_dirs(struct restore *r, struct am_error *error)
{
	r->dir[0] = '\0';
	for (size_t i = r->late_count; i-- > 0;) {
		if (am_restore_finish_dir(r, &r->late[i], error) != 0)
			return -1;
	}
	return 0;
}

static int restore_all(struct restore *r, struct am_error *error)
{
	const struct am_bff_member *member;
	int n;

	while ((n = am_restore_next(r, &member, error)) == 1) {
		if (am_restore_report(r, 0, error) != 0)
			return -1;
		if (am_restore_member(r, member, error) != 0)
			return am_restore_member_fail("restore", member, error);
		r->stats->members++;
	}
	if (n < 0 || finish_dirs(r, error) != 0)
		return -1;
	return am_restore_report(r, 1, error);
}

/* The next member that is wanted, its path in r->path. 1, 0 at the end, -1. */
int am_restore_next(struct restore *r, const struct am_bff_member **member, struct am_error *error)
{
	int n;

	while ((n = am_bff_next(r->archive, member, error)) == 1) {
		int wanted;

		if (am_check_cancel("restore", error) != 0)
			return -1;
		if (am_member_path((*member)->name, r->path, error) != 0)
			return am_restore_member_fail("restore", *member, error);
		wanted = am_restore_selected(r->options, r->path, error);
		if (wanted > 0 && r->options != NULL && r->options->secured != NULL &&
			am_bff_secured(*member) != 0 &&
			r->options->secured(r->options->context, r->path, *member, error) != 0)
			return -1;
		if (wanted != 0)
			return wanted;
		r->stats->skipped++;
	}
	return n;
}

static void restore_free(struct restore *r)
{
	for (size_t i = 0; i < r->late_count; i++)
		free(r->late[i].path);
	for (size_t i = 0; i < r->made_capacity; i++)
		free(r->made[i]);
	free(r->late);
	free(r->made);
	free(r->chunk);
	free(r);
}

uint64_t am_restore_calls(struct am_tree *tree)
{
	uint64_t calls = 0;

	for (size_t i = 0; i < am_tree_mount_count(tree); i++)
		calls += am_tree_fs(tree, i)->calls;
	return calls;
}

int am_restore_run(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*all)(struct restore *r, struct am_error *error), struct am_error *error)
{
	struct restore *r = calloc(1, sizeof *r);
	double started = am_clock();
	uint64_t calls = am_restore_calls(tree);
	int result;

	*stats = (struct am_restore_stats){0};
	if (r == NULL)
		return am_fail_errno(error, ENOMEM, "restore");
	r->tree = tree;
	r->archive = archive;
	r->options = options;
	r->stats = stats;
	result = all(r, error);
	stats->calls = am_restore_calls(tree) - calls;
	stats->seconds = am_clock() - started;
	restore_free(r);
	return result;
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
