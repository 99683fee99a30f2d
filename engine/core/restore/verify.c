/* SPDX-License-Identifier: MIT */
/*
 * The comparison of an archive with a tree. Where the back ends can, many members are looked up and
 * read at a time; their differences are told in the order of the archive all the same. What is not
 * simple (a path through a symbolic link, a mount point, a stale handle) is compared by itself when
 * its turn comes.
 */
#include "restore/member.h"

#include "base/cancel.h"
#include "tree/pipeline.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHECKS_MAX = 512,
};

struct verify {
	struct am_tree *tree;
	struct am_bff *archive;
	const struct am_restore_options *options;
	int (*differs)(void *context, const char *path, const char *what, const char *want,
		const char *have, struct am_error *error);
	void *context;
	struct am_restore_stats *stats;
	double reported;
	char *mine, *theirs;
	/* many at a time */
	struct am_pipeline pipeline;
	struct am_budget budget;
	struct am_dirs dirs;
	struct check *first, *last;
	struct probe *ready, *last_ready;
	size_t checks, memory;
	unsigned sent;
};

/* What is known of the entry a member is compared with. */
struct have {
	const char *path;
	int there;
	struct am_tree_stat stat;
	const char *target; /* of a link */
	int differs;        /* the content */
};

/* One request. */
struct probe {
	struct am_op op; /* first */
	struct probe *next;
	struct check *check;
	struct dir *dir;
	size_t mount;
};

/* A directory of the archive. */
struct dir {
	struct am_dir base;                /* first; "" is the root */
	enum { PENDING, OPEN, ODD } state; /* ODD: what is in it is compared one by one */
	struct probe *probe;
	struct dir *parent;
	struct dir *waiting, *next_waiting; /* directories in it */
	struct check *waiting_checks;
	const char *name;
};

/* A member on its way. */
struct check {
	struct check *next, *next_waiting;
	struct verify *v;
	struct am_bff_member member;
	struct probe probe;
	struct am_handle file;
	struct have have;
	enum { WAITING, LOOKED, DONE, ALONE } state; /* LOOKED: a large file, found */
	int large;
	int held;   /* somebody waits for it: it stays */
	char *data; /* of the member, then as much room for what is there; or of a link */
	size_t memory;
	char *path; /* then the other texts */
};

static int no_memory(struct am_error *error)
{
	return am_fail_errno(error, ENOMEM, "verify");
}

/* ---- what differs ---- */

static int differ(struct verify *v, const struct have *have, const char *what, const char *want,
	const char *is, struct am_error *error)
{
	return v->differs(v->context, have->path, what, want, is, error);
}

static int compare_number(struct verify *v, const struct have *have, const char *what,
	const char *format, uint64_t want, uint64_t is, struct am_error *error)
{
	char a[32], b[32];

	if (want == is)
		return 0;
	if (*format == 'o') {
		snprintf(a, sizeof a, "%04" PRIo64, want);
		snprintf(b, sizeof b, "%04" PRIo64, is);
	} else {
		snprintf(a, sizeof a, "%" PRIu64, want);
		snprintf(b, sizeof b, "%" PRIu64, is);
	}
	return differ(v, have, what, a, b, error);
}

static int compare_device(struct verify *v, const struct am_bff_member *member,
	const struct have *have, struct am_error *error)
{
	const struct am_tree_stat *st = &have->stat;
	char want[32], is[32];

	if (st->type != AM_TREE_BLOCK && st->type != AM_TREE_CHAR)
		return 0;
	if (member->rdev_major == st->rdev_major && member->rdev_minor == st->rdev_minor)
		return 0;
	snprintf(want, sizeof want, "%" PRIu32 ",%" PRIu32, member->rdev_major, member->rdev_minor);
	snprintf(is, sizeof is, "%" PRIu32 ",%" PRIu32, st->rdev_major, st->rdev_minor);
	return differ(v, have, "device", want, is, error);
}

/* Content counts: of files whose size is right, once under each of their names with data. */
static int has_content(const struct am_bff_member *member, const struct am_tree_stat *st)
{
	return am_member_type(member) == AM_TREE_FILE && st->type == AM_TREE_FILE &&
	       (uint64_t)member->size == st->size && member->size > 0 &&
	       (member->link == NULL || member->stored_size > 0);
}

/* Tells what differs. */
static int compare(struct verify *v, const struct am_bff_member *member, const struct have *have,
	struct am_error *error)
{
	enum am_tree_type type = am_member_type(member);
	const struct am_tree_stat *st = &have->stat;

	if (!have->there)
		return differ(v, have, "missing", am_tree_type_name(type), "", error);
	if (st->type != type)
		return differ(v, have, "type", am_tree_type_name(type), am_tree_type_name(st->type),
			error);
	if (type != AM_TREE_LINK &&
		compare_number(v, have, "mode", "o", member->mode & 07777, st->mode, error) != 0)
		return -1;
	if (compare_number(v, have, "uid", "d", member->uid, st->uid, error) != 0 ||
		compare_number(v, have, "gid", "d", member->gid, st->gid, error) != 0)
		return -1;
	if (v->options != NULL && v->options->times && type == AM_TREE_FILE &&
		compare_number(v, have, "mtime", "d", member->mtime, (uint64_t)st->mtime.seconds,
			error) != 0)
		return -1;
	switch (type) {
	case AM_TREE_FILE:
		if ((uint64_t)member->size != st->size)
			return compare_number(
				v, have, "size", "d", (uint64_t)member->size, st->size, error);
		return have->differs ? differ(v, have, "content", "", "", error) : 0;
	case AM_TREE_LINK:
		if (member->target != NULL && strcmp(member->target, have->target) != 0)
			return differ(v, have, "target", member->target, have->target, error);
		return 0;
	default:
		return compare_device(v, member, have, error);
	}
}

/* Counts the member, and tells how far the comparison is. */
static int compared(struct verify *v, const struct am_bff_member *member, struct am_error *error)
{
	v->stats->members++;
	if (am_member_type(member) == AM_TREE_FILE) {
		v->stats->files++;
		v->stats->bytes += (uint64_t)member->size;
	}
	return am_restore_progress(v->options, v->stats, &v->reported, 0, error);
}

/* ---- one at a time ---- */

/* The next bytes of the member: from `held` when they were read already. */
static ssize_t read_mine(struct verify *v, const char **held, size_t *left, struct am_error *error)
{
	size_t n = *left < CHUNK ? *left : CHUNK;

	if (*held == NULL)
		return am_bff_read(v->archive, v->mine, CHUNK, error);
	memcpy(v->mine, *held, n);
	*held += n;
	*left -= n;
	return (ssize_t)n;
}

/* 1: the same, 0: not, -1. */
static int same_content(
	struct verify *v, const char *path, const char *held, size_t left, struct am_error *error)
{
	struct am_reader *reader = am_tree_open(v->tree, path, error);
	struct am_error why;
	int same = 1;

	if (reader == NULL)
		return -1;
	while (same == 1) {
		ssize_t n = read_mine(v, &held, &left, error);

		if (n <= 0) {
			same = n < 0 ? -1 : 1;
			break;
		}
		if (am_check_cancel("verify", error) != 0) {
			same = -1;
		} else if (am_read_exact(reader, v->theirs, (size_t)n, &why) != 0) {
			same = strcmp(why.code, "TRUNCATED") == 0 ? 0 : -1;
			if (same < 0 && error != NULL)
				*error = why;
		} else {
			same = memcmp(v->mine, v->theirs, (size_t)n) == 0;
		}
	}
	am_reader_close(reader);
	return same;
}

/* `held`: its content, or NULL when it is next in the archive. */
static int verify_alone(struct verify *v, const struct am_bff_member *member, const char *path,
	const char *held, struct am_error *error)
{
	char target[PATH_SIZE] = "";
	struct have have = {.path = path, .target = target};
	struct am_error why;
	int same = 1;

	if (am_tree_stat(v->tree, path, 0, &have.stat, &why) == 0) {
		have.there = 1;
	} else if (strcmp(why.code, "ENOENT") != 0 && strcmp(why.code, "ENOTDIR") != 0) {
		if (error != NULL)
			*error = why;
		return -1;
	}
	if (have.there && has_content(member, &have.stat))
		same = same_content(v, path, held, (size_t)member->size, error);
	else if (have.there && have.stat.type == AM_TREE_LINK)
		same = am_tree_readlink(v->tree, path, target, sizeof target, error) == 0 ? 1 : -1;
	if (same < 0)
		return -1;
	have.differs = !same;
	return compare(v, member, &have, error);
}

static int verify_all(struct verify *v,
	int (*one)(struct verify *v, const struct am_bff_member *member, const char *path,
		struct am_error *error),
	struct am_error *error)
{
	const struct am_bff_member *member;
	char path[PATH_SIZE];
	int n;

	while ((n = am_bff_next(v->archive, &member, error)) == 1) {
		int wanted;

		if (am_check_cancel("verify", error) != 0)
			return -1;
		if (am_member_path(member->name, path, error) != 0)
			return am_member_fail("verify", member, error);
		wanted = am_member_selected(v->options, path, error);
		if (wanted < 0 || (wanted && one(v, member, path, error) != 0))
			return -1;
	}
	return n;
}

static int one_by_one(struct verify *v, const struct am_bff_member *member, const char *path,
	struct am_error *error)
{
	return verify_alone(v, member, path, NULL, error) != 0 ? -1 : compared(v, member, error);
}

/* ---- requests ---- */

static void make_ready(struct verify *v, struct probe *probe)
{
	probe->next = NULL;
	if (v->last_ready != NULL)
		v->last_ready->next = probe;
	else
		v->ready = probe;
	v->last_ready = probe;
}

static int start_ready(struct verify *v, struct am_error *error)
{
	while (v->ready != NULL && !am_pipeline_full(&v->pipeline)) {
		struct probe *probe = v->ready;

		v->ready = probe->next;
		if (v->ready == NULL)
			v->last_ready = NULL;
		if (am_pipeline_start(
			    &v->pipeline, v->pipeline.fs[probe->mount], &probe->op, error) != 0)
			return -1;
	}
	return 0;
}

/* Right after the answer before it, whatever else is waiting. */
static int go_on(struct check *check, enum am_op_kind kind, char *into, size_t length,
	struct am_error *error)
{
	struct verify *v = check->v;
	struct am_op *op = &check->probe.op;

	op->kind = kind;
	op->into = into;
	op->length = length;
	return am_pipeline_start(&v->pipeline, v->pipeline.fs[check->probe.mount], op, error);
}

static int found(struct check *check, struct am_error *error)
{
	const struct am_bff_member *member = &check->member;
	struct have *have = &check->have;

	have->there = 1;
	have->stat = check->probe.op.stat;
	if (have->stat.type == AM_TREE_LINK && am_member_type(member) == AM_TREE_LINK) {
		check->data = malloc(PATH_SIZE);
		have->target = check->data;
		return check->data != NULL
			       ? go_on(check, AM_OP_TARGET, check->data, PATH_SIZE, error)
			       : no_memory(error);
	}
	if (has_content(member, &have->stat)) {
		if (check->large) {
			check->state = LOOKED;
			return 0;
		}
		return go_on(
			check, AM_OP_READ, check->data + member->size, (size_t)member->size, error);
	}
	check->state = DONE;
	return 0;
}

static int check_over(struct am_op *op, struct am_error *error)
{
	struct check *check = ((struct probe *)op)->check;

	if (op->outcome != AM_OP_DONE) {
		int missing = op->kind == AM_OP_LOOK && op->outcome == AM_OP_FAILED &&
			      strcmp(op->error.code, "ENOENT") == 0;

		check->state = missing ? DONE : ALONE;
		return 0;
	}
	if (op->kind == AM_OP_LOOK)
		return found(check, error);
	if (op->kind == AM_OP_READ) {
		size_t size = (size_t)check->member.size;

		check->have.differs =
			op->got < size || memcmp(check->data, check->data + size, size) != 0;
	}
	check->state = DONE;
	return 0;
}

static void look_in(struct check *check, const struct dir *dir)
{
	if (dir->state == ODD) {
		check->state = ALONE;
		return;
	}
	check->probe.op.dir = dir->base.node;
	check->probe.mount = dir->base.mount;
	make_ready(check->v, &check->probe);
}

/* ---- directories ---- */

static void look_for(struct verify *v, struct dir *dir);

/* What waited for the directory goes on. */
static void wake_waiting(struct verify *v, struct dir *dir)
{
	while (dir->waiting != NULL) {
		struct dir *below = dir->waiting;

		dir->waiting = below->next_waiting;
		look_for(v, below);
	}
	while (dir->waiting_checks != NULL) {
		struct check *check = dir->waiting_checks;

		dir->waiting_checks = check->next_waiting;
		look_in(check, dir);
	}
}

static int dir_over(struct am_op *op, struct am_error *error)
{
	struct probe *probe = (struct probe *)op;
	struct dir *dir = probe->dir;
	struct verify *v = op->owner;

	dir->state = ODD;
	if (op->outcome == AM_OP_DONE && op->stat.type == AM_TREE_DIR) {
		dir->base.node = dir->parent->base.node->fs->ops->child(
			dir->parent->base.node, dir->name, op->file, error);
		if (dir->base.node == NULL)
			return -1;
		dir->state = OPEN;
	}
	dir->probe = NULL;
	free(op->file);
	free(probe);
	wake_waiting(v, dir);
	return 0;
}

/* Its parent is known. */
static void look_for(struct verify *v, struct dir *dir)
{
	struct probe *probe = calloc(1, sizeof *probe);
	struct am_handle *file = calloc(1, sizeof *file);

	if (dir->parent->state == ODD || probe == NULL || file == NULL) {
		free(probe);
		free(file);
		dir->state = ODD; /* without memory requests one at a time will say so */
		wake_waiting(v, dir);
		return;
	}
	probe->op.kind = AM_OP_LOOK;
	probe->op.dir = dir->parent->base.node;
	probe->op.name = dir->name;
	probe->op.file = file;
	probe->op.over = dir_over;
	probe->op.owner = v;
	probe->dir = dir;
	probe->mount = dir->base.mount = dir->parent->base.mount;
	dir->probe = probe;
	make_ready(v, probe);
}

/* The directory of the first `length` bytes of `path`; "" is the root. */
static struct dir *dir_for(
	struct verify *v, const char *path, size_t length, struct am_error *error)
{
	struct dir *dir = am_dirs_find(&v->dirs, path, length);
	size_t mount, up = length;

	if (dir != NULL)
		return dir;
	dir = am_dirs_add(&v->dirs, sizeof *dir, path, length, NULL, error);
	if (dir == NULL)
		return NULL;
	mount = am_tree_mount_at(v->tree, dir->base.path);
	if (mount != (size_t)-1) {
		dir->base.mount = mount;
		dir->base.node = v->pipeline.fs[mount]->ops->root(v->pipeline.fs[mount], error);
		dir->state = OPEN;
		return dir->base.node != NULL ? dir : NULL;
	}
	while (path[up - 1] != '/')
		up--;
	dir->name = dir->base.path + up;
	dir->parent = dir_for(v, path, up - 1, error);
	if (dir->parent == NULL)
		return NULL;
	if (dir->parent->state == PENDING) {
		dir->next_waiting = dir->parent->waiting;
		dir->parent->waiting = dir;
	} else {
		look_for(v, dir);
	}
	return dir;
}

/* Lets go what was asked of a directory, and the directory. */
static int is_over(const struct am_dir *base)
{
	const struct dir *dir = (const struct dir *)base;

	if (dir->probe != NULL)
		free(dir->probe->op.file);
	free(dir->probe);
	return 1;
}

/* ---- members on their way ---- */

static void free_check(struct verify *v, struct check *check)
{
	v->checks--;
	v->memory -= check->memory;
	free(check->data);
	free(check->path);
	free(check);
}

/* Copies a text behind the others. */
static const char *keep(char **to, const char *text)
{
	char *start = *to;
	size_t length;

	if (text == NULL)
		return NULL;
	length = strlen(text) + 1;
	memcpy(start, text, length);
	*to += length;
	return start;
}

static size_t room_for(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

static struct check *new_check(struct verify *v, const struct am_bff_member *member,
	const char *path, struct am_error *error)
{
	struct check *check = calloc(1, sizeof *check);
	char *text = malloc(room_for(path) + room_for(member->name) + room_for(member->target) +
			    room_for(member->link));

	if (check == NULL || text == NULL) {
		free(check);
		free(text);
		no_memory(error);
		return NULL;
	}
	check->v = v;
	check->path = text;
	check->have.path = keep(&text, path);
	check->member = *member;
	check->member.name = keep(&text, member->name);
	check->member.target = keep(&text, member->target);
	check->member.link = keep(&text, member->link);
	check->member.acl = check->member.pcl = NULL;
	check->probe.check = check;
	check->probe.op.kind = AM_OP_LOOK;
	check->probe.op.name = strrchr(check->path, '/') + 1;
	check->probe.op.file = &check->file;
	check->probe.op.over = check_over;
	check->large = check->held =
		am_member_type(member) == AM_TREE_FILE && member->size > AM_PIPELINE_SMALL;
	if (v->last != NULL)
		v->last->next = check;
	else
		v->first = check;
	v->last = check;
	v->checks++;
	return check;
}

/* The content of a small file, if it is in the archive. */
static int read_small(struct verify *v, struct check *check, struct am_error *error)
{
	const struct am_bff_member *member = &check->member;
	size_t size = (size_t)member->size, used = 0;

	if (am_member_type(member) != AM_TREE_FILE || size == 0 || check->large ||
		(member->link != NULL && member->stored_size == 0))
		return 0;
	check->data = malloc(2 * size);
	if (check->data == NULL)
		return no_memory(error);
	check->memory = 2 * size;
	v->memory += check->memory;
	while (used < size) {
		ssize_t n = am_bff_read(v->archive, check->data + used, size - used, error);

		if (n < 0)
			return -1;
		if (n == 0) {
			am_fail(error, "TRUNCATED", "its content ends early");
			return am_member_fail("verify", member, error);
		}
		used += (size_t)n;
	}
	return 0;
}

/* Tells of those at the front that are done. */
static int tell(struct verify *v, struct am_error *error)
{
	while (v->first != NULL) {
		struct check *check = v->first;
		int is_alone = check->state == ALONE && !check->large;
		int r;

		if (check->held || (check->state != DONE && !is_alone))
			return 0;
		if (check->state == DONE) {
			r = compare(v, &check->member, &check->have, error);
		} else {
			r = verify_alone(v, &check->member, check->path, check->data, error);
		}
		if (r != 0 || compared(v, &check->member, error) != 0)
			return -1;
		v->first = check->next;
		if (v->first == NULL)
			v->last = NULL;
		free_check(v, check);
	}
	return 0;
}

static int poll_once(struct verify *v, int wait_ms, struct am_error *error)
{
	if (am_check_cancel("verify", error) != 0 || start_ready(v, error) != 0 ||
		am_pipeline_poll(&v->pipeline, v->pipeline.active > 0 ? wait_ms : 0, error) != 0)
		return -1;
	return tell(v, error);
}

/* ---- large files ---- */

/* Compares what was fetched with as much of the member. 1, 0, -1. */
static int same_piece(struct verify *v, const char *data, size_t length, struct am_error *error)
{
	while (length > 0) {
		ssize_t n =
			am_bff_read(v->archive, v->mine, length < CHUNK ? length : CHUNK, error);

		if (n <= 0)
			return n < 0 ? -1 : 0;
		if (memcmp(v->mine, data, (size_t)n) != 0)
			return 0;
		data += n;
		length -= (size_t)n;
	}
	return 1;
}

/* Reads ahead of the comparison. */
static int compare_fetched(
	struct verify *v, struct check *check, struct am_fetch *fetch, struct am_error *error)
{
	uint64_t left = (uint64_t)check->member.size;

	while (left > 0) {
		const char *data;
		size_t length;
		int r, same;

		if (am_fetch_ask(fetch, 1, error) < 0)
			return -1;
		r = am_fetch_look(fetch, &data, &length);
		if (r == 0) {
			if (poll_once(v, 100, error) != 0)
				return -1;
			continue;
		}
		if (r < 0 && fetch->op.outcome == AM_OP_ODD &&
			left == (uint64_t)check->member.size) {
			/* stale, but found again by its name */
			same = same_content(v, check->path, NULL, 0, error);
			check->have.differs = same == 0;
			check->state = DONE;
			return same < 0 ? -1 : 0;
		}
		if (r < 0) {
			struct am_op op = fetch->op;

			if (op.outcome == AM_OP_ODD)
				am_fail(&op.error, am_errno_name(ESTALE), "%s", strerror(ESTALE));
			op.operation = "read";
			return am_pipeline_fail(
				v->tree, check->probe.mount, check->path, &op, error);
		}
		if (r == 2)
			break;
		if (length > left)
			length = (size_t)left;
		same = same_piece(v, data, length, error);
		if (same < 0)
			return -1;
		if (!same)
			break;
		left -= length;
		am_fetch_pop(fetch);
	}
	check->have.differs = left > 0;
	check->state = DONE;
	return 0;
}

static int verify_large(struct verify *v, struct check *check, struct am_error *error)
{
	struct am_fetch *fetch;
	int r;

	while (check->state == WAITING || (check->state == ALONE && check != v->first)) {
		if (poll_once(v, 100, error) != 0)
			return -1;
	}
	if (check->state == ALONE) {
		if (verify_alone(v, &check->member, check->path, NULL, error) != 0 ||
			compared(v, &check->member, error) != 0)
			return -1;
		v->first = v->last = NULL; /* it was the last one read */
		free_check(v, check);
		return 0;
	}
	check->held = 0;
	if (check->state == DONE)
		return 0;
	fetch = am_fetch_open(&v->pipeline, &v->budget, v->pipeline.fs[check->probe.mount],
		&check->file, (uint64_t)check->member.size, error);
	if (fetch == NULL)
		return -1;
	r = compare_fetched(v, check, fetch, error);
	am_fetch_close(fetch);
	return r;
}

/* ---- all of it ---- */

static int send_member(struct verify *v, const struct am_bff_member *member, const char *path,
	struct am_error *error)
{
	struct check *check = new_check(v, member, path, error);
	struct dir *dir;

	if (check == NULL || read_small(v, check, error) != 0)
		return -1;
	if (am_tree_mount_at(v->tree, path) != (size_t)-1 || strcmp(path, "/") == 0) {
		check->state = ALONE;
	} else {
		dir = dir_for(v, path, (size_t)(strrchr(path, '/') - path), error);
		if (dir == NULL)
			return -1;
		if (dir->state == PENDING) {
			check->next_waiting = dir->waiting_checks;
			dir->waiting_checks = check;
		} else {
			look_in(check, dir);
		}
	}
	if (check->large && verify_large(v, check, error) != 0)
		return -1;
	if (am_pipeline_due(++v->sent) && poll_once(v, 0, error) != 0)
		return -1;
	while (v->checks >= CHECKS_MAX || v->memory >= AM_PIPELINE_MEMORY) {
		if (poll_once(v, 100, error) != 0)
			return -1;
	}
	return 0;
}

static int verify_many(struct verify *v, struct am_error *error)
{
	if (verify_all(v, send_member, error) != 0)
		return -1;
	while (v->first != NULL) {
		if (poll_once(v, 100, error) != 0)
			return -1;
	}
	return 0;
}

int am_restore_verify(struct am_tree *tree, struct am_bff *archive,
	const struct am_restore_options *options, struct am_restore_stats *stats,
	int (*differs)(void *context, const char *path, const char *what, const char *want,
		const char *have, struct am_error *error),
	void *context, struct am_error *error)
{
	struct verify *v = calloc(1, sizeof *v);
	double started = am_clock();
	uint64_t before = am_restore_requests(tree);
	int r = -1;

	*stats = (struct am_restore_stats){0};
	if (v == NULL)
		return no_memory(error);
	v->stats = stats;
	v->tree = tree;
	v->archive = archive;
	v->options = options;
	v->differs = differs;
	v->context = context;
	v->budget.most = AM_PIPELINE_MEMORY;
	v->mine = malloc(CHUNK);
	v->theirs = malloc(CHUNK);
	if (v->mine == NULL || v->theirs == NULL) {
		no_memory(error);
	} else if (am_pipeline_can(tree)) {
		am_pipeline_open(&v->pipeline, "verify", tree, NULL);
		r = verify_many(v, error);
		am_pipeline_close(&v->pipeline);
	} else {
		r = verify_all(v, one_by_one, error);
	}
	stats->requests = am_restore_requests(tree) - before;
	stats->seconds = am_clock() - started;
	if (r == 0)
		r = am_restore_progress(options, stats, &v->reported, 1, error);
	while (v->first != NULL) {
		struct check *check = v->first;

		v->first = check->next;
		free_check(v, check);
	}
	am_dirs_drop(&v->dirs, is_over);
	am_dirs_free(&v->dirs);
	free(v->mine);
	free(v->theirs);
	free(v);
	return r;
}
